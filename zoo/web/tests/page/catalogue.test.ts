import { expect, test } from "vitest";
import { EngineError } from "../../src/engine";
import { parseCatalogue } from "../../src/page/catalogue";
import { spacesAfter, spacesFor, spacesLike, withSpacesOfKind } from "../../src/page/spaces-of-kind";

const SPACE = {
  name: "pbmc",
  title: "PBMC",
  organism: "Homo sapiens",
  tissue: "blood",
  intended_use: "",
  kinds: ["genes"],
  n_cells: 8397,
  labels: { cell_type: ["B cell", "T cell"] },
  accuracy: [{ modality: "rna", left_out_batches: null, left_out_cells: 0.96 }],
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
  [JSON.stringify({ ...LIST, spaces: [{ ...SPACE, kinds: "genes" }] }), "space 1 has no kinds"],
  [JSON.stringify({ ...LIST, spaces: [{ ...SPACE, labels: undefined }] }), "labels of space 1 is no JSON object"],
  [JSON.stringify({ ...LIST, spaces: [{ ...SPACE, labels: { cell_type: 2 } }] }), "space 1 has no labels in cell_type"],
  [JSON.stringify({ ...LIST, spaces: [{ ...SPACE, accuracy: null }] }), "space 1 has no accuracy"],
  [JSON.stringify({ ...LIST, shared_files: undefined }), "shared_files is no JSON object"],
  [JSON.stringify({ ...LIST, shared_files: { "genes/a": { size: 1 } } }), "genes/a has no sha256 or no size"],
])("a damaged list %#", (text, message) => {
  expect(() => parseCatalogue(text)).toThrow(message);
});

test("features of another kind: the spaces that take them are named", () => {
  const error = new EngineError("features", "the query's features are antibodies", "antibodies");
  const message = (kinds: string[]) => (withSpacesOfKind(error, [SPACE, { ...SPACE, title: "CITE", kinds }]) as Error).message;
  expect(message(["genes"])).toBe("the query's features are antibodies. No reference on this page takes antibodies");
  expect(message(["genes", "antibodies"])).toContain("On this page, antibodies are taken by: CITE (several modalities");
  const other = new EngineError("features", "too few");
  expect(withSpacesOfKind(other, [SPACE])).toBe(other);
  expect(spacesFor(error, [SPACE])).toEqual([]);
  expect(spacesFor(other, [SPACE])).toEqual([SPACE]);
});

test("other references are of the species and the kind of features of the file", () => {
  const mouse = { ...SPACE, name: "skin", organism: "Mus musculus" };
  const peaks = { ...SPACE, name: "atac", kinds: ["peaks"] };
  const multiome = { ...SPACE, name: "multiome", kinds: ["genes", "peaks"] };
  const spaces = [SPACE, mouse, peaks, multiome];
  const after = (...of: ConstructorParameters<typeof EngineError>) =>
    spacesAfter(new EngineError(...of), SPACE, spaces).map(({ name }) => name);
  expect(spacesLike(SPACE, spaces)).toEqual([SPACE, multiome]);
  expect(after("space", "damaged")).toEqual(["pbmc", "multiome"]);
  expect(after("features", "too few genes", undefined, "Homo sapiens")).toEqual(["pbmc", "multiome"]);
  expect([...after("values", "scaled"), ...after("query", "no cells"), ...after("format", "cut off")]).toEqual([]);
  expect(after("features", "genes of mice", undefined, "Mus musculus")).toEqual(["skin"]);
  expect(after("features", "peaks", "peaks")).toEqual(["atac", "multiome"]);
  expect(after("features", "strange names"), "of any species and kind").toEqual(spaces.map(({ name }) => name));
});
