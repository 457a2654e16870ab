/** Cells to be projected, in a file of any format. */
import type { Matrix } from "../arrays/rows";
import { type Categorical, EngineError, type ObsColumn } from "../engine";
import type { Frame } from "../features/frame";
import { quoted } from "../text";

export interface QueryFile {
  name: string;
  nCells: number;
  /** Names of the layers, and `raw` if there is one. */
  layers: string[];
  /** Columns of obs that hold text, categories, numbers, or True and False. */
  columns: string[];
  /** Base of the logarithm that the file notes; null if it does not. */
  notedBase: number | null;
  /** What the reader of the results should know about the file. */
  notes: string[];
  /** What makes the values doubtful, known only once they are read. */
  warnings: string[];
  cellNames(): string[];
  obsColumn(name: string): ObsColumn;
  /** Return the features of X, or of a layer. */
  frame(layer: string | undefined): Frame;
  /** Return the values of X, or of a layer. */
  matrix(layer: string | undefined): Matrix;
  close(): void;
}

/** List names in quotes; `none` if there are none. */
export const listed = (names: string[]): string => names.map(quoted).join(", ") || "none";

/** Return the error for a column of obs that a query lacks, or that is of another kind. */
export const unknownColumn = (name: string, columns: string[]): EngineError =>
  new EngineError("query", `the query has no column ${quoted(name)} in obs; its columns are: ${listed(columns)}`);

/** Return the error for a layer that a query lacks. */
export const unknownLayer = (name: string, layers: string[]): EngineError =>
  new EngineError(
    "query",
    `the query has no layer ${quoted(name)}, ` +
      (layers.length ? `its layers are: ${listed(layers)}; choose one of them, or X by default` : "nor any other; name none"),
  );

/** Return the codes of texts, and the different ones among them in the order of their first rows. */
export function codesOf(texts: string[]): Categorical {
  const codes = new Map<string, number>();
  const result = Int32Array.from(texts, (text) => codes.get(text) ?? codes.set(text, codes.size).size - 1);
  return { codes: result, categories: [...codes.keys()] };
}
