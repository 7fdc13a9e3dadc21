"""What a model says of a site, held against what was found. Code ranks and states the findings; the model may put them into
other words, weigh them and answer questions; each of its sentences is checked, and what does not check out is not shown as fact.

    facts(db)                 the findings as numbered facts, the gravest first
    plain(facts)              them in code's own words, true by themselves
    await explain(db, ask)    a model's words about them: said (checked, each with its facts), talk (claims nothing), refused (with the reason)
    check(text, facts, db)    the same for words that are there already"""
import asyncio, re
from urllib.parse import urlsplit
from . import findings

class Fact:
    "One thing that is so: `id` (F1), `kind`, `severity`, `text`, `counts` and `percents` that may be said of it, `share` of the pages"
    def __init__(self, id, kind, severity, text, counts, percents, share=None, more=''):
        self.id, self.kind, self.severity, self.text, self.share, self.more = id, kind, severity, text, share, more
        self.counts, self.percents = set(counts), set(percents)
        self.about, self.near = topics(f'{kind or ""} {text}'.replace('_', ' ')), topics(f'{kind or ""} {text} {more}'.replace('_', ' '))
        # what is said not to be
        self.without = {w[:5].lower() for w in re.findall(
            r"(?:\b(?:no|not|never|cannot|nobody|without|no longer)|n't)\s+(?:(?:be|been|have|an?|any|the|yet|even)\s+)*(\w+)",
            f'{text} {more}', re.I)}
        self.lacks = bool(kind) and text.startswith('No ') or ' without ' in text.split(':')[0]
        self.spare = {n for n, percent, _, _ in numbers(more) if not percent}        # numbers of why and how to fix: 301, 60 characters

def facts(db, top=8):
    "F0 says how large the site is; F1 … are the kinds that were found, at most `top`, the gravest first, each with its numbers and an example"
    z = findings.sized(db)
    part = 100*z['errors']/z['pages'] if z['pages'] else 0
    out = [Fact('F0', None, 'notice',
                f"The crawl saw {z['pages']:,} pages of the site and {z['links']:,} links; {z['html']:,} of the pages are documents that "
                f"answer, {z['indexable']:,} may be found in search, and {z['errors']:,} ({part:.0f} %) answer with an error or not at all.",
                z.values(), {part}, part/100)]
    for n, s in enumerate(findings.summary(db)[:top], 1):
        example = findings.rows(db, s['kind'], limit=1)[0]
        text = (f"{s['name']} ({s['severity']}): {s['findings']:,} {'finding' if s['findings'] == 1 else 'findings'} "
                f"on {s['pages']:,} of {z['pages']:,} pages ({100*s['share']:.0f} %). For example: {example['text']}")
        said = [v for v in example['detail'].values() if isinstance(v, (int, float)) and not isinstance(v, bool)]
        parts = [float(v.rstrip(' %')) for v in example['detail'].values() if isinstance(v, str) and re.fullmatch(r'[\d.]+ %', v)]
        out.append(Fact(f'F{n}', s['kind'], s['severity'], text, [s['findings'], s['pages'], z['pages'], *said], [100*s['share'], *parts],
                        s['share'], f"{s['why']} {s['fix']}"))
    return out

def plain(facts):
    "The facts in order, as text: what is shown when no model has anything true to add"
    if len(facts) == 1: return facts[0].text + ' Nothing was found to be wrong.'
    return '\n'.join([facts[0].text, *(f'{n}. {f.text}\n   {f.more}' for n, f in enumerate(facts[1:], 1))])

system = '''You explain to the owner of a web site what a crawl has found. You are given facts, each with a number such as [F1].
Say nothing that is not in them. Write short sentences of your own, and end each with the number of its fact in brackets.
Copy numbers exactly as they stand. Do not praise the site. Do not write about anything that has no fact.'''

def prompt(facts, question='', refused=()):
    "What the model is given"
    lines = [f'[{f.id}] {f.text}' + (f' Why and how: {f.more}' if f.more else '') for f in facts]
    if refused: lines += ['', 'These sentences of yours were wrong, do not repeat them:', *(f"- {r['text']} ({r['why']})" for r in refused[:5])]
    return '\n'.join(['Facts:', *lines, '', question or 'What is wrong with this site, what should be mended first, and why?'])

async def explain(db, ask, question='', top=8, tries=2):
    """dict(plain, said [{text, facts}], talk [text], refused [{text, why}], raw): `ask(text, system=…)`
    yields the model's answer piece by piece. It is asked once more when nothing it said checks out."""
    known, refused, raw, talk = await asyncio.to_thread(facts, db, top), [], [], []
    for _ in range(tries):
        raw.append(''.join([piece async for piece in ask(prompt(known, question, refused), system=system)]))
        got = await asyncio.to_thread(check, raw[-1], known, db)
        said = [dict(text=g['text'], facts=g['facts']) for g in got if g['state'] == 'checked']
        talk = [g['text'] for g in got if g['state'] == 'talk']
        refused += [dict(text=g['text'], why=g['why']) for g in got if g['state'] == 'refused']
        if said: break
    return dict(plain=plain(known), said=said, talk=talk, refused=refused, raw=raw)

def worth(said, told=''):
    """Of the sentences that check out those that say something: once each, not only numbers
    without what they are of, and nothing that code has `told` already in the same words"""
    plain = lambda text: re.sub(r'\W+', ' ', re.sub(r'^for example\W+', '', text.lower())).strip()
    out, seen, known = [], set(), plain(told)
    for s in said:
        text = bare(s['text'])
        if (key := plain(text)) in seen or key in known or not topics(text) and s['facts'] != ['F0']: continue
        seen.add(key)
        out.append(text)
    return out

def check(text, facts, db=None):
    """[{text, state: checked, talk or refused, facts: [ids], why}] of each sentence. `checked`: every number, share, address
    and topic in it is that of one or more facts, and it denies none. `talk`: it claims nothing that could be checked."""
    return [_judge(s, facts, db) for s in sentences(text)]

# a sentence taken apart

_list = re.compile(r'^\s*(?:[-*•#>]+|\d+[.)])\s+')
def sentences(text):
    "Sentences of a reply, also from lists and headings, without their marks"
    out = []
    for line in re.sub(r'```.*?```', ' ', text, flags=re.S).splitlines():
        line = _list.sub('', line.replace('**', '').replace('__', '').replace('`', '')).strip()
        for s in re.split(r'(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)\s+(?=[A-Z0-9"“(*])|(?<=\])\s+(?=[A-Z])', line):
            s = s.strip()
            if re.fullmatch(r'(\[F\d+\][\s.,]*)+', s) and out: out[-1] += ' ' + s          # a number of a fact after the full stop
            elif re.search(r'\w', s): out.append(s)
    return out

_cite = re.compile(r'\[?\bF(\d+)\b\]?')
_address = re.compile(r'https?://[^\s)\]>"”,]+|(?<![\w/.])/[\w%.~\-]+(?:/[\w%.~\-?=&]*)*')
_number = re.compile(r'(?<![\w.,])(\d{1,3}(?:[,\u202f\u00a0 ]\d{3})+|\d+)(\.\d+)?(\s?%|\s?percent\b|\s?per cent\b)?(?!\w)')
_small = {w: n for n, w in enumerate('zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen '
                                     'sixteen seventeen eighteen nineteen'.split())}
_small |= {w: 10*n for n, w in enumerate('twenty thirty forty fifty sixty seventy eighty ninety'.split(), 2)}
_scale = {'dozen': 12, 'hundred': 100, 'thousand': 1000, 'million': 1_000_000}
_spelt = re.compile(r'\b(?:(?:%s)[\s-]+(?:and\s+)?)*(?:%s)\b(\s?%%|\s?percent\b|\s?per cent\b)?' % ('|'.join([*_small, *_scale, 'a']),
    '|'.join([*_small, *_scale])), re.I)

def numbers(text):
    """[(value, is it a percentage, how many decimals, as written)] of all numbers in
    a text, in digits or words; not those inside of addresses and numbers of facts"""
    text = _cite.sub(' ', _address.sub(' ', text))
    out = []
    for m in _number.finditer(text):
        out.append((float(re.sub(r'[,\u202f\u00a0 ]', '', m[1]) + (m[2] or '')), bool(m[3]), len(m[2] or '.')-1, m[0].strip()))
    for m in _spelt.finditer(text):
        total = now = 0
        for w in re.findall(r'[a-z]+', m[0].lower()):
            if w in _small: now += _small[w]
            elif w == 'a': now = now or 1
            elif w in _scale: now = max(1, now)*_scale[w]; total, now = (total+now, 0) if w in ('thousand', 'million') else (total, now)
        percent = bool(m[1])
        # “the one that”
        if m[0].lower() == 'one' and not re.match(r'\s+(?:page|link|finding|title|image|address|redirect|error|of\s+\d)', text[m.end():], re.I):
            continue
        out.append((float(total+now), percent, 0, m[0].strip()))
    return out

_topics = {t: re.compile(r'\b(?:%s)' % p, re.I) for t, p in dict(
    title='titles?\\b', description='(?:meta )?descriptions?\\b', heading='headings?\\b|h[1-6]\\b', canonical='canonical',
    redirect='redirect|301|302', sitemap='sitemaps?\\b', robots='robots', hreflang='hreflang', image='images?\\b|pictures?\\b|alt\\b',
    orphan='orphan|no (?:way by )?links? leads?',
    duplicate='duplicat|same (?:text|title|description|content)|nearly the same',
    dead='dead\\b|broken|not found|404|does not exist|missing pages?|no longer', server='server errors?|50\\d\\b',
    noindex='noindex|kept out of search|asks? not to be found', slow='slow|speed|load(?:ing)? times?|milliseconds|\\d ms\\b',
    depth='deep\\b|depth|clicks? (?:from|away)',
    thin='thin\\b|little text|few words', language='languages?\\b|lang\\b', charset='charset|character set|encoding',
    viewport='viewport|phones?\\b|mobile', script='javascript|scripts?\\b', style='style ?sheets?|css\\b',
    schema='structured data|schema|json-ld', social='open graph|og:|shared?\\b', secure='https?\\b|encrypt|insecure|mixed content|secur',
    header='header',
    nofollow='nofollow', anchor='anchor|link text|click here|links without words', weight='pagerank|weight|score',
    island='island|apart from', bottleneck='bottleneck|hangs on', parameter='parameters?\\b|query', underscore='underscore',
    uppercase='capital letters|upper ?case', session='session', external='external|other sites?|another site', amp='amp\\b',
    paging='pagination|next page|previous page', search='clicks from search|impressions|shown \\d', cache='cach(?:e|ing)',
    compress='compress|gzip', size='bytes|large pages?|too large|file size', element='elements?\\b|dom\\b|nested', form='forms?\\b',
    empty='empty', trap='without end|traps?\\b|calendar', filler='lorem').items()}
def bare(text):
    "A sentence without the numbers of its facts"
    return re.sub(r'\s*[\[(]\s*F\d+(?:\s*,\s*F\d+)*\s*[\])]', '', text).strip()

def topics(text):
    "What a text is about: names of `_topics`"
    text = _cite.sub(' ', _address.sub(' ', text))
    return {t for t, p in _topics.items() if p.search(text)}

_praise = re.compile(
    r'\bwell[- ](?:structured|optimi[sz]ed|organi[sz]ed|built|maintained|designed|made|linked|crafted)|\boptimi[sz]ed for (?:search|seo)'
    r'|\b(?:good|great|excellent|healthy|solid|strong|perfect|fine|flawless|clean|impressive|robust)\b[^.]{0,30}'
    r'\b(?:shape|condition|site|website|seo|structure|state|health|performance|quality|job|foundation|navigation|overall)\b'
    r'|\b(?:site|website|seo|structure|everything|overall)\b[^.]{0,40}\b(?:is|are|looks?|seems?|appears?|performs?|works?)\b[^.]{0,25}'
    r'\b(?:good|great|excellent|healthy|solid|strong|perfect|fine|flawless|clean|well|impressive|robust|in order|friendly|optimal)\b'
    r'|\berror[- ]free\b|\bsearch[- ]engine[- ]friendly\b', re.I)
_denial = re.compile(
    r"\b(?:no|zero|without(?: any)?|free (?:of|from)|not (?:have )?any|n[o']t have any|not a single|none of the|nothing)\b(?:\s+\w+){0,3}?\s*"
    r"\b(errors?|problems?|issues?|defects?|findings?|wrong|warnings?|(?:dead|broken) (?:links?|pages?)|404s?|duplicates?|redirects?|orphans?"
    r"|chains?|loops?)\b", re.I)
_grave = re.compile(r'\b(?:critical|severe|serious|urgent|major|gravest?|most important|worst)\b', re.I)
_light = re.compile(r'\b(?:minor|harmless|negligible|trivial|not (?:a )?(?:serious|big|urgent|critical)|only a notice|no need to|can be ignored'
                    r'|insignificant)\b', re.I)
_shares = [(re.compile(p, re.I), low, high, name) for p, low, high, name in (
    (r'\b(?:nearly|almost) (?:all|every|each)\b', .9, 1, 'nearly all'),
    (r'(?<!nearly )(?<!almost )(?<!not )\b(?:all|every|each)(?: (?:of )?(?:the|its|your|this site.s))?(?: \w+)? '
     r'(?:pages?|links?|titles?|documents?|addresses|urls?)\b', .9999, 1, 'all'),
    (r'\b(?:more than|over) (?:a )?half\b|\bmost (?:of|pages|links)\b|\bmajority\b', .5, 1, 'more than half'),
    (r'\b(?:less than|under) (?:a )?half\b', 0, .5, 'less than half'),
    (r'(?<!than )(?<!than a )(?<!over )(?<!under )\bhalf (?:of|the)\b', .45, .55, 'half'),
    (r'\b(?:a|one)[ -]third\b', .28, .38, 'a third'), (r'\btwo[ -]thirds\b', .6, .72, 'two thirds'),
    (r'\b(?:a|one)[ -]quarter\b', .2, .3, 'a quarter'), (r'\bthree[ -]quarters\b', .7, .8, 'three quarters'),
    (r'\b(?:only )?(?:a )?(?:few|handful|small (?:number|part))\b(?! words)', 0, .1, 'a few'))]

_turned = re.compile(
    r"(?:\b(?:not|never|cannot|no longer)|n['’]t)\s+"
    r"(?:(?:be|been|being|have|has|had|a|an|any|the|contain|include|provide|show|only|even|properly|yet|fully)\s+)*(\w+)", re.I)
_lacking = re.compile(
    r"\b(?:no|not|never|none|without|missing|lacks?|lacking|add|adding|write|give|needs?|empty|absent|should|must|cannot)\b|n['’]t\b", re.I)

def _seen(db, address, kind=''):
    "Is an address, or the end of one that begins with /, among those that were crawled, or those of a kind of finding?"
    end = '%' + address.replace('\\', '\\\\').replace('%', '\\%').replace('_', '\\_') if address.startswith('/') else address
    among = ' and exists (select 1 from finding f where f.kind=? and p.id in (f.page, f.other))' if kind else ''
    return bool(db and db.execute(f"select 1 from page p where (url=? or url like ? escape '\\'){among} limit 1",
                                  (address, end, *([kind] if kind else ()))).fetchone())

def _judge(text, facts, db):
    said = dict(text=text, state='refused', facts=[], why='')
    known = {f.id: f for f in facts}
    wrong = lambda why: said | {'why': why}
    cited = list(dict.fromkeys('F' + n for n in _cite.findall(text)))
    if missing := [c for c in cited if c not in known]: return wrong(f"there is no fact {', '.join(missing)}")
    found = [f for f in facts if f.kind]
    if (m := _praise.search(text)) and found: return wrong(f'“{m[0]}” is praise, and {len(found)} kinds of defects were found')
    if (m := _denial.search(text)) and found:
        what = topics(text[m.start():])
        if against := [f for f in found if not what or what & f.about]:
            return wrong(f'“{m[0]}” is denied by {against[0].id}: {against[0].text[:120]}')
    named = {m.start(): m[0].rstrip('.,;:!?') for m in _address.finditer(text)}
    for a in named.values():
        if not (any(a in f.text for f in facts) or _seen(db, a)): return wrong(f'{a} is no address that was seen')
    plain_ = _address.sub(' ', _cite.sub(' ', text))
    some = lambda n: re.search(r'\b(?:top|first|these|following|main)\s+' + re.escape(n[3]), plain_, re.I)        # the first 3 of them
    counted = [n for n in numbers(text) if n[1] or n[0] > len(facts) or not some(n)]
    shares = [s for s in _shares if s[0].search(plain_)]
    about = topics(text)
    if not (counted or shares or about or cited or _address.search(text)): return said | {'state': 'talk'}
    candidates = [known[c] for c in cited] or facts
    blank = _address.sub(lambda m: ' '*len(m[0]), text)
    def alone(at, a, group):
        "A number behind an address is said of that page, and the numbers of a fact are of all its pages, but for its example"
        own = [n for n in counted if not any(n[0] in f.spare for f in group)]
        if not own or min(blank.find(n[3]) for n in own) < at: return ''
        ok = any(re.search(rf'{re.escape(a)}(?!\w)\D{{0,120}}(?<![\d.,]){re.escape(n[3])}(?!\w)', f.text) for f in group for n in own)
        return '' if ok else f'how many it is on {a} alone is not said in ' + ', '.join(f.id for f in group)
    def fits(group):
        "Why facts cannot carry the sentence, '' when they can"
        counts, percents, spare = (set().union(*(getattr(f, k) for f in group)) for k in ('counts', 'percents', 'spare'))
        for v, percent, decimals, as_said in counted:
            if percent and not any(abs(v-p) <= .5*10**-decimals + 1e-6 for p in percents):
                return f'no percentage {as_said} in ' + ', '.join(f.id for f in group)
            if not percent and v not in counts and v not in spare and not any(abs(v-c) < .005 for c in counts):
                return f'no number {as_said} in ' + ', '.join(f.id for f in group)
        for at, a in named.items():
            if not urlsplit(a).path.strip('/'): continue               # the site as a whole
            if not any(f.kind and (a in f.text or _seen(db, a, f.kind)) for f in group): return f'{a} is not one of those'
            if why := alone(at, a, group): return why
        for _, low, high, name in shares:
            if not any(f.share is not None and low <= f.share <= high for f in group):
                return f'“{name}” is not so: it is ' + ', '.join(f'{100*f.share:.0f} %' for f in group if f.share is not None)
        exact = any(v not in spare or percent for v, percent, _, _ in counted) or shares
        firm = set().union(*(f.about if exact else f.near for f in group))
        if stray := about - firm: return f"{', '.join(sorted(stray))}: not what {', '.join(f.id for f in group)} is about"
        if turned := [m[0] for m in _turned.finditer(plain_) if not any(m[1].lower()[:5] in f.without for f in group)]:
            return f'“{turned[0]}” is not what ' + ', '.join(f.id for f in group) + ' says'
        if all(f.lacks for f in group) and not _lacking.search(plain_): return 'it says that something is there that is missing'
        if (m := _grave.search(text)) and all(f.severity == 'notice' and f.kind for f in group): return f'“{m[0]}” is said of what is a notice'
        if (m := _light.search(text)) and any(f.severity == 'error' for f in group): return f'“{m[0]}” is said of what is an error'
        return ''
    if cited:
        if why := fits(candidates): return wrong(why)
        return said | {'state': 'checked', 'facts': cited}
    reasons = [(fits([f]), f) for f in candidates]
    good = [f for why, f in reasons if not why and (about & f.near or counted or shares)]
    if not good: return wrong('no fact says so' + (f" ({reasons[0][0]})" if len(reasons) == 1 else ''))
    best = max(good, key=lambda f: (len(about & f.about), f.kind is not None))
    return said | {'state': 'checked', 'facts': [best.id]}
