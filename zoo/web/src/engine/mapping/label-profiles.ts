/** Profiles of a reference's labels, with which a cell's own values are compared. */
import type { Rows } from "../arrays/rows";
import { floats, readTensors } from "../space/tensors";

const MAX_SQUARED_DEVIATION = 9;
const MIN_DEVIATION = 1e-6;
const TINY = 2 ** -1022;

/** Profiles of the primary labels in the features that a query measured. */
export class LabelProfiles {
  readonly #nLabels: number;
  readonly #nComponents: number;
  /** Logarithm of each feature's expected share, (n_features, n_labels). */
  readonly #table: Float32Array;
  /** Expected log probability of a count under each profile, (n_labels,). */
  readonly #expected: Float64Array;
  readonly #center: Float32Array;
  readonly #whitening: Float32Array;

  constructor(
    content: Uint8Array,
    origin: string,
    nLabels: number,
    nFeatures: number,
    nComponents: number,
    measured: Uint8Array,
  ) {
    const tensors = readTensors(content, origin);
    const logs = floats(tensors, "log_profile", [nLabels, nFeatures], origin);
    this.#center = floats(tensors, "center", [nLabels, nComponents], origin);
    this.#whitening = floats(tensors, "whitening", [nComponents, nComponents], origin);
    this.#nLabels = nLabels;
    this.#nComponents = nComponents;
    this.#table = new Float32Array(nFeatures * nLabels);
    this.#expected = new Float64Array(nLabels);
    for (let label = 0; label < nLabels; label++) {
      const profile = logs.subarray(label * nFeatures, (label + 1) * nFeatures);
      let total = 0;
      for (let feature = 0; feature < nFeatures; feature++) if (measured[feature]) total += Math.exp(profile[feature]);
      const shift = Math.log(Math.max(total, TINY));
      for (let feature = 0; feature < nFeatures; feature++) {
        if (!measured[feature]) continue;
        const log = Math.fround(profile[feature] - shift);
        this.#table[feature * nLabels + label] = log;
        if (log < 0) this.#expected[label] += Math.exp(log) * log;
      }
    }
  }

  get hasComponents(): boolean {
    return this.#nComponents > 0;
  }

  /** Return how much less probable each cell's values are than expected under the best-fitting label, in nats, (n,). */
  surprise(rows: Rows, values: Float32Array): Float64Array {
    const [nLabels, table] = [this.#nLabels, this.#table];
    const result = new Float64Array(rows.n);
    const logs = new Float32Array(nLabels); // in float32 and in the order of the values, as scipy adds them up
    for (let row = 0; row < rows.n; row++) {
      logs.fill(0);
      let total = 0;
      for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
        const value = values[at];
        const start = rows.indices[at] * nLabels;
        total += value;
        for (let label = 0; label < nLabels; label++) logs[label] += Math.fround(value * table[start + label]);
      }
      if (total <= 0) continue;
      let least = Infinity;
      for (let label = 0; label < nLabels; label++)
        least = Math.min(least, this.#expected[label] - logs[label] / total);
      result[row] = least;
    }
    return result;
  }

  /** Return the log deviation of each cell from the nearest label's center, (n,), from components (n, n_components). */
  logDeviation(components: Float64Array): Float64Array {
    const [width, nLabels] = [this.#nComponents, this.#nLabels];
    const result = new Float64Array(components.length / width);
    const whitened = new Float32Array(width);
    const sums = new Float64Array(width);
    for (let row = 0; row < result.length; row++) {
      sums.fill(0);
      for (let component = 0; component < width; component++) {
        const value = components[row * width + component];
        for (let at = 0; at < width; at++) sums[at] += value * this.#whitening[component * width + at];
      }
      whitened.set(sums);
      let nearest = Infinity;
      for (let label = 0; label < nLabels; label++) {
        let sum = 0;
        for (let at = 0; at < width; at++) {
          const difference = whitened[at] - this.#center[label * width + at];
          sum += Math.min(difference * difference, MAX_SQUARED_DEVIATION);
        }
        nearest = Math.min(nearest, sum / width);
      }
      result[row] = Math.log(Math.max(nearest, MIN_DEVIATION));
    }
    return result;
  }
}
