/** What a methods section states of the labels. */

import type { SpaceSummary } from "../engine";
import { accuracyFigures } from "./accuracy-text";
import type { Result } from "./result";
import type { SiteSpace } from "./site";

/** Return names and values. */
export function provenanceRows(
  entry: SiteSpace,
  space: SpaceSummary,
  { query, projection }: Result,
  version: string,
): [string, string][] {
  return [
    ["file", query.fileName],
    ["reference", `${space.title} (${space.name})`],
    ["fingerprint of the reference (sha256)", space.sha256],
    ["measured", query.modality === "rna" ? "RNA" : query.modality],
    ["values read as", query.values],
    ["license of the reference", space.licence],
    ["sources of the reference", space.sources.map(({ name, licence }) => `${name} (${licence})`).join("; ")],
    ["accuracy of its labels", accuracyFigures(entry.accuracy)],
    ["time", `${projection.seconds.toFixed(1)} s`],
    ["date", new Date().toISOString().slice(0, 10)],
    ["smile-zoo", `${version}, in the browser`],
  ];
}
