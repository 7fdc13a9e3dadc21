"""Without a page: `python -m pianola warm` lets the model read its instructions once, so that the first
answer need not wait for that; `eval` counts how well requests are understood; `run` runs a flow; `work`
takes jobs from PostgreSQL; `new` writes a plugin to begin with and `check` says what is wrong with one."""
import signal, sys
# Ctrl-C while all this is read in; once something runs it is put away in order
if __name__ == '__main__': signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
import asyncio, time
from loguru import logger
from . import config, fetch, prompts
from .actions import registry
from .conversation import record
from .engines import Engines, Fault
from .loading.plugins import Plugin

async def warm(argv):
    """Read the system message and the examples as the first turn will send them,
    and keep the engine's state of it on disk. 0 when there is nothing to do."""
    # every key of the app itself: the model reads of them too, in the order in which the server knows them
    from . import api                # noqa: F401
    logger.remove()                  # the line of progress says what there is to say
    c = config.read(argv)
    prompts.settle(c.prompts)
    engines, line = Engines(c), fetch.Line()
    for path in sorted(c.plugins.glob('*')) if c.plugins.is_dir() else ():
        if path.name[0] not in '_.' and (path.suffix == '.py' or (path/'__init__.py').exists()): registry.update(Plugin(path).read().keys)
    try:
        engine, model, _ = await engines.choose()
        for what, messages in (('its instructions', [{'role': 'system', 'content': prompts.system()}, *prompts.examples()]),
                               *((what, record.head(layer)) for layer, what in record.layers.items())):
            if engine.name != 'embedded' or not messages or await engine.kept(model, messages): continue
            print(f'Letting {model} read {what}, once', flush=True)
            began = time.monotonic()
            async for p in engine.warm(model, messages):
                line(f'{p.done} of {p.total} words' if p.total else f'{time.monotonic()-began:.0f} s: {p.what}')
            line.end()
    except Fault as e: print(f'{e.text} {e.hint}'.strip())        # the page says it again; a start is not held up by it
    finally: await engines.close()
    return 0

def main(argv):
    async def evaluate(argv):
        from .evaluate import main
        return await main(argv)
    async def run(argv):
        from .headless import main
        return await main(argv)
    async def new(argv):
        from .beginning import new
        return await new(argv)
    async def check(argv):
        from .testing import check
        return await check(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    jobs = {'warm': warm, 'eval': evaluate, 'run': run, 'new': new, 'check': check}
    if argv[:1] == ['work']:
        from .work.worker import work
        return work(argv[1:])
    if not argv or argv[0] not in jobs: sys.exit(f"{config.python()} -m pianola takes one of: {', '.join(jobs)}, work")
    try: return asyncio.run(jobs[argv[0]](argv[1:]))
    except KeyboardInterrupt: return 130         # whoever pressed it knows why

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
