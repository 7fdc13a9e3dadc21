"A plugin to begin with: `python -m pianola new crud|flow|page NAME` writes one that runs, to be changed."
import keyword, re
from . import config
from .contain import Refused
from .loading.plugins import on_page, own_names, own_tables, plugin_name, reserved

crud = '''"{title}: what is worth keeping."
from pianola import Crud

class {one}:
    name: str
    done: bool = False

{name} = Crud({one})
'''
page = '''"{title}: a page of its own."
from pianola import Button, P, Page, kv, show

page = Page()

@page
async def index():
    return P('Pressed ', await kv.get('times', 0), ' times.', id='{name}-said'), Button('Press', hx_post='/{name}/press', hx_swap='none')

@page.post('/press')
async def press():
    "Remember it, then show it in every tab"
    await kv.set('times', times := await kv.get('times', 0) + 1)
    await show(P('Pressed ', times, ' times.', id='{name}-said', hx_swap_oob='true'))
'''
flow = '''"{title}: ask for a site, walk it, report."
import asyncio
from pianola import Flow, Url

flow = Flow()

@flow.step
def site(url: Url = 'https://example.com', pages: int = 5):
    "Which site shall we walk?"

@flow.step
async def walk(job, url, pages):
    "Walk it"
    found = []
    for n in range(1, pages + 1):
        await asyncio.sleep(.2)                        # here the real work is done, a page at a time
        found.append(f'{{url}}/page{{n}}')
        await job.progress(n, pages, found[-1])
    return {{'links': found}}

@flow.step
def report(links):
    "What was found"
    return f'{{len(links)}} pages were found.'
'''
kinds = {'crud': crud, 'flow': flow, 'page': page}

def write(kind, name, folder):
    "Write a new plugin of this kind into a folder; its path comes back"
    name = name.removesuffix('.py').lower().replace('-', '_').replace(' ', '_')
    if kind not in kinds: raise Refused(f'there is no kind {kind}', f"there is {', '.join(kinds)}")
    bare = plugin_name(folder/f'{name}.py')
    if not re.fullmatch(r'(\d+_)?[a-z][a-z0-9_]*', name) or bare in reserved or keyword.iskeyword(bare):
        raise Refused(f'{name} cannot be the name of a plugin', f"use letters, digits and _, and none of {', '.join(sorted(reserved))}")
    if kind == 'crud' and (bare in own_names | on_page or bare.endswith('_by_pos')):
        raise Refused(f'{bare} is the name of a table of our own',
                      f"choose another, e.g. my_{bare}; none of {', '.join(sorted(own_tables | on_page))}")
    if taken := next((p for p in folder.glob('*') if p.name[0] not in '_.' and plugin_name(p) == bare), None):
        raise Refused(f'{taken} is there already', 'choose another name')
    title = bare.replace('_', ' ').capitalize()
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder/f'{name}.py', folder/f'.{name}.new'
    part.write_text(kinds[kind].format(title=title, name=bare,
                                       one=''.join(w.capitalize() for w in (bare.removesuffix('s') or bare).split('_'))), 'utf-8')
    part.replace(path)              # at once: a server that watches the folder never sees half of it
    return path

async def new(argv):
    "`python -m pianola new crud|flow|page NAME [--plugins DIR]`"
    if len(argv) < 2: raise SystemExit(f'{config.python()} -m pianola new crud|flow|page NAME')
    try: path = write(argv[0], argv[1], config.read(argv[2:]).plugins)
    except Refused as e: raise SystemExit(f'{e.text}: {e.hint}' if e.hint else e.text) from None
    print(f'{path} is written; a running Pianola has it on the menu already. Change it and save. `{config.python()} -m pianola check '
          f'{path}` says what is wrong.')
    return 0
