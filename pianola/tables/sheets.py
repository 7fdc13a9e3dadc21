"""Rows in and out as CSV and JSON: a file is read and its columns are matched,
what does not fit is named line by line, and what goes out comes in again the same.

    sheet = read(file)                             columns and lines of a CSV, TSV, JSON or JSON Lines file
    found = lines(table, sheet, map)               each line as a row, and what does not fit in it
    good, wrong = settle(tx, table, found, map)    the rows as the table keeps them, and the sentences about the others"""
import asyncio, codecs, contextlib, csv, gc, io, json, re, threading, time
from collections import Counter
from dataclasses import dataclass
from ..store import Refused, store
from ..tx import brackets, fold, sound

biggest, most, widest = 50_000_000, 200_000, 500           # bytes of a file, lines and columns of it

@dataclass
class Sheet:
    "What was in a file: `lines` are (number of the line, {column: value})"
    columns: list
    lines: list

def read(file):
    "A file as a Sheet; Refused says why it cannot be read"
    if file.size > biggest: raise Refused(f'{file.name} is larger than {biggest//1_000_000} MB', 'split it')
    data = file.read_bytes()
    text = decode(data)
    other = text.lstrip()[:1] in ('[', '{') and not file.name.lower().endswith(('.csv', '.tsv'))
    if other and brackets(text) > 5*most: raise Refused(f'{file.name} holds more than {5*most:,} lists and objects', 'split it')
    try: sheet = from_json(text) if other else from_csv(text)
    except (ValueError, RecursionError, csv.Error) as e:
        raise Refused(f'{file.name} cannot be read: {str(e)[:200]}',
                      'it must be CSV with a line of column names, a JSON list of objects, or one JSON object a line') from None
    if len(sheet.lines) > most: raise Refused(f'{file.name} has more than {most:,} lines', 'split it')
    return sheet

def decode(data):
    for mark, code in ((codecs.BOM_UTF8, 'utf-8-sig'), (codecs.BOM_UTF16_LE, 'utf-16'), (codecs.BOM_UTF16_BE, 'utf-16')):
        if data.startswith(mark): return data.decode(code, 'replace')
    try: return data.decode('utf-8')
    except UnicodeDecodeError: return data.decode('cp1252', 'replace')      # what Excel on Windows writes

def from_csv(text):
    first = text.lstrip('\r\n').partition('\n')[0]
    comma = max(',;\t|', key=first.count)
    csv.field_size_limit(10_000_000)
    reader = csv.reader(io.StringIO(text, newline=''), delimiter=comma, strict=False)
    columns, lines = None, []
    for cells in reader:
        if not any(c.strip() for c in cells): continue
        if columns is None: columns = unique(not_too_many([c.strip() for c in cells])); continue
        if len(cells) > len(columns) and any(c.strip() for c in cells[len(columns):]):
            raise ValueError(f'line {reader.line_num} has {len(cells)} values, and there are {len(columns)} columns')
        lines.append((reader.line_num, {c: plain(v) for c, v in zip(columns, cells)}))
    if columns is None: raise ValueError('it is empty')
    return Sheet(columns, lines)

def not_too_many(names):
    "The names of columns, where they are not too many to be looked at; ValueError where they are"
    if len(names) > widest: raise ValueError(f'it has {len(names):,} columns; the most is {widest}')
    return names

def unique(names):
    "Every column has a name, and no two the same"
    out = {}
    for n, name in enumerate(names, 1):
        name = base = name or f'column {n}'
        k = out.get(base, 1)
        while name in out: name, k = f'{base} {k+1}', k+1
        out[base], out[name] = k, 1
    return [*out]

def from_json(text):
    try: value = json.loads(text)
    except ValueError:
        if '\n' not in text.strip(): raise
        value = [json.loads(line) for line in text.splitlines() if line.strip()]      # one object a line
    if isinstance(value, dict):
        value = next((v for v in value.values() if isinstance(v, list) and v and all(isinstance(x, dict) for x in v)), [value])
    if not isinstance(value, list) or not all(isinstance(x, dict) for x in value): raise ValueError('it is no list of objects')
    value = sound(value)
    columns = list(dict.fromkeys(str(k) for x in value for k in x))
    return Sheet(not_too_many(columns), [(n, {str(k): v for k, v in x.items()}) for n, x in enumerate(value, 1)])

def match(table, sheet):
    "Which column of the file goes into which of the table, by name: {column of the file: column}"
    bare = lambda s: re.sub(r'[^\w]+', '', fold(s)).replace('_', '')
    ours = {bare(k): k for k in [*table.columns, *([table.link] if table.link else [])]}
    out = {}
    for c in sheet.columns:
        if (k := ours.get(bare(c))) and k not in out.values(): out[c] = k
    if not out and len(sheet.columns) == 1: out[sheet.columns[0]] = table.main
    return out

def lines(table, sheet, columns):
    "The first half of a check, which needs no database and most of the time: [(number of the line, row, [(column, what is wrong)])]"
    known = [*table.columns, *([table.link] if table.link else [])]
    if bad := [k for k in columns.values() if k and k not in known]:
        raise Refused(f"{table.name} has no {', '.join(bad)}", f"it has {', '.join(known)}")
    there, given = {*sheet.columns}, Counter(k for k in columns.values() if k)
    if twice := [k for k, n in given.items() if n > 1]: raise Refused(f'two columns of the file go into {twice[0]}', 'choose one')
    if bad := [c for c in columns if c not in there]:
        raise Refused(f"the file has no column {bad[0][:60]}", f"it has {', '.join(sheet.columns[:20])}")
    into = {k: c for c, k in columns.items() if k}
    out, seen = [], {}
    fields = [(k, f, into.get(k), {v: blank(f, v, k in into) for v in (None, '')}) for k, f in table.columns.items()]
    for n, (number, line) in enumerate(sheet.lines):
        if n % 500 == 0: time.sleep(.0005)          # others are let in
        row, why = {}, []
        for k, f, c, empty in fields:
            v = row[k] = line.get(c) if c is not None else None
            if v is None or v == '':
                row[k] = empty[v]
                if f.required: why.append((k, f"{k} {'is needed' if c is None else 'must not be empty'}"))
                continue
            # most columns say the same few things again and again
            same = (k, v) if isinstance(v, str) and len(v) < 100 and f.kind not in ('text', 'long', 'json', 'file') else None
            if same in seen: row[k] = seen[same]; continue
            try: row[k] = f.parse(v) if f.kind in ('ref', 'rows') else f.keep(f.parse(v))
            except ValueError as e: why.append((k, f'{k} {e}')); continue
            if same and len(seen) < 100_000: seen[same] = row[k]
        if table.link:
            v = line.get(into[table.link]) if table.link in into else None
            try: row[table.link] = sound(int(v)) if v not in (None, '') else None
            except (ValueError, TypeError): why.append((table.link, f'{table.link} must be the number of a row of {table.owner}'))
        out.append((number, row, why))
    return out

def blank(f, v, given):
    "What a column has where a line says nothing: it is empty where it may be, else what it begins with, as where the file has no such column"
    with contextlib.suppress(ValueError):
        if given: return f.keep(f.parse(v))
    return f.keep(f.start)

_calm, _reading = threading.Lock(), 0
@contextlib.contextmanager
def calmly():
    """While a large file is read: the collector, which would stop everybody for a tenth
    of a second to look at a hundred thousand new rows and find nothing, looks later"""
    global _reading
    with _calm:
        _reading += 1
        gc.disable()
    try: yield
    finally:
        with _calm:
            _reading -= 1
            if not _reading: gc.enable()

slice = 1000            # rows that are asked about or put away at a time, so that nobody else waits long

def beside(f, *args, **kw):
    "In a thread beside the store: what `store.read` or `store.write` gives"
    return asyncio.run_coroutine_threadsafe(f(*args, **kw), store.loop).result()

def settled(table, lines, columns):
    "`settle` in a thread, for files of any size: the store is asked in between others, and only where lines name rows of other tables"
    asks, good, wrong, seen = table.link or any(f.kind in ('ref', 'rows') for f in table.columns.values()), [], [], {}
    if not asks: return settle(None, table, lines, columns)
    for n in range(0, len(lines), slice):
        for out, more in zip((good, wrong), beside(store.read, settle, table, lines[n:n+slice], columns, seen)): out += more
    return good, wrong

def met(table, good, columns, same):
    "`meet` in a thread, slice by slice"
    there, last = {}, 0
    while some := beside(store.q, f'select * from "{table.name}" where id>? order by id limit ?', last, slice):
        last = some[-1]['id']
        _gather(there, some, same)
    return meet(None, table, good, columns, same, there)

def stage(table, good, columns, same=''):
    "In a thread, before the transaction of an import: (new rows, changed rows, [(lot before, lot after)] to be exchanged in it)"
    new, changed, _ = met(table, good, columns, same) if same else (good, {}, 0)
    def lots(tx):
        first = tx.new_id(table.name)
        tx.run('update last_id set id=? where name=?', first+len(new)-1, table.name)
        return first, tx.value(f'select max(pos) from "{table.name}"') or 0
    def put(names, rows):
        lot = beside(store.write, lambda tx: tx.lot(table.name, names), durable=False)
        for n in range(0, len(rows), slice): beside(store.write, lambda tx, some: tx.fill(lot, some), rows[n:n+slice], durable=False)
        return lot
    out = []
    if new:
        first, pos = beside(store.write, lots, durable=False)
        out.append((None, put([*new[0], 'pos'], [(first+n, *row.values(), pos+n+1) for n, row in enumerate(new)])))
    if changed:
        names = sorted({k for old, more in changed.values() for k in more})
        out.append(tuple(put(names, rows) for rows in ([(i, *[old[k] for k in names]) for i, (old, _) in changed.items()],
                                                       [(i, *[more.get(k, old[k]) for k in names]) for i, (old, more) in changed.items()])))
    return len(new), len(changed), out

def settle(tx, table, lines, columns, seen=None):
    "The other half: what the lines say of other tables is looked up. (rows as the table keeps them, sentences about the lines that do not fit)"
    refs, given = [f for f in table.columns.values() if f.kind in ('ref', 'rows')], {k for k in columns.values() if k}
    good, wrong, seen, order = [], [], {} if seen is None else seen, [*table.columns, table.link]
    owner = table.current(tx) if table.link and table.link not in given else None
    for number, row, why in lines:
        if owner: row[table.link] = owner
        bad = {k for k, _ in why}
        for f in refs:
            v = row[f.name]
            # what the column begins with is kept already
            if f.name in bad or f.name not in given or v is None or isinstance(v, str) and f.kind == 'rows': continue
            same = f.name, tuple(v) if isinstance(v, list) else v
            try:
                if same not in seen: seen[same] = f.keep(table.found(tx, f, v))
                row[f.name] = seen[same]
            except ValueError as e: why.append((f.name, f'{f.name} {e}'))
        if table.link and row.get(table.link):
            same = table.link, row[table.link]
            if same not in seen: seen[same] = bool(tx.row(table.owner, row[table.link]))
            if not seen[same]: why.append((table.link, f'{table.owner} has no row {row[table.link]}'))
        if why: wrong.append(f"line {number}: {'; '.join(w for _, w in sorted(why, key=lambda x: order.index(x[0])))}")
        else: good.append(row)
    return good, wrong

def _gather(there, rows, same):
    for r in rows: there.setdefault(fold(r[same]).strip(), []).append(r)
def meet(tx, table, good, columns, same, there=None):
    """What lines become that meet the rows there are, by the column `same`: (new rows, {number of a row: (the row
    as it is, what changes in it)}, how many rows stay as they are). Refused when one value stands in several rows."""
    given = [k for k in columns.values() if k]
    if same not in given: raise Refused(f'the file says no {same[:60]}', f"it says {', '.join(given) or 'nothing'}")
    key, new, changed, met = lambda v: fold(v).strip(), {}, {}, set()
    if there is None: _gather(there := {}, tx.q(f'select * from "{table.name}" order by pos, id'), same)
    for n, row in enumerate(good):
        k = key(row[same])
        rows = there.get(k, []) if k else []
        if len(rows) > 1:
            raise Refused(f'{len(rows)} rows have the {same} {str(row[same])[:60]!r}', 'choose a column in which each row is one of a kind')
        if not rows: new[k or n] = row                # the same value twice in the file: the later line counts
        else:
            r = rows[0]
            met.add(r['id'])
            changed.pop(r['id'], None)
            if more := {c: row[c] for c in given if row[c] != r[c]}: changed[r['id']] = r, more
    return [*new.values()], changed, len(met) - len(changed)

# out

# A spreadsheet would take such a text for a formula, also where it cuts the lines at ; or tabs and one
# of those stands before it: a ' goes before it, and before one that has a ' there already, to tell them apart
risky, marked = (re.compile(rf"(?:^|(?<=[;\t])){mark}(?='*[=+\-@\t\r＝＋－＠])") for mark in ('', "'"))
def safe(v): return risky.sub("'", v) if isinstance(v, str) and not re.fullmatch(r'[+-]?[\d.,]+', v) else v
def plain(v): return marked.sub('', v)

def as_csv(table, rows):
    "Rows of a table as CSV, as every spreadsheet reads it: with a mark that says UTF-8, and no text that acts as a formula"
    out = io.StringIO()
    w = csv.writer(out, lineterminator='\r\n')
    names = ['id', *table.columns, *([table.link] if table.link else [])]
    w.writerow(names)
    for r in rows:
        w.writerow([r['id'], *[safe(f.written(f.back(r[k]))) for k, f in table.columns.items()], *([r[table.link] or ''] if table.link else [])])
    return '\ufeff' + out.getvalue()
def as_json(table, rows): return json.dumps([table.clean(r) for r in rows], ensure_ascii=False, indent=1)
