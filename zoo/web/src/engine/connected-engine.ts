/** The engine in a worker, as the page uses it. */
import { type Engine, EngineError, type SpaceSource } from "./engine";
import { missingCode } from "./page-code";
import type { Answer, Method, Reply, Request } from "./messages";

interface Pending {
  method: Method;
  resolve: (result: never) => void;
  reject: (error: Error) => void;
  progress?: (done: { done: number; total: number }) => void;
}

const TICK_MS = 10_000;
const MAX_SILENT_TICKS = 6; // counted, as the clock goes on while the computer sleeps

/** Calls to one worker that runs `worker.ts`. */
class WorkerCalls {
  readonly #worker: Worker;
  readonly #onSilence: (error: EngineError) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #watch = setInterval(() => this.#tick(), TICK_MS);
  #next = 0;
  #silentTicks = 0;
  #failure: EngineError | null = null;

  /** @param onSilence Called if the worker computes for a minute without a sign of life. */
  constructor(worker: Worker, onSilence: (error: EngineError) => void) {
    this.#worker = worker;
    this.#onSilence = onSilence;
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#receive(data);
    worker.onerror = ({ message }): void => {
      // an error without a message: the worker could not be loaded
      this.end(message ? new EngineError("internal", `the page's worker failed: ${message}; reload the page`) : missingCode());
    };
  }

  call<M extends Method>(method: M, values: unknown[], progress?: Pending["progress"]): Promise<Answer<M>> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      const id = this.#next++;
      this.#pending.set(id, { method, resolve, reject, progress });
      this.#worker.postMessage({ id, method, arguments: values } satisfies Request);
    });
  }

  /** Return whether the worker reads or projects a query. */
  get isBusy(): boolean {
    return [...this.#pending.values()].some(({ method }) => method !== "openSpace");
  }

  /** End the worker, and reject what was asked and what will be. */
  end(error: EngineError): void {
    this.#failure = error;
    clearInterval(this.#watch);
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive(reply: Reply): void {
    this.#silentTicks = 0;
    if (reply.kind === "alive") return;
    const call = this.#pending.get(reply.id);
    if (reply.kind === "progress") return call?.progress?.(reply.progress);
    this.#pending.delete(reply.id);
    if (reply.kind === "result") call?.resolve(reply.result as never);
    else call?.reject(new EngineError(reply.code, reply.message, reply.features, reply.organism));
  }

  #tick(): void {
    this.#silentTicks = this.#pending.size ? this.#silentTicks + 1 : 0;
    if (this.#silentTicks < MAX_SILENT_TICKS) return;
    this.#onSilence(
      new EngineError(
        "format",
        "reading the file was stopped after a minute without progress, so it is probably damaged; copy or export it again",
      ),
    );
  }
}

/** Connect to a worker that runs `worker.ts`; another one is started in place of one that is cancelled or silent. */
export async function connectEngine(start: () => Promise<Worker>): Promise<Engine> {
  const open = async (): Promise<WorkerCalls> => new WorkerCalls(await start(), stop);
  let calls = await open();
  let space: SpaceSource | null = null;
  let restarting: Promise<void> | null = null;
  let isClosed = false;

  /** End the worker, and start another one if it was ended while it read or projected a query. */
  function stop(error: EngineError): void {
    const isBusy = calls.isBusy;
    calls.end(error);
    if (!isBusy) return;
    restarting = restart();
    restarting.then(
      () => (restarting = null),
      () => {}, // later calls are rejected with this error
    );
  }

  async function restart(): Promise<void> {
    calls = await open();
    if (isClosed) return calls.end(closed());
    if (space) await calls.call("openSpace", [space]);
  }

  const call = <M extends Method>(method: M, values: unknown[], progress?: Pending["progress"]): Promise<Answer<M>> =>
    restarting ? restarting.then(() => calls.call(method, values, progress)) : calls.call(method, values, progress);

  return {
    openSpace: (source) => {
      space = source;
      return call("openSpace", [source]);
    },
    openQuery: (files, options) => call("openQuery", [files, options]),
    project: (progress) => call("project", [], progress),
    featureValues: (feature) => call("featureValues", [feature]),
    obsColumn: (name) => call("obsColumn", [name]),
    cancel: () => {
      if (!calls.isBusy) return;
      stop(new EngineError("cancelled", "reading and projecting the query was stopped"));
    },
    close: () => {
      isClosed = true;
      calls.end(closed());
    },
  };
}

const closed = (): EngineError => new EngineError("cancelled", "the engine was closed");
