"""Which rows a stretch of words means: those whose words fit best, by name, number, code, date
or superlative, *it* and *them* for what was touched last; and the one that a change is for."""
import re
from . import several
from .language import unmask
from .mention import Mentions

class Targets(Mentions):
    "The rows that words mean"

    def told_of(self, n):
        """Of a verb by which something is told as done (“I bought the cheese”): {table:
        places of the rows that know a word of what it was done to}; None for any other word"""
        if 'told' not in self._seen:
            out = self._seen['told'] = {}
            for a, b in several.parts(self):
                said = self.reader.trim(self.text[self.words[a].a:self.words[b-1].b])
                if not (got := self.reader.stated(said)) or not (of := self.lang.tokens(got[1])): continue
                there = {tb.name: set().union(*(ix.rows(w, 'own', True) | ix.of('all').get(w, set()) for w in of))
                         for tb in self.world.tables.values() for ix in [tb.index(self.lang)]}
                out |= {k: there for k in range(a, b) if self.words[k].low == got[0]}
        return self._seen['told'].get(n)

    def unit(self, table, n, b):
        "(column, factor) that the words beside a number say"
        for k in (n+1, n-1):
            if 0 <= k < b and self.words[k].kind == 'word':
                for c, us in self.g['units'].items():
                    if c in table.columns and self.words[k].low in us: return c, us[self.words[k].low]
                if c := next((c for c, kind in table.columns.items() if kind == 'number' and '_' in c
                              and self.words[k].low in self.g['suffixes'].get(c.rpartition('_')[2], ())), None):
                    return c, 1
        w = self.words[n].low
        if w[0] in '€$£': return next(((c, 1) for c in self.g['units'] if c in table.columns and w[0] in self.g['units'][c]), None)
        return None

    def beside(self, table, n, a, b):
        "(column, 1) when the number stands beside a column's name"
        return next(((m.key, 1) for m in self.mentions(table, max(a, n-2), min(b, n+3)) if m.what == 'column'
                     and table.columns[m.key] == 'number'
                     and (m.b == n or m.a == n+1 and not (m.b < b and self.words[m.b].kind in ('number', 'arrow')))), None)

    def rows(self, a, b, skip=(), table=None):
        "`_rows`, found once"
        key = 'rows', a, b, tuple(sorted((m.a, m.b) for m in skip)), table and table.name, self.plainly
        if key not in self._seen: self._seen[key] = self._rows(a, b, skip, table)
        return self._seen[key]
    def _rows(self, a, b, skip, table):
        "[(Table, row)] that the words fit best (none, one or several), and how well"
        lang, scores, found = self.lang, {}, {}
        tables = [table] if table else list(self.world.tables.values())
        named = [self.world.tables[m.table] for m in self.tables(a, b)]
        taken = {n for m in (*skip, *self.tables(a, b)) for n in range(m.a, m.b)}
        for tb in tables:
            ix = tb.index(lang)
            for n in range(a, b):
                w = self.words[n]
                if w.kind == 'date' and n not in taken:
                    hits = [r['id'] for r in tb.rows if w.text in [str(r.get(c)) for c, k in tb.columns.items() if k == 'date']]
                    for i in hits: scores[tb.name, i] = scores.get((tb.name, i), 0) + 2/len(hits)**.5
                if n in taken and w.kind != 'word' or w.kind in ('arrow', 'mark', 'url', 'email', 'date', 'quote', 'time', 'phone', 'day'): continue
                if w.kind == 'number':
                    v = w.low.strip('#.')
                    if self.plainly and n not in taken and (self.unit(tb, n, b) or self.beside(tb, n, a, b)): continue
                    if (n not in taken and (u := self.unit(tb, n, b) or self.beside(tb, n, a, b))
                            and (x := lang.number(w.low.rstrip('k%'))) is not None):
                        hits = [r['id'] for r in tb.rows if r.get(u[0]) == x*u[1]]
                        for i in hits: scores[tb.name, i] = scores.get((tb.name, i), 0) + 2.4/len(hits)**.5
                    elif v.isdigit() and (not self.unknown(a, b) or n == a or w.text.startswith('#') or self.words[n-1].low in self.reader.nouns):
                        for r in tb.rows:
                            if r['id'] == int(v): scores[tb.name, r['id']] = scores.get((tb.name, r['id']), 0) + 3
                for part in lang.tokens(w.text):
                    weight = .4 if n in taken else 2
                    if part in lang.small: continue
                    hits = ix.rows(part, 'own')
                    if not hits and (w.low in self.g['common'] or w.low in self.g['chatter']): continue
                    if not hits and n not in taken:
                        weight, hits = 1.2, ix.rows(part, 'own', True)
                        if not hits: weight, hits = 1, ix.of('all').get(part, set())
                    if hits and part != w.low and (known := self.told_of(n)) is not None: hits = hits & known[tb.name]
                    if len(hits) > 100: continue                    # a word of so many rows tells none of them
                    for h in hits:
                        key = tb.name, tb.rows[h]['id']
                        scores[key] = scores.get(key, 0) + weight/len(hits)**.5
                        found.setdefault(key, set()).update({part} if n not in taken else ())
        for m in [q for q in range(a, b) if self.words[q].kind == 'quote' and q not in taken]:
            said = unmask(self.words[m].text, self.quotes).strip().casefold()
            for tb in tables:
                for r in tb.rows:
                    if str(r.get(tb.main) or '').casefold() == said: scores[tb.name, r['id']] = scores.get((tb.name, r['id']), 0) + 5
        for key in list(scores):
            tb = self.world.tables[key[0]]
            own = set(tb.index(lang).own[tb.index(lang).place[key[1]]])
            if own: scores[key] += 1.2*len(own & found.get(key, set()))/len(own)
            if named and tb in named: scores[key] *= 1.5
            elif named: scores[key] *= .6
        if len({t.name for t in named}) == 1 and max((s for (t, _), s in scores.items() if t == named[0].name), default=0) >= 1:
            scores = {k: s for k, s in scores.items() if k[0] == named[0].name}
        best = max(scores.values(), default=0)
        if best < 1: return [], 0
        keep = [k for k, s in scores.items() if s >= best*.93]
        return [(tb, tb.rows[tb.index(lang).place[i]]) for n, i in keep for tb in [self.world.tables[n]]], best

    def unknown(self, a, b):
        "Does somebody stand here, two names in capitals, of whom no row has heard?"
        if ('unknown', a, b) not in self._seen:
            cap = lambda n: (self.words[n].kind == 'word' and self.words[n].text[0].isupper() and len(self.words[n].low) > 1
                             and self.words[n].low not in (*self.lang.words['polite'], *self.g['titles'])
                             and not (n == a and any(self.words[n].low in ps for ps in (*self.g['cues'].values(), self.g['delete_softly'])))
                             and not any(tb.index(self.lang).rows(self.words[n].stem, 'own', True)
                                         or self.words[n].stem in tb.index(self.lang).of('all') for tb in self.world.tables.values()))
            self._seen['unknown', a, b] = any(cap(n) and cap(n+1) for n in range(a, b-1))
        return self._seen['unknown', a, b]
    def noun(self, n):
        "Is this word, behind one like *that*, what it points at, and not what is said of it (“that is done”, “mark that urgent”)?"
        w, g = self.words[n], self.g
        if w.kind != 'word' or w.text[0].isupper(): return w.kind == 'word'
        known = {*g['be'], *g['common'], *g['chatter'], *g['fill'], *g['frame_tail'], *g['link'], *g['now'], *g['and'],
                 *self.lang.words['tail'], *self.lang.words['polite']}
        return (w.stem not in self.lang.small and w.low not in known and not any(w.low in phrases for phrases in self.lang.cues.values())
                and not any(m.a <= n < m.b for tb in self.world.tables.values() for m in self.mentions(tb, n, min(n+3, len(self.words))))
                and not re.search(g['no'], w.low))
    def target(self, a, b, skip=(), table=None):
        "The one row that is meant as [(Table, row)]; several candidates; or what was touched last"
        rows, best = self.rows(a, b, skip, table)
        if rows: return rows
        said = [w.low for w in self.words[a:b]]
        named = [self.world.tables[m.table] for m in self.tables(a, b)] or ([table] if table else [])
        ordinal = [n for n in range(a, b) if self.words[n].low in self.lang.words['ordinals']
                   and not (n+1 < b and self.words[n+1].low in (*self.g['days'], *self.g['times']))]
        # “the first four”: several, or more than there are
        if (named and ordinal
                and (len(ordinal) > 1
                     or ordinal[0]+1 < b
                     and (self.words[ordinal[0]+1].kind == 'number' or self.words[ordinal[0]+1].low in self.lang.words['numbers']))):
            return []
        if (named and (self.tables(a, b) or len(self.world.tables) == 1)
                and (o := next((self.lang.words['ordinals'][w.low] for n, w in enumerate(self.words[a:b], a)
                                if w.low in self.lang.words['ordinals']
                                and not (n+1 < b and self.words[n+1].low in (*self.g['days'], *self.g['times']))), None)) is not None
                and -len(named[0].rows) <= o < len(named[0].rows)):
            return [(named[0], named[0].rows[o])]
        for most in self.g['most']:
            if re.search(rf"\b(?:{most['words']})\b", ' '.join(said)):
                for tb in named or [t for t in self.world.tables.values() if len(self.world.tables) == 1]:
                    ms = [m.key for m in self.mentions(tb, a, b) if m.what == 'column']
                    kin = ([c for c in ms if tb.columns[c] in ('number', 'date')] or [c for c in tb.columns if c in most['of']]
                           or [c for c, k in tb.columns.items() if k == most['kind']])
                    have = [r for r in tb.rows if kin and r.get(kin[0]) is not None]
                    if len(kin) and have:
                        best = (max if most['order'] == 'desc' else min)(r[kin[0]] for r in have)
                        return [(tb, r) for r in have if r[kin[0]] == best]
        # not “den Zahnarzt”, “that bug”
        if any(w.low in (*self.lang.words['it'], *self.g['pronoun']) and not (w.stem in self.lang.small and n+1 < b and self.noun(n+1))
               for n, w in enumerate(self.words[a:b], a)):
            for n, i in self.world.recent[:1]:
                if n in self.world.tables and (r := next((r for r in self.world.tables[n].rows if r['id'] == i), None)):
                    return [(self.world.tables[n], r)]
        return []
