"The list of jobs as a person uses it: found again by state and words, paged, cleared, and the clearing taken back."
import contextlib, sqlite3, time
import pytest

plugin = '''"Work: short things, for tests."
from pianola import Page, action
page = Page()
@page
def index(): return 'x'
@action(title='Measure')
def measure(job, what: str = '', bad: bool = False):
    "Measure."
    job.log(f'measured {what}')
    if bad: raise ValueError(f'{what} is odd')
    return what
'''

@pytest.fixture
def app(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p/work.py').write_text(plugin)
    (tmp_path/'p/70_jobs.py').write_text((__import__('conftest').root/'plugins/70_jobs.py').read_text('utf-8'))
    s = serve(tmp_path/'data', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    s.began = lambda **kw: s.act('work.measure', **kw)['result']['job']
    s.over = lambda id: s.until(lambda: next(j for j in s.get('/api/jobs')[1] if j['id'] == id)['state'] in ('done', 'failed'))
    return s

def test_a_hundred_and_more_jobs_are_paged_narrowed_by_state_and_words_and_follow_what_happens(app, page):
    s = app
    for n in range(104): last = s.began(what=f'thing {n}')
    odd = s.began(what='a goose', bad=True)
    for id in (last, odd): s.over(id)
    s.until(lambda: not s.get('/api/jobs?state=waiting')[1] and not s.get('/api/jobs?state=running')[1])
    assert ([j['id'] for j in s.get('/api/jobs?words=GOOSE')[1]] == [odd]
            and [j['state'] for j in s.get('/api/jobs?state=failed')[1]] == ['failed'] and len(s.get('/api/jobs?limit=7')[1]) == 7)
    assert s.get('/api/jobs?state=lost')[0] == 400
    page.goto(s.url + '/jobs')
    assert page.locator('#jobs > .job').count() == 100
    page.locator(f'#job-log-{odd} summary').click()
    page.locator(f'#job-lines-{odd}', has_text='measured a goose').wait_for()
    page.get_by_role('button', name='Earlier').click()
    page.locator('#job-1').wait_for()
    assert page.locator('#jobs > .job').count() == 105 and not page.get_by_role('button', name='Earlier').count()
    page.get_by_label('In which state').select_option('failed')
    page.wait_for_function("() => document.querySelectorAll('#jobs > .job').length === 1")
    page.locator(f'#job-{odd}').get_by_role('button', name='Try again').click()
    page.wait_for_function(f"() => document.querySelector('#job-{odd} .state time')")
    other = s.began(what='a duck', bad=True)
    page.locator(f'#job-{other}').wait_for()                                    # it came in
    fine = s.began(what='a swan')
    s.over(fine)
    page.locator(f'#job-{fine}').wait_for(state='attached')
    assert not page.locator(f'#job-{fine}').is_visible(), 'it did not fail'
    page.get_by_label('In which state').select_option('')
    page.get_by_label('Words in it').fill('duck')
    page.wait_for_function("() => document.querySelectorAll('#jobs-some > .job').length === 1")
    again, _ = s.began(what='a Duck'), s.began(what='a swan')
    page.locator(f'#jobs-some > #job-{again}').wait_for()                       # it has the word; the swan has not
    assert page.locator('#jobs-some > .job').count() == 2

def test_a_list_of_some_jobs_on_a_plugins_own_page_follows_what_happens_in_every_tab(serve, tmp_path, page, context):
    (tmp_path/'p').mkdir()
    (tmp_path/'p/work.py').write_text(plugin.replace('import Page', 'import Page, job_list').replace(
        "def index(): return 'x'", "async def index(): return await job_list('measure')"))
    (tmp_path/'p/other.py').write_text(plugin.replace('Measure', 'Weigh').replace('def measure', 'def weigh'))
    s = serve(tmp_path/'data', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    both = page, context.new_page()
    for p in both:
        p.goto(s.url + '/work')
        p.get_by_text('No job is like that.').wait_for()
    s.act('other.weigh', what='nothing')
    ids = [s.act('work.measure', what=w)['result']['job'] for w in ('a swan', 'a goose')]
    for p in both:
        for id in ids: p.locator(f'#job-{id}[data-state=done]').wait_for()
        assert p.locator('.jobs > .job').evaluate_all('es => es.map(e => e.id)') == [f'job-{id}' for id in reversed(ids)]
        assert not p.get_by_text('No job is like that.').is_visible()

def test_what_is_long_over_is_cleared_and_comes_back_when_that_is_taken_back_and_is_forgotten_after_a_day(app, page, serve):
    s = app
    done, odd = s.began(what='a swan'), s.began(what='a goose', bad=True)
    for id in (done, odd): s.over(id)
    page.goto(s.url + '/jobs')
    assert s.post('/api/actions/jobs.clear', {'days': 1})[0] == 202, 'a program asks'
    page.locator('.job-tools .clear summary').click()
    page.get_by_label('For how long').select_option('0')
    page.get_by_role('button', name='Clear', exact=True).click()
    page.locator(f'#job-{done}').wait_for(state='detached')
    assert page.locator(f'#job-{odd}').count() == 1 and [j['id'] for j in s.get('/api/jobs')[1]] == [odd]
    entry = next(e for e in s.get('/api/roll?limit=1000')[1][::-1] if e['action'] == 'jobs.clear' and e['status'] == 'done')
    s.post(f"/api/roll/{entry['id']}/undo")
    page.locator(f'#job-{done}').wait_for()
    page.get_by_role('button', name='Clear', exact=True).click()
    page.locator(f'#job-{done}').wait_for(state='detached')
    s.stop()
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        db.execute('update job set cleared=? where id=?', (time.time() - 100_000, done))
        db.commit()
    s = serve(s.data, plugins=s.data.parent/'p', env={'PIANOLA_ENGINE': 'embedded'})
    with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db:
        assert [i for i, in db.execute('select id from job')] == [odd] and not db.execute('select 1 from job_event where job=?', (done,)).fetchone()

def test_a_job_whose_plugin_is_gone_or_broken_waits_and_goes_on_when_it_is_there_again(app, serve):
    s, file = app, app.data.parent/'p/work.py'
    slow = plugin.replace("    if bad:",
                          "    for n in job.each(range(30)):\n        __import__('time').sleep(.1)\n        job.progress(n+1, 30)\n    if bad:")
    file.write_text(slow)
    s.until(lambda: any('plugin work: loaded' in line for line in s.lines))
    id = s.began(what='a fence')
    state = lambda: next(j for j in s.get('/api/jobs')[1] if j['id'] == id)
    s.until(lambda: (state()['done'] or 0) > 5)
    s.kill()
    file.write_text(slow + '\ndef (:\n')
    s = serve(s.data, plugins=s.data.parent/'p', env={'PIANOLA_ENGINE': 'embedded'})
    s.until(lambda: state()['text'].startswith('cannot go on: work does not load now'))
    assert state()['state'] == 'waiting'
    file.write_text(slow)
    s.until(lambda: state()['state'] == 'done')
    assert state()['done'] == 30
