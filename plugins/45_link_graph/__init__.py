"Link graph: a site is crawled, drawn and examined: every page, every link, what is wrong and why it matters."
import asyncio, importlib, json, time
from typing import Literal, Optional
from pianola import Button, Div, Flow, Long, P, Page, Range, Refused, Secret, Small, Span, Strong, Table, Tbody, Td, Th, Thead, Tr, Url, act, action, item, log, own_folder, put, say
from . import look as first, schema, urls

flow = Flow()
page = Page()
hows = {'follow its links': 'links', 'read its sitemap': 'sitemap', 'only the addresses below': 'list'}

def file(number): return own_folder()/f'{number}.sqlite'
def part(name):
    "A further module of this plugin, None while it is not here"
    try: return importlib.import_module(f'.{name}', __package__)
    except ModuleNotFoundError as e:
        if e.name != f'{__package__}.{name}': raise

# the steps

@flow.step(button='Look at it')
def site(url: Url = '', how: Literal['follow its links', 'read its sitemap', 'only the addresses below'] = 'follow its links', addresses: Long = ''):
    """Which site shall be crawled?
    The address it starts from, or that of a sitemap; or a list of addresses, one a line. It is looked at first, with a handful of requests."""
    starts, wrong = [], []
    for line in ([url] if url and how != 'only the addresses below' else []) + [l for l in addresses.splitlines() if l.strip()]:
        try: starts.append(urls.address(line))
        except ValueError as e: wrong.append(str(e))
    if not starts: raise Refused(wrong[0] if wrong else 'no address is named', 'give one, like https://example.com' if how != 'only the addresses below' else 'write some, one a line')
    seen = asyncio.run(first.look(starts := list(dict.fromkeys(starts)), hows[how]))
    return {'starts': starts, 'kind': hows[how], 'seen': seen, 'not_addresses': wrong}

@flow.step(button='Next')
def how_far(starts, seen, pages: Range(1, 5_000_000) = 10_000, depth: Optional[int] = None, subdomains: bool = False, include: Long = '', exclude: Long = '', speed: Range(0.0, 1000.0) = 0.0, agent: str = '', robots: bool = True,
            javascript: bool = False, images: bool = True, external: bool = False):
    """How far shall it go?
    `include` and `exclude`: parts of addresses, one a line, with * for anything. `speed`: requests a second to one host; 0 is 5 a second, and on this machine as fast as it answers. `images` asks for images, styles and scripts too, `external` for what other sites answer to the links that lead there."""
    local = all(urls.private(urls.host(u)[0]) or urls.host(u)[0] == 'localhost' for u in starts)
    many, seconds, said = first.estimate(seen, pages, speed, local)
    return {'asked': dict(pages=pages, depth=depth, subdomains=subdomains, include=include, exclude=exclude, speed=speed, obey=robots, javascript=javascript, resources=images, external=external, **({'agent': agent} if agent.strip() else {})), 'estimate': said}

@flow.step(runs='process', button='Crawl', retries=3)
def crawl(job, starts, kind, asked):
    """Crawl it
    In a process of its own, which goes on when this page or Pianola is closed, and goes on where it was when it is killed."""
    from .crawl import Crawl
    c = Crawl(file(job.id), {'starts': starts, 'how': kind, **asked}, tell=lambda done, total, text: job.cancelled or job.progress(done, total, text), stopped=lambda: job.cancelled)
    state = asyncio.run(c.run())
    if state == 'paused': job.check()
    counts = {'pages': c.fetched, 'links': c.count('select count(*) from link'), 'answer with an error': sum(n for s, n in c.statuses.items() if s >= 400), 'do not answer': c.statuses[0], 'blocked by robots.txt': c.count("select count(*) from page where state='blocked'"), 'other sites': c.count('select count(*) from page where not internal'), 'ended': state}
    c.close()
    return {'crawled': job.id, 'counts': counts}

@flow.step(auto=True, runs='process', button='Examine')
def findings(job, crawled):
    "What is wrong"
    db = schema.open(file(crawled))
    try:
        if graph := part('graph'): graph.finish(db)
        job.progress(1, 2, 'the graph is computed')
        if found := part('findings'): found.find(db)
        return {'kinds': [dict(r) for r in db.execute("select kind, severity, count(*) as pages from finding group by kind, severity order by severity='error' desc, severity='warning' desc, 3 desc")]}
    finally: db.close()

@flow.step(auto=True, runs='process', button='Draw')
def xray(job, crawled):
    "The X-ray"
    layout, picture = part('layout'), part('xray')
    if not layout or not picture: return 'There is nothing that draws yet.'
    db = schema.open(file(crawled))
    try:
        layout.layout(db)
        job.progress(1, 2, 'laid out')
        picture.xray(db, out := own_folder()/f'{crawled}.png')
        return out.read_bytes()
    finally: db.close()

@flow.step(runs='process', button='Export')
def export(job, crawled, tables: bool = True, database: bool = True):
    """What shall be taken along?
    `tables`: pages.csv, edges.csv and findings.csv. `database`: the crawl as one SQLite file, as datasette and duckdb open it."""
    import shutil
    folder = own_folder()/f'export-{crawled}'             # copied to where results are kept, and made anew each time
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    db, out = schema.open(file(crawled)), {}
    try:
        if tables:
            from . import tables as t
            for name in ('pages', 'edges', 'findings'): out[name] = t.write(db, name, folder/f'{name}.csv')
        if database:
            db.execute('vacuum into ?', (str(folder/'crawl.sqlite'),))
            out['crawl'] = folder/'crawl.sqlite'
        return out
    finally: db.close()
