/** Matrices in HDF5 files, read in parts of rows: CSR, CSC and dense. */
import type { Matrix } from "../arrays/rows";
import { EngineError } from "../engine";
import { quoted } from "../text";
import { CscMatrix } from "./csc-matrix";
import { CsrMatrix } from "./csr-matrix";
import { DenseMatrix } from "./dense-matrix";
import { type Dataset, type Group, textAttribute } from "./hdf5";

/** Open a stored matrix, (n, n_columns); `warn` takes what makes its values doubtful, once they are read. */
export function openMatrix(
  stored: Group | Dataset,
  shape: [number, number],
  fileName: string,
  warn: (text: string) => void,
): Matrix {
  if (stored.type === "Dataset") {
    return new DenseMatrix(stored as Dataset, shape, fileName, warn);
  }
  const group = stored as Group;
  const kind = textAttribute(group, "encoding-type") || `${textAttribute(group, "h5sparse_format")}_matrix`;
  if (kind !== "csr_matrix" && kind !== "csc_matrix") {
    throw new EngineError(
      "format",
      `${group.path} stores values in the unknown format ${quoted(kind)}; store them dense, as CSR or as CSC`,
    );
  }
  return kind === "csr_matrix" ? new CsrMatrix(group, shape, fileName) : new CscMatrix(group, shape, fileName);
}
