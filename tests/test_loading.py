"Plugins that load while you watch: real files, saved, broken, mended, renamed and removed under a running server; and every trap that is known."
import asyncio, json, re, sqlite3, subprocess, sys, threading, time, types, urllib.request
from concurrent.futures import ThreadPoolExecutor
import msgspec, pytest
from playwright.sync_api import expect
from conftest import Server, busy, connect, held, root
from ollama_double import words

good = '"Notes: small things."\nfrom pianola import Crud\nclass Note: name: str\nnotes = Crud(Note)\n'
page_ = '"Hi: a page."\nfrom pianola import Page, P\npage = Page()\n@page\ndef index(): return P("%s", id="said")\n'

class Folder:
    "A plugins folder with a server that watches it"
    def __init__(self, serve, path, env=None, **files):
        path.mkdir()
        self.path = path
        for name, code in files.items(): self.save(name, code)
        self.s = serve(plugins=path, env=env or {'PIANOLA_ENGINE': 'embedded'})
    def save(self, name, code):
        f = self.path/f'{name}.py'
        f.parent.mkdir(exist_ok=True)
        f.write_text(code, 'utf-8')
    def remove(self, name): (self.path/f'{name}.py').unlink()
    def health(self): return self.s.get('/api/health')[1]['plugins']
    def until(self, name, says, seconds=60):
        "Wait until health says this of a plugin (None: it is not there); what it says comes back"
        fits = (lambda v: v is None) if says is None else (lambda v: v is not None and says in v)
        self.s.until(lambda: fits(self.health().get(name)), seconds)
        return self.health().get(name)
    def keys(self): return {a['name'] for a in self.s.get('/api/actions')[1]}

@pytest.fixture
def folder(serve, tmp_path): return lambda env=None, **files: Folder(serve, tmp_path/'plugins', env, **files)

def test_a_saved_file_is_a_plugin_within_a_second_and_a_removed_one_is_none(folder):
    f = folder(a_first=good)
    def at_once(do, see):
        began = time.perf_counter()
        do()
        see()
        took = time.perf_counter() - began
        assert took < 1 or took < 1*busy(), took
    at_once(lambda: f.save('20_hello', page_ % 'one'), lambda: f.until('hello', 'ok'))
    assert 'one' in f.s.get('/hello', HX_Request='true')[1]
    at_once(lambda: f.save('20_hello', page_ % 'two'), lambda: f.s.until(lambda: 'two' in f.s.get('/hello', HX_Request='true')[1]))
    at_once(lambda: f.save('30_tasks', good.replace('Note', 'Task').replace('notes', 'tasks')), lambda: f.until('tasks', 'ok'))
    assert f.s.act('tasks.create', name='x')['result']['id'] == 1
    at_once(lambda: f.remove('30_tasks'), lambda: f.until('tasks', None))
    assert 'tasks.create' not in f.keys() and f.s.post('/api/actions/tasks.create', {'name': 'y'})[0] == 404
    at_once(lambda: f.save('05_tasks', good.replace('Note', 'Task').replace('notes', 'tasks')), lambda: f.until('tasks', 'ok'))
    assert [r['name'] for r in f.s.rows('tasks')] == ['x'], 'rows outlive the file'
    assert list(f.health()) == ['tasks', 'first', 'hello'] or list(f.health())[0] == 'tasks', f.health()

def test_a_renamed_file_keeps_its_keys_and_moves_in_the_menu(folder):
    f = folder(**{'10_notes': good, '20_hello': page_ % 'one'})
    f.s.act('notes.create', name='kept')
    (f.path/'10_notes.py').rename(f.path/'30_notes.py')
    f.s.until(lambda: list(f.health()) == ['hello', 'notes'])
    assert [r['name'] for r in f.s.rows('notes')] == ['kept']
    menu = re.findall(r'data-view="(\w+)"', f.s.get('/')[1].partition('<main')[0])
    assert menu == ['hello', 'notes']

traps = {
    'a syntax error':      ('"Bad: x"\ndef (:', r'SyntaxError: .*\(line 2 of trap.py\)'),
    'an unclosed string':  ('x = """\n', r'SyntaxError: .*line 1'),
    'a missing module':    ('\nimport nosuchmodule', r"ModuleNotFoundError: No module named 'nosuchmodule' \(line 2 of trap.py\)"),
    'a wrong word':        ('from pianola import Crudd', r'has no Crudd'),
    'sys.exit':            ('import sys\nsys.exit(3)', r'SystemExit: it calls sys.exit\(3\).*line 2'),
    'os._exit':            ('import os\nos._exit(3)', r'ended the whole process.*exit code 3'),
    'a crash':             ('import ctypes\nctypes.string_at(0)', r'crash.*(SIGSEGV|line 2)'),
    'an endless loop':     ('x = 1\nwhile True: x += 1', r'still importing after 2 s \(line 2 of trap.py\)'),
    'a long sleep':        ('import time\ntime.sleep(60)', r'still importing after 2 s \(line 2'),
    'a loop in C':         ('import re\nre.match("(a+)+b", "a"*60)', r'TimeoutError'),
    'eight gigabytes':     ('\nx = bytearray(8 << 30)', r'more than 4 GB while it was imported \(line 2'),
    'endless recursion':   ('def f(): f()\nf()', r'RecursionError.*line 1'),
    'a thread that exits': (
        'import os, threading, time\nfrom pianola import Page\npage = Page()\ndef late(): time.sleep(.1); '
        'os._exit(1)\nthreading.Thread(target=late).start()', r'ended the whole process'),
    'nothing in it':       ('"Nothing: here"', r'makes no Page, Crud or Flow'),
    'an endless thread':   ('import threading\nfrom pianola import Page, P\ndef f():\n  while True: pass\npage = Page()\n1/0',
                            r'ZeroDivisionError.*line 6'),
}
if sys.platform != 'linux': del traps['eight gigabytes'], traps['a loop in C']

def test_whatever_a_file_does_when_it_is_imported_it_is_told_in_words_and_nothing_else_notices(folder):
    f = folder(notes=good)
    pid = f.s.p.pid
    worst, over = [], threading.Event()
    def look():
        while not over.is_set():
            t = time.time()
            f.health()
            worst.append(time.time()-t)
            time.sleep(.01)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for what, (code, says) in traps.items():
            f.save('trap', code)
            f.s.until(lambda says=says: re.search(says, f.health().get('trap', '')))
            assert f.s.act('notes.create', name=what)['status'] == 'done'
            f.remove('trap')
            f.until('trap', None)
    finally: over.set(); watcher.join()
    assert f.s.p.poll() is None and f.s.p.pid == pid and f.health() == {'notes': 'ok'}
    assert len(f.s.rows('notes')) == len(traps)
    assert sorted(worst)[int(len(worst)*.99)] < .5*busy(), 'the others were served all the while'

def test_the_version_that_runs_goes_on_when_the_next_one_is_broken(folder):
    f = folder(notes=good)
    f.s.act('notes.create', name='one')
    f.save('notes', good.replace('notes = ', 'notes == '))
    said = f.until('notes', 'still running the version from')
    assert 'NameError' in said and 'line 4 of notes.py' in said and re.search(r'from \d\d:\d\d', said)
    assert f.s.act('notes.create', name='two')['result']['id'] == 2
    html = f.s.get('/notes', HX_Request='true')[1]
    assert 'card failed' in html and 'line 4' in html and 'notes-2' in html and 'Still running the version from' in html
    f.save('notes', good.replace('name: str', 'name: str; more: int = 5'))
    f.until('notes', 'ok')
    assert f.s.rows('notes')[1] == {'id': 2, 'name': 'two', 'more': 5}
    assert 'card failed' not in f.s.get('/notes', HX_Request='true')[1]

def test_a_half_of_a_plugin_never_enters(folder):
    "Its second table is somebody else's: then its first key is not there either, nor its route"
    f = folder(notes=good)
    f.save('other',
           '"Other: x"\nfrom pianola import Crud, Page, action\nclass A: name: str\na = Crud(A, name="other_a")\nclass B: name: str\nb = '
           'Crud(B, name="notes")\npage = Page()\n@page.get("/x")\ndef x(): return "x"\n@action\ndef key(tx): "k"\n')
    said = f.until('other', 'notes')
    assert 'belongs to notes' in said
    assert not [k for k in f.keys() if k.startswith('other')] and f.s.get('/other/x')[0] == 404 and f.health()['notes'] == 'ok'
    assert f.s.act('notes.create', name='x')['result'] == {'id': 1, 'name': 'x'}
    with sqlite3.connect(f.s.data/'pianola.db') as db: assert not db.execute("select 1 from sqlite_master where name like 'other%'").fetchall()

@pytest.mark.parametrize('code, says', [
    ('from pianola import action\n@action(name="notes.create")\ndef f(tx): "x"', 'wants the key notes.create'),
    ('from pianola import action\n@action(name="chat.delete", plugin="chat")\ndef f(tx): "x"', 'wants the key chat.delete'),
    ('from pianola import Crud\nclass L: name: str\nl = Crud(L, name="log")', 'wants the table log, which is one of our own'),
    ('from pianola import Crud\nclass L: name: str\nl = Crud(L, name="Message")', 'which is one of our own'),
    ('from pianola import Page\nclass Wide(Page):\n  def mount(self, app): app.get("/api/health")(lambda: "mine")\np = Wide()', 'other'),
    ('from pianola import Page\nclass Wide(Page):\n  def mount(self, app): app.get("/notes/x")(lambda: "mine")\np = Wide()',
     'may not answer at /notes/x'),
])
def test_a_name_that_is_somebody_elses_is_refused_with_words(folder, code, says):
    f = folder(notes=good, other=page_ % 'mine was here')
    f.save('other', code)
    assert says in f.until('other', 'still running')
    assert f.health()['notes'] == 'ok' and f.s.get('/api/health')[1]['status'] == 'ok'
    assert 'mine was here' in f.s.get('/other', HX_Request='true')[1]

def test_a_table_called_like_one_of_ours_says_which_names_are_taken_and_what_to_write(folder):
    job = '"Jobs: who wants one."\nfrom pianola import Crud\nclass Job: title: str\njobs = Crud(Job%s)\n'
    f = folder(job=job % '', notes=good)
    said = f.until('job', 'wants the table job')
    assert all(n in said for n in ('log', 'message', 'pair', 'run', "Crud(…, name='my_job')")) and said.count('\n') == 0
    assert 'my_job' in f.s.get('/job', HX_Request='true')[1], 'and its page says so'
    f.save('job', job % ", name='my_job'")
    f.until('job', 'ok')
    assert f.s.act('my_job.create', title='Baker')['result'] == {'id': 1, 'title': 'Baker'}
    f.save('90_msg', job % '')
    assert "name='my_msg'" in f.until('msg', 'the page uses'), 'its rows would be messages: #msg-1'
    f.save('90_twice', '"Twice: x"\nfrom pianola import Crud\nclass A: name: str\na = Crud(A, name="twice_a")\nb = Crud(A, name="twice_A")')
    f.until('twice', 'makes the table twice_A twice')
    f.save('90_space', job % ", name='my list'")
    f.until('space', "'my list' cannot be the name of a table; use letters")
    assert f.s.act('notes.create', name='x')['id'] and f.health()['notes'] == 'ok'

def test_no_plugin_gets_a_name_that_is_ours_however_it_is_written(tmp_path):
    from pianola.loading.plugins import Plugin, plugins
    from pianola.store import Refused, Store
    async def names():
        st = Store()
        await st.open(tmp_path)
        found = await st.q('select name from sqlite_master')
        await st.close()
        return {r['name'] for r in found}
    with ThreadPoolExecutor(1) as beside: ours = beside.submit(asyncio.run, names()).result()
    assert {'log', 'log_kind', 'message_fts', 'message_signs_data', 'answer_locked', 'unit'} <= ours
    class Table:
        columns, plugin_name = {}, 'x'
        def __init__(self, name): self.name = name
    def wants(name):
        p = Plugin(tmp_path/'x.py')
        p.kinds = [Table(name)]
        try: plugins.free(p)
        except Refused as e: return e.text
    assert [n for o in sorted(ours) for n in (o, o.upper(), o.capitalize()) if not wants(n)] == []
    assert ([n for n in ('tasks_by_pos', 'msg', 'a"b', 'a b', '', '1a', 'lot 1') if not wants(n)] == [] and wants('jobs') is None
            and wants('tâches-2') is None)

def test_a_table_of_a_plugin_makes_room_when_a_newer_version_needs_its_name(tmp_path, monkeypatch):
    from pianola.tables import growth
    from pianola import store, tx as pairs
    from pianola.asking.forms import of_class
    class Mark:
        name: str
        sold: bool = False
    at = next(n for n, m in enumerate(store.migrations) if 'create table mark(' in m)
    async def opened(f):
        st = store.Store()
        await st.open(tmp_path)
        try: return await st.write(f)
        finally: await st.close()
    def before(tx):
        growth.grow(tx, 'Mark', of_class(Mark), {'pos': 'real'})
        tx.run('create index "Mark_by_pos" on "Mark"(pos, id)')
        for n in ('Barn', 'Field'): tx.insert('Mark', {'name': n, 'sold': 1, 'pos': 1.0})
        pairs.put(tx, 'chosen', 'Mark', 2)
    def after(tx):
        growth.grow(tx, 'my_Mark', of_class(Mark), {'pos': 'real'})
        return tx.q('select name, sold from "my_Mark"'), pairs.got(tx, 'chosen', 'my_Mark'), tx.new_id('my_Mark'), tx.lot('my_Mark', ['name'])
    def run(f):
        with ThreadPoolExecutor(1) as beside: return beside.submit(asyncio.run, opened(f)).result()
    with monkeypatch.context() as m:
        m.setattr(store, 'migrations', store.migrations[:at])
        run(before)
    assert run(after) == ([{'name': 'Barn', 'sold': 1}, {'name': 'Field', 'sold': 1}], 2, 3, 'lot 1')

def test_secrets_of_two_plugins_that_are_kept_at_once_are_all_kept(tmp_path, monkeypatch):
    from pianola.loading import settings
    monkeypatch.setattr(settings.store, 'folder', tmp_path, raising=False)
    with ThreadPoolExecutor(4) as many:
        for kept in [many.submit(settings.hide, p, {f'key {n}': 'swordfish'}) for n in range(15) for p in 'abcd']: kept.result()
    assert {p: len(own) for p, own in settings.secrets().items()} == dict.fromkeys('abcd', 15)

@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux limits the memory of a process')
def test_a_file_is_tried_within_the_memory_there_is_and_a_long_error_is_told_with_both_ends(tmp_path):
    import resource
    (tmp_path/'room.py').write_text('import resource\n__doc__ = f"{resource.getrlimit(resource.RLIMIT_AS)}: what there is."\n')
    (tmp_path/'long.py').write_text('raise ValueError("begins " + "é"*70_000 + " ends")')
    code = "import json, sys\nfrom pianola.loading.trial import helper, try_out\ntold = [try_out(p, n) for p, n in zip(sys.argv[1:], ('room', 'long'))]\nhelper.close()\nprint(json.dumps(told))"
    p = subprocess.run([sys.executable, '-c', code, str(tmp_path/'room.py'), str(tmp_path/'long.py')], cwd=root, capture_output=True,
                       text=True, timeout=60, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)))
    assert p.returncode == 0, p.stderr
    room, long = json.loads(p.stdout)
    assert room['error'] == '' and room['title'] == str((3 << 30, 3 << 30)), 'no more than we have ourselves'
    assert (long['error'].startswith('ValueError: begins é') and long['error'].endswith('(line 1 of long.py)')
            and long['trace'].rstrip().endswith('é ends'))

def test_a_folder_is_watched_on_when_the_first_look_breaks(tmp_path):
    from pianola import live
    async def go():
        seen = []
        async def then():
            seen.append(1)
            if len(seen) == 1: raise KeyError('the first look')
        watching = asyncio.create_task(live.watching(tmp_path, then))
        try:
            async with asyncio.timeout(20):
                while len(seen) < 2 and not watching.done():
                    (tmp_path/'x.py').write_text(str(time.time()))
                    await asyncio.sleep(.1)
        finally: watching.cancel()
        return len(seen)
    with ThreadPoolExecutor(1) as beside: assert beside.submit(asyncio.run, go()).result() >= 2

@pytest.mark.parametrize('head, says', [
    ("class A: name: str; id: str\nCrud(A)\n@action", 'A.id: each row has a number of its own as its id; leave it out, and call a column of yours otherwise (line 5'),
    ("@action(risk='delete')", "risk='delete' means nothing; it is 'read', 'write' or 'destructive' (line 4 of keys.py)"),
    ("@action(model='never')", "model='never' means nothing; it is True or False (line 4"),
    ("@action(runs='process')", 'an action has no runs; it has name, title, risk'),
    ("@flow.step(runs='proces')", "runs='proces' means nothing; it is 'async', 'thread' or 'process' (line 4"),
    ("@action(phrases='count')", 'phrases of go is a list of texts'),
    ("@action(phrases=(r'fine', r'count (?P<txt>.+'))", 'of go is no regular expression: missing ), unterminated subpattern at position 6 (line 4'),
    ("@action(phrases=(r'count (?P<text>.+)',))", 'says (?P<text>…), and go has txt, n (line 4'),
], ids=lambda x: x.partition(' ')[0][:30])
def test_what_a_decorator_is_told_wrongly_is_refused_with_the_line(tmp_path, head, says):
    from pianola.loading import trial
    (tmp_path/'keys.py').write_text(f'"Keys: x."\nfrom pianola import Crud, Flow, action\nflow = Flow()\n{head}\ndef go(txt: str = "", n: int = 0): "Go."\n')
    said = trial.try_out(tmp_path/'keys.py', 'keys')['error']
    assert says in said, said

def test_a_phrase_that_cannot_be_tried_leaves_the_sentence_to_the_model(monkeypatch):
    from pianola.conversation import orders, understand
    def breaks(*_): raise re.error('bad escape')
    monkeypatch.setattr(orders, 'by_rules', True)
    monkeypatch.setattr(understand, 'spoken', breaks)
    said = {'id': 1, 'text': 'count it', 'model': '', 'brings': ''}
    assert orders.by_phrase(types.SimpleNamespace(value=lambda *_: None), said, 'keys') is False

looks = '''"Looks: reads."
from pianola import Crud, action
class Look: name: str
looks = Crud(Look)
%s''' % ''.join(f"@action(title='The {n}', risk='read', phrases=['the {n}'])\ndef {n}(tx):\n    'Look.'\n    return {value}\n" for n, value in {
    'total': "'12.00 <b>is still open</b>'", 'count': '3', 'parts': "{'paid': True, 'sum': 2.5, 'note': None}", 'names': "['a', 'b']",
    'lines': "[{'name': 'a', 'n': 1}, {'name': 'b', 'n': 2}]", 'none': 'None', 'nobody': '[]'}.items())

def test_what_a_key_that_only_looks_returns_is_the_answer(folder, upstream):
    model = upstream('{"action": "looks.total"} {"action": "looks.lines"}')
    f = folder(model.env, looks=looks)
    f.s.until(lambda: f.s.get('/api/health')[1]['engine']['ready'])
    said = lambda role: [m['text'] for m in f.s.get('/api/conversation')[1] if m['role'] == role]
    with connect(f.s.ws) as ws:
        ws.send(json.dumps({'hello': {'view': 'looks'}}))
        for n, (name, says) in enumerate({'total': '12.00 <b>is still open</b>', 'count': '3', 'parts': 'paid: yes, sum: 2.5', 'names': 'a, b',
                                          'lines': '2 rows\n\nname: a, n: 1\n\nname: b, n: 2', 'nobody': 'nothing'}.items(), 1):
            ws.send(json.dumps({'msg': f'The {name}.'}))
            f.s.until(lambda n=n: len(said('app')) == n)
            assert said('app')[-1] == f'The {name}: {says}' and not model.asked
        ws.send(json.dumps({'msg': 'Now you'}))
        f.s.until(lambda: 'data-roll' in f.s.get('/')[1])
    html = f.s.get('/')[1]
    assert '<span>The total: 12.00 &lt;b&gt;is still open&lt;/b&gt;</span>' in html and '<summary>The lines: 2 rows</summary>' in html
    assert '<p>name: a, n: 1</p>' in html and '<b>is still' not in html

def test_what_goes_says_what_of_it_is_kept(folder):
    f = folder(notes=good, hi=page_ % 'x', steps='"Steps: x."\nfrom pianola import Flow\nflow = Flow()\n@flow.step\ndef a(): "A?"\n')
    for name, says in {'notes': '; its rows are kept', 'hi': '', 'steps': '; its runs are kept'}.items():
        f.remove(name)
        f.until(name, None)
        with sqlite3.connect(f.s.data/'pianola.db') as db:
            told = lambda name=name, db=db: db.execute('select text from log where what=? order by id desc', [f'plugin.{name}']).fetchone()
            f.s.until(lambda name=name, says=says, told=told: told() == (f'{name} was removed from the menu{says}',))

def test_a_parameter_without_a_type_has_that_of_its_default(tmp_path):
    from pianola.actions import args_of
    def go(tx, what, n=3, share=.5, loud=False, name='x'): ...
    assert [f.type for f in msgspec.structs.fields(args_of(go, 'go'))] == [str, int, float, bool, str]

@pytest.mark.skipif(sys.platform != 'linux', reason='files that cannot be read, and names that are not UTF-8, as Linux has them')
def test_a_file_that_cannot_be_read_is_told_on_its_card_and_the_others_load(folder):
    f = folder(**{'10_notes': good, '20_box/__init__': page_ % 'box'})
    (f.path/'15_odd.py').symlink_to('/proc/self/mem')
    (f.path/'20_box/inside.py').symlink_to('/proc/self/mem')
    (f.path/'20_box/prompts').mkdir()
    (f.path/'20_box/prompts/odd.md').symlink_to('/proc/self/mem')
    with open(bytes(f.path) + b'/17_\xff.py', 'w') as odd: odd.write(page_ % 'odd')
    f.save('30_later', page_ % 'later')
    def there():
        f.until('later', 'ok')
        said = f.health()
        assert said['notes'] == said['box'] == 'ok' and 'Input/output error' in said['odd'] and 'cannot be a plugin' in said[r'\udcff'], said
        assert 'Input/output error' in f.s.get('/odd', HX_Request='true')[1] and 'later' in f.s.get('/later', HX_Request='true')[1]
        assert f.s.get('/')[0] == 200
    there()
    f.s.stop()
    f.s = Server(f.s.data, plugins=f.path, env={'PIANOLA_ENGINE': 'embedded'})
    try: there()
    finally: f.s.kill()

def test_half_a_character_on_a_page_is_replaced(folder):
    f = folder(ha=page_ % r'a\udcffb', no='"No: x."\nfrom pianola import Page, Refused\npage = Page()\n@page.get("/r")\n'
                                          r'def r(): raise Refused("c\udcffd")' '\n', **{'50_prompts': (root/'plugins/50_prompts.py').read_text()})
    if sys.platform == 'linux': open(bytes(f.s.data.parent) + b'/data0-prompts/q\xffq.md', 'w').close()
    assert 'a?b' in f.s.get('/ha')[1] and 'a?b' in f.s.get('/ha', HX_Request='true')[1]
    assert f.s.get('/no/r')[1]['error'] == 'c?d' and 'c?d' in f.s.get('/no/r', Accept='text/html')[1]
    assert f.s.get('/prompts')[0] == 200 and (sys.platform != 'linux' or 'q?q' in f.s.get('/prompts')[1])

def test_a_prompt_of_a_plugin_that_cannot_be_read_is_left_out(tmp_path):
    from pianola.loading.plugins import Plugin
    (tmp_path/'box/prompts').mkdir(parents=True)
    (tmp_path/'box/prompts/a.md').write_text('Be kind.')
    if sys.platform == 'linux': (tmp_path/'box/prompts/b.md').symlink_to('/proc/self/mem')
    (tmp_path/'box/prompts/c.md').mkdir()
    assert Plugin(tmp_path/'box').prompt() == 'Be kind.'

untold = """'Untold: errors of every kind.'
class At(Exception): at = 7
class Nasty(Exception):
    def __str__(self): raise RuntimeError('no str')
    __repr__ = __str__
class Leaves(Exception):
    def __str__(self): raise SystemExit(3)
class Own(BaseException): 'Not an Exception'
class Ghost(Exception):
    def __getattr__(self, name): raise RuntimeError(name)
class Fake(Exception): _pianola_at = ('tasks', 'not a line')
class Parse(SyntaxError): lineno = 'three'
class Parse2(SyntaxError):
    def __init__(self): self.lineno, self.filename, self.msg, self.text = 3, 7, None, 8
class Half(Exception):
    def __str__(self): return 'no \\udcff'
def raises(name): raise globals()[name]()
async def late(name):
    import asyncio
    await asyncio.sleep(0)
    raises(name)
async def waits():
    import asyncio
    await asyncio.Event().wait()
"""
def test_an_error_that_cannot_be_told_is_told_by_its_class(tmp_path):
    from pianola import contain
    from pianola.flows import flow
    from pianola.loading import trial
    (tmp_path/'untold.py').write_text(untold)
    m, line = trial.module(tmp_path/'untold.py', 'untold'), at(untold, 'def raises')
    def error(name):
        try: m.raises(name)
        except BaseException as e: return e
    for name, says in dict(At='', Nasty='', Leaves='', Own='', Ghost='', Fake='', Parse='', Half=': no ?', GeneratorExit='').items():
        e = error(name) if name != 'GeneratorExit' else GeneratorExit()
        told = contain.words(e)
        assert told == f'{name}{says}' + (f' (line {line} of untold.py)' if e.__traceback__ else ''), told
        assert name in contain.trace(e) and name in flow.trace(e, None) and contain.blame(e) == (e.__traceback__ and ('untold', 'untold.py', line))
    assert contain.words(error('Parse2')).startswith('Parse2') and 'Parse2' in contain.trace(error('Parse2'))
    async def ended(name):
        with pytest.raises(contain.Ended) as e: await contain.guarded(m.late(name))
        return contain.words(e.value)
    async def closed():
        c = contain.guarded(m.waits())
        c.send(None)
        c.close()
    for name in ('Own', 'GeneratorExit'):
        m.GeneratorExit = GeneratorExit
        assert asyncio.run(ended(name)) == f'{name} (line {line} of untold.py)'
    asyncio.run(closed())

def test_an_error_that_cannot_be_told_as_a_file_is_imported_is_one_of_its_own(tmp_path):
    from pianola.loading import trial
    for name in ('At', 'Nasty', 'Own'):
        (tmp_path/f'{name}.py').write_text(untold + f'raises({name!r})\n')
        said = trial.try_out(tmp_path/f'{name}.py', name)
        assert said['error'] == f"{name} (line {at(untold, 'def raises')} of {name}.py)" and name in said['trace']
    trial.helper.close()

def test_two_files_of_one_name_are_told_apart(folder):
    f = folder(**{'10_notes': good, '20_notes': good})
    assert f.health()['notes'] == 'ok' and '10_notes.py has the name notes already' in f.health()['20_notes']
    f.remove('10_notes')
    f.s.until(lambda: f.health() == {'notes': 'ok'})

# at run time

runtime = '''"Wild: everything that goes wrong."
import sys, time
from pathlib import Path
from pianola import Crud, Page, P, Refused, act, action
class Wild: name: str
wild = Crud(Wild)
page = Page()
@page.get('/breaks')
def breaks(): return 1/0
@page.get('/awaits')
async def awaits(): return [][1]
@page.get('/exits')
async def exits(): sys.exit(1)
@page.get('/loops')
def loops():
    while True: pass
@page.get('/spins')
async def spins():
    while True: pass
@page.get('/fine')
def fine(): return P('fine')
@action
def divide(tx, by: int):
    "Divide."
    tx.insert('wild', {'name': f'by {by}'})
    return 6/by
@action
def leave(tx): sys.exit('bye')
@action
def spin(tx):
    while True:
        try: time.sleep(.01)
        except Exception: continue
@action
async def later(): return {}['x']
@action
def steal(tx): tx.update('notes', 1, {'name': 'mine'})
@action
def forge(tx): tx.run("insert into log(at, kind, by) values (1, 'action', 'user')")
@action
def finish(tx): tx.run('commit')
@action
def drop(tx): tx.run('drop table notes')
@action
def shadow(tx): tx.run('create temp table log(id integer primary key, at, kind, by, what, ref, text, data, key)')
@action
def listen(tx): tx.run('create temp trigger wild_t after insert on log begin delete from notes; end')
@action
def view(tx): tx.run('create view profiles as select 1 as id')
@action
def own(tx):
    tx.run('create table if not exists wild_more(x)')
    tx.run('insert into wild_more values (1)')
    return tx.insert('wild', {'name': 'own'})['id']
@action
def refuse(tx): raise Refused('not today', 'tomorrow')
@action
def asleep(tx, seconds: float):
    tx.insert('wild', {'name': 'before'})
    try: time.sleep(seconds)
    finally:
        (Path(__file__).parent.parent/'woken').touch()
        tx.insert('wild', {'name': 'behind'})
@action
def counts(tx): return tx.value('with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n')
'''
quick = {'PIANOLA_ENGINE': 'embedded', 'PIANOLA_PATIENCE': '1'}        # the same with less waiting
def test_a_key_that_waits_in_c_is_left_behind_and_the_others_go_on(folder):
    "A sleep cannot be interrupted from Python: its transaction is taken back, and what it does when it wakes does not count"
    f = folder(quick, notes=good, wild=runtime)
    ended, line = [], lambda text: next(n for n, l in enumerate(runtime.splitlines(), 1) if text in l)
    waits = [threading.Thread(target=lambda n=n: ended.append(f.s.post('/api/actions/wild.asleep', {'seconds': n}))) for n in (6, 600)]
    for w in waits: w.start()
    f.s.until(lambda: 'busy for' in f.health()['wild'] or 'broke' in f.health()['wild'])
    assert f.s.act('notes.create', name='goes on')['result']['id'] == 1, 'behind the two'
    for w in waits: w.join(60)
    for status, said in ended: assert status == 422 and f'line {line("time.sleep(seconds)")} of wild.py and was left behind' in said['error'], said
    assert 'wild.asleep broke' in f.health()['wild'] and f.s.rows('wild') == []
    status, said = f.s.post('/api/actions/wild.counts')
    assert status == 422 and 'took too long' in said['error'] and f'line {line("with recursive")} of wild.py' in said['error'], said
    f.s.until((f.path.parent/'woken').exists)
    assert f.s.rows('wild') == [] and len(f.s.rows('notes')) == 1, 'the sleeper woke up, and wrote nothing'
    assert f.s.act('wild.own')['result'] and [r['name'] for r in f.s.rows('wild')] == ['own']
    with sqlite3.connect(f.s.data/'pianola.db') as db: assert db.execute('pragma integrity_check').fetchone() == ('ok',)

def test_a_key_that_breaks_is_refused_with_the_line_and_nothing_of_it_is_kept(folder):
    f = folder(quick, notes=good, wild=runtime)
    f.s.act('notes.create', name='yours')
    line = lambda text: next(n for n, l in enumerate(runtime.splitlines(), 1) if text in l)
    status, said = f.s.post('/api/actions/wild.divide', {'by': 0})
    assert (400 <= status < 500 and f'ZeroDivisionError: division by zero (line {line("return 6/by")} of wild.py)' in said['error']
            and f.s.rows('wild') == [])
    assert 'wild.divide broke' in f.health()['wild']
    assert f.s.act('wild.divide', by=3)['result'] == 2 and f.health()['wild'] == 'ok', 'what works again is forgotten'
    for key, says in {'leave': 'SystemExit', 'later': "KeyError: 'x'"}.items():
        status, said = f.s.post(f'/api/actions/wild.{key}')
        assert 400 <= status < 500 and says in said['error'] and 'of wild.py' in said['error'], said
    for key, says in {'steal': 'wild may not write to notes, which belongs to notes', 'forge': 'wild may not write to log',
                      'finish': 'begin, commit and roll back', 'drop': 'wild may not write to notes',
                      'shadow': 'wild may not write to log', 'listen': 'wild may not write to log', 'view': 'wild may not write to profiles'}.items():
        status, said = f.s.post(f'/api/actions/wild.{key}')
        assert status == 403 and says in said['error'], (key, said)
    assert f.s.rows('notes') == [{'id': 1, 'name': 'yours'}] and f.s.act('wild.own')['result'] > 0
    assert f.s.post('/api/actions/wild.refuse') == (400, {'error': 'not today', 'hint': 'tomorrow'})
    began = time.time()
    status, said = f.s.post('/api/actions/wild.spin')
    assert 400 <= status < 500 and 'interrupted' in said['error'] and 'of wild.py' in said['error'] and time.time()-began < 9*busy(), said
    assert f.s.act('notes.create', name='goes on')

def test_a_route_that_breaks_or_blocks_is_a_card_and_the_others_answer(folder):
    f = folder(quick, notes=good, wild=runtime)
    for name, says in {'breaks': 'ZeroDivisionError', 'awaits': 'IndexError', 'exits': 'SystemExit'}.items():
        status, said = f.s.get(f'/wild/{name}')
        assert status == 500 and says in said['error'] and 'of wild.py' in said['error'], said
        status, html = f.s.get(f'/wild/{name}', Accept='text/html')
        assert status == 500 and 'card failed' in html and says in html
    said = f"GET /wild/breaks of the plugin wild broke: ZeroDivisionError: division by zero (line {at(runtime, 'def breaks')} of wild.py)"
    f.s.until(lambda: any(said in l for l in f.s.lines))
    assert 'fine' in f.s.get('/wild/fine', HX_Request='true')[1]
    ended = []
    blocked = threading.Thread(target=lambda: ended.append(f.s.get('/wild/loops')))
    blocked.start()
    for _ in range(20): assert f.s.get('/wild/fine')[0] == 200 and f.s.act('notes.list')['status'] == 'done'
    blocked.join(60)
    assert ended[0][0] == 500 and 'took too long' in ended[0][1]['error'], ended
    status, said = f.s.get('/wild/spins')
    assert status == 500 and 'took too long' in said['error'], 'a coroutine that never awaits is interrupted too'
    assert f.s.get('/wild/fine')[0] == 200 and 'GET /wild/spins broke' in f.health()['wild'] and '(and 4 more)' in f.health()['wild']

def test_a_view_that_breaks_blocks_or_leaves_is_a_card_with_the_line(folder):
    f = folder(quick, notes=good)
    for body, says in {'1/0': 'ZeroDivisionError', 'import sys; sys.exit()': 'SystemExit', 'open("/nowhere/x")': 'FileNotFoundError',
                       'while True: pass': 'took too long'}.items():
        for how in ('def', 'async def'):
            f.save('v', f'"V: {how} {says}"\nfrom pianola import Page\npage = Page()\n@page\n{how} index():\n    {body}\n')
            this = f'class="help">{how.capitalize()} {says}'              # and not the one before
            f.s.until(lambda says=says, this=this: 'v' in f.health() and all(t in f.s.get('/v', HX_Request='true')[1] for t in (this, says)))
            html = f.s.get('/v', HX_Request='true')[1]
            assert 'card failed' in html and 'line 6 of v.py' in html and 'its view broke' in f.health()['v'], html
    f.save('v', page_ % 'mended')
    f.until('v', 'ok')

def test_a_view_that_sleeps_is_one_card_with_the_line_also_when_it_wakes(folder):
    f = folder(quick, v='"V: sleeps."\nimport gc, time\nfrom pianola import P, Page\npage, woken = Page(), []\n@page\ndef index():\n'
                        '    time.sleep(3)\n    woken.append(1)\n@page.get("/woken")\nasync def up():\n    gc.collect()\n    return P("woken" if woken else "asleep")\n')
    html = f.s.get('/v', HX_Request='true')[1]
    assert 'still busy after 1 s' in html and '(line 7 of v.py)' in html and html.count('card failed') == 1, html
    time.sleep(2)
    for _ in range(3): assert f.s.get('/v/woken')[0] == 200
    assert f.health()['v'].startswith('its view broke: TimeoutError') and 'more' not in f.health()['v'], f.health()

def test_a_word_among_the_tags_that_nobody_awaits_is_a_card_with_the_line(folder):
    f = folder(quick, notes=good)
    for n, (how, body, says) in enumerate([
            ('def', 'P("n", Span(kv.get("a", 0)))', 'kv.get(…) stands among the tags as it is: write `await kv.get(…)`, within an `async def`'),
            ('async def', '[P("x"), job_list()]', 'job_list(…) stands'), ('def', 'P(own())', 'write `await own(…)`'),
            ('async def', 'P(title=job_bar(1))', 'job_bar(…) stands'), ('async def', 'P(ask("x"))', 'read it with `async for`')]):
        f.save('v', f'"V: {n}."\nfrom pianola import P, Page, Span, ask, job_bar, job_list, kv\npage = Page()\nasync def own(): pass\n@page\n'
                    f'{how} index(): return {body}\n@page.get("/r")\n{how} r(): return {body}\n')
        f.s.until(lambda n=n: f'class="help">{n}.' in f.s.get('/v', HX_Request='true')[1])
        html = f.s.get('/v', HX_Request='true')[1]
        line = ' (line %s of v.py)' if 'async for' not in says else ''
        assert 'card failed' in html and says in html and (line and line % 6) in html and 'Traceback' not in html, html
        status, said = f.s.get('/v/r')
        assert status == 500 and says in said['error'] and (line and line % 8) in said['error'], said
    f.save('v', '"V: awaited."\nfrom pianola import P, Page, job_list, kv\npage = Page()\n@page\nasync def index(): return job_list()\n'
                '@page.get("/r")\nasync def r(): return P(await kv.get("a", "none"))\n')
    f.s.until(lambda: 'class="help">Awaited.' in f.s.get('/v', HX_Request='true')[1])
    assert 'card failed' not in f.s.get('/v', HX_Request='true')[1] and f.health()['v'] == 'ok' and 'none' in f.s.get('/v/r')[1]

def test_a_row_that_cannot_be_drawn_does_not_hold_the_table_of_another(folder):
    f = folder(quick, notes=good,
               books='"Books: x"\nfrom pianola import Crud\nclass Book:\n    name: str\n    def __ft__(self):\n        while True: '
               'pass\nbooks = Crud(Book)\n')
    f.s.act('books.create', name='x')
    assert 'took too long' in f.s.get('/books', HX_Request='true')[1]
    assert f.s.act('notes.create', name='x')['result']['id'] == 1

alone = '''"Alone: what nobody waits for goes wrong."
import asyncio, sys, time
from pianola import Page, P, Refused, action, ask, kv, say
page = Page()
@page
def index(): return P('alone')
@page.hears
async def hears(e):
    if e.kind != 'action': return
    mode = e.data['args'].get('name')
    if mode == 'exit': sys.exit(2)
    if mode == 'raise': raise ValueError('oh dear')
    if mode == 'loop':
        while True: pass
@page.get('/task')
async def task():
    async def t(): sys.exit(4)
    asyncio.create_task(t())
    return 'begun'
@page.get('/gather')
async def gather():
    async def one(n):
        await asyncio.sleep(0)
        if n: sys.exit('no config')
    await asyncio.gather(one(0), one(1))
@page.get('/waits')
async def waits():
    async def t():
        while True: pass
    await asyncio.wait_for(t(), 30)
@page.get('/sleeps')
async def sleeps(): time.sleep(600)
@page.get('/inside')
async def inside():
    async def t(): time.sleep(600)
    await asyncio.gather(t())
def exits(): sys.exit(7)
def breaks(): [][5]
def spins():
    while True:
        try: sum(range(100))
        except Exception: pass
@page.get('/back/{what}')
async def back(what: str):
    loop, f = asyncio.get_running_loop(), globals()[what]
    loop.call_soon(f)
    loop.call_later(.05, f)
    done = asyncio.ensure_future(asyncio.sleep(.01))
    done.add_done_callback(lambda t: f())
    loop.call_soon_threadsafe(f)
    return 'begun'
@page.get('/cancels')
async def cancels(): raise asyncio.CancelledError
@page.get('/stops')
def stops(): return next(x for x in [])
@page.get('/gathers')
async def gathers():
    await asyncio.gather(say('one'), asyncio.create_task(say('two')))
    return 'said'
@page.get('/asks')
async def asks():
    try: return ''.join([p async for p in ask('why?')])
    except Refused as e: return f'{e.text} {e.hint}'
@page.get('/forgets')
def forgets():
    say('not awaited')
    kv.set('n', 9)
    return 'done'
@action
def a_set(tx, names: list[str]):
    "A set."
    return {*names}
@action
async def late_set():
    "The same, as a coroutine."
    return [{1}]
'''
at = lambda code, text: next(n for n, l in enumerate(code.splitlines(), 1) if text in l)

def test_what_a_plugin_does_while_nobody_waits_for_it_ends_nothing_and_is_shown_on_its_page(folder):
    f = folder(quick, notes=good, alone=alone)
    pid = f.s.p.pid
    for mode, says in {'exit': 'SystemExit: it calls sys.exit(2)', 'raise': 'ValueError: oh dear', 'loop': 'TimeUp: it took too long'}.items():
        f.s.act('notes.create', name=mode)
        said = f.until('alone', says)
        assert said.startswith('hearing a line of kind action broke: ') and re.search(r'line \d+ of alone.py', said), said
        html = f.s.get('/alone', HX_Request='true')[1]
        assert 'card failed' in html and says in html and 'of alone.py' in html and 'plugins.mend' in html
        assert 'something broke' in f.s.get('/')[1].partition('id="menu-alone"')[2].partition('</li>')[0], 'the mark in the menu'
    f.s.act('notes.create', name='fine')
    f.until('alone', 'ok')
    assert 'card failed' not in f.s.get('/alone', HX_Request='true')[1] and 'something broke' not in f.s.get('/')[1]
    assert f.s.get('/alone/task') == (200, 'begun')
    assert f'what it began by itself broke: SystemExit: it calls sys.exit(4); a plugin is imported and stays, it does not end (line {at(alone, "sys.exit(4)")} of alone.py)' in f.until('alone', 'what it began')
    assert 'what it began by itself broke' in f.s.get('/alone', HX_Request='true')[1]
    assert f.s.p.poll() is None and f.s.p.pid == pid and len(f.s.rows('notes')) == 4

def test_a_callback_of_the_loop_that_leaves_breaks_or_never_ends_is_told_and_the_app_goes_on(folder):
    f = folder(quick, notes=good, alone=alone)
    for name, says, line in (('breaks', 'IndexError', '[][5]'), ('exits', 'SystemExit: it calls sys.exit(7)', 'sys.exit(7)'),
                             ('spins', 'TimeUp: it took too long', None)):
        began = time.time()
        assert f.s.get(f'/alone/back/{name}') == (200, 'begun')
        said = f.until('alone', f'what it began by itself broke: {says}')
        assert 'of alone.py' in said and (not line or f'line {at(alone, line)} ' in said), said
        assert f.s.act('notes.create', name=name)['status'] == 'done' and time.time() - began < 15*busy()
    assert f.s.p.poll() is None and [r['name'] for r in f.s.rows('notes')] == ['breaks', 'exits', 'spins']

@pytest.mark.parametrize('fast', [True, False])
def test_what_ends_a_loop_ends_it_unless_a_callback_of_a_plugin_says_so(fast, monkeypatch):
    from pianola import contain
    if fast: pytest.importorskip('uvloop')
    else: monkeypatch.setitem(sys.modules, 'uvloop', None)
    theirs = types.ModuleType('pianola_plugins.theirs')
    exec('import sys\ndef leaves(): sys.exit(3)\ndef interrupts(): raise KeyboardInterrupt\ndef asks(f): f()', theirs.__dict__)
    def run():
        loop, heard = contain.loop(), []
        assert ('uvloop' in type(loop).__module__) == fast
        def ours(): raise KeyboardInterrupt
        async def whole():
            for f in (theirs.leaves, heard.append, theirs.interrupts, heard.append): loop.call_soon(f, *([len(heard)] if f == heard.append else []))
            await asyncio.sleep(.05)
            loop.call_soon(theirs.asks, ours)
            await asyncio.sleep(1)
        try: loop.run_until_complete(whole())
        except KeyboardInterrupt: return heard
        finally: loop.close()
    with ThreadPoolExecutor(1) as beside: assert beside.submit(run).result() == [0, 0], 'all that waited was called, and Ctrl+C is Ctrl+C'
    contain.trouble.pop('theirs')

def test_tasks_of_a_route_that_leave_or_block_are_the_routes_own_error(folder):
    f = folder(quick, notes=good, alone=alone)
    for name, says, line in (('gather', 'SystemExit: it calls sys.exit(no config)', "'no config'"),
                             ('cancels', 'CancelledError', 'raise asyncio.CancelledError'),
                             ('stops', 'StopIteration: next() had nothing more', 'def stops')):
        status, said = f.s.get(f'/alone/{name}')
        assert status == 500 and says in said['error'] and f'(line {at(alone, line)} of alone.py)' in said['error'], said
    for name in ('waits', *(('sleeps', 'inside') if sys.platform != 'win32' else ())):
        began = time.time()
        status, said = f.s.get(f'/alone/{name}')
        assert (status == 500 and 'took too long' in said['error'] and 'of alone.py' in said['error']
                and time.time()-began < 8*busy()), (said, time.time()-began)
        assert f.s.act('notes.create', name=name)['status'] == 'done'

def test_a_plain_function_hears_every_line_in_order_and_is_interrupted(folder):
    f = folder(quick, notes=good,
               plain='"Plain: hears."\nfrom pianola import Page, P\npage = Page()\nheard = []\n@page\ndef index(): return P(", '
               '".join(heard))\n@page.hears\ndef hears(e):\n    if e.kind != "action": return\n    heard.append(e.data["args"]["name"])\n  '
               '  while heard[-1] == "loop": pass\n')
    for n in range(12): f.s.act('notes.create', name=f'n{n}')
    seen = lambda: f.s.get('/plain', HX_Request='true')[1]
    f.s.until(lambda: ', '.join(f'n{n}' for n in range(12)) in seen())
    assert f.health()['plain'] == 'ok' and not any('could not hear' in l for l in f.s.lines)
    f.s.act('notes.create', name='loop')
    assert 'line 11 of plain.py' in f.until('plain', 'took too long')
    f.s.act('notes.create', name='after')
    f.until('plain', 'ok')
    assert 'loop, after' in seen()

def test_what_a_plugin_says_while_it_hears_is_not_told_to_it_again(folder):
    "Neither its own words, nor the answers of another that echoes it"
    echo = '"%s: hears and says."\nfrom pianola import Page, P, act, say\npage = Page()\n@page\ndef index(): return P("x")\n@page.hears\nasync def hears(e):\n    if e.kind == "message": await say(f"%s heard {e.id}")\n    if e.kind == "action" and e.what == "notes.create": await act("notes.create", {"name": "again"})\n'
    f = folder(quick, notes=good, one=echo % ('One', 'one'),
               two=echo % ('Two', 'two'),
               teller='"Teller: x"\nfrom pianola import Page, P, say\npage = Page()\n@page.post("/go")\nasync def go(): await say("begin")\n')
    said = lambda: [m['text'].split()[0] for m in f.s.get('/api/conversation')[1]]
    assert f.s.post('/teller/go')[0] == 200
    f.s.until(lambda: len(said()) >= 5)
    f.s.act('notes.create', name='first')
    f.s.until(lambda: len(f.s.rows('notes')) >= 5)
    time.sleep(.5)          # a bug would go on and on
    assert (sorted(said()) == ['begin', 'one', 'one', 'two', 'two']
            and len(f.s.rows('notes')) == 5), 'each hears the first word and the answer of the other, and no more'
    assert not any('not told of what it says' in l for l in f.s.lines) and f.health()['one'] == 'ok', 'nothing is wrong with that'

def test_a_key_that_returns_what_json_cannot_hold_is_told_what_it_may_return(folder):
    f = folder(quick, alone=alone)
    for key, args, line in (('a_set', {'names': ['x']}, 'def a_set'), ('late_set', {}, 'def late_set')):
        status, said = f.s.post(f'/api/actions/alone.{key}', args)
        assert status == 422 and 'Object of type set is not JSON serializable' in said['error'] and 'lists and dicts' in said['hint'], said
        assert f'line {at(alone, line)-1} of alone.py' in said['error'] and f'alone.{key} broke' in f.health()['alone'], said

def test_a_word_says_who_it_is_wherever_it_is_awaited_and_without_await_it_is_a_warning(folder):
    f = folder({**quick, 'PIANOLA_ENGINE': 'ollama'}, alone=alone)
    assert f.s.get('/alone/gathers') == (200, 'said') and [m['model'] for m in f.s.get('/api/conversation')[1]] == ['alone', 'alone']
    assert 'Ollama' in f.s.get('/alone/asks')[1], 'why there is no answer is told as a refusal, which is what the word promises'
    assert f.s.get('/alone/forgets')[0] == 200
    for word, line in (('say', "say('not awaited')"), ('kv.set', "kv.set('n', 9)")):
        f.s.until(lambda: any(f'the plugin alone calls {word} without `await` in line {at(alone, line)} of alone.py' in l for l in f.s.lines), 10)      # noqa: B023

def test_a_changed_table_is_copied_first_and_nothing_is_dropped(folder):
    f = folder(notes=good)
    for n in range(3): f.s.act('notes.create', name=f'n{n}')
    f.save('notes', good.replace('name: str', 'name: str; stars: int = 1'))
    f.s.until(lambda: 'stars' in f.s.rows('notes')[0])
    copies = list((f.s.data/'backups').glob('plugin-notes-*.db'))
    assert len(copies) == 1
    with sqlite3.connect(copies[0]) as db:
        assert ([c[1] for c in db.execute('pragma table_info(notes)')].count('stars') == 0
                and db.execute('select count(*) from notes').fetchone() == (3,))
    f.save('notes', good + '# a word\n')
    f.s.until(lambda: 'stars' not in f.s.rows('notes')[0])
    with sqlite3.connect(f.s.data/'pianola.db') as db:
        assert (db.execute('select sum(stars) from notes').fetchone()[0] == 3
                or db.execute("select count(*) from sqlite_master where sql like '%stars%'").fetchone()[
                    0] >= 1), 'what the class no longer names is kept'
    f.save('notes',
           good + 'class Rude(Crud):\n    def open(self, tx):\n        super().open(tx)\n        tx.run("drop table notes")\nclass R: '
           'name: str\nr = Rude(R, name="notes_r")\n')
    assert 'would drop the table notes' in f.until('notes', 'would drop')
    assert len(f.s.rows('notes')) == 3

def test_a_folder_plugin_brings_modules_files_prompts_and_sentences(folder):
    f = folder()
    code = '"Box: a folder."\nfrom pianola import P, Page\nfrom . import inside\nprompt = "You know boxes."\nsentences = ["open the box"]\npage = Page()\n@page\ndef index(): return P(inside.word)\n'
    f.save('box/inside', 'word = "aaa"\n')
    (f.path/'box'/'static').mkdir()
    (f.path/'box'/'static'/'box.txt').write_text('a file')
    (f.path/'box'/'prompts').mkdir()
    (f.path/'box'/'prompts'/'more.md').write_text('And crates.')
    f.save('box/__init__', code)
    f.until('box', 'ok')
    assert 'aaa' in f.s.get('/box', HX_Request='true')[1]
    assert f.s.get('/box/static/box.txt') == (200, 'a file') and f.s.get('/box/static/../__init__.py')[0] in (403, 404)
    f.save('box/inside', 'word = "bbb"\n')
    f.s.until(lambda: 'bbb' in f.s.get('/box', HX_Request='true')[1])

def test_a_missing_package_is_named_and_installed_on_a_click(folder, tmp_path):
    "The package is a wheel made here: the installer is the real one, and finds it where its own settings point"
    import zipfile
    wheels = tmp_path/'wheels'
    wheels.mkdir()
    with zipfile.ZipFile(wheels/'pianola_test_thing-1.0-py3-none-any.whl', 'w') as z:
        z.writestr('pianola_test_thing.py', 'word = "here"\n')
        z.writestr('pianola_test_thing-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\nName: pianola-test-thing\nVersion: 1.0\n')
        z.writestr('pianola_test_thing-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        z.writestr('pianola_test_thing-1.0.dist-info/RECORD',
                   'pianola_test_thing.py,,\npianola_test_thing-1.0.dist-info/METADATA,,\npianola_test_thing-1.0.dist-info/WHEEL,,\npianola_test_thing-1.0.dist-info/RECORD,,\n')
    offline = {'PIANOLA_ENGINE': 'embedded', 'PIP_NO_INDEX': '1', 'PIP_FIND_LINKS': str(wheels), 'UV_NO_INDEX': '1',
               'UV_FIND_LINKS': str(wheels), 'UV_OFFLINE': '1'}
    import subprocess
    try:
        f = folder(env=offline)
        f.save('thing',
               '# /// script\n# dependencies = ["pianola-test-thing>=1"]\n# ///\n"Thing: needs one."\nfrom pianola import P, Page\nimport '
               'pianola_test_thing\npage = Page()\n@page\ndef index(): return P(pianola_test_thing.word)\n')
        assert 'needs pianola-test-thing>=1, which is not installed here' in f.until('thing', 'needs')
        html = f.s.get('/thing', HX_Request='true')[1]
        assert 'Install pianola-test-thing&gt;=1' in html and 'hx-confirm' in html
        status, said = f.s.post('/api/actions/plugins.install', {'plugin': 'thing'})
        assert status == 202, 'a program has to wait for the user’s word'
        f.s.post(f"/api/approvals/{said['approval']}", {'approve': True})
        f.until('thing', 'ok', 180)
        assert 'here' in f.s.get('/thing', HX_Request='true')[1]
    finally: subprocess.run([sys.executable, '-m', 'pip', 'uninstall', '-y', 'pianola-test-thing'], capture_output=True)

def test_settings_are_a_form_and_a_secret_stays_out_of_everything(folder):
    f = folder(weather='"Weather: of a city."\nfrom pianola import P, Page, Secret\nclass Settings: city: str = "Berlin"; days: int = 3; '
        'key: Secret = ""\npage = Page()\n@page\ndef index(): return P(f"{Settings.city}/{Settings.days}/{len(Settings.key or str())}", id="said")\n')
    said = lambda: re.search('id="said">([^<]*)', f.s.get('/weather', HX_Request='true')[1])[1]
    assert said() == 'Berlin/3/0'
    status, done = f.s.post('/api/settings/weather', {'city': 'Oslo', 'days': 5, 'key': 'hush-hush-42'})
    assert status == 200, done
    f.s.until(lambda: said() == 'Oslo/5/12')
    f.s.post('/api/settings/weather', {'city': 'Oslo', 'days': 6})
    f.s.until(lambda: any('Changed days in the settings of weather' in l for l in f.s.lines))
    assert any('Changed city, days, key in' in l for l in f.s.lines)
    f.s.post(f"/api/roll/{f.s.get('/api/roll')[1][-1]['id']}/undo")
    assert f.s.post('/api/settings/weather', {'days': 'many'})[0] == 400 and f.s.post('/api/settings/weather', {'colour': 'red'})[0] == 400
    f.s.post(f"/api/roll/{done['id']}/undo")
    f.s.until(lambda: said() == 'Berlin/3/12')
    assert f.s.post('/api/actions/settings.change', {'plugin': 'weather', 'values': {'key': 'x'}})[0] == 403
    f.s.kill()
    for p in f.s.data.rglob('*'):
        if p.is_file() and p.name != 'secrets.json': assert b'hush-hush' not in p.read_bytes(), p
    assert 'hush' in (f.s.data/'secrets.json').read_text() and ((f.s.data/'secrets.json').stat().st_mode & 0o77 == 0 or sys.platform == 'win32')
    assert not any('hush' in l for l in f.s.lines)

def test_a_plugin_saved_while_the_server_was_away_is_there_at_the_next_start(folder, serve):
    f = folder(notes=good)
    f.s.act('notes.create', name='x')
    f.s.stop()
    f.save('hello', page_ % 'new')
    s = serve(data=f.s.data, plugins=f.path, env={'PIANOLA_ENGINE': 'embedded'})
    assert s.get('/api/health')[1]['plugins'] == {'hello': 'ok', 'notes': 'ok'}

# in the browser

ticking = '''"Ticking: counts, in the background."
import asyncio
from pianola import Page, action, job_bar
page = Page()
@page
def index(): return 'Ticks.'
@action(title='Count')
async def count(job, to: int = 2000):
    "Count."
    async for n in job.each(range(to)):
        await asyncio.sleep(.02)
        await job.progress(n, to)
    return to
'''

def test_a_plugin_comes_changes_breaks_is_mended_and_goes_while_a_reply_streams_and_a_job_runs(folder, upstream, page, context):
    u = upstream(held(words(1500), 1400)[0], rate=120)               # never over
    f = folder(env=u.env, **{'10_notes': good, '30_ticking': ticking})
    job = f.s.act('ticking.count', to=50_000)['result']['job']
    events, heard = urllib.request.urlopen(f'{f.s.url}/api/jobs/{job}/events', timeout=60), []
    threading.Thread(target=lambda: [heard.append(json.loads(l[5:])) for l in events if l.startswith(b'data:')], daemon=True).start()
    sockets, errors = [], []
    page.on('websocket', lambda w: sockets.append(w))
    page.on('pageerror', lambda e: errors.append(str(e)))
    page.goto(f.s.url + '/notes')
    page.fill('form#notes-new input[name=name]', 'half a word')
    other = context.new_page()
    other.goto(f.s.url + '/notes')
    page.fill('#msg', 'go')
    page.press('#msg', 'Enter')
    expect(page.locator('#msg-list .block').first).to_be_visible()
    page.fill('#msg', 'I am still wri')
    page.evaluate("""() => { window.swaps = []; new MutationObserver(ms => { for (const m of ms) for (const n of [...m.addedNodes, ...m.removedNodes]) if (n.id) window.swaps.push(n.id) })
        .observe(document.querySelector('#nav'), { childList: true, subtree: true }); window.main = document.querySelector('#main'); window.col = document.querySelector('#chat') }""")
    took = {}
    def timed(what, do, see):
        began = time.perf_counter()
        do()
        see()
        took[what] = time.perf_counter()-began
    item = lambda p: p.locator('#menu a[data-view=hello]')
    timed('drop', lambda: f.save('20_hello', page_ % 'one'), lambda: expect(item(page)).to_be_visible())
    expect(item(other)).to_be_visible()
    other.locator('#menu a[data-view=hello]').click()
    expect(other.locator('#said')).to_have_text('one')
    timed('change', lambda: f.save('20_hello', (page_ % 'two').replace('Hi:', 'Hey:')), lambda: expect(other.locator('#said')).to_have_text('two'))
    expect(item(page)).to_contain_text('Hey')
    timed('break', lambda: f.save('20_hello', 'def ('), lambda: expect(other.locator('.card.failed')).to_contain_text('SyntaxError'))
    expect(other.locator('#said')).to_have_text('two')
    expect(item(page).locator('.bad')).to_be_visible()
    timed('mend', lambda: f.save('20_hello', page_ % 'three'), lambda: expect(other.locator('#said')).to_have_text('three'))
    expect(other.locator('.card.failed')).to_have_count(0)
    timed('remove', lambda: f.remove('20_hello'), lambda: expect(item(page)).to_have_count(0))
    expect(other.locator('#main')).to_contain_text('was removed')
    other.reload()
    expect(other.locator('#main')).to_contain_text('no plugin called hello')
    f.save('20_hello', page_ % 'back')
    expect(other.locator('#said')).to_have_text('back')
    f.remove('20_hello')
    expect(other.locator('#main')).to_contain_text('was removed')
    assert page.locator('#msg-list > [data-role=assistant]').get_attribute('data-status') == 'streaming', 'the reply never stopped'
    assert page.input_value('#msg') == 'I am still wri' and page.input_value('form#notes-new input[name=name]') == 'half a word'
    assert (page.evaluate('document.activeElement.id') == 'msg'
            and page.evaluate("window.main === document.querySelector('#main') && window.col === document.querySelector('#chat')"))
    assert set(page.evaluate('window.swaps')) <= {'menu-hello'}, 'nothing else of the menu was touched'
    assert len(sockets) == 1 and not sockets[0].is_closed() and not errors, errors
    j = next(j for j in f.s.get('/api/jobs')[1] if j['id'] == job)
    assert j['state'] == 'running' and j['attempt'] == 1, 'nor did the job'
    before = len(heard)
    f.s.until(lambda: len(heard) > before + 3)
    done = [e['done'] for e in heard if 'done' in e]
    assert done == sorted(done) and done[-1] > done[0], 'and whoever follows it saw it go on'
    page.press('#msg', 'Escape')
    print({k: f'{v*1000:.0f} ms' for k, v in took.items()})
