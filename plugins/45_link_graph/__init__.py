"Link graph: a site is crawled, drawn and examined: every page, every link, what is wrong and why it matters."
import asyncio, json, os, re, sqlite3, time
from contextlib import closing
from typing import Literal, Optional
from pianola import File, Flow, Link, Long, P, Page, Range, Refused, Secret, Url, act, action, ask, item, kv, log, own_folder, put, say
from . import look as first, panel, schema, urls, view

class Settings:
    comments: bool = True           # the model says a sentence when something happens in a crawl
    botify_token: Secret = ''       # of the account page of Botify
    botify_api: Url = 'https://api.botify.com/v1'

flow = Flow()
page = Page()
hows = {'follow its links': 'links', 'read its sitemap': 'sitemap', 'only these addresses': 'list', 'take exports of Screaming Frog': 'screaming_frog', 'take the output of advertools': 'advertools', 'take a project of Botify': 'botify'}

def file(number): return own_folder()/f'{int(number)}.sqlite'

# the steps

@flow.step(button='Look at it')
def site(url: Url = '', how: Literal[tuple(hows)] = 'follow its links', addresses: Long = '', table: File = '', second: File = ''):
    """Which site shall be crawled?
    The address it starts from, or that of a sitemap; or a list of addresses, one a line or in a table. It is looked at first, with a handful of requests. What another crawler has seen comes in as tables (of Screaming Frog: Internal, and All Inlinks as the second). Of Botify the address is that of the project; its newest analysis is taken, with the token in the settings."""
    starts, wrong, kind = [], [], hows[how]
    if kind in ('screaming_frog', 'advertools'):
        if not table: raise Refused('no table is given', f'give the file that {how.rpartition(" of ")[2]} wrote')
        return {'look': f'{table.name} is read when it is its turn.', 'starts': [], 'kind': kind, 'seen': {}, 'not_addresses': []}
    if kind == 'botify':
        from . import botify
        try: there = asyncio.run(botify.look(Settings.botify_token or '', url, Settings.botify_api))
        except ValueError as e: raise Refused(str(e)) from None
        return {'look': f"{there['user']}/{there['project']} at Botify has {len(there['analyses'])} analyses; the newest, {there['analyses'][0]}, is taken.", 'starts': [], 'kind': kind, 'seen': {'project': url, 'analysis': there['analyses'][0]}, 'not_addresses': []}
    for line in ([url] if url and kind != 'list' else []) + [l for l in addresses.splitlines() if l.strip()]:
        try: starts.append(urls.address(line))
        except ValueError as e: wrong.append(str(e))
    if table:
        from . import imports
        good, bad = imports.addresses(table.path)
        starts, wrong = starts + good, wrong + [f'{line}: {why}' for line, why in bad]
    if not starts: raise Refused(wrong[0] if wrong else 'no address is named', 'give one, like https://example.com' if kind != 'list' else 'write some, one a line')
    seen = asyncio.run(first.look(starts := list(dict.fromkeys(starts)), kind))
    return {'look': first.said(seen), 'starts': starts, 'kind': kind, 'seen': seen, 'not_addresses': wrong[:100]}

@flow.step(button='Next')
def how_far(starts, seen, pages: Range(1, 5_000_000) = 10_000, depth: Optional[int] = None, subdomains: bool = False, include: Long = '', exclude: Long = '', speed: float = 0, agent: str = '', robots: bool = True,
            javascript: bool = False, images: bool = True, external: bool = False, visitors: File = ''):
    """How far shall it go?
    Include and exclude: parts of addresses, one a line, with * for anything. Speed: requests a second to one host; 0 is 5 a second, and on this machine as fast as it answers. Robots: do as robots.txt says. JavaScript: read each page a second time in a browser. Images: ask for images, styles and scripts too. External: ask other sites whether the pages exist that are linked to. Visitors: a table of Search Console or of analytics, joined by address."""
    if not 0 <= speed <= 1000: raise Refused(f'{speed:g} requests a second is no speed', 'say a number from 0 to 1000')
    if not starts: return {'estimate': f"At most {pages:,} pages and 1,000,000 links are exported, deepest last." if seen else 'It comes from a table: nothing is asked for.', 'asked': {'pages': pages} if seen else {}}
    local = all(urls.private(urls.host(u)[0]) or urls.host(u)[0] == 'localhost' for u in starts)
    many, seconds, said = first.estimate(seen, pages, speed, local)
    return {'estimate': said, 'asked': dict(pages=pages, depth=depth, subdomains=subdomains, include=include, exclude=exclude, speed=speed, obey=robots, javascript=javascript, resources=images, external=external, **({'agent': agent.strip()} if agent.strip() else {}))}

@flow.step(runs='process', button='Crawl', retries=3)
def crawl(job, starts, kind, asked, table, second, seen):
    """Crawl it
    In a process of its own, which goes on when this page or Pianola is closed, and goes on where it was when it is killed."""
    if kind in ('screaming_frog', 'advertools'):
        from . import imports
        with closing(schema.open(file(job.id), fresh=True)) as db: return {'crawled': job.id, 'counts': getattr(imports, kind)(db, *[f.path for f in (table, second) if f])}
    if kind == 'botify':
        from . import botify
        with closing(schema.open(file(job.id), fresh=True)) as db, closing(schema.open(own_folder()/'botify.sqlite', fresh=True)) as ledger:
            try: return {'crawled': job.id, 'counts': asyncio.run(botify.fetch(db, Settings.botify_token or '', seen['project'], own_folder()/f'botify-{job.id}', seen['analysis'], at=Settings.botify_api, tell=job.progress, ledger=ledger, by=job.id, most_pages=asked['pages']))}
            except ValueError as e: raise Refused(str(e)) from None
    from .crawler import Crawl
    if hasattr(os, 'nice'): os.nice(5)                      # whoever talks meanwhile comes first
    c = Crawl(file(job.id), {'starts': starts, 'how': kind, **asked}, tell=lambda done, total, text: job.cancelled or job.progress(done, total, text), stopped=lambda: job.cancelled)
    state = asyncio.run(c.run())
    if state == 'paused': job.check()
    counts = {'pages': c.fetched, 'links': c.count('select count(*) from link'), 'answer with an error': sum(n for s, n in c.statuses.items() if s >= 400), 'do not answer': c.statuses[0], 'blocked by robots.txt': c.count("select count(*) from page where state='blocked'"), 'other sites': c.count('select count(*) from page where not internal'), 'ended': state}
    c.close()
    return {'crawled': job.id, 'counts': counts}

@flow.step(auto=True, runs='process', button='Examine')
def examine(job, crawled, visitors):
    "What is wrong"
    from . import compare, findings, graph, imports
    out = {}
    with closing(schema.open(file(crawled))) as db:
        job.progress(0, 100, 'computing the graph')
        graph.finish(db)
        if visitors: out['visitors'] = imports.search(db, visitors.path)['text']
        findings.find(db, tell=lambda done, total, what: job.progress(done + 1, total + 1, what))
        out |= {'kinds': findings.summary(db)}
    if old := compare.before(file(crawled)): out = {'since_the_crawl_before': compare.compare(old, file(crawled))['text'], **out}
    return out

@flow.step(auto=True, runs='process', button='Draw')
def draw(job, crawled):
    "The X-ray"
    from . import layout, xray
    with closing(schema.open(file(crawled))) as db:
        job.progress(0, 2, 'laying out')
        layout.layout(db)
        job.progress(1, 2, 'drawing')
        xray.xray(db, out := own_folder()/f'{crawled}.png')
        view.draw(db)
        return out.read_bytes()

@flow.step(runs='process', button='Export')
def export(job, crawled, tables: Literal['CSV', 'CSV, compressed', 'Parquet', 'none'] = 'CSV', fields: Long = '', workbook: bool = False, gephi: bool = False, database: bool = True, picture: bool = True):
    """What shall be taken along?
    `tables`: pages, edges and findings; `fields`: only these of the pages, with commas between. `workbook`: the findings as XLSX, with why and how to fix. `gephi`: the graph as GEXF. `database`: the crawl as one SQLite file, as datasette and duckdb open it. `picture`: the X-ray."""
    import shutil
    from . import exports
    folder = own_folder()/f'export-{crawled}'             # copied to where results are kept, and made anew each time
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    db, out = schema.open(file(crawled)), {}
    try:
        if tables != 'none':
            try: wanted = exports.choose(db, 'pages', fields)
            except ValueError as e: raise Refused(str(e)) from None
            form = {'CSV': '.csv', 'CSV, compressed': '.csv.gz', 'Parquet': '.parquet'}[tables]
            for name in exports.whats: out[name] = exports.write(db, name, folder/f'{name}{form}', wanted if name == 'pages' else None)
        if workbook: out['workbook'] = exports.write(db, 'findings', folder/'findings.xlsx')
        if gephi: out['graph'] = exports.write(db, 'graph', folder/'graph.gexf')
        if database:
            db.execute('vacuum into ?', (str(folder/'crawl.sqlite'),))
            out['crawl'] = folder/'crawl.sqlite'
        if picture and (own_folder()/f'{crawled}.png').exists(): out['xray'] = shutil.copyfile(own_folder()/f'{crawled}.png', folder/'xray.png')
        return out
    finally: db.close()

# what is seen beside the steps

seen = {'drawn': False, 'tail': None, 'heard': {}}

async def steps(run=None):
    "A run as the key `show` tells it, by default the one looked at last; looking leaves no line in the log"
    return (await act('link_graph.show', {'run': run} if run else {}, by='user')).result
async def current():
    "The number of the crawl in the run that was looked at last; None while it has none"
    run = await steps()
    return next((s.get('job') for s in run['steps'] if s['step'] == 'crawl'), None) if run else None

async def read(number):
    "What the panel shows of a crawl, None while there is no file of it"
    try: return await asyncio.to_thread(panel.state, file(number), await kv.get(f'filter:{number}', {}))
    except (FileNotFoundError, sqlite3.OperationalError): return None

def catalogue():
    from . import findings
    return findings.catalogue()

@page
async def index():
    seen['drawn'] = True
    number = await current()
    s = await read(number) if number else None
    if s and s['state'] in ('new', 'running', 'paused'): follow(number)
    return Link(rel='stylesheet', href='/link_graph/static/crawl.css'), panel.draw(number, s, await asyncio.to_thread(catalogue)) if s else P('Once it crawls, it is seen here: what answers, what does not, and where.', id='link_graph-panel', cls='soft')

async def show(number, s=None):
    "Draw the panel anew in every tab, as it is or as it was just read"
    if s := s or await read(number): put(item('link_graph-panel', panel.draw(number, s, await asyncio.to_thread(catalogue)), only=True))
    return s

@page.hears
async def news(e):
    "A crawl began or ended, or something else became of a run"
    if not seen['drawn'] or e.kind != 'note' and not (e.what or '').startswith('link_graph.'): return
    if (e.what or '').partition('.')[0] not in ('link_graph',) and not (e.what or '').startswith('job:'): return
    if number := await current():
        s = await show(number)
        if not s or s['state'] in ('new', 'running', 'paused'): follow(number)

def follow(number):
    "Watch a crawl until it is over"
    if seen['tail'] and not seen['tail'].done() and seen.get('number') == number: return
    if seen['tail']: seen['tail'].cancel()
    seen['number'], seen['tail'] = number, asyncio.create_task(tail(number))

async def tail(number):
    "The panel once a second while it runs, and a word on what happens"
    waited, told = 0, None
    while True:
        began = time.monotonic()
        s = await read(number)
        if s:
            if (now := json.dumps([s[k] for k in ('state', 'status', 'queue', 'kinds', 'placed')])) != told:
                told = now
                await show(number, s)
            await comment(number, s)
            if s['state'] in ('done', 'stopped'): return
        else: waited += 1
        if waited > 60: return
        await asyncio.sleep(max(1, 5*(time.monotonic()-began)))

async def comment(number, s):
    "New events of a crawl: kept for the model to read, and said in a sentence"
    last = await kv.get(f'heard:{number}', 0)
    new = [e for e in reversed(s['events']) if e['id'] > last and e['kind'] in ('progress', '404', 'warning', 'done')]
    if not new or seen.get('saying') and not seen['saying'].done() and new[-1]['kind'] != 'done': return
    await kv.set(f'heard:{number}', new[-1]['id'])
    if Settings.comments: seen['saying'] = asyncio.create_task(sentence([e['text'] for e in new]))

async def sentence(facts):
    "One sentence of the model on what happened; where it says a number that is not in the facts, or there is no model, the facts speak for themselves"
    plain, said = ' '.join(facts[-2:]), ''
    try:
        async with asyncio.timeout(60):
            async for piece in ask(f"{' '.join(facts)[:1500]}\n\nTell the user in one short sentence what happened in the crawl:", system='You comment on a crawl of a web site. One short sentence, only what the text says, no number that is not in it.', most=60): said += piece
    except (Refused, TimeoutError) as e: log.debug('no comment on the crawl: {}', e)
    said = said.strip().splitlines()[0].strip(' "') if said.strip() else ''
    known = set(numbers(' '.join(facts)))
    await say(said if said and 10 < len(said) < 400 and set(numbers(said)) <= known else plain)

def numbers(text): return [n.replace(',', '').rstrip('.') for n in re.findall(r'\d[\d,.]*', text)]

# keys

async def control(what, states, sorry):
    number = await current()
    s = await read(number) if number else None
    if not s or s['state'] not in states: raise Refused(sorry, f"the crawl {'is ' + s['state'] if s else 'has not begun'}", 409)
    await asyncio.to_thread(schema.control, file(number), what)
    follow(number)
    return s['start']

@action(local=True, title='Pause the crawl', say=lambda a, r, c: f'Paused the crawl of {r}')
async def pause():
    "Pause the crawl that runs; nothing is asked for until it goes on."
    return await control('pause', ('running', 'new'), 'no crawl is running')
@action(local=True, title='Go on with the crawl', say=lambda a, r, c: f'Went on with the crawl of {r}')
async def go_on():
    "Go on with the crawl that was paused, or that broke or was stopped."
    number = await current()
    run = await steps()
    if run and any(s['step'] == 'crawl' and s['state'] == 'failed' for s in run['steps']):
        await act('link_graph.run', {'step': 'crawl'}, by='app')
        return ((await read(number)) or {}).get('start', 'the site')
    return await control(None, ('paused', 'running'), 'no crawl is paused')
@action(local=True, title='End the crawl here', say=lambda a, r, c: f'Ended the crawl of {r} where it was')
async def enough():
    "End the crawl here: what is there counts, and is examined and drawn."
    return await control('stop', ('running', 'paused', 'new'), 'no crawl is running')

@action(local=True, title='Filter the pages', say=lambda a, r, c: f"Shows {r['pages']:,} pages")
async def filter(words: str = '', only: Literal['', '2', '3', '4', '5', '0', 'blocked', 'skipped', 'orphan', 'noindex'] = '', finding: str = ''):
    "Show pages of the crawl: those with these words in the address or title, `only` of a kind of answer (4 for 4xx), or with a finding. Nothing: all."
    if not (number := await current()): raise Refused('nothing is crawled yet', 'crawl a site first', 409)
    if finding and finding not in (names := await asyncio.to_thread(catalogue)):
        import difflib
        raise Refused(f'there is no finding {finding[:60]}', f"there is {', '.join(difflib.get_close_matches(finding, names, 5, 0) or list(names)[:10])}")
    await kv.set(f'filter:{number}', {'words': words, 'only': only, 'finding': finding})
    s = await show(number)
    if not s: raise Refused('nothing is crawled yet', 'crawl a site first', 409)
    return {'pages': s['many'], 'first': [{'url': r['url'], 'status': r['status'], 'title': r['title']} for r in s['rows'][:10]]}

@action(local=True, title='Open a finding', say=lambda a, r, c: f"Opened “{r['name']}”: {r['pages']:,} pages")
async def finding(kind: str):
    "Open a finding: its pages, why it matters and what to do."
    shown = await filter(finding=kind)
    known = (await asyncio.to_thread(catalogue))[kind]
    return {'name': known['name'], 'why': known['why'], 'fix': known['fix'], **shown}

async def examined():
    "The file of the crawl that was looked at last, once it is over"
    number = await current()
    if not number or not file(number).exists() or (s := await read(number)) is None or s['state'] not in ('done', 'stopped'): raise Refused('no crawl is finished here', 'crawl a site first, or wait until it is done', 409)
    return file(number)

@action(local=True, title='Explain the findings', risk='read', say=lambda a, r, c: 'Asked what was found, and why it matters')
async def explain(question: str = ''):
    "What is wrong with the site that was crawled, in code's words at once, and in the model's words in the chat as soon as it has found them; or an answer to a question about it. What the model says is checked against the findings."
    path = await examined()
    def known():
        from . import telling
        with closing(schema.open(path)) as db: return telling.plain(telling.facts(db, 6))
    told = await asyncio.to_thread(known)
    seen['explaining'] = asyncio.create_task(explained(path, question, told))
    return told

async def explained(path, question, told):
    "Says in the chat what the model makes of the findings: the sentences that check out, or code's own when there are none"
    from . import telling
    with closing(schema.open(path)) as db:
        try:
            async with asyncio.timeout(300): got = await telling.explain(db, lambda text, system: ask(text, system=system, most=400), question, 6)
        except (Refused, TimeoutError) as e:
            log.debug('no word on the findings: {}', e)
            got = {'said': [], 'refused': []}
    lines = [telling.bare(s['text']) for s in got['said']]
    if got['refused'] and lines: lines.append(f"({len(got['refused'])} more {'sentence was' if len(got['refused']) == 1 else 'sentences were'} left out: the findings do not say so.)")
    await say('\n'.join(lines) if lines else told)

@action(local=True, title='Compare with the crawl before', risk='read', say=lambda a, r, c: 'Compared with the crawl before')
async def changes():
    "What is new, gone and changed since the last crawl of the same site, and which findings came and went."
    path = await examined()
    def both():
        from . import compare
        return (old := compare.before(path)) and compare.compare(old, path)
    if not (got := await asyncio.to_thread(both)): raise Refused('there is no earlier crawl of this site', 'crawl it again some time; then the two can be compared', 409)
    await say(got['text'])
    return got

@action(local=True, title='Crawl a site', say=lambda a, r, c: f"Began to crawl {r['url']}: {r['estimate']}")
async def begin(url: str, pages: int = 500):
    "Crawl a site from its address, at most so many pages: a new run, looked at and begun."
    try: url = urls.address(url)
    except ValueError as e: raise Refused(str(e), 'give an address like https://example.com') from None
    run = (await act('link_graph.start', {'name': urls.host(url)[0]}, by='app')).result['run']
    async def step(name, values):
        await act('link_graph.run', {'run': run, 'step': name, 'values': values}, by='app')
        while (s := next(s for s in (await steps(run))['steps'] if s['step'] == name))['state'] == 'running': await asyncio.sleep(.1)      # noqa: ASYNC110  its end is in the database
        if s['state'] == 'failed': raise Refused(s['error'].strip().rpartition('\n')[2], 'try another address')
        return s
    await step('site', {'url': url})
    told = await step('how_far', {'pages': pages})
    await act('link_graph.run', {'run': run, 'step': 'crawl'}, by='app')
    return {'run': run, 'url': url, 'estimate': told['result']['estimate']}

# the picture in the browser

def where(number):
    if not str(number).isdecimal() or len(str(number)) > 12 or not file(number).exists(): raise KeyError(f'there is no crawl {str(number)[:20]}')
    return file(number)
view.mount(page.get, page.post, where, base='/link_graph')
