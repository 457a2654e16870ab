/** Packaged spaces and gene tables, as the page gets them. */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import type { FileRecord, SpaceSource } from "../../src/engine";

const ROOT = new URL("../../../..", import.meta.url).pathname;
const SPACES = `${ROOT}/zoo/smile_zoo/spaces`;
const GENES = `${ROOT}/runtime/smile_runtime/features/genes`;
const GENE_TABLES = ["human.tsv.gz", "mouse.tsv.gz"];

export const spaceNames = (): string[] =>
  readdirSync(SPACES, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** Return the files of a packaged space, and the gene tables. */
export function packagedFiles(name: string): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const path of readdirSync(`${SPACES}/${name}`, { recursive: true }) as string[]) {
    if (/\.(json|tsv|safetensors|onnx)$/.test(path) && !path.startsWith("training")) {
      files[path] = bytes(`${SPACES}/${name}/${path}`);
    }
  }
  for (const table of GENE_TABLES) files[`genes/${table}`] = bytes(`${GENES}/${table}`);
  return files;
}

export const bytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));

/** Serve the packaged spaces, the gene tables and onnxruntime-web to `fetch`, as a site does; others are missing. */
export async function fetchLocal(url: string): Promise<Response> {
  const path = url.replace("https://site", ROOT).replace("file://", "");
  try {
    return new Response(bytes(path));
  } catch {
    return new Response(null, { status: 404 });
  }
}

const ORT = `${ROOT}/zoo/web/node_modules/onnxruntime-web/dist`;

export const siteOf = (name: string): Exclude<SpaceSource, { files: unknown }> => ({
  url: `https://site/zoo/smile_zoo/spaces/${name}`,
  genes: "https://site/runtime/smile_runtime/features/genes",
  ort: `file://${ORT}`,
  shared: { ...records("genes", GENES, GENE_TABLES), ...records("ort", ORT, ONNX_RUNTIME) },
});

const ONNX_RUNTIME = [
  "ort.wasm.min.mjs",
  "ort-wasm-simd-threaded.mjs",
  "ort-wasm-simd-threaded.wasm",
];

const records = (folder: string, path: string, names: string[]): Record<string, FileRecord> =>
  Object.fromEntries(
    names.map((name) => {
      const content = bytes(`${path}/${name}`);
      const sha256 = createHash("sha256").update(content).digest("hex");
      return [`${folder}/${name}`, { sha256, size: content.length }];
    }),
  );
