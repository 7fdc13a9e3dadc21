"A table you can see: `Crud(Row)` makes the table, its keys, the list and the form, and keeps every tab in step."
import json, sys
from itertools import groupby
from typing import Annotated, Any, Literal, Optional
import msgspec
from msgspec import UNSET, UnsetType, Meta
from .. import tabs
from ..actions import Action, each, keys_of, on_undo, register
from ..asking import fields, forms
from ..asking.files import File
from ..loading.plugins import Kind, plugins
from ..store import store, Refused
from ..tx import clipped, fold, got, put
from . import grid, growth, narrow, sheets

class Crud(Kind):
    """One table of a plugin. `Row` is a class with annotations and defaults: str, Long,
    int, float, Range, bool, date, datetime, Literal or Enum, Url, Ref, Rows, File, Json.
    `belongs_to` names a table whose chosen row owns these; `renamed` says what columns were called before, {new name: old name}."""
    def __init__(self, Row, name=None, title=None, belongs_to=None, local=False, renamed=None):
        super().__init__(name, sys._getframe(1))
        # local: the model hears of its keys only while the plugin is open
        self.Row, self._title, self.owner, self.local = Row, title, belongs_to, local
        try: self.columns = forms.of_class(Row)
        except TypeError as e: raise TypeError(f'{Row.__name__}.{e}') from None
        if getattr(Row, '__annotations__', {}).get('id', int) not in (int, int | None, 'int', 'int | None'):       # `id: int` is what each row has
            raise TypeError(f'{Row.__name__}.id: each row has a number of its own as its id; leave it out, and call a column of yours otherwise')
        if not self.columns: raise TypeError(f'{Row.__name__} has no columns; write them as annotations, e.g. name: str')
        if k := next((k for k, f in self.columns.items() if f.kind == 'secret'), None):
            raise TypeError(f'{Row.__name__}.{k} is a Secret; rows are logged and shown, so keep it in the settings of the plugin')
        if k := next((k for k in self.columns if k in ('pos', 'where', 'words')), None):
            raise TypeError(f'{Row.__name__}.{k}: a column cannot have this name, which tables use themselves')
        self.renamed = renamed or {}
        for k, old in self.renamed.items():
            if k not in self.columns: raise TypeError(f'renamed: {Row.__name__} has no {k}; write {{new name: old name}}')
            if old in self.columns: raise TypeError(f'renamed: {old} is a column of {Row.__name__} still')
        for f in self.columns.values():
            if f.kind == 'ref': f.loose, f.type = True, f.type | str
            if f.kind == 'rows': f.loose, f.type = True, list[int | str] | str
        self.main = next((k for k, f in self.columns.items() if f.kind == 'text'), next(iter(self.columns)))
        self.link = belongs_to and f"{belongs_to.removesuffix('s')}_id"
        self.list_id = f'{self.name}-list'
        self._keys()

    @property
    def title(self): return self._title or (self.plugin.title if self.plugin else self.name.capitalize())
    @property
    def one(self): return self.Row.__name__.lower()
    @property
    def default(self):
        "The columns that need not be said, with what they are then"
        return {k: f.start for k, f in self.columns.items() if not f.required}
    @property
    def kinds(self):
        "What a column is, in the words of the rules"
        word = {'int': 'number', 'float': 'number', 'datetime': 'date', 'time': 'text', 'rows': 'json', 'file': 'json'}
        said = {'website': 'url', 'homepage': 'url', 'url': 'url', 'link': 'url', 'email': 'email', 'mail': 'email'}
        return {k: said.get(k, 'text') if f.kind == 'text' else word.get(f.kind, f.kind) for k, f in self.columns.items()}
    @property
    def refs(self): return {k: f.table for k, f in self.columns.items() if f.kind == 'ref'}
    @property
    def choices(self): return {k: [f.plain(c) for c in f.choices] for k, f in self.columns.items() if f.kind == 'choice'}
    def call(self, row):
        "What a row is called in a sentence"
        return f'“{clipped(str(row.get(self.main) or row.get("id", "")), 80)}”'

    def told(self, tx, row):
        """What a row is called in a question: where others are called the same, with
        what tells it from them: whose it is, columns that differ, else its number"""
        name, main = self.call(row), self.main
        alike = (tx.q(f'select * from "{self.name}" where substr("{main}",1,80)=substr(?,1,80) and id!=? limit 200', row[main], row['id'])
                 if row.get(main) else [])
        if not alike: return name
        facts, crowd = [], len(alike) == 200               # perhaps not all of them were seen: then its number is said in any case
        might = [*([self.link] if self.link else []),
                 *[k for k, f in self.columns.items() if k != main and f.kind not in ('json', 'rows', 'file', 'long')]]
        left = lambda k: sum(r[k] == row[k] for r in alike)
        while alike and len(facts) < 2 and might and left(k := min(might, key=left)) < len(alike):        # what tells it from most of them
            facts.append(self._fact(tx, k, self.columns.get(k), row[k]))
            alike = [r for r in alike if r[k] == row[k]]
        if alike or crowd: facts.append(f"#{row['id']}")
        return f"{name} ({', '.join(facts)})"
    def _fact(self, tx, k, f, v):
        "A value of a row in a few words: done, not done, of “Kim”, due 2026-05-31"
        if f and f.kind == 'bool': return k.replace('_', ' ') if v else f"not {k.replace('_', ' ')}"
        if f is None or f.kind == 'ref':
            other = plugins.table(f.table if f else self.owner)
            there = v and other and tx.row(other.name, v)
            return f"{k if f else 'of'} {other.call(there)}" if there else f"{'no' if f else 'of no'} {k.removesuffix('_id')}"
        return f"{k.replace('_', ' ')} {f.written(f.back(v))[:40]}" if v not in (None, '') else f"no {k.replace('_', ' ')}"

    # the table

    def open(self, tx):
        "Make the table, or change it until it fits the row class; see growth"
        growth.grow(tx, self.name, self.columns, {**({self.link: 'integer'} if self.link else {}), 'pos': 'real'}, self.renamed)
        link = f'"{self.link}", ' if self.link else ''
        tx.run(f'create index if not exists "{self.name}_by_pos" on "{self.name}"({link}pos, id)')
    def clean(self, row):
        "A row as the world sees it: as JSON, without inner columns"
        return {'id': row['id'], **{k: f.plain(f.back(row[k])) for k, f in self.columns.items()},
                **({self.link: row[self.link]} if self.link else {})}
    def thing(self, row):
        "A row as an object of its class"
        o = self.Row.__new__(self.Row)
        o.__dict__.update({'id': row['id'], **{k: f.back(row[k]) for k, f in self.columns.items()},
                           **({self.link: row[self.link]} if self.link else {})})
        return o
    def kept(self, tx, args):
        "Arguments as the table keeps them; Refused names what is wrong, column by column"
        out, wrong = {}, {}
        for k, v in args.items():
            f = self.columns.get(k)
            try: out[k] = f.keep(self.found(tx, f, f.parse(v))) if f else v
            except ValueError as e: wrong[k] = str(e)
        if wrong: raise Refused('; '.join(f'{k} {w}' for k, w in wrong.items()), f"{self.name} has {', '.join(self.columns)}", fields=wrong)
        if self.link and out.get(self.link) is not None and not (plugins.table(self.owner) and tx.row(self.owner, out[self.link])):
            raise Refused(f'{self.owner} has no row {out[self.link]}', status=404)
        return out
    def found(self, tx, f, v):
        "A reference as numbers of rows that are there, whether it was said by number or by name"
        if f.kind == 'rows': return [_row_of(tx, f.table, i) for i in v]
        return _row_of(tx, f.table, v) if f.kind == 'ref' and v is not None else v
    def chosen(self, tx):
        """The number of the row that was chosen, of which others show theirs; None without
        a choice and while that row is gone: when it is brought back it is chosen again"""
        id = got(tx, 'chosen', self.name)
        return id and tx.value(f'select id from "{self.name}" where id=?', id)
    def current(self, tx):
        "The number of the chosen row of the table this one belongs to, None when there is none"
        owner = plugins.table(self.owner) if self.owner else None
        return owner.chosen(tx) if owner else None
    def lost(self, tx):
        "The numbers of owners that rows name though they are gone, because they went while this plugin was away"
        if not plugins.table(self.owner): return []
        n, link = self.name, self.link                   # from one owner to the next along the index, however many rows each has
        return [i for i, in tx.conn.execute(
            f'with recursive l(i) as (select min("{link}") from "{n}" where "{link}" not null '
            f'union all select (select min("{link}") from "{n}" where "{link}">i) from l where i not null) '
            f'select i from l where i not null and i not in (select id from "{self.owner}")')]
    def rows(self, tx, limit=-1):
        "The rows in view, in their order"
        return grid.rows(tx, self, limit=limit)
    def theirs(self, tx, id, limit=-1):
        "The rows that belong to a row of the owner: those in view once it is chosen"
        return tx.q(f'select * from "{self.name}" where "{self.link}"=? order by pos, id limit ?', id, limit)

    # the keys

    def _keys(self):
        n, cols, link = self.name, self.columns, [(self.link, Optional[int] | UnsetType, UNSET)] if self.link else []
        start = lambda f: msgspec.field(default_factory=lambda: f.start) if isinstance(f.start, (list, dict)) else f.start
        given = lambda f: (f.name, f.type) if f.required else (f.name, f.type, start(f))
        some = [(k, f.type | UnsetType, UNSET) for k, f in cols.items()]
        several = [('ids', list[int] | UnsetType, UNSET), ('match', dict[str, Any] | UnsetType, UNSET)]
        which = [('id', int | UnsetType, UNSET), ('where', dict[str, str | int | float | bool | None] | UnsetType, UNSET)]
        value = str | int | float | bool | None
        which_rows = ('where', dict[str, value | dict[str, value]] | UnsetType, UNSET)           # a value, or {sign: value}
        struct = lambda verb, spec: msgspec.defstruct(f'{n}_{verb}', spec, forbid_unknown_fields=True, kw_only=True)
        key = lambda verb, fn, spec, **kw: register(Action(f'{n}.{verb}', fn, struct(verb, spec), plugin=self.plugin_name, local=self.local, **kw))
        key('create', self.create, [given(f) for f in cols.values()] + link, fields=cols, title=f'Add to {n}', description=f'Add a {self.one}.',
            say=lambda a, r, c: f'Added {self.call(r)} to {self.title}',
            asks=lambda tx, **a: f'Add {self.call(a)} to {self.title}{self._whose(tx, a)}?')
        key('list', self.list,
            [which_rows, ('limit', Annotated[int, Meta(ge=1, le=10_000)], 1000), ('offset', Annotated[int, Meta(ge=0)], 0)], title=f'List {n}',
            risk='read', description=f'The rows of {n}, those that match `where` if given.',
            say=lambda a, r, c: (f"{self.title}{narrow.said(self, a.get('where'))}: {'the first ' if len(r) == a['limit'] else ''}{len(r):,} "
                                 f"{'row' if len(r) == 1 else 'rows'}"),
            asks=lambda tx, **a: f"Show {self.title}{narrow.said(self, a.get('where'))}?")
        if any(k == 'number' for k in self.kinds.values()):
            # rules alone press it: a small model gets lost among many keys
            key('sum', self.sum, [('column', str), which_rows], title=f'Add up {n}', risk='read', model=False,
                description='The sum of a column of numbers over the rows that match `where`, all if it is not given.',
                say=lambda a, r, c: (f"{self.title}{narrow.said(self, a.get('where'))}: {a['column'].replace('_', ' ')} "
                                     f"{narrow.number(r['sum'])} in all, {r['rows']:,} {'row' if r['rows'] == 1 else 'rows'}"),
                asks=lambda tx, **a: f"Add up {a['column'].replace('_', ' ')} of {self.title}{narrow.said(self, a.get('where'))}?")
        key('update', self.update, which + some + link, fields=cols, title=f'Change {n}', say=self._changed,
            description=f'Change a {self.one}, named by `id`, or by `where` when exactly one matches.',
            touches=lambda tx, **a: [(n, self.find(tx, a)['id'])], asks=self._asks_change)
        key('delete', self.delete, which, title=f'Delete from {n}', risk='destructive', description=f'Delete a {self.one}, named by `id` or `where`.',
            say=lambda a, r, c: f'Deleted {self.call(r)} from {self.title}' + (f' and {len(c)-1} that belonged to it' if len(c) > 1 else ''),
            touches=lambda tx, **a: self.along(tx, [self.find(tx, a)['id']]), asks=self._asks)
        key('move', self.move, [('id', int), ('before', Optional[int], None), ('after', Optional[int], None)], title=f'Reorder {n}',
            description='Put a row before or after another one, or last.',
            say=lambda a, r, c: f'Moved {self.call(r)} in {self.title}', model=True)
        key('sort', self.sort, [('by', str), ('order', Literal['asc', 'desc'], 'asc')], title=f'Sort {n}',
            description='Put the rows in the order of a column.',
            say=lambda a, r, c: f"Sorted {self.title} by {a['by']}" + (', backwards' if a['order'] == 'desc' else ''))
        key('update_many', self.update_many, [*several, ('set', dict[str, Any])], title=f'Change several of {n}',
            description='Set columns in several rows, named by `ids`, or by `match` as a view has it ({"words", "which"}).',
            say=self._changed_many,
            touches=lambda tx, **a: [(n, i) for i in self._those(tx, a)],
            asks=lambda tx, **a: f"Set {', '.join(a['set'])} in {(m := len(self._those(tx, a))):,} {'row' if m == 1 else 'rows'} of {self.title}?")
        key('delete_many', self.delete_many, several, title=f'Delete several from {n}', risk='destructive',
            description='Delete several rows, named by `ids` or `match`.',
            say=lambda a, r, c: (f"Deleted {r:,} {'row' if r == 1 else 'rows'} from {self.title}"
                                 + (f' and {len(c)-r:,} that belonged to them' if len(c) > r else '')),
            touches=lambda tx, **a: self.along(tx, self._those(tx, a)), asks=self._asks_many)
        key('import', self.take, [('file', str), ('columns', dict[str, str]), ('skip', bool, False), ('same', str, '')], ready=self._taken,
            title=f'Import into {n}',
            description='Add the lines of a CSV or JSON file that was given; `columns` says which column of the file goes where. '
                        'With `same` (a column) a row with the same value there is changed instead.',
            say=lambda a, r, c: (f"Imported {r['rows']:,} {'row' if r['rows'] == 1 else 'rows'} into {self.title}"
                                 + (f", left out {r['left_out']:,}" if r['left_out'] else '')), model=False)
        key('choose', self.choose, [('id', Optional[int], None)], title=f'Choose of {n}',
            description=f'Choose the {self.one} whose things are shown; none shows those of nobody.',
            say=lambda a, r, c: f'Chose {self.call(r)} in {self.title}' if r else f'Chose no {self.one}',
            asks=lambda tx, id=None: f"Choose {self.told(tx, self.find(tx, {'id': id}))} in {self.title}?" if id else f'Choose no {self.one}?')

    def find(self, tx, args):
        "The one row that `id` or `where` names; Refused says which there are"
        if 'id' in args:
            if row := tx.row(self.name, args['id']): return row
            raise Refused(f'{self.name} has no row {args["id"]}', self._some(self.rows(tx, 9)), 404)
        if not args.get('where'): raise Refused(f'which {self.one}?', f'name it by id, or by where, e.g. {{"where": {{"{self.main}": "…"}}}}')
        found = self.matching(tx, args['where'])
        if len(found) == 1: return found[0]
        if not found: raise Refused(f'{self.name} has no row like that', self._some(self.rows(tx, 9)), 404)
        raise Refused(f'{len(found)} rows of {self.name} are like that', self._some(found), 409)
    def _some(self, rows):
        if not rows: return f'{self.title} is empty'
        return 'there is ' + ', '.join(f"{r['id']}: {self.call(r)}" for r in rows[:8]) + (' …' if len(rows) > 8 else '')
    def matching(self, tx, where):
        """The rows whose columns equal `where`, or are as its signs say: {"due": {"<": "2026-12-01"}};
        text compares without case and outer spaces, and null is also an empty text"""
        cond, vals = narrow.conditions(self, where)
        return tx.q(f'select * from "{self.name}" where {cond} order by pos, id', *vals)

    def create(self, tx, **args):
        if self.link and self.link not in args: args[self.link] = self.current(tx)          # None was said: nobody's
        args = {**self.kept(tx, args), 'pos': (tx.value(f'select max(pos) from "{self.name}"') or 0) + 1}
        return self.clean(tx.insert(self.name, args))
    def list(self, tx, limit=1000, where=None, offset=0):
        found = (self.matching(tx, where)[offset:offset+limit] if where else
                 tx.q(f'select * from "{self.name}" order by pos, id limit ? offset ?', limit, offset))
        return [self.clean(r) for r in found]
    def sum(self, tx, column, where=None):
        f = self.columns.get(column)
        if not f or f.kind not in ('int', 'float'):
            raise Refused(f'{self.name} has no {column} to add up', f"it has {', '.join(k for k, w in self.kinds.items() if w == 'number')}")
        cond, vals = narrow.conditions(self, where or {})
        n, total = next(tx.conn.execute(f'select count(*), sum("{column}") from "{self.name}" where {cond}', vals))
        return {'sum': round(total or 0, 10), 'rows': n}
    def update(self, tx, **args):
        new = {k: v for k, v in args.items() if k not in ('id', 'where')}
        # deleted while somebody wrote in it: what they wrote is said, so that it can be copied
        if new and 'id' in args and not tx.row(self.name, args['id']) and (was := gone(tx, self, args['id'])):
            said = ', '.join(f"{k}: “{f.written(v)}”" if (f := self.columns.get(k)) and f.kind not in ('bool', 'file') else f'{k}: {v}'
                             for k, v in new.items())
            raise Refused(f"{self.name} has no row {args['id']} any more: {self.call(was)} was deleted",
                          f'not kept: {said}; bring the row back first, or add it anew', 404)
        row = self.find(tx, args)
        if not new: raise Refused('nothing to change', f"give one of {', '.join(self.columns)}")
        return self.clean(tx.update(self.name, row['id'], self.kept(tx, new)))
    def delete(self, tx, **args):
        row = self.find(tx, args)
        self._remove(tx, [row['id']])
        return self.clean(row)
    def _remove(self, tx, ids):
        "These rows, and all that belong to them"
        for table, some in groupby(self.along(tx, ids), lambda one: one[0]): tx.delete_many(table, [i for _, i in some])
    def along(self, tx, ids):
        "[(table, number)] of these rows and of all that belong to them, which go along when they are deleted"
        out, todo = {}, [(self, ids)]
        for t, some in todo:
            out |= dict.fromkeys(new := [(t.name, i) for i in some if (t.name, i) not in out])
            if not new: continue
            owners = msgspec.json.encode([i for _, i in new]).decode()
            for c in plugins.tables():
                if c.owner != t.name: continue
                theirs = tx.conn.execute(f'select id from "{c.name}" where "{c.link}" in (select value from json_each(?))', (owners,))
                todo.append((c, [i for i, in theirs]))
        return [*out]
    def _those(self, tx, args):
        "The numbers of the rows that are meant by `ids` or `match`"
        if ('ids' in args) == ('match' in args): raise Refused('which rows?', 'name them by ids, or by match, e.g. {"match": {"words": "soup"}}')
        if 'ids' not in args: return grid.numbers(tx, self, grid.look_of(self, args['match']))
        there = {i for i, in tx.conn.execute(f'select id from "{self.name}"')}
        if lost := next((i for i in args['ids'] if i not in there), None):
            raise Refused(f'{self.name} has no row {lost}', self._some(self.rows(tx, 9)), 404)
        return list(dict.fromkeys(args['ids']))
    def update_many(self, tx, set, **args):
        if not set or (extra := [k for k in set if k not in self.columns]):
            raise Refused(f"{self.name} has no {', '.join(extra)}" if set else 'nothing to change', f"it has {', '.join(self.columns)}")
        new, ids = self.kept(tx, set), self._those(tx, args)
        if not ids: raise Refused('no row is meant', 'select some')
        if len(ids) > sheets.slice:
            before, after = tx.lot(self.name, new, ids=ids), tx.lot(self.name, new)
            tx.run(f'insert into "{after}" select id{",?"*len(new)} from "{before}"', *new.values())
            tx.exchange(self.name, before, after)
        else:
            for i in ids: tx.update(self.name, i, new)
        return len(ids)
    def delete_many(self, tx, **args):
        ids = self._those(tx, args)
        if not ids: raise Refused('no row is meant', 'select some')
        if len(ids) > sheets.slice and not any(t.owner == self.name for t in plugins.tables()):
            columns = [c[1] for c in tx.conn.execute(f'pragma table_info("{self.name}")') if c[1] != 'id']
            tx.exchange(self.name, tx.lot(self.name, columns, ids=ids), None)
        else:
            self._remove(tx, ids)
        return len(ids)
    def _taken(self, file, columns, skip=False, same='', apart=True):
        """Before the transaction: (the lines of a file as the table will have them,
        what is wrong with the others, what was put away in lots if there are many)"""
        try: f = forms.field('file', File).parse(file)
        except ValueError as e: raise Refused(f'the file {e}') from None
        with sheets.calmly():
            lines = sheets.lines(self, sheets.read(f), columns)
            if not apart: return lines
            good, wrong = sheets.settled(self, lines, columns)
            if len(good) > sheets.slice and (skip or not wrong): return bool(good), wrong, sheets.stage(self, good, columns, same)
            return good, wrong, None
    def take(self, tx, file, columns, skip=False, same='', ready=None):
        good, wrong, lots = ready or (*sheets.settle(tx, self, self._taken(file, columns, apart=False), columns), None)
        if wrong and not skip:
            raise Refused(f"{len(wrong)} {'line does' if len(wrong) == 1 else 'lines do'} not fit; the first: {wrong[0]}",
                          'mend the file, or import without those lines')
        if not good: raise Refused('there is no line to import')
        if lots:
            for before, after in lots[2]: tx.exchange(self.name, before, after)
            whole(tx)
            return {'rows': lots[0], 'changed': lots[1], 'left_out': len(wrong)}
        new, changed, _ = sheets.meet(tx, self, good, columns, same) if same else (good, {}, 0)
        pos = tx.value(f'select max(pos) from "{self.name}"') or 0
        tx.insert_many(self.name, [{**values, 'pos': pos + n} for n, values in enumerate(new, 1)])
        for id, (_, values) in changed.items(): tx.update(self.name, id, values)
        whole(tx)
        return {'rows': len(new), 'changed': len(changed), 'left_out': len(wrong)}
    def move(self, tx, id, before=None, after=None):
        row, near = self.find(tx, {'id': id}), before if after is None else after
        if before is not None and after is not None: raise Refused('a row goes before or after another one', 'leave one of them out')
        order = [r for r in tx.q(f'select id, pos from "{self.name}" order by pos, id') if r['id'] != id]
        at = next((n for n, r in enumerate(order) if r['id'] == near), len(order))
        if near is not None and at == len(order): raise Refused(f'{self.name} has no row {near}', status=404)
        if after is not None: at += 1
        lo, hi = (order[at-1]['pos'] if at else None), (order[at]['pos'] if at < len(order) else None)
        pos = 1 if lo is None and hi is None else hi-1 if lo is None else lo+1 if hi is None else (lo+hi)/2
        if lo is not None and hi is not None and not lo < pos < hi:      # no number left between the two: number them all anew
            self._place(tx, [(r['id'], float(n+1 if n < at else n+2)) for n, r in enumerate(order)])
            pos = at+1
        return self.clean(tx.update(self.name, row['id'], {'pos': float(pos)}))
    def sort(self, tx, by, order='asc'):
        if by not in self.columns and by != 'id': raise Refused(f'{self.name} has no {by}', f"it has id, {', '.join(self.columns)}")
        cond, vals = grid.conditions(tx, self, grid.plain)
        now = dict(tx.conn.execute(f'select id, pos from "{self.name}" where {cond}', vals).fetchall())
        if by in self.columns: want = grid.numbers(tx, self, grid.Look(sort=by, down=order == 'desc'))
        else: want = sorted(now, reverse=order == 'desc')
        self._place(tx, [(i, pos) for i, pos in zip(want, sorted(now.values())) if now[i] != pos])
        return len(now)
    def _place(self, tx, places):
        "Rows to other places: [(number, place)]"
        if len(places) > sheets.slice:
            tx.exchange(self.name, tx.lot(self.name, ['pos'], ids=[i for i, _ in places]), tx.lot(self.name, ['pos'], places))
        else:
            for i, pos in places: tx.update(self.name, i, {'pos': pos})
    def choose(self, tx, id=None):
        row = self.clean(self.find(tx, {'id': id})) if id else None
        put(tx, 'chosen', self.name, id)
        return row

    def _changed(self, a, r, c, name=None, done=True):
        new = {k: v for k, v in a.items() if k in self.columns}
        flags = [f"{'' if v else 'not '}{k}" for k, v in new.items() if self.columns[k].kind == 'bool']
        rest = [f'{k} to {self._short(k, v)}' for k, v in new.items() if self.columns[k].kind != 'bool']
        was = c[0][2].get(self.main) if c and c[0][2] else None
        name = name or (f'“{was}”' if was else self.call(r))
        mark, change = ('Marked', 'Changed') if done else ('Mark', 'Change')
        said = [f"{mark} {name} {' and '.join(flags)}"] if flags else []
        if rest: said.append(f"{change.lower() if flags else change} {', '.join(rest)}" + (f' of {name}' if not flags else ''))
        return ' and '.join(said) or f'{change} {name}'
    def _short(self, k, v):
        f = self.columns[k]
        return 'nothing' if v in (None, '', []) else f'“{f.written(v)[:60]}”' if f.kind != 'file' else f'“{str(v)[65:][:60]}”'
    def _changed_many(self, a, r, c):
        word = lambda k, v: ('yes' if self.columns[k].parse(v) else 'no') if self.columns[k].kind == 'bool' else self._short(k, v)
        said = ' and '.join(f'{k} to {word(k, v)}' for k, v in a['set'].items())
        return f"Set {said} in {r:,} {'row' if r == 1 else 'rows'} of {self.title}"
    def _asks_change(self, tx, **a):
        row, new = self.find(tx, a), {k: v for k, v in a.items() if k in self.columns}
        said, whose = self._changed(a, row, [[self.name, row['id'], row, {}]], self.told(tx, row), done=False), self._whose(tx, a)
        return f"{said}{whose}?" if new else f"{'Keep' if whose else 'Change'} {self.told(tx, row)}{whose}?"
    def _whose(self, tx, a):
        "“ for Anna”, where arguments say whose a row is to be; '' where they do not"
        if not (owner := plugins.table(self.owner) if self.owner else None) or not isinstance(id := a.get(self.link), int): return ''
        return f' for {owner.call(row)}' if (row := tx.one(f'select * from "{owner.name}" where id=?', id)) else ''
    def _asks(self, tx, **a):
        row = self.find(tx, a)
        n = len(self.along(tx, [row['id']])) - 1
        return f'Delete {self.told(tx, row)} from {self.title}' + (f" and {n:,} that {'belongs' if n == 1 else 'belong'} to it" if n else '') + '?'
    def _asks_many(self, tx, **a):
        ids = self._those(tx, a)
        n = len(self.along(tx, ids)) - len(ids)
        return (f"Delete {len(ids):,} {'row' if len(ids) == 1 else 'rows'} from {self.title}"
                + (f" and {n:,} that {'belongs' if n == 1 else 'belong'} to {'it' if len(ids) == 1 else 'them'}" if n else '') + '?')

    # what is seen: drawn by grid

    def hear(self, e): return self._drawn(e) if e.kind == 'action' and e.data.get('status') == 'done' else None
    async def _drawn(self, e):
        "A row changed: change it in every tab, whoever did it, the way each tab looks at the table"
        looking = {look: [t for t in tabs.tabs if t.view in ('', self.plugin_name) and t.looks.get(self.name, grid.plain) == look]
                   for look in {t.looks.get(self.name, grid.plain) for t in tabs.tabs}}
        changes = e.data.get('changes') or []
        others, what = {f.table for f in self.columns.values() if f.kind in ('ref', 'rows')}, {}
        # the columns that changed; 'id' for a row that came or went
        for t, i, before, after in changes: what.setdefault((t, i), set()).update(after if before and after and i != 'lot' else ('id',))
        # only then rows that refer to it look different
        renamed = lambda t, i: not (other := plugins.table(t)) or bool({'id', other.main} & what.get((t, i), {'id'}))
        back = await store.read(self.current) if self.owner and any(t == self.owner and before is None for t, _, before, _ in changes) else None
        chosen = {f'{self.name}.choose', f'{self.owner}.choose'} & keys_of(e.what, e.data)
        # perhaps the chosen one went or came back: then other rows are in view
        if chosen or self.owner and any(t == self.owner and (after is None or i in (back, 'lot')) for t, i, _, after in changes):
            draw = lambda tx, look: {'items': [tabs.item(f'{self.name}-panel', self.panel(tx, look), only=True)]}
        elif any(renamed(t, i) for t, i in e.rows if t in others): draw = lambda tx, look: grid.again(tx, self, look)
        else:
            ids, fresh = [i for t, i in e.rows if t == self.name], {i for t, i, before, after in changes if t == self.name and before is None}
            columns = {k for i in ids for k in what.get((self.name, i), ('id',))}
            owner = self.owner and any(t == self.owner for t, _ in e.rows)
            if not ids and not owner: return
            def draw(tx, look):
                d = grid.now(tx, self, ids, look, fresh, columns) if ids else {'items': [], 'gone': []}
                if owner: d['items'].append(tabs.item(f'{self.name}-owner', grid.owner_picker(tx, self), only=True))
                return d
        drawn = await store.read(lambda tx: {look: draw(tx, look) for look in looking})
        for look, d in drawn.items(): tabs.put(**d, seq=e.id, to=[t for t in looking[look] if t.looks.get(self.name, grid.plain) == look])
    def now(self, tx, ids, look=grid.plain, fresh=None): return grid.now(tx, self, ids, look, fresh)
    def key(self, verb): return f'/api/actions/{self.name}.{verb}'
    def panel(self, tx, look=grid.plain): return grid.panel(tx, self, look)
    async def view(self): return await store.read(lambda tx: (grid.grown(tx, self), self.panel(tx)))

    # what the model is told

    def tell(self, tx, limit=30):
        "The rows in view as lines for the model"
        rows, n = self.rows(tx, limit), grid.count(tx, self)
        names = grid.labels(tx, self, rows)
        def said(k, v):
            if isinstance(v, bool): return 'yes' if v else 'no'
            return names[k].get(v, v) if k in names and isinstance(v, int) else str(v)[:200]
        line = lambda r: f"{r['id']}. " + ', '.join(str(v) if k == self.main else f"{k}: {said(k, v)}" for k, v in self.clean(r).items()
                                                    if k in self.columns and v not in (None, '', []))
        head = (f'{self.title} ({self.name}), {n} rows' + (f', the first {limit}' if n > limit else '') + ':' if n
                else f'{self.title} ({self.name}) is empty.')
        return '\n'.join([head, *map(line, rows)])

def gone(tx, table, id):
    "A row that was removed, as it was then; None when nobody knows of it"
    e = tx.value("select data from log where kind='action' and instr(data, ?) order by id desc limit 1", f'["{table.name}", {int(id)}, {{"id"')
    changes = msgspec.json.decode(e)['changes'] if e else ()
    return next((before for t, i, before, after in changes if (t, i) == (table.name, id) and after is None), None)

@on_undo
def unchosen(tx, e):
    """What was chosen together with other things is chosen no longer when those are taken
    back, and again when they are brought back; unless something else was chosen since"""
    first, back = e, False
    while first and first['what'] == 'undo': first, back = tx.one('select * from log where id=?', json.loads(first['data'])['undoes']), not back
    if not first or first['what'] != 'several': return
    for name, id in dict(choices(first)).items():
        if not (t := plugins.table(name)) or not hasattr(t, 'choose'): continue
        earlier = tx.q("select what, data from log where kind='action' and id<? and (what=? or what='several' and instr(data, ?)) "
                       "order by id desc", first['id'], f'{name}.choose', f'"{name}.choose"')
        was = next((i for x in earlier for n, i in reversed(choices(x)) if n == name), None)
        now, then = (was, id) if back else (id, was)
        if got(tx, 'chosen', name) != now or then and not tx.row(name, then): continue
        put(tx, 'chosen', name, then)
        tx.log('action', f'{name}.choose', by='app', ref=e['ref'], text='',
               data={'args': {'id': then}, 'result': None, 'status': 'done', 'undoes': None, 'changes': [], 'risk': 'write'})
def choices(e):
    "[(table, number)] that an entry of the log chose"
    d = json.loads(e['data'] or '{}')
    if d.get('status') != 'done': return []
    return [(name.removesuffix('.choose'), args.get('id')) for name, args in each(e['what'], d.get('args') or {}) if name.endswith('.choose')]

@on_undo
def whole(tx, e=None):
    "No change may part a row from its owner: Refused when rows would be left whose owner goes, or come to one that is gone"
    touched, listed = {}, lambda ids: msgspec.json.encode(sorted(ids)).decode()
    for t, i, before, after in tx.changes:
        touched.setdefault(t, set()).update([i] if i != 'lot' else (n for n, in tx.conn.execute(f'select id from "{after or before}"')))
    for t in plugins.tables():
        if not (owner := t.owner and plugins.table(t.owner)): continue
        def call(id):
            was = next((before for n, i, before, after in tx.changes if (n, i) == (owner.name, id) and after is None), None)
            was = was or gone(tx, owner, id)
            return owner.call(was) if was else f'row {id} of {owner.title}'
        without = f'"{t.link}" not null and "{t.link}" not in (select id from "{owner.name}")'
        if left := owner.name in touched and tx.one(
                f'select "{t.link}" as id, count(*) as n from "{t.name}" where "{t.link}" in (select value from json_each(?)) '
                f'and {without} group by 1', listed(touched[owner.name])):
            one = left['n'] == 1
            raise Refused(f"{left['n']:,} {'row' if one else 'rows'} of {t.title} {'belongs' if one else 'belong'} to {call(left['id'])}",
                          f"delete or move {'it' if one else 'them'} first", 409)
        if left := t.name in touched and tx.one(f'select * from "{t.name}" where id in (select value from json_each(?)) and {without}',
                                                listed(touched[t.name])):
            raise Refused(f'{t.call(left)} belongs to {call(left[t.link])}, which is gone from {owner.title}',
                          f'bring back {call(left[t.link])} first', 409)

def _row_of(tx, table, v):
    "The number of the row of a table that a number or a name means; ValueError says why it means none"
    other = plugins.table(table)
    if not other: raise ValueError(f'refers to {table}, which is no table')
    if isinstance(v, int):
        if not tx.row(other.name, v): raise ValueError(f'must be a row of {table}, which has no {v}')
        return v
    hits = tx.q(f'select id from "{other.name}" where fold("{other.main}")=? limit 2', fold(v))
    if len(hits) != 1: raise ValueError(f'must be one row of {table}; {"none is" if not hits else "several are"} called “{v[:60]}”')
    return hits[0]['id']

def names(tx, table, words='', limit=fields.few, ids=None):
    "[(number, what it is called)] of a table's rows, for who picks one"
    t = plugins.table(table)
    if not t: return []
    if ids is not None:
        found = tx.q(f'select id, "{t.main}" as said from "{t.name}" where id in (select value from json_each(?))', msgspec.json.encode(ids).decode())
    else:
        cond, vals = ' and '.join(['1'] + ['instr(fold("' + t.main + '"), ?)'] * len(words.split())), [fold(w) for w in words.split()]
        found = tx.q(f'select id, "{t.main}" as said from "{t.name}" where {cond} order by fold("{t.main}"), id limit ?', *vals, limit)
    return [(r['id'], str(r['said'] if r['said'] not in (None, '') else r['id'])[:80]) for r in found]
fields.names = names
