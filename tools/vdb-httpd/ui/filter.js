/* The editor of the filter.  Whether a filter is right, and what is wrong with it, the
   server says: each change is tried as a POST /count.  The text goes to it as it stands,
   for JSON.parse would round long numbers and accept names that stand there twice. */
const Filter = (() => {
  const BEFORE = '{"filter":';
  let box, error, asking = null, fields = new Map();
  let onEdit = () => {};
  const soon = later(300, () => check().catch(() => {}));

  const text = () => box.value.trim();

  function parsed() {
    try {
      const value = Server.parse(text());
      return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  }

  /* [begin, end] of what the server's words are about, or null. */
  function placeOf(message) {
    const byte = /^byte (\d+): /.exec(message);
    if (byte) {
      const at = Math.min(JsonPlace.ofByte(text(), Number(byte[1]) - BEFORE.length), text().length);
      const near = / near '(.*)'$/.exec(message);
      return [near && text().slice(0, at).endsWith(near[1]) ? at - near[1].length : at, at];
    }
    const path = /^filter((?:\.\w+|\[\d+\])*): /.exec(message);
    if (!path || !parsed()) return null;
    const steps = [...path[1].matchAll(/\.(\w+)|\[(\d+)\]/g)].map((step) => step[1] ?? Number(step[2]));
    return JsonPlace.ofPath(text(), steps);
  }

  function showError(message) {
    const where = error.querySelector('.where');
    error.hidden = !message;
    box.setAttribute('aria-invalid', String(Boolean(message)));
    if (!message) return;
    error.querySelector('.said').textContent = message;
    const place = placeOf(message);
    where.hidden = !place;
    if (!place) return;
    const [begin, end] = place, all = text();
    const marked = all.slice(begin, Math.min(end, begin + 120));
    where.replaceChildren(`${JsonPlace.words(all, begin)}: `, begin > 28 ? '…' : '', all.slice(Math.max(0, begin - 28), begin),
      make('mark', {}, marked || '▏'), all.slice(begin + marked.length, begin + marked.length + 28), begin + marked.length + 28 < all.length ? '…' : '');
  }

  function showParts() {
    const filter = text() ? parsed() : null;
    const parts = filter ? Conditions.partsOf(filter) : [];
    byId('filter-parts').replaceChildren(...parts.map((part, i) => make('li', {},
      make('span', {title: Conditions.words(part)}, Conditions.words(part)),
      make('button', {type: 'button', 'aria-label': `Remove ${Conditions.words(part)}`,
        onclick: () => replace(parts.filter((_, j) => j !== i))}, '×'))));
    byId('build-add').disabled = Boolean(text()) && !filter;
  }

  function replace(parts) {
    const filter = Conditions.joined(parts);
    box.value = filter ? Conditions.textOf(filter) : '';
    box.rows = Math.min(10, Math.max(4, box.value.split('\n').length));
    check().then((good) => good && onEdit(), () => {});
  }

  /* Ask the server what it thinks; true: the filter may be used.  Rejects when no answer
     about the filter came. */
  async function check() {
    soon.cancel(); // or it would end this one, and the search that waits for it
    if (asking) asking.abort();
    asking = new AbortController();
    const {signal} = asking;
    showParts();
    if (!text()) {
      showError('');
      byId('filter-count').textContent = '';
      return true;
    }
    try {
      const {count} = await Server.post('/count', `${BEFORE}${text()}}`, {signal});
      const all = Status.current() ? Status.current().vectors : 0;
      const whole = parsed();
      showError(whole ? '' : 'There is more than one JSON object.');
      byId('filter-count').textContent = whole ? `${Figures.whole(count)} match${count === 1 ? 'es' : ''} (${Figures.share(count, all)})` : '';
      return Boolean(whole);
    } catch (problem) {
      if (problem.name === 'AbortError' || ![400, 413, 422].includes(problem.status)) throw problem;
      byId('filter-count').textContent = '';
      showError(problem.message);
      return false;
    }
  }

  /* --------------------------------------------------------- builder */

  function showField() {
    const field = fields.get(byId('build-field').value);
    const op = byId('build-op').value;
    const ops = Conditions.opsOf(field ? field.kind : 'text');
    byId('build-op').replaceChildren(...ops.map((name) => make('option', {value: name}, Conditions.SIGNS[name])));
    if (ops.includes(op)) byId('build-op').value = op;
    byId('build-values').replaceChildren(...(field ? Fields.byCount(field).slice(0, 40) : [])
      .filter(([value]) => value !== null && typeof value !== 'object')
      .map(([value]) => make('option', {value: String(value)})));
    byId('build-value').value = '';
    showOp();
  }

  function showOp() {
    byId('build-value').disabled = !Conditions.needsValue(byId('build-op').value);
  }

  function add() {
    const field = fields.get(byId('build-field').value);
    const op = byId('build-op').value, value = byId('build-value');
    if (!field) return;
    const made = Conditions.needsValue(op) ? Conditions.valueOf(value.value, field) : null;
    value.setAttribute('aria-invalid', String(made === undefined));
    if (made === undefined) {
      value.focus();
      return;
    }
    const old = text() ? parsed() : null;
    if (text() && !old) return;
    replace([...(old ? Conditions.partsOf(old) : []), Conditions.make(op, field.path, made)]);
    value.value = '';
  }

  /* `first` is the one to offer, unless one has been chosen. */
  function setFields(next, first) {
    fields = next;
    const before = byId('build-field').value;
    byId('build-field').replaceChildren(...[...fields.keys()].map((path) => make('option', {value: path}, path)));
    if (fields.has(before || first)) byId('build-field').value = before || first;
    byId('filter-box').querySelector('.builder').hidden = !fields.size;
    showField();
  }

  function start(edited) {
    box = byId('filter');
    error = byId('filter-error');
    onEdit = edited;
    box.addEventListener('input', () => {
      showParts();
      soon();
    });
    byId('build-field').addEventListener('change', showField);
    byId('build-op').addEventListener('change', showOp);
    byId('build-add').addEventListener('click', add);
    byId('build-value').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      add();
    });
    setFields(fields);
  }

  return {start, text, check, setFields, focus: () => { byId('filter-box').open = true; box.focus(); }};
})();
