/** Files of cells, opened by their content and not by their names. */
import { EngineError } from "../engine";
import { type FeatureKind, wordsOfKind } from "../features/feature-kinds";
import type { GeneTables } from "../features/gene-aliases";
import { CellRangerFile, cellRangerGroup } from "./cell-ranger";
import { H5adFile, tableOf } from "./h5ad";
import { type OpenHdf5, openHdf5 } from "./hdf5";
import type { QueryFile } from "./query-file";

/** What an encoder takes, which tells the table of an h5mu file, and features from cells. */
export interface WantedFeatures {
  modality: string;
  kind: FeatureKind | null;
  ids: readonly string[];
  tables: GeneTables;
}

/** Open the file, or the files of one matrix, that were dropped. */
export async function openQueryFile(files: File[], wanted: WantedFeatures): Promise<QueryFile> {
  const file = files[0];
  if (!file) throw new EngineError("query", "no file was given; choose a file of cells");
  return openHdf5Cells(file.name, await openHdf5(file), wanted);
}

function openHdf5Cells(name: string, file: OpenHdf5, { modality, kind }: WantedFeatures): QueryFile {
  try {
    const names = file.root.keys();
    if (names.includes("mod")) return new H5adFile(name, file, tableOf(file.root, name, modality, wordsOfKind(kind)));
    if (names.some((each) => ["obs", "var", "X"].includes(each))) return new H5adFile(name, file, file.root);
    const group = cellRangerGroup(file.root, name);
    if (group) return new CellRangerFile(name, file, group);
    throw new EngineError(
      "format",
      `${name} is an HDF5 file of another kind (${names.slice(0, 5).join(", ") || "empty"}); export its cells as .h5ad`,
    );
  } catch (error) {
    file.close();
    throw error;
  }
}
