"The real parts: a server as its own process on a data folder of its own, the real model, the system's Chromium."
import asyncio, contextlib, json, os, queue, shutil, signal, socket, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import hypothesis, pytest
from playwright.sync_api import expect
from nursery import Newborn

# what tests ask is here, whatever the way to the web is
for name in ('no_proxy', 'NO_PROXY'): os.environ[name] = ','.join(filter(None, (os.environ.get(name), 'localhost,127.0.0.1,::1')))
root = Path(__file__).parent.parent
sys.path.insert(0, str(root))
sys.path.insert(0, str(root/'tests'))
browser_path = next((p for n in ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge')
                     if (p := shutil.which(n))), None) or \
    next((p for p in ('/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium',
                      r'C:\Program Files\Google\Chrome\Application\chrome.exe',
                      r'C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe') if os.path.exists(p)), None)

# how long something may take at worst on a machine that others share; what is there at once costs nothing
expect.set_options(timeout=20_000)
hypothesis.settings.register_profile('ours', deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])      # the same
hypothesis.settings.load_profile('ours')

def busy():
    """How much longer than on a quiet machine something may take just now, at
    least 1: a time that is promised (`took < 1*busy()`) is promised for a machine
    that does nothing else, and whoever shares it is no fault of ours"""
    wall, work = time.perf_counter(), time.thread_time()
    while (worked := time.thread_time() - work) < .1: pass
    slower = max(1, (time.perf_counter() - wall)/worked)
    return 3*slower if slower > 1.1 or int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1)) > 1 else 1

def held(pieces, at):
    """A reply of a scripted model that goes on after so many pieces only when the test says
    so: (script, the event to set). What is to be seen while it streams cannot be missed"""
    go = threading.Event()
    async def script(_):
        for n, piece in enumerate(pieces):
            while n >= at and not go.is_set(): await asyncio.sleep(.02)      # noqa: ASYNC110  it is set in another thread
            yield piece
    return script, go

def pytest_configure(config):
    config.addinivalue_line('markers', 'model: needs the default model file and runs it')
    config.addinivalue_line('markers', 'browser: drives a real Chromium')

def pytest_collection_modifyitems(items):
    for item in items:
        own = set(item.callspec.params) if hasattr(item, 'callspec') else set()
        if {'page', 'context', 'browser', 'new_context'} & set(getattr(item, 'fixturenames', ())) - own: item.add_marker('browser')
    # last: Playwright's loop runs on under tests that want one of their own
    items.sort(key=lambda item: item.get_closest_marker('browser') is not None)

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.get_closest_marker('browser') and not browser_path:
        why = 'no Chromium or Chrome was found on this machine: install one (Debian: apt-get install chromium) to run the browser tests'
        (pytest.fail if os.environ.get('CI') else pytest.skip)(why)

# What every window would otherwise have drawn behind it, for a second of processor: the pages of an address bar that nobody sees.
# The last list that the browser is given counts, so that the driver's own is repeated.
unwanted = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'WebUIOmniboxFullPopup', 'AvoidUnnecessaryBeforeUnloadCheckSync',
            'DestroyProfileOnBrowserClose', 'HttpsUpgrades', 'HttpsFirstBalancedModeAutoEnable', 'LensOverlay', 'MediaRouter', 'PaintHolding',
            'ThirdPartyStoragePartitioning', 'AvoidCorsURLLoaderRestartOnRedirect', 'OptimizationHints', 'NetworkTimeServiceQuerying',
            'AimEnabled', 'PreconnectToSearch',
            'SpareRendererForSitePerProcess']        # and a second process for a page that never comes
@pytest.fixture(scope='session')
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, 'executable_path': browser_path,
            'args': ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
                     '--disable-component-update', '--disable-sync', f'--disable-features={",".join(unwanted)}',
                     '--host-resolver-rules=MAP rebind.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1']}

@pytest.fixture
def context(context):
    "Each further page is a window of its own: a tab that lies behind another is drawn once a second, and every click waits for a drawing"
    first, browser = context.new_page, context.browser.new_browser_cdp_session()
    def new_page():
        if not context.pages: return first()
        mine = context.new_cdp_session(context.pages[0]).send('Target.getTargetInfo')['targetInfo']['browserContextId']
        with context.expect_page() as opened: browser.send('Target.createTarget', {'url': 'about:blank', 'browserContextId': mine, 'newWindow': True})
        return opened.value
    context.new_page = new_page
    return context

@pytest.fixture(scope='session')
def models_dir():
    "Where the model files are; without the default one the tests that need it fail and say so"
    from pianola.config import read
    return read([]).models_dir

@pytest.fixture(scope='session')
def warmed(tmp_path_factory, models_dir):
    "A data folder for which the instructions were read once, as the set-up does it, by whichever worker needs it first; (the folder, what was said)"
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base)/'warmed'
    told = folder/'said.json'
    try: folder.mkdir()
    except FileExistsError:
        end = time.monotonic() + 900
        while not told.exists() and time.monotonic() < end: time.sleep(.2)
    else:
        said = None
        try:
            run = lambda: subprocess.run([sys.executable, '-m', 'pianola', 'warm', '--data', str(folder/'data')], cwd=root, capture_output=True,
                                         env={**os.environ, 'PIANOLA_ENGINE': 'embedded'}, text=True, check=True).stdout
            said = [run(), run()]
        finally:
            (folder/'said').write_text(json.dumps(said), 'utf-8')
            (folder/'said').rename(told)
    said = json.loads(told.read_text('utf-8'))
    assert said, 'the worker that had to warm it failed'
    return folder/'data', said
@pytest.fixture
def warm(warmed, tmp_path):
    "A copy of it"
    return shutil.copytree(warmed[0], tmp_path/'warm')

def two_models(folder):
    "A folder with the default model under two names, the second `twin`: another model for the engine, and no second download"
    from pianola import fetch
    from pianola.config import read
    file = fetch.MODELS[fetch.default].file
    folder.mkdir()
    for name in (file, 'twin.gguf'):
        try: os.link(read([]).models_dir/file, folder/name)
        except OSError: shutil.copy(read([]).models_dir/file, folder/name)       # it is on another disk
    return folder

def connect(*args, **kw):
    "A socket that takes in whatever comes: one that stops reading after sixteen frames, as the library's own, needs ten seconds to close"
    from websockets.sync import client
    return client.connect(*args, **{'max_queue': None, 'max_size': 2**26, 'open_timeout': 30, **kw})

class Server:
    """One `python server.py` with a data folder of its own. Where that changes nothing it is forked from a process that
    has read everything in (nursery.py); `cold` starts it as a person does, and so does any odd environment"""
    def __init__(self, data, env=None, args=(), plugins=None, prompts=None, port=0, cold=False):
        self.data, self.lines, self.out = Path(data), [], queue.Queue()
        if not prompts and not {'PIANOLA_PROMPTS', '--prompts'} & {*(env or {}), *map(str, args)}:        # a copy: there are keys that write there
            prompts = self.data.parent/f'{self.data.name}-prompts'
            if not prompts.exists(): shutil.copytree(root/'prompts', prompts)
        e = {k: v for k, v in os.environ.items() if not k.startswith('PIANOLA_') or k == 'PIANOLA_MODELS_DIR'}
        e.pop('PORT', None); e.pop('OLLAMA_HOST', None)
        e |= {'PIANOLA_NO_BROWSER': '1', 'OLLAMA_HOST': '127.0.0.1:9', 'PYTHONUNBUFFERED': '1', **(env or {})}
        cmd = [sys.executable, str(root/'server.py'), '--port', str(port), '--data', str(data),
               *(['--plugins', str(plugins)] if plugins else []), *(['--prompts', str(prompts)] if prompts else []), *args]
        self.began = time.perf_counter()
        if cold or sys.platform != 'linux' or not all(k.startswith(('PIANOLA_', 'OLLAMA_')) for k in env or ()):
            self.p = subprocess.Popen(cmd, cwd=root, env=e, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        else: self.p = Newborn(cmd[2:], e)
        threading.Thread(target=self._read, args=(self.p.stdout, self.lines, self.out), daemon=True).start()
        self.url = self._wait()
    def _read(self, stdout, lines, out):        # of this start: a test may start it again before the last one's is read to its end
        for line in stdout: lines.append(line); out.put(line)
        out.put(None)
    def _wait(self):
        end = time.time() + 60
        while time.time() < end:
            with contextlib.suppress(queue.Empty):
                line = self.out.get(timeout=1)
                if line is None: raise RuntimeError(f'the server ended with {self.p.wait(10)}:\n{"".join(self.lines)}')
                if line.startswith('Pianola is at '): return line.split()[-1]
        raise RuntimeError(f'the server did not start:\n{"".join(self.lines)}')
    @property
    def port(self): return int(self.url.rpartition(':')[2])
    @property
    def ws(self): return self.url.replace('http', 'ws') + '/ws'
    def get(self, path, **heads): return self.ask('GET', path, None, **heads)
    def post(self, path, body=None, **heads): return self.ask('POST', path, {} if body is None else body, **heads)
    def act(self, name, /, **args):
        status, said = self.post(f'/api/actions/{name}', args)
        assert status == 200, said
        return said
    def ask(self, method, path, body=None, **heads):
        "(status, decoded JSON or text)"
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        req = urllib.request.Request(self.url + path, data, {**({'Content-Type': 'application/json'} if data is not None else {}),
            **{k.replace('_', '-'): v for k, v in heads.items()}}, method=method)
        try:
            with urllib.request.urlopen(req, timeout=60) as r: status, text, self.heads = r.status, r.read().decode(), r.headers
        except urllib.error.HTTPError as e: status, text, self.heads = e.code, e.read().decode('utf-8', 'replace'), e.headers
        with contextlib.suppress(ValueError): return status, json.loads(text)
        return status, text
    def rows(self, table): return self.act(f'{table}.list')['result']
    def until(self, f, seconds=60):
        "Wait until f() is true; its value comes back"
        end = time.time() + seconds
        while time.time() < end:
            if v := f(): return v
            time.sleep(.03)
        raise AssertionError(f'not within {seconds} s: {f()!r}\n{"".join(self.lines[-20:])}')
    def stop(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
            try: self.p.wait(20)
            except subprocess.TimeoutExpired: self.p.kill(); self.p.wait(); raise AssertionError('the server did not end within 20 s of SIGTERM')
        return self.p.returncode
    def kill(self):
        self.p.kill()
        self.p.wait()

def written(folder, f):
    "What f(tx) gives back, in one transaction on the database of a data folder that no server has open"
    from pianola.store import Store
    async def write():
        st = Store()
        await st.open(folder)
        try: return await st.write(f)
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: return beside.submit(asyncio.run, write()).result()       # where a loop runs already there is no other

@contextlib.asynccontextmanager
async def opened(folder, monkeypatch, *modules):
    "A store of its own in this folder, for modules that take theirs from `pianola.store`; it says at once that the file is held by another program"
    from pianola import store
    st = store.Store()
    for m in modules: monkeypatch.setattr(m, 'store', st)
    monkeypatch.setattr(store, 'again_s', .02)
    await st.open(folder)
    await st.read(lambda tx: tx.conn.set_busy_timeout(1))
    try: yield st
    finally: await st.close()

@contextlib.contextmanager
def locked(folder):
    "Another program holds the database of this folder, until the store has seen it"
    import apsw
    from loguru import logger
    seen, c = threading.Event(), apsw.Connection(str(folder/'pianola.db'))
    id = logger.add(lambda said: 'is kept as soon as that can be' in said and seen.set(), format='{message}')
    c.execute('begin immediate')
    try: yield seen
    finally:
        logger.remove(id)
        c.execute('rollback')
        c.close()

@pytest.fixture
def serve(tmp_path):
    "serve(**options) starts a server; all are ended with the test"
    running = []
    def start(data=None, **kw):
        s = Server(data or tmp_path/f'data{len(running)}', **kw)
        running.append(s)
        return s
    yield start
    for s in running:
        if s.p.poll() is None: s.kill()

@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    "One server for the tests of a file that leave it usable; no model is ever asked"
    s = Server(tmp_path_factory.mktemp('shared'), env={'PIANOLA_ENGINE': 'embedded'})
    yield s
    s.kill()

class Upstream:
    "A scripted Ollama (see ollama_double.py) on a thread of its own, for tests that do not await"
    def __init__(self, script, **kw):
        from ollama_double import Double
        self.double, started = Double(script, **kw), threading.Event()
        async def live():
            self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
            async with self.double:
                started.set()
                await self.over.wait()
        self.thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
        self.thread.start()
        assert started.wait(30)
    @property
    def env(self): return {'OLLAMA_HOST': self.double.url, 'PIANOLA_ENGINE': 'ollama'}
    @property
    def asked(self):
        "The bodies of the chat requests"
        return [body for _, path, body in self.double.requests if path == '/api/chat']
    def close(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(30)

@pytest.fixture
def upstream():
    "upstream(script, **options) starts a scripted Ollama"
    all_ = []
    def start(script, **kw):
        all_.append(u := Upstream(script, **kw))
        return u
    yield start
    for u in all_: u.close()

# PostgreSQL, from the system's packages: a cluster of its own in a temporary folder

def postgres_bin():
    "The folder of initdb and postgres, or None"
    if found := shutil.which('initdb'): return Path(found).resolve().parent
    return next((p.parent for p in sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'), key=lambda p: p.parts[-3].zfill(4), reverse=True)), None)

class Postgres:
    """A server of its own on a free port of this machine; `stop` and `start`
    as often as a test likes; `url()` makes a new database and says where it is"""
    def __init__(self):
        self.bin, self.folder, self.n = postgres_bin(), Path(tempfile.mkdtemp(prefix='pianola-pg-')), 0
        # it refuses to run as root
        self.who = {'user': 'postgres', 'group': 'postgres', 'extra_groups': []} if os.name == 'posix' and os.getuid() == 0 else {}
        if self.who: shutil.chown(self.folder, 'postgres')
        self.run('initdb', '-D', str(self.folder/'db'), '-U', 'pianola', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8')
        for left in (3, 2, 1, 0):
            with socket.socket() as s:
                s.bind(('127.0.0.1', 0))
                self.port = s.getsockname()[1]
            try: self.start(); break
            except AssertionError:                  # somebody took the port meanwhile
                if not left: raise
        # DBOS' tables, once for all
        subprocess.run([sys.executable, '-c', 'import sys; from dbos import DBOS; DBOS.migrate(system_database_url=sys.argv[1])',
                        self.new('empty')], check=True, capture_output=True, timeout=180)
    def run(self, name, *args):
        r = subprocess.run([str(self.bin/name), *args], **self.who, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=180)
        assert not r.returncode, f'{name}: {r.stdout}'
    def start(self):
        self.run('pg_ctl', '-D', str(self.folder/'db'), '-w', '-l', str(self.folder/'log'), 'start', '-o',
                 f"-p {self.port} -h 127.0.0.1 -k '' -c max_connections=200")
    def stop(self): self.run('pg_ctl', '-D', str(self.folder/'db'), '-w', '-m', 'immediate', 'stop')         # as if it were killed
    def new(self, name, *args):
        self.run('createdb', '-h', '127.0.0.1', '-p', str(self.port), '-U', 'pianola', *args, name)
        return f'postgresql://pianola@127.0.0.1:{self.port}/{name}'
    def url(self):
        self.n += 1
        return self.new(f't{self.n}', '-T', 'empty')

@pytest.fixture(scope='session')
def postgres():
    "A running PostgreSQL; skipped where there is none, which in CI is a failure"
    from importlib.util import find_spec
    why = ('' if postgres_bin()
           else 'no PostgreSQL was found on this machine: install it (Debian: apt-get install postgresql) to run the tests of jobs on it')
    why = why or ('' if find_spec('dbos') and find_spec('psycopg') else 'dbos and psycopg are not installed: python3 start.py test brings them')
    if why: (pytest.fail if os.environ.get('CI') else pytest.skip)(why)
    p = Postgres()
    yield p
    p.stop()
    shutil.rmtree(p.folder)
