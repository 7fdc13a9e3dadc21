"""What the links of a finished crawl say of its pages: how deep they lie, how much weight reaches them, what
hangs on what, and which texts are alike. `finish(db)` fills the columns of `page` that schema.py calls computed.

A link counts when it is one that people click (a, area) and leads from one page of the site to another;
links of a page to itself count nowhere. numpy does the work: a million links take about two seconds."""

damping, precise, most_rounds = .85, 1e-10, 200
everywhere, at_least = .05, 10            # a target is site-wide when more than this part of the pages, and at least so many, link to it
# near-duplicates: so many of the 64 bits of their fingerprints may differ, and texts shorter than that have none worth comparing
bits_apart, least_words = 3, 20

def finish(db, tell=None):
    """Fills inlinks … section of each page of the site, and the table `sitewide`.
    `tell(text)` hears what is being done. → dict(pages, links, sitewide, islands)"""
    import numpy as np
    tell = tell or (lambda text: None)
    tell('reading the links')
    g = Graph(db)
    n, none = len(g.ids), np.full(len(g.ids), None, object)
    out = {c: none.copy() for c in computed}
    if g.clicks:
        tell('counting links')
        inner, s, t = g.internal[g.target], g.source, g.target
        count = lambda at, which: np.bincount(at[which], minlength=n)
        out['inlinks'], out['outlinks'], out['external_outlinks'] = count(t, inner), count(s, inner), count(s, ~inner)
        us, ut, uf = g.unique()
        ui = g.internal[ut]
        out['unique_inlinks'], out['unique_outlinks'], out['follow_inlinks'] = count(ut, ui), count(us, ui), count(ut, ui & uf)
        tell('measuring depth')
        depth, order = levels(n, *g.ways(), g.redirect, g.starts)
        out['depth'] = np.where(depth < 0, None, depth.astype(object))
        tell('PageRank')
        weight, share, score = rank(g)
        out['pagerank'], out['score'] = np.where(weight, share.astype(object), None), np.where(weight, score.astype(object), None)
        tell('looking for islands and bottlenecks')
        out['component'] = np.where(g.nodes, components(g).astype(object), None)
        held = hangs(n, *g.ways(), g.redirect, g.starts, order, g.html)
        out['bottleneck'] = np.where(held < 0, None, held.astype(object))
        if not g.cut: out['orphan'] = np.where(g.nodes, (g.html & (depth < 0)).astype(int).astype(object), None)
    else:                                     # a list, or an import that had no links: what was said of them stays
        for c in out: out[c] = np.array([r[0] for r in db.execute(f'select {c} from page order by id')] or [], object)
    said = [r[0] for r in db.execute('select section from page order by id')]          # Botify knows better what a page is
    out['section'] = np.array([kept or section(u) for kept, u in zip(said, g.urls)], object)
    tell('comparing texts')
    out['near'] = near(db, g)
    out = {c: np.where(g.internal, v, None) for c, v in out.items()}
    tell('writing it down')
    begun = not db.in_transaction
    if begun: db.execute('begin immediate')
    try:
        names = list(out)
        plain = [out[c].tolist() for c in names]
        db.executemany(f"update page set {', '.join(f'{c}=?' for c in names)} where id=?", zip(*plain, g.ids.tolist()))
        db.execute('delete from sitewide')
        wide = sitewide(g)
        db.executemany('insert into sitewide values (?,?,?)', wide)
        if begun: db.execute('commit')
    except BaseException:
        if begun: db.execute('rollback')
        raise
    return dict(pages=int(g.nodes.sum()), links=int(len(g.source)), sitewide=len(wide),
                islands=max(0, len({c for c in out['component'] if c is not None}) - 1))

computed = ('inlinks', 'unique_inlinks', 'follow_inlinks', 'outlinks', 'unique_outlinks', 'external_outlinks', 'depth', 'pagerank', 'score',
            'component', 'orphan', 'bottleneck')

class Graph:
    "The pages of a crawl as arrays in the order of their ids, and its clickable links as `source` and `target`, numbers of rows in them"
    def __init__(self, db):
        import numpy as np
        rows = db.execute(
            "select id, url, internal, state, source, status, type, redirect, canonical, indexable, error from page order by id").fetchall()
        self.ids = np.array([r[0] for r in rows], np.int64)
        self.urls = [r[1] for r in rows]
        self.internal = np.array([bool(r[2]) for r in rows], bool)
        self.html = np.array([bool(r[2]) and r[3] == 'done' and r[4] != 'resource' and 200 <= (r[5] or 0) < 300
                              and r[6] in (None, 'text/html', 'application/xhtml+xml') for r in rows], bool)
        resource = np.array([r[4] == 'resource' for r in rows], bool)
        at = {r[0]: i for i, r in enumerate(rows)}
        self.redirect = np.array([at.get(r[7], -1) for r in rows], np.int64)
        self.canonical = np.array([at.get(r[8], -1) if r[8] != r[0] and (r[5] or 0) < 300 else -1 for r in rows], np.int64)
        self.cut = (any(r[3] == 'skipped' and r[10] in ('limit', 'depth') and r[2] for r in rows)
                    or any(r[3] in ('new', 'busy') and r[2] for r in rows))
        kinds = db.execute("select source, target, kind, follow from link where kind in ('a','area') and source<>target")
        parts = []
        while piece := kinds.fetchmany(100_000): parts.append(np.array([(r[0], r[1], r[3]) for r in piece], np.int64))
        links = np.concatenate(parts) if parts else np.zeros((0, 3), np.int64)
        self.clicks = len(links) > 0
        self.source, self.target, self.follow = np.searchsorted(self.ids, links[:, 0]), np.searchsorted(self.ids, links[:, 1]), links[:, 2] > 0
        import json
        said = db.execute("select value from crawl where key='start'").fetchone()
        starts = json.loads(said[0]) if said else [r[0] for r in rows if r[4] == 'start']
        self.starts = np.array(sorted(at[i] for i in starts if i in at), np.int64)
        self.nodes = self.internal & ~resource
        self.nodes[self.target[self.internal[self.target]]] = True
    def unique(self):
        "(source, target, is any of them followed) of each pair once"
        import numpy as np
        if not hasattr(self, '_unique'):
            n = len(self.ids)
            key, where = np.unique(self.source * n + self.target, return_inverse=True)
            self._unique = key // n, key % n, np.bincount(where, self.follow, len(key)) > 0
        return self._unique
    def ways(self):
        "(source, target) of each pair of pages of the site once: what people can click"
        s, t, _ = self.unique()
        keep = self.internal[t]
        return s[keep], t[keep]

def fan(n, source, target):
    "Links by where they begin: (offsets, targets)"
    import numpy as np
    order = np.argsort(source, kind='stable')
    return np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n))]), target[order]

def reach(offsets, targets, some):
    "All targets of some pages"
    import numpy as np
    begin, many = offsets[some], offsets[some+1] - offsets[some]
    if not (total := int(many.sum())): return targets[:0]
    return targets[np.repeat(begin - np.concatenate([[0], np.cumsum(many)[:-1]]), many) + np.arange(total)]

def levels(n, source, target, redirect, starts):
    "(fewest clicks from a start to each page, -1 where no links lead; the pages in the order in which they are met). A redirect is no click."
    import numpy as np
    depth, offsets, targets = np.full(n, -1, np.int64), *fan(n, source, target)
    front, d, order = starts, 0, []
    while len(front):
        new = len(order)
        depth[front] = d
        order.append(front)
        wave = front
        while len(wave):
            wave = redirect[wave]
            wave = np.unique(wave[wave >= 0])
            wave = wave[depth[wave] < 0]
            depth[wave] = d
            order.append(wave)
        front = np.unique(reach(offsets, targets, np.concatenate(order[new:])))
        front = front[depth[front] < 0]
        d += 1
    return depth, np.concatenate(order) if order else starts

def settle(g):
    "Where the weight of a link to each page goes in the end: through redirects and canonicals; -1 where that is a circle or leaves the site"
    import numpy as np
    step = np.where(g.redirect >= 0, g.redirect, g.canonical)
    at = np.arange(len(step))
    for _ in range(10):
        on = step[at]
        if not (on >= 0).any(): break
        at = np.where(on >= 0, on, at)
    at = np.where(step[at] >= 0, -1, at)
    return np.where((at >= 0) & g.internal[at], at, -1), step < 0

def rank(g):
    """(who has any, PageRank, score from 0 to 100 on a logarithmic scale) over followed links
    of the site. Pages that redirect, or name another as canonical, pass all on and have none."""
    import numpy as np
    end, own = settle(g)
    s, t, f = g.unique()
    keep = f & g.internal[t]
    s, t = s[keep], end[t[keep]]
    keep = (t >= 0) & own[s] & (s != t)
    key = np.unique(s[keep] * len(end) + t[keep])
    s, t = key // len(end), key % len(end)
    who = g.nodes & own
    n = int(who.sum())
    if not n: return who, np.zeros(len(end)), np.zeros(len(end))
    small = np.cumsum(who) - 1
    s, t = small[s], small[t]
    out = np.bincount(s, minlength=n)
    r, part = np.full(n, 1/n), np.where(out > 0, 1/np.maximum(out, 1), 0)
    for _ in range(most_rounds):
        new = (1-damping)/n + damping*(np.bincount(t, (r*part)[s], n) + r[out == 0].sum()/n)
        moved, r = np.abs(new-r).sum(), new
        if moved < precise: break
    low, high = np.log(r.min()), np.log(r.max())
    score = 100*(np.log(r)-low)/(high-low) if high - low > 1e-9 else np.full(n, 100.)
    full = lambda v: np.bincount(np.flatnonzero(who), v, len(end))
    return who, full(r), np.round(full(score), 1)

def components(g):
    "Which pages hang together, whichever way the links point: 1 is the largest part, and so on; 0 for what is no page of the site"
    import numpy as np
    n = len(g.ids)
    s, t = g.ways()
    moved = np.flatnonzero((g.redirect >= 0) & g.internal)
    moved = moved[g.internal[g.redirect[moved]]]
    s, t = np.concatenate([s, moved]), np.concatenate([t, g.redirect[moved]])
    root = np.arange(n)
    while True:
        low = np.minimum(root[s], root[t])
        new = root.copy()
        np.minimum.at(new, root[s], low)
        np.minimum.at(new, root[t], low)
        while (new[new] != new).any(): new = new[new]
        if (new == root).all(): break
        root = new
    names, sizes = np.unique(root[g.nodes], return_counts=True)
    place = np.zeros(n, np.int64)
    place[names[np.lexsort((names, -sizes))]] = np.arange(1, len(names)+1)
    return np.where(g.nodes, place[root], 0)

def hangs(n, source, target, redirect, starts, came, counts):
    """Of the pages that can be reached and that count (`counts`, a mask): the part to which every
    way from the starts leads through this page; -1 for starts and for what cannot be reached.
    (Dominators, after Cooper, Harvey and Kennedy, in the order in which pages were met.)"""
    import numpy as np
    if not len(came): return np.full(n, -1.)
    moved = np.flatnonzero(redirect >= 0)
    s, t = np.concatenate([source, moved]), np.concatenate([target, redirect[moved]])
    order = np.full(n, -1, np.int64)
    order[came] = np.arange(1, len(came)+1)                 # 0 is where all starts come from
    s, t = order[s], order[t]
    free = np.zeros(len(came)+1, bool)
    free[0] = free[order[starts]] = True
    keep = (s > 0) & (t > 0) & ~free[t]
    s, t = s[keep], t[keep]
    offsets, befores = fan(len(came)+1, t, s)
    offsets, befores = offsets.tolist(), befores.tolist()
    above, changed = [-1]*(len(came)+1), True
    for i in np.flatnonzero(free).tolist(): above[i] = 0
    rest = np.flatnonzero(~free).tolist()
    alone = len(starts) == 1 and int(order[starts[0]])
    final = [False]*(len(came)+1)
    while changed:
        changed = False
        for v in rest:
            if final[v]: continue
            best = -1
            for b in befores[offsets[v]:offsets[v+1]]:
                if above[b] < 0 and b != 0: continue
                if best < 0: best = b; continue
                while best != b:
                    if best > b: best = above[best]
                    else: b = above[b]
                if best == 0 or best == alone: break
            if best == 0 or (alone and best == alone): final[v] = True
            if best != above[v]: above[v], changed = best, True
    size = [0, *counts[came].astype(int).tolist()]
    for v in range(len(came), 0, -1):
        if above[v] >= 0: size[above[v]] += size[v]
    held = np.full(n, -1.)
    held[came] = (np.array(size[1:]) - counts[came]) / max(1, counts[came].sum())
    held[starts] = -1
    return np.where(held >= 0, np.round(held, 6), held)

def sitewide(g):
    "[(page, from how many pages, from which part of them)] of targets that more than `everywhere` of the pages link to"
    import numpy as np
    s, t = g.ways()
    pages = max(1, len(np.unique(s)))
    many = np.bincount(t, minlength=len(g.ids))
    wide = np.flatnonzero((many > everywhere*pages) & (many >= at_least))
    return [(int(g.ids[i]), int(many[i]), round(float(many[i]/pages), 4)) for i in wide]

def backbone(db):
    """(source, target) ids of each pair of linked pages of the site once, without
    links to what is site-wide: what the site is made of when its menus are taken away"""
    import numpy as np
    g = Graph(db)
    s, t = g.ways()
    wide = np.isin(g.ids[t], [w[0] for w in sitewide(g)])
    return g.ids[s[~wide]], g.ids[t[~wide]]

def section(url):
    "The first folder of an address: /blog/ of /blog/2024/x; / for what lies in none"
    path = url.split('://', 1)[-1].partition('?')[0].partition('/')[2]
    return f"/{path.partition('/')[0]}/" if '/' in path else '/'

def near(db, g):
    """The smallest id among the pages whose text is nearly the same, None for those that
    are alone: equal text, or fingerprints of which at most `bits_apart` bits differ"""
    import numpy as np
    rows = db.execute(
        "select id, simhash, text_hash from page where internal and state='done' and status between 200 and 299 and words>=? "
        "and (simhash is not null or text_hash is not null) order by id", (least_words,)).fetchall()
    out = np.full(len(g.ids), None, object)
    if not rows: return out
    ids = np.array([r[0] for r in rows], np.int64)
    group = np.arange(len(rows))
    def find(i):
        while group[i] != i: group[i] = i = group[group[i]]
        return i
    def join(i, j):
        i, j = find(i), find(j)
        if i != j: group[max(i, j)] = min(i, j)
    first = {}
    for i, r in enumerate(rows):
        if r[2]: join(first.setdefault(r[2], i), i)
    marked = [i for i, r in enumerate(rows) if r[1] is not None]
    if marked:
        prints, which = np.unique(np.array([rows[i][1] for i in marked], np.int64).view(np.uint64), return_inverse=True)
        lead = {}
        for i, w in zip(marked, which.tolist()): join(lead.setdefault(w, i), i)
        for a, b in alike(prints): join(lead[a], lead[b])
    roots = np.array([find(i) for i in range(len(rows))])
    many = np.bincount(roots, minlength=len(rows))
    where = np.searchsorted(g.ids, ids)
    for i, r in enumerate(roots.tolist()):
        if many[r] > 1: out[where[i]] = int(ids[r])
    return out

def alike(prints):
    """Pairs of numbers of fingerprints (uint64, each once) of which at most `bits_apart`
    bits differ: two such agree in one quarter at least, so only those that do are compared"""
    import numpy as np
    seen = set()
    for band in range(bits_apart+1):
        key = (prints >> np.uint64(16*band)) & np.uint64(0xffff)
        order = np.argsort(key, kind='stable')
        ends = np.flatnonzero(np.diff(key[order])) + 1
        for some in np.split(order, ends):
            for at in range(0, len(some), 256) if len(some) > 1 else ():
                apart = np.bitwise_count(prints[some[at:at+256], None] ^ prints[None, some])
                for a, b in zip(*np.nonzero(apart <= bits_apart)):
                    a, b = int(some[a+at]), int(some[b])
                    if a < b: seen.add((a, b))
    return sorted(seen)
