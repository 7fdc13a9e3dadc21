"Botify, played by a server that behaves as its documentation says: limits, failures, files that break, restarts."
import asyncio, contextlib, csv, gzip, io, json, sys
from pathlib import Path
import pytest
from aiohttp import web
from conftest import busy
sys.path.insert(0, str(Path(__file__).parent.parent/'bench'))
from graphs import room

botify, schema = room('botify'), room('schema')
token, day = 'secret-0123456789abcdef', '20260101'
fields = ['url', 'depth', 'http_code', 'metadata.title.content', 'compliant.is_compliant', 'internal_page_rank.value',
          'outlinks_internal.nb.total', 'outlinks_internal.graph.url', 'segments.pagetype.value']
site = [('https://shop.test/', 0, 200, 'Shop', 'true', 9.5, 2), ('https://shop.test/a', 1, 200, '=A', 'true', 5, 2),
        ('https://shop.test/b', 1, 404, '', 'false', 3, 0), ('https://shop.test/deep', 2, 200, 'Deep', 'true', 1, 5)]
links = [('https://shop.test/', 'https://shop.test/a'), ('https://shop.test/', 'https://shop.test/b'),
         ('https://shop.test/a', 'https://shop.test/'), ('https://shop.test/a', 'https://shop.test/deep')]

class Double:
    "A Botify: what is asked is kept in `seen`; `trouble` says what goes wrong, and how often"
    def __init__(self, **trouble): self.trouble, self.seen, self.jobs, self.polls = trouble, [], [], {}
    def goes_wrong(self, what):
        if self.trouble.get(what, 0) > 0:
            self.trouble[what] -= 1
            return True
    async def __aenter__(self):
        app = web.Application()
        app.router.add_route('*', '/{tail:.*}', self.answer)
        self.runner = web.AppRunner(app, shutdown_timeout=.2)
        await self.runner.setup()
        server = web.TCPSite(self.runner, '127.0.0.1', 0)
        await server.start()
        self.url = f'http://127.0.0.1:{self.runner.addresses[0][1]}'
        return self
    async def __aexit__(self, *_): await self.runner.cleanup()
    def error(self, status, code, message='no', detail=None):
        return web.json_response({'error': {'error_code': code, 'message': message, 'error_detail': detail}}, status=status)
    async def answer(self, r):
        body = await r.json() if r.can_read_body else None
        self.seen.append((r.method, r.path, dict(r.query), body, r.headers.get('Authorization')))
        if r.path.startswith('/files/'): return self.file(r)
        if r.headers.get('Authorization') != f'Token {token}': return self.error(401, 1001, f'bad token {r.headers.get("Authorization")}')
        if self.goes_wrong('429'): return self.error(429, 1053, 'rate limit')
        if r.method == 'GET' and self.goes_wrong('500'): return web.Response(status=502, text='<html>bad gateway')
        p = r.path
        if p == '/analyses/org/shop/light':
            return web.json_response({'count': 3, 'next': None,
                                      'results': [{'slug': '20251201', 'status': 'success'}, {'slug': day, 'status': 'success'},
                                                  {'slug': '20260102', 'status': 'crawling'}]})
        if p == f'/projects/org/shop/collections/crawl.{day}':
            return web.json_response(
                {'datasets': [{'fields': [{'id': f'crawl.{day}.{f}' if f != 'url' else f} for f in self.trouble.get('fields', fields)]}]})
        if p == '/projects/org/shop/query':
            return web.json_response({'results': [{'dimensions': [d], 'metrics': [n]} for d, n in ((2, 5), (0, 2), (1, 2))]})
        if p == '/jobs' and r.method == 'GET':
            page = int(r.query.get('page', 1))
            assert r.query['job_type'] == 'export' and r.query['project'] == 'shop'
            return web.json_response({'results': [] if self.goes_wrong('unlisted') else self.jobs[page-1:page],
                                      'next': 'more' if page < len(self.jobs) else None})
        if p == '/jobs': return await self.job(body)
        if p.startswith('/jobs/'):
            job = next((j for j in self.jobs if j['job_id'] == int(p.split('/')[2])), None)
            if not job: return self.error(404, 1000)
            self.polls[job['job_id']] = n = self.polls.get(job['job_id'], 0) + 1
            job['job_status'] = 'PROCESSING' if n < 3 else 'FAILED' if self.goes_wrong('failed') else self.trouble.get('word', 'DONE')
            return web.json_response({**job, 'results': {'download_url': f'{self.url}/files/{job["job_id"]}.csv.gz?signature=s3cr3t',
                                                         'nb_lines': 4} if n >= 3 else None})
        return self.error(404, 1000, p)
    async def job(self, body):
        if self.goes_wrong('running'): return self.error(400, 1058, 'already running')
        if self.goes_wrong('plan'): return self.error(403, 1035, 'plan', {'need': 'pro'})
        payload = body['payload']
        assert (body['job_type'] == 'export' and payload['connector'] == 'direct_download' and payload['export_size'] <= 1_000_000
                and payload['formatter_config']['header_format'] == 'slug' and payload['formatter_config']['print_delimiter'] is False)
        self.jobs.append(job := {'job_id': len(self.jobs) + 1, 'job_status': 'CREATED', 'payload': payload, 'results': None})
        if self.goes_wrong('silent'): await asyncio.sleep(30)
        if self.goes_wrong('taken, then 502'): return web.Response(status=502)
        return web.json_response(job, status=201)
    def file(self, r):
        assert 'Authorization' not in r.headers, 'the token was sent to where files lie'
        payload = self.jobs[int(r.path.split('/')[2].split('.')[0]) - 1]['payload']
        names = payload['query']['query']['dimensions']
        f, w = io.StringIO(), None
        w = csv.writer(f)
        if self.trouble.get('sep'): f.write('sep=,\n')
        if self.trouble.get('labels', 'slug') == 'slug': w.writerow([n.removeprefix(f'crawl.{day}.') for n in names])
        elif self.trouble['labels'] == 'full': w.writerow(names)
        elif self.trouble['labels'] == 'verbose': w.writerow([f'The {n.split(".")[-1]} {i}' for i, n in enumerate(names)])
        kept = dict(zip(['url', 'depth', 'http_code', 'metadata.title.content', 'compliant.is_compliant', 'internal_page_rank.value',
                         'segments.pagetype.value'], range(7)))
        if any(n.endswith('graph.url') for n in names): w.writerows(links)
        else: w.writerows([[(*row[:6], 'shop')[kept[n.removeprefix(f'crawl.{day}.')]] for n in names] for row in site])
        data = gzip.compress(f.getvalue().encode())
        if self.goes_wrong('cut'): data = data[:-20]
        return web.Response(body=data, content_type='application/gzip')
    def posts(self): return [s for s in self.seen if s[:2] == ('POST', '/jobs')]

async def nap(_): await asyncio.sleep(0)

async def fetch(double, db, folder, **more):
    return await botify.fetch(db, more.pop('token', token), 'https://app.botify.com/org/shop/', folder, at=double.url, every=0, sleep=nap,
                              **{'wait': 1 if 'silent' in double.trouble else 20, **more})

@pytest.fixture
def db(tmp_path): return schema.open(tmp_path/'b.db', fresh=True)

def kept(db):
    return ([tuple(r) for r in db.execute('select url,depth,status,title,indexable,section from page order by url')], [tuple(r)
        for r in db.execute('select s.url,t.url from link l join page s on s.id=l.source join page t on t.id=l.target order by l.id')])
def right(db):
    found, edges = kept(db)
    assert found == [(u, d, s, t or None, int(c == 'true'), 'shop') for u, d, s, t, c, *_ in site] and edges == links

@pytest.mark.parametrize('trouble', [{}, {'sep': 1}, {'labels': 'full'}, {'labels': 'verbose'}, {'labels': 'none'},
                                     {'sep': 1, 'labels': 'verbose'}, {'429': 5}, {'500': 3}, {'cut': 3}, {'word': 'COMPLETE'},
                                     {'taken, then 502': 1}, {'taken, then 502': 2, 'unlisted': 1}, {'silent': 1}], ids=str)
async def test_whatever_goes_wrong_the_pages_and_links_are_there_and_each_export_was_sent_once(db, tmp_path, trouble):
    async with Double(**trouble) as d:
        r = await fetch(d, db, tmp_path/'f')
        right(db)
        assert (r['pages'], r['links'], r['depth'], r['links_counted']) == (4, 4, 2, 9) and len(d.jobs) == 2
        assert len(d.posts()) == 2 or '429' in trouble          # what was refused as too often was not taken, and is sent again
        assert not list((tmp_path/'f').iterdir())

async def test_links_go_as_deep_as_an_export_may_be_large(db, tmp_path):
    async with Double() as d:
        assert (await fetch(d, db, tmp_path/'f', most=5))['depth'] == 1
        assert d.jobs[1]['payload']['query']['query']['filters'] == {'field': f'crawl.{day}.depth', 'predicate': 'lte', 'value': 1}

async def test_a_field_that_is_missing_is_said_before_anything_is_exported(db, tmp_path):
    async with Double(fields=[f for f in fields if f != 'http_code'] + ['http_codes']) as d:
        with pytest.raises(botify.Botify, match='has no field http_code .is it http_codes'): await fetch(d, db, tmp_path/'f')
        assert not d.posts()

async def test_no_answer_and_no_job_in_the_list_is_told_and_never_sent_again_by_itself(db, tmp_path):
    async with Double(**{'taken, then 502': 1, 'unlisted': 99}) as d:
        for _ in range(2):
            with pytest.raises(botify.Unsure): await fetch(d, db, tmp_path/'f')
        assert len(d.posts()) == 1
        d.trouble['unlisted'] = 0                                                   # now it is in the list
        await fetch(d, db, tmp_path/'f')
        right(db)
        assert len(d.posts()) == 2

async def test_after_an_hour_a_list_that_has_it_not_is_believed(db, tmp_path):
    async with Double(**{'taken, then 502': 1, 'unlisted': 99}) as d:
        with pytest.raises(botify.Unsure): await fetch(d, db, tmp_path/'f')
        key = f'org/shop {day} pages'
        botify.note(db, key, {**botify.note(db, key), 'at': botify.note(db, key)['at'] - 4000})
        await fetch(d, db, tmp_path/'f')
        right(db)
        assert len(d.posts()) == 3

async def test_another_run_of_the_same_analysis_uses_the_exports_that_were_made(db, tmp_path):
    ledger, second = schema.open(tmp_path/'ledger.db', fresh=True), schema.open(tmp_path/'second.db', fresh=True)
    async with Double() as d:
        await fetch(d, db, tmp_path/'f', ledger=ledger)
        await fetch(d, second, tmp_path/'g', ledger=ledger)
        right(second)
        assert len(d.posts()) == 2
        d.jobs.clear()                                                              # Botify forgot them
        await fetch(d, schema.open(tmp_path/'third.db', fresh=True), tmp_path/'h', ledger=ledger)
        assert len(d.posts()) == 4

@pytest.mark.parametrize('after', range(1, 16))
async def test_cut_off_at_any_request_it_goes_on_with_the_same_jobs(tmp_path, after):
    "The process is gone after so many requests; another one begins with the file that is there"
    db = schema.open(tmp_path/'b.db', fresh=True)
    async with Double() as d:
        task, seen = asyncio.create_task(fetch(d, db, tmp_path/'f')), None
        with contextlib.suppress(asyncio.CancelledError):
            while not task.done() and len(d.seen) < after: await asyncio.sleep(.001)      # noqa: ASYNC110  it is the server that counts
            task.cancel()
            seen = await asyncio.gather(task, return_exceptions=True)
        assert not seen or isinstance(seen[0], (dict, asyncio.CancelledError))
        if not isinstance((seen or [None])[0], dict):
            db.close()
            db = schema.open(tmp_path/'b.db')
            await fetch(d, db, tmp_path/'f')
        right(db)
        assert len(d.posts()) == 2 == len(d.jobs)

@pytest.mark.parametrize('trouble,words', [({'plan': 1}, 'plan'), ({'failed': 1}, 'failed'), ({'cut': 9}, 'could not be fetched whole'),
                                           ({'429': 99}, 'too often'), ({'running': 9}, 'runs already')])
async def test_what_cannot_be_had_is_said_in_words(db, tmp_path, trouble, words):
    async with Double(**trouble) as d:
        with pytest.raises(botify.Botify, match=words): await fetch(d, db, tmp_path/'f')
        assert db.execute('select count(*) from page').fetchone()[0] == 0

async def test_an_export_that_failed_is_begun_again_by_the_user_and_not_by_itself(db, tmp_path):
    async with Double(failed=1) as d:
        for _ in range(2):
            with pytest.raises(botify.Botify, match='failed'): await fetch(d, db, tmp_path/'f', by=7)
        assert len(d.posts()) == 1
        await fetch(d, db, tmp_path/'f', by=8)
        right(db)

async def test_the_token_is_nowhere_but_in_the_header(db, tmp_path):
    async with Double() as d:
        wrong = 'wrong-token-that-is-long-9999'
        with pytest.raises(botify.Botify) as e: await fetch(d, db, tmp_path/'f', token=wrong)
        assert wrong not in str(e.value) + repr(e.value) and 'not accepted' in str(e.value)
        await fetch(d, db, tmp_path/'f')
    db.execute('pragma wal_checkpoint(truncate)')
    assert all(token.encode() not in f.read_bytes() for f in tmp_path.rglob('*') if f.is_file())
    assert all(token not in json.dumps(s[:4]) for s in d.seen)
    with pytest.raises(botify.Botify, match='settings'): botify.Api('  ')

async def test_at_most_five_requests_a_second():
    import time
    async with Double() as d, botify.Api(token, d.url) as api:
        t = time.monotonic()
        for _ in range(6): await api.analyses('org', 'shop')
        assert 1.0 < time.monotonic() - t < 4*busy()

@pytest.mark.parametrize('text,there', [('https://app.botify.com/org/shop/crawl', ('org', 'shop')), ('org/shop', ('org', 'shop')),
                                        ('https://evil.test/org/shop', None), ('https://app.botify.com.evil.test/org/shop', None),
                                        ('org', None), ('', None), ('../x', None), ('https://app.botify.com/org/sh%20op', None)])
def test_a_project_is_read_from_its_address(text, there):
    if there: assert botify.project(text) == there
    else:
        with pytest.raises(ValueError, match='paste its address'): botify.project(text)

@contextlib.contextmanager
def beside(double):
    "The double in a thread of its own; yields it"
    import threading
    loop = asyncio.new_event_loop()
    t = threading.Thread(target=loop.run_forever, daemon=True)
    t.start()
    try: yield asyncio.run_coroutine_threadsafe(double.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(double.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        t.join(5)

def test_in_the_flow_a_project_becomes_a_picture_and_the_token_stays_where_it_is(serve, tmp_path):
    with beside(Double()) as d:
        s = serve(tmp_path/'data', env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_MODELS_DIR': str(tmp_path/'none')})
        steps = lambda: {x['step']: x for x in s.act('link_graph.show')['result']['steps']}
        values = {'url': 'https://app.botify.com/org/shop', 'how': 'take a project of Botify'}
        s.act('link_graph.run', values=values)
        s.until(lambda: 'settings' in (steps()['site'].get('error') or ''))
        assert s.post('/api/settings/link_graph', {'botify_token': token, 'botify_api': d.url})[0] == 200
        s.act('link_graph.run', values=values)
        s.until(lambda: steps()['how_far']['state'] == 'open')
        s.act('link_graph.run', step='how_far')
        s.until(lambda: steps()['crawl']['state'] == 'open')
        s.act('link_graph.run', step='crawl')
        s.until(lambda: steps()['export']['state'] == 'open', 180)
        job = steps()['crawl']['job']
        s.kill()
    found, edges = kept(schema.open(tmp_path/f'data/plugins/link_graph/{job}.sqlite'))
    assert [f[:4] for f in found] == [(u, n, s, t or None) for u, n, s, t, *_ in site] and edges == links
    assert [f.name for f in (tmp_path/'data').rglob('*') if f.is_file() and token.encode() in f.read_bytes()] == ['secrets.json']
