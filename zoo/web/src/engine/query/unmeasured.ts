/** Features that are NaN in whole batches, as an outer join leaves them: those cells did not measure them. */
import { type Matrix, type Rows, mappedMatrix, withValues } from "../arrays/rows";
import { grouped, quoted } from "../text";
import { sampleRanges } from "./value-interpretation";
import { valueError } from "./value-kind";

const MAX_FEATURE_SETS = 64;
const MIN_SET_CELLS = 10;

/** A set of features that some cells measured. */
export interface FeatureSet {
  /** Columns that are NaN, joined; empty if all were measured. */
  key: string;
  measured: Uint8Array;
}

/** Return the different sets of features that the cells measured; all rows are read only if some of a sample hold NaN. */
export async function findFeatureSets(matrix: Matrix, names: string[]): Promise<FeatureSet[]> {
  const everything = [featureSet("", matrix.nColumns)];
  if (!matrix.isFloat || !(await matrix.read(sampleRanges(matrix.n))).some(hasNan)) return everything;
  const nCells = new Map<string, number>();
  const firstCell = new Map<string, number>();
  let start = 0;
  for await (const rows of matrix.parts()) {
    for (const [key, cells] of splitByFeatures(rows)) {
      nCells.set(key, (nCells.get(key) ?? 0) + cells.length);
      if (!firstCell.has(key)) firstCell.set(key, start + cells[0]);
    }
    start += rows.n;
    if (nCells.size > MAX_FEATURE_SETS) break;
  }
  const keys = [...nCells.keys()];
  const usual = keys.reduce((a, b) => (nCells.get(b)! > nCells.get(a)! ? b : a));
  const rarest = keys.reduce((a, b) => (nCells.get(b)! < nCells.get(a)! ? b : a));
  if (keys.length > MAX_FEATURE_SETS || (keys.length > 1 && nCells.get(rarest)! < MIN_SET_CELLS)) {
    const [rare, most] = [rarest, usual].map((key) => featureSet(key, matrix.nColumns).measured);
    throw valueError(
      `the first ${grouped(start)} cells hold NaN in ${grouped(keys.length)} different sets of features, at most ` +
        `${MAX_FEATURE_SETS} sets of at least ${MIN_SET_CELLS} cells each are possible, as after an outer join of batches; cell ` +
        `${grouped(firstCell.get(rarest)!)} (counted from 0), for example, differs from most cells in the feature ` +
        `${quoted(names[rare.findIndex((each, column) => each !== most[column])])}: drop these cells or features, or ` +
        "project small batches separately",
    );
  }
  return keys.map((key) => featureSet(key, matrix.nColumns));
}

/** Return the rows that measured the same features, by the key of the features. */
export function splitByFeatures(rows: Rows): Map<string, number[]> {
  const result = new Map<string, number[]>();
  for (let row = 0; row < rows.n; row++) {
    const missing: number[] = [];
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      if (Number.isNaN(rows.values[at])) missing.push(rows.indices[at]);
    }
    const key = missing.sort((a, b) => a - b).join();
    const cells = result.get(key);
    if (cells) cells.push(row);
    else result.set(key, [row]);
  }
  return result;
}

/** Return a matrix with zero in place of NaN, which changes no sum of the measured values. */
export const zeroFilled = (matrix: Matrix): Matrix =>
  mappedMatrix(matrix, (rows) =>
    withValues(
      rows,
      rows.values.map((value) => (Number.isNaN(value) ? 0 : value)),
    ),
  );

function featureSet(key: string, n: number): FeatureSet {
  const measured = new Uint8Array(n).fill(1);
  if (key) for (const column of key.split(",")) measured[Number(column)] = 0;
  return { key, measured };
}

const hasNan = ({ values }: Rows): boolean => values.some(Number.isNaN);
