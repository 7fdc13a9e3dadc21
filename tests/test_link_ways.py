"""Sites behind a password, a proxy or a certificate that nobody trusts: crawled when the user says
so, and what is secret stays secret. And what two tabs, two runs and a script without a page meet."""
import json, sqlite3, zipfile
from urllib.parse import quote
import pytest
from conftest import root
from link_defects import Shop
from link_site import Proxy, Site, basic, crawl, page, room
from test_link_crawl import web
from test_link_flow import alone, steps

word = 'hunter:2/ü@x'          # a password that has to be escaped in an address
typed = quote(word, safe='')

def states(db): return {u: s for u, s in db.execute('select url, status from page')}

# a site that asks who is there

def test_a_site_with_a_password_is_crawled_with_it_and_nobody_else_hears_of_it(tmp_path):
    with Site({'/': page('<a href=/a>a</a>'), '/a': page('a')}, login=('ann', word)) as s, Site({'/': page('free')}) as other:
        s.pages['/a'] = page(f'<a href={other.url}/>other</a><a href=http://bob:pw@localhost:{s.port}/b>b</a>')
        db = crawl(tmp_path/'1.sqlite', [s.url + '/', other.url + '/'], {'logins': {s.url: ('ann', word)}})
        assert {u.removeprefix(s.url): n for u, n in states(db).items() if u.startswith(s.url)} == {'/': 200, '/a': 200, '/b': 404}
        assert ({h.get('Authorization') for _, h in s.heads} == {basic('ann', word)} and other.heads
                and not any('Authorization' in h for _, h in other.heads))
        assert states(crawl(tmp_path/'2.sqlite', s.url + '/'))[s.url + '/'] == 401
        assert not [f for f in tmp_path.iterdir() if word.encode() in f.read_bytes()]

def test_a_password_in_an_address_is_used_for_the_crawl_and_written_down_nowhere_but_among_the_secrets(serve, upstream, tmp_path):
    model = upstream(['Fine.'])
    with Site(web(10), login=('ann', word)) as site:
        s = serve(tmp_path/'data', env=model.env)
        s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
        address = site.url.replace('://', f'://ann:{typed}@') + '/'
        run = s.act('link_graph.start')['result']['run']
        # typed, letter by letter
        for n in range(12, len(address) + 1, 3): assert s.post(f'/api/runs/{run}/drafts/site', {'url': address[:n]})[0] == 200
        assert s.post(f'/api/runs/{run}/steps/site', {'url': address, 'how': 'nonsense'})[0] == 422
        assert s.post(f'/api/runs/{run}/steps/site', {'url': address, 'how': 'follow its links'})[0] == 200
        s.until(lambda: steps(s)['how_far']['state'] == 'open')
        assert steps(s)['site']['inputs']['url'] == site.url + '/' and 'answers 200' in steps(s)['site']['result']['look']
        s.act('link_graph.run', step='how_far')
        s.until(lambda: steps(s)['crawl']['state'] == 'open')
        s.act('link_graph.run', step='crawl')
        s.until(lambda: steps(s)['export']['state'] == 'open', 180)
        assert steps(s)['crawl']['result']['counts']['pages'] > 15
        s.act('link_graph.run', step='export', values={'workbook': True, 'gephi': True})
        s.until(lambda: steps(s)['export']['state'] == 'done', 180)
        s.act('link_graph.begin', url=address, pages=5)
        ws = s.get('/link_graph', HX_Request='true')[1] + json.dumps(s.get('/api/roll?limit=500')[1]) + json.dumps(
            s.get('/api/conversation?hidden=1')[1]) + ''.join(s.lines) + json.dumps(model.asked)
        for secret in (word, typed, 'ann:'): assert secret not in ws
        assert s.stop() == 0
    kept = {f.relative_to(tmp_path/'data').as_posix() for f in (tmp_path/'data').rglob('*') if f.is_file()
            and any(x in f.read_bytes() for x in (word.encode(), typed.encode(), json.dumps(word)[1:-1].encode(), b'hunter'))}
    assert kept == {'secrets.json'}

def test_a_login_is_forgotten_when_it_is_written_empty(tmp_path, serve):
    with Site({'/': page('in')}, login=('ann', word)) as site:
        s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')})
        for address, answer in ((f'http://ann:{typed}@localhost:{site.port}', 'answers 200'), (site.url, 'answers 200'),
                                (f'http://@localhost:{site.port}', 'answers 401')):
            s.act('link_graph.start')
            s.act('link_graph.run', values={'url': address})
            assert answer in s.until(lambda: steps(s)['site'].get('result'))['look'], address

# by way of a proxy

def test_a_crawl_goes_through_the_proxy_of_the_settings_and_its_password_is_a_secret(serve, tmp_path):
    with Site({'/': page('<a href=/a>a</a>', '<title>Behind the proxy</title>'), '/a': page('a')}) as site, Proxy(
            {'shop.example:80': site.port}, login=('px', word)) as proxy:
        s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')})
        assert s.post('/api/settings/link_graph', {'proxy': proxy.url.replace('://', f'://px:{typed}@')})[0] in (200, 204)
        s.until(lambda: proxy.url in s.get('/settings', HX_Request='true')[1])
        assert 'px:' not in s.get('/settings', HX_Request='true')[1]
        s.act('link_graph.begin', url='http://shop.example/', pages=5)
        found = s.until(lambda: steps(s)['examine'].get('result'), 180)
        assert 'Behind the proxy' in steps(s)['site']['result']['look'] and steps(s)['crawl']['result']['counts']['pages'] == 2 and found['kinds']
        assert {who for _, _, who in proxy.heard} == {basic('px', word)} and {h.get('Host') or h['host'] for _, h in site.heads} == {'shop.example'}
        assert not any('Authorization' in h for _, h in site.heads)
        s.stop()
    assert not [f for f in (tmp_path/'data').rglob('*') if f.is_file() and f.name != 'secrets.json' and (typed.encode() in f.read_bytes()
        or b'hunter' in f.read_bytes())]

def test_what_a_proxy_refuses_is_said_and_it_opens_no_way_into_this_network(tmp_path):
    with Site({'/': page('private')}) as inside, Site(
            {'/': page(f'<a href=http://127.0.0.1:{inside.port}/>in</a><a href=http://localhost:{inside.port}/>in</a><a '
                       f'href=http://nobody.example/>no</a>')}) as site, Proxy({'shop.example:80': site.port}) as proxy:
        db = crawl(tmp_path/'1.sqlite', 'http://shop.example/', {'proxy': proxy.url}, external=True, obey=False, speed=1000, tries=1)
        kept = {r[0]: tuple(r)[1:] for r in db.execute('select url, status, error from page')}
        assert kept['http://shop.example/'][0] == 200 and not inside.asked and kept['http://nobody.example/'][0] == 502
    db = crawl(tmp_path/'2.sqlite', 'http://shop.example/', {'proxy': proxy.url}, speed=1000, tries=1, obey=False)
    assert db.execute('select error from page').fetchone()[0] == 'proxy'

# https, on the whole way: a web of names that only a proxy on this machine knows, with certificates that nobody trusts

@pytest.fixture
def a_web(tmp_path):
    "web(shop, more): the shop at https://shop.example, `more` at http://shop.example, another site at https://other.example; → {kind: {where}}"
    def crawled(shop, more, others=(), **asked):
        with Site(tls='shop.example') as safe, Site(more) as plain, Site(dict(others), tls='other.example') as other, Proxy(
                {'shop.example:443': safe.port, 'shop.example:80': plain.port, 'other.example:443': other.port}) as proxy:
            safe.server.RequestHandlerClass.version_string = lambda self: 'web'
            safe.pages = shop.pages('https://shop.example')
            db = crawl(tmp_path/'web.sqlite', 'https://shop.example/', {'proxy': proxy.url}, speed=1000, **{'unverified': True, **asked})
            room('graph').finish(db), room('findings').find(db, shop.limits)
            out = {}
            for kind, url in db.execute('select f.kind, p.url from finding f left join page p on p.id=f.page'):
                out.setdefault(kind, set()).add((url or '').replace('https://shop.example', ''))
            return out, db
    return crawled

def test_a_certificate_that_cannot_be_verified_stops_the_crawl_unless_the_user_says_so_and_then_is_a_finding(a_web):
    found, db = a_web(Shop(), {}, unverified=False)
    # nobody knows what its robots.txt says
    assert (db.execute('select state, status from page where url=?', ('https://shop.example/',)).fetchone()[:] == ('blocked', None)
            and 'certificate' not in found)
    assert db.execute('select status, error from robots').fetchone()[:] == (0, 'tls')

def test_a_clean_site_on_https_has_that_finding_alone(a_web):
    found, db = a_web(Shop(), {})
    assert found == {'certificate': {'/'}}, found
    assert ('unable to get local issuer certificate' in room('findings').rows(db, 'certificate')[0]['text']
            and db.execute(
                "select count(*) from page where status=200 and url like 'https://shop.example/%' and source<>'resource'").fetchone()[0] == 21)

def test_what_is_wrong_with_https_and_with_links_to_other_sites_is_found_where_it_is_served(a_web):
    shop, saw, oil, wax = Shop(), '/tools/saw/', '/guides/oil/', '/guides/wax/'
    plain = {'/terms-old/': page('<h1>Old terms</h1>', '<title>The old terms</title>'),
             '/back/': (301, {'Location': 'https://shop.example/'}, b''), '/x.png': (200, {'Content-Type': 'image/png'}, b'x')}
    shop.docs[saw].body = '<img src=http://shop.example/x.png alt="A saw, seen from above" width=1 height=1><a href=http://shop.example/terms-old/>The old terms</a>'
    shop.docs[oil].headers.pop('Strict-Transport-Security')
    shop.docs[wax].body = '<a href=https://other.example/gone/>A page that was there</a> <a href=https://other.example/moved/>A page that moved</a> <a href=https://other.example/here/>A page that is here</a>'
    shop.moved('/down/', 'http://shop.example/terms-old/')
    found, db = a_web(shop, plain, {'/here/': page('here'), '/moved/': (301, {'Location': 'https://other.example/here/'}, b'')}, external=True)
    assert (found['mixed_content'] == {saw} and saw in found['insecure_links'] and found['hsts_missing'] == {oil}
            and found['redirect_insecure'] == {'/down/'} and found['insecure_page'] == {'http://shop.example/terms-old/'})
    assert found['external_dead'] == {wax} and found['external_redirect'] == {wax} and found['certificate'] == {'/'}
    assert db.execute("select status from page where url='https://other.example/here/'").fetchone()[0] == 200

def test_one_that_was_typed_is_told_before_it_is_crawled_and_its_password_is_not_said_to_a_host_that_nobody_vouches_for(tmp_path):
    import asyncio
    with Site({'/': page('in', '<title>Inside</title>')}, tls='localhost', login=('ann', word)) as s:
        seen = asyncio.run(room('look').look([s.url + '/'], logins={s.url: ('ann', word)}))
        assert 'cannot be verified' in room('look').said(seen) and seen['answers'] == 401 and not any('Authorization' in h for _, h in s.heads)
        assert states(crawl(tmp_path/'1.sqlite', s.url + '/', {'logins': {s.url: ('ann', word)}}, unverified=True))[s.url + '/'] == 200

# a browser for JavaScript goes the same way

def test_the_browser_that_runs_javascript_has_the_password_too(tmp_path):
    if not room('javascript').find(): pytest.skip('no Chromium, Chrome or Edge on this machine')
    with Site({'/': page('<script>document.title = "Made by a script"</script>')}, tls='localhost', login=('ann', word)) as s:
        db = crawl(tmp_path/'1.sqlite', s.url + '/', {'logins': {s.url: ('ann', word)}}, unverified=True, javascript=True)
        assert [tuple(r) for r in db.execute('select title, error from rendered')] == [('Made by a script', None)]

# two tabs

def test_two_tabs_on_two_runs_each_show_their_own_crawl_and_their_buttons_press_their_own(server_page, tmp_path):
    s, open_tab = server_page
    with Site(web(150)) as one, Site(web(150)) as two:
        for x in (one, two): x.delay = lambda x=x: .6 if len(x.asked) < 60 else 5          # neither is over before it is stopped
        runs = [s.act('link_graph.begin', url=x.url, pages=500)['result']['run'] for x in (one, two)]
        first, second = (open_tab(f'{s.url}/link_graph?run={r}') for r in runs)
        for tab, site in ((first, one), (second, two)): tab.locator('#link_graph-panel .lg-head strong', has_text=site.url).wait_for()
        for tab in (first, second): tab.locator('#link_graph-panel[data-state=running]').wait_for()
        first.locator('#link_graph-panel').get_by_role('button', name='Pause').click()
        first.locator('#link_graph-panel[data-state=paused]').wait_for()
        assert second.locator('#link_graph-panel').get_attribute('data-state') == 'running'
        s.act('link_graph.enough', run=runs[1])
        second.locator('#link_graph-panel[data-state=stopped]').wait_for()
        assert (first.locator('#link_graph-panel').get_attribute('data-state') == 'paused'
                and first.locator('#link_graph-panel .lg-head strong').inner_text() == one.url + '/')
        s.act('link_graph.enough', run=runs[0])
        first.locator('#link_graph-panel .lg-finding').first.wait_for(timeout=180_000)
        second.locator('#link_graph-panel .lg-finding').first.wait_for(timeout=180_000)
        first.locator('#link_graph-panel .lg-finding').first.focus()
        first.keyboard.press('Enter')
        first.locator('#link_graph-panel .lg-why').wait_for()
        first.locator('#link_graph-panel .lg-finding[aria-pressed=true]:focus').wait_for()            # the keyboard stays where it was
        assert second.locator('#link_graph-panel .lg-why').count() == 0

@pytest.fixture
def server_page(serve, tmp_path, browser):
    s, tabs = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')}), []
    def open_tab(url):
        tabs.append(t := browser.new_page())
        t.goto(url)
        return t
    yield s, open_tab
    for t in tabs: t.close()

# without a page, and small things

def test_a_file_is_named_by_its_path_without_a_page(tmp_path):
    with Site(web(5)) as s:
        (tmp_path/'list.txt').write_text(f'{s.url}/p/1\n{s.url}/p/2?x=1\nnonsense nonsense\n')
        p = alone(tmp_path/'o', 'how=only these addresses', f"table={tmp_path/'list.txt'}", 'tables=none')
        assert p.returncode == 0, p.stderr + p.stdout
        assert {u for u, in sqlite3.connect(tmp_path/'o/crawl.sqlite').execute("select url from page where source='list'")} == {
            f'{s.url}/p/1', f'{s.url}/p/2?x=1'}
        with zipfile.ZipFile(tmp_path/'o/run.zip') as z:
            assert any('list.txt' in z.read(n).decode('utf-8', 'replace') for n in z.namelist() if n.endswith('.json'))
    assert 'there is no file' in alone(tmp_path/'o2', 'how=only these addresses', 'table=/nowhere/list.txt').stderr

def test_no_name_of_the_plugin_hides_one_of_its_modules():
    import ast
    here = root/'plugins/45_link_graph'
    said = {n.name for n in ast.parse((here/'__init__.py').read_text('utf-8')).body
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))} | {t.id
                for n in ast.parse((here/'__init__.py').read_text('utf-8')).body if isinstance(n, ast.Assign)
                for t in n.targets if isinstance(t, ast.Name)}
    assert not said & {f.stem for f in here.glob('*.py')}

def test_what_botify_calls_a_page_stays_when_the_graph_is_computed(tmp_path):
    db = room('schema').open(tmp_path/'b.sqlite', fresh=True)
    db.executemany("insert into page(url,internal,state,status,type,section) values (?,1,'done',200,'text/html',?)",
                   [('https://a.example/', 'home'), ('https://a.example/shop/1', 'product'), ('https://a.example/blog/2', None)])
    room('graph').finish(db)
    room('graph').finish(db)
    assert [r[0] for r in db.execute('select section from page order by id')] == ['home', 'product', '/blog/']

# in the chat

def test_a_question_about_the_findings_is_answered_by_code_at_once_and_all_else_by_the_model(serve, upstream, page):
    model, shop = upstream(['Good morning.']), Shop()
    s = serve(env=model.env)
    s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
    s.post('/api/settings/link_graph', {'comments': 'false'})
    shop.docs['/tools/saw/'].title = None
    with shop.served() as site:
        s.act('link_graph.begin', url=site.url + '/')
        s.until(lambda: steps(s)['export']['state'] == 'open', 180)
        page.goto(s.url + '/link_graph')
        def say(text):
            page.fill('#msg', text)
            page.press('#msg', 'Enter')
        for asked, answered in (('Please show me the pages without a title', '“No title”: 1 page, shown on the left.'),
                                ('Which pages are purple?', 'There is no finding'),
                                ('compare it with the crawl before', 'There is no earlier crawl')):
            say(asked)
            page.locator('#msg-list > [data-role=app]', has_text=answered).wait_for()
        page.locator('#link_graph-rows .lg-url', has_text='/tools/saw/').wait_for()
        assert page.locator('#link_graph-rows .lg-url').count() == 1 and not model.asked
        say('How do you do?')
        page.locator('#msg-list > [data-role=assistant]', has_text='Good morning.').wait_for()
        assert len(model.asked) == 1 and page.locator('#msg-list > [data-role=assistant]').count() == 1
        page.goto(s.url + '/tasks')
        say('Which pages have no title?')                      # the phrases are those of the plugin that is open
        page.locator('#msg-list > [data-role=assistant]', has_text='Good morning.').nth(1).wait_for()
    s.stop()

@pytest.mark.parametrize('words, kind', [('pages without title', 'title_missing'), ('pages have no description', 'description_missing'),
                                         ('404s', 'not_found'), ('broken links', 'dead_links'), ('broken images', 'broken_image'),
                                         ('images without alt text', 'images_no_alt'), ('duplicate titles', 'title_duplicate'),
                                         ('orphan pages', 'orphan'),
    ('redirect chains', 'redirect_chain'), ('title too long', 'title_long'),
    ('missing h1', 'h1_missing'), ('server errors', 'server_error'), ('pages ohne titel', 'title_missing'), ('noindex', 'noindex'),
    ('pages are purple', None), ('', None)])
def test_a_finding_is_named_in_words(words, kind): assert room('findings').named(words) == kind

def test_the_readme_of_the_plugin_shows_each_step_and_what_it_links_to_is_there():
    import re
    from PIL import Image
    here = root/'plugins/45_link_graph'
    text = (here/'README.md').read_text('utf-8')
    pictures = re.findall(r'!\[[^\]]{20,}\]\(([^)]+)\)', text)
    assert len(pictures) >= 6 and all((here/p).stat().st_size < 150_000 and Image.open(here/p).width > 400 for p in pictures)
    assert all((here/p).exists() for p in re.findall(r'\]\(([^)#:]+)\)', text))
    assert {p.name for p in (here/'static/readme').iterdir()} == {p.rpartition('/')[2] for p in pictures}
