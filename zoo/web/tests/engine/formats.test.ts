import { gunzipSync } from "node:zlib";
import { gzipSync, strToU8, zipSync } from "fflate";
import { beforeAll, expect, test } from "vitest";
import type { Rows } from "../../src/engine/arrays/rows";
import type { Categorical, Projection, QueryOptions, QuerySummary } from "../../src/engine/engine";
import { KeptChars, allLines } from "../../src/engine/formats/lines";
import { requireRoom } from "../../src/engine/formats/memory-room";
import { LocalEngine } from "../../src/engine/local-engine";
import { bytes, packagedFiles } from "./packaged";
import { type Expected, readVector } from "./vectors";

const FILES = new URL("files", import.meta.url).pathname;
const engine = new LocalEngine();
const vector = readVector("case-heaviest-features");
const expected = vector.expected as Expected;
const { names: symbols, columns } = vector.query.frame();
const ids = columns[0].texts;
const barcodes = vector.query.cellNames();
let rows: Rows;

beforeAll(async () => {
  await engine.openSpace({ files: packagedFiles("pbmc") });
  [rows] = await vector.query.matrix(undefined).read([[0, barcodes.length]]);
});

const stored = (name: string): File => new File([new Uint8Array(gunzipSync(bytes(`${FILES}/${name}.gz`)))], name);
const written = (name: string, content: string | Uint8Array): File => new File([content as BlobPart], name);

async function project(files: File[], options: QueryOptions = {}): Promise<[QuerySummary, Projection]> {
  const summary = await engine.openQuery(files, options);
  return [summary, await engine.project(() => {})];
}

function expectSame([summary, projection]: [QuerySummary, Projection]): void {
  expect(summary.values).toBe("counts");
  expect(summary.matched).toBe(expected.matched);
  expect(projection.cells).toEqual(barcodes);
  projection.embedding.forEach((value, at) => expect(Math.abs(value - expected.embedding[at])).toBeLessThan(1e-5));
  for (const [name, { labels }] of Object.entries(expected.columns))
    expect(projection.columns.get(name)!.labels).toEqual(labels);
}

/** Entries of a Matrix Market file, features first, in the order of cells or the other way around. */
function matrixMarket({ byFeature = false, cellsFirst = false } = {}): string {
  const entries: [number, number, number][] = [];
  for (let row = 0; row < rows.n; row++) {
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) {
      entries.push([rows.indices[at] + 1, row + 1, rows.values[at]]);
    }
  }
  if (byFeature) entries.sort(([a], [b]) => a - b);
  const shape = cellsFirst ? [rows.n, rows.nColumns] : [rows.nColumns, rows.n];
  const lines = entries.map(
    ([feature, cell, value]) => `${cellsFirst ? `${cell} ${feature}` : `${feature} ${cell}`} ${value}`,
  );
  return [
    "%%MatrixMarket matrix coordinate integer general",
    "% a comment",
    `${shape.join(" ")} ${entries.length}`,
    ...lines,
    "",
  ].join("\n");
}

const featuresTsv = (): string => symbols.map((name, at) => `${ids[at]}\t${name}\tGene Expression\n`).join("");
const barcodesTsv = (): string => barcodes.map((name) => `${name}\n`).join("");

function table(separator: string, transpose = false): string {
  const dense = Array.from({ length: rows.n }, () => new Array<number>(rows.nColumns).fill(0));
  for (let row = 0; row < rows.n; row++) {
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) dense[row][rows.indices[at]] = rows.values[at];
  }
  const [down, across] = transpose ? [symbols, barcodes] : [barcodes, symbols];
  const lines = down.map((name, at) => [
    name,
    ...across.map((_, other) => (transpose ? dense[other][at] : dense[at][other])),
  ]);
  return [["", ...across], ...lines].map((line) => line.join(separator)).join("\n");
}

const READABLE = ["csr", "csc", "dense", "half-precision", "names-of-r", "damaged-column"].map(
  (name) => `${name}.h5ad`,
);

test.each([...READABLE, "multimodal.h5mu", "version-2.h5", "version-3.h5"])("%s", async (name) => {
  expectSame(await project([stored(name)]));
});

test("h5ad: columns of obs that hold text, with missing values", async () => {
  const [summary] = await project([stored("csr.h5ad")]);
  expect(summary.columns).toEqual(["batch", "donor", "depth"]);
  const { codes, categories } = (await engine.obsColumn("batch")) as Categorical;
  expect(categories).toEqual(["a", "b"]);
  expect([...codes.slice(0, 4)]).toEqual([0, 1, -1, 0]);
  await expect(engine.obsColumn("phase")).rejects.toThrow(
    "the query has no column 'phase' in obs; its columns are: 'batch', 'donor', 'depth'",
  );
});

test("h5ad: columns of obs that hold numbers, or True and False, with missing values", async () => {
  const { columns } = await engine.openQuery([stored("dense.h5ad")]);
  const firstOf = async (name: string) => {
    const column = await engine.obsColumn(name);
    return "codes" in column ? [[...column.codes.slice(0, 4)], column.categories] : [...column.values.slice(0, 4)];
  };
  const found = await Promise.all(columns.slice(3).map(async (name) => [name, await firstOf(name)]));
  expect(Object.fromEntries(found)).toEqual({
    age: [-3, -2, -1, 0],
    percent_mito: [Number.NaN, 0.25, 0.5, 0.75],
    is_doublet: [[1, 0, 0, 1], ["False", "True"]],
    n_clones: [Number.NaN, 1, 2, 3],
    is_malignant: [[-1, 0, 1, 0], ["False", "True"]],
    cluster: [[0, 1, 0, 1], ["5", "6"]],
  });
});

test("h5ad: text of R, which is UTF-8 whatever the file says", async () => {
  await engine.openQuery([stored("names-of-r.h5ad")]);
  expect(await engine.obsColumn("donor")).toMatchObject({ categories: ["Zürich 0", "Zürich 1"] });
});

test("h5ad: a column that cannot be read is ignored", async () => {
  const { notes } = await engine.openQuery([stored("damaged-column.h5ad")]);
  expect(notes).toEqual([
    "the column 'family' of /var cannot be read: its categories have the code 7, but there are 1. It is ignored",
  ]);
});

test.each([
  ["broken-link.h5ad", "/X is damaged: it is a link that leads nowhere"],
  ["virtual-values.h5ad", "/X/data is a virtual dataset of 'other.h5', which is not read"],
  ["nested-pointers.h5ad", "/X/indptr should be a list, but has shape (17, 1)"],
])("%s: refused", async (name, reason) => {
  await expect(engine.openQuery([stored(name)])).rejects.toThrow(
    `${name} cannot be read as HDF5: ${reason}; it is truncated`,
  );
});

test("h5ad: values in a layer or in raw", async () => {
  expectSame(await project([stored("layers.h5ad")], { layer: "counts" }));
  expectSame(await project([stored("layers.h5ad")], { layer: "raw" }));
  await expect(project([stored("layers.h5ad")])).rejects.toThrow(
    /values are negative, so the values were scaled or corrected; .*\. In this query the layer 'counts' holds counts; raw holds counts/,
  );
  await expect(project([stored("layers.h5ad")], { layer: "X" })).rejects.toThrow(
    "the query has no layer 'X', its layers are: 'counts', 'raw'; choose one of them, or X by default",
  );
});

test("values of a file without layers: what to provide, and no layer to choose", async () => {
  const [header, first, ...lines] = table(",").split("\n");
  const negative = first.replace(/,[1-9]\d*(\.\d+)?/, ",-1");
  await expect(project([written("cells.csv", [header, negative, ...lines].join("\n"))])).rejects.toThrow(
    /^1 value is negative, so the values were scaled or corrected; provide raw counts or log-normalized values$/,
  );
});

const MEMBERS = ["constructor", "__proto__", "toString", "hasOwnProperty"]; // of every object of JavaScript

test("table: names of cells, genes and batches that are members of every object", async () => {
  const [header, ...lines] = table(",").split("\n");
  const ofCell = lines.map((line, at) => `${MEMBERS[at % 4]}${line.replace(/^cell-\d+/, "")},3,0,1,2,${MEMBERS[at % 3]}`);
  const text = [[header, ...MEMBERS, "__proto__"].join(","), ...ofCell].join("\n");
  const [summary, projection] = await project([written("cells.csv", text)]);
  expect(summary.matched).toBe(expected.matched);
  expect(projection.cells.slice(0, 6)).toEqual([...MEMBERS, "constructor-1", "__proto__-1"]);
  expect(summary.columns).toEqual(["__proto__"]);
  expect(await engine.obsColumn("__proto__")).toMatchObject({ categories: MEMBERS.slice(0, 3) });
  expect((await engine.featureValues("__proto__"))!.values[0]).toBe(0);
  expect((await engine.featureValues("constructor"))!.values[0]).toBeGreaterThan(0);
  await expect(engine.obsColumn("constructor")).rejects.toThrow("the query has no column 'constructor' in obs");
});

test("feature values: log1p of counts per 10,000, null for a feature that was not measured", async () => {
  await project([stored("csc.h5ad")]);
  const { name, symbol, values, scale } = (await engine.featureValues(symbols[3]))!;
  expect(scale).toBe("log counts");
  const [first] = rows.indptr;
  let [total, value] = [0, 0];
  for (let at = first; at < rows.indptr[1]; at++) {
    total += rows.values[at];
    if (rows.indices[at] === 3) value = rows.values[at];
  }
  expect(values[0]).toBeCloseTo(Math.log1p((1e4 * value) / total), 5);
  for (const other of [ids[3], `${ids[3]}.7`, symbols[3].toLowerCase()]) {
    expect(await engine.featureValues(other), other).toEqual({ name, symbol, values, scale });
  }
  expect(await engine.featureValues("no such gene")).toBe(null);
});

test.each<[string, { byFeature?: boolean; cellsFirst?: boolean }, string, string, string]>([
  ["a folder of Cell Ranger", {}, "matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz"],
  ["files of GEO", {}, "GSM1_matrix.mtx", "GSM1_genes.tsv", "GSM1_barcodes.tsv"],
  ["cells first", { cellsFirst: true }, "matrix.mtx", "features.tsv", "barcodes.tsv"],
  ["entries by feature", { byFeature: true }, "matrix.mtx", "features.tsv", "barcodes.tsv"],
])("Matrix Market: %s", async (_, order, ...names) => {
  const contents = [matrixMarket(order), featuresTsv(), barcodesTsv()];
  const files = names.map((name, at) => {
    const content = strToU8(contents[at]);
    return written(name, name.endsWith(".gz") ? gzipSync(content) : content);
  });
  expectSame(await project(files.toReversed()));
});

test("Matrix Market: a zip archive, and a matrix of several gzip members", async () => {
  const text = matrixMarket();
  const members = [text.slice(0, 999), text.slice(999)].map((part) => gzipSync(strToU8(part)));
  const matrix = Buffer.concat(members);
  const names = { "features.tsv": strToU8(featuresTsv()), "barcodes.tsv.gz": gzipSync(strToU8(barcodesTsv())) };
  const zip = zipSync({
    "a/": {},
    sample: { "matrix.mtx.gz": matrix, ...names },
    "__MACOSX/._matrix.mtx": strToU8(""),
  });
  expectSame(await project([written("sample.zip", zip)]));
});

test("Matrix Market: samples whose files have the same names are told apart by their folders", async () => {
  const names = ["matrix.mtx", "features.tsv", "barcodes.tsv"];
  const files = [matrixMarket(), featuresTsv(), barcodesTsv()].map((content, at) => written(names[at], content));
  const others = [written("features.tsv", "A1BG\n"), written("barcodes.tsv", "x\n")];
  const folders = ["runs/2", "runs/2", "runs/2", "runs/1", "runs/1"];
  expectSame(await project([...files, ...others], { folders }));
  const found = "has 2 matrices: runs/1/matrix.mtx, runs/2/matrix.mtx; give one of them, with its barcodes and features";
  const two = [...files, ...others, files[0]];
  await expect(project(two, { folders: [...folders, "runs/1"] })).rejects.toThrow(`the folder ${found}`);
  const zip = zipSync({ "runs/2/matrix.mtx": strToU8("%%MatrixMarket"), "runs/1/matrix.mtx": strToU8("%%MatrixMarket") });
  await expect(project([written("runs.zip", zip)])).rejects.toThrow(`runs.zip ${found}`);
  const tables = [written("cells.csv", ""), written("cells.csv", "")];
  await expect(project(tables, { folders: ["1", "2"] })).rejects.toThrow("2 files were given (1/cells.csv, 2/cells.csv)");
});

test("Matrix Market: a line of features without its type", async () => {
  const features = featuresTsv().replace("\tGene Expression", "");
  const files = [matrixMarket(), features, barcodesTsv()].map((content, at) =>
    written(["matrix.mtx", "features.tsv", "barcodes.tsv"][at], content),
  );
  expectSame(await project(files));
});

test("features of another kind than the encoder's, or without names: refused", async () => {
  const antibodies = featuresTsv().replaceAll("Gene Expression", "Antibody Capture").replaceAll("\t", "x\t"); // none matches
  const files = (features: string): File[] => [
    written("matrix.mtx", matrixMarket()),
    written("features.tsv", features),
    written("barcodes.tsv", barcodesTsv()),
  ];
  await expect(project(files(antibodies))).rejects.toThrow(
    `the query's features are antibodies, as var['feature_types'] states ('${symbols[0]}x', '${symbols[1]}x', '${symbols[2]}x'), but ` +
      "the encoder takes genes; choose an encoder for antibodies, or a query with genes",
  );
  const shown = symbols.map((name) => `${name}_TotalSeqB\n`).join("");
  await expect(project(files(shown))).rejects.toThrow(
    `the query's features look like antibodies, not genes ('${symbols[0]}_TotalSeqB', `,
  );
  await expect(project(files(symbols.map(() => " \n").join("")))).rejects.toThrow(
    "the query's features have no names, but the space's are named like 'HES4', 'ISG15', 'AGRN'; put names or ids of that",
  );
});

test.each([
  ["HES4,ISG15,AGRN,CD3E", "Homo sapiens"],
  ["HES4,a,b,c", undefined],
])("too few features: the species of %s is told", async (names, organism) => {
  const error: unknown = await engine.openQuery([written("few.csv", `cell,${names}\nx,1,2,3,4\n`)]).catch((each) => each);
  expect(error).toMatchObject({ code: "features", organism });
});

test("Matrix Market: entries of the same cell and feature are summed", async () => {
  const entry = /\n(\d+ \d+) 1(\d)\n/; // of ten or more, so that parts taken alone would change the embedding
  expect(matrixMarket()).toMatch(entry);
  const split = matrixMarket()
    .replace(entry, "\n$1 10\n$1 $2\n")
    .replace(/ (\d+)\n(?=\d)/, (_, n) => ` ${Number(n) + 1}\n`);
  const names = [written("features.tsv", featuresTsv()), written("barcodes.tsv", barcodesTsv())];
  expectSame(await project([written("matrix.mtx", split), ...names]));
});

test("Matrix Market: refused", async () => {
  const names = [written("features.tsv", featuresTsv()), written("barcodes.tsv", barcodesTsv())];
  const cut = matrixMarket().split("\n").slice(0, -9).join("\n");
  await expect(project([written("matrix.mtx", cut), ...names])).rejects.toThrow(
    /^matrix.mtx looks like a Matrix Market matrix, but cannot be read: it ends after [\d,]+ of [\d,]+ values; it is damaged/,
  );
  await expect(project([written("matrix.mtx", matrixMarket()), names[0]])).rejects.toThrow(
    "matrix.mtx needs its names beside it, in barcodes.tsv (or cells.tsv; .gz too), but there is no such file",
  );
  const few = [names[0], written("barcodes.tsv", "a\nb\nc\n")];
  await expect(project([written("matrix.mtx", matrixMarket()), ...few])).rejects.toThrow(
    "matrix.mtx has 150 rows and 16 columns, which fits neither way to 150 features and 3 barcodes beside it",
  );
  const fraction = matrixMarket().replace(/\n(\d+) (\d+) (\d+)\n(\d+) /, "\n$1 $2 $3\n$4.5 ");
  await expect(project([written("matrix.mtx", fraction), ...names])).rejects.toThrow(/its entry 1 is '\d+\.5 \d+ \d+'/);
  const sizes = /\n150 16 (\d+)\n/;
  const more = matrixMarket().replace(sizes, "\n150 16 90000000\n"); // would be 1 GB if memory were taken for all
  await expect(project([written("matrix.mtx", more), ...names])).rejects.toThrow("of 90,000,000 values; it is damaged");
  const most = matrixMarket().replace(sizes, "\n150 16 2000000000\n");
  await expect(project([written("matrix.mtx", most), ...names])).rejects.toThrow("has more than 100,000,000 values, which");
  const negative = matrixMarket().replace(sizes, "\n150 16 -$1\n");
  await expect(project([written("matrix.mtx", negative), ...names])).rejects.toThrow("a general coordinate matrix is needed");
  const gzip = gzipSync(strToU8(matrixMarket()));
  await expect(project([written("matrix.mtx.gz", gzip.slice(0, gzip.length - 200)), ...names])).rejects.toThrow(
    "but cannot be read: unexpected EOF; it is damaged or incomplete, copy or export it again",
  );
});

test.each([
  ["cells as rows", table, ",", false, "cells.csv"],
  ["genes as rows", table, "\t", true, "genes.tsv"],
  ["semicolons", table, ";", false, "cells.csv"],
])("table: %s", async (_, content, separator, transpose, name) => {
  expectSame(await project([written(name, content(separator, transpose))]));
});

test("table: compressed, with quotes, returns, a column of text and one of numbers about cells", async () => {
  const lines = table(",").split("\n");
  const added = lines.map((line, at) => (at === 0 ? `${line},"batch, or so",n_genes` : `${line},"a, b",${at * 7}`));
  const [summary, projection] = await project([written("cells.csv.gz", gzipSync(strToU8(added.join("\r\n"))))]);
  expectSame([summary, projection]);
  expect(summary.columns).toEqual(["batch, or so"]);
  expect(await engine.obsColumn("batch, or so")).toMatchObject({ categories: ["a, b"] });
  expect(summary.notes[0]).toBe("cells.csv.gz: columns of text are kept as annotations: batch, or so");
});

const TABLE = ",CD3E,MS4A1\nc1,1,2\nc2,3,4\nc3,5,6\n";

test("table: numbers as pandas reads them, and True and False as an annotation", async () => {
  const [header, first, ...lines] = table(",").split("\n");
  const isDoublet = (line: string, at: number): string => `${line},${at ? "False" : "True"}`;
  const number = first.replace(/,([1-9])(?=,|$)/, ', "+$1.0e0"');
  expect(number).not.toBe(first);
  const text = [`${header},is_doublet`, ...[number.replace(', "', ',"'), ...lines].map(isDoublet)].join("\n");
  expectSame(await project([written("cells.csv", text)]));
  expect(await engine.obsColumn("is_doublet")).toMatchObject({ categories: ["True", "False"] });
  const infinite = [`${header}`, first.replace(/,[1-9](?=,|$)/, ",-inf"), ...lines].join("\n");
  await expect(project([written("cells.csv", infinite)])).rejects.toThrow(/infinite/);
});

test.each([
  ["a,b\n1,x\n", "cells.csv has no column of numbers, only text such as 'x'; values are needed"],
  [",CD3E,MS4A1\nc1,1,\nc2,0,2\n", "cells.csv has no value in row 'c1' and column 'MS4A1', but a number is needed"],
  [",CD3E,MS4A1\nc1,1,2\nc2,0,None\nc3,0,1\n", "cells.csv has no value in row 'c2' and column 'MS4A1'"],
  [
    ",x,y\nc1,1,2\n",
    "cannot tell the features of cells.csv from its cells: 0% of the names of rows (c1) and 0% of those",
  ],
  ["0.5,0.5\n1,2\n", "cells.csv has numbers in its first line, but names of cells or of features are needed there"],
  ["Dear all,\nthis is no table.\n", "cells.csv is text, but not a table of cells and features"],
  [`${TABLE}c4,1,2,3\n`, "cells.csv has 4 fields in line 5, but 3 are needed by its first line; save the table again"],
  [`# a remark\n\n${TABLE}c4,1,2,\n`, "cells.csv has 4 fields in line 7, but 3 are needed by its first line"],
  [`${TABLE}c4,1,"2\n`, "cells.csv looks like a text table, but cannot be read: the quotes of the line 'c4,1,\"2' do not"],
  [";CD3E;MS4A1\nc1;1,5;2\nc2;1.5;4\nc3;1,5;2\n", "cells.csv has '1.5' in row 'c2' and column 'CD3E'"],
  ...["0x1F", "0b11", "1_000", "1d3", "infty", "1e400", "\u22121", "\u00a01", "True"].map((text) => [
    `${TABLE}c4,${text},2\n`,
    `cells.csv has '${text}' in row 'c4' and column 'CD3E', but a number is needed`,
  ]),
])("table %#: refused", async (content, message) => {
  await expect(project([written("cells.csv", content)])).rejects.toThrow(message);
});

test("gzip: a changed byte is found by the checksum, in any member", async () => {
  const lines = table(",").split("\n");
  const members = [lines.slice(0, 9), lines.slice(9)].map((part) => gzipSync(strToU8(`${part.join("\n")}\n`)));
  expectSame(await project([written("cells.csv.gz", Buffer.concat(members))]));
  for (const member of [0, 1]) {
    const damaged = members.map((bytes, at) => (at === member ? bytes.with(-7, bytes.at(-7)! ^ 1) : bytes));
    await expect(project([written("cells.csv.gz", Buffer.concat(damaged))])).rejects.toThrow(
      /^cells.csv.gz (looks like a text table, but cannot be read: its data do not fit their checksum|cannot be read: it is a damaged gzip file); /,
    );
  }
});

test("zip: a changed byte, a cut end, a lie about the size, a password and too many members are refused", async () => {
  const names = { "features.tsv": strToU8(featuresTsv()), "barcodes.tsv": strToU8(barcodesTsv()) };
  const levels = [0, 6] as const; // stored, deflated
  for (const level of levels) {
    const zip = zipSync({ ...names, "matrix.mtx": [strToU8(matrixMarket()), { level }] });
    expectSame(await project([written("sample.zip", zip)]));
    const at = Buffer.from(zip).indexOf("PK\x01\x02") - 500; // in the last member
    const changed = zip.with(at, zip[at] ^ 1);
    await expect(project([written("sample.zip", changed)])).rejects.toThrow(
      /^sample.zip looks like a Matrix Market matrix, but cannot be read: (matrix.mtx in it is damaged \(|its entry)/,
    );
    await expect(project([written("sample.zip", zip.slice(0, -30))])).rejects.toThrow(
      "sample.zip looks like a zip archive, but cannot be read: End of central directory not found; it is damaged",
    );
    const header = Buffer.from(zip).lastIndexOf("matrix.mtx") - 46; // in the central directory
    expect([...zip.slice(header, header + 4)]).toEqual([0x50, 0x4b, 1, 2]);
    const small = zip.with(header + 25, 0); // its size
    await expect(project([written("sample.zip", small)])).rejects.toThrow(/matrix.mtx in it is damaged \(/);
    const locked = zip.with(header + 8, zip[header + 8] | 1);
    await expect(project([written("sample.zip", locked)])).rejects.toThrow(/matrix.mtx in it is damaged \(/);
  }
  const many = zipSync(Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`${at}.txt`, new Uint8Array(0)])));
  await expect(project([written("many.zip", many)])).rejects.toThrow("many.zip holds more than 1000 files; unpack it");
});

test("a small archive of long lines or of many names does not fill the memory", async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const chunk = new Uint8Array(20_000_000).fill(65);
    for (;;) yield chunk;
  }
  await expect(allLines({ name: "barcodes.tsv", folder: "", chunks })).rejects.toThrow("a line is longer than 100 million characters");
  const value = strToU8(`%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 ${"1.".padEnd(1000, "0")}\n`);
  const names = [written("features.tsv", "a\n"), written("barcodes.tsv", "a\n")];
  await expect(project([written("matrix.mtx", value), ...names])).rejects.toThrow("it has a value '1.000000000000000000...'");
  const kept = new KeptChars("barcodes.tsv");
  kept.add(400_000_000);
  expect(() => kept.add(1)).toThrow("the names and texts in barcodes.tsv have more than 400 million characters, which this");
  const many = strToU8("%%MatrixMarket matrix coordinate integer general\n30000 90000 100000001\n");
  await expect(project([written("matrix.mtx", many), ...names])).rejects.toThrow(
    "matrix.mtx has more than 100,000,000 values, which this page does not keep in memory; write the cells as .h5ad",
  );
  requireRoom(100_000_000, "cells.csv");
  expect(() => requireRoom(100_000_001, "cells.csv")).toThrow("cells.csv has more than 100,000,000 values");
});

test.each([
  ["query.h5ad", "", "query.h5ad cannot be read: it is an empty file; copy or download it again"],
  ["counts.txt", "%%MatrixMarket matrix coordinate integer general\n", "is a Matrix Market matrix without its names; give"],
  ["query.xls", Uint8Array.of(0xd0, 0xcf, 0x11, 0xe0), "it is an Excel workbook; save its sheet of counts as .csv"],
  ["query.rds", "RDX3\n", "it is a file of R objects; in R, write its object with zellkonverter"],
  ["query.h5ad", "<!DOCTYPE html><html>", "it is a web page; the download failed or needs a login"],
  ["query.h5ad", "version https://git-lfs.github.com/spec/v1\n", "it is a git-lfs pointer, not the file itself"],
  ["fragments.tsv", "chr1\t10\t20\tAAAC-1\t1\n", "it is an ATAC fragments file; this page does not count fragments"],
])("%s of another format: refused", async (name, content, message) => {
  await expect(project([written(name, content)])).rejects.toThrow(message);
});

test("HDF5: refused if it is truncated, damaged, compressed with gzip, or has a filter that cannot be read", async () => {
  const whole = new Uint8Array(await stored("csr.h5ad").arrayBuffer());
  await expect(project([written("query.h5ad", whole.slice(0, whole.length / 2))])).rejects.toThrow(
    /^query.h5ad cannot be read as HDF5: it is truncated, damaged, in another format, or from a later anndata/,
  );
  const data = whole.slice();
  const zlib = data.findIndex((byte, at) => byte === 0x78 && [0x5e, 0x9c].includes(data[at + 1])); // of a compressed chunk
  data.fill(0, zlib + 2, zlib + 40);
  await expect(project([written("query.h5ad", data)])).rejects.toThrow(
    /^query.h5ad cannot be read as HDF5: the values of .* are damaged; it is truncated, damaged, in another format/,
  );
  await expect(project([written("query.h5ad.gz", gzipSync(whole))])).rejects.toThrow("decompress it with: gunzip");
  await expect(project([stored("lzf.h5ad")])).rejects.toThrow(
    "lzf.h5ad is compressed with lzf, which this page cannot read",
  );
});
