/** onnxruntime-web, loaded only for graphs that this engine does not compute itself. */
import { EngineError } from "../engine";
import type { Trunk } from "./trunk";

type OnnxRuntime = typeof import("onnxruntime-web");
type Session = import("onnxruntime-web").InferenceSession;

let loaded: Promise<OnnxRuntime> | undefined;

async function load(folder: string | undefined): Promise<OnnxRuntime> {
  if (folder === undefined) {
    throw new EngineError(
      "space",
      "the encoder of this space needs onnxruntime-web, which this page does not have; export the page again with this space",
    );
  }
  const base = folder.replace(/\/?$/, "/");
  const runtime = (await import(/* @vite-ignore */ `${base}ort.webgpu.min.mjs`)) as OnnxRuntime;
  runtime.env.wasm.wasmPaths = base;
  return runtime;
}

/** Open a session of a graph, on WebGPU where there is one. */
export async function openSession(graph: Uint8Array, folder: string | undefined): Promise<[OnnxRuntime, Session]> {
  const runtime = await (loaded ??= load(folder));
  const executionProviders = "gpu" in navigator ? ["webgpu", "wasm"] : ["wasm"];
  return [runtime, await runtime.InferenceSession.create(graph, { executionProviders })];
}

/** A trunk that onnxruntime-web computes. */
export class SessionTrunk implements Trunk {
  readonly #runtime: OnnxRuntime;
  readonly #session: Session;
  readonly #width: number;

  constructor(runtime: OnnxRuntime, session: Session, width: number) {
    this.#runtime = runtime;
    this.#session = session;
    this.#width = width;
  }

  async run(first: Float64Array, n: number): Promise<Float32Array> {
    const input = new this.#runtime.Tensor("float32", Float32Array.from(first), [n, this.#width]);
    return (await this.#session.run({ first: input }, ["embedding"])).embedding.data as Float32Array;
  }
}
