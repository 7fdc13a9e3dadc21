"""From the user's words to keys: rules first, on every turn; what a model proposes is held against the words before it is pressed.

    read(tx, text)          the rules' Reading of a sentence in the app as it is now
    weigh(tx, text, found)  the guard's Verdict on one action of a reply"""
import json, re
from collections import OrderedDict
from functools import cache, lru_cache
from ..actions import registry, find
from ..loading.plugins import plugins
from ..reading import clauses, gist, narrowing, rules, several
from ..reading.guard import Evidence, Verdict, ground, judge
from ..reading.language import language, languages
from ..reading.world import Op, Reading, Table, World
from ..store import Refused
from ..tx import got
from . import record

learned = []            # readers that grew from the user's confirmations: f(tx, text, world) → Reading or None
most_seen = 2000        # rows of a table that are looked at

def table(kind, tx):
    "A table of a plugin as a sentence sees it; while its rows are as they were, with the words that were found in them before"
    shape = (kind.name, kind.kinds, kind.main, kind.one, kind.title, getattr(kind, 'choices', {}),
             tuple(k for k in kind.columns if k not in kind.default), getattr(kind, 'owner', None) or '', getattr(kind, 'link', None) or '',
             getattr(kind, 'refs', {}))
    rows = rows_of(kind, tx)
    if (was := _seen.get(kind.name)) and was[:2] == (shape, rows): return was[2]
    name, kinds, main, *rest = shape
    _seen[kind.name] = shape, rows, (t := Table(name, kinds, main, [kind.clean(r) for r in rows], *rest))
    return t
def under(kind, tx, id):
    "The Table of what belongs to a row, as it is once that row is chosen"
    now = table(kind, tx)
    return Table(now.name, now.columns, now.main, [kind.clean(r) for r in kind.theirs(tx, id, most_seen)], now.one, now.title, now.choices,
                 now.required, now.owner, now.link, now.refs)
def rows_of(kind, tx):
    "The rows of a table that a sentence is held against"
    return tx.once(('rows', kind.name), lambda: kind.rows(tx, most_seen))
_seen = {}              # by name: a table's shape, its rows as they were read, the Table

def world(tx):
    "The tables in view, and what was changed last"
    recent = OrderedDict()
    for data, in tx.conn.execute("select data from log where kind='action' and by!='app' order by id desc limit 12"):
        for name, id, _, after in json.loads(data or '{}').get('changes') or ():
            if after is not None and id != 'lot': recent.setdefault((name, id))
    # *it* is who was chosen, none of the rows of before
    def chosen(name, id):
        return World([under(k, tx, id) if getattr(k, 'owner', None) == name else table(k, tx) for k in plugins.tables()], [(name, id)], chosen)
    seen = [k.name for k in plugins.tables() if k in getattr(plugins.get(got(tx, 'app', 'open')), 'kinds', ())]
    return World([table(k, tx) for k in plugins.tables()], recent, chosen, seen[0] if len(seen) == 1 else '')

def tongue(text, sure=False):
    "The language a text is written in, by its small words; English where nothing tells (with `sure`: None)"
    words = set(text.lower().replace('’', "'").split())
    found = {c: len(words & language(c).telling) for c in languages()}
    best = max(found, key=lambda c: (found[c], c == 'en'))
    return None if sure and sum(n == found[best] for n in found.values()) > 1 else best

@lru_cache(8)
def own_words(code):
    "The words of change of a language"
    lang = language(code)
    phrases = [*lang.verbs.values(), *lang.flags.values(), *lang.unflags.values(), *(lang.gist['cues'].values() if lang.gist else ())]
    return {w for ps in phrases for p in ps for w in p.split()} | {*lang.words['a'], *lang.words.get('tell', ()), *lang.past}
def speaks(text, code, first, least=1):
    "Does a text hold words of change of one language that are none of another's?"
    return len({w.strip('.,;:!?') for w in text.lower().split()} & (own_words(code) - own_words(first))) >= least

def mixture(text, first, least=1):
    "The two languages that a text is written in, as one (`en+de`), where it holds so many words of the second; '' when it is written in one"
    return next((f'{first}+{c}' for c in languages() if c != first and speaks(text, c, first, least)), '')

def read(tx, text):
    "What the rules make of a sentence; every language is tried"
    w = world(tx)
    if not w.tables: return Reading('unsure')
    got = next((r for f in learned if (r := f(tx, text, w))), None) or heard(text, w)
    code = tongue(text)
    if got.end == 'unsure' and (gone := record.removed(text, w, code)): got = Reading('chip', gone, 'unlike')
    # a model is asked, see record
    if got.end == 'unsure' or got.end == 'chip' and record.odd(got.ops, text, w, code):
        got.records, got.said, got.code = record.about(text, w, code), text, code
    return got

def same(these, those):
    "Do two lists of operations say the same, but for case?"
    plain = lambda ops: [(o.action, o.id, {k: str(v).casefold() for k, v in o.values.items()}) for o in ops]
    return plain(these) == plain(those)

def runs_on(value, lang, text):
    "Does a text for a row that is there go on into what is said about it (“Martin Lowe put that instead”)? Quoted words are meant as they stand."
    return (isinstance(value, str) and bool({*value.casefold().split()[1:]} & {*lang.gist['pronoun'], *lang.gist['runs_on']})
            and not re.search(r'[“”„"\'‘’«]\s*' + re.escape(value), text))

def heard(text, w):
    "What a sentence asks for among these tables, by rules and gist in whichever language"
    codes = [tongue(text)] if tongue(text, True) else sorted(languages(), key=lambda c: c != tongue(text))
    compared = next((got for c in codes if (got := narrowing.read(text, w, language(c)))), None)
    if compared and compared.ops: return compared
    got = _heard_so(text, w, codes)
    # “which are due before the wedding?”: the rows of some other question are no answer
    listed = got.ops and got.end == 'press' and all(o.verb == 'list' for o in got.ops)
    return compared if compared and (listed or got.ops and got.end != 'press' and compared.name == 'compared') else got

def _heard_so(text, w, codes):
    return next((got for c in codes if (got := clauses.read(text, w, c, heard, _whole))), None) or _whole(text, w)

def _whole(text, w):
    got = _heard(text, w)
    if got.end == 'chip' and any(rules.Reader(text, w, language(c)).misnamed(got.ops) for c in languages()):
        return Reading('unsure', name='half')
    return several.listed(text, w, language(tongue(text)), got) or got

def _heard(text, w):
    first, meant = tongue(text), cache(lambda code: gist.read(text, w, code))
    got = rules.read(text, w, first)
    if got.name == 'half': return got
    # a question is at most offered
    if (got.end == 'press' and '?' in text and not all(o.looks for o in got.ops)
            and not any(re.search(p, text, re.I) for p in language(first).gist['request'])):
        got = Reading('unsure')
    if (got.end == 'press' and all(o.verb in ('create', 'update') for o in got.ops)
            and (got.ops[0].verb == 'update' or sum(k in ('text', 'choice') for k in w.tables[got.ops[0].table].columns.values()) > 1)):
        other = meant(first)               # a second look: where it reads otherwise nothing is sure
        if other.end == 'chip' and not same(other.ops, got.ops):
            more = lambda r: (len(r.ops), sum(len(o.values) for o in r.ops))
            return (other if [o.action for o in other.ops] == [o.action for o in got.ops] and got.ops[0].verb == 'create'
                    or more(other) > more(got) else Reading('chip', got.ops, 'unlike'))
    if got.end == 'press' and any(o.verb == 'update' and any(runs_on(v, language(first), text) for v in o.values.values()) for o in got.ops):
        got.end, got.name = 'chip', 'unlike'
    # where one text ends and the next begins is never quite sure
    if (got.end == 'press'
            and any(o.verb == 'create'
                    and any(v not in ('', None) and c != w.tables[o.table].main and w.tables[o.table].columns[c] == 'text'
                            for c, v in o.values.items()) for o in got.ops)):
        got.end, got.name = 'chip', 'unlike'
    quiet = any(c != first and speaks(text, c, first, 2) and gist.hushed(text, c) for c in languages())
    mixed = mixture(text, first, 2)
    if got.end == 'unsure' and got.name != 'long' and mixed and not quiet and (likely := meant(mixed)).end in ('press', 'chip', 'ask'): return likely
    if (got.end == 'unsure' and got.name != 'long' and not quiet and not tongue(text, True)
            and (likely := meant(first)).end in ('press', 'chip', 'ask') and not all(o.looks for o in likely.ops)):
        return likely
    hushed = any(gist.hushed(text, c) for c in languages())          # what keeps quiet in one language is no order in another
    if got.end == 'unsure':
        for code in () if tongue(text, True) or hushed else languages():          # too short to tell whose words they are
            if code != first and (other := rules.read(text, w, code)).end == 'press':
                if any(o.verb != 'list' for o in other.ops): other.end, other.name = 'chip', 'unlike'
                return other
    if got.end == 'nothing' and got.name == 'how' and (listed := meant(first)).end == 'press' and all(o.verb == 'list' for o in listed.ops):
        return listed
    if not quiet and (got.end == 'unsure' and got.name != 'long'
                      or got.end == 'nothing' and got.name not in ('no_row', 'so_already', 'many_rows', 'writing', 'reported')):
        for code in [first] if tongue(text, True) or hushed else sorted(languages(), key=lambda c: c != first):
            if code != first and not speaks(text, code, first): continue
            likely = meant(code)
            if likely.end in ('press', 'chip', 'ask'): return likely
    if (got.end == 'unsure' and got.name != 'long' and not hushed and not mixed and (mixed := mixture(text, first))
            and (likely := meant(mixed)).end in ('press', 'chip', 'ask')):
        return likely
    return got

_polite = re.compile(r"(?:please|ok(?:ay)?|now|and|bitte|(?:can|could|would|will) you(?: please)?|kannst du(?: bitte)?)[, ]+"
                     r"|[, ]+(?:please|now|bitte)$", re.I)
def bare(text):
    "A sentence without the politeness around it and its last mark"
    said = ' '.join(text.replace('’', "'").split()).rstrip('.!? ')
    while m := _polite.search(said):
        if m.start() and m.end() < len(said) or (less := _polite.sub('', said, count=1)) == said: break
        said = less
    return said
def spoken(text, plugin):
    "(name, arguments) of the key of the open plugin that this sentence presses, by the phrases that the plugin gave it; None when there is none"
    if len(text) > 400 or len(said := bare(text)) > 200: return None
    return next(((a.name, {k: v for k, v in m.groupdict().items() if v}) for a in registry.values() if a.plugin == plugin and a.model
                 for p in a.phrases if (m := re.fullmatch(p, said, re.I))), None)

def word(text):
    "yes, no, undo or redo where a message is nothing but that, however politely; else ''"
    t = ' '.join(text.lower().strip().rstrip('.!').split())
    bare = {t, _polite.sub('', t)}
    return next((w for w in ('yes', 'no', 'undo', 'redo') for c in languages() if not bare.isdisjoint(language(c).words.get(w, ()))), '')

def weigh(tx, text, found):
    "The guard's word on one action of a reply: a Verdict whose op has a name and args to press"
    action, lang = find(found.name), language(tongue(text))
    ev, verb = Evidence(text, lang), found.name.partition('.')[2]
    try: args = action.check(found.args or {})
    except Refused:
        if ev.gate: return Verdict('nothing', ev.gate)          # a question is none, whatever the reply made of it
        raise
    kind = plugins.table(found.name.partition('.')[0])
    if not kind or verb not in ('create', 'update', 'delete', 'list', 'sort'):
        if action.risk == 'read': return Verdict('run')
        # “count the words in: …” is no wish for a text, where a key is called so
        if ev.gate and not (ev.gate == 'writing' and {*lang.tokens(action.title)} <= ev.words): return Verdict('nothing', ev.gate)
        # that a table was spoken of is no word for what is done to it
        own = {t for n in table(kind, tx).nouns(lang) for t in lang.tokens(n)} if kind else set()
        said = set(lang.tokens(f'{action.title} {action.name.replace(".", " ")}')) & ev.words - own
        if said and kind and ('set' in args or 'ids' in args or 'match' in args): return Verdict('chip', 'too_many')
        if said and kind and verb == 'move':
            w = world(tx)
            if args.get('id') not in {r['id'] for r in ground(ev, w.tables[kind.name], w.recent)[0]}: return Verdict('chip', 'row')
        return Verdict('run' if said and not ev.pasted else 'chip', 'pasted' if ev.pasted else 'no_cue')
    w = world(tx)
    if verb in ('create', 'list', 'sort'): values = args.get('where') or {} if verb == 'list' else args
    else:
        values = {k: v for k, v in args.items() if k not in ('id', 'where')}
        try: args['id'] = kind.find(tx, args)['id']
        except Refused: args['id'] = args.get('id')
    v = judge(ev, Op(kind.name, verb, args.get('id') if verb in ('update', 'delete') else None, values), w)
    if v.op and kind.link and args.get(kind.link) is not None and verb == 'create': v.op.values[kind.link] = args[kind.link]
    return v

def warm():
    "Compile the patterns before somebody waits for them"
    w = World([Table(k.name, k.kinds, k.main, one=k.one, title=k.title) for k in plugins.tables()])
    for code in languages():
        rules.read('warm up', w, code)
        gist.read('please warm this up', w, code)
