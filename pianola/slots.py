"""Which column each part of a sentence fills, for a new row or for one that
is there: by the columns' names and kinds, and by what stands in the rows.

    labels (fee 60 · 60 guests · hosted by Bea) → what only one column can hold (dates, money,
    units, choices, yes or no) → what some row has → places (by, at, in) → what is left is the name

Every word ends as part of a value, as glue, or unexplained; a reading that leaves much unexplained is none."""
import re
from datetime import date, timedelta
from .language import spoken_name, unmask

class Slots:
    "The words from a up to b of a `Gist`, read into a table's columns; `row`: the row that is meant, `spent`: words that are explained already"
    def __init__(self, g, table, a, b, row=None, spent=()):
        self.g, self.t, self.a, self.b, self.row, self.lang, self.words = g, table, a, b, row, g.lang, g.words
        self.values, self.by, self.firm, self.was, self.now = {}, {n: '' for n in spent}, 0, {}, {}
        self.named = self.like = self.moved = False
        self.known, self.flags, self.names = table.index(g.lang).known(), *g.words_of(table)[:2]
        if '_sets' not in g.lang.__dict__: g.lang._sets = self.sets(g.g)
        self.units, self.preps, self.glue = g.lang._sets

    def sets(self, gist):
        "(units, words of place, words that hold others together) of a language, made once"
        units = {u for us in gist['units'].values() for u in us if len(u) > 1 or not u.isalpha()} | {*gist['weights']}
        preps = {w for ws in gist['by_place'] for w in ws.split('|')}
        glue = ({*self.lang.words['a']} - {'entry', 'row', 'item', 'record', 'thing'}
                | {*self.lang.words['it'], *gist['chatter'], *gist['fill'], *gist['pronoun'], *gist['link'], *gist['and'], *gist['by'], *gist['now'],
                   *self.lang.words['not']}
                | {w for p in (*self.lang.words['polite'], *self.lang.words['tail'], *self.lang.words['wish']) for w in p.split()})
        return units, preps, glue

    def once(self, what, c, make):
        "Something about a table's column that is found out once"
        made = self.t.__dict__.setdefault('_once', {})
        if (what, c) not in made: made[what, c] = make([v for r in self.t.rows if (v := r.get(c)) not in (None, '')])
        return made[what, c]
    def shapes(self, c):
        "How the codes of a column look (KAR-03: AAA-9), an empty set where it holds none"
        def make(have):
            found = {shape(str(v).upper()) for v in have}
            return found if len(have) > 1 and len(found) <= max(2, len(have)//2) and any('9' in v for v in found) else set()
        return self.once('shapes', c, make)

    # words

    def low(self, n): return self.words[n].low if self.a <= n < self.b else ''
    def free(self, n): return self.a <= n < self.b and n not in self.by
    def mark(self, n):
        "Does a part of the sentence end here? The point of an initial or of a title ends none."
        w = self.words[n]
        if w.text == '.' and n > self.a and (len(p := self.words[n-1].text) == 1 and p.isalpha() or p.lower() in self.g.g['titles']): return False
        return w.kind == 'mark' or w.kind == 'arrow'
    def put(self, c, v, i, j, firm=1):
        self.values[c] = v
        self.by |= dict.fromkeys(range(i, j), c)
        self.firm += firm
    def said(self, i, j):
        at = self.words[i].a
        if at and self.g.text[at-1] in '/~' and (at == 1 or self.g.text[at-2].isspace()): at -= 1          # /sale
        return self.g.reader.clean(self.g.text[at:self.words[j-1].b])
    def money(self, c): return c in self.g.g['money'] or c.split('_')[-1] in self.g.g['money'] or c.split('_')[0] in self.g.g['money']
    def open(self, c): return c not in self.values
    def columns(self, *kinds): return [c for c, k in self.t.columns.items() if k in kinds and self.open(c)]

    # what a column is called

    def labels(self):
        "{a word or words: column}, and {a stem: column}, of a table, made once"
        made = self.t.__dict__.setdefault('_labels', {})
        if self.lang.code not in made:
            full, kin = {}, {}
            for c, k in self.t.columns.items():
                plain = spoken_name(c)
                own = [plain, plain.removesuffix(' at').removesuffix(' on'), *self.lang.columns.get(c, ())]
                parts = plain.split()
                if len(parts) > 1:
                    own += ([x for x in parts if k == 'number' and len(x) > 3 and x not in self.lang.words['a']]
                            + [parts[0]]*(len(parts[0]) > 4 and k != 'bool'))
                for w in own:
                    for x in (w, self.lang.singular(w), self.lang.plural(w)): full.setdefault(x, c)
                    if ' ' not in w and len(s := self.lang.stem(w)) >= 4: kin.setdefault(s, c)
            money = [c for c, k in self.t.columns.items() if k == 'number' and self.money(c)]
            if len(money) == 1:
                for w in self.g.g['costs']: full.setdefault(w, money[0])
            for w, cs in self.g.g['verbs'].items():
                hit = [c for c in self.t.columns if c in cs]
                if len(hit) == 1:
                    for x in w.split('|'): full.setdefault(x, hit[0])
            made[self.lang.code] = full, kin
        return made[self.lang.code]
    def label(self, n):
        "(column, where its name ends, is it but akin) when a column's name begins here"
        full, kin = self.labels()
        if self.words[n].kind != 'word': return None
        for length in (3, 2, 1):
            if (n+length <= self.b and all(self.free(k) for k in range(n, n+length))
                    and (c := full.get(' '.join(w.low.removesuffix("'s") for w in self.words[n:n+length])))):
                return c, n+length, False
        w = self.words[n]
        if not self.free(n) or len(w.low) < 3 or w.low in self.g.g['common']: return None
        if c := kin.get(w.stem) or next((c for s, c in kin.items() if len(w.stem) >= 4 and abs(len(s)-len(w.stem)) <= 3
                                         and (s.startswith(w.stem) or w.stem.startswith(s))), None):
            return c, n+1, True
        slips = self.t.__dict__.setdefault('_slips', {})
        if (key := (self.lang.code, w.low)) not in slips:
            slips[key] = next((c for x, c in full.items() if ' ' not in x and self.g.short(w.low, x)), None)
        if slips[key]: return slips[key], n+1, True
        return None

    # what a value can be

    def looks(self):
        "{text column: time, day, phone or code}: how its values look, and where there are none what its name says; made once"
        made = self.t.__dict__.setdefault('_looks', {})
        if self.lang.code not in made:
            out = made[self.lang.code] = {}
            for c, k in self.t.columns.items():
                if k != 'text' or c == self.t.main: continue
                have = [v for r in self.t.rows[:60] if (v := str(r.get(c) or '').strip())]
                out[c] = next((name for name, p in patterns.items() if have and sum(bool(p.fullmatch(v)) for v in have) > .7*len(have)), '')
                if have and not out[c] and sum(self.datelike(v) for v in have) > .7*len(have): out[c] = 'day'
                if not have: out[c] = next((name for name, cs in self.g.g['looks'].items() if c in cs or c.split('_')[-1] in cs), '')
        return made[self.lang.code]
    def datelike(self, v):
        days = {*self.g.g['days'], *self.lang.months}
        return (bool(re.fullmatch(r'\d{1,2}\.\d{1,2}\.(?:\d{2,4})?|\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}(?:/\d{2,4})?', v))
                or len(v.split()) < 5 and any(w.rstrip('.,') in days for w in v.lower().split()))
    def spelled(self, n, look):
        "(value, end) of a time, a day or a phone number that begins here, as it is written"
        if not self.free(n): return None
        w = self.words[n]
        if look == 'time' and w.kind == 'time' or look == 'phone' and w.kind == 'phone': return w.text, n+1
        if look == 'day' and (d := self.day(n)):
            i, j = n, d[1]
            while i < j and (self.low(i) in self.lang.words['a'] or self.low(i) in ('on', 'due', 'am')): i += 1
            while j > i+1 and not (self.low(j-1).rstrip('.') in {*self.g.g['days'], *self.lang.months, *self.lang.days}
                                   or self.words[j-1].kind in ('number', 'date', 'day', 'code')):
                j -= 1
            return self.said(i, j), j
        return None

    def number(self, n, c=''):
        "(value, end) of a number that begins here"
        if not self.free(n): return None
        w = self.words[n]
        if w.kind == 'number':
            if w.text.startswith('#'): return None
            v = self.lang.number(w.low.rstrip('k'), bool(c) and self.t.whole(c))
            if v is None: return None
            # 6 pound 75
            if (self.low(n+1) in self.g.g['coins'] and n+2 < self.b and re.fullmatch(r'\d\d', self.words[n+2].text) and self.free(n+2)
                    and w.text.isdigit()):
                return float(f'{w.text}.{self.words[n+2].text}'), n+3
            if self.low(n+1) in self.g.g['hundredths'] and not c.endswith(tuple(self.g.g['hundredths'])): return v/100, n+2
            if n+1 < self.b and self.words[n+1].kind == 'number' and self.g.text[w.b:self.words[n+1].a] == '/': return v, n+2          # 9/10
            return v*1000 if w.low.endswith('k') else v, n+1
        if w.kind == 'code' and (m := re.fullmatch(r'(\d{1,2})p', w.low)) and self.money(c or ''): return int(m[1])/100, n+1          # 80p
        if w.low in self.g.g['not_numbers'] or w.kind != 'word' or (w.text[0].isupper() and n > self.a): return None
        for end in range(min(self.b, n+6), n, -1):
            if (all(self.free(k) and self.words[k].kind == 'word' for k in range(n, end))
                    and (self.low(end-1) not in self.lang.words['number_and'])
                    and (v := self.lang.number(' '.join(self.low(k) for k in range(n, end)))) is not None):
                return v, end
        return None
    def day(self, n):
        "(YYYY-MM-DD, end) of a date that begins here"
        if not self.free(n) or self.mark(n): return None
        w = self.words[n]
        if w.kind == 'date': return w.text, n+1
        if w.kind == 'day': return (d, n+1) if (d := dotted(w.text)) else None
        if w.kind == 'number' and (n+1 >= self.b or self.words[n+1].kind != 'word') : return None
        days = {*self.g.g['days'], *self.lang.months}
        for end in range(min(self.b, n+8), n, -1):
            ws = self.words[n:end]
            if (any(x.low.rstrip('.') in days for x in ws)
                    and not any(x.kind in ('quote', 'url', 'arrow', 'email', 'time', 'phone') or x.text in ';:!?()' for x in ws)
                    and ws[-1].kind != 'mark' and all(self.free(k) for k in range(n, end)) and (d := self.lang.day(self.g.text[ws[0].a:ws[-1].b]))):
                return d, end
        return None
    def choice(self, c, n):
        "(value, end) of a choice that begins here"
        if not self.free(n) or self.words[n].kind in ('mark', 'arrow', 'quote'): return None
        for v in sorted(self.t.choices.get(c, ()), key=lambda v: -len(str(v))):
            k = len(str(v).split())
            if (n+k <= self.b and all(self.free(x) for x in range(n, n+k))
                    and self.g.text[self.words[n].a:self.words[n+k-1].b].casefold() == str(v).casefold()):
                return v, n+k
        w = self.words[n]
        for v in self.t.choices.get(c, ()):
            if (w.kind == 'word' and len(str(v)) > 2 and ' ' not in str(v)
                    and (w.low in [x + str(v).lower() for x in self.g.g['again']] or w.stem == self.lang.stem(str(v).lower())
                         or self.g.short(w.low, str(v).lower()))):
                return v, n+1
        return None
    def stop(self, n, c):
        "Does a text that fills a column end before this word?"
        if not self.free(n) or self.mark(n) or self.words[n].kind in ('email', 'url', 'date'): return True
        if (l := self.label(n)) and l[0] != c and not l[2] and self.after(l[0], l[1]): return True
        if self.low(n) in self.g.g['joints']: return True
        if self.low(n) in self.preps and (self.low(n) not in self.g.g['inside'] or self.cap(n+1) and self.cap(n+2)):
            k = n+1 + (self.low(n+1) in self.lang.words['a'])
            if ((self.cap(k) or k < self.b and self.words[k].kind == 'quote')
                    and any(x in self.t.columns and x != c and self.open(x) for x in self.places_of(n))):
                return True
        return self.low(n) in ('please', 'pls', 'plz', 'bitte', 'thanks', 'danke')
    def places_of(self, n):
        "The columns that stand behind *by*, *at*, *in*"
        return [c for words, cs in self.g.g['by_place'].items() if self.low(n) in words.split('|') for c in cs if c in self.t.columns
                and self.open(c) and c != self.t.main and self.t.columns[c] in ('text', 'choice')]
    def within(self, k, n, c):
        "Is a word that also says what the row is now part of the text that begins at n: “breed as border collie cross”?"
        return (bool(self.row) and k > n and self.by.get(k) == '' and self.now.get(k) in (c, None) and self.words[k].kind == 'word'
                and self.free(k-1) and self.words[k].stem in self.lang.tokens(str(self.row.get(c) or '')) and k+1 < self.b
                and self.free(k+1) and not self.mark(k+1))
    def text(self, c, n):
        "(value, end) of a text that begins here"
        if not self.free(n) or self.mark(n) or self.low(n) in self.g.g['joints']: return None
        if self.words[n].kind == 'quote': return self.g.reader.clean(self.words[n].text), n+1
        if self.t.columns[c] in ('url', 'email') : return (self.words[n].text.rstrip('.'), n+1) if self.words[n].kind in ('url', 'email') else None
        end = n
        while end < self.b and end < n+9 and not ((self.stop(end, c) and not self.within(end, n, c)) if end > n or self.mark(end) else False):
            end += 1
        while end > n and (self.low(end-1) in self.glue or self.words[end-1].kind == 'mark'): end -= 1
        while end < self.b and self.words[end].text == '.' and not self.mark(end): end += 1
        return (self.said(n, end), end) if end > n and self.low(n) not in self.g.g['never_values'] else None
    def after(self, c, n):
        "(value, from, end) of what stands behind a column's name"
        kind = self.t.columns[c]
        for skip in range(12 if self.row else 5):
            k = n + skip
            if (k < self.b and self.now.get(k) == c
                    and not (k+1 < self.b and (self.low(k+1) in ('to', 'into', 'auf', 'zu') or self.words[k+1].kind == 'arrow'))):
                return None
            if k < self.b and self.row and self.by.get(k) == '': continue
            if k >= self.b or not self.free(k): return None
            if kind == 'text' and self.low(k) in self.g.g['naming'] and not self.cap(k): continue
            if skip and self.by.get(k-1) != '' and not (self.low(k-1) in self.g.g['link'] or self.words[k-1].text == ',' and k-1 == n
                                                        or self.low(k-1) in self.g.g['naming'] or self.words[k-1].kind == 'arrow'
                                                        or self.words[k-1].text == '.'):
                return None
            # “has a new owner, Ruth Alder”
            if self.words[k].text == ',' and self.row and self.cap(k+1) and not skip and self.low(n-2) in self.g.g['one']: continue
            if self.words[k].text in ',;.!?()' and not (self.words[k].text == '.' and skip == 0): return None
            got = self.number(k, c) if kind == 'number' else self.day(k) if kind == 'date' else self.choice(c, k) if kind == 'choice' else None
            if (kind == 'text' and (codes := self.shapes(c)) and self.words[k].kind in ('number', 'code')
                    and shape(self.words[k].text.upper()) in codes):
                return self.words[k].text, k, k+1
            if kind == 'text' and self.looks().get(c) in ('time', 'day', 'phone'):
                if got := self.spelled(k, self.looks()[c]): return got[0], k, got[1]
                if self.low(k) in self.g.g['link'] or self.low(k) in self.lang.words['a']: continue
            if (kind in ('text', 'long', 'url', 'email') and self.low(k) not in self.g.g['link'] and self.words[k].kind != 'arrow'
                    and self.words[k].text != '.'):
                got = self.text(c, k)
            if got: return got[0], k, got[1]
        return None

    # passes

    def labelled(self, kinds):
        n = self.a
        while n < self.b:
            l = self.free(n) and self.label(n)
            if l and self.low(n-1) in ('no', 'without', 'kein', 'keinen'): l = None
            if not l or not self.open(l[0]) or self.t.columns[l[0]] not in kinds: n += 1; continue
            c, end, akin = l
            kind, before, got = self.t.columns[c], n-1, None
            if (kind == 'number' and before >= self.a and (got := self._before(n, c, akin))
                    and not ((nxt := self.after(c, end)) and nxt[1] == end and self.words[before].text == ',')):
                pass
            elif kind == 'text' and not akin and self.row is None and (got := self.sided(n, c)): pass
            elif got := self.after(c, end): pass
            elif kind == 'text' and not akin and (subject := self.subject(n)): got = subject
            elif (kind == 'text' and not akin and not self.row and self.free(n-1) and self.words[n-1].kind == 'word'
                  and self.low(n-1) not in self.glue and c != self.t.main
                  and (end >= self.b or not self.free(end) or self.mark(end) or self.low(end) in self.g.g['joints'])):
                got = self.words[n-1].text, n-1, n
            elif kind == 'choice':
                got = next(((v[0], k, v[1]) for k in (n-1, n-2) if k >= self.a and (v := self.choice(c, k)) and v[1] == n), None)
            # “three copies of the Gloria, only 37 remain”
            if (got and self.row and kind == 'number' and got[2] <= end and self.low(end) == 'of'
                    and any(self.words[k].kind == 'number' or self.low(k) in self.lang.words['numbers'] for k in range(end, self.b))):
                n = end
                continue
            if got and (kind in ('number', 'date', 'choice') or not akin or self.low(end) in self.g.g['agents'] or self.words[end].kind == 'arrow'):
                j = max(end, got[2])
                if kind == 'number' and self.free(j) and self.low(j) in self.units: j += 1
                self.put(c, got[0], min(n, got[1]), j)
                n = j
            else: n += 1
    def sided(self, n, c):
        "(value, from, end) of *bride's* in “bride's side”: what some row has, right before the column's name"
        if not self.free(n-1) or self.words[n-1].kind != 'word': return None
        said = self.low(n-1).removesuffix("'s")
        return next(((v, n-1, n) for x in (said, self.lang.singular(said)) for cc, v in self.known.get(x, ()) if cc == c), None)
    def subject(self, n):
        "(value, from, end) of *Ines* in “Ines is the host”"
        k = n-1
        while k > self.a and self.low(k) in ('the', 'a', 'our', 'der', 'die', 'das'): k -= 1
        if k <= self.a or self.low(k) not in ('is', 'was', 'ist', 'war', 'being'): return None
        i = k
        while i > self.a and self.cap(i-1): i -= 1
        return (self.said(i, k), i, k) if i < k else None
    def _before(self, n, c, akin=False):
        "(value, from, end) of the number that stands right before a column's name"
        for k in range(max(self.a, n-5), n):
            if (v := self.number(k, c)) and v[1] == n: return v[0], k, n
        if not akin and self.low(n-1) in self.lang.words['numbers'] and self.free(n-1): return self.lang.words['numbers'][self.low(n-1)], n-1, n
        return None

    def typed(self):
        "What only one column can hold"
        for n in range(self.a, self.b):
            if not self.free(n): continue
            w = self.words[n]
            if (w.kind in ('email', 'url')
                    and (cs := [c for c in self.columns(w.kind)]
                         or ([c for c in self.columns('text') if c in self.g.g['sites']] if w.kind == 'url' else []))):
                self.put(cs[0], w.text.rstrip('.'), n, n+1)
                continue
            if (w.kind == 'number' and re.search('[€$£]', self.g.text[w.a:w.b+2])
                    and (cs := [c for c in self.columns('number') if self.money(c)]) and len(cs) == 1 and (v := self.number(n, cs[0]))):
                self.put(cs[0], v[0], n, v[1] + (self.low(v[1]) in self.g.g['each']))
                continue
            if (w.kind == 'number' and n > self.a and self.words[n-1].text == '@'
                    and len(cs := [c for c in self.columns('number') if self.money(c)]) == 1):
                self.put(cs[0], self.number(n, cs[0])[0], n-1, n+1 + (self.low(n+1) in self.g.g['each']))
                continue
            if (w.kind == 'number' and w.text.isdigit() and not self.row and self.low(n+1) == 'x'
                    and self.g.text[w.b:self.words[n+1].a] == ''
                    and (c := next((c for c in self.columns('number') if c in self.g.g['counts']), None))):
                self.put(c, int(w.text), n, n+2)
                continue
            if (w.kind == 'code' and not self.row and (m := re.fullmatch(r'(\d+)x', w.low))
                    and (c := next((c for c in self.columns('number') if c in self.g.g['counts']), None))):
                self.put(c, int(m[1]), n, n+1)
                continue
            if ((v := self.number(n)) and v[1] < self.b
                    and (self.free(v[1]) and (self.words[v[1]].kind == 'word' or self.low(v[1]) in self.g.g['suffixes']['m2']))):
                unit = self.words[v[1]].low
                c = next((c for c, us in self.g.g['units'].items() if c in self.t.columns and self.t.columns[c] == 'number' and self.open(c)
                          and unit in us), None)
                if not c:
                    c = next((c for c in self.columns('number') if unit in self.g.g['suffixes'].get(c.rpartition('_')[2], ()) and '_' in c), None)
                if not c and unit in self.g.g['heads'] and len(cs := [c for c in self.columns('number') if c in self.g.g['people']]) == 1: c = cs[0]
                if not c and unit in self.g.g['each'] and len(cs := [c for c in self.columns('number') if self.money(c)]) == 1: c = cs[0]
                if not c and unit in self.g.g['pieces']: c = next((c for c in self.columns('number') if c in self.g.g['counts']), None)
                if (not c and unit in self.g.g['weights']
                        and len(cs := [c for c in self.columns('number') if c in ('weight', 'mass', 'load', 'gewicht')]) == 1):
                    c = cs[0]
                if c: self.put(c, v[0]*self.g.g['units'].get(c, {}).get(unit, 1), n, v[1]+1); continue
            if c := next((c for c in self.columns('text') if (look := self.looks().get(c)) and (got := self.spelled(n, look))), None):
                self.put(c, got[0], n, got[1])
                continue
            if (ds := self.columns('date')) and (self.low(n) not in self.lang.words['a'] or w.kind in ('number', 'date')) and (d := self.day(n)):
                if len(ds) == 1 or not self.row: self.put(ds[0], d[0], n, d[1])
    def choices(self):
        for n in range(self.a, self.b):
            for c in self.columns('choice'):
                if self.row and self.free(n) and (v := self.choice(c, n)) and not self.differs(c, v[0]): self.by[n] = ''; break
                if (self.free(n) and self.open(c) and (v := self.choice(c, n)) and (len(str(v[0])) > 2 or self.words[n].text == str(v[0]))
                        and not (self.words[n].text[0].isupper() and n > self.a and not str(v[0])[0].isupper()
                                 and (self.cap(n-1) or self.cap(n+1))) and self.low(n) not in ('ok',)):
                    self.put(c, v[0], n, v[1])
                    break
    def cap(self, n): return self.free(n) and self.words[n].kind in ('word', 'code') and self.words[n].text[0].isupper()
    def yesno(self):
        last = {}
        for n in range(self.a, self.b):
            for length in (3, 2, 1):
                said = ' '.join(w.low for w in self.words[n:n+length])
                f = self.flags.get(said) or (
                    length == 1 and self.words[n].kind == 'word' and len(said) > 3 and self.g.says_flag(n, self.a)
                    and next((f for w, f in self.names.items() if ' ' not in w and self.lang.stem(w) == self.words[n].stem), None))
                if (f and n+length <= self.b and all(self.free(k) for k in range(n, n+length)) and self.open(f[0])
                        and not (length == 1 and self.cap(n) and n > self.a)):
                    off = bool(re.search(self.g.g['no'], ' '.join(self.low(k) for k in range(max(self.a, n-3), n))))
                    # the last word about it, “the lease … no longer leased”
                    if f[0] not in last or off or self.words[n].low in self.flags: last[f[0]] = f[1] != off, n, n+length
                    break
        for c, v in last.items(): self.put(c, *v)
    def seen(self):
        "What some row has, as it stands there"
        for n in range(self.a, self.b):
            for length in (5, 4, 3, 2, 1):
                if n+length > self.b or not all(self.free(k) for k in range(n, n+length)): continue
                said = ' '.join(w.low.removesuffix("'s") for w in self.words[n:n+length] if w.text != '.')
                plain = self.g.text[self.words[n].a:self.words[n+length-1].b].lower()
                hit = next(((c, v) for c, v in self.known.get(plain, ()) or self.known.get(said, ())
                            or self.known.get(re.sub(r'\b(dr|mr|mrs|ms) ', r'\1. ', said), ())
                            if self.open(c) and self.t.columns[c] == 'text'), None)
                if not hit or length == 1 and (self.words[n].stem in self.lang.small or len(said) < 2): continue
                if self.row and not self.differs(*hit): self.by |= dict.fromkeys(range(n, n+length), ''); break
                alone = not (self.cap(n-1) and self.cap(n)) and not (self.cap(n+length) and self.cap(n)) or length > 1
                if alone: self.put(*hit, n, n+length); break
    def places(self, sure=False):
        "What stands behind *by*, *at*, *in*; `sure`: only names"
        for n in range(self.a, self.b-1):
            if not self.free(n): continue
            if not (cs := self.places_of(n)): continue
            if self.low(n) == 'of' and any(self.low(x) in ('by', 'from') for x in range(n+1, self.b)): continue          # a copy of this by that one
            k = n+1
            while k < self.b and self.low(k) in self.lang.words['a'] and self.low(k) not in ('in', 'on', 'at'): k += 1
            if (sure and not (k < self.b and (self.cap(k) or self.words[k].kind == 'quote'))
                    or sure and self.low(n) in self.g.g['inside'] and self.cap(n-1) and not (self.cap(k) and self.cap(k+1))):
                continue
            if k < self.b and self.free(k) and (got := self.text(cs[0], k)):
                v, end = got
                if (not self.cap(k) and self.words[k].kind != 'quote'
                        and (self.low(k) in self.glue or self.low(k) in self.g.reader.nouns or self.low(k) in self.lang.words['list']
                             or self.low(k) in self.g.g['lists'] or self.low(k) in self.g.g['not_places'])):
                    continue
                if self.cap(k):                     # a name ends where the capitals do
                    end = next((x for x in range(k, end) if not self.cap(x) and self.words[x].kind != 'number'
                                and self.low(x) not in self.g.g['inside'] and not self.words[x].text == '.'), end)
                    while end > k and self.low(end-1) in self.g.g['inside']: end -= 1
                    # “the Stone cellar”
                    if end == got[1]-1 and self.words[end].kind == 'word' and self.low(end) not in self.glue and self.low(end) not in self.preps:
                        end = got[1]
                    v = self.said(k, end)
                if len(v.split()) <= 5: self.put(cs[0], v, n, end)

    # the name

    def frame(self, cues):
        "What only says that there is a new row: the table's noun with what stands before it, the cue"
        dets = {*self.lang.words['a'], *self.g.g['one'], *self.g.g['onto'], 'new', 'like', 'among', 'under', 'with', 'als', 'unter'}
        for m in self.g.tables(self.a, self.b):
            if m.table != self.t.name or not self.free(m.a) or m.a-1 > self.a and self.cap(m.a-1) or self.cap(m.a) and m.a > self.a and self.cap(m.b):
                continue
            self.by |= dict.fromkeys(range(m.a, m.b), '')
            n = m.a-1
            if (self.free(n) and self.words[n].kind == 'word' and self.low(n) not in dets and self.low(n-1) in dets and not self.cap(n)
                    and not any(self.choice(c, n) for c in self.columns('choice')) and self.low(n) not in self.flags):
                self.by[n] = ''
                n -= 1
            while self.free(n) and (self.low(n) in dets or any(self.choice(c, n) for c in self.columns('choice')) or self.low(n) in self.flags):
                if self.low(n) in dets: self.by[n] = ''
                n -= 1
        for m in cues.values():
            if m.key in ('create', 'put', 'place') and m.b > m.a:
                self.by |= {n: '' for n in range(m.a, m.b) if self.free(n) and not (self.cap(n) and n > self.a)}
    def runs(self):
        "[(from, end)] of words that nothing explains yet, without the glue at their ends"
        out, n = [], self.a
        while n < self.b:
            if not self.free(n) or self.mark(n): n += 1; continue
            e = n
            while e < self.b and self.free(e) and not self.mark(e): e += 1
            i, j = n, e
            while i < j and self.low(i) in self.glue and not (self.cap(i) and self.cap(i+1) and i > self.a): i += 1
            while j > i and (self.low(j-1) in self.glue or self.words[j-1].kind == 'mark'): j -= 1
            if j > i: out.append((i, j))
            n = e
        return out
    def name(self):
        "The main column of a new row"
        t = self.t.main
        if t in self.values: return
        if q := [n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'quote']:
            return self.put(t, self.g.reader.clean(self.words[q[0]].text), q[0], q[0]+1)
        for n in range(self.a, self.b-1):
            if (self.low(n) in self.g.g['naming'] or self.low(n) in self.g.g['calling'] and self.low(n+1) in ('it', 'him', 'her', 'them')
                    or f'{self.low(n)} {self.low(n+1)}' in self.g.g['naming']):
                k = n+1 + (self.low(n) not in self.g.g['naming'] and f'{self.low(n)} {self.low(n+1)}' in self.g.g['naming'])
                while self.low(k) in ('it', 'him', 'her', 'is', 'as', 'them') or k < self.b and self.words[k].text == ':': k += 1
                if k < self.b and self.free(k) and (got := self.text(t, k)):
                    end = (next((x for x in range(k+2, got[1]) if self.cap(k) and self.cap(k+1) and self.low(x) in self.preps), got[1])
                           if self.words[k].kind != 'quote' else got[1])
                    return self.put(t, self.said(k, end) if end != got[1] else got[0], n, end)
        if ((codes := self.shapes(t))
                and (n := next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'code'
                                and shape(self.words[n].text.upper()) in codes), None)) is not None):
            return self.put(t, self.words[n].text, n, n+1)
        runs = self.runs()
        if not runs: return
        caps = ([(i, j) for i, j in self.capital(runs) if not (i == self.a and j == i+1)]
                if any(w.text[:1].isupper() for w in self.words[self.a+1:self.b]) else [])
        lead = [n+1 for n in range(self.a, self.b) if self.words[n].text in (':', '-', '–') or n in self.by and not self.by[n]]
        near = lambda rs: next((r for r in rs if r[0] in lead
                                or any(self.low(r[0]-1) in self.lang.words['a'] and r[0]-k in lead for k in (1, 2))), None)
        colon = next((r for r in runs if any(self.words[k].kind == 'arrow' for k in range(max(self.a, r[0]-2), r[0]))), None)
        i, j = (colon or next((c for c in caps if c[0] in lead), None) or (max(caps, key=lambda c: (c[1]-c[0], -c[0])) if caps else None)
                or near(runs) or runs[0])
        if ((i, j) in caps and not colon and (whole := next((r for r in runs if r[0] == i), None))
                and (i-1 in lead or i in lead or i and self.mark(i-1))
                and not any(self.low(k) in self.preps or self.low(k) in self.g.g['joints'] or self.words[k].kind == 'number'
                            or self.low(k) in self.g.g['name_ends'] for k in range(j, whole[1]))):
            j = whole[1]
        j = next((k for k in range(i+1, j) if not self.cap(k) and not self.cap(i) and self.low(k) in self.g.g['name_ends']), j)
        j = next((k for k in range(i+1, j) if self.low(k) in self.g.g['joints'] and not self.cap(k)
                  and self.low(k) not in ('and', 'with', 'not', 'n', 'und', 'mit')), j)
        if not colon and (i, j) in runs and (new := [n for n in range(i+1, j) if self.low(n) in self.g.g['one']]): i = new[-1]+1
        if i < j and (c := next((c for c in self.columns('number') if c in self.g.g['counts']), None)) and (v := self.number(i)) and v[1] < j:
            self.put(c, v[0], i, v[1])
            i = v[1]
        while j-1 > i and self.low(j-1) in self.g.g['days'] and not self.cap(j-1): j -= 1          # “Kofi Adu yesterday”
        if (j-1 > i and self.words[j-1].kind == 'number' and (v := self.number(j-1))
                and (not self.cap(j-2) and self.columns('number')
                     or any(1500 < (self.span(c) or (0,))[0] and self.fits(c, v[0]) for c in self.columns('number')))):
            j -= 1
        most = self.once('most', t, lambda vs: max((len(str(v).split()) for v in vs), default=9))
        if i == self.a and j-i == most+1 and j-i > 2 and (i, j) in caps: i += 1          # “Admit Bernard Cole”: an order begins with a capital too
        if i < j: self.put(t, self.said(i, j), i, j, 0)
    def capital(self, runs):
        "The parts of runs that are written as names are"
        for i, j in runs:
            n = i
            while n < j:
                if not (self.cap(n) or self.words[n].kind == 'code'): n += 1; continue
                e = n+1
                while e < j and (self.cap(e) or self.words[e].kind == 'code' or self.words[e].text in '.&' or self.words[e].kind == 'number'
                                 or self.low(e) in self.g.g['inside'] and e+1 < j and self.cap(e+1)):
                    e += 1
                yield n, e
                n = e
    def rest(self):
        "What is left: numbers for the one column they fit, names for the one that is open"
        for n in range(self.a, self.b):
            if not (v := self.free(n) and self.number(n)): continue
            cs = [c for c in self.columns('number')]
            if self.low(n-1) in self.g.g['worth'].split('|') and len(money := [c for c in cs if self.money(c)]) == 1: cs = money
            fit = [c for c in cs if self.fits(c, v[0])] if len(cs) > 1 else cs
            # “two oil filters” is how many, of what
            if self.row and self.by.get(v[1]) == '' and self.words[v[1]].kind == 'word' and self.low(n-1) not in self.g.g['to']: continue
            if len(fit) == 1 and self.row and isinstance(x := self.row.get(fit[0]), (int, float)) and x > 0 and v[0] > 0 and max(v[0]/x, x/v[0]) > 3:
                continue
            if len(fit) == 1 and not (len(cs) == 1 and (x := self.span(fit[0])) and x[0] > 1000 and v[0] < 100): self.put(fit[0], v[0], n, v[1], 0)
        for n in range(self.a, self.b):
            if (self.free(n) and self.words[n].kind == 'code'
                    and len(cs := [c for c in self.columns('text') if c != self.t.main
                                   and self.once('shape', c, lambda vs: {shape(str(v)) for v in vs}) == {shape(self.words[n].text.upper())}]) == 1):
                self.put(cs[0], self.words[n].text.upper(), n, n+1)
        for i, j in self.runs():
            if self.row: break
            cs = [c for c in self.columns('text') if c != self.t.main and self.shaped(c, i, j)]
            if j-i > 4 or self.label(i) or any(self.low(k) in self.g.g['joints'] for k in range(i, j)):      # a name within a clause
                i, j = next(((x, y) for x, y in self.capital([(i, j)])), (i, i))
                if i == j or not (akin := self.kin(cs, i, j)): continue
                self.put(akin, self.said(i, j), i, j, 0)
                continue
            start = i == self.a or self.mark(i-1) or i-1 in self.by or self.low(i-1) in self.lang.words['a'] and (i-1 == self.a or self.mark(i-2))
            ended = j == self.b or self.mark(j) or self.cap(i) and j in self.by
            ended = ended or self.low(i-1) in self.g.g['copula'] and self.by.get(j) == self.t.main
            start = start or self.low(i-1) in self.g.g['bringing'] and self.mark(j-1) is False and (j == self.b or self.mark(j))
            if akin := self.kin(cs, i, j) or (start or self.low(i-1) in self.g.g['copula']) and ended and self.like_others(cs, i, j):
                self.put(akin, self.said(i, j), i, j, 0)
            elif len(cs) == 1 and j-i <= 2 and self.low(i-1) in self.g.g['copula'] and ended and not (j < self.b and self.words[j].text[0].isupper()):
                self.put(cs[0], self.said(i, j), i, j, 0)
            elif (len(cs) == 1 and start and ended
                  and (self.cap(i)
                       or j-i <= 2 and (self.low(i-1) in self.g.g['bringing'] or self.mark(i - 1 - (self.low(i-1) in self.lang.words['a'])))
                       and not self.row)):
                self.put(cs[0], self.said(i, j), i, j, 0)
    def shaped(self, c, i, j):
        "Could these words stand in a column whose values are all codes (A1, B4) or none?"
        coded = self.once('coded', c, lambda vs: (
            {shape(str(v).upper()) for v in vs} if len(vs) > 1 and all(re.search(r'\d', str(v)) and len(str(v)) < 9 for v in vs) else None))
        return coded is None or shape(self.said(i, j).upper()) in coded
    def like_others(self, cs, i, j):
        """The one open column whose values are written as these words are: so many of them,
        with capitals or without; of an empty table the one that holds people, for a name"""
        def profile(v): return v[:1].isupper(), len(v.split()) > 1
        said, score = profile(self.said(i, j)), {}
        for c in cs:
            share = self.once('profiles', c, lambda vs: {p: sum(profile(str(v)) == p for v in vs)/len(vs) for p in {profile(str(v)) for v in vs}})
            if share: score[c] = share.get(said, 0.)
            elif said == (True, True): score[c] = float(c in self.g.g['persons'])
        best = sorted(score, key=score.get, reverse=True)
        return (best[0] if best and score[best[0]] >= .5 and (len(best) == 1 or score[best[1]] <= score[best[0]]/2.5)
                and len(best) == len(cs) else None)
    def kin(self, cs, i, j):
        "The one open column whose values share words with these"
        want = {self.words[k].stem for k in range(i, j) if self.words[k].kind == 'word' and len(self.words[k].low) > 2}
        cs = [c for c in cs if self.shaped(c, i, j)]
        hits = [c for c in cs if want & self.once('tokens', c, lambda vs: {w for v in vs for w in self.lang.tokens(str(v))})]
        return hits[0] if len(hits) == 1 else None
    def span(self, c):
        def make(have):
            vs = [v for v in have if isinstance(v, (int, float)) and not isinstance(v, bool) and v]
            return (min(vs), max(vs)) if vs else None
        return self.once('span', c, make)
    def fits(self, c, v):
        "Is a number like those that stand in a column, or like the one that stands in the row?"
        if self.row:
            return (isinstance(x := self.row.get(c), (int, float)) and x > 0 and v > 0 and max(v/x, x/v) < 1.6
                    and not (self.t.whole(c) and v != int(v)) and c not in self.was)
        if not (s := self.span(c)): return False
        if s[0] > 1500 and s[1] < 2200: return 1500 < v < 2200
        return s[0]/2.5 <= v <= s[1]*2.5 and not (self.t.whole(c) and v != int(v))
    def left(self):
        "Words that nothing explains; of a row that is there, in the parts of the sentence that tell a value"
        if self.row:
            cuts = [self.a-1, *[n for n in range(self.a, self.b) if self.mark(n) and self.words[n].kind == 'mark'], self.b]
            told = [(x, y) for x, y in zip(cuts, cuts[1:]) if any(self.by.get(n) in self.values for n in range(x+1, y))]
        return [n for i, j in self.runs() for n in range(i, j) if self.words[n].kind != 'mark' and self.low(n) not in self.glue
                and (not self.row or any(x < n < y for x, y in told))]

    def new(self, cues):
        "{column: value} of a new row, else None"
        self.frame(cues)
        self.referred()
        self.labelled(('number', 'date', 'choice', 'url', 'email'))
        self.labelled(('text', 'long'))
        self.typed()
        self.choices()
        self.yesno()
        self.seen()
        self.places(True)
        title = self.t.titled(self.lang)
        if title != self.t.main: self.owned(title)
        self.headed()
        self.name()
        self.places()
        self.rest()
        if title != self.t.main: self.entitle(title)
        for c, v in self.values.items():                # “for flat 2”: the flat is called Flat 2
            if self.t.columns[c] == 'text' and (full := next((v2 for c2, v2 in self.known.get(f'{c} {v}'.lower(), ()) if c2 == c), None)
                                                or next((str(r[tb.main]) for tb in self.g.world.tables.values() if tb is not self.t
                                                         and c in tb.nouns(self.lang) for r in tb.rows
                                                         if str(r.get(tb.main)).casefold() == f'{c} {v}'.casefold()), None)):
                self.values[c] = full
        return self.values if self.values.get(self.t.main) else None

    def headed(self):
        "What stands before a colon and fills nothing only announces what follows; X = Y are two texts"
        colon = next((n for n in range(self.a+1, self.b-1) if self.words[n].text == ':' and self.free(n+1)), None)
        if colon is not None and self.t.main not in self.values and not self.label(colon-1):
            self.by |= {n: '' for n in range(self.a, colon) if self.free(n)}
        pair = next((n for n in range(self.a+1, self.b-1) if self.words[n].text in ('=', '->', '→') and self.free(n-1) and self.free(n+1)), None)
        texts = [c for c in self.columns('text')]
        if pair is not None and len(texts) > 1 and texts[0] == self.t.main and (second := self.text(texts[1], pair+1)):
            i = pair
            while i > self.a and self.free(i-1) and not self.mark(i-1): i -= 1
            self.put(texts[0], self.said(i, pair), i, pair)
            self.put(texts[1], second[0], pair, second[1])
    def referred(self):
        "Rows of another table that a column here is called after: a loan's *book*"
        for i, j, tb, r in self.g.anchored():
            if tb is self.t or not (self.a <= i and j <= self.b): continue
            c = next((c for c in self.columns('text') if c in tb.nouns(self.lang)), None)
            if c and all(self.free(n) for n in range(i, j)): self.put(c, str(r.get(tb.main)), i, j)
    def owned(self, title):
        """Of a table whose first column says whose or when it is: what is called so, stands
        in quotation marks or behind a colon is the title; *for* and *from* lead to the first"""
        t, low = self.t.main, self.low
        if self.open(title):
            at = next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'quote'), None)
            if at is not None: self.put(title, self.g.reader.clean(self.words[at].text), at, at+1)
            elif ((n := next((n for n in range(self.a, self.b-1) if self.free(n) and low(n) in self.g.g['naming']), None)) is not None
                  and self.free(n+1) and (got := self.text(title, n+1))):
                self.put(title, got[0], n, got[1])
            elif ((n := next((n for n in range(self.a, self.b-1) if self.words[n].text == ':'), None)) is not None
                  and any(low(k) in self.g.g['whose'] for k in range(self.a, n)) and self.free(n+1) and (got := self.text(title, n+1))):
                self.put(title, got[0], n+1, got[1])
        if not self.open(t): return
        # room 103
        if ((codes := self.shapes(t))
                and (n := next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind in ('number', 'code')
                                and shape(self.words[n].text.upper()) in codes
                                and len(self.words[n].text) in self.once('lengths', t, lambda vs: {len(str(v)) for v in vs})), None)) is not None):
            return self.put(t, self.words[n].text, n, n+1)
        for n in range(self.a, self.b-1):
            if low(n) not in self.g.g['whose'] or not self.free(n): continue
            k = n+1 + (low(n+1) in self.lang.words['a'])
            known = next(((v, k+length) for length in (4, 3, 2, 1) if k+length <= self.b for c, v in self.known_main(k, k+length)), None)
            if known: return self.put(t, known[0], n, known[1])
            if self.cap(k):
                e = k
                while e < self.b and self.free(e) and (self.cap(e) or self.words[e].kind == 'number'
                                                       or low(e) in self.g.g['inside'] and self.cap(e+1)):
                    e += 1
                return self.put(t, self.said(k, e), n, e)
    def known_main(self, i, j):
        "[(main column, value)] where these words are what some row has in the main column"
        said = self.g.text[self.words[i].a:self.words[j-1].b].casefold()
        return [(self.t.main, r[self.t.main]) for r in self.t.rows if str(r.get(self.t.main) or '').casefold() == said][:1]
    def entitle(self, title):
        "What was taken for the first column is the title where it is written as titles are and the first column is open else"
        t = self.t.main
        if t not in self.values and title in self.values:
            for i, j in self.capital(self.runs()): return self.put(t, self.said(i, j), i, j, 0)
        if title in self.values or t not in self.values: return
        runs = [r for r in self.runs() if r[1]-r[0] <= 7]
        if runs:
            i, j = max(runs, key=lambda r: r[1]-r[0])
            if (not self.cap(i) and (named := list(self.capital([(i, j)])))
                    and all(str(v)[:1].isupper() for v in [r.get(title) for r in self.t.rows[:20]] if v)):
                i, j = named[0]
            j = next((k for k in range(i+1, j) if not self.cap(k) and self.low(k) in self.g.g['name_ends']), j)
            return self.put(title, self.said(i, j), i, j, 0)

    # what changes about a row

    def describe(self):
        "What only says which row is meant: its name, its number, and what it is now"
        own = {w for w in self.lang.tokens(str(self.row.get(self.t.main) or ''))}
        name = str(self.row.get(self.t.main) or '').casefold().split()
        for n in range(self.a, self.b-len(name)+1):
            if len(name) > 1 and [w.low for w in self.words[n:n+len(name)]] == name:
                self.by |= {k: '' for k in range(n, n+len(name)) if self.free(k)}
                self.named = True
        for m in self.g.tables(self.a, self.b):
            if m.table == self.t.name: self.by |= {n: '' for n in range(m.a, m.b) if self.free(n)}
        for n in range(self.a, self.b):
            w = self.words[n]
            if not self.free(n): continue
            if w.kind == 'quote' and unmask(w.text, self.g.quotes).casefold() == str(self.row.get(self.t.main)).casefold():
                self.by[n] = ''
                self.named = True
            elif (w.kind in ('word', 'code')
                  and (now := next(((c, v) for k in (4, 3, 2, 1) if n+k <= self.b
                                    for c, v in self.known.get(self.g.text[w.a:self.words[n+k-1].b].lower(), ())
                                    if self.row.get(c) == v and self.t.columns[c] == 'text'), None))):
                self.by |= {k: '' for k in range(n, n+len(now[1].split())) if self.free(k)}
                self.like = True
                self.now |= {k: now[0] for k in range(n, n+len(now[1].split()))}
            elif (w.kind == 'word' and len(w.low) > 3 and w.low not in self.glue and not (self.cap(n) and self.cap(n-1) and n-1 > self.a)
                  and any(w.stem in self.lang.tokens(str(self.row.get(c) or ''))
                          for c, k in self.t.columns.items() if k == 'text' and c != self.t.main)):
                self.by[n] = ''
                self.like = True
            elif (w.kind in ('word', 'code', 'number')
                  and (set(self.lang.tokens(w.text)) and set(self.lang.tokens(w.text)) <= own or any(self.g.close(w.stem, x) for x in own))):
                self.by[n] = ''
                self.named = True
        if (not any(not c and self.words[n].kind in ('word', 'code', 'quote') for n, c in self.by.items())
                or any(self.words[n].text.startswith('#') for n in range(self.a, self.b))
                or any(self.low(n-1) in self.g.reader.nouns for n in range(self.a, self.b))):
            if (n := next((n for n in range(self.a, self.b) if self.free(n) and self.words[n].kind == 'number'
                           and self.lang.number(self.words[n].low.strip('#.')) == self.row['id'] and self.low(n+1) not in self.units),
                           None)) is not None:
                self.by[n] = ''
                self.named = True
    def anchors(self):
        "*not 80*, *instead of Dr Moss*, *from York*: what is now said to be so no longer tells the column"
        for n in range(self.a, self.b):
            length = next((k for k in (3, 2, 1) if n+k < self.b and ' '.join(self.low(x) for x in range(n, n+k)) in self.g.g['no_more']), 0)
            if not length: continue
            k = n+length
            while k < self.b and (self.low(k) in self.lang.words['a'] or self.low(k) in self.g.g['link']): k += 1
            if k >= self.b: continue
            for c, kind in self.t.columns.items():
                now = self.row.get(c)
                if now in (None, '') or c in self.was or kind == 'bool': continue
                end = None
                if kind == 'number' and (v := self.number(k, c)) and v[0] == now: end = v[1] + (self.low(v[1]) in self.units)
                elif kind == 'date' and (d := self.day(k)) and d[0] == str(now): end = d[1]
                elif kind == 'date' and str(now)[8:].lstrip('0') == str(self.lang.days.get(self.low(k)) or self.low(k).rstrip('stndrh')): end = k+1
                elif kind in ('text', 'choice', 'long', 'url', 'email'):
                    said = str(now).casefold().split()
                    if self.g.text[self.words[k].a:self.words[min(self.b, k+len(said))-1].b].casefold() == str(now).casefold(): end = k+len(said)
                    elif (w := self.words[k]).kind == 'word' and len(w.low) > 2 and c != self.t.main and w.low in said: end = k+1
                if end:
                    self.was[c] = n
                    self.by |= {x: c for x in range(n, min(end, self.b))}
                    break
    def differs(self, c, v): return self.row.get(c) != v and not (isinstance(v, str) and str(self.row.get(c) or '').casefold() == v.casefold())
    def behind(self, c):
        "The text that an anchor's column gets: behind the last word that leads to a value, or right before the anchor"
        at = self.was[c]
        leads = [n for n in range(self.a, self.b-1) if (self.low(n) in self.g.g['to'] or self.low(n) in self.preps
                                                        or self.words[n].kind == 'arrow') and self.free(n+1)]
        for n in sorted(leads, key=lambda n: -n):
            k = n+1
            while k < self.b and self.free(k) and self.low(k) in {*self.g.g['fill'], *self.lang.words['a']}: k += 1
            if k < self.b and self.free(k) and (got := self.text(c, k)) and got[0].lower() not in self.glue: return got[0], k, got[1]
        runs = [r for r in self.runs() if r[1] <= at]
        return (self.said(*runs[-1]), *runs[-1]) if runs and runs[-1][1] - runs[-1][0] <= 5 and (self.cap(runs[-1][0]) or len(runs) == 1) else None
    def becomes(self):
        "“Gus is foreman now”, “Church Field will be carrots”: the one text column there is beside the name; “goes to Edda”: the one behind *to*"
        self.places(True)
        cs = [c for c in self.columns('text') if c != self.t.main]
        said = [self.low(n) for n in range(self.a, self.b)]
        if self.values or len(cs) != 1 or not {*said} & {*self.g.g['becoming']}: return
        for n in range(self.a, self.b-1):
            if self.low(n) in self.g.g['be'] and self.free(n+1):
                i, j = n+1, n+1
                while i < self.b and self.low(i) in self.glue: i += 1
                j = i
                while j < self.b and self.free(j) and not self.stop(j, cs[0]) and self.low(j) not in self.glue: j += 1
                if i < j <= i+3 and self.words[i].kind in ('word', 'quote'): return self.put(cs[0], self.said(i, j), i, j)

    def step(self):
        "A change by so much: two more, 2.5 kg heavier, a week later"
        said = {self.low(n) for n in range(self.a, self.b)}
        for n in range(self.a, self.b):
            one = (self.low(n) in ('a', 'an', 'one', 'eine', 'einen', 'ein') and self.low(n-1) not in self.g.g['halves']
                   and (self.low(n+1) in self.g.g['spans']
                        or self.low(n+2) in self.g.g['compare_up'] and n+1 < self.b and self.free(n+1) and self.label(n+1)))
            v = self.number(n) or ((1, n+1) if one else None)
            if not v: continue
            after, before = [self.low(k) for k in range(v[1], min(self.b, v[1]+3))], [self.low(k) for k in range(max(self.a, n-2), n)]
            unit = after[0] if after else ''
            by = bool({*before[-1:]} & {*self.g.g['by']} or before[-1:] and before[-1] in self.g.g['link'] and before[0] in self.g.g['steps'])
            up, down = {*self.g.g['more']}, {*self.g.g['less']}
            compared = {*after[:2]} & ({*self.g.g['compare_up']} | {*self.g.g['compare_down']}) or {*before} & {*self.g.g['compare_new']}
            if not by and not compared and not (unit in self.g.g['spans'] and said & {*self.g.g['shifts']}): continue
            sign = -1 if compared & {*self.g.g['compare_down']} or not compared and said & down and not said & up else 1
            if (unit in self.g.g['spans'] and len(ds := self.columns('date')) == 1 and (now := self.row.get(ds[0]))
                    and not any(u in self.t.columns for u in (unit, self.lang.plural(unit)))):
                late, soon = said & {*self.g.g['later']}, said & {*self.g.g['sooner']}
                if bool(late) == bool(soon): continue
                try: day = date.fromisoformat(str(now)) + timedelta(days=(1 if late else -1)*v[0]*self.g.g['spans'][unit])
                except (ValueError, OverflowError): continue
                return self.stepped(ds[0], day.isoformat(), n, v[1]+1)
            label = next((l[0] for k in range(self.a, self.b) if (l := self.label(k)) and self.t.columns[l[0]] == 'number'), None)
            cs = ([label] if label else [c for c, us in self.g.g['units'].items() if unit in us and c in self.columns('number')]
                  or (['weight'] if unit in self.g.g['weights'] and 'weight' in self.t.columns else [])
                  or [c for c in self.columns('number') if self.t.columns[c] == 'number' and c in self.g.g['money']
                      and {*after[:2], *before} & {*self.g.g['costly']}] or self.columns('number'))
            # “6 more oil filters”
            if len(cs) > 1 and compared and any(x == '' for x in [self.by.get(k) for k in range(v[1], min(self.b, v[1]+4))]):
                cs = [c for c in cs if c in self.g.g['counts']] or cs
            if len(cs) > 1 and said & {*self.g.g['costs']}: cs = [c for c in cs if c in self.g.g['money']]
            if len(cs) != 1 or not isinstance(now := self.row.get(cs[0]), (int, float)): continue
            new = now + sign*v[0]*self.g.g['units'].get(cs[0], {}).get(unit, 1)
            return self.stepped(cs[0], round(new, 6), n, v[1] + (unit in self.units))
    def counted(self):
        "“We've got 4 isolation valves left”: so many there are"
        if (not any(self.low(n) in self.g.g['counting'] for n in range(self.a, self.b))
                or any(self.low(n) in (*self.g.g['compare_up'], *self.g.g['compare_down'], 'need', 'buy', 'order', 'ordered')
                       for n in range(self.a, self.b))):
            return
        if len([n for n in range(self.a, self.b) if self.number(n)]) > 1: return
        cs = [c for c in self.columns('number') if c in self.g.g['counts']]
        for n in range(self.a, self.b) if len(cs) == 1 else ():
            if ((v := self.number(n, cs[0])) and v[1] < self.b and self.by.get(v[1]) == '' and self.words[v[1]].kind == 'word'
                    and self.low(v[1]) not in self.glue):
                return self.put(cs[0], v[0], n, v[1], 3)
    def toward(self):
        "“Up to intermediate”: behind *to*, written as the values of one text column are"
        for n in range(self.a, self.b-1):
            if self.low(n) not in ('to', 'into', 'auf', 'zu', 'in') or self.by.get(n) or not self.free(n+1): continue
            e = n+1
            while e < self.b and self.free(e) and not self.mark(e) and self.low(e) not in self.glue: e += 1
            cs = [c for c in self.columns('text') if c != self.t.main and self.shaped(c, n+1, e)] if e > n+1 else []
            if cs and e-n <= 4 and (c := self.kin(cs, n+1, e) or self.like_others(cs, n+1, e)): return self.put(c, self.said(n+1, e), n, e)
    def stepped(self, c, v, i, j):
        "A step is a value, and the words that say so are explained"
        self.moved = True
        self.put(c, v, i, j, 3)
        said = {*self.g.g['compare_up'], *self.g.g['compare_down'], *self.g.g['later'], *self.g.g['sooner'], *self.g.g['more'],
                *self.g.g['less'], *self.g.g['costs']}
        self.by |= {n: '' for n in range(self.a, self.b) if self.free(n) and (self.low(n) in said or (l := self.label(n)) and l[0] == c)}

    def change(self, cues):
        "{column: value} of what becomes different about the row"
        for m in cues.values():
            if m.key in ('change', 'put', 'place', 'create', 'done') and m.b > m.a and not any(self.label(k) for k in range(m.a, m.b)):
                self.by |= {n: '' for n in range(m.a, m.b) if self.free(n)}
        self.anchors()
        self.describe()
        self.step()
        if not self.moved: self.counted()
        for kinds in (('number', 'date', 'choice', 'url', 'email'), ('text', 'long')): self.labelled(kinds)
        name = self.values.pop(self.t.main, None)
        if (name and self.differs(self.t.main, str(name))
                and ('rename' in cues or any(self.low(n) in self.g.g['should'] for n in range(self.a, self.b)))
                and self.g.alike(str(name), str(self.row.get(self.t.main) or ''))):
            return {self.t.main: name}
        for c in [c for c in self.was if c not in self.values and c != self.t.main]:
            kind = self.t.columns[c]
            found = [(v[0], n, v[1]) for n in range(self.a, self.b)
                     if (v := self.number(n, c) if kind == 'number' else self.day(n) if kind == 'date' else
                         self.choice(c, n) if kind == 'choice' else None) and self.differs(c, v[0])]
            if kind == 'text':
                found = [(v, n, n+k) for n in range(self.a, self.b) for k in (4, 3, 2, 1) if n+k <= self.b
                         and all(self.free(x) for x in range(n, n+k))
                         for cc, v in self.known.get(self.g.text[self.words[n].a:self.words[n+k-1].b].lower(), ()) if cc == c
                         and self.differs(c, v)][:1]
                if not found and (got := self.behind(c)): found = [got]
            if len(found) == 1: self.put(c, *found[0], 3)
        sure = dict(self.values)
        self.typed()
        loose = {c for c in self.values if c not in sure and self.t.columns[c] == 'date'
                 and not any(self.words[n].kind in ('date', 'number', 'code') for n, x in self.by.items() if x == c)}
        self.choices()
        self.yesno()
        self.seen()
        if not self.values: self.rest()
        if not {'change', 'put', 'place', 'done'} & cues.keys():            # “let us talk about it tomorrow”
            for c in [c for c in loose if not any(self.low(n-1) in self.g.g['to'] or self.low(n-1) in ('until', 'bis')
                                                  or self.low(n) in self.g.g['to'] for n, x in self.by.items() if x == c)]:
                self.values.pop(c)
                loose.discard(c)
        if any(c not in loose and self.differs(c, v) for c, v in self.values.items()):
            for c in loose: self.values.pop(c)                # “on a normal diet as of tonight”
        if any(self.t.columns[c] == 'bool' and self.differs(c, v) for c, v in self.values.items()) and len(self.values) > 1:
            for c in [c for c in self.values if c not in sure and self.t.columns[c] in ('number', 'date')]: self.values.pop(c)
        if not self.values and self.named: self.becomes()
        if not self.values and self.named and {'put', 'place', 'change'} & cues.keys(): self.toward()
        self.values = {c: v for c, v in self.values.items() if c != self.t.main and self.differs(c, v)}
        return self.values

patterns = {'time': re.compile(r'\d{1,2}[:.h]\d\d|\d{1,2}(?:[:.]\d\d)?\s?[ap]m', re.I), 'phone': re.compile(r'\+?[\d ()/-]{6,}')}
def dotted(text):
    "A date in the manner of 24.04.2026 as YYYY-MM-DD, else None"
    d, m, y = (text.strip('.').split('.') + [''])[:3]
    try: return date(int(y) + 2000*(len(y) == 2) if y else date.today().year, int(m), int(d)).isoformat()
    except ValueError: return None
def shape(v): return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]", "A", v))
