"""What becomes of a table when its row class changes: columns come, go and change their type, and nothing anybody wrote is dropped unsaid.

    plan(tx, name, fields)   what would change, as (what, column) pairs; empty when the table fits
    grow(tx, name, fields)   do it; a line in the log says what happened to each column"""
import dataclasses
import apsw
from ..forms import Field, Word, rows_of
from ..store import Refused, got, put

def known(tx, name):
    "{column: {kind, sql}} as the table was when last opened; of a table from before that was written down, what SQLite says"
    was = got(tx, 'schema', name)
    have = {c['name']: c['type'].lower() for c in tx.q(f'pragma table_info("{name}")')}
    if was is None: return {k: {'kind': '', 'sql': t} for k, t in have.items() if k not in ('id', 'pos')}
    return {k: v for k, v in was.items() if k in have}

def plan(tx, name, fields):
    "What has to change so that the table fits: [('new'|'changed'|'removed'|'back', column)]"
    was = known(tx, name)
    if not tx.value("select 1 from sqlite_master where type='table' and name=?", name): return [('new', k) for k in fields]
    differs = lambda k, f: was[k]['kind'] != f.kind if was[k]['kind'] else was[k]['sql'] != f.sql
    out = [('new', k) for k in fields if k not in was]
    out += [('changed', k) for k, f in fields.items() if k in was and differs(k, f)]
    out += [('back', k) for k, f in fields.items() if k in was and not differs(k, f) and was[k].get('gone')]
    return out + [('removed', k) for k, v in was.items() if k not in fields and v['kind'] and not v.get('gone') and not v.get('spare')]

def grow(tx, name, fields, inner):
    "Make the table, or change it until it fits. `inner` are columns of our own: {name: SQL type}."
    there = {c['name'] for c in tx.q(f'pragma table_info("{name}")')}
    if there and 'pos' not in there: raise Refused(f'{name} is the name of one of Pianola\'s own tables', 'call the file or the table something else')
    if not there:
        tx.run(f'create table "{name}"(id integer primary key, '
               f'{", ".join(f"{chr(34)}{k}{chr(34)} {t}" for k, t in {**{k: f.sql for k, f in fields.items()}, **inner}.items())})')
        return remember(tx, name, fields, {}, inner)
    was, said = known(tx, name), []
    for k in inner:
        if k not in there: tx.run(f'alter table "{name}" add column "{k}" {inner[k]}')
    for what, k in plan(tx, name, fields):
        f = fields.get(k)
        if what == 'new':
            # a row that was deleted before and is brought back gets it too
            start = f.keep(f.parse(f.start)) if f.start not in (None, '', []) else f.keep(f.start)
            tx.run(f'alter table "{name}" add column "{k}" {f.sql} default {apsw.format_sql_value(start)}')
        elif what == 'changed': said += convert(tx, name, f, was)
        elif what == 'back': said.append(f'{k} is a column again, with what was in it')
        else:
            was[k]['gone'] = True
            said.append(f'{k} is not a column any more; what was in it stays in the file, unseen')
    remember(tx, name, fields, was, inner)
    for s in said: tx.log('note', name, text=f'{name}: {s}')

def remember(tx, name, fields, was, inner):
    new = {**{k: v for k, v in was.items() if k not in inner}, **{k: {'kind': f.kind, 'sql': f.sql} for k, f in fields.items()}}
    if new != got(tx, 'schema', name): put(tx, 'schema', name, new)

def convert(tx, name, f, was):
    "Give a column its new type. Where a value does not fit, or would lose something, the old column stays beside it under another name."
    k, old = f.name, was[f.name]
    before = Field(k, old['kind'] or {'integer': 'int', 'real': 'float'}.get(old['sql'], 'text'), object, None, True, word=Word(old['kind']))
    strict, new, unfit, lossy = dataclasses.replace(f, loose=False), {}, [], 0
    for r in tx.q(f'select id, "{k}" as v from "{name}" where "{k}" is not null'):
        text = before.written(before.back(r['v'])) if before.kind != 'bool' or f.kind == 'text' else str(r['v'])
        try: value = found(tx, f, text) if f.kind == 'ref' and not text.isdigit() else strict.parse(text)
        except ValueError:
            unfit.append(text)
            continue
        new[r['id']] = f.keep(value)
        lossy += not same(f.written(value), text, before)
    spare = None
    if unfit or lossy or old['sql'] != f.sql:
        have = {c['name'] for c in tx.q(f'pragma table_info("{name}")')}
        spare = next(s for n in range(1, 1000) if (s := f"{k}_was_{before.kind}{f'_{n}' if n > 1 else ''}") not in have)
        tx.run(f'alter table "{name}" rename column "{k}" to "{spare}"')
        tx.run(f'alter table "{name}" add column "{k}" {f.sql}')
    tx.conn.executemany(f'update "{name}" set "{k}"=? where id=?', [(v, i) for i, v in new.items()])
    if spare and not unfit and not lossy: tx.run(f'alter table "{name}" drop column "{spare}"')
    elif spare: was[spare] = {'kind': before.kind, 'sql': old['sql'], 'spare': True}
    said = f'{k} was {before.kind} and is {f.kind} now'
    if unfit: said += f'; {len(unfit)} of {len(unfit)+len(new)} did not fit (“{unfit[0][:60]}”)'
    return [said + (f'; the old values stay in {spare}' if unfit or lossy else '')]

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
