"""What a person does not understand, the model explains: a plugin from its source and its words, an error from the lines around it.

    press “Explain” → what there is to know is gathered, kept with a short message of the user's → the reply to it is given that and nothing else"""
import ast, inspect, json, re
from pathlib import Path
from . import contain
from .actions import action
from .conversation import chat, history
from .flows import runs
from .loading import settings
from .loading.plugins import plugins
from .schedule import usual
from .store import Refused, kv, store
from .tx import sound
from .work import handle, journal

def found(name):
    if p := plugins.get(name): return p
    raise Refused(f'there is no plugin {name[:80]}', f"there is {', '.join(plugins)}", 404)
def safe(text):
    "Text for a prompt: no secret that was kept in the settings"
    return sound(settings.masked(text))

# a plugin

guide = Path(__file__).parent.parent/'docs'/'plugins.md'

def about(p):
    "[(what it is, text)] of a plugin: its words, its source, and last, where a small model listens best, what it is and shows"
    source, out = p.source(), []
    if used := words(source): out.append(('What the words of its source mean', '\n'.join(used)))
    out.append((f'Its source, {p.file.name}', source))
    if p.path.is_dir(): out += [(f.name, f.read_text('utf-8', 'replace')) for f in sorted(p.path.glob('*.md'))]
    out += [('What it is', p.title + (f': {p.help}' if p.help else '')), ('What is on its page', '\n'.join(parts(p)))]
    return [(t, safe(x)) for t, x in out if x.strip()]

def parts(p):
    "What a plugin shows and can do, in sentences made from what it registered"
    out = []
    for k in p.kinds:
        if hasattr(k, 'columns'):
            out.append(f"A table “{k.title}”, a row for each {k.one}. Its columns: "
                       f"{', '.join(f'{n} ({f.kind})' for n, f in k.columns.items())}. There is a line to add a row, and a row is changed "
                       f"in place, sorted, searched, dragged, deleted, undone. Its rows are kept in Pianola's database on this computer.")
        elif hasattr(k, 'steps'):
            out.append(f"A procedure of {len(k.steps)} steps; what is put in and what comes out is kept as a run:")
            for n, s in enumerate(k.steps.values(), 1):
                asks = [f for f, x in s.fields.items() if x.typed]
                out.append(f"  {n}. {s.question}" + (f" It asks for {', '.join(asks)}." if asks else '')
                           + (' It is long work with a bar that shows how far it is.' if s.job else '')
                           + (' It runs by itself.' if s.auto else ''))
        else: out += ['A page of its own.', *seen(p)]
    own = [a for a in p.keys.values() if a.name.rpartition('.')[2] not in usual]
    out += [f'A key {a.name}: {a.description.partition(chr(10))[0]}' for a in own]
    if p.settings: out.append(f"It can be told, on the page Settings: {', '.join(p.settings.fields)}.")
    if p.error: out.append(f'Its newest file did not load: {p.error}')
    return out
def seen(p):
    "What stands on a page, as far as its source says it: headings, buttons, inputs, and what its functions say of themselves"
    try: tree = [*ast.walk(ast.parse(p.source()))]
    except SyntaxError: return []
    text = lambda n: n.value.strip() if isinstance(n, ast.Constant) and isinstance(n.value, str) else ''
    first = lambda nodes: next(filter(None, map(text, nodes)), '')
    calls = [n for n in tree if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    said = lambda *tags: [*filter(None, (first(n.args) for n in calls if n.func.id in tags))]
    asked = [*filter(None, (first(a.value for a in n.keywords if a.arg in ('aria_label', 'placeholder'))
                            for n in calls if n.func.id in ('Input', 'Textarea', 'Select')))]
    does = [f'{d.partition(chr(10))[0].rstrip(".")}.' for n in tree if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
            and (d := ast.get_docstring(n))]
    there = (('Headings on it', said('H2', 'H3', 'Summary')), ('Inputs', asked), ('Buttons', said('Button')))
    return ([f"{what}: {', '.join(dict.fromkeys(x))}." for what, x in there if x]
            + (['What its parts do: ' + ' '.join(does)] if does else []))

def words(source):
    "The words of `pianola` that a source uses, each with what the guide says of it"
    used = {w.strip() for line in re.findall(r'^from pianola import (.+)$', source, re.M) for w in line.split(',')}
    try: said = guide.read_text('utf-8')
    except OSError: return []
    rows = re.findall(r'^\| (`.+?) \| (.+) \|$', said, re.M)
    return [f"{', '.join(sorted(mine))}: {what}" for names, what in rows if (mine := set(re.findall(r'`@?(\w+)', names)) & used)]

# an error

def around(text, path, source, lines=7):
    "(the lines of a source around those an error names, the last of them marked; that line and its number), or (the source, '')"
    names = {path.name, *(f.name for f in path.rglob('*.py'))} if path.is_dir() else {path.name}
    at = [int(n) for file, n in re.findall(r'File "([^"]+)", line (\d+)', text) if Path(file).name in names and str(path.parent) in file]
    at += [int(n) for n, file in re.findall(r'\(line (\d+) of ([^)]+)\)', text) if file in names] if not at else []
    rows = source.splitlines()
    at = [n for n in at if n <= len(rows) + 1]
    if not at: return source, ''
    show = sorted({n for a in at[-3:] for n in range(a-lines, a+lines+1) if 0 < n <= len(rows)})
    out, last = [], 0
    for n in show:
        if last and n != last+1: out.append('   ...')
        out.append(f"{'->' if n == at[-1] else '  '} {n:>4} | {rows[n-1]}")
        last = n
    return '\n'.join(out), f'{at[-1]}: {rows[at[-1]-1].strip()}' if at[-1] <= len(rows) else ''

def trouble(tx, plugin='', answer=0, job=0):
    """(what it is about in a few words, [(what it is, text)], {error, line} in short) of
    an error: of a plugin, of a step's answer, or of a job; Refused when there is none"""
    more = []
    if answer:
        a = runs.answer(tx, answer)
        flow = tx.value('select flow from run where id=?', a['run'])
        p = next((p for p in plugins.values() for k in p.kinds if k.name == flow and hasattr(k, 'steps')), None)
        if not a['error']: raise Refused(f'answer {answer} has no error', status=409)
        title, error, what = f"the step “{a['step']}” of {p.title if p else flow}", a['error'], f"the step {a['step']}"
        if said := ', '.join(f'{k} = {v!r}'[:200] for k, v in json.loads(a['inputs']).items()): more.append(('What was put in', said))
        f = next((k.steps[a['step']].f for k in p.kinds if k.name == flow and a['step'] in k.steps), None) if p else None
    elif job:
        j = journal.job(tx, job)
        if not j['error']: raise Refused(f'job {job} has no error', status=409)
        p, title, error, what = plugins.get(j['plugin']), f"the job “{j['title']}”", j['error'], f"the job {j['name']}"
        if said := [e['text'] for e in tx.q("select text from job_event where job=? and kind='log' order by id desc limit 5", job)][::-1]:
            more.append(('The last lines of its log', '\n'.join(said)))
        try: f = handle.function(j['name'])
        except Refused: f = None
    else:
        p, f = found(plugin), None
        broke = sorted(contain.trouble.get(p.name, {}).items(), key=lambda b: -b[1][0])
        if not p.error and not broke: raise Refused(f'{p.name} has no error', 'it loads, and nothing of it broke', 409)
        title, what = p.title, f'the file {p.file.name}' + (' while it was loaded' if p.error else f', in {broke[0][0]}')
        error = (p.trace if 'File "' in p.trace else p.error) if p.error else broke[0][1][2]
        if p.error and '(line' in p.error and p.file.name not in error: error = f'{error}\n{p.error}'
    lines = error.strip()
    if len(lines) > 3000: lines = f'{lines[:800]}\n...\n{lines[-2000:]}'
    out, line = [(f'The error, in {what}', lines), *more], ''
    if p and p.file.exists():
        source = p.source()
        near, line = around(error, p.path, source)
        if near == source and f:
            try: near = inspect.getsource(inspect.unwrap(f))
            except (OSError, TypeError): near = source
        out.insert(1, (f'{p.file.name}, the lines around it' if near != source else p.file.name, near))
    where = f'Line {line}' if line else what[:1].upper() + what[1:]
    last = p.error if not answer and not job and p.error else error.strip().splitlines()[-1]
    return (title, [(t, safe(x)) for t, x in out],
            {'title': title, 'error': safe(re.sub(r' \(line \d+ of [^)]+\)$', '', last))[:500], 'where': safe(where)[:300]})

# the two keys

async def ask(prompt, text, parts, fill, conversation):
    there = (conversation or await store.read(history.current)) if conversation >= 0 else None
    begun, id = await chat.say(text, there, plugin=await kv.get('open', ''), brings={'prompt': prompt, 'parts': parts, 'fill': fill, 'said': text})
    if not there: await chat.adopt(begun, also_fresh=conversation < 0)
    return {'conversation': begun, 'message': id}

@action(name='plugins.explain', plugin='app', title='Explain a plugin', say=lambda a, r, c: '')
async def explain(plugin: str = '', conversation: int = 0):
    "Have the model explain a plugin (the open one if none is named) in the chat, from its source and its words; a negative conversation is a new one."
    p = found(plugin or await kv.get('open', ''))
    return await ask('explain', f'Explain {p.title}', about(p), {'title': p.title}, conversation)

@action(name='plugins.mend', plugin='app', title='Help with an error', say=lambda a, r, c: '')
async def mend(plugin: str = '', answer: int = 0, job_id: int = 0, conversation: int = 0):
    "Have the model explain an error in the chat: that of a plugin which does not load, of a step's answer, or of a job."
    title, parts, fill = await store.read(trouble, plugin, answer, job_id)
    return await ask('mend', f'Help me with this error: {title}', parts, fill, conversation)

def asked(text, open_):
    "The plugin that these words ask to have explained, None when they ask for something else"
    m = re.fullmatch(r'(?:please )?(?:can you |could you )?explain (?:me |to me )?'
                     r'(?:this plugin|this page|(?:the )?(?:plugin |page )?[“"\']?(?P<name>.+?)[”"\']?(?: plugin| page)?)'
                     r'(?: to me)?(?:,? please)?[ .!?]*', text.strip(), re.I)
    if not m: return None
    name = (m['name'] or '').casefold()
    return next((p for p in plugins.values() if p.name == (open_ if not name else name) or name and name == p.title.casefold()), None)
@chat.on_hearing
def bring(tx, text, plugin):
    "“Explain this plugin” in the user's own words is the same as the button"
    if p := asked(text, plugin): return {'prompt': 'explain', 'parts': about(p), 'fill': {'title': p.title}, 'said': text}
