"""The part of a sentence that only says what is to be done with what was said:
*would you put that among the songs*, *delete it*, *write her down please*, *create*.

    words → (can you) verb + it (+ in the list) → what is to be done, which words say so, the table that is named there"""
from dataclasses import dataclass, field

@dataclass
class Frame:
    "What is to be done (`kind`: create, delete, change), the words that only say so, and the table they name"
    kind: str
    words: set = field(default_factory=set)
    table: str = ''
    sure: bool = True            # or does more stand behind it: “put her in kennel six”

def verbs(g):
    "{verb: kind} of the single words that ask for a change, made once"
    made = g.lang.__dict__.setdefault('_frame_verbs', {})
    if not made:
        made |= {w: 'delete' for w in g.g['delete_softly']}
        for kind, names in (('change', ('change', 'rename')), ('create', ('place', 'put', 'create')), ('delete', ('delete',))):
            made |= {w: kind for n in names for w in g.g['cues'].get(n, ()) if ' ' not in w}
        made |= {w: 'create' for w in g.g['frame_put']} | {w: 'change' for w in g.g['frame_fix']}
    return made

def one(g, i, b):
    "(Frame) of the words from i on, else None"
    f, w, known, lang = g.g, g.words, verbs(g), g.lang
    low = lambda k: w[k].low if k < b else ''
    start = not i or w[i-1].kind in ('mark', 'arrow') or w[i-1].low in f['and'] or w[i-1].low in ('so', 'please', 'just')
    j, wished = i, False
    while j < b:
        two = f'{low(j)} {low(j+1)}'
        if two in f['frame_wish']: j, wished = j+2, True
        elif low(j) in f['frame_soft'] and (j > i or start or wished): j += 1
        else: break
    if j >= b or w[j].kind != 'word': return None
    kind = known.get(low(j))
    if not kind and not ((wished or start) and w[j].stem not in lang.small and low(j) not in f['be'] and low(j) not in g.reader.nouns
                         and len(low(j)) > 2):
        return None
    j += 1
    ends = lambda k: k >= b or w[k].kind == 'mark'
    if low(j) not in f['frame_it']:              # “please amend.”, “create.”
        k = j
        while k < b and w[k].low in f['frame_tail']: k += 1
        return Frame(kind, set(range(i, k))) if kind and ends(k) and (not i or w[i-1].kind == 'mark' or wished) and (i or wished) else None
    j += 1
    if (noun := next((m for m in g.tables(j, min(b, j+2)) if m.a == j), None)) and ends(noun.b): j = noun.b          # “scrub that hive”
    frame, k = Frame(kind or '', set(range(i, j))), j
    if low(k) in f['frame_right'] and low(k+1) not in ('away', 'now'): return Frame('change', set(range(i, k+1)))
    if low(k) in f['frame_in']:
        p = k+1
        while low(p) in f['frame_in'] or low(p) in lang.words['a'] and p < b: p += 1
        noun = next((m for m in g.tables(p, min(b, p+3)) if m.a == p), None)
        if noun: frame.table, k = noun.table, noun.b
        elif low(p) in f['lists'] or low(p) in lang.words['list'] or low(p) in ('there', 'here'): k = p+1
        elif (p < b and p > k+1 and w[p].kind == 'word' and low(p-1) in lang.words['a'] and low(p-1) not in f['frame_in']
              and w[p].text == low(p) and ends(p+1) and not g.label_at(p)):
            # “in the cellar”
            k = p+1
        elif (ends(p) or low(p) in f['frame_tail']) and p > k: k = p
        if k > j:
            if not kind: frame.kind = 'create'
            while k < b and w[k].low in f['frame_tail']: k += 1
            frame.words = set(range(i, k))
        elif not kind: return None
        else: frame.sure = False
    elif not ends(k) and low(k) not in f['frame_tail'] and not (kind and (wished or k < b and low(k) in f['and'])): return None
    elif not kind: return None
    else:
        while k < b and w[k].low in f['frame_tail']: k += 1
        if not ends(k) and low(k) not in f['and']:
            if k == j: return None
            k = j
        frame.words = set(range(i, k))
    # “check them in”
    if any(m.what == 'flag' and m.a in frame.words for tb in g.world.tables.values() for m in g.mentions(tb, i, min(b, k+1))): return None
    return frame if frame.kind else None

def find(g, a, b):
    "The Frame between two words, of several parts one; None where there is none"
    out, n = None, a
    while n < b:
        if got := one(g, n, b):
            if got.kind == 'create' and low_removal(g, got): got.kind = 'delete'
            out = out or Frame(got.kind, sure=False)
            out.sure = out.sure or got.sure
            out.words |= got.words
            out.table = out.table or got.table
            if got.kind == 'delete': out.kind = 'delete'
            n = max(got.words)+1
        else: n += 1
    return out if out and len(out.words) < b-a else None

def low_removal(g, frame):
    "Does what puts something say that it goes out or off?"
    return bool({g.words[n].low for n in frame.words} & {*g.g['frame_off']})
