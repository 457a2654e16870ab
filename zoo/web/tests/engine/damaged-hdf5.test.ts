/** HDF5 files whose sparse matrices, sizes or columns do not fit together. */
import * as h5wasm from "h5wasm";
import { beforeAll, expect, test, vi } from "vitest";
import { CsrMatrix } from "../../src/engine/formats/csr-matrix";
import { H5adFile } from "../../src/engine/formats/h5ad";
import { datasetOf, groupOf, openHdf5 } from "../../src/engine/formats/hdf5";
import { openMatrix } from "../../src/engine/formats/stored-matrix";
import { LocalEngine } from "../../src/engine/local-engine";
import { parseFeatureTable } from "../../src/engine/space/feature-table";
import { packagedFiles } from "./packaged";

type Numbers = Int32Array | Float64Array;

/** A matrix of three cells and two genes, [[1, 0], [0, 2], [3, 4]]. */
const CSR = { indptr: Int32Array.of(0, 1, 2, 4), indices: Int32Array.of(0, 1, 0, 1), data: Int32Array.of(1, 2, 3, 4) };
const CSC = { indptr: Int32Array.of(0, 2, 4), indices: Int32Array.of(0, 2, 1, 2), data: Int32Array.of(1, 3, 2, 4) };
const GENES = ["CD3E", "MS4A1"];

const engine = new LocalEngine();

beforeAll(async () => {
  await h5wasm.ready;
  await engine.openSpace({ files: packagedFiles("pbmc") });
});

/** Return a file that a function writes. */
function written(name: string, write: (root: h5wasm.File) => void): File {
  const root = new h5wasm.File(name, "w");
  write(root);
  root.close();
  const content = h5wasm.FS!.readFile(name) as Uint8Array<ArrayBuffer>;
  h5wasm.FS!.unlink(name);
  return new File([content], name);
}

function writeNumbers(group: h5wasm.Group, arrays: Record<string, Numbers>): void {
  for (const [name, data] of Object.entries(arrays)) group.create_dataset({ name, data });
}

function writeFrame(root: h5wasm.File, name: string, names: string[]): h5wasm.Group {
  const frame = root.create_group(name);
  frame.create_attribute("_index", "_index");
  frame.create_dataset({ name: "_index", data: names });
  return frame;
}

function h5ad(arrays: Record<string, Numbers>, kind = "csr", shape = [3, 2]): File {
  return written("query.h5ad", (root) => {
    writeFrame(root, "obs", ["a", "b", "c"]);
    writeFrame(root, "var", GENES);
    const X = root.create_group("X");
    X.create_attribute("encoding-type", `${kind}_matrix`);
    X.create_attribute("shape", Float64Array.from(shape), null, "<d");
    writeNumbers(X, arrays);
  });
}

test.each([CSR, CSC])("whole files are read: %#", async (arrays) => {
  const query = h5ad(arrays, arrays === CSR ? "csr" : "csc");
  const error = await engine.openQuery([query]).catch((each: Error) => each.message);
  expect(error).toMatch(/^the query has only 2 of the space's [\d,]+ features, /);
});

const DAMAGED = "the stored matrix of query.h5ad is damaged: ";

test.each<[string, Record<string, Numbers>, string]>([
  ["fractions", { indptr: Float64Array.of(0, 1.5, 2, 4) }, "/X/indptr should be a list of whole numbers, but has type <d"],
  ["whole, but stored as floats", { indptr: Float64Array.from(CSR.indptr) }, "/X/indptr should be a list of whole numbers"],
  ["fractional indices", { indices: Float64Array.of(0, 1, 0.5, 1) }, "/X/indices should be a list of whole numbers"],
  ["descending", { indptr: Int32Array.of(0, 2, 1, 4) }, `${DAMAGED}its pointers decrease; copy or export it again`],
  ["not from 0", { indptr: Int32Array.of(1, 1, 2, 4) }, `${DAMAGED}indptr begins with 1 instead of 0`],
  ["too few", { indptr: Int32Array.of(0, 1, 4) }, `${DAMAGED}indptr has 3 numbers for 3 rows or columns`],
  ["too high", { indptr: Int32Array.of(0, 1, 2, 5) }, `${DAMAGED}indptr describes 5 entries, but there are 4 values and 4`],
  ["lost", { indptr: Int32Array.of(0, 0, 0, 0) }, `${DAMAGED}indptr describes 0 entries, but there are 4 values`],
  ["indices lost", { indices: Int32Array.of(0, 1, 0) }, `${DAMAGED}indptr describes 4 entries, but there are 4 values and 3`],
  ["a row too long", { indptr: Int32Array.of(0, 0, 1, 4) }, `${DAMAGED}3 entries lie in a row or column of 2`],
])("pointers and indices: %s", async (_, change, message) => {
  await expect(engine.openQuery([h5ad({ ...CSR, ...change })])).rejects.toThrow(message);
});

test.each([2, -1])("an index out of bounds: %i", async (index) => {
  const file = await openHdf5(h5ad({ ...CSR, indices: Int32Array.of(0, 1, 0, index) }));
  const matrix = openMatrix(groupOf(file.root, "X")!, [3, 2], "query.h5ad", () => {});
  expect((await matrix.read([[0, 2]]))[0].values).toEqual(Float64Array.of(1, 2));
  await expect(matrix.read([[0, 3]])).rejects.toThrow(`${DAMAGED}the index ${index} in /X/indices is not one of 2`);
  file.close();
});

test("chunks of zeros: those that were written are read, others refused", async () => {
  const query = written("query.h5ad", (root) => {
    for (const [name, nWritten] of [["whole", 4], ["partial", 2]] as const) {
      const group = root.create_group(name);
      writeNumbers(group, { indptr: CSR.indptr, indices: CSR.indices });
      const data = Int32Array.of(1, 2, 0, 0).slice(0, nWritten);
      group.create_dataset({ name: "data", data, chunks: [2], maxshape: [4] });
      (group.get("data") as h5wasm.Dataset).resize([4]);
    }
  });
  const file = await openHdf5(query);
  const [whole, partial] = ["whole", "partial"].map((name) => new CsrMatrix(groupOf(file.root, name)!, [3, 2], "query.h5ad"));
  expect((await whole.read([[0, 3]]))[0].values).toEqual(Float64Array.of(1, 2, 0, 0));
  expect((await partial.read([[0, 2]]))[0].values).toEqual(Float64Array.of(1, 2));
  await expect(partial.read([[0, 3]])).rejects.toThrow(
    "query.h5ad cannot be read as HDF5: /partial/data lacks 1 of its 2 chunks (never written); it is truncated",
  );
  file.close();
});

test("dense chunks of zeros: a few that were never written are zeros with a warning, most of them are damage", async () => {
  const query = written("query.h5ad", (root) => {
    for (const [name, nWritten] of [["some", 4], ["most", 2]] as const) {
      const data = Int32Array.of(1, 0, 0, 2, 0, 0, 0, 0).slice(0, 2 * nWritten);
      root.create_dataset({ name, data, shape: [nWritten, 2], chunks: [2, 1], maxshape: [6, 2] });
      (root.get(name) as h5wasm.Dataset).resize([6, 2]);
    }
  });
  const file = await openHdf5(query);
  const warn = vi.fn<(text: string) => void>();
  const [some, most] = ["some", "most"].map((name) => openMatrix(datasetOf(file.root, name)!, [6, 2], "query.h5ad", warn));
  const [first, second] = await some.read([[0, 4], [1, 3]]);
  expect(first.values).toEqual(Float64Array.of(1, 2));
  expect(second.values).toEqual(Float64Array.of(2));
  expect(warn).not.toHaveBeenCalled();
  expect((await some.read([[3, 6]]))[0].values).toEqual(new Float64Array(0));
  await some.read([[0, 6]]);
  expect(warn.mock.calls).toEqual([
    ["/some in query.h5ad lacks 2 of 6 chunks (never written); values there are read as zeros, correct only if they are zero"],
  ]);
  await expect(most.read([[0, 6]])).rejects.toThrow(
    "query.h5ad cannot be read as HDF5: /most lacks 4 of its 6 chunks (never written); it is truncated",
  );
  file.close();
});

test.each([
  ["csr", [{ 0: 2, 1: 5 }, { 0: 8 }, {}]],
  ["csc", [{ 0: 2, 1: 8 }, { 0: 5 }, {}]],
])("%s: values that are stored in several parts are summed", async (kind, expected) => {
  const repeated = { indptr: Int32Array.of(0, 3, 4, 4), indices: Int32Array.of(1, 0, 1, 0), data: Int32Array.of(1, 2, 4, 8) };
  const file = await openHdf5(h5ad(repeated, kind));
  const [rows] = await openMatrix(groupOf(file.root, "X")!, [3, 3], "query.h5ad", () => {}).read([[0, 3]]);
  const cells = [0, 1, 2].map((row) => {
    const [start, stop] = [rows.indptr[row], rows.indptr[row + 1]];
    const pairs = Array.from(rows.indices.subarray(start, stop), (column, at) => [column, rows.values[start + at]]);
    expect(pairs.length).toBe(new Set(pairs.map(([column]) => column)).size);
    return Object.fromEntries(pairs) as Record<number, number>;
  });
  expect(cells).toEqual(expected);
  file.close();
});

test("columns that were stored one after the other", async () => {
  const indptr = Int32Array.of(0, 0, 4);
  await expect(engine.openQuery([h5ad({ ...CSC, indptr }, "csc")])).rejects.toThrow("4 entries lie in a row or column of 3");
});

test("sizes that are not whole, or not those of the names", async () => {
  for (const shape of [[3.5, 2], [2, 3]]) {
    await expect(engine.openQuery([h5ad(CSR, "csr", shape)])).rejects.toThrow(
      `X in query.h5ad has shape (${shape.join(", ")}) for 3 cells and 2 features`,
    );
  }
  const cellRanger = written("matrix.h5", (root) => {
    const matrix = root.create_group("matrix");
    matrix.create_dataset({ name: "barcodes", data: ["a", "b", "c"] });
    writeNumbers(matrix, { ...CSR, shape: Float64Array.of(2, 3.5) });
  });
  await expect(engine.openQuery([cellRanger])).rejects.toThrow(
    "matrix.h5 cannot be read as HDF5: /matrix/shape should be two whole numbers, but is (2, 3.5)",
  );
});

test("h5ad: cells keep repeated names, with a warning", async () => {
  const { ids } = parseFeatureTable(packagedFiles("pbmc")["features/rna.tsv"], "features/rna.tsv");
  const query = written("query.h5ad", (root) => {
    writeFrame(root, "obs", ["a", "b", "a", "a"]);
    writeFrame(root, "var", ids);
    root.create_dataset({ name: "X", data: Int32Array.from({ length: 4 * ids.length }, (_, at) => at % 7), shape: [4, ids.length] });
  });
  await engine.openQuery([query]);
  const { cells, warnings } = await engine.project(() => {});
  expect(cells).toEqual(["a", "b", "a", "a"]);
  expect(warnings).toContain(
    "2 of 4 cells have the name of an earlier one, so that results cannot be joined to the file by name; all results are in the " +
      "order of the file, and adata.obs_names_make_unique() makes names unique before it is saved",
  );
});

test("h5ad: columns of obs named like members of every object", async () => {
  const names = ["constructor", "__proto__", "toString"];
  const query = written("query.h5ad", (root) => {
    const obs = writeFrame(root, "obs", ["a", "b", "c"]);
    obs.create_attribute("column-order", names);
    for (const name of names) obs.create_dataset({ name, data: names });
    writeFrame(root, "var", GENES);
  });
  const file = await openHdf5(query);
  const cells = new H5adFile("query.h5ad", file, file.root);
  expect(cells.columns).toEqual(names);
  for (const name of names) expect(cells.obsColumn(name)).toEqual({ codes: Int32Array.of(0, 1, 2), categories: names });
  expect(() => cells.obsColumn("valueOf")).toThrow("the query has no column 'valueOf' in obs");
  cells.close();
});

test("names that are no list", async () => {
  const query = written("query.h5ad", (root) => {
    const obs = root.create_group("obs");
    obs.create_attribute("_index", "_index");
    obs.create_dataset({ name: "_index", data: ["a", "b"], shape: [2, 1] });
    writeFrame(root, "var", GENES);
  });
  await expect(engine.openQuery([query])).rejects.toThrow("/obs/_index should be a list, but has shape (2, 1)");
});
