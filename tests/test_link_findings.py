"What is wrong with a site is found, and nothing else: each kind planted by itself in a site that is clean, served, crawled and examined."
import collections, json, string
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
        for kind, url in db.execute('select f.kind, p.url from finding f left join page p on p.id=f.page'): out[kind].add((url or '').replace(s.url, '').replace('https://shop.example', ''))
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
        assert '{' not in r['text'] and r['text'].endswith(('.', '”')) and (r['url'] or '') in r['text'] or '{url}' not in findings.catalogue()[kind]['says']
