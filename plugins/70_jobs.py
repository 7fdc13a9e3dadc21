"Jobs: what runs, waits and failed, with its log; and what begins by itself."
from pianola import Button, Details, Div, Form, H2, Input, Option, Page, Select, Summary, job_list, plans

page = Page()

@page
async def index(): return await plans(), tools(), await job_list()

def tools():
    "Words and a state narrow the list; what is long over can be cleared away"
    over = ('done', 'failed', 'cancelled')
    said = {'running': 'What runs', 'waiting': 'What waits', 'failed': 'What failed', 'cancelled': 'What was stopped', 'done': 'What is done'}
    some = Form(Input(type='search', name='words', placeholder='Search', aria_label='Words in it'),
                Select(Option('Everything', value=''), *[Option(t, value=k) for k, t in said.items()],
                       name='state', aria_label='In which state'),
                cls='tools', hx_get='/api/jobs', hx_trigger='change, input changed delay:250ms from:find input, submit',
                hx_target='#job-list', hx_swap='outerHTML')
    what = Select(*[Option(said[k].lower().removeprefix('what '), value=k) for k in over], name='state', aria_label='What to clear')
    age = Select(*[Option(t, value=d) for t, d in (('a day', 1), ('a week', 7), ('a month', 30), ('no time', 0))],
                 name='days', aria_label='For how long')
    clear = Form('What ', what, ' for more than ', age, Button('Clear', cls='quiet'),
                 cls='tools', hx_post='/api/actions/jobs.clear', hx_swap='none')
    return Div(H2('Long work'), some, Details(Summary('Clear …'), clear, cls='clear'), cls='job-tools')
