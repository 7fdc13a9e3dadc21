"""A sentence word by word: what kind each word is (a number, a date, a time, an address, a quote), numbers
said in words as one, and without what was taken back at once (*kennel twelve, no, sorry, eleven*)."""
import re
from dataclasses import dataclass
from . import rules
from .language import late, mask

@dataclass
class Word:
    "A word of the sentence where it stands; `kind`: word, number, date, url, email, quote, arrow or mark"
    text: str
    low: str
    stem: str
    kind: str
    a: int
    b: int

@dataclass
class Mention:
    "Something named by the words from `a` up to `b`: `what` is cue, table, column, flag or value; `slip` when it was spelled otherwise"
    what: str
    a: int
    b: int
    table: str = ''
    key: str = ''
    value: object = None
    slip: bool = False

_word = re.compile(r"(?P<quote>Q\d+Q)"
                   r"|(?P<url>https?://[^\s,;)]+|www\.[^\s,;)]+"
                   r"|(?<![\w/@.])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:example|com|org|net|io|dev|de|uk|eu)\b(?:/\S*)?)"
                   r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<date>\d{4}-\d\d-\d\d)"
                   r"|(?P<day>\d{1,2}\.\d{1,2}\.(?:\d{4}|\d\d)(?!\d)|(?:[0-2]\d|3[01])\.(?:0\d|1[0-2])\.(?=\s*\w))"
                   r"|(?P<time>\d{1,2}:\d\d(?!\d)(?:\s?[ap]m\b)?|\d{1,2}(?:\.\d\d)?\s?[ap]m\b)"
                   r"|(?P<phone>(?:\+\d{1,3}[ -]?)?\(?0\d{1,5}\)?(?:[ /-]?\d{2,})+(?!\w)|\d{3}-(?:\d{3}-)?\d{4}(?!\w))"
                   r"|(?P<code>(?-i:\d{1,3}[A-Z]{1,2})(?!\w)|\d{1,4}[-–]\d{1,5}(?![\w-])|[^\W\d_]{1,8}-?\d[\w-]*|\d+-[^\W\d_][\w-]*)"
                   r"|(?P<number>[€$£#]?\d+(?:[.,]\d+)*(?:k\b)?%?)|(?P<arrow>[-=]+>|→|[+]?=|:)|(?P<word>@|&|[^\W\d_]+(?:['’-][^\W\d_]+)*)"
                   r"|(?P<mark>[.,;!?()]|(?<=\s)[-–—](?=\s))", re.I)

def short(word, full, noun=False):
    "Is this how somebody writes the word in haste? `prio` or `prty` for priority, `tittle` for title"
    if word == full or len(full) < 4 or word[0] != full[0]: return False
    if len(word) > 3 and word[-1] == 's' and full.startswith(word[:-1]) and len(full) > len(word): return True
    if len(word) >= 3 and len(full) >= len(word)+2 and full.startswith(word): return True
    if (2 <= len(word) < len(full) and (len(word) > 2 or noun) and not re.search('[aeiouäöü]', word[1:])
            and not re.search('[aeiouäöü]', word[:-1]) and (it := iter(full)) and all(c in it for c in word)):
        return True
    return (len(word) >= 4 and len(full) >= 4 and word[-1] not in '0123456789' and off_by(word, full) <= 1
            and (len(word) >= 5 or sorted(word) == sorted(full)))

def name_like(v): return str(v)[:1].isupper() and ' ' in str(v)

def off_by(word, full):
    "How many letters one is off the other, a swap counting once; 2 for more than one"
    return late('rapidfuzz.distance').OSA.distance(word, full, score_cutoff=1)

class Sentence:
    "The words of one sentence, beside the world it is held against"
    short = staticmethod(short)
    def __init__(self, text, world, lang):
        self.reader = rules.Reader(text if mask(text)[1] else re.sub(lang.gist['preface'], ' ', text, flags=re.I), world, lang)
        self.world, self.lang, self.text, self.quotes, self.g = world, lang, self.reader.text, self.reader.quotes, lang.gist
        self.words = [Word(m[0], m[0].lower(), lang.stem(m[0].lower().removesuffix("'s")), m.lastgroup, m.start(), m.end())
                      for m in _word.finditer(self.text)]
        self._seen, self.lean, self.plainly = {}, '', False
        self.flagstems = {lang.stem(c) for t in world.tables.values() for c, k in t.columns.items() if k == 'bool'}
        self.named_columns = {c for t in world.tables.values() for c in t.columns if c != t.main}
        n = 0
        while n < len(self.words):                  # forty-seven, one hundred and six
            e = n
            while (e < len(self.words) and e < n+7 and self.words[e].kind == 'word'
                   and all(x in lang.words['numbers'] or e > n and (x in lang.words['number_and'] or x in lang.words['number_more'])
                           for x in self.words[e].low.split('-'))):
                e += 1
            while (e > n and self.words[e-1].low in (*lang.words['number_and'], *lang.words['number_more'])
                   and self.words[e-1].low not in lang.words['half']):
                e -= 1
            if e > n and (v := lang.number(self.text[self.words[n].a:self.words[e-1].b])) is not None and (v > 12 or v != int(v)):
                self.words[n:e] = [Word(str(v), str(v), str(v), 'number', self.words[n].a, self.words[e-1].b)]
            n += 1
        self.corrected()

    def corrected(self):
        "“Kennel twelve, no, sorry, eleven”: what is taken back at once was not said"
        n = 1
        while n < len(self.words)-1:
            e = n
            while e < len(self.words) and (self.words[e].text in ',.–-' or self.words[e].low in self.g['taken_back']): e += 1
            if (e > n and any(w.low in self.g['taken_back'] for w in self.words[n:e]) and e < len(self.words) and (kind := self.told(n-1))
                    and kind == self.told(e)):
                del self.words[n-1:e]
            n += 1
    def told(self, n):
        w = self.words[n]
        return ('number' if w.kind == 'number' or w.low in self.lang.words['numbers'] else
                w.kind if w.kind in ('date', 'time', 'day', 'code') else
                'day' if w.low in self.g['days'] else '')
