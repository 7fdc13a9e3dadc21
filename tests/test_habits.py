"""What people do with the page all day: read back, write in two tabs, leave the pointer
anywhere, work on a phone. A real Chromium; the words come from a scripted Ollama."""
import json, re
import pytest
from playwright.sync_api import expect
from conftest import written
from ollama_double import Think
from test_page import app, over, say, until      # noqa: F401  app is a fixture

pytestmark = pytest.mark.browser

def long_talk(folder, turns=30):
    "A data folder with one conversation of long replies"
    from pianola.conversation import history
    def many(tx):
        c = history.begin(tx, 'Long')
        for n in range(turns):
            history.add(tx, c, 'user', f'question {n}')
            history.add(tx, c,
                        'assistant', '\n\n'.join(f'Reply {n}, paragraph {k}: ' + 'the sea is wide and the boat is small, and so on. '*4
                                                 for k in range(6)))
    written(folder, many)

in_view = """() => { const l = document.querySelector('#msg-list').getBoundingClientRect(); return [...document.querySelectorAll('#msg-list .block p')].filter(p => { const b = p.getBoundingClientRect(); return b.bottom > l.top + 5 && b.top < l.bottom - 5 }).map(p => p.textContent.slice(0, 24)) }"""

def test_reading_back_shows_every_line(serve, page, tmp_path):
    "Messages that were never drawn have a guessed height: what is read must stay where it is when they get their real one"
    long_talk(tmp_path/'long')
    page.goto(serve(data=tmp_path/'long', env={'PIANOLA_ENGINE': 'embedded'}).url)
    expect(page.locator('#msg-list')).to_contain_text('Reply 29, paragraph 5')
    page.focus('#msg-list')
    page.wait_for_timeout(400)
    seen, before = [], page.evaluate(in_view)
    for _ in range(12):
        page.keyboard.press('PageUp')
        page.wait_for_timeout(350)
        now = page.evaluate(in_view)
        assert now != before
        seen, before = [*now, *seen], now
    numbers = sorted({tuple(map(int, re.findall(r'\d+', t))) for t in seen})
    assert (numbers == [(r, p) for r in range(numbers[0][0], numbers[-1][0]+1) for p in range(6) if numbers[0] <= (r, p) <= numbers[-1]]
            and len(numbers) > 15)
    at = page.evaluate("document.querySelector('#msg-list').scrollTop")
    page.mouse.move(*(lambda b: (b['x'] + 50, b['y'] + 200))(page.locator('#msg-list').bounding_box()))
    first = page.evaluate(in_view)[0]
    y = page.evaluate(
        "t => [...document.querySelectorAll('#msg-list .block p')].find(p => p.textContent.startsWith(t)).getBoundingClientRect().top", first)
    page.mouse.wheel(0, -150)
    page.wait_for_timeout(500)
    assert at and abs(
        page.evaluate(
            "t => [...document.querySelectorAll('#msg-list .block p')].find(p => p.textContent.startsWith(t)).getBoundingClientRect().top",
            first) - y - 150) < 30, 'one notch moves by one notch'

def test_looking_up_where_all_is_in_view_does_not_stop_following(app, page):      # noqa: F811
    app(['Hello.', 3.0, *(f'\n\nParagraph {n} of a reply that grows out of the window.' for n in range(60))])
    say(page, 'go on')
    expect(page.locator('#msg-list')).to_contain_text('Hello')
    page.mouse.move(*(lambda b: (b['x'] + 50, b['y'] + 100))(page.locator('#msg-list').bounding_box()))
    page.mouse.wheel(0, -100)
    over(page)
    until(page, lambda: page.evaluate("(l => l.scrollHeight - l.scrollTop - l.clientHeight < 40 && l.scrollHeight > "
                                      "l.clientHeight)(document.querySelector('#msg-list'))"))
    assert page.locator('#to-end').is_hidden()

def test_what_is_saved_in_a_cell_stays_when_somebody_changed_the_row_meanwhile(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    for key in ('Enter', 'Tab'):
        i = s.act('tasks.create', name='Buy milk')['result']['id']
        page.goto(s.url + '/tasks')
        cell = page.locator(f'#tasks-{i} .cell.main')
        cell.click(); page.keyboard.press('End'); page.keyboard.type(' and eggs')
        s.act('tasks.update', id=i, done=True)
        page.wait_for_timeout(400)
        page.keyboard.press(key)
        until(page, lambda i=i: next(r for r in s.rows('tasks') if r['id'] == i)['name'] == 'Buy milk and eggs')
        page.wait_for_timeout(700)
        expect(cell).to_have_value('Buy milk and eggs')
        expect(page.locator(f'#tasks-{i} .tick')).to_be_checked()

def test_what_is_half_typed_into_a_row_that_goes_does_not_bring_the_row_back(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    i = s.act('tasks.create', name='Goes')['result']['id']
    s.act('tasks.create', name='Stays')
    page.goto(s.url + '/tasks')
    page.locator(f'#tasks-{i} .cell.main').click(); page.keyboard.type('x')
    s.act('tasks.update', id=i, done=True)
    page.wait_for_timeout(200)
    row = next(e['id'] for e in reversed(s.get('/api/roll?limit=1000')[1]) if e['action'] == 'tasks.create' and (e['result'] or {}).get('id') == i)
    s.post(f"/api/roll/{next(e['id'] for e in reversed(s.get('/api/roll?limit=1000')[1]) if e['action'] == 'tasks.update')}/undo")
    s.post(f'/api/roll/{row}/undo')
    expect(page.locator(f'#tasks-{i}')).to_have_count(0)
    expect(page.locator('#toasts')).to_contain_text('You had written')
    page.wait_for_timeout(900)
    expect(page.locator(f'#tasks-{i}')).to_have_count(0)

def test_two_tabs_have_a_draft_each(app, page, context):      # noqa: F811
    s, _ = app(['One.'])
    say(page, 'first'); over(page)
    page.fill('#msg', 'a long thought that is not finished')
    other = context.new_page()
    other.goto(page.url)
    expect(other.locator('#msg')).to_have_value('a long thought that is not finished')      # a new tab finds what was written last
    other.fill('#msg', 'quick question'); other.press('#msg', 'Enter')
    expect(other.locator('#msg-list > [data-role=assistant]')).to_have_count(2)
    page.reload()
    expect(page.locator('#msg')).to_have_value('a long thought that is not finished')
    other.reload()
    expect(other.locator('#msg')).to_have_value('')

def test_a_tab_that_comes_while_the_model_thinks_reads_each_thought_once(app, page, context):      # noqa: F811
    s, _ = app([*(Think(f'[{n}]') for n in range(160)), 'Done.'], rate=100,
               models={'double:latest': {'capabilities': ['completion', 'thinking'], 'context': 8192}})
    say(page, 'think')
    for _ in range(4):
        page.wait_for_timeout(250)
        page.goto(page.url)
    over(page)
    page.locator('.thinking summary').click()
    assert page.locator('.thought').text_content() == ''.join(f'[{n}]' for n in range(160))

def test_on_a_phone_the_keys_lead_to_the_box(shared, page):
    page.set_viewport_size({'width': 390, 'height': 800})
    page.goto(shared.url + '/tasks')
    page.keyboard.press('/')
    page.keyboard.type('hello')
    expect(page.locator('#msg')).to_have_value('hello')
    page.locator('#get-model').click()
    expect(page.locator('#dialog')).to_be_visible()
    page.keyboard.press('Escape')
    expect(page.locator('#dialog')).to_be_hidden()
    expect(page.locator('#msg')).to_be_in_viewport()      # only the dialog went
    page.keyboard.press('Escape')
    expect(page.locator('#chat')).not_to_be_in_viewport()
    page.evaluate("document.querySelector('.skip').focus()")
    page.keyboard.press('Enter')
    page.keyboard.type('!')
    expect(page.locator('#msg')).to_have_value('hello!')
    page.fill('#msg', '')

@pytest.mark.parametrize('width', [900, 1024, 1440])
def test_neither_column_can_be_pushed_away(shared, page, width):
    page.set_viewport_size({'width': width, 'height': 800})
    page.goto(shared.url + '/tasks')
    def drag(to):
        b = page.locator('#split').bounding_box()
        page.mouse.move(b['x']+4, 400); page.mouse.down(); page.mouse.move(to, 400, steps=4); page.mouse.up()
    drag(5)
    assert (page.locator('#main').bounding_box()['width'] > 330
            and abs(int(page.locator('#split').get_attribute('aria-valuenow')) - page.locator('#chat').bounding_box()['width']/width*100) <= 1)
    drag(width-5)
    narrow = page.locator('#chat').bounding_box()['width']
    assert narrow > 280
    page.locator('#split').focus()
    page.keyboard.press('ArrowLeft')
    until(page, lambda: page.locator('#chat').bounding_box()['width'] > narrow or width == 900
          and page.locator('#main').bounding_box()['width'] < 400)
    page.mouse.move(page.locator('#split').bounding_box()['x']+4, 400)
    page.mouse.down(button='right'); page.mouse.move(width//2, 300); page.mouse.up(button='right')
    assert not page.evaluate("document.body.classList.contains('splitting')")
    page.evaluate("localStorage.removeItem('split')")

def test_copy_says_so_and_is_copy_again(app, page):      # noqa: F811
    s, _ = app(['One.'])
    say(page, 'first')
    button = over(page).locator('.copy-message')
    over(page).hover()
    button.click(); page.wait_for_timeout(300); button.click()
    expect(button).to_have_text('Copied')
    expect(button).to_have_text('Copy')
    page.context.set_offline(True); s.kill()
    button.click()
    expect(page.locator('#toasts')).to_contain_text('Nothing was copied')

def test_a_yes_that_comes_too_late_is_told(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    i = s.act('tasks.create', name='Old name')['result']['id']
    page.goto(s.url + '/tasks')
    s.post('/api/actions/tasks.delete', {'id': i})
    card = page.locator('#waiting .approval')
    expect(card).to_be_visible()
    s.act('tasks.update', id=i, name='New name')
    card.locator('.approve').click()
    expect(page.locator('#toasts')).to_contain_text('changed since')
    assert [r['name'] for r in s.rows('tasks')] == ['New name']

def test_a_bookmark_of_a_plugin_that_is_gone_opens_the_page(shared, page):
    answer = page.goto(shared.url + '/was_here')
    assert answer.status == 404
    expect(page.locator('#main')).to_contain_text('There is no plugin called was_here')
    page.locator('#menu a').first.click()
    expect(page.locator('#main h1')).to_have_text('Tasks')
    assert shared.get('/was_here')[0] == 404 and 'there is tasks' in shared.get('/was_here')[1]['hint']

def test_a_page_without_its_script_says_so(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    page.route('**/htmx.min.js*', lambda r: r.abort())
    page.goto(s.url + '/tasks')
    expect(page.locator('#main > .failed[role=alert]')).to_contain_text('A part of this page is missing')
    s.act('tasks.create', name='still drawn')
    expect(page.locator('#tasks-rows, .rows').first).to_contain_text('', timeout=1000)
    expect(page.locator('#main')).to_contain_text('Add')
    until(page, lambda: page.locator('.cell.main').count() == 1 and page.locator('.cell.main').input_value() == 'still drawn')

def test_an_open_page_is_asked_for_a_password_that_is_new_and_comes_back_to_its_place(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url + '/profiles')
    s.stop()
    t = serve(data=s.data, env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_PASSWORD': 'open sesame'}, port=s.port)
    link = page.locator('#offline a')
    expect(link).to_be_visible(timeout=30_000)
    link.click()
    page.fill('input[type=password]', 'wrong'); page.press('input[type=password]', 'Enter')
    expect(page.locator('[role=alert]')).to_have_text('That is not the password.')
    page.fill('input[type=password]', 'open sesame'); page.press('input[type=password]', 'Enter')
    expect(page.locator('#main h1')).to_have_text('Profiles')
    assert t.url in page.url

def test_orders_that_waited_when_it_crashed_are_all_done_when_it_is_asked_to_answer(serve, upstream, page):
    u = upstream([x for n in range(200) for x in (f'word {n} ', .05)])
    s = serve(env=u.env)
    page.goto(s.url + '/tasks')
    say(page, 'tell me about rivers')
    expect(page.locator('#msg-list > [data-role=assistant][data-status=streaming]')).to_contain_text('word 3')
    for text in ('add a task: feed the cat', 'add a task: pay the rent'): say(page, text)
    s.until(lambda: len(s.get('/api/conversation')[1]) == 4)
    until(page, lambda: page.locator('.msg.user').last.locator('.facts').evaluate(
        "e => getComputedStyle(e, '::before').content").startswith('"waits'))
    s.kill()
    t = serve(data=s.data, env=u.env, port=s.port)
    button = page.get_by_role('button', name='Answer', exact=True)
    expect(button).to_have_count(1, timeout=20_000)
    button.click()
    t.until(lambda: sorted(r['name'] for r in t.rows('tasks')) == ['Feed the cat', 'Pay the rent'])

def test_a_prompt_that_another_editor_saved_is_read(serve, upstream, tmp_path):
    from conftest import connect
    (tmp_path/'q').mkdir()
    u = upstream(['Ja.', 'Ja.'])
    s = serve(env=u.env, prompts=tmp_path/'q')
    for n, raw in enumerate(('Grüße jeden.'.encode('latin-1'), 'Grüße jeden.'.encode('utf-16'))):
        (tmp_path/'q'/'system.md').write_bytes(raw)
        with connect(s.ws) as ws: ws.send(json.dumps({'msg': f'hello {n}'}))
        s.until(lambda n=n: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done']*(n+1))
        assert u.asked[-1]['messages'][0]['content'] == 'Grüße jeden.'
