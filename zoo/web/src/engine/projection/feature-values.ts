/** Values of single features of a query, for coloring its cells. */
import { transformOf } from "../query/value-recognition";
import { rowSums } from "../arrays/rows";
import type { EncoderQuery } from "./encoder-query";

const TARGET = 10_000;

/**
 * Return the values of a feature in all cells, as log1p of counts per 10,000; NaN if the query lacks it.
 *
 * The name is one of the query's own, or an id of the space by whatever rule it matched.
 */
export async function readFeatureValues(query: EncoderQuery, feature: string): Promise<Float32Array> {
  const { matrix, ids, match, table, interpretation } = query;
  const result = new Float32Array(matrix.n);
  const position = table.ids.indexOf(feature);
  const isWanted = Uint8Array.from(ids, (id, column) =>
    Number(id === feature || (position >= 0 && match.target[column] === position)),
  );
  if (!isWanted.includes(1)) return result.fill(NaN);
  const transform = transformOf(interpretation);
  let start = 0;
  for await (const rows of matrix.parts()) {
    const linear = transform ? transform.undo(rows) : rows;
    const totals = rowSums(linear);
    for (let row = 0; row < rows.n; row++) {
      let value = 0;
      for (let at = linear.indptr[row]; at < linear.indptr[row + 1]; at++) {
        if (isWanted[linear.indices[at]]) value += linear.values[at];
      }
      result[start + row] = totals[row] > 0 ? Math.log1p((value * TARGET) / totals[row]) : 0;
    }
    start += rows.n;
  }
  return result;
}
