/** Rows of a text table: numbers as sparse rows, and columns of text. */
import type { Rows } from "../arrays/rows";
import { EngineError } from "../engine";
import type { TextColumn } from "../features/frame";
import { grouped, quoted } from "../text";
import { KeptChars } from "./lines";
import { requireRoom } from "./memory-room";
import { type TableLayout, fieldsOf } from "./table-layout";

const MAX_NUMBERS_IN_TEXT = 0.5;
/** Numbers and missing values as pandas reads them. */
const NUMBER = { ".": /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i, ",": /^[+-]?(?:\d+,?\d*|,\d+)(?:e[+-]?\d+)?$/i };
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
const MISSING = new Set(
  ["", "#N/A N/A", ..."#N/A #NA -1.#IND -1.#QNAN -NaN -nan 1.#IND 1.#QNAN <NA> N/A NA NULL NaN None n/a nan null".split(" ")],
);

/** Collects the rows of a table. */
export class TableParser {
  readonly layout: TableLayout;
  readonly names: string[] = [];
  /** Indices of the columns of numbers. */
  readonly numeric: number[] = [];
  readonly annotations: TextColumn[] = [];
  readonly #file: string;
  readonly #texts: number[] = [];
  readonly #kept: KeptChars;
  #ends: number[] = [0];
  #nLines: number;
  #indices = new Int32Array(1 << 16);
  #values = new Float32Array(1 << 16);
  #size = 0;

  /** @param sample Lines by which columns of numbers are told from those of text. */
  constructor(layout: TableLayout, file: string, sample: string[]) {
    this.layout = layout;
    this.#file = file;
    this.#kept = new KeptChars(file);
    this.#nLines = layout.nHeaderLines;
    const rows = sample.filter((line) => !/^ *$/.test(line)).map((line) => fieldsOf(line, layout.separator));
    layout.columns.forEach((name, column) => {
      const numbers = rows.map((row) => this.#number(row[column + 1]));
      const isTrailing = column === layout.columns.length - 1 && !name && numbers.every(Number.isNaN);
      const isText = isTrailing || rows.some((row, at) => Number.isNaN(numbers[at]) && !isMissing(row[column + 1]));
      (isText ? this.#texts : this.numeric).push(column);
      const share = numbers.filter((value) => !Number.isNaN(value)).length / numbers.length;
      const text = numbers.findIndex(Number.isNaN);
      if (isText && share > MAX_NUMBERS_IN_TEXT) throw this.#missing(rows[text][column + 1], rows[text][0], column);
    });
    if (rows.length && !this.numeric.length) {
      throw new EngineError(
        "format",
        `${file} has no column of numbers, only text such as ${quoted(rows[0][1] ?? "")}; values are needed`,
      );
    }
    this.annotations = this.#texts.map((column) => ({ name: layout.columns[column], texts: [] }));
  }

  /** Add a row. */
  add(line: string): void {
    this.#nLines++;
    if (/^ *$/.test(line)) return;
    const fields = fieldsOf(line, this.layout.separator);
    if (fields.length > this.layout.columns.length + 1) throw this.#tooMany(fields.length);
    this.names.push(fields[0].trim());
    this.#kept.add(fields[0].length + 1 + this.#texts.reduce((sum, column) => sum + (fields[column + 1]?.length ?? 0), 0));
    this.#reserve(this.numeric.length);
    for (let index = 0; index < this.numeric.length; index++) {
      const column = this.numeric[index];
      const value = this.#number(fields[column + 1]);
      if (value === 0) continue;
      if (Number.isNaN(value)) throw this.#missing(fields[column + 1], fields[0].trim(), column);
      this.#indices[this.#size] = index;
      this.#values[this.#size++] = value;
    }
    this.#texts.forEach((column, index) => this.annotations[index].texts.push(fields[column + 1] ?? ""));
    this.#ends.push(this.#size);
  }

  rows(): Rows {
    return {
      n: this.names.length,
      nColumns: this.numeric.length,
      indptr: Int32Array.from(this.#ends),
      indices: this.#indices.slice(0, this.#size),
      values: this.#values.slice(0, this.#size),
    };
  }

  #number(text: string | undefined): number {
    if (text === "0") return 0;
    if (text === undefined) return NaN;
    const { decimal } = this.layout;
    const found = text.replace(/^[ \t]+|[ \t]+$/g, "");
    if (NUMBER[decimal].test(found)) {
      const value = Number(decimal === "," ? found.replace(",", ".") : found);
      return Number.isFinite(value) ? value : NaN;
    }
    const sign = INFINITE.exec(found)?.[1];
    return sign === undefined ? NaN : sign === "-" ? -Infinity : Infinity;
  }

  #reserve(n: number): void {
    if (this.#size + n <= this.#values.length) return;
    requireRoom(this.#size + n, this.#file);
    const [indices, values] = [this.#indices, this.#values];
    const length = Math.max(2 * values.length, this.#size + n);
    (this.#indices = new Int32Array(length)).set(indices);
    (this.#values = new Float32Array(length)).set(values);
  }

  #tooMany(n: number): EngineError {
    return new EngineError(
      "format",
      `${this.#file} has ${grouped(n)} fields in line ${grouped(this.#nLines)}, but ` +
        `${grouped(this.layout.columns.length + 1)} are needed by its first line; save the table again, with quotes around ` +
        "names that contain its separator",
    );
  }

  #missing(text: string | undefined, row: string, column: number): EngineError {
    const found = isMissing(text) ? "no value" : quoted(text!);
    return new EngineError(
      "values",
      `${this.#file} has ${found} in row ${quoted(row)} and column ${quoted(this.layout.columns[column])}, but a number is ` +
        "needed; write 0 if nothing was counted, or leave that row or column out (a decimal comma needs semicolons or " +
        "tabs between the values)",
    );
  }
}

const isMissing = (text: string | undefined): boolean => text === undefined || MISSING.has(text);
