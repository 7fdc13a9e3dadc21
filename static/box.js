// The message box, which says what is written in it, and the keys of the keyboard.

// ---- speaking

// on the way to another conversation ('new' or its number): what is typed meanwhile is for that one, and goes out there
let going = null, goes = false;
const panelOf = d => /^\/api\/conversations\/(new|\d+)\/panel/.exec(d.pathInfo?.requestPath || '')?.[1];
document.addEventListener('htmx:beforeRequest', e => {
  const to = e.detail.target?.id === 'chat' && panelOf(e.detail);
  if (!to) return;
  if (to !== (going || '' + (conversation() || 'new'))) box().value = draft.get(to);
  going = to;
  goes = false;
});
document.addEventListener('htmx:beforeSwap', e => {
  const to = e.detail.target?.id === 'chat' && panelOf(e.detail);
  // somebody went on to another one meanwhile
  if (to && to !== going) e.detail.shouldSwap = false;
});
document.addEventListener('htmx:afterRequest', e => {
  if (e.detail.target?.id === 'chat' && !e.detail.successful && panelOf(e.detail) === going) {
    going = null;
    goes = false;
    draft.set(conversation() || 'new', box().value);
  }
});
function arrived() {
  going = null;
  if (goes) {
    goes = false;
    send();
  }
}
const here = () => going || conversation() || 'new';

function send() {
  const msg = box().value;
  if (!msg.trim()) return;
  if (going) {
    goes = true;
    return;
  }
  if (waiting.some(w => w.msg === msg)) return;
  if (msg.length > +box().dataset.most)
    return say(
      `The message has ${msg.length.toLocaleString()} characters; the most is ${(+box().dataset.most).toLocaleString()}.`,
      'Send it in parts. It is still here.',
    );
  const w = {
    msg,
    at: Date.now(),
    cid: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) + Date.now(),
    conversation: conversation(),
  };
  waiting.push(w);
  keep.set('unsent:' + w.cid, JSON.stringify(w));
  stuck = true;
  spoke = Date.now();
  box().value = '';
  draft.set(conversation() || 'new', '');
  if (ready().includes(w) && !tell(w)) say('Not connected just now.', 'Your message is kept and goes out as soon as Pianola answers.');
  setTimeout(pending, 1000);
  if ($('.later', list())) reopen();
}
function pending() {
  // what is kept here until it can be sent stands at the end, so that nobody looks for it
  for (const e of document.querySelectorAll('.unsent')) if (!waiting.some(w => 'unsent-' + w.cid === e.id)) e.remove();
  for (const w of waiting)
    if (Date.now() - (w.at || 0) > 900 && w.conversation === conversation() && !id('unsent-' + w.cid)) {
      $('.hello', list())?.remove();
      const a = parse('<article class="msg user unsent" data-pos="1e15"><div class="body"></div><footer>Not sent yet</footer></article>');
      a.id = 'unsent-' + w.cid;
      a.firstChild.textContent = w.msg;
      list().append(a);
      toEnd();
    }
}
// the end of the conversation, where only its middle was shown
const reopen = () => htmx.ajax('GET', `/api/conversations/${conversation() || 'new'}/panel`, { target: '#chat', swap: 'outerHTML' });
function acked(cid, failed) {
  const w = waiting.find(w => w.cid === cid);
  waiting = waiting.filter(w => w.cid !== cid);
  keep.set('unsent:' + cid, null);
  pending();
  // nothing that was written is lost
  if (w && failed) {
    box().value = [box().value, w.msg].filter(Boolean).join('\n\n');
    draft.set(left === conversation() ? 'new' : conversation() || 'new', box().value);
  }
  if (w && !w.conversation) {
    if (!failed)
      for (const v of waiting.filter(v => !v.conversation)) {
        v.conversation = conversation();
        keep.set('unsent:' + v.cid, JSON.stringify(v));
      }
    // said twice, it is heard once
    for (const v of ready()) tell(v);
  }
}
// what begins a conversation goes first; what came after it goes into the same
const ready = () => waiting.filter((w, n) => w.conversation || !waiting.slice(0, n).some(v => !v.conversation));
document.addEventListener('submit', e => {
  const f = e.target;
  if (f.id === 'say') {
    e.preventDefault();
    send();
  } else if (f.matches('[hx-post]') && !e.defaultPrevented) {
    e.preventDefault();
    // quicker than htmx, which takes a moment to see a new form
    if (!f.early) {
      f.early = true;
      htmx.process(f);
      f.requestSubmit();
    }
  }
});
document.addEventListener('input', e => {
  const t = e.target;
  if (t.id === 'msg') draft.set(here(), t.value);
  if (t.closest('.body.edit')) draft.set(wording(t.form), t.value === t.defaultValue ? '' : t.value);
});
document.addEventListener('change', e => {
  if (e.target.id === 'overheard') {
    keep.set('overheard', e.target.checked ? '1' : null);
    list().classList.toggle('with-overheard', e.target.checked);
  }
});

// ---- keyboard

const help = `<h2>Keys</h2><table><tbody>${[
  ['/', 'to the message box'],
  ['Enter', 'send'],
  ['Shift+Enter', 'new line'],
  ['Esc', 'stop the reply or the summary, or close what is open'],
  ['↑ ↓', 'in an empty box: your earlier messages again'],
  ['Alt+M', 'next model'],
  ['Alt+N', 'new conversation'],
  ['Alt+↑ Alt+↓', 'on a row: move it'],
  ['↑ ↓ ← →', 'between cells'],
  ['F2', 'in a cell: write on in it'],
  ['Enter / Esc', 'in a cell: keep / put back'],
  ['Shift+click', 'select up to here'],
  ['?', 'this list'],
]
  .map(([k, w]) => `<tr><th><kbd>${k}</kbd></th><td>${w}</td></tr>`)
  .join('')}</tbody></table><form method="dialog" class="closer"><button class="quiet">Close</button></form>`;
// a key is pressed; what went wrong is said, with this hint where nobody answers
const pressAt = (url, args, hint) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'hx-request': 'true' },
    body: JSON.stringify(args),
  }).then(
    async r => {
      if (!r.ok) {
        const e = await r.json();
        say(e.error, e.hint);
      }
    },
    () => say('Pianola does not answer.', hint),
  );
const press = (name, args) => pressAt('/api/actions/' + name, args || {}, 'Is it still running?');
document.addEventListener('keydown', e => {
  const t = e.target;
  const typing = t.matches('input:not([type=checkbox]),textarea,select,[contenteditable]');
  if (e.isComposing || e.keyCode === 229) return;
  if (t.id === 'msg') {
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      send();
      return;
    }
    if ((e.key === 'ArrowUp' || e.key === 'ArrowDown') && (!t.value || t.value === t.recalled)) {
      const said = [...document.querySelectorAll('.msg.user .body.said')].map(b => b.textContent);
      const at = t.value ? t.at + (e.key === 'ArrowUp' ? 1 : -1) : e.key === 'ArrowUp' ? 1 : 0;
      if (at < 0 || at > said.length || (!t.value && !at)) return;
      e.preventDefault();
      t.at = at;
      t.value = t.recalled = at ? said[said.length - at] : '';
      t.dispatchEvent(new Event('input', { bubbles: true }));
      t.setSelectionRange(t.value.length, t.value.length);
      return;
    }
  }
  if (t.closest('.body.edit') && (e.key === 'Escape' || (e.key === 'Enter' && (e.ctrlKey || e.metaKey)))) {
    e.preventDefault();
    const f = t.closest('form'), m = f.closest('.msg');
    if (e.key === 'Enter') f.requestSubmit();
    else $('[data-redraw]', f).click();
    return;
  }
  if (e.key === 'Escape') {
    const d = $('details.menu[open]');
    if (d) {
      d.open = false;
      $('summary', d).focus();
      return;
    }
    // also before the page shows that a reply was begun
    const begun = !id('stop').hidden || $('#memory .reading') || waiting.length || Date.now() - spoke < 500;
    if (!id('dialog').open && begun && tell({ stop: id('stop').hidden ? 'said' : true })) return;
    if (!id('dialog').open && document.body.classList.contains('sheet')) closeSheet();
  }
  if (e.altKey && e.code === 'KeyM') {
    e.preventDefault();
    press('model.next');
    return;
  }
  if (e.altKey && e.code === 'KeyN') {
    e.preventDefault();
    $('#chat header a.button').click();
    box().focus();
    return;
  }
  const row = t.closest('ol.rows > li.row');
  if (row && e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
    e.preventDefault();
    if (row.closest('.crud').matches('.sorted'))
      return say('The rows are sorted by a column.', 'Press its name until they are as you put them; then they can be moved.');
    const seen = [...row.parentNode.children].filter(r => r.matches('.row'));
    const up = e.key === 'ArrowUp', other = seen[seen.indexOf(row) + (up ? -1 : 1)];
    if (other) move(row, up ? 'before' : 'after', other);
    return;
  }
  if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === '/') {
    e.preventDefault();
    openSheet();
    box().focus();
  }
  if (e.key === '?') openDialog(help);
});
