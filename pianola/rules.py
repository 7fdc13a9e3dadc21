"""What a sentence asks for, without a model: patterns of a language × the tables there are × their rows. A rule that is not sure abstains.

    words → clauses → a pattern fits → the row is found, the value is read → operations
                                     ↘ several rows fit: ask · it must not act: nothing, by name · else: not sure

A language is a file in `languages/`; nothing here knows one."""
import importlib, re, threading, tomllib
from datetime import date
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

longest = 400           # characters of a sentence that rules look at; who writes more has pasted something
most_rows, most_asked = 50, 500      # that one sentence may change; that it may change after a yes

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
    "One operation: a key of a table, pressed. `values` are the columns of create and update, `by` and `order` of sort, the filter of list."
    table: str
    verb: str
    id: int | None = None
    values: dict = field(default_factory=dict)
    @property
    def action(self): return f'{self.table}.{self.verb}'
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

def both(x, y):
    "The words of two languages as one; patterns are tried side by side"
    if isinstance(x, dict): return {k: both(x[k], y[k]) if k in x and k in y else x.get(k, y.get(k)) for k in (*x, *(k for k in y if k not in x))}
    if isinstance(x, list): return [[*a, *b] for a, b in zip(x, y)] if x and isinstance(x[0], list) and len(x) == len(y) else [*x, *y]
    return f'(?:{x})|(?:{y})' if isinstance(x, str) and x != y and re.search(r'[\\(^]', x + y) else f'{x}|{y}' if isinstance(x, str) and x != y else x

class Language:
    "Words and patterns of one language; of `en+de`: of two, for who speaks both in one breath"
    def __init__(self, code):
        first, *more = [tomllib.loads((Path(__file__).parent/'languages'/f'{c}.toml').read_text('utf-8')) for c in code.split('+')]
        d = first
        for o in more:
            d = {**both(d, o), **{k: first.get(k) for k in ('stemmer', 'date', 'comma', 'plural', 'singular')}, 'dates': [first['date'], o['date']]}
        self.code, self.words, self.verbs, self.patterns, self.order = code, d['words'], d['verbs'], d['patterns'], d['order']
        self.places = {w: place for place, ws in d.get('places', {}).items() for w in ws}
        self.flags, self.unflags, self.past, self.tables, self.date, self.columns = (
            d['flags'], d['unflags'], d['past'], d['tables'], d['date'], d.get('columns', {}))
        self.dates = d.get('dates') or [self.date]
        self.gist, self.parts, self.record, self.comma, self.months = (
            d.get('gist'), d.get('parts'), {'small': [], 'edge': [], 'asks': [], 'off': [], 'renames': [], 'swaps': [], **d.get('record', {})},
            bool(d.get('comma')), {w: n for n, ws in enumerate(d['months'], 1) for w in ws})
        self.cues = {kind: frozenset(phrases) for kind, phrases in d['gist']['cues'].items()} if d.get('gist') else {}
        self.days = {w: n for n, ws in enumerate(d['days'], 1) for w in ws}
        self.plurals = d.get('plural') or [['(?<=[^aeiou])y$', 'ies'], ['(?:s|x|ch|sh)$', lambda m: m[0]+'es'], ['$', 's']]
        self.singulars = d.get('singular') or [['ies$', 'y'], ['(?<=(?:ss|sh|ch))es$|(?<=x)es$', ''], ['(?<=[^s])s$', '']]
        import snowballstemmer                                   # here: it brings forty languages
        # it holds the word in itself: two threads in it at once get each other's stems
        self._stemmer, self._stemming = snowballstemmer.stemmer(d['stemmer']), threading.Lock()
        self.gate = {name: [re.compile(p, re.I) for p in ps] for name, ps in d['gate'].items()}
        self.contracted = re.compile('|'.join(p for p, _ in self.words.get('contracted', ())) or '(?!)', re.I)
        alt = lambda ws: '|'.join(map(re.escape, sorted(ws, key=len, reverse=True)))
        self.head = re.compile(rf"(?:{alt([*self.words['polite'], *self.words['wish']])})\b[,:!.]?\s*(?=\S)", re.I)
        self.tail = re.compile(rf"(?<=\S)[,]?\s+(?:{alt(self.words['tail'])})$", re.I)
        self.joins = re.compile(f"(?:{alt(self.words['and'])})", re.I)
        self.asides = [re.compile(p, re.I) for p in self.gist['aside']] if self.gist else []
        self.telling = {w for k in ('a', 'polite', 'tell') for w in self.words.get(k, ())}      # small words, by which one sees whose a sentence is
        self.words |= {'number_more': [w for k in ('number_point', 'halves') for p in self.words[k] for w in p.split()],
                       'half': [p.split()[-1] for p in self.words['halves']]}
        self.small = {self.stem(w) for w in self.words['a'] for w in w.split()}
        self.stem = lru_cache(20_000)(self.stem)
        self.tokens, self.number = lru_cache(5_000)(self.tokens), lru_cache(5_000)(self.number)
        self.gated = lru_cache(16)(self.gated)                   # the same few texts are asked about from all sides
    def beside(self, text):
        "Is a text no order, but something said in passing?"
        return any(p.search(text) for p in self.asides)
    def gated(self, text):
        "`gate` of a text"
        t = whole(re.sub(r'\s+', ' ', text.replace('’', "'")).strip(), self)
        return next((name for name, ps in self.gate.items() if any(p.search(t) for p in ps)), '')
    def stem(self, w):
        w = self.past.get(w, w)
        if w.isdigit(): return w
        with self._stemming: return self._stemmer.stemWord(w)
    def tokens(self, text):
        "The stems of a text's words, small words left out"
        return tuple(s for w in re.findall(r"[^\W_]+(?:'[a-z]+)?", text.casefold().replace('’', "'").replace("'s", ''))
                     if (s := self.stem(w)) not in self.small)
    def _bend(self, w, rules):
        for p, r in rules:
            if re.search(p, w): return re.sub(p, r, w, count=1)
        return w
    def singular(self, w): return self._bend(w, self.singulars)
    def plural(self, w): return self._bend(w, self.plurals) if self.singular(w) == w else w
    def number(self, text, whole=False):
        """A number in digits or words (*thirty-one*, *one hundred and six*), else
        None; `whole`: where only whole numbers stand, so that 1.234 are thousands"""
        t = text.strip().lower().lstrip('€$£#').rstrip('.!€$£%').strip()
        if t in self.words['numbers']: return self.words['numbers'][t]
        if re.fullmatch(r'[^\W\d_][^\d_]*', t): return self._spelled(t)
        t, (point, comma) = re.sub(r'(?<=\d) (?=\d{3}(?!\d))', '', t), ('.,', ',.')[self.comma]
        if not re.fullmatch(r'-?\d[\d.,]{0,20}', t) or t[-1] in '.,': return None
        mark = max('.,', key=t.rfind)                   # of two kinds of marks the last is the decimal one
        if '.' in t and ',' in t: point, comma = mark, '.,'[mark == '.']
        elif mark in t and (t.count(mark) > 1 or whole and re.fullmatch(r'-?\d{1,3}[.,]\d{3}', t)): point, comma = '.,'[mark == '.'], mark
        elif mark in t and not re.fullmatch(r'-?\d{1,3}[.,]\d{3}', t): point, comma = mark, '.,'[mark == '.']
        if not re.fullmatch(rf'-?(?:\d{{1,15}}|\d{{1,3}}(?:{re.escape(comma)}\d{{3}})+)(?:{re.escape(point)}\d+)?', t): return None
        t = t.replace(comma, '').replace(point, '.')
        return float(t) if '.' in t else int(t)
    def _spelled(self, text):
        "Forty-seven, four and a half, nineteen point three"
        for half in self.words['halves']:
            if text.endswith(' ' + half) and (n := self._spelled(text.removesuffix(' ' + half))) is not None: return n + .5
        for point in self.words['number_point']:
            before, said, after = text.partition(f' {point} ')
            if said:
                n, ds = self._spelled(before), [self.words['numbers'].get(w, 10) for w in after.split()]
                return float(f"{n}.{''.join(map(str, ds))}") if n is not None and all(d < 10 for d in ds) else None
        total, part, numbers = 0, 0, self.words['numbers']
        words = [w for w in re.split(r'[\s-]+', text) if w not in self.words['number_and']]
        if not words or len(words) > 8: return None
        for w in words:
            n = numbers.get(w)
            if n is None: return None
            if n == 1000: total, part = (total + part or 1)*1000, 0
            elif n == 100: part = (part or 1)*100
            elif part % 100 and not (part % 100 >= 20 and part % 10 == 0 and n < 10): return None
            else: part += n
        return total + part
    def day(self, text):
        "A date in words or digits as YYYY-MM-DD, else None; a month without its day is none"
        t = re.sub(r'^(?:on|by|due|until|am|bis|den)\s+', '', ' '.join(text.lower().split()).rstrip('.!'), flags=re.I)
        if not t or len(t) > 60 or self.number(t) is not None: return None
        t = re.sub(r'[^\W\d_]+(?:-[^\W\d_]+)?', lambda m: str(self.days[m[0]]) if m[0] in self.days else m[0], t)
        t = ' '.join(w for w in re.sub(r'(?<=\d)(?:st|nd|rd|th)\b', '', t).replace(',', ' ').split() if w not in self.words['day_small'])
        if any(w.rstrip('.') in self.months for w in t.split()):
            if (not (m := re.fullmatch(r'(?P<d>\d\d?)\.? (?P<m>[^\W\d_]+)\.?(?: (?P<y>\d{4}))?'
                                       r'|(?P<m2>[^\W\d_]+)\.? (?P<d2>\d\d?)(?: (?P<y2>\d{4}))?', t))
                    or (m['m'] or m['m2']) not in self.months):
                return None
            return _date(int(m['d'] or m['d2']), self.months[m['m'] or m['m2']], m['y'] or m['y2'])
        found = late('dateparser').parse(
            re.sub(r'^(?:next|this|nächste[nrs]?|diese[nrs]?)\s+(?!week|month|year|woche|monat|jahr)', '', t, flags=re.I), languages=self.dates,
            settings={'PREFER_DATES_FROM': 'future', 'REQUIRE_PARTS': [], 'RETURN_TIME_AS_PERIOD': True, 'NORMALIZE': True})
        return found.date().isoformat() if found else None

def _date(d, month, year):
    "The day as YYYY-MM-DD, the next one where no year is said; None when there is none"
    now = date.today()
    try: return (got if (got := date(int(year or now.year), month, d)) >= now or year else got.replace(year=now.year+1)).isoformat()
    except ValueError: return None

_late, _have = threading.Lock(), {}
def late(name):
    """A library when it is first needed, as a start need not wait for it. One
    thread at a time: two that bring parts of one package at once find it half made."""
    if not (found := _have.get(name)):
        with _late: found = _have[name] = importlib.import_module(name)
    return found

def spoken_name(name):
    "A table's or a column's name as people say it"
    return name.replace('_', ' ').strip()

@lru_cache(8)
def language(code): return Language(code)
@lru_cache(1)
def languages(): return sorted(p.stem for p in (Path(__file__).parent/'languages').glob('*.toml'))

def mask(text):
    "A text with what stands in quotation marks or code as Q0Q, Q1Q …, and what that was"
    quotes = []
    def keep(m):
        quotes.append(m[0][1:-1] if not m[0].startswith('```') else m[0].strip('`'))
        return f'Q{len(quotes)-1}Q'
    return _quote.sub(keep, text), quotes
_quote = re.compile(r'```[\s\S]*?```|`[^`]+`|"[^"]*"|“[^”]*”|„[^“”"]*[“”"]|«[^»]*»|(?<![\w])[\'‘](?=\S)(?:[^\'’]|(?<=\w)[\'’](?=\w))*[\'’](?!\w)')
def unmask(text, quotes): return re.sub(r'Q(\d+)Q', lambda m: quotes[int(m[1])] if int(m[1]) < len(quotes) else m[0], text)

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

class World:
    """The tables a sentence can be about, and what was touched last: `recent` [(table, id)], newest
    first; `chosen(table, id)`: the World as it is once that row is chosen, of which others show theirs"""
    def __init__(self, tables, recent=(), chosen=None):
        self.tables, self.recent, self.chosen = {t.name: t for t in tables}, list(recent), chosen
    @cached_property
    def shape(self): return tuple((t.name, t.one, t.title, t.main, tuple(t.columns.items())) for t in self.tables.values())

@lru_cache(16)
def _nouns(code, shape):
    "{what a table of this shape is called in a language: its name}"
    lang = language(code)
    return {n: t.name for t in reversed([Table(n, dict(cols), main, one=one, title=title) for n, one, title, main, cols in shape])
            for n in t.nouns(lang)}

@lru_cache(16)
def _compiled(code, shape):
    "The patterns of a language over tables of this shape, in the order in which they are tried: [(kind, regex)]"
    lang, nouns = language(code), _nouns(code, shape)
    tables = [Table(n, dict(cols), main, one=one, title=title) for n, one, title, main, cols in shape]
    alt = lambda ws: '(?:' + '|'.join(sorted((re.escape(w).replace(r'\ ', r'\s+') for w in set(ws)), key=len, reverse=True)) + ')' if ws else '(?!)'
    columns = {w for t in tables for c, k in t.columns.items()
               for w in (spoken_name(c), *([f"{spoken_name(c)} {lang.words['date_word']}"] if k == 'date' else ()),
                         spoken_name(c).removesuffix(' at').removesuffix(' on'), *lang.columns.get(c, ()))}
    known = {c for t in tables for c, k in t.columns.items() if k == 'bool'}
    flags = {w for c in known for w in [spoken_name(c), *lang.flags.get(c, ()), *lang.unflags.get(c, ())]}
    kinds = {'table': alt(nouns), 'column': alt(columns), 'flag': f"(?:{alt(lang.words['not'])}[ -]?)?{alt(flags)}",
             'order': alt([*lang.order['asc'], *lang.order['desc']]), 'row': '.+?', 'value': '.+', 'past': r'\w+', 'quoted': r'Q\d+Q'}
    small = {'a': alt([w for w in lang.words['a'] if w not in ('and', 'or', 'called', 'named')]), 'every': alt(lang.words['every']),
             'list': alt(lang.words['list']), **{k: alt(v) for k, v in lang.verbs.items() if k != 'list'}}
    def regex(kind, p):
        seen = set()
        def fill(m):
            w = m[1]
            if kind in ('list', 'sort') and w == 'list':
                return alt(lang.verbs['list'] if p.startswith('{list}') or '{list} by' in p else lang.words['list'])
            if w in small: return small[w]
            name = 'value' if w == 'quoted' else w
            if name in seen: return f'(?P<{name}2>{kinds[w]})' if f'{name}2' not in seen and not seen.add(f'{name}2') else kinds[w]
            seen.add(name)
            return f'(?P<{name}>{kinds[w]})'
        return re.compile(re.sub(r'\{(\w+)\}', fill, p), re.I)
    return [(kind, regex(kind, p)) for kind in order for p in lang.patterns.get(kind, ())]

order = ('list', 'sort', 'move', 'undone', 'flagverb', 'flag', 'on', 'off', 'set', 'rename', 'done', 'delete', 'create', 'note')

def whole(text, lang):
    "A text with *dont* as *don't*"
    if lang.contracted.search(text):
        for p, full in lang.words['contracted']: text = re.sub(p, full, text, flags=re.I)
    return text

def gate(text, lang):
    "The name of what keeps a text from acting (how, negation, condition, maybe, writing, reported, talk), else ''. What is quoted is not looked at."
    return lang.gated(text)

class Reader:
    "One sentence against one world"
    def __init__(self, text, world, lang):
        self.world, self.lang = world, lang
        self.text, self.quotes = mask(whole(text.replace('’', "'"), lang))
        self.nouns = _nouns(lang.code, world.shape)
        self.failed, self.pin, self.found, self.doubt = [], None, {}, False

    @cached_property
    def patterns(self): return _compiled(self.lang.code, self.world.shape)

    def read(self):
        t = self.text.strip()
        if not t or len(t) > longest or '\n' in t: return Reading('unsure', name='long')
        t = self.trim(t)
        if not t: return Reading('nothing', name='talk')
        if got := self.clauses(t):
            if self.doubt and got.end == 'press' and any(o.verb in ('create', 'update') for o in got.ops): got.end, got.name = 'chip', 'unlike'
            return got
        if name := gate(t, self.lang) or gate(self.text, self.lang): return Reading('nothing', name=name)
        if self.failed:
            many = next((f for f in self.failed if f.end == 'ask'), None)
            if many and len(many.candidates) == 2 and many.ops and set(self.lang.words['both']) & set(t.lower().split()):
                return Reading('chip', many.ops, name='too_many')
            # of the others it makes no sense
            if many and len(many.ops) == 1 and many.ops[0].verb == 'update': return Reading('chip', many.ops, name='unlike')
            return many or self.failed[0]
        return Reading('unsure')

    def trim(self, t):
        "Without the politeness around it"
        t = t.strip().rstrip('?!. ')
        while m := self.lang.head.match(t):
            rest = t[m.end():]
            # “I want to …” may be the wish itself
            if any(k == 'note' and rx.fullmatch(t) and not rx.fullmatch(rest) for k, rx in self.patterns): break
            t = rest
        while m := self.lang.tail.search(t): t = t[:m.start()].rstrip('?!. ,')
        return t

    def clauses(self, t):
        "Several operations in a sentence: each part must be one"
        whole = self.clause(t)
        parts = self.split(t)
        if len(parts) > 1 and not any(re.match(r'(?:%s)\b' % '|'.join(self.lang.words['or']), p.strip(), re.I) for p in parts[1:]):
            out, ok = [], True
            subject = re.match(r"(i(?:'ve| have)?|we(?:'ve| have)?|ich habe|ich|wir)\s", t, re.I)
            verb = None
            for p in parts:
                p = self.trim(p)
                got = self.clause(p)
                if not (got and got.end == 'press') and subject and not re.match(subject[1], p, re.I): got = self.clause(f'{subject[1]} {p}')
                if not (got and got.end == 'press') and verb and out[-1].verb in ('delete', 'update'): got = self.clause(f'{verb} {p}')
                if not (got and got.end == 'press'): ok = False; break
                if (out and got.ops and got.ops[0].verb == 'create' and self.kind == 'note'
                        and not re.match(r"(?:add|note|put|remind|i |we |ich )", p, re.I)):
                    ok = False
                    break
                m = re.match(r"(\w+(?: off)?)\s", p)
                verb = m[1] if m and got.ops[0].verb in ('delete', 'update') else verb
                out += got.ops
            if ok and not joined(out): return Reading('unsure', name='half')         # “tick it and delete it”
            # all behind the colon is what to write
            if ok and whole and whole.end == 'press' and whole.ops[0].verb == 'create' and ':' in t and any(o.verb != 'create' for o in out):
                ok = False
            if ok and len({(o.table, o.verb, o.id, str(o.values)) for o in out}) == len(out) <= most_rows and (out := joined(out)):
                return Reading('press', out)
        return whole

    def split(self, t):
        return [p for p in self.lang.joins.split(t) if p.strip()]

    def clause(self, t):
        "The first pattern that fits and whose parts are all found"
        self.kind = ''
        for kind, rx in self.patterns:
            if not (m := rx.fullmatch(t)): continue
            g = {k: v for k, v in m.groupdict().items() if v is not None}
            said = t
            if 'value' in g and kind in ('create', 'note', 'rename', 'set'): said = t[:m.start('value')] + 'X' + t[m.end('value'):]
            if kind == 'list': said = ''
            if (said and (name := gate(said, self.lang)) and not (kind == 'flagverb' and name == 'negation')
                    and not (kind in ('undone', 'flag', 'delete') and name == 'negation' and ('need' in said or kind != 'delete'))
                    and not (kind == 'note' and name in ('negation', 'how'))):
                self.failed.append(Reading('nothing', name=name))
                continue
            got = getattr(self, kind)(g, t)
            if got is None: continue
            if got.end == 'press':
                self.doubt = self.doubt or self.doubtful(kind, g, t, got)
                self.kind = kind
                return got
            for self.pin in got.candidates:             # which of them? each as the operation it would be
                each = getattr(self, kind)(g, t)
                if each and each.end == 'press': got.ops += each.ops
            self.pin = None
            self.failed.append(got if got.ops or got.end != 'ask' else Reading('unsure', name='row'))
        return None

    def doubtful(self, kind, g, t, got):
        "Is a new row's name, or a row's new name, perhaps more than a name? Then it is offered. What a colon or quotation marks set apart is not."
        if kind not in ('create', 'note', 'rename') or 'Q' in g['value']: return False
        table = self.world.tables[got.ops[0].table]
        v, todo = str(got.ops[0].values.get(table.main) or g['value']), self.todo
        if re.search(r'[.;!?]\s+\S', self.text.strip()) and kind != 'note': return True
        if kind == 'note' or kind == 'create' and table is todo:
            return (len(v.split()) > 12 or bool(re.search(self.lang.words.get('beside', '(?!)'), v, re.I))
                    or kind == 'note' and bool(re.match(self.lang.words.get('musing', '(?!)'), t, re.I)))
        # “member Tariq Aziz”: is the first word part of it?
        if (re.match(r'[A-Za-z][a-z]* [A-Z]', g['value']) and g['value'][0].islower()
                or re.search(rf"\s(?:{'|'.join(map(re.escape, self.lang.words['between']))})\s", v)):
            return True
        return len(v.split()) > (8 if ',' in v else 5) or bool(re.search(self.lang.words.get('beside', '(?!)'), v, re.I))

    # finding rows

    def find(self, text, table=None, extra=()):
        """The rows a phrase names: (status, [(Table, row)]). one: exactly this; several:
        all of them are meant; many: which?; none; no_row: a number that no row has."""
        if self.pin: return 'one', [self.pin]
        key = text.strip().lower(), table and table.name, extra
        if key not in self.found: self.found[key] = self._find(text, table, extra)
        return self.found[key]
    def _find(self, text, table, extra):
        lang, t = self.lang, text.strip().strip(',;:')
        low = t.lower()
        tables = [table] if table else list(self.world.tables.values())
        if low in lang.words['it'] or low in lang.words['them']:
            recent = [(self.world.tables[n], r) for n, i in self.world.recent if n in self.world.tables for r in self.world.tables[n].rows
                      if r['id'] == i]
            n = 1 if low in lang.words['it'] else 2
            return ('one' if n == 1 else 'several', recent[:n]) if len(recent) >= n else ('none', [])
        if m := re.fullmatch(r'(?:the |an? )?Q(\d+)Q(?:\s+(\w+))?|(?:the )?(\w+)\s+Q(\d+)Q', t):
            said = self.quotes[int(m[1] or m[4])]
            noun = (m[2] or m[3] or '').lower()
            if noun in self.nouns: tables = [self.world.tables[self.nouns[noun]]]
            same = [(tb, r) for tb in tables for r in tb.rows if str(r.get(tb.main) or '').strip().casefold() == said.strip().casefold()]
            if same: return ('one' if len(same) == 1 else 'many', same)
            t = low = said
        hint = None
        for noun in sorted(self.nouns, key=len, reverse=True):
            if m := re.search(rf'(?<![\w-]){re.escape(noun)}(?![\w-])', low):
                named = self.world.tables[self.nouns[noun]]
                if table and named is not table: continue
                rest = (t[:m.start()] + ' ' + t[m.end():]).strip()
                if (not table and not any(lang.stem(noun.split()[-1]) in lang.tokens(str(r.get(named.main) or '')) for r in named.rows)
                        or not lang.tokens(rest) or re.search(r'\d', rest)):
                    hint, tables, t, low = named, [named], rest, rest.lower()
                break
        every = [w for w in low.replace('every one', 'every').split() if w in lang.words['every']]
        if every and hint:
            rest = ' '.join(w for w in low.split() if w not in lang.words['every'] and w not in lang.words['a'])
            rows = hint.rows
            if rest:
                flag = self.flag_of(hint, rest)
                if not flag: return 'none', []
                rows = [r for r in rows if bool(r.get(flag[0])) == flag[1]]
            return ('several', [(hint, r) for r in rows]) if rows else ('none', [])
        if (hint or table) and (several := self.counted(low, (hint or table).rows)) is not None:
            return ('several', [(hint or table, r) for r in several]) if several else ('none', [])
        if (hint and (o := next((lang.words['ordinals'][w] for w in low.split() if w in lang.words['ordinals']), None)) is not None
                and len(lang.tokens(low)) <= 1):
            try: return 'one', [(hint, hint.rows[o])]
            except IndexError: return 'none', []
        bare = re.sub(r'^(?:(?:number|no\.?|nr\.?|nummer|id|#)\s*)+', '', low).strip(' #.')
        if bare.isdigit():
            called = re.compile(rf"{re.escape(' '.join(w for w in text.lower().split() if w not in lang.words['a']))}(?!\w)", re.I)
            # “task number 17” may be its name
            hits = [(tb, r) for tb in tables for r in tb.rows if r['id'] == int(bare) or called.match(str(r.get(tb.main) or ''))]
            if len(hits) == 1: return 'one', hits
            if hits: return 'many', hits
            words = [(tb, r) for tb in tables for r in tb.rows if bare in lang.tokens(str(r.get(tb.main) or ''))]
            return ('one', words) if len(words) == 1 else ('many', words) if words else ('no_row', [])
        if (hint and (m := re.match(r'#?(\d+)\b', low)) and not re.search(r'\d', low[m.end():])
                and not any(m[1] in lang.tokens(str(r.get(hint.main) or '')) for r in hint.rows)):
            hits = [(hint, r) for r in hint.rows if r['id'] == int(m[1])]
            return ('one', hits) if hits else ('no_row', [])
        want = lang.tokens(t)
        # “a lead” is none of them
        if not want and hint and re.match(r'(?:%s)\b' % '|'.join(map(re.escape, lang.words['another'])), text.strip(), re.I): return 'none', []
        if not want: return 'many' if hint else 'none', [(hint, r) for r in hint.rows[:6]] if hint else []
        found = self.match(want, tables, extra, ' '.join(w for w in re.sub(r'[.!?]$', '', low).split() if w not in self.lang.words['a']
                                                         or w in ('on', 'in', 'for', 'to', 'with', 'and')).strip())
        if found: return ('one' if len(found) == 1 else 'many', found)
        parts = [p for p in re.split(r'\s+(?:and|und|&)\s+|\s*,\s*(?:and |und )?', t) if p.strip()]
        if len(parts) > 1:
            got = [self.find(p, hint or table) for p in parts]
            if all(s == 'one' for s, _ in got) and len({(tb.name, r['id']) for _, rs in got for tb, r in rs}) == len(got):
                return 'several', [rs[0] for _, rs in got]
        return 'none', []

    def counted(self, low, rows):
        "The rows that several ordinals name (the first and the last; the first two); [] for some that are not there, None where it is not several"
        words, said = (self.lang.words,
                       [w for w in re.findall(r'\w+', low) if w in self.lang.words['ordinals'] or self.lang.stem(w) not in self.lang.small])
        at, more = ([words['ordinals'].get(w) for w in said],
                    [words['numbers'].get(w) or (int(w) if w.isdigit() and len(w) < 4 else None) for w in said])
        if len(said) < 2 or at[0] is None: return None
        if len(said) == 2 and at[0] in (0, -1) and more[1] and at[1] is None:
            return (rows[:more[1]] if not at[0] else rows[-more[1]:]) if more[1] <= len(rows) else []
        if any(n is None for n in at): return None
        return [rows[n] for n in dict.fromkeys(n % len(rows) for n in at)] if all(-len(rows) <= n < len(rows) for n in at) else []

    def match(self, want, tables, extra=(), same=''):
        """Rows that hold all of these words: those that consist of them first, then
        those named by them, then those that hold them elsewhere; spelling may slip"""
        out = []
        for tb in tables:
            ix = tb.index(self.lang)
            hits = lambda words, of, near=False, ix=ix: set.intersection(*(ix.rows(w, of, near) for w in words))
            if exact := hits(want, 'own'):
                for n in exact:
                    own = set(ix.own[n])
                    out.append((0 if own == {*want, *extra} and (extra or same == str(tb.rows[n].get(tb.main) or '').casefold()) else
                                1 if same == str(tb.rows[n].get(tb.main) or '').casefold() else
                                2 if all(x in own for x in extra) else 3, tb, tb.rows[n]))
            elif near := hits(want, 'own', True): out += [(4, tb, tb.rows[n]) for n in near]
            elif some := hits(want, 'all'):
                named = set.union(*(ix.rows(w, 'own') for w in want))
                out += [(5 if n in named else 6, tb, tb.rows[n]) for n in some if n in named or not any(w.isdigit() for w in want)]
        best = min((n for n, *_ in out), default=9)
        return sorted(((tb, r) for n, tb, r in out if n == best), key=lambda f: f[1]['id'])

    def one(self, text, table=None, extra=()):
        "The rows of a phrase, or a Reading that says why not"
        status, rows = self.find(text, table, extra)
        if status in ('one', 'several'): return rows, None
        if status == 'many' and len(rows) <= 8: return None, Reading('ask', candidates=rows, about=unmask(text, self.quotes))
        if status == 'no_row': return None, Reading('nothing', name='no_row', about=unmask(text, self.quotes))
        return None, Reading('unsure', name='row') if status == 'none' else Reading('ask', candidates=rows[:6], about=unmask(text, self.quotes))

    # reading values

    def clean(self, v):
        v = unmask(v, self.quotes).strip()
        return re.sub(r'^["\'“‘`]+|["\'”’`]+$', '', v).strip().strip(',;:').rstrip('.!').strip()

    def typed(self, table, column, text):
        "What a text means in a column; None when it means nothing there"
        kind, v = table.columns[column], self.clean(text)
        if not v: return None
        if kind == 'number': return self.lang.number(v, table.whole(column))
        if kind == 'date': return self.lang.day(v)
        if kind == 'bool':
            if v.lower() in ('true', 'yes', 'on', 'ja', 'an'): return True
            if v.lower() in ('false', 'no', 'off', 'nein', 'aus'): return False
            return None
        if kind == 'choice': return next((c for c in table.choices.get(column, ()) if str(c).casefold() == v.casefold()), None)
        if kind == 'url': return v if re.fullmatch(r'(?:https?://|www\.)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*)?', v) else None
        if kind in ('json', 'ref'): return None
        return v

    def columns(self, table, text):
        "({column: value}, what is left for the main column) of a new row said in one breath"
        values, rest, lang = {}, text, self.lang
        def take(m):
            before, after = rest[:m.start()].rstrip(' ,;('), rest[m.end():].lstrip(' ,;)')
            return f'{before} ¦ {after}' if before.strip() and after.strip() else ' ' + (before + after).strip()      # ¦: something was said there
        for c, kind in [*table.columns.items()]*2:             # twice: what stood behind the first is the end now
            if c == table.main or c in values: continue
            noun = '(?:' + '|'.join(re.escape(w) for w in (spoken_name(c), *lang.columns.get(c, ()))) + ')'
            lead = r'(?:[,;(]\s*|\s+)(?:(?:with|and|at|mit|und)\s+)?(?:(?:a|an|the|its|his|her|their|my|ein|eine|einer|einem|der|die|das)\s+)?'
            if (kind == 'url' and (m := re.search(
                    rf'(?:{lead}(?:(?:url|website|web site|site|link|address|{noun})(?:\s+(?:is|of))?[:\s]+|at\s+|on\s+)?)'
                    r'(?P<v>(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|org|net|io|example|dev|de|co|uk|eu|info|ch|at|fr|app)\b(?:/\S*)?)', rest, re.I))):
                values[c] = m['v'].rstrip('.,;)')
                rest = take(m)
            elif (kind in ('email', 'text') and 'mail' in c
                  and (m := re.search(rf'(?:{lead}(?:(?:e-?mail|{noun})(?:\s+(?:is|of))?[:\s]+)?)(?P<v>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)', rest, re.I))):
                values[c] = m['v']
                rest = take(m)
            elif (kind == 'text' and re.search('phone|tel|mobile', c) and (m := re.search(
                    rf'(?:{lead}(?:(?:phone|tel|number|telephone|mobile|{noun})(?: number)?(?:\s+(?:is|of))?[:\s]+)?)(?P<v>\+?\d[\d /()-]{{3,}}\d)',
                    rest, re.I))):
                values[c] = m['v'].strip()
                rest = take(m)
            elif kind == 'number':
                m = (re.search(rf'{lead}{noun}(?:\s+(?:of|is|=|to|von))?\s*[:=]?\s*(?P<v>[€$£]?-?\d[\d.,]*|{"|".join(lang.words["numbers"])})\b',
                               rest, re.I)
                     or re.search(rf'(?:[,;(]\s*|\s+)(?:(?:with|and|for|at|of|mit|und|für|takes|costs|is)\s+)*(?P<v>[€$£]?-?\d[\d.,]*)\s*{noun}\b\)?',
                                  rest, re.I)
                     or (re.search(r'(?:[,;(]\s*|\s+)(?:(?:for|of|at|over|costs?|costing|worth|is|für|über)\s+)?'
                                   r'(?P<v>(?:[€$£]\s?-?\d[\d.,]*)|(?:-?\d[\d.,]*\s?(?:€|\$|£|euros?|dollars?|pounds?|eur|usd|gbp)))(?=[\s,;.)]|$)',
                                   rest, re.I) if re.search('amount|price|cost|total|sum|betrag|preis', c) else None))
                if m and (n := lang.number(re.sub(r'(?i)\s?(?:euros?|dollars?|pounds?|eur|usd|gbp)$', '', m['v'].rstrip('.,')))) is not None:
                    values[c] = n
                    rest = take(m)
            elif kind == 'date':
                if (m := re.search(rf'{lead}(?:{noun}|due|on|by|until|deadline|am|bis|fällig)(?:\s+(?:is|on|by|of|date|am|bis))*\s*[:=]?\s+'
                                   r'(?P<v>[^,;]+?)\)?$', rest, re.I)) and (d := lang.day(m['v'])):
                    values[c] = d
                    rest = take(m)
                elif (m := re.search(r'(?:[,;(]\s*|\s+)(?P<v>today|tomorrow|tonight|next \w+|heute|morgen|übermorgen'
                                     r'|(?:mon|tues|wednes|thurs|fri|satur|sun)day|\d{4}-\d\d-\d\d)\)?$', rest, re.I)) and (d := lang.day(m['v'])):
                    values[c] = d
                    rest = take(m)
            elif kind == 'choice':
                said = [x for x in table.choices.get(c, ()) if re.search(rf'(?<!\w){re.escape(str(x))}(?!\w)', rest, re.I)]
                if len(said) == 1 and (m := re.search(
                        rf'(?:{lead}(?:{noun}(?:\s+(?:is|of))?[:\s]+)?(?:as\s+|in\s+)?){re.escape(str(said[0]))}(?:\s+{noun})?(?!\w)\)?'
                        rf'|^{re.escape(str(said[0]))}[ -]{noun}\s+', rest, re.I)):
                    values[c] = said[0]
                    rest = take(m)
            elif (kind in ('text', 'long', 'email') and (m := re.search(
                    rf'{lead}{noun}(?:\s+(?:is|of|=|von))?\s*(?:[:=]\s*|\s+)(?P<v>Q\d+Q|[^,;]+?)(?=\s*(?:[,;)]|$|\s(?:with|and|mit|und)\s))\)?',
                    rest, re.I))):
                values[c] = self.clean(m['v'])
                rest = take(m)
            elif (kind == 'text' and c in ('author', 'by', 'artist', 'autor', 'writer', 'composer')
                  and (m := re.search(r'\s+(?:by|von)\s+(?P<v>[^,;]+?)$', rest))):
                values[c] = self.clean(m['v'])
                rest = take(m)
            elif (kind == 'bool' and (m := re.search(
                    r'(?:[,;(]\s*|\s+)(?:(?:and|which is|that is|marked|already|is|as|und|schon|bereits)\s+)*(?P<not>not |un|nicht )?'
                    rf'''(?:{"|".join(map(re.escape, sorted({c.replace("_", " "),
                        *(lang.flags.get(c, ()) if "," in rest or "already" in rest else ())}, key=len, reverse=True)))})\)?$''', rest, re.I))):
                values[c] = not m['not']
                rest = take(m)
        return values, rest

    def column(self, table, word):
        "The column that a word means in a table, else None"
        w = ' '.join(word.lower().split())
        w = w.removesuffix(' ' + self.lang.words['date_word'])
        return (next((c for c in table.columns if w in (spoken_name(c), spoken_name(c).removesuffix(' at').removesuffix(' on'))), None)
                or next((c for c in table.columns if w in self.lang.columns.get(c, ())), None))

    def flag_of(self, table, word):
        "(column, value) that a word means in a table, else None"
        w, off = ' '.join(word.lower().split()), False
        for n in sorted(self.lang.words['not'], key=len, reverse=True):
            if w.startswith(n + ' ') or n in ('un', 'non') and w.startswith(n) and not any(w in self.lang.unflags.get(c, ()) for c in table.columns):
                w, off = w[len(n):].strip(' -'), True
                break
        for c, k in table.columns.items():
            if k != 'bool': continue
            if w in [spoken_name(c), *self.lang.flags.get(c, ())]: return c, not off
            if w in self.lang.unflags.get(c, ()): return c, off
        return None
    @property
    def todo(self):
        "The table of what is to be done, where there is just one"
        ts = [tb for tb in self.world.tables.values()
              if {'done', 'finished', 'completed', 'complete', 'erledigt'} & {c for c, k in tb.columns.items() if k == 'bool'}]
        return ts[0] if len(ts) == 1 else None
    def done_column(self, table):
        return next((c for c, k in table.columns.items() if k == 'bool'
                     and (c in ('done', 'finished', 'completed', 'complete')
                          or {'finished', 'fertig', 'erledigt'} & set(self.lang.flags.get(c, ())))), None)
    def named(self, g, key='table'): return self.world.tables[self.nouns[' '.join(g[key].lower().split())]] if g.get(key) else None

    # what each kind of sentence does

    def update(self, rows, values_of):
        ops = []
        for tb, r in rows:
            v = values_of(tb, r)
            if v is None: return None
            if any(r.get(k) != x for k, x in v.items()): ops.append(Op(tb.name, 'update', r['id'], v))
        if not ops: return Reading('nothing', name='so_already', about=str(rows[0][1].get(rows[0][0].main)), candidates=rows)
        return self.of_many(ops)
    def of_many(self, ops):
        "Many rows at once are asked about first, and too many are left to the table, where they can be seen"
        return (Reading('press', ops) if len(ops) <= most_rows else
                Reading('chip', ops, 'too_many') if len(ops) <= most_asked else
                Reading('nothing', name='many_rows'))

    def create(self, g, t):
        table = self.named(g)
        if not table: return None
        values, rest = self.columns(table, ' ' + g['value'])
        name = self.clean(re.sub(r'\s*¦\s*$', '', re.sub(r'^(?:called|named|titled|for|about|:|namens)\s+', '', rest.strip(), flags=re.I)))
        # “put the books from newest to oldest”
        if ('Q' not in g['value'] and name and name.lower().split()[0] in self.lang.words.get('leaning', ())
                and not re.match(r'.*[:]', t[:len(t)-len(g['value'])+1])):
            return None
        labels = {w for c in table.columns for w in (spoken_name(c), *self.lang.columns.get(c, ()))} - set(table.nouns(self.lang))
        # more than one thing was said there
        if any(k != table.main and table.columns[k] == 'text' and 'Q' not in g['value'].partition(str(v))[0][-3:]
               and (len(str(v).split()) > 3 or re.search(r'\d', str(v)) and len(str(v).split()) > 1) for k, v in values.items()):
            return Reading('unsure', name='missing')
        # “with venue Night Owl”: a column's name is no part of a row's
        if ('Q' not in rest and any(re.search(rf'(?<![\w-]){re.escape(w)}(?![\w-])\s*\S', str(v).lower())
                                    for v in (name, *values.values()) for w in labels)
                or 'Q' in rest and (said := re.sub(r'Q\d+Q', ' ', rest).lower())
                and any(re.search(rf'(?<!\w){re.escape(w)}(?!\w)', said) for w in labels)):
            return Reading('unsure', name='missing')
        if (m := re.match(r'#?(\d+)\b', name)) and any(r['id'] == int(m[1]) for r in table.rows): return None            # “make visit 12 urgent”
        if (not name or len(name) > 300 or name.lower() in (*self.lang.words['it'], *self.lang.words['them'])
                or name.lower().split()[0] in self.lang.words['pointing'] or '¦' in name or re.search(r'[.!?]\s+\w', name)):
            return None
        loose = re.sub(r'^(?:called|named)\s+', '', rest.strip())
        open_ = [c for c, k in table.columns.items() if c != table.main and c not in values and k not in ('bool', 'long', 'json')]
        texts = [c for c in open_ if table.columns[c] in ('text', 'ref', 'choice', 'url', 'email')]
        if 'Q' not in g['value'] and open_:
            tail = loose.partition(',')[2]
            if tail and (texts or re.search(r'\d', tail)
                         or set(self.lang.tokens(tail)) & {self.lang.stem(w) for c in open_ for w in (c, *self.lang.columns.get(c, ()))}):
                return Reading('unsure', name='missing')
            if texts and re.search(rf"\s(?:{'|'.join(map(re.escape, self.lang.words['between']))})\s", loose):
                return Reading('unsure', name='missing')
            if re.search(r'\d', loose) and (len(open_) > 1 or texts) and re.search(r'\s\S*\d', loose): return Reading('unsure', name='missing')
        if re.search(rf",\s.*\b(?:{'|'.join(map(re.escape, self.lang.words['pointing'] + self.lang.verbs['create']))})\b", loose, re.I):
            return Reading('unsure', name='missing')
        # “put down bread as done”: the one that is there
        if 'Q' not in g['value'] and 'noted' in g and values and any(name.casefold() == str(r.get(table.main) or '').casefold() for r in table.rows):
            return Reading('unsure', name='missing')
        nouns = {self.lang.stem(w) for n in table.nouns(self.lang) for w in n.split()}
        if not set(self.lang.tokens(name)) - nouns and 'Q' not in g['value']: return None         # “add the tasks” names none
        # “one more thing: add …”
        if 'Q' not in g['value'] and name.lower().split()[0] in self.lang.words.get('adding', ()): return Reading('unsure', name='missing')
        # “add sprint 43” is more than a number
        if 'Q' not in g['value'] and not re.search(r'[^\W\d_]', name): return Reading('unsure', name='missing')
        if table.columns[table.main] == 'text':
            values[table.main] = name[0].upper() + name[1:] if re.match(r'[a-zäöü]+(?=[\s,]|$)', name) and 'Q' not in rest else name
        elif (v := self.typed(table, table.main, name)) is not None: values[table.main] = v
        else: return None
        if 'Q' in rest and re.sub(r'Q\d+Q', ' ', rest).strip(' ¦,;:.'): return Reading('unsure', name='missing')          # more than the quotation
        if any(c not in values for c in table.required): return Reading('unsure', name='missing')
        return Reading('press', [Op(table.name, 'create', values=values)])
    def note(self, g, t):
        table = self.todo
        if not table: return None
        if re.match(r'(?:know|see|understand|ask|help|say|tell you|be|have|find out|think|do something|talk)\b', g['value'], re.I): return None
        return self.create({**g, 'table': spoken_name(table.name), 'noted': t}, t)

    def delete(self, g, t):
        rows, sorry = self.one(g['row'], self.named(g))
        if sorry: return sorry
        if len(rows) == 1 and not self.pin and (more := self.also(g['row'], rows[0], self.named(g))):
            return Reading('ask', candidates=[*rows, *more][:6], about=unmask(g['row'], self.quotes))
        return self.of_many([Op(tb.name, 'delete', r['id']) for tb, r in rows])
    def also(self, text, row, table=None):
        "Other rows that hold all the words of a phrase which names no table, or names one only roughly: what is gone had better be meant"
        want = self.lang.tokens(re.sub(r'Q\d+Q', '', text))
        if not want or 'Q' in text and text.strip().startswith('Q') or re.search(r'\d', text): return []
        tables = [table] if table else list(self.world.tables.values())
        nouns = [w for w in want if any(w in self.lang.tokens(n) for n in self.nouns)]
        exact = ' '.join(w for w in want if w not in nouns) == ' '.join(self.lang.tokens(str(row[1].get(row[0].main) or '')))
        if nouns and exact: return []
        want = [w for w in want if w not in nouns] or want
        near = lambda ix, w: ix.rows(w, 'own') | (ix.of('all').get(w, set()) if not nouns else set())
        return [(tb, tb.rows[n]) for tb in tables if not nouns or tb is row[0]
                for n in sorted(set.intersection(*(near(tb.index(self.lang), w) for w in want)))
                if (tb.name, tb.rows[n]['id']) != (row[0].name, row[1]['id'])]

    def stated(self, t):
        "(verb, what it was done to) of something told as done, “I bought the bread”; None where it is not told so"
        return next(((m['past'].lower(), m['row']) for kind, rx in self.patterns if kind == 'done' and 'past' in rx.groupindex
                     and (m := rx.fullmatch(t)) and self.lang.stem(m['past'].lower()) not in self.lang.small), None)
    def done(self, g, t):
        verb = g.get('past', '').lower()
        if verb:
            stem = self.lang.stem(verb)
            if 'passive' in g and stem == verb: return None           # “the kitchen is clean” does not say who cleaned it, “the rent is paid” does
            rows, sorry = self.one(g['row'], extra=(stem,))
            if sorry: return sorry if verb and sorry.end == 'ask' else None
            flags = [self.flag_of(tb, verb) for tb, _ in rows]
            if all(flags): return self.update(rows, lambda tb, r: dict([self.flag_of(tb, verb)]))
            ends = {self.lang.stem(v) for v in self.lang.verbs['done']}
            if not all(stem in ends or stem in self.lang.tokens(str(r.get(tb.main) or '')) for tb, r in rows): return None
        else:
            rows, sorry = self.one(g['row'])
            if sorry: return sorry
        return self.update(rows, lambda tb, r: {c: True} if (c := self.done_column(tb)) else None)
    def undone(self, g, t):
        rows, sorry = self.one(g['row'])
        return sorry or self.update(rows, lambda tb, r: {c: False} if (c := self.done_column(tb)) else None)
    def flag(self, g, t):
        if g['row'].lower().split()[0] in ('what', 'which', 'who', 'how', 'was', 'wer', 'welche', 'wie'): return None
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        word = g['flag'].lower()
        if re.search(r"\b(?:isn't|isnt|is not|aren't|are not|wasn't|was not|ist nicht|sind nicht)\s+" + re.escape(word), t, re.I):
            word = f"{self.lang.words['not'][0]} {word}"
        return self.update(rows, lambda tb, r: dict([f]) if (f := self.flag_of(tb, word)) else None)
    def _switch(self, g, value):
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        pick = lambda tb: next((c for c in ('active', 'enabled', 'aktiv') if tb.columns.get(c) == 'bool'), None)
        return self.update(rows, lambda tb, r: {c: value} if (c := pick(tb)) else None)
    def on(self, g, t): return self._switch(g, True)
    def off(self, g, t): return self._switch(g, False)

    def flagverb(self, g, t):
        stem = self.lang.stem(g['past'].lower())
        rows, sorry = self.one(g['row'])
        if sorry: return None
        off = (bool(re.match(r"(?:stop|don't|do not|no longer|un|nicht mehr)\b", t, re.I))
               or bool(re.match('(?i)un', g['past']) and not any(self.lang.stem(c) == stem for tb, _ in rows for c in tb.columns)))
        pick = lambda tb: next((c for c, k in tb.columns.items() if k == 'bool' and c.endswith('ed')
                                and c not in ('finished', 'completed', 'tried')
                                and self.lang.stem(c) in (stem, self.lang.stem(g['past'].lower()[2:]) if off else stem)), None)
        return self.update(rows, lambda tb, r: {c: not off} if (c := pick(tb)) else None)

    @cached_property
    def plain(self): return re.compile(self.lang.words.get('plainly', '(?!)'), re.I)
    def misnamed(self, ops):
        "Does an operation give a row a name that is none?"
        t = self.trim(self.text)
        return not self.quotes and not self.plain.match(t) and any(
            self.misnames((tb, r), str(o.values[tb.main]), t) for o in ops if o.verb == 'update'
            for tb in [self.world.tables[o.table]] if tb.main in o.values for r in tb.rows if r['id'] == o.id)
    def misnames(self, found, name, t):
        "Is “move the rent to Anna”, “set it to high” no new name? One is called for by its verb, or is like the old one; another row's is none."
        tb, r = found
        other = any(str(x.get(t2.main) or '').casefold() == name.casefold() for t2 in self.world.tables.values() for x in t2.rows if x is not r)
        return (other
                or self.lang.words['moving'] and re.match(rf"(?:{'|'.join(map(re.escape, self.lang.words['moving']))})\b", t, re.I)
                and not like(name, str(r.get(tb.main) or '')))
    def rename(self, g, t):
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        name = self.clean(g['value'])
        if 'Q' not in g['value'] and re.search(self.lang.words.get('beside', '(?!)'), name, re.I): return Reading('unsure', name='value')
        plainly = 'Q' in g['value'] or self.plain.match(t)
        if not plainly and len(rows) == 1 and self.misnames(rows[0], name, t): return Reading('unsure', name='value')
        # “move it to the science section” names another column
        if not plainly and rows and sum(k in ('text', 'choice') for k in rows[0][0].columns.values()) > 1: return Reading('unsure', name='value')
        if (len(rows) != 1 or not name or re.match(r'(?:something|anything|what|a better|another name|etwas)\b', name, re.I)
                or rows[0][0].columns[rows[0][0].main] != 'text'):
            return Reading('unsure', name='value')
        if self.lang.number(name) is not None and any(k == 'number' for k in rows[0][0].columns.values()): return None
        if rows[0][0].titled(self.lang) != rows[0][0].main: return Reading('unsure', name='value')        # which of its names?
        # “Ryan is called Ryan”
        if 'Q' not in g['value'] and {*name.lower().split()} < {*str(rows[0][1].get(rows[0][0].main) or '').lower().split()}:
            return Reading('unsure', name='value')
        self.doubt = self.doubt or not plainly and not like(name, str(rows[0][1].get(rows[0][0].main) or ''))
        return self.update(rows, lambda tb, r: {tb.main: name})
    def set(self, g, t):
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        if len(rows) != 1: return None
        tb, r = rows[0]
        if 'column' in g:
            column = self.column(tb, g['column'])
            if not column or column == tb.main and tb.columns[column] != 'text': return None
            v = self.typed(tb, column, re.sub(r'^(?:to|at|of|as|auf)\s+', '', g['value']))
        else:
            said = re.sub(r'(?i)\s?(?:euros?|dollars?|pounds?|eur|usd|gbp)$', '', re.sub(r'(?i)\s+(?:now|jetzt)$', '', g['value']))
            unit = [c for c in tb.columns if re.search(rf'(?i)\s{re.escape(c)}$', said)]
            if unit: said = said[:-len(unit[0])]
            fits = [(c, v) for c, k in tb.columns.items() if k in ('number', 'date', 'choice') and c != tb.main and (not unit or c in unit)
                    and (v := self.typed(tb, c, said)) is not None]
            column, v = fits[0] if len(fits) == 1 else (None, None)
        return self.update(rows, lambda tb, r: {column: v}) if v is not None and column else None

    def list(self, g, t):
        table = self.named(g) or self.named(g, 'table2') or self.todo
        if not table: return None
        flag = self.flag_of(table, g.get('flag') or g.get('flag2') or '')
        if (g.get('flag') or g.get('flag2')) and not flag: return None
        return Reading('press', [Op(table.name, 'list', values=dict([flag]) if flag else {})])

    def move(self, g, t):
        "A row to another place of its table; None where the place is something else there, a shelf or a rank"
        # “set it to high”
        if 'Q' not in g['row'] and g['row'].lower().split()[-1] in (*self.lang.words['a'], *self.lang.words['between']): return None
        rows, sorry = self.one(g['row'])
        if sorry: return sorry if sorry.end == 'ask' else None
        place = self.lang.places.get(' '.join(g['place'].lower().split()))
        if len(rows) != 1 or not place: return None
        tb, r = rows[0]
        if (any(k not in ('bool', 'date', 'json') and c != tb.main and str(x.get(c)).casefold() == g['place'].casefold()
                for x in tb.rows for c, k in tb.columns.items())
                or any(str(v).casefold() == g['place'].casefold() for vs in tb.choices.values() for v in vs)):
            return None
        at, others = tb.index(self.lang).place[r['id']], [x for x in tb.rows if x is not r]
        if place in ('above', 'below'):
            to, sorry = self.one(g.get('row2') or '', tb)
            if sorry or len(to) != 1 or to[0][1] is r: return None
            to = others.index(to[0][1]) + (place == 'below')
        else: to = {'top': 0, 'bottom': len(others), 'up': max(0, at-1), 'down': at+1}[place]
        if to == at or to > len(others): return Reading('nothing', name='so_already', about=str(r.get(tb.main)), candidates=rows)
        return Reading('press', [Op(tb.name, 'move', r['id'], {'before': others[to]['id'] if to < len(others) else None})])

    def sort(self, g, t):
        table = self.named(g)
        if not table:
            if len(self.world.tables) != 1: return None
            table = next(iter(self.world.tables.values()))
        said = (g.get('order') or '').lower()
        way = 'desc' if said in self.lang.order['desc'] else 'asc'
        if g.get('end'):
            flag = self.flag_of(table, g['flag'])
            if not flag: return None
            low = g['end'].lower() in ('bottom', 'end', 'ende', 'unten', 'schluss')
            return Reading('press', [Op(table.name, 'sort', values={'by': flag[0], 'order': 'asc' if low == flag[1] else 'desc'})])
        if g.get('most'): way = 'desc' if g['most'].lower() in ('newest', 'latest', 'highest', 'biggest', 'largest', 'most expensive') else 'asc'
        if g.get('column'):
            by = self.column(table, g['column'])
        else:
            kinds = {'date': [c for c, k in table.columns.items() if k == 'date'], 'number': [c for c, k in table.columns.items() if k == 'number']}
            if re.search('alphabet|a to z|a-z|z to a|z-a', said) or not said and not g.get('most'): by = table.main
            else:
                pool = kinds['date'] if re.search('new|late|earl|old', said + (g.get('most') or '')) else kinds['number']
                by = pool[0] if len(pool) == 1 else table.main if not g.get('most') and not re.search('first', said) else None
        return Reading('press', [Op(table.name, 'sort', values={'by': by, 'order': way})]) if by else None

def read(text, world, code='en'):
    "What a sentence asks for in a world of tables: a Reading"
    return Reader(text, world, language(code)).read()
