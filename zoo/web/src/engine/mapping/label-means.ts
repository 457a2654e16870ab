/** Means of labels: where the cells of each label lie on average. */
import type { Reference } from "../space/reference";

const MIN_NORM = 1e-6;

export class LabelMeans {
  readonly #nLatent: number;
  /** For each label column, unit vectors, (n_labels, n_latent); null for labels without a mean. */
  readonly #positions: (Float64Array | null)[][];

  /** The points of the reference each count as the cells that they stand for. */
  constructor(reference: Reference) {
    this.#nLatent = reference.nLatent;
    this.#positions = reference.columns.map((column, index) => {
      const sums = column.labels.map(() => new Float64Array(reference.nLatent));
      reference.labels[index].forEach((label, point) => {
        if (label < 0) return;
        const start = point * reference.nLatent;
        for (let at = 0; at < reference.nLatent; at++)
          sums[label][at] += reference.embedding[start + at] * reference.weight[point];
      });
      return sums.map((sum) => {
        const norm = Math.hypot(...sum);
        return norm > MIN_NORM ? sum.map((each) => each / norm) : null;
      });
    });
  }

  /** Return the distance of each cell, (n, n_latent), to the mean of each label of a column, 0 to 2, (n, n_labels). */
  distances(embedding: Float32Array, column: number): Float64Array {
    const nLatent = this.#nLatent;
    const positions = this.#positions[column];
    const n = embedding.length / nLatent;
    const result = new Float64Array(n * positions.length).fill(Infinity);
    for (let row = 0; row < n; row++) {
      positions.forEach((position, label) => {
        if (position === null) return;
        let product = 0;
        for (let at = 0; at < nLatent; at++) product += embedding[row * nLatent + at] * position[at];
        result[row * positions.length + label] = Math.sqrt(Math.max(2 - 2 * product, 0));
      });
    }
    return result;
  }
}
