"The main job as a newcomer does it: the real model, the real browser, two tabs."
import json, re
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.model, pytest.mark.browser]

def finished(page, n, seconds=300):
    "Wait until the n-th reply is over; it comes back"
    reply = page.locator('#msg-list > [data-role=assistant]').nth(n-1)
    expect(reply).to_have_attribute('data-status', re.compile('done|stopped|error'), timeout=seconds*1000)
    return reply

def say(page, text):
    page.fill('#msg', text)
    page.press('#msg', 'Enter')

def test_what_was_said_plainly_is_done_by_rules_and_the_model_only_talks(serve, page, warm):
    server = serve(data=warm, cold=True, env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(server.url)
    say(page, 'add a task: call the dentist')
    expect(page.locator('#tasks-list .cell.main')).to_have_value(re.compile('^call the dentist$', re.I))       # long before the reply is over
    expect(finished(page, 1).locator('[data-roll]')).to_contain_text('Added “Call the dentist” to Tasks')
    say(page, 'please delete call the dentist')
    expect(page.locator('#tasks-list li')).to_have_count(0)
    finished(page, 2).locator('.undo').click()
    expect(page.locator('#tasks-list li')).to_have_count(1)
    assert [e['by'] for e in server.get('/api/roll')[1]] == ['user']*3

def test_a_task_asked_for_in_the_chat_appears_in_every_tab_and_can_be_taken_back(serve, context, warm):
    server = serve(data=warm, cold=True, env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_RULES': '0'})       # the model alone
    a, b = context.new_page(), context.new_page()
    said = []
    a.on('console', lambda m: said.append(m.text) if m.type == 'error' else None)
    for page in (a, b): page.goto(server.url)
    expect(a.locator('#model-line .why')).to_contain_text('built-in')
    say(a, 'add a task: call the dentist')
    expect(a.locator('#msg-list > [data-role=user] .body')).to_have_text('add a task: call the dentist')
    expect(a.locator('#msg-list > [data-role=assistant][data-status=streaming]')).to_be_visible()
    reply = finished(a, 1)
    for page in (a, b): expect(page.locator('#tasks-list .cell.main')).to_have_value(re.compile('^call the dentist$', re.I))
    expect(reply.locator('[data-roll]')).to_contain_text('Added “Call the dentist” to Tasks')
    expect(reply.locator('footer')).to_contain_text(re.compile(r'\d+ tokens · \d+/s'))
    assert [e['by'] for e in server.get('/api/roll')[1]] == ['model']
    # the same words in the second tab
    server.until(lambda: b.locator('#msg-list').inner_text().split() == a.locator('#msg-list').inner_text().split())

    reply.locator('.undo').click()
    for page in (a, b): expect(page.locator('#tasks-list li')).to_have_count(0)
    expect(reply.locator('[data-roll]').last).to_contain_text('Undone: ')
    reply.get_by_role('button', name='Redo: Added “Call the dentist”').click()
    expect(b.locator('#tasks-list li')).to_have_count(1)

    before = a.locator('#msg-list > [data-role=assistant] .body').inner_html()
    a.reload()
    expect(a.locator('#tasks-list .cell.main')).to_have_value(re.compile('^call the dentist$', re.I))
    assert a.locator('#msg-list > [data-role=assistant] .body').inner_html() == before, 'live and history are drawn the same'

    # a destructive wish asks first, on the exact row
    say(a, 'please delete call the dentist')
    card = a.locator('#msg-list [data-approval]')
    finished(a, 2)
    expect(card).to_contain_text('Delete “Call the dentist” from Tasks?')
    assert len(server.rows('tasks')) == 1
    card.locator('.approve').click()
    for page in (a, b): expect(page.locator('#tasks-list li')).to_have_count(0)
    expect(card).to_have_count(0)
    assert not said, said

def test_the_model_overhears_clicks_and_shows_exactly_what_it_saw(serve, page, warm):
    server = serve(data=warm, cold=True, env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(server.url + '/tasks')
    page.fill('form#tasks-new input[name=name]', 'Water the cactus')
    page.press('form#tasks-new input[name=name]', 'Enter')
    expect(page.locator('#tasks-1 .cell.main')).to_have_value('Water the cactus')
    say(page, 'thanks')
    reply = finished(page, 1)
    reply.hover()
    reply.get_by_role('button', name='What it saw').click()
    expect(page.locator('#dialog')).to_contain_text('The user: Added “Water the cactus” to Tasks')
    heard = [m for m in server.get('/api/conversation?hidden=1')[1] if m['hidden']]
    assert any('Water the cactus' in m['text'] for m in heard)
    assert not any('cactus' in m['text'] for m in server.get('/api/conversation')[1] if m['role'] == 'user')
    page.goto(server.url + '/profiles?chat=new')
    say(page, 'Why is the sky blue?')
    finished(page, 1)
    reply = server.get('/api/conversation')[1][-1]['text']
    assert 'sky' in reply and not re.search('profiles|tasks|opened', reply, re.I), 'what it overheard is not what it was asked'

def test_the_first_answer_need_not_wait_for_the_instructions_to_be_read(serve, page, warmed, warm):
    assert 'read its instructions' in warmed[1][0]
    assert warmed[1][1] == '', 'once is enough'
    server = serve(data=warm, cold=True, env={'PIANOLA_ENGINE': 'embedded'})
    read = []
    page.on('websocket', lambda ws: ws.on('framereceived', lambda f: read.append(json.loads(f)) if '"what":"reading"' in f else None))
    page.goto(server.url)
    say(page, 'hello')
    finished(page, 1)
    assert all(f['done'] > .9 * f['total'] - 60 for f in read if f['total']), f'the instructions were read again: {read[:3]}'
    stats = [m for m in server.get('/api/conversations/1.json')[1]['messages'] if m['role'] == 'assistant'][-1]['stats']
    assert stats['cached'] > .9 * (stats['prompt_tokens'] - 60) > 0, stats

def test_a_fresh_process_answers_as_fast_as_a_warm_one(serve, page, models_dir, tmp_path):
    (tmp_path/'brief').mkdir()
    # soon read
    (tmp_path/'brief/system.md').write_text('You are brief, and you are kind. ' + 'You answer in one short sentence. '*40, 'utf-8')
    server = serve(prompts=tmp_path/'brief', cold=True, env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(server.url)
    say(page, 'hello')
    finished(page, 1)
    server.until(lambda: list((server.data/'engine').rglob('*.state')) or list((server.data/'engine').rglob('*')))
    server.stop()
    again = serve(data=server.data, prompts=tmp_path/'brief', cold=True, env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(again.url)
    say(page, 'what is the capital of France?')
    finished(page, 2)
    stats = [m for m in again.get(f"/api/conversations/{page.locator('#chat').get_attribute('data-conversation')}.json")[1]['messages']
             if m['role'] == 'assistant'][-1]['stats']
    assert stats['cached'] > .8 * stats['prompt_tokens'] > 0, stats
