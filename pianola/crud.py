"A table you can see: `Crud(Row)` makes the table, its five keys, the list and the form, and keeps every tab in step."
import sys
from fasthtml.common import Button, Div, Form, Input, Label, Li, Ol, Option, P, Section, Select, Span
import msgspec
from msgspec import UNSET, UnsetType, Meta
from typing import Annotated, Literal, Optional
from . import tabs
from .actions import Action, register
from .store import store, Refused, put, got
from .plugins import Kind, plugins

Text = Annotated[str, Meta(max_length=10_000)]
Needed = Annotated[str, Meta(min_length=1, max_length=10_000)]

class Crud(Kind):
    "One table of a plugin. `Row` is a class with annotations (str, int, float, bool) and defaults; `belongs_to` names a table whose chosen row owns these."
    def __init__(self, Row, name=None, title=None, belongs_to=None):
        super().__init__(name, sys._getframe(1))
        self.Row, self._title, self.owner = Row, title, belongs_to
        self.columns = {k: t for k, t in Row.__annotations__.items() if k != 'id'}
        if bad := [k for k, t in self.columns.items() if t not in (str, int, float, bool)]:
            raise TypeError(f"{Row.__name__}.{bad[0]} is {self.columns[bad[0]]}; a column is str, int, float or bool")
        self.default = {k: getattr(Row, k) for k in self.columns if hasattr(Row, k)}
        self.main = next((k for k, t in self.columns.items() if t is str), next(iter(self.columns)))
        self.link = belongs_to and f"{belongs_to.removesuffix('s')}_id"
        self.chosen = None                          # the row of this table that others show theirs of
        self.list_id = f'{self.name}-list'
        self._keys()

    @property
    def title(self): return self._title or (self.plugin.title if self.plugin else self.name.capitalize())
    @property
    def one(self): return self.Row.__name__.lower()
    def call(self, row):
        "What a row is called in a sentence"
        return f'“{str(row.get(self.main) or row["id"])[:80]}”'

    # the table

    def open(self, tx):
        "Make the table, or add the columns it lacks; nothing is ever dropped"
        sql = {str: 'text', int: 'integer', float: 'real', bool: 'integer'}
        want = {**{k: sql[t] for k, t in self.columns.items()}, **({self.link: 'integer'} if self.link else {}), 'pos': 'real'}
        have = {c['name'] for c in tx.q(f'pragma table_info("{self.name}")')}
        if not have: tx.run(f'create table "{self.name}"(id integer primary key, {", ".join(f"{chr(34)}{k}{chr(34)} {t}" for k, t in want.items())})')
        for k in want.keys() - have if have else ():
            tx.run(f'alter table "{self.name}" add column "{k}" {want[k]}')
            if k in self.default: tx.run(f'update "{self.name}" set "{k}"=?', self.default[k])
        self.chosen = got(tx, 'chosen', self.name)
    def clean(self, row):
        "A row as the world sees it: bools as bools, no inner columns"
        return {'id': row['id'], **{k: bool(row[k]) if t is bool else row[k] for k, t in self.columns.items()}, **({self.link: row[self.link]} if self.link else {})}
    def mine(self, row): return not self.link or row[self.link] == self.current
    @property
    def current(self):
        "The chosen row of the table this one belongs to, None when there is none"
        owner = plugins.table(self.owner) if self.owner else None
        return owner.chosen if owner else None
    def rows(self, tx):
        "The rows in view, in their order"
        if self.link: return tx.q(f'select * from "{self.name}" where "{self.link}" is ? order by pos, id', self.current)
        return tx.q(f'select * from "{self.name}" order by pos, id')

    # the keys

    def _keys(self):
        n, cols, link = self.name, self.columns, [(self.link, Optional[int], None)] if self.link else []
        given = lambda k, t: (k, {str: Needed if k not in self.default else Text}.get(t, t), *([self.default[k]] if k in self.default else []))
        some = [(k, (Needed if t is str and k not in self.default else Text if t is str else t) | UnsetType, UNSET) for k, t in cols.items()]
        which = [('id', int | UnsetType, UNSET), ('where', dict[str, str | int | float | bool | None] | UnsetType, UNSET)]
        struct = lambda verb, spec: msgspec.defstruct(f'{n}_{verb}', spec, forbid_unknown_fields=True, kw_only=True)
        key = lambda verb, fn, spec, **kw: register(Action(f'{n}.{verb}', fn, struct(verb, spec), plugin=self.plugin_name, **kw))
        key('create', self.create, [given(k, t) for k, t in cols.items()] + link, title=f'Add to {n}', description=f'Add a {self.one}.',
            say=lambda a, r, c: f'Added {self.call(r)} to {self.title}', asks=lambda tx, **a: f'Add {self.call(a)} to {self.title}?')
        key('list', self.list, [('where', dict[str, str | int | float | bool | None] | UnsetType, UNSET), ('limit', Annotated[int, Meta(ge=1, le=10_000)], 1000)], title=f'List {n}',
            risk='read', description=f'The rows of {n}, those that match `where` if given.', say=lambda a, r, c: f"{self.title}: {len(r)} {'row' if len(r) == 1 else 'rows'}")
        key('update', self.update, which + some + [(self.link, Optional[int] | UnsetType, UNSET)] * bool(link), title=f'Change {n}', say=self._changed,
            description=f'Change a {self.one}, named by `id`, or by `where` when exactly one matches.', touches=lambda tx, **a: [(n, self.find(tx, a)['id'])], asks=self._asks_change)
        key('delete', self.delete, which, title=f'Delete from {n}', risk='destructive', description=f'Delete a {self.one}, named by `id` or `where`.',
            say=lambda a, r, c: f'Deleted {self.call(r)} from {self.title}' + (f' and {len(c)-1} that belonged to it' if len(c) > 1 else ''),
            touches=lambda tx, **a: [(n, self.find(tx, a)['id'])], asks=self._asks)
        key('move', self.move, [('id', int), ('before', Optional[int], None)], title=f'Reorder {n}', description='Put a row before another one, or last.',
            say=lambda a, r, c: f'Moved {self.call(r)} in {self.title}', model=True)
        key('sort', self.sort, [('by', str), ('order', Literal['asc', 'desc'], 'asc')], title=f'Sort {n}', description='Put the rows in the order of a column.',
            say=lambda a, r, c: f"Sorted {self.title} by {a['by']}" + (', backwards' if a['order'] == 'desc' else ''))
        key('choose', self.choose, [('id', Optional[int], None)], title=f'Choose of {n}', description=f'Choose the {self.one} whose things are shown; none shows those of nobody.',
            say=lambda a, r, c: f'Chose {self.call(r)} in {self.title}' if r else f'Chose no {self.one}')

    def find(self, tx, args):
        "The one row that `id` or `where` names; Refused says which there are"
        if 'id' in args:
            if row := tx.row(self.name, args['id']): return row
            raise Refused(f'{self.name} has no row {args["id"]}', self._some(self.rows(tx)), 404)
        if not args.get('where'): raise Refused(f'which {self.one}?', f'name it by id, or by where, e.g. {{"where": {{"{self.main}": "…"}}}}')
        found = self.matching(tx, args['where'])
        if len(found) == 1: return found[0]
        if not found: raise Refused(f'{self.name} has no row like that', self._some(self.rows(tx)), 404)
        raise Refused(f'{len(found)} rows of {self.name} are like that', self._some(found), 409)
    def _some(self, rows): return 'there is ' + ', '.join(f"{r['id']}: {self.call(r)}" for r in rows[:8]) + (' …' if len(rows) > 8 else '') if rows else f'{self.title} is empty'
    def matching(self, tx, where):
        "The rows whose columns equal `where`; text compares without case and outer spaces"
        if extra := [k for k in where if k not in self.columns and k not in ('id', self.link)]:
            raise Refused(f"{self.name} has no {', '.join(extra)}", f"it has id, {', '.join(self.columns)}")
        same = lambda a, b: str(a).strip().casefold() == str(b).strip().casefold() if isinstance(a, str) or isinstance(b, str) else a == b
        pool = tx.q(f'select * from "{self.name}" order by pos, id')
        return [r for r in pool if all(same(self.clean(r).get(k), v) for k, v in where.items())]

    def create(self, tx, **args):
        if self.link:
            args[self.link] = args.get(self.link) or self.current
            if args[self.link] and not tx.row(self.owner, args[self.link]): raise Refused(f'{self.owner} has no row {args[self.link]}', status=404)
        args = {k: v.strip() if isinstance(v, str) else v for k, v in args.items()}
        if self.columns[self.main] is str and self.main not in self.default and not args[self.main]: raise Refused(f'{self.main} must not be empty')
        args['pos'] = (tx.value(f'select max(pos) from "{self.name}"') or 0) + 1
        return self.clean(tx.insert(self.name, args))
    def list(self, tx, limit=1000, where=None):
        return [self.clean(r) for r in (self.matching(tx, where) if where else tx.q(f'select * from "{self.name}" order by pos, id'))[:limit]]
    def update(self, tx, **args):
        row, new = self.find(tx, args), {k: v for k, v in args.items() if k not in ('id', 'where')}
        if not new: raise Refused('nothing to change', f"give one of {', '.join(self.columns)}")
        if (k := next((k for k, v in new.items() if self.columns.get(k) is str and k not in self.default and not v.strip()), None)): raise Refused(f'{k} must not be empty')
        if self.link in new and new[self.link] and not tx.row(self.owner, new[self.link]): raise Refused(f'{self.owner} has no row {new[self.link]}', status=404)
        return self.clean(tx.update(self.name, row['id'], {k: int(v) if isinstance(v, bool) else v.strip() if isinstance(v, str) else v for k, v in new.items()}))
    def delete(self, tx, **args):
        row = self.find(tx, args)
        old = self.clean(tx.delete(self.name, row['id']))
        if self.chosen == row['id']: self.choose(tx)
        for child in plugins.tables():
            if child.owner == self.name:
                for r in tx.q(f'select id from "{child.name}" where "{child.link}"=?', row['id']): tx.delete(child.name, r['id'])
        return old
    def move(self, tx, id, before=None):
        row = self.find(tx, {'id': id})
        order = [r for r in tx.q(f'select id, pos from "{self.name}" order by pos, id') if r['id'] != id]
        at = next((n for n, r in enumerate(order) if r['id'] == before), len(order))
        if before is not None and at == len(order): raise Refused(f'{self.name} has no row {before}', status=404)
        lo, hi = (order[at-1]['pos'] if at else None), (order[at]['pos'] if at < len(order) else None)
        pos = 1 if lo is None and hi is None else hi-1 if lo is None else lo+1 if hi is None else (lo+hi)/2
        if lo is not None and hi is not None and not lo < pos < hi:      # no number left between the two: number them all anew
            for n, r in enumerate(order): tx.update(self.name, r['id'], {'pos': n+1 if n < at else n+2})
            pos = at+1
        return self.clean(tx.update(self.name, row['id'], {'pos': float(pos)}))
    def sort(self, tx, by, order='asc'):
        if by not in self.columns and by != 'id': raise Refused(f'{self.name} has no {by}', f"it has id, {', '.join(self.columns)}")
        rows = self.rows(tx)
        value = lambda r: (r[by] is not None, r[by].casefold() if isinstance(r[by], str) else r[by] or 0)
        places = sorted(r['pos'] for r in rows)
        for r, pos in zip(sorted(rows, key=value, reverse=order == 'desc'), places):
            if r['pos'] != pos: tx.update(self.name, r['id'], {'pos': pos})
        return len(rows)
    def choose(self, tx, id=None):
        row = self.clean(self.find(tx, {'id': id})) if id else None
        put(tx, 'chosen', self.name, id)
        tx.after.append(lambda: setattr(self, 'chosen', id))
        return row

    def _changed(self, a, r, c):
        new = {k: v for k, v in a.items() if k in self.columns}
        flags = [f"{'' if v else 'not '}{k}" for k, v in new.items() if self.columns[k] is bool]
        rest = [f'{k} to “{str(v)[:60]}”' for k, v in new.items() if self.columns[k] is not bool]
        was = c[0][2].get(self.main) if c and c[0][2] else None
        name = f'“{was}”' if was else self.call(r)
        return ' and '.join(([f"Marked {name} {' and '.join(flags)}"] if flags else []) + ([f"Changed {', '.join(rest)}" + (f' of {name}' if not flags else '')] if rest else [])) or f'Changed {name}'
    def _asks_change(self, tx, **a):
        row, new = self.find(tx, a), {k: v for k, v in a.items() if k in self.columns}
        said = self._changed(a, row, [[self.name, row['id'], row, {}]])
        return f"{said.replace('Marked', 'Mark', 1).replace('Changed', 'Change', 1)}?" if new else f'Change {self.call(row)}?'
    def _asks(self, tx, **a):
        row = self.find(tx, a)
        n = sum(tx.value(f'select count(*) from "{t.name}" where "{t.link}"=?', row['id']) for t in plugins.tables() if t.owner == self.name)
        return f'Delete {self.call(row)} from {self.title}' + (f' and {n} that belong to it' if n else '') + '?'

    # what is seen

    async def hear(self, e):
        "A row changed: change it in every tab, whoever did it"
        if e.kind != 'action' or e.data.get('status') != 'done': return
        if e.what in (f'{self.name}.choose', f'{self.owner}.choose'):
            return tabs.put(tabs.item(f'{self.name}-panel', await store.read(self.panel), only=True), seq=e.id)
        if self.owner and any(t == self.owner for t, _ in e.rows):
            gone = any(t == self.owner and r is None for (t, _), r in e.rows.items())      # perhaps the chosen one: then other rows are in view
            tabs.put(tabs.item(f"{self.name}-{'panel' if gone else 'owner'}", await store.read(self.panel if gone else self.owner_picker), only=True), seq=e.id)
        if ids := [i for t, i in e.rows if t == self.name]: tabs.put(**await store.read(self.now, ids), seq=e.id)
    def now(self, tx, ids):
        "What to put and what to remove so that a page shows these rows as they are; read anew, so that the last word is always the truth"
        rows = {i: tx.row(self.name, i) for i in ids}
        shown = {i: r for i, r in rows.items() if r and self.mine(r)}
        return {'items': [tabs.item(f'{self.name}-{i}', self.row(r), self.list_id) for i, r in shown.items()], 'gone': [f'{self.name}-{i}' for i in ids if i not in shown]}

    def key(self, verb): return f'/api/actions/{self.name}.{verb}'
    def field(self, k, row):
        "One cell of a row"
        t, v, label = self.columns[k], row[k], f'{k} of {str(row.get(self.main) or "")[:60]}'
        if t is bool: return Input(type='checkbox', checked=bool(v), aria_label=f'{label}', data_col=k, hx_post=self.key('update'), hx_trigger='change', hx_swap='none',
                                   hx_vals=tabs.dumps({'id': row['id'], k: not v}))
        return Input(name=k, value='' if v is None else str(v), type='text' if t is str else 'number', step='any' if t is float else None, cls='cell main' if k == self.main else 'cell',
                     placeholder=k, aria_label=label, autocomplete='off', hx_post=self.key('update'), hx_trigger='change', hx_swap='none', hx_vals=tabs.dumps({'id': row['id']}))
    def row(self, row):
        "How one row looks; a plugin may say it better with its own `__ft__` on the row class"
        if hasattr(self.Row, '__ft__'):
            o = self.Row.__new__(self.Row)
            o.__dict__.update(self.clean(row))
            inner = [o.__ft__()]
        else:
            flags = [k for k, t in self.columns.items() if t is bool]
            others = [k for k in self.columns if k not in flags and k != self.main]
            pick = [Button('Choose' if row['id'] != self.chosen else 'Chosen', type='button', cls='choose', aria_pressed='true' if row['id'] == self.chosen else 'false', hx_post=self.key('choose'),
                           hx_swap='none', hx_vals=tabs.dumps({'id': row['id'] if row['id'] != self.chosen else None}))] if any(t.owner == self.name for t in plugins.tables()) else []
            inner = [*[self.field(k, row) for k in flags], self.field(self.main, row), *[self.field(k, row) for k in others], *pick]
        return Li(Button('⠿', type='button', cls='grip', draggable='true', title='Drag to move, or press Alt with an arrow key', aria_label=f'Move {str(row.get(self.main) or "")[:60]}'), *inner,
                  Button('✕', type='button', cls='quiet delete', title='Delete', aria_label=f'Delete {str(row.get(self.main) or "")[:60]}', hx_post=self.key('delete'), hx_swap='none',
                         hx_vals=tabs.dumps({'id': row['id']})),
                  id=f'{self.name}-{row["id"]}', data_pos=row['pos'], cls='row' + ''.join(f' is-{k}' for k, t in self.columns.items() if t is bool and row[k]))

    def blank(self):
        "The form of a new row"
        cell = lambda k, t: Label(Input(type='checkbox', name=k, value='true', checked=bool(self.default.get(k))), k) if t is bool else \
            Input(name=k, type='text' if t is str else 'number', step='any' if t is float else None, placeholder=f'New {self.one}' if k == self.main else k, aria_label=f'{k} of the new {self.one}',
                  value=self.default.get(k) or None, required=k not in self.default, maxlength=10_000 if t is str else None, autocomplete='off', cls='main' if k == self.main else '')
        shown = {k: t for k, t in self.columns.items() if t is not bool}
        return Form(*[cell(k, t) for k, t in shown.items()], Button('Add'), id=f'{self.name}-new', cls='new', hx_post=self.key('create'), hx_swap='none', data_reset='yes')
    def owner_picker(self, tx):
        owner = plugins.table(self.owner)
        if not owner: return Div(id=f'{self.name}-owner', hidden=True)
        rows = owner.rows(tx)
        if not rows: return Div(id=f'{self.name}-owner', hidden=True)
        return Label(Span(owner.one.capitalize()), Select(Option(f'No {owner.one}', value='', selected=not owner.chosen), *[Option(str(r[owner.main]), value=str(r['id']), selected=r['id'] == owner.chosen) for r in rows],
                     name='id', hx_post=owner.key('choose'), hx_trigger='change', hx_swap='none', aria_label=f'Whose {self.title.lower()}'), id=f'{self.name}-owner', cls='owner')
    def panel(self, tx):
        "The whole left side of this table"
        flags = [k for k, t in self.columns.items() if t is bool]
        chips = Select(Option('All', value=''), *[o for k in flags[:1] for o in (Option(f'Not {k}', value=f'not-{k}'), Option(k.capitalize(), value=f'is-{k}'))], cls='which',
                       aria_label=f'Which {self.title.lower()} to show', data_list=self.list_id) if flags else None
        return Section(self.blank(), Div(self.owner_picker(tx) if self.owner else None, Input(type='search', placeholder=f'Filter {self.title.lower()}', aria_label=f'Filter {self.title.lower()}', cls='filter', data_list=self.list_id), chips, cls='tools'),
                       Ol(*[self.row(r) for r in self.rows(tx)], id=self.list_id, cls='rows', data_table=self.name, data_move=self.key('move'), aria_label=self.title),
                       P(f'No {self.title.lower()} yet. Add the first one above, or ask for it in the chat: “add a {self.one}: …”.', cls='empty'),
                       P('Nothing matches the filter.', cls='nothing', hidden=True), id=f'{self.name}-panel', cls='crud')
    async def view(self): return await store.read(self.panel)

    # what the model is told

    def tell(self, tx, limit=30):
        "The rows in view as lines for the model"
        rows = self.rows(tx)
        line = lambda r: f"{r['id']}. " + ', '.join(str(v) if k == self.main else f"{k}: {('yes' if v else 'no') if isinstance(v, bool) else v}" for k, v in self.clean(r).items() if k in self.columns and v not in (None, ''))
        head = f'{self.title} ({self.name}), {len(rows)} rows' + (f', the first {limit}' if len(rows) > limit else '') + ':' if rows else f'{self.title} ({self.name}) is empty.'
        return '\n'.join([head, *map(line, rows[:limit])])
