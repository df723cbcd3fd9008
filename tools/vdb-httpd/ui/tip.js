/* What a point is: a box beside it, and the same in words.  And a vector as a picture. */
const Tip = (() => {
  const PAIRS = 6;

  const text = (value) => Array.isArray(value) && value.every((one) => typeof one !== 'object')
    ? value.map(text).join(', ')
    : typeof value === 'object' && value !== null
    ? JSON.stringify(value, (key, inner) => typeof inner === 'bigint' ? String(inner) : inner)
    : typeof value === 'number' ? Figures.plain(value) : String(value);

  function words(point) {
    const pairs = [...point.record.flat].slice(0, PAIRS).map(([path, value]) => `${path}: ${text(value)}`);
    return [point.rank ? `hit ${point.rank}` : '', point.id, ...pairs].filter(Boolean).join(', ');
  }

  /* Beside the point, and within the stage. */
  function place(tip, [x, y], stage) {
    const {clientWidth: width, clientHeight: height} = stage;
    const left = x + 16 + tip.offsetWidth < width ? x + 16 : x - 16 - tip.offsetWidth;
    tip.style.left = `${Math.min(Math.max(left, 6), Math.max(6, width - tip.offsetWidth - 6))}px`;
    tip.style.top = `${Math.min(Math.max(y - tip.offsetHeight / 2, 6), Math.max(6, height - tip.offsetHeight - 6))}px`;
  }

  function show(point, at, stage) {
    const tip = byId('tip');
    tip.hidden = !point;
    if (!point) return;
    const list = make('dl');
    for (const [path, value] of [...point.record.flat].slice(0, PAIRS))
      list.append(make('dt', {}, path), make('dd', {}, text(value)));
    const print = point.record.vector && make('canvas', {class: 'print', 'aria-hidden': 'true'});
    if (print) drawVector(print, point.record.vector);
    const more = point.record.flat.size - PAIRS;
    tip.replaceChildren(
      make('div', {class: 'tip-top'}, print, make('b', {}, point.id)), list,
      make('p', {}, `${more > 0 ? `${more} more. ` : ''}${point.rank ? `Hit ${point.rank}, distance ${Figures.distance(point.distance)}. ` : ''}Click: search like this`));
    place(tip, at, stage);
  }

  /* The numbers in rows of a square; of pictures it is the picture.  Only above zero: dark
     to light; of both signs: two colours. */
  function drawVector(canvas, vector) {
    const side = Math.ceil(Math.sqrt(vector.length)), down = Math.ceil(vector.length / side);
    const low = vector.reduce((a, b) => Math.min(a, b), 0), high = vector.reduce((a, b) => Math.max(a, b), 0);
    const most = Math.max(-low, high) || 1;
    const paper = Theme.channels(Theme.colour('raised'));
    const plus = Theme.channels(Theme.colour(low < 0 ? 'accent' : 'ink')), minus = Theme.channels('#f08a24');
    canvas.width = side;
    canvas.height = down;
    const pen = canvas.getContext('2d');
    const picture = pen.createImageData(side, down);
    for (let i = 0; i < side * down; i++) {
      const value = i < vector.length ? vector[i] / most : 0;
      const ink = value < 0 ? minus : plus;
      for (let channel = 0; channel < 3; channel++)
        picture.data[4 * i + channel] = paper[channel] + (ink[channel] - paper[channel]) * Math.abs(value);
      picture.data[4 * i + 3] = 255;
    }
    pen.putImageData(picture, 0, 0);
  }

  return {show, words, text, drawVector};
})();
