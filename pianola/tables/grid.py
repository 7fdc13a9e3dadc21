"""How a table is seen: the rows a tab looks at (words, filters, order, how many), one
row with its cells, the form of a new one, and what to put in place when rows changed.

    window(tx, table, look)   the numbers of the rows in view, and how many there are in all
    panel(tx, table, look)    the whole left side;   now(tx, table, ids, look)   only what changed"""
import json, re
from html import escape
import msgspec
from fasthtml.common import (A, Button, Details, Div, Fieldset, Form, H2, Input, Label, Legend, Li, NotStr, Ol, Option, P, Section, Select,
                             Small, Span, Strong, Summary, Table as TTable, Tbody, Td, Th, Thead, Tr, Ul, to_xml)
from .. import tabs
from ..asking.fields import few, rows_of
from ..asking.files import file_url
from ..loading.plugins import plugins
from ..store import Refused
from ..tx import clipped, fold, got

page = 200              # rows that are drawn at first, and with each press of More
redraw = 100            # more changed rows than this: the list is drawn anew

class Look(msgspec.Struct, frozen=True):
    "What one tab sees of a table"
    words: str = ''
    which: tuple = ()           # ((column, value), …)
    sort: str = ''              # a column; '' is the order the rows were put in
    down: bool = False
    limit: int = page
    @property
    def filtered(self): return bool(self.words.strip() or self.which)

plain = Look()

def look_of(table, said):
    "A Look from what a page or a URL says; what is no column is left out"
    said = said if isinstance(said, dict) else {}
    which = said.get('which') if isinstance(said.get('which'), dict) else {}
    sort = said.get('sort') if isinstance(said.get('sort'), str) and said['sort'] in table.columns else ''
    limit = said.get('limit') if isinstance(said.get('limit'), int) and not isinstance(said.get('limit'), bool) else page
    return Look(str(said.get('words') or '')[:500],
                tuple(sorted((k, str(v)[:200]) for k, v in which.items() if k in table.columns and v not in (None, ''))),
                sort, said.get('down') is True and bool(sort), max(page, min(limit, 20_000)))

# what is in view

def text_of(table, k):
    "SQL of a column as a person reads it"
    f = table.columns[k]
    other = plugins.table(f.table) if f.kind == 'ref' else None
    return f'(select "{other.main}" from "{other.name}" where id="{table.name}"."{k}")' if other else f'"{k}"'

def low(text):
    "SQL of a text without case and accents; SQLite does itself what it can, which is most of it and three times as fast"
    return f'iif(octet_length({text})=length({text}),lower({text}),fold({text}))'

def owned(tx, table):
    """(SQL condition, its values) of the rows of the chosen owner; without a choice of those
    that are nobody's, or whose owner is gone, so that no row is out of everybody's sight"""
    if (owner := table.current(tx)) is not None: return f'"{table.link}"=?', [owner]
    lost = table.lost(tx)
    return ((f'("{table.link}" is null or "{table.link}" in (select value from json_each(?)))', [json.dumps(lost)]) if lost
            else (f'"{table.link}" is null', []))

def conditions(tx, table, look):
    """(SQL condition, its values) of what a look shows: every word must be somewhere
    in the row; `minutes>30`, `due<2026-05-01`, `name:soup`, `-word` narrow it"""
    first, vals = owned(tx, table) if table.link else ('1', [])
    cond, words = [first], []
    all_text = "||' '||".join(f"coalesce({text_of(table, k)},'')" for k, f in table.columns.items() if f.kind not in ('bool', 'rows')) or "''"
    for quoted, word in dict.fromkeys(re.findall(r'"([^"]+)"|(\S+)', look.words)):
        m = re.fullmatch(r'(\w+)(<=|>=|!=|<|>|=|:)(.+)', word)
        k = next((k for k in table.columns if m and k.casefold() == m[1].casefold()), None)
        f = k and table.columns[k]
        if k and f.kind not in ('json', 'rows', 'file'):
            if m[2] == ':' and f.kind not in ('bool', 'int', 'float'):
                cond.append(f'instr({low(text_of(table, k))}, ?)')
                vals.append(fold(m[3]))
                continue
            if f.kind in ('text', 'long', 'url', 'choice', 'ref') and m[2] in ('=', '!=', ':'):
                cond.append(f"{low(text_of(table, k))} {'!=' if m[2] == '!=' else '='} ?")
                vals.append(fold(m[3]))
                continue
            try: v = f.keep(f.parse(m[3]))
            except ValueError: continue              # half-typed
            cond.append(f'"{k}" {"=" if m[2] == ":" else m[2]} ?')
            vals.append(v)
        elif (not quoted) and len(word) > 1 and word[0] == '-' and not re.match(r'-\d', word):
            words.append(('not instr(t, ?)', fold(word[1:])))
        else: words.append(('instr(t, ?)', fold(quoted or word)))
    for k, v in look.which:
        f = table.columns[k]
        if f.kind == 'bool': cond.append(f'coalesce("{k}",0)={1 if v.startswith("is-") else 0}')
        elif v == '-': cond.append(f'("{k}" is null or "{k}"=\'\')')
        else: cond.append(f'cast("{k}" as text)=?'); vals.append(v)
    if words:
        # the text of a row is put together once and not for every word: SQLite writes nothing out again that has a limit of its own
        once = f"(select {low('u')} as t from (select {all_text} as u limit 1) limit 1)"
        cond.append(f"exists(select 1 from {once} where {' and '.join(w for w, _ in words)})")
        vals += [v for _, v in words]
    return ' and '.join(cond), vals

def order(table, look):
    if not look.sort: return 'pos, id'
    f, way = table.columns[look.sort], ' desc' if look.down else ''
    text = text_of(table, look.sort)
    folds = f.kind in ('text', 'long', 'url', 'choice', 'ref', 'file', 'json') and f.sql == 'text' or f.kind == 'ref'
    return f"({text} is null or {text}=''), {low(text) if folds else text}{way}, pos, id"

def rows(tx, table, look=plain, limit=-1, offset=0):
    "The rows a look shows, in its order"
    cond, vals = conditions(tx, table, look)
    return tx.q(f'select * from "{table.name}" where {cond} order by {order(table, look)} limit ? offset ?', *vals, limit, offset)
def count(tx, table, look=plain):
    cond, vals = conditions(tx, table, look)
    return tx.value(f'select count(*) from "{table.name}" where {cond}', *vals)
def numbers(tx, table, look, limit=-1):
    "The numbers of these rows, in the order of the look"
    cond, vals = conditions(tx, table, look)
    return [i for i, in tx.conn.execute(f'select id from "{table.name}" where {cond} order by {order(table, look)} limit ?', (*vals, limit))]
def window(tx, table, look):
    "(numbers of the rows in view, how many there are in all): where rows are looked for, they are looked through once"
    ids = numbers(tx, table, look, -1 if look.filtered else look.limit)
    return ids[:look.limit], len(ids) if look.filtered or len(ids) < look.limit else count(tx, table, look)
def among(tx, table, look, ids):
    "Those of these rows that a look shows, in view or beyond"
    cond, vals = conditions(tx, table, look)
    return {i for i, in tx.conn.execute(f'select id from "{table.name}" where {cond} and id in (select value from json_each(?))',
                                        (*vals, json.dumps(ids)))}

# one row

def called(table, row): return clipped(str(row.get(table.main) or ''), 60)
def labels(tx, table, found):
    "{column: {number: what it is called}} of the rows that these rows refer to"
    out = {}
    for k, f in table.columns.items():
        if f.kind in ('ref', 'rows'):
            ids = {i for r in found for i in ([r[k]] if f.kind == 'ref' else f.back(r[k])) if isinstance(i, int)}
            out[k] = dict(rows_of(tx, f.table, ids=sorted(ids))) if ids else {}
    return out

class Drawn(str): "HTML that is drawn already"
def el(tag, /, *inside, **attrs):
    "A tag written at once: the same as FastHTML's, at a twentieth of the time, for the thousands a long list is made of. Text is escaped."
    out = [f'<{tag}']
    for k, v in attrs.items():
        if v is None or v is False: continue
        k = 'class' if k == 'cls' else k.replace('_', '-')
        out.append(f' {k}' if v is True else f' {k}="{escape(str(v))}"')
    out.append('>')
    if tag != 'input': out += [*[x if isinstance(x, Drawn) else escape(str(x)) for x in inside], f'</{tag}>']
    return Drawn(''.join(out))

def room(f):
    "The least room a column has, in characters, for what is no use when it is cut: numbers, dates, choices; 0 for text, which gives way"
    n = {'int': 6, 'float': 8, 'date': 10, 'datetime': 16, 'time': 8}.get(f.kind, 0)
    if f.kind == 'int' and None not in (f.word.low, f.word.high): n = max(len(str(f.word.low)), len(str(f.word.high)))
    if f.kind == 'choice': n = .95*max((len(f.written(c)) for c in f.choices), default=0)
    return next((w for w in (4, 5, 6, 7, 8, 10, 12, 16, 20) if max(n, 1.1*min(len(f.title), 12)) <= w), 24) if n else 0
def kinds(table, f):
    "The classes of a column's cells and of its head: what it holds, and how much room that needs"
    return ((f' is-{f.kind}' if f.kind != 'text' else '') + (f' w{n}' if (n := room(f)) else '') + (' main' if f.name == table.main else ''))
def broad(table):
    "Has it more columns than stand beside the chat with their least room? Then it has the whole width, and slides where that is too little."
    fs = table.columns.values()
    least = sum(1.1 if f.kind == 'bool' else room(f)*.56+1 if room(f) else 6.6 if f.name == table.main else 5.5 for f in fs)
    return len(fs) > 5 or least + .45*len(fs) + (13 if chooses(table) else 8) > 27          # rem

def cell(table, f, row, names):
    """One value of a row, to be changed in place. What it does when it changes
    is in tables.js: a thousand cells need no attributes of their own for that."""
    k, v = f.name, row[f.name]
    a = dict(name=k, aria_label=f'{k} of {called(table, row)}',
             cls='cell' + kinds(table, f))
    if f.kind == 'bool': return el('input', type='checkbox', checked=bool(v), aria_label=a['aria_label'], data_col=k, cls='tick')
    v = f.back(v)
    if f.kind == 'choice':
        text, known = f.written(v), [f.written(c) for c in f.choices]
        words = ([''] if f.optional or not text else []) + known + ([text] if text and text not in known else [])
        return el('select', *[el('option', t, value=t, selected=t == text) for t in words], **a)
    if f.kind in ('long', 'json'):
        return el('textarea', Drawn('\n' + escape(f.written(v))), rows=1, placeholder=f.title, spellcheck='false' if f.kind == 'json' else None, **a)
    if f.kind == 'ref':
        return el('span', el('input', type='hidden', name=k, value=v or ''),
                  el('input', **{**a, 'name': None, 'cls': 'cell is-ref'}, type='text', role='combobox', aria_expanded='false',
                     aria_autocomplete='list', autocomplete='off', placeholder=f.title,
                     value=names.get(k, {}).get(v, f'{f.table} {v} (gone)' if v else ''), data_pick=f'/api/tables/{f.table}/pick', data_col=k),
                  cls='pick')
    if f.kind == 'rows': return el('span', ', '.join(names.get(k, {}).get(i, str(i)) for i in v), cls='cell reads', tabindex='-1', data_col=k)
    if f.kind == 'file': return el('span', el('a', v[65:], href=file_url(v), download=True) if v else '', cls='cell reads', tabindex='-1', data_col=k)
    text = f.written(v)
    if f.kind == 'datetime' and text.endswith(':00'): text = text[:-3]
    return el('input', type='number' if f.kind in ('int', 'float') else 'text',
              data_type={'date': 'date', 'datetime': 'datetime-local', 'time': 'time'}.get(f.kind), value=text, placeholder=f.title,
              autocomplete='off', step='any' if f.kind == 'float' else None,
              min=f.word.low, max=f.word.high, **a)      # data-type: what it becomes when one goes into it; hundreds of calendars are slow to draw

def row(table, r, names, shown=None):
    "How one row looks; a plugin may say it better with its own `__ft__` on the row class. `shown`: what `choice` says"
    own, name = hasattr(table.Row, '__ft__'), called(table, r)
    if own: inside = [Drawn(to_xml(Div(table.thing(r).__ft__(), cls='own'), indent=False))]
    else: inside = [cell(table, f, r, names) for f in ordered(table)]
    chosen = r['id'] == shown
    return el('li', el('button', type='button', role='checkbox', aria_checked='false', cls='select', aria_label=f'Select {name}'),
              el('button', '⠿', type='button', cls='grip', draggable='true', title='Drag to move, or press Alt with an arrow key',
                 aria_label=f'Move {name}'), *inside,
              el('button', 'Chosen' if chosen else 'Choose', type='button', cls='choose', aria_pressed='true' if chosen else 'false')
              if shown is not None else '',
              el('button', '✎', type='button', cls='quiet edit', title='Open', aria_label=f'Open {name}'),
              el('button', '✕', type='button', cls='quiet delete', title='Delete', aria_label=f'Delete {name}'),
              id=f'{table.name}-{r["id"]}', data_pos=r['pos'],
              cls='row' + ''.join(f' is-{k}' for k, f in table.columns.items() if f.kind == 'bool' and r[k]))

def ordered(table):
    "Ticks, then what the row is called, then the rest"
    fs = list(table.columns.values())
    return ([f for f in fs if f.kind == 'bool'] + [f for f in fs if f.name == table.main and f.kind != 'bool']
            + [f for f in fs if f.kind != 'bool' and f.name != table.main])
def chooses(table): return any(t.owner == table.name for t in plugins.tables())
def choice(tx, table):
    "The number of the chosen row of a table that others belong to, 0 for none; None where there is nothing to choose"
    return table.chosen(tx) or 0 if chooses(table) else None

# the list and what stands around it

def listing(tx, table, look=plain):
    "The list itself"
    return _listing(tx, table, look, *window(tx, table, look))
def _listing(tx, table, look, ids, total):
    there = {r['id']: r for r in tx.q(f'select * from "{table.name}" where id in (select value from json_each(?))', json.dumps(ids))}
    found = [there[i] for i in ids]
    names, shown = labels(tx, table, found), choice(tx, table)
    return Ol(NotStr(''.join(row(table, r, names, shown) for r in found)), gap(table, look, total), id=table.list_id, cls='rows',
              data_table=table.name, data_move=table.key('move'), data_limit=look.limit, aria_label=table.title)
def gap(table, look, total):
    "Stands where rows are left out; what is added meanwhile comes behind it"
    if total <= look.limit: return None
    return Li(Button(f'Show {min(page, total-look.limit):,} more', type='button', cls='quiet more'),
              Small(f'{total-look.limit:,} of {total:,} are not drawn'), cls='gap', id=f'{table.name}-gap', data_total=total)
def foot(tx, table, look=plain, n=None):
    "How many there are"
    if n is None: n = count(tx, table, look)
    of = f' of {count(tx, table):,}' if look.filtered else ''
    return P(f'{n:,}{of} {"row" if n == 1 and not of else "rows"}' if n > 9 or of else '', id=f'{table.name}-foot', cls='foot', aria_live='polite')
def head(table, look=plain):
    "The names of the columns: press one to sort by it, again for the other way round, again for the order the rows were put in"
    way = ', from the end' if look.down else ', from the beginning'
    sort = lambda f: Button(Span(f.title), type='button',
                            cls='by' + kinds(table, f),
                            data_sort=f.name, title=f'Sort by {f.name}',
                            data_way=('down' if look.down else 'up') if look.sort == f.name else None,
                            aria_label=f'Sort by {f.name}' + (way if look.sort == f.name else ''))
    own = hasattr(table.Row, '__ft__')
    return Div(Button(type='button', role='checkbox', aria_checked='false', cls='select all',
                      aria_label=f'Select all {table.title.lower()} that are shown', title='Select all that are shown', id=f'{table.name}-all'),
               Label('All that are shown', fr=f'{table.name}-all', cls='word'), Span(cls='grip'),
               *map(sort, ordered(table)), *[Span(cls=c) for c in (['choose'] if chooses(table) else []) + ['edit', 'delete']],
               id=f'{table.name}-head', cls='head row' + (' is-own' if own else ''), role='group', aria_label='Columns')

def blank(tx, table):
    "The form of a new row"
    wide = (len([f for f in table.columns.values() if f.kind != 'bool']) > 3
            or any(f.kind in ('long', 'json', 'rows', 'file', 'ref', 'choice', 'date', 'datetime', 'time') for f in table.columns.values()))
    fs = [f for f in ordered(table) if f.kind != 'bool']
    flags = [f for f in table.columns.values() if f.kind == 'bool'] if wide else []
    def one(f):
        main = f.name == table.main
        wrong = f'{table.name}-new-{f.name}-wrong'
        hint = f'New {table.one}' if main else ' ' if wide else f.title if f.kind not in ('choice', 'ref', 'rows') else None
        c = f.control(None, tx, placeholder=hint, aria_describedby=wrong, aria_label=f'{f.name} of the new {table.one}',
                      **(dict(cls='main') if main else {}))
        group = Fieldset if f.kind == 'rows' else Label
        return group((Legend if group is Fieldset else Span)(f.title, cls='cap'), c,
                     Small(id=wrong, cls='wrong', role='alert', data_for=f.name), cls=f'slot is-{f.kind}' + (' main' if main else ''))
    tick = lambda f: Label(Input(type='hidden', name=f.name, value='false'), f.control(None, tx), Span(f.title), cls='tick')
    return Form(*map(one, fs), *map(tick, flags), Button('Add'), id=f'{table.name}-new', cls='new' + (' wide' if wide else ''),
                hx_post=table.key('create'), hx_swap='none', data_reset='yes', novalidate=True)

def owner_picker(tx, table):
    owner = plugins.table(table.owner)
    if not owner or not tx.value(f'select 1 from "{owner.name}" limit 1'): return Div(id=f'{table.name}-owner', hidden=True)
    found, chosen = rows_of(tx, owner.name, limit=few), owner.chosen(tx)
    if chosen and chosen not in {i for i, _ in found}: found += rows_of(tx, owner.name, ids=[chosen])
    pick = Select(Option(f'No {owner.one}', value='', selected=not chosen),
                  *[Option(text, value=str(i), selected=i == chosen) for i, text in found],
                  name='id', hx_post=owner.key('choose'), hx_trigger='change', hx_swap='none', aria_label=f'Whose {table.title.lower()}')
    return Label(Span(owner.one.capitalize()), pick, id=f'{table.name}-owner', cls='owner')

def filters(tx, table, look):
    "A list to narrow by, for each column with few values"
    out, which = [], dict(look.which)
    for k, f in table.columns.items():
        if f.kind == 'bool': options = [(f'not-{k}', f'Not {f.title.lower()}'), (f'is-{k}', f.title)]
        elif f.kind == 'choice':
            options = [(f.written(c), f.written(c)) for c in f.choices] + ([('-', f'No {f.title.lower()}')] if f.optional else [])
        elif f.kind == 'ref' and 0 < len(found := rows_of(tx, f.table, limit=few+1)) <= few:
            options = [(str(i), t) for i, t in found] + [('-', f'No {f.title.lower()}')]
        else: continue
        out.append(Select(Option('All' if f.kind == 'bool' else f'{f.title}: all', value=''),
                          *[Option(t, value=v, selected=which.get(k) == v) for v, t in options], cls='which', data_col=k,
                          aria_label=f'Which {f.title.lower()} to show'))
    return out

def bulk(tx, table):
    "What can be done with the selected rows; shown by the page while some are selected"
    cols = [f for f in ordered(table) if f.kind != 'file']
    yes_no = lambda f: Select(Option('yes', value='true'), Option('no', value='false'), name=f.name, aria_label=f'New {f.name}')
    return Form(Span(cls='said', aria_live='polite'), Button('', type='button', cls='quiet every', hidden=True),
                Label(Span('Set', cls='cap'),
                      Select(Option('Set …', value=''), *[Option(f.title, value=f.name) for f in cols], cls='col', aria_label='Column to set')),
                *[Span(yes_no(f) if f.kind == 'bool' else f.control('', tx, aria_label=f'New {f.name}', required=None), cls='to',
                       data_for=f.name, hidden=True) for f in cols],
                Button('Set', cls='go', hidden=True), Button('Delete', type='button', cls='quiet remove'),
                Button('Clear', type='button', cls='quiet clear'), Small(cls='wrong', role='alert'),
                id=f'{table.name}-bulk', cls='bulk', hidden=True, novalidate=True, aria_label='Selected rows')

def panel(tx, table, look=plain):
    "The whole left side of this table"
    title = table.title.lower()
    export = lambda word, kind: A(word, href=f'/api/tables/{table.name}.{kind}', download=True, cls='button quiet export')
    ways = Details(Summary('⋯', aria_label=f'More for {title}', title='Select, import, export'),
                   Div(Button('Select rows', type='button', cls='quiet selects'),
                       Label('Import …', Input(type='file', accept='.csv,.tsv,.txt,.json,.jsonl', cls='import sr', data_table=table.name),
                             cls='button quiet'),
                       export('Export as CSV', 'csv'), export('Export as JSON', 'json'), cls='drop'), cls='menu ways')
    sorts = Select(Option('My order', value=''),
                   *[Option(f'{f.title} {arrow}', value=f'{f.name} {way}', selected=look.sort == f.name and look.down == (way == 'down'))
                     for f in ordered(table) for arrow, way in (('↑', 'up'), ('↓', 'down'))], cls='order', aria_label='Order')
    tools = Div(owner_picker(tx, table) if table.owner else None,
                Input(type='search', value=look.words or None, placeholder=f'Filter {title}', aria_label=f'Filter {title}',
                      title='Words, "several words", -without, minutes>30, due<2026-05-01, name:soup', cls='filter'),
                *filters(tx, table, look), sorts, ways, cls='tools')
    empty = P(f'No {title} yet. Add the first one above, or ask for it in the chat: “add '
              f'{"an" if table.one[:1].lower() in "aeio" else "a"} {table.one}: …”.', cls='empty')
    cls = ('crud' + (' own' if hasattr(table.Row, '__ft__') else ' broad' if broad(table) else '')
           + (' filtered' if look.filtered else '') + (' sorted' if look.sort else ''))
    return Section(blank(tx, table), tools, bulk(tx, table), Div(head(table, look), listing(tx, table, look), cls='grid'),
                   empty, P('Nothing matches the filter.', cls='nothing'), foot(tx, table, look),
                   id=f'{table.name}-panel', cls=cls, data_table=table.name)

def grown(tx, table):
    "What became of its columns when its class changed, until somebody has read it"
    if not (said := got(tx, 'grown', table.name)): return None
    return Div(P(Strong(f'The columns of {table.title} changed.')), Ul(*[Li(s) for s in said]),
               Button('I have read it', type='button', cls='quiet', hx_post=f'/api/tables/{table.name}/read', hx_swap='none'),
               id=f'{table.name}-grown', cls='card grown', role='status')

# what to put when something changed

def again(tx, table, look):
    "The list drawn anew for a look"
    ids, n = window(tx, table, look)
    return {'items': [tabs.item(table.list_id, _listing(tx, table, look, ids, n), only=True),
                      tabs.item(f'{table.name}-head', head(table, look), only=True),
                      tabs.item(f'{table.name}-foot', foot(tx, table, look, n), only=True)], 'gone': []}

def stay(table, look, columns):
    """Is it certain that rows of which only these columns changed are shown exactly
    where they were shown, if they were? Then nobody need look at the other rows."""
    if not columns <= table.columns.keys() or look.sort in columns or columns & {k for k, _ in look.which}: return False
    return (not look.words.strip() or all(table.columns[k].kind == 'bool' for k in columns)
            and not any(re.search(rf'\b{re.escape(k)}\b', look.words, re.I) for k in columns))

def now(tx, table, ids, look=plain, fresh=None, columns=None):
    """What to put and what to remove so that a page that looks this way shows
    these rows as they are; read anew, so that the last word is always the truth.
    It need not know what the page shows: each row names the one it stands behind;
    rows that may have come into view at the end are put only where they are missing;
    one that is beyond what is drawn is put behind the gap if it is `fresh`, that is new (None: who knows), or was there before.
    `columns` are those that changed, where that is known: a ticked box costs the same among ten rows and among a hundred thousand."""
    ids = list(dict.fromkeys(ids))
    if len(ids) > redraw or 'lot' in ids: return again(tx, table, look)
    if columns is not None and stay(table, look, columns):
        found = tx.q(f'select * from "{table.name}" where id in (select value from json_each(?))', json.dumps(ids))
        names, shown = labels(tx, table, found), choice(tx, table)
        return {'items': [{'id': f'{table.name}-{r["id"]}', 'html': row(table, r, names, shown), 'into': table.list_id, 'only': True}
                          for r in found], 'gone': []}
    view, total = window(tx, table, look)
    at, here, k = {i: n for n, i in enumerate(view)}, among(tx, table, look, ids), len(ids)
    tail = [i for i in view[-k:] if i not in ids] if len(view) == look.limit else []
    found = {r['id']: r for r in tx.q(f'select * from "{table.name}" where id in (select value from json_each(?))', json.dumps([*here, *tail]))}
    names, shown = labels(tx, table, found.values()), choice(tx, table)
    item = lambda i, **more: {'id': f'{table.name}-{i}', 'html': row(table, found[i], names, shown), 'into': table.list_id, 'only': False} | more
    items = [item(i, after=f'{table.name}-{view[at[i]-1]}' if at[i] else '') for i in sorted((i for i in here if i in at), key=at.get)]
    items += [item(i, after=f'{table.name}-{view[at[i]-1]}' if at[i] else '', missing=True) for i in tail]
    items += [item(i, after=None, only=fresh is not None and i not in fresh) for i in sorted(here) if i not in at]
    gone = [f'{table.name}-{i}' for i in ids if i not in here]
    if left := gap(table, look, total): items.append(tabs.item(f'{table.name}-gap', left, table.list_id) | {'after': None})
    elif total > look.limit - k - 1: gone.append(f'{table.name}-gap')
    if fresh is None or fresh or gone or look.filtered: items.append(tabs.item(f'{table.name}-foot', foot(tx, table, look, total), only=True))
    return {'items': items, 'gone': gone}

def sheet(tx, table, r):
    "One row with all its columns, as a form in a dialog"
    names = [f.input(f.back(r[k]) if r[k] is not None else '', tx, id=f'{table.name}-open-{k}') for k, f in table.columns.items()]
    return Form(H2(called(table, r) or f'{table.one.capitalize()} {r["id"]}'), *names,
                Div(Button('Save'), Button('Close', type='button', cls='quiet shut'), cls='ways'), cls='sheet', data_id=r['id'],
                data_key=f'{table.name}.update', novalidate=True)

def preview(table, file, given, read, columns, same=''):
    """What an import would do (`read`: its good lines, the wrong ones, and what becomes of them by the column `same`; or why there
    are none): which column goes where, the first rows, what does not fit line by line. Nothing is written until it is confirmed."""
    said = ''
    try:
        if isinstance(read, Refused): raise read
        good, wrong, meets, bad = *read, ''
        if same:
            new, changed, kept = meets
            said = f'{len(new):,} new, {len(changed):,} changed, {kept:,} the same.'
    except Refused as e: good, wrong, bad = [], [], f'{e.text}; {e.hint}'
    names = [*table.columns, *([table.link] if table.link else [])]
    pick = lambda n, c: Select(Option('— leave out —', value=''),
                               *[Option(k.replace('_', ' '), value=k, selected=columns.get(c) == k) for k in names], name=f'to.{n}',
                               aria_label=f'Where {c} goes')
    heads = Tr(*[Th(Span(c, cls='from'), pick(n, c)) for n, c in enumerate(given.columns)])
    cut = lambda v: '' if v is None else str(v)[:60]
    body = [Tr(*[Td(cut(line.get(c)), cls='' if columns.get(c) else 'off') for c in given.columns]) for _, line in given.lines[:8]]
    say = ((f'Add {len(new):,}, change {len(changed):,}' if new or changed else '') if said
           else f'Import {len(good):,} {"row" if len(good) == 1 else "rows"}' if good else '')
    meeting = Label('Rows that are there already: ',
                    Select(Option('add every line as a new row', value=''),
                           *[Option(f"change the row with the same {k.replace('_', ' ')}", value=k, selected=k == same)
                             for k in columns.values() if k], name='same')) if any(columns.values()) else None
    args = {'file': str(file), 'columns': {c: k for c, k in columns.items() if k}, **({'skip': True} if wrong else {}),
            **({'same': same} if same else {})}
    form = Form(Input(type='hidden', name='file', value=str(file)), Div(TTable(Thead(heads), Tbody(*body)), cls='scroll'),
                P(f'… and {len(given.lines)-8:,} more.', cls='foot') if len(given.lines) > 8 else None, meeting,
                P(said, cls='meeting', role='status') if said else None, hx_get=f'/api/tables/{table.name}/import', hx_trigger='change',
                hx_target='#import', hx_swap='outerHTML')
    left = Details(Summary(f'{len(wrong):,} {"line does" if len(wrong) == 1 else "lines do"} not fit and would be left out', cls='wrong'),
                   Ol(*[Li(w) for w in wrong[:100]], cls='errors'),
                   P(f'… and {len(wrong)-100:,} more.') if len(wrong) > 100 else None, open=True) if wrong else None
    go = Button(say, type='button', cls='approve', data_press=f'{table.name}.import', data_args=tabs.dumps(args))
    return Div(H2(f'Import {file.name}'),
               P(f'{len(given.lines):,} {"line" if len(given.lines) == 1 else "lines"}. Nothing is written until you say so.'),
               form, P(bad, cls='wrong', role='alert') if bad else None, left,
               Div(go if good and say and not bad else None, Button('Close', type='button', cls='quiet shut'), cls='ways'), id='import')
