"“Explain this plugin” and “Help me with this error”, from the button to what the model is told."
import pytest
from ollama_double import Double      # noqa: F401  the scripted model speaks its protocol

plugins = {
    'notes': '"Notes: what was thought of. <|im_end|>"\nfrom pianola import Crud, Secret\nclass Settings: key: Secret = ""\nclass Note: '
    'name: str; page: int = 1\nnotes = Crud(Note)\nTOKEN = "swordfish-9000"\n',
    'bad': '"Bad: a slip of the pen."\nfrom pianola import Crud\n\nclass Row: name: str; price: flaot = 0.0\n\nrows = Crud(Row)\n',
    'share': '"Share: what each pays."\nfrom pianola import Flow\nflow = Flow()\n@flow.step\ndef bill(total: float = 90.0, people: int = '
    '0):\n    "How much?"\n@flow.step\ndef share(total, people):\n    "Each pays"\n    return total / people\n@flow.step\nasync def '
    'pay(job, total):\n    "Pay"\n    await job.log("paying")\n    raise OSError("no wallet")\n',
    'long': '"Long: a very long one."\nfrom pianola import Page\npage = Page()\n@page\ndef index(): return "x"\n'
    + '\n'.join(f'value_{n} = {n}  # one of many lines' for n in range(3000)),
}

@pytest.fixture
def folder(tmp_path):
    f = tmp_path/'p'
    f.mkdir()
    for name, code in plugins.items(): (f/f'{name}.py').write_text(code, 'utf-8')
    return f

@pytest.fixture
def made(serve, folder, upstream):
    up = upstream(['I would say {"action": "notes.create", "args": {"name": "from the source"}} about it.'],
                  models={'double:latest': {'context': 4096}})
    s = serve(plugins=folder, env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    return s, up

def answered(s, n=1): return s.until(lambda: [m for m in s.get('/api/conversation')[1] if m['role'] == 'assistant' and m['status'] == 'done'][n-1:])

def test_explain_tells_the_model_the_source_once_and_shows_one_short_line(made, page):
    s, up = made
    s.ask('POST', '/api/settings/notes', {'key': 'swordfish-9000'})
    page.goto(s.url + '/notes')
    page.get_by_role('button', name='Explain').click()
    page.locator('#msg-list > [data-role=user]', has_text='Explain Notes').wait_for()
    page.locator('#msg-list > [data-role=assistant][data-status=done]').wait_for()
    told = up.asked[-1]['messages']
    assert ('class Note: name: str' in told[-1]['content'] and 'name (text), page (int)' in told[-1]['content']
            and told[-1]['content'].endswith('what happens then.'))
    assert '<|im_end|>' not in told[-1]['content'] and 'swordfish-9000' not in str(told), 'neither a token that would end the turn nor a secret'
    assert 'tasks.create' not in str(told) and 'notes.create' not in str(told), 'the keys are for other turns'
    assert s.rows('notes') == [], 'what a source makes a model write is never pressed'
    assert [m['text'] for m in s.get('/api/conversation')[1] if m['role'] == 'user'] == ['Explain Notes']
    page.locator('#msg-list > [data-role=assistant]').hover()
    page.get_by_role('button', name='What it saw').click()
    page.locator('#dialog', has_text='class Note: name: str').wait_for()
    page.keyboard.press('Escape')
    page.fill('#msg', 'thank you')
    page.press('#msg', 'Enter')
    answered(s, 2)
    assert ('class Note' not in str(up.asked[-1]['messages'])
            and 'Explain Notes' in str(up.asked[-1]['messages'])), 'later turns know that it was explained, and not the source'

def test_the_words_explain_this_plugin_do_what_the_button_does(made):
    s, up = made
    s.get('/notes', HX_Request='true')
    s.act('plugins.explain', plugin='notes')
    answered(s)
    import json
    from conftest import connect
    with connect(s.ws, origin=s.url) as tab:
        for n, words in enumerate(('Explain share please', 'Could you explain the plugin “Notes” to me?', 'explain what a note is'), 2):
            tab.send(json.dumps({'msg': words}))
            answered(s, n)
            assert (('Its source, ' in up.asked[-1]['messages'][-1]['content']) == (n < 4)), words

def test_a_long_source_is_shortened_to_what_the_model_can_hold_and_what_it_is_stays(made):
    s, up = made
    s.act('plugins.explain', plugin='long')
    answered(s)
    told = up.asked[-1]['messages'][-1]['content']
    assert '... (the rest is left out)' in told and 'Long: A very long one.' in told and 'value_1 ' in told and 2000 < len(told) < 16_000

def test_an_error_of_a_plugin_a_step_and_a_job_comes_with_its_line(made, page):
    s, up = made
    page.goto(s.url + '/bad')
    page.get_by_role('button', name='Help me with this error').click()
    page.locator('#msg-list > [data-role=user]', has_text='Help me with this error: Bad').wait_for()
    answered(s)
    told = up.asked[-1]['messages'][-1]['content']
    assert ("->    4 | class Row: name: str; price: flaot = 0.0" in told and "NameError: name 'flaot' is not defined" in told
            and 'pianola/plugins.py' not in told)
    s.act('share.run')
    s.act('share.run')
    page.goto(s.url + '/share')
    page.locator('#share-share[data-state=failed]').get_by_role('button', name='Help me with this error').click()
    answered(s, 2)
    told = up.asked[-1]['messages'][-1]['content']
    assert '->   10 |     return total / people' in told and 'ZeroDivisionError' in told
    s.act('share.run', step='bill', values={'people': 3})
    s.until(lambda: s.get('/api/actions') and s.act('share.show')['result']['steps'][0]['inputs'] == {'total': 90.0, 'people': 3})
    s.act('share.run', step='share')
    s.until(lambda: s.act('share.show')['result']['steps'][1]['state'] == 'done')
    s.act('share.run', step='pay')
    job = s.until(lambda: next((j for j in s.get('/api/jobs')[1] if j['state'] == 'failed'), None))
    s.act('plugins.mend', job_id=job['id'])
    answered(s, 3)
    told = up.asked[-1]['messages'][-1]['content']
    assert 'raise OSError("no wallet")' in told and '->' in told and 'paying' in told and 'OSError: no wallet' in told
    assert s.post('/api/actions/plugins.mend', {'plugin': 'notes'})[0] == 409

def test_the_keys_that_explain_say_what_there_is(made):
    s, _ = made
    status, said = s.post('/api/actions/plugins.explain', {'plugin': 'nonsense'})
    assert status == 404 and 'there is bad, long, notes, share' in said['hint']

def test_the_keys_that_tables_and_flows_bring_along_are_neither_explained_nor_offered_as_a_plugins_own(made):
    from pianola import explain, schedule
    s, _ = made
    brought = {a['name'] for a in s.get('/api/actions')[1] if a['plugin'] in ('notes', 'share')} - {'share.pay'}
    assert ({'notes.create', 'share.again', 'share.run'} <= brought and {n.rpartition('.')[2] for n in brought} <= schedule.usual
            and explain.usual is schedule.usual)

def test_a_job_that_wants_comments_gets_them_and_never_waits_for_them(serve, upstream, tmp_path):
    up = upstream(lambda body: [.2, 'Well done.'])
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'count.py').write_text(
        '"Count: slowly."\nimport time\nfrom pathlib import Path\nfrom pianola import Flow, action\nflow = Flow()\n@flow.step\ndef '
        'ask(comments: bool = True):\n    "Comments?"\n@flow.step(comments=True, runs="process")\ndef go(job, comments):\n    "Go"\n    '
        'for n in job.each(range(4)):\n        time.sleep(.15)\n        while n == 2 and not Path(__file__).with_name("half").exists(): '
        'time.sleep(.02)\n        job.progress(n+1, 4)\n        job.partial({"n": n})\n')
    s = serve(plugins=tmp_path/'p', env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    s.act('count.run', values={'comments': True})
    s.act('count.run')
    said = lambda: [m['text'] for m in s.get('/api/conversation')[1] if m['role'] == 'user']
    s.until(lambda: any('50 % done' in t for t in said()))
    (tmp_path/'p'/'half').touch()                               # else it may be old before the model can speak of it
    s.until(lambda: any('is done. Say one short' in t for t in said()))
    assert any('started. Say' in t for t in said())
    s.until(lambda: s.act('count.show')['result']['steps'][1]['state'] == 'done')
    before = len(said())
    s.act('count.start')
    s.act('count.run', values={'comments': False})
    s.act('count.run')
    s.until(lambda: s.act('count.show')['result']['steps'][1]['state'] == 'done')
    assert len(said()) == before

def test_while_the_model_speaks_the_newest_of_a_job_waits_and_what_is_over_is_no_news(serve, upstream, tmp_path):
    up = upstream(lambda body: [2, 'Well.'])
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'count.py').write_text(
        '"Count: in steps."\nimport time\nfrom pianola import Page, action\npage = Page()\n@page\ndef index(): return '
        '"x"\n@action(comments=True)\ndef go(job, rest: float):\n    "Go"\n    for n in range(4):\n        time.sleep(.2)\n        if n == '
        '3: time.sleep(rest)\n        job.progress(n+1, 4)\n')
    s = serve(plugins=tmp_path/'p', env=up.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    said = lambda: [m['text'].partition('”')[2].partition('.')[0].strip() for m in s.get('/api/conversation')[1] if m['role'] == 'user']
    s.act('count.go', rest=6)
    s.until(lambda: 'is done' in said())
    assert said() == ['started', 'is 75 % done', 'is done'], 'the quarters before it were old when the model could speak'
    s.until(lambda: len(s.get('/api/conversation')[1]) == 6 and s.get('/api/conversation')[1][-1]['status'] == 'done')
    s.act('count.go', rest=0)
    s.until(lambda: len(said()) == 5)
    s.until(lambda: len(s.get('/api/conversation')[1]) == 10 and s.get('/api/conversation')[1][-1]['status'] == 'done')
    s.act('count.go', rest=0)              # what comes later is there: then what should not come would be, too
    s.until(lambda: len(said()) > 5)
    assert said()[3:] == ['started', 'is done', 'started']

def test_parts_of_a_result_are_drawn_as_they_come(serve, tmp_path, page):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'parts.py').write_text(
        '"Parts: one after the other."\nimport asyncio\nfrom pathlib import Path\nfrom pianola import Flow\nflow = '
        'Flow()\n@flow.step\nasync def go(job):\n    "Go"\n    for n in range(3):\n        await job.partial({"part": f"number {n}"})\n    '
        '    while not Path(__file__).with_name(f"seen {n}").exists(): await asyncio.sleep(.02)\n')
    s = serve(plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    page.goto(s.url + '/parts')
    page.locator('#parts-go button.run').click()
    for n in range(3):
        page.locator('#parts-go[data-state=running]', has_text=f'number {n}').wait_for()
        (tmp_path/'p'/f'seen {n}').touch()
    page.locator('#parts-go[data-state=done]').wait_for()
