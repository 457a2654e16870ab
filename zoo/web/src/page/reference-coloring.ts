/** How the points of the reference are drawn below the cells of a query: in gray, or in the colors of their labels. */

import type { Coloring } from "./coloring";
import { levelTitle } from "./level-title";

/** Say how the reference is drawn, as the caption does; `column` is the one whose labels color it, or null for gray. */
export function referenceCaption(
  coloring: Exclude<Coloring, { kind: "nothing" }>,
  column: string | null,
  primary: string,
): string {
  if (column === null) return `over the reference in gray, colored by ${coloring.title}`;
  if (coloring.kind === "categories" && coloring.labelColumn === column) return `and the reference, colored by ${coloring.title}`;
  return `colored by ${coloring.title}, over the reference, colored by its ${levelTitle(column, primary)}`;
}

/** Name the reference in a legend. */
export function referenceEntry(column: string | null, primary: string): string {
  return column === null ? "reference" : `reference: colored by its ${levelTitle(column, primary)}`;
}

/** Return the place of each point's color in a palette whose last one is for points without a label; -1: hidden. */
export function referenceColors(codes: Int32Array, nLabels: number, hidden: ReadonlySet<number>): Int32Array {
  return codes.map((code) => (code < 0 ? nLabels : hidden.has(code) ? -1 : code));
}
