"""What an address is: hrefs as people write them, made into the one spelling
under which a page is kept, and the rules by which an address belongs to the site.

    join(base, raw) → 'http://…'      None: no address of a page (mailto:, javascript:, #part)      ValueError: no address at all"""
import ipaddress, re
from functools import lru_cache

schemes = re.compile(r'([a-z][a-z0-9+.\-]*):', re.I)
edges = ''.join(map(chr, range(33)))               # WHATWG: C0 controls and space are cut from both ends, tab and line breaks from everywhere
longest = 8000

def tidy(raw): return raw.strip(edges).replace('\t', '').replace('\n', '').replace('\r', '')

def join(base, raw):
    "A href (text) on a page (a yarl.URL) as an absolute address without fragment; None for what leads to no page, ValueError for what is no address"
    from yarl import URL
    raw = tidy(raw)
    if raw.startswith('#') or not raw: return None
    if m := schemes.match(raw):
        if m[1].lower() not in ('http', 'https'): return None
    if len(raw) > longest: raise ValueError(f'longer than {longest:,} characters')
    path, mark, query = raw.partition('?')
    if '\\' in path: raw = path.replace('\\', '/') + mark + query       # as browsers read it
    if '#' in raw: raw = raw.partition('#')[0]
    try:
        there = URL(raw)
        # yarl would decode the folder's name
        if there.raw_path and '%' in base.raw_path: base = base.with_path(base.raw_path.rpartition('/')[0] + '/', encoded=True)
        u = base.join(there) if raw else base
    except UnicodeError as e: raise ValueError(f'its host is no name: {e}'[:200]) from None
    except TypeError as e: raise ValueError(str(e)[:200]) from None
    return whole(u)

# what most hrefs are: nothing that would be spelled otherwise, no dots to be resolved but at the beginning
_part = r"[A-Za-z0-9_~!$'()*,;=:@-][A-Za-z0-9_~.!$'()*,;=:@-]*"
_query = r'(?:\?[A-Za-z0-9_~.=&-]+)?'
_rooted = re.compile(rf'(/(?:{_part}/)*(?:{_part})?{_query})(?:#.*)?', re.S)
_relative = re.compile(rf'((?:\.\./)*)({_part.replace(":", "")}(?:/{_part})*/?{_query})(?:#.*)?', re.S)
_elsewhere = re.compile(rf'(https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9]+)(?:(/(?:{_part}/)*(?:{_part})?{_query})?(?:#.*)?)', re.S)

def joiner(base):
    "`join` for the hrefs of one page: what is spelled plainly is put together as text, which costs a tenth; the rest goes the whole way"
    try: here = whole(base)
    except ValueError: return lambda raw: join(base, raw)
    at = origin(here)
    folders = [at + '/']
    for part in here[len(at)+1:].partition('?')[0].split('/')[:-1]: folders.append(f'{folders[-1]}{part}/')
    deep = len(folders) - 1
    def go(raw):
        if len(raw) < longest:
            if m := _rooted.fullmatch(raw): return at + m[1]
            if m := _relative.fullmatch(raw): return folders[max(0, deep - len(m[1])//3)] + m[2]
            if m := _elsewhere.fullmatch(raw): return m[1] + (m[2] or '/')
        return join(base, raw)
    return go

def whole(u):
    "A yarl.URL in the spelling we keep: no fragment, no login, a slash for the root. ValueError without a host."
    if u.scheme not in ('http', 'https') or not u.raw_host: raise ValueError('it names no host')
    if '%' in u.raw_host or ' ' in u.raw_host: raise ValueError(f'{u.raw_host} is no host')
    if u.raw_fragment: u = u.with_fragment(None)
    if u.raw_user is not None or u.raw_password is not None: u = u.with_user(None)      # a login is no part of a page's address
    text = str(u)
    if u.raw_path != '/' or text[len(u.scheme)+3:].find('/') >= 0: return text
    return str(u.with_path('/').with_query(u.raw_query_string)) if u.raw_query_string else text + '/'

def address(text):
    "What a user typed as an address: https:// where no scheme is said (http:// for this machine); ValueError in words"
    from yarl import URL
    text = tidy(str(text))
    if '://' not in text: text = ('http://' if re.match(r'(localhost|127\.|\[::1\])', text) else 'https://') + text
    try: return whole(URL(text))
    except (ValueError, UnicodeError, TypeError) as e: raise ValueError(f'{text[:100]} is no web address: {e}') from None

@lru_cache(100_000)
def _split(origin):
    from yarl import URL
    u = URL(origin)
    return u.raw_host or '', u.port
def origin(url):
    "scheme://host[:port] of an address"
    end = url.find('/', 8)
    return url if end < 0 else url[:end]
def host(url):
    "(host, port) of an address; the port is always said"
    return _split(origin(url))

@lru_cache(10_000)
def private(ip):
    "Is this IP address (text) one that only this machine or this network knows?"
    try: a = ipaddress.ip_address(ip.partition('%')[0].strip('[]'))
    except ValueError: return False
    if (four := getattr(a, 'ipv4_mapped', None) or getattr(a, 'sixtofour', None)): a = four
    return not a.is_global or a.is_multicast

def bare(name): return name.removeprefix('www.')

class Site:
    """Which addresses are inside: the hosts of the starts (with and without www.),
    their subdomains if asked for, and of those what the patterns let through"""
    def __init__(self, starts, subdomains=False, include='', exclude=''):
        self.hosts, self.subdomains = {host(u) for u in starts}, subdomains
        self.include, self.exclude = patterns(include), patterns(exclude)
        self._known = {}
    def add(self, url):
        "One more host that is inside"
        self.hosts.add(host(url))
        self._known.clear()
    def has(self, url):
        o = origin(url)
        if (known := self._known.get(o)) is None:
            name, port = host(o)
            known = self._known[o] = any(self._same(name, port, n, p) for n, p in self.hosts)
            if len(self._known) > 100_000: self._known.clear()
        return known
    def _same(self, name, port, n, p):
        if port != p and {port, p} != {80, 443}: return False
        return bare(name) == bare(n) or self.subdomains and not private(n) and name.endswith('.' + bare(n))
    def wanted(self, url):
        "Do the patterns let it through?"
        return (not self.include or any(p.search(url) for p in self.include)) and not any(p.search(url) for p in self.exclude)

def patterns(text):
    "Patterns as people write them, one a line: a part of the address, `*` for anything, `$` at the end for its end. Compiled."
    out = []
    for line in str(text or '').splitlines():
        if not (line := line.strip()): continue
        end = line.endswith('$')
        p = '.*'.join(re.escape(x) for x in re.sub(r'\*+', '*', line[:-1] if end else line).split('*'))
        out.append(re.compile(p + ('$' if end else ''), re.I))
    return out

# traps: addresses without end

sessions = re.compile(r'(?:[?&;](?:phpsessid|jsessionid|aspsessionid\w*|sessionid|session_id|sid|s_id|cfid|cftoken|zenid|oscsid)=[^&;?#]*)', re.I)
years = re.compile(
    r'(?:[?&/](?:date|day|month|year|week|y|ym|cal|start|from)[=/-]|/)((?:1[0-9]|2[0-9]|[3-9][0-9])\d\d)(?:[-/]?\d\d?){0,2}(?:[/&?]|$)', re.I)
calendar = re.compile(r'calend|/cal/|[?&](?:date|day|month|year|week|ym)=|/events?/', re.I)
digits = re.compile(r'\d+')
most_chain, most_parts, most_same = 150, 40, 3

def session(url):
    "The address without its session id where it has one, else ''"
    return sessions.sub('', url) if sessions.search(url) else ''

def shape(url):
    "What addresses that a program counts up have in common: numbers become 0, and of the query only the names stay"
    path, _, query = url[len(origin(url)):].partition('?')
    return digits.sub('0', path) + ('?' + '&'.join(sorted({digits.sub('0', q.partition('=')[0]) for q in query.split('&')})) if query else '')

def trap(url, now=2026):
    "Why an address looks like one of an endless row, '' when it does not"
    path = url[len(origin(url)):].partition('?')[0]
    parts = [p for p in path.split('/') if p]
    if len(url) > 2000: return 'its address is longer than 2,000 characters'
    if len(parts) > most_parts: return f'its path has {len(parts)} parts'
    if len(parts) > most_same:
        for p in {p for p in parts if parts.count(p) > most_same}: return f'“{p[:40]}” is {parts.count(p)} times in its path'
    if calendar.search(url) and (m := years.search(url)) and not now-60 <= int(m[1]) <= now+2: return f'a calendar in the year {m[1]}'
    return ''
