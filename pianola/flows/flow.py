"""A procedure you can see: `flow = Flow()` and a function a step. Its parameters
are the form, its docstring the question, what it returns the memory of the run.

    @flow.step
    def site(url: Url = 'https://example.com', pages: Range(1, 100) = 10):
        "Which site shall we walk?"

    @flow.step
    async def walk(job, url, pages): ...          # no annotation: taken from the steps above by name; `job`: long work that outlives the page

Pressing a step keeps what was put in, in one transaction with the line in the roll; then
the function runs, and its end is a transaction of its own. Everything kept is in `runs`."""
import ast, asyncio, contextlib, functools, hashlib, inspect, json, sys, textwrap, time, traceback
from typing import Optional
import msgspec
from loguru import logger as log
from .. import contain, tabs
from ..actions import Action, on_undo, one_of, register, ways
from ..asking import forms
from ..asking.files import File, is_file
from ..contain import hold
from ..loading import settings
from ..loading.plugins import Kind, plugins
from ..store import Refused, store
from ..tx import put, sound
from ..work import board, jobs, journal
from . import cards, packing, results, runs, spoken

class Step:
    "One function of a flow"
    def __init__(self, flow, f, auto, runs_as, button, more, shows=()):
        self.shows = tuple(shows)
        self.flow, self.name, self.f, self.auto, self.runs, self.more = flow, f.__name__, f, auto, runs_as, more
        self.fields, self.job = forms.of(f), 'job' in inspect.signature(f).parameters
        if bad := [p.name for p in inspect.signature(f).parameters.values() if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]:
            raise TypeError(f"the step {self.name} takes *{bad[0]}; a form needs to know its fields by name")
        self.question, _, self.words = (inspect.getdoc(f) or self.name.replace('_', ' ').capitalize()).partition('\n')
        self.code, self.plain = _code(f)
        self.plain = self.plain and not self.job          # nothing to run: what was put in is all there is
        self.button = button or ('Next' if self.plain else 'Run')
    def asks(self, memory): return {n: f for n, f in self.fields.items() if f.typed or n not in memory}
    def called(self, n, x): return File(x).name if n in self.fields and self.fields[n].kind == 'file' and is_file(str(x)) else str(x)
    def takes(self, memory): return [n for n, f in self.fields.items() if not f.typed and n in memory]

def _code(f):
    "(hash of a function's code without its docstring, comments and layout; has it no body at all)"
    try: tree = ast.parse(textwrap.dedent(inspect.getsource(f))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return hashlib.sha256(f.__code__.co_code + repr(f.__code__.co_consts).encode()).hexdigest()[:16], False
    body = [n for n in tree.body if not (isinstance(n, ast.Pass) or isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]
    return hashlib.sha256('\n'.join(ast.dump(n) for n in [*body, tree.args]).encode()).hexdigest()[:16], not body

mask = '••••••'
working = {}            # what runs in this process: {work: task, or None when only its end is yet to be kept}
secrets = {}            # what was typed into Secret fields, in memory only: {(run, step, name): value}
drafted = {}            # the line of the log at which drafts of a run changed last: who was away then is drawn anew

class Flow(Kind):
    "Steps in the order of the file. Each run of them is kept, named, and can be gone back in, forked, compared, exported."
    def __init__(self, name=None):
        super().__init__(name, sys._getframe(1))
        self.steps = {}
        self._keys()

    def step(self, f=None, *, auto=False, runs=None, button='', shows=(), **more):
        """Decorator: the next step. `auto`: it runs by itself once it can. `runs`: 'async', 'thread' or 'process'
        for a step with a `job`; `shows`: of a result with names those that are for people, the rest is folded; more
        words (retries, timeout, comments) go to the job; a parameter `comments` that says no keeps the model quiet."""
        if runs: one_of('runs', runs, ways)
        def make(f):
            s = self.steps[f.__name__] = Step(self, f, auto, runs or ('async' if inspect.iscoroutinefunction(f) else 'thread'), button, more, shows)
            for verb in ('run', 'fill'):
                self.keys[verb].description = f"{self.words[verb]} The steps: {', '.join(self._said(s) for s in self.steps.values())}."
            return _worker(f) if s.job else f
        return make(f) if f else make
    def _said(self, s):
        return s.name + (f" ({', '.join(n for n, x in s.fields.items() if x.typed)})" if any(x.typed for x in s.fields.values()) else '')

    @property
    def title(self): return self.plugin.title if self.plugin and len(self.plugin.kinds) == 1 else self.name.replace('_', ' ').capitalize()
    @property
    def codes(self): return {s.name: s.code for s in self.steps.values()}
    def open(self, tx):
        missed = ("select distinct a.job from answer a join run r on r.id=a.run join job j on j.id=a.job "
                  f"where r.flow=? and a.status='running' and j.state in {journal.over}")
        for a in tx.q(missed, self.name): self.job_over(tx, journal.job(tx, a['job']))             # it ended while we were away
        going = "select distinct a.work from answer a join run r on r.id=a.run where r.flow=? and a.status='running' and a.job is null"
        for a in tx.q(going, self.name):
            if a['work'] not in working:
                runs.end(tx, a['work'], 'failed', error='Pianola ended while this ran. What it did by then is not known: run it again.')

    # the keys

    def _keys(self):
        run, self.keys, n = [('run', Optional[int], None)], {}, self.name      # what is put into a step may be an address with a login: `logins`
        self.words = {'run': 'Run a step, the open one if none is named.', 'fill': "Write values into a step's form without running it."}
        def key(verb, fn, spec, **kw):
            takes = msgspec.defstruct(f'{n}_{verb}', spec, forbid_unknown_fields=True, kw_only=True)
            self.keys[verb] = register(Action(f'{n}.{verb}', fn, takes, plugin=self.plugin_name, local=True, **kw))
        of = lambda r: f"“{r['name']}” of {self.title}"
        key('start', self.start, [('name', str, '')], title=f'Start {n}', description=f'Start a new run of {n}.',
            say=lambda a, r, c: f'Started {of(r)}')
        key('fill', self.fill, [('values', dict), ('step', str, ''), *run], logins=True, title=f'Fill in {n}',
            description=self.words['fill'], say=lambda a, r, c: f"Filled in {r['step']} in {of(r)}")
        key('run', self.press, [('step', str, ''), ('values', dict, {}), *run], logins=True, title=f'Run {n}',
            description=self.words['run'], say=self._ran)
        key('back', self.back, [('step', str), *run], title=f'Go back in {n}',
            description='Open an answered step again, to answer it another way. What was there stays.',
            say=lambda a, r, c: f"Went back to {r['step']} in {of(r)}")
        key('fold', self.fold, [('step', str), ('open', bool, False), *run], title=f'Fold a step of {n}',
            description='Fold a step\'s card, or with open=true unfold it.',
            say=lambda a, r, c: f"{'Unfolded' if a['open'] else 'Folded'} {r['step']}")
        key('name', self.rename, [('name', str), *run], title=f'Name a run of {n}', description='Give the open run a name.',
            say=lambda a, r, c: f"Named a run “{r['name']}”")
        key('show', self.show, run, title=f'Look at {n}', description='Where a run is: its steps, their values, results and errors.',
            risk='read', model=False)
        key('runs', self.list, [('words', str, '')], title=f'Runs of {n}', description='The runs, those used last first.', risk='read', model=False)
        own = dict(model=False)
        key('again', self.again, [('run', int), ('name', str, '')],
            title=f'Do a run of {n} again', description='A new run that is worked through by itself, with the answers of another one.',
            say=lambda a, r, c: f'Began {of(r)}', **own)
        key('stay', self.stay, run, title='Leave it as it was', description='Close a step that was opened again, without another answer.',
            say=lambda a, r, c: f'Left {of(r)} as it was', **own)
        key('pick', self.pick, [('answer', int)], title='Choose a branch', description='Show the branch on which an answer stands.',
            say=lambda a, r, c: f"Chose another answer to {r['step']} in {of(r)}", **own)
        key('fork', self.fork, [('step', str, ''), *run], title='Fork',
            description='A new run that begins as this one up to a step; without a step, a copy of it all.',
            say=lambda a, r, c: f"Made {of(r)}", **own)
        key('lock', self.lock, [('locked', bool, True), *run], title='Lock or unlock',
            description='A locked run can be read and copied, and not changed.',
            say=lambda a, r, c: f"{'Locked' if a['locked'] else 'Unlocked'} {of(r)}", **own)
        key('cancel', self.cancel, [('step', str), *run], title='Stop a step', description='Stop the job of a step.',
            say=lambda a, r, c: f"Asked {r['step']} to stop", **own)
        key('import', self.take, [('file', str)], ready=packing.unpacked, title='Import a run',
            description='A run from a file that was exported, and given to /api/files.', say=lambda a, r, c: f'Imported {of(r)}', **own)
        key('delete', self.delete, run, title=f'Delete a run of {n}', risk='destructive',
            description='Put a run away; undo brings it back.', say=lambda a, r, c: f'Deleted {of(r)}',
            asks=lambda tx, run=None: f'Delete {of(self.find(tx, run))}?', touches=lambda tx, run=None: [('run', self.find(tx, run)['id'])],
            model=False)

    def find(self, tx, id=None):
        "A run of this flow, by default the one looked at last; Refused names what there is"
        if id is None: id = runs.current(tx, self.name) or runs.begin(tx, self.name)
        r = runs.run(tx, id)
        if r['flow'] != self.name: raise Refused(f"run {id} is one of {r['flow']}", f"press {r['flow']}'s own key", 404)
        return r
    def of_mine(self, tx, ids):
        "The one of these runs that is of this flow, None where there is none or several are"
        mine = [i for i in ids if (r := tx.row('run', i)) and r['flow'] == self.name and not r['deleted']]
        return mine[0] if len(mine) == 1 else None
    def wished(self, tx, text, run=None):
        "What a sentence asks of this flow, see spoken"
        return spoken.heard(self, tx, text, run)
    def named(self, step):
        if s := self.steps.get(step): return s
        raise Refused(f'{self.name} has no step {step[:60]}', f"it has {', '.join(self.steps)}", 404)
    def _out(self, tx, id, step=None):
        r = tx.rows['run', id] = tx.row('run', id)
        return {'run': id, 'name': r['name'], **({'step': step} if step else {})}
    def _ran(self, a, r, c):
        s = self.steps.get(r['step'])
        word = lambda k, v: ({True: 'yes', False: 'no'}.get(v) if isinstance(v, bool) else s.called(k, v) if s else str(v))[:60]
        said = ', '.join(f'{k}: {word(k, v)}' for k, v in r.get('values', {}).items() if v not in ('', None, []))
        return f"{self.title}: {s.question if s else r['step']}" + (f' ({said})' if said else '')

    def start(self, tx, name=''):
        id = runs.begin(tx, self.name, name)
        self.go_on(tx, id)
        return self._out(tx, id)
    def again(self, tx, run, name=''):
        r = self.find(tx, run)
        if not r['head']: raise Refused(f"“{r['name']}” has no answers", 'answer it once')
        id = runs.begin(tx, self.name, name or f"{r['name']}, {time.strftime('%d %b %H:%M')}", r['id'])
        tx.run('update run set follows=? where id=?', r['id'], id)
        self.go_on(tx, id)
        return self._out(tx, id)
    def fill(self, tx, values, step='', run=None):
        r = self.find(tx, run)
        runs.free(r)
        s = self.named(step) if step else self.next(tx, r, values)
        known = s.asks(self.look(tx, r).memory(s.name))
        if extra := [k for k in values if k not in known]:
            raise Refused(f"{s.name} has no {', '.join(map(str, extra))}", f"it has {', '.join(known) or 'no fields'}")
        wrong = forms.read(known, values, only=values)[1]
        runs.keep_draft(tx, r['id'], s.name, {k: v for k, v in values.items() if known[k].kind != 'secret'}, tried=bool(wrong))
        hide(known, values)
        return self._out(tx, r['id'], s.name)
    def back(self, tx, step, run=None):
        r, s = self.find(tx, run), self.named(step)
        runs.free(r)
        v = self.look(tx, r)
        if s.name not in v.now: raise Refused(f'{s.name} has no answer yet', self._open(v), 409)
        if v.now[s.name][0]['status'] == 'running': raise Refused(f'{s.name} is running', 'wait for it, or stop it', 409)
        tx.run('delete from fold where run=? and step=?', r['id'], s.name)
        tx.update('run', r['id'], {'redo': s.name})
        return self._out(tx, r['id'], s.name)
    def stay(self, tx, run=None):
        r = self.find(tx, run)
        runs.free(r)
        if r['redo']: tx.run('delete from draft where run=? and step=?', r['id'], r['redo'])
        tx.update('run', r['id'], {'redo': None})
        return self._out(tx, r['id'])
    def fold(self, tx, step, open=False, run=None):
        r, s = self.find(tx, run), self.named(step)
        runs.fold(tx, r['id'], s.name, open)
        return self._out(tx, r['id'], s.name)
    def rename(self, tx, name, run=None):
        if not name.strip(): raise Refused('a name must not be empty')
        r = self.find(tx, run)
        tx.update('run', r['id'], {'name': name.strip()[:200]})
        return self._out(tx, r['id'])
    def pick(self, tx, answer):
        a = runs.answer(tx, answer)
        r = self.find(tx, a['run'])
        runs.free(r)
        tx.update('run', r['id'], {'head': runs.leaf(tx, a['id']), 'redo': None})
        return self._out(tx, r['id'], a['step'])
    def fork(self, tx, step='', run=None):
        r = self.find(tx, run)
        return self._out(tx, runs.duplicate(tx, r, f"{r['name']}, {'from ' + step if step else 'copy'}", self.named(step).name if step else None))
    def lock(self, tx, locked=True, run=None):
        r = self.find(tx, run)
        if locked and tx.value("select 1 from answer where run=? and status='running'", r['id']):
            raise Refused('a step of it is running', 'wait for it, or stop it', 409)
        tx.update('run', r['id'], {'locked': int(locked)})
        return self._out(tx, r['id'])
    def delete(self, tx, run=None):
        r = self.find(tx, run)
        for a in tx.q("select distinct work, job from answer where run=? and status='running'", r['id']): stop(tx, a)
        tx.update('run', r['id'], {'deleted': 1})
        return self._out(tx, r['id'])
    def take(self, tx, file, ready=None):
        return self._out(tx, runs.imported(tx, self.name, ready or packing.unpacked(file)))
    def cancel(self, tx, step, run=None):
        r, s = self.find(tx, run), self.named(step)
        a = self.look(tx, r).now.get(s.name, ({},))[0]
        if a.get('status') != 'running': raise Refused(f'{s.name} is not running', status=409)
        stop(tx, a)
        return self._out(tx, r['id'], s.name)
    def list(self, tx, words=''):
        return [{'run': r['id'], 'name': r['name'], 'locked': bool(r['locked']), 'created': r['created'], 'used': r['used'],
                 'answered': r['answered'], 'steps': len(self.steps)} for r in runs.listed(tx, self.name, words)]
    def show(self, tx, run=None):
        r = runs.run(tx, run) if run else runs.current(tx, self.name) and runs.run(tx, runs.current(tx, self.name))
        if not r: return None
        v = self.look(tx, r)
        def one(s):
            a = v.now.get(s.name, (None,))[0]
            at = {'step': s.name, 'state': v.state(s.name)}
            return at | {'answer': a['id'], 'inputs': json.loads(a['inputs']), 'error': a['error'], 'job': a['job'],
                         'result': results.plain(json.loads(a['result'])) if a['result'] else None} if a else at
        return {'run': r['id'], 'flow': self.name, 'name': r['name'], 'locked': bool(r['locked']), 'steps': [one(s) for s in self.steps.values()]}

    # running a step

    def look(self, tx, r): return View(self, tx, r)
    def next(self, tx, r, values=()):
        "The step that is open now; of several the first that has these fields"
        v = self.look(tx, r)
        here = ([s for s in self.steps.values() if v.state(s.name) in ('open', 'failed')]
                or [s for s in self.steps.values() if v.state(s.name) == 'stale'])
        for s in here:
            if all(k in s.fields for k in values): return s
        if here:
            raise Refused(f"{here[0].name} has no {', '.join(k for k in values if k not in here[0].fields)}",
                          f"it has {', '.join(here[0].asks(v.memory(here[0].name))) or 'no fields'}")
        raise Refused('no step is open', self._open(v), 409)
    def _open(self, v):
        now = {s: v.state(s) for s in self.steps}
        return 'they are: ' + ', '.join(f'{s} {w}' for s, w in now.items())

    def press(self, tx, step='', values=None, run=None):
        "Keep what was put in, and begin. What was typed before counts where nothing is said now."
        values = values if values is not None else {}
        r = self.find(tx, run)
        runs.free(r)
        s = self.named(step) if step else self.next(tx, r, values)
        v = self.look(tx, r)
        state = v.state(s.name)
        if state == 'running': raise Refused(f'{s.name} is running already', 'wait for it, or stop it', 409)
        if state == 'waiting': raise Refused(f'{s.name} is not open yet', self._open(v), 409)
        memory = v.memory(s.name)
        asks = s.asks(memory)
        if extra := [k for k in values if k not in asks]:
            raise Refused(f"{s.name} has no {', '.join(map(str, extra))}", f"it has {', '.join(asks) or 'no fields'}")
        before = json.loads(v.now[s.name][0]['inputs']) if s.name in v.now else {}
        shown = lambda values: {k: x for k, x in values.items() if asks.get(k) and asks[k].kind != 'secret'}
        given = {n: memory[n][0]['v'] for n in asks if n in memory and memory[n][0].get('v') is not None}
        given |= shown(before) | shown(runs.draft(tx, r['id'], s.name)) | values
        good, wrong = forms.read(asks, given)
        if wrong:
            raise Refused(f"{s.name}: {'; '.join(f'{k} {x}' for k, x in wrong.items())}", 'say in `values` what it should be', 422, fields=wrong)
        a = v.now.get(s.name, (None,))[0]
        if not (state == 'failed' and a['job'] and self.resume(tx, r, s, a, asks, good, memory)): self.begin(tx, r, s, asks, good, memory)
        hide(asks, values)
        put(tx, 'run', self.name, r['id'])
        return self._out(tx, r['id'], s.name) | {'values': {n: mask if asks[n].kind == 'secret' else asks[n].plain(x) for n, x in good.items()}}

    def resume(self, tx, r, s, a, asks, good, memory):
        "A job that broke, asked for the same again, goes on from what it has done. True when it does."
        same = (json.loads(a['inputs']) == {n: asks[n].plain(x) for n, x in good.items()}
                and all(n in memory and results.fingerprint(memory[n][0]) == h for n, h in json.loads(a['used']).items()))
        if not same or a['work'] != a['id']: return False
        try: jobs.retry(tx, a['job'])
        except Refused: return False
        tx.run("update answer set status='running', error=null, ended=null, code=? where work=?", s.code, a['work'])
        tx.run('delete from draft where run=? and step=?', r['id'], s.name)
        return True

    def begin(self, tx, r, s, asks, good, memory):
        "The answer is kept as running; the work starts once that is safe"
        inputs = {n: mask if asks[n].kind == 'secret' and x else asks[n].plain(x) for n, x in good.items()}
        for n, x in good.items():
            if asks[n].kind == 'secret':
                secrets[r['id'], s.name, n] = x
                if x: settings.typed.add(x)
        used = {n: results.fingerprint(memory[n][0])
                for n in [*s.takes(memory), *(n for n in asks if n in memory and memory[n][0] == {'k': 'data', 'v': inputs[n]})]}
        id = runs.add(tx, r, list(self.steps), s.name, inputs, used, s.code)
        if s.plain:
            runs.end(tx, id, 'done')
            return self.go_on(tx, r['id'])
        for n in s.takes(memory):
            step = self.steps.get(memory[n][2])
            if step and n in step.fields and step.fields[n].kind == 'secret' and (r['id'], step.name, n) not in secrets:
                raise Refused(f'{n} is not kept on the disk', f'go back to {step.name} and give it again', 409)
        nodes = {n: ['node', memory[n][0], memory[n][2]] for n in s.takes(memory)} | {n: ['value', x, s.name] for n, x in inputs.items()}
        if s.job:
            hidden = {n: secrets[r['id'], w, n] for n, (_, _, w) in nodes.items() if (r['id'], w, n) in secrets}
            if hidden:
                raise Refused(f"{s.name} runs as a job, and {', '.join(hidden)} is a secret that a job would have to write down",
                              'use it in a step without `job`')
            quiet = 'comments' in nodes and nodes['comments'][1] in (False, {'k': 'data', 'v': False})
            job = jobs.start(tx, f'{self.plugin_name}.{s.f.__qualname__}', {'_flow': [self.plugin_name, self.name, s.name, nodes]},
                             title=f"{self.title}: {s.question}", plugin=self.plugin_name, runs=s.runs, run=r['id'], step=s.name,
                             **s.more | ({'comments': False} if quiet else {}))
            tx.run('update answer set job=? where work=?', job, id)
        else:
            def begin():
                working[id] = True             # from now on: who stops it may come before the task
                store.loop.call_soon_threadsafe(self._work, id, r['id'], s, nodes)
            tx.after.append(begin)

    def _work(self, id, run, s, nodes):
        async def work():
            try:
                kw = await asyncio.to_thread(arguments, self, nodes, run)
                out = await (contain.guarded(s.f(**kw)) if inspect.iscoroutinefunction(s.f) else
                             contain.apart(self.plugin_name, lambda: s.f(**kw)))
                end = 'done', await asyncio.to_thread(results.keep, out, s.name), None
            except asyncio.CancelledError:
                if store.pool is None: raise          # the app ends: at the next start it is found as it was left
                end = 'failed', None, 'Stopped.'
            except Exception as e: end = 'failed', None, trace(e, self.plugin)
            working[id], ends = None, lambda *end: store.kept(self._ended, id, s.name, *end)
            try: await ends(*end)
            except Exception as e:             # what it returned, or the step that goes on by itself, breaks that
                log.exception(f'the end of {self.name}.{s.name} could not be kept')
                await ends('failed', None, trace(e, self.plugin))
        working[id] = t = asyncio.create_task(work())
        t.add_done_callback(lambda t: working.pop(id, None))
    def _ended(self, tx, work, *end):
        if tx.value("select 1 from answer where work=? and status='running'", work): self.over(tx, work, *end)      # else it was stopped meanwhile

    def over(self, tx, work, step, status, node=None, error=None):
        "A step is over: kept with its result; the note that the model hears, and the next step where it goes by itself"
        for run in runs.end(tx, work, status, node, error):
            r = tx.row('run', run)
            said = results.line(node) if status == 'done' else (error or '').strip().rpartition('\n')[2]
            text = f"{self.title}, “{r['name']}”: {step} is {'done' if status == 'done' else 'broken'}"
            tx.log('note', f'{self.name}.{step}', text=text + (f': {said[:300]}' if said else ''), data={'run': run})
            if status == 'done' and not r['deleted']: self.go_on(tx, run)
    def job_over(self, tx, job):
        a = tx.one('select work, step from answer where job=? order by id limit 1', job['id'])
        if not a or tx.value('select flow from run r join answer a on a.run=r.id where a.job=? limit 1', job['id']) != self.name: return
        done = job['state'] == 'done'
        self.over(tx, a['work'], a['step'], 'done' if done else 'failed', job['result'] if done else None,
                  None if done else job.get('error') or job.get('text') or job['state'])

    def go_on(self, tx, run):
        """Steps that go by themselves: those that are open now, and those whose grounds
        have changed; in a run that follows another all of them, with its answers"""
        r = tx.row('run', run)
        if r['locked']: return
        led = tx.row('run', r['follows']) if r['follows'] else None
        saved = {a['step']: json.loads(a['inputs']) for a in runs.path(tx, led['head'])} if led else {}
        for s in self.steps.values():
            if not s.auto and s.name not in saved: continue
            v = self.look(tx, tx.row('run', run))
            memory, a = v.memory(s.name), v.now.get(s.name, (None,))[0]
            fresh = a and all(n in memory and not memory[n][1] for n in json.loads(a['used']))
            if not (v.state(s.name) == 'open' or s.auto and v.state(s.name) == 'stale' and fresh): continue
            known = {n: memory[n][0].get('v') for n in s.asks(memory) if n in memory}
            known |= {n: x for n, x in saved.get(s.name, {}).items() if n in s.asks(memory)}
            good, wrong = forms.read(s.asks(memory), known)
            if hidden := [n for n, f in s.asks(memory).items() if f.kind == 'secret' and known.get(n) == mask]:
                wrong[hidden[0]] = 'is a secret, which is not kept'
            why = '; '.join(f'{n} {w}' for n, w in wrong.items())
            if not wrong:
                try:
                    with tx.attempt(): return self.begin(tx, tx.row('run', run), s, s.asks(memory), good, memory)
                except Refused as e: why = '; '.join(filter(None, (e.text, e.hint)))
            elif not saved: continue
            tx.log('note', f'{self.name}.{s.name}', data={'run': run},
                   text=f"{self.title}, “{r['name']}”: waits for you at {s.question} {why}")

    # what is seen

    async def view(self):
        "The left side, on the run that the address names or the one looked at last"
        asked = (tabs.address.get() or {}).get('run', '')
        def shown(tx):
            r = tx.one('select * from run where id=? and flow=?', int(asked), self.name) if asked.isdecimal() and len(asked) < 16 else None
            return cards.whole(self, tx, r or self.find(tx))
        if asked or await store.read(runs.current, self.name): return await store.read(shown)
        return await store.write(shown)                # the first look at a flow begins its first run
    def hear(self, e):
        "Something changed in a run: draw it in every tab that looks at it"
        changed = {i for t, i in e.rows if t == 'run'}
        if e.kind in ('note', 'flow') and e.what.partition('.')[0] == self.name and 'run' in e.data: changed.add(e.data['run'])
        return self._drawn(e, changed) if changed else None
    async def _drawn(self, e, changed):
        for run in changed: await self.draw(run, whole=e.what in ('undo', f'{self.name}.delete'), seq=e.id)
    async def draw(self, run, whole=False, seq=0):
        items = await store.read(self.items, run, whole)
        if not items: return
        text = tabs.dumps({'put': items, 'gone': [], 'seq': seq})
        for t in list(tabs.tabs):
            if run in t.runs: t.put(text)
            elif t.view == self.plugin_name: t.send({'flow': {'list': self.name}})
    def items(self, tx, run, whole=False):
        "What to put in the place of what a tab on this run shows"
        r = tx.row('run', run)
        if not r or r['flow'] != self.name: return []
        if whole or r['deleted']: return [{**tabs.item(f'{self.name}-flow', cards.whole(self, tx, r), only=True), 'run': run, 'flow': self.name}]
        return [{**tabs.item(id, ft, only=True), 'run': run, 'flow': self.name} for id, ft in cards.parts(self, tx, r)]

    def tell(self, tx):
        "The open run for the model: its steps, what was put in, what came out, what went wrong"
        id = runs.current(tx, self.name)
        if not id: return f'{self.title} ({self.name}): no run yet.'
        r = runs.run(tx, id)
        v, out = self.look(tx, r), [f"{self.title} ({self.name}), the run “{r['name']}”{' (locked)' if r['locked'] else ''}:"]
        for s in self.steps.values():
            a, state = v.now.get(s.name, (None,))[0], v.state(s.name)
            asks = s.asks(v.memory(s.name))
            line = f'{s.name}: {state}' + (f'; asks {s.question}' if state in ('open', 'failed') else '')
            if state in ('open', 'failed') and asks: line += ' Fields: ' + ', '.join(f'{n} ({f.kind})' for n, f in asks.items())
            if a and (said := ', '.join(f'{k}: {str(x)[:100]}' for k, x in json.loads(a['inputs']).items())): line += f'; put in: {said}'
            if a and a['result']: line += f"; result: {results.line(json.loads(a['result']))}"
            if a and a['status'] == 'failed' and a['error']: line += f"; error:\n{a['error'][-1500:]}"
            out.append(line)
        return '\n'.join(out)

class View:
    "A run as it stands: the answer and state of each step, and what is remembered before it. One reading."
    def __init__(self, flow, tx, r):
        self.flow, self.r, self.now = flow, r, runs.now(tx, r, flow.codes)
        self.order = list(flow.steps)
    def before(self, step): return self.order[:self.order.index(step)]
    def memory(self, step): return runs.memory([self.now[s] for s in self.before(step) if s in self.now])
    def state(self, step):
        "waiting, open, running, done, failed, stale or locked"
        a, stale = self.now.get(step, (None, False))
        if self.r['locked'] and not (a and a['status'] == 'running'): return 'locked'
        if a and a['status'] == 'running': return 'running'
        if self.r['redo'] == step: return 'open'
        if a and a['status'] == 'failed': return 'failed'
        if a: return 'stale' if stale else 'done'
        return 'open' if all(s in self.now and self.now[s][0]['status'] == 'done' for s in self.before(step)) else 'waiting'

def stop(tx, a):
    "Ask the work of an answer to stop"
    if a['job']: jobs.cancel(tx, a['job'])
    elif working.get(a['work']): tx.after.append(lambda: store.loop.call_soon_threadsafe(lambda: (t := working.get(a['work'])) and t.cancel()))
    else: runs.end(tx, a['work'], 'failed', error='Stopped.')           # nobody works on it, or only its end is yet to be kept
@on_undo
def out_of_sight(tx, e):
    "What is taken back while it runs stops, or nobody could: its step is open again"
    running = lambda head: {a['work']: a for a in runs.path(tx, head) if a['status'] == 'running'}
    for id, before in [(id, before) for t, id, before, after in tx.changes if t == 'run' and before and after]:
        r = tx.row('run', id)
        still = {} if r['deleted'] else running(r['head'])
        for work, a in running(before.get('head', r['head'])).items():
            with contextlib.suppress(Refused):          # its job is over by now
                if work not in still: stop(tx, a)

def hide(fields, values):
    "Nothing typed into a Secret stays in what is written down"
    for n, f in fields.items():
        if f.kind == 'secret' and values.get(n): values[n] = mask

def arguments(flow, nodes, run=None):
    "What a step is called with"
    out = {}
    for n, (kind, x, step) in nodes.items():
        f = flow.steps[step].fields.get(n) if step in flow.steps else None
        if (run, step, n) in secrets: out[n] = secrets[run, step, n]
        elif kind == 'value' or f and x.get('k') == 'data' and 'v' in x and n in flow.steps[step].fields and f.typed:
            out[n] = back(f, x if kind == 'value' else x['v'])
        else: out[n] = results.back(x)
    return out
def back(f, plain):
    try: return f.parse(plain) if plain not in ('', None) else plain
    except ValueError: return plain              # its type is another since: as it was

def _worker(f):
    "What a job runs: the step with its arguments brought back, and its result made fit to be kept; called by anyone else, the plain function"
    def flow_of(where):
        plugin = plugins.get(where[0])
        kinds = plugin.kinds if plugin else sys.modules[f.__module__].__dict__.get('__kinds__', [])
        return next(k for k in kinds if isinstance(k, Flow) and k.name == where[1])
    @functools.wraps(f)
    async def later(job, *args, _flow=None, **kw):
        if not _flow: return await f(job, *args, **kw)
        return await asyncio.to_thread(results.keep, await f(job, **await asyncio.to_thread(arguments, flow_of(_flow), _flow[3])), _flow[2])
    @functools.wraps(f)
    def now(job, *args, _flow=None, **kw):
        if not _flow: return f(job, *args, **kw)
        return results.keep(f(job, **arguments(flow_of(_flow), _flow[3])), _flow[2])
    return later if inspect.iscoroutinefunction(f) else now

def trace(e, plugin):
    "What went wrong, for a person and for the model: the lines of the plugin, then the error"
    if isinstance(e, Refused): return f'{e.text} {e.hint}'.strip()
    frames = ([f for f in traceback.extract_tb(e.__traceback__) if plugin and str(plugin.path) in f.filename]
              or traceback.extract_tb(e.__traceback__)[-3:])
    log.opt(exception=e).debug('a step broke')
    return contain.mask(contain.whole(''.join(traceback.format_list(frames)) + (str(e) if isinstance(e, contain.Ended) else contain.told(e))))

redrawing = set()
def _more(job):
    "A step that runs has more to show: drawn three times a second at most, however often it says so"
    if job['run'] in redrawing: return
    redrawing.add(job['run'])
    def now():
        redrawing.discard(job['run'])
        for k in [k for p in plugins.values() for k in p.kinds if isinstance(k, Flow) and k.plugin_name == job['plugin'] and job['step'] in k.steps]:
            hold(k.draw(job['run']), 'a part could not be drawn')
    asyncio.get_running_loop().call_later(.3, now)
board.parts.append(_more)

# what a tab says

def find(tx, run):
    "(the flow, the run)"
    r = runs.run(tx, run)
    flow = next((k for p in plugins.values() for k in p.kinds if isinstance(k, Flow) and k.name == r['flow']), None)
    if not flow: raise Refused(f"{r['flow']} is not loaded", status=404)
    return flow, r
def by_name(name):
    if flow := next((k for p in plugins.values() for k in p.kinds if isinstance(k, Flow) and k.name == name), None): return flow
    raise Refused(f'there is no flow {name[:60]}', status=404)

def keep_draft(tx, run, step, values):
    "Half-typed values; what is wrong with each comes back, and the line of the log they belong behind"
    flow, r = find(tx, run)
    runs.free(r)
    s = flow.named(step)
    asks = s.asks(flow.look(tx, r).memory(step))
    values = {k: sound(v) for k, v in values.items() if k in asks and asks[k].kind != 'secret' and not settings.half(v)}
    runs.keep_draft(tx, run, step, values)
    drafted[run] = tx.value('select max(id) from log') or 0
    return forms.read(asks, values, only=values)[1], values

def looked(tx, ids):
    "A tab looks at these runs: they are where the next look begins"
    for id in ids:
        if flow := tx.value('select flow from run where id=? and deleted=0', id): runs.look(tx, flow, id)
def anew(tx, ids, since, touched):
    "What a tab that was away since a line of the log must be drawn, of the runs it looks at"
    out = []
    for id in ids:
        r = tx.row('run', id)
        flow = r and next((k for p in plugins.values() for k in p.kinds if isinstance(k, Flow) and k.name == r['flow']), None)
        if flow and (touched or drafted.get(id, -1) >= since): out += flow.items(tx, id, whole=touched)
    return out
