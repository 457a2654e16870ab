import { expect, test } from "vitest";
import { namedFiles } from "../../src/page/chosen-files";

const file = (name: string, path = "") => Object.assign(new File([], name), { webkitRelativePath: path }) as File;
const NAMES = ["matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"];

test.each([
  ["a file", [file("a.h5ad")], "", "a.h5ad"],
  ["a zip of a folder", [file("sample.zip")], "", "sample.zip"],
  ["a chosen folder", NAMES.map((name) => file(name, `sample 1/outs/${name}`)), "", "sample 1"],
  ["a dropped folder", NAMES.map((name) => file(name)), "sample 1", "sample 1"],
  ["files of GEO", NAMES.map((name) => file(`GSM12_${name}`)), "", "GSM12"],
  ["three files without a name of their own", NAMES.map((name) => file(name)), "", "matrix.mtx.gz (Cell Ranger folder)"],
  ["files that are no matrix", [file("a.csv"), file("b.csv")], "", "2 files"],
])("%s", (_, files, folder, name) => {
  expect(namedFiles(files, folder).name).toBe(name);
});
