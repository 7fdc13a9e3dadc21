"""What a part of a sentence names: a row by its words or its number, several of them, a column, a flag, or the values of a new row said in one breath."""
import re
from .language import mask, spoken_name, unmask, whole
from .world import Reading, by_noun

class Phrases:
    "The words of one sentence, held against one world"
    def __init__(self, text, world, lang):
        self.world, self.lang = world, lang
        self.text, self.quotes = mask(whole(text.replace('’', "'"), lang))
        self.nouns = by_noun(lang.code, world.shape)
        self.pin, self.found = None, {}         # pin: the one row that every phrase is about, while each of several is tried

    # finding rows

    def find(self, text, table=None, extra=()):
        """The rows a phrase names: (status, [(Table, row)]). one: exactly this; several:
        all of them are meant; many: which?; none; no_row: a number that no row has."""
        if self.pin: return 'one', [self.pin]
        key = text.strip().lower(), table and table.name, extra
        if key not in self.found: self.found[key] = self._find(text, table, extra)
        return self.found[key]
    def _find(self, text, table, extra):
        lang, t = self.lang, text.strip().strip(',;:')
        low = t.lower()
        tables = [table] if table else list(self.world.tables.values())
        if low in lang.words['it'] or low in lang.words['them']:
            recent = [(self.world.tables[n], r) for n, i in self.world.recent if n in self.world.tables for r in self.world.tables[n].rows
                      if r['id'] == i]
            n = 1 if low in lang.words['it'] else 2
            return ('one' if n == 1 else 'several', recent[:n]) if len(recent) >= n else ('none', [])
        if m := re.fullmatch(r'(?:the |an? )?Q(\d+)Q(?:\s+(\w+))?|(?:the )?(\w+)\s+Q(\d+)Q', t):
            said = self.quotes[int(m[1] or m[4])]
            noun = (m[2] or m[3] or '').lower()
            if noun in self.nouns: tables = [self.world.tables[self.nouns[noun]]]
            same = [(tb, r) for tb in tables for r in tb.rows if str(r.get(tb.main) or '').strip().casefold() == said.strip().casefold()]
            if same: return ('one' if len(same) == 1 else 'many', same)
            t = low = said
        hint = None
        for noun in sorted(self.nouns, key=len, reverse=True):
            if m := re.search(rf'(?<![\w-]){re.escape(noun)}(?![\w-])', low):
                named = self.world.tables[self.nouns[noun]]
                if table and named is not table: continue
                rest = (t[:m.start()] + ' ' + t[m.end():]).strip()
                if (not table and not any(lang.stem(noun.split()[-1]) in lang.tokens(str(r.get(named.main) or '')) for r in named.rows)
                        or not lang.tokens(rest) or re.search(r'\d', rest)):
                    hint, tables, t, low = named, [named], rest, rest.lower()
                break
        every = [w for w in low.replace('every one', 'every').split() if w in lang.words['every']]
        if every and hint:
            rest = ' '.join(w for w in low.split() if w not in lang.words['every'] and w not in lang.words['a'])
            rows = hint.rows
            if rest:
                flag = self.flag_of(hint, rest)
                if not flag: return 'none', []
                rows = [r for r in rows if bool(r.get(flag[0])) == flag[1]]
            return ('several', [(hint, r) for r in rows]) if rows else ('none', [])
        if (hint or table) and (several := self.counted(low, (hint or table).rows)) is not None:
            return ('several', [(hint or table, r) for r in several]) if several else ('none', [])
        if (hint and (o := next((lang.words['ordinals'][w] for w in low.split() if w in lang.words['ordinals']), None)) is not None
                and len(lang.tokens(low)) <= 1):
            try: return 'one', [(hint, hint.rows[o])]
            except IndexError: return 'none', []
        bare = re.sub(r'^(?:(?:number|no\.?|nr\.?|nummer|id|#)\s*)+', '', low).strip(' #.')
        if bare.isdigit():
            called = re.compile(rf"{re.escape(' '.join(w for w in text.lower().split() if w not in lang.words['a']))}(?!\w)", re.I)
            # “task number 17” may be its name
            hits = [(tb, r) for tb in tables for r in tb.rows if r['id'] == int(bare) or called.match(str(r.get(tb.main) or ''))]
            if len(hits) == 1: return 'one', hits
            if hits: return 'many', hits
            words = [(tb, r) for tb in tables for r in tb.rows if bare in lang.tokens(str(r.get(tb.main) or ''))]
            return ('one', words) if len(words) == 1 else ('many', words) if words else ('no_row', [])
        if (hint and (m := re.match(r'#?(\d+)\b', low)) and not re.search(r'\d', low[m.end():])
                and not any(m[1] in lang.tokens(str(r.get(hint.main) or '')) for r in hint.rows)):
            hits = [(hint, r) for r in hint.rows if r['id'] == int(m[1])]
            return ('one', hits) if hits else ('no_row', [])
        want = lang.tokens(t)
        # “a lead” is none of them
        if not want and hint and re.match(r'(?:%s)\b' % '|'.join(map(re.escape, lang.words['another'])), text.strip(), re.I): return 'none', []
        if not want: return 'many' if hint else 'none', [(hint, r) for r in hint.rows[:6]] if hint else []
        found = self.match(want, tables, extra, ' '.join(w for w in re.sub(r'[.!?]$', '', low).split() if w not in self.lang.words['a']
                                                         or w in ('on', 'in', 'for', 'to', 'with', 'and')).strip())
        if found: return ('one' if len(found) == 1 else 'many', found)
        parts = [p for p in re.split(r'\s+(?:and|und|&)\s+|\s*,\s*(?:and |und )?', t) if p.strip()]
        if len(parts) > 1:
            got = [self.find(p, hint or table) for p in parts]
            if all(s == 'one' for s, _ in got) and len({(tb.name, r['id']) for _, rs in got for tb, r in rs}) == len(got):
                return 'several', [rs[0] for _, rs in got]
        return 'none', []

    def counted(self, low, rows):
        "The rows that several ordinals name (the first and the last; the first two); [] for some that are not there, None where it is not several"
        words, said = (self.lang.words,
                       [w for w in re.findall(r'\w+', low) if w in self.lang.words['ordinals'] or self.lang.stem(w) not in self.lang.small])
        at, more = ([words['ordinals'].get(w) for w in said],
                    [words['numbers'].get(w) or (int(w) if w.isdigit() and len(w) < 4 else None) for w in said])
        if len(said) < 2 or at[0] is None: return None
        if len(said) == 2 and at[0] in (0, -1) and more[1] and at[1] is None:
            return (rows[:more[1]] if not at[0] else rows[-more[1]:]) if more[1] <= len(rows) else []
        if any(n is None for n in at): return None
        return [rows[n] for n in dict.fromkeys(n % len(rows) for n in at)] if all(-len(rows) <= n < len(rows) for n in at) else []

    def match(self, want, tables, extra=(), same=''):
        """Rows that hold all of these words: those that consist of them first, then
        those named by them, then those that hold them elsewhere; spelling may slip"""
        out = []
        for tb in tables:
            ix = tb.index(self.lang)
            hits = lambda words, of, near=False, ix=ix: set.intersection(*(ix.rows(w, of, near) for w in words))
            if exact := hits(want, 'own'):
                for n in exact:
                    own = set(ix.own[n])
                    out.append((0 if own == {*want, *extra} and (extra or same == str(tb.rows[n].get(tb.main) or '').casefold()) else
                                1 if same == str(tb.rows[n].get(tb.main) or '').casefold() else
                                2 if all(x in own for x in extra) else 3, tb, tb.rows[n]))
            elif near := hits(want, 'own', True): out += [(4, tb, tb.rows[n]) for n in near]
            elif some := hits(want, 'all'):
                named = set.union(*(ix.rows(w, 'own') for w in want))
                out += [(5 if n in named else 6, tb, tb.rows[n]) for n in some if n in named or not any(w.isdigit() for w in want)]
        best = min((n for n, *_ in out), default=9)
        return sorted(((tb, r) for n, tb, r in out if n == best), key=lambda f: f[1]['id'])

    def one(self, text, table=None, extra=()):
        "The rows of a phrase, or a Reading that says why not"
        status, rows = self.find(text, table, extra)
        if status in ('one', 'several'): return rows, None
        if status == 'many' and len(rows) <= 8: return None, Reading('ask', candidates=rows, about=unmask(text, self.quotes))
        if status == 'no_row': return None, Reading('nothing', name='no_row', about=unmask(text, self.quotes))
        return None, Reading('unsure', name='row') if status == 'none' else Reading('ask', candidates=rows[:6], about=unmask(text, self.quotes))

    # reading values

    def clean(self, v):
        v = unmask(v, self.quotes).strip()
        return re.sub(r'^["\'“‘`]+|["\'”’`]+$', '', v).strip().strip(',;:').rstrip('.!').strip()

    def typed(self, table, column, text):
        "What a text means in a column; None when it means nothing there"
        kind, v = table.columns[column], self.clean(text)
        if not v: return None
        if kind == 'number': return self.lang.number(v, table.whole(column))
        if kind == 'date': return self.lang.day(v)
        if kind == 'bool':
            if v.lower() in ('true', 'yes', 'on', 'ja', 'an'): return True
            if v.lower() in ('false', 'no', 'off', 'nein', 'aus'): return False
            return None
        if kind == 'choice': return next((c for c in table.choices.get(column, ()) if str(c).casefold() == v.casefold()), None)
        if kind == 'url': return v if re.fullmatch(r'(?:https?://|www\.)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*)?', v) else None
        if kind in ('json', 'ref'): return None
        return v

    def columns(self, table, text):
        "({column: value}, what is left for the main column) of a new row said in one breath"
        values, rest, lang = {}, text, self.lang
        def take(m):
            before, after = rest[:m.start()].rstrip(' ,;('), rest[m.end():].lstrip(' ,;)')
            return f'{before} ¦ {after}' if before.strip() and after.strip() else ' ' + (before + after).strip()      # ¦: something was said there
        for c, kind in [*table.columns.items()]*2:             # twice: what stood behind the first is the end now
            if c == table.main or c in values: continue
            noun = '(?:' + '|'.join(re.escape(w) for w in (spoken_name(c), *lang.columns.get(c, ()))) + ')'
            lead = r'(?:[,;(]\s*|\s+)(?:(?:with|and|at|mit|und)\s+)?(?:(?:a|an|the|its|his|her|their|my|ein|eine|einer|einem|der|die|das)\s+)?'
            if (kind == 'url' and (m := re.search(
                    rf'(?:{lead}(?:(?:url|website|web site|site|link|address|{noun})(?:\s+(?:is|of))?[:\s]+|at\s+|on\s+)?)'
                    r'(?P<v>(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|org|net|io|example|dev|de|co|uk|eu|info|ch|at|fr|app)\b(?:/\S*)?)', rest, re.I))):
                values[c] = m['v'].rstrip('.,;)')
                rest = take(m)
            elif (kind in ('email', 'text') and 'mail' in c
                  and (m := re.search(rf'(?:{lead}(?:(?:e-?mail|{noun})(?:\s+(?:is|of))?[:\s]+)?)(?P<v>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)', rest, re.I))):
                values[c] = m['v']
                rest = take(m)
            elif (kind == 'text' and re.search('phone|tel|mobile', c) and (m := re.search(
                    rf'(?:{lead}(?:(?:phone|tel|number|telephone|mobile|{noun})(?: number)?(?:\s+(?:is|of))?[:\s]+)?)(?P<v>\+?\d[\d /()-]{{3,}}\d)',
                    rest, re.I))):
                values[c] = m['v'].strip()
                rest = take(m)
            elif kind == 'number':
                m = (re.search(rf'{lead}{noun}(?:\s+(?:of|is|=|to|von))?\s*[:=]?\s*(?P<v>[€$£]?-?\d[\d.,]*|{"|".join(lang.words["numbers"])})\b',
                               rest, re.I)
                     or re.search(rf'(?:[,;(]\s*|\s+)(?:(?:with|and|for|at|of|mit|und|für|takes|costs|is)\s+)*(?P<v>[€$£]?-?\d[\d.,]*)\s*{noun}\b\)?',
                                  rest, re.I)
                     or (re.search(r'(?:[,;(]\s*|\s+)(?:(?:for|of|at|over|costs?|costing|worth|is|für|über)\s+)?'
                                   r'(?P<v>(?:[€$£]\s?-?\d[\d.,]*)|(?:-?\d[\d.,]*\s?(?:€|\$|£|euros?|dollars?|pounds?|eur|usd|gbp)))(?=[\s,;.)]|$)',
                                   rest, re.I) if re.search('amount|price|cost|total|sum|betrag|preis', c) else None))
                if m and (n := lang.number(re.sub(r'(?i)\s?(?:euros?|dollars?|pounds?|eur|usd|gbp)$', '', m['v'].rstrip('.,')))) is not None:
                    values[c] = n
                    rest = take(m)
            elif kind == 'date':
                if (m := re.search(rf'{lead}(?:{noun}|due|on|by|until|deadline|am|bis|fällig)(?:\s+(?:is|on|by|of|date|am|bis))*\s*[:=]?\s+'
                                   r'(?P<v>[^,;]+?)\)?$', rest, re.I)) and (d := lang.day(m['v'])):
                    values[c] = d
                    rest = take(m)
                elif (m := re.search(r'(?:[,;(]\s*|\s+)(?P<v>today|tomorrow|tonight|next \w+|heute|morgen|übermorgen'
                                     r'|(?:mon|tues|wednes|thurs|fri|satur|sun)day|\d{4}-\d\d-\d\d)\)?$', rest, re.I)) and (d := lang.day(m['v'])):
                    values[c] = d
                    rest = take(m)
            elif kind == 'choice':
                said = [x for x in table.choices.get(c, ()) if re.search(rf'(?<!\w){re.escape(str(x))}(?!\w)', rest, re.I)]
                if len(said) == 1 and (m := re.search(
                        rf'(?:{lead}(?:{noun}(?:\s+(?:is|of))?[:\s]+)?(?:as\s+|in\s+)?){re.escape(str(said[0]))}(?:\s+{noun})?(?!\w)\)?'
                        rf'|^{re.escape(str(said[0]))}[ -]{noun}\s+', rest, re.I)):
                    values[c] = said[0]
                    rest = take(m)
            elif (kind in ('text', 'long', 'email') and (m := re.search(
                    rf'{lead}{noun}(?:\s+(?:is|of|=|von))?\s*(?:[:=]\s*|\s+)(?P<v>Q\d+Q|[^,;]+?)(?=\s*(?:[,;)]|$|\s(?:with|and|mit|und)\s))\)?',
                    rest, re.I))):
                values[c] = self.clean(m['v'])
                rest = take(m)
            elif (kind == 'text' and c in ('author', 'by', 'artist', 'autor', 'writer', 'composer')
                  and (m := re.search(r'\s+(?:by|von)\s+(?P<v>[^,;]+?)$', rest))):
                values[c] = self.clean(m['v'])
                rest = take(m)
            elif (kind == 'bool' and (m := re.search(
                    r'(?:[,;(]\s*|\s+)(?:(?:and|which is|that is|marked|already|is|as|und|schon|bereits)\s+)*(?P<not>not |un|nicht )?'
                    rf'''(?:{"|".join(map(re.escape, sorted({c.replace("_", " "),
                        *(lang.flags.get(c, ()) if "," in rest or "already" in rest else ())}, key=len, reverse=True)))})\)?$''', rest, re.I))):
                values[c] = not m['not']
                rest = take(m)
        return values, rest

    def column(self, table, word):
        "The column that a word means in a table, else None"
        w = ' '.join(word.lower().split())
        w = w.removesuffix(' ' + self.lang.words['date_word'])
        return (next((c for c in table.columns if w in (spoken_name(c), spoken_name(c).removesuffix(' at').removesuffix(' on'))), None)
                or next((c for c in table.columns if w in self.lang.columns.get(c, ())), None))

    def flag_of(self, table, word):
        "(column, value) that a word means in a table, else None: one of its choices, where no column is called so, or a yes or no"
        w, off = ' '.join(word.lower().split()), False
        for n in sorted(self.lang.words['not'], key=len, reverse=True):
            if w.startswith(n + ' ') or n in ('un', 'non') and w.startswith(n) and not any(w in self.lang.unflags.get(c, ()) for c in table.columns):
                w, off = w[len(n):].strip(' -'), True
                break
        if not off and (chosen := table.choice(w)) and not any(k == 'bool' and w == spoken_name(c) for c, k in table.columns.items()): return chosen
        for c, k in table.columns.items():
            if k != 'bool': continue
            if w in [spoken_name(c), *self.lang.flags.get(c, ())]: return c, not off
            if w in self.lang.unflags.get(c, ()): return c, off
        return None
    @property
    def todo(self):
        "The table of what is to be done, where there is just one"
        ts = [tb for tb in self.world.tables.values()
              if {'done', 'finished', 'completed', 'complete', 'erledigt'} & {c for c, k in tb.columns.items() if k == 'bool'}]
        return ts[0] if len(ts) == 1 else None
    def done_column(self, table):
        return next((c for c, k in table.columns.items() if k == 'bool'
                     and (c in ('done', 'finished', 'completed', 'complete')
                          or {'finished', 'fertig', 'erledigt'} & set(self.lang.flags.get(c, ())))), None)
    def named(self, g, key='table'): return self.world.tables[self.nouns[' '.join(g[key].lower().split())]] if g.get(key) else None
