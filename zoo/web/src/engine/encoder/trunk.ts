/** The graph behind the first layer, from `first` to `embedding`. */
import type { GraphNode, GraphTensor, OnnxGraph } from "./onnx-graph";

export interface Trunk {
  /** Return the embedding of `n` cells, (n, n_latent), from the first layer's output, (n, width). */
  run(first: Float64Array, n: number): Promise<Float32Array>;
}

/** A matrix of a batch: one row per cell, or a single row for all cells. */
interface Batch {
  rows: number;
  columns: number;
  data: Float64Array;
}

type Operator = (inputs: Batch[], node: GraphNode) => Batch;

const OPERATORS: Record<string, Operator> = {
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b),
  Pow: elementwise((a, b) => (b === 2 ? a * a : a ** b)),
  Relu: ([x]) => mapped(x, (value) => (value > 0 ? value : 0)),
  LeakyRelu: ([x], { attributes: { alpha = 0.01 } }) => mapped(x, (value) => (value >= 0 ? value : alpha * value)),
  Sqrt: ([x]) => mapped(x, Math.sqrt),
  Clip: ([x, low, high]) => {
    const [least, most] = [low?.data[0] ?? -Infinity, high?.data[0] ?? Infinity];
    return mapped(x, (value) => Math.min(Math.max(value, least), most));
  },
  ReduceSum: ([x]) => rowSums(x),
  Gemm: ([x, weight, bias]) => product(x, weight, bias),
  MatMul: ([x, weight]) => product(x, weight),
};

/**
 * A trunk of layers that this module computes in float64.
 *
 * Small trunks, as behind a stem, take less time here than loading onnxruntime-web does.
 */
export class PlainTrunk implements Trunk {
  readonly #nodes: GraphNode[];
  readonly #constants: Map<string, Batch>;
  readonly #width: number;

  constructor(graph: OnnxGraph, width: number) {
    this.#nodes = neededNodes(graph, "embedding");
    this.#constants = constantsOf(this.#nodes, graph);
    this.#width = width;
  }

  /** Whether all operators of a graph are among those of this module. */
  static takes(graph: OnnxGraph): boolean {
    return neededNodes(graph, "embedding").every((node) => isKnown(node, graph));
  }

  async run(first: Float64Array, n: number): Promise<Float32Array> {
    const values = new Map(this.#constants);
    values.set("first", { rows: n, columns: this.#width, data: first });
    for (const node of this.#nodes) {
      const inputs = node.inputs.map((name) => values.get(name)!);
      values.set(node.outputs[0], OPERATORS[node.operator](inputs, node));
    }
    return Float32Array.from(values.get("embedding")!.data);
  }
}

function isKnown({ operator, inputs, attributes }: GraphNode, graph: OnnxGraph): boolean {
  if (operator === "Gemm") {
    const { alpha = 1, beta = 1, transA = 0 } = attributes;
    return alpha === 1 && beta === 1 && transA === 0 && graph.tensors.get(inputs[1])?.shape.length === 2;
  }
  if (operator === "MatMul") return graph.tensors.get(inputs[1])?.shape.length === 2;
  if (operator === "ReduceSum") return [1, -1].includes(graph.tensors.get(inputs[1])?.data[0] ?? NaN) && attributes.keepdims !== 0;
  return Object.hasOwn(OPERATORS, operator);
}

/** Return the nodes that an output depends on, in their order. */
function neededNodes({ nodes }: OnnxGraph, output: string): GraphNode[] {
  const needed = new Set([output]);
  const kept = nodes.toReversed().filter((node) => {
    const isNeeded = node.outputs.some((name) => needed.has(name));
    if (isNeeded) node.inputs.forEach((name) => needed.add(name));
    return isNeeded;
  });
  return kept.toReversed();
}

/** Return the arrays of a graph; weights are laid out with one row per output. */
function constantsOf(nodes: GraphNode[], graph: OnnxGraph): Map<string, Batch> {
  const constants = new Map<string, Batch>();
  for (const { operator, inputs, attributes } of nodes) {
    inputs.forEach((name, index) => {
      const tensor = graph.tensors.get(name);
      if (tensor === undefined) return;
      const isWeight = (operator === "Gemm" || operator === "MatMul") && index === 1;
      constants.set(name, isWeight && !attributes.transB ? transposed(tensor) : batchOf(tensor));
    });
  }
  return constants;
}

function batchOf({ shape, data }: GraphTensor): Batch {
  return { rows: shape.length === 2 ? shape[0] : 1, columns: shape.at(-1) ?? 1, data: Float64Array.from(data) };
}

function transposed({ shape: [rows, columns], data }: GraphTensor): Batch {
  const result = new Float64Array(data.length);
  data.forEach((value, index) => (result[(index % columns) * rows + Math.floor(index / columns)] = value));
  return { rows: columns, columns: rows, data: result };
}

function mapped({ rows, columns, data }: Batch, operation: (value: number) => number): Batch {
  return { rows, columns, data: data.map(operation) };
}

function elementwise(operation: (a: number, b: number) => number): Operator {
  return ([a, b]) => {
    const [rows, columns] = [Math.max(a.rows, b.rows), Math.max(a.columns, b.columns)];
    const data = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      const [startA, startB] = [a.rows === 1 ? 0 : row * a.columns, b.rows === 1 ? 0 : row * b.columns];
      for (let column = 0; column < columns; column++) {
        data[row * columns + column] = operation(
          a.data[a.columns === 1 ? startA : startA + column],
          b.data[b.columns === 1 ? startB : startB + column],
        );
      }
    }
    return { rows, columns, data };
  };
}

function rowSums({ rows, columns, data }: Batch): Batch {
  const sums = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) sums[row] += data[row * columns + column];
  }
  return { rows, columns: 1, data: sums };
}

/** Return `x @ weight.T + bias`; four outputs at a time share the loads of an input. */
function product(x: Batch, weight: Batch, bias?: Batch): Batch {
  const [n, width, out] = [x.rows, x.columns, weight.rows];
  const data = new Float64Array(n * out);
  const [input, w] = [x.data, weight.data];
  for (let row = 0; row < n; row++) {
    const start = row * width;
    let o = 0;
    for (; o + 4 <= out; o += 4) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      let at = o * width;
      for (let k = start; k < start + width; k++, at++) {
        const value = input[k];
        s0 += value * w[at];
        s1 += value * w[at + width];
        s2 += value * w[at + 2 * width];
        s3 += value * w[at + 3 * width];
      }
      data.set([s0, s1, s2, s3], row * out + o);
    }
    for (; o < out; o++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += input[start + k] * w[o * width + k];
      data[row * out + o] = sum;
    }
  }
  if (bias)
    for (let index = 0; index < data.length; index++) data[index] += bias.data[bias.columns === 1 ? 0 : index % out];
  return { rows: n, columns: out, data };
}
