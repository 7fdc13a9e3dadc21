"Roll: everything that was done, and by whom. Whatever changed something can be undone."
from pianola import Button, Form, Input, Li, Ol, Option, P, Page, Select, Small, item, loaded, outcome, put, story, when

page = Page()
who = {'user': 'You', 'model': 'The model', 'agent': 'An agent', 'roll': 'A roll', 'app': 'Pianola'}
line = lambda e: Li(when(e['at']), ' ', Small(who.get(e['by'], e['by'])), outcome(e), id=f"roll-{e['id']}", data_pos=-e['id'])

@page
async def index(): return filters(), await listing()

def filters():
    return Form(Input(type='search', name='words', placeholder='Search', aria_label='Words in it'),
                Select(Option('Everybody', value=''), *[Option(t, value=k) for k, t in who.items()], name='by', aria_label='Who did it'),
                Select(Option('Everything', value=''), *[Option(p.title, value=n) for n, p in loaded.items()],
                       name='plugin', aria_label='In which plugin'),
                cls='tools', hx_get='/roll/list', hx_trigger='change, input changed delay:250ms from:find input, submit',
                hx_target='#roll,#roll-some', hx_swap='outerHTML')

@page.get('/list')
async def listing(words: str = '', by: str = '', plugin: str = ''):
    return Ol(*await lines(words, by, plugin), id='roll-some' if words or by or plugin else 'roll', cls='activity', aria_label='What was done')

@page.get('/more')
async def lines(words: str = '', by: str = '', plugin: str = '', before: int = 0):
    found = await story(words, by, plugin, before, 51)
    if not found:
        nothing = 'Nothing yet. Whatever you or the model change is listed here, and can be undone.'
        return [Li(P('Nothing here.' if words or by or plugin else nothing), cls='nothing')]
    if len(found) <= 50: return [*map(line, found)]
    earlier = Button('Earlier', type='button', cls='quiet', hx_get='/roll/more', hx_target='closest li', hx_swap='outerHTML',
                     hx_vals={'words': words, 'by': by, 'plugin': plugin, 'before': found[49]['id']})
    return [*map(line, found[:50]), Li(earlier)]

@page.hears
async def news(e):
    "A new line on top, wherever all of them are looked at; what it takes back loses its button"
    if e.kind not in ('action', 'note') or not e.text: return
    put(*[item(f"roll-{n['id']}", line(n), 'roll') for n in [*await story(id=e.id), *await story(id=e.data.get('undoes') or -1)]], seq=e.id)
