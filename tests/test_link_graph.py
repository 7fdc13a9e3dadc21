"What is computed of a link graph agrees with slow and plain ways of computing the same."
import itertools, json, random
import pytest
from hypothesis import given, settings, strategies as st
from link_site import room

graph, schema = room('graph'), room('schema')

def kept(path, links, pages=None, start=1, **columns):
    "A crawl's file with pages 1…n and these links (source, target) or (source, target, follow); `columns`: {page: {column: value}} by p1, p2 …"
    n = pages or max(itertools.chain([1], *(l[:2] for l in links)))
    db = schema.open(path, fresh=True)
    db.execute('begin')
    for i in range(1, n+1):
        db.execute("insert into page(id,url,internal,state,source,status,type,indexable) values (?,?,1,'done',?,200,'text/html',1)",
                   (i, f'http://x/{i}', 'start' if i == start else 'link'))
        for c, v in columns.get(f'p{i}', {}).items(): db.execute(f'update page set {c}=? where id=?', (v, i))
    db.executemany("insert into link(source,target,kind,follow) values (?,?,'a',?)", [(l[0], l[1], l[2] if len(l) > 2 else 1) for l in links])
    db.execute("insert or replace into crawl values ('start', ?)", (json.dumps([start]),))
    db.execute('commit')
    return db

def column(db, name): return {r[0]: r[1] for r in db.execute(f'select id, {name} from page')}

def slow_depth(n, links, start):
    depth, front = {start: 0}, [start]
    while front:
        front = sorted({t for s, t in links if s in front and t not in depth})
        depth |= dict.fromkeys(front, max(depth.values()) + 1)
    return depth

def slow_rank(n, links, rounds=200):
    "PageRank as it is written down, over each pair once and no page to itself"
    out = {i: sorted({t for s, t in links if s == i and t != i}) for i in range(1, n+1)}
    r = {i: 1/n for i in out}
    for _ in range(rounds):
        lost = sum(r[i] for i in out if not out[i])
        r = {i: .15/n + .85*(sum(r[s]/len(out[s]) for s in out if i in out[s]) + lost/n) for i in out}
    return r

def slow_held(n, links, start):
    "For each page that can be reached: what part cannot be reached any more when it is taken away"
    reached = set(slow_depth(n, links, start))
    return {i: len(reached - {i} - set(slow_depth(n, [(s, t) for s, t in links if i not in (s, t)], start)))/len(reached)
            for i in reached if i != start}

graphs = st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(1, n), st.integers(1, n)), min_size=1,
    max_size=40))).filter(lambda g: any(s != t for s, t in g[1]))

def examined(tmp_path_factory, links, n):
    "A crawl of these links, with all that is computed of it"
    db = kept(tmp_path_factory.mktemp('g')/'1.sqlite', links, n)
    graph.finish(db)
    return db

@settings(max_examples=60, deadline=None)
@given(graphs)
def test_depth_rank_and_what_hangs_on_a_page_are_what_the_plain_way_says(tmp_path_factory, g):
    n, links = g
    db = examined(tmp_path_factory, links, n)
    assert {k: v for k, v in column(db, 'depth').items() if v is not None} == slow_depth(n, links, 1)
    rank = slow_rank(n, links)
    assert column(db, 'pagerank') == pytest.approx(rank, abs=1e-7)
    held = slow_held(n, links, 1)
    got = {k: v for k, v in column(db, 'bottleneck').items() if v is not None}
    assert got == pytest.approx(held, abs=1e-5)
    assert {k for k, v in column(db, 'orphan').items() if v} == set(range(1, n+1)) - set(slow_depth(n, links, 1))
    scores = column(db, 'score')
    assert 0 <= min(scores.values()) and max(scores.values()) == 100
    assert sorted(scores, key=scores.get)[-1] in [k for k, v in rank.items() if v >= max(rank.values()) - 1e-9]

@settings(max_examples=60, deadline=None)
@given(graphs)
def test_parts_that_hang_together_are_what_walking_finds_and_the_largest_is_the_first(tmp_path_factory, g):
    n, links = g
    db = examined(tmp_path_factory, links, n)
    part, both = column(db, 'component'), [*links, *((t, s) for s, t in links)]
    for i in range(1, n+1): assert {k for k, v in part.items() if v == part[i]} == set(slow_depth(n, both, i))
    sizes = [sum(v == k for v in part.values()) for k in range(1, max(part.values())+1)]
    assert sizes == sorted(sizes, reverse=True)

def test_links_are_counted_once_a_pair_without_those_to_the_page_itself(tmp_path):
    db = kept(tmp_path/'1.sqlite', [(1, 2), (1, 2), (1, 3, 0), (2, 2), (3, 2, 0), (2, 4)], 4, p4=dict(internal=0, state='skipped', status=None))
    graph.finish(db)
    assert (column(db, 'inlinks')[2] == 3 and column(db, 'unique_inlinks')[2] == 2 and column(db, 'follow_inlinks')[2] == 1
            and column(db, 'follow_inlinks')[3] == 0)
    assert (column(db, 'outlinks')[1] == 3 and column(db, 'unique_outlinks')[1] == 2 and column(db, 'external_outlinks')[2] == 1
            and column(db, 'inlinks')[4] is None)

def test_weight_goes_through_redirects_and_to_canonicals_and_a_circle_ends_it(tmp_path):
    db = kept(tmp_path/'1.sqlite', [(1, 2), (1, 3), (1, 4), (3, 1), (5, 1)], 8, p2=dict(status=301, redirect=5),
              p3=dict(canonical=5, indexable=0, why='canonical'), p4=dict(status=301, redirect=6), p6=dict(status=301, redirect=4))
    graph.finish(db)
    rank = column(db, 'pagerank')
    assert rank[2] is rank[3] is rank[4] is None and rank[5] > rank[7] == rank[8] and sum(v for v in rank.values() if v) == pytest.approx(1)
    assert column(db, 'depth') == {1: 0, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: None, 8: None}       # a redirect is no click

def test_where_a_crawl_was_cut_short_nothing_is_called_an_orphan(tmp_path):
    db = kept(tmp_path/'1.sqlite', [(1, 2)], 4, p4=dict(state='skipped', error='limit', status=None))
    graph.finish(db)
    assert column(db, 'orphan') == {1: None, 2: None, 3: None, 4: None}

def test_a_list_without_links_keeps_what_was_said_of_it(tmp_path):
    db = kept(tmp_path/'1.sqlite', [], 3, p2=dict(depth=4, inlinks=17))
    graph.finish(db)
    assert column(db, 'depth')[2] == 4 and column(db, 'inlinks')[2] == 17 and column(db, 'section')[3] == '/'

def test_site_wide_targets_are_named_and_the_backbone_is_without_them(tmp_path):
    ring = [(i, i+1) for i in range(1, 60)]
    db = kept(tmp_path/'1.sqlite', [*ring, *((i, 60) for i in range(1, 40)), *((i, 7) for i in (20, 30))])
    assert graph.finish(db)['sitewide'] == 1
    assert [tuple(r) for r in db.execute('select page, pages, share from sitewide')] == [(60, 40, round(40/59, 4))]
    s, t = graph.backbone(db)
    assert sorted(zip(s.tolist(), t.tolist())) == sorted(l for l in [*ring, (20, 7), (30, 7)] if l[1] != 60)

def test_near_duplicates_are_those_within_three_bits_and_what_lies_between_joins_them(tmp_path):
    rng, n = random.Random(5), 400
    prints = {i: rng.getrandbits(64) for i in range(1, n+1)}
    prints[11], prints[12], prints[14] = prints[10] ^ 0b111, prints[10] ^ (1 << 63), prints[20] ^ 0b1111
    prints[13] = prints[11] ^ (0b111 << 40)
    signed = lambda v: v - (1 << 64) if v >> 63 else v
    db = kept(tmp_path/'1.sqlite', [(1, 2)], n, **{f'p{i}': dict(simhash=signed(v), words=100, text_hash=str(i)) for i, v in prints.items()})
    db.execute("update page set text_hash='same' where id in (30, 31)")
    db.execute("update page set text_hash='short', words=3 where id in (40, 41)")
    graph.finish(db)
    plain = {i: {j for j in prints if (prints[i] ^ prints[j]).bit_count() <= 3} for i in prints}
    assert {j for i in (10, 11, 12, 13) for j in plain[i]} == {10, 11, 12, 13}
    assert {k: v for k, v in column(db, 'near').items() if v} == {10: 10, 11: 10, 12: 10, 13: 10, 30: 30, 31: 30}

def test_the_folder_of_an_address():
    assert [graph.section(u) for u in ('http://x/', 'http://x/a', 'http://x/a/', 'http://x/a/b/c?d=/e/f', 'http://x:81/b/?q')] == ['/', '/',
        '/a/', '/a/', '/b/']

def test_computing_it_again_changes_nothing(tmp_path):
    rng = random.Random(2)
    db = kept(tmp_path/'1.sqlite', [(rng.randint(1, 200), rng.randint(1, 200), rng.randint(0, 1)) for _ in range(900)])
    look = lambda: [tuple(r) for r in db.execute('select * from page')]
    graph.finish(db)
    first = look()
    graph.finish(db)
    assert look() == first
