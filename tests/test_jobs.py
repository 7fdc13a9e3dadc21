"""Long work: kept in the journal or in PostgreSQL, watched from anywhere, and going
on where it was, whatever ends in between. What must hold for both is tried on both."""
import asyncio, contextlib, json, os, random, sqlite3, subprocess, sys, threading, time, types, urllib.request
from concurrent.futures import ThreadPoolExecutor
import pytest
from conftest import locked, opened, root

plugin = '''"Work: long things, for tests."
import time, asyncio, os, pathlib, sys
from pianola import Page, action
page = Page()
@page
def index(): return 'x'
done = lambda text: open(pathlib.Path(os.environ['PIANOLA_TEST_OUT']), 'a').write(text + chr(10))
def hold(n, i):
    "Until who looks at it has seen enough"
    while os.path.exists(os.environ['PIANOLA_TEST_OUT'] + f'.hold.{n}.{i}'): time.sleep(.01)

@action(title='Count in a coroutine')
async def count(job, n: int = 20, pause: float = .02):
    "Count."
    async for i in job.each(range(n)):
        done(f'count {i}')
        await asyncio.sleep(pause)
        await job.progress(i+1, n, f'at {i}')
    return {'counted': n}

@action(title='Count in a thread', runs='thread')
def slow(job, n: int = 20, pause: float = .02):
    "Count."
    first = job.step('first', lambda: done('first') or 7)
    for i in job.each(range(n)):
        hold(n, i)
        done(f'slow {i}')
        time.sleep(pause)
        job.progress(i+1, n)
        job.log(f'did {i}')
    return {'first': first, 'n': n}

@action(title='Count in a process', runs='process')
def heavy(job, n: int = 20, pause: float = .02):
    "Count."
    pathlib.Path(os.environ['PIANOLA_TEST_OUT'] + f'.pid.{n}').write_text(str(os.getpid()))
    first = job.step('first', lambda: done('first') or 7)
    for i in job.each(range(n)):
        hold(n, i)
        done(f'heavy {i}')
        time.sleep(pause)
        job.progress(i+1, n)
    return {'pid': os.getpid(), 'first': first}

@action(retries=1)
def fragile(job):
    "Fails once."
    if job.attempt < 2: raise ValueError(f'attempt {job.attempt}')
    return 'at last'

@action(timeout=.3)
async def sleepy(job):
    "Takes too long."
    await asyncio.sleep(30)

@action(runs='process')
def deaf(job):
    "Does not look up."
    end = time.time() + 60
    while time.time() < end: pass

@action()
def odd(job):
    "Cannot be kept."
    return object()

@action()
def runs_out(job):
    "Has nothing more."
    return next(x for x in ())

@action()
def leaves(job):
    "Leaves."
    sys.exit(3)

@action()
async def leaves_too(job):
    "Leaves."
    sys.exit(4)

@action()
def unanswered(job):
    "What a socket raises."
    raise TimeoutError('nobody answered')

@action(runs='process')
def breaks(job):
    "Breaks half way."
    job.progress(1, 2, 'page 1')
    raise ValueError('no such page')

@action()
async def computes(job):
    "Never awaits."
    while True: pass
'''

both = pytest.mark.parametrize('app', ['journal', 'postgres'], indirect=True)
inside = pytest.mark.parametrize('app', ['postgres'], indirect=True)

@pytest.fixture
def app(serve, tmp_path, request):
    """app() starts a server on the same data and plugins each time; `did()` is what the
    functions did, in order. With `both` also one whose jobs are in PostgreSQL, at `.jobs`."""
    url = request.getfixturevalue('postgres').url() if getattr(request, 'param', 'journal') == 'postgres' else ''
    (tmp_path/'p').mkdir()
    (tmp_path/'p/work.py').write_text(plugin)
    out = tmp_path/'out'
    out.write_text('')
    def start(ready=True, data='data', **env):
        s = serve(tmp_path/data, plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_TEST_OUT': str(out), 'PIANOLA_JOBS': url, **env})
        s.jobs = url
        if url and ready: s.until(lambda: s.get('/api/health')[1]['jobs']['ready'])
        s.did = lambda: out.read_text().splitlines()
        s.hold = lambda n, i: tmp_path/f'out.hold.{n}.{i}'          # while this is there, `slow` and `heavy` of n wait before their unit i
        s.job = lambda id: next(j for j in s.get('/api/jobs')[1] if j['id'] == id)
        s.begin = lambda name, **kw: s.act(f'work.{name}', **kw)['result']['job']
        s.over = lambda id, seconds=90: s.until(lambda: (j := s.job(id)) and j['state'] in ('done', 'failed', 'cancelled') and j, seconds)
        return s
    return start

@pytest.fixture
def works(tmp_path):
    "works(server) starts `python -m pianola work` for a server's queue, with the same plugins and a folder of its own"
    all_ = []
    def start(s, data='elsewhere', **env):
        p = subprocess.Popen([sys.executable, '-m', 'pianola', 'work', '--data', str(tmp_path/data), '--plugins', str(tmp_path/'p')],
                             cwd=root, env={**os.environ, 'PIANOLA_JOBS': s.jobs, 'PIANOLA_TEST_OUT': str(tmp_path/'out'), **env},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        all_.append(p)
        return p
    yield start
    for p in all_:
        p.kill()
        p.wait()
        p.stdout.close()

@both
def test_work_runs_to_its_end_however_it_runs_and_a_copy_goes_on_from_what_was_done_before_a_unit(app):
    s = app()
    ids = {name: s.begin(name, n=6) for name in ('count', 'slow', 'heavy')}
    for name, id in ids.items():
        j = s.over(id)
        assert (j['state'], j['done'], j['total']) == ('done', 6, 6)
        assert [x for x in s.did() if x.startswith(name)] == [f'{name} {i}' for i in range(6)]
    assert s.post('/api/actions/jobs.fork', {'id': ids['slow'], 'before': 'item:77'})[0] == 400
    for more in ({'before': 'item:4'}, {}): assert s.over(s.act('jobs.fork', id=ids['slow'], **more)['result']['job'])['state'] == 'done'
    assert ([x for x in s.did() if x.startswith('slow')] == [f'slow {i}' for i in (0, 1, 2, 3, 4, 5, 4, 5)]
            and s.did().count('first') == 2), 'the copy did the rest, the whole copy nothing'

def test_it_is_heard_by_the_model_and_seen_by_every_tab(app, page):
    s = app()
    (s.data.parent/'p/jobs_page.py').write_text(
        '"Board: what runs."\nfrom pianola import Page, job_list\npage = Page()\n@page\nasync def index(): return await job_list()\n')
    s.stop()
    s = app()
    page.goto(s.url + '/jobs_page')
    s.hold(60, 20).touch()
    id = s.begin('slow', n=60, pause=.05)
    page.locator(f'#job-{id}[data-state=running]').wait_for()
    page.locator(f'#job-{id} .text', has_text='of 60').wait_for()
    page.reload()
    page.locator(f'#job-{id} .text', has_text='of 60').wait_for()
    page.locator(f'#job-{id}').get_by_role('button', name='Stop').click()
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        s.until(lambda: db.execute('select cancel from job where id=?', (id,)).fetchone()[0])
    s.hold(60, 20).unlink()
    page.locator(f'#job-{id}[data-state=cancelled]').wait_for()
    page.locator(f'#job-{id}').get_by_role('button', name='Try again').click()
    page.locator(f'#job-{id}[data-state=done]').wait_for()
    assert (sorted(x for x in s.did() if x.startswith('slow')) == sorted({x for x in s.did() if x.startswith('slow')})
            or len(s.did()) <= 63), 'at most the item in flight twice'
    heard = [m['text'] for m in s.get('/api/conversation?hidden=1')[1]] or [e['text'] for e in []]
    page.fill('#msg', 'hello')
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db: notes = [t for t, in db.execute("select text from log where kind='note'")]
    assert any('started' in t for t in notes) and any('50 % done' in t for t in notes) and any('is done' in t for t in notes), (notes, heard)

@both
def test_failures_are_tried_again_later_each_time_and_then_told_and_who_does_not_listen_is_stopped_by_force(app):
    s = app()
    deaf, fragile = s.begin('deaf') if os.name == 'posix' else None, s.begin('fragile')
    j = s.over(s.begin('sleepy'))
    assert j['state'] == 'failed' and 'longer than 0.3 s' in j['text']
    j = s.over(s.begin('odd'))
    assert j['state'] == 'failed' and 'JSON' in j['text']
    j = s.over(fragile)
    assert j['state'] == 'done' and j['attempt'] == 2
    if not deaf: return
    s.until(lambda: s.job(deaf)['attempt'] == 1)                # it has begun
    early = s.begin('deaf')
    s.until(lambda: s.job(early)['state'] == 'running')         # it is still starting
    for i in (deaf, early): assert s.post(f'/api/jobs/{i}/cancel')[0] == 202
    for i in (deaf, early): assert s.over(i)['state'] == 'cancelled'

def test_however_a_job_breaks_off_it_is_over_and_says_why(app):
    s = app(PIANOLA_PATIENCE='1')
    says = {'runs_out': 'next() had nothing more', 'leaves': 'sys.exit(3)', 'leaves_too': 'sys.exit(4)',
            'unanswered': 'TimeoutError: nobody answered', 'breaks': 'ValueError: no such page', 'computes': 'held everybody up for 1'}
    ids = {name: s.begin(name) for name in says}
    for name, id in ids.items():
        j = s.over(id)
        assert j['state'] == 'failed' and says[name] in j['text'] and j['error'], (name, j)
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        assert db.execute("select text from log where what=? order by id desc",
                          (f"job:{ids['breaks']}",)).fetchone()[0].endswith('failed: ValueError: no such page')

@both
def test_a_stream_joins_in_the_middle_and_goes_on_after_a_restart(app):
    s = app()
    for i in (40, 60): s.hold(80, i).touch()
    id = s.begin('heavy', n=80)
    s.until(lambda: s.job(id)['done'] and s.job(id)['done'] > 10)
    def read(s, last=0):
        req = urllib.request.Request(f'{s.url}/api/jobs/{id}/events', headers={'Last-Event-ID': str(last)})
        with urllib.request.urlopen(req, timeout=30) as r:
            event = {}
            for line in r:
                k, _, v = line.decode().rstrip('\n').partition(': ')
                if k: event[k] = v
                elif event: yield event; event = {}
    events = read(s)
    first = next(events)
    s.hold(80, 40).unlink()
    second = next(events)
    events.close()
    assert json.loads(first['data'])['done'] > 10 and int(second['id']) > int(first['id'])
    s.kill()                                        # the server goes, the process does not
    time.sleep(.5)
    s = app()
    s.hold(80, 60).unlink()
    rest = list(read(s, int(second['id'])))
    assert rest[-1]['event'] == 'done' and json.loads(rest[-1]['data'])['state'] == 'done'
    assert [x for x in s.did() if x.startswith('heavy')] == [f'heavy {i}' for i in range(80)], 'nothing twice: the process outlived the server'

@both
def test_killed_at_any_moment_it_goes_on_where_it_was(app, works):
    "What was committed is not done again; at most the unit in flight is"
    dice, total, kills, again = random.Random(7), 40, 0, 0
    s = app()
    most = 5 if s.jobs else 12
    worker = works(s) if s.jobs else None
    def kept():
        with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
            assert db.execute('pragma integrity_check').fetchone() == ('ok',)
            there = {(j, n) for j, n in db.execute('select job, name from unit')}
        if s.jobs:
            import psycopg
            with psycopg.connect(s.jobs) as db: there |= {*db.execute('select j.number, u.name from pianola.unit u join pianola.job j using (key)')}
        return there
    ids = {name: s.begin(name, n=total, pause=.01) for name in ('count', 'slow', 'heavy')}
    while not all(s.job(i)['state'] == 'done' for i in ids.values()):
        time.sleep(dice.uniform(.02, .25))
        if kills < most:
            before = kept()
            if os.name == 'posix' and dice.random() < .4:
                with contextlib.suppress(OSError, ValueError): os.kill(int((s.data.parent/f'out.pid.{total}').read_text()), 9)
            if worker and dice.random() < .4:
                worker.kill()
                worker = works(s)
            s.kill()
            kills += 1
            assert before <= kept(), 'what was committed stays'
            s = app()
    did = s.did()
    for name in ('count', 'slow', 'heavy'):
        mine = [x for x in did if x.startswith(name)]
        assert {f'{name} {i}' for i in range(total)} == set(mine)
        again += len(mine) - total
    assert again <= kills * 2 + 20, (again, kills)

@both
def test_changed_code_is_said_and_goes_on(app):
    s = app()
    s.hold(40, 20).touch()
    id = s.begin('slow', n=40)
    s.until(lambda: (s.job(id)['done'] or 0) > 5)
    s.kill()
    s.hold(40, 20).unlink()
    p = s.data.parent/'p/work.py'
    p.write_text(p.read_text().replace("done(f'slow {i}')", "done(f'slow {i}'); str(i)"))
    s = app()
    assert s.over(id)['state'] == 'done'
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db: assert db.execute("select text from job_event where kind='stale'").fetchone()
    assert s.did().count('first') == 1

# The pieces, by themselves

@pytest.fixture
def paper():
    "A journal in memory: its transaction"
    import apsw
    from pianola.schema import migrations
    from pianola.tx import fold, spaced, Tx
    c = apsw.Connection(':memory:')
    for f in (fold, spaced): c.create_scalar_function(f.__name__, f, 1)
    for m in migrations: c.execute(m)
    yield Tx(c)
    c.close()

def beside(f):
    "What a coroutine gives, on a loop of its own"
    with ThreadPoolExecutor(1) as one: return one.submit(asyncio.run, f).result()

def test_a_sleep_is_the_same_one_in_the_next_life_and_no_other(paper):
    from pianola.work import journal
    from pianola.work.handle import Handle
    id = journal.start(paper, 'x.y', {}, title='T', plugin='x')
    book = journal.Book(lambda f, *a, durable=True: f(paper, *a), id, lambda *a: None, journal.begin(paper, id)['since'])
    def live(dies=None):
        job, slept = Handle({'id': id, 'attempt': 1, 'title': 'T'}, book, 'thread'), []
        def nap():
            began = time.monotonic()
            job.wait(.2)
            slept.append(time.monotonic() - began > .1)
        with contextlib.suppress(KeyError):
            for i in job.each(range(4)):
                job.partial(i)
                nap()
                if i == dies: raise KeyError
            nap()
        return slept
    assert live(dies=1) == [True, True]
    assert live() == [False, True, True, True], 'item 1 had slept; 2, 3 and what comes behind them had not'

def test_how_a_process_ended_is_told_whole(paper):
    from pianola.work import jobs, journal
    def ends(*end, retries=0):
        id = journal.start(paper, 'x.y', {}, title='T', plugin='x', runs='process', retries=retries)
        j = journal.begin(paper, id, 1)
        journal.progress(paper, id, 3, 10, 'page 3')
        journal.Book(lambda f, *a, durable=True: f(paper, *a), id, None, j['since']).end(*end)
        jobs.finished(paper, paper.one('select * from job where id=?', id))
        j = journal.job(paper, id)
        return j['state'], j['text'], j['result'], paper.value("select text from log where what=? order by id desc limit 1", f'job:{id}')
    assert ends('done', 42) == ('done', 'page 3', 42, '“T” is done')
    assert ends('failed', None, 'Traceback …\nValueError: no') == ('failed', 'ValueError: no', None, '“T” failed: ValueError: no')
    assert ends('failed', None, 'ValueError: no', 'the page is gone')[1] == 'the page is gone'
    assert ends('cancelled', None, None, journal.stopped)[:2] == ('cancelled', journal.stopped)
    assert ends('failed', None, '') == ('failed', '', None, '“T” failed: ')
    state, text, *_ = ends('failed', None, 'ValueError: no', retries=1)
    assert state == 'waiting' and text.startswith('tries again in') and text.endswith(': ValueError: no')

def test_of_two_who_think_a_job_is_theirs_one_writes_in_our_own_journal_too(paper):
    from pianola.work import journal
    id = journal.start(paper, 'x.y', {}, title='T', plugin='x', runs='process')
    def taken():
        paper.run('update job set lease=0')                 # no sign of life
        return journal.Book(lambda f, *a, durable=True: f(paper, *a), id, journal.note, journal.begin(paper, id)['since'])
    first = taken()
    first.keep('item:1', 5)
    second = taken()
    assert second.unit('item:1') == (True, 5) and first.alive() and not second.alive()
    for word in (lambda: first.keep('item:2'), lambda: first.end('done'), lambda: first.unit('item:1'), lambda: first.progress(1, 2, ''),
                 lambda: first.event('log', 'x'), lambda: first.note('x')):
        with pytest.raises(journal.Stopped): word()
    second.end('done', 5)
    assert first.alive() and paper.value('select count(*) from unit') == 1 and journal.job(paper, id)['state'] == 'ending'

@pytest.fixture
def own(tmp_path, monkeypatch):
    "own(f) runs f(store) on a store in a folder of its own that jobs use, and gives what it gives; `.config` is that of a process"
    from pianola import config
    from pianola.work import jobs
    from pianola.store import Store
    (tmp_path/'p').mkdir()
    c = config.read(['--data', str(tmp_path/'d'), '--plugins', str(tmp_path/'p')], {})
    async def opened(f):
        st = Store()
        monkeypatch.setattr(jobs, 'store', st)
        await st.open(c.data)
        try: return await f(st)
        finally: await st.close()
    run = lambda f: beside(opened(f))
    monkeypatch.setattr(jobs, 'config', c)
    run.config = c
    return run

def test_a_process_that_is_over_before_we_look_is_not_begun_again(own, monkeypatch):
    from pianola.work import jobs, journal, worker
    begun = []
    def quick(*a, **k):
        book, (_, begin), _ = worker._own_book(begun.append(1) or 1, own.config)
        assert begin('')
        book.end('done', 42)
    monkeypatch.setattr(jobs.subprocess, 'Popen', quick)
    monkeypatch.setattr(jobs, 'children', {})
    async def go(st):
        await st.write(lambda tx: journal.start(tx, 'x.y', {}, title='T', plugin='x', runs='process'))
        await asyncio.to_thread(jobs.spawn, 1)
        state = await st.q('select state, attempt from job')
        await asyncio.to_thread(jobs.spawn, 1)             # it had been seen as waiting
        return state, await st.q('select state, attempt from job')
    before, after = own(go)
    assert before == after == [{'state': 'ending', 'attempt': 1}] and begun == [1]

def test_one_that_breaks_as_it_ends_holds_up_no_other(own, monkeypatch):
    from pianola.work import jobs, journal
    fired = []
    async def fire(s): fired.append(s['id'])
    def breaks(tx, j): raise KeyError('of the plugin')
    there = {'x': types.SimpleNamespace(kinds=[types.SimpleNamespace(job_over=breaks)])}
    for name, value in (('plugins', there), ('fire', fire), ('poke', lambda id: None), ('afar', None)):
        monkeypatch.setattr(jobs, name, value)
    async def go(st):
        def made(tx):
            for plugin in 'xyz': journal.start(tx, f'{plugin}.f', {}, title='T', plugin=plugin, runs='process')
            tx.run("update job set state='ending', text='done' where id<3")
            tx.insert('schedule', {'title': 'T', 'action': 'a', 'args': '{}', 'every': 'daily 00:00', 'next_at': 1})
        await st.write(made)
        assert (await jobs.round_(10**9))[1] == 1, 'tried again in a second'
        return [j['state'] + ' ' + j['text'][:9] for j in await st.q('select state, text from job order by id')]
    assert own(go) == ['ending done', 'done ', 'waiting cannot go'] and fired

def test_a_process_that_is_silent_is_not_begun_again_while_it_lives(own, monkeypatch):
    from pianola.work import jobs, journal
    begun, over = [], []
    child = types.SimpleNamespace(poll=lambda: -9 if over else None, returncode=-9)
    for name, value in (('children', {1: child}), ('spawn', begun.append), ('function', bool), ('afar', None)):
        monkeypatch.setattr(jobs, name, value)
    async def go(st):
        def made(tx):
            journal.begin(tx, journal.start(tx, 'x.f', {}, title='T', plugin='x', runs='process'), 1)
            tx.run('update job set lease=1')
        await st.write(made)
        for _ in range(3):
            await jobs.round_(10**9)
            assert not begun
        over.append(1)
        await jobs.round_(10**9)
        await st.write(lambda tx: tx.run('update job set lease=1'))
        await jobs.round_(10**9)
        assert begun
    own(go)

def test_a_process_that_ends_five_times_with_nothing_done_is_not_begun_again(own, monkeypatch):
    from pianola.work import jobs, journal, worker
    begun, keeps = [], [3]
    def dies(*a, **k):
        book, (_, begin), _ = worker._own_book(1, own.config)
        begin('')
        begun.append(1)
        if len(begun) in keeps: book.keep(f'item:{len(begun)}')
        return types.SimpleNamespace(poll=lambda: 11, returncode=11)
    for name, value in (('children', {}), ('falls', {}), ('function', bool), ('afar', None), ('poke', lambda id: None)):
        monkeypatch.setattr(jobs, name, value)
    monkeypatch.setattr(jobs.subprocess, 'Popen', dies)
    async def go(st):
        await st.write(lambda tx: journal.keep(tx, journal.start(tx, 'x.f', {}, title='T', plugin='x', runs='process'), 'comments'))
        for _ in range(30):
            await jobs.round_(10**9)
            await st.write(lambda tx: tx.run('update job set lease=1'))         # its time has come
        return (await st.q('select state, text, error from job'))[0]
    j = own(go)
    assert len(begun) == 3+5 and j['state'] == 'failed', 'five after the one that did something'
    assert j['text'] == 'its process ended 5 times with nothing done, last with code 11' and j['error'] and not jobs.falls

def test_a_stream_that_joins_takes_nothing_from_one_that_is_there_and_hears_nothing_twice(own, monkeypatch):
    from pianola.work import board, journal
    async def go(st):
        monkeypatch.setattr(board, 'store', st)
        id = await st.write(lambda tx: journal.start(tx, 'x.y', {}, title='T', plugin='x'))
        await st.write(journal.begin, id)
        heard = [], []
        async def listen(n, after=0):
            async for part in board.watch(id, after): heard[n].append(part.decode())
        async def settled(n, words):
            while words not in ''.join(heard[n]): await asyncio.sleep(.01)        # noqa: ASYNC110  it is set elsewhere
        async with asyncio.timeout(20), asyncio.TaskGroup() as g:
            one = g.create_task(listen(0))
            await settled(0, 'running')
            at = await st.write(journal.event, id, 'log', 'line one')
            two = g.create_task(listen(1, at-1))            # joins before line one is told
            await settled(1, 'line one')
            await st.write(journal.event, id, 'log', 'line two')
            await board.tell(id, {'log'})
            for n in (0, 1): await settled(n, 'line two')
            await st.write(journal.end, id, 'done')
            assert 'event: done' in [part.decode() async for part in board.watch(id)][-1]           # comes and goes before the end is told
            await board.tell(id, {'state'})
            await asyncio.gather(one, two)
        return heard
    for parts in own(go):
        assert [''.join(parts).count(x) for x in ('line one', 'line two', 'event: done')] == [1, 1, 1], parts

def test_as_many_jobs_run_in_processes_as_beside_the_page_and_the_rest_waits(own, monkeypatch):
    from pianola.work import jobs, journal
    for name, value in (('children', {}), ('function', bool), ('afar', None), ('poke', lambda id: None)):
        monkeypatch.setattr(jobs, name, value)
    monkeypatch.setattr(jobs.subprocess, 'Popen', lambda *a, **k: types.SimpleNamespace(poll=lambda: None))
    async def go(st):
        def made(tx):
            for _ in range(7): journal.start(tx, 'x.f', {}, title='T', plugin='x', runs='process')
        async def states(): return [j['state'] for j in await st.q('select state from job order by id')]
        await st.write(made)
        for _ in range(2): await jobs.round_(10**9)
        before = await states()
        await st.write(lambda tx: tx.run("update job set state='ending', text='done' where id<3"))
        for _ in range(2): await jobs.round_(10**9)
        return before, await states()
    before, after = own(go)
    assert before == ['running']*4 + ['waiting']*3 and after == ['done']*2 + ['running']*4 + ['waiting']

def ends(tmp_path, monkeypatch, f, then, over=lambda tx, j: None):
    "The job as it is after f(job) was run in a thread, and then(store, task, id) was awaited; over(tx, job): what its plugin does at the end"
    from pianola.work import jobs, journal
    for name, value in (('function', lambda name: f), ('poke', lambda id: None), ('handles', {}), ('afar', None),
                        ('plugins', {'x': types.SimpleNamespace(kinds=[types.SimpleNamespace(job_over=over)])})):
        monkeypatch.setattr(jobs, name, value)
    async def go():
        async with opened(tmp_path, monkeypatch, jobs) as st:
            id = await st.write(lambda tx: journal.start(tx, 'x.f', {}, title='T', plugin='x'))
            jobs.handles[id] = None
            task = asyncio.create_task(jobs.run(id))
            await then(st, task, id)
            await task
            return await st.read(journal.job, id)
    return beside(go())

def test_a_job_that_ends_while_the_database_cannot_be_written_is_over_when_it_can(tmp_path, monkeypatch):
    begun, go = threading.Event(), threading.Event()
    def f(job):
        begun.set()
        assert go.wait(30)
        return 5
    async def then(st, task, id):
        assert await asyncio.to_thread(begun.wait, 30)
        with locked(tmp_path) as seen:
            go.set()
            assert await asyncio.to_thread(seen.wait, 30)
    j = ends(tmp_path, monkeypatch, f, then)
    assert (j['state'], j['result']) == ('done', 5)

def test_a_job_whose_end_breaks_what_its_plugin_does_then_has_failed(tmp_path, monkeypatch):
    async def then(st, task, id): pass
    def over(tx, j):
        if j['state'] == 'done': raise KeyError('of the plugin')
    j = ends(tmp_path, monkeypatch, lambda job: 5, then, over)
    assert j['state'] == 'failed' and j['result'] is None and j['text'] == "its end could not be kept: KeyError: 'of the plugin'"
    deep = []
    for _ in range(100_000): deep = [deep]
    (tmp_path/'deep').mkdir()
    assert 'cannot be kept as JSON' in ends(tmp_path/'deep', monkeypatch, lambda job: deep, then)['text']

def test_a_job_whose_end_finds_no_room_is_stopped_at_once(tmp_path, monkeypatch):
    from pianola.work import jobs, journal
    async def then(st, task, id):
        while not (jobs.handles.get(id) and jobs.handles[id].ended): await asyncio.sleep(.01)       # noqa: ASYNC110  nobody says so
        await asyncio.sleep(.1)                # it was tried
        assert (await st.read(journal.job, id))['state'] == 'running'
        await st.write(jobs.cancel, id)
        assert (await st.read(journal.job, id))['state'] == 'cancelled'
        await st.read(lambda tx: tx.value('pragma max_page_count=100000'))
    full = []
    def f(job):
        fill = lambda tx: full.append(tx.value(f"pragma max_page_count={tx.value('pragma page_count')+9}"))
        asyncio.run_coroutine_threadsafe(jobs.store.read(fill),
                                         jobs.store.loop).result()
        return 'x'*900_000
    j = ends(tmp_path, monkeypatch, f, then)
    assert full and j['state'] == 'cancelled' and j['result'] is None, 'the end that is kept in the end is none any more'

def test_a_process_writes_nothing_outside_a_transaction(own, monkeypatch):
    import apsw
    from pianola import store
    from pianola.work import worker
    async def nothing(st): pass
    own(nothing)
    real, tries, ran = store.connected, [], []
    monkeypatch.setattr(store, 'connected', lambda c: (real(c), c.set_busy_timeout(1)))
    monkeypatch.setattr(worker, 'time', types.SimpleNamespace(sleep=tries.append))
    _, _, write = worker._own_book(1, own.config)
    other = apsw.Connection(str(own.config.data/'pianola.db'))
    other.execute('begin immediate')
    with pytest.raises(apsw.BusyError): write(ran.append)
    other.execute('rollback')
    assert len(tries) == 50 and not ran
    write(ran.append)
    assert len(ran) == 1

def test_a_process_whose_end_finds_a_full_disk_says_it_again(own):
    (own.config.plugins/'quick.py').write_text(
        '"Quick: x."\nfrom pianola import action\n@action(runs="process")\ndef five(job):\n    "Five."\n    return 5\n')
    from pianola.work import journal
    async def made(st): await st.write(lambda tx: journal.start(tx, 'quick.five', {}, title='T', plugin='quick', runs='process'))
    own(made)
    code = 'import apsw, sys\nfrom pianola.work import journal, worker\nreal, n = journal.Book.end, []\ndef end(self, *a):\n    n.append(1)\n    if len(n) == 1: raise apsw.FullError("the disk is full")\n    return real(self, *a)\njournal.Book.end, worker.again_s = end, .01\nworker.work(sys.argv[1:])'
    p = subprocess.run([sys.executable, '-c', code, '1', '--data', str(own.config.data), '--plugins', str(own.config.plugins)], cwd=root,
                       stderr=subprocess.DEVNULL, timeout=90)
    with contextlib.closing(sqlite3.connect(own.config.data/'pianola.db')) as db:
        assert p.returncode == 0 and db.execute('select state, text, result from job').fetchone() == ('ending', 'done\n', '5')

def test_a_sign_of_life_that_fails_is_not_the_last(own):
    from pianola.work import journal
    (own.config.plugins/'quiet.py').write_text(
        '"Quiet: waits."\nimport time\nfrom pianola import action\n@action(runs="process")\ndef wait(job):\n    "Waits."\n    while '
        'True:\n        job.check()\n        time.sleep(.02)\n')
    async def made(st): await st.write(lambda tx: journal.start(tx, 'quiet.wait', {}, title='T', plugin='quiet', runs='process'))
    own(made)
    code = 'import sys\nfrom pianola.work import journal, worker\nreal, n = journal.Book.alive, []\ndef alive(self):\n    n.append(1)\n    if len(n) == 1: raise OSError("the disk is full")\n    return real(self)\njournal.Book.alive = alive\nworker.work(sys.argv[1:])'
    p = subprocess.Popen([sys.executable, '-c', code, '1', '--data', str(own.config.data), '--plugins', str(own.config.plugins)], cwd=root,
                         stderr=subprocess.DEVNULL)
    try:
        with contextlib.closing(sqlite3.connect(own.config.data/'pianola.db', isolation_level=None)) as db:
            until = time.monotonic() + 60
            while db.execute('select state from job').fetchone() != ('running',): assert time.monotonic() < until; time.sleep(.05)
            db.execute('update job set cancel=1')
            assert p.wait(60) == 0 and db.execute('select state, text from job').fetchone() == ('ending', f'cancelled\n{journal.stopped}')
    finally: p.kill()

def test_a_job_that_ends_with_a_timeout_of_its_own_is_over_in_postgresql_too():
    from pianola.work import fleet
    async def here(key): raise TimeoutError('the database did not answer')
    async def go():
        said, job = [], {'over': False, 'far': 'f', 'runs': 'thread'}
        f = types.SimpleNamespace(here=here, loop=asyncio.get_running_loop(), ending=threading.Event(),
                                  patient=lambda g, *a: job if g is fleet.look else said.append((g, *a)))
        try: await asyncio.wait_for(asyncio.to_thread(fleet.Fleet._run, f, 'k', 'f'), 10)
        finally: f.ending.set()
        with pytest.raises(fleet.Left): await asyncio.to_thread(fleet.Fleet._run, f, 'k', 'f')       # the app ends: nobody says that it failed
        return said == [(fleet.end, 'k', 'failed', None, 'TimeoutError: the database did not answer')]
    assert beside(go())

# What only PostgreSQL can

def test_two_servers_share_workers_elsewhere_and_a_dead_worker_costs_nothing_that_was_kept(postgres, app, works, tmp_path):
    (tmp_path/'p/mirror.py').write_text("""'Mirror: turns a file round.'
from pianola import Flow, File
flow = Flow()
class Settings:
    some: int = 1
@flow.step(runs='process')
def turn(job, file: File): return {'all': file.read_bytes()[::-1], 'some': Settings.some}
""")
    url = postgres.url()
    one, two = [app(ready=False, data=d, PIANOLA_JOBS=url, PIANOLA_WORKERS='elsewhere') for d in ('one', 'two')]
    for s in (one, two):
        s.jobs = url
        s.until(lambda s=s: s.get('/api/health')[1]['jobs']['ready'])
    one.hold(100, 50).touch()
    a, b = one.begin('heavy', n=100), two.begin('heavy', n=3)
    time.sleep(.7)
    assert one.job(a)['state'] == two.job(b)['state'] == 'waiting', 'nobody is there to do it'
    first, second = works(one, 'w1'), works(one, 'w2')
    file = one.ask('POST', '/api/files?name=x.bin', data := os.urandom(30_000))[1]['file']
    assert one.post('/api/settings/mirror', {'some': 7})[0] == 200
    run = one.act('mirror.start')['result']['run']
    one.act('mirror.run', run=run, step='turn', values={'file': file})
    assert two.over(b)['state'] == 'done' and len(two.get('/api/jobs')[1]) == 1
    one.until(lambda: one.job(a)['done'] and one.job(a)['done'] > 5)
    if os.name == 'posix': os.kill(int((tmp_path/'out.pid.100').read_text()), 9)
    for w in (first, second): w.kill()
    one.hold(100, 50).unlink()
    before = one.job(a)['done']
    works(one, 'w3')
    assert one.over(a)['state'] == 'done' and one.job(a)['attempt'] >= 2
    done = [x for x in one.did() if x.startswith('heavy')]
    assert {f'heavy {i}' for i in range(100)} == set(done) and len(done) <= 100 + 3 + 2, (before, done)
    answer = one.until(lambda: (x := one.act('mirror.show', run=run)['result']['steps'][0])['state'] == 'done' and x)
    assert '7' in json.dumps(answer['result'])
    kept = [p.read_bytes() for p in (tmp_path/'one/files').rglob('*') if p.is_file()]
    assert data in kept and data[::-1] in kept, ('the file went there and its answer came back', answer)
    import psycopg
    with psycopg.connect(url) as db:
        one.until(lambda: db.execute('select count(*) from pianola.job').fetchone() == db.execute(
            'select count(*) from pianola.event').fetchone() == (0,))

@inside
def test_while_postgresql_is_away_nothing_is_lost_and_the_page_says_it(app, postgres):
    s = app()
    (s.data.parent/'p/board.py').write_text(
        '"Board: what runs."\nfrom pianola import Page, job_list\npage = Page()\n@page\nasync def index(): return await job_list()\n')
    ids = {name: s.begin(name, n=80, pause=.02) for name in ('count', 'slow', 'heavy')}
    s.until(lambda: all((s.job(i)['done'] or 0) > 5 for i in ids.values()))
    postgres.stop()
    try:
        said = s.until(lambda: not (x := s.get('/api/health')[1])['jobs']['ready'] and x)
        assert said['status'] == 'ok' and 'does not answer' in said['jobs']['error'] and '127.0.0.1' in said['jobs']['error'], said
        ids['later'] = s.begin('count', n=3)
        assert 'does not answer' in s.until(lambda: (x := s.get('/board')) and x[0] == 200 and x[1])
        s.kill()                                # and then Pianola too
        s = app(ready=False)
        assert not s.get('/api/health')[1]['jobs']['ready'] and s.job(ids['later'])['state'] == 'waiting'
    finally: postgres.start()
    for id in ids.values(): assert s.over(id)['state'] == 'done'
    did = s.did()
    for name in ('slow', 'heavy'):
        assert {f'{name} {i}' for i in range(80)} == {x for x in did if x.startswith(name)} and len([x for x in did if x.startswith(name)]) <= 83

@inside
def test_what_was_given_away_can_be_taken_back_without_postgresql(app):
    s = app(PIANOLA_WORKERS='elsewhere')
    id = s.begin('heavy', n=4)
    import psycopg
    with psycopg.connect(s.jobs, autocommit=True) as db: s.until(lambda: db.execute('select count(*) from pianola.job').fetchone() == (1,))
    s.stop()
    s = app(ready=False, PIANOLA_JOBS='')
    assert 'PostgreSQL has it' in s.job(id)['text'] and s.job(id)['state'] == 'waiting'
    s.post(f'/api/jobs/{id}/cancel')
    assert s.over(id)['state'] == 'cancelled'
    s.act('jobs.retry', id=id)
    assert s.over(id)['state'] == 'done'

def test_without_the_extra_it_starts_and_says_what_to_install(app, tmp_path):
    (tmp_path/'hide').mkdir()
    (tmp_path/'hide/sitecustomize.py').write_text("""import sys
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = classmethod(lambda c, name, *a, **kw: None if name.partition('.')[0] in ('dbos', 'psycopg') else found(name, *a, **kw))
""")
    s = app(ready=False, PIANOLA_JOBS='postgresql://me:hush@127.0.0.1:9/x', PYTHONPATH=str(tmp_path/'hide'))
    said = s.get('/api/health')[1]
    assert (said['status'] == 'ok' and not said['jobs']['ready'] and 'dbos' in said['jobs']['error'] and 'start.py' in said['jobs']['error']
            and 'hush' not in json.dumps(said) + ''.join(s.lines))
    assert s.job(s.begin('count'))['state'] == 'waiting'
    r = subprocess.run([sys.executable, '-m', 'pianola', 'work'], cwd=root, env={**os.environ, 'PIANOLA_JOBS': ''}, capture_output=True, text=True)
    assert r.returncode == 2 and 'PIANOLA_JOBS must name' in r.stderr
    for wrong in ('mysql://me:hush@h/x', 'postgresql://me:hu#sh@h/x', 'postgresql://me:hush@h'):
        r = subprocess.run([sys.executable, str(root/'server.py')], env={**os.environ, 'PIANOLA_JOBS': wrong}, capture_output=True, text=True)
        assert r.returncode == 2 and 'PIANOLA_JOBS must be' in r.stderr and 'hu' not in r.stderr.replace('#', ''), r.stderr

def test_of_two_who_think_a_job_is_theirs_one_writes(postgres):
    from pianola.work import fleet
    line = fleet.Line(postgres.url())
    try:
        line(fleet.prepare)
        line(lambda c: c.execute(
            "insert into pianola.job(key,home,number,far,title,plugin,name,args,runs,attempt,code,folder) values "
            "('h.1','h',1,'h.1.1','t','p','p.f','{}','process',0,'','')"))
        first, second = fleet.Book(line, 'h.1', 'first'), fleet.Book(line, 'h.1', 'second')
        assert line(fleet.claim, 'h.1', 'first', 'a')['attempt'] == 1 and line(fleet.claim, 'h.1', 'second', 'a') is None, 'the first lives'
        first.keep('item:1', {'x': 'ä\0'})
        first.keep('item:1', 'something else')
        line(lambda c: c.execute("update pianola.job set lease=now()-interval '1 s'"))            # no sign of life
        assert line(fleet.claim, 'h.1', 'second', 'b')['attempt'] == 2
        assert second.unit('item:1') == (True, {'x': 'ä\0'}) and first.alive() and not second.alive()
        for word in (lambda: first.keep('item:2'), lambda: first.end('done'), lambda: first.unit('item:1')):
            with pytest.raises(fleet.Lost): word()
        second.end('done', 5)
        assert [e['kind'] for e in line(lambda c: c.execute('select kind from pianola.event order by id').fetchall())] == ['begin', 'unit',
            'stale', 'begin', 'end'], 'each once, in order'
    finally: line.close()

def test_both_books_have_the_same_words():
    import inspect
    from pianola.work import fleet, journal
    words = lambda c: {n: [p.name for p in inspect.signature(f).parameters.values()] for n, f in vars(c).items() if callable(f)
                       and not n.startswith('_')}
    assert words(journal.Book) == words(fleet.Book)

def test_a_schedule_begins_what_it_says(app):
    s = app()
    assert s.post('/api/actions/schedule.add', {'action': 'work.slow', 'every': 'sometimes'})[0] == 400
    id = s.act('schedule.add', action='work.count', every='every 1 minutes', args={'n': 2})['result']['id']
    s.kill()
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db, db:
        db.execute('update schedule set next_at=? where id=?', (time.time()-500, id))
    s = app()                                       # missed while it was off: done once
    s.until(lambda: [x for x in s.did() if x == 'count 1'])
    time.sleep(.5)
    assert s.did().count('count 0') == 1 and len([j for j in s.get('/api/jobs')[1]]) == 1
