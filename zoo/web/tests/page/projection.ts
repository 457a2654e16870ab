/** A projection of five cells, as the engine returns it. */
import type { Projection, SpaceSummary } from "../../src/engine";

export const SPACE = {
  name: "toy",
  title: "Toy",
  primary: "cell_type",
  columns: [
    { name: "broad", labels: ["T", "B"], within: null, parents: [] },
    { name: "cell_type", labels: ["CD4 T", "CD8 T", "B"], within: "broad", parents: [0, 0, 1] },
  ],
  ontology: new Map([
    ["CD4 T", "CL:0000624"],
    ["B", "CL:0000236"],
  ]),
} as unknown as SpaceSummary;

export const PROJECTION = {
  cells: ["AAA-1", "odd, \"cell\"", "CCC-1", "007", "GGG-1"],
  columns: new Map(Object.entries({
    broad: {
      labels: Int32Array.of(0, 0, 1, -1, 1),
      nearest: Int32Array.of(0, 0, 1, 1, 1),
      confidence: Float32Array.of(1, 0.75, 0.5, 0.25, 0.5),
    },
    cell_type: {
      labels: Int32Array.of(0, 1, 2, -1, 2),
      nearest: Int32Array.of(0, 1, 2, 2, 2),
      confidence: Float32Array.of(0.9, 0.1, 0.5, 0.25, 1),
    },
  })),
  similarity: Float32Array.of(0.5, 0.25, 1, 0.01, Number.NaN),
  map: Float32Array.of(0, 0, 10, 0, 10, 5, Number.NaN, Number.NaN, 0, 5),
} as unknown as Projection;
