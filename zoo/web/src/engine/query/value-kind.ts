/** Kinds of values: raw counts, log-normalized values, or something that cannot be projected. */
import type { Rows } from "../arrays/rows";
import { EngineError } from "../engine";
import type { AcceptedValues, ValueKind } from "../space/manifest";
import { counted, general } from "../text";
import { median } from "../arrays/statistics";

const MAX_FLOAT32 = 3.4028234663852886e38;
export const TOTAL_TOLERANCE = 0.01;
const MIN_EQUAL_FRACTION = 0.95;
const TOTAL_GROUP_WIDTH = 1e-3;
const MIN_GROUP_CELLS = 10;
export const COMMON_TARGETS = [1e4, 1e5, 1e6, 1e3];
const MIN_COUNT_CELL_VALUES = 10;

/** Summary of the values of some cells. */
export interface ValueScan {
  largest: number;
  integral: boolean;
  nNan: number;
  nInfinite: number;
  nNegative: number;
}

export const valueError = (message: string): EngineError => new EngineError("values", message);

/** Summarize all values of some rows. */
export function scanRows(parts: Rows[]): ValueScan {
  const scan: ValueScan = { largest: 0, integral: true, nNan: 0, nInfinite: 0, nNegative: 0 };
  for (const { values } of parts) {
    for (let at = 0; at < values.length; at++) {
      const value = values[at];
      if (value >= 0 && value <= MAX_FLOAT32) {
        if (value > scan.largest) scan.largest = value;
        if (value !== Math.round(value)) scan.integral = false;
      } else if (Number.isNaN(value)) {
        scan.nNan++;
        scan.integral = false;
      } else {
        if (value < 0) scan.nNegative++;
        if (Math.abs(value) > MAX_FLOAT32) scan.nInfinite++;
        if (value > scan.largest) scan.largest = value;
        if (value !== Math.round(value)) scan.integral = false;
      }
    }
  }
  return scan;
}

/** Return whether values measure an amount of each feature, so that 0 is nothing and NaN is no value. */
export const areAmounts = (kind: AcceptedValues | ValueKind): boolean => kind !== "levels" && kind !== "numbers";

/** Throw unless values can be of a kind that an encoder accepts. */
export function validateValues(scan: ValueScan, accepted: AcceptedValues): void {
  if (areAmounts(accepted)) requireAmounts(scan);
  else requireNumbers(scan, accepted);
}

function requireNumbers(scan: ValueScan, accepted: AcceptedValues): void {
  if (scan.nInfinite) {
    throw valueError(
      `${counted(scan.nInfinite, "value", "are")} infinite, or beyond float32; set values that were not measured to NaN`,
    );
  }
  if (accepted === "levels" && (scan.nNegative || scan.largest > 1)) {
    throw valueError(
      `levels must lie between 0 and 1, or be NaN if not measured; the largest value is ${general(scan.largest)} and ` +
        `${counted(scan.nNegative, "value", "are")} negative: divide methylated by covered reads`,
    );
  }
}

function requireAmounts(scan: ValueScan): void {
  if (scan.nNan || scan.nInfinite) {
    throw valueError(
      `${counted(scan.nNan + scan.nInfinite, "value", "are")} NaN, infinite or beyond float32; counts or ` +
        "log-normalized values are needed: drop these cells or features, or project joined batches separately or in " +
        "memory",
    );
  }
  if (scan.nNegative) {
    throw valueError(
      `${counted(scan.nNegative, "value", "are")} negative, so the values were scaled or corrected; provide raw counts ` +
        "or log-normalized values",
    );
  }
}

/** Return whether log-normalized cells still add up to their normalization target, or to a few of them. */
export function shareOneTotal(sums: ArrayLike<number>): boolean {
  const totals = Array.from(sums).filter((total) => total > 0);
  if (!totals.length) return false;
  const candidates = totals.length === 1 ? COMMON_TARGETS : [median(totals)];
  const nNear = candidates.map(
    (candidate) => totals.filter((total) => Math.abs(total - candidate) <= TOTAL_TOLERANCE * candidate).length,
  );
  const nGroups = new Set(totals.map((total) => Math.round(Math.log(total) / TOTAL_GROUP_WIDTH))).size;
  return Math.max(...nNear) / totals.length >= MIN_EQUAL_FRACTION || nGroups * MIN_GROUP_CELLS <= totals.length;
}

/** Throw if cells with counts, recognized by many values that are all whole, are mixed with log-normalized ones. */
export function rejectCountCells({ n, indptr, values }: Rows): void {
  let nWhole = 0;
  for (let row = 0; row < n; row++) {
    let [nValues, nBroken] = [0, 0];
    for (let at = indptr[row]; at < indptr[row + 1]; at++) {
      if (values[at] !== 0) nValues++;
      if (values[at] !== Math.round(values[at])) nBroken++;
    }
    if (nValues >= MIN_COUNT_CELL_VALUES && nBroken === 0) nWhole++;
  }
  if (nWhole) {
    throw valueError(
      `${counted(nWhole, "cell", "hold", n)} only whole numbers, like counts, and others log-normalized values, which ` +
        "cannot be separated cell by cell; project them as two queries",
    );
  }
}
