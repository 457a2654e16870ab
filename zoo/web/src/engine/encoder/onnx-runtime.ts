/** onnxruntime-web, loaded only for graphs that this engine does not compute itself. */
import { EngineError, type SpaceSource } from "../engine";
import { KeptResults } from "../kept-results";
import { readOnnxRuntime } from "../space/source";
import type { Trunk } from "./trunk";

type OnnxRuntime = typeof import("onnxruntime-web");
type Session = import("onnxruntime-web").InferenceSession;

/** Inputs of a graph: each has a row per cell. */
type Inputs = Record<string, Float32Array>;

const MAX_DIFFERENCE = 1e-5; // between WebGPU, which may round differently, and the CPU

const FILES = [
  "ort.webgpu.min.mjs",
  "ort-wasm-simd-threaded.asyncify.mjs",
  "ort-wasm-simd-threaded.asyncify.wasm",
] as const;

const loaded = new KeptResults<OnnxRuntime>();

/** Runs a graph, on WebGPU where there is one that computes the same as the CPU. */
export class GraphSession {
  readonly #runtime: OnnxRuntime;
  readonly #cpu: Session;
  #gpu: Session | null;
  #isChecked = false;

  private constructor(runtime: OnnxRuntime, cpu: Session, gpu: Session | null) {
    this.#runtime = runtime;
    this.#cpu = cpu;
    this.#gpu = gpu;
  }

  /** @param source Source of the space, which has the files of onnxruntime-web beside it. */
  static async open(graph: Uint8Array, source: SpaceSource): Promise<GraphSession> {
    const runtime = await loaded.of("onnxruntime-web", () => load(source));
    const create = (provider: string): Promise<Session> =>
      runtime.InferenceSession.create(graph, { executionProviders: [provider] });
    const gpu = "gpu" in navigator ? await create("webgpu").catch(() => null) : null; // there may be no adapter
    return new GraphSession(runtime, await create("wasm"), gpu);
  }

  /** Return the embedding of `n` cells, (n, n_latent). */
  async embed(inputs: Inputs, n: number): Promise<Float32Array> {
    if (this.#gpu === null) return this.#run(this.#cpu, inputs, n);
    const embedding = await this.#run(this.#gpu, inputs, n);
    if (this.#isChecked) return embedding;
    const expected = await this.#run(this.#cpu, inputs, n);
    this.#isChecked = true;
    if (expected.every((value, at) => Math.abs(value - embedding[at]) <= MAX_DIFFERENCE)) return embedding;
    this.#gpu = null;
    return expected;
  }

  async #run(session: Session, inputs: Inputs, n: number): Promise<Float32Array> {
    const { Tensor } = this.#runtime;
    const tensors = Object.entries(inputs).map(([name, data]) => [
      name,
      new Tensor("float32", data, [n, data.length / n]),
    ]);
    const { embedding } = await session.run(Object.fromEntries(tensors), ["embedding"]);
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
