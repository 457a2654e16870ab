/** Current names and aliases of genes, from the tables that ship with smile-zoo. */
import type { SpaceSource } from "../engine";
import { GzipReader } from "../formats/gzip-reader";
import { KeptResults } from "../kept-results";
import { readGeneTable } from "../space/source";

const TABLE_FILES = new Map([
  ["Homo sapiens", "human.tsv.gz"],
  ["Mus musculus", "mouse.tsv.gz"],
]);
const LATIN_NAMES = new Map([
  ["human", "Homo sapiens"],
  ["mouse", "Mus musculus"],
]);

export interface Gene {
  ensembl: string;
  symbol: string;
  aliases: string[];
}

/** Genes of one species by name; ambiguous names are left out. */
export class GeneAliases {
  readonly byCurrentName = new Map<string, Gene>();
  readonly byAlias = new Map<string, Gene>();

  constructor(table: Uint8Array) {
    const lines = textOf(table).trimEnd().split("\n");
    for (const line of lines.slice(1)) {
      const [ensembl, symbol, aliases] = line.split("\t");
      const gene = { ensembl, symbol, aliases: aliases ? aliases.split("|") : [] };
      this.byCurrentName.set(ensembl, gene);
      if (symbol) this.byCurrentName.set(symbol, gene);
      for (const alias of gene.aliases) this.byAlias.set(alias, gene);
    }
  }

  has(name: string): boolean {
    return this.byCurrentName.has(name) || this.byAlias.has(name);
  }

  /** Return the gene that the first known Ensembl id or symbol stands for. */
  findCurrent(names: readonly string[]): Gene | null {
    for (const name of names) if (this.byCurrentName.has(name)) return this.byCurrentName.get(name)!;
    return null;
  }

  /** Return the gene that the first known name stands for, preferring current names to aliases. */
  find(names: readonly string[]): Gene | null {
    const current = this.findCurrent(names);
    if (current) return current;
    for (const name of names) if (this.byAlias.has(name)) return this.byAlias.get(name)!;
    return null;
  }
}

/** Return the text of a gzip file, which must be whole. */
function textOf(file: Uint8Array): string {
  const [reader, decoder] = [new GzipReader(), new TextDecoder()];
  const parts = [...reader.push(file), ...reader.finish()];
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}

/** Gene tables by the scientific name of the species, each read when it is first needed. */
export class GeneTables {
  readonly #source: SpaceSource;
  readonly #loaded = new KeptResults<GeneAliases>();

  constructor(source: SpaceSource) {
    this.#source = source;
  }

  /** Return the genes of a species; null for species without a table. */
  async of(organism: string): Promise<GeneAliases | null> {
    const file = TABLE_FILES.get(organism);
    if (file === undefined) return null;
    return this.#loaded.of(organism, async () => new GeneAliases(await readGeneTable(this.#source, file)));
  }

  /** Return the genes of all species that have a table. */
  async all(): Promise<Map<string, GeneAliases>> {
    const tables = new Map<string, GeneAliases>();
    for (const organism of TABLE_FILES.keys()) tables.set(organism, (await this.of(organism))!);
    return tables;
  }
}

/** Return the scientific name: `Homo sapiens` for `human` and for `homo sapiens`. */
export function latinName(organism: string): string {
  const name = organism.trim().toLowerCase();
  return LATIN_NAMES.get(name) ?? name.charAt(0).toUpperCase() + name.slice(1);
}
