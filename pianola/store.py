"""What is true: one SQLite file, owned by one thread, one transaction a call; and the log, in which everything that happens leaves one line.

    change = await store.write(f)      f(tx) runs in the store's thread; commit, then every listener hears the new lines, in order
    rows   = await store.read(f)       the same without a transaction of its own

The log is the only sequence there is: actions, messages, growing replies, opened plugins. A tab that was away says the last number it saw."""
import asyncio, errno, json, math, os, queue, re, sqlite3, sys, tempfile, threading, time, unicodedata
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
import apsw, apsw.ext, msgspec
spared = [m for m in ('pandas', 'numpy') if m not in sys.modules]
# fastlite's ground loads them where they are installed: half a second and 60 MB for features we do not use
sys.modules.update(dict.fromkeys(spared))
from fastlite import database
for m in spared: del sys.modules[m]
from loguru import logger as log
from . import contain
from .contain import Ended, Left, Refused, TimeUp, limit

class Event(msgspec.Struct):
    "One line of the log. `rows` is what the tables hold now, {(table, id): row or None}; it is told to listeners and not stored."
    id: int
    at: float
    kind: str                   # action, message, piece, open, note, memory, conversation, approval
    by: str = 'app'
    what: str = ''
    ref: int | None = None
    text: str = ''
    data: dict = {}
    rows: dict = {}
    through: tuple = ()         # the plugins that wrote it while they heard another line; not stored

migrations = ["""
create table log(id integer primary key autoincrement, at real not null, kind text not null, by text not null, what text not null default '',
  ref integer, text text not null default '', data text, key text unique);
create index log_kind on log(kind, id);
create index log_ref on log(ref, id) where ref is not null;
create table pair(space text not null, key text not null, value text not null, primary key(space, key)) without rowid;
create table last_id(name text primary key, id integer not null) without rowid;
create table conversation(id integer primary key, title text not null default '', head integer, created real not null, used real not null,
  memory integer, summary text not null default '', deleted integer not null default 0);
create table message(id integer primary key, conversation integer not null references conversation(id), parent integer, role text not null,
  text text not null default '', thinking text not null default '', status text not null default 'done', engine text not null default '',
  model text not null default '', at real not null, ended real, stats text, error text, prelude text not null default '', prompt text, played integer not null default 1);
create index message_parent on message(parent);
create index message_conversation on message(conversation, id);
create index message_open on message(status) where status='streaming';
create index message_unplayed on message(played) where played=0;
create table told(hash text primary key, body text not null) without rowid;
create virtual table message_fts using fts5(text, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
create trigger message_ai after insert on message when new.status!='streaming' begin insert into message_fts(rowid, text) values (new.id, new.text); end;
create trigger message_au after update of text, status on message when new.status!='streaming' begin
  insert into message_fts(message_fts, rowid, text) select 'delete', old.id, old.text where old.status!='streaming';
  insert into message_fts(rowid, text) values (new.id, new.text); end;
create trigger message_again after update of status on message when new.status='streaming' and old.status!='streaming' begin
  insert into message_fts(message_fts, rowid, text) values ('delete', old.id, old.text); end;
create table approval(id integer primary key, at real not null, by text not null, action text not null, args text not null, text text not null,
  rows text not null, status text not null default 'waiting', message integer, roll integer);
create index approval_message on approval(message) where message is not null;
""", """
alter table approval add column why text not null default '';
alter table approval add column choice integer;
create table label(id integer primary key, at real not null, message integer, text text not null, action text not null, args text not null, verdict text not null, pattern text not null default '', sets text not null default '');
create index label_pattern on label(pattern) where pattern!='';
create table learned(id integer primary key, at real not null, pattern text not null unique, action text not null, sets text not null);
""", """
create table job(id integer primary key autoincrement, at real not null, title text not null, plugin text not null, name text not null, args text not null, runs text not null, state text not null default 'waiting', text text not null default '',
  done integer, total integer, attempt integer not null default 0, retries integer not null default 0, timeout real, key text unique, run integer, step text, by text not null default 'user', message integer, code text not null default '', began real,
  since real, since_done integer, ended real, result text, error text, pid integer, lease real not null default 0, cancel integer not null default 0, next_at real);
create index job_open on job(state) where state in ('waiting','running','ending');
create table unit(job integer not null, name text not null, value text not null, at real not null, primary key(job, name));
create table job_event(id integer primary key autoincrement, job integer not null, at real not null, kind text not null, text text not null default '', data text);
create index job_event_job on job_event(job, id);
create table schedule(id integer primary key, title text not null, action text not null, args text not null, every text not null, next_at real not null, active integer not null default 1);
""", """
create table run(id integer primary key, flow text not null, name text not null default '', head integer, redo text, created real not null, origin integer,
  locked integer not null default 0, deleted integer not null default 0);
create index run_flow on run(flow, deleted);
create table answer(id integer primary key, run integer not null references run(id), step text not null, parent integer, status text not null, inputs text not null,
  used text not null default '{}', result text, error text, code text not null default '', work integer, job integer, at real not null, ended real);
create index answer_run on answer(run, id);
create index answer_parent on answer(parent);
create index answer_running on answer(work) where status='running';
create table draft(run integer not null, step text not null, data text not null, tried integer not null default 0, primary key(run, step)) without rowid;
create table fold(run integer not null, step text not null, open integer not null, primary key(run, step)) without rowid;
create trigger answer_locked before insert on answer when (select locked from run where id=new.run) begin select raise(abort, 'the run is locked'); end;
create trigger run_locked before update of head, redo on run when old.locked and new.locked and (new.head is not old.head or new.redo is not old.redo) begin select raise(abort, 'the run is locked'); end;
""", """
create table setting(id integer primary key, plugin text not null unique, data text not null default '{}');
create table prompt_text(id integer primary key, name text not null unique, text text not null);
""", """
alter table message add column brings text;
alter table run add column follows integer;
alter table schedule add column missed text not null default 'once';
alter table schedule add column said text not null default '';
""", """
alter table job add column far text not null default '';
alter table job add column heard integer not null default 0;
create index job_far on job(far) where far!='';
""", """
alter table job add column cleared real;
""", """
create table lot(id integer primary key autoincrement, kept integer not null default 0);
""", """
create table mark(message integer primary key, conversation integer not null, room integer not null, summary text not null default '', reach integer not null);
create index mark_conversation on mark(conversation, message);
alter table conversation add column room integer not null default 0;
insert into mark select memory, id, 1, summary, memory from conversation where memory is not null;
update conversation set room=1 where memory is not null;
""", """
create virtual table message_signs using fts5(text, tokenize='unicode61 remove_diacritics 2');
create trigger message_signs_ai after insert on message when new.status!='streaming' begin
  insert into message_signs(rowid, text) select new.id, t from (select spaced(new.text) as t) where t is not null; end;
create trigger message_signs_au after update of text, status on message begin
  delete from message_signs where rowid=old.id;
  insert into message_signs(rowid, text) select new.id, t from (select spaced(new.text) as t) where t is not null and new.status!='streaming'; end;
insert into message_signs(rowid, text) select id, t from (select id, spaced(text) as t from message where status!='streaming') where t is not null;
""", """
update prompt_text set name='questions/'||name where name in ('explain','mend','summary','record','part','new');
update log set data=json_set(data, '$.args.name', 'questions/'||json_extract(data, '$.args.name')) where kind='action' and what='prompts.write'
  and json_extract(data, '$.args.name') in ('explain','mend','summary','record','part','new');
"""]
made = re.compile(r'create (?:virtual )?(table|index|trigger|view) (?:if not exists )?"?(\w+)', re.I)        # what these make: (kind, name)

def fold(v):
    "Text as it is searched and sorted: without case and accents"
    if v is None: return ''
    v = str(v).casefold()
    return v if v.isascii() else ''.join(c for c in unicodedata.normalize('NFKD', v) if not unicodedata.combining(c))

_signs = re.compile('([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff'
                    '\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])')
def spaced(text):
    """Text of scripts that write no spaces between words (Chinese, Japanese, Thai, …) with each
    sign as a word of its own, so that any part of it can be found; None where there is no such sign"""
    return _signs.sub(r' \1 ', unicodedata.normalize('NFKC', text)) if text and not text.isascii() and _signs.search(text) else None

def _connect(conn):
    "apsw's hook for each new connection: wait for a lock before anything else, keep the log ahead of the data"
    conn.set_busy_timeout(10_000)
    conn.create_scalar_function('fold', fold, 1, deterministic=True)
    conn.create_scalar_function('spaced', spaced, 1, deterministic=True)
    for p in ('journal_mode=wal', 'synchronous=normal', 'foreign_keys=on', 'temp_store=memory', 'cache_size=-4000'): conn.execute(f'pragma {p}')

class Tx:
    "What a function of `store.write` is given: SQL, the log, and changes to rows that remember how to be taken back"
    def __init__(self, conn):
        self.conn, self.events, self.changes, self.rows, self.after, self.late, self.many, self.found = conn, [], [], {}, [], False, False, {}

    def q(self, sql, *args):
        "All rows of a query as dicts"
        cur = self.conn.execute(sql, args)
        try: names = [d[0] for d in cur.get_description()]
        except apsw.ExecutionCompleteError: return []
        return [dict(zip(names, r)) for r in cur]
    def one(self, sql, *args):
        "The first row as a dict, or None"
        return next(iter(self.q(sql, *args)), None)
    def value(self, sql, *args):
        "The first column of the first row, or None"
        cur = self.conn.execute(sql, args)
        row = cur.fetchone()
        cur.close(True)
        return row[0] if row else None
    def run(self, sql, *args): self.conn.execute(sql, args)

    def log(self, kind, what='', *, by='app', ref=None, text='', data=None, key=None, at=None):
        "Leave a line; its number comes back. Told to the listeners once the transaction is kept."
        at = at or time.time()
        self.conn.execute('insert into log(at,kind,by,what,ref,text,data,key) values (?,?,?,?,?,?,?,?)',
                          (at, kind, by, what, ref, text, json.dumps(data, ensure_ascii=False) if data else None, key))
        e = Event(self.conn.last_insert_rowid(), at, kind, by, what, ref, text, data or {})
        self.events.append(e)
        return e.id

    @contextmanager
    def attempt(self):
        "What raises in here is taken back whole, also what was to be told of it; an error of the database itself ends the transaction"
        self.run('savepoint attempt')
        events, changes, after, rows, gone = len(self.events), len(self.changes), len(self.after), dict(self.rows), False
        try: yield
        except apsw.Error:
            gone = not self.conn.in_transaction       # a full disk: SQLite has taken back everything, and that is what is to be heard
            raise
        except Exception:
            self.run('rollback to attempt')
            del self.events[events:], self.changes[changes:], self.after[after:]
            self.rows, self.found = rows, {}
            raise
        finally:
            if not gone: self.run('release attempt')

    def once(self, key, find):
        "What find() reads from rows: looked up once, and anew when one was inserted, updated, deleted or exchanged since (not by bare SQL)"
        if (at := (key, len(self.changes))) not in self.found: self.found[at] = find()
        return self.found[at]

    def new_id(self, table):
        "The next number of a table. Never one that was used before, so that taking back a delete cannot meet a stranger."
        n = max(self.value('select id from last_id where name=?', table) or 0, self.value(f'select max(id) from "{table}"') or 0) + 1
        self.conn.execute('insert into last_id(name,id) values (?,?) on conflict(name) do update set id=excluded.id', (table, n))
        return n
    def row(self, table, id): return self.one(f'select * from "{table}" where id=?', id)

    def insert(self, table, values):
        "A new row; it comes back whole"
        values = {'id': values.get('id') or self.new_id(table), **{k: v for k, v in values.items() if k != 'id'}}
        names = ','.join(f'"{k}"' for k in values)
        self.conn.execute(f'insert into "{table}"({names}) values ({",".join("?"*len(values))})', tuple(values.values()))
        row = self.row(table, values['id'])
        self.changes.append([table, row['id'], None, row])
        self.rows[table, row['id']] = row
        return row
    def insert_many(self, table, rows):
        "New rows, all with the same columns and without numbers; the numbers they got"
        if not rows: return []
        first = self.new_id(table)
        ids, names = range(first, first + len(rows)), ['id', *rows[0]]
        self.run('update last_id set id=? where name=?', ids[-1], table)
        cols = ','.join(f'"{k}"' for k in names)
        self.conn.executemany(f'insert into "{table}"({cols}) values ({",".join("?"*len(names))})', [(i, *r.values()) for i, r in zip(ids, rows)])
        for row in self.q(f'select * from "{table}" where id between ? and ?', ids[0], ids[-1]):
            self.changes.append([table, row['id'], None, row])
            self.rows[table, row['id']] = row
        return [*ids]
    def update(self, table, id, values):
        "Change some columns of a row; it comes back whole"
        old = self.row(table, id)
        if old is None: raise Refused(f'{table} has no row {id}', 'list the rows to see the numbers there are', 404)
        new = {k: v for k, v in values.items() if old.get(k) != v}
        if new:
            self.conn.execute(f'update "{table}" set {",".join(f"""{chr(34)}{k}{chr(34)}=?""" for k in new)} where id=?', (*new.values(), id))
            self.changes.append([table, id, {k: old[k] for k in new}, new])
        row = self.rows[table, id] = {**old, **new}
        return row
    def delete(self, table, id):
        "Remove a row; it comes back as it was"
        old = self.row(table, id)
        if old is None: raise Refused(f'{table} has no row {id}', 'list the rows to see the numbers there are', 404)
        self.conn.execute(f'delete from "{table}" where id=?', (id,))
        self.changes.append([table, id, old, None])
        self.rows[table, id] = None
        return old
    def some(self, table, ids):
        "{number: row} of those of these rows that are there"
        return {r['id']: r for r in self.q(f'select * from "{table}" where id in (select value from json_each(?))', json.dumps(ids))}
    def delete_many(self, table, ids):
        "Remove these rows; they come back as they were"
        there = self.some(table, ids)
        if lost := next((i for i in ids if i not in there), None):
            raise Refused(f'{table} has no row {lost}', 'list the rows to see the numbers there are', 404)
        self.run(f'delete from "{table}" where id in (select value from json_each(?))', json.dumps(ids))
        for i in ids:
            self.changes.append([table, i, there[i], None])
            self.rows[table, i] = None
        return [there[i] for i in ids]
    def lot(self, table, columns, rows=(), ids=None):
        """A side table with some columns of some rows [(id, value, …)] of a table, or of those
        with these numbers as they are now, for `exchange`; its name. More rows may be put into it
        in transactions of their own, before; what is never exchanged is gone with the next start."""
        self.run('insert into lot default values')
        name = f'lot {self.conn.last_insert_rowid()}'
        self.run(f'create table "{name}"(id integer primary key{"".join(f""", "{c}" """ for c in columns)})')
        if rows: self.fill(name, rows)
        if ids:
            self.run(f'insert into "{name}" select id{"".join(f""", "{c}" """ for c in columns)} from "{table}" '
                     f'where id in (select value from json_each(?))', json.dumps(ids))
        return name
    def fill(self, lot, rows):
        "Put rows [(id, value, …)] into a lot"
        self.conn.executemany(f'insert into "{lot}" values ({",".join("?"*len(rows[0]))})', rows)
    def exchange(self, table, before, after):
        """Many rows at once: those of the lot `after` come where those of the lot `before` were (None: where nothing was, or
        to have nothing). One change, quick and taken back as one; Refused when the rows are no longer as `before` has them"""
        there = {c[1] for c in self.conn.execute(f'pragma table_info("{table}")')}
        names = [c[1] for c in self.conn.execute(f'pragma table_info("{after or before}")') if c[1] in there and c[1] != 'id']
        cols = ','.join(f'"{c}"' for c in names)
        n, lo, hi = self.conn.execute(f'select count(*), min(id), max(id) from "{before or after}"').fetchone()
        near = self.value(f'select count(*) from "{table}" where id between ? and ?', lo, hi) if n else 0
        ids = f'between {lo} and {hi}' if before and n == near else f'in (select id from "{before or after}")'
        if not before and near and self.value(f'select 1 from "{after}" a join "{table}" t on t.id=a.id limit 1'):
            raise Refused(f'some of these rows of {table} are there again already', status=409)
        other = ''.join(f'or t."{c}" is not b."{c}" ' for c in names if c != 'pos')
        if before and (n := self.value(f'select count(*) from "{before}" b left join "{table}" t on t.id=b.id where t.id is null {other}')):
            raise Refused(f"{n:,} {'row' if n == 1 else 'rows'} of {table} {'was' if n == 1 else 'were'} changed since",
                          'take the later change back first', 409)
        if not before: self.run(f'insert into "{table}"(id{"," if cols else ""}{cols}) select id{"," if cols else ""}{cols} from "{after}"')
        elif not after: self.run(f'delete from "{table}" where id {ids}')
        else: self.run(f'update "{table}" set ({cols})=(select {cols} from "{after}" l where l.id="{table}".id) where id {ids}')
        self.many = True
        self.conn.wal_autocheckpoint(20_000)            # tidying up after that much is left to whoever writes next
        for lot in filter(None, (before, after)): self.run('update lot set kept=1 where id=?', int(lot[4:]))
        self.changes.append([table, 'lot', before, after])
        self.rows[table, 'lot'] = {}
    def revert(self, changes):
        "Take changes back, last first; refused when a later change stands in the way, so that nobody's work is lost"
        kind = lambda c: (c[0], c[1] == 'lot', c[2] is None, c[3] is None)
        changes = [self._called(c) for c in changes]
        # thousands of rows that went with their owner come back at once
        for (table, lot, came, went), run in groupby(reversed(changes), kind):
            if lot:
                for _, _, before, after in run: self.exchange(table, after, before)
                continue
            many = came or went
            run = [*run] if many else run
            there = self.some(table, [c[1] for c in run]) if many else {}
            for _, id, before, after in run:
                now = there.get(id) if many else self.row(table, id)
                if went and now is not None: raise Refused(f'{table} {id} is there again already', status=409)
                # a row that only moved is the same row
                if not went and (now is None or any(now.get(k) != v for k, v in after.items() if k != 'pos')):
                    raise Refused(f'{table} {id} was changed since', 'take the later change back first', 409)
                if not many: self.update(table, id, before)
            if came: self.delete_many(table, [c[1] for c in run])
            elif went: self._again(table, [c[2] for c in run])
    def _called(self, change):
        "A change with the columns that had another name then under the one they have now"
        table, id, *values = change
        if not (renamed := got(self, 'renamed', table)): return change
        there = {c[1] for c in self.conn.execute(f'pragma table_info("{table}")')}
        for old in (k for k in renamed if k not in there):
            k = old
            while k not in there and k in renamed: k = renamed[k]
            for n, v in enumerate(values):
                if id != 'lot':
                    if v and old in v: values[n] = {x: y for x, y in v.items() if x != old} | ({k: v[old]} if v.get(k) in (None, '') else {})
                elif v and old in (have := {c[1] for c in self.conn.execute(f'pragma table_info("{v}")')}):
                    if k not in have: self.run(f'alter table "{v}" rename column "{old}" to "{k}"')
                    else: self.run(f"""update "{v}" set "{k}"="{old}" where "{k}" is null or "{k}"=''""")
        return [table, id, *values]
    def _again(self, table, rows):
        "Rows that were there before, with their numbers"
        for names, alike in groupby(rows, tuple):
            some, cols = [*alike], ','.join(f'"{k}"' for k in names)
            self.conn.executemany(f'insert into "{table}"({cols}) values ({",".join("?"*len(names))})', [tuple(r.values()) for r in some])
        whole = self.some(table, [r['id'] for r in rows])
        for r in rows:
            self.changes.append([table, r['id'], None, whole[r['id']]])
            self.rows[table, r['id']] = whole[r['id']]

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

class Dead:
    "The connection of a call that was left behind: it ends at its next word to the database"
    def __getattr__(self, name): raise TimeUp

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
def room(folder):
    """Make the folder of data where it is missing, for its owner alone, and see
    that there is room in it; Refused says why it cannot be used and what to do"""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # git or the user made it; never /tmp
        if os.name == 'posix' and (there := folder.stat()).st_uid == os.getuid() and not there.st_mode & 0o1000: folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder) as f: f.write(bytes(4096))
    except OSError as e: raise unusable(folder, e) from None

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
        _known.clear()
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
        apsw.connection_hooks[:] = [_connect]         # fastlite's own hook comes too late for the busy timeout and runs a slow `optimize`
        try:
            self.db = database(path)
            self.conn, self.full, self.tx = self.db.conn, False, None
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

    def _write(self, f, args, durable, through=()):
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

store = Store()

def sound(v):
    "A value as rows can keep it: half characters are replaced; a number that is none or does not fit is an error"
    if isinstance(v, str): return v.encode('utf-8', 'replace').decode()
    if isinstance(v, list): return [*map(sound, v)]
    if isinstance(v, dict): return {sound(k): sound(x) for k, x in v.items()}
    if isinstance(v, float) and not math.isfinite(v) or isinstance(v, int) and not -2**63 <= v < 2**63: raise ValueError('a number is too large')
    return v

class KV:
    "Small things to remember, by key: `await kv.get('last', 0)`, `await kv.set('last', 5)`. Each plugin has its own space."
    def __init__(self, space): self.space = space
    async def get(self, key, default=None):
        value = _known.get((self.space, key), _known)
        if value is _known: value = await store.read(_learn, self.space, key)
        return default if value is None else json.loads(value)
    async def set(self, key, value):
        "Keep anything JSON can say; None forgets the key"
        await store.write(put, self.space, key, value)

_known = {}         # what was read or written last: one process owns the file, so what it knows is true

def _learn(tx, space, key):
    "Read and remember, in the store's thread, where nothing can be written in between"
    value = _known[space, key] = tx.value('select value from pair where space=? and key=?', space, key)
    return value

def put(tx, space, key, value):
    "`KV.set` for use inside a transaction"
    text = None if value is None else json.dumps(value)
    tx.after.append(lambda: _known.update({(space, key): text}))
    if text is None: tx.run('delete from pair where space=? and key=?', space, key)
    else: tx.run('insert into pair values (?,?,?) on conflict(space,key) do update set value=excluded.value', space, key, text)
def got(tx, space, key, default=None):
    "`KV.get` for use inside a transaction"
    found = tx.value('select value from pair where space=? and key=?', space, key)
    return default if found is None else json.loads(found)

kv = KV('app')
