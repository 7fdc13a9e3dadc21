"The shape of the house: who may know whom, what the docs promise, what the code says of itself."
import ast, re, sys, tokenize, tomllib
from functools import cache
from pathlib import Path
import pytest

root = Path(__file__).parent.parent
rooms = {
    'config': (), 'contain': (), 'schema': (), 'tx': (), 'store': (), 'actions': (), 'tabs': (), 'fetch': (), 'engines': (), 'piano': (),
    'reading': ('language', 'spans', 'world', 'phrases', 'rules', 'columns', 'likeness', 'values', 'filling', 'titles', 'becoming', 'slots',
                'several', 'frames', 'sentence', 'mention', 'targets', 'comparing', 'narrowing', 'picking', 'contents', 'naming', 'changing',
                'adding', 'looking', 'gist', 'clauses', 'guard'),
    'prompts': (), 'render': (),
    'asking': ('files', 'fields', 'forms'),
    'loading': ('settings', 'needs', 'trial', 'plugins'),
    'layers': (),
    'conversation': ('record', 'understand', 'wishes', 'history', 'learn', 'bubble', 'export', 'context', 'orders', 'chat', 'tries'),
    'work': ('journal', 'fleet', 'board', 'handle', 'worker', 'jobs'),
    'models': (), 'page': (),
    'tables': ('growth', 'sheets', 'grid', 'narrow', 'crud'),
    'flows': ('results', 'runs', 'packing', 'cards', 'spoken', 'flow'),
    'schedule': (), 'live': (), 'explain': (), 'words': (), 'api': (), 'doors': (), 'gate': (), 'console': (), 'beginning': (), 'testing': (),
    'evaluate': (), 'headless': (), '__main__': ()}
order = [m for room, inside in rooms.items() for m in (room, *(f'{room}.{n}' for n in inside))]
def dotted(p): return '.'.join(p.relative_to(root/'pianola').with_suffix('').parts)

def of_ours(path):
    "What a file imports from us, at its top level or anywhere inside: [(where below pianola/, as parts of a path; the names)]"
    inside, out = path.relative_to(root/'pianola').parts[:-1], []
    for n in ast.walk(ast.parse(path.read_text('utf-8'))):
        if not isinstance(n, ast.ImportFrom): continue
        where = n.module.split('.') if n.module else []
        if n.level: out.append(([*inside[:len(inside)-n.level+1], *where], n.names))
        elif where[:1] == ['pianola']: out.append((where[1:], n.names))
    return out

def imports(path):
    "Names of our modules (`store`, `reading.rules`) that a file imports"
    out = {'.'.join(name) for where, names in of_ours(path) for name in (where, *([*where, a.name] for a in names))}
    return {'engines' if o.startswith('engines.') else o for o in out}

def first_sentence(path):
    doc = ast.get_docstring(ast.parse(path.read_text('utf-8'))) or ''
    return doc.split('\n\n')[0].replace('\n', ' ').strip()

def modules():
    folder = lambda n: n == 'engines' or rooms.get(n)
    return [(n, root/'pianola'/n.replace('.', '/')/'__init__.py' if folder(n) else root/'pianola'/f"{n.replace('.', '/')}.py") for n in order]

def the_map(): return '\n'.join(['| module | it is |', '|---|---|', *(f"| `{n.replace('.', '/')}` | {first_sentence(p)} |" for n, p in modules())])

def test_every_module_has_its_place_in_the_order():
    there = {*map(dotted, (root/'pianola').rglob('*.py'))}
    assert {n.removesuffix('.__init__') for n in there if n != '__init__' and not n.startswith('engines.')} | {'engines'} == set(order)

@pytest.mark.parametrize('name', order)
def test_a_module_imports_only_what_stands_above_it(name):
    path = dict(modules())[name]
    known = (set().union(*map(imports, path.parent.glob('*.py'))) - {name} if name == 'engines' else imports(path)) & set(order)
    assert not (late := {k for k in known if order.index(k) >= order.index(name)}), f'{name} imports {late}, which stand below it'

@cache
def names(path):
    "What a module has of its own at its top level, and libraries it imports; not what it takes from another of our modules"
    out = set()
    def under(body):
        for n in body:
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): out.add(n.name)
            elif isinstance(n, (ast.Import, ast.ImportFrom)):
                if not getattr(n, 'level', 0): out.update((a.asname or a.name).split('.')[0] for a in n.names)
            else:
                out.update(x.id for x in ast.walk(n) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store))
                for part in ('body', 'orelse', 'finalbody', 'handlers'): under(getattr(n, part, ()))
    under(ast.parse(path.read_text('utf-8')).body)
    return out

@pytest.mark.parametrize('path', sorted((root/'pianola').rglob('*.py')), ids=dotted)
def test_what_is_asked_of_another_module_is_its_own(path):
    "`gist.Slots` where gist only imports Slots works until gist does not"
    there = {a.asname or a.name: f for where, some in of_ours(path) for a in some
             for f in (root.joinpath('pianola', *where, f'{a.name}.py'), root.joinpath('pianola', *where, a.name, '__init__.py')) if f.exists()}
    tree = [*ast.walk(ast.parse(path.read_text('utf-8')))]
    shadowed = {n.arg if isinstance(n, ast.arg) else n.id for n in tree
                if isinstance(n, ast.arg) or isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    asked = {(n.value.id, n.attr) for n in tree
             if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in {*there} - shadowed}
    assert not (lost := {f'{a}.{b}' for a, b in asked if b not in names(there[a])}), lost

def test_plugins_import_nothing_of_ours_but_the_words_of_pianola():
    import pianola
    words = set(pianola.__getattr__('__all__'))
    files = [*(root/'plugins').rglob('*.py')]
    assert any(p.parent.name == '45_link_graph' for p in files)
    for p in files:
        for n in ast.walk(ast.parse(p.read_text('utf-8'))):
            if isinstance(n, ast.Import): assert not any(a.name.split('.')[0] == 'pianola' for a in n.names), p
            if isinstance(n, ast.ImportFrom) and not n.level and n.module.split('.')[0] == 'pianola':
                assert n.module == 'pianola' and {a.name for a in n.names} <= words, p

@pytest.mark.parametrize('path', sorted((root/'pianola').rglob('*.py')), ids=lambda p: p.stem)
def test_a_file_opens_with_a_sentence_about_what_it_is_for(path):
    assert len(first_sentence(path)) > 20 and not first_sentence(path).lower().startswith(('this module', path.name))

def test_the_map_in_the_docs_is_the_house_as_it_stands():
    "Regenerate with: python tests/test_shape.py"
    text = (root/'docs/architecture.md').read_text('utf-8')
    assert text.split('<!-- map -->\n')[1].split('\n<!-- /map -->')[0] == the_map(), 'run: python tests/test_shape.py'

def test_every_package_is_installed():
    with (root/'pyproject.toml').open('rb') as f: listed = tomllib.load(f)['tool']['setuptools']['packages']
    assert {*listed} == {'.'.join(p.parent.relative_to(root).parts) for p in (root/'pianola').rglob('__init__.py')}

def test_a_file_that_the_docs_name_is_there():
    named = {(p.name, m) for p in (*root.glob('*.md'), *root.glob('docs/*.md')) if p.name != 'CHANGELOG.md'
             for m in re.findall(r'`((?:pianola|static|tests|bench|evals|docs)/[\w/.-]+)`', p.read_text('utf-8'))}
    assert len(named) > 5 and not [n for n in named if not (root/n[1]).exists()]

def ours():
    "Every Python file of the project"
    return sorted(root.glob('*.py')) + [p for d in ('pianola', 'plugins', 'tests', 'bench', 'docs') for p in sorted((root/d).rglob('*.py'))]

@pytest.mark.parametrize('path', ours(), ids=lambda p: str(p.relative_to(root)))
def test_a_line_can_be_read_without_scrolling(path):
    "About 140 columns; what is longer is one long text"
    with path.open(encoding='utf-8') as f: found = [*tokenize.generate_tokens(f.readline)]
    texts = [t for t in found if t.type == tokenize.STRING and len(t.string) > 75 or t.type == tokenize.COMMENT and 'noqa' in t.string]
    long = [n for n, line in enumerate(path.read_text('utf-8').split('\n'), 1) if len(line) > 150]
    assert not [n for n in long if not any(t.start[0] <= n <= t.end[0] for t in texts)]

def test_no_word_for_plugins_has_the_name_of_a_module():
    "`from . import name` asks for the module, and must never be given the word"
    import pianola
    assert not set(pianola._where) & {p.stem for p in (root/'pianola').iterdir()}

def test_every_dependency_says_why():
    for line in (root/'pyproject.toml').read_text().split('dependencies = [')[1].split('[build-system]')[0].splitlines():
        if line.strip().startswith('"'): assert '#' in line, line

def test_nothing_in_git_names_a_package_registry():
    import subprocess
    hosts = ['pypi' + '.org', 'pythonhosted' + '.org', 'npmjs' + '.org', 'npmjs' + '.com']
    files = subprocess.run(['git', 'ls-files'], cwd=root, capture_output=True, text=True).stdout.split()
    if not files: pytest.skip('not a git checkout')
    for f in files:
        text = (root/f).read_bytes().decode('utf-8', 'ignore')
        for h in hosts: assert h not in text, f'{f} names {h}'

def proven():
    sys.path.insert(0, str(root))
    from pianola.loading.plugins import code
    return '\n'.join(f'{code(p)} {p.name}' for p in sorted((root/'plugins').iterdir()) if p.suffix == '.py' or (p/'__init__.py').exists()) + '\n'

def test_our_own_plugins_are_the_ones_that_were_tried():
    "Regenerate with: python tests/test_shape.py"
    assert (root/'plugins/.proven').read_text('utf-8') == proven(), 'run: python tests/test_shape.py'

if __name__ == '__main__':
    (root/'plugins/.proven').write_text(proven(), 'utf-8')
    doc = root/'docs/architecture.md'
    head, rest = doc.read_text('utf-8').split('<!-- map -->')
    doc.write_text(f"{head}<!-- map -->\n{the_map()}\n<!-- /map -->{rest.split('<!-- /map -->')[1]}", 'utf-8')
    print(the_map())
