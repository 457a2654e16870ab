/** Files of cells, opened by their content and not by their names. */
import { EngineError } from "../engine";
import { type FeatureKind, wordsOfKind } from "../features/feature-kinds";
import type { GeneTables } from "../features/gene-aliases";
import { type ByteSource, pathOf, sourceOf } from "./byte-source";
import { CellRangerFile, cellRangerGroup } from "./cell-ranger";
import { HDF5, MATRIX_MARKET, TABLE, ZIP, recognizeFormat, workbookFormat } from "./file-format";
import { H5adFile, tableOf } from "./h5ad";
import { type OpenHdf5, openHdf5 } from "./hdf5";
import { isMatrixName, readMatrixMarket } from "./matrix-market";
import type { QueryFile } from "./query-file";
import { readTable } from "./table";
import { zipMembers } from "./zip-archive";

/** What an encoder takes, which tells the table of an h5mu file, and features from cells. */
interface WantedFeatures {
  modality: string;
  kind: FeatureKind | null;
  ids: readonly string[];
  tables: GeneTables;
}

/** Open the file, or the files of one matrix, that were dropped; `folders` are those that the files lie in. */
export async function openQueryFile(files: File[], wanted: WantedFeatures, folders: string[] = []): Promise<QueryFile> {
  const sources = files.map((file, index) => sourceOf(file, folders[index]));
  if (sources.some(({ name }) => isMatrixName(name))) return openMatrixMarket(sources, "the folder");
  if (files.length !== 1) {
    const names = sources.slice(0, 5).map(pathOf);
    throw new EngineError(
      "query",
      `${files.length} files were given (${names.join(", ") || "none"}), but none is a matrix.mtx; give one file, or the three ` +
        "files of one matrix",
    );
  }
  const [file] = files;
  const format = await recognizeFormat(sources[0]);
  if (format === HDF5) return openHdf5Cells(file.name, await openHdf5(file), wanted);
  if (format === TABLE) return openTable(sources[0], wanted);
  if (format === MATRIX_MARKET) {
    throw new EngineError(
      "query",
      `${file.name} is a Matrix Market matrix without its names; give it together with its barcodes and features, as ` +
        "matrix.mtx, barcodes.tsv and features.tsv",
    );
  }
  if (format === ZIP) return openZip(file, wanted);
  throw new EngineError("format", `${file.name} cannot be read: it is ${format.name}; ${format.advice}`);
}

const openMatrixMarket = (sources: ByteSource[], origin: string): Promise<QueryFile> =>
  readAs(MATRIX_MARKET.name, origin, readMatrixMarket(sources, origin));

const openTable = (source: ByteSource, { ids, tables }: WantedFeatures, origin = source.name): Promise<QueryFile> =>
  readAs(TABLE.name, origin, readTable(source, ids, tables));

/** Return what is read; its errors become those of a damaged file of that kind. */
async function readAs<T>(kind: string, origin: string, read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof EngineError || error instanceof RangeError) throw error;
    throw new EngineError(
      "format",
      `${origin} looks like ${kind}, but cannot be read: ${(error as Error).message}; it is damaged or incomplete, copy or ` +
        "export it again",
    );
  }
}

async function openZip(file: File, wanted: WantedFeatures): Promise<QueryFile> {
  const members = await readAs(ZIP.name, file.name, zipMembers(file));
  const workbook = workbookFormat(members);
  if (workbook)
    throw new EngineError("format", `${file.name} cannot be read: it is ${workbook.name}; ${workbook.advice}`);
  if (members.some(({ name }) => isMatrixName(name))) return openMatrixMarket(members, file.name);
  const tables = members.filter(({ name }) => /\.(csv|tsv|txt)(\.gz)?$/.test(name));
  if (members.length === 1 && tables.length === 1) return openTable(tables[0], wanted, file.name);
  const names = members.slice(0, 5).map(pathOf);
  throw new EngineError(
    "format",
    `${file.name} is a zip archive of ${names.join(", ") || "nothing"}, without a matrix.mtx; unpack it, and use a file or ` +
      "folder in it",
  );
}

function openHdf5Cells(name: string, file: OpenHdf5, { modality, kind }: WantedFeatures): QueryFile {
  try {
    const names = file.root.keys();
    if (names.includes("mod")) return new H5adFile(name, file, tableOf(file.root, name, modality, wordsOfKind(kind)));
    if (names.some((each) => ["obs", "var", "X"].includes(each))) return new H5adFile(name, file, file.root);
    const group = cellRangerGroup(file.root, name);
    if (group) return new CellRangerFile(name, file, group);
    throw otherHdf5(name, names);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Return the error for an HDF5 file of another tool. */
function otherHdf5(name: string, groups: string[]): EngineError {
  const has = (...wanted: string[]): boolean => wanted.every((each) => groups.includes(each));
  const known: [boolean, string, string][] = [
    [
      has("matrix", "row_attrs", "col_attrs"),
      "a loom file",
      "project it with the smile-zoo command, or save it as .h5ad",
    ],
    [
      has("assays", "cell.names"),
      "an h5Seurat file",
      "in R, convert it with SeuratDisk::Convert('x.h5seurat', dest = 'h5ad')",
    ],
    [
      has("barcode_idx"),
      "a Cell Ranger file of molecules",
      "use filtered_feature_bc_matrix.h5, which lies in the same folder",
    ],
  ];
  const [, kind, advice] = known.find(([applies]) => applies) ?? [
    true,
    `an HDF5 file of another kind (${groups.slice(0, 5).join(", ") || "empty"})`,
    "export its cells as .h5ad",
  ];
  return new EngineError("format", `${name} cannot be read: it is ${kind}; ${advice}`);
}
