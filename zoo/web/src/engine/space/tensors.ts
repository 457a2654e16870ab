/** Arrays in safetensors files. */
import { EngineError } from "../engine";
import { parseJson } from "../json";

export interface Tensor {
  shape: number[];
  data: Float32Array | Float64Array | Int32Array;
}

interface TensorRecord {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Decode all arrays of a safetensors file: F16 becomes float32, I64 int32. */
export function readTensors(content: Uint8Array, origin: string): Record<string, Tensor> {
  try {
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const start = 8 + Number(view.getBigUint64(0, true));
    const header = parseJson(content.subarray(8, start)) as Record<string, TensorRecord>;
    delete header.__metadata__;
    return Object.fromEntries(
      Object.entries(header).map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [low, high],
          },
        ]) => [
          name,
          { shape, data: decode(content.slice(start + low, start + high), dtype) }, // a copy, so that it is aligned
        ],
      ),
    );
  } catch (error) {
    throw new EngineError(
      "space",
      `${origin} is not a safetensors file: ${(error as Error).message}; pull or build the space again`,
    );
  }
}

/** Return an array of float32 values, or throw if it is missing or of another shape. */
export function floats(tensors: Record<string, Tensor>, name: string, shape: number[], origin: string): Float32Array {
  const tensor = tensors[name];
  if (!(tensor?.data instanceof Float32Array) || tensor.shape.join() !== shape.join()) {
    throw new EngineError(
      "space",
      `${origin} holds no ${name} of shape (${shape.join(", ")}); pull or build the space again`,
    );
  }
  return tensor.data;
}

function decode(bytes: Uint8Array, dtype: string): Tensor["data"] {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes.buffer);
    case "F64":
      return new Float64Array(bytes.buffer);
    case "F16":
      return Float32Array.from(new Uint16Array(bytes.buffer), halfToNumber);
    case "I64":
      return Int32Array.from(new BigInt64Array(bytes.buffer), Number);
    default:
      throw new Error(`its arrays have the type ${dtype}`);
  }
}

/** Return the value of an IEEE 754 half-precision number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
