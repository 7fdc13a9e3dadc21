"""What the person at the terminal reads: a banner, one line per event that matters,
prompts and replies at debug level, and a log file that turns over. Never a secret."""
import logging, logging.handlers, re, sys, traceback
from loguru import logger as log
from rich.console import Console
from rich.markup import escape
from . import config as where, contain
from .loading import settings
from .store import store

console = Console(highlight=False, soft_wrap=True)
secret = re.compile(r'(?i)((?:sk|key|pk|hf|ghp|xox[bp])[-_][A-Za-z0-9_-]{12,}|bearer\s+\S+|(?:password|token|secret|api[_-]?key)\\?["\']?[ \t]*[:=][ \t]*\S+)')
colours = {'DEBUG': 'dim', 'INFO': '', 'SUCCESS': 'green', 'WARNING': 'yellow', 'ERROR': 'red', 'CRITICAL': 'bold red'}

def clean(text):
    "Text without control characters (but ends of lines) or anything that looks like a secret: what is logged may come from a model or a page"
    return secret.sub('•••', settings.masked(''.join(c if c.isprintable() or c == '\n' else '·' for c in text)))
def whole(record):
    "What a record says, clean: its message and the story of the error below it, each further line set in, so that none can pass for another record"
    e = record['exception']
    try: story = '\n' + ''.join(traceback.format_exception(e.type, e.value, e.traceback)).rstrip() if e else ''
    except Exception: story = '\n' + contain.words(e.value)          # an error of a plugin's that cannot be told
    return clean(record['message'] + story).replace('\n', '\n    ')

bare = lambda record: ''          # what stands in a line is made here: loguru's own way adds the error as it is

def say(text):
    "A line for people and for programs that wait for it"
    sys.stdout.write(f'{text}\n')        # in one piece: what another thread says stands before or after it
    sys.stdout.flush()

class ToLoguru(logging.Handler):
    def emit(self, record):
        # what SQLite has to say it raises too
        level = 'DEBUG' if record.name == 'apsw' else record.levelname if record.levelname in colours else 'INFO'
        log.opt(exception=record.exc_info).log(level, record.getMessage())

class File(logging.handlers.RotatingFileHandler):
    "The log file. That it cannot be written, on a full disk for one, is said once: each line more would only be in the way of those that help"
    unheard = True
    def handleError(self, record):
        if self.unheard:
            console.print(f'[yellow]{escape(f"{self.baseFilename} cannot be written ({sys.exc_info()[1]}): what is told here is not kept")}[/]')
        self.unheard = False

def open(config):
    "Set up both logs; the banner only where a person looks"
    log.remove()
    level = 'DEBUG' if config.debug else 'INFO'
    def draw(message):
        r = message.record
        if r['level'].name == 'DEBUG' and r['message'].startswith(('prompt\n', 'reply\n')): return table(*r['message'].split('\n', 1))
        console.print(f"[dim]{r['time']:%H:%M:%S}[/] [{colours.get(r['level'].name) or 'default'}]{escape(' '.join(clean(r['message']).split()))}[/]")
    log.add(draw, level=level, format=bare)
    where.logs = config.data/'pianola.log'
    file = File(where.logs, maxBytes=5_000_000, backupCount=3, encoding='utf-8')
    log.add(lambda m: file.handle(logging.makeLogRecord(
        {'msg': f"{m.record['time'].isoformat(' ', 'milliseconds')[:23]} {m.record['level'].name:<7} {whole(m.record)}"})),
            level=level, format=bare)
    for name in ('uvicorn', 'uvicorn.error', 'asyncio', 'apsw'):
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [ToLoguru()], False
    logging.getLogger('uvicorn.error').setLevel(logging.WARNING)
    if sys.stdout.isatty():
        from pyfiglet import figlet_format
        console.print(f"[bold]{escape(figlet_format('Pianola', font='small').rstrip())}[/]\n"
                      f"[dim]your plugins on the left, a model on the right, everything on this machine[/]\n")
    for name, folder in (('plugins', config.plugins), ('prompts', config.prompts)):
        if not folder.is_dir(): log.warning(f'{folder} is no folder: there are no {name} until it is (--{name} names another)')

def quiet():
    "Only what broke, on the error output: for a command whose own lines say the rest"
    log.remove()
    where.logs = None
    log.add(lambda m: print(whole(m.record), file=sys.stderr), level='ERROR', format=bare)

@store.on
def done(e):
    "A key that changed something, was refused or waits: its sentence, as in the roll; and what became of a table when its class changed"
    if e.kind == 'action' and e.text: log.info(f'{e.by}: {e.text[:300]}')
    elif e.kind == 'note' and 'table' in e.data: log.info(e.text[:300])

def table(what, text):
    "The prompt or the reply as a table, at debug level"
    import json
    from rich.table import Table
    from rich.text import Text
    t = Table('who', what, show_lines=True)
    try: rows = [(m['role'], m['content']) for m in json.loads(text)]
    except (ValueError, TypeError, KeyError): rows = [('model', text)]
    for who, said in rows: t.add_row(who, Text(clean(said)))
    console.print(t)
