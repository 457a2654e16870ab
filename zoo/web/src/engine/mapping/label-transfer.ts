/** Label transfer: a weighted vote of a cell's nearest neighbors in the reference. */
import type { Reference } from "../space/reference";
import { isFinerLevel, orderByLevel, undeterminedLabels } from "./label-levels";
import type { Neighbors } from "./nearest-neighbors";

const MIN_KERNEL_WIDTH = 1e-3;

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
 * Label cells by a vote of their neighbors in every label column, in the order of the columns.
 *
 * Levels are decided from coarse to fine, and only labels within the coarser winner can win.
 */
export function transferLabels(neighbors: Neighbors, weights: Float32Array, reference: Reference): LabelTransfer[] {
  const { columns } = reference;
  const undetermined = undeterminedLabels(columns);
  const won: LabelTransfer[] = [];
  for (const index of orderByLevel(columns)) {
    const column = columns[index];
    const coarser = column.within ? won[columns.findIndex(({ name }) => name === column.within)] : null;
    const finer = isFinerLevel(column, columns);
    const n = neighbors.indices.length / neighbors.k;
    const transfer = { label: new Int32Array(n), share: new Float32Array(n) };
    const votes = new Float32Array(column.labels.length + 1); // the last one for none
    for (let row = 0; row < n; row++) {
      vote(votes, neighbors, weights, reference.labels[index], row);
      if (coarser) keepInside(votes, column.parents ?? [], coarser.label[row]);
      const [winner, share] =
        coarser && finer ? finerWinner(votes, undetermined[index], coarser.share[row]) : winnerOf(votes);
      transfer.label[row] = winner < votes.length - 1 ? winner : -1;
      transfer.share[row] = share;
    }
    won[index] = transfer;
  }
  return won;
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
