"""What one part of a sentence says about another: which row *it* is, whom a new
row is for, what *everything* leaves out, who is chosen before the rest is done.

    sentence → the part that leans on another is taken off → each is read by
    itself → put together · where one cannot be read, nothing is done by halves"""
import re
from functools import lru_cache
from . import rules
from .language import gate, language, mask, quotation, spoken_name
from .rules import longest
from .targets import Targets
from .world import Op, Reading, Table, World, by_noun, joined

half = Reading('unsure', name='half')        # a part was heard that rules cannot do: the whole is for the model

def alt(ws): return '(?:' + '|'.join(sorted((re.escape(w).replace(r'\ ', r'\s+') for w in set(ws)), key=len, reverse=True)) + ')' if ws else '(?!)'

@lru_cache(16)
def _patterns(code, shape):
    "The patterns of a language over tables of this shape, compiled once"
    lang, p = language(code), language(code).parts
    # “wechsle bitte zu Bob”
    nouns, spaced = alt(by_noun(code, shape)), alt(p['choose']).replace(r'\s+', rf"\s+(?:{alt(lang.words['polite'])}\s+)?")
    return {'whom': re.compile(rf"(?P<head>[^:]*?(?<!\w){nouns})\s+{alt(p['for'])}\s+(?P<who>[^:,;.!?]{{1,60}}?)"
                               rf"(?P<off>\s+{alt(p['particles'])})?\s*:\s*(?P<what>\S.*)", re.I | re.S),
            'into': re.compile(rf"(?P<head>.+?)\s+(?P<to>{alt(p['into'])})\s+(?P<who>[^:,;.!?]{{1,60}}?)(?:'s?|s)?\s+"
                               rf"(?P<noun>{alt([*by_noun(code, shape), *lang.words['list']])})"
                               rf"(?P<off>\s+{alt(p['particles'])})?[.!]?", re.I),
            'hand': re.compile(rf"(?:{alt([*lang.words['polite'], *lang.words['wish']])}[, ]+)*"
                               rf"{alt(p['hand'])}\s+(?P<row>.+?)\s+{alt(p['over'])}\s+(?P<who>[^:,;.!?]{{1,60}}?)"
                               rf"(?:\s+{alt([*lang.words['tail'], *p['particles']])})*[.!?]*", re.I),
            'but': re.compile(rf",?\s*(?<!\w){alt(p['but'])}\s+(?=\S)", re.I), 'not': re.compile(rf",?\s+{alt(p['not'])}\s+(?=\S)", re.I),
            'every': re.compile(rf"(?<!\w){alt(p['every'])}(?!\w)(?:\s+{alt(lang.words['a'])}(?!\w))*(?P<noun>\s+{nouns}(?!\w))?", re.I),
            'chooses': frozenset(w.split()[0] for w in p['choose']), 'it': re.compile(rf"(?<!\w){alt(p['it'])}(?!\w)", re.I),
            'choose': re.compile(rf"(?:{alt([*lang.words['polite'], *lang.words['wish']])}[, ]+)*(?P<verb>{spaced})\s+(?P<who>.+)", re.I)}

def read(text, world, code, read, plain):
    """A Reading of a sentence of which one part speaks of another, None where none
    does; `read(text, world)` reads a part, `plain` a sentence in which none does"""
    lang, said = language(code), text.strip()
    if (not lang.parts or not said or len(said) > longest or '\n' in said
            or '?' in said and not any(re.search(p, said, re.I) for p in (lang.gist or {}).get('request', ()))):
        return None
    it = Parts(said.rstrip('?'), world, lang, read, plain)
    return it.choose() or it.but() or it.whom() or it.it()

class Parts:
    "The parts of one sentence against one world"
    def __init__(self, text, world, lang, read, plain):
        self.text, self.world, self.lang, self.read, self.plain, self.p = text, world, lang, read, plain, _patterns(lang.code, world.shape)
        self.quoted, self.p_end = [m.span() for m in quotation.finditer(text)], lang.parts.get('choose_end', ())
    def free(self, n): return not any(a < n < b for a, b in self.quoted)
    def rows(self, words, table=None):
        "The rows that the longest beginning of some words names, as ([(Table, row)], how many words those are); ([], 0) for none"
        reader = rules.Reader(' '.join(words), self.world, self.lang)
        for n in range(min(len(words), 12), 0, -1):
            said = mask(' '.join(words[:n]).strip(',;:.! '))[0]
            if said and set(self.lang.tokens(said)) and (got := reader.find(said, table))[0] in ('one', 'several'): return got[1], n
        return [], 0

    # who is chosen

    def choose(self):
        """“Choose Bob”, “switch to Bob and tick the rent”, “tick the milk, then switch to Bob …”: what
        follows is read among the rows that are in view then, and done with the choice or not at all"""
        if self.p['chooses'].isdisjoint(self.text.lower().split()): return None
        owners = [t for t in self.world.tables.values() if any(x.owner == t.name for x in self.world.tables.values())]
        if not owners: return None
        if m := self.p['choose'].match(self.text): return self.chosen(m, owners)
        for j in self.lang.joins.finditer(self.text):
            before = self.text[:j.start()]
            if (not (m := self.p['choose'].match(self.text, j.end())) or not self.free(j.start() + 1) or ':' in before
                    or not (then := self.chosen(m, owners))):
                continue
            first = self.read(before, self.world)
            if first.end not in ('press', 'chip') or then.end not in ('press', 'chip') or not first.ops: return half
            sure = first.end == then.end == 'press' and not any(o.verb == 'create' for o in first.ops)
            return Reading('press' if sure else 'chip', [*first.ops, *then.ops], name='' if sure else 'unlike')
        return None
    def chosen(self, m, owners):
        "A Reading of a part that chooses and of all behind it, None where it chooses nobody"
        joins = [j for j in self.lang.joins.finditer(self.text, m.start('who')) if self.free(j.start() + 1)]
        for a, b in [(len(self.text), len(self.text)), *((j.start(), j.end()) for j in reversed(joins[:8]))]:
            if not (found := self.named(self.text[m.start('who'):a], owners)): continue
            tb, r, whole = found
            rest, op = self.text[b:].strip(' ,;.!'), Op(tb.name, 'choose', r['id'])
            if not rest: return Reading('press', [op]) if whole else Reading('chip', [op], name='unlike')
            if not self.world.chosen or self.named(self.lang.joins.split(rest)[0], owners): return half          # “Bob and Alice”
            got = self.read(rest, self.world.chosen(tb.name, r['id']))
            if got.name == 'so_already': got = Reading('press')
            elif got.end not in ('press', 'chip') or any((o.table, o.id, o.verb) == (tb.name, r['id'], 'delete') for o in got.ops): return half
            return Reading(got.end if whole else 'chip', [op, *got.ops], name=got.name if whole or got.end == 'chip' else 'unlike')
        if not joins: return None
        # and nobody knows whom: what follows is not for who is chosen now
        nobody = not any(m['verb'].lower() in vs for vs in self.lang.verbs.values()) and not self.rows(m['who'].split())[0]
        return half if nobody or any(self.rows(m['who'].split(), t)[0] for t in owners) else None
    def named(self, said, owners):
        "(Table, row, is it all of its name?) that words name as what others belong to (“Bob”, “the profile Bob”, “Bob's tasks”), else None"
        reader, nouns = rules.Reader('', self.world, self.lang), by_noun(self.lang.code, self.world.shape)
        said = reader.trim(re.sub(rf"\s+{alt(self.p_end)}$", '', said.strip(' ,;:.!'), flags=re.I))
        for tb in owners:
            theirs = [n for n, t in nouns.items() if self.world.tables[t].owner == tb.name]
            who = re.sub(rf"(?:['’]s?|(?<=\w)s)?\s+{alt(theirs)}$", '', said, flags=re.I)
            who = re.sub(rf"^(?:{alt(self.lang.words['a'])}\s+)*{alt(tb.nouns(self.lang))}\s+(?=\S)|\s+{alt(tb.nouns(self.lang))}$", '',
                         who, flags=re.I)
            masked, reader.quotes = mask(who)
            status, rows = reader.find(masked, tb) if self.lang.tokens(who) else ('none', [])
            if status != 'one': continue
            own, want = {*self.lang.tokens(str(rows[0][1].get(tb.main) or ''))}, {*self.lang.tokens(who)}
            if want and want <= own: return tb, rows[0][1], want == own
        return None

    # what is left out

    def but(self):
        "“Tick everything but the rent”, “tick the milk but not the rent”: the one is read without the other, and must not touch it"
        for m in self.p['but'].finditer(self.text):
            if (not self.free(m.start())
                    or not (every := next((e for e in self.p['every'].finditer(self.text)
                                           if self.free(e.start()) and not m.start() < e.start() < m.end()
                                           and not re.search(r'[.;!]', self.text[e.end():m.start()])), None))):
                continue
            noun = every['noun'] and by_noun(self.lang.code, self.world.shape).get(' '.join(every['noun'].lower().split()))
            words = self.text[m.end():].split()
            left, n = self.rows(words, noun and self.world.tables[noun])
            if not left or len({tb.name for tb, _ in left}) > 1: continue
            tb = left[0][0]
            rest = [self.text[:m.start()], ' '.join(words[n:])]
            if not noun:
                rest = [self.p['every'].sub(f"{self.lang.words['every'][0]} {spoken_name(tb.name)}", x, count=1) if a <= every.start() < b else x
                        for x, a, b in ((rest[0], 0, m.start()), (rest[1], m.start(), len(self.text)))]
            got = self.read(' '.join(' '.join(rest).split()), self.world)
            if got.end not in ('press', 'chip') or any(o.table != tb.name or o.id is None for o in got.ops) or len({o.verb for o in got.ops}) != 1:
                return half
            out = {r['id'] for _, r in left}
            ops = [o for o in got.ops if o.id not in out]
            return (Reading('chip' if len(ops) > 1 or got.end == 'chip' else 'press', ops, name='too_many' if len(ops) > 1 else got.name)
                    if ops else Reading('nothing', name='so_already'))
        for m in self.p['not'].finditer(self.text):
            if not self.free(m.start()): continue
            words = self.text[m.end():].split()
            left, n = self.rows(words)
            if not left: continue
            got = self.read(' '.join(f"{self.text[:m.start()]} {' '.join(words[n:])}".split()), self.world)
            out = {(tb.name, r['id']): r for tb, r in left}
            if any(o.verb not in ('update', 'delete') for o in got.ops): continue          # “write Ormeaux, and not Ormes”
            if got.end not in ('press', 'chip') or any((o.table, o.id) in out for o in got.ops): return half
            # it is so already, and should it stay so?
            if any(r.get(c) == v for o in got.ops for (t, _), r in out.items() if t == o.table and o.verb == 'update' for c, v in o.values.items()):
                return half
            return got
        return None

    # for whom

    def owner(self, table, who):
        "The row of the table that owns another which is called just so, else None"
        tb = self.world.tables.get(table.owner) if table else None
        found = [r for r in tb.rows if str(r.get(tb.main) or '').casefold() == ' '.join(who.split()).casefold()] if tb else []
        return found[0] if len(found) == 1 else None
    def whom(self):
        "“A task for Anna: bake a cake”, “… to Anna's tasks”, “give the rent to Anna”: a row is hers where its table belongs to what she is a row of"
        nouns, owned = by_noun(self.lang.code, self.world.shape), [t for t in self.world.tables.values() if t.owner in self.world.tables]
        if m := self.p['whom'].fullmatch(self.text) if ':' in self.text else None:
            heads = [t for n, t in nouns.items() if re.search(rf'(?<!\w){re.escape(n)}$', m['head'].lower())]
            table = self.world.tables[heads[0]] if heads else None
            if hers := self.owner(table, m['who']): return self.given(self.read(f"{m['head']}: {m['what']}", self.world), table, hers)
            got = self.plain(self.text, self.world)
            told = m['who'].casefold() + (m['off'] or '').casefold() + ':'
            return half if any(o.verb == 'create' and str(o.values.get(self.world.tables[o.table].main)).casefold().startswith(told)
                               for o in got.ops) else got
        if owned and (m := self.p['into'].fullmatch(self.text)):
            table = next((t for t in owned if self.owner(t, m['who']) and nouns.get(m['noun'].lower(), t.name) == t.name), None)
            if table:
                return self.given(self.read(f"{m['head']} {m['to']} {spoken_name(table.name)}{m['off'] or ''}", self.world), table,
                                  self.owner(table, m['who']))
        if owned and (m := self.p['hand'].fullmatch(self.text)):
            rows, n = self.rows(m['row'].split())
            if (rows and n == len(m['row'].split()) and all(tb in owned for tb, _ in rows)
                    and all(self.owner(tb, m['who']) for tb, _ in rows) and not gate(self.text, self.lang)):
                ops = [Op(tb.name, 'update', r['id'], {tb.link: self.owner(tb, m['who'])['id']}) for tb, r in rows]
                ops = [o for o, (_, r) in zip(ops, rows) if any(r.get(k) != v for k, v in o.values.items())]
                return Reading('chip', ops, name='unlike' if len(ops) == 1 else 'too_many') if ops else Reading('nothing', name='so_already')
        return None
    def given(self, got, table, hers):
        "A reading whose new rows are somebody's; asked, since her list need not be the one in view"
        if got.end not in ('press', 'chip') or not got.ops or any(o.verb != 'create' or o.table != table.name for o in got.ops): return half
        return Reading('chip', [Op(o.table, 'create', None, {**o.values, table.link: hers['id']}) for o in got.ops],
                       name='unlike' if len(got.ops) == 1 else 'too_many')

    # which one

    def it(self):
        "“Rename milk to oat milk and tick it”: *it* is the row that the part before made or changed, never one of another time"
        joins = [m for m in self.lang.joins.finditer(self.text) if self.free(m.start() + 1)]
        if not joins: return None
        spans = list(zip([m.end() for m in joins], [*[m.start() for m in joins[1:]], len(self.text)], [m.start() for m in joins]))
        leans = [s for s in spans if self.p['it'].search(self.text, s[0], s[1])]
        if not leans: return None
        if not gate(self.text, self.lang):
            last = next((s for s in reversed(leans[-6:]) if self.orders(self.text[s[0]:s[1]].strip())), None)
            if last and (got := self.leaning(self.text[:last[2]], self.text[last[0]:last[1]].strip(), self.text[last[1]:])): return got
        before = self.text[:leans[-1][2]]
        if (not self.world.recent or self.pronoun(before) or gate(before, self.lang) == 'talk'
                or not rules.Reader(before, self.world, self.lang).trim(before)
                or (got := self.plain(before, self.world)).ops and all(o.looks for o in got.ops)):
            return None
        return self.plain(self.text, World(self.world.tables.values()))          # what stands before says which, though nobody knows it
    def pronoun(self, text):
        "Does *it* stand in a text, not as an article (“das Brot”, “that bug”)?"
        def article(m):
            return (m[0].lower() in self.lang.words['a'] and (after := re.match(r'\s+([^\W\d_]+)', text[m.end():]))
                    and self.lang.stem(after[1].lower()) not in self.lang.small and after[1].lower() not in self.lang.gist['be'])
        return any(not article(m) for m in self.p['it'].finditer(text))
    def stated(self, text):
        reader = rules.Reader(text, self.world, self.lang)
        return reader.stated(reader.trim(reader.text))
    def told(self, text):
        "([(Table, row)] that a part tells of, “I bought the bread”, “the kitchen is clean”; is all of its name said, and nothing beside?)"
        reader = rules.Reader(text, self.world, self.lang)
        if got := reader.stated(reader.trim(reader.text)):
            status, rows = reader.find(got[1], extra=(verb := self.lang.stem(got[0]),))
            said, own = {*self.lang.tokens(got[1])}, {*self.lang.tokens(str(rows[0][1].get(rows[0][0].main) or ''))} if rows else set()
            return (rows, status == 'one' and said <= own <= said | {verb}) if status in ('one', 'many') else ([], False)
        found = {(x[2].name, x[3]['id']): (x[2], x[3]) for x in Targets(text, self.world, self.lang).anchored()} if self.lang.gist else {}
        return ([*found.values()], False) if len(found) == 1 else ([], False)
    def orders(self, part):
        "Is a part an order to *it*, whatever it be?"
        for t in self.world.tables.values():
            for r in t.rows[:1] or [None]:
                there = self.world.tables.values() if r else [Table(t.name, t.columns, t.main, [r := {'id': 1, t.main: '-'}], t.one, t.title)]
                got = rules.read(part, World(there, [(t.name, r['id'])]), self.lang.code)
                if got.name == 'so_already' or [(o.table, o.id) for o in got.ops] == [(t.name, r['id'])]: return True
        return False
    def leaning(self, before, part, after):
        "A Reading of what stands before, of a part about the row of that, and of what follows; None where the part is none"
        first = self.read(before, self.world)
        ops, so = list(first.ops), first.candidates if first.name == 'so_already' and len(first.candidates) == 1 else []
        told, whole = self.told(before) if not so and not (ops and first.end == 'press') else ([], False)
        if not so and (not ops or first.end not in ('press', 'chip') or ops[-1].looks):
            each = [rules.read(part, World(self.world.tables.values(), [(tb.name, r['id'])]), self.lang.code) for tb, r in told[:6]]
            if (after or not each
                    or any(e.end != 'press' or [(o.table, o.id) for o in e.ops] != [(tb.name, r['id'])] for e, (tb, r) in zip(each, told))):
                return None
            if len(each) > 1: return Reading('ask', [e.ops[0] for e in each], candidates=told[:6])
            sure = whole and all(o.verb == 'update' for o in each[0].ops)
            if not sure and (got := self.plain(self.text, World(self.world.tables.values()))).end == 'press' and got.ops == each[0].ops: return got
            return Reading('press' if sure else 'chip', each[0].ops, name='' if sure else 'unlike')
        op, tables = ops[-1] if ops else Op(so[0][0].name, 'update', so[0][1]['id']), dict(self.world.tables)
        tb, i = tables[op.table], op.id
        if i is None:                            # a row that is not there yet
            i = min((r['id'] for r in tb.rows), default=0) - 1
            tables[tb.name] = Table(tb.name, tb.columns, tb.main,
                                    [*tb.rows, {'id': i, **{c: False for c, k in tb.columns.items() if k == 'bool'}, **op.values}], tb.one,
                                    tb.title, tb.choices, tb.required, tb.owner, tb.link)
        there = World(tables.values(), [(tb.name, i)])
        second = rules.read(part, there, self.lang.code)
        if second.name != 'so_already' and (second.end != 'press' or [(o.table, o.id) for o in second.ops] != [(tb.name, i)]): return None
        rest = re.sub(rf"^(?:{self.lang.joins.pattern})", '', after, flags=re.I).strip(' ,;.!')
        # “flights are booked, delete it” asks for the one
        if not rest and len(ops) == 1 and op.verb == 'update' and [o.verb for o in second.ops] == ['delete'] and self.stated(before):
            return Reading('chip', second.ops, name='unlike')
        third = self.read(rest, there) if rest else None
        if (op.verb == 'delete' and second.ops != [op]
                or len({(o.table, o.id) for o in ops if o.id is not None}) + sum(o.id is None for o in ops) > 1
                or third and third.end not in ('press', 'chip') and third.name != 'talk'):
            return half
        more = [o for o in [*second.ops, *(third.ops if third else ())] if (o.table, o.id, o.verb, o.values) != (op.table, i, op.verb, op.values)]
        if not ops and not more: return first
        if op.id is None:
            about = [o for o in more if (o.table, o.id) == (tb.name, i)]
            if any(o.verb != 'update' for o in about): return half
            ops = [*ops[:-1], Op(op.table, 'create', None, {**op.values, **{c: v for o in about for c, v in o.values.items()}}),
                   *[o for o in more if o not in about]]
        elif not (ops := joined([*ops, *more])): return half
        # told of it by its whole name, and the order says the same
        sure = op.id is not None and all(r.end == 'press' for r in (first, second, third) if r and r.ops
                                         and not (r is first and whole and [*second.ops] == first.ops
                                                  and [(tb.name, r['id']) for tb, r in told] == [(op.table, op.id)]))
        return Reading('press' if sure else 'chip', ops, name='' if sure else 'unlike')
