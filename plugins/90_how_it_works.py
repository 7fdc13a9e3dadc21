"How it works: the rooms of the house, what happens in it just now, and the source of every plugin."
import re
from pianola import Article, Code, Details, H2, I, Li, Ol, P, Page, Pre, Small, Summary, Table, Td, Tr, house, item, loaded, put, viewers, when

page = Page()

def worded(t): return Code(t[1:-1]) if t[:1] == '`' else I(t[1:-1]) if t[:1] == '*' else t

@page
def index():
    rooms = Table(*[Tr(Td(Code(name)), Td(*map(worded, re.split(r'(`[^`]+`|\*[^*]+\*)', what)))) for name, what in house()], cls='rooms')
    sources = [Details(Summary(p.title, ' ', Small(p.path.name)), P(p.state, cls='help') if p.state != 'ok' else None,
                       Pre(Code(p.source()), cls='text'), id=f'source-{n}') for n, p in loaded.items()]
    return (P('click or chat → act → store → event → every tab shows it, and the model overhears it', cls='lead'),
            Article(H2('What happens just now'), Ol(id='events', cls='activity'), P('Do something, or say something.', cls='help'), cls='card'),
            Article(H2('The rooms'), P('Each builds on those above it only.', cls='help'), rooms, cls='card'),
            Article(H2('The plugins'), *sources, cls='card'))

@page.hears
async def event(e):
    if e.kind == 'piece' or not (to := viewers(page.plugin_name)): return
    line = Li(when(e.at), ' ', Code(f'{e.id} {e.kind} {e.what}'), ' ', Small(f'by {e.by}'), ' ', e.text[:120],
              id=f'event-{e.id}', data_pos=-e.id)
    put(item(f'event-{e.id}', line, 'events'), gone=[f'event-{e.id-50}'], to=to)
