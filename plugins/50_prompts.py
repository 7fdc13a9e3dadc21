"Prompts: who the model is today. What is changed here is written to the file, and can be undone."
from pianola import (Article, Button, Code, Details, Div, Form, H2, Input, Label, Li, Ol, Option, P, Page, Pre, Select, Span, Summary,
                     Textarea, kept_in, prompt_layers, when)

page = Page()

@page
async def index(of: str = 'system'): return Div(await stack(), await editor(of), id='prompts')

async def stack():
    "What the model is told before anybody speaks, layer by layer"
    on = lambda name: Label(Input(type='checkbox', name='on', value='true', checked=name not in prompt_layers.prompts.off,
                                  hx_post='/api/actions/prompts.switch', hx_swap='none', hx_trigger='change',
                                  hx_vals={'layer': name, 'on': name in prompt_layers.prompts.off}), Code(name))
    layers = [*prompt_layers.prompts.layers(await kept_in('app', 'open', '')), ('examples', prompt_layers.prompts.layer('examples'))]
    choose = Select(Option('No expert', value=''),
                    *[Option(n, value=n, selected=n == prompt_layers.prompts.expert) for n in prompt_layers.experts()],
                    name='expert', aria_label='Expert', hx_post='/api/actions/prompts.use', hx_swap='none', hx_trigger='change')
    read = lambda n, t: Details(Summary('Read'), Pre(t, cls='text'), id=f'read-{n}')
    return Article(H2('What is on'), Ol(*[Li(on(n), Span(f' {len(t):,} characters', cls='help'), read(n, t)) for n, t in layers]),
                   choose if prompt_layers.experts() else None, cls='card layers')

async def editor(of):
    "A file, its preview as a diff, and how it was before"
    pick = Select(*[Option(n, value=n, selected=n == of) for n in dict.fromkeys([*prompt_layers.files(), of])],
                  name='of', aria_label='Which prompt', hx_get='/prompts', hx_push_url='true',
                  hx_select='#prompt-edit', hx_target='#prompt-edit', hx_swap='outerHTML')
    outside = P('It was changed elsewhere while you wrote. To keep yours replaces that; “What would change” shows both. ',
                Button('Take the new one', type='reset', cls='quiet'), cls='outside', role='status', hidden=True)
    would = Button('What would change', type='button', cls='quiet', hx_post='/prompts/diff', hx_target='#prompt-diff', hx_swap='innerHTML',
                   hx_include='closest form')
    form = Form(Input(type='hidden', name='name', value=of),
                Textarea(prompt_layers.text(of), name='text', rows=12, aria_label=f'The prompt {of}', spellcheck='false'), outside,
                Div(Button('Keep'), would, cls='ways'), hx_post='/api/actions/prompts.write', hx_swap='none')
    was = [Details(Summary('As it was until ', when(at)), Pre(text, cls='text')) for _, at, text in await prompt_layers.before(of)]
    return Article(H2('Edit ', pick), form, Div(id='prompt-diff'), *was, id='prompt-edit', cls='card')

@page.post('/diff')
async def diff(name: str, text: str):
    lines = prompt_layers.diff(name, text.replace('\r\n', '\n'))[2:]
    return Pre(*[Span(l + '\n', cls={'+': 'more', '-': 'less'}.get(l[:1])) for l in lines] or 'Nothing would change.', cls='text diff')
