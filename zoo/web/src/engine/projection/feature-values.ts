/** Values of single features of a query, for coloring its cells. */
import type { FeatureValues } from "../engine";
import type { GeneAliases } from "../features/gene-aliases";
import { findByAnyName } from "../features/name-search";
import { nonzero } from "./encoder-rows";
import type { EncoderQuery } from "./encoder-query";

const TARGET = 10_000;

/**
 * Return the values of a feature in all cells, or null if the query has none of that name.
 *
 * The name is one of the query's own, in any column of var, an id of the space by whatever rule it matched, or another
 * name of the same gene in any letter case.
 */
export async function readFeatureValues(
  query: EncoderQuery,
  feature: string,
  genes: GeneAliases | null,
): Promise<FeatureValues | null> {
  const { matrix, interpreter, interpretation } = query;
  const result = new Float32Array(matrix.n);
  const isWanted = wantedColumns(query, feature, genes);
  const first = isWanted.indexOf(1);
  if (first < 0) return null;
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
  return { name: query.frame.names[first], values: result };
}

/** Return whether each column of the matrix holds a feature, 0 or 1. */
function wantedColumns({ frame, table, match, matches }: EncoderQuery, feature: string, genes: GeneAliases | null): Uint8Array {
  const lists = [frame.names, ...frame.columns.map(({ texts }) => texts)];
  const exact = lists.find((each) => each.includes(feature));
  if (exact) return Uint8Array.from(exact, (name) => Number(name === feature));
  const position = table.ids.indexOf(feature);
  const targets = matches.size ? [...matches.values()].map(({ target }) => target) : [match.target];
  const own = Uint8Array.from(frame.names, (_, column) =>
    Number(position >= 0 && targets.some((target) => target[column] === position)),
  );
  return own.includes(1) ? own : findByAnyName(feature, lists, genes);
}
