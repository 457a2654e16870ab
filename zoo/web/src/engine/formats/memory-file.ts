/** Cells of other tools' formats, read into memory as compressed sparse rows. */
import { type Matrix, type Rows, rowRanges, rowSums, sliceRows } from "../arrays/rows";
import type { ObsColumn } from "../engine";
import type { Frame, TextColumn } from "../features/frame";
import { counted } from "../text";
import { type QueryFile, codesOf, unknownColumn, unknownLayer } from "./query-file";

const PART_VALUES = 2_000_000;
const MAX_EMPTY_TOTAL = 10;

interface MemoryContent {
  name: string;
  cells: string[];
  frame: Frame;
  rows: Rows;
  obs: TextColumn[];
  notes: string[];
}

export class MemoryFile implements QueryFile {
  readonly name: string;
  readonly nCells: number;
  readonly layers: string[] = [];
  readonly columns: string[];
  readonly notedBase = null;
  readonly notes: string[];
  readonly warnings = [];
  readonly #content: MemoryContent;

  constructor(content: MemoryContent) {
    this.name = content.name;
    this.nCells = content.cells.length;
    this.columns = content.obs.map(({ name }) => name);
    this.notes = content.notes;
    this.#content = content;
  }

  cellNames(): string[] {
    return this.#content.cells;
  }

  obsColumn(name: string): ObsColumn {
    const column = this.#content.obs.find((each) => each.name === name);
    if (!column) throw unknownColumn(name, this.columns);
    return codesOf(column.texts);
  }

  frame(): Frame {
    return this.#content.frame;
  }

  matrix(layer: string | undefined): Matrix {
    if (layer === undefined) return new MemoryMatrix(this.#content.rows);
    throw unknownLayer(layer, this.layers);
  }

  close(): void {}
}

/** Rows in memory. */
class MemoryMatrix implements Matrix {
  readonly isFloat = true;
  readonly isFlags = false;
  readonly #rows: Rows;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  get n(): number {
    return this.#rows.n;
  }

  get nColumns(): number {
    return this.#rows.nColumns;
  }

  async read(ranges: [number, number][]): Promise<Rows[]> {
    return ranges.map(([start, stop]) => sliceRows(this.#rows, start, stop));
  }

  async *parts(): AsyncGenerator<Rows> {
    for (const [start, stop] of rowRanges(this.#rows.indptr, PART_VALUES)) yield sliceRows(this.#rows, start, stop);
  }
}

/** Return rows of entries in any order, by counting. */
export function rowsOfEntries(
  row: Int32Array,
  column: Int32Array,
  values: Float32Array,
  n: number,
  nColumns: number,
): Rows {
  const indptr = new Int32Array(n + 1);
  for (let at = 0; at < row.length; at++) indptr[row[at] + 1]++;
  for (let each = 0; each < n; each++) indptr[each + 1] += indptr[each];
  if (row.every((each, at) => at === 0 || each >= row[at - 1])) return { n, nColumns, indptr, indices: column, values };
  const next = indptr.slice();
  const [indices, sorted] = [new Int32Array(row.length), new Float32Array(row.length)];
  for (let at = 0; at < row.length; at++) {
    const place = next[row[at]]++;
    indices[place] = column[at];
    sorted[place] = values[at];
  }
  return { n, nColumns, indptr, indices, values: sorted };
}

/** Return the note that most barcodes have next to no counts, as in the unfiltered matrices of Cell Ranger. */
export function emptyDropletNote(rows: Rows, name: string): string[] {
  const nEmpty = rowSums(rows).filter((total) => total <= MAX_EMPTY_TOTAL).length;
  if (nEmpty <= rows.n / 2) return [];
  return [
    `${name} seems to be unfiltered: ${counted(nEmpty, "barcode", "have", rows.n)} at most ${MAX_EMPTY_TOTAL} counts; use the ` +
      "filtered_feature_bc_matrix of the same run to project cells alone",
  ];
}
