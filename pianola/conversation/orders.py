"""Orders: what rules read in the user's words is done before the model says a word, and what a reply asks for is held by the guard, and pressed once.

    obey(tx, said, id)     before: press, ask, or leave it to the model
    play(id, text)         behind: every key written in a reply, each in its place"""
import asyncio, json, weakref
import apsw
from collections import OrderedDict
from itertools import takewhile
from .. import piano
from ..actions import act, decided, find, in_words, press, take_back, wait
from ..config import details
from ..contain import hold
from ..reading import guard
from ..store import Refused, store
from . import context, history, understand, wishes
from loguru import logger as log

by_rules = False            # set by the server (PIANOLA_RULES=0 turns it off): rules before the model, the guard behind it

# before the model

def obey(tx, said, id):
    """What the user's words ask for beyond doubt is done before the model says a word, in
    the transaction that makes the reply's place. (True, None) when rules have decided:
    the model then only talks. (False, the Reading) where they are not sure."""
    # a plugin wrote it, or a click that asks for words: rules and a bare yes obey the person alone
    if said['model'] or said['brings']: return False, None
    key = f"rule:{said['id']}"
    if tx.value('select 1 from log where key=?', key): return True, None
    try:
        with tx.attempt():
            word = understand.word(said['text'])
            waits = just_asked(tx, said) if word in ('yes', 'no') else ()
            if len(waits) == 1:
                out = decided(tx, waits[0]['id'], word == 'yes')
                note = (out.text if out.status == 'done' else
                        'What they said yes to has changed since; nothing was done, and they may ask for it again'
                        if out.status == 'stale' else
                        'They were asked and said no; nothing was done')
            elif word in ('undo', 'redo'): note = back_and_forth(tx, word, id, key)
            else:
                got = understand.read(tx, said['text'])
                many = sum(o.verb == 'delete' for o in got.ops) > 1
                if got.end == 'press' and not many:
                    note = f"Done already, and shown: {press(tx, [(o.action, o.args) for o in got.ops], 'user', key, id).text}"
                elif got.end == 'chip' and got.records:
                    # what it would write is not quite what was said: a model is asked how the record reads,
                    # and this is offered when it knows no better
                    return False, got
                elif got.end in ('press', 'chip'):
                    why = got.name if got.end == 'chip' else 'too_many'
                    asked = wait(tx, [(o.action, o.args) for o in got.ops], 'user', id, key, why)
                    note = f'The user is asked to confirm: {asked.text}'
                elif got.end == 'ask': note = f"Several rows fit, and the user is asked which: {choices(tx, got.ops, id, key)}"
                elif got.end == 'nothing' and got.name in ('no_row', 'so_already', 'many_rows'):
                    note = f'Nothing was done: {guard.names[got.name]}'
                    tx.log('action', 'nothing', by='user', ref=id, text=note, key=key, data={'args': {}, 'status': 'held', 'error': got.name})
                else: return False, got if got.records else None
    except Exception as e:                      # it cannot be done like that: the model may make more of it
        if isinstance(e, apsw.Error): raise
        if not isinstance(e, Refused): log.exception('the rules broke; the model answers')
        return False, None
    noted(tx, said, note)
    return True, None

def just_asked(tx, said):
    "What waits for the user's word since they last said something; a bare yes means nothing older, and nothing of another branch"
    since = [m['id'] for m in takewhile(lambda m: m['role'] != 'user' or m['model'], reversed(history.path(tx, said['parent'], 20)))]
    return tx.q(f"select * from approval where status='waiting' and message in ({','.join('?'*len(since))})", *since)

def back_and_forth(tx, what, id, key):
    "The newest change is undone, or the newest one that was undone is done again; what to tell the model of it"
    e = history.latest(tx, what)
    try:
        if not e: raise Refused(f'there is nothing to {what}')
        with tx.attempt(): out = take_back(tx, e['id'], ref=id)
        tx.log('rule', what, ref=id, key=key)               # once, however often the reply is tried again
        return f'Done already, and shown: {out.text}'
    except Refused as e:
        tx.log('action', what, by='user', ref=id, text=f'Not done: {e.text}', key=key,
               data={'args': {}, 'status': 'refused', 'error': e.text, 'hint': e.hint})
        return f'Nothing was done: {e.text}'

def noted(tx, said, note):
    "What was decided for the user's words is told to the model, which then only talks"
    tx.run('update message set prelude=? where id=?', f"{said['prelude']}\n[{note}. Answer in one short sentence, without JSON.]".strip(), said['id'])

def offer(tx, m, ops, plugin, who, why):
    """What the model made of the records that were spoken of, or the rules were not quite sure
    of, waits for the user's word; what the reply is then told, None when there is nothing to ask"""
    said = history.asked(tx, history.message(tx, m['id']))
    if tx.value('select 1 from log where key=?', key := f"rule:{said['id']}"): return None
    try: asks = wait(tx, [(o.action, o.args) for o in ops], who, m['id'], key, why).text
    except Refused: return None                 # it cannot be done like that: a row of that name is there already, or a value is none
    noted(tx, said, f'The user is asked to confirm: {asks}')
    return context.compose(tx, m, plugin)

sent = OrderedDict()        # {message: (the plugin that is open in the tab it comes from, the runs in view there)}, of the newest
def comes_from(id, plugin, runs):
    "A message was said in a tab that shows this"
    sent[id] = plugin, tuple(runs)
    while len(sent) > 200: sent.popitem(last=False)

def by_phrase(tx, said, plugin):
    """A sentence that asks something of a plugin, by a phrase of the open one, of its flow, or of a setting, is
    obeyed; what comes of it is the answer, and no model is asked. False when it is none."""
    if said['model'] or said['brings'] or not by_rules: return False
    if tx.value('select 1 from log where key=?', key := f"said:{said['id']}"): return True
    plugin, runs = sent.get(said['id'], (plugin, ()))
    try: wish = wishes.heard(tx, said['text'], plugin, runs)
    except Exception: return log.exception('a phrase of {} could not be tried; the model answers', plugin) or False
    if not wish: return False
    if wish.which: return asked_which(tx, said, wish.which, plugin, key)
    if wish.says:
        tx.log('rule', 'wish', ref=said['id'], key=key)
        return bool(history.add(tx, said['conversation'], 'app', wish.says, model=plugin))
    tx.after.append(lambda: store.loop.call_soon_threadsafe(
        lambda: hold(pressed(said, plugin, wish.name, wish.args, key), f'{wish.name} could not be pressed')))
    return True
def asked_which(tx, said, ops, plugin, key):
    "Several may be meant: each is a card below a line that says so"
    tx.log('rule', 'wish', ref=said['id'], key=key)
    try:
        with tx.attempt():
            choices(tx, ops, history.add(tx, said['conversation'], 'app', 'More than one thing is called so.', model=plugin), f'{key}:which')
    except Refused as e: history.add(tx, said['conversation'], 'app', f'{e.text}.', model=plugin)
    return True
turns = weakref.WeakValueDictionary()           # {conversation: Lock}: what was asked first is answered first
async def pressed(said, plugin, name, args, key):
    "The key is pressed beside; its outcome is said, unless the plugin says something itself"
    at = said['conversation']
    async with turns.setdefault(at, asyncio.Lock()):
        before = await store.read(lambda tx: not tx.value('select 1 from log where key=?', key)
                                  and tx.value('select max(id) from message where conversation=?', at))
        if before: await _pressed(said['id'], plugin, name, args, key, before)
async def _pressed(id, plugin, name, args, key, before):
    try:
        done = await act(name, args, by='user', key=key, message=id)
        rows = [r for r in done.result if isinstance(r, dict)] if find(name).risk == 'read' and isinstance(done.result, list) else ()
        text = '\n\n'.join([done.text, *map(in_words, rows[:50])])
    except Refused as e: text = f'{e.text}: {e.hint}.' if e.hint and not e.fields else f'{e.text}.'
    def tell(tx):
        m = history.message(tx, id)
        if not tx.value('select 1 from log where key=?', key): tx.log('rule', 'wish', ref=id, key=key)         # refused, which is an answer too
        if not tx.value("select 1 from message where conversation=? and id>? and role='app'", m['conversation'], before):
            history.add(tx, m['conversation'], 'app', text[:1].upper() + text[1:], model=plugin)
    await store.write(tell)

def choices(tx, ops, id, key):
    "A question with its candidates, as cards of which one is pressed"
    first, texts = 0, []
    for n, o in enumerate(ops[:6]):
        w = wait(tx, [(o.action, o.args)], 'user', id, f'{key}:{n}' if n else key, 'which', first)
        first = first or w.approval
        texts.append(w.text)
    return ' or '.join(texts)

# behind it

async def play(id, text):
    "Press every key written in a reply, once: each press has the message and its place as its name"
    try: m = await store.read(history.message, id)
    except Refused: return await store.write(_played, id, durable=False)      # its conversation was put away: nobody waits for it any more
    written = await asyncio.to_thread(piano.actions, text) if len(text) > piano.longest else piano.actions(text)      # a long one takes a while
    for n, found in enumerate(written):
        try:
            if found.error: raise Refused(found.error)
            if await store.write(_done_before, m, found, f'{id}:{n}'): continue
            if by_rules and await store.write(_held, m, found, f'{id}:{n}'): continue
            await act(found.name, found.args, by='model', key=f'{id}:{n}', message=id)
        except Refused as e:
            if found.error: await store.write(_unread, found, e, id, f'{id}:{n}')
        except Exception:
            log.exception(f'{found.name} broke')
            await store.write(_unread, found, Refused(f'{found.name} broke; nothing was changed', details()), id, f'{id}:{n}')
    await store.write(_played, id, durable=False)
def _played(tx, id): tx.run('update message set played=1 where id=?', id)
def _done_before(tx, m, found, key):
    "Another try of a reply that presses what an earlier try pressed already: say so, and do not do it twice"
    try: args = find(found.name).check(found.args or {})
    except Refused: return False                # it will be said when it is pressed
    for other in history.siblings(tx, m):
        if other == m['id']: continue
        for e in tx.q("select id, text, data from log where ref=? and kind='action' and what=? order by id", other, found.name):
            d = json.loads(e['data'])
            done = d.get('args') == args and d.get('status') == 'done' and d.get('risk') != 'read'
            if not done or tx.value('select 1 from log where key=?', f"undo:{e['id']}"): continue
            if not tx.value('select 1 from log where key=?', key):
                tx.log('action', found.name, by='model', ref=m['id'], text=f"Done by the earlier try: {e['text']}", key=key,
                       data={'args': args, 'status': 'skipped', 'hint': 'undo that first to have it done anew'})
            return True
def _held(tx, m, found, key):
    """What the guard will not simply let through becomes a chip, a question, or a line
    that says why not. False: let it be pressed (perhaps on another row than was written)."""
    if tx.value('select 1 from log where key=?', key): return False             # pressed before a crash
    said = history.asked(tx, m)
    try: v = understand.weigh(tx, said['text'] if said and not said['model'] else '', found)
    except Refused: return False                # there is no such key, or it takes no such thing: pressing it says so
    if said and said['model'] and v.end != 'run': v.name = 'not_you'
    if v.op: found.name, found.args = v.op.action, v.op.args
    if v.end == 'run': return False
    if v.end == 'chip': wait(tx, [(found.name, found.args)], 'model', m['id'], key, v.name)
    elif v.end == 'ask': choices(tx, v.ops, m['id'], key)
    else:
        tx.log('action', found.name, by='model', ref=m['id'], text=f'Nothing was done: {guard.names[v.name]}', key=key,
               data={'args': found.args or {}, 'status': 'held', 'error': v.name})
    return True
def _unread(tx, found, e, id, key):
    if not tx.value('select 1 from log where key=?', key):
        tx.log('action', found.name or '?', by='model', ref=id, text=f'Not done: {e.text}', key=key,
               data={'args': found.args or {}, 'status': 'refused', 'error': e.text, 'hint': e.hint})
