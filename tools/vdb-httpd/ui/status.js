/* The live part: /health, /stats and /metrics every two seconds while the page is seen. */
const Status = (() => {
  const INTERVAL_MS = 2000;
  const RETRY_MS = 5000; // while the server does not answer
  const PATIENCE_MS = 10000; // for one answer
  const KEPT = 45; // points of a small curve
  const WORDS = {
    connecting: 'Connecting', ok: 'Healthy', token: 'Token needed',
    unreachable: 'Unreachable', failed: 'Disk failed',
  };
  const histories = {vectors: [], rate: [], latency: [], writes: []};
  const listeners = [], pollListeners = [];
  let state = 'connecting';
  let last = null; // {at, metrics} of the poll before
  let stats = null;
  let timer = 0;
  let polling = false;

  function setState(next) {
    const changed = next !== state;
    state = next;
    byId('state').dataset.state = next;
    if (byId('state-text').textContent !== WORDS[next]) byId('state-text').textContent = WORDS[next];
    document.querySelector('.cards').classList.toggle('stale', next === 'unreachable');
    showText(byId('banner'),
      next === 'unreachable' ? 'The server does not answer. What is shown is the last that was heard; it is asked again every few seconds.'
      : next === 'failed' ? 'The disk has failed: nothing more is stored until the server is restarted. Reading goes on.' : '');
    if (changed) for (const listener of listeners) listener(next);
  }

  function remember(name, value) {
    const kept = histories[name];
    kept.push(value);
    if (kept.length > KEPT) kept.shift();
  }

  /* A curve through the values, in a box of its own units; flat when all are the same. */
  function drawSpark(svg, values) {
    const width = 100, height = 32;
    if (values.length < 2) return;
    const most = Math.max(...values), least = Math.min(...values, most * 0.5), span = most - least || 1;
    const points = values.map((value, i) =>
      `${(width * (i + KEPT - values.length) / (KEPT - 1)).toFixed(2)} ${(height - 1 - (height - 2) * (value - least) / span).toFixed(2)}`);
    const first = points[0].split(' ')[0];
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    const path = (name, d) => {
      const made = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      made.setAttribute('d', d);
      if (name) made.setAttribute('class', name);
      return made;
    };
    svg.replaceChildren(
      path('area', `M${points.join('L')}L${width} ${height}L${first} ${height}Z`),
      path('', `M${points.join('L')}`));
  }

  function card(name, figure, note, {history, meter, unit} = {}) {
    const element = byId(`card-${name}`);
    element.querySelector('[data-figure]').replaceChildren(figure, unit ? make('small', {}, unit) : '');
    element.querySelector('[data-note]').textContent = note;
    element.querySelector('[data-note]').title = note;
    if (history) drawSpark(element.querySelector('[data-spark]'), history);
    if (meter !== undefined) element.querySelector('[data-meter] i').style.width = `${100 * meter}%`;
  }

  /* "1.23 ms" as a figure and its unit. */
  function splitUnit(text) {
    const at = text.lastIndexOf(' ');
    return [text.slice(0, at), text.slice(at + 1)];
  }

  function showKind() {
    const names = {l2: 'Euclidean', cosine: 'cosine', dot: 'dot product'};
    const items = [[stats.dimension ? Figures.whole(stats.dimension) : 'no', stats.dimension === 1 ? 'dimension' : stats.dimension ? 'dimensions' : 'dimension yet'],
      [names[stats.metric] || stats.metric, stats.metric === 'dot' ? '' : 'distance'],
      [stats.index === 'hnsw' ? 'HNSW' : stats.index, 'index']];
    byId('kind').replaceChildren(...items.map(([strong, rest]) =>
      make('li', {}, make('b', {}, strong), rest ? ` ${rest}` : '')));
  }

  function showRates(metrics, now) {
    const seconds = last ? (now - last.at) / 1000 : 0;
    const since = (name) => last && metrics[name] >= last.metrics[name] ? metrics[name] - last.metrics[name] : 0;
    const queries = since('total_queries');
    const writes = since('total_inserts') + since('total_deletes');
    if (last) {
      remember('rate', queries / seconds);
      remember('writes', writes / seconds);
      // the mean of these seconds, from the means since the server's start
      if (queries)
        remember('latency', (metrics.avg_query_latency_us * metrics.total_queries -
          last.metrics.avg_query_latency_us * last.metrics.total_queries) / queries);
    }
    card('rate', Figures.rate(seconds ? queries / seconds : 0),
      `${Figures.short(metrics.total_queries)} since the start`, {history: histories.rate});
    const [p50, unit] = splitUnit(Figures.microseconds(metrics.p50_query_latency_us));
    card('latency', metrics.total_queries ? p50 : '–', metrics.total_queries
      ? `p95 ${Figures.microseconds(metrics.p95_query_latency_us)} · p99 ${Figures.microseconds(metrics.p99_query_latency_us)}`
      : 'no query yet', {history: histories.latency, unit: metrics.total_queries ? unit : ''});
    card('writes', Figures.rate(seconds ? writes / seconds : 0),
      `${Figures.short(metrics.total_inserts)} in · ${Figures.short(metrics.total_deletes)} out`,
      {history: histories.writes, unit: '/ s'});
  }

  function showStats() {
    const {vectors, dimension} = stats;
    remember('vectors', vectors);
    card('vectors', Figures.short(vectors),
      vectors ? `${Figures.bytes(vectors * dimension * 4)} of float32` : 'nothing is stored', {history: histories.vectors});
    const flat = stats.index !== 'hnsw';
    const covered = flat || !vectors ? 1 : Math.min(1, stats.graph_vectors / vectors);
    const asleep = !flat && !stats.graph_vectors && stats.graph_file_bytes > 0 && !stats.graph_wanted_bytes;
    card('index', flat ? 'flat' : vectors && !asleep ? Figures.share(covered, 1) : '–',
      flat ? 'compares all'
        : stats.graph_vectors ? `in the graph · ${Figures.short(stats.graph_fresh)} fresh`
        : stats.graph_wanted_bytes ? 'no room for a graph: scanned'
        : asleep ? 'graph in the file: searches load it'
        : vectors ? 'no graph yet: scanned' : 'no graph yet', {meter: flat ? 1 : vectors ? covered : 0});
    const [size, unit] = splitUnit(Figures.bytes(stats.file_bytes + stats.log_bytes));
    card('storage', size, stats.file_bytes
      ? `${Figures.bytes(stats.resident_bytes)} resident` : 'in memory only',
      {unit, meter: stats.file_bytes ? 1 - stats.free_bytes / stats.file_bytes : 0});
  }

  async function poll() {
    const patience = () => ({signal: AbortSignal.timeout(PATIENCE_MS)});
    const health = await Server.get('/health', patience()).catch((problem) => {
      if (problem.status === 503 && problem.value && problem.value.status) return problem.value;
      throw problem;
    });
    if (!('vector_count' in health)) {
      setState('token');
      return;
    }
    const [freshStats, metrics] = await Promise.all([
      Server.get('/stats', patience()), Server.get('/metrics', patience())]);
    const now = performance.now();
    stats = freshStats;
    showKind();
    showStats();
    showRates(metrics, now);
    last = {at: now, metrics};
    byId('polled').textContent = `Live: every ${INTERVAL_MS / 1000} seconds`;
    setState(health.status === 'ok' ? 'ok' : 'failed');
    for (const listener of pollListeners) listener();
  }

  /* Polls now and then again and again; a page that nobody sees asks nothing. */
  async function run() {
    clearTimeout(timer);
    if (polling) return;
    polling = true;
    try {
      await poll();
    } catch (problem) {
      if (!(problem instanceof Server.Problem)) throw problem;
      setState(problem.status === 401 ? 'token' : 'unreachable');
    } finally {
      polling = false;
      if (!document.hidden && state !== 'token')
        timer = setTimeout(run, state === 'unreachable' ? RETRY_MS : INTERVAL_MS);
    }
  }

  document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(timer) : run());

  return {
    run,
    current: () => stats,
    state: () => state,
    onState: (listener) => listeners.push(listener),
    onPoll: (listener) => pollListeners.push(listener),
  };
})();
