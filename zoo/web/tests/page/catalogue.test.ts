import { expect, test } from "vitest";
import { parseCatalogue } from "../../src/page/catalogue";

const SPACE = {
  name: "pbmc",
  title: "PBMC",
  organism: "Homo sapiens",
  tissue: "blood",
  intended_use: "",
  n_cells: 8397,
  size: 4_000_000,
  folder: "spaces/pbmc",
  manifest_sha256: "ab",
};
const LIST = { version: "1", spaces: [SPACE], shared_files: { "genes/human.tsv.gz": { sha256: "cd", size: 9 } } };

test("a list of spaces", () => {
  expect(parseCatalogue(JSON.stringify(LIST))).toEqual(LIST);
});

test.each<[string, string]>([
  ["", "it is empty"],
  ["<!DOCTYPE html>\n<title>Not found</title>", 'it is no JSON but begins with "<!DOCTYPE html>'],
  [JSON.stringify(LIST).slice(0, -9), 'it is no JSON but begins with "{"version":"1","spaces"'],
  ["[]", "it is no JSON object"],
  ["null", "it is no JSON object"],
  [JSON.stringify({ ...LIST, version: 1 }), "it states no version"],
  [JSON.stringify({ ...LIST, spaces: {} }), "it has no spaces"],
  [JSON.stringify({ ...LIST, spaces: [SPACE, null] }), "space 2 is no JSON object"],
  [JSON.stringify({ ...LIST, spaces: [{ ...SPACE, folder: undefined }] }), "space 1 has no folder"],
  [JSON.stringify({ ...LIST, spaces: [{ ...SPACE, n_cells: "many" }] }), "space 1 has no n_cells"],
  [JSON.stringify({ ...LIST, shared_files: undefined }), "shared_files is no JSON object"],
  [JSON.stringify({ ...LIST, shared_files: { "genes/a": { size: 1 } } }), "genes/a has no sha256 or no size"],
])("a damaged list %#", (text, message) => {
  expect(() => parseCatalogue(text)).toThrow(message);
});
