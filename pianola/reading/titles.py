"""What a new row is called: what is said to be its name, is written as names are, or is left when the words
that only announce it are set aside; and its title, where the first column says whose or when it is."""
from .filling import Filling
from .likeness import shape

class Titles(Filling):
    "The name of a new row, and its title where that is another column"
    def frame(self, cues):
        "What only says that there is a new row: the table's noun with what stands before it, the cue"
        dets = {*self.lang.words['a'], *self.g.g['one'], *self.g.g['onto'], 'new', 'like', 'among', 'under', 'with', 'als', 'unter'}
        for m in self.g.tables(self.a, self.b):
            if m.table != self.t.name or not self.free(m.a) or m.a-1 > self.a and self.cap(m.a-1) or self.cap(m.a) and m.a > self.a and self.cap(m.b):
                continue
            self.by |= dict.fromkeys(range(m.a, m.b), '')
            n = m.a-1
            if (self.free(n) and self.words[n].kind == 'word' and self.low(n) not in dets and self.low(n-1) in dets and not self.cap(n)
                    and not any(self.choice(c, n) for c in self.columns('choice')) and self.low(n) not in self.flags):
                self.by[n] = ''
                n -= 1
            while self.free(n) and (self.low(n) in dets or any(self.choice(c, n) for c in self.columns('choice')) or self.low(n) in self.flags):
                if self.low(n) in dets: self.by[n] = ''
                n -= 1
        for m in cues.values():
            if m.key in ('create', 'put', 'place') and m.b > m.a:
                self.by |= {n: '' for n in range(m.a, m.b) if self.free(n) and not (self.cap(n) and n > self.a)}
    def headed(self):
        "What stands before a colon and fills nothing only announces what follows; X = Y are two texts"
        colon = next((n for n in range(self.a+1, self.b-1) if self.words[n].text == ':' and self.free(n+1)), None)
        if colon is not None and self.t.main not in self.values and not self.label(colon-1):
            self.by |= {n: '' for n in range(self.a, colon) if self.free(n)}
        pair = next((n for n in range(self.a+1, self.b-1) if self.words[n].text in ('=', '->', '→') and self.free(n-1) and self.free(n+1)), None)
        texts = [c for c in self.columns('text')]
        if pair is not None and len(texts) > 1 and texts[0] == self.t.main and (second := self.text(texts[1], pair+1)):
            i = pair
            while i > self.a and self.free(i-1) and not self.mark(i-1): i -= 1
            self.put(texts[0], self.said(i, pair), i, pair)
            self.put(texts[1], second[0], pair, second[1])
    def name(self):
        "The main column of a new row"
        t = self.t.main
        if t in self.values: return
        if q := [n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'quote']:
            return self.put(t, self.g.reader.clean(self.words[q[0]].text), q[0], q[0]+1)
        for n in range(self.a, self.b-1):
            if (self.low(n) in self.g.g['naming'] or self.low(n) in self.g.g['calling'] and self.low(n+1) in ('it', 'him', 'her', 'them')
                    or f'{self.low(n)} {self.low(n+1)}' in self.g.g['naming']):
                k = n+1 + (self.low(n) not in self.g.g['naming'] and f'{self.low(n)} {self.low(n+1)}' in self.g.g['naming'])
                while self.low(k) in ('it', 'him', 'her', 'is', 'as', 'them') or k < self.b and self.words[k].text == ':': k += 1
                if k < self.b and self.free(k) and (got := self.text(t, k)):
                    end = (next((x for x in range(k+2, got[1]) if self.cap(k) and self.cap(k+1) and self.low(x) in self.preps), got[1])
                           if self.words[k].kind != 'quote' else got[1])
                    return self.put(t, self.said(k, end) if end != got[1] else got[0], n, end)
        if ((codes := self.shapes(t))
                and (n := next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'code'
                                and shape(self.words[n].text.upper()) in codes), None)) is not None):
            return self.put(t, self.words[n].text, n, n+1)
        runs = self.runs()
        if not runs: return
        caps = ([(i, j) for i, j in self.capital(runs) if not (i == self.a and j == i+1)]
                if any(w.text[:1].isupper() for w in self.words[self.a+1:self.b]) else [])
        lead = [n+1 for n in range(self.a, self.b) if self.words[n].text in (':', '-', '–') or n in self.by and not self.by[n]]
        near = lambda rs: next((r for r in rs if r[0] in lead
                                or any(self.low(r[0]-1) in self.lang.words['a'] and r[0]-k in lead for k in (1, 2))), None)
        colon = next((r for r in runs if any(self.words[k].kind == 'arrow' for k in range(max(self.a, r[0]-2), r[0]))), None)
        i, j = (colon or next((c for c in caps if c[0] in lead), None) or (max(caps, key=lambda c: (c[1]-c[0], -c[0])) if caps else None)
                or near(runs) or runs[0])
        if ((i, j) in caps and not colon and (whole := next((r for r in runs if r[0] == i), None))
                and (i-1 in lead or i in lead or i and self.mark(i-1))
                and not any(self.low(k) in self.preps or self.low(k) in self.g.g['joints'] or self.words[k].kind == 'number'
                            or self.low(k) in self.g.g['name_ends'] for k in range(j, whole[1]))):
            j = whole[1]
        j = next((k for k in range(i+1, j) if not self.cap(k) and not self.cap(i) and self.low(k) in self.g.g['name_ends']), j)
        j = next((k for k in range(i+1, j) if self.low(k) in self.g.g['joints'] and not self.cap(k)
                  and self.low(k) not in ('and', 'with', 'not', 'n', 'und', 'mit')), j)
        if not colon and (i, j) in runs and (new := [n for n in range(i+1, j) if self.low(n) in self.g.g['one']]): i = new[-1]+1
        if i < j and (c := next((c for c in self.columns('number') if c in self.g.g['counts']), None)) and (v := self.number(i)) and v[1] < j:
            self.put(c, v[0], i, v[1])
            i = v[1]
        while j-1 > i and self.low(j-1) in self.g.g['days'] and not self.cap(j-1): j -= 1          # “Kofi Adu yesterday”
        if (j-1 > i and self.words[j-1].kind == 'number' and (v := self.number(j-1))
                and (not self.cap(j-2) and self.columns('number')
                     or any(1500 < (self.span(c) or (0,))[0] and self.fits(c, v[0]) for c in self.columns('number')))):
            j -= 1
        most = self.once('most', t, lambda vs: max((len(str(v).split()) for v in vs), default=9))
        if i == self.a and j-i == most+1 and j-i > 2 and (i, j) in caps: i += 1          # “Admit Bernard Cole”: an order begins with a capital too
        if i < j: self.put(t, self.said(i, j), i, j, 0)

    # whose it is, and its title

    def owned(self, title):
        """Of a table whose first column says whose or when it is: what is called so, stands
        in quotation marks or behind a colon is the title; *for* and *from* lead to the first"""
        t, low = self.t.main, self.low
        if self.open(title):
            at = next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'quote'), None)
            if at is not None: self.put(title, self.g.reader.clean(self.words[at].text), at, at+1)
            elif ((n := next((n for n in range(self.a, self.b-1) if self.free(n) and low(n) in self.g.g['naming']), None)) is not None
                  and self.free(n+1) and (got := self.text(title, n+1))):
                self.put(title, got[0], n, got[1])
            elif ((n := next((n for n in range(self.a, self.b-1) if self.words[n].text == ':'), None)) is not None
                  and any(low(k) in self.g.g['whose'] for k in range(self.a, n)) and self.free(n+1) and (got := self.text(title, n+1))):
                self.put(title, got[0], n+1, got[1])
        if not self.open(t): return
        # room 103
        if ((codes := self.shapes(t))
                and (n := next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind in ('number', 'code')
                                and shape(self.words[n].text.upper()) in codes
                                and len(self.words[n].text) in self.once('lengths', t, lambda vs: {len(str(v)) for v in vs})), None)) is not None):
            return self.put(t, self.words[n].text, n, n+1)
        for n in range(self.a, self.b-1):
            if low(n) not in self.g.g['whose'] or not self.free(n): continue
            k = n+1 + (low(n+1) in self.lang.words['a'])
            known = next(((v, k+length) for length in (4, 3, 2, 1) if k+length <= self.b for c, v in self.known_main(k, k+length)), None)
            if known: return self.put(t, known[0], n, known[1])
            if self.cap(k):
                e = k
                while e < self.b and self.free(e) and (self.cap(e) or self.words[e].kind == 'number'
                                                       or low(e) in self.g.g['inside'] and self.cap(e+1)):
                    e += 1
                return self.put(t, self.said(k, e), n, e)
    def known_main(self, i, j):
        "[(main column, value)] where these words are what some row has in the main column"
        said = self.g.text[self.words[i].a:self.words[j-1].b].casefold()
        return [(self.t.main, r[self.t.main]) for r in self.t.rows if str(r.get(self.t.main) or '').casefold() == said][:1]
    def entitle(self, title):
        "What was taken for the first column is the title where it is written as titles are and the first column is open else"
        t = self.t.main
        if t not in self.values and title in self.values:
            for i, j in self.capital(self.runs()): return self.put(t, self.said(i, j), i, j, 0)
        if title in self.values or t not in self.values: return
        runs = [r for r in self.runs() if r[1]-r[0] <= 7]
        if runs:
            i, j = max(runs, key=lambda r: r[1]-r[0])
            if (not self.cap(i) and (named := list(self.capital([(i, j)])))
                    and all(str(v)[:1].isupper() for v in [r.get(title) for r in self.t.rows[:20]] if v)):
                i, j = named[0]
            j = next((k for k in range(i+1, j) if not self.cap(k) and self.low(k) in self.g.g['name_ends']), j)
            return self.put(title, self.said(i, j), i, j, 0)
