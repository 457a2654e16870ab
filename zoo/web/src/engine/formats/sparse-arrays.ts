/** Arrays of a sparse matrix in an HDF5 file, as anndata and Cell Ranger store it. */
import { EngineError } from "../engine";
import { type Dataset, type Group, isFlags, isFloat, numbersOf, reading, requireDataset } from "./hdf5";

/** Values that are read together: 16 MB of values and indices. */
export const PART_VALUES = 2_000_000;

/** Arrays of a sparse matrix in a file. */
export class SparseArrays {
  readonly data: Dataset;
  readonly indices: Dataset;
  readonly indptr: Float64Array;
  readonly #fileName: string;

  constructor(group: Group, nMajor: number, fileName: string) {
    this.#fileName = fileName;
    this.data = requireDataset(group, "data");
    this.indices = requireDataset(group, "indices");
    const indptr = requireDataset(group, "indptr");
    for (const { path, shape } of [this.data, this.indices, indptr]) {
      if (shape?.length !== 1)
        throw new Error(`${path} should be a list of numbers, but has shape (${shape?.join(", ")})`);
    }
    this.indptr = Float64Array.from(numbersOf(indptr));
    const size = Math.min(this.data.shape![0], this.indices.shape![0]);
    const ascends = this.indptr.every((value, at) => at === 0 || value >= this.indptr[at - 1]);
    if (this.indptr.length !== nMajor + 1 || !ascends || this.indptr[0] !== 0 || this.indptr[nMajor] > size) {
      throw damaged(fileName, group.path);
    }
  }

  get isFloat(): boolean {
    return isFloat(this.data);
  }

  get isFlags(): boolean {
    return isFlags(this.data);
  }

  readValues(start: number, stop: number): Float32Array | Float64Array {
    const values = reading(this.#fileName, () => numbersOf(this.data, [[start, stop]]));
    return values instanceof Int32Array ? Float64Array.from(values) : values;
  }

  /** Return the indices of a range of values, each below the limit. */
  readIndices(start: number, stop: number, limit: number): Int32Array {
    const indices = reading(this.#fileName, () => numbersOf(this.indices, [[start, stop]]));
    for (let at = 0; at < indices.length; at++) {
      const index = indices[at];
      if (!(Number.isInteger(index) && index >= 0 && index < limit)) throw damaged(this.#fileName, this.indices.path);
    }
    return indices instanceof Int32Array ? indices : Int32Array.from(indices);
  }
}

const damaged = (fileName: string, path: string): EngineError =>
  new EngineError(
    "format",
    `${fileName} is damaged: the indices in ${path} do not fit its shape; copy or export it again`,
  );
