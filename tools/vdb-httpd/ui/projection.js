/* Principal components: the plane in which the sample spreads most, by orthogonal
   iteration, which is power iteration of several directions at once. */
const Projection = (() => {
  const ROUNDS = 80;
  const STILL = 1e-5; // the directions have settled: 1 - cosine to the round before
  const SLICE_MS = 24; // then the page may draw

  const pause = () => new Promise((resolve) => setTimeout(resolve));

  function dot(a, b) {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
  }

  /* Gram and Schmidt; a direction of nothing stays zero. */
  function orthonormalise(directions) {
    directions.forEach((direction, i) => {
      for (const before of directions.slice(0, i)) {
        const along = dot(direction, before);
        for (let j = 0; j < direction.length; j++) direction[j] -= along * before[j];
      }
      const length = Math.sqrt(dot(direction, direction));
      for (let j = 0; j < direction.length; j++) direction[j] = length > 1e-12 ? direction[j] / length : 0;
    });
  }

  function meanOf(rows, dimension) {
    const mean = new Float64Array(dimension);
    for (const row of rows)
      for (let j = 0; j < dimension; j++) mean[j] += row[j] / rows.length;
    return mean;
  }

  /* Of equal length: under cosine only the direction counts. */
  function scaled(vector, unit) {
    if (!unit) return vector;
    const length = Math.sqrt(dot(vector, vector)) || 1;
    return vector.map((value) => value / length);
  }

  /* Covariance times each direction, without making the covariance. */
  async function multiply(rows, mean, directions) {
    const products = directions.map((direction) => new Float64Array(direction.length));
    const atMean = directions.map((direction) => dot(mean, direction));
    let begun = performance.now();
    for (const row of rows) {
      directions.forEach((direction, i) => {
        const along = dot(row, direction) - atMean[i];
        const product = products[i];
        for (let j = 0; j < row.length; j++) product[j] += along * (row[j] - mean[j]);
      });
      if (performance.now() - begun > SLICE_MS) {
        await pause();
        begun = performance.now();
      }
    }
    return products;
  }

  /* The plane of the rows: project(vector) gives its [x, y]; `shares` is how much of the
     variance each axis has.  `signal` ends the work. */
  async function fit(vectors, {unit, signal}) {
    const dimension = vectors[0].length;
    const rows = vectors.map((vector) => scaled(vector, unit));
    const mean = meanOf(rows, dimension);
    const count = Math.min(2, dimension);
    // any beginning will do that is not at right angles to what is sought
    let axes = Array.from({length: count}, (_, i) =>
      Float64Array.from({length: dimension}, (_, j) => Math.sin(1 + j * (1.7 + i) + i)));
    orthonormalise(axes);
    for (let round = 0; round < ROUNDS; round++) {
      const next = await multiply(rows, mean, axes);
      signal.throwIfAborted();
      orthonormalise(next);
      const moved = Math.max(...next.map((axis, i) => 1 - Math.abs(dot(axis, axes[i]))));
      axes = next;
      if (moved < STILL) break;
    }
    for (const axis of axes) { // which of the two signs is a matter of taste: always the same
      const largest = axis.reduce((a, b) => Math.abs(b) > Math.abs(a) ? b : a, 0);
      if (largest < 0) axis.forEach((value, j) => { axis[j] = -value; });
    }
    const centred = axes.map((axis) => dot(mean, axis));
    const project = (vector) => {
      const row = scaled(vector, unit);
      return [0, 1].map((i) => axes[i] ? dot(row, axes[i]) - centred[i] : 0);
    };
    let total = 0;
    for (const row of rows)
      for (let j = 0; j < dimension; j++) total += (row[j] - mean[j]) ** 2;
    const places = vectors.map(project);
    const shares = [0, 1].map((i) => total ? places.reduce((sum, place) => sum + place[i] ** 2, 0) / total : 0);
    return {project, places, shares};
  }

  return {fit};
})();
