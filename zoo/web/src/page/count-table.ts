/** The table of how many cells have each label. */

import { table } from "./dom";
import { count, fraction, percent } from "./format";
import type { LabelCount } from "./label-table";

/** Titles of the columns of numbers. */
export const COUNT_TITLES = ["cells", "share", "mean confidence"];

/** Return the numbers about a label as texts, in the order of their titles. */
export const countTexts = ({ cells, share, confidence }: LabelCount): string[] => [
  count(cells),
  percent(share),
  fraction(confidence),
];

/** Return the table; `name` gives what stands in the first column. */
export function countTable(rows: LabelCount[], name: (row: LabelCount) => Node | string): HTMLTableElement {
  const columns = [{ title: "label" }, ...COUNT_TITLES.map((title) => ({ title, number: true }))];
  const cells = rows.map((row) => [name(row), ...countTexts(row)]);
  return table(columns, cells, { className: "labels" });
}
