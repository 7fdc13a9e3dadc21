"Settings in a job's process, secrets that reach no log, files that nothing names, rows met by an import, a list by pages."
import hashlib, json, os, re, sys, time, urllib.request
import pytest
from conftest import connect
from pathlib import Path
from playwright.sync_api import expect
from pianola.tx import Tx

plugin = '''"Things: some."
from typing import Optional
from pianola import Crud, File, Secret, action, log
class Settings:
    city: str = 'Oslo'
    key: Secret = ''
class Thing: name: str; size: int = 0; paper: Optional[File] = None
things = Crud(Thing)
@action(runs='process')
def where(job):
    "Say where, elsewhere."
    import os, sys
    assert Settings.key not in ' '.join(sys.argv) + str(os.environ)
    return [Settings.city, Settings.key[::-1]]
@action
async def leak():
    "Say too much."
    log.info('it is {} and nothing else', Settings.key)
'''
@pytest.fixture
def made(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'things.py').write_text(plugin)
    return lambda: serve(data=tmp_path/'d', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
def give(s, data, name='x.csv'):
    return json.load(urllib.request.urlopen(urllib.request.Request(f'{s.url}/api/files?name={name}', data,
        {'Content-Type': 'application/octet-stream'})))['file']

def test_a_job_in_a_process_sees_the_settings_and_no_log_says_a_secret(made):
    s, secret = made(), 'plain words nobody would take for a key'
    s.ask('POST', '/api/settings/things', {'city': 'Bergen', 'key': secret})
    s.act('things.where')
    job = s.until(lambda: next((j for j in s.get('/api/jobs')[1] if j['state'] in ('done', 'failed')), None))
    assert job['state'] == 'done', job
    import contextlib, sqlite3
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        assert json.loads(db.execute('select result from job').fetchone()[0]) == ['Bergen', secret[::-1]]
    s.act('things.leak')
    s.until(lambda: 'it is ••• and nothing else' in (s.data/'pianola.log').read_text('utf-8'))
    assert secret not in (s.data/'pianola.log').read_text('utf-8') + ''.join(s.lines)

spill = '''"Spill: what breaks says too much."
from pianola import Flow, Page, Refused, Secret, action
class Settings:
    key: Secret = ''
def fetch():
    import base64, json
    from urllib.parse import quote, quote_plus
    raise OSError(f"{Settings.key}, {Settings.key!r}, {json.dumps(Settings.key)}, https://host/{quote(Settings.key, '')}?key={quote_plus(Settings.key)}, {base64.b64encode(Settings.key.encode()).decode()}")
@action
async def beside(): fetch()
@action
def inside(tx): fetch()
@action
async def refuse(): raise Refused(f'{Settings.key} is wrong', f'not {Settings.key}')
@action
async def toil(job): fetch()
@action(runs='process')
def far(job): fetch()
page = Page()
@page
def index(): fetch()
flow = Flow('errand')
@flow.step
def say(word: Secret):
    "Say what nobody keeps"
    raise ValueError(f'it is {word}; {Settings.key}')
'''

def test_an_error_that_holds_a_secret_says_it_to_nobody(made, tmp_path):
    """Neither the terminal, the log, the cards, a program, the model nor the database:
    as it was written, and as an address, JSON, Python or a head of HTTP writes it"""
    import base64, urllib.parse
    secret, word = 'a/plain "wörd" & nothing-else', 'never kept anywhere'
    forms = [*(f.encode() for f in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], urllib.parse.quote(secret, ''),
                                    urllib.parse.quote_plus(secret), base64.b64encode(secret.encode()).decode(), word))]
    s = made()
    (tmp_path/'p'/'spill.py').write_text(spill, 'utf-8')
    s.until(lambda: s.get('/api/health')[1]['plugins'].get('spill') == 'ok')
    s.ask('POST', '/api/settings/spill', {'key': secret})
    s.until(lambda: '•••' in s.post('/api/actions/spill.refuse')[1]['error'])          # it is heard a moment later
    told = [s.post(f'/api/actions/spill.{k}')[1] for k in ('beside', 'inside', 'refuse')]
    assert all('•••' in t['error'] for t in told) and '•••' in told[2]['hint'], told
    told += [s.post(f'/api/actions/spill.{k}')[1] for k in ('toil', 'far')] + [s.post('/api/actions/errand.run', {'values': {'word': word}})[1]]
    jobs = s.until(lambda: len(j := s.get('/api/jobs')[1]) == 2 and all(x['state'] == 'failed' for x in j) and j)
    assert all('•••' in x['text'] or '•••' in (x.get('error') or '') for x in jobs), jobs
    told += [jobs, page := s.get('/spill', HX_Request='true')[1]]
    told += [s.until(lambda: (x := s.act('errand.show')['result'])['steps'][0]['state'] == 'failed' and x)]
    assert 'it is •••; •••' in str(told[-1])
    assert 'Spill broke' in page and '•••' in page
    told += [s.get(a)[1] for a in ('/api/conversation?hidden=1', '/api/roll?limit=500', '/jobs', '/spill')] + s.lines
    assert sum('of the plugin spill broke' in x for x in s.lines) >= 3
    s.stop()
    seen = json.dumps(told, ensure_ascii=False).encode() + json.dumps(told).encode()
    for f in forms: assert f not in seen, f
    for p in s.data.rglob('*'):
        if p.is_file() and p.name != 'secrets.json':
            for f in forms: assert f not in p.read_bytes(), (p, f)

def test_files_that_nothing_names_are_swept_a_day_later_and_no_other(made):
    s = made()
    kept, undone, loose, fresh = (give(s, x) for x in (b'kept', b'undone', b'loose', b'fresh'))
    s.act('things.create', name='one', paper=kept)
    s.act('things.create', name='two', paper=undone)
    away = s.post('/api/actions/things.delete', {'id': 2})[1]['approval']
    s.post(f'/api/approvals/{away}', {'approve': True})
    at = lambda f: s.data/'files'/f[:2]/f[:64]
    s.stop()
    for f in (kept, undone, loose): os.utime(at(f), (time.time()-90_000,)*2)
    s = made()
    s.until(lambda: not at(loose).exists())
    assert at(kept).read_bytes() == b'kept' and at(undone).exists() and at(fresh).exists() and hashlib.sha256(b'kept').hexdigest() == kept[:64]

def test_an_import_changes_the_rows_that_are_there_and_says_how_many_before(made, page):
    s = made()
    for name, size in (('Apple', 1), ('Pear', 2), ('Fig', 3)): s.act('things.create', name=name, size=size)
    page.goto(s.url + '/things')
    file = give(s, b'name,size\napple,5\nPear,2\nPlum,7\nPlum,8\n')
    page.evaluate("f => htmx.ajax('GET', '/api/tables/things/import?file=' + encodeURIComponent(f), {target: '#dialog', swap: 'innerHTML'})", file)
    page.locator('#import select[name=same]').select_option('name')
    page.locator('#import', has_text='1 new, 1 changed, 1 the same.').wait_for()
    page.get_by_role('button', name='Add 1, change 1').click()
    s.until(lambda: [(r['name'], r['size']) for r in s.rows('things')] == [('apple', 5), ('Pear', 2), ('Fig', 3), ('Plum', 8)])
    page.locator('[data-roll] .undo').last.click()
    s.until(lambda: [(r['name'], r['size']) for r in s.rows('things')] == [('Apple', 1), ('Pear', 2), ('Fig', 3)])
    s.act('things.create', name='Fig', size=4)
    status, why = s.post('/api/actions/things.import', {'file': give(s, b'name\nfig\n'), 'columns': {'name': 'name'}, 'same': 'name'})
    assert status == 400 and '2 rows have the name' in why['error']

def test_a_list_comes_in_pages(made):
    s = made()
    for n in range(5): s.act('things.create', name=f'n{n}', size=n % 2)
    assert [r['name'] for r in s.act('things.list', limit=2, offset=2)['result']] == ['n2', 'n3']
    assert [r['name'] for r in s.act('things.list', where={'size': 1}, offset=1)['result']] == ['n3']
    assert s.post('/api/actions/things.list', {'offset': -1})[0] == 400

def test_the_roll_before_a_number_that_no_line_can_have_is_refused_in_words(serve):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    for n in ('9'*30, '-' + '9'*30):
        status, said = s.get(f'/roll/more?before={n}', HX_Request='true')
        assert status == 400 and 'too large a number' in said['error']
    assert s.get('/roll/more?before=5', HX_Request='true')[0] == 200

def test_a_value_is_one_value():
    import apsw
    tx = Tx(apsw.Connection(':memory:'))
    assert tx.value('select 7 union all select 8') == 7 and tx.value('select 1, 2') == 1 and tx.value('select 1 where 0') is None

def test_the_terminal_says_what_happened_a_line_each_and_nothing_of_what_was_only_looked_at(serve, tmp_path):
    nowhere = tmp_path/'nowhere'
    s = serve(env={'PIANOLA_ENGINE': 'ollama'}, args=['--plugins', str(nowhere), '--prompts', str(nowhere)])
    assert (sum(f'{nowhere} is no folder' in x for x in s.lines) == 2 and any('--plugins' in x for x in s.lines)
            and any('--prompts' in x for x in s.lines))
    s.until(lambda: any('No model: Ollama' in x for x in s.lines))
    s.stop()
    assert 'Pianola has ended' in s.lines[-1]
    s = serve(env={'PIANOLA_ENGINE': 'ollama', 'NO_COLOR': '1'})
    s.until(lambda: any('No model' in x for x in s.lines))
    before = len(s.lines)
    s.act('tasks.create', name='Buy milk\n2026-01-01 ERROR forged {x} [red]')
    s.rows('tasks')
    for _ in range(3): s.get('/tasks'), s.get('/api/health')
    assert s.get('/', Host='evil.example')[0] == s.get('/', Host='evil.example')[0] == s.post('/api/actions/tasks.create', {'name': 'x'},
        Origin='http://evil.example')[0] == 403
    s.post('/api/actions/tasks.delete', {'id': 1})
    s.until(lambda: len(s.lines) == before + 4)
    for line, says in zip(s.lines[before:], ('agent: Added “Buy milk 2026-01-01 ERROR forged {x} [red]” to Tasks',
                                             'Refused GET / from 127.0.0.1, host evil.example: this host name is not mine',
                                             'http://evil.example: other websites may not ask this', 'agent: Asks: ')):
                                                 assert says in line, (says, s.lines[before:])
    s.stop()
    assert len(s.lines) == before + 5 and all(re.match(r'\d\d:\d\d:\d\d ', x) for x in s.lines[before:]), s.lines

@pytest.mark.skipif(sys.platform != 'linux', reason='the limit that plays a full disk can be set from outside on Linux only')
def test_what_broke_names_the_log_file_that_has_the_details(serve, upstream, page, tmp_path):
    "A plugin that breaks the inside of Pianola stands for any fault of ours: each place that sends somebody to the log sends them to the file that is there, wherever --data put it"
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'saw.py').write_text('''"Saw: breaks Pianola."
from pianola import action
import pianola.conversation.context, pianola.conversation.history, pianola.api, pianola.piano
odd = compile("def broken(*a, **kw): raise KeyError('inside')", "inside.py", "exec")
def saw(module, name):
    exec(odd, space := {})
    setattr(module, name, space["broken"])
@action
async def told(): saw(pianola.conversation.history, "told")
@action
async def look(): saw(pianola.api, "catch_up")
@action
async def fit(): saw(pianola.conversation.context, "fit")
@action
async def begin(): saw(pianola.conversation.context, "compose")
''')
    s = serve(data=tmp_path/'far'/'away', env={**upstream(['Hello.']).env}, plugins=tmp_path/'p')
    file = str(tmp_path/'far'/'away'/'pianola.log')
    page.goto(s.url)
    s.act('saw.told')
    status, said = s.get('/api/conversation')
    assert status == 500 and said['hint'] == f'nothing was changed; the log in {file} has the details'
    s.act('saw.fit')
    page.fill('#msg', 'hello')
    page.press('#msg', 'Enter')
    expect(page.locator('.trouble')).to_contain_text(f'the log in {file} has the details')
    s.act('saw.begin')
    page.fill('#msg', 'hello again')
    page.press('#msg', 'Enter')
    expect(page.locator('#toasts')).to_contain_text(f'the log in {file} has the details')
    s.act('saw.look')
    with connect(s.ws) as ws:
        ws.send(json.dumps({'hello': {'since': 0}}))
        assert json.loads(ws.recv(timeout=20))['hint'] == f'the log in {file} has the details'
    assert Path(file).read_text('utf-8').count("KeyError: 'inside'") >= 4

def test_a_log_that_cannot_be_written_is_told_once(serve):
    import resource
    s = serve(env={'PIANOLA_ENGINE': 'ollama'})
    s.until(lambda: any('No model' in x for x in s.lines))
    resource.prlimit(s.p.pid, resource.RLIMIT_FSIZE, ((s.data/'pianola.log').stat().st_size, resource.RLIM_INFINITY))
    before = len(s.lines)
    for n in range(5): s.get('/', Host=f'evil{n}.example')
    s.until(lambda: any('evil4' in x for x in s.lines))
    assert len(s.lines) == before + 6 and sum('pianola.log cannot be written' in x for x in s.lines) == 1, s.lines[before:]
