import { expect, test } from "vitest";
import { categoryColor, contrast, DARK, LIGHT } from "../../src/page/colors";
import { labelColors } from "../../src/page/label-colors";

const LEVELS = {
  primary: "type",
  columns: [
    { name: "type", labels: ["B", "CD4 T", "CD8 T", "NK"], within: "broad", parents: [0, 1, 1, 2] },
    { name: "broad", labels: ["B", "T", "NK"], within: null, parents: [] },
    {
      name: "fine",
      labels: ["B", "CD4 T", "CD4 naive", "CD4 memory", "Treg", "CD8 naive", "NK bright"],
      within: "type",
      parents: [0, 1, 1, 1, 1, 2, 3],
    },
    { name: "organ", labels: ["spleen", "lymph node"], within: null, parents: [] },
  ],
};

test("labels of the same name have the same color at every level", () => {
  const [type, broad, fine] = ["type", "broad", "fine"].map((column) => labelColors(LEVELS, column, LIGHT));
  expect(type).toEqual([0, 1, 2, 3].map((id) => categoryColor(id, LIGHT)));
  expect([broad[0], fine[0]]).toEqual([type[0], type[0]]);
  expect(fine[1], "CD4 T").toBe(type[1]);
  expect(broad[1], "T has the color of its first type").toBe(type[1]);
  expect(broad[2], "NK is the fourth type and the third broad label").toBe(type[3]);
});

test.each([LIGHT, DARK])("finer labels are shades of their own, an only one has the color of its coarser label", (theme) => {
  const [type, fine] = ["type", "fine"].map((column) => labelColors(LEVELS, column, theme));
  expect(new Set(fine).size).toBe(7);
  expect(type.slice(1, 3)).not.toContain(fine[2]);
  expect(fine[6]).toBe(type[3]);
});

test.each([1, 2, 5, 12])("on a dark background every label is visible, with %i finer ones in each", (n) => {
  const coarse = Array.from({ length: 36 }, (_, id) => `type ${id}`);
  const fine = coarse.flatMap((label) => Array.from({ length: n }, (_, id) => `${label} ${id}`));
  const columns = [
    { name: "type", labels: coarse, within: null, parents: [] },
    { name: "fine", labels: fine, within: "type", parents: fine.map((_, id) => Math.floor(id / n)) },
  ];
  const colors = ["type", "fine"].flatMap((column) => labelColors({ primary: "type", columns }, column, DARK));
  expect(Math.min(...colors.map((color) => contrast(color, DARK.background)))).toBeGreaterThanOrEqual(3);
});

test("contrast is that of WCAG", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
});

test("a finer label without a coarser one has a color of its own", () => {
  const columns = [LEVELS.columns[0], { ...LEVELS.columns[2], labels: ["B", "other"], parents: [0, -1] }];
  expect(labelColors({ ...LEVELS, columns }, "fine", LIGHT)[1]).toBe(categoryColor(1, LIGHT));
});

test("an independent column has colors by its ids, an unknown one none", () => {
  expect(labelColors(LEVELS, "organ", LIGHT)).toEqual([categoryColor(0, LIGHT), categoryColor(1, LIGHT)]);
  expect(labelColors(LEVELS, "no such", LIGHT)).toEqual([]);
});
