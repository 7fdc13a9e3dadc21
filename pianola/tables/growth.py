"""What becomes of a table when its row class changes: columns come, go and change their type, and nothing anybody wrote is dropped unsaid.

    plan(tx, name, fields, was)   what would change, as (what, column) pairs; empty when the table fits
    grow(tx, name, fields, …)     do it; a line in the log says what happened to each column"""
import dataclasses
import apsw
from ..asking.fields import Word, kinds, rows_of
from ..store import Refused
from ..tx import got, put

def known(tx, name):
    "{column: {kind, sql}} as the table was when last opened; of a table from before that was written down, what SQLite says"
    was = got(tx, 'schema', name)
    have = {c['name']: c['type'].lower() for c in tx.q(f'pragma table_info("{name}")')}
    if was is None: return {k: {'kind': '', 'sql': t} for k, t in have.items() if k not in ('id', 'pos')}
    return {k: v for k, v in was.items() if k in have}

def plan(tx, name, fields, was):
    "What has to change so that the table fits: [('new'|'changed'|'removed'|'back', column)]"
    if not tx.value("select 1 from sqlite_master where type='table' and name=?", name): return [('new', k) for k in fields]
    differs = lambda k, f: was[k]['kind'] != f.kind if was[k]['kind'] else was[k]['sql'] != f.sql
    out = [('new', k) for k in fields if k not in was]
    out += [('changed', k) for k, f in fields.items() if k in was and differs(k, f)]
    out += [('back', k) for k, f in fields.items() if k in was and not differs(k, f) and was[k].get('gone')]
    return out + [('removed', k) for k, v in was.items() if k not in fields and v['kind'] and not v.get('gone') and not v.get('spare')]

def grow(tx, name, fields, inner, renamed=None):
    "Make the table, or change it until it fits. `inner` are columns of our own: {name: SQL type}; `renamed` is {new name: old name}."
    there = columns(tx, name)
    if there and 'pos' not in there: raise Refused(f'{name} is the name of one of Pianola\'s own tables', 'call the file or the table something else')
    if not there:
        tx.run(f'create table "{name}"(id integer primary key, '
               f'{", ".join(f"{chr(34)}{k}{chr(34)} {t}" for k, t in {**{k: f.sql for k, f in fields.items()}, **inner}.items())})')
        return remember(tx, name, fields, {}, inner)
    was, said = known(tx, name), []
    for k in inner:
        if k not in there: tx.run(f'alter table "{name}" add column "{k}" {inner[k]}')
    for k, old in (renamed or {}).items():
        if old in was and not was[old].get('spare'): said += rename(tx, name, fields[k], old, was)
    changes = plan(tx, name, fields, was)
    new, many = [k for what, k in changes if what == 'new'], tx.value(f'select count(*) from "{name}"')
    for what, k in changes:
        f = fields.get(k)
        if what == 'new':
            # a row that was deleted before and is brought back gets it too
            start = f.keep(f.parse(f.start)) if f.start not in (None, '', []) else f.keep(f.start)
            tx.run(f'alter table "{name}" add column "{k}" {f.sql} default {apsw.format_sql_value(start)}')
            if f.start is None and f.required and many:
                said.append(f"{k} is new and has no default: it is empty in the {many:,} {'row' if many == 1 else 'rows'} there")
        elif what == 'changed': said += convert(tx, name, f, was)
        elif what == 'back': said.append(f'{k} is a column again, with what was in it')
        else:
            was[k]['gone'] = True
            alike = next((n for n in new if fields[n].kind == was[k]['kind']), None)
            hint = ''
            if alike and tx.value(f'select 1 from "{name}" where "{k}" is not null and "{k}"!=? limit 1', ''):
                new.remove(alike)
                hint = f". If it is called {alike} now, write Crud(…, renamed={{'{alike}': '{k}'}}): then its values come along"
            said.append(f'{k} is not a column any more; what was in it stays in the file, unseen{hint}')
    remember(tx, name, fields, was, inner)
    for s in said: tx.log('note', name, text=f'{name}: {s}', data={'table': name})
    if said: put(tx, 'grown', name, [*got(tx, 'grown', name, []), *said][-12:])

def rename(tx, name, f, old, was):
    "A column gets another name and keeps its values. Where the new one is there already, those that it lacks come over."
    new, now = f.name, was.get(f.name)
    start = '' if f.start is None else f.keep(f.start)
    free = f'("{new}" is null or "{new}" in (\'\', ?))'
    if now and tx.value(f'select 1 from "{name}" where not {free} limit 1', start):
        was[old]['spare'] = True            # what is left in it is put aside: it comes over once
        if now['kind'] != was[old]['kind']:
            return [f"{new} is {now['kind']} and has values already; what was in {old}, which was {was[old]['kind']}, stays in the file, unseen"]
        taken = [i for i, in tx.conn.execute(f'select id from "{name}" where {free} and "{old}" is not null', (start,))]
        tx.conn.executemany(f'update "{name}" set "{new}"="{old}" where id=?', [(i,) for i in taken])
        return [f'{new} was called {old}' + emptied(tx, name, old, new, taken, was)]
    if now: tx.run(f'alter table "{name}" drop column "{new}"')
    tx.run(f'alter table "{name}" rename column "{old}" to "{new}"')
    was[new] = {k: v for k, v in was.pop(old).items() if k != 'gone'}
    moved(tx, name, old, new)
    for s, v in was.items():
        if v.get('spare') and of(s, v) == old: v['of'] = new
    return [f'{old} is called {new} now, with what was in it']

def remember(tx, name, fields, was, inner):
    now = {k: {'kind': f.kind, 'sql': f.sql} | ({'table': f.table} if f.table else {}) for k, f in fields.items()}
    new = {**{k: v for k, v in was.items() if k not in inner}, **now}
    if new != got(tx, 'schema', name): put(tx, 'schema', name, new)

def convert(tx, name, f, was):
    """Give a column its new type. Where a value does not fit, or would lose something, the old column stays beside it under another
    name; when the type is that of such a column again, what was put aside there is back, but where somebody wrote since."""
    k, old = f.name, was[f.name]
    before = kinds[old['kind'] or {'integer': 'int', 'real': 'float'}.get(old['sql'], 'text')](k, default=None, optional=True,
                   word=Word(old['kind'], old.get('table', '')))
    strict, new, unfit, lossy, taken = dataclasses.replace(f, loose=False), {}, {}, 0, []
    aside = next((s for s, v in reversed(was.items()) if v.get('spare') and (v['kind'], v['sql']) == (f.kind, f.sql) and of(s, v) == k), None)
    older = f'"{aside}"' if aside else 'null'
    for r in tx.q(f'select id, "{k}" as v, {older} as older from "{name}"'):
        v, older = r['v'], r['older']
        if older is not None and (v in (None, '') or became(tx, f.written(f.back(older)), before, v)):
            new[r['id']] = older
            taken.append(r['id'])
            continue
        if v is None: continue
        text = before.written(before.back(v)) if before.kind != 'bool' or f.kind == 'text' else str(v)
        try: value = found(tx, f, text) if f.kind == 'ref' and not text.isdigit() else strict.parse(text)
        except ValueError:
            unfit[r['id']] = text
            if older is not None:
                new[r['id']] = older
                taken.append(r['id'])
            continue
        new[r['id']] = f.keep(value)
        lossy += not same(f.written(value), text, before)
    spare = None
    if unfit or lossy or old['sql'] != f.sql:
        have = columns(tx, name)
        spare = next(s for n in range(1, 1000) if (s := f"{k}_was_{before.kind}{f'_{n}' if n > 1 else ''}") not in have)
        tx.run(f'alter table "{name}" rename column "{k}" to "{spare}"')
        tx.run(f'alter table "{name}" add column "{k}" {f.sql}')
    tx.conn.executemany(f'update "{name}" set "{k}"=? where id=?', [(v, i) for i, v in new.items()])
    if spare and not unfit and not lossy: tx.run(f'alter table "{name}" drop column "{spare}"')
    elif spare: was[spare] = {'kind': before.kind, 'sql': old['sql'], 'spare': True, 'of': k}
    said = f'{k} was {before.kind} and is {f.kind} now'
    if unfit: said += f'; {len(unfit)} of {len(unfit.keys() | new.keys())} did not fit (“{next(iter(unfit.values()))[:60]}”)'
    if unfit or lossy: said += f'; the old values stay in {spare}'
    if aside: said += emptied(tx, name, aside, k, taken, was)
    return [said]

def of(spare, v):
    "The column for which this one was put aside"
    return v.get('of') or spare.partition('_was_')[0]

def became(tx, text, f, now):
    "Is what a column holds now only what this text became when the column was given that type?"
    try: value = found(tx, f, text) if f.kind == 'ref' and not text.isdigit() else f.keep(f.parse(text))
    except ValueError: value = None
    return value == now or same(f.written(f.back(now)), text, f)

def emptied(tx, name, aside, k, taken, was):
    "Rows took back what was put aside for them; the column they took it from goes when nothing is left in it. What there is to say of it."
    tx.conn.executemany(f'update "{name}" set "{aside}"=null where id=?', [(i,) for i in taken])
    left = tx.value(f'select count(*) from "{name}" where "{aside}" is not null and "{aside}"!=?', '')
    if not left:
        tx.run(f'alter table "{name}" drop column "{aside}"')
        del was[aside]
        moved(tx, name, aside, k)
    back = f"{len(taken):,} older {'value is' if len(taken) == 1 else 'values are'} back from {aside}"
    return f'; {back}' + (f"; {left:,} more {'stays' if left == 1 else 'stay'} there, since something else was written meanwhile" if left else '')

def moved(tx, name, old, new):
    "What is taken back later of a column that is gone finds its values under the other name"
    there = columns(tx, name)
    put(tx, 'renamed', name, {k: v for k, v in {**got(tx, 'renamed', name, {}), old: new}.items() if k not in there})

def columns(tx, name): return {c['name'] for c in tx.q(f'pragma table_info("{name}")')}

def same(text, was, before):
    "Is it still all there?"
    if text.strip() == was.strip() or text.casefold() == was.casefold(): return True
    try:
        return (before.kind in ('int', 'float', 'bool')
                and float({'true': 1, 'false': 0}.get(text, text)) == float({'true': 1, 'false': 0}.get(was, was)))
    except ValueError: return False

def found(tx, f, text):
    "The row that is called so"
    hits = [i for i, t in rows_of(tx, f.table, words=text) if t.casefold() == text.strip().casefold()]
    if len(hits) != 1: raise ValueError('no one row is called so')
    return hits[0]
