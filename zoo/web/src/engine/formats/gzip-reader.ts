/** Decompression of gzip in chunks, of one or several members, each checked by its CRC-32 as fflate does not. */
import { Gunzip } from "fflate";

const TRAILER_BYTES = 8; // CRC-32 and size of a member

/** CRC-32 of gzip (RFC 1952, section 8). */
class Crc32 {
  static readonly #table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });
  #state = -1;

  add(data: Uint8Array): void {
    let state = this.#state;
    for (let at = 0; at < data.length; at++) state = Crc32.#table[(state ^ data[at]) & 0xff] ^ (state >>> 8);
    this.#state = state;
  }

  get value(): number {
    return ~this.#state >>> 0;
  }
}

export class GzipReader {
  readonly #gunzip: Gunzip;
  #out: Uint8Array[] = [];
  #crc = new Crc32();
  /** The last bytes that were pushed, and their place in the file. */
  #window = new Uint8Array(0);
  #end = 0;

  constructor() {
    this.#gunzip = new Gunzip((data) => {
      this.#crc.add(data);
      this.#out.push(data);
    });
    this.#gunzip.onmember = (start) => this.#requireCrc(start);
  }

  /** Return what a further chunk gives. */
  push(chunk: Uint8Array): Uint8Array[] {
    const kept = this.#window.subarray(Math.max(0, this.#window.length - TRAILER_BYTES));
    const window = new Uint8Array(kept.length + chunk.length);
    window.set(kept);
    window.set(chunk, kept.length);
    this.#window = window;
    this.#end += chunk.length;
    this.#gunzip.push(chunk);
    return this.#taken();
  }

  /** Return what is left; throw if the file is cut off or damaged. */
  finish(): Uint8Array[] {
    this.#gunzip.push(new Uint8Array(0), true);
    this.#requireCrc(this.#end);
    return this.#taken();
  }

  #taken(): Uint8Array[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Compare the data of a member that ends at a place of the file with the CRC-32 before that place. */
  #requireCrc(end: number): void {
    const at = end - TRAILER_BYTES - (this.#end - this.#window.length);
    const stated = new DataView(this.#window.buffer).getUint32(at, true);
    if (stated !== this.#crc.value) throw new Error("its data do not fit their checksum");
    this.#crc = new Crc32();
  }
}
