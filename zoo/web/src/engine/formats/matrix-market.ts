/** Matrix Market files beside tables of barcodes and features: Cell Ranger, STARsolo, kallisto, GEO. */
import { type Rows } from "../arrays/rows";
import { EngineError } from "../engine";
import type { Frame } from "../features/frame";
import { grouped } from "../text";
import { type ByteSource, contentOf } from "./byte-source";
import { allLines } from "./lines";
import { MemoryFile, emptyDropletNote, rowsOfEntries } from "./memory-file";
import { uniqueFeatures, uniqueNames } from "./unique-names";

const NAMES = { barcodes: "barcodes|cells", features: "features|genes|peaks" };
const MATRIX = /^[^.].*\.mtx(\.gz)?$/;

/** Return whether a file has the name of a Matrix Market matrix. */
export const isMatrixName = (name: string): boolean => MATRIX.test(name);

/** Read the matrix among some files, and the names beside it. */
export async function readMatrixMarket(sources: ByteSource[], origin: string): Promise<MemoryFile> {
  const found = sources.filter(({ name }) => isMatrixName(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (found.length > 1) {
    throw new EngineError(
      "query",
      `${origin} has ${found.length} matrices: ${found.slice(0, 5).map(({ name }) => name).join(", ")}; give one of them ` +
        "and its names",
    );
  }
  const matrix = found[0];
  const barcodes = await readNames(companion(matrix.name, NAMES.barcodes, sources));
  const features = await readNames(companion(matrix.name, NAMES.features, sources));
  const entries = await readEntries(matrix);
  const cellsFirst = areCellsFirst(entries, barcodes.length, features.length, matrix.name);
  const { shape, first, second, values } = entries;
  const [nCells, nFeatures] = cellsFirst ? shape : [shape[1], shape[0]];
  const rows: Rows = rowsOfEntries(cellsFirst ? first : second, cellsFirst ? second : first, values, nCells, nFeatures);
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
  return source.name.includes(".bed") ? rows.map(([chromosome, start, end]) => [`${chromosome}:${start}-${end}`]) : rows;
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
  const types = width === 2 ? undefined : table.map((row) => row[2]);
  const columns = [{ name: "gene_ids", texts: ids }, ...(types ? [{ name: "feature_types", texts: types }] : [])];
  return { names: uniqueFeatures(table.map((row) => row[1]), types), columns };
}

interface Entries {
  shape: [number, number];
  first: Int32Array;
  second: Int32Array;
  values: Float32Array;
}

/** Read the entries of a coordinate matrix, counted from 0. */
async function readEntries(source: ByteSource): Promise<Entries> {
  const parser = new EntryParser(source.name);
  for await (const chunk of contentOf(source)) parser.push(chunk);
  return parser.finish();
}

const [NEWLINE, SPACE, PERCENT, ZERO, NINE] = [10, 32, 37, 48, 57];

/** Parses the bytes of a Matrix Market file: whole numbers digit by digit, others as text. */
class EntryParser {
  readonly #name: string;
  #header = "";
  #isComment = true;
  #atLineStart = true;
  #token = "";
  #number = -1;
  #fields: number[] = [];
  #entries: Entries | null = null;
  #n = 0;

  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#atLineStart) {
        this.#isComment = byte === PERCENT;
        this.#atLineStart = false;
      }
      if (this.#isComment) {
        if (this.#entries === null && this.#header.length < 200 && !this.#header.includes("\n")) this.#header += String.fromCharCode(byte);
        if (byte === NEWLINE) this.#atLineStart = true;
      } else if (byte >= ZERO && byte <= NINE && this.#token === "") {
        this.#number = (this.#number < 0 ? 0 : this.#number * 10) + byte - ZERO;
      } else if (byte <= SPACE) {
        this.#endField();
        if (byte === NEWLINE) this.#endLine();
      } else {
        if (this.#number >= 0) this.#token = String(this.#number);
        this.#number = -1;
        this.#token += String.fromCharCode(byte);
      }
    }
  }

  #endField(): void {
    if (this.#token !== "") this.#fields.push(Number(this.#token));
    else if (this.#number >= 0) this.#fields.push(this.#number);
    this.#token = "";
    this.#number = -1;
  }

  #endLine(): void {
    this.#atLineStart = true;
    const fields = this.#fields;
    if (!fields.length) return;
    if (this.#entries === null) this.#begin(fields);
    else this.#add(this.#entries, fields);
    fields.length = 0;
  }

  #begin(fields: number[]): void {
    const header = this.#header.trim().toLowerCase();
    if (!/^%%matrixmarket matrix coordinate (real|integer|pattern|unsigned-integer) general/.test(header) || fields.length !== 3) {
      throw this.#damaged(`its first line is '${header.slice(0, 60)}', but a general coordinate matrix is needed`);
    }
    const [rows, columns, size] = fields;
    this.#entries = {
      shape: [rows, columns],
      first: new Int32Array(size),
      second: new Int32Array(size),
      values: new Float32Array(size),
    };
  }

  #add({ shape, first, second, values }: Entries, fields: number[]): void {
    const [row, column, value = 1] = fields;
    const fits = row >= 1 && row <= shape[0] && column >= 1 && column <= shape[1] && this.#n < values.length;
    if (!fits || Number.isNaN(value)) throw this.#damaged(`its entry ${grouped(this.#n + 1)} is '${fields.join(" ")}'`);
    first[this.#n] = row - 1;
    second[this.#n] = column - 1;
    values[this.#n++] = value;
  }

  finish(): Entries {
    this.#endField();
    this.#endLine();
    const entries = this.#entries;
    if (entries === null) throw this.#damaged("it has no line with its shape");
    if (this.#n < entries.values.length) {
      throw this.#damaged(`it ends after ${grouped(this.#n)} of ${grouped(entries.values.length)} values`);
    }
    return entries;
  }

  #damaged(reason: string): EngineError {
    return new EngineError(
      "format",
      `${this.#name} looks like a Matrix Market matrix, but cannot be read: ${reason}; it is damaged or incomplete, copy or ` +
        "export it again",
    );
  }
}
