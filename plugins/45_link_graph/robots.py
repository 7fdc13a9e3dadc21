"""What a host asks of robots: robots.txt as RFC 9309 has it. 4xx: everything is
allowed; 5xx or no answer: nothing is; at most five redirects; the first 500 KiB count."""
from . import urls

room, most_redirects, longest_delay = 500*1024, 5, 60

class Robots:
    "The rules of one host for one agent: `may(url)` → (allowed, the line that decided), `delay` in seconds or None, `sitemaps`"
    def __init__(self, agent, text='', all=None, why=''):
        from protego import Protego
        self.agent, self.all, self.why = agent, all, why
        self.text = text.lstrip('\ufeff').replace('\0', '')
        self.rules = Protego.parse(self.text)
        self.set = self.rules._get_matching_rule_set(agent) if hasattr(self.rules, '_get_matching_rule_set') else None
        delay = self.rules.crawl_delay(agent)
        self.delay = min(float(delay), longest_delay) if delay else None
        self.sitemaps = list(self.rules.sitemaps)
    def may(self, url):
        if self.all is not None: return self.all, self.why
        ok = self.rules.can_fetch(url, self.agent)
        return ok, self.rule(url) if not ok else ''
    def rule(self, url):
        "The line that decided, as near as the parser tells"
        from yarl import URL
        if not self.set: return ''
        path = URL(url).raw_path_qs
        for r in getattr(self.set, '_rules', ()):
            if r.value.match(path): return f'{r.field.capitalize()}: {r.value._pattern}'
        return ''

async def read(get, at, agent):
    "(Robots, row of `robots`) of an origin. `get(url)` → (status, headers, body, error), one hop, at most `room` bytes"
    url = first = at + '/robots.txt'
    for hop in range(most_redirects + 1):
        status, headers, body, error = await get(url)
        if status in (301, 302, 303, 307, 308) and (to := headers.get('location')):
            from yarl import URL
            try: next_ = urls.join(URL(url), to)
            except ValueError: next_ = None
            if next_ and hop < most_redirects: url = next_; continue
            status, error = 404, 'redirects'           # RFC 9309 2.3.1.2: more than five, and it counts as not there
        break
    row = dict(host=at, url=first, status=status, bytes=len(body), text=None, delay=None, error=error)
    if 200 <= status < 300:
        r = Robots(agent, body[:room].decode('utf-8', 'replace'))
        return r, row | dict(text=r.text, delay=r.delay)
    if error == 'private': return Robots(agent, all=True), row          # the page itself is refused for that
    if 400 <= status < 500 or 300 <= status < 400: return Robots(agent, all=True), row
    why = f'robots.txt answers {status}' if status else f'robots.txt does not answer ({error})'
    return Robots(agent, all=False, why=why), row | dict(error=error or why)
