"""Another name for a row: *is to be styled Planispheric astrolabe*, *say Gym
ball instead of Exercise ball*, *it's Popsy with a P*, *change Max to Maxwell*.

    words → where a new name may begin (after a verb of naming; or after *is*, *to*, *say*, where it is like
    the old one) → where it ends → the row that is meant, by its name or because it is called nearly so"""
import re
from . import several
from .language import late
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
