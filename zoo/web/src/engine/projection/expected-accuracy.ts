/** Accuracy to expect of a query, from the stress records of the space. */
import { interpolate } from "../mapping/interpolation";
import type { EncoderRecord, MetricRecord } from "../space/manifest";
import { grouped, percent } from "../text";

/** Return one line on the accuracy to expect, that on other batches first; empty without evidence. */
export function describeExpectedAccuracy(
  record: EncoderRecord,
  leftOutBatches: number | null,
  detected: number,
  matched: number,
  measured: number,
): string {
  const accuracy = expectedAccuracy(record, detected, matched, measured);
  if (accuracy === null) return "";
  const query =
    `the median cell has ${grouped(detected)} of the encoder's features detected, and the query measures ` +
    `${percent(measured)} of its feature weight`;
  const sameStudies = "cells of known types from the studies of the space";
  if (leftOutBatches === null) {
    return (
      `${query}: expect an accuracy of about ${accuracy.toFixed(2)} on ${sameStudies}; how much lower it is in other ` +
      "studies was not measured"
    );
  }
  const own = `about ${accuracy.toFixed(2)} on ${sameStudies} that resemble the query, in which ${query}`;
  const batches = leftOutBatches.toFixed(2);
  return leftOutBatches <= accuracy
    ? `expect an accuracy of about ${batches}, as on whole batches left out of training; it is ${own}`
    : `expect an accuracy below ${accuracy.toFixed(2)}: it was ${batches} on whole batches left out of training, but is ${own}`;
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
function expectedAccuracy(record: EncoderRecord, detected: number, matched: number, measured: number): number | null {
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
