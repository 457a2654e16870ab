/** Look up the feature that each name in a query stands for: by id, spelling, gene or alias. */
import type { FeatureTable } from "../space/feature-table";
import { stripVersion } from "./ensembl-ids";
import type { GeneAliases } from "./gene-aliases";
import { areIntervals, normalizeInterval } from "./intervals";

/** Rule by which a name matched a feature, strictest first. */
export const MatchRule = { SAME: 0, RESPELLED: 1, OTHER_ID: 2, ALIAS: 3 } as const;
export const N_RULES = 4;

const MIN_GENE_FRACTION = 0.5;

/** A matched name: its column, the feature, and the rule. */
export interface Hit {
  column: number;
  position: number;
  rule: number;
}

/** Every name by which an encoder's features can be found. */
export class FeatureLookup {
  readonly ids: readonly string[];
  readonly intervals: boolean;
  /** Genes of the organism, if the features are genes. */
  readonly genes: GeneAliases | null;
  readonly #respell: (name: string) => string;
  readonly #known = new Map<string, [number, number]>();

  /** @param genes Genes of the organism; null for no aliases. */
  constructor(features: FeatureTable, genes: GeneAliases | null) {
    this.ids = features.ids;
    this.intervals = features.band === null && areIntervals(features.ids);
    this.genes = !this.intervals && genes && areGenes(features, genes) ? genes : null;
    this.#respell = this.intervals ? normalizeInterval : stripVersion;
    this.#learn(features);
  }

  #learn(features: FeatureTable): void {
    features.ids.forEach((name, index) => this.#known.set(name, [index, MatchRule.SAME]));
    this.#add(
      features.ids.map((name, index) => [this.#respell(name), index]),
      MatchRule.RESPELLED,
    );
    for (const ids of [features.ensembl, features.symbol]) {
      const names = (ids ?? []).map((name, index) => [stripVersion(name), index] as [string, number]);
      this.#add(
        names.filter(([name]) => name),
        MatchRule.OTHER_ID,
      );
    }
    if (this.genes) {
      for (const rule of [MatchRule.OTHER_ID, MatchRule.ALIAS]) this.#add(geneNames(features, this.genes, rule), rule);
    }
    if (!this.intervals) this.#addNamesOfR();
  }

  /** Add names that are not known yet, unless they stand for several features. */
  #add(names: [string, number][], rule: number): void {
    const added = new Map<string, number>();
    for (const [name, index] of names) {
      const other = added.get(name);
      added.set(name, other === undefined || other === index ? index : -1);
    }
    for (const [name, index] of added) if (index >= 0 && !this.#known.has(name)) this.#known.set(name, [index, rule]);
  }

  /** Add the known names as R spells them in a data frame: `HLA.A` for `HLA-A`. */
  #addNamesOfR(): void {
    for (let rule = 0; rule < N_RULES; rule++) {
      const names = [...this.#known].filter(([, [, each]]) => each === rule);
      const spelled = names.map(([name, [index]]) => [validInR(name), index] as [string, number]);
      this.#add(spelled, Math.max(rule, MatchRule.RESPELLED));
    }
  }

  /** Find the features that names stand for. */
  find(names: readonly string[]): Hit[] {
    const hits: Hit[] = [];
    names.forEach((name, column) => {
      const hit = this.#find(name);
      if (hit) hits.push({ column, position: hit[0], rule: hit[1] });
    });
    return hits;
  }

  #find(name: string): [number, number] | undefined {
    const hit = this.#known.get(name);
    if (hit) return hit;
    const other = this.#known.get(this.#respell(name));
    return other && [other[0], Math.max(other[1], MatchRule.RESPELLED)];
  }
}

/** Return all ids of a feature, without Ensembl versions. */
function idsOf(features: FeatureTable, index: number): string[] {
  const columns = [features.ensembl, features.ids, features.symbol];
  return columns.flatMap((ids) => (ids ? [stripVersion(ids[index])] : []));
}

/** Return whether at least half of the features have a current gene name; antibodies often have aliases of genes. */
function areGenes(features: FeatureTable, genes: GeneAliases): boolean {
  const n = features.ids.filter((_, index) => genes.findCurrent(idsOf(features, index)) !== null).length;
  return n >= MIN_GENE_FRACTION * features.ids.length;
}

/** Return names of the features' genes: current names only, or with `ALIAS` every known name. */
function geneNames(features: FeatureTable, genes: GeneAliases, rule: number): [string, number][] {
  return features.ids.flatMap((_, index) => {
    const names = idsOf(features, index);
    const gene = rule === MatchRule.ALIAS ? genes.find(names) : genes.findCurrent(names);
    if (!gene) return [];
    const all = [gene.ensembl, gene.symbol, ...(rule === MatchRule.ALIAS ? gene.aliases : [])];
    return all.filter(Boolean).map((name) => [name, index] as [string, number]);
  });
}

/** Return a name as R's `make.names` spells it. */
function validInR(name: string): string {
  const valid = name.replace(/[^\p{L}\p{N}_.]/gu, ".");
  return /^\d/.test(valid) ? `X${valid}` : valid;
}
