"What one writes first, to compare with: each chunk of the model becomes a frame of its own, for every socket. `python bench/naive.py PORT OLLAMA_URL`"
import json, sys
import aiohttp, uvicorn
from fasthtml.common import Span, to_xml
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

sockets, upstream = set(), sys.argv[2]

async def listen(ws):
    await ws.accept()
    sockets.add(ws)
    try:
        while True:
            said = await ws.receive_json()
            async with aiohttp.ClientSession() as s, s.post(f'{upstream}/api/chat', json={'model': 'double', 'messages': [{'role': 'user', 'content': said['msg']}]}) as r:
                async for line in r.content:
                    text = json.loads(line)['message']['content']
                    for w in sockets: await w.send_text(to_xml(Span(text, hx_swap_oob='beforeend:#reply')))
            await ws.send_text('done')
    except WebSocketDisconnect: pass        # the measurement is over
    finally: sockets.discard(ws)

uvicorn.run(Starlette(routes=[WebSocketRoute('/ws', listen)]), port=int(sys.argv[1]), log_level='error')
