"""A file is tried before it is let in: imported in a process of its own, where a crash, an endless loop or 8 GB cost nothing and are told in words.

    trial.try_out(path)  →  {'error', 'trace', 'title', 'tables', …}      '' as the error: it can be imported

The process is started early and has our modules loaded; on Linux it forks for each
file (10 ms), elsewhere it tries one file itself and the next one takes its place."""
import faulthandler, json, os, re, select, signal, subprocess, sys, threading, time, _thread
from importlib import import_module
from importlib.machinery import FileFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from .. import contain

seconds, patient, soak, memory = 2, 20, .2, 4 << 30        # its own code; while it imports what others wrote; what a thread may do after; bytes
forks = hasattr(os, 'fork') and sys.platform == 'linux'     # macOS: a forked child that has loaded system libraries may crash by itself

def file_of(path): return path/'__init__.py' if os.path.isdir(path) else path        # which asks without raising

def house():
    "Load what plugins may want: once, and before one of them asks for it, so that nothing of ours is taken for the plugin's"
    for m in dict.fromkeys(sys.modules['pianola']._where.values()): import_module(f'pianola.{m}')

class _Fresh(SourceFileLoader):
    "Reads the source each time: Python's cache goes by whole seconds and size, and would keep what was saved a moment ago"
    def get_code(self, fullname): return compile(self.get_data(self.path), self.path, 'exec', dont_inherit=True)
class _Finder:
    "Finds the further modules of a folder plugin"
    @staticmethod
    def find_spec(name, path=None, target=None):
        return FileFinder(next(iter(path)), (_Fresh, ['.py'])).find_spec(name) if path and name.startswith(contain.home) else None
if not any(f.__name__ == '_Finder' for f in sys.meta_path if isinstance(f, type)): sys.meta_path.insert(0, _Finder)

def module(path, name):
    "Run a plugin's file as a fresh module of that name; the modules it had before are put back when it fails"
    full = contain.home + name
    before = {k: sys.modules.pop(k) for k in list(sys.modules) if k == full or k.startswith(full + '.')}
    file = file_of(path)
    try:
        sys.modules.setdefault(contain.home[:-1], type(sys)(contain.home[:-1])).__path__ = []
        m = module_from_spec(spec_from_file_location(full, file, loader=_Fresh(full, str(file)),
                                                     submodule_search_locations=[str(path)] if path.is_dir() else None))
        sys.modules[full] = m
        m.__spec__.loader.exec_module(m)
        return m
    except BaseException:
        for k in [k for k in sys.modules if k == full or k.startswith(full + '.')]: del sys.modules[k]
        sys.modules.update(before)
        raise

# in the child

def _line():
    "Where the main thread is: (line of the plugin's file, is it importing somebody else's module)"
    at, deeper = None, False
    for f in contain._frames(sys._current_frames().get(threading.main_thread().ident)):
        if contain.of(f.f_globals.get('__name__', '')): at = f'line {f.f_lineno} of {Path(f.f_code.co_filename).name}'; break
        deeper |= 'importlib._bootstrap' in f.f_code.co_filename
    return at, deeper

def _try(path, name, tell, alive=lambda: None):
    "Import it, let its threads run for a moment, and tell what became of it"
    from .. import actions
    if sys.platform == 'linux':           # Windows has no such limit, macOS refuses it
        import resource
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))
    began = time.monotonic()
    def hurry():
        while (spent := time.monotonic()-began) < patient:
            time.sleep(.05)
            alive()
            at, foreign = _line()
            if spent > seconds and not foreign: break
        tell({'error': f'TimeoutError: it was still importing after {spent:.0f} s ({at or path.name}); '
                       f'what takes a while belongs in a step or a job'})
        os._exit(0)
    threads = _thread._count()
    threading.Thread(target=hurry, daemon=True).start()
    keys = {}
    token = actions.staging.set(keys)
    try: m = module(path, name)
    except MemoryError as e:
        needed = f'it needed more than {memory >> 30} GB while it was imported'
        return tell({'error': contain.words(e).replace('it needed more memory than there is', needed), 'trace': contain.trace(e)})
    except BaseException as e: return tell({'error': contain.words(e, file_of(path).name), 'trace': contain.trace(e)})
    finally: actions.staging.reset(token)
    if _thread._count() > threads + 1: time.sleep(soak)
    kinds = m.__dict__.get('__kinds__', [])
    tell({'error': '', 'title': (m.__doc__ or '').strip().partition(':')[0], 'tables': [k.name for k in kinds if hasattr(k, 'columns')],
          'keys': list(keys)})

def _serve():
    "The helper: a line of JSON in, a line of JSON out"
    house()
    out = os.fdopen(os.dup(1), 'w', buffering=1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)                                       # what a plugin prints is not our answer
    out.write('ready\n')
    for line in sys.stdin:
        path, name = json.loads(line)
        path = Path(path)
        if forks: out.write(json.dumps(_forked(path, name)) + '\n'); continue
        faulthandler.enable()
        _try(path, name, lambda said: (out.write(json.dumps(said) + '\n'), out.flush()))
        os._exit(0)

def _forked(path, name):
    "Try it in a fork, and read what came of that"
    r, w = os.pipe()
    crash_r, crash_w = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.close(r); os.close(crash_r)
        faulthandler.enable(crash_w)
        told = []
        def tell(said):
            if not told:
                told.append(1)
                os.write(w, json.dumps({k: f'{v[:5000]} … {v[-5000:]}' if isinstance(v, str) and len(v) > 10_000 else v
                                        for k, v in said.items()}).encode())
        try: _try(path, name, tell, lambda: os.write(w, b' '))
        finally: os._exit(0)
    os.close(w); os.close(crash_w)
    said = b''
    # silence: a C function that never lets go of the interpreter, so that its clock stands too
    while select.select([r], [], [], seconds + soak)[0] and (piece := os.read(r, 65536)): said += piece
    try: os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError): os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    crash = b''
    while piece := os.read(crash_r, 65536): crash += piece
    os.close(r); os.close(crash_r)
    if said.strip(): return json.loads(said)
    return {'error': _ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
                            crash.decode(errors='replace'), path)}

def _ended(sig, code, crash, path):
    "A process that ended without a word, in words"
    lines = re.findall(r'File "([^"]+)", line (\d+)', crash)
    at = next((f' (line {n} of {Path(f).name})' for f, n in lines if Path(f) == file_of(path) or path in Path(f).parents), '')
    if sig == signal.SIGKILL: return f'TimeoutError: it could not be stopped while it was imported, and was ended{at}'
    if sig: return f'Crash: it crashed Python while it was imported: {signal.Signals(sig).name}{at}'
    return f'SystemExit: it ended the whole process while it was imported (exit code {code}){at}'

# in the server

class Helper:
    "The process that tries files. Started when first wanted, and anew when it has ended."
    def __init__(self): self.p, self.lock = None, threading.Lock()
    def warm(self):
        "Start it, so that the first file need not wait"
        with self.lock: self._start()
    def _start(self):
        if self.p and self.p.poll() is None: return
        self.close()
        serve = f'import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); from pianola.loading.trial import _serve; _serve()'
        self.p = subprocess.Popen([sys.executable, '-c', serve], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, encoding='utf-8',
                                  env={**os.environ, 'PYTHONPATH': os.pathsep.join(p for p in sys.path if p), 'PYTHONUTF8': '1'})
        if not self.p.stdout.readline(): raise RuntimeError('the process that tries plugins could not start: ' + self.p.stderr.read()[-2000:])
        if forks: threading.Thread(target=self.p.stderr.read, daemon=True).start()       # nobody listens: it must not fill up
    def try_out(self, path, name):
        "What became of importing `path`; blocks for some milliseconds"
        with self.lock:
            self._start()
            stop = threading.Timer(patient + 5, self.p.kill)
            stop.start()
            try:
                self.p.stdin.write(json.dumps([str(path), name]) + '\n')
                self.p.stdin.flush()
                line = self.p.stdout.readline()
            except OSError: line = ''
            finally: stop.cancel()
            if line: said = json.loads(line)
            else:
                code = self.p.wait()
                crash = self.p.stderr.read() if self.p.stderr else ''
                said = {'error': _ended(-code if code < 0 else 0, max(code, 0), crash, path)}
            if not forks:
                self.close()
                threading.Thread(target=self.warm, daemon=True).start()      # the next one, ready before it is wanted
            return said
    def close(self):
        if self.p:
            self.p.kill()
            self.p.wait()
            for f in (self.p.stdin, self.p.stdout, self.p.stderr): f and f.close()
        self.p = None

helper = Helper()
def try_out(path, name): return helper.try_out(Path(path).absolute(), name)
