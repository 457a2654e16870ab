/** How often labels are right, as measured when a reference was made. */

import type { ExpectedAccuracy } from "../engine";
import { count, percent } from "./format";
import type { MeasuredAccuracy } from "./site";

const rounded = (fraction: number): string => `${Math.round(100 * fraction)}%`;

/** Return one sentence on a reference, which starts with batches that it had not seen; empty if nothing was measured. */
export function accuracySentence(accuracy: MeasuredAccuracy[]): string {
  const measured = accuracy.flatMap(({ modality, left_out_batches, left_out_cells }) => {
    if (left_out_cells === null) return [];
    const own = `${rounded(left_out_cells)} in batches that it was made from`;
    const text =
      left_out_batches === null ? `${own} (not tested on others)` : `${rounded(left_out_batches)} in batches new to it, ${own}`;
    return [accuracy.length > 1 ? `${modality} ${text}` : text];
  });
  return measured.length === 0 ? "" : `Cells labeled right in tests: ${measured.join("; ")}.`;
}

/** Return how many labels of a file are likely right, in one or two sentences; `noun` is what features are called. */
export function expectationText({ leftOutBatches, similarCells, detected, measured }: ExpectedAccuracy, noun: string): string {
  const isPartial = measured < 0.995;
  const file = `a typical cell of your file shows ${count(detected)} of the reference's ${noun}`;
  const depth = isPartial ? `${file}, and the ${noun} in your file carry ${percent(measured, 0)} of the weight` : file;
  const own = `${rounded(similarCells)} for cells like yours from the studies behind the reference (${depth})`;
  const known = "Both count only cell types that the reference knows.";
  if (leftOutBatches === null) {
    return (
      `In tests, the share of right labels was ${own}. Expect fewer in other studies: that was not tested. Only cell types that the ` +
      "reference knows are counted."
    );
  }
  if (leftOutBatches <= similarCells) {
    const most = isPartial ? "at most about" : "about";
    const tested = isPartial ? `, which had all of its ${noun}` : "";
    return (
      `Expect ${most} ${rounded(leftOutBatches)} of labels to be right, as in tests on batches new to the reference${tested}. It ` +
      `was ${own}. ${known}`
    );
  }
  return (
    `Expect fewer than ${rounded(similarCells)} of labels to be right. In tests it was ${own}, and ${rounded(leftOutBatches)} on ` +
    `complete data of batches new to the reference. ${known}`
  );
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
