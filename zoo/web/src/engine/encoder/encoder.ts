/** The encoder of one modality for the features that a query measured: raw values in, embedding out. */
import type { Rows } from "../arrays/rows";
import type { SpaceSource } from "../engine";
import type { FeatureTable } from "../space/feature-table";
import type { EncoderRecord } from "../space/manifest";
import type { Space } from "../space/space";
import { floats, readTensors } from "../space/tensors";
import { FirstLayer } from "./first-layer";
import { readOnnxGraph } from "./onnx-graph";
import { GraphSession, SessionTrunk } from "./onnx-runtime";
import { Preprocessing } from "./preprocessing";
import { PlainTrunk, type Trunk } from "./trunk";

/** Embedding of cells, (n, n_latent), and the first layer's output, (n, width); empty for a whole graph. */
export interface Encoded {
  embedding: Float32Array;
  components: Float64Array;
}

export interface Encoder {
  /** Embed rows in the encoder's feature order, with the factor of each cell that scales it to the target sum. */
  encode(rows: Rows, sizeFactor: Float32Array): Promise<Encoded>;
}

/** Open an encoder; `measured` tells for each feature whether the query measured it. */
export async function openEncoder(
  space: Space,
  record: EncoderRecord,
  table: FeatureTable,
  measured: Uint8Array,
): Promise<Encoder> {
  if (!record.sparse) return openWholeGraph(space, record, table, measured);
  const { first, trunk, width } = record.sparse;
  const weight = floats(readTensors(await space.read(first), first), "weight", [record.n_features, width], first);
  const layer = new FirstLayer(weight, width, table, measured);
  return new SparseEncoder(
    new Preprocessing(record.preprocessing, table, measured),
    layer,
    await openTrunk(await space.read(trunk), width, space.source),
  );
}

async function openTrunk(content: Uint8Array, width: number, source: SpaceSource): Promise<Trunk> {
  const graph = readOnnxGraph(content);
  if (PlainTrunk.takes(graph)) return new PlainTrunk(graph, width);
  return new SessionTrunk(await GraphSession.open(content, source));
}

/** Takes rows as they are: the first layer in float64, the trunk behind it. */
class SparseEncoder implements Encoder {
  constructor(
    readonly preprocessing: Preprocessing,
    readonly layer: FirstLayer,
    readonly trunk: Trunk,
  ) {}

  async encode(rows: Rows, sizeFactor: Float32Array): Promise<Encoded> {
    const components = this.layer.run(rows, this.preprocessing.transform(rows, sizeFactor));
    return { embedding: await this.trunk.run(components, rows.n), components };
  }
}

async function openWholeGraph(
  space: Space,
  record: EncoderRecord,
  table: FeatureTable,
  measured: Uint8Array,
): Promise<Encoder> {
  const session = await GraphSession.open(await space.read(record.graph), space.source);
  const empty = Float32Array.from(measured, (each) => (each ? 0 : NaN));
  const nFeatures = table.ids.length;
  return {
    async encode(rows: Rows, sizeFactor: Float32Array): Promise<Encoded> {
      const dense = new Float32Array(rows.n * nFeatures);
      for (let row = 0; row < rows.n; row++) {
        dense.set(empty, row * nFeatures);
        for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
          dense[row * nFeatures + rows.indices[at]] = rows.values[at];
        }
      }
      const embedding = await session.embed({ X: dense, size_factor: sizeFactor }, rows.n);
      return { embedding, components: new Float64Array(0) };
    },
  };
}
