"The picture of a site: where pages stand, what the X-ray shows, what the viewer is given."
import sys
from pathlib import Path
import numpy as np
import pytest
from playwright.sync_api import expect
sys.path.insert(0, str(Path(__file__).parent.parent/'bench'))
from graphs import make, room

layout, schema = room('layout'), room('schema')

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "A crawl of 1,000 pages with planted troubles, laid out: (database, what was planted, graph)"
    db, planted = make(tmp_path_factory.mktemp('picture')/'site.db')
    return db, planted, layout.layout(db)

def own(db, pages, links, **more):
    "A crawl of a few pages: their urls, and pairs of their numbers from 1"
    for i, u in enumerate(pages):
        db.execute("insert into page(id,url,internal,state,source,status,depth) values (?,?,1,'done',?,?,?)", (i+1, u, 'start', 200, 0))
    for a, b in links: db.execute("insert into link(source,target,kind) values (?,?,'a')", (a, b))
    return db

@pytest.fixture
def empty(tmp_path): return schema.open(tmp_path/'e.db', fresh=True)

def spread(xy): return float(np.hypot(*(xy - xy.mean(0)).T).mean())

def test_the_same_crawl_gives_the_same_picture(site):
    db, _, g = site
    assert (layout.arrange(layout.read(db)) == g.xy).all()

def test_each_page_has_one_place_of_its_own_and_it_is_kept(site):
    db, _, g = site
    assert np.isfinite(g.xy).all() and len(np.unique(g.xy.round(3), axis=0)) == g.n == db.execute('select count(*) from place').fetchone()[0]
    assert (layout.placed(db).xy == g.xy).all()

def test_the_parts_of_a_site_stand_apart_though_a_menu_links_all_of_them(site):
    db, planted, g = site
    section = np.array([r[0] for r in db.execute('select section from page order by id')])
    big = [s for s in np.unique(section) if (section == s).sum() > 60 and s not in ('matrix', 'old', 'campaign')]
    middles = np.array([g.xy[section == s].mean(0) for s in big])
    apart = min(np.hypot(*(a - b)) for i, a in enumerate(middles) for b in middles[:i])
    assert len(big) >= 3 and apart > 1.5 * max(spread(g.xy[section == s]) for s in big)
    assert set(g.id[g.wide]) >= set(planted['menu'])

def test_what_is_not_connected_stands_outside_and_touches_nothing(site):
    _, planted, g = site
    at = lambda ids: g.xy[g.index[ids]]
    island, orphans = at(planted['island']), at(planted['orphans'])
    rest = np.delete(g.xy, g.index[planted['island'] + planted['orphans']], 0)
    for some, others in ((island, rest), (orphans, rest), (island, orphans)):
        assert min(np.hypot(*(others - p).T).min() for p in some) > 2

def test_links_to_nowhere_gather_around_the_page_that_makes_them(site):
    _, planted, g = site
    star, missing = g.xy[g.index[planted['star']]], g.xy[g.index[planted['missing']]]
    assert np.median(np.hypot(*(missing - star).T)) < .25 * spread(g.xy) and spread(missing) < .25 * spread(g.xy)

def test_a_chain_of_pages_is_drawn_as_a_line(site):
    _, planted, g = site
    chain = g.xy[g.index[planted['chain']]]
    ends, step = np.hypot(*(chain[-1] - chain[0])), np.hypot(*np.diff(chain, axis=0).T)
    assert ends > .3 * step.sum() and np.hypot(*(chain[-1] - chain[0])) > 5 * np.median(step)

@pytest.mark.parametrize('pages,links',
                         [([], []), (['https://a/'], []), (['https://a/'], [(1, 1)]),
                          (['https://a/', 'https://a/b'], [(1, 2), (1, 2), (2, 1)]), (list('abc'), [(1, 2), (2, 3), (3, 1)]),
                                         ([f'p{i}' for i in range(300)], [(1, i) for i in range(2, 301)]),
                                         ([f'p{i}' for i in range(300)], [(i, i + 1) for i in range(1, 300)]),
                                         ([f'p{i}' for i in range(40)], [(i, j) for i in range(1, 41) for j in range(1, 41)])],
                         ids=['none', 'one', 'itself', 'two', 'three', 'star', 'line', 'all to all'])
def test_sites_of_any_shape_have_a_place_for_each_page(empty, pages, links):
    g = layout.layout(own(empty, pages, links))
    assert g.n == len(pages) and np.isfinite(g.xy).all() and len(np.unique(g.xy.round(4), axis=0)) == g.n

def test_pages_outside_the_site_and_pictures_in_pages_are_not_drawn(empty):
    own(empty, ['https://a/', 'https://a/b'], [(1, 2)])
    empty.execute("insert into page(id,url,internal) values (3,'https://other/',0),(4,'https://a/x.png',1)")
    empty.execute("insert into link(source,target,kind) values (1,3,'a'),(1,4,'image')")
    assert layout.read(empty).id.tolist() == [1, 2]

def test_a_page_that_came_after_the_layout_is_placed_too(empty):
    layout.layout(own(empty, ['https://a/', 'https://a/b'], [(1, 2)]))
    empty.execute("insert into page(id,url,internal) values (3,'https://a/c',1)")
    empty.execute("insert into link(source,target,kind) values (2,3,'a')")
    assert layout.placed(empty).n == 3 == empty.execute('select count(*) from place').fetchone()[0]

# the X-ray
xray = room('xray')

@pytest.fixture(scope='module')
def drawn(site, tmp_path_factory):
    "The X-ray of that site: (picture as an array, what it says, file)"
    from PIL import Image
    path = tmp_path_factory.mktemp('xray')/'xray.png'
    said = xray.xray(site[0], path, 800)
    return np.asarray(Image.open(path).convert('RGB')).astype(int), said, path

def red(picture): return (picture[..., 0] > 150) & (picture[..., 1] < 120) & (picture[..., 2] < 110)

def test_what_was_planted_is_circled_and_counted(site, drawn):
    _, planted, g = site
    marks = {m['kind']: m for m in drawn[1]['marks']}
    assert set(marks) == {'star', 'island', 'alone', 'chain'} and len(drawn[1]['marks']) == 4
    assert set(marks['star']['pages']) == set(planted['missing']) and marks['star']['more']['page'] == planted['star']
    assert set(marks['island']['pages']) == set(planted['island']) and set(marks['alone']['pages']) == set(planted['orphans'])
    assert set(planted['chain']) >= set(marks['chain']['pages']) and len(marks['chain']['pages']) >= len(planted['chain']) - 1
    assert f"links to {len(planted['missing'])} pages that are not there" in marks['star']['text'] and marks['star']['number'] == 1
    for m in marks.values(): assert np.hypot(*(g.xy[g.index[m['pages']]] - (m['x'], m['y'])).T).mean() < m['radius']

def test_errors_are_red_where_they_are_and_nothing_else_is(site, drawn):
    _, planted, g = site
    film, pixel, _ = xray.film(g, 800)
    at = pixel(g.xy[g.index[planted['missing']]]).astype(int)
    hot = red(film * 255)
    near = np.zeros_like(hot)
    for x, y in pixel(g.xy[g.status >= 400]).astype(int): near[max(0, y-4):y+5, max(0, x-4):x+5] = True
    assert np.mean([hot[y-2:y+3, x-2:x+3].any() for x, y in at]) > .95
    assert hot[near].sum() > .9 * hot.sum()

def test_a_site_without_errors_has_no_red_and_says_that_nothing_stands_out(empty, tmp_path):
    from PIL import Image
    own(empty, [f'https://a/{i}' for i in range(60)], [(i, j) for i in range(1, 61) for j in (i % 60 + 1, (i + 7) % 60 + 1, (i * 3) % 60 + 1)])
    said = xray.xray(empty, tmp_path/'x.png', 400)
    assert not red(np.asarray(Image.open(tmp_path/'x.png')).astype(int)).any() and said['marks'] == []
    assert said['text'] == 'a: 60 pages and 178 links; 60 answer.'

def test_where_there_are_more_links_there_is_more_light(site):
    _, _, g = site
    film, pixel, _ = xray.film(g, 800)
    at = pixel(g.xy[g.index[[1]]])[0]
    bright = film.sum(2)
    assert bright[int(at[1])-20:int(at[1])+20, int(at[0])-20:int(at[0])+20].mean() > 2 * bright[-60:, -60:].mean() and (film > .98).mean() < .02

def test_the_xray_of_the_same_crawl_is_the_same_to_the_byte(site, drawn, tmp_path):
    xray.xray(site[0], tmp_path/'again.png', 800)
    assert (tmp_path/'again.png').read_bytes() == drawn[2].read_bytes()

def test_an_xray_of_a_million_lines_keeps_its_brightness_though_it_draws_a_part():
    rng = np.random.default_rng(0)
    a, b = rng.random((4000, 2)) * 300, rng.random((4000, 2)) * 300
    whole, part = xray.glow(300, a, b, np.ones(4000)), xray.glow(300, a, b, np.ones(4000), budget=200_000)
    assert abs(part.sum() / whole.sum() - 1) < .05 and np.corrcoef(whole.reshape(30, 10, 30, 10).sum((1, 3)).ravel(),
        part.reshape(30, 10, 30, 10).sum((1, 3)).ravel())[0, 1] > .9

@pytest.mark.parametrize('url', ['', 'https://a/', 'https://a/日本語/ü?q=1', 'https://a/' + 'x' * 4000, 'https://[::1', 'https://a/%zz\x00\n<b>'])
def test_any_address_is_said_in_plain_letters_and_short(url):
    assert len(xray.name(url)) <= 46 and (xray.name(url).replace('…', '')).isascii() and '\n' not in xray.name(url)

def test_a_crawl_of_nothing_has_an_xray_that_says_so(empty, tmp_path):
    assert 'nothing' in xray.xray(empty, tmp_path/'x.png', 400)['text'] and (tmp_path/'x.png').stat().st_size > 500
    with pytest.raises(ValueError, match='300 to 6000'): xray.xray(empty, tmp_path/'y.png', 60_000)

# what the viewer is given
import json, struct, urllib.error, urllib.request
from picture import Served
view = room('view')

@pytest.fixture(scope='module')
def served(site):
    "The address of the picture of that site, over HTTP"
    path = site[0].execute('pragma database_list').fetchone()[2]
    with Served({'1': Path(path)}) as url: yield url

def get(url, body=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode() if body is not None else None,
                                                           {'content-type': 'application/json'}), timeout=20) as r:
            return r.status, r.read(), r.headers
    except urllib.error.HTTPError as e: return e.code, e.read(), e.headers

def test_the_arrays_say_the_graph_as_it_is(site, served):
    _, planted, g = site
    body = get(f'{served}/1/graph')[1]
    size = struct.unpack('<I', body[8:12])[0]
    head, at, a = json.loads(body[12:12+size]), 12 + size, {}
    for name, type, n in head['arrays']:
        a[name] = np.frombuffer(body, f'<{type}', n, at)
        at += -(-a[name].nbytes // 4) * 4
    assert body[:8] == b'PGRAPH01' and at == len(body)
    assert (a['id'] == g.id).all() and np.allclose(a['xy'].reshape(-1, 2), g.xy, atol=1e-3) and (a['status'] == g.status).all()
    edges = a['edges'].reshape(-1, 2)
    assert sorted(map(tuple, edges.tolist())) == sorted(map(tuple, g.edges.tolist()))
    assert ([c[0] for c in head['classes']] == list(np.cumsum([0, *(c[1] for c in head['classes'][:-1])]))
            and sum(c[1] for c in head['classes']) == len(g.edges))
    for first, n, _, wide in head['classes']: assert set(np.isin(edges[first:first+n, 1], g.wide)) == {wide}
    assert [m['kind'] for m in head['marks']][0] == 'star' and set(head['marks'][0]['pages']) == set(planted['missing'])

def test_the_graph_is_kept_and_made_anew_when_the_crawl_changed(tmp_path):
    db, _ = make(tmp_path/'a.db', 200, 2000)
    first = view.drawn(tmp_path/'a.db')[2]
    assert db.execute('select count(*) from drawing').fetchone()[0] == 1 and view.drawn(tmp_path/'a.db')[2] is first
    new = db.execute("insert into page(url,internal,source) values ('https://example.test/new',1,'sitemap') returning id").fetchone()[0]
    head, arrays, _ = view.drawn(tmp_path/'a.db')
    assert new in arrays['id'] and head['pages'] == len(arrays['id'])

def test_the_table_finds_sorts_and_filters(site, served):
    _, planted, _ = site
    ask = lambda q: json.loads(get(f'{served}/1/table?{q}')[1])
    assert ask('only=error&all=1')['total'] == site[0].execute('select count(*) from page where status>=400').fetchone()[0]
    assert set(ask('only=mark:1&all=1')['ids']) == set(planted['missing'])
    deep = ask('sort=depth&desc=1&limit=5')['rows']
    assert [r[3] for r in deep] == sorted([r[3] for r in deep], reverse=True) and deep[0][0] == planted['chain'][-1]
    assert ask('q=campaign')['total'] == len(planted['orphans']) and ask('q=%25')['total'] == 0 == ask('q=x%27%20or%201%3D1--')['total']
    assert ask('limit=10&at=10&sort=url&desc=0')['rows'] == ask('limit=20&sort=url&desc=0')['rows'][10:]
    status, body, _ = get(f'{served}/1/list?all=1', {'ids': planted['island']})
    assert json.loads(body)['ids'] == sorted(planted['island'])

def test_what_is_not_there_is_said_with_what_is(served):
    for path, code, words in (('/1/column/nonsense', 400, 'status'), ('/1/table?sort=id;drop', 400, 'depth'),
                              ('/1/table?only=x', 400, 'mark:1'), ('/9/graph', 404, 'no run 9'), ('/1/page/99999', 404, '99999'),
                              ('/1/page/x', 400, 'number'), ('/1/table?at=x', 400, 'whole number'), ('/1/xray.png?size=9', 400, '300')):
        status, body, _ = get(served + path)
        assert status == code and words in json.loads(body)['error'], path
    for body in ([], {'ids': 'all'}, {'ids': ['x']}, {'no': 1}): assert get(f'{served}/1/list', body)[0] == 400

def test_a_column_has_a_value_for_each_page_in_the_order_of_the_picture(site, served):
    db, _, g = site
    for name in view.columns:
        c = json.loads(get(f'{served}/1/column/{name}')[1])
        assert len(c['values']) == g.n and (c['kind'] == 'number' or max(c['values']) < len(c['names']) <= 11), name
    assert json.loads(get(f'{served}/1/column/words')[1])['values'][5] == db.execute('select words from page where id=?',
        (int(g.id[5]),)).fetchone()[0]

def test_a_page_is_shown_with_its_links(site, served):
    db, planted, _ = site
    p = json.loads(get(f'{served}/1/page/{planted["star"]}')[1])
    assert p['more_out'] == db.execute('select count(distinct target) from link where source=?',
                                       (planted['star'],)).fetchone()[0] == len(
                                           p["out"]) < 60 and json.loads(get(f"{served}/1/page/1")[1])["more_in"] > len(
                                               json.loads(get(f"{served}/1/page/1")[1])["in"]) == 60
    m = json.loads(get(f'{served}/1/page/{planted["missing"][0]}')[1])
    assert [i[0] for i in m['in']] == [planted['star']] and m['status'] == 404

def test_a_crawl_that_is_being_written_can_be_looked_at(tmp_path):
    db, _ = make(tmp_path/'a.db', 200, 2000)
    view.drawn(tmp_path/'a.db')
    db.execute('begin immediate')
    db.execute("update page set title='half' where id=3")
    assert view.table(tmp_path/'a.db', q='half')['total'] == 0 and view.one(tmp_path/'a.db', 3)['title'] != 'half'
    db.execute('rollback')

# the viewer in a browser, drawn by the processor
@pytest.fixture(scope='module')
def chrome(playwright):
    from conftest import browser_path
    b = playwright.chromium.launch(executable_path=browser_path, args=['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader',
        '--enable-unsafe-swiftshader'])
    yield b
    b.close()

@pytest.fixture
def page(chrome, served):
    trouble, p = [], chrome.new_page(viewport={'width': 1200, 'height': 800}, color_scheme='dark', reduced_motion='reduce')
    p.on('pageerror', lambda e: trouble.append(str(e)))
    p.on('console', lambda m: trouble.append(m.text) if m.type == 'error' else None)
    p.goto(f'{served}/1')
    p.wait_for_function('window.picture && picture.look && picture.look().done')
    yield p
    p.close()
    assert not trouble

def seen(page, selector='#scene'):
    import io
    from PIL import Image
    return np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert('RGB')).astype(int)

def until(page, true, seconds=30):
    "What is drawn comes when the processor is done with it"
    import time
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f'not within {seconds} s'
        page.wait_for_timeout(100)

def test_the_viewer_draws_errors_red_where_they_are_and_links_between(page, site):
    _, planted, _ = site
    x, y = map(int, page.evaluate(f'picture.at({planted["missing"][3]})'))
    shot = seen(page)
    assert red(shot[y-6:y+7, x-6:x+7]).any() and red(shot).sum() < .05 * shot.shape[0] * shot.shape[1]
    page.select_option('#links', 'none')
    until(page, lambda: (np.abs(seen(page) - shot).sum(2) > 30).mean() > .02)

def test_a_circle_is_pressed_and_its_pages_are_near_and_listed(page, site):
    page.click('#marks li:nth-child(1) button')
    page.wait_for_function('picture.look().lit')
    look = page.evaluate('picture.look()')
    assert look['lit'] == len(site[1]['missing']) and look['scale'] > 2 * look['home']['scale']
    expect(page.locator('#what')).to_have_text(f"{len(site[1]['missing'])} pages")
    page.click('#all')
    page.wait_for_function('picture.look().lit === null')

def test_a_click_on_a_page_opens_it_and_a_row_of_the_table_too(page, site):
    star = site[1]['star']
    x, y = page.evaluate(f'picture.at({site[1]["chain"][3]})')
    page.locator('#scene').click(position={'x': x, 'y': y})
    page.wait_for_selector('#card:not([hidden])')
    assert '/page/' in page.inner_text('#card a.url')
    page.fill('#q', '465.html')
    page.wait_for_function('document.querySelectorAll("#rows tr").length === 1')
    page.click('#rows tr button')
    page.wait_for_function(
        f'document.querySelector("#card a.url").textContent === '
        f'{json.dumps(site[0].execute("select url from page where id=?", (star,)).fetchone()[0])}')
    assert page.locator('#card h3').all_inner_texts()[-1].startswith('It links to: ')

def test_a_lasso_gives_the_list_of_what_is_inside(page, site):
    at = [page.evaluate(f'picture.at({i})') for i in site[1]['orphans']]
    box = page.locator('#scene').bounding_box()
    x0, y0, x1, y1 = (f(p[k] for p in at) + d for f, k, d in ((min, 0, -8), (min, 1, -8), (max, 0, 8), (max, 1, 8)))
    page.click('[data-does=lasso]')
    page.mouse.move(box['x'] + x0, box['y'] + y0)
    page.mouse.down()
    for x, y in ((x1, y0), (x1, y1), (x0, y1), (x0, y0)): page.mouse.move(box['x'] + x, box['y'] + y, steps=3)
    page.mouse.up()
    page.wait_for_function('picture.look().lit')
    expect(page.locator('#what')).to_have_text(f"Lassoed: {len(at)} pages")
    until(page, lambda: (rows := page.locator('#rows td:first-child').all_inner_texts()) and all('campaign' in t for t in rows))

def test_keys_move_come_nearer_open_and_let_go(page):
    page.focus('#scene')
    before = page.evaluate('picture.look()')
    for key in ('ArrowRight', 'ArrowUp', '+'): page.keyboard.press(key)
    after = page.evaluate('picture.look()')
    assert after['x'] > before['x'] and after['y'] > before['y'] and after['scale'] > before['scale']
    page.keyboard.press('Enter')
    page.wait_for_selector('#card:not([hidden])')
    page.keyboard.press('Escape')
    expect(page.locator('#card')).to_be_hidden()
    page.keyboard.press('0')
    page.wait_for_function('Math.abs(picture.look().scale - picture.look().home.scale) < 1e-6')
    page.keyboard.press('/')
    assert page.evaluate('document.activeElement.id') == 'q'

def test_colours_follow_any_column_and_the_theme(page):
    shot = seen(page)
    page.select_option('#colour', 'depth')
    page.wait_for_selector('#legend .ramp')
    until(page, lambda: (np.abs(seen(page) - shot).sum(2) > 30).mean() > .005)
    assert 60 > shot[-200:, :200].mean()
    page.emulate_media(color_scheme='light')
    until(page, lambda: seen(page)[-200:, :200].mean() > 200)

def test_the_picture_is_said_to_those_who_do_not_see_it(page):
    assert 'links to 40 pages that are not there' in page.get_attribute('#scene', 'aria-label')
    assert page.evaluate('[...document.querySelectorAll("button,input,select")].every(e => e.textContent.trim() || e.ariaLabel || e.labels?.length)')
    assert page.locator('#heads th[aria-sort=descending]').count() == 1
