import { expect, test } from "vitest";
import { accuracyFigures, accuracySentence } from "../../src/page/accuracy-text";
import { plainWords } from "../../src/page/plain-words";

test("accuracy starts with batches that were left out", () => {
  const rna = { modality: "rna", left_out_batches: 0.831, left_out_cells: 0.9588 };
  expect(accuracySentence([rna])).toBe("Labels right: 83% in new batches, 96% in other cells of its own batches.");
  expect(accuracyFigures([rna])).toBe("rna 0.831 on left-out batches, 0.959 on left-out cells");
  const skin = { ...rna, left_out_batches: null };
  expect(accuracySentence([skin])).toBe("Labels right: 96% in other cells of its own batches, not measured elsewhere.");
  const none = { modality: "adt", left_out_batches: null, left_out_cells: null };
  expect([accuracySentence([none]), accuracyFigures([none])]).toEqual(["", "not measured"]);
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
  expect(plainWords("this encoder needs raw counts: choose the layer that holds them, or project them as separate queries")).toBe(
    "the reference needs raw counts: choose the layer (under Options) that holds them, or label them as separate files",
  );
  expect(plainWords("matched 5 of 9 features to var['gene_ids'] (Ensembl ids): 5 by their own id")).toBe(
    "matched 5 of 9 features by the column 'gene_ids' of the file (Ensembl ids): 5 by the same name",
  );
});
