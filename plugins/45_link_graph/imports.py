"""What others know of a site: lists of addresses, Search Console and analytics,
and whole crawls of Screaming Frog and advertools, into the same file as our own.

Everything that comes in is somebody's file: any encoding, any delimiter, lines of comment before the labels,
`sep=`, gzip. Each import gives a report that says what was read, what was joined, and what was not and why."""
import codecs, csv, gzip, io, json, re, time, zlib
from urllib.parse import unquote, urlsplit

# reading tables

most, longest = 20_000_000_000, 20_000_000             # bytes of a file when it is unpacked; characters of a line

class Lines(io.TextIOWrapper):
    "Lines of a text; one that never ends is cut, not held"
    def __iter__(self): return iter(lambda: self.readline(longest), '')

def opened(path):
    """A file as text lines whatever its packing and encoding: gzip, UTF-8 and UTF-16
    with or without a mark, else Windows-1252. ValueError where its gzip is damaged."""
    raw = open(path, 'rb')
    if raw.read(2) == b'\x1f\x8b':
        raw.close()
        raw = gzip.open(path, 'rb')
        try:
            while raw.read(1 << 20):
                if raw.tell() > most: raise ValueError(f'the file is larger than {most//10**9} GB when it is unpacked; split it')
        except (EOFError, zlib.error, gzip.BadGzipFile) as e:
            raise ValueError(f'the file is packed and its end is missing or damaged ({e}); fetch it again') from None
    raw.seek(0)
    head = raw.read(200_000)
    raw.seek(0)
    if head[:2] in (b'\xff\xfe', b'\xfe\xff'): encoding = 'utf-16'
    elif head[:200].count(b'\0') > 20: encoding = 'utf-16-le' if head[1:2] == b'\0' else 'utf-16-be'
    else:
        try:
            codecs.getincrementaldecoder('utf-8')().decode(head)
            encoding = 'utf-8-sig'
        except UnicodeDecodeError: encoding = 'cp1252'
    return Lines(raw, encoding, errors='replace', newline='')

def table(path):
    "The labels of a CSV or TSV and an iterator over its rows as dicts (a missing cell is ''), labels as they stand. ValueError where there are none."
    f = opened(path)
    delimiter, head = '', ''
    while line := f.readline(1_000_000):
        bare = line.strip('\r\n\ufeff ')
        if m := re.fullmatch(r'"?sep=(.)"?', bare): delimiter = m[1]; continue
        if bare and not bare.startswith('#') and bare.strip(',;\t'): head = line.lstrip('\ufeff'); break
    if not head: raise ValueError('the file is empty: a first line with labels is needed')
    if not delimiter:
        outside = re.sub(r'"[^"]*"', '', head)
        delimiter = max(',;\t|', key=outside.count) if any(d in outside for d in ',;\t|') else ','
    csv.field_size_limit(20_000_000)
    reader = csv.reader((l.replace('\0', '') for l in f), delimiter=delimiter)
    try: labels = [l.strip() for l in next(csv.reader([head.replace('\0', '')], delimiter=delimiter))]
    except (csv.Error, StopIteration) as e: raise ValueError(f'the first line has no labels: {e}') from None
    plain = lambda v: v[1:] if v[:1] == "'" and v[1:2] and v[1] in '=+-@\t\r＝＋－＠' else v
    def rows():
        try:
            with f:
                for cells in reader:
                    if any(cells): yield {l: plain(cells[i]) if i < len(cells) else '' for i, l in enumerate(labels)}
        except csv.Error as e: raise ValueError(f'line {reader.line_num + 1} is no row of a table: {e}') from None
    return labels, rows()

def number(text, whole=False):
    """A number as tables write it: 1,234 · 1.234,5 · 12.5% (0.125) · None for no
    number. `whole`: a point between groups of three digits is no decimal point."""
    t = str(text or '').strip().replace('\u00a0', '').replace('\u202f', '').replace(' ', '').replace("'", '')
    percent, t = t.endswith('%'), t.rstrip('%')
    if whole and re.fullmatch(r'[-+]?\d{1,3}([.,]\d{3})+', t): t = re.sub('[.,]', '', t)
    elif ',' in t and '.' in t: t = t.replace('.', '').replace(',', '.') if t.rfind(',') > t.rfind('.') else t.replace(',', '')
    elif ',' in t: t = t.replace(',', '') if re.fullmatch(r'[-+]?\d{1,3}(,\d{3})+', t) and not percent else t.replace(',', '.')
    try: v = float(t) / (100 if percent else 1)
    except ValueError: return None
    return v if abs(v) < 1e18 else None

def whole(text):
    v = number(text, True)
    return None if v is None else int(v)

def pick(labels, *names):
    "The first of the labels that is one of these names, whatever its case and spaces; None"
    bare = lambda s: re.sub(r'[^a-z0-9]+', '', s.lower())
    known = {bare(l): l for l in reversed(labels)}
    return next((known[bare(n)] for n in names if bare(n) in known), None)

# lists of addresses

def lines_of(path):
    with opened(path) as f: yield from f

def addresses(path):
    """The addresses of a list (one a line) or of a table (its column url,
    address, loc, page …): (addresses, each once; [(line, why)] of what is none)."""
    from . import urls
    with opened(path) as f:
        first = next((l for l in f if l.strip(' \r\n\ufeff') and not re.fullmatch(r'"?sep=."?', l.strip(' \r\n\ufeff'))), '').lstrip('\ufeff')
    good, wrong = {}, []
    label = pick(re.split(r'[,;\t|]', first.replace('"', '').strip()), *address_names)
    if label:
        labels, rows = table(path)
        column = pick(labels, *address_names)
        lines = (r[column] for r in rows)
    else: lines = lines_of(path)
    for line in lines:
        if not (line := line.strip(' \r\n\t"\ufeff')) or line.startswith('#'): continue
        try: good[urls.address(line)] = 1
        except ValueError as e: wrong.append((line[:200], str(e)))
    return list(good), wrong
address_names = ('url', 'address', 'loc', 'page', 'top pages', 'link', 'landing page', 'full url')

# what visitors do

search_names = {
    'page': (*address_names, 'pages', 'die häufigsten seiten', 'häufigste seiten', 'pages les plus populaires', 'páginas principales',
             'pagine principali', 'page path', 'page path and screen class', 'landing page query string', 'landing page + query string',
             'page location', 'pagepath'),
    'clicks': ('clicks', 'klicks', 'clics', 'clic'), 'impressions': ('impressions', 'impressionen', 'impresiones', 'impressioni'),
    'ctr': ('ctr', 'url ctr'), 'position': ('position', 'average position', 'avg position', 'posición', 'posizione'),
    'sessions': ('sessions', 'sitzungen', 'sesiones', 'sessioni', 'views', 'screen page views', 'aufrufe', 'vues', 'users',
                 'active users', 'entrances')}

def alike(url):
    "What two spellings of one address have in common: no scheme, no www, no fragment, no slash at the end, %-signs read, lower case."
    try: u = urlsplit(url.strip())
    except ValueError: return url.strip().lower()
    return (u.netloc.removeprefix('www.').lower() + unquote(u.path).rstrip('/') + (f'?{unquote(u.query)}' if u.query else '')).casefold()

def search(db, path, source=None):
    """Joins a table of Search Console or of analytics to the pages of a crawl, by address: exactly, else by
    what spellings have in common, else (where only paths are given) by path. Rows of that source are made anew.
    Gives {'source', 'rows', 'joined', 'exactly', 'alike', 'not_joined', 'examples' (of what did not join), 'without' (indexable
    pages of the site of which it says nothing), 'text'}. ValueError where no column says the page, or none says a number."""
    labels, rows = table(path)
    columns = {k: pick(labels, *names) for k, names in search_names.items()}
    if not columns['page']:
        raise ValueError(f'no column says which page; there are {", ".join(labels)[:300]}; one called Page, URL or Address is needed')
    if not any(v for k, v in columns.items() if k != 'page'):
        raise ValueError(
            f'no column says a number that is known; there are {", ".join(labels)[:300]}; Clicks, Impressions, CTR, Position or Sessions are')
    source = source or ('search console' if columns['clicks'] or columns['impressions'] else 'analytics')
    exact, near, by_path = {}, {}, {}
    for id, url in db.execute('select id,url from page where internal order by (status between 200 and 299) desc, id'):
        exact.setdefault(url, id)
        near.setdefault(alike(url), id)
        by_path.setdefault('/' + alike(url).partition('/')[2], id)
    out = dict(source=source, rows=0, joined=0, exactly=0, alike=0, not_joined=0, examples=[])
    whole_columns = ('clicks', 'impressions', 'sessions')
    def joined():
        for r in rows:
            out['rows'] += 1
            said = r[columns['page']].strip()
            page, how = exact.get(said), 'exactly'
            if not page:
                page, how = near.get(alike(said)) if '://' in said else by_path.get('/' + alike('//x/' + said.lstrip('/')).partition('/')[2]), 'alike'
            if not page:
                out['not_joined'] += 1
                if len(out['examples']) < 50: out['examples'].append(said[:500])
                continue
            out['joined'] += 1
            out[how] += 1
            values = {k: number(r[columns[k]], k in whole_columns) if columns[k] else None for k in search_names if k != 'page'}
            yield page, source, *values.values(), json.dumps({k: v for k, v in r.items() if k not in columns.values() and v}, ensure_ascii=False)
    db.execute('begin immediate')
    try:
        db.execute('delete from search where source=?', (source,))
        db.executemany('insert into search values (?,?,?,?,?,?,?,?)', joined())
        db.execute('commit')
    except BaseException:
        db.execute('rollback')
        raise
    out['without'] = db.execute(
        'select count(*) from page where internal and indexable and id not in (select page from search where source=?)', (source,)).fetchone()[0]
    out['text'] = (f"{out['rows']:,} rows of {source}: {out['joined']:,} joined ({out['exactly']:,} to the very address, "
                   f"{out['alike']:,} to another spelling of it), {out['not_joined']:,} not"
                   + (f", as {', '.join(out['examples'][:3])}" if out['examples'] else '')
                   + f". It says nothing of {out['without']:,} indexable pages.")
    return out

# crawls of others

class Store:
    """Pages and links by their addresses into the file of a crawl: `page(url, **columns)`, `link(source,
    target, kind, **columns)`, then `close(...)`. What is no address costs its row and is told in `wrong`."""
    def __init__(self, db, where):
        self.db, self.where, self.ids, self.hosts, self.wrong, self.pages, self.links = db, where, {}, set(), [], 0, 0
        self.own = {r[1] for r in db.execute('pragma table_info(page)')} - {'id', 'url'}
        self.queue = []
        db.execute('begin immediate')
    def id(self, url, **met):
        "The number of an address, made where it is new; None for what is none"
        if url in self.ids: return self.ids[url]
        try:
            u = urlsplit(url.strip())
            if u.scheme not in ('http', 'https') or not u.hostname: raise ValueError
            u.port  # noqa: B018  a port that is no number raises
        except ValueError:
            if len(self.wrong) < 100: self.wrong.append(url[:300])
            self.ids[url] = None
            return None
        address = url.strip().partition('#')[0]
        if not u.path and '?' not in address: address += '/'
        self.db.execute("insert or ignore into page(url,state,source) values (?,'new','link')", (address,))
        self.ids[url] = self.db.execute('select id from page where url=?', (address,)).fetchone()[0]
        return self.ids[url]
    def page(self, url, **columns):
        if (id := self.id(url)) is None: return None
        for k in ('redirect', 'canonical', 'first_from'):
            if columns.get(k): columns[k] = self.id(columns[k])
        columns = {k: v for k, v in columns.items() if k in self.own and v is not None and v != ''}
        columns = {'internal': 1, 'state': 'done', 'at': time.time(), **columns}
        self.db.execute(f"update page set {','.join(f'{k}=?' for k in columns)} where id=?", (*columns.values(), id))
        self.pages += 1
        if columns['internal'] and (h := urlsplit(url).netloc.lower()): self.hosts.add(h)
        return id
    def link(self, source, target, kind='a', **columns):
        a, b = self.id(source), self.id(target)
        if a is None or b is None: return
        self.queue.append((a, b, kind, (columns.get('anchor') or '')[:300] or None, columns.get('alt') or None, columns.get('rel') or None,
                           int(columns.get('follow', 1)), columns.get('position') or None, columns.get('at')))
        self.links += 1
        if len(self.queue) > 20_000: self.flush()
    def flush(self):
        self.db.executemany('insert into link(source,target,kind,anchor,alt,rel,follow,position,at) values (?,?,?,?,?,?,?,?,?)', self.queue)
        self.queue = []
    def close(self, note=''):
        """All of it is kept, addresses of the site's hosts count as inside, depth is counted
        where it was not said. The report: {'pages', 'links', 'not_addresses', 'examples', 'text'}"""
        self.flush()
        start = (self.db.execute('select id from page where internal and depth=0 order by id limit 1').fetchone()
                 or self.db.execute("select id from page where internal and status=200 order by length(url), id limit 1").fetchone())
        for h in self.hosts:
            self.db.execute("update page set internal=1 where url like ? escape '\\' or url like ? escape '\\'",
                            [f'{s}://' + h.replace('\\', '\\\\').replace('_', '\\_').replace('%', '\\%') + '/%' for s in ('http', 'https')])
        if start: self.db.execute("update page set source='start', depth=0 where id=?", start)
        self.db.executemany('insert or replace into crawl values (?,?)',
                            [('state', 'done'), ('ended', str(time.time())), ('start', json.dumps([start[0]] if start else [])),
                             ('note', note or f'read from {self.where}'), ('asked', json.dumps({'how': self.where}))])
        self.db.execute('commit')
        bad = len(self.wrong)
        return {'pages': self.pages, 'links': self.links, 'not_addresses': bad, 'examples': self.wrong[:50],
                'text': f'{self.pages:,} pages and {self.links:,} links from {self.where}'
                + (f'; {bad:,} were no addresses, as {self.wrong[0]}' if bad else '') + '.'}
    def drop(self): self.db.execute('rollback')

def stored(f):
    "Decorator: all of an import or nothing"
    def run(db, *paths):
        store = Store(db, f.__doc__.split(':')[0])
        try:
            f(store, *paths)
            if not store.pages: raise ValueError('no page was found in the file' + (f'; {store.wrong[0]} is no address' if store.wrong else ''))
            return store.close()
        except BaseException:
            if db.in_transaction: store.drop()
            raise
    run.__doc__ = f.__doc__
    return run

frog = {      # our column: its labels in Screaming Frog's tables, and how it is read
    'status': (('Status Code',), whole), 'type': (('Content Type', 'Content'), lambda v: v.partition(';')[0].strip().lower()),
    'charset': (('Content Type', 'Content'), lambda v: (re.search(r'charset=([\w-]+)', v.lower()) or ['', ''])[1]),
    'title': (('Title 1',), str), 'description': (('Meta Description 1',), str), 'h1': (('H1-1',), str), 'h2': (('H2-1',), str),
    'robots': (('Meta Robots 1',), str.lower), 'x_robots': (('X-Robots-Tag 1',), str.lower),
    'canonical': (('Canonical Link Element 1',), str), 'rel_next': (('rel="next" 1',), str),
    'rel_prev': (('rel="prev" 1',), str), 'bytes': (('Size (bytes)', 'Size'), whole), 'words': (('Word Count',), whole),
    'text_ratio': (('Text Ratio',), lambda v: (number(v) or 0) / 100),
    'depth': (('Crawl Depth',), whole), 'ms': (('Response Time',), lambda v: (number(v) or 0) * 1000), 'text_hash': (('Hash',), str),
    'redirect': (('Redirect URL', 'Redirect URI'), str), 'lang': (('Language',), str), 'amp': (('amphtml Link Element',), str)}

@stored
def screaming_frog(store, *paths):
    "Screaming Frog: its exports (Internal: All; All Inlinks or All Outlinks; in any order) as the pages and links of a crawl."
    known = []
    for path in paths:
        labels, rows = table(path)
        known.append(path)
        if (source := pick(labels, 'Source', 'From')) and (target := pick(labels, 'Destination', 'To')):
            called = dict(kind=('Type',), anchor=('Anchor', 'Anchor Text'), alt=('Alt Text',), rel=('Rel',), follow=('Follow',),
                          position=('Link Position',), status=('Status Code',))
            words = {k: pick(labels, *names) for k, names in called.items()}
            kinds = {'hyperlink': 'a', 'ahref': 'a', 'image': 'image', 'javascript': 'script', 'css': 'style', 'iframe': 'iframe',
                     'http redirect': 'redirect', 'html canonical': 'canonical', 'canonical': 'canonical',
                     'http canonical': 'canonical', 'hreflang': 'hreflang', 'rel next': 'next', 'rel prev': 'prev',
                     'meta refresh': 'redirect', 'amp': 'amp', 'form': 'form'}
            places = {'navigation': 'nav', 'header': 'header', 'content': 'main', 'aside': 'aside', 'footer': 'footer', 'head': 'head'}
            for n, r in enumerate(rows):
                get = lambda k, r=r, words=words: r[words[k]].strip() if words[k] else ''
                store.link(r[source], r[target], kinds.get(get('kind').lower(), 'a' if not get('kind') else get('kind').lower()[:20]),
                           anchor=get('anchor'), alt=get('alt'), rel=get('rel'), follow=get('follow').lower() not in ('false', 'nofollow'),
                           position=places.get(get('position').lower(), get('position').lower()[:20]), at=n)
        elif address := pick(labels, 'Address', 'URL Encoded Address'):
            columns = {k: (pick(labels, *names), read) for k, (names, read) in frog.items()}
            able, why = pick(labels, 'Indexability'), pick(labels, 'Indexability Status')
            for r in rows:
                values = {k: read(r[c]) for k, (c, read) in columns.items() if c and r[c].strip()}
                if able and r[able]:
                    values |= {'indexable': int(r[able].strip().lower() == 'indexable'), 'why': r[why].strip().lower() if why else None}
                for k, names in (('titles', ('Title 1', 'Title 2')), ('h1s', ('H1-1', 'H1-2')), ('h2s', ('H2-1', 'H2-2')),
                                 ('descriptions', ('Meta Description 1', 'Meta Description 2'))):
                    if pick(labels, names[0]): values[k] = sum(bool(r.get(pick(labels, n) or '', '').strip()) for n in names)
                if 300 <= (values.get('status') or 0) < 400: values['redirect_kind'] = str(values['status'])
                blocked = 'robots' in (values.get('why') or '')
                store.page(r[address], **values, **({'state': 'blocked', 'allowed': 0} if blocked else {}))
                if values.get('redirect'): store.link(r[address], values['redirect'], 'redirect')
                if values.get('canonical'): store.link(r[address], values['canonical'], 'canonical')
        else:
            raise ValueError(
                f'this is no export of Screaming Frog that is known: it has {", ".join(labels)[:200]}; Internal (Address …) and All '
                f'Inlinks or All Outlinks (Source, Destination …) are')

@stored
def advertools(store, *paths):
    "advertools: the output of its crawl (JSON lines, or the same as CSV) as the pages and links of a crawl."
    first = lambda v: str(v).split('@@')[0].strip() if v not in (None, '') else None
    many = lambda v: len(str(v).split('@@')) if v not in (None, '') else 0
    for path in paths:
        with opened(path) as f: head = f.read(200).lstrip('\ufeff \r\n')
        if head.startswith('{'):
            def rows(path=path):
                with opened(path) as f:
                    for n, line in enumerate(f, 1):
                        if not line.strip(): continue
                        try: r = json.loads(line)
                        except ValueError: raise ValueError(f'line {n} is no JSON: the file was cut, or is no output of advertools') from None
                        if isinstance(r, dict): yield r
            lines = rows()
        else: lines = table(path)[1]
        seen = False
        for r in lines:
            if not seen and 'url' not in r: raise ValueError(f'this is no output of advertools: it has {", ".join(map(str, r))[:200]}, and no url')
            seen, url = True, str(r['url'])
            get = lambda k, r=r: r.get(k) if r.get(k) == r.get(k) else None                  # NaN, as pandas writes
            robots = first(get('meta_robots') or get('robots'))
            type = (first(get('resp_headers_content-type') or get('resp_headers_Content-Type')) or '').partition(';')[0].lower() or None
            canonical, words = first(get('canonical')), get('body_text')
            status = whole(get('status')) if get('status') not in (None, '') else 0 if get('errors') else None
            hops, answers = [h for h in str(get('redirect_urls') or '').split('@@') if h], str(get('redirect_reasons') or '').split('@@')
            chain = [*hops, url]
            for i, hop in enumerate(hops):
                code = whole(answers[i]) if i < len(answers) else None
                store.page(hop, status=code or 301, redirect=chain[i+1], redirect_kind=str(code or 301), why='redirect', indexable=0)
                store.link(hop, chain[i+1], 'redirect')
            why = (f'{status // 100}xx' if status and status >= 400 else
                   'no answer' if status == 0 else
                   'noindex' if robots and 'noindex' in robots.lower() else
                   'canonical' if canonical and alike(canonical) != alike(url) else None)
            store.page(url, status=status, type=type, title=first(get('title')), titles=many(get('title')),
                       description=first(get('meta_desc')), descriptions=many(get('meta_desc')), h1=first(get('h1')), h1s=many(get('h1')),
                       h2=first(get('h2')), h2s=many(get('h2')),
                       canonical=canonical, canonicals=many(get('canonical')), robots=robots.lower() if robots else None,
                       depth=whole(get('depth')), bytes=whole(get('size')), ms=(number(get('download_latency')) or 0) * 1000 or None,
                       lang=first(get('html_lang')),
                       words=len(str(words).split()) if words else None, text_start=str(words)[:500] if words else None,
                       images=many(get('img_src')), viewport=first(get('viewport')),
                       error='refused' if get('errors') and not status else None, indexable=int(not why and (status or 200) < 300), why=why)
            if canonical: store.link(url, canonical, 'canonical')
            targets, anchors, nofollow = (str(get(f'links_{k}') or '').split('@@') for k in ('url', 'text', 'nofollow'))
            spots = {p: set(str(get(f'{p}_links_url') or '').split('@@')) - {''} for p in ('nav', 'header', 'footer')}
            for i, target in enumerate(targets):
                if target:
                    store.link(url, target, 'a', anchor=anchors[i].strip() if i < len(anchors) else '',
                               follow=not (i < len(nofollow) and nofollow[i].strip().lower() == 'true'),
                               position=next((p for p, inside in spots.items() if target in inside), 'main'), at=i)
