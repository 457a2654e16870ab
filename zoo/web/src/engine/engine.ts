/**
 * What the page asks of the engine. The engine runs in a worker; every method but `close` may take long.
 * Rejections are `EngineError`s, whose message is a sentence for the reader of the page: what was got, what was needed,
 * what to do next.
 */
export interface Engine {
  /** Read and verify a space: each file's sha256 is compared with the manifest before the file is used. */
  openSpace(source: SpaceSource): Promise<SpaceSummary>;
  /** Read the names of cells and features and recognize the values; no values are kept in memory. */
  openQuery(files: File[], options?: QueryOptions): Promise<QuerySummary>;
  /** Project all cells of the open query, chunk by chunk. */
  project(progress: (done: Progress) => void): Promise<Projection>;
  /** Values of one feature in all cells, by any of its names; null if the file has none of them. */
  featureValues(feature: string): Promise<FeatureValues | null>;
  /** Read a column of obs: the code of each cell (-1: missing) and the categories. */
  obsColumn(name: string): Promise<ObsColumn>;
  /** Stop what reads or projects a query, whatever it does: it rejects with the code "cancelled". The space stays open. */
  cancel(): void;
  /** End the worker. */
  close(): void;
}

/** Size in bytes and sha256 of a file, as a manifest or a site states them. */
export interface FileRecord {
  sha256: string;
  size: number;
}

/**
 * Files of a space by their path in the manifest: at absolute URLs, or the files themselves, as in a single-file page.
 *
 * The gene tables are `human.tsv.gz` and `mouse.tsv.gz` in the folder `genes`, or in `files` as `genes/human.tsv.gz`; they
 * are read with the first query. `ort` is a folder with `ort.wasm.min.mjs` of onnxruntime-web and its wasm files,
 * loaded only for encoders that need it (`SpaceSummary.needsOnnxRuntime`). `shared` has the record of each file in these two
 * folders, such as `genes/human.tsv.gz`.
 */
export type SpaceSource =
  | { url: string; genes: string; ort: string; shared: Record<string, FileRecord> }
  | { files: Record<string, Uint8Array> };

export interface LabelColumn {
  name: string;
  labels: string[];
  /** Column that contains this one, if it is a finer level. */
  within: string | null;
  /** Code of the coarser label that each label belongs to; empty unless it is a finer level. */
  parents: number[];
}

export interface ReferencePoints {
  /** Positions on the map, x0 y0 x1 y1 ... */
  map: Float32Array;
  /** Number of reference cells each point stands for. */
  weights: Float32Array;
  /** Code of the label in each column (-1: none), by the column's name. */
  labels: Map<string, Int32Array>;
}

export interface Driver {
  feature: string;
  symbol: string;
}

export interface SpaceSummary {
  name: string;
  title: string;
  organism: string;
  tissue: string;
  licence: string;
  sources: { name: string; licence: string; url: string }[];
  /** Number of cells of the reference. */
  nCells: number;
  modalities: string[];
  columns: LabelColumn[];
  primary: string;
  reference: ReferencePoints;
  /** Cell Ontology term of labels that have one; empty if none is stated. */
  ontology: Map<string, string>;
  /** Up to ten features that carry each primary label, by label; empty if the space has none. */
  drivers: Map<string, Driver[]>;
  /** sha256 of the manifest: with the name, the provenance of a result. */
  sha256: string;
  /** Whether an encoder lacks files for sparse rows, so that its whole graph runs in onnxruntime-web. */
  needsOnnxRuntime: boolean;
}

export interface QueryOptions {
  modality?: string;
  /** Layer of an .h5ad file that holds the values; X by default. */
  layer?: string;
  /** Folder that each file lies in, such as `sample1`, where files of several folders are given; none by default. */
  folders?: string[];
}

export interface QuerySummary {
  fileName: string;
  nCells: number;
  nFeatures: number;
  modality: string;
  /** Kind of features that the encoder takes, such as `genes` or `peaks`; null if they may be anything. */
  kind: string | null;
  /** Columns of obs, by which cells can be colored; empty for formats without any. */
  columns: string[];
  /** What the values were taken for, in words: "counts", "log-normalized to 10,000 per cell", ... */
  values: string;
  /** Number of features of the space that the query has, and their share of the feature weight. */
  matched: number;
  measuredWeight: number;
  /** Features that the query lacks, the one with the largest weight first, and the share of the weight of each. */
  missing: string[];
  missingWeight: number[];
  /** What makes the labels doubtful: few matched features, names in another case, ... */
  warnings: string[];
  /** What else the reader should know: former gene names, features of other kinds, ... */
  notes: string[];
}

export interface FeatureValues {
  /** Name of the feature in the query. */
  name: string;
  /** Symbol of a gene that the query names otherwise and by its Ensembl id; null for others, and if it is not known. */
  symbol: string | null;
  /** Value in all cells; NaN in those that did not measure it. */
  values: Float32Array;
  scale: FeatureScale;
}

/** How a space reads a feature: log1p of counts per 10,000, presence (1) or absence (0), or the values as they are. */
export type FeatureScale = "log counts" | "presence" | "as in the file";

/** A column of obs: the category of each cell, -1 if it has none, or its number, NaN if it has none. */
export type ObsColumn = Categorical | { values: Float32Array };

export interface Categorical {
  codes: Int32Array;
  categories: string[];
}

export interface Progress {
  done: number;
  total: number;
}

export interface ColumnResult {
  /** Code of the transferred label; -1: unknown. */
  labels: Int32Array;
  /** Code of the nearest label, also for unknown cells. */
  nearest: Int32Array;
  confidence: Float32Array;
}

/** Accuracy of labels, from 0 to 1, in cells of types that the reference has. */
export interface ExpectedAccuracy {
  /** In whole batches left out of training; null if it was not measured. */
  leftOutBatches: number | null;
  /** In left-out cells of the reference's own studies that resemble the query in depth and features. */
  similarCells: number;
  /** Number of the encoder's features that the median cell of the query has. */
  detected: number;
  /** Share of the encoder's feature weight that the query measured. */
  measured: number;
}

export interface Projection {
  cells: string[];
  /** Results in each label column, by its name. */
  columns: Map<string, ColumnResult>;
  similarity: Float32Array;
  /** Positions on the map, x0 y0 x1 y1 ...; NaN for cells without any. */
  map: Float32Array;
  /** Embedding, row by row, 128 numbers a cell. */
  embedding: Float32Array;
  /** Accuracy to expect of these cells; null if unknown. */
  expectedAccuracy: ExpectedAccuracy | null;
  /** What makes the values of the file doubtful, such as parts that were never written; other warnings may follow from it. */
  fileWarnings: string[];
  /** What else makes the labels doubtful: values of an odd kind, empty cells, ... */
  warnings: string[];
  seconds: number;
}

export type EngineErrorCode = "site" | "space" | "query" | "format" | "features" | "values" | "cancelled" | "internal";

export class EngineError extends Error {
  /**
   * @param kind Kind of the query's features, such as `antibodies`, if it is another one than the encoder takes.
   * @param organism Species of the query, such as `Mus musculus`, if its features tell.
   */
  constructor(
    readonly code: EngineErrorCode,
    message: string,
    readonly kind?: string,
    readonly organism?: string,
  ) {
    super(message);
    this.name = "EngineError";
  }
}
