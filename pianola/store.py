"""What is true: one SQLite file, owned by one thread, one transaction a call; and the log, in which everything that happens leaves one line.

    change = await store.write(f)      f(tx) runs in the store's thread; commit, then every listener hears the new lines, in order
    rows   = await store.read(f)       the same without a transaction of its own

The log is the only sequence there is: actions, messages, growing replies, opened plugins. A tab that was away says the last number it saw."""
import asyncio, errno, json, os, queue, sqlite3, sys, tempfile, threading, time
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
import apsw, apsw.ext
spared = [m for m in ('pandas', 'numpy') if m not in sys.modules]
# fastlite's ground loads them where they are installed: half a second and 60 MB for features we do not use
sys.modules.update(dict.fromkeys(spared))
from fastlite import database
for m in spared: del sys.modules[m]
from loguru import logger as log
from . import contain
from .contain import Ended, Left, Refused, TimeUp, limit
from .config import details
from .schema import made, migrations
from .tx import Tx, fold, known, look_up, put, spaced

class Store:
    "The one database. Everything that touches SQLite runs in its thread, one call after another."
    def __init__(self): self.listeners, self.pool, self.db = [], None, None

    def on(self, f):
        "Decorator: call f(event) on the event loop after every kept line, in order. It must not block."
        self.listeners.append(f)
        return f

    async def open(self, folder):
        "Open (or make) the database in `folder`; a second server on the same folder is refused"
        self.folder, self.loop = Path(folder), asyncio.get_running_loop()
        known.clear()
        self.pool = Lane('store')
        await self.pool(self._open)

    def _open(self):
        room(self.folder)
        path = self.folder/'pianola.db'
        try:
            self.lock = sqlite3.connect(self.folder/'lock', timeout=0, isolation_level=None, check_same_thread=False)
            self.lock.execute('begin exclusive')      # held for life and let go by the system, whatever ends us
        except sqlite3.OperationalError as e:
            if 'locked' in str(e):
                raise Refused(f'another Pianola is running with {self.folder}',
                              'use that one, stop it, or give this one its own --data folder') from None
            raise Refused(f'{self.folder} cannot be written: {e}', elsewhere) from None
        apsw.connection_hooks[:] = [connected]         # fastlite's own hook comes too late for the busy timeout and runs a slow `optimize`
        try:
            self.db = database(path)
            self.conn, self.full, self.tx, self.place = self.db.conn, False, None, (path, path.stat().st_ino)
            self.conn.set_progress_handler(lambda: self.tx is not None and self.tx.late, 100_000)
            if os.name == 'posix': path.chmod(0o600)
            self._migrate(path)
        except apsw.Error as e: raise unopened(self.folder, e) from None

    def _migrate(self, path):
        at = self.conn.pragma('user_version')
        if at > len(migrations): raise Refused(f'{path} was made by a newer Pianola', 'update Pianola, or start with another --data folder')
        if 0 < at < len(migrations): self._backup(self.folder/'backups'/f'before-{at+1}-{time.strftime("%Y%m%d-%H%M%S")}.db')
        for n in range(at, len(migrations)):
            with self.conn:
                if at: self._aside(migrations[n])
                self.conn.execute(migrations[n])
                self.conn.pragma('user_version', n+1)
        for n, in self.conn.execute('select id from lot where not kept').fetchall():        # of an import that never came to its end
            self.conn.execute(f'drop table if exists "lot {n}"; delete from lot where id={n}')

    def _aside(self, migration):
        """A plugin's table with a name that this version needs for itself makes
        room, with its rows, as my_NAME; the plugin's card says what to write then"""
        for kind, name in made.findall(migration):
            was = kind == 'table' and self.conn.execute("select name from sqlite_master where type='table' and name=? collate nocase",
                                                        (name,)).fetchone()
            if not was: continue
            there = {t.lower() for t, in self.conn.execute('select name from sqlite_master')}
            to = next(t for t in (f'my_{was[0]}', *(f'my_{was[0]}_{n}' for n in range(2, 1000))) if t.lower() not in there)
            self.conn.execute(f'alter table "{was[0]}" rename to "{to}"; drop index if exists "{was[0]}_by_pos"')
            self.conn.execute("update or replace pair set key=? where space in ('schema','chosen','renamed','grown') and key=?", (to, was[0]))
            self.conn.execute('update or replace last_id set name=? where name=?', (to, was[0]))
            log.warning('Pianola needs the name {} for a table of its own now: '
                        'the table of a plugin that had it is called {}, with all its rows', was[0], to)

    def _backup(self, to):
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = to.with_suffix('.part')
        part.unlink(missing_ok=True)
        self.conn.execute('vacuum into ?', (str(part),))
        os.replace(part, to)
        return to
    async def backup(self, to):
        "A whole, consistent copy of the database at `to`, while everything runs"
        return await self.pool(self._backup, Path(to))

    def _still_there(self):
        "What is written into a file that was deleted or moved away is gone, though SQLite takes it: Moved instead"
        path, place = self.place
        try: there = os.stat(path).st_ino == place
        except OSError: there = False
        if not there: raise Moved(f'{path} is not the file that was opened')
    def _write(self, f, args, durable, through=()):
        self._still_there()
        if durable != self.full:                      # a power cut may take the last second of a growing reply, never an acknowledged action
            self.conn.pragma('synchronous', 'full' if durable else 'normal')
            self.full = durable
        tx = Tx(self.conn)
        self.conn.execute('begin immediate')
        try:
            result = self._ours(f, tx, *args)
            tx.conn.execute('commit')
        except BaseException as e:
            if tx.conn is self.conn and self.conn.in_transaction: self.conn.execute('rollback')
            # a trigger's word
            if isinstance(e, apsw.ConstraintError) and 'is locked' in str(e):
                raise Refused(str(e).partition(': ')[2] or str(e), 'unlock it first', 409) from None
            raise
        finally:
            if tx.many: self.conn.wal_autocheckpoint(1000)
        for f in tx.after: f()
        if tx.events:
            next((e for e in reversed(tx.events) if e.kind == 'action'), tx.events[-1]).rows = tx.rows
            for e in tx.events: e.through = through
            self.loop.call_soon_threadsafe(self._tell, tx.events)     # here, not in the caller: lines are heard in the order they were kept
        return result
    def _ours(self, f, tx, *args):
        """Run f here, in the one thread there is: plugin code that holds it too long is
        interrupted or, where it does not hear, left behind; and nothing in it ends the app"""
        try:
            self.tx = tx
            with limit(contain.key_seconds, stuck=lambda *said: self._stuck(tx, *said)): return f(tx, *args)
        except (StopIteration, SystemExit, KeyboardInterrupt, TimeUp) as e: raise Ended(e).with_traceback(e.__traceback__) from e
        finally:
            if self.tx is tx: self.tx = None
    def _stuck(self, tx, at, tries):
        """From the watching thread: a question to SQLite is broken off; what waits elsewhere gets no more
        than three seconds over its time, then its transaction is taken back and the store goes on without it"""
        tx.late = True
        if tries < 3 or tx.conn is not self.conn: return False
        tx.conn = Dead()
        try:
            if self.conn.in_transaction: self.conn.execute('rollback')
            self.conn.authorizer = None
        except apsw.Error:
            tx.conn = self.conn        # it is in SQLite just now: tried again in a second
            raise
        log.error('a key of the plugin {} did not come back from line {} of {} and was left behind', at[0], at[2], at[1])
        self.pool.leave(Left(at))
        return True
    def _tell(self, events):
        for e in events:
            for f in self.listeners:
                try: f(e)
                except Exception: log.exception(f'{f.__module__}.{f.__name__} could not hear {e.kind} {e.what}')

    async def write(self, f, *args, durable=True):
        "Run f(tx, *args) as one transaction and give back its result; listeners have heard by then"
        return await self.pool(self._write, f, args, durable, contain.hearing.get())
    async def kept(self, f, *args):
        "The same for what must not be lost, as the end of what ran: while the file cannot be written it is tried again, until the app ends"
        said = False
        while self.pool:
            try: return await self.write(f, *args)
            except away as e:
                if not said: log.error('what has ended is kept as soon as that can be: {}', e)
                said = True
            await asyncio.sleep(again_s)
    async def read(self, f, *args):
        "Run f(tx, *args) for reading only"
        return await self.pool(lambda: self._ours(f, Tx(self.conn), *args))
    async def q(self, sql, *args): return await self.read(lambda tx: tx.q(sql, *args))
    async def last(self):
        "The number of the newest line of the log"
        return await self.read(lambda tx: tx.value('select max(id) from log') or 0)

    async def close(self):
        if not self.pool: return
        def shut():
            if self.db: self.conn.close()
            self.lock.close()
        await self.pool(shut)
        self.pool.end()
        self.pool = self.db = None

# what says that the file cannot be written just now: another program holds it, the disk is full or gone
away = apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError
again_s = 2                 # between two tries then

store = Store()

class KV:
    "Small things to remember, by key: `await kv.get('last', 0)`, `await kv.set('last', 5)`. Each plugin has its own space."
    def __init__(self, space): self.space = space
    async def get(self, key, default=None):
        value = known.get((self.space, key), known)
        if value is known: value = await store.read(look_up, self.space, key)
        return default if value is None else json.loads(value)
    async def set(self, key, value):
        "Keep anything JSON can say; None forgets the key"
        await store.write(put, self.space, key, value)

kv = KV('app')

# its one thread

class Lane:
    "One thread in which calls run one after another. A call that never comes back can be left behind; those that wait go on in a new thread."
    def __init__(self, name):
        self.name, self.calls, self.now = name, queue.SimpleQueue(), None
        self.begin()
    def begin(self):
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()
    def __call__(self, f, *args):
        "Run f(*args) in the thread; awaited, its result"
        self.calls.put((done := Future(), f, args))
        return asyncio.wrap_future(done)
    def _run(self):
        me = threading.current_thread()
        while self.thread is me and (call := self.calls.get()):
            done, f, args = call
            if not done.set_running_or_notify_cancel(): continue
            self.now = done
            try: value, error = f(*args), None
            except BaseException as e: value, error = None, e
            if self.thread is not me: return
            self.now = None
            try: done.set_exception(error) if error else done.set_result(value)
            except InvalidStateError: return
            del call, done, f, args, value, error
    def leave(self, error):
        "What runs now gets this error, and the next call begins"
        if not (done := self.now): return
        self.begin()
        try: done.set_exception(error)
        except InvalidStateError: pass        # it came back just now
    def end(self):
        self.calls.put(None)
        self.thread.join()

class Moved(apsw.ReadOnlyError): "The file of the database is no longer where it was opened"

class Dead:
    "The connection of a call that was left behind: it ends at its next word to the database"
    def __getattr__(self, name): raise TimeUp

# its folder

elsewhere = 'name another folder with --data (or PIANOLA_DATA)'
def full(folder): return f'the disk of {folder} is full', f'make room, or {elsewhere}'
def unusable(folder, e):
    "What an OSError about the folder of data says to who started us: a Refused"
    if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG): return Refused(*full(folder))
    if e.errno in (errno.EEXIST, errno.ENOTDIR): return Refused(f'{folder} is a file, or would be in one, and data need a folder', elsewhere)
    what = getattr(e, 'filename2', None) or e.filename or folder
    if e.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refused(f'{what} may not be written to by you', f'give yourself the right to, or {elsewhere}')
    return Refused(f'{what} cannot be used: {e.strerror or e}', f'see what is there, or {elsewhere}')
def unopened(folder, e):
    "The same of what SQLite says, as the app starts"
    path = folder/'pianola.db'
    if isinstance(e, (apsw.NotADBError, apsw.CorruptError)):
        return Refused(f'{path} is damaged ({e})', f"move it away to start empty, or put a copy from {folder/'backups'} in its place")
    if isinstance(e, apsw.FullError): return Refused(*full(folder))
    return Refused(f'{path} cannot be opened: {e}', f'see that it is a file you may write to, or {elsewhere}')
def unkept(e, folder):
    "What SQLite says of a write while the app runs: (what is wrong, what would be right, the status of an answer)"
    path = folder/'pianola.db'
    if isinstance(e, Moved):
        return f'{path} was deleted or moved away while Pianola runs', 'end Pianola and start it again, or put the file back', 503
    if isinstance(e, (apsw.FullError, apsw.IOError)):
        return f'this cannot be kept: {e}', 'make room on the disk that holds the data folder, then do it again', 507
    if isinstance(e, (apsw.BusyError, apsw.LockedError)):
        return f'another program keeps {path} locked', 'end what has it open, then do it again', 503
    if isinstance(e, apsw.ConstraintError): return f'this does not go with what is there: {e}', 'see what is there now; nothing was changed', 409
    if isinstance(e, (apsw.ReadOnlyError, apsw.PermissionsError, apsw.CantOpenError)):
        return f'{path} cannot be written to: {e}', 'give yourself the right to write there, then do it again', 507
    if isinstance(e, (apsw.NotADBError, apsw.CorruptError)): return (unopened(folder, e).text, unopened(folder, e).hint, 500)
    return f'the database refuses this: {e}', f'nothing was changed; {details()}', 500
def room(folder):
    """Make the folder of data where it is missing, for its owner alone, and see
    that there is room in it; Refused says why it cannot be used and what to do"""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # git or the user made it; never /tmp
        if os.name == 'posix' and (there := folder.stat()).st_uid == os.getuid() and not there.st_mode & 0o1000: folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder) as f: f.write(bytes(4096))
    except OSError as e: raise unusable(folder, e) from None

# its connection

def connected(conn):
    "apsw's hook for each new connection: wait for a lock before anything else, keep the log ahead of the data"
    conn.set_busy_timeout(10_000)
    conn.create_scalar_function('fold', fold, 1, deterministic=True)
    conn.create_scalar_function('spaced', spaced, 1, deterministic=True)
    for p in ('journal_mode=wal', 'synchronous=normal', 'foreign_keys=on', 'temp_store=memory', 'cache_size=-4000'): conn.execute(f'pragma {p}')
