/** Messages about a match: its summary, warnings and errors. */
import { EngineError } from "../engine";
import { counted, examples, grouped, percent, quoted } from "../text";
import { describeAffixes, findCommonAffixes } from "./common-affixes";
import { type FeatureKind, kindOfFeatures } from "./feature-kinds";
import type { FeatureReport } from "./feature-report";
import { areIntervals } from "./intervals";
import type { SpeciesMismatch } from "./species-mismatch";

const N_EXAMPLES = 3;
const UNNAMED = /^\s*(?:-\d+)?$/; // nothing, also after it was made unique
const MIN_CASE_FRACTION = 0.01;

/** Describe which ids matched, and how many by each rule; empty if all did by their own id. */
export function respellingNote(report: FeatureReport): string {
  if (report.nByRule[0] === report.nMatched) return "";
  const respelled =
    report.kind === "coordinates" ? "by another spelling" : "by their id without version or as R spells it";
  const rules = [
    "by their own id",
    respelled,
    "by Ensembl id and symbol of the same gene",
    "by a former name or alias",
  ];
  const byRule = rules.flatMap((rule, index) =>
    report.nByRule[index] ? [`${grouped(report.nByRule[index])} ${rule}`] : [],
  );
  return (
    `matched ${grouped(report.nMatched)} of ${grouped(report.nFeatures)} features to ${report.location} ` +
    `(${report.kind}): ${byRule.join(", ") || "none"}`
  );
}

/** Describe how little was measured, which missing features weigh most, and what to do. */
export function lowWeightWarning(report: FeatureReport): string {
  const heaviest = report.missing
    .slice(0, N_EXAMPLES)
    .map((name, index) => `${name} (${percent(report.missingWeight[index], 1)})`);
  return (
    `the query measured only ${percent(report.weight)} of the encoder's feature weight (${grouped(report.nMatched)} of ` +
    `${grouped(report.nFeatures)} features; heaviest missing: ${heaviest.join(", ")}), so labels are less certain; provide ` +
    "all measured features, using ids from the space"
  );
}

/** Describe missing features that differ from the query's only in letter case; empty for 1% of them or fewer. */
export function caseWarning(report: FeatureReport): string {
  if (report.nCase <= MIN_CASE_FRACTION * report.nFeatures || !report.caseExample) return "";
  const [queryId, spaceId] = report.caseExample.map(quoted);
  return (
    `the space has ${counted(report.nCase, "feature")} whose names differ from the query's only in letter case (${queryId} in the ` +
    `query, ${spaceId} in the space): ignored, because letter case distinguishes species; rename the query's if they are ` +
    "the same genes"
  );
}

/** Describe a prefix or suffix that was dropped; empty without one. */
export const affixWarning = (report: FeatureReport): string =>
  report.dropped && `nearly all ids in ${report.location} ${report.dropped}; they match without it`;

/** Describe features that are in several columns; empty if none is. */
export function repeatWarning({ location, summed }: FeatureReport): string {
  if (!summed.length) return "";
  const which =
    summed.length > 1
      ? `${grouped(summed.length)} features (${quoted(summed[0])}, ...)`
      : `the feature ${quoted(summed[0])}`;
  return `in ${location}, the query repeats ${which}; the values of repeated columns are summed`;
}

/** Return the error for columns of the same feature that cannot be summed. */
export function repeatError({ location, summed }: FeatureReport, kind: string): EngineError {
  const more = summed.length > 1 ? ` and ${counted(summed.length - 1, "more feature")}` : "";
  return new EngineError(
    "query",
    `in ${location}, the query repeats the feature ${quoted(summed[0])}${more}; repeated columns of counts are summed, ` +
      `but ${kind} values cannot be: sum or drop the repeated columns before normalizing, or choose unique ids`,
  );
}

/** Return the error for a query of another species. */
export const speciesMismatchError = (mismatch: SpeciesMismatch, organism: string): EngineError =>
  new EngineError(
    "features",
    `the query's features look like ${mismatch.kind} of ${mismatch.organism} (${examples(mismatch.examples)}), but the ` +
      `space is for ${organism}; choose a space for ${mismatch.organism} (\`smile-zoo suggest\` ranks those that are ` +
      "here), or map the genes to one-to-one orthologs and use their names in the space",
    undefined,
    mismatch.organism,
  );

/** Return the error for features that are stated to be of another kind than genes. */
export const otherKindError = (kind: FeatureKind, ids: readonly string[]): EngineError =>
  new EngineError(
    "features",
    `the query's features are ${kind}, as var['feature_types'] states (${examples(ids)}), but the encoder takes genes; ` +
      `choose an encoder for ${kind}, or a query with genes`,
    kind,
  );

/** Return the error for a query that measured nothing, or less than `minWeight` of the feature weight. */
export function lowWeightError(
  report: FeatureReport,
  candidates: Map<string, string[]>,
  spaceIds: readonly string[],
  { minWeight, genes, species }: { minWeight: number; genes: boolean; species: string | null },
): EngineError {
  const ids = candidates.get(report.source)!;
  const found = report.nMatched
    ? `the query has only ${grouped(report.nMatched)} of the space's ${grouped(report.nFeatures)} features, ` +
      `${percent(report.weight, 1)} of the encoder's feature weight (${percent(minWeight, 1)} is needed)`
    : `none of the space's ${grouped(report.nFeatures)} features is in the query`;
  const kind = genes ? kindOfFeatures("rna", ids) : "genes";
  if (kind !== null && kind !== "genes") {
    return new EngineError(
      "features",
      `the query's features look like ${kind}, not genes (${examples(ids)}${searched(candidates)}), but the encoder takes ` +
        `genes; choose an encoder for ${kind}, or a query with genes`,
      kind,
    );
  }
  if (ids.every((id) => UNNAMED.test(id))) {
    return new EngineError(
      "query",
      `the query's features have no names${searched(candidates)}, but the space's are named like ${examples(spaceIds)}; put ` +
        "names or ids of that kind into adata.var_names or a column of adata.var",
    );
  }
  const shown = kindOfFeatures("rna", ids);
  if (areIntervals(spaceIds) && shown !== "peaks" && ![...candidates.values()].some(areIntervals)) {
    return new EngineError(
      "features",
      `the query's features are not named by coordinates (${examples(ids)}${searched(candidates)}), but the encoder takes ` +
        `peaks of open chromatin (${examples(spaceIds)}); if they are genes, choose an encoder for genes; if they are peaks, ` +
        "name them by their coordinates",
      shown ?? undefined,
    );
  }
  const start =
    `${found}${searched(candidates)}; the query's ids look like ${examples(ids)}, the space's like ` +
    `${examples(spaceIds)}: `;
  const affixes = describeAffixes(findCommonAffixes(ids, spaceIds));
  const affix = affixes && `. Nearly all of the query's ids ${affixes}, but match no better without it`;
  if (areIntervals(spaceIds) && areIntervals(ids)) {
    return new EngineError("features", `${start}count in the space's peaks, on its genome assembly${affix}`);
  }
  const warning = caseWarning(report);
  const advice = "put the same kind of ids into adata.var_names or a column of adata.var";
  const anyway = report.nMatched
    ? ". To project it nevertheless, use the smile-zoo command with a lower --min-matched"
    : "";
  const message = `${start}${advice}${affix}${warning && `. ${warning}`}${anyway}`;
  return new EngineError("features", message, undefined, species ?? undefined);
}

/** Name the columns that were searched for ids; empty for `var_names` only. */
function searched(candidates: Map<string, string[]>): string {
  const columns = [...candidates.keys()].slice(1).map(quoted).join(", ");
  return columns && `, after searching var_names and the columns ${columns} of var`;
}
