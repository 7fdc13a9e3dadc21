"""How fast it is, as ratios and differences within one run: against the upstream asked directly, and against a naive forwarder (naive.py).

    python bench/run.py [first stream start page long browser plugin]        in the environment that `python3 start.py test` makes

The model is the scripted Ollama of the tests, as its own process, so that only our own time is measured. Prints Markdown."""
import asyncio, contextlib, gzip, json, os, platform, re, statistics, subprocess, sys, tempfile, threading, time, urllib.request
from pathlib import Path
root = Path(__file__).parent.parent
sys.path[:0] = [str(root), str(root/'tests')]
import aiohttp, websockets
from conftest import Server, Upstream, browser_path

rows, ms, mid = [], lambda s: f'{s*1000:.1f} ms', statistics.median
def row(what, ours, beside='', aim=''):
    rows.append((what, ours, beside, aim))
    print(f'| {what} | {ours} | {beside} | {aim} |', flush=True)

@contextlib.contextmanager
def double(**flags):
    "The scripted Ollama as its own process; yields its URL"
    with contextlib.closing(__import__('socket').socket()) as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    p = subprocess.Popen([sys.executable, str(root/'tests/ollama_double.py'), '--port', str(port), *(x for k, v in flags.items() for x in (f'--{k}', str(v)))], stdout=subprocess.PIPE, text=True)
    try:
        p.stdout.readline()
        yield f'http://127.0.0.1:{port}'
    finally: p.kill(); p.wait()

@contextlib.contextmanager
def pianola(url, data=None):
    s = Server(data or Path(tempfile.mkdtemp())/'data', env={'OLLAMA_HOST': url, 'PIANOLA_ENGINE': 'ollama'})
    try:
        s.until(lambda: s.get('/api/health')[1]['engine']['ready'])
        yield s
    finally: s.kill()

@contextlib.contextmanager
def naive(url):
    with contextlib.closing(__import__('socket').socket()) as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    p = subprocess.Popen([sys.executable, str(root/'bench/naive.py'), str(port), url])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), contextlib.closing(__import__('socket').create_connection(('127.0.0.1', port), .1)): break
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
        if not first and began and text.startswith('{"m":') and re.search(r'"(tail|append)":"..|"add":', text): first = time.perf_counter()-began
        if 'data-role=\\"assistant\\" data-status=\\"done\\"' in text: return first or time.perf_counter()-(began or 0), time.perf_counter()-(began or 0)

async def say(ws):
    began = time.perf_counter()
    await ws.send(json.dumps({'msg': 'go'}))
    return await until_over(ws, began)

async def first():
    "Time to the first text"
    with double(chunks=12, rate=100) as url, pianola(url) as s:
        async with aiohttp.ClientSession() as session:
            tabs = [(await tab(s))[0] for _ in range(10)]
            ours, theirs = [], []
            for _ in range(40):
                theirs.append(await direct(session, url, first=True))
                ours.append((await say(tabs[0]))[0])
            row('First text, one reply at a time', f'{ms(mid(ours)-mid(theirs))} later than direct', f'direct {ms(mid(theirs))}', '2 ms')
            ours, theirs = [], []
            for _ in range(10):
                theirs += await asyncio.gather(*(direct(session, url, first=True) for _ in tabs))
                ours += [a for a, _ in await asyncio.gather(*map(say, tabs))]
            row('First text, ten at once', f'{ms(mid(ours)-mid(theirs))} later than direct', f'direct {ms(mid(theirs))}', '3 ms')
            for t in tabs: await t.close()
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
    took, size = [], []
    for n in range(5):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
            s = Server(Path(d)/'data', env={'PIANOLA_ENGINE': 'embedded'})
            s.get('/')
            took.append(time.perf_counter()-s.began)
            time.sleep(1)
            size.append(memory(s.p.pid))
            if n == 4:
                html = s.get('/')[1]
                files = [urllib.request.urlopen(s.url+u).read() for u in re.findall(r'(?:src|href)="(/(?:static|vendor)/[^"]+)"', html)]
                total, squeezed = len(html.encode())+sum(map(len, files)), len(gzip.compress(html.encode()))+sum(len(gzip.compress(f)) for f in files)
                row('What the page sends', f'{total/1000:.0f} kB in {len(files)+1} requests', f'gzip would make {squeezed/1000:.0f} kB of it', '150 kB')
            s.kill()
    row('Process start to the first page', f'{mid(took):.2f} s', '', '0.5 s')
    row('Memory, idle, no engine', f'{mid(size):.0f} MB', '', '60 MB')

def old(folder, n):
    "A conversation of n messages, written while no server runs"
    from pianola import history
    from pianola.store import Store
    async def fill():
        st = Store()
        await st.open(folder)
        def many(tx):
            c = history.begin(tx, 'Long')
            for i in range(n): history.add(tx, c, 'user' if i % 2 == 0 else 'assistant', f'Number {i}: ' + 'some **words** of a message, as they are. ' * 4)
        await st.write(many)
        await st.close()
    t = threading.Thread(target=lambda: asyncio.run(fill()))
    t.start()
    t.join()

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
        s = Server(Path(d)/'data', env={'PIANOLA_ENGINE': 'embedded'})
        with chromium() as b:
            took = []
            for _ in range(7):
                p = b.new_page()
                p.goto(s.url)
                p.wait_for_function('() => ws.readyState === 1')
                took.append(p.evaluate('performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd')/1000)
                p.close()
            row('Page interactive in Chromium', ms(mid(took)), '', '130 ms')
        s.kill()

def long():
    "A conversation of 10,000 messages"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
        old(Path(d)/'data', 10_000)
        s = Server(Path(d)/'data', env={'PIANOLA_ENGINE': 'embedded'})
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
    "The browser's own work while a reply streams"
    for n, rate, shown in ((5000, 250, 500), (2880, 100, 30), (2880, 0, 30)):
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
                p.evaluate(watch)
                p.wait_for_timeout(300)
                before = spent()
                p.fill('#msg', 'go')
                p.press('#msg', 'Enter')
                p.wait_for_selector('#msg-list > [data-status=streaming]')
                p.wait_for_function('() => !document.querySelector("#msg-list > [data-status=streaming]")', timeout=120_000)
                after = spent()
                tasks, gaps = p.evaluate('longest'), p.evaluate('gaps')
                row(f"Browser, a reply of {n:,} chunks {f'at {rate}/s' if rate else 'as fast as they come'} under {shown} messages", f"{after['TaskDuration']-before['TaskDuration']:.2f} s main thread ({after['ScriptDuration']-before['ScriptDuration']:.2f} s script)",
                    f"{sum(t > 50 for t in tasks)} tasks over 50 ms, {sum(g > 34 for g in gaps)} of {len(gaps)} frames late", '0.1 s' if n == 2880 else 'no task over 50 ms')

def plugin():
    "A plugin's file is saved until a page shows it: new in the menu, changed on the left; and what the server needs of that"
    code = '"Hi: a page."\nfrom pianola import P, Page\npage = Page()\n@page\ndef index(): return P("n%d", id="said")\n'
    folder = Path(tempfile.mkdtemp())
    with double() as url, chromium() as browser_:
        s = Server(Path(tempfile.mkdtemp())/'data', env={'OLLAMA_HOST': url, 'PIANOLA_ENGINE': 'ollama'}, plugins=folder)
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
            row('Plugin saved until it is in the menu', f'{ms(mid(new))} (slowest {ms(max(new))})', f'trial, import, tables, keys: {mid(took):.0f} ms; the rest is waiting for the last write', '1 s')
            row('Plugin changed until the left column shows it', f'{ms(mid(changed))} (slowest {ms(max(changed))})', '', '1 s')
        finally: s.kill()

def main():
    jobs = dict(start=start, page=page, long=long, first=first, stream=stream, browser=browser, plugin=plugin)
    model = next((line.split(':')[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines() if line.startswith('model name')), '') if os.path.exists('/proc/cpuinfo') else platform.processor()
    print(f"{os.cpu_count()} cores of {model or platform.machine()}, {platform.system()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}\n\n| what | Pianola | beside it | aim |\n|---|---|---|---|")
    for name in sys.argv[1:] or jobs:
        f = jobs[name]
        asyncio.run(f()) if asyncio.iscoroutinefunction(f) else f()

if __name__ == '__main__': main()
