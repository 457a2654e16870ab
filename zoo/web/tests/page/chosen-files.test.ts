import { expect, test } from "vitest";
import { namedFiles } from "../../src/page/chosen-files";

const file = (name: string, path = "") => Object.assign(new File([], name), { webkitRelativePath: path }) as File;
const NAMES = ["matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"];

test.each([
  ["a file", [file("a.h5ad")], undefined, "a.h5ad"],
  ["a zip of a folder", [file("sample.zip")], undefined, "sample.zip"],
  ["a chosen folder", NAMES.map((name) => file(name, `sample 1/outs/${name}`)), undefined, "sample 1"],
  ["a dropped folder", NAMES.map((name) => file(name)), NAMES.map((name) => `sample 1/outs/${name}`), "sample 1"],
  ["files of GEO", NAMES.map((name) => file(`GSM12_${name}`)), undefined, "GSM12"],
  ["three files without a name of their own", NAMES.map((name) => file(name)), NAMES, "matrix.mtx.gz (Cell Ranger folder)"],
  ["files that are no matrix", [file("a.csv"), file("b.csv")], undefined, "2 files"],
  ["two folders", [file("a.csv"), file("b.csv")], ["one/a.csv", "two/b.csv"], "2 files"],
])("%s", (_, files, paths, name) => {
  expect(namedFiles(files, paths).name).toBe(name);
});

test("each file has its folder, by which files of the same name are told apart", () => {
  const paths = ["samples/1/matrix.mtx.gz", "samples/2/matrix.mtx.gz", "notes.txt"];
  const folders = ["samples/1", "samples/2", ""];
  expect(namedFiles(paths.map((path) => file(path.split("/").at(-1)!, path))).folders).toEqual(folders);
  expect(namedFiles(paths.map((path) => file(path.split("/").at(-1)!)), paths).folders).toEqual(folders);
});
