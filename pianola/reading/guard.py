"""What a model proposes, held against what the user said: the row must be theirs, the values their words, and a question is no order.

    proposal → limits → gate → cue → ground → provenance → run · chip · ask · nothing, each with its name

The evidence is the user's own sentence, never the reply, never what stands in quotation marks or was pasted."""
import re
from dataclasses import dataclass, field
from .language import gate, mask
from .rules import longest
from .targets import Targets
from .world import Op, World

names = {           # why something was not simply done, as the page says it
    'how': 'that was a question', 'negation': 'you said not to', 'condition': 'that was only an if',
    'maybe': 'you were only thinking of it', 'writing': 'you asked for words, not for a change',
    'reported': 'those were somebody else’s words', 'talk': 'nothing was asked for', 'pasted': 'that stood in a text you pasted',
    'no_cue': 'you did not say that in so many words', 'row': 'you named no such row',
    'which': 'several rows fit', 'not_your_words': 'those are not your words', 'there_already': 'there is one like that already',
    'so_already': 'it is so already', 'too_many': 'several at once wait for your yes',
    'no_row': 'there is no such row',
    'many_rows': 'those are too many rows for one sentence; select them in the table and change them there',
    'not_you': 'a plugin asked for it, not you', 'unlike': 'it fits only roughly', 'read_so': 'this is how the model reads it'}

@dataclass
class Verdict:
    """`end`: run, chip, ask or nothing; `name`: why (a key of `names`); `op`:
    what to press now, perhaps on another row; `ops`: the operations to ask about"""
    end: str
    name: str = ''
    op: Op | None = None
    ops: list = field(default_factory=list)

class Evidence:
    "What the user said, ready to hold proposals against"
    def __init__(self, text, lang):
        self.lang, first = lang, text.strip().replace('’', "'")
        self.pasted = '\n' in first or len(first) > longest
        if self.pasted: first = first.partition('\n')[0][:longest]
        self.masked, self.quotes = mask(first)
        self.text, self.low = first, self.masked.lower()
        self.words = set(lang.tokens(re.sub(r'Q\d+Q', ' ', self.masked)))
        self.quoted = {w for q in self.quotes for w in lang.tokens(q)} if all(len(q.split()) <= 12 for q in self.quotes) else set()
        said = [*re.findall(r'-?[\d][\d.,]*|\w+', self.low), *(w for q in self.quotes for w in re.findall(r'[\d][\d.,]*', q))]
        self.numbers = {n for w in said if (n := lang.number(w.rstrip('.,'))) is not None}
        self.gate = gate(re.sub(r'Q\d+Q', 'X', self.masked), lang) or ('maybe' if lang.gist and lang.beside(self.masked) else '')
    def says(self, words): return any(re.search(rf'(?<!\w){re.escape(w)}(?!\w)', self.low) for w in words)
    def cue(self, verb, table):
        "Is there a word for this kind of change?"
        v, lang = self.lang.verbs, self.lang
        if verb == 'create':
            return (self.says([w for w in v['create'] if w not in ('open', 'get me', 'start', 'need')] + lang.words.get('wishes', []))
                    or self.says(table.nouns(lang)) and not self.says(v['delete']))
        if verb == 'delete': return self.says([w for w in v['delete'] if w not in ('lose', 'take out')] + lang.words.get('gone', []))
        flags = [w for c, k in table.columns.items() if k == 'bool' for w in [c.replace('_', ' '), *lang.flags.get(c, ()), *lang.unflags.get(c, ())]]
        stems = {lang.stem(w) for w in (*v['done'], *v['change'])}
        past = any(w in lang.past or w.endswith(('ed', 'ied')) for w in re.findall(r'\w+', self.low))
        return self.says([w for k in ('change', 'done', 'undone', 'on', 'off', 'rename') for w in v[k]] + flags) or past or bool(stems & self.words)
    def covers(self, value):
        "Are these the user's words? Small words and inflection do not matter."
        want = self.lang.tokens(str(value))
        return bool(want) and all(w in self.words or w in self.quoted for w in want) or str(value).casefold() in self.text.casefold()

    def flagged(self, table, row, column):
        """Do the words speak of a yes or no: by its name, by what is said of such columns,
        by a verb of ticking off, or as done what the row says to do (“I paid the rent”)?"""
        lang = self.lang
        names = [column.replace('_', ' '), *lang.flags.get(column, ()), *lang.unflags.get(column, ())]
        past = {lang.stem(w) for w in re.findall(r'\w+', self.low) if w in lang.past or w.endswith('ed')}
        if self.says(names) or past & ({lang.stem(w) for w in names} | {*lang.tokens(str(row.get(table.main) or ''))}): return True
        if (self.words & {s for k in ('done', 'undone', 'on', 'off') for v in lang.verbs[k] if ' ' not in v for s in lang.tokens(v)}
                or self.says([v for k in ('done', 'undone', 'on', 'off') for v in lang.verbs[k]])):
            return True
        if not lang.gist: return False
        g = Targets(self.text, World([table]), lang)
        return any(m.what == 'flag' and m.key == column for m in g.mentions(table, 0, len(g.words)))

    def more(self, table, values):
        "Did the user say words that an operation leaves unexplained? Then it is not all they meant, or not that."
        lang = self.lang
        own = [*table.nouns(lang),
               *(w for c in table.columns
                 for w in (c.replace('_', ' '), *lang.columns.get(c, ()), *lang.flags.get(c, ()), *lang.unflags.get(c, ()))),
               *(w for v in lang.verbs.values() for w in v), *lang.past, *lang.words['numbers']]
        own += [w for k in ('polite', 'wish', 'tail', 'list', 'it', 'them', 'every', 'not', 'wishes', 'gone') for w in lang.words.get(k, ())]
        own += [w for k in ('common', 'chatter', 'pronoun', 'fill') for w in lang.gist[k]] if lang.gist else []
        known = {t for w in own for t in lang.tokens(w)} | {t for v in values for t in lang.tokens(str(v))}
        return {w for w in self.words - known if not w.isdigit()} or not self.quoted <= known

def ground(ev, table, recent=()):
    "(the rows the user's words fit best, how well): by words of the row and its number"
    scores = {}
    for r in table.rows:
        own = set(ev.lang.tokens(str(r.get(table.main) or '')))
        n = len(own & (ev.words | ev.quoted))
        if r['id'] in ev.numbers and re.search(rf'(?<![\w.]){r["id"]}(?![\w.])', ev.low): n += 3
        if n: scores[r['id']] = n + (n == len(own)) * .5 + (str(r.get(table.main) or '').casefold() in ev.text.casefold()) * .5
    best = max(scores.values(), default=0)
    rows = [r for r in table.rows if scores.get(r['id']) == best] if best else []
    if not rows and ev.says(ev.lang.words['it']): rows = [r for n, i in recent[:1] if n == table.name for r in table.rows if r['id'] == i]
    return rows, best

def judge(ev, op, world):
    "What becomes of one proposed operation on a table: a Verdict"
    table, lang = world.tables[op.table], ev.lang
    if op.verb == 'list':
        return (Verdict('nothing', ev.gate)
                if ev.gate in ('writing', 'reported') or ev.gate == 'negation' and not ev.says(lang.verbs['list']) else Verdict('run', op=op))
    if ev.gate: return Verdict('nothing', ev.gate)
    if op.verb == 'sort':
        return Verdict('run' if ev.says(lang.verbs['sort']) or ev.says(lang.order['asc'] + lang.order['desc']) else 'chip', 'no_cue', op)
    why = '' if ev.cue(op.verb, table) else 'no_cue'
    if ev.pasted: why = 'pasted'
    if op.verb == 'create':
        values = {}
        for k, v in op.values.items():
            kind = table.columns.get(k)
            if kind is None: continue                                   # a link to the chosen owner is the app's to make
            if k == table.main:
                if not ev.covers(v): why = 'not_your_words'
                values[k] = v
            elif kind == 'bool': values |= {k: v} if v and ev.says([k.replace('_', ' '), *lang.flags.get(k, ())]) else {}
            elif kind == 'number': values |= {k: v} if v in ev.numbers else {}
            elif kind in ('url', 'email', 'date'):
                if str(v).casefold() in ev.text.casefold() or kind == 'date' and any(lang.day(w) == str(v) for w in ev.low.split()): values[k] = v
            elif v not in (None, '') and ev.covers(v): values[k] = v
        op = Op(op.table, 'create', values=values)
        if not why and any(str(r.get(table.main) or '').casefold() == str(values.get(table.main) or '').casefold() for r in table.rows):
            why = 'there_already'
        if not why and ev.more(table, values.values()): why = 'unlike'
        return Verdict('chip' if why else 'run', why, op)
    rows, best = ground(ev, table, world.recent)
    row = next((r for r in table.rows if r['id'] == op.id), None)
    if not rows: return Verdict('chip', 'row', op) if row else Verdict('nothing', 'no_row')
    if len(rows) > 1:
        if len(rows) > 6: return Verdict('nothing', 'which')
        return Verdict('ask', 'which', ops=[Op(op.table, op.verb, r['id'], op.values) for r in rows])
    op = Op(op.table, op.verb, rows[0]['id'], op.values)
    if row is not rows[0]: why = why or ('unlike' if best < 2 else '')
    if op.verb == 'update':
        for k, v in op.values.items():
            kind = table.columns.get(k)
            if kind == 'bool':
                if not ev.flagged(table, rows[0], k): why = why or 'not_your_words'
                yes, no = [k.replace('_', ' '), *lang.flags.get(k, ())], [*lang.unflags.get(k, ()), *lang.verbs['undone'], *lang.verbs['off']]
                if not v and not ev.says(no) and not re.search(r"\bnot\b|n't|\bnicht\b|\bun" + re.escape(k), ev.low): why = why or 'no_cue'
                if v and (ev.says(no) and not ev.says(yes) or re.search(r"\bnot\b|n't\b|\bnicht\b|\bkein", ev.low)): why = why or 'negation'
            elif (kind == 'number' and v not in ev.numbers or kind in ('url', 'email') and str(v).casefold() not in ev.text.casefold()
                  or kind not in ('number', 'url', 'email', 'date') and not ev.covers(v)):
                why = why or 'not_your_words'
            elif kind == 'date' and str(v) not in ev.text and not any(lang.day(w) == str(v) for w in ev.low.split()): why = why or 'not_your_words'
        now = rows[0]
        if all(now.get(k) == v for k, v in op.values.items()): return Verdict('nothing', 'so_already')
        if not why and ev.more(table, [*op.values.values(), *now.values()]): why = 'unlike'
    return Verdict('chip' if why else 'run', why, op)
