"What goes out of the link graph and what comes in: tables, workbooks, lists, Search Console, crawls of others."
import contextlib, csv, gzip, io, json, sqlite3, sys, xml.etree.ElementTree as xml, zipfile
from pathlib import Path
import pytest
from hypothesis import given, settings, strategies as st
sys.path.insert(0, str(Path(__file__).parent.parent/'bench'))
from graphs import make, room

exports, imports, schema = room('exports'), room('imports'), room('schema')
hostile = ['=1+1', '+cmd|x', '-2+3', '@SUM(A1)', '\t=1', '\r=1', '＝1', 'a,"b"\nc', '日本語', "'quoted", '<b>&"', '\x00\x08']

@pytest.fixture
def site(tmp_path):
    "A small crawl: (database, what was planted)"
    db, planted = make(tmp_path/'site.db', 200, 2000)
    for i, t in enumerate(hostile): db.execute('update page set title=? where id=?', (t, i + 1))
    db.execute("insert into finding(kind,page,severity,detail) values ('broken_link',3,'error','{}'),('title_missing',4,'warning','{\"=x\": 1}')")
    return db, planted

def read(path, opener=open):
    with opener(path, 'rt', encoding='utf-8', newline='') as f: return list(csv.DictReader(f))

def test_a_csv_has_labels_and_no_formula_and_loses_nothing(site, tmp_path):
    db, _ = site
    rows = read(exports.write(db, 'pages', tmp_path/'p.csv'))
    assert len(rows) == db.execute('select count(*) from page where internal').fetchone()[0] and list(rows[0]) == list(exports.fields(db, 'pages'))
    for row, t in zip(rows, hostile):
        assert row['title'] == ("'" + t if t[0] in '=+-@\t\r＝' else t), t
    moved = next(r for r in rows if r['status'] == '301')
    assert moved['redirect'] == db.execute('select url from page where id=(select redirect from page where id=?)', (moved['id'],)).fetchone()[0]
    edges = read(exports.write(db, 'edges', tmp_path/'e.csv'))
    assert (len(edges) == db.execute('select count(*) from link').fetchone()[0] and edges[0]['source'].startswith('https://')
            and sum(e['status_code_of_target'] == '404' for e in edges) >= len(site[1]['missing']))

def test_what_is_packed_is_the_same_and_the_same_each_time(site, tmp_path):
    db, _ = site
    plain = exports.write(db, 'edges', tmp_path/'e.csv').read_bytes()
    assert gzip.decompress(exports.write(db, 'edges', tmp_path/'e.csv.gz').read_bytes()) == plain
    assert ((tmp_path/'e.csv.gz').read_bytes() == exports.write(db, 'edges', tmp_path/'f.csv.gz').read_bytes()
            and (tmp_path/'e.csv.gz').stat().st_size < len(plain) / 5)

@pytest.mark.parametrize('what,wanted,words',
                         [('pages', 'url, tittle', 'title'), ('pages', ['url', 'redirect; drop table page'], 'there is id, url'),
                          ('edges', 'ankor', 'anchor'), ('findings', 'why', 'severity'), ('cows', '', 'pages, edges, findings')])
def test_a_field_that_is_not_there_is_named_with_those_that_are(site, what, wanted, words):
    with pytest.raises(ValueError, match=words): exports.choose(site[0], what, wanted)

def test_only_the_fields_and_pages_that_are_wanted(site):
    exports.to_csv(site[0], 'pages', out := io.BytesIO(), 'status, url', ids=[3, 5], excel=True)
    assert (out.getvalue().decode('utf-8-sig').splitlines()[0] == 'status,url' and len(out.getvalue().splitlines()) == 3
            and out.getvalue()[:3] == b'\xef\xbb\xbf')

def test_parquet_has_the_types_and_the_values(site, tmp_path):
    polars = pytest.importorskip('polars')
    db, _ = site
    t = polars.read_parquet(exports.write(db, 'pages', tmp_path/'p.parquet'))
    assert (t.height == db.execute('select count(*) from page').fetchone()[0] and t.schema['status'] == polars.Int64
            and t.schema['score'] == polars.Float64 and t.schema['redirect'] == polars.String)
    assert t['title'].to_list()[:2] == hostile[:2] and t['words'].sum() == db.execute('select sum(words) from page').fetchone()[0]

def test_a_workbook_says_each_kind_with_why_and_never_runs_a_formula(site, tmp_path):
    db, _ = site
    known = {'broken_link': dict(name='Broken link', why='=why', fix='Repair it')}
    assert exports.to_xlsx(db, 'findings', tmp_path/'f.xlsx', catalogue=known) == 2
    with zipfile.ZipFile(tmp_path/'f.xlsx') as z: sheets = {n: z.read(n).decode() for n in z.namelist()}
    assert ('Summary' in sheets['xl/workbook.xml'] and 'Findings' in sheets['xl/workbook.xml']
            and '<f>' not in ''.join(v for k, v in sheets.items() if 'sheet' in k))
    assert all(w in ''.join(sheets.values()) for w in ('Broken link', '=why', 'Repair it', 'title_missing'))
    assert exports.write(db, 'pages', tmp_path/'p.xlsx').stat().st_size > 5000

def test_gephi_reads_the_graph(site, tmp_path):
    db, _ = site
    exports.write(db, 'graph', tmp_path/'g.gexf')
    ns = {'g': 'http://gexf.net/1.3'}
    root = xml.parse(tmp_path/'g.gexf').getroot()
    nodes = {n.get('id') for n in root.iterfind('.//g:node', ns)}
    assert len(nodes) == db.execute('select count(*) from page').fetchone()[0] and all(e.get('source') in nodes and e.get('target') in nodes
        for e in root.iterfind('.//g:edge', ns))
    assert sum(int(e.get('weight'))
               for e in root.iterfind('.//g:edge', ns)) == db.execute('select count(*) from link where source<>target').fetchone()[0]

def test_a_form_that_is_not_known_is_named(site, tmp_path):
    with pytest.raises(ValueError, match='.parquet'): exports.write(site[0], 'pages', tmp_path/'p.docx')

# what comes in
@pytest.mark.parametrize('text,value', [('1,234', 1234), ('1.234', 1.234), ('1.234,5', 1234.5), ('1,234.5', 1234.5),
                                        ('12.5%', .125), ('12,5 %', .125), ('0,5', .5), ('', None), ('–', None), ('1\u202f234', 1234),
                                        ('nan', None), ('1e999', None)])
def test_numbers_are_read_as_they_are_written(text, value): assert imports.number(text) == value
def test_counts_with_points_between_thousands(): assert [imports.whole(x) for x in ('1.234', '1,234,567', '12')] == [1234, 1234567, 12]

@pytest.mark.parametrize('encode', [lambda s: s.encode(), lambda s: s.encode('utf-8-sig'), lambda s: s.encode('utf-16'),
                                    lambda s: gzip.compress(s.encode()), lambda s: ('sep=;\r\n' + s.replace(',', ';')).encode(),
                                    lambda s: ('# GA4\n# ----\n\n' + s).encode(), lambda s: s.replace(',', '\t').encode('cp1252')],
                         ids=['utf-8', 'mark', 'utf-16', 'gzip', 'sep', 'comments', 'tabs and windows'])
def test_a_table_is_read_however_it_was_written(tmp_path, encode):
    (tmp_path/'t.csv').write_bytes(encode('URL,Title\r\nhttps://a/,"Größe"\r\nhttps://a/b,\r\n'))
    labels, rows = imports.table(tmp_path/'t.csv')
    assert labels == ['URL', 'Title'] and list(rows) == [{'URL': 'https://a/', 'Title': 'Größe'}, {'URL': 'https://a/b', 'Title': ''}]

def test_a_packed_file_that_is_endless_is_neither_held_nor_written_out(tmp_path, monkeypatch):
    monkeypatch.setattr(imports, 'longest', 1000)
    monkeypatch.setattr(imports, 'most', 50_000)
    f = tmp_path/'x.csv.gz'
    f.write_bytes(gzip.compress(b'url,n\nhttp://a.example/,1\n' + b'x'*40_000))
    assert max(len(v) for r in imports.table(f)[1] for v in r.values()) <= 1000 and max(map(len, imports.opened(f))) == 1000
    f.write_bytes(gzip.compress(b'url,n\n' + b'\0'*5_000_000))
    with pytest.raises(ValueError, match='larger than .* when it is unpacked; split it'): imports.table(f)

def test_a_list_of_addresses_in_lines_or_in_a_table(tmp_path):
    (tmp_path/'l.txt').write_text('https://a.test/x\n\nhttps://a.test/x\na.test/y\nhttp://[::1\n')
    good, wrong = imports.addresses(tmp_path/'l.txt')
    assert good == ['https://a.test/x', 'https://a.test/y'] and [w[0] for w in wrong] == ['http://[::1']
    (tmp_path/'l.csv').write_text('name;URL\nx;https://a.test/1\ny;https://a.test/2\n')
    assert imports.addresses(tmp_path/'l.csv') == (['https://a.test/1', 'https://a.test/2'], [])

def test_a_list_of_addresses_is_closed_when_it_was_read(tmp_path, monkeypatch):
    (tmp_path/'l.txt').write_text('https://a.test/x\n')
    files, opened = [], imports.opened
    monkeypatch.setattr(imports, 'opened', lambda path: files.append(opened(path)) or files[-1])
    assert imports.addresses(tmp_path/'l.txt')[0] == ['https://a.test/x'] and files and all(f.closed for f in files)

@pytest.mark.skipif(sys.platform == 'win32', reason='no file of Windows has a ? in its name')
def test_the_panel_reads_a_crawl_wherever_it_lies_and_takes_words_as_they_are_written(tmp_path):
    file = tmp_path/'50% #1?mode=x'/'1.sqlite'
    file.parent.mkdir()
    make(file, pages=30, links=60)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("update crawl set value=json_quote(value) where key='state'")
    panel = room('panel')
    many = lambda words: panel.state(file, {'words': words})['many']
    assert (panel.state(file)['pages'] > 10 and many('https:') > 10 and many('') == panel.state(file)['many']
            and [many(w) for w in ('h_tps:', 'h%s:', '\\')] == [0, 0, 0])

def test_search_console_joins_by_address_and_says_what_it_did_not(site, tmp_path):
    db, _ = site
    (tmp_path/'Pages.csv').write_text(
        'Top '
        'pages,Clicks,Impressions,CTR,Position\nhttps://example.test/,"1,200",20000,6%,1.5\nhttp://www.EXAMPLE.test/docs#x,3,10,30%,4\nhttps://example.test/gone,1,2,50%,9\n')
    r = imports.search(db, tmp_path/'Pages.csv')
    assert {k: r[k] for k in ('source', 'rows', 'joined', 'exactly', 'alike', 'not_joined', 'examples')} == dict(source='search console',
        rows=3, joined=2, exactly=1, alike=1, not_joined=1, examples=['https://example.test/gone'])
    assert tuple(db.execute('select clicks,impressions,ctr,position from search where page=1').fetchone()) == (1200, 20000, .06, 1.5)
    imports.search(db, tmp_path/'Pages.csv')
    assert db.execute('select count(*) from search').fetchone()[0] == 2

def test_analytics_join_by_path_and_keep_what_else_they_say(site, tmp_path):
    db, _ = site
    (tmp_path/'ga.csv').write_text('# ---\n# Pages\nPage path and screen class,Views,Bounce rate\n/docs/,50,0.4\n/,70,0.1\n/nowhere,1,1\n')
    r = imports.search(db, tmp_path/'ga.csv')
    assert (r['source'], r['joined'], r['not_joined']) == ('analytics', 2, 1) and 'nowhere' in r['text']
    assert json.loads(db.execute('select more from search where sessions=50').fetchone()[0]) == {'Bounce rate': '0.4'}

@pytest.mark.parametrize('text,words', [('', 'empty'), ('a,b\n1,2\n', 'Page, URL or Address'), ('url,colour\nhttps://example.test/,red\n', 'Clicks')])
def test_a_table_that_cannot_be_joined_says_what_is_missing_and_keeps_what_was(site, tmp_path, text, words):
    db, _ = site
    db.execute("insert into search(page,source) values (1,'search console')")
    (tmp_path/'x.csv').write_text(text)
    with pytest.raises(ValueError, match=words): imports.search(db, tmp_path/'x.csv')
    assert db.execute('select count(*) from search').fetchone()[0] == 1

def test_a_crawl_of_screaming_frog_becomes_one_of_ours(tmp_path):
    (tmp_path/'internal_all.csv').write_text(
        '"Address","Content Type","Status Code","Status","Indexability","Indexability Status","Title 1","H1-1","Canonical Link Element '
        '1","Crawl Depth","Word Count","Response Time","Redirect URL"\n'
        '"https://a.test/","text/html; '
        'charset=utf-8","200","OK","Indexable","","Home","Hello","https://a.test/","0","120","0.25",""\n"https://a.test/old","","301","Moved","Non-Indexable","Redirected","","","","1","","0.1","https://a.test/new"\n"https://a.test/gone","text/html","404","Not Found","Non-Indexable","Client Error","","","","1","","0.1",""\n"not an address","","","","","","","","","","","",""\n', 'utf-8-sig')
    (tmp_path/'all_outlinks.csv').write_text(
        'Type,Source,Destination,Anchor,Status Code,Follow,Rel,Link '
        'Position\nHyperlink,https://a.test/,https://a.test/gone,"\'=gone",404,true,,Content\nHyperlink,https://a.test/,https://b.test/,B,200,false,nofollow,Footer\n')
    db = schema.open(tmp_path/'f.db', fresh=True)
    r = imports.screaming_frog(db, tmp_path/'all_outlinks.csv', tmp_path/'internal_all.csv')
    assert (r['pages'], r['links'], r['not_addresses']) == (3, 4, 1) and r['examples'] == ['not an address']
    home = db.execute("select * from page where url='https://a.test/'").fetchone()
    assert (home['status'], home['type'], home['charset'], home['title'], home['ms'], home['words'], home['depth'], home['source'],
            home['indexable'], home['internal']) == (200, 'text/html', 'utf-8', 'Home', 250, 120, 0, 'start', 1, 1)
    assert db.execute("select t.url from page p join page t on t.id=p.redirect where p.url like '%/old'").fetchone()[0] == 'https://a.test/new'
    assert [tuple(x) for x in db.execute("select anchor,follow,position from link where kind='a' order by id")] == [('=gone', 1, 'main'),
        ('B', 0, 'footer')]
    assert db.execute("select internal from page where url='https://b.test/'").fetchone()[0] == 0
    room('layout').layout(db)

def test_a_crawl_of_advertools_becomes_one_of_ours(tmp_path):
    lines = [dict(url='https://a.test/', title='Home@@Second', status=200, depth=0, size=1000, download_latency=.2, body_text='one two',
                  links_url='https://a.test/b@@https://c.test/', links_text='B@@C',
                  links_nofollow='False@@True', nav_links_url='https://a.test/b', canonical='https://a.test/',
                  **{'resp_headers_Content-Type': 'text/html; charset=utf-8'}),
             dict(url='https://a.test/b', status=404, depth=1, redirect_urls='https://a.test/x@@https://a.test/y',
                  redirect_reasons='301@@302', title=float('nan')), dict(url='https://a.test/z', errors='DNS', depth=2)]
    (tmp_path/'o.jl').write_text('\n'.join(map(json.dumps, lines)))
    db = schema.open(tmp_path/'a.db', fresh=True)
    r = imports.advertools(db, tmp_path/'o.jl')
    assert r['pages'] == 5
    home = db.execute("select * from page where url='https://a.test/'").fetchone()
    assert (home['title'], home['titles'], home['words'], home['ms'], home['indexable'], home['type']) == ('Home', 2, 2, 200, 1, 'text/html')
    assert [tuple(x)
            for x in db.execute("select s.url,t.url,s.redirect_kind from page s join page t on t.id=s.redirect order by s.url")] == [
                ('https://a.test/x', 'https://a.test/y', '301'), ('https://a.test/y', 'https://a.test/b', '302')]
    assert [tuple(x) for x in db.execute("select anchor,follow,position from link where kind='a' order by id")] == [('B', 1, 'nav'), ('C', 0, 'main')]
    assert [tuple(x) for x in db.execute('select status,indexable,title from page where url in (?,?) order by url',
                                         ('https://a.test/b', 'https://a.test/z'))] == [(404, 0, None), (0, 0, None)]

def test_an_import_that_breaks_in_the_middle_leaves_nothing(tmp_path):
    (tmp_path/'o.jl').write_text('{"url": "https://a.test/", "status": 200}\n{"url": "https://a.te')
    db = schema.open(tmp_path/'a.db', fresh=True)
    with pytest.raises(ValueError, match='line 2'): imports.advertools(db, tmp_path/'o.jl')
    assert db.execute('select count(*) from page').fetchone()[0] == 0 and not db.in_transaction
    for name, text in (('x.csv', 'foo,bar\n1,2\n'), ('y.csv', 'Address\nnope\n')):
        (tmp_path/name).write_text(text)
        with pytest.raises(ValueError): imports.screaming_frog(db, tmp_path/name)
    (tmp_path/'cut.csv.gz').write_bytes(gzip.compress(b'url,clicks\n' + b'https://a/,1\n' * 5000)[:60])
    with pytest.raises(ValueError, match='damaged'): imports.table(tmp_path/'cut.csv.gz')

def test_our_own_export_comes_in_again(site, tmp_path):
    db, _ = site
    exports.to_csv(db, 'pages', tmp_path/'p.csv', 'url, status, title')
    _, rows = imports.table(tmp_path/'p.csv')
    assert [r['title'] for r in rows][:7] == hostile[:7]

@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_a_plain_refusal(tmp_path_factory, data):
    p = tmp_path_factory.getbasetemp()/'any.csv'
    p.write_bytes(data)
    try:
        labels, rows = imports.table(p)
        assert all(set(r) <= set(labels) for r in rows)
    except ValueError as e: assert str(e)
