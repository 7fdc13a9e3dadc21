"""A site with nothing wrong, and for each kind of finding a way to spoil it: `Shop()` is
clean, `spoil[kind](shop)` plants one defect and says on which pages it must be found.

Most defects are served and crawled. What cannot be served on this machine (https, other sites'
answers, what search engines count) is written into the crawl's file afterwards: `shop.rows`."""
import html, json, random, time
from link_site import Site, room

spoil, beside = {}, {}                 # kind → how; kind → what else may come of it
def plant(kind, also=''):
    def keep(f):
        spoil[kind], beside[kind] = f, set(also.split())
        return f
    return keep

def text(seed, words=150):
    "Words that no other page has in this order"
    rng = random.Random(seed)
    parts = 'ba ke li mo nu ra se ti vo xa dro fel gim hap jos kul'.split()
    return ' '.join(''.join(rng.choice(parts) for _ in range(rng.randint(2, 4))) for _ in range(words)).capitalize() + '.'

class Doc:
    "A page in parts, each of which can be wrong"
    def __init__(self, path, name, lang='en'):
        self.path, self.name, self.lang, self.status = path, name, lang, 200
        self.title, self.description, self.h1 = (f'{name} for patient people in workshops',
                                                 f'{name}: what it is good for, how it is chosen and cared for, and what to look for '
                                                 f'before it is bought.', name)
        self.headings, self.words, self.text = [(2, f'What {name} does'), (2, f'Care of {name}')], 150, None
        self.canonical, self.alternates, self.next, self.prev = path, [], None, None
        self.head, self.body, self.top, self.image, self.og, self.ld = '', '', '', True, True, True
        self.charset, self.viewport, self.css, self.js = True, 'width=device-width, initial-scale=1', '/style.css', '/app.js'
        self.nav, self.links, self.sitemap, self.raw, self.wait = True, [], 1, None, 0
        self.headers = {'Content-Type': 'text/html; charset=utf-8', 'ETag': '"1"', 'Cache-Control': 'max-age=60',
                        'X-Content-Type-Options': 'nosniff', 'Strict-Transport-Security': 'max-age=31536000',
                        'Content-Security-Policy': "default-src 'self'; frame-ancestors 'self'"}
    def drawn(self, shop, base):
        e, full = html.escape, lambda p: p if p.startswith('http') else base + p
        head = ['<meta charset=utf-8>' if self.charset else '', *([f'<title>{e(self.title)}</title>'] if self.title is not None else []),
                *([f'<meta name=description content="{e(self.description)}">'] if self.description is not None else []),
                f'<meta name=viewport content="{self.viewport}">' if self.viewport else '', *(f'<link rel=canonical href="{full(c)}">'
                    for c in ([self.canonical] if isinstance(self.canonical, str) else self.canonical or [])),
                *(f'<link rel=alternate hreflang="{l}" href="{full(p)}">' for l, p in self.alternates),
                f'<link rel=next href="{self.next}">' if self.next else '', f'<link rel=prev href="{self.prev}">' if self.prev else '',
                f'<meta property=og:title content="{e(self.name)}"><meta property=og:image content="{base}/img/saw.png">' if self.og
                else '', '<script type="application/ld+json">' + json.dumps({'@context': 'https://schema.org', '@type': 'Article',
                    'name': self.name}) + '</script>' if self.ld else '',
                f'<link rel=stylesheet href={self.css}>' if self.css else '', f'<script src={self.js}></script>' if self.js else '', self.head]
        nav = '<nav>' + ''.join(f'<a href="{p}"{more}>{e(n)}</a> ' for p, n, more in shop.nav) + '</nav>' if self.nav else ''
        parts = [f'<h1>{e(self.h1)}</h1>' if self.h1 is not None else '', f'<p>{self.text or text(self.path, self.words)}</p>',
                 *(f'<h{l}>{e(t)}</h{l}>' for l, t in self.headings),
                 '<img src=/img/saw.png alt="A saw on a bench" width=40 height=30>' if self.image else '',
                 '<ul>' + ''.join(f'<li><a href="{p}">{e(n)}</a>' for p, n in self.links) + '</ul>' if self.links else '', self.body]
        return f'<!doctype html><html{f" lang={self.lang}" if self.lang else ""}><head>{"".join(head)}</head><body>{self.top}{nav}<main>{"".join(parts)}</main></body></html>'
    def answer(self, shop, base):
        whole = (self.raw if self.raw is not None else self.drawn(shop, base)).replace('{base}', base).encode(getattr(self, 'encoding', 'utf-8'))
        if not self.wait: return self.status, self.headers, whole
        def late(path, n):
            time.sleep(self.wait)
            return self.status, self.headers, whole
        return late

class Shop:
    """The site: `docs` by path, `files` (path → answer as in link_site), `robots`, `sitemaps`,
    `asked` of the crawler, `limits` of the findings, `rows` [f(db, base)] after the crawl"""
    def __init__(self):
        self.tls = False
        # this machine may be busy
        self.docs, self.files, self.asked, self.limits, self.rows, self.extra = {}, {}, {}, {'slow_first': 60_000, 'slow_whole': 60_000}, [], []
        self.nav = [('/', 'Start', ''), ('/tools/', 'Tools', ''), ('/guides/', 'Guides', ''), ('/about/', 'About us', ''),
                    ('/contact/', 'Contact us', ''), ('/de/', 'Deutsch', '')]
        self.robots = (200, {'Content-Type': 'text/plain'}, b'User-agent: *\nDisallow: /private/\nSitemap: {base}/sitemap.xml\n')
        home = self.add('/', 'The whole workshop')
        for folder, title, names in (('/tools/', 'All tools', 'saw plane chisel hammer rasp clamp vice'.split()),
                                     ('/guides/', 'All guides', 'oil wax paint glue joints finish dust'.split())):
            top = self.add(folder, title)
            for i, n in enumerate(names):
                d = self.add(f'{folder}{n}/', f'The {n} and its uses')
                d.links = [(f'{folder}{names[(i+1) % len(names)]}/', f'On to the {names[(i+1) % len(names)]}')]
                top.links.append((d.path, f'All about the {n}')), home.links.append((d.path, f'See the {n}'))
        self.add('/about/', 'About this workshop'), self.add('/contact/', 'How to reach us'), self.add('/terms/', 'Terms of the workshop')
        home.links.append(('/terms/', 'Terms')), self.docs['/about/'].links.append(('/terms/', 'Our terms'))
        self.add('/de/', 'Die ganze Werkstatt', 'de')
        home.alternates = self.docs['/de/'].alternates = [('en', '/'), ('de', '/de/'), ('x-default', '/')]
        self.files['/style.css'] = 200, {'Content-Type': 'text/css'}, b'body{}'
        self.files['/app.js'] = 200, {'Content-Type': 'text/javascript'}, b'1'
        self.files['/img/saw.png'] = 200, {'Content-Type': 'image/png'}, b'\x89PNG'
    def add(self, path, name, lang='en', linked=False, sitemap=1):
        "A page more; `linked`: from two others"
        d = self.docs[path] = Doc(path, name, lang)
        d.sitemap = sitemap
        if linked: self.link(path, name)
        return d
    def link(self, path, name='something', fro=('/about/', '/contact/')):
        for f in fro: self.docs[f].links.append((path, f'More of {name}'))
    def moved(self, path, to, status=301, linked=True):
        self.files[path] = (status, {'Location': to, 'Content-Type': 'text/html; charset=utf-8'} if to
                            else {'Content-Type': 'text/html; charset=utf-8'}, b'')
        if linked: self.link(path)
    def pages(self, base):
        named = [(d.path, d.sitemap) for d in self.docs.values() if d.sitemap] + self.extra
        lines = ''.join(
            f'<url><loc>{html.escape(p if p.startswith("http") else base + p)}</loc><lastmod>{m if isinstance(m, str) else "2024-05-06"}</lastmod></url>' for p, m in named for _ in range(m if isinstance(m, int) else 1))
        out = {'/sitemap.xml': (200,
                                {'Content-Type': 'application/xml'},
                                f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{lines}</urlset>'.encode()), '/robots.txt': self.robots}
        out |= {p: d.answer(self, base) for p, d in self.docs.items()} | self.files
        fill = lambda a: a if callable(a) or a is None else (a[0], {k: v.replace('{base}', base) if v else v for k, v in a[1].items()},
            a[2].replace(b'{base}', base.encode()) if b'{base}' in a[2] else a[2])
        return {p: fill(a) for p, a in out.items() if a is not None}
    def served(self):
        "It on this machine: a link_site.Site"
        s = Site(tls='localhost' if self.tls else '')
        s.server.RequestHandlerClass.version_string = lambda self: 'web'
        s.pages = self.pages(s.url)
        return s

def findings_limit(name): return room('findings').limits()[name]
saw, oil = '/tools/saw/', '/guides/oil/'
def secure(shop):
    "As if it had been https://shop.example"
    shop.rows.append(lambda db, base: db.execute("update page set url='https://shop.example'||substr(url,?) where url like ?",
                                                 (len(base)+1, base + '/%')))
def sql(shop, text, *args): shop.rows.append(lambda db, base: db.execute(text.replace('{base}', base), args))
of = "(select id from page where url like '%{}')".format
html_ = {'Content-Type': 'text/html; charset=utf-8'}
def status(shop, path, code):
    shop.files[path] = code, html_, b'<title>Sorry</title>'
    shop.link(path)
    return path

# answers

@plant('not_found', 'dead_links')
def _(s): s.link('/none/'); return '/none/'
@plant('gone', 'dead_links')
def _(s): return status(s, '/none/', 410)
@plant('forbidden', 'dead_links')
def _(s): return status(s, '/none/', 403)
@plant('too_many_requests', 'dead_links')
def _(s): s.asked['tries'] = 1; return status(s, '/none/', 429)
@plant('client_error', 'dead_links')
def _(s): return status(s, '/none/', 418)
@plant('server_error', 'dead_links')
def _(s): return status(s, '/none/', 500)
@plant('no_answer', 'dead_links')
def _(s):
    s.files['/none/'] = lambda path, n: (None, {}, b'')
    s.link('/none/')
    s.asked['tries'] = 1
    return '/none/'
@plant('timeout', 'dead_links')
def _(s):
    def sleep(path, n):
        time.sleep(4)
        return 200, html_, b''
    s.files['/none/'] = sleep
    s.link('/none/')
    s.asked |= {'tries': 1, 'timeout': 3}
    return '/none/'
@plant('too_large', 'uncompressed text_ratio')
def _(s): s.docs[saw].body = '<!--' + 'x'*60000 + '-->'; s.asked['most_bytes'] = 40000; return saw
@plant('soft_404')
def _(s): s.docs[saw].title = 'Page not found at our workshop'; return saw
@plant('empty_page', 'h1_missing dead_end description_missing schema_missing og_missing lang_missing viewport_missing canonical_missing')
def _(s): s.docs[saw].raw = '<!doctype html><html><head><title>The saw and what it is for</title></head><body></body></html>'; return saw
@plant('type_missing')
def _(s): s.docs[saw].headers['Content-Type'] = None; return saw
@plant('type_mismatch')
def _(s): s.files['/style.css'] = 200, {'Content-Type': 'text/plain'}, b'body{}'; return '/style.css'

# dead links

@plant('dead_links', 'not_found')
def _(s): s.docs[saw].links += [('/none/', 'Nothing there')]; return saw
@plant('star_to_errors', 'not_found dead_links one_link')
def _(s): s.docs[saw].links += [(f'/none-{i}/', f'Nothing at {i}') for i in range(25)]; return saw
@plant('dead_folder', 'not_found dead_links')
def _(s):
    s.docs[saw].links += [(f'/matrix/{i}.html', f'Nothing at {i}') for i in range(12)]
    return ...
@plant('sitewide_dead', 'not_found dead_links')
def _(s): s.nav.append(('/none/', 'Nothing', '')); return '/none/'
@plant('sitewide_redirect', 'redirect_linked')
def _(s): s.moved('/old/', '/about/', linked=False); s.nav.append(('/old/', 'Old page', '')); return '/old/'
@plant('external_dead')
def _(s):
    s.docs[saw].links.append(('http://other.example/x', 'Another site'))
    sql(s, "update page set state='done', status=404 where url='http://other.example/x'")
    return saw
@plant('external_redirect')
def _(s):
    s.docs[saw].links.append(('http://other.example/x', 'Another site'))
    sql(s, "update page set state='done', status=301 where url='http://other.example/x'")
    return saw
@plant('broken_href')
def _(s): s.docs[saw].body = '<a href="http://[::1">Broken</a>'; return saw
@plant('local_link')
def _(s): s.docs[saw].links.append(('http://localhost:9/draft', 'The draft')); return saw
@plant('broken_image')
def _(s): s.docs[saw].body = '<img src=/img/none.png alt="A plane" width=1 height=1>'; return '/img/none.png'
@plant('broken_script')
def _(s): s.docs[saw].head = '<script src=/none.js></script>'; return '/none.js'
@plant('broken_style')
def _(s): s.docs[saw].head = '<link rel=stylesheet href=/none.css>'; return '/none.css'
@plant('broken_embed', 'not_found')
def _(s): s.docs[saw].body = '<video src=/none.mp4></video>'; return '/none.mp4'

# redirects

@plant('redirect_linked')
def _(s): s.moved('/old/', saw); return '/old/'
@plant('redirect_temporary', 'redirect_linked')
def _(s): s.moved('/old/', saw, 302); return '/old/'
@plant('redirect_chain', 'redirect_linked')
def _(s): s.moved('/old/', '/older/'); s.moved('/older/', saw, linked=False); return '/old/'
@plant('redirect_loop', 'redirect_linked')
def _(s): s.moved('/old/', '/older/'); s.moved('/older/', '/old/', linked=False); return {'/old/', '/older/'}
@plant('redirect_dead', 'redirect_linked not_found')
def _(s): s.moved('/old/', '/none/'); return '/old/'
@plant('redirect_hidden', 'redirect_linked noindex')
def _(s):
    s.moved('/old/', '/secret/')
    s.add('/secret/', 'A secret', sitemap=0).head = '<meta name=robots content=noindex>'
    return '/old/'
@plant('redirect_outside', 'redirect_linked')
def _(s): s.moved('/old/', 'http://other.example/'); return '/old/'
@plant('redirect_insecure', 'redirect_linked insecure_page')
def _(s):
    s.moved('/old/', saw)
    secure(s)
    sql(s, "update page set url='http://shop.example/tools/saw/' where url='https://shop.example/tools/saw/'")
    beside['redirect_insecure'] |= {'insecure_links', 'canonical_insecure'}
    return '/old/'
@plant('redirect_nowhere')
def _(s): s.moved('/old/', None); return '/old/'
@plant('redirect_to_start', 'redirect_linked')
def _(s):
    for i in range(6): s.moved(f'/old-{i}/', '/')
    return ...
@plant('meta_refresh', 'sitemap_redirect')
def _(s): s.docs[saw].head = '<meta http-equiv=refresh content="5; url=/about/">'; return saw

# canonical

@plant('canonical_missing')
def _(s): s.docs[saw].canonical = None; return saw
@plant('canonical_multiple')
def _(s): s.docs[saw].canonical = [saw, oil]; return saw
@plant('canonical_relative')
def _(s): s.docs[saw].canonical, s.docs[saw].head = None, f'<link rel=canonical href={saw}>'; return saw
@plant('canonical_fragment')
def _(s): s.docs[saw].canonical = saw + '#top'; return saw
def other(s, to, sitemap=0):
    s.docs[saw].canonical, s.docs[saw].sitemap = to, sitemap
    return saw
@plant('canonical_dead', 'not_found canonical_linked')
def _(s): return other(s, '/none/')
@plant('canonical_redirect', 'redirect_linked canonical_linked')
def _(s): s.moved('/old/', oil); return other(s, '/old/')
@plant('canonical_hidden', 'noindex canonical_linked')
def _(s): s.add('/secret/', 'A secret', linked=True, sitemap=0).head = '<meta name=robots content=noindex>'; return other(s, '/secret/')
@plant('canonical_chain', 'canonical_linked')
def _(s): s.docs[oil].canonical, s.docs[oil].sitemap = '/about/', 0; return other(s, oil)
@plant('canonical_mismatch')
def _(s): s.docs[saw].headers['Link'] = '<{base}/about/>; rel="canonical"'; return saw
beside['canonical_mismatch'] |= {'canonical_linked', 'sitemap_noncanonical'}
@plant('canonical_outside', 'canonical_linked')
def _(s): return other(s, 'http://other.example/saw')
@plant('canonical_unlinked', 'canonical_linked orphan')
def _(s): s.add('/saw-only/', 'The one true saw'); return other(s, '/saw-only/')
@plant('canonical_insecure', 'insecure_page insecure_links canonical_linked')
def _(s):
    other(s, oil)
    secure(s)
    sql(s, "update page set url='http://shop.example/guides/oil/' where url='https://shop.example/guides/oil/'")
    return saw
@plant('canonical_linked')
def _(s): return other(s, oil)

# indexing

@plant('noindex')
def _(s): s.docs[saw].head, s.docs[saw].sitemap = '<meta name=robots content=noindex>', 0; return saw
@plant('noindex_canonical', 'noindex canonical_linked')
def _(s): s.docs[saw].head = '<meta name=robots content=noindex>'; return other(s, oil)
@plant('nofollow_page', 'only_nofollow mixed_follow')
def _(s): s.docs[saw].head = '<meta name=robots content=nofollow>'; return saw
@plant('robots_conflict', 'noindex')
def _(s):
    d = s.docs[saw]
    d.head, d.headers['X-Robots-Tag'], d.sitemap = '<meta name=robots content="index, follow">', 'noindex', 0
    return saw
@plant('nosnippet')
def _(s): s.docs[saw].head = '<meta name=robots content=nosnippet>'; return saw
@plant('noimageindex')
def _(s): s.docs[saw].headers['X-Robots-Tag'] = 'noimageindex'; return saw
@plant('blocked')
def _(s): s.link('/private/x/'); return '/private/x/'
def robots(s, text, code=200): s.robots = code, {'Content-Type': 'text/plain'}, text.encode()
@plant('blocked_resource')
def _(s): robots(s, 'User-agent: *\nDisallow: /app.js\nSitemap: {base}/sitemap.xml\n'); return '/app.js'
@plant('blocked_all', 'sitemap_blocked')
def _(s): robots(s, 'User-agent: *\nDisallow: /\nSitemap: {base}/sitemap.xml\n'); return '/'
@plant('robots_missing')
def _(s): s.robots = None; return '/'
@plant('robots_error', 'blocked_all sitemap_blocked')
def _(s): robots(s, 'broken', 500); return '/'
@plant('robots_large')
def _(s): robots(s, 'User-agent: *\nDisallow: /private/\nSitemap: {base}/sitemap.xml\n' + '# '*300_000); return '/'
@plant('robots_no_sitemap')
def _(s): robots(s, 'User-agent: *\nDisallow: /private/\n'); return '/'
@plant('weight_lost', 'noindex')
def _(s): s.docs['/about/'].head, s.docs['/about/'].sitemap = '<meta name=robots content=noindex>', 0; return '/about/'

# sitemaps

def more_sitemap(s, body, code=200):
    robots(s, 'User-agent: *\nDisallow: /private/\nSitemap: {base}/sitemap.xml\nSitemap: {base}/more.xml\n')
    s.files['/more.xml'] = code, {'Content-Type': 'application/xml'}, body
    return '/'
@plant('sitemap_missing', 'robots_no_sitemap')
def _(s): robots(s, 'User-agent: *\nDisallow: /private/\n'); s.files['/sitemap.xml'] = 404, html_, b''; return '/'
@plant('sitemap_broken')
def _(s): return more_sitemap(s, b'', 404)
@plant('sitemap_empty')
def _(s): return more_sitemap(s, b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>')
@plant('sitemap_large')
def _(s): sql(s, 'update sitemap set urls=50000'); return '/'
@plant('sitemap_dead', 'not_found')
def _(s): s.extra.append(('/none/', 1)); return '/none/'
@plant('sitemap_redirect')
def _(s): s.moved('/old/', saw, linked=False); s.extra.append(('/old/', 1)); return '/old/'
@plant('sitemap_noindex', 'noindex')
def _(s): s.docs[saw].head = '<meta name=robots content=noindex>'; return saw
@plant('sitemap_noncanonical', 'canonical_linked')
def _(s): return other(s, oil, sitemap=1)
@plant('sitemap_blocked')
def _(s): s.extra.append(('/private/x/', 1)); return '/private/x/'
@plant('sitemap_left_out')
def _(s): s.docs[saw].sitemap = 0; return saw
@plant('sitemap_twice')
def _(s): s.docs[saw].sitemap = 2; return saw
@plant('sitemap_outside')
def _(s): s.extra.append(('http://other.example/x', 1)); return 'http://other.example/x'
@plant('sitemap_date')
def _(s): s.docs[saw].sitemap = 'yesterday'; return saw

# titles, descriptions, headings

def put(kind, also='', **parts):
    "A defect that is one part of one page"
    @plant(kind, also)
    def _(s):
        for k, v in parts.items(): setattr(s.docs[saw], k, v)
        return saw
put('title_missing', title=None)
put('title_short', title='Saws')
put('title_long', title='The saw and everything that anybody has ever wanted to know about it')
put('title_multiple', head='<title>Another title of the page</title>')
@plant('title_duplicate')
def _(s): s.docs[saw].title = s.docs[oil].title = 'The same title on both'; return {saw, oil}
put('title_generic', 'title_short', title='Untitled document')
put('title_is_h1', title='The saw and its many uses', h1='The saw and its many uses')
put('description_missing', description=None)
put('description_short', description='A saw.')
put('description_long', description='Of the saw, at length. '*9)
put('description_multiple',
    head='<meta name=description content="One description more, which says the same as the first in other words, and that is one too many.">')
@plant('description_duplicate')
def _(s):
    s.docs[saw].description = s.docs[
        oil].description = 'The same description on both pages, which is neither right for the one nor for the other of them.'
    return {saw, oil}
put('description_is_title', 'title_long', title='The saw: what it is good for, how it is chosen, and how it is kept sharp',
    description='The saw: what it is good for, how it is chosen, and how it is kept sharp')
put('h1_missing', h1=None)
put('h1_empty', h1='')
put('h1_multiple', body='<h1>Another heading</h1>')
put('h1_long', h1='Of the saw and of all that can be done with it by those who have learned to use it')
@plant('h1_duplicate')
def _(s): s.docs[saw].h1 = s.docs[oil].h1 = 'The same heading'; return {saw, oil}
put('h2_missing', words=500, headings=[])
put('heading_skip', headings=[(2, 'Large'), (4, 'Small')])
put('heading_empty', headings=[(2, 'Large'), (2, '')])
put('h1_not_first', top='<h2>Before it all</h2>')

# text

put('thin', words=40, headings=[])
@plant('duplicate_text')
def _(s):
    for p in (saw, oil): d = s.docs[p]; d.text, d.h1, d.headings, d.links = text('same', 200), 'One heading', [(2, 'Under it')], []
    return {saw, oil}
beside['duplicate_text'] |= {'h1_duplicate', 'one_link'}
@plant('near_duplicate', 'h1_duplicate one_link')
def _(s):
    for p in (saw, oil):
        d = s.docs[p]
        d.text, d.h1, d.headings, d.links = text('same', 900) + (' Really.' if p == oil else ''), 'One heading', [(2, 'Under it')], []
    return {saw, oil}
put('text_ratio', 'uncompressed', body='<!--' + 'x'*100_000 + '-->')
put('lorem_ipsum', text='Lorem ipsum dolor sit amet. ' + text('lorem'))
put('lang_missing', lang='')
put('lang_invalid', lang='english')
@plant('charset_missing')
def _(s): s.docs[saw].charset, s.docs[saw].headers['Content-Type'] = False, 'text/html'; return saw
@plant('charset_old')
def _(s):
    d = s.docs[saw]
    d.charset, d.headers['Content-Type'], d.encoding, d.name = False, 'text/html; charset=iso-8859-1', 'latin-1', 'Säge'
    return saw
put('viewport_missing', viewport='')
put('viewport_fixed', viewport='width=device-width, user-scalable=no')
put('head_broken', canonical=None, body='<link rel=canonical href="{base}/tools/saw/">')
put('dom_large', 'uncompressed', body='<b></b>'*1600)
put('dom_deep', body='<div>'*40 + '</div>'*40)

# images

put('images_no_alt', body='<img src=/img/saw.png width=1 height=1>')
put('images_no_size', body='<img src=/img/saw.png alt="A saw in a vice">')
put('alt_long', body='<img src=/img/saw.png width=1 height=1 alt="' + 'A saw in a vice, '*9 + '">')
put('alt_filename', body='<img src=/img/saw.png width=1 height=1 alt="IMG_0042.jpg">')
@plant('image_large')
def _(s):
    s.files['/img/huge.png'] = 200, {'Content-Type': 'image/png'}, b'\x89PNG' + b'x'*400_000
    s.docs[saw].body = '<img src=/img/huge.png alt="A saw, very large" width=1 height=1>'
    return '/img/huge.png'

# languages

@plant('hreflang_invalid')
def _(s): s.docs['/'].alternates = [*s.docs['/'].alternates, ('de-XY', '/de/')]; return '/'
def third(s, **parts):
    "A third version, French, that all three name"
    d = s.add('/fr/', 'Tout l’atelier', 'fr', linked=True)
    s.docs['/'].alternates = s.docs['/de/'].alternates = d.alternates = [*s.docs['/'].alternates, ('fr', '/fr/')]
    for k, v in parts.items(): setattr(d, k, v)
    return d
@plant('hreflang_no_return')
def _(s): third(s, alternates=[]); return {'/', '/de/'}
@plant('hreflang_no_self')
def _(s): s.docs['/de/'].alternates = [('en', '/'), ('x-default', '/')]; return '/de/'
beside['hreflang_no_self'] |= set()
@plant('hreflang_no_default')
def _(s): s.docs['/de/'].alternates = [('en', '/'), ('de', '/de/')]; return '/de/'
@plant('hreflang_dead', 'not_found')
def _(s): s.docs['/'].alternates = s.docs['/de/'].alternates = [*s.docs['/'].alternates, ('fr', '/fr/')]; return {'/', '/de/'}
@plant('hreflang_redirect')
def _(s):
    s.docs['/'].alternates = s.docs['/de/'].alternates = [*s.docs['/'].alternates, ('fr', '/fr/')]
    s.moved('/fr/', '/about/', linked=False)
    return {'/', '/de/'}
@plant('hreflang_hidden', 'noindex')
def _(s): third(s, head='<meta name=robots content=noindex>', sitemap=0); return {'/', '/de/'}
@plant('hreflang_noncanonical', 'canonical_linked')
def _(s): third(s, canonical='/about/', sitemap=0); return {'/', '/de/'}
@plant('hreflang_conflict')
def _(s):
    d = s.add('/at/', 'Die ganze Werkstatt in Wien', 'de', linked=True)
    d.alternates = [('en', '/'), ('de-AT', '/at/'), ('x-default', '/')]
    s.docs['/'].alternates = [*s.docs['/'].alternates, ('de', '/at/')]
    return '/'
@plant('hreflang_many')
def _(s): s.docs['/'].alternates = [*s.docs['/'].alternates, ('fr', '/de/')]; return '/'
@plant('hreflang_relative')
def _(s):
    d = s.docs['/de/']
    d.alternates, d.head = d.alternates[1:], '<link rel=alternate hreflang=en href="/">'
    return '/de/'
@plant('hreflang_lang')
def _(s): s.docs['/de/'].lang = 'en'; return '/de/'

# structure

@plant('orphan')
def _(s): s.add('/lost/', 'A lost thing'); return '/lost/'
@plant('island', 'orphan')
def _(s):
    for a, b in (('/isle-a/', '/isle-b/'), ('/isle-b/', '/isle-a/')):
        d = s.add(a, f'An isle called {a[6]}')
        d.nav, d.links = False, [(b, 'The other isle')]
    return ...
put('dead_end', 'one_link', nav=False, links=[])
@plant('deep', 'one_link')
def _(s):
    before = saw
    for i in range(6):
        s.add(f'/step-{i}/', f'Step number {i}')
        s.link(f'/step-{i}/', f'step {i}', [before])
        before = f'/step-{i}/'
    return {'/step-4/', '/step-5/'}
@plant('one_link')
def _(s): s.add('/single/', 'A single thing'); s.link('/single/', fro=[saw]); return '/single/'
@plant('bottleneck', 'one_link')
def _(s):
    for i in range(12): s.add(f'/behind-{i}/', f'What is behind, {i}'); s.link(f'/behind-{i}/', f'number {i}', [saw])
    return saw
put('many_links', 'uncompressed', body=''.join(f'<a href={oil}>Oil no. {i}</a> ' for i in range(301)))
@plant('nofollow_links', 'mixed_follow')
def _(s): s.docs[saw].body = f'<a rel=nofollow href={oil}>The oil</a>'; return saw
@plant('only_nofollow', 'nofollow_links')
def _(s):
    s.add('/shy/', 'A shy page')
    for p in (saw, oil): s.docs[p].body = '<a rel=nofollow href=/shy/>The shy page</a>'
    return '/shy/'
@plant('mixed_follow', 'nofollow_links')
def _(s): s.docs[saw].body = f'<a rel=nofollow href={oil}>The oil</a>'; return oil
put('anchor_empty', body=f'<a href={oil}></a>')
put('anchor_generic', body=f'<a href={oil}>Read more…</a>')
put('anchor_url', body=f'<a href={oil}>https://shop.example/guides/oil/</a>')
put('anchor_long', body=f'<a href={oil}>{text("anchor", 30)}</a>')
@plant('insecure_links', 'insecure_page scheme_duplicates')
def _(s):
    secure(s)
    sql(s, "insert into page(url,internal,state,status,type,indexable) values ('http://shop.example/x',1,'done',301,'text/html',0)")
    sql(s, f"insert into link(source,target,kind,anchor,position) select {of(saw)}, (select id from page where "
        f"url='http://shop.example/x'), 'a', 'Insecure', 'main'")
    beside['insecure_links'] |= {'redirect_nowhere'}
    return saw
@plant('links_by_script')
def _(s): sql(s, f"update link set rendered=1 where kind='a' and position='main' and source={of(saw)}"); return saw
@plant('next_dead', 'not_found next_unlinked')
def _(s): s.docs[saw].next = '/none/'; return saw
@plant('next_unlinked')
def _(s): s.docs[saw].next, s.docs[oil].prev = oil, saw; return saw
@plant('next_one_way')
def _(s): s.docs[saw].next = '/tools/plane/'; return saw
@plant('amp_dead', 'not_found')
def _(s): s.docs[saw].head = '<link rel=amphtml href=/amp/saw/>'; return saw
@plant('amp_no_canonical', 'orphan')
def _(s): s.docs[saw].head = '<link rel=amphtml href=/amp/saw/>'; s.add('/amp/saw/', 'The quick saw'); return '/amp/saw/'
@plant('trap')
def _(s): s.link('/calendar/?date=2090-01-01', 'the calendar'); return '/calendar/?date=2090-01-01'
@plant('variants', 'canonical_linked one_link')
def _(s):
    for i in range(20):
        s.add(f'/tools/?sort={i}', f'Tools sorted by {i}', linked=True, sitemap=0).canonical = '/tools/'
    return ...
@plant('cut_short')
def _(s): s.asked['pages'] = 5; return ...

# addresses

def address(kind, path, also=''):
    @plant(kind, also)
    def _(s): s.add(path, 'A further thing', linked=True); return path
address('url_long', '/' + 'long-'*45 + '/')
address('url_uppercase', '/About-Us/')
address('url_underscore', '/about_us/')
address('url_space', '/about%20us/')
address('url_slashes', '/tools//more/')
address('url_non_ascii', '/caf%C3%A9/')
address('url_params', '/list?a=1&b=2&c=3&d=4')
address('url_repeats', '/guides/guides/')
@plant('url_session', 'trap canonical_linked')
def _(s): s.link(saw + '?sid=4711'); return saw + '?sid=4711'
@plant('url_tracking', 'canonical_linked')
def _(s): s.add(saw + '?utm_source=menu', 'The tracked saw', linked=True, sitemap=0).canonical = saw; return saw + '?utm_source=menu'
address('slash_duplicates', '/about')
@plant('case_duplicates', 'url_uppercase')
def _(s): s.add('/Contact/', 'Contact, in capitals', linked=True); return ...
address('index_duplicates', '/index.html')
@plant('www_duplicates')
def _(s):
    secure(s)
    s.add('/copy/', 'A copy of the saw', linked=True)
    sql(s, "update page set url='https://www.shop.example/tools/saw/' where url='https://shop.example/copy/'")
    return 'https://www.shop.example/tools/saw/'
@plant('scheme_duplicates', 'insecure_page insecure_links canonical_insecure')
def _(s):
    secure(s)
    s.add('/copy/', 'A copy of the saw', linked=True)
    sql(s, "update page set url='http://shop.example/tools/saw/' where url='https://shop.example/copy/'")
    return 'http://shop.example/tools/saw/'

# safety, speed

@plant('certificate')
def _(s): s.tls, s.asked['unverified'] = True, True; return '/'
@plant('insecure_page', 'insecure_links')
def _(s):
    secure(s)
    sql(s, "update page set url='http://shop.example/terms/' where url='https://shop.example/terms/'")
    return 'http://shop.example/terms/'
@plant('mixed_content')
def _(s): secure(s); sql(s, f'update page set mixed=2 where id={of(saw)}'); return saw
put('insecure_form', body='<form action="{base}/contact/"><input type=password name=p></form>')
@plant('hsts_missing')
def _(s): s.docs[saw].headers.pop('Strict-Transport-Security'); secure(s); return saw
def without(kind, *names):
    @plant(kind)
    def _(s):
        for n in names: s.docs[saw].headers.pop(n)
        return saw
@plant('csp_missing')
def _(s): s.docs[saw].headers['X-Frame-Options'] = 'DENY'; s.docs[saw].headers.pop('Content-Security-Policy'); return saw
without('nosniff_missing', 'X-Content-Type-Options')
@plant('framing')
def _(s): s.docs[saw].headers['Content-Security-Policy'] = "default-src 'self'"; return saw
@plant('version_told')
def _(s): s.docs[saw].headers['X-Powered-By'] = 'PHP/7.4.3'; return saw
@plant('slow_first')
def _(s): s.docs[saw].wait, s.limits['slow_first'] = 1.0, findings_limit('slow_first'); return saw
@plant('slow_whole')
def _(s): s.docs[saw].wait, s.limits['slow_whole'] = .6, 550; return saw
put('big_page', 'uncompressed text_ratio', body='<!--' + 'x'*2_100_000 + '-->')
put('uncompressed', body='<!--' + 'x'*16_000 + '-->')
without('uncached', 'ETag', 'Cache-Control')
put('many_scripts', body='<script src=/app.js></script>'*26)
put('many_inline', body='<script>1</script>'*26)
put('many_styles', head='<link rel=stylesheet href=/style.css>'*11)

# structured data, scripts, search

put('schema_error', head='<script type="application/ld+json">{"@type": </script>')
put('schema_missing', ld=False)
put('og_missing', og=False)
def rendered(kind, sets):
    @plant(kind)
    def _(s):
        sql(s, f"insert into rendered(page,title,robots,words,console) select id, title, robots, words, '[]' from page where id={of(saw)}")
        sql(s, f'update rendered set {sets}')
        return saw
rendered('js_text', 'words=words*3')
rendered('js_title', "title='Something else'")
rendered('js_canonical', "canonical='{base}/elsewhere/'")
rendered('js_robots', "robots='noindex'")
rendered('js_error', "console='[\"TypeError: x is null\"]'")
def searched(s, path, clicks, shown, position=5.0):
    sql(s, "insert into search(page,source,clicks,impressions,ctr,position) select id, 'Search Console', ?, ?, ?, ? from page where "
        "internal and state='done' and source<>'resource' and status<400 and url not like ?", 5, 50, .1, 3.0, '%' + path)
    sql(s, f"insert into search(page,source,clicks,impressions,ctr,position) select {of(path)}, 'Search Console', ?, ?, ?, ?", clicks,
        shown, clicks/max(1, shown), position)
    return path
@plant('search_dead', 'not_found dead_links')
def _(s): s.link('/none/'); return searched(s, '/none/', 7, 100)
@plant('search_hidden', 'noindex')
def _(s): s.docs[saw].head, s.docs[saw].sitemap = '<meta name=robots content=noindex>', 0; return searched(s, saw, 7, 90)
@plant('search_orphan', 'orphan')
def _(s): s.add('/lost/', 'A lost thing'); return searched(s, '/lost/', 7, 90)
@plant('search_ctr')
def _(s): return searched(s, saw, 1, 1000)
@plant('search_none')
def _(s): return searched(s, saw, 0, 0)
