// The smaller things: moving rows, buttons, sheet, dialog, toasts, the list of conversations, split and theme; what htmx must be told; and the start.

// ---- rows: move (the rest is in tables.js)

const rowId = r => +r.id.slice(r.id.lastIndexOf('-') + 1);
// which: before or after; behind the last one that is drawn there may be more
const move = (row, which, other) =>
  pressAt(row.parentNode.dataset.move, { id: rowId(row), [which]: rowId(other) }, 'The row stays where it was.');
let dragged;
document.addEventListener('dragstart', e => {
  if (!e.target.matches?.('.grip')) return;
  dragged = e.target.closest('li');
  e.dataTransfer.effectAllowed = 'move';
  e.dataTransfer.setData('text/plain', '');
  e.dataTransfer.setDragImage(dragged, 12, 12);
  dragged.classList.add('dragged');
});
document.addEventListener('dragover', e => {
  const over = dragged && e.target.closest?.('ol.rows > li.row');
  if (!over || over.parentNode !== dragged.parentNode) return;
  e.preventDefault();
  const after = e.offsetY > over.offsetHeight / 2;
  document.querySelectorAll('.drop-before,.drop-after').forEach(x => x.classList.remove('drop-before', 'drop-after'));
  over.classList.add(after ? 'drop-after' : 'drop-before');
});
document.addEventListener('drop', e => {
  const over = $('.drop-before,.drop-after');
  if (!dragged || !over) return;
  e.preventDefault();
  const after = over.classList.contains('drop-after');
  if (over !== dragged && (after ? over.nextElementSibling : over) !== dragged) move(dragged, after ? 'after' : 'before', over);
});
document.addEventListener('dragend', () => {
  document.querySelectorAll('.drop-before,.drop-after,.dragged').forEach(x => x.classList.remove('drop-before', 'drop-after', 'dragged'));
  dragged = null;
});

// ---- buttons, and what they copy

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const t = document.createElement('textarea');
    t.value = text;
    document.body.append(t);
    t.select();
    document.execCommand('copy');
    t.remove();
  }
  const was = (button.was ??= button.textContent);
  button.textContent = 'Copied';
  clearTimeout(button.back);
  button.back = setTimeout(() => {
    button.textContent = was;
  }, 1200);
}
document.addEventListener('click', e => {
  for (const d of document.querySelectorAll('details.menu[open]')) if (!d.contains(e.target)) d.open = false;
  const b = e.target.closest('button,a,summary');
  if (!b) return;
  if (b.closest('#under')) id('under').hidePopover?.();
  if (b.matches('.copy')) copy(b.closest('figure').querySelector('code').textContent, b);
  if (b.dataset.copy)
    fetch(b.dataset.copy)
      .then(r => r.text())
      .then(
        t => copy(t, b),
        () => say('Pianola does not answer.', 'Nothing was copied.'),
      );
  if (b.id === 'stop') {
    tell({ stop: true });
    box().focus({ preventScroll: true });
  }
  if (b.id === 'to-end') {
    if ($('.later', list())) return reopen();
    stuck = true;
    b.hidden = true;
    toEnd();
  }
  if (b.dataset.redraw) {
    const t = $('textarea', b.form);
    t.sent = t.value;
    tell({ again: +b.dataset.redraw });
  }
  if (b.closest('.tries')) turned = b.parentNode;
  if (b.id === 'help') openDialog(help);
  if (b.matches('.skip')) {
    e.preventDefault();
    openSheet();
    box().focus();
  }
  if (b.id === 'chat-open') {
    openSheet();
    box().focus();
  }
  if (b.id === 'chat-close') closeSheet();
  if (b.id === 'theme') {
    // the first press always shows a difference
    const ways = matchMedia('(prefers-color-scheme:dark)').matches ? ['', 'light', 'dark'] : ['', 'dark', 'light'];
    const next = ways[(ways.indexOf(document.documentElement.dataset.theme || '') + 1) % 3];
    keep.set('theme', next || null);
    theme(next);
  }
});

// ---- the chat as a sheet, on a small screen

const small = matchMedia('(max-width:56.1875em)');
function sheet() {
  const open = small.matches && document.body.classList.contains('sheet');
  for (const e of [id('nav'), id('main')]) e.inert = open;
  for (const [name, value] of [['role', 'dialog'], ['aria-modal', 'true']])
    open ? chat().setAttribute(name, value) : chat().removeAttribute(name);
}
const openSheet = () => {
  document.body.classList.add('sheet');
  sheet();
};
const closeSheet = () => {
  document.body.classList.remove('sheet');
  sheet();
  id('chat-open').focus();
};
small.addEventListener('change', sheet);

// ---- the dialog, and what is said in passing

const dialog = id('dialog');
function openDialog(html) {
  if (html) {
    document.body.append(id('toasts'));
    dialog.innerHTML = html;
  }
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
dialog.addEventListener('click', e => {
  if (e.target === dialog) dialog.close();
});
const seen = t => {
  const b = id('toasts');
  (dialog.open ? dialog : document.body).append(b);
  b.append(t);
  while (b.childElementCount > 3) b.firstChild.remove();
  const leave = () => (t.matches(':hover,:focus-within') ? setTimeout(leave, 2000) : t.remove());
  setTimeout(leave, 9000);
};
dialog.addEventListener('close', () => document.body.append(id('toasts')));
function toast(html) {
  const t = parse(html);
  seen(t);
  htmx.process(t);
}
function say(text, hint) {
  const t = document.createElement('div');
  t.className = 'outcome refused';
  t.setAttribute('role', 'alert');
  t.append(text + ' ');
  const s = document.createElement('small');
  s.textContent = hint || '';
  t.append(s);
  seen(t);
}

// ---- the list of conversations, as it is shown: unfolded as far, searched for the same, at the same place

let chatsSoon;
function refreshChats() {
  clearTimeout(chatsSoon);
  chatsSoon = setTimeout(async () => {
    const ask = () => {
      const l = id('chats'), n = l ? l.querySelectorAll('a').length : 0;
      return (
        l &&
        new URLSearchParams({
          q: $('#chats-menu input[type=search]').value,
          many: $('li > button', l) ? n : n + 50,
          now: conversation() || '',
        }).toString()
      );
    };
    const asked = ask();
    if (!asked) return;
    const r = await fetch('/api/conversations?' + asked, { headers: { 'hx-request': 'true' } }).catch(() => null);
    if (!r?.ok) return;
    const el = parse(await r.text()), old = id('chats');
    if (!el || !old) return;
    if (ask() !== asked || old.contains(heldDown)) return refreshChats();
    const top = old.scrollTop;
    const focus = old.contains(document.activeElement) && document.activeElement;
    const links = [...el.querySelectorAll('a')];
    let to;
    if (focus && focus.matches('a')) to = links.find(a => a.getAttribute('href') === focus.getAttribute('href')) || links[0];
    else if (focus) to = $('li > button', el) || links.at(-1);
    old.replaceWith(el);
    htmx.process(el);
    el.scrollTop = top;
    if (to) to.focus({ preventScroll: true });
    const now = $(`a[href="?chat=${conversation()}"] .t`, el);
    if (now) id('chat-title').textContent = now.textContent;
  }, 150);
}

// ---- the split between the columns, and the theme

const split = id('split');
// neither column is ever narrower than it can be read
const setSplit = p => {
  p = Math.min(70, Math.max(25, p));
  document.documentElement.style.setProperty('--chat', p.toFixed(1) + '%');
  split.setAttribute('aria-valuenow', Math.round((chat().offsetWidth / innerWidth) * 100));
  keep.set('split', p.toFixed(1));
};
split.addEventListener('pointerdown', e => {
  if (e.button) return;
  split.setPointerCapture(e.pointerId);
  document.body.classList.add('splitting');
  const go = m => setSplit(((innerWidth - m.clientX) / innerWidth) * 100);
  split.addEventListener('pointermove', go);
  // also when the pointer is taken away
  split.addEventListener(
    'lostpointercapture',
    () => {
      split.removeEventListener('pointermove', go);
      document.body.classList.remove('splitting');
    },
    { once: true },
  );
});
split.addEventListener('keydown', e => {
  const now = (chat().offsetWidth / innerWidth) * 100;
  if (e.key === 'ArrowLeft') setSplit(now + 2);
  if (e.key === 'ArrowRight') setSplit(now - 2);
});
if (keep.get('split')) split.setAttribute('aria-valuenow', Math.round(+keep.get('split')));
function theme(t) {
  const root = document.documentElement;
  t ? (root.dataset.theme = t) : delete root.dataset.theme;
  id('theme').textContent = 'Theme: ' + (t || 'system');
}
theme(document.documentElement.dataset.theme);
// the other tabs go along
addEventListener('storage', e => {
  if (e.key === 'theme') theme(['light', 'dark'].includes(e.newValue) ? e.newValue : '');
});
requestAnimationFrame(() => $('#menu [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }));

// ---- htmx: what went wrong, and what must happen after a swap

document.addEventListener('htmx:configRequest', e => {
  if (e.detail.elt.matches?.('.to-chat')) {
    // answered in the conversation this tab shows
    e.detail.parameters.conversation = conversation() || -1;
    stuck = true;
  }
});
const wrong = e => {
  e.detail.xhr.told = true;
  let said = {};
  try {
    said = JSON.parse(e.detail.xhr.responseText);
  } catch {
    said = { error: 'That did not work.', hint: `The server said ${e.detail.xhr.status}.` };
  }
  const s = e.detail.elt;
  if (s.isConnected && s.matches?.('.body.edit')) return ($('.wrong', s).textContent = [said.error, said.hint].filter(Boolean).join(': '));
  say(said.error, said.hint);
  if (s.matches?.('select#model')) for (const o of s.options) o.selected = o.defaultSelected;
};
document.addEventListener('htmx:responseError', wrong);
document.addEventListener('htmx:beforeRequest', e => {
  const t = e.detail.elt, x = e.detail.xhr;
  if (t.over) return e.preventDefault(); // a wording that was sent, until the list is drawn anew
  // what was pressed may be gone from the page by then, and its own word reaches nobody
  x.addEventListener('loadend', () => {
    if (x.status >= 400 && !x.told) wrong({ detail: { xhr: x, elt: t } });
  });
  for (const i of t.matches?.('form') ? t.elements : []) i.sent = i.value;
  if (t.matches?.('form[data-reset]')) t.sent = ($('input.main', t) || $('input', t)).value;
});
document.addEventListener('htmx:sendError', () => say('Pianola does not answer.', 'Is it still running? What you typed is still here.'));
document.addEventListener('htmx:afterRequest', e => {
  const t = e.detail.elt;
  if (t.matches('.body.edit')) {
    t.over = e.detail.successful;
    if (t.over) draft.set(wording(t), '');
    else $('textarea', t).sent = null; // it is being worded still
  }
  if (!e.detail.successful) return;
  if (t.matches('.to-chat') && small.matches) openSheet();
  if (t.matches('form[data-reset]')) {
    const i = $('input.main', t) || $('input', t);
    const more = i.value !== t.sent && i.value.startsWith(t.sent) ? i.value.slice(t.sent.length) : '';
    t.reset();
    if (more) i.value = more;
    i.focus();
  }
});
// what somebody began to say differently is there again when they come back to it
const wording = f => 'edit:' + f.parentNode.id;
document.addEventListener('htmx:afterSwap', e => {
  const f = e.target;
  if (!f.matches?.('.body.edit')) return;
  const t = $('textarea', f), kept = draft.get(wording(f));
  if (kept) t.value = kept;
  $('[type=reset]', f).hidden = !kept;
  t.setSelectionRange(t.value.length, t.value.length);
});
document.addEventListener('reset', e => {
  const f = e.target;
  if (!f.matches('.body.edit')) return;
  draft.set(wording(f), '');
  $('[type=reset]', f).hidden = true;
  $('textarea', f).focus();
});
document.addEventListener('htmx:afterSwap', e => {
  const t = e.detail.target;
  if (!t) return;
  if (t.id === 'dialog') openDialog();
  if (t.id === 'main') {
    sheet();
    const m = id('main');
    for (const a of document.querySelectorAll('#menu a')) {
      a.removeAttribute('aria-current');
      if (a.dataset.view !== m.dataset.view) continue;
      a.setAttribute('aria-current', 'page');
      a.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    document.title = ($('h1', m)?.textContent || 'Pianola') + ' · Pianola';
    hello(Math.min(seq, +m.dataset.seq));
    m.focus({ preventScroll: true });
  }
  if (t.id === 'chat') {
    sheet();
    const c = conversation();
    history.pushState(null, '', at('chat', c || 'new', chat().dataset.at));
    entered();
    hello(Math.min(seq || 1e15, +chat().dataset.seq));
    box().focus();
    arrived();
  }
});
document.addEventListener('htmx:beforeSwap', e => {
  if (e.detail.target?.id === 'dialog') document.body.append(id('toasts'));
  // older messages come in above: what is being read stays where it is
  if (!e.detail.elt.matches?.('.earlier:not(.later)')) return;
  const l = list(), line = l.getBoundingClientRect().top;
  const read = [...l.querySelectorAll('.msg')].find(m => m.getBoundingClientRect().bottom > line);
  const at = read?.getBoundingClientRect().top;
  stuck = false;
  requestAnimationFrame(() => {
    auto = true;
    if (read) l.scrollTop += read.getBoundingClientRect().top - at;
  });
});
// another plugin on the left, the same conversation on the right
document.addEventListener('htmx:beforeHistoryUpdate', e => {
  const h = e.detail.history, now = new URLSearchParams(location.search).get('chat');
  if (now && h.path && !h.path.includes('?')) h.path += '?chat=' + now;
});
addEventListener('popstate', () => location.reload());

// ---- begin

if (!window.htmx) {
  // neither here nor at its source: what is shown stays true, and nothing in it can be pressed
  window.htmx = { process() {}, swap() {}, ajax: () => Promise.resolve() };
  const p = document.createElement('p');
  p.className = 'card failed';
  p.setAttribute('role', 'alert');
  p.textContent =
    'A part of this page is missing, and its buttons do nothing: the file htmx.min.js is neither here nor can it be had. Start Pianola again with python3 start.py while there is internet, then reload.';
  id('main').prepend(p);
}
entered(requestAnimationFrame);
connect();
// what was sent before the scripts were here
addEventListener('DOMContentLoaded', () =>
  setTimeout(() => {
    const forms = early;
    window.early = null;
    for (const f of forms) if (f.isConnected) f.requestSubmit();
  }),
);
