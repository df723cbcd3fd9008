/* The form of a search, and the request it makes. */
const Search = (() => {
  const FLOATS_MOST = 2000000; // of the hits' vectors: more are not asked for
  const NUMBER = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/; // of JSON
  const EFFORTS = {
    ef: {label: 'ef', value: '100', step: '1'},
    recall_target: {label: 'Recall', value: '0.95', step: '0.01'},
  };
  let asking = null, done = false, onFound = () => {}, onClear = () => {};

  const by = () => document.querySelector('input[name="by"]:checked').value;

  /* What was pasted, as the numbers' own text; throws at what is none. */
  function readVector() {
    const words = byId('vector').value.replace(/^\s*\[|\]\s*$/g, '').split(/[\s,;]+/).filter(Boolean);
    words.forEach((word, i) => {
      if (!NUMBER.test(word)) throw new Error(`Value ${i + 1} is no number: ${word.slice(0, 40)}`);
    });
    return words;
  }

  function showVectorNote() {
    const {dimension} = Status.current() || {};
    let note = '';
    try {
      const {length} = readVector();
      if (length) note = `${Figures.whole(length)} number${length === 1 ? '' : 's'}${dimension && length !== dimension ? `; the database has ${Figures.whole(dimension)}` : ''}`;
    } catch (error) {
      note = error.message;
    }
    byId('vector-note').textContent = note;
  }

  function showBy() {
    byId('by-id').hidden = by() !== 'id';
    byId('by-vector').hidden = by() !== 'vector';
  }

  function showEffort() {
    const effort = EFFORTS[byId('effort').value];
    byId('effort-field').hidden = !effort;
    if (!effort) return;
    byId('effort-label').textContent = effort.label;
    Object.assign(byId('effort-value'), {value: effort.value, step: effort.step});
  }

  function showError(message, field) {
    showText(byId('query-error'), message);
    for (const name of ['id', 'vector', 'k', 'effort-value'])
      byId(name).setAttribute('aria-invalid', String(name === field));
    if (field) byId(field).focus();
  }

  /* The field that the server's words are about. */
  function fieldOf(message) {
    if (/^recall_target|^"?ef"? |"recall_target"/.test(message)) return 'effort-value';
    if (/^"k"|^k /.test(message)) return 'k';
    return by() === 'id' ? 'id' : 'vector';
  }

  /* The request's body, as text: vector and filter go as they were written. */
  function bodyOf() {
    const k = byId('k').value.trim();
    const effort = byId('effort').value;
    const dimension = (Status.current() || {}).dimension || 1;
    const members = [
      by() === 'id' ? `"id": ${JSON.stringify(byId('id').value)}` : `"vector": [${readVector().join(', ')}]`,
      '"with_metadata": true', '"explain": true',
    ];
    if (k) members.push(`"k": ${Number(k)}`);
    if (Number(k || 10) * dimension <= FLOATS_MOST) members.push('"with_vectors": "base64"');
    if (effort === 'exact') members.push('"exact": true');
    else if (effort) members.push(`"${effort}": ${JSON.stringify(Number(byId('effort-value').value))}`);
    if (Filter.text()) members.push(`"filter": ${Filter.text()}`);
    return `{${members.join(', ')}}`;
  }

  function fromBase64(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({length: bytes.length / 4}, (_, i) => view.getFloat32(4 * i, true));
  }

  function hitsOf(results) {
    const records = results.map(({id, metadata, vector_b64: packed}) =>
      ({id, metadata, vector: packed === undefined ? null : fromBase64(packed)}));
    Fields.survey(records);
    return results.map(({id, distance}, i) => ({id, distance, rank: i + 1, record: records[i]}));
  }

  /* The query's own vector, for its place on the map. */
  async function queryVector(id, hits, signal) {
    if (id === null) return Float32Array.from(readVector(), Number);
    const known = [...hits, ...MapView.points()].find((point) => point.id === id && point.record.vector);
    if (known) return known.record.vector;
    const stored = await Server.get(`/vectors/${encodeURIComponent(id)}`, {signal});
    return Float32Array.from(stored.vector);
  }

  async function ask(signal) {
    if (by() === 'id' && !byId('id').value) {
      showError('Give an id, or click a point of the map.', 'id');
      return;
    }
    if (!await Filter.check()) {
      Filter.focus();
      return;
    }
    signal.throwIfAborted();
    const body = bodyOf();
    const id = by() === 'id' ? byId('id').value : null;
    const begun = performance.now();
    const {results, explain} = await Server.post('/search', body, {signal});
    const roundTrip = performance.now() - begun;
    const hits = hitsOf(results);
    const vector = hits.length ? await queryVector(id, hits, signal).catch(() => null) : null;
    signal.throwIfAborted();
    showError('');
    done = true;
    byId('clear').hidden = false;
    onFound({hits, explain, roundTrip, id, vector});
  }

  async function run() {
    if (asking) asking.abort();
    const mine = asking = new AbortController();
    IdField.close();
    byId('go').setAttribute('aria-busy', 'true');
    try {
      await ask(mine.signal);
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      showError(problem.message, problem.status === 0 || problem.status >= 500 ? null : fieldOf(problem.message));
      if (problem instanceof Server.Problem && (problem.status === 0 || problem.status === 401)) Status.run();
    } finally {
      if (asking === mine) byId('go').removeAttribute('aria-busy');
    }
  }

  function likeId(id) {
    document.querySelector('input[name="by"][value="id"]').checked = true;
    showBy();
    byId('id').value = id;
    run();
  }

  function clear() {
    if (asking) asking.abort();
    done = false;
    byId('clear').hidden = true;
    showError('');
    onClear();
  }

  function start(handlers) {
    [onFound, onClear] = [handlers.onFound, handlers.onClear];
    byId('query').addEventListener('submit', (event) => {
      event.preventDefault();
      run();
    });
    byId('query').addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) byId('query').requestSubmit();
    });
    byId('by').addEventListener('change', showBy);
    byId('effort').addEventListener('change', showEffort);
    byId('vector').addEventListener('input', showVectorNote);
    byId('clear').addEventListener('click', clear);
    showBy(); // a browser may have kept what was chosen
    showEffort();
  }

  return {start, likeId, run, wasDone: () => done};
})();
