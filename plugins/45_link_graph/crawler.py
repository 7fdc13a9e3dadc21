"""The crawler: from its starts from page to page, and everything it sees into one SQLite file. It has
nothing in memory that the file has not, so that it may be killed at any time and goes on where it was.

    asyncio.run(Crawl(path, asked).run())

Pages are fetched side by side and written down one after the other, in the order in which they were found: what a
crawl keeps does not depend on which answer came first. A page, its links and the new addresses on it are one piece:
either all of them are in the file or the page is still in the queue."""
import asyncio, collections, contextlib, json, random, socket, ssl, time, traceback
from pathlib import Path
from . import read, robots, schema, sitemaps, urls

agent = 'Pianola/0.1 (+link graph; a crawl somebody asked for)'
defaults = dict(starts=[], how='links', pages=10_000, depth=None, subdomains=False, include='', exclude='', speed=0, agent=agent, obey=True,
                unverified=False, javascript=False, resources=True, external=False, sitemaps=True,
                connections=16, timeout=30, most_bytes=20 << 20, tries=3, chain=urls.most_chain)
usual_speed = 5                       # requests a second to a host of others when nobody said how many
most_known = 400_000                   # addresses whose numbers are kept in memory
window = 1000                         # how far answers may run ahead of the oldest that is still awaited
kept_headers = ('cache-control', 'content-encoding', 'content-language', 'content-length', 'content-security-policy', 'content-type',
                'date', 'etag', 'expires', 'last-modified', 'link', 'location', 'referrer-policy', 'server', 'strict-transport-security',
                'vary', 'via', 'x-content-type-options', 'x-frame-options', 'x-powered-by', 'x-robots-tag', 'retry-after')
again = (429, 502, 503, 504)          # worth another try
moved = (301, 302, 303, 307, 308)
texts = ('text/html', 'application/xhtml+xml')

class Private(OSError): "An address of this machine or network that nobody typed"

class Host:
    "One host: how fast it may be asked, and until when it wants to be left alone"
    def __init__(self, gap): self.gap, self.next, self.robots = gap, 0.0, None
    async def turn(self):
        while (wait := self.next - time.monotonic()) > 0: await asyncio.sleep(wait)      # noqa: ASYNC110  a turn is a time, and others may move it
        self.next = time.monotonic() + self.gap
    def rest(self, seconds): self.next = max(self.next, time.monotonic() + seconds)

class Claim:
    "A page whose turn it is"
    __slots__ = ('id', 'url', 'depth', 'chain', 'source', 'internal', 'queue')
    def __init__(self, row): self.id, self.url, self.depth, self.chain, self.source, self.internal, self.queue = row

class Crawl:
    """`asked`: what `defaults` names. `tell(done, total, text)` hears how far it is, `stopped()`
    says whether to leave at once; pause, resume and stop come through schema.control.
    `way` is what no file of a crawl may have: `logins` {'https://host[:port]': (user, password)}
    of sites that ask for one, and `proxy`, the address of one, whose login is among them."""
    def __init__(self, path, asked, tell=None, stopped=None, logins=None, proxy=''):
        self.path = path
        self.db = schema.open(path, fresh=True)
        kept = self.get('asked')
        self.asked = a = {**defaults, **{k: v for k, v in (kept or asked).items() if k in defaults}}
        if not a['starts']: raise ValueError('a crawl needs an address to start from')
        if not kept: self.put('asked', a)
        self.tell, self.stopped = tell or (lambda *x: None), stopped or (lambda: False)
        self.site = urls.Site(a['starts'], a['subdomains'], a['include'], a['exclude'])
        self.typed = {urls.host(u) for u in a['starts']}
        self.logins, self.proxy, self.unverified = logins or {}, urls.origin(proxy) if proxy else '', {}
        self.abroad = set()                               # (host, port) that the proxy may look up
        self.hosts, self.ids, self.year = {}, {}, time.gmtime().tm_year
        self.local = all(self.near(u) for u in a['starts'])

    # what is known of the crawl itself

    def get(self, key, default=None):
        row = self.db.execute('select value from crawl where key=?', (key,)).fetchone()
        return json.loads(row[0]) if row else default
    def put(self, key, value):
        self.db.execute('insert into crawl values (?,?) on conflict(key) do update set value=excluded.value', (key, json.dumps(value)))
    def event(self, kind, text, **data):
        self.db.execute('insert into event(at,kind,text,data) values (?,?,?,?)',
                        (time.time(), kind, read.sound(text), json.dumps(data) if data else None))
    def count(self, sql, *args): return self.db.execute(sql, args).fetchone()[0]

    # beginning, end, and what comes between

    def begin(self):
        "The starts into the queue; after a break only what is not kept is counted again"
        self.learn()
        with self.all_or_nothing():
            if not self.get('start'):
                self.put('began', time.time()), self.put('agent', self.asked['agent']), self.put('phase', 'links')
                for u in self.asked['starts']: self.met(u, 'start' if self.asked['how'] == 'links' else 'list', None, 0, start=True)
                self.flush()
                self.put('start', [self.ids[u] for u in dict.fromkeys(self.asked['starts'])])
            self.put('state', 'running'), self.put('ended', None)
        self.recount()

    def learn(self):
        "What the file knows of addresses, into memory as far as there is room"
        for h in self.get('inside') or []: self.site.add(h)
        self.queued = self.count('select coalesce(max(queue),0) from page')
        # addresses that are met and not yet written down; the highest number
        self.fresh, self.newest = [], self.count('select coalesce(max(id),0) from page')
        self.whole = self.newest <= most_known                                                 # does `ids` know every address there is?
        self.ids = dict(self.db.execute('select url, id from page').fetchall()) if self.whole else {}

    def recount(self):
        "Where the crawl is, from what is written down"
        self.starts = set(self.get('start'))
        self.last = (self.count("select coalesce(min(queue),0) from page where state='new' and queue is not null") or self.queued+1) - 1
        self.soft = {id for id, in self.db.execute(
            "select id from page where queue is null and internal and (state='new' or error in ('depth','trap','resource'))")}
        self.fetched = self.count("select count(*) from page where state='done' and internal and source!='resource'")
        self.statuses = collections.Counter({s or 0: n for s, n in self.db.execute(
            "select status, count(*) from page where state='done' and source!='resource' and internal group by status")})
        self.began, self.milestone = time.monotonic(), self.get('milestone', 0)
        self.phase = self.get('phase')

    @contextlib.contextmanager
    def all_or_nothing(self):
        "One transaction"
        self.db.execute('begin immediate')
        try: yield
        except BaseException:
            self.db.execute('rollback')
            raise
        self.db.execute('commit')

    async def run(self):
        "To the end, or until somebody says stop. → 'done', 'stopped' (what is there counts) or 'paused' (it can go on)"
        if not await self.alone(): return 'paused'
        try: return await self.crawl()
        finally: self.lock.close()
    async def alone(self):
        """Waits until no other crawler has this file: one that was taken for dead,
        as its machine slept, may still live. False when it shall not wait any longer"""
        self.lock = schema.lock(self.path)
        while not schema.locked(self.lock):
            if self.stopped():
                self.lock.close()
                return False
            await asyncio.sleep(.2)          # noqa: ASYNC110  its end is in the file system
        return True
    async def crawl(self):
        import aiohttp
        if (state := self.get('state')) in ('done', 'stopped'):         # killed after its last word, or ended by the other one
            self.learn(), self.recount()
            return state
        self.begin()
        a = self.asked
        connector = aiohttp.TCPConnector(limit=a['connections'], resolver=self.careful(), ttl_dns_cache=300)
        self.unverified = {o: why for o, why in self.db.execute('select origin, error from certificate')}
        self.http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True,
                                          headers={'User-Agent': a['agent'],
                                                   'Accept': 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
                                                   'Accept-Encoding': 'gzip, deflate', 'Accept-Language': 'en,*;q=0.5'},
                                          max_line_size=32768, max_field_size=65536,
                                          timeout=aiohttp.ClientTimeout(total=a['timeout'], sock_connect=10))
        self.browser = None
        try:
            if a['javascript']:
                from .javascript import Browser
                self.browser = Browser(a['agent'], self.guard, a['timeout'], Path(self.path).with_suffix('.browser'), self.typed,
                                       self.login, self.proxy, self.login(self.proxy), a['unverified'])
                await self.browser.start()
            if a['sitemaps'] and not self.get('sitemaps_read') and a['how'] != 'list': await self.read_sitemaps()
            state = await self.work()
        finally:
            if self.browser: await self.browser.close()
            await self.http.close()
            if self.db.in_transaction: self.db.execute('rollback')
        with self.all_or_nothing():
            if state != 'paused':
                self.db.execute("update page set state='skipped', error='limit' where state='new'")
                self.put('ended', time.time())
                self.event('done', self.summary(state), pages=self.fetched, state=state)
            self.put('state', state)
        if state != 'paused': self.db.execute('analyze')
        self.tell(self.fetched, self.fetched, self.line())
        return state
    def close(self): self.db.close()

    async def work(self):
        "Claims, fetches side by side, writes in order"
        ready, flying, self.slots = {}, set(), asyncio.Semaphore(self.asked['connections'])
        self.todo, self.order = collections.deque(), collections.deque()
        self.flown = 0                                  # pages in the air that count against the limit
        at, looked, committed, paused = None, 0.0, time.monotonic(), False
        if self.phase == 'done': return 'done'          # killed between its last page and its last word
        try:
            while True:
                now = time.monotonic()
                if now - looked > .25:
                    looked = now
                    if self.stopped(): self.commit(); return 'paused'
                    self.progress()
                    control = schema.control(self.path)
                    if control == 'stop': self.commit(); return 'stopped'
                    if (control == 'pause') != paused:
                        paused = not paused
                        self.commit()
                        self.put('state', 'paused' if paused else 'running')
                while not paused and len(flying) < self.asked['connections'] and len(self.order) < window and (c := self.claim()):
                    self.order.append(c)
                    t = asyncio.create_task(self.look(c))
                    t.claim = c
                    flying.add(t)
                if not flying and not self.order:
                    if paused: self.commit(); await asyncio.sleep(.1); continue
                    self.commit()
                    if not self.next_phase(): return 'done'
                    continue
                done, flying = await asyncio.wait(flying, timeout=.25, return_when=asyncio.FIRST_COMPLETED) if flying else (set(), flying)
                for t in done: ready[t.claim.id] = t.result()
                while self.order and self.order[0].id in ready:
                    c = self.order.popleft()
                    at = ready.pop(c.id)
                    if not self.db.in_transaction: self.db.execute('begin immediate')
                    self.keep(c, at)
                    if (n := time.monotonic()) - committed > .3: self.commit(); committed = n
                if now - committed > .3: self.commit(); committed = now
        finally:
            for t in flying: t.cancel()
            if flying: await asyncio.gather(*flying, return_exceptions=True)
    def commit(self):
        if self.db.in_transaction: self.db.execute('commit')

    def claim(self):
        "The next page in the queue, or None"
        if not self.todo:
            self.todo.extend(map(Claim, self.db.execute(
                "select id, url, depth, chain, source, internal, queue from page where queue>? and state='new' order by queue limit 500",
                (self.last,))))
            if not self.todo: return None
        if self.phase != 'checks' and self.asked['pages'] and self.fetched + self.flown >= self.asked['pages']: return None
        c = self.todo.popleft()
        self.last = c.queue
        if self.phase != 'checks': self.flown += 1
        return c

    def next_phase(self):
        "The queue is empty: then what only sitemaps name, then images and the like, then links to other sites. False when that is all"
        a = self.asked
        with self.all_or_nothing():
            self.todo.clear()
            self.phase = {'links': 'sitemaps', 'sitemaps': 'checks', 'checks': 'done'}[self.phase]
            self.put('phase', self.phase)
            found = []
            if self.phase == 'sitemaps':
                found = self.db.execute("select id from page where state='new' and queue is null and internal order by id").fetchall()
            elif self.phase == 'checks':
                self.db.execute("update page set state='skipped', error='limit' where state='new'")
                self.last = self.queued
                which = [*(["internal and error='resource'"] if a['resources'] else []),
                         *(["not internal and error in ('external','resource')"] if a['external'] else [])]
                if which: found = self.db.execute(f"select id from page where state='skipped' and ({' or '.join(which)}) order by id").fetchall()
                for id, in found: self.db.execute("update page set state='new', error=null where id=?", (id,))
            for id, in found:
                self.queued += 1
                self.db.execute('update page set queue=? where id=?', (self.queued, id))
                self.soft.discard(id)
        return self.phase != 'done'

    # one page

    async def look(self, c):
        """What comes of a page: (columns, read.Page or None, address it leads to,
        kind of that, events). Whatever happens there costs this page and no other."""
        try: return await self.visit(c)
        except asyncio.CancelledError: raise
        except Exception as e:
            return (dict(status=0, error='broken', at=time.time()), None, None, None,
                    [('warning', f'{c.url} could not be read: {type(e).__name__}: {e}'[:500], traceback.format_exc()[-3000:])], None)

    async def visit(self, c):
        host = self.host(c.url)
        row = {}
        name, port = urls.host(c.url)
        if urls.private(name) and (name, port) not in self.typed:
            return dict(state='skipped', error='private', indexable=0, why='no answer'), None, None, None, [], None
        if self.asked['obey']:
            rules = await self.rules(c.url)
            row['allowed'], row['rule'] = rules.may(c.url)
            row['allowed'] = int(row['allowed'])
            if not row['allowed']: return row | dict(state='blocked', indexable=0, why='blocked', at=time.time()), None, None, None, [], None
        only_look = self.phase == 'checks'
        events = []
        for attempt in range(self.asked['tries']):
            await host.turn()
            got = await self.get_once(c.url, 'HEAD' if only_look else 'GET', self.asked['most_bytes'], whole=not only_look)
            if only_look and got['status'] in (400, 403, 404, 405, 500, 501):
                await host.turn()
                got = await self.get_once(c.url, 'GET', self.asked['most_bytes'], whole=False)
            if got['status'] not in again and got['error'] not in ('timeout', 'refused', 'broken', 'dns') or attempt == self.asked['tries']-1: break
            wait = min(120, _after(got['headers'].get('retry-after'))) or .5 * 2**attempt * random.uniform(.8, 1.2)
            if got['status'] == 429:
                host.gap = min(10, max(host.gap*2, .2))
                host.rest(wait)
                events.append(('warning', f'{urls.origin(c.url)} asks to be asked less often (429); it is, now every {host.gap:.1f} s', None))
            await asyncio.sleep(wait)
        row |= {k: got[k] for k in ('status', 'error', 'type', 'bytes', 'ttfb_ms', 'ms')}
        row |= dict(tries=attempt+1, at=got['at'], headers=_json(got['headers']) if got['headers'] else None,
                    x_robots=got['headers'].get('x-robots-tag', '').lower() or None)
        page = to = kind = rendered = None
        if got['status'] in moved:
            kind = str(got['status'])
            if raw := got['headers'].get('location'):
                from yarl import URL
                try: to = urls.join(URL(c.url), raw)
                except ValueError as e:
                    row['error'] = 'location'
                    events.append(('warning', f'{c.url} leads to {raw[:200]}, which is no address: {e}', None))
            else: row['error'] = 'location'
        elif got['body'] is not None and not only_look and row['type'] in texts and c.source != 'resource':
            text, row['charset'], row['charset_from'] = read.decode(got['body'], got['charset'])
            page = read.read(text, c.url, got['headers'])
            row |= page.row
            if self.browser and got['status'] == 200:
                rendered = await self.browser.render(c.url)
                if rendered.get('html') is not None:
                    after = read.read(rendered['html'], c.url, got['headers'])
                    before = collections.Counter((l[0], l[1]) for l in page.links)
                    rendered |= dict(after.row, canonical=after.canonical, links=len(after.links), fresh=[])
                    for l in after.links:
                        if before[l[0], l[1]] > 0: before[l[0], l[1]] -= 1
                        else: rendered['fresh'].append(l)
            if page.refresh: to, kind = page.refresh, 'refresh' if row.get('refresh_s', 0) > 0 else 'meta'
        row['indexable'], row['why'] = read.why_not(row, got['status'], row['type'], row['x_robots'], c.url,
                                                    row.get('canonical_header') or (page.canonical if page else None))
        return row, page, to, kind, events, rendered

    async def get_once(self, url, method='GET', most=1 << 20, whole=True):
        """One request, no redirect followed. `whole`: read the body of a page; 'any': of whatever it is.
        dict(status, error, type, charset, headers, body (None where it was not read), bytes, at, ttfb_ms, ms)"""
        import aiohttp
        from yarl import URL
        out = dict(status=0, error=None, type=None, charset='', headers={}, body=None, bytes=None, at=time.time(), ttfb_ms=None, ms=None)
        began = time.perf_counter()
        spent = lambda: round((time.perf_counter()-began)*1000, 2)
        try:
            self.guard(url)
            async with self.http.request(method, URL(url, encoded=True), allow_redirects=False, **await self.way(url)) as r:
                out['ttfb_ms'], out['status'] = spent(), r.status
                there = {k.lower() for k in r.headers}
                for k in kept_headers:
                    if k in there: out['headers'][k] = read.sound(', '.join(r.headers.getall(k)))[:4000]
                said = r.headers.get('Content-Type', '')
                out['type'] = read.sound(said.partition(';')[0].strip().lower()[:100]) or None
                charset = said.lower().partition('charset=')[2].partition(';')[0].strip()
                out['charset'] = read.sound(charset[:50])
                size = r.headers.get('Content-Length', '')
                if size.isdecimal() and len(size) < 16: out['bytes'] = int(size)
                if whole and method == 'GET' and (whole == 'any' or out['type'] in texts or out['type'] is None
                                                  or (r.status not in moved and r.status >= 400 and (out['bytes'] or 0) < 1 << 16)):
                    body = bytearray()
                    async for piece in r.content.iter_chunked(1 << 16):
                        body += piece
                        if len(body) > most:
                            out['error'] = 'too_large'
                            r.close()
                            break
                    out['bytes'] = len(body)
                    out['body'] = bytes(body[:most])
                    if out['type'] is None and body[:200].lstrip()[:1] == b'<': out['type'] = 'text/html'
                elif not (method == 'HEAD' or (out['bytes'] or 1 << 30) < 1 << 16): r.close()
                out['ms'] = spent()
        except Private: out['error'], out['body'] = 'private', None
        except TimeoutError: out['error'] = 'timeout'
        except aiohttp.ClientConnectorDNSError as e: out['error'] = 'private' if isinstance(e.__cause__, Private) else 'dns'
        except (aiohttp.ClientSSLError, ssl.SSLError) as e:
            # the user said so; that it is bad is written down
            if (self.asked['unverified'] and urls.origin(url) not in self.unverified
                    and isinstance(e, (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError))):
                self.distrust(urls.origin(url), e)
                return await self.get_once(url, method, most, whole)
            out['error'] = 'tls'
        except aiohttp.ClientHttpProxyError as e: out['error'], out['headers'] = 'proxy', {'x-error': f'the proxy says {e.status}'}
        except aiohttp.ClientProxyConnectionError: out['error'] = 'proxy'
        except aiohttp.ClientConnectorError: out['error'] = 'refused'
        except aiohttp.InvalidURL: out['error'] = 'address'
        except (aiohttp.ClientError, ConnectionError, ValueError, EOFError) as e:
            out['error'] = 'broken'
            out['headers'].setdefault('x-error', f'{type(e).__name__}: {e}'[:300])
        if out['error'] and out['error'] != 'too_large':
            out['status'], out['body'] = 0 if out['error'] != 'broken' or not out['status'] else out['status'], None
        out['ms'] = out['ms'] or spent()
        return out

    def login(self, url):
        "(user, password) of an address that was written with them; the same host's https too. None for all others."
        at = urls.origin(url)
        return self.logins.get(at) or self.logins.get('http' + at[5:]) if at.startswith('https') else self.logins.get(at)
    async def way(self, url):
        "How an address is asked for, beside what is the same for all: with a login, through the proxy, without a look at its certificate"
        import aiohttp
        out = {'headers': {}}
        if (who := self.login(url)) and not (self.asked['unverified'] == 'to look' and urls.origin(url) in self.unverified):
            out['headers']['Authorization'] = aiohttp.encode_basic_auth(*who)
        if self.proxy and not self.near(url):
            if (at := urls.host(url)) not in self.abroad: await self.known_elsewhere(*at); self.abroad.add(at)
            out['proxy'] = self.proxy
            if who := self.login(self.proxy):       # https: told to the proxy alone, as the way through it is opened
                told = out.setdefault('proxy_headers', {}) if url.startswith('https:') else out['headers']
                told['Proxy-Authorization'] = aiohttp.encode_basic_auth(*who)
        if urls.origin(url) in self.unverified: out['ssl'] = False
        return out
    async def known_elsewhere(self, host, port):
        "Private when a name that a proxy would look up leads into this network as far as this machine knows"
        if (host, port) in self.typed: return
        try: found = await self.careful().resolve(host, port)
        except Private: raise
        except OSError: return                # only the proxy knows it
        if not found: raise Private(host)
    def distrust(self, origin, e):
        "A certificate that cannot be verified, and why"
        e = getattr(e, 'certificate_error', e)
        why = read.sound(getattr(e, 'verify_message', '') or str(e))[:300]
        self.unverified[origin] = why
        self.db.execute('insert or replace into certificate values (?,?,?)', (origin, why, time.time()))
        self.event('warning', f'The certificate of {origin} cannot be verified: {why}. It is crawled all the same, as was asked for.')
    def careful(self): return _resolver(self)
    def host(self, url):
        at = urls.origin(url)
        if at not in self.hosts:
            speed = self.asked['speed'] or (0 if self.near(url) else usual_speed)
            self.hosts[at] = Host(1/speed if speed else 0)
        return self.hosts[at]
    def near(self, url):
        "Is it this machine?"
        name, _ = urls.host(url)
        return name == 'localhost' or name.endswith('.localhost') or name.startswith('127.') or name == '::1'

    async def rules(self, url):
        "The robots.txt of its host, read once"
        host = self.host(url)
        if host.robots is None:
            host.robots = asyncio.get_running_loop().create_future()
            at = urls.origin(url)
            async def get(u):
                await self.host(u).turn()
                g = await self.get_once(u, most=robots.room, whole='any')
                if g['status'] in again or g['error'] in ('timeout', 'broken', 'refused'):
                    await asyncio.sleep(.5)
                    g = await self.get_once(u, most=robots.room, whole='any')
                return g['status'], g['headers'], g['body'] or b'', g['error'] if g['error'] != 'too_large' else None
            try: r, row = await robots.read(get, at, self.asked['agent'])
            except Exception as e:
                r, row = (robots.Robots(self.asked['agent'], all=False, why=f'robots.txt cannot be read: {e}'),
                          dict(host=at, url=at+'/robots.txt', status=0, bytes=0, text=None, delay=None, error=str(e)[:300]))
            if r.delay and self.asked['obey']: host.gap = max(host.gap, r.delay)
            self.db.execute('insert or replace into robots(host,url,status,bytes,text,delay,error,at) '
                            'values (:host,:url,:status,:bytes,:text,:delay,:error,:at)',
                            row | {'at': time.time(), 'text': read.sound(row['text'])})
            host.robots.set_result(r)
        return await host.robots

    def guard(self, url):
        "Private when an address names this machine or network and the user did not"
        name, port = urls.host(url)
        if urls.private(name) and (name, port) not in self.typed: raise Private(f'{name} is an address of this machine or network')

    async def read_sitemaps(self):
        "What robots.txt names, and /sitemap.xml; indexes too. One sitemap is one transaction."
        todo = []
        for u in self.asked['starts']:
            if self.asked['how'] == 'sitemap': todo.append((u, None, 0)); continue
            at = urls.origin(u)
            named = (await self.rules(u)).sitemaps
            todo += [(s, None, 0) for s in named] or [(at + '/sitemap.xml', None, -1)]
        from yarl import URL
        seen = set()
        while todo and len(seen) < 1000:
            raw, parent, deep = todo.pop(0)
            try: url = urls.join(URL(self.asked['starts'][0]), raw)
            except ValueError: url = None
            if not url or url in seen: continue
            seen.add(url)
            if self.count('select count(*) from sitemap where url=? and urls is not null', url):
                kept = self.db.execute('select id, kind from sitemap where url=?', (url,)).fetchone()
            else: kept = None
            if kept and kept['kind'] != 'index': continue
            await self.host(url).turn()
            got = await self.get_once(url, most=sitemaps.most_bytes, whole='any')
            for _ in range(5):
                if got['status'] not in moved or not got['headers'].get('location'): break
                try: to = urls.join(URL(url), got['headers']['location'])
                except ValueError: break
                if not to: break
                got = await self.get_once(to, most=sitemaps.most_bytes, whole='any')
            if self.stopped(): return
            if got['status'] != 200 and deep < 0: continue          # nobody said there was one
            found = (sitemaps.read(got['body'], url) if got['status'] == 200 and got['body']
                     else {'kind': None, 'urls': [],
                           'error': got['error'] or (f"it answers {got['status']}" if got['status'] != 200 else 'it is empty')})
            if found['error'] and deep < 0 and not found['urls']: continue
            with self.all_or_nothing():
                self.db.execute('insert or ignore into sitemap(url,kind,status,urls,bytes,error,parent) values (?,?,?,?,?,?,?)',
                                (url, found['kind'], got['status'], len(found['urls']), len(got['body'] or b''), found['error'], parent))
                id = self.count('select id from sitemap where url=?', url)
                if found['kind'] == 'index': todo += [(l, id, deep+1) for l, _, _ in found['urls']] if deep < 3 else []
                elif not kept:
                    for loc, lastmod, langs in found['urls']:
                        try: there = urls.join(URL(url), loc)
                        except ValueError: there = None
                        if not there: continue
                        page = self.met(there, 'sitemap', None, None)
                        self.flush()
                        self.db.execute('update page set sitemap=sitemap+1, lastmod=coalesce(lastmod,?) where id=?',
                                        (read.sound((lastmod or '')[:40]) or None, page))
                        self.db.execute('insert into sitemap_page values (?,?,?)', (id, page, read.sound((lastmod or '')[:40]) or None))
                        for lang, href in langs[:200]:
                            try: other = urls.join(URL(url), href)
                            except ValueError: other = None
                            to = self.met(other, 'sitemap', None, None) if other else None
                            self.db.execute('insert into hreflang values (?,?,?,?)', (page, read.sound(lang[:50]), to, 'sitemap'))
                        self.flush()
        with self.all_or_nothing(): self.put('sitemaps_read', True)

    # writing down

    def met(self, url, source, by, depth, chain=0, start=False):
        """The number of an address, which is new to the crawl or not; new ones, and
        those that were left aside for a reason that no longer holds, enter the queue"""
        id = self.ids.get(url)
        if id is None and not self.whole:
            self.flush()
            row = self.db.execute('select id from page where url=?', (url,)).fetchone()
            if row:
                id = row[0]
                self.remember(url, id)
        if id is not None:
            if id in self.soft and source not in ('resource', 'sitemap'): self.soften(id, url, source, depth, chain)
            return id
        inside = self.site.has(url)
        state, error, queue = self.judge(url, source, depth, chain, inside, start)
        if state == 'new' and source != 'sitemap': self.queued += 1; queue = self.queued
        id = self.newest = self.newest + 1
        self.fresh.append((id, url, int(inside), state, source, by, depth, error, queue, chain))
        if inside and queue is None and (state == 'new' or error in ('depth', 'trap', 'resource')): self.soft.add(id)
        if error == 'trap' and not getattr(self, 'trapped', False):
            self.trapped = True
            self.event('warning',
                       f'Addresses without end are left out: {url[:300]} '
                       f'({urls.trap(url, self.year) or "one leads to the next, and each has its session id or number"})')
        self.remember(url, id)
        if error is None and inside and (key := urls.session(url)): self.db.execute('insert or ignore into session values (?,?)', (key, id))
        return id
    soft: set = set()
    def remember(self, url, id):
        if len(self.ids) > most_known:
            self.ids.clear()
            self.whole = False
        self.ids[url] = id
    def flush(self):
        "Addresses that were met into the file; whoever asks it for one does this first"
        if self.fresh:
            self.db.executemany(
                'insert into page(id,url,internal,state,source,first_from,depth,error,queue,chain) values (?,?,?,?,?,?,?,?,?,?)', self.fresh)
        self.fresh.clear()

    def judge(self, url, source, depth, chain, inside, start=False):
        "(state, why not, place in the queue) of an address that is new"
        if start: return 'new', None, None
        if source == 'resource': return 'skipped', 'resource', None
        if not inside: return 'skipped', 'external', None
        if self.asked['how'] == 'list': return 'skipped', 'list', None
        if self.asked['how'] == 'sitemap' and source not in ('sitemap', 'redirect'): return 'skipped', 'list', None
        if not self.site.wanted(url): return 'skipped', 'excluded', None
        if urls.trap(url, self.year) or chain > self.asked['chain']: return 'skipped', 'trap', None
        if (key := urls.session(url)) and (self.db.execute('select 1 from session where key=?', (key,)).fetchone() or key in self.ids
                                           or not self.whole and self.db.execute('select 1 from page where url=?', (key,)).fetchone()):
            return 'skipped', 'trap', None
        if depth is not None and self.asked['depth'] is not None and depth > self.asked['depth']: return 'skipped', 'depth', None
        return 'new', None, None

    def soften(self, id, url, source, depth, chain):
        "Left aside before: as an image that is a page too, as too deep, or for later. Is that still so?"
        self.flush()
        old = self.db.execute('select depth, source from page where id=?', (id,)).fetchone()
        state, error, _ = self.judge(url, source, depth, chain, True)
        self.db.execute('update page set depth=?, first_from=first_from where id=?',
                        (depth if old['depth'] is None else min(old['depth'], depth) if depth is not None else old['depth'], id))
        if state != 'new':
            if old['source'] == 'resource': self.db.execute('update page set source=?, state=?, error=? where id=?', (source, state, error, id))
            return
        self.queued += 1
        self.soft.discard(id)
        self.db.execute("update page set state='new', error=null, queue=?, chain=?, source=case source when 'resource' then ? else source end "
                        "where id=?", (self.queued, chain, source, id))

    def keep(self, c, got):
        "A page that was looked at, its links and what is new on them"
        row, page, to, kind, events, rendered = got
        if self.phase != 'checks': self.flown -= 1
        state = row.pop('state', 'done')
        if state == 'done' and self.phase != 'checks': self.fetched += 1
        deeper = c.depth + 1 if c.depth is not None else None
        mine = urls.shape(c.url)
        new = lambda url, source, d: self.met(url, source, c.id, d,
                                              c.chain + 1 if source == 'link' and url not in self.ids and urls.shape(url) == mine else 0)
        links, n, resources = [], 0, ('image', 'script', 'style', 'media')
        if to:
            if c.id in self.starts and not self.site.has(to) and self.asked['how'] == 'links':      # the site lives elsewhere
                self.site.add(to)
                self.put('inside', [*(self.get('inside') or []), to])
            there = row['redirect'] = self.met(to, 'redirect', c.id, c.depth, start=c.id in self.starts and self.site.has(to))
            row['redirect_kind'] = kind
            if c.id in self.starts and there not in self.starts:
                self.starts.add(there)
                self.put('start', sorted(self.starts))
            links.append((c.id, there, 'redirect', '', '', '', 1, 'head', n, None, 0))
            n += 1
        if page:
            for found, late in ((page.links, 0), (rendered['fresh'] if rendered and 'fresh' in rendered else (), 1)):
                known, soft = self.ids, self.soft
                for what, url, anchor, alt, rel, follow, position, raw in found:
                    there = known.get(url)
                    if there is None or there in soft:
                        source = 'resource' if what in resources or what == 'form' else what if what in ('canonical', 'hreflang') else 'link'
                        there = new(url, source, c.depth if what == 'canonical' else deeper)
                    links.append((c.id, there, what, anchor, alt, rel, follow, position, n, raw, late))
                    n += 1
            one = lambda url: None if not url else self.ids.get(url) or self.met(url, 'link', c.id, deeper)
            row['canonical'], row['canonical_header'] = one(page.canonical), one(row.get('canonical_header'))
            if row['canonical'] is None: row['canonical'] = row['canonical_header']
            if page.broken: self.db.executemany('insert into broken values (?,?,?,?,?)', [(c.id, *b) for b in page.broken[:1000]])
            if page.hreflang:
                self.db.executemany('insert into hreflang values (?,?,?,?)',
                                    [(c.id, lang, one(url), where) for lang, url, where in page.hreflang[:500]])
            if page.images:
                self.db.executemany('insert into image values (?,?,?,?,?,?)',
                                    [(c.id, self.ids.get(url) or (self.met(url, 'resource', c.id, deeper) if url else None), *more)
                                     for url, *more in page.images[:5000]])
        self.flush()
        self.db.executemany(
            'insert into link(source,target,kind,anchor,alt,rel,follow,position,at,raw,rendered) values (?,?,?,?,?,?,?,?,?,?,?)', links)
        if rendered:
            r = rendered
            self.db.execute('insert or replace into rendered values (?,?,?,?,?,?,?,?,?,?,?,?)',
                            (c.id, r.get('ms'), r.get('error'), r.get('title'), r.get('description'), r.get('h1'), r.get('canonical'),
                             r.get('robots'), r.get('words'), r.get('links'), r.get('text_hash'),
                             json.dumps(r.get('console') or [], ensure_ascii=False)))
        row['state'] = state
        names = [k for k in row if k in self.columns]
        self.db.execute(f"update page set {'=?, '.join(names)}=? where id=?", (*[row[k] for k in names], c.id))
        for kind_, text, trace in events: self.event(kind_, text, **({'trace': trace} if trace else {}))
        if state == 'done':
            status = row.get('status') or 0
            if self.phase != 'checks': self.statuses[status] += 1
            if status == 404 and self.phase != 'checks' and (many := self.statuses[404]) in (1, 10, 100, 1000):
                self.event('404', f'{"The first page that is not there" if many == 1 else f"{many} pages are not there"}: {c.url}',
                           page=c.id, count=many, url=c.url)
    @property
    def columns(self):
        if not hasattr(self, '_columns'):
            others = {'id', 'url', 'source', 'first_from', 'depth', 'queue', 'chain'}
            self._columns = {r['name'] for r in self.db.execute('pragma table_info(page)')} - others
        return self._columns

    # how far it is

    def left(self):
        if self.phase not in ('links', 'sitemaps', 'checks'): return 0
        return self.count("select count(*) from page where queue>? and state='new'", self.last) + len(self.todo) + len(self.order)
    def progress(self):
        left = self.count("select count(*) from page where state='new'")
        total = self.fetched + left
        if self.asked['pages']: total = min(total, max(self.asked['pages'], self.fetched)) if self.phase != 'checks' else total
        sure = self.fetched >= 50 or time.monotonic() - self.began > 5
        self.tell(self.fetched, total if sure else None, self.line(left))
        if sure and self.phase != 'checks':
            for part in (25, 50, 75):
                if self.milestone < part <= 100*self.fetched/max(1, total):
                    self.milestone = part
                    self.put('milestone', part)
                    self.event('progress', f'{part} % of the crawl is done: {self.line(left)}', percent=part, pages=self.fetched)
    def line(self, left=0):
        bad = sum(n for s, n in self.statuses.items() if s >= 400)
        none = self.statuses[0]
        return ', '.join(x for x in (f'{self.fetched:,} pages', f'{left:,} in the queue' if left else '',
                                     f'{bad:,} answer with an error' if bad else '', f'{none:,} do not answer' if none else '',
                                     'checking images and the like' if self.phase == 'checks' else '') if x)
    def summary(self, state):
        links = self.count('select count(*) from link')
        return f"The crawl of {self.asked['starts'][0]} {'was stopped' if state == 'stopped' else 'is done'}: {self.line()}, {links:,} links."

_json = json.JSONEncoder(ensure_ascii=False).encode

def _after(value):
    "Seconds that a Retry-After asks for, 0 for none"
    if not value: return 0
    if value.strip().isdecimal(): return float(value.strip()[:6])
    from email.utils import parsedate_to_datetime
    try: return max(0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError): return 0

def _resolver(crawl):
    "Names into addresses, but no name of a stranger into an address of this machine or network"
    import aiohttp
    class Careful(aiohttp.abc.AbstractResolver):
        def __init__(self): self.inner = aiohttp.ThreadedResolver()
        async def resolve(self, host, port=0, family=socket.AF_INET):
            found = await self.inner.resolve(host, port, family)
            if (host, port) in crawl.typed or crawl.proxy and (host, port) == urls.host(crawl.proxy): return found
            good = [f for f in found if not urls.private(f['host'])]
            if found and not good: raise Private(f'{host} is at {found[0]["host"]}, an address of this machine or network')
            return good
        async def close(self): await self.inner.close()
    return Careful()
