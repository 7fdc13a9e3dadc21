"""Which value begins at a word, and where it ends: a number, a date, a choice, a time,
a text; and which one stands beside a column's name."""
import re
from datetime import date
from .likeness import Likeness, shape

class Values(Likeness):
    "Single values, read as (value, end) from the word where they begin; nothing is filled yet"
    def number(self, n, c=''):
        "(value, end) of a number that begins here"
        if not self.free(n): return None
        w = self.words[n]
        if w.kind == 'number':
            if w.text.startswith('#'): return None
            v = self.lang.number(w.low.rstrip('k'), bool(c) and self.t.whole(c))
            if v is None: return None
            # 6 pound 75
            if (self.low(n+1) in self.g.g['coins'] and n+2 < self.b and re.fullmatch(r'\d\d', self.words[n+2].text) and self.free(n+2)
                    and w.text.isdigit()):
                return float(f'{w.text}.{self.words[n+2].text}'), n+3
            if self.low(n+1) in self.g.g['hundredths'] and not c.endswith(tuple(self.g.g['hundredths'])): return v/100, n+2
            if n+1 < self.b and self.words[n+1].kind == 'number' and self.g.text[w.b:self.words[n+1].a] == '/': return v, n+2          # 9/10
            return v*1000 if w.low.endswith('k') else v, n+1
        if w.kind == 'code' and (m := re.fullmatch(r'(\d{1,2})p', w.low)) and self.money(c or ''): return int(m[1])/100, n+1          # 80p
        if w.low in self.g.g['not_numbers'] or w.kind != 'word' or (w.text[0].isupper() and n > self.a): return None
        for end in range(min(self.b, n+6), n, -1):
            if (all(self.free(k) and self.words[k].kind == 'word' for k in range(n, end))
                    and (self.low(end-1) not in self.lang.words['number_and'])
                    and (v := self.lang.number(' '.join(self.low(k) for k in range(n, end)))) is not None):
                return v, end
        return None
    def day(self, n):
        "(YYYY-MM-DD, end) of a date that begins here"
        if not self.free(n) or self.mark(n): return None
        w = self.words[n]
        if w.kind == 'date': return w.text, n+1
        if w.kind == 'day': return (d, n+1) if (d := dotted(w.text)) else None
        if w.kind == 'number' and (n+1 >= self.b or self.words[n+1].kind != 'word') : return None
        days = {*self.g.g['days'], *self.lang.months}
        for end in range(min(self.b, n+8), n, -1):
            ws = self.words[n:end]
            if (any(x.low.rstrip('.') in days for x in ws)
                    and not any(x.kind in ('quote', 'url', 'arrow', 'email', 'time', 'phone') or x.text in ';:!?()' for x in ws)
                    and ws[-1].kind != 'mark' and all(self.free(k) for k in range(n, end)) and (d := self.lang.day(self.g.text[ws[0].a:ws[-1].b]))):
                return d, end
        return None
    def choice(self, c, n):
        "(value, end) of a choice that begins here"
        if not self.free(n) or self.words[n].kind in ('mark', 'arrow', 'quote'): return None
        for v in sorted(self.t.choices.get(c, ()), key=lambda v: -len(str(v))):
            k = len(str(v).split())
            if (n+k <= self.b and all(self.free(x) for x in range(n, n+k))
                    and self.g.text[self.words[n].a:self.words[n+k-1].b].casefold() == str(v).casefold()):
                return v, n+k
        w = self.words[n]
        for v in self.t.choices.get(c, ()):
            if (w.kind == 'word' and len(str(v)) > 2 and ' ' not in str(v)
                    and (w.low in [x + str(v).lower() for x in self.g.g['again']] or w.stem == self.lang.stem(str(v).lower())
                         or self.g.short(w.low, str(v).lower()))):
                return v, n+1
        return None
    def spelled(self, n, look):
        "(value, end) of a time, a day or a phone number that begins here, as it is written"
        if not self.free(n): return None
        w = self.words[n]
        if look == 'time' and w.kind == 'time' or look == 'phone' and w.kind == 'phone': return w.text, n+1
        if look == 'day' and (d := self.day(n)):
            i, j = n, d[1]
            while i < j and (self.low(i) in self.lang.words['a'] or self.low(i) in ('on', 'due', 'am')): i += 1
            while j > i+1 and not (self.low(j-1).rstrip('.') in {*self.g.g['days'], *self.lang.months, *self.lang.days}
                                   or self.words[j-1].kind in ('number', 'date', 'day', 'code')):
                j -= 1
            return self.said(i, j), j
        return None

    # texts, and where they end

    def text(self, c, n):
        "(value, end) of a text that begins here"
        if not self.free(n) or self.mark(n) or self.low(n) in self.g.g['joints']: return None
        if self.words[n].kind == 'quote': return self.g.reader.clean(self.words[n].text), n+1
        if self.t.columns[c] in ('url', 'email') : return (self.words[n].text.rstrip('.'), n+1) if self.words[n].kind in ('url', 'email') else None
        end = n
        while end < self.b and end < n+9 and not ((self.stop(end, c) and not self.within(end, n, c)) if end > n or self.mark(end) else False):
            end += 1
        while end > n and (self.low(end-1) in self.glue or self.words[end-1].kind == 'mark'): end -= 1
        while end < self.b and self.words[end].text == '.' and not self.mark(end): end += 1
        return (self.said(n, end), end) if end > n and self.low(n) not in self.g.g['never_values'] else None
    def stop(self, n, c):
        "Does a text that fills a column end before this word?"
        if not self.free(n) or self.mark(n) or self.words[n].kind in ('email', 'url', 'date'): return True
        if (l := self.label(n)) and l[0] != c and not l[2] and self.after(l[0], l[1]): return True
        if self.low(n) in self.g.g['joints']: return True
        if self.low(n) in self.preps and (self.low(n) not in self.g.g['inside'] or self.cap(n+1) and self.cap(n+2)):
            k = n+1 + (self.low(n+1) in self.lang.words['a'])
            if ((self.cap(k) or k < self.b and self.words[k].kind == 'quote')
                    and any(x in self.t.columns and x != c and self.open(x) for x in self.places_of(n))):
                return True
        return self.low(n) in ('please', 'pls', 'plz', 'bitte', 'thanks', 'danke')
    def places_of(self, n):
        "The columns that stand behind *by*, *at*, *in*"
        return [c for words, cs in self.g.g['by_place'].items() if self.low(n) in words.split('|') for c in cs if c in self.t.columns
                and self.open(c) and c != self.t.main and self.t.columns[c] in ('text', 'choice')]
    def within(self, k, n, c):
        "Is a word that also says what the row is now part of the text that begins at n: “breed as border collie cross”?"
        return (bool(self.row) and k > n and self.by.get(k) == '' and self.now.get(k) in (c, None) and self.words[k].kind == 'word'
                and self.free(k-1) and self.words[k].stem in self.lang.tokens(str(self.row.get(c) or '')) and k+1 < self.b
                and self.free(k+1) and not self.mark(k+1))

    # beside a column's name

    def after(self, c, n):
        "(value, from, end) of what stands behind a column's name"
        kind = self.t.columns[c]
        for skip in range(12 if self.row else 5):
            k = n + skip
            if (k < self.b and self.now.get(k) == c
                    and not (k+1 < self.b and (self.low(k+1) in ('to', 'into', 'auf', 'zu') or self.words[k+1].kind == 'arrow'))):
                return None
            if k < self.b and self.row and self.by.get(k) == '': continue
            if k >= self.b or not self.free(k): return None
            if kind == 'text' and self.low(k) in self.g.g['naming'] and not self.cap(k): continue
            if skip and self.by.get(k-1) != '' and not (self.low(k-1) in self.g.g['link'] or self.words[k-1].text == ',' and k-1 == n
                                                        or self.low(k-1) in self.g.g['naming'] or self.words[k-1].kind == 'arrow'
                                                        or self.words[k-1].text == '.'):
                return None
            # “has a new owner, Ruth Alder”
            if self.words[k].text == ',' and self.row and self.cap(k+1) and not skip and self.low(n-2) in self.g.g['one']: continue
            if self.words[k].text in ',;.!?()' and not (self.words[k].text == '.' and skip == 0): return None
            got = self.number(k, c) if kind == 'number' else self.day(k) if kind == 'date' else self.choice(c, k) if kind == 'choice' else None
            if (kind == 'text' and (codes := self.shapes(c)) and self.words[k].kind in ('number', 'code')
                    and shape(self.words[k].text.upper()) in codes):
                return self.words[k].text, k, k+1
            if kind == 'text' and self.looks().get(c) in ('time', 'day', 'phone'):
                if got := self.spelled(k, self.looks()[c]): return got[0], k, got[1]
                if self.low(k) in self.g.g['link'] or self.low(k) in self.lang.words['a']: continue
            if (kind in ('text', 'long', 'url', 'email') and self.low(k) not in self.g.g['link'] and self.words[k].kind != 'arrow'
                    and self.words[k].text != '.'):
                got = self.text(c, k)
            if got: return got[0], k, got[1]
        return None
    def _before(self, n, c, akin=False):
        "(value, from, end) of the number that stands right before a column's name"
        for k in range(max(self.a, n-5), n):
            if (v := self.number(k, c)) and v[1] == n: return v[0], k, n
        if not akin and self.low(n-1) in self.lang.words['numbers'] and self.free(n-1): return self.lang.words['numbers'][self.low(n-1)], n-1, n
        return None
    def sided(self, n, c):
        "(value, from, end) of *bride's* in “bride's side”: what some row has, right before the column's name"
        if not self.free(n-1) or self.words[n-1].kind != 'word': return None
        said = self.low(n-1).removesuffix("'s")
        return next(((v, n-1, n) for x in (said, self.lang.singular(said)) for cc, v in self.known.get(x, ()) if cc == c), None)
    def subject(self, n):
        "(value, from, end) of *Ines* in “Ines is the host”"
        k = n-1
        while k > self.a and self.low(k) in ('the', 'a', 'our', 'der', 'die', 'das'): k -= 1
        if k <= self.a or self.low(k) not in ('is', 'was', 'ist', 'war', 'being'): return None
        i = k
        while i > self.a and self.cap(i-1): i -= 1
        return (self.said(i, k), i, k) if i < k else None

def dotted(text):
    "A date in the manner of 24.04.2026 as YYYY-MM-DD, else None"
    d, m, y = (text.strip('.').split('.') + [''])[:3]
    try: return date(int(y) + 2000*(len(y) == 2) if y else date.today().year, int(m), int(d)).isoformat()
    except ValueError: return None
