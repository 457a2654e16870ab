/** Matrices in HDF5 files whose columns are stored one after the other. */
import { summedRepeats } from "../arrays/repeats";
import { type Matrix, type Rows, sliceRows } from "../arrays/rows";
import type { Group } from "./hdf5";
import { PART_VALUES, SparseArrays } from "./sparse-arrays";

const PASS_VALUES = 32_000_000; // of the rows that are collected together: 256 MB of float32 values and indices

/** A matrix whose columns are stored one after the other: rows are collected in passes over the whole file. */
export class CscMatrix implements Matrix {
  readonly n: number;
  readonly nColumns: number;
  readonly isFloat: boolean;
  readonly isFlags: boolean;
  readonly #arrays: SparseArrays;
  #sizes: Int32Array | null = null;

  constructor(group: Group, [n, nColumns]: [number, number], fileName: string) {
    this.n = n;
    this.nColumns = nColumns;
    this.#arrays = new SparseArrays(group, nColumns, n, fileName);
    this.isFloat = this.#arrays.isFloat;
    this.isFlags = this.#arrays.isFlags;
  }

  async read(ranges: [number, number][]): Promise<Rows[]> {
    const rows = this.#collect(ranges);
    let first = 0;
    return ranges.map(([start, stop]) => sliceRows(rows, first, (first += stop - start)));
  }

  async *parts(): AsyncGenerator<Rows> {
    const sizes = this.#rowSizes();
    for (let start = 0, stop; start < this.n; start = stop) {
      let size = sizes[start];
      for (stop = start + 1; stop < this.n && size + sizes[stop] <= PASS_VALUES; stop++) size += sizes[stop];
      yield this.#collect([[start, stop]]);
    }
  }

  /** Return the number of values of each row. */
  #rowSizes(): Int32Array {
    if (this.#sizes) return this.#sizes;
    const sizes = new Int32Array(this.n);
    for (const [low, high] of this.#pieces()) {
      const rows = this.#arrays.readIndices(low, high, this.n);
      for (let at = 0; at < rows.length; at++) sizes[rows[at]]++;
    }
    return (this.#sizes = sizes);
  }

  *#pieces(): Generator<[number, number]> {
    const size = this.#arrays.indptr[this.nColumns];
    for (let low = 0; low < size; low += PART_VALUES) yield [low, Math.min(low + PART_VALUES, size)];
  }

  /** Collect ranges of rows, one after the other, in one pass over the matrix. */
  #collect(ranges: [number, number][]): Rows {
    const sizes = this.#rowSizes();
    const n = ranges.reduce((sum, [start, stop]) => sum + stop - start, 0);
    const indptr = new Int32Array(n + 1);
    const next = new Int32Array(this.n).fill(-1); // place of the next value of each row; -1 for rows outside
    let row = 0;
    for (const [start, stop] of ranges) {
      for (let each = start; each < stop; each++, row++) {
        next[each] = indptr[row];
        indptr[row + 1] = indptr[row] + sizes[each];
      }
    }
    const indices = new Int32Array(indptr[n]);
    const values =
      this.#arrays.readValues(0, 0) instanceof Float32Array ? new Float32Array(indptr[n]) : new Float64Array(indptr[n]);
    let column = 0;
    for (const [low, high] of this.#pieces()) {
      const rows = this.#arrays.readIndices(low, high, this.n);
      const data = this.#arrays.readValues(low, high);
      for (let at = low; at < high; at++) {
        while (at >= this.#arrays.indptr[column + 1]) column++;
        const place = next[rows[at - low]];
        if (place < 0) continue;
        next[rows[at - low]]++;
        indices[place] = column;
        values[place] = data[at - low];
      }
    }
    return summedRepeats({ n, nColumns: this.nColumns, indptr, indices, values });
  }
}
