/** h5wasm, with what it lacks. */
import type { Dataset } from "h5wasm";
import { heartbeat } from "../heartbeat";
import { loadedCode } from "../page-code";

const UTF8 = 1; // the character set, as HDF5 numbers it

export type Metadata = Dataset["metadata"] & {
  /** Whether the values are floats of half precision, read as the integers of their bits. */
  isHalf?: boolean;
};

interface Functions {
  get_dataset_data: (...given: unknown[]) => number;
  get_dataset_metadata: (...given: unknown[]) => Metadata;
}

/** Number of times that HDF5 fetched bytes from a file. */
export const fileReads = { n: 0 };

/**
 * Load h5wasm, and make up for what it does not do.
 *
 * It does not report failed reads, whose values are those of unset memory; it takes text for ASCII where a file says so,
 * although R writes UTF-8 there; and it does not read floats of half precision.
 */
export async function loadHdf5Library(): Promise<typeof import("h5wasm")> {
  const h5wasm = await loadedCode(import("h5wasm"));
  const module = (await h5wasm.ready) as unknown as Functions;
  const { get_dataset_data: read, get_dataset_metadata: describe } = module;
  const { H5T_STRING, H5T_FLOAT, H5T_INTEGER } = h5wasm.Module.H5T_class_t;
  module.get_dataset_data = (...given) => {
    const status = read(...given);
    if (status < 0) throw new Error(`the values of ${String(given[1])} are damaged`);
    heartbeat.beat();
    return status;
  };
  module.get_dataset_metadata = (...given) => {
    const metadata = describe(...given);
    if (metadata.type === H5T_STRING.value) return { ...metadata, cset: UTF8 };
    const isHalf = metadata.type === H5T_FLOAT.value && metadata.size === 2;
    return isHalf ? { ...metadata, type: H5T_INTEGER.value, signed: false, isHalf } : metadata;
  };
  const FS = h5wasm.FS as unknown as { read: (...given: unknown[]) => number };
  const fetchBytes = FS.read;
  FS.read = (...given) => {
    fileReads.n++;
    return fetchBytes(...given);
  };
  return h5wasm;
}
