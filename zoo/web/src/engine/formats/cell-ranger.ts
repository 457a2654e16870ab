/** HDF5 matrices of Cell Ranger: one group `matrix` since version 3, before that one group per genome. */
import type { Matrix } from "../arrays/rows";
import { EngineError, type ObsColumn } from "../engine";
import type { Frame } from "../features/frame";
import { quoted } from "../text";
import { CsrMatrix } from "./csr-matrix";
import { type Group, type OpenHdf5, groupOf, numbersOf, reading, requireDataset, textsOf } from "./hdf5";
import { type QueryFile, unknownColumn, unknownLayer } from "./query-file";
import { uniqueFeatures, uniqueNames } from "./unique-names";

/** Return the group of the matrix; null if the file is none of Cell Ranger's. */
export function cellRangerGroup(root: Group, name: string): Group | null {
  const genomes = root.keys().filter((each) => {
    const members = groupOf(root, each)?.keys() ?? [];
    return members.includes("barcodes") && members.includes("indptr");
  });
  if (genomes.includes("matrix")) return groupOf(root, "matrix");
  if (genomes.length > 1) {
    throw new EngineError(
      "format",
      `${name} has a matrix for each of the genomes ${genomes.join(", ")}; write one of them as .h5ad, with: ` +
        `scanpy.read_10x_h5(${quoted(name)}, genome=${quoted(genomes[0])}).write_h5ad('${genomes[0]}.h5ad')`,
    );
  }
  return genomes.length ? groupOf(root, genomes[0]) : null;
}

export class CellRangerFile implements QueryFile {
  readonly name: string;
  readonly nCells: number;
  readonly layers: string[] = [];
  readonly columns: string[] = [];
  readonly notedBase = null;
  readonly notes: string[] = [];
  readonly warnings = [];
  readonly #file: OpenHdf5;
  readonly #group: Group;
  readonly #frame: Frame;
  readonly #matrix: Matrix;

  constructor(name: string, file: OpenHdf5, group: Group) {
    this.name = name;
    this.#file = file;
    this.#group = group;
    const [nFeatures, nCells] = reading(name, () => readShape(group));
    this.nCells = nCells;
    this.#frame = reading(name, () => readFeatures(group));
    this.#matrix = reading(name, () => new CsrMatrix(group, [nCells, nFeatures], name)); // the stored columns are its rows
  }

  cellNames(): string[] {
    return reading(this.name, () => uniqueNames(textsOf(requireDataset(this.#group, "barcodes"))));
  }

  obsColumn(name: string): ObsColumn {
    throw unknownColumn(name, this.columns);
  }

  frame(): Frame {
    return this.#frame;
  }

  matrix(layer: string | undefined): Matrix {
    if (layer === undefined) return this.#matrix;
    throw unknownLayer(layer, this.layers);
  }

  close(): void {
    this.#file.close();
  }
}

/** Return the numbers of features and of cells. */
function readShape(group: Group): [number, number] {
  const shape = numbersOf(requireDataset(group, "shape"));
  if (shape.length !== 2 || !shape.every((n) => Number.isInteger(n) && n >= 0))
    throw new Error(`${group.path}/shape should be two whole numbers, but is (${[...shape].join(", ")})`);
  return [shape[0], shape[1]];
}

function readFeatures(group: Group): Frame {
  const features = groupOf(group, "features");
  const texts = (parent: Group, name: string): string[] => textsOf(requireDataset(parent, name));
  if (!features) {
    return {
      names: uniqueNames(texts(group, "gene_names")),
      columns: [{ name: "gene_ids", texts: texts(group, "genes") }],
    };
  }
  const stored = features.keys();
  const id = stored.includes("gene_id") ? "gene_id" : "id"; // a matrix of probes has both
  const columns = [
    ["gene_ids", id],
    ["feature_types", "feature_type"],
    ["genome", "genome"],
  ].flatMap(([name, key]) => (stored.includes(key) ? [{ name, texts: texts(features, key) }] : []));
  const types = columns.find(({ name }) => name === "feature_types")?.texts;
  return { names: uniqueFeatures(texts(features, "name"), types), columns };
}
