/** Query cells in h5ad and h5mu files. */
import type { Matrix } from "../arrays/rows";
import { EngineError, type ObsColumn } from "../engine";
import type { Frame } from "../features/frame";
import { grouped, quoted } from "../text";
import { type Dataset, type Group, type OpenHdf5, datasetOf, groupOf, reading, unreadable } from "./hdf5";
import { type QueryFile, listed, unknownColumn, unknownLayer } from "./query-file";
import { lengthOf, namesOf, readColumn, readFrame, readableColumns } from "./stored-frame";
import { openMatrix } from "./stored-matrix";

const RAW = "raw";

/** A table of cells as anndata stores it. */
export class H5adFile implements QueryFile {
  readonly name: string;
  readonly nCells: number;
  readonly layers: string[];
  readonly columns: string[];
  readonly notedBase: number | null;
  readonly notes: string[] = [];
  readonly warnings: string[] = [];
  readonly #file: OpenHdf5;
  readonly #table: Group;
  readonly #obs: Group;

  /** @param table Group of the table: the root of an h5ad file. */
  constructor(name: string, file: OpenHdf5, table: Group) {
    this.name = name;
    this.#file = file;
    this.#table = table;
    const obs = groupOf(table, "obs");
    if (!obs || !groupOf(table, "var"))
      throw unreadable(name, "it has no table of cells, or one of anndata before 0.7");
    this.#obs = obs;
    this.nCells = reading(name, () => lengthOf(obs));
    this.columns = reading(name, () => readableColumns(obs));
    this.layers = [...(groupOf(table, "layers")?.keys() ?? []), ...(this.#raw ? [RAW] : [])];
    this.notedBase = notedBase(table);
  }

  cellNames(): string[] {
    return reading(this.name, () => namesOf(this.#obs));
  }

  obsColumn(name: string): ObsColumn {
    if (!this.columns.includes(name)) throw unknownColumn(name, this.columns);
    return reading(this.name, () => readColumn(this.#obs, name));
  }

  frame(layer: string | undefined): Frame {
    const parent = this.#isRaw(layer) ? this.#raw! : this.#table;
    return reading(this.name, () => readFrame(groupOf(parent, "var")!, this.notes));
  }

  matrix(layer: string | undefined): Matrix {
    if (layer !== undefined && !this.layers.includes(layer)) throw unknownLayer(layer, this.layers);
    const isRaw = this.#isRaw(layer);
    const parent = isRaw ? this.#raw! : layer === undefined ? this.#table : groupOf(this.#table, "layers")!;
    const key = isRaw || layer === undefined ? "X" : layer;
    const stored = reading(this.name, () => groupOf(parent, key) ?? datasetOf(parent, key));
    if (!stored || (stored.type === "Dataset" && !(stored as Dataset).shape?.length)) {
      throw new EngineError(
        "query",
        `the query has no X; choose the matrix that holds the values. Its layers are: ${listed(this.layers)}`,
      );
    }
    const nColumns = reading(this.name, () => lengthOf(groupOf(isRaw ? this.#raw! : this.#table, "var")!));
    const shape = stored.attrs["shape"]?.value ?? stored.attrs["h5sparse_shape"]?.value;
    if (!shape && stored.type === "Group") throw unreadable(this.name, `${key} has no shape`);
    if (shape && Array.from(shape as ArrayLike<bigint | number>, Number).join() !== `${this.nCells},${nColumns}`) {
      throw new EngineError(
        "format",
        `${key} in ${this.name} has shape (${Array.from(shape as ArrayLike<bigint | number>).join(", ")}) for ` +
          `${grouped(this.nCells)} cells and ${grouped(nColumns)} features; the file is damaged, copy or export it again`,
      );
    }
    return reading(this.name, () => openMatrix(stored, [this.nCells, nColumns], this.name, (text) => this.warnings.push(text)));
  }

  close(): void {
    this.#file.close();
  }

  get #raw(): Group | null {
    const raw = groupOf(this.#table, RAW);
    return raw && groupOf(raw, "var") && raw.keys().includes("X") ? raw : null;
  }

  #isRaw(layer: string | undefined): boolean {
    return layer === RAW && this.#raw !== null && !groupOf(this.#table, "layers")?.keys().includes(RAW);
  }
}

/** Return the table of a modality of an h5mu file. */
export function tableOf(root: Group, name: string, modality: string, synonyms: readonly string[]): Group {
  const tables = groupOf(root, "mod")!;
  const known = tables.keys();
  const wanted = [modality, ...synonyms].map((each) => each.toLowerCase());
  const found = known.find((each) => each === modality) ?? known.find((each) => wanted.includes(each.toLowerCase()));
  if (found === undefined) {
    throw new EngineError(
      "query",
      `${name} has no table ${quoted(modality)}; it has: ${known.join(", ")}. Choose the one that holds the ${modality} of ` +
        "the cells",
    );
  }
  return groupOf(tables, found)!;
}

/** Return the base of the logarithm noted in `uns["log1p"]`; null without a note or a valid base. */
function notedBase(table: Group): number | null {
  const uns = groupOf(table, "uns");
  const noted = uns && groupOf(uns, "log1p");
  if (!noted) return null;
  const base = datasetOf(noted, "base");
  const value = base?.shape ? Number(base.value) : Math.E; // null is stored without a value
  return value > 1 && value < Infinity ? value : null;
}
