/** The files that a reader chose or dropped, and what their results are named after. */

export interface ChosenFiles {
  /** Name of the file, or of the folder that holds the files. */
  name: string;
  files: File[];
  /** Folder that each file lies in; empty for none. */
  folders: string[];
}

/** What stands behind the name of a matrix whose companions were chosen with it. */
export const CELL_RANGER = " (Cell Ranger folder)";

const MATRIX_FILE = /[._-]*(matrix|barcodes|cells|features|genes|peaks)\.(mtx|tsv|txt|bed)(\.gz)?$/i;

/** Return chosen files with their name; `paths` are those of dropped files, which the files themselves do not tell. */
export function namedFiles(files: File[], paths = files.map(({ webkitRelativePath }) => webkitRelativePath)): ChosenFiles {
  const folders = paths.map((path) => path.split("/").slice(0, -1).join("/"));
  return { name: files.length === 1 ? files[0].name : nameOf(files, folders), files, folders };
}

const nameOf = (files: File[], folders: string[]): string =>
  sharedFolder(folders) || sharedPrefix(files) || nameOfMatrix(files) || `${files.length} files`;

/** Return a name for a matrix and its companions that bear no name of a sample; empty for other files. */
function nameOfMatrix(files: File[]): string {
  const matrix = files.find(({ name }) => MATRIX_FILE.exec(name)?.[1].toLowerCase() === "matrix");
  return matrix !== undefined && files.every(({ name }) => MATRIX_FILE.test(name)) ? matrix.name + CELL_RANGER : "";
}

/** Return the name of the folder that was chosen or dropped; empty if the files themselves were, or several folders. */
function sharedFolder(folders: string[]): string {
  const outermost = new Set(folders.map((folder) => folder.split("/")[0]));
  return outermost.size === 1 ? [...outermost][0] : "";
}

/** Return what precedes `matrix.mtx` and its companions, such as the sample's name on GEO. */
function sharedPrefix(files: File[]): string {
  const prefixes = new Set(files.map(({ name }) => name.replace(MATRIX_FILE, "")));
  return prefixes.size === 1 ? [...prefixes][0] : "";
}
