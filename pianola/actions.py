"""The keys: everything that changes state is an action, carried out by `act`, whoever presses it.

    act → validate → may they? (else ask) → run in one transaction with its inverse → roll → event → every tab redraws, the model overhears"""
import asyncio, contextvars, difflib, inspect, json, re, time, weakref
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, Callable
import msgspec
from msgspec import UNSET
from . import contain
from .store import store, Refused
from .tx import sound

@dataclass
class Action:
    "One key. `fn(tx, **args)` runs inside the transaction; a coroutine function runs beside it as `fn(**args)`."
    name: str
    fn: Callable
    args: type                                        # a msgspec.Struct: the one description of its arguments
    title: str = ''
    description: str = ''
    plugin: str = ''
    risk: str = 'write'                               # read, write or destructive
    say: Callable | None = None                       # say(args, result, changes) → the sentence of the outcome line
    touches: Callable | None = None                   # touches(tx, **args) → [(table, id)]: what an approval card is about
    asks: Callable | None = None                      # asks(tx, **args) → the sentence of that card
    # ready(**args) → what `fn` is given as `ready`: worked out in a thread before the transaction, so that nobody waits for it
    ready: Callable | None = None
    model: bool = True                                # may the model press it at all
    grave: Callable | None = None                     # await grave(args): is this press to be asked about as a destructive one is?
    local: bool = False                               # offered to the model only while its plugin is open: a small model gets lost among many keys
    durable: bool = True
    # addresses in its arguments may be http://user:password@host: that is taken out and kept as a secret before anything is written down
    logins: bool = False
    # whole sentences that press it while its plugin is open: patterns, with (?P<argument>…); no model is needed to understand them
    phrases: tuple = ()
    fields: dict = field(default_factory=dict)        # {argument: Field of forms}: read the way a person writes, refused in words beside the input

    @cached_property
    def parameters(self):
        "JSON Schema of the arguments, written out (no references)"
        (schema,), _ = msgspec.json.schema_components([self.args], ref_template='{name}')
        _, parts = msgspec.json.schema_components([self.args])
        schema = dict(parts.get(self.args.__name__, schema))
        schema.pop('title', None)
        return {'type': 'object', 'properties': schema.get('properties', {}), 'required': schema.get('required', []), 'additionalProperties': False}

    def check(self, args):
        "The arguments as they will be used; Refused names what is wrong and what there is"
        known = {f.encode_name: f for f in msgspec.structs.fields(self.args)}
        args = self.bare(args)
        if not isinstance(args, dict): raise Refused(f'{self.name} takes an object of arguments', self.help())
        if extra := [k for k in args if k not in known]:
            raise Refused(f"{self.name} has no {', '.join(map(str, extra))}", f"it has {', '.join(known) or 'no arguments'}")
        args, wrong = dict(args), {}
        for k in [k for k in self.fields if k in args]:
            try: args[k] = self.fields[k].plain(self.fields[k].parse(args[k]))
            except ValueError as e: wrong[k] = str(e)
        if wrong: raise Refused(f"{self.name}: {'; '.join(f'{k} {w}' for k, w in wrong.items())}", self.help(), fields=wrong)
        args = {k: str(v) if isinstance(v, (int, float)) and not isinstance(v, bool) and _texts(known[k].type) else v for k, v in args.items()}
        try: good = msgspec.convert(args, self.args, strict=False)
        except msgspec.ValidationError as e: raise Refused(f'{self.name}: {_plain(str(e))}', self.help()) from None
        out = {k: v for k in known if (v := getattr(good, k)) is not UNSET}
        for k, v in out.items():
            try: sound(v)           # text may say a number that no row can hold
            except ValueError as e: raise Refused(f'{self.name}: {k}: {e}', self.help()) from None
        return out
    def bare(self, args): return take_logins(self.plugin, args) if self.logins else args
    def help(self):
        "The arguments in one line, for whoever got them wrong"
        p = self.parameters
        kind = lambda s: s.get('type') or '/'.join(str(o.get('type', 'value')) for o in s.get('anyOf', [{}]))
        args = ', '.join(f"{k} ({kind(s)}{', required' if k in p['required'] else ''})" for k, s in p['properties'].items())
        return f"{self.name} takes {args or 'no arguments'}"

def _texts(t): return t is str or str in getattr(t, '__args__', ()) or _texts(getattr(t, '__origin__', None)) if t is not None else False
def _plain(e):
    "msgspec's message in our words"
    what, _, where = e.partition(' - at `$')
    for a, b in (('Object missing required field', 'needs'), ('Expected `str` of length >= 1', 'must not be empty'),
                 ('Expected `str` of length <=', 'must not be longer than'), ('Expected `', 'must be `'), (', got ', ', not ')):
        what = what.replace(a, b)
    return f"{where.strip('.`')} {what}".strip().replace('`', '')

registry: dict[str, Action] = {}
listeners = {'word': [], 'undo': []}
def on_word(f):
    "Decorator: f(tx, approval, 'yes' or 'no') runs in the transaction of the user's word"
    listeners['word'].append(f)
    return f
def on_undo(f):
    "Decorator: f(tx, line of the log) runs in the transaction that takes an action back"
    listeners['undo'].append(f)
    return f

# while a plugin is imported its keys are gathered here; all of them become true at once, or none
staging = contextvars.ContextVar('staging', default=None)

def register(a):
    "Add a key; the same name again replaces it, unless it is somebody else's"
    there = staging.get()
    if there is None: there = registry
    if (old := there.get(a.name)) and old.plugin != a.plugin: raise TypeError(f'there is an action {a.name} of {old.plugin} already')
    there[a.name] = a
    return a
def forget(plugin):
    "Remove every key of a plugin"
    for n in [n for n, a in registry.items() if a.plugin == plugin]: del registry[n]

def args_of(f, name):
    "The Struct that a function's signature describes: parameters without `tx`, defaults kept"
    spec = []
    for k, p in inspect.signature(f).parameters.items():
        if k in ('tx', 'job'): continue
        t = p.annotation if p.annotation is not p.empty else type(p.default) if isinstance(p.default, (bool, int, float)) else str
        spec.append((k, t) if p.default is p.empty else (k, t, p.default))
    return msgspec.defstruct(name, spec, forbid_unknown_fields=True, kw_only=True)

risks, ways = ('read', 'write', 'destructive'), ('async', 'thread', 'process')
told, job_told = ('name', 'title', 'risk', 'model', 'phrases', 'logins', 'say', 'asks', 'touches'), ('runs', 'retries', 'timeout', 'comments')
def one_of(word, value, choices):
    "TypeError when what a decorator is told is none of its choices"
    if value not in choices: raise TypeError(f"{word}={value!r} means nothing; it is {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}")

def heard(phrases, f):
    "The sentences that press a key, each a pattern that can be read, whose named groups are parameters of it; TypeError says what is wrong"
    if isinstance(phrases, str) or not all(isinstance(p, str) for p in phrases):
        raise TypeError(f"phrases of {f.__name__} is a list of texts: phrases=[r'…']")
    takes = [k for k in inspect.signature(f).parameters if k not in ('tx', 'job')]
    for p in phrases:
        try: groups = re.compile(p, re.I).groupindex
        except re.error as e: raise TypeError(f'the phrase {p!r} of {f.__name__} is no regular expression: {e}') from None
        if extra := [g for g in groups if g not in takes]:
            raise TypeError(f"the phrase {p!r} says (?P<{extra[0]}>…), and {f.__name__} has {', '.join(takes) or 'no parameters'}")
    return tuple(phrases)

def action(f=None, *, name=None, title='', risk='write', plugin=None, **kw):
    """Decorator: a typed function with a docstring becomes a key. `tx` as first parameter: it runs inside the transaction
    and can be taken back; without it, it runs beside: a coroutine, or a plain function in a thread of its own."""
    def make(f):
        plug = plugin or contain.of(f.__module__) or f.__module__.rpartition('.')[2].lstrip('0123456789_')
        n, fn, takes = name or f'{plug}.{f.__name__}', f, [*inspect.signature(f).parameters]
        if 'tx' in takes and (takes[0] != 'tx' or inspect.iscoroutinefunction(f)):
            raise TypeError(f'{f.__name__}: tx is the first parameter of a plain function; what awaits has no transaction')
        one_of('risk', risk, risks)
        for word in ('model', 'local', 'durable', 'logins', 'comments'): one_of(word, kw.get(word, False), (True, False))
        kw['phrases'] = heard(kw.get('phrases', ()), f)
        if 'job' in takes:       # long work: the key begins it, the journal has the rest
            more = {k: kw.pop(k) for k in ('retries', 'timeout', 'comments') if k in kw}
            one_of('runs', kw.get('runs', 'async'), ways)
            more['runs'] = kw.pop('runs', 'async' if inspect.iscoroutinefunction(f) else 'thread')
            fn = lambda tx, **args: start_job(tx, n, args, more)
            kw.setdefault('say', lambda a, r, c: f'Began {title or f.__name__}')
        elif takes[:1] != ['tx']: fn = contain.beside_us(f, plug)
        if extra := kw.keys() - Action.__dataclass_fields__.keys():
            raise TypeError(f"an action has no {', '.join(sorted(extra))}; it has {', '.join(told + job_told * ('job' in takes))}")
        register(Action(n, fn, args_of(f, n.replace('.', '_')), sound(title or f.__name__.replace('_', ' ').capitalize()),
                        sound(inspect.getdoc(f) or ''), plug, risk, **kw))
        return f
    return make(f) if f else make

start_job = None        # set by jobs
take_logins = None      # set by settings

def find(name):
    "The action of that name; Refused names the nearest there are"
    if a := registry.get(name): return a
    near = difflib.get_close_matches(str(name), registry, 3) or sorted(n for n, a in registry.items() if a.model)
    raise Refused(f'there is no action {str(name)[:80]}', f"there is {', '.join(near)}", 404)

@dataclass
class Outcome:
    "What became of a key press: `id` is its line in the roll; or it waits for the user's word as `approval`"
    status: str                                       # done, waiting, refused
    id: int = 0
    result: Any = None
    text: str = ''
    approval: int = 0
    again: bool = field(default=False, repr=False)    # the same key (same `key`) had been pressed before; nothing was done now

async def act(name, args=None, *, by='user', key=None, message=None, approved=False, why=''):
    """The one way to change anything. `by` is user, model, roll, agent or app; `key` makes a press happen once, however often it is repeated;
    `message` is the reply it was written in; with a `why` it waits for the user's word, whatever it
    is. Raises Refused; the model's refusals are written in the roll so that it learns of them."""
    try:
        a = find(name)
        args = a.bare(args or {})
        if by == 'model' and not a.model: raise Refused(f'{name} is for the user alone', status=403)
        args = a.check(args or {})
    except Refused as e:
        if by == 'model': await store.write(_refused, name, args, by, e, key, message)
        raise
    if not approved and (why or by in ('model', 'agent') and await grave(a, args)):
        return await store.write(_ask, a, args, by, key, message, why)
    try:
        if inspect.iscoroutinefunction(a.fn):
            async with pressing.setdefault(key or object(), asyncio.Lock()):         # a second press waits for the first, and hears what became of it
                if key and (seen := await store.read(_seen, key)): return seen
                was = hand.set(by)
                try: result = await contain.press_beside(a, args)
                finally: hand.reset(was)
                return await store.write(_record, a, args, by, key, message, result, [])
        made = {'ready': await asyncio.to_thread(a.ready, **args)} if a.ready else {}
        return await store.write(_press, a, args, by, key, message, made, durable=a.durable)
    except Exception as e:                # also what the plugin's own `say` raised
        if not isinstance(e, Refused) and (e := contain.said(a, e)) and not isinstance(e, Refused): raise e
        if by == 'model': await store.write(_refused, name, args, by, e, None if approved else key, message)         # a yes can be said once more
        raise e
pressing = weakref.WeakValueDictionary()      # {key: Lock} of the coroutines that are under way
hand = contextvars.ContextVar('hand', default='user')       # who presses the coroutine that runs: user, model, roll, agent or app

def _seen(tx, key):
    "The outcome of an earlier press with this key, or None"
    old = key and tx.one('select id, data, text from log where key=?', key)
    if not old: return None
    d = json.loads(old['data'] or '{}')
    return Outcome(d.get('status', 'done'), old['id'], d.get('result'), old['text'], d.get('approval', 0), again=True)

def _press(tx, a, args, by, key, message, made=None):
    if seen := _seen(tx, key): return seen
    before = len(tx.changes)            # several keys may be pressed in one transaction, and each answers for its own
    result = contain.press(tx, a, {**args, **(made or {})})
    return _record(tx, a, args, by, key, message, result, tx.changes[before:])

def in_words(x, most=2000):
    "What a key that only looks returned, in words: text as it is, else its parts in a row; rows are counted. Cut where it is long."
    if isinstance(x, dict): x = ', '.join(f'{k}: {in_words(v)}' for k, v in [*x.items()][:200] if v not in (None, '')) or 'nothing'
    elif isinstance(x, list):
        rows = len(x) if x and all(isinstance(r, dict) for r in x) else 0
        x = f"{rows} row{'s' * (rows != 1)}" if rows else ', '.join(map(in_words, x[:200])) or 'nothing'
    elif isinstance(x, bool): x = 'yes' if x else 'no'
    x = '' if x is None else str(x)
    return x if len(x) <= most else f'{x[:most]} …'

def _record(tx, a, args, by, key, message, result, changes, undoes=None):
    text = a.say(args, result, changes) if a.say else a.title or a.name
    if a.risk == 'read' and by == 'user' and not message: return Outcome('done', 0, result, text)
    if a.risk == 'read' and message and not a.say and (seen := in_words(result)): text = f'{text}: {seen}'
    kept = result if a.risk != 'read' else result[:50] if message and isinstance(result, list) else None       # a long list is not kept twice
    if a.risk == 'read' and not message: text = ''      # who only looks changes nothing: no news
    id = tx.log('action', a.name, by=by, ref=message, text=text, key=key,
                data={'args': args, 'result': kept, 'status': 'done', 'undoes': undoes, 'changes': changes, 'risk': a.risk,
                       **({'agreed': True} if key and key.startswith('approval:') else {})})
    return Outcome('done', id, result, text)

def _refused(tx, name, args, by, e, key, message):
    if _seen(tx, key): return
    tx.log('action', str(name)[:80], by=by, ref=message, text=f'Not done: {e.text}', key=key,
           data={'args': args if isinstance(args, dict) else {}, 'status': 'refused', 'error': e.text, 'hint': e.hint})

def _ask(tx, a, args, by, key, message, why='', choice=None):
    "Write down what waits for the user's word: the exact rows as they are now, so that the card can go stale"
    if seen := _seen(tx, key): return seen
    rows = _rows(tx, a.touches(tx, **args)) if a.touches else []
    text = a.asks(tx, **args) if a.asks else f'{a.title or a.name}?'
    tx.run('insert into approval(at,by,action,args,text,rows,message,why,choice) values (?,?,?,?,?,?,?,?,?)', time.time(), by, a.name,
           json.dumps(args), text, json.dumps(rows), message, why, choice)
    id = tx.conn.last_insert_rowid()
    if choice == 0: tx.run('update approval set choice=? where id=?', choice := id, id)
    tx.log('action', a.name, by=by, ref=message, text=f'Asks: {text}', key=key, data={'args': args, 'status': 'waiting', 'approval': id})
    return Outcome('waiting', text=text, approval=id, result=choice)

async def decide(id, approve):
    "The user's word on a waiting action. Refused when it has been answered before; when its rows changed it goes stale and nothing is done."
    if not approve: _free(id)
    else: answering[id] += 1
    try:
        w = await store.write(_claim, id, approve)
        if w['status'] == 'stale': raise Refused('what this was about has changed since', 'ask for it again', 409)
        if w['status'] == 'approved' and 'outcome' not in w:
            w['outcome'] = await act(w['action'], json.loads(w['args']), by=w['by'], key=f'approval:{id}', message=w['message'], approved=True)
            await store.write(_approved, id, w['outcome'].id)
    finally:
        if approve: answering[id] -= 1
    return w.get('outcome') or Outcome('rejected', text=w['text'])
answering = Counter()       # by approval: how many have said yes to it, and what was asked for, perhaps a coroutine, is being done
def _free(id):
    "Refused when it is too late for a no"
    if answering[id]: raise Refused('they said yes to this, and it is being done', 'what it does can be seen when it is over', 409)

def _rows(tx, which):
    "[(table, number, row as it is now or None)] of [(table, number)]"
    there = {t: tx.some(t, [i for _, i in some]) for t, some in groupby(sorted(map(tuple, which), key=lambda one: one[0]), lambda one: one[0])}
    return [[t, i, there[t].get(i)] for t, i in which]
def _stale(tx, w):
    "Are the rows that a card was about no longer as they were (one that only moved is the same row), or would it be about others now?"
    rows, still = json.loads(w['rows']), lambda row: row and {k: v for k, v in row.items() if k != 'pos'}
    if any(still(now) != still(row) for (_, _, now), (_, _, row) in zip(_rows(tx, [r[:2] for r in rows]), rows)): return True
    if not (a := registry.get(w['action'])) or not a.touches: return False
    try: return {*map(tuple, a.touches(tx, **a.check(json.loads(w['args']))))} != {(t, i) for t, i, _ in rows}
    except Refused: return True

# a card is where somebody can see it: not in a conversation that was deleted
reached = 'not exists (select 1 from message m join conversation c on c.id=m.conversation where m.id=a.message and c.deleted)'

def decided(tx, id, approve):
    "`decide` for use inside a transaction; Refused for an action that cannot be done there"
    if not approve: _free(id)
    w = _claim(tx, id, approve)
    if w['status'] == 'approved' and 'outcome' not in w: raise Refused('press its button')
    return w.get('outcome') or Outcome(w['status'], text=w['text'])

def _claim(tx, id, approve):
    w = tx.one('select * from approval where id=?', id)
    if not w: raise Refused(f'there is no approval {id}', status=404)
    if w['status'] != 'waiting': raise Refused(f"this was answered before: {w['status']}", status=409)
    if approve and tx.value(f'select 1 from approval a where id=? and not {reached}', id):
        raise Refused('the conversation in which this was asked is deleted', 'bring it back first, or ask for it again', 409)
    stale = approve and _stale(tx, w)
    w['status'] = 'stale' if approve and stale else 'approved' if approve else 'rejected'
    if w['status'] != 'approved':
        tx.run('update approval set status=? where id=?', w['status'], id)
        tx.log('action', w['action'], by='user', ref=w['message'], text=f"{'Out of date' if stale else 'Declined'}: {w['text']}",
               data={'args': json.loads(w['args']), 'status': w['status'], 'approval': id})
        if w['status'] == 'rejected': [f(tx, w, 'no') for f in listeners['word']]
        return w
    a = find(w['action'])
    if inspect.iscoroutinefunction(a.fn): return w
    w['outcome'] = _press(tx, a, a.check(json.loads(w['args'])), w['by'], f'approval:{id}', w['message'])
    _approved(tx, id, w['outcome'].id)
    for f in listeners['word']: f(tx, w, 'yes')
    return w

def press(tx, pressed, by, key, message):
    "Several keys as one: one transaction, one line, one undo. `pressed` [(name, args)]; Refused when one of them is, and then nothing is done."
    if len(pressed) == 1:
        a = find(pressed[0][0])
        return _press(tx, a, a.check(pressed[0][1]), by, key, message)
    return _press(tx, find('several'), {'actions': [{'action': n, 'args': a} for n, a in pressed]}, by, key, message)

def wait(tx, pressed, by, message, key, why='', choice=None):
    "Write down what waits for the user's word, inside a transaction; with a `choice` (0: a new one) it is one of several of which one is pressed"
    name, args = pressed[0] if len(pressed) == 1 else ('several', {'actions': [{'action': n, 'args': a} for n, a in pressed]})
    a = find(name)
    return _ask(tx, a, a.check(args), by, key, message, why, choice)

most_named = 8
def together(said):
    "Sentences that say the same of one thing each, as one: Delete “A” from Tasks, Delete “B” from Tasks → Delete “A” and “B” from Tasks"
    parts = [re.fullmatch(r'([^“]*)(“[^”]*”)([^“]*)', s) for s in said]
    if len(said) < 2 or not all(parts) or len({(p[1], p[3]) for p in parts}) > 1: return said
    names = [p[2] for p in parts]
    named = (f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= most_named
             else f"{', '.join(names[:most_named-2])} and {len(names)-most_named+2} more")
    return [f'{parts[0][1]}{named}{parts[0][3]}']

def parts(actions):
    "[(Action, its arguments)] of what is to be done together; Refused names what is none"
    out = []
    for one in actions:
        if not isinstance(one.get('action'), str) or one.keys() - {'action', 'args'}:
            raise Refused('each of several needs its action and its args',
                          'several takes {"actions": [{"action": "tasks.create", "args": {"name": "…"}}, …]}')
        a = find(one['action'])
        if a.name == 'several' or inspect.iscoroutinefunction(a.fn):
            raise Refused(f'{a.name} cannot be done together with others', 'press it by itself')
        out.append((a, a.check(one.get('args') or {})))
    return out
def each(name, args):
    "[(name, arguments)] of the keys that a press stands for: one, or each of several"
    return [(name, args)] if name != 'several' else [(one.get('action'), one.get('args') or {}) for one in args.get('actions') or ()]
def keys_of(what, data):
    "The names of the keys that an entry of the roll stands for"
    return {name for name, _ in each(what, data.get('args') or {})}
def stands_for(a, args):
    "[(Action, its arguments)] of the keys that a press stands for"
    return parts(args['actions']) if a.name == 'several' else [(a, args)]
def risk(a, args):
    "What pressing a key may do: of several together, what the worst of them may"
    return max((x.risk for x, _ in stands_for(a, args)), key=risks.index, default='read')
def may_ask(a, args):
    "Is pressing a key, or one of several, asked about with some arguments where it is not the user who presses it?"
    return any(x.risk == 'destructive' or x.grave for x, _ in stands_for(a, args))
async def grave(a, args):
    "Is it asked about with these?"
    for x, given in stands_for(a, args):
        if x.risk == 'destructive' or x.grave and await x.grave(given): return True
    return False

def _several(tx, actions):
    done, said = [], []
    for a, args in parts(actions):
        before = len(tx.changes)
        done.append(contain.press(tx, a, args))
        said.append(a.say(args, done[-1], tx.changes[before:]) if a.say else a.title)
    return {'done': done, 'said': said}
register(Action('several', _several, msgspec.defstruct('several', [('actions', list[dict])], forbid_unknown_fields=True),
                'Several at once', 'Do several actions as one.', 'app', model=False,
                say=lambda a, r, c: ' · '.join(together(r['said'])),
                asks=lambda tx, actions: '; '.join(together([a.asks(tx, **args).rstrip('?') if a.asks else a.title
                                                             for a, args in parts(actions)])) + '?',
                touches=lambda tx, actions: [x for a, args in parts(actions) if a.touches for x in a.touches(tx, **args)]))

def _approved(tx, id, roll):
    if tx.value("select 1 from approval where id=? and status='approved'", id): return          # by another press of the same button
    tx.run('update approval set status=?, roll=? where id=?', 'approved', roll, id)
    # one of several was asked for
    tx.run("update approval set status='rejected' where choice=(select choice from approval where id=?) and status='waiting'", id)
    tx.log('approval', 'approved', by='user', ref=roll, data={'approval': id})

# how an entry begins that took another back, and one that took that back in turn; each says what is so now
undone, again = 'Undone: ', 'Done again: '
def undoes(e): return e['what'] == 'undo' and e['text'].startswith(undone)
def bare(e):
    "The sentence of an entry without such a beginning: what it is about"
    return e['text'].removeprefix(undone).removeprefix(again) if e['what'] == 'undo' else e['text']

def take_back(tx, id, by='user', ref=None):
    "Take a roll entry back, in a transaction; `ref`: the reply that asks for it, where that is another than did it"
    e = tx.one("select * from log where id=? and kind='action'", id)
    if not e: raise Refused(f'the roll has no entry {id}', status=404)
    d = json.loads(e['data'] or '{}')
    if d.get('status') != 'done' or not d.get('changes'): raise Refused(f'there is nothing to undo in entry {id}', status=409)
    if tx.value("select 1 from log where kind='action' and key=?", f'undo:{id}'): raise Refused(f'entry {id} was undone before', status=409)
    before = len(tx.changes)
    tx.revert(d['changes'], id)
    for f in listeners['undo']: f(tx, e)
    text = (again if undoes(e) else undone) + bare(e)
    n = tx.log('action', 'undo', by=by, ref=ref or e['ref'], text=text, key=f'undo:{id}',
               data={'args': {'id': id}, 'result': None, 'status': 'done', 'undoes': id, 'changes': tx.changes[before:], 'risk': 'write',
                     'did': e['ref']})
    return Outcome('done', n, None, text)

async def undo(id, by='user'):
    "Take a roll entry back. That is an entry itself, which can be taken back too."
    return await store.write(take_back, id, by)

def entry(e):
    "A line of the roll as the contract shows it"
    d = json.loads(e['data'] or '{}')
    return {'id': e['id'], 'at': e['at'], 'by': e['by'], 'action': e['what'], 'args': d.get('args', {}), 'result': d.get('result'),
            'status': d.get('status', 'done'), 'undoes': d.get('undoes')}

async def roll(after=0, limit=100):
    "The actions after a line of the log, oldest first"
    return [entry(e) for e in await store.q("select * from log where kind='action' and id>? order by id limit ?", after, limit)]
async def waiting():
    "What waits for the user's word"
    return [{**w, 'args': json.loads(w['args'])}
            for w in await store.q(f"select id,at,by,action,args,text,message from approval a where status='waiting' and {reached} order by id")]
