"""What becomes different about a row that is there: a value of a column, by how much, a yes or no, or the row of another table it goes to.

    words → the row that is named → what differs in it, column by column · else the column that is named and what could be its value"""
import re
from .contents import Contents
from .picking import Picking
from .sentence import Mention
from .slots import Slots
from .world import Op, Reading

class Changing(Picking, Contents):
    "A sentence that says what is otherwise now"

    def revise(self, a, b, cues):
        "(Reading, words unexplained, the Slots) of a row that is named and what becomes different about it, else None"
        skip = [m for m in cues.values() if m.key in ('change', 'put', 'done', 'create')]
        self.plainly = True
        rows, best = self.rows(a, b, skip)
        self.plainly = False
        by_value = self.rows(a, b, skip)                 # “the lady who has been to 47 meetings”
        if (not rows or len(by_value[0]) == 1 and by_value[0][0] not in rows[:1]
                and not any(set(tb.index(self.lang).own[tb.index(self.lang).place[r['id']]]) & {w.stem for w in self.words[a:b]} for tb, r in rows)):
            rows, best = by_value
        others = ([(tb, tb.rows[k]) for tb in self.world.tables.values() for w in self.words[a:b] if w.stem not in self.lang.small
                   and len(hit := tb.index(self.lang).rows(w.stem, 'own')) < 4 for k in hit]
                  if re.search(self.g['anchored'], ' '.join(w.low for w in self.words[a:b])) else [])
        if (not rows or len(rows) > 4) and not others: return None
        found, tried = [], set()
        for tb, r in [*rows[:4], *others[:8]]:
            if (tb.name, r['id']) in tried: continue
            tried.add((tb.name, r['id']))
            s = Slots(self, tb, a, b, r)
            if (values := s.change(cues)) and (len(rows) == 1 and (tb, r) == rows[0] or s.was): found.append((tb, r, s, values))
        if best_one := [f for f in found if len(rows) == 1 and (f[0], f[1]) == rows[0] and f[2].was]: found = best_one
        elif any(f[2].was and f[2].named for f in found): found = [f for f in found if f[2].was]
        if len(found) > 1: found = [f for f in found if f[2].named]
        if len(found) != 1: return None
        tb, r, s, values = found[0]
        if len(values) > 4 or best < 1 and not s.was or not (s.named or s.like): return None
        # another row is named too
        if any(t.index(self.lang).rows(self.words[n].stem, 'own') - ({t.index(self.lang).place[r['id']]} if t is tb else set())
               for n in s.left() for t in self.world.tables.values()):
            return None
        return Reading('chip', [Op(tb.name, 'update', r['id'], values)], name='unlike'), len(s.left()), s

    def refers(self, a, b, cues):
        "“Move Hugo to Spanish A2”: a row of one table for a column of another that is called after it"
        here = [x for x in self.anchored() if a <= x[0] and x[1] <= b]
        if len(here) != 2 or here[0][2] is here[1][2] or {'create', 'delete'} & cues.keys(): return None
        for x, y in (here, here[::-1]):
            c = next((c for c, k in x[2].columns.items() if k == 'text' and c != x[2].main and c in y[2].nouns(self.lang)), None)
            if (c and self.words[y[0]-1 - (self.words[y[0]-1].low in self.lang.words['a']
                                           and self.words[y[0]-1].low not in self.g['onto'])].low in self.g['onto']
                    and not any(m.what == 'flag' for m in self.mentions(x[2], a, b))):
                return self.offer([(x[2], x[3])], lambda tb, r, c=c, y=y: Op(tb.name, 'update', r['id'], {c: str(y[3].get(y[2].main))}))
        return None

    def set(self, a, b, cues):
        "A value for a column of a row"
        vals = self.values(a, b)
        named = self.tables(a, b)
        tried = []
        for tb in self.world.tables.values():
            ms = self.mentions(tb, a, b)
            cols = [m for m in ms if m.what == 'column' and m.key != tb.main and tb.columns[m.key] not in ('bool', 'json', 'ref')]
            cols = [m for m in cols if not self.has(tb, m)] or cols
            if got := self._set(tb, a, b, cues, vals, cols, [m for m in ms if m.what == 'value']):
                tried.append((tb, (got[0], got[1]*(2 if cols else 1))))
        if not tried: return self.row_of(a, b, cues)
        if self.lean and any(x[0].name == self.lean for x in tried): tried = [x for x in tried if x[0].name == self.lean]
        if len(tried) > 1 and named: tried = [x for x in tried if x[0].name in {m.table for m in named}] or tried
        tried.sort(key=lambda x: -x[1][1])
        return tried[0][1][0] if len(tried) == 1 or tried[0][1][1] > tried[1][1][1]*1.1 else None

    def _set(self, tb, a, b, cues, vals, cols, known):
        skip = [*cols, *cues.values()]
        def out(col, v, used):
            if self.every(a, b):
                if any(m.what == 'flag' for m in self.mentions(tb, a, b)): return None
                todo = [Op(t.name, 'update', r['id'], {col: v}) for t, r in self.bulk(a, b, used) if t is tb and r.get(col) != v]
                return (Reading('chip', todo, name='too_many'), 1) if todo and v is not None else None
            rows, best = self.rows(a, b, [*skip, *used], tb)
            rows = rows or self.target(a, b, [*skip, *used], tb)
            if not rows or v is None: return None
            own = [n for n in range(a, b) if n not in {x for m in used for x in range(m.a, m.b)}]
            got = self.offer(rows, lambda t, r: Op(t.name, 'update', r['id'], {col: v}))
            return (got, best or 1) if got and own else None
        at = lambda n: Mention('value', n, n+1)
        if (cols and all(m.slip for m in cols) and tb.columns[cols[0].key] == 'text'
                and not ({'change', 'with', 'put', 'place'} & cues.keys() or any(w.kind == 'arrow' for w in self.words[a:b]))):
            return None
        if cols:
            col = cols[0] if len({m.key for m in cols}) == 1 else None
            if not col: return None
            kind = tb.columns[col.key]
            fits = [(v, n) for k, v, n in vals if k == kind or k == 'quote' and kind in ('text', 'long', 'choice')
                    or kind == 'date' and k == 'date' or kind == 'text' and k in ('url', 'email', 'time', 'phone', 'day')]
            if kind == 'number' and len(fits) > 1:
                fits = ([f for f in fits if not any(r['id'] == f[0] for r in tb.rows) or f[1] > col.a]
                        if not self.words[fits[0][1]].text.startswith('#') else fits[1:])
                near = sorted(fits, key=lambda f: (f[1] < col.a, abs(f[1]-col.a)))
                fits = near[:1] if near else []
            if len(fits) == 1:
                v, n = fits[0]
                if kind == 'number' and (u := self.unit(tb, n, b)) and u[0] == col.key: v = v*u[1]
                if kind == 'number' and (step := self.step(a, b, n)):
                    rows = self.rows(a, b, [*skip, at(n)], tb)[0]
                    if len(rows) != 1 or not isinstance(rows[0][1].get(col.key), (int, float)): return None
                    v = rows[0][1][col.key] + step*v
                return out(col.key, v, [at(n)])
            if kind in ('text', 'long', 'choice', 'email', 'url'):
                said = [m for m in known if m.key == col.key and not any(x.a <= m.a < x.b for x in cols)]
                tail = self.tail(a, b, col)
                if kind != 'choice' and tail: return out(col.key, tail[0], [Mention('value', tail[1], tail[2])])
                if len(said) == 1: return out(col.key, said[0].value, said)
            return None
        if not ({'change', 'with', 'put', 'done'} & cues.keys() or any(tb.columns[m.key] == 'choice' for m in known)
                or any(w.kind == 'arrow' or w.low in self.g['now'] for w in self.words[a:b])
                or any(k == 'date' and n > a and self.words[n-1].low in (*self.g['to'], 'until') for k, _, n in vals)
                or b-a <= 8 and any(k == 'number' and (self.unit(tb, n, b) or b-a < 6) for k, _, n in vals)):
            return None
        fits = []
        for k, v, n in vals:
            if k == 'number':
                u = self.unit(tb, n, b)
                cs = [u[0]] if u else [c for c, kk in tb.columns.items() if kk == 'number' and self.words[n].text.count('#') == 0]
                # what it is now tells which
                if len(cs) > 1 and not u and 'change' in cues and len(rows := self.rows(a, b, [*skip, at(n)], tb)[0]) == 1:
                    far = sorted((max(v/x, x/v), c) for c in cs if isinstance(x := rows[0][1].get(c), (int, float)) and x > 0 and v > 0)
                    cs = [far[0][1]] if far and far[0][0] < 2 and (len(far) == 1 or far[1][0] > 2.5) else cs
                if len(cs) == 1 and not (not u and any(r['id'] == v for r in tb.rows)): fits.append((cs[0], v*(u[1] if u else 1), [at(n)]))
            elif k == 'date' and self.words[n].kind != 'date' and any(m.what == 'flag' for m in self.mentions(tb, a, b)):
                # “it went out today, mark it sent”
                continue
            elif k in ('date', 'url', 'email') and len(cs := [c for c, kk in tb.columns.items() if kk == k]) == 1: fits.append((cs[0], v, [at(n)]))
        if len(fits) == 1: return out(*fits[0])
        if fits: return None
        moved = ('change' in cues or 'put' in cues or any(w.kind == 'arrow' for w in self.words[a:b])
                 or any(m.a > a and self.words[m.a-1].low in self.g['marked_as'] for m in known))
        if moved or any(tb.columns[m.key] == 'choice' for m in known):
            rows, _ = self.rows(a, b, skip + known, tb)
            said = [m for m in known if tb.columns[m.key] in (('text', 'choice') if moved else ('choice',)) and rows
                    and not all(r.get(m.key) == m.value for _, r in rows)]
            if len({(m.key, m.value) for m in said}) == 1: return out(said[0].key, said[0].value, [m for m in known])
            where = [c for c in tb.columns if c in self.g['places'] and tb.columns[c] == 'text' and c != tb.main]
            if not said and len(where) == 1 and 'place' in cues and (t := self.tail(a, b, None)):
                return out(where[0], t[0], [Mention('value', t[1], t[2])])
        return None
    def step(self, a, b, n):
        "+1 or -1 when a number is by how much, else 0"
        said = [w.low for w in self.words[a:b]]
        if n == 0 or self.words[n-1].low not in self.g['by']: return 0
        return 1 if set(said) & set(self.g['more']) else -1 if set(said) & set(self.g['less']) else 0

    def row_of(self, a, b, cues):
        "Several columns of one row in one breath, each in a part of its own"
        for tb in self.world.tables.values():
            cols = [m for m in self.mentions(tb, a, b) if m.what == 'column' and m.key != tb.main
                    and tb.columns[m.key] not in ('bool', 'json', 'ref')]
            if len({m.key for m in cols}) < 2: continue
            cuts = [a, *[n+1 for n in range(a, b) if self.words[n].low in self.g['and'] or self.words[n].text in (',', ';')], b]
            rows, values, used = None, {}, [*cues.values()]
            for x, y in zip(cuts, cuts[1:]):
                here, vals = [m for m in cols if x <= m.a < y], self.values(x, y)
                if not here: continue
                if len(here) > 1: return None
                col, kind = here[0], tb.columns[here[0].key]
                fits = [(v, n) for k, v, n in vals if k == kind
                        and not (k == 'number' and any(r['id'] == v for r in tb.rows) and n < col.a and len(vals) > 1)]
                if len(fits) == 1: values[col.key] = fits[0][0]; used.append(Mention('value', fits[0][1], fits[0][1]+1))
                elif kind in ('text', 'long', 'choice') and (t := self.tail(x, y, col)):
                    values[col.key] = t[0]
                    used.append(Mention('value', t[1], t[2]))
                else: return None
            rows = self.rows(a, b, [*cols, *used], tb)[0]
            if len(rows) == 1 and len(values) > 1: return self.offer(rows, lambda t, r, values=values: Op(t.name, 'update', r['id'], values))
        return None

    def flag(self, a, b, cues, off=False):
        "A yes or no about a row"
        rows, ms = [], []
        for tb in self.world.tables.values():
            for m in self.mentions(tb, a, b):
                if m.what == 'flag': ms.append((tb, m))
        best, done = [], 'done' in cues or 'undone' in cues
        if self.every(a, b) and ms and not off:
            tb, m = ms[-1]
            value = (m.value if self.polarity(m, a) else not m.value) and 'undone' not in cues
            if (value and self.name == 'negation'
                    or not ({'change', 'done', 'undone', 'put'} & cues.keys() or m.a == a or m.a and self.words[m.a-1].low in self.g['be'])):
                return None
            todo = [Op(t.name, 'update', r['id'], {m.key: value}) for t, r in self.bulk(a, b, [m]) if t is tb and r.get(m.key) != value]
            return Reading('chip', todo, name='too_many' if len(todo) > 1 else 'unlike') if todo else None
        for tb, m in [x for x in ms if not any(y[0] is x[0] and y[1].key == x[1].key and not self.polarity(y[1], a) and self.polarity(x[1], a)
                                               for y in ms)]:
            both = self.pair(a, b, tb, [m]) if set(w.low for w in self.words[a:b]) & {'both', 'beide', *self.g['and']} else []
            rows = both or self.target(a, b, [m, *cues.values()], tb)
            if rows: best.append((tb, m, rows, bool(both), self.rows(a, b, [m, *cues.values()], tb)[1]))
        if off:
            ticked = any(self.words[n].low in self.g['ticks'] for n in range(cues['delete'].a, b))
            if not ticked and not any(re.search(self.g['outof'], ' '.join(w.low for w in self.words[max(a, m.a-3):m.a])) for _, m, *_ in best):
                return None
        if best:
            tb, m, rows, both, _ = max(best, key=lambda x: x[4])
            value = m.value if self.polarity(m, a) else not m.value
            if off or 'undone' in cues: value = False
            if 'create' in cues and not re.search(self.g['into'], ' '.join(w.low for w in self.words[max(a, m.a-4):m.a])): return None
            if self.name == 'negation' and value: return None
            if both: return Reading('chip', [Op(t.name, 'update', r['id'], {m.key: value}) for t, r in rows if r.get(m.key) != value], name='unlike')
            return self.offer(rows, lambda t, r: Op(t.name, 'update', r['id'], {m.key: value}) if t is tb else None)
        if done and 'create' not in cues:
            rows = self.pair(a, b) if set(w.low for w in self.words[a:b]) & {'both', 'beide', *self.g['and']} else []
            value = 'undone' not in cues and not re.search(self.g['no'], ' '.join(w.low for w in self.words[a:b]))
            said_done = any(m.key in ('done', 'undone') and m.b > m.a for m in cues.values())
            able = lambda tb: (self.reader.done_column(tb)
                               or (c[0] if said_done and len(c := [c for c, k in tb.columns.items() if k == 'bool']) == 1 else None))
            if self.name == 'negation' and value or self.marked(a, b): return None
            if rows and all(able(tb) for tb, _ in rows):
                return Reading('chip', [Op(tb.name, 'update', r['id'], {able(tb): value}) for tb, r in rows if r.get(able(tb)) != value],
                               name='unlike')
            return self.offer(self.target(a, b, cues.values()), lambda tb, r: Op(tb.name, 'update', r['id'], {c: value}) if (c := able(tb)) else None)
        return None

    def marked(self, a, b):
        "“Mark the rent as urgent”: is something said behind *as* that no yes or no is called, and no row?"
        values = {m.a for tb in self.world.tables.values() for m in self.mentions(tb, a, b) if m.what == 'value'}
        return any(self.words[n].low in self.g['marked_as'] and (n+1 in values or self.noun(n+1))
                   and not any(tb.index(self.lang).rows(self.words[n+1].stem, 'own') for tb in self.world.tables.values()) for n in range(a, b-1))
