/** Room in memory for the values of a file that is not read in parts. */
import { EngineError } from "../engine";
import { grouped } from "../text";

const MAX_VALUES = 100_000_000; // 0.8 GB, and up to 3.6 GB while they are put in order

/** Throw if a file has more values than are kept in memory, as a small archive may. */
export function requireRoom(n: number, file: string): void {
  if (n <= MAX_VALUES) return;
  throw new EngineError(
    "query",
    `${file} has more than ${grouped(MAX_VALUES)} values, which this page does not keep in memory; write the cells as .h5ad, which ` +
      "is read in parts, or project the file with the smile-zoo command",
  );
}
