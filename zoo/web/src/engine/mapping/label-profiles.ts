/** Profiles of a reference's labels, with which a cell's own values are compared. */
import type { Rows } from "../arrays/rows";
import { floats, readTensors } from "../space/tensors";

const TINY = 2 ** -1022;

/** Profiles of the primary labels in the features that a query measured. */
export class LabelProfiles {
  readonly #nLabels: number;
  readonly #nComponents: number;
  /** Logarithm of each feature's expected share, (n_features, n_labels). */
  readonly #table: Float32Array;
  /** Expected log probability of a count under each profile, (n_labels,). */
  readonly #expected: Float64Array;
  /** Discriminant axes, (n_components, n_axes), centers of the labels along them, and the average of these. */
  readonly #axes: Float32Array;
  readonly #center: Float32Array;
  readonly #average: Float32Array;
  /** Squared distance of each center from the average, (n_labels,). */
  readonly #extent: Float64Array;

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
    const nAxes = tensors.average?.shape[0] ?? 0;
    this.#axes = floats(tensors, "axes", [nAxes && nComponents, nAxes], origin);
    this.#center = floats(tensors, "center", [nLabels, nAxes], origin);
    this.#average = floats(tensors, "average", [nAxes], origin);
    this.#extent = Float64Array.from({ length: nLabels }, (_, label) =>
      squaredDistance(this.#center.subarray(label * nAxes, (label + 1) * nAxes), this.#average),
    );
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

  get hasAxes(): boolean {
    return this.#average.length > 0;
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

  /**
   * Return how far each cell lies from the center of a label, (n,), from components (n, n_components): the distance along
   * the axes, divided by that of the center from the average of all centers, for the label for which that is smallest.
   */
  deviation(components: Float64Array): Float64Array {
    const [width, nAxes] = [this.#nComponents, this.#average.length];
    const result = new Float64Array(components.length / width);
    const position = new Float64Array(nAxes);
    for (let row = 0; row < result.length; row++) {
      position.fill(0);
      for (let component = 0; component < width; component++) {
        const value = components[row * width + component];
        for (let axis = 0; axis < nAxes; axis++) position[axis] += value * this.#axes[component * nAxes + axis];
      }
      let smallest = Infinity;
      for (let label = 0; label < this.#nLabels; label++) {
        if (this.#extent[label] === 0) continue; // a label without cells
        const center = this.#center.subarray(label * nAxes, (label + 1) * nAxes);
        smallest = Math.min(smallest, squaredDistance(position, center) / this.#extent[label]);
      }
      result[row] = Math.sqrt(smallest);
    }
    return result;
  }
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] - b[at]) ** 2;
  return sum;
}
