// A growing reply, staying at its end unless the user looks elsewhere, and coming into a conversation.

// ---- a growing reply: finished blocks are added once, only the open one is drawn again

function grow(f) {
  const a = id('msg-' + f.m);
  if (!a) return;
  if (+(a.dataset.n || -1) !== f.n) {
    if (!asked.has('' + f.m)) {
      asked.add('' + f.m);
      tell({ again: f.m });
    }
    return;
  }
  const tail = $('.body > .tail', a);
  $('.phase', a)?.remove();
  if (f.think) {
    const d = $('.thinking', a);
    if (d) {
      d.hidden = false;
      $('.thought', d).append(f.think);
    }
  }
  if (f.add) {
    for (const h of f.add) {
      const b = document.createElement('div');
      b.className = 'block';
      b.innerHTML = h;
      tail.before(b);
    }
    a.dataset.n = f.n + f.add.length;
  }
  if ('append' in f) {
    let to = tail;
    while (to.lastElementChild?.matches('p,h1,h2,h3,h4,h5,h6,ul,ol,li,blockquote,figure,pre,pre>code,details.half')) to = to.lastElementChild;
    to.append(f.append);
  } else if ('tail' in f) tail.innerHTML = f.tail;
  toEnd();
}
function phase(f) {
  const a = id('msg-' + f.phase);
  if (!a || a.dataset.status !== 'streaming') return;
  let p = $('.phase', a);
  if (!p) {
    // behind what was said already
    const b = $('.body', a);
    p = document.createElement('p');
    p.className = 'phase';
    b.textContent.trim() ? b.after(p) : b.before(p);
  }
  p.textContent = f.text;
  toEnd();
}

function grown(old, el) {
  // a reply that ends keeps the blocks it has, and with them what the user selected in it
  if (!old.matches('.msg.assistant[data-n]') || !el.matches('.msg.assistant')) return false;
  const a = $('.body', old), b = $('.body', el), tail = $('.tail', a), n = +old.dataset.n;
  if (!a || !b || !tail) return false;
  const now = [...a.querySelectorAll(':scope > .block')], then = [...b.querySelectorAll(':scope > .block')];
  if (now.length !== n || then.length < n || now.some((x, i) => x.innerHTML !== then[i].innerHTML)) return false;
  if (then.length === n + 1 && then[n].innerHTML === tail.innerHTML) {
    const last = document.createElement('div');
    last.className = 'block';
    last.append(...tail.childNodes);
    tail.before(last);
  } else {
    tail.replaceChildren(...b.querySelector('.tail').childNodes);
    tail.before(...then.slice(n));
  }
  for (const c of [...old.children]) if (c !== a) c.remove();
  let before = true;
  for (const c of [...el.children]) {
    if (c === b) before = false;
    else before ? a.before(c) : old.append(c);
  }
  for (const k of [...old.attributes]) if (!el.hasAttribute(k.name)) old.removeAttribute(k.name);
  for (const k of [...el.attributes]) old.setAttribute(k.name, k.value);
  return true;
}

// ---- staying at the end, unless the user looks elsewhere

let stuck = true, auto = false;
function toEnd() {
  const l = list();
  if (stuck && l) {
    auto = true;
    l.scrollTop = 1e9;
  } else if (l) id('to-end').hidden = atEnd(l);
}
const atEnd = l => l.scrollHeight - l.scrollTop - l.clientHeight < 40;
function listed() {
  const l = list();
  l.classList.toggle('with-overheard', keep.get('overheard') === '1');
  const hears = (name, f) => l.addEventListener(name, f, { passive: true });
  hears('scroll', () => {
    if (!auto) id('to-end').hidden = stuck = atEnd(l);
    auto = false;
  });
  // where all of it is in view there is nothing to go up to
  const up = () => {
    if (l.scrollTop > 0) stuck = false;
  };
  let finger = 0;
  hears('wheel', e => e.deltaY < 0 && up());
  hears('keydown', e => ['ArrowUp', 'PageUp', 'Home'].includes(e.key) && up());
  hears('touchstart', e => (finger = e.touches[0].clientY));
  hears('touchmove', e => e.touches[0].clientY > finger + 3 && up());
  busy();
}
// what comes into view gets its real height, and moves what was aimed at
function settle(m, block, times = 4) {
  auto = true;
  m.scrollIntoView({ block });
  if (times) requestAnimationFrame(() => settle(m, block, times - 1));
}
function stand(m, top, times = 4) {
  auto = true;
  list().scrollTop += m.getBoundingClientRect().top - top;
  if (times) requestAnimationFrame(() => stand(m, top, times - 1));
}
let turned; // what another try was asked for with
function arrive(at, focused) {
  // another branch is shown: stay at the message that was asked for
  const m = id('msg-' + at);
  if (!m) return;
  const same = b => b.ariaLabel === focused.ariaLabel;
  if (focused) ([...m.querySelectorAll('.tries button')].find(same) || $('.tries button', m) || m).focus({ preventScroll: true });
}
// The list is drawn anew: what is being worded stays open, and what is read stays where it is, unless
// something is to be seen at the end, or at a message: its buttons come where those were that it was turned with
function stays(old, el) {
  for (const f of old.querySelectorAll('.msg > .body.edit')) {
    const m = $('textarea', f).sent == null && el.querySelector(`[id="${f.parentNode.id}"]`);
    if (m) $('.body', m).replaceWith(f);
  }
  const line = old.getBoundingClientRect().top;
  const read = stuck ? null : [...old.querySelectorAll('.msg')].find(m => m.getBoundingClientRect().bottom > line);
  const [was, there] = [read, old.contains(turned) && turned].map(m => m && m.getBoundingClientRect().top);
  turned = null;
  return it => {
    const m = it.at && id('msg-' + it.at), same = !it.at && read && id(read.id);
    if (m) stuck = false;
    else if (it.end || !same) stuck = true;
    if (m) there ? stand($('.tries', m) || m, there) : settle(m, 'nearest');
    else if (!stuck) stand(same, was);
  };
}

// ---- coming into a conversation

// a chat column is on the page: anew, or another conversation.
// `soon`: what measures the page waits for it to be laid out anyway
function entered(soon = f => f()) {
  stuck = true;
  listed();
  const at = chat().dataset.at && id('msg-' + chat().dataset.at);
  if (at) stuck = false;
  box().value = draft.get(conversation() || 'new');
  id('overheard').checked = keep.get('overheard') === '1';
  soon(() => {
    pending();
    if (at) {
      settle(at, 'center');
      at.classList.add('found');
    } else toEnd();
    if (!$('.msg.user .body.said') && [document.body, null].includes(document.activeElement)) box().focus({ preventScroll: true });
  });
}
