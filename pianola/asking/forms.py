"""How a type becomes an input: one annotation says what may be written, how it is checked, kept, asked for and shown.

    field('due', date, None)  →  a Field, which parses, keeps, asks and shows (fields.py)
    of(function), of_class(Row)  →  {name: Field};   read(fields, data)  →  values, {name: what is wrong}"""
import enum, inspect, types, typing
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Union
from msgspec import Meta
from .fields import Word, bare, kinds, nothing
from .files import File

# the words of authors

Long = Annotated[str, Word('long')]
Url = Annotated[str, Word('url')]
Secret = Annotated[str, Word('secret')]
Json = Annotated[Any, Word('json')]

def Range(low=None, high=None, step=None):
    "A number from `low` to `high`: whole when both are. As the annotation itself, `n: Range(1, 10) = 5`, or within `Annotated[int, Range(1, 10)]`."
    if low is not None and high is not None and low > high: raise TypeError(f'Range({low}, {high}) is empty; the smaller number comes first')
    whole = all(isinstance(n, int) for n in (low, high, step) if n is not None)
    return Annotated[int if whole else float, Word('range', low=low, high=high, step=step)]
def Ref(table):
    "One row of a table, picked from a list: `owner: Ref('profiles')`. The value is the row's number."
    return Annotated[int, Word('ref', table=table)]
def Rows(table):
    "Several rows of a table: `which: Rows('tasks')`. The value is a list of numbers."
    return Annotated[list[int], Word('rows', table=table)]

# annotations

def _unwrap(t):
    "(the type within, is None a value, our word, the author's help, msgspec's limits)"
    optional, word, help, metas = False, None, '', []
    while True:
        origin = typing.get_origin(t)
        if origin is Annotated:
            for m in t.__metadata__:
                if isinstance(m, Word): word = m
                elif isinstance(m, str): help = m
                elif isinstance(m, Meta): metas.append(m)
                elif typing.get_origin(m) is Annotated: word = next((x for x in m.__metadata__ if isinstance(x, Word)), word)
            t = t.__origin__
        elif origin in (Union, types.UnionType) and type(None) in (args := typing.get_args(t)):
            rest = [a for a in args if a is not type(None)]
            optional, t = True, rest[0] if len(rest) == 1 else Union[tuple(rest)]
        else: return t, optional, word, help, metas

def field(name, annotation=nothing, default=nothing):
    "The Field of an annotation and a default. TypeError says which types there are."
    typed = annotation is not nothing or default is not nothing
    if annotation is nothing: annotation = type(default) if default is not nothing and default is not None else str
    t, optional, word, help, metas = _unwrap(annotation)
    if default is None: optional = True
    if isinstance(default, enum.Enum) and not isinstance(t, type): t = type(default)
    choices, kind = (), None
    if word: kind = {'range': 'int' if t is int else 'float'}.get(word.kind, word.kind)
    elif typing.get_origin(t) is Literal: kind, choices = 'choice', typing.get_args(t)
    elif isinstance(t, type) and issubclass(t, enum.Enum): kind, choices = 'choice', tuple(t)
    elif t is File: kind = 'file'
    elif t in (bool, int, float, str, date, datetime, time): kind = 'text' if t is str else t.__name__
    elif t in (Any, dict, list) or typing.get_origin(t) in (dict, list): kind = 'json'
    if kind == 'choice' and not all(isinstance(bare(c), (str, int)) and not isinstance(bare(c), bool) for c in choices):
        raise TypeError(f'{name}: the choices must be text or whole numbers')
    if not kind:
        raise TypeError(f'{name} is {getattr(t, "__name__", t)}; there is str, int, float, bool, date, datetime, time, '
                        "Literal[…] or an Enum, list and dict, and from pianola Long, Url, Json, Range(a, b), Ref('table'), "
                        "Rows('table'), File, Secret")
    f = kinds[kind](name, None, default, optional, choices, word or Word(kind), help, typed=typed)
    f.type = f.schema(t)
    for limit in (*metas, *([Meta(description=help)] if help else [])): f.type = Annotated[f.type, limit]
    if optional and f.type is not Any: f.type |= None
    if default is not nothing and default is not None:
        try: f.default = f.parse(default) if default != '' else default
        except ValueError as e: raise TypeError(f'{name} {e}; it is the default') from None
    return f

def of(function, skip=('tx', 'job', 'self')):
    "{name: Field} of a function's parameters, those in `skip` left out"
    try: signature = inspect.signature(function, eval_str=True)
    except NameError as e: raise TypeError(f'{function.__name__}: {e}; an annotation must be something that is there') from None
    return {n: field(n, p.annotation, p.default) for n, p in signature.parameters.items()
            if n not in skip and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}

def of_class(Row, skip=('id',)):
    "{name: Field} of a class's annotations, with its attributes as defaults"
    hints = typing.get_type_hints(Row, include_extras=True)
    return {n: field(n, t, getattr(Row, n, nothing)) for n, t in hints.items() if n not in skip and not n.startswith('_')}

def read(fields, data, only=None):
    "What a form said: (values, {name: what is wrong}). What was not said gets its default; `only` names those that were asked."
    values, wrong = {}, {}
    for n, f in fields.items():
        if only is not None and n not in only: continue
        given = data.get(n, nothing)
        try:
            blank = given == '' and not f.answers_empty and not f.optional
            if given is not nothing and not (blank and f.default is not nothing):
                values[n] = f.parse(given)
            elif f.default is not nothing: values[n] = f.default
            else: values[n] = f.parse(f.unsaid())
        except ValueError as e: wrong[n] = str(e)
    return values, wrong
