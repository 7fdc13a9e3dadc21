"Which model answers: what there is on every engine, the choice and why, and downloads with their progress."
import asyncio, time
from contextlib import aclosing
from fasthtml.common import Button, Div, Form, H2, Input, Label, Li, Optgroup, Option, P, Progress, Select, Small, Strong, Ul
from loguru import logger as log
from . import tabs
from .actions import action
from .contain import hold
from .conversation.bubble import closer, press, worded
from .engines.base import Fault
from .store import Refused, kv, store
from .work import jobs
from .work.jobs import Job

engines = None
now = {'at': 0.0, 'name': '', 'model': '', 'ready': False, 'why': 'looking for a model …', 'models': []}

def state(): return {k: now[k] for k in ('name', 'model', 'ready')}

async def look():
    "Find out what answers now; the page and the health route show it"
    now['at'] = time.monotonic()
    chosen, said = await kv.get('model', ''), (now['name'], now['model'], now['why'])
    try: engine, model, why = await engines.choose(chosen)
    except Fault as e: now.update(name=engines.wanted, model='', ready=False, why=f'{e.text} {e.hint}'.strip())
    else:
        trouble = await engine.ready()
        now.update(name=engine.name, model=model, ready=not trouble, why=trouble or why)
    if said != (now['name'], now['model'], now['why']): log.info(f"{now['model'] or 'No model'}{' answers' * now['ready']}: {now['why']}")
    now['models'] = await engines.models()
    tabs.send(frame())

def look_again():
    "A page was opened: Ollama may have come or gone since the last look"
    if time.monotonic() - now['at'] > 30: now['at'] = time.monotonic(); hold(look(), 'the models could not be listed')

def tokens(n):
    "So many tokens as people say it: 900, 4k, 32k, 128k, 1M"
    step = 1024 if n % 1024 == 0 else 1000
    return str(n) if n < 1000 else f'{n/step:.3g}k' if n < 1000*step else f'{n/step**2:.3g}M'
def memory(m):
    "How much of a conversation a model remembers, in tokens: what it is given here, of what it was made for; '' where that is not known"
    if not m.longest: return ''
    return f'remembers {tokens(m.context)} of {tokens(m.longest)} tokens' if m.context < m.longest else f'remembers {tokens(m.longest)} tokens'

def model_picker(models, chosen):
    "The picker's options: every engine's models with size, abilities and memory"
    def label(m):
        size = f"{m.size/1e9:.1f} GB" if m.size > 1e9 else f'{m.size/1e6:.0f} MB' if m.size else ''
        able = [c for c in m.capabilities if c in ('vision', 'tools', 'thinking')]
        return ' · '.join(x for x in (m.name, size, memory(m), *able, '' if m.local else 'cloud: leaves this machine') if x)
    groups = {}
    for m in models:
        if m.here: groups.setdefault(m.engine, []).append(m)
    none = ([Option('No model chosen', value='', selected=True, disabled=True)] if groups
            and not any(f'{m.engine}/{m.name}' == chosen for ms in groups.values() for m in ms) else [])
    some = [Optgroup(*[Option(label(m), value=f'{m.engine}/{m.name}', selected=f'{m.engine}/{m.name}' == chosen) for m in ms],
                     label={'ollama': 'Ollama', 'embedded': 'Built in'}.get(e, e)) for e, ms in groups.items()]
    return Select(*none, *some or [Option('No model', value='')], id='model', name='model', hx_post='/api/actions/model.choose',
                  hx_trigger='change', hx_swap='none', aria_label='Model',
                  title='Model (Alt+M goes to the next one). It remembers so many tokens of a conversation; a token is about four letters.')

@store.on
def hear(e):
    "After a reply: when another model gave it than the page shows (Ollama came or went), or it failed, look again"
    if e.kind == 'message' and e.what in ('done', 'error'): hold(_differs(e.ref), 'the models could not be listed')
async def _differs(id):
    m = (await store.q('select engine, model, status from message where id=?', id))[0]
    if m['status'] == 'error' or (m['engine'], m['model']) != (now['name'], now['model']): await look()

def line():
    "Under the chat's header: the picker, and who answers and why"
    return Div(model_picker(now['models'], f"{now['name']}/{now['model']}"),
               Button('+', type='button', cls='quiet', id='get-model', title='Get another model', aria_label='Get another model',
                      hx_get='/api/models/get', hx_target='#dialog', hx_swap='innerHTML'),
               why(), id='model-line')
def why():
    "Who answers and why; while a model comes, how far it is"
    if coming := [d for d in pulls().values() if d.state == 'running']:
        d = coming[-1]
        return Small(f"Downloading {d.model}" + (f': {100*d.done/d.total:.0f} %' if d.total else ' …'),
                     Progress(value=d.done if d.total else None, max=d.total or None, aria_label=d.title), id='model-why', cls='why')
    return Small(*worded(now['why']), id='model-why', cls='why' + ('' if now['ready'] else ' bad'), title=now['why'])
def frame(): return {'put': [tabs.item('model-line', line(), only=True)]}

def fixed(model):
    "Refused where this start was told what answers, which wins over any choice"
    c = engines.config
    if c.model: raise Refused(f'PIANOLA_MODEL names {c.model} for this start', 'start Pianola without it to choose here', 409)
    if model != 'auto' and c.engine not in ('auto', model.partition('/')[0]):
        raise Refused(f'PIANOLA_ENGINE asks for {c.engine} for this start', 'start Pianola without it to choose another engine here', 409)

async def may_leave(args):
    "Would what is said go to another machine? Whoever is not the user asks them before that"
    return any(f'{m.engine}/{m.name}' == args['model'] and not m.local for m in await engines.models())

@action(name='model.choose', plugin='model', title='Choose the model', model=False, grave=may_leave, say=lambda a, r, c: f'Chose the model {r}',
        asks=lambda tx, model: f'Answer with {model} from now on, on another machine?')
async def choose(model: str):
    "Answer with this model from now on: 'engine/name', or 'auto'."
    fixed(model)
    if model != 'auto':
        there = [f'{m.engine}/{m.name}' for m in await engines.models() if m.here]
        if model not in there: raise Refused(f'there is no model {model}', f"there is {', '.join(there) or 'none; download one first'}", 404)
    await kv.set('model', '' if model == 'auto' else model)
    await look()
    return f"{now['name']}/{now['model']}"

@action(name='model.next', plugin='model', title='Next model', model=False, say=lambda a, r, c: f'Chose the model {r}')
async def next_():
    "Go to the next model of the picker that answers on this machine; another is chosen by its name alone."
    fixed('auto')
    there = [f'{m.engine}/{m.name}' for m in await engines.models() if m.here and m.local and engines.config.engine in ('auto', m.engine)]
    if not there: raise Refused('there is no model here yet', 'download one first', 404)
    at = there.index(f"{now['name']}/{now['model']}") if f"{now['name']}/{now['model']}" in there else -1
    return await choose(there[(at+1) % len(there)])

class Download(Job):
    "A model on its way; every tab sees how far it is"
    def __init__(self, engine, model):
        self.engine, self.model, self.drawn, self.later = engine, model, 0, None
        super().__init__(f'Download of {model}')
    @property
    def key(self): return f'{self.engine}/{self.model}'
    async def work(self):
        try:
            async with aclosing(engines[self.engine].pull(self.model)) as steps:
                async for p in steps:
                    self.text, self.done, self.total = p.status, p.done, p.total
                    if self.later: continue              # five times a second, and what came last in any case
                    if (wait := self.drawn + .2 - (loop := asyncio.get_running_loop()).time()) > 0:
                        self.later = loop.call_later(wait, lambda: hold(self.show(), 'a download could not be drawn'))
                    else: await self.show()
        except Fault as e: raise Refused(e.text, e.hint)
        self.text = 'ready'
    async def show(self):
        self.drawn, self.later = asyncio.get_running_loop().time(), None
        self.draw()
        await self.tell()
    def over(self):
        if self.later: self.later.cancel()
        self.draw()
        hold(look(), 'the models could not be listed')
    def draw(self): tabs.put(tabs.item(f'pull-{self.key}', self.__ft__(), 'pulls'), tabs.item('model-why', why(), only=True))
    def __ft__(self):
        size = f'{self.done/1e6:,.0f} of {self.total/1e6:,.0f} MB' if self.total else ''
        busy = self.state == 'running'
        bar = Progress(value=self.done if self.total else None, max=self.total or None, aria_label=self.title) if busy else None
        return Li(Strong(self.model), bar, Small(' · '.join(x for x in (self.text, size) if x)),
                  press('Stop', 'model.stop', {'model': self.key}) if busy else None, id=f'pull-{self.key}', data_pos=self.id)

def pulls(): return {j.key: j for j in jobs.jobs.values() if isinstance(j, Download)}

@action(name='model.get', plugin='model', title='Download a model', risk='destructive', model=False,
        asks=lambda tx, engine, model: f'Download {model} for {engine}?', say=lambda a, r, c: f'Started the download of {r}')
async def get(engine: str, model: str):
    "Download a model of an engine; its progress is shown in every tab."
    if engine not in ('ollama', 'embedded'): raise Refused(f'there is no engine {engine}', 'there is ollama, embedded', 404)
    if not model.strip(): raise Refused('which model?', 'write its name')
    key = f'{engine}/{model.strip()}'
    if (d := pulls().get(key)) and d.state == 'running': raise Refused(f'{model} is on its way', status=409)
    Download(engine, model.strip()).draw()
    return key

@action(name='model.stop', plugin='model', title='Stop a download', model=False, say=lambda a, r, c: f'Stopped the download of {r}')
async def stop(model: str):
    "Stop a download; asked again, it goes on from where it was."
    if not (d := pulls().get(model)) or d.state != 'running': raise Refused(f'{model} is not being downloaded', status=404)
    d.task.cancel()
    return model

async def dialog():
    "What can be downloaded"
    models = [m for m in await engines.models() if not m.here]
    ollama = await engines['ollama'].ready()
    own = Form(Label('A model of Ollama’s library, by its name', Input(name='model', placeholder='qwen3:0.6b', required=True)),
               Button('Download'), hx_post='/api/actions/model.get', hx_vals='{"engine":"ollama"}', hx_swap='none', cls='offer-own')
    return (H2('Get another model'), Ul(*pulls().values(), id='pulls'),
            *[Div(Strong(m.name), Small(f'{m.size/1e6:,.0f} MB · {m.about}'),
                  press('Download', 'model.get', {'engine': m.engine, 'model': m.name}, 'go'), cls='offer') for m in models],
            own if not ollama or 'no model' in ollama else P(Small(ollama)), closer())

