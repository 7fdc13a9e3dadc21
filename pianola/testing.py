"""What any plugin must stand, for its author: it loads, has help, shows itself empty and full, survives bad input, and the model can press its keys.

    python -m pianola check plugins/recipes.py            in words, and an exit code
    pytest -p pianola.testing --plugin plugins/recipes.py
    for what, wrong in await examine(path): …             wrong is '' where nothing is"""
import ast, asyncio, json, shutil, tempfile
from pathlib import Path
from fasthtml.common import FastHTML, to_xml
from loguru import logger
from . import config, contain, piano
from .actions import act, registry
from .contain import Broke, Refused
from .loading import trial
from .loading.plugins import no_plugin, plugins
from .store import store

checks = ('loads', 'has help', 'shows itself empty', 'shows itself full', 'survives bad input', 'gives the model its keys')
nasty = '<b id="raw">Ünï & "co"</b> <|im_end|>'
odd = [None, '', ' ', 'x'*5000, nasty, -1, 0, 2**62, 1.5, True, [], ['x'], {}, {'id': 1}, '2026-02-30', 'http://[', '\x00', '-1e999']

def sample(schema, n=1):
    "A value that fits a JSON Schema, as far as one can tell"
    if 'anyOf' in schema: return sample(next((s for s in schema['anyOf'] if s.get('type') != 'null'), {}), n)
    if 'enum' in schema: return schema['enum'][0]
    kind, form = schema.get('type'), schema.get('format')
    if form: return {'date': '2026-05-31', 'date-time': '2026-05-31T14:30:00', 'time': '14:30', 'uri': 'https://example.com'}.get(form, 'x')
    if kind == 'string': return f'{nasty} {n}'[:schema.get('maxLength', 10_000)]
    if kind in ('integer', 'number'): return min(max(n, schema.get('minimum', n)), schema.get('maximum', n))
    return {'boolean': True, 'array': [], 'object': {}}.get(kind, 'x')
def arguments(a, n=1, all_=True):
    p = a.parameters
    return {k: sample(s, n) for k, s in p['properties'].items()
            if k in p['required'] or all_ and k not in ('id', 'where', 'before', 'limit') and not k.endswith('_id')
            and sample(s, n) not in ([], {})}

awaited = {'say', 'talk', 'show', 'act', 'kv.get', 'kv.set', 'job_list', 'job_bar', 'job_button', 'plans', 'story', 'kept_in'}
def unawaited(path):
    "Where its source calls one of our words that must be awaited, and does nothing with what comes back, or puts it into a tag or a text as it is"
    for f in sorted(path.rglob('*.py')) if path.is_dir() else [path]:
        tree = ast.parse(f.read_bytes())
        ours = {a.asname or a.name: a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == 'pianola' for a in n.names}
        for n in ast.walk(tree):
            tag = isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id[:1].isupper()
            for c in n.args if tag else [n.value] if isinstance(n, (ast.Expr, ast.FormattedValue)) else ():
                if not isinstance(c, ast.Call): continue
                first, _, rest = ast.unparse(c.func).partition('.')
                if (word := f'{ours.get(first)}.{rest}'.strip('.')) in awaited:
                    yield f'line {c.lineno} of {f.name} calls {word} without `await`: nothing comes of it'

async def examine(path):
    "[(check, what is wrong with it)], one for each of `checks`, in a house of its own that is gone afterwards"
    path, out = Path(path).absolute(), {}
    if not path.exists(): raise Refused(f'{path} is not there')
    logger.disable('pianola')
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
        folder = Path(d)/'plugins'
        folder.mkdir()
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder/path.name)
        await store.open(Path(d)/'data')
        try:
            await plugins.load(FastHTML(default_hdrs=False, secret_key='x'), folder)
            p = next(iter(plugins.values()), None)
            out['loads'] = p.error or '; '.join(unawaited(path)) if p else f'{path.name} is no plugin: {no_plugin(path)}'
            if p and not p.error: await _walk(p, out)
        finally:
            await store.close()
            await asyncio.to_thread(trial.helper.close)
            logger.enable('pianola')
    return [(c, out.get(c, 'could not be tried: it does not load')) for c in checks]

async def _walk(p, out):
    doc = (p.module.__doc__ or '').strip()
    out['has help'] = ('' if p.help else
                       'its first line is no docstring “Title: one sentence of help”' if not doc else
                       f'its docstring {doc[:60]!r} has no sentence of help after a colon')
    async def show():
        html = to_xml(tuple(await p.view()))
        if broke := contain.trouble.get(p.name): return '; '.join(f'{what}: {t[1]}' for what, t in broke.items())
        return 'text of a row becomes HTML: make it a child of a tag, P(text), and never a string of HTML' if '<b id="raw">' in html else ''
    out['shows itself empty'] = await show()
    mine, wrong = [a for a in registry.values() if a.plugin == p.name and getattr(a, 'guest', False)], []
    for a in mine:
        if a.name.endswith('.create'):
            for n in range(1, 4):
                for all_ in (True, False):
                    try: await act(a.name, arguments(a, n, all_), by='user')
                    except Broke as e: wrong.append(e.text)
                    except Refused: continue
    out['shows itself full'] = '; '.join(wrong[:3]) or await show()
    out['survives bad input'] = '; '.join(dict.fromkeys([w for a in mine for w in await _odd(a)][:3])) or await show()
    out['gives the model its keys'] = '; '.join([w for a in mine if a.model for w in _pressable(a)][:5])

async def _odd(a):
    "What broke when odd values were given to a key: it may refuse, and do, but not break"
    good, wrong = arguments(a), []
    tries = [{}, {'nosuch': 1}, *[{**good, k: v} for k in a.parameters['properties'] for v in odd]]
    for args in tries[:200]:
        try: await asyncio.wait_for(act(a.name, args, by='user'), 10)
        except Broke as e: wrong.append(f'{e.text} when given {json.dumps(args, default=str)[:120]}'); break
        except Refused: continue
        except Exception as e: wrong.append(f'{a.name} broke: {contain.words(e)} when given {json.dumps(args, default=str)[:120]}'); break
    return wrong

def _pressable(a):
    "What keeps the model from pressing a key rightly"
    if not a.description: yield f'{a.name} has no docstring: the model cannot know what it does'
    said = json.dumps({'action': a.name, 'args': arguments(a)}, ensure_ascii=False)
    if not any(f.name == a.name for f in piano.actions(said)): yield f'{a.name} is not found in a reply that writes it: {said[:100]}'

async def check(argv):
    "`python -m pianola check FILE…`: what is wrong, in words; 0 when nothing is"
    if not argv: raise SystemExit(f'{config.python()} -m pianola check FILE…')
    bad = 0
    for path in argv:
        print(path)
        try: found = await examine(path)
        except Refused as e: found = [('is there', e.text)]
        for what, wrong in found: print(f"  {'✗' if wrong else '✓'} {what}{': ' + wrong if wrong else ''}", flush=True)
        bad += any(w for _, w in found)
    return 1 if bad else 0

# pytest -p pianola.testing --plugin FILE

def pytest_addoption(parser):
    parser.addoption('--plugin', action='append', default=[], help='a Pianola plugin to examine: a file or a folder; may be given several times')
def pytest_configure(config):
    if config.getoption('--plugin'): config.args[:] = [__file__]       # these, and not what the folder has of its own
def pytest_collection_modifyitems(session, config, items):
    if not (paths := config.getoption('--plugin')): return
    import pytest
    class Check(pytest.Item):
        found = {}
        def __init__(self, *, path_, what, **kw): super().__init__(**kw); self.path_, self.what = path_, what
        def runtest(self):
            if self.path_ not in self.found: self.found[self.path_] = dict(asyncio.run(examine(self.path_)))
            if wrong := self.found[self.path_][self.what]: pytest.fail(wrong, pytrace=False)
        def reportinfo(self): return self.path_, None, self.name
    items[:] = [Check.from_parent(session, name=f'{Path(p).stem} {what}', path_=p, what=what) for p in paths for what in checks]
