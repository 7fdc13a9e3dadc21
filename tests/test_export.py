"A conversation that is taken along says what the page showed, and so does a message that is copied."
import urllib.parse
import pytest
from playwright.sync_api import expect
from conftest import held
from ollama_double import CUT
from pianola import render

pytestmark = pytest.mark.browser
milk, gone = '{"action": "tasks.create", "args": {"name": "Buy *milk*"}}', '{"action": "tasks.delete", "args": {"id": 1}}'
says = {'one': ['I am adding it.\n\n', milk], 'two': [f'```json\n{gone}\n```\n\nI will ask.'],
        'three': ['Nothing: ', '{"action": "todos.create"}', ' so.'],
        'four': [milk, '\n\nAs code:\n\n```py\nx = 1'],
        'five': ['Well.\n\n', '{"action": "tasks.cre', CUT], 'six': ['{"action": "tasks.list", "args": {}}']}

def say(page, text):
    n = page.locator('#msg-list > [data-role=assistant]').count()
    page.fill('#msg', text)
    page.press('#msg', 'Enter')
    reply = page.locator('#msg-list > [data-role=assistant]').nth(n)
    expect(reply).to_have_attribute('data-status', 'error' if text == 'five' else 'done', timeout=60_000)
    return reply

@pytest.fixture
def talk(serve, upstream, page):
    "(server, page) of a conversation whose rules are off: the model adds, asks to delete, errs, adds again, is cut, and lists"
    u = upstream(lambda body: says[body['messages'][-1]['content'].rpartition('\n')[2]])
    s = serve(env={**u.env, 'PIANOLA_RULES': '0'})
    page.goto(s.url)
    expect(say(page, 'one').locator('.outcome')).to_contain_text('Added')
    expect(say(page, 'two').locator('.approval')).to_contain_text('Delete')
    expect(say(page, 'three').locator('.outcome')).to_contain_text('Not done')
    say(page, 'four').locator('.undo').click()
    expect(page.locator('.outcome', has_text='Undone: ')).to_be_visible()
    expect(say(page, 'five').locator('.trouble')).to_be_visible()
    expect(say(page, 'six').locator('.outcome summary')).to_have_text('Tasks: 1 row')
    return s

def test_the_markdown_of_a_conversation_reads_as_the_page_does(talk, page):
    status, md = talk.get('/api/conversations/1.md')
    parts = [p.partition('\n')[2].strip() for p in md.split('\n## ')[1:]]
    hint, why = page.locator('.outcome.refused small').text_content(), page.locator('.trouble p').inner_text()
    assert status == 200 and md.startswith('# one\n') and parts[::2] == ['one', 'two', 'three', 'four', 'five', 'six']
    assert parts[1::2] == [
        'I am adding it.\n\n- *Added “Buy \\*milk\\*” to Tasks*',
        'I will ask.\n\n- *Delete “Buy \\*milk\\*” from Tasks?* (waits for your word)',
        f'Nothing: so.\n\n- *Not done: there is no action todos.create* ({hint})',
        'As code:\n\n```py\nx = 1\n```\n\n- ~~*Added “Buy \\*milk\\*” to Tasks*~~ (undone)\n- *Undone: Added “Buy \\*milk\\*” to Tasks*',
        f'Well.\n\n*{why}*',
        '- *Tasks: 1 row*\n  - id: 1, name: Buy \\*milk\\*, done: no'], parts
    assert '"action"' not in md
    for text in page.locator('.outcome > :first-child:not(details), .outcome summary, .approval > p').all_inner_texts():
        assert text.strip().replace('*', '\\*') in md, 'each line of the page stands there'
    # a Markdown reader finds the same structure: nothing of a reply swallows the next
    assert ''.join(render.blocks(md)).count('<h2>') == 12

def test_an_answer_to_a_card_stands_in_the_markdown_too(talk, page):
    page.locator('.approval .reject').click()
    talk.until(lambda: not talk.get('/api/approvals')[1])
    assert '- *Declined: Delete “Buy \\*milk\\*” from Tasks?*' in talk.get('/api/conversations/1.md')[1]

def test_as_data_each_message_has_what_became_of_its_actions(talk):
    said = talk.get('/api/conversations/1.json')[1]['messages']
    got = [[(o['action'], o['state'], o['text']) for o in m['outcomes']] for m in said if m['role'] == 'assistant']
    assert got == [[('tasks.create', 'done', 'Added “Buy *milk*” to Tasks')], [('tasks.delete', 'waiting', 'Delete “Buy *milk*” from Tasks?')],
                   [('todos.create', 'refused', 'Not done: there is no action todos.create')],
                   [('tasks.create', 'undone', 'Added “Buy *milk*” to Tasks'), ('undo', 'done', 'Undone: Added “Buy *milk*” to Tasks')], [],
                   [('tasks.list', 'done', 'Tasks: 1 row')]]
    assert said[1]['outcomes'][0]['args'] == {'name': 'Buy *milk*', 'done': False} and not [m for m in said if m['role'] == 'user' and m['outcomes']]
    assert said[1]['text'].endswith(milk), 'what the model wrote is there as it wrote it'

def test_a_message_is_copied_as_words_and_lines(talk, page, context):
    context.grant_permissions(['clipboard-read', 'clipboard-write'])
    for n, text in enumerate(['I am adding it.\n\nAdded “Buy *milk*” to Tasks', 'I will ask.\n\nDelete “Buy *milk*” from Tasks?']):
        reply = page.locator('#msg-list > [data-role=assistant]').nth(n)
        reply.hover()
        reply.locator('.copy-message').click()
        page.wait_for_function('t => navigator.clipboard.readText().then(x => x.replaceAll("\\r\\n", "\\n").trim() === t)', arg=text)
    ids = [m['id'] for m in talk.get('/api/conversation')[1] if m['role'] == 'assistant']
    assert talk.get(f'/api/messages/{ids[3]}/text')[1] == \
        'As code:\n\n```py\nx = 1\n\nAdded “Buy *milk*” to Tasks (undone)\nUndone: Added “Buy *milk*” to Tasks'

def test_a_reply_that_is_still_written_and_one_that_was_stopped_say_so(serve, upstream, page):
    script, go = held(['Rivers are long ', 'and wide.'], 1)
    s = serve(env=upstream(script).env)
    page.goto(s.url)
    page.fill('#msg', 'tell me about rivers')
    page.press('#msg', 'Enter')
    expect(page.locator('.tail')).to_contain_text('Rivers')
    assert s.get('/api/conversations/1.md')[1].endswith('Rivers are long \n\n*This is still being written.*\n')
    page.click('#stop')
    expect(page.locator('#msg-list > [data-status=stopped]')).to_be_visible()
    assert s.get('/api/conversations/1.md')[1].endswith('Rivers are long \n\n*Stopped.*\n')
    go.set()

@pytest.mark.parametrize('title, names', [('Call the dentist', 'filename="Call the dentist.{}"'), ('a/b: c?', 'filename="a b c.{}"'),
                                          ('Zähne', 'filename="Zahne.{0}"; filename*=utf-8\'\'' + urllib.parse.quote('Zähne') + '.{0}'),
                                          ('牙医', 'filename="file.{0}"; filename*=utf-8\'\'' + urllib.parse.quote('牙医') + '.{0}'),
                                           ('...', 'filename="Conversation.{}"')])
def test_the_file_is_called_as_the_conversation_is(serve, upstream, page, title, names):
    s = serve(env=upstream(['Hello.']).env)
    page.goto(s.url)
    say(page, 'hello')
    s.act('chat.rename', id=1, title=title)
    for kind in ('md', 'json'):
        s.get(f'/api/conversations/1.{kind}')
        assert s.heads['content-disposition'] == 'attachment; ' + names.format(kind)
    page.reload()
    page.locator('#chats-menu > summary').click()
    with page.expect_download() as got: page.get_by_role('link', name='Markdown').click()
    assert got.value.suggested_filename == {'...': 'Conversation', 'a/b: c?': 'a b c'}.get(title, title) + '.md'
