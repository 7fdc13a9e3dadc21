"""What it can do: every file in plugins/ is a plugin, and loads while you watch. It is tried in
another process, imported here, its tables are opened, its keys and routes enter all at once.

    scan: what is in the folder? → for each new or changed file: needs there? → trial → import
    → names free? → tables, with a backup if one changes → keys, routes, menu in one stroke

What fails in any of these changes nothing: the version that ran before goes on, and a card says why with the line."""
import asyncio, concurrent.futures, hashlib, json, linecache, os, re, sys, time
from pathlib import Path
from fasthtml.common import (A, Article, Body, Button, Code, Details, Div, Form, H2, Head, Html, Link, Main, Mount, P, Pre, StaticFiles,
                             Summary, Title, to_xml)
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse
from loguru import logger as log
from .. import actions, contain, prompts
from ..contain import Refused, hold
from ..schema import made, migrations
from ..store import store
from ..tx import got, put
from . import needs, settings, trial

class Kind:
    "What a plugin is made of: a Page, a Crud, a Flow. Made at import, opened when the plugin is loaded."
    def __init__(self, name, frame):
        self.module = frame.f_globals.get('__name__', '')
        self.plugin_name = contain.of(self.module) or self.module.rpartition('.')[2]
        self.name, self.plugin = name or self.plugin_name, None
        frame.f_globals.setdefault('__kinds__', []).append(self)
    def open(self, tx): "Runs once in the store's thread when the plugin is loaded"
    def mount(self, app): "Add its own routes, if it has any"
    def close(self): "It is gone, or a newer one is in its place"
    def hear(self, e): "Called with every line of the log: a coroutine when there is something to do, else None"
    def job_over(self, tx, job): "A job of its plugin is over; called in the transaction that ends it"
    def tell(self, tx): return ''
    async def view(self): raise NotImplementedError

class Missing(Exception):
    "Packages that a plugin needs and that are not here"
    def __init__(self, packages):
        self.packages = packages
        super().__init__(f"needs {', '.join(packages)}, which {'is' if len(packages) == 1 else 'are'} not installed here")

def ships(file):
    """Is this one of our own plugins, untouched? Those were tried by our tests, and a
    first start need not try them again. `.proven` is made by `python tests/test_shape.py`."""
    try: return code(file) in (Path(__file__).parents[2]/'plugins/.proven').read_text('utf-8').split()
    except OSError: return False
def code(path):
    "A fingerprint of what would run: a plugin's file, or all the Python in its folder (given as the folder or its `__init__.py`)"
    path = path.parent if path.name == '__init__.py' else path
    files = sorted(path.rglob('*.py')) if path.is_dir() else [path]
    return hashlib.sha256(b'\0'.join(f.relative_to(path.parent).as_posix().encode(errors='surrogateescape') + b'\0'
                                     + f.read_bytes().replace(b'\r\n', b'\n') for f in files)).hexdigest()

class Plugin:
    "One file or folder: its name, its words, its kinds, or the reason why it did not load"
    def __init__(self, path):
        self.path, self.name, self.module, self.kinds, self.keys, self.routes = path, plugin_name(path), None, [], {}, []
        self.error = self.trace = self.mark = ''             # why its newest file did not load; the fingerprint of that file
        self.missing, self.settings, self.sentences, self.at = [], None, [], None
        self.title, self.help = self.name.replace('_', ' ').capitalize(), ''
    @property
    def runs(self): return bool(self.kinds or self.keys)
    @property
    def file(self): return trial.file_of(self.path)
    @property
    def state(self):
        "`ok`, or what is wrong with it, for programs and for the mark in the menu"
        if self.error and self.runs: return f'{self.error}; still running the version from {self.since}'
        return self.error or contain.holding_up().get(self.name) or self.wrong or 'ok'
    @property
    def wrong(self):
        "Why it did not load, or what broke last and has not worked since; '' when nothing is wrong"
        if self.error: return self.error
        broke = sorted([*contain.trouble.get(self.name, {}).items()], key=lambda b: -b[1][0])
        return f'{broke[0][0]} broke: {broke[0][1][1]}' + (f' (and {len(broke)-1} more)' if broke[1:] else '') if broke else ''
    @property
    def since(self): return time.strftime('%H:%M', time.localtime(self.at))
    def source(self): return self.file.read_text('utf-8')

    def prove(self, known=False):
        "Are its needs met, and does it survive being imported elsewhere? Blocks; raises what is wrong. `known`: this very file has run before."
        if lacking := needs.missing(self.source()): raise Missing(lacking)
        if not known and (said := trial.try_out(self.path, self.name))['error']: raise Failed(said['error'], said.get('trace', ''))
    def read(self):
        "Import it, keys gathered and not yet entered. Whatever its code does, what comes out is a plugin that can run or one with an `error`."
        trial.house()
        token = actions.staging.set(self.keys)
        try:
            linecache.checkcache(str(self.file))
            with contain.limit(trial.patient): m = self.module = trial.module(self.path, self.name)
            self.kinds = m.__dict__.get('__kinds__', [])
            title, _, help = (m.__doc__ or '').strip().partition(':')
            self.title, self.help = title.strip() or self.title, help.strip()[:1].upper() + help.strip()[1:]
            if not self.runs: raise TypeError(f'{self.file.name} makes no Page, Crud or Flow, and has no action')
            for k in self.kinds: k.plugin = self
            self.settings = settings.of(self.name, m.__dict__.get('Settings'))
            self.sentences = [s for s in m.__dict__.get('sentences', []) if isinstance(s, str)]
        except BaseException as e: self.fail(e)
        finally: actions.staging.reset(token)
        return self
    def fail(self, e):
        "Remember why it did not load"
        if isinstance(e, (Failed, Missing)): self.error = str(e)
        elif isinstance(e, Refused) and e.hint: self.error = f'{e.text}; {e.hint}'
        else: self.error = contain.words(e, self.file.name)
        self.trace, self.missing = e.trace if isinstance(e, Failed) else contain.trace(e), getattr(e, 'packages', [])
        self.kinds, self.keys = [], {}
        log.error(f'plugin {self.name}: {self.error}')
    def prompt(self):
        "Its own words for the model, when it is open: `prompt` in the module and the files of prompts/ in its folder"
        files = sorted((self.path/'prompts').glob('*.md')) if self.path.is_dir() else []
        said = [str(getattr(self.module, 'prompt', '') or '')]
        for f in files:
            try: said.append(f.read_text('utf-8', 'replace') if f.is_file() else '')
            except OSError as e: log.warning(f'{f} cannot be read, and the model goes without it: {e.strerror or e}')
        return '\n\n'.join(t.strip() for t in said if t.strip())

    async def view(self):
        "The left column: its kinds, and above them a card with what is wrong"
        out = [self.card()] if self.error else []
        for k in self.kinds:
            what = f'the view of {k.name}' if len(self.kinds) > 1 else 'its view'
            if len(self.kinds) > 1 and (title := getattr(k, 'title', self.title)) != self.title: out.append(H2(title, cls='part-title'))
            try:
                async with asyncio.timeout(contain.view_seconds * 4): out.append(await contain.steps(k.view()))
                contain.went_well(self.name, what)
            except BaseException as e:
                if contain.cancelled(e): raise
                contain.went_wrong(self.name, what, e)
                out.append(failed(f'{self.title} broke', contain.words(e), contain.trace(e),
                                  P('The rest goes on. Mend it and save: this page follows.'), self.mend()))
        return out or [P('This plugin has keys and no page.')]
    def alone(self):
        "Cards for what broke while nobody had asked for anything; an empty place when nothing did"
        broke = [(what, t) for what, t in [*contain.trouble.get(self.name, {}).items()] if t[3]]
        card = lambda what, t: failed(f'{self.title}: {what} broke', t[1], t[2],
                                      P('The rest goes on. Mend it and save: this page follows.'), self.mend())
        return Div(*[card(what, t) for what, t in broke], id=f'{self.name}-alone', hidden=not broke)
    def mend(self): return to_chat('Help me with this error', 'plugins.mend', {'plugin': self.name})
    def card(self):
        if self.missing:
            install = f"Install {', '.join(self.missing)}"
            return failed(f'{self.title} needs something', f"{self.error}.", '',
                          Form(Button(install), P('It is installed into the environment Pianola runs in; you are asked first.', cls='help'),
                               hx_post='/api/actions/plugins.install', hx_vals=json.dumps({'plugin': self.name}), hx_swap='none',
                               hx_confirm=f"{install} into the environment Pianola runs in?"),
                          P(id=f'install-{self.name}'))
        if self.runs:
            return failed(f'The newest {self.title} did not load', self.error, self.trace,
                          P(f'Still running the version from {self.since}. Mend {readable(self.path.name)} and save: this page follows.'), self.mend())
        return failed(f'{self.title} did not load', self.error, self.trace,
                      P(f'Mend {readable(self.path.name)} and save: this page follows. The other plugins go on without it.'), self.mend())

class Failed(Exception):
    "What the trial told: in one line, and its traceback"
    def __init__(self, text, trace=''):
        self.trace = trace
        super().__init__(text)

def to_chat(words, action, args, cls='quiet'):
    "A button that has the model answer something in the chat of the tab it is pressed in"
    return Button(words, type='button', cls=f'{cls} to-chat', hx_post=f'/api/actions/{action}', hx_vals=json.dumps(args), hx_swap='none')

def failed(title, text, trace, *more):
    "A card for what is wrong: in one line, and all of it for who mends it"
    fold = Details(Summary('Traceback'), Pre(Code(trace)), cls='trace') if trace.count('\n') > 2 else None
    return Article(H2(title), Pre(Code(text)), fold, *more, cls='card failed', role='alert')

def readable(name):
    "A file's name as text: what in it is not UTF-8 as `\\udcff`"
    return name.encode('utf-8', 'backslashreplace').decode()
def plugin_name(path): return re.sub(r'^\d+_*', '', readable(path.stem if path.suffix == '.py' else path.name))
reserved = frozenset('api ws mcp static vendor app chat model undo several plugins settings prompts jobs flow pianola'.split())
ours = frozenset('settings prompts jobs'.split())       # our own features are plugins of these names

def no_plugin(path):
    "Why a file or a folder is no plugin; '' when it is one"
    if path.name[0] in '_.': return 'its name begins with _ or ., so that it is left out'
    if path.is_dir(): return '' if (path/'__init__.py').is_file() else 'the folder has no __init__.py'
    return '' if path.suffix == '.py' and path.is_file() else 'a plugin is a Python file (NAME.py), or a folder with an __init__.py'
unread = set()          # notebooks that were named in the log

def marks(folder):
    "{path: fingerprint} of every plugin file or folder there is, in the order of the menu. What of one cannot be read is a part of its fingerprint"
    out = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            if why := no_plugin(path):
                if path.suffix == '.ipynb' and path.name[0] not in '_.' and path not in unread:
                    log.warning(f'{path.name} is not loaded: {why}; save the cells of the notebook as one')
                    unread.add(path)
                continue
            files = [path] if path.is_file() else sorted(f for f in path.rglob('*') if f.suffix != '.pyc')
        except OSError as e:
            out[path] = f'{e}'          # bringing it in tells why
            continue
        h = hashlib.sha256()
        for f in files:
            try: h.update(os.fsencode(f.relative_to(folder)) + b'\0' + _mark(f) if f.is_file() else b'')
            except OSError as e: h.update(f'{e}'.encode(errors='replace'))
        out[path] = h.hexdigest()
    return out
def _mark(f): return f.read_bytes() if f.suffix == '.py' else f'{f.stat().st_mtime_ns}'.encode()

class Plugins(dict):
    "Every plugin by name, in the order of the menu"
    def __init__(self): super().__init__(); self.lock, self.app, self.folder, self.first = None, None, None, True

    async def load(self, app, folder):
        "Everything in `folder`, as the app starts"
        self.clear()
        self.app, self.folder, self.lock, self.loop, self.first = app, Path(folder).absolute(), asyncio.Lock(), asyncio.get_running_loop(), True
        contain.owner = self.owner
        contain.watch(self.loop)
        await store.read(settings.learn)
        try: await self.scan()
        except OSError as e: log.error(f'{self.folder} cannot be read, so that there are no plugins: {e.strerror or e}')
        self.first = False

    async def scan(self, again=()):
        """Make what runs follow what is in the folder; [(what, name)] of what
        came, changed, went or failed. `again`: names to try once more as they are."""
        async with self.lock:
            found, news, kept = await asyncio.to_thread(marks, self.folder), [], {}
            want = {}
            for path in found: want.setdefault(plugin_name(path) if plugin_name(path) not in want else readable(path.stem), path)
            for name in [n for n in self if n not in want]:
                kept[name] = next((w for a, w in (('columns', 'rows'), ('steps', 'runs')) if any(hasattr(k, a) for k in self[name].kinds)), '')
                await self.remove(name)
                news.append(('removed', name))
            for name, path in want.items():
                old = self.get(name)
                if old and old.mark == found[path] and old.path == path and name not in again: continue
                if old and old.mark == found[path] and old.runs and not old.error:      # it was only renamed: the same file under another number
                    old.path = path
                    news.append(('moved', name))
                    continue
                news.append((await self.bring(name, path, found[path], twin=path if plugin_name(path) != name else None), name))
            order = list(want)
            for n in sorted(self, key=order.index): self[n] = self.pop(n)
            if news and not self.first: await store.write(self._tell, news, kept)
            return news
    def _tell(self, tx, news, kept):
        "What came and went is a line of the log: every tab follows it, the model overhears the rest"
        for what, name in news:
            p, text = self.get(name), ''
            if what == 'added': text = f'{p.title} was added to the menu' + (f': {p.help}' if p.help else '')
            if what == 'removed': text = f'{name} was removed from the menu' + (f'; its {kept[name]} are kept' if kept[name] else '')
            if what == 'failed': text = f'{p.title} did not load: {p.error}'
            tx.log('note', f'plugin.{name}', text=text, data={'what': what})

    async def bring(self, name, path, mark, twin=None):
        "Load one file; 'added', 'changed' or 'failed'. Nothing changes unless all of it succeeds."
        old, p, began = self.get(name), Plugin(path), time.perf_counter()
        p.mark = mark
        try:
            if twin: p.name = name; raise NameError(f'{self[plugin_name(path)].path.name} has the name {plugin_name(path)} already')
            if not p.name.isidentifier() or p.name in reserved - ours:
                raise NameError(f"{p.name!r} cannot be a plugin's name; use letters, digits and _, and none of {', '.join(sorted(reserved - ours))}")
            await asyncio.to_thread(p.prove, self.first and (await store.read(got, 'proven', name) == _here(mark) or ships(p.file)))
            before = {k: m for k, m in sys.modules.items() if k == contain.home + name or k.startswith(f'{contain.home}{name}.')}
            try: await contain.beside(name, p.read, seconds=trial.patient)
            except Exception as e: p.fail(e)
            if not p.error:
                try: await self.enter(p, old)
                except Exception as e: p.fail(e)
            if p.error and before: sys.modules.update(before)
        except Exception as e: p.fail(e)
        if not p.error:
            log.info(f'plugin {name}: loaded in {(time.perf_counter()-began)*1000:.0f} ms') if not self.first else None
            return 'changed' if old else 'added'
        if old and old.runs: old.error, old.trace, old.missing, old.mark, old.path = p.error, p.trace, p.missing, mark, path
        else: self[name] = p
        return 'failed'

    async def enter(self, p, old):
        """Its names are free, its tables are opened, and then all of it is there at
        once: one transaction, within which the event loop does the rest in one stroke"""
        self.free(p)
        if altered := await store.write(self._probe, p) or {}:
            stamp = time.strftime('%Y%m%d-%H%M%S')
            await store.backup(store.folder/'backups'/f'plugin-{p.name}-{stamp}.db')
            for f in sorted((store.folder/'backups').glob('plugin-*.db'), key=lambda f: f.stat().st_mtime)[:-5]: f.unlink()
            log.info(f"plugin {p.name}: {', '.join(altered)} changes; a copy of the database as it was is in backups/")
        await store.write(self._enter, p, old)
    def _probe(self, tx, p):
        "Open its tables and take it all back: the tables with rows that would change their columns. Refused when something would be lost."
        tx.run('savepoint probe')
        try:
            before = _schema(tx)
            for k in p.kinds: k.open(tx)
            after = _schema(tx)
            for t, columns in before.items():
                if t.startswith(('sqlite_', 'pianola_old_')): continue
                if t not in after: raise Refused(f'{p.name} would drop the table {t}')
                moved = got(tx, 'renamed', t) or {}                # their values are in another column: see growth
                if lost := [c for c in columns if c not in after[t] and c not in moved and tx.value(f'select count("{c}") from "{t}"')]:
                    raise Refused(f"{p.name} would drop {', '.join(lost)} of {t}")
            changed = [t for t in before if t in after and before[t] != after[t] and self.owner(t) in (None, p.name)]
        finally:
            tx.run('rollback to probe')
            tx.run('release probe')
            tx.events, tx.changes, tx.rows, tx.after = [], [], {}, []           # nothing of it is told or begun
        return [t for t in changed if tx.value(f'select 1 from "{t}" limit 1')]
    def _enter(self, tx, p, old):
        for k in p.kinds: k.open(tx)
        put(tx, 'proven', p.name, _here(p.mark))
        done = concurrent.futures.Future()
        def stroke():
            try: done.set_result(self.swap(p, old))
            except BaseException as e: done.set_exception(e)
        self.loop.call_soon_threadsafe(stroke)
        done.result(10)
    def swap(self, p, old):
        "Old keys and routes out, new ones in. On the event loop, while the store's thread waits: nobody sees half of it."
        if self.app: self._routes(p, old)
        p.at = time.time()
        contain.trouble.pop(p.name, None)
        self[p.name] = p
        prompts.own[p.name] = p.prompt
        self._keys()
        if old:
            for k in old.kinds: k.close()
    def _routes(self, p, old):
        router = self.app.router
        before = [*router.routes]
        has = lambda these, r: any(r is x for x in these)
        try:
            rest = [r for r in before if not (old and has(old.routes, r))]
            router.routes = [*rest]
            if p.path.is_dir() and (p.path/'static').is_dir():
                router.routes.append(Mount(f'/{p.name}/static', StaticFiles(directory=p.path/'static')))
            for k in p.kinds: k.mount(self.app)
            p.routes = [r for r in router.routes if not has(before, r)]
            if not all(has(router.routes, r) for r in rest): raise Refused(f'{p.name} has a route in the place of one that is there already')
            for r in p.routes:
                if not r.path.startswith(f'/{p.name}/'):
                    raise Refused(f'{p.name} may not answer at {r.path}', f"a plugin's routes are under /{p.name}/")
                r.app = guarded(p, r.app)
        except BaseException:
            router.routes = before
            raise
    def _keys(self):
        "The keys of all plugins behind our own, in the order of the menu: the model's instructions stay as they were up to what is new"
        ordered = sorted(self.values(), key=lambda p: p.path.name)
        new = {**{n: a for n, a in actions.registry.items() if not getattr(a, 'guest', False)}, **{n: a for p in ordered for n, a in p.keys.items()}}
        for n in [n for n in actions.registry if n not in new]: del actions.registry[n]
        if list(actions.registry) != list(new):
            for n in new: actions.registry.pop(n, None); actions.registry[n] = new[n]
        actions.registry.update(new)

    def free(self, p):
        "Refused when it wants a name that somebody else has: a table, a key, a plugin"
        seen = set()
        for k in p.kinds:
            n, is_table = k.name, hasattr(k, 'columns')
            other = lambda name, of=type(k).__name__: f"call it something else: {of}(…, name='{name}')"
            if not (is_table or hasattr(k, 'steps')): continue
            if not re.fullmatch(r'[^\W\d][\w-]{0,60}', n):
                raise Refused(f'{n!r} cannot be the name of a {"table" if is_table else "flow"}', 'use letters, digits and _, a letter first')
            if n.lower() in on_page: raise Refused(f"{n} is a name that the page uses itself (so are {', '.join(sorted(on_page))})", other(f'my_{n}'))
            if not is_table: continue
            if n.lower() in seen: raise Refused(f'{p.name} makes the table {n} twice', other(f'{p.name}_more'))
            seen.add(n.lower())
            if (whose := self.owner(n)) == '' or n.lower().endswith('_by_pos'):
                taken = ', '.join(sorted(own_tables - {n.lower()}))
                raise Refused(f"{p.name} wants the table {n}, which is one of our own (so are {taken}, and names that end in _by_pos)",
                              other(f'my_{n}'))
            if whose not in (None, p.name): raise Refused(f'{p.name} wants the table {n}, which belongs to {whose}', other(f'{p.name}_{n}'))
        mine = {p.name, *(k.name for k in p.kinds)}
        for a in p.keys.values():
            if (first := a.name.partition('.')[0]) not in mine:
                raise Refused(f'{p.name} wants the key {a.name}; its keys begin with {p.name}.', f"call it '{p.name}.{a.name.rpartition('.')[2]}'")
            if (there := actions.registry.get(a.name)) and (there.plugin != p.name or not getattr(there, 'guest', False)):
                raise Refused(f'there is a key {a.name} of {there.plugin} already', f'{first} is its name')
            a.plugin, a.guest = p.name, True
    def owner(self, table):
        "Whose table this is: a plugin's name, '' for our own, None when it is nobody's"
        t = table.lower()
        return next((p.name for p in self.values() for k in p.kinds if hasattr(k, 'columns') and k.name.lower() == t),
                    '' if t in own_names or t.startswith(('message_fts_', 'message_signs_', 'sqlite_', 'lot ')) else None)

    async def remove(self, name):
        "Its file is gone: keys, routes and menu entry go with it; its rows stay"
        p = self[name]
        def out(tx):
            done = concurrent.futures.Future()
            self.loop.call_soon_threadsafe(lambda: done.set_result(self._out(p)))
            done.result(10)
        await store.write(out)
        log.info(f'plugin {name}: removed')
    def _out(self, p):
        if self.app: self.app.router.routes[:] = [r for r in self.app.router.routes if not any(r is o for o in p.routes)]
        self.pop(p.name, None)
        prompts.own.pop(p.name, None)
        for n in p.keys: actions.registry.pop(n, None)
        for m in [m for m in sys.modules if m == contain.home + p.name or m.startswith(f'{contain.home}{p.name}.')]: del sys.modules[m]
        for k in p.kinds: k.close()

    def table(self, name): return next((t for t in self.tables() if t.name == name), None)
    def tables(self): return [k for p in list(self.values()) for k in p.kinds if hasattr(k, 'columns')]
    def hear(self, e):
        for p in list(self.values()):
            for k in p.kinds:
                if work := k.hear(e): hold(self._heard(p, k, e, work), f'{p.name} could not hear {e.what}')
    async def _heard(self, p, k, e, work):
        "One line heard by one plugin: what breaks is shown on its page, since nobody waits for it"
        what = f'hearing a line of kind {e.kind}' if getattr(k, 'heard', None) else f'drawing {k.name} anew'
        contain.hearing.set((*e.through, p.name))
        try:
            await contain.steps(work)
            contain.went_well(p.name, what)
        except BaseException as x:
            if contain.cancelled(x): raise
            if self.get(p.name) is p: contain.went_wrong(p.name, what, x, alone=True)

own_tables = frozenset(t.lower() for m in migrations for kind, t in made.findall(m) if kind == 'table')
# also of indexes and triggers: SQLite has one space for most of them
own_names = own_tables | {t.lower() for m in migrations for _, t in made.findall(m)}
on_page = frozenset('msg out think chat menu'.split())            # elements of the page itself have ids that begin so
def _here(mark): return f'{mark} {sys.version}'
def _schema(tx):
    return {r['name']: {c['name']: c['type'].lower() for c in tx.q(f'pragma table_info("{r["name"]}")')}
            for r in tx.q("select name from sqlite_master where type='table' and sql not like 'create virtual%'")}

def guarded(p, app):
    "A plugin's route: what breaks in it is a card, or for a program JSON; what blocks in it is interrupted"
    async def answer(scope, receive, send):
        begun, what = [], f"{scope.get('method', 'the socket')} {scope['path']}"
        async def sending(m): begun.append(m); await send(m)
        try:
            await contain.steps(app(scope, receive, sending))
            return contain.went_well(p.name, what)
        except HTTPException: raise
        except Refused as e: status, text, hint = e.status, e.text, e.hint
        except BaseException as e:
            if contain.cancelled(e): raise
            contain.went_wrong(p.name, what, e)
            status, text, hint = 500, f'{p.title} broke: {contain.words(e)}', 'the rest goes on; mend the plugin and save'
        if begun or scope['type'] != 'http': return
        heads = dict(scope['headers'])
        if b'hx-request' in heads or b'text/html' not in heads.get(b'accept', b''):
            return await JSONResponse({'error': text, 'hint': hint}, status)(scope, receive, send)
        card = failed(f'{p.title} could not answer', text, '', P(hint))
        whole = Html(Head(Title(p.title), Link(rel='stylesheet', href='/static/pianola.css')),
                     Body(Main(card, P(A(f'Back to {p.title}', href=f'/{p.name}'))), cls='login'), lang='en')
        await HTMLResponse(to_xml(whole).encode(errors='replace'), status)(scope, receive, send)
    return answer

plugins = loaded = Plugins()      # plugins know it as `loaded`
store.on(plugins.hear)
