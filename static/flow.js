// Runs of flows: half-typed values go to the server and to the other tabs, folds are reported, the run is in the address.
'use strict';
{
  const { written, upload } = forms;
  const me = Math.random().toString(36).slice(2);
  const unsaved = new Map(); // what the server has not said it has: {url: {field: value}}
  const draftUrl = f => f?.dataset?.draft, fieldsOf = f => f.querySelectorAll('[name]');
  function value(f, name) {
    return written(f)[name] ?? '';
  }

  // ---- what is half typed

  let saving;
  function typed(e) {
    const f = e.target.closest?.('form[data-draft]');
    if (!f || !e.target.name || e.target.type === 'password') return;
    unsaved.set(draftUrl(f), { ...unsaved.get(draftUrl(f)), [e.target.name]: value(f, e.target.name) });
    clearTimeout(saving);
    saving = setTimeout(() => save(e.type === 'change' ? e.target : null), e.type === 'change' ? 0 : 250);
  }
  document.addEventListener('input', typed);
  document.addEventListener('change', typed);
  async function save(left, last) {
    for (const [url, now_] of unsaved) {
      const values = { ...now_ };
      // kept here until it can be sent
      let r;
      try {
        r = await fetch(url, {
          method: 'POST',
          keepalive: !!last,
          headers: { 'content-type': 'application/json', 'hx-request': 'true' },
          body: JSON.stringify({ ...values, '': me }),
        });
      } catch {
        continue;
      }
      const now = unsaved.get(url);
      if (now) for (const k of Object.keys(values)) if (JSON.stringify(now[k]) === JSON.stringify(values[k])) delete now[k];
      if (now && !Object.keys(now).length) unsaved.delete(url);
      if (r.ok && left?.isConnected && left.name in values) {
        const said = (await r.json()).wrong, f = left.form;
        if (said[left.name] && draftUrl(f) === url) {
          const w = [...f.querySelectorAll('.wrong')].find(w => w.dataset.for === left.name);
          if (w) {
            w.textContent = said[left.name];
            left.setAttribute('aria-invalid', 'true');
          }
        }
      }
    }
  }
  addEventListener('pagehide', () => save(null, true));
  document.addEventListener('visibilitychange', () => document.hidden && save(null, true));
  addEventListener('online', () => save());
  setInterval(() => {
    if (unsaved.size && ws?.readyState === 1) save();
  }, 3000);
  document.addEventListener(
    'submit',
    e => {
      const f = e.target;
      if (draftUrl(f)) {
        unsaved.delete(draftUrl(f));
        clearTimeout(saving);
      }
    },
    true,
  );

  function write(f, values) {
    // into the inputs, where nobody is writing
    for (const [name, v] of Object.entries(values))
      for (const i of fieldsOf(f)) {
        if (i.name !== name || (i === document.activeElement && i.type !== 'checkbox')) continue;
        if (i.type === 'hidden' && [...fieldsOf(f)].some(o => o.name === name && o.type === 'checkbox')) continue;
        if (i.type === 'checkbox') i.checked = Array.isArray(v) ? v.includes(i.value) : v === i.value || v === true;
        else {
          i.value = v;
          const o = i.type === 'range' && $('output', i.parentNode);
          if (o) o.value = v;
        }
      }
  }
  document.addEventListener('flow', e => {
    const d = e.detail;
    if (d.draft && d.by !== me)
      for (const f of document.querySelectorAll('form[data-draft]'))
        if (draftUrl(f) === `/api/runs/${d.run}/drafts/${d.step}`) write(f, d.draft);
    if (d.list) {
      const menu = id(d.list + '-runs'), q = menu && $('input[type=search]', menu);
      if (menu?.open)
        htmx.ajax('GET', `/api/flows/${d.list}/runs?now=${id(d.list + '-flow').dataset.run}&words=${encodeURIComponent(q.value)}`, {
          target: $('.run-list', menu),
          swap: 'innerHTML',
        });
    }
  });
  document.addEventListener('placed', () => {
    for (const f of document.querySelectorAll('form[data-draft]')) if (unsaved.has(draftUrl(f))) write(f, unsaved.get(draftUrl(f)));
  });

  // ---- folds, the address, a run from a file

  document.addEventListener('click', e => {
    const s = e.target.closest('details[data-fold] > summary');
    if (!s) return;
    fetch(s.parentNode.dataset.fold, {
      method: 'POST',
      keepalive: true,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ open: !s.parentNode.open }),
    }).catch(() => say('Pianola does not answer.', 'The fold is not remembered.'));
  });
  function addressed() {
    const r = $('#main [data-run]'), u = new URL(location);
    if (r && u.searchParams.get('run') !== r.dataset.run) {
      u.searchParams.set('run', r.dataset.run);
      history.replaceState(null, '', u.pathname === '/' ? '/' + id('main').dataset.view + u.search : u);
    }
  }
  document.addEventListener('htmx:afterSwap', e => {
    if (e.detail.target?.id === 'main') addressed();
  });
  document.addEventListener('placed', addressed);
  document.addEventListener('change', async e => {
    const t = e.target;
    if (!t.matches('.import-run') || !t.files[0]) return;
    const kept = await upload(t.files[0]);
    t.value = '';
    if (kept) htmx.ajax('POST', `/api/flows/${t.dataset.flow}/import`, { source: t, values: { file: kept.file }, swap: 'none' });
  });
  addressed();
}
