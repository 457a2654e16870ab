/** Messages between the page and the engine's worker. */
import type { Engine, EngineErrorCode, Progress } from "./engine";

/** Methods of the engine that answer. */
export type Method = "openSpace" | "openQuery" | "project" | "featureValues" | "obsColumn";

export interface Request {
  id: number;
  method: Method;
  arguments: unknown[];
}

export type Reply =
  | { id: number; kind: "result"; result: unknown }
  | { id: null; kind: "alive" }
  | { id: number; kind: "progress"; progress: Progress }
  | { id: number; kind: "error"; code: EngineErrorCode; message: string; features?: string; organism?: string };

export type Answer<M extends Method> = Awaited<ReturnType<Engine[M]>>;
