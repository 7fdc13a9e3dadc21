"""What the user's yes and no teach: each is kept as a label; a confirmed wording that rules
did not know becomes an example for the model, and, confirmed again for another row, a rule.

Learned rules are listed and can be removed; none can delete."""
import json, re, time
from .. import actions
from ..actions import action
from ..loading.plugins import plugins
from ..piano import neutral
from ..reading import rules
from ..reading.language import language
from ..reading.world import Op, Reading
from ..store import Refused
from . import history, understand

minute = 60             # seconds in which an undo says that it was wrong
most_examples = 6

def pattern(text, row, values, lang):
    "A sentence with holes where the row and the values stood, else ''; 'the fern had a drink' and Fern → 'the {row} had a drink'"
    t = ' '.join(text.lower().strip().rstrip('.!?').split())
    for v in sorted((str(v).lower() for v in values if not isinstance(v, bool)), key=len, reverse=True):
        if t.count(v) != 1: return ''
        t = t.replace(v, '{value}')
    own, words = set(lang.tokens(row)), [(m.start(), m.end()) for m in re.finditer(r'[^\W_]+', t)]
    hits = [(a, b) for a, b in words if t[a-1:a] != '{' and set(lang.tokens(t[a:b])) & own]
    if not hits: return ''
    a, b = hits[0][0], hits[-1][1]
    if any(t[x:y] not in ' ' and set(lang.tokens(t[x:y])) - own for x, y in words if a <= x and y <= b): return ''      # other words stand between
    t = f'{t[:a]}{{row}}{t[b:]}'
    return t if len(re.sub(r'\{\w+\}', '', t).split()) >= 2 else ''

def taught(tx, message, name, args, verdict):
    "Keep what the user thought of an operation; a wording confirmed for a second row becomes a rule"
    said = history.asked(tx, tx.one('select * from message where id=?', message)) if message else None
    if not said or said['model'] or name.count('.') != 1: return        # what a plugin said teaches nothing
    table, _, verb = name.partition('.')
    before = tx.value("select id from label where message=? and action=? and args=? order by id desc", said['id'], name, json.dumps(args))
    if before and verdict == 'undone': return tx.run('update label set verdict=? where id=?', verdict, before)
    kind = plugins.table(table)
    shape, hole = '', None
    if verdict == 'yes' and verb == 'update' and kind and (row := tx.row(table, args.get('id')) if args.get('id') else None):
        lang = language(understand.tongue(said['text']))
        values = {k: v for k, v in args.items() if k in kind.columns}
        hole = next((k for k, v in values.items() if not isinstance(v, bool)), None)
        if len(values) == 1:
            shape = pattern(said['text'], str(row[kind.main]) if hole != kind.main else _was(tx, table, args['id'], kind.main, row),
                            values.values(), lang)
    sets = json.dumps({hole: '{value}'} if hole else {k: v for k, v in args.items() if k not in ('id', 'where')})
    tx.run('insert into label(at,message,text,action,args,verdict,pattern,sets) values (?,?,?,?,?,?,?,?)', time.time(), said['id'],
           said['text'], name, json.dumps(args), verdict, shape, sets)
    other = shape and tx.one("select * from label where pattern=? and sets=? and action=? and verdict='yes' and message!=? order by id desc",
                             shape, sets, name, said['id'])
    if other and json.loads(other['args']).get('id') != args.get('id'):
        if not tx.value("select 1 from label where pattern=? and verdict in ('no','undone')", shape):
            tx.run('insert or ignore into learned(at,pattern,action,sets) values (?,?,?,?)', time.time(), shape, name, sets)

def _was(tx, table, id, main, row):
    "What a row was called before its name was changed"
    for data, in tx.conn.execute("select data from log where kind='action' order by id desc limit 5"):
        for t, i, old, _ in json.loads(data or '{}').get('changes') or ():
            if (t, i) == (table, id) and isinstance(old, dict) and main in old: return str(old[main])
    return str(row[main])

@actions.on_word
def decided(tx, w, verdict):
    "A chip or a candidate was pressed or refused"
    if w['why'] or w['choice']: taught(tx, w['message'], w['action'], json.loads(w['args']), verdict)
@actions.on_undo
def undone(tx, e):
    "An outcome of the conversation was taken back: at once means it was wrong"
    if not e['ref'] or time.time() - e['at'] > minute: return
    d = json.loads(e['data'])
    for one in d['args']['actions'] if e['what'] == 'several' else [{'action': e['what'], 'args': d['args']}]:
        taught(tx, e['ref'], one['action'], one['args'], 'undone')

def learned(tx): return tx.q('select * from learned order by id')

def read(tx, text, world):
    "What a learned rule makes of a sentence, else None"
    t = ' '.join(text.lower().strip().rstrip('.!?').split())
    for l in learned(tx):
        table, _, verb = l['action'].partition('.')
        if table not in world.tables or verb == 'delete': continue
        rx = re.escape(l['pattern']).replace(r'\{row\}', '(?P<row>.+?)', 1).replace(r'\{value\}', '(?P<value>.+?)', 1)
        if not (m := re.fullmatch(rx, t)): continue
        lang, tb = language(understand.tongue(text)), world.tables[table]
        r = rules.Reader(text, world, lang)
        status, rows = r.find(m['row'], tb)
        if status != 'one': continue
        at = m.start('value') if 'value' in m.groupdict() else 0
        sets = {k: r.typed(tb, k, ' '.join(text.split())[at:m.end('value')]) if v == '{value}' else v for k, v in json.loads(l['sets']).items()}
        if any(v is None for v in sets.values()) or all(rows[0][1].get(k) == v for k, v in sets.items()): continue
        return Reading('press', [Op(table, 'update', rows[0][1]['id'], sets)], name='learned')
    return None
understand.learned.append(read)

def examples(tx):
    "Confirmed wordings that rules do not know, as turns for the prompt"
    out = []
    told = tx.q("select text, action, args from label where verdict='yes' and action not like '%.delete' group by text order by max(id) desc "
                "limit ?", most_examples)
    for l in told[::-1]:
        out += [{'role': 'user', 'content': neutral(l['text'])},
                {'role': 'assistant', 'content': json.dumps({'action': l['action'], 'args': json.loads(l['args'])}, ensure_ascii=False)}]
    return out

@action(name='learned.forget', plugin='chat', title='Forget a learned rule', model=False, say=lambda a, r, c: f'Forgot the rule “{r}”')
def forget(tx, id: int):
    "Remove a rule that was learned from your confirmations."
    l = tx.row('learned', id)
    if not l: raise Refused(f'there is no learned rule {id}', status=404)
    tx.delete('learned', id)
    return l['pattern']
