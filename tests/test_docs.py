"What the docs promise: every example runs, every route answers, every name is there."
import re, subprocess, sys
import pytest
from conftest import root

plugins_page, contract = (root/'docs/plugins.md').read_text('utf-8'), (root/'docs/contract.md').read_text('utf-8')
examples = dict(re.findall(r'<!-- run: (\w+) -->\n```python\n(.*?)```', plugins_page, re.S))

@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    f = tmp_path_factory.mktemp('plugins')
    for name, code in examples.items(): (f/f'{name}.py').write_text(code, 'utf-8')
    return f

@pytest.fixture
def server(serve, upstream, folder): return serve(plugins=folder, env=upstream(['kind ', 'word']).env)

def test_every_example_in_the_plugin_guide_loads_and_shows(server):
    assert len(examples) >= 5
    server.until(lambda: server.get('/api/health')[1]['engine']['ready'])
    assert server.get('/api/health')[1]['plugins'] == dict.fromkeys(sorted(examples), 'ok')
    for name in examples:
        status, html = server.get(f'/{name}', HX_Request='true')
        assert status == 200 and 'id="main"' in html and 'card failed' not in html, html
        assert '<nav' not in html, 'the left column only'

def test_a_table_of_the_guide_has_its_five_keys(server):
    row = server.act('recipes.create', name='Soup')['result']
    assert row == {'id': 1, 'name': 'Soup', 'minutes': 30, 'tried': False}
    server.act('recipes.update', where={'name': 'soup'}, tried=True)
    server.act('recipes.create', name='Bread', minutes=90)
    server.act('recipes.move', id=2, before=1)
    assert [(r['name'], r['tried']) for r in server.rows('recipes')] == [('Bread', False), ('Soup', True)]
    assert server.act('recipes.list', where={'tried': True})['result'][0]['name'] == 'Soup'

def test_a_row_that_says_how_it_looks(server):
    server.act('books.create', name='Emma', author='<b>Austen</b>')
    assert '<em>&lt;b&gt;Austen&lt;/b&gt;</em>' in server.get('/books', HX_Request='true')[1]

def test_an_own_key_is_one_step_and_can_be_taken_back(server):
    for n in 'abc': server.act('chores.create', name=n)
    assert next(a for a in server.get('/api/actions')[1] if a['name'] == 'chores.finish_all') == {'name': 'chores.finish_all',
        'title': 'Tick everything', 'description': 'Mark every chore done.',
        'plugin': 'chores', 'parameters': {'type': 'object', 'properties': {}, 'required': [], 'additionalProperties': False}, 'risk': 'write'}
    done = server.act('chores.finish_all')
    assert all(r['done'] for r in server.rows('chores'))
    server.post(f"/api/roll/{done['id']}/undo")
    assert not any(r['done'] for r in server.rows('chores'))

def test_the_keys_of_a_table_and_of_the_schedule_take_what_the_pages_say(server):
    takes = {a['name']: a['parameters'] for a in server.get('/api/actions')[1]}
    rows = dict(re.findall(r'^\| `recipes\.(\w+)` \| (.*) \|$', plugins_page, re.M))
    assert {'create', 'list', 'sum', 'update', 'delete', 'move', 'sort', 'choose'} == set(rows)
    assert set(takes['recipes.sum']['properties']) == {'column', 'where'} == set(re.findall(r'`(\w+)`', rows['sum']))
    assert set(takes['recipes.sort']['properties']) == {'by', 'order'} and '`by`' in rows['sort'] and '`order`' in rows['sort']
    row = next(l for l in (root/'docs/tables.md').read_text('utf-8').splitlines() if l.startswith('| `films.import`'))
    assert set(re.findall(r'`(\w+)`', row)) == set(takes['recipes.import']['properties'])
    said = re.search(r'the key `schedule.add` does the same: (.*?)\. ', plugins_page)[1]
    assert set(takes['schedule.add']['properties']) == set(re.findall(r'`(\w+)` \(', said))
    assert len(forms := re.findall(r'`(\w+ \d\d:\d\d|every \d+ \w+)`', said)) == 5
    for n, every in enumerate(forms, 1):
        assert server.act('schedule.add', action='chores.finish_all', every=every, args={}, missed='skip')['result']['id'] == n

def test_a_plugin_hears_the_key_of_another_and_a_line_has_what_the_page_says(server):
    from pianola.actions import Outcome
    from pianola.tx import Event
    assert {*re.findall(r'^\| `e\.(\w+)` \|', plugins_page, re.M)} == {'kind', 'what', 'by', 'text', 'data', 'rows'} <= {*Event.__struct_fields__}
    assert {*re.findall(r'`\.(\w+)`', re.search(r'^What `act` returns has (.*?)\. What', plugins_page, re.M)[1])} <= {*Outcome.__dataclass_fields__}
    seen = lambda: re.search('id="finished-last">([^<]*)', server.get('/finished', HX_Request='true')[1])[1]
    assert seen() == 'Finished last: nothing yet.'
    id = server.act('chores.create', name='Windows')['result']['id']
    server.act('chores.update', id=id, name='The windows')
    server.act('chores.update', id=id, done=True)
    server.until(lambda: seen() == 'Finished last: The windows.')

def test_a_plugin_asks_the_model_speaks_shows_and_remembers(server, page):
    page.goto(server.url + '/parrot')
    page.get_by_role('button', name='Ask').click()
    page.locator('#times', has_text='Asked 1 times.').wait_for()
    page.locator('#msg-list > [data-role=app]', has_text='It says: kind word').wait_for()
    page.reload()
    page.locator('#times', has_text='Asked 1 times.').wait_for()
    said = server.get('/api/conversation')[1]
    assert [(m['role'], m['text']) for m in said] == [('app', 'It says: kind word')]
    page.fill('#msg', 'what did it say?')
    page.press('#msg', 'Enter')
    page.locator('#msg-list > [data-role=assistant][data-status=done]').wait_for()
    server.until(lambda: any('the model said kind word' in line for line in server.lines))

def test_every_word_of_pianola_stands_in_the_reference():
    import pianola
    words = {w for row in re.findall(r'^\| (`.+?) \|', plugins_page.split('## Every word')[1], re.M) for w in re.findall(r'`(?:await )?(\w+)', row)}
    assert not (lacking := set(pianola._where) - words), f'docs/plugins.md says nothing of {lacking}'

def test_every_route_of_the_contract_answers(server):
    server.act('recipes.create', name='x')
    for method, path in re.findall(r'`(GET|POST) (/[^`]*)`', contract):
        path = path.replace('NAME', 'recipes' if '/actions/' not in path else 'recipes.list').replace('ID', '1').replace('=N',
            '=5').replace('=WORDS', '=x').replace('?hidden=1', '?hidden=1')
        status, said = server.ask(method, path, {} if method == 'POST' else None)
        known = status in (200, 202) or (isinstance(said, dict) and 'error' in said and 'no plugin' not in said['error'])
        assert known and status < 500, (method, path, status, said)

def test_every_flag_and_variable_of_the_contract_is_read():
    help = subprocess.run([sys.executable, 'server.py', '--help'], cwd=root, capture_output=True, text=True).stdout
    source = (root/'pianola/config.py').read_text()
    for flag in set(re.findall(r'`(--[\w-]+)`', contract)): assert flag in help, flag
    for name in set(re.findall(r'`((?:PIANOLA|OLLAMA)_\w+)`', contract)):
        assert name in source or name.removeprefix('PIANOLA_').lower() in source, name

def test_every_selector_of_the_contract_is_on_the_page(server, page):
    server.act('recipes.create', name='x')
    page.goto(server.url + '/recipes')
    for s in ('#nav', '#main', '#chat', '#msg-list', '#msg', '#send', '#stop', '#model', '#recipes-list', '#recipes-1', 'form#recipes-new',
              'form#recipes-new input[name=name]', 'form#recipes-new input[name=minutes]'):
        assert page.locator(s).count() == 1, s
    code = server.post('/api/actions/recipes.delete', {'id': 1})
    assert code[0] == 202
    page.locator(f"[data-approval='{code[1]['approval']}'] .reject").click()
    page.locator('[data-approval]').wait_for(state='detached')
    page.fill('form#recipes-new input[name=name]', 'y')
    page.press('form#recipes-new input[name=name]', 'Enter')
    page.locator('[data-roll] .undo').last.click()
    page.locator('#recipes-2').wait_for(state='detached')
    assert {'name', 'minutes'} <= set(page.eval_on_selector_all('form#recipes-new [name]', 'all => all.map(e => e.name)')) <= {'name',
        'minutes', 'tried'}, 'inputs are named as the columns'

def test_the_steps_of_a_flow_are_on_the_page_as_the_contract_says(server, page):
    states = re.findall(r'`(\w+)`', next(x for x in contract.splitlines() if x.startswith('| `#NAME-STEP`')).partition('with `data-state`')[2])
    from pianola.flows.cards import words
    assert set(states) == set(words) >= {'waiting', 'open', 'running', 'done', 'failed', 'locked'}
    assert '| `details` |' in contract
    page.goto(server.url + '/trip')
    step = lambda name, state: page.locator(f'details#trip-{name}[data-state={state}]')
    step('where', 'open').wait_for()
    assert step('where', 'open').get_attribute('open') is not None and step('choose', 'waiting').get_attribute('open') is None
    server.act('trip.run', values={'days': 2})
    step('where', 'done').wait_for()
    assert step('where', 'done').get_attribute('open') is None, 'it is folded'
    server.act('trip.lock', run=1, locked=True)
    step('where', 'locked').wait_for()

def test_who_pressed_and_how_it_stands_are_words_of_the_contract(server):
    said = lambda route: re.findall(r'`(\w+)`', next(x for x in contract.splitlines()
                                                     if x.startswith(f'| `GET {route}')).rpartition('`by` is')[2] or '')
    roll = said('/api/roll')
    assert roll[:5] == ['user', 'model', 'roll', 'agent', 'app']
    server.act('recipes.create', name='x')
    server.post('/api/actions/recipes.delete', {'id': 1})
    server.ask('POST', '/api/approvals/1', {'approve': False})
    for e in (entries := server.get('/api/roll')[1]): assert e['by'] in roll[:5] and e['status'] in roll[6:], e
    assert {e['status'] for e in entries} == {'done', 'waiting', 'rejected'} and {e['by'] for e in entries} >= {'agent'}
    source = ''.join(p.read_text('utf-8') for p in (root/'pianola').glob('*.py'))
    for word in set(re.findall(r"'data': \{[^}]*'status': '(\w+)'|data=\{[^}]*'status': '(\w+)'", source)):
        assert (word[0] or word[1]) in roll[6:], word
    talk = next(x for x in contract.splitlines() if x.startswith('| `GET /api/conversation`')).partition('`status` is')[2]
    assert re.findall(r'`(\w+)`', talk) == ['streaming', 'done', 'stopped', 'error']

def test_every_command_of_the_contract_is_there_and_the_docs_call_it_as_it_runs(tmp_path):
    commands = set(re.findall(r'`python -m pianola (\w+)', contract))
    said = subprocess.run([sys.executable, '-m', 'pianola', '?'], cwd=root, capture_output=True, text=True).stderr
    assert commands == set(re.findall(r'\w+', said.partition('one of:')[2])) >= {'run', 'eval'}
    for name in ('run', 'eval', 'work'):
        helps = subprocess.run([sys.executable, '-m', 'pianola', name, '--help'], cwd=root, capture_output=True, text=True).stdout
        for flag in re.findall(r'`?(--\w+)', ''.join(x for x in contract.splitlines() if x.startswith(f'| `python -m pianola {name}'))):
            assert flag in helps, (name, flag)
    for f in (root/'README.md', *(root/'docs').glob('*.md'), *(root/'plugins').glob('*/*.md')):
        # the first has the words of the modules, the second says which Python it is
        if f.name in ('architecture.md', 'contract.md'): continue
        assert not (bare := re.findall(r'(?<![./\w])python3? (?:-m |\w+/)\S+',
                                       f.read_text('utf-8'))), f'{f.name}: {bare} runs with .venv/bin/python only'

def test_the_address_of_the_readme_is_the_one_that_opens():
    from pianola.config import read
    text = (root/'README.md').read_text('utf-8')
    assert re.findall(r'https?://[\w.]+:\d+', text) == [read([], {}).url]

def test_the_names_of_plugins_are_as_the_contract_says(serve, tmp_path):
    words = contract.partition('## A plugin')[2]
    for must in ('`__init__.py`', '`20_tasks.py` is `tasks`', 'underscore', '`Title: one sentence of help`'): assert must in words, must
    f = tmp_path/'p'
    (f/'30_folder').mkdir(parents=True)
    for name in ('20_tasks.py', '_draft.py', '30_folder/__init__.py'): (f/name).write_text(examples['hello'], 'utf-8')
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    assert s.get('/api/health')[1]['plugins'] == {'folder': 'ok', 'tasks': 'ok'}

def test_a_broken_plugin_is_a_card_and_the_others_go_on(serve, tmp_path, page):
    f = tmp_path/'p'
    f.mkdir()
    for name, code in {'10_fine': examples['recipes'], '20_syntax': '"Bad: x"\ndef (', '30_exit': 'import sys; sys.exit(3)',
                       '40_missing': 'import nosuchmodule', '50_empty': '"Nothing: here"',
                       '60_raises': '"R: x"\nfrom pianola import Page\npage = Page()\n@page\ndef index(): return 1/0', '_draft': '1/0',
                       'api': examples['hello']}.items():
                           (f/f'{name}.py').write_text(code)
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    health = s.get('/api/health')[1]['plugins']
    assert (health['fine'] == 'ok' and 'SyntaxError' in health['syntax'] and 'line 2' in health['syntax'] and 'SystemExit' in health['exit']
            and 'nosuchmodule' in health['missing'] and 'draft' not in health)
    assert 'no Page' in health['empty'] and 'cannot be a plugin' in health['api']
    page.goto(s.url + '/syntax')
    page.locator('.card.failed', has_text='SyntaxError').wait_for()
    assert 'ZeroDivisionError' in s.get('/raises', HX_Request='true')[1]
    s.act('recipes.create', name='still here') if 'recipes' in health else s.act('fine.create', name='still here')

def test_the_readme_names_the_two_commands_and_its_picture():
    text = (root/'README.md').read_text('utf-8')
    assert 'python3 start.py\n' in text and 'python3 start.py test' in text
    for src in re.findall(r'!\[[^\]]*\]\(([^)]+)\)', text): assert (root/src).exists(), src
    for target in re.findall(r'(?<!!)\[[^\]]+\]\(([^)#]+)\)', text):
        if '://' not in target: assert (root/target).exists(), target
