"Settings in a job's process, secrets that reach no log, files that nothing names, rows met by an import, a list by pages."
import hashlib, json, os, time, urllib.request
import pytest
from pianola.store import Tx

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
def give(s, data, name='x.csv'): return json.load(urllib.request.urlopen(urllib.request.Request(f'{s.url}/api/files?name={name}', data, {'Content-Type': 'application/octet-stream'})))['file']

def test_a_job_in_a_process_sees_the_settings_and_no_log_says_a_secret(made):
    s, secret = made(), 'plain words nobody would take for a key'
    s.ask('POST', '/api/settings/things', {'city': 'Bergen', 'key': secret})
    s.act('things.where')
    job = s.until(lambda: next((j for j in s.get('/api/jobs')[1] if j['state'] in ('done', 'failed')), None))
    assert job['state'] == 'done', job
    import contextlib, sqlite3
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db: assert json.loads(db.execute('select result from job').fetchone()[0]) == ['Bergen', secret[::-1]]
    s.act('things.leak')
    s.until(lambda: 'it is ••• and nothing else' in (s.data/'pianola.log').read_text('utf-8'))
    assert secret not in (s.data/'pianola.log').read_text('utf-8') + ''.join(s.lines)

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

def test_a_value_is_one_value():
    import apsw
    tx = Tx(apsw.Connection(':memory:'))
    assert tx.value('select 7 union all select 8') == 7 and tx.value('select 1, 2') == 1 and tx.value('select 1 where 0') is None
