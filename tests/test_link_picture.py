"The picture of a site: where pages stand, what the X-ray shows, what the viewer is given."
import sys
from pathlib import Path
import numpy as np
import pytest
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
    for i, u in enumerate(pages): db.execute("insert into page(id,url,internal,state,source,status,depth) values (?,?,1,'done',?,?,?)", (i+1, u, 'start', 200, 0))
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

@pytest.mark.parametrize('pages,links', [([], []), (['https://a/'], []), (['https://a/'], [(1, 1)]), (['https://a/', 'https://a/b'], [(1, 2), (1, 2), (2, 1)]), (list('abc'), [(1, 2), (2, 3), (3, 1)]),
                                         ([f'p{i}' for i in range(300)], [(1, i) for i in range(2, 301)]), ([f'p{i}' for i in range(300)], [(i, i + 1) for i in range(1, 300)]), ([f'p{i}' for i in range(40)], [(i, j) for i in range(1, 41) for j in range(1, 41)])],
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
    assert abs(part.sum() / whole.sum() - 1) < .05 and np.corrcoef(whole.reshape(30, 10, 30, 10).sum((1, 3)).ravel(), part.reshape(30, 10, 30, 10).sum((1, 3)).ravel())[0, 1] > .9

@pytest.mark.parametrize('url', ['', 'https://a/', 'https://a/日本語/ü?q=1', 'https://a/' + 'x' * 4000, 'https://[::1', 'https://a/%zz\x00\n<b>'])
def test_any_address_is_said_in_plain_letters_and_short(url):
    assert len(xray.name(url)) <= 46 and (xray.name(url).replace('…', '')).isascii() and '\n' not in xray.name(url)

def test_a_crawl_of_nothing_has_an_xray_that_says_so(empty, tmp_path):
    assert 'nothing' in xray.xray(empty, tmp_path/'x.png', 400)['text'] and (tmp_path/'x.png').stat().st_size > 500
    with pytest.raises(ValueError, match='300 to 6000'): xray.xray(empty, tmp_path/'y.png', 60_000)
