/** Projection of one part of rows: the single route that all cells take. */
import { summedRepeats } from "../arrays/repeats";
import { type Rows, rowsAt, selectColumns } from "../arrays/rows";
import { type Encoder, openEncoder } from "../encoder/encoder";
import { sizeFactors } from "../encoder/preprocessing";
import { EngineError } from "../engine";
import type { FeatureMatch } from "../features/feature-match";
import { LabelProfiles } from "../mapping/label-profiles";
import { type Mapped, ReferenceMapper, clearCell } from "../mapping/reference-mapper";
import { splitByFeatures } from "../query/unmeasured";
import { areAmounts } from "../query/value-kind";
import type { ValueInterpretation } from "../query/value-recognition";
import type { Space } from "../space/space";
import { counted } from "../text";
import { nonzero } from "./encoder-rows";
import type { EncoderQuery } from "./encoder-query";

/** Results of some cells. */
export interface Projected extends Mapped {
  /** Rows of the part that the results are of, in this order. */
  cells: number[] | null;
  embedding: Float32Array;
  /** Number of the encoder's features that each cell detects. */
  detected: Int32Array;
}

/** Encoder and reference for cells that measured the same features. */
interface Route {
  match: FeatureMatch;
  encoder: Encoder;
  mapper: ReferenceMapper;
}

export class Projector {
  readonly #query: EncoderQuery;
  /** Routes by the key of the features; a single one has the key "". */
  readonly #routes: Map<string, Route>;

  private constructor(query: EncoderQuery, routes: Map<string, Route>) {
    this.#query = query;
    this.#routes = routes;
  }

  /** Open the encoder and the reference for a query. */
  static async open(space: Space, query: EncoderQuery): Promise<Projector> {
    const matches = query.matches.size ? query.matches : new Map([["", query.match]]);
    const routes = new Map<string, Route>();
    for (const [key, match] of matches) routes.set(key, await openRoute(space, query, match));
    return new Projector(query, routes);
  }

  /** Project rows of all the query's features; cells that measured different features come one set after the other. */
  async project(rows: Rows, interpretation: ValueInterpretation): Promise<Projected[]> {
    if (!this.#query.matches.size) return [await this.#project(rows, null, "", interpretation)];
    const results: Projected[] = [];
    for (const [key, cells] of splitByFeatures(rows)) {
      results.push(await this.#project(nonzero(rowsAt(rows, cells)), cells, key, interpretation));
    }
    return results;
  }

  async #project(
    rows: Rows,
    cells: number[] | null,
    key: string,
    interpretation: ValueInterpretation,
  ): Promise<Projected> {
    const { interpreter, record, table } = this.#query;
    const { match, encoder, mapper } = this.#routes.get(key)!;
    const [linear, totals] = interpreter.linearRows(rows, interpretation);
    const selected = selectColumns(linear, match.target, table.ids.length);
    const single = { ...selected, values: Float32Array.from(selected.values) };
    const raw = match.report.summed.length ? summedRepeats(single) : single;
    const factors = sizeFactors(totals, record.preprocessing.target_sum);
    const { embedding, components } = await encoder.encode(raw, factors);
    requireFinite(embedding, rows.n);
    const measured = nonzero(raw);
    const values = measured.values.map((value) => (record.preprocessing.binarise ? Number(value > 0) : value));
    const mapped = mapper.map(embedding, { rows: measured, values: values as Float32Array, components });
    const detected = countPositive(raw);
    if (areAmounts(interpretation.kind)) detected.forEach((n, row) => n || clearCell(mapped, row));
    return { ...mapped, cells, embedding, detected };
  }
}

async function openRoute(space: Space, { record, table }: EncoderQuery, match: FeatureMatch): Promise<Route> {
  const { measured, report } = match;
  const dissimilarity = record.similarity?.dissimilarity;
  let profiles: LabelProfiles | null = null;
  if (dissimilarity) {
    const nComponents = record.sparse?.width ?? 0;
    const nLabels = space.manifest.reference.label_columns[0].labels.length;
    const content = await space.read(dissimilarity.profiles);
    profiles = new LabelProfiles(content, dissimilarity.profiles, nLabels, record.n_features, nComponents, measured);
  }
  const { n_neighbors } = space.manifest.reference;
  return {
    match,
    encoder: await openEncoder(space, record, table, measured),
    mapper: new ReferenceMapper(space.votersOf(record), record, n_neighbors, profiles, report.weight),
  };
}

function requireFinite(embedding: Float32Array, n: number): void {
  const width = embedding.length / n;
  const wrong = new Set<number>();
  embedding.forEach((value, at) => Number.isFinite(value) || wrong.add(Math.floor(at / width)));
  if (wrong.size) {
    throw new EngineError(
      "values",
      `${counted(wrong.size, "cell", "have")} values too large for the encoder; check the largest values of each cell`,
    );
  }
}

const countPositive = ({ n, indptr, values }: Rows): Int32Array =>
  Int32Array.from({ length: n }, (_, row) => {
    let detected = 0;
    for (let at = indptr[row]; at < indptr[row + 1]; at++) if (values[at] > 0) detected++;
    return detected;
  });
