"The keys of a conversation: stop, answer, go on, try again, say it differently, look at another try, summarise what the model forgot."
import asyncio
from contextlib import aclosing, asynccontextmanager
from .. import prompts, tabs
from ..actions import action, hand
from ..engines.base import Done, Fault, Phase, Said
from ..piano import neutral
from ..store import Refused, kv, store
from . import bubble, chat, context, history
from .chat import readers, relist, runners, start

@asynccontextmanager
async def alone(conversation, running='refuses'):
    """While a branch is changed nothing is answered there, and no second press changes it too. A reply that is being
    written there `refuses` that, `ends` for it, with what it said so far, or goes `on`: the change is behind it"""
    if conversation in claimed: raise Refused(*writing)
    claimed.add(conversation)
    try:
        while running != 'on' and (r := runners.get(conversation)):
            if running == 'ends': chat.leave(conversation)
            elif not r.ending: raise Refused(*writing)                # else it is shown as done already, and nearly is
            await asyncio.wait({r.task}, timeout=5)
        yield
    finally: claimed.discard(conversation)
claimed, writing = set(), ('a reply is being written', 'stop it first', 409)
def key(**kw): return action(plugin='chat', model=False, **kw)

@key(name='chat.stop', title='Stop the reply', say=lambda a, r, c: 'Stopped the reply' if r else 'Nothing was being said')
async def stop(conversation: int | None = None, reading: bool = False):
    "Stop the running reply of a conversation (the current one if none is named); where none runs, or with `reading`, the reading for a summary."
    conversation = conversation or await store.read(history.current)
    return not reading and chat.stop(conversation) or chat.stop_reading(conversation)

@key(name='chat.regenerate', title='Another try', say=lambda a, r, c: 'Asked for another try')
async def regenerate(message: int):
    "Answer the same message again; the earlier reply stays beside the new one, and one that is being written ends."
    m = await store.read(history.message, message)
    under = m['parent'] if m['role'] == 'assistant' else m['id']
    if (r := runners.get(m['conversation'])) and not r.ending and r.under == under: raise Refused(*writing)      # pressed twice
    async with alone(m['conversation'], 'ends'): start(m['conversation'], under=under)

@key(name='chat.resume', title='Go on with a cut reply', say=lambda a, r, c: 'Asked to go on')
async def resume(message: int):
    "Continue a reply that was stopped or cut, from its last character."
    m = await store.read(history.message, message)
    if m['role'] != 'assistant' or m['id'] in chat.replies: raise Refused('there is nothing to go on with here', status=409)
    async with alone(m['conversation']): start(m['conversation'], resume=message)

@key(name='chat.answer', title='Answer', say=lambda a, r, c: 'Asked for an answer')
async def answer(conversation: int):
    "Answer the last message of a conversation."
    await store.read(history.conversation, conversation)
    start(conversation, late=True)

@key(name='chat.edit', title='Edit a message', say=lambda a, r, c: 'Edited a message')
async def edit(message: int, text: str):
    "Say it differently: the new wording and its answer stand beside the old ones, and an answer to those that is being written ends."
    text, by = chat.message(text), hand.get()
    def branch(tx):
        tx.run('update conversation set head=? where id=?', m['parent'], m['conversation'])
        history.add(tx, m['conversation'], 'user', text, what='branch', prelude=m['prelude'], brings=m['brings'],
                    **({'model': by} if by != 'user' else {}))          # words of another are no order of the user's
    def waits(tx): return any(history.later(tx, r.id, message, 0) is None for r in replies)
    m = await store.read(history.message, message)
    if m['role'] != 'user': raise Refused('only your own messages can be edited')
    replies = [r for r in chat.replies.values() if r.conversation == m['conversation']]
    async with alone(m['conversation'], 'on' if await store.read(waits) else 'ends'):
        await store.write(branch)
        await relist(m['conversation'], end=True)
        start(m['conversation'])

@key(name='chat.pick', title='Show another try', say=lambda a, r, c: 'Looked at another try')
async def pick(message: int):
    "Go to the branch that holds this message."
    m = await store.read(history.message, message)
    async with alone(m['conversation']):
        await store.write(lambda tx: tx.run('update conversation set head=? where id=?', history.leaf(tx, message), m['conversation']))
        await relist(m['conversation'], at=message)

@key(name='chat.summarise', title='Summarise what the model forgot',
     say=lambda a, r, c: 'Summarised the earlier conversation' if r else 'Stopped reading the earlier conversation')
async def summarise(conversation: int):
    "Ask the model for a summary of the turns before its memory begins; it reads that from then on."
    c, k, old = await store.read(_forgotten, conversation)
    if not k: raise Refused('the model still has the whole conversation', status=409)
    if chat.leaving: raise Refused('Pianola is ending', 'ask again after its start', 503)
    if conversation in readers: raise Refused('the earlier conversation is being read already', 'wait for it, or stop it', 409)
    task = readers[conversation] = asyncio.create_task(digest(conversation, old))
    bubble.reading[conversation] = 0
    try:
        await mark(conversation)
        await asyncio.wait({task})
        if task.cancelled(): return None
        await store.write(_summarised, c, k, summary := task.result())
    except Fault as e: raise Refused(e.text, e.hint, 503) from None
    finally:
        task.cancel()
        del readers[conversation], bubble.reading[conversation]
        await mark(conversation)
    return summary

def _forgotten(tx, conversation):
    "A conversation, where the model's memory begins in it, and the messages before that"
    c = history.conversation(tx, conversation)
    return c, (k := history.mark(tx, c)), [m for m in history.path(tx, c['head'], columns='m.id,m.role,m.text') if k and m['id'] < k['message']]

def _summarised(tx, c, k, summary):
    "Keep a summary of what comes before the mark `k`, also where the memory has moved on from there meanwhile"
    now = history.mark(tx, history.conversation(tx, c['id']))
    moved = now and history.later(tx, now['message'], k['message'], 0)
    for id in {k['message'], *([now['message']] if moved else [])}:
        tx.run('update mark set summary=?, reach=? where message=?', summary, k['message'], id)

async def mark(conversation):
    "Draw the mark of the model's memory anew, with how far reading is"
    def look(tx):
        c = history.conversation(tx, conversation)
        return (k := history.mark(tx, c)) and bubble.memory(tx, k, c['head'])
    try: ft = await store.read(look)
    except Refused: return                      # it was deleted meanwhile
    if ft: tabs.put(tabs.item('memory', ft, only=True), conversation=conversation)

async def digest(conversation, old):
    "A summary of these messages, however long they are: read in parts that fit the model's room, each with the summary of those before"
    engine, model, _ = await chat.engines.choose(await kv.get('model', ''))
    room = (await engine.model(model)).context or 4096
    budget = room - min(1024, room//3)
    text, at, summary, most = '\n'.join(f"{'User' if m['role'] == 'user' else 'Assistant'}: {neutral(m['text'])}" for m in old), 0, '', room*3
    order = {'role': 'system', 'content': prompts.question('summary')
             or 'Summarise the conversation in a few short sentences. Keep names, numbers and decisions.'}
    def part(n):
        "As many characters of the text, to the end of a line or a word, and where that ends"
        end = next((i for c in '\n ' if (i := text.rfind(c, at + n//2, at + n) + 1)), at + n) if at + n < len(text) else len(text)
        return [order, {'role': 'user', 'content': (f'Summary so far: {summary}\n\n' if summary else '') + text[at:end]}], end
    async def told(done):
        if (now := int(100*done/max(1, len(text)))) != bubble.reading.get(conversation):
            bubble.reading[conversation] = now
            await mark(conversation)
    while at < len(text):
        ask, end = part(most)
        while most > fewest and (n := await context.size(engine, model, ask, budget)) > budget:
            most = max(fewest, min(most, len(text)-at) * budget * 9 // (n*10))
            ask, end = part(most)
        said = ''
        try:
            async with aclosing(engine.chat(model, ask, context=room, limit=min(300, room//4))) as stream:
                async for p in stream:
                    if isinstance(p, Said): said += p.text
                    elif isinstance(p, Phase) and p.what == 'reading' and p.total: await told(at + (end-at)*min(1, p.done/p.total))
                    elif isinstance(p, Done): await context.calibrate(engine, model, ask, room, tokens=p.prompt_tokens)
                    if len(said) > longest_summary: break
        except Fault as e:                      # an engine that cannot count says so here
            if e.kind != 'context' or most <= fewest: raise
            await context.calibrate(engine, model, ask, room, 1.25)
            most = max(fewest, (end-at)//2)
            continue
        summary, at = said.strip()[:longest_summary] or summary, end
        await told(at)
    if not summary: raise Fault('upstream', 'The model said nothing.', 'Try again, or choose another model.')
    return summary
fewest, longest_summary = 200, 6000             # characters: of one part, of what one reply may sum up
