/** Label transfer: a weighted vote of a cell's nearest neighbors in the reference, and of the means of labels. */
import type { LabelColumnRecord } from "../space/manifest";
import type { Reference } from "../space/reference";
import { isFinerLevel, orderByLevel, undeterminedLabels } from "./label-levels";
import type { Neighbors } from "./nearest-neighbors";

const MIN_KERNEL_WIDTH = 1e-3;
const MEAN_WIDTH = 0.45;
const MIN_MEAN_DISTANCE = 1e-6;

interface LabelTransfer {
  /** Label ids, -1 if points without a label won, (n,). */
  label: Int32Array;
  /** Fraction of the votes for that label, (n,). */
  share: Float32Array;
}

/**
 * Return the weight of each neighbor, (n, k), rows summing to 1.
 *
 * It is the square root of the number of cells of the point, times a Gaussian of its distance.
 */
export function neighborWeights({ k, indices, distances }: Neighbors, reference: Reference): Float32Array {
  const weights = new Float32Array(indices.length);
  for (let start = 0; start < indices.length; start += k) {
    const width = Math.max(distances[start], MIN_KERNEL_WIDTH);
    let total = 0;
    for (let at = start; at < start + k; at++) {
      const ratio = distances[at] / width;
      weights[at] = Math.sqrt(reference.weight[indices[at]]) * Math.exp(-ratio * ratio);
      total += weights[at];
    }
    for (let at = start; at < start + k; at++) weights[at] /= total;
  }
  return weights;
}

/**
 * Label cells by a vote of their neighbors, and of the means of labels, in every label column, in the order of the columns.
 *
 * Levels are decided from coarse to fine, and only labels within the coarser winner can win.
 *
 * @param meanDistances Distances to the mean of each label, by label column, (n, n_labels) each.
 */
export function transferLabels(
  neighbors: Neighbors,
  weights: Float32Array,
  reference: Reference,
  meanDistances: Float64Array[],
): LabelTransfer[] {
  const { columns } = reference;
  const undetermined = undeterminedLabels(columns);
  const nearest = neighbors.distances.filter((_, at) => at % neighbors.k === 0);
  const ofMeans = votesOfMeans(nearest, columns, meanDistances);
  const won: LabelTransfer[] = [];
  for (const index of orderByLevel(columns)) {
    const column = columns[index];
    const coarser = column.within ? won[columns.findIndex(({ name }) => name === column.within)] : null;
    const finer = isFinerLevel(column, columns);
    const transfer = { label: new Int32Array(nearest.length), share: new Float32Array(nearest.length) };
    const votes = new Float32Array(column.labels.length + 1); // the last one for none
    for (let row = 0; row < nearest.length; row++) {
      const means = ofMeans[index].subarray(row * votes.length, (row + 1) * votes.length);
      vote(votes, neighbors, weights, reference.labels[index], row);
      if (!finer) joinMeans(votes, means);
      if (coarser) keepInside(votes, column.parents ?? [], coarser.label[row]);
      if (coarser && finer && votes.every((each) => each === 0)) {
        votes.set(means);
        keepInside(votes, column.parents ?? [], coarser.label[row]);
      }
      const [winner, share] =
        coarser && finer ? finerWinner(votes, undetermined[index], coarser.share[row]) : winnerOf(votes);
      transfer.label[row] = winner < votes.length - 1 ? winner : -1;
      transfer.share[row] = share;
    }
    won[index] = transfer;
  }
  return won;
}

/**
 * Return the votes of means for each label of each column and, last, for none, (n, n_labels + 1) each.
 *
 * They sum to the share of the means or, in levels finer than the primary one, to 1.
 */
function votesOfMeans(
  nearest: Float32Array,
  columns: readonly LabelColumnRecord[],
  distances: Float64Array[],
): Float32Array[] {
  const votes = columns.map((column, index): Float32Array => {
    const nLabels = column.labels.length;
    const finer = isFinerLevel(column, columns);
    const result = new Float32Array(nearest.length * (nLabels + 1));
    nearest.forEach((each, row) => {
      const distance = distances[index].subarray(row * nLabels, (row + 1) * nLabels);
      const closest = Math.min(...distance);
      if (closest === Infinity) return;
      const share = finer ? 1 : Math.min(each / Math.max(closest, MIN_MEAN_DISTANCE), 1) ** 3;
      const gaussian = distance.map((far) => Math.exp((closest ** 2 - far ** 2) / MEAN_WIDTH ** 2));
      const total = gaussian.reduce((sum, weight) => sum + weight, 0);
      result.set(gaussian.map((weight) => (share * weight) / total), row * (nLabels + 1));
    });
    return result;
  });
  for (let finer = 0; columns[finer]?.within; ) {
    const coarser = columns.findIndex(({ name }) => name === columns[finer].within);
    votes[coarser] = summedByParent(votes[finer], columns[finer].parents ?? [], columns[coarser].labels.length);
    finer = coarser;
  }
  return votes;
}

/** Return votes for the labels of a coarser column and, last, for none, from those for its finer labels. */
function summedByParent(votes: Float32Array, parents: number[], nCoarser: number): Float32Array {
  const width = parents.length + 1;
  const result = new Float32Array((votes.length / width) * (nCoarser + 1));
  votes.forEach((each, at) => {
    const parent = parents[at % width] ?? -1;
    result[Math.floor(at / width) * (nCoarser + 1) + (parent < 0 ? nCoarser : parent)] += each;
  });
  return result;
}

function joinMeans(votes: Float32Array, means: Float32Array): void {
  const share = means.reduce((sum, each) => sum + each, 0);
  for (let label = 0; label < votes.length; label++) votes[label] = (1 - share) * votes[label] + means[label];
}

function vote(
  votes: Float32Array,
  { k, indices }: Neighbors,
  weights: Float32Array,
  labels: Int32Array,
  row: number,
): void {
  votes.fill(0);
  for (let at = row * k; at < (row + 1) * k; at++) {
    const label = labels[indices[at]];
    votes[label < 0 ? votes.length - 1 : label] += weights[at];
  }
}

/** Drop the votes for labels outside the coarser one; no label lies within none. */
function keepInside(votes: Float32Array, parents: number[], coarser: number): void {
  for (let label = 0; label < votes.length; label++) if ((parents[label] ?? -1) !== coarser) votes[label] = 0;
}

function winnerOf(votes: Float32Array): [number, number] {
  let winner = 0;
  for (let label = 1; label < votes.length; label++) if (votes[label] > votes[winner]) winner = label;
  return [winner, votes[winner]];
}

/** Return the winner among labels that say something about this level, if there are any, and its share. */
function finerWinner(votes: Float32Array, undetermined: boolean[], coarserShare: number): [number, number] {
  const telling = votes.map((each, label) => (undetermined[label] ? 0 : each));
  const total = telling.reduce((sum, each) => sum + each, 0);
  if (total <= 0) return [winnerOf(votes)[0], coarserShare];
  const [winner, share] = winnerOf(telling);
  return [winner, coarserShare * (share / total)];
}
