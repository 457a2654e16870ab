/** The table of results: a row for each cell, in the order of the file, with the columns of `smile-zoo project`. */

import type { Projection, SpaceSummary } from "../engine";
import { UNKNOWN } from "./label-table";
import { labelColumns } from "./result";

const ROWS_PER_PART = 10_000;
/** Starts of a text that a spreadsheet computes, and of one that is marked as text by an apostrophe. */
const COMPUTED = /^[=+\-@\t\r\n']/;

type Cell = (row: number) => string;

/** Return the table as CSV, in parts of some thousand rows; `obs_names` comes first, as in the .parquet output. */
export function resultsCsv(projection: Projection, space: SpaceSummary): string[] {
  const columns: [string, Cell][] = [["obs_names", (row) => marked(projection.cells[row])], ...columnsOfLabels(projection, space)];
  if (!projection.similarity.every(Number.isNaN)) {
    columns.push(["smile_similarity", (row) => numeral(projection.similarity[row])]);
  }
  for (const axis of [0, 1]) {
    columns.push([`X_smile_map_${axis + 1}`, (row) => numeral(projection.map[2 * row + axis])]);
  }
  const parts = [`${columns.map(([name]) => quoted(name)).join(",")}\n`];
  for (let start = 0; start < projection.cells.length; start += ROWS_PER_PART) {
    const rows = Math.min(ROWS_PER_PART, projection.cells.length - start);
    const lines = Array.from({ length: rows }, (_, index) =>
      columns.map(([, cell]) => quoted(cell(start + index))).join(","),
    );
    parts.push(`${lines.join("\n")}\n`);
  }
  return parts;
}

/** Return the barcodes of some cells, one a line. */
export function barcodeList(projection: Projection, cells: ArrayLike<number>): string {
  return Array.from(cells, (cell) => `${projection.cells[cell]}\n`).join("");
}

/** Return the columns of every label column, the primary one first; its names carry no suffix. */
function columnsOfLabels(projection: Projection, space: SpaceSummary): [string, Cell][] {
  return labelColumns(space, { projection }).flatMap(({ name, labels }) => {
    const result = projection.columns.get(name)!;
    const suffix = name === space.primary ? "" : `_${name}`;
    const columns: [string, Cell][] = [
      [`smile_label${suffix}`, (row) => marked(labels[result.labels[row]] ?? UNKNOWN)],
      [`smile_nearest_label${suffix}`, (row) => marked(labels[result.nearest[row]] ?? UNKNOWN)],
      [`smile_confidence${suffix}`, (row) => numeral(result.confidence[row])],
    ];
    if (labels.some((label) => space.ontology.has(label))) {
      columns.push([
        `smile_label_ontology_term_id${suffix}`,
        (row) => space.ontology.get(labels[result.labels[row]] ?? "") ?? UNKNOWN,
      ]);
    }
    return columns;
  });
}

/** Return a float32 with the digits that it holds; nothing for NaN, which pandas reads as missing. */
function numeral(value: number): string {
  return Number.isNaN(value) ? "" : String(Number(value.toPrecision(7)));
}

/** Put an apostrophe before a text that a spreadsheet would compute; taking one off every text gives them back. */
function marked(text: string): string {
  return COMPUTED.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
