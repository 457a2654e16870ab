/** How many names of a list are names of features, to tell the features of a table from its cells. */
import { ensemblSpecies } from "./ensembl-ids";
import type { GeneAliases } from "./gene-aliases";
import { parseInterval } from "./intervals";

/** Return the fraction of names that are features: known ones, genes of any species, Ensembl ids or intervals. */
export function fractionOfFeatures(
  names: string[],
  known: readonly string[],
  tables: ReadonlyMap<string, GeneAliases>,
): number {
  const own = new Set(known);
  const isFeature = (name: string): boolean =>
    own.has(name) ||
    ensemblSpecies(name) !== null ||
    parseInterval(name) !== null ||
    [...tables.values()].some((genes) => genes.has(name));
  return names.filter(isFeature).length / Math.max(1, names.length);
}
