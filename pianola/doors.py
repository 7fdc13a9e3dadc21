"""The doors of runs: a form that is sent, what is half typed, the list, two
runs side by side, a run as a file, and what steps made as pictures and CSV."""
import asyncio, json
from fasthtml.common import H2, JSONResponse, Response
from starlette.responses import FileResponse
from . import schedule, tabs
from .actions import act
from .api import arguments, attached, door, ft, number, outcome, who
from .asking import forms
from .asking.files import File
from .conversation import bubble
from .flows import cards, flow, packing, results, runs
from .loading import settings
from .store import Refused, store

def run_of(req): return number(req.path_params['id'], 'the run')

@door('/api/runs/{id}/steps/{step}', ['POST'])
async def press(req):
    run, step, values = run_of(req), req.path_params['step'], await arguments(req)
    f, _ = await store.read(flow.find, run)
    try: return outcome(await act(f'{f.name}.run', {'step': step, 'run': run, 'values': values}, by=who(req)), req)
    except Refused as e:
        if e.fields: await store.write(tried, f, run, step, values)       # what was sent stays in the form, with what is wrong beside it
        raise
def tried(tx, f, run, step, values):
    s, values = f.named(step), settings.bare(f.plugin_name, values)
    runs.keep_draft(tx, run, step, {k: v for k, v in values.items() if k in s.fields and s.fields[k].kind != 'secret'}, tried=True)
    tx.log('flow', f.name, data={'run': run})

@door('/api/runs/{id}/drafts/{step}', ['POST'])
async def draft(req):
    run, step, values = run_of(req), req.path_params['step'], await arguments(req)
    me = values.pop('', None)                     # which tab says it: it has it already
    wrong, kept = await store.write(flow.keep_draft, run, step, values)
    for t in list(tabs.tabs):
        if run in t.runs: t.send({'flow': {'draft': kept, 'run': run, 'step': step, 'by': me}})
    return JSONResponse({'wrong': wrong})

@door('/api/runs/{id}/folds/{step}', ['POST'])
async def fold(req):
    run, step, said = run_of(req), req.path_params['step'], await arguments(req)
    def keep(tx):
        f, _ = flow.find(tx, run)
        runs.fold(tx, run, f.named(step).name, said.get('open') in (True, 'true'))
        tx.log('flow', f.name, data={'run': run})
    await store.write(keep, durable=False)
    return Response(status_code=204)

@door('/api/flows/{name}/{verb}', ['POST'])
async def begin(req):
    "A key that makes a run; the tab that pressed it goes there"
    f, verb = flow.by_name(req.path_params['name']), req.path_params['verb']
    if verb not in ('start', 'fork', 'import'): raise Refused(f'{verb[:40]} makes no run', 'there is start, fork and import', 404)
    args = await arguments(req)
    if args.get('run'): args['run'] = number(args['run'], 'run')
    made = await act(f'{f.name}.{verb}', args, by=who(req))
    there = {'path': f"/{f.plugin_name}?run={made.result['run']}", 'target': '#main', 'swap': 'outerHTML'}
    return Response(status_code=204, headers={'hx-location': json.dumps(there)})

@door('/api/flows/{name}/runs')
async def run_list(req):
    f, q = flow.by_name(req.path_params['name']), req.query_params
    return ft(await store.read(lambda tx: cards.run_list(f, tx, q.get('words', '')[:200], number(q.get('now') or '0', 'now'))))

@door('/api/schedule/form')
async def plan_form(req): return ft(*await store.read(schedule.asks, req.query_params.get('what', '')[:100]))
@door('/api/schedule', ['POST'])
async def plan(req): return outcome(await schedule.take(await arguments(req), who(req)), req)

@door('/api/runs/{id}/compare')
async def compare(req):
    one, two = run_of(req), number(req.query_params.get('with', ''), 'the other run')
    def both(tx):
        (f, a), (g, b) = flow.find(tx, one), flow.find(tx, two)
        if f is not g: raise Refused('these are runs of two different flows')
        return f, cards.compared(f, tx, a, b)
    f, table = await store.read(both)
    return ft(H2(f'Two runs of {f.title}'), table, bubble.closer())

@door('/api/runs/{id}.zip')
async def export(req):
    d = await store.read(runs.exported, run_of(req))
    data = await asyncio.to_thread(packing.packed, d)
    return Response(data, media_type='application/zip', headers=attached(f'{d["flow"]}-{run_of(req)}.zip'))

async def part(req):
    a = await store.read(runs.answer, number(req.path_params['id'], 'the answer'))
    node = results.at(json.loads(a['result']) if a['result'] else None, [p for p in req.path_params.get('where', '').split('/') if p])
    if not node: raise Refused('there is no such part of this answer', status=404)
    return a, node
async def csv(req):
    a, node = await part(req)
    if node['k'] != 'table': raise Refused('this is no table', 'only a table can be had as CSV', 404)
    name = req.path_params.get('where', '').rpartition('/')[2] or a['step']
    return Response(await asyncio.to_thread(results.csv, node), media_type='text/csv; charset=utf-8', headers=attached(f'{name}.csv'))
door('/api/answers/{id}.csv')(csv)
door('/api/answers/{id}/{where:path}.csv')(csv)

pictures = {'png': 'image/png', 'jpg': 'image/jpeg', 'gif': 'image/gif', 'webp': 'image/webp', 'svg': 'image/svg+xml'}
@door('/api/pictures/{hash}/{name}')
async def picture(req):
    "A kept file as a picture: nothing in it may run, whatever it says"
    name = req.path_params['name']
    try: f = forms.field('picture', File).parse(f"{req.path_params['hash']}/{name}")
    except ValueError: raise Refused('there is no such picture', status=404) from None
    if name.rpartition('.')[2] not in pictures: raise Refused('this is no picture', f"there is {', '.join(pictures)}", 404)
    return FileResponse(f.path, media_type=pictures[name.rpartition('.')[2]],
                        headers={'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
                                 'cache-control': 'private, max-age=31536000, immutable'})
