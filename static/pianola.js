// The page's own hands: one socket, things put in their place, the message box. What is true lives on the server; this only shows it.
'use strict';
const $ = (q, at = document) => at.querySelector(q), id = i => document.getElementById(i);
const keep = { get: k => { try { return localStorage.getItem(k) } catch { return null } }, set: (k, v) => { try { v == null ? localStorage.removeItem(k) : localStorage.setItem(k, v) } catch { /* private mode: remembered until the tab closes */ } } };
const draft = {       // what is half written: this tab's own first, else what any tab wrote last there
  get: c => { try { const own = sessionStorage.getItem('draft:' + c); if (own != null) return own } catch { /* private mode */ } return keep.get('draft:' + c) || '' },
  set: (c, v) => { try { sessionStorage.setItem('draft:' + c, v || '') } catch { /* private mode */ } keep.set('draft:' + c, v || null) },
};
function unsent() { const out = []; try { for (const k of Object.keys(localStorage)) if (k.startsWith('unsent:')) out.push(JSON.parse(localStorage[k])) } catch { /* private mode, or not ours */ } return out.sort((a, b) => (a.at || 0) - (b.at || 0)) }      // each goes out under its own name: said twice, it is heard once
const chat = () => id('chat'), list = () => id('msg-list'), box = () => id('msg');
const looks = (() => { try { return JSON.parse(sessionStorage.getItem('looks')) || {} } catch { return {} } })();      // how this tab looks at each table; see tables.js
const at = (key, value, message) => { const u = new URL(location); u.searchParams.set(key, value); if (key === 'chat') message ? u.searchParams.set('at', message) : u.searchParams.delete('at'); return u.search };
const conversation = () => +chat().dataset.conversation || null;

// ---- the socket: says hello with the last line it saw, and gets what it missed

let ws, seq = 0, tries = 0, lastFrame = 0, spoke = 0, left = 0, retry, waiting = unsent(), asked = new Set(), lost;
function connect() {
  ws = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
  ws.onopen = () => { tries = 0; clearTimeout(lost); lost = null; id('offline').hidden = true; id('offline').textContent = 'Connecting again …'; hello(seq || Math.min(+id('main').dataset.seq, +chat().dataset.seq)); for (const w of ready()) tell(w) };
  ws.onmessage = e => { lastFrame = Date.now(); hear(JSON.parse(e.data)) };
  ws.onclose = e => { if (e.target !== ws) return; lost ??= setTimeout(() => { id('offline').hidden = false }, 1200); clearTimeout(retry); retry = setTimeout(connect, Math.min(2500, 80 * 1.6 ** tries++) * (.7 + Math.random() * .6)); if (tries % 4 === 3) locked() };
}
const locked = () => fetch('/', { headers: { accept: 'text/html' } }).then(r => { if (r.status === 401) { id('offline').hidden = false; id('offline').innerHTML = '<a href="">Pianola asks for its password</a>' } }, () => {});       // it runs again, and lets nobody in without it
const tell = frame => ws && ws.readyState === 1 && (ws.send(JSON.stringify(frame)), true);
const hello = since => tell({ hello: { since, conversation: conversation(), fresh: new URLSearchParams(location.search).get('chat') === 'new', runs: [...document.querySelectorAll('#main [data-run]')].map(r => +r.dataset.run), drawn: +chat().dataset.seq, view: id('main').dataset.view, looks, opened: true, streaming: [...document.querySelectorAll('#msg-list > [data-status=streaming]')].map(m => +m.dataset.pos) } });
function awake() {       // back from sleep or another tab: a socket may look open and be dead, so ask, and connect anew when nothing comes back
  tries = 0;
  if (ws.readyState > 1) { clearTimeout(retry); return connect() }
  const asked = Date.now();
  if (hello(seq)) setTimeout(() => { if (lastFrame < asked && ws.readyState === 1) { const old = ws; connect(); old.close() } }, 1500);
}
addEventListener('online', awake);
addEventListener('pageshow', e => e.persisted && awake());
document.addEventListener('visibilitychange', () => document.hidden || awake());

const foreign = f => f.of && f.of !== conversation();       // of a conversation that this tab has left, or has not come to yet
const ofChat = it => it.into === 'msg-list' || /^(msg-|out-|memory$)/.test(it.id);
function hear(f) {
  if (f.m) grow(f);
  if (f.put) put(foreign(f) ? f.put.filter(it => !ofChat(it)) : f.put, f.gone || []);
  if (f.left) follow(f.left);
  if (f.html) { const t = document.createElement('template'); t.innerHTML = f.html; for (const e of [...t.content.children]) if (e.id && e.hasAttribute('hx-swap-oob') && !id(e.id)) e.remove(); if (t.content.childElementCount) htmx.swap(document.body, t.innerHTML, { swapStyle: 'none' }) }      // what has no place here is for another page
  if (f.flow) document.dispatchEvent(new CustomEvent('flow', { detail: f.flow }));
  if (f.phase) phase(f);
  if (f.live && !foreign(f)) { const p = document.createElement('p'); p.textContent = f.live; id('live').append(p); while (id('live').childElementCount > 4) id('live').firstChild.remove() }
  if (f.job) worked(f.job);
  if (f.toast) toast(f.toast);
  if (f.conversation && f.conversation !== conversation()) {
    fetch(`/api/conversations/${f.conversation}/panel`).then(r => r.text()).then(t => { const m = parse(t)?.querySelector('#chats-menu'); if (m && conversation() === f.conversation) { const was = id('chats-menu'); m.open = was.open; for (const q of ['input[type=search]', '#chat-list']) $(q, m).replaceWith($(q, was)); was.replaceWith(m); htmx.process(m); refreshChats() } });
    if (!conversation()) { draft.set('new', ''); draft.set(f.conversation, box().value) }
    chat().dataset.conversation = f.conversation; history.replaceState(null, '', at('chat', f.conversation)); hello(seq) }
  if ('ack' in f) acked(f.cid || f.ack);
  if (f.error) { if (f.cid) acked(f.cid, true); say(f.error, f.hint) }
  if (f.deleted && f.deleted === conversation()) { left = f.deleted; draft.set('new', box().value); draft.set(f.deleted, ''); $('#chat header a.button').click() }
  if (f.chats) refreshChats();
  if (f.reload) location.reload();
  if (f.seq > seq) seq = f.seq;
  busy();
}
const busy = () => { const on = !!$('#msg-list > [data-status=streaming]'); if (id('stop').hidden === on) id('stop').hidden = !on };

function worked(j) {       // bars and buttons of a job, wherever they stand
  const running = j.state === 'running' || j.state === 'waiting';
  for (const e of document.querySelectorAll(`[data-job="${j.id}"]`)) {
    const bar = $('progress', e), text = $('.text', e); e.hidden = !running;
    if (bar && j.total) { bar.max = j.total; bar.value = j.done }
    if (text) text.textContent = j.said;
  }
  for (const b of document.querySelectorAll(`[data-presses="${CSS.escape(j.name)}"]`)) { b.disabled = running; running ? b.setAttribute('aria-busy', 'true') : b.removeAttribute('aria-busy') }
}

// ---- things in their place

function parse(html) { const t = document.createElement('template'); t.innerHTML = html; return t.content.firstElementChild }
function place(el, into) {       // lists are sorted by data-pos; most things come last
  const pos = +el.dataset.pos; let at = into.lastElementChild;
  while (at && (at === el || +at.dataset.pos > pos)) at = at.previousElementSibling;
  if (el.parentNode === into && el.previousElementSibling === at) return;
  at ? at.after(el) : into.prepend(el);
}
const later = new Map();       // by element: what is drawn when the user is done typing there, unless something newer is by then
function put(items, gone) {
  for (const i of gone) { const el = id(i); later.delete(i); if (el) { unfinished(el); leaveFocus(el); el.remove() } }
  for (const it of items) {
    if (it.run && +id(it.flow + '-flow')?.dataset.run !== it.run) continue;      // of a run this tab no longer shows
    const old = id(it.id), focus = document.activeElement;
    if (it.run && old?.drawn === it.html) continue;
    if (old && old.contains(focus) && focus.matches('input,textarea') && focus.type !== 'checkbox' && focus.type !== 'hidden' && focus.value !== focus.defaultValue && focus.value !== focus.sent) {      // half-typed: wait until the user is done
      if (!later.has(it.id)) focus.addEventListener('blur', () => setTimeout(() => { const it = later.get(old.id); if (it) put([it], []) }, 400), { once: true });
      later.set(it.id, it); continue;
    }
    later.delete(it.id);
    const edited = old?.matches('.msg') && $('.body.edit textarea', old);
    if (edited && edited.sent == null) continue;      // being worded anew: drawn when that is over
    const el = parse(it.html);
    if (!el) continue;
    if (old && it.missing) { seat(old, it.after, id(it.into)); continue }
    if (old) {
      const within = old.contains(focus) && focus !== old, call = n => n.getAttribute('name') || n.dataset.col || n.className.replace(/\s*\bhtmx-\S+/g, '') + (n.matches('button') ? n.textContent : ''), name = within ? call(focus) : null, caret = within && focus.matches('.cell') ? focus.selectionStart : null;
      for (const d of old.querySelectorAll('details[id][open]')) { const same = el.querySelector('#' + CSS.escape(d.id)); if (same) same.open = true }
      const moved = old.dataset.pos !== el.dataset.pos;
      if (it.into === 'menu') { if ($('[aria-current]', old)) $('a', el).setAttribute('aria-current', 'page'); old.dataset.pos = el.dataset.pos; if (old.isEqualNode(el)) { place(old, id('menu')); continue } }      // only its number changed
      if (grown(old, el)) { htmx.process(old); continue }
      old.replaceWith(el);
      if ('after' in it) seat(el, it.after, id(it.into)); else if (moved && it.into && id(it.into)) place(el, id(it.into));
      if (it.at) arrive(it.at, within);
      else if (within) { const to = [...el.querySelectorAll('input:not([type=hidden]),button,textarea,select')].find(n => call(n) === name && !n.hidden) || (el.matches('[tabindex]') && el.id !== 'msg-list' ? el : null); to ? to.focus({ preventScroll: true }) : elsewhere(el); if (caret != null && to?.matches('.cell')) try { to.setSelectionRange(caret, caret) } catch { /* a number has no caret */ } }
    } else {
      const into = it.only ? null : id(it.into);
      if (!into) continue;
      if (into.id === 'msg-list') {
        const first = [...into.children].find(c => c.matches('[data-role]'));
        if (first && +el.dataset.pos < +first.dataset.pos && $('.earlier:not(.later)', into)) continue;      // older than what is loaded
        if ($('.later', into) && +el.dataset.pos > +[...into.querySelectorAll('[data-role]')].pop().dataset.pos) { id('to-end').hidden = false; continue }      // newer
        if (!el.matches('.overheard')) $('.hello', into)?.remove();
      }
      'after' in it ? seat(el, it.after, into) : place(el, into);
      if (into.id === 'msg-list' && el.dataset.role === 'user') stuck = true;
    }
    if (it.id.startsWith('msg-')) asked.delete(el.dataset.pos);
    if (it.id === 'msg-list') { listed() }
    if (it.run) el.drawn = it.html;
    htmx.process(el);
  }
  document.dispatchEvent(new Event('placed'));
  toEnd();
}
function seat(el, after, into) {       // a row stands behind the one it names: '' is first, null is last; the gap stands behind the rows that are drawn
  if (!into) return;
  const gap = $(':scope > .gap', into), limit = +into.dataset.limit;
  if (el.matches('.gap')) { const rows = [...into.children].filter(r => r !== el); if (el.previousElementSibling !== rows[limit - 1]) rows[limit - 1]?.after(el); return }
  const at = after === '' ? null : after === null ? into.lastElementChild : id(after) || (gap ? gap.previousElementSibling : into.lastElementChild);
  if (after === null && el.parentNode === into && (!gap || gap.compareDocumentPosition(el) & 4)) return;
  if (at === el || el.parentNode === into && el.previousElementSibling === at) return;
  at ? at.after(el) : into.prepend(el);
  if (gap) seat(gap, null, into);
}

function unfinished(el) {       // a row goes while somebody types in it: the words are shown once more
  const f = document.activeElement; if (f && f !== el && el.contains(f) && f.matches('.cell') && f.type !== 'checkbox' && f.value !== f.defaultValue && f.value !== f.sent) say('The row you were typing in was deleted.', `You had written: “${f.value}”`);
}
// where the focus goes when what had it goes away: never nowhere
function leaveFocus(el) {
  const focus = document.activeElement; if (!el.contains(focus)) return;
  const row = el.closest('ol.rows > li'), near = row && [row.nextElementSibling, row.previousElementSibling].find(r => r && !r.hidden), same = near && [...near.querySelectorAll('input,button')].find(n => n.className === focus.className && n.type === focus.type);
  if (row) (same || near?.querySelector('input,button') || $('form.new input', row.closest('.crud')) || id('main')).focus({ preventScroll: true });
  else elsewhere(el);
}
function elsewhere(el) { (el.closest('.msg') || (el.closest('#chat') ? box() : el.closest('dialog')) || id('main')).focus({ preventScroll: true }) }
function settle(m, block, times = 4) { auto = true; m.scrollIntoView({ block }); if (times) requestAnimationFrame(() => settle(m, block, times - 1)) }      // what comes into view gets its real height, and moves what was aimed at
function arrive(at, focused) {       // another branch is shown: stay at the message that was asked for
  const m = id('msg-' + at); if (!m) return;
  stuck = false; settle(m, 'nearest');
  if (focused) ($('.tries button', m) || m).focus({ preventScroll: true });
}
function grown(old, el) {       // a reply that ends keeps the blocks it has, and with them what the user selected in it
  if (!old.matches('.msg.assistant[data-n]') || !el.matches('.msg.assistant')) return false;
  const a = $('.body', old), b = $('.body', el), tail = $('.tail', a), n = +old.dataset.n; if (!a || !b || !tail) return false;
  const now = [...a.querySelectorAll(':scope > .block')], then = [...b.querySelectorAll(':scope > .block')];
  if (now.length !== n || then.length < n || now.some((x, i) => x.innerHTML !== then[i].innerHTML)) return false;
  if (then.length === n + 1 && then[n].innerHTML === tail.innerHTML) { const last = document.createElement('div'); last.className = 'block'; last.append(...tail.childNodes); tail.before(last) }
  else { tail.replaceChildren(...b.querySelector('.tail').childNodes); tail.before(...then.slice(n)) }
  for (const c of [...old.children]) if (c !== a) c.remove();
  let before = true; for (const c of [...el.children]) { if (c === b) before = false; else before ? a.before(c) : old.append(c) }
  for (const k of [...old.attributes]) if (!el.hasAttribute(k.name)) old.removeAttribute(k.name);
  for (const k of [...el.attributes]) old.setAttribute(k.name, k.value);
  return true;
}

// ---- a growing reply: finished blocks are added once, only the open one is drawn again

function grow(f) {
  const a = id('msg-' + f.m);
  if (!a) return;
  if (+(a.dataset.n || -1) !== f.n) { if (!asked.has('' + f.m)) { asked.add('' + f.m); tell({ again: f.m }) } return }
  const tail = $('.body > .tail', a);
  $('.phase', a)?.remove();
  if (f.think) { const d = $('.thinking', a); if (d) { d.hidden = false; $('.thought', d).append(f.think) } }
  if (f.add) { for (const h of f.add) { const b = document.createElement('div'); b.className = 'block'; b.innerHTML = h; tail.before(b) } a.dataset.n = f.n + f.add.length }
  if ('append' in f) { let to = tail; while (to.lastElementChild?.matches('p,h1,h2,h3,h4,h5,h6,ul,ol,li,blockquote,figure,pre,pre>code')) to = to.lastElementChild; to.append(f.append) }
  else if ('tail' in f) tail.innerHTML = f.tail;
  toEnd();
}
function phase(f) {
  const a = id('msg-' + f.phase); if (!a || a.dataset.status !== 'streaming') return;
  let p = $('.phase', a); if (!p) { const b = $('.body', a); p = document.createElement('p'); p.className = 'phase'; b.textContent.trim() ? b.after(p) : b.before(p) }       // behind what was said already
  p.textContent = f.text; toEnd();
}

// ---- staying at the end, unless the user looks elsewhere

let stuck = true, auto = false;
function toEnd() { const l = list(); if (stuck && l) { auto = true; l.scrollTop = 1e9 } else if (l) id('to-end').hidden = atEnd(l) }
const atEnd = l => l.scrollHeight - l.scrollTop - l.clientHeight < 40;
function listed() {
  const l = list();
  l.addEventListener('scroll', () => { if (auto) { auto = false; return } stuck = atEnd(l); id('to-end').hidden = stuck }, { passive: true });
  const up = () => { if (l.scrollTop > 0) stuck = false };       // where all of it is in view there is nothing to go up to
  let finger = 0;
  l.addEventListener('wheel', e => { if (e.deltaY < 0) up() }, { passive: true });
  l.addEventListener('keydown', e => { if (['ArrowUp', 'PageUp', 'Home'].includes(e.key)) up() });
  l.addEventListener('touchstart', e => { finger = e.touches[0].clientY }, { passive: true });
  l.addEventListener('touchmove', e => { if (e.touches[0].clientY > finger + 3) up() }, { passive: true });
  busy();
}
function entered(soon = f => f()) {       // a chat column is on the page: anew, or another conversation. `soon`: what measures the page waits for it to be laid out anyway
  stuck = true; listed();
  const at = chat().dataset.at && id('msg-' + chat().dataset.at);
  if (at) stuck = false;
  box().value = draft.get(conversation() || 'new');
  id('overheard').checked = keep.get('overheard') === '1'; list().classList.toggle('with-overheard', id('overheard').checked);
  soon(() => {
    pending();
    if (at) { settle(at, 'center'); at.classList.add('found') } else toEnd();
    if (!$('.msg.user .body.said') && [document.body, null].includes(document.activeElement)) box().focus({ preventScroll: true });
  });
}

// ---- speaking

// on the way to another conversation ('new' or its number): what is typed meanwhile is for that one, and goes out there
let going = null, goes = false;
const panelOf = d => /^\/api\/conversations\/(new|\d+)\/panel/.exec(d.pathInfo?.requestPath || '')?.[1];
document.addEventListener('htmx:beforeRequest', e => { const to = e.detail.target?.id === 'chat' && panelOf(e.detail); if (!to) return; if (to !== (going || '' + (conversation() || 'new'))) box().value = draft.get(to); going = to; goes = false });
document.addEventListener('htmx:beforeSwap', e => { const to = e.detail.target?.id === 'chat' && panelOf(e.detail); if (to && to !== going) e.detail.shouldSwap = false });       // somebody went on to another one meanwhile
document.addEventListener('htmx:afterRequest', e => { if (e.detail.target?.id === 'chat' && !e.detail.successful && panelOf(e.detail) === going) { going = null; goes = false; draft.set(conversation() || 'new', box().value) } });
function arrived() { going = null; if (goes) { goes = false; send() } }
const here = () => going || conversation() || 'new';

function send() {
  const msg = box().value;
  if (!msg.trim()) return;
  if (going) { goes = true; return }
  if (waiting.some(w => w.msg === msg)) return;
  if (msg.length > +box().dataset.most) return say(`The message has ${msg.length.toLocaleString()} characters; the most is ${(+box().dataset.most).toLocaleString()}.`, 'Send it in parts. It is still here.');
  const w = { msg, at: Date.now(), cid: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) + Date.now(), conversation: conversation() };
  waiting.push(w); keep.set('unsent:' + w.cid, JSON.stringify(w)); stuck = true; spoke = Date.now();
  box().value = ''; draft.set(conversation() || 'new', '');
  if (ready().includes(w) && !tell(w)) say('Not connected just now.', 'Your message is kept and goes out as soon as Pianola answers.');
  setTimeout(pending, 1000);
  if ($('.later', list())) reopen();
}
function pending() {       // what is kept here until it can be sent stands at the end, so that nobody looks for it
  for (const e of document.querySelectorAll('.unsent')) if (!waiting.some(w => 'unsent-' + w.cid === e.id)) e.remove();
  for (const w of waiting) if (Date.now() - (w.at || 0) > 900 && w.conversation === conversation() && !id('unsent-' + w.cid)) {
    $('.hello', list())?.remove();
    const a = parse('<article class="msg user unsent" data-pos="1e15"><div class="body"></div><footer>Not sent yet</footer></article>');
    a.id = 'unsent-' + w.cid; a.firstChild.textContent = w.msg; list().append(a); toEnd();
  }
}
const reopen = () => htmx.ajax('GET', `/api/conversations/${conversation() || 'new'}/panel`, { target: '#chat', swap: 'outerHTML' });      // the end of the conversation, where only its middle was shown
function acked(cid, failed) {
  const w = waiting.find(w => w.cid === cid);
  waiting = waiting.filter(w => w.cid !== cid); keep.set('unsent:' + cid, null); pending();
  if (w && failed) { box().value = [box().value, w.msg].filter(Boolean).join('\n\n'); draft.set(left === conversation() ? 'new' : conversation() || 'new', box().value) }      // nothing that was written is lost
  if (w && !w.conversation) { if (!failed) for (const v of waiting) if (!v.conversation) { v.conversation = conversation(); keep.set('unsent:' + v.cid, JSON.stringify(v)) } for (const v of ready()) tell(v) }      // said twice, it is heard once
}
const ready = () => waiting.filter((w, n) => w.conversation || !waiting.slice(0, n).some(v => !v.conversation));       // what begins a conversation goes first; what came after it goes into the same
document.addEventListener('submit', e => {
  const f = e.target;
  if (f.id === 'say') { e.preventDefault(); send() }
  else if (f.matches('[hx-post]') && !e.defaultPrevented) { e.preventDefault(); if (!f.early) { f.early = true; htmx.process(f); f.requestSubmit() } }      // quicker than htmx, which takes a moment to see a new form
});
document.addEventListener('input', e => { if (e.target.id === 'msg') draft.set(here(), e.target.value) });
document.addEventListener('change', e => {
  if (e.target.id === 'overheard') { keep.set('overheard', e.target.checked ? '1' : null); list().classList.toggle('with-overheard', e.target.checked) }
});

// ---- keyboard

const help = `<h2>Keys</h2><table><tbody>${[['/', 'to the message box'], ['Enter', 'send'], ['Shift+Enter', 'new line'], ['Esc', 'stop the reply or the summary, or close what is open'], ['↑ ↓', 'in an empty box: your earlier messages again'],
  ['Alt+M', 'next model'], ['Alt+N', 'new conversation'], ['Alt+↑ Alt+↓', 'on a row: move it'], ['↑ ↓ ← →', 'between cells'], ['F2', 'in a cell: write on in it'], ['Enter / Esc', 'in a cell: keep / put back'], ['Shift+click', 'select up to here'], ['?', 'this list']].map(([k, w]) => `<tr><th><kbd>${k}</kbd></th><td>${w}</td></tr>`).join('')}</tbody></table><form method="dialog" class="closer"><button class="quiet">Close</button></form>`;
const press = (name, args) => fetch('/api/actions/' + name, { method: 'POST', headers: { 'content-type': 'application/json', 'hx-request': 'true' }, body: JSON.stringify(args || {}) }).then(async r => { if (!r.ok) { const e = await r.json(); say(e.error, e.hint) } }, () => say('Pianola does not answer.', 'Is it still running?'));
document.addEventListener('keydown', e => {
  const t = e.target, typing = t.matches('input:not([type=checkbox]),textarea,select,[contenteditable]');
  if (e.isComposing || e.keyCode === 229) return;
  if (t.id === 'msg') {
    if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); send(); return }
    if ((e.key === 'ArrowUp' || e.key === 'ArrowDown') && (!t.value || t.value === t.recalled)) {
      const said = [...document.querySelectorAll('.msg.user .body.said')].map(b => b.textContent), at = t.value ? t.at + (e.key === 'ArrowUp' ? 1 : -1) : e.key === 'ArrowUp' ? 1 : 0;
      if (at < 0 || at > said.length || !t.value && !at) return;
      e.preventDefault(); t.at = at; t.value = t.recalled = at ? said[said.length - at] : ''; t.dispatchEvent(new Event('input', { bubbles: true })); t.setSelectionRange(t.value.length, t.value.length); return
    }
  }
  if (t.closest('.body.edit') && (e.key === 'Escape' || e.key === 'Enter' && (e.ctrlKey || e.metaKey))) { e.preventDefault(); const f = t.closest('form'), m = f.closest('.msg'); if (e.key === 'Enter') f.requestSubmit(); else $('[data-redraw]', f).click(); return }
  if (e.key === 'Escape') {
    const d = $('details.menu[open]');
    if (d) { d.open = false; $('summary', d).focus(); return }
    if (!id('dialog').open && (!id('stop').hidden || $('#memory .reading') || waiting.length || Date.now() - spoke < 500) && tell({ stop: id('stop').hidden ? 'said' : true })) return;       // also before the page shows that a reply was begun
    if (!id('dialog').open && document.body.classList.contains('sheet')) closeSheet();
  }
  if (e.altKey && e.code === 'KeyM') { e.preventDefault(); press('model.next'); return }
  if (e.altKey && e.code === 'KeyN') { e.preventDefault(); $('#chat header a.button').click(); box().focus(); return }
  const row = t.closest('ol.rows > li.row');
  if (row && e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
    e.preventDefault();
    if (row.closest('.crud').matches('.sorted')) return say('The rows are sorted by a column.', 'Press its name until they are as you put them; then they can be moved.');
    const seen = [...row.parentNode.children].filter(r => r.matches('.row')), at = seen.indexOf(row), to = e.key === 'ArrowUp' ? seen[at - 1] : seen[at + 2];
    if (e.key === 'ArrowUp' && !to || e.key === 'ArrowDown' && at === seen.length - 1) return;
    move(row, to); return;
  }
  if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === '/') { e.preventDefault(); openSheet(); box().focus() }
  if (e.key === '?') openDialog(help);
});

// ---- rows: move (the rest is in tables.js)

const rowId = r => +r.id.slice(r.id.lastIndexOf('-') + 1);
const move = (row, before) => fetch(row.parentNode.dataset.move, { method: 'POST', headers: { 'content-type': 'application/json', 'hx-request': 'true' }, body: JSON.stringify({ id: rowId(row), before: before ? rowId(before) : null }) })
  .then(async r => { if (!r.ok) { const e = await r.json(); say(e.error, e.hint) } }, () => say('Pianola does not answer.', 'The row stays where it was.'));
let dragged;
document.addEventListener('dragstart', e => { if (!e.target.matches?.('.grip')) return; dragged = e.target.closest('li'); e.dataTransfer.effectAllowed = 'move'; e.dataTransfer.setData('text/plain', ''); e.dataTransfer.setDragImage(dragged, 12, 12); dragged.classList.add('dragged') });
document.addEventListener('dragover', e => {
  const over = dragged && e.target.closest?.('ol.rows > li.row'); if (!over || over.parentNode !== dragged.parentNode) return;
  e.preventDefault(); const after = e.offsetY > over.offsetHeight / 2;
  document.querySelectorAll('.drop-before,.drop-after').forEach(x => x.classList.remove('drop-before', 'drop-after'));
  over.classList.add(after ? 'drop-after' : 'drop-before');
});
document.addEventListener('drop', e => {
  const over = $('.drop-before,.drop-after'); if (!dragged || !over) return; e.preventDefault();
  const to = over.classList.contains('drop-after') ? over.nextElementSibling : over;
  if (over !== dragged && to !== dragged) move(dragged, to);
});
document.addEventListener('dragend', () => { document.querySelectorAll('.drop-before,.drop-after,.dragged').forEach(x => x.classList.remove('drop-before', 'drop-after', 'dragged')); dragged = null });

// ---- small things: copy, dialog, toast, theme, split, sheet

async function copy(text, button) {
  try { await navigator.clipboard.writeText(text) } catch { const t = document.createElement('textarea'); t.value = text; document.body.append(t); t.select(); document.execCommand('copy'); t.remove() }
  const was = button.was ??= button.textContent; button.textContent = 'Copied'; clearTimeout(button.back); button.back = setTimeout(() => { button.textContent = was }, 1200);
}
document.addEventListener('click', e => {
  for (const d of document.querySelectorAll('details.menu[open]')) if (!d.contains(e.target)) d.open = false;
  const b = e.target.closest('button,a,summary'); if (!b) return;
  if (b.closest('#under')) id('under').hidePopover?.();
  if (b.matches('.copy')) copy(b.closest('figure').querySelector('code').textContent, b);
  if (b.dataset.copy) fetch(b.dataset.copy).then(r => r.text()).then(t => copy(t, b), () => say('Pianola does not answer.', 'Nothing was copied.'));
  if (b.id === 'stop') { tell({ stop: true }); box().focus({ preventScroll: true }) }
  if (b.id === 'to-end') { if ($('.later', list())) return reopen(); stuck = true; b.hidden = true; toEnd() }
  if (b.dataset.redraw) { const t = $('textarea', b.form); t.sent = t.value; b.closest('.msg').focus(); tell({ again: +b.dataset.redraw }) }
  if (b.id === 'help') openDialog(help);
  if (b.matches('.skip')) { e.preventDefault(); openSheet(); box().focus() }
  if (b.id === 'chat-open') { openSheet(); box().focus() }
  if (b.id === 'chat-close') closeSheet();
  if (b.id === 'theme') {
    const ways = matchMedia('(prefers-color-scheme:dark)').matches ? ['', 'light', 'dark'] : ['', 'dark', 'light'], next = ways[(ways.indexOf(document.documentElement.dataset.theme || '') + 1) % 3];       // the first press always shows a difference
    keep.set('theme', next || null); theme(next);
  }
});
const small = matchMedia('(max-width:899px)');
function sheet() { const open = small.matches && document.body.classList.contains('sheet'), c = chat(); for (const e of [id('nav'), id('main')]) e.inert = open; open ? (c.setAttribute('role', 'dialog'), c.setAttribute('aria-modal', 'true')) : (c.removeAttribute('role'), c.removeAttribute('aria-modal')) }
const openSheet = () => { document.body.classList.add('sheet'); sheet() }, closeSheet = () => { document.body.classList.remove('sheet'); sheet(); id('chat-open').focus() };
small.addEventListener('change', sheet);
function openDialog(html) { const d = id('dialog'); if (html) { document.body.append(id('toasts')); d.innerHTML = html } if (!d.open) d.showModal(); d.scrollTop = 0 }
id('dialog').addEventListener('click', e => { if (e.target === id('dialog')) id('dialog').close() });
const dialog = id('dialog'), seen = t => { const b = id('toasts'); (dialog.open ? dialog : document.body).append(b); b.append(t); while (b.childElementCount > 3) b.firstChild.remove(); const leave = () => t.matches(':hover,:focus-within') ? setTimeout(leave, 2000) : t.remove(); setTimeout(leave, 9000) };
dialog.addEventListener('close', () => document.body.append(id('toasts')));
function toast(html) { const t = parse(html); seen(t); htmx.process(t) }
function say(text, hint) { const t = document.createElement('div'); t.className = 'outcome refused'; t.setAttribute('role', 'alert'); t.append(text + ' '); const s = document.createElement('small'); s.textContent = hint || ''; t.append(s); seen(t) }
let chatsSoon;
function refreshChats() { clearTimeout(chatsSoon); chatsSoon = setTimeout(async () => {       // as it is shown: unfolded as far, searched for the same, at the same place
  const ask = () => { const l = id('chats'), n = l ? l.querySelectorAll('a').length : 0; return l && new URLSearchParams({ q: $('#chats-menu input[type=search]').value, many: $('li > button', l) ? n : n + 50, now: conversation() || '' }).toString() };
  const asked = ask(); if (!asked) return;
  const r = await fetch('/api/conversations?' + asked, { headers: { 'hx-request': 'true' } }).catch(() => null); if (!r?.ok) return;
  const el = parse(await r.text()), old = id('chats'); if (!el || !old) return;
  if (ask() !== asked) return refreshChats();
  const top = old.scrollTop, focus = old.contains(document.activeElement) && document.activeElement, to = focus && (focus.matches('a') ? [...el.querySelectorAll('a')].find(a => a.getAttribute('href') === focus.getAttribute('href')) || $('a', el) : $('li > button', el) || [...el.querySelectorAll('a')].pop());
  old.replaceWith(el); htmx.process(el); el.scrollTop = top; if (to) to.focus({ preventScroll: true });
  const now = $(`a[href="?chat=${conversation()}"] .t`, el); if (now) id('chat-title').textContent = now.textContent }, 150) }

const split = id('split');
const setSplit = p => { p = Math.min(70, Math.max(25, p)); document.documentElement.style.setProperty('--chat', p.toFixed(1) + '%'); split.setAttribute('aria-valuenow', Math.round(chat().offsetWidth / innerWidth * 100)); keep.set('split', p.toFixed(1)) };      // neither column is ever narrower than it can be read
split.addEventListener('pointerdown', e => { if (e.button) return; split.setPointerCapture(e.pointerId); document.body.classList.add('splitting'); const go = m => setSplit((innerWidth - m.clientX) / innerWidth * 100); split.addEventListener('pointermove', go); split.addEventListener('lostpointercapture', () => { split.removeEventListener('pointermove', go); document.body.classList.remove('splitting') }, { once: true }) });       // also when the pointer is taken away
split.addEventListener('keydown', e => { const now = chat().offsetWidth / innerWidth * 100; if (e.key === 'ArrowLeft') setSplit(now + 2); if (e.key === 'ArrowRight') setSplit(now - 2) });
if (keep.get('split')) split.setAttribute('aria-valuenow', Math.round(+keep.get('split')));
function theme(t) { const root = document.documentElement; t ? root.dataset.theme = t : delete root.dataset.theme; id('theme').textContent = 'Theme: ' + (t || 'system') }
theme(document.documentElement.dataset.theme);
addEventListener('storage', e => { if (e.key === 'theme') theme(['light', 'dark'].includes(e.newValue) ? e.newValue : '') });       // the other tabs go along
requestAnimationFrame(() => $('#menu [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }));

// ---- htmx: what went wrong, and what must happen after a swap

document.addEventListener('htmx:configRequest', e => { if (e.detail.elt.matches?.('.to-chat')) { e.detail.parameters.conversation = conversation() || -1; stuck = true } });       // answered in the conversation this tab shows
const wrong = e => { e.detail.xhr.told = true; let said = {}; try { said = JSON.parse(e.detail.xhr.responseText) } catch { said = { error: 'That did not work.', hint: `The server said ${e.detail.xhr.status}.` } } say(said.error, said.hint); const s = e.detail.elt; if (s.matches?.('select#model')) for (const o of s.options) o.selected = o.defaultSelected };
document.addEventListener('htmx:responseError', wrong);
document.addEventListener('htmx:beforeRequest', e => { const t = e.detail.elt, x = e.detail.xhr; x.addEventListener('loadend', () => { if (x.status >= 400 && !x.told) wrong({ detail: { xhr: x, elt: t } }) });      // what was pressed may be gone from the page by then, and its own word reaches nobody
  for (const i of t.matches?.('form') ? t.elements : []) i.sent = i.value; if (t.matches?.('form[data-reset]')) t.sent = ($('input.main', t) || $('input', t)).value });
document.addEventListener('htmx:sendError', () => say('Pianola does not answer.', 'Is it still running? What you typed is still here.'));
document.addEventListener('htmx:afterRequest', e => {
  const t = e.detail.elt; if (!e.detail.successful) return;
  if (t.matches('.to-chat') && small.matches) openSheet();
  if (t.matches('form[data-reset]')) { const i = $('input.main', t) || $('input', t), more = i.value !== t.sent && i.value.startsWith(t.sent) ? i.value.slice(t.sent.length) : ''; t.reset(); if (more) i.value = more; i.focus() }
});
document.addEventListener('htmx:afterSwap', e => {
  const t = e.detail.target; if (!t) return;
  if (t.id === 'dialog') openDialog();
  if (t.id === 'main') { sheet(); const m = id('main'); for (const a of document.querySelectorAll('#menu a')) a.toggleAttribute('aria-current', false), a.dataset.view === m.dataset.view && (a.setAttribute('aria-current', 'page'), a.scrollIntoView({ block: 'nearest', inline: 'nearest' })); document.title = ($('h1', m)?.textContent || 'Pianola') + ' · Pianola'; hello(Math.min(seq, +m.dataset.seq)); m.focus({ preventScroll: true }) }
  if (t.id === 'chat') { sheet(); const c = conversation(); history.pushState(null, '', at('chat', c || 'new', chat().dataset.at)); entered(); hello(Math.min(seq || 1e15, +chat().dataset.seq)); box().focus(); arrived() }
});
document.addEventListener('htmx:beforeSwap', e => {       // older messages come in above: what is being read stays where it is
  if (e.detail.target?.id === 'dialog') document.body.append(id('toasts'));
  if (!e.detail.elt.matches?.('.earlier:not(.later)')) return;
  const l = list(), line = l.getBoundingClientRect().top, read = [...l.querySelectorAll('.msg')].find(m => m.getBoundingClientRect().bottom > line), at = read?.getBoundingClientRect().top; stuck = false;
  requestAnimationFrame(() => { auto = true; if (read) l.scrollTop += read.getBoundingClientRect().top - at });
});
document.addEventListener('htmx:beforeHistoryUpdate', e => { const h = e.detail.history, now = new URLSearchParams(location.search).get('chat'); if (now && h.path && !h.path.includes('?')) h.path += '?chat=' + now });      // another plugin on the left, the same conversation on the right
addEventListener('popstate', () => location.reload());

if (!window.htmx) {       // neither here nor at its source: what is shown stays true, and nothing in it can be pressed
  window.htmx = { process() {}, swap() {}, ajax: () => Promise.resolve() };
  const p = document.createElement('p'); p.className = 'card failed'; p.setAttribute('role', 'alert'); p.textContent = 'A part of this page is missing, and its buttons do nothing: the file htmx.min.js is neither here nor can it be had. Start Pianola again with python3 start.py while there is internet, then reload.'; id('main').prepend(p);
}
entered(requestAnimationFrame); connect();
addEventListener('DOMContentLoaded', () => setTimeout(() => { const forms = early; window.early = null; for (const f of forms) if (f.isConnected) f.requestSubmit() }));      // what was sent before the scripts were here
