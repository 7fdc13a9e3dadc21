"""What a sentence is about when no pattern fits it: the words that name rows, columns,
values and a change, wherever they stand, put together. Offered, never simply done.

    words → mentions (row, table, column, flag, value, cue; a slip of the pen too) → one change that explains them → a chip · which? · not sure

A pattern knows how a sentence goes; this knows what the tables are called and what
stands in them, so that terse notes and polite detours meet in the same place."""
import re
from . import naming, rules, several
from .language import gate, language, late, mask, spoken_name, unmask
from .mention import Mention, Mentions, name_like, off_by
from .rules import most_asked, most_rows
from .slots import Slots
from .world import Op, Reading

_title = re.compile(r"(?<=[\w,:;] )[A-ZÄÖÜ][\w'’-]*(?: (?:(?:of|the|a|an|and|in|for|to|my|der|die|das|und) )?[A-ZÄÖÜ][\w'’-]*){2,}")

class Gist(Mentions):
    "One sentence against one world"

    def read(self):
        t = self.text.strip()
        if not t or len(t) > rules.longest or '\n' in t: return Reading('unsure', name='long')
        said = self.text
        parts = re.split(r'(?:[,;.!?]|\bas|\bbecause|\bsince|\bso|\bbut|\bweil|\bda|\balso)\s+', said)
        if len(parts) > 1:                      # what only gives a reason for an order that stands beside it
            kept = [x for x in parts if not re.match(self.g['reason'], x.strip(), re.I) or gate(x, self.lang) in ('condition', 'maybe')]
            if kept and len(kept) < len(parts) and any(re.search(self.g['order'], x.strip(), re.I) for x in kept): said = ', '.join(kept)
        told = re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, self.reader.nouns))})\s+(?=Q\d+Q)", 'X ', said, flags=re.I) if self.quotes else said
        aside = self.lang.beside
        self.name, besides = gate(said, self.lang), aside(told)
        # “Forget Me Not” is a song
        if (self.name or besides) and (plain := self.untitled(said)) != said: self.name, besides = gate(plain, self.lang), aside(self.untitled(told))
        if got := self.which(t): return got
        if self.name and self.name not in ('negation', 'condition'): return Reading('nothing', name=self.name)
        if besides: return Reading('unsure')
        self.wonder = bool(re.match(self.g['wonder'], t, re.I)) and not re.search(self.g['order'], t, re.I)
        asks = '?' in t and not any(re.search(p, t, re.I) for p in self.g['request'])
        got = not asks and (several.read(self, Gist) or self.name != 'negation' and self.parts()) or self.one(0, len(self.words), asks)
        if not got: return Reading('unsure')
        if self.name == 'condition' and not (got.ops and got.ops[0].verb == 'sort'): return Reading('nothing', name='condition')
        if (self.name == 'negation' and got.ops and not all(o.verb == 'update' and all(v is False for v in o.values.values()) for o in got.ops)
                and re.search(self.g['said_off'], said, re.I)):
            got = self.flag(0, len(self.words), self.cues(0, len(self.words))) or got
        if self.name == 'negation' and not (got.ops and all(o.verb == 'update' and all(v is False for v in o.values.values()) for o in got.ops)):
            return Reading('nothing', name='negation')
        return got

    def untitled(self, text):
        "A text with every title in it as X: the names of rows as they are written, and what is written in capitals within a sentence"
        for x in self.anchored():
            said = self.text[self.words[x[0]].a:self.words[x[1]-1].b]
            if x[1] - x[0] > 1 and said == str(x[3].get(x[2].main)): text = text.replace(said, 'X')
        if sum(w.text[0].isupper() for w in self.words if w.kind == 'word') < .5*len(self.words): text = _title.sub('X', text)
        return text

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

    def parts(self):
        "Several changes in one sentence: each part must be one of its own"
        cuts = [n for n, w in enumerate(self.words) if w.low in self.g['and'] or w.text in (',', ';', '.', '!')]
        if not cuts: return None
        spans, at = [], 0
        for c in [*cuts, len(self.words)]:
            if c > at: spans.append((at, c))
            at = c+1
        if not 2 <= len(spans) <= 8: return None
        ops, merged = [], []
        strong = lambda a, b: (self.cues(a, b).keys() - {'with', 'list', 'place', 'sort', 'swap'}
                               or any(m.what == 'flag' and m.a == a for tb in self.world.tables.values() for m in self.mentions(tb, a, b)))
        for a, b in spans:                      # a part without a cue belongs to the one before
            if merged and (not strong(a, b)
                           or 'create' in self.cues(*merged[-1]) and any(w.text == ':' for w in self.words[merged[-1][0]:merged[-1][1]])):
                merged[-1] = (merged[-1][0], b)
            else: merged.append((a, b))
        if merged and not strong(*merged[0]) and len(merged) > 1: merged[:2] = [(merged[0][0], merged[1][1])]
        for n in range(len(merged)-1, 0, -1):   # “…, put it in my list” speaks of what stands before
            a, b = merged[n]
            if (any(w.low in self.g['pronoun'] for w in self.words[a:min(b, a+5)]) and not self.rows(a, b)[0]
                    and not any(w.kind == 'quote' for w in self.words[a:b])):
                merged[n-1:n+1] = [(merged[n-1][0], b)]
        alone = []
        for a, b in spans if len(spans) < 5 else ():
            alone.append(got := self.one(a, b, False))
            if got and got.ops and not self.lean: self.lean = got.ops[0].table
        self.lean = ''
        if len(alone) > 1 and all(g and g.end == 'chip' and len(g.ops) == 1 and g.ops[0].verb == 'update' for g in alone): merged = spans
        merged = [m for m in merged if strong(*m)] if merged is not spans else merged
        if len(merged) < 2: return self.gapped(cuts)
        for a, b in merged:
            got = self.one(a, b, False) if merged is not spans else alone[merged.index((a, b))]
            if got and got.ops: self.lean = got.ops[0].table
            if not got or got.end != 'chip' or any(o.verb in ('list', 'sort') for o in got.ops): return self.gapped(cuts)
            ops += got.ops
        if len({(o.table, o.verb, o.id, str(o.values)) for o in ops}) != len(ops): return None
        if (len({o.table for o in ops}) == 1 and all(o.verb == 'create' for o in ops)
                and (whole := self.fresh(0, len(self.words), self.cues(0, len(self.words)))) and whole[1] <= 3
                and len(whole[0].ops[0].values) >= len(set().union(*(o.values for o in ops)))):
            return whole[0]
        rows = [(o.table, o.id) for o in ops if o.id is not None]
        return Reading('chip', ops, name='unlike') if len(set(rows)) == len(rows) <= most_rows else None

    def gapped(self, cuts):
        "“Edith has 89 meetings and Hester 61”, “this is paid but that isn't”: the second part says who and what, and leaves out the column"
        for c in cuts:
            first, b = self.one(0, c, False), next((x for x in cuts if x > c+1), len(self.words))
            if not first or first.end != 'chip' or len(first.ops) != 1 or first.ops[0].verb != 'update' or len(first.ops[0].values) != 1: continue
            op, (column, value) = first.ops[0], *first.ops[0].values.items()
            tb = self.world.tables[op.table]
            nums = [(v, n) for k, v, n in self.values(c+1, b) if k == 'number']
            rows = self.rows(c+1, b, [Mention('value', n, n+1) for _, n in nums], tb)[0]
            if len(rows) != 1 or rows[0][1]['id'] == op.id or self.cues(c+1, b).keys() - {'with'}: continue
            if isinstance(value, bool):
                said = ' '.join(w.low for w in self.words[c+1:b])
                if not re.search(self.g['so'], said): continue
                other = not re.search(self.g['no'], said)
                if other and self.name == 'negation' and value is not False: continue
            elif tb.columns[column] == 'number' and len(nums) == 1: other = nums[0][0]
            else: continue
            return Reading('chip', [op, Op(tb.name, 'update', rows[0][1]['id'], {column: other})], name='unlike')
        return None

    # one change

    def one(self, a, b, asks):
        "The one kind of change that explains the words from a up to b, as a Reading; None when there is none"
        got = self._one(a, b, asks)
        return None if got and self.made(a, b, got) else got
    def made(self, a, b, got):
        "“Make pay rent urgent” is no new row, where there is one called Pay rent: something is said of it, though nobody knows what"
        if len(got.ops) != 1 or got.ops[0].verb != 'create' or self.quotes or self.tables(a, b): return False
        said = self.cues(a, b)
        if (not ('change' in said and 'put' in said and said['change'].a == said['put'].a)
                or any(w.kind == 'arrow' or w.low in self.g['lists'] or w.low in self.lang.words['list'] for w in self.words[a:b])):
            return False
        n = said['put'].b
        while n < b and self.words[n].low in self.lang.words['a'] and self.words[n].low not in self.g['one']: n += 1
        if any(x[0] <= n < x[1] for x in self.anchored()): return True
        name = str(got.ops[0].values[self.world.tables[got.ops[0].table].main]).casefold()
        return any(now and name.startswith(now + ' ') for tb in self.world.tables.values() for r in tb.rows
                   for now in [str(r.get(tb.main) or '').casefold()])
    def _one(self, a, b, asks):
        "`one`, as its words have it"
        cues = self.cues(a, b)
        if 'sort' in cues and not asks or 'sort' in cues and 'delete' not in cues and self.tables(a, b):
            if got := self.sort(a, b, cues): return got
        if asks: return self.list(a, b, cues) if 'list' in cues else None
        # “new vinyl: Erase Me Gently”
        if ('delete' in cues and 'create' in cues and cues['create'].a == a and self.tables(a, min(b, a+4))
                and cues['delete'].a > self.tables(a, min(b, a+4))[0].a
                and not any(self.words[n].low in self.g['and'] for n in range(a, cues['delete'].a))):
            cues = {k: m for k, m in cues.items() if k != 'delete'}
        # “take 20 off the total”
        if 'delete' in cues and cues['delete'].b == cues['delete'].a and not self.name and (stepped := self.revise(a, b, cues)) and stepped[2].moved:
            return stepped[0]
        f = self.frame(a, b)
        if (f and f.kind == 'delete' and f.sure and not self.name
                and len(rows := self.rows(a, b, [Mention('cue', n, n+1) for n in f.words])[0]) == 1
                and not any(self.words[n].low in self.g['ticks'] for n in range(a, b))):
            return self.offer(rows, lambda tb, r: Op(tb.name, 'delete', r['id']))
        if (f and f.kind == 'create' and f.sure and not self.name and 'delete' not in cues and not asks and (got := self.create(a, b, cues))
                and not any(x[2].name == got.ops[0].table
                            or self.text[self.words[x[0]].a:self.words[x[1]-1].b].casefold()
                            in str(got.ops[0].values[self.world.tables[got.ops[0].table].main]).casefold()
                            for x in self.anchored() if a <= x[0] < b)):
            return got
        # somebody nobody knows, of whom several things are told
        if (not self.name and not asks and not self.wonder and not {'delete', 'rename', 'list'} & cues.keys() and self.unknown(a, b)
                and not any(a <= x[0] < b for x in self.anchored()) and (got := self.fresh(a, b, cues)) and got[1] <= 3
                and len(got[0].ops[0].values) > 2):
            return got[0]
        if 'delete' in cues:
            got = self.flag(a, b, cues, off=True)
            if got: return got
            if 'create' in cues or any(m.what == 'column' and 0 <= m.a - cues['delete'].b <= 2 and cues['delete'].b > cues['delete'].a
                                       for tb in self.world.tables.values() for m in self.mentions(tb, a, b)
                                       if tb.columns[m.key] not in ('bool',) and m.key != tb.main and not self.has(tb, m)
                                       and not any(self.words[n].kind in ('number', 'date') for n in (m.a-1, m.b) if a <= n < b)):
                return None
            return self.delete(a, b, cues)
        new = ('create' in cues
               and any(w.low in self.g['surely_new'] for n, w in enumerate(self.words[a:b], a)
                       if not (w.low in self.g['one'] and n+1 < b
                               and (self.words[n+1].low in self.g['naming_nouns'] and 'rename' in cues
                                    or any(m.a == n+1 and (m.key != tb.main or 'rename' in cues) for tb in self.world.tables.values()
                                           for m in self.mentions(tb, n+1, min(b, n+4)) if m.what == 'column'))
                               and (self.rows(a, b)[1] > 3 or len(self.rows(a, b)[0]) == 1 and self.rows(a, b)[1] > 2)))
               or {'create', 'put', 'undone'} & cues.keys() and any(m.a > a and self.words[m.a-1].low in self.g['one'] for m in self.tables(a, b))
               and 'delete' not in cues and 'list' not in cues)
        if self.wonder: return self.list(a, b, cues) if 'list' in cues else None
        if not self.name and (got := self.refers(a, b, cues)): return got
        changed = (self.revise(a, b, cues) if self.name not in ('condition',)
                   and ('delete' not in cues or cues['delete'].b == cues['delete'].a) else None)
        if changed and 'delete' in cues and not changed[2].moved: changed = None
        if changed and new and not changed[2].moved: changed = None
        if changed and not changed[2].named and {'create', 'put'} & cues.keys(): changed = None
        if (re.search(self.g['new_named'], ' '.join(w.low for w in self.words[a:b])) and {'create', 'put'} & cues.keys()
                and 'delete' not in cues and (got := self.create(a, b, cues))):
            return got
        if changed and not changed[2].named and not self.name and (got := self.unheard(a, b, cues)): return got
        if changed and changed[2].firm > 2 and changed[1] <= 2 and not self.name: return changed[0]
        if not self.name and 'create' not in cues and any(w.low in self.g['calling'] for w in self.words[a:b]) and (got := self.renamed(a, b)):
            return got
        if new and (got := self.create(a, b, cues)) and not self.old(a, b): return got
        if ({'create', 'put'} & cues.keys() and 'delete' not in cues and not self.name and not (changed and changed[2].named)
                and self.tables(a, b) and (got := self.fresh(a, b, cues, True)) and got[1] <= 3):
            return got[0]
        if changed and changed[2].was and changed[1] <= 4 and (not self.name or changed[2].firm > 2): return changed[0]
        if not self.name and 'delete' not in cues and (got := self.unheard(a, b, cues)): return got
        # “the contact is now Jo Dale”
        if (changed and 'rename' in cues and not self.name and changed[1] <= 2 and changed[2].firm
                and any(m.what == 'column' and m.key in changed[0].ops[0].values and m.b == cues['rename'].a
                        for m in self.mentions(self.world.tables[changed[0].ops[0].table], a, b))):
            return changed[0]
        if not self.name and 'delete' not in cues and (got := self.swapped(a, b) or naming.read(self, a, b, cues)): return got
        if 'rename' in cues or 'swap' in cues or 'change' in cues and sum(w.kind == 'quote' for w in self.words[a:b]) == 2:
            if got := self.rename(a, b, cues): return got
        if 'create' in cues or new:
            outright = [tb.name for tb, r in self.rows(a, b)[0]
                        if set(tb.index(self.lang).own[tb.index(self.lang).place[r['id']]]) & {w.stem for w in self.words[a:b]}]
            return (outright and (not new and (self.set(a, b, {**cues, 'change': cues['create']})
                                               or self.flag(a, b, {k: m for k, m in cues.items() if k != 'create'}))
                                  or self.flag(a, b, cues))
                    or self.create(a, b, cues))
        if 'list' in cues and 'with' not in cues and 'change' not in cues and 'done' not in cues:
            if got := self.list(a, b, cues): return got
        if changed and not self.name and changed[1] <= 1 and changed[2].firm and not self.every(a, b): return changed[0]
        says = any(m.what == 'flag' and not m.slip and m.a > a and self.words[m.a-1].low in {*self.g['be'], 'has', 'have', 'hat', 'haben'}
                   for tb in self.world.tables.values() for m in self.mentions(tb, a, b)) and 'change' not in cues
        return ((says and self.flag(a, b, cues)) or self.set(a, b, cues) or self.flag(a, b, cues)
                or (changed and not self.name and changed[1] <= 3 and not self.every(a, b) and changed[0])
                or (self.arrow(a, b) and self.rename(a, b, cues)) or (not self.name and 'create' not in cues and self.renamed(a, b))
                or ('put' in cues and self.create(a, b, cues))
                or (not cues and (any(not m.slip and self.filter(self.world.tables[m.table], a, b) for m in self.tables(a, b))
                                  or b-a <= 4 and self.words[b-1].low in (*self.lang.words['tail'], *self.lang.words['polite']))
                    and self.list(a, b, cues)) or None)

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

    def unheard(self, a, b, cues):
        "A new row of which nothing says that it is new, but that there is none of that name and that several columns are told"
        named = self.tables(a, b)
        first = bool(named) and all(self.words[n].low in (*self.lang.words['a'], *self.lang.words['polite'], *self.g['one'])
                                    or any(m.what == 'value' for m in self.mentions(self.world.tables[named[0].table], n, n+1))
                                    for n in range(a, named[0].a))
        got = self.fresh(a, b, cues, True)
        first = first or any(n.a > a and self.words[n.a-1].low in self.g['one'] for n in named)
        return got[0] if got and (got[1] <= 2 if first or {'create', 'put'} & cues.keys() else
                                  got[1] <= 3 and len(got[0].ops[0].values) > 3) else None

    def renamed(self, a, b):
        "“Night Nurse should be Night Nurses”, “call the paper masks Surgical masks”: a name like the one that a row has, or one right behind it"
        for tb in self.world.tables.values():
            if tb.columns[tb.main] != 'text': continue
            ix = tb.index(self.lang)
            for r in [tb.rows[n] for n in sorted(set().union(*(ix.rows(w.stem, 'own') for w in self.words[a:b] if w.stem not in self.lang.small)))
                      if len(ix.own[n])][:50]:
                now = str(r.get(tb.main) or '')
                own = [w.lower() for w in re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", now)]
                at = next((n for n in range(a, b) if own and [w.low for w in self.words[n:n+len(own)]] == own), None)
                if at is None:
                    at = next((n for n in range(a, b) if len(own) > 1 and self.words[n].low in own
                               and len(tb.index(self.lang).rows(self.words[n].stem, 'own')) == 1), None)
                    e = at+1 if at is not None else 0
                else: e = at + len(own)
                if at is None or e >= b: continue
                calling = at > a and any(self.words[k].low in self.g['calling'] for k in range(max(a, at-3), at))
                k, led = e, calling
                while k < b and (self.words[k].low in self.g['fill'] or self.words[k].low in self.g['be'] or self.words[k].kind == 'arrow'
                                 or self.words[k].low in self.g['should']):
                    led, k = led or self.words[k].low not in ('please', 'now'), k+1
                if not led or k >= b or self.words[k].kind == 'mark': continue
                end = next((x for x in range(k, b) if self.words[x].kind == 'mark'
                            or x > k and self.words[x].low in self.g['joints'] and self.words[x].low not in self.g['inside']
                            or self.words[x].kind == 'quote'), b)
                if self.words[k].kind == 'quote': end = k+1
                new = re.sub(self.g['article'], '', self.shorn(self.reader.clean(self.text[self.words[k].a:self.words[end-1].b])), flags=re.I)
                if (not new or len(new) > 80 or new.casefold() == now.casefold()
                        or any(new.casefold() == str(x.get(tb.main) or '').casefold() for x in tb.rows)):
                    continue
                if self.alike(new, now) or calling and e > at and (new[0].isupper() or self.words[k].kind == 'quote') and e - at == len(own):
                    return self.offer([(tb, r)], lambda t, x, new=new: Op(t.name, 'update', x['id'], {t.main: new}))
        return None

    def arrow(self, a, b):
        "Does an arrow stand behind the whole name of a row?"
        at = next((n for n in range(a, b) if self.words[n].text in ('->', '=>', '→', '-->')), None)
        rows = self.rows(a, at)[0] if at else []
        return (len(rows) == 1 and set(rows[0][0].index(self.lang).own[rows[0][0].index(self.lang).place[rows[0][1]['id']]])
                <= {w.stem for w in self.words[a:at]})
    def alike(self, new, now):
        "Is a name like another, but for a letter or a word?"
        return late('rapidfuzz.fuzz').ratio(new.casefold(), now.casefold()) >= 62 and len(new) > 2
    def close(self, x, y): return len(x) > 4 and len(y) > 4 and x[0] == y[0] and off_by(x, y) <= 1
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

    def old(self, a, b):
        "Is there a row already that the words name outright, to be put among the flagged?"
        rows, best = self.rows(a, b)
        return (len(rows) == 1 and best > 3
                and any(m.what == 'flag' and re.search(self.g['into'], ' '.join(w.low for w in self.words[max(a, m.a-4):m.a]))
                        for m in self.mentions(rows[0][0], a, b))
                and set(rows[0][0].index(self.lang).own[rows[0][0].index(self.lang).place[rows[0][1]['id']]]) & {w.stem for w in self.words[a:b]})

    def has(self, table, m):
        "Do the words of a mention also name a row?"
        return any(table.index(self.lang).rows(w.stem, 'own') for w in self.words[m.a:m.b])

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

    def polarity(self, m, a):
        "False where a flag is said not to be so"
        before = ' '.join(w.low for w in self.words[max(a, m.a-7):m.a])
        return not re.search(self.g['no'], before) and not (m.a > a and self.words[m.a-1].low in self.g['none'])

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

    # values

    def values(self, a, b):
        "What could be a value: [(kind, value, place)]"
        out = []
        for n in range(a, b):
            w = self.words[n]
            if n > a+1 and w.kind in ('number', 'date') and re.search(self.g['not_this'], ' '.join(x.low for x in self.words[max(a, n-3):n])):
                continue
            if w.kind == 'number' and not w.text.startswith('#'):
                v = w.low.rstrip('k')
                if (x := self.lang.number(v)) is not None: out.append(('number', x*1000 if w.low.endswith('k') else x, n))
            elif w.kind in ('date', 'url', 'email', 'time', 'phone', 'day'): out.append((w.kind, w.text.rstrip('.'), n))
            elif w.kind == 'quote': out.append(('quote', self.reader.clean(w.text), n))
            elif w.low in self.lang.words['numbers'] and w.low not in ('one', 'eine', 'ein', 'a'):
                out.append(('number', self.lang.words['numbers'][w.low], n))
        if (w := next((n for n in range(a, b) if self.words[n].low in self.g['days']), None)) is not None:
            for i, j in sorted(((i, j) for i in range(max(a, w-2), w+1) for j in range(w+1, min(b, w+4)+1)), key=lambda s: s[0]-s[1]):
                if (not any(x.kind in ('mark', 'arrow', 'date', 'url') for x in self.words[i:j])
                        and (d := self.lang.day(self.text[self.words[i].a:self.words[j-1].b]))):
                    out = [o for o in out if not i <= o[2] < j] + [('date', d, i)]
                    break
        return out

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

    def tail(self, a, b, col):
        "(text, from, to) that stands behind the last word that leads to a value"
        # “to the science section”
        if col and (lead := next((n for n in range(col.a-1, max(a, col.a-6)-1, -1) if self.words[n].low in self.g['onto']), None)) is not None:
            ws = [n for n in range(lead+1, col.a) if self.words[n].low not in self.lang.words['a']]
            if ws and all(self.words[n].kind in ('word', 'quote', 'code') for n in ws):
                return (self.reader.clean(self.text[self.words[ws[0]].a:self.words[(col.b if col.key in self.g['kept'] else ws[-1]+1)-1].b]),
                        ws[0], ws[-1]+1)
        lead = [n for n in range(col.b if col else a, b) if self.words[n].kind == 'arrow' or self.words[n].low in self.g['to']]
        if not lead and col: lead = [n for n in range(col.b, b) if self.words[n].low in ('in', 'on') and self.words[n].low in self.g['onto']][-1:]
        if not lead:
            if not col or col.b >= b or self.words[col.b].kind == 'mark': return None
            n = col.b
            if self.words[n].low in self.lang.words['a'] and n+1 < b and self.words[n].low in ('of', 'for', 'von', 'für'): return None
        else: n = lead[-1]+1
        while n < b and self.words[n].low in self.g['fill']: n += 1
        e = next((k for k in range(n, b) if self.words[k].text in (',', ';', '!', '?', '(') or self.words[k].text == '.' and k+1 < b), b)
        while e > n and (self.words[e-1].low in self.g['fill'] or self.words[e-1].kind == 'mark' or self.words[e-1].low in self.lang.words['tail']):
            e -= 1
        if e <= n: return None
        said = self.shorn(self.reader.clean(self.text[self.words[n].a:self.words[e-1].b]))
        return (said, n, e) if said and len(said) <= 120 else None

    def shorn(self, text):
        "A value without the politeness behind it"
        while (m := re.search(rf"[,]?\s+(?:{'|'.join(map(re.escape, sorted(self.lang.words['tail'], key=len, reverse=True)))})$", text, re.I)
               or re.search(self.g['after'], text, re.I)) and m.start():
            text = text[:m.start()].rstrip(' ,')
        return text

    def swapped(self, a, b):
        "Part of a name for another: “not this, it is that”"
        sub = self.text[self.words[a].a:self.words[b-1].b]
        for p in self.g['swap']:
            if m := re.search(p, sub, re.I):
                old, new = (re.sub(self.g['article'], '', self.reader.clean(m[k]), flags=re.I) for k in ('old', 'new'))
                hits = [(tb, r, c) for tb in self.world.tables.values() for r in tb.rows for c, k in tb.columns.items() if k == 'text'
                        and re.search(rf'(?<!\w){re.escape(old)}(?!\w)', str(r.get(c) or ''), re.I)]
                mains = [h for h in hits if h[2] == h[0].main] or hits
                # the whole name was said
                if (alike := [h for h in mains if len(new.split()) > len(old.split()) and naming.akin(new, str(h[1][h[2]]))
                              and new.split()[0].casefold() in str(h[1][h[2]]).casefold().split()]) and len(alike) == 1:
                    return self.offer([(tb, r) for tb, r, _ in alike], lambda tb, r, c=alike[0][2], new=new: Op(tb.name, 'update', r['id'], {c: new}))
                if new and mains and len(old) > 2:
                    return self.offer([(tb, r) for tb, r, _ in mains], lambda tb, r, mains=mains, old=old, new=new: Op(tb.name, 'update', r['id'],
                        {(c := next(c for t, x, c in mains if x is r)):
                         re.sub(rf'(?<!\w){re.escape(old)}(?!\w)', lambda _: new, str(r[c]), flags=re.I)}))
        return None

    def rename(self, a, b, cues):
        "Another name for a row"
        said = ' '.join(w.low for w in self.words[a:b])
        sub = self.text[self.words[a].a:self.words[b-1].b]
        if got := self.swapped(a, b): return got
        quotes = [n for n in range(a, b) if self.words[n].kind == 'quote']
        value = None
        if len(quotes) == 2:                    # this for that, by what stands in the rows
            x, y = (self.reader.clean(self.words[n].text) for n in quotes)
            holds = lambda v: [(tb, r, c) for tb in self.world.tables.values() for r in tb.rows for c, k in tb.columns.items()
                               if k == 'text' and str(r.get(c) or '').casefold() == v.casefold()]
            old, new = (holds(x), y) if holds(x) else (holds(y), x)
            if not old: return None
            return self.offer([(tb, r) for tb, r, _ in old],
                              lambda tb, r: Op(tb.name, 'update', r['id'], {next(c for t, q, c in old if q is r): new}))
        if quotes:
            n = quotes[-1]
            value, used = self.reader.clean(self.words[n].text), Mention('value', n, n+1)
        else:
            for p in self.g['named']:
                ms = list(re.finditer(p, sub, re.I))
                if not ms: continue
                m = ms[-1]
                start = m.start('v') + self.words[a].a
                ws = [n for n in range(a, b) if self.words[n].a >= start and self.words[n].b <= start + len(self.shorn(m['v']))]
                while ws and (self.words[ws[-1]].low in self.g['fill'] or self.words[ws[-1]].low in self.lang.words['tail']
                              or self.words[ws[-1]].kind == 'mark'):
                    ws.pop()
                while ws and self.words[ws[0]].low in self.g['fill']: ws.pop(0)
                if ws and (m := re.search(self.g['after'], self.text[self.words[ws[0]].a:self.words[ws[-1]].b], re.I)):
                    ws = [n for n in ws if self.words[n].b <= self.words[ws[0]].a + m.start()]
                if ws:
                    value, used = (self.shorn(self.reader.clean(self.text[self.words[ws[0]].a:self.words[ws[-1]].b])),
                                   Mention('value', ws[0], ws[-1]+1))
                    break
        if not value or value.lower() in (*self.lang.words['it'], *self.g['pronoun'], *self.g['days']): return self.renamed(a, b)
        skip = [used, *[m for m in cues.values() if m.key in ('rename', 'change')]]
        rows, _ = self.rows(a, used.a, skip)
        if not rows: rows, _ = self.rows(used.b, b, skip)
        rows = rows or self.rows(a, b, [m for m in skip if m is not used])[0]
        if not rows and quotes:
            rows = [(tb, r) for tb in self.world.tables.values() for r in self.reader.match(self.lang.tokens(str(value))[:1] or ('',), [tb])
                    for r in [r[1]]]
        rows = [(tb, r) for tb, r in rows if tb.columns[tb.main] == 'text']
        return self.offer(rows, lambda tb, r: Op(tb.name, 'update', r['id'],
            {naming.named(self, tb, r, next((x for x in self.anchored() if x[3] is r), None), value): value})) if said else None

    # new rows

    def create(self, a, b, cues):
        "A new row: as its parts say, or as the sentence is built, whichever explains more"
        loose, close, f = self._create(a, b, cues), self.fresh(a, b, cues), self.frame(a, b)
        # “note that down” names nothing
        if (loose and f and f.sure
                and any(self.words[n].low in self.g['frame_it']
                        and re.search(rf'(?<!\w){re.escape(self.words[n].low)}(?!\w)',
                                      str(loose.ops[0].values.get(self.world.tables[loose.ops[0].table].main)).lower()) for n in f.words)):
            loose = None
        if not close or not loose: return close and close[0] or loose
        op = loose.ops[0]
        if self.world.tables[op.table] is self.reader.todo and len(op.values) == 1: return loose
        return close[0] if close[1] <= self.unsaid(a, b, op, cues) else loose
    def unsaid(self, a, b, op, cues):
        "How many words of a sentence a new row leaves unexplained, with a column's name in the name counting double"
        s = Slots(self, self.world.tables[op.table], a, b)
        s.frame(cues)
        held = {w for v in op.values.values() for w in re.findall(r'[\w.@-]+', str(v).lower())}
        full, name = s.labels()[0], str(op.values[s.t.main])
        words = name.split()
        odd = (3*(':' in name) + 3*bool(re.match(r'[a-zäöü]+ (?:for|from|by|of|to|für|von) [A-ZÄÖÜ]', name))
               + 3*(name.islower() and self.unknown(a, b)) + 3*(words[0].lower() in s.preps and not words[0][0].isupper())
               + 2*max(0, len(words)-5) + 3*(words[0].lower() in self.lang.words['adding'])
               + 2*sum(w.lower() in self.g['joints'] for w in words if w.lower() not in ('and', 'with', 'und', 'mit')))
        return (odd + len([n for n in s.left() if self.words[n].low not in held and self.words[n].low not in full
                           and self.words[n].kind not in ('number', 'date', 'quote')])
                + 2*sum(w in full and full[w] in s.t.columns for w in re.findall(r'\w+', name.lower()))
                + sum(self.words[n].kind in ('number', 'date', 'quote') and n not in s.by
                      and self.lang.number(self.words[n].low.rstrip('k')) not in op.values.values()
                      and self.words[n].text not in map(str, op.values.values())
                      and not unmask(self.words[n].text, self.quotes) in map(str, op.values.values()) for n in range(a, b)))
    def fresh(self, a, b, cues, sure=False):
        "(Reading, words unexplained) of a new row by its parts, else None; `sure`: no cue says that it is new"
        if any(w.kind == 'quote' for w in self.words[a:b]) and len([w for w in self.words[a:b] if w.kind == 'quote']) > 4: return None
        named, best, f = self.tables(a, b), None, self.frame(a, b)
        if f and f.kind == 'change' and f.sure: return None
        f = f if f and f.kind == 'create' else None
        if not named and 'create' in cues and (act := self.acted(a, b)): named = [act]
        if f and f.table: named = [m for m in named if m.table == f.table]
        if len({m.table for m in named}) > 1 and (cue := next((m for k, m in cues.items() if k in ('create', 'put')), None)):
            named = [min(named, key=lambda m: (m.a < cue.a, m.a))]
        for tb in [self.world.tables[m] for m in dict.fromkeys(m.table for m in named)] or self.world.tables.values():
            if tb.columns[tb.main] != 'text': continue
            s = Slots(self, tb, a, b, spent=f.words if f else ())
            values = s.new(cues)
            if (values and sure and (i := next((n for n in range(a, b) if s.by.get(n) == tb.main), a)) > a
                    and not str(values[tb.main])[0].isupper() and self.words[i].kind != 'quote'
                    and not any(m.a > a and self.words[m.a-1].low in self.g['one'] for m in named)
                    and not (self.words[i-1].kind == 'arrow' or any(m.b == i for m in named))):
                continue
            if not values or len(str(values[tb.main])) > 120 or len(str(values[tb.main]).split()) > 9: continue
            left = len(s.left())
            # “add Tom Reilly”: there is one table of people
            somebody = ('swap' not in cues and [t for t in self.world.tables.values() if t.main in self.g['mains']] == [tb]
                        and 'create' in cues and cues['create'].b > cues['create'].a and name_like(values[tb.main]))
            if (named or f and f.sure or somebody
                    or s.firm and name_like(values[tb.main]) and any(w.low in self.g['surely_new'] for w in self.words[a:b])
                    or tb.name == self.lean or tb is self.reader.todo and not sure and len(values) == 1 or s.firm > 1):
                score = len(values) + 2*s.firm - left
                if not best or score > best[0]: best = score, tb, s, values, left
        if not best: return None
        _, tb, s, values, left = best
        name = str(values[tb.main])
        # “we had a lovely event” where nothing is yet
        if (not any(t.rows for t in self.world.tables.values()) and 'create' in cues
                and cues['create'].b == cues['create'].a and not (f and f.sure) and not any(w.text == ':' for w in self.words[a:b])
                and not (len(values) > 1 and s.firm and name[0].isupper())):
            return None
        if ((sure or len(values) == 1) and any(str(r.get(tb.main) or '').casefold() == name.casefold() for r in tb.rows)
                or any(c not in values for c in tb.required)):
            return None
        if not set(self.lang.tokens(name)) or name.lower() in self.reader.nouns or name.lower() in self.g['naming_nouns']: return None
        if left > (max(12, 6 + 2*s.firm) if f and f.sure else
                   max(8, 3 + 2*s.firm) if named and {'create', 'put'} & cues.keys() and name[0].isupper() else
                   3 + 2*s.firm):
            return None
        if sure and (re.search(self.g['no'], ' '.join(w.low for w in self.words[a:b])) or s.firm < 2
                     or all(tb.index(self.lang).rows(w, 'own') for w in self.lang.tokens(name))
                     or any(w.kind == 'number' and any(r['id'] == self.lang.number(w.low.strip('#')) for r in tb.rows) and n not in s.by
                            for n, w in enumerate(self.words[a:b], a))):
            return None
        if tb.columns[tb.main] == 'text' and tb is self.reader.todo: values[tb.main] = name[0].upper() + name[1:]
        return Reading('chip', [Op(tb.name, 'create', values=values)], name='unlike'), left

    def _create(self, a, b, cues):
        named = self.tables(a, b)
        table = self.world.tables[named[0].table] if named else None
        if not table:                           # the one whose columns, values and units are spoken of
            told = lambda tb: (len({m.key for m in self.mentions(tb, a, b) if not m.slip or m.what == 'column'})
                               + len({u[0] for n in range(a, b) if self.words[n].kind == 'number' and (u := self.unit(tb, n, b))}))
            score = sorted(((told(tb), n) for n, tb in self.world.tables.items()), reverse=True)
            if len(score) == 1 or score[0][0] > score[1][0]: table = self.world.tables[score[0][1]]
            else: table = self.reader.todo
        if len({m.table for m in named}) > 1:
            cue = next(iter(m for k, m in cues.items() if k in ('create', 'put')), None)
            near = min(named, key=lambda m: (m.a < cue.a, m.a)) if cue else named[0]
            table = self.world.tables[near.table]
            named = [near]
        if not table or table.columns[table.main] != 'text': return None
        sub, preset = self.text[self.words[a].a:self.words[b-1].b], {}
        if not named:                           # “add a podcast: …” where podcast is a choice
            for m in self.mentions(table, a, b):
                if (m.what == 'value' and table.columns[m.key] == 'choice' and not m.slip and m.a > a
                        and (self.words[m.a-1].low in self.g['one'] or any(c.b == m.a for c in cues.values()))):
                    named, preset = [Mention('table', m.a, m.b, table.name)], {m.key: m.value}
                    break
        for m in self.mentions(table, a, b):
            if m.what == 'column' and m.slip: sub = re.sub(rf'(?<!\w){re.escape(self.words[m.a].text)}(?!\w)', spoken_name(m.key), sub, count=1)
        for m in named:
            if m.slip: sub = re.sub(rf'(?<!\w){re.escape(self.words[m.a].text)}(?!\w)', m.table, sub, count=1)
        quotes = [n for n in range(a, b) if self.words[n].kind == 'quote']
        name, rest = '', sub
        if quotes and len(quotes) == 1 or quotes and self.words[quotes[0]-1].low not in self.lang.small:
            w = self.words[quotes[0]]
            name, rest = self.reader.clean(w.text), f'{self.text[self.words[a].a:w.a]}, {self.text[w.b:self.words[b-1].b]}'
        else:
            for p in [*self.g['called'],
                      *(p.replace('TABLE', '(?:' + '|'.join(re.escape(x) for x in (
                          [m.table if m.slip else self.text[self.words[m.a].a:self.words[m.b-1].b] for m in named] or self.g['lists'])) + ')')
                        for p in self.g['new'])]:
                if ((m := re.search(p, sub, re.I)) and (v := m['v'].strip(' .,:;!?').lower()) and v not in self.lang.words['list']
                        and not all(w in (*self.lang.words['polite'], *self.lang.words['tail'], *self.lang.words['list'], *self.g['fill'])
                                    for w in v.split())):
                    rest = m['v'] + (f", {m['w']}" if m.groupdict().get('w') else '') + (
                        ', ' + (sub[:m.start('v')] if p in self.g['called'] and m.start('v') > 12 else '') + ', ' + sub[m.end():])
                    name = None
                    break
            else: return None
        values, rest = self.columns(table, rest, name)
        name = name or values.pop('', '')
        name = re.sub(self.g['article'], '', name, flags=re.I).strip()
        if not quotes:
            name = re.sub(rf"^(?:{'|'.join(map(re.escape, [spoken_name(table.main), *self.lang.columns.get(table.main, ())]))})"
                          r"\s*[:=]?\s+(?=\S)", '', name, flags=re.I)
        if name.lower() in (*self.lang.words['it'], *self.lang.words['them'], *self.g['pronoun']):
            runs = [m[0] for m in re.finditer(
                r"(?<![.!?] )(?<!^)\b[A-ZÄÖÜ][\w'-]+(?:\s+(?:(?:of|the|de|van|von|and|&)\s+)?[A-ZÄÖÜ][\w'-]+)*", sub) if not self.rows_named(m[0])]
            if len(runs) == 1: name = runs[0]
        if (not name or len(name) > 200 or len(name.split()) > 14 or name.lower() in self.g['naming_nouns']
                or name.lower() in (*self.lang.words['it'], *self.lang.words['them'], *self.g['pronoun'])):
            return None
        nouns = {self.lang.stem(w) for n in table.nouns(self.lang) for w in n.split()}
        if not quotes and not set(self.lang.tokens(name)) - nouns: return None
        if any(str(r.get(table.main) or '').casefold() == name.casefold() for r in table.rows) and not quotes: return None
        values = {table.main: name, **preset, **values}
        if any(c not in values for c in table.required): return None
        return Reading('chip', [Op(table.name, 'create', values=values)], name='unlike')

    def rows_named(self, text): return any(tb.index(self.lang).rows(w, 'own') for tb in self.world.tables.values() for w in self.lang.tokens(text))

    def columns(self, table, text, name=''):
        "{column: value} of a new row, '' for its name when that is not known yet, from a loose list"
        values, lang, first = {}, self.lang, not name
        known = table.index(lang).known()
        flags = self.flagwords(table)
        open_ = lambda c: c in table.columns and c not in values and c != table.main
        segments = [s.strip() for s in re.split(
            r'\s*(?:(?<!\d)[,]|[,](?!\d)|[;()!?]|(?<!\b[A-Z])(?<!\b[MD]r)(?<!\bMrs)\.(?=\s|$)|\s-\s'
            r'|\s(?:and|und)\s(?=it|its|with|is|has|takes?|costs?|needs?|mit|hat|kostet|dauert|\d))\s*', text) if s.strip()]
        for n, s in enumerate(segments):
            whole = s
            s = re.sub(self.g['lead'], '', s, flags=re.I).strip()
            for m in list(re.finditer(r'https?://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\d{4}-\d\d-\d\d', s)):
                kind = 'email' if '@' in m[0] else 'date' if re.fullmatch(r'\d{4}-\d\d-\d\d', m[0]) else 'url'
                cs = [c for c, k in table.columns.items() if (k == kind or kind == 'url' and c in ('url', 'website', 'link')) and open_(c)]
                if cs: values[next((c for c in cs if self.says(c, s)), cs[0])] = m[0]; s = s.replace(m[0], ' ¦ ')
            for x, y in self.g['pairs']:
                if open_(x) and open_(y) and (m := re.search(r'(?<![\w.])(\d+)\s?[x×]\s?(\d+)(?!\w)', s)):
                    values[x], values[y], s = int(m[1]), int(m[2]), s[:m.start()] + ' ¦ ' + s[m.end():]
            for c, k in table.columns.items():
                if k != 'number' or not open_(c): continue
                nouns = [spoken_name(c), *lang.columns.get(c, ())]
                us = self.g['units'].get(c, {})
                alt = '|'.join(sorted(map(re.escape, {*nouns, *us, *({c[:3], c[:4]} if len(c) > 5 else ())}), key=len, reverse=True))
                num = r'(?P<v>-?\d[\d.,]*(?<=\d)k?|' + '|'.join(lang.words['numbers']) + r')'
                m = (re.search(rf'(?<![\w.-])(?<!\d )(?:{alt})(?:\s+(?:of|is|von|was|:|=|to))*\s*[:=]?\s*[€$£]?{num}(?![\w.-])', s, re.I)
                     or re.search(rf'(?<![\w.-]){num}\s?-?(?:[a-z]{{1,2}}\s)?(?P<u>{alt})(?!\w)', s, re.I)
                     or (re.search(rf'(?:[€$£]|\b(?:eur|usd|gbp|chf)\b)\s?{num}|{num}\s?[€$£]'.replace('(?P<v>', '(?P<w>', 1), s, re.I)
                         if {'€', '$'} & us.keys() else None))
                if not m and (c in self.g['money'] and not any(x != c and x in self.g['money'] and open_(x) for x in table.columns)):
                    m = (re.search(rf"\b(?:{self.g['worth']})\s+[€$£]?(?P<v>\d+(?:[.,]\d+)*k?)(?![\w.-]|\s?[%\w])", s, re.I)
                         or re.search(rf"\b(?:{self.g['worth']})\s+[€$£]?(?P<v>\d+(?:[.,]\d+)*k?)"
                                      rf"(?=\s+(?:{'|'.join(map(re.escape, self.g['by_place']))})\b)", s, re.I))
                if m:
                    said = m.groupdict().get('v') or m.groupdict().get('w')
                    v = lang.number(said.rstrip('k'))
                    if v is None: continue
                    v = v*(1000 if said.endswith('k') else 1)*us.get((m.groupdict().get('u') or '').lower(), 1)
                    values[c] = int(v) if v == int(v) and '.' not in said else v
                    s = s[:m.start()] + ' ¦ ' + s[m.end():]
            low = s.lower().strip(' ¦')
            for f in sorted(flags, key=len, reverse=True):
                if open_(flags[f][0]) and (low == f or (n > 0 or not first) and re.search(rf'(?<!\w){re.escape(f)}(?!\w)', low)
                                           or re.search(rf'\b(?:as an?|is|already)\s+(?:\w+\s+)?{re.escape(f)}\b', low)):
                    c, v = flags[f]
                    values[c] = v if not re.search(self.g['no'] , low.partition(f)[0]) else not v
                    s = re.sub(rf'\s*(?:\b(?:as an?|already|is|marked)\s+)*{re.escape(f)}\b.*', ' ¦ ', s, flags=re.I) if n == 0 and first else ''
                    break
            for c, k in table.columns.items():
                if not (set(lang.tokens(s.replace('¦', ' ')))
                        - {lang.stem(w) for col in table.columns for x in (spoken_name(col), *lang.columns.get(col, ())) for w in x.split()}):
                    s = ''
                    break
                if k not in ('text', 'choice') or not open_(c): continue
                noun = '|'.join(sorted(map(re.escape, [spoken_name(c), *lang.columns.get(c, ())]), key=len, reverse=True))
                if m := re.search(rf'(?:^|\s)(?:with |mit |and )?(?:the |{lang.words["a"][0]} )?(?:{noun})(?:\s+(?:is|of|von|:|=))*'
                                  r'\s*[:=]?\s+(?P<v>\S.*)$', s, re.I):
                    values[c] = self.reader.clean(m['v'].strip(' ¦'))
                    s = s[:m.start()]
                elif ((n or not first) and c not in self.g['kept']
                      and (m := re.search(rf'(?:^|\s)(?P<v>\w[\w-]*)\s+(?:{noun})(?=\s*(?:¦|$))', s, re.I))
                      and lang.stem(m['v'].lower()) not in lang.small):
                    values[c] = m[0].strip() if c in self.g['kept'] else m['v']
                    s = s[:m.start()] + ' ¦ ' + s[m.end():]
            for words, cs in self.g['by_place'].items():
                for m in list(re.finditer(rf'(?:^|\s)(?:{words})\s+(?P<v>[^¦]+?)(?=\s(?:{"|".join(self.g["by_place"])})\s|\s*¦|$)', s, re.I))[::-1]:
                    said = re.sub(self.g['article'], '', m['v'].strip(), flags=re.I)
                    c = (next((c for c, _ in known.get(said.lower(), ()) if open_(c)), None)
                         or next((c for c, k in table.columns.items() if k == 'text' and open_(c) and ' ' in said
                                  and said.lower().split()[-1] in (c, *lang.columns.get(c, ()))), None)
                         or (said[:1].isupper() or words not in self.g['proper'] or table is not self.reader.todo)
                         and next((c for c in cs if open_(c) and table.columns[c] in ('text', 'choice')), None))
                    if (said and c and len(said.split()) <= 5
                            and not set(said.lower().split()) & {'my', 'list', 'our', *self.reader.nouns, *self.g['pronoun'],
                                                                 *self.lang.words['list']}):
                        values[c] = said
                        s = s[:m.start()] + ' ¦ ' + s[m.end():]
            if ((m := re.fullmatch(r'[^\W\d]+\.?:? (-?\d+(?:[.,]\d+)?)', s)) and not first
                    and len(cs := [c for c, k in table.columns.items() if k == 'number' and open_(c)]) == 1):
                values[cs[0]] = lang.number(m[1])
                continue
            s = re.sub(rf"\s+(?:{'|'.join(map(re.escape, self.g['by_place']))})(?=\s*(?:¦|$))", '', re.sub(r'(?:\s*¦\s*)+', ' ¦ ', s),
                       flags=re.I).strip(' ¦:')
            s = s.split(' ¦ ')[0].strip()
            if not s: continue
            if first: values[''], first = self.strip(s), False; continue
            for v in sorted((v for v in known if len(v) > 2 and re.search(rf'(?<!\w){re.escape(v)}(?!\w)', s.lower())), key=len, reverse=True):
                if v != s.lower() and (c := next((c for c, _ in known[v] if open_(c)), None)):
                    values[c] = next(w for x, w in known[v] if x == c)
                    s = re.sub(rf'\s*(?<!\w){re.escape(v)}(?!\w)\s*', ' ', s, flags=re.I).strip()
            if not first: s = re.sub(rf"^(?:{'|'.join(self.g['by_place'])})\s+", '', s, flags=re.I)
            bare = s.lower()
            if not bare or bare in {u for us in self.g['units'].values() for u in us}: continue
            if bare in known and (c := next((c for c, _ in known[bare] if open_(c)), None)): values[c] = s; continue
            if re.fullmatch(r'(?:1[5-9]|20)\d\d', s) and open_('year'): values['year'] = int(s); continue
            if (v := lang.number(s)) is not None:
                cs = [c for c, k in table.columns.items() if k == 'number' and open_(c)]
                if len(cs) == 1: values[cs[0]] = v
                continue
            if (len(s) < 40 and any(d in bare.split() for d in self.g['days'])
                    and (cs := [c for c, k in table.columns.items() if k == 'date' and open_(c)]) and (d := lang.day(s))):
                values[cs[0]] = d
                continue
            if (n and len(s.split()) <= 3 and whole == segments[n]
                    and not set(bare.split()) & {*self.g['chatter'], *lang.words['polite'], *lang.words['tail']}
                    and (cs := [c for c, k in table.columns.items() if k == 'text' and open_(c)]) and not name):
                values[cs[0]] = s
        return values, ''

    def strip(self, s):
        "A name without the politeness and places around it"
        for p in self.g['off']: s = re.sub(p, '', s, flags=re.I).strip(' :')
        return self.described(self.shorn(self.reader.clean(s)))

    def described(self, name):
        "“the member Tariq Aziz” is called Tariq Aziz: what stands small before the name only describes it"
        m = re.fullmatch(r'(?:[a-zäöüß-]+\s+){1,2}((?:[A-ZÄÖÜ][\w.\'&-]*)(?:\s+[\w.\'&-]+)*)', name)
        return m[1] if m and self.lang.code == 'en' and not (self.reader.todo and len(self.world.tables) == 1) and len(m[1]) > 2 else name

    def says(self, c, s): return any(re.search(rf'(?<!\w){re.escape(w)}', s, re.I) for w in (spoken_name(c), *self.lang.columns.get(c, ())))

    # looking

    def filter(self, table, a, b, but=()):
        "What rows are wanted, by flags and by values that some row has"
        where = {}
        for m in self.mentions(table, a, b):
            if any(x.a <= m.a < x.b for x in but): continue
            if m.what == 'flag' and m.key not in where:
                before = ' '.join(w.low for w in self.words[max(a, m.a-5):m.a])
                where[m.key] = m.value if self.polarity(m, a) and not re.search(self.g['need'], before) else not m.value
            elif m.what == 'value' and m.key not in where and not m.slip: where[m.key] = m.value
        return where

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

    def sorts(self, a, b, cue, ms):
        "Is it an order at all, where no superlative and no direction is said: *by* a column, a column *first*, or a plain verb of sorting"
        said = {w.low for w in self.words[a:b]}
        asked = (cue.a == a or self.words[cue.a-1].kind == 'mark'
                 or self.words[cue.a-1].low in (*self.g['imperative'], *self.lang.words['polite'], 'to') or cue.b == cue.a)
        return bool(said & {*self.g['by']}) or asked and bool(said & {*self.g['plain_sort']}) or any(m.b == cue.a for m in ms)

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
        if len(found) != 1: return None
        tb, col, way, _ = found[0]
        return Reading('press', [Op(tb.name, 'sort', values={'by': col, 'order': way})])

def hushed(text, code):
    "Is this no order in a language, whatever it is about?"
    lang = language(code)
    t = mask(text)[0]
    return bool(lang.gist and (gate(t, lang) or lang.beside(t)))

def read(text, world, code='en'):
    "What a sentence probably asks for: a Reading that is `chip`, `ask`, `nothing` or `unsure`; lists and orders, which change nothing, are `press`"
    lang = language(code)
    return Gist(text, world, lang).read() if lang.gist else Reading('unsure')
