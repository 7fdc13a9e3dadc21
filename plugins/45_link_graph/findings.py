"""What is wrong with a site: every kind of finding is an entry of findings.toml, asked of the crawl's
file as it stands there. Code finds, code counts, code writes the sentence; no model has a part in it.

    find(db)                  after graph.finish(db): fills `finding`
    summary(db)               the kinds that were found, the worst first
    rows(db, kind)            the pages of one kind, each with its sentence"""
import datetime, ipaddress, json, re, sqlite3, time, tomllib
from functools import cache, lru_cache
from pathlib import Path

grave = {'error': 0, 'warning': 1, 'notice': 2}

@cache
def catalogue():
    "{name: dict(name, group, severity, says, why, fix, sql)} in the order of the file"
    return {k: v for k, v in _file().items() if k not in ('limits', 'words')}
def limits():
    "The numbers that the questions go by, as findings.toml has them"
    return dict(_file()['limits'])
@cache
def _file(): return tomllib.loads((Path(__file__).parent/'findings.toml').read_text('utf-8'))

def find(db, own=None, tell=None):
    """Fills `finding` anew and returns {kind: how many}. `own` are limits of one's own, by name (ValueError for one that
    there is not); `tell(done, total, text)` hears how far it is. A question that fails costs its kind and is told in `event`."""
    if unknown := set(own or {}) - set(limits()): raise ValueError(f"there is no limit {', '.join(sorted(unknown))}; there are {', '.join(limits())}")
    numbers, found, kinds = {**limits(), **(own or {})}, {}, catalogue()
    words(db)
    begun = not db.in_transaction
    if begun: db.execute('begin immediate')
    try:
        db.execute('delete from finding')
        for n, (kind, entry) in enumerate(kinds.items()):
            if tell: tell(n, len(kinds), entry['name'])
            try: got = db.execute(entry['sql'], numbers)
            except sqlite3.Error as e:
                db.execute("insert into event(at,kind,text) values (?,'warning',?)",
                           (time.time(), f'“{entry["name"]}” could not be looked for: {e}',))
                continue
            names = [c[0] for c in got.description]
            page, other = names.index('page'), names.index('other') if 'other' in names else None
            rest = [(i, c) for i, c in enumerate(names) if c not in ('page', 'other')]
            try:
                rows = ((kind, r[page], r[other] if other is not None else None, entry['severity'],
                         json.dumps({c: r[i] for i, c in rest}, ensure_ascii=False) if rest else None) for r in got)
                many = db.executemany('insert into finding(kind,page,other,severity,detail) values (?,?,?,?,?)', rows).rowcount
            except sqlite3.Error as e:
                db.execute('delete from finding where kind=?', (kind,))
                db.execute("insert into event(at,kind,text) values (?,'warning',?)",
                           (time.time(), f'“{entry["name"]}” could not be looked for: {e}',))
                continue
            if many > 0: found[kind] = many
        if begun: db.execute('commit')
    except BaseException:
        if begun: db.execute('rollback')
        raise
    return found

def words(db):
    "Gives a connection the names and functions that the questions are asked with"
    for name, many, f in (('host', 1, host), ('origin', 1, origin), ('path', 1, path), ('query', 1, query),
                          ('folder', 1, folder), ('local', 1, local), ('valid_lang', 1, valid_lang), ('skips', 1, skips),
                          ('misnamed', 2, misnamed), ('is_date', 1, is_date)):
        db.create_function(name, many, f, deterministic=True)
    db.create_function('regexp', 2, lambda pattern, text: text is not None and bool(_pattern(pattern).search(str(text))), deterministic=True)
    db.executescript('create temp table if not exists plain(word text primary key)')
    db.executemany('insert or ignore into plain values (?)', [(w,) for w in _file()['words']['say_nothing']])
    db.executescript('''
        drop view if exists temp.html; drop view if exists temp.indexed; drop view if exists temp.click;
        drop table if exists temp.dead; drop table if exists temp.start; drop table if exists temp.odd; drop table if exists temp.hint;
        create temp view html as select * from main.page where internal and state='done' and source<>'resource'
            and status between 200 and 299 and type in ('text/html','application/xhtml+xml');
        create temp view indexed as select * from html where indexable=1;
        create temp view click as select * from main.link where kind in ('a','area');
        create temp table dead as select id from main.page where state='done' and (status>=400 or status=0 and coalesce(error,'')<>'private');
        create unique index temp.dead_id on dead(id);
        create temp table odd as select * from main.link where kind in ('a','area') and (
            length(anchor)<20 and (trim(anchor)='' or lower(trim(anchor, ' .»›>…')) in (select word from plain))
            or anchor is null or length(anchor)>100 or rendered=1 or rel like '%nofollow%' or anchor like 'http%' or anchor like 'www.%');
        create index temp.odd_target on odd(target);
        create temp table hint as select * from main.link where kind in ('next','prev','amp','hreflang');
        create index temp.hint_source on hint(source);
        create temp table start as select id, url from main.page where internal order by source='start' desc, depth is null, depth, id limit 1;''')

# functions of the questions

_pattern = cache(re.compile)
def origin(url): return url[:end] if (end := url.find('/', 8)) >= 0 else url
def host(url): return origin(url).rpartition('//')[2]
def path(url): return (url[len(origin(url)):].partition('?')[0].partition('#')[0]) or '/'
def query(url): return url.partition('#')[0].partition('?')[2]
def folder(url): return origin(url) + path(url).rpartition('/')[0] + '/'

@lru_cache(10_000)
def _near(name):
    name = name.rpartition(':')[0].strip('[]') if re.search(r':\d+$', name) else name.strip('[]')
    if name == 'localhost' or name.endswith(('.localhost', '.local', '.internal', '.lan')): return 1
    try: return int(not ipaddress.ip_address(name).is_global)
    except ValueError: return 0
def local(url):
    "1 when the host is a machine or network of somebody's own"
    return _near(host(url))

languages = set(
    'aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff '
    'fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku '
    'kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu '
    'rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo '
    'wa wo xh yi yo za zh zu'.split())
regions = set(
    'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI '
    'CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ '
    'GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS '
    'LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG '
    'PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK '
    'TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW'.split())
@lru_cache(10_000)
def valid_lang(code):
    "1 for a language, perhaps with script, country and variants, that exists: en, de-AT, zh-Hant-TW; 0 for en-UK, en_GB, english"
    first, *more = str(code or '').strip().split('-')
    if not (first.lower() in languages if len(first) == 2 else re.fullmatch('[A-Za-z]{3}', first)): return 0
    return int(all(p.upper() in regions if re.fullmatch('[A-Za-z]{2}', p) and i == (len(more[0]) == 4)
                   else re.fullmatch('[A-Za-z0-9]{1,8}', p) for i, p in enumerate(more)))

def skips(outline):
    "“h2 to h4” for the first place where an outline (JSON) leaves out a level on the way down, else None"
    try: levels = [level for level, _ in json.loads(outline or '[]')]
    except (ValueError, TypeError): return None
    return next((f'h{a} to h{b}' for a, b in zip(levels, levels[1:]) if b > a+1), None)

_endings = {'html': 'text/html application/xhtml+xml', 'htm': 'text/html application/xhtml+xml', 'xhtml': 'text/html application/xhtml+xml',
            'css': 'text/css', 'js': 'text/javascript application/javascript application/x-javascript application/ecmascript',
            'mjs': 'text/javascript application/javascript', 'json': 'application/json application/ld+json text/json',
            'png': 'image/png', 'jpg': 'image/jpeg image/pjpeg', 'jpeg': 'image/jpeg image/pjpeg', 'gif': 'image/gif', 'webp': 'image/webp',
            'avif': 'image/avif', 'svg': 'image/svg+xml', 'ico': 'image/x-icon image/vnd.microsoft.icon',
            'pdf': 'application/pdf application/x-pdf', 'woff2': 'font/woff2 application/font-woff2 application/octet-stream',
            'xml': 'application/xml text/xml application/rss+xml application/atom+xml'}
def misnamed(url, type):
    "1 when the ending of an address says another media type than the one that was sent (images that a server turns into a better format are none)"
    kinds = _endings.get(path(url).rpartition('/')[2].rpartition('.')[2].lower(), '').split() if '.' in path(url).rpartition('/')[2] else []
    return int(bool(kinds) and type not in kinds and not (kinds[0].startswith('image/') and type.startswith('image/')))

def is_date(text):
    "1 for a day (or month, or moment) as W3C writes it that is not in the future"
    t = str(text).strip()
    if re.fullmatch(r'\d{4}', t): t += '-01-01'
    elif re.fullmatch(r'\d{4}-\d\d', t): t += '-01'
    try: d = datetime.datetime.fromisoformat(t)
    except ValueError: return 0
    now = datetime.datetime.now(datetime.UTC)
    return int((d if d.tzinfo else d.replace(tzinfo=datetime.UTC)) <= now + datetime.timedelta(days=1))

# a kind, in words

_same = {'broken': 'dead', 'missing': 'no', 'without': 'no', 'lack': 'no', 'lacks': 'no', 'lacking': 'no', 'duplicate': 'same',
         'duplicated': 'same', 'duplicates': 'same', 'alt': 'alternative', 'image': 'images', 'link': 'links', 'redirect': 'redirects',
         'titles': 'title', 'descriptions': 'description', 'headings': 'heading', '404': 'missing404', '404s': 'missing404',
         'exist': 'missing404', 'orphan': 'orphans', 'slowly': 'slow', 'ohne': 'no', 'kein': 'no', 'keine': 'no', 'keinen': 'no',
         'titel': 'title', 'tote': 'dead', 'bilder': 'images', 'doppelt': 'same', 'langsam': 'slow', 'chains': 'chain', 'loops': 'circle',
         'loop': 'circle', 'lang': 'long'}
_mute = set('page pages the a an of that which are is have has with do does on in to and or for it its there all how many seite seiten die '
            'der das zu too that’s'.split())
_more = {'not_found': {'missing404', 'not', 'found', 'gone'}, 'orphan': {'orphans', 'linked'}, 'slow_first': {'slow'},
         'slow_whole': {'slow'}, 'dead_links': {'dead', 'links'}}
def named(words):
    "The kind that is meant by words such as “pages without title”, or its own name; None when nothing comes near"
    if words in catalogue(): return words
    said = {_same.get(w, w) for w in re.findall(r'\w+', words.lower())} - _mute
    def near(kind, e):
        own = ({_same.get(w, w) for w in re.findall(r'\w+', f"{e['name']} {kind.replace('_', ' ')}".lower())} - _mute) | _more.get(kind, set())
        hit = len(said & own)
        return hit - .1*len(own - said) - .3*len(said - own) if hit and (said & own) - {'no', 'not'} else -9
    best = max(catalogue().items(), key=lambda x: near(*x))
    return best[0] if said and near(*best) > 0 else None

# what was found, in words

def number(v):
    "A value as a sentence says it: thousands with commas, no needless decimals"
    if isinstance(v, bool) or v is None: return '' if v is None else str(v)
    if isinstance(v, int): return f'{v:,}'
    if isinstance(v, float): return f'{v:,.0f}' if v == int(v) else f'{v:,.2f}'.rstrip('0')
    return str(v)

def sentence(kind, url='', other='', detail=None):
    "One finding as a sentence with its numbers; `detail` is the object or its JSON"
    said = json.loads(detail) if isinstance(detail, str) else detail or {}
    text = catalogue()[kind]['says'].format_map({k: number(v) for k, v in said.items()} | {'url': url or '', 'other': other or ''})
    return _one.sub(lambda m: m[0][:-2] if m[0].endswith('addresses') else m[0][:-1], text)
_one = re.compile(
    r'(?<![\w.,/])1 (?:other )?(?:pages|links|addresses|images|titles|descriptions|headings|characters|words|redirects|scripts|forms|versions'
    r'|sitemaps|times|tries|clicks|elements|parameters|seconds|canonical addresses|style sheets|bytes|variants)\b')

def rows(db, kind=None, page=None, limit=100, after=0):
    "Findings as dicts id, kind, name, severity, url, other, text, detail; of one kind, of one page (an id), or all, by id"
    if kind is not None and kind not in catalogue(): raise ValueError(f"there is no kind of finding {kind}; there are {', '.join(catalogue())}")
    got = db.execute('''select f.id, f.kind, f.severity, p.url url, o.url other, f.detail
                        from finding f left join page p on p.id=f.page left join page o on o.id=f.other
                        where f.id>:after and (:kind is null or f.kind=:kind) and (:page is null or f.page=:page)
                        order by f.id limit :limit''', dict(after=after, kind=kind, page=page, limit=limit))
    return [dict(id=r[0], kind=r[1], name=catalogue()[r[1]]['name'], severity=r[2], url=r[3], other=r[4],
                 text=sentence(r[1], r[3], r[4], r[5]), detail=json.loads(r[5] or '{}')) for r in got]

def summary(db):
    """The kinds that were found, errors first, then by how many pages: dicts kind, name,
    group, severity, findings, pages, share (of the pages of the site), text, why, fix"""
    total = sized(db)['pages']
    got = db.execute('select kind, count(*) n, count(distinct page) pages from finding group by kind').fetchall()
    out = [dict(kind=k, findings=n, pages=pages, share=round(pages/total, 4) if total else 0,
                **{c: catalogue()[k][c] for c in ('name', 'group', 'severity', 'why', 'fix')}) for k, n, pages in got if k in catalogue()]
    for o in out:
        many = f"{o['findings']:,} {'finding' if o['findings'] == 1 else 'findings'}"
        o['text'] = f"{o['name']}: {many} on {o['pages']:,} of {total:,} pages ({o['severity']})."
    return sorted(out, key=lambda o: (grave[o['severity']], -o['pages'], o['kind']))

def sized(db):
    """What the crawl amounts to: dict pages (of the site, that were asked for or
    forbidden), html, indexable, links, errors (answers of 400 and more, or none)"""
    r = db.execute('''select count(*), sum(status between 200 and 299 and type in ('text/html','application/xhtml+xml')),
                             sum(coalesce(indexable,0)), sum(state='done' and (status>=400 or status=0))
                      from page where internal and state in ('done','blocked') and source<>'resource' ''').fetchone()
    return dict(pages=r[0] or 0, html=r[1] or 0, indexable=r[2] or 0, errors=r[3] or 0, links=db.execute('select count(*) from link').fetchone()[0])
