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
