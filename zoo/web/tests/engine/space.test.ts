import { strToU8 } from "fflate";
import { expect, test, vi } from "vitest";
import { EngineError } from "../../src/engine/engine";
import { copyAdvice } from "../../src/engine/space/copy-advice";
import { LocalEngine } from "../../src/engine/local-engine";
import { parseFeatureTable } from "../../src/engine/space/feature-table";
import { fetchLocal, packagedFiles, siteOf } from "./packaged";

const files = packagedFiles("mouse-marrow");
const config = JSON.parse(new TextDecoder().decode(files["config.json"]));

/** A table of two cells with the heaviest features of the space. */
function query(): File {
  const { ids, weight } = parseFeatureTable(files["features/rna.tsv"], "features/rna.tsv");
  const heaviest = Array.from(ids.keys())
    .sort((a, b) => weight[b] - weight[a])
    .slice(0, 300);
  const rows = [1, 2].map((cell) => [`c${cell}`, ...heaviest.map((at) => (at * cell) % 3)]);
  return new File([[["cell", ...heaviest.map((at) => ids[at])], ...rows].join("\n")], "cells.csv");
}

const opening = (changed: Record<string, Uint8Array>) =>
  new LocalEngine().openSpace({ files: { ...files, ...changed } });
const manifest = (changed: object): Record<string, Uint8Array> => ({
  "config.json": strToU8(JSON.stringify({ ...config, ...changed })),
});

test("the summary of a space", async () => {
  const summary = await opening({});
  expect(summary.columns.map(({ name, labels, within }) => [name, labels.length, within])).toEqual([
    ["cell_type", 19, "lineage"],
    ["lineage", 10, null],
  ]);
  expect(summary.reference.map.length).toBe(2 * 602);
  expect(summary.reference.weights.reduce((sum, weight) => sum + weight)).toBe(summary.nCells);
  const first: string = config.encoders.rna.drivers["12Baso"][0];
  expect(summary.drivers.get("12Baso")![0]).toEqual({ feature: first, symbol: first });
  expect(summary.columns[0].parents).toHaveLength(19);
  expect(summary.needsOnnxRuntime).toBe(false);
});

test("of two spaces that are opened at a time, the last one asked for projects the cells", async () => {
  const engine = new LocalEngine();
  const slow = packagedFiles("mouse-skin");
  vi.stubGlobal("fetch", async (url: string) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return new Response(new Uint8Array(slow[url.replace("https://slow/", "")]));
  });
  const first = engine.openSpace({ url: "https://slow", genes: "", ort: "", shared: {} });
  const last = await engine.openSpace({ files });
  expect((await first).name).toBe("mouse-skin");
  vi.unstubAllGlobals();
  expect((await engine.openQuery([query()])).matched).toBe(300);
  expect([...(await engine.project(() => {})).columns.keys()]).toEqual(last.columns.map(({ name }) => name));
});

test("what failed is read again", async () => {
  let isDown = true;
  vi.stubGlobal("fetch", async (url: string) =>
    isDown && url.endsWith("features/rna.tsv") ? new Response(null, { status: 404 }) : fetchLocal(url),
  );
  const engine = new LocalEngine();
  await engine.openSpace(siteOf("mouse-marrow"));
  await expect(engine.openQuery([query()])).rejects.toThrow("features/rna.tsv is missing (HTTP 404)");
  isDown = false;
  expect((await engine.openQuery([query()])).matched).toBe(300);
  vi.unstubAllGlobals();
});

test.each<[Record<string, Uint8Array>, string]>([
  [manifest({ format: "other" }), "config.json has format 'other', not 'smile-space'; use a space directory"],
  [
    manifest({ format_version: 99 }),
    "was written by a newer version of smile-zoo: it has format version 99, this page reads",
  ],
  [{ "config.json": strToU8("<html>") }, "config.json is not a smile-zoo manifest: "],
  [
    { "reference/points.safetensors": files["reference/points.safetensors"].slice(1) },
    "reference/points.safetensors has 330,255 bytes, but the manifest says 330,256: it is truncated or was changed; copy this HTML file again",
  ],
  [
    { "reference/points.safetensors": files["reference/points.safetensors"].with(9, 0) },
    "points.safetensors was changed: its",
  ],
])("a space that cannot be used %#", async (changed, message) => {
  const error = await opening(changed).catch((each: unknown) => each);
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).code).toBe("space");
  expect((error as EngineError).message).toContain(message);
});

test.each(["features/rna.tsv", "first/rna.safetensors", "onnx/rna.trunk.onnx", "profiles/rna.safetensors"])(
  "%s is verified before it is used",
  async (name) => {
    const engine = new LocalEngine();
    await engine.openSpace({ files: { ...files, [name]: files[name].with(99, files[name][99] ^ 1) } });
    const project = async () => {
      await engine.openQuery([query()]);
      await engine.project(() => {});
    };
    await expect(project()).rejects.toThrow(`${name} was changed: its sha256 is`);
  },
);

test("gene tables are verified by the list of spaces before they are used", async () => {
  vi.stubGlobal("fetch", fetchLocal);
  const engine = new LocalEngine();
  const { shared, ...site } = siteOf("mouse-marrow");
  const table = "genes/mouse.tsv.gz";
  const { sha256, size } = shared[table];
  const changed: [object, string][] = [
    [{ [table]: { sha256: shared["genes/human.tsv.gz"].sha256, size } }, `${table} was changed: its sha256 is ${sha256.slice(0, 12)}…`],
    [{ [table]: { sha256, size: 7 } }, "bytes, but the list of spaces says 7: it is truncated or was changed; copy the whole"],
    [{ [table]: undefined }, `the list of spaces states no sha256 of ${table}, so it is not used; copy the whole exported site`],
  ];
  for (const [change, message] of changed) {
    await engine.openSpace({ ...site, shared: { ...shared, ...change } as typeof shared });
    await expect(engine.openQuery([query()])).rejects.toThrow(message);
  }
  await engine.openSpace({ ...site, shared, genes: "https://site/nowhere" });
  await expect(engine.openQuery([query()])).rejects.toThrow(
    "nowhere/mouse.tsv.gz is missing (HTTP 404); copy the whole exported site again, and reload the page",
  );
  vi.unstubAllGlobals();
});

test("a space at a URL, and files that are not there", async () => {
  vi.stubGlobal("fetch", fetchLocal);
  const engine = new LocalEngine();
  expect((await engine.openSpace(siteOf("mouse-skin"))).name).toBe("mouse-skin");
  await expect(engine.openSpace(siteOf("no-such-space"))).rejects.toThrow(
    "https://site/zoo/smile_zoo/spaces/no-such-space/config.json is missing (HTTP 404); copy the whole exported site again, and reload the page",
  );
  vi.unstubAllGlobals();
});

test("what to do about a damaged file depends on where the page comes from", () => {
  const from = (url: string) => copyAdvice({ url, genes: "", ort: "", shared: {} });
  expect(copyAdvice({ files: {} })).toBe("copy this HTML file again");
  expect(from("https://lab.org/cells/spaces/pbmc")).toBe("copy the whole exported site again, and reload the page");
  for (const host of ["127.0.0.1:8000", "localhost"]) {
    expect(from(`http://${host}/spaces/pbmc`)).toBe(
      "start smile-zoo web again, or copy the whole exported site again, and reload the page",
    );
  }
});
