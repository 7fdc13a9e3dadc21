"""A list that is narrowed, *unpaid invoices over 100*, *profiles without a phone*, and the sum over a column of numbers, narrowed alike.

    words → each is a table, yes or no, a value, a comparison or glue → a list or a sum, once every word has its part
                                                                      ↘ one has none: nothing is listed as though it had not been said"""
import re
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import product
from math import prod
from .comparing import Comparing
from .language import mask, spoken_name
from .rules import longest
from .world import Op, Reading, by_noun

most_asked = 6          # readings that are asked about

@dataclass
class Reach:
    "How far a sentence is explained: what is narrowed by now, the columns it may be, and what is still to be told"
    where: dict = field(default_factory=dict)
    several: list = field(default_factory=list)         # [[(column, test), …]]: any of these is meant
    column: str = ''            # a column of numbers or dates that was named, and for which nothing is said yet
    named: bool = False         # was the table named, or something that only stands in it?
    compared: bool = False
    flagged: tuple = (-1, '')   # where the last yes or no ended, and its column
    plural: bool = False
    added: list = field(default_factory=list)           # the columns to add up

class Narrowing(Comparing):
    "One sentence against one world: is each of its words a part of what a list is narrowed to?"

    # one table

    def explain(self, tb, adds, terse):
        "The Reach of a sentence in one table; None where a word has no part in it"
        r, n, ms = Reach(), 0, self.mentions(tb, 0, self.end)
        nouns = {m.a: m for m in self.tables(0, self.end) if m.table == tb.name and not m.slip}
        while n < self.end:
            if not (n := self.step(r, n, tb, ms, nouns, adds, terse)): return None
        if not r.column: return r
        if not adds or tb.columns[r.column] != 'number': return None
        r.added.append(r.column)
        return r
    def step(self, r, n, tb, ms, nouns, adds, terse):
        "Where the next part begins, once this one is in the Reach; 0 where it is not known"
        w, at = self.words[n], [m for m in ms if m.a == n and not m.slip]
        column = next((m for m in at if m.what == 'column'), None)
        if w.text == ',': return n+1
        if adds and (k := self.phrase('sum', n)): return k
        if adds and (k := self.phrase('owes', n)):
            flag = self.flagwords(tb).get(self.c['owed'])
            if not flag or r.where.get(flag[0], flag[1]) != flag[1]: return 0
            r.where[flag[0]], r.named = flag[1], True
            return k
        if n in nouns and not (column and w.low in (spoken_name(column.key), *self.lang.columns.get(column.key, ()))):
            m = nouns[n]
            r.named, r.plural = True, r.plural or self.lang.singular(self.words[m.b-1].low) != self.words[m.b-1].low
            return m.b
        if k := self.empty(r, n, tb, ms): return k
        if (k := self.phrase('overdue', n)) and (end := self.overdue(r, k, tb)): return end
        if (k := self.phrase('due', n)) and (cs := self.due(tb)):
            r.column, r.named = cs[0], True
            return k if len(cs) == 1 else 0
        if column and tb.columns[column.key] == 'date':
            r.column, r.named = column.key, True
            # the *by* of `ship_by` may be the one of “by Friday”
            return column.b-1 if column.b-n > 1 and self.compared(column.b-1) else column.b
        if got := next((g for c in self.compared(n) if (g := self.narrowed(r, n, tb, ms, *c))), 0): return got
        if m := next((m for m in at if m.what == 'flag'), None): return self.flagged(r, n, m)
        if column and tb.columns[column.key] == 'number':
            if r.column and r.column != column.key: return 0
            r.column, r.named = column.key, True
            return column.b
        if self.phrase('not', n):
            k = self.phrase('not', n)
            while k < self.end and self.low(k) in self.c['glue']: k += 1
            m = next((m for m in ms if m.a == k and m.what == 'flag' and not m.slip), None)
            return self.flagged(r, k, m, off=True) if m else 0
        if not terse and (k := self.phrase('look', n)): return k
        if values := self.value(tb, n, at):
            cs, k = values
            r.several.append(cs)
            r.named = True
            return k
        if not (w.low in self.c['glue'] or w.low in self.lang.words['polite'] if not terse else
                w.low in self.c['terse'] or n and w.low in self.c['has'] and self.low(n-1) in self.c['relative']):
            return 0
        if n == r.flagged[0]: r.flagged = n+1, r.flagged[1]
        return n+1

    def narrowed(self, r, n, tb, ms, kind, test, end, at=0):
        "Where a comparison ends, once it is in the Reach; 0 where no column fits it"
        at, column = at or end, r.column
        if not column and (after := next((m for m in ms if m.a == at and m.what == 'column' and not m.slip), None)):
            if tb.columns[after.key] in ('number', 'date'): column, end, at = after.key, max(end, after.b), after.b
        if kind == 'number' and not column and at < self.end and self.words[at].kind == 'word' and (u := self.unit(tb, at-1, at+1)):
            column, test, end, at = u[0], {s: v*u[1] for s, v in test.items()}, max(end, at+1), at+1
        # 400 of what?
        if not column and ('=' in test and kind == 'number' or at < end and not any(self.phrase(k, at) == end for k in ('or_more', 'or_less'))):
            return 0
        found = self.test(tb, kind, test, column)
        # “paid last month” says when it was paid, and not when it was issued
        if kind == 'days' and not column and n == r.flagged[0]:
            found = [f for f in found if self.lang.stem(r.flagged[1]) in map(self.lang.stem, f[0].split('_'))]
        if not found: return 0
        r.several.append(found)
        r.column, r.compared = '', True
        return end
    def flagged(self, r, n, m, off=False):
        "Where a yes or no ends, once it is in the Reach; 0 where it was said otherwise before"
        value = m.value != off
        if r.where.get(m.key, value) != value: return 0
        r.where[m.key], r.named, r.flagged = value, True, (m.b, m.key)
        return m.b
    def empty(self, r, n, tb, ms):
        "Where *without a phone*, *with a due date* ends, once it is in the Reach; 0 where nothing of the kind begins here"
        for kind, test in (('without', None), ('with', {'!=': None})):
            if not (k := self.phrase(kind, n)): continue
            while k < self.end and self.low(k) in (*self.lang.words['a'], *self.g['all']) and self.low(k) not in self.c['with']: k += 1
            m = next((m for m in ms if m.a == k and m.what == 'column' and not m.slip), None)
            if not m or tb.columns[m.key] in ('bool', 'json') or m.key == tb.main: continue
            if kind == 'with' and any(self.compared(x) for x in (m.b, m.b+1)): continue         # “with an amount of over 100”
            if m.b < self.end and (self.number_at(m.b) or self.words[m.b].kind == 'quote') or m.key in r.where: continue
            r.where[m.key], r.named, r.compared = test, True, True
            return m.b
        return 0
    def overdue(self, r, end, tb):
        "*Overdue*: what was due before today and is not done; 0 where a choice is called so, or nothing is due there"
        flag = next((self.flagwords(tb).get(w) for w in (self.c['owed'], *self.lang.unflags.get('done', ())) if w in self.flagwords(tb)), None)
        cs = self.due(tb)
        if len(cs) != 1 or tb.choice(self.low(end-1)) or cs[0] in r.where: return 0
        r.several.append([(cs[0], {'<': date.today().isoformat()})])
        if flag and flag[0] not in r.where: r.where[flag[0]] = flag[1]
        r.named = r.compared = True
        return end

    def value(self, tb, n, at):
        "([(column, value)], end) of something that some row has: a choice, a text or part of one, the name of a row of another table"
        if exact := [m for m in at if m.what == 'value']: return [(m.key, m.value) for m in exact], max(m.b for m in exact)
        w = self.words[n]
        if w.kind not in ('word', 'code') or w.stem in self.lang.small or len(w.low) < 3: return None
        e = n+1
        while e < self.end and self.words[e].kind == 'word' and self.words[e].text[0].isupper() and self.words[n].text[0].isupper(): e += 1
        for end in range(e, n, -1):
            want = {*self.lang.tokens(' '.join(x.text for x in self.words[n:end]))}
            hits = set.intersection(*(self.held(tb, x) for x in want)) if want else set()
            if 0 < len(hits) <= most_asked: return sorted(hits), end
        return None
    def held(self, tb, word):
        "{(column, text)} of the short texts of a table, and of what the rows are called that it refers to, that hold a word"
        refs = [(c, o) for c, t in tb.refs.items() if (o := self.world.tables.get(t))]
        return ({x for x in self.words_in(tb, lambda: (x for xs in tb.index(self.lang).known().values() for x in xs)).get(word, ())}
                | {(c, v) for c, o in refs for _, v in self.words_in(o, lambda o=o: (('', r.get(o.main)) for r in o.rows), 'main').get(word, ())})
    def words_in(self, tb, texts, which='others'):
        "{word: [(column, text)]} of the texts of a table, made once"
        made, key = tb.__dict__.setdefault('_held', {}), (self.lang.code, which)
        if key not in made:
            made[key] = {}
            for c, v in texts():
                for x in self.lang.tokens(v) if isinstance(v, str) else (): made[key].setdefault(x, []).append((c, v))
        return made[key]

    # the whole

    def read(self):
        """A list or a sum; None where a sentence is none of these, `unsure` where something is
        compared that is not understood: by name `compared` in a sentence that wants a list and nothing else, else `perhaps`"""
        if not self.words or '\n' in self.text or len(self.text) > longest or self.quotes: return None
        small = {*self.c['glue'], *self.lang.words['polite'], ','}
        begins = next((n for n in range(self.end) if self.low(n) not in small), self.end) + 1
        adds = any(self.phrase('sum', n) or self.phrase('owes', n) for n in range(self.end))
        looks = any(self.phrase('look', n) for n in range(min(self.end, begins))) or adds
        named = {m.table for m in self.tables(0, self.end) if not m.slip}
        if not (looks or named): return None
        compares = self.compares()
        found = [(tb, r) for tb in self.world.tables.values() if not named or tb.name in named
                 if (r := self.explain(tb, adds, not looks)) and r.named and (looks or r.plural)
                 and (r.compared or adds or named and (r.several or compares))]
        ops = {tb.name: self.ops(tb, r, adds) for tb, r in found}
        ops = {t: os for t, os in ops.items() if os}
        if len(ops) > 1 and self.world.open in ops: ops = {self.world.open: ops[self.world.open]}
        every = [o for os in ops.values() for o in os]
        if len(every) == 1: return Reading('press', every)
        if 1 < len(every) <= most_asked and (compares or adds): return Reading('ask', every)
        if not compares: return None
        return Reading('unsure', name='compared' if any(self.phrase('shows', n) for n in range(min(self.end, begins))) else 'perhaps')

    def ops(self, tb, r, adds):
        "What a Reach comes to: one operation for each of the columns that may be meant"
        out = []
        columns = list(dict.fromkeys(r.added)) if adds else ['']
        if adds and not columns: columns = self.money(tb)
        if adds and len(columns) > 1 and r.added or prod(map(len, r.several)) > 64: return []
        for column, tests in product(columns, product(*r.several)):
            where = dict(r.where)
            for c, test in ((c, test.get('=', test) if isinstance(test, dict) else test) for c, test in tests):
                now = where.get(c)
                if c not in where: where[c] = test
                elif isinstance(now, dict) and isinstance(test, dict) and not now.keys() & test.keys():
                    where[c] = {k: v for k, v in {**now, **test}.items() if k != '!='}
                elif now != test: break
            else: out.append(Op(tb.name, 'sum', values={'column': column, **({'where': where} if where else {})}) if adds else
                             Op(tb.name, 'list', values=where))
        return out if len(out) <= most_asked else []

@lru_cache(8)
def beginnings(lang):
    "The first words of what asks to see or to add up"
    return {p.split()[0] for kind in ('look', 'sum', 'owes') for p in lang.compare[kind]}

def read(text, world, lang):
    "What a sentence narrows or adds up, as `Narrowing.read` says"
    if not lang.compare or len(text) > longest or mask(text)[1]: return None
    said = {*re.findall(r"[\w'-]+", text.lower().replace('’', "'"))}
    # nothing is looked for, and no table named
    if said.isdisjoint(beginnings(lang)) and said.isdisjoint(w for n in by_noun(lang.code, world.shape) for w in n.split()): return None
    return Narrowing(text, world, lang).read()
