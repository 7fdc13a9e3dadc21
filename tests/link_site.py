"""Sites for the crawler's tests, served on this machine: pages as a dict, so that a test says beside each other what a site answers and what should come of it.

    with Site({'/': page('<a href=/b>b</a>'), '/old': (301, {'Location': '/b'}, b'')}) as s: …      s.url, s.asked (paths in the order in which they were asked for)"""
import functools, http.server, importlib, sys, threading, time, types
from pathlib import Path

root = Path(__file__).parent.parent

def room(name):
    "A module of the plugin by name, without starting the plugin"
    if 'link_graph' not in sys.modules:
        sys.modules['link_graph'] = pack = types.ModuleType('link_graph')
        pack.__path__ = [str(root/'plugins/45_link_graph')]
    return importlib.import_module(f'link_graph.{name}')

def page(body='', head='', status=200, **headers): return status, {'Content-Type': 'text/html; charset=utf-8', **{k.replace('_', '-'): v for k, v in headers.items()}}, f'<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>'.encode()

class Site:
    "`pages`: {path: (status, headers, body) or a function of (path, how often it was asked) that gives one}; `rest` answers what is not in it; `files`: a folder instead"
    def __init__(self, pages=(), rest=None, files=None, delay=0.0):
        self.pages, self.rest, self.delay, self.asked, self.times, self.heads = dict(pages), rest, delay, [], [], []
        site = self
        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def log_message(self, *a): pass
            def do_HEAD(self): self.do_GET()
            def do_GET(self):
                site.asked.append(self.path), site.times.append(time.monotonic()), site.heads.append((self.command, dict(self.headers)))
                if site.delay: time.sleep(site.delay)
                if files: return super().do_GET() if self.command == 'GET' else super().do_HEAD()
                got = site.pages.get(self.path, site.rest)
                if callable(got): got = got(self.path, site.asked.count(self.path))
                status, headers, body = got or (404, {'Content-Type': 'text/html'}, b'<title>Not there</title>')
                if status is None: self.close_connection = True; return self.connection.close()
                self.send_response(status)
                for k, v in {'Content-Length': str(len(body)), **headers}.items():
                    if v is not None: self.send_header(k, v)
                self.end_headers()
                if self.command != 'HEAD': self.wfile.write(body)
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 128
            def handle_error(self, *a): pass           # who asks may leave in the middle
        self.server = Server(('127.0.0.1', 0), functools.partial(Handler, directory=str(files)) if files else Handler)
        self.port = self.server.server_address[1]
        self.url = f'http://localhost:{self.port}'
        threading.Thread(target=self.server.serve_forever, args=(.02,), daemon=True).start()
    def __enter__(self): return self
    def __exit__(self, *a):
        self.server.shutdown()
        self.server.server_close()

def crawl(path, start, **asked):
    "Crawl to the end: the database, open"
    import asyncio
    starts = start if isinstance(start, list) else [start]
    c = room('crawler').Crawl(path, {'starts': starts, **asked})
    state = asyncio.run(c.run())
    assert state in ('done', 'stopped'), state
    return c.db

def told(db, timed=False):
    "Everything a crawl keeps but times, as text: equal for crawls that saw the same"
    out = []
    for table, but in (('page', ('at', 'ttfb_ms', 'ms', 'headers', 'tries')), ('link', ()), ('broken', ()), ('hreflang', ()), ('image', ()), ('sitemap', ()), ('sitemap_page', ()), ('session', ())):
        names = [r[1] for r in db.execute(f'pragma table_info({table})') if r[1] not in but]
        out += [f'{table} {tuple(r)}' for r in db.execute(f"select {','.join(names)} from {table} order by {','.join(names)}")]
    return out

if __name__ == '__main__':             # a process of its own, to be killed: python link_site.py FILE URL {asked as JSON}
    import json
    crawl(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3]))
