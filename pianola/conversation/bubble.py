"How a message looks: the same for one that grows and for one from last year."
import json, time
from functools import cache
from types import SimpleNamespace
from fasthtml.common import Article, B, Button, Code, Details, Div, Footer, Form, Li, NotStr, P, Small, Span, Summary, Time
from fastcore.xml import Safe
from .. import render, tabs
from ..actions import bare, in_words, undoes
from ..reading import guard
from .history import grown, thought, later, leaf, line, mark, overheard, path, siblings

key = lambda name: f'/api/actions/{name}'
def press(label, name, args, cls='quiet', **kw):
    "A button that presses a key"
    return Button(label, type='button', cls=cls, hx_post=key(name), hx_swap='none', hx_vals=tabs.dumps(args), **kw)

def clock(at):
    return Time(time.strftime('%H:%M' if time.time()-at < 80_000 else '%d %b %H:%M', time.localtime(at)),
                datetime=time.strftime('%Y-%m-%dT%H:%M:%S%z', time.localtime(at)), title=time.strftime('%A %d %B %Y, %H:%M:%S', time.localtime(at)))

def body(blocks, tail=''):
    "Rendered blocks as they stand in a reply; hx-disable: nothing in them can ever become a request"
    return Div(*[Div(NotStr(b), cls='block') for b in blocks], Div(NotStr(tail), cls='tail'), cls='body', hx_disable=True)

def article(m, around=None, reply=None):
    """One message. `around` has what stands beside it: outcomes, siblings, whether
    it is the head. `reply` is the running Reply, which holds blocks already."""
    around = around or {}
    begun = reply and m['status'] == 'streaming' and not (reply.text or reply.thinking)
    said = m['role'] == 'user' and (around.get('busy') or not around.get('head'))
    bare = not (m['model'] or m['error'] or m['thinking'] or around.get('rolls') or around.get('asks')) and len(around.get('tries', ())) < 2
    if not (bare and (begun and not reply.waits or said)): return made(m, around, reply)
    told = mould(m['role'], m['status']).replace(hole[0], str(m['id'])).replace(hole[1], tabs.html(clock(m['at'])))
    return Safe(told.replace(hole[2], render.esc(m['text'])))

hole = [f'{n}\ufdd0' for n in range(3)]       # filled in this order: the words come last, whatever they hold
@cache
def mould(role, status):
    """How what was just said and the reply to it look, with holes for the number, the time
    and the words: the browser waits for these two, and putting tags together takes a while"""
    m = {'id': hole[0], 'role': role, 'status': status, 'text': hole[2], 'thinking': '', 'model': '', 'error': None, 'stats': None, 'at': 0}
    reply = SimpleNamespace(blocks=render.Blocks(), text='', thinking='', thought='', waits=None) if role == 'assistant' else None
    return tabs.html(made(m, {}, reply)).replace(tabs.html(clock(0)), hole[1])

def made(m, around, reply):
    "`article`, put together"
    mine, streaming = m['role'] == 'user', m['status'] == 'streaming'
    if mine: inside = Div(m['text'], cls='body said', hx_disable=True)
    elif reply or streaming:
        blocks = reply.blocks if reply else render.Blocks(m['text'])
        inside = body(blocks.done, blocks.tail())
    else: inside = body(render.blocks(m['text'], cut=bool(m['error'])))
    think = m['thinking'] if not reply else reply.thought
    fold = (Details(Summary('Thinking'), Div(think, cls='thought', hx_disable=True), cls='thinking', id=f'think-{m["id"]}')
            if think or streaming and reply else None)
    if fold and not think: fold = fold(hidden=True)
    phase = P(waiting(reply.waits), cls='phase') if streaming and reply and reply.waits else None
    if mine: who = f"{spoken(m['model'])}, in your place" if m['model'] else 'You'
    elif m['role'] == 'assistant': who = f"Reply of {m['model']}" if m['model'] else 'Reply'
    else: who = 'From the app'
    return Article(fold, *((inside, phase) if reply and reply.text else (phase, inside)), trouble(m),
                   outcomes(m['id'], around.get('rolls', ()), around.get('asks', ())), foot(m, around),
                   id=f"msg-{m['id']}", data_role=m['role'], data_status=m['status'], data_pos=m['id'],
                   data_n=len(reply.blocks.done) if reply else None, data_by=m['model'] or None if mine else None,
                   cls=f"msg {m['role']}", aria_busy='true' if streaming else None, aria_label=who, tabindex='-1')

def waiting(p):
    "Why a reply says nothing yet (`Phase`), as a sentence"
    if p.what == 'reading': return f'Reading: {p.done} of {p.total} tokens' if p.total else 'Reading …'
    return 'Loading the model …' if p.what == 'loading' else 'Waiting for another reply to end …'

def trouble(m):
    "What went wrong with a reply, in a sentence, and the way on"
    e = json.loads(m['error']) if m['error'] else None
    if m['status'] == 'streaming' or not e: return None
    if e['kind'] == 'no-model' and e.get('get'):
        ways = [press(f"Download {e['get'][1]}", 'model.get', {'engine': e['get'][0], 'model': e['get'][1]}, 'go')]
    else: ways = []
    ways += [press('Go on', 'chat.resume', {'message': m['id']}, 'go')] if m['text'] else []
    ways += [press('Try again', 'chat.regenerate', {'message': m['id']}, 'go')]
    return Div(P(B(*worded(e['text'] if e['text'][-1:] in '.!?…' else e['text'] + '.')),
                 ' ' if e.get('hint') else '', Span(*worded(e.get('hint', '')))),
               Div(*ways, cls='ways'), cls='trouble' if m['status'] == 'error' else 'trouble mild', role='note')

def worded(text):
    "A sentence of ours, with what stands in `backticks` as code"
    return [Code(t) if n % 2 else t for n, t in enumerate(text.split('`'))]

def outcomes(id, rolls, asks):
    which = [w for w in asks if w.get('choice')]
    choice = Div(P('Which one do you mean?'), *map(card, which), cls='approval', role='group',
                 aria_label='Which one do you mean?') if which else None
    return Div(*map(outcome, rolls), choice, *[card(w) for w in asks if not w.get('choice')], cls='outcomes', id=f'out-{id}')

def outcome(e):
    "What an action did, in a line, with its undo"
    d = e['data'] if isinstance(e['data'], dict) else json.loads(e['data'] or '{}')
    state = d.get('status', 'done')
    rows = [r for r in d['result'] if isinstance(r, dict)] if d.get('risk') == 'read' and isinstance(d.get('result'), list) else None
    listing = Details(Summary(e['text']), Div(*[P(in_words(r)) for r in rows[:50]], cls='listing')) if rows else Span(e['text'])
    undo = None
    if d.get('changes') and not e.get('undone') and state == 'done':
        word = 'Redo' if undoes(e) else 'Undo'
        undo = Button(word, type='button', cls='undo', hx_post=f"/api/roll/{e['id']}/undo", hx_swap='none', aria_label=f"{word}: {bare(e)}")
    return Div(listing, Small(d['hint']) if d.get('hint') else None, undo, cls=f"outcome {state}" + (' undone' if e.get('undone') else ''),
               data_roll=e['id'])

def activity(e):
    "One line of the history, which is redrawn when it is taken back"
    who = {'user': 'You', 'model': 'The model', 'agent': 'An agent', 'roll': 'A roll', 'app': 'Pianola'}
    return Li(clock(e['at']), ' ', Small(who.get(e['by'], e['by'])), outcome(e), id=f"done-{e['id']}", data_pos=-e['id'])

def card(w):
    "What waits for the user's word: made by the app from the exact rows, never from the model's text"
    if w.get('choice'):
        return Div(Button(w['text'].rstrip('?'), type='button', cls='approve', hx_post=f"/api/approvals/{w['id']}",
                          hx_vals='{"approve":true}', hx_swap='none'),
                   Button('✕', type='button', cls='quiet reject', hx_post=f"/api/approvals/{w['id']}", hx_vals='{"approve":false}',
                          hx_swap='none', aria_label=f"Not: {w['text']}"), cls='choice', data_approval=w['id'])
    return Div(P(w['text'], ' ' if w.get('why') else '', Small(guard.names[w['why']]) if w.get('why') in guard.names else None),
               Div(Button('Yes, do it', type='button', cls='approve', hx_post=f"/api/approvals/{w['id']}", hx_vals='{"approve":true}',
                          hx_swap='none'),
                   Button('No', type='button', cls='reject', hx_post=f"/api/approvals/{w['id']}", hx_vals='{"approve":false}',
                          hx_swap='none'), cls='ways'),
               cls='approval', data_approval=w['id'], role='group', aria_label='Waits for your word')

def spoken(plugin): return plugin[:1].upper() + plugin[1:].replace('_', ' ')

def foot(m, around):
    "Time, model, speed, and the buttons of a message"
    stats = json.loads(m['stats']) if m['stats'] else {}
    facts = [clock(m['at'])]
    if m['role'] == 'user' and m['model']: facts.append(Span(f"from {spoken(m['model'])}", cls='model'))
    if m['role'] == 'assistant' and m['status'] != 'streaming':
        facts += [Span(m['model'], cls='model')] if m['model'] else []
        if stats.get('tokens'):
            speed = f" · {stats['tokens']/stats['seconds']:.0f}/s" if stats.get('seconds') else ''
            read = (f"{stats['prompt_tokens']} tokens read ({stats.get('cached', 0)} known from before), "
                    if stats.get('prompt_tokens') else '')
            facts.append(Span(f"{'about ' if stats.get('about') else ''}{stats['tokens']} token{'s' * (stats['tokens'] != 1)}{speed}",
                              title=f"{read}first word after {stats.get('first_s', 0):.2f} s"))
    tries = around.get('tries') or [m['id']]
    turn = []
    if len(tries) > 1:
        at = tries.index(m['id'])
        turn = [press('‹', 'chat.pick', {'message': tries[at-1]}, aria_label='Earlier try') if at else Span('‹', cls='off'),
                Span(f'{at+1}/{len(tries)}'),
                press('›', 'chat.pick', {'message': tries[at+1]}, aria_label='Later try') if at+1 < len(tries) else Span('›', cls='off')]
    acts = [Button('Copy', type='button', cls='quiet copy-message', data_copy=f"/api/messages/{m['id']}/text")]
    if m['role'] == 'user':
        acts += [Button('Edit', type='button', cls='quiet', hx_get=f"/api/messages/{m['id']}/edit", hx_target=f"#msg-{m['id']} > .body",
                        hx_swap='outerHTML')]
        if around.get('head') and not around.get('busy'): acts += [press('Answer', 'chat.answer', {'conversation': m['conversation']}, 'go')]
    elif m['role'] == 'assistant' and m['status'] != 'streaming':
        if not m['error']: acts += [press('Again', 'chat.regenerate', {'message': m['id']}, title='Another try, beside this one')]
        acts += [Button('What it saw', type='button', cls='quiet', hx_get=f"/api/messages/{m['id']}/prompt", hx_target='#dialog',
                        hx_swap='innerHTML')]                 # what went wrong offers another try where it says so
    return Footer(Span(*turn, cls='tries') if turn else None, Span(*[x for f in facts for x in (' · ', f)][1:], cls='facts'), Span(*acts, cls='acts'))

def event(e):
    "Something the model overheard: one quiet line, shown when the user asks for it"
    said = line(e, user='You', model='The model')
    return Div(said, id=f"msg-{e['id']}", data_role='system', data_status='done', data_pos=e['id'], cls='msg overheard')

def around(tx, m, head=None):
    "What stands beside a message: the outcomes written in it, the cards that wait, the other tries"
    rolls = tx.q("select id, at, by, what, text, data from log where ref=? and kind='action' order by id", m['id']) if m['role'] != 'user' else []
    rolls = [r for r in rolls if json.loads(r['data'] or '{}').get('status') != 'waiting']
    for r in rolls: r['undone'] = tx.value('select 1 from log where key=?', f"undo:{r['id']}")
    shown = [r for r in rolls if not (r['what'] == 'undo' and r['undone'])]
    asks = tx.q("select id, at, by, action, args, text, why, choice from approval where message=? and status='waiting' order by id",
                m['id']) if m['role'] != 'user' else []
    return {'rolls': shown, 'asks': asks, 'tries': siblings(tx, m), 'head': m['id'] == head}

def memory(tx, k, head):
    "Where the model's memory begins, at a mark on the way to `head`"
    id, done = k['conversation'], reading.get(k['conversation'])
    left = sum(m['id'] < k['message'] for m in path(tx, head, since=k['reach'], columns='m.id')) if k['summary'] and k['reach'] < k['message'] else 0
    above = f"The last {left} messages above this line are not in it." if left > 1 else 'The message above this line is not in it.'
    if done is None:
        way = press('Summarise it anew' if k['summary'] else 'Give it a summary', 'chat.summarise', {'conversation': id}, 'go')
    else:
        way = Span(f'Reading the earlier conversation: {done} % … ', press('Stop', 'chat.stop', {'conversation': id, 'reading': True}),
                   cls='reading')
    return Div(Span('The model’s memory begins here. What stands above is kept and can be searched, but is not read again.'),
               Details(Summary('Summary the model has of it'), Div(k['summary'], hx_disable=True), id='summary') if k['summary'] else None,
               Span(above) if left else None, way, id='memory', cls='memory', data_pos=k['message'] - .5)
reading: dict[int, int] = {}            # conversations whose beginning is being summarised: how much of it is read, in percent

def messages(tx, c, before=None, after=None, at=None, limit=30, busy=False):
    """The last messages of a conversation, or those before, after or around one of
    them; and what the model overheard among them. `busy`: a reply is being written"""
    head = end = way = c['head']
    if (near := before or after or at) and later(tx, way, near, 0) is None: head = end = way = leaf(tx, near)       # it stands on another branch
    if before: head = end = tx.value('select parent from message where id=?', before)
    elif near: head = later(tx, end, near, limit if after else limit//2)
    said = [m for m in path(tx, head, limit) if not after or m['id'] > after]
    out = [(said[0]['id']-.5, other_branch(at))] if at and said and end != c['head'] else []
    for m in said:
        if m['status'] == 'streaming': m['text'], m['thinking'] = grown(tx, m), thought(tx, m)
        out.append((m['id'], article(m, {**around(tx, m, c['head']), 'busy': busy})))
    if said:
        out += [(e['id'], event(e)) for e in overheard(tx, said[0]['parent'] or said[0]['id']-40,
                                                       before or (said[-1]['id'] if head != end else None), 60)]
    if (k := mark(tx, c, way)) and any(m['id'] == k['message'] for m in said): out.append((k['message']-.5, memory(tx, k, way)))
    out = [ft for _, ft in sorted(out, key=lambda p: p[0])]
    more = lambda word, cls, where: Button(word, type='button', cls=cls, hx_get=f"/api/conversations/{c['id']}/messages?{where}",
                                           hx_trigger='click, intersect root:#msg-list once', hx_swap='outerHTML')
    if said and said[0]['parent'] and not after: out.insert(0, more('Earlier messages', 'earlier', f"before={said[0]['id']}"))
    if said and head != end: out.append(more('Later messages', 'earlier later', f"after={said[-1]['id']}"))
    return out

def other_branch(id):
    "What a search found may stand in an earlier try"
    return Div(Span('This stands in another try of this conversation.'), press('Go on from there', 'chat.pick', {'message': id}, 'go'), cls='memory')

def closer(): return Form(Button('Close', cls='quiet'), method='dialog', cls='closer')
def lone_card(w): return Div(card(w), id=f"approval-{w['id']}", data_pos=w['id'])
def listing(items): return Div(*items, id='msg-list', role='log', aria_live='off', aria_label='Conversation', tabindex='0')
