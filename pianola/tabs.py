"""Who is looking: one socket per open tab, and `show`, which puts the same thing
in all of them. A slow tab never slows another: it is let go and comes back."""
import asyncio, json
from contextvars import ContextVar
from fasthtml.common import to_xml
from starlette.websockets import WebSocketDisconnect
from loguru import logger as log
from . import contain

dumps = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode

address = ContextVar('address', default=None)      # what the address of the page that is drawn asks, beside the plugin's name: {'run': '5'}

class Tab:
    "One open page: what it looks at, and the frames it has yet to be sent"
    def __init__(self, ws, conversation=None, view=''):
        self.ws, self.conversation, self.view, self.queue = ws, conversation, view, asyncio.Queue(512)
        self.runs = set()                             # the runs of flows it shows
        self.looks = {}                               # {table: how this tab looks at it}, where that is not the plain way
        self.fresh = False                            # it asked for a new conversation; else it goes along with the first one begun
        self.task = asyncio.create_task(self._send())
        somebody.set()
    async def _send(self):
        try:
            while True:
                text = await self.queue.get()
                async with asyncio.timeout(15): await self.ws.send_text(text)      # not wait_for: Python 3.11's may swallow the cancel of `leave`
        except TimeoutError: self.drop()
        except (WebSocketDisconnect, RuntimeError, OSError): tabs.discard(self)
    def put(self, text):
        "Queue one frame; never waits"
        try: self.queue.put_nowait(text)
        except asyncio.QueueFull: self.drop()
    def send(self, frame): self.put(dumps(frame))
    def drop(self):
        "It cannot keep up (a sleeping phone): close; the page comes back by itself and catches up"
        log.debug('a tab fell behind; it will come back and catch up')
        tabs.discard(self)
        if self.task is not asyncio.current_task(): self.task.cancel()
        self.closing = asyncio.create_task(self._close(1013))
    async def _close(self, code):
        try: await asyncio.wait_for(self.ws.close(code), 2)
        except (RuntimeError, TimeoutError, OSError, WebSocketDisconnect): log.debug('a tab was gone already')
    def leave(self):
        tabs.discard(self)
        self.task.cancel()

tabs: set[Tab] = set()
somebody = asyncio.Event()              # a page is open, or was

def send(frame, seq=0, conversation=None, to=None):
    """One frame to every tab (of a conversation, which it then names: the page may be at
    another by the time it arrives; or to those in `to`). `seq` is the line of the log it shows."""
    if seq: frame = {**frame, 'seq': seq}
    if conversation: frame = {**frame, 'of': conversation}
    looking = [t for t in (tabs if to is None else to) if conversation is None or t.conversation == conversation]
    if looking:
        text = dumps(frame)
        for t in looking: t.put(text)

def viewers(plugin):
    "The tabs that look at a plugin: what nobody sees need not be drawn (`put(..., to=viewers('roll'))`)"
    return [t for t in tabs if t.view == plugin]

def html(*ft): return to_xml(ft if len(ft) != 1 else ft[0], indent=False)

def item(id, ft, into=None, only=False):
    "An element to put in place: replaces the one with this id, else goes into the list `into`, sorted by data-pos; `only`: replace or nothing"
    return {'id': id, 'html': html(ft), 'into': into, 'only': only}

def put(*more, items=(), gone=(), seq=0, conversation=None, to=None):
    "Put elements in place (see `item`) and remove those in `gone`, in every tab"
    if items or more or gone: send({'put': [*items, *more], 'gone': list(gone)}, seq, conversation, to)

async def show(*ft):
    "Put HTML in every tab: each tag names its place with an id and `hx_swap_oob`, as htmx has it"
    send({'html': html(*contain.all_awaited(ft))})
