"""Sites for the crawler's tests, served on this machine: pages as a dict, so that
a test says beside each other what a site answers and what should come of it.

    with Site({'/': page('<a href=/b>b</a>'), '/old': (301, {'Location': '/b'}, b'')}) as s: …      s.url, s.asked (paths in the order in which they were asked for)"""
import base64, functools, http.server, importlib, select, socket, socketserver, ssl, sys, threading, time, types
from pathlib import Path

root = Path(__file__).parent.parent

def room(name):
    "A module of the plugin by name, without starting the plugin"
    if 'link_graph' not in sys.modules:
        sys.modules['link_graph'] = pack = types.ModuleType('link_graph')
        pack.__path__ = [str(root/'plugins/45_link_graph')]
    return importlib.import_module(f'link_graph.{name}')

def page(body='', head='', status=200, **headers):
    return (status, {'Content-Type': 'text/html; charset=utf-8', **{k.replace('_', '-'): v for k, v in headers.items()}},
            f'<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>'.encode())

class Site:
    """`pages`: {path: (status, headers, body) or a function of (path, how often it was asked) that gives one}; `rest` answers
    what is not in it; `files`: a folder instead; `delay`: seconds before each answer, or a function that says them, changed as
    one likes; `login` (user, password): who does not say them gets 401; `tls`: with a certificate of a name that nobody trusts"""
    def __init__(self, pages=(), rest=None, files=None, delay=0.0, login=None, tls=''):
        self.pages, self.rest, self.delay, self.asked, self.times, self.heads = dict(pages), rest, delay, [], [], []
        site = self
        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def log_message(self, *a): pass
            def do_HEAD(self): self.do_GET()
            def do_GET(self):
                site.asked.append(self.path), site.times.append(time.monotonic()), site.heads.append((self.command, dict(self.headers)))
                began = time.monotonic()
                while (left := began + (site.delay() if callable(site.delay) else site.delay) - time.monotonic()) > 0: time.sleep(min(left, .05))
                if login and self.headers.get('Authorization') != basic(*login):
                    self.send_response(401)
                    for k, v in (('WWW-Authenticate', 'Basic realm="for friends"'), ('Content-Length', '0')): self.send_header(k, v)
                    return self.end_headers()
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
        if tls:
            import trustme
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert(tls).configure_cert(context)
            # shaken in the thread of the request, not in the one that waits for the next
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.url = f'https://localhost:{self.port}'
        threading.Thread(target=self.server.serve_forever, args=(.02,), daemon=True).start()
    def __enter__(self): return self
    def __exit__(self, *a):
        self.server.shutdown()
        self.server.server_close()

def basic(user, password): return 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()

class Proxy:
    """A proxy for names that only it knows: {'shop.example:443': the port on this machine};
    `heard`: what it was asked for, and with which login. A name that it does not know is a 502."""
    def __init__(self, names, login=None):
        self.names, self.heard = names, []
        proxy = self
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                line, heads = self.rfile.readline().decode('latin-1').split(), {}
                while (h := self.rfile.readline().decode('latin-1').strip()): heads[h.partition(':')[0].lower()] = h.partition(':')[2].strip()
                if not line: return
                method, to = line[:2]
                name, path = (to, '') if method == 'CONNECT' else to.removeprefix('http://').partition('/')[::2]
                if ':' not in name: name += ':80'
                proxy.heard.append((method, name, heads.get('proxy-authorization')))
                if login and heads.get('proxy-authorization') != basic(*login):
                    return self.wfile.write(
                        b'HTTP/1.1 407 Who is there\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
                if name not in proxy.names: return self.wfile.write(b'HTTP/1.1 502 No such name\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
                with socket.create_connection(('127.0.0.1', proxy.names[name]), 10) as there:
                    if method == 'CONNECT': self.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n')
                    else:
                        there.sendall(f'{method} /{path} HTTP/1.1\r\n'.encode('latin-1') + ''.join(f'{k}: {v}\r\n' for k, v in heads.items()
                            if not k.startswith('proxy-') and k != 'connection').encode('latin-1') + b'Connection: close\r\n\r\n')
                    ends = {self.connection: there, there: self.connection}
                    while True:
                        for s in select.select(list(ends), [], [], 20)[0] or [None]:
                            data = s.recv(1 << 16) if s else b''
                            if not data: return
                            ends[s].sendall(data)
        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 64
            def handle_error(self, *a): pass
        self.server = Server(('127.0.0.1', 0), Handler)
        self.url = f'http://localhost:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, args=(.02,), daemon=True).start()
    def __enter__(self): return self
    def __exit__(self, *a):
        self.server.shutdown()
        self.server.server_close()

def crawl(path, start, way=None, **asked):
    "Crawl to the end: the database, open; `way`: logins and proxy, which no file of a crawl has"
    import asyncio
    starts = start if isinstance(start, list) else [start]
    c = room('crawler').Crawl(path, {'starts': starts, **asked}, **(way or {}))
    state = asyncio.run(c.run())
    assert state in ('done', 'stopped'), state
    return c.db

def told(db, timed=False):
    "Everything a crawl keeps but times, as text: equal for crawls that saw the same"
    out = []
    for table, but in (('page', ('at', 'ttfb_ms', 'ms', 'headers', 'tries')), ('link', ()), ('broken', ()), ('hreflang', ()), ('image', ()),
                       ('sitemap', ()), ('sitemap_page', ()), ('session', ())):
        names = [r[1] for r in db.execute(f'pragma table_info({table})') if r[1] not in but]
        out += [f'{table} {tuple(r)}' for r in db.execute(f"select {','.join(names)} from {table} order by {','.join(names)}")]
    return out

if __name__ == '__main__':             # a process of its own, to be killed: python link_site.py FILE URL {asked as JSON}
    import json
    crawl(sys.argv[1], sys.argv[2], **json.loads(sys.argv[3]))
