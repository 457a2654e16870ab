/** Preprocessing of sparse rows up to centering, in float32 as in Python; docs/space-format.md states the formulas. */
import type { Rows } from "../arrays/rows";
import type { FeatureTable } from "../space/feature-table";
import type { PreprocessingRecord } from "../space/manifest";

export const MIN_MEASURED_FRACTION = 0.02;

/** Return the factor of each cell that scales its total to the target, 1 without a target or counts. */
export function sizeFactors(totals: Float64Array, targetSum: number | null): Float32Array {
  if (targetSum === null) return new Float32Array(totals.length).fill(1);
  return Float32Array.from(totals, (total) => (total > 0 ? targetSum / total : 1));
}

/** Fitted preprocessing of one encoder. */
export class Preprocessing {
  readonly #record: PreprocessingRecord;
  readonly #table: FeatureTable;
  readonly #measuredPower: number;
  readonly #nMeasured: number;

  constructor(record: PreprocessingRecord, table: FeatureTable, measured: Uint8Array) {
    this.#record = record;
    this.#table = table;
    const power = table.mean.map((mean, feature) => mean ** 2 + table.std[feature] ** 2);
    const total = power.reduce((sum, each) => sum + each, 0);
    const shares = power.map((each) => (total > 0 ? each / total : 1 / power.length));
    this.#measuredPower = Math.max(
      shares.reduce((sum, share, at) => sum + (measured[at] ? share : 0), 0),
      MIN_MEASURED_FRACTION,
    );
    this.#nMeasured = Math.max(
      measured.reduce((sum, each) => sum + each, 0),
      1,
    );
  }

  /** Return the values of rows in the encoder's feature order after every step before centering. */
  transform(rows: Rows, sizeFactor: Float32Array): Float32Array {
    const values = Float32Array.from(rows.values);
    const { binarise, clr, log1p, tfidf, band_mean } = this.#record;
    for (let row = 0; row < rows.n; row++) {
      const [low, high] = [rows.indptr[row], rows.indptr[row + 1]];
      if (binarise) for (let at = low; at < high; at++) values[at] = values[at] > 0 ? 1 : 0;
      scale(values, low, high, sizeFactor[row]);
      if (clr) scale(values, low, high, Math.fround(Math.exp(-logSum(values, low, high) / this.#nMeasured)));
      if (band_mean) this.#scaleBands(rows, values, low, high, band_mean);
      if (log1p) for (let at = low; at < high; at++) values[at] = Math.log1p(values[at]);
      if (tfidf && this.#table.idf) this.#weightByIdf(rows, values, low, high, this.#table.idf);
    }
    return values;
  }

  #scaleBands(rows: Rows, values: Float32Array, low: number, high: number, target: number[]): void {
    const band = this.#table.band!;
    const sums = new Float64Array(target.length);
    for (let at = low; at < high; at++) sums[band[rows.indices[at]]] += values[at];
    for (let at = low; at < high; at++) {
      const each = band[rows.indices[at]];
      if (sums[each] > 0) values[at] *= Math.fround(target[each] / sums[each]);
    }
  }

  #weightByIdf(rows: Rows, values: Float32Array, low: number, high: number, idf: Float64Array): void {
    let square = 0;
    for (let at = low; at < high; at++) {
      values[at] *= Math.fround(idf[rows.indices[at]]);
      square += values[at] ** 2;
    }
    if (square > 0) scale(values, low, high, Math.fround(1 / Math.sqrt(square / this.#measuredPower)));
  }
}

function scale(values: Float32Array, low: number, high: number, factor: number): void {
  if (factor === 1) return;
  for (let at = low; at < high; at++) values[at] *= factor;
}

function logSum(values: Float32Array, low: number, high: number): number {
  let sum = 0;
  for (let at = low; at < high; at++) sum += Math.log1p(values[at]);
  return sum;
}
