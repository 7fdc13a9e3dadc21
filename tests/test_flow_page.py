"Flows as a person sees them, in a real browser."

import time
import pytest

from test_flow import folder, links, numbers, states, step, walker, walk      # noqa: F401

@pytest.fixture
def server(serve, folder): return serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})       # noqa: F811
def state(page, name, what): page.locator(f'#{name}[data-state={what}]').wait_for()
def until(page, js, seconds=60):
    "Our policy forbids what Playwright's own waiting does"
    end = time.time() + seconds
    while not page.evaluate(js):
        assert time.time() < end, js
        time.sleep(.03)
def press(page, name): page.locator(f'#{name} button.run').click()

def test_a_card_is_not_exchanged_under_the_pointer_that_presses_it(server, page):
    page.goto(server.url + '/links')
    page.fill('#links-site-url', 'example.org')
    until(page, 'seq > 0')                                      # the server knows what this tab looks at
    page.locator('#links-site button.run').hover()
    page.mouse.down()
    again = "put([{id: 'links-site', html: document.getElementById('links-site').outerHTML + ' ', only: true}], [])"
    page.evaluate(again)                                        # as whatever changes in the run does
    page.mouse.up()
    state(page, 'links-site', 'done')

def test_a_walk_through_a_flow_back_and_another_way(server, page):
    page.goto(server.url + '/links')
    page.wait_for_url('**/links?run=1')
    assert page.locator('#links-site').evaluate('e => e.open') and not page.locator('#links-walk').evaluate('e => e.open')
    page.fill('#links-site-url', 'not a site')
    press(page, 'links-site')
    page.locator('#links-site .wrong', has_text='must be a web address').wait_for()
    assert page.locator('#links-site-url').get_attribute('aria-invalid') == 'true'
    page.fill('#links-site-url', 'example.org')
    press(page, 'links-site')
    state(page, 'links-site', 'done')
    assert not page.locator('#links-site').evaluate('e => e.open'), 'a finished card folds'
    press(page, 'links-walk')
    state(page, 'links-walk', 'done')
    page.fill('#links-report-title', 'boom')
    page.press('#links-report-title', 'Enter')
    state(page, 'links-report', 'failed')
    page.locator('#links-report .trouble', has_text='ZeroDivisionError').wait_for()
    page.fill('#links-report-title', 'My links')
    press(page, 'links-report')
    page.locator('#links-report[data-state=done] h1', has_text='My links: 10').wait_for()
    page.locator('#links-site > summary').click()
    page.locator('#links-site .back').click()
    state(page, 'links-site', 'open')
    page.fill('#links-site-url', 'example.net')
    press(page, 'links-site')
    state(page, 'links-walk', 'stale')
    state(page, 'links-report', 'stale')
    page.locator('#links-walk', has_text='Url has changed since').locator('.go').click()
    state(page, 'links-walk', 'done')
    state(page, 'links-report', 'done')                # it reads only the count, which is the same
    page.locator('#links-site > summary').click()
    page.locator('#links-site .tries button', has_text='‹').click()
    page.locator('#links-site .said', has_text='example.org').wait_for()
    page.locator('#links-report[data-state=done]').wait_for()
    assert step(server, 'site')['inputs']['url'] == 'https://example.org'

def test_half_typed_input_survives_a_reload_and_a_kill_and_stands_in_the_other_tab(serve, folder, page, context, tmp_path):       # noqa: F811
    s = serve(data=tmp_path/'d', plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url + '/links')
    other = context.new_page()
    other.goto(s.url + '/links?run=1')
    page.press('#links-site-url', 'End')
    page.locator('#links-site-url').press_sequentially('/half', delay=10)
    until(other, "document.querySelector('#links-site-url').value === 'https://example.com/half'")
    page.reload()
    assert page.input_value('#links-site-url') == 'https://example.com/half'
    port = s.port
    s.kill()
    page.press('#links-site-url', 'End')
    page.locator('#links-site-url').press_sequentially('/more', delay=10)         # typed while nobody answers
    s = serve(data=tmp_path/'d', plugins=folder, env={'PIANOLA_ENGINE': 'embedded'}, port=port)
    s.until(lambda: '/half/more' in s.get('/links?run=1', HX_Request='true')[1])
    page.reload()
    assert page.input_value('#links-site-url') == 'https://example.com/half/more'

def test_two_tabs_on_two_runs_never_mix_and_two_on_one_are_the_same(server, page, context):
    page.goto(server.url + '/links')
    two, twin = context.new_page(), context.new_page()
    two.goto(server.url + '/links?run=1')
    two.locator('button.start').click()
    two.wait_for_url('**/links?run=2')
    twin.goto(server.url + '/links?run=2')
    two.fill('#links-site-url', 'two.example')
    press(two, 'links-site')
    page.fill('#links-site-url', 'one.example')
    press(page, 'links-site')
    for p, site in ((page, 'one.example'), (two, 'two.example'), (twin, 'two.example')):
        state(p, 'links-site', 'done')
        p.locator('#links-site .short', has_text=site).wait_for()
        state(p, 'links-walk', 'open')
    press(twin, 'links-walk')
    state(two, 'links-walk', 'done')
    assert page.locator('#links-walk').get_attribute('data-state') == 'open'
    two.locator('#links-runs > summary').click()
    two.locator('.runs a', has_text='Run 1').click()
    two.wait_for_url('**/links?run=1')
    press(page, 'links-walk')
    state(two, 'links-walk', 'done')

def test_what_is_folded_is_remembered(server, page, context):
    walk(server)
    page.goto(server.url + '/links?run=1')
    page.locator('#links-walk > summary').click()
    other = context.new_page()
    server.until(lambda: 'open id="links-walk"' in server.get('/links?run=1', HX_Request='true')[1])
    other.goto(server.url + '/links?run=1')
    assert other.locator('#links-walk').evaluate('e => e.open')
    server.act('links.fold', step='walk', open=False, run=1)
    until(other, "!document.querySelector('#links-walk').open")
    until(page, "!document.querySelector('#links-walk').open")

def test_runs_are_searched_named_compared_locked_exported_and_put_away(server, page, tmp_path):
    walk(server, pages=3)
    walk(server, pages=4)
    page.goto(server.url + '/links?run=2')
    page.locator('#links-more > summary').click()
    page.fill('#links-more input[name=name]', 'Autumn')
    page.locator('#links-more .rename button').click()
    page.locator('#links-runs .t', has_text='Autumn').first.wait_for()
    page.locator('#links-more > summary').click() if not page.locator('#links-more').evaluate('e => e.open') else None
    page.select_option('#links-more select', label='Run 1')
    page.locator('#dialog .compare tr.differs').first.wait_for()
    assert page.locator('#dialog .compare thead').inner_text().split() == ['Autumn', 'Run', '1']
    page.locator('#dialog').get_by_role('button', name='Close').click()
    if not page.locator('#links-more').evaluate('e => e.open'): page.locator('#links-more > summary').click()
    with page.expect_download() as d: page.get_by_text('Export').click()
    d.value.save_as(tmp_path/'run.zip')
    if not page.locator('#links-more').evaluate('e => e.open'): page.locator('#links-more > summary').click()
    page.locator('.import-run').set_input_files(tmp_path/'run.zip')
    page.wait_for_url('**/links?run=3')
    state(page, 'links-report', 'done')
    page.locator('#links-more > summary').click()
    page.get_by_role('button', name='Lock').click()
    state(page, 'links-site', 'locked')
    page.locator('#links-runs > summary').click()
    page.fill('#links-runs input[type=search]', 'run 1')
    until(page, "document.querySelectorAll('#links-runs .runs li').length === 1")
    page.keyboard.press('Escape')
    page.locator('#links-more > summary').click()
    page.get_by_role('button', name='Delete').click()
    page.get_by_text('was deleted').first.wait_for()
    page.locator('#toasts .undo').last.click()
    state(page, 'links-site', 'locked')

def test_a_job_shows_its_progress_and_locks_its_button_in_every_tab(serve, tmp_path, page, context):
    s = serve(plugins=walker(tmp_path/'p'), env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url + '/walker')
    other = context.new_page()
    other.goto(s.url + '/walker?run=1')
    (tmp_path/'p'/'hold').touch()
    page.locator('#walker-site-pages').fill('40')
    press(page, 'walker-site')
    state(page, 'walker-site', 'done')
    press(page, 'walker-walk')
    for p in (page, other):
        state(p, 'walker-walk', 'running')
        assert p.locator('#walker-walk button.run[aria-busy=true]').is_disabled()
        until(p, "+document.querySelector('#walker-walk progress').value > 3")
    page.reload()
    until(page, "+document.querySelector('#walker-walk progress')?.value > 3")
    (tmp_path/'p'/'hold').unlink()
    for p in (page, other): state(p, 'walker-walk', 'done')

def test_the_introduction_begins_with_one_click_and_remembers(serve, upstream, page):
    up = upstream(['I am ', 'Pianola.'])
    s = serve(env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    page.goto(s.url + '/introduction')
    press(page, 'introduction-welcome')
    page.locator('#msg-list > [data-role=assistant]', has_text='I am Pianola.').wait_for()
    state(page, 'introduction-you', 'open')
    page.fill('#introduction-you-name', 'Ada <b>')
    page.select_option('#introduction-you-colour', 'purple')
    press(page, 'introduction-you')
    page.locator('#introduction-known[data-state=done] .ink-purple').wait_for()
    page.locator('#introduction-known', has_text='Hello, Ada <b>').wait_for()
    s.until(lambda: any('My name is Ada' in m['content'] for b in up.asked for m in b['messages']))
    page.locator('button.start').click()
    page.wait_for_url('**run=2*')
    press(page, 'introduction-welcome')
    state(page, 'introduction-you', 'open')
    assert page.input_value('#introduction-you-name') == 'Ada <b>' and page.input_value('#introduction-you-colour') == 'purple'

def test_the_stream_simulator_breaks_goes_on_and_is_commented(serve, upstream, page):
    up = upstream(['Nicely ', 'on its way.'])
    s = serve(env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    page.goto(s.url + '/stream_simulator')
    page.select_option('#stream_simulator-what-kind', 'failing')
    page.fill('#stream_simulator-what-pieces', '120')               # a quarter of it takes longer than a comment
    press(page, 'stream_simulator-what')
    state(page, 'stream_simulator-what', 'done')
    press(page, 'stream_simulator-stream')
    state(page, 'stream_simulator-stream', 'failed')
    page.locator('#stream_simulator-stream .trouble', has_text='it broke half-way').wait_for()
    press(page, 'stream_simulator-stream')
    state(page, 'stream_simulator-stream', 'done')
    page.locator('#msg-list > [data-role=assistant]', has_text='Nicely on its way.').first.wait_for()
    assert any(f'is {q} % done' in m['content'] for b in up.asked for m in b['messages']
               for q in (25, 50, 75)), 'while the model speaks the newest waits'
