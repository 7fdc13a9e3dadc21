"The doors of the contract: every route under /api/, and the socket. Each one only asks the rooms above."
import asyncio, json, re, unicodedata
from urllib.parse import quote
import apsw
from fasthtml.common import Button, Div, Form, H2, JSONResponse, Li, Ol, P, Pre, Response, Small, Strong, Textarea, to_xml
from msgspec import structs
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from . import actions, live, models, page, tabs
from .actions import act
from .asking import forms
from .asking.fields import rows_of
from .asking.files import File, Taking
from .config import details, version
from .conversation import bubble, chat, export, history, learn
from .conversation import tries             # noqa: F401  the keys of a conversation
from .flows import flow
from .loading import settings
from .loading.plugins import plugins
from .store import Refused, store, unkept
from .tx import got, put, sound
from .tables import grid, sheets
from .work import board, jobs, journal
from loguru import logger as log

biggest = 4_000_000                   # bytes of a request's body

def ft(*tags, status=200, **heads):
    "Tags as an answer; half a character in them, as a plugin may show it, is replaced"
    return HTMLResponse(to_xml(tags if len(tags) != 1 else tags[0], indent=False).encode(errors='replace'), status, headers=heads)
def who(req): return 'user' if req.scope.get('page') else 'agent'

def door(path, methods=('GET',)):
    "Decorator: a route whose Refused becomes 4xx with what is wrong and what would be right"
    def make(f):
        async def answer(req):
            try: return await f(req)
            except Refused as e: return JSONResponse({'error': e.text, 'hint': e.hint, **({'fields': e.fields} if e.fields else {})}, e.status)
            except ClientDisconnect: return Response(status_code=400)      # who asked has left in mid-sentence
            except asyncio.CancelledError:         # what took too long at the end, or never came whole
                if not chat.leaving: raise
                return JSONResponse({'error': 'Pianola has ended', 'hint': 'ask again after its start'}, 503)
            except apsw.Error as e:
                log.error('{} cannot be kept: {}', path, e)
                text, hint, status = unkept(e, store.folder)
                return JSONResponse({'error': text, 'hint': hint}, status)
            except Exception as e:
                log.exception(f'{path} broke')
                return JSONResponse({'error': f'Pianola could not do that: {type(e).__name__}', 'hint': f'nothing was changed; {details()}'}, 500)
        routes.append(Route(path, answer, methods=list(methods)))
        return f
    return make
routes = []

async def arguments(req):
    "What came along as JSON, or as a form from our own page"
    if int(req.headers.get('content-length') or 0) > biggest: raise Refused(f'the request is larger than {biggest:,} bytes', 'send less', 413)
    kind = req.headers.get('content-type', '').partition(';')[0].strip().lower()
    body = b''
    async for chunk in req.stream():
        body += chunk
        if len(body) > biggest: raise Refused(f'the request is larger than {biggest:,} bytes', 'send less', 413)
    if kind in ('application/x-www-form-urlencoded', 'multipart/form-data') and req.scope.get('page'):
        req._body = body                  # read already, and not more than may be
        try: form = await req.form()
        except HTTPException as e: raise Refused(f'the form cannot be read: {e.detail}', 'send it as a browser does, or as JSON') from None
        said = {k: [v for v in form.getlist(k) if isinstance(v, str)] for k in form}
        # an unticked box and a list of boxes say something too
        return {k: v[-1] if len(v) == 1 or v == ['false', 'true'] else [x for x in v if x] for k, v in said.items() if v}
    if not body: return {}
    if kind != 'application/json': raise Refused('the body is not JSON', 'send it with Content-Type: application/json', 415)
    try: args = sound(json.loads(body))
    except (ValueError, RecursionError) as e:
        raise Refused(f'the body is not JSON that can be kept: {str(e)[:200]}', 'send one JSON object') from None
    if not isinstance(args, dict): raise Refused('the body is not a JSON object', 'send the arguments as {"name": value}')
    return args

def attached(name):
    "The head of an answer that is kept as a file of this name, whatever is in the name: in letters that every program knows, and as it is (RFC 6266)"
    name = re.sub(r'[\x00-\x1f\x7f/\\]+', ' ', name).strip()[:150] or 'file'
    ascii = unicodedata.normalize('NFKD', name).encode('ascii', 'ignore').decode()
    stem, dot, kind = re.sub(r'[^\w !#$&+.^~-]+', '_', ascii, flags=re.A).rpartition('.')
    plain = f'{stem.strip()}{dot}{kind}' if stem.strip() or not dot else f'file.{kind}'
    return {'content-disposition': f'attachment; filename="{plain}"' + (f"; filename*=utf-8''{quote(name, safe='')}" if plain != name else '')}

def number(text, what):
    "A number from a URL"
    if not re.fullmatch('-?[0-9]{1,15}', str(text)): raise Refused(f'{what} must be a number, not {str(text)[:40]!r}')
    return int(text)

def outcome(o, req):
    "An Outcome as the contract shows it; our own page gets nothing: what happened comes over the socket"
    if o.status == 'waiting': return JSONResponse({'status': 'waiting', 'approval': o.approval}, 202)
    if 'hx-request' in req.headers: return Response(status_code=204)
    return JSONResponse({'status': o.status, 'id': o.id, 'result': o.result})

@door('/api/health')
async def health(req):
    return JSONResponse({'status': 'ok', 'version': version, 'engine': models.state(),
                         'plugins': {n: p.state for n, p in plugins.items()}} | ({'jobs': jobs.afar.state()} if jobs.afar else {}))

@door('/api/actions')
async def keys(req):
    return JSONResponse([{'name': a.name, 'title': a.title, 'description': a.description, 'plugin': a.plugin,
                          'parameters': a.parameters, 'risk': a.risk} for a in actions.registry.values()])

@door('/api/actions/{name}', ['POST'])
async def press(req):
    name, args = req.path_params['name'], await arguments(req)
    if 'hx-request' in req.headers:               # a form says '' where nothing was written
        a = actions.find(name)
        known = {f.encode_name: f for f in structs.fields(a.args)}
        clears = lambda k: k in a.fields and (name.endswith('.update') or a.fields[k].kind in ('bool', 'rows'))
        args = {k: v for k, v in args.items() if v != '' or k in known and known[k].required or clears(k)}
    return outcome(await act(name, args, by=who(req)), req)

@door('/api/roll')
async def roll(req):
    q = req.query_params
    return JSONResponse(await actions.roll(number(q.get('after', '0'), 'after'), max(1, min(1000, number(q.get('limit', '100'), 'limit')))))

@door('/api/roll/{id}/undo', ['POST'])
async def undo(req): return outcome(await actions.undo(number(req.path_params['id'], 'the entry'), by=who(req)), req)

@door('/api/approvals')
async def approvals(req): return JSONResponse(await actions.waiting())

@door('/api/approvals/{id}', ['POST'])
async def decide(req):
    args = await arguments(req)
    yes = args.get('approve')
    if yes in ('true', 'false'): yes = yes == 'true'
    if not isinstance(yes, bool): raise Refused('say {"approve": true} or {"approve": false}')
    return outcome(await actions.decide(number(req.path_params['id'], 'the approval'), yes), req)

@door('/api/conversation')
async def conversation(req):
    q = req.query_params
    id = number(q['id'], 'id') if 'id' in q else await store.read(history.current)
    return JSONResponse(await store.read(history.told, id, q.get('hidden') == '1'))

@door('/api/conversations')
async def conversations(req):
    q = req.query_params
    words, before, now, many = q.get('q', '')[:200], *(number(q[k], k) if q.get(k) else None for k in ('before', 'now', 'many'))
    if 'hx-request' not in req.headers: return JSONResponse(await store.read(history.listed, words, page.page_of, before))
    rows = await store.read(page.conversation_list, words, now or await store.read(history.current), before, many or 0)
    return ft(*rows, '') if before else ft(rows)

@door('/api/conversations/{id}/panel')
async def panel(req):
    id, at = req.path_params['id'], req.query_params.get('at')
    return ft(await store.read(page.panel, None if id == 'new' else number(id, 'the conversation'), models.line(), number(at, 'at') if at else None))

@door('/api/conversations/{id}/messages')
async def earlier(req):
    id, q = number(req.path_params['id'], 'the conversation'), req.query_params
    where = {k: number(q[k], k) for k in ('before', 'after') if k in q}
    def look(tx):
        c = history.conversation(tx, id)
        for m in where.values(): tx.value('select 1 from message where id=? and conversation=?', m, id) or history.missing(m)
        return bubble.messages(tx, c, **where, busy=chat.busy(id))
    return ft(*await store.read(look), '')

@door('/api/conversations/{id}.{kind}')
async def taken_along(req):
    id, kind = number(req.path_params['id'], 'the conversation'), req.path_params['kind']
    if kind not in ('md', 'json'): raise Refused(f'a conversation cannot be had as {kind[:20]}', 'ask for .md or .json', 404)
    made = export.as_markdown if kind == 'md' else export.as_json
    title, told = await store.read(lambda tx: (history.conversation(tx, id)['title'], made(tx, id)))
    heads = attached(f'{export.name(title)}.{kind}')
    return JSONResponse(told, headers=heads) if kind == 'json' else PlainTextResponse(told, media_type='text/markdown; charset=utf-8', headers=heads)

@door('/api/messages/{id}/text')
async def text(req):
    m = await store.read(history.message, number(req.path_params['id'], 'the message'))
    return PlainTextResponse(await store.read(export.copied, m))

@door('/api/messages/{id}/edit')
async def edit(req):
    m = await store.read(history.message, number(req.path_params['id'], 'the message'))
    return ft(Form(Textarea(m['text'], name='text', aria_label='New wording', rows=min(12, m['text'].count('\n')+2), autofocus=True),
                   Div(Button('Send again'), Button('Keep as it was', type='button', cls='quiet', data_redraw=m['id']),
                       Button('Start over', type='reset', cls='quiet', hidden=True), cls='ways'), Small(cls='wrong', role='alert'),
                   hx_post='/api/actions/chat.edit', hx_vals=tabs.dumps({'message': m['id']}), hx_swap='none', hx_sync='this:drop',
                   cls='body edit'))

@door('/api/messages/{id}/bubble')
async def one(req):
    id = number(req.path_params['id'], 'the message')
    m = await store.read(history.message, id)
    await chat.redraw(id, m['conversation'])
    return Response(status_code=204)

@door('/api/messages/{id}/prompt')
async def prompt(req):
    m = await store.read(history.message, number(req.path_params['id'], 'the message'))
    refs = json.loads(await store.read(lambda tx: tx.value('select prompt from message where id=?', m['id'])) or '[]')
    bodies = await store.read(lambda tx: [(role, tx.value('select body from told where hash=?', h)) for role, h in refs])
    if 'hx-request' not in req.headers: return JSONResponse([{'role': r, 'content': b} for r, b in bodies])
    stats = json.loads(m['stats'] or '{}')
    long = f", {stats['prompt_tokens']:,} tokens" if stats.get('prompt_tokens') else ''
    about = f"Exactly this was given to {m['model'] or 'the model'}{long}." if refs else 'Nothing was sent for this reply.'
    return ft(H2('What the model saw'), P(about),
              *[Div(Strong(r), Pre(b), cls=f'seen {r}', hx_disable=True) for r, b in bodies], bubble.closer())

@door('/api/activity')
async def activity(req):
    before = req.query_params.get('before')
    rows = await store.read(history.done, number(before, 'before') if before else None)
    more = Li(Button('Earlier', type='button', cls='quiet', hx_get=f"/api/activity?before={rows[-1]['id']}", hx_target='closest li',
                     hx_swap='outerHTML')) if len(rows) == 60 else None
    items = [*map(bubble.activity, rows), more]
    if before: return ft(*items, '')
    nothing = 'Nothing yet. Whatever you or the model change is listed here, and can be undone.'
    return ft(H2('What was done'), Ol(*items, id='activity', cls='activity') if rows else P(nothing), bubble.closer())

@door('/api/learned')
async def learned(req):
    found = await store.read(learn.learned)
    if 'hx-request' not in req.headers: return JSONResponse(found)
    about = ('Wordings you confirmed twice. They act at once now, with undo; none can delete.' if found else
             'Nothing yet. A wording you confirm for two different rows becomes a rule and is listed here.')
    rules = [Li(l['pattern'].replace('{row}', '…').replace('{value}', '…'), ' ', bubble.press('Forget', 'learned.forget', {'id': l['id']}))
             for l in found]
    return ft(H2('What it learned'), P(about), Ol(*rules, cls='activity'), bubble.closer())

@door('/api/settings/{plugin}', ['POST'])
async def set_up(req): return outcome(await settings.keep(req.path_params['plugin'], await arguments(req), who(req)), req)

# tables and files

def table(req):
    "The table a URL names, and how it is looked at"
    name, q = req.path_params['name'], req.query_params
    t = plugins.table(name)
    if not t: raise Refused(f'there is no table {name[:80]}', f"there is {', '.join(t.name for t in plugins.tables())}", 404)
    return t, grid.look_of(t, {'words': q.get('words', ''), 'which': {k[6:]: v for k, v in q.items() if k.startswith('which.')},
                               'sort': q.get('sort'), 'down': q.get('down') == 'true'})

@door('/api/tables/{name}/pick')
async def pick(req):
    t, _ = table(req)
    return JSONResponse(await store.read(lambda tx: rows_of(tx, t.name, words=req.query_params.get('q', '')[:200], limit=50)))

@door('/api/tables/{name}/read', ['POST'])
async def grown(req):
    t, _ = table(req)
    await store.write(lambda tx: put(tx, 'grown', t.name, None))
    tabs.put(gone=[f'{t.name}-grown'])
    return Response(status_code=204)

@door('/api/tables/{name}/import')
async def preview(req):
    t, _ = table(req)
    q = req.query_params
    try: f = forms.field('file', File).parse(q.get('file', ''))
    except ValueError as e: raise Refused(f'the file {e}') from None
    with sheets.calmly(): sheet = await asyncio.to_thread(sheets.read, f)
    columns = {c: q.get(f'to.{n}', '') for n, c in enumerate(sheet.columns)} if 'to.0' in q else sheets.match(t, sheet)
    same = q.get('same', '') if q.get('same') in columns.values() else ''
    def look():
        with sheets.calmly():
            good, wrong = sheets.settled(t, sheets.lines(t, sheet, columns), columns)
            return good, wrong, sheets.met(t, good, columns, same) if same else None
    try: read = await asyncio.to_thread(look)
    except Refused as e: read = e
    return await asyncio.to_thread(lambda: ft(grid.preview(t, f, sheet, read, columns, same)))

@door('/api/tables/{name}/{id}/form')
async def row_form(req):
    t, _ = table(req)
    return ft(await store.read(lambda tx: grid.sheet(tx, t, t.find(tx, {'id': number(req.path_params['id'], 'the row')}))))

@door('/api/tables/{name}.{kind}')
async def table_export(req):
    kind = req.path_params['kind']
    if kind not in ('csv', 'json'): raise Refused(f'a table cannot be had as {kind[:20]}', 'ask for .csv or .json', 404)
    t, look = table(req)
    rows = await store.read(lambda tx: grid.rows(tx, t, look))
    text = await asyncio.to_thread(sheets.as_csv if kind == 'csv' else sheets.as_json, t, rows)
    return Response(text, media_type='text/csv; charset=utf-8' if kind == 'csv' else 'application/json', headers=attached(f'{t.name}.{kind}'))

largest = 500_000_000                 # bytes of a file that is given

@door('/api/files', ['POST'])
async def give_file(req):
    if int(req.headers.get('content-length') or 0) > largest: raise Refused(f'the file is larger than {largest//1_000_000} MB', status=413)
    taking = await asyncio.to_thread(Taking, req.query_params.get('name', 'file'))
    try:
        async for chunk in req.stream():
            await asyncio.to_thread(taking.add, chunk)
            if taking.size > largest: raise Refused(f'the file is larger than {largest//1_000_000} MB', status=413)
        f = await asyncio.to_thread(taking.done)
    except BaseException:
        taking.stop()
        raise
    return JSONResponse({'file': str(f), 'name': f.name, 'size': f.size})

@door('/api/files/{hash}/{name}')
async def take_file(req):
    try: f = forms.field('file', File).parse(f"{req.path_params['hash']}/{req.path_params['name']}")
    except ValueError: raise Refused('there is no such file', status=404) from None
    return FileResponse(f.path, filename=f.name, media_type='application/octet-stream', content_disposition_type='attachment')

@door('/api/jobs')
async def job_list(req):
    q = req.query_params
    words, state, limit = q.get('words', '')[:200], q.get('state', ''), max(0, min(number(q.get('limit', '0'), 'the limit'), 5000))
    if 'hx-request' in req.headers: return ft(await store.read(board.listing, words, state, limit or board.page))
    kept = await store.read(board.found, words, state, limit or 200)
    return JSONResponse([*(j.now() for j in jobs.jobs.values()), *(journal.now(j) for j in kept)])

@door('/api/jobs/{id}/log')
async def job_log(req): return ft(await store.read(board.log_of, number(req.path_params['id'], 'the job')))

@door('/api/jobs/{id}/events')
async def job_events(req):
    id, last = number(req.path_params['id'], 'the job'), req.headers.get('last-event-id', '0')
    if id in jobs.jobs: stream = jobs.jobs[id].watch()
    else:
        await store.read(journal.job, id)
        stream = board.watch(id, number(last, 'Last-Event-ID'))
    return StreamingResponse(stream, media_type='text/event-stream', headers={'cache-control': 'no-store'})

@door('/api/jobs/{id}/cancel', ['POST'])
async def job_cancel(req):
    id = number(req.path_params['id'], 'the job')
    if j := jobs.jobs.get(id):
        if j.ended: raise Refused(f'job {j.id} is over: {j.state}', status=409)
        j.task.cancel()
        return JSONResponse(j.now(), 202)
    await act('jobs.cancel', {'id': id}, by=who(req))
    return JSONResponse(journal.now(await store.read(journal.job, id)), 202)

# the socket

async def listen(ws):
    """One tab: it says what it looks at and what it saw last, gets what it
    missed, and speaks. Each frame is answered at once; replies run on their own."""
    await ws.accept()
    tab = tabs.Tab(ws, await store.read(history.current))
    tabs.tabs.add(tab)
    try:
        while True:
            try: frame = sound(json.loads(await ws.receive_text()))
            except (ValueError, RecursionError, KeyError): frame = None
            if not isinstance(frame, dict):
                tab.send({'error': 'that was not a JSON object', 'hint': 'say {"msg": "text"} or {"stop": true}'})
                continue
            try: await hear(tab, frame)
            except Refused as e: tab.send({'error': e.text, 'hint': e.hint, 'cid': frame.get('cid')})
            except apsw.Error as e:
                log.error('the database refuses: {}', e)
                text, hint, _ = unkept(e, store.folder)
                tab.send({'error': text, 'hint': hint, 'cid': frame.get('cid') if isinstance(frame.get('cid'), str) else None})
            except Exception:
                log.exception('a frame broke')
                tab.send({'error': 'Pianola could not do that', 'hint': details(),
                          'cid': frame.get('cid') if isinstance(frame.get('cid'), str) else None})
    except (WebSocketDisconnect, RuntimeError): log.debug('a tab closed')
    finally: tab.leave()

def _id(v): return v if isinstance(v, int) and not isinstance(v, bool) and 0 < v < 2**53 else None

async def hear(tab, f):
    "One frame of a tab"
    if isinstance(f.get('hello'), dict):
        h = f['hello']
        tab.conversation, view = _id(h.get('conversation')), str(h.get('view') or '')[:80]
        runs = {i for i in h.get('runs') or () if _id(i)} if isinstance(h.get('runs'), list) else set()
        await store.write(looks, tab.conversation, view, bool(h.get('opened')), runs, durable=False)
        tab.runs, tab.view, tab.fresh = runs, view, h.get('fresh') is True
        tab.looks = ({n: grid.look_of(t, said) for n, said in h['looks'].items() if (t := plugins.table(n))}
                     if isinstance(h.get('looks'), dict) else {})
        models.look_again()
        await catch_up(tab, _id(h.get('since')) or 0, h.get('streaming') if isinstance(h.get('streaming'), list) else [], _id(h.get('drawn')) or 0)
    elif 'msg' in f:
        cid = str(f['cid']) if f.get('cid') else None
        if cid and len(cid) > 64: raise Refused('a cid has at most 64 characters')
        if f.get('conversation') is not None and not _id(f['conversation']):
            raise Refused(f"there is no conversation {str(f['conversation'])[:40]}", 'leave it out for the open one, or say null for a new one', 404)
        if 'conversation' in f: tab.conversation = _id(f['conversation'])
        conversation, id = await chat.say(f['msg'], tab.conversation, cid and f'say:{cid}', tab.view, runs=tab.runs)
        if tab.conversation != conversation:
            await chat.adopt(conversation, tab)
        tab.send({'ack': cid, 'id': id})
    elif f.get('stop'):
        if not (chat.stop(tab.conversation, f['stop'] == 'said') or chat.stop_reading(tab.conversation)): tab.send({'stopped': False})
    elif isinstance(f.get('look'), dict):
        t = plugins.table(str(f['look'].get('table')))
        if not t: raise Refused('there is no such table')
        seen = tab.looks[t.name] = grid.look_of(t, f['look'])
        drawn = await store.read(grid.again, t, seen)
        if tab.looks.get(t.name) == seen: tab.send({'put': drawn['items'], 'gone': [], 'look': t.name})
    elif 'again' in f and _id(f['again']): await chat.redraw(_id(f['again']), tab.conversation)
    else: raise Refused('that frame says nothing known', 'say {"msg": "text"} or {"stop": true}')

def looks(tx, conversation, view, opened, runs=()):
    "What is looked at is where the next start opens; opening a plugin is told to the model"
    if conversation: put(tx, 'app', 'conversation', conversation)
    flow.looked(tx, runs)
    if view in plugins and got(tx, 'app', 'open') != view:
        put(tx, 'app', 'open', view)
        if opened: tx.log('open', view, by='user', text=f'opened {plugins[view].title}')

async def catch_up(tab, since, streaming, drawn=0):
    """Draw again, in one tab, whatever changed after line `since` (its list of messages was drawn at line
    `drawn`): the same elements, as they are now. One reading, and nothing between it and the sending."""
    def look(tx):
        events = tx.q("select id, at, by, kind, what, ref, text, data from log where id>? and kind!='piece' order by id limit 1001", since)
        c = tx.one('select * from conversation where id=?', tab.conversation) if tab.conversation else None
        on_path = {m['id']: m for m in history.path(tx, c['head'], 200)} if c else {}
        touched = {e['ref'] for e in events if e['kind'] in ('message', 'action')}
        touched |= {_id(i) for i in streaming} | {r.id for r in list(chat.replies.values())}
        said = [(on_path[id], bubble.around(tx, on_path[id], c['head'])) for id in sorted(on_path)
                if id in touched or on_path[id]['status'] == 'streaming']
        for m, _ in said:
            if m['status'] == 'streaming': m['text'] = history.grown(tx, m)
        items, gone, rows, anew = [], [], {}, False
        for e in events:
            if e['kind'] != 'action': continue
            d = json.loads(e['data'] or '{}')
            for t, i, before, _ in d.get('changes') or []: rows.setdefault(t, {})[i] = rows.get(t, {}).get(i) or before is None
            anew |= any(name.endswith('.choose') for name in actions.keys_of(e['what'], d))
        for t in plugins.tables():
            seen = tab.looks.get(t.name, grid.plain)
            others = {f.table for f in t.columns.values() if f.kind in ('ref', 'rows')} | {t.owner}
            if tab.view not in ('', t.plugin_name): continue
            if anew or t.owner in rows: items.append(tabs.item(f'{t.name}-panel', t.panel(tx, seen), only=True))
            elif seen != grid.plain or others & rows.keys(): items += grid.again(tx, t, seen)['items']
            elif t.name in rows:
                now = t.now(tx, list(rows[t.name]), seen, {i for i, new in rows[t.name].items() if new})
                items += now['items']
                gone += now['gone']
        items += flow.anew(tx, tab.runs, since, bool(events))
        for w in tx.q('select id, text, status from approval where message is null order by id desc limit 50'):
            if w['status'] == 'waiting': items.append(tabs.item(f"approval-{w['id']}", bubble.lone_card(w), 'waiting'))
            else: gone.append(f"approval-{w['id']}")
        moves = ('chat.pick', 'chat.edit', 'chat.regenerate', 'chat.summarise', 'branch')
        moved = c and any(e['id'] > drawn and (e['kind'] == 'memory' or e['what'] in moves) for e in events)
        listing = bubble.listing(bubble.messages(tx, c, busy=chat.busy(c['id']))) if moved else None
        return events, said, items, gone, not c['deleted'] if c else None, listing, tx.value('select max(id) from log') or 0
    events, said, items, gone, there, anew, upto = await store.read(look)
    if len(events) > 1000: return tab.send({'reload': True})       # away for long: the page is quicker drawn anew
    if anew: items.insert(0, tabs.item('msg-list', anew, only=True))
    for m, beside in said:                                         # drawn here on the loop, where a running reply stands still
        article = bubble.article(m, {**beside, 'busy': chat.busy(tab.conversation)}, chat.replies.get(m['id']))
        items.append(tabs.item(f"msg-{m['id']}", article, 'msg-list'))
    items += [tabs.item(f"msg-{e['id']}", bubble.event(e), 'msg-list') for e in events if history.heard(e)]
    tab.send({'put': items, 'gone': gone, 'seq': upto, 'caught': True, **({'of': tab.conversation} if tab.conversation else {})})
    if there is False: tab.send({'deleted': tab.conversation})
    live.catch_up(tab, events)
    tab.send(models.frame())

routes.append(WebSocketRoute('/ws', listen))

@door('/api/models/get')
async def get_model(req): return ft(*await models.dialog())
