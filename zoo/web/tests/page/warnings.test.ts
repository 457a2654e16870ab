import { expect, test } from "vitest";
import type { Result } from "../../src/page/result";
import { warningsOf } from "../../src/page/warnings";
import { PROJECTION, SPACE } from "./projection";

const QUERY = { kind: "genes", measuredWeight: 0.9, warnings: [] as string[] };
const unknown = (labels: number[]) => {
  const column = { ...PROJECTION.columns.get("cell_type")!, labels: Int32Array.from(labels) };
  return { ...PROJECTION, columns: new Map([...PROJECTION.columns, ["cell_type", column]]), fileWarnings: [], warnings: [] };
};
const warn = (query: object, labels = [0, 1, 2, -1, 2]) =>
  warningsOf(SPACE, { query: { ...QUERY, ...query }, projection: unknown(labels) } as unknown as Result);

test("nothing is said of a file that suits the reference", () => {
  expect(warn({})).toBe(null);
});

test("little of the feature weight comes first, in the words of the page", () => {
  const measured = "the query measured only 19% of the encoder's feature weight (2 of 9 features; heaviest missing: A)";
  expect(warn({ measuredWeight: 0.19, warnings: [measured] })).toEqual({
    title: "Your file lacks many genes that this reference recognizes cells by",
    texts: ["The file has only 2 of 9 features, with 19% of the weight by which the reference recognizes cells (heaviest missing: A)."],
    isPoorFit: true,
  });
});

test("that most cells are unknown comes before all else; half of them is not most", () => {
  const found = warn({ measuredWeight: 0.19, warnings: ["second"] }, [-1, -1, -1, 0, 1]);
  expect(found?.title).toBe("Most of your cells are like no cell of this reference");
  expect(found?.texts.map((text) => text.split(",")[0])).toEqual(["Most cells resemble nothing in the reference", "Second."]);
  expect(warn({}, [-1, -1, 0, 0, 1])).toBe(null);
});

test("what is wrong with the file comes before what may follow from it", () => {
  const projection = { ...unknown([-1, -1, -1, 0, 1]), fileWarnings: ["/X lacks 1 of 4 chunks"], warnings: ["1 of 5 cells has no values"] };
  const result = { query: { ...QUERY, warnings: ["the file lacks genes"] }, projection } as unknown as Result;
  expect(warningsOf(SPACE, result)?.texts.map((text) => text.split(",")[0])).toEqual([
    "/X lacks 1 of 4 chunks.",
    "Most cells resemble nothing in the reference",
    "The file lacks genes.",
    "1 of 5 cells has no values.",
  ]);
});

test("other warnings speak against the labels, but not against the reference", () => {
  expect(warn({ warnings: ["values are odd"] })).toEqual({
    title: "Check this before you use the labels",
    texts: ["Values are odd."],
    isPoorFit: false,
  });
});
