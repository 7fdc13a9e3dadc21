// Tables: how a tab looks at one (words, filters, order, how many rows), cells and keys, several rows at once, import.
'use strict';
{
  const { json, pressed, written, upload, find } = forms;
  const tableOf = e => e.closest('.crud').dataset.table;
  const rowsOf = p => [...p.querySelectorAll('ol.rows > li.row')];

  // ---- how this tab looks at a table: said to the server, which draws it so from then on

  function look(panel, change) {
    const t = panel.dataset.table, l = (looks[t] = { ...looks[t], ...change });
    if (!l.words) delete l.words;
    if (!l.sort) {
      delete l.sort;
      delete l.down;
    }
    if (l.which) {
      for (const k in l.which) if (!l.which[k]) delete l.which[k];
      if (!Object.keys(l.which).length) delete l.which;
    }
    if (!Object.keys(l).length) delete looks[t];
    try {
      sessionStorage.setItem(
        'looks',
        JSON.stringify(Object.fromEntries(Object.entries(looks).map(([t, { words, ...rest }]) => [t, rest]))),
      );
    } catch {
      /* private mode: remembered until the tab closes */
    }
    if (!('limit' in change)) ((picked.get(t) || new Set()).clear(), every.delete(t));
    dress(panel);
    tell({ look: { table: t, ...l } });
  }
  function dress(panel) {
    const l = looks[panel.dataset.table] || {};
    panel.classList.toggle('filtered', !!(l.words || l.which));
    panel.classList.toggle('sorted', !!l.sort);
    const o = $('.order', panel);
    if (o) o.value = l.sort ? `${l.sort} ${l.down ? 'down' : 'up'}` : '';
  }
  // after a reload or another plugin: the controls say what the list shows (the server hears it with the next hello)
  function restore() {
    picks = null;
    for (const p of document.querySelectorAll('.crud')) {
      const l = looks[p.dataset.table];
      if (!l) continue;
      $('.filter', p).value = l.words || '';
      for (const w of p.querySelectorAll('.which')) w.value = l.which?.[w.dataset.col] || '';
      dress(p);
    }
    marks();
  }
  let picks; // the table whose rows are to be selected, where nothing is shown to do that with before
  let soon;
  document.addEventListener('input', e => {
    const t = e.target;
    if (t.matches('.crud .filter')) {
      clearTimeout(soon);
      soon = setTimeout(() => look(t.closest('.crud'), { words: t.value.trim() }), 120);
    }
  });
  document.addEventListener('change', e => {
    const t = e.target, p = t.closest('.crud');
    if (!p) return;
    if (t.matches('.which')) look(p, { which: { ...looks[tableOf(t)]?.which, [t.dataset.col]: t.value } });
    if (t.matches('.order')) {
      const [sort, way] = t.value.split(' ');
      look(p, { sort, down: way === 'down' });
    }
    if (t.matches('.bulk .col')) {
      for (const s of p.querySelectorAll('.bulk .to')) s.hidden = s.dataset.for !== t.value;
      $('.bulk .go', p).hidden = !t.value;
      $('.bulk .wrong', p).textContent = '';
    }
    if (t.matches('.cell,.tick,.pick > [type=hidden],.file > [type=hidden]') && t.closest('li.row') && !t.matches('.pick > .cell')) save(t);
    if (t.matches('.import') && t.files[0])
      upload(t.files[0]).then(kept => {
        t.value = '';
        if (kept)
          htmx.ajax('GET', `/api/tables/${t.dataset.table}/import?file=${encodeURIComponent(kept.file)}`, {
            target: '#dialog',
            swap: 'innerHTML',
          });
      });
  });

  // ---- cells: kept when they change; what is wrong stands under the cell, with what was typed

  async function save(t) {
    const row = t.closest('li.row'), name = t.dataset.col || t.name;
    const shown = t.type === 'hidden' ? t.nextElementSibling : t;
    t.sent = shown.sent = shown.value;
    let r;
    try {
      r = await fetch(`/api/actions/${tableOf(t)}.update`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ id: rowId(row), [name]: t.type === 'checkbox' ? t.checked : t.value }),
      });
    } catch {
      shown.sent = null;
      return say('Pianola does not answer.', 'Is it still running? What you typed is still here.');
    }
    if (r.ok) return right(shown);
    const said = await r.json().catch(() => ({ error: 'That did not work.', hint: '' }));
    shown.sent = null;
    if (t.type === 'checkbox') t.checked = t.defaultChecked;
    if (!said.fields?.[name]) return say(said.error, said.hint);
    right(shown);
    shown.setAttribute('aria-invalid', 'true');
    const w = document.createElement('small');
    w.className = 'wrong here';
    w.setAttribute('role', 'alert');
    w.textContent = said.fields[name];
    w.dataset.for = name;
    row.append(w);
    // in a wide table it hangs below its cell, as far as that is in view
    const g = row.closest('.grid'), most = g ? g.scrollLeft + g.clientWidth - w.offsetWidth - 4 : 0;
    w.style.setProperty('--x', `${Math.max(0, Math.min(shown.offsetLeft, most))}px`);
  }
  function right(t) {
    t.removeAttribute('aria-invalid');
    const n = t.dataset.col || t.name;
    for (const w of t.closest('li.row').querySelectorAll('.wrong.here')) if (w.dataset.for === n) w.remove();
  }
  document.addEventListener('input', e => {
    const t = e.target;
    if (t.matches('li.row .cell')) {
      t.dataset.editing = '';
      right(t);
    }
  });

  // ---- keys: arrows go from cell to cell; writing, F2 or a click goes into one; Enter keeps, Escape puts back

  const cells = row => [...row.querySelectorAll('.cell,.tick')].filter(c => c.offsetParent);
  const column = c => c.dataset.col || c.name;
  const was = t => (t.matches('select') ? ([...t.options].find(o => o.defaultSelected) || t.options[0])?.value : t.defaultValue);
  function go(t, to) {
    if (!to) return;
    delete t.dataset.editing;
    to.focus({ preventScroll: false });
    delete to.dataset.editing;
    if (to.matches('input:not([type=checkbox]),textarea')) to.select();
    to.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
  const beyond = (t, way) => {
    let r = t.closest('li.row')[way];
    while (r && !r.matches('.row')) r = r[way];
    return r && cells(r).find(c => column(c) === column(t));
  };
  document.addEventListener('mousedown', e => {
    const t = e.target;
    if (t.matches?.('li.row .cell')) t.dataset.editing = '';
  });
  document.addEventListener('focusin', e => {
    const t = e.target;
    if (t.matches?.('li.row .cell[data-type]') && t.type === 'text') {
      const v = t.value;
      t.type = t.dataset.type;
      if (v && !t.value) t.type = 'text'; // a value no calendar can show stays text
    }
  });
  document.addEventListener('focusout', e => {
    const t = e.target;
    if (t.matches?.('li.row .cell')) {
      delete t.dataset.editing;
      if (t.dataset.type && t.type !== 'text' && !t.validity.badInput)
        setTimeout(() => {
          if (t !== document.activeElement) t.type = 'text';
        });
    }
  });
  document.addEventListener(
    'keydown',
    e => {
      const t = e.target;
      if (!t.matches?.('li.row .cell,li.row .tick') || e.isComposing || e.altKey || e.ctrlKey || e.metaKey) return;
      const editing = 'editing' in t.dataset, text = t.matches('input[type=text],textarea');
      const done = () => {
        e.preventDefault();
        e.stopPropagation();
      };
      const all = cells(t.closest('li.row'));
      const side = n => {
        const to = all[all.indexOf(t) + n];
        if (to) {
          done();
          go(t, to);
        }
      };
      if (e.key === 'F2') {
        done();
        editing ? delete t.dataset.editing : (t.dataset.editing = '');
        if (t.dataset.pick) find(t, '');
        else if (text) editing ? t.select() : t.setSelectionRange(t.value.length, t.value.length);
        else if (!editing && t.matches('select,[type=date],[type=datetime-local],[type=time]'))
          try {
            t.showPicker();
          } catch {
            /* only some browsers can */
          }
      } else if (e.key === 'Escape' && (editing || (t.value !== was(t) && !t.dataset.pick && t.type !== 'checkbox'))) {
        done();
        if (t.type !== 'checkbox') t.value = was(t);
        right(t);
        delete t.dataset.editing;
        if (t.select && text) t.select();
      } else if (e.key === 'Enter' && !(e.shiftKey && t.matches('textarea'))) {
        done();
        if (t.type !== 'checkbox' && t.value !== was(t) && t.value !== t.sent && !t.dataset.pick) {
          delete t.dataset.editing;
          t.dispatchEvent(new Event('change', { bubbles: true }));
        } else if (t.dataset.pick && editing) find(t, '');
        else go(t, beyond(t, e.shiftKey ? 'previousElementSibling' : 'nextElementSibling'));
      } else if (e.key === 'ArrowUp' || e.key === 'ArrowDown') {
        if ((editing && !t.matches('[type=text],select')) || e.shiftKey) return;
        const to = beyond(t, e.key === 'ArrowUp' ? 'previousElementSibling' : 'nextElementSibling');
        done();
        go(t, to);
      } else if (e.key === 'ArrowLeft' && !editing) side(-1);
      else if (e.key === 'ArrowRight' && !editing) side(1);
    },
    true,
  );

  // ---- several rows at once

  const picked = new Map(), every = new Set();
  let anchor;
  const mine = p => {
    const t = p.dataset.table;
    if (!picked.has(t)) picked.set(t, new Set());
    return picked.get(t);
  };
  function marks() {
    for (const p of document.querySelectorAll('.crud')) {
      const set = mine(p), rows = rowsOf(p), t = p.dataset.table, here = new Set(rows.map(rowId));
      for (const i of set) if (!here.has(i)) set.delete(i);
      if (!set.size || set.size < here.size) every.delete(t);
      for (const r of rows) {
        const b = $('.select', r), on = String(set.has(rowId(r)));
        if (b.getAttribute('aria-checked') !== on) {
          b.setAttribute('aria-checked', on);
          r.classList.toggle('picked', on === 'true');
        }
      }
      $('.head .all', p)?.setAttribute('aria-checked', set.size && set.size === rows.length ? 'true' : set.size ? 'mixed' : 'false');
      const bar = $('.bulk', p), total = +($('.gap', p)?.dataset.total || 0);
      if (!bar) continue;
      const on = !!set.size || picks === t;
      if (bar.hidden === on) {
        bar.hidden = !on;
        if (bar.contains(document.activeElement) && bar.hidden) id('main').focus({ preventScroll: true });
      }
      p.classList.toggle('picking', on);
      for (const b of bar.querySelectorAll('.col,.go,.remove')) b.disabled = !set.size;
      $('.clear', bar).textContent = picks === t ? 'Done' : 'Clear';
      if (!set.size) $('.said', bar).textContent = 'Select rows';
      if (!set.size) continue; // nobody sees the words; and a browser takes 15 ms before it writes its first number
      const b = $('.every', bar);
      $('.said', bar).textContent = every.has(t)
        ? `All ${total.toLocaleString('en')} selected`
        : `${set.size.toLocaleString('en')} selected`;
      b.hidden = every.has(t) || !total || set.size < rows.length;
      b.textContent = `Select all ${total.toLocaleString('en')}`;
    }
  }
  document.addEventListener('placed', marks);
  const meant = p => {
    const l = looks[p.dataset.table] || {};
    return every.has(p.dataset.table) ? { match: { words: l.words || '', which: l.which || {} } } : { ids: [...mine(p)] };
  };
  document.addEventListener('click', e => {
    const b = e.target.closest?.('button,a'), p = b?.closest('.crud'), row = b?.closest('li.row');
    const d = id('dialog');
    if (b?.matches('#dialog .shut')) d.close();
    if (b?.dataset.press) {
      b.disabled = true;
      pressed(b.dataset.press, JSON.parse(b.dataset.args)).then(ok => {
        b.disabled = false;
        if (ok && d.contains(b)) d.close();
      });
    }
    if (!p) return;
    const t = p.dataset.table, set = mine(p), n = row && rowId(row);
    if (b.matches('.select.all')) {
      const rows = rowsOf(p), on = set.size < rows.length;
      set.clear();
      every.delete(t);
      if (on) rows.forEach(r => set.add(rowId(r)));
      marks();
    } else if (b.matches('.select')) {
      const rows = rowsOf(p), a = rows.findIndex(r => r.id === anchor), z = rows.indexOf(row);
      const on = !set.has(n);
      every.delete(t);
      for (const r of e.shiftKey && a >= 0 ? rows.slice(Math.min(a, z), Math.max(a, z) + 1) : [row])
        on ? set.add(rowId(r)) : set.delete(rowId(r));
      anchor = row.id;
      marks();
    } else if (b.matches('.every')) {
      every.add(t);
      marks();
    } else if (b.matches('.selects')) {
      picks = t;
      b.closest('details').open = false;
      marks();
      $('.head .all', p).focus({ preventScroll: true });
    } else if (b.matches('.clear')) {
      picks = null;
      set.clear();
      every.delete(t);
      marks();
    } else if (b.matches('.remove'))
      pressed(`${t}.delete_many`, meant(p)).then(ok => {
        if (ok) {
          set.clear();
          every.delete(t);
          marks();
        }
      });
    else if (b.matches('.delete')) pressed(`${t}.delete`, { id: n });
    else if (b.matches('.choose')) pressed(`${t}.choose`, { id: b.getAttribute('aria-pressed') === 'true' ? null : n });
    else if (b.matches('.edit')) htmx.ajax('GET', `/api/tables/${t}/${n}/form`, { target: '#dialog', swap: 'innerHTML' });
    else if (b.matches('.more')) look(p, { limit: +$('.rows', p).dataset.limit + 200 });
    else if (b.matches('.by')) {
      const l = looks[t] || {}, by = b.dataset.sort;
      look(p, l.sort !== by ? { sort: by, down: false } : l.down ? { sort: '', down: false } : { sort: by, down: true });
    } else if (b.matches('.export')) {
      const l = looks[t] || {};
      const q = new URLSearchParams({ words: l.words || '', sort: l.sort || '', down: !!l.down });
      for (const [k, v] of Object.entries(l.which || {})) q.set('which.' + k, v);
      b.href = b.href.split('?')[0] + '?' + q;
    }
  });
  document.addEventListener('submit', async e => {
    const f = e.target, p = f.closest('.crud');
    if (f.matches('.bulk')) {
      e.preventDefault();
      const col = $('.col', f).value;
      const to = [...f.querySelectorAll('.to')].find(s => s.dataset.for === col);
      if (!to) return;
      const box = document.createElement('form');
      box.append(to.cloneNode(true));
      for (const [n, s] of [...to.querySelectorAll('select')].entries()) box.querySelectorAll('select')[n].value = s.value;
      const v = written(box)[col] ?? '';
      const r = await fetch(`/api/actions/${p.dataset.table}.update_many`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ ...meant(p), set: { [col]: v } }),
      }).catch(() => null);
      const said = r && !r.ok ? await r.json() : {};
      $('.wrong', f).textContent = r?.ok
        ? ''
        : said.fields?.[col]
          ? `${col} ${said.fields[col]}`
          : said.error || 'Pianola does not answer.';
    }
    if (f.matches('form.sheet')) {
      // only what was changed is said, so that two people on one row do not undo each other
      e.preventDefault();
      const now = written(f), then = f.was || {}, args = { id: +f.dataset.id };
      for (const k in now) if (JSON.stringify(now[k]) !== JSON.stringify(then[k])) args[k] = now[k];
      if (Object.keys(args).length < 2 || (await pressed(f.dataset.key, args, f))) id('dialog').close();
    }
  });
  document.addEventListener('htmx:afterSwap', e => {
    const f = $('form.sheet', e.detail.target || document);
    if (f) f.was = written(f);
    if (e.detail.target?.id === 'main') restore();
  });
  restore();
}
