/** The reference of a space: the points that query cells are mapped onto. */
import { EngineError } from "../engine";
import type { LabelColumnRecord, ReferenceRecord } from "./manifest";
import { floats, readTensors } from "./tensors";

export interface Reference {
  nPoints: number;
  nLatent: number;
  /** L2-normalized embedding, (m, n_latent). */
  embedding: Float32Array;
  /** Number of cells that each point stands for, (m,). */
  weight: Float32Array;
  /** Coordinates on the map, (m, 2). */
  map: Float32Array;
  /** Label id of each point in each column, (m,) each; -1 for none. */
  labels: Int32Array[];
  /** Index into the modalities, (m,). */
  modality: Int32Array;
  columns: LabelColumnRecord[];
}

/** Read the points of a reference. */
export function readReference(content: Uint8Array, record: ReferenceRecord, nLatent: number): Reference {
  const tensors = readTensors(content, record.points);
  const m = record.n_points;
  const columns = record.label_columns;
  const label = tensors.label?.data;
  const modality = tensors.modality?.data;
  if (!(label instanceof Int32Array) || label.length !== m * columns.length || !(modality instanceof Int32Array)) {
    throw new EngineError("space", `${record.points} holds no labels of ${m} points; pull or build the space again`);
  }
  return {
    nPoints: m,
    nLatent,
    embedding: floats(tensors, "embedding", [m, nLatent], record.points),
    weight: floats(tensors, "weight", [m], record.points),
    map: floats(tensors, "map", [m, 2], record.points),
    labels: columns.map((_, column) =>
      Int32Array.from({ length: m }, (_, row) => label[row * columns.length + column]),
    ),
    modality,
    columns,
  };
}

/** Return only the points in the given rows. */
export function selectPoints(reference: Reference, rows: number[]): Reference {
  const take = <T extends Float32Array | Int32Array>(array: T, width: number): T => {
    const result = array.slice(0, rows.length * width) as T;
    rows.forEach((row, index) => result.set(array.subarray(row * width, (row + 1) * width), index * width));
    return result;
  };
  return {
    ...reference,
    nPoints: rows.length,
    embedding: take(reference.embedding, reference.nLatent),
    weight: take(reference.weight, 1),
    map: take(reference.map, 2),
    labels: reference.labels.map((labels) => take(labels, 1)),
    modality: take(reference.modality, 1),
  };
}
