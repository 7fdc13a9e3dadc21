// Inputs: what is wrong stands beside it, files go up, rows are found by typing. See forms.py.
'use strict';

const forms = (() => {
  // one name for the others: forms.pressed, forms.beside, forms.written, forms.upload, forms.find

  // ---- what is wrong, beside the input

  function beside(form, fields) {
    // true when every message found its place
    let all = true, first;
    for (const [name, text] of Object.entries(fields || {})) {
      const place = [...form.querySelectorAll('.wrong')].find(w => w.dataset.for === name);
      const control = [...form.querySelectorAll('input:not([type=hidden]),select,textarea')].find(
        i => i.name === name || (place && i.getAttribute('aria-describedby')?.includes(place.id)),
      );
      if (!place) {
        all = false;
        continue;
      }
      place.textContent = text;
      control?.setAttribute('aria-invalid', 'true');
      first ||= control;
    }
    first?.focus();
    return all && !!Object.keys(fields || {}).length;
  }
  function fine(t) {
    const f = t.closest('form');
    const name = t.name || $('input[type=hidden]', t.parentNode)?.name;
    const w = f && [...f.querySelectorAll('.wrong')].find(w => w.dataset.for === name);
    t.removeAttribute('aria-invalid');
    if (w) w.textContent = '';
  }
  document.addEventListener('input', e => {
    const t = e.target;
    if (t.matches('[aria-invalid]')) fine(t);
    if (t.type === 'range') {
      const o = $('output', t.parentNode);
      if (o) o.value = t.value;
    }
  });
  document.addEventListener(
    'htmx:responseError',
    e => {
      let said = {};
      try {
        said = JSON.parse(e.detail.xhr.responseText);
      } catch {
        return;
      }
      if (said.fields && e.detail.elt.matches?.('form') && beside(e.detail.elt, said.fields)) {
        e.detail.xhr.told = true;
        e.stopImmediatePropagation();
      }
    },
    true,
  );
  document.addEventListener('reset', e =>
    setTimeout(() => {
      for (const p of e.target.querySelectorAll('.pick,.file')) {
        const h = $('input[type=hidden]', p);
        h.value = h.dataset.start || '';
        const has = $('.has', p);
        if (has && !h.value) has.textContent = '';
      }
      for (const w of e.target.querySelectorAll('.wrong')) w.textContent = '';
      for (const o of e.target.querySelectorAll('.range')) $('output', o).value = $('input', o).value;
    }),
  );
  const json = { 'content-type': 'application/json', 'hx-request': 'true' };
  async function pressed(name, args, form) {
    // press a key; what is wrong goes beside the input, or into a toast
    let r;
    try {
      r = await fetch('/api/actions/' + name, { method: 'POST', headers: json, body: JSON.stringify(args) });
    } catch {
      say('Pianola does not answer.', 'Is it still running? What you typed is still here.');
      return false;
    }
    if (r.ok) return true;
    let said = {};
    try {
      said = await r.json();
    } catch {
      said = { error: 'That did not work.', hint: `The server said ${r.status}.` };
    }
    if (!form || !beside(form, said.fields)) say(said.error, said.hint);
    return false;
  }
  function written(form) {
    // what a form says, as {name: text, or a list where several may be ticked}
    const out = {}, data = new FormData(form);
    for (const k of new Set(data.keys())) {
      const v = data.getAll(k).filter(x => typeof x === 'string');
      out[k] =
        v.length === 1 && !$(`fieldset input[type=checkbox][name="${CSS.escape(k)}"]`, form)
          ? v[0]
          : v[0] === 'false'
            ? v[v.length - 1]
            : v.filter(Boolean);
    }
    return out;
  }

  // ---- a file goes up as soon as it is chosen

  async function upload(file) {
    const r = await fetch('/api/files?name=' + encodeURIComponent(file.name), {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: file,
    }).catch(() => null);
    if (!r) {
      say('Pianola does not answer.', 'The file was not sent.');
      return null;
    }
    const said = await r.json();
    if (!r.ok) {
      say(said.error, said.hint);
      return null;
    }
    return said;
  }
  document.addEventListener('change', async e => {
    const t = e.target;
    if (!t.matches('[data-upload]') || !t.files[0]) return;
    const box = t.closest('.file'), h = $('input[type=hidden]', box), has = $('.has', box);
    t.setAttribute('aria-busy', 'true');
    const kept = await upload(t.files[0]);
    t.removeAttribute('aria-busy');
    if (kept) {
      h.value = kept.file;
      has.textContent = kept.name;
      h.dispatchEvent(new Event('change', { bubbles: true }));
      fine(t);
    } else t.value = '';
  });

  // ---- a row of a table is found by typing

  let options;
  function shut() {
    const box = options?.box;
    options?.remove();
    options = null;
    if (box) {
      box.setAttribute('aria-expanded', 'false');
      box.removeAttribute('aria-activedescendant');
    }
  }
  async function find(box, words) {
    const asked = (box.asked = (box.asked || 0) + 1);
    const r = await fetch(`${box.dataset.pick}?q=${encodeURIComponent(words)}`);
    const found = r.ok ? await r.json() : [];
    if (asked !== box.asked || document.activeElement !== box) return;
    shut();
    options = document.createElement('ul');
    options.className = 'options';
    options.setAttribute('role', 'listbox');
    options.id = 'options';
    options.box = box;
    const now = $('input[type=hidden]', box.parentNode).value;
    const all = box.required ? found : [['', '— none —'], ...found];
    options.append(
      ...all.map(([v, text], n) => {
        const o = document.createElement('li');
        o.setAttribute('role', 'option');
        o.id = 'option-' + n;
        o.dataset.value = v;
        o.textContent = text;
        o.setAttribute('aria-selected', String(v) === now && !!now);
        return o;
      }),
    );
    if (!found.length) {
      const o = document.createElement('li');
      o.className = 'none';
      o.textContent = 'Nothing is called so.';
      options.append(o);
    }
    options.popover = 'manual';
    box.parentNode.append(options);
    options.showPopover();
    // below its field or, where there is more room, above it, and never over the edge of the window
    const edge = 8, r_ = box.getBoundingClientRect(), above = r_.top - edge, below = innerHeight - r_.bottom - edge;
    options.style.minWidth = `${Math.min(r_.width, innerWidth - 2*edge)}px`;
    const up = options.offsetHeight > below && above > below;
    options.style.maxHeight = `min(15rem, ${up ? above : below}px)`;
    up ? (options.style.bottom = `${innerHeight - r_.top + 2}px`) : (options.style.top = `${r_.bottom + 2}px`);
    options.style.left = `${Math.max(edge, Math.min(r_.left, innerWidth - options.offsetWidth - edge))}px`;
    box.setAttribute('aria-expanded', 'true');
    box.setAttribute('aria-controls', 'options');
    const start = words && found.length ? options.children[all.length - found.length] : $('[aria-selected=true]', options);
    start && point(start);
  }
  function point(o) {
    for (const x of options.children) x.classList.toggle('at', x === o);
    options.box.setAttribute('aria-activedescendant', o.id);
    o.scrollIntoView({ block: 'nearest' });
  }
  function choose(o) {
    const box = options.box, h = $('input[type=hidden]', box.parentNode);
    const text = o.dataset.value ? o.textContent : '';
    box.value = box.defaultValue = text;
    const changed = h.value !== o.dataset.value;
    h.value = o.dataset.value;
    shut();
    fine(box);
    if (changed) h.dispatchEvent(new Event('change', { bubbles: true }));
  }
  document.addEventListener('input', e => {
    if (e.target.matches('[data-pick]')) find(e.target, e.target.value);
  });
  document.addEventListener('mousedown', e => {
    const o = e.target.closest('.options > [role=option]');
    if (o) {
      e.preventDefault();
      choose(o);
    } else if (e.target.matches('[data-pick]')) find(e.target, '');
    else if (options && !options.contains(e.target)) shut();
  });
  addEventListener(
    'scroll',
    e => {
      if (options && !options.contains(e.target)) shut();
    },
    true,
  );
  document.addEventListener('focusout', e => {
    const t = e.target;
    if (t.matches('[data-pick]')) {
      t.value = t.defaultValue;
      if (options?.box === t) shut();
    }
  });
  document.addEventListener(
    'keydown',
    e => {
      const t = e.target;
      if (!t.matches?.('[data-pick]') || e.isComposing) return;
      const stop = () => {
        e.preventDefault();
        e.stopImmediatePropagation();
      };
      if (!options) {
        if (e.key === 'ArrowDown' && (e.altKey || !t.matches('.cell'))) {
          stop();
          find(t, '');
        }
        return;
      }
      const all = [...options.querySelectorAll('[role=option]')];
      const at = all.findIndex(o => o.classList.contains('at'));
      if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
        stop();
        if (all.length)
          point(all[(at + (e.key === 'ArrowDown' ? 1 : all.length - 1) + (at < 0 && e.key === 'ArrowUp' ? 1 : 0)) % all.length]);
      } else if (e.key === 'Enter') {
        stop();
        if (at >= 0) choose(all[at]);
      } else if (e.key === 'Escape') {
        stop();
        t.value = t.defaultValue;
        shut();
      } else if (e.key === 'Tab' && at >= 0 && t.value !== t.defaultValue) choose(all[at]);
    },
    true,
  );

  // ---- several rows of a table: boxes to tick, found by typing

  document.addEventListener('input', async e => {
    const t = e.target;
    if (!t.matches('[data-boxes]')) return;
    const asked = (t.asked = (t.asked || 0) + 1);
    const r = await fetch(`${t.dataset.boxes}?q=${encodeURIComponent(t.value)}`);
    const found = r.ok ? await r.json() : [], boxes = $('.boxes', t.closest('fieldset'));
    if (asked !== t.asked) return;
    const kept = [...boxes.children].filter(l => $('input', l).checked);
    const here = new Set(kept.map(l => $('input', l).value));
    boxes.replaceChildren(
      ...kept,
      ...found
        .filter(([v]) => !here.has(String(v)))
        .map(([v, text]) => {
          const l = document.createElement('label'), i = document.createElement('input');
          i.type = 'checkbox';
          i.name = t.dataset.name;
          i.value = v;
          l.append(i, text);
          return l;
        }),
    );
  });

  return { json, pressed, beside, written, upload, find };
})();
