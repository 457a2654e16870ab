import { expect, test } from "vitest";
import { ReferenceMapper } from "../../src/engine/mapping/reference-mapper";
import type { EncoderRecord, LabelColumnRecord } from "../../src/engine/space/manifest";

test("a label that only its mean voted for leaves the position to all neighbors", () => {
  // Both points of A are so much farther than the one of B that they weigh nothing; the mean of A wins.
  const angles = [Math.cos(0.5), Math.sin(0.5), 0, Math.cos(0.5), -Math.sin(0.5), 0, Math.cos(0.01), 0, Math.sin(0.01)];
  const reference = {
    nPoints: 3,
    nLatent: 3,
    embedding: Float32Array.from(angles),
    weight: new Float32Array(3).fill(1),
    map: Float32Array.from([1, 0, 0, 1, 2, 3]),
    labels: [Int32Array.from([0, 0, 1])],
    modality: new Int32Array(3),
    columns: [{ name: "type", labels: ["A", "B"] } as LabelColumnRecord],
  };
  const mapper = new ReferenceMapper(reference, { calibrations: {} } as EncoderRecord, 3, null, 1);
  const rows = { indptr: Int32Array.from([0, 0]), indices: new Int32Array(0), width: 0 };
  const values = { rows, values: new Float32Array(0), components: new Float64Array(0) };
  const found = mapper.map(Float32Array.from([1, 0, 0]), values as unknown as Parameters<typeof mapper.map>[1]);
  expect(found.columns[0].nearest).toEqual(Int32Array.from([0]));
  expect(Array.from(found.map)).toEqual([2, 3]);
});
