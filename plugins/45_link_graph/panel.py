"""What is seen of a crawl beside its steps: how far it is while it runs, what answered how, the pages seen last or those that a filter leaves, and what was found.

    state(path, filter) → a dict, read from the crawl's file;    draw(number, state) → tags"""
import json, sqlite3
from pathlib import Path
from pianola import A, Button, Div, Form, Input, Option, P, Section, Select, Small, Span, Strong, Table, Tbody, Td, Th, Thead, Tr, H2

shown = 25
answers = {'2': 'answer', '3': 'lead elsewhere', '4': 'are not there or closed', '5': 'break', '0': 'do not answer'}
filters = {'': 'Everything', '2': 'Answers', '3': 'Redirects', '4': '4xx', '5': '5xx', '0': 'No answer', 'blocked': 'Blocked by robots.txt', 'skipped': 'Left out', 'orphan': 'Orphans', 'noindex': 'Not indexable'}
_where = {'2': 'status between 200 and 299', '3': 'status between 300 and 399', '4': 'status between 400 and 499', '5': 'status>=500', '0': "status=0 and state='done'", 'blocked': "state='blocked'", 'skipped': "state='skipped' and internal", 'orphan': 'orphan=1', 'noindex': "indexable=0 and state='done' and internal"}

def state(path, filter=None):
    "Where a crawl is, and the rows that the filter {words, only, finding} leaves. FileNotFoundError while there is no file yet."
    if not Path(path).exists(): raise FileNotFoundError(path)
    db = sqlite3.connect(f'file:{Path(path).as_posix()}?mode=ro', uri=True, timeout=5)
    db.row_factory = sqlite3.Row
    try:
        one = lambda sql, *a: db.execute(sql, a).fetchone()[0]
        kept = {k: json.loads(v) for k, v in db.execute('select key, value from crawl')}
        out = {'state': kept.get('state', 'new'), 'start': (kept.get('asked') or {}).get('starts', ['?'])[0], 'asked': kept.get('asked') or {}, 'began': kept.get('began'), 'ended': kept.get('ended')}
        groups = db.execute("select internal, state, source!='resource' and state='done' as seen, status/100 as status, count(*) as n, max(at) as at from page group by 1, 2, 3, 4").fetchall()         # one look at each page, for all that is counted
        out['status'] = {str(g['status']): g['n'] for g in groups if g['internal'] and g['seen']}
        out['by_state'] = {}
        for g in groups:
            if g['internal']: out['by_state'][g['state']] = out['by_state'].get(g['state'], 0) + g['n']
        out['pages'], out['queue'], out['others'] = sum(out['status'].values()), out['by_state'].get('new', 0), sum(g['n'] for g in groups if not g['internal'])
        out['links'] = one('select coalesce(max(id),0) from link')
        out['last'] = max((g['at'] for g in groups if g['at']), default=None) if out['pages'] else None
        out['placed'] = bool(one('select exists(select 1 from place)'))
        out['kinds'] = [tuple(r) for r in db.execute("select kind, severity, count(*) n from finding group by 1,2 order by severity='error' desc, severity='warning' desc, n desc")]
        out['events'] = [dict(r) for r in db.execute("select id, at, kind, text from event order by id desc limit 20")]
        f = {'words': '', 'only': '', 'finding': '', **(filter or {})}
        where, args = ['1'], []
        if f['words']: where.append('(url like ? or title like ?)'); args += [f"%{f['words']}%"]*2
        if f['only']: where.append(_where.get(f['only'], '1'))
        if f['finding']: where.append('id in (select page from finding where kind=?)'); args.append(f['finding'])
        out['filter'], out['filtered'] = f, len(where) > 1
        if not out['filtered']: where.append("state='done' and source!='resource'")
        out['rows'] = [dict(r) for r in db.execute(f"select id, url, status, state, error, depth, title, type, ms, at from page where {' and '.join(where)} order by {'id' if out['filtered'] else 'at desc'} limit {shown}", args)]
        out['many'] = one(f"select count(*) from page where {' and '.join(where)}", *args) if out['filtered'] else sum(g['n'] for g in groups if g['seen'])
        return out
    finally: db.close()

def press(words, key, args=None, cls=''): return Button(words, type='button', cls=cls, hx_post=f'/api/actions/link_graph.{key}', hx_vals=json.dumps(args or {}), hx_swap='none')

def draw(number, s, catalogue=None):
    "The panel of a crawl"
    running = s['state'] == 'running'
    words = {'new': 'begins', 'running': 'runs', 'paused': 'paused', 'stopped': 'stopped', 'done': 'done'}[s['state']]
    ways = [press('Pause', 'pause', cls='quiet'), press('Enough: stop here', 'enough', cls='quiet')] if running else [press('Go on', 'go_on'), press('Enough: stop here', 'enough', cls='quiet')] if s['state'] == 'paused' else []
    if s['state'] in ('done', 'stopped') and s['kinds']: ways += [press('Explain it', 'explain', cls='quiet'), press('Compare with before', 'changes', cls='quiet')]
    if s['placed']: ways.append(A('Open the picture', href=f'/link_graph/picture/{number}', cls='button'))
    cell = lambda n, what, only='': Button(Strong(f'{n:,}'), Small(what), type='button', cls=f'lg-n {"bad" if only in ("4", "5", "0") and n else ""}', hx_post='/api/actions/link_graph.filter', hx_vals=json.dumps({'only': only}), hx_swap='none', aria_pressed=str(s['filter']['only'] == only).lower()) if only else Span(Strong(f'{n:,}'), Small(what), cls='lg-n')
    seconds = max(.1, (s['ended'] or s['last'] or 0) - (s['began'] or 0)) if s['began'] and s['pages'] else 0
    numbers = Div(cell(s['pages'], 'pages'), cell(s['queue'], 'in the queue') if s['queue'] else None, *[cell(s['status'][k], answers[k], k) for k in '23450' if s['status'].get(k)],
                  cell(s['by_state']['blocked'], 'blocked by robots.txt', 'blocked') if s['by_state'].get('blocked') else None, cell(s['by_state']['skipped'], 'left out', 'skipped') if s['by_state'].get('skipped') else None,
                  cell(s['links'], 'links'), cell(s['others'], 'addresses elsewhere') if s['others'] else None, cell(round(s['pages']/seconds, 1) if seconds else 0, 'pages a second') if running and seconds else None, cls='lg-numbers')
    name = lambda kind: (catalogue or {}).get(kind, {}).get('name') or kind.replace('_', ' ')
    found = Section(H2('Findings'), Div(*[Button(Span(cls=f'lg-mark {sev}', title=sev, role='img', aria_label=sev), Span(name(kind)), Small(f'{n:,}'), type='button', cls='lg-finding', hx_post='/api/actions/link_graph.finding', hx_vals=json.dumps({'kind': kind}), hx_swap='none', aria_pressed=str(s['filter']['finding'] == kind).lower()) for kind, sev, n in s['kinds']], cls='lg-findings')) if s['kinds'] else None
    return Section(Div(Strong(s['start']), Small(words, cls='state'), Div(*ways, cls='ways'), cls='lg-head'), numbers, found, listing(s, catalogue), id='link_graph-panel', cls='card lg', data_crawl=number, data_state=s['state'])

def listing(s, catalogue=None):
    "The rows: those seen last, or those that the filter leaves"
    f = s['filter']
    opened = (catalogue or {}).get(f['finding'])
    tools = Form(Input(type='search', name='words', value=f['words'], placeholder='Words in the address or title', aria_label='Words'), Select(*[Option(t, value=k, selected=k == f['only']) for k, t in filters.items()], name='only', aria_label='Which pages'),
                 Button('Filter', cls='quiet'), press('All', 'filter', cls='quiet') if s['filtered'] else None, hx_post='/api/actions/link_graph.filter', hx_swap='none', cls='lg-tools')
    row = lambda r: Tr(Td(Span(r['status'] if r['status'] else '—' if r['state'] == 'done' else r['error'] or r['state'], cls=f"lg-s s{str(r['status'] or 0)[0]}")), Td(A(r['url'], href=r['url'], target='_blank', rel='noopener noreferrer nofollow', cls='lg-url'), Small(r['title']) if r['title'] else None), Td('' if r['depth'] is None else r['depth'], cls='num'), Td(f"{r['ms']:.0f}" if r['ms'] else '', cls='num'))
    return Section(H2((opened or {}).get('name') or (f"Pages with {f['finding'].replace('_', ' ')}" if f['finding'] else 'Pages that the filter leaves' if s['filtered'] else 'Seen last')), P(opened['why'], ' ', Strong('What to do: '), opened['fix'], cls='soft') if opened else None, tools,
                   Div(Table(Thead(Tr(Th('Answer'), Th('Address'), Th('Clicks', cls='num'), Th('ms', cls='num'))), Tbody(*map(row, s['rows']))), cls='table', tabindex='0', role='region', aria_label='Pages of the crawl') if s['rows'] else P('Nothing yet.' if not s['filtered'] else 'Nothing.', cls='none'),
                   Small(f"{s['many']:,} in all, the first {shown} shown" if s['many'] > shown else f"{s['many']:,}", cls='more'), id='link_graph-rows')
