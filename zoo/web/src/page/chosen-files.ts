/** The files that a reader chose or dropped, and what their results are named after. */

export interface ChosenFiles {
  /** Name of the file, or of the folder that holds the files. */
  name: string;
  files: File[];
}

/** What stands behind the name of a matrix whose companions were chosen with it. */
export const CELL_RANGER = " (Cell Ranger folder)";

const MATRIX_FILE = /[._-]*(matrix|barcodes|cells|features|genes|peaks)\.(mtx|tsv|txt|bed)(\.gz)?$/i;

/** Return chosen files with their name; `folder` is that of a dropped folder, which its files do not tell. */
export function namedFiles(files: File[], folder = ""): ChosenFiles {
  if (files.length === 1) return { name: files[0].name, files };
  return { name: folder || sharedFolder(files) || sharedPrefix(files) || nameOfMatrix(files) || `${files.length} files`, files };
}

/** Return a name for a matrix and its companions that bear no name of a sample; empty for other files. */
function nameOfMatrix(files: File[]): string {
  const matrix = files.find(({ name }) => MATRIX_FILE.exec(name)?.[1].toLowerCase() === "matrix");
  return matrix !== undefined && files.every(({ name }) => MATRIX_FILE.test(name)) ? matrix.name + CELL_RANGER : "";
}

/** Return the name of the folder that was chosen; empty if the files were chosen themselves. */
function sharedFolder(files: File[]): string {
  const folders = new Set(files.map(({ webkitRelativePath }) => webkitRelativePath.split("/").slice(0, -1)[0] ?? ""));
  return folders.size === 1 ? [...folders][0] : "";
}

/** Return what precedes `matrix.mtx` and its companions, such as the sample's name on GEO. */
function sharedPrefix(files: File[]): string {
  const prefixes = new Set(files.map(({ name }) => name.replace(MATRIX_FILE, "")));
  return prefixes.size === 1 ? [...prefixes][0] : "";
}
