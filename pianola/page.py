"The page: menu, the open plugin on the left, the conversation on the right. And `Page`, the plainest kind of plugin."
import asyncio, functools, gzip, hashlib, inspect, sys, time
from html import escape
from pathlib import Path
from loguru import logger as log
from urllib.parse import urlencode
from fasthtml.common import (A, APIRouter, Body, Button, Details, Dialog, Div, Form, H1, Head, Header, Html, Input, Li, Link, Main, Meta,
                             Nav, P, Script, Section, Small, Span, Summary, Textarea, Title, Ul, Label)
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from . import contain, fetch, tabs
from .contain import Refused
from .conversation import bubble, chat, history
from .loading.plugins import Kind, plugins, to_chat
from .store import store

most_behind = 500           # lines of the log that a plugin has yet to hear

class Page(Kind):
    """A plugin of functions that return tags: `@page` on `index` is the left column, and its text parameters
    are what the address says (/NAME?x=…); `@page.get('/x')` and `@page.post('/x')` are routes under /NAME/x."""
    def __init__(self, name=None):
        super().__init__(name, sys._getframe(1))
        self.router, self.index, self.heard = APIRouter(prefix=f'/{self.plugin_name}'), None, None
        self.get, self.post, self.turn, self.behind, self.echoed = self.router.get, self.router.post, asyncio.Lock(), 0, False
    def __call__(self, f):
        self.index = f
        return f
    def hears(self, f):
        """Decorator: f(e) is called with every line of the log, but for those that it wrote
        itself while it heard another. A plain function hears one after the other, in a thread."""
        self.heard = f
        return f
    def hear(self, e):
        if not self.heard: return None
        if self.plugin_name not in e.through: return self._hear(e)
        if not self.echoed:
            log.debug('the plugin {} is not told of what it says and does itself while it hears a line (here: {} {})', self.plugin_name,
                     e.kind, e.what)
        self.echoed = True
    async def _hear(self, e):
        if self.behind >= most_behind:
            raise Refused(f'it is {most_behind} lines behind and hears no more until it has caught up', 'what takes a while belongs in a job')
        self.behind += 1
        try:
            if inspect.iscoroutinefunction(self.heard): return await contain.steps(self.heard(e))
            async with self.turn: await contain.beside_us(self.heard, self.plugin_name)(e)
        finally: self.behind -= 1
    def mount(self, app):
        for f, *rest in self.router.routes: app._add_route(worded(contain.beside_us(f, self.plugin_name)), *rest)
    async def view(self):
        if not self.index: return P('This page has no `index` yet: put @page above a function that returns tags.')
        asked, takes = tabs.address.get() or {}, inspect.signature(self.index).parameters
        given = {k: v for k, v in asked.items() if k in takes and takes[k].annotation in (str, inspect.Parameter.empty)}
        out = await contain.beside_us(self.index, self.plugin_name)(**given)
        out = contain.all_awaited(await out if inspect.isawaitable(out) else out)
        return tuple(out) if isinstance(out, list) else out

def worded(f):
    """The same route, where a plain string is text, as it is in a view: what stands in it may
    be a row, or what a model said, and could press keys as HTML. Tags, or NotStr(…), are HTML."""
    @functools.wraps(f)
    async def answer(*args, **kw):
        out = await f(*args, **kw)
        out = contain.all_awaited(await out if inspect.isawaitable(out) else out)
        return escape(out, quote=False) if isinstance(out, str) and not hasattr(out, '__html__') else out
    return answer

static = Path(__file__).parent.parent/'static'
# each file of its own would cost the browser five milliseconds before the page can be used
together = {'page.css': ('pianola.css', 'tables.css', 'live.css', 'flow.css'),
            'page.js': ('pianola.js', 'place.js', 'reply.js', 'box.js', 'hands.js', 'forms.js', 'tables.js', 'flow.js', 'live.js')}
_stamps = {}
def content(name):
    "(URL, bytes, the same packed) of one of our own files, or of several that go out as one; looked at anew when one of them changed"
    files = [static/n for n in together.get(name, (name,))]
    at = [f.stat().st_mtime_ns for f in files]
    if _stamps.get(name, (0,))[0] != at:
        whole = b'\n'.join(f.read_bytes() for f in files)
        _stamps[name] = at, f'/static/{name}?v={hashlib.sha256(whole).hexdigest()[:10]}', whole, gzip.compress(whole, mtime=0)
    return _stamps[name][1:]
def asset(name):
    "URL of one of our own files, changing with its content so that a browser may keep it"
    return content(name)[0]

class Files(StaticFiles):
    "A folder of files for the browser; text goes out packed, each packed once while it stays as it is"
    packed, ready = {}, {}
    async def get_response(self, path, scope):
        "One that is named by its content is looked up on the disk once"
        named = scope['query_string'].startswith(b'v=') and scope['method'] == 'GET' and (str(self.directory), path, scope['query_string'])
        packs = 'gzip' in Headers(scope=scope).get('accept-encoding', '')
        if named and packs and (got := self.ready.get(named)): return got
        if path in together and self.directory == static and scope['method'] in ('GET', 'HEAD'):
            _, plain, packed = content(path)
            headers = {'vary': 'accept-encoding', **({'content-encoding': 'gzip'} if packs else {})}
            return Response(packed if packs else plain, 200, headers, 'text/css' if path.endswith('css') else 'text/javascript')
        out = await super().get_response(path, scope)
        if named and out.status_code == 200 and out.headers.get('content-encoding') == 'gzip' and len(self.ready) < 100: self.ready[named] = out
        return out
    def file_response(self, full_path, stat_result, scope, status_code=200):
        out = super().file_response(full_path, stat_result, scope, status_code)
        if not isinstance(out, FileResponse) or str(full_path).rpartition('.')[2] not in ('js', 'css', 'svg', 'html', 'json', 'txt'): return out
        out.headers['vary'] = 'accept-encoding'
        if 'gzip' not in Headers(scope=scope).get('accept-encoding', ''): return out
        if (have := self.packed.get(full_path)) is None or have[0] != out.headers['etag']:
            have = self.packed[full_path] = out.headers['etag'], gzip.compress(Path(full_path).read_bytes(), mtime=0)
        headers = {k: out.headers[k] for k in ('last-modified', 'content-type', 'vary')} | {'etag': f'W/{have[0]}', 'content-encoding': 'gzip'}
        return Response(have[1], status_code, headers)

htmx_config = ('{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"selfRequestsOnly":true,'
               '"historyCacheSize":0,"refreshOnHistoryMiss":true,"inlineScriptNonce":"",'
               '"attributesToSettle":["class","width","height"]}')            # not `style`, which our own policy refuses

def entry(p, at, open_=None):
    "One plugin in the menu"
    bad = Span('!', cls='bad', title=p.wrong, role='img', aria_label='did not load' if p.error else 'something broke') if p.wrong else None
    return Li(A(Span(p.title), bad, href=f'/{p.name}', hx_get=f'/{p.name}', hx_target='#main', hx_swap='outerHTML', hx_push_url=f'/{p.name}',
                data_view=p.name, aria_current='page' if p.name == open_ else None), id=f'menu-{p.name}', data_pos=at)
def menu(open_):
    items = [entry(p, n, open_) for n, p in enumerate(plugins.values())]
    under = Div(Button('History', type='button', cls='quiet', hx_get='/api/activity', hx_target='#dialog', hx_swap='innerHTML',
                       title='Everything that was done, with undo'),
                Button('Theme', type='button', cls='quiet', id='theme', title='Light, dark, or as the system'),
                Button('Keys', type='button', cls='quiet', id='help', title='Keyboard shortcuts (?)'),
                id='under', cls='under', popover='auto')
    return Nav(A('Pianola', href='/', cls='brand'), Ul(*items, id='menu'),
               Button('⋯', type='button', cls='quiet', id='more', popovertarget='under', aria_label='More'),
               under, id='nav', aria_label='Plugins')

async def left(name, missing=''):
    "The left column on a plugin; `missing`: the name of one that was asked for and is not there"
    p = plugins.get(name)
    if missing:
        inside = Section(H1('Not here'),
                         P(f'There is no plugin called {missing[:80]}. If there was one, what it kept is still there: '
                           f'put its file back into the plugins folder, and all of it is here again.'), cls='gone')
    elif not p:
        inside = Section(H1('Pianola'),
                         P('No plugin is here yet. Drop a Python file into the plugins folder: it is here within a second. '
                           'docs/plugins.md shows the smallest ones.'))
    else:
        view = await p.view()
        inside = Section(Header(H1(p.title), P(p.help, cls='help') if p.help else None,
                                to_chat('Explain', 'plugins.explain', {'plugin': p.name}, 'quiet explain')),
                         p.alone(), *(view if isinstance(view, (list, tuple)) else [view]))
    return Main(inside, id='main', data_view=name or missing, data_seq=await store.last(), tabindex='-1')

def conversation_list(tx, words='', now=None, before=None, many=0):
    "The list in the chat's menu; with `before`, only the lines that follow that conversation. `many`: as many as are shown already"
    most = max(page_of, min(many, 5000))
    found = history.listed(tx, words, most + 1, before)
    day = lambda t: time.strftime('%d %b', time.localtime(t)) if time.time()-t > 86400 else time.strftime('%H:%M', time.localtime(t))
    def row(c):
        address, drawn = f"?chat={c['id']}", f"/api/conversations/{c['id']}/panel"
        if c.get('message'): address, drawn = f"{address}&at={c['message']}", f"{drawn}?at={c['message']}"
        return Li(A(Span(c['title'] or 'Conversation', cls='t'), Small(c['found']) if c['found'] else None, Small(day(c['used']), cls='when'),
                    href=address, hx_get=drawn, hx_target='#chat', hx_swap='outerHTML', aria_current='true' if c['id'] == now else None))
    more = None
    if len(found) > most:
        earlier = f"/api/conversations?{urlencode({'before': found[most-1]['id'], 'q': words})}"
        more = Li(Button('Earlier', type='button', cls='quiet', hx_get=earlier, hx_target='closest li', hx_swap='outerHTML'))
    rows = [*map(row, found[:most]), more]
    if before: return rows
    return Ul(*rows, id='chats') if found else Ul(Li('Nothing found.' if words else 'No conversation yet.', cls='none'), id='chats')
page_of = 50            # conversations at a time

def heading(title): return Span(title, id='chat-title')
@store.on
def retitled(e):
    "A conversation that got another title has it at its head, in every tab that is on it"
    for (table, id), row in e.rows.items():
        # part of a conversation as its messages are: a tab that is at another by now leaves it out
        if table == 'conversation' and row: tabs.put(tabs.item('chat-title', heading(row['title']), 'msg-list', only=True), conversation=id)

def panel(tx, id, status, at=None):
    "The right column on a conversation; `id` None is a new one. `at` scrolls to a message that a search found."
    c = history.conversation(tx, id) if id else None
    if at and not tx.value('select 1 from message where id=? and conversation=?', at, id): at = None
    said = bubble.messages(tx, c, at=at, busy=chat.busy(id)) if c else []
    hello = Div(P('Say what you want done, or ask.', cls='lead'),
                P('Try: “add a task: call the dentist”. With a model on this machine nothing you write leaves it.'),
                cls='hello', data_pos='0') if not said else None
    title = c['title'] if c else 'New conversation'
    own = [Form(Input(name='title', value=title, aria_label='Title', maxlength=200), Button('Rename'), hx_post='/api/actions/chat.rename',
                hx_swap='none', hx_vals=tabs.dumps({'id': id}), cls='rename'),
           Div(Small('Save as'), A('Markdown', href=f'/api/conversations/{id}.md', download=True),
               A('JSON', href=f'/api/conversations/{id}.json', download=True),
               Button('Delete', type='button', cls='quiet bad', hx_post='/api/actions/chat.delete', hx_swap='none',
                      hx_vals=tabs.dumps({'id': id})), cls='saves')] if c else []
    search = Input(type='search', name='q', placeholder='Search all conversations', aria_label='Search all conversations',
                   hx_get='/api/conversations', hx_trigger='input changed delay:200ms, search', hx_target='#chat-list', hx_swap='innerHTML')
    chats = Details(Summary(heading(title)),
                    Div(search, Div(conversation_list(tx, now=id), id='chat-list'), *own,
                        Label(Input(type='checkbox', id='overheard'), 'Show what the model overhears'),
                        Button('What it learned', type='button', cls='quiet', hx_get='/api/learned', hx_target='#dialog', hx_swap='innerHTML'),
                        cls='drop'), id='chats-menu', cls='menu')
    busy = bool(c and chat.busy(c['id']))
    top = Header(chats, A('New', href='?chat=new', hx_get='/api/conversations/new/panel', hx_target='#chat', hx_swap='outerHTML',
                          cls='button quiet', title='New conversation (Alt+N)'),
                 Button('×', type='button', cls='quiet', id='chat-close', aria_label='Close the chat'))
    say = Form(Div(Textarea(id='msg', name='msg', rows=1, placeholder='Message', aria_label='Message', data_most=chat.longest,
                            autocomplete='off'),
                   Button('Stop', id='stop', type='button', hidden=not busy, title='Stop the reply (Esc)'), cls='box'),
               Button('Send', id='send'), id='say')
    return Section(top, status, bubble.listing([hello] + said if hello else said),
                   Div(*[bubble.lone_card(w) for w in tx.q("select id, text from approval where status='waiting' and message is null")],
                       id='waiting'),
                   Button('↓', type='button', id='to-end', hidden=True, aria_label='To the newest message'), say,
                   id='chat', aria_label='Conversation', data_conversation=id or '',
                   data_seq=tx.value('select max(id) from log') or 0, data_at=at)

async def whole(open_, conversation, status, at=None, missing=''):
    "The whole document; `at`: a message that a search found; `missing`: see `left`"
    src, sri = fetch.asset('htmx.min.js')
    main = await left(open_, missing)
    aside = await store.read(panel, conversation, status, at)
    p = plugins.get(open_)
    return Html(Head(Meta(charset='utf-8'), Title(f'{p.title} · Pianola' if p else 'Pianola'),
                     Meta(name='viewport', content='width=device-width, initial-scale=1, interactive-widget=resizes-content'),
                     Meta(name='color-scheme', content='light dark'), Meta(name='htmx-config', content=htmx_config),
                     Script(src=asset('theme.js')), Link(rel='stylesheet', href=asset('page.css')),
                     Script(src=src, integrity=sri, crossorigin='anonymous', defer=True),
                     Script(src=asset('page.js'), defer=True, blocking='render' if src.startswith('/') else None),
                     Link(rel='icon', href='/static/icon.svg')),
                Body(A('To the message box', href='#msg', cls='skip'), menu(open_), main,
                     Div(id='split', role='separator', tabindex='0', aria_orientation='vertical', aria_label='Width of the chat',
                         aria_valuemin='25', aria_valuemax='70', aria_valuenow='40'),
                     aside, Button('Chat', type='button', id='chat-open'), Dialog(id='dialog', aria_label='Details'),
                     Div(id='toasts', role='status', aria_live='polite'), Div(id='live', role='log', aria_live='polite', cls='sr'),
                     Div('Connecting again …', id='offline', role='status', hidden=True)), lang='en')
