/** Columns that repeat in a row: the parts of one value, as in scipy. */
import type { Rows } from "./rows";

/** Return rows in which values of the same column are summed; the rows themselves if no column repeats. */
export function summedRepeats(rows: Rows): Rows {
  return repeats(rows) ? summed(rows) : rows;
}

/** Return whether a column repeats in any row. Most files hold the columns of a row in ascending order, which is quick to see. */
function repeats({ n, nColumns, indptr, indices }: Rows): boolean {
  let lastRow: Int32Array | null = null; // in which each column was seen
  for (let row = 0; row < n; row++) {
    const [start, stop] = [indptr[row], indptr[row + 1]];
    let at = start + 1;
    while (at < stop && indices[at - 1] < indices[at]) at++;
    if (at >= stop) continue;
    lastRow ??= new Int32Array(nColumns).fill(-1);
    for (at = start; at < stop; at++) {
      if (lastRow[indices[at]] === row) return true;
      lastRow[indices[at]] = row;
    }
  }
  return false;
}

function summed(rows: Rows): Rows {
  const place = new Int32Array(rows.nColumns).fill(-1);
  const [indices, values] = [rows.indices.slice(), rows.values.slice()];
  const indptr = new Int32Array(rows.n + 1);
  let next = 0;
  for (let row = 0; row < rows.n; row++) {
    const start = next;
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      const column = rows.indices[at];
      if (place[column] >= start) {
        values[place[column]] += rows.values[at];
        continue;
      }
      place[column] = next;
      indices[next] = column;
      values[next++] = rows.values[at];
    }
    indptr[row + 1] = next;
  }
  return { ...rows, indptr, indices: indices.subarray(0, next), values: values.subarray(0, next) };
}
