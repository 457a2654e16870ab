/** What the cells of a map are colored by: categories, or values on a scale. */

import type { FeatureScale, FeatureValues, ObsColumn, Projection, SpaceSummary } from "../engine";
import { categoryColor, N_VALUE_COLORS, type Theme, valueColor } from "./colors";
import { count, scaleValue } from "./format";
import { labelColors } from "./label-colors";
import { UNKNOWN } from "./label-table";
import { levelTitle } from "./level-title";

export interface Category {
  /** Id that gives the color; -1: unknown or missing. */
  id: number;
  name: string;
  cells: number;
}

export interface Categories {
  kind: "categories";
  title: string;
  /** Label column whose labels the categories are; null for a column of the query. */
  labelColumn: string | null;
  /** Return the color of each category by its id, -1 included. */
  color: (id: number, theme: Theme) => string;
  /** Id of each cell's category. */
  ids: Int32Array;
  /** Categories with cells, the most frequent first and -1 last. */
  categories: Category[];
}

export interface Values {
  kind: "values";
  title: string;
  /** Unit of the values; empty for fractions. */
  unit: string;
  /** Value of each cell; NaN if it has none. */
  values: Float32Array;
  /** Ends of the scale, which are equal if all cells have the same value. */
  low: number;
  high: number;
}

/** All cells in one color, because there is nothing to color them by. */
export interface Nothing {
  kind: "nothing";
  title: string;
  reason: string;
}

export type Coloring = Categories | Values | Nothing;

export const NO_VALUE = "no value";

const UNITS: Record<FeatureScale, string> = {
  "log counts": "ln(1 + counts per 10,000)",
  presence: "1: found in the cell, 0: not found",
  "as in the file": "value in the file",
};

/** Color by the labels of a column. */
export function byLabel(projection: Projection, space: SpaceSummary, column: string): Categories {
  const { labels } = space.columns.find(({ name }) => name === column) ?? { labels: [] };
  const title = levelTitle(column, space.primary);
  const found = categories(title, projection.columns.get(column)!.labels, labels, UNKNOWN);
  const color = (id: number, theme: Theme) => (id < 0 ? theme.unknown : labelColors(space, column, theme)[id]);
  return { ...found, labelColumn: column, color };
}

/** Color by a column of the query: by its categories, such as batches, or by its numbers, from the lowest to the highest. */
export function byColumn(title: string, column: ObsColumn): Coloring {
  if ("codes" in column) return categories(title, column.codes, column.categories, NO_VALUE);
  const { values } = column;
  const numbers = values.filter(Number.isFinite);
  if (numbers.length === 0) return { kind: "nothing", title, reason: `${title} holds no number in any cell.` };
  const low = numbers.reduce((lowest, value) => Math.min(lowest, value));
  const high = numbers.reduce((highest, value) => Math.max(highest, value));
  return { kind: "values", title, unit: "value in the file", values, low, high };
}

/** Color by fractions from 0 to 1. */
export function byFraction(title: string, values: Float32Array): Values {
  return { kind: "values", title, unit: "", values, low: 0, high: 1 };
}

/** Color by the values of a feature, from 0, or the lowest one below it, to the highest one. */
export function byFeature(title: string, { values, scale }: Pick<FeatureValues, "values" | "scale">): Values {
  const low = values.reduce((lowest, value) => (value < lowest ? value : lowest), 0);
  const high = values.reduce((highest, value) => (value > highest ? value : highest), 0);
  return { kind: "values", title, unit: UNITS[scale], values, low, high };
}

/** Return the entries of a legend beside the scale: the only value, and the cells without one. */
export function valueEntries({ values, low, high }: Values, theme: Theme): { name: string; color: string }[] {
  const nMissing = values.filter(Number.isNaN).length;
  return [
    ...(high > low ? [] : [{ name: scaleValue(low), color: valueColor(0, theme) }]),
    ...(nMissing === 0 ? [] : [{ name: `${NO_VALUE} (${count(nMissing)})`, color: theme.unknown }]),
  ];
}

/** Return a palette, and the place in it of the color of each of so many cells. */
export function paint(coloring: Coloring, theme: Theme, nCells: number): { palette: string[]; colors: Int32Array } {
  if (coloring.kind === "categories") {
    const place = new Map(coloring.categories.map(({ id }, index) => [id, index]));
    return {
      palette: coloring.categories.map(({ id }) => coloring.color(id, theme)),
      colors: Int32Array.from(coloring.ids, (id) => place.get(id) ?? 0),
    };
  }
  if (coloring.kind === "nothing") return { palette: [theme.unknown], colors: new Int32Array(nCells) };
  const steps = N_VALUE_COLORS - 1;
  const palette = Array.from({ length: N_VALUE_COLORS }, (_, step) => valueColor(step / steps, theme));
  const { low, high, values } = coloring;
  const colors = Int32Array.from(values, (value) =>
    Number.isNaN(value) ? N_VALUE_COLORS : Math.round(Math.min(Math.max((value - low) / (high - low || 1), 0), 1) * steps),
  );
  return { palette: [...palette, theme.unknown], colors };
}

function categories(title: string, codes: Int32Array, names: string[], missing: string): Categories {
  const counts = new Map<number, number>();
  for (const id of codes) {
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const found = [...counts].map(([id, cells]) => ({ id, name: id < 0 ? missing : names[id], cells }));
  found.sort((a, b) => Number(a.id < 0) - Number(b.id < 0) || b.cells - a.cells || a.name.localeCompare(b.name, "en", { numeric: true }));
  return { kind: "categories", title, labelColumn: null, color: categoryColor, ids: codes, categories: found };
}
