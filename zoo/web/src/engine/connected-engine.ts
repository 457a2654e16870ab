/** The engine in a worker, as the page uses it. */
import { type Engine, EngineError } from "./engine";
import type { Answer, Method, Reply, Request } from "./messages";

interface Pending {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
  progress?: (done: { done: number; total: number }) => void;
}

const TICK_MS = 10_000;
const MAX_SILENT_TICKS = 6; // counted, as the clock goes on while the computer sleeps

/** Connect to a worker that runs `worker.ts`. */
export function connectEngine(worker: Worker): Engine {
  const pending = new Map<number, Pending>();
  let next = 0;
  let silentTicks = 0;
  let failure: EngineError | null = null;

  /** End the worker, and reject what was asked and what will be. */
  function end(error: EngineError): void {
    failure = error;
    clearInterval(watch);
    worker.terminate();
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  }

  const watch = setInterval(() => {
    silentTicks = pending.size ? silentTicks + 1 : 0;
    if (silentTicks >= MAX_SILENT_TICKS) {
      end(
        new EngineError(
          "format",
          "reading the file does not end, so it is damaged; copy or export it again, and reload this page",
        ),
      );
    }
  }, TICK_MS);

  worker.onmessage = ({ data }: MessageEvent<Reply>): void => {
    silentTicks = 0;
    if (data.kind === "alive") return;
    const call = pending.get(data.id);
    if (data.kind === "progress") return call?.progress?.(data.progress);
    pending.delete(data.id);
    if (data.kind === "result") call?.resolve(data.result as never);
    else call?.reject(new EngineError(data.code, data.message));
  };
  worker.onerror = ({ message }): void => {
    end(new EngineError("internal", `the page's worker failed: ${message}; reload the page`));
  };

  const send = (request: Request): void => worker.postMessage(request);
  const call = <M extends Method>(method: M, values: unknown[], progress?: Pending["progress"]): Promise<Answer<M>> =>
    new Promise((resolve, reject) => {
      if (failure) return reject(failure);
      const id = next++;
      pending.set(id, { resolve, reject, progress });
      send({ id, method, arguments: values });
    });

  return {
    openSpace: (source) => call("openSpace", [source]),
    openQuery: (files, options) => call("openQuery", [files, options]),
    project: (progress) => call("project", [], progress),
    featureValues: (feature) => call("featureValues", [feature]),
    obsColumn: (name) => call("obsColumn", [name]),
    cancel: () => send({ id: null, method: "cancel" }),
    close: () => end(new EngineError("cancelled", "the engine was closed")),
  };
}
