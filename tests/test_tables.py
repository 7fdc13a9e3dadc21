"Tables: every kind of column, a large one, several rows at once, files in and out, and a row class that changes. A real server, a real Chromium."
import csv, io, json, random, re, shutil, time, urllib.parse, urllib.request
import pytest
from hypothesis import example, given, strategies as st
from playwright.sync_api import expect
from conftest import busy, root

works = '''"Works: everything a column can be."
from datetime import date, datetime
from typing import Literal
from pianola import Crud, File, Json, Long, Range, Ref, Rows, Url

class Work:
    name: str
    state: Literal['open', 'doing', 'done'] = 'open'
    hours: Range(0, 100) = 1
    price: float | None = None
    due: date | None = None
    at: datetime | None = None
    who: Ref('people') | None = None
    site: Url = ''
    note: Long = ''
    extra: Json = None
    helpers: Rows('people') = None
    doc: File | None = None
    urgent: bool = False

works = Crud(Work)
'''
people = '"People: who does it."\nfrom pianola import Crud\nclass Person: name: str; age: int = 30\npeople = Crud(Person)\n'
things = '"Things: many."\nfrom pianola import Crud\nclass Thing: name: str; n: int = 0; done: bool = False\nthings = Crud(Thing)\n'

@pytest.fixture
def folder(tmp_path):
    f = tmp_path/'plugins'
    f.mkdir()
    for n, code in (('10_works', works), ('20_people', people), ('30_things', things)): (f/f'{n}.py').write_text(code, 'utf-8')
    return f
@pytest.fixture
def server(serve, folder): return serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})

def give(server, name, data):
    "Hand a file over; its reference comes back"
    req = urllib.request.Request(f'{server.url}/api/files?name={urllib.parse.quote(name)}', data,
                                 {'Content-Type': 'application/octet-stream'}, method='POST')
    with urllib.request.urlopen(req, timeout=30) as r: return json.load(r)['file']
def fill(server, table, rows):
    "Many rows at once, the way a person would bring them"
    file = give(server, 'rows.json', json.dumps(rows).encode())
    return server.act(f'{table}.import', file=file, columns={k: k for k in rows[0]})
def names(page, table='things'): return page.locator(f'#{table}-list > .row .cell.main').evaluate_all('es => es.map(e => e.value)')
def ids(page, table='things'): return page.locator(f'#{table}-list > .row').evaluate_all(f'es => es.map(e => +e.id.slice({len(table)+1}))')

# every kind of column

def test_every_kind_of_column_is_kept_and_comes_back(server):
    for n in ('Ann', 'Bob'): server.act('people.create', name=n)
    doc = give(server, 'plan.txt', b'dig here')
    said = dict(name=' Paint ', state='DOING', hours='5', price='2.50', due='2026-12-01', at='2026-11-21T10:00', who='bob',
                site='example.com', note='one\ntwo', extra='{"a": [1]}', helpers=['Ann', 2], doc=doc, urgent='yes')
    row = server.act('works.create', **said)['result']
    kept = {'id': 1, 'name': 'Paint', 'state': 'doing', 'hours': 5, 'price': 2.5, 'due': '2026-12-01', 'at': '2026-11-21T10:00:00',
            'who': 2, 'site': 'https://example.com', 'note': 'one\ntwo',
            'extra': {'a': [1]}, 'helpers': [1, 2], 'doc': doc, 'urgent': True}
    assert row == kept and server.rows('works') == [kept]
    assert server.act('works.list', where={'who': 'Bob', 'due': '2026-12-01', 'urgent': True})['result'] == [kept]
    assert server.act('works.list', where={'state': 'open'})['result'] == []
    server.act('works.update', id=1, price=None, due='', who=None, helpers=[], extra=None)
    assert {k: server.rows('works')[0][k] for k in ('price', 'due', 'who', 'helpers', 'extra')} == {'price': None, 'due': None, 'who': None,
        'helpers': [], 'extra': None}
    status, text = server.get(f'/api/files/{doc}')
    assert status == 200 and text == 'dig here' and 'attachment' in server.heads['content-disposition']

def test_a_question_about_one_of_several_rows_of_one_name_says_which(server):
    def asked(name, **args):
        status, said = server.post(f'/api/actions/{name}', args)
        assert status == 202, said
        return next(w['text'] for w in server.get('/api/approvals')[1] if w['id'] == said['approval'])
    server.act('people.create', name='Ann')
    for more in ({}, {'state': 'done'}, {'state': 'done', 'who': 'Ann'}, {'due': '2026-12-01', 'price': 2.5}, {'urgent': True},
                 {'urgent': True}, {'note': 'only this differs', 'urgent': True}):
        server.act('works.create', name='Paint', **more)
    server.act('works.create', name='Dig')
    said = [asked('works.delete', id=n) for n in range(1, 9)]
    assert said == [f'Delete “Paint”{x} from Works?' for x in (' (not urgent, state open, #1)', ' (state done, no who)', ' (who “Ann”)',
        ' (price 2.5)', ' (urgent, #5)', ' (urgent, #6)', ' (urgent, #7)')] + ['Delete “Dig” from Works?']
    assert len({*said}) == len(said)

def test_each_wrong_value_is_named_beside_its_column_and_nothing_is_written(server):
    status, said = server.post('/api/actions/works.create', {'name': '', 'hours': 500, 'due': 'soon', 'state': 'lost',
        'site': 'javascript:alert(1)', 'doc': '../../etc/passwd'})
    assert status == 400 and said['fields'] == {'name': 'must not be empty', 'hours': 'must be a whole number from 0 to 100, not 500',
                                                'due': 'must be a date like 2026-05-31, not “soon”',
        'state': 'must be one of open, doing, done, not “lost”',
        'site': 'must be a web address like https://example.com, not “javascript:alert(1)”',
        'doc': 'must be a file that was given to Pianola; choose one'}
    assert server.post('/api/actions/works.create',
                       {'name': 'x', 'who': 'Nobody'})[1]['fields'] == {'who': 'must be one row of people; none is called “Nobody”'}
    assert server.post('/api/actions/works.create',
                       {'name': 'x', 'helpers': [7]})[1]['fields'] == {'helpers': 'must be a row of people, which has no 7'}
    assert server.rows('works') == []
    props = next(a for a in server.get('/api/actions')[1] if a['name'] == 'works.create')['parameters']['properties']
    assert props['state']['enum'] == ['doing', 'done', 'open'] and props['hours']['maximum'] == 100 and props['due']['anyOf'][0]['format'] == 'date'

def test_a_column_that_a_table_cannot_have_is_said_when_the_plugin_loads(serve, tmp_path):
    f = tmp_path/'p'
    f.mkdir()
    (f/'odd.py').write_text('"Odd: x"\nfrom pianola import Crud\nclass Odd: name: str; x: set\nodd = Crud(Odd)')
    (f/'safe.py').write_text('"Safe: x"\nfrom pianola import Crud, Secret\nclass Key: name: str; word: Secret = ""\nsafe = Crud(Key)')
    (f/'message.py').write_text('"Message: x"\nfrom pianola import Crud\nclass M: text: str\nmessage = Crud(M)')
    said = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'}).get('/api/health')[1]['plugins']
    assert 'Odd.x is set; there is str, int' in said['odd'] and 'is a Secret' in said['safe'] and 'own' in said['message']

def test_the_form_says_beside_the_input_what_is_wrong(server, page):
    for n in ('Ann', 'Bob'): server.act('people.create', name=n)
    page.goto(server.url + '/works')
    form = page.locator('form#works-new')
    form.locator('[name=hours]').fill('500')
    form.get_by_role('button', name='Add').click()
    expect(form.locator('[data-for=name]')).to_have_text('must not be empty')
    expect(form.locator('[data-for=hours]')).to_have_text('must be a whole number from 0 to 100, not 500')
    expect(form.locator('[name=name]')).to_be_focused()
    expect(form.locator('[name=hours]')).to_have_attribute('aria-invalid', 'true')
    assert page.locator('#toasts > *').count() == 0
    form.locator('[name=name]').fill('Paint')
    expect(form.locator('[data-for=name]')).to_have_text('')
    form.locator('[name=hours]').fill('5')
    form.locator('select[name=state]').select_option('doing')
    form.locator('[name=due]').fill('2026-12-01')
    form.locator('select[name=who]').select_option('2')
    form.locator('.boxes').get_by_text('Ann').click()
    form.locator('.boxes').get_by_text('Bob').click()
    form.locator('[name=urgent][type=checkbox]').check()
    form.locator('[type=file]').set_input_files({'name': 'plan.txt', 'mimeType': 'text/plain', 'buffer': b'dig'})
    expect(form.locator('.file .has')).to_have_text('plan.txt')
    form.get_by_role('button', name='Add').click()
    expect(page.locator('#works-1')).to_be_visible()
    row = server.rows('works')[0]
    assert (row['state'], row['hours'], row['due'], row['who'], row['helpers'], row['urgent'], row['doc'][65:]) == ('doing', 5,
        '2026-12-01', 2, [1, 2], True, 'plan.txt')
    expect(form.locator('[name=name]')).to_have_value('')
    expect(form.locator('.file .has')).to_have_text('')

def test_a_cell_keeps_what_was_typed_and_says_what_is_wrong(server, page):
    server.act('works.create', name='Paint')
    page.goto(server.url + '/works')
    hours = page.locator('#works-1 .cell[name=hours]')
    hours.fill('700')
    hours.press('Enter')
    expect(page.locator('#works-1 .wrong.here')).to_have_text('must be a whole number from 0 to 100, not 700')
    expect(hours).to_have_value('700')
    hours.press('Escape')
    expect(hours).to_have_value('1')
    expect(page.locator('#works-1 .wrong.here')).to_have_count(0)
    site = page.locator('#works-1 .cell[name=site]')
    site.fill('example.com')
    site.press('Enter')
    expect(site).to_have_value('https://example.com')
    page.locator('#works-1 select[name=state]').select_option('done')
    server.until(lambda: server.rows('works')[0]['state'] == 'done')
    page.locator('#works-1 .cell[name=note]').fill('a\nb')
    page.locator('#works-1 .cell[name=note]').press('Enter')
    server.until(lambda: server.rows('works')[0]['note'] == 'a\nb')

def test_a_row_of_a_large_table_is_found_by_typing(server, page):
    fill(server, 'people', [{'name': f'Person {n:03}', 'age': n} for n in range(300)])
    server.act('works.create', name='Paint')
    page.goto(server.url + '/works')
    box = page.locator('#works-1 [role=combobox]')
    box.click()
    box.press_sequentially('person 271')
    expect(page.locator('.options [role=option]')).to_have_count(2)          # it, and none
    box.press('Enter')
    server.until(lambda: server.rows('works')[0]['who'] == 272)
    expect(page.locator('#works-1 [role=combobox]')).to_have_value('Person 271')
    server.act('people.update', id=272, name='Zoe')
    expect(page.locator('#works-1 [role=combobox]')).to_have_value('Zoe')
    page.locator('#works-1 [role=combobox]').click()
    page.locator('.options').get_by_text('— none —').click()
    server.until(lambda: server.rows('works')[0]['who'] is None)
    page.locator('form#works-new [role=combobox]').fill('Person 005')
    page.locator('.options [role=option]', has_text='Person 005').click()
    page.locator('form#works-new [name=name]').fill('Dig')
    page.locator('form#works-new [name=name]').press('Enter')
    server.until(lambda: len(server.rows('works')) == 2 and server.rows('works')[1]['who'] == 6)

def test_a_row_opens_as_a_form_and_only_what_was_changed_is_written(server, page):
    server.act('works.create', name='Paint', hours=3)
    page.goto(server.url + '/works')
    page.locator('#works-1').hover()
    page.locator('#works-1 .edit').click()
    form = page.locator('#dialog form.sheet')
    expect(form.get_by_label('Name')).to_have_value('Paint')
    server.act('works.update', id=1, hours=9)                                  # somebody else, meanwhile
    form.get_by_label('Due').fill('2026-01-31')
    form.get_by_label('Extra').fill('{"a": }')
    form.get_by_role('button', name='Save').click()
    expect(form.locator('[data-for=extra]')).to_contain_text('is not JSON')
    form.get_by_label('Extra').fill('{"a": 1}')
    form.get_by_label('Urgent').check()
    form.get_by_role('button', name='Save').click()
    expect(page.locator('#dialog')).to_be_hidden()
    row = server.rows('works')[0]
    assert (row['due'], row['extra'], row['urgent'], row['hours']) == ('2026-01-31', {'a': 1}, True, 9)

# keys

def test_arrows_go_from_cell_to_cell_and_f2_goes_into_one(server, page):
    for n, name in enumerate(('one', 'two', 'three')): server.act('things.create', name=name, n=n)
    page.goto(server.url + '/things')
    at = lambda: page.evaluate("(e => e.closest('li').id + ' ' + (e.name || e.dataset.col))(document.activeElement)")
    page.locator('#things-1 .tick').focus()
    page.keyboard.press('ArrowRight'); assert at() == 'things-1 name'
    page.keyboard.press('ArrowDown'); assert at() == 'things-2 name'
    page.keyboard.press('ArrowRight'); assert at() == 'things-2 n'
    page.keyboard.press('ArrowDown'); assert at() == 'things-3 n'
    page.keyboard.press('ArrowDown'); assert at() == 'things-3 n', 'the last row is the last'
    page.keyboard.type('42')                                                    # writing replaces what was there
    page.keyboard.press('Enter')
    server.until(lambda: server.rows('things')[2]['n'] == 42)
    page.wait_for_timeout(150)
    assert at() == 'things-3 n'
    page.keyboard.press('ArrowUp'); assert at() == 'things-2 n'
    page.keyboard.press('ArrowLeft'); assert at() == 'things-2 name'
    page.keyboard.press('F2')
    page.keyboard.type('!')
    page.keyboard.press('ArrowLeft'); assert at() == 'things-2 name', 'within the text now'
    page.keyboard.press('Escape')
    expect(page.locator('#things-2 .cell.main')).to_have_value('two')
    page.keyboard.press('F2')
    page.keyboard.type(' more')
    page.keyboard.press('ArrowDown')                                            # leaving keeps
    server.until(lambda: server.rows('things')[1]['name'] == 'two more')
    assert at() == 'things-3 name'
    page.keyboard.press('Enter'); assert at() == 'things-3 name'
    page.keyboard.press('Shift+Enter'); assert at() == 'things-2 name'

# looks: words, filters, order

def test_sort_filter_and_search_are_each_tabs_own_and_stay_true(server, page, context):
    for n, name in enumerate(('Pear', 'apple', 'Ébène', 'fig', 'Banana')): server.act('things.create', name=name, n=n*10 % 30, done=n % 2 == 0)
    other = context.new_page()
    page.goto(server.url + '/things')
    other.goto(server.url + '/things')
    page.locator('.head [data-sort=name]').click()
    shown = lambda want, p=page: server.until(lambda: names(p) == want)
    shown(['apple', 'Banana', 'Ébène', 'fig', 'Pear'])
    assert names(other) == ['Pear', 'apple', 'Ébène', 'fig', 'Banana']
    page.locator('.head [data-sort=name]').click()
    shown(['Pear', 'fig', 'Ébène', 'Banana', 'apple'])
    server.act('things.create', name='Cherry')                                  # takes its place in each
    shown(['Pear', 'fig', 'Ébène', 'Cherry', 'Banana', 'apple'])
    shown(['Pear', 'apple', 'Ébène', 'fig', 'Banana', 'Cherry'], other)
    server.act('things.update', id=1, name='Aaa')
    shown(['fig', 'Ébène', 'Cherry', 'Banana', 'apple', 'Aaa'])
    page.fill('.filter', 'e')
    shown(['Ébène', 'Cherry', 'apple'])
    page.fill('.filter', 'EBENE')
    shown(['Ébène'])
    expect(page.locator('#things-foot')).to_have_text('1 of 6 rows')
    server.act('things.create', name='Ebenezer')
    shown(['Ebenezer', 'Ébène'])
    server.act('things.update', id=3, name='Gone')
    shown(['Ebenezer'])
    page.fill('.filter', 'zzz')
    expect(page.locator('.nothing')).to_be_visible()
    expect(page.locator('.empty')).to_be_hidden()
    page.fill('.filter', 'n>=10 -gone')
    server.until(lambda: all(r['n'] >= 10 and r['name'] != 'Gone' for r in server.rows('things') if r['name'] in names(page))
                 and len(names(page)) == 2)
    page.fill('.filter', '')
    page.select_option('.which', 'is-done')
    server.until(lambda: sorted(names(page)) == sorted(r['name'] for r in server.rows('things') if r['done']))
    page.reload()                                                               # a tab stays as it looks
    server.until(lambda: sorted(names(page)) == sorted(r['name'] for r in server.rows('things') if r['done']))
    server.until(lambda: names(page) == sorted(names(page), key=str.casefold, reverse=True))
    assert page.input_value('.which') == 'is-done'
    page.select_option('.which', '')
    page.locator('.head [data-sort=name]').click()
    shown(names(other))

def test_what_every_tab_shows_is_what_the_table_holds(server, page, context):
    "Random work in a table, seen by three tabs that look at it differently; the rows and their order are those of the database"
    rnd = random.Random(7)
    words = ['ash', 'birch', 'cedar', 'elm', 'fir']
    fill(server, 'things', [{'name': f'{rnd.choice(words)} {n}', 'n': n % 7, 'done': n % 3 == 0} for n in range(40)])
    tabs = [(page, ''), (context.new_page(), 'sort=n&down=true'), (context.new_page(), 'words=ash&sort=name')]
    for p, _ in tabs: p.goto(server.url + '/things')
    for _ in range(2): tabs[1][0].locator('.head [data-sort=n]').click()
    tabs[2][0].fill('.filter', 'ash')
    tabs[2][0].locator('.head [data-sort=name]').click()
    truth = lambda q: [r['id'] for r in server.get(f'/api/tables/things.json?{q}')[1]]
    def agree():
        for p, q in tabs: server.until(lambda p=p, q=q: ids(p) == truth(q))
    agree()
    for step in range(60):
        here = truth('')
        what = rnd.choice(['create', 'name', 'n', 'done', 'move', 'delete', 'undo', 'many'])
        if what == 'create': server.act('things.create', name=f'{rnd.choice(words)} {step}x', n=rnd.randrange(7))
        elif what == 'name': server.act('things.update', id=rnd.choice(here), name=f'{rnd.choice(words)} {step}y')
        elif what == 'n': server.act('things.update', id=rnd.choice(here), n=rnd.randrange(7))
        elif what == 'done': server.act('things.update', id=rnd.choice(here), done=rnd.random() < .5)
        elif what == 'move': server.act('things.move', id=rnd.choice(here), before=rnd.choice([*here, None]))
        elif what == 'many': server.act('things.update_many', ids=rnd.sample(here, 3), set={'n': rnd.randrange(7)})
        elif what == 'delete':
            server.post(f"/api/approvals/{server.post('/api/actions/things.delete', {'id': rnd.choice(here)})[1]['approval']}", {'approve': True})
        else:
            last = [e for e in server.get('/api/roll?limit=1000')[1] if e['status'] == 'done'][-1]
            server.post(f"/api/roll/{last['id']}/undo")
        if step % 6 == 5: agree()
    for p, _ in tabs: p.evaluate('ws.close()')                                  # away for a while
    server.act('things.create', name='ash at last')
    agree()

# large ones

@pytest.fixture
def large(server):
    fill(server, 'things', [{'name': f'Thing {n:05}', 'n': n % 100, 'done': n % 2 == 0} for n in range(10_000)])
    return server

def test_ten_thousand_rows_open_fast_and_are_worked_on(large, page):
    began = time.perf_counter()
    status, html = large.get('/things', HX_Request='true')
    took = time.perf_counter() - began
    assert status == 200 and html.count('class="row') >= 200 and took < 1.5*busy(), took
    began = time.perf_counter()
    page.goto(large.url + '/things')
    expect(page.locator('#things-200')).to_be_attached()
    assert time.perf_counter() - began < 4*busy() and page.locator('#things-list > .row').count() == 200
    expect(page.locator('#things-foot')).to_have_text('10,000 rows')
    expect(page.locator('#things-gap')).to_contain_text('9,800 of 10,000 are not drawn')
    page.fill('form#things-new [name=name]', 'New one')
    page.press('form#things-new [name=name]', 'Enter')
    expect(page.locator('#things-10001')).to_be_attached()                      # behind the gap
    assert ids(page)[-2:] == [200, 10001]
    large.act('things.update', id=5000, name='Far away')                        # not drawn: not our business
    large.act('things.update', id=7, name='Near')
    expect(page.locator('#things-7 .cell.main')).to_have_value('Near')
    assert page.locator('#things-5000').count() == 0
    large.act('things.move', id=300, before=1)
    expect(page.locator('#things-list > .row').first).to_have_attribute('id', 'things-300')
    page.locator('.more').click()
    large.until(lambda: page.locator('#things-list > .row').count() == 400)
    page.fill('.filter', '"thing 0999"')
    large.until(lambda: names(page) == [f'Thing 0999{n}' for n in range(10)])
    page.locator('.head [data-sort=name]').click()
    page.locator('.head [data-sort=name]').click()
    large.until(lambda: names(page) == [f'Thing 0999{n}' for n in range(9, -1, -1)])

def test_all_ten_thousand_are_changed_as_one_and_taken_back_as_one(large, page):
    page.goto(large.url + '/things')
    page.select_option('.which', 'not-done')
    large.until(lambda: page.locator('#things-foot').inner_text() == '5,000 of 10,000 rows')
    page.locator('.head').hover()
    page.locator('.head .all').click()
    page.locator('.bulk .every').click()
    expect(page.locator('.bulk .said')).to_have_text('All 5,000 selected')
    page.select_option('.bulk .col', 'done')
    page.locator('.bulk .to:visible select').select_option('true')
    page.locator('.bulk .go').click()
    expect(page.locator('#toasts')).to_contain_text('Set done to yes in 5,000 rows of Things', timeout=60_000)
    assert len(large.get('/api/tables/things.json?which.done=is-done')[1]) == 10_000
    page.locator('#toasts .undo').last.click()
    large.until(lambda: len(large.get('/api/tables/things.json?which.done=is-done')[1]) == 5000)

# several at once

def test_several_rows_are_selected_changed_and_deleted_as_one(server, page, context):
    for n in range(8): server.act('things.create', name=f't{n}', n=n)
    page.goto(server.url + '/things')
    other = context.new_page()
    other.goto(server.url + '/things')
    pick = lambda n, **kw: (page.locator(f'#things-{n}').hover(), page.locator(f'#things-{n} .select').click(**kw))
    expect(page.locator('.bulk')).to_be_hidden()
    pick(2)
    pick(5, modifiers=['Shift'])
    expect(page.locator('.bulk .said')).to_have_text('4 selected')
    pick(3)
    expect(page.locator('.bulk .said')).to_have_text('3 selected')
    page.select_option('.bulk .col', 'n')
    page.locator('.bulk .to:visible input').fill('99')
    page.locator('.bulk .go').click()
    server.until(lambda: [r['n'] for r in server.rows('things')] == [0, 99, 2, 99, 99, 5, 6, 7])
    expect(other.locator('#things-5 .cell[name=n]')).to_have_value('99')
    entry = [e for e in server.get('/api/roll?limit=1000')[1] if e['action'] != 'things.list'][-1]
    assert entry['action'] == 'things.update_many' and entry['by'] == 'user'
    expect(page.locator('#toasts')).to_contain_text('Set n to “99” in 3 rows of Things')
    page.locator('.bulk .remove').click()
    expect(other.locator('#things-list > .row')).to_have_count(5)
    expect(page.locator('.bulk')).to_be_hidden()
    page.locator('#toasts [data-roll]', has_text='Deleted 3 rows').locator('.undo').click()
    expect(other.locator('#things-list > .row')).to_have_count(8)
    server.until(lambda: names(other) == [f't{n}' for n in range(8)])
    page.locator('.head .all').click()
    expect(page.locator('.bulk .said')).to_have_text('8 selected')
    # somebody takes one away
    server.post(f"/api/approvals/{server.post('/api/actions/things.delete', {'id': 1})[1]['approval']}", {'approve': True})
    expect(page.locator('.bulk .said')).to_have_text('7 selected')
    page.locator('.bulk .clear').click()
    expect(page.locator('.bulk')).to_be_hidden()

def test_what_was_written_into_a_row_that_is_deleted_meanwhile_is_not_lost(server, page):
    row = server.act('works.create', name='Paint', hours=3)['result']['id']
    page.goto(server.url + '/works')
    cell = page.locator(f'#works-{row} .cell[name=note]')
    cell.click()
    page.keyboard.type('Two coats, and sand it before')
    expect(cell).to_have_value('Two coats, and sand it before')
    card = server.post('/api/actions/works.delete', {'id': row})[1]['approval']
    server.post(f'/api/approvals/{card}', {'approve': True})
    status, said = server.post('/api/actions/works.update', {'id': row, 'note': 'Two coats, and\nsand it before', 'hours': 7, 'urgent': True})
    assert status == 404 and said['error'] == f'works has no row {row} any more: “Paint” was deleted'
    assert said['hint'] == 'not kept: hours: “7”, note: “Two coats, and\nsand it before”, urgent: True; bring the row back first, or add it anew'
    expect(page.locator(f'#works-{row}')).to_have_count(0)
    expect(page.locator('#toasts')).to_contain_text('not kept: note: “Two coats, and sand it before”')
    assert server.post('/api/actions/works.update', {'id': 99, 'note': 'x'})[1] == {'error': 'works has no row 99',
        'hint': 'Works is empty'}, 'one that never was'
    line = next(e for e in server.get('/api/roll?limit=1000')[1] if e['action'] == 'works.delete' and e['status'] == 'done')
    assert server.post(f"/api/roll/{line['id']}/undo")[0] == 200
    server.act('works.update', id=row, note='Two coats')
    assert server.rows('works')[0]['note'] == 'Two coats'

def test_many_at_once_is_all_or_nothing_and_an_agent_asks(server):
    for n in range(3): server.act('things.create', name=f't{n}')
    assert server.post('/api/actions/things.update_many', {'ids': [1, 9], 'set': {'n': 5}})[0] == 404
    assert server.post('/api/actions/things.update_many', {'ids': [1, 2], 'set': {'n': 'x'}})[1]['fields'] == {'n': 'must be a whole number, not “x”'}
    assert server.post('/api/actions/things.update_many', {'set': {'n': 1}})[1]['error'] == 'which rows?'
    assert server.post('/api/actions/things.update_many', {'ids': [1], 'set': {'m': 1}})[1]['hint'] == 'it has name, n, done'
    assert [r['n'] for r in server.rows('things')] == [0, 0, 0]
    status, said = server.post('/api/actions/things.delete_many', {'match': {'words': 't'}})
    assert status == 202 and server.get('/api/approvals')[1][0]['text'] == 'Delete 3 rows from Things?'
    server.act('things.update', id=1, name='changed')
    assert server.post(f"/api/approvals/{said['approval']}", {'approve': True})[0] == 409, 'the card went out of date'

def test_a_ticked_box_is_one_row_read_and_sent_however_many_there_are(tmp_path):
    "Under any look that does not ask for what changed; else the list is looked at"
    import asyncio
    from pianola.tables import grid
    from pianola.tables.crud import Crud
    from pianola.store import Store
    class Thing:
        name: str
        done: bool = False
        n: int = 0
    async def go():
        st, t = Store(), Crud(Thing, name='ticked')
        await st.open(tmp_path/'d')
        await st.write(t.open)
        await st.write(lambda tx: tx.insert_many('ticked', [{'name': f't{i}', 'done': i % 2, 'n': i % 7, 'pos': i+1} for i in range(10_000)]))
        def drawn(tx, look, *columns):
            said = []
            tx.conn.exec_trace = lambda cur, sql, args: said.append(sql) or True
            try: return grid.now(tx, t, [5001], look, set(), set(columns)), said
            finally: tx.conn.exec_trace = None
        for look in (grid.plain, grid.Look(sort='name'), grid.Look(sort='n', down=True), grid.Look(words='t5'),
                     grid.Look(words='n>3 t', which=(('n', '2'),))):
            d, said = await st.read(drawn, look, 'done')
            assert [(i['id'], i['only']) for i in d['items']] == [('ticked-5001', True)] and d['gone'] == [] and len(said) == 1, said
        for look, column in ((grid.Look(sort='done'), 'done'),
                             (grid.Look(which=(('done', 'is-done'),)), 'done'), (grid.Look(words='done:yes'), 'done'),
                             (grid.Look(words='t5'), 'name'), (grid.plain, 'pos'), (grid.plain, 'id')):
            assert len((await st.read(drawn, look, column))[1]) > 1, (look, column)
        await st.close()
    asyncio.run(go())

# in and out

def test_what_goes_out_comes_in_again_the_same(server):
    server.act('people.create', name='Ann')
    for row in (dict(name='=cmd()|x', note='a,"b"\nc', hours=7, due='2026-02-28', who=1, extra={'k': "v'"}, urgent=True),
                dict(name='Ünïcode ☃', price=-3.5, helpers=[1]), dict(name="'quoted", site='https://x.example')):
        server.act('works.create', **row)
    before = server.rows('works')
    text = server.get('/api/tables/works.csv')[1]
    assert text.startswith('\ufeff') and "'=cmd()|x" in text, 'no formula leaves the house'
    rows = list(csv.DictReader(io.StringIO(text.lstrip('\ufeff'))))
    for kind, data in (('csv', text.encode()), ('json', json.dumps(server.get('/api/tables/works.json')[1]).encode())):
        server.act('works.import', file=give(server, f'works.{kind}', data), columns={k: k for k in rows[0] if k != 'id'})
        after = server.rows('works')
        assert [{**r, 'id': 0} for r in after[-3:]] == [{**r, 'id': 0} for r in before], kind
    assert [r['name'] for r in server.get('/api/tables/works.json?words=snow&sort=name')[1]] == []
    assert len(server.get('/api/tables/works.json?which.who=1')[1]) == 3
    assert server.get('/api/tables/works.xml')[0] == 404 and server.get('/api/tables/nope.csv')[0] == 404

def test_what_goes_out_comes_in_the_same_also_what_is_empty_and_what_begins_with_a_sign(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p/notes.py').write_text('"Notes: x"\nfrom pianola import Crud, Long\nclass Note: name: str; note: Long = "none"; '
                                       'n: int | None = 5; done: bool = True\nnotes = Crud(Note)\n', 'utf-8')
    s = serve(plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
    for name in ("=1+1", "'=1+1", "''-x", "'-5", '-5', "'tis", "''", 'plain', 'x;=1+1', "x;'=1", 'x\t=1+1'):
        s.act('notes.create', name=name, note='', n=None, done=False)
    was = s.rows('notes')
    columns = {k: k for k in ('name', 'note', 'n', 'done')}
    files = [give(s, 'notes.csv', s.get('/api/tables/notes.csv')[1].encode()),
             give(s, 'notes.json', json.dumps(s.get('/api/tables/notes.json')[1]).encode())]
    for file in files:
        assert s.act('notes.import', file=file, columns=columns, same='name')['result'] == {'rows': 0, 'changed': 0, 'left_out': 0}
    for file in files:
        s.act('notes.import', file=file, columns=columns)
        assert [{**r, 'id': n} for n, r in enumerate(s.rows('notes')[-len(was):], 1)] == was
    file = give(s, 'short.csv', b'name\nsoup\n')
    s.act('notes.import', file=file, columns={'name': 'name'})
    assert {**s.rows('notes')[-1], 'id': 0} == {'id': 0, 'name': 'soup', 'note': 'none', 'n': 5, 'done': True}, 'the file has no such columns'

@given(st.text("';\t\r=+-@＝a1.", max_size=12))
@example('x;=1+1')
@example("x\t'=1+1")
@example(';\t=')
def test_no_part_of_a_text_is_a_formula_wherever_a_spreadsheet_cuts_it_and_it_comes_back_as_it_was(text):
    from pianola.tables import sheets
    out = sheets.safe(text)
    assert sheets.plain(out) == text
    assert out == text and re.fullmatch(r'[+-]?[\d.,]+', text) or not any(part[:1] in tuple('=+-@\r＝') for part in re.split('[;\t]', out))

def test_an_import_is_looked_at_before_it_is_done(server, page):
    page.goto(server.url + '/works')
    sheet = 'Work;Hours;Due;Colour\nPaint;3;2026-01-01;red\nDig;many;2026-01-02;blue\n;1;;\nSing;4;soon;\n'.encode('cp1252')
    page.locator('.import').set_input_files({'name': 'list.csv', 'mimeType': 'text/csv', 'buffer': sheet})
    box = page.locator('#import')
    expect(box).to_contain_text('4 lines. Nothing is written until you say so.')
    expect(box).to_contain_text('4 lines do not fit')                           # nothing goes into name yet
    expect(box.locator('.errors')).to_contain_text('line 2: name is needed')
    box.get_by_label('Where Work goes').select_option('name')
    expect(box.locator('.errors li')).to_have_text(
        ['line 3: hours must be a whole number from 0 to 100, not “many”', 'line 4: name must not be empty',
         'line 5: due must be a date like 2026-05-31, not “soon”'])
    assert server.rows('works') == []
    box.get_by_label('Where Due goes').select_option('')
    box.get_by_role('button', name='Import 2 rows').click()
    expect(page.locator('#dialog')).to_be_hidden()
    expect(page.locator('#toasts')).to_contain_text('Imported 2 rows into Works, left out 2')
    assert [(r['name'], r['hours'], r['due']) for r in server.rows('works')] == [('Paint', 3, None), ('Sing', 4, None)]
    page.locator('#toasts .undo').last.click()
    server.until(lambda: server.rows('works') == [])

def test_a_file_that_cannot_be_read_is_said(server):
    for name, data, why in (('a.csv', b'', 'it is empty'), ('a.json', b'[1, 2]', 'no list of objects'),
                            ('a.csv', b'a,b\n1,2,3\n', 'line 2 has 3 values'), ('a.json', b'{"a": ', 'cannot be read')):
        status, said = server.post('/api/actions/things.import', {'file': give(server, name, data), 'columns': {'a': 'name'}})
        assert status == 400 and why in said['error'], said
    f = give(server, 'a.csv', b'a,b\n1,x\n')
    assert 'has no column c' in server.post('/api/actions/things.import', {'file': f, 'columns': {'c': 'name'}})[1]['error']
    assert 'two columns' in server.post('/api/actions/things.import', {'file': f, 'columns': {'a': 'name', 'b': 'name'}})[1]['error']
    assert 'line 2: n must be a whole number' in server.post('/api/actions/things.import',
        {'file': f, 'columns': {'a': 'name', 'b': 'n'}})[1]['error']
    assert server.rows('things') == []

# a row class that changes

def test_a_file_of_very_many_columns_is_refused_in_words(tmp_path, monkeypatch):
    from pianola.asking.files import keep_file
    from pianola.store import Refused, store
    from pianola.tables import sheets
    monkeypatch.setattr(store, 'folder', tmp_path, raising=False)
    read = lambda n, kind: sheets.read(keep_file((json.dumps([{f'c{i}': i for i in range(n)}]) if kind == 'json' else
                                                  ','.join(f'c{i}' for i in range(n))).encode(), f'wide.{kind}'))
    for kind in ('csv', 'json'):
        assert len(read(sheets.widest, kind).columns) == sheets.widest
        with pytest.raises(Refused, match=f'it has 20,000 columns; the most is {sheets.widest}'): read(20_000, kind)
    crowd = keep_file(('[' + ','.join(['{"a":1}']*1_000_001) + ']').encode(), 'crowd.json')
    with pytest.raises(Refused, match='crowd.json holds more than 1,000,000 lists and objects'): sheets.read(crowd)
    assert sheets.unique(['a', '', 'a', 'a 2', 'a', 'column 2', 'b']) == ['a', 'column 2', 'a 2', 'a 2 2', 'a 3', 'column 2 2', 'b']

def test_a_changed_row_class_keeps_every_value(serve, folder):
    s = serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    thing = lambda body: (
        folder/'30_things.py').write_text(
            '"Things: many."\nfrom datetime import date\nfrom typing import Literal\nfrom pianola import Crud, Ref\n' + body
            + '\nthings = Crud(Thing)\n')
    s.act('people.create', name='Ann')
    def again(body):
        nonlocal s
        s.stop()
        thing(body)
        s = serve(plugins=folder, data=s.data, env={'PIANOLA_ENGINE': 'embedded'})
        assert s.get('/api/health')[1]['plugins']['things'] == 'ok', s.get('/api/health')[1]
        return s.rows('things')
    def notes(): 
        import apsw
        c = apsw.Connection(str(s.data/'pianola.db'), flags=apsw.SQLITE_OPEN_READONLY)
        return ([t for t, in c.execute("select text from log where kind='note' and what='things' order by id")],
                [n[1] for n in c.execute('pragma table_info(things)')], list(c.execute('select * from things order by id')))
    for n, name in ((5, 'Ann'), (6, '2026-05-31'), (7, 'soon')): s.act('things.create', name=name, n=n, done=n == 6)
    # a new column, with its default
    assert [r['level'] for r in again("class Thing: name: str; n: int = 0; done: bool = False; level: Literal['low', 'high'] = 'low'")] == ['low']*3
    # removed: out of sight, not out of the file; and back again
    assert 'n' not in again("class Thing: name: str; done: bool = False")[0] and 'n' in notes()[1]
    assert [r['n'] for r in again("class Thing: name: str; n: int = 0; done: bool = False")] == [5, 6, 7]
    # int → text: everything fits, nothing else stays
    assert [r['n'] for r in again("class Thing: name: str; n: str = ''; done: bool = False")] == ['5', '6', '7'] and 'n_was_int' not in notes()[1]
    # text → date: what fits is a date, and the old words stay
    rows = again("class Thing: name: date = None; n: str = ''; done: bool = False")
    assert [r['name'] for r in rows] == [None, '2026-05-31', None]
    said, columns, raw = notes()
    assert 'name_was_text' in columns and {'Ann', 'soon'} <= set(raw[0] + raw[2])
    assert 'things: name was text and is date now; 2 of 3 did not fit (“Ann”); the old values stay in name_was_text' in said
    # text → a row of another table, by what it is called
    again("class Thing: name: date = None; n: str = ''; done: bool = False; who: str = ''")
    s.act('things.update', id=1, who='ann')
    assert [r['who'] for r in again("class Thing: name: date = None; n: str = ''; done: bool = False; who: Ref('people') = None")] == [1, None, None]
    before = notes()[0]
    again("class Thing: name: date = None; n: str = ''; done: bool = False; who: Ref('people') = None")
    assert notes()[0] == before, 'a class that did not change is no news'

def test_a_row_that_is_brought_back_has_in_a_column_that_is_new_since_what_a_new_row_has(serve, folder):
    s = serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    s.act('things.create', name='stays')
    fill(s, 'things', [{'name': f't{n}'} for n in range(1300)])
    gone = []
    for args in ({'ids': [2]}, {'match': {'words': 't'}}):
        waits = s.post('/api/actions/things.delete_many', args)[1]['approval']
        gone.append(s.post(f'/api/approvals/{waits}', {'approve': True})[1]['id'])
    s.stop()
    (folder/'30_things.py').write_text('"Things: many."\nfrom typing import Literal\nfrom pianola import Crud\nclass Thing: name: str; '
                                       "n: int = 0; done: bool = False; state: Literal['open', 'it''s over'] = 'open'; note: str = \"it's\"; "
                                       'late: bool = False; due: float | None = None\nthings = Crud(Thing)\n', 'utf-8')
    s = serve(data=s.data, plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    for id in gone[::-1]: assert s.post(f'/api/roll/{id}/undo')[0] == 200
    back = {'n': 0, 'done': False, 'state': 'open', 'note': "it's", 'late': False, 'due': None}
    assert [{k: r[k] for k in back} for r in s.act('things.list', limit=2000)['result']] == [back]*1301
    assert len(s.get('/api/tables/things.json?words=late:no')[1]) == len(s.get('/api/tables/things.json?words=state=open')[1]) == 1301
@pytest.fixture
def bills(serve, tmp_path):
    "A table whose class can be written anew while it is open"
    f = tmp_path/'p'
    f.mkdir()
    def write(body, more=''):
        code = f'"Bills: what is owed."\nfrom datetime import date\nfrom pianola import Crud, Long\nclass Bill: {body}\nbills = Crud(Bill{more})\n'
        (f/'bills.py').write_text(code, 'utf-8')
    shutil.copy(root/'plugins/60_roll.py', f)
    write('number: str; customer: str; due: date')
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    for n, c in (('2026-001', 'Ann'), ('007', 'Bob'), ('12', 'Cy')): s.act('bills.create', number=n, customer=c, due='2026-05-01')
    def again(body, more=''):
        "The rows once it is loaded"
        said = lambda: [t for _, w, t in log() if w == 'plugin.bills']
        def log():
            import apsw
            c = apsw.Connection(str(s.data/'pianola.db'), flags=apsw.SQLITE_OPEN_READONLY)
            return [*c.execute("select id, what, coalesce(data, '') || text from log where kind='note' order by id")]
        n = len(said())
        write(body, more)
        s.until(lambda: len(said()) > n)
        assert s.get('/api/health')[1]['plugins']['bills'] == 'ok', s.get('/api/health')[1]
        return s.rows('bills')
    def columns():
        import apsw
        c = apsw.Connection(str(s.data/'pianola.db'), flags=apsw.SQLITE_OPEN_READONLY)
        return {n[1] for n in c.execute('pragma table_info(bills)')} - {'id', 'pos'}
    s.again, s.columns = again, columns
    return s

def test_a_type_that_is_put_back_takes_back_what_did_not_fit(bills):
    s = bills
    of = lambda rows: [r['number'] for r in rows]
    assert of(s.again('number: int; customer: str; due: date')) == [None, 7, 12] and 'number_was_text' in s.columns()
    s.post('/api/approvals/' + str(s.post('/api/actions/bills.delete', {'id': 1})[1]['approval']), {'approve': True})
    gone = s.get('/api/roll')[1][-1]['id']
    assert of(s.again('number: str; customer: str; due: date')) == ['007', '12']
    assert s.columns() == {'number', 'customer', 'due'}, 'nothing in the kept column was needed any more'
    s.post(f'/api/roll/{gone}/undo')
    assert of(s.rows('bills')) == ['2026-001', '007', '12'], 'a row that comes back finds its value where it is now'
    # what was written meanwhile stays, and so does what it took the place of
    s.again('number: int; customer: str; due: date')
    s.act('bills.update', id=2, number=8)
    assert of(s.again('number: str; customer: str; due: date')) == ['2026-001', '8', '12'] and 'number_was_text' in s.columns()
    assert 'older values are back from number_was_text; 1 more stays there' in s.get('/bills', HX_Request='true')[1]
    assert [r['due'] for r in s.again('number: str; customer: str; due: int = None')] == [None]*3
    s.act('bills.update', id=1, due=5)
    assert [r['due'] for r in s.again('number: str; customer: str; due: date')] == ['2026-05-01']*3, 'what does not fit back makes room'
    assert 'due_was_int' in s.columns() and 'due_was_date' not in s.columns()
    # also under another name
    s.again('number: int; customer: str; due: date')
    s.again('no: int; customer: str; due: date', ", renamed={'no': 'number'}")
    assert [r['no'] for r in s.again('no: str; customer: str; due: date')] == ['2026-001', '8', '12']

def test_a_column_gets_another_name_with_its_values(bills):
    s = bills
    of = lambda rows: [r.get('client') for r in rows]
    s.act('bills.update', id=2, customer='Bo')
    renamed = s.get('/api/roll')[1][-1]['id']
    assert of(s.again('number: str; client: str; due: date')) == [None]*3
    page = s.get('/bills', HX_Request='true')[1]
    assert "If it is called client now, write Crud(…, renamed={'client': 'customer'})" in page
    assert 'client is new and has no default: it is empty in the 3 rows there' in page
    more = ", renamed={'client': 'customer'}"
    assert of(s.again('number: str; client: str; due: date', more)) == ['Ann', 'Bo', 'Cy'] and 'customer' not in s.columns()
    assert s.post(f'/api/roll/{renamed}/undo')[0] == 200
    assert of(s.rows('bills')) == ['Ann', 'Bob', 'Cy'], 'what is taken back finds the column under its new name'
    assert of(s.again('number: str; client: str; due: date ', more)) == ['Ann', 'Bob', 'Cy']
    # at once, with another type; and beside a column in which something is written
    assert [r['text'] for r in s.again('text: Long; client: str; due: date', more[:-1] + ", 'text': 'number'}")] == ['2026-001', '007', '12']
    s.again('text: Long; owner: str = ""; due: date')
    s.act('bills.update', id=1, owner='Dee')
    assert [r['owner'] for r in s.again('text: Long; owner: str = ""; due: date', ", renamed={'owner': 'client'}")] == ['Dee', 'Bob', 'Cy']
    assert 'client' in s.columns()
    s.act('bills.update', id=1, owner='')
    assert [r['owner'] for r in s.again('text: Long; owner: str = ""; due: date ', ", renamed={'owner': 'client'}")] == ['', 'Bob', 'Cy']

def test_what_became_of_the_columns_is_on_the_page_in_the_history_the_roll_and_the_log(bills, page, context):
    s = bills
    page.goto(s.url + '/bills')
    s.again('number: int; customer: str')
    said = 'number was text and is int now; 1 of 3 did not fit (“2026-001”); the old values stay in number_was_text'
    card = page.locator('#bills-grown')
    expect(card).to_contain_text(said)
    expect(card).to_contain_text('due is not a column any more; what was in it stays in the file, unseen')
    assert (s.data/'pianola.log').read_text('utf-8').count(said) == 1
    page.get_by_role('button', name='History').click()
    expect(page.locator('#activity')).to_contain_text(said)
    page.keyboard.press('Escape')
    for words in ('', '?plugin=bills'): assert said in s.get('/roll/list' + words, HX_Request='true')[1]
    other = context.new_page()
    other.goto(s.url + '/bills')
    other.get_by_role('button', name='I have read it').click()
    for p in (page, other): expect(p.locator('#bills-grown')).to_have_count(0)
    page.reload()
    expect(page.locator('#bills-panel')).to_be_visible()
    expect(card).to_have_count(0)

def test_a_table_from_before_types_were_written_down_opens_as_it_is(serve, folder, tmp_path):
    import apsw
    s = serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    s.act('things.create', name='old', n=3, done=True)
    s.stop()
    c = apsw.Connection(str(s.data/'pianola.db'))
    c.execute("delete from pair where space='schema'")
    c.close()
    again = serve(plugins=folder, data=s.data, env={'PIANOLA_ENGINE': 'embedded'})
    assert again.rows('things') == [{'id': 1, 'name': 'old', 'n': 3, 'done': True}]
    assert not again.get('/api/roll?limit=50')[1][-1]['action'].startswith('note')

# in their order

def test_a_row_goes_before_or_behind_another_one(server):
    fill(server, 'things', [{'name': f't{n}'} for n in range(4)])
    order = lambda: [r['id'] for r in server.rows('things')]
    for args, now in (({'id': 1, 'after': 3}, [2, 3, 1, 4]), ({'id': 2, 'after': 4}, [3, 1, 4, 2]), ({'id': 4, 'before': 3}, [4, 3, 1, 2]),
                      ({'id': 3}, [4, 1, 2, 3]), ({'id': 4, 'before': None}, [1, 2, 3, 4])):
        server.act('things.move', **args)
        assert order() == now, args
    for args, status in (({'id': 1, 'before': 2, 'after': 3}, 400), ({'id': 1, 'after': 9}, 404), ({'id': 1, 'before': 9}, 404)):
        assert server.post('/api/actions/things.move', args)[0] == status
    assert order() == [1, 2, 3, 4]

def test_a_row_that_is_put_behind_the_last_one_drawn_is_put_there_and_not_at_the_end(server, page):
    fill(server, 'things', [{'name': f't{n}'} for n in range(300)])
    page.goto(server.url + '/things')
    page.locator('#things-199 .cell.main').focus()
    page.keyboard.press('Alt+ArrowDown')
    here = lambda: [r['id'] for r in server.act('things.list', offset=196, limit=6)['result']]
    server.until(lambda: here() == [197, 198, 200, 199, 201, 202])
    server.until(lambda: ids(page)[-1] == 199)
    page.locator('#things-198 .grip').drag_to(page.locator('#things-199'), target_position={'x': 60, 'y': 28})
    server.until(lambda: here() == [197, 200, 199, 198, 201, 202])

# own views

def test_a_row_that_looks_its_own_way_can_be_sorted_selected_and_opened(serve, tmp_path, page):
    f = tmp_path/'p'
    f.mkdir()
    (f/'books.py').write_text(
        '"Books: to read."\nfrom datetime import date\nfrom pianola import Crud, Em, Span\nclass Book:\n    name: str\n    author: str = '
        '""\n    out: date = None\n'
                              '    def __ft__(self): return Span(self.name, " by ", Em(self.author), f" ({self.out.year})" if self.out '
                              'else "")\nbooks = Crud(Book)\n')
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    s.act('books.create', name='Emma', author='<b>Austen</b>', out='1815-12-23')
    s.act('books.create', name='Dracula', author='Stoker')
    page.goto(s.url + '/books')
    expect(page.locator('#books-1 .own')).to_have_text('Emma by <b>Austen</b> (1815)')
    page.select_option('.order', 'name up')
    s.until(lambda: ids(page, 'books') == [2, 1])
    page.locator('#books-2').hover()
    page.locator('#books-2 .edit').click()
    page.locator('#dialog').get_by_label('Author').fill('Bram Stoker')
    page.locator('#dialog').get_by_role('button', name='Save').click()
    expect(page.locator('#books-2 em')).to_have_text('Bram Stoker')
    wrong = page.evaluate('''() => {
        const said = []; addEventListener('error', e => said.push(e.message));
        document.querySelector('.crud').insertAdjacentHTML('beforebegin', '<section class="crud" data-table="others"><ol></ol></section>');
        document.dispatchEvent(new Event('placed')); return said }''')
    assert wrong == [], 'a table that has no bar for what is selected holds up no other'

# how wide

def test_a_number_a_date_or_a_choice_is_never_cut_and_text_gives_way(serve, tmp_path, page):
    f = tmp_path/'p'
    f.mkdir()
    (f/'bills.py').write_text('"Bills: what is owed."\nfrom datetime import date\nfrom typing import Literal\nfrom pianola import Crud\nclass Bill:\n'
                              '    number: str\n    customer: str\n    amount: float\n    due: date\n    paid: bool = False\n'
                              "    status: Literal['draft', 'overdue', 'waiting for a lawyer'] = 'draft'\nbills = Crud(Bill)\n", 'utf-8')
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    for n, a, status in (('2026-001', 1250.5, 'overdue'), ('2026-002', -99999.99, 'waiting for a lawyer'), ('2026-003', .1+.2, 'draft')):
        s.act('bills.create', number=n, customer='Construction Company of the North', amount=a, due='2026-12-20', status=status)
    page.goto(s.url + '/bills')
    for width in (1300, 1440, 1024, 390):
        page.set_viewport_size({'width': width, 'height': 800})
        cut, text, at, slides = page.evaluate("""() => {
            const pen = document.createElement('canvas').getContext('2d'), all = q => [...document.querySelectorAll(q)], cut = [];
            for (const e of all('.rows .cell:is(.is-float,.is-date,.is-choice), .rows .main, .head .is-float, .head .is-date')) {
                const s = getComputedStyle(e), said = e.selectedOptions?.[0].text ?? e.value ?? e.textContent;
                pen.font = e.matches('.by') ? getComputedStyle(e.firstChild).font : s.font;
                const room = e.clientWidth - parseFloat(s.paddingLeft) - parseFloat(s.paddingRight);
                if (e.offsetParent && pen.measureText(said).width > room + 1) cut.push([said, room]);
            }
            const left = e => Math.round(e.getBoundingClientRect().x), g = document.querySelector('.grid'), m = document.getElementById('main');
            return [cut, all('.rows [name=customer]').map(e => e.clientWidth), all('#bills-head [data-sort=amount], #bills-1 [name=amount]').map(left),
                    m.scrollWidth <= m.clientWidth && (g.scrollWidth <= g.clientWidth || getComputedStyle(g).overflowX === 'auto')] }""")
        assert cut == [] and min(text) >= 55 and slides, (width, cut, text)
        if width > 899: assert abs(at[0] - at[1]) < 2, 'the head stands above its column'

def test_choices_stay_in_the_window_and_what_is_wrong_in_a_wide_row_leaves_it_one_line(serve, folder, page):
    (folder/'30_things.py').write_text('''"Things: many."
from datetime import date
from pianola import Crud, Ref, Url
class Thing: name: str; a: str = ''; b: str = ''; c: str = ''; n: int = 0; m: float = 0; due: date | None = None; link: Url = ''; who: Ref('people') = None
things = Crud(Thing)
''')
    s = serve(plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    for n in range(40): s.act('people.create', name=f'Somebody called number {n} of all those who have a rather long name')
    for n in range(12): s.act('things.create', name=f'Thing {n}')
    inside = """() => { const r = document.querySelector('.options').getBoundingClientRect();
        return r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight && r.height > 100 }"""
    for width, height in ((1440, 700), (768, 700), (390, 600)):
        page.set_viewport_size({'width': width, 'height': height})
        page.goto(s.url + '/things')
        for row in (0, 5, 11):
            box = page.locator('#things-list .row').nth(row).locator('[data-pick]')
            box.scroll_into_view_if_needed()
            box.click()
            expect(page.locator('.options [role=option]').nth(1)).to_be_visible()
            assert page.evaluate(inside), (width, row)
            page.keyboard.press('Escape')
    page.set_viewport_size({'width': 1440, 'height': 700})
    link = page.locator('#things-list .row').nth(1).locator('[name=link]')
    high = "e => e.closest('.row').offsetHeight"
    before = link.evaluate(high)
    link.fill('a b c')
    link.press('Enter')
    expect(page.locator('#things-list .wrong.here')).to_be_visible()
    assert link.evaluate(high) == before
    assert page.evaluate("""() => { const w = document.querySelector('.wrong.here').getBoundingClientRect(),
        g = document.querySelector('.grid').getBoundingClientRect(); return w.left >= g.left && w.right <= g.right && w.bottom <= g.bottom }""")

# the docs

def test_the_examples_of_the_docs_run_and_what_they_say_is_so(serve, tmp_path):
    import re
    text = (root/'docs/tables.md').read_text('utf-8')
    examples = dict(re.findall(r'<!-- run: (\w+) -->\n```python\n(.*?)```', text, re.S))
    assert set(examples) == {'films', 'makers', 'birthdays'}
    f = tmp_path/'p'
    f.mkdir()
    for n, code in examples.items(): (f/f'{n}.py').write_text(code, 'utf-8')
    s = serve(plugins=f, env={'PIANOLA_ENGINE': 'embedded'})
    assert s.get('/api/health')[1]['plugins'] == dict.fromkeys(sorted(examples), 'ok')
    s.act('makers.create', name='Antonioni')
    s.act('films.create', name='Red Desert', stars=5, maker='antonioni', cast=['Antonioni'], page='example.com', facts={'year': 1964},
          seen='2026-01-02', state='seen')
    s.act('films.create', name='Desert, red')
    s.act('birthdays.create', name='Ada', day='1815-12-10')
    status, said = s.post('/api/actions/films.create', {'name': 'x', 'stars': 9})
    shown = json.loads(re.search(r'```json\n(.*?)\n```', text, re.S)[1])
    assert (said['error'], said['fields']) == (shown['error'], shown['fields'])
    found = lambda words: [r['id'] for r in s.get('/api/tables/films.json?words=' + urllib.parse.quote(words))[1]]
    assert [found(w) for w in ('red desert', '"red desert"', '-red', 'stars>=4', 'seen<2026-01-01', 'name:red', 'state=seen')] == [[1, 2],
        [1], [], [1], [], [1, 2], [1]]
    for n in examples: assert 'card failed' not in s.get(f'/{n}', HX_Request='true')[1]
    assert '10 December' in s.get('/birthdays', HX_Request='true')[1]
    names_ = {a['name'] for a in s.get('/api/actions')[1]}
    assert {f'films.{v}' for v in ('create', 'list', 'update', 'delete', 'update_many', 'delete_many', 'import')} <= names_
    assert s.act('films.update_many', match={'which': {'state': 'seen'}}, set={'lent': True})['result'] == 1
