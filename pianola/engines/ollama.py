"Ollama, over its own streaming API: what it has, what it says as it says it, and what it says when it cannot."
import asyncio, time
from typing import Any
from urllib.parse import urlsplit
import msgspec
from ..config import is_loopback
from .base import Done, Engine, Fault, Model, Phase, Pull, Said
from .wire import Lines, also, asked, stalled, unreadable

class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
class _Line(msgspec.Struct):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    error: Any = None
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_cached_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
class _Layer(msgspec.Struct):
    status: str = ''
    digest: str = ''
    total: int = 0
    completed: int = 0
    error: Any = None
_line, _layer = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Layer)

instead = 'choose a built-in model in the picker'

class Ollama(Engine):
    """The Ollama at `url`. `context` is what each model is given unless its Modelfile or `give` says otherwise; it does not change from one
    reply to the next, because every change makes Ollama load the model again. `first` and `between` are seconds of silence borne."""
    name = 'ollama'
    def __init__(self, url, *, context=8192, keep_alive='10m', first=300, between=60, probe=3):
        self.url, self.context, self.keep_alive, self.first, self.between, self.probe = url, context, keep_alive, first, between, probe
        self.known: dict[str, Model] = {}       # by full name, as /api/show told
        self.digests, self.given, self.cloud = {}, {}, set()
        self.remote = not is_loopback(urlsplit(url).hostname or '')
        self.http, self.changes = None, 0

    def chat(self, model, messages, *, context=0, limit=0, temperature=0.2, think=None, schema=None, head=1):
        return self._chat(model, messages, context, limit, temperature, think, schema)
    async def _chat(self, name, messages, context, limit, temperature, think, schema):
        asked(messages)
        m = await self.model(name)
        options = {'temperature': temperature}
        if room := context or m.context: options['num_ctx'] = room
        if limit: options['num_predict'] = limit
        body = {'model': m.name, 'messages': messages, 'options': options, 'stream': True, 'truncate': False, 'shift': False}
        if self.keep_alive: body['keep_alive'] = self.keep_alive
        if schema: body['format'] = schema
        if (level := thinking(m, think)) is not None: body['think'] = level
        resp = call = None
        try:
            call = asyncio.ensure_future(self._post('/api/chat', body))
            began, wait = time.monotonic(), min(.5, self.first)
            # Ollama answers nothing at all until it has the first token: say meanwhile what it does
            while not (await asyncio.wait({call}, timeout=wait))[0]:
                if time.monotonic() - began >= self.first: raise stalled('Ollama', self.first)
                yield Phase('reading' if await self._loaded(m.name) else 'loading')
                wait = min(2, max(.05, self.first - (time.monotonic() - began)))
            resp = call.result()
            if resp.status != 200: raise await self._refused(resp, m.name)
            lines, end = Lines(resp, self.first, 'Ollama'), None
            while not end and (block := await lines.read()):
                text, thought, broken = [], [], None
                for line in _decode(_line, block):
                    if line.error: broken = self._fault(200, line.error, m.name); break
                    if line.message:
                        if line.message.content: text.append(line.message.content)
                        if line.message.thinking: thought.append(line.message.thinking)
                    if line.done or line.done_reason: end = line; break
                if text or thought:
                    lines.patience = self.between
                    yield Said(''.join(text), ''.join(thought), len(text) + len(thought))
                if broken: raise broken
            if not end: raise Fault('interrupted', 'Ollama ended the reply before it was complete.', 'What was said is kept; Go on continues it.')
            resp.release()
            yield Done('length' if end.done_reason == 'length' else 'stop', end.prompt_eval_count, end.prompt_eval_cached_count, end.eval_count,
                       end.load_duration/1e9, end.prompt_eval_duration/1e9, end.eval_duration/1e9)
        except self._errors() as e: raise self._cut(e, began=resp is not None) from None
        finally:                                          # closing the connection is how Ollama is told to stop
            if call and not call.done(): call.cancel()
            elif call and not call.cancelled() and not call.exception(): call.result().close()

    async def ready(self):
        try: names = [m.name for m in await self.models()]
        except Fault as e: return f'{e.text} {e.hint}'
        return '' if names else 'Ollama runs but has no model. Download one in the model picker, or type `ollama pull qwen2.5-coder:1.5b`.'

    async def models(self):
        "Every model that can chat, the one changed last first"
        tags = (await self._json('GET', '/api/tags', wait=self.probe)).get('models') or []
        for gone in set(self.known) - {t['name'] for t in tags}: del self.known[gone]
        gate = asyncio.Semaphore(8)
        async def one(t):
            if (m := self.known.get(t['name'])) and self.digests.get(t['name']) == t.get('digest'): return m
            try:
                async with gate: return await self._show(t['name'], t)
            except Fault: return self._read(t['name'], t, {})       # listed and cannot be shown: still there, with what is known
        found = await asyncio.gather(*map(one, tags))
        return [m for m in found if not m.capabilities or 'completion' in m.capabilities]
    async def model(self, name):
        if m := self.known.get(full(name)): return m
        tags = (await self._json('GET', '/api/tags', wait=self.probe)).get('models') or []
        return await self._show(full(name), next((t for t in tags if t['name'] == full(name)), {}))
    def give(self, model, context):
        self.given[full(model)] = context
        self.known.pop(full(model), None)
    async def count(self, model, messages, *, now=False, phase=None): return None

    async def pull(self, model):
        "Download a model. Every layer reports for itself; what is told is their sum."
        layers, success = {}, False
        resp = None
        try:
            resp = await self._post('/api/pull', {'model': model, 'stream': True})
            if resp.status != 200: raise await self._refused(resp, '')
            lines = Lines(resp, self.between, 'Ollama')
            while block := await lines.read():
                for l in _decode(_layer, block):
                    if l.error: raise self._fault(200, l.error, model)
                    if l.digest: layers[l.digest] = max(layers.get(l.digest, (0, 0))[0], l.completed), max(layers.get(l.digest, (0, 0))[1], l.total)
                    success = l.status == 'success'
                # checking 40 GB takes minutes
                lines.patience = self.between if l.digest or l.status.startswith('pulling') else max(self.first, self.between)
                yield Pull(l.status, sum(d for d, _ in layers.values()), sum(t for _, t in layers.values()))
            if not success:
                raise Fault('interrupted', f'The download of {model} ended before it was complete.', 'Ask for it again: it goes on where it stopped.')
            self.known.pop(full(model), None)
            self.changes += 1
        except self._errors() as e: raise self._cut(e, began=resp is not None) from None
        finally:
            if resp: resp.close()

    async def close(self):
        if self.http: await self.http.close()
        self.http = None

    # what the above is made of

    async def _show(self, name, tag):
        "Ask for one model and remember the answer"
        told = await self._json('POST', '/api/show', {'model': name}, wait=self.probe*3, model=name)
        m = self._read(name, tag, told)
        own = next((int(w[1]) for l in (told.get('parameters') or '').splitlines()
                    if len(w := l.split()) == 2 and w[0] == 'num_ctx' and w[1].isdigit()), 0)
        # somebody else may have given it more: a smaller wish would load it again
        wish = self.given.get(name) or own or max(self.context, await self._loaded(name))
        m.context = m.longest if name in self.cloud else min(wish, m.longest or wish)
        self.known[name], self.digests[name] = m, tag.get('digest')
        return m
    def _read(self, name, tag, told):
        "What the list and /api/show say of a model, as everybody else reads it"
        details, info = told.get('details') or tag.get('details') or {}, told.get('model_info') or {}
        levels = (told.get('thinking') or {}).get('values') or []
        if any(x.get(k) for x in (tag, told) for k in ('remote_host', 'remote_model')) or name.endswith((':cloud', '-cloud')): self.cloud.add(name)
        return Model('ollama', name, size=tag.get('size', 0),
                     longest=next((v for k, v in info.items() if k.endswith('.context_length') and isinstance(v, int)), 0),
                     capabilities=list(told.get('capabilities') or tag.get('capabilities') or []),
                     thinking=[{True: 'on', False: 'off'}[l] if isinstance(l, bool) else str(l) for l in levels],
                     about=', '.join(x for x in (details.get('parameter_size'), details.get('quantization_level')) if x),
                     local=not self.remote and name not in self.cloud)
    async def _loaded(self, name):
        "The context with which a model is loaded now, 0 when it is not"
        try: ps = (await self._json('GET', '/api/ps', wait=self.probe)).get('models') or []
        except Fault: return 0
        return next((p.get('context_length') or 1 for p in ps if full(p.get('name') or p.get('model', '')) == full(name)), 0)
    async def _listens(self):
        "Does anything listen there? Where there is no Ollama, 8 MB and a tenth of a second of aiohttp are spared."
        try: u = urlsplit(self.url); host, port = u.hostname, u.port or 80
        except ValueError: return True           # aiohttp says what is wrong with it
        if not host or u.scheme != 'http': return True
        try: _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
        except (OSError, TimeoutError): return False
        writer.close()
        return True
    def _session(self):
        if not self.http:
            import aiohttp                      # here: importing it takes longer than everything else at the start
            self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=2), cookie_jar=aiohttp.DummyCookieJar())
        return self.http
    async def _post(self, path, body):
        import aiohttp
        data, headers = msgspec.json.encode(body), {'Content-Type': 'application/json'}
        try: return await self._session().post(self.url + path, data=data, headers=headers)
        except aiohttp.ServerDisconnectedError:
            # it was an old connection, closed meanwhile
            return await self._session().post(self.url + path, data=data, headers=headers)
    async def _json(self, method, path, body=None, wait=None, model=''):
        "A question with a short answer"
        if not self.http and not await self._listens(): raise self._away()
        try:
            data = msgspec.json.encode(body) if body else None
            async with asyncio.timeout(wait), self._session().request(method, self.url + path, data=data) as resp:
                if resp.status != 200: raise await self._refused(resp, model)
                return msgspec.json.decode(await resp.read(), type=dict)
        except TimeoutError: raise self._away() from None
        except self._errors() as e: raise self._cut(e, began=False) from None
    def _errors(self):
        import aiohttp
        return aiohttp.ClientError, ConnectionError, *unreadable
    def _cut(self, e, began):
        import aiohttp
        if isinstance(e, unreadable):
            return Fault('upstream', f'What answers at {self.url} does not speak as Ollama does: {e}', 'Check OLLAMA_HOST, or update Ollama.')
        if began:
            return Fault('interrupted', 'The connection to Ollama was cut in mid-reply.',
                         'What was said is kept. See whether Ollama still runs, then Go on continues it.')
        if isinstance(e, aiohttp.InvalidURL):
            return Fault('no-engine', f'{self.url} is not an address.', 'Set OLLAMA_HOST to host:port, for example 127.0.0.1:11434.')
        return self._away()
    def _away(self):
        self.known.clear()
        self.changes += 1
        return Fault('no-engine', f"Ollama does not answer at {self.url.removeprefix('http://')}.",
                     ('See whether that machine is on and Ollama listens there' if self.remote else 'Start Ollama') + f', or {instead}.')
    async def _refused(self, resp, model):
        "The Fault in an answer that is not 200"
        raw = await resp.read()
        try: text = msgspec.json.decode(raw)['error']
        except (*unreadable, TypeError, KeyError): text = raw.decode(errors='replace').strip()[:300] or f'status {resp.status}'
        if resp.status == 404 and model:
            self.known.pop(full(model), None)
            self.changes += 1
            try: names = [t['name'] for t in (await self._json('GET', '/api/tags', wait=self.probe)).get('models') or []]
            except Fault: names = []
            return Fault('no-model', f'Ollama has no model {model}. {also(names)}',
                         f'Choose another in the picker, or download it (`ollama pull {model}` does the same).', ('ollama', model))
        return self._fault(resp.status, text, model)
    def _fault(self, status, text, model):
        "Ollama tells its errors in words only: sort them by what can be done"
        text = text if isinstance(text, str) else str(text)
        low, say = text.lower(), text[:1].upper() + text[1:]
        if 'context' in low and any(w in low for w in ('longer than', 'exceed', 'too long', 'context length', 'context size')):
            return Fault('context', f'The conversation is too long for {model}: {text}',
                         'Leave out older turns, or choose a model with a larger context.')
        if 'manifest' in low and ('not exist' in low or 'not found' in low):
            return Fault('no-model', f'There is no model {model} to download.', 'See whether the name is right: ollama.com/library lists them.')
        if status == 503: return Fault('upstream', f'Ollama is busy: {text}', 'Try again when its other replies are done.')
        if status in (401, 403):
            return Fault('upstream', f'Ollama may not use {model}: {text}', 'A cloud model needs `ollama signin`; a local one needs nothing.')
        if 'memory' in low: return Fault('upstream', f'{model} does not fit: {text}', 'Choose a smaller model, or close what uses memory.')
        if any(w in low for w in ('runner', 'terminated', 'exit status', 'signal', 'crash')):
            return Fault('died', f'The model ended in Ollama: {text}', 'Ask again: Ollama loads it anew. If it ends again, choose a smaller model.')
        return Fault('upstream', f'Ollama says: {say}', 'Try again, or choose another model.')

def full(name):
    "The name with the tag that Ollama adds when none is given"
    return name if ':' in name.rpartition('/')[2] else f'{name}:latest'

def thinking(m, wish):
    "The value of `think` for this model: off unless asked for, None for a model that has nothing to say about it"
    if 'thinking' not in m.capabilities: return None
    levels = m.thinking or ['off', 'on']
    if wish in (None, False): wish = 'off'
    if wish == 'off' and 'off' not in levels: wish = levels[0]                   # some cannot be silent: then the least
    elif wish not in levels: wish = 'on' if 'on' in levels else levels[len(levels)//2]
    return {'off': False, 'on': True}.get(wish, wish)

def _decode(decoder, block):
    "All objects of some lines; blank lines are nothing, and what is no such object becomes an error after what came before it"
    try: return decoder.decode_lines(block)
    except unreadable: return _singly(decoder, block)
def _singly(decoder, block):
    for line in filter(bytes.strip, block.split(b'\n')):
        try: yield decoder.decode(line)
        except unreadable as e: yield decoder.type(error=f'“{line[:80].decode(errors="replace")}”, which is not of its protocol ({e})')
