"""The kinds of value there are, a class each: what it accepts, how it is kept, asked for and shown.

    DateField('due', default=None)    made by `forms.field` from an annotation
        .parse('2026-05-01')  →  the value, or ValueError in words for beside the field
        .keep(value) / .back(stored)   for SQLite      .plain(value)   for JSON      .written(value)   as the text of an input or a line of CSV
        .input(value)  label, input and a place for the error      .control(value)  the input alone      .show(value)  for reading

A kind says `_read` (what somebody wrote → the value), `schema`, `_control` and `_show` where it differs from plain text."""
import enum, inspect, json, math, re
from dataclasses import dataclass, field as slot
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
import msgspec
from msgspec import Meta
from fasthtml.common import A, Code, Div, Fieldset, Input, Label, Legend, Option, Output, Pre, Select, Small, Span, Textarea, Time
from ..tx import sound
from .files import File, file_url, is_file

nothing = inspect.Parameter.empty
initials = {'url', 'urls', 'id', 'csv', 'json', 'html', 'pdf', 'api', 'ip', 'sku', 'seo', 'faq'}

@dataclass(frozen=True)
class Word:
    "What an annotation says of one of our own kinds: the table of a `Ref`, the limits of a `Range`"
    kind: str
    table: str = ''
    low: float | None = None
    high: float | None = None
    step: float | None = None

@dataclass
class Field:
    "One thing that can be asked for, written down and shown; its class is its kind"
    name: str
    type: Any = object                          # what msgspec checks and JSON Schema says: the plain, JSON-able form
    default: Any = nothing
    optional: bool = False                      # None is a value
    choices: tuple = ()                         # of a choice: the values, as Python has them
    word: Word = slot(default_factory=lambda: Word(''))
    help: str = ''
    loose: bool = False                         # a row may also be named by what it is called; who uses the value looks it up
    typed: bool = True                          # was there an annotation or a default? (a flow fills the others from earlier steps)

    kind, sql, wants = '', 'text', 'some text'  # sql: the type of its column in SQLite
    void = None                                 # the value that '' is where the field may be left empty; None: there is none
    trimmed = True                              # spaces around what was written say nothing
    answers_empty = False                       # an empty input of a form is an answer, and not that nothing was said

    @property
    def required(self): return self.default is nothing and not self.optional and self.unsaid() is None
    @property
    def title(self):
        "What a person reads: `first_url` is First URL"
        first, *rest = [w.upper() if w in initials else w for w in self.name.lower().strip('_').split('_')]
        return ' '.join([first[:1].upper() + first[1:], *rest])
    @property
    def table(self): return self.word.table
    @property
    def start(self):
        "The value before anybody has said one, as JSON has it; None when there is none"
        return self.unsaid() if self.default is nothing else self.plain(self.default)
    def unsaid(self):
        "The value of a kind that always has one, also when nobody says it"

    # what somebody wrote, as the value

    def parse(self, value):
        "What somebody wrote (text of an input, or JSON) as the value; ValueError says what is wrong in words for beside the field"
        if isinstance(value, enum.Enum): value = value.value
        if isinstance(value, str):
            value = sound(value)
            if self.trimmed: value = value.strip()
        if value is None or value == '' or (isinstance(value, str) and not value.strip() and self.kind != 'secret'): return self._empty(value)
        good = self._read(value)
        try: msgspec.convert(self.plain(good), self.type)
        except msgspec.ValidationError as e: raise ValueError(re.sub(r'^Expected', 'must be', str(e)).replace('`', '')) from None
        return good
    def _empty(self, value):
        if self.optional: return None
        if value is not None and self.void is not None and not self.required: return self.void
        raise ValueError(self._needed())
    def _needed(self): return f'is needed: {self._wants()}'
    def _wants(self):
        lo, hi = self.word.low, self.word.high
        return self.wants + (f' from {lo} to {hi}' if lo is not None and hi is not None else
                             f' of at least {lo}' if lo is not None else
                             f' of at most {hi}' if hi is not None else '')
    def _refuse(self, value): return ValueError(f'must be {self._wants()}, not {_short(value)}')
    def schema(self, t):
        "What msgspec is told of the annotation `t`: its JSON form, with the limits in it"
        return t

    # the value elsewhere

    def plain(self, value):
        "The value as JSON has it"
        if isinstance(value, enum.Enum): return value.value
        if isinstance(value, datetime): return value.isoformat(timespec='seconds' if not value.microsecond else 'microseconds')
        return value.isoformat() if isinstance(value, (date, time)) else value
    def keep(self, value):
        "The value as SQLite keeps it"
        return self.plain(value)
    def back(self, stored):
        "What SQLite kept, as the value again. What does not fit the type any more comes back as it is: nothing is hidden."
        if stored is None: return None
        try: return self._read(stored)
        except (ValueError, TypeError): return stored
    def written(self, value):
        "The value as text, the way an input or a line of CSV holds it"
        value = self.plain(value)
        return '' if value is None else str(value)

    # asking

    def control(self, value=None, tx=None, **attrs):
        "The input alone, with this value (None: the default; '': empty). `tx` lets a reference list the rows there are."
        if value is None: value = self.start
        if value == '' and self.void != '': value = self.unsaid()
        return self._control(value, tx, dict(name=self.name, required=self.required) | attrs)
    def _control(self, value, tx, a): return Input(**(dict(value=self.written(value) or None, autocomplete='off') | self._input() | a))
    def _input(self): return dict(type='text')

    def input(self, value=None, tx=None, error='', id=None, label=None, **attrs):
        "Label, input and a place for what is wrong, tied together for eyes and screen readers"
        id = id or f'f-{self.name}'
        wrong = f'{id}-wrong'
        told = dict(aria_describedby=f'{id}-help {wrong}' if self.help else wrong, aria_invalid='true' if error else None)
        return Div(*self._labelled(label or self.title, self._asked(value, tx, id=id, **told, **attrs), id),
                   Small(self.help, id=f'{id}-help') if self.help else None,
                   Small(error, id=wrong, cls='wrong', role='alert', data_for=self.name), cls=f'field is-{self.kind}')
    def _asked(self, value, tx, **attrs): return self.control(value, tx, **attrs)
    def _labelled(self, label, control, id): return Label(label, **{'for': id}), control

    # showing

    def show(self, value, tx=None):
        "The value for reading; whatever it is, it is text and never HTML of its own"
        return Span('—', cls='none') if value is None or value == '' or value == [] else self._show(value, tx)
    def _show(self, value, tx): return Span(self.written(value))

class TextField(Field):
    kind, void, answers_empty, longest = 'text', '', True, 10_000
    def _read(self, v):
        if not isinstance(v, (str, int, float)) or isinstance(v, bool): raise ValueError(f'must be text, not {_short(v)}')
        v = str(v)
        if len(v) > self.longest: raise ValueError(f'is longer than {self.longest:,} characters')
        return v
    def _needed(self): return 'must not be empty'
    def back(self, stored): return stored
    def schema(self, t): return Annotated[str, Meta(min_length=1 if self.required else None, max_length=self.longest)]
    def _input(self): return dict(type='text', maxlength=self.longest)

class LongField(TextField):
    kind, trimmed, longest = 'long', False, 200_000
    def _control(self, value, tx, a):
        text = self.written(value)
        return Textarea(text, maxlength=self.longest, rows=min(12, max(3, text.count('\n')+1)), **a)
    def _show(self, value, tx): return Div(str(value), cls='long')

class SecretField(TextField):
    kind, trimmed = 'secret', False
    def schema(self, t): return Annotated[str, Meta(max_length=self.longest, extra_json_schema={'writeOnly': True})]
    def _control(self, value, tx, a): return Input(**(dict(value=None, autocomplete='off', type='password') | a))        # never sent back to a page
    def _show(self, value, tx): return Span('••••••')

class UrlField(TextField):
    kind, longest = 'url', 2_000
    def _read(self, v):
        v = super()._read(v)
        if '://' not in v and not re.match(r'[a-z][a-z0-9+]*:(?!\d)', v, re.I): v = f'https://{v}'
        try:
            u = urlsplit(v)
            ok = u.scheme in ('http', 'https') and bool(u.hostname) and not re.search(r'[\s<>"\\]', v)
            u.port      # noqa: B018  a port that is no number raises
        except ValueError: ok = False
        if not ok: raise ValueError(f'must be a web address like https://example.com, not {_short(v)}')
        return v
    def schema(self, t): return Annotated[str, Meta(max_length=self.longest, extra_json_schema={'format': 'uri'})]
    # of type url a browser would refuse example.com, which we complete
    def _input(self): return dict(type='text', inputmode='url', maxlength=self.longest)
    def _show(self, value, tx):
        if not re.match(r'https?://', str(value)): return Span(str(value))
        return A(re.sub(r'^https?://', '', str(value)), href=str(value), target='_blank', rel='noopener noreferrer', cls='out')

class NumberField(Field):
    def _within(self, v):
        lo, hi = self.word.low, self.word.high
        if lo is not None and v < lo or hi is not None and v > hi: raise ValueError(f'must be {self._wants()}, not {v}')
        return v
    def schema(self, t):
        lo, hi = self.word.low, self.word.high
        return self.number if lo is None and hi is None else Annotated[self.number, Meta(ge=lo, le=hi)]
    def _input(self): return dict(type='number', min=self.word.low, max=self.word.high, step=self.word.step or self.any_step)
    def _asked(self, value, tx, **attrs):
        "With two limits and not too many steps between them it is a slider, which always says something"
        w = self.word
        if self.optional or w.low is None or w.high is None or not self._few_steps(): return super()._asked(value, tx, **attrs)
        now = self.written(self.start if value is None else value) or str(w.low)
        return Span(Input(type='range', name=self.name, min=w.low, max=w.high, step=w.step or self.any_step or 1, value=now, **attrs),
                    Output(now, **{'for': attrs['id']}), cls='range')
    def _few_steps(self): return (self.word.high-self.word.low)/(self.word.step or 1) <= 200

class IntField(NumberField):
    kind, sql, wants, number, any_step = 'int', 'integer', 'a whole number', int, None
    def _read(self, v):
        if isinstance(v, float) and v.is_integer(): v = int(v)
        if isinstance(v, str) and re.fullmatch(r'[+-]?\d{1,20}(\.0*)?', v.replace('_', '')): v = int(v.replace('_', '').partition('.')[0])
        if not isinstance(v, int) or isinstance(v, bool): raise self._refuse(v)
        if not -2**63 <= self._within(v) < 2**63: raise ValueError('is too large a number')
        return v

class FloatField(NumberField):
    kind, sql, wants, number, any_step = 'float', 'real', 'a number', float, 'any'
    def _read(self, v):
        if isinstance(v, str):
            try: v = float(v)
            except ValueError: raise self._refuse(v) from None
        if not isinstance(v, (int, float)) or isinstance(v, bool) or not math.isfinite(v): raise self._refuse(v)
        return self._within(float(v))
    def written(self, value):
        return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else super().written(value)
    def _few_steps(self): return not self.word.step or super()._few_steps()

class BoolField(Field):
    kind, sql, wants, answers_empty = 'bool', 'integer', 'yes or no', True
    def unsaid(self): return False
    def _empty(self, value): return False if value is not None else super()._empty(value)
    def _read(self, v):
        if isinstance(v, bool): return v
        word = str(v).lower()
        if word in ('true', 'yes', 'on', '1', 'x', '✓', '1.0'): return True
        if word in ('false', 'no', 'off', '0', '0.0'): return False
        raise self._refuse(v)
    def schema(self, t): return bool
    def keep(self, value): return None if value is None else int(self.plain(value))
    def back(self, stored): return None if stored is None else bool(stored)
    def written(self, value): return '' if value is None else 'true' if self.plain(value) else 'false'
    def _control(self, value, tx, a):
        a.pop('required')
        return Input(type='checkbox', value='true', checked=value is True, **a)
    def _labelled(self, label, control, id):
        # an unticked box says nothing by itself
        return Input(type='hidden', name=self.name, value='false'), control, Label(label, **{'for': id})
    def _show(self, value, tx): return Span('✓' if value else '—', aria_label='yes' if value else 'no')

class MomentField(Field):
    def schema(self, t): return Annotated[str, Meta(pattern=self.pattern, extra_json_schema={'format': self.format})]
    def _show(self, value, tx):
        return (super()._show(value, tx) if isinstance(value, str) else
                Time(self.plain(value).replace('T', ' '), datetime=self.plain(value)))

class DateField(MomentField):
    kind, wants, pattern, format = 'date', 'a date like 2026-05-31', r'^\d{4}-\d\d-\d\d$', 'date'
    def _read(self, v):
        if isinstance(v, datetime): return v.date()
        if isinstance(v, date): return v
        try: return date.fromisoformat(str(v)) if len(str(v)) < 12 else datetime.fromisoformat(str(v)).date()
        except ValueError: raise self._refuse(v) from None
    def _input(self): return dict(type='date', max='9999-12-31')

class DatetimeField(MomentField):
    kind, wants, pattern, format = 'datetime', 'a date and time like 2026-05-31 14:30', r'^\d{4}-\d\d-\d\d[T ]', 'date-time'
    def _read(self, v):
        # with an offset it is brought to the time here: kept as it came, the order of the texts would not be that of the times
        try:
            v = v if isinstance(v, datetime) else datetime.fromisoformat(str(v))
            return v.astimezone().replace(tzinfo=None) if v.tzinfo else v
        except (ValueError, OverflowError, OSError): raise self._refuse(v) from None
    def _input(self): return dict(type='datetime-local', max='9999-12-31T23:59')

class TimeField(MomentField):
    kind, wants, pattern, format = 'time', 'a time like 14:30', r'^\d\d:\d\d', 'time'
    def _read(self, v):
        try: v = v if isinstance(v, time) else time.fromisoformat(str(v))
        except ValueError: raise self._refuse(v) from None
        if v.tzinfo: raise ValueError(f'must be {self._wants()}, as it is here: without a day {_short(str(v))} is no one time')
        return v
    def _input(self): return dict(type='time')

class ChoiceField(Field):
    kind = 'choice'
    @property
    def wants(self): return 'one of ' + ', '.join(str(bare(c)) for c in self.choices)
    @property
    def sql(self): return 'integer' if all(isinstance(bare(c), int) for c in self.choices) else 'text'
    def _read(self, v):
        for c in self.choices:
            if bare(c) == v and type(bare(c)) is type(v) or c == v: return c
        for c in self.choices:
            if str(bare(c)).casefold() == str(v).casefold(): return c
        raise self._refuse(v)
    def schema(self, t): return Literal[tuple(bare(c) for c in self.choices)]
    def _control(self, value, tx, a): return Select(*_options(self, [(bare(c), str(bare(c))) for c in self.choices], self.plain(value)), **a)

class JsonField(Field):
    kind, wants, trimmed = 'json', 'JSON', False
    def _read(self, v):
        if isinstance(v, str):
            try: v = json.loads(v)
            except (ValueError, RecursionError) as e:
                if v.lstrip()[:1] in '{["': raise ValueError(f'is not JSON: {e}') from None
        try: return json.loads(json.dumps(sound(v), ensure_ascii=False, allow_nan=False))
        except (ValueError, TypeError, RecursionError): raise ValueError('is nothing that JSON can say') from None
    def keep(self, value): return None if value is None else json.dumps(self.plain(value), ensure_ascii=False)
    def back(self, stored):
        if stored is None: return None
        try: return json.loads(stored)
        except (ValueError, TypeError): return stored
    def written(self, value): return self.keep(value) or ''
    def _control(self, value, tx, a):
        return Textarea(json.dumps(self.plain(value), ensure_ascii=False, indent=1) if value is not None else '', rows=3,
                        spellcheck='false', cls=f"json {a.pop('cls', '')}".strip(), **a)
    def _show(self, value, tx): return Pre(Code(json.dumps(value, ensure_ascii=False, indent=1)))

class RefField(Field):
    kind, sql = 'ref', 'integer'
    @property
    def wants(self): return f'a row of {self.table}'
    def _read(self, v):
        try: n = int(v) if not isinstance(v, (bool, float)) else None
        except (ValueError, TypeError): n = None
        if n is None and self.loose and isinstance(v, str) and v.strip(): return v.strip()
        if n is None or not 0 < n < 2**53: raise ValueError(f'must be the number of {self._wants()}, not {_short(v)}')
        return n
    def schema(self, t): return Annotated[int, Meta(ge=1, description=f'number of a row of {self.table}')]
    def _control(self, value, tx, a):
        "A list to choose from; of a large table one types, and the server finds"
        pairs = rows_of(tx, self.table, limit=few+1) if tx else None
        if pairs is not None and len(pairs) <= few: return Select(*_options(self, pairs, value), **a)
        now = dict(rows_of(tx, self.table, ids=[value])) if tx and value else {}
        gone = {k: v for k, v in a.items() if k in ('name', 'required') or k.startswith('hx_')}
        typed = dict(placeholder=f'Find in {self.table}') | {k: v for k, v in a.items() if k not in gone and v is not None}
        return Span(Input(type='hidden', value=value or '', data_start=value or '', **{k: v for k, v in gone.items() if k != 'required'}),
                    Input(type='text', role='combobox', aria_expanded='false', aria_autocomplete='list', autocomplete='off',
                          value=now.get(value, str(value or '')), required=gone.get('required'),
                          data_pick=f'/api/tables/{self.table}/pick', **typed), cls='pick')
    def _show(self, value, tx):
        ids = value if isinstance(value, list) else [value]
        called = dict(rows_of(tx, self.table, ids=ids)) if tx else {}
        return Span(', '.join(called.get(i, f'{self.table} {i}') for i in ids))

class RowsField(RefField):
    kind, sql, answers_empty = 'rows', 'text', True
    def unsaid(self): return []
    def _empty(self, value): return []
    def _read(self, v):
        if isinstance(v, str):
            try: v = json.loads(v) if v.startswith('[') else v.split(',')
            except ValueError: raise ValueError(f'must be numbers of rows of {self.table}, not {_short(v)}') from None
        return list(dict.fromkeys(super(RowsField, self)._read(x) for x in (v if isinstance(v, (list, tuple)) else [v])))
    def schema(self, t): return Annotated[list[int], Meta(description=f'numbers of rows of {self.table}')]
    def keep(self, value): return None if value is None else json.dumps(self.plain(value), ensure_ascii=False)
    def back(self, stored):
        if stored is None: return []
        try: return json.loads(stored)
        except (ValueError, TypeError): return stored
    def written(self, value): return '' if value == [] else self.keep(value) or ''
    def _control(self, value, tx, a):
        value = value or []
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
    def _labelled(self, label, control, id): return Span(label, id=f'{id}-label'), control

class FileField(Field):
    kind, wants, void = 'file', 'a file', File('')
    def _read(self, v):
        if not isinstance(v, str) or not is_file(v): raise ValueError('must be a file that was given to Pianola; choose one')
        if not (f := File(v)).path.is_file(): raise ValueError(f'{f.name} is not here any more; choose it again')
        return f
    def schema(self, t): return Annotated[str, Meta(max_length=300)]
    def plain(self, value): return None if value is None else str(super().plain(value))
    def back(self, stored):
        if stored is None: return None
        try: return self._read(stored)
        except ValueError: return File(stored)
    def _control(self, value, tx, a):
        text = self.written(value)
        hx = {k: a.pop(k) for k in [*a] if k.startswith('hx_')}
        name, required, cls = a.pop('name', None), a.pop('required', None), a.pop('cls', '')
        return Span(Input(type='hidden', name=name, value=text, **hx),
                    Input(type='file', data_upload='/api/files', required=required and not text, **a),
                    A(value.name if isinstance(value, File) else text[65:], href=file_url(text), download=True, cls='has') if text
                    else Span(cls='has'), cls=f'file {cls}'.strip())
    def _show(self, value, tx): return A(File(value).name, href=file_url(value), download=True)

kinds = {c.kind: c for c in (TextField, LongField, UrlField, SecretField, IntField, FloatField, BoolField, DateField, DatetimeField, TimeField,
                             ChoiceField, JsonField, RefField, RowsField, FileField)}

# rows of a table, to choose from

few = 100               # rows of a table that a picker lists at once; beyond, one types
def rows_of(tx, table, words='', limit=few, ids=None):
    "[(number, what it is called)] of a table's rows: those with these numbers, or those that have these words. `names` knows how."
    return names(tx, table, words, limit, ids)
def names(tx, table, words, limit, ids): return []      # crud says better, once there are tables

def _options(f, pairs, now):
    known = any(v == now for v, _ in pairs)
    blank = [Option('' if not f.required else 'Choose …', value='', selected=now is None)] if not f.required and f.optional or not known else []
    lost = [Option(f'{now} (gone)', value=str(now), selected=True)] if now not in (None, '') and not known else []
    return [*blank, *lost, *[Option(text, value=str(v), selected=v == now) for v, text in pairs]]

def bare(c): return c.value if isinstance(c, enum.Enum) else c
def _short(v): return f'“{v[:60]}{"…" if len(v) > 60 else ""}”' if isinstance(v, str) else json.dumps(v, default=str)[:60]
