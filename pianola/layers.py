"""Which prompts are on: the files of prompts/ as layers that can be read, edited,
switched and compared; what is changed here is written to the file, and can be taken back."""
import difflib, json, os, re
from . import prompts, tabs
from .actions import action, on_undo
from .contain import Refused, hold
from .store import store
from .tx import sound

names = re.compile(r'(experts/|questions/)?[A-Za-z][A-Za-z0-9_-]{0,60}')

def files():
    "The names of all prompt files there are"
    there = prompts.folder
    found = [*there.glob('*.md'), *there.glob('experts/*.md'), *there.glob('questions/*.md')]
    return [f.relative_to(there).with_suffix('').as_posix() for f in sorted(found, key=lambda f: (f.parent != there, f))]
def experts(): return [n.removeprefix('experts/') for n in files() if n.startswith('experts/')]
def text(name):
    path = prompts.folder/f'{_named(name)}.md'
    try: return prompts.decoded(path.read_bytes(), path).replace('\r\n', '\n')
    except FileNotFoundError: return ''
def _named(name):
    if not names.fullmatch(name):
        raise Refused(f'{name[:60]!r} cannot be the name of a prompt',
                      'use letters, digits, - and _, as in “system”, “experts/lawyer” or “questions/explain”')
    return name
def diff(name, new):
    "What would change, as lines of a unified diff"
    return list(difflib.unified_diff(text(name).splitlines(), new.splitlines(), 'as it is', 'as written', lineterm=''))
def earlier(tx, name):
    "[(entry of the roll, when, text)]: how a prompt was before each change that was made here, newest first"
    out = tx.q("select id, at, data from log where kind='action' and what='prompts.write' and json_extract(data, '$.args.name')=? order by "
               "id desc limit 20", name)
    return [(e['id'], e['at'], c[2].get('text', '')) for e in out for c in json.loads(e['data']).get('changes', []) if c[0] == 'prompt_text' and c[2]]

async def before(name):
    "The same, for a page"
    return await store.read(earlier, name)

@action(name='prompts.write', plugin='prompts', title='Write a prompt', model=False,
        say=lambda a, r, c: f"Changed the prompt {a['name']}" if c else f"The prompt {a['name']} stays as it was")
def write(tx, name: str, text: str):
    "Write a file of prompts/."
    now, new = globals()['text'](name), sound(text).replace('\r\n', '\n')
    if len(new) > 100_000: raise Refused('a prompt may have 100,000 characters')
    row = tx.one('select * from prompt_text where name=?', name)
    if not row: row = {'id': tx.new_id('prompt_text')}; tx.run('insert into prompt_text values (?,?,?)', row['id'], name, now)
    elif row['text'] != now:
        # it was edited outside: that is what this change starts from
        tx.run('update prompt_text set text=? where id=?', now, row['id'])
    if now != new:
        tx.update('prompt_text', row['id'], {'text': new})
        _put(name, new)              # before it is acknowledged; taking it back goes by `hear`

@on_undo
def outside(tx, e):
    "What was written in a file elsewhere is in no entry of the roll, so that no undo may go over it"
    there = {i: before['text'] for t, i, before, after in reversed(tx.changes) if t == 'prompt_text' and before and after}
    for name, was in [(tx.row('prompt_text', i)['name'], was) for i, was in there.items()]:
        if text(name) != was:
            raise Refused(f'the prompt {name} was changed outside since',
                          'how it was stands in its editor, under “As it was until”: copy what you want of it from there', 409)

@action(name='prompts.use', plugin='prompts', title='Choose an expert', model=False,
        say=lambda a, r, c: f"The model is now {a['expert']}" if a['expert'] else 'The model is no expert now')
def use(tx, expert: str = ''):
    "Put one of prompts/experts/ on top of the other layers; none takes it off."
    if expert and expert not in experts():
        raise Refused(f'there is no expert {expert}', f"there is {', '.join(experts()) or 'none; write prompts/experts/NAME.md'}", 404)
    _keep(tx, expert=expert)
@action(name='prompts.switch', plugin='prompts', title='Switch a layer', model=False,
        say=lambda a, r, c: f"Switched the prompt {a['layer']} {'on' if a['on'] else 'off'}")
def switch(tx, layer: str, on: bool):
    "Leave a layer of the prompt out, or take it in again."
    _keep(tx, off=sorted(set(_kept(tx).get('off', [])) - {layer} | (set() if on else {layer})))

def _kept(tx):
    row = tx.one("select * from setting where plugin='prompts'")
    return json.loads(row['data']) if row else {}
def _keep(tx, **new):
    data = json.dumps({**_kept(tx), **new}, sort_keys=True)
    if row := tx.one("select id from setting where plugin='prompts'"): tx.update('setting', row['id'], {'data': data})
    else: tx.insert('setting', {'plugin': 'prompts', 'data': data})
def learn(tx):
    "Which layers are on, as the app starts and after each change"
    kept = _kept(tx)
    prompts.off, prompts.expert = set(kept.get('off', [])), kept.get('expert', '')

def _put(name, new):
    path = prompts.folder/f'{_named(name)}.md'
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix('.new')
    part.write_text(new, 'utf-8')
    os.replace(part, path)

@store.on
def hear(e):
    "A prompt changed in the database (or the change was taken back): the file follows, then whoever looks at it"
    rows = [r for (t, _), r in e.rows.items() if t == 'prompt_text' and r]
    for r in rows:
        if text(r['name']) == r['text']: continue
        if r['text']: _put(r['name'], r['text'])
        else: (prompts.folder/f"{_named(r['name'])}.md").unlink(missing_ok=True)        # there was none before
    if rows or any(t == 'setting' for t, _ in e.rows):
        async def follow():
            await store.read(learn)
            tabs.send({'left': 'prompts'})
        hold(follow(), 'the prompts could not be put in place')
