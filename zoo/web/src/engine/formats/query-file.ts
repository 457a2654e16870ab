/** Cells to be projected, in a file of any format. */
import type { Matrix } from "../arrays/rows";
import type { ObsColumn } from "../engine";
import type { Frame } from "../features/frame";

export interface QueryFile {
  name: string;
  nCells: number;
  /** Names of the layers, and `raw` if there is one. */
  layers: string[];
  /** Columns of obs that hold text or categories. */
  columns: string[];
  /** Base of the logarithm that the file notes; null if it does not. */
  notedBase: number | null;
  /** What the reader of the results should know about the file. */
  notes: string[];
  cellNames(): string[];
  obsColumn(name: string): ObsColumn;
  /** Return the features of X, or of a layer. */
  frame(layer: string | undefined): Frame;
  /** Return the values of X, or of a layer. */
  matrix(layer: string | undefined): Matrix;
  close(): void;
}
