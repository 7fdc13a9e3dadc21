"""What a plugin may do to others, which is nothing: its errors become words with a line, its time is limited, and it writes to no table but its own.

It is no wall against malice (a plugin is Python in our process) but against every accident: a loop, a crash, a wrong name, a `sys.exit`."""
import asyncio, contextvars, ctypes, difflib, functools, inspect, json, re, signal, sys, threading, time, traceback, types, warnings
from contextlib import contextmanager, suppress
from pathlib import Path
import apsw
from fastcore.xml import FT
from loguru import logger as log

mask = lambda text: text        # set by settings: the text without any secret there is. Whatever is told of an error goes through it
def whole(text):
    "Text as it can be sent and kept: half characters, as a file name that is not UTF-8 has them, are replaced"
    return text.encode('utf-8', 'replace').decode()
def plain(x):
    "What an error, or anything else that a plugin made, says of itself; '' where its `__str__` breaks: of that nobody else may break"
    try: return whole(str(x))
    except BaseException: return ''
def told(e):
    "`ValueError: what it says`; the name of its class alone where it says nothing, or cannot"
    text = plain(e)
    return f"{type(e).__name__}{': ' if text else ''}{mask(text)}"

class Refused(Exception):
    """Understood and not done: the text says what is wrong, `hint` what would be
    right, `fields` {name: what is wrong beside it}. For a person and for a model."""
    def __init__(self, text, hint='', status=400, fields=None):
        text, hint = mask(whole(f'{text}')), mask(whole(f'{hint}'))
        super().__init__(text)
        self.text, self.hint, self.status, self.fields = text, hint, status, {k: mask(whole(f'{w}')) for k, w in (fields or {}).items()}

class Broke(Refused):
    "A plugin's own code failed; `trace` is the whole story for who mends it"
    def __init__(self, text, hint='', status=422, trace=''):
        super().__init__(text, hint, status)
        self.trace = mask(trace)

class TimeUp(BaseException):
    "Raised inside plugin code that held others up too long; not an Exception, so that `except Exception` does not keep it going"
    def __str__(self): return 'it took too long and was interrupted; what takes a while belongs in a job'

class Ours(BaseException): "Raised by us through the code of a plugin, and caught by us behind it: no error, and nobody's in between"

home = 'pianola_plugins.'
# in the one thread of the store; of a plain function beside; of a coroutine between two awaits, on the loop
key_seconds, view_seconds, step_seconds = 5, 5, 5

def of(module): return module[len(home):].partition('.')[0] if module.startswith(home) else ''
def _frames(f):
    while f: yield f; f = f.f_back
def blame(e):
    "(plugin, file, line) that an error of ours was given (see `placed`), or of the last line of a plugin that it went through, or None"
    if at := _place(e): return at
    found, tb = None, e.__traceback__
    while tb:
        f = tb.tb_frame
        if name := of(f.f_globals.get('__name__', '')): found = name, Path(f.f_code.co_filename).name, tb.tb_lineno
        tb = tb.tb_next
    return found
def placed(e, at):
    "The error, which says from now on that it comes from there (plugin, file, line), or from nowhere that is known: it went through no plugin"
    e._pianola_at = at or ()
    return e
def _place(e):
    at = object.__getattribute__(e, '__dict__').get('_pianola_at')
    return at if type(at) is tuple and [*map(type, at)] in ([], [str, str, int]) else None
def words(e, file=''):
    "An error in one line, with the line of the plugin's file that it came from"
    if isinstance(e, Refused): return e.text
    if isinstance(e, Left): return str(e)
    if isinstance(e, Ended): e = e.was
    text = plain(e.msg or '') if isinstance(e, SyntaxError) else plain(e)
    if isinstance(e, MemoryError) and not text: text = 'it needed more memory than there is'
    if isinstance(e, ImportError) and (m := re.match(r"cannot import name '(\w+)' from 'pianola'", text)):
        ours = [*sys.modules['pianola']._where]
        text = f"pianola has no {m[1]}; it has {', '.join(difflib.get_close_matches(m[1], ours, 3) or ours)}, and FastHTML's tags"
    if isinstance(e, apsw.InterruptError): text = str(TimeUp())      # a long question to SQLite: see Store
    if isinstance(e, SystemExit): text = f'it calls sys.exit({"" if e.code is None else plain(e.code)}); a plugin is imported and stays, it does not end'
    if isinstance(e, StopIteration) and not text: text = 'next() had nothing more; next(…, None) gives None then'
    if isinstance(e, TimeoutError) and not text: text = 'it waited longer than it may'
    if isinstance(e, asyncio.CancelledError) and not text: text = 'it cancels what nobody else has cancelled'
    named = isinstance(e, SyntaxError) and isinstance(e.lineno, int) and isinstance(e.filename, str | None)
    at = (e.filename and Path(e.filename).name or file, e.lineno) if named else b[1:] if (b := blame(e)) else None
    return f"{type(e).__name__}{': ' if text else ''}{mask(text)}" + (whole(f' (line {at[1]} of {at[0]})') if at else '')
def trace(e):
    "The traceback from the plugin's first line on; ours above it tells its author nothing"
    if isinstance(e, Ended): e = e.was
    if _place(e) is not None: return words(e)                     # it went through nothing of the plugin's
    try: text = _lines(e)
    except Exception: return words(e)                             # what it says of itself (a SyntaxError of the plugin's own) is no text
    return mask(whole(re.sub(r'^[ ~^]+\n', '', text, flags=re.M)))        # without the lines of ^^^^, which a narrow card only breaks
def _lines(e):
    lines, tb = traceback.TracebackException.from_exception(e), e.__traceback__
    skip = 0
    while tb and not of(tb.tb_frame.f_globals.get('__name__', '')): tb, skip = tb.tb_next, skip+1
    if tb: del lines.stack[:skip]
    elif isinstance(e, SyntaxError): del lines.stack[:]           # it names its own line
    return ''.join(lines.format())

# {plugin: {what of it: (when, in one line, traceback, did it by itself)}}: what broke while running and has not worked since
trouble = {}
changed = lambda plugin: None           # set by live: what is wrong with a plugin is another thing than before; called in any thread
def went_wrong(plugin, what, e, alone=False):
    "Remember what broke; `alone`: nobody had asked for it just now, so that nobody is told but by the plugin's page"
    log.opt(exception=e).error('{} of the plugin {} broke: {}', what, plugin, words(e))
    before = trouble.setdefault(plugin, {}).get(what)
    trouble[plugin][what] = time.time(), words(e), trace(e), alone
    if not before or before[1] != trouble[plugin][what][1]: changed(plugin)
def went_well(plugin, what):
    if plugin in trouble and trouble[plugin].pop(what, None): changed(plugin)

# time

_lock, _running, _watch = threading.Lock(), {}, None

class _Limit:
    frame = None            # of a call that nobody limits: see _alone
    def __init__(self, seconds, any_code, stuck):
        self.began, self.seconds, self.any, self.stuck, self.fired, self.tries, self.left = time.monotonic(), seconds, any_code, stuck, 0, 0, False

@contextmanager
def limit(seconds, any_code=False, stuck=None):
    """What runs in here, in this thread, at most this long: then plugin code is interrupted where it stands (our own goes on, unless `any_code`).
    Code that waits in C (a sleep, a connection) hears of that when it comes back: `stuck(where, tries)` is called
    each second until then, or until it says that nobody waits any longer; where is (plugin, file, line)."""
    global _watch
    id, mine = threading.get_ident(), _Limit(seconds, any_code, stuck)
    with _lock:
        before, _running[id] = _running.get(id), mine
        if not _watch or not _watch.is_alive():
            _watch = threading.Thread(target=_watching, name='limits', daemon=True)
            _watch.start()
    try: yield mine
    finally:
        with _lock:
            if before: _running[id] = before
            else: _running.pop(id, None)
            if mine.fired: ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(id), None)      # raised too late: it is over by itself

def _watching():
    while True:
        time.sleep(.1)
        now, stuck = time.monotonic(), []
        with _lock:
            _alone()
            for id, r in _running.items():
                if r.left or now < r.began + r.seconds or now < r.fired + 1: continue
                if (at := busy_in(id)) or r.any:
                    r.fired, r.tries = now, r.tries + 1                        # again each second: some code catches everything
                    if id == _knocks: signal.pthread_kill(id, signal.SIGURG)
                    else: ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(id), ctypes.py_object(TimeUp))
                    if at and r.stuck: stuck.append((r, at))
        for r, at in stuck:
            try: r.left = r.stuck(at, r.tries)
            except Exception: log.exception('what is stuck could not be left behind')

_home = None                # (the loop that is watched, its thread)
def _alone():
    """Code of a plugin that the loop calls by itself (`call_later`, a done callback) has no
    limit around it: from when the same call is seen to run a second time, its time runs as well"""
    if not _home or not _home[0].is_running() or (r := _running.get(id := _home[1])) and not r.frame: return
    frame = next(reversed([f for f in _frames(sys._current_frames().get(id)) if of(f.f_globals.get('__name__', ''))]), None)
    if r and r.frame is not frame: del _running[id]
    if frame and (not r or r.frame is not frame): _running[id] = r = _Limit(step_seconds, False, None); r.frame = frame

# the thread that hears signals, where there are any: what waits in C there (a sleep, a connection) can be interrupted as well
_knocks = None
def _knocked(sig, frame):
    """In the main thread, between two of its steps: is it still where it was too long? SIGURG,
    since a system ignores it where nobody listens. No lock is taken here: this thread may hold it."""
    r = _running.get(_knocks)
    if r and time.monotonic() > r.began + r.seconds and frame.f_globals is not globals() and (r.any or _in(frame)): raise TimeUp

def busy_in(id):
    "(plugin, file, line) where a thread is just now, or None when it is in no plugin"
    return _in(sys._current_frames().get(id))
def _in(frame):
    for f in _frames(frame):
        if name := of(f.f_globals.get('__name__', '')): return name, Path(f.f_code.co_filename).name, f.f_lineno
def holding_up():
    "{plugin: what it holds up}: code that runs beyond its time just now, and could not be interrupted yet"
    now, out = time.monotonic(), {}
    with _lock:
        for id, r in _running.items():
            if not r.left and now > r.began + r.seconds and (at := busy_in(id)):
                out[at[0]] = f'has been busy for {now-r.began:.0f} s in line {at[2]} of {at[1]}'
    return out

@types.coroutine
def steps(coroutine, seconds=None):
    "Await a plugin's coroutine; a step of it that holds the loop longer than `seconds` is interrupted"
    value = error = None
    coroutine = coroutine.__await__() if not inspect.iscoroutine(coroutine) else coroutine
    while True:
        before = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(max(before, origins))
        try:
            with limit(seconds or step_seconds): waits = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as e: return e.value
        finally: sys.set_coroutine_origin_tracking_depth(before)
        value = error = None
        try: value = yield waits
        except BaseException as e: error = e

# tasks

def watch(loop):
    """From now on what plugins begin by themselves on this loop is held like what they are asked for:
    their tasks (also those of gather and wait_for), their callbacks, and words that nobody awaits"""
    global _knocks, _home
    _home = loop, threading.get_ident()
    places.clear()
    loop.set_task_factory(_task)
    loop.set_exception_handler(_unread)
    if warnings.showwarning is not _warned: _warned.before, warnings.showwarning = warnings.showwarning, _warned
    if hasattr(signal, 'pthread_kill') and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGURG, _knocked)
        _knocks = threading.get_ident()

def loop():
    "A new event loop, the fastest there is, that a callback of a plugin does not end: its `sys.exit` is told as what broke, and the loop goes on"
    from uvicorn.loops.auto import auto_loop_factory
    made = auto_loop_factory()()
    run = made.run_forever
    def run_forever():
        while True:
            try: return run()
            except (SystemExit, KeyboardInterrupt) as e:
                tb = e.__traceback__
                while tb.tb_next: tb = tb.tb_next
                # a person's Ctrl+C
                if not (at := blame(e)) or isinstance(e, KeyboardInterrupt) and not of(tb.tb_frame.f_globals.get('__name__', '')): raise
                went_wrong(at[0], 'what it began by itself', e, alone=True)
    made.run_forever = run_forever
    return made

def _task(loop, coroutine, **kw):
    "A task that plugin code makes, or that runs it: its steps are limited, and what would end the app ends the task"
    if not inspect.iscoroutine(coroutine) or not (of((coroutine.cr_frame and coroutine.cr_frame.f_globals or {}).get('__name__') or '')
                                                  or _in(sys._getframe(1))):
        return asyncio.Task(coroutine, loop=loop, **kw)
    # an end of its own kind that one of its tasks raises is the plugin's to catch
    t = asyncio.Task(guarded(coroutine, (SystemExit, KeyboardInterrupt, TimeUp)), loop=loop, **kw)
    t.add_done_callback(lambda t: coroutine.close())       # cancelled before it began
    return t
async def guarded(coroutine, ends=BaseException):
    "Await a plugin's coroutine, its steps limited; what is no Exception, and would end the app or be caught by nobody, comes as Ended"
    try: return await steps(coroutine)
    except (Exception, asyncio.CancelledError, Ours): raise
    except ends as e:
        if isinstance(e, GeneratorExit) and not blame(e): raise             # we are closed
        raise Ended(e).with_traceback(e.__traceback__) from e

def _unread(loop, context):
    "An error on the loop that nobody reads: of a task that is let go of, of a callback"
    e = context.get('exception')
    if e and (at := blame(e)): went_wrong(at[0], 'what it began by itself', e, alone=True)
    else: loop.default_exception_handler(context)

# what nobody awaits

origins = 3             # how far a coroutine that plugin code makes knows where: through `kv.get` and the `KV.get` within to its caller
def _word(name): return name.rpartition('<locals>.')[2].replace('_Own.', 'kv.').replace('KV.', 'kv.').removeprefix('_')
def all_awaited(shown):
    "What a plugin shows, as it is; TypeError with the line when something stands among its tags that is yet to be awaited"
    left = [shown]
    while left:
        x = left.pop()
        if isinstance(x, (list, tuple)): left.extend(x)
        elif isinstance(x, FT): left += [*x.children, *x.attrs.values()]
        elif inspect.iscoroutine(x) or inspect.isasyncgen(x):
            said, where = f'{_word(x.__qualname__)}(…)', getattr(x, 'cr_origin', None) or ()
            e = TypeError(f'{said} stands among the tags as it is: ' + ('read it with `async for`' if inspect.isasyncgen(x) else
                                                                      f'write `await {said}`, within an `async def`'))
            if inspect.iscoroutine(x): x.close()
            files = {getattr(m, '__file__', None): of(name) for name, m in [*sys.modules.items()] if of(name)}
            raise placed(e, next(((files[f], Path(f).name, line) for f, line, _ in where if f in files), None))
    return shown

def _warned(message, category, filename, lineno, file=None, line=None):
    m = re.match(r"coroutine '([^']+)' was never awaited", str(message))
    if m and (at := _in(sys._getframe(1))):
        log.warning('the plugin {} calls {} without `await` in line {} of {}: nothing comes of it', at[0],
                    _word(m[1]), at[2], at[1])
    else: _warned.before(message, category, filename, lineno, file, line)

def cancelled(e):
    "Is this the end of our own task, asked for by somebody else? Or did what it runs merely raise CancelledError?"
    return isinstance(e, asyncio.CancelledError) and bool(asyncio.current_task().cancelling())

def thread(plugin, f, over):
    """Run f in a daemon thread of its own, which no exit and no work of ours waits for; a future of what it
    returns. over() is called on the loop once it is over, also when nobody awaits it any longer."""
    loop = asyncio.get_running_loop()
    done, around = loop.create_future(), contextvars.copy_context()
    def ended(result, e):
        over()
        if not done.done(): done.set_exception(e) if e else done.set_result(result)
    def run():
        result = error = None
        try: result = around.run(f)
        except Exception as e:
            # no future takes a StopIteration
            error = e if not isinstance(e, StopIteration) else Ended(e).with_traceback(e.__traceback__)
        except BaseException as e: error = Ended(e).with_traceback(e.__traceback__)
        with suppress(RuntimeError): loop.call_soon_threadsafe(ended, result, error)        # the loop is closed: the app has ended
    threading.Thread(target=run, daemon=True, name=f'plugin {plugin}').start()
    return done

together = 8                # threads that a plugin has at a time for its keys and views; as many for its steps and jobs
threads = {}                # {plugin: how many of its plain functions run}
async def beside(plugin, f, *args, seconds=None, **kw):
    """Run a plugin's plain function in a thread of its own and await what it
    returns; beyond `seconds` it is interrupted, and nobody waits for it any longer"""
    if threads.get(plugin, 0) >= together:
        raise Refused(f'{plugin} is still busy with {together} earlier calls', 'wait until they are over', 503)
    seconds = seconds or view_seconds
    def over(): threads[plugin] = threads.get(plugin, 1) - 1
    ident = []
    def run():
        ident.append(threading.get_ident())
        sys.set_coroutine_origin_tracking_depth(origins)
        with limit(seconds): return f(*args, **kw)
    threads[plugin] = threads.get(plugin, 0) + 1
    done = thread(plugin, run, over)
    finished, _ = await asyncio.wait([done], timeout=seconds+1)
    if not finished:
        done.cancel()                       # told here: what becomes of it later is no news
        e = TimeoutError(f'it was still busy after {seconds:g} s; what takes a while belongs in a job')
        raise placed(e, busy_in(ident[0]) if ident else None)
    return done.result()

places = {}                 # {plugin: Semaphore}: see apart
async def apart(plugin, f):
    """Run a step or a job of a plugin in a thread of its own, however long it takes, and await what it returns.
    One that is not awaited any longer keeps its place until it is over: others of the plugin wait for a place."""
    place = places.setdefault(plugin, asyncio.Semaphore(together))
    await place.acquire()
    return await thread(plugin, f, place.release)

class Left(Exception):
    "A call that did not come back and was left behind: nobody waits for it, and nothing it does later counts"
    def __init__(self, at):
        super().__init__(f'it waited too long in line {at[2]} of {at[1]} and was left behind; what takes a while belongs in a job')

class Ended(Exception):
    "`sys.exit`, out of time, or StopIteration: what must not travel on as it is, or it would end the app"
    def __init__(self, e):
        self.was = e
        super().__init__(words(e).partition(' (line')[0])

def beside_us(f, plugin):
    "The same function as a coroutine function: a plain one runs in a thread of its own"
    if inspect.iscoroutinefunction(f): return f
    @functools.wraps(f)
    async def run(*args, **kw):
        out = await beside(plugin, functools.partial(f, *args, **kw))        # one of its words may be called `seconds`
        return await steps(out) if inspect.isawaitable(out) else out
    return run

# keys

def press(tx, a, args):
    "A key's function inside its transaction: an error becomes a refusal with the line, a plugin's own SQL reaches its own tables only"
    try:
        if not of(getattr(a.fn, '__module__', None) or ''): result = a.fn(tx, **args)
        else:
            with fence(tx.conn, a.plugin): result = a.fn(tx, **args)
    except Refused: raise
    except BaseException as e: raise said(a, e) from e
    sayable(a, result)
    went_well(a.plugin, a.name)
    return result
def sayable(a, result):
    "Broke when a plugin's key returns what no line of the roll and no program could be given"
    if not of(getattr(a.fn, '__module__', None) or ''): return
    try: json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as e:
        code = getattr(inspect.unwrap(a.fn), '__code__', None)
        wrong = TypeError(f'it returned what JSON cannot hold: {e}'
                          + (f' (its function begins in line {code.co_firstlineno} of {Path(code.co_filename).name})' if code else ''))
        went_wrong(a.plugin, a.name, wrong)
        raise Broke(f'{a.name} of the plugin {a.plugin} broke: {words(wrong)}',
                    'a key returns text, finite numbers, true or false, None, and lists and dicts of these', trace=words(wrong)) from e
async def press_beside(a, args):
    "The same for a key that is a coroutine"
    try: result = await steps(a.fn(**args))
    except Refused: raise
    except BaseException as e:
        if cancelled(e): raise
        raise said(a, e) from e
    sayable(a, result)
    went_well(a.plugin, a.name)
    return result
def said(a, e):
    "What a key raised, as it is told: Broke when a plugin's code had a hand in it"
    if isinstance(e, apsw.AuthError) and (why := getattr(_fenced, 'why', None)):
        _fenced.why = None
        return Refused(*why, 403)
    if not (blame(e) or isinstance(e, Left)) or isinstance(e, apsw.FullError): return e
    went_wrong(a.plugin, a.name, e)
    return Broke(f'{a.name} broke: {words(e)}', 'nothing was changed; the plugin needs mending', trace=trace(e))

owner = lambda table: None              # set by plugins: the name of the plugin whose table this is
_fenced = threading.local()
_tx = ('q', 'one', 'value', 'run', 'insert', 'insert_many', 'update', 'delete', 'delete_many', 'some', '_again', 'row', 'revert', 'lot',
       'fill', 'exchange')
_written = {apsw.SQLITE_INSERT: 0, apsw.SQLITE_UPDATE: 0, apsw.SQLITE_DELETE: 0, apsw.SQLITE_DROP_TABLE: 0, apsw.SQLITE_CREATE_TABLE: 0,
            apsw.SQLITE_ALTER_TABLE: 1, apsw.SQLITE_CREATE_INDEX: 1, apsw.SQLITE_DROP_INDEX: 1,
            apsw.SQLITE_CREATE_TRIGGER: 1, apsw.SQLITE_DROP_TRIGGER: 1, apsw.SQLITE_CREATE_VTABLE: 0, apsw.SQLITE_DROP_VTABLE: 0,
            apsw.SQLITE_CREATE_VIEW: 0, apsw.SQLITE_DROP_VIEW: 0,
            # what is temporary stands in front of a table of that name, for everybody
            apsw.SQLITE_CREATE_TEMP_TABLE: 0, apsw.SQLITE_DROP_TEMP_TABLE: 0, apsw.SQLITE_CREATE_TEMP_VIEW: 0, apsw.SQLITE_DROP_TEMP_VIEW: 0,
            apsw.SQLITE_CREATE_TEMP_INDEX: 1, apsw.SQLITE_DROP_TEMP_INDEX: 1, apsw.SQLITE_CREATE_TEMP_TRIGGER: 1, apsw.SQLITE_DROP_TEMP_TRIGGER: 1}

@contextmanager
def fence(conn, plugin):
    """While a plugin's own function runs in a transaction, what it says in SQL (or by tx.insert
    and its like) may change its own tables only; our functions, called by it, do as they do"""
    def may(op, a, b, db, trigger):
        if op == apsw.SQLITE_TRANSACTION: why = 'begin, commit and roll back are the key’s', 'raise Refused to have nothing done'
        elif op in (apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH): why = 'other databases cannot be attached here', ''
        elif op == apsw.SQLITE_PRAGMA and b is not None and not a.startswith(('table_', 'index_', 'foreign_key_list')):
            why = f'pragma {a} cannot be set here', ''
        elif op not in _written or trigger: return apsw.SQLITE_OK
        else:
            table = (a, b)[_written[op]] or ''
            whose = owner(table)
            if table.startswith('sqlite_') or whose == plugin or whose is None and (table == plugin or table.startswith(f'{plugin}_')):
                return apsw.SQLITE_OK
            why = (f'{plugin} may not write to {table}, ' + (f'which belongs to {whose}' if whose else 'which is not its own'),
                   f'press its keys instead: act({whose}.…)' if whose else f'a table of its own is named {plugin} or {plugin}_…')
        f = sys._getframe(1)
        while f and f.f_globals.get('__name__') == 'pianola.tx' and f.f_code.co_name in _tx: f = f.f_back
        if not f or not of(f.f_globals.get('__name__', '')): return apsw.SQLITE_OK       # one of our own functions
        _fenced.why = why
        return apsw.SQLITE_DENY
    _fenced.why, conn.authorizer = None, may
    try: yield
    finally:
        if conn.authorizer is may: conn.authorizer = None       # not that of who came after, when this was left behind

# the plugins that hear just now, the outermost first: a line that is written
# meanwhile is told to none of them, or two words would echo for ever
hearing = contextvars.ContextVar('hearing', default=())

held = set()
def hold(coroutine, said):
    "Run it beside us; a task nobody holds may be collected, an error nobody reads is a bug"
    async def run():
        try: await coroutine
        except asyncio.CancelledError: raise
        except BaseException: log.exception(said)         # also a `sys.exit`: out of a task it would end the app
    t = asyncio.create_task(run())
    held.add(t)
    # one that was cancelled before it began is not left open
    t.add_done_callback(lambda t: (held.discard(t), getattr(coroutine, 'close', bool)()))
