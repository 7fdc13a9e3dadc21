"""Link graphs that were never crawled, for tests and benches of the picture: communities, site-wide menus, and five planted troubles.

    python bench/graphs.py FILE [pages] [links]"""
import importlib, sys, types
from pathlib import Path

root = Path(__file__).parent.parent
here = root/'plugins/45_link_graph'

def room(name):
    "A module of the link graph by name, as the plugin's own package would import it, without starting the plugin."
    if 'link_graph' not in sys.modules:
        pack = types.ModuleType('link_graph')
        pack.__path__ = [str(here)]
        sys.modules['link_graph'] = pack
    return importlib.import_module(f'link_graph.{name}')

def make(path, pages=1000, links=10_000, seed=1, host='https://example.test'):
    """Writes a finished crawl into `path` (schema.py) with about that many pages and links and gives what was planted, as page ids:
    start, menu (site-wide targets), star (one page) and missing (the 404s it links to), chain (pages one
    behind the other), island (linked only among themselves), orphans (known from the sitemap only)."""
    import numpy as np
    schema, rng = room('schema'), np.random.default_rng(seed)
    k = max(4, round(pages ** .5 / 9))                                   # communities: 4 in a thousand pages, 25 in fifty thousand
    n_missing, n_chain, n_island, n_orphan = (max(3, round(pages * s)) for s in (.04, .03, .02, .01))
    n_chain, n_missing = min(n_chain, 200), min(n_missing, 500)
    n = pages - n_missing - n_chain - n_island - n_orphan                 # those of the communities
    size = rng.dirichlet(np.full(k, 2.)) * .8 + .2 / k
    group = np.sort(rng.choice(k, n, p=size / size.sum()))
    group[0] = 0
    names = ['blog', 'docs', 'shop', 'help', 'news', 'api', 'guide', 'jobs', 'press', 'tags', 'forum', 'wiki']
    section = [f'{names[g % 12]}{g // 12 or ""}' for g in range(k)]
    first = np.searchsorted(group, np.arange(k))                          # a community's front page is its first
    url = [f'{host}/' if i == 0 else f'{host}/{section[g]}/' if i == first[g] else f'{host}/{section[g]}/{i}.html'
           for i, g in enumerate(group.tolist())]
    menu = np.unique(np.r_[0, first])[:6]
    want = max(links - n * len(menu) - n_missing - 2 * n_chain - 2 * n_island, 2 * n)
    a = rng.integers(0, n, want)                                          # each links mostly near itself in its own community: subtopics, not a ball
    reach = np.r_[first, n]
    lo, hi = reach[group[a]], reach[group[a] + 1]
    near = np.clip(a + np.round(rng.standard_cauchy(want) * np.maximum(4, (hi - lo) * .02)).astype(int), lo, hi - 1)
    popular = lo + ((hi - lo) * rng.random(want) ** 4).astype(int)
    b = np.where(rng.random(want) < .75, near, popular)
    far = rng.random(want) < .012
    b[far] = rng.integers(0, n, far.sum())
    keep = a != b
    # the last: each page is reached from its front page
    edges = [np.c_[a[keep], b[keep]], np.c_[np.repeat(np.arange(n), len(menu)), np.tile(menu, n)], np.c_[first[group[1:]], np.arange(1, n)]]
    at, star = n, int(first[min(2, k - 1)] + 1)
    missing = np.arange(at, at + n_missing); at += n_missing
    chain = np.arange(at, at + n_chain); at += n_chain
    island = np.arange(at, at + n_island); at += n_island
    orphans = np.arange(at, at + n_orphan)
    url += [f'{host}/matrix/{i}.html' for i in range(n_missing)] + [f'{host}/{section[1]}/page/{i+2}' for i in range(n_chain)]
    url += [f'{host}/old/{i}' for i in range(n_island)] + [f'{host}/campaign/{i}' for i in range(n_orphan)]
    edges += [np.c_[np.full(n_missing, star), missing], np.c_[np.r_[first[1], chain[:-1]], chain],
              np.c_[island, np.roll(island, 1)], np.c_[island, np.roll(island, n_island // 3)]]
    edges, bar = np.concatenate(edges), set(menu.tolist())
    kind_at = np.arange(len(edges))
    edges = edges[np.lexsort((kind_at, edges[:, 0]))]
    gone = rng.random(len(url)) < .004
    gone[[0, star, *first, *chain, *island, *orphans]] = False
    gone[missing] = True
    moved = (rng.random(len(url)) < .01) & ~gone
    moved[[0, star, *first, *chain, *island, *orphans]] = False
    depth = distances(edges, len(url), 0)
    inlinks, out = (np.bincount(edges[:, c], minlength=len(url)) for c in (1, 0))
    pair = np.unique(edges, axis=0)
    rank = np.full(len(url), 1 / len(url))
    spread = np.maximum(1, np.bincount(pair[:, 0], minlength=len(url)))
    for _ in range(40): rank = .15 / len(url) + .85 * np.bincount(pair[:, 1], rank[pair[:, 0]] / spread[pair[:, 0]], len(url))
    score = 100 * np.log1p(rank / rank.min()) / np.log1p(rank.max() / rank.min())
    where = lambda i: section[group[i]] if i < n else url[i].split('/')[3]
    known = lambda i: 'start' if i == 0 else 'sitemap' if i >= island[0] else 'link'
    db = schema.open(path, fresh=True)
    db.execute('begin')
    row = lambda i, u: (
        i+1, u, known(i), depth[i], 404 if gone[i] else 301 if moved[i] else 200, 2000 + i * 37 % 90000, 20 + i * 13 % 900,
        f'Page {i}' if i % 17 else None, 50 + i * 7 % 1500, int(not gone[i] and not moved[i]),
        '4xx' if gone[i] else 'redirect' if moved[i] else None, int(inlinks[i]), int(inlinks[i]), int(out[i]), int(out[i]),
        float(rank[i]), float(score[i]), where(i), int(i >= orphans[0]), int(first[group[i]] + 1) if moved[i] else None, int(i >= island[0]))
    db.executemany('insert into page(id,url,internal,state,source,depth,status,type,bytes,ms,title,words,indexable,why,inlinks,unique_inlinks,'
                   'outlinks,unique_outlinks,pagerank,score,section,orphan,redirect,sitemap) '
                   "values (?,?,1,'done',?,?,?,'text/html',?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", (row(i, u) for i, u in enumerate(url)))
    db.executemany("insert into link(source,target,kind,anchor,position,at) values (?,?,'a',?,?,?)",
                   ((s+1, t+1, f'to {t}', 'nav' if t in bar else 'main', 0) for s, t in edges.tolist()))
    db.executemany('insert or replace into crawl values (?,?)', [('state', 'done'), ('asked', '{"url": "%s/"}' % host), ('start', '[1]')])
    db.execute('commit')
    one = lambda x: [int(i) + 1 for i in x]
    planted = dict(start=1, menu=one(menu), star=star + 1, missing=one(missing), chain=one(chain), island=one(island), orphans=one(orphans))
    return db, planted

def distances(edges, n, start):
    "Fewest clicks from `start` to each of `n` pages; None: no way."
    import numpy as np
    order = np.argsort(edges[:, 0], kind='stable')
    to, at = edges[order, 1], np.searchsorted(edges[order, 0], np.arange(n + 1))
    far, front, d = np.full(n, -1), np.array([start]), 0
    far[start] = 0
    while len(front):
        d += 1
        front = np.unique(np.concatenate([to[at[i]:at[i+1]] for i in front.tolist()]))
        front = front[far[front] < 0]
        far[front] = d
    return [int(x) if x >= 0 else None for x in far]

if __name__ == '__main__':
    path = Path(sys.argv[1])
    path.unlink(missing_ok=True)
    db, planted = make(path, *map(int, sys.argv[2:]))
    print(db.execute('select count(*) from page').fetchone()[0], 'pages,', db.execute('select count(*) from link').fetchone()[0], 'links;',
          {k: len(v) if isinstance(v, list) else v for k, v in planted.items()})
