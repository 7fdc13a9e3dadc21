"""Another name for a row: *is to be styled Planispheric astrolabe*, *say Gym
ball instead of Exercise ball*, *it's Popsy with a P*, *change Max to Maxwell*.

    words → where a new name may begin (after a verb of naming; or after *is*, *to*, *say*, where it is like
    the old one) → where it ends → the row that is meant, by its name or because it is called nearly so
    · or: two quotes, part of a name for another (*not this, it is that*), a row's name and one like it right behind"""
import re
from . import several
from .contents import Contents
from .language import late
from .picking import Picking
from .sentence import Mention, off_by
from .world import Op, Reading, like as akin

def leads(g, a, b):
    "[(where a new name may begin, is it a verb of naming that says so)]"
    out, f = [], g.g
    for n in range(a, b):
        for sure, phrases in ((True, f['names_surely']), (False, f['names_perhaps'])):
            for length in (3, 2, 1):
                if n+length <= b and ' '.join(w.low for w in g.words[n:n+length]) in phrases:
                    if length == 1 and g.words[n].low == 'called' and n > a and g.words[n-1].low in ('has', 'have', 'had', 'just', 'who'): continue
                    out.append((n+length, sure, n))
                    break
    if any(w.low in f['exchange'] for w in g.words[a:b]): out += [(n+1, False, n) for n in range(a, b) if g.words[n].low in f['names_to']]
    out += [(n+1, True, n) for n in range(a, b) if g.words[n].kind == 'arrow' and g.words[n].text not in (':', '=')]
    return sorted(out, key=lambda x: not x[1])

def extent(g, k, b, like=''):
    "(name, from, end) of a name that begins here, as long as `like` where nothing tells where it ends; None for none"
    f, w = g.g, g.words
    while k < b and (w[k].low in f['fill'] or w[k].low in f['names_fill']) and not (w[k].text[0].isupper() and k+1 < b and w[k+1].text[0].isupper()):
        k += 1
    if k >= b or w[k].kind in ('mark', 'arrow', 'date', 'url', 'email') or w[k].low in f['names_end'] and w[k].text == w[k].low: return None
    if w[k].kind == 'quote': return g.reader.clean(w[k].text), k, k+1
    stop = {*f['joints'], *f['names_end'], *g.lang.words['tail'], *f['pronoun']} - {*f['inside']}
    e, within = k, lambda n: n+1 < b and w[n].low in f['names_within'] and w[n+1].text[0].isupper()          # Gloria in D major
    while (e < b and e < k+8 and w[e].kind not in ('mark', 'arrow', 'quote', 'url', 'email')
           and not (e > k and w[e].low in stop and w[e].low == w[e].text and not within(e))):
        e += 1
    closed = e >= b or w[e].kind == 'mark' or w[e].low in stop
    if w[k].text[0].isupper():
        cap = k+1
        while cap < e and (w[cap].text[0].isupper() or w[cap].kind in ('number', 'code')
                           or w[cap].low in f['inside'] and cap+1 < e and w[cap+1].text[0].isupper() or within(cap)):
            cap += 1
        if not closed or e-cap > 1: e = cap
    elif not closed or e-k > max(3, len(like.split())): e = min(e, k+max(1, len(like.split())))
    while e > k and (w[e-1].low in f['inside'] or w[e-1].low in f['fill']): e -= 1
    name = re.sub(f['article'], '', g.shorn(g.reader.clean(g.text[w[k].a:w[e-1].b])), flags=re.I) if e > k else ''
    if all(x.low in f['days'] or x.low in f['chatter'] for x in w[k:e]): return None
    return (name, k, e) if name and len(name) <= 80 and re.search(r'[^\W\d_]', name) else None

def nearly(g, name):
    "[(Table, row)] that are called nearly so"
    out, plain = [], name.casefold()
    for tb in g.world.tables.values():
        if tb.columns[tb.main] != 'text': continue
        names = tb.__dict__.setdefault('_names', [str(r.get(tb.main) or '').casefold() for r in tb.rows])
        out += [(score, tb.name, k) for _, score, k in late('rapidfuzz.process').extract(plain, names, scorer=late('rapidfuzz.fuzz').ratio,
            score_cutoff=70, limit=3)]
    out.sort(reverse=True)
    if not out or len(out) > 1 and out[1][0] > out[0][0] - 6: return []
    return [(g.world.tables[out[0][1]], g.world.tables[out[0][1]].rows[out[0][2]])]

def read(g, a, b, cues):
    "A Reading that gives the one row that is meant another name, else None"
    if sum(w.kind == 'quote' for w in g.words[a:b]) > 1: return None
    found = [x for x in several.anchors(g) if a <= x[0] and x[1] <= b and x[2].columns[x[2].titled(g.lang)] == 'text']
    said = ' '.join(w.low for w in g.words[a:b])
    wrong = bool(re.search(g.g['misnamed'], said))
    for k, sure, lead in leads(g, a, b):
        first = found[0] if found else None
        got = extent(g, k, b, str(first[3].get(first[2].main)) if first else '')
        if not got: continue
        name, i, j = got
        if not sure and any(m.what == 'column' and i <= m.a < j for tb in g.world.tables.values() for m in g.mentions(tb, a, b)): continue
        if g.words[k-1].low in g.g['pronoun'] and 'create' in g.cues(0, len(g.words)): continue          # “a new shelf, call it …”
        out = [x for x in found if x[1] <= i or x[0] >= j]
        rows = {(x[2].name, x[3]['id']): (x[2], x[3]) for x in out}
        before = {(x[2].name, x[3]['id']): (x[2], x[3]) for x in out if x[1] <= lead}
        if len(rows) > 1: rows = before
        if not rows and (wrong or sure and 'rename' in cues): rows = {(t.name, r['id']): (t, r) for t, r in nearly(g, name)}
        if len(rows) != 1: continue
        tb, r = next(iter(rows.values()))
        anchor = next((x for x in out if x[3] is r), None)
        column = named(g, tb, r, anchor, name)
        now = str(r.get(column) or '')
        turned = (anchor and g.words[lead].low in g.g['names_to'] and anchor[1] == lead
                  and any(m.b <= anchor[0] and m.b > m.a and g.words[m.a].low not in g.g['cues']['place'] for kk, m in cues.items()
                          if kk in ('change', 'rename')))
        plainly = sure and (not anchor or i - anchor[1] <= 8 or anchor[0] >= j)
        if new_elsewhere(g, tb, name) or name.casefold() == now.casefold() or any(name.casefold() == str(x.get(column) or '').casefold()
                for x in tb.rows):
            continue
        if not (akin(name, now) and (sure or wrong or turned or 'rename' in cues or g.words[lead].low in ('really', 'actually'))
                or plainly and (name[0].isupper() or now.islower() or g.words[i].kind == 'quote')
                or turned and (name[:1].isupper() or {*g.lang.tokens(now)} <= {w.stem for w in g.words[anchor[0]:anchor[1]]})):
            continue
        return Reading('chip', [Op(tb.name, 'update', r['id'], {column: name})], name='unlike')
    return None

def named(g, tb, r, anchor, new):
    "The column whose name is meant: the one that holds the words by which the row was named, or that the new name is like"
    second = tb.titled(g.lang)
    if second == tb.main: return tb.main
    said = {w.stem for w in g.words[anchor[0]:anchor[1]]} if anchor else set()
    inside = lambda c: len(said & {*g.lang.tokens(str(r.get(c) or ''))}) + akin(new, str(r.get(c) or ''))
    return tb.main if inside(tb.main) > inside(second) else second

def new_elsewhere(g, tb, name):
    "Is this a value that another column has already?"
    return name.lower() in g.grades(tb) or name.lower() in g.flagwords(tb)

class Naming(Picking, Contents):
    "A sentence that calls a row otherwise: by two quotes, part of a name for another, or a name like its own"

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
            {named(self, tb, r, next((x for x in self.anchored() if x[3] is r), None), value): value})) if said else None

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
                if (alike := [h for h in mains if len(new.split()) > len(old.split()) and akin(new, str(h[1][h[2]]))
                              and new.split()[0].casefold() in str(h[1][h[2]]).casefold().split()]) and len(alike) == 1:
                    return self.offer([(tb, r) for tb, r, _ in alike], lambda tb, r, c=alike[0][2], new=new: Op(tb.name, 'update', r['id'], {c: new}))
                if new and mains and len(old) > 2:
                    return self.offer([(tb, r) for tb, r, _ in mains], lambda tb, r, mains=mains, old=old, new=new: Op(tb.name, 'update', r['id'],
                        {(c := next(c for t, x, c in mains if x is r)):
                         re.sub(rf'(?<!\w){re.escape(old)}(?!\w)', lambda _: new, str(r[c]), flags=re.I)}))
        return None

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
