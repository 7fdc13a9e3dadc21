"What a person sees and does on the page, in a real Chromium. The words come from a scripted Ollama where a fault or an exact text is needed."
import json, re, time
import pytest
from playwright.sync_api import expect
from conftest import held, two_models, written
from ollama_double import CUT, EOF, Refuse, Think, words

pytestmark = pytest.mark.browser

def say(page, text):
    page.fill('#msg', text)
    page.press('#msg', 'Enter')
def replies(page): return page.locator('#msg-list > [data-role=assistant]')
def over(page, n=1, status='done'):
    expect(replies(page).nth(n-1)).to_have_attribute('data-status', status, timeout=60_000)
    return replies(page).nth(n-1)
def shown(page, n=1): return replies(page).nth(n-1).locator('.body').inner_html()
def until(page, true, seconds=20):
    "Wait until true() is so in the page"
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f'not within {seconds} s'
        page.wait_for_timeout(30)
def rested(page, js):
    "What this is in the page when it no longer changes"
    last, now = None, page.evaluate(js)
    while now != last:
        page.wait_for_timeout(300)
        last, now = now, page.evaluate(js)
    return now

@pytest.fixture
def app(serve, upstream, page):
    "app(script) → (server, upstream), with the page open"
    def start(script, open_='/', **kw):
        u = upstream(script, **kw)
        s = serve(env=u.env)
        page.goto(s.url + open_)
        return s, u
    return start

@pytest.mark.model
def test_why_a_reply_says_nothing_yet_is_shown(serve, page, context, tmp_path):
    from pianola import fetch
    (tmp_path/'brief').mkdir()
    (tmp_path/'brief/system.md').write_text('You are brief.', 'utf-8')         # soon read
    s = serve(prompts=tmp_path/'brief', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(two_models(tmp_path/'models'))})
    page.goto(s.url)
    page.evaluate(
        "window.phases = []; new MutationObserver(() => "
        "phases.push(document.querySelector('.phase')?.textContent)).observe(document.getElementById('chat'), {subtree: true, childList: "
        "true, characterData: true})")
    say(page, 'Count from 1 to 500, one number per line.')
    until(page, lambda: 'Loading the model …' in page.evaluate('phases'))
    s.act('model.choose', model='embedded/twin')
    late = context.new_page()
    late.goto(s.url + '/?chat=new')
    say(late, 'What colour is the sky? Answer with one word.')
    expect(late.locator('.phase')).to_have_text('Waiting for another reply to end …')
    late.reload()
    expect(late.locator('.phase')).to_have_text('Waiting for another reply to end …')
    expect(page.locator('.phase')).to_have_count(0, timeout=60_000)              # it speaks
    expect(page.locator('.tail')).not_to_have_text('')
    assert late.locator('.phase').count() == 1
    page.click('#stop')
    over(page, status='stopped')
    expect(late.locator('.phase')).not_to_contain_text('Waiting')
    over(late)
    assert s.get('/api/conversation')[1][-1]['model'] == 'twin' and not late.locator('.phase').count()
    s.act('model.choose', model=f'embedded/{fetch.default}')
    said = shown(page)
    page.evaluate(
        "phases.length = 0; window.drawn = []; new MutationObserver(() => { const p = document.querySelector('.body + .phase'); if (p) "
        "drawn.push(p.textContent) }).observe(document.getElementById('chat'), {subtree: true, childList: true})")
    replies(page).first.get_by_role('button', name='Go on').click()
    until(page, lambda: 'Loading the model …' in page.evaluate('phases'))          # the other one is in its place
    assert page.evaluate('drawn') and page.locator('.msg.assistant .body').inner_text().startswith('1')       # below what was said
    page.reload()
    expect(page.locator('.phase')).to_have_count(0, timeout=60_000)
    until(page, lambda: len(shown(page)) > len(said) + 50, 60)

markdown = """Here is **bold** and a [link](https://example.com).

```python
def f(x):
    return x + 1
```

| a | b |
|---|---|
| 1 | 2 |

- one
- two

![picture](https://example.com/p.png) <script>window.pwned=1</script> <img src=x onerror="window.pwned=1">
"""

def test_a_reply_is_drawn_as_markdown_and_stays_harmless(app, page):
    asked = []
    page.on('request', lambda r: asked.append(r.url))
    s, _ = app([markdown[i:i+3] for i in range(0, len(markdown), 3)], rate=400)
    say(page, 'go')
    reply = over(page)
    expect(reply.locator('strong')).to_have_text('bold')
    expect(reply.locator('table td')).to_have_count(2)
    expect(reply.locator('figure.code .lang')).to_have_text('python')
    link = reply.locator('a[href="https://example.com"]')
    assert link.get_attribute('target') == '_blank' and 'noopener' in link.get_attribute('rel')
    assert reply.locator('img').count() == 0 and not page.evaluate('window.pwned')
    assert all(u.startswith(s.url) for u in asked), asked
    live = shown(page)
    page.reload()
    assert shown(page) == live

def test_code_and_message_can_be_copied(app, page, context):
    context.grant_permissions(['clipboard-read', 'clipboard-write'])
    app([markdown])
    say(page, 'go')
    over(page).locator('figure .copy').click()
    expect(page.locator('figure .copy')).to_have_text('Copied')
    assert page.evaluate('navigator.clipboard.readText()').strip() == 'def f(x):\n    return x + 1'
    replies(page).first.locator('.copy-message').click()
    page.wait_for_function('() => navigator.clipboard.readText().then(t => t.startsWith("Here is **bold**"))')

def test_reload_second_tab_and_dropped_socket_show_the_same_text(app, page, context):
    text = words(900)
    script, go = held(text, 300)                   # else it may be over before the page is there again
    s, _ = app(script, rate=300)
    say(page, 'go')
    expect(replies(page).first.locator('.block').first).to_be_visible()
    page.reload()
    expect(replies(page).first).to_have_attribute('data-status', 'streaming')
    other = context.new_page()
    other.goto(s.url)
    page.evaluate('ws.close()')
    go.set()
    over(page); over(other)
    assert shown(page) == shown(other)
    assert s.get('/api/conversation')[1][-1]['text'] == ''.join(text)
    live = shown(page)
    page.reload()
    assert shown(page) == live

def test_stop_keeps_what_was_said_and_go_on_continues_it(app, page):
    script = lambda body: [' and the rest.'] if body['messages'][-1]['role'] == 'assistant' else [f'word{i} ' for i in range(2000)]
    s, u = app(script, rate=100)
    say(page, 'go')
    expect(replies(page).first.locator('.body')).to_contain_text('word9')
    page.keyboard.press('Escape')
    reply = over(page, status='stopped')
    s.until(lambda: u.double.stopped, 12)               # told to the end it takes twenty seconds
    kept = s.get('/api/conversation')[1][-1]['text']
    assert re.search(r'about \d+ tokens · \d+/s', reply.locator('footer').inner_text())
    reply.get_by_role('button', name='Go on').click()
    over(page)
    assert s.get('/api/conversation')[1][-1]['text'] == kept + ' and the rest.'
    assert replies(page).count() == 1

def test_a_reply_that_got_too_long_is_played_when_it_has_gone_on(app, page):
    end = {'model': 'double:latest', 'message': {'role': 'assistant', 'content': ''}, 'done': True, 'done_reason': 'length', 'eval_count': 2048}
    s, u = app(lambda body: [' way there"}}'] if body['messages'][-1]['role'] == 'assistant'
               else ['{"action": "tasks.create", "args": {"name": "Half', end])
    say(page, 'for the tasks I would say half way there')          # no rule knows that, and they are the user's words
    reply = over(page)
    expect(reply.locator('.trouble')).to_contain_text('as long as one reply gets')
    assert s.rows('tasks') == [] and reply.locator('[data-roll]').count() == 0
    reply.get_by_role('button', name='Go on').click()
    expect(reply.locator('[data-roll]')).to_contain_text('Added “Half way there” to Tasks')
    assert [r['name'] for r in s.rows('tasks')] == ['Half way there']

def test_a_reply_cut_by_a_crash_is_marked_and_can_go_on(app, page, serve, upstream):
    s, u = app([f'word{i} ' for i in range(3000)], rate=100)
    say(page, 'go')
    expect(replies(page).first.locator('.body')).to_contain_text('word20')
    s.kill()
    expect(page.locator('#offline')).to_be_visible()
    seen = replies(page).first.locator('.body').inner_text()
    again = serve(data=s.data, env=u.env, port=s.port)
    reply = over(page, status='error')
    expect(page.locator('#offline')).to_be_hidden()
    assert seen.strip() in reply.locator('.body').inner_text() and len(seen) > 50
    expect(reply.locator('.trouble')).to_contain_text('ended while this was written')
    expect(reply.get_by_role('button', name='Go on')).to_be_visible()
    assert (again.get('/api/conversation')[1][-1]['status'] == 'error'
            and 'double' in reply.locator('.model').inner_text()), 'who it was that spoke is known'

def test_regenerate_and_edit_are_branches(app, page):
    n = iter(range(1, 9))
    app(lambda body: [f'answer {next(n)}'])
    say(page, 'first')
    over(page)
    replies(page).first.get_by_role('button', name='Again').click()
    expect(replies(page).first.locator('.body')).to_have_text('answer 2')
    expect(replies(page).first.locator('.tries')).to_contain_text('2/2')
    over(page)
    replies(page).first.get_by_role('button', name='Earlier try').click()
    expect(replies(page).first.locator('.body')).to_have_text('answer 1')
    mine = page.locator('#msg-list > [data-role=user]')
    mine.hover()
    mine.get_by_role('button', name='Edit').click()
    page.fill('form.edit textarea', 'second')
    page.get_by_role('button', name='Send again').click()
    expect(mine.locator('.body')).to_have_text('second')
    expect(replies(page).first.locator('.body')).to_have_text('answer 3')
    over(page)
    mine.get_by_role('button', name='Earlier try').click()
    expect(mine.locator('.body')).to_have_text('first')
    expect(replies(page).first.locator('.body')).to_have_text('answer 2')        # a branch opens at its newest end

def test_conversations_have_titles_search_rename_delete_and_export(app, page):
    s, _ = app(['about zebras'])
    say(page, 'tell me of stripes')
    over(page)
    page.locator('#chat header').get_by_text('New', exact=True).click()
    expect(page.locator('#chat-title')).to_have_text('New conversation')
    say(page, 'something else')
    over(page)
    expect(page.locator('#chat-title')).to_have_text('something else')
    page.locator('#chats-menu > summary').click()
    page.fill('#chats-menu input[type=search]', 'zebra')
    expect(page.locator('#chats li')).to_have_count(2)         # both replies say it
    page.fill('#chats-menu input[type=search]', 'stripes')
    expect(page.locator('#chats li')).to_have_count(1)
    page.locator('#chats a').click()
    expect(page.locator('#chat-title')).to_have_text('tell me of stripes')
    page.locator('#chats-menu > summary').click()
    page.fill('.rename input', 'Stripes')
    page.press('.rename input', 'Enter')
    expect(page.locator('#chat-title')).to_have_text('Stripes')
    first = page.locator('#chat').get_attribute('data-conversation')
    status, md = s.get(f'/api/conversations/{first}.md')
    assert status == 200 and md.startswith('# Stripes') and 'about zebras' in md
    assert [m['text'] for m in s.get(f'/api/conversations/{first}.json')[1]['messages']] == ['tell me of stripes', 'about zebras']
    page.locator('.drop').get_by_role('button', name='Delete').click()
    expect(page.locator('#toasts')).to_contain_text('Deleted the conversation “Stripes”')
    assert len(s.get('/api/conversations')[1]) == 1
    page.locator('#toasts .undo').last.click()
    s.until(lambda: len(s.get('/api/conversations')[1]) == 2)

def test_the_unfolded_list_of_conversations_stays_as_it_is_when_one_of_them_changes(serve, upstream, page, context, tmp_path):
    from pianola.conversation import history
    written(tmp_path/'many', lambda tx: [history.add(tx, history.begin(tx, f'Talk {n}'), 'user', f'river {n}') for n in range(1, 121)])
    s, wrong = serve(data=tmp_path/'many', env=upstream(['Hello.']).env), []
    context.on('weberror', lambda e: wrong.append(str(e.error)))
    page.goto(f'{s.url}/?chat=110')
    page.locator('#chats-menu > summary').click()
    lines, list_ = page.locator('#chats a'), page.locator('#chats')
    expect(lines).to_have_count(50)
    page.get_by_role('button', name='Earlier', exact=True).click()
    expect(lines).to_have_count(100)
    far = page.locator('#chats a[href="?chat=40"]')
    far.focus()
    top = list_.evaluate('l => { l.scrollTop = 1500; return l.scrollTop }')
    s.act('chat.rename', id=40, title='Far away')
    expect(far).to_contain_text('Far away')
    assert lines.count() == 100 and list_.evaluate('l => l.scrollTop') == top > 0 and far.evaluate('a => a === document.activeElement')
    page.get_by_role('button', name='Earlier', exact=True).click()
    expect(lines).to_have_count(120)
    other = context.new_page()
    other.goto(f'{s.url}/?chat=new')
    say(other, 'one more')
    expect(lines).to_have_count(121)                     # all of them, with the new one
    assert page.locator('#chats a[aria-current]').get_attribute('href') == '?chat=110'        # of this tab, whatever the other looks at
    page.fill('#chats-menu input[type=search]', 'river 4')
    expect(lines).to_have_count(11)
    s.act('chat.rename', id=41, title='Far too')
    expect(page.locator('#chats')).to_contain_text('Far too')
    assert lines.count() == 11                           # and what was searched stays so
    other.locator('#chats-menu > summary').click()
    other.locator('#chats').get_by_role('button').click()
    expect(other.locator('#chats a')).to_have_count(100)
    other.keyboard.press('Alt+n')
    expect(other.locator('#chat-title')).to_have_text('New conversation')
    other.locator('#chats-menu > summary').click()
    other.locator('#chats').get_by_role('button').click()
    expect(other.locator('#chats a')).to_have_count(100)
    say(other, 'and another')
    expect(other.locator('#chats')).to_contain_text('and another')
    assert other.locator('#chats a').count() == 100 and other.locator('#chats-menu').get_attribute('open') is not None and not wrong

def test_thinking_is_folded(app, page):
    app([Think('Let me '), Think('think.'), 'Done thinking.'], models={'double:latest': {'capabilities': ['completion', 'thinking']}})
    say(page, 'go')
    reply = over(page)
    expect(reply.locator('.body')).to_have_text('Done thinking.')
    expect(reply.locator('details.thinking')).not_to_have_attribute('open', '')
    reply.locator('.thinking summary').click()
    expect(reply.locator('.thought')).to_have_text('Let me think.')

@pytest.mark.parametrize('script, told',
                         [([Refuse(404, 'model not found')], 'no longer|no model|not'), (['half', CUT], 'cut|interrupt|broke|ended'),
                          (['half', EOF], 'cut|interrupt|broke|ended'),
                                          (['half', {'error': 'the model runner crashed'}], 'the model runner crashed')])
def test_each_fault_has_its_message_and_a_way_on(app, page, script, told):
    app(script)
    say(page, 'go')
    reply = over(page, status='error')
    expect(reply.locator('.trouble')).to_contain_text(re.compile(told, re.I))
    expect(reply.get_by_role('button', name='Try again')).to_be_visible()

def test_no_engine_at_all_is_said_in_the_page(serve, page, tmp_path):
    s = serve(env={'PIANOLA_ENGINE': 'ollama'})
    page.goto(s.url)
    expect(page.locator('#model-line .why')).to_contain_text('Ollama')
    say(page, 'hello')
    reply = over(page, status='error')
    expect(reply.locator('.trouble')).to_contain_text(re.compile('ollama', re.I))
    assert s.get('/api/health')[1]['engine']['ready'] is False

def test_no_model_file_is_said_with_what_to_do(serve, page, tmp_path):
    s = serve(env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')})
    page.goto(s.url)
    say(page, 'hello')
    expect(over(page, status='error').locator('.trouble')).to_contain_text(re.compile('download|start.py', re.I))

def test_keyboard(app, page):
    s, _ = app(['ok'])
    page.locator('h1').click()
    page.keyboard.press('/')
    expect(page.locator('#msg')).to_be_focused()
    page.keyboard.type('one')
    page.keyboard.press('Shift+Enter')
    page.keyboard.type('two')
    page.keyboard.press('Enter')
    expect(page.locator('#msg-list > [data-role=user] .body')).to_have_text('one\ntwo')
    over(page)
    expect(page.locator('#msg')).to_have_value('')
    page.keyboard.press('ArrowUp')
    expect(page.locator('#msg')).to_have_value('one\ntwo')

def test_a_draft_survives_a_reload_and_a_message_sent_while_away_arrives_once(app, page, serve):
    s, u = app(['ok'])
    page.fill('#msg', 'half a thought')
    page.reload()
    expect(page.locator('#msg')).to_have_value('half a thought')
    s.kill()
    page.press('#msg', 'Enter')
    expect(page.locator('#toasts')).to_contain_text('Your message is kept')
    again = serve(data=s.data, env=u.env, port=s.port)
    over(page)
    expect(page.locator('#msg')).to_have_value('')
    assert [m['text'] for m in again.get('/api/conversation')[1]] == ['half a thought', 'ok']

def test_a_table_is_worked_by_hand_and_every_tab_follows(shared, page, context):
    page.goto(shared.url + '/tasks')
    other = context.new_page()
    other.goto(shared.url + '/tasks')
    expect(page.locator('.empty')).to_be_visible()
    for name in ('Apples', 'Bread', 'Cheese'):
        page.fill('form#tasks-new input[name=name]', name)
        page.press('form#tasks-new input[name=name]', 'Enter')
        expect(page.locator('form#tasks-new input[name=name]')).to_have_value('')
    names = lambda p: p.locator('#tasks-list .cell.main').evaluate_all('els => els.map(e => e.value)')
    expect(other.locator('#tasks-list li')).to_have_count(3)
    page.locator('#tasks-list li').nth(0).locator('[type=checkbox]').click()
    expect(other.locator('#tasks-list li').nth(0).locator('[type=checkbox]')).to_be_checked()
    page.locator('#tasks-list li').nth(1).locator('.cell').fill('Brown bread')
    page.keyboard.press('Enter')
    expect(other.locator('#tasks-list li').nth(1).locator('.cell')).to_have_value('Brown bread')
    page.locator('#tasks-list li').nth(2).locator('.grip').focus()
    page.keyboard.press('Alt+ArrowUp')
    shared.until(lambda: names(page) == names(other) == ['Apples', 'Cheese', 'Brown bread'])
    page.locator('#tasks-list li').nth(0).locator('.grip').drag_to(page.locator('#tasks-list li').nth(2), target_position={'x': 60, 'y': 28})
    shared.until(lambda: names(page) == names(other) == ['Cheese', 'Brown bread', 'Apples'])
    page.fill('.filter', 'bread')
    expect(page.locator('#tasks-list li:visible')).to_have_count(1)
    page.fill('.filter', '')
    page.select_option('.which', 'is-done')
    expect(page.locator('#tasks-list li:visible')).to_have_count(1)
    page.select_option('.which', '')
    row = page.locator('#tasks-list li').nth(0)
    row.hover()
    row.locator('.delete').click()
    expect(other.locator('#tasks-list li')).to_have_count(2)
    page.locator('#toasts [data-roll] .undo').last.click()
    expect(other.locator('#tasks-list li')).to_have_count(3)
    shared.until(lambda: names(other) == ['Cheese', 'Brown bread', 'Apples'])

def test_tasks_belong_to_the_chosen_profile(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    s.act('tasks.create', name='Nobody’s')
    p = s.act('profiles.create', name='Acme')['result']['id']
    page.goto(s.url + '/tasks')
    expect(page.locator('#tasks-list li')).to_have_count(1)
    page.locator('#tasks-owner select').select_option(str(p))
    expect(page.locator('#tasks-list li')).to_have_count(0)
    page.fill('form#tasks-new input[name=name]', 'Send the offer')
    page.keyboard.press('Enter')
    expect(page.locator('#tasks-list li')).to_have_count(1)
    assert [r['profile_id'] for r in s.rows('tasks')] == [None, p]
    said = [s.act('tasks.create', name='By a program', **more) for more in ({}, {'profile_id': None}, {'profile_id': p})]
    assert [d['result']['profile_id'] for d in said] == [p, None, p], 'not said: the chosen one’s; None: nobody’s'
    assert s.post('/api/actions/tasks.create', {'name': 'x', 'profile_id': 0})[0] == 404
    for d in said: assert s.post(f"/api/roll/{d['id']}/undo")[0] == 200
    page.locator('#nav').get_by_text('Profiles').click()
    expect(page.locator('h1')).to_have_text('Profiles')
    page.locator('#profiles-list .delete').click()
    assert s.until(lambda: len(s.rows('tasks')) == 1)
    page.locator('#toasts .undo').last.click()
    s.until(lambda: len(s.rows('tasks')) == 2)

def test_theme_split_and_sheet_are_remembered(shared, page):
    page.goto(shared.url)
    page.locator('#theme').click()
    assert page.evaluate('document.documentElement.dataset.theme') == 'dark'      # the first press shows a difference
    page.locator('#theme').click()
    assert page.evaluate('document.documentElement.dataset.theme') == 'light'
    page.evaluate("window.dispatchEvent(new StorageEvent('storage', { key: 'theme', newValue: 'dark' }))")
    assert page.locator('#theme').text_content() == 'Theme: dark'
    box = page.locator('#split').bounding_box()
    page.mouse.move(box['x']+4, 400); page.mouse.down(); page.mouse.move(box['x']-150, 400); page.mouse.up()
    width = page.locator('#chat').bounding_box()['width']
    page.reload()
    assert page.evaluate('document.documentElement.dataset.theme') == 'light'
    assert abs(page.locator('#chat').bounding_box()['width'] - width) < 8
    page.set_viewport_size({'width': 390, 'height': 800})
    expect(page.locator('#chat')).not_to_be_in_viewport()
    page.locator('#chat-open').click()
    expect(page.locator('#msg')).to_be_in_viewport()
    page.locator('#chat-close').click()
    expect(page.locator('#chat')).not_to_be_in_viewport()
    assert page.evaluate('document.documentElement.scrollWidth') <= 390

def test_screen_readers_hear_sentences(app, page):
    app(['The first ', 'sentence. The ', 'second one', '. And then ', 'a third.'], rate=20)
    page.evaluate(
        "window.heard = []; new MutationObserver(ms => ms.forEach(m => m.addedNodes.forEach(n => "
        "heard.push(n.textContent)))).observe(document.getElementById('live'), {childList: true})")
    say(page, 'go')
    over(page)
    page.wait_for_function("() => heard.join(' ').includes('And then a third.')")
    assert all(re.search(r'[.!?…]\s*$', h) for h in page.evaluate('heard'))

def test_scrolling_up_is_left_alone_while_text_streams(app, page):
    script, go = held(words(3000), 1500)
    app(script, rate=800)
    say(page, 'go')
    page.wait_for_function("() => document.getElementById('msg-list').scrollHeight > 2500")
    page.locator('#msg-list').hover()
    left = lambda: page.evaluate("(l => l.scrollHeight - l.scrollTop - l.clientHeight)(document.getElementById('msg-list'))")
    page.mouse.wheel(0, -600)
    until(page, lambda: left() > 300)
    at, below = rested(page, "document.getElementById('msg-list').scrollTop"), left()
    go.set()
    until(page, lambda: left() > below + 300)                  # more text has come
    assert abs(page.evaluate("document.getElementById('msg-list').scrollTop") - at) < 3
    page.locator('#to-end').click()
    until(page, lambda: left() < 60)

def test_nothing_of_the_conversation_lies_over_the_button_to_its_end(app, page):
    app(['\n\n'.join(f'```py\nx = {n}\n```' for n in range(60))])
    say(page, 'go')
    over(page)
    page.wait_for_function("() => document.getElementById('msg-list').scrollHeight > 3000")
    page.locator('#msg-list').hover()
    page.mouse.wheel(0, -900)
    expect(page.locator('#to-end')).to_be_visible()
    assert page.evaluate('''async () => {
        const l = document.getElementById('msg-list'), b = document.getElementById('to-end'), r = b.getBoundingClientRect(), over = []
        for (let n = 0; n < 40; n++) {
            l.scrollTop -= 5
            await new Promise(requestAnimationFrame)
            const e = document.elementFromPoint(r.x + r.width/2, r.y + r.height/2)
            if (e !== b) over.push(e.outerHTML.slice(0, 80))
        }
        return over
    }''') == []

def test_the_model_is_chosen_in_the_page_and_remembered(serve, upstream, page):
    u = upstream(lambda body: [f"I am {body['model']}"], models={'one:latest': {}, 'two:latest': {'size': 2_000_000_000}})
    s = serve(env={**u.env, 'PIANOLA_ENGINE': 'auto'})
    page.goto(s.url)
    expect(page.locator('#model option[value="ollama/two:latest"]')).to_have_count(1)
    assert '2.0 GB' in page.locator('#model option[value="ollama/two:latest"]').inner_text()
    page.select_option('#model', 'ollama/two:latest')
    s.until(lambda: s.get('/api/health')[1]['engine']['model'] == 'two:latest')
    say(page, 'who?')
    expect(over(page).locator('.body')).to_have_text('I am two:latest')
    page.keyboard.press('Alt+m')
    s.until(lambda: s.get('/api/health')[1]['engine']['model'] != 'two:latest')
    s.stop()
    page.close()
    again = serve(data=s.data, env={**u.env, 'PIANOLA_ENGINE': 'auto'})
    again.until(lambda: again.get('/api/health')[1]['engine']['ready'])

@pytest.mark.model
def test_the_picker_says_how_much_each_model_remembers(serve, upstream, page, tmp_path):
    u = upstream(['Hi.'], models={'large:latest': {'context': 131072, 'capabilities': ['completion', 'tools']},
                                  'small:latest': {'context': 2048}, 'odd:latest': {'context': 200_000, 'parameters': 'num_ctx 100000'},
                                  'far:latest': {'context': 1_048_576, 'remote_host': 'https://ollama.com'}, 'mute:latest': {'context': None}})
    folder = two_models(tmp_path/'m')
    (folder/'broken.gguf').write_bytes(b'<html>not found</html>'*10)
    s = serve(env={**u.env, 'PIANOLA_ENGINE': 'auto', 'PIANOLA_MODELS_DIR': str(folder)})
    page.goto(s.url)
    shown = lambda name: page.locator(f'#model option[value="{name}"]').text_content()
    expect(page.locator('#model option[value="embedded/twin"]')).to_have_count(1)
    assert shown('embedded/twin').endswith('MB · remembers 8k of 32k tokens')
    assert shown('ollama/large:latest') == 'large:latest · 1 MB · remembers 8k of 128k tokens · tools'
    assert shown('ollama/small:latest') == 'small:latest · 1 MB · remembers 2k tokens'
    assert shown('ollama/odd:latest') == 'odd:latest · 1 MB · remembers 100k of 200k tokens'
    assert shown('ollama/far:latest') == 'far:latest · 1 MB · remembers 1M tokens · cloud: leaves this machine'
    assert 'remembers' not in shown('ollama/mute:latest') and 'remembers' not in shown('embedded/broken')      # nobody told
    page.set_viewport_size({'width': 390, 'height': 844})
    page.click('#chat-open')
    page.select_option('#model', 'ollama/large:latest')
    wide = page.evaluate(
        "[id('model').getBoundingClientRect().right, id('get-model').getBoundingClientRect(), document.documentElement.scrollWidth, "
        "id('model').getBoundingClientRect().height]")
    assert wide[0] <= wide[1]['left'] and wide[1]['right'] <= 390 and wide[2] <= 390 and wide[3] < 40       # one line, the button beside it

def test_a_model_is_downloaded_from_the_picker_with_progress(serve, upstream, page):
    script, go = held([{'status': 'pulling manifest'}, *({'status': 'pulling a', 'digest': 'sha256:a', 'total': 4_000_000, 'completed': n}
                                                         for n in (1_000_000, 3_000_000)), {'status': 'success'}], 2)
    u = upstream(['x'], pulls={'tiny': script(None)})
    s = serve(env=u.env)
    page.goto(s.url)
    page.locator('#get-model').click()
    page.fill('#dialog input[name=model]', 'tiny')
    page.press('#dialog input[name=model]', 'Enter')
    expect(page.locator('#pulls li')).to_contain_text('of 4 MB')
    go.set()
    expect(page.locator('#pulls li')).to_contain_text('ready')
    assert s.get('/api/jobs')[1][0]['state'] == 'done'

def test_what_does_not_fit_the_models_memory_is_left_out_at_a_mark(app, page):
    s, u = app(['ok'], models={'double:latest': {'context': 2048}})
    for n in range(7):
        say(page, f'message {n} ' + 'lorem ipsum dolor ' * 60)
        over(page, n+1)
    expect(page.locator('#memory')).to_contain_text('memory begins here')
    assert all(b['options']['num_ctx'] == 2048 and b.get('truncate') is False for b in u.asked)
    assert 'message 0' not in json.dumps(u.asked[-1]) and 'message 6' in json.dumps(u.asked[-1])
    page.locator('#memory').get_by_role('button').click()
    expect(page.locator('#memory summary')).to_contain_text('Summary')
    say(page, 'short')
    over(page, 8)
    assert 'Summary of what was said before' in json.dumps(u.asked[-1])

def test_older_messages_come_when_asked_for(serve, page, tmp_path):
    from pianola.conversation import history
    def many(tx):
        c = history.begin(tx, 'Old')
        for n in range(200): history.add(tx, c, 'user' if n % 2 == 0 else 'assistant', f'number {n}')
    written(tmp_path/'old', many)
    s = serve(data=tmp_path/'old', env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url)
    expect(page.locator('#msg-list')).to_contain_text('number 199')
    expect(page.locator('#msg-list')).not_to_contain_text('number 100')
    assert page.evaluate("document.querySelectorAll('*').length") < 2000
    for _ in range(30):
        if 'number 100' in page.locator('#msg-list').text_content(): break
        page.locator('.earlier').click()
        page.wait_for_timeout(200)
    texts = page.locator('#msg-list > [data-role=user] .body').all_text_contents()
    assert texts == sorted(texts, key=lambda t: int(t.split()[1]))

def test_stop_right_behind_a_message_leaves_nothing_hanging(serve, upstream):
    from conftest import connect
    s = serve(env=upstream([f'word{i} ' for i in range(500)], rate=100).env)
    with connect(s.ws) as ws:
        for n in range(8):
            ws.send(json.dumps({'msg': f'go {n}', 'conversation': None}))
            ws.send('{"stop":true}')
            s.until(lambda: s.get('/api/conversation')[1] and all(m['status'] != 'streaming' for m in s.get('/api/conversation')[1]))
        ws.send(json.dumps({'msg': 'and now answer'}))
        s.until(lambda: s.get('/api/conversation')[1][-1]['status'] == 'streaming' and 'word3' in s.get('/api/conversation')[1][-1]['text'])

def test_the_chosen_profile_can_be_deleted_and_work_goes_on(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    p = s.act('profiles.create', name='Acme')['result']['id']
    s.act('profiles.choose', id=p)
    page.goto(s.url + '/tasks')
    waits = s.post('/api/actions/profiles.delete', {'id': p})[1]['approval']
    s.post(f'/api/approvals/{waits}', {'approve': True})
    page.fill('form#tasks-new input[name=name]', 'goes on')
    page.press('form#tasks-new input[name=name]', 'Enter')
    expect(page.locator('#tasks-list li')).to_have_count(1)

@pytest.mark.parametrize('width', [390, 1024, 1440])
def test_a_long_first_sentence_widens_nothing(app, page, width):
    page.set_viewport_size({'width': width, 'height': 800})
    app(['ok'])
    if width < 900: page.locator('#chat-open').click()
    say(page, 'Please remind me to call the dentist next Thursday afternoon at four ' + 'x' * 200)
    over(page)
    assert page.evaluate("(c => c.scrollWidth - c.clientWidth)(document.getElementById('chat'))") <= 0
    expect(page.locator('#send')).to_be_in_viewport(ratio=1)

def long_talk(folder, n=400):
    "A conversation of n messages, written while no server runs; the ids in order"
    from pianola.conversation import history
    def many(tx):
        c = history.begin(tx, 'Long')
        return [history.add(tx, c, 'user' if i % 2 == 0 else 'assistant', f'Number {i}' + (' with the word zanzibar' if i == 100 else ''))
                for i in range(n)]
    return written(folder, many)

def test_a_search_hit_opens_where_it_stands_and_leads_on_both_ways(serve, upstream, page, tmp_path):
    long_talk(tmp_path/'data')
    s = serve(tmp_path/'data', env=upstream(['Newest.']).env)
    page.goto(s.url)
    page.click('#chat-title')
    page.fill('#chats-menu input[type=search]', 'zanzibar')
    page.locator('#chats a', has_text='zanzibar').click()
    hit = page.locator('.msg.found')
    expect(hit).to_contain_text('zanzibar')
    expect(hit).to_be_in_viewport()
    page.reload()
    expect(hit).to_be_in_viewport()
    assert page.locator('#msg-list > [data-role]').count() <= 60
    page.locator('#msg-list > .later').scroll_into_view_if_needed()
    expect(page.locator('#msg-list')).to_contain_text('Number 140')
    numbers = lambda: [int(re.search(r'Number (\d+)', t)[1]) for t in page.locator('#msg-list .body').all_text_contents() if 'Number' in t]
    page.wait_for_timeout(300)
    assert numbers() == list(range(min(numbers()), max(numbers())+1)), 'in order, none missing, none twice'
    say(page, 'and now')                                             # speaking goes to the end of the conversation
    expect(page.locator('#msg-list > [data-role]').last).to_contain_text('Newest.')
    expect(page.locator('#msg-list')).to_contain_text('Number 399')

def test_a_hit_on_another_try_is_shown_and_can_be_gone_on_from(app, page):
    s, _ = app(lambda body: ['Nothing on kangaroos.'] if 'kangaroo' in body['messages'][-1]['content'] else ['Plain.'])
    say(page, 'tell me of the kangaroo')
    over(page)
    page.locator('.msg.user').hover()
    page.locator('.msg.user').get_by_text('Edit').click()
    page.fill('.body.edit textarea', 'tell me of the cat')
    page.press('.body.edit textarea', 'Control+Enter')
    expect(page.locator('#msg-list')).to_contain_text('Plain.')
    over(page)
    page.wait_for_function('() => !document.querySelector("#stop:not([hidden])")')
    page.click('#chat-title')
    page.fill('#chats-menu input[type=search]', 'kangaroos')
    page.locator('#chats a', has_text='kangaroos').click()
    expect(page.locator('#msg-list')).to_contain_text('another try')
    page.click('text=Go on from there')
    expect(page.locator('#msg-list')).not_to_contain_text('another try')
    expect(page.locator('.msg.user .said')).to_have_text('tell me of the kangaroo')

def test_three_quick_presses_of_again_are_one(serve, upstream):
    import threading
    again, go = held(['slow '] * 40, 20)
    u = upstream(lambda body: again(body) if len(u.asked) > 1 else ['first'])
    s = serve(env=u.env)
    from conftest import connect
    with connect(s.ws) as tab:
        tab.send(json.dumps({'msg': 'hello'}))
        done = lambda: [m for m in s.get('/api/conversation')[1] if m['status'] == 'done' and m['role'] == 'assistant']
        first = s.until(done)[0]['id']
        said = []
        presses = [threading.Thread(target=lambda: said.append(s.post('/api/actions/chat.regenerate', {'message': first})[0])) for _ in range(3)]
        for t in presses: t.start()
        for t in presses: t.join()
        assert sorted(said) == [200, 409, 409]
        go.set()
        s.until(lambda: done() and done()[0]['id'] != first)
        assert len(u.asked) == 2

def test_an_action_that_says_something_twice_is_folded_told_and_not_pressed(app, page):
    s, _ = app(['{"action": "tasks.create", "args": {"name": "Half way there"}, ', '"action": "tasks.delete"}'])
    say(page, 'for the tasks I would say half way there')
    reply = over(page)
    expect(reply.locator('details.key > summary')).to_have_text('an action (not pressed)')
    expect(reply.locator('[data-roll]')).to_have_text('Not done: An action says “action” twice.')
    assert s.rows('tasks') == [] and not reply.locator('details.key').evaluate('d => d.open') and not reply.locator('figure').is_visible()

pieces = ['{"', 'action', '":', ' "', 'tasks', '.create', '",', ' "', 'args', '":', ' {"', 'name', '":', ' "', 'Half way there', '"', '}', '}']

@pytest.mark.parametrize('before, after', [([], []), (['```', 'json', '\n'], ['\n', '```'])])
def test_an_action_is_never_seen_as_raw_text_while_it_is_written(app, page, before, after):
    s, _ = app([*before, *pieces, *after], rate=20)
    page.evaluate("""() => { window.looked = []; new MutationObserver(() => { const b = document.querySelector('.msg.assistant .body');
        if (b && b.innerText.trim()) looked.push([b.innerText.trim(), b.getBoundingClientRect().height]) }).observe(document.getElementById('chat'),
        {subtree: true, childList: true, characterData: true}) }""")
    say(page, 'for the tasks I would say half way there')
    reply = over(page)
    expect(reply.locator('details.key > summary')).to_have_text('tasks.create')
    expect(reply.locator('[data-roll]')).to_contain_text('Added “Half way there”')
    seen = [x for x in page.evaluate('looked') if not set(x[0]) <= {'`'}]
    assert [t for n, (t, _) in enumerate(seen) if not n or seen[n-1][0] != t] == ['writing an action …', 'tasks.create']
    assert len({h for _, h in seen}) == 1, 'the layout does not jump'

def test_an_action_that_was_stopped_is_folded_as_unfinished_and_gone_on_with(app, page, context):
    stops, go = held(['I will. ', '\n\n', *pieces[:12], 'x'], 14)
    s, _ = app(lambda body: pieces[12:] if body['messages'][-1]['role'] == 'assistant' else stops(body))
    say(page, 'tell me about rivers')
    fold = replies(page).locator('details.key')
    expect(fold.locator('summary')).to_have_text('writing an action …')
    fold.locator('summary').click()
    expect(fold.locator('code')).to_have_text('{"action": "tasks.create", "args": {"name')
    other = context.new_page()
    other.goto(s.url)                                       # who comes in the middle sees the same
    expect(replies(other).locator('details.key summary')).to_have_text('writing an action …')
    page.click('#stop')
    for p in (page, other):
        over(p, status='stopped')
        expect(replies(p).locator('details.key > summary')).to_have_text('unfinished action')
        assert replies(p).locator('.body').inner_text().split('\n')[0] == 'I will.' and '{' not in replies(p).locator('.body').inner_text()
    was = shown(page)
    page.reload()
    over(page, status='stopped')
    assert shown(page) == was == shown(other) and s.rows('tasks') == []
    replies(page).get_by_role('button', name='Go on').click()
    for p in (page, other): expect(over(p).locator('details.key > summary')).to_have_text('tasks.create')
    go.set()

def test_another_try_does_not_do_the_same_thing_twice(app, page):
    s, _ = app(['{"action": "tasks.create", "args": {"name": "Buy milk"}}'])
    say(page, 'for the tasks I would say buy milk')        # no rule knows that, so the model does it
    expect(over(page).locator('.outcome')).to_contain_text('Added')
    replies(page).first.get_by_role('button', name='Again').click()
    expect(replies(page).locator('.outcome')).to_contain_text('Done by the earlier try')
    assert [r['name'] for r in s.rows('tasks')] == ['Buy milk']
    page.get_by_label('Earlier try').click()
    replies(page).locator('.undo').click()
    expect(page.locator('#tasks-list > li')).to_have_count(0)
    page.get_by_label('Later try').click()
    replies(page).get_by_role('button', name='Again').click()         # taken back: now it may be done anew
    expect(page.locator('#tasks-list > li')).to_have_count(1)

def test_a_deletion_that_was_undone_says_so_and_the_button_beside_it_says_what_it_does(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    s.act('tasks.create', name='X')
    page.goto(s.url + '/tasks')
    page.locator('#tasks-1').hover()
    page.locator('#tasks-1 .delete').click()
    rows = lambda: len(s.rows('tasks'))
    for word, now, left in (('Undo', 'Undone: Deleted “X” from Tasks', 1), ('Redo', 'Done again: Deleted “X” from Tasks', 0),
                            ('Undo', 'Undone: Deleted “X” from Tasks', 1)):
        button = page.locator('#toasts .undo').last
        expect(button).to_have_text(word)
        button.click()
        expect(page.locator('#toasts .outcome > :first-child').last).to_have_text(now)
        s.until(lambda left=left: rows() == left)
    expect(page.locator('#toasts .undo').last).to_have_accessible_name('Redo: Deleted “X” from Tasks')

def test_the_focus_is_never_lost(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    for n in ('one', 'two', 'three'): s.act('tasks.create', name=n)
    page.goto(s.url + '/tasks')
    at = lambda: page.evaluate('document.activeElement.closest("[id]")?.id + " " + document.activeElement.className')
    cell = page.locator('#tasks-2 .cell')
    cell.fill('zwei')
    cell.press('Enter')
    s.until(lambda: s.rows('tasks')[1]['name'] == 'zwei')
    page.wait_for_timeout(100)
    assert at() == 'tasks-2 cell main', 'Enter keeps the cell'
    page.locator('#tasks-2 .delete').focus()
    page.keyboard.press('Enter')
    expect(page.locator('#tasks-2')).to_have_count(0)
    until(page, lambda: at() == 'tasks-3 quiet delete')              # deleting goes to the next row
    page.select_option('.which', 'not-done')
    page.locator('#tasks-1 input[type=checkbox]').focus()
    page.keyboard.press('Space')
    expect(page.locator('#tasks-1')).to_be_hidden()
    until(page, lambda: at().startswith('tasks-3'))                  # ticked out of the filter
    s.post('/api/actions/tasks.delete', {'id': 3})                    # an agent asks
    page.locator('.approval .approve').focus()
    page.keyboard.press('Enter')
    expect(page.locator('.approval')).to_have_count(0)
    until(page, lambda: at().startswith('msg'))                      # a card that is answered hands over to the message box

def test_send_stands_still_and_the_selection_outlives_the_end_of_a_reply(app, page):
    text = 'The first paragraph, which is selected.\n\n' + ' '.join(f'word{i}' for i in range(60))
    s, _ = app([w + ' ' for w in text.split(' ')], rate=60)
    where = page.locator('#send').bounding_box()
    say(page, 'go')
    expect(page.locator('#stop')).to_be_visible()
    assert page.locator('#send').bounding_box() == where
    page.locator('.msg.assistant .block').first.wait_for()
    page.evaluate('getSelection().selectAllChildren(document.querySelector(".msg.assistant .block"))')
    over(page)
    assert page.evaluate('String(getSelection())').strip() == 'The first paragraph, which is selected.'
    live = shown(page)
    page.reload()
    assert shown(page) == live

def test_the_history_is_live_and_says_what_went_wrong_above_it(serve, page):
    s = serve(env={'PIANOLA_ENGINE': 'embedded'})
    for n in range(70): s.act('tasks.create', name=f'task {n}')
    page.goto(s.url + '/tasks')
    page.click('text=History')
    lines = page.locator('#activity > li:has(.outcome)')
    expect(lines).to_have_count(60)
    page.click('#activity >> text=Earlier')
    expect(lines).to_have_count(70)
    lines.nth(0).locator('.undo').click()
    expect(lines).to_have_count(71)
    expect(lines.nth(0)).to_contain_text('Undone: ')
    expect(lines.nth(1).locator('.outcome')).to_have_class(re.compile('undone'))
    s.act('tasks.update', id=69, name='changed since')
    lines.filter(has_text='Added “task 68”').locator('.undo').click()      # made, then renamed: undo of the making is refused
    expect(page.locator('#dialog [role=alert]')).to_contain_text('was changed since')
    assert page.evaluate(
        '''() => { const r = document.querySelector('#dialog [role=alert]').getBoundingClientRect(); return document.elementFromPoint(r.x + 9, r.y + 9).closest('[role=alert]') !== null }''')

def test_a_missing_model_is_downloaded_from_the_card_that_misses_it(serve, upstream, page):
    u = upstream(['Hello.'])
    s = serve(env={**u.env, 'PIANOLA_MODEL': 'other'})
    page.goto(s.url)
    say(page, 'hello')
    card = over(page, status='error').locator('.trouble')
    expect(card.get_by_role('button', name='Download other')).to_be_visible()
    card.get_by_role('button', name='Download other').click()
    s.until(lambda: any(path == '/api/pull' for _, path, _ in u.double.requests))

def test_a_conversation_deleted_in_one_tab_is_gone_from_the_other(app, page, context):
    s, _ = app(['Fine.'])
    say(page, 'a talk to delete')
    over(page)
    other = context.new_page()
    other.goto(s.url)
    expect(replies(other)).to_have_count(1)
    page.click('#chat-title')
    page.locator('#chats-menu').get_by_role('button', name='Delete').click()
    for p in (page, other): expect(p.locator('#chat-title')).to_have_text('New conversation')

def test_on_a_phone_everything_can_be_reached_and_the_sheet_is_a_dialog(shared, page):
    page.set_viewport_size({'width': 390, 'height': 800})
    page.goto(shared.url + '/tasks')
    expect(page.locator('#theme')).to_be_hidden()
    page.click('#more')
    expect(page.locator('#theme')).to_be_visible()
    page.click('#help')
    expect(page.locator('#dialog')).to_contain_text('Keys')
    page.keyboard.press('Escape')
    page.click('#chat-open')
    expect(page.locator('#chat')).to_have_attribute('role', 'dialog')
    assert page.evaluate("document.getElementById('main').inert && document.getElementById('nav').inert")
    page.click('#chat-close')
    assert not page.evaluate("document.getElementById('main').inert")
    page.set_viewport_size({'width': 360, 'height': 225})              # 400 % zoom of a small laptop
    page.click('#chat-open')
    assert page.locator('#msg-list').bounding_box()['height'] > 80
    assert page.evaluate('document.documentElement.scrollWidth') <= 360

def test_an_engine_that_never_stops_talking_is_stopped(app, page):
    most = ' '.join(map(str, range(100_000)))
    s, _ = app(['All of it. ' + most, ' More of it. ' + most])
    say(page, 'go')
    expect(over(page, status='error').locator('.trouble')).to_contain_text('more than 1,000,000 characters')
    assert s.get('/api/conversation')[1][-1]['text'].startswith('All of it.')

def test_our_own_files_go_out_packed_and_are_kept_by_the_browser(serve, upstream):
    import gzip, urllib.error, urllib.request
    from conftest import root
    s = serve(env=upstream(['hi']).env)
    ask = lambda path, **heads: urllib.request.urlopen(urllib.request.Request(s.url + path,
        headers={k.replace('_', '-'): v for k, v in heads.items()}))
    plain = (root/'static/pianola.css').read_bytes()
    packed = ask('/static/pianola.css', accept_encoding='gzip')
    assert packed.headers['content-encoding'] == 'gzip' and gzip.decompress(packed.read()) == plain and 'text/css' in packed.headers['content-type']
    assert ask('/static/pianola.css').read() == plain
    with pytest.raises(urllib.error.HTTPError) as e: ask('/static/pianola.css', accept_encoding='gzip', if_none_match=packed.headers['etag'])
    assert e.value.code == 304

def test_the_pages_own_scripts_come_as_one_and_its_sheets_too(serve, upstream):
    import gzip, re, urllib.request
    from conftest import root
    from pianola.page import together
    s = serve(env=upstream(['hi']).env)
    html = s.get('/')[1]
    assert len(re.findall('<link[^>]*stylesheet', html)) == 1 and len(re.findall('<script', html)) == 3, 'the theme, htmx, and ours'
    for name, parts in together.items():
        at = re.search(rf'/static/{name}[?]v=\w+', html)[0]
        whole = urllib.request.urlopen(s.url + at)
        packed = urllib.request.urlopen(urllib.request.Request(s.url + at, headers={'accept-encoding': 'gzip'}))
        text = whole.read()
        assert (packed.headers['content-encoding'] == 'gzip' and gzip.decompress(packed.read()) == text
                and 'immutable' in packed.headers['cache-control'])
        assert (text == b'\n'.join((root/'static'/p).read_bytes() for p in parts)
                and packed.headers['content-type'].partition(';')[0] == ('text/css' if name.endswith('css') else 'text/javascript'))

def test_a_message_just_said_and_a_reply_just_begun_look_as_any_other():
    "They are made from a mould; whatever stands on them is still drawn"
    from types import SimpleNamespace
    from pianola.conversation import bubble
    from pianola import render, tabs
    m = {'id': 7, 'conversation': 1, 'role': 'user', 'status': 'done', 'text': 'a <b>bold</b> & "quoted"\nline \x00 0\ufdd0 1\ufdd0',
         'thinking': '', 'model': '', 'error': None, 'stats': None, 'at': 1_700_000_000.5}
    begun = SimpleNamespace(blocks=render.Blocks(), text='', thinking='', thought='', waits=None)
    said = SimpleNamespace(blocks=render.Blocks(), text='Hello', thinking='', thought='', waits=None)
    said.blocks.feed('Hello'); said.blocks.frame()
    roll = {'id': 3, 'what': 'tasks.create', 'text': 'Added a task', 'data': {'changes': [1]}}
    beside = [{}, {'tries': [7], 'head': True}, {'tries': [7], 'head': True, 'busy': True}, {'tries': [5, 7], 'head': False},
              {'rolls': [roll], 'asks': []}, {'asks': [{'id': 1, 'text': 'Delete it?', 'why': ''}]}]
    whose = [{}, {'model': 'tasks'}, {'role': 'app', 'model': 'tasks'}, {'role': 'assistant'},
             {'role': 'assistant', 'model': 'm', 'stats': '{"tokens": 3}'},
             {'role': 'assistant', 'status': 'error', 'error': '{"kind": "cut", "text": "Cut.", "hint": ""}'},
             *({'role': 'assistant', 'status': 'streaming', 'text': '', 'reply': r}
               for r in (None, begun, said, SimpleNamespace(blocks=render.Blocks(), text='', thinking='hm', thought='hm', waits=None)))]
    for w in whose:
        reply, one = w.get('reply'), {**m, **{k: v for k, v in w.items() if k != 'reply'}}
        for b in beside: assert tabs.html(bubble.article(one, b, reply)) == tabs.html(bubble.made(one, b, reply)), (w, b)

def test_what_belongs_to_another_conversation_never_lands_in_the_open_one(app, page):
    s, _ = app([x for n in range(60) for x in (f'river {n} ', .05)])
    say(page, 'tell me about rivers')
    expect(replies(page).first.locator('.body')).to_contain_text('river 3')
    for _ in range(4):
        page.click('#chat header a.button')                           # New, while the other streams
        page.wait_for_function('() => document.querySelector("#msg-list .hello")')
        page.wait_for_timeout(200)
        assert page.locator('#msg-list > [data-role]:not(.overheard)').count() == 0 and page.locator('#stop').is_hidden()
        page.evaluate('hello(0)')                                     # as when it wakes up
        page.wait_for_timeout(100)
        assert page.locator('#msg-list > [data-role]:not(.overheard)').count() == 0
        page.evaluate(
            'hear({of: 1, put: [{id: "msg-99", html: "<article id=msg-99 data-pos=99 data-role=user>x</article>", into: "msg-list"}], live: "x"})')
        assert page.locator('#msg-99').count() == 0
        page.goto(f'{s.url}/?chat=1')
        expect(replies(page).first.locator('.body')).to_contain_text('river')
    over(page)

def test_what_is_queued_offers_no_answer_and_escape_stops_at_once(app, page):
    s, _ = app([x for n in range(40) for x in (f'river {n} ', .05)])
    say(page, 'tell me about rivers')
    expect(replies(page).first).to_be_visible()
    say(page, 'and of lakes')
    expect(page.locator('.msg.user')).to_have_count(2)
    page.reload()
    expect(page.locator('.msg.user')).to_have_count(2)
    assert page.get_by_role('button', name='Answer').count() == 0
    over(page, 2)
    page.fill('#msg', 'and of seas')
    page.press('#msg', 'Enter')
    page.keyboard.press('Escape')
    over(page, 3, 'stopped')
    assert 'river 39' not in replies(page).nth(2).locator('.body').inner_text() and page.get_by_role('button', name='Answer').count() == 0

def offline(page): page.evaluate('() => { ws.onclose = null; ws.close() }')

def test_who_types_on_while_another_conversation_comes_writes_in_that_one(app, page):
    s, u = app(lambda body: [f"You said {body['messages'][-1]['content'].split()[-1]}"])
    say(page, 'one')
    over(page)
    held_up, slow = [], [True]
    # what somebody asked for, not what the page brings itself up to date with
    page.route('**/api/conversations/*/panel',
               lambda route: held_up.append(route) if slow and 'hx-request' in route.request.headers else route.continue_())
    page.fill('#msg', 'half written')
    page.keyboard.press('Alt+n')
    page.keyboard.type('two')
    page.keyboard.press('Enter')                         # it goes out where it was meant to
    until(page, lambda: held_up)
    page.wait_for_timeout(200)
    assert len(u.asked) == 1 and page.locator('.msg.user').count() == 1
    slow.clear()
    for r in held_up: r.continue_()
    expect(over(page).locator('.body')).to_have_text('You said two')
    assert [c['title'] for c in s.get('/api/conversations')[1]] == ['two', 'one'] and page.input_value('#msg') == ''
    held_up.clear()
    slow.append(True)
    page.locator('#chats-menu > summary').click()
    page.locator('#chats a[href="?chat=1"]').click()     # and somebody who changes their mind comes where they went last
    page.keyboard.press('Alt+n')
    page.keyboard.type('three')
    until(page, lambda: len(held_up) == 2)
    slow.clear()
    held_up[1].continue_()
    expect(page.locator('#chat-title')).to_have_text('New conversation')
    held_up[0].continue_()
    page.wait_for_timeout(400)
    assert page.locator('#chat-title').inner_text() == 'New conversation' and page.input_value('#msg') == 'three'
    page.locator('#chats-menu > summary').click()
    page.locator('#chats a[href="?chat=1"]').click()
    expect(page.locator('#msg')).to_have_value('half written')
    page.route('**/api/conversations/*/panel', lambda route: route.abort())
    page.wait_for_timeout(200)                           # htmx has seen the new link by then
    page.keyboard.press('Alt+n')
    expect(page.locator('#toasts')).to_contain_text('does not answer')
    page.fill('#msg', 'four')
    page.press('#msg', 'Enter')
    expect(over(page, 2).locator('.body')).to_have_text('You said four')

def test_only_what_is_not_answered_yet_is_said_to_wait(app, page):
    script, go = held(['more'], 0)
    s, _ = app(lambda body: script(body) if body['messages'][-1]['role'] == 'assistant' else ['word ' for _ in range(200)], rate=50)
    say(page, 'tell me about rivers')
    expect(replies(page).first.locator('.body')).to_contain_text('word')
    page.click('#stop')
    over(page, status='stopped')
    say(page, 'and of lakes')
    expect(replies(page).nth(1).locator('.body')).to_contain_text('word')
    page.click('#stop')
    over(page, 2, 'stopped')
    replies(page).first.get_by_role('button', name='Go on').click()
    expect(replies(page).first).to_have_attribute('data-status', 'streaming')
    say(page, 'and of seas')
    expect(page.locator('.msg.user')).to_have_count(3)
    waits = "[...document.querySelectorAll('.msg.user .facts')].map(f => getComputedStyle(f, '::before').content)"
    until(page, lambda: page.evaluate(waits) == ['none', 'none', '"waits · "'])
    go.set()
    until(page, lambda: page.evaluate(waits) == ['none', 'none', 'none'])

def test_what_is_written_while_offline_begins_one_conversation_in_its_order(app, page):
    s, _ = app(['Fine.'])
    page.goto(f'{s.url}/?chat=new')
    page.wait_for_function('() => ws.readyState === 1')
    offline(page)
    for text in ('offline one', 'offline two', 'offline three'): say(page, text)
    expect(page.locator('.unsent')).to_have_text(['offline oneNot sent yet', 'offline twoNot sent yet', 'offline threeNot sent yet'])
    page.evaluate('connect()')
    expect(page.locator('.unsent')).to_have_count(0)
    expect(page.locator('.msg.user .said')).to_have_text(['offline one', 'offline two', 'offline three'])
    s.until(lambda: s.get('/api/conversation')[1][-1]['status'] == 'done')
    assert len(s.get('/api/conversations')[1]) == 1 and page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('unsent:'))") == []

def test_what_was_written_for_a_conversation_that_is_gone_comes_back_to_the_box(app, page, context):
    s, _ = app(['Fine.'])
    say(page, 'hello')
    over(page)
    offline(page)
    for text in ('precious one', 'precious two'): say(page, text)
    page.fill('#msg', 'and a third')
    id = s.get('/api/conversations')[1][0]['id']
    s.post(f"/api/approvals/{s.post('/api/actions/chat.delete', {'id': id})[1]['approval']}", {'approve': True})
    page.evaluate('connect()')
    expect(page.locator('#chat-title')).to_have_text('New conversation')
    until(page, lambda: all(t in page.input_value('#msg') for t in ('precious one', 'precious two', 'and a third')))
    page.reload()
    assert all(t in page.input_value('#msg') for t in ('precious one', 'precious two', 'and a third'))

def test_another_plugin_on_the_left_leaves_the_conversation_and_its_draft(app, page, context):
    s, _ = app(['Fine.'])
    say(page, 'the first conversation')
    over(page)
    first = page.url
    other = context.new_page()
    other.goto(f'{s.url}/?chat=new')
    say(other, 'the second conversation')
    over(other)
    assert 'chat=' in first
    page.click('#menu a[data-view=profiles]')
    expect(page.locator('#main')).to_have_attribute('data-view', 'profiles')
    page.fill('#msg', 'half a thought')
    page.reload()
    expect(page.locator('#chat-title')).to_have_text('the first conversation')
    assert page.input_value('#msg') == 'half a thought' and '/profiles' in page.url

def test_a_draft_that_was_said_does_not_come_back(app, page, context):
    s, _ = app(['Fine.'])
    page.goto(s.url)
    page.fill('#msg', 'half typed')
    other = context.new_page()
    other.goto(s.url)
    say(other, 'the first words')                                    # the page goes along with the first conversation there is
    expect(page.locator('.msg.user')).to_have_count(1)
    say(page, 'half typed and sent')
    expect(page.locator('.msg.user')).to_have_count(2)
    page.click('#chat header a.button')
    expect(page.locator('#msg-list .hello')).to_be_visible()
    assert page.input_value('#msg') == ''


def test_nothing_sticks_out_of_a_column_however_long_a_name_is(shared, page):
    name = 'Customer: Miller & Sons Engineering Works, branch office for the whole of the south and the islands'
    shared.act('profiles.create', name=name, url='https://www.example.com/a/long/address')
    shared.act('introduction.start', name=name)
    for width in (1440, 1024, 901, 720, 390, 320):
        page.set_viewport_size({'width': width, 'height': 800})
        for view in ('tasks', 'profiles', 'introduction'):
            page.goto(f'{shared.url}/{view}')
            page.wait_for_selector(f'#main[data-view={view}] :is(.owner, .rows, .bar)')
            wide = page.evaluate(
                "[document.documentElement, ...document.querySelectorAll('#main, #nav, #chat')].filter(e => e.scrollWidth > e.clientWidth "
                "+ 1).map(e => e.id || 'page')")
            assert not wide, f'{wide} on {view} at {width} px'

def test_a_long_dialog_can_be_closed_without_scrolling_to_its_end(app, page):
    app(['Fine.'])
    say(page, 'hello')
    over(page).locator('.acts button', has_text='What it saw').click()
    close = page.locator('#dialog .closer button')
    expect(close).to_be_visible()
    assert page.evaluate("document.querySelector('#dialog').scrollHeight > document.querySelector('#dialog').clientHeight + 100")
    expect(close).to_be_in_viewport()
    close.click()
    expect(page.locator('#dialog')).to_be_hidden()

def test_a_conversation_that_is_being_clicked_is_not_exchanged_under_the_pointer(app, page):
    s, u = app(lambda body: ['Well.'])
    say(page, 'one')
    over(page)
    page.keyboard.press('Alt+n')
    expect(page.locator('#chat-title')).to_have_text('New conversation')
    page.locator('#chats-menu > summary').click()
    link = page.locator('#chats a[href="?chat=1"]')
    expect(link).to_have_count(1)
    page.wait_for_timeout(300)                           # what was on its way to the list has come
    page.evaluate("() => { window.was = document.querySelector('#chats a'); window.lists = 0; const f = fetch; "
                  "window.fetch = (...a) => { if (String(a[0]).includes('/api/conversations?')) lists++; return f(...a) } }")
    link.hover()
    page.mouse.down()
    s.act('chat.rename', id=1, title='Another title')
    until(page, lambda: page.evaluate('lists') >= 2)     # it has come, was held back, and is asked for once more
    assert page.evaluate('was.isConnected')
    page.mouse.up()
    expect(page.locator('#chat')).to_have_attribute('data-conversation', '1')
    expect(page.locator('#chat-title')).to_have_text('Another title')
