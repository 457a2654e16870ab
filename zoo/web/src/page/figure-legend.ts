/** The legend of a saved map. */

import { type Coloring, valueEntries } from "./coloring";
import { LIGHT } from "./colors";
import { count, scaleValue } from "./format";
import { countShown } from "./hidden-cells";
import type { Figure } from "./map-svg";

/** Most entries of categories: a taller picture would not fit on a page, nor into a browser's canvas. */
const MAX_ENTRIES = 60;

/** Return the legend of a figure, with the cells that are shown alone. */
export function figureLegend(coloring: Coloring, hidden: ReadonlySet<number>): Figure["legend"] {
  const { title } = coloring;
  if (coloring.kind === "nothing") return { title, unit: "", scale: null, entries: [] };
  if (coloring.kind === "values") {
    const { unit, low, high } = coloring;
    const scale: [string, string] | null = high > low ? [scaleValue(low), scaleValue(high)] : null;
    return { title, unit, scale, entries: valueEntries(coloring, LIGHT) };
  }
  const counts = countShown(coloring, hidden);
  const shown = coloring.categories.filter(({ id }) => counts.get(id)! > 0);
  const entries = shown.slice(0, MAX_ENTRIES).map(({ id, name }) => ({
    name: `${name} (${count(counts.get(id)!)})`,
    color: coloring.color(id, LIGHT),
  }));
  const nLeftOut = shown.length - entries.length;
  const rest = nLeftOut === 0 ? [] : [{ name: `and ${count(nLeftOut)} more`, color: null }];
  return { title, unit: "", scale: null, entries: [...entries, ...rest] };
}
