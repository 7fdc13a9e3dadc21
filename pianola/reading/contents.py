"""What of a sentence could stand in a column: its numbers, dates, addresses and quotes, and a text
behind *to* or a column's name, from where it begins to where politeness or a comma ends it."""
import re
from .targets import Targets

class Contents(Targets):
    "The values that one sentence tells, whichever column they are for"

    def values(self, a, b):
        "What could be a value: [(kind, value, place)]"
        out = []
        for n in range(a, b):
            w = self.words[n]
            if n > a+1 and w.kind in ('number', 'date') and re.search(self.g['not_this'], ' '.join(x.low for x in self.words[max(a, n-3):n])):
                continue
            if w.kind == 'number' and not w.text.startswith('#'):
                v = w.low.rstrip('k')
                if (x := self.lang.number(v)) is not None: out.append(('number', x*1000 if w.low.endswith('k') else x, n))
            elif w.kind in ('date', 'url', 'email', 'time', 'phone', 'day'): out.append((w.kind, w.text.rstrip('.'), n))
            elif w.kind == 'quote': out.append(('quote', self.reader.clean(w.text), n))
            elif w.low in self.lang.words['numbers'] and w.low not in ('one', 'eine', 'ein', 'a'):
                out.append(('number', self.lang.words['numbers'][w.low], n))
        if (w := next((n for n in range(a, b) if self.words[n].low in self.g['days']), None)) is not None:
            for i, j in sorted(((i, j) for i in range(max(a, w-2), w+1) for j in range(w+1, min(b, w+4)+1)), key=lambda s: s[0]-s[1]):
                if (not any(x.kind in ('mark', 'arrow', 'date', 'url') for x in self.words[i:j])
                        and (d := self.lang.day(self.text[self.words[i].a:self.words[j-1].b]))):
                    out = [o for o in out if not i <= o[2] < j] + [('date', d, i)]
                    break
        return out

    def tail(self, a, b, col):
        "(text, from, to) that stands behind the last word that leads to a value"
        # “to the science section”
        if col and (lead := next((n for n in range(col.a-1, max(a, col.a-6)-1, -1) if self.words[n].low in self.g['onto']), None)) is not None:
            ws = [n for n in range(lead+1, col.a) if self.words[n].low not in self.lang.words['a']]
            if ws and all(self.words[n].kind in ('word', 'quote', 'code') for n in ws):
                return (self.reader.clean(self.text[self.words[ws[0]].a:self.words[(col.b if col.key in self.g['kept'] else ws[-1]+1)-1].b]),
                        ws[0], ws[-1]+1)
        lead = [n for n in range(col.b if col else a, b) if self.words[n].kind == 'arrow' or self.words[n].low in self.g['to']]
        if not lead and col: lead = [n for n in range(col.b, b) if self.words[n].low in ('in', 'on') and self.words[n].low in self.g['onto']][-1:]
        if not lead:
            if not col or col.b >= b or self.words[col.b].kind == 'mark': return None
            n = col.b
            if self.words[n].low in self.lang.words['a'] and n+1 < b and self.words[n].low in ('of', 'for', 'von', 'für'): return None
        else: n = lead[-1]+1
        while n < b and self.words[n].low in self.g['fill']: n += 1
        e = next((k for k in range(n, b) if self.words[k].text in (',', ';', '!', '?', '(') or self.words[k].text == '.' and k+1 < b), b)
        while e > n and (self.words[e-1].low in self.g['fill'] or self.words[e-1].kind == 'mark' or self.words[e-1].low in self.lang.words['tail']):
            e -= 1
        if e <= n: return None
        said = self.shorn(self.reader.clean(self.text[self.words[n].a:self.words[e-1].b]))
        return (said, n, e) if said and len(said) <= 120 else None

    def shorn(self, text):
        "A value without the politeness behind it"
        while (m := re.search(rf"[,]?\s+(?:{'|'.join(map(re.escape, sorted(self.lang.words['tail'], key=len, reverse=True)))})$", text, re.I)
               or re.search(self.g['after'], text, re.I)) and m.start():
            text = text[:m.start()].rstrip(' ,')
        return text
