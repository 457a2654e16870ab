/** Evidence of what values are, from the values of a sample of cells rather than from their range. */
import type { Rows } from "../arrays/rows";
import { correlation, largest, median, shareOf } from "../arrays/statistics";
import { MAX_LOG_VALUE, NATURAL_LOG, Transform } from "./transform";

const MULTIPLE_TOLERANCE = 0.01;
const MAX_MULTIPLE = 50;
const UNIT_DIVISORS = [1, 2, 3, 4, 5];
const MIN_MULTIPLES = 10;
export const MIN_MULTIPLE_SHARE = 0.9;
export const MIN_ROUNDED_SHARE = 0.7;
const WHOLE_TOLERANCE = 0.05;
const MIN_WHOLE_SHARE = 0.4;
const MIN_CELL_SHARE = 0.2;
const MIN_CELL_VALUES = 10;
const MIN_DYNAMIC_RANGE = 50;
const EXACT_SD = [0.97, 1.03];
const MIN_EXACT_SHARE = 0.18;
const UNIT_SD = [0.8, 1.25];
const MIN_UNIT_SD_SHARE = 0.75;
const MAX_SCALED_CORRELATION = 0.05;
const MIN_SCALED_FEATURES = 20;
const MIN_SCALED_CELLS = 10;
const MIN_FREQUENCY = 0.02;

export const LOGARITHMS = [NATURAL_LOG, new Transform("log", 2), new Transform("log", 10), new Transform("double log")];
export const CELL_SCALE = new Transform("scale");
export const TRANSFORMS = [...LOGARITHMS, CELL_SCALE, new Transform("arcsinh", 1), new Transform("square root")];

export const largestOf = (sample: Rows[]): number =>
  largest(
    sample.map(({ values }) => largest(values, 0)),
    0,
  );

/**
 * Return the share of values that are whole multiples of their cell's unit once a transform is undone.
 *
 * @param cells Positive values of each cell of a sample.
 */
export function multipleShare(cells: Float64Array[], transform: Transform): number {
  if (cells.some((cell) => largest(cell, 0) > transform.maxValue)) return 0;
  let [nWhole, nValues] = [0, 0];
  for (const cell of cells) {
    const [whole, informative] = multiples(cell, transform);
    nWhole += whole;
    nValues += informative;
  }
  return nValues >= MIN_MULTIPLES ? nWhole / nValues : 0;
}

/** Return how many values of a cell are whole multiples, and how many can be. */
function multiples(cell: Float64Array, transform: Transform): [number, number] {
  const amounts = cell.map((value) => transform.undoValue(value));
  const unit = amounts.reduce((least, amount) => Math.min(least, amount), Infinity);
  const shown: number[] = [];
  amounts.forEach((amount, at) => {
    const multiple = amount / unit;
    const shows =
      multiple > 1 + 2 * MULTIPLE_TOLERANCE && multiple <= MAX_MULTIPLE && cell[at] !== Math.round(cell[at]);
    if (shows) shown.push(multiple);
  });
  const whole = UNIT_DIVISORS.map((divisor) => shown.filter((multiple) => isWhole(multiple * divisor)).length);
  return [Math.max(...whole), shown.length];
}

const isWhole = (value: number, tolerance = MULTIPLE_TOLERANCE): boolean =>
  Math.abs(value - Math.round(value)) <= tolerance;

/** Return the positive values of each cell of a sample. */
export const positiveCells = (sample: Rows[]): Float64Array[] =>
  sample.flatMap(({ n, indptr, values }) =>
    Array.from({ length: n }, (_, row) =>
      Float64Array.from(values.subarray(indptr[row], indptr[row + 1]).filter((value) => value > 0)),
    ),
  );

/** What distinguishes counts from logarithms in each cell with enough values. */
interface CellShapes {
  nearWhole: number[];
  largest: number[];
  dynamicRange: number[];
}

function cellShapes(sample: Rows[]): CellShapes {
  const shapes: CellShapes = { nearWhole: [], largest: [], dynamicRange: [] };
  for (const cell of positiveCells(sample)) {
    if (cell.length < MIN_CELL_VALUES) continue;
    const most = largest(cell, 0);
    shapes.nearWhole.push(shareOf(cell, (value) => isWhole(value, WHOLE_TOLERANCE)));
    shapes.largest.push(most);
    shapes.dynamicRange.push(most / median(cell));
  }
  return shapes;
}

/** Return the number of cells that could hold logarithms, and no fractional counts. */
export function countUnlikeCounts(sample: Rows[]): number {
  const { nearWhole, largest } = cellShapes(sample);
  return nearWhole.filter((share, cell) => share < MIN_CELL_SHARE && largest[cell] <= MAX_LOG_VALUE).length;
}

/** Return whether no cell is unlike corrected or estimated counts, and most are like them. */
export function holdFractionalCounts(sample: Rows[]): boolean {
  const shapes = cellShapes(sample);
  if (!shapes.largest.length || countUnlikeCounts(sample)) return false;
  return median(shapes.nearWhole) >= MIN_WHOLE_SHARE || median(shapes.dynamicRange) >= MIN_DYNAMIC_RANGE;
}

/** Return whether features vary by a standard deviation of 1, as after scaling without centering. */
export function featuresHaveUnitSd(sample: Rows[]): boolean {
  const { sd, correlation } = frequentFeatures(sample);
  if (sd.length < MIN_SCALED_FEATURES) return false;
  const [exact, near] = [EXACT_SD, UNIT_SD].map(([low, high]) => shareOf(sd, (each) => each >= low && each <= high));
  return exact >= MIN_EXACT_SHARE || (near >= MIN_UNIT_SD_SHARE && correlation <= MAX_SCALED_CORRELATION);
}

/** Return standard deviations of features that enough cells have, and how frequency and positive mean correlate. */
function frequentFeatures(sample: Rows[]): { sd: Float64Array; correlation: number } {
  const n = sample.reduce((sum, rows) => sum + rows.n, 0);
  const nColumns = sample[0].nColumns;
  const [nFound, sum, square] = [new Float64Array(nColumns), new Float64Array(nColumns), new Float64Array(nColumns)];
  for (const { indices, values } of sample) {
    for (let at = 0; at < values.length; at++) {
      nFound[indices[at]]++;
      sum[indices[at]] += values[at];
      square[indices[at]] += values[at] * values[at];
    }
  }
  const least = Math.max(MIN_SCALED_CELLS, MIN_FREQUENCY * n);
  const frequent = Array.from(nFound.keys()).filter((column) => nFound[column] >= least);
  const sd = Float64Array.from(frequent, (column) => {
    const mean = sum[column] / n;
    return Math.sqrt((Math.max(square[column] / n - mean * mean, 0) * n) / Math.max(n - 1, 1));
  });
  const counts = frequent.map((column) => nFound[column]);
  const varies = new Set(counts).size > 1 && frequent.every((column) => sum[column] > 0);
  if (!varies) return { sd, correlation: 0 };
  const means = Float64Array.from(frequent, (column) => Math.log(sum[column] / nFound[column]));
  return { sd, correlation: correlation(Float64Array.from(counts, Math.log), means) };
}
