"Where things are and what was asked for: flags win over the environment, the environment over the defaults."
import argparse, ipaddress, os, sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from platformdirs import user_cache_path

version = '0.1.0'

def ollama_url(host):
    "The base URL that Ollama's own client would make of OLLAMA_HOST: scheme, host and port are each optional, 0.0.0.0 means this machine"
    host = (host or '').strip().strip('"\'')
    scheme, _, rest = host.rpartition('://')
    where, slash, path = rest.partition('/')
    if where.startswith('['): name, _, port = where[1:].partition(']'); port = port.lstrip(':')
    elif where.count(':') > 1: name, port = where, ''
    else: name, _, port = where.partition(':')
    if name in ('', '0.0.0.0', '::'): name = '127.0.0.1'
    if not port.isdigit() or int(port) > 65535: port = {'http': '80', 'https': '443'}.get(scheme, '11434')
    return f"{scheme or 'http'}://{f'[{name}]' if ':' in name else name}:{port}{slash}{path}".rstrip('/')

def is_loopback(host):
    "True when only this machine can reach a server bound to `host`"
    try: return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError: return host == 'localhost'

@dataclass
class Config:
    "Everything the start can say; one object, made once, handed to whoever needs it"
    host: str = '127.0.0.1'
    port: int = 5001
    data: Path = Path('data')
    plugins: Path = Path('plugins')
    prompts: Path = Path('prompts')
    browser: bool = True
    reload: bool = False
    engine: str = 'auto'
    model: str = ''
    models_dir: Path = field(default_factory=lambda: user_cache_path('pianola', appauthor=False)/'models')
    ollama: str = field(default_factory=lambda: ollama_url(''))
    password: str = field(default='', repr=False)      # never in a log
    patience: float = 5             # seconds that code of a plugin may hold others up
    rules: bool = True              # do what plain requests ask for before the model speaks, and hold its proposals against the user's words
    debug: bool = False
    jobs: str = field(default='', repr=False)          # the address of a PostgreSQL, which may hold a password; '' is our own journal
    workers: str = 'here'           # who runs the processes of jobs that are in PostgreSQL: this server too, or only workers elsewhere

    @property
    def url(self): return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

def _database(url):
    "True for an address that reads as one: a password with a / or # in it would make another of it"
    try: u = urlsplit(url)
    except ValueError: return False
    try: return u.scheme in ('postgresql', 'postgres') and (u.port or 1) > 0 and len(u.path) > 1 and not u.fragment
    except ValueError: return False

logs = None             # the log file of this process, set by `console`; None where what broke is told on the terminal alone
def details():
    "Where whoever wants to know more of what broke finds it: the one end of every hint that says so"
    return f'the log in {logs} has the details' if logs else 'the terminal has the details'

def python():
    "How the Python that runs this is called from here: a command that is told runs as it is told"
    try: return str(Path(sys.executable).relative_to(Path.cwd()))
    except (ValueError, OSError): return 'python'

class Parser(argparse.ArgumentParser):
    "Says what is wrong with the arguments in one line, without all there could be"
    def error(self, message): self.exit(2, f'{message[:1].upper()}{message[1:]}. {self.prog} --help says what there is.\n')

# characters of a password for other machines; a shorter one is guessed, and could not be kept out of a log without hiding half its words
shortest = 6
engines = ('auto', 'ollama', 'embedded')

def read(argv=None, env=os.environ):
    "The Config for these arguments and this environment; a wrong word ends the start with a sentence that says the right ones"
    e = lambda name, default: env.get(name) or default
    p = Parser(prog=f'{python()} server.py', description='Pianola: a local web app whose every key an AI can press.')
    p.add_argument('--host', default=e('PIANOLA_HOST', '127.0.0.1'), help='address to listen on; anything but this machine needs PIANOLA_PASSWORD')
    p.add_argument('--port', default=e('PORT', '5001'), help='port to listen on (5001)')
    for name, what in (('data', 'where everything it knows is kept'), ('plugins', 'the folder of plugins'), ('prompts', 'the folder of prompts')):
        p.add_argument(f'--{name}', type=Path, default=Path(e(f'PIANOLA_{name.upper()}', name)), help=what)
    p.add_argument('--no-browser', action='store_true', default=bool(env.get('PIANOLA_NO_BROWSER')), help='do not open the page')
    p.add_argument('--reload', action='store_true', help='start again when the code of pianola/ changes (for its developers)')
    p.add_argument('--debug', action='store_true', default=bool(env.get('PIANOLA_DEBUG')), help='log prompts and replies')
    a = p.parse_args(sys.argv[1:] if argv is None else argv)
    if not a.port.isdigit() or int(a.port) > 65535: p.error(f'--port (or PORT) is {a.port!r}; it must be a number from 0 to 65535')
    engine = e('PIANOLA_ENGINE', 'auto').lower()
    if engine not in engines: p.error(f"PIANOLA_ENGINE is {engine!r}; it must be one of {', '.join(engines)}")
    jobs, workers = e('PIANOLA_JOBS', ''), e('PIANOLA_WORKERS', 'here').lower()
    if jobs and not _database(jobs):
        p.error('PIANOLA_JOBS must be nothing or the address of a PostgreSQL database, postgresql://user:password@host:5432/database; '
                'in a password write : / ? # @ as %3A %2F %3F %23 %40')
    if workers not in ('here', 'elsewhere'): p.error(f'PIANOLA_WORKERS is {workers!r}; it must be here or elsewhere')
    try: patience = float(e('PIANOLA_PATIENCE', '5'))
    except ValueError: patience = 0
    if not .1 <= patience <= 3600:
        p.error(f"PIANOLA_PATIENCE is {env['PIANOLA_PATIENCE']!r}; it must be the seconds a plugin may hold others up, from 0.1 to 3600")
    c = Config(host=a.host, port=int(a.port), data=a.data, plugins=a.plugins, prompts=a.prompts, browser=not a.no_browser, reload=a.reload,
               engine=engine, model=e('PIANOLA_MODEL', ''), patience=patience, ollama=ollama_url(env.get('OLLAMA_HOST')), jobs=jobs,
               workers=workers, password=e('PIANOLA_PASSWORD', ''), debug=a.debug,
               rules=env.get('PIANOLA_RULES', '').lower() not in ('0', 'off', 'no', 'false'))
    if env.get('PIANOLA_MODELS_DIR'): c.models_dir = Path(env['PIANOLA_MODELS_DIR'])
    if not is_loopback(c.host) and not c.password.strip():
        p.error(f'--host {c.host} can be reached from other machines: set PIANOLA_PASSWORD to the password they must give, or leave --host out')
    if not is_loopback(c.host) and len(c.password.strip()) < shortest:
        p.error(f'PIANOLA_PASSWORD has fewer than {shortest} characters, and --host {c.host} can be reached from other machines: '
                f'take a longer one, best several words, or leave --host out')
    return c
