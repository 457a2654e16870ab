/** The first linear layer of an encoder, for sparse rows: `(rows @ weight - center) / measured weight`, in float64. */
import type { Rows } from "../arrays/rows";
import type { FeatureTable } from "../space/feature-table";
import { MIN_MEASURED_FRACTION } from "./preprocessing";

export class FirstLayer {
  readonly width: number;
  readonly #weight: Float64Array;
  readonly #center: Float64Array;
  readonly #factor: number;

  /**
   * @param weight Weights with the scale of each feature folded in, (n_features, width).
   * @param measured Whether each feature was measured, 0 or 1, (n_features,).
   */
  constructor(weight: Float32Array, width: number, table: FeatureTable, measured: Uint8Array) {
    this.width = width;
    this.#weight = Float64Array.from(weight);
    this.#center = new Float64Array(width);
    let missing = 0;
    for (let feature = 0; feature < measured.length; feature++) {
      if (!measured[feature]) {
        missing += table.weight[feature];
        continue;
      }
      const mean = Math.fround(table.mean[feature]); // rounded as in the graph
      for (let unit = 0; unit < width; unit++) this.#center[unit] += mean * weight[feature * width + unit];
    }
    this.#factor = 1 / Math.max(1 - missing, MIN_MEASURED_FRACTION);
  }

  /** Return the input of the trunk, (n, width), of transformed rows; each number is one of float32. */
  run(rows: Rows, transformed: Float32Array): Float64Array {
    const [width, weight] = [this.width, this.#weight];
    const out = new Float64Array(rows.n * width);
    const sums = new Float64Array(width);
    for (let row = 0; row < rows.n; row++) {
      sums.fill(0);
      for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
        const value = transformed[at];
        const start = rows.indices[at] * width;
        for (let unit = 0; unit < width; unit++) sums[unit] += value * weight[start + unit];
      }
      for (let unit = 0; unit < width; unit++) {
        out[row * width + unit] = Math.fround((sums[unit] - this.#center[unit]) * this.#factor);
      }
    }
    return out;
  }
}
