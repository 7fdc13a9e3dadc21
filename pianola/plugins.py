"What it can do: every file in plugins/ is a plugin. It is imported, its tables are opened, its keys and routes added; a broken one becomes a card that says so."
import asyncio, importlib.util, re, sys, threading, traceback
from pathlib import Path
from fasthtml.common import Article, Code, H2, P, Pre
from loguru import logger as log
from .actions import forget
from .store import store

class Kind:
    "What a plugin is made of: a Page, a Crud, later a Flow. Made at import, opened when the plugin is loaded."
    def __init__(self, name, frame):
        self.module = frame.f_globals.get('__name__', '')
        self.plugin_name = self.module.rpartition('.')[2]
        self.name, self.plugin = name or self.plugin_name, None
        frame.f_globals.setdefault('__kinds__', []).append(self)
    def open(self, tx): "Runs once in the store's thread when the plugin is loaded"
    def mount(self, app): "Add its own routes, if it has any"
    async def hear(self, e): "Called with every line of the log"
    def tell(self, tx): return ''
    async def view(self): raise NotImplementedError

class Plugin:
    "One file or folder: its name, its words, its kinds, or the reason why it did not load"
    def __init__(self, path):
        self.path, self.name, self.module, self.error, self.kinds = path, plugin_name(path), None, '', []
        self.title, self.help = self.name.replace('_', ' ').capitalize(), ''
    def read(self):
        "Import it. Whatever its code does, what comes out is a loaded plugin or one with an `error`."
        file = self.path/'__init__.py' if self.path.is_dir() else self.path
        name = f'pianola_plugins.{self.name}'
        try:
            code = compile(file.read_bytes(), str(file), 'exec')
            spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(self.path)] if self.path.is_dir() else None)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            failed = []
            def run():
                try: exec(code, module.__dict__)
                except BaseException as e: failed.append(e)      # also SystemExit: a plugin must not end the app
            t = threading.Thread(target=run, daemon=True)
            t.start()
            t.join(5)
            if t.is_alive(): raise TimeoutError(f'{file.name} was still importing after 5 s')
            if failed: raise failed[0]
            self.module, self.kinds = module, module.__dict__.get('__kinds__', [])
            title, _, help = (module.__doc__ or '').strip().partition(':')
            self.title, self.help = title.strip() or self.title, help.strip()[:1].upper() + help.strip()[1:]
            if not self.kinds: raise TypeError(f'{file.name} makes no Page, Crud or Flow')
            for k in self.kinds: k.plugin = self
        except BaseException as e:
            self.fail(e, file)
        return self
    def fail(self, e, file=None):
        lines = [f for f in traceback.extract_tb(e.__traceback__) if str(self.path) in f.filename]
        where = f' (line {lines[-1].lineno} of {Path(lines[-1].filename).name})' if lines else f' (line {e.lineno})' if isinstance(e, SyntaxError) and e.lineno else ''
        self.error, self.kinds = f"{type(e).__name__}: {e.msg if isinstance(e, SyntaxError) else e}{where}", []
        sys.modules.pop(f'pianola_plugins.{self.name}', None)
        forget(self.name)
        log.error(f'plugin {self.name}: {self.error}')
    async def view(self):
        "The left column: its kinds, or a card with the error"
        if self.error: return Article(H2(f'{self.title} did not load'), Pre(Code(self.error)), P(f'Mend {self.path.name} and start Pianola again; the other plugins go on without it.'), cls='card failed')
        out = []
        for k in self.kinds:
            try: out.append(await k.view())
            except Exception as e:
                log.exception(f'plugin {self.name} could not be shown')
                out.append(Article(H2(f'{self.title} broke'), Pre(Code(f'{type(e).__name__}: {e}')), P('The rest goes on; the log has the details.'), cls='card failed'))
        return out

def plugin_name(path): return re.sub(r'^\d+_*', '', path.stem)

class Plugins(dict):
    "Every plugin by name, in the order of the menu"
    async def load(self, app, folder):
        "Import what is in `folder`, make the tables, add the routes"
        self.clear()
        reserved = {'api', 'ws', 'mcp', 'static', 'vendor', 'chat', 'model', 'undo'}
        for path in sorted(Path(folder).iterdir()) if Path(folder).is_dir() else ():
            if path.name[0] in '_.' or not (path.suffix == '.py' or (path/'__init__.py').exists()): continue
            p = Plugin(path)
            if p.name in reserved or not p.name.isidentifier(): p.fail(NameError(f"{p.name!r} cannot be a plugin's name; use letters, digits and _, and none of {', '.join(sorted(reserved))}"))
            elif p.name in self: p.fail(NameError(f'{self[p.name].path.name} has the name {p.name} already'))
            else: await asyncio.to_thread(p.read)
            if not p.error:
                try: await store.write(lambda tx, p=p: [k.open(tx) for k in p.kinds])
                except Exception as e: p.fail(e)
            self[p.name if p.name not in self else path.stem] = p
            for k in p.kinds: k.mount(app)
    def table(self, name): return next((t for t in self.tables() if t.name == name), None)
    def tables(self): return [k for p in self.values() for k in p.kinds if hasattr(k, 'columns')]
    def hear(self, e):
        for p in list(self.values()):
            for k in p.kinds: _hold(k.hear(e), f'{p.name} could not hear {e.what}')

held = set()
def _hold(coroutine, said):
    "Run it beside us; a task nobody holds may be collected, an error nobody reads is a bug"
    async def run():
        try: await coroutine
        except Exception: log.exception(said)
    t = asyncio.create_task(run())
    held.add(t)
    t.add_done_callback(held.discard)

plugins = Plugins()
store.on(plugins.hear)
