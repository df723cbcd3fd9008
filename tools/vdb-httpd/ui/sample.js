/* A sample of the stored vectors, by the endpoints that everybody has: ids from
   GET /vectors, records from POST /vectors/get. */
const Sample = (() => {
  const PAGE = 100000; // ids of one request, the most that the server gives
  const PAGES = 10; // more ids than these are not looked at
  const FLOATS_AT_ONCE = 200000; // of one request for records: some MB of JSON
  const FLOATS_MOST = 6000000; // of all: what a page may hold

  /* The same numbers each time, so that a page that is loaded again shows the same map. */
  function generator(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /* `wanted` of the ids, one of each of as many equal stretches of their order. */
  async function chooseIds(wanted, count, seed, signal) {
    const random = generator(seed);
    const reach = Math.min(count, PAGE * PAGES);
    const size = Math.min(wanted, reach);
    const places = Array.from({length: size}, (_, i) =>
      size === reach ? i : Math.floor((i + random()) * reach / size));
    const chosen = [];
    let after = null, seen = 0, next = 0;
    while (next < places.length) {
      const limit = Math.min(PAGE, reach - seen);
      const page = await Server.get(`/vectors?limit=${limit}${after === null ? '' : `&after=${encodeURIComponent(after)}`}`, {signal});
      for (; next < places.length && places[next] < seen + page.length; next++)
        chosen.push(page[places[next] - seen]);
      seen += page.length;
      if (page.length < limit || seen >= reach) break;
      after = page[page.length - 1];
    }
    return {ids: chosen, reach: seen};
  }

  /* The records of the ids, their vectors as float32; those gone meanwhile are left out. */
  async function fetchRecords(ids, dimension, signal, onProgress) {
    const step = Math.max(1, Math.min(500, Math.floor(FLOATS_AT_ONCE / dimension)));
    const records = [];
    for (let at = 0; at < ids.length; at += step) {
      const some = await Server.post('/vectors/get', {ids: ids.slice(at, at + step)}, {signal});
      for (const record of some)
        if (record && record.dimension === dimension)
          records.push({id: record.id, metadata: record.metadata, vector: Float32Array.from(record.vector)});
      onProgress((at + step) / ids.length);
    }
    return records;
  }

  /* {records, reach}: `reach` of the ids were looked at to choose from. */
  async function take(wanted, stats, seed, signal, onProgress) {
    const most = Math.max(2, Math.floor(FLOATS_MOST / stats.dimension));
    const {ids, reach} = await chooseIds(Math.min(wanted, most), stats.vectors, seed, signal);
    const records = await fetchRecords(ids, stats.dimension, signal, onProgress);
    return {records, reach};
  }

  return {take};
})();
