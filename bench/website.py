"""A large site for benches, made from nothing but a number, served by a process of its own that costs little: pages
of about 17 kB with a menu, text, images and some 30 links, some of them dead, moved, elsewhere or no address at all.

    python bench/website.py [pages] [port]        prints its address"""
import asyncio, contextlib, random, subprocess, sys
from pathlib import Path

words = 'crawl graph page link site map index depth rank anchor title header robots canonical redirect status answer query host path folder image style script table column row value number text word sentence paragraph section menu footer language charset byte size time speed limit pattern start end queue frontier edge node island orphan bottleneck component backbone spring layout picture point line colour search filter lasso card finding severity error warning notice reason repair export import field label'.split()

def body(i, pages, rng):
    "Page i of so many: HTML of about 17 kB with about 31 links"
    some = lambda n: ' '.join(rng.choices(words, k=n))
    section = i % 40
    menu = ''.join(f'<li><a href="/s{s}/">{words[s]}</a></li>' for s in range(8))
    near = [f'/s{section}/p{min(pages-1, max(0, i + 40*rng.randrange(-30, 31)))}.html' for _ in range(14)]
    near += [f'/s{j % 40}/p{j}.html' for j in (rng.randrange(pages) for _ in range(4))]
    odd = [f'../s{section}/p{i+40}.html?from={i % 7}#part', f'/gone/{i % 300}', f'/old/{i % 50}', f'https://elsewhere.example/{i % 900}',
           'http://[no address' if i % 50 == 0 else 'mailto:somebody@site.test']
    text = ''.join(f'<h2>{some(4)}</h2><p>{some(70)} <a href="{a}" {"rel=nofollow" if n % 9 == 0 else ""}>{some(3)}</a> {some(25)}</p>'
                   for n, a in enumerate(near + odd))
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Page {i}: {some(5)}</title>'
            f'<meta name="description" content="{some(18)}"><link rel="canonical" href="/s{section}/p{i}.html">'
            f'<link rel="stylesheet" href="/style.css"><meta name="viewport" content="width=device-width">'
            f'<meta property="og:title" content="Page {i}"><script src="/app.js"></script>'
            f'<script type="application/ld+json">{{"@context": "https://schema.org", "@type": "Article", "headline": "{i}"}}</script></head>'
            f'<body><header><a href="/"><img src="/logo.png" alt="Home" width="80" height="20"></a></header>'
            f'<nav class="menu"><ul>{menu}</ul></nav>'
            f'<main><article><h1>Page {i}</h1>{text}<img src="/i/{i % 100}.png" alt="{some(3)}"></article></main>'
            f'<aside><ul>{"".join(f"<li>{some(6)}</li>" for _ in range(20))}</ul></aside>'
            f'<footer><p>{some(20)}</p><a href="/about.html">About</a></footer></body></html>').encode()

def site(pages):
    "{path: (status line, type, more headers, body)}"
    rng = random.Random(5)
    html = lambda b: ('200 OK', 'text/html; charset=utf-8', '', b)
    out = {f'/s{i % 40}/p{i}.html': html(body(i, pages, rng)) for i in range(pages)}
    out |= {f'/s{s}/': html(body(s, pages, rng)) for s in range(40)}
    out |= {'/': html(body(0, pages, rng)), '/about.html': html(b'<!doctype html><title>About</title><h1>About</h1><a href=/>Home</a>')}
    out |= {f'/old/{i}': ('301 Moved Permanently', 'text/html', f'Location: /s{i % 40}/p{i}.html\r\n', b'') for i in range(50)}
    out |= {f'/i/{i}.png': ('200 OK', 'image/png', '', b'\x89PNG') for i in range(95)}
    out |= {'/logo.png': ('200 OK', 'image/png', '', b'\x89PNG'), '/style.css': ('200 OK', 'text/css', '', b'p{}'),
            '/app.js': ('200 OK', 'text/javascript', '', b'1')}
    return out | {'/robots.txt': ('200 OK', 'text/plain', '', b'User-agent: *\nDisallow: /private/\nDisallow: /*?sort=\n')}

class Answer(asyncio.Protocol):
    "As little HTTP/1.1 as keeps a connection open: requests without a body"
    def __init__(self, pages): self.pages, self.kept = pages, b''
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        *requests, self.kept = (self.kept + data).split(b'\r\n\r\n')
        for r in requests:
            method, path, _ = r.split(b' ', 2)
            path = path.decode('latin-1')
            status, kind, more, body = (self.pages.get(path) or self.pages.get(path.partition('?')[0])
                                        or ('404 Not Found', 'text/html', '', b'<title>Not there</title>'))
            head = f'HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n'.encode()
            self.transport.write(head + (body if method != b'HEAD' else b''))

async def serve(pages, port):
    made = site(pages)
    s = await asyncio.get_running_loop().create_server(lambda: Answer(made), '127.0.0.1', port)
    print(f'http://localhost:{s.sockets[0].getsockname()[1]}/', flush=True)
    await s.serve_forever()

@contextlib.contextmanager
def served(pages=10_000, port=0):
    "The site in a process of its own; yields its address"
    p = subprocess.Popen([sys.executable, str(Path(__file__)), str(pages), str(port)], stdout=subprocess.PIPE, text=True)
    try: yield p.stdout.readline().strip()
    finally: p.kill(); p.wait()

if __name__ == '__main__': asyncio.run(serve(*map(int, (sys.argv[1:] + ['10000', '0'][len(sys.argv)-1:])[:2])))
