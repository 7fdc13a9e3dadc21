"""Who the model is today: layered files of prompts/, read anew for each turn,
so that a changed file is heard at once; and the keys it may press, generated."""
import codecs, hashlib, operator, os, re, time
from pathlib import Path
from .actions import registry
from .piano import neutral
from loguru import logger as log

folder = Path('prompts')    # the layers of a plugin are files here, of its name; our own questions to the model stand apart, in questions/
stems = ('system', 'actions', 'examples')       # whose files are of every turn, and never a plugin's
own = {}                    # {plugin: f() → the words it brings along}
off, expert = set(), ''     # layers that are switched off; the one of prompts/experts/ that is on

def layer(name):
    "The text of a file in prompts/; '' when there is none. Read again only when it is another file, or another time or size."
    try:
        at = os.stat(path := f'{folder}/{name}.md')
        have, now = _read.get(path), (at.st_ino, at.st_mtime_ns, at.st_size)
        if have and have[0] == now and at.st_mtime_ns < have[1]: return have[2]
        long_ago = time.time_ns() - 2_000_000_000           # what was written this very moment may be written again within one tick of the clock
        with open(path, 'rb') as f: text = decoded(f.read(), path).strip()
    except OSError: return ''
    _read[path] = now, long_ago, text
    return text
_read = {}

def question(name):
    "The text of a file in prompts/questions/, which is asked for one purpose and is of no other turn: explain, mend, summary, record, part, new"
    return layer(f'questions/{name}')
def settle(at):
    """Read prompts from this folder from now on. One from before there were questions/ has them beside the layers,
    where a plugin of such a name would have found them: they are moved, with whatever was changed in them."""
    global folder
    folder, old = Path(at), ('explain', 'mend', 'summary', 'record', 'part', 'new')
    if (to := folder/'questions').exists(): return
    try:
        old = [f for n in old if (f := folder/f'{n}.md').is_file() and (n == 'summary' or re.search(r'^---\r?$', decoded(f.read_bytes(), f), re.M))]
        if old: to.mkdir()
        for f in old: f.rename(to/f.name)
    except OSError as e:
        return log.warning('The questions in {} could not be moved to {} ({}): '
                           'move explain.md, mend.md, record.md, part.md and new.md there yourself', folder, to, e.strerror or e)
    if old: log.info("{} moved to {}", ' and '.join(f.name for f in old), to)

def decoded(raw, path):
    "A file's text, whatever editor wrote it: UTF-8, UTF-16 with its mark, else as Windows writes it, which is said in the log"
    for code in ('utf-16',) if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ('utf-8-sig',):
        try: return raw.decode(code)
        except UnicodeDecodeError: log.warning('{} is not UTF-8; it is read as Windows-1252: save it as UTF-8 where letters look wrong', path)
    return raw.decode('cp1252', 'replace')

def _kind(s):
    "What a parameter takes, for the example line: a type, or the choices there are"
    return (s.get('type') or ' or '.join(map(str, s.get('enum', ())))
            or next((_kind(o) for o in s.get('anyOf', []) if o.get('type') != 'null'), 'value'))

def keys(plugin=''):
    "The actions the model may press anywhere (or only while `plugin` is open), a line each with an example made from their arguments"
    there = [*registry.values()]
    if (have := _keys.get(plugin)) and len(have[0]) == len(there) and all(map(operator.is_, have[0], there)): return have[1]
    out, plain = [], dict(string='text', boolean='true or false', integer='number', number='number', object='{…}', value='…')
    for a in there:
        verb = a.name.rpartition('.')[2]
        if not a.model or a.plugin in ('app', 'chat', 'model') or verb in ('move', 'sort', 'choose', 'update_many', 'delete_many'): continue
        if a.local != bool(plugin) or plugin and a.plugin != plugin: continue
        p = a.parameters
        args = ', '.join(f'"{k}": {plain.get(_kind(s), _kind(s))}' for k, s in p['properties'].items() if not k.endswith('_id') and k != 'offset')
        out.append(f'{{"action": "{a.name}", "args": {{{args}}}}}  {a.description.partition(chr(10))[0]}')
    _keys[plugin] = there, '\n'.join(out)
    return _keys[plugin][1]
_keys = {}

def layers(plugin=''):
    """[(name, text)] of what the system message is made of, those that are
    switched off included. Stable first, so that the engine's memory of it holds."""
    out = [('system', layer('system')), ('actions', layer('actions').replace('{actions}', keys()))]
    if plugin.isidentifier() and (more := keys(plugin)): out += [(f'keys:{plugin}', f'While {plugin} is open there are these keys too:\n\n{more}')]
    # some disks know no capitals
    if plugin.isidentifier():
        out += [(f'plugin:{plugin}', own[plugin]() if plugin in own else ''), *([(plugin, layer(plugin))] if plugin.lower() not in stems else [])]
    return [(n, t) for n, t in [*out, (f'experts/{expert}', layer(f'experts/{expert}') if expert else '')] if t]
def system(plugin=''):
    "The system message: who you are, the keys, the open plugin's own words, the expert of the hour"
    return '\n\n'.join(t for n, t in layers(plugin) if n not in off)

def examples():
    "Turns of prompts/examples.md, `User: …` and `You: …` in turn, as messages"
    return turns(layer('examples')) if 'examples' not in off else []
def turns(text):
    "Lines `User: …` and `You: …` in turn, as messages"
    out = []
    for line in text.splitlines():
        who, colon, rest = line.partition(': ')
        if colon and who in ('User', 'You'): out.append({'role': 'user' if who == 'User' else 'assistant', 'content': rest})
        elif out: out[-1]['content'] += f'\n{line}'
    return [{**o, 'content': o['content'].strip()} for o in out]

def fingerprint(text): return hashlib.sha256(text.encode()).hexdigest()[:16]

def wrap(overheard, text):
    """A user's turn as the model reads it: what happened since, then the words.
    Everything in it came from people and tables, so control tokens are disarmed."""
    return f'{neutral(overheard)}\n\n{neutral(text)}' if overheard else neutral(text)
