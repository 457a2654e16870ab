/** The table of how many cells have each label. */

import { table } from "./dom";
import { count, fraction, percent } from "./format";
import type { LabelCount } from "./label-table";

const COLUMNS = [
  { title: "label" },
  { title: "cells", number: true },
  { title: "share", number: true },
  { title: "mean confidence", number: true },
];

/** Return the table; `name` gives what stands in the first column. */
export function countTable(rows: LabelCount[], name: (row: LabelCount) => Node | string): HTMLTableElement {
  const cells = rows.map((row) => [name(row), count(row.cells), percent(row.share), fraction(row.confidence)]);
  return table(COLUMNS, cells, { className: "labels" });
}
