/** The legend of a saved map. */

import type { Coloring } from "./coloring";
import { LIGHT } from "./colors";
import { count, scaleEnd } from "./format";
import type { Figure } from "./map-svg";

/** Return the legend of a figure, without what is hidden. */
export function figureLegend(coloring: Coloring, hidden: Set<number>): Figure["legend"] {
  const { title } = coloring;
  if (coloring.kind === "nothing") return { title, unit: "", entries: [] };
  if (coloring.kind === "values") {
    return { title, unit: coloring.unit, scale: [scaleEnd(coloring.low), scaleEnd(coloring.high)] };
  }
  const shown = coloring.categories.filter(({ id }) => !hidden.has(id));
  const entries = shown.map(({ id, name, cells }) => ({ name: `${name} (${count(cells)})`, color: coloring.color(id, LIGHT) }));
  return { title, unit: "", entries };
}
