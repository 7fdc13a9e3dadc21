"Who answers, as everybody else sees it: one small interface, the few things that come out of a reply, and the ways it can fail."
from typing import AsyncIterator, Callable, Literal
import msgspec

class Fault(Exception):
    """A reply that cannot be had or finished. `kind` is for code, `text` says what is wrong,
    `hint` what to do next; both are for people. `get`: (engine, model) that would mend it."""
    def __init__(self, kind: Literal['no-engine', 'no-model', 'context', 'died', 'stalled', 'interrupted', 'upstream'], text: str,
                 hint: str = '', get: tuple = ()):
        super().__init__(text)
        self.kind, self.text, self.hint, self.get = kind, text, hint, get

class Model(msgspec.Struct):
    "One model an engine can answer with. `size` in bytes, `context` in tokens (0: not known), `about` e.g. '494M, Q4_K_M'."
    engine: str
    name: str
    size: int = 0
    context: int = 0
    longest: int = 0                    # the context it was trained for; `context` is what it is given here
    capabilities: list[str] = []        # completion, tools, vision, thinking, …
    thinking: list[str] = []            # the levels it takes, where the engine tells: off, on or names of its own
    about: str = ''
    local: bool = True                  # False: the text leaves this machine
    here: bool = True                   # False: known, but must be downloaded first

class Said(msgspec.Struct):
    """A piece of the reply: all that one network read brought, so a fast model costs few
    steps. `tokens`: in how many pieces the engine sent it, which is about one a token."""
    text: str = ''
    thinking: str = ''
    tokens: int = 0

class Phase(msgspec.Struct):
    "Why nothing is said yet: another reply has the model, the model is being loaded, or it reads `done` of `total` prompt tokens (0: not known)."
    what: Literal['waiting', 'loading', 'reading']
    done: int = 0
    total: int = 0

class Done(msgspec.Struct):
    "The end of a reply and what it took. Times in seconds; `cached` tokens of the prompt did not have to be read again."
    reason: Literal['stop', 'length'] = 'stop'
    prompt_tokens: int = 0
    cached: int = 0
    tokens: int = 0
    load_s: float = 0
    prompt_s: float = 0
    eval_s: float = 0

class Pull(msgspec.Struct):
    "How far a download is, in bytes over all its parts."
    status: str
    done: int = 0
    total: int = 0

class Engine:
    "What every engine can do. `messages` are [{'role': 'system'|'user'|'assistant', 'content': str}]; a last assistant message is continued."
    name = ''
    async def ready(self) -> str:
        "'' when it can answer, else one sentence that says why not and what to do"
        raise NotImplementedError
    async def models(self) -> list[Model]: raise NotImplementedError
    async def model(self, name: str) -> Model:
        "Everything known of one model, its real context length included; Fault 'no-model' names the ones there are"
        raise NotImplementedError
    def chat(self, model: str, messages: list[dict], *, context: int = 0, limit: int = 0, temperature: float = 0.2,
             think: bool | str | None = None, schema: dict | None = None, head: int = 1) -> AsyncIterator[Phase | Said | Done]:
        """The reply as it is made; ends with one Done, or raises Fault. Closing the iterator stops the model. `context` 0: the model's own default.
        `head`: so many messages are the same in every conversation, their state is worth keeping."""
        raise NotImplementedError
    async def warm(self, model: str, messages: list[dict]) -> AsyncIterator[Phase]:
        "Load the model and read these first messages ahead of the next reply, and keep that for later starts, where the engine can"
        return
        yield
    async def count(self, model: str, messages: list[dict], *, now: bool = False, phase: Callable[[Phase], None] | None = None) -> int | None:
        """Exactly how many tokens these messages are as a prompt; None where the
        engine cannot tell, and with `now` also where the model would have to be
        waited for. Else what is waited for is told to phase(Phase)."""
        raise NotImplementedError
    def give(self, model: str, context: int):
        "Give a model this context (tokens) from its next load on; 0 is the default again"
        raise NotImplementedError
    async def counts(self, model: str, texts: list[str]) -> list[int] | None:
        "The tokens of each text, in one call; None where the engine cannot tell"
        return None
    def pull(self, model: str) -> AsyncIterator[Pull]:
        "Download a model; closing the iterator stops it, asking again resumes"
        raise NotImplementedError
    async def forget(self): "Drop what is kept of the last conversation (the instructions everybody shares may stay)"
    async def close(self): "Let go of processes and connections"
