/** Entry of the engine's worker. */
import { EngineError, type Progress, type Projection } from "./engine";
import { heartbeat } from "./heartbeat";
import { LocalEngine } from "./local-engine";
import type { Method, Reply, Request } from "./messages";

const ALIVE_INTERVAL_MS = 5000; // while the worker waits, as for a download

const engine = new LocalEngine();
heartbeat.listen(() => post({ id: null, kind: "alive" }));
setInterval(() => heartbeat.beat(), ALIVE_INTERVAL_MS);

self.onmessage = ({ data }: MessageEvent<Request>): void => {
  void answer(data.id, data.method, data.arguments);
};

async function answer(id: number, method: Method, given: unknown[]): Promise<void> {
  const progress = (done: Progress): void => post({ id, kind: "progress", progress: done });
  const call = engine[method].bind(engine) as (...values: unknown[]) => Promise<unknown>;
  try {
    const result = await call(...given, ...(method === "project" ? [progress] : []));
    post({ id, kind: "result", result }, method === "project" ? buffersOf(result as Projection) : []);
  } catch (error) {
    post({ id, kind: "error", ...describe(error) });
  }
}

function post(reply: Reply, transfer: Transferable[] = []): void {
  (self as unknown as Worker).postMessage(reply, transfer);
}

/** Return the arrays of a result that need not be copied. */
const buffersOf = ({ columns, similarity, map, embedding }: Projection): Transferable[] => {
  const each = [...columns.values()].flatMap(({ labels, nearest, confidence }) => [labels, nearest, confidence]);
  return [...each, similarity, map, embedding].map(({ buffer }) => buffer as ArrayBuffer);
};

function describe(error: unknown): Pick<Reply & { kind: "error" }, "code" | "message" | "features" | "organism"> {
  if (error instanceof EngineError) {
    return { code: error.code, message: error.message, features: error.kind, organism: error.organism };
  }
  if (error instanceof RangeError && /memory|allocation|length/i.test(error.message)) {
    return {
      code: "query",
      message: "the query does not fit into the memory of this page; write it as .h5ad, which is read in parts",
    };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { code: "internal", message: `the file cannot be projected: ${reason}; report this, with the kind of file` };
}
