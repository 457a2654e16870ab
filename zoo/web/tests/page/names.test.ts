/** Names that every object of JavaScript has a member of, as names of columns, labels and batches. */
import { expect, test } from "vitest";
import type { Projection, SpaceSummary } from "../../src/engine";
import { cellText } from "../../src/page/cell-text";
import { byColumn, byLabel } from "../../src/page/coloring";
import { countLabels } from "../../src/page/label-table";
import { labelColumns } from "../../src/page/result";
import { resultsCsv } from "../../src/page/results-csv";

const NAMES = ["constructor", "__proto__", "toString"];

const SPACE = {
  primary: "__proto__",
  columns: ["__proto__", "constructor", "toString"].map((name) => ({ name, labels: NAMES, within: null })),
  ontology: new Map([["__proto__", "CL:0000624"]]),
} as unknown as SpaceSummary;

const column = { labels: Int32Array.of(0, 1, -1), nearest: Int32Array.of(0, 1, 2), confidence: Float32Array.of(1, 0.5, 0) };

const PROJECTION = structuredClone({
  cells: NAMES,
  columns: new Map([
    ["constructor", column],
    ["__proto__", column],
  ]), // but not "toString"
  similarity: Float32Array.of(1, 1, 0),
  map: new Float32Array(6),
}) as unknown as Projection;

test("labels, their columns and their terms", () => {
  expect(labelColumns(SPACE, { projection: PROJECTION }).map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
  const [header, ...lines] = resultsCsv(PROJECTION, SPACE).join("").trim().split("\n");
  expect(header).toContain("smile_label,smile_nearest_label,smile_confidence,smile_label_ontology_term_id,smile_label_constructor");
  expect(lines[0]).toMatch(/^constructor,constructor,constructor,1,unknown,/);
  expect(lines[1]).toMatch(/^__proto__,__proto__,__proto__,0.5,CL:0000624,/);
  expect(lines[2]).toMatch(/^toString,unknown,toString,0,unknown,/);
  expect(byLabel(PROJECTION, SPACE, "__proto__").categories.map(({ name }) => name)).toEqual(["__proto__", "constructor", "unknown"]);
  expect(countLabels(PROJECTION.columns.get("constructor")!, NAMES).map(({ label }) => label)).toContain("__proto__");
});

test("batches", () => {
  const coloring = byColumn("constructor", { codes: Int32Array.of(0, 1, -1), categories: NAMES });
  expect(coloring).toMatchObject({ categories: [{ name: "__proto__" }, { name: "constructor" }, { name: "no value" }] });
  expect(cellText(SPACE, { query: {}, projection: PROJECTION } as never, coloring, 1)).toContain("constructor: __proto__");
});
