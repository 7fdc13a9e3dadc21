"The tables of ours: what made them, one step a version; a database is brought up to date step by step, after a copy of it was put away."
import re

migrations = ["""
create table log(id integer primary key autoincrement, at real not null, kind text not null, by text not null, what text not null default '',
  ref integer, text text not null default '', data text, key text unique);
create index log_kind on log(kind, id);
create index log_ref on log(ref, id) where ref is not null;
create table pair(space text not null, key text not null, value text not null, primary key(space, key)) without rowid;
create table last_id(name text primary key, id integer not null) without rowid;
create table conversation(id integer primary key, title text not null default '', head integer, created real not null, used real not null,
  memory integer, summary text not null default '', deleted integer not null default 0);
create table message(id integer primary key, conversation integer not null references conversation(id), parent integer, role text not null,
  text text not null default '', thinking text not null default '', status text not null default 'done', engine text not null default '',
  model text not null default '', at real not null, ended real, stats text, error text, prelude text not null default '', prompt text, played integer not null default 1);
create index message_parent on message(parent);
create index message_conversation on message(conversation, id);
create index message_open on message(status) where status='streaming';
create index message_unplayed on message(played) where played=0;
create table told(hash text primary key, body text not null) without rowid;
create virtual table message_fts using fts5(text, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
create trigger message_ai after insert on message when new.status!='streaming' begin insert into message_fts(rowid, text) values (new.id, new.text); end;
create trigger message_au after update of text, status on message when new.status!='streaming' begin
  insert into message_fts(message_fts, rowid, text) select 'delete', old.id, old.text where old.status!='streaming';
  insert into message_fts(rowid, text) values (new.id, new.text); end;
create trigger message_again after update of status on message when new.status='streaming' and old.status!='streaming' begin
  insert into message_fts(message_fts, rowid, text) values ('delete', old.id, old.text); end;
create table approval(id integer primary key, at real not null, by text not null, action text not null, args text not null, text text not null,
  rows text not null, status text not null default 'waiting', message integer, roll integer);
create index approval_message on approval(message) where message is not null;
""", """
alter table approval add column why text not null default '';
alter table approval add column choice integer;
create table label(id integer primary key, at real not null, message integer, text text not null, action text not null, args text not null, verdict text not null, pattern text not null default '', sets text not null default '');
create index label_pattern on label(pattern) where pattern!='';
create table learned(id integer primary key, at real not null, pattern text not null unique, action text not null, sets text not null);
""", """
create table job(id integer primary key autoincrement, at real not null, title text not null, plugin text not null, name text not null, args text not null, runs text not null, state text not null default 'waiting', text text not null default '',
  done integer, total integer, attempt integer not null default 0, retries integer not null default 0, timeout real, key text unique, run integer, step text, by text not null default 'user', message integer, code text not null default '', began real,
  since real, since_done integer, ended real, result text, error text, pid integer, lease real not null default 0, cancel integer not null default 0, next_at real);
create index job_open on job(state) where state in ('waiting','running','ending');
create table unit(job integer not null, name text not null, value text not null, at real not null, primary key(job, name));
create table job_event(id integer primary key autoincrement, job integer not null, at real not null, kind text not null, text text not null default '', data text);
create index job_event_job on job_event(job, id);
create table schedule(id integer primary key, title text not null, action text not null, args text not null, every text not null, next_at real not null, active integer not null default 1);
""", """
create table run(id integer primary key, flow text not null, name text not null default '', head integer, redo text, created real not null, origin integer,
  locked integer not null default 0, deleted integer not null default 0);
create index run_flow on run(flow, deleted);
create table answer(id integer primary key, run integer not null references run(id), step text not null, parent integer, status text not null, inputs text not null,
  used text not null default '{}', result text, error text, code text not null default '', work integer, job integer, at real not null, ended real);
create index answer_run on answer(run, id);
create index answer_parent on answer(parent);
create index answer_running on answer(work) where status='running';
create table draft(run integer not null, step text not null, data text not null, tried integer not null default 0, primary key(run, step)) without rowid;
create table fold(run integer not null, step text not null, open integer not null, primary key(run, step)) without rowid;
create trigger answer_locked before insert on answer when (select locked from run where id=new.run) begin select raise(abort, 'the run is locked'); end;
create trigger run_locked before update of head, redo on run when old.locked and new.locked and (new.head is not old.head or new.redo is not old.redo) begin select raise(abort, 'the run is locked'); end;
""", """
create table setting(id integer primary key, plugin text not null unique, data text not null default '{}');
create table prompt_text(id integer primary key, name text not null unique, text text not null);
""", """
alter table message add column brings text;
alter table run add column follows integer;
alter table schedule add column missed text not null default 'once';
alter table schedule add column said text not null default '';
""", """
alter table job add column far text not null default '';
alter table job add column heard integer not null default 0;
create index job_far on job(far) where far!='';
""", """
alter table job add column cleared real;
""", """
create table lot(id integer primary key autoincrement, kept integer not null default 0);
""", """
create table mark(message integer primary key, conversation integer not null, room integer not null, summary text not null default '', reach integer not null);
create index mark_conversation on mark(conversation, message);
alter table conversation add column room integer not null default 0;
insert into mark select memory, id, 1, summary, memory from conversation where memory is not null;
update conversation set room=1 where memory is not null;
""", """
create virtual table message_signs using fts5(text, tokenize='unicode61 remove_diacritics 2');
create trigger message_signs_ai after insert on message when new.status!='streaming' begin
  insert into message_signs(rowid, text) select new.id, t from (select spaced(new.text) as t) where t is not null; end;
create trigger message_signs_au after update of text, status on message begin
  delete from message_signs where rowid=old.id;
  insert into message_signs(rowid, text) select new.id, t from (select spaced(new.text) as t) where t is not null and new.status!='streaming'; end;
insert into message_signs(rowid, text) select id, t from (select id, spaced(text) as t from message where status!='streaming') where t is not null;
""", """
update prompt_text set name='questions/'||name where name in ('explain','mend','summary','record','part','new');
update log set data=json_set(data, '$.args.name', 'questions/'||json_extract(data, '$.args.name')) where kind='action' and what='prompts.write'
  and json_extract(data, '$.args.name') in ('explain','mend','summary','record','part','new');
""", """
update log set text='Undone: '||substr(text, 13) where kind='action' and what='undo' and text like 'Taken back: %';
update log set text='Done again: '||substr(text, 15) where kind='action' and what='undo' and text like 'Brought back: %';
"""]
made = re.compile(r'create (?:virtual )?(table|index|trigger|view) (?:if not exists )?"?(\w+)', re.I)        # what these make: (kind, name)
