/** Test vectors: queries, and what the Python runtime gives for them; tests/web_vectors writes them. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { MemoryFile } from "../../src/engine/formats/memory-file";

const FOLDER = new URL("vectors", import.meta.url).pathname;

export interface Vector {
  name: string;
  space: string;
  query: MemoryFile;
  expected: { error: string } | Expected;
}

export interface Expected {
  values: string;
  matched: number;
  weight: number;
  accuracy: number;
  embedding: Float32Array;
  map: Float32Array;
  similarity: Float32Array;
  columns: Record<string, { labels: Int32Array; nearest: Int32Array; confidence: Float32Array }>;
}

interface Encoded {
  [key: string]: unknown;
}

export const vectorNames = (): string[] =>
  readdirSync(FOLDER).flatMap((file) => (file.endsWith(".json.gz") ? [file.replace(".json.gz", "")] : []));

export function readVector(name: string): Vector {
  const content = JSON.parse(gunzipSync(readFileSync(`${FOLDER}/${name}.json.gz`)).toString());
  const { cells, features, columns, indptr, indices, values } = content.query;
  const query = new MemoryFile({
    name,
    cells,
    frame: {
      names: features,
      columns: Object.entries<string[]>(columns).map(([column, texts]) => ({ name: column, texts })),
    },
    rows: {
      n: cells.length,
      nColumns: features.length,
      indptr: integers(indptr),
      indices: integers(indices),
      values: floats(values),
    },
    obs: [],
    notes: [],
  });
  const { expected } = content;
  return { name, space: content.space, query, expected: "error" in expected ? expected : decoded(expected) };
}

function decoded(expected: Encoded): Expected {
  const arrays = ["embedding", "map", "similarity"].map((name) => [name, floats(expected[name] as string)]);
  const columns = Object.entries(expected.columns as Record<string, Record<string, string>>).map(([name, column]) => [
    name,
    { labels: integers(column.labels), nearest: integers(column.nearest), confidence: floats(column.confidence) },
  ]);
  return { ...expected, ...Object.fromEntries(arrays), columns: Object.fromEntries(columns) } as Expected;
}

const floats = (text: string): Float32Array => new Float32Array(decode(text));
const integers = (text: string): Int32Array => new Int32Array(decode(text));
const decode = (text: string): ArrayBuffer => new Uint8Array(Buffer.from(text, "base64")).buffer;
