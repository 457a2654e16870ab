/** Entries of a Matrix Market file, read byte by byte. */
import { EngineError } from "../engine";
import { grouped } from "../text";
import { type ByteSource, contentOf } from "./byte-source";
import { requireRoom } from "./memory-room";

export interface Entries {
  shape: [number, number];
  first: Int32Array;
  second: Int32Array;
  values: Float32Array;
}

/** Read the entries of a coordinate matrix, counted from 0. */
export async function readEntries(source: ByteSource): Promise<Entries> {
  const parser = new EntryParser(source.name);
  for await (const chunk of contentOf(source)) parser.push(chunk);
  return parser.finish();
}

const MAX_FIELDS = 3;
const MAX_TOKEN_CHARS = 100;
const MAX_RESERVED_ENTRIES = 4_000_000; // before the first one is read: 48 MB
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
  /** Number of entries that the file states, and of those read. */
  #size = 0;
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
        if (this.#entries === null && this.#header.length < 200 && !this.#header.includes("\n"))
          this.#header += String.fromCharCode(byte);
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
        if (this.#token.length > MAX_TOKEN_CHARS) throw this.#damaged(`it has a value '${this.#token.slice(0, 20)}...'`);
      }
    }
  }

  #endField(): void {
    if (this.#token !== "") this.#fields.push(Number(this.#token));
    else if (this.#number >= 0) this.#fields.push(this.#number);
    if (this.#fields.length > MAX_FIELDS) throw this.#damaged("a line has more than three numbers");
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
    if (
      !/^%%matrixmarket matrix coordinate (real|integer|pattern|unsigned-integer) general/.test(header) ||
      fields.length !== 3 ||
      !fields.every((n) => Number.isInteger(n) && n >= 0)
    ) {
      throw this.#damaged(`its first line is '${header.slice(0, 60)}', but a general coordinate matrix is needed`);
    }
    const [rows, columns, size] = fields;
    requireRoom(size, this.#name);
    const reserved = Math.min(size, MAX_RESERVED_ENTRIES);
    this.#size = size;
    this.#entries = {
      shape: [rows, columns],
      first: new Int32Array(reserved),
      second: new Int32Array(reserved),
      values: new Float32Array(reserved),
    };
  }

  #add(entries: Entries, fields: number[]): void {
    const { shape } = entries;
    const [row, column, value = 1] = fields;
    const isWhole = Number.isInteger(row) && Number.isInteger(column);
    const fits = isWhole && row >= 1 && row <= shape[0] && column >= 1 && column <= shape[1] && this.#n < this.#size;
    if (!fits || Number.isNaN(value)) throw this.#damaged(`its entry ${grouped(this.#n + 1)} is '${fields.join(" ")}'`);
    if (this.#n === entries.values.length) this.#grow(entries);
    entries.first[this.#n] = row - 1;
    entries.second[this.#n] = column - 1;
    entries.values[this.#n++] = value;
  }

  /** Make room for more entries; a damaged file may state far more than it holds. */
  #grow(entries: Entries): void {
    const length = Math.min(this.#size, 2 * this.#n);
    const { first, second, values } = entries;
    (entries.first = new Int32Array(length)).set(first);
    (entries.second = new Int32Array(length)).set(second);
    (entries.values = new Float32Array(length)).set(values);
  }

  finish(): Entries {
    this.#endField();
    this.#endLine();
    const entries = this.#entries;
    if (entries === null) throw this.#damaged("it has no line with its shape");
    if (this.#n < this.#size) {
      throw this.#damaged(`it ends after ${grouped(this.#n)} of ${grouped(this.#size)} values`);
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
