"""Which comparisons stand in a sentence, and which column each may be of: *due before December*, *over 100 euros*, *500 pages or more*.

    compared(n)  →  [(kind, test, end)]  of those that begin at a word: ('days', {'<': 2026-12-01}, 5)
    test(table, kind, test, column)  →  [(column, test)]  that one may be in a table"""
import re
from functools import lru_cache
from .spans import span, timely
from .targets import Targets

@lru_cache(8)
def spoken(lang):
    "{phrase: the kinds of words of comparison it is one of}"
    out = {}
    for kind, phrases in lang.compare.items():
        for p in phrases if isinstance(phrases, list) else (): out.setdefault(p, []).append(kind)
    return out

class Comparing(Targets):
    "The comparisons of one sentence"
    def __init__(self, text, world, lang):
        for sign, said in lang.compare['signs'].items(): text = re.sub(rf'(?<![-=<>]){sign}(?!=)', said, text)
        super().__init__(text, world, lang)
        self.c, self.end, self.heard = lang.compare, len(self.words), {}
        while self.end and self.words[self.end-1].text in '.?!': self.end -= 1

    def corrected(self):
        "Nothing is taken back: “from October or November” is both"
    def phrase(self, kind, n):
        "The end of the longest phrase of a kind that begins here; 0 where there is none"
        if n not in self.heard:
            self.heard[n] = {k: n+length for length in (1, 2, 3, 4) if n+length <= self.end
                             for k in spoken(self.lang).get(' '.join(w.low for w in self.words[n:n+length]), ())}
        return self.heard[n].get(kind, 0)
    def low(self, n): return self.words[n].low if n < self.end else ''

    # what is compared with

    def number_at(self, n):
        "(value, end, is it money) of a number that begins here"
        if n >= self.end: return None
        w = self.words[n]
        if w.kind != 'number' and w.low not in self.lang.words['numbers'] or w.text.startswith('#') or '%' in w.text: return None
        v = self.lang.number(w.low.removesuffix('k'))
        if v is None: return None
        money = w.text[0] in '€$£' or self.text[w.b:w.b+1] in '€$£' and w.b < len(self.text)
        if self.low(n+1) in self.c['units']: return v*(1000 if w.low.endswith('k') else 1), n+2, True
        return v*(1000 if w.low.endswith('k') else 1), n+1, money
    def span_at(self, n, back=False):
        "((first day, day after the last), end) of a stretch of time that begins here"
        if ('span', n, back) not in self._seen: self._seen['span', n, back] = self._span_at(n, back)
        return self._seen['span', n, back]
    def _span_at(self, n, back):
        # “may I see …”
        if not n and self.words[n].low in self.g['common']: return None
        for end in range(min(self.end, n+6), n, -1):
            ws = self.words[n:end]
            if not any(timely(self.lang, w.low) for w in ws): return None
            if (any(w.kind not in ('word', 'number', 'date', 'day', 'code') and w.text != ',' for w in ws) or ws[-1].kind == 'mark'
                    or ws[0].low in self.c['glue'] and ws[0].low not in (*self.lang.words['day_small'], *self.c['time']['this'])):
                continue
            if got := span(self.lang, self.text[ws[0].a:ws[-1].b], back): return got, end
        return None

    # comparisons

    def compared(self, n):
        """[(kind, test, end)] of the comparisons that begin here: `number`, `money` or `days`;
        a fourth part says where the number ends, of which there are so many *or more*"""
        out = []
        for kind, sign in (('under', '<'), ('over', '>'), ('most', '<='), ('least', '>=')):
            if (k := self.phrase(kind, n)) and (v := self.number_at(k)): out.append(('money' if v[2] else 'number', {sign: v[0]}, v[1]))
        if v := self.number_at(n):              # 100 or more, 100 pages or more
            for kind, sign in (('or_more', '>='), ('or_less', '<=')):
                if k := self.phrase(kind, v[1]) or v[1] < self.end and self.words[v[1]].kind == 'word' and self.phrase(kind, v[1]+1):
                    out.append(('money' if v[2] else 'number', {sign: v[0]}, k, v[1]))
        if (k := self.phrase('equal', n)) and (v := self.number_at(k)) and not self.compared(k):
            out.append(('money' if v[2] else 'number', {'=': v[0]}, v[1]))
        if k := self.phrase('between', n):
            if (v := self.number_at(k)) and (m := self.phrase('and', v[1])) and (u := self.number_at(m)):
                out.append(('money' if v[2] or u[2] else 'number', {'>=': v[0], '<=': u[0]}, u[1]))
            if (s := self.until_and(k)) and (e := self.span_at(s[1])): out.append(('days', {'>=': s[0][0], '<': e[0][1]}, e[1]))
        for kind, test in (('before', lambda a, b: {'<': a}), ('until', lambda a, b: {'<': b}), ('after', lambda a, b: {'>=': b}),
                           ('since', lambda a, b: {'>=': a}), ('during', lambda a, b: {'>=': a, '<': b})):
            if (k := self.phrase(kind, n)) and (s := self.span_at(k, kind == 'since')):
                if kind == 'since' and self.phrase('during', n): continue             # “from last month” is in it
                out.append(('days', test(*s[0]), s[1]))
        if s := self.span_at(n): out.append(('days', {'>=': s[0][0], '<': s[0][1]}, s[1]))
        return sorted(out, key=lambda c: -c[2])
    def until_and(self, n):
        "(a stretch of time that begins here and is followed by *and* or *to*, where the second begins)"
        for end in range(n+1, min(self.end, n+6)):
            if (k := self.phrase('and', end)) and (got := span(self.lang, self.text[self.words[n].a:self.words[end-1].b])): return got, k
        return None

    def yearlike(self, tb, c):
        "Do years stand in a column of numbers?"
        have = [v for r in tb.rows if isinstance(v := r.get(c), (int, float)) and v]
        return tb.columns[c] == 'number' and bool(have) and all(1000 <= v <= 2200 and v == int(v) for v in have)
    def numbers(self, tb): return [c for c, k in tb.columns.items() if k == 'number' and not self.yearlike(tb, c)]
    def money(self, tb): return [c for c in self.numbers(tb) if {c, *c.split('_')} & {*self.g['money']}]
    def due(self, tb): return [c for c, k in tb.columns.items() if k == 'date' and c in self.c['due_columns']]
    def test(self, tb, kind, test, column):
        "[(column, test)] that a comparison may be in a table, the column given or to be found"
        if kind == 'days':
            first, last = test.get('>='), test.get('<')
            year = all((d.month, d.day) == (1, 1) for d in test.values())
            days = {s: d.isoformat() for s, d in test.items()}
            years = {s: d.year for s, d in test.items()} if year else {}
            if first and last and first >= last: return []
            if column: return [(column, days if tb.columns[column] == 'date' else years)] if tb.columns[column] == 'date' or years else []
            dates = [c for c, k in tb.columns.items() if k == 'date']
            return [(c, years) for c in tb.columns if years and self.yearlike(tb, c)] or [(c, days) for c in dates]
        if column: return [(column, test)] if tb.columns[column] == 'number' else []
        return [(c, test) for c in (kind == 'money' and self.money(tb) or self.numbers(tb))]

    def compares(self):
        "Is there a comparison at all, understood or not?"
        behind = {m.b for m in self.tables(0, self.end) if not m.slip}             # “invoices over the limit”
        for n in range(self.end):
            # “of 100 euros” is one, “on table 3” names what it is on
            if any('=' not in c[1] or c[0] == 'money' for c in self.compared(n)): return True
            for kind in ('before', 'after', 'since', 'overdue'):
                if (k := self.phrase(kind, n)) and not self.phrase('during', n) and (kind == 'overdue' or n and k < self.end): return True
            if any((k := self.phrase(kind, n)) and k < self.end and (k > n+1 or self.words[k].kind in ('number', 'code')
                                                                    or n in behind and kind != 'between')
                   for kind in ('under', 'over', 'most', 'least', 'between')):
                return True
            if (k := self.phrase('without', n)) and k < self.end and self.low(n) not in self.lang.words['not']: return True
        return False
