/** Matrix Market files beside tables of barcodes and features: Cell Ranger, STARsolo, kallisto, GEO. */
import { summedRepeats } from "../arrays/repeats";
import { EngineError } from "../engine";
import type { Frame } from "../features/frame";
import { grouped } from "../text";
import { type ByteSource, pathOf } from "./byte-source";
import { allLines } from "./lines";
import { type Entries, readEntries } from "./matrix-entries";
import { MemoryFile, emptyDropletNote, rowsOfEntries } from "./memory-file";
import { uniqueFeatures, uniqueNames } from "./unique-names";

const NAMES = { barcodes: "barcodes|cells", features: "features|genes|peaks" };
const MATRIX = /^[^.].*\.mtx(\.gz)?$/;

/** Return whether a file has the name of a Matrix Market matrix. */
export const isMatrixName = (name: string): boolean => MATRIX.test(name);

/** Read the matrix among some files, and the names beside it. */
export async function readMatrixMarket(sources: ByteSource[], origin: string): Promise<MemoryFile> {
  const found = sources.filter(({ name }) => isMatrixName(name));
  if (found.length > 1) {
    const names = found.map(pathOf).sort().slice(0, 5);
    throw new EngineError(
      "query",
      `${origin} has ${found.length} matrices: ${names.join(", ")}; give one of them, with its barcodes and features`,
    );
  }
  const matrix = found[0];
  const beside = sources.filter(({ folder }) => folder === matrix.folder);
  const barcodes = await readNames(companion(matrix.name, NAMES.barcodes, beside));
  const features = await readNames(companion(matrix.name, NAMES.features, beside));
  const entries = await readEntries(matrix);
  const cellsFirst = areCellsFirst(entries, barcodes.length, features.length, matrix.name);
  const { shape, first, second, values } = entries;
  const [nCells, nFeatures] = cellsFirst ? shape : [shape[1], shape[0]];
  const [cell, feature] = cellsFirst ? [first, second] : [second, first];
  const rows = summedRepeats(rowsOfEntries(cell, feature, values, nCells, nFeatures));
  return new MemoryFile({
    name: matrix.name,
    cells: uniqueNames(barcodes.slice(-nCells).map(([name]) => name)),
    frame: describeFeatures(features.slice(-nFeatures)),
    rows,
    obs: [],
    notes: emptyDropletNote(rows, matrix.name),
  });
}

/** Return the table beside a matrix that has the same prefix, such as `GSM1_barcodes.tsv.gz`. */
function companion(matrix: string, names: string, sources: ByteSource[]): ByteSource {
  const prefix = matrix.split(/(?:matrix)?\.mtx/)[0];
  const pattern = new RegExp(`^[._-]?(?:${names})\\.(?:tsv|txt|bed)(?:\\.gz)?$`);
  const found = sources
    .filter(({ name }) => name.startsWith(prefix) && pattern.test(name.slice(prefix.length)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (found.length) return found[0];
  const [first, ...others] = names.split("|").map((name) => `${prefix}${name}.tsv`);
  throw new EngineError(
    "query",
    `${matrix} needs its names beside it, in ${first} (or ${others.join(", ")}; .gz too), but there is no such file; give ` +
      "all three files together",
  );
}

/** Return the fields of each line of a table of names; intervals of a BED file are joined into one name each. */
async function readNames(source: ByteSource): Promise<string[][]> {
  const rows = (await allLines(source)).filter(Boolean).map((line) => line.split("\t"));
  return source.name.includes(".bed")
    ? rows.map(([chromosome, start, end]) => [`${chromosome}:${start}-${end}`])
    : rows;
}

/** Return whether the rows of a matrix are cells; the tables may begin with a line of column names. */
function areCellsFirst({ shape }: Entries, nBarcodes: number, nFeatures: number, matrix: string): boolean {
  const fits = (n: number, names: number): boolean => n === names || n === names - 1;
  if (fits(shape[0], nFeatures) && fits(shape[1], nBarcodes)) return false;
  if (fits(shape[0], nBarcodes) && fits(shape[1], nFeatures)) return true;
  throw new EngineError(
    "query",
    `${matrix} has ${grouped(shape[0])} rows and ${grouped(shape[1])} columns, which fits neither way to ` +
      `${grouped(nFeatures)} features and ${grouped(nBarcodes)} barcodes beside it; copy all three files of one sample again`,
  );
}

function describeFeatures(table: string[][]): Frame {
  const ids = table.map(([id]) => id);
  const width = table[0]?.length ?? 1;
  if (width === 1) return { names: uniqueNames(ids), columns: [] };
  const types = width === 2 ? undefined : table.map((row) => row[2] ?? "");
  const columns = [{ name: "gene_ids", texts: ids }, ...(types ? [{ name: "feature_types", texts: types }] : [])];
  return {
    names: uniqueFeatures(
      table.map((row) => row[1] ?? ""),
      types,
    ),
    columns,
  };
}
