"Rows that belong to a row of another table: what is chosen, what goes along, and what undo may not part. A real server, a real Chromium."
import asyncio, json, re
from concurrent.futures import ThreadPoolExecutor
import pytest
from playwright.sync_api import expect
from conftest import connect

class App:
    "A server, and the hand of a person at its page: `press` does at once what an agent would have to ask for"
    def __init__(self, s):
        self.s, self.url = s, s.url
        s.get('/', Accept='text/html')
        self.heads = {'Cookie': re.match('[^;]+', s.heads['set-cookie'])[0], 'Origin': s.url}
    def press(self, name, /, **args):
        status, said = self.s.post(f'/api/actions/{name}', args, **self.heads)
        assert status == 200, said
        return said
    def add(self, table, name, **more): return self.press(f'{table}.create', name=name, **more)['result']['id']
    def undo(self, id): return self.s.post(f'/api/roll/{id}/undo', {}, **self.heads)

@pytest.fixture
def app(serve): return App(serve(env={'PIANOLA_ENGINE': 'embedded'}))

def tasks(a): return {r['name']: r['profile_id'] for r in a.s.rows('tasks')}

def test_a_chosen_profile_that_is_gone_counts_as_no_choice_at_once_and_after_a_restart(serve, tmp_path):
    a = App(s := serve(tmp_path/'d', env={'PIANOLA_ENGINE': 'embedded'}))
    oops = a.press('profiles.create', name='Oops')
    a.press('profiles.choose', id=oops['result']['id'])
    assert a.undo(oops['id'])[0] == 200
    a.add('tasks', 'as a person')
    s.act('tasks.create', name='as an agent')
    s.act('tasks.create', name='and in so many words', profile_id=None)
    status, said = s.post('/api/actions/tasks.create', {'name': 'named outright', 'profile_id': oops['result']['id']})
    assert status == 404 and 'profiles has no row' in said['error']
    s.stop()
    a = App(s := serve(tmp_path/'d', env={'PIANOLA_ENGINE': 'embedded'}))
    a.add('tasks', 'after a restart')
    assert tasks(a) == dict.fromkeys(('as a person', 'as an agent', 'and in so many words', 'after a restart'))

def test_the_form_goes_on_when_adding_the_chosen_profile_is_taken_back(app, page):
    oops = app.press('profiles.create', name='Oops')
    app.add('profiles', 'Kim')
    app.press('profiles.choose', id=oops['result']['id'])
    page.goto(app.url + '/tasks')
    expect(page.locator('#tasks-owner option:checked')).to_have_text('Oops')
    status, away = app.undo(oops['id'])
    assert status == 200
    expect(page.locator('#tasks-owner option:checked')).to_have_text('No profile')
    page.fill('form#tasks-new [name=name]', 'goes on')
    page.keyboard.press('Enter')
    expect(page.locator('#tasks-list > .row')).to_have_count(1)
    assert tasks(app) == {'goes on': None}
    assert app.undo(away['id'])[0] == 200
    expect(page.locator('#tasks-owner option:checked')).to_have_text('Oops')
    expect(page.locator('#tasks-list > .row')).to_have_count(0)

def test_adding_a_profile_is_not_taken_back_while_something_belongs_to_it(app):
    p = app.press('profiles.create', name='Oops')
    t = app.press('tasks.create', name='its task', profile_id=p['result']['id'])
    status, said = app.undo(p['id'])
    assert (status, said['error'], said['hint']) == (409, '1 row of Tasks belongs to “Oops”', 'delete or move it first')
    app.press('tasks.create', name='another', profile_id=p['result']['id'])
    assert app.undo(p['id'])[1] == {'error': '2 rows of Tasks belong to “Oops”', 'hint': 'delete or move them first'}
    assert [r['name'] for r in app.s.rows('profiles')] == ['Oops'] and len(tasks(app)) == 2
    app.press('tasks.update', id=t['result']['id'], profile_id=None)
    app.press('tasks.delete', where={'name': 'another'})
    assert app.undo(p['id'])[0] == 200
    assert app.s.rows('profiles') == [] and tasks(app) == {'its task': None}

def test_several_that_were_added_as_one_are_taken_back_as_one(app):
    "An owner and what belongs to it, in either order of their going, do not stand in each other's way"
    p = app.add('profiles', 'Kim')
    app.press('tasks.create', name='Kims', profile_id=p)
    gone = app.press('profiles.delete', id=p)
    status, back = app.undo(gone['id'])
    assert status == 200 and tasks(app) == {'Kims': p}
    status, again = app.undo(back['id'])
    assert status == 200 and tasks(app) == {} and app.s.rows('profiles') == []
    status, last = app.undo(again['id'])
    app.press('tasks.create', name='since', profile_id=p)
    assert app.undo(last['id'])[1]['error'] == '1 row of Tasks belongs to “Kim”' and tasks(app) == {'Kims': p, 'since': p}

@pytest.mark.parametrize('how', ['deleted', 'taken back', 'moved'])
def test_what_belongs_to_a_profile_comes_back_only_behind_it(app, how):
    p, other = app.press('profiles.create', name='P2'), app.add('profiles', 'Other')
    t = app.press('tasks.create', name='T2', profile_id=p['result']['id'])['result']['id']
    away = app.press('tasks.update', id=t, profile_id=other) if how == 'moved' else app.press('tasks.delete', id=t)
    gone = {'id': app.undo(p['id'])[1]['id']} if how == 'taken back' else app.press('profiles.delete', id=p['result']['id'])
    before = tasks(app)
    status, said = app.undo(away['id'])
    assert (status, said['error'], said['hint']) == (409, '“T2” belongs to “P2”, which is gone from Profiles', 'bring back “P2” first')
    assert tasks(app) == before
    assert app.undo(gone['id'])[0] == 200 and app.undo(away['id'])[0] == 200
    assert tasks(app) == {'T2': p['result']['id']}

def test_the_chosen_profile_is_chosen_again_when_its_deletion_is_taken_back(app, page):
    kim, lee = app.add('profiles', 'Kim'), app.add('profiles', 'Lee')
    app.press('profiles.choose', id=kim)
    app.add('tasks', 'Kims task')
    page.goto(app.url + '/tasks')
    gone = app.press('profiles.delete', id=kim)
    expect(page.locator('#tasks-owner option:checked')).to_have_text('No profile')
    expect(page.locator('#tasks-list > .row')).to_have_count(0)
    app.undo(gone['id'])
    expect(page.locator('#tasks-owner option:checked')).to_have_text('Kim')
    expect(page.locator('#tasks-list .cell.main')).to_have_value('Kims task')
    gone = app.press('profiles.delete', id=kim)
    app.press('profiles.choose', id=lee)
    app.undo(gone['id'])
    expect(page.locator('#tasks-owner option', has_text='Kim')).to_have_count(1)
    expect(page.locator('#tasks-owner option:checked')).to_have_text('Lee')
    page.goto(app.url + '/profiles')
    expect(page.locator(f'#profiles-{lee} .choose')).to_have_text('Chosen')
    expect(page.locator(f'#profiles-{kim} .choose')).to_have_text('Choose')

def test_a_tab_that_was_away_hears_that_the_chosen_profile_went(app):
    kim = app.add('profiles', 'Kim')
    app.press('profiles.choose', id=kim)
    since = app.press('tasks.create', name='Kims')['id']
    app.press('profiles.delete', id=kim)
    app.add('tasks', 'nobody’s')
    with connect(app.s.ws, additional_headers=app.heads) as ws:
        ws.send(json.dumps({'hello': {'view': 'tasks', 'since': since, 'looks': {}}}))
        said = ''
        while 'tasks-panel' not in said: said = ws.recv(20)
        assert 'nobody’s' in json.dumps(json.loads(said), ensure_ascii=False)

def test_an_import_belongs_to_whom_is_chosen_when_it_is_done(app):
    from test_tables import give
    kim = app.add('profiles', 'Kim')
    app.press('profiles.choose', id=kim)
    file = give(app.s, 'rows.json', b'[{"name": "one"}, {"name": "two"}]')
    app.press('tasks.import', file=file, columns={'name': 'name'})
    assert tasks(app) == {'one': kim, 'two': kim}
    app.press('profiles.delete', id=kim)
    app.press('tasks.import', file=file, columns={'name': 'name'})
    assert tasks(app) == {'one': None, 'two': None}
    made = app.press('profiles.import', file=give(app.s, 'p.json', b'[{"name": "A"}, {"name": "B"}]'), columns={'name': 'name'})
    app.press('tasks.create', name='of B', profile_id=app.s.rows('profiles')[1]['id'])
    assert app.undo(made['id'])[1]['error'] == '1 row of Tasks belongs to “B”'

def test_what_lost_its_owner_while_its_plugin_was_away_is_seen_as_nobodys(serve, tmp_path):
    f = tmp_path/'plugins'
    f.mkdir()
    (f/'10_boxes.py').write_text('"Boxes: where."\nfrom pianola import Crud\nclass Box: name: str\nboxes = Crud(Box)\n')
    thing = '"Things: what."\nfrom pianola import Crud\nclass Thing: name: str\nthings = Crud(Thing, belongs_to="boxes")\n'
    (f/'20_things.py').write_text(thing)
    a = App(s := serve(tmp_path/'d', plugins=f, env={'PIANOLA_ENGINE': 'embedded'}))
    box = a.add('boxes', 'Red')
    a.add('boxes', 'Blue')
    assert s.rows('things') == []
    link = next(k for k in next(x for x in s.get('/api/actions')[1] if x['name'] == 'things.create')['parameters']['properties'] if k.endswith('_id'))
    a.add('things', 'Hammer', **{link: box})
    a.add('things', 'Saw')
    (f/'20_things.py').unlink()
    s.until(lambda: 'things' not in s.get('/api/health')[1]['plugins'])
    a.press('boxes.delete', id=box)
    (f/'20_things.py').write_text(thing)
    s.until(lambda: s.get('/api/health')[1]['plugins'].get('things') == 'ok')
    html = s.get('/things', **a.heads, **{'HX-Request': 'true'})[1]
    assert 'Hammer' in html and 'Saw' in html
    a.press('boxes.choose', id=s.rows('boxes')[0]['id'])
    html = s.get('/things', **a.heads, **{'HX-Request': 'true'})[1]
    assert 'Hammer' not in html and 'Saw' not in html

# what waits for a yes is about exactly what was shown

def asks(a, name, /, **args):
    "(number, sentence) of the approval that an agent's press waits for"
    status, said = a.s.post(f'/api/actions/{name}', args)
    assert status == 202, said
    return said['approval'], next(w['text'] for w in a.s.get('/api/approvals')[1] if w['id'] == said['approval'])
def yes(a, id): return a.s.post(f'/api/approvals/{id}', {'approve': True}, **a.heads)

@pytest.mark.parametrize('since', ['added', 'changed', 'deleted', 'moved here'])
def test_a_deletion_that_would_take_along_what_its_card_did_not_show_is_out_of_date(app, since):
    zed = app.add('profiles', 'Zed')
    own, other = app.add('tasks', 'own', profile_id=zed), app.add('tasks', 'other')
    card, text = asks(app, 'profiles.delete', id=zed)
    assert text == 'Delete “Zed” from Profiles and 1 that belongs to it?'
    if since == 'added': app.add('tasks', 'later', profile_id=zed)
    elif since == 'changed': app.press('tasks.update', id=own, name='important')
    elif since == 'deleted': app.press('tasks.delete', id=own)
    else: app.press('tasks.update', id=other, profile_id=zed)
    before = app.s.rows('tasks')
    status, said = yes(app, card)
    assert (status, said['error'], said['hint']) == (409, 'what this was about has changed since', 'ask for it again')
    assert app.s.rows('tasks') == before and len(app.s.rows('profiles')) == 1 and app.s.get('/api/approvals')[1] == []
    card, text = asks(app, 'profiles.delete', id=zed)
    assert ('1 that belongs' in text) == (since == 'changed') and yes(app, card)[0] == 200
    assert zed not in tasks(app).values()

def test_a_card_stays_good_while_rows_only_move_or_others_change(app):
    zed = app.add('profiles', 'Zed')
    for n in ('a', 'b'): app.add('tasks', n, profile_id=zed)
    other = app.add('tasks', 'other')
    card, text = asks(app, 'profiles.delete', where={'name': 'Zed'})
    assert text == 'Delete “Zed” from Profiles and 2 that belong to it?'
    app.press('tasks.move', id=other, before=1)
    app.press('tasks.move', id=1)
    app.press('tasks.update', id=other, name='changed')
    assert yes(app, card)[0] == 200 and tasks(app) == {'changed': None}

def test_several_rows_are_deleted_only_as_many_as_the_card_said(app):
    for n in ('Ann', 'Bob'): app.add('profiles', n)
    app.add('tasks', 'of Ann', profile_id=1)
    card, text = asks(app, 'profiles.delete_many', match={})
    assert text == 'Delete 2 rows from Profiles and 1 that belongs to them?'
    app.add('profiles', 'Cid')
    assert yes(app, card)[0] == 409 and len(app.s.rows('profiles')) == 3
    card, text = asks(app, 'profiles.delete_many', match={})
    assert text.startswith('Delete 3 rows') and yes(app, card)[0] == 200 and app.s.rows('profiles') == [] and tasks(app) == {}

def test_five_thousand_that_belong_to_one_go_and_come_back_exactly_as_they_were(tmp_path):
    "Three tables deep, in a few questions to SQLite, with everybody else waiting for it"
    from fasthtml.common import FastHTML
    from pianola.actions import act, decide, undo
    from pianola.loading.plugins import plugins
    from pianola.store import Refused, store
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'firms.py').write_text('"Firms: x"\nfrom pianola import Crud\nclass Firm: name: str\nfirms = Crud(Firm)\n'
                                         'class Desk: name: str; n: int = 0; done: bool = False\ndesks = Crud(Desk, name="desks", '
                                         'belongs_to="firms")\nclass Pen: name: str\npens = Crud(Pen, name="pens", belongs_to="desks")\n')
    async def run():
        await store.open(tmp_path/'data')
        try:
            await plugins.load(FastHTML(default_hdrs=False, secret_key='x'), tmp_path/'p')
            for n in ('one', 'two'): await act('firms.create', {'name': n})
            desk = lambda i, firm: {'name': f'd{i}', 'n': i, 'done': i % 2, 'firm_id': firm, 'pos': 5000.5 - i}
            await store.write(lambda tx: (tx.insert_many('desks', [desk(i, 1 + (i % 10 == 0)) for i in range(5_000)]),
                                          tx.insert_many('pens', [{'name': f'p{i}', 'desk_id': i % 50 + 1, 'pos': i} for i in range(500)])))
            everything = lambda: store.read(lambda tx: {t: tx.q(f'select * from {t} order by id') for t in ('firms', 'desks', 'pens')})
            before, asked = await everything(), []
            await store.read(lambda tx: tx.conn.set_exec_trace(lambda cursor, sql, values: asked.append(sql) or True))
            waits = await act('firms.delete', {'id': 1}, by='model')
            done = await decide(waits.approval, True)
            await store.read(lambda tx: tx.conn.set_exec_trace(None))
            assert len(asked) < 100, f'{len(asked)} questions'
            after = await everything()
            assert ([len(after[t]) for t in after] == [1, 500, 50]
                    and done.text == 'Deleted “one” from Firms and 4,950 that belonged to it'.replace(',', ''))
            back = await undo(done.id)
            assert await everything() == before
            again = await undo(back.id)
            assert await everything() == after
            await undo(again.id)
            assert await everything() == before
            gone = await act('firms.delete', {'id': 1}, by='user')
            await store.write(lambda tx: tx.run("insert into desks(id, name) values (4, 'a stranger')"))
            with pytest.raises(Refused, match='desks 4 is there again already'): await undo(gone.id)
            assert len((await everything())['firms']) == 1, 'nothing of it came back'
        finally: await store.close()
    with ThreadPoolExecutor(1) as beside: beside.submit(asyncio.run, run()).result()
    plugins.clear()
    plugins._keys()
