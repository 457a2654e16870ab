/** Chunks of an HDF5 file that were never written, which HDF5 reads as zeros without a word. */
import { grouped } from "../text";
import type { Dataset } from "./hdf5";
import { fileReads } from "./hdf5-library";

const MAX_UNWRITTEN_FRACTION = 0.5; // of the chunks of a dense matrix, the others of which may stand for zeros

/** Numbers of chunks. */
interface Counts {
  missing: number;
  expected: number;
}

/** Throw if a chunk of a list was never written, after a range of it was read. */
export function requireWritten(list: Dataset, values: ArrayLike<number>, start: number): void {
  const found = new ChunkCheck(list).check(values, start);
  if (found) throw unwritten(list, found);
}

/** Throw if most chunks of a dense matrix were never written; others may stand for zeros, which some tools leave out. */
export function requireMostWritten(matrix: Dataset, found: Counts): void {
  if (found.missing > MAX_UNWRITTEN_FRACTION * found.expected) throw unwritten(matrix, found);
}

/**
 * Finds chunks of a list or of a matrix that were never written, by the values that are read.
 *
 * h5wasm does not tell which chunks a file has, so each that seems to hold only zeros is read again: if it was written, that
 * fetches bytes from the file.
 */
export class ChunkCheck {
  readonly #array: Dataset;
  readonly #written = new Set<string>();
  #isDone = false;

  constructor(array: Dataset) {
    this.#array = array;
  }

  /** Return how many chunks were never written, the first time that rows of one of them are read; null otherwise. */
  check(values: ArrayLike<number>, start: number): Counts | null {
    const chunk = this.#array.metadata.chunks;
    if (!chunk || this.#isDone || !this.#hasUnwritten(values, start, chunk)) return null;
    this.#isDone = true;
    return countUnwritten(this.#array, chunk);
  }

  #hasUnwritten(values: ArrayLike<number>, start: number, [height, width = 1]: number[]): boolean {
    const { length: nAxes, [1]: nColumns = 1 } = this.#array.shape!;
    const stop = start + values.length / nColumns;
    for (let top = start - (start % height); top < stop; top += height) {
      const [low, high] = [(Math.max(top, start) - start) * nColumns, (Math.min(top + height, stop) - start) * nColumns];
      for (let left = 0; left < nColumns; left += width) {
        const key = `${top},${left}`;
        if (this.#written.has(key) || !areZeros(values, low, high, nColumns, left, Math.min(left + width, nColumns))) continue;
        if (!isWritten(this.#array, [top, left].slice(0, nAxes))) return true;
        this.#written.add(key);
      }
    }
    return false;
  }
}

/** Return whether all values in some columns of rows are zero; `low` and `high` are the places of the rows. */
function areZeros(values: ArrayLike<number>, low: number, high: number, nColumns: number, left: number, right: number): boolean {
  for (let row = low; row < high; row += nColumns) {
    for (let column = left; column < right; column++) if (values[row + column] !== 0) return false;
  }
  return true;
}

/** Return whether the chunk that begins at a place was written. */
function isWritten(array: Dataset, begin: number[]): boolean {
  const ranges = begin.map((at): [number, number] => [at, at + 1]);
  array.slice(ranges); // afterwards the index of the chunks is in memory
  const before = fileReads.n;
  array.slice(ranges);
  return fileReads.n > before;
}

/** Return how many chunks of an array were never written, and how many it should have. */
function countUnwritten(array: Dataset, chunk: number[]): Counts {
  let places: number[][] = [[]];
  chunk.forEach((length, axis) => {
    const starts = Array.from({ length: Math.ceil(array.shape![axis] / length) }, (_, index) => index * length);
    places = places.flatMap((place) => starts.map((at) => [...place, at]));
  });
  return { missing: places.filter((place) => !isWritten(array, place)).length, expected: places.length };
}

function unwritten({ path }: Dataset, { missing, expected }: Counts): Error {
  return new Error(`${path} lacks ${grouped(missing)} of its ${grouped(expected)} chunks (never written)`);
}
