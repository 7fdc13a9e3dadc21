// Long work: bars, buttons and logs follow wherever they stand.
'use strict';
function worked(j) {
  const q = CSS.escape(j.id), over = ['done', 'failed', 'cancelled'].includes(j.state);
  for (const e of document.querySelectorAll(`[data-job="${q}"]`)) {
    const bar = $('progress', e), text = $('.text', e); if (!e.closest('.jobs')) e.hidden = over;
    if (bar) if (j.total) { bar.max = j.total; bar.value = j.done } else bar.removeAttribute('value');
    if (text && text.textContent !== j.sentence) text.textContent = j.sentence;
  }
  for (const b of document.querySelectorAll(`[data-presses="${CSS.escape(j.name)}"]`)) { b.disabled = !over; over ? b.removeAttribute('aria-busy') : b.setAttribute('aria-busy', 'true') }
  for (const p of document.querySelectorAll(`[data-job-log="${q}"]`)) if (p.closest('details')?.open !== false && p.dataset.read) over ? readLog(p) : lines(p, j.lines || []);
}
function lines(pre, more) {       // each line once, in its order; the view stays at the end unless the user looks up
  const fresh = more.filter(([n]) => n > +pre.dataset.last); if (!fresh.length) return;
  const end = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 30;
  if (pre.dataset.last === '0') pre.textContent = '';
  pre.append(fresh.map(([, text]) => text + '\n').join('')); pre.dataset.last = fresh.at(-1)[0];
  if (pre.textContent.length > 200000) pre.textContent = pre.textContent.slice(-150000);
  if (end) pre.scrollTop = 1e9;
}
async function readLog(pre) {
  pre.dataset.read = '1';
  const r = await fetch(`/api/jobs/${pre.dataset.jobLog}/log?after=${pre.dataset.last}`).catch(() => null); if (!r || !r.ok) return;
  const said = await r.json(); lines(pre, said.lines);
  if (pre.dataset.last === '0') pre.textContent = said.error ? '' : 'No line yet.';
  if (said.error && !pre.dataset.error) { pre.dataset.error = '1'; pre.append(said.error) }
}
const logs = () => { for (const p of document.querySelectorAll('details[open] > [data-job-log]:not([data-read])')) readLog(p) };
document.addEventListener('toggle', e => { if (e.target.open && e.target.matches?.('[data-job-logs]')) logs() }, true);
