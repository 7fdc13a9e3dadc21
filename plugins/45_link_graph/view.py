"""What the page of the picture asks for: the graph as arrays, a table of its pages, one page with its links, columns to colour by.

`mount(get, post, where)` adds the routes: `get` and `post` are a router's decorators, `where(run)` gives the file of a run or raises KeyError."""
import asyncio, json, sqlite3, struct, threading
from contextlib import closing
from pathlib import Path

# what a table may show, be sorted by and the picture coloured by, in the words of the page
columns = {
    'url': 'Address', 'title': 'Title', 'status': 'Status', 'depth': 'Depth', 'score': 'Weight', 'unique_inlinks': 'Links in',
    'unique_outlinks': 'Links out', 'section': 'Section',
    'type': 'Type', 'words': 'Words', 'bytes': 'Bytes', 'ms': 'Milliseconds', 'indexable': 'Indexable', 'why': 'Why not',
    'lang': 'Language', 'near': 'Near-duplicates', 'bottleneck': 'Bottleneck', 'sitemap': 'In sitemaps', 'orphan': 'Orphan',
    'source': 'Found by', 'images_no_alt': 'Images without alt', 'h1s': 'H1s', 'text_ratio': 'Text ratio', 'state': 'State'}
shown = ('url', 'status', 'depth', 'score', 'unique_inlinks', 'title')
kept, lock = {}, threading.Lock()

class Wrong(ValueError):
    "A request that names what is not there: 400, with what would be right."

def reading(path):
    "The file of a crawl, opened to be read only: a crawl that goes on is not in its way."
    if not Path(path).exists(): raise KeyError('there is no such crawl')
    db = sqlite3.connect(f'{Path(path).resolve().as_uri()}?mode=ro', uri=True, timeout=10, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db

def stamp(db):
    "What changes when the crawl, or what was computed of it, does."
    grew = db.execute("select (select max(id) from page), (select max(id) from link), (select count(*) from place), "
                      "(select total(x) from place)")
    state = db.execute("select key,value from crawl where key in ('state','ended') order by key")
    return json.dumps([list(r) for r in [*grew, *state]])

def drawn(path):
    """The graph of a crawl as it is sent: (head, arrays by name, bytes). Drawn once
    and kept in the file itself, in the table `drawing`; the last two also in memory."""
    import numpy as np
    from . import schema
    key = str(path)
    with lock:
        with closing(reading(path)) as db:
            now = stamp(db)
            if key in kept and kept[key][0] == now: return kept[key][1:]
            there = (db.execute("select value from drawing where key='graph' and stamp=?", (now,)).fetchone()
                     if db.execute("select 1 from sqlite_master where name='drawing'").fetchone() else None)
        if there: body = there[0]
        else:
            with closing(schema.open(path)) as db: now, body = draw(db)
        size = struct.unpack('<I', body[8:12])[0]
        head, arrays, at = json.loads(body[12:12 + size]), {}, 12 + size
        for name, type, n in head['arrays']:
            arrays[name] = np.frombuffer(body, f'<{type}', n, at)
            at += -(-arrays[name].nbytes // 4) * 4
        while len(kept) > 1: kept.pop(next(iter(kept)))
        kept[key] = now, head, arrays, body
        return kept[key][1:]

def draw(db):
    "Lays a crawl out where it is not yet, and keeps it as it is sent: (stamp, bytes)."
    from . import layout
    g = layout.placed(db)
    now, body = stamp(db), packed(g)
    db.execute("insert or replace into drawing values ('graph', ?, ?)", (now, body))
    return now, body

def packed(g):
    """A laid-out graph as bytes: b'PGRAPH01', the length of the head (uint32), the head (JSON,
    padded to 4), then its arrays one behind the other, little-endian, each padded to 4.
    The head names them: {"arrays": [[name, type, length]…], "classes": [[first, count, weight, site-wide]…], "marks", "parts",
    "counts"}. Links come in classes, short ones first, each in no order, so that a part of a class stands for the whole."""
    import numpy as np
    from . import xray
    marks, parts = xray.spots(g), xray.sections(g)
    how = xray.answered(g.status)
    xy = np.ascontiguousarray(g.xy, np.float32)
    long = np.hypot(*(xy[g.edges[:, 0]] - xy[g.edges[:, 1]]).T) if g.n else np.zeros(0)
    span = float(np.hypot(*(xy.max(0) - xy.min(0)))) if g.n else 1
    kind = np.digitize(long, [span * .01, span * .04, span * .12]) + 4 * g.loose
    mixed = np.random.default_rng(1).permutation(len(g.edges))
    order = mixed[np.argsort(kind[mixed], kind='stable')]
    edges = np.ascontiguousarray(g.edges[order], np.uint32)
    first = np.searchsorted(kind[order], np.arange(9))
    classes = [[int(first[k]), int(first[k+1] - first[k]), [1., .55, .28, .12][k % 4], k > 3] for k in range(8) if first[k+1] > first[k]]
    arrays = [('id', 'u4', g.id), ('xy', 'f4', xy), ('score', 'f4', g.score), ('status', 'i2', g.status.clip(-1, 999)),
              ('depth', 'i2', g.depth.clip(-1, 32000)), ('how', 'u1', how), ('inlinks', 'u4', g.inlinks), ('edges', 'u4', edges)]
    body = [np.ascontiguousarray(a, f'<{t}').tobytes() for _, t, a in arrays]
    pad = lambda b: b + b'\0' * (-len(b) % 4)
    count = np.bincount(how, minlength=5).tolist()
    head = json.dumps({'arrays': [[n, t, int(np.size(a))] for n, t, a in arrays], 'classes': classes, 'pages': g.n, 'links': len(g.edges),
                       'wide': int(g.loose.sum()), 'targets': len(g.wide),
                       'counts': [[k, xray.words[k] if k != 'moved' else 'lead on', count[i]] for i, k in enumerate(xray.groups)], 'columns': columns,
                       'marks': [{'kind': m.kind, 'text': m.text, 'x': m.x, 'y': m.y, 'radius': m.radius, 'pages': m.pages,
                                  'page': m.more.get('page')} for m in marks], 'parts': parts}).encode()
    head += b' ' * (-len(head) % 4)
    return b''.join([b'PGRAPH01', struct.pack('<I', len(head)), head, *map(pad, body)])

def column(path, name):
    """One column for the pages of the picture, in their order: {'kind': 'number', 'values': [number or null…]} or
    {'kind': 'words', 'names': […], 'values': [place in names…]} with at most 11 names, the last one for all others."""
    if name not in columns: raise Wrong(f'there is no column {name}; there are {", ".join(columns)}')
    ids = drawn(path)[1]['id'].tolist()
    with closing(reading(path)) as db: have = dict(tuple(r) for r in db.execute(f'select id,{name} from page where internal=1'))
    values = [have.get(i) for i in ids]
    if all(v is None or isinstance(v, (int, float)) for v in values): return {'kind': 'number', 'values': values}
    often = {}
    for v in values: often[v] = often.get(v, 0) + 1
    names = sorted(often, key=lambda v: (-often[v], str(v)))[:10]
    place = {v: i for i, v in enumerate(names)}
    return {'kind': 'words',
            'names': [('—' if v is None or v == '' else str(v)[:80]) for v in names] + (['other'] if len(often) > len(names) else []),
            'values': [place.get(v, len(names)) for v in values]}

def like(words): return '%' + words.replace('\\', '\\\\').replace('%', '\\%').replace('_', '\\_') + '%'

def table(path, q='', sort='score', desc=True, at=0, limit=100, only='', ids=None, all_ids=False):
    """Rows of the table beside the picture: {'rows': [[id, …]…], 'columns': […], 'total': n, 'at': at}. `q` stands in
    the address or the title; `only` is error, moved, silent, unasked, ok or mark:N; `ids` are pages to choose from.
    With `all_ids` also the ids of all that match, for the picture to light them up. Raises Wrong for a column or a filter that is not there."""
    if sort not in columns: raise Wrong(f'there is no column {sort} to sort by; there are {", ".join(columns)}')
    rule = {'error': 'status>=400', 'moved': 'status between 300 and 399', 'silent': 'status=0', 'unasked': 'status is null',
            'ok': 'status between 1 and 299'}
    head, arrays, _ = drawn(path)
    marks = head['marks']
    wanted, args = ['id in (select value from json_each(?))'], []
    if only.startswith('mark:') and only[5:].isdigit() and 0 < int(only[5:]) <= len(marks):
        ids = marks[int(only[5:]) - 1]['pages'] if ids is None else sorted(set(ids) & set(marks[int(only[5:]) - 1]['pages']))
    elif only in rule: wanted.append(rule[only])
    elif only: raise Wrong(f'there is no filter {only}; there are {", ".join(rule)}' + (f' and mark:1 to mark:{len(marks)}' if marks else ''))
    args.append(json.dumps([int(i) for i in ids] if ids is not None else arrays['id'].tolist()))
    if q: wanted.append("(url like ? escape '\\' or title like ? escape '\\')"); args += [like(q)] * 2
    where, limit, at = ' and '.join(wanted), max(1, min(500, limit)), max(0, at)
    with closing(reading(path)) as db:
        total = db.execute(f'select count(*) from page where {where}', args).fetchone()[0]
        rows = [list(r) for r in db.execute(
            f"select id,{','.join(shown)} from page where {where} "
            f"order by {sort} is null, {sort} {'desc' if desc else 'asc'}, id limit ? offset ?", [*args, limit, at])]
        out = {'rows': rows, 'columns': [[c, columns[c]] for c in shown], 'total': total, 'at': at}
        if all_ids: out['ids'] = [r[0] for r in db.execute(f'select id from page where {where}', args)]
    return out

def one(path, page, most=60):
    """One page: {'facts': [[word, value]…], 'in': [[id, url, anchor, status]…], 'out': …,
    'findings': [[kind, severity, detail]…], 'more_in', 'more_out'}. KeyError when it is not there."""
    with closing(reading(path)) as db:
        row = db.execute('select * from page where id=?', (page,)).fetchone()
        if not row: raise KeyError(f'there is no page {page}')
        def links(mine, other):
            return [list(r) for r in db.execute(
                f"select p.id,p.url,max(l.anchor),p.status,min(l.position) from link l join page p on p.id=l.{other} "
                f"where l.{mine}=? and l.kind not in ('image','script','style') group by p.id order by p.score desc, p.id limit ?", (page, most))]
        count = lambda mine, other: db.execute(
            f"select count(distinct {other}) from link where {mine}=? and kind not in ('image','script','style')", (page,)).fetchone()[0]
        facts = [[columns[c], row[c]] for c in columns if c not in ('url', 'title') and row[c] not in (None, '')]
        to = db.execute('select url from page where id=?', (row['redirect'],)).fetchone() if row['redirect'] else None
        if to: facts.insert(1, ['Leads to', to[0]])
        return {'id': page, 'url': row['url'], 'title': row['title'], 'status': row['status'], 'facts': facts,
                'in': links('target', 'source'), 'out': links('source', 'target'), 'more_in': count('target', 'source'),
                'more_out': count('source', 'target'),
                'findings': [list(r) for r in db.execute(
                    'select kind,severity,detail from finding where page=? order by severity,kind limit 100', (page,))]}

def document(run, base, title, text, back):
    "The whole page of the picture, as FastHTML tags. `base` is its address, `text` what the picture says in words."
    from fasthtml.common import (A, Body, Button, Canvas, Div, H1, H2, Head, Header, Html, Input, Label, Link, Main, Meta, Ol, Option, P,
                                 Section, Script, Select, Span, Table, Tbody, Thead, Title, Tr)
    own = base.split('/picture/')[0] + '/static'
    tool = lambda said, key, does, **kw: Button(said, type='button', cls='tool', data_does=does, title=f'{kw.pop("help", said)} ({key})',
                                                aria_label=kw.pop('label', said), **kw)
    head = Head(Meta(charset='utf-8'), Meta(name='viewport', content='width=device-width,initial-scale=1'), Title(f'{title} · picture'),
                Link(rel='stylesheet', href='/static/pianola.css'), Link(rel='stylesheet', href=f'{own}/viewer.css'),
                Link(rel='icon', href='/static/icon.svg'), Script(src='/static/theme.js'), Script(src=f'{own}/viewer.js', defer=True))
    top = Header(A('‹', href=back, cls='button quiet', aria_label='Back to the run', title='Back to the run'), H1(title),
                 P(id='sum', cls='soft'), cls='top')
    stage = Div(Canvas(id='scene', tabindex='0', role='img', aria_label=text, aria_describedby='how'), Canvas(id='over', aria_hidden='true'),
                P('Arrow keys move, + and − come nearer and go away, 0 shows all, Enter opens the page in the middle, / searches, '
                  'L draws a lasso, Escape lets go. The table beside says the same.', id='how', cls='sr'),
                Div(id='tip', hidden=True, role='status'),
                Div(tool('+', '+', 'in', label='Nearer'), tool('−', '-', 'out', label='Farther'), tool('⤢', '0', 'fit', label='Show all'),
                    tool('◌', 'L', 'lasso', label='Lasso', help='Draw around pages to list them', aria_pressed='false'), cls='zoom'),
                Div(Div(id='legend', role='group', aria_label='What the colours say'), cls='key'),
                P('Loading…', id='phase', role='status'), cls='stage')
    bar = Div(Label('Search ', Input(type='search', id='q', placeholder='Search addresses and titles', autocomplete='off'), cls='bare'),
              Label('Colour ', Select(Option('Answer', value='how'), id='colour')),
              Label('Links ', Select(Option('Backbone', value='backbone'), Option('All', value='all'), Option('None', value='none'),
                                     id='links')), cls='bar')
    pages = Section(Div(H2('Pages', id='what'), Button('All pages', type='button', cls='quiet', id='all', hidden=True),
                        Button('Download CSV', type='button', cls='quiet', id='csv'), cls='head'),
                    Div(Table(Thead(Tr(id='heads')), Tbody(id='rows')),
                        cls='scroll', tabindex='0', role='region', aria_labelledby='what'),
                    Div(Button('Back', type='button', cls='quiet', id='less'), Span(id='of'),
                        Button('More', type='button', cls='quiet', id='more-rows'), cls='pager'), id='pages')
    side = Section(bar, Section(H2('What stands out'), Ol(id='marks'), id='marked'),
                   Section(id='card', hidden=True, tabindex='-1', aria_live='polite'), pages, cls='side')
    return Html(head, Body(top, Main(stage, side), cls='picture', data_base=base), lang='en')

def mount(get, post, where, base='/link_graph', called=lambda run: '', back=None):
    """Adds the routes under `/picture/{run}`: the page itself, /graph, /column/{name},
    /table, /list (POST: ids), /page/{id}, /xray.png, /csv (POST: ids or nothing).
    `called(run)` is a title; `back(run)` the address it leads back to."""
    from starlette.responses import HTMLResponse, JSONResponse, Response
    def answer(f):
        async def said(request):
            try:
                body = await request.body() if request.method == 'POST' else b''
                if len(body) > 20_000_000: raise Wrong('that is more than 20 MB of ids')
                return await asyncio.to_thread(f, request, body)
            except KeyError as e:
                return JSONResponse({'error': str(e.args[0]), 'hint': 'look at the runs of the link graph for those there are'}, 404)
            except (Wrong, FileNotFoundError) as e: return JSONResponse({'error': str(e), 'hint': ''}, 400)
        said.__name__ = f.__name__
        return said
    file = lambda request: where(request.path_params['run'])
    def number(request, name, default):
        try: return int(request.query_params.get(name, default))
        except ValueError: raise Wrong(f'{name} is a whole number')
    def ids_of(body):
        if not body: return None
        try: ids = json.loads(body)['ids']
        except (ValueError, KeyError, TypeError): raise Wrong('send {"ids": [1, 2, …]}')
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, int) for i in ids)): raise Wrong('ids is a list of whole numbers')
        return ids
    def rows(request, body):
        p = request.query_params
        return JSONResponse(table(file(request), p.get('q', ''), p.get('sort', 'score'),
                                  p.get('desc', '1') == '1', number(request, 'at', 0), number(request, 'limit', 100), p.get('only', ''),
                                  ids_of(body), p.get('all') == '1'))
    def picture_page(request, body):
        from fasthtml.common import to_xml
        from . import xray
        run, path = request.path_params['run'], file(request)
        with closing(reading(path)) as db: first = db.execute('select url from page where internal=1 order by id limit 1').fetchone()
        title = called(run) or (xray.urlsplit(first[0]).netloc if first else 'Nothing crawled')
        return HTMLResponse(to_xml(document(run, f'{base}/picture/{run}', title, f'The link graph of {title}', back(run) if back else base)))
    def picture_graph(request, body): return Response(drawn(file(request))[2], media_type='application/octet-stream')
    def picture_column(request, body): return JSONResponse(column(file(request), request.path_params['name']))
    def picture_one(request, body):
        page = request.path_params['page']
        if not str(page).isdigit(): raise Wrong('a page is named by its number')
        return JSONResponse(one(file(request), int(page)))
    def picture_xray(request, body):
        import io
        from . import schema, xray
        size = number(request, 'size', 1600)
        out = io.BytesIO()
        with closing(schema.open(file(request))) as db:
            try: xray.xray(db, out, size)
            except ValueError as e: raise Wrong(str(e))
        return Response(out.getvalue(), media_type='image/png')
    def picture_csv(request, body):
        import io
        from . import exports
        out = io.BytesIO()
        with closing(reading(file(request))) as db: exports.pages(db, out, list(shown), ids=ids_of(body))
        return Response(out.getvalue(), media_type='text/csv; charset=utf-8', headers={'content-disposition': 'attachment; filename="pages.csv"'})
    def picture_drawn(request, body):
        path = file(request).with_suffix('.png')           # as the step drew it
        return Response(path.read_bytes(), media_type='image/png') if path.exists() else picture_xray(request, body)
    for path, f in (('', picture_page), ('/drawn.png', picture_drawn), ('/graph', picture_graph), ('/column/{name}', picture_column),
                    ('/table', rows), ('/page/{page}', picture_one), ('/xray.png', picture_xray)):
        get(f'/picture/{{run}}{path}')(answer(f))
    for path, f in (('/list', rows), ('/csv', picture_csv)): post(f'/picture/{{run}}{path}')(answer(f))
