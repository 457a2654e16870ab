/** The manifest of a space: those fields of its `config.json` that this engine uses. */
import { EngineError, type FileRecord } from "../engine";
import { parseJson } from "../json";
import { quoted } from "../text";

export const MANIFEST_NAME = "config.json";
const FORMAT = "smile-space";
const FORMAT_VERSION = 4;

export type ValueKind = "counts" | "lognorm" | "presence" | "levels" | "numbers";
export type AcceptedValues = "expression" | "counts" | "presence" | "levels" | "numbers";

export interface PreprocessingRecord {
  values: AcceptedValues;
  target_sum: number | null;
  log1p: boolean;
  scaling: string;
  binarise?: boolean;
  clr?: boolean;
  tfidf?: boolean;
  band_mean?: number[] | null;
}

export interface EvidenceWeights {
  vote: number;
  distance: number;
  detected: number;
  measured: number;
  distance_detected: number;
}

export interface CalibrationRecord {
  evidence: number[];
  probability: number[];
  weights?: EvidenceWeights | null;
}

export interface TrendRecord {
  coefficients: number[];
  spread: number;
}

export interface DissimilarityRecord {
  profiles: string;
  log_detected: [number, number];
  log_measured: [number, number];
  distance: TrendRecord;
  surprise: TrendRecord;
  deviation: TrendRecord | null;
}

interface SimilarityRecord {
  quantiles: number[];
  dissimilarity?: DissimilarityRecord | null;
}

interface StressRecord {
  kind: "depth" | "features";
  fraction: number;
  detected: number;
  measured: number;
  accuracy: number;
}

export interface EncoderRecord {
  graph: string;
  features: string;
  parity: string;
  n_features: number;
  n_latent: number;
  preprocessing: PreprocessingRecord;
  min_matched: number;
  voters: string[];
  calibrations: Record<string, CalibrationRecord>;
  similarity?: SimilarityRecord | null;
  sparse?: { first: string; trunk: string; width: number };
  stress?: StressRecord[];
  drivers?: Record<string, string[]>;
}

export interface LabelColumnRecord {
  name: string;
  labels: string[];
  within?: string | null;
  parents?: number[];
}

export interface ReferenceRecord {
  points: string;
  label_columns: LabelColumnRecord[];
  modalities: string[];
  n_points: number;
  n_cells: number;
  n_neighbors: number;
}

export interface MetricRecord {
  name: string;
  modality: string;
  method: string;
  mean: number;
  std: number;
  n_repeats: number;
}

export interface Manifest {
  format: string;
  format_version: number;
  name: string;
  title: string;
  organism: string;
  tissue: string;
  licence: string;
  sources: { name: string; licence: string; url?: string }[];
  encoders: Record<string, EncoderRecord>;
  reference: ReferenceRecord;
  metrics: MetricRecord[];
  recipe: { modalities?: Record<string, { kind?: string }> };
  files: Record<string, FileRecord>;
  ontology?: Record<string, string>;
}

/** Decode a manifest; an unknown format or version is refused. `advice` says what to do about a damaged one. */
export function parseManifest(content: Uint8Array, advice: string): Manifest {
  let manifest: Manifest;
  try {
    manifest = parseJson(content) as Manifest;
  } catch (error) {
    throw new EngineError(
      "space",
      `${MANIFEST_NAME} is not a smile-zoo manifest: ${reason(error)}; ${advice}`,
    );
  }
  if (manifest?.format !== FORMAT) {
    const found = quoted(String(manifest?.format ?? ""));
    throw new EngineError("space", `${MANIFEST_NAME} has format ${found}, not '${FORMAT}'; use a space directory`);
  }
  if (manifest.format_version !== FORMAT_VERSION) {
    const age = manifest.format_version > FORMAT_VERSION ? "a newer" : "an older";
    throw new EngineError(
      "space",
      `${MANIFEST_NAME} was written by ${age} version of smile-zoo: it has format version ${manifest.format_version}, ` +
        `this page reads version ${FORMAT_VERSION}; export the page again with that version of smile-zoo`,
    );
  }
  return manifest;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
