"What begins by itself: at its time, with saved answers, once; what was missed is done once or left out, and said."
import asyncio, contextlib, datetime, sqlite3, time
from concurrent.futures import ThreadPoolExecutor
import pytest
from pianola import actions, schedule
from pianola.store import Refused, Store

plugin = '''"Trip: what a drive costs."
from pianola import Flow
flow = Flow()
@flow.step
def drive(distance: int, fuel: str = 'petrol'):
    "How far?"
@flow.step
def cost(distance, people: int = 1):
    "Among how many?"
    return {'each': distance / people}
@flow.step
async def tell(job, each):
    "Tell them"
    await job.progress(1, 1, 'told')
    return f'{each:.1f} each'
'''
@pytest.fixture
def made(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'trip.py').write_text(plugin)
    from conftest import root
    for n in ('70_jobs.py', '.proven'): (tmp_path/'p'/n).write_bytes((root/'plugins'/n).read_bytes())
    def start(): return serve(data=tmp_path/'d', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    return start

later = lambda: f'{(datetime.datetime.now() + datetime.timedelta(hours=5)):%H:00}'        # today or tomorrow, but never while a test runs
def answered(s):
    s.act('trip.run', values={'distance': 90})
    s.act('trip.run', values={'people': 3})
    s.until(lambda: s.act('trip.show')['result']['steps'][1]['state'] == 'done')
    s.act('trip.run')
    s.until(lambda: s.act('trip.show')['result']['steps'][2]['state'] == 'done')
    return s.act('trip.show')['result']['run']
def runs(s): return s.act('trip.runs')['result']
def worked_through(s, n):
    s.until(lambda: len(runs(s)) == n
            and all(x['state'] == 'done' for x in s.act('trip.show', run=max(r['run'] for r in runs(s)))['result']['steps']))
    return s.act('trip.show', run=max(r['run'] for r in runs(s)))['result']
def at(s, id, when):
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db, db: db.execute('update schedule set next_at=? where id=?', (when, id))
def said(s, id):
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        return db.execute('select said from schedule where id=?', (id,)).fetchone()[0]

@pytest.mark.parametrize('every, now, then', [
    ('daily 09:00', '2026-11-21 08:59', '2026-11-21 09:00'), ('daily 09:00', '2026-11-21 09:00', '2026-11-22 09:00'),
    ('weekdays 7:05', '2026-11-20 08:00', '2026-11-23 07:05'),
    ('Monday 00:00', '2026-11-23 00:00', '2026-11-30 00:00'), ('every 2 hours', '2026-11-21 23:30', '2026-11-22 01:30'),
    ('every 15 minutes', '2026-11-21 10:00', '2026-11-21 10:15')])
def test_the_next_time_is_that_of_the_clock_on_the_wall(every, now, then):
    stamp = lambda t: datetime.datetime.strptime(t, '%Y-%m-%d %H:%M').timestamp()
    assert schedule.next_time(every, stamp(now)) == stamp(then)

@pytest.mark.parametrize('every', ['', 'sometimes', 'daily', 'daily 25:00', 'daily 09:00 sharp', 'every -2 hours', 'every 2 moons', 'weekdays nine'])
def test_what_is_no_time_is_refused_with_what_would_be_one(every):
    with pytest.raises(Refused) as e: schedule.next_time(every, time.time())
    assert 'daily 07:30' in e.value.hint

def test_what_is_asked_about_each_time_is_never_begun_by_itself(tmp_path, monkeypatch):
    "Whoever may not press it unasked may not have it pressed either: not by a schedule, nor wrapped in several"
    async def run():
        st, pressed = Store(), []
        await st.open(tmp_path)
        for room in (actions, schedule): monkeypatch.setattr(room, 'store', st)
        monkeypatch.setattr(actions, 'registry', {**actions.registry})
        async def far(args): return args['to'] == 'far'
        @actions.action(name='mail.send', plugin='mail', grave=far)
        def send(tx, to: str):
            "Goes to another machine, perhaps."
            pressed.append(to)
        wrapped = {'actions': [{'action': 'mail.send', 'args': {'to': 'far'}}]}
        try:
            assert (await actions.act('several', wrapped, by='agent')).status == 'waiting'
            for name, args in (('mail.send', {'to': 'far'}), ('several', wrapped)):
                with pytest.raises(Refused, match='asks each time'):
                    await actions.act('schedule.add', dict(action=name, every='daily 09:00', args=args))
            # one that was set before it was so
            plan = await st.write(lambda tx: tx.insert('schedule', {'title': 'Send', 'action': 'mail.send', 'args': '{"to": "far"}', 'active': 1,
                                                                    'every': 'every 2 hours', 'next_at': time.time() - 1, 'missed': 'once'}))
            over = asyncio.Event()
            st.on(lambda e: over.set() if e.what == 'schedule' else None)
            await schedule.fire(plan)
            await asyncio.wait_for(over.wait(), 20)
            return pressed, (await st.q('select said from schedule'))[0]['said']
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: pressed, said = beside.submit(asyncio.run, run()).result()
    assert not pressed and 'could not begin' in said and 'mail.send asks each time' in said

def test_a_clock_that_is_set_back_puts_no_schedule_off(tmp_path, monkeypatch):
    from pianola.work import jobs
    async def run():
        st, now = Store(), time.time()
        await st.open(tmp_path)
        for room in (schedule, jobs): monkeypatch.setattr(room, 'store', st)
        times = {'every 2 hours': now + 5*3600, 'every 3 hours': now + 3600, 'daily 09:00': schedule.next_time('daily 09:00', now + 5*86400)}
        await st.write(lambda tx: [tx.insert('schedule', {'title': 'T', 'action': 'no.key', 'args': '{}', 'every': every, 'next_at': at, 'active': 1})
                                   for every, at in times.items()])
        try:
            await jobs.round_(0)
            return now, times, {s['every']: s for s in await st.q('select * from schedule')}
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: now, was, plans = beside.submit(asyncio.run, run()).result()
    assert now + 7200 <= plans['every 2 hours']['next_at'] <= time.time() + 7200
    assert plans['every 3 hours']['next_at'] == was['every 3 hours'], 'it comes when it was said'
    assert plans['daily 09:00']['next_at'] == schedule.next_time('daily 09:00', now) and not any(s['said'] for s in plans.values())

def test_a_flow_is_begun_with_the_answers_of_a_run_and_what_was_missed_is_said(made):
    s = made()
    run = answered(s)
    once = s.act('schedule.add', action='trip.again', every=f'daily {later()}', args={'run': run})['result']
    skip = s.act('schedule.add', action='trip.again', every=f'weekdays {later()}', args={'run': run}, missed='skip')['result']
    assert once['title'] == 'Trip, with the answers of “Run 1”'
    status, why = s.post('/api/actions/schedule.add', {'action': 'trip.delete', 'every': 'daily 09:00'})
    assert status == 400 and 'deletes' in why['error']
    s.stop()
    for x in (once, skip): at(s, x['id'], time.time() - 7200)
    s = made()
    again = worked_through(s, 2)
    assert ([x.get('inputs') for x in again['steps'][:2]] == [{'distance': 90, 'fuel': 'petrol'}, {'people': 3}]
            and again['steps'][2]['result'] == '30.0 each' and again['name'].startswith('Run 1, '))
    assert s.until(lambda: said(s, once['id'])).startswith('begun ') and 'when Pianola was off' in said(s, once['id'])
    assert s.until(lambda: said(s, skip['id'])).startswith('left out ')
    assert any('By schedule, “Trip, with the answers of “Run 1””: begun' in m['text']
               for m in s.get('/api/conversation?hidden=1')[1]), 'the model hears of it'
    s.kill()
    s = made()
    other = s.act('schedule.add', action='trip.again', every='daily 09:00', args={'run': run})['result']
    at(s, other['id'], time.time() - 1)
    s.act('schedule.pause', id=skip['id'])             # it is looked at anew what is due
    s.until(lambda: said(s, other['id']))
    worked_through(s, 3)
    assert len(runs(s)) == 3, 'once, whatever ends in between: what came later is there, and nothing else'

def test_a_key_that_waits_holds_up_no_job(made):
    s = made()
    p = s.data.parent/'p'
    (p/'nap.py').write_text(
        '"Nap: waits."\nimport asyncio\nfrom pathlib import Path\nfrom pianola import action\nhere = Path(__file__)\n@action\nasync def '
        'nap():\n    "Until it is told."\n    here.with_name("naps").touch()\n    while not here.with_name("over").exists(): await '
        'asyncio.sleep(.02)\n@action\ndef work(job):\n    "Works."\n    return 1\n')
    s.until(lambda: s.get('/api/health')[1]['plugins'].get('nap') == 'ok')
    nap = s.act('schedule.add', action='nap.nap', every='every 2 hours')['result']
    at(s, nap['id'], time.time() - 1)
    s.act('nap.work')               # it is looked at anew what is due
    s.until(lambda: (p/'naps').exists())
    job = s.act('nap.work')['result']['job']
    s.until(lambda: next(j for j in s.get('/api/jobs')[1] if j['id'] == job)['state'] == 'done', 20)
    assert not said(s, nap['id'])
    at(s, nap['id'], time.time() - 1)
    s.act('nap.work')
    assert s.until(lambda: said(s, nap['id'])).startswith('left out ')
    (p/'over').touch()
    s.until(lambda: said(s, nap['id']).startswith('begun '))

def test_an_answer_that_no_longer_fits_waits_for_the_user_and_a_run_that_is_gone_is_said(made):
    s = made()
    run = answered(s)
    p = s.data.parent/'p'/'trip.py'
    p.write_text(plugin.replace('people: int = 1', 'day: str, people: int = 1'))
    s.until(lambda: any('plugin trip: loaded' in line for line in s.lines))
    s.act('trip.again', run=run)
    s.until(lambda: len(runs(s)) == 2)
    steps = s.act('trip.show')['result']['steps']
    assert steps[0]['state'] == 'done' and steps[1]['state'] == 'open'
    id = s.act('schedule.add', action='trip.again', every='every 1 hours', args={'run': run})['result']['id']
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db, db: db.execute('update run set deleted=1 where id=?', (run,))
    s.stop()
    at(s, id, time.time() - 5)
    s = made()
    assert 'could not begin' in s.until(lambda: said(s, id)) and f'there is no run {run}' in said(s, id)

def test_a_schedule_that_is_brought_back_waits_for_its_next_time(made):
    s = made()
    plan = s.act('schedule.add', action='trip.run', every=f'daily {later()}', args={'values': {'distance': 5}})['result']['id']
    at(s, plan, time.time() + .5)
    gone = s.act('schedule.remove', id=plan)['id']
    time.sleep(.7)
    assert s.post(f'/api/roll/{gone}/undo')[0] == 200
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        assert db.execute('select next_at from schedule where id=?', (plan,)).fetchone()[0] > time.time() + 60
    assert s.get('/api/schedule/form?what=')[0] == s.get('/api/schedule/form?what=trip.again%201')[0] == 200
    assert not said(s, plan), 'nothing was begun'

def test_the_form_on_the_page(made, page):
    s = made()
    run = answered(s)
    page.goto(f'{s.url}/trip')
    page.locator('#trip-more > summary').click()
    page.locator('#trip-more .plan').click()
    page.locator('#plan-new').wait_for()
    assert page.locator('#plan-new [name=what]').input_value() == f'trip.again {run}' and not page.locator('#plan-new [name=n]').is_visible()
    page.locator('#plan-new [name=at]').fill(when := later())
    page.get_by_role('button', name='Schedule', exact=True).click()
    line = page.locator('#plans > li', has_text='Trip, with the answers of “Run 1”')
    line.get_by_text(f'every day at {when} · next').wait_for()
    page.locator('#plan-new [name=how]').select_option('hours')
    assert page.locator('#plan-new [name=n]').is_visible() and not page.locator('#plan-new [name=at]').is_visible()
    page.locator('#plan-new [name=n]').fill('6')
    page.get_by_role('button', name='Schedule', exact=True).click()
    page.locator('#plans > li', has_text='every 6 hours').wait_for()
    line.filter(has_text='every day').get_by_role('button', name='Now').click()
    worked_through(s, 2)
    line.filter(has_text='every day').get_by_role('button', name='Pause').click()
    line.get_by_text('paused').wait_for()
    line.filter(has_text='paused').get_by_role('button', name='Remove').click()
    page.locator('#plans > li').nth(1).wait_for(state='detached')
    assert page.locator('#plans > li').count() == 1
