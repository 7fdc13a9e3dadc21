"For who writes a plugin: a new one runs as it is written, and what is wrong with one is said in words, by a command and by pytest."
import os, subprocess, sys
import pytest
from conftest import root

def pianola(*args, cwd=root, **env):
    return subprocess.run([sys.executable, '-m', *args], cwd=cwd, capture_output=True, text=True, encoding='utf-8', timeout=120,
                          env={**os.environ, 'PYTHONPATH': str(root), 'PYTHONUTF8': '1', **{k: str(v) for k, v in env.items()}})

def test_a_new_plugin_of_each_kind_stands_the_contract_and_is_on_the_menu(serve, tmp_path):
    f = tmp_path/'p'
    f.mkdir()
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    for kind in ('crud', 'flow', 'page'):
        done = pianola('pianola', 'new', kind, f'my-{kind}s', PIANOLA_PLUGINS=f)
        assert done.returncode == 0, done.stderr
        s.until(lambda: s.get('/api/health')[1]['plugins'].get(f'my_{kind}s') == 'ok')      # noqa: B023
        assert 'card failed' not in s.get(f'/my_{kind}s', HX_Request='true')[1]
    said = pianola('pianola', 'check', *map(str, sorted(f.glob('*.py'))))
    assert said.returncode == 0 and said.stdout.count('✓') == 18 and '✗' not in said.stdout, said.stdout
    again = pianola('pianola', 'new', 'crud', 'my-cruds', PIANOLA_PLUGINS=f)
    assert again.returncode != 0 and 'is there already' in again.stderr
    for kind, name, says in (('crud', 'job', 'my_job'), ('poem', 'x', 'there is no kind poem'), ('crud', 'api', 'cannot be the name'),
                             ('crud', '../x', 'cannot be the name'), ('crud', 'class', 'cannot be the name')):
        assert says in pianola('pianola', 'new', kind, name, PIANOLA_PLUGINS=f).stderr

def test_the_plugins_that_ship_stand_the_contract():
    said = pianola('pianola', 'check', *map(str, sorted(p for p in (root/'plugins').iterdir() if p.name[0] not in '_.')))
    assert said.returncode == 0, said.stdout

faults = {
    'loads': ('"X: x"\ndef (', 'SyntaxError: invalid syntax (line 2 of x.py)'),
    'has help': ('from pianola import P, Page\npage = Page()\n@page\ndef index(): return P("x")', 'docstring'),
    'shows itself empty': ('"X: x"\nfrom pianola import Page\npage = Page()\n@page\ndef index(): return 1/0',
                           'ZeroDivisionError: division by zero (line 5 of x.py)'),
    'shows itself full': (
        '"X: x"\nfrom pianola import Crud, NotStr\nclass A:\n    name: str\n    def __ft__(self): return NotStr(self.name)\nxs = Crud(A)', 'HTML'),
    'survives bad input': (
        '"X: x"\nfrom pianola import Page, P, action\npage = Page()\n@page\ndef index(): return P("x")\n@action\ndef half(tx, n: int):\n   '
        ' "Half."\n    return 10/n', 'x.half broke: ZeroDivisionError: division by zero (line 9 of x.py) when given {"n": 0'),
    'gives the model its keys': (
        '"X: x"\nfrom pianola import Page, P, action\npage = Page()\n@page\ndef index(): return P("x")\n@action\ndef nothing(tx): return 1',
        'x.nothing has no docstring'),
}
@pytest.mark.parametrize('what', faults)
def test_each_fault_is_named_with_its_line(what, tmp_path):
    code, says = faults[what]
    (tmp_path/'x.py').write_text(code)
    said = pianola('pianola', 'check', str(tmp_path/'x.py'))
    assert said.returncode == 1
    line = next(l for l in said.stdout.splitlines() if f' {what}' in l)
    assert line.strip().startswith('✗') and says in line, said.stdout

def test_pytest_runs_the_same_over_a_file(tmp_path):
    (tmp_path/'x.py').write_text(faults['survives bad input'][0])
    done = pianola('pytest', '-p', 'pianola.testing', '--plugin', str(tmp_path/'x.py'), '--plugin', str(root/'plugins/10_tasks.py'), '-q',
                   '-o', 'addopts=', cwd=tmp_path)
    assert '1 failed, 11 passed' in done.stdout and 'ZeroDivisionError: division by zero (line 9 of x.py)' in done.stdout, done.stdout + done.stderr

def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path):
    said = pianola('pianola', 'check', str(tmp_path/'nothing.py'))
    assert said.returncode == 1 and 'is not there' in said.stdout

def test_what_is_no_plugin_is_said_to_be_none_and_why(serve, tmp_path):
    (f := tmp_path/'p').mkdir()
    (f/'18_sales.ipynb').write_text('{"cells": []}')
    (f/'_draft.py').write_text('"D: d"')
    (f/'box').mkdir()
    said = pianola('pianola', 'check', *map(str, sorted(f.iterdir())))
    for name, why in {'18_sales.ipynb': 'a plugin is a Python file (NAME.py), or a folder with an __init__.py',
                      '_draft.py': 'its name begins with _ or ., so that it is left out', 'box': 'the folder has no __init__.py'}.items():
        assert f'✗ loads: {name} is no plugin: {why}\n' in said.stdout, said.stdout
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    told = lambda: [l for l in s.lines if '18_sales.ipynb is not loaded: a plugin is a Python file' in l]
    s.until(told)
    (f/'hi.py').write_text('"Hi: x."\nfrom pianola import Page\npage = Page()\n')
    s.until(lambda: s.get('/api/health')[1]['plugins'] == {'hi': 'ok'})
    assert len(told()) == 1, 'once'

def test_a_word_that_nobody_awaits_is_named_with_its_line(tmp_path):
    (tmp_path/'x.py').write_text(
        '"X: x"\nfrom pianola import Page, P, kv, log, say as tell\npage = Page()\n@page\ndef index():\n    tell("not awaited")\n    '
        'kv.set("n", 9)\n    log.info("no coroutine")\n    return P("x")\n'
                                 '@page.get("/y")\nasync def y():\n    await tell("well")\n    return tell("awaited by who asked")\n')
    said = pianola('pianola', 'check', str(tmp_path/'x.py'))
    assert (said.returncode == 1
            and '✗ loads: line 6 of x.py calls say without `await`: nothing comes of it; line 7 of x.py calls kv.set without `await`: '
            'nothing comes of it\n' in said.stdout), said.stdout
    assert said.stdout.count('✓') == 5
    (tmp_path/'y.py').write_text('"Y: y"\nfrom pianola import Page, P, Span, kv, job_bar\npage = Page()\n@page\nasync def index():\n'
                                 '    return P("x", Span(kv.get("n")))\n@page.get("/y")\nasync def y(): return P(f"{job_bar(1)} {await kv.get(1)}")\n')
    said = pianola('pianola', 'check', str(tmp_path/'y.py')).stdout
    assert 'line 6 of y.py calls kv.get without `await`' in said and 'line 8 of y.py calls job_bar without `await`' in said, said
    assert '✗ shows itself empty: its view: TypeError: kv.get(…) stands among the tags as it is' in said and '(line 6 of y.py)' in said, said

def test_a_key_without_a_transaction_runs_beside_and_one_that_mixes_both_is_named(serve, tmp_path):
    f = tmp_path/'p'
    f.mkdir()
    (f/'greet.py').write_text(
        '"Greet: says hello."\nimport threading\nfrom pianola import Page, P, action\npage = Page()\n@page\ndef index(): return P("x")\n'
        '@action\ndef hello(name: str, often: int = 1):\n    "Say hello."\n    return [threading.current_thread().name, *[f"Hello {name}"]*often]\n'
        '@action\ndef worse(n: int):\n    "Break."\n    return 1/n\n')
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    assert s.act('greet.hello', name='Bo', often=2)['result'] == ['plugin greet', 'Hello Bo', 'Hello Bo']
    status, said = s.post('/api/actions/greet.worse', {'n': 0})
    assert status == 422 and 'ZeroDivisionError: division by zero (line 14 of greet.py)' in said['error'], (status, said)
    for head, line in (('def f(name: str, tx): ', 'f: tx is the first parameter'), ('async def f(tx): ', 'what awaits has no transaction')):
        (f/'greet.py').write_text(f'"Greet: x."\nfrom pianola import action\n@action\n{head}return 1\n')
        s.until(lambda: line in s.get('/greet', HX_Request='true')[1])      # noqa: B023
