"""The link graph, measured in one run: what a page costs our crawler and, on the same site and the same machine, Scrapy
and advertools; what a crawl at full speed does to the chat; a million links computed, laid out, drawn and exported.

    python bench/crawl.py [crawlers parts chat tables picture] [--pages N] [--peers FOLDER]

Scrapy and advertools are no part of the project. They are measured where they are found, in an environment of their own, which is made with

    python -m venv peers && peers/bin/pip install scrapy advertools

`--peers` names it (default: peers). Prints Markdown; processor time is that of the crawling process, from its start to its end."""
import argparse, asyncio, contextlib, json, os, subprocess, sys, tempfile, time
from pathlib import Path
from run import aiohttp, double, machine, mid, ms, pianola, row, say, tab
from graphs import make, room
from picture import measure, timed
from website import served

# crawlers

scrapy_spider = r'''
import json, sys
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor
from scrapy import Spider
start, out, pages = sys.argv[1], sys.argv[2], int(sys.argv[3])
class One(Spider):
    name, start_urls, allowed_domains, found, handle_httpstatus_all = 'one', [start], ['localhost'], LinkExtractor(), True
    def parse(self, r):
        links = self.found.extract_links(r) if 'text/html' in (r.headers.get('Content-Type') or b'').decode() else []
        one = lambda q: r.css(q).get()
        yield {'url': r.url, 'status': r.status, 'size': len(r.body), 'title': one('title::text'),
               'description': one('meta[name=description]::attr(content)'), 'canonical': one('link[rel=canonical]::attr(href)'),
               'robots': one('meta[name=robots]::attr(content)'),
               'h1': r.css('h1::text').getall(), 'h2': r.css('h2::text').getall(), 'links': [(l.url, l.text, l.nofollow) for l in links]}
        yield from r.follow_all([l.url for l in links])
p = CrawlerProcess({'FEEDS': {out: {'format': 'jsonlines'}}, 'LOG_ENABLED': False, 'ROBOTSTXT_OBEY': True, 'CONCURRENT_REQUESTS': 16,
                    'CONCURRENT_REQUESTS_PER_DOMAIN': 16, 'DOWNLOAD_DELAY': 0, 'CLOSESPIDER_ITEMCOUNT': pages,
                    'TELNETCONSOLE_ENABLED': False, 'DEPTH_LIMIT': 0})
p.crawl(One)
p.start()
'''
advertools_crawl = r'''
import sys, advertools
start, out, pages = sys.argv[1], sys.argv[2], int(sys.argv[3])
advertools.crawl(start, out, follow_links=True, allowed_domains=['localhost'], custom_settings={
    'LOG_ENABLED': False, 'ROBOTSTXT_OBEY': True, 'CONCURRENT_REQUESTS': 16, 'CONCURRENT_REQUESTS_PER_DOMAIN': 16, 'DOWNLOAD_DELAY': 0,
    'CLOSESPIDER_ITEMCOUNT': pages})
'''

def ran(*command, path=None):
    """Run to its end: (wall seconds, processor seconds of it and what it started,
    most memory in MB); the last two are NaN where the system does not say"""
    t = time.perf_counter()
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         env={**os.environ, 'PATH': os.pathsep.join(filter(None, (path, os.environ['PATH'])))}, text=True)
    said = p.stderr.read()
    if hasattr(os, 'wait4'):
        _, code, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(code)
        spent, most = used.ru_utime + used.ru_stime, used.ru_maxrss / (1024 if sys.platform != 'darwin' else 1 << 20)
    else:
        p.wait()
        spent = most = float('nan')
    if p.returncode: raise RuntimeError(f'{command[0]} ended with {p.returncode}: {said[-2000:]}')
    return time.perf_counter() - t, spent, most

def lines(path):
    "(pages, links) of a crawl in JSON lines: Scrapy's as above, or advertools'"
    pages = links = 0
    for line in path.open(encoding='utf-8'):
        one = json.loads(line)
        pages += 1
        links += len(one.get('links', ())) or len(one['links_url'].split('@@')) if one.get('links') or one.get('links_url') else 0
    return pages, links

def crawlers(o):
    "CPU per page and memory, side by side"
    folder = Path(tempfile.mkdtemp())
    peers = Path(o.peers).absolute()/('Scripts' if os.name == 'nt' else 'bin')
    python = next((str(p) for n in ('python', 'python.exe') if (p := peers/n).exists()), None)
    has = lambda name: python and not subprocess.run([python, '-c', f'import {name}'], capture_output=True).returncode
    with served(o.pages) as url:
        wall, spent, most = ran(sys.executable, str(Path(__file__)), 'one', str(folder/'ours.sqlite'), url, str(o.pages))
        with contextlib.closing(room('schema').open(folder/'ours.sqlite')) as db:
            n = db.execute("select count(*) from page where state='done'").fetchone()[0]
            links = db.execute("select count(*) from link where kind in ('a','area')").fetchone()[0]
        said = lambda n, links, wall, spent, most: (f'{spent/n*1000:.2f} ms CPU a page; {most:.0f} MB; '
                                                    f'{n/wall:.0f} pages/s ({n:,} pages, {links:,} links, {wall:.0f} s)')
        cost = spent/n
        row(f'Crawl of a site of {o.pages:,} pages', said(n, links, wall, spent, most), '', '0.8 ms, 60 MB')
        for name, code in (('scrapy', scrapy_spider), ('advertools', advertools_crawl)):
            if not has(name):
                print(f'\n{name} is not in {peers.parent}, and is left out; see the head of this file.\n', file=sys.stderr)
                continue
            (folder/f'crawl_{name}.py').write_text(code)          # a file of the module's own name would hide it
            wall, spent, most = ran(python, str(folder/f'crawl_{name}.py'), url, str(folder/f'{name}.jl'), str(o.pages), path=str(peers))
            n, links = lines(folder/f'{name}.jl')
            row(f'… beside {name}', f'{spent/n/cost:.1f} times less CPU', said(n, links, wall, spent, most))

def one(path, url, pages):
    "Our crawler by itself, as the flow runs it; images and the like are not asked for, as the others do not either"
    c = room('crawler').Crawl(path, {'starts': [url], 'pages': int(pages), 'resources': False})
    assert asyncio.run(c.run()) == 'done'

def parts(o):
    "Where the time of a page goes, in milliseconds of processor"
    read, crawler = room('read'), room('crawler')
    from selectolax.lexbor import LexborHTMLParser
    from yarl import URL
    n = min(o.pages, 2000)
    with served(o.pages) as url:
        got = []
        async def fetch():
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:
                async def get(i):
                    async with session.get(URL(f'{url}s{i % 40}/p{i}.html', encoded=True)) as r: got.append((str(r.url), (await r.read()).decode()))
                for i in range(0, n, 16): await asyncio.gather(*map(get, range(i, min(n, i+16))))
        each = lambda f: timed(f)[2] / n * 1000
        alone = each(lambda: asyncio.run(fetch()))
        tree = each(lambda: [LexborHTMLParser(t) for _, t in got])
        whole = each(lambda: [read.read(t, u) for u, t in got])
        texts = [read.visible(LexborHTMLParser(t), {'head', 'title', 'script', 'nav', 'footer'}) for _, t in got]
        words = each(lambda: [read.measures(t, 1) for t in texts])
        c, spent = crawler.Crawl(Path(tempfile.mkdtemp())/'c.sqlite', {'starts': [url], 'pages': n, 'resources': False}), [0.0]
        def clocked(f):
            def call(*a):
                t = time.process_time()
                try: return f(*a)
                finally: spent[0] += time.process_time() - t
            return call
        c.keep, c.commit = clocked(c.keep), clocked(c.commit)
        total = each(lambda: asyncio.run(c.run()))
        written = spent[0] / n * 1000
        row('Where a page\'s time goes',
            f'{total:.2f} ms: {whole:.2f} reading it (tree {tree:.2f}, words and fingerprint {words:.2f}), {written:.2f} writing it down, '
            f'{total - whole - written:.2f} fetching and the rest', f'aiohttp alone {alone:.2f} ms')

# the chat meanwhile

async def chat(o):
    "Time to the first text through the app, while it crawls at full speed and while the crawl rests"
    with double(chunks=12, rate=100) as url, served(30_000) as site, pianola(url) as s:
        ws, _ = await tab(s)
        async def rounds(n):
            took = []
            while len(took) < n:
                took.append((await say(ws))[0])
                await asyncio.sleep(.02)
            return took
        await rounds(10)
        act = lambda name, **a: asyncio.to_thread(s.act, name, **a)
        await act('settings.change', plugin='link_graph', values={'comments': False})           # what it says by itself would be taken for a reply
        await act('link_graph.begin', url=site, pages=30_000)
        crawl = lambda: next(x for x in s.act('link_graph.show')['result']['steps'] if x['step'] == 'crawl')
        where = s.data/f'plugins/link_graph/{crawl()["job"]}.sqlite'
        def many():
            with contextlib.suppress(Exception), contextlib.closing(room('schema').open(where)) as db:
                return db.execute("select count(*) from page where state='done'").fetchone()[0]
            return 0
        while many() < 200: await asyncio.sleep(.1)      # noqa: ASYNC110  its end is in a file
        idle, busy, paces = [], [], []
        for _ in range(6):                               # in turns, as the machine may have other work too
            began, before = time.perf_counter(), many()
            busy += await rounds(25)
            paces.append((many() - before) / (time.perf_counter() - began))
            await act('link_graph.pause')
            await asyncio.sleep(1)
            idle += await rounds(25)
            await act('link_graph.go_on')
            await asyncio.sleep(1)
        pace, going = mid(paces), crawl()['state'] == 'running'
        await act('link_graph.enough')
        await ws.close()
        edge = lambda took: sorted(took)[int(len(took) * .95)]
        row('First text while it crawls', f'{ms(mid(busy))} (95 %: {ms(edge(busy))})',
            f'idle {ms(mid(idle))} (95 %: {ms(edge(idle))}); the crawl makes {pace:.0f} pages/s'
            + ('' if going else '; it was over before the last reply'), '95 % within 20 ms of idle')

# a million links

def tables(o):
    "PageRank, everything else that is computed, and exports"
    graph, exports, folder = room('graph'), room('exports'), Path(tempfile.mkdtemp())
    db, _ = make(folder/'big.db', 50_000, 1_000_000)
    g, wall, spent = timed(graph.Graph, db)
    row(f'{len(g.source):,} links are read', f'{wall:.2f} s ({spent:.2f} s CPU)')
    g.unique()
    _, wall, spent = timed(graph.rank, g)
    row('PageRank of them', f'{wall:.2f} s ({spent:.2f} s CPU)', '', '1 s')
    _, wall, spent = timed(graph.finish, db)
    row('All that is computed of the graph', f'{wall:.2f} s ({spent:.2f} s CPU)')
    for form in ('.csv', '.csv.gz', '.parquet'):
        _, wall, spent = timed(exports.write, db, 'edges', at := folder/f'edges{form}')
        row(f'Export of the links as {form[1:]}', f'{wall:.2f} s ({spent:.2f} s CPU), {at.stat().st_size/1e6:.0f} MB')

def main():
    if sys.argv[1:2] == ['one']: return one(*sys.argv[2:5])
    jobs = dict(crawlers=crawlers, parts=parts, chat=chat, tables=tables, picture=lambda o: print() or measure(50_000, 1_000_000))
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('jobs', nargs='*', choices=[[], *jobs], metavar='JOB')
    p.add_argument('--pages', type=int, default=10_000)
    p.add_argument('--peers', default='peers')
    o = p.parse_args()
    print(f'{machine()}\n\n| what | Pianola | beside it | aim |\n|---|---|---|---|')
    for name in o.jobs or jobs:
        got = jobs[name](o)
        if asyncio.iscoroutine(got): asyncio.run(got)

if __name__ == '__main__': main()
