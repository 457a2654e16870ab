import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Preprocessing, sizeFactors } from "../../src/engine/encoder/preprocessing";
import type { PreprocessingRecord } from "../../src/engine/space/manifest";

const vectors = JSON.parse(readFileSync(new URL("preprocessing.json", import.meta.url), "utf8"));
const kinds = vectors.kinds as Record<string, { record: PreprocessingRecord; transformed: number[] }>;
const rows = {
  n: vectors.totals.length,
  nColumns: vectors.ids.length,
  indptr: Int32Array.from(vectors.indptr),
  indices: Int32Array.from(vectors.indices),
  values: Float32Array.from(vectors.values),
};
const table = {
  ids: vectors.ids,
  ...Object.fromEntries(["mean", "std", "weight", "idf"].map((name) => [name, Float64Array.from(vectors[name])])),
  band: Int32Array.from(vectors.band),
} as unknown as ConstructorParameters<typeof Preprocessing>[1];

test.each(Object.keys(kinds))("%s: the same as in Python", (name) => {
  const { record, transformed } = kinds[name];
  const preprocessing = new Preprocessing(record, table, Uint8Array.from(vectors.measured));
  const found = preprocessing.transform(rows, sizeFactors(Float64Array.from(vectors.totals), record.target_sum));
  expect(found.length).toBe(transformed.length);
  transformed.forEach((value, at) => expect(found[at] / value).toBeCloseTo(1, 6));
});
