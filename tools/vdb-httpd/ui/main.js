/* What belongs together: the token's gate, the sample and its map, the search and its hits. */
(() => {
  const SIZES = [500, 1000, 2000, 5000];
  const SIZE = 2000;
  const SEED = 20240229;
  let taking = null; // the work on a sample
  let busy = false; // it goes on
  let seed = SEED;
  let sampled = null; // {records, fields, plane, at}
  let found = null; // the last search

  /* ------------------------------------------------------------- map */

  function showMapState(...children) {
    byId('map-state').replaceChildren(...children);
  }

  function showProgress(text, share) {
    showMapState(make('span', {}, text), make('progress', {max: 1, value: share, 'aria-label': text}));
  }

  function showEmpty() {
    const {dimension} = Status.current();
    const vector = `[${Array(Math.min(dimension || 3, 3)).fill('0.1').join(', ')}${dimension > 3 ? ', …' : ''}]`;
    MapView.setPoints([]);
    showMapState(make('div', {class: 'start'},
      make('h3', {}, 'This database is empty'),
      make('p', {}, 'Store vectors, and they appear here by themselves.'),
      make('pre', {}, `curl ${location.origin}/vectors \\\n  -H 'Content-Type: application/json' \\\n  -d '{"id": "first", "vector": ${vector}, "metadata": {"kind": "example"}}'`),
      make('pre', {}, 'vdbtool import app.vdb vectors.csv    # while the server is stopped')));
    byId('sample-note').textContent = '';
    byId('legend').replaceChildren();
  }

  /* Of points and hits: colour, group and, for hits that the sample has not, the place. */
  function recolour() {
    if (!sampled) return;
    const field = sampled.fields.get(byId('colour').value);
    const colouring = Fields.colouring(field, Theme.isDark());
    for (const point of [...MapView.points(), ...MapView.hits()]) {
      point.colour = colouring.colourOf(point.record);
      point.group = colouring.groupOf(point.record);
    }
    Legend.show(colouring);
    MapView.setGroup(null);
  }

  function showColourFields(points) {
    const before = byId('colour').value;
    const usable = [...sampled.fields.values()].filter((field) => field.kind !== 'null');
    byId('colour').replaceChildren(make('option', {value: ''}, 'one colour'),
      ...usable.map((field) => make('option', {value: field.path}, field.path)));
    byId('colour').value = sampled.fields.has(before) ? before : Fields.best(sampled.fields, points);
  }

  function showSampleNote(reach) {
    const {vectors} = Status.current();
    const count = sampled.records.length;
    const axes = sampled.plane.shares.map((share) => Figures.share(share, 1));
    const which = count >= vectors ? `All ${Figures.whole(count)} vectors` : `A sample: ${Figures.whole(count)} of ${Figures.whole(vectors)} vectors`;
    const from = reach < vectors && count < vectors ? ` (of the first ${Figures.whole(reach)} ids)` : '';
    byId('sample-note').textContent = `${which}${from} · two principal components, ${axes[0]} and ${axes[1]} of the variance`;
  }

  async function takeSample() {
    if (taking) taking.abort();
    const {signal} = taking = new AbortController();
    const stats = Status.current();
    if (!stats.vectors) {
      showEmpty();
      return;
    }
    busy = true;
    try {
      if (!MapView.points().length) showProgress('Reading a sample', 0);
      const {records, reach} = await Sample.take(Number(byId('sample-size').value), stats, seed, signal,
        (share) => MapView.points().length || showProgress('Reading a sample', share));
      if (!records.length) {
        showMapState('The sample is gone: the vectors have been replaced meanwhile.');
        return;
      }
      if (!MapView.points().length) showProgress('Finding the plane', 1);
      const plane = await Projection.fit(records.map((record) => record.vector), {unit: stats.metric === 'cosine', signal});
      sampled = {records, plane, fields: Fields.survey(records), vectors: stats.vectors, dimension: stats.dimension};
      showMapState();
      const points = records.map((record, i) => ({id: record.id, record, x: plane.places[i][0], y: plane.places[i][1]}));
      showColourFields(points);
      Filter.setFields(sampled.fields, byId('colour').value);
      MapView.setPoints(points);
      recolour();
      showSampleNote(reach);
      showHits();
      if (!found) showTries();
    } catch (problem) {
      if (problem.name !== 'AbortError') showMapState(problem.message);
    } finally {
      if (taking.signal === signal) busy = false;
    }
  }

  const randomId = () => sampled.records[Math.floor(Math.random() * sampled.records.length)].id;

  function showTries() {
    const some = sampled ? [0.13, 0.41, 0.62, 0.87].map((share) => sampled.records[Math.floor(share * sampled.records.length)]) : [];
    Results.showStart([...new Set(some)]);
  }

  /* ------------------------------------------------------------ hits */

  function showHits() {
    if (!found || !sampled) {
      MapView.setHits([], null);
      return;
    }
    const known = new Map(MapView.points().map((point) => [point.id, point]));
    const fits = (vector) => vector && vector.length === sampled.dimension;
    const hits = found.hits.filter((hit) => known.has(hit.id) || fits(hit.record.vector));
    for (const hit of hits) {
      const [x, y] = fits(hit.record.vector) ? sampled.plane.project(hit.record.vector)
        : [known.get(hit.id).x, known.get(hit.id).y];
      Object.assign(hit, {x, y});
    }
    MapView.setHits(hits, fits(found.vector) ? sampled.plane.project(found.vector) : null);
    recolour();
  }

  function showFound(next) {
    found = next;
    Results.show(found.hits, found.explain, found.roundTrip, found.id);
    showHits();
    const title = byId('results-title').getBoundingClientRect();
    if (title.top > window.innerHeight || title.bottom < 0) // on a phone the map, then the list
      byId('stage').closest('.panel').scrollIntoView({block: 'start',
        behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
  }

  /* ------------------------------------------------------------ gate */

  const ACCESS = {
    open: ['', ''],
    read: ['Read-only token', 'The token allows reading and searching, which is all that this page does. Click to forget it.'],
    full: ['Full token', 'The token allows writing too; this page only reads. Click to forget it.'],
  };

  async function showAccess() {
    const access = await Server.access().catch(() => 'open');
    const [text, title] = ACCESS[access];
    const button = byId('access');
    showText(button, text);
    button.title = title;
    button.dataset.access = access;
  }

  function forgetToken() {
    Server.setToken('');
    location.reload();
  }

  async function submitToken(event) {
    event.preventDefault();
    const text = byId('token').value.trim();
    if (!Server.mayBeToken(text)) {
      showText(byId('gate-error'), 'A token has 22 to 512 visible characters.');
      return;
    }
    showText(byId('gate-error'), '');
    Server.setToken(text);
    await Status.run();
    if (Status.state() === 'token') refuseToken();
  }

  function refuseToken() {
    showText(byId('gate-error'), 'The server does not know this token.');
    Server.setToken('');
    byId('token').select();
  }

  function showGate() {
    byId('gate').hidden = false;
    byId('main').hidden = true;
    byId('access').hidden = true;
    byId('kind').replaceChildren();
    byId('token').value = '';
    byId('token').focus();
    if (Server.hasToken()) refuseToken(); // it was right once
  }

  async function showMain() {
    byId('gate').hidden = true;
    byId('main').hidden = false;
    showAccess();
    if (!sampled || sampled.dimension !== Status.current().dimension) takeSample();
    const version = await Server.get('/version').catch(() => null);
    if (version) byId('version').textContent = `vdb-httpd ${version['vdb-httpd']}, libvdb ${version.libvdb}`;
  }

  /* An empty database that gets vectors, or a full one that loses all. */
  function noticeGrowth() {
    const {vectors} = Status.current();
    const shown = sampled ? sampled.vectors : 0;
    if (byId('main').hidden || busy || (shown === 0) === (vectors === 0)) return;
    sampled = null;
    takeSample();
  }

  function start() {
    byId('origin').textContent = location.host;
    byId('filter-box').open = innerWidth > 820; // on a phone it would push the map away
    Theme.start();
    Theme.onChange(recolour);
    Theme.onChange(() => found || showTries());
    Theme.onChange(MapView.draw);
    byId('sample-size').replaceChildren(...SIZES.map((size) =>
      make('option', {value: size, selected: size === SIZE}, Figures.whole(size))));
    MapView.start({onPick: Search.likeId, onPoint: Results.light});
    Results.start({onLike: Search.likeId, onPoint: MapView.light});
    IdField.start();
    Filter.start(() => Search.wasDone() && Search.run());
    Search.start({onFound: showFound, onClear() {
      found = null;
      showHits();
      recolour();
      showTries();
    }});
    byId('dice').addEventListener('click', () => sampled && Search.likeId(randomId()));
    byId('colour').addEventListener('change', recolour);
    byId('sample-size').addEventListener('change', takeSample);
    byId('resample').addEventListener('click', () => {
      seed++;
      takeSample();
    });
    byId('gate-form').addEventListener('submit', submitToken);
    byId('access').addEventListener('click', forgetToken);
    Status.onState((state) => {
      if (state === 'token') showGate();
      else if (state === 'ok' || state === 'failed') showMain();
    });
    Status.onPoll(noticeGrowth);
    showTries();
    Status.run();
  }

  start();
})();
