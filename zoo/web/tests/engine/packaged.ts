/** Packaged spaces and gene tables, as the page gets them. */
import { readFileSync, readdirSync } from "node:fs";

const ROOT = new URL("../../../..", import.meta.url).pathname;
const SPACES = `${ROOT}/zoo/smile_zoo/spaces`;
const GENES = `${ROOT}/runtime/smile_runtime/features/genes`;

export const spaceNames = (): string[] =>
  readdirSync(SPACES, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** Return the files of a packaged space, and the gene tables. */
export function packagedFiles(name: string): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const path of readdirSync(`${SPACES}/${name}`, { recursive: true }) as string[]) {
    if (/\.(json|tsv|safetensors|trunk\.onnx)$/.test(path) && !path.startsWith("training")) {
      files[path] = bytes(`${SPACES}/${name}/${path}`);
    }
  }
  for (const table of ["human.tsv.gz", "mouse.tsv.gz"]) files[`genes/${table}`] = bytes(`${GENES}/${table}`);
  return files;
}

export const bytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));
