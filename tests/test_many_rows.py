"""Thousands of rows at once: an import, a change, a delete is one thing for
everybody, also when the server is killed in between, and is taken back as one."""
import contextlib, http.client, json, sqlite3, threading, time, urllib.request
import pytest

plugins = {'people': '"People: who does it."\nfrom pianola import Crud\nclass Person: name: str; age: int = 30\npeople = Crud(Person)\n',
           'works': '"Works: many."\nfrom pianola import Crud, Ref\nclass Work: name: str; who: Ref("people") | None = None; n: int = '
           '0\nworks = Crud(Work)\n'}
n = 5000
columns = {'name': 'name', 'who': 'who', 'n': 'n'}
lines = lambda start=0, of=n: 'name,who,n\n' + ''.join(f'work {i},{("Ann", "Béa")[i % 2]},{i+start}\n' for i in range(of))

@pytest.fixture
def app(serve, tmp_path):
    (tmp_path/'p').mkdir()
    for name, code in plugins.items(): (tmp_path/f'p/{name}.py').write_text(code, 'utf-8')
    def start():
        s = serve(tmp_path/'data', plugins=tmp_path/'p', env={'PIANOLA_ENGINE': 'embedded'})
        s.give = lambda text: json.load(urllib.request.urlopen(urllib.request.Request(f'{s.url}/api/files?name=w.csv', text.encode(),
            method='POST')))['file']
        s.work = lambda **more: s.get('/api/tables/works.json?' + '&'.join(f'{k}={v}' for k, v in more.items()))[1]
        s.back = lambda: s.post(
            f"/api/roll/{next(e['id'] for e in s.get('/api/roll?limit=1000')[1][::-1] if e['status'] == 'done' and e['action'] != 'people.create')}/undo")
        s.lots = lambda: [t for t, in s.look("select name from sqlite_master where name like 'lot %'")]
        def look(sql):
            with contextlib.closing(sqlite3.connect(s.data/'pianola.db')) as db: return db.execute(sql).fetchall()
        s.look, s.again = look, start
        return s
    s = start()
    for name in ('Ann', 'Béa'): s.act('people.create', name=name)
    return s

def test_an_import_of_thousands_comes_all_at_once_goes_all_at_once_and_not_over_somebodys_change(app):
    s, seen, over = app, set(), threading.Event()
    s.act('works.create', name='mine')
    def look():
        while not over.is_set(): seen.add(s.look('select count(*) from works')[0][0])
    t = threading.Thread(target=look)
    t.start()
    said = s.act('works.import', file=s.give(lines()), columns=columns)['result']
    over.set()
    t.join()
    assert said == {'rows': n, 'changed': 0, 'left_out': 0} and 1 in seen and seen <= {1, n+1}, 'never a part of it'
    assert s.look('select count(*) from works')[0][0] == n+1
    assert [(w['id'], w['name'], w['who'], w['n']) for w in s.work()[:3]] == [(1, 'mine', None, 0), (2, 'work 0', 1, 0), (3, 'work 1', 2, 1)]
    assert (len(s.get('/api/roll?limit=1000')[1][-1]['args']) < 20
            and s.look("select max(length(data)) from log where what='works.import'")[0][0] < 2000), 'the roll names the rows, it does not hold them'
    assert s.back()[0] == 200 and [w['name'] for w in s.work()] == ['mine']
    assert s.back()[0] == 200 and len(s.work()) == n+1
    s.act('works.update', id=77, name='changed meanwhile')
    entry = next(e for e in s.get('/api/roll?limit=1000')[1][::-1] if e['action'] == 'undo')
    status, said = s.post(f"/api/roll/{entry['id']}/undo")
    assert status == 409 and said['error'] == '1 row of works was changed since' and len(s.work()) == n+1
    assert s.act('works.create', name='one more')['result']['id'] == n+2

def test_an_import_that_changes_rows_by_a_column_is_taken_back_with_what_they_were(app):
    s = app
    s.act('works.import', file=s.give(lines(of=3000)), columns=columns)
    said = s.act('works.import', file=s.give(lines(start=7)), columns=columns, same='name')['result']
    assert said == {'rows': n-3000, 'changed': 3000, 'left_out': 0} and [w['n'] for w in s.work()] == [i+7 for i in range(n)]
    assert s.back()[0] == 200 and [w['n'] for w in s.work()] == [*range(3000)]
    bad = lines().replace('work 4000,Ann', 'work 4000,Nobody')
    status, said = s.post('/api/actions/works.import', {'file': s.give(bad), 'columns': columns})
    assert status == 400 and 'line 4002' in said['error'] and 'Nobody' in said['error'] and len(s.work()) == 3000

def test_thousands_are_set_and_deleted_as_one_and_come_back_as_they_were(app):
    s = app
    s.act('works.import', file=s.give(lines()), columns=columns)
    was = s.work()
    assert (s.act('works.update_many', match={'words': 'béa'}, set={'n': 9})['result'] == n//2
            and sum(w['n'] == 9 for w in s.work(words='BEA')) == n//2)
    assert s.back()[0] == 200 and s.work() == was
    waits = s.post('/api/actions/works.delete_many', {'match': {'which': {'who': '1'}}})[1]['approval']
    assert s.post(f'/api/approvals/{waits}', {'approve': True})[0] == 200 and {w['who'] for w in s.work()} == {2}
    assert s.back()[0] == 200 and s.work() == was, 'in their places too'

def test_thousands_are_put_in_order_as_one_and_back_as_they_stood(app):
    s = app
    s.act('works.import', file=s.give(lines()), columns=columns)
    s.act('works.move', id=5, before=1)
    was = s.work()
    assert s.act('works.sort', by='n', order='desc')['result'] == n and [w['n'] for w in s.work()] == [*range(n)][::-1]
    assert s.look("select length(data) from log where what='works.sort'")[0][0] < 2000, 'the roll names the rows, it does not hold them'
    s.act('works.update', id=77, name='changed meanwhile')
    assert s.back()[0] == 200, 'the change'
    s.act('works.move', id=n, before=1)
    entry = next(e for e in s.get('/api/roll?limit=1000')[1] if e['action'] == 'works.sort')
    assert s.post(f"/api/roll/{entry['id']}/undo")[0] == 200 and s.work() == was, 'a row that only moved is the same row'
    s.act('works.sort', by='id')
    assert [w['id'] for w in s.work()] == [*range(1, n+1)]

def test_a_search_looks_at_the_text_of_a_row_once_however_many_words_it_has(tmp_path):
    from pianola.tx import fold, Tx
    from pianola.tables import crud, grid
    import apsw
    class Thing: name: str; n: int = 0; note: str = ''
    things, conn, told = crud.Crud(Thing, name='searched'), apsw.Connection(':memory:'), []
    conn.create_scalar_function('fold', lambda v: told.append(v) or fold(v), 1)
    tx = Tx(conn)
    tx.run('create table searched(id integer primary key, name text, n integer, note text, pos real)')
    for row in ((1, 'Öl und Mehl', 3, 'b c d e f g', 1), (2, 'Öl', 4, '', 2), (3, 'Mehl und Öl', 5, 'x', 3)):
        tx.run('insert into searched values (?,?,?,?,?)', *row)
    found = lambda words: [r['id'] for r in grid.rows(tx, things, grid.Look(words=words))]
    for words, ids in (('ol', [1, 2, 3]), ('ol mehl', [1, 3]), ('ol -mehl', [2]), ('"und ol" mehl', [3]), ('"und ol" -mehl', []),
                       ('mehl n>3 -b', [3]), ('name:mehl b -x', [1]), ('3', [1]), ('-ol', []), ('', [1, 2, 3])):
        assert found(words) == ids, words
    told.clear()
    assert found('b c d e f g ol mehl ' + 'und '*200) == [1] and len(told) == 3

def test_killed_while_it_imports_nothing_of_it_is_there_and_nothing_of_it_stays(app):
    s = app
    def press(s, file):
        with contextlib.suppress(OSError, http.client.HTTPException): s.post('/api/actions/works.import', {'file': file, 'columns': columns})
    for n in range(3):
        t = threading.Thread(target=press, args=(s, s.give(lines(of=40_000))))
        t.start()
        s.until(s.lots)                     # it has begun to put rows away
        time.sleep(.05*n)
        s.kill()
        t.join()
        s = s.again()
        there = s.look('select count(*) from works')[0][0]
        assert (there in (0, 40_000) and len(s.lots()) == there//40_000
                and s.look('pragma integrity_check') == [('ok',)]), 'all of it or nothing, and nothing is left over'
        if there: break
    assert s.act('works.import', file=s.give(lines()), columns=columns)['result']['rows'] == 5000

def test_what_was_set_again_on_purpose_is_not_taken_back_with_what_set_it_first(app):
    "A box that is ticked, unticked and ticked again is as the first tick left it, and as somebody wants it"
    s = app
    s.act('works.import', file=s.give(lines(of=3000)), columns=columns)
    change = lambda n, id=1: s.act('works.update', id=id, n=n)['id']
    back = lambda id: s.post(f'/api/roll/{id}/undo')
    first, second, third = change(7), change(0), change(7)
    status, said = back(first)
    assert status == 409 and 'take the later change back first' == said['hint'] and s.work()[0]['n'] == 7
    for e in (third, second, first): assert back(e)[0] == 200
    assert s.work()[0]['n'] == 0
    # what was taken back, and what was then brought back, count as what they come to
    first, second, third = change(7), change(0), change(7)
    away = back(third)[1]['id']
    assert back(away)[0] == 200 and back(first)[0] == 409
    again = s.get('/api/roll?limit=1000')[1][-1]['id']
    assert back(again)[0] == 200 and back(second)[0] == 200
    s.act('works.update', id=1, name='another column')
    s.act('works.move', id=1, before=3)
    assert back(first)[0] == 200, 'what else changed in it, and where it stands, is nothing to it'
    # thousands at once, and one of them by itself
    all_ = lambda n: s.act('works.update_many', match={}, set={'n': n})['id']
    many, no, yes = all_(4), change(0, 99), change(4, 99)
    assert back(many)[0] == 409
    for e in (yes, no): assert back(e)[0] == 200
    back(many)
    one, away, again = change(4, 99), all_(0), all_(4)
    assert back(one)[0] == 409 and back(away)[0] == 409
    for e in (again, away, one): assert back(e)[0] == 200
