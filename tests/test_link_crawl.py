"The crawler, at sites on this machine: what it asks for, what it keeps, and that nothing ends it."
import json, os, random, signal, subprocess, sys, time
import pytest
from hypothesis import given, settings, strategies as st
from link_site import Site, crawl, page, room, root, told

def rows(db, sql, *args): return [tuple(r) for r in db.execute(sql, args)]
def one(db, sql, *args): return db.execute(sql, args).fetchone()[0]

def web(n=120):
    "A site of n pages: a menu on each, links forth and back, some dead, some moved, some elsewhere, images; for tests that must see much"
    pages, rng = {}, random.Random(3)
    for i in range(n):
        some = ''.join(f'<p>Text {i} {j} <a href="/p/{rng.randrange(n*11//10)}?x={j%2}">to {j}</a></p>' for j in range(6))
        pages[f'/p/{i}?x=0'] = pages[f'/p/{i}?x=1'] = page(
            f'<nav><a href=/>Home</a><a href=/old/{i%7}>Old</a></nav><main>{some}<img src=/i/{i%9}.png><a '
            f'href=http://other.example/{i}>out</a><a href="http://[bad">bad</a></main>', f'<title>Page {i}</title>')
    for i in range(7): pages[f'/old/{i}'] = 301, {'Location': f'/p/{i}?x=0'}, b''
    for i in range(5): pages[f'/i/{i}.png'] = 200, {'Content-Type': 'image/png'}, b'\x89PNG'
    pages['/'] = page('<a href="/p/0?x=0">in</a>', '<title>Home</title>')
    pages['/sitemap.xml'] = (200, {'Content-Type': 'application/xml'},
                             ('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">' + ''.join(f'<url><loc>/lost/{i}</loc></url>'
                                 for i in range(5)) + '</urlset>').encode())
    for i in range(5): pages[f'/lost/{i}'] = page(f'<a href=/lost/deeper/{i}>x</a>')
    return pages

def test_killed_ten_times_at_any_moment_the_crawl_equals_the_undisturbed_one(tmp_path):
    with Site(web(), delay=.002) as s:
        told_ = told(crawl(tmp_path/'whole.sqlite', s.url + '/'))
        whole = [x for x in told_ if x.startswith('page')]
        assert len(whole) > 350
        at, kills, rng = tmp_path/'killed.sqlite', 0, random.Random(11)
        before = -1
        for _ in range(60):
            p = subprocess.Popen([sys.executable, str(root/'tests/link_site.py'), str(at), s.url + '/', '{}'], cwd=root)
            end = time.monotonic() + 90
            while p.poll() is None and time.monotonic() < end:       # it must have begun to write, or ten kills would all hit the beginning
                now = len(s.asked)
                if kills < 10 and now > before + 15:
                    until = time.monotonic() + rng.uniform(0, .12)
                    while time.monotonic() < until and len(s.asked) < now + 15: time.sleep(.002)        # ten kills, and something left for each
                    break
                time.sleep(.005)
            if p.poll() is None:
                p.send_signal(signal.SIGKILL if hasattr(signal, 'SIGKILL') else signal.SIGTERM)
                p.wait()
                kills, before = kills+1, len(s.asked)
            elif p.returncode == 0: break
        assert p.returncode == 0 and kills == 10
        db = room('schema').open(at)
        assert told(db) == told_
        assert one(db, 'pragma integrity_check') == 'ok' and json.loads(one(db, "select value from crawl where key='state'")) == 'done'

def test_what_was_killed_around_its_last_word_is_over_and_says_so_once(tmp_path):
    import asyncio
    with Site(web(10)) as s:
        db = crawl(at := tmp_path/'c.sqlite', s.url + '/')
        whole, n = told(db), len(s.asked)
        again = lambda: asyncio.run(room('crawler').Crawl(at, {'starts': [s.url + '/']}).run())
        # killed before the job's own end
        assert again() == 'done' and told(db) == whole and one(db, "select count(*) from event where kind='done'") == 1
        # killed after its last page
        db.execute("update crawl set value='\"running\"' where key='state'")
        db.execute("delete from event where kind='done'")
        assert again() == 'done' and told(db) == whole and one(db, "select count(*) from event where kind='done'") == 1 and len(s.asked) == n
        db.execute("update crawl set value='\"stopped\"' where key='state'")
        db.execute("update crawl set value='\"links\"' where key='phase'")
        assert again() == 'stopped' and len(s.asked) == n, 'stopped is stopped'

def test_two_crawlers_of_one_file_take_turns(tmp_path):
    "A server that finds a crawler silent begins another; the first may only have slept"
    with Site(web(40), delay=.01) as s:
        whole = told(crawl(tmp_path/'whole.sqlite', s.url + '/'))
        n, at = len(s.asked), tmp_path/'both.sqlite'
        begin = lambda: subprocess.Popen([sys.executable, str(root/'tests/link_site.py'), str(at), s.url + '/', '{}'], cwd=root)
        first, until = begin(), time.monotonic() + 60
        while len(s.asked) < n + 20 and time.monotonic() < until: time.sleep(.01)
        if os.name == 'posix': first.send_signal(signal.SIGSTOP)
        second = begin()
        time.sleep(1)
        if os.name == 'posix': first.send_signal(signal.SIGCONT)
        assert first.wait(120) == 0 and second.wait(120) == 0
        db = room('schema').open(at)
        assert told(db) == whole and len(s.asked) == 2*n and one(db, "select count(*) from event where kind='done'") == 1

def test_a_crawl_that_knows_more_addresses_than_it_remembers_keeps_the_same(tmp_path, monkeypatch):
    with Site(web(60)) as s:
        whole = told(crawl(tmp_path/'whole.sqlite', s.url + '/'))
        monkeypatch.setattr(room('crawler'), 'most_known', 50)
        assert told(crawl(tmp_path/'forgetful.sqlite', s.url + '/')) == whole and len(whole) > 500

def test_a_pause_outlives_the_crawler(tmp_path):
    import asyncio
    with Site(web(10)) as s:
        room('schema').open(tmp_path/'c.sqlite', fresh=True)
        room('schema').control(tmp_path/'c.sqlite', 'pause')
        looks = iter([False]*5)
        c = room('crawler').Crawl(tmp_path/'c.sqlite', {'starts': [s.url + '/'], 'sitemaps': False}, stopped=lambda: next(looks, True))
        assert asyncio.run(c.run()) == 'paused' and not s.asked

# real sites: Debian's documentation packages

# more pages, links and 404s than that
real = {'sqlite3-doc': (1000, 40_000, 400), 'python-django-doc': (500, 20_000, 0), 'python-sqlalchemy-doc': (150, 20_000, 0),
        r'postgresql-doc-\d+': (1000, 20_000, 0), r'python3\.\d+-doc': (400, 60_000, 0)}

def fetched(pattern, at):
    "The newest package of that name, unpacked: the folder that holds its site"
    import re, shutil
    if not (shutil.which('apt-get') and shutil.which('dpkg-deb')): pytest.skip(f'this machine has no apt-get to fetch the real site ({pattern}) with')
    def run(*a):
        try: return subprocess.run(a, cwd=at, capture_output=True, text=True, timeout=180)
        except subprocess.TimeoutExpired:
            pytest.skip(f'{" ".join(a[:2])} did not end within three minutes: the network to fetch the real site ({pattern}) with is away')
    names = ([pattern] if '\\' not in pattern
             else sorted((n for n in run('apt-cache', 'pkgnames').stdout.split() if re.fullmatch(pattern, n)),
                         key=lambda n: [int(d) for d in re.findall(r'\d+', n)]))
    got = run('apt-get', 'download', names[-1]) if names else None
    if not (debs := list(at.glob('*.deb'))):
        pytest.skip(f'apt has no {pattern} to fetch: {got.stderr.strip()[-200:] if got else "there is no such name"}')
    assert run('dpkg-deb', '-x', str(debs[0]), str(at)).returncode == 0
    return min(at.glob('usr/share/doc/**/index.html'), key=lambda f: len(f.parts)).parent

def counted(folder):
    "An independent count, by Python's own HTML parser and urljoin, of what a crawl of that folder must find: ({address: status}, number of links)"
    from html.parser import HTMLParser
    from urllib.parse import unquote, urldefrag, urljoin, urlsplit
    class Links(HTMLParser):
        def __init__(self): super().__init__(); self.found = []
        def handle_starttag(self, tag, attrs):
            if tag in ('a', 'area'): self.found += [v for k, v in attrs if k == 'href' and v is not None][:1]
        def updatepos(self, i, j): return j         # the number of a line, which nobody asks for here
    host, seen, todo, links = 'http://docs.test', {}, ['http://docs.test/'], 0
    while todo:
        url = todo.pop()
        if url in seen: continue
        path = unquote(urlsplit(url).path).lstrip('/') or 'index.html'
        f = folder/path
        if f.is_dir(): f = f/'index.html'
        seen[url] = 200 if f.is_file() else 404
        if not f.is_file() or f.suffix not in ('.html', '.htm'): continue
        p = Links()
        p.feed(f.read_text('utf-8', 'replace'))
        for href in p.found:
            href = ''.join(c for c in href.strip() if c not in '\t\r\n').replace('\\', '/')       # as browsers read it
            if not href or href.startswith('#') or (there := urldefrag(urljoin(url, href))[0]).partition(':')[0] not in ('http', 'https'): continue
            links += 1
            if there.startswith(host + '/'): todo.append(there)
    return seen, links

@pytest.mark.parametrize('name', real)
def test_a_real_site_is_counted_as_an_independent_count_has_it(name, tmp_path):
    folder, (pages, many, missing) = fetched(name, tmp_path), real[name]
    seen, links = counted(folder)
    with Site(files=folder) as s: db = crawl(tmp_path/'c.sqlite', s.url + '/', resources=False)
    mine = {u.replace(s.url, 'http://docs.test'): st for u, st in rows(db, "select url, status from page where internal and state='done'")}
    assert mine == seen and len(seen) > pages
    assert one(db, "select count(*) from link where kind in ('a','area')") == links > many
    assert one(db, "select count(*) from page where status=404") == sum(st == 404 for st in seen.values()) >= missing
    assert one(db, "select count(*) from page where title is null and status=200 and type='text/html' and titles>0") == 0

# bytes

@pytest.mark.parametrize('header, body, label, where', [
    ('', 'Grüße'.encode('utf-8'), 'utf-8', 'guess'), ('', b'\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe', 'utf-8', 'bom'), ('iso-8859-1',
        b'Gr\xfc\xdfe \x80', 'iso-8859-1', 'header'), ('nonsense', '<meta charset=euc-kr>한국어'.encode('euc-kr'), 'euc-kr', 'meta'),
    ('', '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">Привет'.encode('cp1251'), 'windows-1251',
     'meta'), ('', 'Это довольно длинный русский текст, который никто не назвал по имени, и всё же он должен читаться.'.encode('cp1251'),
               None, 'guess'),
    ('utf-16le', 'Grüße'.encode('utf-16-le'), 'utf-16le', 'header'), ('', '<meta charset=gb2312>简体字镕'.encode('gb18030'), 'gb2312', 'meta'),
    ('', '日本語のページです。<meta charset="Shift_JIS">'.encode('cp932'), 'shift_jis', 'meta'),
    ('utf-8', b'\xff\xfe broken \xc3', 'utf-16-le', 'bom'), ('utf-8', b'ok \xc3', 'utf-8', 'header')])
def test_bytes_become_text_by_the_charset_that_is_meant(header, body, label, where):
    text, said, by = room('read').decode(body, header)
    assert by == where and (label is None or said == label)
    if where != 'bom' or header == '': assert any(w in text for w in ('Grüße', 'Gr', '한국어', 'Привет', 'русский', '简体字镕', '日本語', 'ok'))
    assert '�' not in text or body in (b'\xff\xfe broken \xc3', b'ok \xc3')

# addresses

@pytest.mark.parametrize('raw, there', [
    ('b.html', 'http://h.test/a/b.html'), ('../c?x=1&a=2#part', 'http://h.test/c?x=1&a=2'),
    ('vhosts/name-\n       based.html', 'http://h.test/a/vhosts/name-%20%20%20%20%20%20%20based.html'), ('  /x\t', 'http://h.test/x'),
    ('\\x\\y', 'http://h.test/x/y'), ('//other.test', 'http://other.test/'),
    ('HTTP://H.Test:80/%7euser', 'http://h.test/~user'), ('?q=ü', 'http://h.test/a/page?q=%C3%BC'),
    ('//bücher.example/ü', 'http://xn--bcher-kva.example/%C3%BC'), ('#top', None), ('', None), ('mailto:a@b.c', None),
    ('JavaScript:void(0)', None), ('tel:+1', None), ('data:text/html,x', None),
    ('?b=1&a=2', 'http://h.test/a/page?b=1&a=2'), ('http://other.test?x=1', 'http://other.test/?x=1'), ('/%zz', 'http://h.test/%25zz')])
def test_hrefs_as_people_write_them(raw, there):
    from yarl import URL
    assert room('urls').join(URL('http://h.test/a/page'), raw) == there == room('urls').joiner(URL('http://h.test/a/page'))(raw)

@pytest.mark.parametrize('base, raw, there',
                         [('http://h.test/a%20b/c', 'd', 'http://h.test/a%20b/d'),
                          ('http://h.test/%C3%BC/%2F/c', './../x', 'http://h.test/%C3%BC/x'),
                          ('http://h.test/a%20b/c', '?q', 'http://h.test/a%20b/c?q'),
                          ('http://h.test/a%20b/c', '%7e', 'http://h.test/a%20b/~'), ('http://h.test/%25/c', '//o.test', 'http://o.test/')])
def test_folders_keep_their_spelling(base, raw, there):
    from yarl import URL
    assert room('urls').join(URL(base), raw) == there == room('urls').joiner(URL(base))(raw)

bits = st.sampled_from(['/', '..', '../', './', '.', 'a', 'b.html', '?', 'x=1', '&', '=', '#', 'top', ' ', '%20', '%7e', 'ü', '+', ';', ':',
                        '@', "'", 'http://', 'https:', 'HTTP://', 'ex.com', '127.0.0.1', 'localhost', ':80', ':8080', 'user@', '\\', '\n',
                        'mailto:', '[::1]', '1', '-', '~', '.x', '"', '<'])
@settings(max_examples=600, deadline=None)
@given(st.sampled_from(['http://h.test/', 'http://h.test/a/b/c?q=/z/', 'https://h.test:8443/x/', 'http://u:p@h.test/a', 'http://h.test',
                        'http://h.test/a//b;c/', 'http://h.test/%20a/b']), st.lists(bits, max_size=6).map(''.join))
def test_the_short_way_to_an_address_ends_where_the_long_one_does(base, raw):
    from yarl import URL
    def end(f):
        try: return f()
        except ValueError as e: return str(e)
    assert end(lambda: room('urls').joiner(URL(base))(raw)) == end(lambda: room('urls').join(URL(base), raw))

@pytest.mark.parametrize('raw', ['//x:99999/', 'http://[::1', 'http://', 'http://a b/', 'http://%41.test/', 'x'*9000,
                                 'http://ex\u2100mple.test/', 'http://' + 'a'*70 + '.test/\udcff'])
def test_what_is_no_address_says_so_and_raises_nothing_else(raw):
    from yarl import URL
    try: there = room('urls').join(URL('http://h.test/'), raw)
    except ValueError: return
    assert there is None or there.startswith('http')

@pytest.mark.parametrize('ip, is_', [('127.0.0.1', 1), ('10.1.2.3', 1), ('192.168.0.1', 1), ('169.254.169.254', 1), ('::1', 1),
                                     ('[::1]', 1), ('fd00::1', 1), ('::ffff:127.0.0.1', 1), ('0.0.0.0', 1), ('100.64.0.1', 1),
                                     ('224.0.0.1', 1), ('8.8.8.8', 0), ('2606:4700::1111', 0), ('example.com', 0)])
def test_which_addresses_are_private(ip, is_): assert room('urls').private(ip) == bool(is_)

@pytest.mark.parametrize('text', ['<a href', '<base href="::::"><a href=x>y</a>', '<meta http-equiv=refresh content="0;url=http://[">',
                                  '<script type=application/ld+json>{"@type": [[[</script>',
                                  '<a href="\udcff">\udcff</a>'.encode('utf-8', 'surrogatepass').decode('utf-8', 'replace'), '', '\0\0',
                                  '<div>'*3000, '<h1>'*500,
                                  '<script type="application/ld+json">' + '['*20_000 + '</script>',
                                  '<table><a href=1><td><a href=2></table>', '<frameset><frame src=a><frame src=b></frameset>',
                                  '<svg><title>no</title><a href=x></a></svg>',
                                  '<html xml:lang=de><link rel=canonical><link rel="alternate" hreflang>'])
def test_nothing_a_page_says_can_make_reading_raise(text):
    p = room('read').read(text, 'http://h.test/')
    assert p.row['dom'] >= 0 and json.dumps([p.row, p.links])

def test_a_page_is_read_whole():
    text = '''<!doctype html><html lang="de-AT"><head><title> A
       title </title><meta name=description content="What it is"><meta name=robots content="NOINDEX, follow"><link rel=canonical href="/c"><link rel=alternate hreflang=fr href=/fr><link rel=next href="?page=2"><meta name=viewport content="width=device-width">
      <meta property=og:title content=OG><script type=application/ld+json>{"@context":"https://schema.org","@type":"Product","offers":{"@type":"Offer"}}</script><link rel=stylesheet href=http://h.test/s.css><base href=/deep/></head>
      <body><nav><a href=home rel="nofollow noopener">Home</a></nav><header><a href=/h>H</a></header><main><h1>One</h1><h3>Three</h3><article><header><a href=in>In</a></header>
      <a href=i><img src=x.png alt="An image"></a><img src=y.png width=1 height=2 loading=lazy></article></main><div class="site-footer footer"><a href=f>F</a></div><form action="http://h.test/go"></form><div itemscope itemtype="https://schema.org/Person">word word</div></body></html>'''
    p = room('read').read(text, 'https://h.test/a')
    r = p.row
    assert (r['title'], r['description'], r['robots'], r['lang'], r['h1'], r['h1s'], json.loads(r['outline']), r['base']) == ('A title',
        'What it is', 'noindex, follow', 'de-AT', 'One', 1, [[1, 'One'], [3, 'Three']], '/deep/')
    assert (json.loads(r['schemas']) == ['Product', 'Offer', 'Person'] and json.loads(r['og']) == {'og:title': 'OG'}
            and r['forms_insecure'] == 1 and r['mixed'] == 1 and r['images'] == 2 and r['images_no_alt'] == 1 and r['images_no_size'] == 1
            and not r['head_broken'])
    assert (p.canonical == 'https://h.test/c' and p.hreflang == [('fr', 'https://h.test/fr', 'html')]
            and r['rel_next'] == 'https://h.test/deep/?page=2')
    by = {l[1].rpartition('/')[2]: l for l in p.links if l[0] == 'a'}
    assert ({k: l[6] for k, l in by.items()} == {'home': 'nav', 'h': 'header', 'in': 'main', 'i': 'main', 'f': 'footer'}
            and by['home'][5] == 0 and by['i'][3] == 'An image' and by['in'][1] == 'https://h.test/deep/in')
    assert r['words'] > 3 and 'Home' not in r['text_start']
    read = room('read')
    low = lambda t: read.measures(t, 100)['simhash'] & (1 << 64)-1
    words = [f'word{i}' for i in range(200)]
    assert bin(low(' '.join(words)) ^ low(' '.join(words[:199] + ['other']))).count('1') < 8 < 16 < bin(
        low(' '.join(words)) ^ low(' '.join(f'thing{i}' for i in range(200)))).count('1')

# robots and sitemaps

def test_robots_as_rfc_9309_has_it(tmp_path):
    text = 'User-agent: *\nDisallow: /*?sort=\nDisallow: /private\nAllow: /private/open\nDisallow: /*.pdf$\n\nUser-agent: pianola\nDisallow: /only-us\nDisallow: /*?sort=\nCrawl-delay: 0.3\nSitemap: /map.xml\n'
    links = '<a href=/only-us>1</a><a href=/private>2</a><a href=/x?sort=a>3</a><a href=/ok>4</a>'
    with Site({'/robots.txt': (200, {}, text.encode()), '/': page(links), '/ok': page(), '/private': page(),
               '/map.xml': (200, {}, b'http://%s/mapped\n')}) as s:
        s.pages['/map.xml'] = 200, {}, f'{s.url}/mapped\n'.encode()
        db = crawl(tmp_path/'r.sqlite', s.url + '/')
        got = {u.removeprefix(s.url): (st, r) for u, st, r in rows(db, 'select url, state, rule from page')}
        assert (got['/only-us'][0] == got['/x?sort=a'][0] == 'blocked' and got['/private'][0] == got['/ok'][0] == 'done'
                and got['/only-us'][1] == 'Disallow: /only-us' and '/only-us' not in s.asked)
        assert (got['/mapped'][0] == 'done' and one(db, 'select sitemap from page where url=?', s.url + '/mapped') == 1
                and one(db, 'select delay from robots') == .3)
        gaps = [b-a for a, b in zip(s.times[1:], s.times[2:])]
        assert min(gaps) > .1, 'the delay is kept between any two requests'
        db = crawl(tmp_path/'r2.sqlite', s.url + '/', agent='Other/1.0')
        assert {u for u, in rows(db, "select replace(url,?,'') from page where state='blocked'", s.url)} == {'/private', '/x?sort=a'}
        assert one(crawl(tmp_path/'r3.sqlite', s.url + '/', obey=False), "select count(*) from page where state='blocked'") == 0

@pytest.mark.parametrize('answer, allowed',
                         [((404, {}, b''), 1), ((403, {}, b''), 1), ((500, {}, b''), 0), ((503, {'Retry-After': '0'}, b''), 0),
                          ((None, {}, b''), 0), ((301, {'Location': '/robots2.txt'}, b''), 0), ((301, {'Location': '/robots.txt'}, b''), 1),
                                             ((200, {}, b'User-agent: *\nDisallow: /\n'), 0),
                                             ((200, {}, b'#' * 512_001 + b'\nUser-agent: *\nDisallow: /\n'), 1),
                                             ((200, {}, b'\xef\xbb\xbfUser-agent: *\r\nDisallow: /'), 0), ((200, {}, b''), 1)])
def test_robots_that_fail_move_or_are_too_long(tmp_path, answer, allowed):
    with Site({'/': page(), '/robots.txt': answer, '/robots2.txt': (200, {}, b'User-agent: *\nDisallow: /')}) as s:
        db = crawl(tmp_path/'r.sqlite', s.url + '/')
        assert one(db, 'select state from page where id=1') == ('done' if allowed else 'blocked') and one(db, 'select count(*) from robots') == 1

def test_sitemaps_and_their_indexes_packed_broken_and_endless(tmp_path):
    import gzip
    ns = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml"'
    with Site({'/': page()}) as s:
        loc = lambda *paths: ''.join(
            f'<url><loc>{s.url}{p}</loc><lastmod>2026-01-02</lastmod><xhtml:link rel="alternate" hreflang="de" href="{s.url}/de{p}"/></url>'
            for p in paths)
        s.pages |= {'/robots.txt': (200, {}, f'Sitemap: {s.url}/index.xml\nSitemap: {s.url}/gone.xml'.encode()),
                    '/index.xml': (200, {},
                                   f'<sitemapindex '
                                   f'{ns}><sitemap><loc>{s.url}/a.xml.gz</loc></sitemap><sitemap><loc>{s.url}/index.xml</loc></sitemap><sitemap><loc>{s.url}/b.xml</loc></sitemap><sitemap><loc>{s.url}/bomb.xml</loc></sitemap></sitemapindex>'.encode()),
                    '/a.xml.gz': (200, {'Content-Type': 'application/gzip'},
                                  gzip.compress(f'<urlset {ns}>{loc("/1", "/2")}</urlset>'.encode())),
                                  '/b.xml': (200, {}, f'<urlset {ns}>{loc("/3")}<url><loc>{s.url}/cut'.encode()),
                    '/bomb.xml': (200, {},
                                  b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>')}
        db = crawl(tmp_path/'s.sqlite', s.url + '/')
        assert ({u for u, in rows(db, "select replace(url,?,'') from page where sitemap>0", s.url)} == {'/1', '/2', '/3'}
                and one(db, 'select lastmod from page where url=?', s.url + '/1') == '2026-01-02')
        assert {u.removeprefix(s.url): (k, n, bool(e)) for u, k, n, e in rows(db, 'select url,kind,urls,error from sitemap')} == {
            '/index.xml': ('index', 4, False), '/a.xml.gz': ('urls', 2, False), '/b.xml': ('urls', 1, True), '/bomb.xml': ('urls', 0, True),
            '/gone.xml': (None, 0, True)}
        assert (one(db, "select count(*) from hreflang where place='sitemap' and lang='de'") == 3
                and one(db, 'select depth from page where url=?', s.url + '/1') is None)
        db = crawl(tmp_path/'s2.sqlite', s.url + '/index.xml', how='sitemap')
        assert {u for u, in rows(db, "select replace(url,?,'') from page where state='done' and status in (200,404) and sitemap>0",
                                 s.url)} == {'/1', '/2', '/3'}

# answers

def test_redirects_are_edges_and_loops_end(tmp_path):
    r = lambda to, status=301: (status, {'Location': to}, b'')
    with Site({'/': page('<a href=/a>a</a><a href=/loop1>l</a><a href=/bad>b</a><a href=/meta>m</a><a href=/none>n</a>'),
               '/a': r('/b', 302), '/b': r('c', 308), '/c': page(), '/loop1': r('/loop2'), '/loop2': r('/loop1'), '/bad': r('http://[x'),
               '/none': (301, {}, b''),
               '/meta': page(head='<meta http-equiv=refresh content="0; URL=/c">')}) as s:
        db = crawl(tmp_path/'c.sqlite', s.url + '/')
        to = {a.removeprefix(s.url): (b and b.removeprefix(s.url), k, st, w) for a, b, k, st, w in rows(db,
            'select p.url, t.url, p.redirect_kind, p.status, p.why from page p left join page t on t.id=p.redirect where p.status>0')}
        assert (to['/a'] == ('/b', '302', 302, 'redirect') and to['/b'] == ('/c', '308', 308, 'redirect') and to['/loop1'][0] == '/loop2'
                and to['/loop2'][0] == '/loop1' and to['/meta'][:2] == ('/c', 'meta'))
        assert one(db, "select error from page where url like '%/bad'") == one(db, "select error from page where url like '%/none'") == 'location'
        assert one(db, "select count(*) from link where kind='redirect'") == 5 and s.asked.count('/c') == 1

def test_what_fails_is_tried_again_with_a_pause_and_costs_one_page(tmp_path):
    flaky = lambda path, n: (503, {}, b'') if n < 3 else page('back')
    slow = lambda path, n: (429, {'Retry-After': '1'}, b'') if n < 2 else page('now')
    big = page('x' * 300_000)
    with Site({'/': page(''.join(f'<a href={p}>x</a>' for p in ('/flaky', '/slow', '/down', '/cut', '/big', '/odd', '/pdf', '/500'))),
               '/flaky': flaky, '/slow': slow, '/down': (503, {}, b''),
               '/cut': (200, {'Content-Type': 'text/html', 'Content-Length': '5000'}, b'<p>'), '/big': big, '/500': (500, {}, b''),
               '/odd': (200, {'Content-Type': 'text/html', 'X-Odd': 'caf\xe9'}, b'<title>\xff\xfe'),
               '/pdf': (200, {'Content-Type': 'application/pdf', 'X-Robots-Tag': 'noindex'}, b'%PDF' * 50_000)}) as s:
        db = crawl(tmp_path/'c.sqlite', s.url + '/', timeout=3, most_bytes=200_000)
        got = {u.removeprefix(s.url): tuple(x) for u, *x in rows(db, 'select url, status, error, tries, indexable, why from page')}
        assert (got['/flaky'] == (200, None, 3, 1, None) and got['/slow'][:3] == (200, None, 2) and got['/down'] == (503, None, 3, 0, '5xx')
                and got['/500'][:3] == (500, None, 1))
        assert (got['/big'][1] == 'too_large' and got['/odd'][0] == 200 and got['/pdf'] == (200, None, 1, 0, 'type')
                and got['/cut'][1] in ('timeout', 'broken') and got['/cut'][3:] == (0, 'no answer') if got['/cut'][0] == 0 else True)
        assert (rows(db, "select x_robots from page where url like '%/pdf'") == [('noindex',)]
                and one(db, "select count(*) from event where kind='warning'") >= 1)

def test_hosts_that_do_not_answer_and_private_addresses_nobody_typed(tmp_path):
    import socket
    free = socket.socket(); free.bind(('127.0.0.1', 0)); port = free.getsockname()[1]
    with Site({}) as other, Site({}) as s:
        s.pages |= {'/': page(
            f'<a href=http://127.0.0.1:{other.port}/secret>1</a><a href=http://localhost:{port}/>2</a><a '
            f'href=http://169.254.169.254/latest>3</a><a href=http://[::1]:{other.port}/>4</a><a href=/away>5</a>'),
            '/away': (302, {'Location': f'http://127.0.0.1:{other.port}/secret'}, b'')}
        db = crawl(tmp_path/'c.sqlite', s.url + '/', external=True)
        assert not other.asked, 'an address of this machine that the user did not type is not asked'
        assert len(got := rows(db, "select error from page where not internal")) == 4 and {e for e, in got} == {'private'}
        db = crawl(tmp_path/'c2.sqlite', f'http://localhost:{port}/', tries=1, obey=False)
        assert rows(db, 'select status, error, why from page') == [(0, 'refused', 'no answer')]
    free.close()

# how far

def test_limits_patterns_and_depth(tmp_path):
    pages = {f'/{i}': page(f'<a href=/{i+1}>next</a><a href=/{i}/print>p</a>')
             for i in range(40)} | {'/': page('<a href=/0>0</a><a href=http://sub.localhost/x>s</a>')}
    with Site(pages, rest=page()) as s:
        db = crawl(tmp_path/'a.sqlite', s.url + '/', pages=10)
        assert (one(db, "select count(*) from page where state='done'") == 10
                and one(db, "select count(*) from page where error='limit'") > 0
                and len([p for p in s.asked if p not in ('/robots.txt', '/sitemap.xml')]) == 10)
        db = crawl(tmp_path/'b.sqlite', s.url + '/', depth=3, exclude='/print$')
        assert (rows(db, "select max(depth) from page where state='done'") == [(3,)] and one(db,
            "select count(*) from page where error='excluded'") == 3 and one(db, "select count(*) from page where error='depth'") == 1)
        db = crawl(tmp_path/'d.sqlite', s.url + '/', include='/1$\n/1/*\n/0$')
        assert {u.removeprefix(s.url) for u, in rows(db, "select url from page where state='done'")} == {'/', '/0', '/1', '/1/print'}
        db = crawl(tmp_path/'e.sqlite', [s.url + '/3', s.url + '/5'], how='list')
        assert ({u.removeprefix(s.url) for u, in rows(db, "select url from page where state='done'")} == {'/3', '/5'}
                and one(db, "select count(*) from page where error='list'") == 4)

def test_addresses_without_end_are_left_out(tmp_path):
    def endless(path, n):
        if path.startswith('/cal'):
            y, m = map(int, path.rpartition('=')[2].split('-'))
            return page(f'<a href="/cal?month={y + m//12}-{m%12+1}">next</a>')
        if path.startswith('/n/'): return page(f'<a href=/n/{int(path[3:])+1}>next</a>')
        if 'sid=' in path or path == '/shop':
            return page(''.join(f'<a href="/shop/{i}?sid={n}{i}{len(path)}x{abs(hash(path)) % 1000}">x</a>' for i in range(3)))
        return page('<a href="deeper/">d</a>')
    with Site({'/': page('<a href="/cal?month=2026-1">c</a><a href=/n/1>n</a><a href=/shop>s</a><a href=/dir/>d</a>')}, rest=endless) as s:
        db = crawl(tmp_path/'t.sqlite', s.url + '/', pages=2000, chain=40)
        n = one(db, "select count(*) from page where state='done'")
        assert (n < 200 and one(db, "select count(*) from page where error='trap'") >= 4
                and one(db, "select count(*) from event where kind='warning' and text like '%without end%'") == 1)
        assert one(db, "select count(*) from page where url like '%/shop/%' and state='done'") == 3, 'each address with a session id once'

def test_pause_and_stop_come_through_the_file(tmp_path):
    import asyncio, threading
    with Site(web(200), delay=.05) as s:
        c = room('crawler').Crawl(tmp_path/'c.sqlite', {'starts': [s.url + '/']})
        outside = room('schema').open(tmp_path/'c.sqlite')
        say = lambda what: room('schema').control(tmp_path/'c.sqlite', what)
        out = []
        t = threading.Thread(target=lambda: out.append(asyncio.run(c.run())))
        t.start()
        until = time.monotonic() + 120
        while len(s.asked) < 20 and time.monotonic() < until: time.sleep(.01)
        say('pause')
        while json.loads(one(outside, "select value from crawl where key='state'")) != 'paused' and time.monotonic() < until: time.sleep(.02)
        n = -1
        while len(s.asked) != n and time.monotonic() < until: n = len(s.asked); time.sleep(.5)      # what is on its way comes in
        time.sleep(.4)
        assert len(s.asked) == n < 400, 'paused, nothing is asked for'
        say(None)
        while len(s.asked) < n + 20 and time.monotonic() < until: time.sleep(.01)
        say('stop')
        t.join(60)
        assert (out == ['stopped'] and one(outside, "select count(*) from page where state='new'") == 0
                and one(outside, "select count(*) from page where error='limit'") > 0)

# JavaScript

def test_a_page_that_goes_on_to_another_is_rendered_where_it_ends(tmp_path):
    if not room('javascript').find(): (pytest.fail if os.environ.get('CI') else pytest.skip)('no Chromium, Chrome or Edge on this machine')
    with Site({'/': page("<script>setTimeout(() => { location.href = '/there' }, 300)</script>"), '/there': page('<h1>There</h1>')}) as s:
        # a fifth of it is the patience with a page that goes on
        db = crawl(tmp_path/'j.sqlite', s.url + '/', javascript=True, timeout=40, resources=False)
        assert rows(db, 'select h1, error from rendered where page=1') == [('There', None)]

def test_what_javascript_makes_of_a_page_is_kept_beside_what_was_sent(tmp_path):
    if not room('javascript').find(): (pytest.fail if os.environ.get('CI') else pytest.skip)('no Chromium, Chrome or Edge on this machine')
    script = "<script>document.title='After'; document.querySelector('main').innerHTML='<h1>Made</h1><a href=/made>made</a>'; setTimeout(() => { const a = document.createElement('a'); a.href='/late'; a.textContent='late'; document.body.append(a); fetch('http://127.0.0.1:%d/secret').catch(() => 0) }, 20); alert('x'); console.error('oh')</script>"
    with Site({}) as other, Site({'/made': page('plain', '<title>Made</title>'), '/late': page('<script>while(true){}</script>'),
                                  '/i.png': (200, {'Content-Type': 'image/png'}, b'x')}) as s:
        s.pages['/'] = page('<a href=/plain>plain</a><main>loading</main><img src=/i.png>' + script % other.port, '<title>Before</title>')
        s.pages['/plain'] = page('words', '<title>Plain</title>')
        db = crawl(tmp_path/'j.sqlite', s.url + '/', javascript=True, timeout=6, resources=False)
        raw, after = (rows(db, 'select title, h1 from page where id=1')[0],
                      rows(db, 'select title, h1, links, error, console from rendered where page=1')[0])
        assert raw == ('Before', None) and after[:2] == ('After', 'Made') and after[3] is None and 'error: oh' in after[4]
        assert {u.removeprefix(s.url) for u, in rows(db, 'select url from link join page on page.id=target where rendered=1')} == {
            '/made', '/late'} and {u.removeprefix(s.url) for u, in rows(db, "select url from page where state='done'")} == {'/', '/plain',
                '/made', '/late'}
        assert not other.asked and '/i.png' not in s.asked, 'a page may not make the browser reach what the user did not name'
        assert rows(db,
                    "select rendered.error from rendered join page on page.id=page where url like '%/late'") == [
                        ('timeout',)], 'a page that never ends costs itself alone'
        assert one(db, "select count(*) from rendered where error is null") == 3
    assert not (tmp_path/'j.browser').exists()
