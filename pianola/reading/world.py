"""What a sentence can be about, and what comes of it: tables with the words of their
rows, the operations on them, and a Reading, which says how sure it is."""
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from .language import language, late, spoken_name

iso = re.compile(r'\d{4}-\d\d-\d\d(?:[T ].*)?')

@dataclass
class Table:
    """A table as a sentence sees it. `columns` {name: text, long, number, bool,
    date, choice, url, email, json, ref}; `rows` as dicts with an id, in their order."""
    name: str
    columns: dict
    main: str
    rows: list = field(default_factory=list)
    one: str = ''
    title: str = ''
    choices: dict = field(default_factory=dict)
    required: tuple = ()
    owner: str = ''         # the table whose rows these belong to, and the column that says to which
    link: str = ''
    refs: dict = field(default_factory=dict)            # {column: the table whose rows it names}
    def __post_init__(self):
        for c, k in self.columns.items():           # what stands there tells more than what a column is called
            if k not in ('text', 'date') or c == self.main and k == 'text': continue
            have = [v for r in self.rows[:60] if (v := str(r.get(c) or ''))]
            if have and k == 'text' and all(iso.fullmatch(v) for v in have): self.columns = {**self.columns, c: 'date'}
            elif k == 'date' and (have and not any(iso.fullmatch(v) for v in have) or not have and c == self.main):
                self.columns = {**self.columns, c: 'text'}
    def nouns(self, lang):
        "What the table and one of its rows are called"
        made = self.__dict__.setdefault('_nouns', {})
        if lang.code not in made: made[lang.code] = self._nouns_of(lang)
        return made[lang.code]
    def _nouns_of(self, lang):
        own = {spoken_name(n.lower()) for n in (self.name, self.one, self.title) if n}
        own |= {w for n in own for k, more in lang.tables.items() if k in (n, lang.singular(n)) for w in more}
        return sorted({f for n in own for f in (n, lang.singular(n), lang.plural(n))}, key=len, reverse=True)

    def choice(self, word):
        "(column, value) of the one choice that is called so, else None"
        found = [(c, v) for c, vs in self.choices.items() for v in vs if str(v).casefold() == word.casefold()]
        return found[0] if len(found) == 1 else None

    def titled(self, lang):
        "The column that says what a row is called: the main one, or another where the main one only says whose or when it is"
        names = lang.words['titles']
        return (self.main if self.main in names or self.main.split('_')[-1] in names
                else next((c for n in names for c, k in self.columns.items() if c == n and k == 'text'), self.main))

    def whole(self, column):
        "Do only whole numbers stand in a column?"
        made = self.__dict__.setdefault('_whole', {})
        if column not in made: made[column] = self._whole_of(column)
        return made[column]
    def _whole_of(self, column): return bool(vs := [v for r in self.rows if (v := r.get(column)) is not None]) and all(isinstance(v, int) for v in vs)

    def index(self, lang):
        "Which rows hold which words, made once"
        if lang.code not in (made := self.__dict__.setdefault('_index', {})): made[lang.code] = Index(self, lang)
        return made[lang.code]

class Index:
    "The words of a table's rows: `own` of the main column, `all` of every column in words"
    def __init__(self, table, lang):
        self.lang, self.own, self.words, self.close = lang, [lang.tokens(str(r.get(table.main) or '')) for r in table.rows], {'own': {}}, {}
        for n, words in enumerate(self.own):
            for w in words: self.words['own'].setdefault(w, set()).add(n)
        if (second := table.titled(lang)) != table.main:
            for n, r in enumerate(table.rows):
                for w in lang.tokens(str(r.get(second) or '')): self.words['own'].setdefault(w, set()).add(n)
        self.table, self.place = table, {r['id']: n for n, r in enumerate(table.rows)}
    def of(self, which):
        if which not in self.words:
            t = self.table
            others = [c for c, k in t.columns.items() if c != t.main and k in ('text', 'url', 'email', 'choice', 'date', 'long', 'number')]
            more = self.words[which] = {w: set(rs) for w, rs in self.words['own'].items()}
            for n, r in enumerate(t.rows):
                for c in others:
                    if r.get(c) not in (None, '', 0): [more.setdefault(w, set()).add(n) for w in self.lang.tokens(str(r[c]))]
        return self.words[which]
    def known(self):
        "What stands in the short text columns beside the main one: {value: [(column, as it is written)]}"
        if 'known_' not in self.__dict__:
            self.__dict__['known_'] = out = {}
            for r in self.table.rows:
                for c, k in self.table.columns.items():
                    if (c != self.table.main and k in ('text', 'choice') and 1 < len(v := str(r.get(c) or '')) <= 40
                            and (c, v) not in out.setdefault(v.lower(), [])):
                        out[v.lower()].append((c, v))
            for c, vs in self.table.choices.items():
                for v in vs: (c, v) in out.setdefault(str(v).lower(), []) or out[str(v).lower()].append((c, v))
        return self.known_
    def rows(self, word, which, near=False):
        "The places of the rows that hold a word, or one that is nearly it"
        words = self.of(which)
        if not near: return words.get(word, set())
        if word not in self.close:
            if len(self.close) > 5000: self.close.clear()         # a table that nobody changes is kept for days
            ratio = late('rapidfuzz.fuzz').ratio
            like = lambda h: (h == word or len(word) >= 4 and len(h) > len(word) and h.startswith(word)
                              or len(word) >= 5 and len(h) > 3 and abs(len(h)-len(word)) < 3 and h[0] == word[0] and not word.isdigit()
                              and ratio(word, h) >= 80)
            self.close[word] = set().union(*(rs for h, rs in words.items() if like(h)))
        return self.close[word]

@dataclass
class Op:
    """One operation: a key of a table, pressed. `values` are the columns of create and update, `by` and `order` of
    sort, the `column` and the filter of sum, the filter of list: {column: value, or {sign: value}}."""
    table: str
    verb: str
    id: int | None = None
    values: dict = field(default_factory=dict)
    @property
    def action(self): return f'{self.table}.{self.verb}'
    @property
    def looks(self): return self.verb in ('list', 'sort', 'sum')
    @property
    def args(self):
        if self.verb == 'list': return {'where': self.values} if self.values else {}
        return {**({'id': self.id} if self.id is not None else {}), **self.values}

@dataclass
class Reading:
    """What was understood. `end`: press (sure), chip (likely: offer it), ask (which of
    `ops`, one for each of the `candidates`?), nothing (by `name`: it must not act), unsure"""
    end: str
    ops: list = field(default_factory=list)
    name: str = ''
    candidates: list = field(default_factory=list)
    about: str = ''
    # [(Table, row)] it may be about, where nobody is sure; then also whose words (`said`, in the language `code`): see `record`
    records: list = field(default_factory=list)
    said: str = ''
    code: str = 'en'

class World:
    """The tables a sentence can be about, and what was touched last: `recent` [(table, id)], newest first; `chosen(table, id)`:
    the World as it is once that row is chosen, of which others show theirs; `open`: the one table that is looked at, or ''"""
    def __init__(self, tables, recent=(), chosen=None, open=''):
        self.tables, self.recent, self.chosen, self.open = {t.name: t for t in tables}, list(recent), chosen, open
    @cached_property
    def shape(self): return tuple((t.name, t.one, t.title, t.main, tuple(t.columns.items())) for t in self.tables.values())

@lru_cache(16)
def by_noun(code, shape):
    "{what a table of this shape is called in a language: its name}"
    lang = language(code)
    return {n: t.name for t in reversed([Table(n, dict(cols), main, one=one, title=title) for n, one, title, main, cols in shape])
            for n in t.nouns(lang)}

def like(new, now):
    "Is a name like another: by its letters, or by a word they share?"
    x, y = new.casefold(), now.casefold()
    return (len(new) > 2 and (late('rapidfuzz.fuzz').ratio(x, y) >= 62 or x.startswith(y) or y.startswith(x))
            or bool({w for w in x.split() if len(w) > 2} & {*y.split()}))

def joined(ops):
    "Operations, where what changes of one row is one of them; None where two of them contradict"
    out = []
    for o in ops:
        mate = next((m for m in out if o.id is not None and (m.table, m.id) == (o.table, o.id) and {m.verb, o.verb} != {'move', 'update'}), None)
        if not mate: out.append(Op(o.table, o.verb, o.id, dict(o.values)))
        elif mate.verb == o.verb == 'update' and not mate.values.keys() & o.values.keys(): mate.values |= o.values
        else: return None
    return out
