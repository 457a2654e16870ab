import { expect, test } from "vitest";
import { byColumn, byFraction, byLabel } from "../../src/page/coloring";
import { figureLegend } from "../../src/page/figure-legend";
import { countShown, setHidden } from "../../src/page/hidden-cells";
import { PROJECTION, SPACE } from "./projection";

const [cellType, broad] = ["cell_type", "broad"].map((column) => byLabel(PROJECTION, SPACE, column));

test("cells that are hidden by one level of labels are hidden at every level, also if only part of a label is", () => {
  const hidden = new Set<number>();
  setHidden(hidden, cellType, 1, true); // CD8 T
  setHidden(hidden, cellType, -1, true);
  expect(hidden).toEqual(new Set([1, 3]));
  expect(countShown(broad, hidden)).toEqual(new Map([[1, 2], [0, 1], [-1, 0]]));
  setHidden(hidden, broad, 0, false); // T
  expect(hidden).toEqual(new Set([3]));
});

test("the legend of a saved map counts the cells that are shown, and leaves out what is hidden", () => {
  const entries = figureLegend(broad, new Set([0, 2, 4]));
  expect(entries).toMatchObject({ entries: [{ name: "T (1)" }, { name: "unknown (1)" }] });
  expect(figureLegend(byFraction("similarity", PROJECTION.similarity), new Set([0]))).toMatchObject({ scale: ["0", "1"] });
  const names = Array.from({ length: 70 }, (_, index) => `donor ${index}`);
  const donors = byColumn("donor", { codes: Int32Array.from(names.keys()), categories: names });
  expect(figureLegend(donors, new Set()).entries).toHaveLength(61);
  expect(figureLegend(donors, new Set([0])).entries.at(-1)).toEqual({ name: "and 9 more", color: null });
});
