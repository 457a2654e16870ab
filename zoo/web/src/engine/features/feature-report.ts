/** Statistics of the match between a query's features and an encoder's. */
import type { FeatureTable } from "../space/feature-table";
import { quoted } from "../text";
import { ensemblSpecies } from "./ensembl-ids";
import { type Hit, MatchRule, N_RULES } from "./feature-lookup";
import { areIntervals } from "./intervals";

const MIN_MIXED_FRACTION = 0.01;

export interface FeatureReport {
  /** Location of the ids in Python's notation: `var_names` or `var['column']`. */
  location: string;
  source: string;
  kind: string;
  weight: number;
  nFeatures: number;
  nMatched: number;
  /** Number of features matched by each rule. */
  nByRule: number[];
  nCase: number;
  caseExample: [string, string] | null;
  /** Ids of features in several columns of the query, which are summed. */
  summed: string[];
  /** Ids and weights of missing features, heaviest first. */
  missing: string[];
  missingWeight: number[];
  dropped: string;
}

/** Report the statistics of a match. */
export function makeReport(
  hits: Hit[],
  ids: readonly string[],
  features: FeatureTable,
  { source, genes, dropped }: { source: string; genes: boolean; dropped: string },
): FeatureReport {
  const rule = new Uint8Array(features.ids.length).fill(N_RULES); // beyond the last rule: missing
  const nHits = new Int32Array(features.ids.length);
  for (const hit of hits) {
    rule[hit.position] = Math.min(rule[hit.position], hit.rule);
    nHits[hit.position]++;
  }
  const nByRule = Object.values(MatchRule).map((each) => rule.filter((other) => other === each).length);
  const absent = Array.from(rule.keys()).filter((index) => rule[index] === N_RULES);
  absent.sort((a, b) => features.weight[b] - features.weight[a]);
  const missing = absent.map((index) => features.ids[index]);
  const cases = pairsThatDifferInCase(ids, missing);
  const columns = hits.map(({ column }) => ids[column]);
  return {
    location: source === "var_names" ? source : `var[${quoted(source)}]`,
    source,
    kind: kindOfIds(columns.length ? columns : ids, genes ? "symbols" : "names"),
    weight: features.weight.reduce((sum, weight, index) => sum + (rule[index] < N_RULES ? weight : 0), 0),
    nFeatures: features.ids.length,
    nMatched: features.ids.length - missing.length,
    nByRule,
    nCase: cases.length,
    caseExample: cases[0] ?? null,
    summed: features.ids.filter((_, index) => nHits[index] > 1),
    missing,
    missingWeight: absent.map((index) => features.weight[index]),
    dropped,
  };
}

/** Return pairs of a query's id and a missing feature that differ only in letter case. */
function pairsThatDifferInCase(ids: readonly string[], missing: readonly string[]): [string, string][] {
  const lower = new Map(ids.toReversed().map((name) => [name.toLowerCase(), name]));
  const pairs = missing.map((name) => [lower.get(name.toLowerCase()) ?? name, name] as [string, string]);
  return pairs.filter(([queryId, spaceId]) => queryId !== spaceId);
}

/** Describe the ids; `other` describes ids that are neither coordinates nor Ensembl ids. */
function kindOfIds(ids: readonly string[], other: string): string {
  if (ids.length && areIntervals(ids)) return "coordinates";
  const fraction = ids.filter((name) => ensemblSpecies(name) !== null).length / Math.max(ids.length, 1);
  if (fraction > 1 - MIN_MIXED_FRACTION) return "Ensembl ids";
  return fraction > MIN_MIXED_FRACTION ? `${other} and Ensembl ids` : other;
}
