"""One page, read: bytes become text by the charset that is meant, text becomes a row of `page` and its
links. Nothing here touches the network or a database, and nothing that a page says can make it raise."""
import codecs, functools, hashlib, json, re
from selectolax.lexbor import LexborHTMLParser
from yarl import URL
from . import urls

# bytes to text

_meta = re.compile(rb'''<meta[^>]{0,300}?charset\s*=\s*["']?\s*([a-zA-Z0-9_:\-]{2,40})''', re.I)
_label = {'iso-8859-1': 'cp1252', 'latin1': 'cp1252', 'latin-1': 'cp1252', 'us-ascii': 'cp1252', 'ascii': 'cp1252', 'iso8859-1': 'cp1252',
          'iso_8859-1': 'cp1252', 'windows-1252': 'cp1252', 'euc-kr': 'cp949', 'ks_c_5601-1987': 'cp949', 'korean': 'cp949',
          'shift_jis': 'cp932', 'shift-jis': 'cp932', 'sjis': 'cp932', 'x-sjis': 'cp932', 'windows-31j': 'cp932', 'gb2312': 'gb18030',
          'gbk': 'gb18030', 'gb_2312-80': 'gb18030', 'x-gbk': 'gb18030', 'tis-620': 'cp874', 'windows-874': 'cp874', 'iso-8859-9': 'cp1254',
          'iso-8859-11': 'cp874',
          'utf8': 'utf-8', 'x-user-defined': 'cp1252', 'unicode': 'utf-8', 'big5': 'big5hkscs', 'x-euc-jp': 'euc_jp',
          'x-mac-roman': 'mac_roman', 'macintosh': 'mac_roman', 'x-mac-cyrillic': 'mac_cyrillic', 'koi8-ru': 'koi8_u'}
_boms = ((codecs.BOM_UTF8, 'utf-8'), (codecs.BOM_UTF16_LE, 'utf-16-le'), (codecs.BOM_UTF16_BE, 'utf-16-be'))

@functools.lru_cache(1000)
def codec(label):
    "The codec that the web means by a label, None when there is none such"
    label = label.strip().strip('"\'').lower()
    try: name = codecs.lookup(_label.get(label, label)).name
    except (LookupError, ValueError): return None
    if name == 'utf-16': return 'utf-16-le'
    odd = name in ('idna', 'punycode', 'unicode_escape', 'raw_unicode_escape', 'utf-7')
    return name if not odd and getattr(codecs.lookup(name), '_is_text_encoding', True) else None

def decode(body, header=''):
    """(text, label, where it was said: bom header meta guess). A BOM is stronger
    than the header, as in browsers; what nobody says and is no UTF-8 is guessed."""
    for bom, name in _boms:
        if body.startswith(bom): return body[len(bom):].decode(name, 'replace'), name, 'bom'
    for said, where in ((header, 'header'), ((m := _meta.search(body[:4096])) and m[1].decode('ascii') or '', 'meta')):
        if said and (name := codec(said)):
            if where == 'meta' and name.startswith('utf-16'): name, said = 'utf-8', 'utf-8'       # a meta that could be read was none
            return body.decode(name, 'replace'), said.strip('"\' ').lower(), where
    try: return body.decode('utf-8'), 'utf-8', 'guess'
    except UnicodeDecodeError as e:
        if e.start > len(body)-4: return body.decode('utf-8', 'replace'), 'utf-8', 'guess'       # cut in the middle of a character
    from charset_normalizer import from_bytes
    best = from_bytes(body[:60_000]).best()
    name = codec(best.encoding) if best else None
    return body.decode(name or 'cp1252', 'replace'), name or 'windows-1252', 'guess'

# text to a row and its links

_unseen = re.compile(r'<!--.*?-->|<script\b.*?</script', re.S | re.I)
_a = re.compile(r'<a[\s/>]', re.I)
_word = re.compile(r'\w+')
_plain = bytes(ord(chr(c).lower()) if c < 128 and (chr(c).isalnum() or c == 95) else 32 for c in range(256))
_wide = re.compile('[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]')
_refresh = re.compile(r'''^\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:[;,]?\s*(?:url\s*=\s*)?["']?([^"']*))?''', re.I)
_zones = {'nav': 'nav', 'header': 'header', 'main': 'main', 'article': 'main', 'aside': 'aside', 'footer': 'footer', 'head': 'head'}
_roles = {'navigation': 'nav', 'banner': 'header', 'main': 'main', 'complementary': 'aside', 'contentinfo': 'footer'}
_named = re.compile(r'(?:^|[\s_-])(?:(nav|navbar|navigation|menu|breadcrumbs?)|(header|masthead)|(footer)|(sidebar|aside))(?:$|[\s_-])', re.I)
_kinds = {'img': ('image', 'src'), 'script': ('script', 'src'), 'iframe': ('iframe', 'src'), 'frame': ('iframe', 'src'),
          'embed': ('media', 'src'), 'object': ('media', 'data'), 'video': ('media', 'src'), 'audio': ('media', 'src'),
          'source': ('media', 'src'), 'form': ('form', 'action')}
_headings = {f'h{n}': n for n in range(1, 7)}
_telling = {'a', 'area', 'img', 'link', 'meta', 'title', 'script', *_kinds, *_headings}
_placing = {*_zones, 'svg', 'math'}
_hidden = ('script', 'style', 'noscript', 'template', 'svg', 'iframe', 'object', 'head', 'title')       # what no reader sees
_nofollow = frozenset(('nofollow', 'ugc', 'sponsored'))
most_links = 50_000

def sound(s): return s if not s or s.isascii() and '\0' not in s else s.encode('utf-8', 'replace').decode().replace('\0', '')
def flat(s, room=0):
    if not s: return s
    s = ' '.join((s if s.isascii() else s.replace('\u200b', ' ').replace('\ufeff', ' ')).split())
    return s[:room] if room else s

class Page:
    """What a page says: `row` (columns of `page`), `links` [(kind, url, anchor, alt, rel, follow,
    position, raw)], `broken` [(raw, why, position, anchor)], `hreflang` [(lang, url, place)],
    `images` [(url, alt, width, height, lazy)]; and where it leads: `canonical`, `refresh` (addresses)"""
    def __init__(self): self.row, self.links, self.broken, self.hreflang, self.images, self.canonical, self.refresh = {}, [], [], [], [], None, None

def read(text, url, headers=None, size=0):
    "A Page from its text. `url` is its address, `headers` a mapping with lower-case names (Link, X-Robots-Tag …)."
    p, row, headers = Page(), {}, headers or {}
    here = base = URL(url)
    tree = LexborHTMLParser(text)
    secure, joined = url.startswith('https:'), {}
    titles, descriptions, robots, outline, og, schemas, schema_errors = [], [], [], [], {}, [], []
    n = dict(images=0, images_no_alt=0, images_no_size=0, scripts=0, styles=0, inline_js=0, iframes=0, forms=0, forms_insecure=0, mixed=0)
    canonicals, head_broken, dom, deepest, place = [], 0, 0, 0, {}

    def go(raw, position, anchor=''):
        "The address of a href; None where there is none, with a row in `broken` where it is no address at all"
        if raw in joined: return joined[raw]
        try: there = join(raw)
        except ValueError as e:
            there = None
            p.broken.append((sound(raw[:2000]), sound(str(e)[:200]), position, sound(anchor)))
        joined[raw] = there
        return there
    def link(kind, raw, position, anchor='', alt='', rel=''):
        if raw is None or len(p.links) >= most_links: return None
        there = joined[raw] if raw in joined else go(raw, position, anchor)
        if there:
            p.links.append((kind, there, sound(anchor), sound(alt), rel, 1 if not rel else int(_nofollow.isdisjoint(rel.split())), position,
                            sound(raw[:2000]) if raw != there else None))
        return there

    if '<base' in text.lower() and (b := tree.css_first('base[href]')):
        try: base = here.join(URL(urls.tidy(b.attributes.get('href') or '')))
        except (ValueError, TypeError): base = here
        if base.scheme not in ('http', 'https') or not base.raw_host: base = here
        row['base'] = sound((b.attributes.get('href') or '')[:2000])
    join = urls.joiner(base)
    html = tree.root
    if html is None: html = LexborHTMLParser('<html></html>').root
    row['lang'] = sound((html.attributes.get('lang') or html.attributes.get('xml:lang') or '').strip()[:50]) or None
    surplus = None             # a link that nobody closes is opened again in each block that follows: one in the source, many in the tree
    last = None
    nowhere, seen = (0, 'main', False, False), set()
    for e in html.traverse():
        tag, a, up = e.tag, e.attributes, e.parent
        dom += 1
        depth, zone, inside, drawn = place.get(up.mem_id, nowhere) if up is not None else nowhere
        seen.add(tag)
        if not a and tag not in _placing:              # most of a page: where it stands is where its parent stands
            place[e.mem_id] = depth+1, zone, inside, drawn
            if depth >= deepest: deepest = depth+1
            if tag not in _telling: continue
        else:
            if tag in _zones: zone = _zones[tag] if not (tag == 'header' and zone == 'main' and inside) else zone
            elif 'role' in a and a['role'] in _roles:
                zone = _roles[a['role']]
                seen.add('nav')
            elif (tag in ('div', 'ul', 'section', 'table', 'td') and zone == 'main' and not inside
                  and (named := (a.get('id') or '') + ' ' + (a.get('class') or '')) != ' ' and (m := _named.search(named))):
                zone = ('nav', 'header', 'footer', 'aside')[m.lastindex-1]
            if zone == 'main' and (tag in ('article', 'main') or 'role' in a and a['role'] == 'main'): inside = True
            drawn = drawn or tag in ('svg', 'math')
            place[e.mem_id] = depth+1, zone, inside, drawn
            if depth >= deepest: deepest = depth+1
            if 'itemtype' in a or 'typeof' in a:
                schemas += [s.rstrip('/').rpartition('/')[2][:80] for s in (a.get('itemtype') or '').split()]
                schemas += [s.rpartition(':')[2].rpartition('/')[2][:80] for s in (a.get('typeof') or '').split()]
            if tag not in _telling: continue
        head = zone == 'head'
        if tag == 'a' or tag == 'area':
            if a == last and surplus != 0:
                if surplus is None: surplus = max(0, len(tree.css('a')) - len(_a.findall(_unseen.sub('', text))))
                if surplus: surplus -= 1; continue
            last = a
            if (raw := a.get('href')) is not None:
                alt = ''
                if tag == 'area': alt = a.get('alt') or ''
                elif (c := e.first_child) is not None and (c.next is not None or c.tag != '-text') and (i := e.css_first('img')):
                    alt = i.attributes.get('alt') or ''
                link('area' if tag == 'area' else 'a', raw, zone, flat(e.text(), 300) if tag == 'a' else '', flat(alt, 300),
                     flat(a.get('rel') or '').lower())
        elif tag in _headings: outline.append([_headings[tag], sound(flat(e.text(separator=' '), 500))])
        elif tag == 'img':
            n['images'] += 1
            alt, src = a.get('alt'), a.get('src') or a.get('data-src') or ''
            if 'alt' not in a: n['images_no_alt'] += 1
            if not (a.get('width') and a.get('height')): n['images_no_size'] += 1
            there = link('image', src, zone, alt=flat(alt or '', 300)) if src else None
            if secure and there and there.startswith('http:'): n['mixed'] += 1
            p.images.append((there, sound(alt), sound(a.get('width')), sound(a.get('height')),
                             int((a.get('loading') or '').lower() == 'lazy' or 'data-src' in a)))
        elif tag == 'link':
            rel, raw = set((a.get('rel') or '').lower().split()), a.get('href')
            if not raw: continue
            if not head and rel & {'canonical', 'alternate'}: head_broken = 1
            if 'canonical' in rel:
                canonicals.append(raw)
                if there := link('canonical', raw, zone): p.canonical = p.canonical or there
            elif 'alternate' in rel and a.get('hreflang'):
                there = link('hreflang', raw, zone)
                p.hreflang.append((sound(a['hreflang'].strip()[:50]), there, 'html'))
            elif 'stylesheet' in rel:
                n['styles'] += 1
                if (there := link('style', raw, zone)) and secure and there.startswith('http:'): n['mixed'] += 1
            elif 'amphtml' in rel: row['amp'] = link('amp', raw, zone)
            for rel_, column in (('next', 'rel_next'), ('prev', 'rel_prev')):
                if rel_ in rel: row[column] = link(rel_, raw, zone)
        elif tag == 'meta':
            name, content = (a.get('name') or a.get('property') or '').strip().lower(), a.get('content') or ''
            if not head and name in ('description', 'robots', 'viewport'): head_broken = 1
            if name == 'description': descriptions.append(sound(flat(content, 5000)))
            elif name in ('robots', 'googlebot'): robots.append(flat(content).lower())
            elif name == 'viewport': row['viewport'] = sound(flat(content, 300))
            elif name.startswith(('og:', 'twitter:', 'article:')): og.setdefault(name[:60], sound(flat(content, 1000)))
            elif (a.get('http-equiv') or '').strip().lower() == 'refresh' and (m := _refresh.match(content)):
                row['refresh_s'] = float(m[1])
                if (m[2] or '').strip(): p.refresh = p.refresh or go(m[2].strip(), zone)
            elif (a.get('http-equiv') or '').strip().lower() == 'content-language' and not row['lang']: row['lang'] = sound(flat(content, 50))
        elif tag == 'title':
            if not drawn:
                titles.append(sound(flat(e.text(), 2000)))
                if not head: head_broken = 1
        elif tag == 'script':
            kind = (a.get('type') or '').lower()
            if 'ld+json' in kind: _ld(e.text(), schemas, schema_errors)
            elif a.get('src'):
                n['scripts'] += 1
                if (there := link('script', a['src'], zone)) and secure and there.startswith('http:'): n['mixed'] += 1
            elif not kind or 'javascript' in kind or kind == 'module': n['inline_js'] += 1
        elif tag in _kinds:
            kind, where = _kinds[tag]
            if tag in ('iframe', 'frame'): n['iframes'] += 1
            raw = a.get(where)
            if tag == 'form':
                n['forms'] += 1
                raw = raw or None
            there = link(kind, raw, zone) if raw else None
            if kind == 'form' and there and there.startswith('http:') and (secure or 'password' in (e.html or '')): n['forms_insecure'] += 1
            elif secure and there and there.startswith('http:') and kind != 'form': n['mixed'] += 1
    for target, params in _header_links(headers.get('link', '')):
        rels = params.get('rel', '').lower().split()
        if 'canonical' in rels: row['canonical_header'] = link('canonical', target, 'head')
        elif 'alternate' in rels and params.get('hreflang'):
            p.hreflang.append((sound(params['hreflang'][:50]), link('hreflang', target, 'head'), 'header'))
    robots_said = ', '.join(dict.fromkeys(r for r in robots if r))
    if (robots_said or 'x-robots-tag' in headers) and re.search(r'\b(nofollow|none)\b', robots_said + ' ' + headers.get('x-robots-tag', '').lower()):
        p.links = [(*l[:5], 0, *l[6:]) for l in p.links]
    h = lambda level: [t for l, t in outline if l == level]
    row |= dict(canonicals=len(canonicals), canonical_raw=sound(canonicals[0][:2000]) if canonicals else None,
                robots=sound(robots_said) or None, title=titles[0] if titles else None, titles=len(titles),
                description=descriptions[0] if descriptions else None,
                descriptions=len(descriptions), h1=next(iter(h(1)), None), h1s=len(h(1)), h2=next(iter(h(2)), None), h2s=len(h(2)),
                outline=_json(outline[:500]), og=_json(og) if og else None, schemas=_json([sound(s) for s in dict.fromkeys(schemas)][:50]),
                schema_errors=_json(schema_errors[:20]) if schema_errors else None, dom=dom, dom_depth=deepest, head_broken=head_broken, **n)
    text_ = visible(tree, seen)
    row |= measures(text_, len(text))
    p.row = row
    return p

def visible(tree, seen):
    """The text a reader sees, outside of menus and footers where there is anything outside
    of them; changes the tree. `seen`: the tags in it, 'nav' also for a menu by its role"""
    tree.strip_tags([t for t in _hidden if t in seen])
    body = tree.body
    if body is None: return ''
    everything = None
    if ('nav' in seen or 'footer' in seen) and (menus := body.css('nav,footer,[role=navigation],[role=contentinfo]')):
        everything = body.text(separator=' ')
        for m in menus: m.decompose()
    return sound(flat(body.text(separator=' ')) or (flat(everything) if everything else ''))

def measures(text, size):
    "Columns about the visible text: how much, and what it is like"
    # the same words; most text needs no regular expression
    words = text.encode().translate(_plain).split() if text.isascii() else _word.findall(text.lower())
    many = len(words) + (len(_wide.findall(text)) // 2 if _wide.search(text) else 0)       # scripts without spaces: about two characters a word
    return dict(words=many, text_ratio=round(len(text)/size, 4) if size else 0.0,
                text_hash=hashlib.sha1(text.encode()).hexdigest() if text else None, simhash=simhash(words), text_start=text[:500])

class Hashes(dict):
    "Eight bytes for a word, kept"
    def __missing__(self, w):
        h = self[w] = hashlib.blake2b(w if isinstance(w, bytes) else w.encode(), digest_size=8).digest()
        return h
_hashes = Hashes()
def simhash(words):
    "64 bits, signed: alike for texts that are alike. None for texts of fewer than ten words."
    if len(words) < 10: return None
    import numpy as np
    if len(_hashes) > 300_000: _hashes.clear()
    h = np.frombuffer(b''.join(map(_hashes.__getitem__, words)), '<u8').astype(np.uint64, copy=False)
    pairs = h[:-1] * np.uint64(0x9E3779B97F4A7C15) ^ (h[1:] >> np.uint64(7))
    pairs ^= pairs >> np.uint64(31)
    pairs *= np.uint64(0xBF58476D1CE4E5B9)
    bits = np.einsum('ij->j', np.unpackbits(pairs.view(np.uint8).reshape(-1, 8), axis=1), dtype=np.uint32) * 2 > len(pairs)
    return int(np.packbits(bits).view(np.int64)[0])

_json = json.JSONEncoder(ensure_ascii=False).encode
def _ld(text, schemas, errors):
    "Kinds of structured data in a block of JSON-LD"
    try: data = json.loads(text)
    except (ValueError, RecursionError) as e:
        errors.append(sound(f'JSON-LD: {e}'[:200]))
        return
    todo, seen = [data], 0
    while todo and seen < 5000:
        x, seen = todo.pop(0), seen+1
        if isinstance(x, list): todo += x
        elif isinstance(x, dict):
            kinds = x.get('@type')
            schemas += [sound(str(k))[:80] for k in (kinds if isinstance(kinds, list) else [kinds] if kinds else [])]
            if x is data and '@context' not in x: errors.append('JSON-LD: it has no @context')
            todo += [v for v in x.values() if isinstance(v, (dict, list))]

_linkhead = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)')
def _header_links(value):
    "[(target, {parameter: value})] of a Link header"
    return [(t, {k.lower(): v.strip('"') for k, v in re.findall(r';\s*([^\s;,=]+)\s*=\s*("[^"]*"|[^\s;,"]*)', more)})
            for t, more in _linkhead.findall(value or '')]

def why_not(row, status, type, x_robots, url, canonical, allowed=True):
    "(indexable, why not)"
    said = f"{row.get('robots') or ''}, {x_robots or ''}".lower()
    if not allowed: return 0, 'blocked'
    if not status: return 0, 'no answer'
    if 300 <= status < 400: return 0, 'redirect'
    if 400 <= status < 500: return 0, '4xx'
    if status >= 500: return 0, '5xx'
    if type not in ('text/html', 'application/xhtml+xml'): return 0, 'type'
    if re.search(r'\b(noindex|none)\b', said): return 0, 'noindex'
    if canonical and canonical != url: return 0, 'canonical'
    return 1, None
