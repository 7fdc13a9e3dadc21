"Introduction: a tour of three steps. One click begins it, and the model says hello."
from typing import Literal
from pianola import Div, Flow, P, Strong, kv, talk

flow = Flow()

@flow.step(button='Start the tour')
async def welcome():
    """Shall we begin?
    One click starts the tour and lets the model speak, in the chat beside it."""
    await talk('Hello! Tell me in one or two short sentences who you are.')
    return {'name': await kv.get('name', ''), 'colour': await kv.get('colour', 'green')}

@flow.step(button='Remember')
async def you(name: str, colour: Literal['red', 'orange', 'green', 'teal', 'blue', 'purple'] = 'green'):
    """What is your name, and your favourite colour?
    Both are kept on this machine, and known when you start a new run."""
    await kv.set('name', name)
    await kv.set('colour', colour)

@flow.step(auto=True)
async def known(name):
    "What is remembered now"
    colour = await kv.get('colour')
    await talk(f'My name is {name} and my favourite colour is {colour}. Greet me by my name in one short sentence.')
    return Div(P('Hello, ', Strong(name), ', in ', Strong(colour, cls=f'ink-{colour}'), '.'),
               P('Steps fold when they are done. “Change” goes back to one; what was there stays as a branch. The menu has more plugins; '
                 'each is a short file in the plugins folder.'))
