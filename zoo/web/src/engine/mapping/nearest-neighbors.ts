/** Exact nearest neighbors among the points of a reference. */

const BLOCK = 16; // dimensions between two comparisons with the farthest neighbor so far

export interface Neighbors {
  k: number;
  /** Indices of the points, nearest first, (n, k). */
  indices: Int32Array;
  /** Euclidean distances, (n, k). */
  distances: Float32Array;
}

/**
 * Find the `k` nearest points of each cell; ties go to the first points of the reference.
 *
 * A point is left as soon as its first dimensions alone are farther away than the k-th nearest point so far.
 *
 * @param embedding Embedding of the cells, (n, n_latent).
 * @param points Embedding of the points, (m, n_latent).
 */
export function findNearestNeighbors(
  embedding: Float32Array,
  points: Float64Array,
  nLatent: number,
  k: number,
): Neighbors {
  const [n, m] = [embedding.length / nLatent, points.length / nLatent];
  k = Math.min(k, m);
  const indices = new Int32Array(n * k);
  const distances = new Float32Array(n * k);
  const cell = new Float64Array(nLatent);
  const [nearest, squares] = [new Int32Array(k), new Float64Array(k)];
  for (let row = 0; row < n; row++) {
    cell.set(embedding.subarray(row * nLatent, (row + 1) * nLatent));
    let found = 0;
    let limit = Infinity;
    for (let point = 0; point < m; point++) {
      const square = squaredDistance(cell, points, point * nLatent, limit);
      if (square >= limit) continue;
      let at = found < k ? found++ : k - 1;
      for (; at > 0 && squares[at - 1] > square; at--) {
        squares[at] = squares[at - 1];
        nearest[at] = nearest[at - 1];
      }
      squares[at] = square;
      nearest[at] = point;
      if (found === k) limit = squares[k - 1];
    }
    indices.set(nearest, row * k);
    for (let at = 0; at < k; at++) distances[row * k + at] = Math.sqrt(squares[at]);
  }
  return { k, indices, distances };
}

/** Return the squared distance of a cell and a point; of the first dimensions alone if these reach the limit. */
function squaredDistance(cell: Float64Array, points: Float64Array, start: number, limit: number): number {
  let sum = 0;
  for (let low = 0; low < cell.length; low += BLOCK) {
    const high = Math.min(low + BLOCK, cell.length);
    for (let at = low; at < high; at++) {
      const difference = cell[at] - points[start + at];
      sum += difference * difference;
    }
    if (sum >= limit) return sum;
  }
  return sum;
}
