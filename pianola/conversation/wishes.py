"""What a sentence asks of a plugin, and not of a row: a key by one of its phrases, a step of the flow that is open, a setting.
What comes of it is the answer, and no model is asked.

    heard(tx, text, plugin, runs) → a Wish · None when it asks nothing of the kind"""
import re
from dataclasses import dataclass, field
from ..loading import settings
from ..loading.plugins import plugins
from ..reading.language import language, languages
from ..reading.world import Op
from . import understand

@dataclass
class Wish:
    "What is to be done: a key is pressed, something is said, or it is asked which of several keys is meant"
    name: str = ''
    args: dict = field(default_factory=dict)
    says: str = ''
    which: list = field(default_factory=list)

def heard(tx, text, plugin, runs=()):
    "The Wish of a sentence, where `plugin` is open in the tab that it comes from, with these runs of flows in view"
    if got := understand.spoken(text, plugin): return Wish(*got)
    said = understand.bare(text)
    if not said or len(said) > 200: return None
    return of_flow(tx, said, plugin, runs) or of_setting(tx, said, plugin)

def means_rows(tx, said):
    "What rules would do to rows that are there, if the sentence is about these"
    return [o for o in understand.read(tx, said).ops if o.id is not None]

# flows

def of_flow(tx, said, plugin, runs):
    "A step of the flow that is open; of several flows the one that is named"
    flows = [k for k in getattr(plugins.get(plugin), 'kinds', ()) if hasattr(k, 'wished')]
    if not flows: return None
    of = next((m for c in languages() if (p := language(c).flow.get('of')) and (m := re.search(f'{p}$', said, re.I))
               and any(m['flow'].casefold() in (f.name.casefold(), f.title.casefold()) for f in flows)), None)
    if of: said, flows = said[:of.start()], [f for f in flows if of['flow'].casefold() in (f.name.casefold(), f.title.casefold())]
    got = {f.name: g for f in flows if (g := f.wished(tx, said, f.of_mine(tx, runs)))}
    if not got: return None
    if len(got) > 1: return Wish(says=f"Which flow: {', '.join(f.title for f in flows if f.name in got)}? Say “{said} in” and its name.")
    if means_rows(tx, said):
        return Wish(says=f'That may mean a step of {flows[0].title} or a row. Name the step (“run step 2”) or the row.')
    (one,) = got.values()
    return Wish(says=one) if isinstance(one, str) else Wish(*one)

# settings

def of_setting(tx, said, plugin):
    "A setting of a plugin, the open one first: named plainly, its value read as its form would; a secret is never set here"
    for code in languages():
        lang = language(code)
        for p in lang.settings.get('set', ()):
            if not (m := re.fullmatch(p, said, re.I)): continue
            found = meant(lang, m['name'], plugin)
            if not found: continue
            here = any(p == plugin for p, _ in found)
            rows = means_rows(tx, said)
            if rows and not here: return None           # a row that is named so is nearer than a plugin that is not open
            if closed := next(((p, n) for p, n in found if shut(p, n, m['value'])), None):
                return Wish(says=f'{closed[1]} of {plugins[closed[0]].title} is a secret, or would hold one: write it in the settings, where it '
                                 'is kept apart and never shown. What is said here stays in the conversation until you delete it.')
            args = [{'plugin': p, 'values': {n: value(lang, settings.owns[p].fields[n], m['value'])}} for p, n in found]
            if len(args) == 1 and not rows: return Wish('settings.change', args[0])
            return Wish(which=[*(Op('settings', 'change', values=a) for a in args), *rows])
    return None

def meant(lang, name, plugin):
    "[(plugin, setting)] that a name means: of the open plugin, also by a part of its name where that tells which; else of the others, by all of it"
    said = [w for w in re.findall(r"\w+", name.casefold().replace('_', ' ').replace("'s", '')) if w not in lang.settings['small']]
    exact, part = [], []
    for p, own in settings.owns.items():
        if p not in plugins: continue
        title = {w for t in (p.replace('_', ' '), plugins[p].title) for w in t.casefold().split()}
        for n in own.fields:
            words = n.casefold().split('_')
            rest = [w for w in said if w not in title or w in words]
            if said == words or rest == words or [w for w in words if w not in title] == rest != []: exact.append((p, n))
            elif p == plugin and rest and {*rest} < {*words}: part.append((p, n))
    return [f for f in exact if f[0] == plugin] or part or exact

def shut(plugin, n, text):
    "Must a value not be said here: one of a secret, or an address with a login in it?"
    return settings.owns[plugin].fields[n].kind == 'secret' or settings.half(text)

def value(lang, f, text):
    "What was said, as it would be written in the form"
    text = text.strip().strip('"“”\'').strip()
    low = text.casefold()
    if f.kind == 'bool': return True if low in lang.settings['on'] else False if low in lang.settings['off'] else text
    if f.kind in ('int', 'float') and (n := lang.number(text, f.kind == 'int')) is not None: return n
    if f.kind == 'date' and (d := lang.day(text)): return d
    if f.kind == 'choice': return next((f.plain(c) for c in f.choices if f.written(c).casefold() == low), text)
    return text
