"""A flow without a page: `python -m pianola run FLOW key=value … --out DIR [--resume]`, for cron and pipelines.

FLOW is a plugin's name, or the path of its file. `key=value` answers a question of any step,
`step.key=value` that of one. DIR gets its state (go on with --resume), a file for each
result, `run.zip` and `run.json`. Exits with 0 when every step is done, 1 when one broke, 2 when something needed was not said."""
import asyncio, json, shutil, sys, time
from pathlib import Path
from fasthtml.common import FastHTML
from . import config, console, models, prompts
from .actions import act
from .asking.files import File, is_file, keep_file
from .conversation import chat
from .engines import Engines
from .flows import flow, packing, results, runs
from .loading.plugins import plugins
from .store import Refused, store
from .work import board, jobs, journal

def read(argv):
    p = config.Parser(prog=f'{config.python()} -m pianola run', description='Run a flow without a page.')
    p.add_argument('flow', help="a plugin's name, or the path of its file")
    p.add_argument('answers', nargs='*', metavar='key=value',
                   help='answers: name=value for any step, step.name=value for one; @FILE reads the value from a file; '
                        'where a file is asked for, its path')
    p.add_argument('--out', type=Path, required=True, metavar='DIR', help='where results and state go')
    p.add_argument('--resume', action='store_true', help='go on with the run that is in DIR, and not do again what is done')
    p.add_argument('--plugins', type=Path, default=None, help='the folder of plugins')
    p.add_argument('--quiet', action='store_true', help='say only what went wrong')
    a, rest = p.parse_known_intermixed_args(argv)
    if rest: p.error(f"what is {rest[0]}?")
    if bad := [x for x in a.answers if '=' not in x]: p.error(f'{bad[0]} is no answer; say name=value')
    a.answers = {k: v for k, _, v in (x.partition('=') for x in a.answers)}
    return a

def answers(s, memory, given):
    "What was said for this step: `step.name` before `name`; of a file its path, and it is kept like one that was given to the page"
    said = {n: given.get(f'{s.name}.{n}', given.get(n)) for n in s.fields if f'{s.name}.{n}' in given or n in given and n in s.asks(memory)}
    for n, x in said.items():
        if s.fields[n].kind == 'file' and x and (path := Path(x.removeprefix('@')).expanduser()).is_file(): said[n] = str(keep_file(path, path.name))
        elif s.fields[n].kind == 'file' and x and not is_file(x):
            raise Refused(f'{n}: there is no file {x[:200]}', 'give the path of one', fields={n: 'is not there'})
        elif x.startswith('@'): said[n] = read_text(x[1:])
    return said
def read_text(path):
    try: return Path(path).read_text('utf-8')
    except (OSError, UnicodeDecodeError) as e: raise Refused(f'{path} cannot be read: {e}', 'give the path of a text in UTF-8') from None

async def main(argv):
    a = read(argv)
    say = (lambda *words: None) if a.quiet else lambda *words: print(*words, flush=True)
    console.quiet()
    path = Path(a.flow)
    folder = path.parent if path.suffix == '.py' and path.is_file() else a.plugins
    c = config.read([*(['--plugins', str(folder)] if folder else []), '--data', str(a.out/'state'), '--no-browser'])
    name = path.stem.lstrip('0123456789_') if path.suffix == '.py' else a.flow
    a.out.mkdir(parents=True, exist_ok=True)
    if not a.resume and (a.out/'state'/'pianola.db').exists(): shutil.move(a.out/'state', a.out/f'state-{time.strftime("%Y%m%d-%H%M%S")}')
    prompts.settle(c.prompts)
    engines = chat.engines = models.engines = Engines(c)
    try: await store.open(c.data)
    except Refused as e: sys.exit(f'{e.text}. {e.hint}')
    jobs.config = c
    try:
        await plugins.load(FastHTML(key_fname=str(c.data/'.sesskey')), c.plugins)
        if (p := plugins.get(name)) and p.error: sys.exit(f'{name} did not load: {p.error}')
        try: f = flow.by_name(name)
        except Refused:
            sys.exit(f"there is no flow {name}; there is "
                     f"{', '.join(k.name for p in plugins.values() for k in p.kinds if isinstance(k, flow.Flow)) or 'none'}")
        known = {n for s in f.steps.values() for n in s.fields} | {f'{s.name}.{n}' for s in f.steps.values() for n in s.fields}
        if extra := [k for k in a.answers if k not in known]:
            print(f"{name} asks nothing called {', '.join(extra)}; it asks {', '.join(n for n in sorted(known) if '.' not in n)}", file=sys.stderr)
            return 2
        await jobs.wake()
        return await follow(f, a, say)
    finally:
        await engines.close()
        await jobs.close()
        await store.close()

async def follow(f, a, say):
    "Step by step to the end"
    there = await store.read(runs.current, f.name) if a.resume else None
    if not there: there = (await act(f'{f.name}.start', {'name': a.out.name}, by='app')).result['run']
    code = 0
    for s in f.steps.values():
        began = time.monotonic()
        state, memory = await store.read(lambda tx, s=s: ((v := f.look(tx, runs.run(tx, there))).state(s.name), v.memory(s.name)))
        if state == 'done': say(f'{s.name}: done before'); continue
        if state in ('open', 'failed', 'stale'):
            try:
                await act(f'{f.name}.run', {'run': there, 'step': s.name, 'values': await asyncio.to_thread(answers, s, memory, a.answers)}, by='app')
            except Refused as e:
                print(f"{e.text}. Say {' '.join(f'{s.name}.{n}=…' for n in e.fields)}." if e.fields else f'{e.text}. {e.hint}', file=sys.stderr)
                code = 2
                break
        told = None
        while (at := await store.read(lambda tx, s=s: f.look(tx, runs.run(tx, there)).now[s.name][0]))['status'] == 'running':
            if at['job'] and (now := await store.read(where, at['job'])) and now != told: say(f'{s.name}: {now}'); told = now
            await asyncio.sleep(.05)
        if at['status'] == 'failed':
            print(f"{s.name} broke after {time.monotonic()-began:.1f} s\n{at['error']}", file=sys.stderr)
            code = 1
            break
        say(f"{s.name}: done in {time.monotonic()-began:.1f} s" + (f" · {results.line(json.loads(at['result']))}" if at['result'] else ''))
    d, shown = await store.read(lambda tx: (runs.exported(tx, there), f.show(tx, there)))
    (a.out/'run.json').write_text(json.dumps(shown, ensure_ascii=False, indent=1), 'utf-8')
    (a.out/'run.zip').write_bytes(await asyncio.to_thread(packing.packed, d))
    for step in shown['steps']:
        if step.get('result') is not None:
            node = next(x['result'] for x in await store.q('select result from answer where id=?', step['answer']))
            await asyncio.to_thread(write, a.out, step['step'], json.loads(node))
    say(f'Results are in {a.out}')
    return code

def where(tx, job):
    n = journal.now(journal.job(tx, job))
    return ' · '.join(x for x in (n['text'], board.where(n)) if x)

def write(out, name, node):
    "A result as files: data as JSON, tables as CSV, the rest as it is"
    if node['k'] == 'many' and any(v and v['k'] not in ('data',) for v in node['v'].values()):
        for n, v in node['v'].items(): v and write(out, f'{name}.{n}', v)
    elif node['k'] == 'list':
        for n, v in enumerate(node['v']): write(out, f'{name}.{n+1}', v)
    elif node['k'] == 'table': (out/f'{name}.csv').write_bytes(results.csv(node))
    elif node['k'] in ('data', 'many'): (out/f'{name}.json').write_text(json.dumps(results.back(node), ensure_ascii=False, indent=1), 'utf-8')
    elif node['k'] in ('markdown', 'html'): (out/f"{name}.{'md' if node['k'] == 'markdown' else 'html'}").write_text(str(results.back(node)), 'utf-8')
    elif node['k'] == 'file' and name.partition('.')[2] and not (out/File(node['f']).name).exists():
        # one of several files of a step: as it is called
        shutil.copyfile(File(node['f']).path, out/File(node['f']).name)
    else: shutil.copyfile(File(node.get('page') or node['f']).path, out/f"{name}{Path(File(node.get('page') or node['f']).name).suffix}")
