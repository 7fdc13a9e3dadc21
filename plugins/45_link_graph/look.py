"""The first look at a site, before anything is crawled: does it answer, what does
it ask of robots, how many pages does it name? It costs a handful of requests."""
import statistics
from . import read, sitemaps, urls
from .crawler import Crawl, moved

most_files, most_bytes = 5, 5 << 20

async def look(starts, how='links', agent='', timeout=15, **way):
    "{'answers', 'leads_to', 'title', 'links', 'ms', 'robots', 'sitemap_pages', 'delay', 'wrong'}: what a look at the first address tells"
    import aiohttp
    c = Crawl(':memory:', {'starts': starts, **({'agent': agent} if agent else {}), 'timeout': timeout, 'unverified': 'to look'}, **way)
    c.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=c.careful()), cookie_jar=aiohttp.DummyCookieJar(),
                                   headers={'User-Agent': c.asked['agent'], 'Accept-Encoding': 'gzip, deflate'},
                                   timeout=aiohttp.ClientTimeout(total=timeout))
    try:
        from yarl import URL
        said, url, spent = {'wrong': ''}, starts[0], []
        rules = await c.rules(url)
        said['robots'] = 'allows it' if rules.may(url)[0] else f'forbids it ({rules.may(url)[1]})'
        said['delay'] = rules.delay
        for _ in range(6):
            got = await c.get_once(url, most=most_bytes)
            spent.append(got['ms'] or 0)
            if why := c.unverified.get(urls.origin(url)): said['certificate'] = f'The certificate of {urls.host(url)[0]} cannot be verified ({why}).'
            if got['status'] not in moved or not got['headers'].get('location'): break
            url = urls.join(URL(url), got['headers']['location']) or url
        said |= {'answers': got['status'] or got['error'], 'ms': round(statistics.median(spent)), 'title': None, 'links': 0,
                 'sitemap_pages': 0, 'leads_to': url if url != starts[0] else ''}
        if not got['status']: said['wrong'] = sorry(got['error'], url)
        elif got['body'] and how != 'sitemap':
            p = read.read(read.decode(got['body'], got['charset'])[0], url, got['headers'])
            said |= {'title': p.row['title'], 'links': len({l[1] for l in p.links if l[0] == 'a' and c.site.has(l[1])})}
        todo, seen = [starts[0]] if how == 'sitemap' else [] if how == 'list' else rules.sitemaps or [urls.origin(url) + '/sitemap.xml'], 0
        while todo and seen < most_files:
            got, seen = await c.get_once(todo.pop(0), most=most_bytes, whole='any'), seen+1
            if got['status'] != 200 or not got['body']: continue
            found = sitemaps.read(got['body'])
            if found['kind'] == 'index':
                todo += [l for l, _, _ in found['urls']]
                said['sitemaps'] = len(found['urls'])
            else: said['sitemap_pages'] += len(found['urls'])
        if todo: said['sitemap_pages'] = round(said['sitemap_pages'] * said.get('sitemaps', seen) / max(1, seen-1))
        return said
    finally:
        await c.http.close()
        c.close()

def said(seen):
    "What was seen, as a sentence or two"
    if seen.get('wrong'): return seen['wrong']
    about = (f"“{seen['title'][:80]}” answers {seen['answers']}" if seen.get('title') else f"It answers {seen['answers']}",
             f"in {seen['ms']} ms", f"with {seen['links']:,} links into the site" if seen.get('links') else '')
    leads = f", and leads to {seen['leads_to']}" if seen.get('leads_to') else ''
    many = (f"sitemaps name {'about ' if seen.get('sitemaps', 0) > most_files else ''}{seen['sitemap_pages']:,} pages"
            if seen.get('sitemap_pages') else 'no sitemap was found')
    certificate = f" {seen['certificate']} Say “unverified” in the next step to crawl it all the same." if seen.get('certificate') else ''
    return ' '.join(x for x in about if x) + f"{leads}; {many}; robots.txt {seen['robots']}.{certificate}"

def sorry(error, url):
    "An error's one word as a sentence"
    name = urls.host(url)[0]
    return {'dns': f'No host is called {name}.', 'refused': f'{name} refuses the connection.', 'timeout': f'{name} did not answer in time.',
            'tls': f'The certificate of {name} is not valid.', 'proxy': 'The proxy in the settings does not let it through.',
            'private': f'{name} is an address of this machine or network that was not typed.',
            'broken': f'{name} answers something that is not HTTP.', 'too_large': 'It is too large.', 'location': 'It leads nowhere.',
            'address': f'{url[:100]} is no address.'}.get(error, str(error))

def estimate(seen, pages, speed, local):
    "(how many pages it may be, how many seconds that takes, a sentence): from the sitemap, or from nothing but the limit"
    from .crawler import usual_speed
    named = seen.get('sitemap_pages') or 0
    many = min(pages, max(named, seen.get('links', 0) + 1)) if named else pages
    rate = speed or (150 if local else usual_speed)
    if seen.get('delay'): rate = min(rate, 1/seen['delay'])
    seconds = many / rate
    long = f'{seconds:.0f} seconds' if seconds < 100 else f'{seconds/60:.0f} minutes' if seconds < 6000 else f'{seconds/3600:.1f} hours'
    return (many, seconds,
            f"{'About' if named else 'At most'} {many:,} pages, {'about' if named else 'at most'} {long} at {rate:.3g} a second"
            + (f"; robots.txt asks for {seen['delay']:g} s between two" if seen.get('delay') else '')
            + ('' if named else '; no sitemap says how many there are') + '.')
