"""Which rows a change is for: the one that is meant, several to be asked about, or all that have something; and removing, which says no more.

    rows that fit the words → one: a chip · *both*, *14, 17 and 21*, *all that are open*: one chip with every row · several: which?"""
import re
from .rules import most_asked
from .targets import Targets
from .world import Op, Reading

class Picking(Targets):
    "The rows that one sentence asks for, and the end they lead to"

    def offer(self, rows, op):
        "A chip for one row, a question for several; None for none"
        ops = [o for tb, r in rows for o in [op(tb, r)] if o]
        now = {(tb.name, r['id']): r for tb, r in rows}
        ops = [o for o in ops if o.verb != 'update' or any(now[o.table, o.id].get(k) != v for k, v in o.values.items())]
        if not ops: return Reading('nothing', name='so_already') if rows else None
        if len(ops) == 1: return Reading('chip', ops, name='unlike')
        if (len(rows) == 2 and {w.low for w in self.words} & set(self.g['both'])
                or len(rows) > 1 and {(tb.name, r['id']) for tb, r in rows} == self.listed()):
            return Reading('chip', ops, name='too_many')
        return Reading('ask', ops[:6], candidates=rows[:6]) if len(rows) <= 8 else None

    def listed(self):
        "The rows that are named by their numbers in a row: 14, 17 and 21"
        out, tables = set(), [self.world.tables[m.table] for m in self.tables(0, len(self.words))]
        at = [n for n, w in enumerate(self.words) if w.kind == 'number']
        if len(at) < 2 or any(self.words[n].low not in self.g['and'] and self.words[n].text not in ',&'
                              for x, y in zip(at, at[1:]) for n in range(x+1, y)):
            return set()
        ids = [self.lang.number(self.words[n].low.strip('#.')) for n in at]
        for tb in tables or self.world.tables.values():
            if set(ids) <= {r['id'] for r in tb.rows}: out |= {(tb.name, i) for i in ids}
        return out if len(out) == len(ids) else set()

    def every(self, a, b):
        low = ' '.join(w.low for w in self.words[a:b])
        # a row is called “Cancel Everything”
        if any(str(r.get(tb.main) or '').casefold() in low for tb, r in self.rows(a, b)[0]
               if set(str(r.get(tb.main) or '').lower().split()) & set(self.g['all'])):
            return False
        return bool(set(re.sub(self.g['not_all'], '', ' '.join(w.low for w in self.words[a:b])).split()) & set(self.g['all']))

    def bulk(self, a, b, but=()):
        "All the rows of the one table that is named that have what is named"
        named = {m.table for m in self.tables(a, b)}
        options = [(tb, self.filter(tb, a, b, but)) for tb in self.world.tables.values() if not named or tb.name in named]
        options = options if named else [o for o in options if o[1]]
        if len(options) != 1: return []
        tb, where = options[0]
        # “all from before 2020” is more than this knows
        if any(w.kind in ('number', 'date') and n not in {x for m in but for x in range(m.a, m.b)} for n, w in enumerate(self.words[a:b], a)):
            return []
        rows = [(tb, r) for r in tb.rows if all(r.get(k) == v for k, v in where.items())]
        return rows if 0 < len(rows) <= most_asked else []

    def filter(self, table, a, b, but=()):
        "What rows are wanted, by flags and by values that some row has"
        where = {}
        for m in self.mentions(table, a, b):
            if any(x.a <= m.a < x.b for x in but): continue
            if m.what == 'flag' and m.key not in where:
                before = ' '.join(w.low for w in self.words[max(a, m.a-5):m.a])
                # what is still to be done is not done; what is still open is open
                where[m.key] = m.value == self.polarity(m, a) and not (m.value and re.search(self.g['need'], before))
            elif m.what == 'value' and m.key not in where and not m.slip: where[m.key] = m.value
        return where
    def polarity(self, m, a):
        "False where a flag is said not to be so"
        before = ' '.join(w.low for w in self.words[max(a, m.a-7):m.a])
        return not re.search(self.g['no'], before) and not (m.a > a and self.words[m.a-1].low in self.g['none'])
    def has(self, table, m):
        "Do the words of a mention also name a row?"
        return any(table.index(self.lang).rows(w.stem, 'own') for w in self.words[m.a:m.b])

    def pair(self, a, b, table=None, skip=()):
        "Two or more rows of which each stands in a part of its own"
        cuts = [n for n in range(a, b) if self.words[n].low in self.g['and'] or self.words[n].text in (',', ';')]
        out, at = [], a
        for c in [*cuts, b]:
            if c > at:
                rows, best = self.rows(at, c, skip, table)
                if len(rows) > 1: return []
                if rows and best > 1.5 and rows[0] not in out: out += rows
            at = c+1
        return out if len(out) > 1 else []

    def delete(self, a, b, cues):
        f, at = self.frame(a, b), cues['delete'].a
        cut = [n for n in range(a, b) if self.words[n].kind == 'mark']
        i, j = max([n+1 for n in cut if n < at], default=a), min([n for n in cut if n >= at], default=b)
        if self.every(a, b) and (not f or f.kind != 'delete') and (self.every(i, j) or cues['delete'].b == at):
            rows = self.bulk(a, b)
            return Reading('chip', [Op(tb.name, 'delete', r['id']) for tb, r in rows], name='too_many') if rows else None
        if cues['delete'].b == at:
            i, j = next(((x, y) for x, y in zip([a, *[n+1 for n in cut]], [*cut, b])
                         if any(re.search(p, ' '.join(w.low for w in self.words[x:y])) for p in self.g['around']['delete'])), (a, b))
        if (i, j) != (a, b) and len(own := self.rows(i, j, [m for m in cues.values() if m.key == 'delete'])[0]) == 1:
            return self.offer(own, lambda tb, r: Op(tb.name, 'delete', r['id']))
        k = cues['delete'].b
        while k < b and self.words[k].low in self.lang.words['a']: k += 1
        if (cues['delete'].b > at and len(self.rows(a, b)[0]) > 1
                and (named := next(((x[2], x[3]) for x in self.anchored() if x[0] == k), None))
                and not {w.low for w in self.words} & set(self.g['both']) and not self.listed()):
            return self.offer([named], lambda tb, r: Op(tb.name, 'delete', r['id']))
        return self.offer(self.target(a, b, [m for m in cues.values() if m.key == 'delete']), lambda tb, r: Op(tb.name, 'delete', r['id']))
