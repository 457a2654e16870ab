/** onnxruntime-web, loaded only for graphs that this engine does not compute itself. */
import { EngineError, type SpaceSource } from "../engine";
import { KeptResults } from "../kept-results";
import { readOnnxRuntime } from "../space/source";
import type { Trunk } from "./trunk";

type OnnxRuntime = typeof import("onnxruntime-web");
type Session = import("onnxruntime-web").InferenceSession;

/** Inputs of a graph: each has a row per cell. */
type Inputs = Record<string, Float32Array>;

const FILES = [
  "ort.wasm.min.mjs",
  "ort-wasm-simd-threaded.mjs",
  "ort-wasm-simd-threaded.wasm",
] as const;

const loaded = new KeptResults<OnnxRuntime>();

/**
 * Runs a graph on the CPU, and not on WebGPU: shaders take it that no value is NaN (WGSL, "Floating Point Evaluation"), which is
 * what a feature that was not measured is in a graph.
 */
export class GraphSession {
  readonly #runtime: OnnxRuntime;
  readonly #session: Session;

  private constructor(runtime: OnnxRuntime, session: Session) {
    this.#runtime = runtime;
    this.#session = session;
  }

  /** @param source Source of the space, which has the files of onnxruntime-web beside it. */
  static async open(graph: Uint8Array, source: SpaceSource): Promise<GraphSession> {
    const runtime = await loaded.of("onnxruntime-web", () => load(source));
    return new GraphSession(runtime, await runtime.InferenceSession.create(graph, { executionProviders: ["wasm"] }));
  }

  /** Return the embedding of `n` cells, (n, n_latent). */
  async embed(inputs: Inputs, n: number): Promise<Float32Array> {
    const { Tensor } = this.#runtime;
    const tensors = Object.entries(inputs).map(([name, data]) => [
      name,
      new Tensor("float32", data, [n, data.length / n]),
    ]);
    const { embedding } = await this.#session.run(Object.fromEntries(tensors), ["embedding"]);
    return embedding.data as Float32Array;
  }
}

/** A trunk that onnxruntime-web computes. */
export class SessionTrunk implements Trunk {
  readonly #session: GraphSession;

  constructor(session: GraphSession) {
    this.#session = session;
  }

  run(first: Float64Array, n: number): Promise<Float32Array> {
    return this.#session.embed({ first: Float32Array.from(first) }, n);
  }
}

/** Load the library of a site; all of its files are verified first. */
async function load(source: SpaceSource): Promise<OnnxRuntime> {
  const [library, module, wasm] = await Promise.all(FILES.map((name) => readOnnxRuntime(source, name)));
  if ("files" in source || !library || !module || !wasm) {
    throw new EngineError(
      "space",
      "the encoder of this space needs onnxruntime-web, which this page does not have; export the page again with this space",
    );
  }
  const runtime = (await import(/* @vite-ignore */ `${source.ort}/${FILES[0]}`)) as OnnxRuntime;
  runtime.env.wasm.wasmPaths = `${source.ort}/`;
  runtime.env.wasm.wasmBinary = wasm;
  runtime.env.wasm.numThreads = 1; // more need headers that static servers do not send
  return runtime;
}
