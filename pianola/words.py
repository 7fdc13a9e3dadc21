"What plugins can say: speak in the chat, ask the model and read its answer as it comes, remember, log; and read what is in the roll."
import re, sys
from pathlib import Path
from contextlib import aclosing
from loguru import logger as log      # noqa: F401  a word of plugins
from . import layers, store as _store, tx as _tx
from .contain import Refused
from .conversation import bubble, chat, history
from .engines.base import Fault, Said
from .loading import settings
from .piano import neutral

def _plugin(depth=2):
    name = sys._getframe(depth).f_globals.get('__name__', '')
    return name.removeprefix('pianola_plugins.') if name.startswith('pianola_plugins.') else 'app'

def say(text):
    "Say something in the conversation that is open, as this plugin; the model reads it at its next turn. The message's number comes back."
    return _say(text, _plugin())           # now: when it is awaited, in a task or by gather, nobody can tell who called
async def _say(text, who):
    def add(tx):
        there = history.current(tx)
        conversation = there or history.begin(tx, f"{who.replace('_', ' ').capitalize()} says")
        return history.add(tx, conversation, 'app', _tx.sound(str(text)), model=who), conversation, not there
    id, conversation, new = await _store.store.write(add)
    if new: await chat.adopt(conversation)
    return id

def talk(text):
    """Say something to the model where the user would, in the conversation that is open: its reply
    streams into the chat for all to see, and nobody waits for it. It is shown as yours and is no order
    of the user's: what the reply would change waits for their word. The message's number comes back."""
    return _talk(text, _plugin())
async def _talk(text, who):
    there = await _store.store.read(history.current)
    conversation, id = await chat.say(str(text), there, plugin=who, by=who)
    if not there: await chat.adopt(conversation)
    return id

async def ask(text, system='', most=0):
    "Ask the model something, apart from the conversation; yields the answer piece by piece. Refused says why there is none."
    messages = [*([{'role': 'system', 'content': system}] if system else []), {'role': 'user', 'content': neutral(str(text))}]
    try:
        engine, model, _ = await chat.engines.choose(await _store.kv.get('model', ''))
        room = (await engine.model(model)).context
        async with aclosing(engine.chat(model, messages, context=room, limit=most or chat.most)) as stream:
            async for p in stream:
                if isinstance(p, Said) and p.text: yield p.text
    except Fault as e: raise Refused(e.text, e.hint, 503)

class _Own:
    "`kv` as a plugin sees it: the space of whoever asks"
    def get(self, key, default=None): return _store.KV(f'plugin:{_plugin()}').get(key, default)
    def set(self, key, value): return _store.KV(f'plugin:{_plugin()}').set(key, value)
kv = _Own()

def own_folder():
    """A folder of the plugin's own beside the database, for files that are too large
    for rows; made when first asked for. In a job's own process it is the same."""
    name = _plugin().partition('.')[0]
    folder = _store.store.folder/'plugins'/name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder

def logins():
    """{'https://host[:port]': (user, password)}: the logins of addresses that were written into this plugin's forms
    as http://user:password@host; nothing but secrets.json has them. In a job's own process they are the same."""
    return settings.logins(_plugin().partition('.')[0])

# what our own plugins are made of, and anybody else's may be

when = bubble.clock
prompt_layers = layers

async def story(words='', by='', plugin='', before=0, limit=50, id=0):
    "The roll, newest first: lines with these words, pressed by this hand, in this plugin, before this line"
    return await _store.store.read(history.story, words, by, plugin, before, limit, id)
async def kept_in(space, key, default=None):
    "What a space of the key-value memory holds, for reading"
    return await _store.KV(space).get(key, default)

def house():
    "[(module, what it is for)]: the first sentence of every room, in the order of how they build on each other"
    here = Path(__file__).parent
    text = (here.parent/'docs'/'architecture.md').read_text('utf-8')
    return [(n, what) for n, what in re.findall(r'^\| `([\w/]+)` \| (.*) \|$', text, re.M)]
