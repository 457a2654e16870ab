/** Rows of a matrix in memory, as compressed sparse rows; dense rows lose their zeros, and NaN stays. */
export type Values = Float32Array | Float64Array;

export interface Rows {
  n: number;
  nColumns: number;
  /** Start of each row in the values, (n + 1,). */
  indptr: Int32Array;
  /** Column of each value. */
  indices: Int32Array;
  values: Values;
}

/** Return a range of rows, which shares memory with the whole. */
export function sliceRows(rows: Rows, start: number, stop: number): Rows {
  const low = rows.indptr[start];
  const indptr = rows.indptr.slice(start, stop + 1).map((value) => value - low);
  const high = rows.indptr[stop];
  return {
    n: stop - start,
    nColumns: rows.nColumns,
    indptr,
    indices: rows.indices.subarray(low, high),
    values: rows.values.subarray(low, high),
  };
}

/** Return the given rows, in that order. */
export function rowsAt(rows: Rows, cells: number[]): Rows {
  return concatenated(cells.map((cell) => sliceRows(rows, cell, cell + 1)));
}

/** Return the rows with other values. */
export const withValues = (rows: Rows, values: Values): Rows => ({ ...rows, values });

/** Return the sum of each row, (n,). */
export function rowSums(rows: Rows, of: (value: number) => number = (value) => value): Float64Array {
  const sums = new Float64Array(rows.n);
  for (let row = 0; row < rows.n; row++) {
    let sum = 0;
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) sum += of(rows.values[at]);
    sums[row] = sum;
  }
  return sums;
}

/** Return some columns: `target[column]` is the new column of each, -1 for those left out. */
export function selectColumns(rows: Rows, target: Int32Array, nColumns: number): Rows {
  const size = rows.values.length;
  const indices = new Int32Array(size);
  const values = rows.values.slice();
  const indptr = new Int32Array(rows.n + 1);
  let n = 0;
  for (let row = 0; row < rows.n; row++) {
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      const column = target[rows.indices[at]];
      if (column < 0) continue;
      indices[n] = column;
      values[n++] = rows.values[at];
    }
    indptr[row + 1] = n;
  }
  return { n: rows.n, nColumns, indptr, indices: indices.subarray(0, n), values: values.subarray(0, n) };
}

/** Return dense rows, (n, n_columns), as sparse ones. */
export function sparsified(values: ArrayLike<number>, n: number, nColumns: number): Rows {
  const indptr = new Int32Array(n + 1);
  let size = 0;
  for (let at = 0; at < values.length; at++) if (values[at] !== 0) size++;
  const indices = new Int32Array(size);
  const kept = values instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  let next = 0;
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < nColumns; column++) {
      const value = values[row * nColumns + column];
      if (value === 0) continue;
      indices[next] = column;
      kept[next++] = value;
    }
    indptr[row + 1] = next;
  }
  return { n, nColumns, indptr, indices, values: kept };
}

/** Return rows of several parts as one. */
function concatenated(parts: Rows[]): Rows {
  const size = parts.reduce((sum, part) => sum + part.values.length, 0);
  const n = parts.reduce((sum, part) => sum + part.n, 0);
  const result: Rows = {
    n,
    nColumns: parts[0].nColumns,
    indptr: new Int32Array(n + 1),
    indices: new Int32Array(size),
    values: parts.every((part) => part.values instanceof Float32Array)
      ? new Float32Array(size)
      : new Float64Array(size),
  };
  let [row, at] = [0, 0];
  for (const part of parts) {
    for (let each = 1; each <= part.n; each++) result.indptr[row + each] = at + part.indptr[each];
    result.indices.set(part.indices, at);
    result.values.set(part.values, at);
    row += part.n;
    at += part.values.length;
  }
  return result;
}

/** Yield ranges of consecutive rows with at most `maxValues` values each, but at least one row. */
export function* rowRanges(indptr: Int32Array | Float64Array, maxValues: number): Generator<[number, number]> {
  const n = indptr.length - 1;
  for (let start = 0, stop; start < n; start = stop) {
    for (stop = start + 1; stop < n && indptr[stop + 1] - indptr[start] <= maxValues; stop++);
    yield [start, stop];
  }
}

/** A matrix whose rows are read in parts. */
export interface Matrix {
  n: number;
  nColumns: number;
  /** Whether the values are stored as floating-point numbers, so that some may be NaN. */
  isFloat: boolean;
  /** Whether the values are True and False. */
  isFlags: boolean;
  /** Return some ranges of rows, ascending and apart, each as one part. */
  read(ranges: [number, number][]): Promise<Rows[]>;
  /** Yield all rows in parts of convenient size, in their order. */
  parts(): AsyncGenerator<Rows>;
}

/** Return a matrix whose rows are changed as they are read. */
export const mappedMatrix = (matrix: Matrix, change: (rows: Rows) => Rows, nColumns = matrix.nColumns): Matrix => ({
  n: matrix.n,
  nColumns,
  isFloat: matrix.isFloat,
  isFlags: matrix.isFlags,
  read: async (ranges) => (await matrix.read(ranges)).map(change),
  parts: async function* () {
    for await (const rows of matrix.parts()) yield change(rows);
  },
});
