/** Transforms of counts, and how they are undone. */
import { type Rows, withValues } from "../arrays/rows";
import { general } from "../text";

export const MAX_LOG_VALUE = 20;
const MAX_AMOUNT = Math.expm1(MAX_LOG_VALUE);
const MAX_SHOWN_COUNT = 1e4;
const MAX_NEWTON_STEPS = 100;
const NEWTON_TOLERANCE = 1e-12;

type Form = "log" | "double log" | "arcsinh" | "square root" | "clr" | "scale";

/** A transform of counts, or of counts scaled by cell, whose inverse needs each cell alone. */
export class Transform {
  /**
   * @param base Base of the logarithm, or the factor of arcsinh; unused by the other forms.
   */
  constructor(
    readonly form: Form,
    readonly base: number = Math.E,
  ) {}

  toString(): string {
    switch (this.form) {
      case "log":
        return this.base === Math.E ? "ln(1 + x)" : `log${general(this.base)}(1 + x)`;
      case "double log":
        return "ln(1 + ln(1 + x))";
      case "arcsinh":
        return this.base === 1 ? "arcsinh(x)" : `arcsinh(x / ${general(this.base)})`;
      case "square root":
        return "sqrt(x)";
      case "clr":
        return "the centered log ratio ln(1 + x / g)";
      case "scale":
        return "x, scaled by cell";
    }
  }

  equals(other: Transform | null): boolean {
    return other !== null && this.form === other.form && this.base === other.base;
  }

  get isLogarithm(): boolean {
    return this.form === "log" || this.form === "double log";
  }

  /** Largest transformed value of a possible amount. */
  get maxValue(): number {
    switch (this.form) {
      case "log":
        return MAX_LOG_VALUE / Math.log(this.base);
      case "double log":
        return Math.log1p(MAX_LOG_VALUE);
      case "arcsinh":
        return Math.asinh(MAX_AMOUNT / this.base);
      case "square root":
        return Math.sqrt(MAX_AMOUNT);
      case "clr":
        return MAX_LOG_VALUE;
      case "scale":
        return Infinity;
    }
  }

  /** Return the values before the transform. */
  undo(rows: Rows): Rows {
    if (this.form === "clr") return undoClr(rows);
    if (this.form === "scale") return rows;
    return withValues(
      rows,
      rows.values.map((value) => this.undoValue(value)),
    ); // float32 stays float32, as in numpy
  }

  /** Return the inverse of a single value; for the centered log ratio, up to a factor of the cell. */
  undoValue(value: number): number {
    switch (this.form) {
      case "double log":
        return Math.expm1(Math.expm1(value));
      case "arcsinh":
        return Math.sinh(value) * this.base;
      case "square root":
        return value * value;
      case "scale":
        return value;
      default:
        return Math.expm1(this.base === Math.E ? value : value * Math.log(this.base));
    }
  }
}

export const NATURAL_LOG = new Transform("log");

/**
 * Solve `log g = mean(log(1 + g r))`, where `r = exp(value) - 1` are a cell's counts divided by `g`.
 *
 * The right side grows more slowly than the left, so Newton's method from below finds the only solution.
 */
function undoClr(rows: Rows): Rows {
  const values = Float64Array.from(rows.values, Math.expm1);
  const nFeatures = Math.max(1, rows.nColumns);
  for (let row = 0; row < rows.n; row++) {
    const ratios = values.subarray(rows.indptr[row], rows.indptr[row + 1]);
    let logG = 0;
    for (let step = 0; step < MAX_NEWTON_STEPS; step++) {
      const g = Math.exp(logG);
      let [logs, slopes] = [0, 0];
      for (const ratio of ratios) {
        logs += Math.log1p(g * ratio);
        slopes += (g * ratio) / (1 + g * ratio);
      }
      const slope = slopes / nFeatures - 1;
      const change = slope < -1e-9 ? (logs / nFeatures - logG) / slope : 0;
      logG = Math.min(Math.max(logG - change, 0), MAX_LOG_VALUE);
      if (Math.abs(change) <= NEWTON_TOLERANCE * Math.max(1, logG)) break;
    }
    for (let at = 0; at < ratios.length; at++) ratios[at] *= Math.exp(logG);
  }
  return withValues(rows, values);
}

/** Return whether values are whole numbers, up to rounding in float32, which shows only in those that are not large. */
export function holdCounts({ values }: Rows): boolean {
  let [nPositive, nSmall] = [0, 0];
  for (const value of values) {
    if (!(value > 0)) continue;
    nPositive++;
    if (value > MAX_SHOWN_COUNT) continue;
    nSmall++;
    if (!(Math.abs(value - Math.round(value)) <= 1e-3 + 1e-5 * value)) return false;
  }
  return 2 * nSmall >= nPositive;
}
