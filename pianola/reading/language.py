"""A language as rules know it: its small words and verbs, its endings, numbers and days, and what keeps a sentence from being an order.

A language is a file in `languages/`; nothing here knows one."""
import importlib, re, threading, tomllib
from datetime import date
from functools import lru_cache
from pathlib import Path

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
        self.compare, self.flow, self.settings = d.get('compare'), d.get('flow', {}), d.get('settings', {})
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

quotation = re.compile(r'```[\s\S]*?```|`[^`]+`|"[^"]*"|“[^”]*”|„[^“”"]*[“”"]|«[^»]*»|(?<![\w])[\'‘](?=\S)(?:[^\'’]|(?<=\w)[\'’](?=\w))*[\'’](?!\w)')
def mask(text):
    "A text with what stands in quotation marks or code as Q0Q, Q1Q …, and what that was"
    quotes = []
    def keep(m):
        quotes.append(m[0][1:-1] if not m[0].startswith('```') else m[0].strip('`'))
        return f'Q{len(quotes)-1}Q'
    return quotation.sub(keep, text), quotes
def unmask(text, quotes): return re.sub(r'Q(\d+)Q', lambda m: quotes[int(m[1])] if int(m[1]) < len(quotes) else m[0], text)

def whole(text, lang):
    "A text with *dont* as *don't*"
    if lang.contracted.search(text):
        for p, full in lang.words['contracted']: text = re.sub(p, full, text, flags=re.I)
    return text

def gate(text, lang):
    "The name of what keeps a text from acting (how, negation, condition, maybe, writing, reported, talk), else ''. What is quoted is not looked at."
    return lang.gated(text)
