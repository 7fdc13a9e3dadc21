"""How well it understands: files of requests through the whole path, a real store and a real model, counted.

    python -m pianola eval FILE… [--engine auto|ollama|embedded|none] [--model NAME] [--json OUT]

A case file holds tables, rows before, requests and the operations that would be right; see
docs/understanding.md. Exit code 1 when a row was deleted that nobody asked to delete."""
import asyncio, json, keyword, math, operator, re, sys, tempfile, time
from collections import Counter
from pathlib import Path
from loguru import logger
from . import config, prompts
from .actions import each
from .conversation import chat, orders
from .engines import Engines, Fault
from .loading.plugins import plugins, reserved
from .store import store

types = {'int': 'int', 'float': 'float', 'number': 'float', 'str': 'str', 'text': 'str', 'bool': 'bool', 'date': '_date', 'url': 'Url'}
blank = {'int': '0', 'float': '0.0', 'str': "''", 'bool': 'False', '_date': 'None', 'Url': "''"}

def source(name, columns):
    "The plugin that a table of a case file is"
    cols = {k: t if re.fullmatch(r"Literal\[(?:'[^'\\]*'(?:, )?)+\]", t) else types.get(t, 'str') for k, t in columns.items() if k != 'id'}
    main = next((k for k, t in cols.items() if t == 'str'), next(iter(cols)))
    lines = '\n'.join(f"    {k}: {f'{t} | None' if t == '_date' or t[:8] == 'Literal[' else t}"
                      + ('' if k == main else f" = {blank.get(t)}") for k, t in cols.items())
    return (f'"{name.capitalize()}: from a case file."\nfrom datetime import date as _date\nfrom typing import Literal\n'
            f'from pianola import Crud, Url\nclass {name.capitalize()}:\n{lines}\n{name} = Crud({name.capitalize()})\n')

# what tables use themselves, and what a column of that name is called here
columns = {'words': 'word_count', 'pos': 'position', 'where': 'place', **{k: f'{k}_name' for k in keyword.kwlist}}
def renamed(file, taken):
    """The same cases where a table is called like one of the app's own (a plumber's `job`)
    or a column like what tables use themselves: called otherwise, as near as can be"""
    there = file['schema']['tables']
    other = {n: next(m for m in (f'{n}s', f'{n}_list', f'{n}_table') if m not in taken and m not in there) for n in there if n in taken}
    col = {t: {c: columns[c] for c in cs if c in columns and columns[c] not in cs} for t, cs in there.items()}
    if not other and not any(col.values()): return file
    row = lambda t, r: {col.get(t, {}).get(c, c): v for c, v in r.items()}
    rows = lambda state: {other.get(t, t): [row(t, r) for r in rs] for t, rs in state.items()}
    def op(o):
        t = o.get('table')
        return (o | {k: row(t, o[k]) for k in ('values', 'filter') if o.get(k)}
                | ({'by': col.get(t, {}).get(o['by'], o['by'])} if o.get('by') else {}) | ({'table': other.get(t, t)} if t else {}))
    ops = lambda found: [op(o) for o in found]
    case = lambda c: (c | {'expected': ops(c['expected']), 'also_accept': [ops(a) for a in c.get('also_accept') or []]}
                      | ({} if isinstance(c['state'], str) else {'state': rows(c['state'])}))
    return file | {'schema': file['schema'] | {'tables': {other.get(t, t): row(t, cs) for t, cs in there.items()}},
                   'states': {k: rows(v) for k, v in file.get('states', {}).items()}, 'cases': [case(c) for c in file['cases']]}

def norm(v):
    "As the scoring compares: case, quotes, end punctuation and a leading article do not count"
    if isinstance(v, bool) or v is None: return v
    if isinstance(v, (int, float)): return float(v)
    return re.sub(r'^(?:the|an?|der|die|das|eine?n?)\s+', '', str(v).casefold().strip().strip('"\'“”„').rstrip('.!?').strip())

signs = {'<': operator.lt, '<=': operator.le, '>': operator.gt, '>=': operator.ge, '!=': operator.ne}
def holds(now, wanted):
    "Is a value what a filter says, {'due': {'<': '2026-12-01'}} for one?"
    if not isinstance(wanted, dict): return norm(now or None) == norm(wanted) if wanted is None else norm(now) == norm(wanted)
    return all(norm(now or None) != norm(v) if s == '!=' else now not in (None, '') and signs[s](norm(now), norm(v)) for s, v in wanted.items())

def alike(did, wanted, rows):
    "Do two lists of operations say the same, in whatever order?"
    def one(a, b):
        if a['op'] != b['op'] or a['table'] != b['table']: return False
        if a['op'] in ('update', 'delete', 'move') and a.get('id') != b.get('id') or a['op'] == 'move' and a.get('before') != b.get('before'):
            return False
        if a['op'] in ('create', 'update'):
            x, y = ({k: norm(v) for k, v in o.get('values', {}).items()} for o in (a, b))
            return all(x.get(k) == v for k, v in y.items()) and all(k in y or v in ('', False, 0.0, None) for k, v in x.items())
        if a['op'] == 'sort': return a.get('by') == b.get('by') and a.get('order', 'asc') == b.get('order', 'asc')
        if a['op'] == 'sum' and a.get('column') != b.get('column'): return False
        if (a['op'] == 'sum' or a['op'] == 'read' and a.get('filter')) and b.get('filter') != a['filter']:
            pick = lambda f: {r['id'] for r in rows.get(a['table'], ()) if all(holds(r.get(k), v) for k, v in (f or {}).items())}
            return pick(a['filter']) == pick(b.get('filter'))
        return True
    left = list(wanted)
    for a in did:
        if (hit := next((n for n, b in enumerate(left) if one(a, b)), None)) is None: return False
        left.pop(hit)
    return not left

def operation(name, args):
    "An action as case files write it; None for one that is none"
    table, _, verb = name.partition('.')
    op = {'create': 'create', 'update': 'update', 'delete': 'delete', 'list': 'read', 'sort': 'sort', 'move': 'move', 'sum': 'sum'}.get(verb)
    if not op: return None
    values = {k: v for k, v in args.items() if k not in ('id', 'where', 'limit', 'by', 'order')}
    out = {'op': op, 'table': table}
    if op in ('update', 'delete', 'move'): out['id'] = args.get('id')
    if op == 'move': out['before'] = args.get('before')
    if op in ('create', 'update'): out['values'] = values
    if op in ('read', 'sum'): out['filter'] = args.get('where') or None
    if op == 'sum': out['column'] = args.get('column')
    if op == 'sort': out |= {'by': args.get('by'), 'order': args.get('order', 'asc')}
    return out
def flat(name, args):
    return [o for one in each(name, args) if (o := operation(*one))]

class Silent:
    "No model at all: what rules alone can do"
    async def choose(self, remembered=''): raise Fault('no-engine', 'This evaluation runs without a model.')
    async def forget(self): return
    async def close(self): return
    async def models(self): return []

async def run(case, file):
    "One request, from the rows before to what became of it"
    rows = file['states'][case['state']] if isinstance(case['state'], str) else case['state']
    def before(tx):
        for t in ('log', 'approval', 'message', 'conversation', 'last_id'): tx.run(f'delete from {t}')
        for name in file['schema']['tables']:
            tx.run(f'delete from "{name}"')
            for n, r in enumerate(rows.get(name, ())):
                keys = list(r)
                tx.run(f'''insert into "{name}"({",".join(f'"{k}"' for k in keys)},pos) values ({",".join("?"*len(keys))},?)''',
                       *[int(v) if isinstance(v, bool) else v for v in r.values()], n+1)
    await store.write(before)
    began = time.perf_counter()
    conversation, _ = await chat.say(case['utterance'])
    runner = chat.runners.get(conversation)
    if runner: await asyncio.wait({runner.task}, timeout=180)
    took = time.perf_counter() - began
    def after(tx):
        done = [(e['what'], json.loads(e['data'])['args'], e['by']) for e in
                tx.q("select what, by, data from log where kind='action' and data like '%\"status\": \"done\"%' order by id") if e['what'] != 'undo']
        return (done, tx.q("select action, args, choice from approval where status='waiting' order by id"),
                tx.value("select count(*) from message where role='assistant' and json_extract(stats, '$.tokens')>0"))
    done, waits, spoke = await store.read(after)
    did = [o for n, a, _ in done for o in flat(n, a)]
    asked = [o for w in waits if w['choice'] for o in flat(w['action'], json.loads(w['args']))]
    offered = [o for w in waits if not w['choice'] for o in flat(w['action'], json.loads(w['args']))]
    accepted = [case['expected'], *(case.get('also_accept') or [])]
    fits = any(alike(did, a, rows) for a in accepted)
    wrote = [o for o in did if o['op'] in ('create', 'update', 'delete', 'move')]
    harm = wrote if not fits and not any(all(any(alike([o], [x], rows) for x in a) for o in wrote) for a in accepted) else []
    if case.get('clarify_ok') and not wrote: end = 'right'
    elif fits and not offered: end = 'right'
    elif offered and any(alike(did + offered, a, rows) for a in accepted): end = 'chip'
    elif harm: end = 'wrong delete' if any(o['op'] == 'delete' for o in harm) else 'wrong write'
    elif fits: end = 'wrong proposal'
    elif asked: end = 'asked'
    elif offered: end = 'wrong proposal'
    else: end = 'abstained'
    return {'id': case['id'], 'category': case.get('category', ''), 'utterance': case['utterance'], 'end': end,
            'acts': bool(case['expected']), 'asked': bool(asked), 'rules': not spoke and bool(did or asked or offered),
            'seconds': round(took, 4), 'did': did, 'offered': offered + asked}

def share(k, n):
    "k of n in percent with Wilson's 95 % interval"
    if not n: return '–'
    p, z = k/n, 1.96
    mid, half = (p + z*z/2/n)/(1 + z*z/n), z*math.sqrt(p*(1-p)/n + z*z/4/n/n)/(1 + z*z/n)
    return f'{100*p:.0f} % ({100*max(0, mid-half):.0f}–{100*min(1, mid+half):.0f})'

def table(results, title):
    "The count as a Markdown table"
    out = [f'| {title} | requests | right | of these by a chip | wrong writes | wrong deletes | wrong proposals | asked | abstained | '
           f'decided without the model, of what asks for something | time, median | 90 % |', '|---|---|---|---|---|---|---|---|---|---|---|---|']
    groups = {c: [r for r in results if r['category'] == c] for c in sorted({r['category'] for r in results})}
    for name, rs in [*groups.items(), ('**all**', results)]:
        n, c, times = len(rs), Counter(r['end'] for r in rs), sorted(r['seconds'] for r in rs)
        acts = [r for r in rs if r['acts']]              # what has something to do: the rest the model may well talk about
        alone = f"{100*sum(r['rules'] for r in acts)/len(acts):.0f} %" if acts else '–'
        ms = lambda t: f'{t*1000:.0f} ms' if t < 1 else f'{t:.1f} s'
        out.append(f"| {name} | {n} | {share(c['right'] + c['chip'], n)} | {c['chip']} | {c['wrong write']} | {c['wrong delete']} | "
                   f"{c['wrong proposal']} | {sum(r['asked'] for r in rs)} | {c['abstained']} | {alone} | {ms(times[n//2])} | "
                   f"{ms(times[min(n-1, int(n*.9))])} |")
    return '\n'.join(out)

async def main(argv):
    p = config.Parser(prog=f'{config.python()} -m pianola eval', description='Count how well requests are understood.')
    p.add_argument('files', nargs='+', type=Path)
    p.add_argument('--engine', default='auto', choices=('auto', 'ollama', 'embedded', 'none'))
    p.add_argument('--model', default='')
    p.add_argument('--json', type=Path)
    a = p.parse_args(argv)
    logger.remove()
    files = [f for path in a.files for f in (sorted(path.glob('*.json')) if path.is_dir() else [path])]
    if not files: p.error('there is no case file in ' + ', '.join(map(str, a.files)))
    results, models = [], set()
    for path in files:
        try: file = json.loads(path.read_text('utf-8'))
        except (OSError, ValueError) as e: p.error(f'{path} cannot be read: {e}')
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as d:
            c = config.read(['--data', f'{d}/data', '--plugins', f'{d}/plugins'])
            c.engine, c.model = ('auto' if a.engine == 'none' else a.engine), a.model or c.model
            c.plugins.mkdir()
            prompts.settle(c.prompts)
            await store.open(c.data)
            tables = await store.read(lambda tx: {r['name'] for r in tx.q("select name from sqlite_master where type='table'")})
            file = renamed(file, tables | reserved)
            for name, cols in file['schema']['tables'].items(): (c.plugins/f'{name}.py').write_text(source(name, cols), 'utf-8')
            await plugins.load(None, c.plugins)
            chat.engines, chat.talk, orders.by_rules = (Silent() if a.engine == 'none' else Engines(c)), False, True
            await chat.wake()               # the file before put it to sleep
            try:
                if a.engine != 'none': models.add('/'.join([(got := await chat.engines.choose())[0].name, got[1]]))
                for n, case in enumerate(file['cases']):
                    results.append({**await run(case, file), 'file': path.name})
                    if sys.stderr.isatty(): print(f"\r{path.name} {n+1}/{len(file['cases'])}", end='', file=sys.stderr)
            finally:
                await chat.sleep()
                await chat.engines.close()
                await store.close()
    title = ', '.join(sorted(models)) or 'rules alone'
    print(table(results, title))
    for r in results:
        if r['end'] in ('wrong write', 'wrong delete'):
            print(f"\n{r['end']}: {r['id']} {r['utterance']!r} → {json.dumps(r['did'], ensure_ascii=False)}")
    if a.json:
        a.json.write_text(json.dumps({'engine': title, 'cases': len(results), 'ends': Counter(r['end'] for r in results),
                                      'results': results}, ensure_ascii=False, indent=1), 'utf-8')
    return int(any(r['end'] == 'wrong delete' for r in results))
