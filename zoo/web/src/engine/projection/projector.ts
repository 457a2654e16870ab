/** Projection of one part of rows: the single route that all cells take. */
import { type Rows, selectColumns } from "../arrays/rows";
import { type Encoder, openEncoder } from "../encoder/encoder";
import { sizeFactors } from "../encoder/preprocessing";
import { EngineError } from "../engine";
import { LabelProfiles } from "../mapping/label-profiles";
import { type Mapped, ReferenceMapper } from "../mapping/reference-mapper";
import type { ValueInterpretation } from "../query/value-recognition";
import type { Space } from "../space/space";
import { grouped } from "../text";
import type { EncoderQuery } from "./encoder-query";

/** Results of some cells. */
export interface Projected extends Mapped {
  embedding: Float32Array;
  /** Sum of all values of each cell. */
  totals: Float64Array;
  /** Number of the encoder's features that each cell detects. */
  detected: Int32Array;
}

export class Projector {
  readonly #query: EncoderQuery;
  readonly #encoder: Encoder;
  readonly #mapper: ReferenceMapper;

  private constructor(query: EncoderQuery, encoder: Encoder, mapper: ReferenceMapper) {
    this.#query = query;
    this.#encoder = encoder;
    this.#mapper = mapper;
  }

  /** Open the encoder and the reference for a query. */
  static async open(space: Space, query: EncoderQuery): Promise<Projector> {
    const { record, table, match } = query;
    const encoder = await openEncoder(space, record, table, match.measured);
    const dissimilarity = record.similarity?.dissimilarity;
    const nComponents = (dissimilarity?.deviation && record.sparse?.width) || 0;
    const nLabels = space.manifest.reference.label_columns[0]?.labels.length ?? 0;
    const profiles = dissimilarity
      ? new LabelProfiles(
          await space.read(dissimilarity.profiles),
          dissimilarity.profiles,
          nLabels,
          record.n_features,
          nComponents,
          match.measured,
        )
      : null;
    const { n_neighbors } = space.manifest.reference;
    const mapper = new ReferenceMapper(space.votersOf(record), record, n_neighbors, profiles, match.report.weight);
    return new Projector(query, encoder, mapper);
  }

  /** Project rows of all the query's features. */
  async project(rows: Rows, interpretation: ValueInterpretation): Promise<Projected> {
    const { interpreter, record } = this.#query;
    const [linear, totals] = interpreter.linearRows(rows, interpretation);
    const raw = this.#select(linear);
    const factors = sizeFactors(totals, record.preprocessing.target_sum);
    const { embedding, components } = await this.#encoder.encode(raw, factors);
    requireFinite(embedding, rows.n);
    const values = this.#profileValues(raw);
    const mapped = this.#mapper.map(embedding, { ...values, components });
    return { ...mapped, embedding, totals, detected: countPositive(raw) };
  }

  /** Select the encoder's features, as float32; columns of the same feature are summed. */
  #select(rows: Rows): Rows {
    const { match, table } = this.#query;
    const selected = selectColumns(rows, match.target, table.ids.length);
    const values = Float32Array.from(selected.values);
    const result = { ...selected, values };
    return match.report.summed.length ? summedDuplicates(result) : result;
  }

  /** Return the values for the comparison with profiles: without zeros and NaN. */
  #profileValues(raw: Rows): { rows: Rows; values: Float32Array } {
    const isPresence = Boolean(this.#query.record.preprocessing.binarise);
    const rows = raw.values.every((value) => value > 0) ? raw : nonzero(raw);
    const values = rows.values as Float32Array;
    return { rows, values: isPresence ? values.map((value) => (value > 0 ? 1 : 0)) : values };
  }
}

function requireFinite(embedding: Float32Array, n: number): void {
  const width = embedding.length / n;
  const wrong = new Set<number>();
  embedding.forEach((value, at) => Number.isFinite(value) || wrong.add(Math.floor(at / width)));
  if (wrong.size) {
    throw new EngineError(
      "values",
      `${grouped(wrong.size)} cells have values too large for the encoder; check the largest values of each cell, or ` +
        "choose another layer",
    );
  }
}

const countPositive = ({ n, indptr, values }: Rows): Int32Array =>
  Int32Array.from({ length: n }, (_, row) => {
    let detected = 0;
    for (let at = indptr[row]; at < indptr[row + 1]; at++) if (values[at] > 0) detected++;
    return detected;
  });

function nonzero(rows: Rows): Rows {
  const kept = Uint8Array.from(rows.values, (value) => Number(value !== 0 && !Number.isNaN(value)));
  const size = kept.reduce((sum, each) => sum + each, 0);
  const [indices, values, indptr] = [new Int32Array(size), new Float32Array(size), new Int32Array(rows.n + 1)];
  let next = 0;
  for (let row = 0; row < rows.n; row++) {
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      if (!kept[at]) continue;
      indices[next] = rows.indices[at];
      values[next++] = rows.values[at];
    }
    indptr[row + 1] = next;
  }
  return { ...rows, indptr, indices, values };
}

function summedDuplicates(rows: Rows): Rows {
  const place = new Int32Array(rows.nColumns).fill(-1);
  const [indices, values] = [rows.indices.slice(), Float32Array.from(rows.values)];
  const indptr = new Int32Array(rows.n + 1);
  let next = 0;
  for (let row = 0; row < rows.n; row++) {
    const start = next;
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      const column = rows.indices[at];
      if (place[column] >= start) values[place[column]] += rows.values[at];
      else {
        place[column] = next;
        indices[next] = column;
        values[next++] = rows.values[at];
      }
    }
    indptr[row + 1] = next;
  }
  return { ...rows, indptr, indices: indices.subarray(0, next), values: values.subarray(0, next) };
}
