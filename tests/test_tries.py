"Saying it differently and asking for another try, and going between them: what a person sees of it, in a real Chromium."
import json
import pytest
from playwright.sync_api import expect
from conftest import held, written
from test_page import app, over, replies, say, until          # noqa: F401

pytestmark = pytest.mark.browser

def mine(page): return page.locator('#msg-list > [data-role=user]')
def reword(page, message, text, send=True):
    "Press Edit under a message and write something else"
    message.hover()
    message.get_by_role('button', name='Edit').click()
    page.fill('.body.edit textarea', text)
    if send: page.press('.body.edit textarea', 'Control+Enter')
def talk(folder, pairs=30):
    "A conversation of so many questions and answers, each question with two wordings, in a data folder; the questions' numbers"
    from pianola.conversation import history
    facts = {'model': 'qwen2.5-coder-0.5b-instruct', 'stats': json.dumps({'tokens': 125, 'seconds': 20})}
    def write(tx):
        c, asked, last = history.begin(tx, 'long'), [], None
        for i in range(pairs):
            old = history.add(tx, c, 'user', f'old question {i}', parent=last)
            history.add(tx, c, 'assistant', f'old answer {i}', **facts)
            asked.append(history.add(tx, c, 'user', f'question {i}', parent=last) if last else old)
            history.add(tx, c, 'assistant', f'first answer {i}: ' + 'some words '*60, parent=asked[-1], **facts)
            last = history.add(tx, c, 'assistant', f'answer {i}: ' + 'some words '*60, parent=asked[-1], **facts)
        return asked
    return written(folder, write)
def at(page, q): return page.locator(q).evaluate('e => e.getBoundingClientRect().top')

@pytest.mark.parametrize('width, touch', [(1440, False), (1024, False), (390, False), (390, True)])
def test_the_buttons_of_a_message_never_cover_those_that_turn_to_its_other_tries(serve, tmp_path, new_context, width, touch):
    asked = talk(tmp_path/'data', 3)
    s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded'})
    page = new_context(viewport={'width': width, 'height': 900}, has_touch=touch, is_mobile=touch).new_page()
    page.set_default_timeout(10_000)
    page.goto(s.url + '/tasks')
    if width < 900: page.click('#chat-open')
    press = lambda b: b.tap() if touch else b.click()
    for q, then, now in ((f'#msg-{asked[1]}', 'old question 1', 'question 1'), (f'#msg-{asked[1]} + .msg', 'first answer 1', 'answer 1')):
        m = page.locator(q)
        m.scroll_into_view_if_needed()
        if not touch: m.hover()
        press(m.get_by_label('Earlier try'))                    # refused by the driver where something lies over it
        other = page.locator('.msg', has_text=then)
        expect(other).to_be_in_viewport()
        if not touch: other.hover()
        expect(other.get_by_role('button', name='Copy')).to_be_visible()
        press(other.get_by_label('Later try'))
        expect(other).to_have_count(0)
        expect(m.locator('.body')).to_contain_text(now)

@pytest.mark.parametrize('way', ['scrolled', 'found', 'again'])
def test_what_is_asked_for_anew_further_up_comes_into_view_with_its_answer(serve, upstream, page, tmp_path, way):
    asked = talk(tmp_path/'data')
    script, go = held([f'word{i} ' for i in range(400)], 30)
    s = serve(tmp_path/'data', env=upstream(script).env)
    page.goto(s.url + (f'/?at={asked[20]}' if way == 'found' else ''))
    m = page.locator(f'#msg-{asked[20]}')
    m.scroll_into_view_if_needed()
    page.locator('#msg-list').hover()
    page.mouse.wheel(0, -20)
    if way == 'again':
        m.locator('+ .msg').hover()
        m.locator('+ .msg').get_by_role('button', name='Again').click()
    else: reword(page, m, 'said differently')
    expect(page.locator('#msg-list > [data-status=streaming]')).to_contain_text('word29')
    expect(mine(page).last.locator('.body')).to_have_text('question 20' if way == 'again' else 'said differently')
    expect(mine(page).last).to_be_in_viewport()
    expect(replies(page).last).to_be_in_viewport()
    go.set()
    expect(replies(page).last).to_have_attribute('data-status', 'done')
    assert page.evaluate('atEnd(list())'), 'and it is followed to its end'

def test_another_try_further_up_is_shown_where_the_one_before_it_stood(serve, page, tmp_path):
    from pianola.conversation import history
    def two_ways(tx):
        c, last = history.begin(tx, 'fork'), None
        def on(n, last):
            for i in range(n):
                last = history.add(tx, c, 'user', f'question {i}', parent=last)
                last = history.add(tx, c, 'assistant', 'some words '*60, parent=last)
            return last
        fork = history.add(tx, c, 'user', 'the fork', parent=on(5, last))
        for n in (1, 2, 3): on(5, history.add(tx, c, 'assistant', f'way {n}', parent=fork))
    written(tmp_path/'data', two_ways)
    s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url)
    way = lambda n: page.locator('.msg.assistant', has_text=f'way {n}')
    way(3).evaluate("m => m.scrollIntoView({block: 'center'})")
    page.locator('#msg-list').hover()
    page.mouse.wheel(0, -20)
    page.wait_for_timeout(200)
    there = way(3).get_by_label('Earlier try').bounding_box()
    for n, press in ((2, 'Earlier try'), (1, 'Earlier try'), (2, 'Later try')):
        page.locator('.msg.assistant', has_text='way').get_by_label(press).click()
        until(page, lambda n=n: way(n).count() and abs(way(n).locator('.tries').bounding_box()['y'] - there['y']) < 4)
    expect(way(2).get_by_label('Later try')).to_be_focused()

def test_what_is_read_further_up_stays_where_it_is_when_the_list_is_drawn_anew(serve, page, tmp_path):
    asked = talk(tmp_path/'data')
    s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url)
    page.locator(f'#msg-{asked[22]}').scroll_into_view_if_needed()
    page.locator('#msg-list').hover()
    page.mouse.wheel(0, -50)
    page.wait_for_timeout(200)
    reword(page, page.locator(f'#msg-{asked[22]}'), 'half said', send=False)
    page.locator('#model').focus()
    there = at(page, f'#msg-{asked[22]}')
    page.evaluate('ws.onclose = null; ws.close()')                    # who was away when a branch changed gets the list anew
    s.act('chat.pick', message=asked[29] + 1)
    page.evaluate('connect()')
    expect(page.locator('#msg-list')).to_contain_text('first answer 29')
    until(page, lambda: abs(at(page, f'#msg-{asked[22]}') - there) < 4)
    assert page.locator('.body.edit textarea').input_value() == 'half said'

def test_an_edit_ends_the_answer_to_the_old_wording_and_that_stays_on_its_branch(app, page):          # noqa: F811
    script, go = held([f'word{i} ' for i in range(400)], 40)
    s, u = app(lambda body: ['Anew.'] if 'differently' in body['messages'][-1]['content'] else script(body))
    say(page, 'tell me')
    expect(replies(page).first).to_contain_text('word39')
    say(page, 'and this waits')
    expect(mine(page)).to_have_count(2)
    reword(page, mine(page).first, 'tell me differently')
    expect(over(page).locator('.body')).to_have_text('Anew.')
    assert [m['text'] for m in s.get('/api/conversation')[1]] == ['tell me differently', 'Anew.']
    expect(page.locator('#toasts .refused')).to_have_count(0)
    mine(page).first.hover()
    mine(page).first.get_by_label('Earlier try').click()
    expect(over(page, status='stopped').locator('.body')).to_contain_text('word39')
    expect(mine(page).last.get_by_role('button', name='Answer')).to_be_visible()          # what waited there is not lost, and waits for a word
    assert len(u.asked) == 2

def test_again_further_up_ends_the_reply_that_is_being_written(app, page):          # noqa: F811
    script, go = held([f'word{i} ' for i in range(400)], 40)
    n = iter(range(9))
    s, _ = app(lambda body: script(body) if 'long' in body['messages'][-1]['content'] else [f'short {next(n)}'])
    say(page, 'first')
    over(page)
    say(page, 'something long')
    expect(replies(page).nth(1)).to_contain_text('word39')
    replies(page).first.hover()
    replies(page).first.get_by_role('button', name='Again').click()
    expect(replies(page)).to_have_count(1)
    expect(over(page).locator('.body')).to_have_text('short 1')
    replies(page).first.get_by_label('Earlier try').click()
    expect(over(page, 2, 'stopped').locator('.body')).to_contain_text('word39')

def test_what_waits_for_a_reply_is_said_differently_without_ending_that(app, page):          # noqa: F811
    script, go = held([f'word{i} ' for i in range(60)], 40)
    s, _ = app(lambda body: script(body) if 'long' in body['messages'][-1]['content'] else ['To ' + body['messages'][-1]['content']])
    say(page, 'something long')
    expect(replies(page).first).to_contain_text('word39')
    say(page, 'hwllo')
    reword(page, mine(page).nth(1), 'hello')
    expect(mine(page).nth(1).locator('.body')).to_have_text('hello')
    go.set()
    over(page)
    expect(over(page, 2).locator('.body')).to_have_text('To hello')
    assert [m['status'] for m in s.get('/api/conversation')[1]] == ['done'] * 4 and page.locator('.msg:not(.overheard)').count() == 4

def test_an_edit_leaves_the_reply_of_another_conversation_alone(app, page, context):          # noqa: F811
    script, go = held([f'word{i} ' for i in range(60)], 40)
    s, _ = app(lambda body: script(body) if 'long' in body['messages'][-1]['content'] else ['Short.'])
    say(page, 'first')
    over(page)
    other = context.new_page()
    other.goto(s.url + '/?chat=new')
    say(other, 'something long')
    expect(replies(other).first).to_contain_text('word39')
    reword(page, mine(page).first, 'second')
    expect(mine(page).first.locator('.body')).to_have_text('second')
    expect(replies(other).first).to_have_attribute('data-status', 'streaming')
    go.set()
    expect(over(other).locator('.body')).to_contain_text('word59')

def test_a_refused_wording_stays_open_and_one_that_is_put_away_comes_back(app, page):          # noqa: F811
    s, _ = app(['Hello.'])
    say(page, 'as it was')
    over(page)
    box = page.locator('.body.edit textarea')
    reword(page, mine(page).first, '  ')
    expect(page.locator('.body.edit .wrong')).to_contain_text('the message is empty')
    page.fill('.body.edit textarea', 'another wording')
    id = s.get('/api/conversation')[1][0]['id']
    page.locator('#model').focus()
    s.get(f'/api/messages/{id}/bubble')                                 # it is drawn anew for some other reason
    s.act('chat.rename', id=1, title='Drawn')
    expect(page.locator('#chat-title')).to_have_text('Drawn')
    expect(box).to_have_value('another wording')
    for way in ('Escape', 'Keep as it was'):
        box.focus()
        page.keyboard.press('Escape') if way == 'Escape' else page.get_by_role('button', name=way).click()
        expect(mine(page).first.locator('.body')).to_have_text('as it was')
        expect(mine(page).first.get_by_role('button', name='Edit')).to_be_focused()
        page.keyboard.press('Enter')
        expect(box).to_have_value('another wording')
        expect(box).to_be_focused()
    page.reload()
    mine(page).first.hover()
    mine(page).first.get_by_role('button', name='Edit').click()
    expect(box).to_have_value('another wording')
    page.get_by_role('button', name='Start over').click()
    expect(box).to_have_value('as it was')
    expect(page.get_by_role('button', name='Start over')).to_be_hidden()
    box.fill('sent')
    box.press('Control+Enter')
    expect(mine(page).first.locator('.body')).to_have_text('sent')
    over(page)
    mine(page).first.hover()
    mine(page).first.get_by_role('button', name='Edit').click()
    expect(box).to_have_value('sent')

def test_a_reply_that_was_stopped_offers_another_try_once(app, page):          # noqa: F811
    app([f'word{i} ' for i in range(2000)], rate=100)
    say(page, 'go')
    expect(replies(page).first.locator('.body')).to_contain_text('word9')
    page.keyboard.press('Escape')
    reply = over(page, status='stopped')
    assert [b for b in reply.locator('button').all_inner_texts() if 'gain' in b] == ['Try again']

@pytest.mark.parametrize('width, touch', [(1440, False), (390, False), (390, True)])
def test_the_buttons_of_a_reply_begin_where_its_text_does(serve, tmp_path, new_context, width, touch):
    talk(tmp_path/'data', 3)
    s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded'})
    page = new_context(viewport={'width': width, 'height': 900}, has_touch=touch, is_mobile=touch).new_page()
    page.goto(s.url + '/tasks')
    if width < 900: page.click('#chat-open')
    left = '''e => { const r = document.createRange(); r.selectNodeContents(e); return r.getBoundingClientRect().left }'''
    foot, text = replies(page).last.locator('footer'), replies(page).last.locator('.body p').first.evaluate(left)
    lines = {}
    for e in foot.locator('.facts, button, .off').all():
        lines.setdefault(round(e.bounding_box()['y'] + e.bounding_box()['height']/2)//12, []).append(e.evaluate(left))
    assert len(lines) == 2 or width > 1000, 'two lines at most'
    assert all(abs(min(xs) - text) < 2 for xs in lines.values()), lines

def test_the_copy_of_a_long_code_block_stays_in_view(app, page):          # noqa: F811
    app(['```python\n' + '\n'.join(f'line({i})' for i in range(300)) + '\n```\n'])
    say(page, 'go')
    over(page)
    page.evaluate('stuck = false; list().scrollTop = 2000')
    page.wait_for_timeout(200)
    expect(page.locator('figure .copy')).to_be_in_viewport(ratio=1)
    page.locator('figure .copy').click()
    expect(page.locator('figure .copy')).to_have_text('Copied')

def test_where_colours_are_forced_buttons_stand_apart_and_whole(app, page):          # noqa: F811
    page.emulate_media(forced_colors='active')
    s, _ = app(['Hello.'], '/tasks')
    s.act('tasks.create', name='one')
    say(page, 'go')
    b = [e.bounding_box() for e in over(page).locator('.acts button').all()]
    assert all(z['x'] - (a['x'] + a['width']) > 2 for a, z in zip(b, b[1:], strict=False)), b
    assert page.locator('.head .by.is-bool').evaluate('e => getComputedStyle(e).borderLeftWidth') == '0px'

def test_going_between_conversations_breaks_no_rule_of_the_pages_own(app, page):          # noqa: F811
    page.add_init_script("window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.violatedDirective))")
    s, _ = app(['Hello.'])
    page.reload()
    for text in ('first', 'second'):
        say(page, text)
        over(page)
        page.locator('#chat header').get_by_text('New', exact=True).click()
        expect(page.locator('#chat-title')).to_have_text('New conversation')
    for text in ('first', 'second', 'first'):
        page.evaluate("for (const e of document.querySelectorAll('#chat [id], #chat input')) e.style.color = 'red'")       # as extensions do
        page.locator('#chats-menu > summary').click()
        page.locator('#chats a', has_text=text).click()
        expect(page.locator('#chat-title')).to_have_text(text)
    page.wait_for_timeout(200)                                          # htmx settles
    assert page.evaluate('refused') == []

@pytest.mark.parametrize('width, touch', [(390, False), (390, True), (1024, True)])
def test_where_nothing_hovers_rows_show_what_selects_them_only_while_they_are_selected(serve, new_context, width, touch):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    for n in ('one', 'two', 'three'): s.act('tasks.create', name=n)
    page = new_context(viewport={'width': width, 'height': 800}, has_touch=touch, is_mobile=touch).new_page()
    page.goto(s.url + '/tasks')
    first, panel = page.locator('#tasks-1'), page.locator('#tasks-panel')
    expect(first.locator('.tick')).to_be_visible()
    expect(panel.locator('.select:visible')).to_have_count(0)
    assert page.locator('#tasks-head').is_visible() == (width > 899), 'a head without names is none'
    panel.locator('.ways summary').click()
    page.get_by_role('button', name='Select rows').click()
    expect(first.locator('.select')).to_be_visible()
    expect(first.locator('.tick')).to_be_hidden()
    expect(panel.locator('.bulk')).to_contain_text('Select rows')
    expect(panel.locator('.bulk .remove')).to_be_disabled()
    if width < 600: panel.get_by_text('All that are shown').click()
    else: panel.locator('.head .all').click()
    expect(panel.locator('.bulk .said')).to_have_text('3 selected')
    first.locator('.select').click()
    panel.locator('.bulk .remove').click()
    s.until(lambda: [r['name'] for r in s.rows('tasks')] == ['one'])
    expect(panel.locator('.bulk .said')).to_have_text('Select rows')
    panel.locator('.bulk').get_by_role('button', name='Done').click()
    expect(first.locator('.tick')).to_be_visible()
    expect(panel.locator('.select:visible')).to_have_count(0)
