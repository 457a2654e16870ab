import { expect, test } from "vitest";
import { countTexts } from "../../src/page/count-table";
import { countLabels } from "../../src/page/label-table";
import { PROJECTION, SPACE } from "./projection";

const { labels } = SPACE.columns[1];
const result = PROJECTION.columns.get("cell_type")!;

test("labels are counted, the most frequent first and unknown last", () => {
  const rows = countLabels(result, labels).map(({ label, cells, share }) => [label, cells, share]);
  expect(rows).toEqual([["B", 2, 0.4], ["CD4 T", 1, 0.2], ["CD8 T", 1, 0.2], ["unknown", 1, 0.2]]);
});

test("confidence is averaged over the cells of a label; unknown cells have none in unknown", () => {
  const rows = countLabels(result, labels);
  expect(rows[0].confidence).toBeCloseTo(0.75);
  expect(countTexts(rows.at(-1)!)).toEqual(["1", "20.0%", "–"]);
});

test("only selected cells count", () => {
  expect(countLabels(result, labels, [3, 1])).toMatchObject([
    { label: "CD8 T", cells: 1, share: 0.5 },
    { label: "unknown", id: -1, cells: 1, share: 0.5 },
  ]);
});
