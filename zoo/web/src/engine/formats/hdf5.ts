/** HDF5 files, read in parts by h5wasm. */
import type { Dataset, File as Hdf5File, Group } from "h5wasm";
import { EngineError } from "../engine";
import { halfToNumber } from "../space/tensors";
import { quoted } from "../text";
import { type Metadata, loadHdf5Library } from "./hdf5-library";

export type { Dataset, Group };

const READABLE_FILTERS = new Set([1, 2, 3, 6]); // deflate, shuffle, fletcher32, scale-offset
const FILTER_NAMES: Record<number, string> = {
  4: "szip",
  307: "bzip2",
  32000: "lzf",
  32001: "blosc",
  32004: "lz4",
  32008: "bitshuffle",
  32013: "zfp",
  32015: "zstd",
  32026: "blosc2",
};
const H5T_INTEGER = 0; // class of a type, as HDF5 numbers it
/** What browsers say of a file that is no longer the one that was chosen. */
const CHANGED_FILE = /FileReaderSync|could not be read|could not be found/;
/** Messages of h5wasm itself, which tell a reader nothing: a text of its C++ code, or the address of an exception. */
const LIBRARY_MESSAGE = /^(?:error - |\d+$)/;
let nMounted = 0;
let library: Promise<typeof import("h5wasm")> | undefined;

export interface OpenHdf5 {
  root: Hdf5File;
  close(): void;
}

/** Open a file without reading it; where there is no FileReaderSync, as in Node, it is copied into memory. */
export async function openHdf5(file: File): Promise<OpenHdf5> {
  const h5wasm = await (library ??= loadHdf5Library());
  const FS = h5wasm.FS!;
  const folder = `/query${nMounted++}`;
  FS.mkdir(folder);
  const isMounted = "FileReaderSync" in globalThis;
  if (isMounted) {
    const { WORKERFS } = FS.filesystems as unknown as { WORKERFS: FS.FileSystemType };
    (FS as unknown as { mount: typeof FS.mount }).mount(WORKERFS, { blobs: [{ name: "file", data: file }] }, folder);
  } else {
    FS.writeFile(`${folder}/file`, new Uint8Array(await file.arrayBuffer()));
  }
  const release = (): void => {
    if (isMounted) FS.unmount(folder);
    else FS.unlink(`${folder}/file`);
    FS.rmdir(folder);
  };
  let root: Hdf5File | null = null;
  try {
    root = new h5wasm.File(`${folder}/file`, "r");
    requireReadable(root, file.name);
  } catch (error) {
    root?.close();
    release();
    throw unreadable(file.name, error);
  }
  const opened = root;
  return {
    root: opened,
    close: () => {
      opened.close();
      release();
    },
  };
}

/** Return whether a dataset holds floating-point numbers. */
export function isFloat({ dtype, metadata }: Dataset): boolean {
  return Boolean((metadata as Metadata).isHalf) || (typeof dtype === "string" && /^[<>]?[fd]$/.test(dtype));
}

/** Return whether a dataset holds integers. */
export const isWhole = ({ metadata }: Dataset): boolean =>
  metadata.type === H5T_INTEGER && !(metadata as Metadata).isHalf;

/** Return whether a dataset holds True and False. */
export const isFlags = ({ metadata }: Dataset): boolean => Boolean(metadata.enum_type);

/** Return the error for a file that cannot be read. */
export function unreadable(name: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
  if (CHANGED_FILE.test(reason)) {
    return new EngineError("query", `${name} was changed, moved or removed after it was chosen; choose it again`);
  }
  const why = LIBRARY_MESSAGE.test(reason) ? "" : `${reason}; `;
  return new EngineError(
    "format",
    `${name} cannot be read as HDF5: ${why}it is truncated, damaged, in another format, or from a later anndata: ` +
      "copy or export it again",
  );
}

/** Return what a function reads; its errors become those of an unreadable file. */
export function reading<T>(fileName: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadable(fileName, error);
  }
}

/** Return a group; null if it is missing. */
export function groupOf(parent: Group, name: string): Group | null {
  const found = member(parent, name);
  return found?.type === "Group" ? (found as Group) : null;
}

/** Return a dataset; null if it is missing. */
export function datasetOf(parent: Group, name: string): Dataset | null {
  const found = member(parent, name);
  return found?.type === "Dataset" ? (found as Dataset) : null;
}

function member(parent: Group, name: string): Group | Dataset | null {
  if (!parent.keys().includes(name)) return null;
  const found = parent.get(name) as Group | Dataset | { type: string } | null;
  if (found?.type === "Group" || found?.type === "Dataset") return found as Group | Dataset;
  throw new Error(`${parent.path.replace(/\/$/, "")}/${name} is damaged: it is a link that leads nowhere`);
}

/** Return a dataset, or throw if it is missing. */
export function requireDataset(parent: Group, name: string): Dataset {
  const found = datasetOf(parent, name);
  if (!found) throw new Error(`it has no ${quoted(`${parent.path.replace(/\/$/, "")}/${name}`)}`);
  return found;
}

/** Return the length of a list; throw if the dataset is none. */
export function lengthOfList({ path, shape }: Dataset): number {
  if (shape?.length !== 1) throw new Error(`${path} should be a list, but has shape (${shape?.join(", ") ?? ""})`);
  return shape[0];
}

/** Return the text of an attribute; empty if it is missing. */
export function textAttribute({ attrs }: Group | Dataset, name: string): string {
  const value = attrs[name]?.value;
  return typeof value === "string" ? value : "";
}

/** Throw if a dataset of a file is stored in a way that h5wasm cannot read. */
function requireReadable(root: Hdf5File, fileName: string): void {
  for (const path of root.paths()) {
    const found = root.get(path) as Group | Dataset | null;
    if (found?.type !== "Dataset") continue;
    const { filters, metadata } = found as Dataset;
    if (metadata.virtual_sources?.length) {
      const sources = metadata.virtual_sources.map(({ file_name }) => quoted(file_name)).join(", ");
      throw new Error(`/${path} is a virtual dataset of ${sources}, which is not read`);
    }
    const other = filters.find(({ id }) => !READABLE_FILTERS.has(id));
    if (!other) continue;
    const name = FILTER_NAMES[other.id] ?? `filter ${other.id}`;
    throw new EngineError(
      "format",
      `${fileName} is compressed with ${name}, which this page cannot read; write it again with ` +
        "adata.write_h5ad(path, compression='gzip'), or project it with the smile-zoo command",
    );
  }
}

/** Return all numbers of a dataset, or some ranges of them, one range for each dimension. */
export function numbersOf(dataset: Dataset, ranges?: [number, number][]): Float32Array | Float64Array | Int32Array {
  if (ranges?.some(([start, stop]) => start === stop))
    return isFloat(dataset) ? new Float32Array(0) : new Int32Array(0);
  const values = ranges ? dataset.slice(ranges) : dataset.value;
  if ((dataset.metadata as Metadata).isHalf) return Float32Array.from(values as Uint16Array, halfToNumber);
  return asNumbers(values, dataset.path);
}

/** Return what h5wasm read as floats or 32-bit integers; other integers become float64. */
function asNumbers(values: unknown, path: string): Float32Array | Float64Array | Int32Array {
  if (values instanceof Float32Array || values instanceof Float64Array || values instanceof Int32Array) return values;
  if (
    values instanceof Int8Array ||
    values instanceof Int16Array ||
    values instanceof Uint8Array ||
    values instanceof Uint16Array
  ) {
    return Int32Array.from(values);
  }
  if (values instanceof Uint32Array) return Float64Array.from(values);
  if (values instanceof BigInt64Array || values instanceof BigUint64Array)
    return Float64Array.from(values as BigInt64Array, Number);
  throw new Error(`${path} holds no numbers`);
}

/** Return all texts of a one-dimensional dataset. */
export function textsOf(dataset: Dataset): string[] {
  const values = dataset.shape?.[0] === 0 ? [] : (dataset.value as ArrayLike<unknown>);
  return Array.from(values, (value) => String(value));
}
