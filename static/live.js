// A plugin came, changed or went: the left column follows, and what the user has half written in it, or where they stand, stays.
'use strict';
const typed = el =>
  [...el.querySelectorAll('input[name]:not([type=hidden]),textarea[name],select[name]')].filter(i =>
    i.type === 'checkbox' ? i.checked !== i.defaultChecked : i.type !== 'file' && i.value !== i.defaultValue && i.matches('input,textarea'),
  );
const where = i => {
  const around = i.form?.id || (i.closest('[id]') !== i && i.closest('[id]')?.id);
  return `${around ? '#' + CSS.escape(around) + ' ' : ''}[name="${CSS.escape(i.name)}"]`;
};
function mark() {
  for (const a of document.querySelectorAll('#menu a'))
    a.dataset.view === id('main').dataset.view ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current');
}

let following, again;
async function follow(view) {
  if (view !== id('main').dataset.view) return mark();
  if (following) {
    again = true;
    return;
  }
  following = true;
  try {
    const answer = await fetch('/' + encodeURIComponent(view) + (location.pathname === '/' + view ? location.search : ''), {
      headers: { 'HX-Request': 'true' },
    });
    const old = id('main');
    if (old.dataset.view !== view) return;
    if (answer.status === 404) {
      const p = document.createElement('article');
      p.className = 'card gone';
      p.textContent = 'This plugin was removed. What it kept is still there: put the file back, and all of it is here again.';
      old.querySelector('section')?.replaceChildren(p);
      return mark();
    }
    const el = parse(await answer.text());
    const kept = typed(old).map(i => [where(i), i.value, i.checked, i.defaultValue]);
    const focus = old.contains(document.activeElement) && document.activeElement;
    const top = old.scrollTop;
    const open = [...old.querySelectorAll('details[id]')].map(d => [d.id, d.open]);
    const place = focus && focus.name ? where(focus) : focus && focus.id ? '#' + CSS.escape(focus.id) : null;
    const range = focus && focus.selectionStart != null ? [focus.selectionStart, focus.selectionEnd] : null;
    old.replaceWith(el);
    for (const [q, value, checked, was] of kept) {
      const i = el.querySelector(q);
      if (!i) continue;
      if (i.type === 'checkbox') i.checked = checked;
      else i.value = value;
      // what was there is another now
      const note = i.form?.querySelector('.outside');
      if (note) note.hidden = i.defaultValue === was || i.defaultValue === value;
    }
    for (const [d, o] of open) if (id(d)) id(d).open = o;
    if (focus) {
      const i = (place && el.querySelector(place)) || el;
      i.focus({ preventScroll: true });
      if (range && i.setSelectionRange)
        try {
          i.setSelectionRange(...range);
        } catch {
          /* a number or a date has no place to put the caret */
        }
    }
    htmx.process(el);
    el.scrollTop = top;
    sheet();
    mark();
    hello(Math.min(seq, +el.dataset.seq));
  } catch {
    /* not connected: the page catches up when it is */
  } finally {
    following = false;
    if (again) {
      again = false;
      follow(view);
    }
  }
}
