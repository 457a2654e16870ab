/** Match the features of a query to an encoder's, or reject the query. */
import type { FeatureTable } from "../space/feature-table";
import type { EncoderRecord } from "../space/manifest";
import { type CommonAffixes, NO_AFFIXES, describeAffixes, dropAffixes, findCommonAffixes } from "./common-affixes";
import { kindOfFeatures, kindsStated } from "./feature-kinds";
import { FeatureLookup, type Hit, MatchRule } from "./feature-lookup";
import { type FeatureReport, makeReport } from "./feature-report";
import type { Frame } from "./frame";
import { type GeneTables, latinName } from "./gene-aliases";
import {
  affixWarning,
  caseWarning,
  lowWeightError,
  lowWeightWarning,
  otherKindError,
  repeatWarning,
  speciesMismatchError,
} from "./match-messages";
import { findSpecies, findSpeciesMismatch } from "./species-mismatch";

const VAR_NAMES = "var_names";
const LOW_WEIGHT_FRACTION = 0.5;
const WEIGHT_TOLERANCE = 1e-6;
const TIER_OF_RULE = [0, 0, 1, 2]; // a feature's own id, then other ids, then aliases
const ALIAS_TIER = TIER_OF_RULE[MatchRule.ALIAS];
const MIN_GAIN = 2;
const MIN_JOINED_FRACTION = 0.1;
const MAX_COLUMNS_PER_FEATURE = 2;

export interface FeatureMatch {
  /** Index of the encoder's feature that each column of the query holds; -1 for none. */
  target: Int32Array;
  /** Whether each of the encoder's features was measured, 0 or 1. */
  measured: Uint8Array;
  report: FeatureReport;
}

/** Match the features of a query to an encoder's. */
export async function matchFeatures(
  frame: Frame,
  table: FeatureTable,
  record: EncoderRecord,
  organism: string,
  tables: GeneTables,
): Promise<FeatureMatch> {
  // Antibodies (the only values with CLR) have names of genes, but must not match by the aliases of genes.
  organism = record.preprocessing.clr ? "" : latinName(organism);
  const candidates = idCandidates(frame);
  const lookup = new FeatureLookup(table, await tables.of(organism));
  let [source, hits] = bestCandidate(candidates, lookup, table);
  let [ids, dropped] = [candidates.get(source)!, NO_AFFIXES];
  let shortened = new Map<string, string[]>();
  const weight = matchedWeight(hits, table);
  if (weight < LOW_WEIGHT_FRACTION) {
    const affixes = new Map([...candidates].map(([name, names]) => [name, affixesToDrop(names, lookup)]));
    shortened = new Map(
      [...candidates].map(([name, names]) => [name, names.map((each) => dropAffixes(affixes.get(name)!, each))]),
    );
    const [other, otherHits] = bestCandidate(shortened, lookup, table);
    if (matchedWeight(otherHits, table) > MIN_GAIN * weight) {
      [source, hits, ids, dropped] = [other, otherHits, shortened.get(other)!, affixes.get(other)!];
    }
  }
  const genes = lookup.genes !== null;
  const report = makeReport(hits, ids, table, { source, genes, dropped: describeAffixes(dropped) });
  const isDoubtful = report.weight < LOW_WEIGHT_FRACTION && organism !== "" && !lookup.intervals;
  const mismatch = isDoubtful
    ? findSpeciesMismatch([...candidates.values(), ...shortened.values()], organism, await tables.all())
    : null;
  const isLow = !report.nMatched || report.weight < record.min_matched - WEIGHT_TOLERANCE;
  if (genes && (isLow || mismatch)) {
    const stated = kindsStated(frame);
    if (stated.size === 1 && !stated.has("genes")) throw otherKindError([...stated][0], frame.names);
  }
  if (mismatch) throw speciesMismatchError(mismatch, organism);
  if (isLow) {
    const species = genes ? findSpecies(ids, await tables.all()) : null;
    throw lowWeightError(report, candidates, table.ids, { minWeight: record.min_matched, genes, species });
  }
  const target = new Int32Array(frame.names.length).fill(-1);
  const measured = new Uint8Array(table.ids.length);
  for (const { column, position } of hits) {
    target[column] = position;
    measured[position] = 1;
  }
  return { target, measured, report };
}

/** Return what makes a match doubtful, the most important first. */
export function matchWarnings({ report }: FeatureMatch): string[] {
  const lowWeight = report.weight < LOW_WEIGHT_FRACTION ? lowWeightWarning(report) : "";
  return [lowWeight, caseWarning(report), affixWarning(report), repeatWarning(report)].filter(Boolean);
}

/** Return lists of ids that may identify a query's features, `var_names` first. */
function idCandidates({ names, columns }: Frame): Map<string, string[]> {
  const others = columns.filter(({ name }) => name !== VAR_NAMES);
  return new Map([[VAR_NAMES, names], ...others.map(({ name, texts }) => [name, texts] as [string, string[]])]);
}

/** Return what names share and an encoder's ids lack; nothing if it marks antibodies, which have names of genes. */
function affixesToDrop(names: string[], lookup: FeatureLookup): CommonAffixes {
  if (lookup.genes && kindOfFeatures("rna", names) === "antibodies") return NO_AFFIXES;
  return findCommonAffixes(names, lookup.ids);
}

function matchedWeight(hits: Hit[], table: FeatureTable): number {
  const positions = new Set(hits.map(({ position }) => position));
  return [...positions].reduce((sum, position) => sum + table.weight[position], 0);
}

/** Return the candidate ids that match the largest weight, the first among equals, and their hits. */
function bestCandidate(candidates: Map<string, string[]>, lookup: FeatureLookup, table: FeatureTable): [string, Hit[]] {
  let best: [string, Hit[]] = ["", []];
  let bestWeight = -1;
  for (const [source, ids] of candidates) {
    const hits = resolveRepeats(lookup.find(ids), table.ids.length);
    const nMatched = new Set(hits.map(({ position }) => position)).size;
    // an annotation, such as the nearest gene of a peak, rather than ids
    if (candidates.size > 1 && source !== VAR_NAMES && hits.length > MAX_COLUMNS_PER_FEATURE * nMatched) continue;
    const weight = matchedWeight(hits, table);
    if (weight > bestWeight + WEIGHT_TOLERANCE) {
      best = [source, hits];
      bestWeight = weight;
    }
  }
  return best;
}

/**
 * Keep only the hits of each feature by its strictest rule; drop a feature that several aliases hit.
 *
 * If many features are hit by two kinds of ids, data sets with different ids were joined, and both hits are kept.
 */
function resolveRepeats(hits: Hit[], nFeatures: number): Hit[] {
  const own = new Set(hits.filter(({ rule }) => TIER_OF_RULE[rule] === 0).map(({ position }) => position));
  const other = new Set(hits.filter(({ rule }) => TIER_OF_RULE[rule] === 1).map(({ position }) => position));
  const nBoth = [...own].filter((position) => other.has(position)).length;
  const joined = nBoth > MIN_JOINED_FRACTION * (own.size + other.size - nBoth);
  const tierOf = ({ rule }: Hit): number => (joined && TIER_OF_RULE[rule] === 1 ? 0 : TIER_OF_RULE[rule]);
  const best = new Uint8Array(nFeatures).fill(TIER_OF_RULE.length);
  for (const hit of hits) best[hit.position] = Math.min(best[hit.position], tierOf(hit));
  const kept = hits.filter((hit) => tierOf(hit) === best[hit.position]);
  const nHits = new Int32Array(nFeatures);
  for (const { position } of kept) nHits[position]++;
  return kept.filter((hit) => !(tierOf(hit) === ALIAS_TIER && nHits[hit.position] > 1));
}
