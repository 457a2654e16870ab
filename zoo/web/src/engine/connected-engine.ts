/** The engine in a worker, as the page uses it. */
import { type Engine, EngineError } from "./engine";
import type { Answer, Method, Reply, Request } from "./messages";

interface Pending {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
  progress?: (done: { done: number; total: number }) => void;
}

/** Connect to a worker that runs `worker.ts`. */
export function connectEngine(worker: Worker): Engine {
  const pending = new Map<number, Pending>();
  let next = 0;

  worker.onmessage = ({ data }: MessageEvent<Reply>): void => {
    const call = pending.get(data.id);
    if (data.kind === "progress") return call?.progress?.(data.progress);
    pending.delete(data.id);
    if (data.kind === "result") call?.resolve(data.result as never);
    else call?.reject(new EngineError(data.code, data.message));
  };
  worker.onerror = ({ message }): void => {
    for (const { reject } of pending.values()) reject(new EngineError("internal", `the page's worker failed: ${message}; reload the page`));
    pending.clear();
  };

  const send = (request: Request): void => worker.postMessage(request);
  const call = <M extends Method>(method: M, values: unknown[], progress?: Pending["progress"]): Promise<Answer<M>> =>
    new Promise((resolve, reject) => {
      const id = next++;
      pending.set(id, { resolve, reject, progress });
      send({ id, method, arguments: values });
    });

  return {
    openSpace: (source) => call("openSpace", [source]),
    openQuery: (files, options) => call("openQuery", [files, options]),
    project: (options, progress) => call("project", [options], progress),
    featureValues: (feature) => call("featureValues", [feature]),
    obsColumn: (name) => call("obsColumn", [name]),
    cancel: () => send({ id: null, method: "cancel" }),
    close: () => {
      worker.terminate();
      for (const { reject } of pending.values()) reject(new EngineError("cancelled", "the engine was closed"));
      pending.clear();
    },
  };
}
