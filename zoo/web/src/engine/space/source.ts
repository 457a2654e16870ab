/** Files of a space and of the page, read by their name from URLs or from memory. */
import { EngineError, type SpaceSource } from "../engine";
import { copyAdvice } from "./copy-advice";
import { requirePinned } from "./pinned-file";

/** Return a file of a space by its path in the manifest. */
export const readFile = (source: SpaceSource, name: string): Promise<Uint8Array> =>
  "files" in source ? inMemory(source.files, name) : fetched(`${source.url}/${name}`, copyAdvice(source));

/** Return a gene table by its file name, verified. */
export const readGeneTable = (source: SpaceSource, name: string): Promise<Uint8Array> =>
  "files" in source ? inMemory(source.files, `genes/${name}`) : readShared(source, "genes", name);

/** Return a file of onnxruntime-web by its name, verified; null if the page has none. */
export async function readOnnxRuntime(source: SpaceSource, name: string): Promise<Uint8Array | null> {
  if ("files" in source || !Object.hasOwn(source.shared, `ort/${name}`)) return null;
  return readShared(source, "ort", name);
}

async function readShared(
  source: Exclude<SpaceSource, { files: unknown }>,
  folder: "genes" | "ort",
  name: string,
): Promise<Uint8Array> {
  const advice = copyAdvice(source);
  const content = await fetched(`${source[folder]}/${name}`, advice);
  requirePinned(`${folder}/${name}`, content, source.shared[`${folder}/${name}`], "the list of spaces", advice);
  return content;
}

async function inMemory(files: Record<string, Uint8Array>, name: string): Promise<Uint8Array> {
  if (!Object.hasOwn(files, name)) throw missing(name, "", copyAdvice({ files }));
  return files[name];
}

async function fetched(url: string, advice: string): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new EngineError("space", `cannot read ${url}: ${(error as Error).message}; reload the page`);
  }
  if (!response.ok) throw missing(url, ` (HTTP ${response.status})`, advice);
  return new Uint8Array(await response.arrayBuffer());
}

const missing = (name: string, why: string, advice: string): EngineError =>
  new EngineError("space", `${name} is missing${why}; ${advice}`);
