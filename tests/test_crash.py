"The power cut: the server is killed at random moments, and whatever it had said yes to is there when it comes back, whole and once."
import asyncio, contextlib, http.client, itertools, json, os, random, re, shutil, signal, socket, sqlite3, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import pytest
from conftest import busy, connect, root
from websockets.exceptions import WebSocketException

gone = (ConnectionError, http.client.HTTPException, WebSocketException, TimeoutError, OSError)

@pytest.fixture
def serve(serve):
    "What a scripted model writes is pressed as it stands: here it is about what a crash does to that, not about what the user meant"
    return lambda *a, env=None, **kw: serve(*a, env={'PIANOLA_RULES': '0', **(env or {})}, **kw)

@pytest.fixture
def dice():
    "Chance that can be repeated: the seed is printed with a failure, PIANOLA_TEST_SEED sets it"
    seed = int(os.environ.get('PIANOLA_TEST_SEED') or random.randrange(10**6))
    print(f'PIANOLA_TEST_SEED={seed}')
    return random.Random(seed)

# what is on disk

@contextlib.contextmanager
def disk(data, to, cut=None):
    "A copy of the database as the killed server left it (the log of SQLite cut after so many bytes), open"
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    for f in ('pianola.db', 'pianola.db-wal'):
        if (data/f).exists(): shutil.copyfile(data/f, to/f)
    if cut is not None and (to/'pianola.db-wal').exists(): os.truncate(to/'pianola.db-wal', cut)
    db = sqlite3.connect(to/'pianola.db')
    db.row_factory = sqlite3.Row
    try: yield db
    finally: db.close()

def live(wal):
    "How many bytes of SQLite's log are of now: a log begun again after a checkpoint keeps the old frames behind the new ones, with another salt"
    if not wal.exists(): return 0
    b = wal.read_bytes()
    if len(b) < 32: return 0
    page, salt, end = int.from_bytes(b[8:12], 'big'), b[16:24], 32
    while b[end+8:end+16] == salt: end += 24 + page
    return end

def whole(db):
    """The database is sound, and its tables are exactly what the roll says was done
    to them: played again from nothing, it gives the same rows. {roll id: entry}"""
    assert [tuple(r) for r in db.execute('pragma integrity_check')] == [('ok',)]
    assert not db.execute('pragma foreign_key_check').fetchall()
    there = {t for t, in db.execute("select name from sqlite_master where type='table'")}
    tables, roll = {t: {} for t in ('tasks', 'profiles') if t in there}, {}
    for e in db.execute("select * from log where kind='action' order by id") if 'log' in there else ():
        d = json.loads(e['data'] or '{}')
        roll[e['id']] = {**dict(e), **d}
        for table, id, before, after in d.get('changes') or ():
            if table not in tables: continue
            now = tables[table].get(id)
            if before is None: assert now is None, e['id']
            else: assert now is not None and all(now[k] == v for k, v in before.items()), (e['id'], now, before)
            if after is None: del tables[table][id]
            else: tables[table][id] = {**(now or {}), **after}
    for t, rows in tables.items(): assert {r['id']: dict(r) for r in db.execute(f'select * from "{t}"')} == rows, t
    return roll

# a loop of writes

class Writer(threading.Thread):
    "A program that changes things as fast as it is answered, and remembers every answer it got"
    def __init__(self, s, seed, cookie):
        super().__init__(daemon=True)
        self.s, self.dice, self.cookie, self.name_ = s, random.Random(seed), cookie, f'w{seed}'
        # (id, action, args, result); approvals; those given; rows it made
        self.yes, self.asked, self.allowed, self.mine, self.trouble = [], [], [], [], None
    def run(self):
        self.http = http.client.HTTPConnection('127.0.0.1', self.s.port, timeout=30)
        try:
            for n in itertools.count(): self.step(n)
        except gone: return
        except Exception as e: self.trouble = e
    def post(self, path, body):
        heads = {'Content-Type': 'application/json', **({'Cookie': self.cookie, 'Origin': self.s.url} if self.cookie else {})}
        self.http.request('POST', path, json.dumps(body), heads)
        r = self.http.getresponse()
        return r.status, json.loads(r.read())
    def press(self, action, **args):
        status, said = self.post(f'/api/actions/{action}', args)
        if status == 200: self.yes.append((said['id'], action, args, said['result']))
        elif status == 202: self.asked.append(said['approval'])
        elif status not in (404, 409): raise AssertionError((action, args, status, said))       # another writer was quicker
        return status, said
    def step(self, n):
        r, table = self.dice, self.dice.choice(('tasks', 'tasks', 'profiles'))
        what, own = (r.choice(('create', 'create', 'create', 'update', 'update', 'delete', 'move', 'undo', 'choose')),
                     [i for t, i in self.mine if t == table])
        if what == 'create' or not own:
            status, said = self.press(f'{table}.create', name=f'{self.name_} {n} ' + 'x' * r.choice((0, 10, 3000)))
            self.mine.append((table, said['result']['id']))
        elif what == 'update': self.press(f'{table}.update', id=r.choice(own), name=f'{self.name_} {n} again')
        elif what == 'move': self.press(f'{table}.move', id=r.choice(own), before=None if r.random() < .3 else r.choice(own))
        elif what == 'choose': self.press('profiles.choose', id=None)
        elif what == 'undo' and self.yes:
            id = r.choice(self.yes[-20:])[0]
            status, said = self.post(f'/api/roll/{id}/undo', {})
            if status == 200: self.yes.append((said['id'], 'undo', {'id': id}, None))
            elif status not in (404, 409): raise AssertionError(('undo', id, status, said))
        elif what == 'delete':
            status, said = self.press(f'{table}.delete', id=(id := r.choice(own)))
            if status == 202:
                yes, done = self.post(f"/api/approvals/{said['approval']}", {'approve': True})
                if yes == 200:
                    self.yes.append((done['id'], f'{table}.delete', {'id': id}, done['result']))
                    self.allowed.append(said['approval'])
                elif yes not in (404, 409): raise AssertionError((yes, done))

def test_every_acknowledged_action_survives_a_kill_at_any_moment(serve, tmp_path, dice):
    data, yes, asked, allowed = tmp_path/'data', {}, set(), set()
    for life in range(60):
        if life >= 12 and len(yes) > 150 and len({a for a, *_ in yes.values()}) >= 8: break        # a busy machine gets less done in a life
        s = serve(data=data, env={'PIANOLA_ENGINE': 'ollama'})
        cookie = re.match('[^;]+', (s.get('/', Accept='text/html'), s.heads['set-cookie'])[1])[0]
        writers = [Writer(s, life*10 + n, cookie if n % 2 else '') for n in range(4)]
        for w in writers: w.start()
        time.sleep(dice.uniform(.02, .45))
        s.kill()
        for w in writers:
            w.join(60)
            assert w.trouble is None, w.trouble
            for id, *rest in w.yes: assert id not in yes or rest[0].endswith('.choose'), 'an id is given once'; yes[id] = rest
            asked |= set(w.asked)
            allowed |= set(w.allowed)
        with disk(data, tmp_path/'copy') as db:
            roll = whole(db)
            for id, (action, args, result) in yes.items():
                assert id in roll, f'{action} {args} was acknowledged as {id} and is gone'
                assert (roll[id]['what'], roll[id]['args'], roll[id]['status'], roll[id]['result']) == (action,
                    {**roll[id]['args'], **{k: v.strip() if isinstance(v, str) else v for k, v in args.items()}}, 'done', result), id
            waits = {r['id']: r['status'] for r in db.execute('select * from approval')}
            assert asked <= waits.keys() and all(waits[i] == 'approved' for i in allowed)
            assert all(waits[i] != 'waiting' or i not in allowed for i in asked)
            undone = [e['undoes'] for e in roll.values() if e['what'] == 'undo']
            assert len(undone) == len(set(undone)), 'nothing is taken back twice'
    assert len(yes) > 150 and len({a for a, *_ in yes.values()}) >= 8, 'the loop did write'
    s = serve(data=data, env={'PIANOLA_ENGINE': 'ollama'})
    seen, at = {}, 0
    while part := s.get(f'/api/roll?after={at}&limit=1000')[1]:
        seen |= {e['id']: e for e in part}
        at = part[-1]['id']
    assert all(seen[id]['action'] == a and seen[id]['result'] == r for id, (a, _, r) in yes.items())
    rows = {r['id']: r for r in s.rows('tasks')}
    s.kill()
    with disk(data, tmp_path/'copy') as db:
        assert {r['id']: r['name'] for r in db.execute('select * from tasks')} == {i: r['name'] for i, r in rows.items()}

def test_wherever_the_power_fails_in_a_write_there_is_all_of_an_action_or_nothing(serve, tmp_path, dice):
    "A machine that loses its power keeps some beginning of SQLite's log: every beginning must be a sound state in which roll and rows agree"
    s = serve(data=tmp_path/'data', env={'PIANOLA_ENGINE': 'ollama'})
    writers = [Writer(s, n, '') for n in range(3)]
    wal, until = tmp_path/'data'/'pianola.db-wal', time.monotonic()+90
    begun = live(wal)
    for w in writers: w.start()
    while (sum(len(w.yes) for w in writers) < 60 or not begun+200_000 < live(wal) < 3_500_000) and time.monotonic() < until: time.sleep(.02)
    s.kill()
    for w in writers: w.join(60)
    size = live(wal)
    assert size > begun
    counts = []
    for cut in sorted(dice.randrange(begun, size+1) for _ in range(60)) + [size]:
        with disk(tmp_path/'data', tmp_path/'copy', cut) as db: counts.append(len(whole(db)))
    assert counts == sorted(counts) and counts[-1] == max(counts) > counts[len(counts)//4], 'more of the log is more of the story'
    assert counts[-1] >= sum(len(w.yes) for w in writers)

# what the user said

def test_every_acknowledged_message_survives_a_kill_and_none_is_doubled(serve, upstream, tmp_path, dice):
    u, data = upstream(['A ', 'short ', 'answer.'], rate=300), tmp_path/'data'
    sent, acks, numbers, trouble, lock = {}, {}, itertools.count(), [], threading.Lock()           # cid → text, cid → message id
    for life in range(60):
        if life >= 10 and len(acks) > 40: break
        s = serve(data=data, env=u.env)
        stop = threading.Event()
        def speak(s=s, stop=stop, seed=dice.random()):
            r = random.Random(seed)
            with connect(s.ws) as ws:
                with lock: again = [c for c in sent if c not in acks] + r.sample(sorted(acks), min(3, len(acks)))
                for cid in again: ws.send(json.dumps({'msg': sent[cid], 'cid': cid}))     # as the page does after a reconnect
                while not stop.is_set():
                    if len(sent) - len(acks) < 8:
                        with lock:
                            n = next(numbers)
                            sent[f'cid-{n}'] = f'message number {n} ' + 'y' * r.choice((0, 0, 2000))
                        ws.send(json.dumps({'msg': sent[f'cid-{n}'], 'cid': f'cid-{n}'}))
                    with contextlib.suppress(TimeoutError):
                        while 'ack' not in (f := json.loads(ws.recv(r.uniform(0, .02)))): assert 'error' not in f, f
                        with lock: assert acks.setdefault(f['ack'], f['id']) == f['id'], 'a resend is answered with the same message'
        def tab(speak=speak):
            try: speak()
            except gone: return
            except BaseException as e: trouble.append(e)
        tabs = [threading.Thread(target=tab, daemon=True) for _ in range(2)]
        for t in tabs: t.start()
        time.sleep(dice.uniform(.1, .5))
        s.kill()
        stop.set()
        for t in tabs: t.join(60)
        assert not trouble, trouble
        with disk(data, tmp_path/'copy') as db:
            whole(db)
            kept = {r['id']: r['text'] for r in db.execute("select id, text from message where role='user'")}
            for cid, id in list(acks.items()):
                assert kept.get(id) == sent[cid].strip() or kept.get(id) == sent[cid], f'{cid} was acknowledged as {id} and is gone'
            assert len(set(kept.values())) == len(kept), 'a message was doubled'
    assert len(acks) > 40
    s = serve(data=data, env=u.env)
    with connect(s.ws) as ws:
        for cid in sent: ws.send(json.dumps({'msg': sent[cid], 'cid': cid}))
        left = set(sent)
        while left:
            if (f := json.loads(ws.recv(60))).get('ack'):
                assert acks.setdefault(f['ack'], f['id']) == f['id']
                left.discard(f['ack'])
    s.until(lambda: all(m['status'] != 'streaming' for m in s.get('/api/conversation')[1]))
    said = [m['text'].split('y')[0].strip() for m in s.get('/api/conversation')[1] if m['role'] == 'user']
    assert sorted(said) == sorted(t.split('y')[0].strip() for t in sent.values()), 'all of them in one conversation, each once'
    assert len(set(acks.values())) == len(acks)

# what the model says

def story(k):
    return [f'w{n} ' if n % 30 else f'w{n}\n\n' for n in range(1, 111)] + ['\n\n', '{"action": "tasks.create", ',
        f'"args": {{"name": "Told story {k}"}}}}', '\n']
def tell(body):
    "The scripted model: the story the last user asked for; what was said of it already is gone on with"
    asked = [m['content'] for m in body['messages'] if m['role'] == 'user'][-1]          # what was overheard, then the words
    k, before = int(re.findall(r'tell me story (\d+)', asked)[-1]), body['messages'][-1]
    if before['role'] != 'assistant': return story(k)
    text = ''.join(story(k))
    assert text.startswith(before['content'].rstrip('\n')), 'the model is given what it had said'
    rest = text[len(before['content']):]
    return [rest[i:i+4] for i in range(0, len(rest), 4)]

def listen(ws, id, shown, until):
    "Read frames until one says so: into `shown` goes the last word of the reply after message `id` that a tab had seen"
    while True:
        f = json.loads(ws.recv(30))
        text = json.dumps(f)
        if f.get('m', 0) > id or any(i['id'] != f'msg-{id}' for i in f.get('put', ()) if 'data-role=\\"assistant' in text):
            shown.extend(int(n) for n in re.findall(r'\bw(\d+)\b', re.sub(r'\\u[0-9a-f]{4}', ' ', text)))
        if until(f): return f

def test_a_reply_that_is_killed_keeps_what_was_seen_and_presses_its_keys_once(serve, upstream, tmp_path, dice):
    u, data, ends, replies = upstream(tell, rate=200), tmp_path/'data', {'done': 0, 'error': 0}, {}
    for k in range(1, 41):
        s = serve(data=data, env=u.env)
        talk = {m['id']: m for m in s.get('/api/conversation')[1] or []}
        for n, (asked, shown) in replies.items():                          # of all lives before
            reply = next((m for m in talk.values() if m['role'] == 'assistant' and m['id'] > asked
                          and not any(asked < o < m['id'] for o, x in talk.items() if x['role'] == 'user')), None)
            rows = [r for r in s.rows('tasks') if r['name'] == f'Told story {n}']
            assert talk[asked]['text'] == f'tell me story {n}'
            assert reply or not shown, f'story {n} was seen and is gone'
            if not reply: continue
            text = ''.join(story(n))
            assert text.startswith(reply['text']), (n, reply['text'][-80:])
            assert not shown or f'w{max(shown)}' in reply[
                'text'].split(), f'story {n}: a tab had seen w{max(shown)}, what is left ends with {reply["text"][-40:]!r}'
            # both: its last word was kept, and that it was the last was not yet known
            assert (reply['status'] in (('done', 'error') if reply['text'] == text else ('error',))
                    and len(rows) == (reply['status'] == 'done')), (n, reply['status'], rows)
            if n == k-1:
                ends[reply['status']] += 1
                if reply['status'] == 'error' and k % 3 == 0:              # go on with it: no letter lost, none doubled, its key pressed once
                    s.act('chat.resume', message=reply['id'])
                    now = lambda s=s, id=reply['id']: next(m for m in s.get('/api/conversation')[1] if m['id'] == id)
                    s.until(lambda now=now: now()['status'] == 'done')
                    assert now()['text'] == text
                    s.until(lambda s=s, n=n: [r['name'] for r in s.rows('tasks')].count(f'Told story {n}') == 1)
        # a busy machine gets less said in a life
        if k >= 15 and ends['error'] >= 4 and sum(bool(shown) for _, shown in replies.values()) >= 6: break
        with contextlib.suppress(*gone), connect(s.ws) as ws:
            ws.send(json.dumps({'msg': f'tell me story {k}', 'cid': f'story-{k}'}))
            while 'ack' not in (f := json.loads(ws.recv(30))): assert 'error' not in f, f
            replies[k] = f['id'], (shown := [])
            killer = threading.Timer(dice.uniform(0, .9), s.kill)
            killer.start()
            listen(ws, f['id'], shown, lambda f: False)
        killer.join(30)
        with disk(data, tmp_path/'copy') as db: whole(db)
    assert ends['error'] >= 4, 'most replies were cut'
    assert sum(map(bool, (shown for _, shown in replies.values()))) >= 6, 'and a tab had seen something of them'

def test_a_reply_killed_between_its_last_word_and_its_key_presses_it_at_the_next_start(serve, upstream, tmp_path, dice):
    "The narrowest place: the reply is over, the row not yet there. Killed as soon as the model has said its last word, again and again"
    over, data = threading.Event(), tmp_path/'data'
    def press(body):
        yield '{"action": "tasks.create", "args": {"name": "Key %s"}}' % re.findall(r'press key (\d+)', body['messages'][-1]['content'])[-1]
        over.set()
    u = upstream(press)
    for k in range(1, 41):
        s = serve(data=data, env=u.env)
        names = [r['name'] for r in s.rows('tasks')]
        for m in s.get('/api/conversation')[1] or []:                      # of all lives before
            if m['role'] == 'assistant' and (n := re.search(r'Key (\d+)', m['text'])): assert names.count(n[0]) == (m['status'] == 'done'), (m, names)
        if k >= 13 and names: break
        over.clear()
        with contextlib.suppress(*gone), connect(s.ws) as ws:
            ws.send(json.dumps({'msg': f'press key {k}', 'cid': f'key-{k}'}))
            assert over.wait(60)
            time.sleep(dice.uniform(0, .03 if k < 13 else .01*k))            # a busy machine needs longer for the same step
        s.kill()
        with disk(data, tmp_path/'copy') as db: whole(db)
    assert names, 'some came through'

# the end that is asked for

@pytest.mark.skipif(os.name != 'posix', reason='Windows has no such signals')
@pytest.mark.parametrize('sign', ['SIGTERM', 'SIGINT'])
def test_asked_to_end_it_ends_at_once_with_open_tabs_and_a_running_reply_that_can_go_on(serve, upstream, tmp_path, sign):
    u, data = upstream(tell, rate=60), tmp_path/'data'
    s = serve(data=data, env=u.env)
    with contextlib.ExitStack() as open_:
        tabs = [open_.enter_context(connect(s.ws)) for _ in range(5)]
        idle = http.client.HTTPConnection('127.0.0.1', s.port)
        idle.request('GET', '/api/health')
        idle.getresponse().read()
        half = open_.enter_context(contextlib.closing(socket.create_connection(('127.0.0.1', s.port))))
        if sign == 'SIGTERM':
            half.sendall(
                b'POST /api/actions/tasks.create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"name"')
        tabs[0].send(json.dumps({'msg': 'tell me story 7', 'cid': 'a'}))
        while 'ack' not in (f := json.loads(tabs[0].recv(30))): pass
        listen(tabs[0], f['id'], shown := [], lambda f: len(shown) > 3)
        began = time.perf_counter()
        s.p.send_signal(getattr(signal, sign))
        code = s.p.wait(30)
        assert (took := time.perf_counter() - began) < 5 or took < 5*busy()
    assert code == 0, (code, s.lines)
    assert not any('Task was destroyed' in x or 'Traceback' in x for x in s.lines), ''.join(s.lines)
    s.until(lambda: not u.double.running)
    with disk(data, tmp_path/'copy') as db:
        whole(db)
        assert not db.execute("select 1 from message where status='streaming'").fetchone(), 'it had time to put its things away'
    s = serve(data=data, env=u.env)
    cut = s.get('/api/conversation')[1][-1]
    assert cut['status'] == 'error' and f'w{max(shown)}' in cut['text'].split() and ''.join(story(7)).startswith(cut['text'])
    assert not s.rows('tasks')
    s.act('chat.resume', message=cut['id'])
    s.until(lambda: s.get('/api/conversation')[1][-1]['status'] == 'done')
    assert s.get('/api/conversation')[1][-1]['text'] == ''.join(story(7))
    s.until(lambda: [r['name'] for r in s.rows('tasks')] == ['Told story 7'])

@pytest.mark.skipif(os.name != 'posix', reason='Windows has no such signals')
def test_a_key_that_takes_longer_than_the_end_is_told_so_without_a_fault(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'slow.py').write_text(
        '"Slow: takes its time."\nimport asyncio\nfrom pianola import action\nbegun = 0\n@action\nasync def hold():\n    "Hold."\n    '
        'global begun\n    begun += 1\n    await asyncio.sleep(60)\n@action(risk="read")\nasync def seen():\n    "Seen."\n    return begun\n')
    s = serve(env={'PIANOLA_ENGINE': 'embedded', 'PIANOLA_PATIENCE': '100'}, plugins=tmp_path/'p')
    with ThreadPoolExecutor(1) as beside:
        out = beside.submit(s.post, '/api/actions/slow.hold')
        s.until(lambda: s.act('slow.seen')['result'])
        assert s.stop() == 0
        assert out.result()[0] == 503 and out.result()[1]['hint']
    assert not any('Traceback' in x for x in s.lines) and 'Traceback' not in (s.data/'pianola.log').read_text('utf-8')

def test_neither_the_end_nor_our_own_work_waits_for_a_step_that_blocks(serve, tmp_path):
    (tmp_path/'p').mkdir()
    (tmp_path/'p'/'nap.py').write_text(
        '"Nap: sleeps."\nimport time\nfrom pianola import Flow, action\nflow = Flow()\n@flow.step\ndef nap(seconds: int = 60):\n'
        '    "Nap?"\n    time.sleep(seconds)\n@action\ndef long(job):\n    "Sleep."\n    job.log("asleep")\n    time.sleep(60)\n')
    data = tmp_path/'data'
    s = serve(data=data, env={'PIANOLA_ENGINE': 'embedded'}, plugins=tmp_path/'p')
    for _ in range(min(32, os.cpu_count() + 4)): s.act('nap.run', run=s.act('nap.start')['result']['run'])
    s.act('nap.long')
    s.until(lambda: s.get('/api/jobs')[1][0]['state'] == 'running')
    began = time.perf_counter()
    assert s.post('/api/files?name=a.txt', b'one')[0] == 200
    assert (took := time.perf_counter() - began) < 2*busy()
    began = time.perf_counter()
    assert s.stop() == 0
    assert (took := time.perf_counter() - began) < 5 or took < 5*busy()
    assert not any('Task was destroyed' in x or 'Traceback' in x for x in s.lines), ''.join(s.lines)
    assert 'Traceback' not in (data/'pianola.log').read_text('utf-8')
    s = serve(data=data, env={'PIANOLA_ENGINE': 'embedded'}, plugins=tmp_path/'p')
    assert 'ended while this ran' in s.act('nap.show')['result']['steps'][0]['error']
    s.until(lambda: s.get('/api/jobs')[1][0]['state'] == 'running')

def test_a_second_server_on_the_same_folder_is_refused_and_a_killed_one_leaves_no_lock(serve, tmp_path):
    s = serve(data=tmp_path/'data', env={'PIANOLA_ENGINE': 'ollama'})
    s.act('tasks.create', name='mine')
    said = refused(tmp_path/'data')
    assert said == f"Pianola cannot start: another Pianola is running with {tmp_path/'data'}. Use that one, stop it, or give this one its own --data folder.\n"
    s.kill()
    assert serve(data=tmp_path/'data').rows('tasks')[0]['name'] == 'mine'

def refused(data, *args, env=(), **kw):
    "What a start says that cannot be: one line, and nothing else on either side"
    e = {k: v for k, v in os.environ.items() if not k.startswith('PIANOLA_') and k != 'PORT'} | {'PIANOLA_NO_BROWSER': '1',
        'PIANOLA_ENGINE': 'ollama', 'OLLAMA_HOST': '127.0.0.1:9', **dict(env)}
    p = subprocess.run([sys.executable, str(root/'server.py'), '--data', str(data), *(args or ('--port', '0'))], cwd=root, env=e,
                       capture_output=True, text=True, encoding='utf-8', timeout=60, **kw)
    assert (p.returncode, p.stdout, p.stderr.count('\n')) == (3, '', 1), (p.returncode, p.stdout, p.stderr)
    return p.stderr

def test_a_data_folder_that_cannot_be_used_is_told_in_a_sentence_with_a_way_on(tmp_path):
    (tmp_path/'notes.md').write_text('mine')
    elsewhere = 'Name another folder with --data (or PIANOLA_DATA).\n'
    for p in ('notes.md', 'notes.md/x'):
        assert refused(tmp_path/p) == f'Pianola cannot start: {tmp_path/p} is a file, or would be in one, and data need a folder. {elsewhere}'
    assert (tmp_path/'notes.md').read_text() == 'mine'
    for inside in ('key', 'pianola.log', 'pianola.db'):
        (tmp_path/inside/inside).mkdir(parents=True)
        said = refused(tmp_path/inside)
        assert f'{tmp_path/inside/inside} cannot be' in said and '--data' in said
    if sys.platform == 'linux': assert '/proc/x cannot be used' in (said := refused('/proc/x')) and '--data' in said
    if os.name == 'posix' and os.getuid():
        (tmp_path/'locked').mkdir(0o500)
        assert 'may not be written to' in refused(tmp_path/'locked'/'data')

def test_a_damaged_file_is_named_with_what_to_do_and_left_as_it_is(serve, tmp_path):
    for name, bytes_, does in (('pianola.db', random.Random(3).randbytes(9000), 'Move it away to start empty'),
                               ('secrets.json', b'{"link_graph": ', 'write the secrets of the settings anew')):
        data = tmp_path/name.partition('.')[0]
        data.mkdir()
        (data/name).write_bytes(bytes_)
        said = refused(data)
        assert f'{data/name} is damaged' in said and does in said and (data/name).read_bytes() == bytes_
    (tmp_path/'folder/secrets.json').mkdir(parents=True)
    said = refused(tmp_path/'folder')
    assert f"{tmp_path/'folder/secrets.json'} cannot be read: " in said and 'Move it away' in said
    s = serve(data=tmp_path/'data', env={'PIANOLA_ENGINE': 'ollama'})
    s.act('tasks.create', name='mine')
    s.stop()
    whole_ = (s.data/'pianola.db').read_bytes()
    (s.data/'pianola.db').write_bytes(whole_[:4096] + random.Random(3).randbytes(len(whole_) - 4096))      # its head is as it was
    assert 'is damaged' in (said := refused(s.data)) and 'Move it away' in said

def test_a_disk_that_fills_up_in_an_attempt_is_called_a_full_disk(tmp_path):
    import apsw
    from pianola.store import Store
    async def go():
        st = Store()
        await st.open(tmp_path)
        pages = await st.read(lambda tx: tx.value('pragma page_count'))
        await st.read(lambda tx: tx.value(f'pragma max_page_count={pages+3}'))
        def large(tx):
            with tx.attempt(): tx.log('note', text='y'*200_000)
        with pytest.raises(apsw.FullError): await st.write(large)
        def small(tx):
            with tx.attempt(): return tx.log('note', text='y')
        assert await st.write(small) and await st.q("select text from log where kind='note'") == [{'text': 'y'}]
        await st.close()
    asyncio.run(go())

def test_what_the_database_refuses_is_told_as_what_it_is(tmp_path):
    "Only a full disk is mended by making room on it"
    import apsw
    from pianola.store import Store, unkept
    async def go():
        st = Store()
        await st.open(tmp_path)
        add = lambda tx: tx.run("insert into conversation(id, title, created, used) values (1, 'x', 0, 0)")
        other = apsw.Connection(str(tmp_path/'pianola.db'))
        async def refused(what):
            with pytest.raises(what) as e: await st.write(add)
            return unkept(e.value, tmp_path)
        await st.read(lambda tx: tx.conn.set_busy_timeout(0))
        other.execute('begin immediate')
        said = [await refused(apsw.BusyError)]
        other.execute('rollback')
        await st.write(add)
        said.append(await refused(apsw.ConstraintError))
        await st.read(lambda tx: tx.conn.pragma('query_only', True))
        said.append(await refused(apsw.ReadOnlyError))
        await st.read(lambda tx: tx.conn.pragma('query_only', False))
        other.close()
        await st.close()
        return said
    busy_, double, locked = asyncio.run(go())
    assert 'another program keeps' in busy_[0] and busy_[2] == 503
    assert 'UNIQUE constraint failed: conversation.id' in double[0] and double[2] == 409
    assert 'cannot be written to' in locked[0] and 'the right' in locked[1]
    assert not any('disk' in text + hint for text, hint, _ in (busy_, double, locked))
    assert unkept(apsw.FullError('full'), tmp_path)[1:] == ('make room on the disk that holds the data folder, then do it again', 507)

@pytest.mark.skipif(os.name == 'nt', reason='Windows lets nobody move what is open')
def test_a_data_folder_that_is_moved_or_deleted_while_it_runs_takes_nothing_more(serve, tmp_path):
    s = serve(tmp_path/'d')
    s.act('tasks.create', name='kept')
    def refused():
        status, said = s.post('/api/actions/tasks.create', {'name': 'lost'})
        return status == 503 and 'was deleted or moved away' in said['error'] and 'start it again' in said['hint']
    (tmp_path/'d').rename(tmp_path/'away')
    assert refused()
    (tmp_path/'d').mkdir()
    other = serve(tmp_path/'d')         # the folder is free, and another server begins in it
    assert refused() and other.rows('tasks') == []
    other.stop()
    shutil.rmtree(tmp_path/'d')
    (tmp_path/'away').rename(tmp_path/'d')
    s.act('tasks.create', name='kept too')
    s.stop()
    assert [r['name'] for r in serve(tmp_path/'d').rows('tasks')] == ['kept', 'kept too']

@pytest.mark.skipif(sys.platform != 'linux', reason='the limit that plays a full disk is one of Linux')
def test_a_disk_that_is_full_at_the_start_is_told_in_a_sentence(tmp_path):
    import resource
    for room in (0, 4096):          # nothing fits; the first bytes do, and the database does not
        said = refused(tmp_path/f'{room}', preexec_fn=lambda room=room: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
        assert said == f"Pianola cannot start: the disk of {tmp_path/f'{room}'} is full. Make room, or name another folder with --data (or PIANOLA_DATA).\n" or room and 'cannot be' in said, said

def test_an_address_that_cannot_be_had_is_told_with_another_to_try(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        for host in ('127.0.0.1', 'localhost'):
            assert refused(tmp_path/'data', '--port', str(port), '--host',
                           host) == f'Pianola cannot start: port {port} of {host} is taken by another program. Choose another, e.g. --port {port+1}, or end that program.\n'
    for host, what in (('192.0.2.1', '192.0.2.1 is no address of this machine'), ('nobody.invalid', 'no machine is called nobody.invalid')):
        said = refused(tmp_path/'data', '--port', '0', '--host', host, env={'PIANOLA_PASSWORD': 'sesame'})
        assert said.startswith(f'Pianola cannot start: {what}. Leave --host (or PIANOLA_HOST) out')
    if sys.platform == 'linux' and int(Path('/proc/sys/net/ipv4/ip_unprivileged_port_start').read_text()) > 81:
        import ctypes
        ours = ctypes.CDLL(None).prctl           # root may use it too: PR_CAPBSET_DROP of CAP_NET_BIND_SERVICE makes of it somebody
        assert ('may not be used by you' in (said := refused(tmp_path/'data', '--port', '81', preexec_fn=lambda: ours(24, 10, 0, 0, 0)))
                and '--port 5001' in said)

@pytest.mark.parametrize('sign', ['.', 'pianola.db', 'key'])
def test_a_start_that_is_killed_leaves_a_folder_that_starts(serve, tmp_path, dice, sign):
    "The very first one: when the folder is there, while tables are made, while the key is written"
    data = tmp_path/'data'
    e = {**os.environ, 'PIANOLA_NO_BROWSER': '1', 'PIANOLA_ENGINE': 'ollama', 'OLLAMA_HOST': '127.0.0.1:9'}
    p = subprocess.Popen([sys.executable, str(root/'server.py'), '--port', '0', '--data', str(data)], cwd=root, env=e,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.time() + 60
    while not (data/sign).exists() and p.poll() is None and time.time() < end: time.sleep(.001)
    time.sleep(dice.uniform(0, .03))
    p.kill()
    p.wait()
    assert (data/sign).exists(), 'it did not come that far'
    if sign == 'key': (data/'key').write_bytes(b'')    # what a power cut makes of a file that was just written
    s = serve(data=data, env={'PIANOLA_ENGINE': 'ollama'})
    s.act('tasks.create', name='fine')
    assert len((data/'key').read_bytes()) == 32, 'anybody could sign with an empty key'
    s.kill()
    with disk(data, tmp_path/'copy') as db: assert len(whole(db)) == 1

@pytest.mark.skipif(sys.platform != 'linux', reason='the limit that plays a full disk can be set from outside on Linux only')
def test_a_disk_that_fills_up_in_mid_reply_is_said_on_the_page_and_nothing_kept_is_lost(serve, upstream):
    import resource
    s = serve(env=upstream([f'word{i} ' for i in range(400)], rate=100).env)
    with connect(s.ws, max_size=2**26) as tab:
        tab.send(json.dumps({'msg': 'go'}))
        while 'word30' not in tab.recv(timeout=60): pass
        full = 4096
        resource.prlimit(s.p.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        while 'This cannot be kept' not in tab.recv(timeout=60): pass
        status, said = s.post('/api/actions/tasks.create', {'name': 'no room'})
        assert status == 507 and 'make room' in said['hint']
        assert s.get('/api/health')[0] == 200, 'the server lives'
        resource.prlimit(s.p.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert s.act('tasks.create', name='room again')['status'] == 'done'
        while 'The disk was full while this was written' not in tab.recv(timeout=60): pass      # kept as soon as there is room, by itself
        last = s.get('/api/conversation')[1][-1]
        assert last['status'] == 'error' and 'word30' in last['text']
        s.act('chat.resume', message=last['id'])
        s.until(lambda: s.get('/api/conversation')[1][-1]['status'] == 'done')
    s.kill()
    again = serve(s.data, env=upstream(['fine']).env)
    now = again.get('/api/conversation')[1][-1]
    assert now['status'] == 'done' and now['text'].startswith(last['text'])
    assert [r['name'] for r in again.rows('tasks')] == ['room again']
