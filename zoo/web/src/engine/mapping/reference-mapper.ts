/** Map embedded cells onto a reference: labels, confidence, similarity, and coordinates on the map. */
import type { Rows } from "../arrays/rows";
import type { ColumnResult } from "../engine";
import type { EncoderRecord } from "../space/manifest";
import type { Reference } from "../space/reference";
import { calibrateConfidence, weighEvidence } from "./confidence";
import { dissimilarityOf, logOfDistance, logOfMeasured, type Measures } from "./dissimilarity";
import { interpolate } from "./interpolation";
import { orderByLevel, undeterminedLabels } from "./label-levels";
import { LabelMeans } from "./label-means";
import type { LabelProfiles } from "./label-profiles";
import { neighborWeights, transferLabels } from "./label-transfer";
import { kernelWidth, mapPositions } from "./map-position";
import { findNearestNeighbors, type Neighbors } from "./nearest-neighbors";

const UNKNOWN_RATE = 0.05;
const UNKNOWN_ID = -1;

/** Values of cells as the profiles take them: rows without zeros, and the components of the stem. */
interface CellValues {
  rows: Rows;
  values: Float32Array;
  components: Float64Array;
}

export interface Mapped {
  columns: ColumnResult[];
  similarity: Float32Array;
  map: Float32Array;
}

export class ReferenceMapper {
  readonly #reference: Reference;
  readonly #points: Float64Array;
  readonly #means: LabelMeans;
  readonly #record: EncoderRecord;
  readonly #nNeighbors: number;
  readonly #profiles: LabelProfiles | null;
  readonly #logMeasured: number;
  readonly #width: number;
  readonly #quantiles: Float64Array;

  /**
   * @param reference Points whose labels are transferred.
   * @param profiles Profiles of the labels in the measured features; null if the space has none.
   * @param measuredWeight Fraction of the encoder's feature weight that the query measured.
   */
  constructor(
    reference: Reference,
    record: EncoderRecord,
    nNeighbors: number,
    profiles: LabelProfiles | null,
    measuredWeight: number,
  ) {
    this.#reference = reference;
    this.#points = Float64Array.from(reference.embedding);
    this.#means = new LabelMeans(reference);
    this.#record = record;
    this.#nNeighbors = nNeighbors;
    this.#profiles = profiles;
    this.#logMeasured = logOfMeasured(measuredWeight);
    this.#width = kernelWidth(reference.map);
    const n = record.similarity?.quantiles.length ?? 0;
    this.#quantiles = Float64Array.from({ length: n }, (_, at) => 1 - at / (n - 1));
  }

  /** Map cells with an embedding, (n, n_latent), and their values. */
  map(embedding: Float32Array, values: CellValues): Mapped {
    const reference = this.#reference;
    const neighbors = findNearestNeighbors(embedding, this.#points, reference.nLatent, this.#nNeighbors);
    const distance = meanDistances(neighbors);
    const measures = this.#measure(distance, values);
    const weights = neighborWeights(neighbors, reference);
    const fromMeans = reference.columns.map((_, column) => this.#means.distances(embedding, column));
    const transfers = transferLabels(neighbors, weights, reference, fromMeans);
    const columns = transfers.map(({ label, share }, index) => ({
      labels: label.slice(),
      nearest: label,
      confidence: this.#confidence(share, reference.columns[index].name, measures),
    }));
    this.#inheritConfidence(columns);
    const similarity = this.#similarity(distance, measures);
    for (const { labels } of columns) {
      for (let row = 0; row < labels.length; row++) if (similarity[row] < UNKNOWN_RATE) labels[row] = UNKNOWN_ID;
    }
    if (transfers.length) this.#keepWinners(weights, neighbors, transfers[0].label);
    return { columns, similarity, map: mapPositions(reference.map, neighbors, weights, this.#width) };
  }

  /** Set the weights of neighbors without the winning primary label to 0, unless none with a weight has it. */
  #keepWinners(weights: Float32Array, { k, indices }: Neighbors, winners: Int32Array): void {
    const labels = this.#reference.labels[0];
    winners.forEach((winner, row) => {
      const all = Array.from({ length: k }, (_, at) => row * k + at);
      if (!all.some((at) => labels[indices[at]] === winner && weights[at] > 0)) return;
      for (const at of all) if (labels[indices[at]] !== winner) weights[at] = 0;
    });
  }

  #measure(distance: Float32Array, { rows, values, components }: CellValues): Measures[] | null {
    const profiles = this.#profiles;
    if (profiles === null) return null;
    const surprise = profiles.surprise(rows, values);
    const deviation = profiles.hasAxes ? profiles.deviation(components) : null;
    return Array.from(distance, (each, row) => ({
      logDistance: logOfDistance(each),
      surprise: surprise[row],
      deviation: deviation && deviation[row],
      logDetected: Math.log(Math.max(rows.indptr[row + 1] - rows.indptr[row], 1)),
      logMeasured: this.#logMeasured,
    }));
  }

  #confidence(share: Float32Array, column: string, measures: Measures[] | null): Float32Array {
    const calibration = this.#record.calibrations[column];
    const dissimilarity = this.#record.similarity?.dissimilarity;
    const weights = measures && dissimilarity && calibration?.weights;
    return share.map((each, row) => {
      const evidence = weights ? weighEvidence(each, measures[row], dissimilarity, weights) : each;
      return calibrateConfidence(evidence, calibration);
    });
  }

  /** Give labels that say nothing about their level the confidence of their parents, which mean the same. */
  #inheritConfidence(columns: ColumnResult[]): void {
    const records = this.#reference.columns;
    const undetermined = undeterminedLabels(records);
    for (const index of orderByLevel(records)) {
      const parent = records.findIndex(({ name }) => name === records[index].within);
      if (parent < 0) continue;
      const { nearest, confidence } = columns[index];
      nearest.forEach((label, row) => {
        if (label >= 0 && undetermined[index][label]) confidence[row] = columns[parent].confidence[row];
      });
    }
  }

  #similarity(distance: Float32Array, measures: Measures[] | null): Float32Array {
    const record = this.#record.similarity;
    if (!record) return new Float32Array(distance.length).fill(NaN);
    return distance.map((each, row) => {
      const dissimilarity =
        measures && record.dissimilarity ? dissimilarityOf(measures[row], record.dissimilarity) : each;
      return interpolate(dissimilarity, record.quantiles, this.#quantiles);
    });
  }
}

/** Leave a cell without label, confidence and position on the map. */
export function clearCell({ columns, similarity, map }: Mapped, row: number): void {
  for (const { labels, nearest, confidence } of columns) {
    labels[row] = nearest[row] = UNKNOWN_ID;
    confidence[row] = 0;
  }
  if (!Number.isNaN(similarity[row])) similarity[row] = 0;
  map.fill(NaN, 2 * row, 2 * row + 2);
}

function meanDistances({ k, distances }: Neighbors): Float32Array {
  return Float32Array.from({ length: distances.length / k }, (_, row) => {
    let sum = 0;
    for (let at = row * k; at < (row + 1) * k; at++) sum += distances[at];
    return sum / k;
  });
}
