"Two tabs on two runs never mix, two tabs on one run are the same: whatever is pressed in whatever order, what every tab shows is what SQLite says."
import json, re, sqlite3, threading, time

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from conftest import connect, Server
from test_flow import numbers

steps = ['a', 'b', 'c', 'd']
fields = {'a': ['x', 'loud'], 'b': [], 'c': ['z', 'word'], 'd': []}

class Tab:
    "A page without a browser: what was drawn with it, and what the socket put in its place, by the rules of static/place.js and static/flow.js"
    def __init__(self, server, run):
        self.server, self.seq = server, 0
        self.open(run)
        self.join()
    def open(self, run):
        status, html = self.server.get(f'/numbers?run={run}', HX_Request='true')
        assert status == 200
        self.run, self.parts, self.drafts = run, parts(html), {}
        self.seq = (max(self.seq, int(re.search(r'data-seq="(\d+)"', html)[1])) if not hasattr(self, 'ws')
                    else int(re.search(r'data-seq="(\d+)"', html)[1]))
    def join(self):
        self.ws = connect(self.server.ws, max_size=None).__enter__()
        self.hello()
        threading.Thread(target=self._read, args=(self.ws,), daemon=True).start()
    def hello(self):
        self.ws.send(json.dumps({'hello': {'since': self.seq, 'conversation': None, 'view': 'numbers', 'runs': [self.run], 'opened': False}}))
    def look(self, run):
        "Go to another run, as the list of runs does"
        self.open(run)
        self.hello()
    def _read(self, ws):
        try:
            for text in ws:
                f = json.loads(text)
                for it in f.get('put', ()):
                    if it.get('run') and it['run'] != self.run: continue
                    if it['id'] == 'numbers-flow': self.parts, self.drafts = parts(it['html']), {}
                    elif it['id'] in self.parts:
                        self.parts[it['id']] = it['html']
                        self.drafts.pop(it['id'], None)
                d = f.get('flow') or {}
                if d.get('draft') and d['run'] == self.run: self.drafts.setdefault(f"numbers-{d['step']}", {}).update(d['draft'])
                self.seq = max(self.seq, f.get('seq', 0))
        except Exception: pass      # noqa: S110  the socket was closed: the tab is gone
    def leave(self): self.ws.close()
    @property
    def shown(self): return {k: look(v, self.drafts.get(k, {})) for k, v in self.parts.items()}

def parts(html):
    "The bar and each card, by id"
    out = {m[2]: m[0] for m in re.finditer(r'<(header|details)[^>]*? id="(numbers-(?:bar|[abcd]))".*?(?=<details data-state|</section>)', html, re.S)}
    return out or {'gone': re.sub(r'<[^>]+>', ' ', html[html.index('<section data-run'):])}
def look(html, draft):
    "What a person sees of a part: its words, its state, its fold, what stands in its inputs, where its buttons lead"
    values = {}
    for tag in re.findall(r'<input[^>]*>', html):
        a = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if a.get('type') in ('search', 'file') or a.get('name') in (None, 'words'): continue
        if a.get('type') == 'checkbox': values[a['name']] = str(bool(re.search(r'\schecked(\s|>|$)', tag))).lower()
        elif a.get('type') != 'hidden': values[a['name']] = a.get('value', '')
    values |= {k: str(v).lower() if isinstance(v, bool) or v in ('true', 'false') else str(v) for k, v in draft.items() if k in values}
    head = re.match(r'<[^>]*>', html)[0] if html.startswith('<') else ''
    text = re.sub(r'<div class="run-list">.*?</div>', '', html, flags=re.S)
    text = re.sub(r'<select.*?</select>', '', text, flags=re.S)
    # what is wrong with a half-typed value is said to who types it
    text = re.sub(r'<small class="wrong".*?</small>|<small[^>]*role="alert"[^>]*>.*?</small>', '', text, flags=re.S)
    return (re.search(r'data-state="(\w+)"', head)[1] if 'data-state' in head else '', bool(re.search(r'\sopen(\s|>)', head)), values,
            re.sub(r'<[^>]+>', ' ', text).split(), re.findall(r"hx-vals='([^']*)'", text))

class Walk(RuleBasedStateMachine):
    server = None
    def __init__(self):
        super().__init__()
        self.tabs, self.folder = [], self.server.data
        self.last, self.expected = None, {}
        self.runs = [self.act('start')['run'], self.act('start')['run']]
        for r in (*self.runs, self.runs[0]): self.tabs.append(Tab(self.server, r))
    def teardown(self):
        for t in self.tabs: t.leave()
    def act(self, verb, **args):
        status, said = self.server.post(f'/api/actions/numbers.{verb}', args)
        assert status in (200, 202, 400, 404, 409, 422), said
        if status == 202: status, said = self.server.post(f"/api/approvals/{said['approval']}", {'approve': True})
        if status == 200: self.last = said['id']
        self.told = status, said
        return said.get('result') if status == 200 else None

    @rule(run=st.integers(0, 9), step=st.sampled_from(steps), x=st.integers(0, 3), word=st.sampled_from(['', 'one', '<b>two</b>']), bad=st.booleans())
    def press(self, run, step, x, word, bad):
        run = self.runs[run % len(self.runs)]
        values = {'a': {'x': x, 'loud': word != ''}, 'c': {'z': 'no number' if bad and x == 0 else x, 'word': word}}.get(step, {})
        done = self.act('run', run=run, step=step, values=values)
        if bad and x == 0 and step == 'c': assert not done
        if done: self.expected[run, step] = done['values']
    @rule(run=st.integers(0, 9), step=st.sampled_from(steps))
    def back(self, run, step): self.act('back', run=self.runs[run % len(self.runs)], step=step)
    @rule(run=st.integers(0, 9))
    def stay(self, run): self.act('stay', run=self.runs[run % len(self.runs)])
    @rule(tab=st.integers(0, 9), step=st.sampled_from(['a', 'c']), text=st.sampled_from(['7', 'x', '', 'zwölf']))
    def type_(self, tab, step, text):
        t = self.tabs[tab % len(self.tabs)]
        self.server.post(f'/api/runs/{t.run}/drafts/{step}', {fields[step][0]: text, '': 'somebody'})
    @rule(run=st.integers(0, 9), n=st.integers(0, 99))
    def pick(self, run, n):
        with self.sql() as db:
            answers = [i for i, in db.execute("select id from answer where run=? and status!='running' order by id",
                                              (self.runs[run % len(self.runs)],))]
        if answers and self.act('pick', answer=answers[n % len(answers)]):
            self.expected = {k: v for k, v in self.expected.items() if k[0] != self.runs[run % len(self.runs)]}
    @rule(run=st.integers(0, 9), step=st.sampled_from(['', *steps]))
    def fork(self, run, step):
        if len(self.runs) < 5 and (made := self.act('fork', run=self.runs[run % len(self.runs)], step=step)): self.runs.append(made['run'])
    @rule(run=st.integers(0, 9), locked=st.booleans())
    def lock(self, run, locked): self.act('lock', run=self.runs[run % len(self.runs)], locked=locked)
    @rule(run=st.integers(0, 9), name=st.sampled_from(['Autumn', 'A & B', '<i>']))
    def name(self, run, name): self.act('name', run=self.runs[run % len(self.runs)], name=name)
    @rule(run=st.integers(0, 9))
    def delete(self, run): self.act('delete', run=self.runs[run % len(self.runs)])
    @rule(run=st.integers(0, 9), step=st.sampled_from(steps), open_=st.booleans())
    def fold(self, run, step, open_): self.server.post(f'/api/runs/{self.runs[run % len(self.runs)]}/folds/{step}', {'open': open_})
    @rule()
    def undo(self):
        if self.last and self.server.post(f'/api/roll/{self.last}/undo')[0] == 200: self.expected.clear()
    @rule(tab=st.integers(0, 9), run=st.integers(0, 9))
    def look(self, tab, run): self.tabs[tab % len(self.tabs)].look(self.runs[run % len(self.runs)])
    @rule(tab=st.integers(0, 9))
    def away(self, tab):
        t = self.tabs[tab % len(self.tabs)]
        t.leave()
        self.act('name', run=t.run, name='Meanwhile')
        t.join()
    @rule(tab=st.integers(0, 9))
    def reload(self, tab):
        t = self.tabs[tab % len(self.tabs)]
        t.leave()
        self.tabs[tab % len(self.tabs)] = Tab(self.server, t.run)

    def sql(self): return sqlite3.connect(self.folder/'pianola.db')
    def truth(self, run):
        "A run as SQLite has it, read without any of our code: {step: (status, inputs)} along the head"
        with self.sql() as db:
            head, out = db.execute('select head from run where id=?', (run,)).fetchone()[0], {}
            while head:
                step, status, inputs, head = db.execute('select step, status, inputs, parent from answer where id=?', (head,)).fetchone()
                out[step] = status, json.loads(inputs)
        return out

    @invariant()
    def every_tab_shows_what_is_true(self):
        self.settle()
        for run in {t.run for t in self.tabs}:
            fresh = None
            for t in (t for t in self.tabs if t.run == run):
                end = time.time() + 30
                while ((fresh := Tab.__new__(Tab))
                       and (fresh.__dict__.update(parts=parts(self.server.get(f'/numbers?run={run}', HX_Request='true')[1]), drafts={})
                            or fresh.shown != t.shown) and time.time() < end):
                    time.sleep(.02)
                assert t.shown == fresh.shown, f'a tab on run {run}'
            with self.sql() as db: deleted = db.execute('select deleted, locked from run where id=?', (run,)).fetchone()
            if deleted[0]: continue
            truth = self.truth(run)
            for s in steps:
                state, _, values, words, _ = fresh.shown[f'numbers-{s}']
                if deleted[1]: assert state == 'locked'; continue
                if state in ('done', 'stale'): assert truth[s][0] == 'done'
                if state == 'failed': assert truth[s][0] == 'failed'
                if state == 'waiting': assert s not in truth
                if (run, s) in self.expected and s in truth: assert {k: truth[s][1][k] for k in self.expected[run, s]} == self.expected[run, s]
                if state in ('done', 'stale') and s == 'c' and truth[s][1]['word']:
                    assert truth[s][1]['word'].replace('<', '&lt;').replace('>', '&gt;').split()[0] in words
    def settle(self):
        end = time.time() + 60
        with self.sql() as db:
            while db.execute("select count(*) from answer where status='running'").fetchone()[0]:
                assert time.time() < end, 'a step is never over'
                time.sleep(.01)

def test_whatever_is_pressed_in_whatever_tab_all_show_what_is_true(tmp_path):
    folder = tmp_path/'p'
    folder.mkdir()
    (folder/'numbers.py').write_text(numbers)
    Walk.server = Server(tmp_path/'d', plugins=folder, env={'PIANOLA_ENGINE': 'embedded'})
    try:
        run_state_machine_as_test(Walk, settings=settings(max_examples=12, stateful_step_count=20, deadline=None, print_blob=False,
                                                          suppress_health_check=list(HealthCheck)))
    finally: Walk.server.kill()
