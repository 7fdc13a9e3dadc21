"The link graph as a flow: without a page, in the page, and through a crash of the server."
import contextlib, csv, json, os, random, signal, sqlite3, subprocess, sys, time
from conftest import root
from link_site import Site, crawl, room, told
from test_link_crawl import web

def alone(out, *args):
    env = {k: v for k, v in os.environ.items() if not k.startswith('PIANOLA_')} | {'OLLAMA_HOST': '127.0.0.1:9'}
    return subprocess.run([sys.executable, '-m', 'pianola', 'run', 'link_graph', *args, '--out', str(out)], cwd=root, env=env,
                          capture_output=True, text=True, timeout=300)

def test_without_a_page_a_site_becomes_tables_a_picture_and_a_file(tmp_path):
    with Site(web(30)) as s:
        p = alone(tmp_path/'o', f'url={s.url}/', 'pages=40')
        assert p.returncode == 0, p.stderr + p.stdout
        out = tmp_path/'o'
        pages, edges, findings = (list(csv.DictReader((out/f'{n}.csv').open(encoding='utf-8-sig'))) for n in ('pages', 'edges', 'findings'))
        db = sqlite3.connect(out/'crawl.sqlite')
        assert db.execute(
            "select count(*) from page where state='done' and internal and source!='resource'").fetchone()[0] == 40 == json.loads(
                (out/'crawl.json').read_text())['counts']['pages']
        assert (pages[0]['url'] == s.url + '/' and len(edges) >= db.execute("select count(*) from link where kind='a'").fetchone()[0] > 100
                and {'source', 'target', 'anchor'} <= set(edges[0]) and findings)
        assert (out/'xray.png').read_bytes().startswith(b'\x89PNG')
    p = alone(tmp_path/'o2', 'url=http://localhost:9/', 'pages=5')
    assert (p.returncode == 0 and json.loads((tmp_path/'o2/crawl.json').read_text())['counts']['do not answer'] == 0
            and json.loads((tmp_path/'o2/crawl.json').read_text())['counts']['blocked by robots.txt'] == 1)
    assert 'no address' in alone(tmp_path/'o4', 'pages=5').stderr

def steps(s): return {x['step']: x for x in s.act('link_graph.show')['result']['steps']}

def test_the_server_killed_ten_times_and_the_crawler_with_it_the_crawl_equals_the_undisturbed_one(serve, tmp_path):
    seed = int(os.environ.get('PIANOLA_TEST_SEED') or random.randrange(10**6))
    print(f'PIANOLA_TEST_SEED={seed}')
    rng = random.Random(seed)
    with Site(web(100)) as site:
        # then it answers hardly at all: a busy machine needs long for its kills, and the crawl has to outlive them
        most = 60
        site.delay = lambda: .8 if len(site.asked) < most else 15
        start = lambda: serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')})
        s = start()
        s.act('link_graph.begin', url=site.url)
        job, seen = steps(s)['crawl']['job'], 0
        pid = lambda: sqlite3.connect(tmp_path/'data/pianola.db').execute('select pid from job where id=?', (job,)).fetchone()[0]
        # twice its crawler dies with it, which is noticed when nothing was heard of it for six seconds
        both = {rng.randrange(1, 3), rng.randrange(6, 9)}
        for n in range(10):
            if n == 5: s.until(lambda: len(site.asked) > 40)
            time.sleep(rng.uniform(0, .4))
            assert steps(s)['crawl']['state'] == 'running', f'the crawl must outlive the {n+1}. kill, to be disturbed by it'
            s.kill()
            if n == 5:                                      # without a server its crawler goes on by itself
                before, until = len(site.asked), time.monotonic() + 60
                most = before + 40
                while len(site.asked) < before + 20 and time.monotonic() < until: time.sleep(.05)
                assert len(site.asked) >= before + 20
            if n in both and (p := pid()):
                with contextlib.suppress(ProcessLookupError):       # the one before is not yet replaced
                    os.kill(p, signal.SIGKILL if os.name == 'posix' else signal.SIGTERM)
                    seen += 1
            s = start()
        site.delay = 0
        s.until(lambda: steps(s)['export']['state'] == 'open', 180)
        assert steps(s)['crawl']['job'] == job and seen and len(site.asked) > 200
        db = room('schema').open(tmp_path/f'data/plugins/link_graph/{job}.sqlite')
        asked = json.loads(db.execute("select value from crawl where key='asked'").fetchone()[0])
        whole = crawl(tmp_path/'whole.sqlite', **{'start' if k == 'starts' else k: v for k, v in asked.items()})
        room('graph').finish(whole)
        room('findings').find(whole)
        # but for how long the answers took
        found = lambda d: [tuple(r)
                           for r in d.execute(
                               'select kind, page, other, severity, detail from finding where substr(kind,1,4)<>? order by 1, 2, 3, 5', ('slow',))]
        assert told(db) == told(whole) and found(db) == found(whole) != [] and db.execute('pragma integrity_check').fetchone()[0] == 'ok'
        assert db.execute("select count(*) from event where kind='done'").fetchone()[0] == 1
        # the keys
        found = s.act('link_graph.filter', only='4')['result']
        assert found['pages'] == db.execute('select count(*) from page where status between 400 and 499').fetchone()[0] > 0
        kind = db.execute('select kind from finding limit 1').fetchone()[0]
        opened = s.act('link_graph.finding', kind=kind)['result']
        assert opened['why'] and opened['fix'] and opened['pages'] > 0
        status, said = s.post('/api/actions/link_graph.finding', {'kind': 'nonsense'})
        assert status == 400 and 'there is no finding nonsense' in said['error'] and s.post('/api/actions/link_graph.pause')[0] == 409
        for path in ('', '/table'): assert s.get(f'/link_graph/picture/{job}{path}')[0] == 200
        assert s.get('/link_graph/picture/99999')[0] == 404 and s.get('/link_graph/picture/..%2Fx')[0] == 404
        html = s.get('/link_graph', HX_Request='true')[1]
        assert 'id="link_graph-panel"' in html and site.url in html

def test_a_crawl_is_begun_paused_and_ended_by_keys(serve, tmp_path):
    with Site(web(150), delay=.04) as site:
        s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')})
        said = s.act('link_graph.begin', url=site.url, pages=5000)['result']
        assert said['url'] == site.url + '/' and 'pages' in said['estimate']
        s.until(lambda: len(site.asked) > 30)
        s.act('link_graph.pause')
        def still():
            n = len(site.asked)
            time.sleep(.6)
            return len(site.asked) == n
        s.until(still)
        s.act('link_graph.go_on')
        n = len(site.asked)
        s.until(lambda: len(site.asked) > n)
        s.act('link_graph.enough')
        s.until(lambda: steps(s)['draw']['state'] == 'done', 180)
        counts = steps(s)['crawl']['result']['counts']
        assert counts['ended'] == 'stopped' and 0 < counts['pages'] < 300
