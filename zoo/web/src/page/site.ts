/** The spaces that this page offers: those of a site, or the one in a file. */

import type { SpaceSource } from "../engine";
import { bytesOfBase64 } from "./base64";
import { type Catalogue, type MeasuredAccuracy, parseCatalogue, type SiteSpace } from "./catalogue";

export type { MeasuredAccuracy, SiteSpace };

export interface Site {
  version: string;
  spaces: SiteSpace[];
  source: (space: SiteSpace) => SpaceSource;
}

const EMBEDDED_ID = "site";

/** Read the list of spaces: from the page itself if it is a single file, otherwise from the site. */
export async function readSite(): Promise<Site> {
  const embedded = document.getElementById(EMBEDDED_ID);
  return embedded === null ? readServedSite() : embeddedSite(embedded.textContent ?? "");
}

async function readServedSite(): Promise<Site> {
  const { version, spaces, shared_files } = await served();
  const url = (path: string) => new URL(path, document.baseURI).href;
  return {
    version,
    spaces,
    source: ({ folder }) => ({ url: url(folder), genes: url("genes"), ort: url("ort"), shared: shared_files }),
  };
}

async function served(): Promise<Catalogue> {
  try {
    const answer = await fetch("spaces.json");
    if (!answer.ok) throw new Error(`the server answers with status ${answer.status}`);
    return parseCatalogue(await answer.text());
  } catch (error) {
    throw new Error(
      `The list of spaces, spaces.json, cannot be used: ${(error as Error).message}. Copy the whole folder written by ` +
        "smile-zoo web --export to the server again, and reload this page.",
    );
  }
}

/** Return the site in a single file; `files` holds the only space's files and the gene tables in base64. */
function embeddedSite(text: string): Site {
  try {
    const catalogue = parseCatalogue(text);
    const { files } = catalogue as Catalogue & { files: Record<string, string> };
    const contents = Object.entries(files).map(([name, content]) => [name, bytesOfBase64(content)]);
    return { ...catalogue, source: () => ({ files: Object.fromEntries(contents) }) };
  } catch (error) {
    throw new Error(
      `The space in this file cannot be used: ${(error as Error).message}. Copy the file again, or write it again with ` +
        "smile-zoo web --single-file.",
    );
  }
}
