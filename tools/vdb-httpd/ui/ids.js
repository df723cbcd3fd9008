/* The field for an id, with the stored ids that begin like it. */
const IdField = (() => {
  const SHOWN = 8;
  let input, list, options = [], at = -1, asking = null;

  function close() {
    list.hidden = true;
    at = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }

  function choose(id) {
    input.value = id;
    close();
  }

  function select(next) {
    at = (next + options.length) % options.length;
    [...list.children].forEach((item, i) => item.setAttribute('aria-selected', String(i === at)));
    list.children[at].scrollIntoView({block: 'nearest'});
    input.setAttribute('aria-activedescendant', list.children[at].id);
  }

  function show(ids) {
    options = ids;
    at = -1;
    list.replaceChildren(...ids.map((id, i) => make('li', {
      id: `id-option-${i}`, role: 'option', 'aria-selected': 'false', title: id,
      onpointerdown: (event) => event.preventDefault(), // the field keeps the focus
      onclick: () => choose(id),
    }, id)));
    list.hidden = !ids.length;
    input.setAttribute('aria-expanded', String(ids.length > 0));
  }

  async function complete() {
    if (asking) asking.abort();
    asking = new AbortController();
    const prefix = input.value;
    try {
      const ids = await Server.get(`/vectors?limit=${SHOWN}${prefix ? `&prefix=${encodeURIComponent(prefix)}` : ''}`, {signal: asking.signal});
      if (document.activeElement !== input || input.value !== prefix) return;
      if (ids.length === 1 && ids[0] === prefix) close();
      else show(ids);
    } catch (error) {
      if (error.name !== 'AbortError') close();
    }
  }

  function onKey(event) {
    if (list.hidden && event.key === 'ArrowDown') complete();
    if (list.hidden || event.isComposing) return;
    if (event.key === 'ArrowDown') select(at + 1);
    else if (event.key === 'ArrowUp') select(at < 0 ? options.length - 1 : at - 1);
    else if (event.key === 'Enter' && at >= 0) choose(options[at]);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
  }

  function start() {
    input = byId('id');
    list = byId('id-list');
    input.addEventListener('input', later(120, complete));
    input.addEventListener('focus', () => input.value || complete());
    input.addEventListener('keydown', onKey);
    input.addEventListener('blur', close);
  }

  return {start, close};
})();
