"""What a sentence asks of the flow that is open: the next step, step 3, back to a step, a new run.
Where several steps may be meant nothing is done, and it is said which there are.

    heard(flow, tx, text, run) → (key, arguments) · a text that asks or says why not · None when it asks nothing of a flow"""
import re
from ..reading.language import language, languages

def heard(flow, tx, text, run=None):
    "The key of a flow that a whole sentence presses, with its arguments; a text where it cannot be told which step"
    for code in languages():
        lang = language(code)
        for what in ('back', 'next', 'start', 'finish', 'run'):
            m = next((m for p in lang.flow.get(what, ()) if (m := re.fullmatch(p, text, re.I))), None)
            if m and (got := wanted(flow, tx, lang, what, m.groupdict(), run)): return got
    return None

def wanted(flow, tx, lang, what, said, run):
    "`heard`, where it is clear what is asked for"
    at = {'run': run} if run else {}
    if what == 'start': return f'{flow.name}.start', {}
    v = flow.look(tx, flow.find(tx, run))
    if what == 'next': return f'{flow.name}.run', at
    if what == 'finish':
        left = [s for s in flow.steps.values() if v.state(s.name) != 'done']
        if not left: return f'Every step of {flow.title} is done.'
        if len(left) == 1: return f'{flow.name}.run', {'step': left[0].name, **at}
        return f"{len(left)} steps of {flow.title} are left: {listed(flow, left)}. One is run at a time: say “next step”, or which."
    if phrase := said.get('step') or said.get('name'):
        found = named(flow, lang, phrase)
        if len(found) == 1: return f"{flow.name}.{what}", {'step': found[0].name, **at}
        # “run the report” may be about something else
        if not found and not said.get('step'): return None
        return (f"Which step of {flow.title}: {listed(flow, found)}?" if found else
                f"{flow.title} has no step {phrase[:60]}; it has {listed(flow, flow.steps.values())}.")
    done = [s for s in flow.steps.values() if s.name in v.now]
    if said.get('last') and done: return f'{flow.name}.back', {'step': done[-1].name, **at}
    if len(done) == 1: return f'{flow.name}.back', {'step': done[0].name, **at}
    return f"Back to which step of {flow.title}: {listed(flow, done)}?" if done else f'No step of {flow.title} has an answer yet.'

def named(flow, lang, phrase):
    "The steps that a phrase may mean: by its number, its name, or words of its name and question"
    said, steps = phrase.strip().strip('"“”\'').casefold(), [*flow.steps.values()]
    n = lang.number(said)
    if n is None and said in lang.words['ordinals']: n = lang.words['ordinals'][said] % len(steps) + 1 if steps else None
    if n is not None: return [steps[int(n)-1]] if n == int(n) and 0 < n <= len(steps) else []
    if exact := [s for s in steps if said.replace(' ', '_') == s.name.casefold() or said == s.question.casefold().rstrip('?.')]: return exact
    want = {*lang.tokens(said)}
    return [s for s in steps if want and want <= {*lang.tokens(s.name.replace('_', ' '))} | {*lang.tokens(s.question)}]

def listed(flow, steps):
    "Steps as they are told: 2 walk, 3 report"
    order = [*flow.steps]
    return ', '.join(f'{order.index(s.name)+1} {s.name.replace("_", " ")}' for s in steps)
