/* What fields the metadata of a sample have, and how to colour points by one. */
const Fields = (() => {
  const LEVELS = 6; // of objects in objects that are looked into
  const CATEGORIES = 10; // with a colour of their own
  const PALETTES = {
    light: ['#3f6fe8', '#ee8322', '#22a06b', '#dd4b63', '#8257d9', '#10a3b8', '#cf4aa3', '#9a7440', '#93a513', '#6b7280'],
    dark: ['#74a2ff', '#ffab57', '#4fd198', '#ff7d8e', '#b294ff', '#3fd0e6', '#f58bd3', '#d3ae73', '#d0dd4c', '#9aa6b8'],
  };
  const OTHER = {light: '#b4bac6', dark: '#566073'};
  const RAMPS = { // of equal steps to the eye
    light: ['#fcc46a', '#f58a5c', '#d9536f', '#9c3587', '#5b2a86', '#241a5c'],
    dark: ['#3b2a8c', '#7a3aa8', '#bd4a94', '#ea6a6c', '#fba55a', '#fdea8f'],
  };

  /* The paths and values of one object, as filters name them; an array is one value. */
  function* pathsOf(object, before = '', level = 0) {
    for (const [key, value] of Object.entries(object)) {
      const path = before + key;
      if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
        if (level < LEVELS) yield* pathsOf(value, `${path}.`, level + 1);
      } else {
        yield [path, value];
      }
    }
  }

  function kindOf(value) {
    if (Array.isArray(value)) return 'list';
    return {number: 'number', bigint: 'number', boolean: 'flag', string: 'text'}[typeof value] || 'null';
  }

  /* Of records [{metadata}, ...]: a Map from each path to {path, kind, count, distinct},
     where `distinct` counts each value (of a list: each element). */
  function survey(records) {
    const fields = new Map();
    for (const record of records) {
      record.flat = new Map();
      for (const [path, value] of record.metadata ? pathsOf(record.metadata) : []) {
        if (record.flat.has(path)) continue; // a key with a dot was there first
        record.flat.set(path, value);
        const kind = kindOf(value);
        if (!fields.has(path)) fields.set(path, {path, kind, count: 0, distinct: new Map()});
        const field = fields.get(path);
        if (field.kind === 'null') field.kind = kind;
        else if (kind !== field.kind && kind !== 'null') field.kind = 'mixed';
        field.count++;
        for (const one of Array.isArray(value) ? value : [value])
          field.distinct.set(one, (field.distinct.get(one) || 0) + 1);
      }
    }
    return fields;
  }

  const byCount = (field) => [...field.distinct].sort((a, b) => b[1] - a[1]);

  /* How much of the spread on the map lies between a field's values: 0 to 1. */
  function separation(field, points) {
    const groups = new Map();
    const mean = [0, 0];
    for (const point of points) {
      const value = point.record.flat.get(field.path);
      if (!groups.has(value)) groups.set(value, [0, 0, 0]);
      const group = groups.get(value);
      group[0] += point.x;
      group[1] += point.y;
      group[2]++;
      mean[0] += point.x / points.length;
      mean[1] += point.y / points.length;
    }
    let between = 0, all = 0;
    for (const [x, y, count] of groups.values())
      between += count * ((x / count - mean[0]) ** 2 + (y / count - mean[1]) ** 2);
    for (const point of points)
      all += (point.x - mean[0]) ** 2 + (point.y - mean[1]) ** 2;
    return all ? between / all : 0;
  }

  /* The field that explains the map best among those of few values; '' when there is none. */
  function best(fields, points) {
    let chosen = '', most = -1;
    for (const field of fields.values()) {
      const few = field.distinct.size >= 2 && field.distinct.size <= (field.kind === 'number' ? CATEGORIES : 2 * CATEGORIES);
      if (!['text', 'number', 'flag'].includes(field.kind) || !few || field.count < points.length / 2) continue;
      // of equals, words say more in a legend than numbers do
      const score = separation(field, points) + (field.kind === 'text' ? 0.01 : 0);
      if (score > most) [chosen, most] = [field.path, score];
    }
    if (chosen) return chosen;
    for (const field of fields.values()) if (field.kind === 'number') return field.path;
    return '';
  }

  function mixRamp(ramp, t) {
    const place = Math.min(Math.max(t, 0), 1) * (ramp.length - 1);
    const at = Math.min(Math.floor(place), ramp.length - 2);
    const part = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
    return `rgb(${[0, 1, 2].map((i) => Math.round(part(ramp[at], i) * (1 - place + at) + part(ramp[at + 1], i) * (place - at))).join(' ')})`;
  }

  function byNumber(field, theme) {
    const sorted = [...field.distinct].flatMap(([value, count]) => Array(count).fill(Number(value))).sort((a, b) => a - b);
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const low = at(0.02), high = at(0.98); // an outlier must not take all colours
    const ramp = RAMPS[theme];
    const missing = OTHER[theme];
    return {
      kind: 'number', low, high,
      gradient: `linear-gradient(90deg, ${ramp.join(', ')})`,
      groupOf: () => 0,
      colourOf(record) {
        const value = record.flat.get(field.path);
        return kindOf(value) === 'number' ? mixRamp(ramp, high > low ? (Number(value) - low) / (high - low) : 0.5) : missing;
      },
    };
  }

  function byCategory(field, theme) {
    const sorted = byCount(field);
    const own = sorted.length > CATEGORIES ? CATEGORIES - 1 : sorted.length;
    const places = new Map(sorted.slice(0, own).map(([value], i) => [value, i]));
    const groups = sorted.slice(0, own).map(([value, count], i) =>
      ({label: value === '' ? '(empty)' : String(value), count, colour: PALETTES[theme][i]}));
    const rest = sorted.slice(own).reduce((sum, [, count]) => sum + count, 0);
    if (rest) groups.push({label: `${sorted.length - own} more`, count: rest, colour: OTHER[theme]});
    groups.push({label: '(none)', count: 0, colour: OTHER[theme]});
    const restAt = own, noneAt = groups.length - 1;
    const groupOf = (record) => {
      let value = record.flat.get(field.path);
      if (Array.isArray(value)) value = value[0];
      return value === undefined ? noneAt : places.get(value) ?? (rest ? restAt : noneAt);
    };
    return {kind: 'category', groups, groupOf, colourOf: (record) => groups[groupOf(record)].colour};
  }

  /* How to colour by `field` (or by none): {kind, groupOf(record), colourOf(record), ...}. */
  function colouring(field, dark) {
    const theme = dark ? 'dark' : 'light';
    if (!field) return {kind: 'none', groupOf: () => 0, colourOf: () => PALETTES[theme][0]};
    if (field.kind === 'number' && field.distinct.size > CATEGORIES) return byNumber(field, theme);
    return byCategory(field, theme);
  }

  return {survey, byCount, best, colouring, kindOf};
})();
