"""How a type becomes an input: one annotation says what may be written, how it is checked, kept, asked for and shown.

    field('due', date, None)  →  .parse('2026-05-01') → the value, or ValueError in words for beside the field
                                 .keep(value) / .back(stored)   for SQLite      .plain(value)   for JSON
                                 .input(value)  label, input and a place for the error      .control(value)  the input alone      .show(value)  for reading
    of(function), of_class(Row)  →  {name: Field};   read(fields, data)  →  values, {name: what is wrong}"""
import enum, hashlib, inspect, json, math, os, re, secrets, types, typing
from dataclasses import dataclass, field as _slot
from datetime import date, datetime, time
from time import time as now
from pathlib import Path
from typing import Annotated, Any, Literal, Union
from urllib.parse import quote, urlsplit
import apsw, msgspec
from msgspec import Meta
from fasthtml.common import A, Code, Div, Fieldset, Input, Label, Legend, Option, Output, Pre, Select, Small, Span, Textarea, Time
from .store import sound, store

# the words of authors

@dataclass(frozen=True)
class Word:
    "What `Annotated` carries for one of our own types"
    kind: str
    table: str = ''
    low: float | None = None
    high: float | None = None
    step: float | None = None

Long = Annotated[str, Word('long')]
Url = Annotated[str, Word('url')]
Secret = Annotated[str, Word('secret')]
Json = Annotated[Any, Word('json')]

def Range(low=None, high=None, step=None):
    "A number from `low` to `high`: whole when both are. As the annotation itself, `n: Range(1, 10) = 5`, or within `Annotated[int, Range(1, 10)]`."
    if low is not None and high is not None and low > high: raise TypeError(f'Range({low}, {high}) is empty; the smaller number comes first')
    whole = all(isinstance(n, int) for n in (low, high, step) if n is not None)
    return Annotated[int if whole else float, Word('range', low=low, high=high, step=step)]
def Ref(table):
    "One row of a table, picked from a list: `owner: Ref('profiles')`. The value is the row's number."
    return Annotated[int, Word('ref', table=table)]
def Rows(table):
    "Several rows of a table: `which: Rows('tasks')`. The value is a list of numbers."
    return Annotated[list[int], Word('rows', table=table)]

class File(str):
    """A file somebody gave. As text it is HASH/NAME; `.path` is where it is kept,
    `.name` what it was called, `.read_text()` and `.read_bytes()` what is in it."""
    @property
    def hash(self): return self[:64]
    @property
    def name(self): return self[65:]
    @property
    def path(self): return store.folder/'files'/self[:2]/self[:64]
    @property
    def size(self): return self.path.stat().st_size
    def read_bytes(self): return self.path.read_bytes()
    def read_text(self, encoding='utf-8'): return self.path.read_text(encoding)

class Taking:
    """A file on its way in: `add(bytes)` as often as there are some, then `done()`
    → File. Whole on the disk under its hash before anybody is told of it."""
    def __init__(self, name):
        self.name = (re.sub(r'[\x00-\x1f/\\:]+', ' ', str(name)).strip(' .') or 'file')[-150:]
        self.folder, self.hash, self.size = store.folder/'files', hashlib.sha256(), 0
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.part = self.folder/f'{secrets.token_hex(8)}.part'
        self.out = self.part.open('wb')
    def add(self, data):
        self.out.write(data)
        self.hash.update(data)
        self.size += len(data)
    def done(self):
        self.out.flush()
        os.fsync(self.out.fileno())
        self.out.close()
        kept = File(f'{self.hash.hexdigest()}/{self.name}')
        kept.path.parent.mkdir(exist_ok=True, mode=0o700)
        os.replace(self.part, kept.path)
        return kept
    def stop(self):
        "It did not come whole: nothing of it stays"
        self.out.close()
        self.part.unlink(missing_ok=True)

def keep_file(data, name):
    "Keep bytes, or the file at a Path, as a File; for who trusts where it comes from"
    t = Taking(name)
    try:
        if isinstance(data, Path):
            with data.open('rb') as f:
                while piece := f.read(1 << 20): t.add(piece)
        else: t.add(data)
        return t.done()
    except BaseException:
        t.stop()
        raise

def sweep(folder, age=86_400, undo=30*86_400):
    """Remove files that were given and that nothing in the database names any more; the number of
    those removed. Careful: only what is older than a day, and what the roll of the last 30 days
    names (or a run put away in that time) is kept, for taking back. Blocks; reads by a connection of its own."""
    old = lambda f: f.is_file() and f.stat().st_mtime < now() - age
    there = {f.name: f for f in folder.glob('files/*/*') if re.fullmatch('[0-9a-f]{64}', f.name) and old(f)}
    for f in folder.glob('files/*.part'):
        if old(f): f.unlink(missing_ok=True)
    if not there: return 0
    conn, named, since = apsw.Connection(str(folder/'pianola.db'), flags=apsw.SQLITE_OPEN_READONLY), set(), now() - undo
    try:
        conn.set_busy_timeout(10_000)
        conn.execute('begin')                         # one moment of all tables
        away = ("run in (select id from run where deleted=1 and not exists "
                "(select 1 from log where at>? and what=run.flow||'.delete' and data like '%\"run\": '||run.id||',%'))")
        tables = "select name from sqlite_master where type='table' and sql not like 'create virtual%' and name not like 'message_fts%'"
        for (table,) in conn.execute(tables).fetchall():
            columns = ','.join(f'"{c[1]}"' for c in conn.execute(f'pragma table_info("{table}")'))
            where = (' where at>?', (since,)) if table == 'log' else (f' where not ({away})', (since,)) if table in ('answer', 'draft') else ('', ())
            for row in conn.execute(f'select {columns} from "{table}"{where[0]}', where[1]):
                for v in row:
                    if isinstance(v, str) and len(v) >= 64: named.update(re.findall('[0-9a-f]{64}', v))
    finally: conn.close(True)
    gone = [f for h, f in there.items() if h not in named and old(f)]        # given again meanwhile: it is new
    for f in gone: f.unlink(missing_ok=True)
    return len(gone)

# one type, everything it needs

nothing = inspect.Parameter.empty
longest = {'text': 10_000, 'url': 2_000, 'secret': 10_000, 'long': 200_000}
_sql = {'int': 'integer', 'bool': 'integer', 'ref': 'integer', 'float': 'real'}

initials = {'url', 'urls', 'id', 'csv', 'json', 'html', 'pdf', 'api', 'ip', 'sku', 'seo', 'faq'}

@dataclass
class Field:
    "One thing that can be asked for, written down and shown. Made by `field`."
    name: str
    kind: str                                   # text long url secret choice date datetime time int float bool json ref rows file
    type: Any                                   # what msgspec checks and JSON Schema says: the plain, JSON-able form
    default: Any = nothing
    optional: bool = False                      # None is a value
    choices: tuple = ()                         # of a choice: the values, as Python has them
    word: Word = _slot(default_factory=lambda: Word(''))
    help: str = ''
    loose: bool = False                         # a row may also be named by what it is called; who uses the value looks it up
    typed: bool = True                          # was there an annotation or a default? (a flow fills the others from earlier steps)

    @property
    def required(self): return self.default is nothing and not self.optional and self.kind not in ('bool', 'rows')
    @property
    def title(self):
        "What a person reads: `first_url` is First URL"
        first, *rest = [w.upper() if w in initials else w for w in self.name.lower().strip('_').split('_')]
        return ' '.join([first[:1].upper() + first[1:], *rest])
    @property
    def table(self): return self.word.table
    @property
    def sql(self):
        "The column type in SQLite"
        if self.kind == 'choice': return 'integer' if all(isinstance(_bare(c), int) for c in self.choices) else 'text'
        return _sql.get(self.kind, 'text')
    @property
    def start(self):
        "The value before anybody has said one, as JSON has it; None when there is none"
        if self.default is nothing: return {'bool': False, 'rows': []}.get(self.kind)
        return self.plain(self.default)

    def parse(self, value):
        "What somebody wrote (text of an input, or JSON) as the value; ValueError says what is wrong in words for beside the field"
        if isinstance(value, enum.Enum): value = value.value
        if isinstance(value, str):
            value = sound(value)
            if self.kind not in ('long', 'secret', 'json'): value = value.strip()
        if value is None or value == '' or (isinstance(value, str) and not value.strip() and self.kind != 'secret'):
            if self.kind == 'bool' and value is not None: return False
            if self.kind == 'rows': return []
            if self.optional: return None
            if value is not None and self.kind in ('text', 'long', 'url', 'secret', 'file') and not self.required:
                return File('') if self.kind == 'file' else ''
            raise ValueError('must not be empty' if self.kind in ('text', 'long', 'url', 'secret') else f'is needed: {self._wants()}')
        good = getattr(self, f'_{self.kind}')(value)
        try: msgspec.convert(self.plain(good), self.type)
        except msgspec.ValidationError as e: raise ValueError(re.sub(r'^Expected', 'must be', str(e)).replace('`', '')) from None
        return good
    def _wants(self):
        return {'int': 'a whole number', 'float': 'a number', 'bool': 'yes or no', 'date': 'a date like 2026-05-31',
                'datetime': 'a date and time like 2026-05-31 14:30', 'time': 'a time like 14:30',
                'choice': 'one of ' + ', '.join(str(_bare(c)) for c in self.choices), 'ref': f'a row of {self.table}', 'file': 'a file',
                'json': 'JSON'}.get(self.kind, 'some text') + self._between()
    def _between(self):
        lo, hi = self.word.low, self.word.high
        return (f' from {lo} to {hi}' if lo is not None and hi is not None else
                f' of at least {lo}' if lo is not None else
                f' of at most {hi}' if hi is not None else '')
    def _text(self, v):
        if not isinstance(v, (str, int, float)) or isinstance(v, bool): raise ValueError(f'must be text, not {_short(v)}')
        v = str(v)
        if len(v) > longest[self.kind]: raise ValueError(f'is longer than {longest[self.kind]:,} characters')
        return v
    _long = _secret = _text
    def _url(self, v):
        v = self._text(v)
        if '://' not in v and not re.match(r'[a-z][a-z0-9+]*:(?!\d)', v, re.I): v = f'https://{v}'
        try:
            u = urlsplit(v)
            ok = u.scheme in ('http', 'https') and bool(u.hostname) and not re.search(r'[\s<>"\\]', v)
            u.port      # noqa: B018  a port that is no number raises
        except ValueError: ok = False
        if not ok: raise ValueError(f'must be a web address like https://example.com, not {_short(v)}')
        return v
    def _int(self, v):
        if isinstance(v, float) and v.is_integer(): v = int(v)
        if isinstance(v, str) and re.fullmatch(r'[+-]?\d{1,20}(\.0*)?', v.replace('_', '')): v = int(v.replace('_', '').partition('.')[0])
        if not isinstance(v, int) or isinstance(v, bool): raise ValueError(f'must be {self._wants()}, not {_short(v)}')
        return self._within(v)
    def _float(self, v):
        if isinstance(v, str):
            try: v = float(v)
            except ValueError: raise ValueError(f'must be {self._wants()}, not {_short(v)}') from None
        if not isinstance(v, (int, float)) or isinstance(v, bool) or not math.isfinite(v):
            raise ValueError(f'must be {self._wants()}, not {_short(v)}')
        return self._within(float(v))
    def _within(self, v):
        lo, hi = self.word.low, self.word.high
        if lo is not None and v < lo or hi is not None and v > hi: raise ValueError(f'must be {self._wants()}, not {v}')
        if not -2**63 <= v < 2**63 and self.kind == 'int': raise ValueError('is too large a number')
        return v
    def _bool(self, v):
        if isinstance(v, bool): return v
        word = str(v).lower()
        if word in ('true', 'yes', 'on', '1', 'x', '✓', '1.0'): return True
        if word in ('false', 'no', 'off', '0', '0.0'): return False
        raise ValueError(f'must be yes or no, not {_short(v)}')
    def _date(self, v):
        if isinstance(v, datetime): return v.date()
        if isinstance(v, date): return v
        try: return date.fromisoformat(str(v)) if len(str(v)) < 12 else datetime.fromisoformat(str(v)).date()
        except ValueError: raise ValueError(f'must be {self._wants()}, not {_short(v)}') from None
    def _datetime(self, v):
        # with an offset it is brought to the time here: kept as it came, the order of the texts would not be that of the times
        try:
            v = v if isinstance(v, datetime) else datetime.fromisoformat(str(v))
            return v.astimezone().replace(tzinfo=None) if v.tzinfo else v
        except (ValueError, OverflowError, OSError): raise ValueError(f'must be {self._wants()}, not {_short(v)}') from None
    def _time(self, v):
        try: v = v if isinstance(v, time) else time.fromisoformat(str(v))
        except ValueError: raise ValueError(f'must be {self._wants()}, not {_short(v)}') from None
        if v.tzinfo: raise ValueError(f'must be {self._wants()}, as it is here: without a day {_short(str(v))} is no one time')
        return v
    def _choice(self, v):
        for c in self.choices:
            if _bare(c) == v and type(_bare(c)) is type(v) or c == v: return c
        for c in self.choices:
            if str(_bare(c)).casefold() == str(v).casefold(): return c
        raise ValueError(f'must be {self._wants()}, not {_short(v)}')
    def _json(self, v):
        if isinstance(v, str):
            try: v = json.loads(v)
            except (ValueError, RecursionError) as e:
                if v.lstrip()[:1] in '{["': raise ValueError(f'is not JSON: {e}') from None
        try: return json.loads(json.dumps(sound(v), ensure_ascii=False, allow_nan=False))
        except (ValueError, TypeError, RecursionError): raise ValueError('is nothing that JSON can say') from None
    def _ref(self, v):
        try: n = int(v) if not isinstance(v, (bool, float)) else None
        except (ValueError, TypeError): n = None
        if n is None and self.loose and isinstance(v, str) and v.strip(): return v.strip()
        if n is None or not 0 < n < 2**53: raise ValueError(f'must be the number of {self._wants()}, not {_short(v)}')
        return n
    def _rows(self, v):
        if isinstance(v, str):
            try: v = json.loads(v) if v.startswith('[') else v.split(',')
            except ValueError: raise ValueError(f'must be numbers of rows of {self.table}, not {_short(v)}') from None
        return list(dict.fromkeys(self._ref(x) for x in (v if isinstance(v, (list, tuple)) else [v])))
    def _file(self, v):
        if not isinstance(v, str) or not is_file(v): raise ValueError('must be a file that was given to Pianola; choose one')
        if not (f := File(v)).path.is_file(): raise ValueError(f'{f.name} is not here any more; choose it again')
        return f

    def plain(self, value):
        "The value as JSON has it"
        if value is None: return None
        if isinstance(value, enum.Enum): return value.value
        if isinstance(value, datetime): return value.isoformat(timespec='seconds' if not value.microsecond else 'microseconds')
        if isinstance(value, (date, time)): return value.isoformat()
        return str(value) if self.kind == 'file' else value
    def keep(self, value):
        "The value as SQLite keeps it"
        value = self.plain(value)
        if value is None: return None
        if self.kind in ('json', 'rows'): return json.dumps(value, ensure_ascii=False)
        return int(value) if self.kind == 'bool' else value
    def back(self, stored):
        "What SQLite kept, as the value again. What does not fit the type any more comes back as it is: nothing is hidden."
        if stored is None: return [] if self.kind == 'rows' else None
        if self.kind == 'bool': return bool(stored)
        if self.kind in ('text', 'long', 'url', 'secret'): return stored
        try: return json.loads(stored) if self.kind in ('json', 'rows') else getattr(self, f'_{self.kind}')(stored)
        except (ValueError, TypeError): return File(stored) if self.kind == 'file' else stored
    def written(self, value):
        "The value as text, the way an input or a line of CSV holds it"
        value = self.plain(value)
        if value is None: return ''
        if self.kind in ('json', 'rows'): return json.dumps(value, ensure_ascii=False) if value != [] or self.kind == 'json' else ''
        if self.kind == 'bool': return 'true' if value else 'false'
        if self.kind == 'float' and isinstance(value, float) and value.is_integer() and abs(value) < 1e15: return str(int(value))
        return str(value)

    # asking

    def control(self, value=None, tx=None, **attrs):
        "The input alone, with this value (None: the default; '': empty). `tx` lets a reference list the rows there are."
        if value is None: value = self.start
        if value == '' and self.kind not in ('text', 'long', 'url', 'secret'): value = [] if self.kind == 'rows' else None
        text = self.written(value)
        a = dict(name=self.name, required=self.required) | attrs
        if self.kind == 'long': return Textarea(text, maxlength=longest['long'], rows=min(12, max(3, text.count('\n')+1)), **a)
        if self.kind == 'json':
            return Textarea(json.dumps(self.plain(value), ensure_ascii=False, indent=1) if value is not None else '', rows=3,
                            spellcheck='false', cls=f"json {a.pop('cls', '')}".strip(), **a)
        if self.kind == 'bool':
            a.pop('required')
            return Input(type='checkbox', value='true', checked=value is True, **a)
        if self.kind == 'choice': return Select(*self._options([(_bare(c), str(_bare(c))) for c in self.choices], self.plain(value)), **a)
        if self.kind == 'ref': return self._picker(value, tx, a)
        if self.kind == 'rows': return self._boxes(value or [], tx, a)
        if self.kind == 'file':
            gone = {k: a.pop(k) for k in ('name', 'required', 'cls') if k in a}
            return Span(Input(type='hidden', name=gone['name'], value=text, **{k: v for k, v in a.items() if k.startswith('hx_')}),
                        Input(type='file', data_upload='/api/files', required=gone.get('required') and not text,
                              **{k: v for k, v in a.items() if not k.startswith('hx_')}),
                        A(value.name if isinstance(value, File) else text[65:], href=file_url(text), download=True, cls='has') if text
                        else Span(cls='has'), cls=f"file {gone.get('cls', '')}".strip())
        w = self.word
        # of type url the browser would refuse example.com, which we complete
        kinds = {'text': dict(type='text', maxlength=longest['text']), 'url': dict(type='text', inputmode='url', maxlength=longest['url']),
                 'secret': dict(type='password'), 'date': dict(type='date', max='9999-12-31'),
                 'datetime': dict(type='datetime-local', max='9999-12-31T23:59'), 'time': dict(type='time')}
        more = kinds.get(self.kind) or dict(type='number', min=w.low, max=w.high, step=w.step or ('any' if self.kind == 'float' else None))
        if self.kind == 'secret': text = ''                       # never sent back to a page
        return Input(**(dict(value=text or None, autocomplete='off') | more | a))
    def _options(self, pairs, now):
        known = any(v == now for v, _ in pairs)
        blank = ([Option('' if not self.required else 'Choose …', value='', selected=now is None)]
                 if not self.required and self.optional or not known else [])
        lost = [Option(f'{now} (gone)', value=str(now), selected=True)] if now not in (None, '') and not known else []
        return [*blank, *lost, *[Option(text, value=str(v), selected=v == now) for v, text in pairs]]
    def _picker(self, value, tx, a):
        "A list to choose from; of a large table one types, and the server finds"
        pairs = rows_of(tx, self.table, limit=few+1) if tx else None
        if pairs is not None and len(pairs) <= few: return Select(*self._options(pairs, value), **a)
        now = dict(rows_of(tx, self.table, ids=[value])) if tx and value else {}
        gone = {k: v for k, v in a.items() if k in ('name', 'required') or k.startswith('hx_')}
        typed = dict(placeholder=f'Find in {self.table}') | {k: v for k, v in a.items() if k not in gone and v is not None}
        return Span(Input(type='hidden', value=value or '', data_start=value or '', **{k: v for k, v in gone.items() if k != 'required'}),
                    Input(type='text', role='combobox', aria_expanded='false', aria_autocomplete='list', autocomplete='off',
                          value=now.get(value, str(value or '')), required=gone.get('required'),
                          data_pick=f'/api/tables/{self.table}/pick', **typed), cls='pick')
    def _boxes(self, value, tx, a):
        pairs = rows_of(tx, self.table, limit=few) if tx else []
        here = {v for v, _ in pairs}
        pairs += rows_of(tx, self.table, ids=[v for v in value if v not in here]) if tx and set(value) - here else []
        a.pop('required', None)
        name = a.pop('name')
        return Fieldset(Legend(self.title, cls='sr'), Input(type='hidden', name=name, value=''),
                        Input(type='search', placeholder=f'Find in {self.table}', aria_label=f'Find in {self.table}',
                              data_boxes=f'/api/tables/{self.table}/pick', data_name=name),
                        Div(*[Label(Input(type='checkbox', name=name, value=str(v), checked=v in value), text) for v, text in pairs],
                            cls='boxes'), **(a | dict(cls=f"rows-of {a.get('cls', '')}".strip())))

    def input(self, value=None, tx=None, error='', id=None, label=None, **attrs):
        "Label, input and a place for what is wrong, tied together for eyes and screen readers"
        id = id or f'f-{self.name}'
        wrong = f'{id}-wrong'
        grouped = self.kind == 'rows'
        told = dict(aria_describedby=f'{id}-help {wrong}' if self.help else wrong, aria_invalid='true' if error else None)
        w = self.word
        # a slider always says something
        if (self.kind in ('int', 'float') and not self.optional and w.low is not None and w.high is not None
                and (self.kind == 'float' and not w.step or (w.high-w.low)/(w.step or 1) <= 200)):
            now = self.written(self.start if value is None else value) or str(w.low)
            control = Span(Input(type='range', name=self.name, id=id, min=w.low, max=w.high,
                                 step=w.step or (1 if self.kind == 'int' else 'any'), value=now, **told, **attrs),
                                 Output(now, **{'for': id}), cls='range')
        else: control = self.control(value, tx, id=id, **told, **attrs)
        hidden = Input(type='hidden', name=self.name, value='false') if self.kind == 'bool' else None       # an unticked box says nothing by itself
        title = Span(label or self.title, id=f'{id}-label') if grouped else Label(label or self.title, **{'for': id})
        return Div(hidden, *([control, title] if self.kind == 'bool' else [title, control]), Small(self.help, id=f'{id}-help') if self.help else None,
                   Small(error, id=wrong, cls='wrong', role='alert', data_for=self.name), cls=f'field is-{self.kind}')

    # showing

    def show(self, value, tx=None):
        "The value for reading; whatever it is, it is text and never HTML of its own"
        if value is None or value == '' or value == []: return Span('—', cls='none')
        if self.kind == 'bool': return Span('✓' if value else '—', aria_label='yes' if value else 'no')
        if self.kind == 'url':
            return (A(re.sub(r'^https?://', '', str(value)), href=str(value), target='_blank', rel='noopener noreferrer', cls='out')
                    if re.match(r'https?://', str(value)) else Span(str(value)))
        if self.kind == 'long': return Div(str(value), cls='long')
        if self.kind == 'json': return Pre(Code(json.dumps(value, ensure_ascii=False, indent=1)))
        if self.kind == 'secret': return Span('••••••')
        if self.kind in ('date', 'datetime', 'time') and not isinstance(value, str):
            return Time(self.plain(value).replace('T', ' '), datetime=self.plain(value))
        if self.kind in ('ref', 'rows'):
            ids = value if isinstance(value, list) else [value]
            names = dict(rows_of(tx, self.table, ids=ids)) if tx else {}
            return Span(', '.join(names.get(i, f'{self.table} {i}') for i in ids))
        if self.kind == 'file': return A(File(value).name, href=file_url(value), download=True)
        return Span(self.written(value))

def is_file(text): return bool(re.fullmatch(r'[0-9a-f]{64}/[^/\\\0]{1,200}', text))      # as File writes itself
few = 100               # rows of a table that a picker lists at once; beyond, one types
def file_url(text): return f'/api/files/{text[:64]}/{quote(text[65:])}'
def rows_of(tx, table, words='', limit=few, ids=None):
    "[(number, what it is called)] of a table's rows: those with these numbers, or those that have these words. `names` knows how."
    return names(tx, table, words, limit, ids)
def names(tx, table, words, limit, ids): return []      # crud says better, once there are tables

def _bare(c): return c.value if isinstance(c, enum.Enum) else c
def _short(v): return f'“{v[:60]}{"…" if len(v) > 60 else ""}”' if isinstance(v, str) else json.dumps(v, default=str)[:60]

def _unwrap(t):
    "(the type within, is None a value, our word, the author's help, msgspec's limits)"
    optional, word, help, metas = False, None, '', []
    while True:
        origin = typing.get_origin(t)
        if origin is Annotated:
            for m in t.__metadata__:
                if isinstance(m, Word): word = m
                elif isinstance(m, str): help = m
                elif isinstance(m, Meta): metas.append(m)
                elif typing.get_origin(m) is Annotated: word = next((x for x in m.__metadata__ if isinstance(x, Word)), word)
            t = t.__origin__
        elif origin in (Union, types.UnionType) and type(None) in (args := typing.get_args(t)):
            rest = [a for a in args if a is not type(None)]
            optional, t = True, rest[0] if len(rest) == 1 else Union[tuple(rest)]
        else: return t, optional, word, help, metas

def field(name, annotation=nothing, default=nothing):
    "The Field of an annotation and a default. TypeError says which types there are."
    typed = annotation is not nothing or default is not nothing
    if annotation is nothing: annotation = type(default) if default is not nothing and default is not None else str
    t, optional, word, help, metas = _unwrap(annotation)
    if default is None: optional = True
    if isinstance(default, enum.Enum) and not isinstance(t, type): t = type(default)
    choices, kind = (), None
    if word: kind = {'range': 'int' if t is int else 'float'}.get(word.kind, word.kind)
    elif typing.get_origin(t) is Literal: kind, choices = 'choice', typing.get_args(t)
    elif isinstance(t, type) and issubclass(t, enum.Enum): kind, choices = 'choice', tuple(t)
    elif t is File: kind = 'file'
    elif t in (bool, int, float, str, date, datetime, time): kind = 'text' if t is str else t.__name__
    elif t in (Any, dict, list) or typing.get_origin(t) in (dict, list): kind = 'json'
    if kind == 'choice' and not all(isinstance(_bare(c), (str, int)) and not isinstance(_bare(c), bool) for c in choices):
        raise TypeError(f'{name}: the choices must be text or whole numbers')
    if not kind:
        raise TypeError(f'{name} is {getattr(t, "__name__", t)}; there is str, int, float, bool, date, datetime, time, '
                        "Literal[…] or an Enum, list and dict, and from pianola Long, Url, Json, Range(a, b), Ref('table'), "
                        "Rows('table'), File, Secret")
    f = Field(name, kind, None, default, optional, choices, word or Word(kind), help, typed=typed)
    f.type = _type(f, t, metas)
    if default is not nothing and default is not None:
        try: f.default = f.parse(default) if default != '' else default
        except ValueError as e: raise TypeError(f'{name} {e}; it is the default') from None
    return f

def _type(f, t, metas):
    "What msgspec is told: the JSON form, with the limits in the schema"
    w, empty = f.word, not f.required
    fmt = lambda pattern, name: Annotated[str, Meta(pattern=pattern, extra_json_schema={'format': name})]
    base = {'text': lambda: Annotated[str, Meta(min_length=None if empty else 1, max_length=longest['text'])],
            'long': lambda: Annotated[str, Meta(min_length=None if empty else 1, max_length=longest['long'])],
            'secret': lambda: Annotated[str, Meta(max_length=longest['secret'], extra_json_schema={'writeOnly': True})],
            'url': lambda: Annotated[str, Meta(max_length=longest['url'], extra_json_schema={'format': 'uri'})],
            'date': lambda: fmt(r'^\d{4}-\d\d-\d\d$', 'date'), 'datetime': lambda: fmt(r'^\d{4}-\d\d-\d\d[T ]', 'date-time'),
            'time': lambda: fmt(r'^\d\d:\d\d', 'time'),
            'int': lambda: Annotated[int, Meta(ge=w.low, le=w.high)] if w.low is not None or w.high is not None else int,
            'float': lambda: Annotated[float, Meta(ge=w.low, le=w.high)] if w.low is not None or w.high is not None else float,
            'bool': lambda: bool, 'choice': lambda: Literal[tuple(_bare(c) for c in f.choices)],
            'ref': lambda: Annotated[int, Meta(ge=1, description=f'number of a row of {f.table}')],
            'rows': lambda: Annotated[list[int], Meta(description=f'numbers of rows of {f.table}')],
            'file': lambda: Annotated[str, Meta(max_length=300)],
            'json': lambda: t}[f.kind]()
    for m in metas: base = Annotated[base, m]
    if f.help: base = Annotated[base, Meta(description=f.help)]
    return base | None if f.optional and base is not Any else base

def of(function, skip=('tx', 'job', 'self')):
    "{name: Field} of a function's parameters, those in `skip` left out"
    try: signature = inspect.signature(function, eval_str=True)
    except NameError as e: raise TypeError(f'{function.__name__}: {e}; an annotation must be something that is there') from None
    return {n: field(n, p.annotation, p.default) for n, p in signature.parameters.items()
            if n not in skip and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}

def of_class(Row, skip=('id',)):
    "{name: Field} of a class's annotations, with its attributes as defaults"
    hints = typing.get_type_hints(Row, include_extras=True)
    return {n: field(n, t, getattr(Row, n, nothing)) for n, t in hints.items() if n not in skip and not n.startswith('_')}

def read(fields, data, only=None):
    "What a form said: (values, {name: what is wrong}). What was not said gets its default; `only` names those that were asked."
    values, wrong = {}, {}
    for n, f in fields.items():
        if only is not None and n not in only: continue
        given = data.get(n, nothing)
        try:
            blank = given == '' and f.kind not in ('text', 'long', 'url', 'secret', 'bool', 'rows') and not f.optional
            if given is not nothing and not (blank and f.default is not nothing):
                values[n] = f.parse(given)
            elif f.default is not nothing: values[n] = f.default
            elif f.kind in ('bool', 'rows'): values[n] = f.parse('')
            else: values[n] = f.parse(None)
        except ValueError as e: wrong[n] = str(e)
    return values, wrong
