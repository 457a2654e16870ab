/** Arrays of a sparse matrix in an HDF5 file, as anndata and Cell Ranger store it. */
import { EngineError } from "../engine";
import { grouped } from "../text";
import { type Dataset, type Group, isFlags, isFloat, isWhole, lengthOfList, numbersOf, reading, requireDataset } from "./hdf5";
import { requireWritten } from "./unwritten-chunks";

/** Values that are read together: 16 MB of values and indices. */
export const PART_VALUES = 2_000_000;

/** Arrays of a sparse matrix in a file. */
export class SparseArrays {
  readonly data: Dataset;
  readonly indices: Dataset;
  readonly indptr: Float64Array;
  readonly #fileName: string;

  /**
   * @param nMajor Number of rows that are stored one after the other, or of columns.
   * @param nMinor Number of the others.
   */
  constructor(group: Group, nMajor: number, nMinor: number, fileName: string) {
    this.#fileName = fileName;
    this.data = requireDataset(group, "data");
    this.indices = requireDataset(group, "indices");
    const indptr = requireDataset(group, "indptr");
    for (const part of [this.data, this.indices, indptr]) {
      lengthOfList(part);
      if (part !== this.data && !isWhole(part))
        throw new Error(`${part.path} should be a list of whole numbers, but has type ${String(part.dtype)}`);
    }
    this.indptr = Float64Array.from(numbersOf(indptr));
    requireWritten(indptr, this.indptr, 0);
    this.#requireEntries(nMajor, nMinor);
  }

  /** Throw unless the pointers match the entries, by the rules of `smile-zoo project`. */
  #requireEntries(nMajor: number, nMinor: number): void {
    const { indptr } = this;
    const [nValues, nIndices] = [this.data.shape![0], this.indices.shape![0]];
    const last = indptr[indptr.length - 1];
    const damage = (reason: string): EngineError => damaged(this.#fileName, reason);
    if (indptr.length !== nMajor + 1)
      throw damage(`indptr has ${grouped(indptr.length)} numbers for ${grouped(nMajor)} rows or columns`);
    if (indptr[0] !== 0) throw damage(`indptr begins with ${grouped(indptr[0])} instead of 0`);
    // space after the last entry is allowed
    if (last > nValues || nIndices !== nValues || (last === 0 && nValues > 0)) {
      throw damage(
        `indptr describes ${grouped(last)} entries, but there are ${grouped(nValues)} values and ${grouped(nIndices)} indices`,
      );
    }
    for (let at = 0; at < nMajor; at++) {
      const length = indptr[at + 1] - indptr[at];
      if (length < 0) throw damage("its pointers decrease");
      if (length > nMinor) throw damage(`${grouped(length)} entries lie in a row or column of ${grouped(nMinor)}`);
    }
  }

  get isFloat(): boolean {
    return isFloat(this.data);
  }

  get isFlags(): boolean {
    return isFlags(this.data);
  }

  readValues(start: number, stop: number): Float32Array | Float64Array {
    const values = this.#read(this.data, start, stop);
    return values instanceof Int32Array ? Float64Array.from(values) : values;
  }

  #read(list: Dataset, start: number, stop: number): Float32Array | Float64Array | Int32Array {
    return reading(this.#fileName, () => {
      const numbers = numbersOf(list, [[start, stop]]);
      requireWritten(list, numbers, start);
      return numbers;
    });
  }

  /** Return the indices of a range of values, each below the limit. */
  readIndices(start: number, stop: number, limit: number): Int32Array {
    const indices = this.#read(this.indices, start, stop);
    for (let at = 0; at < indices.length; at++) {
      const index = indices[at];
      if (!(Number.isInteger(index) && index >= 0 && index < limit)) {
        throw damaged(this.#fileName, `the index ${index} in ${this.indices.path} is not one of ${grouped(limit)}`);
      }
    }
    return indices instanceof Int32Array ? indices : Int32Array.from(indices);
  }
}

const damaged = (fileName: string, reason: string): EngineError =>
  new EngineError("format", `the stored matrix of ${fileName} is damaged: ${reason}; copy or export it again`);
