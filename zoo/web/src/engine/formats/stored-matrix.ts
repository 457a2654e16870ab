/** Matrices in HDF5 files, read in parts of rows: CSR, CSC and dense. */
import { type Matrix, type Rows, sliceRows, sparsified } from "../arrays/rows";
import { EngineError } from "../engine";
import { grouped, quoted } from "../text";
import { type Dataset, type Group, isFloat, numbersOf, reading, requireDataset, textAttribute } from "./hdf5";

const PART_VALUES = 2_000_000; // 16 MB of values and indices
const PASS_VALUES = 48_000_000; // of a CSC matrix transposed together: 384 MB of float32 values and indices

/** Open a stored matrix, (n, n_columns). */
export function openMatrix(stored: Group | Dataset, shape: [number, number], fileName: string): Matrix {
  if (stored.type === "Dataset") {
    return new DenseMatrix(stored as Dataset, shape, fileName);
  }
  const group = stored as Group;
  const kind = textAttribute(group, "encoding-type") || `${textAttribute(group, "h5sparse_format")}_matrix`;
  if (kind !== "csr_matrix" && kind !== "csc_matrix") {
    throw new EngineError(
      "format",
      `${group.path} stores values in the unknown format ${quoted(kind)}; store them dense, as CSR or as CSC`,
    );
  }
  return kind === "csr_matrix" ? new CsrMatrix(group, shape, fileName) : new CscMatrix(group, shape, fileName);
}

/** Arrays of a sparse matrix in a file. */
class SparseArrays {
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
      if (shape?.length !== 1) throw new Error(`${path} should be a list of numbers, but has shape (${shape?.join(", ")})`);
    }
    this.indptr = Float64Array.from(numbersOf(indptr));
    const size = Math.min(this.data.shape![0], this.indices.shape![0]);
    const ascends = this.indptr.every((value, at) => at === 0 || value >= this.indptr[at - 1]);
    if (this.indptr.length !== nMajor + 1 || !ascends || this.indptr[0] !== 0 || this.indptr[nMajor] > size) {
      throw damaged(fileName, group.path);
    }
  }

  readValues(start: number, stop: number): Float32Array | Float64Array {
    const values = reading(this.#fileName, () => numbersOf(this.data, [[start, stop]]));
    return values instanceof Int32Array ? Float64Array.from(values) : values;
  }

  readIndices(start: number, stop: number): Int32Array {
    const indices = reading(this.#fileName, () => numbersOf(this.indices, [[start, stop]]));
    return indices instanceof Int32Array ? indices : Int32Array.from(indices);
  }
}

const damaged = (fileName: string, path: string): EngineError =>
  new EngineError("format", `${fileName} is damaged: the indices in ${path} do not fit its shape; copy or export it again`);

function requireIndices(indices: Int32Array, limit: number, fileName: string, path: string): void {
  for (let at = 0; at < indices.length; at++) if (indices[at] < 0 || indices[at] >= limit) throw damaged(fileName, path);
}

const isFlags = ({ metadata }: Dataset): boolean => Boolean(metadata.enum_type);

/** A matrix whose rows are stored one after the other. */
export class CsrMatrix implements Matrix {
  readonly n: number;
  readonly nColumns: number;
  readonly isFloat: boolean;
  readonly isFlags: boolean;
  readonly #arrays: SparseArrays;
  readonly #where: [string, string];

  constructor(group: Group, [n, nColumns]: [number, number], fileName: string) {
    this.n = n;
    this.nColumns = nColumns;
    this.#arrays = new SparseArrays(group, n, fileName);
    this.#where = [fileName, group.path];
    this.isFloat = isFloat(this.#arrays.data);
    this.isFlags = isFlags(this.#arrays.data);
  }

  async read(ranges: [number, number][]): Promise<Rows[]> {
    return ranges.map(([start, stop]) => this.#rows(start, stop));
  }

  async *parts(): AsyncGenerator<Rows> {
    const { indptr } = this.#arrays;
    for (let start = 0, stop; start < this.n; start = stop) {
      for (stop = start + 1; stop < this.n && indptr[stop + 1] - indptr[start] <= PART_VALUES; stop++);
      yield this.#rows(start, stop);
    }
  }

  #rows(start: number, stop: number): Rows {
    const { indptr } = this.#arrays;
    const [low, high] = [indptr[start], indptr[stop]];
    const indices = this.#arrays.readIndices(low, high);
    requireIndices(indices, this.nColumns, ...this.#where);
    return {
      n: stop - start,
      nColumns: this.nColumns,
      indptr: Int32Array.from(indptr.subarray(start, stop + 1), (value) => value - low),
      indices,
      values: this.#arrays.readValues(low, high),
    };
  }
}

/** A matrix whose columns are stored one after the other: rows are collected in passes over the whole file. */
export class CscMatrix implements Matrix {
  readonly n: number;
  readonly nColumns: number;
  readonly isFloat: boolean;
  readonly isFlags: boolean;
  readonly #arrays: SparseArrays;
  readonly #where: [string, string];
  #sizes: Int32Array | null = null;

  constructor(group: Group, [n, nColumns]: [number, number], fileName: string) {
    this.n = n;
    this.nColumns = nColumns;
    this.#arrays = new SparseArrays(group, nColumns, fileName);
    this.#where = [fileName, group.path];
    this.isFloat = isFloat(this.#arrays.data);
    this.isFlags = isFlags(this.#arrays.data);
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
      const rows = this.#arrays.readIndices(low, high);
      requireIndices(rows, this.n, ...this.#where);
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
    const values = this.#arrays.readValues(0, 0) instanceof Float32Array ? new Float32Array(indptr[n]) : new Float64Array(indptr[n]);
    let column = 0;
    for (const [low, high] of this.#pieces()) {
      const rows = this.#arrays.readIndices(low, high);
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
    return { n, nColumns: this.nColumns, indptr, indices, values };
  }
}

/** A matrix that is stored as an array. */
class DenseMatrix implements Matrix {
  readonly n: number;
  readonly nColumns: number;
  readonly isFloat: boolean;
  readonly isFlags: boolean;
  readonly #dataset: Dataset;
  readonly #fileName: string;

  constructor(dataset: Dataset, [n, nColumns]: [number, number], fileName: string) {
    if (dataset.shape?.join() !== `${n},${nColumns}`) {
      throw new EngineError(
        "format",
        `${dataset.path} in ${fileName} has shape (${dataset.shape?.join(", ")}) for ${grouped(n)} cells and ` +
          `${grouped(nColumns)} features; the file is damaged, copy or export it again`,
      );
    }
    this.n = n;
    this.nColumns = nColumns;
    this.isFloat = isFloat(dataset);
    this.isFlags = isFlags(dataset);
    this.#dataset = dataset;
    this.#fileName = fileName;
  }

  async read(ranges: [number, number][]): Promise<Rows[]> {
    return ranges.map(([start, stop]) => this.#rows(start, stop));
  }

  async *parts(): AsyncGenerator<Rows> {
    const stored = this.#dataset.metadata.chunks?.[0] ?? 1; // rows that cost no more to read than one of them
    const together = stored * this.nColumns <= PASS_VALUES ? stored : 1;
    const step = Math.max(1, Math.floor(PART_VALUES / this.nColumns / together)) * together;
    for (let start = 0; start < this.n; start += step) yield this.#rows(start, Math.min(start + step, this.n));
  }

  #rows(start: number, stop: number): Rows {
    const values = reading(this.#fileName, () => numbersOf(this.#dataset, [[start, stop], [0, this.nColumns]]));
    return sparsified(values, stop - start, this.nColumns);
  }
}
