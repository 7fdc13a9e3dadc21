"What takes a while: work that belongs to the app and not to the tab that asked for it. Any tab may watch it, leave, and come back."
import asyncio, itertools, json, time
from .store import Refused
from loguru import logger as log

jobs: dict[int, 'Job'] = {}
numbers = itertools.count(1)

class Job:
    "One piece of long work. `work()` is a coroutine that sets `text`, `done` and `total` as it goes and calls `tell()`; its errors become the job's."
    def __init__(self, title):
        self.id, self.title, self.state, self.text, self.done, self.total, self.began, self.ended = next(numbers), title, 'running', 'starting', 0, 0, time.time(), None
        self.changed = asyncio.Condition()
        jobs[self.id] = self
        self.task = asyncio.create_task(self._run())
    async def work(self): raise NotImplementedError
    def over(self): "Called once when the work has ended, however it did"
    async def _run(self):
        try:
            await self.work()
            self.state = 'done'
        except asyncio.CancelledError: self.state, self.text = 'cancelled', 'stopped; asked again it goes on from here'
        except Refused as e: self.state, self.text = 'failed', f'{e.text} {e.hint}'.strip()
        except Exception as e:
            log.exception(f'{self.title} broke')
            self.state, self.text = 'failed', f'{type(e).__name__}: {e}'
        self.ended = time.time()
        await self.tell()
        self.over()
    async def tell(self):
        async with self.changed: self.changed.notify_all()
    def now(self):
        "Where it is, for a program"
        return {'id': self.id, 'title': self.title, 'state': self.state, 'text': self.text, 'done': self.done, 'total': self.total, 'began': self.began, 'ended': self.ended}
    async def watch(self):
        "Server-sent events: first where it is now, then each change (at most ten a second), last an event `done`"
        said = None
        while True:
            now = self.now()
            if now != said: yield f'data: {json.dumps(now, ensure_ascii=False)}\n\n'
            said = now
            if self.ended: break
            try:
                async with self.changed: await asyncio.wait_for(self.changed.wait(), 15)
            except TimeoutError: yield ': still here\n\n'
            await asyncio.sleep(.1)
        yield f'event: done\ndata: {json.dumps(said, ensure_ascii=False)}\n\n'

def find(id):
    if j := jobs.get(id): return j
    raise Refused(f'there is no job {id}', f"there is {', '.join(map(str, jobs)) or 'none'}", 404)

async def close():
    "Before the end: what runs is stopped where it can go on later"
    running = [j.task for j in jobs.values() if not j.task.done()]
    for t in running: t.cancel()
    if running: await asyncio.wait(running, timeout=2)
