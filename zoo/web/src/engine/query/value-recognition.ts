/** Recognition of values that are not whole numbers: which transform of counts they are, if any. */
import { type Rows, rowSums } from "../arrays/rows";
import type { ValueKind } from "../space/manifest";
import { general } from "../text";
import { MAX_LOG_VALUE, NATURAL_LOG, Transform, holdCounts } from "./transform";
import {
  CELL_SCALE,
  LOGARITHMS,
  MIN_MULTIPLE_SHARE,
  MIN_ROUNDED_SHARE,
  TRANSFORMS,
  featuresHaveUnitSd,
  holdFractionalCounts,
  largestOf,
  multipleShare,
  positiveCells,
} from "./value-evidence";
import { shareOneTotal, valueError } from "./value-kind";

const MIN_MIXED_SHARE = 0.2;
const EXACT_TRANSFORMS = [
  ...LOGARITHMS,
  new Transform("clr"),
  ...[1, 5, 150].map((factor) => new Transform("arcsinh", factor)),
  new Transform("square root"),
];

/** How a query's values are interpreted. */
export interface ValueInterpretation {
  kind: ValueKind;
  /** Normalization target assumed for log-normalized cells; null if each cell's own total shows it. */
  total: number | null;
  /** Transform to undo first; null for none, or for the natural logarithm of log-normalized values. */
  undone: Transform | null;
  /** Whether counts may be fractions. */
  fractional: boolean;
  /** What the values do not show. */
  remarks: string[];
}

export const interpreted = (kind: ValueKind, other: Partial<ValueInterpretation> = {}): ValueInterpretation => ({
  kind,
  total: null,
  undone: null,
  fractional: false,
  remarks: [],
  ...other,
});

/** Return the transform to undo; null for none. */
export const transformOf = ({ kind, undone }: ValueInterpretation): Transform | null =>
  undone === null && kind === "lognorm" ? NATURAL_LOG : undone;

const fractionalCounts = (): ValueInterpretation =>
  interpreted("counts", {
    fractional: true,
    remarks: ["the values are not whole numbers but look like corrected or estimated counts; taking them as counts"],
  });

/** Recognize values for an encoder that scales each cell, so that only the proportions of its counts matter. */
export function recognizeScaledCounts(sample: Rows[], notedBase: number | null): ValueInterpretation {
  const transform = recognizeTransform(sample, notedBase);
  if (transform) return interpretTransform(transform, notedBase);
  if (featuresHaveUnitSd(sample)) {
    throw valueError(
      "most features have a standard deviation of 1, as after scaling without centering; provide raw counts or " +
        "log-normalized values",
    );
  }
  return holdFractionalCounts(sample) ? fractionalCounts() : unverified(largestOf(sample), notedBase);
}

/** Recognize values for an encoder that needs the counts themselves, such as one with a centered log ratio. */
export function recognizeExactCounts(sample: Rows[]): ValueInterpretation {
  for (const transform of EXACT_TRANSFORMS) {
    if (isPossible(sample, transform) && sample.every((rows) => holdCounts(transform.undo(rows)))) {
      return interpreted("counts", { undone: transform, remarks: [undoneText(transform)] });
    }
  }
  if (holdFractionalCounts(sample)) return fractionalCounts();
  const shown = recognizeTransform(sample, null);
  const found = shown ? ` but look like ${shown} of counts that were scaled,` : "";
  throw valueError(
    `the values are not whole numbers,${found} and this encoder needs raw counts: provide them, or state counts if these ` +
      "are estimated counts",
  );
}

/** Return the transform of cell-wise scaled counts that values show; null if they show none. */
function recognizeTransform(sample: Rows[], notedBase: number | null): Transform | null {
  const noted = notedBase === null ? NATURAL_LOG : logOf(notedBase);
  const candidates = [...TRANSFORMS, ...(TRANSFORMS.some((each) => each.equals(noted)) ? [] : [noted])];
  const cells = positiveCells(sample);
  const shares = new Map<Transform, number>();
  for (const transform of candidates) {
    const share = multipleShare(cells, transform);
    shares.set(transform, share);
    if (share >= MIN_MULTIPLE_SHARE) return transform;
  }
  const best = [...shares].reduce((a, b) => (b[1] > a[1] ? b : a));
  const [first, second] = LOGARITHMS.toSorted((a, b) => shares.get(b)! - shares.get(a)!);
  if (shares.get(second)! >= MIN_MIXED_SHARE && shares.get(first)! + shares.get(second)! >= MIN_MULTIPLE_SHARE) {
    throw valueError(`some cells hold ${first} and others ${second}; project them as separate queries`);
  }
  if (best[1] >= MIN_ROUNDED_SHARE) return best[0];
  return LOGARITHMS.find((transform) => showTotal(sample, transform)) ?? null;
}

const logOf = (base: number): Transform => (base === Math.E ? NATURAL_LOG : new Transform("log", base));

const isPossible = (sample: Rows[], transform: Transform): boolean => largestOf(sample) <= transform.maxValue;

/** Return whether all cells have one total after undoing a transform, as with all their features. */
function showTotal(sample: Rows[], transform: Transform): boolean {
  const n = sample.reduce((sum, rows) => sum + rows.n, 0);
  if (n < 2 || !isPossible(sample, transform)) return false;
  return shareOneTotal(sample.flatMap((rows) => Array.from(rowSums(transform.undo(rows)))));
}

function interpretTransform(transform: Transform, notedBase: number | null): ValueInterpretation {
  const remarks = contradictedNote(transform, notedBase);
  if (transform.equals(NATURAL_LOG)) return interpreted("lognorm", { remarks });
  const kind = transform.isLogarithm ? "lognorm" : "counts";
  return interpreted(kind, { undone: transform, remarks: [undoneText(transform), ...remarks] });
}

const undoneText = (transform: Transform): string =>
  transform.equals(CELL_SCALE)
    ? "the values are counts scaled by cell, without a logarithm; taking them as counts"
    : `the values are ${transform}; undoing it first`;

function contradictedNote(transform: Transform, notedBase: number | null): string[] {
  if (notedBase === null || transform.equals(logOf(notedBase)) || transform.form === "double log") return [];
  return [`uns['log1p'] notes a logarithm to base ${general(notedBase)}, but the values are ${transform}`];
}

/** Interpret values that show no transform: as the noted or natural logarithm if they can be logarithms. */
function unverified(largest: number, notedBase: number | null): ValueInterpretation {
  const noted = notedBase === null ? NATURAL_LOG : logOf(notedBase);
  if (largest > Math.min(noted.maxValue, MAX_LOG_VALUE)) {
    throw valueError(
      `the values are not whole numbers and reach ${largest.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })}: ` +
        "neither counts nor log-normalized; provide raw counts, state counts if these are estimated counts, or project " +
        "cells with counts and log-normalized cells separately if the query mixes them",
    );
  }
  const source = notedBase === null ? "" : ", as uns['log1p'] notes";
  const remark =
    `the values show neither counts nor a logarithm of them; taking them as ${noted}${source}. Results are wrong if they ` +
    "are anything else: provide raw counts, or state their kind";
  return interpreted("lognorm", { undone: noted.equals(NATURAL_LOG) ? null : noted, remarks: [remark] });
}
