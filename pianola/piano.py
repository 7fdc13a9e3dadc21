"""Reading and playing: finds every action written in an assembled reply, and disarms what must never be read as a command.

    reply → places where an action may stand → objects → json, else repair → is it an action? → Found"""
import json, re
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cache
from math import isfinite

most = 5                # actions of one reply that are played
longest = 16_000        # characters of one action
deepest = 8             # brackets within brackets in one action
too_long = 250_000      # characters of a reply that is no reply any more, and is not searched

@dataclass
class Found:
    "An action written in a reply: what to press, and where it stood. With an `error` it was meant and cannot be used."
    name: str
    args: dict = field(default_factory=dict)
    start: int = 0
    end: int = 0
    error: str = ''

def actions(text):
    """Every action a reply presses, in the order they stand. Quotations (>), tables, thinking, code in another language and code within a sentence
    are talk *about* something and press nothing; neither does an object whose end was never written."""
    if '{' not in text or not _hint.search(text): return []
    if len(text) > too_long:
        return [Found('', start=0, end=len(text), error=f'The reply is longer than {too_long:,} characters, so no action was looked for in it.')]
    found = [f for a, b, closed, skip in places(text) for f in _read(text[a:b], a, closed, skip)]
    good, bad = [f for f in found if not f.error], [f for f in found if f.error]
    rest = good[most:]
    if rest:
        bad = bad[:most] + [Found('', start=rest[0].start, end=rest[-1].end,
                                  error=f'The reply holds {len(good)} actions; only the first {most} of one reply are played.')]
    return sorted(good[:most] + bad[:most+1], key=lambda f: f.start)

def key(text, fenced=False):
    """The names of the actions that `text` is made of, when it is nothing but that;
    else []. One that was meant and cannot be used says that it is not pressed."""
    s = text.strip()
    if not (s[:1] in ('{', '[') and s[-1:] in ('}', ']') and _hint.search(s) and len(s) <= longest): return []
    i, out = 0, []
    while i < len(s):
        end, founds = _object(s, i, fenced) if s[i] in '{[' else (None, [])
        if not founds or any(f.error for f in founds) and not _close(s, i, len(s))[0]: return []       # see `begun`
        out += [f"{f.name or 'an action'} (not pressed)" if f.error else f.name for f in founds]
        i = end + len(s[end:]) - len(s[end:].lstrip(' \t\r\n,;'))
    return out

def begun(text, cut=True):
    """Is `text` made of actions and then of half a one: an object that begins as an action does, as
    far as it goes, and is not closed? Without `cut` its first key must be there with its colon."""
    s, i = text.strip(), 0
    if s[:1] not in ('{', '[') or len(s) > longest: return False
    while i < len(s):
        m = _begins.match(s, i)
        if not m or not (m[2] and m[1] in _verbs or cut and not m[2] and m.end() == len(s) and any(v.startswith(m[1]) for v in _verbs)): return False
        end, _ = _close(s, i, len(s))
        if not end: return True
        if not key(s[i:end]): return False
        i = end + len(s[end:]) - len(s[end:].lstrip(' \t\r\n,;'))
    return False
_verbs = ('action', 'operation', 'actions')
_begins = re.compile(r'\[?\s*\{\s*["\'“]?(\w*)["\'”]?\s*(:?)')

_hint = re.compile(r'action|operation|\\u00[46]', re.I)      # cheap: most replies hold no action and are not read at all

# where an action may stand

@cache
def grammar():
    """How text is divided into blocks: one grammar for what is shown (render)
    and what is pressed (here), so that nothing is pressed that the page shows as
    a quotation. Link definitions are off: the definition of a link nobody used would vanish, and with it what the model said."""
    from markdown_it import MarkdownIt
    md = MarkdownIt('commonmark', {'html': False, 'breaks': True, 'linkify': True, 'tasklists': True, 'maxNesting': 20})
    md.linkify.set({'fuzzy_link': False, 'fuzzy_email': False})               # README.md is a file, not a site in Moldova
    for other in ('ftp:', '//'): md.linkify.add(other, None)
    md.validateLink = lambda url: bool(re.match(r'https?://[^/]|mailto:.', url, re.I))       # another address stays as it was written
    for name in ('list', 'blockquote'):         # nested deeper than anybody means, a marker is text: the parser would drop what stands there
        rule = next(r for r in md.block.ruler.__rules__ if r.name == name)
        md.block.ruler.at(name, lambda state, *a, deeper=rule.fn: state.level < 16 and deeper(state, *a), {'alt': rule.alt})
    md.enable(['table', 'strikethrough', 'linkify']).disable(['reference', 'html_block', 'html_inline'])
    # its lists of rules are made when they are first used: here, while no other thread has it
    md.parse('- [ ] a *b* https://example.com\n\n| a |\n|-|\n\n> b')
    return md

def divide(text):
    "Block tokens of a text whose line ends are \\n"
    return grammar().block.parse(text, grammar(), {}, []) or []

def closed(fence):
    "Was the end of a fence written?"
    code, (a, b) = fence.content, fence.map
    return b - a - 1 > code.count('\n') + (not code.endswith('\n') and code != '')

def language(fence):
    "The first word after the backticks"
    from markdown_it.common.utils import unescapeAll
    return (unescapeAll(fence.info).split() or [''])[0]

spoken = {'', 'json', 'jsonc', 'json5'}         # fences that hold an action; another language is code somebody asked for

def places(text):
    "(start, end, closed fence?, spans to skip) of every part of a reply in which an action may stand"
    text = text.replace('\r\n', ' \n').replace('\r', '\n').replace('\0', '\ufffd')          # as the grammar wants it, every letter where it was
    line = [0] + [m.end() for m in re.finditer('\n', text)] + [len(text)]
    at = lambda n: line[min(n, len(line)-1)]
    walls, spans, open_ = [(m.start(), m.end(), None) for m in re.finditer(r'\A\s*<think>[\s\S]*?(?:</think>|\Z)', text)], [], None
    for t in divide(text):
        if open_: open_ = None if t.level == open_.level and t.nesting < 0 else open_
        elif t.type in ('blockquote_open', 'table_open'):
            walls.append((at(t.map[0]), at(t.map[1]), None))
            open_ = t
        elif t.type == 'fence':
            inside = (at(t.map[0]+1), at(t.map[1] - closed(t)), closed(t)) if language(t).lower() in spoken else None
            walls.append((at(t.map[0]), at(t.map[1]), inside))
        elif t.type == 'inline' and '`' in t.content: spans += _code_spans(text, at(t.map[0]), at(t.map[1]))
    pos, first = 0, lambda p: bisect_left(spans, (p,))
    for a, b, inside in sorted(walls, key=lambda w: w[:2]) + [(len(text), len(text), None)]:
        if a > pos: yield pos, a, False, [(s-pos, e-pos) for s, e in spans[first(pos):first(a)]]
        if inside and a >= pos: yield *inside, []
        pos = max(pos, b)

def _code_spans(text, a, b):
    """The `code` of one paragraph, except when it fills its line: in a sentence
    it is what one talks about; alone on a line it is a small model's fence."""
    part, out, i = text[a:b], [], 0
    runs = {}
    for m in re.finditer('`+', part): runs.setdefault(len(m[0]), []).append(m.start())
    while m := _tick.search(part, i):
        i, n = m.end(), len(m[0])
        if m[0][0] == '\\': continue
        later = runs.get(n, [])
        k = bisect_left(later, m.end())
        if k == len(later): continue
        i = later[k] + n
        before = part[max(0, m.start()-40):m.start()]
        if not (_blank.match(part, i) and ('\n' in before or len(before) == m.start()) and _marker.fullmatch(before.rpartition('\n')[2])):
            out.append((a + m.start(), a + i))
    return out
_tick, _marker, _blank = re.compile(r'\\[\s\S]|`+'), re.compile(r'\s*(?:[-*+]|\d{1,9}[.)])?\s*'), re.compile(r'[ \t]*(?:\n|\Z)')

# one object

_open = re.compile(r'\{(?=\s*(?:["\'“]|[A-Za-z_]\w*\s*:|//|/\*))|\[(?=\s*\{)')
_meant = re.compile(r'\[?\s*\{\s*["\'“]?(?:action|operation)["\'”]?\s*:')
_several = re.compile(r'\[|\{\s*["\'“]?actions["\'”]?\s*:')
_next = re.compile(r'\n[ \t]*\n[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?=\[?\s*\{)')

def _read(s, offset, closed, skip):
    "The actions in one place; reading stays linear however many brackets are left open"
    i, k, budget, out = 0, 0, 8*len(s) + 250_000, []
    while (m := _open.search(s, i)) and budget > 0:
        i = m.start()
        while k < len(skip) and skip[k][1] <= i: k += 1
        if k < len(skip) and skip[k][0] <= i: i = skip[k][1]; continue
        end, founds = _object(s, i, closed)
        budget -= (end or min(len(s), i + longest)) - i
        out += [Found(f.name, f.args, offset + f.start, offset + f.end, f.error) for f in founds]
        i = end or i + 1
    return out

def _object(s, i, closed):
    "What begins at a bracket: (where reading goes on, or None for just behind the bracket; its actions)"
    try: value, end = _json.raw_decode(s, i)
    except (ValueError, RecursionError) as e: wrong = e
    else: return end, _founds(value, i, end)
    end, deep = _close(s, i, min(len(s), i + longest))
    if not end: return _unended(s, i, closed)
    piece = s[i:end]
    if not _hint.search(piece): return end, []
    if deep > deepest:
        return end, [Found('', {}, i, end, f'An action has more than {deepest} brackets within brackets.')] if _meant.match(piece) else []
    if isinstance(wrong, Unusable):         # of what is said twice neither is believed
        last, first = (_founds(json.loads(piece, parse_int=float, object_pairs_hook=lambda pairs, way=way: dict(pairs[::way])), i, end)
                       for way in (1, -1))
        name = last[0].name if len(last) == 1 and [f.name for f in last] == [f.name for f in first] else ''
        return end, [Found(name, {}, i, end, str(wrong))] if last or first or _meant.match(piece) else []
    if (value := _repair(piece)) is not None: return end, _founds(value, i, end)
    if _several.match(piece): return None, []            # one of them is beyond repair; look at each
    return end, [Found('', {}, i, end, 'An action could not be read without guessing; it must be JSON.')] if _meant.match(piece) else []

def _unended(s, i, closed):
    "An object whose end was not written. In a finished fence that is a forgotten bracket; anywhere else it was cut off, and half an action is none."
    piece = s[i:i + longest + 1].rstrip()
    if closed and piece[-1] in '}]' and len(piece) <= longest and _meant.match(piece) and (value := _repair(piece)) is not None:
        return len(s), _founds(value, i, len(s))
    if _several.match(piece): return None, []            # those before the cut are whole
    more = _next.search(s, i)
    what = f'is longer than {longest:,} characters' if len(piece) > longest else 'was cut off before its end'
    return more.end() if more else len(s), [Found('', {}, i, len(s), f'An action {what}, so it was not played.')] if _meant.match(piece) else []

def _close(s, i, limit):
    "(Where the bracket opened at `i` is closed or None, how deep it goes), with an eye on strings and comments, however damaged"
    depth = deep = 0
    while m := _mark.search(s, i, limit):
        c, i = m[0], m.end()
        if c in '{[':
            depth += 1
            deep = max(deep, depth)
        elif c in '}]':
            depth -= 1
            if not depth: return i, deep
        elif m := _ends[c].match(s, i, limit) if c in _ends else None: i = m.end()
        elif c in '"“': break
    return None, deep
_mark = re.compile(r'[{}\[\]"“]|(?<=[{\[,:\s])\'|(?<![:\w])//[^\n]*|/\*[\s\S]*?\*/')
# (?>…) and not …+ where what repeats looks ahead or repeats itself: Python before 3.11.5 goes on from where the last, failed, try had come to
_ends = {'"': re.compile(r'(?:[^"\\]|\\[\s\S])*+"'), '“': re.compile(r'[^”]*+”'),
         "'": re.compile(r"(?>(?:[^'\\\n]|\\.|'(?!\s*[,:}\]])){0,2000})'(?=\s*[,:}\]])")}

# what json cannot say, or says twice

class Unusable(ValueError): "JSON in form, but not usable as it is"

def _once(pairs):
    out = dict(pairs)
    if len(out) < len(pairs): raise Unusable(f'An action says “{next(k for n, (k, _) in enumerate(pairs) if k in dict(pairs[:n]))[:40]}” twice.')
    return out
def _number(s):
    if not isfinite(n := float(s)): raise Unusable(f'An action has {s[:20]}, which is not a number one can keep.')
    return n
def _whole(s):
    if len(s.lstrip('-')) > 19 or not -2**63 <= (n := int(s)) < 2**63: raise Unusable('An action has a number of more than 18 digits.')
    return n
def _never(s): raise Unusable(f'An action has {s}, which is not a number.')
_json = json.JSONDecoder(object_pairs_hook=_once, parse_float=_number, parse_int=_whole, parse_constant=_never)

def _repair(piece):
    """Damaged JSON as it was surely meant, else None: mending may add brackets, quotes
    and commas, but no word may come, go or move, and no bracket end up in a value"""
    from json_repair import repair_json
    plain = _comment.sub(lambda m: m[0] if m[0][0] in '"\'' else ' ', piece)
    try: value = _json.decode(said := repair_json(plain, skip_json_loads=True, ensure_ascii=False))
    except (ValueError, RecursionError): return None
    return value if _words(plain) == _words(said) and not any(c in v for v in _strings(value) for c in '{}[]') else None
_comment = re.compile(r'"(?:[^"\\]|\\[\s\S])*+"|(?<=[{\[,:\s])\'(?:[^\'\\\n]|\\.)*+\'|(?<![:\w])//[^\n]*|/\*[\s\S]*?\*/')

def _words(s):
    s = re.sub(r'\\u([0-9a-fA-F]{4})', lambda m: chr(int(m[1], 16)), s)
    return ['null' if w == 'none' else w for w in re.findall(r'\w+', re.sub(r'\\[nrtbf]', ' ', s).casefold())]
def _strings(v):
    if isinstance(v, str): yield v
    elif isinstance(v, (dict, list)):
        for x in ([*v, *v.values()] if isinstance(v, dict) else v): yield from _strings(x)

# is it an action?

verbs = {'insert': 'create', 'create': 'create', 'add': 'create', 'read': 'list', 'list': 'list', 'update': 'update', 'delete': 'delete'}
_name = re.compile(r'[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+')

def _founds(value, start, end, level=0):
    "The actions of a decoded object or list of them; a list may be wrapped in {\"actions\": …}. Data that only contains actions somewhere is not one."
    if isinstance(value, list): return [f for v in value if isinstance(v, dict) for f in _founds(v, start, end, level+1)] if level < 3 else []
    verb = next((value[k] for k in ('action', 'operation') if k in value), None) if isinstance(value, dict) else None
    if isinstance(value, dict) and verb is None and isinstance(value.get('actions'), list): return _founds(value['actions'], start, end, level+1)
    if not isinstance(verb, str): return []
    verb, table, args = verb.strip(), value.get('table'), value.get('args')
    rest = {k: v for k, v in value.items() if k not in ('action', 'args') and not (k == 'operation' and 'action' not in value)}
    bad = lambda error, name=verb: [Found(name[:80], {}, start, end, error)]
    if verb.lower() in verbs and isinstance(table, str) and _name.fullmatch(f'{table.strip()}.x'):
        verb = f'{rest.pop("table").strip()}.{verbs[verb.lower()]}'
    elif verb.lower() in verbs and ('table' in value or isinstance(args, dict)):
        return bad(f'“{verb}” does not say of which table, e.g. {{"action": "tasks.{verbs[verb.lower()]}", …}}.')
    if not _name.fullmatch(verb) or len(verb) > 80: return []
    if rest.get('table') == verb.partition('.')[0]: del rest['table']
    if isinstance(args, str):
        try: args = _json.decode(args)
        except (ValueError, RecursionError): pass
    if args is None: args = {}
    too_deep = f'The args of {verb} go more than {deepest - 1} brackets deep.'          # Python from 3.12 on reads thousands of them
    if not _within(args, deepest - 1): return bad(too_deep, verb)
    if not isinstance(args, dict): return bad(f'The args of {verb} must be an object, e.g. {{"name": "Buy milk"}}.', verb)
    if twice := [k for k in rest if k in args and args[k] != rest[k]]: return bad(f'{verb} says {twice[0][:40]} twice, differently.', verb)
    if not _within(args := {**args, **rest}, deepest - 1): return bad(too_deep, verb)
    args = _joined(args)
    try: size = len(json.dumps(args, ensure_ascii=False).encode())
    except UnicodeEncodeError: return bad(f'The args of {verb} hold half a character.', verb)
    if size > longest: return bad(f'{verb} is longer than {longest:,} characters.', verb)
    return [Found(verb, args, start, end)]

def _within(v, n): return not isinstance(v, (dict, list)) or n > 0 and all(_within(x, n-1) for x in (v.values() if isinstance(v, dict) else v))
def _joined(v):
    "Without the word joiners of `neutral`, which a model may repeat"
    if isinstance(v, str): return v.replace(joiner, '')
    return {_joined(k): _joined(x) for k, x in v.items()} if isinstance(v, dict) else [*map(_joined, v)] if isinstance(v, list) else v

# words of others

joiner = '\u2060'       # a word joiner: no width, no break; a person reads on, a tokenizer stops seeing its control token

def neutral(text, tokens=()):
    """Text of people, rows, pages and files as it may stand in a prompt: every
    control token of the chat templates (and of `tokens`, the model's own) gets a
    word joiner behind its first character, so that no tokenizer takes it for one and a person reads the same."""
    text = _control.sub(lambda m: m[0] + joiner, text)
    for t in tokens:
        if len(t) > 1: text = text.replace(t, t[0] + joiner + t[1:])
    return text

_control = re.compile(r"""
    < (?= [|｜] | </?SYS>> | /? (?: s | bos | eos | pad | unk | mask | sep | cls | sop | eop | eod | eom | BOS | EOS | PAD | UNK | CLS | SEP | MASK | PRE | SUF | MID | EOT | \w+_TOKEN
        | (?:begin|start|end)_(?:of|function)_\w+ | \w*image\w* | audio | video | turn | escape | role | answer | think | thinking | tools? | tool_\w+ | function_call | intermediate_step
        | unused\d+ | extra_id_\d+ | reserved_\w+ | SPECIAL_\d+ | fim[-_▁]\w+ | (?:begin|end)▁of▁\w+ | file_sep | repo_?name | file_?name | gh_stars | issue_\w+ | jupyter_\w+ | empty_output
        | commit_\w+ | \[\w+\] | 0x[0-9A-Fa-f]{2} ) > )
    | \[ (?= /? (?: INST | SYSTEM_PROMPT | AVAILABLE_TOOLS | TOOL_\w+ | MODEL_SETTINGS | ARGS | CALL_ID | THINK | PREFIX | MIDDLE | SUFFIX | IMG\w* | \w*AUDIO | CLS | SEP | MASK | PAD | UNK
        | BOS | EOS | REF | [gs]MASK | multimodal | control_\d+ ) \] )""", re.X)
