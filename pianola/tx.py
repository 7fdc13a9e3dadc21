"What is done to rows in one transaction: SQL, lines of the log, changes that remember how to be taken back, and small things kept by key."
import json, math, re, time, unicodedata
from contextlib import contextmanager
from itertools import groupby
import apsw, msgspec
from .contain import Refused

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
    def revert(self, changes, entry):
        """Take changes back, last first, which this entry of the roll has made; refused
        when a later change stands in the way, so that nobody's work is lost"""
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
        if table := self._set_since(entry, changes):
            raise Refused(f'{table} was changed there since, and is as it is on purpose', 'take the later change back first', 409)
    def _set_since(self, entry, changes):
        """The table in which a later entry of the roll, which stands, has set what these changes set; None when there is none. Values
        do not tell: ticked, unticked and ticked again, a box is as the first tick left it, and as somebody wants it."""
        rows, lots, over = {}, [], set()
        for table, where, cols in map(self._sets, changes):
            if cols and isinstance(where, str): lots.append((table, where, cols))
            elif cols: rows.setdefault((table, where), set()).update(cols)
        if not rows and not lots: return None
        def met(table, where, cols):
            ours = [lot for t, lot, mine in lots if t == table and mine & cols]
            if not isinstance(where, str):
                return rows.get((table, where), set()) & cols or any(self.value(f'select 1 from "{lot}" where id=?', where) for lot in ours)
            ids = json.dumps([i for (t, i), mine in rows.items() if t == table and mine & cols])
            return (self.value(f'select 1 from "{where}" where id in (select value from json_each(?))', ids)
                    or any(self.value(f'select 1 from "{where}" join "{lot}" using (id)') for lot in ours))
        tables = {t for t, _ in rows} | {t for t, *_ in lots}
        named = ([f'["{t}", {i}, ' for t, i in rows] + [f'["{t}", "lot", ' for t in tables] if len(rows) < 10 and not lots
                 else [f'["{t}", ' for t in tables])
        about = ' or '.join(['instr(data, ?)'] * len(named))
        for e in self.q(f"select id, data from log where id>? and kind='action' and ({about}) order by id desc", entry, *named):
            d = msgspec.json.decode(e['data'])
            if e['id'] in over: continue
            if (d.get('undoes') or 0) > entry: over.add(d['undoes'])            # it and what it took back come to nothing
            elif found := next((t for t, i, cols in map(self._sets, map(self._called, d.get('changes') or ())) if cols and met(t, i, cols)), None):
                return found
    def _sets(self, change):
        "(table, number of a row or name of a lot, the columns that a change sets there). Of rows that come or go the values tell enough."
        table, id, before, after = change
        if before is None or after is None: return table, id, set()
        if id != 'lot': return table, id, after.keys() - {'pos'}
        return table, after, {c[1] for c in self.conn.execute(f'pragma table_info("{after}")')} - {'id', 'pos'}
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

# small things, by key

known = {}         # what was read or written last: one process owns the file, so what it knows is true

def look_up(tx, space, key):
    "Read and remember, in the store's thread, where nothing can be written in between"
    value = known[space, key] = tx.value('select value from pair where space=? and key=?', space, key)
    return value
def put(tx, space, key, value):
    "`KV.set` for use inside a transaction"
    text = None if value is None else json.dumps(value)
    tx.after.append(lambda: known.update({(space, key): text}))
    if text is None: tx.run('delete from pair where space=? and key=?', space, key)
    else: tx.run('insert into pair values (?,?,?) on conflict(space,key) do update set value=excluded.value', space, key, text)
def got(tx, space, key, default=None):
    "`KV.get` for use inside a transaction"
    found = tx.value('select value from pair where space=? and key=?', space, key)
    return default if found is None else json.loads(found)

# text as rows have it

def sound(v):
    "A value as rows can keep it: half characters are replaced; a number that is none or does not fit is an error"
    if isinstance(v, str): return v.encode('utf-8', 'replace').decode()
    if isinstance(v, list): return [*map(sound, v)]
    if isinstance(v, dict): return {sound(k): sound(x) for k, x in v.items()}
    if isinstance(v, float) and not math.isfinite(v) or isinstance(v, int) and not -2**63 <= v < 2**63: raise ValueError('a number is too large')
    return v

def clipped(text, most):
    "A text of at most so many characters; one that was longer says so"
    return text if len(text) <= most else text[:most-1].rstrip() + '…'

def brackets(text):
    "How many lists and objects JSON (text or bytes) may hold: they are what makes it many times as large in memory"
    return sum(map(text.count, '[{' if isinstance(text, str) else (b'[', b'{')))

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
