"""How a run looks: a bar with its name and the other runs, and a card a step, which folds when it is done.

    whole(flow, tx, run)  everything         parts(flow, tx, run)  [(id, tags)]: the bar and each card, to be put in place one by one"""
import json, time
from fasthtml.common import (A, Button, Details, Div, Form, Header, Input, Label, Li, Option, P, Pre, Progress, Section, Select, Small,
                             Span, Strong, Summary, Table, Tbody, Td, Th, Thead, Tr, Ul)
from ..asking import forms
from ..loading.plugins import plugins, to_chat
from ..tabs import dumps
from ..work import board, journal
from . import results, runs

def key(words, action, args, cls='quiet', **kw):
    "A button that presses a key"
    return Button(words, type='button', cls=cls, hx_post=f'/api/actions/{action}', hx_vals=dumps(args), hx_swap='none', **kw)

def make(words, flow, verb, args, cls='quiet', **kw):
    "A button that makes a run and goes to it"
    return Button(words, type='button', cls=cls, hx_post=f'/api/flows/{flow}/{verb}', hx_vals=dumps(args), hx_swap='none', **kw)

def whole(flow, tx, r):
    "The left side on a run"
    if r['deleted']:
        ways = Div(make('Start a new one', flow.name, 'start', {}, ''),
                   A('The other runs', href=f'/{flow.plugin_name}', cls='button quiet'), cls='ways')
        return Section(P(f"The run “{r['name']}” was deleted."), ways, id=f'{flow.name}-flow', cls='flow',
                       data_run=r['id'], data_flow=flow.name)
    return Section(*[ft for _, ft in parts(flow, tx, r)], id=f'{flow.name}-flow', cls='flow', data_run=r['id'], data_flow=flow.name)

def parts(flow, tx, r):
    v, folds = flow.look(tx, r), runs.folds(tx, r['id'])
    return [(f'{flow.name}-bar', bar(flow, tx, r, v)), *[(f'{flow.name}-{s.name}', card(flow, tx, v, s, folds)) for s in flow.steps.values()]]

def bar(flow, tx, r, v):
    "Which run this is, and what can be done with a whole one"
    id, n = {'run': r['id']}, flow.name
    others = [o for o in runs.listed(tx, n, limit=50) if o['id'] != r['id']]
    done = sum(v.state(s) in ('done', 'locked') and s in v.now for s in flow.steps)
    compare = Form(Select(Option('Compare with …', value=''), *[Option(o['name'], value=o['id']) for o in others], name='with',
                          aria_label='Compare with'), hx_get=f"/api/runs/{r['id']}/compare", hx_trigger='change', hx_target='#dialog',
                          hx_swap='innerHTML') if others else None
    ways = Div(make('Duplicate', n, 'fork', id), key('Unlock' if r['locked'] else 'Lock', f'{n}.lock', id | {'locked': not r['locked']}),
               A('Export', href=f"/api/runs/{r['id']}.zip", download=True, cls='button quiet'),
               Label('Import', Input(type='file', accept='.zip', cls='sr import-run', data_flow=n), cls='button quiet'),
               key('Delete', f'{n}.delete', id, 'quiet bad'), cls='ways')
    address = f"/jobs?plan={n}.again+{r['id']}"
    plan = A('Begin it regularly …', href=address, hx_get=address, hx_target='#main', hx_swap='outerHTML', hx_push_url='/jobs',
             cls='button quiet plan') if r['head'] and 'jobs' in plugins else None
    rename = Form(Input(name='name', value=r['name'], aria_label='Name of the run', maxlength=200), Button('Rename'),
                  hx_post=f'/api/actions/{n}.name', hx_vals=dumps(id), hx_swap='none', cls='rename')
    more = Details(Summary('More', aria_label='More for this run'), Div(rename, ways, compare, plan, cls='drop'), cls='menu', id=f'{n}-more')
    search = Input(type='search', name='words', placeholder=f'Search runs of {flow.title}', aria_label='Search runs', autocomplete='off',
                   hx_get=f'/api/flows/{n}/runs?now={r["id"]}', hx_trigger='input changed delay:200ms, search',
                   hx_target='next .run-list', hx_swap='innerHTML')
    choose = Details(Summary(Span(r['name'], cls='t')), Div(search, Div(run_list(flow, tx, '', r['id']), cls='run-list'), cls='drop'),
                     cls='menu', id=f'{n}-runs')
    return Header(choose, Small('locked', cls='badge') if r['locked'] else None, Small(f'{done} of {len(flow.steps)}', cls='count'),
                  make('New run', n, 'start', {}, 'quiet start'), more, id=f'{n}-bar', cls='bar')

def run_list(flow, tx, words, now):
    found = runs.listed(tx, flow.name, words, 100)
    when = lambda t: time.strftime('%d %b %H:%M', time.localtime(t)) if time.time()-t > 86400 else time.strftime('%H:%M', time.localtime(t))
    def row(o):
        address = f"/{flow.plugin_name}?run={o['id']}"
        return Li(A(Span(o['name'], cls='t'), Small(when(o['used']) + (' · locked' if o['locked'] else '')),
                    href=address, hx_get=address, hx_target='#main', hx_swap='outerHTML', hx_push_url=address,
                    aria_current='true' if o['id'] == now else None))
    return Ul(*map(row, found), cls='runs') if found else P('Nothing found.' if words else 'No run yet.', cls='none')

words = {'waiting': 'later', 'open': '', 'running': 'running', 'done': 'done', 'failed': 'failed', 'stale': 'out of date', 'locked': 'locked'}

def card(flow, tx, v, s, folds):
    "One step"
    a, r, state = v.now.get(s.name, (None,))[0], v.r, v.state(s.name)
    last = a and a['result'] and s.name == list(flow.steps)[-1]
    open_ = folds.get(s.name, state in ('open', 'running', 'failed', 'stale') or bool(last))
    result = json.loads(a['result']) if a and a['result'] else None
    inputs = json.loads(a['inputs']) if a else {}
    short = ''
    if a and a['status'] == 'done':
        given = ', '.join(n.replace('_', ' ') if x is True else s.called(n, x)[:40] for n, x in inputs.items() if x not in ('', None, False))
        short = ' · '.join(x for x in (given, brief(s, result)) if x)[:100]
    head = Summary(Span(cls='mark'), Strong(s.question), Small(short, cls='short') if short else None,
                   Small(words[state], cls='state') if words[state] else None)
    body = [P(s.words.strip().replace('`', ''), cls='soft')] if s.words.strip() else []
    id = {'run': r['id'], 'step': s.name}
    if state == 'waiting': body.append(P('Its turn comes when the steps above are done.', cls='soft'))
    elif state == 'open' or state == 'failed':
        if state == 'failed': body.append(failed(a, to_chat('Help me with this error', 'plugins.mend', {'answer': a['id']})))
        body.append(form(flow, tx, v, s, a, inputs))
    elif state == 'running':
        body += [said(s, inputs, tx), running(flow, tx, a, id)]
    elif a:
        if state == 'stale': body.append(Div(P(why(v, s, a)), again(flow, s, id), cls='trouble mild'))
        body += [said(s, inputs, tx), outcome(s, result, f"/api/answers/{a['id']}"), foot(flow, tx, a, id) if state != 'locked' else None]
    return Details(head, Div(*body, cls='inside'), id=f'{flow.name}-{s.name}', data_state=state,
                   data_fold=f"/api/runs/{r['id']}/folds/{s.name}", open=open_, cls='step')

def parts_of(s, result):
    """A result with names, taken apart: (what is for people, what only later steps need);
    None where the step did not say what it shows, or it is too large to be taken apart"""
    v = result.get('v') if s.shows and result and result['k'] in ('data', 'many') else None
    if not isinstance(v, dict) or not (first := {n: v[n] for n in s.shows if n in v}): return None
    return {**result, 'v': first}, {**result, 'v': {n: x for n, x in v.items() if n not in first}}
def brief(s, result):
    "A result in a few words"
    if not (two := parts_of(s, result)) or result['k'] != 'data': return results.line(result, 60)
    return ' · '.join(results.few(x) for x in two[0]['v'].values())
def outcome(s, result, url):
    "A result for the eye"
    if not (two := parts_of(s, result)): return results.show(result, url)
    return Div(results.show(two[0], url), Details(Summary('All that is kept'), results.show(two[1], url), cls='rest') if two[1]['v'] else None)

def said(s, inputs, tx):
    if not inputs: return None
    pair = lambda n, x: Div(Small(s.fields[n].title if n in s.fields else n, cls='name'),
                            s.fields[n].show(forms_back(s.fields[n], x), tx) if n in s.fields else Span(str(x)), cls='pair')
    return Div(*[pair(n, x) for n, x in inputs.items()], cls='pairs said')
def forms_back(f, plain):
    try: return f.parse(plain) if plain not in ('', None, []) else plain
    except ValueError: return str(plain)

def form(flow, tx, v, s, a, inputs):
    "The step's form: half-typed values first, then the answer there was, then what earlier steps say, then the defaults"
    memory, r = v.memory(s.name), v.r
    asks = s.asks(memory)
    draft = runs.draft(tx, r['id'], s.name)
    tried = tx.value('select tried from draft where run=? and step=?', r['id'], s.name)
    known = {n: memory[n][0]['v'] for n in asks if n in memory and memory[n][0]['k'] == 'data' and 'v' in memory[n][0]}
    known |= {n: x for n, x in inputs.items() if n in asks and asks[n].kind != 'secret'} | {n: x for n, x in draft.items() if n in asks}
    typed = [n for n, x in draft.items() if x not in ('', None)]
    wrong = forms.read(asks, known if tried else draft, only=None if tried else typed)[1] if draft or tried else {}
    fields = [f.input(known[n] if n in wrong else forms_back(f, known[n]) if n in known else None, tx, error=wrong.get(n, ''),
                      id=f'{flow.name}-{s.name}-{n}') for n, f in asks.items()]
    ways = [Button(s.button, cls='run')]
    if a: ways.append(key('Leave it as it was', f'{flow.name}.stay', {'run': r['id']}) if r['redo'] == s.name else None)
    return Form(*fields, Div(*ways, tries(flow, tx, a) if a else None, cls='ways'),
                hx_post=f"/api/runs/{r['id']}/steps/{s.name}", hx_swap='none', hx_disabled_elt='find button.run', novalidate=True,
                data_draft=f"/api/runs/{r['id']}/drafts/{s.name}", cls='ask')

def running(flow, tx, a, id):
    parts = journal.units(tx, a['job'], 'partial:') if a['job'] else []
    stop = Div(Button('Running', disabled=True, aria_busy='true', cls='run'), key('Stop', f'{flow.name}.cancel', id), cls='ways')
    return Div(board.bar(tx, a['job']) if a['job'] else Progress(), results.tree(parts[-20:]) if parts else None, stop, cls='at-work')
def failed(a, way=None):
    lines = (a['error'] or 'It broke.').strip()
    last = lines.rpartition('\n')[2]
    return Div(P(last), Details(Summary('Where'), Pre(lines)) if last != lines else None,
               way if a['error'] and not a['error'].startswith(('Stopped.', 'stopped')) else None, cls='trouble')
def why(v, s, a):
    "Why an answer is out of date, in words"
    used, memory = json.loads(a['used']), v.memory(s.name)
    changed = [k for k, h in used.items() if k not in memory or memory[k][1] or results.fingerprint(memory[k][0]) != h]
    if changed: return f"{', '.join(changed).capitalize()} {'has' if len(changed) == 1 else 'have'} changed since."
    return 'The code of this step has changed since.'
def again(flow, s, id):
    if any(f.kind == 'secret' for f in s.fields.values()): return key('Answer it again', f'{flow.name}.back', id, 'go')
    return key('Run again', f'{flow.name}.run', id, 'go')
def foot(flow, tx, a, id):
    took = f" · {a['ended']-a['at']:.1f} s" if a['ended'] and a['ended']-a['at'] >= .1 else ''
    return Div(key('Change', f'{flow.name}.back', id, 'quiet back', title='Answer it another way; what is here stays as a branch'),
               make('Fork from here', flow.name, 'fork', id, 'quiet fork', title='A new run that is the same up to here'),
               tries(flow, tx, a),
               Small(time.strftime('%d %b %H:%M', time.localtime(a['ended'] or a['at'])) + took, cls='when'), cls='ways foot')
def tries(flow, tx, a):
    "‹ 1/2 ›"
    all_ = runs.siblings(tx, a)
    if len(all_) < 2: return None
    at = all_.index(a['id'])
    step = lambda i, w, label: (key(w, f'{flow.name}.pick', {'answer': all_[i]}, aria_label=label) if 0 <= i < len(all_)
                                else Span(w, cls='off'))
    return Span(step(at-1, '‹', 'Earlier answer'), Span(f'{at+1}/{len(all_)}'), step(at+1, '›', 'Later answer'), cls='tries')

def compared(flow, tx, one, two):
    "Two runs side by side: what was put in and what came out"
    vs = [flow.look(tx, r) for r in (one, two)]
    def cell(v, s):
        a = v.now.get(s.name, (None,))[0]
        if not a: return Td(Span('—', cls='none'))
        return Td(said(s, json.loads(a['inputs']), tx),
                  outcome(s, json.loads(a['result']), f"/api/answers/{a['id']}") if a['result'] else None,
                  failed(a) if a['status'] == 'failed' else None)
    def same(s):
        a, b = (v.now.get(s.name, (None,))[0] for v in vs)
        return bool(a) == bool(b) and (not a or (a['inputs'], a['result'], a['status']) == (b['inputs'], b['result'], b['status']))
    rows = [Tr(Th(s.question, Small('the same' if same(s) else 'different'), scope='row'), cell(vs[0], s), cell(vs[1], s),
               cls='same' if same(s) else 'differs') for s in flow.steps.values()]
    return Div(Table(Thead(Tr(Td(), Th(one['name']), Th(two['name']))), Tbody(*rows)), cls='table compare')
