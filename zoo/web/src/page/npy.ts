/** Arrays in NumPy's format (numpy.lib.format, version 1.0). */

const PREAMBLE_BYTES = 10;
const ALIGNMENT_BYTES = 64;

/** Return the header of a little-endian float32 matrix, which its values follow row by row. */
export function npyHeader(rows: number, columns: number): Uint8Array<ArrayBuffer> {
  const fields = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const length = Math.ceil((PREAMBLE_BYTES + fields.length + 1) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const text = `${fields.padEnd(length - PREAMBLE_BYTES - 1)}\n`;
  const header = new Uint8Array(length);
  header.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, text.length & 0xff, text.length >> 8]);
  header.set(new TextEncoder().encode(text), PREAMBLE_BYTES);
  return header;
}
