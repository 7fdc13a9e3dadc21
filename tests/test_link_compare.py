"Two crawls of one site: what came, what went, what changed."
import pytest
from link_defects import Shop
from link_site import crawl, room

compare = room('compare')

@pytest.fixture(scope='module')
def two(tmp_path_factory):
    "The clean shop, crawled; then changed in known ways and crawled again at the same address"
    at, shop = tmp_path_factory.mktemp('two'), Shop()
    with shop.served() as s:
        for name in ('1', '2', '3'):
            if name == '2':
                shop.docs['/tools/saw/'].title = 'The saw has another title now'
                shop.files['/guides/oil/'] = 404, {'Content-Type': 'text/html; charset=utf-8'}, b'<title>Sorry</title>'
                shop.docs['/contact/'].head = '<meta name=robots content=noindex>'
                del shop.docs['/terms/']
                for d in shop.docs.values(): d.links = [l for l in d.links if l[0] != '/terms/']
                shop.add('/news/', 'What is new here', linked=True)
                s.pages = shop.pages(s.url)
            db = crawl(at/f'{name}.sqlite', s.url + '/', **({'pages': 4} if name == '3' else {}))
            room('graph').finish(db), room('findings').find(db)
            db.close()
        yield at, s.url

def test_what_is_new_gone_and_changed_is_told_with_what_it_was(two):
    at, url = two
    got = list(compare.changes(at/'1.sqlite', at/'2.sqlite', ['status', 'title', 'indexable', 'why', 'canonical']))
    of = {(c['url'].replace(url, ''), c['change'], c['field']): (c['before'], c['after']) for c in got}
    assert of[('/news/', 'new', 'status')] == (None, 200) and of[('/terms/', 'gone', 'status')] == (200, None)
    assert of[('/tools/saw/', 'changed', 'title')] == ('The saw and its uses for patient people in workshops', 'The saw has another title now')
    assert of[('/guides/oil/', 'changed', 'status')] == (200, 404) and of[('/contact/', 'changed', 'why')] == (None, 'noindex')
    assert {k for k in of if k[1] != 'changed'} == {('/news/', 'new', 'status'), ('/terms/', 'gone', 'status')}
    assert [c['url'] for c in got] == sorted(c['url'] for c in got)

def test_the_sums_say_the_same_and_name_the_findings_that_came(two):
    at, url = two
    c = compare.compare(at/'1.sqlite', at/'2.sqlite')
    # the title of the oil went with it
    assert ({k: c['pages'][k] for k in ('before', 'now', 'new', 'gone')} == dict(before=21, now=21, new=1, gone=1)
            and c['fields']['title'] == 2 and c['sure'])
    assert c['died'] == [url + '/guides/oil/'] and c['revived'] == []
    by = {f['kind']: f for f in c['findings']}
    assert (by['not_found']['before'], by['not_found']['now'], by['not_found']['came']) == (0, 1, 1) and by['noindex']['came'] == 1
    assert f'1 page answered before and does no longer, e.g. {url}/guides/oil/.' in c['text']
    back = compare.compare(at/'2.sqlite', at/'1.sqlite')
    assert back['revived'] == [url + '/guides/oil/'] and {f['kind']: f['went'] for f in back['findings']}['not_found'] == 1

def test_a_crawl_compared_with_itself_differs_in_nothing(two):
    at, _ = two
    assert list(compare.changes(at/'2.sqlite', at/'2.sqlite')) == []
    c = compare.compare(at/'2.sqlite', at/'2.sqlite')
    assert c['pages']['changed'] == 0 and not any(f['came'] or f['went'] for f in c['findings'])

def test_a_crawl_that_was_cut_short_makes_the_comparison_unsure(two):
    at, _ = two
    c = compare.compare(at/'2.sqlite', at/'3.sqlite')
    assert not c['sure'] and 'did not see everything' in c['text'] and c['pages']['gone'] > 5

def test_the_crawl_before_is_the_last_one_of_the_same_starts(two):
    at, _ = two
    assert compare.before(at/'2.sqlite') == at/'1.sqlite' and compare.before(at/'3.sqlite') == at/'2.sqlite' and compare.before(at/'1.sqlite') is None

def test_wrong_fields_and_missing_files_are_named(two):
    at, _ = two
    with pytest.raises(ValueError, match='no field tittle; there are status'): list(compare.changes(at/'1.sqlite', at/'2.sqlite', ['tittle']))
    with pytest.raises(FileNotFoundError, match='9.sqlite'): compare.compare(at/'1.sqlite', at/'9.sqlite')
