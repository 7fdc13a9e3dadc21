"What was said: conversations as trees of messages. Nothing is ever overwritten: an edit or another try is a branch beside the old one."
import json, re, time, unicodedata
from itertools import islice
from ..actions import action, again, bare, undoes, undone
from ..store import Refused
from ..tx import fold, got, put, spaced

# all but `prompt`: it grows with the conversation, and is asked for by itself
seen = ','.join(f'm.{c}' for c in 'id conversation parent role text thinking status engine model at ended stats error prelude played brings'.split())

def path(tx, head, limit=100_000, since=0, columns=seen):
    "The messages that lead to `head`, itself included, oldest first; at most the last `limit`, none before message `since`"
    return tx.q(f"""with recursive up(id, parent, n) as (select id, parent, 1 from message where id=? union all
        select m.id, m.parent, n+1 from up join message m on m.id=up.parent where n < ? and m.id >= ?) """
        f"""select {columns} from up join message m on m.id=up.id order by m.id""", head, limit, since) if head else []

def later(tx, head, than, limit):
    "How far the way to `head` goes in `limit` messages after message `than`; None when that is not on it"
    way = [r['id'] for r in tx.q("""with recursive up(id, parent) as (select id, parent from message where id=? union all
        select m.id, m.parent from up join message m on m.id=up.parent where m.id >= ?) select id from up order by id""", head, than)]
    return None if not way or way[0] != than else way[min(limit, len(way)-1)]

def mark(tx, c, head=None):
    """Where the model's memory begins on the way to `head` (the conversation's own): {message: the first that is
    told, room: the context (tokens) it was set for, summary, reach: the first message that is not in the summary}.
    None: at the beginning. One that was set for a smaller room than the last reply had does not count."""
    return next((k for k in tx.q('select * from mark where conversation=? and room>=? order by message desc', c['id'], c['room'])
                 if later(tx, head or c['head'], k['message'], 0) is not None), None)

def marks(tx, head):
    "Every mark on the way to `head`, whatever room it was set for, oldest first"
    return tx.q("""with recursive up(id, parent) as (select id, parent from message where id=? union all """
        """select m.id, m.parent from up join message m on m.id=up.parent)
        select k.* from up join mark k on k.message=up.id order by k.message""", head)

def forget(tx, m, first, room, kept=None):
    "The model's memory begins at message `first` from now on, in a room of so many tokens; the summary of the mark `kept` goes along"
    tx.run('insert into mark values (?,?,?,?,?) on conflict do update set room=max(room, excluded.room), summary=excluded.summary, '
           'reach=excluded.reach', first, m['conversation'], room, kept['summary'] if kept else '', kept['reach'] if kept else first)
    tx.run('update conversation set room=? where id=?', room, m['conversation'])
    tx.log('memory', ref=first, data={'conversation': m['conversation']})

def given(tx, m, room):
    "The model has another room (tokens) than the last time: does its memory begin elsewhere now?"
    c = conversation(tx, m['conversation'])
    was, now = mark(tx, c, m['parent']), mark(tx, {**c, 'room': room}, m['parent'])
    tx.run('update conversation set room=? where id=?', room, c['id'])
    if was != now: tx.log('memory', ref=(now or was)['message'], data={'conversation': c['id']})
    return was != now

def conversation(tx, id):
    "One conversation, or Refused"
    c = tx.one('select * from conversation where id=? and deleted=0', id)
    if not c: raise Refused(f'there is no conversation {id}', 'choose one from the list, or begin a new one', 404)
    return c

def current(tx):
    "The conversation last spoken in or looked at, None when there is none"
    id = got(tx, 'app', 'conversation')
    return (tx.value('select id from conversation where id=? and deleted=0', id)
            or tx.value('select id from conversation where deleted=0 order by used desc limit 1'))

def message(tx, id):
    m = tx.one(f'select {seen} from message m join conversation c on c.id=m.conversation where m.id=? and c.deleted=0', id)
    return m or missing(id)
def missing(id): raise Refused(f'there is no message {id}', status=404)

def asked(tx, m):
    "The user's message that a reply answers, None when there is none"
    while m and m['role'] != 'user': m = tx.one(f'select {seen} from message m where m.id=?', m['parent'])
    return m

def siblings(tx, m):
    "The other tries at the same place, oldest first, itself included"
    return [r['id'] for r in tx.q('select id from message where conversation=? and parent is ? and role=? order by id',
                                  m['conversation'], m['parent'], m['role'])]

def leaf(tx, id):
    "The newest message below `id`: where a branch goes on"
    return tx.value('with recursive down(id) as (select ? union all select (select max(m.id) from message m where m.parent=down.id) from down '
                    'where down.id is not null) select max(id) from down', id)

def heard(e):
    """Is a line of the log news for the model: what was changed, opened, noted or answered? A question that waits is none,
    nor what was not done or only looked at, unless the model itself wrote it, nor what the user does to the chat itself."""
    if not e['text'] or e['kind'] not in ('action', 'open', 'note') or e['what'].startswith(('chat.', 'model.')): return False
    if e['kind'] != 'action': return True
    d = data(e)
    if d.get('status') == 'refused' or d.get('risk') == 'read': return e['by'] == 'model'
    return d.get('status') in ('done', 'rejected', 'stale')
def data(e): return e['data'] if isinstance(e['data'], dict) else json.loads(e['data'] or '{}')
def overheard(tx, after, before=None, limit=40):
    "What happened between two lines of the log, as the model is told it; the newest `limit`, oldest first"
    names = 'id at by kind what ref text data'.split()
    cur = tx.conn.execute(f"select {','.join(names)} from log where kind in ('action','open','note') and id>? and (? is null or id<?) "
                          "and text!='' order by id desc", (after, before, before))
    out = [*islice(filter(heard, (dict(zip(names, r)) for r in cur)), limit)]
    cur.close(True)
    return out[::-1]

def line(e, user='The user', model='You'):
    "One overheard event in a sentence; who did it is called as suits whoever reads that, here the model"
    who = {'user': user, 'model': model, 'agent': 'An agent', 'roll': 'A roll', 'app': 'The app'}.get(e['by'], e['by'])
    d, text = data(e), bare(e)
    result, status = d.get('result'), d.get('status')
    question, hint = text.partition(': ')[2].rstrip('?'), f" ({d['hint']})" if d.get('hint') else ''
    if e['kind'] == 'open': return f'{who} {text}'
    if status == 'rejected': return f'{who} said no to: {question}'
    if status == 'stale': return f'{who} said yes to: {question}, but that had changed since, and nothing was done'
    if status == 'refused': return f"{who} wrote an action that was not done: {question}{hint}"
    more = ''
    if isinstance(result, dict) and 'id' in result: more = f" (#{result['id']})"
    elif isinstance(result, list) and e['by'] == 'model':
        more = ': ' + '; '.join(', '.join(f'{k} {v}' for k, v in r.items() if v not in (None, '')) for r in result[:20] if isinstance(r, dict))
    if d.get('agreed') and e['by'] != 'user': more += f' ({user[0].lower()}{user[1:]} said yes)'
    if d.get('risk') == 'read': return f'{who} looked up {text}{more}'
    return f"{who}{'' if text == e['text'] else ' undid' if undoes(e) else ' did again'}: {text}{more}"

changed_class = """kind='note' and data like '{"table": %'"""         # a table followed its class: see growth
def done(tx, before=None, limit=60, id=None):
    "The actions that changed something and the tables that changed their columns, newest first, each with whether it was taken back"
    out = tx.q(f"""select * from log where (? is null or id<?) and (? is null or id=?)
               and (kind='action' and data like '%"changes": [[%' or {changed_class}) order by id desc limit ?""", before, before, id, id, limit)
    for e in out: e['undone'] = tx.value('select 1 from log where key=?', f"undo:{e['id']}")
    return out

def latest(tx, what):
    "What an `undo` takes back, the newest change that still stands, or a `redo` does again; None when there is none"
    which = f"what!='undo' or text like '{again}%'" if what == 'undo' else f"what='undo' and text like '{undone}%'"
    return tx.one(f"""select id from log where kind='action' and by!='app' and ({which})
                  and data like '%"changes": [[%' and not exists (select 1 from log u where u.key='undo:' || log.id) order by id desc limit 1""")

def story(tx, words='', by='', plugin='', before=0, limit=50, id=0):
    "Lines of the roll that say something, newest first, each with whether it was taken back"
    if not -2**63 <= before < 2**63: raise Refused('before is too large a number', 'give the number of a line of the roll')
    out = tx.q(f"select * from log where (kind='action' or {changed_class}) and text!='' and (?=0 or id=?) and (?=0 or id<?) and (?='' or by=?) "
               r"and (?='' or what like ? escape '\' or what=?) and (?='' or text like ? escape '\') order by id desc limit ?",
               id, id, before, before, by, by, plugin, like(plugin)[1:-1] + '.%', plugin, words, like(words), limit)
    for e in out: e['undone'] = tx.value('select 1 from log where key=?', f"undo:{e['id']}")
    return out

def begin(tx, title=''):
    "A new conversation; its number comes back"
    now = time.time()
    tx.run('insert into conversation(id,title,created,used) values (?,?,?,?)', id := tx.new_id('conversation'), title, now, now)
    return id

def add(tx, conversation, role, text='', status='done', key=None, parent=None, what='new', **more):
    "A new message at the head (or under `parent`); its number, a line of the log, comes back"
    parent = parent or tx.value('select head from conversation where id=?', conversation)
    id = tx.log('message', what, by='user' if role == 'user' else 'app', key=key)
    tx.run('update log set ref=? where id=?', id, id)
    # its buttons go
    below = parent if role != 'user' or tx.value('select role from message where id=?', parent) == 'user' else None
    tx.events[-1].ref, tx.events[-1].data = id, {'conversation': conversation, 'parent': below}
    names = ['id', 'conversation', 'parent', 'role', 'text', 'status', 'at', *more]
    tx.run(f"insert into message({','.join(names)}) values ({','.join('?'*len(names))})", id, conversation, parent, role, text, status,
           time.time(), *more.values())
    tx.run('update conversation set head=?, used=? where id=?', id, time.time(), conversation)
    put(tx, 'app', 'conversation', conversation)
    return id

def changed(tx, m, what='changed'):
    "Say that a message is no longer what it was"
    tx.log('message', what, ref=m['id'], data={'conversation': m['conversation'], 'parent': m['parent']})

def like(text): return '%' + re.sub(r'([%_\\])', r'\\\1', text) + '%'
def listed(tx, words='', limit=50, before=None):
    """Conversations, newest first, or those that come after conversation `before`;
    with `words`, those that hold them, each with the place: [{id, title, used, found}]"""
    words = words.replace('\0', ' ').strip()
    older = 'and (?1 is null or (c.used, c.id) < (select used, id from conversation where id=?1)) order by c.used desc, c.id desc limit ?2'
    if not words: return tx.q(f"select id, title, used, '' as found from conversation c where deleted=0 {older}", before, limit)
    phrases = lambda split: ' '.join('"' + (split(w) or w).replace('"', '""') + '"*' for w in words.split())
    plain, signs = phrases(str), phrases(spaced)
    out = tx.q(f"""with hit as materialized (select rowid as id from message_fts where message_fts match ?3 """
        f"""union select rowid from message_signs where message_signs match ?4),
        best as materialized (select m.conversation, max(m.id) as message from hit join message m on m.id=hit.id group by m.conversation)
        select c.id, c.title, c.used, '' as found, b.message from conversation c left join best b on b.conversation=c.id
        where c.deleted=0 and (b.message is not null or fold(c.title) like ?5 escape '\\') {older}""", before, limit, plain, signs, like(fold(words)))
    # +: one search for all of them
    places = {r['id']: r['found'] for r in tx.q("""select rowid as id, snippet(message_fts, 0, '', '', '…', 12) as found from message_fts
        where message_fts match ? and +rowid in (select value from json_each(?))""", plain, json.dumps([c['message'] for c in out]))}
    for c in out:
        if c['message']: c['found'] = places.get(c['message']) or _around(tx, c['message'], words)
    return out

def _around(tx, id, words):
    "The place in a message where the first of these words stands"
    text, *words = [unicodedata.normalize('NFKC', t) for t in (tx.value('select text from message where id=?', id), *words.split())]
    at = max(0, next((i for w in words if (i := text.lower().find(w.lower())) >= 0), 0) - 15)
    return ('…' if at else '') + ' '.join(text[at:at+50].split()) + ('…' if at + 50 < len(text) else '')

def public(m):
    "A message as the contract shows it"
    return {'id': m['id'], 'role': m['role'], 'text': m['text'], 'status': m['status'], 'model': m['model'], 'hidden': False, 'at': m['at']}

def told(tx, id, hidden=False):
    "A conversation (None: there is none yet) as the contract shows it, with what the model overheard if `hidden`"
    said = path(tx, conversation(tx, id)['head']) if id else []
    for m in said:
        if m['status'] == 'streaming': m['text'] = grown(tx, m)
    out = [public(m) for m in said]
    if hidden:
        first = said[0]['id'] if said else 0
        out += [{'id': e['id'], 'role': 'system', 'text': line(e, model='The model'), 'status': 'done', 'model': '', 'hidden': True, 'at': e['at']}
                for e in overheard(tx, first-40 if first else 0, limit=1000)]
        out.sort(key=lambda m: m['id'])
    return out

def grown(tx, m):
    pieces = tx.q("select text from log where ref=? and kind='piece' and what='' order by id", m['id'])
    return m['text'] + ''.join(p['text'] for p in pieces)
def thought(tx, m):
    pieces = tx.q("select text from log where ref=? and kind='piece' and what='thinking' order by id", m['id'])
    return m['thinking'] + ''.join(p['text'] for p in pieces)

# keys over conversations: journaled like any row, so that deleting one can be taken back

@action(name='chat.rename', plugin='chat', title='Rename a conversation', model=False,
        say=lambda a, r, c: f"Renamed a conversation to “{r['title']}”")
def rename(tx, id: int, title: str):
    "Give a conversation another title."
    conversation(tx, id)
    title = title.replace('\0', '').strip()
    if not title: raise Refused('a title must not be empty')
    if len(title) > longest_title: raise Refused(f'the title has {len(title):,} characters; the most is {longest_title}', 'say it shorter')
    return _short(tx.update('conversation', id, {'title': title}))
longest_title = 200

@action(name='chat.delete', plugin='chat', title='Delete a conversation', risk='destructive', model=False,
        say=lambda a, r, c: f"Deleted the conversation “{r['title']}”",
        asks=lambda tx, id: f"Delete the conversation “{conversation(tx, id)['title']}”?", touches=lambda tx, id: [('conversation', id)])
def delete(tx, id: int):
    "Put a conversation away; undo brings it back."
    conversation(tx, id)
    return _short(tx.update('conversation', id, {'deleted': 1}))

def _short(c): return {'id': c['id'], 'title': c['title']}
