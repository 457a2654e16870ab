/** The list of spaces that Python writes: `spaces.json`, or part of a single file. */

import type { FileRecord } from "../engine";

/** Accuracy of the labels of a modality, from 0 to 1; null if it was not measured. */
export interface MeasuredAccuracy {
  modality: string;
  left_out_batches: number | null;
  left_out_cells: number | null;
}

/** Entry of a space. */
export interface SiteSpace {
  name: string;
  title: string;
  organism: string;
  tissue: string;
  intended_use: string;
  /** Kinds of features that its encoders take, such as `genes`. */
  kinds: string[];
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

export interface Catalogue {
  version: string;
  spaces: SiteSpace[];
  /** Records of the files that all spaces share, by their path. */
  shared_files: Record<string, FileRecord>;
}

const TEXTS = ["name", "title", "organism", "tissue", "intended_use", "folder", "manifest_sha256"];
const NUMBERS = ["n_cells", "size"];
const LISTS = ["kinds", "accuracy"];

/** Decode a list of spaces; throw an error that says what is wrong with it. */
export function parseCatalogue(text: string): Catalogue {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(text.trim() === "" ? "it is empty" : `it is no JSON but begins with "${text.trim().slice(0, 40)}"`);
  }
  const { version, spaces, shared_files } = objectOf(found, "it");
  if (typeof version !== "string") throw new Error("it states no version");
  if (!Array.isArray(spaces)) throw new Error("it has no spaces");
  spaces.forEach((space, index) => requireSpace(objectOf(space, `space ${index + 1}`), index));
  for (const [name, record] of Object.entries(objectOf(shared_files, "shared_files"))) {
    const { sha256, size } = objectOf(record, name);
    if (typeof sha256 !== "string" || typeof size !== "number") throw new Error(`${name} has no sha256 or no size`);
  }
  return found as Catalogue;
}

function requireSpace(space: Record<string, unknown>, index: number): void {
  const missing =
    TEXTS.find((field) => typeof space[field] !== "string") ?? NUMBERS.find((field) => typeof space[field] !== "number");
  if (missing !== undefined) throw new Error(`space ${index + 1} has no ${missing}`);
  const unlisted = LISTS.find((field) => !Array.isArray(space[field]));
  if (unlisted !== undefined) throw new Error(`space ${index + 1} has no ${unlisted}`);
  const labels = Object.entries(objectOf(space.labels, `labels of space ${index + 1}`));
  const [column] = labels.find(([, names]) => !Array.isArray(names)) ?? [];
  if (column !== undefined) throw new Error(`space ${index + 1} has no labels in ${column}`);
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${name} is no JSON object`);
  return value as Record<string, unknown>;
}
