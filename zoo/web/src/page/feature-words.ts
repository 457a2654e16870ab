/** What the features of a query are called. */

import type { QuerySummary } from "../engine";

interface FeatureWords {
  one: string;
  /** One with its article. */
  anyOne: string;
  many: string;
}

const WORDS = new Map<string | null, FeatureWords>([
  ["genes", { one: "gene", anyOne: "a gene", many: "genes" }],
  ["peaks", { one: "peak", anyOne: "a peak", many: "peaks" }],
  ["antibodies", { one: "antibody", anyOne: "an antibody", many: "antibodies" }],
]);

/** Return the word for one feature and for several. */
export function featureWords({ kind }: Pick<QuerySummary, "kind">): FeatureWords {
  return WORDS.get(kind) ?? { one: "feature", anyOne: "a feature", many: "features" };
}
