import { expect, test } from "vitest";
import type { FeatureScale } from "../../src/engine";
import { cellText } from "../../src/page/cell-text";
import { ownColumnTitle } from "../../src/page/color-menu";
import { byColumn, byFeature, byFraction, byLabel, paint, valueEntries, type Values } from "../../src/page/coloring";
import { categoryColor, DARK, LIGHT, mix, N_VALUE_COLORS, valueColor } from "../../src/page/colors";
import { scaleValue } from "../../src/page/format";
import { PROJECTION, SPACE } from "./projection";

test("a label has the color of its id, whatever the query holds", () => {
  const coloring = byLabel(PROJECTION, SPACE, "cell_type");
  expect(coloring.title).toBe("cell type");
  const { palette, colors } = paint(coloring, LIGHT, 5);
  expect(Array.from(colors, (place) => palette[place])).toEqual(["#cc6677", "#332288", "#ddcc77", "#444444", "#ddcc77"]);
  expect(coloring.categories.map(({ name, cells }) => [name, cells])).toEqual([["B", 2], ["CD4 T", 1], ["CD8 T", 1], ["unknown", 1]]);
});

test("36 categories differ, in light and dark", () => {
  for (const theme of [LIGHT, DARK]) {
    expect(new Set(Array.from({ length: 36 }, (_, id) => categoryColor(id, theme))).size).toBe(36);
  }
});

test("cells without a value of a column come last", () => {
  const coloring = byColumn("donor", { codes: Int32Array.of(-1, -1, 1), categories: ["a", "b"] });
  expect(coloring).toMatchObject({
    categories: [{ id: 1, name: "b", cells: 1 }, { id: -1, name: "no value", cells: 2 }],
  });
});

test("numbers of a column are colored from the lowest to the highest, whatever is missing or infinite", () => {
  const colored = (...values: number[]) => byColumn("age", { values: Float32Array.from(values) }) as Values;
  const ages = colored(20, Number.NaN, 60, Number.POSITIVE_INFINITY);
  expect(ages).toMatchObject({ kind: "values", low: 20, high: 60, unit: "value in the file" });
  const last = N_VALUE_COLORS - 1;
  expect(Array.from(paint(ages, LIGHT, 4).colors)).toEqual([0, N_VALUE_COLORS, last, last]);
  expect(valueEntries(ages, LIGHT)).toEqual([{ name: "no value (1)", color: LIGHT.unknown }]);
  expect(valueEntries(colored(7, 7), LIGHT), "no scale").toEqual([{ name: "7", color: valueColor(0, LIGHT) }]);
  expect(Array.from(paint(colored(7, 7), LIGHT, 2).colors)).toEqual([0, 0]);
  expect(colored(Number.NaN)).toEqual({ kind: "nothing", title: "age", reason: "age holds no number in any cell." });
  const text = (cell: number) => cellText(SPACE, { query: {}, projection: PROJECTION } as never, ages, cell).at(-1);
  expect([text(0), text(1)]).toEqual(["age: 20", "age: no value"]);
});

test("columns of the query are told from the present results", () => {
  const title = (name: string) => ownColumnTitle(name, SPACE, { query: {}, projection: PROJECTION } as never);
  expect(["donor", "cell type", "smile_label"].map(title)).toEqual([
    "donor",
    "cell type in your file",
    "smile_label of an earlier run",
  ]);
});

test("values are spread over the palette; a missing one has the color of unknown cells", () => {
  const { palette, colors } = paint(byFraction("similarity", PROJECTION.similarity), LIGHT, 5);
  expect(Array.from(colors)).toEqual([32, 16, N_VALUE_COLORS - 1, 1, N_VALUE_COLORS]);
  expect(palette).toHaveLength(N_VALUE_COLORS + 1);
  expect(palette[N_VALUE_COLORS]).toBe(LIGHT.unknown);
});

test("a feature is colored from zero to its highest value, and says on which scale", () => {
  const colored = (scale: FeatureScale, ...values: number[]) => byFeature("LYZ", { values: Float32Array.from(values), scale });
  expect(colored("log counts", 0, 4, Number.NaN)).toMatchObject({ low: 0, high: 4, unit: "ln(1 + counts per 10,000)" });
  expect(colored("log counts", 0, 0), "no cell has any").toMatchObject({ low: 0, high: 0 });
  expect(colored("presence", 0, 1)).toMatchObject({ high: 1, unit: "1: found in the cell, 0: not found" });
  expect(colored("as in the file", -2, 0.5)).toMatchObject({ low: -2, high: 0.5, unit: "value in the file" });
  const texts = ["0", "1", "0.13", "-2", "0.00034", "9.99e+29"];
  expect([0, 1, 0.125, -2, 0.00034, 9.99e29].map(scaleValue)).toEqual(texts);
});

test("the ends of the scale are visible on their background", () => {
  expect(valueColor(0, LIGHT)).toBe("#440154");
  expect(valueColor(1, DARK)).toBe("#fde725");
  expect(valueColor(0, DARK), "the darkest part is left out").not.toBe("#440154");
  expect(mix("#000000", "#ffffff", 0.5)).toBe("#808080");
});

test("without anything to color by, all cells have the color of unknown ones", () => {
  const { palette, colors } = paint({ kind: "nothing", title: "XYZ", reason: "not measured" }, DARK, 3);
  expect([palette, Array.from(colors)]).toEqual([[DARK.unknown], [0, 0, 0]]);
});
