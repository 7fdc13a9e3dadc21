"""A new row, read in two ways: by which column each part fills, or by how a sentence of adding
goes, with a loose list behind the name. The one that explains more of the sentence stands."""
import re
from .contents import Contents
from .language import spoken_name, unmask
from .sentence import Mention, name_like
from .slots import Slots
from .world import Op, Reading

class Adding(Contents):
    "A sentence that tells of something new"

    def create(self, a, b, cues):
        "A new row: as its parts say, or as the sentence is built, whichever explains more"
        loose, close, f = self._create(a, b, cues), self.fresh(a, b, cues), self.frame(a, b)
        # “note that down” names nothing
        if (loose and f and f.sure
                and any(self.words[n].low in self.g['frame_it']
                        and re.search(rf'(?<!\w){re.escape(self.words[n].low)}(?!\w)',
                                      str(loose.ops[0].values.get(self.world.tables[loose.ops[0].table].main)).lower()) for n in f.words)):
            loose = None
        if not close or not loose: return close and close[0] or loose
        op = loose.ops[0]
        if self.world.tables[op.table] is self.reader.todo and len(op.values) == 1: return loose
        return close[0] if close[1] <= self.unsaid(a, b, op, cues) else loose
    def unsaid(self, a, b, op, cues):
        "How many words of a sentence a new row leaves unexplained, with a column's name in the name counting double"
        s = Slots(self, self.world.tables[op.table], a, b)
        s.frame(cues)
        held = {w for v in op.values.values() for w in re.findall(r'[\w.@-]+', str(v).lower())}
        full, name = s.labels()[0], str(op.values[s.t.main])
        words = name.split()
        odd = (3*(':' in name) + 3*bool(re.match(r'[a-zäöü]+ (?:for|from|by|of|to|für|von) [A-ZÄÖÜ]', name))
               + 3*(name.islower() and self.unknown(a, b)) + 3*(words[0].lower() in s.preps and not words[0][0].isupper())
               + 2*max(0, len(words)-5) + 3*(words[0].lower() in self.lang.words['adding'])
               + 2*sum(w.lower() in self.g['joints'] for w in words if w.lower() not in ('and', 'with', 'und', 'mit')))
        return (odd + len([n for n in s.left() if self.words[n].low not in held and self.words[n].low not in full
                           and self.words[n].kind not in ('number', 'date', 'quote')])
                + 2*sum(w in full and full[w] in s.t.columns for w in re.findall(r'\w+', name.lower()))
                + sum(self.words[n].kind in ('number', 'date', 'quote') and n not in s.by
                      and self.lang.number(self.words[n].low.rstrip('k')) not in op.values.values()
                      and self.words[n].text not in map(str, op.values.values())
                      and not unmask(self.words[n].text, self.quotes) in map(str, op.values.values()) for n in range(a, b)))

    def unheard(self, a, b, cues):
        "A new row of which nothing says that it is new, but that there is none of that name and that several columns are told"
        named = self.tables(a, b)
        first = bool(named) and all(self.words[n].low in (*self.lang.words['a'], *self.lang.words['polite'], *self.g['one'])
                                    or any(m.what == 'value' for m in self.mentions(self.world.tables[named[0].table], n, n+1))
                                    for n in range(a, named[0].a))
        got = self.fresh(a, b, cues, True)
        first = first or any(n.a > a and self.words[n.a-1].low in self.g['one'] for n in named)
        return got[0] if got and (got[1] <= 2 if first or {'create', 'put'} & cues.keys() else
                                  got[1] <= 3 and len(got[0].ops[0].values) > 3) else None
    def fresh(self, a, b, cues, sure=False):
        "(Reading, words unexplained) of a new row by its parts, else None; `sure`: no cue says that it is new"
        if any(w.kind == 'quote' for w in self.words[a:b]) and len([w for w in self.words[a:b] if w.kind == 'quote']) > 4: return None
        named, best, f = self.tables(a, b), None, self.frame(a, b)
        if f and f.kind == 'change' and f.sure: return None
        f = f if f and f.kind == 'create' else None
        if not named and 'create' in cues and (act := self.acted(a, b)): named = [act]
        if f and f.table: named = [m for m in named if m.table == f.table]
        if len({m.table for m in named}) > 1 and (cue := next((m for k, m in cues.items() if k in ('create', 'put')), None)):
            named = [min(named, key=lambda m: (m.a < cue.a, m.a))]
        for tb in [self.world.tables[m] for m in dict.fromkeys(m.table for m in named)] or self.world.tables.values():
            if tb.columns[tb.main] != 'text': continue
            s = Slots(self, tb, a, b, spent=f.words if f else ())
            values = s.new(cues)
            if (values and sure and (i := next((n for n in range(a, b) if s.by.get(n) == tb.main), a)) > a
                    and not str(values[tb.main])[0].isupper() and self.words[i].kind != 'quote'
                    and not any(m.a > a and self.words[m.a-1].low in self.g['one'] for m in named)
                    and not (self.words[i-1].kind == 'arrow' or any(m.b == i for m in named))):
                continue
            if not values or len(str(values[tb.main])) > 120 or len(str(values[tb.main]).split()) > 9: continue
            left = len(s.left())
            # “add Tom Reilly”: there is one table of people
            somebody = ('swap' not in cues and [t for t in self.world.tables.values() if t.main in self.g['mains']] == [tb]
                        and 'create' in cues and cues['create'].b > cues['create'].a and name_like(values[tb.main]))
            if (named or f and f.sure or somebody
                    or s.firm and name_like(values[tb.main]) and any(w.low in self.g['surely_new'] for w in self.words[a:b])
                    or tb.name == self.lean or tb is self.reader.todo and not sure and len(values) == 1 or s.firm > 1):
                score = len(values) + 2*s.firm - left
                if not best or score > best[0]: best = score, tb, s, values, left
        if not best: return None
        _, tb, s, values, left = best
        name = str(values[tb.main])
        # “we had a lovely event” where nothing is yet
        if (not any(t.rows for t in self.world.tables.values()) and 'create' in cues
                and cues['create'].b == cues['create'].a and not (f and f.sure) and not any(w.text == ':' for w in self.words[a:b])
                and not (len(values) > 1 and s.firm and name[0].isupper())):
            return None
        if ((sure or len(values) == 1) and any(str(r.get(tb.main) or '').casefold() == name.casefold() for r in tb.rows)
                or any(c not in values for c in tb.required)):
            return None
        if not set(self.lang.tokens(name)) or name.lower() in self.reader.nouns or name.lower() in self.g['naming_nouns']: return None
        if left > (max(12, 6 + 2*s.firm) if f and f.sure else
                   max(8, 3 + 2*s.firm) if named and {'create', 'put'} & cues.keys() and name[0].isupper() else
                   3 + 2*s.firm):
            return None
        if sure and (re.search(self.g['no'], ' '.join(w.low for w in self.words[a:b])) or s.firm < 2
                     or all(tb.index(self.lang).rows(w, 'own') for w in self.lang.tokens(name))
                     or any(w.kind == 'number' and any(r['id'] == self.lang.number(w.low.strip('#')) for r in tb.rows) and n not in s.by
                            for n, w in enumerate(self.words[a:b], a))):
            return None
        if tb.columns[tb.main] == 'text' and tb is self.reader.todo: values[tb.main] = name[0].upper() + name[1:]
        return Reading('chip', [Op(tb.name, 'create', values=values)], name='unlike'), left

    def _create(self, a, b, cues):
        named = self.tables(a, b)
        table = self.world.tables[named[0].table] if named else None
        if not table:                           # the one whose columns, values and units are spoken of
            told = lambda tb: (len({m.key for m in self.mentions(tb, a, b) if not m.slip or m.what == 'column'})
                               + len({u[0] for n in range(a, b) if self.words[n].kind == 'number' and (u := self.unit(tb, n, b))}))
            score = sorted(((told(tb), n) for n, tb in self.world.tables.items()), reverse=True)
            if len(score) == 1 or score[0][0] > score[1][0]: table = self.world.tables[score[0][1]]
            else: table = self.reader.todo
        if len({m.table for m in named}) > 1:
            cue = next(iter(m for k, m in cues.items() if k in ('create', 'put')), None)
            near = min(named, key=lambda m: (m.a < cue.a, m.a)) if cue else named[0]
            table = self.world.tables[near.table]
            named = [near]
        if not table or table.columns[table.main] != 'text': return None
        sub, preset = self.text[self.words[a].a:self.words[b-1].b], {}
        if not named:                           # “add a podcast: …” where podcast is a choice
            for m in self.mentions(table, a, b):
                if (m.what == 'value' and table.columns[m.key] == 'choice' and not m.slip and m.a > a
                        and (self.words[m.a-1].low in self.g['one'] or any(c.b == m.a for c in cues.values()))):
                    named, preset = [Mention('table', m.a, m.b, table.name)], {m.key: m.value}
                    break
        for m in self.mentions(table, a, b):
            if m.what == 'column' and m.slip: sub = re.sub(rf'(?<!\w){re.escape(self.words[m.a].text)}(?!\w)', spoken_name(m.key), sub, count=1)
        for m in named:
            if m.slip: sub = re.sub(rf'(?<!\w){re.escape(self.words[m.a].text)}(?!\w)', m.table, sub, count=1)
        quotes = [n for n in range(a, b) if self.words[n].kind == 'quote']
        name, rest = '', sub
        if quotes and len(quotes) == 1 or quotes and self.words[quotes[0]-1].low not in self.lang.small:
            w = self.words[quotes[0]]
            name, rest = self.reader.clean(w.text), f'{self.text[self.words[a].a:w.a]}, {self.text[w.b:self.words[b-1].b]}'
        else:
            for p in [*self.g['called'],
                      *(p.replace('TABLE', '(?:' + '|'.join(re.escape(x) for x in (
                          [m.table if m.slip else self.text[self.words[m.a].a:self.words[m.b-1].b] for m in named] or self.g['lists'])) + ')')
                        for p in self.g['new'])]:
                if ((m := re.search(p, sub, re.I)) and (v := m['v'].strip(' .,:;!?').lower()) and v not in self.lang.words['list']
                        and not all(w in (*self.lang.words['polite'], *self.lang.words['tail'], *self.lang.words['list'], *self.g['fill'])
                                    for w in v.split())):
                    rest = m['v'] + (f", {m['w']}" if m.groupdict().get('w') else '') + (
                        ', ' + (sub[:m.start('v')] if p in self.g['called'] and m.start('v') > 12 else '') + ', ' + sub[m.end():])
                    name = None
                    break
            else: return None
        values, rest = self.columns(table, rest, name)
        name = name or values.pop('', '')
        name = re.sub(self.g['article'], '', name, flags=re.I).strip()
        if not quotes:
            name = re.sub(rf"^(?:{'|'.join(map(re.escape, [spoken_name(table.main), *self.lang.columns.get(table.main, ())]))})"
                          r"\s*[:=]?\s+(?=\S)", '', name, flags=re.I)
        if name.lower() in (*self.lang.words['it'], *self.lang.words['them'], *self.g['pronoun']):
            runs = [m[0] for m in re.finditer(
                r"(?<![.!?] )(?<!^)\b[A-ZÄÖÜ][\w'-]+(?:\s+(?:(?:of|the|de|van|von|and|&)\s+)?[A-ZÄÖÜ][\w'-]+)*", sub) if not self.rows_named(m[0])]
            if len(runs) == 1: name = runs[0]
        if (not name or len(name) > 200 or len(name.split()) > 14 or name.lower() in self.g['naming_nouns']
                or name.lower() in (*self.lang.words['it'], *self.lang.words['them'], *self.g['pronoun'])):
            return None
        nouns = {self.lang.stem(w) for n in table.nouns(self.lang) for w in n.split()}
        if not quotes and not set(self.lang.tokens(name)) - nouns: return None
        if any(str(r.get(table.main) or '').casefold() == name.casefold() for r in table.rows) and not quotes: return None
        values = {table.main: name, **preset, **values}
        if any(c not in values for c in table.required): return None
        return Reading('chip', [Op(table.name, 'create', values=values)], name='unlike')
    def rows_named(self, text): return any(tb.index(self.lang).rows(w, 'own') for tb in self.world.tables.values() for w in self.lang.tokens(text))

    def columns(self, table, text, name=''):
        "{column: value} of a new row, '' for its name when that is not known yet, from a loose list"
        values, lang, first = {}, self.lang, not name
        known = table.index(lang).known()
        flags = self.flagwords(table)
        open_ = lambda c: c in table.columns and c not in values and c != table.main
        segments = [s.strip() for s in re.split(
            r'\s*(?:(?<!\d)[,]|[,](?!\d)|[;()!?]|(?<!\b[A-Z])(?<!\b[MD]r)(?<!\bMrs)\.(?=\s|$)|\s-\s'
            r'|\s(?:and|und)\s(?=it|its|with|is|has|takes?|costs?|needs?|mit|hat|kostet|dauert|\d))\s*', text) if s.strip()]
        for n, s in enumerate(segments):
            whole = s
            s = re.sub(self.g['lead'], '', s, flags=re.I).strip()
            for m in list(re.finditer(r'https?://\S+|www\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\d{4}-\d\d-\d\d', s)):
                kind = 'email' if '@' in m[0] else 'date' if re.fullmatch(r'\d{4}-\d\d-\d\d', m[0]) else 'url'
                cs = [c for c, k in table.columns.items() if (k == kind or kind == 'url' and c in ('url', 'website', 'link')) and open_(c)]
                if cs: values[next((c for c in cs if self.says(c, s)), cs[0])] = m[0]; s = s.replace(m[0], ' ¦ ')
            for x, y in self.g['pairs']:
                if open_(x) and open_(y) and (m := re.search(r'(?<![\w.])(\d+)\s?[x×]\s?(\d+)(?!\w)', s)):
                    values[x], values[y], s = int(m[1]), int(m[2]), s[:m.start()] + ' ¦ ' + s[m.end():]
            for c, k in table.columns.items():
                if k != 'number' or not open_(c): continue
                nouns = [spoken_name(c), *lang.columns.get(c, ())]
                us = self.g['units'].get(c, {})
                alt = '|'.join(sorted(map(re.escape, {*nouns, *us, *({c[:3], c[:4]} if len(c) > 5 else ())}), key=len, reverse=True))
                num = r'(?P<v>-?\d[\d.,]*(?<=\d)k?|' + '|'.join(lang.words['numbers']) + r')'
                m = (re.search(rf'(?<![\w.-])(?<!\d )(?:{alt})(?:\s+(?:of|is|von|was|:|=|to))*\s*[:=]?\s*[€$£]?{num}(?![\w.-])', s, re.I)
                     or re.search(rf'(?<![\w.-]){num}\s?-?(?:[a-z]{{1,2}}\s)?(?P<u>{alt})(?!\w)', s, re.I)
                     or (re.search(rf'(?:[€$£]|\b(?:eur|usd|gbp|chf)\b)\s?{num}|{num}\s?[€$£]'.replace('(?P<v>', '(?P<w>', 1), s, re.I)
                         if {'€', '$'} & us.keys() else None))
                if not m and (c in self.g['money'] and not any(x != c and x in self.g['money'] and open_(x) for x in table.columns)):
                    m = (re.search(rf"\b(?:{self.g['worth']})\s+[€$£]?(?P<v>\d+(?:[.,]\d+)*k?)(?![\w.-]|\s?[%\w])", s, re.I)
                         or re.search(rf"\b(?:{self.g['worth']})\s+[€$£]?(?P<v>\d+(?:[.,]\d+)*k?)"
                                      rf"(?=\s+(?:{'|'.join(map(re.escape, self.g['by_place']))})\b)", s, re.I))
                if m:
                    said = m.groupdict().get('v') or m.groupdict().get('w')
                    v = lang.number(said.rstrip('k'))
                    if v is None: continue
                    v = v*(1000 if said.endswith('k') else 1)*us.get((m.groupdict().get('u') or '').lower(), 1)
                    values[c] = int(v) if v == int(v) and '.' not in said else v
                    s = s[:m.start()] + ' ¦ ' + s[m.end():]
            low = s.lower().strip(' ¦')
            for f in sorted(flags, key=len, reverse=True):
                if open_(flags[f][0]) and (low == f or (n > 0 or not first) and re.search(rf'(?<!\w){re.escape(f)}(?!\w)', low)
                                           or re.search(rf'\b(?:as an?|is|already)\s+(?:\w+\s+)?{re.escape(f)}\b', low)):
                    c, v = flags[f]
                    values[c] = v if not re.search(self.g['no'] , low.partition(f)[0]) else not v
                    s = re.sub(rf'\s*(?:\b(?:as an?|already|is|marked)\s+)*{re.escape(f)}\b.*', ' ¦ ', s, flags=re.I) if n == 0 and first else ''
                    break
            for c, k in table.columns.items():
                if not (set(lang.tokens(s.replace('¦', ' ')))
                        - {lang.stem(w) for col in table.columns for x in (spoken_name(col), *lang.columns.get(col, ())) for w in x.split()}):
                    s = ''
                    break
                if k not in ('text', 'choice') or not open_(c): continue
                noun = '|'.join(sorted(map(re.escape, [spoken_name(c), *lang.columns.get(c, ())]), key=len, reverse=True))
                if m := re.search(rf'(?:^|\s)(?:with |mit |and )?(?:the |{lang.words["a"][0]} )?(?:{noun})(?:\s+(?:is|of|von|:|=))*'
                                  r'\s*[:=]?\s+(?P<v>\S.*)$', s, re.I):
                    values[c] = self.reader.clean(m['v'].strip(' ¦'))
                    s = s[:m.start()]
                elif ((n or not first) and c not in self.g['kept']
                      and (m := re.search(rf'(?:^|\s)(?P<v>\w[\w-]*)\s+(?:{noun})(?=\s*(?:¦|$))', s, re.I))
                      and lang.stem(m['v'].lower()) not in lang.small):
                    values[c] = m[0].strip() if c in self.g['kept'] else m['v']
                    s = s[:m.start()] + ' ¦ ' + s[m.end():]
            for words, cs in self.g['by_place'].items():
                for m in list(re.finditer(rf'(?:^|\s)(?:{words})\s+(?P<v>[^¦]+?)(?=\s(?:{"|".join(self.g["by_place"])})\s|\s*¦|$)', s, re.I))[::-1]:
                    said = re.sub(self.g['article'], '', m['v'].strip(), flags=re.I)
                    c = (next((c for c, _ in known.get(said.lower(), ()) if open_(c)), None)
                         or next((c for c, k in table.columns.items() if k == 'text' and open_(c) and ' ' in said
                                  and said.lower().split()[-1] in (c, *lang.columns.get(c, ()))), None)
                         or (said[:1].isupper() or words not in self.g['proper'] or table is not self.reader.todo)
                         and next((c for c in cs if open_(c) and table.columns[c] in ('text', 'choice')), None))
                    if (said and c and len(said.split()) <= 5
                            and not set(said.lower().split()) & {'my', 'list', 'our', *self.reader.nouns, *self.g['pronoun'],
                                                                 *self.lang.words['list']}):
                        values[c] = said
                        s = s[:m.start()] + ' ¦ ' + s[m.end():]
            if ((m := re.fullmatch(r'[^\W\d]+\.?:? (-?\d+(?:[.,]\d+)?)', s)) and not first
                    and len(cs := [c for c, k in table.columns.items() if k == 'number' and open_(c)]) == 1):
                values[cs[0]] = lang.number(m[1])
                continue
            s = re.sub(rf"\s+(?:{'|'.join(map(re.escape, self.g['by_place']))})(?=\s*(?:¦|$))", '', re.sub(r'(?:\s*¦\s*)+', ' ¦ ', s),
                       flags=re.I).strip(' ¦:')
            s = s.split(' ¦ ')[0].strip()
            if not s: continue
            if first: values[''], first = self.strip(s), False; continue
            for v in sorted((v for v in known if len(v) > 2 and re.search(rf'(?<!\w){re.escape(v)}(?!\w)', s.lower())), key=len, reverse=True):
                if v != s.lower() and (c := next((c for c, _ in known[v] if open_(c)), None)):
                    values[c] = next(w for x, w in known[v] if x == c)
                    s = re.sub(rf'\s*(?<!\w){re.escape(v)}(?!\w)\s*', ' ', s, flags=re.I).strip()
            if not first: s = re.sub(rf"^(?:{'|'.join(self.g['by_place'])})\s+", '', s, flags=re.I)
            bare = s.lower()
            if not bare or bare in {u for us in self.g['units'].values() for u in us}: continue
            if bare in known and (c := next((c for c, _ in known[bare] if open_(c)), None)): values[c] = s; continue
            if re.fullmatch(r'(?:1[5-9]|20)\d\d', s) and open_('year'): values['year'] = int(s); continue
            if (v := lang.number(s)) is not None:
                cs = [c for c, k in table.columns.items() if k == 'number' and open_(c)]
                if len(cs) == 1: values[cs[0]] = v
                continue
            if (len(s) < 40 and any(d in bare.split() for d in self.g['days'])
                    and (cs := [c for c, k in table.columns.items() if k == 'date' and open_(c)]) and (d := lang.day(s))):
                values[cs[0]] = d
                continue
            if (n and len(s.split()) <= 3 and whole == segments[n]
                    and not set(bare.split()) & {*self.g['chatter'], *lang.words['polite'], *lang.words['tail']}
                    and (cs := [c for c, k in table.columns.items() if k == 'text' and open_(c)]) and not name):
                values[cs[0]] = s
        return values, ''
    def says(self, c, s): return any(re.search(rf'(?<!\w){re.escape(w)}', s, re.I) for w in (spoken_name(c), *self.lang.columns.get(c, ())))

    def strip(self, s):
        "A name without the politeness and places around it"
        for p in self.g['off']: s = re.sub(p, '', s, flags=re.I).strip(' :')
        return self.described(self.shorn(self.reader.clean(s)))
    def described(self, name):
        "“the member Tariq Aziz” is called Tariq Aziz: what stands small before the name only describes it"
        m = re.fullmatch(r'(?:[a-zäöüß-]+\s+){1,2}((?:[A-ZÄÖÜ][\w.\'&-]*)(?:\s+[\w.\'&-]+)*)', name)
        return m[1] if m and self.lang.code == 'en' and not (self.reader.todo and len(self.world.tables) == 1) and len(m[1]) > 2 else name
