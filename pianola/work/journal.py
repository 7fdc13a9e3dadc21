"""What long work has done so far, in the app's own SQLite: jobs, their units
(each committed once, replayed by name) and the events that pages follow.

Every function takes a transaction, so that whoever runs the work (a coroutine, a thread, a process of its own)
writes the same journal. `Book` is what running work needs of it; `fleet.Book` is the same in PostgreSQL."""
import json, random, time
from ..contain import Ours
from ..store import Refused

over = ('done', 'failed', 'cancelled')
heard = None            # set by jobs: called after each event that this process keeps
stale = 'the code was changed since parts of this were done; they are kept'
lease = 6               # seconds without a sign of life after which a process counts as dead

def start(tx, name, args, *, title, plugin, runs='thread', retries=0, timeout=None, key=None, run=None, step=None, by='user', message=None, code=''):
    "A new job, to be run after the commit; its number. The same `key` again gives the job there is."
    if key and (old := tx.value('select id from job where key=?', key)): return old
    tx.run('insert into job(at,title,plugin,name,args,runs,retries,timeout,key,run,step,by,message,code) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?)',
           time.time(), title, plugin, name, json.dumps(args), runs, retries, timeout, key, run, step, by, message, code)
    id = tx.conn.last_insert_rowid()
    event(tx, id, 'state', 'waiting')
    return id

def job(tx, id):
    "One job as a dict, with its arguments and result decoded; Refused when there is none"
    j = tx.one('select * from job where id=?', id)
    if not j: raise Refused(f'there is no job {id}', status=404)
    return decode(j)
def decode(j): return {**j, 'args': json.loads(j['args']), 'result': json.loads(j['result']) if j['result'] else None}

def event(tx, id, kind, text='', data=None):
    "A line that pages follow: state, progress, log, partial, stale"
    tx.run('insert into job_event(job,at,kind,text,data) values (?,?,?,?,?)', id, time.time(), kind, text,
           json.dumps(data) if data is not None else None)
    id = tx.conn.last_insert_rowid()
    if heard: tx.after.append(heard)
    return id

def progress(tx, id, done, total, text):
    "Where it is; the rate and the time left follow from when this attempt began and where it began"
    tx.run('update job set done=?, total=?, text=?, lease=? where id=?', done, total, text, time.time()+lease, id)
    # where it was a moment ago interests nobody any more
    tx.run("delete from job_event where id=(select max(id) from job_event where job=?) and kind='progress'", id)
    event(tx, id, 'progress', text, [done, total])

def unit(tx, id, name):
    "(was it done?, its value)"
    row = tx.one('select value from unit where job=? and name=?', id, name)
    return bool(row), json.loads(row['value']) if row else None
def keep(tx, id, name, value=None):
    "Commit a unit; done once, whatever happens later"
    tx.run('insert or ignore into unit(job,name,value,at) values (?,?,?,?)', id, name, json.dumps(value), time.time())
def kept(tx, id): return tx.value('select count(*) from unit where job=?', id)
def partial(tx, id, name, value):
    keep(tx, id, name, value)
    event(tx, id, 'partial', data=value)
def fork(tx, id, before=None):
    "A new job that does the same, with what this one has done, or with what it had done before the unit of that name; its number"
    j = job(tx, id)
    end = tx.value('select rowid from unit where job=? and name=?', id, before) if before else None
    if before and not end:
        raise Refused(f'job {id} has not done {before}',
                      'name one of: ' + (', '.join(r['name'] for r in tx.q('select name from unit where job=? order by rowid limit 20', id))
                                         or 'nothing yet'))
    new = start(tx, j['name'], j['args'], title=j['title'], plugin=j['plugin'], runs=j['runs'], retries=j['retries'], timeout=j['timeout'],
                by=j['by'], code=j['code'])
    tx.run('insert into unit(job,name,value,at) select ?, name, value, at from unit where job=? and (? is null or rowid<?) order by rowid',
           new, id, end, end)
    return new
def units(tx, id, prefix):
    return [json.loads(r['value']) for r in tx.q("select value from unit where job=? and substr(name,1,?)=? order by rowid", id, len(prefix), prefix)]

def note(tx, id, what):
    "The model hears of it at its next turn"
    j = tx.one('select title from job where id=?', id)
    tx.log('note', f'job:{id}', text=f"“{j['title']}” {what}")
    # a line of the journal, so that a process of its own can ask for it too
    if unit(tx, id, 'comments')[0]: event(tx, id, 'comment', f"“{j['title']}” {what}")

def begin(tx, id, pid=None, code=''):
    "Take a waiting job; None when somebody else has it. Changed code is said, never an error: what was done is replayed by name."
    j = tx.one("select * from job where id=? and (state='waiting' or state='running' and lease<?)", id, time.time())
    if not j or j['cancel']: return None
    begun(tx, id, j['attempt']+1, pid, code)
    if code and j['code'] and code != j['code'] and tx.value('select 1 from unit where job=?', id): event(tx, id, 'stale', stale)
    return job(tx, id)
def begun(tx, id, attempt, pid=None, code=''):
    t = time.time()
    tx.run("update job set state='running', began=coalesce(began,?), since=?, since_done=done, attempt=?, pid=?, lease=?, code=?, text='' "
           "where id=?", t, t, attempt, pid, t+lease, code, id)
    event(tx, id, 'state', 'running')
def alive(tx, id, since):
    "A sign of life of a process; True when it is asked to stop, or somebody else has the job"
    ours = "update job set lease=? where id=? and since is ? and state='running' returning cancel"
    return tx.value(ours, time.time()+lease, id, since) != 0

def end(tx, id, state, result=None, error=None, text=''):
    "The end of an attempt: a failure with tries left waits for the next one, longer each time"
    j = job(tx, id)
    if j['state'] in over: return j
    text = text or (error or '').strip().rpartition('\n')[2] if state == 'failed' else text or j['text']
    if state == 'failed' and j['attempt'] <= j['retries'] and not j['cancel']:
        wait = min(300, 2**j['attempt']) * random.uniform(.75, 1.25)
        tx.run("update job set state='waiting', next_at=?, error=?, text=?, pid=null, far='' where id=?", time.time()+wait, error,
               f'tries again in {wait:.0f} s: {text}', id)
        event(tx, id, 'state', 'waiting')
    else:
        tx.run('update job set state=?, result=?, error=?, text=?, ended=?, pid=null where id=?', state,
               json.dumps(result) if result is not None else None, error, text, time.time(), id)
        event(tx, id, 'state', state)
    return job(tx, id)

def now(j):
    "A job for a program: where it is, how fast, how long still"
    done, total, since = j['done'] or 0, j['total'] or 0, j['since'] or j['at']
    spent = (j['ended'] or time.time()) - since
    fresh = done - (j['since_done'] or 0)
    rate = fresh/spent if spent > .5 and fresh > 0 else None
    left = (total-done)/rate if rate and total and j['state'] == 'running' else None
    return {'id': j['id'], 'title': j['title'], 'state': j['state'], 'text': j['text'], 'done': done, 'total': total,
            'rate': rate and round(rate, 3), 'left': left and round(left, 1), 'attempt': j['attempt'],
            'plugin': j['plugin'], 'name': j['name'], 'began': j['began'], 'ended': j['ended'],
            'error': j['error'] and j['error'].splitlines()[-1], 'run': j['run'], 'step': j['step']}

stopped = 'stopped; tried again, it goes on from here'
class Stopped(Ours): "The job was asked to stop"

class Book:
    """What a running job keeps: the words that have two implementations, this one and `fleet.Book`. `write` runs
    a function of the journal in a transaction; where it gives awaitables, so does every word. Each word first asks
    whether the job is still ours, as it is since the time our attempt began; if not, we are Stopped."""
    def __init__(self, write, id, note, since): self.write, self.id, self._note, self.since = write, id, note, since
    def _ours(self, f, *args, **kw):
        # not by the number of the attempt: a retry counts from one again
        ours = "select 1 from job where id=? and since is ? and state='running'"
        def whole(tx):
            if not tx.value(ours, self.id, self.since): raise Stopped
            return f(tx, self.id, *args)
        return self.write(whole, **kw)
    def unit(self, name): return self._ours(unit, name)
    def keep(self, name, value=None): return self._ours(keep, name, value)
    def partial(self, name, value): return self._ours(partial, name, value)
    def units(self, prefix): return self._ours(units, prefix)
    def event(self, kind, text): return self._ours(event, kind, text)
    # a power cut may take the last second of it
    def progress(self, done, total, text): return self._ours(progress, done, total, text, durable=False)
    def note(self, what): return self._ours(self._note, what)
    def alive(self): return self.write(alive, self.id, self.since)
    def end(self, state, result=None, error=None, text=''): return self._ours(ending, state, result, error, text)

def ending(tx, id, state, result=None, error=None, text=''):
    "A process says how it ended (its state, and its text in the next line); the server, which may be off just now, does the rest"
    tx.run("update job set state='ending', text=?, result=?, error=? where id=? and state='running'",
           f"{state}\n{text or ('' if state == 'failed' else job(tx, id)['text'])}", json.dumps(result) if result is not None else None, error, id)
