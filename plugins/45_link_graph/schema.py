"""One crawl, one SQLite file that datasette, duckdb or a spreadsheet opens. The
crawler writes it, everything else reads it; nothing of a crawl is kept anywhere else.

Times are Unix seconds, sizes bytes, flags 0 or 1, `…_ms` milliseconds, lists and objects JSON. A
page is any address that was met, inside the site or not; only internal ones are fetched whole."""
import sqlite3

version = 1

tables = '''
create table if not exists crawl(            -- one row for each thing there is to know of the crawl itself
  key text primary key,                      -- asked (what the user chose, as an object), state (new running paused stopped done), began, ended, start (ids), agent, version, note
  value text) without rowid;

create table if not exists page(
  id integer primary key,
  url text not null unique,                  -- as it is asked for: absolute, without fragment, host in lower case, root slash; the query's order is kept
  internal int not null default 0,           -- inside the site as it was asked
  state text not null default 'new',         -- new, busy (a crawler has it), done, skipped (see `error`: limit, depth, excluded, external, trap, resource, list), blocked (robots.txt)
  source text not null default 'link',       -- how it was first met: start, link, redirect, canonical, hreflang, sitemap, list, resource (an image, script, style or media: asked for, not read)
  first_from int references page,            -- on which page
  depth int,                                 -- fewest clicks from a start; null: no way by links
  at real, tries int not null default 0,     -- fetched when, how often
  status int,                                -- of HTTP; 0: no answer; null: not asked
  error text,                                -- in one word: dns, refused, timeout, tls, proxy, too_large, broken, limit, depth, excluded, trap …; the sentence is in `event`
  type text, charset text, charset_from text,-- media type without parameters; header, bom, meta, guess
  bytes int, ttfb_ms real, ms real,
  headers text,                              -- object: those that matter (cache-control, content-encoding, content-language, etag, last-modified, link, location, server, strict-transport-security, vary, x-robots-tag …)
  redirect int references page, redirect_kind text,   -- where it leads at once: 301 302 303 307 308 meta refresh
  refresh_s real,                            -- seconds of a meta refresh
  canonical int references page, canonicals int, canonical_raw text, canonical_header int references page,
  robots text, x_robots text,                -- meta robots and X-Robots-Tag, lower case
  allowed int, rule text,                    -- by robots.txt, and by which line
  indexable int, why text,                   -- why not: noindex, canonical, redirect, 4xx, 5xx, no answer, blocked, type
  title text, titles int, description text, descriptions int, h1 text, h1s int, h2 text, h2s int,
  outline text,                              -- list of [level, text] of all headings
  lang text, viewport text, base text, rel_next text, rel_prev text, amp text,
  og text,                                   -- object: og:* and twitter:*
  schemas text, schema_errors text,          -- lists: kinds of structured data (JSON-LD, microdata, RDFa), what could not be read
  words int, text_ratio real, text_hash text, simhash int,     -- of the visible text outside of nav and footer; simhash is 64 bit, signed
  near int,                                  -- group of near-duplicates (the smallest page id in it); null: alone
  images int, images_no_alt int, images_no_size int, scripts int, styles int, inline_js int, iframes int, forms int, forms_insecure int, mixed int,   -- counts; mixed: http: resources on an https: page
  dom int, dom_depth int, head_broken int,   -- nodes, deepest nesting, 1: something that belongs in the head stands in the body
  text_start text,                           -- the first 500 characters of the visible text
  sitemap int not null default 0,            -- how many sitemaps name it
  lastmod text,                              -- as a sitemap says
  -- computed when the crawl is over
  inlinks int, unique_inlinks int, follow_inlinks int, outlinks int, unique_outlinks int, external_outlinks int,
  pagerank real, score real,                 -- of internal follow links; score is 0 to 100, logarithmic
  component int, orphan int, bottleneck real, section text,
  -- the crawler's own: its place in the queue (null: not in it), and how many pages of the same shape led to it one by one
  queue int, chain int not null default 0);
create index if not exists page_state on page(state, depth, id);
create index if not exists page_text on page(text_hash);
create index if not exists page_queue on page(queue) where queue is not null;

create table if not exists link(             -- one row for each link as it stands in a page
  id integer primary key,
  source int not null references page, target int not null references page,
  kind text not null,                        -- a, area, redirect, canonical, hreflang, image, script, style, media, iframe, form, next, prev, amp
  anchor text, alt text,                     -- visible words, at most 300 characters; the alt text of an image inside
  rel text, follow int not null default 1,
  position text,                             -- nav, header, main, aside, footer, head
  at int,                                    -- which one of the page, from 0
  raw text,                                  -- the href as written, where that differs from the target's url
  rendered int not null default 0);          -- 1: only there after JavaScript
create index if not exists link_source on link(source);
create index if not exists link_target on link(target);

create table if not exists broken(           -- hrefs that are no address: one row, and the crawl goes on
  page int not null references page, raw text, why text, position text, anchor text);

create table if not exists hreflang(page int not null references page, lang text, target int references page, place text);      -- place: html, header, sitemap
create index if not exists hreflang_page on hreflang(page);
create table if not exists image(page int not null references page, target int references page, alt text, width text, height text, lazy int);
create index if not exists image_page on image(page);
create table if not exists sitemap(id integer primary key, url text not null unique, kind text, status int, urls int, bytes int, error text, parent int);      -- kind: index, urls, text
create table if not exists sitemap_page(sitemap int not null references sitemap, page int not null references page, lastmod text);
create table if not exists robots(host text primary key, url text, status int, bytes int, text text, delay real, error text, at real);
create table if not exists certificate(origin text primary key, error text, at real);      -- hosts whose certificate could not be verified, and why; there only when the user let them be crawled all the same
create table if not exists rendered(         -- what JavaScript made of a page, when that was asked for
  page int primary key references page, ms real, error text, title text, description text, h1 text, canonical text, robots text, words int, links int, text_hash text, console text);
create table if not exists search(           -- joined from Search Console or analytics, by url
  page int not null references page, source text, clicks real, impressions real, ctr real, position real, sessions real, more text);
create table if not exists finding(          -- what is wrong: computed by code, never by a model
  id integer primary key, kind text not null, page int references page, other int references page, severity text not null,     -- severity: error, warning, notice
  detail text);                              -- object: the numbers and texts the sentence needs
create index if not exists finding_kind on finding(kind, page);
create table if not exists sitewide(page int primary key references page, pages int, share real);      -- targets that more than 5 % of the pages link to: from how many, from which part
create table if not exists place(page int primary key references page, x real, y real);      -- where the picture draws it
create table if not exists session(key text primary key, page int) without rowid;      -- addresses without their session id: each is asked for once
create table if not exists event(id integer primary key, at real not null, kind text not null, text text, data text);      -- what the crawler says: progress, first 404s, warnings, done
create table if not exists drawing(key text primary key, stamp text, value blob);      -- the laid-out graph as the viewer reads it (view.packed), and of which state of the crawl
'''

def open(path, fresh=False):
    """The file of a crawl as a sqlite3 connection in WAL mode, rows by name; made if it is not
    there and `fresh`. Raises FileNotFoundError or ValueError (not a crawl of this version)."""
    import pathlib
    path = pathlib.Path(path)
    if not fresh and not path.exists(): raise FileNotFoundError(f'there is no crawl in {path}')
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute('pragma journal_mode=wal')
    db.execute('pragma synchronous=normal')
    db.executescript(tables)
    there = db.execute("select value from crawl where key='version'").fetchone()
    if there and there[0] != str(version): raise ValueError(f'this crawl was made by version {there[0]} of the link graph; this is {version}')
    # who only looks must not wait for a crawler to let go
    if not there: db.execute("insert or ignore into crawl values ('version', ?)", (str(version),))
    return db

def control(path, *say):
    """What the user wants of the crawl in a file: pause, stop or None; said with a second argument.
    In a small file of its own beside it, as a crawler at work leaves others no moment to write in."""
    import pathlib
    at = pathlib.Path(path).with_suffix('.control')
    if not say and not at.exists(): return None
    db = sqlite3.connect(at, timeout=30, isolation_level=None)
    try:
        db.execute('create table if not exists control(id integer primary key check(id=1), say text)')
        if say: db.execute('insert into control values (1,?) on conflict(id) do update set say=excluded.say', say)
        row = db.execute('select say from control').fetchone()
        return row and row[0]
    finally: db.close()

def lock(path):
    "What only one crawler of a file can hold, and no dead one: for `locked`; closing it lets go"
    import pathlib
    return sqlite3.connect(pathlib.Path(path).with_suffix('.lock'), timeout=0, isolation_level=None)
def locked(db):
    "Take a lock; False while somebody else has it"
    try: db.execute('begin exclusive')
    except sqlite3.OperationalError as e:
        if 'locked' not in str(e): raise
        return False
    return True
