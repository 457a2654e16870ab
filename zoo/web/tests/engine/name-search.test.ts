import { expect, test } from "vitest";
import { GeneTables } from "../../src/engine/features/gene-aliases";
import { findByAnyName } from "../../src/engine/features/name-search";
import { packagedFiles } from "./packaged";

const genes = await new GeneTables({ files: packagedFiles("pbmc") }).of("Homo sapiens");
const LISTS = [
  ["CD3E", "SEPT6", "ENSG00000153563.12", "MS4A1"],
  ["ENSG00000198851", "ENSG00000125354", "ENSG00000153563", ""],
];

test.each([
  ["cd3e", 0],
  ["ENSG00000198851.9", 0],
  ["ensg00000198851", 0],
  ["SEPTIN6", 1], // the query has a former name
  ["septin6", 1],
  ["CD8A", 2], // the query has the Ensembl id alone, with a version
  ["CD20", 3],
])("%s is found by another of its names", (name, column) => {
  expect([...findByAnyName(name, LISTS, genes)].indexOf(1)).toBe(column);
});

test.each(["chr7:1000-2000", "chr7-1000-2000", "CHR7_1000_2000", "7.1000.2000", "chr7:1,000-2,000"])(
  "an interval in any spelling: %s",
  (name) => {
    expect([...findByAnyName(name, [["chr7:1000-2001", "chr7_1000_2000", "chr17_1000_2000"]], null)]).toEqual([0, 1, 0]);
  },
);

test("without a table of genes only letter case is ignored", () => {
  expect([...findByAnyName("ms4a1", LISTS, null)]).toEqual([0, 0, 0, 1]);
  expect([...findByAnyName("CD20", LISTS, null)]).toEqual([0, 0, 0, 0]);
});
