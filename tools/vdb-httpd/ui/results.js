/* The hits of a search as a list, and how the server found them. */
const Results = (() => {
  const AT_ONCE = 50;
  const PAIRS = 6;
  const LONG = 90; // characters of a value
  let shown = 0, hits = [], queryId = null, onLike = () => {}, onPoint = () => {};

  /* How long the bar of a distance is: from nothing at the query to the farthest hit. */
  function barOf(distance) {
    const all = hits.map((hit) => hit.distance);
    const most = Math.max(...all), least = Math.min(0, ...all);
    const from = least < 0 ? Math.min(...all) : 0; // a negated dot product: from the best
    return most > from ? Math.max(0, (distance - from) / (most - from)) : 0;
  }

  /* A sentence says more than a figure: the longest text has a line of its own. */
  function sayingOf(pairs) {
    const texts = pairs.filter(([, value]) => typeof value === 'string' && value.length > 32);
    return texts.reduce((a, b) => a && a[1].length >= b[1].length ? a : b, null);
  }

  function pairsOf(hit) {
    const saying = sayingOf([...hit.record.flat]);
    const pairs = [...hit.record.flat].filter(([path]) => !saying || path !== saying[0]);
    const row = make('div', {class: 'pairs'}, ...pairs.slice(0, PAIRS).map(([path, value]) => {
      const text = Tip.text(value);
      return make('span', {}, make('em', {}, path), text.length > LONG ? `${text.slice(0, LONG)}…` : text);
    }));
    const cut = pairs.length > PAIRS || pairs.some(([, value]) => Tip.text(value).length > LONG);
    return [saying && make('p', {class: 'hit-text', title: saying[0]}, saying[1]), row, cut && make('details', {}, make('summary', {}, 'All metadata'),
      make('pre', {}, JSON.stringify(hit.record.metadata, (key, value) => typeof value === 'bigint' ? String(value) : value, 2)))];
  }

  function row(hit) {
    const bar = make('i');
    bar.style.width = `${100 * barOf(hit.distance)}%`;
    const print = hit.record.vector && make('canvas', {class: 'print', 'aria-hidden': 'true', title: 'The vector as a picture'});
    if (print) Tip.drawVector(print, hit.record.vector);
    return make('li', {onpointerenter: () => onPoint(hit.id), onpointerleave: () => onPoint(null)},
      make('span', {class: 'rank'}, String(hit.rank)),
      print || make('span'),
      make('div', {class: 'hit-head'},
        make('span', {class: 'hit-id'}, hit.id, hit.id === queryId && make('span', {class: 'self'}, 'the query')),
        make('div', {class: 'distance'}, make('b', {title: `distance ${hit.distance}`}, Figures.distance(hit.distance)), make('span', {class: 'bar', 'aria-hidden': 'true'}, bar))),
      make('button', {class: 'like', type: 'button', 'aria-label': `Search like ${hit.id}`, onclick: () => onLike(hit.id)}, 'Like this'),
      make('div', {class: 'hit-data'}, ...pairsOf(hit)));
  }

  function showMore() {
    byId('hits').append(...hits.slice(shown, shown + AT_ONCE).map(row));
    shown = Math.min(hits.length, shown + AT_ONCE);
    byId('more').hidden = shown === hits.length;
    byId('more').textContent = `Show more: ${Figures.whole(hits.length - shown)} are left`;
  }

  function showExplanation(explain, roundTrip) {
    const panel = byId('explain');
    panel.hidden = !explain;
    if (!explain) return;
    const how = {graph: 'Walked the graph', scan: 'Compared one by one', none: 'Nothing to compare'}[explain.strategy] || explain.strategy;
    const filled = make('i');
    filled.style.width = `${explain.live ? Math.min(100, 100 * explain.distances / explain.live) : 0}%`;
    const filtered = explain.matches !== explain.live;
    const fact = (name, value, rest) => make('div', {}, make('dt', {}, name), make('dd', {}, value, rest ? make('small', {}, ` ${rest}`) : ''));
    panel.replaceChildren(
      make('p', {}, make('strong', {}, `${how}: `), explain.reason || '–'),
      make('div', {class: 'meter', 'aria-hidden': 'true'}, filled),
      make('dl', {},
        fact('distances', Figures.short(explain.distances), `${Figures.share(explain.distances, explain.live)} of all`),
        fact('candidates', Figures.short(explain.matches), filtered ? Figures.share(explain.matches, explain.live) : ''),
        explain.ef > 0 && fact('ef', Figures.whole(explain.ef)),
        filtered && fact('filter', Figures.microseconds(explain.filter_ns / 1000)),
        fact('search', Figures.microseconds(explain.search_ns / 1000)),
        fact('round trip', Figures.microseconds(roundTrip * 1000))));
  }

  /* What stands there before a search: some records to begin with. */
  function showStart(records) {
    byId('hits').replaceChildren();
    byId('more').hidden = byId('explain').hidden = true;
    byId('results-note').textContent = '';
    byId('results-empty').replaceChildren(
      make('h3', {}, 'Find what is near'),
      'Search for a stored id or a vector, or click a point of the map.',
      make('div', {class: 'tries'}, ...records.map(({id, vector}) => {
        const print = make('canvas', {class: 'print', 'aria-hidden': 'true'});
        Tip.drawVector(print, vector);
        return make('button', {type: 'button', title: id, onclick: () => onLike(id)}, print, make('span', {}, id));
      })));
  }

  function show(found, explain, roundTrip, id) {
    hits = found;
    queryId = id;
    shown = 0;
    byId('hits').replaceChildren();
    byId('results-empty').replaceChildren(...(hits.length ? [] : [make('h3', {}, 'Nothing found'), explain && explain.live ? 'No vector passes the filter.' : 'The database is empty.']));
    byId('results-note').textContent = `${Figures.whole(hits.length)} hit${hits.length === 1 ? '' : 's'}${id === null ? ' near the vector' : ` like ${id}`}`;
    showExplanation(explain, roundTrip);
    showMore();
  }

  /* The hit of a point of the map. */
  function light(id) {
    [...byId('hits').children].forEach((item, i) => item.classList.toggle('lit', hits[i].id === id));
  }

  function redrawPrints() {
    byId('hits').querySelectorAll('canvas').forEach((canvas, i) => Tip.drawVector(canvas, hits[i].record.vector));
  }

  function start({onLike: like, onPoint: point}) {
    onLike = like;
    onPoint = point;
    byId('more').addEventListener('click', showMore);
    Theme.onChange(redrawPrints);
  }

  return {start, show, showStart, light};
})();
