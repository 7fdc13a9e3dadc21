"A job in a process of its own, which outlives the server and the page; and `python -m pianola work`, which takes jobs from the queue in PostgreSQL."
import asyncio, contextlib, inspect, json, os, threading, time
from loguru import logger as log
from .. import contain
from ..loading import settings
from ..loading.plugins import plugins
from ..store import Refused, again_s, away, store
from ..tx import Tx
from . import fleet, journal
from .handle import Handle, code_of, function
from .journal import Stopped, note

def work(argv):
    "`python -m pianola work`: serve the queue in PostgreSQL. With ID: one attempt in a process of its own, writing the journal itself"
    import argparse
    from pathlib import Path
    from .. import config
    p = config.Parser(prog=f'{config.python()} -m pianola work',
                      description='Take jobs from the queue of the PostgreSQL that PIANOLA_JOBS names; '
                                  'as many processes, on as many machines, as you like.')
    p.add_argument('id', nargs='?', help=argparse.SUPPRESS)
    p.add_argument('--as', dest='owner', default='', help=argparse.SUPPRESS)
    p.add_argument('--data', type=Path, help='a folder for the files that jobs work with (./data)')
    p.add_argument('--plugins', type=Path, help='the folder of plugins (./plugins); the same files as the servers have')
    a = p.parse_args(argv)
    c = config.read([*(['--data', str(a.data)] if a.data else []), *(['--plugins', str(a.plugins)] if a.plugins else [])])
    store.folder = c.data
    if a.id: return own_process(a.id, a.owner, c)
    if not c.jobs: p.error('PIANOLA_JOBS must name the PostgreSQL that holds the queue: postgresql://user:password@host/database')
    if lack := fleet.lacking(): p.error(lack)
    c.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return fleet.serve(c.jobs, f'work-{os.urandom(6).hex()}', c.data, c.plugins)

def own_process(id, owner, c):
    "One attempt of a job, and the end of this process"
    from ..loading.plugins import Plugin, plugin_name
    if id.isdecimal():
        book, begin, write = _own_book(int(id), c)
        write(settings.learn)                # what the user set; secrets are read from their file, which only the user may read
    else:
        line = fleet.Line(c.jobs, patient=True)
        j = line(fleet.look, id)
        book = fleet.Book(line, id, owner, ship=j['folder'] != fleet.this_folder())
        begin = (lambda: j), lambda code: line(fleet.claim, id, owner, code)
        settings.known[j['plugin']] = json.loads(j['settings'])
    j = begin[0]()
    if id.isdecimal(): book.since = j['since']
    path = next((f for f in sorted(c.plugins.iterdir()) if plugin_name(f) == j['plugin'] and (f.suffix == '.py' or f.is_dir())), None)
    code, why = '', None
    try:
        if not path: raise Refused(f"there is no plugin {j['plugin']} in {c.plugins.absolute()} now")
        plugins[j['plugin']] = found = Plugin(path).read()
        if found.error: raise Refused(found.error)
        f = function(j['name'])
        code = code_of(f)
    except Refused as e: why = e
    if not (j := begin[1](code)):
        if id.isdecimal() and begin[0]()['cancel']:             # stopped while it started
            with contextlib.suppress(Stopped): book.end('cancelled')
        return 0
    mode = 'async' if not why and inspect.iscoroutinefunction(f) else 'process'
    h = Handle(j, fleet.Later(book) if mode == 'async' else book, mode)
    def over(*end):
        while True:
            try: book.end(*end); break
            except Stopped: break                               # somebody else has it now
            except away as e:
                log.warning('how job {} ended is kept as soon as that can be: {}', id, e)
                time.sleep(again_s)
        os._exit(0)      # threads that the function left do not hold the process
    def beat():
        while not h._cancel.wait(1):
            try:
                if book.alive(): h._cancel.set()
            except Exception as e: log.warning('job {} could give no sign of life: {}', id, e)      # once more in a second
        time.sleep(8)                           # who began us ends us by force before, if it still is and the job is ours
        over('cancelled', None, None, 'stopped by force')
    try:
        if why: raise why
        if not id.isdecimal(): book.line(fleet.fetch, id, [j['args'], book.units('')])
        threading.Thread(target=beat, daemon=True).start()
        if j['timeout']: threading.Timer(j['timeout'], over, ('failed', None, f"it took longer than {j['timeout']:g} s")).start()
        if mode == 'async': result = asyncio.run(f(h, **j['args']))
        else: result = f(h, **j['args'])
        json.dumps(result)
        over('done', result)
    except Stopped: over('cancelled', None, None, journal.stopped)
    except BaseException as e: over('failed', None, e.text if isinstance(e, Refused) else contain.trace(e))

def _own_book(id, c):
    "The journal in SQLite, from another process than the server's"
    import apsw
    from ..store import connected
    conn, turn, full = apsw.Connection(str(c.data/'pianola.db')), threading.Lock(), [False]
    connected(conn)
    def write(f, *args, durable=True):
        with turn:
            if durable != full[0]: conn.pragma('synchronous', 'full' if durable else 'normal'); full[0] = durable
            for _ in range(50):
                try: conn.execute('begin immediate'); break
                except apsw.BusyError: time.sleep(.1)
            else: raise apsw.BusyError('the journal is held by somebody else')
            tx = Tx(conn)
            try:
                value = f(tx, *args)
                conn.execute('commit')
            except BaseException:
                if conn.in_transaction: conn.execute('rollback')         # of a full disk SQLite may have taken it back itself
                raise
            return value
    def begin(code):
        def take(tx):               # at once, so that nobody sees it without a lease and begins it once more
            tx.run("update job set lease=0 where id=? and state='running'", id)
            return journal.begin(tx, id, os.getpid(), code)
        if j := write(take): book.since = j['since']
        return j
    book = journal.Book(write, id, note, None)
    return book, (lambda: write(journal.job, id), begin), write
