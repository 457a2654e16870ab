/** Rows in the encoder's feature order. */
import type { Rows } from "../arrays/rows";

/** Return rows without stored zeros and NaN; the rows themselves if there are none. */
export function nonzero(rows: Rows): Rows {
  let size = 0;
  for (const value of rows.values) if (value !== 0 && !Number.isNaN(value)) size++;
  if (size === rows.values.length) return rows;
  const [indices, indptr] = [new Int32Array(size), new Int32Array(rows.n + 1)];
  const values = rows.values instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  let next = 0;
  for (let row = 0; row < rows.n; row++) {
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      const value = rows.values[at];
      if (value === 0 || Number.isNaN(value)) continue;
      indices[next] = rows.indices[at];
      values[next++] = value;
    }
    indptr[row + 1] = next;
  }
  return { ...rows, indptr, indices, values };
}
