"""Several changes in one sentence: where one ends and the next begins, and what a later part leaves out.

    words → the rows that are named outright → parts at *and*, commas, points → the grouping in which each
    group is one change · one sentence about several rows · a row and a number, like the one before"""
import re
from .language import gate
from .rules import most_rows
from .slots import Slots
from .world import Op, Reading, joined

most_parts = 7

def anchors(g, which='own'):
    """[(from, to, Table, row)] where words name exactly one row by its name, or by its
    number behind a noun; with `all` also by another name that stands in it (“the Coltrane”)"""
    out, n, b = [], 0, len(g.words)
    while n < b:
        got = _anchor(g, n, b, which)
        if got: out.append((n, *got)); n = got[0]
        else: n += 1
    return out

def _hits(g, n, near=False, first=True, which='own'):
    "{(table, place)} of the rows whose name holds a word"
    w = g.words[n]
    if (w.kind not in ('word', 'code', 'number') or w.stem in g.lang.small
            or first and (w.low in g.g['common'] or w.low in g.g['chatter']) and w.low == w.text):
        return set()
    out = set()
    for tb in g.world.tables.values():
        ix, parts = tb.index(g.lang), g.lang.tokens(w.text)
        hits = set.intersection(*(ix.rows(p, which, near) for p in parts)) if parts else set()
        if hits and w.stem != w.low and (known := g.told_of(n)) is not None: hits = hits & known[tb.name]
        out |= {(tb.name, k) for k in hits}
    if which == 'all':
        begins = re.compile(r'(?<!\w)' + re.escape(w.low.removesuffix("'s").capitalize()))          # as names are written there
        texts = lambda tb, k: [str(tb.rows[k].get(c) or '') for c, kind in tb.columns.items() if kind == 'text']
        out = {(n, k) for n, k in out if len(w.low) > 3 and any(begins.search(v) for v in texts(g.world.tables[n], k))}
    return out

def owners(g, hits):
    "Of rows in several tables those that are called so themselves: a repair whose first column is a flat is not the flat"
    about = {t.name for t in g.world.tables.values() if any(o is not t and t.main in o.nouns(g.lang) for o in g.world.tables.values())}
    return {h for h in hits if h[0] not in about}

def _anchor(g, n, b, which='own'):
    "(end, Table, row) of a row that is named from here on, else None"
    hits = (_hits(g, n, which=which) if which == 'all' else
            _hits(g, n) or (_hits(g, n, True) if len(g.words[n].low) > 4 and g.words[n].low not in g.reader.nouns else set()))
    if g.words[n].kind == 'number':
        v = g.lang.number(g.words[n].low.strip('#.'))
        named = [m.table for m in g.tables(max(0, n-2), n) if m.b == n]
        ids = {(tb.name, k) for tb in g.world.tables.values() for k, r in enumerate(tb.rows)
               if r['id'] == v and (named and tb.name in named or g.words[n].text.startswith('#'))}
        if ids: hits = ids
        elif len(hits) > 1 or not any(m.b == n for m in g.tables(max(0, n-2), n)): return None
    if not hits: return None
    hits = owners(g, hits) or hits
    e, k = n+1, n+1
    while k < b:
        if g.words[k].stem in g.lang.small or g.words[k].text in ("'", '&', '-', '.') and k+1 < b: k += 1; continue
        if g.words[k].kind == 'mark' or not (more := hits & _hits(g, k, first=False, which=which)): break
        hits, e, k = more, k+1, k+1
    if len(hits) > 1:                    # the one that is called just so
        said, stems = g.text[g.words[n].a:g.words[e-1].b].casefold(), {w.stem for w in g.words[n:e]}
        exact = ([h for h in hits if str(g.world.tables[h[0]].rows[h[1]].get(g.world.tables[h[0]].main)).casefold() == said]
                 or [h for h in hits if {*g.world.tables[h[0]].index(g.lang).own[h[1]]} <= stems])
        if len(exact) == 1: hits = set(exact)
    if len(hits) != 1: return None
    name, place = next(iter(hits))
    tb = g.world.tables[name]
    return e, tb, tb.rows[place]

def parts(g):
    "[(from, to)] between *and*, commas and points"
    cuts = [n for n, w in enumerate(g.words) if w.low in g.g['and'] or w.text in (',', ';', '!', '?')
            or w.text == '.' and not (n and (len(g.words[n-1].text) == 1 and g.words[n-1].text.isalpha() or g.words[n-1].low in g.g['titles']))]
    out, at = [], 0
    for c in [*cuts, len(g.words)]:
        if c > at: out.append((at, c))
        at = c+1
    return out

def coordinated(g, found, a, b):
    "The anchors from a up to b that stand beside each other, with nothing but *and* between them"
    here = [x for x in found if a <= x[0] and x[1] <= b]
    best, run = [], here[:1]
    for x, y in zip(here, here[1:]):
        between = g.words[x[1]:y[0]]
        joined = (between and any(w.low in g.g['and'] or w.text == ',' for w in between)
                  and all(w.low in g.g['and'] or w.text == ',' or w.stem in g.lang.small or w.low in g.reader.nouns for w in between))
        run = [*run, y] if joined and y[2] is x[2] and y[3] is not x[3] else [y]
        if len(run) > len(best): best = run
    return best if len(best) > 1 and len({x[3]['id'] for x in best}) == len(best) else []

def together(g, found, a, b, make):
    "One sentence about several rows: read of the last of them, meant of each"
    run = coordinated(g, found, a, b)
    if not run or g.quotes or any(x not in run for x in found if a <= x[0] and x[1] <= b and x[3] not in [y[3] for y in run]): return None
    drop = {*g.g['both'], *g.g['all']}
    kept = [(g.words[a].a, g.words[run[0][0]].a), (g.words[run[-1][0]].a, g.words[b-1].b)]
    said = ' '.join(g.text[x:y] for x, y in kept)
    said = ' '.join(w for w in said.split() if w.lower().strip(',') not in drop)
    one = make(said, g.world, g.lang)
    one.name, one.wonder = gate(said, g.lang), False
    got = one.one(0, len(one.words), False)
    last = run[-1]
    if (not got or got.end != 'chip' or len(got.ops) != 1 or got.ops[0].verb not in ('update', 'delete') or not plain(g, got.ops[0], a, b)
            or (got.ops[0].table, got.ops[0].id) != (last[2].name, last[3]['id']) or last[2].main in got.ops[0].values):
        return None
    op = got.ops[0]
    # “delete this, and that was 3-1”
    if (op.verb == 'delete' and (cue := g.cues(a, b).get('delete')) and cue.a < run[0][0]
            and any(w.kind not in ('mark', 'word') or w.kind == 'word' and w.low in (*g.g['be'], *g.g['now'], *g.g['with_verbs'])
                    for w in g.words[last[1]:b])):
        return None
    return [Op(op.table, op.verb, x[3]['id'], dict(op.values)) for x in run
            if op.verb == 'delete' or any(x[3].get(c) != v for c, v in op.values.items())]

def like(g, found, a, b, before):
    "A part that says a row and a number, or that it is so too, and leaves out the column: the one of the change before"
    here = [x for x in found if a <= x[0] and x[1] <= b]
    if len(here) != 1 or before.verb != 'update' or len(before.values) != 1 or here[0][2].name != before.table or here[0][3]['id'] == before.id:
        return None
    column, tb = next(iter(before.values)), here[0][2]
    rest = [n for n in range(a, b) if not here[0][0] <= n < here[0][1]]
    if tb.columns[column] == 'number':
        nums = [(v, n) for k, v, n in g.values(a, b) if k == 'number' and n in rest]
        used = {n for _, n in nums}
        if len(nums) != 1 or any(g.words[n].stem not in g.lang.small and n not in used
                                 and g.words[n].low not in (*g.g['chatter'], *g.g['now'], *g.g['fill'])
                                 and not any(m.what == 'column' and m.key == column and m.a <= n < m.b for m in g.mentions(tb, a, b))
                                 and not (n and g.unit(tb, n-1, b)) for n in rest):
            return None
        return [Op(tb.name, 'update', here[0][3]['id'], {column: nums[0][0]})]
    return None

def same(g, before, a, b):
    "A part that goes on about the row of the change before: “and his deposit is now 900”, “and invoiced”"
    if (before.id is None or before.verb != 'update' or 'delete' in g.cues(a, b)
            or 'create' in g.cues(a, b) and not any(w.low in ('it', 'him', 'her', 'them') for w in g.words[a:b])):
        return None
    tb = g.world.tables[before.table]
    row = next(r for r in tb.rows if r['id'] == before.id)
    s = Slots(g, tb, a, b, row)
    values = {c: v for c, v in s.change(g.cues(a, b)).items() if c not in before.values}
    op = Op(tb.name, 'update', before.id, values)
    told = any(tb.columns[c] != 'date' for c in values) or any(m.what == 'column' for m in g.mentions(tb, a, b))
    return [op] if values and told and len(s.left()) < 2 and plain(g, op, a, b) else None

def group(g, found, a, b, before, make):
    "[Op] of the words from a up to b as one change, [] where they forbid something and nothing more, None where they are none"
    sub = g.text[g.words[a].a:g.words[b-1].b]
    name, inside = gate(sub, g.lang), [x for x in found if a <= x[0] and x[1] <= b]
    if name and name != 'negation': return None
    rows = {(x[2].name, x[3]['id']) for x in inside}
    if len(rows) == 2 and (got := g.refers(a, b, g.cues(a, b))) and got.end == 'chip': return got.ops
    ops = together(g, found, a, b, make) if len(rows) > 1 else None
    if not ops and len(rows) < 2:
        whole, g.name = g.name, name
        got = g.one(a, b, False)
        g.name = whole
        if got and got.end == 'chip': ops = got.ops
        if ops and any(o.looks for o in ops): ops = None
        if ops and len(ops) == 1 and ops[0].verb != 'create' and rows and (ops[0].table, ops[0].id) not in rows: ops = None
        if ops and any(o.verb == 'create' for o in ops) and not {'create', 'put'} & g.cues(a, b).keys(): ops = None
        if ops and not rows and any(o.verb != 'create' for o in ops): ops = None
        if (ops and ops[0].verb == 'create' and g.lean and not g.tables(a, b)
                and not ((cue := g.cues(a, b).get('create')) and a <= cue.a < cue.b and cue.a - a < 3
                         and str(ops[0].values.get(g.world.tables[ops[0].table].main))[:1].isupper())):
            ops = None
        if ops and not all(plain(g, o, a, b) for o in ops): ops = None
        if not ops and before and rows: ops = like(g, found, a, b, before)
        if not ops and before and not rows: ops = same(g, before, a, b)
    if name == 'negation' and not (ops and all(o.verb == 'update' and all(v is False for v in o.values.values()) for o in ops)):
        return [] if rows else None
    return ops or None

def plain(g, op, a, b):
    "Is each text of a change one that its column has already, a name, or told with its column?"
    tb = g.world.tables[op.table]
    if op.verb != 'update': return True
    texts = {c: str(v) for c, v in op.values.items() if tb.columns[c] == 'text' and c != tb.main}
    known = tb.index(g.lang).known()
    return all(any(x == c for x, _ in known.get(v.lower(), ())) or v[:1].isupper()
               or re.search(r'\d', v) and any(re.search(r'\d', str(r.get(c) or '')) for r in tb.rows[:60])
               or any(m.what == 'column' and m.key == c for m in g.mentions(tb, a, b)) for c, v in texts.items())

def read(g, make):
    "A Reading of a sentence that asks for several changes, each with its own row; None where it does not"
    spans, found = parts(g), g.anchored()
    bare = [(a, b) for a, b in spans if {'delete', 'change', 'done', 'put', 'place'} & g.cues(a, b).keys() and 'create' not in g.cues(a, b)
            and not any(a <= x[0] < b for x in found)]
    # “and mark Aisha's cake paid”
    if bare: found = sorted([*found, *[x for x in anchors(g, 'all') if any(a <= x[0] and x[1] <= b for a, b in bare)]], key=lambda x: x[:2])
    rows = {(x[2].name, x[3]['id']) for x in found}
    if not 2 <= len(spans) <= most_parts or not rows or len(rows) > 6: return None
    # behind the colon is one new row
    if 'create' in g.cues(*spans[0]) and any(w.text == ':' for w in g.words[spans[0][0]:spans[0][1]]): return None
    lean, g.lean = g.lean, found[0][2].name if len({x[2].name for x in found}) == 1 else g.lean
    best = {0: ((0, 0, 0), [])}             # parts explained so far: (score, operations)
    for e in range(1, len(spans)+1):
        for s in range(max(0, e-3), e):
            if s not in best: continue
            score, ops = best[s]
            a, b = spans[s][0], spans[e-1][1]
            inside = any(a <= x[0] and x[1] <= b for x in found)
            strong = inside or 'create' in g.cues(a, b) or 'put' in g.cues(a, b) and bool(g.tables(a, b))
            if not strong and e == s+1 and ops and (more := group(g, found, a, b, ops[-1], make)): got, strong = more, True
            elif strong: got = group(g, found, a, b, ops[-1] if ops else None, make)
            else:
                # “bless her”
                got = ([] if e == s+1 and not (ops and ops[-1].verb == 'create') and not g.cues(a, b).keys() - {'with'}
                       and not g.values(a, b) else None)
            if got is None: continue
            new = (score[0] + len(got), score[1] - (e-s-1) - (not strong)*.5, score[2] + sum(len(o.values) for o in got))
            if e not in best or new > best[e][0]: best[e] = new, [*ops, *got]
    g.lean = lean
    if len(spans) not in best: return None
    _, ops = best[len(spans)]
    merged = joined(ops)
    if len(ops) < 2 or not merged or len(merged) > most_rows: return None
    spared = {(x[2].name, x[3]['id']) for x in found
              if denied(g, x, spans) or str(x[3].get(x[2].main)) in {str(v) for o in ops for v in o.values.values()}}
    if {(o.table, o.id) for o in merged if o.id is not None} < rows - spared:
        return None
    return Reading('chip', merged, name='unlike')

def listed(text, world, lang, got):
    """“Add milk, eggs and bread”, “new tasks: call Bob and call Jim”: several new rows of a table that
    has one text, where a reading saw one. Offered, because milk, eggs and bread may be one thing to buy;
    simply done where the table's rows are named in the plural. None where it is no plain list."""
    if got.end not in ('press', 'chip') or len(got.ops) != 1 or got.ops[0].verb != 'create' or not lang.gist: return None
    op, table = got.ops[0], world.tables[got.ops[0].table]
    if (any(v not in ('', None, 0, False) for c, v in op.values.items() if c != table.main)
            or sum(k not in ('bool', 'number', 'ref', 'choice') for k in table.columns.values()) != 1):
        return None
    alt = lambda ws: '(?:' + '|'.join(sorted((re.escape(w) for w in ws), key=len, reverse=True)) + ')'
    many = [n for n in table.nouns(lang) if n != lang.singular(n)]
    place = rf"(?:\s+{alt(lang.gist['onto'])}\s+(?:\w+\s+){{0,3}}{alt([*table.nouns(lang), *lang.words['list'], *lang.gist['lists']])})?"
    m = re.fullmatch(rf"(?:{alt(lang.words['polite'])}[, ]+)*{alt([*lang.verbs['create'], *many])}\s*:?\s+"
                     rf"(?:(?:{alt(lang.words['a'])}\s+)*(?P<many>{alt(many or ['Q'])})\s*:?\s+)?(?P<them>[^:;.!?\"“„]+?)"
                     rf"{place}(?:[, ]+{alt(lang.gist['frame_tail'])})*[.!]?", text.strip(), re.I)
    if not m or re.match(rf"{alt(lang.gist['one'])}\s+{alt(table.nouns(lang))}\b", m['them'], re.I): return None
    plural = bool(m['many']) or m[0].lower().startswith(tuple(many))
    joins = alt([w.strip() for w in lang.words['and'] if w.strip().isalpha() and ' ' not in w.strip()])
    them = [x.strip() for x in re.split(rf"\s*,\s*(?:{joins}\s+)?|\s+{joins}\s+", m['them'])]
    if (len(them) < 3 - plural or not plural and not re.search(rf"\s{joins}\s+[^,]+$", m['them'])
            or not all(x and len(x.split()) <= 5 for x in them) or len({*map(str.lower, them)}) < len(them)):
        return None
    ops = [Op(op.table, 'create', None, {**op.values, table.main: x[:1].upper() + x[1:] if str(op.values[table.main])[:1].isupper() else x})
           for x in them]
    return (Reading('press' if plural and got.end == 'press' else 'chip', ops, name='' if plural and got.end == 'press' else 'too_many')
            if len(ops) <= most_rows else None)

def denied(g, x, spans):
    "Does a row stand in a part that forbids something?"
    a, b = next((s for s in spans if s[0] <= x[0] < s[1]), (0, 0))
    return b and gate(g.text[g.words[a].a:g.words[b-1].b], g.lang) == 'negation'
