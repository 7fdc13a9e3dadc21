"""How long work is seen: its card, bar and log in every tab, the list of all of it, and the
same as a stream. Whatever is told is read once and written down once, however many watch.

    await tell(id, {'progress'})           something happened to a job: every tab and every stream shows where it is
    async for part in watch(id, after)     server-sent events: where it is now, then what happens behind event `after`"""
import asyncio, json, time
from fasthtml.common import A, Article, Button, Details, Div, P, Pre, Progress, Small, Strong, Summary
from .. import tabs
from ..conversation.bubble import clock, press
from ..loading.plugins import plugins, to_chat
from ..store import Refused, store
from ..tx import fold
from . import journal
from .journal import over

parts = []              # f(job) is called after a step's job kept a part of its result
far = None              # the Fleet, where jobs are in PostgreSQL; set by jobs
page = 100              # jobs that are listed at first, and with each press of Earlier
states = {'running': 'runs', 'waiting': 'waits', 'failed': 'failed', 'cancelled': 'stopped', 'done': 'done', 'ending': 'ends'}

# who watches

async def tell(id, kinds=('state',)):
    """Show where a job is: every bar and button that belongs to it, its log, its card when its state
    changed (a card that is drawn all the time cannot be clicked), and whoever follows it as a stream"""
    tail = tails.get(id)
    def look(tx):
        return (journal.job(tx, id), _lines(tx, id) if {'state', 'log', 'stale'} & set(kinds) else [],
                tx.q('select * from job_event where job=? and id>? order by id', id, tail.last) if tail else [])
    try: j, lines, events = await store.read(look)
    except Refused: return
    items = ([listed(j, lines)] if 'state' in kinds else
             [tabs.item(f'job-lines-{id}', _log(j, lines), only=True)] if {'log', 'stale'} & set(kinds) else [])
    n = journal.now(j)
    tabs.send({'job': {**n, 'said': ' · '.join(x for x in (n['text'], where(n)) if x)}, 'put': items, 'gone': []})
    if 'partial' in kinds and j['run']:
        for f in parts: f(j)
    if tail: tail.hear(j, n, events)
def _lines(tx, id): return tx.q("select at, kind, text from job_event where job=? and kind in ('log','stale') order by id desc limit 100", id)[::-1]

tails: dict[int, 'Tail'] = {}
class Tail:
    "The streams of one job: what is new is read with `tell`, written down once and put in all of them"
    def __init__(self, last): self.last, self.streams = last, set()
    def hear(self, j, n, events):
        events = [e for e in events if e['id'] > self.last]
        if not events: return
        self.last = events[-1]['id']
        told = events, written(j, n, events, self.last), j, n
        for q in list(self.streams):
            try: q.put_nowait(told)
            except asyncio.QueueFull:               # it does not read: it ends, and comes back behind the last number it saw
                self.streams.discard(q)
                q.get_nowait()
                q.put_nowait(None)

def written(j, n, events, last, first=False):
    """Events of a job as a stream has them: what was logged, then where it is (at the `first` always),
    then the end; `id:` is the number of the last, so that a client that comes back goes on behind it"""
    as_json, out = lambda v: json.dumps(v, ensure_ascii=False), []
    out += [f"id: {e['id']}\nevent: {e['kind']}\ndata: "
            f"{as_json({'text': e['text'], 'data': json.loads(e['data']) if e['data'] else None})}\n\n"
            for e in events if e['kind'] in ('log', 'partial', 'stale')]
    if first or events: out.append(f'id: {last}\ndata: {as_json(n)}\n\n')
    if j['state'] in over: out.append(f'id: {last}\nevent: done\ndata: {as_json(n)}\n\n')
    return ''.join(out).encode()

async def watch(id, after=0):
    "Server-sent events of a job: first where it is now (and what was logged behind `after`), then each change, last an event `done`"
    def look(tx):
        return (journal.job(tx, id), tx.q('select * from job_event where job=? and id>? order by id', id, after) if after else [],
                tx.value('select max(id) from job_event where job=?', id) or 0)
    q, first = asyncio.Queue(512), id not in tails
    tail = tails.setdefault(id, Tail(0))
    tail.streams.add(q)                             # first, so that nothing falls in between
    try:
        j, events, last = await store.read(look)
        # what a tail that was there has not told yet, it still owes to the streams before us
        if first: tail.last = max(tail.last, last)
        yield written(j, journal.now(j), events, last, True)
        while j['state'] not in over:
            try:
                async with asyncio.timeout(15): told = await q.get()
            except TimeoutError: yield b': still here\n\n'
            else:
                if not told: break
                events, text, j, n = told
                fresh = [e for e in events if e['id'] > last]         # the rest was in what we began with
                if fresh: yield text if len(fresh) == len(events) else written(j, n, fresh, fresh[-1]['id'])
    finally:
        tail.streams.discard(q)
        if not tail.streams and tails.get(id) is tail: del tails[id]

# how a job looks

def span(seconds):
    "Seconds as a person says them"
    s = int(seconds)
    return f'{s} s' if s < 90 else f'{s//60} min' if s < 5400 else f'{s/3600:.1f} h'

def where(n):
    "Count, rate and time left in a few words"
    done = f"{n['done']:,} of {n['total']:,}" if n['total'] else f"{n['done']:,}" if n['done'] else ''
    rate = (f"{n['rate']:.0f}/s" if n['rate'] >= 2 else f"{n['rate']*60:.0f}/min") if n['rate'] and n['state'] == 'running' else ''
    return ' · '.join(x for x in (done, rate, f"{span(n['left'])} left" if n['left'] else '') if x)

def card(j, lines=None):
    "One job: bar, count, log (without `lines` it is fetched when it is opened), and what can be done with it"
    n = journal.now(j)
    ways = []
    if j['state'] in ('waiting', 'running'): ways = [press('Stop', 'jobs.cancel', {'id': j['id']})]
    elif j['state'] in ('failed', 'cancelled'):
        mend = to_chat('Help me with this error', 'plugins.mend', {'job_id': j['id']}) if j['state'] == 'failed' and j['error'] else None
        ways = [press('Try again', 'jobs.retry', {'id': j['id']}, 'go'), mend]
    said = Small(' · '.join(x for x in (j['text'], where(n)) if x), cls='text')
    of = plugins.get(j['plugin'])
    head = Div(Strong(A(j['title'], href=f"/{j['plugin']}?run={j['run']}") if of and j['run'] else j['title']),
               A(of.title, href=f"/{j['plugin']}", cls='of') if of and not j['run'] else None,
               Small(states.get(j['state'], j['state']), ' ', clock(j['ended'] or j['began'] or j['at']), cls='state'), cls='head')
    if j['state'] == 'running':
        said = Div(Progress(value=n['done'] if n['total'] else None, max=n['total'] or None, aria_label=j['title']), said, data_job=j['id'])
    folded = None
    if lines or j['error'] or j['state'] == 'running' or lines is None and j['logged']:
        later = dict(hx_get=f"/api/jobs/{j['id']}/log", hx_trigger='intersect once', hx_swap='outerHTML') if lines is None else {}
        folded = Details(Summary('Log'), _log(j, lines, **later), id=f"job-log-{j['id']}")
    return Article(head, said, Div(folded, *ways, cls='below'),
                   id=f"job-{j['id']}", data_pos=-j['id'] - (0 if j['state'] in over else 10**12), data_state=j['state'],
                   cls=f"card job {j['state']}", aria_busy='true' if j['state'] == 'running' else None)

def _log(j, lines, **more):
    said = [f"{time.strftime('%H:%M:%S', time.localtime(e['at']))}  {e['text']}" for e in lines or ()]
    if j['error'] and j['state'] == 'failed': said.append(j['error'])
    return Pre('\n'.join(said), id=f"job-lines-{j['id']}", **more)
def log_of(tx, id): return _log(journal.job(tx, id), _lines(tx, id))

def bar(tx, id):
    "A job's progress for any page: kept up to date in every tab"
    n = journal.now(journal.job(tx, id))
    return Div(Progress(value=n['done'] if n['total'] else None, max=n['total'] or None),
               Small(' · '.join(x for x in (n['text'], where(n)) if x), cls='text'), cls='job', data_job=id)

def button(tx, label, name, args=None):
    "A button that presses a key which is a job: locked in every tab while such a job runs"
    busy = bool(tx.value("select 1 from job where name=? and state in ('waiting','running')", name))
    return Button(label, type='button', hx_post=f'/api/actions/{name}', hx_swap='none', hx_vals=tabs.dumps(args or {}), data_presses=name,
                  aria_busy='true' if busy else None, disabled=busy)

def trouble():
    "What keeps jobs from being done, for the page; None when nothing does"
    return P(far.wrong, id='jobs-at', cls='trouble', role='status') if far and far.wrong else P(id='jobs-at', hidden=True)

# the list

def found(tx, words='', state='', limit=page):
    "Jobs that hold all these words and are in this state: what is open first, then newest first"
    if state and state not in states: raise Refused(f'no job is {state[:40]!r}', f"a job is {', '.join(states)}")
    cond = ["cleared is null",
            *["instr(fold(title||' '||plugin||' '||text||' '||name||' '||args||' '||coalesce(error,'')), ?)"] * len(words.split()),
            *(["state=?"] if state else [])]
    some = tx.q(f"select *, exists(select 1 from job_event e where e.job=job.id and e.kind in ('log','stale')) as logged from job "
                f"where {' and '.join(cond)} order by (state in {over}), id desc limit ?",
                *map(fold, words.split()), *([state] if state else []), limit)
    return [journal.decode(j) for j in some]

def listed(j, lines=None):
    "A job for whoever shows a list it is in: the list of all of them, or one of words that are in what is `said` of it"
    said = f"{j['title']} {j['plugin']} {j['text']} {j['name']} {json.dumps(j['args'], ensure_ascii=False)} {j['error'] or ''}"
    return {**tabs.item(f"job-{j['id']}", card(j, lines), 'jobs'), 'said': fold(said[:4000])}

def listing(tx, words='', state='', limit=page):
    "The list of jobs, into which new ones come that have its words. Of one state: those that leave it are out of sight."
    some = found(tx, words, state, limit+1)
    more = Button('Earlier', type='button', cls='quiet', hx_get='/api/jobs',
                  hx_vals=tabs.dumps({'words': words, 'state': state, 'limit': limit+page}), hx_target='#job-list',
                  hx_swap='outerHTML') if len(some) > limit else None
    return Div(Div(*map(card, some[:limit]), id='jobs-some' if words else 'jobs', cls='jobs', data_only=state or None,
                   data_words=' '.join(map(fold, words.split())) or None),
               P('No job is like that.' if words or state else 'Nothing has run yet. Long work of any plugin is listed here, with its log.',
                 cls='empty'), more, id='job-list')

async def job_list(words='', state='', limit=page):
    "Everything that runs, waits and failed, for a page; `words` and a `state` (running, waiting, failed, cancelled, done) narrow it"
    return trouble(), await store.read(listing, words, state, limit)
async def job_bar(id):
    "The progress of one job, for a page"
    return await store.read(bar, id)
async def job_button(label, name, args=None):
    "A button that begins a job, locked while one runs"
    return await store.read(button, label, name, args)

@store.on
def cleared(e):
    "Jobs were cleared from the list, or come back to it"
    rows = [r for (t, _), r in e.rows.items() if t == 'job' and r]
    if rows:
        shown = [listed({**journal.decode(r), 'logged': True}) for r in rows[-page:] if not r['cleared']]
        tabs.put(*shown, gone=[f"job-{r['id']}" for r in rows if r['cleared']])
