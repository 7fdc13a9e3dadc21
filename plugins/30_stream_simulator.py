"Stream simulator: fast, slow and failing jobs, to see progress, a locked button, commentary and going on after a break."
import asyncio
from typing import Literal
from pianola import Flow, Range

flow = Flow()

@flow.step
def what(kind: Literal['fast', 'slow', 'failing'] = 'fast', pieces: Range(4, 400) = 40, comments: bool = True):
    "What kind of stream?"

@flow.step(button='Let it run', comments=True)
async def stream(job, kind, pieces, comments):
    """Let it run
    It goes on when you leave the page or the server is killed. A failing one breaks half-way; run again, it goes on from there."""
    async for n in job.each(range(pieces)):
        if kind == 'failing' and n == pieces//2 and not await job.partials():
            await job.partial(f'broke at piece {n+1}')
            raise RuntimeError('it broke half-way, as it was asked to: run it again')
        await job.progress(n, pieces, f'piece {n+1}')
        await asyncio.sleep(.5 if kind == 'slow' else .05)
    await job.progress(pieces, pieces, 'done')
    return {'pieces': pieces, 'kind': kind}
