/** Some columns of a matrix, selected from each part as it is read. */
import { type Matrix, type Rows, selectColumns } from "./rows";

/** Return a matrix of the given columns, ascending; the matrix itself if they are all. */
export function columnView(matrix: Matrix, columns: Int32Array): Matrix {
  if (columns.length === matrix.nColumns) return matrix;
  const target = new Int32Array(matrix.nColumns).fill(-1);
  columns.forEach((column, index) => (target[column] = index));
  const select = (rows: Rows): Rows => selectColumns(rows, target, columns.length);
  return {
    n: matrix.n,
    nColumns: columns.length,
    isFloat: matrix.isFloat,
    isFlags: matrix.isFlags,
    read: async (ranges) => (await matrix.read(ranges)).map(select),
    parts: async function* () {
      for await (const rows of matrix.parts()) yield select(rows);
    },
  };
}
