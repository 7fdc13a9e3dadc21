"""What a plugin needs from outside: the `# /// script` block in its head (PEP 723)
names packages; those that are missing are named in its card, and installed on a click."""
import asyncio, importlib.metadata, importlib.util, re, shutil, sys, tomllib
from ..contain import Refused

block = re.compile(r'(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$')      # as PEP 723 gives it

def head(source):
    "The `script` block of a file as a dict, {} when there is none; ValueError says what is wrong with it"
    found = [m for m in block.finditer(source.replace('\r\n', '\n')) if m['type'] == 'script']
    if len(found) > 1: raise ValueError('there are two `# /// script` blocks; there may be one')
    if not found: return {}
    text = ''.join(l[2:] if l.startswith('# ') else l[1:] for l in found[0]['content'].splitlines(keepends=True))
    try: return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e: raise ValueError(f'the `# /// script` block is not TOML: {e}') from None

def requirements(source):
    "The packages that a file's head names"
    there = head(source).get('dependencies', [])
    if not there: return []
    from packaging.requirements import InvalidRequirement, Requirement       # here: few plugins need anything, and it is a twentieth of the start
    if not isinstance(there, list) or not all(isinstance(d, str) for d in there):
        raise ValueError('`dependencies` in the head must be a list of texts')
    try: return [Requirement(d) for d in there]
    except InvalidRequirement as e: raise ValueError(f'`dependencies` in the head: {e}') from None

def missing(source):
    "Those of them that this environment has not, or not in that version"
    out = []
    for r in requirements(source):
        if r.marker and not r.marker.evaluate(): continue
        try:
            if not r.specifier.contains(importlib.metadata.version(r.name), prereleases=True): out.append(str(r))
        except importlib.metadata.PackageNotFoundError: out.append(str(r))
    return out

def command(packages):
    "The command that installs them into the environment this server runs in: uv if it is there, else pip"
    if uv := shutil.which('uv'): return [uv, 'pip', 'install', '--python', sys.executable, '--', *packages]
    if importlib.util.find_spec('pip'): return [sys.executable, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--', *packages]
    raise Refused('neither uv nor pip is here to install with', 'install uv, or the packages by hand: ' + ' '.join(packages))

async def install(packages, say):
    "Install them; `say(line)` hears what the installer prints. Refused when it fails."
    from packaging.requirements import Requirement
    for r in packages:
        if Requirement(r).url:
            raise Refused(f'{r} comes from an address of its own, which is not installed on a click', 'install it by hand, if you trust it')
    p = await asyncio.create_subprocess_exec(*command(packages), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                                             stderr=asyncio.subprocess.STDOUT)
    last = ''
    try:
        async for line in p.stdout:
            if text := line.decode('utf-8', 'replace').rstrip(): last = text; await say(text)
        code = await p.wait()
    finally:
        if p.returncode is None: p.kill()
    if code: raise Refused(f'the installer ended with {code}: {last[:300]}', 'the lines above say why')
    importlib.invalidate_caches()
