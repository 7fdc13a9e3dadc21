"""What one writes first, to compare with. `python bench/naive.py PORT OLLAMA_URL [ROWS]`

A chunk of the model, and an update of a job, becomes a frame of its own for every socket;
a ticked box sends the whole table back; a table is searched and sorted in Python."""
import asyncio, json, sqlite3, sys
import aiohttp, uvicorn
from fasthtml.common import Input, Li, Ol, Progress, Span, to_xml
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

sockets, upstream, rows = set(), sys.argv[2], int((sys.argv[3:] or [10])[0])
db = sqlite3.connect(':memory:', check_same_thread=False)
db.execute('create table thing(id integer primary key, name text, done int)')
db.executemany('insert into thing(name, done) values (?,0)', [(f'thing {i}',) for i in range(rows)])

async def all_(text):
    for w in sockets: await w.send_text(text)

async def job():
    for i in range(500):
        await asyncio.sleep(.02)
        await all_(to_xml(Progress(value=i+1, max=500, hx_swap_oob='true', id='job')))
    await all_('over')

async def listen(ws):
    await ws.accept()
    sockets.add(ws)
    try:
        while True:
            said = await ws.receive_json()
            if said['msg'] == 'job':
                ws.state.job = asyncio.create_task(job())
                continue
            if said.get('bare'):                  # nothing but what it takes to pass a reply on: the least that a server between the two can cost
                ws.app.state.session = getattr(ws.app.state, 'session', None) or aiohttp.ClientSession()
                async with ws.app.state.session.post(f'{upstream}/api/chat',
                                                     json={'model': 'double', 'messages': [{'role': 'user', 'content': said['msg']}]}) as r:
                    async for line in r.content: await ws.send_text(json.loads(line)['message']['content'])
                await ws.send_text('done')
                continue
            body = {'model': 'double', 'messages': [{'role': 'user', 'content': said['msg']}]}
            async with aiohttp.ClientSession() as s, s.post(f'{upstream}/api/chat', json=body) as r:
                async for line in r.content:
                    text = json.loads(line)['message']['content']
                    await all_(to_xml(Span(text, hx_swap_oob='beforeend:#reply')))
            await ws.send_text('done')
    except WebSocketDisconnect: pass        # the measurement is over
    finally: sockets.discard(ws)

def listing():
    return to_xml(Ol(*[Li(Input(type='checkbox', checked=bool(done), value=i), Span(name), cls='is-done' if done else '', id=f'thing-{i}')
                       for i, name, done in db.execute('select * from thing order by id')], id='thing-list'))
def page(req):
    return HTMLResponse(f"""{listing()}<script>document.onchange = async e => {{ document.getElementById('thing-list').outerHTML = """
                        """await (await fetch('/tick/' + e.target.value, {method: 'POST'})).text() }</script>""")
def tick(req):
    db.execute('update thing set done=1-done where id=?', (req.path_params['id'],))
    return HTMLResponse(listing())

uvicorn.run(Starlette(routes=[WebSocketRoute('/ws', listen), Route('/', page), Route('/tick/{id}', tick, methods=['POST'])]),
            port=int(sys.argv[1]), log_level='error')
