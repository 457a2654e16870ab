/** Matrices in HDF5 files that are stored as arrays. */
import { type Matrix, type Rows, sparsified } from "../arrays/rows";
import { EngineError } from "../engine";
import { counted, grouped } from "../text";
import { type Dataset, isFlags, isFloat, numbersOf, reading } from "./hdf5";
import { ChunkCheck, requireMostWritten } from "./unwritten-chunks";

const PART_VALUES = 2_000_000; // that are read together: 16 MB
const MAX_CHUNK_VALUES = 48_000_000; // of a chunk that is read as a whole: 384 MB

/** A matrix that is stored as an array. */
export class DenseMatrix implements Matrix {
  readonly n: number;
  readonly nColumns: number;
  readonly isFloat: boolean;
  readonly isFlags: boolean;
  readonly #dataset: Dataset;
  readonly #chunks: ChunkCheck;
  readonly #fileName: string;
  readonly #warn: (text: string) => void;

  /** @param warn Takes what makes the values doubtful, once they are read. */
  constructor(dataset: Dataset, [n, nColumns]: [number, number], fileName: string, warn: (text: string) => void) {
    if (dataset.shape?.join() !== `${n},${nColumns}`) {
      throw new EngineError(
        "format",
        `${dataset.path} in ${fileName} has shape (${dataset.shape?.join(", ")}) for ${grouped(n)} cells and ` +
          `${grouped(nColumns)} features; the file is damaged, copy or export it again`,
      );
    }
    this.n = n;
    this.nColumns = nColumns;
    this.isFloat = isFloat(dataset);
    this.isFlags = isFlags(dataset);
    this.#dataset = dataset;
    this.#chunks = new ChunkCheck(dataset);
    this.#fileName = fileName;
    this.#warn = warn;
  }

  async read(ranges: [number, number][]): Promise<Rows[]> {
    return ranges.map(([start, stop]) => this.#rows(start, stop));
  }

  async *parts(): AsyncGenerator<Rows> {
    const stored = this.#dataset.metadata.chunks?.[0] ?? 1; // rows that cost no more to read than one of them
    const together = stored * this.nColumns <= MAX_CHUNK_VALUES ? stored : 1;
    const step = Math.max(1, Math.floor(PART_VALUES / this.nColumns / together)) * together;
    for (let start = 0; start < this.n; start += step) yield this.#rows(start, Math.min(start + step, this.n));
  }

  #rows(start: number, stop: number): Rows {
    const values = reading(this.#fileName, () => {
      const read = numbersOf(this.#dataset, [
        [start, stop],
        [0, this.nColumns],
      ]);
      this.#warnOfUnwritten(read, start);
      return read;
    });
    return sparsified(values, stop - start, this.nColumns);
  }

  #warnOfUnwritten(values: ArrayLike<number>, start: number): void {
    const found = this.#chunks.check(values, start);
    if (found === null) return;
    requireMostWritten(this.#dataset, found);
    this.#warn(
      `${this.#dataset.path} in ${this.#fileName} lacks ${counted(found.missing, "chunk", "", found.expected)} (never written); values ` +
        "there are read as zeros, correct only if they are zero",
    );
  }
}
