"What is wrong with a site is found, and nothing else: each kind planted by itself in a site that is clean, served, crawled and examined."
import collections, os, re, string
import pytest
from link_defects import Shop, beside, spoil
from link_site import crawl, room

findings = room('findings')

def examined(shop, path):
    "{kind: {where}} of a shop after the whole way: served, crawled, computed, examined"
    with shop.served() as s:
        db = crawl(path, s.url + '/', **shop.asked)
        for f in shop.rows: f(db, s.url)
        room('graph').finish(db)
        findings.find(db, shop.limits)
        out = collections.defaultdict(set)
        for kind, url in db.execute('select f.kind, p.url from finding f left join page p on p.id=f.page'):
            out[kind].add((url or '').replace(s.url, '').replace('https://shop.example', ''))
        failed = [r[0] for r in db.execute("select text from event where text like '%could not be looked for%'")]
        assert not failed, failed
        return out, db

def test_a_clean_site_has_no_finding(tmp_path):
    out, db = examined(Shop(), tmp_path/'clean.sqlite')
    assert dict(out) == {}
    assert db.execute("select count(*) from page where internal and status=200 and source<>'resource'").fetchone()[0] == 21
    assert findings.summary(db) == [] and findings.rows(db) == []

def test_every_kind_of_finding_has_a_defect_that_is_planted():
    assert set(spoil) == set(findings.catalogue()) and len(spoil) >= 80

def test_the_catalogue_says_of_each_kind_what_it_is_why_it_matters_and_what_to_do():
    for kind, e in findings.catalogue().items():
        assert set(e) == {'name', 'group', 'severity', 'says', 'why', 'fix', 'sql'} and e['severity'] in findings.grave, kind
        assert all(e[c].endswith('.') and '{' not in e[c] and len(e[c]) > 8 for c in ('why', 'fix')), kind
        assert {f for _, f, _, _ in string.Formatter().parse(e['says']) if f} - {'url',
            'other'} <= set(findings.limits()) | set(re.findall(r'\w+', e['sql'])), kind
    names = [e['name'] for e in findings.catalogue().values()]
    assert len(set(names)) == len(names)

def test_a_sentence_counts_one_page_as_one():
    assert (findings.sentence('gone', 'http://x/a', None, {'pages': 1}).endswith('still linked from 1 page.')
            and findings.sentence('gone', 'http://x/a', None, {'pages': 1201}).endswith('from 1,201 pages.'))

def test_a_limit_of_ones_own_counts_and_one_that_there_is_not_is_named(tmp_path):
    with Shop().served() as s:
        db = crawl(tmp_path/'1.sqlite', s.url + '/')
        room('graph').finish(db)
        assert findings.find(db, {'title_long': 30})['title_long'] > 10 and findings.find(db) == {}
        with pytest.raises(ValueError, match='no limit title_lnog; there are .*title_long'): findings.find(db, {'title_lnog': 3})
        with pytest.raises(ValueError, match='no kind of finding tittle'): findings.rows(db, 'tittle')

def test_a_question_that_fails_costs_its_kind_and_is_told(tmp_path):
    with Shop().served() as s:
        db = crawl(tmp_path/'1.sqlite', s.url + '/')
        db.execute("update page set outline='no json', headers='{broken' where url like '%/saw/'")
        db.execute("update page set title=null where url like '%/saw/'")
        room('graph').finish(db)
        assert 'title_missing' in findings.find(db)
        assert db.execute("select count(*) from event where text like '%could not be looked for%malformed JSON%'").fetchone()[0] > 0

@pytest.mark.parametrize('kind', spoil)
def test_a_planted_defect_is_found_on_its_page_and_nothing_else_is(kind, tmp_path):
    shop = Shop()
    where = spoil[kind](shop)
    out, db = examined(shop, tmp_path/'spoiled.sqlite')
    assert kind in out, dict(out)
    if kind in ('slow_first', 'slow_whole'): assert where in out[kind]             # others may have been slow as well: this machine may be busy
    elif where is not ...: assert out[kind] == ({where} if isinstance(where, str) else where)
    assert set(out) <= {kind} | beside[kind], {k: out[k] for k in set(out) - {kind} - beside[kind]}
    for r in findings.rows(db, kind):
        assert ('{' not in r['text'] and r['text'].endswith(('.', '”')) and (r['url'] or '') in r['text']
                or '{url}' not in findings.catalogue()[kind]['says'])

def test_what_a_real_browser_makes_of_a_page_is_held_against_what_was_sent(tmp_path):
    "The kinds about JavaScript on the whole way, with the system's Chromium"
    if not room('javascript').find(): (pytest.fail if os.environ.get('CI') else pytest.skip)('no Chromium, Chrome or Edge on this machine')
    shop, saw = Shop(), '/tools/saw/'
    shop.docs[saw].headers = {k: v for k, v in shop.docs[saw].headers.items() if k != 'Content-Security-Policy'} | {
        'Content-Security-Policy': "default-src 'self' 'unsafe-inline'; frame-ancestors 'self'"}
    shop.docs[saw].body = "<script>document.title = 'Another title that the script wrote'; document.querySelector('link[rel=canonical]').href = '/about/'; document.querySelector('p').textContent += ' many more words'.repeat(200); const a = document.createElement('a'); a.href = '/guides/oil/'; a.textContent = 'The oil'; document.querySelector('main').append(a); const m = document.createElement('meta'); m.name = 'robots'; m.content = 'noindex'; document.head.append(m); console.error('this went wrong')</script>"
    shop.asked = {'javascript': True, 'resources': False, 'sitemaps': False}
    out, db = examined(shop, tmp_path/'js.sqlite')
    got = {k for k, where in out.items() if saw in where}
    assert {'js_title', 'js_canonical', 'js_robots', 'js_text', 'js_error', 'links_by_script'} <= got, (dict(out),
        [tuple(r) for r in db.execute('select * from rendered')])
    assert not any('/about/' in out[k] for k in out if k.startswith('js_'))
