"""What begins by itself: a key is pressed with saved arguments every day at a time, or every so often.
Kept in the database; what was missed while Pianola was off is done once, or left out, and said."""
import json, time, typing
from datetime import datetime, timedelta
from fasthtml.common import Article, Button, Details, Div, Form, H2, Input, Li, Ol, Optgroup, Option, P, Select, Small, Strong, Summary
import msgspec
from loguru import logger as log
from . import actions, contain, tabs
from .actions import act, action
from .asking import forms
from .contain import hold
from .conversation.bubble import press
from .flows import flow, runs
from .loading.plugins import plugins
from .store import Refused, store
from .work import jobs

days = ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
said = 'say `daily 07:30`, `weekdays 07:30`, `monday 07:30`, `every 30 minutes` or `every 2 hours`'
late = 90               # seconds after its time from which on a start counts as missed

def next_time(every, after):
    "When it comes next, in seconds since 1970, by the clock on the wall; Refused for what is no time"
    words = every.lower().split()
    try:
        if len(words) == 3 and words[0] == 'every' and words[2].rstrip('s') in ('minute', 'hour') and 0 < int(words[1]) < 10_000:
            return after + int(words[1])*(60 if words[2][0] == 'm' else 3600)
        wanted = {'daily': range(7), 'weekdays': range(5), **{d: (n,) for n, d in enumerate(days)}}[words[0]]
        hour, minute = map(int, words[1].split(':'))
        today = datetime.fromtimestamp(after).replace(hour=hour, minute=minute, second=0, microsecond=0)
        return next(t.timestamp() for d in range(9)
                    if (t := today + timedelta(days=d)).timestamp() > after and t.weekday() in wanted and len(words) == 2)
    except (ValueError, IndexError, KeyError, StopIteration): raise Refused(f'{every[:40]!r} is no time', said) from None
def clock(t): return time.strftime('%a %d %b %H:%M', time.localtime(t))

async def fire(s):
    """Is it time? The next time is set before anything else can go wrong; then the key
    is pressed, once for this time, or what was missed is left out. Either is said."""
    now, due = time.time(), s['next_at']
    missed, then = now - due > late, next_time(s['every'], now)
    if now < due <= then: return
    await store.write(lambda tx: tx.run('update schedule set next_at=? where id=?', then, s['id']))
    if due > now: return            # further off than it can be: the clock was set back
    if s['id'] in under_way: return await store.write(_said, s, f'left out {clock(due)}: the one before was not over')
    hold(_begin(s, now, due, missed), f"{s['title']} could not begin")          # a key may take a while, and jobs do not wait for it
under_way = set()           # schedules whose key is being pressed
async def _begin(s, now, due, missed):
    if missed and s['missed'] == 'skip': return await store.write(_said, s, f'left out {clock(due)}, when Pianola was off')
    under_way.add(s['id'])
    try:
        a, args = actions.find(s['action']), json.loads(s['args'])
        if actions.may_ask(a, a.check(args)): raise Refused(f'{a.name} asks each time', 'press it yourself')        # it did not when this was set
        await act(a.name, args, by='app', key=f"schedule:{s['id']}:{due:.0f}")
        how = f'begun {clock(now)}' + (f', for {clock(due)} when Pianola was off' if missed else '')
    except Refused as e: how = f'could not begin {clock(now)}: {e.text} {e.hint}'.strip()
    except Exception as e:
        log.exception(f"{s['title']} broke")
        how = f'could not begin {clock(now)}: {contain.mask(f"{type(e).__name__}: {e}")}'
    finally: under_way.discard(s['id'])
    await store.write(_said, s, how)
jobs.fire = fire
def _said(tx, s, how):
    tx.run('update schedule set said=? where id=?', how, s['id'])
    tx.log('note', 'schedule', text=f"By schedule, “{s['title']}”: {how}")

def _title(tx, a, args):
    "What is begun, in words a person chose"
    kind = next((k for p in plugins.values() for k in p.kinds if isinstance(k, flow.Flow) and a.name == f'{k.name}.again'), None)
    return f"{kind.title}, with the answers of “{kind.find(tx, args['run'])['name']}”" if kind else a.title or a.name

@action(name='schedule.add', plugin='jobs', title='Do something regularly', model=False, say=lambda a, r, c: f"Scheduled {r['title']}: {r['every']}")
def add(tx, action: str, every: str, args: dict = {}, missed: str = 'once'):      # noqa: B006  never changed
    "Press a key with these arguments `daily 07:30`, `weekdays 07:30`, `monday 07:30`, `every 30 minutes` or `every 2 hours`. What was missed while Pianola was off is done `once` at the next start, or `skip`ped."
    a = actions.find(action)
    if actions.may_ask(a, a.check(args)):
        deletes = actions.risk(a, a.check(args)) == 'destructive'
        raise Refused(f"{action} {'deletes, and ' if deletes else ''}asks each time", 'schedule something that does not')
    if missed not in ('once', 'skip'): raise Refused(f'{missed[:40]!r} is no way to treat what was missed', 'say `once` or `skip`')
    args = json.loads(msgspec.json.encode({k: v for k, v in a.check(args).items() if k in args}))
    return tx.insert('schedule', {'title': _title(tx, a, args), 'action': action, 'args': json.dumps(args), 'every': every.lower().strip(),
                                  'next_at': next_time(every, time.time()), 'active': 1, 'missed': missed})
@action(name='schedule.pause', plugin='jobs', title='Pause a schedule', model=False,
        say=lambda a, r, c: f"{'Goes on with' if r['active'] else 'Paused'} the schedule of {r['title']}")
def pause(tx, id: int, active: bool = False):
    "Leave a schedule out for a while, or with active=true go on with it."
    s = tx.row('schedule', id) or {'every': 'daily 00:00'}
    return tx.update('schedule', id, {'active': int(active), 'next_at': next_time(s['every'], time.time())})
@action(name='schedule.remove', plugin='jobs', title='Do it no longer', model=False, say=lambda a, r, c: f"Removed the schedule of {r['title']}")
def remove(tx, id: int):
    "Take a schedule out."
    return tx.delete('schedule', id)

@actions.on_undo
def on_time(tx, e):
    "A schedule that comes back begins at its next time, not at one that went by meanwhile"
    for id in {i for table, i, *_ in tx.changes if table == 'schedule'}:
        s = tx.row('schedule', id)
        if s and s['next_at'] < time.time(): tx.update('schedule', id, {'next_at': next_time(s['every'], time.time())})

# on the page

def listing(tx):
    "What begins by itself, and the form for more"
    words = {'daily': 'every day at', 'weekdays': 'Monday to Friday at', **{d: f'every {d.capitalize()} at' for d in days}}
    def line(s):
        first, _, rest = s['every'].partition(' ')
        how = f'{words[first]} {rest}' if first in words else s['every']
        args = '' if s['action'].endswith('.again') else ', '.join(f'{k}: {v}' for k, v in json.loads(s['args']).items())
        return Li(Div(Strong(s['title']),
                      Small(' · '.join(x for x in (args, how, f"next {clock(s['next_at'])}" if s['active'] else 'paused',
                                                   'left out when missed' if s['missed'] == 'skip' else '') if x)),
                      Small(f"Last: {s['said']}", cls='last' + (' bad' if s['said'].startswith('could not') else '')) if s['said'] else None),
                  Div(press('Now', s['action'], json.loads(s['args'])),
                      press('Pause' if s['active'] else 'Go on', 'schedule.pause', {'id': s['id'], 'active': not s['active']}),
                      press('Remove', 'schedule.remove', {'id': s['id']}), cls='ways'), id=f"plan-{s['id']}")
    return Ol(*map(line, tx.q('select * from schedule order by active desc, next_at')), id='plans', cls='plans')

def when(id):
    "The inputs that say when: every day, on a weekday, every so many hours; only what belongs to the choice is shown"
    hours = [Option('every day at', value='daily', cls='clock'), Option('Monday to Friday at', value='weekdays', cls='clock'),
             *[Option(f'every {d.capitalize()} at', value=d, cls='clock') for d in days],
             Option('every … hours', value='hours', cls='often'), Option('every … minutes', value='minutes', cls='often')]
    return Div(Select(*hours, name='how', id=f'{id}-how', aria_label='How often'),
               Input(type='time', name='at', value='09:00', required=True, aria_label='At'),
               Input(type='number', name='n', value=2, min=1, max=9999, required=True, aria_label='How many'),
               Select(Option('missed: do it once at the next start', value='once'), Option('missed: leave it out', value='skip'),
                      name='missed', aria_label='What if Pianola was off'), cls='when')

# the keys that tables and flows bring along
usual = frozenset(
    'create list sum update delete move sort choose update_many delete_many import start again fill run back fold name show runs stay pick '
    'fork lock cancel'.split())

def what(tx, chosen=''):
    "What can be begun: the runs of each flow, whose answers are taken again, and every key that is long work"
    of = lambda k: [Option(r['name'], value=(v := f"{k.name}.again {r['id']}"), selected=v == chosen)
                    for r in runs.listed(tx, k.name, limit=30) if r['answered']]
    flows = [Optgroup(*options, label=f'{k.title}, with the answers of') for p in plugins.values()
             for k in p.kinds if isinstance(k, flow.Flow) and (options := of(k))]
    own = sorted((a for a in actions.registry.values() if a.risk == 'write' and a.plugin in plugins
                  and a.plugin not in ('settings', 'prompts', 'jobs') and a.name.rpartition('.')[2] not in usual), key=lambda a: a.title)
    return [*flows, Optgroup(*[Option(f'{a.title} ({plugins[a.plugin].title})', value=a.name) for a in own], label='Keys') if own else None]

def form(tx, chosen=''):
    "The form of a new schedule; `chosen`: what the address asks for"
    there = [w for w in what(tx, chosen) if w]
    if not there: return P('Answer a flow once, and it can be begun regularly from here.', cls='help')
    return Form(Select(Option('What shall begin …', value=''), *there, name='what', required=True, aria_label='What shall begin',
                       hx_get='/api/schedule/form', hx_target='next .plan-args', hx_swap='innerHTML', hx_trigger='change'),
                Div(cls='plan-args'), when('plan'), Button('Schedule'), hx_post='/api/schedule', hx_swap='none', cls='plan-new', id='plan-new')

def page(tx, chosen=''):
    return Article(H2('Begins by itself'), listing(tx), P('Nothing yet.', cls='help nothing-yet'),
                   Details(Summary('Begin something regularly'), form(tx, chosen), open=bool(chosen), id='plan-more'), cls='card schedule')
async def plans():
    "What begins by itself, with the form of a new one, for a page"
    return await store.read(page, (tabs.address.get() or {}).get('plan', ''))

def fields(name):
    "The arguments of a key as fields: {name: Field}"
    out = {}
    for x in msgspec.structs.fields(actions.find(name).args):
        parts = typing.get_args(x.type)
        default = ([x.default] if x.default is not msgspec.NODEFAULT and x.default is not msgspec.UNSET else [x.default_factory()]
                   if x.default_factory is not msgspec.NODEFAULT else [])
        out[x.encode_name] = (forms.field(x.encode_name, typing.Union[tuple(None if p is msgspec.UnsetType else p for p in parts)], None)
                              if msgspec.UnsetType in parts else forms.field(x.encode_name, x.type, *default))
    return out
def asks(tx, chosen):
    "The inputs of the key that was chosen; a run of a flow needs none"
    return [f.input(None, tx, id=f'plan-{n}') for n, f in fields(chosen).items()] if chosen and ' ' not in chosen else []

async def take(data, by):
    "A form that was filled in becomes a schedule"
    name, _, run = str(data.get('what') or '').partition(' ')
    if not name: raise Refused('nothing was chosen', 'choose what shall begin')
    if run: given = {'run': int(run)} if run.isdecimal() and len(run) < 16 else {}
    else:
        args, wrong = forms.read(fields(name), {k: v for k, v in data.items() if k in fields(name)})
        if wrong: raise Refused('; '.join(f'{n} {w}' for n, w in wrong.items()), fields=wrong)
        given = {n: fields(name)[n].plain(v) for n, v in args.items() if data.get(n) not in (None, '')}
    how = str(data.get('how') or '')
    every = f"every {data.get('n')} {how}" if how in ('hours', 'minutes') else f"{how} {data.get('at')}"
    return await act('schedule.add', {'action': name, 'every': every, 'args': given, 'missed': data.get('missed') or 'once'}, by=by)

@store.on
def hear(e):
    "Every tab's list follows; a new time is waited for"
    if e.what == 'schedule' or e.kind == 'action' and any(t == 'schedule' for t, _ in e.rows):
        jobs.poke()
        hold(_draw(e.id), 'the schedule could not be drawn')
async def _draw(seq): tabs.put(tabs.item('plans', await store.read(listing), only=True), seq=seq)
