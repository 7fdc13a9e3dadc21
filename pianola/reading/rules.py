"""What a sentence asks for, without a model: patterns of a language × the tables there are × their rows. A rule that is not sure abstains.

    words → clauses → a pattern fits → the row is found, the value is read → operations
                                     ↘ several rows fit: ask · it must not act: nothing, by name · else: not sure"""
import re
from functools import cached_property, lru_cache
from .language import gate, language, spoken_name, unmask
from .phrases import Phrases
from .world import Op, Reading, Table, by_noun, joined, like

longest = 400           # characters of a sentence that rules look at; who writes more has pasted something
most_rows, most_asked = 50, 500      # that one sentence may change; that it may change after a yes

@lru_cache(512)         # half of them name no table and are the same whatever tables there are
def _regex(pattern): return re.compile(pattern, re.I)

@lru_cache(16)
def _compiled(code, shape):
    "The patterns of a language over tables of this shape, in the order in which they are tried: [(kind, regex)]"
    lang = language(code)
    tables = [Table(n, dict(cols), main, one=one, title=title) for n, one, title, main, cols in shape]
    alt = lambda ws: '(?:' + '|'.join(sorted((re.escape(w).replace(r'\ ', r'\s+') for w in set(ws)), key=len, reverse=True)) + ')' if ws else '(?!)'
    columns = {w for t in tables for c, k in t.columns.items()
               for w in (spoken_name(c), *([f"{spoken_name(c)} {lang.words['date_word']}"] if k == 'date' else ()),
                         spoken_name(c).removesuffix(' at').removesuffix(' on'), *lang.columns.get(c, ()))}
    known = {c for t in tables for c, k in t.columns.items() if k == 'bool'}
    flags = {w for c in known for w in [spoken_name(c), *lang.flags.get(c, ()), *lang.unflags.get(c, ())]}
    kinds = {'table': alt(by_noun(code, shape)), 'column': alt(columns), 'flag': f"(?:{alt(lang.words['not'])}[ -]?)?{alt(flags)}",
             'order': alt([*lang.order['asc'], *lang.order['desc']]), 'row': '.+?', 'value': '.+', 'past': r'\w+', 'quoted': r'Q\d+Q'}
    small = {'a': alt([w for w in lang.words['a'] if w not in ('and', 'or', 'called', 'named')]), 'every': alt(lang.words['every']),
             'list': alt(lang.words['list']), **{k: alt(v) for k, v in lang.verbs.items() if k != 'list'}}
    def regex(kind, p):
        seen = set()
        def fill(m):
            w = m[1]
            if kind in ('list', 'sort') and w == 'list':
                return alt(lang.verbs['list'] if p.startswith('{list}') or '{list} by' in p else lang.words['list'])
            if w in small: return small[w]
            name = 'value' if w == 'quoted' else w
            if name in seen: return f'(?P<{name}2>{kinds[w]})' if f'{name}2' not in seen and not seen.add(f'{name}2') else kinds[w]
            seen.add(name)
            return f'(?P<{name}>{kinds[w]})'
        return _regex(re.sub(r'\{(\w+)\}', fill, p))
    return [(kind, regex(kind, p)) for kind in order for p in lang.patterns.get(kind, ())]

order = ('list', 'sort', 'move', 'undone', 'flagverb', 'flag', 'on', 'off', 'set', 'rename', 'done', 'delete', 'create', 'note')

def capital(name):
    "As a list is written: a name that begins with a plain word begins with a capital"
    return name[0].upper() + name[1:] if re.match(r'[a-zäöü]+(?=[\s,]|$)', name) else name

def like_the_old(new, old):
    "A new name with capitals where the old one has them: at its beginning, or, where each of as many words has one, on each"
    was, now = old.split(), new.split()
    if len(was) == len(now) > 1 and all(w[0].isupper() for w in was): return ' '.join(map(capital, now))
    return capital(new) if old[:1].isupper() else new

class Reader(Phrases):
    "One sentence against one world"
    def __init__(self, text, world, lang):
        super().__init__(text, world, lang)
        self.failed, self.doubt = [], False     # failed: what patterns came to that fit and could not be

    @cached_property
    def patterns(self): return _compiled(self.lang.code, self.world.shape)

    def read(self):
        t = self.text.strip()
        if not t or len(t) > longest or '\n' in t: return Reading('unsure', name='long')
        t = self.trim(t)
        if not t: return Reading('nothing', name='talk')
        if got := self.clauses(t):
            if self.doubt and got.end == 'press' and any(o.verb in ('create', 'update') for o in got.ops): got.end, got.name = 'chip', 'unlike'
            return got
        if name := gate(t, self.lang) or gate(self.text, self.lang): return Reading('nothing', name=name)
        if self.failed:
            many = next((f for f in self.failed if f.end == 'ask'), None)
            if many and len(many.candidates) == 2 and many.ops and set(self.lang.words['both']) & set(t.lower().split()):
                return Reading('chip', many.ops, name='too_many')
            # of the others it makes no sense
            if many and len(many.ops) == 1 and many.ops[0].verb == 'update': return Reading('chip', many.ops, name='unlike')
            return many or self.failed[0]
        return Reading('unsure')

    def trim(self, t):
        "Without the politeness around it"
        t = t.strip().rstrip('?!. ')
        while m := self.lang.head.match(t):
            rest = t[m.end():]
            # “I want to …” may be the wish itself
            if any(k == 'note' and rx.fullmatch(t) and not rx.fullmatch(rest) for k, rx in self.patterns): break
            t = rest
        while m := self.lang.tail.search(t): t = t[:m.start()].rstrip('?!. ,')
        return t

    def clauses(self, t):
        "Several operations in a sentence: each part must be one"
        whole = self.clause(t)
        parts = self.split(t)
        if len(parts) > 1 and not any(re.match(r'(?:%s)\b' % '|'.join(self.lang.words['or']), p.strip(), re.I) for p in parts[1:]):
            out, ok = [], True
            subject = re.match(r"(i(?:'ve| have)?|we(?:'ve| have)?|ich habe|ich|wir)\s", t, re.I)
            verb = None
            for p in parts:
                p = self.trim(p)
                got = self.clause(p)
                if not (got and got.end == 'press') and subject and not re.match(subject[1], p, re.I): got = self.clause(f'{subject[1]} {p}')
                if not (got and got.end == 'press') and verb and out[-1].verb in ('delete', 'update'): got = self.clause(f'{verb} {p}')
                if not (got and got.end == 'press'): ok = False; break
                if (out and got.ops and got.ops[0].verb == 'create' and self.kind == 'note'
                        and not re.match(r"(?:add|note|put|remind|i |we |ich )", p, re.I)):
                    ok = False
                    break
                m = re.match(r"(\w+(?: off)?)\s", p)
                verb = m[1] if m and got.ops[0].verb in ('delete', 'update') else verb
                out += got.ops
            if ok and all(o.verb == 'sort' for o in out):        # “by amount, largest first” is one order
                return Reading('press', out[-1:]) if len({(o.table, o.values['by']) for o in out}) == 1 else Reading('unsure', name='half')
            if ok and not joined(out): return Reading('unsure', name='half')         # “tick it and delete it”
            # all behind the colon is what to write
            if ok and whole and whole.end == 'press' and whole.ops[0].verb == 'create' and ':' in t and any(o.verb != 'create' for o in out):
                ok = False
            if ok and len({(o.table, o.verb, o.id, str(o.values)) for o in out}) == len(out) <= most_rows and (out := joined(out)):
                return Reading('press', out)
        return whole

    def split(self, t):
        return [p for p in self.lang.joins.split(t) if p.strip()]

    def clause(self, t):
        "The first pattern that fits and whose parts are all found"
        self.kind = ''
        for kind, rx in self.patterns:
            if not (m := rx.fullmatch(t)): continue
            g = {k: v for k, v in m.groupdict().items() if v is not None}
            said = t
            if 'value' in g and kind in ('create', 'note', 'rename', 'set'): said = t[:m.start('value')] + 'X' + t[m.end('value'):]
            if kind == 'list': said = ''
            if (said and (name := gate(said, self.lang)) and not (kind == 'flagverb' and name == 'negation')
                    and not (kind in ('undone', 'flag', 'delete') and name == 'negation' and ('need' in said or kind != 'delete'))
                    and not (kind == 'note' and name in ('negation', 'how'))):
                self.failed.append(Reading('nothing', name=name))
                continue
            got = getattr(self, kind)(g, t)
            if got is None: continue
            if got.end == 'press':
                self.doubt = self.doubt or self.doubtful(kind, g, t, got)
                self.kind = kind
                return got
            for self.pin in got.candidates:             # which of them? each as the operation it would be
                each = getattr(self, kind)(g, t)
                if each and each.end == 'press': got.ops += each.ops
            self.pin = None
            self.failed.append(got if got.ops or got.end != 'ask' else Reading('unsure', name='row'))
        return None

    def doubtful(self, kind, g, t, got):
        "Is a new row's name, or a row's new name, perhaps more than a name? Then it is offered. What a colon or quotation marks set apart is not."
        if kind not in ('create', 'note', 'rename') or 'Q' in g['value']: return False
        table = self.world.tables[got.ops[0].table]
        v, todo = str(got.ops[0].values.get(table.main) or g['value']), self.todo
        if re.search(r'[.;!?]\s+\S', self.text.strip()) and kind != 'note': return True
        if kind == 'note' or kind == 'create' and table is todo:
            return (len(v.split()) > 12 or bool(re.search(self.lang.words.get('beside', '(?!)'), v, re.I))
                    or kind == 'note' and bool(re.match(self.lang.words.get('musing', '(?!)'), t, re.I)))
        # “member Tariq Aziz”: is the first word part of it?
        if (re.match(r'[A-Za-z][a-z]* [A-Z]', g['value']) and g['value'][0].islower()
                or re.search(rf"\s(?:{'|'.join(map(re.escape, self.lang.words['between']))})\s", v)):
            return True
        return len(v.split()) > (8 if ',' in v else 5) or bool(re.search(self.lang.words.get('beside', '(?!)'), v, re.I))

    # what each kind of sentence does

    def update(self, rows, values_of):
        ops = []
        for tb, r in rows:
            v = values_of(tb, r)
            if v is None: return None
            if any(r.get(k) != x for k, x in v.items()): ops.append(Op(tb.name, 'update', r['id'], v))
        if not ops: return Reading('nothing', name='so_already', about=str(rows[0][1].get(rows[0][0].main)), candidates=rows)
        return self.of_many(ops)
    def of_many(self, ops):
        "Many rows at once are asked about first, and too many are left to the table, where they can be seen"
        return (Reading('press', ops) if len(ops) <= most_rows else
                Reading('chip', ops, 'too_many') if len(ops) <= most_asked else
                Reading('nothing', name='many_rows'))

    def create(self, g, t):
        table = self.named(g)
        if not table: return None
        values, rest = self.columns(table, ' ' + g['value'])
        name = self.clean(re.sub(r'\s*¦\s*$', '', re.sub(r'^(?:called|named|titled|for|about|:|namens)\s+', '', rest.strip(), flags=re.I)))
        # “put the books from newest to oldest”
        if ('Q' not in g['value'] and name and name.lower().split()[0] in self.lang.words.get('leaning', ())
                and not re.match(r'.*[:]', t[:len(t)-len(g['value'])+1])):
            return None
        labels = {w for c in table.columns for w in (spoken_name(c), *self.lang.columns.get(c, ()))} - set(table.nouns(self.lang))
        # more than one thing was said there
        if any(k != table.main and table.columns[k] == 'text' and 'Q' not in g['value'].partition(str(v))[0][-3:]
               and (len(str(v).split()) > 3 or re.search(r'\d', str(v)) and len(str(v).split()) > 1) for k, v in values.items()):
            return Reading('unsure', name='missing')
        # “with venue Night Owl”: a column's name is no part of a row's
        if ('Q' not in rest and any(re.search(rf'(?<![\w-]){re.escape(w)}(?![\w-])\s*\S', str(v).lower())
                                    for v in (name, *values.values()) for w in labels)
                or 'Q' in rest and (said := re.sub(r'Q\d+Q', ' ', rest).lower())
                and any(re.search(rf'(?<!\w){re.escape(w)}(?!\w)', said) for w in labels)):
            return Reading('unsure', name='missing')
        if (m := re.match(r'#?(\d+)\b', name)) and any(r['id'] == int(m[1]) for r in table.rows): return None            # “make visit 12 urgent”
        if (not name or len(name) > 300 or name.lower() in (*self.lang.words['it'], *self.lang.words['them'])
                or name.lower().split()[0] in self.lang.words['pointing'] or '¦' in name or re.search(r'[.!?]\s+\w', name)):
            return None
        loose = re.sub(r'^(?:called|named)\s+', '', rest.strip())
        open_ = [c for c, k in table.columns.items() if c != table.main and c not in values and k not in ('bool', 'long', 'json')]
        texts = [c for c in open_ if table.columns[c] in ('text', 'ref', 'choice', 'url', 'email')]
        if 'Q' not in g['value'] and open_:
            tail = loose.partition(',')[2]
            if tail and (texts or re.search(r'\d', tail)
                         or set(self.lang.tokens(tail)) & {self.lang.stem(w) for c in open_ for w in (c, *self.lang.columns.get(c, ()))}):
                return Reading('unsure', name='missing')
            if texts and re.search(rf"\s(?:{'|'.join(map(re.escape, self.lang.words['between']))})\s", loose):
                return Reading('unsure', name='missing')
            if re.search(r'\d', loose) and (len(open_) > 1 or texts) and re.search(r'\s\S*\d', loose): return Reading('unsure', name='missing')
        if re.search(rf",\s.*\b(?:{'|'.join(map(re.escape, self.lang.words['pointing'] + self.lang.verbs['create']))})\b", loose, re.I):
            return Reading('unsure', name='missing')
        # “put down bread as done”: the one that is there
        if 'Q' not in g['value'] and 'noted' in g and values and any(name.casefold() == str(r.get(table.main) or '').casefold() for r in table.rows):
            return Reading('unsure', name='missing')
        nouns = {self.lang.stem(w) for n in table.nouns(self.lang) for w in n.split()}
        if not set(self.lang.tokens(name)) - nouns and 'Q' not in g['value']: return None         # “add the tasks” names none
        # “one more thing: add …”
        if 'Q' not in g['value'] and name.lower().split()[0] in self.lang.words.get('adding', ()): return Reading('unsure', name='missing')
        # “add sprint 43” is more than a number
        if 'Q' not in g['value'] and not re.search(r'[^\W\d_]', name): return Reading('unsure', name='missing')
        if table.columns[table.main] == 'text':
            values[table.main] = name if 'Q' in rest else capital(name)
        elif (v := self.typed(table, table.main, name)) is not None: values[table.main] = v
        else: return None
        if 'Q' in rest and re.sub(r'Q\d+Q', ' ', rest).strip(' ¦,;:.'): return Reading('unsure', name='missing')          # more than the quotation
        if any(c not in values for c in table.required): return Reading('unsure', name='missing')
        return Reading('press', [Op(table.name, 'create', values=values)])
    def note(self, g, t):
        table = self.todo
        if not table: return None
        if re.match(r'(?:know|see|understand|ask|help|say|tell you|be|have|find out|think|do something|talk)\b', g['value'], re.I): return None
        if t.endswith(g['value']) and self.elsewhere(t[:-len(g['value'])], g['value']): return Reading('unsure', name='missing')
        return self.create({**g, 'table': spoken_name(table.name), 'noted': t}, t)
    def elsewhere(self, before, value):
        "“Add an invoice of 90 euros” is for the table of that name, also where it cannot be read; “remind me to invoice Ann” is not"
        nouns = {n for tb in self.world.tables.values() if tb is not self.todo for n in tb.nouns(self.lang)} - {*self.todo.nouns(self.lang)}
        return (before.split()[-1:] and before.split()[-1].lower().strip(':,') in self.lang.verbs['create'] and nouns
                and re.match(rf"(?:(?:{'|'.join(map(re.escape, self.lang.words['a']))})\s+)*(?:{'|'.join(map(re.escape, nouns))})(?!\w)", value, re.I))

    def delete(self, g, t):
        rows, sorry = self.one(g['row'], self.named(g))
        if sorry: return sorry
        if len(rows) == 1 and not self.pin and (more := self.also(g['row'], rows[0], self.named(g))):
            return Reading('ask', candidates=[*rows, *more][:6], about=unmask(g['row'], self.quotes))
        return self.of_many([Op(tb.name, 'delete', r['id']) for tb, r in rows])
    def also(self, text, row, table=None):
        "Other rows that hold all the words of a phrase which names no table, or names one only roughly: what is gone had better be meant"
        want = self.lang.tokens(re.sub(r'Q\d+Q', '', text))
        if not want or 'Q' in text and text.strip().startswith('Q') or re.search(r'\d', text): return []
        tables = [table] if table else list(self.world.tables.values())
        nouns = [w for w in want if any(w in self.lang.tokens(n) for n in self.nouns)]
        exact = ' '.join(w for w in want if w not in nouns) == ' '.join(self.lang.tokens(str(row[1].get(row[0].main) or '')))
        if nouns and exact: return []
        want = [w for w in want if w not in nouns] or want
        near = lambda ix, w: ix.rows(w, 'own') | (ix.of('all').get(w, set()) if not nouns else set())
        return [(tb, tb.rows[n]) for tb in tables if not nouns or tb is row[0]
                for n in sorted(set.intersection(*(near(tb.index(self.lang), w) for w in want)))
                if (tb.name, tb.rows[n]['id']) != (row[0].name, row[1]['id'])]

    def stated(self, t):
        "(verb, what it was done to) of something told as done, “I bought the bread”; None where it is not told so"
        return next(((m['past'].lower(), m['row']) for kind, rx in self.patterns if kind == 'done' and 'past' in rx.groupindex
                     and (m := rx.fullmatch(t)) and self.lang.stem(m['past'].lower()) not in self.lang.small), None)
    def done(self, g, t):
        verb = g.get('past', '').lower()
        if verb:
            stem = self.lang.stem(verb)
            if 'passive' in g and stem == verb: return None           # “the kitchen is clean” does not say who cleaned it, “the rent is paid” does
            rows, sorry = self.one(g['row'], extra=(stem,))
            if sorry: return sorry if verb and sorry.end == 'ask' else None
            flags = [self.flag_of(tb, verb) for tb, _ in rows]
            if all(flags): return self.update(rows, lambda tb, r: dict([self.flag_of(tb, verb)]))
            ends = {self.lang.stem(v) for v in self.lang.verbs['done']}
            if not all(stem in ends or stem in self.lang.tokens(str(r.get(tb.main) or '')) for tb, r in rows): return None
        else:
            rows, sorry = self.one(g['row'])
            if sorry: return sorry
        return self.update(rows, lambda tb, r: {c: True} if (c := self.done_column(tb)) else None)
    def undone(self, g, t):
        rows, sorry = self.one(g['row'])
        return sorry or self.update(rows, lambda tb, r: {c: False} if (c := self.done_column(tb)) else None)
    def flag(self, g, t):
        if g['row'].lower().split()[0] in ('what', 'which', 'who', 'how', 'was', 'wer', 'welche', 'wie'): return None
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        word = g['flag'].lower()
        if re.search(r"\b(?:isn't|isnt|is not|aren't|are not|wasn't|was not|ist nicht|sind nicht)\s+" + re.escape(word), t, re.I):
            word = f"{self.lang.words['not'][0]} {word}"
        return self.update(rows, lambda tb, r: dict([f]) if (f := self.flag_of(tb, word)) else None)
    def _switch(self, g, value):
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        pick = lambda tb: next((c for c in ('active', 'enabled', 'aktiv') if tb.columns.get(c) == 'bool'), None)
        return self.update(rows, lambda tb, r: {c: value} if (c := pick(tb)) else None)
    def on(self, g, t): return self._switch(g, True)
    def off(self, g, t): return self._switch(g, False)

    def flagverb(self, g, t):
        stem = self.lang.stem(g['past'].lower())
        rows, sorry = self.one(g['row'])
        if sorry: return None
        off = (bool(re.match(r"(?:stop|don't|do not|no longer|un|nicht mehr)\b", t, re.I))
               or bool(re.match('(?i)un', g['past']) and not any(self.lang.stem(c) == stem for tb, _ in rows for c in tb.columns)))
        pick = lambda tb: next((c for c, k in tb.columns.items() if k == 'bool' and c.endswith('ed')
                                and c not in ('finished', 'completed', 'tried')
                                and self.lang.stem(c) in (stem, self.lang.stem(g['past'].lower()[2:]) if off else stem)), None)
        return self.update(rows, lambda tb, r: {c: not off} if (c := pick(tb)) else None)

    @cached_property
    def plain(self): return re.compile(self.lang.words.get('plainly', '(?!)'), re.I)
    def misnamed(self, ops):
        "Does an operation give a row a name that is none?"
        t = self.trim(self.text)
        return not self.quotes and not self.plain.match(t) and any(
            self.misnames((tb, r), str(o.values[tb.main]), t) for o in ops if o.verb == 'update'
            for tb in [self.world.tables[o.table]] if tb.main in o.values for r in tb.rows if r['id'] == o.id)
    def misnames(self, found, name, t):
        "Is “move the rent to Anna”, “set it to high” no new name? One is called for by its verb, or is like the old one; another row's is none."
        tb, r = found
        other = any(str(x.get(t2.main) or '').casefold() == name.casefold() for t2 in self.world.tables.values() for x in t2.rows if x is not r)
        return (other
                or self.lang.words['moving'] and re.match(rf"(?:{'|'.join(map(re.escape, self.lang.words['moving']))})\b", t, re.I)
                and not like(name, str(r.get(tb.main) or '')))
    def rename(self, g, t):
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        name = self.clean(g['value'])
        if 'Q' not in g['value'] and re.search(self.lang.words.get('beside', '(?!)'), name, re.I): return Reading('unsure', name='value')
        plainly = 'Q' in g['value'] or self.plain.match(t)
        if not plainly and len(rows) == 1 and self.misnames(rows[0], name, t): return Reading('unsure', name='value')
        # “move it to the science section” names another column
        if not plainly and rows and sum(k in ('text', 'choice') for k in rows[0][0].columns.values()) > 1: return Reading('unsure', name='value')
        if (len(rows) != 1 or not name or re.match(r'(?:something|anything|what|a better|another name|etwas)\b', name, re.I)
                or rows[0][0].columns[rows[0][0].main] != 'text'):
            return Reading('unsure', name='value')
        if self.lang.number(name) is not None and any(k == 'number' for k in rows[0][0].columns.values()): return None
        if rows[0][0].titled(self.lang) != rows[0][0].main: return Reading('unsure', name='value')        # which of its names?
        # “Ryan is called Ryan”
        if 'Q' not in g['value'] and {*name.lower().split()} < {*str(rows[0][1].get(rows[0][0].main) or '').lower().split()}:
            return Reading('unsure', name='value')
        self.doubt = self.doubt or not plainly and not like(name, str(rows[0][1].get(rows[0][0].main) or ''))
        return self.update(rows, lambda tb, r: {tb.main: name if 'Q' in g['value'] else like_the_old(name, str(r.get(tb.main) or ''))})
    def set(self, g, t):
        rows, sorry = self.one(g['row'])
        if sorry: return sorry
        if len(rows) != 1: return None
        tb, r = rows[0]
        if 'column' in g:
            column = self.column(tb, g['column'])
            if not column or column == tb.main and tb.columns[column] != 'text': return None
            v = self.typed(tb, column, re.sub(r'^(?:to|at|of|as|auf)\s+', '', g['value']))
        else:
            said = re.sub(r'(?i)\s?(?:euros?|dollars?|pounds?|eur|usd|gbp)$', '', re.sub(r'(?i)\s+(?:now|jetzt)$', '', g['value']))
            unit = [c for c in tb.columns if re.search(rf'(?i)\s{re.escape(c)}$', said)]
            if unit: said = said[:-len(unit[0])]
            fits = [(c, v) for c, k in tb.columns.items() if k in ('number', 'date', 'choice') and c != tb.main and (not unit or c in unit)
                    and (v := self.typed(tb, c, said)) is not None]
            column, v = fits[0] if len(fits) == 1 else (None, None)
        return self.update(rows, lambda tb, r: {column: v}) if v is not None and column else None

    def list(self, g, t):
        table = self.named(g) or self.named(g, 'table2') or self.todo
        if not table: return None
        flag = self.flag_of(table, g.get('flag') or g.get('flag2') or '')
        if (g.get('flag') or g.get('flag2')) and not flag: return None
        return Reading('press', [Op(table.name, 'list', values=dict([flag]) if flag else {})])

    def move(self, g, t):
        "A row to another place of its table; None where the place is something else there, a shelf or a rank"
        # “set it to high”
        if 'Q' not in g['row'] and g['row'].lower().split()[-1] in (*self.lang.words['a'], *self.lang.words['between']): return None
        rows, sorry = self.one(g['row'])
        if sorry: return sorry if sorry.end == 'ask' else None
        place = self.lang.places.get(' '.join(g['place'].lower().split()))
        if len(rows) != 1 or not place: return None
        tb, r = rows[0]
        if (any(k not in ('bool', 'date', 'json') and c != tb.main and str(x.get(c)).casefold() == g['place'].casefold()
                for x in tb.rows for c, k in tb.columns.items())
                or any(str(v).casefold() == g['place'].casefold() for vs in tb.choices.values() for v in vs)):
            return None
        at, others = tb.index(self.lang).place[r['id']], [x for x in tb.rows if x is not r]
        if place in ('above', 'below'):
            to, sorry = self.one(g.get('row2') or '', tb)
            if sorry or len(to) != 1 or to[0][1] is r: return None
            to = others.index(to[0][1]) + (place == 'below')
        else: to = {'top': 0, 'bottom': len(others), 'up': max(0, at-1), 'down': at+1}[place]
        if to == at or to > len(others): return Reading('nothing', name='so_already', about=str(r.get(tb.main)), candidates=rows)
        return Reading('press', [Op(tb.name, 'move', r['id'], {'before': others[to]['id'] if to < len(others) else None})])

    def sort(self, g, t):
        table = self.named(g)
        if not table:
            if not (table := self.world.tables.get(self.world.open) or len(self.world.tables) == 1 and next(iter(self.world.tables.values()))):
                return None
        said = (g.get('order') or '').lower()
        way = 'desc' if said in self.lang.order['desc'] else 'asc'
        if g.get('end'):
            flag = self.flag_of(table, g['flag'])
            if not flag: return None
            low = g['end'].lower() in ('bottom', 'end', 'ende', 'unten', 'schluss')
            return Reading('press', [Op(table.name, 'sort', values={'by': flag[0], 'order': 'asc' if low == flag[1] else 'desc'})])
        if g.get('most'): way = 'desc' if g['most'].lower() in ('newest', 'latest', 'highest', 'biggest', 'largest', 'most expensive') else 'asc'
        if g.get('column'):
            by = self.column(table, g['column'])
        else:
            kinds = {'date': [c for c, k in table.columns.items() if k == 'date'], 'number': [c for c, k in table.columns.items() if k == 'number']}
            if re.search('alphabet|a to z|a-z|z to a|z-a', said) or not said and not g.get('most'): by = table.main
            else:
                pool = kinds['date'] if re.search('new|late|earl|old', said + (g.get('most') or '')) else kinds['number']
                by = pool[0] if len(pool) == 1 else table.main if not g.get('most') and not re.search('first', said) else None
        return Reading('press', [Op(table.name, 'sort', values={'by': by, 'order': way})]) if by else None

def read(text, world, code='en'):
    "What a sentence asks for in a world of tables: a Reading"
    return Reader(text, world, language(code)).read()
