import { expect, test } from "vitest";
import { accuracyFigures, accuracySentence, expectationText } from "../../src/page/accuracy-text";
import { featureTitle } from "../../src/page/feature-title";
import { featureWords } from "../../src/page/feature-words";
import { levelTitle } from "../../src/page/level-title";
import { plainWords } from "../../src/page/plain-words";

test("accuracy starts with batches that were left out", () => {
  const rna = { modality: "rna", left_out_batches: 0.831, left_out_cells: 0.9588 };
  expect(accuracySentence([rna])).toBe("Cells labeled right in tests: 83% in batches new to it, 96% in batches that it was made from.");
  expect(accuracyFigures([rna])).toBe("rna 0.831 on left-out batches, 0.959 on left-out cells");
  const skin = { ...rna, left_out_batches: null };
  expect(accuracySentence([skin])).toBe("Cells labeled right in tests: 96% in batches that it was made from (not tested on others).");
  const none = { modality: "adt", left_out_batches: null, left_out_cells: null };
  expect([accuracySentence([none]), accuracyFigures([none])]).toEqual(["", "not measured"]);
});

test("the accuracy to expect is the lower one of new batches and of cells like those in the file", () => {
  const found = { leftOutBatches: 0.831 as number | null, similarCells: 0.962, detected: 1234, measured: 1 };
  expect(expectationText(found, "genes")).toBe(
    "Expect about 83% of labels to be right, as in tests on batches new to the reference. It was 96% for cells like yours from the " +
      "studies behind the reference (a typical cell of your file shows 1,234 of the reference's genes). Both count only cell " +
      "types that the reference knows.",
  );
  expect(expectationText({ ...found, similarCells: 0.7, measured: 0.19 }, "peaks")).toBe(
    "Expect fewer than 70% of labels to be right. In tests it was 70% for cells like yours from the studies behind the reference " +
      "(a typical cell of your file shows 1,234 of the reference's peaks, and the peaks in your file carry 19% of the weight), and " +
      "83% on complete data of batches new to the reference. Both count only cell types that the reference knows.",
  );
  expect(expectationText({ ...found, measured: 0.41 }, "genes")).toMatch(
    /^Expect at most about 83% of labels to be right, as in tests on batches new to the reference, which had all of its genes\. It was 96%/,
  );
  expect(expectationText({ ...found, leftOutBatches: null }, "genes")).toMatch(
    /^In tests, the share of right labels was 96% for cells like yours .*\. Expect fewer in other studies: that was not tested\. Only cell types/,
  );
});

test("columns, features and their titles are in a reader's words", () => {
  const titles = ["cell_type", "cell_type_broad", "lineage", "broad_label", "_"].map((column) => levelTitle(column, "cell_type"));
  expect(titles).toEqual(["cell type", "cell type (broad)", "lineage", "broad label", "_"]);
  expect(["genes", "peaks", "antibodies", "guides", null].map((kind) => featureWords({ kind }).many)).toEqual(
    ["genes", "peaks", "antibodies", "features", "features"],
  );
  const title = (name: string, written: string, symbol: string | null = null) => featureTitle({ name, symbol }, written);
  expect(title("ENSG00000153563", "cd8a", "CD8A")).toBe("CD8A (ENSG00000153563)");
  expect([title("LYZ", "lyz"), title("MS4A1", "CD20")]).toEqual(["LYZ", "MS4A1 (CD20)"]);
  expect(title("chr7:1000-2000", "CHR7_1,000_2,000"), "the same interval").toBe("chr7:1000-2000");
});

test("sentences of the command are said in the words of the page", () => {
  const species =
    "the query's features look like gene symbols of Mus musculus, but the space is for Homo sapiens; choose a space for " +
    "Mus musculus (`smile-zoo suggest` ranks those that are here), or map the genes";
  expect(plainWords(species)).toBe(
    "the file's features look like gene symbols of Mus musculus, but the reference is for Homo sapiens; choose a reference " +
      "for Mus musculus, or map the genes",
  );
  expect(plainWords("query.h5ad cannot be read")).toBe("query.h5ad cannot be read");
  expect(plainWords("matched 5 of 9 features to var['gene_ids'] (Ensembl ids): 5 by their own id")).toBe(
    "matched 5 of 9 features by the column 'gene_ids' of the file (Ensembl ids): 5 by the same name",
  );
});

test.each([
  [
    "the space's like 'HES4': put the same kind of ids into adata.var_names or a column of adata.var",
    "the reference's like 'HES4': name the genes in your file as the reference does; an .h5ad file may hold these names in any " +
      "column of var",
  ],
  [
    "the query's features have no names, but the space's are named like 'HES4'; put names or ids of that kind into " +
      "adata.var_names or a column of adata.var",
    "the file's features have no names, but the reference's are named like 'HES4'; name them in the same way; an .h5ad file " +
      "may hold the names in any column of var",
  ],
  ["in var_names, the query repeats 2 features", "the file repeats 2 features"],
  ["in var['gene_ids'], the query repeats 2 features", "in its column 'gene_ids', the file repeats 2 features"],
  [
    "; provide raw counts. In this query raw holds lognorm; X holds counts",
    "; provide raw counts. In this file, raw holds log-normalized values; X holds counts: choose it under Options",
  ],
  ["; provide raw counts. In this query no other matrix would do: X", "; provide raw counts. In this file, no other matrix would do: X"],
  [
    "were corrected; provide raw counts or log-normalized values",
    "were corrected; export raw counts or log-normalized values from the program that made this file",
  ],
  ["this encoder needs raw counts: provide them, or state counts if these are estimated counts", "the reference needs raw counts: provide them"],
  ["this encoder needs raw counts: project them as separate queries", "the reference needs raw counts: label them as separate files"],
  [
    "labels are less certain; provide all measured features, using ids from the space",
    "labels are less certain; use a file that holds all measured features, named as in the reference",
  ],
  ["1 feature is NaN in all cells; not counted as measured", "1 feature is missing (NaN) in all cells; not counted as measured"],
  ["1,001 features are NaN in all cells", "1,001 features are missing (NaN) in all cells"],
])("in the words of the page: %s", (technical, plain) => {
  expect(plainWords(technical)).toBe(plain);
});
