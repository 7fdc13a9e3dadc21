"""Which column gets which value, in passes over the words: by the column's name, by a kind that only
one column has, by what some row holds, behind *by*, *at* and *in*, and at last what is left."""
import re
from .likeness import shape
from .values import Values

class Filling(Values):
    "The passes: each fills what it is sure of, and the next sees only the words and the columns that are left"
    def labelled(self, kinds):
        n = self.a
        while n < self.b:
            l = self.free(n) and self.label(n)
            if l and self.low(n-1) in ('no', 'without', 'kein', 'keinen'): l = None
            if not l or not self.open(l[0]) or self.t.columns[l[0]] not in kinds: n += 1; continue
            c, end, akin = l
            kind, before, got = self.t.columns[c], n-1, None
            if (kind == 'number' and before >= self.a and (got := self._before(n, c, akin))
                    and not ((nxt := self.after(c, end)) and nxt[1] == end and self.words[before].text == ',')):
                pass
            elif kind == 'text' and not akin and self.row is None and (got := self.sided(n, c)): pass
            elif got := self.after(c, end): pass
            elif kind == 'text' and not akin and (subject := self.subject(n)): got = subject
            elif (kind == 'text' and not akin and not self.row and self.free(n-1) and self.words[n-1].kind == 'word'
                  and self.low(n-1) not in self.glue and c != self.t.main
                  and (end >= self.b or not self.free(end) or self.mark(end) or self.low(end) in self.g.g['joints'])):
                got = self.words[n-1].text, n-1, n
            elif kind == 'choice':
                got = next(((v[0], k, v[1]) for k in (n-1, n-2) if k >= self.a and (v := self.choice(c, k)) and v[1] == n), None)
            # “three copies of the Gloria, only 37 remain”
            if (got and self.row and kind == 'number' and got[2] <= end and self.low(end) == 'of'
                    and any(self.words[k].kind == 'number' or self.low(k) in self.lang.words['numbers'] for k in range(end, self.b))):
                n = end
                continue
            if got and (kind in ('number', 'date', 'choice') or not akin or self.low(end) in self.g.g['agents'] or self.words[end].kind == 'arrow'):
                j = max(end, got[2])
                if kind == 'number' and self.free(j) and self.low(j) in self.units: j += 1
                self.put(c, got[0], min(n, got[1]), j)
                n = j
            else: n += 1

    def typed(self):
        "What only one column can hold"
        for n in range(self.a, self.b):
            if not self.free(n): continue
            w = self.words[n]
            if (w.kind in ('email', 'url')
                    and (cs := [c for c in self.columns(w.kind)]
                         or ([c for c in self.columns('text') if c in self.g.g['sites']] if w.kind == 'url' else []))):
                self.put(cs[0], w.text.rstrip('.'), n, n+1)
                continue
            if (w.kind == 'number' and re.search('[€$£]', self.g.text[w.a:w.b+2])
                    and (cs := [c for c in self.columns('number') if self.money(c)]) and len(cs) == 1 and (v := self.number(n, cs[0]))):
                self.put(cs[0], v[0], n, v[1] + (self.low(v[1]) in self.g.g['each']))
                continue
            if (w.kind == 'number' and n > self.a and self.words[n-1].text == '@'
                    and len(cs := [c for c in self.columns('number') if self.money(c)]) == 1):
                self.put(cs[0], self.number(n, cs[0])[0], n-1, n+1 + (self.low(n+1) in self.g.g['each']))
                continue
            if (w.kind == 'number' and w.text.isdigit() and not self.row and self.low(n+1) == 'x'
                    and self.g.text[w.b:self.words[n+1].a] == ''
                    and (c := next((c for c in self.columns('number') if c in self.g.g['counts']), None))):
                self.put(c, int(w.text), n, n+2)
                continue
            if (w.kind == 'code' and not self.row and (m := re.fullmatch(r'(\d+)x', w.low))
                    and (c := next((c for c in self.columns('number') if c in self.g.g['counts']), None))):
                self.put(c, int(m[1]), n, n+1)
                continue
            if ((v := self.number(n)) and v[1] < self.b
                    and (self.free(v[1]) and (self.words[v[1]].kind == 'word' or self.low(v[1]) in self.g.g['suffixes']['m2']))):
                unit = self.words[v[1]].low
                c = next((c for c, us in self.g.g['units'].items() if c in self.t.columns and self.t.columns[c] == 'number' and self.open(c)
                          and unit in us), None)
                if not c:
                    c = next((c for c in self.columns('number') if unit in self.g.g['suffixes'].get(c.rpartition('_')[2], ()) and '_' in c), None)
                if not c and unit in self.g.g['heads'] and len(cs := [c for c in self.columns('number') if c in self.g.g['people']]) == 1: c = cs[0]
                if not c and unit in self.g.g['each'] and len(cs := [c for c in self.columns('number') if self.money(c)]) == 1: c = cs[0]
                if not c and unit in self.g.g['pieces']: c = next((c for c in self.columns('number') if c in self.g.g['counts']), None)
                if (not c and unit in self.g.g['weights']
                        and len(cs := [c for c in self.columns('number') if c in ('weight', 'mass', 'load', 'gewicht')]) == 1):
                    c = cs[0]
                if c: self.put(c, v[0]*self.g.g['units'].get(c, {}).get(unit, 1), n, v[1]+1); continue
            if c := next((c for c in self.columns('text') if (look := self.looks().get(c)) and (got := self.spelled(n, look))), None):
                self.put(c, got[0], n, got[1])
                continue
            if (ds := self.columns('date')) and (self.low(n) not in self.lang.words['a'] or w.kind in ('number', 'date')) and (d := self.day(n)):
                if len(ds) == 1 or not self.row: self.put(ds[0], d[0], n, d[1])
    def choices(self):
        for n in range(self.a, self.b):
            for c in self.columns('choice'):
                if self.row and self.free(n) and (v := self.choice(c, n)) and not self.differs(c, v[0]): self.by[n] = ''; break
                if (self.free(n) and self.open(c) and (v := self.choice(c, n)) and (len(str(v[0])) > 2 or self.words[n].text == str(v[0]))
                        and not (self.words[n].text[0].isupper() and n > self.a and not str(v[0])[0].isupper()
                                 and (self.cap(n-1) or self.cap(n+1))) and self.low(n) not in ('ok',)):
                    self.put(c, v[0], n, v[1])
                    break
    def yesno(self):
        last = {}
        for n in range(self.a, self.b):
            for length in (3, 2, 1):
                said = ' '.join(w.low for w in self.words[n:n+length])
                f = self.flags.get(said) or (
                    length == 1 and self.words[n].kind == 'word' and len(said) > 3 and self.g.says_flag(n, self.a)
                    and next((f for w, f in self.names.items() if ' ' not in w and self.lang.stem(w) == self.words[n].stem), None))
                if (f and n+length <= self.b and all(self.free(k) for k in range(n, n+length)) and self.open(f[0])
                        and not (length == 1 and self.cap(n) and n > self.a)):
                    off = bool(re.search(self.g.g['no'], ' '.join(self.low(k) for k in range(max(self.a, n-3), n))))
                    # the last word about it, “the lease … no longer leased”
                    if f[0] not in last or off or self.words[n].low in self.flags: last[f[0]] = f[1] != off, n, n+length
                    break
        for c, v in last.items(): self.put(c, *v)

    def seen(self):
        "What some row has, as it stands there"
        for n in range(self.a, self.b):
            for length in (5, 4, 3, 2, 1):
                if n+length > self.b or not all(self.free(k) for k in range(n, n+length)): continue
                said = ' '.join(w.low.removesuffix("'s") for w in self.words[n:n+length] if w.text != '.')
                plain = self.g.text[self.words[n].a:self.words[n+length-1].b].lower()
                hit = next(((c, v) for c, v in self.known.get(plain, ()) or self.known.get(said, ())
                            or self.known.get(re.sub(r'\b(dr|mr|mrs|ms) ', r'\1. ', said), ())
                            if self.open(c) and self.t.columns[c] == 'text'), None)
                if not hit or length == 1 and (self.words[n].stem in self.lang.small or len(said) < 2): continue
                if self.row and not self.differs(*hit): self.by |= dict.fromkeys(range(n, n+length), ''); break
                alone = not (self.cap(n-1) and self.cap(n)) and not (self.cap(n+length) and self.cap(n)) or length > 1
                if alone: self.put(*hit, n, n+length); break
    def referred(self):
        "Rows of another table that a column here is called after: a loan's *book*"
        for i, j, tb, r in self.g.anchored():
            if tb is self.t or not (self.a <= i and j <= self.b): continue
            c = next((c for c in self.columns('text') if c in tb.nouns(self.lang)), None)
            if c and all(self.free(n) for n in range(i, j)): self.put(c, str(r.get(tb.main)), i, j)
    def places(self, sure=False):
        "What stands behind *by*, *at*, *in*; `sure`: only names"
        for n in range(self.a, self.b-1):
            if not self.free(n): continue
            if not (cs := self.places_of(n)): continue
            if self.low(n) == 'of' and any(self.low(x) in ('by', 'from') for x in range(n+1, self.b)): continue          # a copy of this by that one
            k = n+1
            while k < self.b and self.low(k) in self.lang.words['a'] and self.low(k) not in ('in', 'on', 'at'): k += 1
            if (sure and not (k < self.b and (self.cap(k) or self.words[k].kind == 'quote'))
                    or sure and self.low(n) in self.g.g['inside'] and self.cap(n-1) and not (self.cap(k) and self.cap(k+1))):
                continue
            if k < self.b and self.free(k) and (got := self.text(cs[0], k)):
                v, end = got
                if (not self.cap(k) and self.words[k].kind != 'quote'
                        and (self.low(k) in self.glue or self.low(k) in self.g.reader.nouns or self.low(k) in self.lang.words['list']
                             or self.low(k) in self.g.g['lists'] or self.low(k) in self.g.g['not_places'])):
                    continue
                if self.cap(k):                     # a name ends where the capitals do
                    end = next((x for x in range(k, end) if not self.cap(x) and self.words[x].kind != 'number'
                                and self.low(x) not in self.g.g['inside'] and not self.words[x].text == '.'), end)
                    while end > k and self.low(end-1) in self.g.g['inside']: end -= 1
                    # “the Stone cellar”
                    if end == got[1]-1 and self.words[end].kind == 'word' and self.low(end) not in self.glue and self.low(end) not in self.preps:
                        end = got[1]
                    v = self.said(k, end)
                if len(v.split()) <= 5: self.put(cs[0], v, n, end)

    def rest(self):
        "What is left: numbers for the one column they fit, names for the one that is open"
        for n in range(self.a, self.b):
            if not (v := self.free(n) and self.number(n)): continue
            cs = [c for c in self.columns('number')]
            if self.low(n-1) in self.g.g['worth'].split('|') and len(money := [c for c in cs if self.money(c)]) == 1: cs = money
            fit = [c for c in cs if self.fits(c, v[0])] if len(cs) > 1 else cs
            # “two oil filters” is how many, of what
            if self.row and self.by.get(v[1]) == '' and self.words[v[1]].kind == 'word' and self.low(n-1) not in self.g.g['to']: continue
            if len(fit) == 1 and self.row and isinstance(x := self.row.get(fit[0]), (int, float)) and x > 0 and v[0] > 0 and max(v[0]/x, x/v[0]) > 3:
                continue
            if len(fit) == 1 and not (len(cs) == 1 and (x := self.span(fit[0])) and x[0] > 1000 and v[0] < 100): self.put(fit[0], v[0], n, v[1], 0)
        for n in range(self.a, self.b):
            if (self.free(n) and self.words[n].kind == 'code'
                    and len(cs := [c for c in self.columns('text') if c != self.t.main
                                   and self.once('shape', c, lambda vs: {shape(str(v)) for v in vs}) == {shape(self.words[n].text.upper())}]) == 1):
                self.put(cs[0], self.words[n].text.upper(), n, n+1)
        for i, j in self.runs():
            if self.row: break
            cs = [c for c in self.columns('text') if c != self.t.main and self.shaped(c, i, j)]
            if j-i > 4 or self.label(i) or any(self.low(k) in self.g.g['joints'] for k in range(i, j)):      # a name within a clause
                i, j = next(((x, y) for x, y in self.capital([(i, j)])), (i, i))
                if i == j or not (akin := self.kin(cs, i, j)): continue
                self.put(akin, self.said(i, j), i, j, 0)
                continue
            start = i == self.a or self.mark(i-1) or i-1 in self.by or self.low(i-1) in self.lang.words['a'] and (i-1 == self.a or self.mark(i-2))
            ended = j == self.b or self.mark(j) or self.cap(i) and j in self.by
            ended = ended or self.low(i-1) in self.g.g['copula'] and self.by.get(j) == self.t.main
            start = start or self.low(i-1) in self.g.g['bringing'] and self.mark(j-1) is False and (j == self.b or self.mark(j))
            if akin := self.kin(cs, i, j) or (start or self.low(i-1) in self.g.g['copula']) and ended and self.like_others(cs, i, j):
                self.put(akin, self.said(i, j), i, j, 0)
            elif len(cs) == 1 and j-i <= 2 and self.low(i-1) in self.g.g['copula'] and ended and not (j < self.b and self.words[j].text[0].isupper()):
                self.put(cs[0], self.said(i, j), i, j, 0)
            elif (len(cs) == 1 and start and ended
                  and (self.cap(i)
                       or j-i <= 2 and (self.low(i-1) in self.g.g['bringing'] or self.mark(i - 1 - (self.low(i-1) in self.lang.words['a'])))
                       and not self.row)):
                self.put(cs[0], self.said(i, j), i, j, 0)
