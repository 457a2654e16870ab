/** Accuracy to expect of a query, from the stress records of the space. */
import type { ExpectedAccuracy } from "../engine";
import { interpolate } from "../mapping/interpolation";
import type { EncoderRecord, MetricRecord } from "../space/manifest";

/** Return the accuracy to expect of cells of known types; null without evidence. */
export function expectedAccuracy(
  record: EncoderRecord,
  leftOutBatches: number | null,
  detected: number,
  matched: number,
  measured: number,
): ExpectedAccuracy | null {
  const similarCells = accuracyOfSimilarCells(record, detected, matched, measured);
  return similarCells === null ? null : { leftOutBatches, similarCells, detected, measured };
}

/** Return the accuracy on whole batches left out of training, as measured; null if none were. */
export function accuracyLeftOutBatches(metrics: MetricRecord[], modality: string): number | null {
  const found = metrics.find(
    (each) =>
      each.name === "label transfer accuracy of left-out batches" &&
      each.method === "smile" &&
      each.modality === modality,
  );
  return found?.mean ?? null;
}

/** Return the accuracy of left-out cells that resemble a query in depth and in features; null if not measured. */
function accuracyOfSimilarCells(record: EncoderRecord, detected: number, matched: number, measured: number): number | null {
  const expected = (["depth", "features"] as const).flatMap((kind) => {
    const value = kind === "depth" ? detected / matched : measured;
    const places = (record.stress ?? [])
      .filter((each) => each.kind === kind)
      .map((each) => [log(kind === "depth" ? each.detected : each.measured), each.accuracy])
      .sort(([a, x], [b, y]) => a - b || x - y);
    return places.length
      ? [
          interpolate(
            log(value),
            places.map(([x]) => x),
            places.map(([, y]) => y),
          ),
        ]
      : [];
  });
  return expected.length ? Math.min(...expected) : null;
}

const log = (value: number): number => Math.log(Math.max(value, 1e-3));
