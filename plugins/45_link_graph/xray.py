"""The X-ray: a crawled site as one picture that shows what is wrong, drawn by the processor alone, the same every time.

Links are a glow, brighter where there are many; pages are dots, larger the more weight they have, and their colour says how
they answered. What a radiologist would circle is circled, numbered and said below, with numbers that are counted here."""
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

paper, ink, soft = (9, 13, 19), (226, 232, 236), (138, 152, 164)
groups = {                                                                     # how a page answered: its word and its colour
    'ok': ('answers', (146, 206, 226)), 'moved': ('leads on', (240, 190, 92)), 'error': ('is not there', (255, 84, 66)),
    'silent': ('gives no answer', (214, 118, 255)), 'unasked': ('was not asked', (104, 118, 132))}
words = {'ok': 'answer', 'moved': 'lead on', 'error': 'are not there', 'silent': 'give no answer', 'unasked': 'were not asked'}

def answered(status):
    "For statuses (n) the place of each in `groups` (n): 4xx and 5xx are errors, 0 is silence, -1 was not asked."
    import numpy as np
    return np.select([status < 0, status == 0, status >= 400, status >= 300], [4, 3, 2, 1], 0)

def name(url, longest=46):
    "An address as it is said in the picture: path and query in plain letters, cut in the middle."
    try: cut = urlsplit(url)
    except ValueError: return quote(url)[:longest]
    said = quote(cut.path + (f'?{cut.query}' if cut.query else ''), safe="/%:?&=+-._~!$'()*,;@#") or '/'
    return said if len(said) <= longest else f'{said[:longest // 2 - 1]}…{said[-longest // 2:]}'

def count(n, one, many=None): return f'{n:,} {one if n == 1 else many or one + "s"}'

def spots(g, most=9):
    """What stands out, worst first: a list of objects with `kind` (star, island, alone, chain, deep),
    `text`, `pages` (ids), `x`, `y`, `radius` (in units of the layout) and `more` (the numbers).
    star: one page with many links to errors; island: pages linked among themselves only; alone: no
    link at all; chain: pages one behind the other; deep: more than ten clicks from the start."""
    import numpy as np
    from . import layout
    out, how = [], answered(g.status)
    def spot(kind, rows, text, weight, **more):
        rows = np.asarray(rows)
        # one that lies far off does not move the circle
        middle = np.median(g.xy[rows], 0) if kind in ('star', 'deep') else (g.xy[rows].min(0) + g.xy[rows].max(0)) / 2
        away = np.hypot(*(g.xy[rows] - middle).T)
        out.append((weight, SimpleNamespace(kind=kind, text=text, pages=g.id[rows].tolist(), x=float(middle[0]), y=float(middle[1]),
                                            radius=float(np.quantile(away, .9 if kind in ('star', 'deep') else 1)) + 1.5, more=more)))
    if not g.n: return []
    bad = g.edges[(how[g.edges[:, 1]] == 2) & ~g.loose]
    per = np.bincount(bad[:, 0], minlength=g.n)
    only = np.bincount(bad[:, 1], minlength=g.n)
    said = set()
    for page in np.argsort(-per, kind='stable')[:40].tolist():
        to = bad[bad[:, 0] == page, 1]
        fresh = np.array([t for t in to.tolist() if t not in said], np.int64)
        if len(fresh) < max(8, .001 * g.n) or len([s for _, s in out]) >= 3: continue
        said |= set(fresh.tolist())
        mine = int((only[fresh] == 1).sum())
        spot('star', fresh, f'{name(g.url[page])} links to {count(len(to), "page")} that are not there'
             + (f', {mine:,} of them linked from nowhere else' if mine else ''),
             3 * len(fresh), page=int(g.id[page]), errors=len(to), only=mine)
    edges = layout.pull(g)
    label = layout.components(g.n, edges)
    size = np.bincount(label, minlength=g.n)
    main = int(np.argmax(size))
    for part in np.argsort(-size, kind='stable')[:4].tolist():
        if part == main or size[part] < 3: continue
        rows = np.flatnonzero(label == part)
        spot('island', rows, f'{count(len(rows), "page")} linked only among themselves ({name(g.url[rows[np.argmax(g.score[rows])]])} …)',
             len(rows), size=len(rows))
    alone = np.flatnonzero((size[label] == 1) & (label != main))
    if len(alone):
        spot('alone', alone, f'{count(len(alone), "page")} without any link ({name(g.url[alone[0]])}{" …" if len(alone) > 1 else ""})',
             len(alone), size=len(alone))
    degree = np.bincount(edges.ravel(), minlength=g.n)
    thin = (degree <= 2) & (label == main)
    line = edges[thin[edges].all(1)]
    chain = layout.components(g.n, line)
    long, links = np.bincount(chain[thin], minlength=g.n), np.bincount(chain[line[:, 0]], minlength=g.n)
    for part in np.argsort(-long, kind='stable')[:2].tolist():
        if long[part] < 10 or links[part] != long[part] - 1: continue
        rows = np.flatnonzero(chain == part)
        spot('chain', rows,
             f'{count(len(rows), "page")} one behind the other ({name(g.url[rows[0]])} …)'
             + (f', the last {g.depth[rows].max()} clicks from the start' if g.depth[rows].max() > 0 else ''),
             len(rows) * 2, size=len(rows), depth=int(g.depth[rows].max()))
    known = {p for _, s in out for p in s.pages}
    deep = np.flatnonzero((g.depth > 10) & ~np.isin(g.id, list(known)))
    if len(deep) >= 3:
        spot('deep', deep, f'{count(len(deep), "page")} more than ten clicks from the start, the farthest {g.depth.max()}', len(deep),
             size=len(deep), depth=int(g.depth.max()))
    return [s for _, s in sorted(out, key=lambda o: -o[0])[:most]]

def sections(g, most=14):
    "The parts that hold together in the picture, by the first word of the path: a list of (name, x, y, pages), largest first."
    import numpy as np
    if not g.n: return []
    first = [name(u, 24).split('/')[1:3] for u in g.url]
    of, back = np.unique([f'/{f[0]}/' if len(f) > 1 else '/' for f in first], return_inverse=True)
    total, out = np.hypot(*(g.xy - np.median(g.xy, 0)).T), []
    for i in np.argsort(-np.bincount(back), kind='stable')[:60].tolist():
        rows = np.flatnonzero(back == i)
        if len(rows) < max(12, .008 * g.n) or of[i] == '/': continue
        middle = np.median(g.xy[rows], 0)
        if np.median(np.hypot(*(g.xy[rows] - middle).T)) < .45 * np.median(total):
            out.append((str(of[i]), float(middle[0]), float(middle[1]), len(rows)))
    return out[:most]

def glow(size, a, b, weight, budget=30_000_000):
    """Lines from a to b (m, 2; pixels) added up in a picture (size, size): each `weight` a pixel, less
    the longer it is. Where they are too many, every so-manieth of the long ones stands for the others."""
    import numpy as np
    out, long = np.zeros(size * size), np.hypot(*(b - a).T)
    steps = 2 ** np.ceil(np.log2(np.clip(long, 2, 4 * size))).astype(np.int64)
    fine = steps.sum() < budget / 6
    share = max(1, int(np.ceil(steps.sum() / budget)))
    weight = weight / (1 + long / 24) ** .75
    for s in np.unique(steps).tolist():
        here = np.flatnonzero(steps == s)
        every = share if s > 16 else 1
        here = here[::every]
        t = (np.arange(s) + .5) / s
        for chunk in np.array_split(here, max(1, len(here) * s // 1_500_000)):
            way = (b[chunk] - a[chunk])
            x, y = (a[chunk, 0, None] + way[:, :1] * t).ravel(), (a[chunk, 1, None] + way[:, 1:] * t).ravel()
            w = np.repeat(weight[chunk] * every * np.maximum(long[chunk], 1) / s, s)
            if fine:
                ix, iy = np.floor(x - .5).astype(np.int64), np.floor(y - .5).astype(np.int64)
                fx, fy = x - .5 - ix, y - .5 - iy
                for dx, dy, part in ((0, 0, (1-fx)*(1-fy)), (1, 0, fx*(1-fy)), (0, 1, (1-fx)*fy), (1, 1, fx*fy)):
                    out += np.bincount((iy + dy).clip(0, size - 1) * size + (ix + dx).clip(0, size - 1), w * part, size * size)
            else: out += np.bincount(y.astype(np.int64).clip(0, size - 1) * size + x.astype(np.int64).clip(0, size - 1), w, size * size)
    return out.reshape(size, size)

def dots(film, at, radius, colour, strength):
    "Round dots with soft rims drawn over a picture (h, w, 3; 0 to 1), in order; at (n, 2) in pixels, radius (n), colour (n, 3), strength (n)."
    import numpy as np
    size = film.shape[0]
    reach = int(np.ceil(radius.max() + 1)) if len(radius) else 0
    flat = film.reshape(-1, 3)
    for low, high in [(0, 1.2), (1.2, 2.2), (2.2, 4), (4, 7), (7, reach + 1)]:          # small ones first: what weighs more lies on top
        here = np.flatnonzero((radius > low) & (radius <= high))
        if not len(here): continue
        span = int(np.ceil(min(high, radius[here].max()) + 1))
        cx, cy = np.floor(at[here, 0]).astype(np.int64), np.floor(at[here, 1]).astype(np.int64)
        for dy in range(-span, span + 1):
            for dx in range(-span, span + 1):
                x, y = cx + dx, cy + dy
                far = np.hypot(x + .5 - at[here, 0], y + .5 - at[here, 1])
                cover = np.clip(radius[here] + .5 - far, 0, 1) * strength[here]
                seen = np.flatnonzero((cover > 0) & (x >= 0) & (y >= 0) & (x < size) & (y < size))
                if len(seen):
                    p, c = y[seen] * size + x[seen], cover[seen, None]
                    flat[p] = flat[p] * (1 - c) + colour[here[seen]] * c

def film(g, size, marks=()):
    """The picture without words (size, size, 3; 0 to 1), the function from the layout's
    units to pixels, and how many pixels a unit is. The circles of `marks` have room."""
    import numpy as np
    lo, hi = (np.quantile(g.xy, q, 0) for q in (0, 1)) if g.n else (np.zeros(2), np.ones(2))
    for m in marks: lo, hi = np.minimum(lo, (m.x - m.radius, m.y - m.radius)), np.maximum(hi, (m.x + m.radius, m.y + m.radius))
    scale = size * .90 / max(float((hi - lo).max()), 4)
    pixel = lambda xy: (np.asarray(xy) - (lo + hi) / 2) * scale * (1, -1) + size / 2
    at, how = pixel(g.xy), answered(g.status)
    palette = np.array([c for _, c in groups.values()]) / 255
    lines = g.edges[~g.loose]
    wrong = how[lines[:, 1]] == 2
    out = np.zeros((size, size, 3)) + np.array(paper) / 255
    away = np.hypot(*(np.indices((size, size)) - size / 2)) / size
    out += (np.clip(.62 - away, 0, 1) ** 2)[..., None] * np.array([.03, .055, .075])       # a film is never quite black in the middle
    level = max(.5, float(np.quantile(np.hypot(*(at[lines[:, 0]] - at[lines[:, 1]]).T), .5)) ** .5 / 4) if len(lines) else 1
    light = glow(size, at[lines[~wrong, 0]], at[lines[~wrong, 1]], np.full((~wrong).sum(), 1.))
    top = np.quantile(light[light > 0], .995) if (light > 0).any() else 1
    light = np.log1p(light * 40 / (top * .35 + level)) / np.log1p(40 / .35)
    bone = np.array([[0, 0, 0], [.045, .115, .165], [.13, .29, .38], [.42, .60, .67], [.86, .92, .93]])
    stops = np.array([0, .2, .5, .8, 1.08])
    for c in range(3): out[..., c] += np.interp(light, stops, bone[:, c])
    red = glow(size, at[lines[wrong, 0]], at[lines[wrong, 1]], np.full(wrong.sum(), 1.))
    if red.any():
        red = (np.log1p(red * 8) / np.log1p(8 * max(1., float(np.quantile(red[red > 0], .995))))).clip(0, 1)[..., None]
        out = out * (1 - .55 * red) + np.array([1, .20, .14]) * red * .85
    small = np.clip(size / 1600 * (1.15 if g.n > 8000 else 1.9 if g.n > 1500 else 2.8), .7, 4)
    radius = small * (1 + 2.6 * (g.score / 100) ** 2.2) * np.where(how == 0, .82, 1.1)
    strength = np.where(how == 0, .50 if g.n > 8000 else .8, .95) * np.where(g.score > 45, 1.15, 1)
    order = np.argsort(np.where(how == 0, 0, 1), kind='stable')
    dots(out, at[order], radius[order], palette[how[order]], strength[order].clip(0, 1))
    return out.clip(0, 1), pixel, scale

def xray(db, path, size=1600, title=''):
    """Draws the X-ray of a crawl as a PNG of `size` pixels a side, with a caption below, into `path` (a file or anything to
    write bytes to). Gives {'text': the picture in words, 'marks': what is circled, as objects of `spots` with `number`}.
    Raises ValueError for a size below 300 or above 6000."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont
    from . import layout
    if not 300 <= size <= 6000: raise ValueError(f'an X-ray of {size} pixels cannot be drawn; 300 to 6000 can')
    g = layout.placed(db)
    marks, unit = spots(g), size / 1600
    picture, whole_, scale = film(g, size, marks)
    # what is empty above and below is cut
    seen = np.array([*whole_(g.xy), *(whole_((m.x, m.y + s * m.radius)) for m in marks for s in (1, -1)), (size / 2, size / 2)])[:, 1]
    first, last = max(0, int(seen.min() - 70 * unit)), min(size, int(seen.max() + 70 * unit))
    if last - first < size * .45: first, last = int(size * .275), int(size * .725)
    picture, tall = picture[first:last], last - first
    pixel = lambda xy: whole_(xy) - (0, first)
    font = {k: ImageFont.load_default(max(9, k * unit)) for k in (21, 23, 25, 30, 40)}
    how = np.bincount(answered(g.status), minlength=5)
    start = db.execute("select value from crawl where key='asked'").fetchone()
    host = title or (urlsplit(g.url[0]).netloc if g.n else '') or (start[0] if start else 'nothing crawled')
    lines = [(i + 1, m.text) for i, m in enumerate(marks)]
    row = 40 * unit
    high = int(tall + 150 * unit + row * max(1, len(lines)) + 46 * unit)
    whole = Image.new('RGB', (size, high), paper)
    whole.paste(Image.fromarray((picture * 255).round().astype(np.uint8)), (0, 0))
    draw = ImageDraw.Draw(whole, 'RGBA')
    taken = []
    def put(at, text, f, fill, back=None):
        "Centred words, moved up or down where others stand already; none where there is no room."
        w, h = f.getlength(text), f.size
        for dy in (0, -1.2, 1.2, -2.4, 2.4):
            x = min(max(at[0] - w / 2, 8 * unit), size - w - 8 * unit)
            y = min(max(at[1] - h / 2 + dy * h, 8 * unit), tall - h - 8 * unit)
            box = (x - 6 * unit, y - 3 * unit, x + w + 6 * unit, y + h + 5 * unit)
            if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken): continue
            taken.append(box)
            if back: draw.rounded_rectangle(box, 6 * unit, fill=back)
            draw.text((x, y), text, font=f, fill=fill)
            return
    red = groups['error'][1]
    tone = lambda kind: red if kind == 'star' else groups['moved'][1]
    for i, m in enumerate(marks):
        (x, y), r = pixel((m.x, m.y)), max(m.radius * scale, 14 * unit) + 9 * unit
        draw.ellipse((x - r, y - r, x + r, y + r), outline=tone(m.kind), width=max(1, round(2.4 * unit)))
        bx, by, br = x + r * .707, y - r * .707, 19 * unit
        bx, by = min(max(bx, br + 4), size - br - 4), min(max(by, br + 4), tall - br - 4)
        draw.ellipse((bx - br, by - br, bx + br, by + br), fill=tone(m.kind))
        draw.text((bx, by + unit), str(i + 1), font=font[25], fill=paper, anchor='mm')
        taken.append((bx - br, by - br, bx + br, by + br))
        m.number = i + 1
    inside = [s for s in sections(g) if not any(np.hypot(s[1] - m.x, s[2] - m.y) < m.radius for m in marks)]
    for said, x, y, _ in inside: put(pixel((x, y)), said, font[23], (*ink, 235), (*paper, 150))
    y = tall + 10 * unit
    draw.line((40 * unit, y, size - 40 * unit, y), fill=(38, 48, 58), width=max(1, round(unit)))
    y += 22 * unit
    draw.text((40 * unit, y), host, font=font[40], fill=ink)
    wide = f', {count(int(g.loose.sum()), "link")} to {count(len(g.wide), "site-wide target")} left out' if len(g.wide) else ''
    draw.text((size - 40 * unit, y + 14 * unit), f'{count(g.n, "page")}, {count(len(g.edges), "link")}{wide}', font=font[23], fill=soft, anchor='ra')
    y += 62 * unit
    x = 40 * unit
    for i, (key, (_, colour)) in enumerate(groups.items()):
        if not how[i]: continue
        said = f'{how[i]:,} {words[key] if how[i] != 1 else groups[key][0]}'
        draw.ellipse((x, y + 7 * unit, x + 13 * unit, y + 20 * unit), fill=colour)
        draw.text((x + 22 * unit, y), said, font=font[23], fill=colour if key == 'error' else ink)
        x += 22 * unit + font[23].getlength(said) + 34 * unit
    y += 56 * unit
    for m in marks:
        draw.ellipse((40 * unit, y, 68 * unit, y + 28 * unit), fill=tone(m.kind))
        draw.text((54 * unit, y + 14.5 * unit), str(m.number), font=font[21], fill=paper, anchor='mm')
        draw.text((82 * unit, y + 14 * unit), fit(m.text, font[23], size - 130 * unit), font=font[23], fill=ink, anchor='lm')
        y += row
    if not marks:
        draw.text((40 * unit, y), 'Nothing stands out in the way its pages hang together.' if g.n else 'No page was crawled.',
                  font=font[23], fill=soft)
    whole.save(path, 'PNG', compress_level=4)
    parts = ', '.join(f'{how[i]:,} {words[k] if how[i] != 1 else groups[k][0]}' for i, k in enumerate(groups) if how[i])
    return {'text': f'{host}: {count(g.n, "page")} and {count(len(g.edges), "link")}; {parts or "nothing to see"}.'
            + ''.join(f' {m.number}: {m.text}.' for m in marks), 'marks': [vars(m) for m in marks]}

def fit(text, font, width):
    "A text cut so that it is no wider than that (pixels)."
    if font.getlength(text) <= width: return text
    while text and font.getlength(text + '…') > width: text = text[:-1]
    return text + '…'
