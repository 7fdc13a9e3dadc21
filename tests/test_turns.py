"A turn, from the user's words to the kept reply, without a browser: what is read and kept on the way, and what goes wrong in it at the worst moment."
import asyncio, json, re, threading, time
from concurrent.futures import ThreadPoolExecutor
import pytest
from conftest import connect, held
from ollama_double import Refuse, Think
from pianola.store import Refused, Store

def test_what_is_read_once_a_transaction_is_read_anew_when_rows_change(tmp_path):
    async def run():
        st = Store()
        await st.open(tmp_path)
        await st.write(lambda tx: tx.run('create table thing(id integer primary key, name text)'))
        def look(tx):
            names = lambda: tx.once('names', lambda: [r['name'] for r in tx.q('select name from thing order by id')])
            seen = [names()]
            tx.insert('thing', {'name': 'a'})
            seen.append(names())
            try:
                with tx.attempt():
                    tx.insert('thing', {'name': 'b'})
                    seen.append(names())
                    raise Refused('no')
            except Refused: seen.append(names())
            tx.insert('thing', {'name': 'c'})
            return [*seen, names()]
        assert await st.write(look) == [[], ['a'], ['a', 'b'], ['a'], ['a', 'c']]
        await st.close()
    with ThreadPoolExecutor(1) as beside: beside.submit(asyncio.run, run()).result()

def test_what_a_plugin_says_of_itself_can_always_be_told(serve, upstream, tmp_path):
    "Half a character in a docstring is none in a prompt"
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'wave.py').write_text('"Wave: hello."\nfrom pianola import action\ndef wave(tx, name: str = ""): return name\n'
                                         'wave.__doc__ = "Wave at somebody \\ud83d now"\naction(title="Wave \\ud83d")(wave)\n')
    u = upstream(['Hello there.'])
    s = serve(env=u.env, plugins=tmp_path/'p')
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'what is the weather like'}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
    assert s.get('/api/conversation')[1][-1]['text'] == 'Hello there.' and 'Wave at somebody' in json.dumps(u.asked[-1])

def test_a_prompt_that_cannot_be_kept_does_not_take_the_reply_with_it(tmp_path):
    from pianola.conversation import chat, history
    async def run():
        st = Store()
        await st.open(tmp_path)
        def end(tx):
            id = history.add(tx, history.begin(tx, 'T'), 'assistant', status='streaming')
            chat.remember(tx, history.message(tx, id), {'messages': [{'role': 'user', 'content': 'half \ud83d'}]})
            tx.run("update message set text='said', status='done' where id=?", id)
            return id
        m = await st.read(history.message, await st.write(end))
        await st.close()
        return m['text'], m['status']
    with ThreadPoolExecutor(1) as beside: assert beside.submit(asyncio.run, run()).result() == ('said', 'done')

def test_stopping_twice_while_the_store_is_busy_leaves_a_stopped_reply(serve, upstream, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'slow.py').write_text(
        '"Slow: holds the store."\nimport time\nfrom pianola import action\n@action\ndef hold(tx, s: float = 1.5):\n    "Hold."\n    '
        'time.sleep(s)\n    return s\n')
    s = serve(env=upstream(['Hello.', 'Hello.']).env, plugins=tmp_path/'p')
    with connect(s.ws) as ws, connect(s.ws) as other:
        ws.send(json.dumps({'msg': 'what is the weather like'}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
        other.send(json.dumps({'hello': {'since': 0, 'conversation': 1}}))
        other.recv()
        for _ in range(3): s.post('/api/actions/slow.hold', {'s': 0})        # the first turn is over, the pressing of its keys included
        t = threading.Thread(target=s.post, args=('/api/actions/slow.hold', {'s': 1.5}))
        t.start()
        time.sleep(.3)
        ws.send(json.dumps({'msg': 'and tomorrow', 'conversation': 1}))
        for _ in range(2):
            time.sleep(.15)
            other.send(json.dumps({'stop': 1}))
        t.join()
        s.until(lambda: len(s.get('/api/conversation')[1]) == 4 and s.get('/api/conversation')[1][-1]['status'] != 'streaming')
    assert [(m['role'], m['status']) for m in s.get('/api/conversation')[1]][2:] == [('user', 'done'), ('assistant', 'stopped')]

def test_the_last_thing_drawn_is_the_truth_however_the_loop_stumbles(serve, upstream, tmp_path):
    "Replies that fail the moment they are asked, while somebody holds up the loop for a few milliseconds again and again"
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'stumble.py').write_text(
        '"Stumble: holds up the loop."\nimport random, time\nfrom pianola import P, Page\npage = Page()\n@page\ndef index(): return '
        'P("x")\n@page.hears\nasync def hears(e): time.sleep(random.random()*.005)\n')
    s, shown, over = serve(env=upstream([Refuse(500, 'no')]*40).env, plugins=tmp_path/'p'), {}, threading.Event()
    def look(ws):
        while not over.is_set():
            try: f = json.loads(ws.recv(timeout=.2))
            except TimeoutError: continue
            for i in f.get('put', ()):
                for status, id in re.findall(r'data-role="assistant" data-status="(\w+)" data-pos="(\d+)"', i['html']): shown[int(id)] = status
    with connect(s.ws) as ws:
        t = threading.Thread(target=look, args=(ws,))
        t.start()
        for n in range(30):
            ws.send(json.dumps({'msg': f'what is {n}', **({'conversation': None} if not n else {})}))
            s.until(lambda n=n: (said := s.get('/api/conversation')[1]) and len(said) == 2*n+2 and said[-1]['status'] == 'error')
        kept = {m['id']: m['status'] for m in s.get('/api/conversation')[1] if m['role'] == 'assistant'}
        try: s.until(lambda: {i: shown.get(i) for i in kept} == kept)
        finally:
            over.set()
            t.join()
    assert len(kept) == 30

def test_every_order_said_while_a_reply_is_written_is_obeyed_once(serve, upstream):
    s = serve(env=upstream([x for n in range(20) for x in (f'word {n} ', .05)]).env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'tell me about rivers', 'conversation': None}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'streaming'])
        for text in ('add a task: feed the cat', 'add a task: pay the rent', 'thanks'): ws.send(json.dumps({'msg': text}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done', 'done', 'done', 'done', 'done'])
        ws.send(json.dumps({'msg': 'thanks again'}))
        s.until(lambda: len(s.get('/api/conversation')[1]) == 8 and s.get('/api/conversation')[1][-1]['status'] == 'done')
    assert sorted(t['name'] for t in s.act('tasks.list')['result']) == ['Feed the cat', 'Pay the rent']

def meanwhile(s, ws, *texts):
    "A reply is stopped during which this was said"
    ws.send(json.dumps({'msg': 'tell me about rivers', 'conversation': None}))
    s.until(lambda: any(m['status'] == 'streaming' and m['text'] for m in s.get('/api/conversation')[1]))
    for n, text in enumerate(texts, 3):
        ws.send(json.dumps({'msg': text}))
        s.until(lambda n=n: len(s.get('/api/conversation')[1]) == n)
    s.act('chat.stop', conversation=s.get('/api/conversations')[1][0]['id'])

def test_what_was_asked_together_is_taken_back_one_by_one_and_what_only_looked_not_at_all(serve, upstream):
    s = serve(env=upstream([x for n in range(400) for x in (f'word {n} ', .05)]).env)
    with connect(s.ws) as ws:
        meanwhile(s, ws, 'add a task: feed the cat', 'add a task: pay the rent', 'which tasks are open?')
        s.until(lambda: len(s.act('tasks.list')['result']) == 2)
    done = {e['args'].get('name'): e for e in s.get('/api/roll?limit=100')[1] if e['action'] == 'tasks.create'}
    (looked,) = [e for e in s.get('/api/roll?limit=100')[1] if e['action'] == 'tasks.list' and e['by'] == 'user' and e['args'].get('where')]
    assert s.post(f"/api/roll/{looked['id']}/undo")[0] == 409
    assert s.post(f"/api/roll/{done['Pay the rent']['id']}/undo")[0] == 200
    assert [t['name'] for t in s.act('tasks.list')['result']] == ['Feed the cat']
    assert s.post(f"/api/roll/{done['Feed the cat']['id']}/undo")[0] == 200 and not s.act('tasks.list')['result']

def test_what_is_asked_of_a_plugin_while_a_reply_is_written_is_answered_in_its_order_with_all_else(serve, upstream, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'tasks.py').write_text('"Tasks: to do."\nfrom pianola import Crud\nclass Task: name: str\ntasks = Crud(Task)\n')
    (tmp_path/'p'/'bells.py').write_text('''"Bells: they ring."
from pianola import action, Page, P
page = Page()
@page
def index(): return P('Bells')
@action(title='Ring', risk='read', phrases=['ring the (?P<which>[a-z]+) bell'], say=lambda a, r, c: f"Rang the {a['which']} bell")
def ring(tx, which: str):
    if which == 'cracked': raise ValueError('it is cracked')
    return which
''')
    s = serve(env=upstream([x for n in range(400) for x in (f'word {n} ', .05)]).env, plugins=tmp_path/'p')
    told = lambda: [m['text'] for m in s.get('/api/conversation')[1] if m['role'] == 'app']
    with connect(s.ws) as ws:
        ws.send(json.dumps({'hello': {'view': 'bells'}}))
        meanwhile(s, ws, 'ring the small bell', 'add a task: oil the bells', 'ring the cracked bell', 'ring the big bell')
        s.until(lambda: len(told()) == 3)
        assert [t['name'] for t in s.act('tasks.list')['result']] == ['Oil the bells']
        assert told()[0].startswith('Rang the small') and 'cracked' in told()[1] and told()[2].startswith('Rang the big')
        ws.send(json.dumps({'msg': 'ring the last bell'}))
        s.until(lambda: len(told()) == 4)
    assert told()[3].startswith('Rang the last')

def test_what_is_said_after_a_start_waits_also_when_the_clock_is_set_back(tmp_path, monkeypatch):
    from pianola.conversation import chat, history
    async def run():
        st = Store()
        await st.open(tmp_path)
        monkeypatch.setattr(chat, 'store', st)
        monkeypatch.setattr(chat, 'began', 0)
        def say(tx, *texts):
            for text in texts: id = history.add(tx, 1, 'user', text)
            return history.message(tx, id)
        await st.write(lambda tx: (history.begin(tx, 'T'), say(tx, 'before')))
        await chat.wake()
        last = await st.write(say, 'first', 'second', 'third')
        await st.write(lambda tx: tx.run('update message set at=at-7200'))
        try: return [m['text'] for m in await st.read(chat.waiting_before, last, chat.began)]
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: assert beside.submit(asyncio.run, run()).result() == ['first', 'second']

def test_a_message_that_is_too_long_is_not_in_the_way_of_the_next(serve, upstream):
    u = upstream(['Yes?'])
    s = serve(env=u.env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'hello', 'conversation': None}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
        ws.send(json.dumps({'msg': 'long and longer ' * 7000}))
        s.until(lambda: s.get('/api/conversation')[1][-1]['status'] == 'error')
        ws.send(json.dumps({'msg': 'hi again'}))
        s.until(lambda: len(s.get('/api/conversation')[1]) == 6 and s.get('/api/conversation')[1][-1]['status'] != 'streaming')
    assert s.get('/api/conversation')[1][-1]['text'] == 'Yes?' and u.asked[-1]['messages'][-1]['content'].endswith('hi again')

def test_what_happened_is_told_before_the_words_and_in_no_other_conversation_again(serve, upstream):
    u = upstream(['Hello.'])
    s = serve(env=u.env)
    def hear(ws, n, **said):
        ws.send(json.dumps(said))
        s.until(lambda: len(u.asked) == n and s.get('/api/conversation')[1][-1]['status'] == 'done')
        return [(m['role'], m['content']) for m in u.asked[-1]['messages']][-3:]
    s.act('tasks.create', name='Feed the cat')
    with connect(s.ws) as ws:
        (who, happened), noted, words = hear(ws, 1, msg='why is the sky blue?', conversation=None)
        assert who == 'user' and happened.startswith('[What happened: ') and 'Feed the cat' in happened
        assert noted == ('assistant', 'Noted.') and words == ('user', 'why is the sky blue?')
        assert not any('Feed the cat' in text for _, text in hear(ws, 2, msg='who wrote Hamlet?', conversation=None))
        s.act('tasks.create', name='Pay the rent')
        (_, happened), _, (_, words) = hear(ws, 3, msg='is the cat fed?')
        assert 'Pay the rent' in happened and 'Feed the cat' not in happened
        assert words.startswith('[Tasks') and words.endswith('is the cat fed?'), 'the rows that words are about stay with them'

def test_a_reply_that_turns_in_a_circle_is_stopped_there(serve, upstream):
    u = upstream(['Once. ', *['The waves go up and down. ', .01]*400])
    s = serve(env=u.env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'describe the sea', 'conversation': None}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'error'])
    m = s.get('/api/conversations/1.json')[1]['messages'][-1]
    assert 'again and again' in m['error']['text'] and 600 < len(m['text']) < 4000

@pytest.mark.parametrize('text, circles', [('The waves go up and down. '*40, True), ('x'*700, True), ('The waves go up and down. '*6, False),
    (''.join(f'| {n} | 10 euros | paid |\n' for n in range(100)), False), ('- [ ] yes\n'*20, False),
    ('words of all kinds ' * 3 + 'and an end', False)])
def test_what_turns_in_a_circle(text, circles):
    from pianola.conversation.chat import in_circles
    assert in_circles(text) == circles

def test_another_try_is_not_the_same_again(serve, upstream):
    u = upstream(['Hello.'])
    s = serve(env=u.env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'tell me a joke', 'conversation': None}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
        s.act('chat.regenerate', message=s.get('/api/conversation')[1][-1]['id'])
        s.until(lambda: len(u.asked) == 2)
    assert [a['options']['temperature'] for a in u.asked] == [0, .8]

def test_two_in_a_row_of_one_speaker_are_one_message_for_the_model():
    from pianola.conversation.context import merged
    say = lambda role, text: {'role': role, 'content': text}
    said = [say('system', 's'), say('user', 'a'), say('user', 'b'), say('assistant', 'c'), say('user', 'd')]
    assert merged(said) == [say('system', 's'), say('user', 'a\n\nb'), say('assistant', 'c'), say('user', 'd')] and said[1] == say('user', 'a')

def test_a_choice_that_this_start_does_not_leave_open_is_refused(serve, upstream):
    s = serve(env={**upstream(['hi']).env, 'PIANOLA_MODEL': 'double'})
    status, said = s.post('/api/actions/model.choose', {'model': 'ollama/double:latest'})
    assert status == 409 and 'PIANOLA_MODEL' in said['error'] and said['hint']
    s = serve(env=upstream(['hi']).env)
    status, said = s.post('/api/actions/model.choose', {'model': 'embedded/qwen2.5-coder-0.5b-instruct'})
    assert status == 409 and 'PIANOLA_ENGINE' in said['error']
    assert s.post('/api/actions/model.choose', {'model': 'ollama/double:latest'})[0] == 200

def test_a_model_on_another_machine_is_the_users_to_choose_and_by_its_name(serve, upstream):
    s = serve(env=upstream(['hi'], models={'here:latest': {}, 'big:cloud': {}}).env)
    answers = lambda: s.get('/api/health')[1]['engine']['model']
    s.until(lambda: answers() == 'here:latest')
    assert s.act('model.next')['status'] == s.act('model.choose', model='ollama/here:latest')['status'] == 'done' and answers() == 'here:latest'
    status, said = s.post('/api/actions/model.choose', {'model': 'ollama/big:cloud'})            # an agent
    assert status == 202 and 'on another machine?' in s.get('/api/approvals')[1][-1]['text'] and answers() == 'here:latest'
    s.post(f"/api/approvals/{said['approval']}", {'approve': True})
    s.until(lambda: answers() == 'big:cloud')

def test_what_an_agent_makes_of_the_users_message_is_no_order_of_theirs(serve, upstream):
    s = serve(env=upstream(['Hello.']).env)
    s.act('tasks.create', name='milk')
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'hello', 'conversation': None}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
    edit = lambda text, **heads: s.post('/api/actions/chat.edit', {'message': s.get('/api/conversation')[1][0]['id'], 'text': text}, **heads)
    def answered():
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
        return s.get('/api/conversation')[1][0]
    assert edit('delete the task milk')[0] == 200 and answered()['model'] == 'agent'
    assert [r['name'] for r in s.rows('tasks')] == ['milk'] and not s.get('/api/approvals')[1]
    assert edit('half of \0 it')[0] == 200 and answered()['text'] == 'half of  it'
    status, said = edit('x' * 200_001)
    assert status == 400 and 'the most is 200,000' in said['error']
    status, said = s.post('/api/actions/chat.rename', {'id': 1, 'title': 't' * 3_000_000})
    assert status == 400 and 'the most is 200' in said['error'] and len(s.get('/', Accept='text/html')[1]) < 300_000
    page = {'Cookie': re.match('[^;]+', s.heads['set-cookie'])[0], 'Origin': s.url}
    assert edit('delete the task milk', **page)[0] == 200 and answered()['model'] == '', 'what the user writes is'
    s.until(lambda: not s.rows('tasks'))

def test_a_key_that_a_reply_cannot_press_is_told_and_not_only_folded(serve, upstream):
    s = serve(env=upstream(['I check them daily.\n{"action": "tasks.create", "args": {"name": "x", "every": "day"}}']).env)
    with connect(s.ws) as tab: tab.send(json.dumps({'msg': 'the invoices every day at half past seven'}))
    said = s.until(lambda: [e for e in s.get('/api/roll')[1] if e['by'] == 'model'])
    assert [e['status'] for e in said] == ['refused'] and s.rows('tasks') == []
    with connect(s.ws) as tab: tab.send(json.dumps({'msg': 'how would I add a task?'}))
    said = s.until(lambda: [e for e in s.get('/api/roll')[1] if e['by'] == 'model'][1:])
    assert [e['status'] for e in said] == ['held'], 'that was a question'

def test_conversations_deleted_together_go_on_no_more(serve, upstream):
    script, go = held(['word ']*50, 5)
    s = serve(env=upstream(script).env)
    with connect(s.ws) as tab:
        tab.send(json.dumps({'msg': 'go'}))
        s.until(lambda: any('word' in m['text'] for m in s.get('/api/conversation')[1]))
        id = s.get('/api/conversations')[1][0]['id']
        s.post('/api/actions/several', {'actions': [{'action': 'chat.delete', 'args': {'id': id}}]})
        s.post(f"/api/approvals/{s.get('/api/approvals')[1][-1]['id']}", {'approve': True}) if s.get('/api/approvals')[1] else None
        while 'deleted' not in tab.recv(timeout=30): pass
    go.set()

def test_whoever_comes_back_to_a_conversation_that_was_deleted_is_told(serve, upstream):
    s = serve(env=upstream(['Hello.']).env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'hello', 'conversation': None}))
        s.until(lambda: [m['status'] for m in s.get('/api/conversation')[1]] == ['done', 'done'])
    id = s.get('/api/conversations')[1][0]['id']
    s.post(f"/api/approvals/{s.post('/api/actions/chat.delete', {'id': id})[1]['approval']}", {'approve': True})
    with connect(s.ws) as ws:
        ws.send(json.dumps({'hello': {'since': 1, 'conversation': id}}))
        while json.loads(ws.recv(timeout=20)).get('deleted') != id: pass


def test_going_on_reads_aloud_only_what_is_new(serve, upstream):
    begin = 'It was built in 1999. Then it was painted red, and aft'
    script, go = held([begin, ' never'], 1)
    s = serve(env=upstream(lambda body: ['erwards blue. The end.'] if body['messages'][-1]['role'] == 'assistant' else script(body)).env)
    with connect(s.ws) as ws:
        aloud, ended = [], lambda: s.get('/api/conversation')[1][-1]['status']
        ws.send(json.dumps({'msg': 'tell me of the bridge', 'conversation': None}))
        s.until(lambda: (s.get('/api/conversation')[1] or [{'text': ''}])[-1]['text'] == begin)
        s.act('chat.stop')
        s.until(lambda: ended() == 'stopped')
        reply = s.get('/api/conversation')[1][-1]['id']
        s.act('chat.resume', message=reply)
        s.until(lambda: ended() == 'done')
        while 'The end.' not in ' '.join(aloud):
            if live := json.loads(ws.recv(timeout=20)).get('live'): aloud.append(live)
    go.set()
    assert ' '.join(aloud).count('1999') == 1 and ' '.join(aloud).endswith('Then it was painted red, and afterwards blue. The end.'), aloud

def test_an_export_has_what_is_being_thought(serve, upstream):
    script, go = held([Think('The river is '), Think('long.'), 'Yes.'], 2)
    s = serve(env=upstream(script, models={'double:latest': {'capabilities': ['completion', 'thinking']}}).env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'is it long?', 'conversation': None}))
        s.until(lambda: s.get('/api/conversations')[1] and s.get('/api/conversations/1.json')[1]['messages'][-1]['thinking'] == 'The river is long.')
        assert s.get('/api/conversation')[1][-1]['status'] == 'streaming'
        go.set()

slow_key = '"Slow: takes its time."\nimport asyncio\nfrom pianola import action\n@action\nasync def hold(s: float = 1.5):\n    "Hold."\n    await asyncio.sleep(s)\n    return s\n'
def pressing(s, n):
    return (len([m for m in s.get('/api/conversation')[1] if m['role'] == 'assistant' and m['status'] == 'done']) == n
            and not [e for e in s.get('/api/roll')[1] if e['action'] == 'slow.hold'])

def test_stop_while_the_keys_of_a_finished_reply_are_pressed_leaves_nothing_unanswered(serve, upstream, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'slow.py').write_text(slow_key)
    held_back, go = held(['{"action": "slow.hold", ', '"args": {"s": 1.5}}'], 1)
    u = upstream(lambda body: held_back(body) if 'hold' in body['messages'][-1]['content'] else ['Here.'])
    s = serve(env={**u.env, 'PIANOLA_RULES': '0'}, plugins=tmp_path/'p')
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'please hold', 'conversation': None}))
        s.until(lambda: (s.get('/api/conversation')[1] or [{'text': ''}])[-1]['text'])
        ws.send(json.dumps({'msg': 'said while it was written'}))
        s.until(lambda: len(s.get('/api/conversation')[1]) == 3)
        go.set()
        s.until(lambda: pressing(s, 1))
        ws.send(json.dumps({'msg': 'said while its keys were pressed'}))
        s.until(lambda: len(s.get('/api/conversation')[1]) == 4)
        ws.send(json.dumps({'stop': True}))
        assert s.act('chat.stop')['result'] is False and pressing(s, 1)
        s.until(lambda: [m['text'] for m in s.get('/api/conversation')[1] if m['role'] == 'assistant'][1:] == ['Here.'])
    assert len([e for e in s.get('/api/roll')[1] if e['action'] == 'slow.hold' and e['status'] == 'done']) == 1

def test_what_is_said_and_stopped_at_once_while_keys_are_pressed_has_a_stopped_reply(serve, upstream, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'slow.py').write_text(slow_key)
    u = upstream(lambda body: ['{"action": "slow.hold", "args": {"s": 1.5}}'] if body['messages'][-1]['content'].endswith('please hold')
                 else ['Here.'])
    s = serve(env={**u.env, 'PIANOLA_RULES': '0'}, plugins=tmp_path/'p')
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'please hold', 'conversation': None}))
        s.until(lambda: pressing(s, 1))
        ws.send(json.dumps({'msg': 'no, not that'}))
        ws.send(json.dumps({'stop': 'said'}))
        s.until(lambda: [(m['role'], m['status']) for m in s.get('/api/conversation')[1]] == [('user', 'done'), ('assistant', 'done'),
            ('user', 'done'), ('assistant', 'stopped')])
        ws.send(json.dumps({'msg': 'go on then'}))
        s.until(lambda: s.get('/api/conversation')[1][-1]['text'] == 'Here.')


def test_a_turn_that_breaks_is_not_the_end_of_what_was_said_meanwhile(monkeypatch):
    from pianola.conversation import chat
    async def run():
        answered = []
        async def answer(conversation, **todo):
            answered.append(conversation)
            if len(answered) == 1:
                chat.start(conversation)
                raise OSError('the disk broke while its keys were pressed')
        monkeypatch.setattr(chat, 'answer', answer)
        chat.start(7)
        await asyncio.wait_for(chat.runners[7].task, 10)
        return answered, 7 in chat.runners
    with ThreadPoolExecutor(1) as beside: assert beside.submit(asyncio.run, run()).result() == ([7, 7], False)

def test_a_conversation_that_is_put_away_with_words_waiting_in_it_ends_without_a_fault(serve, upstream):
    script, go = held(['It is ', 'long.'], 1)
    s = serve(env=upstream(lambda body: script(body)).env)
    with connect(s.ws) as ws:
        ws.send(json.dumps({'msg': 'how long is it', 'conversation': None}))
        s.until(lambda: (s.get('/api/conversation')[1] or [{'text': ''}])[-1]['text'])
        ws.send(json.dumps({'msg': 'and how wide'}))
        s.until(lambda: len(s.get('/api/conversation')[1]) == 3)
        assert s.post(f"/api/approvals/{s.post('/api/actions/chat.delete', {'id': 1})[1]['approval']}", {'approve': True})[0] == 200
        go.set()
        ws.send(json.dumps({'msg': 'what is the weather like', 'conversation': None}))
        s.until(lambda: len(c := s.get('/api/conversation')[1]) == 2 and c[-1]['status'] == 'done')
    log = (s.data/'pianola.log').read_text('utf-8')
    assert 'Traceback' not in log, log

def test_a_yes_to_a_coroutine_is_done_once_and_can_be_said_again_when_it_failed(tmp_path, monkeypatch):
    from pianola import actions
    async def run():
        st, tries = Store(), []
        await st.open(tmp_path)
        monkeypatch.setattr(actions, 'store', st)
        monkeypatch.setattr(actions, 'registry', {**actions.registry})
        @actions.action(name='frail.go', plugin='frail', risk='destructive')
        async def go():
            "Goes, the second time."
            tries.append(1)
            await asyncio.sleep(.05)
            if len(tries) == 1: raise Refused('not yet')
            return len(tries)
        asked = await actions.act('frail.go', {}, by='model')
        with pytest.raises(Refused, match='not yet'): await actions.decide(asked.approval, True)
        was = await st.q('select status from approval')
        pressed = await asyncio.gather(*(actions.decide(asked.approval, True) for _ in range(3)))         # a double click, and another tab
        once = await asyncio.gather(*(actions.act('frail.go', {}, key='k') for _ in range(2)))
        try:
            return (was, [p.result for p in pressed], [o.result for o in once], len(tries), await st.q('select status from approval'),
                    await st.q("select count(*) as n from log where kind='approval'"))
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: got = beside.submit(asyncio.run, run()).result()
    assert got == ([{'status': 'waiting'}], [2, 2, 2], [3, 3], 3, [{'status': 'approved'}], [{'n': 1}])

def test_a_no_to_what_is_being_done_comes_too_late_and_says_so(tmp_path, monkeypatch):
    from pianola import actions
    async def run():
        st, begun, go_on = Store(), asyncio.Event(), asyncio.Event()
        await st.open(tmp_path)
        monkeypatch.setattr(actions, 'store', st)
        monkeypatch.setattr(actions, 'registry', {**actions.registry})
        @actions.action(name='slow.go', plugin='slow', risk='destructive')
        async def go(works: bool = True):
            "Takes a while."
            begun.set()
            await go_on.wait()
            if not works: raise Refused('not so')
        async def word(id, approve):
            try: return (await actions.decide(id, approve)).status
            except Refused as e: return e.text
        async def asked(**args):
            begun.clear(), go_on.clear()
            id = (await actions.act('slow.go', args, by='agent')).approval
            yes = asyncio.create_task(word(id, True))
            await begun.wait()
            said = [await word(id, False)]
            with pytest.raises(Refused, match='is being done'): await st.write(actions.decided, id, False)       # said in the chat
            go_on.set()
            return [*said, await yes, await word(id, False)]
        try: return await asked(), await asked(works=False), await st.q('select status from approval order by id')
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: done, failed, kept = beside.submit(asyncio.run, run()).result()
    assert done == ['they said yes to this, and it is being done', 'done', 'this was answered before: approved']
    assert failed == ['they said yes to this, and it is being done', 'not so', 'rejected'], 'what failed can be declined'
    assert kept == [{'status': 'approved'}, {'status': 'rejected'}]

def test_what_no_future_can_carry_comes_out_of_the_store_all_the_same(tmp_path):
    from pianola.contain import Ended
    async def run():
        st = Store()
        await st.open(tmp_path)
        try:
            for way in (st.read, st.write):
                with pytest.raises(Ended): await asyncio.wait_for(way(lambda tx: next(iter(()))), 10)
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside: beside.submit(asyncio.run, run()).result()

def test_a_prompts_history_is_its_own_whatever_others_are_called(tmp_path):
    from pianola import layers
    async def run():
        st = Store()
        await st.open(tmp_path)
        def write(tx):
            for name in ('my_note', 'my-note'):
                tx.log('action', 'prompts.write',
                       text='x', data={'args': {'name': name, 'text': 'new'},
                                       'changes': [['prompt_text', 1, {'text': f'{name} before'}, {'text': 'new'}]]})
            return {name: [text for _, _, text in layers.earlier(tx, name)] for name in ('my_note', 'my-note', 'my%')}
        try: return await st.write(write)
        finally: await st.close()
    with ThreadPoolExecutor(1) as beside:
        assert beside.submit(asyncio.run, run()).result() == {'my_note': ['my_note before'], 'my-note': ['my-note before'], 'my%': []}
