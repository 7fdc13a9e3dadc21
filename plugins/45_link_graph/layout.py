"""Where the picture draws each page: springs along links, a gas between pages, the same every time.

Links to targets that everybody links to (the menu) pull nothing: without them a site falls into its parts instead of a ball. What
cannot be reached from the rest is put around it: islands as small pictures of themselves, pages without any link as a disc of dots."""
from itertools import chain
from types import SimpleNamespace

kinds = ('a', 'area', 'redirect', 'canonical', 'iframe', 'next', 'prev', 'amp')      # links between pages; images, scripts and styles are not drawn
everybody = .05                                                                   # linked from more than this share of all pages: site-wide

def read(db):
    """The graph of a crawl as arrays: `id` (n, page ids), `index` (page id → row or -1), `edges`
    (m, 2; rows, each pair once, no page to itself), `loose` (m; true: to a site-wide target),
    `wide` (rows of site-wide targets), and by page `url`, `status` (-1: not asked, 0: no answer), `depth` (-1: no way), `score` (0 to 100)."""
    import numpy as np
    plain = db.cursor()
    plain.row_factory = None                                                          # a million rows as named ones would cost seconds
    flat = plain.execute(f"select source,target from link where kind in ({','.join('?' * len(kinds))})", kinds)
    pairs = [np.zeros(0, np.int64)]
    while some := flat.fetchmany(100_000): pairs.append(np.fromiter(chain.from_iterable(some), np.int64, 2 * len(some)))
    pairs = np.concatenate(pairs).reshape(-1, 2)
    rows = plain.execute(
        "select id,url,coalesce(status,-1),coalesce(depth,-1),coalesce(score,-1),source in ('start','sitemap','list') "
        "from page where internal=1 order by id").fetchall()
    linked = np.zeros(max([rows[-1][0]] if rows else [0], default=0) + 2, bool)
    pairs = pairs[(pairs < len(linked)).all(1)]
    linked[pairs.ravel()] = True
    rows = [r for r in rows if r[5] or linked[r[0]]]
    id, n = np.array([r[0] for r in rows], np.int64), len(rows)
    index = np.full(len(linked), -1, np.int64)
    index[id] = np.arange(n)
    pairs = index[pairs]
    pairs = pairs[(pairs >= 0).all(1) & (pairs[:, 0] != pairs[:, 1])]
    code = np.unique(pairs[:, 0] * n + pairs[:, 1]) if n else pairs[:, 0]
    edges = np.c_[code // max(1, n), code % max(1, n)]
    inside = np.bincount(edges[:, 1], minlength=n)
    wide = np.flatnonzero(inside > max(12, everybody * n))
    score = np.array([r[4] for r in rows], float)
    if n and (score < 0).all(): score = 100 * np.log1p(inside) / max(1e-9, np.log1p(inside.max()))
    return SimpleNamespace(n=n, id=id, index=index, edges=edges, loose=np.isin(edges[:, 1], wide), wide=wide, inlinks=inside,
                           outlinks=np.bincount(edges[:, 0], minlength=n), url=[r[1] for r in rows],
                           status=np.array([r[2] for r in rows], np.int64), depth=np.array([r[3] for r in rows], np.int64),
                           score=np.maximum(score, 0))

def pull(g):
    """The links that pull, as pairs (m, 2), each once and in no direction: without
    those to site-wide targets, except one for each part that nothing else holds."""
    import numpy as np
    strong = g.edges[~g.loose]
    label = components(g.n, strong)
    size = np.bincount(label, minlength=g.n)
    part = label[g.edges]
    across = g.loose & (part[:, 0] != part[:, 1])
    rest, part = g.edges[across], part[across]
    who, other = np.r_[part[:, 0], part[:, 1]], np.r_[part[:, 1], part[:, 0]]
    order = np.lexsort((other, -size[other], who))
    held = np.r_[rest, rest][order][np.unique(who[order], return_index=True)[1]]       # by what is largest
    both = np.sort(np.concatenate([strong, held]), 1)
    code = np.unique(both[:, 0] * g.n + both[:, 1])
    return np.c_[code // max(1, g.n), code % max(1, g.n)]

def components(n, edges):
    "For each of n nodes the smallest node it hangs together with (n)."
    import numpy as np
    label = np.arange(n)
    while True:
        low = np.minimum(label[edges[:, 0]], label[edges[:, 1]])
        new = label.copy()
        np.minimum.at(new, label[edges[:, 0]], low)
        np.minimum.at(new, label[edges[:, 1]], low)
        while (new != new[new]).any(): new = new[new]
        if (new == label).all(): return label
        label = new

def rows_of(n, edges):
    "The undirected edges as neighbours of each node: (start (n+1), neighbours (2m))."
    import numpy as np
    a, b = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]]
    order = np.lexsort((b, a))
    return np.searchsorted(a[order], np.arange(n + 1)), b[order]

def steps(start, to, from_):
    "Fewest steps from one node to all (n); -1: no way."
    import numpy as np
    far, front, d = np.full(len(start) - 1, -1, np.int32), np.array([from_]), 0
    far[from_] = 0
    while len(front):
        d += 1
        count = start[front + 1] - start[front]
        at = np.repeat(start[front] - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(count.sum())
        front = np.unique(to[at])
        front = front[far[front] < 0]
        far[front] = d
    return far

def begin(start, to, n, rng, pivots=24):
    """A first place for each node of one component (n, 2), radius about 1: its
    distances from a few far apart nodes, seen from where they differ most (pivot MDS)."""
    import numpy as np
    ways = [steps(start, to, int(np.argmax(np.diff(start))))]
    near = ways[0].copy()
    for _ in range(min(pivots, n) - 1):
        ways.append(steps(start, to, int(np.argmax(near))))
        near = np.minimum(near, ways[-1])
    w = np.array(ways, np.float64).T ** 2
    w = -.5 * (w - w.mean(0) - w.mean(1, keepdims=True) + w.mean())
    _, vectors = np.linalg.eigh(w.T @ w)
    xy = w @ vectors[:, :-3:-1] if w.shape[1] > 1 else np.zeros((n, 2))
    xy = xy * np.sign(xy[np.argmax(np.abs(xy), 0), np.arange(xy.shape[1])])           # an eigenvector has two directions: take one
    scale = np.abs(xy).max(0)
    return xy / np.where(scale > 0, scale, 1) + rng.normal(0, .02, (n, 2))

def weights(n, edges):
    """How strongly each link pulls (m), and how much room each node takes (n; 1 on
    average). Of many links each pulls less: hubs do not swallow what they link to."""
    import numpy as np
    degree = np.bincount(edges.ravel(), minlength=n)
    mass = 1 + degree ** .5
    a, b = degree[edges[:, 0]], degree[edges[:, 1]]
    weight = np.minimum(a, b) ** -.5 * np.maximum(a, b) ** -.25
    return weight * (2 * n / max(1e-9, 2 * weight.sum())), mass / mass.mean()

def merge(n, edges, weight, mass, rng):
    """Each node of half of them joins the neighbour of the other half that pulls it most
    for its size: (group of each node, number of groups, their edges, weights, masses)."""
    import numpy as np
    head = rng.random(n) < .45
    a, b, w = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]], np.r_[weight, weight]
    ask = ~head[a] & head[b]
    a, b, w = a[ask], b[ask], w[ask] / mass[b[ask]]
    order = np.lexsort((b, -w, a))
    who, at = np.unique(a[order], return_index=True)
    into = np.arange(n)
    into[who] = b[order][at]
    names, group = np.unique(into, return_inverse=True)
    k = len(names)
    pair = np.sort(group[edges], 1)
    code, back = np.unique(pair[:, 0] * k + pair[:, 1], return_inverse=True)
    both = np.c_[code // k, code % k]
    w = np.bincount(back, weight, len(code))
    keep = both[:, 0] != both[:, 1]
    return group, k, both[keep], w[keep], np.bincount(group, mass, k)

def unfold(n, edges, rng, rounds):
    "Places (n, 2) for one component: first for a small picture of it in which neighbours are one, then finer and finer."
    import numpy as np
    weight, mass = weights(n, edges)
    levels, now = [], (n, edges, weight, mass)
    while now[0] > 120:
        group, *less = merge(*now, rng)
        if less[0] > .95 * now[0]: break
        levels.append((now, group))
        now = less
    start, to = rows_of(now[0], now[1])
    xy = relax(begin(start, to, now[0], rng) * n ** .5, *now[1:], rounds * 2, 1.)
    for (n, edges, weight, mass), group in reversed(levels):
        size = np.bincount(group)[group]
        spread = np.sqrt(np.bincount(group, mass)[group] / np.pi) * (size > 1) * .9
        angle, radius = rng.random(n) * 2 * np.pi, rng.random(n) ** .5
        xy = xy[group] + np.c_[np.cos(angle), np.sin(angle)] * (spread * radius)[:, None]
        xy = relax(xy, edges, weight, mass, rounds, .35)
    return xy

def relax(xy, edges, weight, mass, rounds, heat):
    """Moves nodes (n, 2) until the pull of links and the pressure of all nodes are about even; `heat` is how
    far they may go at first. The pressure of far nodes is that of a density on a grid, by Fourier transform."""
    import numpy as np
    n, total = len(xy), float(mass.sum())
    grid = int(min(512, max(64, 2 ** np.ceil(np.log2(n ** .5 * 1.6)))))
    z = (xy[:, 0] + 1j * xy[:, 1]).astype(np.complex64)
    a, b, w = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]], np.r_[weight, weight].astype(np.float32)
    order = np.argsort(a, kind='stable')
    a, b, w, count = a[order].astype(np.int32), b[order].astype(np.int32), w[order], np.bincount(a, minlength=n)
    some = np.flatnonzero(count)
    cut = (np.cumsum(count) - count)[some]
    m, force = mass.astype(np.float32), field(grid)
    for round in range(rounds):
        lo, hi = (z.real.min(), z.imag.min()), (z.real.max(), z.imag.max())
        cell = float(max(hi[0] - lo[0], hi[1] - lo[1], 1e-3) * 1.02 / (grid - 1))
        gx, gy = (z.real - lo[0]) / cell, (z.imag - lo[1]) / cell
        ix, iy = gx.astype(np.int32).clip(0, grid - 2), gy.astype(np.int32).clip(0, grid - 2)
        fx, fy = gx - ix, gy - iy
        corner = ix * grid + iy
        parts = ((corner, (1-fx) * (1-fy)), (corner + grid, fx * (1-fy)), (corner + 1, (1-fx) * fy), (corner + grid + 1, fx * fy))
        density = sum(np.bincount(c, p * m, grid * grid) for c, p in parts).reshape(grid, grid)
        push = force(density) / np.float32(cell)
        move = sum(push[c] * p for c, p in parts) - z * np.float32(.01)
        if len(a):
            d = z[b] - z[a]
            far = np.abs(d)
            # near ones pull as a spring, far ones hardly more: clusters keep together
            move[some] += np.add.reduceat(d * (w * (1 + np.float32(.12) * far) / (1 + far)), cut) / m[some] * np.float32(.8)
        long = np.abs(move)
        limit = np.float32(total ** .5 * .2 * heat * (1 - round / rounds) ** 1.5 + .02)
        z = z + move * (np.minimum(long * np.float32(.6), limit) / np.maximum(long, np.float32(1e-9)))
        z = z - z.mean()
    return np.c_[z.real, z.imag].astype(np.float64)

kernels = {}
def field(grid):
    """A function from a density (grid, grid) to the force of all of it at each cell
    (grid², complex, for cells of size 1): one over the distance, softened within a cell."""
    import numpy as np
    if grid not in kernels:
        k = np.arange(2 * grid)
        k = np.where(k < grid, k, k - 2 * grid).astype(np.float64)
        x, y = k[:, None], k[None, :]
        kernels[grid] = np.fft.fft2((x + 1j * y) / (x * x + y * y + .6))
    def force(density): return np.fft.ifft2(np.fft.fft2(density, (2 * grid, 2 * grid)) * kernels[grid])[:grid, :grid].ravel().astype(np.complex64)
    return force

def untangle(xy, rng, gap=1.):
    "Nodes on the same spot are moved a little apart (n, 2): leaves of one page would otherwise be one dot."
    import numpy as np
    cell = np.round(xy / gap * 4).astype(np.int64)
    order = np.lexsort((cell[:, 1], cell[:, 0]))
    same = (np.diff(cell[order], axis=0) == 0).all(1)
    at = np.arange(len(xy))
    group = np.r_[0, np.cumsum(~same)]
    k = np.empty(len(xy), np.int64)
    k[order] = at - np.searchsorted(group, group)
    angle, radius = k * 2.399963, gap * .3 * k ** .5
    return xy + np.c_[np.cos(angle), np.sin(angle)] * radius[:, None]

def arrange(g, rounds=60, seed=7):
    "Places (n, 2) for a graph as `read` gives it; about one unit of area a page, the largest component around 0, 0."
    import numpy as np
    rng, xy = np.random.default_rng(seed), np.zeros((g.n, 2))
    if not g.n: return xy
    edges = pull(g)
    label = components(g.n, edges)
    names, size = np.unique(label, return_counts=True)
    order = np.lexsort((names, -size))
    sorted_ = np.argsort(label, kind='stable')
    where = np.searchsorted(label[sorted_], names)
    parts = [sorted_[where[i]:where[i] + size[i]] for i in order[:2000] if size[i] > 1] 
    which = np.full(g.n, -1)
    for i, p in enumerate(parts): which[p] = i
    local = np.empty(g.n, np.int64)
    for p in parts: local[p] = np.arange(len(p))
    mine = which[edges[:, 0]]
    by = np.argsort(mine, kind='stable')
    cuts = np.searchsorted(mine[by], np.arange(len(parts) + 1))
    taken = []                                                                    # (x, y, radius) of what is placed already
    for i, p in enumerate(parts):
        if len(p) > 2:
            own = unfold(len(p), local[edges[by[cuts[i]:cuts[i+1]]]], rng, rounds)
            own = untangle(own * (len(p) / np.pi) ** .5 / max(1e-9, np.quantile(np.hypot(*own.T), .8)), rng)
        else: own = np.c_[np.arange(len(p)) * 1.2, np.zeros(len(p))]
        middle = (own.max(0) + own.min(0)) / 2 if i else 0
        own, radius = own - middle, float(np.hypot(*(own - middle).T).max()) + 1.5
        at = (0., 0.) if not i else free(taken, radius)
        taken.append((*at, radius))
        xy[p] = own + at
    alone = np.flatnonzero(which < 0)
    if len(alone):                                                                # pages without any link: a disc of their own, evenly
        k = np.arange(len(alone))
        own = np.c_[np.cos(k * 2.399963), np.sin(k * 2.399963)] * (1.1 * k ** .5)[:, None]
        xy[alone] = own + (free(taken, 1.1 * len(alone) ** .5 + 1.5) if taken else (0, 0))
    return xy

def free(taken, radius):
    "The place nearest to the middle, a little below it first, where a disc of this radius touches nothing that is taken."
    import numpy as np
    t = np.array(taken)
    best = None
    for x, y, r in taken[:1] + taken[-60:]:
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False) - np.pi / 2
        c = np.c_[np.cos(angle), np.sin(angle)] * (r + radius + 1) + (x, y)
        ok = (np.hypot(c[:, :1] - t[:, 0], c[:, 1:] - t[:, 1]) >= t[:, 2] + radius + .99).all(1)
        for p in c[ok]:
            if best is None or np.hypot(*p) < best[0] - 1e-9: best = float(np.hypot(*p)), float(p[0]), float(p[1])
    return best[1:] if best else (0., -float((np.hypot(t[:, 0], t[:, 1]) + t[:, 2]).max() + radius + 1))

def layout(db, rounds=60):
    "Fills `place` of a crawl (schema.py), anew; gives the graph as `read` does, with `xy`."
    g = read(db)
    g.xy = arrange(g, rounds)
    db.execute('begin')
    db.execute('delete from place')
    db.executemany('insert into place values (?,?,?)', zip(g.id.tolist(), g.xy[:, 0].tolist(), g.xy[:, 1].tolist()))
    db.execute('commit')
    return g

def placed(db):
    "The graph with the places that `layout` kept (`xy`); lays it out where none are kept or pages came since."
    import numpy as np
    g = read(db)
    kept = {p: (x, y) for p, x, y in db.execute('select page,x,y from place')}
    if any(p not in kept for p in g.id.tolist()): return layout(db)
    g.xy = np.array([kept[p] for p in g.id.tolist()], float).reshape(-1, 2)
    return g
