"""What takes a while: work that belongs to the app and not to the tab that asked for it, kept in the
journal, so that any tab may watch it, leave, and come back, and a crash costs at most the unit in flight.

    id = jobs.start(tx, 'links.walk', {'url': …}, title='Walk', plugin='links')     # inside a transaction: kept with the click, run after the commit
    def walk(job, url): for page in job.each(pages(url)): …                         # the function: see `handle`

A function runs as a coroutine, in a thread, or in a process of its own, which outlives the server. What it has
done is kept in our own journal, or, with PIANOLA_JOBS, in PostgreSQL (`fleet`), where other machines help."""
import asyncio, inspect, itertools, json, os, signal, subprocess, sys, time
from pathlib import Path
from typing import Annotated, Literal
from msgspec import Meta
from .. import actions, contain, tabs
from ..actions import action
from ..contain import hold
from ..conversation import chat, history
from ..loading.plugins import plugins
from ..store import Refused, store
from ..tx import got, put
from . import board, fleet, journal
from .board import tell
from .handle import Handle, code_of, function
from .journal import Stopped, note, over
from loguru import logger as log

most = 4                # jobs that run in this process at a time, and as many in processes of their own
config = None           # set by the server: where processes find the data and the plugins
handles: dict[int, 'Handle'] = {}
wake_up = task = afar = None           # afar: the Fleet, where jobs are in PostgreSQL
handed, stopped = set(), set()                  # what PostgreSQL was told
closing = False

def start(tx, name, args, comments=False, **kw):
    "A new job (see journal.start); it is run once the transaction is kept. `comments`: the model says something at its start, quarters and end."
    id = journal.start(tx, name, args, **kw)
    if comments: journal.keep(tx, id, 'comments')
    note(tx, id, 'started')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, id))
    return id

def fork(tx, id, before=None):
    "A new job that goes on from what this one has done, or had done before it did `before` (a unit: `step:NAME`, `item:KEY`); its number"
    new = journal.fork(tx, id, before)
    note(tx, new, 'started')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, new))
    return new

def cancel(tx, id):
    "Ask a job to stop: at once when it waits, else as soon as it looks"
    j = journal.job(tx, id)
    if j['state'] in over: raise Refused(f"job {id} is over: {j['state']}", status=409)
    tx.run('update job set cancel=1 where id=?', id)
    nobody = j['state'] == 'running' and j['runs'] != 'process' and not j['far'] and (not (h := handles.get(id)) or h.ended)
    if j['state'] == 'waiting' or nobody or j['far'] and not afar: finish(tx, id, 'cancelled')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(_stop, id))

def retry(tx, id):
    "Run a job that failed or was stopped again; what was committed is not done again"
    j = journal.job(tx, id)
    if j['state'] not in ('failed', 'cancelled'): raise Refused(f"job {id} is {j['state']}", 'wait until it is over', 409)
    tx.run("update job set state='waiting', cancel=0, attempt=0, cleared=null, next_at=null, ended=null, error=null, far='' where id=?", id)
    journal.event(tx, id, 'state', 'waiting')
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, id))

def finish(tx, id, state, result=None, error=None, text=''):
    "The end of an attempt, with what the plugin wants done in the same transaction"
    if (j := journal.job(tx, id))['state'] in over: return j
    j = journal.end(tx, id, state, result, error, text)
    if j['state'] in over:
        for k in plugins[j['plugin']].kinds if j['plugin'] in plugins else (): k.job_over(tx, j)
        note(tx, id, {'done': 'is done', 'cancelled': 'was stopped'}.get(j['state'], f"failed: {j['text']}"))
    tx.after.append(lambda: store.loop.call_soon_threadsafe(poke, id))
    return j

unsaid, commenting = {}, None           # {job: what the model shall say a sentence about}: the newest of a job stands for what came before it
def comment(id, text):
    "The model is asked for a sentence, beside the job; while it speaks, what is new waits for the end of that reply"
    global commenting
    unsaid.pop(id, None)
    unsaid[id] = text
    if not commenting or commenting.done(): hold(_comments(), 'a comment could not be asked for')
async def _comments():
    global commenting
    commenting = asyncio.current_task()
    while unsaid:
        there = await store.read(history.current)
        if r := chat.runners.get(there):
            await asyncio.wait({r.task})
            continue
        runs, new = await store.read(lambda tx: {r['id'] for r in tx.q("select id from job where state='running'")}), dict(unsaid)
        unsaid.clear()
        if text := '; '.join(t for id, t in new.items() if id in runs or '% done' not in t):        # a quarter of what is over is no news
            begun, _ = await chat.say(f'{text}. Say one short sentence about that.', there, by='Jobs')
            if not there: await chat.adopt(begun)

# running

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

def finished(tx, j):
    "What a process said of its end: its state, and its text behind that"
    state, _, text = (j['text'] or 'failed').partition('\n')
    tx.run('update job set text=? where id=?', text, j['id'])
    finish(tx, j['id'], state, json.loads(j['result']) if j['result'] else None, j['error'], text)

async def round_(last):
    "One look at everything that waits, ends or is due: (the last event seen, seconds until the next look)"
    broke = False
    async def alone(f, *args):
        "One that breaks holds up no other"
        nonlocal broke
        try: await f(*args)
        except Exception:
            log.exception('a job could not be looked after; once more in a second')
            broke = True
    for id, p in [(id, p) for id, p in children.items() if p.poll() is not None]:
        del children[id]
        await alone(store.write, left, id, p.returncode)
    def look(tx, last=last):
        t = time.time()
        ready = tx.q("select * from job where state='waiting' and (next_at is null or next_at<=?) "
                     "or state='running' and far='' and runs='process' and lease<? order by id", t, t)
        unheard = tx.q("select id, far, state from job where cancel and far!=''") if afar and afar.ready else []
        ending = tx.q("select * from job where state='ending'")
        soon = tx.value("select min(next_at) from (select next_at from job where state='waiting' and next_at>? "
                        "union all select next_at from schedule where active)", t)
        return (ready, unheard, ending, soon, tx.value("select count(*) from job where state='running' and runs='process' and far=''"),
                tx.q('select id, job, kind, text from job_event where id>? order by id', last),
                tx.q('select * from schedule where active'))
    ready, unheard, ending, soon, apart, fresh, plans = await store.read(look)
    if fresh: last = fresh[-1]['id']
    for id in {e['job'] for e in fresh}: await alone(tell, id, {e['kind'] for e in fresh if e['job'] == id})
    for e in fresh:
        if e['kind'] == 'comment': comment(e['job'], e['text'])
    for j in ending: await alone(store.write, finished, j)
    for j in unheard: await alone(tell_to_stop, j)
    for j in ready if not afar or afar.ready else []:
        new = not afar and j['runs'] == 'process' and j['state'] == 'waiting'
        if new and apart >= most: continue
        await alone(begin, j)
        apart += new
    for s in plans if fire else (): await alone(fire, s)
    pause = (1 if broke else .15 if apart or ending or not afar and any(j['runs'] == 'process' for j in ready) else
             max(.05, min(30, soon - time.time())) if soon else 30)
    return last, pause

async def begin(j):
    "What waits, or was left by a dead process, goes on where it belongs"
    if j['id'] in handles or j['far'] and (j['far'] in handed or not afar): return
    # one that is merely silent (it is in C and lets go of nothing) is at work all the same
    if j['id'] in children and children[j['id']].poll() is None: return
    try: function(j['name'])
    except Refused as e: return await store.write(lacks, j['id'], e.text)
    if afar: await hand(j['id'])
    elif j['runs'] == 'process': await asyncio.to_thread(spawn, j['id'])
    elif len(handles) < most:
        handles[j['id']] = None
        hold(run(j['id']), 'a job broke')

def lacks(tx, id, why):
    "The plugin of a job is not there, or does not load just now: the job waits until it does"
    tx.run("update job set next_at=?, text=?, state='waiting' where id=?", time.time()+3600, f'{missing}{why}; it goes on when that is mended', id)
    journal.event(tx, id, 'state', 'waiting')
missing = 'cannot go on: '
@store.on
def came_back(e):
    "A plugin was loaded: what waited for it begins"
    if e.kind != 'note' or not e.what.startswith('plugin.'): return
    def again(tx):
        if ids := tx.q("select id from job where plugin=? and state='waiting' and substr(text,1,?)=?", e.what[7:], len(missing), missing):
            tx.run("update job set next_at=null, text='' where id in (select value from json_each(?))", json.dumps([i['id'] for i in ids]))
        return bool(ids)
    async def go():
        if await store.write(again, durable=False): poke()
    hold(go(), 'what waited for a plugin could not begin')

async def run(id):
    "One attempt in this process, as a coroutine or in a thread"
    try:
        j = await store.read(journal.job, id)
        try: f = function(j['name'])
        except Refused as e: return await ended(id, 'failed', None, e.text, f'{e.text}; {e.hint}')
        mode = 'async' if inspect.iscoroutinefunction(f) else 'thread'
        j = await store.kept(journal.begin, id, os.getpid(), code_of(f))
        if not j: return
        write = store.write if mode == 'async' else lambda g, *a, **k: asyncio.run_coroutine_threadsafe(store.write(g, *a, **k), store.loop).result()
        end = await attempt(j, f, mode, journal.Book(write, id, note, j['since']))
        if not end:
            return await asyncio.shield(store.write(
                lambda tx: tx.run("update job set state='waiting', pid=null, attempt=attempt-1 where id=? and state='running'", id)))
        handles[id].ended = True                # it may be long until that is kept: whoever stops it meanwhile need not wait
        await asyncio.shield(ended(id, *end))
    finally:
        handles.pop(id, None)
        poke(id)

async def ended(id, *end):
    "Keep how an attempt ended, as soon as that can be; where what came out, or what its plugin does with it, breaks that, it has failed"
    try: await store.kept(finish, id, *end)
    except Exception as e:
        log.exception(f'the end of job {id} could not be kept')
        await store.kept(finish, id, 'failed', None, contain.trace(e), f'its end could not be kept: {contain.told(e)}')

async def attempt(j, f, mode, book):
    "Run a function: (state, result, error, text), or None when it was cut off because the app ends"
    h = handles[j['id']] = Handle(j, book, mode)
    h.task = asyncio.current_task()
    state, result, error, text = 'failed', None, None, ''
    clock = asyncio.timeout(j['timeout'])
    try:
        async with clock:
            result = await (contain.guarded(f(h, **j['args'])) if mode == 'async' else
                            contain.apart(j['plugin'], lambda: _quiet(f, h, j['args'])))
        if isinstance(result, Stopped): raise result
        state = 'done'
    except (asyncio.CancelledError, Stopped):
        if closing: return None
        state, result, text = 'cancelled', None, journal.stopped
    except Refused as e: text, error = f'{e.text} {e.hint}'.strip(), e.text
    except Exception as e:
        if clock.expired():
            text = error = f"it took longer than {j['timeout']:g} s"
            h._cancel.set()
            return state, result, error, text
        log.opt(exception=True).debug(f"{j['title']} broke")
        text, error = contain.words(e) if isinstance(e, contain.Ended) else contain.told(e), contain.trace(e)
        if isinstance(getattr(e, 'was', None), contain.TimeUp):
            text = f'it held everybody up for {contain.step_seconds} s and was interrupted; with `def` instead of `async def` it runs in a thread'
    try: json.dumps(result)
    except (TypeError, ValueError, RecursionError):
        state, result, text, error = 'failed', None, 'what it returned cannot be kept as JSON', f'it returned a {type(result).__name__}'
    return state, result, error, text if state != 'done' else ''
def _quiet(f, h, args):
    try: return f(h, **args)
    except Stopped as e: return e

# where jobs are in PostgreSQL

async def hand(id):
    "Give a job away; its name there is new at each attempt and follows from what is kept, so that a crash in between gives it away once"
    def mark(tx):
        j = tx.one("select * from job where id=? and state='waiting'", id)
        if not j: return None, []
        turn = tx.value("select max(id) from job_event where job=? and kind='state'", id)
        far = f'{afar.home}.{id}.{turn}'
        if far != j['far']: tx.run('update job set far=?, heard=0 where id=?', far, id)
        return ({**j, 'far': far, 'settings': tx.value('select data from setting where plugin=?', j['plugin']) or '{}'},
                [(u['name'], u['value']) for u in tx.q('select name, value from unit where job=? order by rowid', id)])
    j, units = await store.write(mark)
    if not j or j['far'] in handed: return
    try: await asyncio.to_thread(afar.hand, j, units)
    except Exception as e: return log.warning(f"{j['title']} could not be given to {fleet.where(afar.url)}, it waits: {type(e).__name__}: {e}")
    handed.add(j['far'])

async def tell_to_stop(j):
    "What was stopped here is stopped there, at the latest when PostgreSQL answers again"
    if j['far'] in stopped: return
    try: await asyncio.to_thread(afar.cancel, j['id'], j['far'])
    except Exception as e: return log.warning(f'{fleet.where(afar.url)} could not be told to stop job {j["id"]}: {type(e).__name__}: {e}')
    stopped.add(j['far'])
    if j['state'] in over:
        await store.write(lambda tx: tx.run("update job set far='' where id=? and far=? and state in ('done','failed','cancelled')",
                                            j['id'], j['far']))

async def here(key):
    "A job that PostgreSQL gave to this app, as a coroutine or in a thread: it may use all that the app has"
    book = afar.book(key)
    id = int(key.rpartition('.')[2])
    far_ = lambda f, *a: asyncio.to_thread(book.line, f, *a)
    try:
        j = await far_(fleet.look, key)
        try: f = function(j['name'])
        except Refused as e: return await far_(fleet.end, key, 'failed', None, e.text, f'{e.text}; {e.hint}')
        j = await far_(fleet.claim, key, book.owner, code_of(f), True)         # whoever had it was this app, before it began again
        if not j: return
        mode = 'async' if inspect.iscoroutinefunction(f) else 'thread'
        end = await attempt(j, f, mode, fleet.Later(book) if mode == 'async' else book)
        if end: await asyncio.shield(asyncio.to_thread(book.end, *end))
    except Stopped: log.info(f'job {id} is somebody else’s now')
    finally:
        handles.pop(id, None)
        book.line.close()

async def hear(events):
    "Take over what PostgreSQL tells of our jobs, each job in one transaction; the numbers of what is kept"
    kept, jobs_ = [], {}
    for e in events: jobs_.setdefault(e['number'], []).append(e)
    for id, some in jobs_.items():
        try: await store.write(_hear, id, some, durable=any(e['kind'] != 'progress' for e in some))
        except Exception: log.exception(f'what is told of job {id} could not be kept; once more in a second')
        else: kept += [e['id'] for e in some]
    return kept
def _hear(tx, id, events):
    if not (j := tx.one('select far, heard from job where id=?', id)): return
    for e in events:
        kind, data, text = e['kind'], e['data'], e['text']
        ours = e['far'] == j['far']
        if ours and e['id'] <= j['heard']: continue
        # done is done, in whichever attempt
        if kind in ('unit', 'partial'): (journal.keep if kind == 'unit' else journal.partial)(tx, id, text, data)
        if not ours or tx.value('select state from job where id=?', id) not in ('waiting', 'running'): continue
        if kind == 'begin': journal.begun(tx, id, data[0], None, data[1])
        elif kind == 'progress': journal.progress(tx, id, *data, text)
        elif kind == 'note': note(tx, id, text)
        elif kind in ('log', 'stale'): journal.event(tx, id, kind, text)
        elif kind == 'end': finish(tx, id, *data)
        tx.run('update job set heard=? where id=? and far=?', e['id'], id, e['far'])

async def again(there):
    "PostgreSQL answers: what waits is given to it, and what it should have and has not (it was emptied, or is another one) too"
    def lost(tx):
        for j in tx.q("select id, far, title from job where far!='' and state='running'"):
            if j['far'] in there: continue
            tx.run("update job set state='waiting', far='' where id=?", j['id'])
            journal.event(tx, j['id'], 'state', 'waiting')
            journal.event(tx, j['id'], 'log', 'PostgreSQL did not know it any more: it goes on from what is kept here')
    await store.write(lost)
    handed.clear()
    stopped.clear()
    wake_up.set()

def spawn(id):
    "A process of its own, in a session of its own: it goes on when the server does not"
    more = {'start_new_session': True} if os.name == 'posix' else {'creationflags': subprocess.CREATE_NEW_PROCESS_GROUP}
    def take(tx):
        falls.setdefault(id, (0, journal.kept(tx, id)))
        return tx.value("update job set state='running', lease=? where id=? and (state='waiting' or state='running' and lease<?) "
                        'returning id', time.time()+30, id, time.time())
    # before the process begins, which may be over sooner than we write
    if not asyncio.run_coroutine_threadsafe(store.write(take), store.loop).result(): return
    command = [sys.executable, '-m', 'pianola', 'work', str(id), '--data', str(config.data.absolute()),
               '--plugins', str(config.plugins.absolute())]
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         cwd=Path(__file__).parents[2], **more)
    children[id] = p            # reaped by `tend`, so that none stays as a ghost
children: dict[int, subprocess.Popen] = {}
falls = {}              # {job: (how many of its processes in a row ended with nothing done, how many units it has)}
def left(tx, id, code):
    "A process of ours is over. If it did not say how, its job is begun again, a bit later each time, until it has failed"
    j = tx.one('select state, cancel from job where id=?', id)
    if not j or j['state'] != 'running': return falls.pop(id, None)
    if j['cancel']: return              # `_kill` tells its end
    n, before = falls.get(id, (0, 0))
    n = n + 1 if (now := journal.kept(tx, id)) == before else 0
    falls[id] = n, now
    if n < fleet.crashes: return tx.run('update job set lease=? where id=?', time.time() + .5*n, id)
    del falls[id]
    finish(tx, id, 'failed', None, *fleet.gave_up(n, code))

def _stop(id):
    if h := handles.get(id):
        h._cancel.set()
        if h.mode == 'async' and not h.ended: h.task.cancel()
    elif afar: wake_up.set()
    else: hold(_kill(id), 'a process could not be stopped')
async def _kill(id):
    "Asked first, then told, then made"
    for wait, sign in ((2, signal.SIGTERM), (3, getattr(signal, 'SIGKILL', signal.SIGTERM))):
        await asyncio.sleep(wait)
        j = await store.read(journal.job, id)
        if j['state'] != 'running' or j['runs'] != 'process': return
        pid = j['pid'] or (children[id].pid if id in children else None)      # one that is still starting has not said who it is
        if not pid: continue
        try: os.killpg(pid, sign) if os.name == 'posix' else os.kill(pid, sign)
        except OSError: break
    await store.kept(finish, id, 'cancelled', None, None, 'stopped by force')

# the keys

@action(name='jobs.cancel', plugin='app', title='Stop a job', say=lambda a, r, c: f'Asked “{r}” to stop')
def cancel_(tx, id: int):
    "Stop a job; tried again, it goes on from what was committed."
    cancel(tx, id)
    return tx.value('select title from job where id=?', id)
@action(name='jobs.fork', plugin='app', title='Do a job again as another one', model=False, say=lambda a, r, c: f"Began “{r['title']}” once more")
def fork_(tx, id: int, before: str = ''):
    "Begin a copy of a job: it goes on from what that one has done, or, with `before` (`step:NAME` or `item:KEY`), from what it had done before it did that."
    new = fork(tx, id, before or None)
    return {'job': new, 'title': tx.value('select title from job where id=?', new)}
@action(name='jobs.retry', plugin='app', title='Try a job again', say=lambda a, r, c: f'Began “{r}” again')
def retry_(tx, id: int):
    "Run a job that failed or was stopped again, from where it was."
    retry(tx, id)
    return tx.value('select title from job where id=?', id)

@action(name='jobs.clear', plugin='app', title='Clear the list of jobs', risk='destructive', model=False,
        say=lambda a, r, c: f"Cleared {r:,} {'job' if r == 1 else 'jobs'} that {'was' if r == 1 else 'were'} {board.states[a['state']]}",
        asks=lambda tx, **a: f"Clear {(n := len(clearable(tx, **a))):,} {'job that is' if n == 1 else 'jobs that are'} over?")
def clear(tx, days: Annotated[float, Meta(ge=0)] = 7, state: Literal['done', 'failed', 'cancelled'] = 'done'):
    "Take jobs that ended this many days ago from the list: those that are done, or that failed, or were stopped. What a step of a run would go on from stays. It can be taken back for a day; then they are forgotten."
    ids = clearable(tx, days, state)
    for id in ids: tx.update('job', id, {'cleared': time.time()})
    return len(ids)
def clearable(tx, days=7, state='done'):
    return [r['id'] for r in tx.q("select id from job where state=? and ended<=? and cleared is null and not exists"
                                  "(select 1 from answer a where a.job=job.id and a.status in ('running','failed'))",
                                  state, time.time() - days*86400)]
def forget(tx):
    "What was cleared more than a day ago is gone for good, with its units and its log"
    gone = "in (select id from job where cleared<?)", time.time() - 86400
    for table, column in (('unit', 'job'), ('job_event', 'job'), ('job', 'id')): tx.run(f'delete from {table} where {column} {gone[0]}', gone[1])

# actions that are jobs

def _start_action(tx, name, args, more):
    a = actions.registry[name]
    return {'job': start(tx, name, args, title=a.title, plugin=a.plugin, **more)}
actions.start_job = _start_action

fire = None             # set by schedule: fire(s) looks whether its time has come

# start and end

async def wake():
    "After a start: what ran in the old process goes on; processes that are still alive are followed"
    global wake_up, closing, task, afar
    wake_up, closing, afar, board.far = asyncio.Event(), False, None, None
    journal.heard = lambda: store.loop.call_soon_threadsafe(wake_up.set)
    def find(tx):
        forget(tx)
        falls.clear()
        tx.run("update job set state='waiting', pid=null where state='running' and runs!='process' and far=''")
        if not config.jobs:
            tx.run("update job set text='PostgreSQL has it: start with PIANOLA_JOBS as before, or stop it here and try it again' "
                   "where far!='' and state in ('waiting','running')")
        elif not got(tx, 'app', 'home'): put(tx, 'app', 'home', os.urandom(6).hex())
        return got(tx, 'app', 'home')
    home = await store.write(find)
    if config.jobs:
        handed.clear()
        stopped.clear()
        afar = board.far = fleet.Fleet(config.jobs, home, config, here, hear, again,
                                       lambda: (poke(), tabs.send({'put': [tabs.item('jobs-at', board.trouble(), only=True)], 'gone': []})))
        afar.open()
    task = asyncio.create_task(tend())

async def close():
    "Before the end: what runs here stops where it can go on; processes go on without us"
    global closing
    closing = True
    light = [j.task for j in jobs.values() if not j.task.done()]
    for t in light: t.cancel()
    if task: task.cancel()
    if afar: afar.ending.set()
    running = [h for h in handles.values() if h]
    for h in running:
        h._cancel.set()
        if h.mode == 'async': h.task.cancel()
    tasks = [h.task for h in running] + light
    late = tasks and (await asyncio.wait(tasks, timeout=2))[1]
    for t in late: t.cancel()           # a thread that does not look up is left behind
    if late: await asyncio.wait(late, timeout=1)
    if afar: await asyncio.to_thread(afar.close)

# what needs no journal

jobs: dict[int, 'Job'] = {}
numbers = itertools.count(10**9)

class Job:
    """Long work that needs no journal, as it can be asked for again (a download). `work()` is a coroutine
    that sets `text`, `done` and `total` as it goes and calls `tell()`; its errors become the job's."""
    def __init__(self, title):
        self.id, self.title, self.state, self.text = next(numbers), title, 'running', 'starting'
        self.done, self.total, self.began, self.ended = 0, 0, time.time(), None
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
            self.state, self.text = 'failed', contain.mask(f'{type(e).__name__}: {e}')
        self.ended = time.time()
        await self.tell()
        self.over()
    async def tell(self):
        async with self.changed: self.changed.notify_all()
    def now(self):
        "Where it is, for a program"
        return {'id': self.id, 'title': self.title, 'state': self.state, 'text': self.text, 'done': self.done, 'total': self.total,
                'began': self.began, 'ended': self.ended}
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
