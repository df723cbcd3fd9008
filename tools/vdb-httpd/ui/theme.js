/* Light or dark: the system's choice until the switch is used, which is then remembered. */
const Theme = (() => {
  const KEY = 'vdb-theme';
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const listeners = [];
  const probe = document.createElement('i');
  let context = null;

  const isDark = () => (root.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark';

  function announce() {
    byId('theme').setAttribute('aria-label', `Switch to the ${isDark() ? 'light' : 'dark'} theme`);
    for (const listener of listeners) listener();
  }

  function start() {
    const kept = localStorage.getItem(KEY);
    if (kept === 'light' || kept === 'dark') root.dataset.theme = kept;
    probe.hidden = true;
    document.body.append(probe);
    byId('theme').addEventListener('click', () => {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      localStorage.setItem(KEY, root.dataset.theme);
      announce();
    });
    system.addEventListener('change', announce);
    announce();
  }

  /* What a name of style.css is just now, for a canvas. */
  function colour(name) {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  }

  /* [red, green, blue] of any colour that CSS knows. */
  function channels(text) {
    context ||= new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data.slice(0, 3);
  }

  return {start, isDark, colour, channels, onChange: (listener) => listeners.push(listener)};
})();
