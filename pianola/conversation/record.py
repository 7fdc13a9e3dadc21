"""What a sentence makes of a record, when no rule knows how: the model is not
asked what to do but how the record reads afterwards, and code sees what changed.

    about (which records are spoken of: code) → allowed (what each column can hold by now, all of
    it said or there already: code) → ask (how the record reads: the model, which only chooses)
        → changed (what is new: code) → a chip

A small model that may write any operation writes wrong ones; one that copies a record has to
mean a change to make one, and one that may only choose among the user's own words invents none.
Nothing of this is done unasked. docs/understanding.md has the count."""
import json, re
from collections import Counter
from contextlib import aclosing
from functools import lru_cache
from loguru import logger as log
from .. import prompts
from ..engines.base import Fault, Phase, Said
from ..piano import neutral
from ..reading.guard import Evidence
from ..reading.language import language, languages, late
from ..reading.slots import Slots
from ..reading.targets import Targets
from ..reading.world import Op

# records one sentence is held against, its length, that of an answer, and of a value in words
most_rows, most_chars, most_tokens, most_words = 3, 300, 300, 7
slow, most_slow = 8, 2                                              # seconds; so many slow answers in a row, and this model is not asked any more
kinds = {'text', 'long', 'date', 'choice', 'url', 'email', 'number', 'bool'}
empty = {'number': 0, 'bool': False}

# which records

def about(text, world, code):
    """[(Table, row)] that a sentence may change: up to three rows that it names, else a new row
    (None) of each table it may be for; [] where it asks, forbids or says nothing of the kind"""
    lang, text = language(code), own_words(text)
    if not lang.gist or not text or len(text) > most_chars or '\n' in text or text.endswith('?') or re.match(lang.gist['wonder'], text, re.I):
        return []
    if any(re.search(p, text, re.I) for p in lang.record['asks']): return []
    ev = Evidence(text, lang)
    if ev.gate: return []
    g, rows = Targets(text, world, lang), named(text, world)
    cues = g.cues(0, len(g.words))
    if any(re.search(p, text, re.I) for p in lang.record['off']): return []         # “chuck it off the list” asks for no new row
    if rows and 'create' not in cues: return rows if len(rows) <= most_rows else []
    tables = {m.table for m in g.tables(0, len(g.words))}
    if not ('create' in cues or any(ev.cue('create', t) for t in world.tables.values()) and not {*cues} - {'with', 'place'}): return []
    return [(t, None) for t in likely([world.tables[n] for n in tables or world.tables], g, text)]

# what is quoted at length is somebody else's
def own_words(text): return re.sub(r'(["“„«])[^"”“»]{25,}["”“»]|(?<!\w)[\'‘][^\'’]{25,}[\'’](?!\w)', ' ', text.strip()).strip()

@lru_cache(1)
def small():
    "The small words of every language: people mix them"
    return frozenset(w for c in languages() for w in language(c).record['small'])

def named(text, world):
    "[(Table, row)] whose name, or part of it, stands in a text, a letter off or not; a row of which less is said than of another is left out"
    said = {w for w in words(text) if w not in small()}
    found, ratio = [], late('rapidfuzz.fuzz').ratio
    near = lambda w, x: len(w) > 3 and len(x) > 3 and (x.startswith(w) and len(x)-len(w) < 3 or w.startswith(x) and len(w)-len(x) < 3
                                                       or ratio(x, w) >= 80)
    for t in world.tables.values():
        others = Counter(w for r in t.rows for w in {w for c, k in t.columns.items() if k == 'text' and c != t.main for w in names(r.get(c))})
        for r in t.rows:
            own = [w for w in words(r.get(t.main) or '') if w not in small()]
            hit = {w for w in own if w in said} | {x for w in own if w not in said for x in said if near(w, x)}
            if r['id'] > 20 and str(r['id']) in said: hit.add(str(r['id']))
            people = {w for c, k in t.columns.items() if k == 'text' and c != t.main for w in names(r.get(c)) if others[w] == 1
                      and (w in said or w + 's' in said)}
            if not hit and not people: continue
            whole = spoken(r[t.main], text) if r.get(t.main) else ''
            also = {w for c, k in t.columns.items() if c != t.main and k in ('text', 'choice', 'date') for w in words(r.get(c) or '')
                    if w in said and len(w) > 2}
            found.append((3*bool(whole) + 2*bool(people) + .5*len(people) + 2*len(hit)/max(1, len(own)) + .5*len(hit) + 3*(str(r['id']) in hit)
                          + .4*min(2, len(also)), hit | people, bool(whole), t, r))
    found.sort(key=lambda f: -f[0])
    kept = []
    for score, hit, whole, t, r in found:
        if not any(hit < k[1] or hit == k[1] and k[0] > score + .3 for k in kept): kept.append((score, hit, whole, t, r))
    return [(t, r) for score, hit, whole, t, r in kept if whole or score >= .45*kept[0][0]]

def names(v): return {w.lower() for w in re.findall(r'\w+', str(v or '')) if w[0].isupper() and len(w) > 2 and not w.isupper()}

def likely(tables, g, text):
    "The tables a new row may be for: those that have a column for the amounts that are said, and of these the ones whose columns are named most"
    if len(tables) < 2: return tables
    nums = amounts(text, g.lang)
    fit = [t for t in tables if not nums or any(k == 'number' and among(t, c, nums) for c, k in t.columns.items())] or tables
    told = {t.name: sum(bool(s.label(n)) for n in range(len(g.words))) for t in fit for s in [Slots(g, t, 0, len(g.words))]}
    return [t for t in fit if told[t.name] == max(told.values())]

# what can be said

def words(v): return re.findall(r'\w+', str(v).casefold())
def spoken(value, text):
    "A value as the user said it, '' when they did not"
    found = words(value) and re.search(r'(?<!\w)' + r'\W{1,3}'.join(map(re.escape, words(value))) + r'(?!\w)', text, re.I)
    return found[0] if found else ''

# the latter stand in names: hose clamp 25mm
units, small_units = {'kg', 'g', 'cm', 'mm', 'ml', 'l', 'km', 'h', 'm', 'kw', 'min'}, {'mm', 'ml', 'g', 'm', 'l', 'kw'}
def amounts(text, lang):
    "[(number, its unit or '')] that a text says, in figures or words; what is part of a code, a date, a time or a telephone number is none"
    out, low = [], re.sub(r'\d{4}-\d\d-\d\d|\d\d?\.\d\d?\.\d{2,4}|(?<!\d)\d\d?:\d\d|\+?\d{2,5}(?:[ /-]\d{3,})+', ' ', text.lower())
    for m in re.finditer(r'(?<![\w.,/-])[€$£#]?(\d+(?:[.,]\d+)*)(?:\s?(x|%|€|\$|£|[a-z]{1,3}))?(?![\w/:-])', low):
        if ((m[2] is None or m[2] in units or m[2] in ('x', '%', '€', '$', '£', 'eur') or low[m.end(1):m.end(1)+1] == ' ')
                and (n := lang.number(m[1])) is not None):
            out.append((n, m[2] if m[2] in units else ''))
    toks, i = re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d\S*", low), 0
    while i < len(toks):
        k = next((k for k in (4, 3, 2, 1) if i+k <= len(toks) and toks[i+k-1] not in lang.words.get('number_and', ('and', 'und'))
                  and not any(t[0].isdigit() for t in toks[i:i+k]) and lang.number(' '.join(toks[i:i+k])) is not None), 0)
        if not k: i += 1; continue
        n, first, rest = lang.number(' '.join(toks[i:i+k])), toks[i], toks[i+k:i+k+3]
        if len(rest) > 1 and rest[0] in ('point', 'komma') and (f := lang.number(rest[1])) is not None and 0 <= f < 10:
            n, k = float(f'{int(n)}.{int(f)}'), k+2
        elif rest == ['and', 'a', 'half']: n, k = n+.5, k+3
        if first not in ('a', 'an') and not (k == 1 and first in lang.words['a']):
            out.append((n, next((u for u in units if u == (toks[i+k:i+k+1] or [''])[0]), '')))
        i += k
    return [(int(n) if float(n).is_integer() else n, u) for n, u in dict.fromkeys(out)]

def among(table, column, nums):
    "Those of some amounts that a column can hold: of its unit, and of the size of what stands there"
    in_ = {c: next((u for u in c.lower().split('_')[1:] if u in units), '') for c, k in table.columns.items() if k == 'number'}
    now = sorted(abs(v) for r in table.rows if isinstance(v := r.get(column), (int, float)) and v)
    far = lambda n: len(now) > 2 and n and (not now[0]/8 <= abs(n) <= now[-1]*8
                                            or now[0] > 1000 and now[-1] < 1.2*now[0] and not .9*now[0] <= n <= 1.1*now[-1])
    return [n for n, u in nums if (not u or u == in_[column] or not in_[column] and u not in in_.values() and u not in small_units)
            and not far(n) and not (table.whole(column) and n != int(n))]

@lru_cache(1)
def edge():
    "The words with which no value begins or ends"
    return frozenset(w for c in languages() for w in language(c).record['edge'])
def phrases(text):
    "The parts of a sentence that can be a value: some words of one clause, without small words around them"
    out = dict.fromkeys(m[1].strip() for m in re.finditer(r'["“„«]([^"”“»]{1,80})["”“»]', text))
    for part in re.split(r'[,;!?()"“”„»«]|:\s|(?<!\bMr)(?<!\bDr)(?<!\bSt)(?<!\bMrs)(?<!\bMs)(?<!\b[A-Z])(?<!str)\.(?:\s|$)(?!\d)'
                         r'|\s[-–—@]\s|[-=]+>|→', text):
        ws = part.split()
        for i in range(len(ws)):
            for k in range(i+1, min(len(ws), i+most_words)+1):
                if i and ws[i-1].lower() in ('not', 'nicht', 'statt') or ws[i].lower().strip("'.") in edge() or ws[k-1].lower().strip("'.") in edge():
                    continue
                out[s := ' '.join(ws[i:k])] = None
                if s.endswith(("'s", '’s')): out[s[:-2]] = None
    return [s for s in out if {*words(s)} - small() and '\\' not in s and len(s) <= 100]

def coded(table):
    "Are the rows of a table called by codes, as KAR-01?"
    vals = [str(r[table.main]) for r in table.rows if r.get(table.main)]
    return bool(vals) and all(' ' not in v and re.search(r'\d', v) for v in vals)
def few(table, column):
    "Does a column hold one of a few words again and again, as idea, edited, published?"
    vals = [str(r[column]) for r in table.rows if r.get(column)]
    return (table.columns[column] == 'text' and column != table.main and len(vals) > 2 and len({*vals}) <= .7*len(vals)
            and all(v.islower() for v in vals))
def form(v): return re.sub('a+', 'a', re.sub(r'\d+', '0', re.sub(r'[^\W\d_]+', 'a', str(v).strip())))
def allowed(table, row, text, lang):
    """{column: [values]} of a record as far as a sentence can say something of it: what
    it holds now (or nothing), and what is said that looks like what the column holds.
    A column that nothing said would fit is left out."""
    mine = words(row.get(table.main) or '') if row else []
    orders = {w for k in ('change', 'rename', 'done', 'delete') for w in lang.verbs[k]} if row else ()
    nums, parts, out = ([a for a in amounts(text, lang) if not row or (a[0] != row['id'] or row['id'] < 20) and str(a[0]) not in mine],
                        [p for p in phrases(text) if p.split()[0].lower() not in orders], {})
    tokens, exact, taken = {*lang.tokens(text)}, [], [words(r.get(table.main) or '') for r in table.rows] if row else []
    for c, now in shown(table, row).items():
        k, vals = table.columns[c], [str(r[c]) for r in table.rows if r.get(c) not in (None, '')]
        forms = {form(v) for v in vals}
        figures, plain = bool(vals) and all('0' in f for f in forms), bool(vals) and all('a' not in f for f in forms)
        known = dict.fromkeys(v for v in vals if tokens & {*lang.tokens(v)})
        if k == 'bool':
            if row: out[c] = [False, True]
            continue
        if k == 'number': more = among(table, c, nums)
        elif k == 'choice' and table.choices.get(c):
            more = list(map(str, table.choices[c])) if any(tokens & {*lang.tokens(str(v))} for v in table.choices[c]) else []
        elif k == 'url' or vals and all(re.match(r'https?://|www\.', v) for v in vals):
            more = re.findall(r'https?://[^\s,;)]+|(?<!\S)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,7}(?:/\S*)?(?!\S)', text)
        elif k == 'email': more = re.findall(r'[\w.+-]+@[\w.-]+\w', text)
        elif k == 'date': more = list(dict.fromkeys([*re.findall(r'\d{4}-\d\d-\d\d', text), *days(text, lang)]))
        elif c == table.main:
            codes = coded(table)
            more = [p for p in parts if re.search(r'[^\W\d_]', p) and (not codes or re.search(r'\d', p) and ' ' not in p)
                    and not (row and words(p) in taken)]
        elif figures:
            more = ([p for p in parts if form(p) in forms]
                    or ([] if plain else [p for p in parts if re.search(r'\d', p) and re.search(r'[^\W\d_]', p) and len(p.split()) <= 3]))
        elif few(table, c): more = list(known)
        else: more = [*dict.fromkeys([*known, *(p for p in parts if len(p.split()) <= 4 + 3*bool(row) and re.search(r'[^\W\d_]', p))])]
        if k not in ('number', 'bool') and c != table.main and figures: exact += more
        if more or row and k in ('text', 'choice', 'long') and (c == table.main or not figures):
            out[c] = list(dict.fromkeys([*([now] if row or c != table.main else ()), *more]))
    for c in [c for c in out if table.columns[c] == 'number']:          # the 10 of 10 July
        out[c] = [v for v in out[c] if v == shown(table, row)[c] or not any(re.search(rf'(?<![\w.]){re.escape(str(v))}(?!\w)', x) for x in exact)]
        if len(out[c]) < 2 and not row: del out[c]
    return out

# how it reads

# the three questions, as files of prompts/questions/
layers = {'record': 'how a record reads afterwards', 'part': 'what of it is different', 'new': 'how a new one reads'}
def head(layer):
    "The turns before a question, always the same: an engine reads them once"
    who, _, examples = prompts.question(layer).partition('\n---\n')
    return [{'role': 'system', 'content': who.strip()}, *prompts.turns(examples)] if examples else []

def shown(table, row):
    "The part of a row that a sentence may change"
    given = {c: row.get(c) if row else None for c, k in table.columns.items() if k in kinds}
    return {c: bool(v) if table.columns[c] == 'bool' else empty.get(table.columns[c], '') if v is None else v for c, v in given.items()
            if len(str(v)) <= most_chars}

def shape(open):
    "JSON Schema of one answer, of what `allowed` gave"
    return {'type': 'object', 'properties': {c: {'enum': vs} for c, vs in open.items()}, 'required': [*open], 'additionalProperties': False}

def line(table, row, open):
    if row: return f'{table.one or table.name}: ' + json.dumps({c: v for c, v in shown(table, row).items() if c in open}, ensure_ascii=False)
    like = next((r for r in table.rows if all(r.get(c) for c in open)), table.rows[0] if table.rows else None)
    return f'new {table.one or table.name} like ' + json.dumps({c: v for c, v in shown(table, like).items() if c in open}, ensure_ascii=False)

def question(lines, text): return neutral('\n'.join(lines) + f'\nThe person says: {text}')

def changed(table, row, after, open, text, lang):
    "What is new in a record: {column: value}, each one of those that were open, as the user said it"
    out, main = {}, after.get(table.main) if after.get(table.main) is not None else ''
    no = bool(re.search(r"\b(?:no|not|never|nicht|kein\w*)\b|n['’]?t\b", text, re.I))
    was = row.get(table.main) if row else ''
    for c, before in shown(table, row).items():
        v, k = after.get(c, before), table.columns[c]
        if isinstance(v, str) and c in open: v = next((x for x in open[c] if isinstance(x, str) and words(x) == words(v)), v)
        # an engine that does not hold a model to the shape
        if c not in open or v not in open[c] or isinstance(v, bool) != (k == 'bool') or v == before or v in ('', None): continue
        if k == 'bool': out |= {c: v} if not (v and no) else {}
        elif k == 'number': out |= {c: v} if row or v and not any(v == x for x in out.values() if not isinstance(x, bool)) else {}
        elif c == table.main:
            if words(v) != words(before) and not (row and words(v)[:len(words(was))] == words(was) and {*words(v)[len(words(was)):]} & edge()):
                out[c] = v
        elif k in ('text', 'long') and (words(v) == words(before) or chaff(v, table, lang) or {*words(v)} & {*words(main), *words(was)}
                                        or any({*words(v)} & {*words(x)} for o, x in out.items() if isinstance(x, str))):
            continue
        else: out[c] = v
    if row: return out
    for c, v in [*out.items()]:             # a number that is part of a name
        if (table.columns[c] == 'number' and (there := len(re.findall(rf'(?<![\w.]){re.escape(str(v))}(?!\w)', text)))
                and sum(len(re.findall(rf'(?<![\w.]){re.escape(str(v))}(?!\w)', x)) for x in out.values() if isinstance(x, str)) >= there):
            del out[c]
    return out

def whole(name, text):
    "Is at least half of a name said?"
    own = [w for w in words(name) if w not in small()]
    return 2*sum(w in words(text) or any(len(w) > 3 and late('rapidfuzz.fuzz').ratio(w, x) >= 80 for x in words(text)) for w in own) >= len(own)

def removed(text, world, code):
    """[Op] to offer where somebody says that a row is to go (“chuck it off the board”) in
    whatever words, and names one row and nothing else that would change: never done, only asked"""
    lang = language(code)
    said = own_words(text)
    if (not lang.gist or not said or len(said) > most_chars or '\n' in said or said.endswith('?')
            or not any(re.search(p, said, re.I) for p in lang.record['off']) or any(re.search(p, said, re.I) for p in lang.record['asks'])
            or Evidence(said, lang).gate):
        return []
    rows = named(said, world)
    return ([Op(t.name, 'delete', r['id']) for t, r in rows]
            if len(rows) == 1 and not Evidence(said, lang).says(lang.verbs['create'][:3]) and whole(rows[0][1].get(rows[0][0].main), said) else [])

def shares(text, found, lang):
    "For each row its own part of a sentence that speaks of several one after the other; the whole where a part says nothing of its row"
    if len(found) < 2 or any(not row for _, row in found): return [text]*len(found)
    cuts = [0, *(m.start() for m in re.finditer(r'[,;.]\s|\s(?:and|und)\s', text)), len(text)]
    clauses = [text[a:b].strip(' ,;.') for a, b in zip(cuts, cuts[1:])]
    mine = [{w for w in words(r.get(t.main) or '') if w not in small()} for t, r in found]
    of = [[n for n, own in enumerate(mine) if own & {*words(c)}] for c in clauses]
    if any(len(o) > 1 for o in of): return [text]*len(found)
    parts, at = [[] for _ in found], None
    for c, o in zip(clauses, of):
        at = o[0] if o else at
        if at is not None: parts[at].append(c)
    parts = [re.sub(r'^(?:and|und)\s+', '', ', '.join(p)) for p in parts]
    return (parts if all(re.search(r'\d', p) or {*words(p)} - own - small() for p, own in zip(parts, mine))
            and not any(re.search(p, text, re.I) for p in lang.record['swaps']) else [text]*len(found))

def chaff(v, table, lang):
    "Is a text nothing but small words and the names of the table?"
    g = lang.gist
    return (all(len(w) < 3 and w.islower() for w in re.findall(r'\w+', v))
            or {*words(v)} <= {*small(), *edge(), *g['common'], *g['chatter'], *g['fill'], *g['pronoun'],
                               *(w for n in table.nouns(lang) for w in n.split())})

def days(text, lang):
    "The dates that are said, as YYYY-MM-DD"
    w = text.split()
    return {d for n in range(len(w)) for length in (1, 2, 3, 4) if len(said := ' '.join(w[n:n+length]).strip('.,;!')) > 2 and (d := lang.day(said))}

patience = {}           # {model: slow answers in a row}

async def ask(engine, model, turns, asked, schema, phase):
    "The answer to one question as a dict, None where there is none"
    answer, took = '', None
    try:
        async with aclosing(engine.chat(model, [*turns, {'role': 'user', 'content': asked}], schema=schema, limit=most_tokens,
                                        temperature=0, head=len(turns))) as stream:
            async for p in stream:
                if isinstance(p, Said): answer += p.text
                elif isinstance(p, Phase): phase(p)
                else: took = p.prompt_s + p.eval_s
        after = json.loads(answer)
    except (Fault, ValueError) as e:
        log.debug('{} did not say how a record reads: {}', model, e)
        return None
    patience[model] = patience.get(model, 0) + 1 if took and took > slow else 0
    return after if isinstance(after, dict) else None

async def read(engine, model, text, found, code, phase=lambda p: None):
    """[Op] that a sentence asks for, of the records `about` found, by a model that
    is asked about each; [] where nothing is. Its way is told to phase(Phase)."""
    ops, lang, whole_text = [], language(code), text
    text = own_words(text)
    async def put(layer, lines, schema):
        turns = head(layer)
        return await ask(engine, model, turns, question(lines, text), schema, phase) if turns and patience.get(model, 0) < most_slow else None
    async def part(table, row, more):
        "Which of some columns is different now, and how it reads: one of them is"
        shapes = [{'type': 'object', 'properties': {c: {'enum': vs}}, 'required': [c], 'additionalProperties': False} for c, vs in more.items()]
        return await put('part', [line(table, row, open)], {'anyOf': shapes} if len(shapes) > 1 else shapes[0])
    said = shares(text, found, lang)
    for (table, row), text in zip(found, said):
        if not row or not (open := allowed(table, row, text, lang)): continue
        now = shown(table, row)
        more = {c: [v for v in vs if v != now[c] and not (table.columns[c] == 'number' and v == len(found) > 1 and text == said[-1])]
                for c, vs in open.items()}
        firm = {c: vs for c, vs in more.items() if vs
                and (table.columns[c] not in ('text', 'long', 'bool') or c == table.main and coded(table) or few(table, c)
                     or c != table.main and table.columns[c] == 'text' and all(re.search(r'\d', v) for v in vs))}
        if exact := {c: vs for c, vs in firm.items() if table.columns[c] != 'number'}: firm = exact
        was = words(now[table.main])
        other = lambda w, was=was: not {*w} <= {*was} and w[:1] != was[:1]
        longer = lambda w, was=was: w[:len(was)] == was and len(w) <= len(was)+2
        renames = any(re.search(p, text, re.I) for p in lang.record['renames'])
        names = [v for v in more.get(table.main, ()) if other(words(v)) or longer(words(v))] if renames else []
        name = {table.main: names} if names else {}
        ask_part = firm if firm and not name else name
        after = await part(table, row, ask_part) if ask_part else await put('record', [line(table, row, open)], shape(open))
        values = changed(table, row, after, open, text, lang) if after else {}
        flips = {c: [not now[c]] for c in open if table.columns[c] == 'bool'}
        if not values and not ask_part and flips and after and table is found[0][0] and whole(row[table.main], text):
            values = changed(table, row, await part(table, row, flips) or {}, open, text, lang)
        if values: ops.append(Op(table.name, 'update', row['id'], values))
    text = own_words(whole_text)
    fresh = {t.one or t.name: (t, open) for t, row in found if not row and (open := allowed(t, None, text, lang)).get(t.main)}
    if fresh:
        shapes = [{**(s := shape(open)), 'properties': {'new': {'const': n}, **s['properties']}, 'required': ['new', *open]}
                  for n, (t, open) in fresh.items()]
        after = await put('new', [line(t, None, open) for t, open in fresh.values()], {'anyOf': shapes} if len(shapes) > 1 else shapes[0])
        if after and isinstance(after.get('new'), str) and after['new'] in fresh:
            table, open = fresh[after['new']]
            if (values := changed(table, None, after, open, text, lang)).get(table.main): ops.append(Op(table.name, 'create', None, values))
    return ops

def odd(ops, text, world, code):
    """Does a reading write what the sentence does not say, or what looks like
    nothing that stands in the column? A step (two more) is worked out, not said."""
    lang = language(code)
    for o in ops:
        if o.verb not in ('create', 'update'): continue
        table, row = world.tables[o.table], next((r for r in world.tables[o.table].rows if r['id'] == o.id), None)
        open = allowed(table, row, text, lang)
        for c, v in o.values.items():
            if (v in ('', None, 0) or c not in table.columns or table.columns[c] in ('bool', 'json', 'ref') or v in open.get(c, ())
                    or any(words(v) == words(x) for x in open.get(c, ()))):
                continue
            if (table.columns[c] != 'number' and not (table.columns[c] == 'date' and re.fullmatch(r'\d{4}-\d\d-\d\d', str(v)))
                    or table.columns[c] == 'number'
                    and re.search(rf'(?<=[\d:/]){re.escape(str(v))}(?!\w)|(?<!\w){re.escape(str(v))}(?=[:/]\d)', text)):
                return True
    return False
