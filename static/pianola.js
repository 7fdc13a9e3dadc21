// Where the page's script begins: what all its files use, and the socket. What is true lives on the server; this only shows it.
'use strict';

// ---- what all of it uses

const $ = (q, at = document) => at.querySelector(q), id = i => document.getElementById(i);
const keep = {
  get: k => {
    try {
      return localStorage.getItem(k);
    } catch {
      return null;
    }
  },
  set: (k, v) => {
    try {
      v == null ? localStorage.removeItem(k) : localStorage.setItem(k, v);
    } catch {
      /* private mode: remembered until the tab closes */
    }
  },
};
// what is half written: this tab's own first, else what any tab wrote last there
const draft = {
  get: c => {
    try {
      const own = sessionStorage.getItem('draft:' + c);
      if (own != null) return own;
    } catch {
      /* private mode */
    }
    return keep.get('draft:' + c) || '';
  },
  set: (c, v) => {
    try {
      sessionStorage.setItem('draft:' + c, v || '');
    } catch {
      /* private mode */
    }
    keep.set('draft:' + c, v || null);
  },
};
// what was said and not yet heard; each goes out under its own name: said twice, it is heard once
function unsent() {
  const out = [];
  try {
    for (const k of Object.keys(localStorage)) if (k.startsWith('unsent:')) out.push(JSON.parse(localStorage[k]));
  } catch {
    /* private mode, or not ours */
  }
  return out.sort((a, b) => (a.at || 0) - (b.at || 0));
}
const chat = () => id('chat'), list = () => id('msg-list'), box = () => id('msg');
// how this tab looks at each table; see tables.js
const looks = (() => {
  try {
    return JSON.parse(sessionStorage.getItem('looks')) || {};
  } catch {
    return {};
  }
})();
const at = (key, value, message) => {
  const u = new URL(location);
  u.searchParams.set(key, value);
  if (key === 'chat') message ? u.searchParams.set('at', message) : u.searchParams.delete('at');
  return u.search;
};
const conversation = () => +chat().dataset.conversation || null;

// ---- the socket: says hello with the last line it saw, and gets what it missed

let ws, seq = 0, tries = 0, lastFrame = 0, retry, lost;
let waiting = unsent(), spoke = 0, left = 0, asked = new Set();
function connect() {
  ws = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
  ws.onopen = () => {
    tries = 0;
    clearTimeout(lost);
    lost = null;
    id('offline').hidden = true;
    id('offline').textContent = 'Connecting again …';
    hello(seq || Math.min(+id('main').dataset.seq, +chat().dataset.seq));
    for (const w of ready()) tell(w);
  };
  ws.onmessage = e => {
    lastFrame = Date.now();
    hear(JSON.parse(e.data));
  };
  ws.onclose = e => {
    if (e.target !== ws) return;
    lost ??= setTimeout(() => {
      id('offline').hidden = false;
    }, 1200);
    clearTimeout(retry);
    retry = setTimeout(connect, Math.min(2500, 80 * 1.6 ** tries++) * (0.7 + Math.random() * 0.6));
    if (tries % 4 === 3) locked();
  };
}
// it runs again, and lets nobody in without it
const locked = () =>
  fetch('/', { headers: { accept: 'text/html' } }).then(
    r => {
      if (r.status === 401) {
        id('offline').hidden = false;
        id('offline').innerHTML = '<a href="">Pianola asks for its password</a>';
      }
    },
    () => {},
  );
const tell = frame => ws && ws.readyState === 1 && (ws.send(JSON.stringify(frame)), true);
const hello = since =>
  tell({
    hello: {
      since,
      conversation: conversation(),
      fresh: new URLSearchParams(location.search).get('chat') === 'new',
      runs: [...document.querySelectorAll('#main [data-run]')].map(r => +r.dataset.run),
      drawn: +chat().dataset.seq,
      view: id('main').dataset.view,
      looks,
      opened: true,
      streaming: [...document.querySelectorAll('#msg-list > [data-status=streaming]')].map(m => +m.dataset.pos),
    },
  });
// back from sleep or another tab: a socket may look open and be dead, so ask, and connect anew when nothing comes back
function awake() {
  tries = 0;
  if (ws.readyState > 1) {
    clearTimeout(retry);
    return connect();
  }
  const asked = Date.now();
  if (hello(seq))
    setTimeout(() => {
      if (lastFrame < asked && ws.readyState === 1) {
        const old = ws;
        connect();
        old.close();
      }
    }, 1500);
}
addEventListener('online', awake);
addEventListener('pageshow', e => e.persisted && awake());
document.addEventListener('visibilitychange', () => document.hidden || awake());

// ---- what it hears

const foreign = f => f.of && f.of !== conversation(); // of a conversation that this tab has left, or has not come to yet
const ofChat = it => it.into === 'msg-list' || /^(msg-|out-|memory$)/.test(it.id);
function hear(f) {
  if (f.m) grow(f);
  if (f.put) put(foreign(f) ? f.put.filter(it => !ofChat(it)) : f.put, f.gone || []);
  if (f.left) follow(f.left);
  // what has no place here is for another page
  if (f.html) {
    const t = document.createElement('template');
    t.innerHTML = f.html;
    for (const e of [...t.content.children]) if (e.id && e.hasAttribute('hx-swap-oob') && !id(e.id)) e.remove();
    if (t.content.childElementCount) htmx.swap(document.body, t.innerHTML, { swapStyle: 'none' });
  }
  if (f.flow) document.dispatchEvent(new CustomEvent('flow', { detail: f.flow }));
  if (f.phase) phase(f);
  if (f.live && !foreign(f)) {
    const p = document.createElement('p');
    p.textContent = f.live;
    id('live').append(p);
    while (id('live').childElementCount > 4) id('live').firstChild.remove();
  }
  if (f.job) worked(f.job);
  if (f.toast) toast(f.toast);
  if (f.conversation && f.conversation !== conversation()) {
    fetch(`/api/conversations/${f.conversation}/panel`)
      .then(r => r.text())
      .then(t => {
        const m = parse(t)?.querySelector('#chats-menu');
        if (m && conversation() === f.conversation) {
          const was = id('chats-menu');
          m.open = was.open;
          for (const q of ['input[type=search]', '#chat-list']) $(q, m).replaceWith($(q, was));
          was.replaceWith(m);
          htmx.process(m);
          refreshChats();
        }
      });
    if (!conversation()) {
      draft.set('new', '');
      draft.set(f.conversation, box().value);
    }
    chat().dataset.conversation = f.conversation;
    history.replaceState(null, '', at('chat', f.conversation));
    hello(seq);
  }
  if ('ack' in f) acked(f.cid || f.ack);
  if (f.error) {
    if (f.cid) acked(f.cid, true);
    say(f.error, f.hint);
  }
  if (f.deleted && f.deleted === conversation()) {
    left = f.deleted;
    draft.set('new', box().value);
    draft.set(f.deleted, '');
    $('#chat header a.button').click();
  }
  if (f.chats) refreshChats();
  if (f.reload) location.reload();
  if (f.seq > seq) seq = f.seq;
  busy();
}
const busy = () => {
  const on = !!$('#msg-list > [data-status=streaming]');
  if (id('stop').hidden === on) id('stop').hidden = !on;
};
