"""What JavaScript makes of a page: the system's own Chromium, Chrome or Edge, spoken to over its DevTools protocol. Pictures,
fonts and films are not loaded, downloads are refused, and no page of a stranger reaches an address of this machine or network.

    async with Browser(agent) as b: await b.render(url)  →  {html, status, ms, error, console}"""
import asyncio, contextlib, itertools, json, os, shutil, socket, subprocess, tempfile, time
from pathlib import Path
from . import urls

tabs, quiet, most_html = 3, .5, 20 << 20              # side by side; seconds without a request after which a page is thought to be ready; characters
flags = ['--headless=new', '--disable-gpu', '--no-first-run', '--no-default-browser-check', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--disable-extensions', '--disable-default-apps', '--mute-audio', '--disable-quic',
         '--disable-features=Translate,OptimizationHints,MediaRouter', '--remote-debugging-port=0', '--remote-allow-origins=*']

def find():
    "Where a browser is, None when there is none"
    for n in ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge', 'microsoft-edge'):
        if p := shutil.which(n): return p
    homes = [os.environ.get(v, '') for v in ('PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA')]
    mac = Path('/Applications')
    places = [mac/'Google Chrome.app/Contents/MacOS/Google Chrome', mac/'Chromium.app/Contents/MacOS/Chromium',
              mac/'Microsoft Edge.app/Contents/MacOS/Microsoft Edge']
    for h in filter(None, homes):
        places += [Path(h)/part for part in (r'Google\Chrome\Application\chrome.exe', r'Chromium\Application\chrome.exe',
                                             r'Microsoft\Edge\Application\msedge.exe')]
    return next((str(p) for p in places if p.is_file()), None)

class Gone(Exception): "The browser is not there any more"

class Browser:
    """`guard(url)` raises OSError for addresses that must not be reached; `typed` are the (host, port) that
    the user named himself; `folder` is where its profile goes: one that a crash left there is closed first"""
    def __init__(self, agent, guard=None, timeout=30, folder=None, typed=(), login=None, proxy='', proxy_login=None, unverified=False):
        self.login, self.proxy, self.proxy_login, self.unverified = login or (lambda url: None), proxy, proxy_login, unverified
        self.agent, self.guard, self.timeout, self.typed = agent, guard or (lambda url: None), timeout, set(typed)
        self.own = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix='pianola-browser-'))
        self.n, self.waiting, self.sessions, self.free, self.p, self.known = itertools.count(1), {}, {}, asyncio.Queue(), None, {}
    async def __aenter__(self):
        await self.start()
        return self
    async def __aexit__(self, *a): await self.close()

    async def start(self):
        import aiohttp
        self.http = aiohttp.ClientSession()
        try:
            await self.leftover()
            await self._start()
        except BaseException:
            await self.close()
            raise
    async def _start(self):
        import aiohttp
        if not (program := find()):
            raise RuntimeError(
                'JavaScript needs a browser, and there is no Chromium, Chrome or Edge on this machine: install one, or crawl without JavaScript')
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        root = ['--no-sandbox'] if hasattr(os, 'geteuid') and os.geteuid() == 0 else []      # as root Chromium refuses to start with its sandbox
        proxy = [f'--proxy-server={self.proxy}'] if self.proxy else []
        trusting = ['--ignore-certificate-errors'] if self.unverified else []
        own = [f'--user-agent={self.agent}', f'--user-data-dir={self.folder}']
        null = dict.fromkeys(('stdin', 'stdout', 'stderr'), subprocess.DEVNULL)
        self.p = subprocess.Popen([program, *flags, *root, *own, *proxy, *trusting, 'about:blank'], **null)      # noqa: ASYNC220  waited for in a thread
        until = time.monotonic() + 30
        while not (at := self._port()):
            if self.p.poll() is not None: raise RuntimeError(f'{program} ended at once (code {self.p.returncode})')
            if time.monotonic() > until: raise RuntimeError(f'{program} did not begin within 30 s')
            await asyncio.sleep(.05)
        self.ws = await self.http.ws_connect(at, max_msg_size=256 << 20, timeout=aiohttp.ClientWSTimeout(ws_close=2))
        self.listening = asyncio.create_task(self._listen())
        with contextlib.suppress(Gone): await self.ask('Browser.setDownloadBehavior', {'behavior': 'deny'})
        for _ in range(tabs): self.free.put_nowait(await self._tab())
    def _port(self):
        try: port, path = (self.folder/'DevToolsActivePort').read_text('utf-8').split('\n')[:2]
        except (OSError, ValueError): return None
        return f'ws://127.0.0.1:{int(port)}{path.strip()}'
    async def leftover(self):
        "Close the browser of a crawler that was killed"
        import aiohttp
        if not (at := self._port()): return
        try:
            async with self.http.ws_connect(at, timeout=aiohttp.ClientWSTimeout(ws_close=2)) as ws:
                await ws.send_json({'id': 1, 'method': 'Browser.close'})
                await ws.receive(timeout=5)
        except (aiohttp.ClientError, OSError, TimeoutError): return        # it is gone already
    async def close(self):
        if getattr(self, 'listening', None):
            with contextlib.suppress(Gone, TimeoutError): await asyncio.wait_for(self.ask('Browser.close'), 3)
            self.listening.cancel()
        if self.p:
            try: await asyncio.to_thread(self.p.wait, 5)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
        await self.http.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _listen(self):
        import aiohttp
        async for m in self.ws:
            if m.type != aiohttp.WSMsgType.TEXT: break
            said = json.loads(m.data)
            if 'id' in said:
                if (f := self.waiting.pop(said['id'], None)) and not f.done(): f.set_result(said)
            elif t := self.sessions.get(said.get('sessionId')): t.hear(said['method'], said.get('params', {}))
        for f in self.waiting.values():
            if not f.done(): f.set_exception(Gone('the browser ended'))
        self.waiting.clear()
        for t in self.sessions.values(): t.ended('the browser ended')
    async def ask(self, method, params=None, session=None):
        "The result of a call; Gone when the browser ends, RuntimeError when it refuses"
        if self.listening.done() or self.ws.closed: raise Gone('the browser ended')
        id, f = next(self.n), asyncio.get_running_loop().create_future()
        self.waiting[id] = f
        try: await self.ws.send_str(json.dumps({'id': id, 'method': method, 'params': params or {}, **({'sessionId': session} if session else {})}))
        except (ConnectionError, OSError) as e: raise Gone(str(e)) from None
        said = await f
        if 'error' in said: raise RuntimeError(f"{method}: {said['error'].get('message', '')}"[:300])
        return said.get('result', {})

    async def _tab(self):
        target = (await self.ask('Target.createTarget', {'url': 'about:blank'}))['targetId']
        session = (await self.ask('Target.attachToTarget', {'targetId': target, 'flatten': True}))['sessionId']
        t = self.sessions[session] = Tab(self, session, target)
        for what in ('Page.enable', 'Runtime.enable', 'Network.enable', 'Inspector.enable'): await t.ask(what)
        await t.ask('Fetch.enable', {'patterns': [{'urlPattern': '*'}], 'handleAuthRequests': True})
        await t.ask('Network.setCacheDisabled', {'cacheDisabled': False})
        return t

    async def render(self, url):
        "dict(html (None where it failed), status, ms, error, console)"
        tab, began = await self.free.get(), time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout): out = await tab.render(url)
        except TimeoutError: out = {'html': None, 'error': 'timeout', 'console': tab.console[:20]}
        except (Gone, RuntimeError) as e: out = {'html': None, 'error': f'{e}'[:200], 'console': tab.console[:20]}
        finally:
            self.free.put_nowait(await self._anew(tab))
        return {'status': tab.status, **out, 'ms': round((time.perf_counter()-began)*1000, 1)}
    async def _anew(self, tab):
        "A tab for the next page: the same one where it is well, else another, in another browser if need be"
        if tab.well: return tab
        self.sessions.pop(tab.session, None)
        try:
            with contextlib.suppress(RuntimeError): await self.ask('Target.closeTarget', {'targetId': tab.target})
            return await self._tab()
        except Gone: return tab
    async def allowed(self, url):
        "May a page load this?"
        if not url.startswith(('http://', 'https://', 'ws://', 'wss://')): return url.startswith(('data:', 'blob:', 'about:'))
        web = url.replace('ws', 'http', 1) if url.startswith('ws') else url
        try:
            self.guard(web)
            name, port = urls.host(web)
        except (OSError, ValueError): return False
        if (name, port) in self.typed: return True
        if name not in self.known:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
                self.known[name] = not all(urls.private(a[4][0]) for a in found)
            except (OSError, UnicodeError): self.known[name] = True          # a name that is none: the browser says so itself
        return self.known[name]

class Tab:
    "One page at a time"
    def __init__(self, browser, session, target):
        self.browser, self.session, self.target, self.well = browser, session, target, True
        self.console, self.status, self.flying, self.loaded, self.moved, self.held, self.told = [], None, set(), asyncio.Event(), 0.0, set(), set()
    def ask(self, method, params=None): return self.browser.ask(method, params, self.session)
    def hold(self, work):
        t = asyncio.create_task(self._quietly(work))
        self.held.add(t)
        t.add_done_callback(self.held.discard)
    async def _quietly(self, work):
        try: await work
        except (Gone, RuntimeError): self.moved = time.monotonic()          # the page or the browser went while it was answered
    def ended(self, why):
        self.well = False
        self.loaded.set()
    def hear(self, method, p):
        if method == 'Fetch.requestPaused': self.hold(self._request(p))
        elif method == 'Fetch.authRequired': self.hold(self._auth(p))
        elif method == 'Network.requestWillBeSent': self.flying.add(p['requestId']); self.moved = time.monotonic()
        elif method in ('Network.loadingFinished', 'Network.loadingFailed'): self.flying.discard(p['requestId']); self.moved = time.monotonic()
        elif method == 'Network.responseReceived' and p.get('type') == 'Document' and self.status is None: self.status = p['response']['status']
        elif method == 'Page.loadEventFired': self.loaded.set(); self.moved = time.monotonic()
        elif method == 'Page.javascriptDialogOpening': self.hold(self.ask('Page.handleJavaScriptDialog', {'accept': False}))
        elif method == 'Runtime.exceptionThrown':
            d = p.get('exceptionDetails', {})
            self.console.append(f"{(d.get('exception') or {}).get('description', d.get('text', ''))}"[:300])
        elif method == 'Runtime.consoleAPICalled' and p.get('type') in ('error', 'warning', 'assert'):
            self.console.append(f"{p['type']}: {' '.join(str(a.get('value', a.get('description', ''))) for a in p.get('args', []))}"[:300])
        elif method == 'Inspector.targetCrashed': self.console.append('the page crashed its tab'); self.ended('crashed')
    async def _request(self, p):
        if p.get('resourceType') in ('Image', 'Media', 'Font') or not await self.browser.allowed(p['request']['url']):
            return await self.ask('Fetch.failRequest', {'requestId': p['requestId'], 'errorReason': 'BlockedByClient'})
        await self.ask('Fetch.continueRequest', {'requestId': p['requestId']})
    async def _auth(self, p):
        "A site or the proxy asks who is there: said once, where the user wrote it down"
        c, b = p['authChallenge'], self.browser
        who = None if p['requestId'] in self.told else b.proxy_login if c.get('source') == 'Proxy' else b.login(c['origin'] + '/')
        self.told.add(p['requestId'])
        answer = {'response': 'ProvideCredentials', 'username': who[0], 'password': who[1]} if who else {'response': 'CancelAuth'}
        await self.ask('Fetch.continueWithAuth', {'requestId': p['requestId'], 'authChallengeResponse': answer})
    async def render(self, url):
        self.console, self.status, self.flying, self.told = [], None, set(), set()
        self.loaded.clear()
        self.well = False                                        # until it has come to an end
        went = await self.ask('Page.navigate', {'url': url})
        if went.get('errorText'):
            self.well = True
            return {'html': None, 'error': went['errorText'], 'console': self.console[:20]}
        with contextlib.suppress(TimeoutError): await asyncio.wait_for(self.loaded.wait(), self.browser.timeout*.6)
        late = time.monotonic() + self.browser.timeout*.2
        while (left := late - time.monotonic()) > 0:
            if self.flying and time.monotonic() - self.moved < 5: await asyncio.sleep(.05)
            else:
                # by the page's own clock: on a busy machine its timers are late, and ours would not know
                moved = self.moved
                try:
                    pause = {'expression': f'new Promise(r => setTimeout(r, {quiet*1000:.0f}))', 'awaitPromise': True}
                    await asyncio.wait_for(self.ask('Runtime.evaluate', pause), left)
                except TimeoutError: break
                except RuntimeError: await asyncio.sleep(.05)    # the page went on to another one
                else:
                    if moved == self.moved: break
        html = f"(document.documentElement ? '<!doctype html>' + document.documentElement.outerHTML : '').slice(0, {most_html})"
        said = await self.ask('Runtime.evaluate', {'expression': html, 'returnByValue': True, 'timeout': 5000})
        await self.ask('Page.navigate', {'url': 'about:blank'})
        self.well = True
        return {'html': said.get('result', {}).get('value') or '', 'error': None, 'console': self.console[:20]}
