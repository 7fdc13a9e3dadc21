"""The engine that needs nothing else: llama.cpp in a process of its own, started
when it is first asked, gone when it is not needed, replaced when it dies."""
import asyncio, importlib.metadata, os, re, secrets, signal, subprocess, sys, time
from collections import deque
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
import msgspec
from loguru import logger as log
from .. import fetch
from . import gguf
from .base import Done, Engine, Fault, Model, Phase, Pull, Said
from .states import States, digest, saving
from .wire import Lines, also, asked, unreadable

class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None
class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_ms: float = 0
    predicted_ms: float = 0
class _Progress(msgspec.Struct):
    total: int
    processed: int
class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    prompt_progress: _Progress | None = None
    error: Any = None
_chunk = msgspec.json.Decoder(_Chunk)

class File(msgspec.Struct):
    "A model's file: what its head told, or what is wrong with it"
    name: str
    path: Path
    size: int = 0
    stamp: int = 0
    told: dict = {}
    wrong: str = ''
    about: str = ''
    here: bool = True

class Child:
    "A process with one model loaded. `seen` are the heads it has read or was given, `last` the conversation it read last."
    def __init__(self, proc, path, stamp, context, kind, token_bytes):
        self.proc, self.path, self.stamp, self.context, self.kind, self.token_bytes = proc, path, stamp, context, kind, token_bytes
        self.url, self.key, self.load_s = '', secrets.token_urlsafe(24), 0.0
        self.tail, self.seen, self.last = deque(maxlen=40), set(), None
        self.listener = asyncio.create_task(self.listen())
    @property
    def alive(self): return self.proc.returncode is None
    async def listen(self):
        "Keep the last lines it logs: they say why, when it ends"
        last = b''
        while piece := await self.proc.stderr.read(65536):
            *lines, last = (last + piece).split(b'\n')
            last = last[-4000:]
            self.tail.extend(l.decode(errors='replace').rstrip() for l in lines)
        if last: self.tail.append(last.decode(errors='replace').rstrip())

class Embedded(Engine):
    """Models in GGUF files of `config.models_dir`. `context` is what each gets
    unless it was trained for less or `give` says otherwise. `idle` seconds
    after its last use the process ends and its memory is free again. `first` and `between` are seconds of silence borne. The head of a prompt is kept
    on disk when reading it took `worth` seconds. `params` are for llama.cpp, by the names of xllamacpp's CommonParams."""
    name = 'embedded'
    def __init__(self, config, *, context=8192, idle=600, first=300, between=60, worth=1.0, **params):
        self.config, self.context, self.idle, self.first, self.between, self.worth, self.params = config, context, idle, first, between, worth, params
        self.states = States(config.data/'engine')
        self.states.tidy()
        self.given, self.heads, self.counted, self.changes = {}, {}, {}, 0
        self.child: Child | None = None
        self.dead: Child | None = None          # the last one that ended by itself
        self.turn = asyncio.Lock()              # one model, one reply at a time
        self.http = self.timer = self.leaving = None

    async def chat(self, model, messages, *, context=0, limit=0, temperature=0.2, think=None, schema=None, head=1):
        asked(messages)
        while True:
            old, said = self.child, False
            try:
                async with aclosing(self._chat(model, messages, context, limit, temperature, think, schema, head)) as stream:
                    async for p in stream:
                        said = said or isinstance(p, Said)
                        yield p
                return
            except Fault as e:
                if e.kind != 'died' or said or not old or self.dead is not old: raise      # one that died in its sleep is replaced without a word
    async def _chat(self, model, messages, context, limit, temperature, think, schema, head):
        m, how = await self._find(model), _how(think)
        if self.turn.locked(): yield Phase('waiting')
        async with self._turn(), aclosing(self._prepare(m, context, messages, messages[:head], how, self.worth)) as steps:
            async for phase in steps: yield phase
            child, reply = self.child, []
            body = {'messages': messages, 'stream': True, 'return_progress': True, 'stream_options': {'include_usage': True},
                    'temperature': temperature, **how, **({} if schema else unlooped)}
            if limit: body['max_tokens'] = limit
            if schema: body['response_format'] = {'type': 'json_schema', 'json_schema': {'name': 'reply', 'schema': schema}}
            async with self._post(child, '/v1/chat/completions', body) as resp:
                child.last = messages, reply, how
                lines, end, usage, times = Lines(resp, self.first, 'The model'), '', None, _Timings()
                while block := await lines.read():
                    text, thought, phase = [], [], None
                    for c in _chunks(block):
                        if c.error: raise self._refused(child, c.error)
                        if c.prompt_progress: phase = Phase('reading', c.prompt_progress.processed, c.prompt_progress.total)
                        for choice in c.choices:
                            if choice.delta.content: text.append(choice.delta.content)
                            if choice.delta.reasoning_content: thought.append(choice.delta.reasoning_content)
                            end = choice.finish_reason or end
                        usage, times = c.usage or usage, c.timings or times
                    if text or thought:
                        lines.patience = self.between
                        reply += text
                        yield Said(''.join(text), ''.join(thought), len(text) + len(thought))
                    elif phase: yield phase
                if not (end and usage): raise await self._gone(child)
            load_s, child.load_s = child.load_s, 0.0
            yield Done('length' if end == 'length' else 'stop', usage.prompt_tokens, times.cache_n, usage.completion_tokens, load_s,
                       times.prompt_ms/1000, times.predicted_ms/1000)

    async def warm(self, model, messages):
        m = await self._find(model)
        if self.turn.locked(): yield Phase('waiting')
        async with self._turn(), aclosing(self._prepare(m, 0, messages, messages, _how(None), 0)) as steps:
            async for phase in steps: yield phase
    async def kept(self, model, messages):
        "Is what `warm` would do for these messages on disk already"
        m = await self._find(model)
        return self.states.has(self._kind(m, self._room(m)), _key(messages, _how(None)))

    async def _prepare(self, m, context, messages, head, how, worth):
        "Have the right child, and the head of the prompt in its memory: from disk when it is there, else read now, and kept when that took long"
        room = self._room(m, context)
        if not self._serves(m, room): yield Phase('loading')
        child, key = await self._start(m, room), _key(head, how)
        if key in child.seen or sum(len(h['content']) for h in head) < least: return
        prompt, text = await self._render(child, messages, how), await self._render(child, head, how)
        last = head[-1]['content'].strip()
        text = text[:text.rfind(last) + len(last)]              # without what the template puts behind it
        if not text.endswith(last) or not prompt.startswith(text): return       # this template does not begin with the head
        fresh = not child.seen and not child.last
        if state := await asyncio.to_thread(self.states.best, child.kind, prompt, least if fresh else len(text)):
            try: await self._recall(child, state, fresh)
            except Fault as e:
                log.warning('a kept state could not be used and is gone: {}', e.text)
                self.states.drop(state.file)
                child, state = await self._start(m, room), None     # llama.cpp may end over it
        took = 0.0
        if not state or state.common(text) < len(text):
            phase = None
            async with self._post(child, '/completion', {'prompt': text, 'n_predict': 0, 'stream': True, 'return_progress': True}) as resp:
                lines = Lines(resp, self.first, 'The model')
                while block := await lines.read():
                    for c in _chunks(block):
                        if c.error: raise self._refused(child, c.error)
                        if c.prompt_progress: phase = c.prompt_progress
                        if c.timings: took = c.timings.prompt_ms/1000
                    if phase: yield Phase('reading', phase.processed, max(phase.total, self.counted.get((m.path, m.stamp, _key(messages, how)), 0)))
        if took >= max(worth, .001) or not worth and not self.states.has(child.kind, key): await self._keep(child, key, text)
        child.seen.add(key)

    async def _recall(self, child, state, fresh):
        "Put a kept state into the child's memory; what is there now goes to its own cache first"
        if not fresh: await self._ask(child, '/completion', {'prompt': '\n', 'n_predict': 0})
        await self._ask(child, '/slots/0?action=restore', {'filename': state.file.name})
    async def _keep(self, child, name, text):
        "Keep what the child has in its memory now, this text; that it cannot be kept is no reason to stop"
        try:
            # no token is less than a byte
            if not await asyncio.to_thread(self.states.fits, child.token_bytes*min(child.context, len(text.encode()))):
                return log.warning('what the model read is not kept: the disk is nearly full')
            await self._ask(child, '/slots/0?action=save', {'filename': saving})
            await asyncio.to_thread(self.states.keep, child.kind, name, text)
        except (Fault, OSError) as e: log.warning('what the model read could not be kept: {}', e)
        finally: self.states.tidy()                 # at once: whoever stops the reply now stops no removing

    async def count(self, model, messages, *, now=False, phase=None):
        m, how = await self._find(model), _how(None)
        if (key := (m.path, m.stamp, _key(messages, how))) not in self.counted:
            if not (told := await self._told(m, '/v1/chat/completions/input_tokens', {'messages': messages, **how}, now, phase)): return None
            self.counted[key] = told['input_tokens']
            if len(self.counted) > 500: self.counted.pop(next(iter(self.counted)))
        return self.counted[key]
    async def counts(self, model, texts):
        if not texts: return []
        # -1 comes back as it is
        tokens = (await self._told(await self._find(model), '/tokenize', {'content': [x for t in texts for x in (t, -1)]}))['tokens']
        out, n = [], 0
        for t in tokens:
            if t == -1: out.append(n); n = 0
            else: n += 1
        return out

    async def pull(self, model):
        if not (f := fetch.MODELS.get(model)):
            raise Fault('no-model', f'{model} is no model to download here. {also(fetch.MODELS)}',
                        f'Any other GGUF file can be put into {self.config.models_dir}.')
        steps, step = fetch.get(f, self.config.models_dir), None
        def some():
            "As many steps as fit in a fifth of a second"
            until = time.monotonic() + .2
            for told in steps:
                if time.monotonic() > until: return told
        try:
            while told := await asyncio.shield(step := asyncio.ensure_future(asyncio.to_thread(some))): yield Pull(*told)
            self.changes += 1
            yield Pull('done', f.size, f.size)
        except fetch.Failed as e: raise Fault('upstream', str(e)) from None
        finally:
            if step and not step.done(): await asyncio.wait({step})     # a generator that is running cannot be closed
            await asyncio.to_thread(steps.close)

    async def ready(self):
        try:
            self._version()
            if self.config.model and self.config.engine == 'embedded': await self._find(self.config.model)
        except Fault as e: return f'{e.text} {e.hint}'
        return ('' if any(m.here for m in await self.models())
                else 'There is no built-in model yet. Download one in the model picker, or run `python3 start.py`.')
    async def models(self): return [self._model(m) for m in (await asyncio.to_thread(self._files)).values()]
    async def model(self, name): return self._model(await self._find(name))
    async def default(self):
        "The model to take when nobody named one: the first that is here"
        files = await asyncio.to_thread(self._files)
        return next((n for n, f in files.items() if f.here and not f.wrong), fetch.default)
    def give(self, model, context): self.given[model] = context

    async def close(self):
        if self.timer: self.timer.cancel()
        if self.leaving: self.leaving.cancel()
        await self._end(keep=not self.turn.locked())
        if self.http: await self.http.close()
        self.http = None

    # the files

    def _files(self):
        "{name: File}: those we know how to get, whatever else is in the folder, and the one PIANOLA_MODEL points to"
        found = {n: File(n, self.config.models_dir/k.file, k.size, about=k.about, here=False) for n, k in fetch.MODELS.items()}
        by_path = {f.path: n for n, f in found.items()}
        paths = [p for p in sorted(self.config.models_dir.glob('*.gguf'))
                 if not p.name.startswith('mmproj') and not re.search(r'-0000[2-9]-of-\d+$|-000[1-9]\d-of-\d+$', p.stem)]
        if self.config.model.endswith('.gguf'): paths.append(Path(self.config.model).expanduser().absolute())
        for p in paths:
            try: st = p.stat()
            except FileNotFoundError: continue
            if (p, st.st_mtime_ns, st.st_size) not in self.heads:
                try: self.heads[p, st.st_mtime_ns, st.st_size] = gguf.head(p), ''
                except gguf.Damaged as e: self.heads[p, st.st_mtime_ns, st.st_size] = {}, str(e)
            told, wrong = self.heads[p, st.st_mtime_ns, st.st_size]
            name = by_path.get(p, p.stem)
            about = f'damaged: {wrong}' if wrong else found[name].about if name in found else gguf.about(p, told)
            found[name] = File(name, p, st.st_size, st.st_mtime_ns, told, wrong, about)
        return found
    def _model(self, f):
        arch, template = f.told.get('general.architecture', ''), f.told.get('tokenizer.chat_template', '')
        longest = f.told.get(f'{arch}.context_length', 0)
        levels = ['off', 'on'] if 'enable_thinking' in template else []
        return Model('embedded', f.name, f.size, self._room(f), longest,
                     ['completion', *(['thinking'] if levels or '<think>' in template else [])], levels, f.about, here=f.here)
    async def _find(self, name):
        "The file of a model; Fault 'no-model' says what to do for one that is not here"
        files = await asyncio.to_thread(self._files)
        f = files.get(name) or (files.get(Path(name).stem) if name == self.config.model else None)
        here = [n for n, f in files.items() if f.here]
        if f and f.here: return f
        if f:
            raise Fault('no-model', f'{name} is not downloaded yet.', 'Download it here, or run `python3 start.py`, which does.', ('embedded', name))
        if name.endswith('.gguf'): raise Fault('no-model', f'There is no file {name}.', f'Set PIANOLA_MODEL to a file that exists. {also(here)}')
        raise Fault('no-model', f'There is no built-in model {name}. {also(here)}',
                    f'Choose one of these in the picker, or put {name}.gguf into {self.config.models_dir}.')
    def _room(self, f, context=0):
        longest = f.told.get(f"{f.told.get('general.architecture')}.context_length", 0)
        wish = context or self.given.get(f.name) or self.context
        return min(wish, longest) if longest else wish
    def _kind(self, f, room): return f'{f.path} {f.size} {f.stamp} {self._version()} {room} {sorted(self.params.items())}'
    def _version(self):
        try: return importlib.metadata.version('xllamacpp')
        except importlib.metadata.PackageNotFoundError:
            raise Fault('no-engine', 'The built-in engine is not installed.', 'Run `python3 start.py` once: it installs what is missing.') from None

    # the child

    def _serves(self, f, room=0):
        return bool(self.child and self.child.url and self.child.alive and self.child.path == f.path and self.child.stamp == f.stamp
                    and room in (0, self.child.context))
    async def _start(self, f, room):
        "The child with this model and context; another one is ended first"
        if self._serves(f, room): return self.child
        await self._end(keep=True)
        if f.wrong: raise Fault('no-model', f'{f.path.name} is damaged: {f.wrong}.', f'Delete {f.path} and download it again.')
        began, kind, states = time.monotonic(), self._kind(f, room), await asyncio.to_thread(self.states.make)
        env = {k: v for k, v in os.environ.items() if not k.endswith(('_API_KEY', '_PASSWORD', '_TOKEN'))} | {'GGML_NO_BACKTRACE': '1'}
        proc = await asyncio.create_subprocess_exec(sys.executable, '-P', str(Path(__file__).with_name('child.py')), stdin=subprocess.PIPE,
                                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                                    env=env, creationflags=getattr(subprocess, 'CREATE_NO_WINDOW', 0))
        child = self.child = Child(proc, f.path, f.stamp, room, kind, gguf.token_bytes(f.told))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
        want = {'path': str(f.path), 'context': room, 'threads': max(1, cores-1), 'key': child.key, 'states': f'{states}{os.sep}',
                'params': self.params}
        told = None
        try:
            proc.stdin.write(msgspec.json.encode(want) + b'\n')
            async with asyncio.timeout(self.first): told = msgspec.json.decode(await proc.stdout.readline() or b'{}')
        except TimeoutError: raise Fault('stalled', f'{f.name} was not loaded after {self.first:g} seconds.', 'Choose a smaller model.') from None
        except OSError: told = {}                               # it ended before it could read
        finally:
            if told is None: proc.kill()                        # nobody waits for it any more
        if 'url' not in told:
            try: code = await asyncio.wait_for(proc.wait(), 5)
            except TimeoutError: proc.kill(); code = await proc.wait()
            await child.listener
            self.child = None
            raise self._unloadable(f, told.get('error', ''), code, child.tail)
        child.url, child.load_s = told['url'], time.monotonic() - began
        log.info('loaded {} in {:.1f} s, context {:,}', f.name, child.load_s, room)
        return child
    def _unloadable(self, f, error, code, tail):
        "Why a model could not be loaded, from what llama.cpp logged"
        said = '\n'.join(tail)
        low = f'{error}\n{said}'.lower()
        if (not error and code == -9
                or any(w in low for w in ('failed to allocate', 'unable to allocate', 'out of memory', 'bad_alloc', 'cannot allocate'))):
            return Fault('died', f'There is not enough memory for {f.name} ({f.size/1e9:.1f} GB).',
                         'Close other programs, or choose a smaller model or a smaller context.')
        if 'no module named' in low:
            return Fault('no-engine', 'The built-in engine is not installed.', 'Run `python3 start.py` once: it installs what is missing.')
        if not error:
            return Fault('died', f'The process that loads {f.name} ended.',
                         f'Try again. If it ends again, download the model again.{complaint(code, tail)}')
        why = next((l for l in tail if ' E ' in l or 'error' in l.lower()), error).split(': ', 1)[-1]
        return Fault('no-model', f'{f.path.name} cannot be loaded: {why}',
                     f'It may be damaged, or too new for this engine. Delete {f.path} and download it again, or choose another model.')
    async def forget(self):
        if self.child: self.child.last = None
        await asyncio.to_thread(self.states.forget, 'last')
    async def _end(self, keep=False):
        "End the child, and keep the conversation it has in its memory"
        child, self.child = self.child, None
        if not child: return
        if keep and child.alive and child.last:
            messages, reply, how = child.last
            go_on = messages[-1]['role'] == 'assistant'
            said = [*messages[:len(messages)-go_on], {'role': 'assistant', 'content': (messages[-1]['content'] if go_on else '') + ''.join(reply)}]
            try:
                async with asyncio.timeout(2):
                    text = await self._render(child, said, how)
                    if len(text) > 2*least: await self._keep(child, 'last', text)
            except (Fault, TimeoutError) as e: log.warning('the conversation could not be kept: {}', e)
        if child.alive: child.proc.kill()
        await child.proc.wait()
        self.states.tidy()                          # it may have been at it
        child.proc.stdin.close()
        await child.listener
    @asynccontextmanager
    async def _turn(self):
        "Have the model for oneself; one that is silent for too long is ended"
        if self.timer: self.timer.cancel()
        async with self.turn:
            try: yield
            except Fault as e:
                if e.kind == 'stalled': await self._end()
                raise
            finally: self._rest()
    def _rest(self):
        "From now on the child is idle"
        if self.timer: self.timer.cancel()
        def leave(): self.leaving = asyncio.create_task(self._leave())
        self.timer = asyncio.get_running_loop().call_later(self.idle, leave)
    async def _leave(self):
        if self.turn.locked(): return               # whoever has it rests when done
        async with self.turn: await self._end(keep=True)

    # the wire

    @asynccontextmanager
    async def _post(self, child, path, body):
        "An answer of the child; whatever breaks while it is used becomes a Fault. Closing it is how the model is stopped."
        import aiohttp                              # here: importing it takes longer than everything else at the start
        if not self.http:                           # llama.cpp closes connections that it said it would keep
            self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar(),
                                              timeout=aiohttp.ClientTimeout(total=None, sock_connect=2))
        resp = None
        try:
            try:
                async with asyncio.timeout(self.first):
                    resp = await self.http.post(child.url + path, data=msgspec.json.encode(body),
                                                headers={'Authorization': f'Bearer {child.key}', 'Content-Type': 'application/json'})
            except TimeoutError:
                raise Fault('stalled', f'The model has said nothing for {self.first:g} seconds.', 'Ask again: it is started anew.') from None
            if resp.status != 200: raise self._refused(child, _error(await resp.read()))
            yield resp
        except (aiohttp.ClientError, ConnectionError): raise await self._gone(child) from None
        except unreadable as e: raise Fault('upstream', f'llama.cpp said something that cannot be read: {e}', 'Try again.') from None
        finally:
            if resp: resp.close()
    async def _told(self, f, path, body, now=False, phase=None):
        """What a model says of some text: at once and beside any reply where it
        is loaded, whatever its context; else in a turn of its own, so that nobody
        ends it meanwhile, or, with `now`, not at all: None. `phase` is told what is waited for."""
        if self._serves(f):
            try: return await self._ask(self.child, path, body)
            except Fault as e:
                if e.kind not in ('died', 'interrupted'): raise       # it died in its sleep, or had to make room for another model just now
            finally: self._rest()
        if now: return None
        if phase and self.turn.locked(): phase(Phase('waiting'))
        async with self._turn():
            if not self._serves(f):
                if phase: phase(Phase('loading'))
                await self._start(f, self._room(f))
            return await self._ask(self.child, path, body)
    async def _ask(self, child, path, body):
        async with self._post(child, path, body) as resp: return msgspec.json.decode(await resp.read())
    async def _render(self, child, messages, how): return (await self._ask(child, '/apply-template', {'messages': messages, **how}))['prompt']
    def _refused(self, child, error):
        error = error if isinstance(error, dict) else {'message': str(error)}
        if error.get('type') == 'exceed_context_size_error':
            return Fault('context', f"This is {error.get('n_prompt_tokens', 0):,} tokens, "
                                    f"and the model's context holds {error.get('n_ctx', child.context):,}.",
                         'Leave out older turns, or give the model a larger context.')
        return Fault('upstream', f"llama.cpp refuses: {error.get('message', error)}", 'Try again, or choose another model.')
    async def _gone(self, child):
        "Why an answer broke off: the process is dead, or only the connection"
        try: code = await asyncio.wait_for(child.proc.wait(), 1)
        except TimeoutError: return Fault('interrupted', 'The reply ended before it was complete.', 'What was said is kept; Go on continues it.')
        self.dead = child
        if self.child is child: self.child = None
        await child.listener
        return Fault('died', "The model's process ended in mid-reply.", f'What was said is kept; Go on starts it anew.{complaint(code, child.tail)}')

# whoever says more than eight tokens over again is held off (DRY, by p-e-w, as llama.cpp has it): a small model turns in a circle
# for minutes otherwise. A quote or a new line begins afresh, so that JSON, tables and code stay as they are.
unlooped = {'dry_multiplier': .8, 'dry_allowed_length': 8, 'dry_penalty_last_n': 1024}
least = 400                                         # characters; what is shorter is read faster than it is fetched

def _how(think): return {'chat_template_kwargs': {'enable_thinking': think not in (None, False, 'off')}}
def _key(messages, how): return digest(msgspec.json.encode([messages, how]).decode())
def _chunks(block):
    "The objects of some lines of server-sent events"
    for line in block.split(b'\n'):
        if line.startswith(b'data: ') and not line.startswith(b'data: [DONE]'): yield _chunk.decode(line[6:])
        elif line.startswith(b'error: '): yield _Chunk(error=_error(line[7:]))
def _error(raw):
    try: return msgspec.json.decode(raw)['error']
    except (*unreadable, TypeError, KeyError): return raw.decode(errors='replace')[:300]
def ended(code):
    "'SIGSEGV', 'code 1'"
    try: return signal.Signals(-code).name if code < 0 else f'code {code}'
    except ValueError: return f'signal {-code}'
def complaint(code, tail):
    "What the process said was wrong, as a sentence; how it ended and the rest of what it logged helps nobody and is in the log file"
    log.warning('llama.cpp ended ({}); the last it logged: {}', ended(code), ' | '.join(list(tail)[-8:]))
    wrong = next((l for l in reversed(tail) if ' E ' in l or 'error' in l.lower()), '')
    return f" It logged: {wrong.split(' E ', 1)[-1].strip()[-300:]}" if wrong else ''
