"Link graph: a site is crawled, drawn and examined: every page, every link, what is wrong and why it matters."
import asyncio, json, os, re, sqlite3, time
from contextlib import closing
from typing import Annotated, Literal, Optional
from pianola import File, Flow, Link, Long, Page, Range, Refused, Secret, Url, act, action, address, ask, item, kv, log, logins, own_folder, put, say
from . import panel, schema, urls, view

class Settings:
    comments: bool = True           # the model says a sentence when something happens in a crawl
    botify_token: Secret = ''       # of the account page of Botify
    botify_api: Url = 'https://api.botify.com/v1'
    proxy: Url = ''                 # crawls go through it; http://user:password@host:port is kept without the password

flow = Flow()
page = Page()
hows = {'follow its links': 'links', 'read its sitemap': 'sitemap', 'only these addresses': 'list',
        'take exports of Screaming Frog': 'screaming_frog', 'take the output of advertools': 'advertools', 'take a project of Botify': 'botify'}

def file(number): return own_folder()/f'{int(number)}.sqlite'

# the steps

@flow.step(button='Look at it', shows=('look', 'not_addresses'))
def site(url: Annotated[Url, 'Where it begins: example.com, or the address of a sitemap, or that of a project of Botify. '
                             'A site that asks for a name and password: https://name:password@example.com; they are kept as a secret.'] = '',
         how: Literal[tuple(hows)] = 'follow its links',
         addresses: Annotated[Long, 'Addresses to begin at, one a line.'] = '',
         table: Annotated[File, 'A table with addresses (CSV, TXT), or what another crawler wrote; of Screaming Frog: Internal.'] = '',
         second: Annotated[File, 'Of Screaming Frog: All Inlinks or All Outlinks. Without it there are no links.'] = ''):
    """Which site shall be crawled?
    It is looked at first, with a handful of requests: does it answer, what does robots.txt say, how many pages do its sitemaps name?"""
    starts, wrong, kind = [], [], hows[how]
    if kind in ('screaming_frog', 'advertools'):
        if not table: raise Refused('no table is given', f'give the file that {how.rpartition(" of ")[2]} wrote')
        return {'look': f'{table.name} is read when it is its turn.', 'starts': [], 'kind': kind, 'seen': {}}
    if kind == 'botify':
        from . import botify
        try: there = asyncio.run(botify.look(Settings.botify_token or '', url, Settings.botify_api))
        except ValueError as e: raise Refused(str(e)) from None
        newest = there['analyses'][0]
        return {'look': f"{there['user']}/{there['project']} at Botify has {len(there['analyses'])} analyses; the newest, {newest}, is taken.",
                'starts': [], 'kind': kind, 'seen': {'project': url, 'analysis': newest}}
    for line in ([url] if url and kind != 'list' else []) + [l for l in addresses.splitlines() if l.strip()]:
        try: starts.append(urls.address(line))
        except ValueError as e: wrong.append(str(e))
    if table:
        from . import imports
        good, bad = imports.addresses(table.path)
        starts, wrong = starts + good, wrong + [f'{line}: {why}' for line, why in bad]
    if not starts:
        raise Refused(wrong[0] if wrong else 'no address is named',
                      'give one, like https://example.com' if kind != 'list' else 'write some, one a line')
    from . import look as first         # what reads pages is loaded when a site is looked at
    seen = asyncio.run(first.look(starts := list(dict.fromkeys(starts)), kind, logins=logins(), proxy=Settings.proxy or ''))
    return {'look': first.said(seen), 'starts': starts, 'kind': kind, 'seen': seen, **({'not_addresses': wrong[:100]} if wrong else {})}

@flow.step(button='Next', shows=('estimate',))
def how_far(starts, seen, pages: Annotated[Range(1, 5_000_000), 'Stop after so many pages.'] = 10_000,
            depth: Annotated[Optional[int], 'At most so many clicks from the first page; empty: no limit.'] = None,
            speed: Annotated[float, 'Requests a second. 0 chooses for you: five, or as fast as it answers when the site is on this machine.'] = 0,
            agent: Annotated[str, 'The user agent it says it is; empty: Pianola’s own.'] = '',
            include: Annotated[Long, 'Only addresses with one of these in them, one a line; * stands for anything.'] = '',
            exclude: Annotated[Long, 'No addresses with one of these in them.'] = '',
            robots: Annotated[bool, 'Do as robots.txt says.'] = True,
            images: Annotated[bool, 'Ask whether images, styles and scripts are there.'] = True,
            subdomains: Annotated[bool, 'shop.example.com belongs to example.com.'] = False,
            external: Annotated[bool, 'Ask other sites whether the pages exist that are linked to.'] = False,
            javascript: Annotated[bool, 'Read each page in a browser too, and compare. Slower.'] = False,
            unverified: Annotated[bool, 'Crawl on where a certificate cannot be verified; that it cannot is a finding.'] = False,
            visitors: Annotated[File, 'A table of Search Console or of analytics; it is joined by address.'] = ''):
    """How far shall it go?
    As it stands it is right for most sites; the estimate comes next."""
    if not 0 <= speed <= 1000: raise Refused(f'{speed:g} requests a second is no speed', 'say a number from 0 to 1000')
    if not starts:
        if not seen: return {'estimate': 'It comes from a table: nothing is asked for.', 'asked': {}}
        return {'estimate': f"At most {pages:,} pages and 1,000,000 links are exported, deepest last.", 'asked': {'pages': pages}}
    local = all(urls.private(urls.host(u)[0]) or urls.host(u)[0] == 'localhost' for u in starts)
    from . import look as first
    many, seconds, said = first.estimate(seen, pages, speed, local)
    asked = dict(pages=pages, depth=depth, subdomains=subdomains, include=include, exclude=exclude, speed=speed, obey=robots,
                 javascript=javascript, resources=images, external=external, unverified=unverified)
    return {'estimate': said, 'asked': {**asked, **({'agent': agent.strip()} if agent.strip() else {})}}

@flow.step(runs='process', button='Crawl', retries=3, shows=('counts',))
def crawl(job, starts, kind, asked, table, second, seen):
    """Crawl it
    It goes on when you close this page, and after a crash it goes on where it was. What answers is seen below while it runs."""
    if kind in ('screaming_frog', 'advertools'):
        from . import imports
        with closing(schema.open(file(job.id), fresh=True)) as db:
            return {'crawled': job.id, 'counts': getattr(imports, kind)(db, *[f.path for f in (table, second) if f])}
    if kind == 'botify':
        from . import botify
        with closing(schema.open(file(job.id), fresh=True)) as db, closing(schema.open(own_folder()/'botify.sqlite', fresh=True)) as ledger:
            try:
                counts = asyncio.run(botify.fetch(db, Settings.botify_token or '', seen['project'], own_folder()/f'botify-{job.id}',
                                                  seen['analysis'], at=Settings.botify_api, tell=job.progress, ledger=ledger, by=job.id,
                                                  most_pages=asked['pages']))
                return {'crawled': job.id, 'counts': counts}
            except ValueError as e: raise Refused(str(e)) from None
    from .crawler import Crawl
    if hasattr(os, 'nice'): os.nice(5)                      # whoever talks meanwhile comes first
    c = Crawl(file(job.id), {'starts': starts, 'how': kind, **asked},
              tell=lambda done, total, text: job.cancelled or job.progress(done, total, text), stopped=lambda: job.cancelled,
              logins=logins(), proxy=Settings.proxy or '')
    state = asyncio.run(c.run())
    if state == 'paused': job.check()
    counts = {'pages': c.fetched, 'links': c.count('select count(*) from link'),
              'answer with an error': sum(n for s, n in c.statuses.items() if s >= 400), 'do not answer': c.statuses[0],
              'blocked by robots.txt': c.count("select count(*) from page where state='blocked'"),
              'other sites': c.count('select count(*) from page where not internal'), 'ended': state}
    c.close()
    return {'counts': counts, 'crawled': job.id}

@flow.step(auto=True, runs='process', button='Examine', shows=('found', 'since_the_crawl_before', 'visitors'))
def examine(job, crawled, visitors):
    "What is wrong"
    from . import compare, findings, graph, imports
    out = {}
    with closing(schema.open(file(crawled))) as db:
        job.progress(0, 100, 'computing the graph')
        graph.finish(db)
        if visitors: out['visitors'] = imports.search(db, visitors.path)['text']
        findings.find(db, tell=lambda done, total, what: job.progress(done + 1, total + 1, what))
        kinds = findings.summary(db)
        many = {sev: sum(k['findings'] for k in kinds if k['severity'] == sev) for sev in findings.grave}
        said = ', '.join(f"{n:,} {sev}{'s' if n != 1 else ''}" for sev, n in many.items() if n) + f' of {len(kinds)} kinds'
        out = {'found': said if kinds else 'nothing is wrong', **out, 'kinds': kinds}
    if old := compare.before(file(crawled)): out = {'since_the_crawl_before': compare.compare(old, file(crawled))['text'], **out}
    return out

@flow.step(auto=True, runs='process', button='Draw')
def draw(job, crawled):
    "The X-ray"
    from . import layout, xray
    with closing(schema.open(file(crawled))) as db:
        job.progress(0, 2, 'laying out')
        layout.layout(db)
        job.progress(1, 2, 'drawing')
        xray.xray(db, out := own_folder()/f'{crawled}.png')
        view.draw(db)
        return out.read_bytes()

@flow.step(runs='process', button='Export')
def export(job, crawled,
           tables: Annotated[Literal['CSV', 'CSV, compressed', 'Parquet', 'none'],
                             'Pages, links (“edges”) and findings, one table each.'] = 'CSV',
           fields: Annotated[str, 'Of the pages only these columns, with commas between; empty: all. '
                                  'For example url, status, title.'] = '',
           workbook: Annotated[bool, 'The findings for Excel: what, why, how to fix it, and where.'] = False,
           picture: Annotated[bool, 'The X-ray as PNG.'] = True, database: Annotated[bool, 'All of the crawl as one SQLite file.'] = True,
           gephi: Annotated[bool, 'The graph as GEXF, for Gephi.'] = False):
    """What shall be taken along?
    The files appear here, to be downloaded."""
    import shutil
    from . import exports
    folder = own_folder()/f'export-{crawled}'             # copied to where results are kept, and made anew each time
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    db, out = schema.open(file(crawled)), {}
    try:
        if tables != 'none':
            try: wanted = exports.choose(db, 'pages', fields)
            except ValueError as e: raise Refused(str(e)) from None
            form = {'CSV': '.csv', 'CSV, compressed': '.csv.gz', 'Parquet': '.parquet'}[tables]
            for name in exports.whats: out[name] = exports.write(db, name, folder/f'{name}{form}', wanted if name == 'pages' else None)
        if workbook: out['workbook'] = exports.write(db, 'findings', folder/'findings.xlsx')
        if gephi: out['graph'] = exports.write(db, 'graph', folder/'graph.gexf')
        if database:
            db.execute('vacuum into ?', (str(folder/'crawl.sqlite'),))
            out['crawl'] = folder/'crawl.sqlite'
        if picture and (own_folder()/f'{crawled}.png').exists(): out['xray'] = shutil.copyfile(own_folder()/f'{crawled}.png', folder/'xray.png')
        return out
    finally: db.close()

# what is seen beside the steps

seen = {'runs': {}, 'tails': {}}        # {run: the number of its crawl} of those that some tab has looked at; {number: the task that watches it}

async def steps(run=None):
    "A run as the key `show` tells it, by default the one looked at last; looking leaves no line in the log"
    return (await act('link_graph.show', {'run': run} if run else {}, by='user')).result
def crawl_of(r): return next((s.get('job') for s in r['steps'] if s['step'] == 'crawl'), None)
async def current(run=None):
    "(run, the number of its crawl), by default of the one looked at last; the number is None while it has none"
    r = await steps(run)
    return (r['run'], crawl_of(r)) if r else (None, None)

async def state(number):
    "What the panel shows of a crawl, None while there is no file of it"
    try: return await asyncio.to_thread(panel.state, file(number), await kv.get(f'filter:{number}', {}))
    except (FileNotFoundError, sqlite3.OperationalError): return None

def catalogue():
    from . import findings
    return findings.catalogue()

def before(r):
    "What is known of a run that has not crawled yet: what a look told, and the estimate"
    over = [s for s in r['steps'] if s['step'] in ('site', 'how_far') and s['state'] == 'done'] if r else []
    said = [(s.get('result') or {}).get(k) for s in over for k in ('look', 'estimate')]
    return panel.before([x for x in said if x])

@page
async def index():
    asked = (address.get() or {}).get('run', '')
    try: r = await steps(int(asked) if asked.isdecimal() and len(asked) < 16 else None)
    except Refused: r = await steps()
    run, number = (r['run'], crawl_of(r)) if r else (None, None)
    if run: seen['runs'][run] = number
    s = await state(number) if number else None
    if number and (not s or s['state'] in ('new', 'running', 'paused')): follow(number)
    below = panel.draw(run, number, s, await asyncio.to_thread(catalogue)) if s else before(r)
    return Link(rel='stylesheet', href='/link_graph/static/crawl.css'), below

async def show(number, runs=(), s=None):
    "Draw the panel anew in every tab that looks at a run with this crawl, as it is or as it was just read"
    if s := s or await state(number):
        names = await asyncio.to_thread(catalogue)
        for run in {*runs, *(r for r, n in seen['runs'].items() if n == number)}:
            put({**item('link_graph-panel', panel.draw(run, number, s, names), only=True), 'run': run, 'flow': 'link_graph'})
    return s

@page.hears
async def news(e):
    "Something became of a run: its panel follows, in the tabs that look at it"
    if e.kind not in ('note', 'flow') and not (e.what or '').startswith('link_graph.'): return
    for run in ({i for table, i in e.rows if table == 'run'} | {e.data.get('run')}) & seen['runs'].keys():
        try: r = await steps(run)
        except Refused: seen['runs'].pop(run); continue
        seen['runs'][run] = number = crawl_of(r)
        s = await show(number) if number else None
        if not s: put({**item('link_graph-panel', before(r), only=True), 'run': run, 'flow': 'link_graph'})
        if number and (not s or s['state'] in ('new', 'running', 'paused')): follow(number)

def follow(number):
    "Watch a crawl until it is over"
    if (t := seen['tails'].get(number)) and not t.done(): return
    seen['tails'][number] = t = asyncio.create_task(tail(number))
    t.add_done_callback(lambda t: seen['tails'].get(number) is t and seen['tails'].pop(number))

async def tail(number):
    "The panel once a second while it runs, and a word on what happens"
    waited, told = 0, None
    while True:
        began = time.monotonic()
        s = await state(number)
        if s:
            if (now := json.dumps([s[k] for k in ('state', 'status', 'queue', 'kinds', 'placed')])) != told:
                told = now
                await show(number, s=s)
            await comment(number, s)
            if s['state'] in ('done', 'stopped'): return
        else: waited += 1
        if waited > 60: return
        await asyncio.sleep(max(1, 5*(time.monotonic()-began)))

async def comment(number, s):
    "New events of a crawl: kept for the model to read, and said in a sentence"
    last = await kv.get(f'heard:{number}', 0)
    new = [e for e in reversed(s['events']) if e['id'] > last and e['kind'] in ('progress', '404', 'warning', 'done')]
    if not new or seen.get('saying') and not seen['saying'].done() and new[-1]['kind'] != 'done': return
    await kv.set(f'heard:{number}', new[-1]['id'])
    if Settings.comments: seen['saying'] = asyncio.create_task(sentence([e['text'] for e in new]))

async def sentence(facts):
    "One sentence of the model on what happened; where it says a number that is not in the facts, or there is no model, the facts speak for themselves"
    plain, said = '\n\n'.join(f if f[-1:] in '.!?' else f + '.' for f in facts[-2:]), ''
    try:
        async with asyncio.timeout(60):
            async for piece in ask(f"{' '.join(facts)[:1500]}\n\nTell the user in one short sentence what happened in the crawl:",
                                   system='You comment on a crawl of a web site. One short sentence, only what the text says, '
                                          'no number that is not in it.', most=60):
                said += piece
    except (Refused, TimeoutError) as e: log.debug('no comment on the crawl: {}', e)
    said = said.strip().splitlines()[0].strip(' "') if said.strip() else ''
    known = set(numbers(' '.join(facts)))
    await say(said if said and 10 < len(said) < 400 and set(numbers(said)) <= known else plain)

def numbers(text): return [n.replace(',', '').rstrip('.') for n in re.findall(r'\d[\d,.]*', text)]

# keys

async def control(what, states, sorry, run=None):
    run, number = await current(run)
    s = await state(number) if number else None
    if not s or s['state'] not in states: raise Refused(sorry, f"the crawl {'is ' + s['state'] if s else 'has not begun'}", 409)
    await asyncio.to_thread(schema.control, file(number), what)
    follow(number)
    return s['start']

@action(local=True, title='Pause the crawl',
        phrases=(r'pause(?: the crawl(?:ing)?)?', r'(?:halt|hold)(?: the crawl)?', r'(?:den )?crawl (?:pausieren|anhalten)'),
        say=lambda a, r, c: f'Paused the crawl of {r}')
async def pause(run: Optional[int] = None):
    "Pause the crawl that runs; nothing is asked for until it goes on."
    return await control('pause', ('running', 'new'), 'no crawl is running', run)
@action(local=True, title='Go on with the crawl',
        phrases=(r'(?:go on|continue|resume)(?: with)?(?: the crawl(?:ing)?)?', r'(?:mach )?weiter(?: crawlen)?'),
        say=lambda a, r, c: f'Went on with the crawl of {r}')
async def go_on(run: Optional[int] = None):
    "Go on with the crawl that was paused, or that broke or was stopped."
    r = await steps(run)
    if r and any(s['step'] == 'crawl' and s['state'] == 'failed' for s in r['steps']):
        await act('link_graph.run', {'run': r['run'], 'step': 'crawl'}, by='app')
        number = (await current(r['run']))[1]
        return (number and await state(number) or {}).get('start', 'the site')
    return await control(None, ('paused', 'running'), 'no crawl is paused', run)
@action(local=True, title='End the crawl here',
        phrases=(r'(?:stop|end|finish)(?: the crawl(?:ing)?)?(?: here)?', r"(?:that's|that is) enough", r'enough'),
        say=lambda a, r, c: f'Ended the crawl of {r} where it was')
async def enough(run: Optional[int] = None):
    "End the crawl here: what is there counts, and is examined and drawn."
    return await control('stop', ('running', 'paused', 'new'), 'no crawl is running', run)

@action(local=True, title='Filter the pages',
        phrases=(r'(?:show|list|filter)(?: me)?(?: all)?(?: the| only)?(?: pages)?(?: that| which)?'
                 r'(?: answer| return| with| by)?(?: with| by)? (?P<only>[2345])(?:\d\d|xx)s?(?: pages| errors)?',
                 r'(?:show|list)(?: me)? (?:all|every)(?: the)?(?: pages)?'),
        say=lambda a, r, c: f"Shows {r['pages']:,} pages")
async def filter(words: str = '', only: Literal['', '2', '3', '4', '5', '0', 'blocked', 'skipped', 'orphan', 'noindex'] = '',
                 finding: str = '', run: Optional[int] = None):
    "Show pages of the crawl: those with these words in the address or title, `only` of a kind of answer (4 for 4xx), or with a finding. Nothing: all."
    run, number = await current(run)
    if not number: raise Refused('nothing is crawled yet', 'crawl a site first', 409)
    if finding and finding not in (names := await asyncio.to_thread(catalogue)):
        import difflib
        raise Refused(f'there is no finding {finding[:60]}',
                      f"there is {', '.join(difflib.get_close_matches(finding, names, 5, 0) or list(names)[:10])}")
    await kv.set(f'filter:{number}', {'words': words, 'only': only, 'finding': finding})
    s = await show(number, [run])
    if not s: raise Refused('nothing is crawled yet', 'crawl a site first', 409)
    return {'pages': s['many'], 'first': [{'url': r['url'], 'status': r['status'], 'title': r['title']} for r in s['rows'][:10]]}

@action(local=True, title='Open a finding',
        phrases=(r'(?:which|what|how many|show(?: me)?|list|open|find)(?: all)?(?: of)?(?: the| those)? '
                 r'(?P<kind>(?:pages?|links?|redirects?|images?|titles?|descriptions?|canonicals?|orphans?|headings?|duplicates?|sitemaps?'
                 r'|dead|broken|slow|missing|404s)\b.*)',
                 r'(?:welche|wie viele|zeig(?:e)?(?: mir)?)(?: die| alle)? (?P<kind>(?:seiten|links|bilder|titel)\b.*)'),
        say=lambda a, r, c: f"“{r['name']}”: {r['pages']:,} {'page' if r['pages'] == 1 else 'pages'}, shown on the left. "
                            f"{r['why']} What to do: {r['fix']}")
async def finding(kind: str, run: Optional[int] = None):
    "Open a finding, by its kind or in words (“pages without title”): its pages, why it matters and what to do."
    def meant():
        from . import findings
        return findings.named(kind)
    kind = await asyncio.to_thread(meant) or kind
    shown = await filter(finding=kind, run=run)
    known = (await asyncio.to_thread(catalogue))[kind]
    return {'name': known['name'], 'kind': kind, 'why': known['why'], 'fix': known['fix'], **shown}

async def examined(run=None):
    "The file of a run's crawl once it is over, by default of the run that was looked at last"
    number = (await current(run))[1]
    if not number or not file(number).exists() or (s := await state(number)) is None or s['state'] not in ('done', 'stopped'):
        raise Refused('no crawl is finished here', 'crawl a site first, or wait until it is done', 409)
    return file(number)

@action(local=True, title='Explain the findings', risk='read',
        phrases=(r"what(?:'s| is| was)? (?:wrong|broken|bad)(?: (?:with|on|about|in) .{1,40})?",
                 r'(?:explain|summari[sz]e|tell me about|show(?: me)?)(?: me)?(?: the| all| its| what)? '
                 r'(?:findings|problems|issues|errors|mistakes|was found|results?)(?: .{1,40})?',
                 r'what (?:should|shall|must|do|can) (?:i|we) (?:fix|mend|repair|change|improve|do)(?: first| next| now)?(?: .{1,30})?',
                 r'what (?:did (?:you|it|the crawl(?:er)?) find|was found|are the (?:findings|problems|issues|errors))(?: .{1,40})?',
                 r'(?:was|welche fehler) (?:ist|sind|stimmt|gibt es).{0,40}', r'erkl\u00e4r.{0,6} (?:die )?(?:befunde|fehler|probleme).{0,30}'),
        say=lambda a, r, c: 'Asked what was found, and why it matters')
async def explain(question: str = '', run: Optional[int] = None):
    "What is wrong with the site that was crawled, in code's words at once, and in the model's words in the chat as soon as it has found them; or an answer to a question about it. What the model says is checked against the findings."
    path = await examined(run)
    def known():
        from . import telling
        with closing(schema.open(path)) as db: return telling.plain(telling.facts(db, 6))
    told = await asyncio.to_thread(known)
    if not question: await say(told)
    seen['explaining'] = asyncio.create_task(explained(path, question, told))
    return told

async def explained(path, question, told):
    "Says in the chat what the model makes of the findings: the sentences that check out, or code's own when there are none"
    from . import telling
    with closing(schema.open(path)) as db:
        try:
            async with asyncio.timeout(300): got = await telling.explain(db, lambda text, system: ask(text, system=system, most=400), question, 6)
        except (Refused, TimeoutError) as e:
            log.debug('no word on the findings: {}', e)
            got = {'said': [], 'refused': []}
    lines = telling.worth(got['said'], '' if question else told)
    if (n := len(got['refused'])) and lines:
        lines.append(f"({n} more {'sentence was' if n == 1 else 'sentences were'} left out: the findings do not say so.)")
    if lines or question: await say('\n'.join(lines) if lines else told)

@action(local=True, title='Compare with the crawl before', risk='read',
        phrases=(r"compare(?: it| this| the crawls?)?"
                 r"(?: (?:with|to) (?:the )?(?:crawl before|last (?:crawl|run|one|time)|previous (?:crawl|run|one)|before))?",
                 r"what(?:'s| is| has)? (?:new|changed|gone|different)(?: since .{1,40})?"),
        say=lambda a, r, c: 'Compared with the crawl before')
async def changes(run: Optional[int] = None):
    "What is new, gone and changed since the last crawl of the same site, and which findings came and went."
    path = await examined(run)
    def both():
        from . import compare
        return (old := compare.before(path)) and compare.compare(old, path)
    if not (got := await asyncio.to_thread(both)):
        raise Refused('there is no earlier crawl of this site', 'crawl it again some time; then the two can be compared', 409)
    await say(got['text'])
    return got

@action(local=True, title='Crawl a site', logins=True, say=lambda a, r, c: f"Began to crawl {r['url']}: {r['estimate']}")
async def begin(url: str, pages: int = 500):
    "Crawl a site from its address, at most so many pages: a new run, looked at and begun."
    try: url = urls.address(url)
    except ValueError as e: raise Refused(str(e), 'give an address like https://example.com') from None
    run = (await act('link_graph.start', {'name': f"{urls.host(url)[0]}, {time.strftime('%d %b %H:%M')}"}, by='app')).result['run']
    async def step(name, values):
        await act('link_graph.run', {'run': run, 'step': name, 'values': values}, by='app')
        while (s := next(s for s in (await steps(run))['steps'] if s['step'] == name))['state'] == 'running':      # noqa: ASYNC110  its end is in the database
            await asyncio.sleep(.1)
        if s['state'] == 'failed': raise Refused(s['error'].strip().rpartition('\n')[2], 'try another address')
        return s
    await step('site', {'url': url})
    told = await step('how_far', {'pages': pages})
    await act('link_graph.run', {'run': run, 'step': 'crawl'}, by='app')
    return {'run': run, 'url': url, 'estimate': told['result']['estimate']}

# the picture in the browser

def where(number):
    if not str(number).isdecimal() or len(str(number)) > 12 or not file(number).exists(): raise KeyError(f'there is no crawl {str(number)[:20]}')
    return file(number)
view.mount(page.get, page.post, where, base='/link_graph')
