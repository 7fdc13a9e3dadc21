"""One server, one page: your plugins on the left, the model on the right.

    server.py     this file: the whole story on one screen
    pianola/      the instrument; docs/architecture.md is its map
    plugins/      the music: drop a file in, it is on the menu
    prompts/      who the model is today
    data/         everything it knows about you; delete it and it forgets

    click or chat → act → store → event → every tab shows it, and the model overhears it
"""
import gc
gc.disable()            # nothing that is made while it starts is rubbish: looking for some takes an eighth of the start
import asyncio, ctypes, errno, os, shlex, signal, socket, sys, threading
from contextlib import asynccontextmanager
import apsw, uvicorn
from urllib.parse import urlsplit
from loguru import logger as log
from fasthtml.common import FastHTML, JSONResponse, Mount
from pianola import api, console, contain, fetch, gate, layers, live, models, page, prompts, render, tabs
from pianola import doors, explain      # noqa: F401  routes of runs; the keys that explain
from pianola.asking import files
from pianola.config import read
from pianola.conversation import chat, orders, understand
from pianola.engines import Engines
from pianola.loading import settings
from pianola.loading.plugins import plugins
from pianola.store import Refused, kv, room, store, unopened, unusable
from pianola.work import jobs

def make(config):
    "The app for a Config: the gate outside, then the routes; the lifespan opens the store, the plugins and the engines, and closes them in turn"
    prompts.settle(config.prompts)
    settings.never_said(config.password, urlsplit(config.jobs).password)
    contain.key_seconds = contain.view_seconds = contain.step_seconds = config.patience

    async def look():
        "Which engines are here, asked when the server answers"
        await asyncio.sleep(.05)
        await models.look()

    async def warm():
        "What the first reply would wait for is loaded when somebody looks, and the page has had its turn"
        await tabs.somebody.wait()
        await asyncio.sleep(.7)
        for f in (render.warm, understand.warm): await asyncio.to_thread(f)

    async def tidy(data):
        "Files that were given and that nothing names any more"
        await asyncio.sleep(5)
        if n := await asyncio.to_thread(files.sweep, data):
            log.info(f"{n} {'file' if n == 1 else 'files'} that nothing names any more {'was' if n == 1 else 'were'} removed")

    @asynccontextmanager
    async def life(app):
        # first: what an engine left unfinished on a full disk goes before the store needs room
        chat.engines = models.engines = engines = Engines(config)
        await store.open(config.data)
        await store.read(layers.learn)
        await plugins.load(app, config.plugins)
        live.start(config.plugins)
        orders.by_rules = config.rules
        looking = [asyncio.create_task(look()), asyncio.create_task(warm())]
        await chat.wake()
        jobs.config = config
        await jobs.wake()
        looking.append(asyncio.create_task(tidy(config.data)))
        yield
        for t in looking: t.cancel()
        await live.stop()
        await engines.close()
        await store.close()

    app = FastHTML(default_hdrs=False, canonical=False, surreal=False, key_fname=str(config.data/'.sesskey'),
                   session_cookie='pianola_session', secret_key=gate.key(config.data).hex())
    app.set_lifespan(life)

    async def whole(req):
        name, chat_ = req.path_params.get('name', ''), req.query_params.get('chat', '')
        missing = name if name and name not in plugins else ''
        if missing and ('hx-request' in req.headers or 'text/html' not in req.headers.get('accept', '')):
            return JSONResponse({'error': f'there is no plugin {name[:80]}', 'hint': f"there is {', '.join(plugins)}"}, 404)
        tabs.address.set(dict(req.query_params))
        name = '' if missing else name or await kv.get('open', '')
        if not missing and name not in plugins: name = next(iter(plugins), '')
        if 'hx-request' in req.headers and 'hx-history-restore-request' not in req.headers:
            return api.ft(await page.left(name))
        number = lambda text: int(text) if text.isdecimal() and len(text) < 16 else None
        talk = None if chat_ == 'new' else number(chat_) if number(chat_) is not None else await store.read(api.history.current)
        if talk and not await store.q('select 1 from conversation where id=? and deleted=0', talk): talk = None
        return api.ft(await page.whole(name, talk, models.line(), number(req.query_params.get('at', '')), missing), status=404 if missing else 200)

    app.router.routes[:] = [*api.routes, Mount('/static', page.Files(directory=page.static)),
                            Mount('/vendor', page.Files(directory=page.static/'vendor', check_dir=False))]
    app.get('/')(whole)
    app.get('/{name}')(whole)
    return gate.Gate(app, config, gate.key(config.data), cdn='' if fetch.asset('htmx.min.js')[0].startswith('/') else fetch.cdn)

class Server(uvicorn.Server):
    "Says where it is once it answers, and ends within seconds whoever is still connected"
    def __init__(self, app, config):
        super().__init__(uvicorn.Config(
            app, config.host, config.port, log_config=None, access_log=False, server_header=False, lifespan='off', loop='pianola.contain:loop',
            ws_per_message_deflate=False, ws_max_size=1_500_000, ws_ping_interval=20,
            timeout_graceful_shutdown=2, h11_max_incomplete_event_size=65536))
        # entered here and not by uvicorn, which would make a traceback of what it raises and go on
        self.ours, self.life = config, app.app.router.lifespan_context(app.app)
    async def startup(self, sockets=None):
        try: await self.life.__aenter__()
        except (apsw.CorruptError, apsw.FullError) as e: raise unopened(self.ours.data, e) from None      # deep in a file that opened well
        try: await super().startup(listen(self.ours.host, self.ours.port))
        except Refused:
            await self.end()
            raise
        gc.freeze()
        gc.enable()
        self.ours.port = self.servers[0].sockets[0].getsockname()[1]
        console.say(f'Pianola is at {self.ours.url}')
        if self.ours.browser:
            import webbrowser
            threading.Thread(target=webbrowser.open, args=(self.ours.url,), daemon=True).start()

    def handle_exit(self, sig, frame):
        # uvicorn's own raises the signal again in the end, as if to be asked were a failure
        self.force_exit, self.should_exit = self.should_exit and sig == signal.SIGINT, True

    async def shutdown(self, sockets=None):
        # before the sockets go: replies and jobs are cut where they can go on, every tab sees it, and no stream holds us up
        await chat.sleep()
        await jobs.close()
        await super().shutdown(sockets)
        if not self.force_exit: await self.life.__aexit__(None, None, None)
        log.info('Pianola has ended')

    async def end(self):
        "What is to be put away when no socket was ever open"
        await chat.sleep()
        await jobs.close()
        await self.life.__aexit__(None, None, None)

def listen(host, port):
    "The sockets of this address, ours from now on; Refused says why it cannot be had, and what to do"
    made, wrong = [], None
    try: found = dict.fromkeys((family, where) for family, _, _, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        raise Refused(f'no machine is called {host}', 'leave --host (or PIANOLA_HOST) out, or name an address of this machine') from None
    for family, where in found:
        try:
            made.append(s := socket.socket(family, socket.SOCK_STREAM))
            if os.name == 'posix': s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # a name with two addresses has one port
            s.bind((where[0], port or (made[0].getsockname()[1] if len(made) > 1 else 0), *where[2:]))
            s.listen(2048)
        except OSError as e:
            made.pop().close()
            wrong = e if not wrong or e.errno in (errno.EADDRINUSE, errno.EACCES) else wrong
    # of two addresses one may not be here: a machine without IPv6
    if made and (not wrong or wrong.errno not in (errno.EADDRINUSE, errno.EACCES)): return made
    for s in made: s.close()
    if wrong.errno == errno.EADDRINUSE:
        raise Refused(f'port {port} of {host} is taken by another program',
                      f'choose another, e.g. --port {port + 1 if port < 65535 else 5001}, or end that program')
    if wrong.errno in (errno.EACCES, errno.EPERM):
        raise Refused(f'port {port} of {host} may not be used by you', 'choose one from 1024 on that nobody uses, e.g. --port 5001')
    if wrong.errno == errno.EADDRNOTAVAIL:
        raise Refused(f'{host} is no address of this machine', 'leave --host (or PIANOLA_HOST) out, or name one that is')
    raise Refused(f'{host} cannot be listened on at port {port}: {wrong.strerror}', 'choose another with --port, or leave --host out')

def again():
    "`--reload`: run without it as a child, and start that again when our own code changes; for the developers of pianola/"
    from watchfiles import run_process
    args = [a for a in sys.argv[1:] if a != '--reload']
    run_process(page.static.parent/'pianola', __file__, target=shlex.join([sys.executable, __file__, *args, '--no-browser']), target_type='command')

def frugal():
    "One heap for all threads: glibc would give each its own, and only one of them runs Python at a time"
    if sys.platform == 'linux' and (tell := getattr(ctypes.CDLL(None), 'mallopt', None)): tell(-8, 1)         # M_ARENA_MAX

def main():
    frugal()
    config = read()
    if config.reload: return again()
    try:
        room(config.data)
        try:
            console.open(config)
            server = Server(make(config), config)
        except OSError as e: raise unusable(config.data, e) from None
        server.run()
    except Refused as e:
        print(f'Pianola cannot start: {e.text}. {e.hint[:1].upper()}{e.hint[1:]}.', file=sys.stderr)
        sys.exit(3)
    sys.exit(0 if server.started else 3)

if __name__ == '__main__': main()
