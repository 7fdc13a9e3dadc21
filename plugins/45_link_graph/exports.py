"""What is taken along: pages, links and findings as CSV, Parquet or a workbook, the graph for Gephi; only the fields that are wanted.

A cell of a CSV that a spreadsheet would take for a formula gets an apostrophe before it; imports take it off again."""
import csv, difflib, gzip, io, json, re
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

whats = ('pages', 'edges', 'findings')
forms = ('.csv', '.csv.gz', '.parquet', '.xlsx')
urls = ('first_from', 'redirect', 'canonical', 'near')                       # kept as a page's number, said as its address
edges = {'source': 's.url', 'target': 't.url', 'anchor': 'l.anchor', 'alt': 'l.alt', 'rel': 'l.rel', 'follow': 'l.follow',
         'position': 'l.position', 'kind': 'l.kind', 'at': 'l.at', 'raw': 'l.raw', 'rendered': 'l.rendered',
         'source_status': 's.status', 'status_code_of_target': 't.status', 'target_internal': 't.internal', 'target_indexable': 't.indexable'}
found = {'kind': 'f.kind', 'severity': 'f.severity', 'url': 'p.url', 'other': 'o.url', 'status': 'p.status', 'title': 'p.title',
         'score': 'p.score', 'detail': 'f.detail'}
ties = {'pages': 'page p', 'edges': 'link l join page s on s.id=l.source join page t on t.id=l.target',
        'findings': 'finding f left join page p on p.id=f.page left join page o on o.id=f.other'}
formula = re.compile(r'[=+\-@\t\r＝＋－＠]')

def fields(db, what):
    "The fields there are to take along of pages, edges or findings, in order: {name: SQL}."
    if what not in whats: raise ValueError(f'there is no {what} to export; there is {", ".join(whats)}')
    if what != 'pages': return edges if what == 'edges' else found
    return {r[1]: f'(select url from page where id=p.{r[1]})' if r[1] in urls else f'p.{r[1]}' for r in db.execute('pragma table_info(page)')}

def choose(db, what, wanted=None):
    """The fields that are wanted (a list, or words with commas or line breaks between),
    or all. ValueError names what is not there, what it may mean and what there is."""
    have = fields(db, what)
    if isinstance(wanted, str): wanted = [w.strip() for w in re.split(r'[,\n]', wanted) if w.strip()]
    if not wanted: return list(have)
    for w in wanted:
        if w not in have:
            near = difflib.get_close_matches(w.lower().replace(' ', '_'), have, 1, .5)
            raise ValueError(f'{what} have no field {w[:60]!r}' + (f' (is it {near[0]}?)' if near else '') + f'; there is {", ".join(have)}')
    return list(dict.fromkeys(wanted))

def rows(db, what, names, ids=None):
    "A cursor over the rows of an export, plain tuples. `ids`: only pages (findings: of pages) with these numbers."
    have, plain = fields(db, what), db.cursor()
    plain.row_factory = None
    whose = {'pages': 'p.id', 'edges': 'l.source', 'findings': 'f.page'}[what]
    only = [*(['p.internal'] if what == 'pages' and ids is None else []),
            *([f'{whose} in (select value from json_each(?))'] if ids is not None else [])]
    where, order = ' where ' + ' and '.join(only) if only else '', dict(pages='p.id', edges='l.id', findings='f.id')[what]
    return plain.execute(f"select {','.join(have[n] for n in names)} from {ties[what]}{where} order by {order}",
                         [json.dumps(list(ids))] if ids is not None else [])

def safe(v): return "'" + v if isinstance(v, str) and v and formula.match(v) else v

@contextmanager
def text(out, packed=False):
    "A text stream (UTF-8) into a path or a stream of bytes; `packed`: through gzip, the same bytes each time."
    raw = open(out, 'wb') if isinstance(out, (str, Path)) else out
    zipped = gzip.GzipFile(fileobj=raw, mode='wb', compresslevel=3, mtime=0, filename='') if packed else raw
    words = io.TextIOWrapper(zipped, 'utf-8', errors='replace', newline='', write_through=False)
    try:
        yield words
        words.flush()
        words.detach()
        if packed: zipped.close()
    finally:
        if raw is not out: raw.close()

def to_csv(db, what, out, wanted=None, ids=None, packed=False, excel=False):
    "Writes a CSV with its labels into a path or a stream of bytes; `excel`: with the mark by which Excel knows UTF-8. Gives the number of rows."
    names, n = choose(db, what, wanted), 0
    with text(out, packed) as f:
        if excel: f.write('\ufeff')
        w = csv.writer(f)
        w.writerow(names)
        cursor = rows(db, what, names, ids)
        while some := cursor.fetchmany(20_000):
            w.writerows([[safe(v) for v in r] for r in some])
            n += len(some)
    return n

def pages(db, out, wanted=None, ids=None): return to_csv(db, 'pages', out, wanted, ids)

def kinds(db, what, names):
    "For each field int, float or str, as its values are."
    declared = {r[1]: r[2].lower() for r in db.execute('pragma table_info(page)')}
    known = {'follow': 'int', 'at': 'int', 'rendered': 'int', 'source_status': 'int', 'status_code_of_target': 'int',
             'target_internal': 'int', 'target_indexable': 'int', 'status': 'int', 'score': 'real'}
    of = lambda n: 'text' if what == 'pages' and n in urls else declared.get(n, 'text') if what == 'pages' else known.get(n, 'text')
    return [{'int': int, 'integer': int, 'real': float}.get(of(n), str) for n in names]

def to_parquet(db, what, path, wanted=None, ids=None):
    "Writes a Parquet file, with pyarrow where it is there, else with polars. Gives the number of rows; ValueError where neither is."
    names = choose(db, what, wanted)
    types, cursor, n = kinds(db, what, names), rows(db, what, names, ids), 0
    def fit(v, t):
        if v is None or t is str: return v if v is None or isinstance(v, str) else str(v)
        try: return t(v)
        except (ValueError, TypeError): return None
    def columns():
        nonlocal n
        while some := cursor.fetchmany(100_000):
            n += len(some)
            yield {name: [fit(v, t) for v in column] for name, t, column in zip(names, types, zip(*some))}
    try:
        import pyarrow, pyarrow.parquet
        schema = pyarrow.schema([(name, {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}[t]) for name, t in zip(names, types)])
        with pyarrow.parquet.ParquetWriter(path, schema, compression='zstd') as w:
            for part in columns(): w.write_table(pyarrow.table(part, schema))
        return n
    except ImportError: pass                                             # the other one, then
    try: import polars
    except ImportError: raise ValueError('Parquet needs polars or pyarrow, and neither is installed; CSV needs nothing') from None
    schema = {name: {int: polars.Int64, float: polars.Float64, str: polars.String}[t] for name, t in zip(names, types)}
    parts = (polars.DataFrame(part, schema=schema) for part in columns())
    polars.concat([polars.DataFrame(schema=schema), *parts]).write_parquet(path, compression='zstd')
    return n

def to_xlsx(db, what, path, wanted=None, ids=None, catalogue=None):
    """Writes a workbook; more rows than a sheet holds go on in the next. Findings have a first sheet that says each kind
    once, with why it matters and what to do (`catalogue`: kind → name, severity, why, fix). Gives the number of rows."""
    import xlsxwriter
    names, n = choose(db, what, wanted), 0
    if what == 'findings' and catalogue is None:
        from . import findings
        catalogue = findings.catalogue()
    book = xlsxwriter.Workbook(str(path), {'constant_memory': True, 'strings_to_formulas': False, 'strings_to_urls': False,
                                           'strings_to_numbers': False, 'nan_inf_to_errors': True})
    try:
        bold, wrap = book.add_format({'bold': True, 'bottom': 1}), book.add_format({'text_wrap': True, 'valign': 'top'})
        top = book.add_format({'valign': 'top'})
        def cell(sheet, y, x, v, style=None):
            if v is None: return
            if isinstance(v, (int, float)): sheet.write_number(y, x, v, style)
            else: sheet.write_string(y, x, re.sub(r'[\x00-\x08\x0b\x0c\x0e-\x1f]', '', str(v))[:32_767], style)
        def sheet(name, labels, widths):
            s = book.add_worksheet(name)
            for x, w in enumerate(widths): s.set_column(x, x, w)
            for x, label in enumerate(labels): s.write_string(0, x, label, bold)
            s.freeze_panes(1, 0)
            return s
        if what == 'findings':
            s = sheet('Summary', ('Finding', 'Severity', 'Pages', 'Why it matters', 'How to fix it', 'Kind'), (38, 10, 9, 60, 60, 26))
            many = db.execute(
                "select kind, severity, count(distinct coalesce(page, -id)) n from finding group by kind, severity "
                "order by case severity when 'error' then 0 when 'warning' then 1 else 2 end, n desc, kind").fetchall()
            for y, (kind, severity, pages_) in enumerate(many, 1):
                known = catalogue.get(kind, {})
                for x, v in enumerate((known.get('name', kind), severity, pages_, known.get('why', ''), known.get('fix', ''), kind)):
                    cell(s, y, x, v, wrap if x in (3, 4) else top)
        widths = [max(10, min(60, {'url': 60, 'source': 50, 'target': 50, 'other': 50, 'title': 40}.get(x, 14))) for x in names]
        s, y, part = sheet(what.capitalize(), names, widths), 0, 1
        for r in rows(db, what, names, ids):
            if y == 1_048_575: part, y, s = part + 1, 0, sheet(f'{what.capitalize()} {part + 1}', names, [])
            y, n = y + 1, n + 1
            for x, v in enumerate(r): cell(s, y, x, v)
        if y: s.autofilter(0, 0, y, len(names) - 1)
    finally: book.close()
    return n

def to_gexf(db, path):
    """Writes the graph of the site for Gephi (GEXF 1.3), where the picture places
    each page; pairs once, with the number of links as weight. Gives (pages, pairs)."""
    from . import layout, xray
    import numpy as np
    g = layout.placed(db)
    clean = lambda s: quoteattr(re.sub('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '', str(s)))
    colour, how = [c for _, c in xray.groups.values()], xray.answered(g.status)
    many = {}
    for s, t, n in db.execute(
            f"select source,target,count(*) from link where kind in ({','.join('?' * len(layout.kinds))}) group by source,target", layout.kinds):
        many[s, t] = n
    names = {r[0]: (r[1], r[2]) for r in db.execute('select id,title,section from page where internal')}
    with open(path, 'w', encoding='utf-8', newline='\n') as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" '
                'version="1.3">\n<graph defaultedgetype="directed">\n<attributes class="node">')
        for i, (n, t) in enumerate((('status', 'integer'), ('depth', 'integer'), ('score', 'double'), ('title', 'string'), ('section', 'string'))):
            f.write(f'<attribute id="{i}" title="{n}" type="{t}"/>')
        f.write('</attributes>\n<nodes>\n')
        for i in range(g.n):
            title, section = names.get(int(g.id[i]), ('', ''))
            values = ''.join(f'<attvalue for="{k}" value={clean(v)}/>' for k, v in enumerate(
                (int(g.status[i]), int(g.depth[i]), round(float(g.score[i]), 3), title, section)) if v not in (None, ''))
            r_, g_, b_ = colour[how[i]]
            f.write(f'<node id="{g.id[i]}" label={clean(g.url[i])}><attvalues>{values}</attvalues>'
                    f'<viz:position x="{g.xy[i, 0] * 10:.2f}" y="{g.xy[i, 1] * 10:.2f}" z="0"/>'
                    f'<viz:size value="{2 + float(np.sqrt(g.score[i])):.2f}"/><viz:color r="{r_}" g="{g_}" b="{b_}"/></node>\n')
        f.write('</nodes>\n<edges>\n')
        for k, (a, b) in enumerate(g.id[g.edges].tolist()): f.write(f'<edge id="{k}" source="{a}" target="{b}" weight="{many.get((a, b), 1)}"/>\n')
        f.write('</edges>\n</graph>\n</gexf>\n')
    return g.n, len(g.edges)

def write(db, what, path, wanted=None, ids=None):
    """Writes pages, edges or findings into a file, in the form its name says: .csv, .csv.gz, .parquet or
    .xlsx; `what` graph into .gexf. Gives the path. ValueError for a form or a field that is not there."""
    path = Path(path)
    if what == 'graph': to_gexf(db, path)
    elif path.name.endswith('.csv.gz'): to_csv(db, what, path, wanted, ids, packed=True)
    elif path.suffix == '.csv': to_csv(db, what, path, wanted, ids)
    elif path.suffix == '.parquet': to_parquet(db, what, path, wanted, ids)
    elif path.suffix == '.xlsx': to_xlsx(db, what, path, wanted, ids)
    else: raise ValueError(f'{path.name} says no form that is known; {", ".join(forms)} do')
    return path
