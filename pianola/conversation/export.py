"""A conversation to keep elsewhere: as Markdown that reads as the page does, as data with
what became of every action, and one message as it is copied."""
import json, re, time, unicodedata
from .. import render
from ..actions import in_words
from . import bubble
from .history import conversation, grown, path, thought

def as_markdown(tx, id):
    "A conversation as a Markdown file: the words, what was done as the app told it, and what stopped a reply"
    c = conversation(tx, id)
    stamp = lambda t: time.strftime('%Y-%m-%d %H:%M', time.localtime(t))
    out = [f"# {c['title'] or 'Conversation'}"]
    for m in path(tx, c['head']):
        text = grown(tx, m) if m['status'] == 'streaming' else m['text']
        who = bubble.spoken(m['model']) if m['role'] != 'assistant' else m['model']
        if m['role'] == 'user': who = f'{who}, in your place' if who else 'You'
        out += [f"## {who or m['role'].capitalize()} · {stamp(m['at'])}",
                render.ended(text if m['role'] == 'user' else render.prose(text)).strip('\n'), '\n'.join(map(item, outcomes(tx, m))), mark(m)]
    return '\n\n'.join(filter(None, out)) + '\n'

def item(o):
    "What became of an action, as an item of a list"
    text, rows = f"*{plainly(o['text'])}*", [f'\n  - {plainly(in_words(r))}' for r in o['rows']]
    if o['state'] == 'undone': text = f'~~{text}~~ (undone)'
    if o['state'] == 'waiting': text += ' (waits for your word)'
    return f'- {text}' + (f" ({plainly(o['hint'])})" if o['hint'] else '') + ''.join(rows)
def plainly(text): return re.sub(r'([\\`*_\[\]<>~])', r'\\\1', ' '.join(text.split()))

def mark(m):
    "Why a reply ends where it does, when that is not its own end"
    if m['status'] == 'streaming': return '*This is still being written.*'
    e = json.loads(m['error'] or '{}')
    return f"*{plainly(e['text'] + ' ' + (e.get('hint') or ''))}*" if e else ''

def as_json(tx, id):
    "A conversation as data: every branch, with thinking, statistics, errors and what became of the actions"
    c = conversation(tx, id)
    rows = tx.q('select * from message where conversation=? order by id', id)
    for m in rows:
        m['outcomes'] = [{k: v for k, v in o.items() if v or k not in ('hint', 'rows', 'approval')} for o in outcomes(tx, m)]
        for k in ('stats', 'error', 'prompt', 'brings'): m[k] = json.loads(m[k]) if m[k] else None
        if m['status'] == 'streaming': m['text'], m['thinking'] = grown(tx, m), thought(tx, m)
        m.pop('played'), m.pop('prompt')
    return {'format': 'pianola-conversation/1', 'id': id, 'title': c['title'], 'created': c['created'], 'head': c['head'], 'messages': rows}

def copied(tx, m):
    "One message as it is copied: its words and, in a line each, what was done; what is nothing else but actions as it was written"
    text = grown(tx, m)
    if m['role'] == 'user': return text
    lines = [f"{o['text']}{' (undone)' * (o['state'] == 'undone')}" + ''.join(f'\n  {in_words(r)}' for r in o['rows']) for o in outcomes(tx, m)]
    return '\n\n'.join(filter(None, [render.prose(text).strip('\n'), '\n'.join(lines)])) or text

def outcomes(tx, m):
    "What became of the actions of a message, as it stands below it on the page; `state`: done, undone, waiting, or why it was not done"
    beside, out = bubble.around(tx, m), []
    for e in beside['rolls']:
        d = json.loads(e['data'] or '{}')
        rows = d['result'] if d.get('risk') == 'read' and isinstance(d.get('result'), list) else []
        out.append({'id': e['id'], 'at': e['at'], 'by': e['by'], 'action': e['what'], 'args': d.get('args', {}), 'text': e['text'],
                    'state': 'undone' if e['undone'] else d.get('status', 'done'), 'hint': d.get('hint') or '',
                    'rows': [r for r in rows[:50] if isinstance(r, dict)], 'approval': None})
    return out + [{'id': None, 'at': w['at'], 'by': w['by'], 'action': w['action'], 'args': json.loads(w['args']), 'text': w['text'],
                   'state': 'waiting', 'hint': '', 'rows': [], 'approval': w['id']} for w in beside['asks']]

def name(title):
    "A title as the name of a file, on any system"
    kept = ''.join(' ' if c in '\\/:*?"<>|' or unicodedata.category(c)[0] in 'CZ' else c for c in title)
    return ' '.join(kept.split())[:100].strip('. ') or 'Conversation'
