/** The nodes and arrays of an ONNX graph, read from its protobuf fields (onnx.proto). */
import { PbfReader } from "pbf";

export interface GraphTensor {
  shape: number[];
  data: Float32Array | Float64Array;
}

export interface GraphNode {
  operator: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, number>;
}

export interface OnnxGraph {
  nodes: GraphNode[];
  tensors: Map<string, GraphTensor>;
}

const FLOAT = 1;
const INT64 = 7;

/** Read the graph of an ONNX model. */
export function readOnnxGraph(content: Uint8Array): OnnxGraph {
  const graph: OnnxGraph = { nodes: [], tensors: new Map() };
  new PbfReader(content).readFields((tag, _, model) => {
    if (tag === 7) model.readMessage(readGraphField, graph);
  }, null);
  return graph;
}

function readGraphField(tag: number, graph: OnnxGraph, pbf: PbfReader): void {
  if (tag === 1) {
    graph.nodes.push(pbf.readMessage(readNodeField, { operator: "", inputs: [], outputs: [], attributes: {} }));
  } else if (tag === 5) {
    const tensor: RawTensor = pbf.readMessage(readTensorField, {
      name: "",
      type: 0,
      shape: [],
      floats: [],
      integers: [],
    });
    graph.tensors.set(tensor.name, { shape: tensor.shape, data: valuesOf(tensor) });
  }
}

function readNodeField(tag: number, node: GraphNode, pbf: PbfReader): void {
  if (tag === 1) node.inputs.push(pbf.readString());
  else if (tag === 2) node.outputs.push(pbf.readString());
  else if (tag === 4) node.operator = pbf.readString();
  else if (tag === 5) {
    const attribute: Attribute = pbf.readMessage(readAttributeField, { name: "", value: NaN });
    node.attributes[attribute.name] = attribute.value;
  }
}

interface Attribute {
  name: string;
  value: number;
}

function readAttributeField(tag: number, attribute: Attribute, pbf: PbfReader): void {
  if (tag === 1) attribute.name = pbf.readString();
  else if (tag === 2) attribute.value = pbf.readFloat();
  else if (tag === 3) attribute.value = pbf.readVarint(true);
}

interface RawTensor {
  name: string;
  type: number;
  shape: number[];
  floats: number[];
  integers: number[];
  raw?: Uint8Array;
}

function readTensorField(tag: number, tensor: RawTensor, pbf: PbfReader): void {
  if (tag === 1) pbf.readPackedVarint(tensor.shape);
  else if (tag === 2) tensor.type = pbf.readVarint();
  else if (tag === 4) pbf.readPackedFloat(tensor.floats);
  else if (tag === 7) pbf.readPackedVarint(tensor.integers, true);
  else if (tag === 8) tensor.name = pbf.readString();
  else if (tag === 9) tensor.raw = pbf.readBytes();
}

function valuesOf(tensor: RawTensor): Float32Array | Float64Array {
  const buffer = tensor.raw?.slice().buffer; // a copy, so that it is aligned
  if (tensor.type === FLOAT) return buffer ? new Float32Array(buffer) : Float32Array.from(tensor.floats);
  if (tensor.type === INT64) {
    return Float64Array.from(buffer ? Array.from(new BigInt64Array(buffer), Number) : tensor.integers);
  }
  return new Float64Array(0); // of a type that no operator here takes
}
