"""What a sentence is about when no pattern fits it: the words that name rows, columns,
values and a change, wherever they stand, put together. Offered, never simply done.

    words → mentions (row, table, column, flag, value, cue; a slip of the pen too) → one change that explains them → a chip · which? · not sure

A pattern knows how a sentence goes; this knows what the tables are called and what
stands in them, so that terse notes and polite detours meet in the same place. Here it
is decided which kind of change explains the words; what each makes of them stands in
`changing`, `naming`, `adding` and `looking`, and what removes in `picking`."""
import re
from dataclasses import replace
from . import naming, rules, several
from .adding import Adding
from .changing import Changing
from .language import gate, language, mask
from .looking import Looking
from .naming import Naming
from .rules import most_rows
from .sentence import Mention
from .world import Op, Reading

_title = re.compile(r"(?<=[\w,:;] )[A-ZÄÖÜ][\w'’-]*(?: (?:(?:of|the|a|an|and|in|for|to|my|der|die|das|und) )?[A-ZÄÖÜ][\w'’-]*){2,}")

class Gist(Looking, Changing, Naming, Adding):
    "One sentence against one world: of the kinds of change, the one that explains it"

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
            if not got or got.end != 'chip' or any(o.looks for o in got.ops): return self.gapped(cuts)
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

    def one(self, a, b, asks):
        "The one kind of change that explains the words from a up to b, as a Reading; None when there is none"
        got = self._one(a, b, asks)
        return None if got and self.made(a, b, got) else got
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
    def old(self, a, b):
        "Is there a row already that the words name outright, to be put among the flagged?"
        rows, best = self.rows(a, b)
        return (len(rows) == 1 and best > 3
                and any(m.what == 'flag' and re.search(self.g['into'], ' '.join(w.low for w in self.words[max(a, m.a-4):m.a]))
                        for m in self.mentions(rows[0][0], a, b))
                and set(rows[0][0].index(self.lang).own[rows[0][0].index(self.lang).place[rows[0][1]['id']]]) & {w.stem for w in self.words[a:b]})

def hushed(text, code):
    "Is this no order in a language, whatever it is about?"
    lang = language(code)
    t = mask(text)[0]
    return bool(lang.gist and (gate(t, lang) or lang.beside(t)))

def read(text, world, code='en'):
    "What a sentence probably asks for: a Reading that is `chip`, `ask`, `nothing` or `unsure`; lists and orders, which change nothing, are `press`"
    lang = language(code)
    if not lang.gist: return Reading('unsure')
    g = Gist(text, world, lang)
    got = g.read()
    if not g.quotes: got.ops = [lettered(o, world) for o in got.ops]
    return got

def lettered(op, world):
    "An operation as it is; a row's new name has its capitals where the old one has them, and a new row's where all the others do"
    tb = world.tables[op.table]
    new, old = op.values.get(tb.main), next((str(r.get(tb.main) or '') for r in tb.rows if r['id'] == op.id), '')
    if not new or not isinstance(new, str) or tb.columns[tb.main] != 'text': return op
    if op.verb == 'create': fit = rules.capital(new) if all(str(r.get(tb.main) or 'A')[0].isupper() for r in tb.rows) else new
    else: fit = rules.like_the_old(new, old)
    return replace(op, values={**op.values, tb.main: fit})
