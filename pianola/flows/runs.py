"""What was answered: a run of a flow is a tree of answers, as a conversation is a tree of messages. Nothing is ever overwritten.

    run ── head → the newest answer of the branch in view; `path` leads to it, one answer a step
    answer: step (by name), parent, inputs, used (fingerprints of what it took from
    earlier steps), result (see results), status, code (hash of the step's source)

To answer a step again is a branch beside the old answer; later answers are carried over
to it. An answer whose `used` is no longer what the steps above it say is stale: a mark
that is worked out anew at each look, never an error."""
import json, time
from ..store import Refused
from ..tx import got, put
from .results import fingerprint, names, unsafe

def run(tx, id, deleted=False):
    "One run, or Refused"
    r = tx.one('select * from run where id=?', id)
    if not r or r['deleted'] and not deleted: raise Refused(f'there is no run {id}', 'choose one from the list, or start a new one', 404)
    return r

def current(tx, flow):
    "The number of the run last looked at, None when there is none"
    return (tx.value('select id from run where id=? and flow=? and deleted=0', got(tx, 'run', flow), flow)
            or tx.value('select max(id) from run where flow=? and deleted=0', flow))
def look(tx, flow, id): put(tx, 'run', flow, id)

def listed(tx, flow, words='', limit=100):
    "The runs of a flow, those used last first; with `words`, those that hold them in name, inputs or results"
    like = '%' + words.strip().replace('\\', '\\\\').replace('%', '\\%').replace('_', '\\_') + '%'
    return tx.q("""select r.*, coalesce((select max(a.at) from answer a where a.run=r.id), r.created) as used,
        (select count(distinct step) from answer a where a.run=r.id and a.status='done') as answered from run r where r.flow=? and r.deleted=0 and (?='' or r.name like ? escape '\\'
        or exists (select 1 from answer a where a.run=r.id and (a.inputs like ? escape '\\' or a.result like ? escape '\\'))) order by used desc, r.id desc limit ?""", flow, words.strip(), like, like, like, limit)

def begin(tx, flow, name='', origin=None):
    "A new run, which is the one in view from now on; its number comes back"
    tx.run('insert into run(id,flow,name,created,origin,deleted) values (?,?,?,?,?,1)', id := tx.new_id('run'), flow,
           name.strip()[:200] or f'Run {id_of(tx, flow)}', time.time(), origin)
    # so that taking it back puts it away, with all that was answered meanwhile, and can itself be taken back
    tx.update('run', id, {'deleted': 0})
    look(tx, flow, id)
    return id
def id_of(tx, flow): return tx.value('select count(*) from run where flow=?', flow) + 1

def answer(tx, id):
    a = tx.one('select a.* from answer a join run r on r.id=a.run where a.id=? and r.deleted=0', id)
    if not a: raise Refused(f'there is no answer {id}', status=404)
    return a
def path(tx, head):
    "The answers that lead to `head`, itself included, first step first"
    return tx.q('with recursive up(id, n) as '
                '(select ?, 0 union all select a.parent, n+1 from up join answer a on a.id=up.id where a.parent is not null) '
                'select a.* from up join answer a on a.id=up.id order by up.n desc', head) if head else []
def siblings(tx, a):
    "The other answers at the same place, oldest first, itself included"
    return [r['id'] for r in tx.q('select id from answer where run=? and parent is ? and step=? order by id', a['run'], a['parent'], a['step'])]
def leaf(tx, id):
    "Where the branch through `id` goes on to: always along the newest"
    return tx.value('with recursive down(id) as '
                    '(select ? union all select (select max(a.id) from answer a where a.parent=down.id) from down where down.id is not null) '
                    'select max(id) from down', id)

def free(r):
    "Refused when nothing may be changed in this run"
    if r['locked']: raise Refused(f"“{r['name']}” is locked", 'unlock it, or fork it and work on the copy', 409)

def add(tx, r, steps, step, inputs, used, code, status='running'):
    """A new answer to a step, in view from now on. `steps` are the names in order. What was
    answered after it is carried over to the new branch; what was there stays as the old one."""
    free(r)
    order = {s: n for n, s in enumerate(steps)}
    old, before = path(tx, r['head']), []
    for a in old:
        if a['step'] == step or order.get(a['step'], -1) > order[step]: break
        before.append(a)
    after = [a for a in old[len(before):] if a['step'] != step]
    id = head = _put(tx, r['id'], step, before[-1]['id'] if before else None, status, inputs, used, code)
    for a in after: head = _copy(tx, a, r['id'], head)
    tx.update('run', r['id'], {'head': head, 'redo': None})
    tx.run('delete from draft where run=? and step=?', r['id'], step)
    tx.run('delete from fold where run=? and step=?', r['id'], step)
    return id

def _put(tx, run, step, parent, status, inputs, used, code):
    tx.run('insert into answer(id,work,run,step,parent,status,inputs,used,code,at) values (?,?,?,?,?,?,?,?,?,?)',
           id := tx.new_id('answer'), id, run, step, parent, status,
           json.dumps(inputs, ensure_ascii=False), json.dumps(used), code, time.time())
    return id
def _copy(tx, a, run, parent):
    names = [k for k in a if k not in ('id', 'run', 'parent')]
    tx.run(f"insert into answer(id,run,parent,{','.join(names)}) values ({','.join('?'*(3+len(names)))})",
           id := tx.new_id('answer'), run, parent, *(a[k] for k in names))
    return id

def end(tx, work, status, result=None, error=None):
    """An answer that was running (or had failed and was tried again) is over, and those
    carried over from it meanwhile. The runs it was in come back; none when it was done before."""
    over = tx.q("select id, run from answer where work=? and status in ('running','failed')", work)
    for a in over:
        tx.run('update answer set status=?, result=?, error=?, ended=? where id=?', status,
               json.dumps(result, ensure_ascii=False) if result is not None else None, error, time.time(), a['id'])
        tx.rows['run', a['run']] = tx.row('run', a['run'])
    return list(dict.fromkeys(a['run'] for a in over))

def memory(said):
    "What steps leave to those after them: {name: (node, is it stale)}, from answers with their staleness"
    out = {}
    for a, stale in said:
        if a['status'] != 'done': continue
        for k, v in json.loads(a['inputs']).items(): out[k] = {'k': 'data', 'v': v}, stale, a['step']
        for k, node in names(a['step'], json.loads(a['result']) if a['result'] else None).items(): out[k] = node, stale, a['step']
    return out

def now(tx, r, codes):
    """{step: (its answer in view, stale)} of a run. Stale: what it used is not what
    the steps above say now, or one of those is stale itself, or its code is another."""
    said, out = [], {}
    for a in path(tx, r['head']):
        known = memory(said)
        stale = ((a['step'] in codes and a['code'] != codes[a['step']])
                 or any(k not in known or known[k][1] or fingerprint(known[k][0]) != h for k, h in json.loads(a['used']).items()))
        said.append((a, stale))
        out[a['step']] = a, stale
    return out

# runs as a whole

def duplicate(tx, r, name, until=None):
    "A copy of the branch in view, or of its beginning up to (without) the step `until`"
    id, head = begin(tx, r['flow'], name, r['id']), None
    for a in path(tx, r['head']):
        if a['step'] == until:
            keep_draft(tx, id, until, json.loads(a['inputs']))
            break
        if a['status'] == 'running': break           # a job belongs to the run that began it
        head = _copy(tx, {**a, 'job': None}, id, head)
    tx.update('run', id, {'head': head})
    return id

def draft(tx, run, step): return json.loads(tx.value('select data from draft where run=? and step=?', run, step) or '{}')
def keep_draft(tx, run, step, values, tried=False):
    "Half-typed values of a step's form, added to those that were there; `tried`: they were sent, so what is wrong with them is said"
    tx.run('insert into draft values (?,?,?,?) on conflict(run,step) do update set data=excluded.data, tried=excluded.tried', run, step,
           json.dumps({**draft(tx, run, step), **values}, ensure_ascii=False), int(tried))
def folds(tx, run): return {f['step']: bool(f['open']) for f in tx.q('select step, open from fold where run=?', run)}
def fold(tx, run, step, open): tx.run('insert into fold values (?,?,?) on conflict(run,step) do update set open=excluded.open', run, step, int(open))

# a run as a file

form = 'pianola-run/1'
last_time = 253_402_300_799         # the end of the year 9999: what comes later no calendar can say
def exported(tx, id):
    "A run as data: every branch, with the files its results name beside it"
    r = run(tx, id)
    rows = tx.q('select id, step, parent, status, inputs, used, result, error, code, at, ended from answer where run=? order by id', id)
    for a in rows:
        for k in ('inputs', 'used', 'result'): a[k] = json.loads(a[k]) if a[k] else None
        if a['status'] == 'running': a['status'], a['error'] = 'failed', 'it was running when this file was made'
    return {'format': form, 'flow': r['flow'], 'name': r['name'], 'created': r['created'], 'head': r['head'], 'locked': bool(r['locked']),
            'answers': rows}

def imported(tx, flow, d):
    "A run from a file, which may come from anybody: what is wrong with it is Refused, HTML in it is cleaned. Its number comes back."
    wrong = lambda what: Refused(f'this is no run of {flow}: {what}', 'give a file that Pianola exported')
    if not isinstance(d, dict) or d.get('format') != form: raise wrong('it has another format')
    if d.get('flow') != flow: raise wrong(f"it is one of {str(d.get('flow'))[:60]}")
    answers, new = d.get('answers'), {}
    if not isinstance(answers, list) or len(answers) > 100_000: raise wrong('its answers are no list')
    id = begin(tx, flow, str(d.get('name') or ''))
    for a in answers:
        if (not isinstance(a, dict) or not isinstance(a.get('step'), str) or not isinstance(a.get('inputs'), dict)
                or a.get('status') not in ('done', 'failed') or not isinstance(a.get('id'), int)):
            raise wrong('an answer is damaged')
        if a.get('parent') is not None and a['parent'] not in new: raise wrong('an answer stands before the one it follows')
        if bad := unsafe(a.get('result')): raise wrong(bad)
        if (not isinstance(a.get('used') or {}, dict)
                or not all(a.get(k) is None or isinstance(a[k], (int, float)) and 0 <= a[k] <= last_time for k in ('at', 'ended'))):
            raise wrong('an answer is damaged')
        new[a['id']] = _put(tx, id, a['step'][:80], new.get(a.get('parent')), a['status'], a['inputs'],
                            {str(k): str(v) for k, v in (a.get('used') or {}).items()}, str(a.get('code') or ''))
        tx.run('update answer set result=?, error=?, at=?, ended=? where id=?',
               json.dumps(a['result'], ensure_ascii=False) if a.get('result') is not None else None, a.get('error') and str(a['error']),
               float(a.get('at') or time.time()), a.get('ended') and float(a['ended']), new[a['id']])
    if d.get('head') is not None and d['head'] not in new: raise wrong('its head is missing')
    tx.update('run', id, {'head': new.get(d.get('head')), 'locked': int(d.get('locked') is True)})
    return id
