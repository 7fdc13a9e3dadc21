"""What a step returned: how it is kept, given to later steps, and shown. Text, data, tags, Markdown,
tables, figures, pictures and files; small ones in the row, large ones as files of their own.

    keep(value) → node (JSON)      back(node) → the value again      show(node) → tags      plain(node) → JSON for programs      line(node) → a few words for the model

Kept before anybody is told, without pickles: a node that came in a file from elsewhere
can be read as safely as one of our own. Figures come back as the picture they are."""
import dataclasses, datetime, enum, hashlib, io, json, math, re, sys
from pathlib import Path
import msgspec
from fasthtml.common import A, Details, Div, Figcaption, Figure, Img, Li, NotStr, P, Small, Span, Summary, Table, Tbody, Td, Th, Thead, Tr, Ul, to_xml
from .. import render
from ..asking.files import File, file_url, keep_file
from ..tx import sound
from ..tables import sheets

small, most_rows, most_chars = 20_000, 20, 2_000          # what a row holds; what a preview shows

class Markdown(str): "Text to be shown as Markdown: `return Markdown('# Done')`"

deepest = 60
def keep(value, name='result', deep=0):
    "The node of a value. Files are written and safe on the disk when it comes back; TypeError says what cannot be kept and what can."
    if deep > deepest: raise TypeError(f'it goes deeper than {deepest} levels')
    if value is None: return None
    if isinstance(value, File): return {'k': 'file', 'f': str(value)}
    if isinstance(value, Path): return {'k': 'file', 'f': str(keep_file(value, value.name))}
    if isinstance(value, Markdown): return _text('markdown', str(value), f'{name}.md')
    if isinstance(value, str) and not hasattr(value, '__html__'): return _text('data', value, f'{name}.txt')
    if isinstance(value, (bytes, bytearray)): return _bytes(bytes(value), name)
    if hasattr(value, '__ft__') or hasattr(value, '__html__') or _tags(value): return _text('html', to_xml(value, indent=False), f'{name}.html')
    kind, module = type(value).__name__, type(value).__module__.partition('.')[0]
    if module == 'pandas' and kind in ('DataFrame', 'Series'): return _pandas(value if kind == 'DataFrame' else value.to_frame(), name)
    if module == 'polars' and kind in ('DataFrame', 'LazyFrame', 'Series'):
        return _polars(value.collect() if kind == 'LazyFrame' else value.to_frame() if kind == 'Series' else value, name)
    if hasattr(value, 'savefig'): return _matplotlib(value, name)
    if hasattr(value, 'figure') and hasattr(value.figure, 'savefig'): return _matplotlib(value.figure, name)
    if module == 'plotly' and hasattr(value, 'to_json'): return _plotly(value, name)
    if module == 'PIL' and hasattr(value, 'save'):
        value.save(out := io.BytesIO(), 'PNG')
        return _image(out.getvalue(), f'{name}.png')
    if module == 'numpy' and hasattr(value, 'tolist'): return keep(value.tolist(), name)
    try: return _data(value, name)
    except TypeError:
        if isinstance(value, dict): return {'k': 'many', 'v': {str(k): keep(v, str(k), deep+1) for k, v in value.items()}}
        if isinstance(value, (list, tuple, set)): return {'k': 'list', 'v': [keep(v, f'{name}-{n+1}', deep+1) for n, v in enumerate(value)]}
        raise

def _tags(v): return isinstance(v, (list, tuple)) and v and all(hasattr(x, '__ft__') or hasattr(x, '__html__') or _tags(x) for x in v)
def _plain(v, deep=0):
    "Plain data as JSON has it; TypeError names what is none"
    if deep > deepest: raise TypeError(f'it goes deeper than {deepest} levels')
    if v is None or isinstance(v, (bool, str)): return sound(str(v)) if isinstance(v, str) else v
    if isinstance(v, enum.Enum): return _plain(v.value, deep)
    if isinstance(v, int): return int(v) if -2**63 <= v < 2**63 else str(int(v))
    if isinstance(v, float): return float(v) if math.isfinite(v) else str(v)
    if isinstance(v, (datetime.date, datetime.time, datetime.datetime)): return v.isoformat()
    if isinstance(v, dict) and not isinstance(v, File): return {str(k): _plain(x, deep+1) for k, x in v.items()}
    if isinstance(v, (list, tuple, set, frozenset)) and not _tags(v): return [_plain(x, deep+1) for x in v]
    if dataclasses.is_dataclass(v) and not isinstance(v, type): return _plain(dataclasses.asdict(v), deep+1)
    if isinstance(v, msgspec.Struct): return _plain(msgspec.structs.asdict(v), deep+1)
    if type(v).__module__.partition('.')[0] == 'numpy' and hasattr(v, 'item') and getattr(v, 'ndim', 1) == 0: return _plain(v.item(), deep+1)
    raise TypeError(f'a {type(v).__name__} cannot be kept; return text, numbers, lists and dicts of them, tags, Markdown(…), '
                    f'a dataframe, a figure, a picture, bytes, or a Path or File')
def _data(value, name):
    v = _plain(value)
    # its keys are names
    if isinstance(v, dict) and 0 < len(v) <= 100 and len(json.dumps(v, ensure_ascii=False)) > small:
        return {'k': 'many', 'v': {k: keep(x, k[:40]) for k, x in v.items()}}
    if isinstance(v, (dict, list)) and len(text := json.dumps(v, ensure_ascii=False, indent=1)) > small:
        return {'k': 'data', 'f': str(keep_file(text.encode(), f'{name}.json')), 'head': _head(v), 'size': len(v)}
    return {'k': 'data', 'v': v}
def _head(v, room=most_rows, deep=0):
    "The beginning of large data"
    if isinstance(v, str): return v[:200] + '…' * (len(v) > 200)
    if isinstance(v, list): return [_head(x, 10, deep+1) for x in v[:room]] if deep < 4 else f'{len(v)} items'
    if isinstance(v, dict): return {k[:200]: _head(x, 10, deep+1) for k, x in list(v.items())[:room]} if deep < 4 else f'{len(v)} items'
    return v
def _text(kind, text, name):
    text = sound(text)
    if len(text) <= small: return {'k': kind, 'v': text}
    return {'k': kind, 'f': str(keep_file(text.encode(), name)), 'head': text[:most_chars] if kind != 'html' else ''}
def _bytes(data, name):
    for magic, ext in ((b'\x89PNG', 'png'), (b'\xff\xd8\xff', 'jpg'), (b'GIF8', 'gif'), (b'RIFF', 'webp')):
        if data.startswith(magic) and (ext != 'webp' or data[8:12] == b'WEBP'): return _image(data, f'{name}.{ext}')
    return {'k': 'file', 'f': str(keep_file(data, f'{name}.bin'))}
def _image(data, name, alt=''): return {'k': 'image', 'f': str(keep_file(data, name)), 'alt': alt}
def _matplotlib(fig, name):
    "A picture of the figure: lines as SVG, many points as PNG"
    title = next((ax.get_title() for ax in fig.axes if ax.get_title()), '') or (fig.get_suptitle() if hasattr(fig, 'get_suptitle') else '')
    fig.savefig(out := io.BytesIO(), format='svg', bbox_inches='tight', metadata={'Date': None})
    if len(out.getvalue()) > 1_000_000: fig.savefig(out := io.BytesIO(), format='png', dpi=150, bbox_inches='tight')
    if 'matplotlib.pyplot' in sys.modules: sys.modules['matplotlib.pyplot'].close(fig)
    return _image(out.getvalue(), f"{name}.{'png' if out.getvalue().startswith(bytes([0x89])) else 'svg'}", title)
def _plotly(fig, name):
    "The figure's own JSON and a page that draws it, to take away; a picture where kaleido is installed"
    node = {'k': 'plotly', 'f': str(keep_file(fig.to_json().encode(), f'{name}.json')),
            'page': str(keep_file(fig.to_html(include_plotlyjs=True, full_html=True).encode(), f'{name}.html')),
            'alt': str(getattr(fig.layout.title, 'text', None) or ''),
            'traces': [f"{t.type}{f': {t.name}' if t.name else ''}" for t in fig.data][:20]}
    try: node['png'] = str(keep_file(fig.to_image('png', scale=2), f'{name}.png'))
    except Exception as e: node['why'] = f'{type(e).__name__}'          # no kaleido, or no browser for it: it says so in many ways
    return node
def _pandas(df, name):
    first = df.head(most_rows).reset_index(drop=isinstance(df.index, sys.modules['pandas'].RangeIndex))
    head = json.loads(first.to_json(orient='split', date_format='iso', default_handler=str))
    try:
        import pyarrow      # noqa: F401
        df.to_parquet(out := io.BytesIO())
        data, ext = out.getvalue(), 'parquet'
    except (ImportError, ValueError, TypeError): data, ext = _pandas_json(df), 'json'
    types = {'types': {c: str(t) for c, t in df.dtypes.items() if isinstance(c, str)}} if ext == 'json' and df.columns.is_unique else {}
    return {'k': 'table', 'lib': 'pandas', **types, 'f': str(keep_file(data, f'{name}.{ext}')),
            'rows': len(df), 'columns': [str(c) for c in head['columns']], 'head': _head(head['data'])}
def _pandas_json(df):
    # of two columns of one name JSON keeps one
    if not df.columns.is_unique: df = df.set_axis(sheets.unique([str(c) for c in df.columns]), axis=1)
    try: return df.to_json(orient='table', double_precision=15, default_handler=str).encode()
    except (ValueError, TypeError, NotImplementedError):
        # what no format holds is kept as text
        return df.reset_index().set_axis([str(c) for c in df.reset_index().columns], axis=1).astype(str).to_json(orient='table').encode()
def _polars(df, name):
    df.write_parquet(out := io.BytesIO())
    return {'k': 'table', 'lib': 'polars', 'f': str(keep_file(out.getvalue(), f'{name}.parquet')), 'rows': df.height,
            'columns': list(df.columns), 'head': _head([_plain_row(r) for r in df.head(most_rows).rows()])}
def _plain_row(r): return [_plain(v) if not isinstance(v, (bytes, datetime.timedelta)) else str(v) for v in r]

def back(node):
    "The value of a node. A figure comes back as the File of its picture."
    if node is None: return None
    k, f = node['k'], File(node['f']) if node.get('f') else None
    if k == 'data': return node['v'] if f is None else f.read_text() if f.name.endswith('.txt') else json.loads(f.read_text())
    if k == 'markdown': return Markdown(node['v'] if f is None else f.read_text())
    if k == 'html': return NotStr(node['v'] if f is None else f.read_text())
    if k == 'many': return {n: back(v) for n, v in node['v'].items()}
    if k == 'list': return [back(v) for v in node['v']]
    if k == 'table':
        if node['lib'] == 'polars':
            import polars
            return polars.read_parquet(f.path)
        import pandas
        if f.name.endswith('.parquet'): return pandas.read_parquet(f.path)
        df = pandas.read_json(io.StringIO(f.read_text()), orient='table', precise_float=True)
        for c, t in (node.get('types') or {}).items():
            try: df[c] = df[c].astype(t)
            except (TypeError, ValueError, KeyError): continue          # kept as text
        return df
    if k == 'plotly':
        import plotly.io
        return plotly.io.from_json(f.read_text())
    return f

def names(step, node):
    "What a result is called by later steps: the whole by the step's name, and the values of a dict by their keys"
    if node is None: return {}
    out = {step: node}
    if node['k'] == 'many': out |= node['v']
    elif node['k'] == 'data' and isinstance(v := node.get('v'), dict): out |= {k: {'k': 'data', 'v': x} for k, x in v.items()}
    return {k: v for k, v in out.items() if k.isidentifier()}
def fingerprint(node): return hashlib.sha256(json.dumps(node, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]
def files(node):
    "Every file a node names"
    if isinstance(node, list): return [f for x in node for f in files(x)]
    if not isinstance(node, dict): return []
    if node.get('k') in ('many', 'list'): return files([*node['v'].values()] if isinstance(node['v'], dict) else node['v'])
    return [node[k] for k in ('f', 'png', 'page') if isinstance(node.get(k), str)]

def plain(node):
    "A node for programs"
    if node is None: return None
    k = node['k']
    if k == 'many': return {n: plain(v) for n, v in node['v'].items()}
    if k == 'list': return [plain(v) for v in node['v']]
    if 'f' not in node: return node['v']
    out = {'kind': k, 'file': File(node['f']).name, 'url': file_url(node['f'])}
    return out | {x: node[x] for x in ('rows', 'columns', 'head', 'size', 'alt') if x in node}
def line(node, room=200):
    "A node in a few words"
    if node is None: return ''
    k, cut = node['k'], lambda s: s[:room] + '…' * (len(s) > room)
    if k == 'many': return cut(', '.join(f'{n}: {line(v, 60)}' for n, v in node['v'].items()))
    if k == 'list': return f"{len(node['v'])} parts"
    if k == 'html': return cut(' '.join(re.sub(r'<[^>]*>', ' ', node.get('v', 'a long page')).split()))
    if k == 'table': return f"a table of {node['rows']:,} rows: {', '.join(node['columns'][:8])}"
    if k in ('image', 'plotly'): return f"a figure{': ' + node['alt'] if node.get('alt') else ''}"
    if k == 'file': return f"the file {File(node['f']).name}"
    v = node.get('v', node.get('head'))
    return cut(v if isinstance(v, str) else
               ', '.join(f'{n}: {few(x)}' for n, x in v.items() if x != '') if isinstance(v, dict) else
               json.dumps(v, ensure_ascii=False) if not isinstance(v, (list, int)) else
               few(v))
def few(x):
    "Plain data in a few words"
    if isinstance(x, bool) or x is None: return {True: 'yes', False: 'no', None: 'nothing'}[x]
    if isinstance(x, int): return f'{x:,}'
    if isinstance(x, list): return ', '.join(map(few, x)) if len(x) < 6 and not any(isinstance(i, (list, dict)) for i in x) else f'{len(x):,} entries'
    if isinstance(x, dict):
        return (', '.join(f'{n} {few(i)}' for n, i in x.items()) if len(x) < 12 and not any(isinstance(i, (list, dict)) for i in x.values())
                else f'{len(x):,} entries')
    return str(x)

def show(node, url=''):
    "A node for the eye; `url` is where the parts of this result can be had in other forms"
    if node is None: return None
    k, f = node['k'], node.get('f')
    if k == 'many':
        return Div(*[Div(Small(n.replace('_', ' '), cls='name'), show(v, f'{url}/{n}'), cls='part') for n, v in node['v'].items()], cls='many')
    if k == 'list':
        return Div(*[Div(show(v, f'{url}/{n}'), cls='part') for n, v in enumerate(node['v'][:most_rows])], more(len(node['v'])), cls='many')
    if k == 'html': return Div(NotStr(node['v'] if not f else ''), get(f, 'The whole page'), cls='tags')
    if k == 'markdown':
        return Div(*[Div(NotStr(b), cls='block') for b in render.blocks(node.get('v', node.get('head')))],
                   get(f, 'The whole text'), cls='body', hx_disable=True)
    if k == 'table':
        return Div(grid(node['columns'], node['head'], node['rows']),
                   Div(A('CSV', href=f'{url}.csv', download=True), get(f), cls='gets'), cls='frame')
    if k == 'image':
        return Figure(A(Img(src=picture(f), alt=node.get('alt') or 'Figure'), href=picture(f), target='_blank'),
                      Figcaption(node['alt']) if node.get('alt') else None, get(f))
    if k == 'plotly':
        seen = (Img(src=picture(node['png']), alt=node.get('alt') or 'Figure') if node.get('png')
                else P(f"A figure of {len(node['traces'])} parts ({', '.join(node['traces'])}). Its page can be opened once downloaded; "
                       f"with kaleido installed it is drawn here.", cls='soft'))
        return Figure(seen, Figcaption(node['alt']) if node.get('alt') else None,
                      Div(get(node['page'], 'As a page'), get(f, 'Data'), get(node.get('png'), 'Picture'), cls='gets'))
    if k == 'file': return Div(get(f), cls='gets')
    if f: return Div(tree(node['head']), get(f, f"All of it ({node['size']:,})" if 'size' in node else 'All of it'), cls='data')
    return tree(node['v'])
def picture(f): return file_url(f).replace('/api/files/', '/api/pictures/', 1)
def get(f, words=None): return A(words or File(f).name, href=file_url(f), download=File(f).name, cls='get') if f else None
def more(n, seen=most_rows): return Small(f'… and {n-seen:,} more', cls='more') if n > seen else None
def grid(columns, rows, total):
    return Div(Table(Thead(Tr(*[Th(str(c)) for c in columns])),
                     Tbody(*[Tr(*[Td(_cell(v), cls='num' if isinstance(v, (int, float)) and not isinstance(v, bool) else None) for v in r])
                             for r in rows[:most_rows]])),
               Small(f"{total:,} row{'s' * (total != 1)}" + (f', the first {most_rows} shown' if total > most_rows else ''), cls='more'),
               cls='table', tabindex='0', role='region', aria_label='Table')
def _cell(v):
    return ('' if v is None else
            ('✓' if v else '—') if isinstance(v, bool) else
            f'{v:,.6g}' if isinstance(v, float) else
            v if isinstance(v, str) else
            json.dumps(v, ensure_ascii=False)[:200])
def tree(v, deep=0):
    "Plain data: a table where it is one, else a tree that folds"
    if (isinstance(v, list) and v and all(isinstance(r, dict) and r for r in v)
            and len(cols := list(dict.fromkeys(c for r in v[:200] for c in r))) <= 30):
        return grid(cols, [[r.get(c) for c in cols] for r in v], len(v))
    if isinstance(v, list):
        return Div(Ul(*[Li(tree(x, deep+1)) for x in v[:most_rows]]), more(len(v)), cls='items') if v else Span('nothing', cls='none')
    if isinstance(v, dict):
        def one(n, x):
            if isinstance(x, (dict, list)) and x: return Div(Details(Summary(str(n)), tree(x, deep+1), open=deep < 1), cls='pair')
            return Div(Small(str(n).replace('_', ' '), cls='name'), tree(x, deep+1), cls='pair')
        return Div(*[one(n, x) for n, x in list(v.items())[:100]], more(len(v), 100), cls='pairs') if v else Span('nothing', cls='none')
    if isinstance(v, str) and re.fullmatch(r'https?://[^\s<>"]{3,500}', v): return A(v, href=v, target='_blank', rel='noopener noreferrer', cls='out')
    return Div(v, cls='text') if isinstance(v, str) and len(v) > 60 else Span(_cell(v) if not isinstance(v, int) or isinstance(v, bool) else f'{v:,}')

def at(node, where):
    "The part of a node that a path names"
    for n in where:
        kind = (node or {}).get('k')
        if kind == 'many': node = node.get('v', {}).get(n)
        elif kind == 'list' and n.isdecimal() and int(n) < len(node['v']): node = node['v'][int(n)]
        else: node = None
    return node
def csv(node):
    "A table as CSV, for spreadsheets: no text in it acts as a formula"
    df = back(node)
    harmless = lambda v: tuple(map(sheets.safe, v)) if isinstance(v, tuple) else sheets.safe(v)
    if node['lib'] == 'polars':
        import polars
        texts = [c for c, t in df.schema.items() if t in (polars.String, polars.Categorical, polars.Enum)]
        df = df.with_columns(*[df[c].cast(polars.String).map_elements(harmless, return_dtype=polars.String) for c in texts])
        df = df.rename({c: h for c in df.columns if (h := harmless(c)) != c})
        return df.write_csv().encode()
    for n, t in enumerate(df.dtypes):
        if t.kind == 'O' or str(t).startswith(('str', 'cat')): df.isetitem(n, df.iloc[:, n].astype(object).map(harmless))
    labels = type(df.index).__name__ != 'RangeIndex'
    for axis in ('columns', 'index')[:1 + labels]:
        if any(harmless(v) is not v for v in getattr(df, axis) if isinstance(v, (str, tuple))): setattr(df, axis, getattr(df, axis).map(harmless))
    return df.to_csv(index=labels).encode()

_kinds = ('data', 'markdown', 'html', 'many', 'list', 'table', 'image', 'plotly', 'file')
def unsafe(node, deep=0):
    "What is wrong with a node that came from elsewhere, '' when nothing; HTML in it is cleaned on the way"
    if node is None: return ''
    if not isinstance(node, dict) or node.get('k') not in _kinds or deep > 20: return 'a result is damaged'
    if node['k'] in ('many', 'list'):
        if not isinstance(node.get('v'), dict if node['k'] == 'many' else list): return 'a result is damaged'
        return next((bad for x in (node['v'].values() if node['k'] == 'many' else node['v']) if (bad := unsafe(x, deep+1))), '')
    for key in ('f', 'png', 'page'):
        f = node.get(key)
        there = isinstance(f, str) and re.fullmatch(r'[0-9a-f]{64}/[^/\\\0]{1,200}', f) and File(f).path.is_file()
        if f is not None and not there: return 'a file of it is missing'
    if not isinstance(node.get('alt', ''), str): return 'a result is damaged'
    if (node['k'] in ('image', 'plotly', 'file', 'table') and 'f' not in node
            or node['k'] in ('html', 'markdown') and not isinstance(node.get('v', node.get('head')), str)):
        return 'a result is damaged'
    texts = lambda what, xs: isinstance(xs, what) and all(isinstance(x, str) for x in (xs.values() if what is dict else xs))
    if node['k'] == 'table' and not (node.get('lib') in ('pandas', 'polars') and isinstance(node.get('rows'), int)
                                     and isinstance(node.get('head'), list) and all(isinstance(r, list) for r in node['head'])
                                     and texts(list, node.get('columns')) and texts(dict, node.get('types', {}))):
        return 'a table is damaged'
    if node['k'] == 'plotly' and not (isinstance(node.get('page'), str) and texts(list, node.get('traces'))): return 'a figure is damaged'
    if not isinstance(node.get('size', 0), int): return 'a result is damaged'
    if node['k'] == 'html':
        import nh3              # more than a megabyte, for a file from elsewhere
        if 'v' in node: node['v'] = nh3.clean(node['v'])
        if 'f' in node:         # a later step may take it and show it
            try: node['f'] = str(keep_file(nh3.clean(File(node['f']).read_text()).encode(), File(node['f']).name))
            except UnicodeDecodeError: return 'a page in it is damaged'
    if node['k'] == 'data' and 'v' not in node and not ('f' in node and 'head' in node): return 'a result is damaged'
    return ''
