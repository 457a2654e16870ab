/** Accuracy to expect of a query, from the stress records of the space. */
import { interpolate } from "../mapping/interpolation";
import type { EncoderRecord } from "../space/manifest";
import { grouped, percent } from "../text";

/** Return one line on the accuracy to expect; empty without evidence. */
export function describeExpectedAccuracy(
  record: EncoderRecord,
  detected: number,
  matched: number,
  measured: number,
): string {
  const accuracy = expectedAccuracy(record, detected, matched, measured);
  if (accuracy === null) return "";
  return (
    `the median cell has ${grouped(detected)} of the encoder's features detected, and the query measures ` +
    `${percent(measured)} of its feature weight: expect an accuracy of about ${accuracy.toFixed(2)} on cells of known types`
  );
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
