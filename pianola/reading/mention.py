"""What the words of a sentence name, wherever they stand, a slip of the pen too: cues for a change,
tables, columns, yes or no, and values that some row has. The rows they mean are found in `targets`."""
import re
from . import frames, several
from .language import spoken_name
from .sentence import Mention, Sentence, off_by, short

class Mentions(Sentence):
    "What the words of one sentence name in one world"

    def cues(self, a, b):
        "`_cues`, found once"
        if ('cues', a, b) not in self._seen:
            self._seen['cues', a, b] = {}            # what is asked for on the way here
            self._seen['cues', a, b] = self._cues(a, b)
        return self._seen['cues', a, b]
    def _cues(self, a, b):
        "The kinds of change that have a word here: {kind: Mention}, the strongest"
        out = {}
        low = [w.low for w in self.words]
        spoken = [(n, length, ' '.join(low[n:n+length])) for n in range(a, b) for length in (4, 3, 2, 1) if n+length <= b]
        for kind, phrases in self.lang.cues.items():
            for n, length, words in spoken:
                if (words in phrases and kind not in out
                        and not (length == 1 and kind in ('list', 'sort') and self.words[n].stem in self.flagstems and self.words[n].low != 'sorted')
                        and not (length == 1 and n > a and kind in ('place', 'put', 'change', 'list', 'sort')
                                 and self.words[n].low in self.named_columns)
                        and not (kind in ('sort', 'put') and length == 1 and (n > a or kind == 'put') and self.words[n].low in self.reader.nouns)
                        and not (kind == 'list' and length == 1 and n and self.words[n].low == 'list'
                                 and (self.words[n-1].low in self.g['noun_after'] or any(m.b == n for m in self.tables(a, n))))
                        and not (kind in ('delete', 'change', 'put', 'done', 'create') and length == 1 and n
                                 and self.words[n-1].low in self.g['noun_after'] and self.words[n].low not in self.g['surely_new'])):
                    out[kind] = Mention('cue', n, n+length, key=kind)
        if 'list' in out and out['list'].b - out['list'].a > 1:
            out = {k: m for k, m in out.items() if k == 'list' or m.a != out['list'].a or m.b == m.a}
        if 'delete' in out and (d := out['delete']).b > d.a and self.entitled(d.a, d.b): del out['delete']
        if ('delete' in out and out['delete'].b > out['delete'].a
                and any(out['delete'].a >= x and out['delete'].b <= y for x, y in self.whole_names(a, b))):
            del out['delete']
        if self.words[a].low in self.g['wants'] and self.tables(a, min(b, a+5)): out.setdefault('create', Mention('cue', a, a+1, key='create'))
        for kind, ps in self.g['around'].items():
            said = ' '.join(w.low for w in self.words[a:b])
            if kind not in out and any(re.search(p, said) for p in ps): out[kind] = Mention('cue', a, a, key=kind)
        # “order 900: …”
        if ('sort' in out and out['sort'].b - out['sort'].a == 1 and self.words[out['sort'].a].low in self.reader.nouns
                and not {w.low for w in self.words[a:b]} & {*self.g['by'], 'nach', 'first', 'zuerst', 'alphabetically', 'ascending',
                                                            'descending', 'asc', 'desc'}):
            del out['sort']
        # the first of October
        if ('sort' in out and out['sort'].b - out['sort'].a == 1 and self.words[out['sort'].a].low in self.lang.days and out['sort'].b < b
                and self.words[out['sort'].b].low in (*self.lang.words['day_small'], *self.lang.months)):
            del out['sort']
        # “first guest: …”
        if ('sort' in out and self.lang.words['ordinals'].get(self.words[out['sort'].a].low) == 0 and not self.anchored()
                and (any(m.a == out['sort'].b for m in self.tables(a, b))
                     or any(m.what == 'column' and m.key == tb.main and m.a == out['sort'].b for tb in self.world.tables.values()
                            for m in self.mentions(tb, a, b)))):
            out['create'] = out.pop('sort')
        # “complaint from room 4: …”
        if (a == 0 and not {'create', 'delete', 'change', 'list', 'sort'} & out.keys() and (named := self.tables(a, min(b, a+3)))
                and (k := next((n for n in range(named[0].b, min(b-1, a+12)) if self.words[n].text == ':'), None)) and k > named[0].b
                and not any(x[2].name == named[0].table and x[0] < k for x in self.anchored()) and self.words[named[0].b].kind != 'number'):
            out['create'] = Mention('cue', a, a, key='create')
        # “has a new owner”
        if ('create' in out and out['create'].b - out['create'].a == 1 and self.words[out['create'].a].low in self.g['one']
                and any(m.what == 'column' and m.key != tb.main and m.a == out['create'].b
                        for tb in {x[2].name: x[2] for x in self.anchored()}.values()
                        for m in self.mentions(tb, out['create'].b, min(b, out['create'].b+3)))):
            out['change'] = out.pop('create')
        # where nothing is, what is told is new
        if not any(tb.rows for tb in self.world.tables.values()) and not {'create', 'list', 'delete'} & out.keys() and self.tables(a, b):
            out['create'] = Mention('cue', a, a, key='create')
        if any(w.text == '+=' for w in self.words[a:b]): out.setdefault('create', Mention('cue', a, a, key='create'))
        if (a == 0 and (named := self.tables(a, min(b, a+4)))
                and (k := next((n for n in range(named[0].b, b) if self.words[n].low not in self.lang.words['a']), b)) < b
                and self.words[k].text == ':'):
            out['create'] = Mention('cue', a, a, key='create')
        if (not {'create', 'delete', 'list', 'sort'} & out.keys() and (act := self.acted(a, b))
                and not any(x[2].name == act.table and a <= x[0] < b for x in self.anchored()) and not self.tables(a, b)):
            out['create'] = Mention('cue', act.a, act.b, key='create')
        if 'delete' not in out and (gone := self.removal(a, b)): out = {**{k: m for k, m in out.items() if m.a != gone.a}, 'delete': gone}
        if (f := self.frame(a, b)) and f.sure and f.kind in ('create', 'delete'):
            out.setdefault(f.kind, Mention('cue', min(f.words), min(f.words), key=f.kind))
        for most in self.g['most']:
            if 'sort' not in out and re.search(rf"\b(?:{most['words']})\b.*\b(?:{self.g['front']})\b", ' '.join(w.low for w in self.words[a:b])):
                out['sort'] = Mention('cue', a, a, key='sort')
        if not out:
            for n in range(a, b):
                w = self.words[n]
                if (w.kind != 'word' or w.stem in self.lang.small or len(w.low) < 5 or w.low in self.reader.nouns
                        or any(tb.index(self.lang).rows(w.stem, 'own') for tb in self.world.tables.values())):
                    continue
                for kind, phrases in self.g['cues'].items():
                    if (kind not in ('with', 'done') and w.low not in self.named_columns
                            and any(' ' not in p and len(p) > 4 and w.low[0] == p[0] and off_by(w.low, p) <= 1 for p in phrases)):
                        out.setdefault(kind, Mention('cue', n, n+1, key=kind, slip=True))
        return out

    def anchored(self):
        "The rows that are named outright, found once"
        if 'anchors' not in self._seen: self._seen['anchors'] = several.anchors(self)
        return self._seen['anchors']
    def acted(self, a, b):
        "The table that a verb speaks of (we *lend*: a loan), as a Mention; None where a table is named or none is"
        for n in range(a, min(b, a+6)):
            for length in (3, 2, 1):
                said = ' '.join(w.low for w in self.words[n:n+length])
                names = n+length <= b and next((ts for v, ts in self.g['acts'].items() if said in v.split('|')), None)
                if names and (tb := next((t for x in names for t in self.world.tables.values() if x in t.nouns(self.lang)), None)):
                    return Mention('table', n, n+length, tb.name)
        return None
    def frame(self, a, b):
        "What a part of the sentence says is to be done with the rest, found once"
        if ('frame', a, b) not in self._seen:
            self._seen['frame', a, b] = None
            self._seen['frame', a, b] = frames.find(self, a, b)
        return self._seen['frame', a, b]
    def label_at(self, n):
        "Does a column's name stand here?"
        return any(m.what == 'column' and m.a == n for tb in self.world.tables.values() for m in self.mentions(tb, n, n+1))

    def removal(self, a, b):
        "A cue for removal by how the sentence goes: take X off, kick X from the members, lose X"
        low = lambda n: self.words[n].low if a <= n < b else ''
        if not any(low(n) in self.g['takes'] or low(n) in self.g['delete_softly'] or low(n) in self.g['leaves'] for n in range(a, b)): return None
        for x in self.anchored() or several.anchors(self, 'all'):
            if not (a < x[0] and x[1] <= b): continue
            v = next((n for n in (x[0]-1, x[0]-2) if n >= a and self.words[n].stem not in self.lang.small and self.words[n].kind == 'word'), None)
            if v is None or v < x[0]-2 or v == x[0]-2 and low(x[0]-1) not in self.lang.words['a']: continue
            starts = v == a or self.words[v-1].kind == 'mark' or low(v-1) in self.g['imperative'] or low(v-1) in self.lang.words['polite']
            if low(v) in self.g['takes'] and low(x[1]) in self.g['frame_off'] and low(x[1]) != 'from' and starts:
                return Mention('cue', v, v+1, key='delete')
            if not starts or low(v) in self.g['be']: continue
            if low(v) in self.g['delete_softly']: return Mention('cue', v, v+1, key='delete')
            k = x[1] + (low(x[1]) == 'out' and low(x[1]+1) == 'of')
            if low(k) in (*self.g['leaves'], 'of') and low(k) and low(v) not in self.g['cues']['list']:
                p = k+1
                while low(p) and low(p) in self.lang.words['a']: p += 1
                if (p < b and (any(m.a == p for m in self.tables(p, min(b, p+3))) or low(p) in self.g['lists'] or low(p) in self.lang.words['list'])
                        and p > k+1 and low(v) not in (*self.g['cues']['place'], *self.g['cues']['change'], *self.g['cues']['create'])):
                    return Mention('cue', v, v+1, key='delete')
        return None

    def entitled(self, a, b):
        "Do these words stand within a title, capitals all along, in a sentence that is written in small letters?"
        cap = lambda n: 0 <= n < len(self.words) and self.words[n].kind == 'word' and self.words[n].text[0].isupper()
        begins = not a or self.words[a-1].text in '.!?:' or self.words[a-1].kind == 'mark' and not cap(a-2)
        return (cap(a) and not begins and (cap(a-1) or cap(b))
                and sum(w.text[0].isupper() for w in self.words if w.kind == 'word') < .7*len(self.words))

    def whole_names(self, a, b):
        "[(from, to)] where a row's whole name of several words stands in the middle of a sentence"
        out = []
        for tb in self.world.tables.values():
            ix = tb.index(self.lang)
            for n in range(a, b):
                for k in sorted(ix.rows(self.words[n].stem, 'own'))[:20] if self.words[n].stem not in self.lang.small else ():
                    own = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", str(tb.rows[k].get(tb.main) or '').lower())
                    if (len(own) > 1 and own[0] == self.words[n].low and [w.low for w in self.words[n:n+len(own)]] == own
                            and (n > a or n+len(own) < b and self.words[n+len(own)].low in {*self.g['be'], 'has', 'hat', 'needs', 'takes', 'costs',
                                                                                            'gets', 'got'})):
                        out.append((n, n+len(own)))
        return out

    def flagwords(self, table):
        "{words: (column, value)} of a table's yes-or-no columns, made once"
        made = table.__dict__.setdefault('_flags', {})
        if self.lang.code not in made:
            plain = {**self.flagkin(table), **self.flagnames(table)}
            made[self.lang.code] = {w: f for w, f in plain.items() if w == spoken_name(f[0]) or not table.choice(w)}
        return made[self.lang.code]
    def flagkin(self, table):
        "{words: (column, value)} that are said of columns like these"
        out = {}
        for c, k in table.columns.items():
            if k != 'bool': continue
            plain = spoken_name(c)
            for k in self.g.get('kin', ()):
                if plain in k['of'] or plain.split()[-1] in k['of']:
                    for w in k['yes']: out.setdefault(w, (c, True))
                    for w in k['no']: out.setdefault(w, (c, False))
        return out
    def flagnames(self, table):
        "{words: (column, value)} by the columns' own names"
        out, lang = {}, self.lang
        for c, k in table.columns.items():
            if k != 'bool': continue
            plain = spoken_name(c)
            # dues_paid, lent_out
            kin = [g for g in lang.flags if g == c or c in lang.flags[g] or plain in lang.flags[g] or ' ' in plain and g == plain.split()[-1]]
            for g in kin:
                for w in lang.unflags.get(g, ()): out[w] = (c, False)
            for on, no in self.g['opposite']:
                if plain.startswith(on + ' '): out[no + plain[len(on):]] = (c, False)
            for w in [plain, *(w for g in kin for w in lang.flags[g])]: out[w] = (c, True)
            if ' ' in plain and plain.split()[0] in self.g['onto']: out[plain.replace(' ', f" {self.g['the']} ", 1)] = (c, True)
        return out

    def mentions(self, table, a, b):
        "`_mentions`, found once"
        if (key := (table.name, a, b)) not in self._seen: self._seen[key] = self._mentions(table, a, b)
        return self._seen[key]
    def _mentions(self, table, a, b):
        "What of a table is named between two words: columns, flags, values that some row has"
        out, ws, common = [], self.words, self.g['common']
        known = self.grades(table)
        flags, names, columns, stems, several, cstems, split = self.words_of(table)
        for n in range(a, b) if split else ():              # brought his book back
            if (any(x == ws[n].low or self.lang.stem(x) == ws[n].stem for x, _ in split)
                    and (e := next((k for k in range(n+2, min(b, n+6)) if ws[k].low in self.g['particles']), None))
                    and not any(ws[k].kind == 'mark' for k in range(n, e))
                    and (f := next((f for (x, y), f in split.items()
                                    if y == ws[e].low and (x == ws[n].low or self.lang.stem(x) == ws[n].stem)), None))):
                out.append(Mention('flag', n, n+1, table.name, *f))
        n = a
        while n < b:
            for length in (5, 4, 3, 2, 1):
                if n+length > b: continue
                said = ' '.join(w.low.removesuffix("'s") for w in ws[n:n+length])
                # “the rotavator's back”
                if n and ws[n-1].low.endswith("'s") and f'is {said}' in flags:
                    out.append(Mention('flag', n, n+length, table.name, *flags[f'is {said}']))
                if said in columns: out.append(Mention('column', n, n+length, table.name, columns[said]))
                if said in flags: out.append(Mention('flag', n, n+length, table.name, *flags[said]))
                if (said not in known and length == 1 and len(said) > 3 and (one := self.lang.singular(said)) in known
                        and any(table.columns[c] == 'choice' for c, _ in known[one])):
                    out += [Mention('value', n, n+1, table.name, c, v) for c, v in known[one] if table.columns[c] == 'choice']
                if said in known and not (length == 1 and ws[n].stem in self.lang.small):
                    out += [Mention('value', n, n+length, table.name, c, v) for c, v in known[said]]
                if (length == 2 and not any(m.a == n for m in out)
                        and (f := next((f for w, f in names.items()
                                        if w.count(' ') == 1 and all(x == y or short(x, y) for x, y in zip(said.split(), w.split()))), None))):
                    out.append(Mention('flag', n, n+2, table.name, *f, slip=True))
                if length > 1 and not any(m.a == n for m in out) and (f := several.get(tuple(w.stem for w in ws[n:n+length]))):
                    out.append(Mention('flag', n, n+length, table.name, *f))
                if any(m.a == n for m in out): n += length-1; break
            else:
                w = ws[n]
                if w.kind == 'word' and len(w.low) > 2 and w.stem not in self.lang.small:
                    if w.stem in stems and self.says_flag(n, a): out.append(Mention('flag', n, n+1, table.name, *stems[w.stem][1]))
                    elif w.stem in cstems: out.append(Mention('column', n, n+1, table.name, cstems[w.stem]))
                    elif w.low.startswith('un') and self.lang.stem(w.low[2:]) in stems and stems[self.lang.stem(w.low[2:])][1][1]:
                        out.append(Mention('flag', n, n+1, table.name, stems[self.lang.stem(w.low[2:])][1][0], False))
                    elif (w.low not in common and w.low not in self.reader.nouns
                          and not any(t.index(self.lang).rows(w.stem, 'own') for t in self.world.tables.values())
                          and not any(w.low in p for p in self.g['cues'].values())):
                        if c := next((c for word, c in columns.items() if short(w.low, word)), None):
                            out.append(Mention('flag', n, n+1, table.name, c, True, slip=True) if table.columns[c] == 'bool'
                                       else Mention('column', n, n+1, table.name, c, slip=True))
                        elif f := next((f for word, f in names.items() if len(word) > 4 and any(
                                short(x, y) for y in (word, self.lang.stem(word) + 'ing', self.lang.stem(word)) for x in (w.low, w.stem))), None):
                            out.append(Mention('flag', n, n+1, table.name, *f, slip=True))
                        elif v := next((v for word, vs in known.items() if len(word) > 4 and short(w.low, word) for v in vs), None):
                            out.append(Mention('value', n, n+1, table.name, *v, slip=True))
            n += 1
        return out

    def grades(self, table):
        "What stands in the short text columns of a table, with what may stand in one that is a grade though no row has it (“high” of a priority)"
        made, known = table.__dict__.setdefault('_grades', {}), table.index(self.lang).known()
        if self.lang.code not in made:
            more, grades = {}, self.g.get('grades') or {'of': [], 'are': []}
            for c, k in table.columns.items():
                if k != 'text' or c == table.main or c not in grades['of']: continue
                have = [v for r in table.rows if (v := str(r.get(c) or ''))]
                if have and any(v.casefold() not in grades['are'] for v in have): continue          # priority A, B or C
                for w in grades['are']:
                    if w not in known: more[w] = [(c, w.capitalize() if have and all(v[:1].isupper() for v in have) else w)]
            made[self.lang.code] = {**known, **more} if more else known
        return made[self.lang.code]
    def words_of(self, table):
        "What can be said of a table, made once: its flags' words, those by the columns' own names, its columns' names, and the stems of them"
        made, stem = table.__dict__.setdefault('_said', {}), self.lang.stem
        if self.lang.code not in made:
            flags, names = self.flagwords(table), self.flagnames(table)
            columns = {w: c for c in table.columns
                       for w in (spoken_name(c), spoken_name(c).removesuffix(' at').removesuffix(' on'), *self.lang.columns.get(c, ()))}
            made[self.lang.code] = (flags, names, columns, {stem(w): (w, f) for w, f in names.items() if ' ' not in w},
                                    {tuple(map(stem, w.split())): f for w, f in flags.items() if ' ' in w},
                                    {stem(w): c for w, c in columns.items() if ' ' not in w},
                                    {tuple(w.split()): f for w, f in flags.items() if w.count(' ') == 1
                                     and w.split()[1] in self.g['particles'] and w.split()[0] not in self.g['be']})
        return made[self.lang.code]

    def says_flag(self, n, a):
        "Is this form of a flag's word one that sets it: a participle anywhere, the plain verb only where an order stands"
        w = self.words[n].low
        if w.endswith('ing') and not (n > a and self.words[n-1].low in ('stop', 'start')): return False
        # “mach das dringend”, “make it urgent”: what it is made follows
        if w in self.lang.cues['put'] and w in self.lang.cues['change'] and w not in self.lang.past: return False
        return ('done' in self.cues(0, len(self.words)) or w in self.lang.past or w.endswith(('ed', 't', 'n')) and not w.endswith('nt')
                or w.startswith('ge') or n == a or self.words[n-1].kind == 'mark' or self.words[n-1].low in self.g['imperative']
                or self.lang.code != 'en' and not w.endswith('ing'))

    def tables(self, a, b):
        "`_tables`, found once"
        if (a, b) not in self._seen: self._seen[a, b] = self._tables(a, b)
        return self._seen[a, b]
    def _tables(self, a, b):
        "The tables that are named, by a noun"
        out = []
        for n in range(a, b):
            for length in (3, 2, 1):
                said = ' '.join(w.low.removesuffix("'s") for w in self.words[n:n+length])
                if n+length <= b and said in self.reader.nouns: out.append(Mention('table', n, n+length, self.reader.nouns[said])); break
            else:
                w = self.words[n]
                if (w.kind == 'word' and (len(w.low) >= 4 or len(w.low) > 1 and not re.search('[aeiouäöü]', w.low))
                        and w.low not in self.g['common']
                        and w.stem not in self.lang.small
                        and (t := next((t for word, t in self.reader.nouns.items() if ' ' not in word and short(w.low, word, True)), None))):
                    out.append(Mention('table', n, n+1, t, slip=True))
        return out
