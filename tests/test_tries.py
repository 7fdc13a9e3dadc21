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

def test_a_reply_that_was_stopped_offers_another_try_once(app, page):          # noqa: F811
    app([f'word{i} ' for i in range(2000)], rate=100)
    say(page, 'go')
    expect(replies(page).first.locator('.body')).to_contain_text('word9')
    page.keyboard.press('Escape')
    reply = over(page, status='stopped')
    assert [b for b in reply.locator('button').all_inner_texts() if 'gain' in b] == ['Try again']

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
