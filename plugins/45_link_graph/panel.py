"""What is seen of a crawl beside its steps: how far it is while it runs, what
answered how, the pages seen last or those that a filter leaves, and what was found.

    state(path, filter) → a dict, read from the crawl's file;    draw(number, state) → tags"""
import json, sqlite3
from pathlib import Path
from . import view
from pianola import A, Button, Div, Form, H2, H3, Img, Input, Li, Option, P, Section, Select, Small, Span, Strong, Table, Tbody, Td, Th, Thead, Tr, Ul

shown = 25
answers = {'2': 'answer (2xx)', '3': 'redirect (3xx)', '4': 'not found or closed (4xx)', '5': 'server errors (5xx)', '0': 'no answer'}
grave = {'error': ('Errors', 'visitors or search engines are turned away'), 'warning': ('Warnings', 'something is lost'),
         'notice': ('Notices', 'worth knowing')}
filters = {'': 'Everything', '2': 'Answers (2xx)', '3': 'Redirects (3xx)', '4': 'Not found or closed (4xx)', '5': 'Server errors (5xx)',
           '0': 'No answer', 'blocked': 'Blocked by robots.txt', 'skipped': 'Left out', 'orphan': 'Orphans', 'noindex': 'Not indexable'}
_where = {'2': 'status between 200 and 299', '3': 'status between 300 and 399', '4': 'status between 400 and 499', '5': 'status>=500',
          '0': "status=0 and state='done'", 'blocked': "state='blocked'", 'skipped': "state='skipped' and internal", 'orphan': 'orphan=1',
          'noindex': "indexable=0 and state='done' and internal"}

def state(path, filter=None):
    "Where a crawl is, and the rows that the filter {words, only, finding} leaves. FileNotFoundError while there is no file yet."
    if not Path(path).exists(): raise FileNotFoundError(path)
    db = sqlite3.connect(f'{Path(path).resolve().as_uri()}?mode=ro', uri=True, timeout=5)
    db.row_factory = sqlite3.Row
    try:
        one = lambda sql, *a: db.execute(sql, a).fetchone()[0]
        kept = {k: json.loads(v) for k, v in db.execute('select key, value from crawl')}
        out = {'state': kept.get('state', 'new'), 'start': (kept.get('asked') or {}).get('starts', ['?'])[0],
               'asked': kept.get('asked') or {}, 'began': kept.get('began'), 'ended': kept.get('ended')}
        # one look at each page, for all that is counted
        groups = db.execute(
            "select internal, state, source!='resource' and state='done' as seen, status/100 as status, count(*) as n, max(at) as at from "
            "page group by 1, 2, 3, 4").fetchall()
        out['status'] = {str(g['status']): g['n'] for g in groups if g['internal'] and g['seen']}
        out['by_state'] = {}
        for g in groups:
            if g['internal']: out['by_state'][g['state']] = out['by_state'].get(g['state'], 0) + g['n']
        out['pages'], out['queue'] = sum(out['status'].values()), out['by_state'].get('new', 0)
        out['others'] = sum(g['n'] for g in groups if not g['internal'])
        out['links'] = one('select coalesce(max(id),0) from link')
        out['last'] = max((g['at'] for g in groups if g['at']), default=None) if out['pages'] else None
        out['placed'] = bool(one('select exists(select 1 from place)'))
        out['kinds'] = [tuple(r) for r in db.execute("select kind, severity, count(*) n from finding group by 1,2 "
                                                     "order by severity='error' desc, severity='warning' desc, n desc")]
        out['events'] = [dict(r) for r in db.execute("select id, at, kind, text from event order by id desc limit 20")]
        f = {'words': '', 'only': '', 'finding': '', **(filter or {})}
        where, args = ['1'], []
        if f['words']: where.append("(url like ? escape '\\' or title like ? escape '\\')"); args += [view.like(f['words'])]*2
        if f['only']: where.append(_where.get(f['only'], '1'))
        if f['finding']: where.append('id in (select page from finding where kind=?)'); args.append(f['finding'])
        out['filter'], out['filtered'] = f, len(where) > 1
        if not out['filtered']: where.append("state='done' and source!='resource'")
        out['rows'] = [dict(r) for r in db.execute(
            f"select id, url, status, state, error, depth, title, type, ms, at from page where {' and '.join(where)} "
            f"order by {'id' if out['filtered'] else 'at desc'} limit {shown}", args)]
        out['many'] = (one(f"select count(*) from page where {' and '.join(where)}", *args) if out['filtered']
                       else sum(g['n'] for g in groups if g['seen']))
        return out
    finally: db.close()

def pressed(key, args): return dict(type='button', hx_post=f'/api/actions/link_graph.{key}', hx_vals=json.dumps(args), hx_swap='none')
def press(words, key, run, cls='', **args): return Button(words, cls=cls, **pressed(key, {'run': run, **args}))

def before(said):
    "The panel of a run that has not crawled yet: what is known by now"
    return Section(*[P(x) for x in said], P('Once it crawls, it is seen here: what answers, what does not, and where.', cls='soft'),
                   id='link_graph-panel', cls='card lg' if said else 'lg soft', aria_live='polite')

def draw(run, number, s, catalogue=None):
    "The panel of a crawl, as a run shows it"
    running = s['state'] == 'running'
    words = {'new': 'beginning', 'running': 'crawling', 'paused': 'paused', 'stopped': 'stopped: what is there counts', 'done': 'crawled'}[s['state']]
    end = press('Stop here and examine', 'enough', run, 'quiet')
    ways = [press('Pause', 'pause', run, 'quiet'), end] if running else [press('Go on', 'go_on', run), end] if s['state'] == 'paused' else []
    if s['state'] in ('done', 'stopped') and s['kinds']:
        ways += [press('Explain in the chat', 'explain', run, 'quiet'), press('Compare with the crawl before', 'changes', run, 'quiet')]
    def cell(n, what, only=''):
        if not only: return Span(Strong(f'{n:,}'), Small(what), cls='lg-n')
        on = s['filter']['only'] == only
        return Button(Strong(f'{n:,}'), Small(what), cls=f'lg-n {"bad" if only in ("4", "5", "0") and n else ""}',
                      aria_pressed=str(on).lower(), title='Show these pages', **pressed('filter', {'run': run, 'only': '' if on else only}))
    seconds = max(.1, (s['ended'] or s['last'] or 0) - (s['began'] or 0)) if s['began'] and s['pages'] else 0
    numbers = Div(cell(s['pages'], 'pages'), cell(s['queue'], 'in the queue') if s['queue'] else None,
                  *[cell(s['status'][k], answers[k], k) for k in '23450' if s['status'].get(k)],
                  cell(s['by_state']['blocked'], 'blocked by robots.txt', 'blocked') if s['by_state'].get('blocked') else None,
                  cell(s['by_state']['skipped'], 'left out', 'skipped') if s['by_state'].get('skipped') else None,
                  cell(s['links'], 'links'), cell(s['others'], 'addresses elsewhere') if s['others'] else None,
                  cell(round(s['pages']/seconds, 1) if seconds else 0, 'pages a second') if running and seconds else None,
                  cls='lg-numbers', role='group', aria_label='What answers')
    picture = A(Img(src=f'/link_graph/picture/{number}/drawn.png', alt='', loading='lazy', width=1600, height=1600),
                Span('Open the picture', cls='button'), href=f'/link_graph/picture/{number}', cls='lg-picture') if s['placed'] else None
    return Section(Div(Strong(s['start']), Small(words, cls='state', role='status'), Div(*ways, cls='ways'), cls='lg-head'),
                   Div(numbers, picture, cls='lg-top'), found(run, s, catalogue), listing(run, s, catalogue),
                   id='link_graph-panel', cls='card lg', data_crawl=number, data_state=s['state'])

def found(run, s, catalogue=None):
    "The findings by how grave they are; each a button that opens it"
    name = lambda kind: (catalogue or {}).get(kind, {}).get('name') or kind.replace('_', ' ')
    one = lambda kind, n: Li(Button(Span(name(kind)), Small(f'{n:,}'), cls='lg-finding',
                                    aria_pressed=str(s['filter']['finding'] == kind).lower(), **pressed('finding', {'run': run, 'kind': kind})))
    part = lambda sev, mine: Section(H3(Span(cls=f'lg-mark {sev}', aria_hidden='true'), grave[sev][0], Small(grave[sev][1])),
                                     Ul(*[one(kind, n) for kind, _, n in mine])) if mine else None
    if s['kinds']: return Section(H2('Findings'), *[part(sev, [k for k in s['kinds'] if k[1] == sev]) for sev in grave], cls='lg-findings')
    return P('Nothing was found to be wrong.', cls='none') if s['state'] in ('done', 'stopped') else None

def listing(run, s, catalogue=None):
    "The rows: those seen last, or those that the filter leaves"
    f = s['filter']
    opened = (catalogue or {}).get(f['finding'])
    tools = Form(Input(type='hidden', name='run', value=run),
                 Input(type='search', name='words', value=f['words'], placeholder='Words in the address or title',
                       aria_label='Words in the address or title'),
                 Select(*[Option(t, value=k, selected=k == f['only']) for k, t in filters.items()], name='only', aria_label='Which pages'),
                 Button('Filter', cls='quiet'), press('Show all', 'filter', run, 'quiet') if s['filtered'] else None,
                 hx_post='/api/actions/link_graph.filter', hx_swap='none', cls='lg-tools')
    silent = {'dns': 'no such host', 'tls': 'certificate', 'refused': 'refused', 'timeout': 'too slow', 'proxy': 'proxy'}
    left = {'limit': 'over the limit', 'depth': 'too deep', 'trap': 'endless row', 'resource': 'file', 'list': 'not on the list'}
    def said(r):
        if r['status']: return r['status']
        return silent.get(r['error'], r['error'] or '—') if r['state'] == 'done' else left.get(r['error'], r['error'] or r['state'])
    row = lambda r: Tr(Td(Span(said(r), cls=f"lg-s s{str(r['status'] or 0)[0]}")),
                       Td(A(r['url'], href=r['url'], target='_blank', rel='noopener noreferrer nofollow', cls='lg-url'),
                          Small(r['title']) if r['title'] else None),
                       Td('' if r['depth'] is None else r['depth'], cls='num'), Td(f"{r['ms']:.0f}" if r['ms'] else '', cls='num'))
    if opened and opened.get('name'): title = opened['name']
    elif f['finding']: title = f"Pages with {f['finding'].replace('_', ' ')}"
    elif f['only'] and not f['words']: title = filters[f['only']]
    else: title = 'Pages that the filter leaves' if s['filtered'] else 'Pages seen last'
    why = Div(P(Strong('Why it matters: '), opened['why']), P(Strong('What to do: '), opened['fix']), cls='lg-why') if opened else None
    heads = Tr(Th('Answer', scope='col'), Th('Address and title', scope='col'),
               Th('Clicks', scope='col', cls='num', title='Clicks from the start'),
               Th('ms', scope='col', cls='num', title='Milliseconds until it was here'))
    rows = (Div(Table(Thead(heads), Tbody(*map(row, s['rows']))),
                cls='table', tabindex='0', role='region', aria_labelledby='link_graph-rows-title') if s['rows']
            else P('Nothing yet.' if not s['filtered'] else 'No page is left by this filter.', cls='none'))
    return Section(H2(title, Small(f"{s['many']:,}" + (f', the first {shown}' if s['many'] > shown else '')), id='link_graph-rows-title'),
                   why, tools, rows, id='link_graph-rows')
