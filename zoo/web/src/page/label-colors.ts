/** Colors of labels at every level: a finer label has a shade of its coarser label's color. */

import type { LabelColumn } from "../engine";
import { categoryColor, contrast, mix, type Theme } from "./colors";

/** How much black the darkest shade of a color has, and how much white the palest. */
const DARKEST = 0.5;
const PALEST = 0.65;
/** Least share of black by which darker shades of a color can be told apart. */
const MIN_DARKEST = 0.2;
/** Least contrast of a shade on a dark background (WCAG 2.2, 1.4.11). */
const MIN_CONTRAST = 3;

/** Label columns of a space, and which is the primary one. */
export interface Levels {
  columns: LabelColumn[];
  primary: string;
}

/**
 * Return the color of each label of a column.
 *
 * Labels of the primary column have the colors of their ids. A coarser label has the color of the first primary label
 * within it; a finer one has a shade of the color of the label that contains it.
 */
export function labelColors({ columns, primary }: Levels, column: string, theme: Theme): string[] {
  const colors = new Map<string, string[]>();
  const named = (name: string | null) => columns.find((each) => each.name === name);
  const first = named(primary);
  if (first !== undefined) {
    colors.set(primary, first.labels.map((_, id) => categoryColor(id, theme)));
    for (let fine = first, coarse = named(fine.within); coarse !== undefined; fine = coarse, coarse = named(fine.within)) {
      const { parents } = fine;
      const inner = colors.get(fine.name) ?? [];
      colors.set(coarse.name, coarse.labels.map((_, id) => inner[parents.indexOf(id)] ?? theme.unknown));
    }
  }
  const colorsOf = (each: LabelColumn): string[] => {
    const known = colors.get(each.name);
    if (known !== undefined) return known;
    const coarser = named(each.within);
    if (coarser === undefined) return each.labels.map((_, id) => categoryColor(id, theme));
    return shades(each, coarser, colorsOf(coarser), theme);
  };
  const wanted = named(column);
  return wanted === undefined ? [] : colorsOf(wanted);
}

/** Return shades of the coarser labels' colors; a label named like its coarser one, or alone in it, has its very color. */
function shades({ labels, parents }: LabelColumn, coarser: LabelColumn, colors: string[], theme: Theme): string[] {
  return labels.map((label, id) => {
    const parent = parents[id];
    if (parent < 0) return categoryColor(id, theme);
    const color = colors[parent];
    const siblings = labels.filter((other, each) => parents[each] === parent && other !== coarser.labels[parent]);
    const isOnly = siblings.length === 1 && !labels.includes(coarser.labels[parent]);
    const rank = siblings.indexOf(label);
    return rank < 0 || isOnly ? color : shade(color, rank, siblings.length, theme);
  });
}

/** Return one of several shades of a color, of which none is the color itself. */
function shade(color: string, rank: number, n: number, theme: Theme): string {
  const darkest = darkestShare(color, theme);
  const nDark = darkest === 0 ? 0 : Math.floor(n / 2);
  if (rank < nDark) return mix(color, "#000000", (darkest * (rank + 1)) / nDark);
  return mix(color, "#ffffff", (PALEST * (rank + 1 - nDark)) / (n - nDark));
}

/** Return how much black the darkest shade of a color may have to be visible; 0 if that is too little for darker shades. */
function darkestShare(color: string, theme: Theme): number {
  if (!theme.dark) return DARKEST;
  const shares = Array.from({ length: 100 }, (_, step) => (DARKEST * (100 - step)) / 100);
  const visible = shares.find((share) => contrast(mix(color, "#000000", share), theme.background) >= MIN_CONTRAST) ?? 0;
  return visible < MIN_DARKEST ? 0 : visible;
}
