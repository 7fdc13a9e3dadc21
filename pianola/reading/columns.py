"""A part of a sentence and the columns it is to fill: which words are spent,
which columns are still open, and where one of them is called by its name."""
from .language import spoken_name

class Columns:
    "The words from a up to b of a `Gist` and a table's columns; `row`: the row that is meant, `spent`: words that are explained already"
    def __init__(self, g, table, a, b, row=None, spent=()):
        self.g, self.t, self.a, self.b, self.row, self.lang, self.words = g, table, a, b, row, g.lang, g.words
        self.values, self.by, self.firm, self.was, self.now = {}, {n: '' for n in spent}, 0, {}, {}
        self.named = self.like = self.moved = False
        self.known, self.flags, self.names = table.index(g.lang).known(), *g.words_of(table)[:2]
        if '_sets' not in g.lang.__dict__: g.lang._sets = self.sets(g.g)
        self.units, self.preps, self.glue = g.lang._sets
    def sets(self, gist):
        "(units, words of place, words that hold others together) of a language, made once"
        units = {u for us in gist['units'].values() for u in us if len(u) > 1 or not u.isalpha()} | {*gist['weights']}
        preps = {w for ws in gist['by_place'] for w in ws.split('|')}
        glue = ({*self.lang.words['a']} - {'entry', 'row', 'item', 'record', 'thing'}
                | {*self.lang.words['it'], *gist['chatter'], *gist['fill'], *gist['pronoun'], *gist['link'], *gist['and'], *gist['by'], *gist['now'],
                   *self.lang.words['not']}
                | {w for p in (*self.lang.words['polite'], *self.lang.words['tail'], *self.lang.words['wish']) for w in p.split()})
        return units, preps, glue

    # words

    def low(self, n): return self.words[n].low if self.a <= n < self.b else ''
    def free(self, n): return self.a <= n < self.b and n not in self.by
    def mark(self, n):
        "Does a part of the sentence end here? The point of an initial or of a title ends none."
        w = self.words[n]
        if w.text == '.' and n > self.a and (len(p := self.words[n-1].text) == 1 and p.isalpha() or p.lower() in self.g.g['titles']): return False
        return w.kind == 'mark' or w.kind == 'arrow'
    def cap(self, n): return self.free(n) and self.words[n].kind in ('word', 'code') and self.words[n].text[0].isupper()
    def said(self, i, j):
        at = self.words[i].a
        if at and self.g.text[at-1] in '/~' and (at == 1 or self.g.text[at-2].isspace()): at -= 1          # /sale
        return self.g.reader.clean(self.g.text[at:self.words[j-1].b])
    def runs(self):
        "[(from, end)] of words that nothing explains yet, without the glue at their ends"
        out, n = [], self.a
        while n < self.b:
            if not self.free(n) or self.mark(n): n += 1; continue
            e = n
            while e < self.b and self.free(e) and not self.mark(e): e += 1
            i, j = n, e
            while i < j and self.low(i) in self.glue and not (self.cap(i) and self.cap(i+1) and i > self.a): i += 1
            while j > i and (self.low(j-1) in self.glue or self.words[j-1].kind == 'mark'): j -= 1
            if j > i: out.append((i, j))
            n = e
        return out
    def capital(self, runs):
        "The parts of runs that are written as names are"
        for i, j in runs:
            n = i
            while n < j:
                if not (self.cap(n) or self.words[n].kind == 'code'): n += 1; continue
                e = n+1
                while e < j and (self.cap(e) or self.words[e].kind == 'code' or self.words[e].text in '.&' or self.words[e].kind == 'number'
                                 or self.low(e) in self.g.g['inside'] and e+1 < j and self.cap(e+1)):
                    e += 1
                yield n, e
                n = e

    # columns

    def open(self, c): return c not in self.values
    def columns(self, *kinds): return [c for c, k in self.t.columns.items() if k in kinds and self.open(c)]
    def differs(self, c, v): return self.row.get(c) != v and not (isinstance(v, str) and str(self.row.get(c) or '').casefold() == v.casefold())
    def put(self, c, v, i, j, firm=1):
        self.values[c] = v
        self.by |= dict.fromkeys(range(i, j), c)
        self.firm += firm

    # what a column is called

    def label(self, n):
        "(column, where its name ends, is it but akin) when a column's name begins here"
        full, kin = self.labels()
        if self.words[n].kind != 'word': return None
        for length in (3, 2, 1):
            if (n+length <= self.b and all(self.free(k) for k in range(n, n+length))
                    and (c := full.get(' '.join(w.low.removesuffix("'s") for w in self.words[n:n+length])))):
                return c, n+length, False
        w = self.words[n]
        if not self.free(n) or len(w.low) < 3 or w.low in self.g.g['common']: return None
        if c := kin.get(w.stem) or next((c for s, c in kin.items() if len(w.stem) >= 4 and abs(len(s)-len(w.stem)) <= 3
                                         and (s.startswith(w.stem) or w.stem.startswith(s))), None):
            return c, n+1, True
        slips = self.t.__dict__.setdefault('_slips', {})
        if (key := (self.lang.code, w.low)) not in slips:
            slips[key] = next((c for x, c in full.items() if ' ' not in x and self.g.short(w.low, x)), None)
        if slips[key]: return slips[key], n+1, True
        return None
    def labels(self):
        "{a word or words: column}, and {a stem: column}, of a table, made once"
        made = self.t.__dict__.setdefault('_labels', {})
        if self.lang.code not in made:
            full, kin = {}, {}
            for c, k in self.t.columns.items():
                plain = spoken_name(c)
                own = [plain, plain.removesuffix(' at').removesuffix(' on'), *self.lang.columns.get(c, ())]
                parts = plain.split()
                if len(parts) > 1:
                    own += ([x for x in parts if k == 'number' and len(x) > 3 and x not in self.lang.words['a']]
                            + [parts[0]]*(len(parts[0]) > 4 and k != 'bool'))
                for w in own:
                    for x in (w, self.lang.singular(w), self.lang.plural(w)): full.setdefault(x, c)
                    if ' ' not in w and len(s := self.lang.stem(w)) >= 4: kin.setdefault(s, c)
            money = [c for c, k in self.t.columns.items() if k == 'number' and self.money(c)]
            if len(money) == 1:
                for w in self.g.g['costs']: full.setdefault(w, money[0])
            for w, cs in self.g.g['verbs'].items():
                hit = [c for c in self.t.columns if c in cs]
                if len(hit) == 1:
                    for x in w.split('|'): full.setdefault(x, hit[0])
            made[self.lang.code] = full, kin
        return made[self.lang.code]
    def money(self, c): return c in self.g.g['money'] or c.split('_')[-1] in self.g.g['money'] or c.split('_')[0] in self.g.g['money']
