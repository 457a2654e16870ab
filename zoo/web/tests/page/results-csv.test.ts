import { expect, test } from "vitest";
import { barcodeList, resultsCsv } from "../../src/page/results-csv";
import { PROJECTION, SPACE } from "./projection";

test("columns are those of the command, the primary labels first", () => {
  const [header, first, second, , fourth, fifth] = resultsCsv(PROJECTION, SPACE).join("").split("\n");
  expect(header).toBe(
    "obs_names,smile_label,smile_nearest_label,smile_confidence,smile_label_ontology_term_id,smile_label_broad," +
      "smile_nearest_label_broad,smile_confidence_broad,smile_label_ontology_term_id_broad,smile_similarity,X_smile_map_1,X_smile_map_2",
  );
  expect(first).toBe("AAA-1,CD4 T,CD4 T,0.9,CL:0000624,T,T,1,unknown,0.5,0,0");
  expect(second).toBe('"odd, ""cell""",CD8 T,CD8 T,0.1,unknown,T,T,0.75,unknown,0.25,10,0');
  expect(fourth, "an unknown cell keeps its nearest label; one without a position has none").toBe(
    "007,unknown,B,0.25,unknown,unknown,B,0.25,unknown,0.01,,",
  );
  expect(fifth).toBe("GGG-1,B,B,1,CL:0000236,B,B,0.5,CL:0000236,,0,5");
});

test("a column without any Cell Ontology term gets no column of terms", () => {
  const [header] = resultsCsv(PROJECTION, { ...SPACE, ontology: new Map() }).join("").split("\n");
  expect(header).not.toContain("ontology");
});

test("no name is computed by a spreadsheet, and taking one apostrophe off gives all names back", () => {
  const cells = ["=1+1", "+1", "-1", "@SUM(A1)", "'a", "a=1"];
  const some = Float32Array.of(-0.5, -0.5, -0.5, -0.5, -0.5, -0.5);
  const projection = { ...PROJECTION, cells, columns: new Map(), similarity: some, map: new Float32Array(12) };
  const lines = resultsCsv(projection, SPACE).join("").trim().split("\n").slice(1);
  expect(lines.map((line) => line.split(",")[0])).toEqual(["'=1+1", "'+1", "'-1", "'@SUM(A1)", "''a", "a=1"]);
  expect(lines.map((line) => line.split(",")[0].replace(/^'/, ""))).toEqual(cells);
  expect(lines[0], "numbers stay numbers").toBe("'=1+1,-0.5,0,0");
  const [, tab] = resultsCsv({ ...projection, cells: ["\t=1", ...cells.slice(1)] }, SPACE).join("").split("\n");
  expect(tab).toMatch(/^'\t=1,/);
});

test("barcodes come one a line, in the order of the selection", () => {
  expect(barcodeList(PROJECTION, [4, 0])).toBe("GGG-1\nAAA-1\n");
});
