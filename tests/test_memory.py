"What the model still has of a conversation: where its memory begins, what is told of the rest, and finding it again."
import asyncio, contextlib, json, re, threading, time
from html import unescape
from urllib.parse import urlencode
import pytest
from conftest import busy, connect
from playwright.sync_api import expect
from ollama_double import Refuse

too_long = Refuse(400, 'the prompt is longer than the context length currently available to the model; shorten it')
def sums(body): return 'Summarise' in body['messages'][0]['content']
def script(body): return ['SUMMARY: the word is banana.'] if sums(body) else ['Well. ' * 8]

@pytest.fixture
def talk(serve, upstream, tmp_path):
    "talk(script, models) → (server, upstream, say); a system message of two words, so that little fills the memory"
    open_ = contextlib.ExitStack()
    def start(script=script, context=900, **models):
        (tmp_path/'p').mkdir(exist_ok=True)
        (tmp_path/'p'/'system.md').write_text('Be brief.')
        u = upstream(script, models={'small:latest': {'context': context}, **models})
        s = serve(env=u.env, prompts=tmp_path/'p')
        s.act('model.choose', model='ollama/small:latest')
        ws = open_.enter_context(connect(s.ws))
        def say(text):
            had = len(s.get('/api/conversation')[1])
            ws.send(json.dumps({'msg': text, 'conversation': 1 if had else None}))
            s.until(lambda: (c := s.get('/api/conversation')[1]) and len(c) == had+2 and c[-1]['status'] != 'streaming')
            return told(s)
        return s, u, say
    with open_: yield start

def told(s):
    "What the newest reply was given, as one text"
    s.until(lambda: s.get('/api/conversation')[1][-1]['status'] != 'streaming')
    return json.dumps(s.get(f"/api/messages/{s.get('/api/conversation')[1][-1]['id']}/prompt")[1])
def panel(s): return s.get('/api/conversations/1/panel')[1]
def turn(n): return f'turn {n}: ' + 'some words of it ' * 16
def fill(say, first, last): return [say(turn(n)) for n in range(first, last)]

def test_the_models_memory_and_its_summary_belong_to_the_branch(talk):
    s, u, say = talk()
    fill(say, 0, 8)
    first, _, third = [m['id'] for m in s.get('/api/conversation')[1] if m['role'] == 'user'][:3]
    assert 'id="memory"' in panel(s) and 'turn 0' not in told(s)
    s.act('chat.summarise', conversation=1)
    assert 'banana' in say('and now?') and 'turn 0' not in told(s)
    s.act('chat.edit', message=first, text='A new beginning')             # a talk that was never summarised
    assert 'A new beginning' in told(s) and 'banana' not in told(s) and 'id="memory"' not in panel(s)
    s.act('chat.pick', message=third)
    assert 'id="memory"' in panel(s) and 'banana' in panel(s) and 'banana' in say('and here?')
    s.act('chat.edit', message=third, text='Another third')                # above the mark, everything fits
    assert 'turn 0' in told(s) and 'turn 1' in told(s) and 'banana' not in told(s) and 'id="memory"' not in panel(s)
    fill(say, 10, 16)                                                    # and gets a mark of its own
    assert panel(s).count('id="memory"') == 1 and 'turn 0' not in told(s) and 'banana' not in told(s)
    whole = s.get(f"/api/conversations/1/messages?before={s.get('/api/conversation')[1][-1]['id']}")[1]
    assert whole.count('id="memory"') == 1                               # also in pages of older messages there is one

def test_a_summary_stays_when_the_memory_moves_on_and_the_page_says_how_far_it_reaches(talk):
    s, u, say = talk()
    fill(say, 0, 8)
    s.act('chat.summarise', conversation=1)
    assert 'are not in it' not in panel(s)
    after = fill(say, 8, 16)
    assert all('banana' in t for t in after) and 'turn 6' not in after[-1] and 'turn 15' in after[-1]
    assert 'messages above this line are not in it' in panel(s) and 'Summarise it anew' in panel(s)
    s.act('chat.summarise', conversation=1)
    assert 'are not in it' not in panel(s) and 'turn 6' in json.dumps(u.asked[-1])

def test_a_model_with_a_larger_memory_has_the_turns_back_and_the_smaller_one_its_mark(talk):
    s, u, say = talk(**{'large:latest': {'context': 8000}, 'middle:latest': {'context': 1500}})
    fill(say, 0, 8)
    s.act('chat.summarise', conversation=1)
    small = [t for t in fill(say, 8, 9)][0]
    begins = lambda t: next(n for n in range(99) if f'turn {n}:' in t)
    assert begins(small) > 0 and 'banana' in small
    s.act('model.choose', model='ollama/large:latest')
    assert begins(say('all of it?')) == 0 and 'banana' not in told(s) and 'id="memory"' not in panel(s)
    s.act('model.choose', model='ollama/small:latest')
    again = say('and now?')
    assert begins(again) > 0 and 'banana' in again and 'id="memory"' in panel(s)
    s.act('model.choose', model='ollama/middle:latest')                   # not all of it, but no less
    more = [begins(t) for t in fill(say, 20, 22)]
    assert 0 < more[0] <= begins(again) and len(set(more)) == 1            # and the beginning stays, for what the engine has read of it
    assert s.get('/api/conversations/1/panel')[1].count('id="memory"') == 1

def dense(body):
    "A model for which a character is a token, as digits and Chinese nearly are"
    if sum(len(m['content'])+4 for m in body['messages']) > body['options']['num_ctx']: return [too_long]
    return script(body)

def test_dense_text_and_a_message_longer_than_the_memory_are_summarised_in_parts(talk, tmp_path):
    read = []
    def both(body):
        if sums(body): read.append(body['messages'][-1]['content'])
        return dense(body)
    s, u, say = talk(both, context=2000, **{'large:latest': {'context': 20_000}})
    s.act('model.choose', model='ollama/large:latest')
    digits = ' '.join(str(n*7919) for n in range(900))
    say(digits)
    say('thank you')
    s.act('model.choose', model='ollama/small:latest')
    for n in range(3): say(f'turn {n}: ' + '今日は学校で友達と話しました。' * 20)
    assert 'id="memory"' in panel(s)
    assert s.act('chat.summarise', conversation=1)['result'] == 'SUMMARY: the word is banana.'
    kept = [t for t in read if len(t) < 2000]                              # those that were not refused
    assert all(f'{n*7919}' in ' '.join(kept) for n in range(900)) and len(kept) > 3 and 'Summary so far' in kept[-1]

def test_the_page_shows_how_far_the_reading_is_and_it_can_be_stopped(talk):
    go, parts = threading.Event(), []
    async def slow(body):
        parts.append(body['messages'][-1]['content'])
        while len(parts) > 1 and not go.is_set(): await asyncio.sleep(.02)      # noqa: ASYNC110  it is set in another thread
        yield 'SUMMARY: banana.'
    s, u, say = talk(lambda body: slow(body) if sums(body) else ['ok'])
    fill(say, 0, 30)
    out = []
    press = lambda: out.append(s.post('/api/actions/chat.summarise', {'conversation': 1}))
    with connect(s.ws) as ws:
        ws.send(json.dumps({'hello': {'since': 0, 'conversation': 1}}))
        (t := threading.Thread(target=press)).start()
        shown = lambda: next(i['html'] for f in iter(lambda: json.loads(ws.recv(timeout=20)), None) for i in f.get('put', ()) if i['id'] == 'memory')
        while ' 0 %' in (html := shown()): pass
        assert 'Reading the earlier conversation: ' in html and 'chat.stop' in html and html in panel(s).replace('\n', '')
        status, said = s.post('/api/actions/chat.summarise', {'conversation': 1})
        assert status == 409 and 'being read already' in said['error']
        assert s.act('chat.stop', conversation=1)['result'] is True
        t.join(20)
        assert out[0][0] == 200 and out[0][1]['result'] is None and len(parts) == 2
        assert 'Give it a summary' in shown() and 'Reading' not in panel(s)
    go.set()
    press()
    assert out[1][1]['result'] == 'SUMMARY: banana.' and 'Summarise it anew' in panel(s)

def reading():
    "A script whose summaries never end unless told to: (script, go, how many were begun)"
    go, begun = threading.Event(), []
    async def slow(body):
        begun.append(body)
        while not go.is_set(): await asyncio.sleep(.02)      # noqa: ASYNC110  it is set in another thread
        yield 'SUMMARY: banana.'
    return lambda body: slow(body) if sums(body) else slow_words() if 'slowly' in body['messages'][-1]['content'] else ['ok'], go, begun
async def slow_words():
    for n in range(1000):
        yield f'word{n} '
        await asyncio.sleep(.05)

def test_a_server_that_ends_while_it_reads_for_a_summary_ends_quietly_and_offers_it_again(talk, serve):
    script, go, begun = reading()
    s, u, say = talk(script)
    fill(say, 0, 8)
    out = []
    (t := threading.Thread(target=lambda: out.append(s.post('/api/actions/chat.summarise', {'conversation': 1})))).start()
    s.until(lambda: begun)
    began = time.monotonic()
    assert s.stop() == 0 and time.monotonic() - began < 5*busy()
    t.join(20)
    assert out == [(200, {'status': 'done', 'id': out[0][1]['id'], 'result': None})]
    log = (s.data/'pianola.log').read_text('utf-8')
    assert 'Traceback' not in log and ' ERROR ' not in log and 'Traceback' not in ''.join(s.lines), log
    s = serve(data=s.data, env=u.env)
    assert 'Give it a summary' in panel(s) and 'Reading' not in panel(s)
    go.set()
    assert s.act('chat.summarise', conversation=1)['result'] == 'SUMMARY: banana.'

@pytest.mark.browser
def test_escape_stops_the_reply_first_and_then_the_reading_for_a_summary(talk, page):
    script, go, begun = reading()
    s, u, say = talk(script)
    fill(say, 0, 8)
    page.goto(s.url)
    page.get_by_role('button', name='Give it a summary').click()
    mark, last = page.locator('#memory'), page.locator('#msg-list > [data-role=assistant]').last
    expect(mark).to_contain_text('Reading the earlier conversation')
    page.keyboard.press('Escape')
    expect(mark.get_by_role('button', name='Give it a summary')).to_be_visible()
    s.until(lambda: u.double.stopped)                   # and the model reads no more
    mark.get_by_role('button', name='Give it a summary').click()
    expect(mark).to_contain_text('Reading the earlier conversation')
    page.fill('#msg', 'tell me slowly')
    page.press('#msg', 'Enter')
    expect(last.locator('.body')).to_contain_text('word3')
    page.keyboard.press('Escape')
    expect(last).to_have_attribute('data-status', 'stopped')
    expect(mark).to_contain_text('Reading the earlier conversation')
    page.fill('#msg', 'tell me slowly')
    page.press('#msg', 'Enter')
    expect(last.locator('.body')).to_contain_text('word3')
    mark.get_by_role('button', name='Stop').click()     # its own button is for it alone
    expect(mark.get_by_role('button', name='Give it a summary')).to_be_visible()
    expect(last).to_have_attribute('data-status', 'streaming')

def test_a_mark_and_a_summary_of_an_older_version_are_kept(tmp_path, monkeypatch):
    from pianola.conversation import history
    from pianola import store
    async def older():
        st = store.Store()
        await st.open(tmp_path/'old')
        def fill(tx):
            c = history.begin(tx, 'Old')
            ids = [history.add(tx, c, role, f'said {n}') for n in range(4) for role in ('user', 'assistant')]
            tx.run('update conversation set memory=?, summary=? where id=?', ids[4], 'It was about rivers.', c)
            return ids
        ids = await st.write(fill)
        await st.close()
        return ids
    async def newer():
        st = store.Store()
        await st.open(tmp_path/'old')
        found = await st.read(lambda tx: history.mark(tx, history.conversation(tx, 1)))
        await st.close()
        return found
    with monkeypatch.context() as m:
        m.setattr(store, 'migrations', store.migrations[:9])
        ids = asyncio.run(older())
    assert asyncio.run(newer()) == {'message': ids[4], 'conversation': 1, 'room': 1, 'summary': 'It was about rivers.', 'reach': ids[4]}

def made(folder, fill):
    "A data folder in which `fill(tx)` wrote"
    from pianola.store import Store
    async def write():
        st = Store()
        await st.open(folder)
        await st.write(fill)
        await st.close()
    asyncio.run(write())
    return folder

def test_every_conversation_can_be_reached_and_one_far_down_the_list_shows_its_new_title(serve, tmp_path):
    from pianola.conversation import history
    s = serve(data=made(tmp_path/'many', lambda tx: [history.add(tx, history.begin(tx, f'Talk {n}'), 'user', f'river {n}')
                                                     for n in range(1, 121)]), env={'PIANOLA_ENGINE': 'embedded'})
    for words, each in (('', 'Talk {}<'), ('river', '>river {}<')):
        url, seen, pages = f'/api/conversations?q={words}', [], 0
        while url:
            html, pages = s.get(url, HX_Request='true')[1], pages+1
            seen += [int(n) for n in re.findall(each.format('([0-9]+)'), html)]
            url = (more := re.search('hx-get="([^"]*before=[^"]*)"', html)) and unescape(more[1])
        assert seen == [*range(120, 0, -1)] and pages == 3
    assert [c['id'] for c in s.get('/api/conversations?before=71')[1]] == [*range(70, 20, -1)]
    with connect(s.ws) as ws:
        ws.send(json.dumps({'hello': {'since': 0, 'conversation': 5}}))
        while 'caught' not in json.loads(ws.recv(timeout=20)): pass
        s.act('chat.rename', id=5, title='Far <away>')
        title = next(i for f in iter(lambda: json.loads(ws.recv(timeout=20)), None) for i in f.get('put', ()) if i['id'] == 'chat-title')
    assert title['html'] == '<span id="chat-title">Far &lt;away&gt;</span>' and title['only']

def test_scripts_without_spaces_are_searched_inside_and_signs_for_anything_find_nothing(serve, tmp_path):
    from pianola.conversation import history
    said = {'今日は学校で友達と話しました。図書館は閉まっていました。': ('友達', '図書館', '館', '話し', '図書館 友達'), '使用Python编程很有意思': ('编程', 'python', 'Python编程', '有意'),
            'ﾃﾚﾋﾞを見る。': ('テレビ',),
            '저는 도서관에 갔습니다': ('도서관', '서관'), 'ฉันไปห้องสมุด': ('ห้องสมุด',), 'Déjà vu at the café': ('deja', 'cafe', 'vu')}
    def fill(tx):
        for n, text in enumerate(said): history.add(tx, history.begin(tx, f'Talk {n} of 5'), 'user' if n % 2 else 'assistant', text)
        history.begin(tx, '100 % of snake_case, and Ärger')
        for n, status in ((8, 'done'), (9, 'streaming')):                   # replies, which grow: one that ended, one that goes on
            id = history.add(tx, history.begin(tx, f'Reply {n}'), 'assistant', status='streaming')
            tx.run("update message set text='山の上', status='done' where id=?", id)
            tx.run('update message set status=? where id=?', status, id)
    s = serve(data=made(tmp_path/'signs', fill), env={'PIANOLA_ENGINE': 'embedded'})
    look = lambda words: s.get('/api/conversations?' + urlencode({'q': words}))[1]
    for n, words in enumerate(said.values()):
        for w in words:
            found = look(w)
            assert [c['id'] for c in found] == [n+1], (w, found)
            assert any(x.lower() in found[0]['found'].lower() for x in w.split()) or w in ('deja', 'cafe')
    assert [c['id'] for c in look('の上')] == [9, 8]                       # the start ended what was cut
    assert not look('友校') and not look('達友') and not look('snakeXcase')
    assert [[c['id'] for c in look(w)] for w in ('%', '_', 'snake_c', 'ärger', 'arger')] == [[7]]*5 and len(look('talk')) == 6
