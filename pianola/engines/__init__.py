"Which engine answers: the two there are, behind one small interface, and the choice that `auto` makes, with its reason."
import asyncio, time
from .base import Done, Engine, Fault, Model, Phase, Pull, Said
from .embedded import Embedded
from .ollama import Ollama, instead
from .wire import also

__all__ = ['Engines', 'Engine', 'Fault', 'Model', 'Phase', 'Said', 'Done', 'Pull']

class Engines:
    "The engines of a Config: `engines['ollama']`, `await engines.choose(remembered)`, `await engines.models()`"
    def __init__(self, config):
        self.config, self.wanted = config, config.engine
        self.drivers = {'ollama': Ollama(config.ollama), 'embedded': Embedded(config)}
        self.chosen = (None, 0.0, None)         # for what, when, what
    def __getitem__(self, name): return self.drivers[name]
    def __iter__(self): return iter(self.drivers.values())

    async def choose(self, remembered=''):
        """(engine, model, why). `remembered` is what the user picked last, 'engine/model': it wins while it is there, unless this start names another
        engine or model. Fault when an engine that was asked for by name cannot answer at all."""
        asked = remembered, sum(d.changes for d in self)
        if self.chosen[0] == asked and time.monotonic() - self.chosen[1] < 30: return self.chosen[2]
        got = await self._choose(remembered)
        self.chosen = (remembered, sum(d.changes for d in self)), time.monotonic(), got
        return got

    async def _choose(self, remembered):
        c, sorry = self.config, ''
        engine, _, model = remembered.partition('/')
        if remembered and not c.model and self.wanted in ('auto', engine):
            try:
                if (m := await self.drivers[engine].model(model)).here: return self[engine], m.name, f'You chose {m.name}.'
            except KeyError: sorry = f'There is no engine {engine} any more. '
            except Fault as e: sorry = f'You chose {model}, but: {e.text} '
        away, names = '', []
        if self.wanted in ('auto', 'ollama'):
            try: names = [m.name for m in await self['ollama'].models()]
            except Fault as e:
                if self.wanted == 'ollama':
                    raise Fault(e.kind, e.text, e.hint.replace(instead, 'start Pianola without PIANOLA_ENGINE to have the built-in engine'),
                                e.get) from None
                away = f'{e.text} '
            if c.model and (found := next((n for n in names if n in (c.model, f'{c.model}:latest')), '')):
                return self['ollama'], found, f'PIANOLA_MODEL names {c.model}, and Ollama has it.'
            if self.wanted == 'ollama' and c.model:
                raise Fault('no-model', f'PIANOLA_MODEL names {c.model}, which Ollama does not have. {also(names)}',
                            'Download it, or set PIANOLA_MODEL to one of these.', ('ollama', c.model))
        if c.model:
            try: return self['embedded'], (await self['embedded'].model(c.model)).name, f'PIANOLA_MODEL names {c.model}.'
            except Fault:
                if self.wanted == 'embedded' or c.model.endswith('.gguf'): raise
                sorry = f'PIANOLA_MODEL names {c.model}, which is not here. '
        if own := next((n for n in names if n not in self['ollama'].cloud), ''):      # auto never sends text to somebody else's machine
            return (self['ollama'], own,
                    f'{sorry}Ollama answers and has {own}.' if self.wanted == 'auto' else f'{sorry}PIANOLA_ENGINE asks for Ollama.')
        if self.wanted == 'ollama':
            raise Fault('no-model', 'Ollama runs but has no model of its own.',
                        'Download one here or in the model picker; `ollama pull qwen2.5-coder:1.5b` does the same.',
                        ('ollama', 'qwen2.5-coder:1.5b'))
        best = await self['embedded'].default()
        why = 'PIANOLA_ENGINE asks for the built-in engine.' if self.wanted == 'embedded' else f"Built in: {(away or 'Ollama has no model.').strip()}"
        return self['embedded'], best, sorry + why

    async def models(self):
        "The models of every engine; one that is away has none"
        async def of(d):
            try: return await d.models()
            except Fault: return []
        return [m for ms in await asyncio.gather(*map(of, self)) for m in ms]
    async def forget(self): await asyncio.gather(*(d.forget() for d in self))
    async def close(self): await asyncio.gather(*(d.close() for d in self))
