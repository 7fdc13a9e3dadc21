"""What takes a while: work that belongs to the app and not to the tab that asked for it, kept in the journal, so that any tab may watch it, leave, and come back, and a crash costs at most the unit in flight.

    id = jobs.start(tx, 'links.walk', {'url': …}, title='Walk', plugin='links')     # inside a transaction: kept with the click, run after the commit
    def walk(job, url): for page in job.each(pages(url)): …                         # the function: see Handle

A function runs as a coroutine, in a thread, or in a process of its own, which outlives the server."""
import asyncio, hashlib, inspect, itertools, json, os, signal, subprocess, sys, threading, time, traceback
from datetime import datetime, timedelta
from fasthtml.common import Article, Button, Details, Div, Li, Ol, P, Pre, Progress, Small, Strong, Summary
from . import actions, journal, tabs
from .actions import act, action
from .bubble import press
from .journal import over
from .plugins import plugins, _hold as hold
from .store import Refused, Tx, store
from loguru import logger as log

most = 4                # jobs that run in this process at a time
config = None           # set by the server: where processes find the data and the plugins
hooks: dict[str, list] = {}
handles: dict[int, 'Handle'] = {}
wake_up = changed = task = None
closing = False

def on_end(plugin, f):
    "f(tx, job) is called inside the transaction in which a job of this plugin ends"
    hooks.setdefault(plugin, [])
    if f not in hooks[plugin]: hooks[plugin].append(f)

def start(tx, name, args, **kw):
    "A new job (see journal.start); it is run once the transaction is kept"
    id = journal.start(tx, name, args, **kw)
    note(tx, id, 'started')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, id))
    return id

def cancel(tx, id):
    "Ask a job to stop: at once when it waits, else as soon as it looks"
    j = journal.job(tx, id)
    if j['state'] in over: raise Refused(f"job {id} is over: {j['state']}", status=409)
    tx.run('update job set cancel=1 where id=?', id)
    if j['state'] == 'waiting': finish(tx, id, 'cancelled')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(_stop, id))

def retry(tx, id):
    "Run a job that failed or was stopped again; what was committed is not done again"
    j = journal.job(tx, id)
    if j['state'] not in ('failed', 'cancelled'): raise Refused(f"job {id} is {j['state']}", 'wait until it is over', 409)
    tx.run("update job set state='waiting', cancel=0, attempt=0, next_at=null, ended=null, error=null where id=?", id)
    journal.event(tx, id, 'state', 'waiting')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, id))

def finish(tx, id, state, result=None, error=None, text=''):
    "The end of an attempt, with what the plugin wants done in the same transaction"
    j = journal.end(tx, id, state, result, error, text)
    if j['state'] in over:
        for f in hooks.get(j['plugin'], ()): f(tx, j)
        note(tx, id, {'done': 'is done', 'cancelled': 'was stopped'}.get(j['state'], f"failed: {j['text'] or (error or '').splitlines()[-1:] and error.splitlines()[-1]}"))
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, id))
    return j

def note(tx, id, what):
    "The model hears of it at its next turn"
    j = tx.one('select title from job where id=?', id)
    tx.log('note', f'job:{id}', text=f"“{j['title']}” {what}")

# what the function is given

class Stopped(BaseException): "The job was asked to stop"

class Done:
    "Already done; may be awaited all the same"
    def __init__(self, value=None): self.value = value
    def __await__(self):
        return self.value
        yield

class Handle:
    "A running job, as its function sees it. In a coroutine, `step`, `each` and `wait` are awaited; in a thread or process they are plain calls; everything else may be either."
    def __init__(self, j, write, mode):
        self.id, self.attempt, self.title, self.mode, self._write, self._cancel = j['id'], j['attempt'], j['title'], mode, write, threading.Event()
        self._last, self._quarter, self._asleep, self._n = 0.0, 0, None, itertools.count()
    @property
    def cancelled(self): return self._cancel.is_set()
    def check(self):
        "Leave here if the job was asked to stop"
        if self.cancelled: raise Stopped
    def _put(self, f, *args):
        if self.mode != 'async': return Done(self._write(f, *args))
        return asyncio.ensure_future(self._write(f, *args))
    def progress(self, done, total=None, text=''):
        "Say how far it is; at most ten lines a second are kept, the last one always"
        self.check()
        now, quarter = time.monotonic(), int(4*done/total) if total else 0
        if now - self._last < .1 and done != total: return Done()
        self._last = now
        if total and quarter > self._quarter and quarter < 4:
            self._quarter = quarter
            self._put(note, self.id, f'is {25*quarter} % done')
        return self._put(journal.progress, self.id, done, total, str(text)[:500])
    def log(self, text): return self._put(journal.event, self.id, 'log', str(text)[:10_000])
    def partial(self, value):
        "Keep a part of the result; `partials()` gives them all, also those of an earlier life"
        return self._put(_partial, self.id, f'partial:{time.time_ns()}:{next(self._n)}', value)
    def partials(self): return self._write(journal.units, self.id, 'partial:')
    def step(self, name, f, *args):
        "The value of f(*args), done once under this name, however often the job is begun"
        return self._step_later(name, f, args) if self.mode == 'async' else self._step(name, f, args)
    def _step(self, name, f, args):
        self.check()
        done, value = self._write(journal.unit, self.id, f'step:{name}')
        if done: return value
        self._write(journal.keep, self.id, f'step:{name}', value := f(*args))
        return value
    async def _step_later(self, name, f, args):
        self.check()
        done, value = await self._write(journal.unit, self.id, f'step:{name}')
        if done: return value
        value = f(*args)
        if inspect.isawaitable(value): value = await value
        await self._write(journal.keep, self.id, f'step:{name}', value)
        return value
    def each(self, items, key=str):
        "The items that are not done yet, one after the other; each is committed when the next one is asked for"
        return _Each(self, items, key)
    def wait(self, seconds):
        "Sleep; a restart does not begin the wait anew"
        return self._wait_later(seconds) if self.mode == 'async' else self._wait(seconds)
    def _wait(self, seconds):
        until = self._step(f'wait:{next(self._n)}', lambda: time.time() + seconds, ())
        while (left := until - time.time()) > 0:
            self._cancel.wait(left)
            self.check()
    async def _wait_later(self, seconds):
        until = await self._step_later(f'wait:{next(self._n)}', lambda: time.time() + seconds, ())
        await asyncio.sleep(max(0, until - time.time()))

def _partial(tx, id, name, value):
    journal.keep(tx, id, name, value)
    journal.event(tx, id, 'partial', data=value)

class _Each:
    def __init__(self, h, items, key): self.h, self.items, self.key = h, items, key
    def __iter__(self):
        for item in self.items:
            self.h.check()
            name = f'item:{self.key(item)}'
            if self.h._write(journal.unit, self.h.id, name)[0]: continue
            yield item
            self.h._write(journal.keep, self.h.id, name)
    async def __aiter__(self):
        items = self.items if hasattr(self.items, '__aiter__') else _calm(self.items)
        async for item in items:
            self.h.check()
            name = f'item:{self.key(item)}'
            if (await self.h._write(journal.unit, self.h.id, name))[0]: continue
            yield item
            await self.h._write(journal.keep, self.h.id, name)
async def _calm(items):
    for i in items: yield i

# running

def function(name):
    "The function a job names: `plugin.function`"
    plugin, _, path = name.partition('.')
    found = plugins.get(plugin)
    if not found or not found.module: raise Refused(f'there is no plugin {plugin} now', 'put its file back; the job goes on then')
    f = found.module
    for part in path.split('.'): f = getattr(f, part, None)
    if not callable(f): raise Refused(f'{plugin} has no function {path} now')
    return f
def code_of(f):
    "A fingerprint of a function's source"
    try: return hashlib.sha256(inspect.getsource(inspect.unwrap(f)).encode()).hexdigest()[:16]
    except (OSError, TypeError): return ''

def poke(id=None):
    "Something may have to be begun, or drawn"
    if wake_up: wake_up.set()
    if id: hold(tell(id), 'a job could not be drawn')

async def tend():
    "Begin what waits, take over what a dead process left, follow what others write; asleep when there is nothing to do"
    last = await store.read(lambda tx: tx.value('select max(id) from job_event') or 0)
    while True:
        wake_up.clear()
        try: last, pause = await round_(last)
        except Exception:
            log.exception('jobs could not be looked after; once more in a second')
            pause = 1
        try: await asyncio.wait_for(wake_up.wait(), pause)
        except TimeoutError: continue
        await asyncio.sleep(.03)        # what comes in a burst is drawn once

async def round_(last):
    "One look at everything that waits, ends or is due: (the last event seen, seconds until the next look)"
    def look(tx, last=last):
        t = time.time()
        ready = tx.q("select * from job where state='waiting' and (next_at is null or next_at<=?) or state='running' and runs='process' and lease<? order by id", t, t)
        ending = tx.q("select * from job where state='ending'")
        soon = tx.value("select min(next_at) from (select next_at from job where state='waiting' and next_at>? union all select next_at from schedule where active)", t)
        return ready, ending, soon, tx.value("select count(*) from job where state='running' and runs='process'"), tx.q('select id, job, kind from job_event where id>? order by id', last), tx.q('select * from schedule where active and next_at<=?', t)
    ready, ending, soon, far, fresh, due = await store.read(look)
    if fresh: last = fresh[-1]['id']
    for id in {e['job'] for e in fresh}: await tell(id, {e['kind'] for e in fresh if e['job'] == id})
    for j in ending: await store.write(finish, j['id'], j['text'] or 'failed', json.loads(j['result']) if j['result'] else None, j['error'])
    for j in ready:
        if j['id'] in handles: continue
        if j['runs'] == 'process': await asyncio.to_thread(spawn, j['id'])
        elif len(handles) < most:
            handles[j['id']] = None
            hold(run(j['id']), 'a job broke')
    for s in due: await fire(s)
    for id in [id for id, p in children.items() if p.poll() is not None]: del children[id]
    pause = .15 if far or ending or any(j['runs'] == 'process' for j in ready) else max(.05, min(30, soon - time.time())) if soon else 30
    return last, pause

async def run(id):
    "One attempt in this process, as a coroutine or in a thread"
    try:
        j = await store.read(journal.job, id)
        try: f = function(j['name'])
        except Refused as e: return await store.write(finish, id, 'failed', None, e.text, f'{e.text}; {e.hint}')
        mode = 'async' if inspect.iscoroutinefunction(f) else 'thread'
        j = await store.write(journal.begin, id, os.getpid(), code_of(f))
        if not j: return
        write = store.write if mode == 'async' else lambda g, *a: asyncio.run_coroutine_threadsafe(store.write(g, *a), store.loop).result()
        h = handles[id] = Handle(j, write, mode)
        h.task = asyncio.current_task()
        state, result, error, text = 'failed', None, None, ''
        try:
            async with asyncio.timeout(j['timeout']):
                result = await (f(h, **j['args']) if mode == 'async' else asyncio.to_thread(_quiet, f, h, j['args']))
            if isinstance(result, Stopped): raise result
            state = 'done'
        except (asyncio.CancelledError, Stopped):
            if closing: return await asyncio.shield(store.write(lambda tx: tx.run("update job set state='waiting', pid=null, attempt=attempt-1 where id=? and state='running'", id)))
            state, result, text = 'cancelled', None, 'stopped; tried again, it goes on from here'
        except TimeoutError: text = error = f"it took longer than {j['timeout']:g} s"; h._cancel.set()
        except Refused as e: text, error = f'{e.text} {e.hint}'.strip(), e.text
        except Exception as e:
            log.opt(exception=True).debug(f"{j['title']} broke")
            text, error = f'{type(e).__name__}: {e}', traceback.format_exc()
        try: json.dumps(result)
        except (TypeError, ValueError): state, result, text, error = 'failed', None, 'what it returned cannot be kept as JSON', f'it returned a {type(result).__name__}'
        await asyncio.shield(store.write(finish, id, state, result, error, text if state != 'done' else ''))
    finally:
        handles.pop(id, None)
        poke(id)
def _quiet(f, h, args):
    try: return f(h, **args)
    except Stopped as e: return e

def spawn(id):
    "A process of its own, in a session of its own: it goes on when the server does not"
    more = {'start_new_session': True} if os.name == 'posix' else {'creationflags': subprocess.CREATE_NEW_PROCESS_GROUP}
    p = subprocess.Popen([sys.executable, '-m', 'pianola', 'work', str(id), '--data', str(config.data.absolute()), '--plugins', str(config.plugins.absolute())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))), **more)
    children[id] = p            # reaped by `tend`, so that none stays as a ghost
    asyncio.run_coroutine_threadsafe(store.write(lambda tx: tx.run("update job set state='running', lease=? where id=?", time.time()+30, id)), store.loop).result()
children: dict[int, subprocess.Popen] = {}

def _stop(id):
    if h := handles.get(id):
        h._cancel.set()
        if h.mode == 'async': h.task.cancel()
    else: hold(_kill(id), 'a process could not be stopped')
async def _kill(id):
    "Asked first, then told, then made"
    for wait, sign in ((2, signal.SIGTERM), (3, getattr(signal, 'SIGKILL', signal.SIGTERM))):
        await asyncio.sleep(wait)
        j = await store.read(journal.job, id)
        if j['state'] != 'running' or not j['pid'] or j['runs'] != 'process': return
        try: os.killpg(j['pid'], sign) if os.name == 'posix' else os.kill(j['pid'], sign)
        except OSError: break
    await store.write(finish, id, 'cancelled', None, None, 'stopped by force')

def work(argv):
    "`python -m pianola work ID`: one attempt in a process of its own, writing the journal itself"
    import argparse
    from pathlib import Path
    import apsw
    from . import settings
    from .plugins import Plugin, plugin_name
    from .store import _connect
    p = argparse.ArgumentParser()
    p.add_argument('id', type=int)
    p.add_argument('--data', type=Path)
    p.add_argument('--plugins', type=Path)
    a = p.parse_args(argv)
    conn, turn = apsw.Connection(str(a.data/'pianola.db')), threading.Lock()
    _connect(conn)
    store.folder = a.data
    def write(f, *args):
        with turn:
            for _ in range(50):
                try: conn.execute('begin immediate'); break
                except apsw.BusyError: time.sleep(.1)
            tx = Tx(conn)
            try: value = f(tx, *args)
            except BaseException:
                conn.execute('rollback')
                raise
            conn.execute('commit')
            return value
    j = write(journal.job, a.id)
    path = next((f for f in sorted(a.plugins.iterdir()) if plugin_name(f) == j['plugin'] and (f.suffix == '.py' or f.is_dir())), None)
    ending = lambda tx, state, result=None, error=None: tx.run("update job set state='ending', text=?, result=?, error=? where id=? and state='running'", state, json.dumps(result) if result is not None else None, error, a.id)
    try:
        if not path: raise Refused(f"there is no plugin {j['plugin']} now")
        write(settings.learn)
        plugins[j['plugin']] = found = Plugin(path).read()
        if found.error: raise Refused(found.error)
        f = function(j['name'])
        write(lambda tx: tx.run("update job set lease=0 where id=? and state='running'", a.id))
        if not (j := write(journal.begin, a.id, os.getpid(), code_of(f))): return 0
        h = Handle(j, write, 'async' if inspect.iscoroutinefunction(f) else 'process')
        if h.mode == 'async':
            async def later(g, *args): return write(g, *args)
            h._write = later
        def beat():
            while not h._cancel.wait(1):
                if write(journal.alive, a.id): h._cancel.set()
        threading.Thread(target=beat, daemon=True).start()
        if j['timeout']: threading.Timer(j['timeout'], lambda: (write(ending, 'failed', None, f"it took longer than {j['timeout']:g} s"), os._exit(1))).start()
        if h.mode == 'async': result = asyncio.run(f(h, **j['args']))
        else: result = f(h, **j['args'])
        write(ending, 'done', result)
    except Stopped: write(ending, 'cancelled')
    except BaseException as e: write(ending, 'failed', None, e.text if isinstance(e, Refused) else traceback.format_exc())
    os._exit(0)          # threads that the function left do not hold the process

# who watches

async def tell(id, kinds=('state',)):
    "Show where a job is: every bar and button that belongs to it, its log, its card when its state changed (a card that is drawn all the time cannot be clicked), and whoever follows it as a stream"
    try: j, lines, seq = await store.read(lambda tx: (journal.job(tx, id), _lines(tx, id), tx.value('select max(id) from log')))
    except Refused: return
    items = [tabs.item(f'job-{id}', card(j, lines), 'jobs')] if 'state' in kinds else [tabs.item(f'job-lines-{id}', _log(j, lines), only=True)] if {'log', 'stale'} & set(kinds) else []
    tabs.send({'job': journal.now(j), 'put': items, 'gone': []})
    async with changed: changed.notify_all()
def _lines(tx, id): return tx.q("select at, kind, text from job_event where job=? and kind in ('log','stale') order by id desc limit 100", id)[::-1]

async def watch(id, after=0):
    "Server-sent events of a job: first where it is now, then each change (at most ten a second), last an event `done`; `id:` is the number of the event, so that a client that comes back goes on behind the last one it saw"
    await store.read(journal.job, id)
    first = True
    while True:
        def look(tx, after=after): return journal.job(tx, id), tx.q('select * from job_event where job=? and id>? order by id', id, after), tx.value('select max(id) from job_event where job=?', id)
        j, events, last = await store.read(look)
        for e in events if not first or after else []:
            if e['kind'] in ('log', 'partial', 'stale'): yield f"id: {e['id']}\nevent: {e['kind']}\ndata: {json.dumps({'text': e['text'], 'data': json.loads(e['data']) if e['data'] else None}, ensure_ascii=False)}\n\n"
        if first or events:
            yield f"id: {last}\ndata: {json.dumps(journal.now(j), ensure_ascii=False)}\n\n"
        first, after = False, last or after
        if j['state'] in over:
            yield f"id: {last}\nevent: done\ndata: {json.dumps(journal.now(j), ensure_ascii=False)}\n\n"
            return
        try:
            async with changed: await asyncio.wait_for(changed.wait(), 15)
        except TimeoutError: yield ': still here\n\n'
        await asyncio.sleep(.1)

def span(seconds):
    "Seconds as a person says them"
    s = int(seconds)
    return f'{s} s' if s < 90 else f'{s//60} min' if s < 5400 else f'{s/3600:.1f} h'

def where(n):
    "Count, rate and time left in a few words"
    done = f"{n['done']:,} of {n['total']:,}" if n['total'] else f"{n['done']:,}" if n['done'] else ''
    rate = (f"{n['rate']:.0f}/s" if n['rate'] >= 2 else f"{n['rate']*60:.0f}/min") if n['rate'] and n['state'] == 'running' else ''
    return ' · '.join(x for x in (done, rate, f"{span(n['left'])} left" if n['left'] else '') if x)

def card(j, lines=()):
    "One job: bar, count, log, and what can be done with it"
    n = journal.now(j)
    words = {'waiting': 'waits', 'running': 'runs', 'ending': 'ends', 'done': 'done', 'failed': 'failed', 'cancelled': 'stopped'}
    ways = [press('Stop', 'jobs.cancel', {'id': j['id']})] if j['state'] in ('waiting', 'running') else [press('Try again', 'jobs.retry', {'id': j['id']}, 'go')] if j['state'] in ('failed', 'cancelled') else []
    return Article(Div(Strong(j['title']), Small(words.get(j['state'], j['state']), cls='state'), cls='head'),
                   Div(Progress(value=n['done'] if n['total'] else None, max=n['total'] or None, aria_label=j['title']), Small(' · '.join(x for x in (j['text'], where(n)) if x), cls='text'), data_job=j['id']) if j['state'] == 'running' else
                   Small(' · '.join(x for x in (j['text'], where(n)) if x), cls='text'), Details(Summary('Log'), _log(j, lines), id=f"job-log-{j['id']}") if lines or j['error'] or j['state'] == 'running' else None, Div(*ways, cls='ways') if ways else None,
                   id=f"job-{j['id']}", data_pos=-j['id'], data_state=j['state'], cls=f"card job {j['state']}", aria_busy='true' if j['state'] == 'running' else None)

def _log(j, lines): return Pre('\n'.join([f"{time.strftime('%H:%M:%S', time.localtime(e['at']))}  {e['text']}" for e in lines] + ([j['error']] if j['error'] and j['state'] == 'failed' else [])), id=f"job-lines-{j['id']}")

def bar(tx, id):
    "A job's progress for any page: kept up to date in every tab"
    n = journal.now(journal.job(tx, id))
    return Div(Progress(value=n['done'] if n['total'] else None, max=n['total'] or None), Small(' · '.join(x for x in (n['text'], where(n)) if x), cls='text'), cls='job', data_job=id)

def button(tx, label, name, args=None):
    "A button that presses a key which is a job: locked in every tab while such a job runs"
    busy = bool(tx.value("select 1 from job where name=? and state in ('waiting','running')", name))
    return Button(label, type='button', hx_post=f'/api/actions/{name}', hx_swap='none', hx_vals=tabs.dumps(args or {}), data_presses=name, aria_busy='true' if busy else None, disabled=busy)

def listing(tx, limit=100):
    "What runs, waits and failed, newest first, and what is scheduled"
    found = [journal.decode(j) for j in tx.q("select * from job order by (state in ('waiting','running')) desc, id desc limit ?", limit)]
    plans = tx.q('select * from schedule where active order by next_at')
    when = lambda t: time.strftime('%a %d %b %H:%M', time.localtime(t))
    return Div(Ol(*[Li(Strong(s['title']), ' ', Small(f"{s['every']}, next {when(s['next_at'])}"), ' ', press('Remove', 'schedule.remove', {'id': s['id']})) for s in plans], cls='plans') if plans else None,
            Div(*[card(j, _lines(tx, j['id'])) for j in found], id='jobs', cls='jobs'), P('Nothing has run yet. Long work of any plugin is listed here, with its log.', cls='empty'))

async def job_list(limit=100):
    "Everything that runs, waits and failed, for a page"
    return await store.read(listing, limit)
async def job_bar(id):
    "The progress of one job, for a page"
    return await store.read(bar, id)
async def job_button(label, name, args=None):
    "A button that begins a job, locked while one runs"
    return await store.read(button, label, name, args)

@action(name='jobs.cancel', plugin='app', title='Stop a job', say=lambda a, r, c: f'Asked “{r}” to stop')
def cancel_(tx, id: int):
    "Stop a job; tried again, it goes on from what was committed."
    cancel(tx, id)
    return tx.value('select title from job where id=?', id)
@action(name='jobs.retry', plugin='app', title='Try a job again', say=lambda a, r, c: f'Began “{r}” again')
def retry_(tx, id: int):
    "Run a job that failed or was stopped again, from where it was."
    retry(tx, id)
    return tx.value('select title from job where id=?', id)

# actions that are jobs

def _start_action(tx, name, args, more):
    a = actions.registry[name]
    return {'job': start(tx, name, args, title=a.title, plugin=a.plugin, **more)}
actions.start_job = _start_action

# what begins by itself

def next_time(every, after):
    "When `daily HH:MM`, `every N minutes` or `every N hours` comes next, in seconds since 1970; Refused for anything else"
    words = every.lower().split()
    try:
        if words[:1] == ['daily']:
            hour, minute = map(int, words[1].split(':'))
            t = datetime.fromtimestamp(after).replace(hour=hour, minute=minute, second=0, microsecond=0)
            return (t if t.timestamp() > after else t + timedelta(days=1)).timestamp()
        if words[:1] == ['every'] and words[2].rstrip('s') in ('minute', 'hour') and int(words[1]) > 0: return after + int(words[1])*(60 if words[2].startswith('minute') else 3600)
    except (ValueError, IndexError): raise Refused(f'{every!r} is no time', 'say `daily 07:30`, `every 30 minutes` or `every 2 hours`') from None
    raise Refused(f'{every!r} is no time', 'say `daily 07:30`, `every 30 minutes` or `every 2 hours`')

@action(name='schedule.add', plugin='app', title='Do something regularly', model=False, say=lambda a, r, c: f"Scheduled {r['title']}: {r['every']}")
def schedule_add(tx, action: str, every: str, args: dict = {}):      # noqa: B006  never changed
    "Press a key `daily HH:MM` or `every N minutes`; what was missed while Pianola was off is done once at the next start."
    a = actions.find(action)
    a.check(args)
    id = tx.new_id('schedule')
    return tx.insert('schedule', {'id': id, 'title': a.title or a.name, 'action': action, 'args': json.dumps(args), 'every': every, 'next_at': next_time(every, time.time()), 'active': 1})
@action(name='schedule.remove', plugin='app', title='Do it no longer', model=False, say=lambda a, r, c: f"Removed the schedule of {r['title']}")
def schedule_remove(tx, id: int):
    "Take a schedule out."
    return tx.delete('schedule', id)

async def fire(s):
    "It is time: press the key, once, and set the next time before anything else can go wrong"
    await store.write(lambda tx: tx.run('update schedule set next_at=? where id=?', next_time(s['every'], time.time()), s['id']))
    try: await act(s['action'], json.loads(s['args']), by='app', key=f"schedule:{s['id']}:{s['next_at']:.0f}")
    except Refused as e:
        why = e.text
        await store.write(lambda tx: tx.log('note', 'schedule', text=f"{s['title']} could not be begun: {why}"))
    except Exception: log.exception(f"{s['title']} broke")

# start and end

async def wake():
    "After a start: what ran in the old process goes on; processes that are still alive are followed"
    global wake_up, changed, closing, task
    wake_up, changed, closing = asyncio.Event(), asyncio.Condition(), False
    journal.heard = lambda: store.loop.call_soon_threadsafe(wake_up.set)
    await store.write(lambda tx: tx.run("update job set state='waiting', pid=null where state='running' and runs!='process'"))
    task = asyncio.create_task(tend())

async def close():
    "Before the end: what runs here stops where it can go on; processes go on without us"
    global closing
    closing = True
    light = [j.task for j in jobs.values() if not j.task.done()]
    for t in light: t.cancel()
    if task: task.cancel()
    running = [h for h in handles.values() if h]
    for h in running:
        h._cancel.set()
        if h.mode == 'async': h.task.cancel()
    tasks = [h.task for h in running] + light
    if tasks: await asyncio.wait(tasks, timeout=2)

# what needs no journal

jobs: dict[int, 'Job'] = {}
numbers = itertools.count(10**9)

class Job:
    "Long work that needs no journal, as it can be asked for again (a download). `work()` is a coroutine that sets `text`, `done` and `total` as it goes and calls `tell()`; its errors become the job's."
    def __init__(self, title):
        self.id, self.title, self.state, self.text, self.done, self.total, self.began, self.ended = next(numbers), title, 'running', 'starting', 0, 0, time.time(), None
        self.changed = asyncio.Condition()
        jobs[self.id] = self
        self.task = asyncio.create_task(self._run())
    async def work(self): raise NotImplementedError
    def over(self): "Called once when the work has ended, however it did"
    async def _run(self):
        try:
            await self.work()
            self.state = 'done'
        except asyncio.CancelledError: self.state, self.text = 'cancelled', 'stopped; asked again it goes on from here'
        except Refused as e: self.state, self.text = 'failed', f'{e.text} {e.hint}'.strip()
        except Exception as e:
            log.exception(f'{self.title} broke')
            self.state, self.text = 'failed', f'{type(e).__name__}: {e}'
        self.ended = time.time()
        await self.tell()
        self.over()
    async def tell(self):
        async with self.changed: self.changed.notify_all()
    def now(self):
        "Where it is, for a program"
        return {'id': self.id, 'title': self.title, 'state': self.state, 'text': self.text, 'done': self.done, 'total': self.total, 'began': self.began, 'ended': self.ended}
    async def watch(self):
        "Server-sent events: first where it is now, then each change (at most ten a second), last an event `done`"
        said = None
        while True:
            now = self.now()
            if now != said: yield f'data: {json.dumps(now, ensure_ascii=False)}\n\n'
            said = now
            if self.ended: break
            try:
                async with self.changed: await asyncio.wait_for(self.changed.wait(), 15)
            except TimeoutError: yield ': still here\n\n'
            await asyncio.sleep(.1)
        yield f'event: done\ndata: {json.dumps(said, ensure_ascii=False)}\n\n'
