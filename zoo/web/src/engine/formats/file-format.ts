/** Formats of files that people have: recognized by content, with advice on those that cannot be read. */
import { type ByteSource, isGzip, startOf } from "./byte-source";

interface FileFormat {
  /** Name with its article. */
  name: string;
  /** How to obtain a file that can be read; empty if this one can be. */
  advice: string;
}

const readable = (name: string): FileFormat => ({ name, advice: "" });

export const HDF5 = readable("an HDF5 file");
export const MATRIX_MARKET = readable("a Matrix Market matrix");
export const TABLE = readable("a text table");
export const ZIP = readable("a zip archive");

const IN_R =
  "in R, write its object with zellkonverter::writeH5AD(Seurat::as.SingleCellExperiment(object), 'query.h5ad'), and use " +
  "that file";
const DECOMPRESS = "decompress it first";
const R_OBJECT = { name: "a file of R objects", advice: IN_R };
const NOT_UTF8 = { name: "text in another encoding than UTF-8", advice: "save it again as UTF-8" };
const UNKNOWN = { name: "in no format that smile-zoo knows", advice: "export its cells as .h5ad" };
const EXCEL = { name: "an Excel workbook", advice: "save its sheet of counts as .csv, and use that file" };
const FRAGMENTS = {
  name: "an ATAC fragments file",
  advice: "this page does not count fragments on peaks; project it with the smile-zoo command",
};

const HDF5_SIGNATURE = "\x89HDF\r\n\x1a\n";
const SIGNATURES: [string, FileFormat][] = [
  [
    "version https://git-lfs",
    { name: "a git-lfs pointer, not the file itself", advice: "fetch the file with: git lfs pull (in its repository)" },
  ],
  [HDF5_SIGNATURE, HDF5],
  ["%%MatrixMarket", MATRIX_MARKET],
  ["PK\x03\x04", ZIP],
  ["\xd0\xcf\x11\xe0", EXCEL],
  ["BZh", { name: "compressed with bzip2", advice: DECOMPRESS }],
  ["\xfd7zXZ", { name: "compressed with xz", advice: DECOMPRESS }],
  ["(\xb5/\xfd", { name: "compressed with zstd", advice: DECOMPRESS }],
  ["RDX", R_OBJECT],
  ["RDA", R_OBJECT],
  ["X\n\0\0", R_OBJECT],
  ["PAR1", { name: "a Parquet file", advice: "save its cells as .h5ad or .csv" }],
  ["\xff\xfe", NOT_UTF8],
  ["\xfe\xff", NOT_UTF8],
];
const HDF5_OFFSETS = [512, 1024, 2048, 4096]; // of its signature, which a block of the user may precede
const N_CHECKED_BYTES = 8192;
const FRAGMENT = /^[^\t\n]+\t(\d+)\t(\d+)\t[^\t\n]*[^\t\n\d.][^\t\n]*(?:\t\d+(?:\t[^\t\n]+)*)?\r?$/;

/** Return the format of a file by its first bytes, after decompression if it is gzip. */
export async function recognizeFormat(source: ByteSource): Promise<FileFormat> {
  let isCompressed = false;
  for await (const chunk of source.chunks()) {
    isCompressed = isGzip(chunk);
    break;
  }
  let start: Uint8Array;
  try {
    start = await startOf(source, N_CHECKED_BYTES);
  } catch {
    return { name: "a damaged gzip file", advice: "copy or download it again" };
  }
  const found = formatOf(start);
  if (!isCompressed) return found;
  if (found === HDF5) return { name: "an HDF5 file compressed with gzip", advice: "decompress it with: gunzip" };
  return found === UNKNOWN ? { name: "compressed with gzip", advice: DECOMPRESS } : found;
}

/** Return whether members of a zip archive are those of an Excel workbook. */
export const workbookFormat = (members: ByteSource[]): FileFormat | null =>
  members.some(({ name }) => name === "workbook.xml") ? EXCEL : null;

function formatOf(start: Uint8Array): FileFormat {
  if (!start.length) return { name: "an empty file", advice: "copy or download it again" };
  const text = latin(start.subarray(0, 512));
  const found = SIGNATURES.find(([signature]) => text.startsWith(signature));
  if (found) return found[1];
  if (HDF5_OFFSETS.some((offset) => latin(start.subarray(offset, offset + 8)) === HDF5_SIGNATURE)) return HDF5;
  if (text.slice(257, 262) === "ustar") {
    return { name: "a tar archive", advice: "unpack it with: tar xf, and use a file or folder in it" };
  }
  if (/^(<!doctype|<html|<\?xml)/i.test(text.trimStart())) {
    return { name: "a web page", advice: "the download failed or needs a login; download the file again" };
  }
  return textFormat(start);
}

function textFormat(start: Uint8Array): FileFormat {
  if (start.includes(0)) return UNKNOWN;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true }); // the last character may be cut
  } catch {
    return NOT_UTF8;
  }
  const lines = text
    .split("\n")
    .slice(0, -1)
    .filter((line) => !line.startsWith("#"));
  const found = lines.map((line) => FRAGMENT.exec(line));
  return found.length && found.every((each) => each && Number(each[1]) < Number(each[2])) ? FRAGMENTS : TABLE;
}

const latin = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
