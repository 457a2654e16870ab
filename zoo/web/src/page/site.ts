/** The spaces that this page offers: those of a site, or the one in a file. */

import type { SpaceSource } from "../engine";
import { bytesOfBase64 } from "./base64";

/** Accuracy of the labels of a modality, from 0 to 1; null if it was not measured. */
export interface MeasuredAccuracy {
  modality: string;
  left_out_batches: number | null;
  left_out_cells: number | null;
}

/** Entry of `spaces.json`, which Python writes. */
export interface SiteSpace {
  name: string;
  title: string;
  organism: string;
  tissue: string;
  intended_use: string;
  n_cells: number;
  /** Labels by label column, the primary one first. */
  labels: Record<string, string[]>;
  accuracy: MeasuredAccuracy[];
  /** Bytes of the files that the page reads. */
  size: number;
  /** Folder of the files, relative to the page; empty in a single file. */
  folder: string;
  manifest_sha256: string;
}

export interface Site {
  version: string;
  spaces: SiteSpace[];
  source: (space: SiteSpace) => SpaceSource;
}

interface Catalogue {
  version: string;
  spaces: SiteSpace[];
}

interface EmbeddedSite extends Catalogue {
  /** Content of the only space's files, and of its gene table, in base64. */
  files: Record<string, string>;
}

const EMBEDDED_ID = "site";

/** Read the list of spaces: from the page itself if it is a single file, otherwise from the site. */
export async function readSite(): Promise<Site> {
  const embedded = document.getElementById(EMBEDDED_ID);
  return embedded === null ? readServedSite() : embeddedSite(JSON.parse(embedded.textContent ?? ""));
}

async function readServedSite(): Promise<Site> {
  const answer = await fetch("spaces.json");
  if (!answer.ok) {
    throw new Error(
      `The list of spaces, spaces.json, could not be read (status ${answer.status}). Copy the whole folder written by ` +
        "smile-zoo web --export to the server, and reload this page.",
    );
  }
  const { version, spaces }: Catalogue = await answer.json();
  const url = (path: string) => new URL(path, document.baseURI).href;
  return {
    version,
    spaces,
    source: ({ folder }) => ({ url: url(folder), genes: url("genes"), ort: url("ort") }),
  };
}

function embeddedSite({ version, spaces, files }: EmbeddedSite): Site {
  return {
    version,
    spaces,
    source: () => ({ files: Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytesOfBase64(content)])) }),
  };
}
