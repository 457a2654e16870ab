/** Values of single features of a query, for coloring its cells. */
import type { Rows } from "../arrays/rows";
import type { FeatureScale, FeatureValues } from "../engine";
import { ensemblSpecies, stripVersion } from "../features/ensembl-ids";
import type { Frame } from "../features/frame";
import type { GeneAliases } from "../features/gene-aliases";
import { parseInterval } from "../features/intervals";
import { findByAnyName } from "../features/name-search";
import { areAmounts } from "../query/value-kind";
import type { PreprocessingRecord } from "../space/manifest";
import { nonzero } from "./encoder-rows";
import type { EncoderQuery } from "./encoder-query";

const TARGET = 10_000;

/**
 * Return the values of a feature in all cells, or null if the query has none of that name.
 *
 * The name is one of the query's own, in any column of var, an id of the space by whatever rule it matched, or another
 * name of the same gene in any letter case, or another spelling of the same interval.
 */
export async function readFeatureValues(
  query: EncoderQuery,
  feature: string,
  genes: GeneAliases | null,
): Promise<FeatureValues | null> {
  const { matrix, interpreter, interpretation, record } = query;
  const result = new Float32Array(matrix.n);
  const isWanted = wantedColumns(query, feature, genes);
  const first = isWanted.indexOf(1);
  if (first < 0) return null;
  const scale = scaleOf(record.preprocessing);
  let start = 0;
  for await (const rows of matrix.parts()) {
    const [linear, totals] = interpreter.linearRows(nonzero(rows), interpretation);
    for (let row = 0; row < rows.n; row++) {
      const value = sumOf(linear, row, isWanted);
      result[start + row] = isMissing(rows, row, isWanted) ? NaN : scaled(value, totals[row], scale);
    }
    start += rows.n;
  }
  return { name: query.frame.names[first], symbol: symbolOf(query.frame, first, genes), values: result, scale };
}

/** Return the scale on which an encoder reads its features. */
function scaleOf({ values, binarise }: PreprocessingRecord): FeatureScale {
  if (binarise || values === "presence") return "presence";
  return areAmounts(values) ? "log counts" : "as in the file";
}

function scaled(value: number, total: number, scale: FeatureScale): number {
  if (scale === "presence") return value > 0 ? 1 : 0;
  if (scale === "as in the file") return value;
  return total > 0 ? Math.log1p((value * TARGET) / total) : 0;
}

function sumOf({ indptr, indices, values }: Rows, row: number, isWanted: Uint8Array): number {
  let sum = 0;
  for (let at = indptr[row]; at < indptr[row + 1]; at++) if (isWanted[indices[at]]) sum += values[at];
  return sum;
}

function isMissing({ indptr, indices, values }: Rows, row: number, isWanted: Uint8Array): boolean {
  for (let at = indptr[row]; at < indptr[row + 1]; at++) if (isWanted[indices[at]] && Number.isNaN(values[at])) return true;
  return false;
}

/** Return the current symbol of a gene by its Ensembl id; null if it is the name already, and for other features. */
function symbolOf({ names, columns }: Frame, column: number, genes: GeneAliases | null): string | null {
  if (genes === null || parseInterval(names[column]) !== null) return null; // genes near a peak are not the peak
  const ids = [names[column], ...columns.map(({ texts }) => texts[column])].filter((each) => ensemblSpecies(each) !== null);
  const symbol = genes.findCurrent(ids.map(stripVersion))?.symbol ?? "";
  return symbol === "" || symbol === names[column] ? null : symbol;
}

/** Return whether each column of the matrix holds a feature, 0 or 1. */
function wantedColumns({ frame, table, match, matches }: EncoderQuery, feature: string, genes: GeneAliases | null): Uint8Array {
  const lists = [frame.names, ...frame.columns.map(({ texts }) => texts)];
  const exact = lists.find((each) => each.includes(feature));
  if (exact) return Uint8Array.from(exact, (name) => Number(name === feature));
  const position = positionOf(feature, table.ids);
  const targets = matches.size ? [...matches.values()].map(({ target }) => target) : [match.target];
  const own = Uint8Array.from(frame.names, (_, column) =>
    Number(position >= 0 && targets.some((target) => target[column] === position)),
  );
  return own.includes(1) ? own : findByAnyName(feature, lists, genes);
}

/** Return the place of an id, or of an interval in any spelling; -1 if it is none of them. */
function positionOf(feature: string, ids: string[]): number {
  const interval = parseInterval(feature);
  return interval === null ? ids.indexOf(feature) : ids.findIndex((id) => parseInterval(id) === interval);
}
