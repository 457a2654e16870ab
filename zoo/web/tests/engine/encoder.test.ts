import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Rows } from "../../src/engine/arrays/rows";
import { openEncoder } from "../../src/engine/encoder/encoder";
import { readOnnxGraph, type GraphNode, type OnnxGraph } from "../../src/engine/encoder/onnx-graph";
import { GraphSession, SessionTrunk } from "../../src/engine/encoder/onnx-runtime";
import { PlainTrunk } from "../../src/engine/encoder/trunk";
import { Space } from "../../src/engine/space/space";
import { readTensors } from "../../src/engine/space/tensors";
import { fetchLocal, packagedFiles, siteOf, spaceNames } from "./packaged";

const MAX_DIFFERENCE = 1e-5;

beforeAll(() => {
  vi.stubGlobal("fetch", fetchLocal);
  vi.stubGlobal("navigator", {});
});

afterAll(() => {
  vi.unstubAllGlobals();
});

/** A row without its zeros and NaN, and whether each feature was measured. */
function sparseRow(values: Float32Array): [Rows, Uint8Array] {
  const indices = Array.from(values.keys()).filter((at) => values[at] > 0);
  const rows = {
    n: 1,
    nColumns: values.length,
    indptr: Int32Array.from([0, indices.length]),
    indices: Int32Array.from(indices),
    values: Float32Array.from(indices, (at) => values[at]),
  };
  return [rows, Uint8Array.from(values, (value) => Number(!Number.isNaN(value)))];
}

/** Return the largest difference from torch's embedding in the first rows, through the whole graph or as sparse rows. */
async function parityDifference(space: Space, { isWhole = false, nRows = Infinity } = {}): Promise<number> {
  const [record] = Object.values(space.manifest.encoders);
  const { X, size_factor, embedding } = readTensors(await space.read(record.parity), record.parity);
  const [n, nFeatures] = X.shape;
  let most = 0;
  for (let row = 0; row < Math.min(n, nRows); row++) {
    const [rows, measured] = sparseRow((X.data as Float32Array).subarray(row * nFeatures, (row + 1) * nFeatures));
    const chosen = isWhole ? { ...record, sparse: undefined } : record;
    const encoder = await openEncoder(space, chosen, await space.table(record), measured);
    const found = (await encoder.encode(rows, (size_factor.data as Float32Array).subarray(row, row + 1))).embedding;
    found.forEach((value, at) => (most = Math.max(most, Math.abs(value - embedding.data[row * record.n_latent + at]))));
  }
  return most;
}

const packaged = (name: string): Promise<Space> => Space.open({ files: packagedFiles(name) });

test.each(spaceNames())("%s: the parity rows get torch's embedding", async (name) => {
  expect(await parityDifference(await packaged(name))).toBeLessThan(MAX_DIFFERENCE);
});

test("a whole graph, by onnxruntime-web", async () => {
  expect(await parityDifference(await Space.open(siteOf("mouse-skin")), { isWhole: true, nRows: 3 })).toBeLessThan(
    MAX_DIFFERENCE,
  );
});

test("a page without onnxruntime-web refuses an encoder that needs it", async () => {
  vi.resetModules();
  const { GraphSession } = await import("../../src/engine/encoder/onnx-runtime");
  await expect(GraphSession.open(new Uint8Array(), { files: {} })).rejects.toThrow(
    "the encoder of this space needs onnxruntime-web, which this page does not have; export the page again with this space",
  );
});

test("each file of onnxruntime-web is verified before it runs", async () => {
  const source = siteOf("pbmc");
  for (const [path, record] of Object.entries(source.shared).filter(([name]) => name.startsWith("ort/"))) {
    vi.resetModules();
    const { GraphSession } = await import("../../src/engine/encoder/onnx-runtime");
    const sha256 = record.sha256.replace(/./, (digit) => (digit === "0" ? "1" : "0"));
    const changed = { ...source, shared: { ...source.shared, [path]: { ...record, sha256 } } };
    await expect(GraphSession.open(new Uint8Array(), changed)).rejects.toThrow(
      `${path} was changed: its sha256 is ${record.sha256.slice(0, 12)}…, but the list of spaces says ${sha256.slice(0, 12)}…; copy`,
    );
  }
});

test("a trunk by onnxruntime-web, as by this engine", async () => {
  const content = packagedFiles("pbmc")["onnx/rna.trunk.onnx"];
  const first = Float64Array.from({ length: 150 }, (_, at) => Math.fround(Math.sin(at)));
  const own = await new PlainTrunk(readOnnxGraph(content), 50).run(first, 3);
  const other = await new SessionTrunk(await GraphSession.open(content, siteOf("pbmc"))).run(first, 3);
  expect(Math.max(...own.map((value, at) => Math.abs(value - other[at])))).toBeLessThan(1e-6);
});

const node = (
  operator: string,
  inputs: string[],
  output: string,
  attributes: Record<string, number> = {},
): GraphNode => ({
  operator,
  inputs,
  outputs: [output],
  attributes,
});

const tensors: OnnxGraph["tensors"] = new Map(Object.entries({
  weight: { shape: [2, 3], data: Float32Array.from([1, 2, 3, -4, -5, -6]) },
  bias: { shape: [3], data: Float32Array.from([0, 0, 1]) },
  rows: { shape: [3, 2], data: Float32Array.from([1, -4, 2, -5, 3, -6]) },
}));

test("MatMul, Add and LeakyRelu", async () => {
  const nodes = [
    node("MatMul", ["first", "weight"], "a"),
    node("Add", ["a", "bias"], "b"),
    node("LeakyRelu", ["b"], "embedding", { alpha: 0.5 }),
    node("Softmax", ["b"], "pseudo_type"), // which the embedding does not depend on
  ];
  expect(PlainTrunk.takes({ nodes, tensors })).toBe(true);
  const found = await new PlainTrunk({ nodes, tensors }, 2).run(Float64Array.from([1, 0, 0, 1]), 2);
  expect([...found]).toEqual([1, 2, 4, -2, -2.5, -2.5]);
});

test("Gemm with weights by output or by input", async () => {
  for (const [weight, attributes] of [
    ["rows", { transB: 1 }],
    ["weight", {}],
  ] as const) {
    const nodes = [node("Gemm", ["first", weight, "bias"], "embedding", attributes)];
    const found = await new PlainTrunk({ nodes, tensors }, 2).run(Float64Array.from([1, 1]), 1);
    expect([...found]).toEqual([-3, -3, -2]);
  }
});

test.each([
  node("Softmax", ["first"], "embedding"),
  node("constructor", ["first"], "embedding"),
  node("Gemm", ["first", "weight", "bias"], "embedding", { alpha: 2 }),
  node("MatMul", ["weight", "first"], "embedding"),
])("other layers are left to onnxruntime-web %#", (other) => {
  expect(PlainTrunk.takes({ nodes: [other], tensors })).toBe(false);
});
