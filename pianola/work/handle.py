"""What a running job's function is given: `job`, with `step`, `each`, `progress`,
`log`, `partial` and `wait`; the same in a coroutine, a thread and a process of its own.

    def walk(job, url): for page in job.each(pages(url)): …        what was done is not done again, however often it is begun"""
import asyncio, collections, hashlib, inspect, itertools, threading, time
from ..loading.plugins import plugins
from ..store import Refused
from .journal import Stopped

class Done:
    "Already done; may be awaited all the same"
    def __init__(self, value=None): self.value = value
    def __await__(self):
        return self.value
        yield

class Handle:
    """A running job, as its function sees it. In a coroutine, `step`, `each` and `wait` are
    awaited; in a thread or process they are plain calls; everything else may be either."""
    def __init__(self, j, book, mode):
        self.id, self.attempt, self.title, self.mode, self._book, self._cancel = j['id'], j['attempt'], j['title'], mode, book, threading.Event()
        self._last, self._quarter, self._asleep, self._n = 0.0, 0, None, itertools.count()
        self.ended = False                      # the function has, and how is yet to be kept
        # a sleep is called by the item in hand and its number there, so that it is the same one in the next life
        self._at, self._naps = '', collections.defaultdict(itertools.count)
    @property
    def cancelled(self): return self._cancel.is_set()
    def check(self):
        "Leave here if the job was asked to stop"
        if self.cancelled: raise Stopped
    def _later(self, value): return asyncio.ensure_future(value) if self.mode == 'async' else Done(value)
    def progress(self, done, total=None, text=''):
        "Say how far it is; at most ten lines a second are kept, the last one always"
        self.check()
        now, quarter = time.monotonic(), int(4*done/total) if total else 0
        if now - self._last < .1 and done != total: return Done()
        self._last = now
        if total and quarter > self._quarter and quarter < 4:
            self._quarter = quarter
            self._later(self._book.note(f'is {25*quarter} % done'))
        return self._later(self._book.progress(done, total, str(text)[:500]))
    def log(self, text): return self._later(self._book.event('log', str(text)[:10_000]))
    def partial(self, value):
        "Keep a part of the result; `partials()` gives them all, also those of an earlier life"
        return self._later(self._book.partial(f'partial:{time.time_ns()}:{next(self._n)}', value))
    def partials(self): return self._book.units('partial:')
    def step(self, name, f, *args):
        "The value of f(*args), done once under this name, however often the job is begun"
        return self._step_later(name, f, args) if self.mode == 'async' else self._step(name, f, args)
    def _step(self, name, f, args):
        self.check()
        done, value = self._book.unit(f'step:{name}')
        if done: return value
        self._book.keep(f'step:{name}', value := f(*args))
        return value
    async def _step_later(self, name, f, args):
        self.check()
        done, value = await self._book.unit(f'step:{name}')
        if done: return value
        value = f(*args)
        if inspect.isawaitable(value): value = await value
        await self._book.keep(f'step:{name}', value)
        return value
    def each(self, items, key=str):
        "The items that are not done yet, one after the other; each is committed when the next one is asked for"
        return _Each(self, items, key)
    def _nap(self): return f'wait:{self._at}:{next(self._naps[self._at])}'
    def wait(self, seconds):
        "Sleep; a restart does not begin the wait anew"
        return self._wait_later(seconds) if self.mode == 'async' else self._wait(seconds)
    def _wait(self, seconds):
        until = self._step(self._nap(), lambda: time.time() + seconds, ())
        while (left := until - time.time()) > 0:
            self._cancel.wait(left)
            self.check()
    async def _wait_later(self, seconds):
        until = await self._step_later(self._nap(), lambda: time.time() + seconds, ())
        await asyncio.sleep(max(0, until - time.time()))

class _Each:
    def __init__(self, h, items, key): self.h, self.items, self.key = h, items, key
    def __iter__(self):
        for item in self.items:
            self.h.check()
            name = f'item:{self.key(item)}'
            if self.h._book.unit(name)[0]: continue
            before, self.h._at = self.h._at, name
            yield item
            self.h._book.keep(name)
            self.h._at = before
    async def __aiter__(self):
        items = self.items if hasattr(self.items, '__aiter__') else _calm(self.items)
        async for item in items:
            self.h.check()
            name = f'item:{self.key(item)}'
            if (await self.h._book.unit(name))[0]: continue
            before, self.h._at = self.h._at, name
            yield item
            await self.h._book.keep(name)
            self.h._at = before
async def _calm(items):
    for i in items: yield i

def function(name):
    "The function a job names: `plugin.function`"
    plugin, _, path = name.partition('.')
    found = plugins.get(plugin)
    if not found or not found.module:
        raise Refused(f'there is no plugin {plugin} now' if not found else f'{plugin} does not load now',
                      'put its file back or mend it; the job goes on then')
    f = found.module
    for part in path.split('.'): f = getattr(f, part, None)
    if not callable(f): raise Refused(f'{plugin} has no function {path} now')
    return f
def code_of(f):
    "A fingerprint of a function's source"
    try: return hashlib.sha256(inspect.getsource(inspect.unwrap(f)).encode()).hexdigest()[:16]
    except (OSError, TypeError): return ''
