"""The two commands: `python3 start.py` runs Pianola, `python3 start.py test` runs its tests; each first brings what is missing.

    python3 start.py [flags]         the flags of server.py, e.g. --port 8000; paths are seen from this folder
    python3 start.py --setup-only    bring everything and stop
    python3 start.py test [args]     the arguments of pytest, e.g. -k piano

Needs Python 3.11 or newer and nothing else. What it makes is in .venv and static/vendor; models are in your user cache folder.
"""
import hashlib, json, os, sys

if sys.version_info < (3, 11):          # this file stays readable for Python 3.6, so that it can say so
    sys.exit(f'Pianola needs Python 3.11 or newer and this is {sys.version.split()[0]}: get one at python.org and start with it, '
             f'e.g. python3.12 start.py')

here = os.path.dirname(os.path.abspath(__file__))
venv = os.path.join(here, '.venv')
python = os.path.join(venv, *(['Scripts', 'python.exe'] if os.name == 'nt' else ['bin', 'python']))
note = os.path.join(venv, 'pianola.json')            # what the last set-up left, so that the next start only has to look
asked = {k: os.environ.get(k) for k in ('PIANOLA_MODEL', 'PIANOLA_MODELS_DIR', 'PIANOLA_ENGINE', 'OLLAMA_HOST',
                                        'HOME', 'XDG_CACHE_HOME', 'LOCALAPPDATA')}

def main(args):
    os.chdir(here)
    job, args = ('test', args[1:]) if args[:1] == ['test'] else ('run', args)
    only, args = '--setup-only' in args, [a for a in args if a != '--setup-only']
    if job == 'run' and {'-h', '--help'} & {*args}:
        print(__doc__)
        if not installed(job): return 0
    elif not ready(job): setup(job, args)
    if only: print('Everything is here; python3 start.py runs it.')
    elif job == 'run': return hand_over([python, 'server.py', *args])
    else:       # all of them: side by side, one more than there are processors, since they often wait
        return hand_over([python, '-m', 'pytest', *(args or ['-n', str(min(4, (os.cpu_count() or 1) + 1))])])

def ready(job):
    "True when all is as the last set-up for this job left it; asks nobody but a local Ollama, and that only where it stands in for our own model"
    was = noted().get(job)
    return (bool(was) and installed(job) and was['asked'] == asked and all(looks(p) == x for p, x in was['files'].items())
            and (not was['ollama'] or bool(ollama(was['ollama']))))

def installed(job):
    "True when .venv has what pyproject.toml and constraints.txt ask for"
    was = noted()
    return (was.get('packages') == key() and (job == 'run' or was.get('tests'))
            and (was.get('postgres') or not os.environ.get('PIANOLA_JOBS')) and os.path.exists(python))

def noted():
    "What the last set-up wrote down; nothing when there was none, or its note is damaged"
    try:
        with open(note) as f: return json.load(f)
    except (OSError, ValueError): return {}

def remember(**new):
    with open(note + '.new', 'w') as f: json.dump({**noted(), **new}, f)
    os.replace(note + '.new', note)

def key():
    h = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for name in ('pyproject.toml', 'constraints.txt'):
        with open(name, 'rb') as f: h.update(f.read())
    return h.hexdigest()

def looks(path):
    if not os.path.exists(path): return None
    it = os.stat(path)
    return [it.st_size, it.st_mtime_ns]

def ollama(url):
    "The names of the models that the Ollama at this address has; none when it does not answer"
    import urllib.request
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))       # as the server asks it: a proxy knows nothing of this machine
        with direct.open(url + '/api/tags', timeout=1) as r: return [m['name'] for m in json.load(r)['models']]
    except (OSError, ValueError, KeyError, TypeError): return []

def hand_over(command, become=os.name != 'nt'):
    "Be the command from here on; Windows cannot, there it runs as a child that gets Ctrl-C as we do and whose exit code is ours"
    if become: os.execv(command[0], command)
    import signal, subprocess
    child = subprocess.Popen(command, env={'PYTHONUTF8': '1', **os.environ})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return child.wait()

# From here on: a first start, or one after something changed.

def setup(job, args):
    "Environment, browser assets, engine (a package like the others) and model; whatever stops it, the next start goes on from there"
    import signal, time
    sys.path.insert(0, here)
    from pianola import fetch
    sys.stdout.reconfigure(errors='replace', line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))       # so that what we started ends with us
    try:
        os.makedirs('data', exist_ok=True)
        lock = fetch.grab(fetch.Path('data', '.setup.lock'))
        if not lock: print('Another start is setting Pianola up in this folder: waiting for it')
        line, began = fetch.Line(), time.monotonic()
        while not lock:
            line(f'{time.monotonic() - began:.0f} s: it is still at work')
            time.sleep(.2)
            lock = fetch.grab(fetch.Path('data', '.setup.lock'))
        line.end()
        with lock:
            if ready(job): return
            if not installed(job): environment(job, fetch)
            things(job, args, fetch)
    except fetch.Failed as e: sys.exit(f'{e}.')
    except OSError as e: sys.exit(f'{fetch.trouble(e, here)}.')
    except KeyboardInterrupt:
        print('\nStopped; the next start goes on from here.', file=sys.stderr)
        sys.exit(130)

def environment(job, fetch):
    """Make .venv where it is missing or of another Python, and install the packages in
    the versions of constraints.txt: with uv where it is there and works, else with pip"""
    import shutil, subprocess, tomllib
    from importlib.util import find_spec
    base, uv, ours = getattr(sys, '_base_executable', sys.executable), shutil.which('uv'), '%d.%d' % sys.version_info[:2]
    with open('pyproject.toml', 'rb') as f: project = tomllib.load(f)['project']
    more = project['optional-dependencies']
    extras = ['test', 'postgres', 'data'] if job == 'test' else ['postgres'] if os.environ.get('PIANOLA_JOBS') else []
    wants = project['dependencies'] + [p for x in extras for p in more.get(x, [])]

    def fits():
        if not os.path.exists(python): return False
        has = subprocess.run([python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], capture_output=True, text=True).stdout.strip()
        return has == ours and (uv or not subprocess.run([python, '-m', 'pip', '--version'], capture_output=True).returncode)
    def remade(*command):
        if os.path.lexists(venv): shutil.rmtree(venv)
        return follow(command, fetch)
    def make():
        nonlocal uv
        print(f'Making .venv for Python {ours}' + (' with uv' if uv else ''))
        if uv:
            log = remade(uv, 'venv', '--python', base, venv)
            if not log: return
            print(f'uv did not manage that ({fetch.blame(log)[0]}); going on without it')
            uv = None
        if not (find_spec('venv') and find_spec('ensurepip')):
            raise fetch.Failed(f'This Python cannot make environments: install its venv module '
                               f'(Debian and Ubuntu: sudo apt install python{ours}-venv) and start again')
        log = remade(base, '-m', 'venv', venv)
        if log: raise fetch.Failed('.venv could not be made: {}; {}'.format(*fetch.blame(log)))

    if not fits(): make()
    print(f"Installing {len(wants)} packages and what they need{' to test' * (job == 'test')}" + (' with uv' if uv else ''))
    if uv:
        log = follow([uv, 'pip', 'install', '--python', python, '-c', 'constraints.txt', 'pip', *wants], fetch)      # pip too: it brings the models
        if log:
            print(f'uv did not manage that ({fetch.blame(log)[0]}); going on with pip')
            uv = None
            if not fits(): make()
    if not uv:
        # a module is compiled when it is first imported: most never are, and to do it here is half the time
        log = follow([python, '-m', 'pip', 'install', '--no-input', '--no-compile', '--disable-pip-version-check', '--progress-bar', 'off',
                      '-c', 'constraints.txt', *wants], fetch)
        if log: raise fetch.Failed('The packages could not be installed: {}; {}'.format(*fetch.blame(log)))
    remember(packages=key(), tests=job == 'test', postgres='postgres' in extras)

def follow(command, fetch):
    "Run an installer and show how long it takes and the last thing it said; '' when it went well, else all it said, which is also in .venv/setup.log"
    import subprocess, threading, time
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding='utf-8',
                         errors='replace', env={**os.environ, 'PIP_USER': '0', 'PYTHONUNBUFFERED': '1'})
    said, line, began = [], fetch.Line(), time.monotonic()
    reader = threading.Thread(target=lambda: said.extend(iter(p.stdout.readline, '')), daemon=True)
    reader.start()
    try:
        while p.poll() is None:
            line(f"{time.monotonic() - began:.0f} s: {said[-1].strip()[:100] if said else 'at work'}")
            time.sleep(.1)
        reader.join(5)
    finally:
        line.end()
        p.kill()
        p.wait()
    log = ''.join(said)
    if os.path.isdir(venv):
        with open(os.path.join(venv, 'setup.log'), 'w', encoding='utf-8') as f: f.write(log)
    return (log or f'{command[0]} ended with {p.returncode}') if p.returncode else ''

def things(job, args, fetch):
    "Bring what is not a package: the page's script, and the model unless another one answers"
    import sysconfig
    sys.path.insert(1, sysconfig.get_path('purelib', 'venv', {'base': venv}))
    from pianola import config
    c, files, whole, answers = config.read(args if job == 'run' else []), [], True, ''
    for f in fetch.ASSETS.values():
        try: fetch.watch(fetch.get(f, fetch.vendor, python), f'Bringing {f.about}, the script of the page')
        except fetch.Failed as e:
            whole = False
            print(f'{e}. Until then the page takes it from its CDN.')
        files.append(str(fetch.vendor/f.file))

    name = c.model if job == 'run' else ''
    there = ollama(c.ollama) if job == 'run' and c.engine == 'auto' else []
    if there:
        print(f"Ollama is there with {', '.join(there[:3])}{' and more' * (len(there) > 3)}: no model of our own is needed")
        answers = c.ollama
    elif job == 'test' or c.engine in ('auto', 'embedded'):
        path = next((p for p in (fetch.Path(name).expanduser(), c.models_dir/name, c.models_dir/f'{name}.gguf') if name and p.is_file()), None)
        if not path:
            if name and name not in fetch.MODELS and (c.engine == 'embedded' or name.endswith('.gguf')):
                raise fetch.Failed(f"PIANOLA_MODEL is {name}, and there is no such file: "
                                   f"give the path of a GGUF file, or {' or '.join(fetch.MODELS)}")
            f = fetch.MODELS.get(name) or fetch.MODELS[fetch.default]
            fetch.watch(fetch.get(f, c.models_dir, python), f'Bringing the model {f.name} ({fetch.mb(f.size)}) to {c.models_dir}')
            path = c.models_dir/f.file
        files.append(str(path.absolute()))
        if job == 'run':
            import subprocess
            subprocess.run([python, '-m', 'pianola', 'warm', *args])      # a convenience: what goes wrong in it is said again where it matters
    if whole: remember(**{job: dict(asked=asked, files={p: looks(p) for p in files}, ollama=answers)})

if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
