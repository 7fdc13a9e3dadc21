"""What a sentence makes of one record, when no rule knows how: the model is not asked what to do but how the record reads afterwards, and code sees what changed.

    about (which records are spoken of: code) → ask (the record as it is now: the model, held to its shape) → changed (what is new, in the user's own words: code) → a chip

A small model that may write any operation writes wrong ones; one that copies a record has to mean a change to make one. docs/understanding.md has the count. Nothing of this is done unasked."""
import json, re
from contextlib import aclosing
from loguru import logger as log
from . import gist, prompts, rules
from .engines.base import Fault, Phase, Said
from .guard import Evidence
from .rules import Op

most_rows, most_chars, most_tokens = 3, 300, 300        # records one sentence is held against, its length, and that of an answer
slow, most_slow = 8, 2                                  # seconds; so many slow answers in a row, and this model is not asked any more
kinds = {'text': 'string', 'long': 'string', 'date': 'string', 'choice': 'string', 'url': 'string', 'email': 'string', 'number': 'number', 'bool': 'boolean'}
empty, plain = {'number': 0, 'bool': False}, {'number': (int, float), 'bool': bool}

def about(text, world, code):
    "[(Table, row)] that a sentence may change: up to three rows that it names, or a new row (None) of the table it names; [] where it asks, forbids or says nothing of the kind"
    lang, text = rules.language(code), text.strip()
    if not lang.gist or not text or len(text) > most_chars or '\n' in text or text.endswith('?') or Evidence(text, lang).gate: return []
    g = gist.Gist(text, world, lang)
    rows, _ = g.rows(0, len(g.words))
    if rows: return rows if len(rows) <= most_rows else []
    named = {m.table for m in g.tables(0, len(g.words))} or {*world.tables}
    return [(world.tables[n], None) for n in named] if len(named) == 1 and 'create' in g.cues(0, len(g.words)) else []

def head():
    "The turns before the question, always the same: an engine reads them once"
    who, _, examples = prompts.layer('record').partition('\n---\n')
    return [{'role': 'system', 'content': who.strip()}, *prompts.turns(examples)] if examples else []

def shown(table, row):
    "The part of a row that a sentence may change"
    given = {c: row.get(c) if row else None for c, k in table.columns.items() if k in kinds}
    return {c: bool(v) if table.columns[c] == 'bool' else empty.get(table.columns[c], '') if v is None else v for c, v in given.items() if len(str(v)) <= most_chars}

def shape(table, row):
    "JSON Schema of the answer"
    one = lambda c: {'enum': ['', *map(str, table.choices[c])]} if table.columns[c] == 'choice' and table.choices.get(c) else {'type': kinds[table.columns[c]]}
    return {'type': 'object', 'properties': {c: one(c) for c in row}, 'required': [*row], 'additionalProperties': False}

def question(table, row, text):
    fresh = '' if row else ' (new)'
    return prompts.neutral(f'{table.one or table.name}{fresh}: {json.dumps(shown(table, row), ensure_ascii=False)}\nThe person says: {text}')

def changed(table, row, after, text, code):
    "What is new in a record, as far as the user's words bear it out: {column: value}"
    lang, ev, out = rules.language(code), Evidence(text, rules.language(code)), {}
    no = bool(re.search(r"\b(?:no|not|never|nicht|kein\w*)\b|n['’]?t\b", text, re.I))
    for c, before in shown(table, row).items():
        v, kind = after.get(c), table.columns[c]
        if not isinstance(v, plain.get(kind, str)) or isinstance(v, bool) != (kind == 'bool'): continue       # an engine that does not hold a model to the shape
        if v == before or kind == 'text' and words(v) == words(before): continue
        if kind == 'bool': out |= {c: v} if not (v and no) and (row or v) else {}
        elif kind == 'number': out |= {c: v} if any(abs(v - n) < 1e-9 for n in ev.numbers) else {}
        elif kind == 'date': out |= {c: v} if v in text or v in days(text, lang) else {}
        elif kind == 'choice': out |= {c: v} if v and {*lang.tokens(v)} & ev.words else {}
        elif said := spoken(v, text): out[c] = said
    return out

def words(v): return re.findall(r'\w+', str(v).casefold())
def spoken(value, text):
    "A value as the user said it, '' when they did not"
    found = words(value) and re.search(r'(?<!\w)' + r'\W{1,3}'.join(map(re.escape, words(value))) + r'(?!\w)', text, re.I)
    return found[0] if found else ''
def days(text, lang):
    "The dates that are said, as YYYY-MM-DD"
    w = text.split()
    return {d for n in range(len(w)) for length in (1, 2, 3, 4) if (d := lang.day(' '.join(w[n:n+length]).strip('.,;!')))}

patience = {}           # {model: slow answers in a row}

async def read(engine, model, text, found, code, phase=lambda p: None):
    "[Op] that a sentence asks for, of the records `about` found, by a model that is asked about each; [] where nothing is. Its way is told to phase(Phase)."
    turns, ops = head(), []
    if not turns or patience.get(model, 0) >= most_slow: return []
    for table, row in found:
        if not (own := shown(table, row)): continue
        answer, took = '', None
        try:
            async with aclosing(engine.chat(model, [*turns, {'role': 'user', 'content': question(table, row, text)}], schema=shape(table, own), limit=most_tokens, temperature=0, head=len(turns))) as stream:
                async for p in stream:
                    if isinstance(p, Said): answer += p.text
                    elif isinstance(p, Phase): phase(p)
                    else: took = p.prompt_s + p.eval_s
            after = json.loads(answer)
        except (Fault, ValueError) as e:
            log.debug('{} did not say how a record reads: {}', model, e)
            continue
        patience[model] = patience.get(model, 0) + 1 if took and took > slow else 0
        values = changed(table, row, after, text, code) if isinstance(after, dict) else {}
        if values and (row or str(values.get(table.main) or '').strip()): ops.append(Op(table.name, 'update' if row else 'create', row and row['id'], values))
    return ops
