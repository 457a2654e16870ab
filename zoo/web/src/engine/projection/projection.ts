/** Projection of all cells of a query, part by part. */
import type { Rows } from "../arrays/rows";
import { sliceRows } from "../arrays/rows";
import type { ColumnResult, Progress, Projection } from "../engine";
import { Reinterpretation } from "../query/value-interpretation";
import { areAmounts } from "../query/value-kind";
import type { MetricRecord } from "../space/manifest";
import type { Space } from "../space/space";
import { counted } from "../text";
import { type EncoderQuery, poorestMatch } from "./encoder-query";
import { accuracyLeftOutBatches, expectedAccuracy } from "./expected-accuracy";
import { type Projected, Projector } from "./projector";

const BATCH_ROWS = 256; // between two reports of progress

type Results = Omit<Projection, "cells" | "fileWarnings" | "seconds">;

/** Project all cells; `progress` is called after each batch. */
export async function projectAll(
  space: Space,
  query: EncoderQuery,
  progress: (done: Progress) => void,
): Promise<Results> {
  const projector = await Projector.open(space, query);
  for (;;) {
    try {
      return await projectOnce(space, query, projector, progress);
    } catch (error) {
      if (!(error instanceof Reinterpretation)) throw error;
      query.interpretation = error.interpretation; // a later cell shows what the values are
    }
  }
}

async function projectOnce(
  space: Space,
  query: EncoderQuery,
  projector: Projector,
  progress: (done: Progress) => void,
): Promise<Results> {
  const total = query.matrix.n;
  const collected = new CollectedResults(space, query.record.n_latent, total);
  progress({ done: 0, total });
  for await (const rows of query.matrix.parts()) {
    for (const batch of batchesOf(rows)) {
      collected.add(batch.n, await projector.project(batch, query.interpretation));
      progress({ done: collected.n, total });
    }
  }
  return collected.finish(query);
}

function* batchesOf(rows: Rows): Generator<Rows> {
  for (let start = 0; start < rows.n; start += BATCH_ROWS) {
    yield sliceRows(rows, start, Math.min(start + BATCH_ROWS, rows.n));
  }
}

class CollectedResults {
  n = 0;
  readonly #names: string[];
  readonly #columns: ColumnResult[];
  readonly #similarity: Float32Array;
  readonly #map: Float32Array;
  readonly #embedding: Float32Array;
  readonly #detected: Int32Array;
  readonly #metrics: MetricRecord[];

  constructor(space: Space, nLatent: number, total: number) {
    this.#names = space.reference.columns.map(({ name }) => name);
    this.#columns = this.#names.map(() => ({
      labels: new Int32Array(total),
      nearest: new Int32Array(total),
      confidence: new Float32Array(total),
    }));
    this.#similarity = new Float32Array(total);
    this.#map = new Float32Array(2 * total);
    this.#embedding = new Float32Array(nLatent * total);
    this.#detected = new Int32Array(total);
    this.#metrics = space.manifest.metrics;
  }

  /** Add the results of the next `n` cells. */
  add(n: number, parts: Projected[]): void {
    for (const part of parts) {
      const place = (row: number): number => this.n + (part.cells ? part.cells[row] : row);
      part.columns.forEach(({ labels, nearest, confidence }, index) => {
        const column = this.#columns[index];
        scatter(labels, column.labels, 1, place);
        scatter(nearest, column.nearest, 1, place);
        scatter(confidence, column.confidence, 1, place);
      });
      scatter(part.similarity, this.#similarity, 1, place);
      scatter(part.map, this.#map, 2, place);
      scatter(part.embedding, this.#embedding, part.embedding.length / part.detected.length, place);
      scatter(part.detected, this.#detected, 1, place);
    }
    this.n += n;
  }

  finish(query: EncoderQuery): Results {
    const { interpretation } = query;
    const { nMatched, nFeatures, weight } = poorestMatch(query).report;
    const nEmpty = this.#detected.filter((each) => each === 0).length;
    const empty =
      nEmpty && areAmounts(interpretation.kind)
        ? [
            `${counted(nEmpty, "cell", "have", this.n)} no values in the features of the space: unknown, with a ` +
              "confidence of 0",
          ]
        : [];
    return {
      columns: new Map(this.#names.map((name, index) => [name, this.#columns[index]])),
      similarity: this.#similarity,
      map: this.#map,
      embedding: this.#embedding,
      expectedAccuracy: expectedAccuracy(
        query.record,
        accuracyLeftOutBatches(this.#metrics, query.modality),
        this.#medianDetected(),
        nMatched / nFeatures,
        weight,
      ),
      warnings: [...empty, ...interpretation.remarks],
    };
  }

  /** Return the smallest number of features that at least half of the cells do not exceed. */
  #medianDetected(): number {
    const ordered = this.#detected.toSorted();
    return ordered[Math.max(0, Math.ceil(this.n / 2) - 1)] ?? 0;
  }
}

/** Copy the rows of an array, each of so many values, to their places in another. */
function scatter(
  from: Float32Array | Int32Array,
  to: Float32Array | Int32Array,
  width: number,
  place: (row: number) => number,
): void {
  for (let row = 0; row * width < from.length; row++) {
    const start = place(row) * width;
    for (let at = 0; at < width; at++) to[start + at] = from[row * width + at];
  }
}
