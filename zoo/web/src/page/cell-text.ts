/** Text of the tooltip: the cell below the pointer. */

import type { SpaceSummary } from "../engine";
import { type Coloring, NO_VALUE } from "./coloring";
import { fraction, scaleValue } from "./format";
import { UNKNOWN } from "./label-table";
import { levelTitle } from "./level-title";
import { labelColumns, type Result } from "./result";

/** Return the lines about a cell: its name, labels with their confidence (`unknown` has none), similarity, and what it is colored by. */
export function cellText(space: SpaceSummary, result: Result, coloring: Coloring, cell: number): string[] {
  const { cells, columns, similarity } = result.projection;
  const labels = labelColumns(space, result).map(({ name, labels }) => {
    const { labels: ids, confidence } = columns.get(name)!;
    const label = ids[cell] < 0 ? UNKNOWN : `${labels[ids[cell]]} (${fraction(confidence[cell])})`;
    return `${levelTitle(name, space.primary)}: ${label}`;
  });
  return [cells[cell], ...labels, `similarity: ${fraction(similarity[cell])}`, ...colorText(coloring, cell)];
}

function colorText(coloring: Coloring, cell: number): string[] {
  if (coloring.kind === "nothing") return [];
  if (coloring.kind === "values") {
    const value = coloring.values[cell];
    return [`${coloring.title}: ${Number.isNaN(value) ? NO_VALUE : scaleValue(value)}`];
  }
  if (coloring.labelColumn !== null) return []; // it stands among the labels
  const found = coloring.categories.find(({ id }) => id === coloring.ids[cell]);
  return [`${coloring.title}: ${found?.name ?? ""}`];
}
