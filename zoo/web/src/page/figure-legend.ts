/** The legend of a saved map. */

import type { Coloring } from "./coloring";
import { LIGHT } from "./colors";
import { count, scaleValue } from "./format";
import { countShown } from "./hidden-cells";
import type { Figure } from "./map-svg";

/** Return the legend of a figure, with the cells that are shown alone. */
export function figureLegend(coloring: Coloring, hidden: ReadonlySet<number>): Figure["legend"] {
  const { title } = coloring;
  if (coloring.kind === "nothing") return { title, unit: "", entries: [] };
  if (coloring.kind === "values") {
    return { title, unit: coloring.unit, scale: [scaleValue(coloring.low), scaleValue(coloring.high)] };
  }
  const counts = countShown(coloring, hidden);
  const shown = coloring.categories.filter(({ id }) => counts.get(id)! > 0);
  const entries = shown.map(({ id, name }) => ({ name: `${name} (${count(counts.get(id)!)})`, color: coloring.color(id, LIGHT) }));
  return { title, unit: "", entries };
}
