"What every driver does at the wire: whole lines as soon as the network brings them, patience that ends, and words for what was asked."
import asyncio
import msgspec
from .base import Fault

unreadable = msgspec.DecodeError, UnicodeDecodeError         # what decoding raises: no such object, no such text

class Lines:
    """The body of a response in whole lines: each `read` gives all that the network brought since the last one, however it was cut.
    `patience` is how many seconds of silence are borne; its owner changes it as the reply goes on."""
    def __init__(self, resp, patience, who):
        self.body, self.patience, self.who, self.rest, self.cut = resp.content, patience, who, [], None
    async def read(self):
        "Lines, their ends included; b'' at the end of the body"
        import aiohttp
        while True:
            if self.cut: raise self.cut
            try:
                async with asyncio.timeout(self.patience): data = await self.body.readany()
            except TimeoutError: raise stalled(self.who, self.patience) from None
            except aiohttp.ClientError as e:    # what came just before the cut is still there, and is given first
                self.cut, data = e, self.body._read_nowait(-1)
                if not data: raise
            if not data:                        # the last line may lack its end
                data, self.rest = b''.join(self.rest), []
                return data
            cut = data.rfind(b'\n') + 1
            if not cut: self.rest.append(data); continue
            whole = b''.join((*self.rest, data[:cut]))
            self.rest = [data[cut:]] if cut < len(data) else []
            return whole

def stalled(who, seconds):
    "The Fault of one who says nothing any more"
    return Fault('stalled', f'{who} has said nothing for {seconds:g} seconds.',
                 'What was said is kept. Go on asks it again; a smaller model answers sooner.')

def asked(messages):
    "Refuse what no model can answer: both engines make something up when nothing is asked"
    if not any(m['content'].strip() for m in messages):
        raise Fault('upstream', 'There is nothing to answer: the messages are empty.', 'Send at least one message with text.')

def also(names):
    "The models there are, for a message"
    names = list(names)
    return f"What is here: {', '.join(names[:12])}{' and more' if len(names) > 12 else ''}." if names else 'There is no model yet.'
