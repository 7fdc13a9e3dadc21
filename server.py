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
import asyncio, ctypes, shlex, signal, sys, threading
from contextlib import asynccontextmanager
import uvicorn
from loguru import logger as log
from fasthtml.common import FastHTML, HTMLResponse, JSONResponse, Mount, to_xml
from pianola import api, chat, console, contain, fetch, forms, gate, jobs, layers, live, models, orders, page, prompts, render, tabs, understand
from pianola import doors, explain      # noqa: F401  routes of runs; the keys that explain
from pianola.config import read
from pianola.engines import Engines
from pianola.plugins import plugins
from pianola.store import Refused, kv, store

def make(config):
    "The app for a Config: the gate outside, then the routes; the lifespan opens the store, the plugins and the engines, and closes them in turn"
    prompts.folder = config.prompts
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
        if n := await asyncio.to_thread(forms.sweep, data): log.info(f"{n} {'file' if n == 1 else 'files'} that nothing names any more {'was' if n == 1 else 'were'} removed")

    @asynccontextmanager
    async def life(app):
        chat.engines = models.engines = engines = Engines(config)        # first: what an engine left unfinished on a full disk goes before the store needs room
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

    app = FastHTML(default_hdrs=False, canonical=False, surreal=False, key_fname=str(config.data/'.sesskey'), session_cookie='pianola_session', secret_key=gate.key(config.data).hex())
    app.set_lifespan(life)

    async def whole(req):
        name, chat_ = req.path_params.get('name', ''), req.query_params.get('chat', '')
        if name and name not in plugins: return JSONResponse({'error': f'there is no plugin {name[:80]}', 'hint': f"there is {', '.join(plugins)}"}, 404)
        tabs.address.set(dict(req.query_params))
        name = name or await kv.get('open', '')
        if name not in plugins: name = next(iter(plugins), '')
        if 'hx-request' in req.headers and 'hx-history-restore-request' not in req.headers: return HTMLResponse(to_xml(await page.left(name), indent=False))
        number = lambda text: int(text) if text.isdecimal() and len(text) < 16 else None
        talk = None if chat_ == 'new' else number(chat_) if number(chat_) is not None else await store.read(api.history.current)
        if talk and not await store.q('select 1 from conversation where id=? and deleted=0', talk): talk = None
        return HTMLResponse(to_xml(await page.whole(name, talk, models.line(), number(req.query_params.get('at', ''))), indent=False))

    app.router.routes[:] = [*api.routes, Mount('/static', page.Files(directory=page.static)), Mount('/vendor', page.Files(directory=page.static/'vendor', check_dir=False))]
    app.get('/')(whole)
    app.get('/{name}')(whole)
    return gate.Gate(app, config, gate.key(config.data), cdn='' if fetch.asset('htmx.min.js')[0].startswith('/') else fetch.cdn)

class Server(uvicorn.Server):
    "Says where it is once it answers, and ends within seconds whoever is still connected"
    def __init__(self, app, config):
        super().__init__(uvicorn.Config(app, config.host, config.port, log_config=None, access_log=False, ws_per_message_deflate=False, ws_max_size=1_000_000, ws_ping_interval=20,
                                        timeout_graceful_shutdown=2, server_header=False, lifespan='on', h11_max_incomplete_event_size=65536))
        self.ours = config
    async def startup(self, sockets=None):
        await super().startup(sockets)
        if not self.started: return
        gc.freeze()
        gc.enable()
        self.ours.port = self.servers[0].sockets[0].getsockname()[1]
        console.say(f'Pianola is at {self.ours.url}')
        if self.ours.browser:
            import webbrowser
            threading.Thread(target=webbrowser.open, args=(self.ours.url,), daemon=True).start()

    def handle_exit(self, sig, frame):
        self.force_exit, self.should_exit = self.should_exit and sig == signal.SIGINT, True      # uvicorn's own raises the signal again in the end, as if to be asked were a failure

    async def shutdown(self, sockets=None):
        await chat.sleep()              # before the sockets go: replies and jobs are cut where they can go on, every tab sees it, and no stream holds us up
        await jobs.close()
        await super().shutdown(sockets)

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
    console.open(config)
    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        server = Server(make(config), config)
        server.run()
    except Refused as e: sys.exit(f'Pianola cannot start: {e.text}. {e.hint}')
    sys.exit(0 if server.started else 3)

if __name__ == '__main__': main()
