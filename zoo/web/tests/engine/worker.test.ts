import { beforeAll, expect, test, vi } from "vitest";
import { connectEngine, type Engine, type EngineError } from "../../src/engine";
import { packagedFiles } from "./packaged";
import { readVector } from "./vectors";

let engine: Engine;
const terminate = vi.fn<() => void>();

/** A table of the cells of a vector. */
async function table(): Promise<File> {
  const { query } = readVector("case-heaviest-features");
  const [rows] = await query.matrix(undefined).read([[0, query.nCells]]);
  const lines = query.cellNames().map((name, row) => {
    const values = new Array<number>(rows.nColumns).fill(0);
    for (let at = rows.indptr[row]; at < rows.indptr[row + 1]; at++) values[rows.indices[at]] = rows.values[at];
    return [name, ...values].join(",");
  });
  return new File([[["cell", ...query.frame().names].join(","), ...lines].join("\n")], "cells.csv");
}

beforeAll(async () => {
  // worker.ts in this thread: messages are cloned as between threads, and arrive later
  let page: Partial<Worker>;
  const scope: { onmessage?: (event: MessageEvent) => void; postMessage: Worker["postMessage"] } = {
    postMessage: (message: unknown, transfer: unknown) => {
      const data = structuredClone(message, { transfer: transfer as Transferable[] });
      const to = page;
      queueMicrotask(() => to.onmessage!.call(to as Worker, { data } as MessageEvent));
    },
  };
  vi.stubGlobal("self", scope);
  await import("../../src/engine/worker");
  engine = await connectEngine(async () => {
    page = {
      terminate,
      postMessage: (message: unknown) => {
        const data = structuredCloneWithFiles(message);
        queueMicrotask(() => scope.onmessage!({ data } as MessageEvent));
      },
    };
    return page as Worker;
  });
});

/** Node does not clone files, and browsers do. */
function structuredCloneWithFiles(message: unknown): unknown {
  const { method, arguments: given, ...rest } = message as { method: string; arguments?: unknown[] };
  return { ...rest, method, arguments: method === "openQuery" ? given : structuredClone(given) };
}

test("a projection, with its progress", async () => {
  await expect(engine.openQuery([])).rejects.toMatchObject({
    code: "space",
    message: "no space is open; open one first",
  });
  await engine.openSpace({ files: packagedFiles("pbmc") });
  await expect(engine.featureValues("CD3E")).rejects.toThrow("no query is open; choose a file first");
  const summary = await engine.openQuery([await table()]);
  expect(summary.nCells).toBe(16);
  const reported: number[] = [];
  const projection = await engine.project(({ done, total }) => reported.push(done / total));
  expect(reported).toEqual([0, 1]);
  expect(projection.cells[0]).toBe("cell-0");
  expect(projection.embedding.length).toBe(16 * 128);
  expect((await engine.featureValues("CD3E"))!.values.length).toBe(16);
});

test("an error keeps the kind of the query's features", async () => {
  const lines = ["a\tAB_a\tAntibody Capture", "b\tAB_b\tAntibody Capture"];
  const files = [
    new File(["%%MatrixMarket matrix coordinate integer general\n2 1 1\n1 1 5\n"], "matrix.mtx"),
    new File([lines.join("\n")], "features.tsv"),
    new File(["cell"], "barcodes.tsv"),
  ];
  await expect(engine.openQuery(files)).rejects.toMatchObject({ code: "features", kind: "antibodies" });
});

test("an error keeps its code", async () => {
  const error: EngineError = await engine.openQuery([new File([""], "empty.csv")]).catch((each) => each);
  expect([error.name, error.code]).toEqual(["EngineError", "format"]);
});

test("a file that is read for ever can be cancelled, and the space stays open", async () => {
  engine.cancel(); // nothing is read
  expect(terminate).not.toHaveBeenCalled();
  const endless = new File([], "endless.csv");
  endless.stream = () => new ReadableStream({ pull: () => new Promise(() => {}) });
  const running = engine.openQuery([endless]);
  engine.cancel();
  const next = engine.openQuery([await table()]);
  await expect(running).rejects.toMatchObject({
    code: "cancelled",
    message: "reading and projecting the query was stopped",
  });
  expect(terminate).toHaveBeenCalledOnce();
  expect((await next).nCells).toBe(16);
  expect((await engine.project(() => {})).cells.length).toBe(16);
});

test("a projection can be cancelled whatever the worker does, and without an open space", async () => {
  const workers: Worker[] = [];
  const other = await connectEngine(async () => {
    workers.push({ postMessage: vi.fn<() => void>(), terminate: vi.fn<() => void>() } as unknown as Worker);
    return workers.at(-1)!;
  });
  const running = other.project(() => {});
  other.cancel();
  await expect(running).rejects.toMatchObject({ code: "cancelled" });
  await vi.waitFor(() => expect(workers.length).toBe(2));
  expect(workers[0].terminate).toHaveBeenCalledOnce();
  expect(workers[1].postMessage).not.toHaveBeenCalled();
  other.close();
  expect(workers[1].terminate).toHaveBeenCalledOnce();
});

test("a worker that is silent for a minute is ended, and another one reads the next file", async () => {
  vi.useFakeTimers();
  const workers: Worker[] = [];
  const other = await connectEngine(async () => {
    workers.push({ postMessage: vi.fn<() => void>(), terminate: vi.fn<() => void>() } as unknown as Worker);
    return workers.at(-1)!;
  });
  const running = other.openQuery([]).catch((error: EngineError) => error.message);
  const [silent] = workers;
  vi.advanceTimersByTime(45_000);
  silent.onmessage!({ data: { id: null, kind: "alive" } } as MessageEvent);
  vi.advanceTimersByTime(50_000);
  expect(silent.terminate).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(silent.terminate).toHaveBeenCalledOnce();
  expect(await running).toBe(
    "reading the file was stopped after a minute without progress, so it is probably damaged; copy or export it again",
  );
  const next = other.openQuery([]);
  await vi.waitFor(() => expect(workers[1].postMessage).toHaveBeenCalledOnce());
  workers[1].onmessage!({ data: { id: 0, kind: "result", result: { nCells: 3 } } } as MessageEvent);
  expect((await next).nCells).toBe(3);
  vi.useRealTimers();
});

test("a worker that falls silent while it opens a space is not started again", async () => {
  vi.useFakeTimers();
  const start = vi.fn(async () => ({ postMessage: () => {}, terminate: () => {} }) as unknown as Worker);
  const other = await connectEngine(start);
  const opening = other.openSpace({ files: {} }).catch((error: EngineError) => error.code);
  vi.advanceTimersByTime(60_000);
  expect(await opening).toBe("format");
  expect(start).toHaveBeenCalledOnce();
  vi.useRealTimers();
});

test("a worker that cannot be loaded: the site is not complete", async () => {
  vi.stubGlobal("location", { origin: "https://lab.example" });
  const missing = { postMessage: () => {}, terminate: () => {} } as unknown as Worker;
  const other = await connectEngine(async () => missing);
  const opening = other.openSpace({ files: {} });
  missing.onerror!({} as ErrorEvent);
  await expect(opening).rejects.toMatchObject({
    code: "site",
    message: "a file of the page's code cannot be loaded; copy the whole exported site again, and reload the page",
  });
  vi.stubGlobal("location", undefined);
});

test("a closed engine rejects what it was asked", async () => {
  const running = engine.project(() => {});
  terminate.mockClear();
  engine.close();
  await expect(running).rejects.toMatchObject({ code: "cancelled", message: "the engine was closed" });
  expect(terminate).toHaveBeenCalledOnce();
});
