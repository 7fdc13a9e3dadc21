// Before the first paint: the theme and the split the user chose. And a form that is sent before the page's scripts are here waits for them.
(() => {
  const get = k => {
    try {
      return localStorage.getItem(k);
    } catch {
      return null;
    }
  };
  const root = document.documentElement, theme = get('theme'), split = get('split');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  if (/^\d\d(\.\d+)?$/.test(split || '')) root.style.setProperty('--chat', split + '%');
})();
window.early = new Set();
document.addEventListener(
  'submit',
  e => {
    if (window.early && e.target.matches('[hx-post],#say')) {
      e.preventDefault();
      e.stopImmediatePropagation();
      early.add(e.target);
    }
  },
  true,
);
