import { expect, test } from "vitest";
import type { Rows } from "../../src/engine/arrays/rows";
import type { Frame } from "../../src/engine/features/frame";
import { GeneTables } from "../../src/engine/features/gene-aliases";
import { MemoryFile } from "../../src/engine/formats/memory-file";
import { prepareQuery } from "../../src/engine/projection/encoder-query";
import { readFeatureValues } from "../../src/engine/projection/feature-values";
import { projectAll } from "../../src/engine/projection/projection";
import { describeValues } from "../../src/engine/query/value-interpretation";
import { Space } from "../../src/engine/space/space";
import { packagedFiles, spaceNames } from "./packaged";
import { type Expected, readVector, vectorNames } from "./vectors";

const opened = new Map<string, Promise<[Space, GeneTables]>>();

async function open(name: string): Promise<[Space, GeneTables]> {
  const files = packagedFiles(name);
  return [await Space.open({ files }), new GeneTables({ files })];
}

const once = (name: string): Promise<[Space, GeneTables]> => {
  if (!opened.has(name)) opened.set(name, open(name));
  return opened.get(name)!;
};

const largestDifference = (found: Float32Array, expected: Float32Array): number => {
  expect([...found].map(Number.isNaN)).toEqual([...expected].map(Number.isNaN));
  return found.reduce((most, value, at) => (Number.isNaN(value) ? most : Math.max(most, Math.abs(value - expected[at]))), 0);
};

test("each packaged space has a vector", () => {
  expect(vectorNames().filter((name) => !name.startsWith("case-"))).toEqual(spaceNames());
});

test.each(vectorNames())("%s: the same as in Python", async (name) => {
  const { space: spaceName, query, expected } = readVector(name);
  const [space, tables] = await once(spaceName);
  const project = async () => {
    const prepared = await prepareQuery(space, query, tables, {});
    return [
      prepared,
      await projectAll(space, prepared, () => {}),
    ] as const;
  };
  if ("error" in expected) {
    await expect(project()).rejects.toThrow(expected.error);
    return;
  }
  const [prepared, projection] = await project();
  expect(prepared.interpretation.kind).toBe(expected.values);
  expect(prepared.match.report.nMatched).toBe(expected.matched);
  expect(prepared.match.report.weight).toBeCloseTo(expected.weight, 6);
  expect(projection.expectedAccuracy!.similarCells).toBeCloseTo(expected.accuracy, 6);
  expectSame(projection, expected);
});

test("values of a feature in cells that measured different ones, and by a name of the space", async () => {
  const { query } = readVector("case-unmeasured-in-a-batch");
  const [space, tables] = await once("pbmc");
  const names = query.frame().names;
  const prepared = await prepareQuery(space, query, tables, {});
  const [inSecond, inFirst] = [names[0], names[1]]; // each unmeasured in the other batch
  const missing = async (name: string) => {
    const found = await readFeatureValues(prepared, name, null);
    return [...found!.values].map(Number.isNaN);
  };
  expect(await missing(inSecond)).toEqual(Array.from({ length: 32 }, (_, cell) => cell < 16));
  expect(await missing(inFirst)).toEqual(Array.from({ length: 32 }, (_, cell) => cell >= 16));

  const former = readVector("case-former-names").query;
  const renamed = await prepareQuery(space, former, tables, {});
  const position = former.frame().names.findIndex((name, at) => name !== names[at]);
  const found = await readFeatureValues(renamed, names[position], null);
  expect(found).toEqual(await readFeatureValues(renamed, former.frame().names[position], null));
  expect(found!.name).toBe(former.frame().names[position]);
  expect(found!.values.some((value) => value > 0)).toBe(true);
});

test("a gene that the file names by its Ensembl id is found by its symbol, which is told", async () => {
  const { query } = readVector("case-ensembl-ids");
  const [space, tables] = await once("pbmc");
  const genes = await tables.of("Homo sapiens");
  const prepared = await prepareQuery(space, query, tables, {});
  const position = prepared.table.ids.findIndex((id, at) => prepared.match.target.includes(at) && genes!.byCurrentName.get(id)?.symbol === id);
  const symbol = prepared.table.ids[position];
  const column = prepared.match.target.indexOf(position);
  const { names, columns } = prepared.frame;
  const ids = columns.find(({ texts }) => texts[column].startsWith("ENSG"))!.texts;
  const byId: Frame = { names: ids, columns: [] };
  for (const [frame, name] of [[prepared.frame, names[column]], [byId, ids[column]]] as [Frame, string][]) {
    for (const written of [symbol.toLowerCase(), ids[column]]) {
      expect(await readFeatureValues({ ...prepared, frame }, written, genes)).toMatchObject({ name, symbol, scale: "log counts" });
    }
  }
});

test("a peak is read as present or absent, by any spelling of it", async () => {
  const { query } = readVector("bone-marrow-atac");
  const [space, tables] = await once("bone-marrow-atac");
  const prepared = await prepareQuery(space, query, tables, {});
  const [rows] = await query.matrix(undefined).read([[0, query.nCells]]);
  const { frame, match } = prepared;
  const column = rows.indices[rows.values.findIndex((value, at) => value > 0 && match.target[rows.indices[at]] >= 0)];
  const present = Array.from({ length: rows.n }, (_, row) => Number(rows.indices.subarray(rows.indptr[row], rows.indptr[row + 1]).includes(column)));
  const ofSpace = prepared.table.ids[match.target[column]];
  for (const name of [frame.names[column], ofSpace].flatMap((each) => [each, each.replaceAll(/[:-]/g, "_"), each.replace(":", "-")])) {
    const found = await readFeatureValues(prepared, name, null);
    expect(found, name).toMatchObject({ name: frame.names[column], symbol: null, scale: "presence" });
    expect([...found!.values], name).toEqual(present);
  }
});

test("a later cell shows that counts may be fractions, and all cells are projected again", async () => {
  const { query, expected } = readVector("case-corrected-counts");
  const [fractions] = await query.matrix(undefined).read([[0, query.nCells]]);
  const counts = { ...fractions, values: fractions.values.map(Math.round) };
  const parts = [...Array<Rows>(40).fill(counts), fractions, ...Array<Rows>(60).fill(counts)];
  const rows = joined(parts); // of which 256 are sampled at each of three places
  const cells = Array.from({ length: rows.n }, (_, cell) => `cell-${cell}`);
  const file = new MemoryFile({ name: "query", cells, frame: query.frame(), rows, obs: [], notes: [] });
  const [space, tables] = await once("pbmc");
  const prepared = await prepareQuery(space, file, tables, {});
  expect(describeValues(prepared.interpretation)).toBe("counts");
  const reported: number[] = [];
  const { columns, warnings } = await projectAll(space, prepared, ({ done }) => reported.push(done));
  expect(describeValues(prepared.interpretation)).toBe("corrected or estimated counts");
  expect(warnings).toEqual([
    "the values are not whole numbers but look like corrected or estimated counts; taking them as counts",
  ]);
  expect(reported).toEqual([0, 256, 512, 0, 256, 512, 768, 1024, 1280, 1536, 1616]);
  const start = 40 * query.nCells;
  expect(columns.get("cell_type")!.labels.slice(start, start + query.nCells)).toEqual(
    (expected as Expected).columns.cell_type.labels,
  );
});

/** Return rows of several parts as one. */
function joined(parts: Rows[]): Rows {
  const indptr = [0];
  for (const part of parts) {
    for (let row = 0; row < part.n; row++) indptr.push(indptr.at(-1)! + part.indptr[row + 1] - part.indptr[row]);
  }
  return {
    n: indptr.length - 1,
    nColumns: parts[0].nColumns,
    indptr: Int32Array.from(indptr),
    indices: Int32Array.from(parts.flatMap(({ indices }) => [...indices])),
    values: Float32Array.from(parts.flatMap(({ values }) => [...values])),
  };
}

function expectSame(found: Awaited<ReturnType<typeof projectAll>>, expected: Expected): void {
  expect(largestDifference(found.embedding, expected.embedding)).toBeLessThan(1e-5);
  expect(largestDifference(found.similarity, expected.similarity)).toBeLessThan(1e-4);
  expect(largestDifference(found.map, expected.map)).toBeLessThan(1e-3);
  expect([...found.columns.keys()]).toEqual(Object.keys(expected.columns));
  for (const [name, { labels, nearest, confidence }] of Object.entries(expected.columns)) {
    expect(found.columns.get(name)!.labels).toEqual(labels);
    expect(found.columns.get(name)!.nearest).toEqual(nearest);
    expect(largestDifference(found.columns.get(name)!.confidence, confidence)).toBeLessThan(1e-4);
  }
}
