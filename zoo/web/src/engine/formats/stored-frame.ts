/** Data frames in h5ad files: names, and columns of text or categories. */
import type { ObsColumn } from "../engine";
import type { Frame } from "../features/frame";
import { grouped, quoted } from "../text";
import {
  type Dataset,
  type Group,
  datasetOf,
  groupOf,
  isFlags,
  isFloat,
  isWhole,
  lengthOfList,
  numbersOf,
  requireDataset,
  textAttribute,
  textsOf,
} from "./hdf5";
import { codesOf } from "./query-file";

type Stored =
  { kind: "texts"; texts: string[] } | { kind: "categories"; codes: ArrayLike<number>; categories: string[] };

/** Return the names of the rows of a frame. */
export const namesOf = (frame: Group): string[] => textsFrom(read(frame, indexName(frame)), indexName(frame));

/** Return the number of rows of a frame. */
export function lengthOf(frame: Group): number {
  const name = indexName(frame);
  const group = groupOf(frame, name);
  const dataset = group ? (datasetOf(group, "codes") ?? requireDataset(group, "values")) : requireDataset(frame, name);
  return lengthOfList(dataset);
}

/** Read the names and all columns of text of a frame; what is said of columns that cannot be read goes into `notes`. */
export function readFrame(frame: Group, notes: string[]): Frame {
  const names = namesOf(frame);
  const columns = columnNames(frame).flatMap((name) => {
    try {
      const stored = read(frame, name);
      return stored ? [{ name, texts: textsFrom(stored, name) }] : [];
    } catch (error) {
      notes.push(
        `the column ${quoted(name)} of ${frame.path} cannot be read: ${(error as Error).message}. It is ignored`,
      );
      return [];
    }
  });
  return { names, columns };
}

/** Return the names of the columns of text, categories, numbers, or True and False. */
export const readableColumns = (frame: Group): string[] =>
  columnNames(frame).filter((name) => isText(frame, name) || numericOf(frame, name) !== null);

/** Return the category or the number of each row. */
export function readColumn(frame: Group, name: string): ObsColumn {
  const column = isText(frame, name) ? readCategories(frame, name) : readNumbers(frame, name);
  const [found, needed] = ["codes" in column ? column.codes.length : column.values.length, lengthOf(frame)];
  if (found !== needed)
    throw new Error(`the column ${name} has ${grouped(found)} values for ${grouped(needed)} rows`);
  return column;
}

function readCategories(frame: Group, name: string): ObsColumn {
  const stored = read(frame, name);
  if (!stored) throw new Error(`the column ${name} holds no texts`);
  if (stored.kind === "texts") return codesOf(stored.texts);
  requireCodes(stored);
  return { codes: Int32Array.from(stored.codes), categories: stored.categories };
}

function readNumbers(frame: Group, name: string): ObsColumn {
  const dataset = numericOf(frame, name)!;
  const group = groupOf(frame, name);
  const mask = group && datasetOf(group, "mask");
  const missing = mask ? numbersOf(mask) : new Int32Array(0);
  const values = Float32Array.from(numbersOf(dataset), (value, row) => (missing[row] ? Number.NaN : value));
  if (!isFlags(dataset)) return { values };
  return { codes: Int32Array.from(values, (value) => (Number.isNaN(value) ? -1 : value)), categories: ["False", "True"] };
}

/** Return the dataset of a column of numbers, or of True and False, which may be in a group with a mask; null for others. */
function numericOf(frame: Group, name: string): Dataset | null {
  const group = groupOf(frame, name);
  const dataset = group ? datasetOf(group, "values") : datasetOf(frame, name);
  return dataset && (isFloat(dataset) || isWhole(dataset) || isFlags(dataset)) ? dataset : null;
}

const indexName = (frame: Group): string => textAttribute(frame, "_index") || "_index";

function columnNames(frame: Group): string[] {
  const order = frame.attrs["column-order"]?.value;
  const listed = Array.isArray(order) ? order.map(String) : [];
  const present = new Set(frame.keys());
  return listed.filter((name) => present.has(name));
}

/** Whether a column holds text, without reading it. */
function isText(frame: Group, name: string): boolean {
  const group = groupOf(frame, name);
  const values = group ? (datasetOf(group, "categories") ?? datasetOf(group, "values")) : datasetOf(frame, name);
  return (
    values !== null &&
    (holdsText(values) || "categories" in values.attrs || (group !== null && datasetOf(group, "codes") !== null))
  );
}

const holdsText = (dataset: Dataset): boolean => typeof dataset.dtype === "string" && dataset.dtype.startsWith("S");

/** Read a column; null if it holds no text. */
function read(frame: Group, name: string): Stored | null {
  const group = groupOf(frame, name);
  if (!group) {
    const dataset = requireDataset(frame, name);
    if (holdsText(dataset)) return { kind: "texts", texts: textsOf(dataset) };
    return oldCategories(frame, dataset);
  }
  const categories = datasetOf(group, "categories");
  if (categories) {
    const codes = numbersOf(requireDataset(group, "codes"));
    return { kind: "categories", codes, categories: textsOf(categories) };
  }
  const values = datasetOf(group, "values");
  if (!values || !holdsText(values)) return null;
  const mask = datasetOf(group, "mask");
  const missing = mask ? numbersOf(mask) : new Int32Array(0);
  return { kind: "texts", texts: textsOf(values).map((text, row) => (missing[row] ? "" : text)) };
}

/** Read categories as anndata stored them before 0.8: codes with a reference to `__categories`. */
function oldCategories(frame: Group, dataset: Dataset): Stored | null {
  if (!("categories" in dataset.attrs)) return null;
  const all = groupOf(frame, "__categories");
  const categories = all && datasetOf(all, dataset.path.split("/").at(-1)!);
  return categories && { kind: "categories", codes: numbersOf(dataset), categories: textsOf(categories) };
}

function textsFrom(stored: Stored | null, name: string): string[] {
  if (!stored) throw new Error(`the names in ${name} are no texts`);
  if (stored.kind === "texts") return stored.texts;
  requireCodes(stored);
  return Array.from(stored.codes, (code) => (code < 0 ? "" : stored.categories[code]));
}

function requireCodes({ codes, categories }: Extract<Stored, { kind: "categories" }>): void {
  const wrong = Array.from(codes).find(
    (code) => !Number.isInteger(code) || code < -1 || code >= categories.length,
  );
  if (wrong !== undefined) {
    throw new Error(`its categories have the code ${wrong}, but there are ${grouped(categories.length)}`);
  }
}
