/** Files of a space and of the page, read by their name from URLs or from memory. */
import { EngineError, type SpaceSource } from "../engine";

/** Return a file of a space by its path in the manifest. */
export const readFile = (source: SpaceSource, name: string): Promise<Uint8Array> =>
  "files" in source ? inMemory(source.files, name) : fetched(`${source.url}/${name}`);

/** Return a gene table by its file name. */
export const readGeneTable = (source: SpaceSource, name: string): Promise<Uint8Array> =>
  "files" in source ? inMemory(source.files, `genes/${name}`) : fetched(`${source.genes}/${name}`);

async function inMemory(files: Record<string, Uint8Array>, name: string): Promise<Uint8Array> {
  if (!Object.hasOwn(files, name)) throw missing(name, "");
  return files[name];
}

async function fetched(url: string): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new EngineError("space", `cannot read ${url}: ${(error as Error).message}; reload the page`);
  }
  if (!response.ok) throw missing(url, ` (HTTP ${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

const missing = (name: string, why: string): EngineError =>
  new EngineError("space", `${name} is missing${why}; pull or build the space again`);
