"""Botify as a second source: its documented API asked politely, its exports
fetched once, and what they say put into the same file as a crawl of our own.

Exports are counted there and have no key by which a second asking would be known, so one is asked
for exactly once: what was asked is written down before it is sent, a time-out is followed by a
look at the list of jobs, never by asking again, and after a restart the job goes on where it was.
The token goes to Botify's own host only, and into no file, message or error."""
import asyncio, difflib, json, re, time
from pathlib import Path
from urllib.parse import quote, urlsplit

base = 'https://api.botify.com/v1'
most_rows = 1_000_000                                                          # of an export by direct download
codes = {1001: 'the token is not accepted; make a new one on the account page of Botify', 1002: 'this token may not see the project',
         1027: 'too many fields at once', 1028: 'only one field with several values can be asked for at once',
         1029: 'Botify does not know one of the fields',
         1034: 'this is not in your Botify plan', 1035: 'this is not in your Botify plan', 1036: 'this is not in your Botify plan',
         1043: 'the export is too big', 1044: 'the export is too big', 1046: 'this is not in your Botify plan',
         1053: 'Botify is asked too often', 1060: 'the export failed at Botify'}
pages = {'url': 'url', 'depth': 'depth', 'http_code': 'status', 'metadata.title.content': 'title',
         'metadata.description.content': 'description', 'metadata.h1.contents': 'h1', 'segments.pagetype.value': 'section',
         'compliant.is_compliant': 'indexable', 'compliant.main_reason': 'why',
         'canonical.to.url': 'canonical', 'redirect.to.url': 'redirect', 'sitemaps.present': 'sitemap', 'delay_last_byte': 'ms',
         'byte_size': 'bytes', 'internal_page_rank.value': 'score', 'inlinks_internal.nb.total': 'inlinks', 'lang': 'lang',
         'content.size.words': 'words'}
needed, graph, degree = ('url', 'depth', 'http_code'), 'outlinks_internal.graph.url', 'outlinks_internal.nb.total'

class Botify(ValueError):
    "What Botify refused or did not do, in words a user can act on; `code` is its error code or the HTTP status. Never holds the token."
    def __init__(self, said, code=None):
        super().__init__(said)
        self.code = code
class Unsure(Botify): "An export was sent and no answer came: it may have been taken. It is not sent again."

def project(text):
    "(organisation, project) of a Botify address such as https://app.botify.com/ORG/PROJECT/…, or of ORG/PROJECT; ValueError in words"
    parts = [p for p in (urlsplit(text.strip()).path if '://' in text else text.strip()).split('/') if p]
    elsewhere = '://' in text and not re.search(r'(^|\.)botify\.com$', urlsplit(text.strip()).hostname or '')
    if elsewhere or len(parts) < 2 or not all(re.fullmatch(r'\w[\w.\-]*', p) for p in parts[:2]):
        raise ValueError(f'{text[:100]!r} is no Botify project; paste its address, like https://app.botify.com/organisation/project')
    return parts[0], parts[1]

def bare(name):
    "A field's name without its collection: crawl.20260101.depth → depth"
    return re.sub(r'^(crawl\.\d{8}|crawl_\d{8}|search_console(\.period_\d)?)\.', '', name.strip())

class Api:
    "Botify's API: at most five requests a second, 429 and failures of reading tried again with growing pauses. `async with Api(token) as api`."
    def __init__(self, token, at=base, every=.21, tries=7, wait=30, sleep=asyncio.sleep):
        self.token, self.at, self.every, self.tries, self.wait, self.sleep, self.next = token.strip(), at.rstrip('/'), every, tries, wait, sleep, 0.
        if not self.token: raise Botify('there is no token; put it into the settings of the link graph', 1001)
        if not re.fullmatch(r'[\x21-\x7e]+', self.token): raise Botify('the token has characters that no token has; copy it again', 1001)
    async def __aenter__(self):
        import aiohttp
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.wait))
        return self
    async def __aexit__(self, *_): await self.session.close()
    def clean(self, text): return str(text).replace(self.token, '…')[:500]

    async def ask(self, path, body=None, once=False, **query):
        """The JSON of an answer. Reading (also a query by POST) is tried again when it fails; with
        `once` only a 429 is, which says that nothing was taken: any other silence raises Unsure."""
        import aiohttp
        pause, last = .5, ''
        for _ in range(self.tries):
            wait = self.next - time.monotonic()
            self.next = max(time.monotonic(), self.next) + self.every
            if wait > 0: await self.sleep(wait)
            try:
                async with self.session.request('POST' if body is not None else 'GET', path if path.startswith('http') else self.at + path,
                                                json=body, params=query or None, headers={'Authorization': f'Token {self.token}'},
                                                allow_redirects=False) as r:
                    text = await r.text(errors='replace')
                    status = r.status
            except aiohttp.ClientConnectorError as e: last = f'Botify cannot be reached: {self.clean(e)}'            # nothing was sent
            except (aiohttp.ClientError, TimeoutError) as e:
                if once:
                    raise Unsure(
                        f'Botify did not answer ({type(e).__name__}); whether it took the export is not known, so it is not sent again',
                        'unsure') from None
                last = f'Botify did not answer: {self.clean(e) or type(e).__name__}'
            else:
                try: said = json.loads(text)
                except ValueError: said = {}
                error = said.get('error') if isinstance(said, dict) and isinstance(said.get('error'), dict) else {}
                code = error.get('error_code')
                if status in (200, 201) and isinstance(said, (dict, list)): return said
                if status == 429 or code == 1053: last = codes[1053]
                elif status >= 500:
                    if once: raise Unsure(f'Botify failed with {status}; whether it took the export is not known, so it is not sent again', status)
                    last = f'Botify failed with {status}'
                else:
                    known = (codes.get(code)
                             or {401: codes[1001], 403: codes[1002], 404: 'Botify does not know this project or analysis'}.get(status)
                             or f'Botify refused with {status}')
                    more = self.clean(error.get('message') or '')
                    detail = f' ({self.clean(json.dumps(error["error_detail"]))})' if error.get('error_detail') else ''
                    raise Botify(known + (f': {more}' if more else '') + detail, code or status)
            await self.sleep(pause)
            pause = min(30, pause * 2)
        raise Botify(f'{last}; given up after {self.tries} tries', 'tries')

    async def all(self, path, most=100_000):
        "All of a list that comes in pages {results, next}"
        out, page = [], 1
        while True:
            said = await self.ask(path, page=page, size=500)
            if isinstance(said, list): return said
            out += said.get('results') or []
            if not said.get('next') or not said.get('results') or len(out) >= most: return out
            page += 1
    async def analyses(self, user, name): return await self.all(f'/analyses/{quote(user)}/{quote(name)}/light')
    async def collections(self, user, name): return await self.all(f'/projects/{quote(user)}/{quote(name)}/collections')
    async def fields(self, user, name, collection):
        "The names of the fields of a collection, with its own name before them cut off"
        said = await self.ask(f'/projects/{quote(user)}/{quote(name)}/collections/{quote(collection)}')
        found = said if isinstance(said, list) else said.get('fields') or [f for d in said.get('datasets', []) for f in d.get('fields', [])]
        return [bare(f['id'] if isinstance(f, dict) else f) for f in found]

def wanted(have, asked, collection):
    "Fields that are asked for, each there. Botify says what is missing, what it may mean and how many there are, before anything is exported."
    missing = [f for f in asked if f not in have]
    if missing:
        near = difflib.get_close_matches(missing[0], have, 3, .5)
        raise Botify(f'{collection} has no field {missing[0]}' + (f' (is it {", ".join(near)}?)' if near else '')
                     + (f', nor {", ".join(missing[1:4])}' if missing[1:] else '') + f'; it has {len(have):,} fields', 1029)
    return list(asked)

def query_pages(collection, fields):
    named = [f if f == 'url' else f'{collection}.{f}' for f in fields]
    return {'collections': [collection], 'query': {'dimensions': named, 'metrics': [], 'sort': [1]}}
def query_links(collection, depth):
    return {'collections': [collection], 'query': {'dimensions': ['url', f'{collection}.{graph}'], 'metrics': [],
                                                   'filters': {'field': f'{collection}.depth', 'predicate': 'lte', 'value': depth}}}

async def reach(api, user, name, collection, most=most_rows):
    "(depth, links): how deep the links of an export may come from so that they are at most so many. Botify where even those of the start are more."
    said = await api.ask(f'/projects/{quote(user)}/{quote(name)}/query',
                         {'collections': [collection],
                          'query': {'dimensions': [f'{collection}.depth'],
                                    'metrics': [{'function': 'sum', 'args': [f'{collection}.{degree}']}], 'sort': [0]}})
    total, depth = 0, None
    for row in sorted((r for r in said.get('results', []) if r['dimensions'][0] is not None), key=lambda r: int(r['dimensions'][0])):
        if total + int(row['metrics'][0] or 0) > most: break
        total, depth = total + int(row['metrics'][0] or 0), int(row['dimensions'][0])
    if depth is None: raise Botify(f'the links of the first page alone are more than {most:,}, or the analysis has no page' , 1044)
    return depth, total

def note(db, what, value=None):
    "What is remembered of an export in the file of the crawl: its job, and how far it is. Never the token."
    if value is not None:
        db.execute('insert into crawl values (?,?) on conflict(key) do update set value=excluded.value', (f'botify:{what}', json.dumps(value)))
    row = db.execute('select value from crawl where key=?', (f'botify:{what}',)).fetchone()
    return json.loads(row[0]) if row else {}

async def adopt(api, user, name, query, since):
    """The job that does this very export already, by the list of jobs: its id, or None.
    The youngest, not older than `since` (Unix seconds) where Botify says when it was made."""
    from datetime import datetime
    def made(j):
        try: return datetime.fromisoformat(str(j.get('date_created') or j.get('created_at')).replace('Z', '+00:00')).timestamp()
        except ValueError: return None
    for j in await api.all(f'/jobs?job_type=export&project={quote(name)}'):
        payload = j.get('payload') or {}
        when = made(j)
        if (payload.get('username', user) == user and payload.get('project', name) == name and payload.get('query') == query
                and (when is None or when >= since - 120) and j.get('job_status') != 'FAILED'):
            return j['job_id']

async def export(api, db, what, user, name, query, path, size=most_rows, tell=lambda text: None, slow=15, by=None):
    """One export, from asking to the file at `path`; `db` is where it is written down. Goes on with the job that was begun,
    also when another run began it: exports are counted. One that failed is begun again only `by` another job than before.
    Botify when it fails; Unsure when it may have been taken and is in no list: it is asked
    for again only an hour later, when a list that still has it not can be believed."""
    kept = note(db, what)
    if kept.get('query') != query: kept = {}
    if kept.get('state') == 'failed':
        if by is not None and kept.get('by') == by: raise Botify(kept['why'], 1060)
        kept = {}
    if kept.get('state') == 'done' and Path(path).exists(): return path
    if kept.get('state') == 'done':                                                 # its file is fetched again, as long as Botify has the job
        try: await api.ask(f'/jobs/{quote(str(kept["job"]))}')
        except Botify as e:
            if e.code not in (404, 1000): raise
            kept = {}
    if kept.get('state') == 'asked':                                                # it was sent, and we do not know what became of it
        tell('looking for the export that was asked for')
        if job := await adopt(api, user, name, query, kept['at']): kept = note(db, what, {**kept, 'job': job, 'state': 'running'})
        elif time.time() - kept['at'] < 3600:
            raise Unsure('an export was sent to Botify, and whether it took it is not known: its list of jobs does not show it. '
                         'Try again later; after an hour it is asked for anew', 'unsure')
        else: kept = {}
    if not kept:
        kept = note(db, what, {'query': query, 'state': 'asked', 'at': time.time(), 'by': by})
        config = {'delimiter': ',', 'print_delimiter': False, 'print_header': True, 'header_format': 'slug'}
        body = {'job_type': 'export',
                'payload': {'username': user, 'project': name, 'export_size': min(size, most_rows), 'formatter': 'csv',
                            'formatter_config': config, 'connector': 'direct_download', 'query': query}}
        try: job = (await api.ask('/jobs', body, once=True))['job_id']
        except Unsure:
            job = None
            for pause in (2, 5, 10):
                await api.sleep(pause)
                if job := await adopt(api, user, name, query, kept['at']): break
            if not job: raise
        except Botify as e:
            if e.code not in (1052, 1058):
                note(db, what, {**kept, 'state': 'failed', 'why': str(e)})
                raise
            if not (job := await adopt(api, user, name, query, 0)):
                raise Botify('Botify says that such an export runs already, and its list does not show it; try again later', e.code) from None
        kept = note(db, what, {**kept, 'job': job, 'state': 'running'})
    pause, job = 1., kept['job']
    while True:
        said = await api.ask(f'/jobs/{quote(str(job))}')
        state = str(said.get('job_status')).upper()
        if state in ('DONE', 'COMPLETE'): break
        if state in ('FAILED', 'ERROR', 'CANCELLED'):
            note(db, what, {**kept, 'state': 'failed', 'by': by, 'why': (why := f'{codes[1060]}: {api.clean(json.dumps(said.get("results")))}')})
            raise Botify(why, 1060)
        tell(f'Botify prepares {what} ({state.lower()})')
        await api.sleep(pause)
        pause = min(slow, pause * 1.5)
    url = (said.get('results') or {}).get('download_url')
    if not url: raise Botify('Botify says that the export is done, and gives no address to fetch it from', 1060)
    await download(api, url, path, tell)
    note(db, what, {**kept, 'state': 'done'})
    return path

async def download(api, url, path, tell=lambda text: None):
    "Fetches a file, whole or not at all, up to four times; without the token, which is for Botify's own host. Botify when it stays broken."
    import aiohttp
    from .imports import table
    part, last = Path(f'{path}.part'), ''
    for attempt in range(4):
        try:
            async with api.session.get(url, timeout=aiohttp.ClientTimeout(total=None, sock_read=api.wait)) as r:
                if r.status != 200: raise ValueError(f'it answers with {r.status}')
                with open(part, 'wb') as f:
                    n = 0
                    async for chunk in r.content.iter_chunked(1 << 18):
                        f.write(chunk)
                        n += len(chunk)
                        tell(f'fetching, {n / 1e6:,.0f} MB')
            await asyncio.to_thread(lambda: table(part)[1].close())                # its gzip is whole, and there are labels
            part.replace(path)
            return
        except (aiohttp.ClientError, TimeoutError, ValueError) as e: last = api.clean(e).replace(url, 'its address')
        await api.sleep(2 ** attempt)
    part.unlink(missing_ok=True)
    raise Botify(f'the file of the export could not be fetched whole: {last}', 1060)

def labelled(path, fields):
    "Rows of an export as dicts by the fields that were asked for: by their labels, or, where those are for people or missing, by their order."
    from .imports import table
    labels, rows = table(path)
    names = [bare(l) for l in labels]
    if set(fields) <= set(names):
        place = {f: labels[names.index(f)] for f in fields}
        return ({f: r[l] for f, l in place.items()} for r in rows)
    if len(labels) != len(fields): raise Botify(f'the export has the columns {", ".join(labels)[:200]}, and {", ".join(fields)} were asked for', 1060)
    def all_():
        if re.match(r'https?://', labels[0]): yield dict(zip(fields, labels))      # no labels at all: the first line is a row
        for r in rows: yield {f: r[l] for f, l in zip(fields, labels)}
    if len(set(labels)) < len(labels): raise Botify(f'the export has no labels that can be told apart: {", ".join(labels)[:200]}', 1060)
    return all_()

def truth(v): return {'true': 1, '1': 1, 'yes': 1, 'false': 0, '0': 0, 'no': 0}.get(str(v).strip().lower())
how = {'depth': 'whole', 'status': 'whole', 'indexable': 'truth', 'sitemap': 'truth', 'ms': 'number', 'bytes': 'whole', 'score': 'number',
       'inlinks': 'whole', 'words': 'whole'}

def put(db, analysis, page_file, link_file, fields):
    "What two exports say, into the file of a crawl, all or nothing. The report of imports.Store."
    from . import imports
    store = imports.Store(db, f'Botify ({analysis})')
    read = {'whole': imports.whole, 'number': imports.number, 'truth': truth}
    try:
        for r in labelled(page_file, fields):
            values = {pages[f]: read[how[pages[f]]](v) if pages[f] in how else v for f, v in r.items() if f != 'url' and str(v).strip()}
            if 'score' in values:
                score = values['score'] or 0.
                values['score'] = max(0., min(100., 10 * score if score <= 10 else score))
            store.page(r['url'], **values)
            for k in ('redirect', 'canonical'):
                if values.get(k): store.link(r['url'], values[k], k)
        if link_file:
            for n, r in enumerate(labelled(link_file, ['url', graph])):
                if r[graph]: store.link(r['url'], r[graph], 'a', position='main', at=n)
        return store.close(f'Botify, analysis {analysis}')
    except BaseException:
        if db.in_transaction: store.drop()
        raise

async def finished(api, user, name):
    "The analyses of a project that are done, newest first, by their slugs"
    found = sorted((str(a['slug']) for a in await api.analyses(user, name)
                    if str(a.get('status', 'success')).lower() in ('success', 'done', 'finished')), reverse=True)
    if not found: raise Botify('the project has no analysis that is finished', 404)
    return found

async def look(token, where, at=base):
    "What there is of a project, to choose from: {'user', 'project', 'analyses': [slug…, newest first]}"
    user, name = project(where)
    async with Api(token, at) as api: return {'user': user, 'project': name, 'analyses': await finished(api, user, name)}

async def fetch(db, token, where, folder, analysis='', most=most_rows, at=base, tell=lambda done, total, text: None, ledger=None, by=None,
                most_pages=most_rows, **more):
    """Everything, from a project's address to the file of a crawl: fields are checked, rows counted, pages and links
    exported once, fetched and put in. Goes on where it was. `ledger` is the file in which exports are written down,
    where that is not the crawl's; `by` the job that asks. The report of `put`, with `depth` and `links_counted`."""
    user, name = project(where)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    async with Api(token, at, **more) as api:
        if not analysis:
            analysis = note(db, 'analysis').get('slug') or (await finished(api, user, name))[0]
        note(db, 'analysis', {'slug': analysis})
        collection = f'crawl.{analysis}'
        tell(0, 5, 'reading which fields there are')
        have = await api.fields(user, name, collection)
        wanted(have, (*needed, graph, degree), collection)
        fields = [f for f in pages if f in have]
        tell(1, 5, 'counting links')
        kept = note(db, 'depth')
        depth, many = (kept['depth'], kept['links']) if kept else await reach(api, user, name, collection, most)
        note(db, 'depth', {'depth': depth, 'links': many})
        book = db if ledger is None else ledger
        await export(api, book, f'{user}/{name} {analysis} pages', user, name, query_pages(collection, fields), folder/'pages.csv.gz',
                     most_pages, lambda text: tell(2, 5, text), by=by)
        await export(api, book, f'{user}/{name} {analysis} links', user, name, query_links(collection, depth), folder/'links.csv.gz', most,
                     lambda text: tell(3, 5, text), by=by)
    tell(4, 5, 'putting it together')
    report = await asyncio.to_thread(put, db, analysis, folder/'pages.csv.gz', folder/'links.csv.gz', fields)
    for f in ('pages.csv.gz', 'links.csv.gz'): (folder/f).unlink()
    tell(5, 5, report['text'])
    return {**report, 'depth': depth, 'links_counted': many}
