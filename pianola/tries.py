"The keys of a conversation: stop, answer, go on, try again, say it differently, look at another try, summarise what the model forgot."
import asyncio
from contextlib import aclosing, asynccontextmanager
from . import chat, history, prompts
from .actions import action
from .chat import relist, runners, start
from .engines.base import Fault, Said
from .store import Refused, kv, store

@asynccontextmanager
async def alone(conversation):
    "While a branch is changed nothing is answered there, and no second press changes it too"
    while (r := runners.get(conversation)) and r.ending: await asyncio.wait({r.task}, timeout=5)      # shown as done already, and nearly is
    if conversation in runners or conversation in claimed: raise Refused('a reply is being written', 'stop it first', 409)
    claimed.add(conversation)
    try: yield
    finally: claimed.discard(conversation)
claimed = set()
def key(**kw): return action(plugin='chat', model=False, **kw)

@key(name='chat.stop', title='Stop the reply', say=lambda a, r, c: 'Stopped the reply' if r else 'Nothing was being said')
async def stop(conversation: int | None = None):
    "Stop the running reply of a conversation (the current one if none is named)."
    return chat.stop(conversation or await store.read(history.current))

@key(name='chat.regenerate', title='Another try', say=lambda a, r, c: 'Asked for another try')
async def regenerate(message: int):
    "Answer the same message again; the earlier reply stays beside the new one."
    m = await store.read(history.message, message)
    async with alone(m['conversation']): start(m['conversation'], under=m['parent'] if m['role'] == 'assistant' else m['id'])

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
    "Say it differently: the new wording and its answer stand beside the old ones."
    if not text.strip(): raise Refused('the message is empty', 'write something')
    def branch(tx):
        tx.run('update conversation set head=? where id=?', m['parent'], m['conversation'])
        id = history.add(tx, m['conversation'], 'user', text, what='branch', prelude=m['prelude'], brings=m['brings'])
        tx.run('update message set parent=? where id=?', m['parent'], id)
    m = await store.read(history.message, message)
    if m['role'] != 'user': raise Refused('only your own messages can be edited')
    async with alone(m['conversation']):
        await store.write(branch)
        await relist(m['conversation'])
        start(m['conversation'])

@key(name='chat.pick', title='Show another try', say=lambda a, r, c: 'Looked at another try')
async def pick(message: int):
    "Go to the branch that holds this message."
    m = await store.read(history.message, message)
    async with alone(m['conversation']):
        await store.write(lambda tx: tx.run('update conversation set head=? where id=?', history.leaf(tx, message), m['conversation']))
        await relist(m['conversation'], at=message)

@key(name='chat.summarise', title='Summarise what the model forgot', say=lambda a, r, c: 'Summarised the earlier conversation')
async def summarise(conversation: int):
    "Ask the model for a summary of the turns before its memory begins; it reads that from then on."
    c = await store.read(history.conversation, conversation)
    if not c['memory']: raise Refused('the model still has the whole conversation', status=409)
    engine, model, _ = await chat.engines.choose(await kv.get('model', ''))
    room = (await engine.model(model)).context or 4096
    old = await store.read(lambda tx: [m for m in history.path(tx, c['head']) if m['id'] < c['memory']])
    summary, rest = '', [f"{'User' if m['role'] == 'user' else 'Assistant'}: {prompts.neutral(m['text'])}" for m in old]
    while rest:
        part = []
        while rest and sum(map(len, part)) + len(rest[0]) < room*2: part.append(rest.pop(0))
        if not part: part = [rest.pop(0)[:room*2]]
        ask = [{'role': 'system', 'content': prompts.layer('summary') or 'Summarise the conversation in a few short sentences. Keep names, numbers and decisions.'},
               {'role': 'user', 'content': (f'Summary so far: {summary}\n\n' if summary else '') + '\n'.join(part)}]
        said = ''
        try:
            async with aclosing(engine.chat(model, ask, context=room, limit=300)) as stream:
                async for p in stream: said += p.text if isinstance(p, Said) else ''
        except Fault as e: raise Refused(e.text, e.hint, 503)
        summary = said.strip()
    await store.write(lambda tx: tx.run('update conversation set summary=? where id=?', summary, conversation))
    await relist(conversation)
    return summary
