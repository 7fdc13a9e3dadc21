// Before the first paint: the theme and the split the user chose.
(() => {
  const get = k => { try { return localStorage.getItem(k) } catch { return null } };
  const root = document.documentElement, theme = get('theme'), split = get('split');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  if (/^\d\d(\.\d+)?$/.test(split || '')) root.style.setProperty('--chat', split + '%');
})();
