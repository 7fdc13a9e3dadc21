"A file somebody gave: taken in piece by piece, kept under its hash, found by it, and removed when nothing names it any more."
import hashlib, os, re, secrets
from pathlib import Path
from time import time as now
from urllib.parse import quote
import apsw
from ..store import store

class File(str):
    """A file somebody gave. As text it is HASH/NAME; `.path` is where it is kept,
    `.name` what it was called, `.read_text()` and `.read_bytes()` what is in it."""
    @property
    def hash(self): return self[:64]
    @property
    def name(self): return self[65:]
    @property
    def path(self): return store.folder/'files'/self[:2]/self[:64]
    @property
    def size(self): return self.path.stat().st_size
    def read_bytes(self): return self.path.read_bytes()
    def read_text(self, encoding='utf-8'): return self.path.read_text(encoding)

class Taking:
    """A file on its way in: `add(bytes)` as often as there are some, then `done()`
    → File. Whole on the disk under its hash before anybody is told of it."""
    def __init__(self, name):
        self.name = (re.sub(r'[\x00-\x1f/\\:]+', ' ', str(name)).strip(' .') or 'file')[-150:]
        self.folder, self.hash, self.size = store.folder/'files', hashlib.sha256(), 0
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.part = self.folder/f'{secrets.token_hex(8)}.part'
        self.out = self.part.open('wb')
    def add(self, data):
        self.out.write(data)
        self.hash.update(data)
        self.size += len(data)
    def done(self):
        self.out.flush()
        os.fsync(self.out.fileno())
        self.out.close()
        kept = File(f'{self.hash.hexdigest()}/{self.name}')
        kept.path.parent.mkdir(exist_ok=True, mode=0o700)
        os.replace(self.part, kept.path)
        return kept
    def stop(self):
        "It did not come whole: nothing of it stays"
        self.out.close()
        self.part.unlink(missing_ok=True)

def keep_file(data, name):
    "Keep bytes, or the file at a Path, as a File; for who trusts where it comes from"
    t = Taking(name)
    try:
        if isinstance(data, Path):
            with data.open('rb') as f:
                while piece := f.read(1 << 20): t.add(piece)
        else: t.add(data)
        return t.done()
    except BaseException:
        t.stop()
        raise

def sweep(folder, age=86_400, undo=30*86_400):
    """Remove files that were given and that nothing in the database names any more; the number of
    those removed. Careful: only what is older than a day, and what the roll of the last 30 days
    names (or a run put away in that time) is kept, for taking back. Blocks; reads by a connection of its own."""
    old = lambda f: f.is_file() and f.stat().st_mtime < now() - age
    there = {f.name: f for f in folder.glob('files/*/*') if re.fullmatch('[0-9a-f]{64}', f.name) and old(f)}
    for f in folder.glob('files/*.part'):
        if old(f): f.unlink(missing_ok=True)
    if not there: return 0
    conn, named, since = apsw.Connection(str(folder/'pianola.db'), flags=apsw.SQLITE_OPEN_READONLY), set(), now() - undo
    try:
        conn.set_busy_timeout(10_000)
        conn.execute('begin')                         # one moment of all tables
        away = ("run in (select id from run where deleted=1 and not exists "
                "(select 1 from log where at>? and what=run.flow||'.delete' and data like '%\"run\": '||run.id||',%'))")
        tables = "select name from sqlite_master where type='table' and sql not like 'create virtual%' and name not like 'message_fts%'"
        for (table,) in conn.execute(tables).fetchall():
            columns = ','.join(f'"{c[1]}"' for c in conn.execute(f'pragma table_info("{table}")'))
            where = (' where at>?', (since,)) if table == 'log' else (f' where not ({away})', (since,)) if table in ('answer', 'draft') else ('', ())
            for row in conn.execute(f'select {columns} from "{table}"{where[0]}', where[1]):
                for v in row:
                    if isinstance(v, str) and len(v) >= 64: named.update(re.findall('[0-9a-f]{64}', v))
    finally: conn.close(True)
    gone = [f for h, f in there.items() if h not in named and old(f)]        # given again meanwhile: it is new
    for f in gone: f.unlink(missing_ok=True)
    return len(gone)

def is_file(text): return bool(re.fullmatch(r'[0-9a-f]{64}/[^/\\\0]{1,200}', text))      # as File writes itself
def file_url(text): return f'/api/files/{text[:64]}/{quote(text[65:])}'
