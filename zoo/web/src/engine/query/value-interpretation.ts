/** Interpretation of a query's values: decided on a sample of its cells, checked on every cell. */
import { type Matrix, type Rows, rowSums } from "../arrays/rows";
import type { AcceptedValues, PreprocessingRecord } from "../space/manifest";
import { counted, general, grouped } from "../text";
import { largest, median, quantile, shareOf } from "../arrays/statistics";
import { type Transform, holdCounts } from "./transform";
import { countUnlikeCounts } from "./value-evidence";
import {
  COMMON_TARGETS,
  TOTAL_TOLERANCE,
  type ValueScan,
  areAmounts,
  rejectCountCells,
  scanRows,
  shareOneTotal,
  validateValues,
  valueError,
} from "./value-kind";
import {
  type ValueInterpretation,
  interpreted,
  recognizeExactCounts,
  recognizeScaledCounts,
  transformOf,
} from "./value-recognition";

const MIN_GENOME_FEATURES = 7_000;
const MAX_TOTAL_RATIO = 1.05;
const MAX_OUTLIER_FRACTION = 0.01;
const MIN_KEPT_FRACTION = 0.6;
const SAMPLE_ROWS = 256;

/** Thrown when a cell contradicts the interpretation; all cells must be read again with the new one. */
export class Reinterpretation extends Error {
  constructor(readonly interpretation: ValueInterpretation) {
    super();
  }
}

/** Interprets the values of a query for an encoder. */
export class ValueInterpreter {
  readonly #accepted: AcceptedValues;
  readonly #targetSum: number | null;
  readonly #notedBase: number | null;

  /** @param notedBase Base of the logarithm that the query notes; null if it does not. */
  constructor(record: PreprocessingRecord, notedBase: number | null) {
    this.#accepted = record.values;
    this.#targetSum = record.target_sum;
    this.#notedBase = notedBase;
  }

  /** Interpret values from a sample of rows, chosen by the number of rows alone. */
  async interpret(matrix: Matrix): Promise<ValueInterpretation> {
    if (matrix.isFlags && this.#accepted !== "presence") {
      throw valueError(
        "the values are only True or False, so how much was measured is lost; provide counts or log-normalized values",
      );
    }
    const sample = await matrix.read(sampleRanges(matrix.n));
    if (areAmounts(this.#accepted) && !sample.some(hasValues) && !(await anyHasValues(matrix))) {
      throw valueError(`all values of all ${grouped(matrix.n)} cells are zero; provide counts or log-normalized values`);
    }
    return this.#interpretRows(sample);
  }

  /** Check rows against an interpretation, undo their transform, and return them with each cell's total. */
  linearRows(rows: Rows, interpretation: ValueInterpretation): [Rows, Float64Array] {
    const scan = scanRows([rows]);
    validateValues(scan, this.#accepted);
    this.#requireInterpretation(rows, scan, interpretation);
    const transform = transformOf(interpretation);
    const values = transform ? transform.undo(rows) : rows;
    if (transform && this.#needsExactCounts) requireWhole(values, transform);
    const sums = rowSums(values);
    const { total } = interpretation;
    // features are never gained
    return [values, total === null ? sums : sums.map((sum) => (sum > 0 ? Math.max(sum, total) : 0))];
  }

  get #needsExactCounts(): boolean {
    return this.#accepted === "counts" && this.#targetSum === null;
  }

  #interpretRows(sample: Rows[]): ValueInterpretation {
    const scan = scanRows(sample);
    validateValues(scan, this.#accepted);
    if (this.#accepted !== "expression" && this.#accepted !== "counts") return interpreted(this.#accepted);
    if (scan.integral) return interpreted("counts");
    if (this.#needsExactCounts) return recognizeExactCounts(sample);
    return this.#inferTarget(sample, recognizeScaledCounts(sample, this.#notedBase));
  }

  #requireInterpretation(rows: Rows, scan: ValueScan, interpretation: ValueInterpretation): void {
    const transform = transformOf(interpretation);
    if (transform && scan.largest > transform.maxValue) {
      throw valueError(
        `the largest value is ${general(scan.largest)}, too large for ${transform}, which other cells hold; project ` +
          "them as separate queries",
      );
    }
    const { kind, undone, fractional } = interpretation;
    if (kind === "lognorm") rejectCountCells(rows);
    else if (kind === "counts" && undone === null && !fractional && !scan.integral) {
      throw new Reinterpretation(this.#interpretRows([rows]));
    } else if (fractional && !scan.integral) rejectOtherCells(rows);
  }

  /**
   * Determine the normalization target of log-normalized cells.
   *
   * A cell with all of its features still adds up to its target, as does one whose counts were logged without
   * normalization. If features were removed after normalization, a common target is assumed.
   */
  #inferTarget(sample: Rows[], interpretation: ValueInterpretation): ValueInterpretation {
    const transform = transformOf(interpretation);
    if (interpretation.kind !== "lognorm" || transform === null) return interpretation;
    sample.forEach(rejectCountCells);
    const linear = sample.map((rows) => transform.undo(rows));
    const sums = linear.flatMap((rows) => Array.from(rowSums(rows)));
    const target = this.#targetSum;
    if (target === null || shareOneTotal(sums) || linear.every(holdCounts)) return interpretation;
    const nFeatures = sample[0].nColumns;
    if (nFeatures >= MIN_GENOME_FEATURES) {
      const total = targetBeforeRemoval(sums, target);
      const remarks = [...interpretation.remarks, ...(total === null ? ownTotals(sums) : assumed(total))];
      return { ...interpretation, total, remarks };
    }
    if (shareOf(sums, (sum) => sum > MAX_TOTAL_RATIO * target) > MAX_OUTLIER_FRACTION) {
      throw valueError(
        `the totals of the log-normalized cells over ${grouped(nFeatures)} features differ (up to ` +
          `${grouped(largest(sums, 0))}), as after feature selection, and exceed the usual ${grouped(target)}; provide ` +
          "raw counts or all features, or state the target",
      );
    }
    return { ...interpretation, total: target, remarks: [...interpretation.remarks, ...assumed(target)] };
  }
}

/** Return ranges at the beginning, in the middle and at the end of `n` rows, each row once. */
export function sampleRanges(n: number): [number, number][] {
  const starts = [0, Math.max(0, Math.floor((n - SAMPLE_ROWS) / 2)), Math.max(0, n - SAMPLE_ROWS)];
  const distinct = [...new Set(starts)].sort((a, b) => a - b);
  return distinct.map((start, index) => [start, Math.min(start + SAMPLE_ROWS, distinct[index + 1] ?? n)]);
}

const hasValues = ({ values }: Rows): boolean => values.some((value) => value !== 0);

async function anyHasValues(matrix: Matrix): Promise<boolean> {
  for await (const rows of matrix.parts()) if (hasValues(rows)) return true;
  return false;
}

function rejectOtherCells(rows: Rows): void {
  const n = countUnlikeCounts([rows]);
  if (n) {
    throw valueError(
      `${counted(n, "cell", "", rows.n)} may hold logarithms, but others hold corrected or estimated counts; ` +
        "project them as two queries, or state counts",
    );
  }
}

function requireWhole(values: Rows, transform: Transform): void {
  if (!holdCounts(values)) {
    throw valueError(`some cells hold ${transform} of counts, and others do not; provide raw counts`);
  }
}

/** Return the common target that cells of a whole genome stay a little below, as without mitochondrial genes. */
function targetBeforeRemoval(all: number[], usual: number): number | null {
  const sums = all.filter((sum) => sum > 0);
  if (!sums.length) return null;
  const [most, middle] = [quantile(sums, 1 - MAX_OUTLIER_FRACTION), median(sums)];
  const fitting = [usual, ...COMMON_TARGETS].filter((target) => MIN_KEPT_FRACTION * target <= middle);
  return fitting.find((target) => most <= (1 + TOTAL_TOLERANCE) * target) ?? null;
}

const assumed = (total: number): string[] => [
  `cannot infer the normalization target, probably because features were removed; assuming ${grouped(total)}. Provide raw ` +
    "counts or all features if it differs",
];

/** Return the remark that each cell's own total is taken. */
function ownTotals(sums: number[]): string[] {
  if (sums.length < 2) return [];
  const [least, most] = [Math.min(...sums), Math.max(...sums)];
  return [
    `the totals of the log-normalized cells differ (${grouped(least)} to ${grouped(most)}); taking each cell's own, right ` +
      "after size factors but too low if features were removed",
  ];
}

/** Describe an interpretation in a few words: `counts`, `log-normalized to 10,000 per cell`. */
export function describeValues({ kind, undone, total, fractional }: ValueInterpretation): string {
  if (kind === "lognorm") {
    const target = total === null ? "log-normalized" : `log-normalized to ${grouped(total)} per cell`;
    return undone ? `${target}, as ${undone}` : target;
  }
  if (kind !== "counts") return kind === "presence" ? "presence or absence" : kind;
  if (undone) return `counts, as ${undone}`;
  return fractional ? "corrected or estimated counts" : "counts";
}
