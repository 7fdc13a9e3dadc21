"""How fast it is, as ratios and differences within one run: against the upstream asked directly, and against a naive forwarder (naive.py).

    python bench/run.py [first stream start page long browser plugin click tabs job table]        in the environment that `python3 start.py test` makes

The model is the scripted Ollama of the tests, as its own process, so that only our own time is measured. Prints Markdown."""
import asyncio, compileall, contextlib, gzip, inspect, itertools, json, os, platform, re
import socket, statistics, subprocess, sys, tempfile, threading, time, urllib.request
from pathlib import Path
root = Path(__file__).parent.parent
sys.path[:0] = [str(root), str(root/'tests')]
import aiohttp, websockets
from conftest import Server, Upstream, browser_path, written

rows, ms, mid = [], lambda s: f'{s*1000:.1f} ms', statistics.median
def row(what, ours, beside='', aim=''):
    rows.append((what, ours, beside, aim))
    print(f'| {what} | {ours} | {beside} | {aim} |', flush=True)

@contextlib.contextmanager
def double(**flags):
    "The scripted Ollama as its own process; yields its URL"
    with contextlib.closing(socket.socket()) as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    p = subprocess.Popen([sys.executable, str(root/'tests/ollama_double.py'), '--port', str(port),
                          *(x for k, v in flags.items() for x in (f'--{k}', str(v)))], stdout=subprocess.PIPE, text=True)
    try:
        p.stdout.readline()
        yield f'http://127.0.0.1:{port}'
    finally: p.kill(); p.wait()

@contextlib.contextmanager
def pianola(url, data=None):
    s = Server(data or Path(tempfile.mkdtemp())/'data', cold=True, env={'OLLAMA_HOST': url, 'PIANOLA_ENGINE': 'ollama'})
    try:
        s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
        yield s
    finally: s.kill()

@contextlib.contextmanager
def naive(url='-', rows=10):
    with contextlib.closing(socket.socket()) as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    p = subprocess.Popen([sys.executable, str(root/'bench/naive.py'), str(port), url, str(rows)])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(('127.0.0.1', port), .1)): break
            time.sleep(.05)
        yield p, f'ws://127.0.0.1:{port}/ws'
    finally: p.kill(); p.wait()

def cpu(pid):
    "Seconds of processor a process has used; NaN where the system does not say"
    try: f = Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()
    except OSError: return float('nan')
    return (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')
def memory(pid):
    try: return int(re.search(r'VmRSS:\s+(\d+)', Path(f'/proc/{pid}/status').read_text())[1]) / 1024
    except OSError: return float('nan')

async def direct(session, url, first=False):
    "Seconds until the first chunk (or the last) when the upstream is asked by itself"
    t = time.perf_counter()
    async with session.post(f'{url}/api/chat', json={'model': 'double', 'stream': True, 'messages': [{'role': 'user', 'content': 'go'}]}) as r:
        async for line in r.content:
            if first and b'"content":""' not in line: took = time.perf_counter()-t; first = None
            elif first is False and b'"done":true' in line.replace(b' ', b''): return time.perf_counter()-t
    return took

async def tab(s):
    "A socket that looks at a conversation of its own"
    ws = await websockets.connect(s.ws, max_size=2**26)
    await ws.send(json.dumps({'msg': 'begin', 'conversation': None}))
    return ws, await until_over(ws, None)
async def until_over(ws, began):
    "Read frames until the reply is over; seconds to its first text and to its end"
    first = 0
    async for text in ws:
        if (not first and began
                and re.search(r'^{"m":.*("(tail|append)":"..|"add":)|data-status=\\"streaming\\".*class=\\"(tail|block)\\"><[^/]', text)):
            first = time.perf_counter()-began
        if 'data-role=\\"assistant\\" data-status=\\"done\\"' in text:
            return first or time.perf_counter()-(began or 0), time.perf_counter()-(began or 0)

said_before = itertools.count(1)
async def say(ws):
    "Say something, each time something else, as nobody says the same forty times; seconds to the first text and to the end"
    began = time.perf_counter()
    await ws.send(json.dumps({'msg': f'Tell me something about the number {next(said_before)}.'}))
    return await until_over(ws, began)
async def passed_on(ws):
    "The same with a server that only passes the reply on"
    began, first = time.perf_counter(), 0
    await ws.send('{"msg":"go","bare":true}')
    while (text := await ws.recv()) != 'done': first = first or (time.perf_counter()-began if text else 0)
    return first

async def first():
    "Time to the first text"
    with double(chunks=12, rate=100) as url, pianola(url) as s, naive(url) as (_, where):
        async with aiohttp.ClientSession() as session:
            tabs, others = [(await tab(s))[0] for _ in range(10)], [await websockets.connect(where) for _ in range(10)]
            ours, theirs, bare = [], [], []
            for _ in range(40):
                theirs.append(await direct(session, url, first=True))
                bare.append(await passed_on(others[0]))
                ours.append((await say(tabs[0]))[0])
            row('First text, one reply at a time', f'{ms(mid(ours)-mid(theirs))} later than direct',
                f'direct {ms(mid(theirs))}; passed on by a bare server {ms(mid(bare)-mid(theirs))} later', '2 ms')
            ours, theirs, bare = [], [], []
            for _ in range(10):
                theirs += await asyncio.gather(*(direct(session, url, first=True) for _ in tabs))
                bare += await asyncio.gather(*map(passed_on, others))
                ours += [a for a, _ in await asyncio.gather(*map(say, tabs))]
            row('First text, ten at once', f'{ms(mid(ours)-mid(theirs))} later than direct',
                f'direct {ms(mid(theirs))}; passed on by a bare server {ms(mid(bare)-mid(theirs))} later', '3 ms')
            for t in (*tabs, *others): await t.close()
    # each chunk at 50 a second: the double runs in this process, on the same clock
    said = {}
    def script(body):
        async def steps():
            for i in range(150):
                await asyncio.sleep(.02)
                said[i] = time.perf_counter()
                yield f'w{i} '
        return steps()
    u = Upstream(script)
    try:
        with pianola(u.double.url) as s:
            async with websockets.connect(s.ws, max_size=2**26) as ws:
                await ws.send(json.dumps({'msg': 'go'}))
                late, seen = [], -1
                async for text in ws:
                    now = time.perf_counter()
                    if text.startswith('{"m":'):
                        for i in range(seen+1, len(said)):
                            if f'w{i} ' in text or f'w{i}<' in text: late.append(now-said[i]); seen = i
                    if 'data-role=\\"assistant\\" data-status=\\"done\\"' in text: break
            row('Delay of a chunk at 50 chunks/s', f'{ms(mid(late))} (95 %: {ms(sorted(late)[int(len(late)*.95)])})', 'a frame is 33 ms', '')
    finally: u.close()

async def stream():
    "5,000 chunks as fast as they come"
    n = 5000
    with double(chunks=n) as url:
        async with aiohttp.ClientSession() as session:
            for watching in (1, 50):
                ours, theirs, used, plain, plain_used = [], [], [], [], []
                with pianola(url) as s:
                    ws, _ = await tab(s)
                    others = [await websockets.connect(s.ws, max_size=2**26) for _ in range(watching-1)]
                    async def read(o):
                        with contextlib.suppress(websockets.ConnectionClosed):
                            async for _ in o: pass
                    readers = [asyncio.create_task(read(o)) for o in others]
                    for _ in range(5):
                        theirs.append(await direct(session, url))
                        c = cpu(s.p.pid)
                        ours.append((await say(ws))[1])
                        used.append((cpu(s.p.pid)-c)/n*1000)
                    for o in others: await o.close()
                    await ws.close()
                    await asyncio.gather(*readers)
                with naive(url) as (p, where):
                    others = [await websockets.connect(where, max_size=2**26) for _ in range(watching)]
                    readers = [asyncio.create_task(read(o)) for o in others[1:]]
                    for _ in range(2 if watching > 1 else 4):
                        c, t = cpu(p.pid), time.perf_counter()
                        await others[0].send('{"msg":"go"}')
                        while await others[0].recv() != 'done': pass
                        plain.append(time.perf_counter()-t)
                        plain_used.append((cpu(p.pid)-c)/n*1000)
                    for o in others: await o.close()
                    await asyncio.gather(*readers)
                who = '1 socket' if watching == 1 else f'{watching} sockets'
                row(f'Throughput, {who}', f'{mid(theirs)/mid(ours):.2f} of direct', f'naive {mid(theirs)/mid(plain):.3f}', '0.9')
                row(f'Server CPU per 1,000 chunks, {who}', ms(mid(used)), f'naive {ms(mid(plain_used))}', '15 ms' if watching == 1 else '')

def start():
    "Start-up, memory, what is sent"
    # as after any first start, also where Python is told not to keep what it compiled
    for part in ('pianola', 'plugins'): compileall.compile_dir(root/part, quiet=2)
    took, size = [], []
    for n in range(5):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
            s = Server(Path(d)/'data', cold=True, env={'PIANOLA_ENGINE': 'embedded'})
            s.get('/')
            took.append(time.perf_counter()-s.began)
            time.sleep(1)
            size.append(memory(s.p.pid))
            if n == 4:
                html = s.get('/')[1]
                files = [urllib.request.urlopen(urllib.request.Request(s.url+u, headers={'accept-encoding': 'gzip'}))
                         for u in re.findall(r'(?:src|href)="(/(?:static|vendor)/[^"]+)"', html)]
                sent = [(b := f.read(), gzip.decompress(b) if f.headers['content-encoding'] == 'gzip' else b) for f in files]
                row('What the page sends', f'{(len(html.encode())+sum(len(a) for a, _ in sent))/1000:.0f} kB in {len(files)+1} requests',
                    f'{(len(html.encode())+sum(len(b) for _, b in sent))/1000:.0f} kB unpacked', '150 kB')
            s.kill()
    row('Process start to the first page', f'{mid(took):.2f} s', '', '0.5 s')
    row('Memory, idle, no engine', f'{mid(size):.0f} MB', '', '60 MB')

def old(folder, n):
    "A conversation of n messages, written while no server runs"
    from pianola.conversation import history
    def many(tx):
        c = history.begin(tx, 'Long')
        for i in range(n):
            history.add(tx, c, 'user' if i % 2 == 0 else 'assistant', f'Number {i}: ' + 'some **words** of a message, as they are. ' * 4)
    written(folder, many)

@contextlib.contextmanager
def chromium():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=browser_path, args=['--no-sandbox', '--disable-gpu', '--disable-background-networking'])
        yield b
        b.close()

def page():
    "How soon it can be used"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
        s = Server(Path(d)/'data', cold=True, env={'PIANOLA_ENGINE': 'embedded'})
        with chromium() as b:
            took, seen, empty = [], [], []
            def ready(path):
                p.goto(s.url + path)
                return p.evaluate('performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd')/1000
            for _ in range(9):
                p = b.new_page()
                empty.append(ready('/api/health'))
                p.close()
                p = b.new_page()
                took.append(ready('/'))
                p.wait_for_function('() => ws.readyState === 1 && performance.getEntriesByName("first-contentful-paint").length')
                seen.append(p.evaluate('performance.getEntriesByName("first-contentful-paint")[0].startTime')/1000)
                p.close()
            row('Page interactive in Chromium', ms(mid(took)), f'painted after {ms(mid(seen))}; a page with nothing in it {ms(mid(empty))}', '130 ms')
        s.kill()

def long():
    "A conversation of 10,000 messages"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
        old(Path(d)/'data', 10_000)
        s = Server(Path(d)/'data', cold=True, env={'PIANOLA_ENGINE': 'embedded'})
        took = []
        for _ in range(15):
            t = time.perf_counter()
            s.get('/')
            took.append(time.perf_counter()-t)
        deep, middle = [], s.get('/api/conversation')[1][5000]['id']
        for _ in range(15):
            t = time.perf_counter()
            s.get(f'/api/conversations/1/panel?at={middle}')
            deep.append(time.perf_counter()-t)
        row('Opening a search hit in the middle of them', ms(mid(deep)), '', '')
        with chromium() as b:
            p = b.new_page()
            p.goto(s.url)
            nodes = p.evaluate('document.querySelectorAll("*").length')
        row('Opening 10,000 messages', f'{ms(mid(took))}, {nodes} DOM nodes', '', '100 ms, 2,000')
        s.kill()

watch = """() => { window.longest = []; window.gaps = []; new PerformanceObserver(l => l.getEntries().forEach(e => longest.push(e.duration))).observe({entryTypes: ['longtask']});
  let last = performance.now(); const tick = t => { gaps.push(t - last); last = t; requestAnimationFrame(tick) }; requestAnimationFrame(tick) }"""

def browser():
    """The browser's own work while a reply streams; what watches for long tasks
    and late frames costs some itself, so that it does so in a reply of its own"""
    for n, rate, shown, times in ((5000, 250, 500, 1), (2880, 100, 30, 1), (2880, 0, 30, 7)):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d, double(chunks=n, rate=rate) as url:
            old(Path(d)/'data', 600)
            with pianola(url, Path(d)/'data') as s, chromium() as b:
                p = b.new_page(viewport={'width': 1440, 'height': 900})
                p.goto(s.url)
                while p.locator('#msg-list > [data-role]').count() < shown: p.locator('.earlier').evaluate('b => b.click()'); p.wait_for_timeout(150)
                p.locator('#to-end').evaluate('b => b.click()')
                cdp = p.context.new_cdp_session(p)
                cdp.send('Performance.enable')
                spent = lambda c=cdp: {m['name']: m['value'] for m in c.send('Performance.getMetrics')['metrics']}
                def reply(p=p, spent=spent):
                    "(seconds of main thread, of them in scripts, seconds it took)"
                    p.wait_for_timeout(500)
                    before, began, last = spent(), time.perf_counter(), p.locator('#msg-list > .assistant').last.get_attribute('id')
                    p.fill('#msg', 'go')
                    p.press('#msg', 'Enter')
                    p.wait_for_function(
                        'last => { const now = [...document.querySelectorAll("#msg-list > .assistant")].pop(); '
                        'return now.id !== last && now.dataset.status === "done" }', arg=last, timeout=120_000, polling=250)
                    after = spent()
                    return after['TaskDuration']-before['TaskDuration'], after['ScriptDuration']-before['ScriptDuration'], time.perf_counter()-began
                main, script, took = map(mid, zip(*(reply() for _ in range(times))))
                before = spent()
                p.evaluate(watch)
                p.wait_for_timeout(3000)
                empty = (spent()['TaskDuration']-before['TaskDuration'])/3*took          # a page that asks for each frame and changes nothing in it
                reply()
                tasks, gaps = p.evaluate('longest'), p.evaluate('gaps')
                row(f"Browser, a reply of {n:,} chunks {f'at {rate}/s' if rate else 'as fast as they come'} under {shown} messages",
                    f'{main:.2f} s main thread ({script:.2f} s script)',
                    f'{sum(t > 50 for t in tasks)} tasks over 50 ms, {sum(g > 34 for g in gaps)} of {len(gaps)} frames late'
                    + (f'; {took:.0f} s of frames in which nothing changes: {empty:.2f} s' if rate else ''),
                    'no task over 50 ms' if rate else '0.1 s')

def plugin():
    "A plugin's file is saved until a page shows it: new in the menu, changed on the left; and what the server needs of that"
    code = '"Hi: a page."\nfrom pianola import P, Page\npage = Page()\n@page\ndef index(): return P("n%d", id="said")\n'
    folder = Path(tempfile.mkdtemp())
    with double() as url, chromium() as browser_:
        s = Server(Path(tempfile.mkdtemp())/'data', cold=True, env={'OLLAMA_HOST': url, 'PIANOLA_ENGINE': 'ollama'}, plugins=folder)
        try:
            p, new, changed = browser_.new_page(), [], []
            p.goto(s.url)
            p.wait_for_timeout(1000)
            for n in range(10):
                began = time.perf_counter()
                (folder/f'p{n}.py').write_text(code % 0)
                p.locator(f'#menu a[data-view=p{n}]').wait_for()
                new.append(time.perf_counter()-began)
            p.goto(f'{s.url}/p0')
            for n in range(1, 11):
                began = time.perf_counter()
                (folder/'p0.py').write_text(code % n)
                p.wait_for_function(f"() => document.querySelector('#said')?.textContent === 'n{n}'", polling=5)
                changed.append(time.perf_counter()-began)
            took = [float(m[1]) for l in s.lines if (m := re.search(r'loaded in (\d+) ms', l))]
            row('Plugin saved until it is in the menu', f'{ms(mid(new))} (slowest {ms(max(new))})',
                f'trial, import, tables, keys: {mid(took):.0f} ms; the rest is waiting for the last write', '1 s')
            row('Plugin changed until the left column shows it', f'{ms(mid(changed))} (slowest {ms(max(changed))})', '', '1 s')
        finally: s.kill()

things = ('"Things: a table to measure."\nfrom pianola import Crud\n'
          'class Thing:\n    name: str\n    done: bool = False\n    minutes: int = 5\nthing = Crud(Thing, name="thing")\n')
counts = ('"Counts: a job that says how far it is, 50 times a second."\nimport asyncio\n'
          'from pianola import Page, P, action, job_list\npage = Page()\n@page\nasync def index(): return await job_list()\n'
          '@action\nasync def count(job, n: int = 500):\n    "Count."\n    for i in range(n):\n        await asyncio.sleep(.02)\n'
          '        await job.progress(i+1, n)\n')

@contextlib.contextmanager
def with_plugin(url=None, **files):
    "A server with the plugins {name: source} and no others"
    folder = Path(tempfile.mkdtemp())
    for n, text in files.items(): (folder/f'{n}.py').write_text(text)
    s = Server(Path(tempfile.mkdtemp())/'data',
               cold=True, env={'OLLAMA_HOST': url, 'PIANOLA_ENGINE': 'ollama'} if url else {'PIANOLA_ENGINE': 'embedded'}, plugins=folder)
    try:
        if url: s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
        yield s
    finally: s.kill()

def fill(s, n):
    "n rows of `thing` by an import, as a user would; seconds from the press to the answer"
    text = 'name,done,minutes\n' + ''.join(f'thing {i} of the {i*7919%n}th kind,{"yes" if i % 7 == 0 else "no"},{i*31%240}\n' for i in range(n))
    kept = json.load(urllib.request.urlopen(urllib.request.Request(f'{s.url}/api/files?name=things.csv', text.encode(), method='POST')))['file']
    args, t = json.dumps({'file': kept, 'columns': {'name': 'name', 'done': 'done', 'minutes': 'minutes'}}).encode(), time.perf_counter()
    urllib.request.urlopen(urllib.request.Request(f'{s.url}/api/actions/thing.import', args, {'Content-Type': 'application/json'}),
                           timeout=600).read()
    return time.perf_counter()-t

pressing = """async id => { const began = performance.now(), row = () => document.getElementById(id), was = row().classList.contains('is-done');
  const over = new Promise(ok => { const o = new MutationObserver(() => { if (row() && row().classList.contains('is-done') !== was) { o.disconnect(); ok(performance.now() - began) } }); o.observe(document.body, {subtree: true, childList: true, attributes: true}) });
  row().querySelector('[type=checkbox]').click(); return await over }"""

def click():
    "A box is ticked until the page shows the row as the server has it"
    with chromium() as b:
        for n, seen in ((10, {}), (10_000, {}), (10_000, {'sort': 'name'}), (100_000, {'sort': 'name'})):
            ours, theirs = [], []
            with with_plugin(thing=things) as s:
                fill(s, n)
                p = b.new_page()
                p.add_init_script(f"sessionStorage.setItem('looks', '{json.dumps({'thing': seen})}')")
                p.goto(f'{s.url}/thing')
                p.wait_for_function('() => ws.readyState === 1')
                sent = []
                p.on('websocket', lambda w, sent=sent: w.on('framereceived', lambda f: sent.append(len(f))))
                p.reload()
                p.wait_for_function('() => ws.readyState === 1')
                p.wait_for_timeout(1500)
                some = p.evaluate("[...document.querySelectorAll('#thing-list > li.row')].slice(0, 9).map(r => r.id)")
                for i in range(20): p.evaluate(pressing, some[i%9])
                sent.clear()
                used = cpu(s.p.pid)
                for i in range(50): ours.append(p.evaluate(pressing, some[i%9])/1000)
                used, size = (cpu(s.p.pid)-used)/50, sum(sent)/50
                p.close()
            if seen: beside = ''
            else:
                with naive(rows=n) as (_, where):
                    p = b.new_page()
                    p.goto(where.replace('ws', 'http', 1).removesuffix('ws'))
                    for i in range(10 if n > 100 else 40): theirs.append(p.evaluate(pressing, f'thing-{i%9+1}')/1000)
                    p.close()
                beside = f'naive {ms(mid(theirs))}: {mid(theirs)/mid(ours):.1f} times that'
            row(f'A ticked box until the page shows it, {n:,} rows' + (', sorted by name' if seen else ''),
                f'{ms(mid(ours))} (95 %: {ms(sorted(ours)[int(len(ours)*.95)])}); {size/1000:.1f} kB sent, {ms(used)} CPU', beside,
                '50 ms, whatever the number')

async def tabs():
    "What one more open tab costs the server"
    async def opened(s, where, hello, n):
        out = []
        for _ in range(n):
            if hello: await asyncio.to_thread(s.get, '/thing')
            out.append(ws := await websockets.connect(where, max_size=2**26))
            if hello: await ws.send(json.dumps({'hello': {'since': 0, 'conversation': None, 'view': 'thing', 'opened': False}}))
            if hello: await ws.recv()
        return out
    with with_plugin(thing=things) as s:
        await asyncio.to_thread(fill, s, 1000)
        some = await opened(s, s.ws, True, 10)          # what is loaded once is loaded
        await asyncio.sleep(1)
        one = memory(s.p.pid)
        more = await opened(s, s.ws, True, 50)
        await asyncio.sleep(1)
        ours, total = (memory(s.p.pid)-one)/50, memory(s.p.pid)
        for w in some+more: await w.close()
    with naive() as (p, where):
        some = await opened(None, where, False, 10)
        await asyncio.sleep(.5)
        one = memory(p.pid)
        more = await opened(None, where, False, 50)
        await asyncio.sleep(.5)
        theirs = (memory(p.pid)-one)/50
        for w in some+more: await w.close()
    row('Memory of the server for one more open tab (50 of them)', f'{ours*1000:.0f} kB; {total:.0f} MB with 60',
        f'a bare socket {theirs*1000:.0f} kB', '200 kB')

async def job():
    "50 tabs watch a job that says 50 times a second how far it is"
    n = 500
    async def watch(ws, which, over, seen):
        async for text in ws:
            if which in text: seen.append(time.perf_counter())
            if which in text and over in text: return
    with double(chunks=12, rate=100) as url:
        async def talk(ws, stop, took):
            while not stop.is_set():
                took.append((await say(ws))[0])
                await asyncio.sleep(.1)
        with with_plugin(url, counts=counts) as s:
            talker = (await tab(s))[0]
            quiet, busy, stop = [], [], asyncio.Event()
            for _ in range(20): quiet.append((await say(talker))[0])
            spent_ = {}
            for how in ('sockets', 'streams'):
                seen = [[] for _ in range(50)]
                if how == 'sockets':
                    watchers = [await websockets.connect(s.ws, max_size=2**26) for _ in seen]
                    id = (await asyncio.to_thread(s.act, 'counts.count', n=n))['result']['job']
                    tasks = [asyncio.create_task(watch(w, f'"job":{{"id":{id},', '"state":"done"', x)) for w, x in zip(watchers, seen)]
                else:
                    id = (await asyncio.to_thread(s.act, 'counts.count', n=n))['result']['job']
                    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
                    async def stream(x, id=id, session=session):
                        async with session.get(f'{s.url}/api/jobs/{id}/events', timeout=aiohttp.ClientTimeout(60)) as r:
                            async for line in r.content:
                                if line.startswith(b'data:'): x.append(time.perf_counter())
                                if line.startswith(b'event: done'): return
                    tasks = [asyncio.create_task(stream(x)) for x in seen]
                c, began = cpu(s.p.pid), time.perf_counter()
                await asyncio.gather(*tasks)
                used, took = cpu(s.p.pid)-c, time.perf_counter()-began
                got = sum(map(len, seen))
                row(f'50 {how} follow a job at 50 updates a second',
                    f'{got/50/took:.1f} updates a second reach each, {used/took:.0%} of a core', '', '')
                spent_[how] = used, got
                if how == 'sockets':
                    id = (await asyncio.to_thread(s.act, 'counts.count', n=n))['result']['job']
                    tasks = [asyncio.create_task(watch(w, f'"job":{{"id":{id},', '"state":"done"', [])) for w in watchers]
                    talks = asyncio.create_task(talk(talker, stop, busy))
                    await asyncio.gather(*tasks)
                    stop.set()
                    await talks
                    for w in watchers: await w.close()
                else: await session.close()
            await talker.close()
            w = await websockets.connect(s.ws, max_size=2**26)
            id = (await asyncio.to_thread(s.act, 'counts.count', n=n))['result']['job']
            c, alone = cpu(s.p.pid), []
            await watch(w, f'"job":{{"id":{id},', '"state":"done"', alone)
            work = cpu(s.p.pid)-c
            await w.close()
            for how, (used, got) in spent_.items():
                row(f'CPU per 1,000 updates delivered, {how}', ms(used/got*1000),
                    f'{ms((used-work)/(got-len(alone))*1000)} for each tab more: the rest is the job itself', '')
        with naive(url) as (p, where):
            watchers = [await websockets.connect(where, max_size=2**26) for _ in range(50)]
            seen = [[] for _ in watchers]
            tasks = [asyncio.create_task(watch(w, '', 'over', x)) for w, x in zip(watchers, seen)]
            c, began = cpu(p.pid), time.perf_counter()
            await watchers[0].send('{"msg":"job"}')
            await asyncio.gather(*tasks)
            used, took = cpu(p.pid)-c, time.perf_counter()-began
            row('The same, naive', '',
                f"{sum(map(len, seen))/50/took:.1f} updates a second reach each, {used/took:.0%} of a core, "
                f"{ms(used/sum(map(len, seen))*1000)} per 1,000", '')
            for w in watchers: await w.close()
        row('First text meanwhile', f'{ms(mid(busy))} (95 %: {ms(sorted(busy)[int(len(busy)*.95)])})',
            f'without the job {ms(mid(quiet))}', 'the same')

async def table():
    "A large table: import, open, sort, filter, search"
    import sqlite3
    for n in (10_000, 100_000):
        with with_plugin(thing=things) as s:
            waits, stop = [], threading.Event()
            def asks(s=s, waits=waits, stop=stop):
                while not stop.is_set():
                    t = time.perf_counter()
                    s.get('/api/approvals')
                    waits.append(time.perf_counter()-t)
                    time.sleep(.01)
            t = threading.Thread(target=asks)
            t.start()
            took = await asyncio.to_thread(fill, s, n)
            stop.set()
            t.join()
            db, began = sqlite3.connect(Path(tempfile.mkdtemp())/'x.db'), time.perf_counter()
            db.execute('create table thing(id integer primary key, name text, done int, minutes int)')
            db.executemany('insert into thing(name, done, minutes) values (?,?,?)', [(f'thing {i}', i % 2, i % 240) for i in range(n)])
            db.commit()
            bare = time.perf_counter()-began
            row(f'Import of {n:,} rows', f'{took:.2f} s; others wait at most {ms(max(waits))}', f'SQLite alone {bare:.2f} s', '')
            opened = []
            for _ in range(5):
                began = time.perf_counter()
                s.get('/thing')
                opened.append(time.perf_counter()-began)
            ws, took = await websockets.connect(s.ws, max_size=2**26), {}
            await ws.send(json.dumps({'hello': {'since': 10**9, 'conversation': None, 'view': 'thing', 'opened': False}}))
            for name, seen in (('sorted', {'sort': 'name', 'down': True}), ('sorted by a number', {'sort': 'minutes'}),
                               ('filtered', {'which': {'done': 'is-done'}}), ('searched', {'words': '77 kind'}),
                               ('searched in vain', {'words': 'xyzzy'})):
                for _ in range(3):
                    began = time.perf_counter()
                    await ws.send(json.dumps({'look': {'table': 'thing', **seen}}))
                    while '"look":"thing"' not in await ws.recv(): pass
                    took.setdefault(name, []).append(time.perf_counter()-began)
            row(f'A table of {n:,} rows is opened', ms(mid(opened)), '', '')
            row(f'… {", ".join(took)}', ', '.join(ms(mid(v)) for v in took.values()), '', '100 ms')
            await ws.close()

def machine():
    "In a line: what this was measured on, and when"
    lines = Path('/proc/cpuinfo').read_text().splitlines() if os.path.exists('/proc/cpuinfo') else [f'model name: {platform.processor()}']
    model = next((line.split(':')[1].strip() for line in lines if line.startswith('model name')), '')
    return (f"{os.cpu_count()} cores of {model or platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
            f"{time.strftime('%Y-%m-%d')}")

def main():
    jobs = dict(start=start, page=page, long=long, first=first, stream=stream, browser=browser, plugin=plugin, click=click,
                tabs=tabs, job=job, table=table)
    print(f"{machine()}\n\n| what | Pianola | beside it | aim |\n|---|---|---|---|")
    for name in sys.argv[1:] or jobs:
        f = jobs[name]
        asyncio.run(f()) if inspect.iscoroutinefunction(f) else f()

if __name__ == '__main__': main()
