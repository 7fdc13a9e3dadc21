// Things in their place: what the server sends is put where it belongs, and what somebody is typing or looking at stays as it is.

// ---- what is put, and where

function parse(html) {
  const t = document.createElement('template');
  t.innerHTML = html;
  return t.content.firstElementChild;
}
function place(el, into) {
  // lists are sorted by data-pos; most things come last
  const pos = +el.dataset.pos;
  let at = into.lastElementChild;
  while (at && (at === el || +at.dataset.pos > pos)) at = at.previousElementSibling;
  if (el.parentNode === into && el.previousElementSibling === at) return;
  at ? at.after(el) : into.prepend(el);
}
const halfTyped = (el, focus) =>
  el.contains(focus) &&
  focus.matches('input,textarea') &&
  !['checkbox', 'hidden'].includes(focus.type) &&
  ![focus.defaultValue, focus.sent].includes(focus.value);
// What the pointer is down on: exchanged between the press of a button and its release, that would never be clicked.
// Not `:active`, which stays behind when something was dragged.
let heldDown = null;
addEventListener('pointerdown', e => (heldDown = e.target), true);
for (const over of ['pointerup', 'pointercancel', 'dragend'])
  addEventListener(
    over,
    () => {
      const was = heldDown;
      setTimeout(() => was === heldDown && (heldDown = null));
    },
    true,
  );
// the list a thing goes into, or one that shows only those of some words, which are in what is `said` of it
const home = it =>
  id(it.into) ||
  (it.said != null && [...document.querySelectorAll('[data-words]')].find(l => l.dataset.words.split(' ').every(w => it.said.includes(w))));
const later = new Map(); // by element: what is drawn when the user is done typing there, unless something newer is by then
function put(items, gone) {
  for (const i of gone) {
    const el = id(i);
    later.delete(i);
    if (el) {
      unfinished(el);
      leaveFocus(el);
      el.remove();
    }
  }
  for (const it of items) {
    if (it.run && +id(it.flow + '-flow')?.dataset.run !== it.run) continue; // of a run this tab no longer shows
    const old = id(it.id), focus = document.activeElement;
    if (it.run && old?.drawn === it.html) continue;
    if (old?.contains(heldDown)) {
      later.set(it.id, it);
      setTimeout(() => later.get(it.id) === it && put([it], []), 150);
      continue;
    }
    if (old && halfTyped(old, focus)) {
      // wait until the user is done
      if (!later.has(it.id))
        focus.addEventListener(
          'blur',
          () =>
            setTimeout(() => {
              const it = later.get(old.id);
              if (it) put([it], []);
            }, 400),
          { once: true },
        );
      later.set(it.id, it);
      continue;
    }
    later.delete(it.id);
    const edited = old?.matches('.msg') && $('.body.edit textarea', old);
    if (edited && edited.sent == null) continue; // being worded anew: drawn when that is over
    const el = parse(it.html);
    if (!el) continue;
    if (old && it.missing) {
      seat(old, it.after, id(it.into));
      continue;
    }
    if (old) {
      const within = old.contains(focus);
      const call = n =>
        n.getAttribute('name') || n.dataset.col || n.className.replace(/\s*\bhtmx-\S+/g, '') + (n.matches('button') ? n.textContent : '');
      const name = within && focus !== old ? call(focus) : null;
      const caret = within && focus.matches('.cell') ? focus.selectionStart : null;
      for (const d of old.querySelectorAll('details[id][open]')) {
        const same = el.querySelector('#' + CSS.escape(d.id));
        if (same) same.open = true;
      }
      const moved = old.dataset.pos !== el.dataset.pos;
      if (it.into === 'menu') {
        if ($('[aria-current]', old)) $('a', el).setAttribute('aria-current', 'page');
        old.dataset.pos = el.dataset.pos;
        if (old.isEqualNode(el)) {
          // only its number changed
          place(old, id('menu'));
          continue;
        }
      }
      if (grown(old, el)) {
        htmx.process(old);
        continue;
      }
      const part = el.id !== 'msg-list' ? el : el.querySelector(`[id="${focus.closest('#msg-list > [id]')?.id}"]`);
      const stay = el.id === 'msg-list' && stays(old, el);
      old.replaceWith(el);
      stay && stay(it);
      if ('after' in it) seat(el, it.after, id(it.into));
      else if (moved && it.into && home(it)) place(el, home(it));
      if (it.at) arrive(it.at, within && focus);
      else if (within) {
        const to =
          focus === old
            ? el
            : edited
              ? $('[hx-get$="/edit"]', el)
              : it.end && !focus.matches('textarea')
                ? [...el.querySelectorAll('.msg')].pop()
                : [...(part?.querySelectorAll('input:not([type=hidden]),button,textarea,select') || [])].find(
                    n => call(n) === name && !n.hidden,
                  ) || (el.matches('[tabindex]') && el.id !== 'msg-list' ? el : null);
        to ? to.focus({ preventScroll: true }) : elsewhere(el);
        if (caret != null && to?.matches('.cell'))
          try {
            to.setSelectionRange(caret, caret);
          } catch {
            /* a number has no caret */
          }
      }
    } else {
      const into = it.only ? null : home(it);
      if (!into) continue;
      if (into.id === 'msg-list') {
        const first = [...into.children].find(c => c.matches('[data-role]'));
        if (first && +el.dataset.pos < +first.dataset.pos && $('.earlier:not(.later)', into)) continue; // older than what is loaded
        if ($('.later', into) && +el.dataset.pos > +[...into.querySelectorAll('[data-role]')].pop().dataset.pos) {
          // newer
          id('to-end').hidden = false;
          continue;
        }
        if (!el.matches('.overheard')) $('.hello', into)?.remove();
      }
      'after' in it ? seat(el, it.after, into) : place(el, into);
      if (into.id === 'msg-list' && el.dataset.role === 'user') stuck = true;
    }
    if (it.id.startsWith('msg-')) asked.delete(el.dataset.pos);
    if (it.id === 'msg-list') listed();
    if (it.run) el.drawn = it.html;
    htmx.process(el);
  }
  document.dispatchEvent(new Event('placed'));
  toEnd();
}
// a row stands behind the one it names: '' is first, null is last; the gap stands behind the rows that are drawn
function seat(el, after, into) {
  if (!into) return;
  const gap = $(':scope > .gap', into), limit = +into.dataset.limit;
  if (el.matches('.gap')) {
    const rows = [...into.children].filter(r => r !== el);
    if (el.previousElementSibling !== rows[limit - 1]) rows[limit - 1]?.after(el);
    return;
  }
  const at =
    after === '' ? null : after === null ? into.lastElementChild : id(after) || (gap ? gap.previousElementSibling : into.lastElementChild);
  if (after === null && el.parentNode === into && (!gap || gap.compareDocumentPosition(el) & 4)) return;
  if (at === el || (el.parentNode === into && el.previousElementSibling === at)) return;
  at ? at.after(el) : into.prepend(el);
  if (gap) seat(gap, null, into);
}

// ---- what goes away under somebody's hands

function unfinished(el) {
  // a row goes while somebody types in it: the words are shown once more
  const f = document.activeElement;
  if (f && f !== el && el.contains(f) && f.matches('.cell') && f.type !== 'checkbox' && f.value !== f.defaultValue && f.value !== f.sent)
    say('The row you were typing in was deleted.', `You had written: “${f.value}”`);
}
// where the focus goes when what had it goes away: never nowhere
function leaveFocus(el) {
  const focus = document.activeElement;
  if (!el.contains(focus)) return;
  const row = el.closest('ol.rows > li');
  const near = row && [row.nextElementSibling, row.previousElementSibling].find(r => r && !r.hidden);
  const same = near && [...near.querySelectorAll('input,button')].find(n => n.className === focus.className && n.type === focus.type);
  if (row)
    (same || near?.querySelector('input,button') || $('form.new input', row.closest('.crud')) || id('main')).focus({ preventScroll: true });
  else elsewhere(el);
}
function elsewhere(el) {
  (el.closest('.msg') || (el.closest('#chat') ? box() : el.closest('dialog')) || id('main')).focus({ preventScroll: true });
}

// ---- a job, wherever it is shown

function worked(j) {
  // its bars and buttons
  const running = j.state === 'running' || j.state === 'waiting';
  for (const e of document.querySelectorAll(`[data-job="${j.id}"]`)) {
    const bar = $('progress', e), text = $('.text', e);
    e.hidden = !running;
    if (bar && j.total) {
      bar.max = j.total;
      bar.value = j.done;
    }
    if (text) text.textContent = j.said;
  }
  for (const b of document.querySelectorAll(`[data-presses="${CSS.escape(j.name)}"]`)) {
    b.disabled = running;
    running ? b.setAttribute('aria-busy', 'true') : b.removeAttribute('aria-busy');
  }
}
