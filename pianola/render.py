"""What is said, as HTML: one renderer for a reply that grows and for one from last year.

    text → blocks → tags → the sanitizer → our own parts: code figures, tables that scroll, folded keys

Model output is hostile: it has no HTML of its own, no class, id or style, no
button, no image from elsewhere; its links are marked, lead out and show where."""
import html, re, time
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count
from . import piano

esc = lambda s: html.escape(s, quote=False)
attr = html.escape

def blocks(text, cut=False):
    "The HTML of each top-level block of a whole text; one that was `cut` may end in the first letters of an action"
    return [_block(*u, cut=cut) for u in _units(_source(text))]

@dataclass(slots=True)
class Frame:
    """What changed since the last one. `finished`: blocks to add, for good. Then either `tail`: the open part, drawn again; or, when that is enough, `append`:
    plain text for the end of the last element of the tail (down through ul, li, p, h1…, pre > code and half an action, never into em, a or code
    within a line)."""
    finished: list
    tail: str = ''
    append: str | None = None

class Blocks:
    """One growing reply: feed it, take a frame when it is time to draw. However it
    is fed, in the end `done` is `blocks(text)`. Only what is unfinished is ever
    parsed again; words, and the lines of an open fence, go to the browser once, as
    text. A block that is dear to draw is drawn again only when it has grown by some
    percent, and goes on as plain text meanwhile (`exact` is False then), so that the cost stays linear.
    What may become an action is folded from its first letter on, and appears when it turns out to be none."""
    dear = 1_500                                    # characters of one paragraph; of a list four, of a table two count as one
    def __init__(self, text=''):
        self.done, self.exact = [], True
        self._new, self._cr = [], ''                # fed and not drawn; a \r whose \n may be on its way
        self._rest = ''                             # the source of what is drawn and not finished
        self._fence = None                          # (its end, its language, where its code begins): the rest is an open fence
        self._half = False                          # is the rest drawn as an action that is being written?
        self._shown = self._line = 0                # of the fence: how far its code is drawn, where its unfinished line begins
        self._looks = ''                            # of the fence: see `_as_far`
        self._gap, self._soft = '', False           # space held back; does the rest end in words, to which more can be added?
        self._full, self._cost, self._step = 0, 0, 0    # its size when it was drawn, what that cost, how much must come before it is dear again
        self._stuck, self._tried = False, (0, False)
        if text: self.feed(text); self.frame()
    def feed(self, text): self._new.append(text)

    def frame(self):
        "What to draw now"
        text = self._take()
        n, at = len(self.done), len(self._rest)
        self._rest += text
        if not text or not at and not text.strip(' \t\n'): return Frame([], append='')
        if self._fence and (f := self._in_fence()): return f
        if len(self.done) == n:
            if self._soft and self._wordy(text, at): return self._add(text)
            if not self._worth_drawing(at): return self._add(text, exact=False)
        self._cut()
        half, gap = self._half, self._gap
        tail = self._draw()
        if half and self._half and len(self.done) == n: return Frame([], append=_shown((gap + text).rstrip(space)))      # whoever opened it reads on
        return Frame(self.done[n:], tail)

    def end(self, cut=False):
        "The last frame: everything is finished"
        self._rest += self._take() + '\n' * bool(self._cr)
        new = [_block(*u, cut=cut) for u in _units(self._rest)]
        self.done += new
        self._rest, self._cr, self._fence = '', '', None
        return Frame(new)

    def tail(self):
        "The open part as the last frame left it"
        if self._fence: return _growing(self._rest[self._fence[2]:self._shown], self._fence[1], self._looks)
        return ''.join(_block(*u, live=True) for u in _units(self._rest))

    # how it stays cheap

    def _take(self):
        text = self._cr + ''.join(self._new)
        self._new.clear()
        self._cr = '\r' if text.endswith('\r') else ''
        return _source(text[:-1] if self._cr else text)

    def _draw(self):
        size = self._full = len(self._rest)
        self.exact, self._soft, self._half, self._cost, self._step = True, False, False, 0, 0
        if self._fence: return self.tail()
        if units := _units(self._rest):
            block, (leaf, self._soft) = units[-1][0][0], _end(units[-1][0])
            self._half = block.type == 'paragraph_open' and piano.begun(leaf.content)
            self._soft = self._soft and not self._half
            words = len(leaf.content) if self._soft else 0          # lines before are remembered (see _inline)
            self._cost, self._step = words + size//(2 if block.type == 'table_open' else 4), (words + size//2)//16
        self._gap = self._rest[len(self._rest.rstrip(space)):]
        return ''.join(_block(*u, live=True) for u in units)

    def _add(self, text, exact=True):
        text = self._gap + text
        out = text.rstrip(space)
        self._gap, self.exact = text[len(out):], self.exact and exact
        return Frame([], append=_shown(out))

    def _wordy(self, text, at):
        """Can this text change nothing but the words at the end? Not at a line's
        first letter; not right behind markup; not in what may be a URL, an entity or
        the target of a link. Space at the end never shows."""
        rest, line = self._rest, self._rest.rfind('\n', 0, at) + 1
        empty = not text.strip(' \t\n')
        if empty and rest[at-1] in ' \t\n': return True
        if rest[max(line, at-200):at].rstrip()[-1:] in ('#', ']') or not _letter.search(rest, line, at): return False
        if empty: return True
        if not _words.fullmatch(text) or '://' in text or self._gap.strip(space[:-2]): return False
        if text[0] != ' ' and (rest[at-1] in _marks or rest[at-1] in '()' or _url.search(rest, max(rest.rfind(' ', 0, at) + 1, line), at)):
            return False
        return ')' not in text or '](' not in rest

    def _worth_drawing(self, at):
        grown = len(self._rest) - self._full
        if self._cost + grown <= self.dear or grown > self._step: return True
        if self._stuck or not _turn.search(self._rest, max(0, at-80)): return False
        self._stuck = True                          # looks as if another block begins; believed once
        return True

    def _cut(self):
        "Finish what can never change: a block is finished when the next one begins on a whole line, or when nothing can continue it"
        whole, (tried, turn) = self._rest.rfind('\n') + 1, self._tried
        turned = whole < len(self._rest) and bool(_turn.match(self._rest, _blank.search(self._rest, max(0, whole-80), whole).start()))
        if turned == turn and (whole == tried or _list.match(self._rest) and _listed.fullmatch(self._rest, tried, whole)): return
        text = self._rest[:whole]
        units, k, open_ = _units(text), 0, False
        if units:
            t = units[-1][0][0]
            open_ = t.type == 'fence' and not piano.closed(t)
            apart = t.map[1] < text.count('\n') and t.type in ('paragraph_open', 'heading_open', 'blockquote_open', 'table_open')
            k = len(units) - (open_ or not (apart or turned or t.type in ('hr', 'fence')))
        self.done += [_block(*u) for u in units[:k]]
        if k: self._stuck = False
        gone = units[k][1] if k < len(units) else whole
        self._rest, self._tried = self._rest[gone:], (whole - gone, turned)
        if open_ and (m := _fence.match(self._rest)) and ('|' not in m[0] or self._rest.count('\n') > 1):      # may be the head of a table
            self._fence = re.compile(rf'^ {{0,3}}{m[1][0]}{{{len(m[1])},}}[ \t]*\n', re.M), piano.language(t), m.end()
            self._line = m.end()
            self._shown = self._whole()
            self._looks = _as_far(self._rest[m.end():self._shown], self._fence[1])

    def _whole(self):
        "How far an open fence can be shown: not a last line that may become its end"
        self._line = max(self._line, self._rest.rfind('\n') + 1)
        return self._line if _closing.fullmatch(self._rest, self._line) else len(self._rest)

    def _in_fence(self):
        end, lang, begin = self._fence
        if m := end.search(self._rest, self._line):
            self.done.append(_code(self._rest[begin:m.start()], lang, closed=True))
            self._rest, self._fence, self._tried = self._rest[m.end():], None, (0, False)
        else:
            a, self._shown = self._shown, max(self._shown, self._whole())
            if (was := self._looks) != 'code' and (now := _as_far(self._rest[begin:self._shown], lang)) != was:
                self._looks = now
                return Frame([], self.tail())
            return Frame([], append=_shown(self._rest[a:self._shown]) if was else '')

# the last two are none to emphasis
space = ' \t\n\r\x0b\x0c\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u2028\u2029'
_odd = '\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u206f\ufeff'
_marks = '\\`*_~<>&[]{}#|\n\u2028\u2029'
_words = re.compile(rf'[^{re.escape(_marks)}{_odd}]*')
_letter, _url = re.compile(r'(?<!\[)[^\W\d_]'), re.compile('[:&]')
_turn = re.compile(r'\n[ \t]*\n(?=[^\s*+\-\d]|\*\*[^\s*])')
_blank = re.compile(r'(?:\n[ \t]*)?\n?\Z')
_list = re.compile(r' ?(?:[-*+]|\d{1,9}[.)])[ \t]')
_listed = re.compile(r'(?>(?:(?: {2,}|\t| ?(?:[-*+]|\d{1,9}[.)])[ \t])[^\n]*\n|[ \t]*\n)*)')         # not …+: see piano._ends
_fence = re.compile(r'(`{3,}|~{3,})[^\n]*\n')
_closing = re.compile(r' {0,3}[`~]*[ \t]*')

# from text to blocks

def prose(text):
    "A reply in its own words: its Markdown without the actions written in it"
    text = _source(text)
    found, out, whole = dict.fromkeys((f.start, f.end) for f in piano.actions(text) if not f.error), [], True
    for tokens, a, b, _ in _units(text):
        t, code, at, said = tokens[0], '', a, ''
        if t.type == 'paragraph_open': code = tokens[1].content
        elif t.type == 'fence' and piano.language(t).lower() in piano.spoken: code = t.content
        if code.lstrip()[:1] in ('{', '[') and _names(code, t.type == 'fence' and piano.closed(t), True):
            whole = False
            continue
        for i, j in found:
            if not a <= i < j <= b: continue
            while i > at and text[i-1] == '`' == text[j:j+1]: i, j = i-1, j+1             # one that stood alone on its line, as code
            said, at, whole = said + text[at:i].rstrip(' '), j, False
        rest = said + text[at:b]
        if at == a or re.search(r'\w', rest): out.append(rest.strip('\n'))             # else a bare sign of a list
    return text if whole else '\n\n'.join(o for o in out if o.strip())

def ended(text):
    "Markdown behind which something can stand: a fence that was left open is closed"
    units = _units(text := _source(text))
    t = units[-1][0][0] if units else None
    return f'{text.rstrip()}\n{t.markup}' if t and t.type == 'fence' and not piano.closed(t) else text

def _source(text):
    "Line ends as \\n; what can be no letter at all as \N{REPLACEMENT CHARACTER}"
    if '\r' in text: text = text.replace('\r\n', '\n').replace('\r', '\n')
    return _broken.sub('\ufffd', text)
_broken = re.compile('[\0\ud800-\udfff]')

def _units(text):
    "(tokens, start, end, text) of every top-level block"
    out, line, first = [], None, 0
    tokens = piano.divide(text)
    for i, t in enumerate(tokens):
        if t.level or t.nesting > 0: continue
        line = line or [0, *(m.end() for m in re.finditer('\n', text)), len(text)]
        a, b = tokens[first].map
        out.append((tokens[first:i+1], line[a], line[min(b, len(line)-1)], text))
        first = i + 1
    return out

def _end(tokens):
    "(The last thing in a block, whether it is words that more can follow as text of the last element, down to it)"
    i = next(i for i in range(len(tokens)-1, -1, -1) if tokens[i].nesting >= 0)
    leaf, holder = tokens[i], tokens[i-1]
    if leaf.type != 'inline' or holder.type not in ('paragraph_open', 'heading_open'): return leaf, False
    if holder.hidden and tokens[i-2].type != 'list_item_open': return leaf, False          # bare text behind another element of its item
    return leaf, not (leaf.content[:1] in ('{', '[') and leaf.content[-1:] in ('}', ']'))     # perhaps folded

def _block(tokens, start, end, text, live=False, cut=False):
    "The HTML of one top-level block; the same for the same source, wherever it stands (but for the very end of what was cut)"
    t = tokens[0]
    cut = cut and '\n' not in text[end:]
    if t.type == 'fence':
        if live and not piano.closed(t):
            lang = piano.language(t)
            return _growing(t.content, lang, _as_far(t.content, lang) if '\n' in text[start:end] else '')
        return _code(t.content, piano.language(t), piano.closed(t), cut)
    if t.type == 'paragraph_open' and (said := tokens[1].content)[:1] in ('{', '['):
        if names := piano.key(said): return _folded(names, figure(said, 'json'))
        if live and piano.begun(said): return _half(said, 'json')
        if not live and piano.begun(said, cut): return _folded([unfinished], figure(said, 'json'))
    return _tags(tokens, live)

def _tags(tokens, live):
    out, codes = [], []
    for t in tokens:
        kind = t.type
        if kind == 'inline': out.append(_inline(t.content))
        elif kind in ('fence', 'code_block'):
            lang, whole = (piano.language(t), piano.closed(t)) if kind == 'fence' else ('', True)
            codes.append(figure(t.content, lang, colour=whole or not live))
            out.append('<pre></pre>')
        elif t.hidden: pass
        elif t.nesting < 0: out.append(f'</{t.tag}>')
        elif kind == 'ordered_list_open': out.append(f'<ol start="{int(t.attrs["start"])}">' if 'start' in t.attrs else '<ol>')
        elif kind in ('th_open', 'td_open'):
            out.append(f'<{t.tag} class="{t.attrs["style"].partition(":")[2]}">' if 'style' in t.attrs else f'<{t.tag}>')
        elif kind == 'list_item_open' and 'checked' in t.meta: out.append('<li class="task">' + ('☑ ' if t.meta['checked'] else '☐ '))
        else: out.append(f'<{t.tag}>')
    clean = _cleaner().clean(''.join(out))
    if codes:
        codes = iter(codes)
        clean = re.sub('<pre></pre>', lambda m: next(codes), clean)
    if '<table>' in clean:
        clean = clean.replace('<table>', '<div class="table" tabindex="0" role="region" aria-label="Table"><table>')
        clean = clean.replace('</table>', '</table></div>')
    return _shown(clean)

@cache
def _cleaner():
    "The last word on what came from a model: an allow-list of what the tags above need"
    import nh3
    return nh3.Cleaner(tags=set('p br hr em strong s code pre a ul ol li blockquote table thead tbody tr th td h1 h2 h3 h4 h5 h6'.split()),
                       clean_content_tags=set(),
                       attributes={'a': {'href', 'title', 'target'}, 'ol': {'start'}},
                       allowed_classes={'a': {'out', 'img-link'}, 'li': {'task'}} | {t: {'left', 'center', 'right'} for t in ('th', 'td')},
                       url_schemes={'http', 'https', 'mailto'}, url_relative='deny', link_rel='noopener noreferrer nofollow',
                       generic_attribute_prefixes=set())

def _shown(s):
    "Without characters that turn text around or have no width, as they could hide what is there; control characters as their pictures"
    return _tricks.sub(lambda m: chr(0x2400 + ord(m[0])) if m[0] < ' ' else '␡' if m[0] == '\x7f' else '', s)
_tricks = re.compile('[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u206f\ufeff]')

# within a line

long_line = 20_000      # a paragraph of more characters is data, not prose: shown as it was written

@lru_cache(512)
def _inline(text):
    return esc(text).replace('\n', '<br>') if len(text) > long_line else _spans(_parse(text))

def _parse(text):
    out = []
    piano.grammar().inline.parse(text, piano.grammar(), {}, out)
    return out

def _spans(tokens):
    out, within = [], 0
    for i, t in enumerate(tokens):
        kind = t.type
        if kind in ('text', 'text_special'): out.append(esc(t.content))
        elif kind in ('softbreak', 'hardbreak'): out.append('<br>')
        elif kind == 'code_inline': out.append(f'<code>{esc(t.content)}</code>')
        elif kind == 'image': out.append(esc(_alt(t)) if within else _link(t.attrs['src'], 'out img-link') + esc(_alt(t)) + '</a>')
        elif kind == 'link_open':
            within += 1
            if within == 1: out.append(_link(t.attrs['href'], 'out'))
            till = next(j for j in count(i+1) if tokens[j].type == 'link_close')
            if not _shown(_said(tokens[i+1:till])).strip(): out.append(esc(t.attrs['href']))       # a link nobody could see
        elif kind == 'link_close':
            within -= 1
            if not within: out.append('</a>')
        else: out.append(f'<{"/" * (t.nesting < 0)}{t.tag}>')
    return ''.join(out)

def _link(url, cls): return f'<a class="{cls}" href="{attr(url)}" title="{attr(url)}" target="_blank">'

def _alt(t): return alt if _shown(alt := _said(t.children)).strip() else 'image'
def _said(tokens): return ''.join(' ' if t.type in ('softbreak', 'hardbreak') else _alt(t) if t.type == 'image' else t.content for t in tokens or ())

# our own parts

unfinished, writing = 'unfinished action', 'writing an action …'

def _code(code, lang, closed, cut=False):
    fig = figure(code, lang)
    if lang.lower() not in piano.spoken or code.lstrip()[:1] not in ('{', '['): return fig
    return _folded(names, fig) if (names := _names(code, closed, cut)) else fig

def _names(code, closed, cut): return piano.key(code, closed) or [unfinished] * piano.begun(code, cut)

def _as_far(code, lang):
    "What an open fence is as far as it goes: '' while nothing tells, perhaps an 'action', or 'code', which it then stays"
    if lang.lower() not in piano.spoken or code.lstrip()[:1] not in ('', '{', '['): return 'code'
    return 'action' if piano.begun(code) or piano.key(code) else '' if code.strip() in ('', '[') else 'code'

def _growing(code, lang, looks): return _half(code, lang) if looks == 'action' else figure(code, lang, colour=False) if looks else ''

def _half(code, lang): return _folded([writing], figure(code, lang, colour=False), 'key half')
def _folded(names, fig, cls='key'): return f'<details class="{cls}"><summary>{_shown(esc(", ".join(names)))}</summary>{fig}</details>'

def figure(code, lang='', colour=True):
    "A piece of code with its language and a copy button"
    coloured = _coloured(code, lang.lower()) if colour and lang and len(code) <= most_coloured else ''
    cls = ' class="hl"' if coloured else ''
    return _shown(f'<figure class="code"><figcaption><span class="lang">{esc(lang[:30]) or "text"}</span>'
                  f'<button type="button" class="copy" aria-label="Copy code">Copy</button></figcaption>'
                  f'<pre tabindex="0"><code{cls}>{coloured or esc(code)}</code></pre></figure>')

most_coloured, patience = 20_000, .1        # characters; seconds of our time, as some lexers go astray on odd input

@lru_cache(64)
def _coloured(code, lang):
    "The code in spans of the few classes that pianola.css knows, or '' when that cannot be had"
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound
    try: lexer = get_lexer_by_name({'jsonc': 'json', 'json5': 'json', 'shell': 'bash'}.get(lang, lang), stripnl=False, ensurenl=False)
    except ClassNotFound: return ''
    out, last, pile, n, until = [], '', [], 0, time.thread_time() + patience
    for kind, text in lexer.get_tokens(code):
        if (cls := _class(kind)) != last and text.strip() or not pile:
            out.append(_span(last, pile))
            last, pile = cls, []
        pile.append(text)
        n += len(text)
        if time.thread_time() > until: return ''
    out.append(_span(last, pile))
    return ''.join(out) if n == len(code) else ''          # a lexer that loses a letter has no say

def _span(cls, pile): return f'<span class="{cls}">{esc("".join(pile))}</span>' if cls and pile else esc(''.join(pile))

_classes = {'Comment': 'c', 'Keyword': 'k', 'Operator.Word': 'k', 'Name.Tag': 'k', 'Keyword.Type': 't', 'Name.Class': 't',
            'Name.Exception': 't', 'Name.Function': 'f', 'Name.Decorator': 'd',
            'Name.Builtin': 'b', 'Name.Attribute': 'a', 'Name.Variable': 'v', 'Name.Constant': 'n', 'Number': 'n', 'Literal': 'n',
            'Literal.String': 's', 'Literal.String.Doc': 'c',
            'Literal.String.Escape': 'e', 'Literal.String.Interpol': 'e', 'Generic.Inserted': 'i', 'Generic.Deleted': 'x',
            'Generic.Heading': 'h', 'Generic.Subheading': 'h', 'Generic.Prompt': 'c'}

@cache
def _class(kind):
    while kind:
        if cls := _classes.get(str(kind)[6:]): return cls
        kind = kind.parent
    return ''

# as plain words

def plain(text, n=0):
    "The words without the markup, in one line, cut at `n` characters between words"
    out = []
    for t in piano.divide(_source(text[:20*n + 2000] if n else text)):
        if t.type == 'inline': out.append(_words_of(t.content))
        elif t.type in ('fence', 'code_block'): out.append(', '.join(piano.key(t.content, True)) or 'code block')
    s = ' '.join(_shown(' '.join(out)).split())
    if not n or len(s) <= n: return s
    cut = s[:n].rpartition(' ')[0] if s[n-1:n] != ' ' else s[:n-1]
    return (cut if len(cut) > n//2 else s[:n-1]).rstrip(' ,;:.–-') + '…'

def _words_of(content):
    if names := piano.key(content): return ', '.join(names)
    return _said(_parse(content)) if len(content) <= long_line else content

def sentences(text, start):
    """The sentences a growing text has finished since `start`, as plain words, and
    the next `start`. Code is one sentence, "Code block."; a line's end ends one too.
    What is not finished yet waits; two line ends after the last word finish it."""
    out, i = [], start
    while True:
        while i < len(text) and text[i].isspace(): i += 1
        if i >= len(text): break
        fresh = not text[text.rfind('\n', 0, i)+1:i].strip()
        if fresh and text[i] in '`~' and (text[i:i+3] in ('```', '~~~') or len(text) - i < 3):
            if not (end := _fence_end(text, i)): break
            inner = text[text.find('\n', i)+1:end].rstrip().rpartition('\n')[0]
            said = _named(inner, True) or 'Code block.'
        elif fresh and text[i] in '{[' and _json.match(text, i):
            end, _ = piano._close(text, i, min(len(text), i + piano.longest))
            if not end and len(text) - i < piano.longest and '\n\n' not in text[i:]: break
            end = end or text.find('\n', i) + 1 or len(text)
            said = _named(text[i:end]) or 'Code block.'
        else:
            if not (end := _sentence_end(text, i, fresh)): break
            said = _spoken(text[i:end], fresh)
        if said: out.append(said)
        i = end
    return out, i

def _named(code, fenced=False): return ', '.join(piano.key(code, fenced)) or unfinished * piano.begun(code, cut=False)
_json = re.compile(r'\{\s*["\']|\[\s*\{')
_stop = re.compile(r'[.!?…]+["\')\]*_»”’]*(?=\s)|[。！？]+|\n')
_short = re.compile(r'(?:^|[\s(])(?:\d{1,2}|[A-Za-z]|e\.g|i\.e|etc|vs|cf|ca|Dr|Mr|Mrs|Ms|Prof|St|No|z\.\s?B|d\.\s?h|bzw|u\.\s?a)\.$')

def _sentence_end(text, i, fresh, most=800):
    "Where the sentence at `i` ends, or 0"
    j = i
    while m := _stop.search(text, j, i + most):
        j = m.end()
        if m[0][0] != '.' or m[0] == '...': return j
        k = j
        while k < len(text) and text[k] in ' \t': k += 1
        if k == len(text): return 0                 # what follows tells
        if text[k] != '\n' and (text[k].islower() or _short.search(text[max(0, i-1, j-12):j])): continue
        return j
    return text.rfind(' ', i, i + most) + 1 or i + most if len(text) - i > most else 0

def _fence_end(text, i):
    "Behind the fence that begins at `i`, or 0"
    if (nl := text.find('\n', i)) < 0: return 0
    mark = re.match('`+|~+', text[i:nl])[0]
    end = re.compile(rf' {{0,{i - text.rfind(chr(10), 0, i) + 2}}}{mark[0]}{{{len(mark)},}}[ \t]*\n')
    while (j := text.find(mark, nl)) >= 0:
        nl = text.rfind('\n', 0, j)
        if m := end.match(text, nl+1): return m.end()
        if (nl := text.find('\n', j)) < 0: return 0
    return 0

_lead = re.compile(r'(?:#{1,6}\s+|>\s?|[-*+]\s+(?:\[[ xX]\]\s)?)+')
def _spoken(s, fresh):
    s = s.strip()
    if fresh and (m := _lead.match(s)): s = s[m.end():]
    if s[:1] == '|': s = re.sub(r'\s*\|\s*', ', ', s.strip('| '))
    s = _shown(_said(_parse(s)))
    s = ' '.join(re.sub(r'(?<!\w)[*_]{1,3}(?=\w)|(?<=[\w.!?])[*_]{1,3}(?!\w)|\*\*|`', '', s).split())
    return s if re.search(r'\w', s) else ''

def warm():
    "Load what the first reply needs (some 60 ms), for a thread to do when the server is up"
    blocks('**a** https://example.com\n\n```python\nx = 1\n```')
