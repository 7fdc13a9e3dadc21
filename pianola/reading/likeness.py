"""How the values that stand in a column look, and whether what is said looks like them: times, days
and codes, numbers near those that are there, as many words, capitals or none, a word in common."""
import re
from .columns import Columns

class Likeness(Columns):
    "What the rows tell about a column, found out once for a table as it stands"
    def looks(self):
        "{text column: time, day, phone or code}: how its values look, and where there are none what its name says; made once"
        made = self.t.__dict__.setdefault('_looks', {})
        if self.lang.code not in made:
            out = made[self.lang.code] = {}
            for c, k in self.t.columns.items():
                if k != 'text' or c == self.t.main: continue
                have = [v for r in self.t.rows[:60] if (v := str(r.get(c) or '').strip())]
                out[c] = next((name for name, p in patterns.items() if have and sum(bool(p.fullmatch(v)) for v in have) > .7*len(have)), '')
                if have and not out[c] and sum(self.datelike(v) for v in have) > .7*len(have): out[c] = 'day'
                if not have: out[c] = next((name for name, cs in self.g.g['looks'].items() if c in cs or c.split('_')[-1] in cs), '')
        return made[self.lang.code]
    def datelike(self, v):
        days = {*self.g.g['days'], *self.lang.months}
        return (bool(re.fullmatch(r'\d{1,2}\.\d{1,2}\.(?:\d{2,4})?|\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}(?:/\d{2,4})?', v))
                or len(v.split()) < 5 and any(w.rstrip('.,') in days for w in v.lower().split()))

    def shapes(self, c):
        "How the codes of a column look (KAR-03: AAA-9), an empty set where it holds none"
        def make(have):
            found = {shape(str(v).upper()) for v in have}
            return found if len(have) > 1 and len(found) <= max(2, len(have)//2) and any('9' in v for v in found) else set()
        return self.once('shapes', c, make)
    def shaped(self, c, i, j):
        "Could these words stand in a column whose values are all codes (A1, B4) or none?"
        coded = self.once('coded', c, lambda vs: (
            {shape(str(v).upper()) for v in vs} if len(vs) > 1 and all(re.search(r'\d', str(v)) and len(str(v)) < 9 for v in vs) else None))
        return coded is None or shape(self.said(i, j).upper()) in coded
    def like_others(self, cs, i, j):
        """The one open column whose values are written as these words are: so many of them,
        with capitals or without; of an empty table the one that holds people, for a name"""
        def profile(v): return v[:1].isupper(), len(v.split()) > 1
        said, score = profile(self.said(i, j)), {}
        for c in cs:
            share = self.once('profiles', c, lambda vs: {p: sum(profile(str(v)) == p for v in vs)/len(vs) for p in {profile(str(v)) for v in vs}})
            if share: score[c] = share.get(said, 0.)
            elif said == (True, True): score[c] = float(c in self.g.g['persons'])
        best = sorted(score, key=score.get, reverse=True)
        return (best[0] if best and score[best[0]] >= .5 and (len(best) == 1 or score[best[1]] <= score[best[0]]/2.5)
                and len(best) == len(cs) else None)
    def kin(self, cs, i, j):
        "The one open column whose values share words with these"
        want = {self.words[k].stem for k in range(i, j) if self.words[k].kind == 'word' and len(self.words[k].low) > 2}
        cs = [c for c in cs if self.shaped(c, i, j)]
        hits = [c for c in cs if want & self.once('tokens', c, lambda vs: {w for v in vs for w in self.lang.tokens(str(v))})]
        return hits[0] if len(hits) == 1 else None

    def fits(self, c, v):
        "Is a number like those that stand in a column, or like the one that stands in the row?"
        if self.row:
            return (isinstance(x := self.row.get(c), (int, float)) and x > 0 and v > 0 and max(v/x, x/v) < 1.6
                    and not (self.t.whole(c) and v != int(v)) and c not in self.was)
        if not (s := self.span(c)): return False
        if s[0] > 1500 and s[1] < 2200: return 1500 < v < 2200
        return s[0]/2.5 <= v <= s[1]*2.5 and not (self.t.whole(c) and v != int(v))
    def span(self, c):
        def make(have):
            vs = [v for v in have if isinstance(v, (int, float)) and not isinstance(v, bool) and v]
            return (min(vs), max(vs)) if vs else None
        return self.once('span', c, make)
    def once(self, what, c, make):
        "Something about a table's column that is found out once"
        made = self.t.__dict__.setdefault('_once', {})
        if (what, c) not in made: made[what, c] = make([v for r in self.t.rows if (v := r.get(c)) not in (None, '')])
        return made[what, c]

patterns = {'time': re.compile(r'\d{1,2}[:.h]\d\d|\d{1,2}(?:[:.]\d\d)?\s?[ap]m', re.I), 'phone': re.compile(r'\+?[\d ()/-]{6,}')}
def shape(v): return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]", "A", v))
