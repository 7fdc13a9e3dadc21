"What the model is given for a reply: system message, examples, the turns that fit its memory, and before the user's words what happened meanwhile."
import json
from .. import prompts
from ..engines.base import Fault
from ..loading.plugins import plugins
from ..piano import neutral
from ..store import kv, store
from . import history, learn, understand

async def fit(engine, model, m, p=None, phase=None):
    """What a reply is told (see `compose`), the context (tokens) that is given, how many messages stay the same (system, examples), and whether
    the beginning moved. What does not fit is left out from the oldest turn on, at a mark the user sees,
    in a big step, so that the next turns find the same beginning and the engine
    need not read it again. What is waited for meanwhile is told to phase(Phase)."""
    info = await engine.model(model)
    room = info.context or 4096
    budget = room - min(1024, room//3)
    p, moved = p or await store.read(compose, m, await kv.get('open', '')), False
    if p.get('room') and p['room'] != room:     # another model than the last time, or another context: what did not fit may fit now
        moved = await store.write(history.given, m, room)
        p = await store.read(compose, m, await kv.get('open', ''))
    if p.get('parts'): p['messages'] = await shortened(engine, model, p, min(budget, most_brought), phase)
    n = await size(engine, model, p['messages'], budget, phase)
    if n > budget and not p.get('parts'):
        turns, lo, hi, there = p['turns'], 0, len(p['turns'])-1, await store.read(history.marks, m['parent'])
        kept = max((k for k in there if k['summary']), key=lambda k: k['reach'], default=None)
        left = lambda turn: merged(p['head'] + noted(p['said'][turns[turn]:], kept and kept['summary']))
        while lo < hi:                          # the first turn from which on everything fits in 60 %
            mid = (lo+hi)//2
            fits = await size(engine, model, left(mid), budget, phase) <= budget*.6
            lo, hi = (lo, mid) if fits else (mid+1, hi)
        earlier = next((i for i, t in enumerate(turns[:lo]) if i and there and p['ids'][t] == there[-1]['message']), 0)
        if earlier and await size(engine, model, left(earlier), budget, phase) <= budget: lo = earlier       # where it began for a smaller model
        n = await size(engine, model, left(lo), budget, phase)
        if n > budget and kept: kept, n = None, await size(engine, model, left(lo), budget, phase)        # the newest words come before a summary
        if n > budget:
            raise Fault('context', f'This is too long for {model}: {n:,} tokens, and it can hold {budget:,} and a reply.',
                        'Shorten the message, send it in parts, or choose a model with a larger memory.')
        await store.write(history.forget, m, p['ids'][turns[lo]], room, kept)
        p, moved = {**p, 'messages': left(lo)}, True
    return p, room, len(p['head']), moved

async def shortened(engine, model, p, budget, phase=None):
    "The messages of a question that brings something along, with as much of that as fits: the longest of it are cut first"
    lo, hi = 0, max(len(t) for _, t in p['parts'])
    if await size(engine, model, p['messages'], budget, phase) <= budget: return p['messages']
    while hi - lo > 50:
        mid = (lo+hi)//2
        lo, hi = (mid, hi) if await size(engine, model, p['cut'](mid), budget, phase) <= budget else (lo, mid)
    return p['cut'](lo)

def brought(tx, m, asked):
    """A question that brings something along (the source of a plugin, an error) is told alone, so that a
    small model does not get lost: the prompt's own instructions and examples, what it brings, what is asked.
    A file of prompts/questions/ for it has three parts between lines of `---`: who the
    model is; turns as an example; what is asked, with {names} that are filled in."""
    b = json.loads(asked['brings'])
    who, *rest = (prompts.question(b['prompt']) or 'Explain what you are given, in plain words.').split('\n---\n')
    examples, how = prompts.turns('\n'.join(rest[:-1])), rest[-1].strip() if rest else ''
    for k, v in b['fill'].items(): how = how.replace('{%s}' % k, neutral(v))
    # the user's own words, where they are more than the button's
    if not how or asked['text'] != b['said']: how = f"{how}\n\n{neutral(asked['text'])}".strip()
    def cut(most):
        out = []
        for title, text in b['parts']:
            if len(text) > most: text = text[:most].rpartition('\n')[0] + '\n... (the rest is left out)'
            out.append(f"{title}:\n{rule}\n{neutral(text)}\n{rule}")
        said = [{'role': 'system', 'content': who.strip()}, *examples, {'role': 'user', 'content': '\n\n'.join([*out, how])}]
        return said + ([{'role': 'assistant', 'content': neutral(m['text'])}] if m['text'] else [])
    messages = cut(10**9)
    n = 1 + len(examples)
    return {'head': messages[:n], 'said': messages[n:], 'messages': messages, 'turns': [0], 'ids': [asked['id']], 'parts': b['parts'], 'cut': cut}
rule, most_brought = '-'*20, 6000       # tokens: more takes a small machine too long to read, and a small model too far from the question

def compose(tx, m, plugin, asked=None, c=None):
    """All that could be told: {head: system and examples, said: the turns, messages: both, and the summary
    of what comes before, turns: where each turn begins, ids, room: the context the last mark was looked
    for with}. `asked`, `c`: the message that is answered and the conversation, where they are at hand"""
    if (asked := asked or history.asked(tx, m)) and asked['brings']: return brought(tx, m, asked)
    c = c or history.conversation(tx, m['conversation'])
    k = history.mark(tx, c, m['parent'])
    said = history.path(tx, m['parent'], since=k['message'] if k else 0, columns='m.id,m.role,m.text,m.prelude,m.model')
    head = [{'role': 'system', 'content': prompts.system(plugin)}, *prompts.examples(), *learn.examples(tx)]
    out, ids, turns, note = [], [], [], ''
    for s in said:
        if s['role'] == 'app': note = f"{note}\n[{s['model'] or 'The app'} says: {s['text']}]".strip(); continue
        if s['role'] == 'user':
            happened, about = apart(s['prelude'])
            if told := '\n'.join(x for x in (note, happened) if x):
                out += [{'role': 'user', 'content': neutral(told)}, {'role': 'assistant', 'content': heard}]; ids += [s['id']]*2
            turns, note = [*turns, len(out) - 2*bool(told)], ''
            text = prompts.wrap(about, s['text'])
        elif not (text := neutral(s['text'])).strip(): continue         # a reply that failed before its first word
        out.append({'role': s['role'], 'content': text}); ids.append(s['id'])
    if m['text']: out.append({'role': 'assistant', 'content': neutral(m['text'])}); ids.append(m['id'])
    messages = merged(head + noted(out, k and k['summary']))
    return {'head': head, 'said': out, 'messages': messages, 'turns': turns or [0], 'ids': ids, 'room': c['room']}

# What happened is a message of its own, with an answer that says no more: before the user's words, in
# one message with them, a small model takes it for what it was asked about ("Why is the sky blue?": "because the user opened Tasks")
news, heard = '[What happened: ', 'Noted.'
def apart(prelude):
    "What was told before the user's words, in two: what happened, and what these words are about"
    first, _, rest = prelude.partition('\n')
    return (first, rest) if first.startswith(news) else ('', prelude)

def noted(said, summary):
    "The turns with a summary of what was said before them, where there is one"
    if not summary: return said
    note = f'[Summary of what was said before: {neutral(summary)}]'
    return ([{'role': 'user', 'content': f"{note}\n\n{said[0]['content']}"}, *said[1:]] if said and said[0]['role'] == 'user'
            else [{'role': 'user', 'content': note}, *said])

def merged(messages):
    "The two taking turns, as many templates want it: what one of them said in a row is one message"
    out = []
    for m in messages:
        if out and out[-1]['role'] == m['role'] != 'system': out[-1] = {**m, 'content': f"{out[-1]['content']}\n\n{m['content']}"}
        else: out.append(m)
    return out

def told(tx, m, p):
    "Remember exactly what this reply was given, and by whom it is made; each text is kept once"
    refs = [(o['role'], prompts.fingerprint(o['content'])) for o in p['messages']]
    # nearly all of it was told the last time too
    was = tx.value('select prompt from message where conversation=? and prompt is not null order by id desc limit 1', m['conversation'])
    kept = {h for _, h in json.loads(was or '[]')}
    for h, text in {h: o['content'] for (_, h), o in zip(refs, p['messages']) if h not in kept}.items():
        tx.run('insert or ignore into told values (?,?)', h, text)
    tx.run('update message set prompt=?, engine=?, model=? where id=?', json.dumps(refs), m['engine'], m['model'], m['id'])

async def size(engine, model, messages, budget, phase=None):
    """Tokens of a prompt: exact where the engine can count, else by what it read
    before (3.2 characters a token until then). A model that is not loaded is
    loaded to count only where it may be close to `budget`; else the reply itself does, in its turn."""
    n = await engine.count(model, messages, now=True)
    if n is not None: return n
    n = int(sum(len(o['content'])+12 for o in messages) / await kv.get(f'ratio:{engine.name}/{model}', 3.2))
    return n if n <= budget/2 else await engine.count(model, messages, phase=phase) or n
async def calibrate(engine, model, messages, room, harder=0, tokens=0):
    "Learn how many characters a token is for what cannot be counted: from what the engine says it read, or, refused, that it is fewer"
    name, chars = f'ratio:{engine.name}/{model}', sum(len(o['content'])+12 for o in messages)
    old = await kv.get(name, 3.2)
    if harder: await kv.set(name, min(old, chars/room)/harder)
    elif tokens and abs((new := round(min(4.5, .7*old + .3*chars/tokens), 3)) - old) > .01*old: await kv.set(name, new)

def overhear(tx, head, text, plugin):
    """What the model is told before the user's words: what happened since its last turn (`head`: the newest
    message; in a new conversation since the last turn of any), and the rows these words are about"""
    since = head or tx.value("select max(id) from log where kind='message'") or 0
    happened = [' '.join(history.line(e).split()) for e in history.overheard(tx, since, limit=20)]
    rows = []
    for t in plugins.tables():
        if about(tx, t, text): rows.append(t.tell(tx))
    # where the open run of a flow is
    rows += [said for k in (plugins[plugin].kinds if plugin in plugins else ()) if not hasattr(k, 'columns') and (said := k.tell(tx))]
    return '\n'.join(([f"{news}{' · '.join(happened)}]"] if happened else []) + [f'[{x}]' for x in rows])

def about(tx, table, text):
    "Are these words about this table: do they name it, or share a word with a row? Rows nobody spoke of tempt a small model to change them."
    if (words := _words(text)) & _words(f'{table.name} {table.one} {table.title}'): return True
    texts = [str(r[table.main]) for r in understand.rows_of(table, tx)[:500]]
    if _held.get(table.name, ('',))[0] != texts: _held[table.name] = texts, set().union(*map(_words, texts))
    return bool(words & _held[table.name][1])
_held = {}              # by table: the texts of its rows as they were read last, and the words in them
stop_words = frozenset('the and for with from that this what which have has are was were not you your can please add new all one about into out '
                       'how who why when where will would could should mark make '
                       'list show delete remove change update rename set done'.split())
def _words(text): return {w.rstrip('s') for w in ''.join(c if c.isalnum() else ' ' for c in text.casefold()).split() if len(w) > 2} - stop_words
