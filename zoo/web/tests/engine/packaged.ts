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
    if (/\.(json|tsv|safetensors|onnx)$/.test(path) && !path.startsWith("training")) {
      files[path] = bytes(`${SPACES}/${name}/${path}`);
    }
  }
  for (const table of ["human.tsv.gz", "mouse.tsv.gz"]) files[`genes/${table}`] = bytes(`${GENES}/${table}`);
  return files;
}

export const bytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path));

/** Serve the packaged spaces, the gene tables and onnxruntime-web to `fetch`, as a site does; others are missing. */
export async function fetchLocal(url: string): Promise<Response> {
  const path = url.replace("https://site", ROOT);
  try {
    return new Response(bytes(path));
  } catch {
    return new Response(null, { status: 404 });
  }
}

export const siteOf = (name: string): { url: string; genes: string; ort: string } => ({
  url: `https://site/zoo/smile_zoo/spaces/${name}`,
  genes: "https://site/runtime/smile_runtime/features/genes",
  ort: `file://${ROOT}/zoo/web/node_modules/onnxruntime-web/dist`,
});
