/* The map: points on a canvas, zoom and movement, hits lit.  Places come from the
   projection; what is on the screen is place * scale + offset. */
const MapView = (() => {
  const NEAR = 12; // pixels at which a pointer touches a point
  const STILL = 5; // pixels that a click may move
  const ZOOM_STEP = 1.5, ZOOM_LEAST = 0.4, ZOOM_MOST = 400;
  let canvas, stage, pen;
  let points = []; // {id, record, x, y, colour, group}
  let hits = []; // likewise, with rank; those of the sample and others
  let query = null; // [x, y]
  let isHit = new Set();
  let fitted = {scale: 1, x: 0, y: 0};
  let view = {...fitted};
  let current = null; // the point under the pointer, or the keyboard's
  let group = null; // of the legend: the others fade
  let queued = false;
  const handlers = {pick() {}, point() {}};

  /* ------------------------------------------------------------ view */

  const toScreen = (point) => [point.x * view.scale + view.x, view.y - point.y * view.scale];

  /* The box of nearly all points: a far outlier must not squeeze the rest together. */
  function extent(values) {
    const sorted = Float64Array.from(values).sort();
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    let low = at(0.005), high = at(0.995);
    const span = high - low;
    if (sorted[0] > low - 0.3 * span) low = sorted[0];
    if (sorted[sorted.length - 1] < high + 0.3 * span) high = sorted[sorted.length - 1];
    return [low, high];
  }

  function fit() {
    const {clientWidth: width, clientHeight: height} = canvas;
    if (!points.length || !width) return;
    const [left, right] = extent(points.map((point) => point.x));
    const [low, high] = extent(points.map((point) => point.y));
    const scale = Math.min((width - 64) / (right - left || 1e-9), (height - 64) / (high - low || 1e-9));
    fitted = {scale: Math.min(scale, 1e9)};
    fitted.x = width / 2 - fitted.scale * (left + right) / 2;
    fitted.y = height / 2 + fitted.scale * (low + high) / 2;
    view = {...fitted};
    draw();
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const scale = Math.min(Math.max(view.scale * factor, fitted.scale * ZOOM_LEAST), fitted.scale * ZOOM_MOST);
    const by = scale / view.scale;
    view = {scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by};
    draw();
  }

  function move(x, y) {
    view.x += x;
    view.y += y;
    draw();
  }

  /* --------------------------------------------------------- drawing */

  function draw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      drawNow();
    });
  }

  function drawGrid(width, height) {
    pen.strokeStyle = Theme.colour('line');
    pen.globalAlpha = 0.5;
    pen.lineWidth = 1;
    pen.beginPath();
    const step = 72, originX = ((view.x % step) + step) % step, originY = ((view.y % step) + step) % step;
    for (let x = originX; x < width; x += step) pen.rect(Math.round(x) + 0.5, 0, 0, height);
    for (let y = originY; y < height; y += step) pen.rect(0, Math.round(y) + 0.5, width, 0);
    pen.stroke();
  }

  const radius = () => Math.min(6, Math.max(2.3, 60 / Math.sqrt(points.length + 60)) * Math.min(2, (view.scale / fitted.scale) ** 0.3));

  /* All points of one colour are one path: thousands of them are one call. */
  function drawPoints(width, height) {
    const size = radius();
    const faded = (point) => group !== null && point.group !== group;
    const batches = new Map();
    for (const point of points) {
      const [x, y] = toScreen(point);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9 || isHit.has(point.id)) continue;
      const key = `${faded(point) ? 0.1 : hits.length ? 0.34 : 0.82} ${point.colour}`;
      if (!batches.has(key)) batches.set(key, new Path2D());
      const path = batches.get(key);
      path.moveTo(x + size, y);
      path.arc(x, y, size, 0, 7);
    }
    for (const [key, path] of batches) {
      const at = key.indexOf(' ');
      pen.globalAlpha = Number(key.slice(0, at));
      pen.fillStyle = key.slice(at + 1);
      pen.fill(path);
    }
  }

  function drawHits() {
    if (query && hits.length <= 200) {
      const from = toScreen({x: query[0], y: query[1]});
      pen.globalAlpha = 0.35;
      pen.strokeStyle = Theme.colour('accent');
      pen.lineWidth = 1;
      pen.beginPath();
      for (const hit of hits) {
        pen.moveTo(...from);
        pen.lineTo(...toScreen(hit));
      }
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = Theme.colour('query');
    for (const hit of [...hits].reverse()) { // the nearest on top
      const [x, y] = toScreen(hit);
      pen.beginPath();
      pen.arc(x, y, Math.max(4, 7 - 0.2 * hit.rank), 0, 7);
      pen.fillStyle = hit.colour;
      pen.fill();
      pen.lineWidth = 1.8;
      pen.stroke();
    }
  }

  function drawQuery() {
    if (!query) return;
    const [x, y] = toScreen({x: query[0], y: query[1]});
    pen.globalAlpha = 1;
    pen.strokeStyle = pen.fillStyle = Theme.colour('accent');
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.arc(x, y, 13, 0, 7);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + 9 * dx, y + 9 * dy);
      pen.lineTo(x + 18 * dx, y + 18 * dy);
    }
    pen.stroke();
  }

  function drawCurrent() {
    if (!current) return;
    const [x, y] = toScreen(current);
    pen.globalAlpha = 1;
    pen.fillStyle = current.colour;
    pen.strokeStyle = Theme.colour('query');
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.fill();
    pen.stroke();
  }

  function drawNow() {
    const {clientWidth: width, clientHeight: height} = canvas;
    const ratio = window.devicePixelRatio || 1;
    const across = Math.round(width * ratio), down = Math.round(height * ratio);
    if (canvas.width !== across || canvas.height !== down) {
      canvas.width = across;
      canvas.height = down;
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!points.length) return;
    drawGrid(width, height);
    drawPoints(width, height);
    drawHits();
    drawQuery();
    drawCurrent();
    canvas.dataset.drawn = `${points.length} ${hits.length} ${query ? 1 : 0}`;
  }

  /* -------------------------------------------------------- pointing */

  function nearest(x, y) {
    let found = null, least = NEAR * NEAR;
    for (const point of [...points, ...hits]) { // a hit is last, so it wins where both are
      if (group !== null && point.group !== group && !point.rank) continue;
      const [px, py] = toScreen(point);
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far <= least) [found, least] = [point, far];
    }
    return found;
  }

  function setCurrent(point, aloud) {
    if (point === current && !aloud) return;
    current = point;
    canvas.classList.toggle('over', Boolean(point));
    Tip.show(point, point && toScreen(point), stage);
    handlers.point(point ? point.id : null);
    if (aloud && point) byId('map-said').textContent = Tip.words(point);
    draw();
  }

  /* The next point in the direction of an arrow key, preferring what lies straight ahead. */
  function step(dx, dy) {
    const from = current ? toScreen(current) : [canvas.clientWidth / 2, canvas.clientHeight / 2];
    let found = null, least = Infinity;
    for (const point of points) {
      const [x, y] = toScreen(point);
      const along = (x - from[0]) * dx + (y - from[1]) * dy;
      const aside = Math.abs((x - from[0]) * dy) + Math.abs((y - from[1]) * dx);
      if (point === current || (current && (along < 0.5 || aside > along * 2))) continue;
      const cost = Math.hypot(along, 2 * aside);
      if (cost < least) [found, least] = [point, cost];
    }
    if (!found) return;
    const [x, y] = toScreen(found);
    const over = (value, size) => value < 30 ? 30 - value : value > size - 30 ? size - 30 - value : 0;
    move(over(x, canvas.clientWidth), over(y, canvas.clientHeight));
    setCurrent(found, true);
  }

  function onKey(event) {
    const keys = {
      ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0),
      ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
      Enter: () => current && handlers.pick(current.id), Escape: () => setCurrent(null),
      '+': () => zoom(ZOOM_STEP), '=': () => zoom(ZOOM_STEP), '-': () => zoom(1 / ZOOM_STEP), 0: fit,
    };
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  function listenToPointers() {
    const down = new Map(); // of each finger: where it is
    let moved = 0, tapped = null;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener('pointerdown', (event) => {
      if (event.pointerType === 'mouse' && event.button) return;
      down.set(event.pointerId, place(event));
      moved = down.size > 1 ? Infinity : 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      const now = place(event), before = down.get(event.pointerId);
      if (!before) {
        if (event.pointerType === 'mouse') setCurrent(nearest(...now));
        return;
      }
      moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (down.size === 2) {
        const other = [...down].find(([id]) => id !== event.pointerId)[1];
        const apart = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
        zoom(apart(now) / (apart(before) || 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else if (moved > STILL) {
        canvas.classList.add('drag');
        setCurrent(null);
        move(now[0] - before[0], now[1] - before[1]);
      }
      if (down.size === 2 || moved > STILL) down.set(event.pointerId, now);
    });
    const up = (event) => {
      if (!down.delete(event.pointerId)) return;
      canvas.classList.remove('drag');
      if (moved > STILL || event.type !== 'pointerup') return;
      const point = nearest(...place(event));
      setCurrent(point);
      // a finger cannot hover: the first tap tells what it is, the second searches
      if (point && (event.pointerType === 'mouse' || tapped === point.id)) handlers.pick(point.id);
      tapped = point && point.id;
    };
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', up);
    canvas.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && setCurrent(null));
    // the wheel scrolls the page, unless one is at work on the map
    canvas.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...place(event));
    }, {passive: false});
  }

  /* --------------------------------------------------------- outside */

  function describe() {
    canvas.setAttribute('aria-label', points.length
      ? `Map of ${Figures.whole(points.length)} stored vectors${hits.length ? `, ${Figures.whole(hits.length)} hits lit` : ''}`
      : 'Map of the stored vectors: empty');
  }

  function start({onPick, onPoint}) {
    canvas = byId('canvas');
    stage = byId('stage');
    pen = canvas.getContext('2d');
    Object.assign(handlers, {pick: onPick, point: onPoint});
    listenToPointers();
    canvas.addEventListener('keydown', onKey);
    canvas.addEventListener('blur', () => setCurrent(null));
    byId('zoom-in').addEventListener('click', () => zoom(ZOOM_STEP));
    byId('zoom-out').addEventListener('click', () => zoom(1 / ZOOM_STEP));
    byId('zoom-fit').addEventListener('click', fit);
    let width = 0, height = 0;
    new ResizeObserver(() => {
      if (canvas.clientWidth === width && canvas.clientHeight === height) return;
      [width, height] = [canvas.clientWidth, canvas.clientHeight];
      fit();
    }).observe(canvas);
  }

  function setPoints(next) {
    points = next;
    group = null;
    setCurrent(null);
    canvas.dataset.drawn = '';
    fit();
    describe();
    draw();
  }

  function setHits(next, place) {
    hits = next;
    query = place;
    isHit = new Set(hits.map((hit) => hit.id));
    setCurrent(null);
    describe();
    draw();
  }

  return {
    start, setPoints, setHits, draw,
    setGroup(next) {
      group = next;
      draw();
    },
    /* The point of an id that is pointed at elsewhere. */
    light(id) {
      const point = id === null ? null : hits.find((hit) => hit.id === id) || null;
      if (point === current) return;
      current = point;
      draw();
    },
    /* Where a place of the projection is, in pixels of the canvas. */
    placeOf(x, y) {
      const [left, top] = toScreen({x, y});
      return {x: left, y: top};
    },
    points: () => points,
    hits: () => hits,
  };
})();
