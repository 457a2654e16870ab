/** Dissimilarity of a cell to the reference, from surprise, distance and deviation. */
import type { DissimilarityRecord, TrendRecord } from "../space/manifest";

const SURPRISE_WEIGHT = 1.5;
const DEVIATION_RANGE = [-1, 3] as const;
const SURPRISE_RANGE = [0, 3] as const;
const DISTANCE_RANGE = [0, 2] as const;
/** Deviation of a cell in a space without discriminant axes. */
const WITHOUT_AXES = 1;
const MIN_MEASURED_WEIGHT = 0.02;
const MIN_LOG_DISTANCE = Math.log(1e-6);

/** Raw measures of a cell. */
export interface Measures {
  logDistance: number;
  surprise: number;
  /** Null without discriminant axes. */
  deviation: number | null;
  logDetected: number;
  logMeasured: number;
}

export const logOfDistance = (distance: number): number => Math.max(Math.log(distance), MIN_LOG_DISTANCE);

export const logOfMeasured = (weight: number): number => Math.log(Math.max(weight, MIN_MEASURED_WEIGHT));

/** Return the measures with both logarithms clipped to the ranges of the trends. */
export function clippedTo(record: DissimilarityRecord, measures: Measures): Measures {
  return {
    ...measures,
    logDetected: clip(measures.logDetected, ...record.log_detected),
    logMeasured: clip(measures.logMeasured, ...record.log_measured),
  };
}

/** Return a measure in the units of its trend. */
export function inUnits(measure: number, { logDetected: d, logMeasured: m }: Measures, trend: TrendRecord): number {
  const c = trend.coefficients;
  return (measure - (c[0] + c[1] * d + c[2] * d * d + c[3] * m + c[4] * m * m + c[5] * d * m)) / trend.spread;
}

/** Return `deviation + 1.5 surprise + distance`, limited to -1 to 3, 0 to 3 and 0 to 2. */
export function dissimilarityOf(raw: Measures, record: DissimilarityRecord): number {
  const measures = clippedTo(record, raw);
  const surprise = inUnits(measures.surprise, measures, record.surprise);
  const distance = inUnits(measures.logDistance, measures, record.distance);
  const deviation =
    record.deviation && measures.deviation !== null
      ? inUnits(measures.deviation, measures, record.deviation)
      : WITHOUT_AXES;
  return (
    clip(deviation, ...DEVIATION_RANGE) +
    clip(distance, ...DISTANCE_RANGE) +
    SURPRISE_WEIGHT * clip(surprise, ...SURPRISE_RANGE)
  );
}

export const clip = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
