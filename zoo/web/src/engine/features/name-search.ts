/**
 * Search for a feature as a reader writes its name: in any letter case, by a former name, by its Ensembl id, or an interval
 * in any spelling.
 */
import { stripVersion } from "./ensembl-ids";
import type { Gene, GeneAliases } from "./gene-aliases";
import { parseInterval } from "./intervals";

/** Return which features have the name, or else another name of the gene that it stands for, 0 or 1 each. */
export function findByAnyName(name: string, lists: string[][], genes: GeneAliases | null): Uint8Array {
  const gene = genes && geneOf(stripVersion(name), genes);
  const others = gene ? [gene.ensembl, gene.symbol, ...gene.aliases].filter(Boolean) : [];
  const found = new Uint8Array(lists[0].length);
  for (const wanted of [name, ...others].map(normalized)) {
    for (const names of lists) {
      const columns = names.flatMap((each, column) => (normalized(each) === wanted ? [column] : []));
      if (columns.length === 0) continue;
      for (const column of columns) found[column] = 1;
      return found;
    }
  }
  return found;
}

const normalized = (name: string): string => parseInterval(name) ?? stripVersion(name).toLowerCase();

/** Return the gene that a name stands for, in its own letter case if there is one, and current names before former ones. */
function geneOf(name: string, genes: GeneAliases): Gene | null {
  const lower = name.toLowerCase();
  for (const known of [genes.byCurrentName, genes.byAlias]) {
    const exact = known.get(name);
    if (exact) return exact;
    for (const [each, gene] of known) if (each.toLowerCase() === lower) return gene;
  }
  return null;
}
