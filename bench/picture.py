"""The picture by itself: `python bench/picture.py serve FILE [port]` shows a crawl's file in a browser; `python
bench/picture.py [pages] [links]` measures layout, X-ray, first frame and frame time in software rendering, in one run."""
import socket, sys, tempfile, threading, time
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from graphs import here, make, room, root

class Served:
    "Crawls behind the routes of the picture, as a server in a thread: `with Served({'1': path}) as url`."
    def __init__(self, runs, port=0): self.runs, self.port = runs, port
    def __enter__(self):
        import uvicorn
        from starlette.applications import Starlette
        from starlette.routing import Mount, Route
        from starlette.staticfiles import StaticFiles
        routes = []
        def router(method):
            def at(path): return lambda f: routes.append(Route(f'/link_graph{path}', f, methods=[method])) or f
            return at
        room('view').mount(router('GET'), router('POST'),
                           lambda run: self.runs[run] if run in self.runs else (_ for _ in ()).throw(KeyError(f'there is no run {run}')))
        routes += [Mount('/link_graph/static', StaticFiles(directory=here/'static')), Mount('/static', StaticFiles(directory=root/'static'))]
        self.socket = socket.create_server(('127.0.0.1', self.port))
        self.server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level='warning'))
        self.thread = threading.Thread(target=self.server.run, kwargs={'sockets': [self.socket]}, daemon=True)
        self.thread.start()
        while not self.server.started: time.sleep(.02)
        return f'http://127.0.0.1:{self.socket.getsockname()[1]}/link_graph/picture'
    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(10)

def timed(f, *a):
    t, c = time.perf_counter(), time.process_time()
    out = f(*a)
    return out, time.perf_counter() - t, time.process_time() - c

def measure(pages, links):
    "Prints a Markdown table."
    import numpy as np
    from playwright.sync_api import sync_playwright
    sys.path.insert(0, str(root/'tests'))
    from conftest import browser_path
    layout, xray = room('layout'), room('xray')
    folder = Path(tempfile.mkdtemp())
    db, _ = make(folder/'big.db', pages, links)
    g, read_, _ = timed(layout.read, db)
    print(f'| {g.n:,} pages, {len(g.edges):,} links, {int((~g.loose).sum()):,} of them backbone | wall | CPU '
          f'| beside one plain pass over the links |\n|---|---|---|---|')
    plain = min(timed(np.bincount, g.edges[:, 1], g.edges[:, 0].astype(float))[1] for _ in range(5))
    row = lambda what, wall, cpu: print(f'| {what} | {wall:.2f} s | {cpu:.2f} s | ×{wall / plain:,.0f} |', flush=True)
    row("read from SQLite", read_, read_)
    _, wall, cpu = timed(layout.layout, db)
    row('layout', wall, cpu)
    _, wall, cpu = timed(xray.xray, db, folder/'x.png', 1600)
    row('X-ray, 1600 px', wall, cpu)
    db.close()
    with Served({'1': folder/'big.db'}) as url, sync_playwright() as p:
        chrome = p.chromium.launch(executable_path=browser_path, args=['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'])
        page = chrome.new_page(viewport={'width': 1280, 'height': 900})
        t = time.perf_counter()
        page.goto(f'{url}/1')
        page.wait_for_function('picture.ready', timeout=120_000)
        print(f'| viewer: first frame after opening | {time.perf_counter() - t:.2f} s | | |')
        page.wait_for_function('picture.look().done', timeout=120_000)
        said = page.evaluate('picture.stats')
        print(f'| viewer: all links drawn, in {len(said["pieces"])} pieces, the longest {max(said["pieces"]):.0f} ms | '
              f'{said["rested"] / 1000:.2f} s | | |')
        page.evaluate('picture.stats.frames.length = 0; picture.exact = true')
        frames = page.evaluate(
            '''async () => { const out = []; for (let i = 0; i < 60; i++) { const v = picture.look(); picture.hold = 1; '''
            '''document.getElementById('scene').dispatchEvent('''
            '''new WheelEvent('wheel', {deltaY: i < 30 ? -6 : 6, clientX: 400, clientY: 400, cancelable: true})); '''
            '''const t = performance.now(); await new Promise(requestAnimationFrame); out.push(performance.now() - t) } '''
            '''return {wall: out.slice(5), own: picture.stats.frames.slice(5)} }''')
        for what, f in frames.items():
            print(f'| viewer: a frame while it moves ({"between frames" if what == "wall" else "drawn and finished"}), median and 95 % | '
                  f'{np.median(f):.0f} ms, {np.quantile(f, .95):.0f} ms | | |')
        print(f'| viewer: memory of JavaScript | {page.evaluate("performance.memory.usedJSHeapSize") / 1e6:.0f} MB | | |')
        chrome.close()

if __name__ == '__main__':
    if sys.argv[1:2] == ['serve']:
        with Served({'1': Path(sys.argv[2])}, int(sys.argv[3]) if sys.argv[3:] else 0) as url:
            print(f'{url}/1', flush=True)
            while True: time.sleep(60)
    else: measure(*(map(int, sys.argv[1:3] or (50_000, 1_000_000))))
