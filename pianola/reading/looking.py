"""What only looks and changes nothing: the rows that are asked for, and the order they stand in."""
import re
from .picking import Picking
from .world import Op, Reading

class Looking(Picking):
    "A sentence that asks to see rows"

    def which(self, t):
        "“Who is fasting?”, “what has not been delivered”: the rows that have a flag or have it not"
        if not re.match(self.g['wonder'], t, re.I) or len(self.words) > 9 or re.search(self.g['how'], t, re.I): return None
        found = [(tb, m) for tb in self.world.tables.values() for m in self.mentions(tb, 0, len(self.words)) if m.what == 'flag' and not m.slip]
        named = [m.table for m in self.tables(0, len(self.words))]
        found = [f for f in found if f[0].name in named] or found
        if len({(tb.name, m.key) for tb, m in found}) != 1: return None
        tb, m = found[0]
        others = [w for n, w in enumerate(self.words) if w.kind != 'mark' and not m.a <= n < m.b
                  and w.low not in {*self.lang.words['a'], *self.g['wondering'], *self.lang.words['not'], *self.reader.nouns, *self.g['be'],
                                    *self.lang.words['polite']}]
        if others: return None
        return Reading('press', [Op(tb.name, 'list', values=self.filter(tb, 0, len(self.words)))])

    def list(self, a, b, cues):
        named = self.tables(a, b)
        table = self.world.tables[named[0].table] if named else None
        if not table and any(w.text in '.!?;' for w in self.words[a:b-1]): return None
        if not table:
            hit = [tb for tb in self.world.tables.values()
                   if any(m.what == 'flag'
                          or m.what == 'value' and tb.columns[m.key] == 'choice' and not m.slip and self.words[m.a].low != str(m.value).lower()
                          for m in self.mentions(tb, a, b))]
            table = hit[0] if len(hit) == 1 else None
        if not table: return None
        where = self.filter(table, a, b)
        cue = cues.get('list')
        if cue and self.words[cue.a].low in self.g['ask'] and cue.a > a+3 and self.words[cue.a-1].kind == 'mark': return None
        if not where and (
                not named or cue and self.words[cue.a].low in self.g['ask'] and not any(0 < m.a - cue.b < 3 or m.a == cue.b for m in named)):
            return None
        return Reading('press', [Op(table.name, 'list', values=where)])

    def sort(self, a, b, cues):
        named = self.tables(a, b)
        options = [self.world.tables[m.table] for m in named] or list(self.world.tables.values())
        said = ' '.join(w.low for w in self.words[a:b])
        found = []
        for tb in dict.fromkeys(t.name for t in options):
            tb = self.world.tables[tb]
            ms = [m for m in self.mentions(tb, a, b) if m.what in ('column', 'flag')]
            col = ms[-1].key if ms else None
            way = 'desc' if any(re.search(p, said) for p in self.g['desc']) else 'asc' if any(re.search(p, said) for p in self.g['asc']) else ''
            alike = lambda c, names: c in names or '_' in c and c.split('_')[0] in names
            # “from the longest to the shortest” begins with the longest
            for most in sorted(self.g['most'], key=lambda most: m.start() if (m := re.search(rf"\b(?:{most['words']})\b", said)) else 999):
                if not (m := re.search(rf"\b(?:{most['words']})\b", said)): continue
                if (col and tb.columns[col] == 'number' and m[0] in self.g['worst']
                        and not alike(col, self.g['super'].get('best|worst|top rated', ()))):
                    way = 'desc'
                    break
                if own := next((c for p, cs in self.g['super'].items() if re.fullmatch(p, m[0]) for c in tb.columns if alike(c, cs)), None):
                    col, way = own, most['order']
                    break
                kin = [c for c in tb.columns if c in self.g['money']] if re.search(self.g['dear'], said) else []
                kin = (kin or [c for c in tb.columns if c in most['of']] or [c for c, k in tb.columns.items() if k == most['kind']]
                       or ([c for c, k in tb.columns.items() if k == 'number' and (vs := [r[c] for r in tb.rows if r.get(c)])
                            and min(vs) > 1500 and max(vs) < 2200] if most['kind'] == 'date' else []))
                pick = (col if col and (col in kin or tb.columns[col] in (most['kind'], 'number')) else
                        kin[0] if len(kin) == 1 or kin and kin[0] in most['of'] else None)
                if pick: col, way = pick, most['order']; break
            if not col and re.search(self.g['abc'], said): col = tb.main
            elif col and not way and not self.sorts(a, b, cues['sort'], ms): col = None
            if col: found.append((tb, col, way or 'asc', bool(ms)))
        if len(found) > 1: found = [f for f in found if f[3]]           # whose column is named
        if len(found) > 1: found = [f for f in found if f[0].name == self.world.open]
        if len(found) != 1: return None
        tb, col, way, _ = found[0]
        return Reading('press', [Op(tb.name, 'sort', values={'by': col, 'order': way})])
    def sorts(self, a, b, cue, ms):
        "Is it an order at all, where no superlative and no direction is said: *by* a column, a column *first*, or a plain verb of sorting"
        said = {w.low for w in self.words[a:b]}
        asked = (cue.a == a or self.words[cue.a-1].kind == 'mark'
                 or self.words[cue.a-1].low in (*self.g['imperative'], *self.lang.words['polite'], 'to') or cue.b == cue.a)
        return bool(said & {*self.g['by']}) or asked and bool(said & {*self.g['plain_sort']}) or any(m.b == cue.a for m in ms)
