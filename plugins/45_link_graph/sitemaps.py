"""What a site says it has: sitemaps and their indexes, as XML, plain text or gzip, read piece
by piece, so that neither size nor a break in the middle costs more than what follows it."""
import zlib
from xml.parsers import expat

most_bytes, most_urls = 50 << 20, 50_000        # as sitemaps.org has it; what is more is read as far as that

def unzip(data):
    "The bytes of a gzip, as far as they are whole and no more than a sitemap may be"
    if data[:2] != b'\x1f\x8b': return data
    d, out = zlib.decompressobj(31), bytearray()
    for at in range(0, len(data), 16384):
        try: out += d.decompress(data[at:at+16384], most_bytes + 1 - len(out))
        except zlib.error: break
        if d.eof or len(out) > most_bytes: break
    return bytes(out)

def read(data, url=''):
    "{kind: index, urls or text; urls: [(address, lastmod, [(lang, address)])]; error} of a file's bytes"
    data = unzip(data)
    head = data[:2000].lstrip(b'\xef\xbb\xbf \t\r\n')
    if not head.startswith(b'<'):
        found = [(l, None, []) for line in data.decode('utf-8', 'replace').splitlines() if (l := line.strip()).startswith(('http://', 'https://'))]
        return {'kind': 'text', 'urls': found[:most_urls], 'error': None if found else 'it is neither XML nor a list of addresses'}
    out, at, text, here, kind, error = [], [], [], {}, 'urls', None
    parser = expat.ParserCreate(namespace_separator=' ')
    parser.buffer_text = True
    def forbid(*a): raise ValueError('it declares entities')
    parser.EntityDeclHandler = forbid
    def start(name, attrs):
        nonlocal kind, here
        name = name.rpartition(' ')[2]
        at.append(name)
        text.clear()
        if len(at) == 1: kind = {'sitemapindex': 'index', 'urlset': 'urls', 'rss': 'rss', 'feed': 'rss', 'html': 'html'}.get(name, 'urls')
        if name in ('url', 'sitemap', 'item', 'entry'): here = {'langs': []}
        if name == 'link' and attrs.get('hreflang') and attrs.get('href'): here.setdefault('langs', []).append((attrs['hreflang'], attrs['href']))
        elif name == 'link' and kind == 'rss' and attrs.get('href'): here.setdefault('loc', attrs['href'])
    def end(name):
        name = name.rpartition(' ')[2]
        if at: at.pop()
        if name == 'loc' and at and at[-1] in ('url', 'sitemap'): here['loc'] = ''.join(text).strip()
        elif name == 'link' and kind == 'rss' and ''.join(text).strip() and at and at[-1] == 'item': here['loc'] = ''.join(text).strip()
        elif name in ('lastmod', 'updated') and at and at[-1] in ('url', 'sitemap', 'entry'): here['lastmod'] = ''.join(text).strip()
        elif name in ('url', 'sitemap', 'item', 'entry') and here.get('loc'):
            if len(out) < most_urls: out.append((here['loc'], here.get('lastmod'), here.get('langs', [])))
        text.clear()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text.append
    try: parser.Parse(data[:most_bytes], True)
    except (expat.ExpatError, ValueError) as e: error = f'it is broken: {e}'
    if kind == 'html': error, out = 'it is a page, not a sitemap', []
    return {'kind': kind if kind in ('index', 'urls') else 'urls', 'urls': out, 'error': error}
