"""Two crawls of one site, the earlier and the later: which pages are new, gone and changed, and which findings came and went.

    compare(old, new)         the sums, in numbers and in words
    changes(old, new)         one dict for each thing that differs
    before(path)              the crawl of the same site that went before this one"""
import json, sqlite3
from pathlib import Path

fields = ('status', 'redirect', 'canonical', 'indexable', 'why', 'title', 'description', 'h1', 'robots', 'x_robots', 'text', 'words',
          'depth', 'inlinks')
_said = dict(redirect="(select url from {0}.page where id={1}.redirect)", canonical="(select url from {0}.page where id={1}.canonical)",
             text='substr({1}.text_hash,1,12)', inlinks='{1}.unique_inlinks')
_seen = "internal and source<>'resource' and state in ('done','blocked')"

def both(old, new):
    "A connection that reads both files, as `a` and `b`. FileNotFoundError names the one that is not there."
    db = sqlite3.connect(':memory:', isolation_level=None)
    for name, path in (('a', old), ('b', new)):
        if not Path(path).exists(): raise FileNotFoundError(f'there is no crawl in {path}')
        db.execute(f'attach ? as {name}', (str(path),))
    return db

def changes(old, new, only=None):
    """Dicts url, change (new, gone, changed), field, before, after, by address; `only`: some of `fields` (ValueError
    for others). Numbers of links change with every page that comes; to leave them out, name the fields that count."""
    if unknown := set(only or ()) - set(fields): raise ValueError(f"there is no field {', '.join(sorted(unknown))}; there are {', '.join(fields)}")
    db, some = both(old, new), [f for f in fields if f in (only or fields)]
    say = lambda name: ', '.join(_said.get(f, '{1}.' + f).format(name, 'p') for f in some)
    pick = lambda name: db.execute(f'select p.url, p.status, {say(name)} from {name}.page p where {_seen} order by p.url')
    a, b = pick('a'), pick('b')
    x, y = a.fetchone(), b.fetchone()
    try:
        while x or y:
            if y is None or (x and x[0] < y[0]):
                yield dict(url=x[0], change='gone', field='status', before=x[1], after=None)
                x = a.fetchone()
            elif x is None or y[0] < x[0]:
                yield dict(url=y[0], change='new', field='status', before=None, after=y[1])
                y = b.fetchone()
            else:
                for f, v, w in zip(some, x[2:], y[2:]):
                    if v != w: yield dict(url=x[0], change='changed', field=f, before=v, after=w)
                x, y = a.fetchone(), b.fetchone()
    finally: db.close()

def compare(old, new, only=None):
    """dict(pages {before, now, new, gone, changed}, fields {field: pages}, died [addresses that answered and no longer
    do, at most 100], revived, findings [{kind, name, severity, before, now, came, went}], sure, text). `sure` is False
    when one of the two crawls did not see everything: then pages may be new or gone because one crawl went further."""
    from . import findings
    counts, by, pages, died, revived = dict(new=0, gone=0, changed=0), {}, set(), [], []
    for c in changes(old, new, only):
        if c['change'] != 'changed': counts[c['change']] += 1; continue
        by[c['field']] = by.get(c['field'], 0) + 1
        if c['url'] not in pages: pages.add(c['url']); counts['changed'] += 1
        if c['field'] == 'status':
            good = lambda s: s is not None and 0 < s < 400
            if good(c['before']) and not good(c['after']): died.append(c['url'])
            elif good(c['after']) and not good(c['before']): revived.append(c['url'])
    db = both(old, new)
    try:
        counts['before'], counts['now'] = (db.execute(f'select count(*) from {n}.page where {_seen}').fetchone()[0] for n in 'ab')
        sure = not any(db.execute(f"select 1 from {n}.page where internal and (state in ('new','busy') "
                                  f"or state='skipped' and error in ('limit','depth')) limit 1").fetchone() for n in 'ab')
        db.executescript('create temp table was(kind, url, n); create temp table is_(kind, url, n);')
        for n, t in (('a', 'was'), ('b', 'is_')):
            db.execute(f"insert into temp.{t} select f.kind, coalesce(p.url,'')||' '||coalesce(o.url,''), count(*) "
                       f"from {n}.finding f left join {n}.page p on p.id=f.page left join {n}.page o on o.id=f.other "
                       f"and f.kind in ('external_dead','external_redirect','local_link','hreflang_no_return') group by 1, 2")
            db.execute(f'create index temp.{t}_key on {t}(kind, url)')
        number = lambda sql: dict(db.execute(sql).fetchall())
        was, now = (number(f'select kind, count(*) from temp.{t} group by kind') for t in ('was', 'is_'))
        came = number(
            'select kind, count(*) from temp.is_ i where not exists (select 1 from temp.was w where w.kind=i.kind and w.url=i.url) group by kind')
        went = number(
            'select kind, count(*) from temp.was w where not exists (select 1 from temp.is_ i where w.kind=i.kind and w.url=i.url) group by kind')
    finally: db.close()
    kinds = findings.catalogue()
    found = [dict(kind=k, name=kinds[k]['name'], severity=kinds[k]['severity'], before=was.get(k, 0), now=now.get(k, 0),
                  came=came.get(k, 0), went=went.get(k, 0)) for k in {*was, *now} if k in kinds]
    found.sort(key=lambda f: (findings.grave[f['severity']], -f['came'], -f['went'], f['kind']))
    out = dict(pages=counts, fields=by, died=sorted(died)[:100], revived=sorted(revived)[:100], findings=found, sure=sure)
    return out | {'text': told(out, len(died), len(revived))}

def told(c, died=0, revived=0):
    "What differs, in a few sentences"
    p, many = c['pages'], lambda n, one, more=None: f'{n:,} {one if n == 1 else more or one+"s"}'
    out = [f"{many(p['now'], 'page')} now, {p['before']:,} before: {p['new']:,} new, {p['gone']:,} gone, {p['changed']:,} changed."]
    if c['fields']: out.append('Changed: ' + ', '.join(f'{f} on {n:,}' for f, n in sorted(c['fields'].items(), key=lambda x: (-x[1], x[0]))) + '.')
    if died: out.append(f"{many(died, 'page')} answered before and {'does' if died == 1 else 'do'} no longer, e.g. {c['died'][0]}.")
    if revived: out.append(f"{many(revived, 'page')} {'answers' if revived == 1 else 'answer'} again, e.g. {c['revived'][0]}.")
    for f in c['findings']:
        if f['came'] or f['went']: out.append(f"{f['name']}: {f['before']:,} before, {f['now']:,} now ({f['came']:,} new, {f['went']:,} gone).")
    if not c['sure']: out.append('One of the two crawls did not see everything: what is new or gone may only have been out of its reach.')
    return '\n'.join(out)

def before(path):
    "The file beside this one that holds the last finished crawl from the same starts that began earlier; None when there is none"
    def about(p):
        try: db = sqlite3.connect(f'{Path(p).resolve().as_uri()}?mode=ro', uri=True)
        except sqlite3.Error: return None
        try:
            said = {k: json.loads(v) for k, v in db.execute("select key, value from crawl where key in ('asked','began','state')")}
            return (sorted(said['asked']['starts']), said['began'], said['state']) if {'asked', 'began', 'state'} <= set(said) else None
        except (sqlite3.Error, ValueError, KeyError, TypeError): return None       # not a crawl, or one that has not begun
        finally: db.close()
    path, mine = Path(path), about(path)
    if not mine: return None
    older = [(a[1], p) for p in path.parent.glob('*.sqlite') if p != path and (a := about(p)) and a[0] == mine[0] and a[1] < mine[1]
             and a[2] in ('done', 'stopped')]
    return max(older)[1] if older else None
