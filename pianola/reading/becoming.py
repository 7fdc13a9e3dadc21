"""How it is said that a row becomes different: by what it is no longer (*not 80*, *instead of Dr Moss*), by a step from
what stands there (*two more*, *a week later*), by how many are left, by what it becomes (*Gus is foreman now*)."""
from datetime import date, timedelta
from .filling import Filling
from .language import unmask

class Becoming(Filling):
    "The row that is there: what is said of it that it is already, and what is new"

    # what it is now

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

    # what it becomes

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
    def stepped(self, c, v, i, j):
        "A step is a value, and the words that say so are explained"
        self.moved = True
        self.put(c, v, i, j, 3)
        said = {*self.g.g['compare_up'], *self.g.g['compare_down'], *self.g.g['later'], *self.g.g['sooner'], *self.g.g['more'],
                *self.g.g['less'], *self.g.g['costs']}
        self.by |= {n: '' for n in range(self.a, self.b) if self.free(n) and (self.low(n) in said or (l := self.label(n)) and l[0] == c)}
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
    def toward(self):
        "“Up to intermediate”: behind *to*, written as the values of one text column are"
        for n in range(self.a, self.b-1):
            if self.low(n) not in ('to', 'into', 'auf', 'zu', 'in') or self.by.get(n) or not self.free(n+1): continue
            e = n+1
            while e < self.b and self.free(e) and not self.mark(e) and self.low(e) not in self.glue: e += 1
            cs = [c for c in self.columns('text') if c != self.t.main and self.shaped(c, n+1, e)] if e > n+1 else []
            if cs and e-n <= 4 and (c := self.kin(cs, n+1, e) or self.like_others(cs, n+1, e)): return self.put(c, self.said(n+1, e), n, e)
