/** Values of single features of a query, for coloring its cells. */
import { nonzero } from "./encoder-rows";
import type { EncoderQuery } from "./encoder-query";

const TARGET = 10_000;

/**
 * Return the values of a feature in all cells, as log1p of counts per 10,000; NaN in cells that did not measure it.
 *
 * The name is one of the query's own, in any column of var, or an id of the space by whatever rule it matched.
 */
export async function readFeatureValues(query: EncoderQuery, feature: string): Promise<Float32Array> {
  const { matrix, interpreter, interpretation } = query;
  const result = new Float32Array(matrix.n);
  const isWanted = wantedColumns(query, feature);
  if (!isWanted.includes(1)) return result.fill(NaN);
  let start = 0;
  for await (const rows of matrix.parts()) {
    const [linear, totals] = interpreter.linearRows(nonzero(rows), interpretation);
    for (let row = 0; row < rows.n; row++) {
      let value = 0;
      for (let at = linear.indptr[row]; at < linear.indptr[row + 1]; at++) {
        if (isWanted[linear.indices[at]]) value += linear.values[at];
      }
      for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
        if (isWanted[rows.indices[at]] && Number.isNaN(rows.values[at])) value = NaN;
      }
      result[start + row] = totals[row] > 0 ? Math.log1p((value * TARGET) / totals[row]) : 0;
    }
    start += rows.n;
  }
  return result;
}

/** Return whether each column of the matrix holds a feature, 0 or 1. */
function wantedColumns({ frame, table, match, matches }: EncoderQuery, feature: string): Uint8Array {
  const names = [frame.names, ...frame.columns.map(({ texts }) => texts)].find((each) => each.includes(feature));
  if (names) return Uint8Array.from(names, (name) => Number(name === feature));
  const position = table.ids.indexOf(feature);
  const targets = matches.size ? [...matches.values()].map(({ target }) => target) : [match.target];
  return Uint8Array.from(frame.names, (_, column) =>
    Number(position >= 0 && targets.some((target) => target[column] === position)),
  );
}
