"""What is said: a message is heard, kept and answered piece by piece; the reply belongs to the server, tabs only look at it.

    hear → keep the user's words → answer: fit the prompt to the model's memory → stream → keep → play the keys written in it"""
import asyncio, json, time
import apsw
from contextlib import aclosing
from .. import render, tabs
from ..actions import each
from ..config import details
from ..contain import hold
from ..engines.base import Fault, Phase, Said
from ..store import Refused, kv, store, unkept
from . import bubble, context, history, orders, record
from loguru import logger as log

engines = None              # set by the server: the Engines of this process
frame_s = .033              # a tab is drawn about 30 times a second, however fast the model is
talk = True                 # also when rules have decided the model says something; an evaluation does without
longest = 200_000           # characters of one message
longest_reply = 1_000_000  # characters; an engine that ignores `most` must not fill the disk
most_explained = 400        # tokens of a reply that explains; a small model does not know when to end
retry_s = 5                 # between two tries to keep a reply that a full disk did not take
another = .8                # temperature of another try: at 0, as the first is said, it would be the same again
most = 2048                 # tokens of one reply; a small model that turns in circles ends there, and `Go on` continues one that was worth it

circle = 4000               # characters of a reply's end in which the same is looked for again and again
def in_circles(end):
    "Does this text end in the same again and again: eight times or more, and 600 characters of it"
    if len(end) < 600 or (at := end.rfind(end[-40:], 0, -1)) < 0: return False
    step = len(end) - 40 - at
    return end.endswith(end[-step:] * max(8, 600//step + 1))

# one reply

class Reply:
    "One reply while it grows: the task that makes it, what it said, and how far that is kept and drawn"
    def __init__(self, m):
        self.m, self.id, self.conversation = m, m['id'], m['conversation']
        self.text, self.thinking, self.blocks = m['text'], m['thinking'], render.Blocks(m['text'])
        self.thought = m['thinking']                     # of the thinking, what tabs were told
        self.fresh = {'': '', 'thinking': ''}            # said and not kept yet
        self.dirty, self.spoken = asyncio.Event(), render.sentences(m['text'], 0)[1]
        self.first, self.began, self.stats, self.tokens = 0, time.monotonic(), {}, 0
        # decided: by rules, so nothing in the reply is pressed; told: what the model was given, until that is kept; waits: the Phase it is in
        self.task, self.broken, self.decided, self.told, self.waits = asyncio.current_task(), None, False, None, None
    def take(self, said):
        "A piece came: remember it and wake the drawing"
        if not self.first: self.first = time.monotonic() - self.began
        self.waits = None
        if len(self.text) + len(self.thinking) + len(said.text) + len(said.thinking) > longest_reply:
            raise Fault('upstream', f'The model said more than {longest_reply:,} characters in one reply.',
                        'It was stopped there; ask for less at a time.')
        self.tokens += said.tokens
        self.text += said.text
        self.thinking += said.thinking
        self.fresh[''] += said.text
        self.fresh['thinking'] += said.thinking
        self.dirty.set()
        # what was said before it went on does not count
        if in_circles(self.text[max(len(self.m['text']), len(self.text)-circle):]):
            raise Fault('circle', 'The model began to say the same again and again.', 'It was stopped there. Try again, or ask in other words.')
    async def draw(self):
        "Keep what is fresh, then show it: at once for the first piece, then once a frame"
        while True:
            await self.dirty.wait()
            self.dirty.clear()
            t = time.perf_counter()
            try: await self.flush()
            except apsw.Error as e:                # a full or broken disk: what cannot be kept is not said on
                self.broken = e
                return self.task.cancel()
            await asyncio.sleep(max(frame_s, 6*(time.perf_counter()-t)))      # a block that takes long to draw is drawn less often
    async def flush(self):
        fresh, self.fresh = self.fresh, {'': '', 'thinking': ''}
        if not any(fresh.values()): return
        waiting = undrawn.pop(self.conversation, None)        # its place is not drawn yet: it comes with these words in it
        try: look = await store.write(_piece, self.id, fresh, self.conversation, {*waiting, self.id} if waiting else None, durable=False)
        except BaseException:
            for id, new in (waiting or {}).items(): draw_soon(id, self.conversation, new)
            raise
        n = len(self.blocks.done)
        self.blocks.feed(fresh[''])
        f = self.blocks.frame()
        self.thought += fresh['thinking']
        if look: draw_now(self.conversation, waiting, *look)
        elif f.finished or f.append != '' or fresh['thinking']:
            tabs.send({'m': self.id, 'n': n, **({'add': f.finished} if f.finished else {}),
                       **({'append': f.append} if f.append is not None else {'tail': f.tail}),
                       **({'think': fresh['thinking']} if fresh['thinking'] else {})}, conversation=self.conversation)
        said, self.spoken = render.sentences(self.text, self.spoken)
        if said: tabs.send({'live': ' '.join(said)}, conversation=self.conversation)
    def phase(self, p):
        self.waits = p                      # also for a tab that comes to it later
        tabs.send({'phase': self.id, 'text': bubble.waiting(p)}, conversation=self.conversation)

def _piece(tx, id, fresh, conversation, waiting):
    "Keep what is fresh; what else waits to be drawn is looked up along with it"
    for what, text in fresh.items():
        if text: tx.run("insert into log(at,kind,by,what,ref,text) values (?,'piece','model',?,?,?)", time.time(), what, id, text)
    return seen(tx, conversation, waiting) if waiting else None

async def meanwhile(reply):
    "While the model is thinking the place of its reply is drawn, and, when its first words had their turn, what it was told is kept"
    c = reply.conversation
    for _ in range(3): await asyncio.sleep(0)           # the question goes out
    asking.discard(c)
    if c in undrawn and not asking: await redraw_all(c, undrawn.pop(c))
    await asyncio.sleep(.03)
    if (p := reply.told) and reply.id in replies:
        reply.told = None
        await store.write(remember, reply.m, p, durable=False)

replies: dict[int, Reply] = {}                  # running, by message
runners: dict[int, 'Runner'] = {}               # by conversation: answers one message after the other
def busy(conversation): return any(r.conversation == conversation for r in replies.values())

class Runner:
    "Answers what is unanswered in one conversation, one reply at a time"
    def __init__(self, conversation):
        # over: its reply is shown as ended, and its keys are being pressed; unwanted: the next one is stopped as it begins
        self.conversation, self.poked, self.todo, self.over, self.began, self.unwanted = conversation, True, None, False, False, False
        self.under = None                       # the message that it answers again
        self.task = asyncio.create_task(self.run())
        # also when it is cancelled before its first step
        self.task.add_done_callback(lambda _: runners.get(conversation) is self and runners.pop(conversation))
    @property
    def ending(self): return self.over and not self.poked
    async def run(self):
        self.began = True
        try:
            while self.poked and not leaving:
                self.poked = self.over = False
                todo, self.todo = self.todo, None
                self.under = (todo or {}).get('under')
                if self.unwanted: asyncio.get_running_loop().call_soon(self.task.cancel)
                self.unwanted = False
                try: await answer(self.conversation, **(todo or {}))
                except Exception: log.exception('a turn broke')       # what was said meanwhile is answered all the same
        finally:
            asking.discard(self.conversation)        # also when there was nothing to ask, or its place could not be made
            runners.get(self.conversation) is self and runners.pop(self.conversation)

def start(conversation, **todo):
    "Answer, now or after the reply that is running"
    if r := runners.get(conversation):
        r.poked = True
        r.todo = todo or r.todo
    else:
        runners[conversation] = r = Runner(conversation)
        r.todo, r.under = todo or None, todo.get('under')
def stop(conversation, said=False):
    """Stop the running reply; what it said stays, and what the user said meanwhile is answered.
    True when there was one: a reply that has ended, and whose keys are being pressed, is none.
    `said`: they mean the answer to what they said just now, also where it waits for those keys."""
    r = runners.get(conversation)
    if r and r.over and r.poked and said: r.unwanted = True
    if not r or r.over: return bool(r and r.unwanted)
    if r.began: r.task.cancel()
    else: asyncio.get_running_loop().call_soon(r.task.cancel)        # its first step finishes what is kept already
    return True

def leave(conversation):
    "Stop the running reply because its branch is left, and with it what waits to be answered there"
    r = runners[conversation]
    if r.began: r.poked, r.todo = False, None             # else the place of a reply may be made already: it is finished, as stopped
    stop(conversation)

readers: dict[int, asyncio.Task] = {}           # by conversation: who reads its beginning for a summary (see `tries`)
def stop_reading(conversation):
    "Stop the reading for a summary. True when there was one."
    if reader := readers.get(conversation): reader.cancel()
    return bool(reader)

async def answer(conversation, resume=None, under=None, placing=None, late=False):
    """One reply, top to bottom: make its place, fit the prompt, stream, keep, play. `resume` goes on with a cut one, `under`
    answers a message again, `placing` is making the place already; `late`: also what waits since before this start is meant."""
    placing = placing or asyncio.ensure_future(
        store.write(_place, conversation, resume, under, await kv.get('open', ''), late, durable=False))
    stopped = None
    asking.add(conversation)
    while not placing.done():
        try: await asyncio.wait({placing})
        except asyncio.CancelledError as e: stopped = e       # stopped while its place was made: the place is finished, as stopped
    try: placed = placing.result()
    except Refused: placed = None               # its conversation was put away
    if not placed: return
    m, told, decided, doubt = placed
    reply = replies[m['id']] = Reply(m)
    reply.decided = decided
    drawing = asyncio.create_task(reply.draw())
    status, error, engine, model = 'error', None, None, ''
    try:
        if stopped: raise stopped
        if decided and not talk: status = 'done'; return
        if resume: await redraw(m['id'], conversation)
        elif under: await relist(conversation, end=True)
        missing = None
        try: engine, model, why = await engines.choose(await kv.get('model', ''))
        except Fault as e:
            if not (doubt and doubt.ops): raise
            missing = e                         # what the rules would offer needs no model
        else: m['engine'], m['model'] = engine.name, model
        if doubt:
            read = await record.read(engine, model, doubt.said, doubt.records, doubt.code, reply.phase) if engine else []
            for ops, who, why in ((read, 'model', 'read_so'), (doubt.ops, 'user', doubt.name)):
                if ops and (now := await store.write(orders.offer, m, ops, await kv.get('open', ''), who, why)):
                    told, reply.decided = now, True
                    if not talk: status = 'done'; return
                    break
        if missing: raise missing
        again, limit = 0, most_explained if told.get('parts') else most
        while True:
            p, room, head, moved = await context.fit(engine, model, m, None if again else told, reply.phase)
            messages, reply.told = p['messages'], p
            if moved: await relist(conversation)
            if not again: hold(meanwhile(reply), 'the place of a reply could not be drawn')
            log.opt(lazy=True).debug('prompt\n{}', lambda messages=messages: json.dumps(messages, ensure_ascii=False, indent=1))
            try:
                async with aclosing(engine.chat(model, messages, context=room, limit=limit, head=head,
                                                temperature=another if under else .0)) as stream:
                    async for x in stream:
                        if isinstance(x, Said): reply.take(x)
                        elif isinstance(x, Phase): reply.phase(x)
                        else: reply.stats = done_stats(x, reply)
                break
            except Fault as e:                  # an engine that cannot count tokens says so here; forget some more of the past and ask again
                again += 1
                if e.kind != 'context' or reply.first or again > 6: raise
                await context.calibrate(engine, model, messages, room, 1.25)
        status = 'done'
        if reply.stats.get('reason') == 'length':
            error = {'kind': 'length', 'text': f'This is as long as one reply gets ({reply.stats["tokens"]:,} tokens).',
                     'hint': 'Go on continues it.'}
        if not reply.text.strip() and not error and not reply.decided:
            error = {'kind': 'empty', 'text': 'The model said nothing.', 'hint': 'Try again, or choose another model.'}
        await context.calibrate(engine, model, messages, room, tokens=reply.stats.get('prompt_tokens'))
    except Fault as e: error = {'kind': e.kind, 'text': e.text, 'hint': e.hint, **({'get': e.get} if e.get else {})}
    except Refused as e: error = {'kind': 'refused', 'text': e.text, 'hint': e.hint}
    except asyncio.CancelledError:
        status = 'error' if leaving or reply.broken else 'stopped'
        error = (lost(reply.broken) if reply.broken else
                 {'kind': 'cut', 'text': 'Pianola was closed while this was written.', 'hint': 'Nothing of it is lost.'} if leaving else
                 {'kind': 'stopped', 'text': 'Stopped.', 'hint': ''})
    except Exception as e:
        log.exception('a reply broke')
        error = {'kind': 'bug', 'text': f'Something in Pianola broke: {type(e).__name__}.', 'hint': f'What was said is kept; {details()}.'}
    finally:
        drawing.cancel()
        asking.discard(conversation)
        if r := runners.get(conversation): r.over = True
        await asyncio.shield(finish(reply, m, status, error, engine.name if engine else '', model))

def lost(e):
    "The error of a reply that the database does not take"
    text, hint, _ = unkept(e, store.folder)
    return {'kind': 'disk', 'text': f'{text[:1].upper()}{text[1:]}.',
            'hint': f'{hint[:1].upper()}{hint[1:]}. What you see may be gone after a restart: copy it if you need it.'}

def done_stats(d, reply):
    "What a reply took, as it is kept: tokens, seconds"
    return {'reason': d.reason, 'tokens': d.tokens, 'prompt_tokens': d.prompt_tokens, 'cached': d.cached, 'load_s': round(d.load_s, 3),
            'prompt_s': round(d.prompt_s, 3), 'seconds': round(d.eval_s, 3), 'first_s': round(reply.first, 3)}

def _place(tx, conversation, resume, under, plugin, late=False):
    "The reply's place in the tree, before anything is said, and what could be told for it; None when there is nothing to answer"
    c = history.conversation(tx, conversation)
    if resume: tx.run("update message set status='streaming', error=null, played=1 where id=?", id := resume)
    else:
        said = history.message(tx, under or c['head'])
        # a plugin spoke in between: the user still waits
        while said['role'] == 'app' and said['parent']: said = history.message(tx, said['parent'])
        if not under:
            if said['role'] != 'user': return None
            # what was said while the last reply was written comes first
            left = [m for m in [*waiting_before(tx, said, 0 if late else began), said] if not orders.by_phrase(tx, m, plugin)]
            if not left: return None
        # at the head, where what a phrase said may stand already
        id = history.add(tx, conversation, 'assistant', status='streaming', parent=under, what='branch' if under else 'new')
    m = history.message(tx, id)
    about = history.asked(tx, m if resume else said)
    decided, doubt = bool(about and about['brings']), None
    if orders.by_rules and not resume and not under:
        for one in left:
            if one is not said: orders.obey(tx, one, id)
        decided = decided or said not in left           # by a phrase
    if orders.by_rules and not decided:
        if not resume: decided, doubt = orders.obey(tx, said, id)
        else: decided = bool(tx.value('select 1 from log where key=?', f"rule:{about and about['id']}"))
    return m, context.compose(tx, m, plugin, about, c), decided, doubt

def waiting_before(tx, said, since):
    "The user's messages right before this one that nobody answered, oldest first; none up to the number `since`. No times: a clock is set back"
    out = []
    while said['parent'] and (said := history.message(tx, said['parent']))['role'] != 'assistant' and said['id'] > since:
        if said['role'] == 'user' and not tx.value('select 1 from log where key=?', f"said:{said['id']}"): out.append(said)
    return out[::-1]

def remember(tx, m, told):
    "Keep what a reply was told; where that cannot be, the reply is kept all the same"
    try:
        with tx.attempt(): context.told(tx, m, told)
    except apsw.Error: raise
    except Exception: log.exception('what was told could not be kept')

async def finish(reply, m, status, error, engine, model):
    "Keep the whole reply in one piece, show it as it will be shown for ever, then press the keys written in it"
    if not reply.stats and reply.tokens:        # it was stopped or broke off: nobody counted for us
        reply.stats = {'about': True, 'tokens': reply.tokens, 'seconds': round(time.monotonic()-reply.began-reply.first, 3),
                       'first_s': round(reply.first, 3)}
    whole = status == 'done' and not (error and error['kind'] == 'length')      # one that was too long is played when it has gone on to its end
    def keep(tx, error=error):
        if reply.told: remember(tx, m, reply.told)
        tx.run("delete from log where ref=? and kind='piece'", m['id'])
        tx.run('update message set text=?, thinking=?, status=?, error=?, stats=?, engine=?, model=?, ended=?, played=? where id=?',
               reply.text, reply.thinking, status, json.dumps(error, ensure_ascii=False) if error else None, json.dumps(reply.stats),
               engine, model, time.time(), int(not whole), m['id'])
        history.changed(tx, m, status)
    whole = whole and not reply.decided
    replies.pop(m['id'], None)
    try: await store.write(keep)
    except apsw.Error as e:                 # the page says it; after the next start what had been kept stands there as a cut reply
        log.error('a reply could not be kept: {}', e)
        again = (lambda tx: keep(tx, cut(reply.broken))) if error and error['kind'] == 'disk' else keep
        hold(kept_later(m['id'], again, reply.text if whole else ''),
             'a reply could not be kept')
        m = {**m, 'text': reply.text, 'status': 'error', 'error': json.dumps(lost(e)), 'stats': None}
        return tabs.put(tabs.item(f"msg-{m['id']}", bubble.article(m), 'msg-list', only=True), conversation=m['conversation'])
    said, _ = render.sentences(reply.text + '\n\n', reply.spoken)
    if error: said = [*said, f"{error['text']} {error.get('hint', '')}".strip()]
    if said: tabs.send({'live': ' '.join(said)}, conversation=m['conversation'])
    log.info('{} · {} · {} tokens in {}s{}', model or 'no model', status, reply.stats.get('tokens', 0), reply.stats.get('seconds', 0),
             f" · {error['text']}" if error and status == 'error' else '')
    log.debug('reply\n{}', reply.text)
    if whole: await orders.play(m['id'], reply.text)

def cut(e):
    "The error of such a reply when it could be kept after all"
    full = isinstance(e, (apsw.FullError, apsw.IOError))
    return {'kind': 'cut', 'text': f"The {'disk was full' if full else 'database could not be written to'} while this was written.",
            'hint': 'What had been said is all here.'}
async def kept_later(id, keep, plays):
    "What a full disk did not take is kept as soon as there is room, and played, unless somebody goes on with it before"
    while not leaving:
        await asyncio.sleep(retry_s)
        if id in replies: return
        try: await store.write(keep)
        except apsw.Error: continue
        return await orders.play(id, plays) if plays else None

# hearing

hearing = []
def on_hearing(f):
    "Decorator: f(tx, text, plugin) → what a message brings along (see `context`), or None"
    hearing.append(f)
    return f

def _hear(tx, conversation, text, key, plugin, brings=None, by='', runs=()):
    "Keep the user's words; the conversation is begun where there is none"
    if key and (old := tx.one('select ref from log where key=?', key)):
        return tx.value('select conversation from message where id=?', old['ref']), old['ref'], False
    new = not conversation
    c = history.conversation(tx, conversation or (conversation := history.begin(tx)))
    prelude = context.overhear(tx, c['head'], text, plugin)
    brings = brings or next((b for f in hearing if (b := f(tx, text, plugin))), None)
    id = history.add(tx, conversation, 'user', text, key=key, prelude=prelude,
                     brings=json.dumps(brings, ensure_ascii=False) if brings else None,
                     **({'model': by} if by else {}))           # who really wrote it
    if plugin and not by: orders.comes_from(id, plugin, runs)
    if not c['title']: tx.run('update conversation set title=? where id=?', render.plain(text, 60) or 'Conversation', conversation)
    if new: tx.log('conversation', 'new', ref=conversation)
    return conversation, id, True

def message(text):
    "Words as a message has them; Refused where there are none, or too many"
    if not isinstance(text, str) or not text.strip(): raise Refused('the message is empty', 'write something')
    if len(text) > longest: raise Refused(f'the message has {len(text):,} characters; the most is {longest:,}', 'send it in parts')
    return text.encode('utf-8', 'replace').decode().replace('\0', '')

async def say(text, conversation=None, key=None, plugin='', brings=None, by='', runs=()):
    """The user says something: kept first, then shown, then answered. (conversation, message) come back once it cannot be lost.
    `brings`: what it is about, for the reply to it alone (see `context`). `by`: the plugin that speaks in their place, whose words are no orders.
    `plugin` and `runs`: what the tab shows in which it is said."""
    words, opened = (message(text), key, plugin, brings, by, runs), await kv.get('open', '')
    if not conversation or conversation in runners:
        conversation, id, fresh = await store.write(_hear, conversation, *words, durable=False)
        if fresh: start(conversation)
        return conversation, id
    hearing = asyncio.ensure_future(store.write(_heard_and_placed, conversation, words, opened, durable=False))
    placing = asyncio.get_running_loop().create_future()
    # what went wrong is told to whoever said it
    hearing.add_done_callback(lambda h: placing.done() or placing.set_result(None if h.cancelled() or h.exception() else h.result()[1]))
    start(conversation, placing=placing)
    try: (conversation, id, _), _ = await asyncio.shield(hearing)
    except (Refused, apsw.Error): raise
    except Exception:
        log.exception('a reply could not be begun')      # a plugin held the store too long: what was said is kept without one
        conversation, id, _ = await store.write(_hear, conversation, *words, durable=False)
    return conversation, id

def _heard_and_placed(tx, conversation, words, opened):
    """Keep the user's words and make the place of the reply, as one transaction: ((conversation,
    message, fresh), the place). When there can be no place the words are kept all the same."""
    heard = _hear(tx, conversation, *words)
    if not heard[2]: return heard, None
    try:
        with tx.attempt(): return heard, _place(tx, conversation, None, None, opened)
    except apsw.Error: raise
    except Exception:
        log.exception('a reply could not be begun')
        tx.after.append(lambda: store.loop.call_soon_threadsafe(lambda: tabs.send(
            {'error': 'A reply could not be begun.', 'hint': f'Answer tries it again; {details()}.'}, conversation=heard[0])))
        return heard, None

async def redraw(id, conversation):
    "Draw one message anew in every tab that shows its conversation"
    await redraw_all(conversation, {id: False})

async def redraw_all(conversation, ids):
    "Draw messages, {id: is it new}, in one frame"
    draw_now(conversation, ids, *await store.read(seen, conversation, ids))
def seen(tx, conversation, ids):
    "What there is to draw of these messages, and the newest line of the log"
    c = tx.one('select * from conversation where id=? and deleted=0', conversation)
    found = [history.message(tx, id) for id in sorted(ids) if c]
    for m in found:
        if m['status'] == 'streaming': m['text'] = history.grown(tx, m)
    return [(m, bubble.around(tx, m, c['head'])) for m in found], tx.value('select max(id) from log')
def draw_now(conversation, ids, found, seq):
    if not any(t.conversation == conversation for t in tabs.tabs): return         # nobody sees it
    items = [tabs.item(f"msg-{m['id']}", bubble.article(m, {**beside, 'busy': busy(conversation)}, replies.get(m['id'])), 'msg-list',
                       only=not ids.get(m['id'])) for m, beside in found]
    tabs.put(items=items, seq=seq, conversation=conversation)

undrawn: dict[int, dict] = {}           # by conversation: messages that changed and are not drawn yet
asking: set[int] = set()                # conversations whose words are on the way to the model
def draw_soon(id, conversation, new):
    "Draw a message in a moment, together with whatever else changes until then; what is on its way to the model goes first, for at most 40 ms"
    loop = asyncio.get_running_loop()
    def due(until):
        if conversation not in undrawn: return            # drawn with the first words of the reply
        if asking and loop.time() < until: loop.call_later(.004, due, until)
        else: hold(redraw_all(conversation, undrawn.pop(conversation)), 'messages could not be drawn')
    if conversation not in undrawn:
        undrawn[conversation] = {}
        loop.call_later(.006, due, loop.time() + .04)
    undrawn[conversation][id] = undrawn[conversation].get(id) or new

async def adopt(conversation, tab=None, also_fresh=False):
    """Show a conversation that was just begun in the tab that began it, and in every
    tab that shows none and asked for none (`also_fresh`: or asked for a new one)"""
    for t in tabs.tabs:
        if t is tab or t.conversation is None and (also_fresh or not t.fresh):
            t.conversation, t.fresh = conversation, False
            t.send({'conversation': conversation})
    await relist(conversation)

async def relist(conversation, at=None, end=False):
    """Draw the whole list anew: another branch, or the mark of the model's memory. `at`: the message that
    was asked for; `end`: what is new stands at its end, and is to be seen"""
    try:
        ft, seq = await store.read(lambda tx: (
            bubble.messages(tx, history.conversation(tx, conversation), at=at, busy=busy(conversation)),
            tx.value('select max(id) from log')))
    except Refused: return                      # it was deleted meanwhile
    seen_at = {'at': at} if at else {'end': True} if end else {}
    tabs.put({**tabs.item('msg-list', bubble.listing(ft), only=True), **seen_at}, seq=seq, conversation=conversation)

@store.on
def hear_log(e):
    "Whatever is kept is shown: messages as they come and change, outcomes under the reply they belong to, the rest as one quiet line"
    if e.kind == 'message' and e.what != 'branch':
        draw_soon(e.ref, e.data['conversation'], e.what == 'new')
        if e.data.get('parent'): draw_soon(e.data['parent'], e.data['conversation'], False)       # its buttons come or go
    elif e.kind == 'action':
        for name, args in each(e.what, e.data.get('args') or {}) if e.data.get('status') == 'done' else ():
            if name != 'chat.delete': continue
            stop(args['id'])                # what was put away goes on no more
            hold(engines.forget(), 'the last conversation could not be dropped')      # also what an engine keeps of it on disk
            tabs.send({'deleted': args['id']}, e.id, args['id'])
        for ref in filter(None, {e.ref, e.data.get('did')}): hold(outcome(ref), 'an outcome could not be drawn')      # also where it was done
        if e.ref:
            if e.text and e.by == 'model': tabs.send({'live': e.text})
        elif e.by != 'app' and e.data.get('changes') and not e.what.endswith('.move'):
            tabs.send({'toast': tabs.html(bubble.outcome({'id': e.id, 'what': e.what, 'text': e.text, 'data': e.data}))}, e.id)
        elif e.data.get('status') == 'waiting':
            hold(ask_everywhere(e), 'an approval could not be drawn')
            tabs.send({'live': e.text})
        elif e.data.get('approval'): tabs.put(gone=[f"approval-{e.data['approval']}"], seq=e.id)
        if e.data.get('changes'): hold(entered(e.id, e.data.get('undoes')), 'the history could not be drawn')
        if e.what.startswith('chat.') or e.what == 'undo': tabs.send({'chats': 1}, e.id)
    elif e.kind == 'note' and 'table' in e.data: hold(entered(e.id), 'the history could not be drawn')
    elif e.kind == 'approval': tabs.put(gone=[f"approval-{e.data['approval']}"], seq=e.id)
    elif e.kind == 'conversation': tabs.send({'chats': 1}, e.id)
    line = {'id': e.id, 'kind': e.kind, 'by': e.by, 'what': e.what, 'text': e.text, 'data': e.data}
    if history.heard(line): tabs.put(tabs.item(f'msg-{e.id}', bubble.event(line), 'msg-list'), seq=e.id)

async def outcome(id):
    def look(tx):
        m = history.message(tx, id)
        a = bubble.around(tx, m)
        return m, bubble.outcomes(id, a['rolls'], a['asks']), tx.value('select max(id) from log')
    try: m, ft, seq = await store.read(look)
    except Refused: return
    tabs.put(tabs.item(f'out-{id}', ft, only=True), seq=seq, conversation=m['conversation'])

async def entered(*ids):
    "Where the history stands open: the new line, and the one it takes back"
    found, seq = await store.read(lambda tx: ([e for id in ids if id for e in history.done(tx, id=id)], tx.value('select max(id) from log')))
    tabs.put(items=[tabs.item(f"done-{e['id']}", bubble.activity(e), 'activity') for e in found], seq=seq)

async def ask_everywhere(e):
    "An agent's wish belongs to no reply: it waits above the box, in every tab"
    tabs.put(tabs.item(f"approval-{e.data['approval']}",
                       bubble.lone_card({'id': e.data['approval'], 'text': e.text.removeprefix('Asks: ')}), 'waiting'), seq=e.id)

# start and end

leaving, began = False, 0           # the newest line of the log when this start began

async def wake():
    """After a start: replies that a crash cut are kept as far as they came and
    marked; keys of a finished reply that were not pressed yet are pressed, once"""
    global leaving, began
    leaving, began = False, await store.last()
    def mend(tx):
        for m in tx.q("select * from message where status='streaming'"):
            text, thinking = history.grown(tx, m), history.thought(tx, m)
            tx.run("delete from log where ref=? and kind='piece'", m['id'])
            tx.run("update message set text=?, thinking=?, status='error', error=?, ended=? where id=?", text, thinking,
                   json.dumps({'kind': 'cut', 'text': 'Pianola ended while this was written.', 'hint': 'What had been said is all here.'}),
                   time.time(), m['id'])
            history.changed(tx, m, 'cut')
            last = tx.one('select m.* from conversation c join message m on m.id=c.head where c.id=?', m['conversation'])
            if last and last['role'] == 'user': history.changed(tx, last)       # said while that was written: it can be answered now
        return tx.q("select id, text from message where played=0 and status='done'")
    for m in await store.write(mend): await orders.play(m['id'], m['text'])

async def sleep():
    "Before the end: running replies are cut and kept; what is read for a summary is let go, and its mark offers it again"
    global leaving
    leaving = True
    tasks = [*(r.task for r in runners.values()), *readers.values()]
    for t in tasks: t.cancel()
    if tasks: await asyncio.wait(tasks, timeout=3)
