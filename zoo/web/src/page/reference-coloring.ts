/** How the points of the reference are drawn below the cells of a query: in gray, or in the colors of their labels. */

import type { SpaceSummary } from "../engine";
import type { Coloring } from "./coloring";
import type { Theme } from "./colors";
import { labelColors } from "./label-colors";
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

/** What a legend says of the reference. */
export interface ReferenceEntry {
  name: string;
  /** Its color; null if it is colored by its labels. */
  color: string | null;
  /** Labels by which it is colored, without those of the query's own entries. */
  labels: { name: string; color: string }[];
}

/** Return the entry of the reference in a legend; `column` is the one whose labels color it, or null for gray. */
export function referenceEntry(space: SpaceSummary, column: string | null, coloring: Coloring, theme: Theme): ReferenceEntry {
  if (column === null) return { name: "reference", color: theme.reference, labels: [] };
  const { labels } = space.columns.find(({ name }) => name === column)!;
  const isSame = coloring.kind === "categories" && coloring.labelColumn === column;
  const listed = new Set(isSame ? coloring.categories.map(({ id }) => id) : []);
  const present = new Set(space.reference.labels.get(column));
  const colors = labelColors(space, column, theme);
  const entries = labels.flatMap((name, id) => (present.has(id) && !listed.has(id) ? [{ name, color: colors[id] }] : []));
  return { name: `reference: colored by its ${levelTitle(column, space.primary)}`, color: null, labels: entries };
}

/** Return the place of each point's color in a palette whose last one is for points without a label; -1: hidden. */
export function referenceColors(codes: Int32Array, nLabels: number, hidden: ReadonlySet<number>): Int32Array {
  return codes.map((code) => (code < 0 ? nLabels : hidden.has(code) ? -1 : code));
}
