"What the person at the terminal reads: a banner, one line per event that matters, prompts and replies at debug level, and a log file that turns over. Never a secret."
import logging, re, sys
from loguru import logger as log
from rich.console import Console
from rich.markup import escape
from . import settings

console = Console(highlight=False, soft_wrap=True)
secret = re.compile(r'(?i)((?:sk|key|pk|hf|ghp|xox[bp])[-_][A-Za-z0-9_-]{12,}|bearer\s+\S+|(?:password|token|secret|api[_-]?key)\W{1,3}\S+)')
colours = {'DEBUG': 'dim', 'INFO': '', 'SUCCESS': 'green', 'WARNING': 'yellow', 'ERROR': 'red', 'CRITICAL': 'bold red'}

def clean(text):
    "One line without control characters or anything that looks like a secret: what is logged may come from a model or a page"
    for s in settings.hidden(): text = text.replace(s, '•••')
    return secret.sub('•••', ''.join(c if c.isprintable() or c == '\n' else '·' for c in text))

def say(text):
    "A line for people and for programs that wait for it"
    print(text, flush=True)

class ToLoguru(logging.Handler):
    def emit(self, record):
        level = 'DEBUG' if record.name == 'apsw' else record.levelname if record.levelname in colours else 'INFO'      # what SQLite has to say it raises too
        log.opt(exception=record.exc_info).log(level, record.getMessage())

def open(config):
    "Set up both logs; the banner only where a person looks"
    log.remove()
    level = 'DEBUG' if config.debug else 'INFO'
    def draw(message):
        r = message.record
        if r['level'].name == 'DEBUG' and r['message'].startswith(('prompt\n', 'reply\n')): return table(*r['message'].split('\n', 1))
        console.print(f"[dim]{r['time']:%H:%M:%S}[/] [{colours.get(r['level'].name) or 'default'}]{escape(clean(r['message']))}[/]")
    log.add(draw, level=level, format='{message}', diagnose=False)
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    log.add(config.data/'pianola.log', level='DEBUG' if config.debug else 'INFO', rotation='5 MB', retention=3, diagnose=False, backtrace=False, encoding='utf-8',
            format='{time:YYYY-MM-DD HH:mm:ss.SSS} {level:<7} {message}', filter=lambda r: r.update(message=clean(r['message'])) or True)
    for name in ('uvicorn', 'uvicorn.error', 'asyncio', 'apsw'): logging.getLogger(name).handlers, logging.getLogger(name).propagate = [ToLoguru()], False
    logging.getLogger('uvicorn.error').setLevel(logging.WARNING)
    if sys.stdout.isatty():
        from pyfiglet import figlet_format
        console.print(f"[bold]{escape(figlet_format('Pianola', font='small').rstrip())}[/]\n[dim]your plugins on the left, a model on the right, everything on this machine[/]\n")

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
