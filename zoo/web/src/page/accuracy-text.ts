/** How often labels are right, as measured when a reference was made. */

import type { MeasuredAccuracy } from "./site";

const rounded = (fraction: number): string => `${Math.round(100 * fraction)}%`;

/** Return one sentence on a reference, which starts with batches that it had not seen; empty if nothing was measured. */
export function accuracySentence(accuracy: MeasuredAccuracy[]): string {
  const measured = accuracy.flatMap(({ modality, left_out_batches, left_out_cells }) => {
    if (left_out_cells === null) return [];
    const own = `${rounded(left_out_cells)} in other cells of its own batches`;
    const text =
      left_out_batches === null
        ? `${own}, not measured elsewhere`
        : `${rounded(left_out_batches)} in new batches, ${own}`;
    return [accuracy.length > 1 ? `${modality} ${text}` : text];
  });
  return measured.length === 0 ? "" : `Labels right: ${measured.join("; ")}.`;
}

/** Return the same for a methods section, with all digits. */
export function accuracyFigures(accuracy: MeasuredAccuracy[]): string {
  const texts = accuracy.flatMap(({ modality, left_out_batches, left_out_cells }) => {
    const batches = left_out_batches === null ? [] : [`${left_out_batches.toFixed(3)} on left-out batches`];
    const cells = left_out_cells === null ? [] : [`${left_out_cells.toFixed(3)} on left-out cells`];
    const figures = [...batches, ...cells].join(", ");
    return figures === "" ? [] : [`${modality} ${figures}`];
  });
  return texts.join("; ") || "not measured";
}
