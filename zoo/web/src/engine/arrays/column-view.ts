/** Some columns of a matrix, selected from each part as it is read. */
import { type Matrix, mappedMatrix, selectColumns } from "./rows";

/** Return a matrix of the given columns, ascending; the matrix itself if they are all. */
export function columnView(matrix: Matrix, columns: Int32Array): Matrix {
  if (columns.length === matrix.nColumns) return matrix;
  const target = new Int32Array(matrix.nColumns).fill(-1);
  columns.forEach((column, index) => (target[column] = index));
  return mappedMatrix(matrix, (rows) => selectColumns(rows, target, columns.length), columns.length);
}
