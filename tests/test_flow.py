"Flows: what was answered is kept as a tree, shown the same in every tab on a run, and never lost."
import asyncio, contextlib, http.client, io, itertools, json, math, sqlite3, threading, time, zipfile
from concurrent.futures import ThreadPoolExecutor
import pytest
from fasthtml.common import to_xml
from conftest import Server, locked, opened, root
from pianola.asking.files import keep_file
from pianola.flows import packing, results, runs
from pianola.store import Refused, Store, store

links = '''"Links: ask for a site, walk it, report."
from pianola import Flow, Url, Range, Markdown
flow = Flow()

@flow.step
def site(url: Url = 'https://example.com', pages: Range(1, 100) = 10):
    "Which site shall we walk?"

@flow.step
def walk(url, pages):
    "Walk it"
    return {'links': [f'{url}/{n}' for n in range(pages)], 'count': pages}

@flow.step
def report(count, title: str = 'Links'):
    "Write the report?"
    if title == 'boom': return 1/0
    return Markdown(f'# {title}: {count}')
'''
numbers = '''"Numbers: a chain of sums."
from pianola import Flow
flow = Flow()
@flow.step
def a(x: int = 1, loud: bool = False):
    "A"
@flow.step(auto=True)
def b(x):
    "B"
    return {'y': x*2}
@flow.step
def c(y, z: int, word: str = ''):
    "C"
    return y + z
@flow.step
async def d(c, x):
    "D"
    return {'sum': c + x}
'''

@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    f = tmp_path_factory.mktemp('plugins')
    (f/'10_links.py').write_text(links)
    (f/'20_numbers.py').write_text(numbers)
    return f

@pytest.fixture
def server(serve, folder): return serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
@pytest.fixture(scope='module')
def common(folder, tmp_path_factory):
    s = Server(tmp_path_factory.mktemp('flows'), plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    yield s
    s.kill()

def states(s, flow='links', run=None):
    return {x['step']: x['state'] for x in s.act(f'{flow}.show', **({'run': run} if run else {}))['result']['steps']}
def step(s, name, flow='links', run=None):
    return next(x for x in s.act(f'{flow}.show', **({'run': run} if run else {}))['result']['steps'] if x['step'] == name)
def settle(s, flow='links', run=None): return s.until(lambda: 'running' not in states(s, flow, run).values() and states(s, flow, run))
def walk(s, flow='links', **kw):
    "A whole run of links"
    run = s.act('links.start')['result']['run']
    s.act('links.run', run=run, values=kw)
    for _ in range(2): s.act('links.run', run=run); settle(s, run=run)
    return run

def test_steps_open_in_turn_and_hand_on_what_they_know_by_name(common):
    run = common.act('links.start')['result']['run']
    assert states(common) == {'site': 'open', 'walk': 'waiting', 'report': 'waiting'}
    assert common.post('/api/actions/links.run', {'step': 'walk'})[0] == 409
    common.act('links.run', values={'pages': '3'})
    common.act('links.run')
    assert settle(common) == {'site': 'done', 'walk': 'done', 'report': 'open'}
    assert step(common, 'walk')['result'] == {'links': [f'https://example.com/{n}' for n in range(3)], 'count': 3}
    common.act('links.run', values={'title': 'T'})
    settle(common)
    assert step(common, 'report')['result'] == '# T: 3' and step(common, 'site', run=run)['inputs'] == {'url': 'https://example.com', 'pages': 3}

def test_what_is_wrong_is_said_by_name_and_what_is_unknown_is_refused_with_what_there_is(common):
    common.act('links.start')
    status, said = common.post('/api/actions/links.run', {'values': {'pages': '500', 'url': 'a b'}})
    assert status == 422 and '1 to 100' in said['fields']['pages'] and 'web address' in said['fields']['url']
    assert common.post('/api/actions/links.run', {'values': {'depth': 1}})[1] == {'error': 'site has no depth', 'hint': 'it has url, pages'}
    assert common.post('/api/actions/links.run', {'step': 'nowhere'})[0] == 404
    assert common.post('/api/actions/links.run', {'run': 9999})[0] == 404

def test_going_back_makes_a_branch_and_marks_what_depends_on_it_stale(common):
    run = walk(common, pages=3)
    common.act('links.back', step='site', run=run)
    assert states(common, run=run) == {'site': 'open', 'walk': 'done', 'report': 'done'}, 'to look is not to change'
    common.act('links.run', run=run, step='site', values={'pages': 4})
    assert states(common, run=run) == {'site': 'done', 'walk': 'stale', 'report': 'stale'}
    assert step(common, 'walk', run=run)['result']['count'] == 3, 'what was there is shown until it is done anew'
    common.act('links.run', run=run, step='walk')
    assert settle(common, run=run)['walk'] == 'done' and step(common, 'walk', run=run)['result']['count'] == 4
    common.act('links.back', step='site', run=run)
    common.act('links.run', run=run, step='site', values={'pages': 3})
    assert states(common, run=run)['walk'] == 'stale'

def test_the_same_answer_again_makes_nothing_stale(common):
    run = walk(common, pages=3)
    common.act('links.back', step='site', run=run)
    common.act('links.run', run=run, step='site')
    assert states(common, run=run) == dict.fromkeys(['site', 'walk', 'report'], 'done')

def test_the_old_branch_can_be_gone_back_to_whole(common):
    run = walk(common, pages=3)
    old = step(common, 'site', run=run)['answer']
    common.act('links.back', step='site', run=run)
    common.act('links.run', run=run, step='site', values={'pages': 7})
    new = step(common, 'site', run=run)['answer']
    common.act('links.pick', answer=old)
    assert states(common, run=run) == dict.fromkeys(['site', 'walk', 'report'], 'done') and step(common, 'site', run=run)['inputs']['pages'] == 3
    common.act('links.pick', answer=new)
    assert step(common, 'site', run=run)['inputs']['pages'] == 7 and states(common, run=run)['walk'] == 'stale'

def test_undo_puts_the_head_back_and_loses_no_answer(common):
    run = common.act('links.start')['result']['run']
    done = common.act('links.run', run=run, values={'pages': 5})
    common.post(f"/api/roll/{done['id']}/undo")
    assert states(common, run=run)['site'] == 'open'
    common.act('links.run', run=run, values={'pages': 6})
    html = common.get(f'/links?run={run}', HX_Request='true')[1]
    assert '2/2' in html, 'the answer taken back stands beside the new one'

def test_a_broken_step_says_why_and_where_and_can_be_tried_again(common):
    run = common.act('links.start')['result']['run']
    common.act('links.run', run=run)
    common.act('links.run', run=run)
    settle(common, run=run)
    common.act('links.run', run=run, values={'title': 'boom'})
    assert settle(common, run=run)['report'] == 'failed'
    error = step(common, 'report', run=run)['error']
    assert 'ZeroDivisionError' in error and 'line 17' in error and '10_links.py' in error
    assert 'value="boom"' in common.get(f'/links?run={run}', HX_Request='true')[1], 'what was put in is still there'
    common.act('links.run', run=run, values={'title': 'fine'})
    assert settle(common, run=run)['report'] == 'done'

def test_however_a_step_breaks_off_it_is_over_and_says_why(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'ends.py').write_text('''"Ends: in every way."
import sys
from pianola import Flow
flow = Flow()
def end(how):
    if how == 'runs out': next(x for x in ())
    if how == 'leaves': sys.exit(3)
    while how == 'computes': pass
    return 'well'
@flow.step
def plain(how: str):
    "In a thread"
    return end(how)
@flow.step
async def late(again: str):
    "On the loop"
    return end(again)
''')
    s = serve(plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_PATIENCE': '1'})
    def ends(name, **values):
        s.act('ends.run', step=name, values=values)
        settle(s, 'ends')
        return step(s, name, 'ends')
    for how, says in (('runs out', 'next() had nothing more'), ('leaves', '\nSystemExit: it calls sys.exit(3)'), ('well', '')):
        assert says in (ends('plain', how=how).get('error') or ''), how
    for how, says in (('leaves', '\nSystemExit: it calls sys.exit(3)'), ('computes', 'what takes a while belongs in a job')):
        assert says in ends('late', again=how)['error'], how

def held():
    "(an event, a step that returns 5 when it is set)"
    go = threading.Event()
    def first():
        "Q"
        assert go.wait(30)
        return 5
    return go, first

def answered(tmp_path, monkeypatch, f, then):
    "The answer to a step that is this function, after then(store, flow, run) was awaited"
    from pianola import actions
    from pianola.flows import flow
    async def go():
        async with opened(tmp_path, monkeypatch, flow) as st:
            token = actions.staging.set({})
            try:
                made = flow.Flow('own')
                made.step(f)
            finally: actions.staging.reset(token)
            run = (await st.write(made.start))['run']
            await st.write(made.press, f.__name__, {}, run)
            work = next(iter(flow.working), None)
            await then(st, made, run)
            while work in flow.working: await asyncio.sleep(.01)       # noqa: ASYNC110  nobody says so
            return (await st.read(made.show, run))['steps'][0]
    with ThreadPoolExecutor(1) as beside: return beside.submit(asyncio.run, go()).result()

def test_a_step_that_ends_while_the_database_cannot_be_written_is_over_when_it_can(tmp_path, monkeypatch):
    go, first = held()
    async def then(st, made, run):
        with locked(tmp_path) as seen:
            go.set()
            assert await asyncio.to_thread(seen.wait, 30)
    a = answered(tmp_path, monkeypatch, first, then)
    assert (a['state'], a['result'], a['error']) == ('done', 5, None)

def test_a_step_whose_result_is_too_deep_has_failed(tmp_path, monkeypatch):
    def first():
        "Q"
        out = 1
        for _ in range(400): out = {'k': out}
        return out
    async def then(st, made, run): pass
    a = answered(tmp_path, monkeypatch, first, then)
    assert a['state'] == 'failed' and 'it goes deeper than 60 levels' in a['error']

def test_a_step_whose_end_breaks_has_failed(tmp_path, monkeypatch):
    go, first = held()
    async def then(st, made, run):
        def breaks(tx, run): raise RecursionError('too deep')
        monkeypatch.setattr(made, 'go_on', breaks)
        go.set()
    a = answered(tmp_path, monkeypatch, first, then)
    assert a['state'] == 'failed' and 'RecursionError: too deep' in a['error']

def test_a_step_whose_end_cannot_be_kept_is_stopped_at_once(tmp_path, monkeypatch):
    import apsw
    from pianola.flows import flow
    go, first = held()
    async def then(st, made, run):
        real, tried = made.over, asyncio.Event()
        def full(*_):
            st.loop.call_soon_threadsafe(tried.set)
            raise apsw.FullError('database or disk is full')
        monkeypatch.setattr(made, 'over', full)
        go.set()
        await tried.wait()
        await st.write(made.cancel, 'first', run)
        assert (await st.read(made.show, run))['steps'][0]['state'] == 'failed'
        monkeypatch.setattr(made, 'over', real)
    a = answered(tmp_path, monkeypatch, first, then)
    assert (a['state'], a['error']) == ('failed', 'Stopped.') and not flow.working

def test_a_step_that_goes_by_itself_goes_when_it_can_and_again_when_its_grounds_change(common):
    run = common.act('numbers.start')['result']['run']
    common.act('numbers.run', run=run, values={'x': 4})
    assert settle(common, 'numbers', run) == {'a': 'done', 'b': 'done', 'c': 'open', 'd': 'waiting'}
    common.act('numbers.run', run=run, values={'z': 1})
    settle(common, 'numbers', run)
    common.act('numbers.run', run=run)
    settle(common, 'numbers', run)
    assert step(common, 'd', 'numbers', run)['result'] == {'sum': 13}
    common.act('numbers.back', run=run, step='a')
    common.act('numbers.run', run=run, step='a', values={'x': 5})
    assert common.until(lambda: (x := states(common, 'numbers', run))['b'] == 'done' and x) == {'a': 'done', 'b': 'done', 'c': 'stale', 'd': 'stale'}
    assert step(common, 'b', 'numbers', run)['result'] == {'y': 10}

def test_a_step_that_cannot_go_by_itself_waits_and_holds_up_nobody(serve, tmp_path):
    (tmp_path/'p').mkdir()
    for name, walk in (('far', "@flow.step(runs='process')\ndef walk(job, n: int = 1):"), ('near', '@flow.step\ndef walk(n: int = 1):')):
        (tmp_path/'p'/f'{name}.py').write_text(f'''"{name}: asks for a password."
from pianola import Flow, Secret, action
flow = Flow()
@flow.step
def login(password: Secret):
    "Password?"
{walk}
    "Walk"
    return {{'m': n}}
@flow.step(auto=True)
async def check(job, password, m):
    "Check it"
@action
async def other(job): return 1
''')
    s = serve(plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    for flow in ('far', 'near'):
        s.act(f'{flow}.run', step='login', values={'password': 'hunter22'})
        s.act(f'{flow}.run', values={'n': 1})
    for flow in ('far', 'near'): assert settle(s, flow) == {'login': 'done', 'walk': 'done', 'check': 'open'}
    id = s.act('far.other')['result']['job']
    s.until(lambda: next(j for j in s.get('/api/jobs')[1] if j['id'] == id)['state'] == 'done')
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        said = [t for t, in db.execute("select text from log where kind='note' and what like '%.check'")]
    assert len(said) == 2 and all('waits for you at Check it check runs as a job, and password is a secret' in t for t in said), said

def test_changed_code_is_a_mark_and_never_an_error(serve, folder, tmp_path):
    own = tmp_path/'p'
    own.mkdir()
    (own/'links.py').write_text(links)
    s = serve(data=tmp_path/'d', plugins=own, env={'PIANOLA_ENGINE': 'embedded'})
    run = walk(s, pages=2)
    s.stop()
    (own/'links.py').write_text(links.replace('"Walk it"', '"Walk it now"').replace("# a comment", ''))
    s = serve(data=tmp_path/'d', plugins=own, env={'PIANOLA_ENGINE': 'embedded'})
    assert set(states(s, run=run).values()) == {'done'}, 'other words for the question change nothing'
    s.stop()
    (own/'links.py').write_text(
        links.replace("'count': pages", "'count': pages + 1").replace('def report',
            '@flow.step\ndef between(note: str = "x"):\n    "A new step"\n\n@flow.step\ndef report').replace('@flow.step\n@flow.step', '@flow.step'))
    s = serve(data=tmp_path/'d', plugins=own, env={'PIANOLA_ENGINE': 'embedded'})
    assert states(s, run=run) == {'site': 'done', 'walk': 'stale', 'between': 'open', 'report': 'stale'}
    s.act('links.run', run=run, step='walk')
    settle(s, run=run)
    s.act('links.run', run=run, step='between')
    s.act('links.run', run=run, step='report')
    assert settle(s, run=run)['report'] == 'done' and step(s, 'report', run=run)['result'] == '# Links: 3'

# runs as a whole

def test_runs_are_named_searched_copied_forked_locked_and_put_away(common):
    run = walk(common, pages=2, url='https://needle.example')
    common.act('links.name', run=run, name='Autumn')
    assert ([r['name'] for r in common.act('links.runs', words='needle')['result']] == ['Autumn']
            and common.act('links.runs', words='AUTUMN')['result'][0]['run'] == run)
    copy = common.act('links.fork', run=run)['result']['run']
    assert states(common, run=copy) == dict.fromkeys(['site', 'walk', 'report'], 'done')
    fork = common.act('links.fork', run=run, step='walk')['result']['run']
    assert states(common, run=fork) == {'site': 'done', 'walk': 'open', 'report': 'waiting'}
    common.act('links.lock', run=run)
    assert set(states(common, run=run).values()) == {'locked'}
    for verb, more in (('run', {'step': 'site'}), ('back', {'step': 'site'}), ('fill', {'values': {}, 'step': 'site'}), ('stay', {})):
        assert common.post(f'/api/actions/links.{verb}', {'run': run, **more})[0] == 409, verb
    common.act('links.lock', run=run, locked=False)
    assert common.post('/api/actions/links.delete', {'run': run})[0] == 202, 'an agent asks first'
    waiting = common.get('/api/approvals')[1][-1]
    done = common.post(f"/api/approvals/{waiting['id']}", {'approve': True})[1]
    assert common.post('/api/actions/links.show', {'run': run})[0] == 404
    common.post(f"/api/roll/{done['id']}/undo")
    assert states(common, run=run)['report'] == 'done'

def test_a_locked_run_is_read_only_to_sql_itself(common):
    run = walk(common)
    common.act('links.lock', run=run)
    db = sqlite3.connect(common.data/'pianola.db')
    for sql in (f"insert into answer(run,step,status,inputs,at) values ({run},'x','done','{{}}',0)", f'update run set head=null where id={run}'):
        with pytest.raises(sqlite3.IntegrityError, match='locked'): db.execute(sql)
    db.close()

def test_a_run_goes_out_as_a_file_and_comes_in_elsewhere(common, serve, folder):
    run = walk(common, pages=3)
    common.act('links.back', step='site', run=run)
    common.act('links.run', run=run, step='site', values={'pages': 9})
    import urllib.request
    data = urllib.request.urlopen(f'{common.url}/api/runs/{run}.zip').read()
    other = serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    give = lambda data: json.load(urllib.request.urlopen(urllib.request.Request(f'{other.url}/api/files?name=x.zip', data,
        {'Content-Type': 'application/octet-stream'})))['file']
    new = other.act('links.import', file=give(data))['result']['run']
    assert states(other, run=new) == states(common, run=run) and '2/2' in other.get(f'/links?run={new}', HX_Request='true')[1]
    def changed(f):
        d = json.loads(zipfile.ZipFile(io.BytesIO(data)).read('run.json'))
        f(d)
        with zipfile.ZipFile(out := io.BytesIO(), 'w') as z: z.writestr('run.json', json.dumps(d))
        return other.post('/api/actions/links.import', {'file': give(out.getvalue())})
    assert changed(lambda d: d.update(flow='numbers'))[0] == 400
    assert changed(lambda d: d['answers'][0].update(parent=d['answers'][-1]['id']))[0] == 400, 'no circles'
    assert changed(lambda d: d['answers'][0].update(result={'k': 'image', 'f': '../../etc/passwd', 'alt': ''}))[0] == 400
    assert changed(lambda d: d['answers'][1].update(result={'k': 'table', 'lib': 'os', 'f': '0'*64 + '/x', 'rows': 1, 'columns': [],
                                                            'head': []}))[0] == 400
    status, said = changed(
        lambda d: d['answers'][-1].update(result={'k': 'html',
                                                  'v': '<p hx-get="/x" onclick="x()">fine<script>x()</script><img src=x onerror=x()></p>'}))
    html = other.get(f"/links?run={said['result']['run']}", HX_Request='true')[1]
    assert status == 200 and '<p>fine<img src="x"></p>' in html and 'onerror' not in html
    assert other.post('/api/actions/links.import', {'file': give(b'no zip')})[0] == 400
    page = give(b'<p>fine<img src=x hx-post="/api/actions/links.delete" onerror=x()></p>')
    status, said = changed(lambda d: d['answers'][-1].update(result={'k': 'html', 'f': page, 'head': 'fine'}))
    kept = json.loads(sqlite3.connect(other.data/'pianola.db').execute('select result from answer where run=? order by id desc',
        (said['result']['run'],)).fetchone()[0])['f']
    assert (status == 200
            and kept != page
            and urllib.request.urlopen(f'{other.url}/api/files/{kept}').read() == b'<p>fine<img src="x"></p>'), 'a later step may take it and show it'
    for odd in ({'result': {'k': 'data', 'f': page, 'head': [1], 'size': 'many'}}, {'used': [1]}, {'at': 'noon'}, {'ended': {}}):
        status, said = changed(lambda d, odd=odd: d['answers'][-1].update(odd))
        assert status == 400 and 'damaged' in said['error'], (odd, said)
    with zipfile.ZipFile(bomb := io.BytesIO(), 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('run.json', b'[' * 60_000_000)
    status, said = other.post('/api/actions/links.import', {'file': give(bomb.getvalue())})
    assert len(bomb.getvalue()) < 100_000 and status == 413 and 'larger than 50 MB' in said['error']
    with zipfile.ZipFile(bomb := io.BytesIO(), 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('run.json', b'[' + b'{},' * 2_000_000 + b'0]')
    status, said = other.post('/api/actions/links.import', {'file': give(bomb.getvalue())})
    assert len(bomb.getvalue()) < 100_000 and status == 413 and '2,000,000 lists and objects' in said['error']

@pytest.mark.parametrize('odd', [{'at': 1e300}, {'at': -1}, {'ended': 1e300}, {'at': math.inf}, {'at': math.nan},
                                 {'result': {'k': 'data', 'v': math.nan}},
    {'inputs': {'pages': math.inf}}, {'inputs': {'pages': 10**400}}, {'id': 10**30}, {'result': {'k': 'data', 'v': json.loads('['*300 + ']'*300)}},
    {'inputs': {'pages': json.loads('{"a": '*300 + '1' + '}'*300)}}], ids=lambda odd: str(odd)[:50])
def test_a_run_from_elsewhere_that_could_not_be_shown_is_refused_in_words(tmp_path, odd):
    with pytest.raises(Refused) as e: arrived(tmp_path, odd)
    assert e.value.text.startswith('this is no')

def test_a_run_from_elsewhere_with_half_characters_can_be_shown(tmp_path):
    "Also one that goes as deep as our own do, and one of the farthest times"
    half = json.loads('"half \\ud800"')
    r, answers = arrived(tmp_path, {'inputs': {'site': half, half: 1}, 'code': half, 'at': 0, 'ended': runs.last_time,
                                    'result': {'k': 'data', 'v': {half: [half], 'deep': json.loads('['*60 + ']'*60)}}})
    html = to_xml(results.show(json.loads(answers[0]['result'])))
    assert 'half ?' in html and json.loads(answers[0]['inputs'])['site'] == 'half ?'
    time.strftime('%d %b %H:%M', time.localtime(answers[0]['ended']))

def arrived(folder, odd):
    "A run in a file with something odd in its one answer, as it is kept: (run, answers)"
    answer = {'id': 1, 'step': 'site', 'parent': None, 'status': 'done', 'inputs': {'pages': 4}, 'used': {}, 'result': None, 'code': '', 'at': 1.0,
              'ended': 2.0, **odd}
    d = {'format': runs.form, 'flow': 'links', 'name': 'x', 'head': answer['id'], 'locked': False, 'answers': [answer]}
    async def keep():
        await (st := Store()).open(folder)
        was, store.folder = getattr(store, 'folder', None), folder
        try:
            with zipfile.ZipFile(out := io.BytesIO(), 'w') as z: z.writestr('run.json', json.dumps(d))
            run = packing.unpacked(keep_file(out.getvalue(), 'x.zip'))
            id = await st.write(lambda tx: runs.imported(tx, 'links', run))
            return await st.read(lambda tx: (runs.run(tx, id), tx.q('select * from answer where run=?', id)))
        finally:
            store.folder = was
            await st.close()
    with ThreadPoolExecutor(1) as beside: return beside.submit(asyncio.run, keep()).result()

def test_the_model_is_told_the_open_run_and_has_its_keys(serve, folder, upstream):
    up = upstream(['{"action": "links.run", "args": {"values": {"pages": 4}}}'])
    s = serve(plugins=folder, env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    s.get('/links')
    names = {a['name'] for a in s.get('/api/actions')[1]}
    assert {f'links.{v}' for v in ('start', 'fill', 'run', 'back', 'fold', 'name')} <= names
    s.act('links.run', values={'pages': 3})
    s.act('links.run')
    settle(s)
    s.act('links.run', values={'title': 'boom'})
    s.until(lambda: states(s)['report'] == 'failed')
    from conftest import connect
    with connect(s.ws) as ws:
        ws.send(json.dumps({'hello': {'since': 0, 'conversation': None, 'view': 'links', 'runs': [1], 'opened': True}}))
        ws.send(json.dumps({'msg': 'Help me with this error'}))
        s.until(lambda: up.asked)
    given = up.asked[-1]['messages'][-1]['content']
    assert 'report: failed' in given and 'ZeroDivisionError' in given and 'site: done; put in: url: https://example.com, pages: 3' in given
    assert ('links.run' in up.asked[-1]['messages'][0]['content']
            and 'site (url, pages), walk, report (title)' in up.asked[-1]['messages'][0]['content'])

# without a page

def alone(folder, out, *args):
    import os, subprocess, sys
    env = {k: v for k, v in os.environ.items() if not k.startswith('PIANOLA_')} | {'OLLAMA_HOST': '127.0.0.1:9'}
    p = subprocess.run([sys.executable, '-m', 'pianola', 'run', *args, '--plugins', str(folder), '--out', str(out)], cwd=root, env=env,
                       capture_output=True, text=True, timeout=180)
    return p.returncode, p.stdout, p.stderr

def test_a_flow_runs_without_a_page_and_goes_on_where_it_stopped(folder, tmp_path):
    out = tmp_path/'out'
    code, said, wrong = alone(folder, out, 'links', 'pages=3', 'report.title=boom')
    assert code == 1 and 'ZeroDivisionError' in wrong and 'walk: done in' in said
    code, said, wrong = alone(folder, out, 'links', 'title=Fine', '--resume')
    assert code == 0 and 'site: done before' in said and 'walk: done before' in said, wrong
    assert (out/'report.md').read_text() == '# Fine: 3' and json.loads((out/'walk.json').read_text())['count'] == 3
    assert ([s['state'] for s in json.loads((out/'run.json').read_text())['steps']] == ['done']*3
            and 'run.json' in zipfile.ZipFile(out/'run.zip').namelist())
    code, said, wrong = alone(folder, out, 'numbers', 'x=2')
    assert code == 2 and 'c.z=…' in wrong and 'must' not in wrong.split('Say')[1]
    assert alone(folder, out, 'numbers', 'x=2', 'z=3')[0] == 0 and json.loads((out/'d.json').read_text()) == {'sum': 9}
    assert 'it asks' in alone(folder, out, 'links', 'depth=3')[2] and 'there is links, numbers' in alone(folder, out, 'nothing')[2]
    assert alone(folder, tmp_path/'o2', str(folder/'20_numbers.py'), 'x=1', 'z=1', '--quiet')[:2] == (0, '')

# what a kill leaves

slow = '''"Slow: writes down what it did."
import time
from pathlib import Path
from pianola import Flow
flow = Flow()
@flow.step
def work(token: str, wait: float = 0.02):
    "Work"
    with open(Path(__file__).parent/'did.txt', 'a') as f: f.write(token + '\\n')
    time.sleep(wait)
    return {'token': token, 'rows': ['x'*100]*300}
@flow.step
def more(token, word: str = 'w'):
    "More"
    return f'{token} {word}'
'''
def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged_and_does_nothing_twice(tmp_path):
    import random, threading
    p, data = tmp_path/'p', tmp_path/'d'
    p.mkdir()
    (p/'slow.py').write_text(slow)
    asked, done, said = {}, {}, random.Random(7)
    for round in itertools.count():
        if round >= 16 and len(asked) > 12 and len(done) > 6: break
        assert round < 80, (len(asked), len(done))
        s = Server(data, plugins=p, env={'PIANOLA_ENGINE': 'embedded'})
        assert (not s.act('slow.show')['result']
                or all(x['state'] != 'running' for x in s.act('slow.show')['result']['steps'])), 'nothing runs for ever'
        for run, answers in done.items():
            now = {x['step']: x for x in s.act('slow.show', run=run)['result']['steps']}
            for name, result in answers.items():
                assert now[name]['state'] == 'done' and now[name]['result'] == result, f'what was done before round {round} is as it was'
        for run, token in asked.items():
            work = step(s, 'work', 'slow', run)
            assert work['inputs']['token'] == token, 'what was put in is there'
            if work['state'] == 'failed': assert 'run it again' in work['error']
        killer = threading.Timer(said.uniform(0, .25), s.kill)
        killer.start()
        try:
            while True:
                run = s.act('slow.start')['result']['run']
                token = f'{round}-{run}'
                s.act('slow.run', run=run, values={'token': token})
                asked[run] = token
                until = time.time() + 5
                while (x := step(s, 'work', 'slow', run))['state'] == 'running' and time.time() < until: pass
                if x['state'] == 'done': done[run] = {'work': x['result']}
                s.act('slow.run', run=run, values={'word': 'last'})
                if (x := step(s, 'more', 'slow', run))['state'] == 'done': done[run]['more'] = x['result']
        except (OSError, ConnectionError, AssertionError, json.JSONDecodeError, http.client.HTTPException) as e:
            killer.join()
            if isinstance(e, AssertionError): assert s.p.poll() is not None, e
        db = sqlite3.connect(data/'pianola.db')
        assert db.execute('pragma integrity_check').fetchone() == ('ok',)
        db.close()
    did = (p/'did.txt').read_text().split()
    assert len(did) == len(set(did)), 'nothing was done twice'

# steps that are jobs

worker = '''"Walker: long work."
import time
from pathlib import Path
from pianola import Flow
flow = Flow()
did = Path(__file__).parent/'units.txt'
@flow.step
def site(pages: int = 5, wait: float = 0.05, breaks: int = -1):
    "How many?"
@flow.step(runs='RUNS')
ASYNC def walk(job, pages, wait, breaks):
    "Walk it"
    seen = []
    for n in job.each(range(pages)):
        if n == breaks and not (did.parent/'mended').exists(): raise ValueError('page 3 is missing')
        while n == 6 and (did.parent/'hold').exists(): time.sleep(.02)      # until who looks at it has seen enough
        with did.open('a') as f: f.write(f'{n}\\\\n')
        job.progress(n+1, pages, f'page {n+1}')
        time.sleep(wait)
    return {'links': [{'n': n} for n in range(pages)]}
@flow.step
def report(links):
    "Report"
    return len(links)
'''
def walker(where, runs='thread'):
    where.mkdir()
    (where/'walker.py').write_text(worker.replace('RUNS', runs).replace('ASYNC ', '').replace('\\\\n', '\\n'))
    return where

@pytest.mark.parametrize('runs', ['thread', 'process'])
def test_a_step_with_a_job_ends_in_the_commit_that_ends_the_job(serve, tmp_path, runs):
    s = serve(plugins=walker(tmp_path/'p', runs), env={'PIANOLA_ENGINE': 'embedded'})
    (tmp_path/'p'/'hold').touch()
    s.act('walker.run', values={'pages': 8, 'wait': 0})
    s.act('walker.run')
    assert states(s, 'walker')['walk'] == 'running'
    (tmp_path/'p'/'hold').unlink()
    s.until(lambda: states(s, 'walker')['walk'] == 'done')
    assert step(s, 'walk', 'walker')['result'] == {'links': [{'n': n} for n in range(8)]}
    s.act('walker.run')
    assert settle(s, 'walker')['report'] == 'done' and step(s, 'report', 'walker')['result'] == 8

def test_a_job_that_broke_goes_on_from_where_it_was(serve, tmp_path):
    s = serve(plugins=walker(tmp_path/'p'), env={'PIANOLA_ENGINE': 'embedded'})
    s.act('walker.run', values={'pages': 6, 'breaks': 3})
    s.act('walker.run')
    s.until(lambda: states(s, 'walker')['walk'] == 'failed')
    assert 'page 3 is missing' in step(s, 'walk', 'walker')['error']
    (tmp_path/'p'/'mended').touch()
    s.act('walker.run')
    s.until(lambda: states(s, 'walker')['walk'] == 'done')
    assert (tmp_path/'p'/'units.txt').read_text().split() == ['0', '1', '2', '3', '4', '5'], 'no page twice'
    assert '2/2' not in s.get('/walker', HX_Request='true')[1]

def test_a_job_survives_kill_9_and_its_step_is_done_in_the_end(serve, tmp_path):
    p = walker(tmp_path/'p')
    s = serve(data=tmp_path/'d', plugins=p, env={'PIANOLA_ENGINE': 'embedded'})
    s.act('walker.run', values={'pages': 40, 'wait': 0.05})
    s.act('walker.run')
    for _ in range(4):
        time.sleep(.4)
        s.kill()
        s = serve(data=tmp_path/'d', plugins=p, env={'PIANOLA_ENGINE': 'embedded'})
        assert states(s, 'walker')['walk'] in ('running', 'done')
    s.until(lambda: states(s, 'walker')['walk'] == 'done')
    did = (p/'units.txt').read_text().split()
    assert set(did) == set(map(str, range(40))) and len(did) <= 44, 'at most the page in flight is walked again'

def test_a_running_step_can_be_stopped_and_a_change_above_it_does_not_lose_it(serve, tmp_path):
    s = serve(plugins=walker(tmp_path/'p'), env={'PIANOLA_ENGINE': 'embedded'})
    s.act('walker.run', values={'pages': 500})
    s.act('walker.run')
    s.until(lambda: states(s, 'walker')['walk'] == 'running')
    assert s.post('/api/actions/walker.lock', {})[0] == 409
    s.act('walker.back', step='site')
    s.act('walker.run', step='site', values={'pages': 2})
    assert states(s, 'walker')['walk'] == 'running'
    s.act('walker.cancel', step='walk')
    s.until(lambda: states(s, 'walker')['walk'] == 'failed')
    s.act('walker.run', step='walk')
    s.until(lambda: states(s, 'walker')['walk'] == 'done')
    assert len(step(s, 'walk', 'walker')['result']['links']) == 2

def test_a_job_that_ends_while_its_plugin_is_away_ends_its_step_when_it_is_back(serve, tmp_path):
    p = walker(tmp_path/'p', 'process')
    (p/'count.py').write_text(
        '"Count: counts."\nimport gc\nfrom pianola import Flow, action\n@action(risk="read")\ndef walkers(tx):\n    "Count."\n'
        '    gc.unfreeze()\n    gc.collect()\n    return [o.name for o in gc.get_objects() if type(o) is Flow].count("walker")\n')
    s = serve(plugins=p, env={'PIANOLA_ENGINE': 'embedded'})
    there = lambda: 'walker' in s.get('/api/health')[1]['plugins']
    (p/'hold').touch()
    s.act('walker.run', values={'pages': 8, 'wait': 0})
    s.act('walker.run')
    s.until(lambda: (p/'units.txt').exists())
    (p/'walker.py').rename(tmp_path/'walker.py')
    s.until(lambda: not there())
    (p/'hold').unlink()
    s.until(lambda: s.get('/api/jobs')[1][0]['state'] == 'done')
    (tmp_path/'walker.py').rename(p/'walker.py')
    s.until(there)
    s.until(lambda: s.act('count.walkers')['result'] == 1, 20)           # the one before is let go of
    assert states(s, 'walker') == {'site': 'done', 'walk': 'done', 'report': 'open'}

def test_what_is_taken_back_while_it_runs_stops(serve, tmp_path):
    p = walker(tmp_path/'p')
    (p/'nap.py').write_text(
        '"Nap: sleeps."\nimport asyncio\nfrom pianola import Flow\nflow = Flow()\n@flow.step\nasync def nap(seconds: int = 90):\n'
        '    "Nap?"\n    await asyncio.sleep(seconds)\n')
    s = serve(plugins=p, env={'PIANOLA_ENGINE': 'embedded'})
    back = lambda id: s.post(f'/api/roll/{id}/undo')[1]['id']
    s.act('walker.run', values={'pages': 500})
    for _ in range(2):
        pressed = s.act('walker.run')['id']
        s.until(lambda: s.get('/api/jobs')[1][0]['state'] == 'running')
        back(pressed)
        s.until(lambda: all(j['state'] == 'cancelled' for j in s.get('/api/jobs')[1]))
        assert states(s, 'walker')['walk'] == 'open'
    gone = back(s.act('nap.run')['id'])
    assert s.act('nap.show')['result'] is None, 'its run began with it'
    time.sleep(.3)
    back(gone)
    assert s.until(lambda: states(s, 'nap')['nap'] == 'failed') and step(s, 'nap', 'nap')['error'] == 'Stopped.'

def test_a_flow_with_a_job_runs_without_a_page(tmp_path):
    code, said, wrong = alone(walker(tmp_path/'p'), tmp_path/'out', 'walker', 'pages=5')
    assert code == 0 and 'walk: page 5' in said and json.loads((tmp_path/'out'/'report.json').read_text()) == 5, wrong
