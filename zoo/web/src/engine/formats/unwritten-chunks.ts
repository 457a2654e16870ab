/** Chunks of an HDF5 file that were never written, which HDF5 reads as zeros without a word. */
import { grouped } from "../text";
import type { Dataset } from "./hdf5";
import { fileReads } from "./hdf5-library";

/**
 * Throw if a chunk of a list was never written, after a range of it was read.
 *
 * h5wasm does not tell which chunks a file has, so each that seems to hold only zeros is read again: if it was written, that
 * fetches bytes from the file.
 */
export function requireWritten(list: Dataset, values: ArrayLike<number>, start: number): void {
  const length = list.metadata.chunks?.[0];
  if (length === undefined || values.length === 0) return;
  const stop = start + values.length;
  for (let chunk = Math.floor(start / length); chunk * length < stop; chunk++) {
    let at = Math.max(start, chunk * length);
    const end = Math.min(stop, (chunk + 1) * length);
    while (at < end && values[at - start] === 0) at++;
    if (at === end && !isWritten(list, chunk * length)) throw unwritten(list, length);
  }
}

/** Return whether the chunk that begins at a place was written. */
function isWritten(list: Dataset, begin: number): boolean {
  const range: [number, number][] = [[begin, begin + 1]];
  list.slice(range); // afterwards the index of the chunks is in memory
  const before = fileReads.n;
  list.slice(range);
  return fileReads.n > before;
}

function unwritten(list: Dataset, length: number): Error {
  const nExpected = Math.ceil(list.shape![0] / length);
  const nMissing = Array.from({ length: nExpected }, (_, chunk) => chunk).filter((chunk) => !isWritten(list, chunk * length)).length;
  return new Error(
    `${list.path} lacks ${grouped(nMissing)} of its ${grouped(nExpected)} chunks, which were never written`,
  );
}
