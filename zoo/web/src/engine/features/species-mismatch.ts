/** Recognize the species of genes by name. */
import { KNOWN_SPECIES, ensemblSpecies } from "./ensembl-ids";
import type { GeneAliases } from "./gene-aliases";
import { mostCommon } from "./most-common";

const MIN_OTHER_FRACTION = 0.5;

export interface SpeciesMismatch {
  organism: string;
  kind: string;
  examples: string[];
}

/** Return the other species that a query's genes belong to; null if they may belong to the expected organism. */
export function findSpeciesMismatch(
  candidates: string[][],
  organism: string,
  tables: ReadonlyMap<string, GeneAliases>,
): SpeciesMismatch | null {
  if (!KNOWN_SPECIES.has(organism)) return null;
  const speciesOf = tables.has(organism) ? (name: string) => speciesOfName(name, tables) : ensemblSpecies;
  const species = candidates.map((names) => names.map(speciesOf));
  const nExpected = Math.max(0, ...species.map((each) => each.filter((one) => one === organism).length));
  for (const [index, names] of candidates.entries()) {
    const others = species[index].filter((each) => each !== null && each !== organism);
    const [other, n] = mostCommon(others)[0] ?? [null, 0];
    if (other === null || n <= nExpected || n < MIN_OTHER_FRACTION * names.length) continue;
    return describe(
      names.filter((_, at) => species[index][at] === other),
      other,
    );
  }
  return null;
}

/** Return the species that most names are of; null if most are of none that is known. */
export function findSpecies(names: readonly string[], tables: ReadonlyMap<string, GeneAliases>): string | null {
  const [[species, n] = [null, 0]] = mostCommon(names.map((name) => speciesOfName(name, tables)));
  return n >= MIN_OTHER_FRACTION * names.length ? species : null;
}

/** Return the only species with a gene of that name; null if no known species has one, or several do. */
function speciesOfName(name: string, tables: ReadonlyMap<string, GeneAliases>): string | null {
  const species = ensemblSpecies(name);
  if (species !== null) return species;
  const matches = [...tables].filter(([, genes]) => genes.has(name));
  return matches.length === 1 ? matches[0][0] : null;
}

function describe(names: string[], organism: string): SpeciesMismatch {
  const nEnsembl = names.filter((name) => ensemblSpecies(name) !== null).length;
  return { organism, kind: 2 * nEnsembl > names.length ? "Ensembl ids" : "gene symbols", examples: names.slice(0, 3) };
}
