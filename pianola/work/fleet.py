"""Jobs on more than one machine: the second implementation of what `journal` does in the app's
SQLite, on DBOS with PostgreSQL (the extra `postgres`; `PIANOLA_JOBS=postgresql://…` switches it on).

    server ─ hand() → PostgreSQL → DBOS queue → a server, or `python -m pianola work` anywhere
    → units, events → PostgreSQL ─ hear() → the server's SQLite → page, SSE, roll, flow

What is where. The job's row, as the page shows it, stays in the server's SQLite: a click, its job and
its line of the roll are one transaction, and so are the end of a job and the flow that goes on with it;
two databases cannot do that. PostgreSQL has what is handed out and open: the order, its units (committed
once) and an outbox of events, taken over into SQLite in order, exactly once, and then removed.

DBOS does the queues (one that all serve, for `runs='process'`; one a server, for coroutines and threads,
which speak with their app), their limits, claiming, a restarted server's recovery, cancelling what waits.
Built here beside DBOS 3.4, and why:
- Units by name. DBOS counts its steps; after an edit it finds another name at a number and ends with
DBOSUnexpectedStepError, or, when it versions the code, leaves the work PENDING for ever. So what DBOS runs is
  one workflow that never changes, of one fixed version, and the function's own steps and items are rows
  here: changed code is 'stale', never stuck. For the same reason fork copies units, not a count of steps.
- Takeover. Without its Conductor, a service, DBOS recovers an executor's work only when an executor
of that name starts again. Here a running job has a lease, and whoever serves looks for what ran out.
- A fence. After a pause or a cut network two may run one job; DBOS notices when the second one writes
a step. Here each write names its owner, and who is no longer the owner is stopped at its first word.
- Events in order. A DBOS stream is read by an offset for each workflow; the
outbox gives one server all its jobs in one query, and waits by LISTEN."""
import asyncio, contextlib, functools, json, logging, os, re, secrets, signal, socket, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor, wait as settled
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from loguru import logger as log
from .. import contain
from ..asking.files import keep_file
from ..store import store
from . import journal
from .journal import Stopped

most = 4                    # jobs of a queue that one server or worker runs at a time
queue = 'pianola'           # the queue that everybody serves
polls = .5                  # seconds between two looks of DBOS into a queue
crashes = 5                 # processes of a job that may end one after the other with nothing kept
patience = 8                # seconds after which a job that was taken and has no sign of life is given to somebody else

schema = """
create schema if not exists pianola;
create table if not exists pianola.job(key text primary key, home text not null, number bigint not null, far text not null, title text not null, plugin text not null, name text not null, args text not null, runs text not null,
  timeout float8, attempt int not null, code text not null, folder text not null, settings text not null default '{}', owner text, lease timestamptz, cancel boolean not null default false, over boolean not null default false);
create table if not exists pianola.unit(key text not null references pianola.job on delete cascade, name text not null, value text not null, n bigserial, primary key(key, name));
create table if not exists pianola.event(id bigserial primary key, home text not null, key text not null, far text not null, number bigint not null, at float8 not null, kind text not null, text text not null, data text);
create index if not exists event_home on pianola.event(home, id);
create table if not exists pianola.file(key text not null references pianola.job on delete cascade, hash text not null, data bytea not null, primary key(key, hash));
"""

class Lost(Stopped): "Somebody else has the job now"

def where(url):
    "The database of a URL, without user and password"
    u = urlsplit(url)
    return f"PostgreSQL at {u.hostname or 'this machine'}{f':{u.port}' if u.port else ''}{u.path}"

def blame(url, e):
    "What a database said, in a line, and never with the password"
    said, hidden = (str(e).strip().splitlines() or [type(e).__name__])[0], urlsplit(url).password
    for x in {hidden, unquote(hidden or '')} - {'', None}: said = said.replace(x, '…')
    return said

def lacking():
    "What is not installed, in a sentence; '' when all is here. Whoever has no PIANOLA_JOBS never loads it."
    from importlib.util import find_spec
    if find_spec('psycopg') and find_spec('dbos'): return ''
    return ("PIANOLA_JOBS needs the packages dbos and psycopg, which are not installed: "
            "start with `python3 start.py`, which brings them, or install the extra `postgres`")

# the database

class Line:
    """A connection, for one at a time: line(f, …) is f(cursor, …) in one transaction. A patient one
    waits until a lost database is back; what it does may then be done twice, and has to stand that."""
    def __init__(self, url, patient=False):
        global psycopg, dict_row
        import psycopg
        from psycopg.rows import dict_row
        self.url, self.patient, self.conn, self.turn, self.closed = url, patient, None, threading.RLock(), threading.Event()
    def __call__(self, f, *args):
        with self.turn:
            while True:
                try:
                    if not self.conn or self.conn.closed:
                        self.conn = psycopg.connect(self.url, autocommit=True, connect_timeout=5, row_factory=dict_row, application_name='pianola')
                    with self.conn.transaction(): return f(self.conn.cursor(), *args)
                except psycopg.OperationalError as e:
                    if self.conn: self.conn.close()
                    if not self.patient or self.closed.wait(1): raise
                    log.debug(f'{where(self.url)}: {blame(self.url, e)}')
    def close(self):
        self.closed.set()
        if self.conn: self.conn.close()

def prepare(c):
    "Make the tables; several may try at once"
    c.execute("select pg_advisory_xact_lock(hashtext('pianola'))")
    c.execute(schema)

def event(c, key, kind, text='', data=None):
    "A line of the outbox, and word to the server whose job it is"
    c.execute("with e as (insert into pianola.event(home,key,far,number,at,kind,text,data) "
              "select home,key,far,number,%s,%s,%s,%s from pianola.job where key=%s returning home) "
              "select pg_notify('pianola_'||home, '') from e",
              (time.time(), kind, text.replace('\0', '\ufffd'), json.dumps(data) if data is not None else None, key))

def look(c, key): return c.execute('select *, owner is null or lease < now() as free from pianola.job where key=%s for update', (key,)).fetchone()

def claim(c, key, owner, code, force=False):
    """Take a job: it, with the number of this attempt; None when it is over, was
    stopped, or somebody alive has it. `force`: who had it is known to be dead."""
    j = look(c, key)
    if not j or j['over'] or not (j['free'] or force): return None
    if j['cancel']: return end(c, key, 'cancelled')
    c.execute('update pianola.job set owner=%s, lease=now()+%s*interval \'1 s\', attempt=attempt+1, code=%s where key=%s',
              (owner, journal.lease, code, key))
    if code and j['code'] and code != j['code'] and c.execute('select 1 from pianola.unit where key=%s limit 1', (key,)).fetchone():
        event(c, key, 'stale', journal.stale)
    event(c, key, 'begin', data=[j['attempt']+1, code])
    return {**j, 'id': j['number'], 'attempt': j['attempt']+1, 'args': json.loads(j['args'])}

def end(c, key, state, result=None, error=None, text=''):
    c.execute('update pianola.job set over=true, owner=null where key=%s', (key,))
    event(c, key, 'end', data=[state, result, error, text])

class Book:
    """What a running job keeps, the words of `journal.Book`, in PostgreSQL. Each is
    one transaction that first asks whether the job is still ours; if not, it is Lost."""
    def __init__(self, line, key, owner, ship=False): self.line, self.key, self.owner, self.ship = line, key, owner, ship
    def _ours(self, f):
        def whole(c):
            if not c.execute('select 1 from pianola.job where key=%s and owner=%s and not over for update', (self.key, self.owner)).fetchone():
                raise Lost
            return f(c)
        return self.line(whole)
    def unit(self, name):
        which = self.key, name.replace('\0', '\ufffd')
        row = self._ours(lambda c: c.execute('select value from pianola.unit where key=%s and name=%s', which).fetchone())
        return bool(row), json.loads(row['value']) if row else None
    def keep(self, name, value=None): self._keep(name, value, 'unit')
    def partial(self, name, value): self._keep(name, value, 'partial')
    def _keep(self, name, value, kind):
        name = name.replace('\0', '\ufffd')          # PostgreSQL has no such character
        def kept(c):
            new = c.execute('insert into pianola.unit(key,name,value) values (%s,%s,%s) on conflict do nothing returning 1',
                            (self.key, name, json.dumps(value))).fetchone()
            if not new: return
            if self.ship: send(c, self.key, value)
            event(c, self.key, kind, name, value)
        self._ours(kept)
    def units(self, prefix):
        units = 'select value from pianola.unit where key=%s and starts_with(name,%s) order by n'
        return self._ours(lambda c: [json.loads(r['value']) for r in c.execute(units, (self.key, prefix))])
    def event(self, kind, text): self._ours(lambda c: event(c, self.key, kind, text))
    def note(self, what): self.event('note', what)
    def progress(self, done, total, text): self._ours(lambda c: event(c, self.key, 'progress', text, [done, total]))
    def alive(self):
        "A sign of life; True when it is asked to stop, or somebody else has it"
        renew = "update pianola.job set lease=now()+%s*interval '1 s' where key=%s and owner=%s and not over returning cancel"
        row = self.line(lambda c: c.execute(renew, (journal.lease, self.key, self.owner)).fetchone())
        return not row or row['cancel']
    def end(self, state, result=None, error=None, text=''):
        def over(c):
            if self.ship: send(c, self.key, result)
            end(c, self.key, state, result, error, text)
        self._ours(over)

class Later:
    "A Book for coroutines: the same words, to be awaited; in order, and beside the loop"
    def __init__(self, book): self.book, self.pool = book, ThreadPoolExecutor(1, 'book')
    def __getattr__(self, name):
        f = getattr(self.book, name)
        return lambda *args: asyncio.get_running_loop().run_in_executor(self.pool, functools.partial(f, *args))

# files: a result may name some, and their bytes go along where the folder is another one

def files(value):
    "Every file that data of a job names, as (hash, path); the data is ours, what it says is not: only what looks like a hash is looked for"
    if isinstance(value, dict): value = [*value.values()]
    if isinstance(value, list):
        for v in value: yield from files(v)
    elif isinstance(value, str) and re.fullmatch('[0-9a-f]{64}/[^/]{1,150}', value): yield value[:64], store.folder/'files'/value[:2]/value[:64]
def send(c, key, value):
    for hash, path in files(value):
        if path.is_file():
            c.execute('insert into pianola.file(key,hash,data) values (%s,%s,%s) on conflict do nothing', (key, hash, path.read_bytes()))
def fetch(c, key, value):
    "Bring the files that data names and this folder lacks; each is looked at before it counts as what it says"
    for hash, path in files(value):
        if path.is_file() or not (row := c.execute('select data from pianola.file where key=%s and hash=%s', (key, hash)).fetchone()): continue
        if keep_file(bytes(row['data']), 'file').hash != hash: raise ValueError(f'file {hash[:12]} of job {key} is damaged')

def this_folder(): return f'{socket.gethostname()}:{Path(store.folder).resolve()}'

# DBOS

def launch(url, name, queues, run):
    """Start DBOS in this process: it calls run(key, far) in a thread for each job it
    takes from one of these queues; Left, raised in there, leaves the job to a later start"""
    global taken
    from dbos import DBOS
    if not taken:
        logging.getLogger('dbos').addHandler(_Quiet())
        DBOS.workflow(name='job', max_recovery_attempts=None)(_taken)
    taken = run
    try:
        DBOS(config={'name': 'pianola', 'system_database_url': url, 'executor_id': name, 'application_version': '1', 'log_level': 'WARNING',
                     'sys_db_pool_size': 5})
        DBOS.listen_queues(queues)
        DBOS.launch()
        for q in {queue, *queues}: DBOS.register_queue(q, worker_concurrency=most, polling_interval_sec=polls)
    except BaseException:
        DBOS.destroy(workflow_completion_timeout_sec=0)
        raise
    return DBOS
taken = None
def _taken(key: str, far: str) -> None: taken(key, far)

class Left(BaseException): "This process ends; the job is begun again by the next one"

class _Quiet(logging.Handler):
    "What DBOS says goes where everything of ours goes"
    def emit(self, r): log.log('DEBUG' if r.levelno < 40 else 'WARNING', f'DBOS: {r.getMessage()}')

def sweep(dbos, line):
    "Give to somebody else what a dead process had: taken from the queue, and without a sign of life"
    pending = dbos.list_workflows(status='PENDING', queue_name=queue, load_input=False, load_output=False)
    there = {w.workflow_id: w.dequeued_at/1000 for w in pending if w.dequeued_at}
    if not there: return
    which = 'select far, lease is null as new, lease > now() as lives from pianola.job where far=any(%s) and not over'
    jobs = {r['far']: r for r in line(lambda c: c.execute(which, ([*there],)).fetchall())}
    for far, t in there.items():
        j = jobs.get(far)
        if not j['lives'] if j and not j['new'] else time.time() - t > patience: dbos.resume_workflow(far, queue_name=queue)

def attend(url, key, far, folder, plugins_folder, ending):
    """A job in a process of its own, looked after until it is over: begun, begun again when it
    crashes, waited for when it outlived who began it, and ended by force when it does not listen"""
    line, n, asked = Line(url, patient=True), 0, 0
    try:
        while True:
            j = line(look, key)
            if not j or j['over'] or j['far'] != far: return
            if not j['free']:
                if ending.wait(.5): raise Left
                continue
            owner, kept = secrets.token_hex(8), line(_kept, key)
            p = begin(key, owner, url, folder, plugins_folder)
            while p.poll() is None:
                if ending.wait(.1): raise Left            # it goes on without us
                if time.monotonic() - asked < 2: continue
                asked = time.monotonic()
                j = line(look, key)
                if j and j['cancel'] and j['owner'] == owner and not j['free']: stop_by_force(p, j, line, key, owner, ending)
            j = line(look, key)
            if not j or j['over'] or j['far'] != far: return
            if not p.returncode and j['owner'] != owner: continue                 # somebody else was faster
            n = n + 1 if line(_kept, key) == kept else 0
            line(lambda c, o=owner: c.execute('update pianola.job set lease=now() where key=%s and owner=%s', (key, o)))
            if n >= crashes: return line(end, key, 'failed', None, *gave_up(n, p.returncode))
            if n and ending.wait(.5*n): raise Left
    finally: line.close()
def _kept(c, key): return c.execute('select count(*) as n from pianola.unit where key=%s', (key,)).fetchone()['n']

def gave_up(n, code):
    "(error, text) of a job whose processes ended so often, the last with this code"
    how = f'signal {-code}' if code < 0 else f'code {code}'
    return f'its process ended {n} times with nothing done', f'its process ended {n} times with nothing done, last with {how}'

def begin(key, owner, url, folder, plugins_folder):
    """The process of a job, in a session of its own: it goes on when who began it
    does not. The address goes by the environment, where other users cannot read it."""
    more = {'start_new_session': True} if os.name == 'posix' else {'creationflags': subprocess.CREATE_NEW_PROCESS_GROUP}
    command = [sys.executable, '-m', 'pianola', 'work', key, '--as', owner, '--data', str(Path(folder).absolute()),
               '--plugins', str(Path(plugins_folder).absolute())]
    return subprocess.Popen(command, env={**os.environ, 'PIANOLA_JOBS': url}, cwd=Path(__file__).parents[2],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)

def stop_by_force(p, j, line, key, owner, ending):
    "Asked already; told, then made"
    for wait, sign in ((2, signal.SIGTERM), (3, getattr(signal, 'SIGKILL', signal.SIGTERM))):
        with contextlib.suppress(subprocess.TimeoutExpired): return p.wait(wait)
        with contextlib.suppress(OSError): os.killpg(p.pid, sign) if os.name == 'posix' else p.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            p.wait(.5)
            break
    def forced(c):
        if (now := look(c, key)) and now['owner'] == owner and not now['over']: end(c, key, 'cancelled', None, None, 'stopped by force')
    line(forced)

# a server

class Fleet:
    """A server's side: `hand` gives a job away, `cancel` asks for its end, and what comes back is heard in order.

    here(key) is a coroutine that runs a job in this process; hear(events) keeps events in SQLite and
    gives the numbers of those it kept; again(fars) is told what PostgreSQL has when it answers again;
    changed() is called when `wrong` is another."""
    def __init__(self, url, home, config, here, hear, again, changed):
        self.url, self.home, self.config, self.here, self.hear, self.again, self.changed = url, home, config, here, hear, again, changed
        self.wrong, self.dbos, self.ending, self.loop = f'{where(url)} is asked', None, threading.Event(), asyncio.get_running_loop()
        self.line, self.patient, self.lines = None, None, []
    @property
    def ready(self): return not self.wrong
    def state(self):
        "For health"
        return {'where': where(self.url), 'ready': self.ready} | ({'error': self.wrong} if self.wrong else {})
    def say(self, wrong):
        if wrong == self.wrong: return
        self.wrong = wrong
        if wrong: log.warning(wrong)
        else: log.info(f'Jobs are at {where(self.url)}')
        if not self.loop.is_closed(): self.loop.call_soon_threadsafe(self.changed)
    def open(self):
        if lack := lacking(): return self.say(lack)
        self.line, self.patient = Line(self.url), Line(self.url, patient=True)
        for f in (self._follow, self._tidy): threading.Thread(target=f, name=f'fleet{f.__name__}', daemon=True).start()
    def book(self, key):
        "What a job that runs in this process writes"
        self.lines = [*(x for x in self.lines if not x.closed.is_set()), line := Line(self.url, patient=True)]
        return Book(line, key, secrets.token_hex(8))

    def key(self, number): return f'{self.home}.{number}'
    def hand(self, j, units):
        "Give a job away, with what was done of it before; again and again is the same as once"
        key, far = self.key(j['id']), j['far']
        def put(c):
            new = c.execute("""insert into pianola.job(key,home,number,far,title,plugin,name,args,runs,timeout,attempt,code,folder,settings) values (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s) on conflict(key) do update
                set far=excluded.far, args=excluded.args, attempt=excluded.attempt, code=excluded.code, settings=excluded.settings, cancel=false, over=false, owner=null, lease=null where pianola.job.far<>excluded.far returning 1""",
                (key, self.home, j['id'], far, j['title'], j['plugin'], j['name'], j['args'], j['runs'], j['timeout'], j['attempt'],
                 j['code'], this_folder(), j['settings'])).fetchone()
            if not new: return
            for name, value in units:
                c.execute('insert into pianola.unit(key,name,value) values (%s,%s,%s) on conflict do nothing', (key, name, value))
            if j['runs'] == 'process': send(c, key, [json.loads(j['args']), *(json.loads(v) for _, v in units)])
        self.line(put)
        to = {'queue_name': queue if j['runs'] == 'process' else self.home, 'workflow_name': 'job', 'workflow_id': far, 'app_version': '1'}
        self.dbos.enqueue_workflow_with_options(to, key, far)
    def cancel(self, number, far):
        "Ask a job to stop; what has not begun is over at once"
        key = self.key(number)
        def ask(c):
            j = look(c, key)
            if not j or j['over'] or j['far'] != far: return
            c.execute('update pianola.job set cancel=true where key=%s', (key,))
            if j['owner'] is None: end(c, key, 'cancelled')
        self.line(ask)
    def _run(self, key, far):
        "DBOS has taken a job for us"
        j = self.patient(look, key)
        if not j or j['over'] or j['far'] != far: return
        if j['runs'] == 'process': return attend(self.url, key, far, self.config.data, self.config.plugins, self.ending)
        f = asyncio.run_coroutine_threadsafe(self.here(key), self.loop)
        while not self.ending.is_set() and not settled([f], .2).done: pass         # not by f.result(.2): its own TimeoutError looks the same
        if self.ending.is_set(): raise Left
        try: return f.result()
        except Exception as e:
            log.exception('a job could not be run')
            return self.patient(end, key, 'failed', None, contain.told(e))
    def _follow(self):
        "Connect, start DBOS, take over what comes; when the database goes, say so, and connect again"
        def meet(f, *args): return asyncio.run_coroutine_threadsafe(f(*args), self.loop).result()
        while not self.ending.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=5, row_factory=dict_row, application_name='pianola') as c:
                    with c.transaction(): prepare(c)
                    if not self.dbos:
                        self.dbos = launch(self.url, self.home, [self.home, *([queue] if self.config.workers == 'here' else [])], self._run)
                    c.execute(f'listen pianola_{self.home}')
                    meet(self.again, {r['far'] for r in c.execute('select far from pianola.job where home=%s', (self.home,))})
                    self.say('')
                    while not self.ending.is_set(): self._take_over(c, meet)
            except psycopg.OperationalError as e:
                self.say(f'{where(self.url)} does not answer ({blame(self.url, e)}): '
                         f'jobs wait, what is done is kept, and it is asked again every two seconds')
            except Exception as e:
                if self.ending.is_set(): return
                log.opt(exception=True).debug('jobs cannot be followed')
                self.say(f'{where(self.url)} cannot be used ({blame(self.url, e)}): '
                         f'jobs wait, what is done is kept, and it is tried again every two seconds')
            self.ending.wait(2)
    def _take_over(self, c, meet):
        events = c.execute('select * from pianola.event where home=%s order by id limit 500', (self.home,)).fetchall()
        if not events: return [*c.notifies(timeout=1, stop_after=1)]
        for e in events: fetch(c, e['key'], e.update(data=json.loads(e['data'])) or e['data']) if e['data'] else None
        kept = {*meet(self.hear, events)}
        with c.transaction():
            c.execute('delete from pianola.event where id=any(%s)', ([*kept],))
            for e in events:
                if e['kind'] == 'end' and e['id'] in kept: c.execute('delete from pianola.job where key=%s and far=%s and over', (e['key'], e['far']))
        if len(kept) < len(events): self.ending.wait(1)
    def _tidy(self):
        "Find what the dead left; forget what DBOS did more than a day ago"
        last, line = 0, Line(self.url)
        while not self.ending.wait(2):
            if not self.ready: continue
            try:
                sweep(self.dbos, line)
                if time.monotonic() - last > 600:
                    last, before = time.monotonic(), datetime.fromtimestamp(time.time()-86400, UTC).isoformat()
                    if old := [w.workflow_id for w in self.dbos.list_workflows(
                            workflow_id_prefix=f'{self.home}.', status=['SUCCESS', 'ERROR', 'CANCELLED'], completed_before=before,
                            limit=1000, load_input=False, load_output=False)]:
                        self.dbos.delete_workflows(old)
            except Exception as e: log.debug(f'{where(self.url)} could not be tidied: {blame(self.url, e)}')
        line.close()
    def close(self):
        "Let go: what runs here is begun again by the next start, what runs elsewhere goes on"
        self.ending.set()
        for line in (self.line, self.patient, *self.lines): line and line.close()

# a worker

def serve(url, name, data, plugins_folder):
    "`python -m pianola work`: take jobs from the queue until asked to end; what runs then goes on by itself"
    ending, line = threading.Event(), Line(url, patient=True)
    for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, lambda *_: ending.set())
    dbos, said = None, ''
    def run(key, far): attend(url, key, far, data, plugins_folder, ending)
    while not ending.is_set():
        try:
            if not dbos:
                with psycopg.connect(url, connect_timeout=5) as c: prepare(c)
                dbos = launch(url, name, [queue], run)
                print(f'Works for {where(url)}, {most} jobs at a time', flush=True)
            sweep(dbos, line)
            said = ''
        except Exception as e:
            if said != (said := f"{where(url)} does not answer ({blame(url, e)}); asked again every two seconds"): print(said, flush=True)
        ending.wait(2)
    os._exit(0)
