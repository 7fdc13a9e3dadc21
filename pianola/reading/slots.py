"""Which column each part of a sentence fills, for a new row or for one that
is there: by the columns' names and kinds, and by what stands in the rows.

    labels (fee 60 · 60 guests · hosted by Bea) → what only one column can hold (dates, money,
    units, choices, yes or no) → what some row has → places (by, at, in) → what is left is the name

Every word ends as part of a value, as glue, or unexplained; a reading that leaves much unexplained is none."""
from .becoming import Becoming
from .titles import Titles

class Slots(Titles, Becoming):
    "A part of a sentence read into a table's columns: as a `new` row, or as the `change` of the row that is there; what neither explains is `left`"
    def new(self, cues):
        "{column: value} of a new row, else None"
        self.frame(cues)
        self.referred()
        self.labelled(('number', 'date', 'choice', 'url', 'email'))
        self.labelled(('text', 'long'))
        self.typed()
        self.choices()
        self.yesno()
        self.seen()
        self.places(True)
        title = self.t.titled(self.lang)
        if title != self.t.main: self.owned(title)
        self.headed()
        self.name()
        self.places()
        self.rest()
        if title != self.t.main: self.entitle(title)
        for c, v in self.values.items():                # “for flat 2”: the flat is called Flat 2
            if self.t.columns[c] == 'text' and (full := next((v2 for c2, v2 in self.known.get(f'{c} {v}'.lower(), ()) if c2 == c), None)
                                                or next((str(r[tb.main]) for tb in self.g.world.tables.values() if tb is not self.t
                                                         and c in tb.nouns(self.lang) for r in tb.rows
                                                         if str(r.get(tb.main)).casefold() == f'{c} {v}'.casefold()), None)):
                self.values[c] = full
        return self.values if self.values.get(self.t.main) else None

    def change(self, cues):
        "{column: value} of what becomes different about the row"
        for m in cues.values():
            if m.key in ('change', 'put', 'place', 'create', 'done') and m.b > m.a and not any(self.label(k) for k in range(m.a, m.b)):
                self.by |= {n: '' for n in range(m.a, m.b) if self.free(n)}
        self.anchors()
        self.describe()
        self.step()
        if not self.moved: self.counted()
        for kinds in (('number', 'date', 'choice', 'url', 'email'), ('text', 'long')): self.labelled(kinds)
        name = self.values.pop(self.t.main, None)
        if (name and self.differs(self.t.main, str(name))
                and ('rename' in cues or any(self.low(n) in self.g.g['should'] for n in range(self.a, self.b)))
                and self.g.alike(str(name), str(self.row.get(self.t.main) or ''))):
            return {self.t.main: name}
        for c in [c for c in self.was if c not in self.values and c != self.t.main]:
            kind = self.t.columns[c]
            found = [(v[0], n, v[1]) for n in range(self.a, self.b)
                     if (v := self.number(n, c) if kind == 'number' else self.day(n) if kind == 'date' else
                         self.choice(c, n) if kind == 'choice' else None) and self.differs(c, v[0])]
            if kind == 'text':
                found = [(v, n, n+k) for n in range(self.a, self.b) for k in (4, 3, 2, 1) if n+k <= self.b
                         and all(self.free(x) for x in range(n, n+k))
                         for cc, v in self.known.get(self.g.text[self.words[n].a:self.words[n+k-1].b].lower(), ()) if cc == c
                         and self.differs(c, v)][:1]
                if not found and (got := self.behind(c)): found = [got]
            if len(found) == 1: self.put(c, *found[0], 3)
        sure = dict(self.values)
        self.typed()
        loose = {c for c in self.values if c not in sure and self.t.columns[c] == 'date'
                 and not any(self.words[n].kind in ('date', 'number', 'code') for n, x in self.by.items() if x == c)}
        self.choices()
        self.yesno()
        self.seen()
        if not self.values: self.rest()
        if not {'change', 'put', 'place', 'done'} & cues.keys():            # “let us talk about it tomorrow”
            for c in [c for c in loose if not any(self.low(n-1) in self.g.g['to'] or self.low(n-1) in ('until', 'bis')
                                                  or self.low(n) in self.g.g['to'] for n, x in self.by.items() if x == c)]:
                self.values.pop(c)
                loose.discard(c)
        if any(c not in loose and self.differs(c, v) for c, v in self.values.items()):
            for c in loose: self.values.pop(c)                # “on a normal diet as of tonight”
        if any(self.t.columns[c] == 'bool' and self.differs(c, v) for c, v in self.values.items()) and len(self.values) > 1:
            for c in [c for c in self.values if c not in sure and self.t.columns[c] in ('number', 'date')]: self.values.pop(c)
        if not self.values and self.named: self.becomes()
        if not self.values and self.named and {'put', 'place', 'change'} & cues.keys(): self.toward()
        self.values = {c: v for c, v in self.values.items() if c != self.t.main and self.differs(c, v)}
        return self.values

    def left(self):
        "Words that nothing explains; of a row that is there, in the parts of the sentence that tell a value"
        if self.row:
            cuts = [self.a-1, *[n for n in range(self.a, self.b) if self.mark(n) and self.words[n].kind == 'mark'], self.b]
            told = [(x, y) for x, y in zip(cuts, cuts[1:]) if any(self.by.get(n) in self.values for n in range(x+1, y))]
        return [n for i, j in self.runs() for n in range(i, j) if self.words[n].kind != 'mark' and self.low(n) not in self.glue
                and (not self.row or any(x < n < y for x, y in told))]
