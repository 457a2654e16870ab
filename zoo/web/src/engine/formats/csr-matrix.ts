/** Matrices in HDF5 files whose rows are stored one after the other. */
import { summedRepeats } from "../arrays/repeats";
import { type Matrix, type Rows, rowRanges } from "../arrays/rows";
import type { Group } from "./hdf5";
import { PART_VALUES, SparseArrays } from "./sparse-arrays";

/** A matrix whose rows are stored one after the other. */
export class CsrMatrix implements Matrix {
  readonly n: number;
  readonly nColumns: number;
  readonly isFloat: boolean;
  readonly isFlags: boolean;
  readonly #arrays: SparseArrays;

  constructor(group: Group, [n, nColumns]: [number, number], fileName: string) {
    this.n = n;
    this.nColumns = nColumns;
    this.#arrays = new SparseArrays(group, n, nColumns, fileName);
    this.isFloat = this.#arrays.isFloat;
    this.isFlags = this.#arrays.isFlags;
  }

  async read(ranges: [number, number][]): Promise<Rows[]> {
    return ranges.map(([start, stop]) => this.#rows(start, stop));
  }

  async *parts(): AsyncGenerator<Rows> {
    for (const [start, stop] of rowRanges(this.#arrays.indptr, PART_VALUES)) yield this.#rows(start, stop);
  }

  #rows(start: number, stop: number): Rows {
    const { indptr } = this.#arrays;
    const [low, high] = [indptr[start], indptr[stop]];
    const indices = this.#arrays.readIndices(low, high, this.nColumns);
    return summedRepeats({
      n: stop - start,
      nColumns: this.nColumns,
      indptr: Int32Array.from(indptr.subarray(start, stop + 1), (value) => value - low),
      indices,
      values: this.#arrays.readValues(low, high),
    });
  }
}
