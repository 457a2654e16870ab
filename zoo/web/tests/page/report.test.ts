import { expect, test } from "vitest";
import { mapEnding, outputName } from "../../src/page/download";
import { counted } from "../../src/engine";
import { count, fraction, percent, sentence, size } from "../../src/page/format";
import { escapeXml } from "../../src/page/escape-xml";
import { npyHeader } from "../../src/page/npy";
import { reportHtml } from "../../src/page/report-html";

const REPORT = {
  title: "<script>throw 1</script>",
  warnings: { title: "Only 19% <here>", texts: ["The file is poor."], isPoorFit: true },
  figures: [["cells", "5"]] as [string, string][],
  notes: ["Fine."],
  map: "<svg></svg>",
  labels: [["cell_type", [{ id: 0, label: "B & T", cells: 1234, share: 0.5, confidence: 0.25 }]]] as never,
  missing: ["LYZ", "<b>"],
  nMissing: 3,
  provenance: [["file", "a\u0000.h5ad"]] as [string, string][],
};

test("the report needs no script, and no name becomes markup", () => {
  const html = reportHtml(REPORT);
  expect(html).toContain("default-src 'none'; style-src 'unsafe-inline'");
  expect(html).not.toMatch(/<script|<b>|\u0000/);
  expect(html).toContain("&lt;script&gt;");
  expect(html).toContain('B &amp; T</th><td class="number">1,234</td><td class="number">50.0%</td><td class="number">0.250</td>');
  expect(html).toContain("3 are not in the file, the most important first: LYZ, &lt;b&gt;, and 1 more.");
  expect(reportHtml({ ...REPORT, missing: ["LYZ"], nMissing: 1 })).toContain("1 is not in the file: LYZ.");
  expect(html.indexOf("Warning: Only 19% &lt;here&gt;")).toBeLessThan(html.indexOf("<dl"));
});

test("words in the first column of the methods table stay whole", () => {
  const html = reportHtml(REPORT);
  expect(html).toContain('<table class="provenance"><tbody>\n<tr><th scope="row">file</th>');
  expect(html).toMatch(/th \{ overflow-wrap: break-word; \}\n\.provenance th \{ width: 11rem; \}/);
});

test("characters that XML cannot hold are replaced, and no others", () => {
  const bad = ["\u0000", "\u001f", "\ud800", "\udfff", "\ufffe", "\uffff", "\udc00\ud800"];
  expect(bad.map(escapeXml)).toEqual(["\ufffd", "\ufffd", "\ufffd", "\ufffd", "\ufffd", "\ufffd", "\ufffd\ufffd"]);
  for (const good of ["\t\n\r", "é", "\ufffd", "\ud83d\ude00", "\udbff\udffd"]) expect(escapeXml(good)).toBe(good);
  expect(escapeXml(`<a b="c">&'`)).toBe("&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
});

test("a complete file has no missing features", () => {
  expect(reportHtml({ ...REPORT, missing: [], nMissing: 0 })).toContain("The file has everything that the reference recognizes cells by.");
});

test("numbers are written as the command writes them", () => {
  expect([count(1234567), percent(0.0251), fraction(0.25), size(1_388_000), size(12), counted(1, "cell")]).toEqual([
    "1,234,567", "2.5%", "0.250", "1.4 MB", "12 B", "1 cell",
  ]);
  expect([percent(Number.NaN), fraction(Number.NaN)]).toEqual(["–", "–"]);
  expect([sentence("no cells; drop another file"), sentence("cells.h5ad is empty"), sentence("Really?"), sentence(""), sentence("http://127.0.0.1/x is missing")]).toEqual([
    "No cells; drop another file.", "cells.h5ad is empty.", "Really?", "", "http://127.0.0.1/x is missing.",
  ]);
});

test("outputs are named after the query", () => {
  expect(outputName("sample 1.h5ad", ".smile.csv")).toBe("sample_1.smile.csv");
  expect(outputName("multiome.h5mu", ".smile.csv")).toBe("multiome.smile.csv");
  expect(outputName("matrix.mtx.gz", ".smile.csv")).toBe("matrix.smile.csv");
  expect(outputName("matrix.mtx.gz (Cell Ranger folder)", ".smile.csv")).toBe("matrix.smile.csv");
  expect(outputName("../../évil?.csv", ".x")).toBe(".._.._évil_.x");
});

test("a picture of the map is named after what colors it", () => {
  expect(mapEnding("CD8A", "png")).toBe(".smile-map-CD8A.png");
  expect(mapEnding("CD8A (ENSG00000153563)", "svg")).toBe(".smile-map-CD8A_ENSG00000153563.svg");
  expect(mapEnding("chr7:1-20", "svg")).toBe(".smile-map-chr7_1-20.svg");
});

test("the header of an array has NumPy's alignment and shape", () => {
  const header = npyHeader(20, 128);
  expect(header.length % 64).toBe(0);
  expect(header[8] + 256 * header[9]).toBe(header.length - 10);
  const text = new TextDecoder("latin1").decode(header);
  expect(text).toMatch(/^\x93NUMPY\x01\x00..\{'descr': '<f4', 'fortran_order': False, 'shape': \(20, 128\), \} *\n$/s);
});
