/** How many cells have each label. */

import type { ColumnResult } from "../engine";

export const UNKNOWN = "unknown";

export interface LabelCount {
  /** Id of the label in its column; -1: unknown. */
  id: number;
  label: string;
  cells: number;
  share: number;
  /** Mean confidence; NaN for unknown cells, whose confidence is that in their nearest label. */
  confidence: number;
}

/** Count the labels of a column, the most frequent first and unknown cells last; `cells` limits the count to some. */
export function countLabels(result: ColumnResult, labels: string[], cells?: ArrayLike<number>): LabelCount[] {
  const n = cells?.length ?? result.labels.length;
  const counts = new Float64Array(labels.length + 1);
  const confidence = new Float64Array(labels.length + 1);
  for (let index = 0; index < n; index += 1) {
    const cell = cells === undefined ? index : cells[index];
    const slot = result.labels[cell] < 0 ? labels.length : result.labels[cell];
    counts[slot] += 1;
    confidence[slot] += result.confidence[cell];
  }
  const rows = [...labels, UNKNOWN].map((label, slot) => ({
    id: slot === labels.length ? -1 : slot,
    label,
    cells: counts[slot],
    share: counts[slot] / n,
    confidence: slot === labels.length ? NaN : confidence[slot] / counts[slot],
  }));
  const isUnknown = (row: LabelCount) => Number(row.id < 0);
  return rows
    .filter((row) => row.cells > 0)
    .sort((a, b) => isUnknown(a) - isUnknown(b) || b.cells - a.cells || a.label.localeCompare(b.label));
}
