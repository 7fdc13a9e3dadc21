"""A scripted Ollama for tests and benches: it speaks the protocol over a real socket, and breaks it on command.

    async with Double(['Hello', ' world']) as d: engine = Ollama(d.url)
    python tests/ollama_double.py --port 11435 --chunks 5000 --rate 0

A script is a list of steps, or a function of the request that gives one (a list, a generator or an async generator):
    'text'    a piece of the reply             Think('text')      a piece of thinking
    {…}       an object as a line of its own   b'…'               these very bytes
    0.5       wait so many seconds             Refuse(404, 'why') a status and an error instead of a reply; only as the first step
    CUT       break the connection             EOF                end the body without the last line
The last line, with `done` and the counts, follows by itself unless the script ended the reply."""
import argparse, asyncio, inspect, json, time
from collections import namedtuple

Think, Refuse = namedtuple('Think', 'text'), namedtuple('Refuse', 'status why')
CUT, EOF = object(), object()
reasons = {200: 'OK', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 500: 'Internal Server Error',
           503: 'Service Unavailable'}

def line(o): return json.dumps(o, ensure_ascii=False, separators=(',', ':')).encode() + b'\n'
def piece(model, text='', **more):
    return {'model': model, 'created_at': '2026-11-21T08:00:00.000000Z', 'message': {'role': 'assistant', 'content': text, **more}, 'done': False}
def tokens(messages): return sum(4 + len(m['content'])//4 for m in messages)

class Double:
    """`models` is {name: {context, capabilities, thinking, size, remote_host,
    parameters}}; `pulls` {name: steps}; `load` seconds pass before a model that is
    not loaded speaks; `split` cuts every body after so many bytes into a packet of its own,
    `parts` into packets of so many. `rate` is pieces per second, 0 as fast as it goes.
    `requests` is what was asked; `stopped` holds, for each reply that the client closed, when that was and how many steps had been done."""
    def __init__(self, script=('Hello',), *, models=None, pulls=None, load=0.0, split=0, parts=0, rate=0.0, host='127.0.0.1', port=0):
        self.script, self.models, self.pulls = script, {'double:latest': {}} if models is None else models, pulls or {}
        self.load, self.split, self.parts, self.rate, self.host, self.port = load, split, parts, rate, host, port
        self.loaded, self.requests, self.stopped, self.running, self.wires = {}, [], [], 0, set()
        self.stop = asyncio.Event()
    @property
    def url(self): return f'http://{self.host}:{self.port}'
    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, self.host, self.port, limit=1 << 26)
        self.port = self.server.sockets[0].getsockname()[1]
        return self
    async def __aexit__(self, *_):
        self.server.close()
        for w in list(self.wires): w.transport.abort()
        if self.wires: await asyncio.wait([asyncio.ensure_future(w.wait_closed()) for w in self.wires], timeout=2)

    async def serve(self, reader, writer):
        self.wires.add(writer)
        try:
            while head := await reader.readuntil(b'\r\n\r\n'):
                first, *rest = head.decode().split('\r\n')
                method, path, _ = first.split(' ')
                size = next((int(h.split(':')[1]) for h in rest if h.lower().startswith('content-length:')), 0)
                body = json.loads(await reader.readexactly(size) or b'{}')
                self.requests.append((method, path, body))
                if not await self.answer(path, body, reader, writer): return
        except (asyncio.IncompleteReadError, ConnectionError): return             # the client has gone
        finally:
            self.wires.discard(writer)
            writer.close()

    async def answer(self, path, body, reader, writer):
        "One request; False when the connection is not to be used again"
        name = body.get('model') or ''
        name = name if not name or ':' in name.rpartition('/')[2] else f'{name}:latest'
        m = self.models.get(name)
        if path == '/api/version': return self.short(writer, 200, {'version': '0.40.12'})
        if path == '/api/tags': return self.short(writer, 200, {'models': [self.tag(n, m) for n, m in self.models.items()]})
        if path == '/api/ps':
            return self.short(writer,
                              200, {'models': [{'name': n, 'model': n, 'size': 1, 'size_vram': 0, 'context_length': c}
                                               for n, c in self.loaded.items()]})
        if path == '/api/pull':
            return await self.stream(writer, reader,
                                     self.pulls.get(name.removesuffix(':latest'), [{'error': 'pull model manifest: file does not exist'}]),
                                     lambda s: s, None)
        if path not in ('/api/show', '/api/chat'): return self.short(writer, 404, {'error': 'not found'})
        if m is None: return self.short(writer, 404, {'error': f"model '{name}' not found"})
        if path == '/api/show':
            return self.short(writer, 200, {'details': self.tag(name, m)['details'], 'capabilities': m.get('capabilities', ['completion']),
                                            'parameters': m.get('parameters', ''),
            'model_info': {'general.architecture': 'toy', 'toy.context_length': m.get('context', 32768)},
            **{k: m[k] for k in ('thinking', 'remote_host') if k in m}})
        room, n = (body.get('options') or {}).get('num_ctx', 4096), tokens(body['messages'])
        if n > room:
            if body.get('truncate', True): n = room                  # what makes real conversations forget without a word
            else:
                return self.short(writer, 400, {'error': 'the prompt is longer than the context length currently available to the model; shorten it'})
        if isinstance(body.get('think'), bool | str) and body['think'] and 'thinking' not in m.get('capabilities', []):
            return self.short(writer, 400, {'error': f'"{name}" does not support thinking'})
        script = self.script(body) if callable(self.script) else self.script
        if isinstance(script, (list, tuple)) and script and isinstance(script[0], Refuse):
            return self.short(writer, script[0].status, {'error': script[0].why})
        if self.loaded.get(name) != room:
            if self.load: script = prepend(self.load, script)
        begun, said, most = time.perf_counter(), 0, (body.get('options') or {}).get('num_predict', 0)
        def say(step):
            nonlocal said
            if most and said >= most: return {**end(), 'done_reason': 'length'}
            self.loaded[name] = room
            if isinstance(step, Think): said += 1; return piece(name, thinking=step.text)
            if isinstance(step, str): said += 1; return piece(name, step)
            return step
        def end():
            return {**piece(name), 'done': True, 'done_reason': 'stop', 'load_duration': int(self.load*1e9), 'prompt_eval_count': n,
                    'prompt_eval_cached_count': 0, 'prompt_eval_duration': 1_000_000,
                    'eval_count': said, 'eval_duration': int((time.perf_counter()-begun)*1e9)}
        return await self.stream(writer, reader, script, say, end)

    def tag(self, name, m):
        return {'name': name, 'model': name, 'size': m.get('size', 1_000_000), 'digest': m.get('digest', f'{hash(name):x}'),
                'details': {'parameter_size': '1M', 'quantization_level': 'Q4_K_M'},
                **{k: m[k] for k in ('remote_host',) if k in m}}
    def short(self, writer, status, o):
        body = json.dumps(o).encode()
        writer.write(f'HTTP/1.1 {status} {reasons[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
        return True

    async def stream(self, writer, reader, script, say, end):
        "A body in chunks, as its steps say, until it ends or the client closes it"
        done, me = 0, asyncio.current_task()
        async def watch():
            if not await reader.read(1): gone.set(); me.cancel()
        gone, watcher, begun, unsent = asyncio.Event(), asyncio.create_task(watch()), False, b''
        async def send(data):
            nonlocal begun, unsent
            if not begun:                                            # like Ollama: no status before the first piece
                begun = True
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n')
            if not data: return
            if writer.transport.is_closing(): raise ConnectionResetError
            if self.split or self.parts: unsent += data
            else: writer.write(b'%x\r\n%b\r\n' % (len(data), data))
        async def flush():
            nonlocal unsent
            if not unsent: return
            cuts = [unsent[:self.split], unsent[self.split:]] if self.split else [unsent[i:i+self.parts] for i in range(0, len(unsent), self.parts)]
            for packet in filter(None, cuts):
                writer.write(b'%x\r\n%b\r\n' % (len(packet), packet))
                await writer.drain()
                await asyncio.sleep(.001 if self.split else 0)
            unsent = b''
        self.running += 1
        try:
            async for step in steps(script):
                if step is CUT or step is EOF:
                    await flush()
                    await send(b'')
                    if step is EOF: writer.write(b'0\r\n\r\n')
                    await writer.drain()
                    if step is CUT: writer.transport.close()
                    return step is EOF
                if isinstance(step, (int, float)): await writer.drain(); await asyncio.sleep(step)
                else:
                    out = say(step)
                    await send(out if isinstance(out, bytes) else line(out))
                    if self.rate: await writer.drain(); await asyncio.sleep(1/self.rate)
                    elif done % 64 == 63: await writer.drain(); await asyncio.sleep(0)
                done += 1
            if end: await send(line(end()))
            await flush()
            writer.write(b'0\r\n\r\n')
            await writer.drain()
            return True
        except (asyncio.CancelledError, ConnectionError):
            if not gone.is_set() and not writer.transport.is_closing(): raise
            self.stopped.append((time.monotonic(), done))
            self.stop.set()
            return False
        finally:
            self.running -= 1
            watcher.cancel()
            await asyncio.wait({watcher})                # two cannot read one stream
            await asyncio.gather(watcher, return_exceptions=True)        # two may not read at once, and the next request is at the door

async def steps(script):
    if inspect.isasyncgen(script):
        async for s in script: yield s
    else:
        for s in script: yield s
async def prepend(first, script):
    yield first
    async for s in steps(script): yield s

def words(n):
    "n pieces as a model makes them: words, lines, now and then a list, a table or a block of code"
    out = []
    while len(out) < n:
        k = len(out)//60
        out += [f'## Part {k}', '\n\n', 'Some', ' **words**', ' about', ' `this`', ' and', ' that', ':', '\n\n', '-', ' one',
                '\n', '-', ' two', '\n\n', '```python', '\n', 'for', ' i', ' in', ' range', f'({k})', ':', '\n', '    print', '(i)', '\n',
                '```', '\n\n']
        out += [w for i in range(29) for w in (f' word{i}',)] + ['.\n\n']
    return out[:n]

async def main():
    p = argparse.ArgumentParser(description='A scripted Ollama.')
    p.add_argument('--port', type=int, default=11434)
    p.add_argument('--chunks', type=int, default=5000, help='pieces of every reply')
    p.add_argument('--rate', type=float, default=0, help='pieces per second; 0: as fast as they go')
    p.add_argument('--load', type=float, default=0, help='seconds until a model that is not loaded speaks')
    p.add_argument('--model', default='double:latest')
    p.add_argument('--text', default='', help='a file whose text is the reply, in pieces of four characters')
    a = p.parse_args()
    text = open(a.text, encoding='utf-8').read() if a.text else ''
    said = [text[i:i+4] for i in range(0, len(text), 4)] or words(a.chunks)
    async with Double(said, models={a.model: {}}, load=a.load, rate=a.rate, port=a.port) as d:
        print(f'A scripted Ollama is at {d.url}', flush=True)
        await asyncio.Event().wait()

if __name__ == '__main__':
    try: asyncio.run(main())
    except KeyboardInterrupt: print()
