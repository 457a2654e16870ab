/** What makes labels doubtful, by the thresholds and in the sentences of `smile-zoo project`. */

import type { SpaceSummary } from "../engine";
import { featureWords } from "./feature-words";
import { sentence } from "./format";
import { countLabels } from "./label-table";
import { plainWords } from "./plain-words";
import { labelColumns, type Result } from "./result";

/** Share of unknown cells above which a reference does not fit a file. */
const MOST = 0.5;
/** Share of the feature weight below which a reference does not fit a file. */
const MIN_FEATURE_WEIGHT = 0.5;

export interface Warnings {
  title: string;
  /** Sentences, the most important first. */
  texts: string[];
  /** Whether another reference may suit the file better. */
  isPoorFit: boolean;
}

/** Return what a reader must know before using the labels; null if nothing speaks against them. */
export function warningsOf(space: SpaceSummary, result: Result): Warnings | null {
  const { query, projection } = result;
  const isUnknown = areMostUnknown(space, result);
  const isUnmeasured = query.measuredWeight < MIN_FEATURE_WEIGHT;
  const unknown =
    "most cells resemble nothing in the reference, so the labels of the others mean little, too; try a reference of the " +
    "same species and tissue as your cells";
  const { fileWarnings, warnings } = projection;
  const found = [...fileWarnings, ...(isUnknown ? [unknown] : []), ...query.warnings, ...warnings];
  const texts = [...new Set(found.map((text) => sentence(plainWords(text))))];
  if (texts.length === 0) return null;
  const title = isUnknown
    ? "Most of your cells are like no cell of this reference"
    : isUnmeasured
      ? `Your file lacks many ${featureWords(query).many} that this reference recognizes cells by`
      : "Check this before you use the labels";
  return { title, texts, isPoorFit: isUnknown || isUnmeasured };
}

/** Return whether most cells are unknown: an accuracy that holds for cells of known types then says nothing. */
export function areMostUnknown(space: SpaceSummary, result: Result): boolean {
  const [primary] = labelColumns(space, result);
  if (primary === undefined) return false;
  const rows = countLabels(result.projection.columns.get(primary.name)!, primary.labels);
  return (rows.find(({ id }) => id < 0)?.share ?? 0) > MOST;
}
