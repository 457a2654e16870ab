/** Ensembl gene ids: stripping the version, and reading off the species. */
const ENSEMBL_ID = /^ENS([A-Z]{3})?G(\d{11}|R\d{10})(?:\.\d{1,4})?(?:_PAR_Y)?$/;
const SPECIES_BY_CODE: Record<string, string> = {
  "": "Homo sapiens",
  MUS: "Mus musculus",
  RNO: "Rattus norvegicus",
  DAR: "Danio rerio",
  MMU: "Macaca mulatta",
  MFA: "Macaca fascicularis",
  SSC: "Sus scrofa",
};

export const KNOWN_SPECIES: ReadonlySet<string> = new Set(Object.values(SPECIES_BY_CODE));

/** Strip the version and `_PAR_Y` from an Ensembl gene id; return any other name unchanged. */
export function stripVersion(name: string): string {
  const parsed = name.startsWith("ENS") ? ENSEMBL_ID.exec(name) : null;
  return parsed ? `ENS${parsed[1] ?? ""}G${parsed[2].replace("R", "0")}` : name;
}

/** Return the species of an Ensembl gene id; null for other names and species. */
export function ensemblSpecies(name: string): string | null {
  const parsed = name.startsWith("ENS") ? ENSEMBL_ID.exec(name) : null;
  return parsed ? (SPECIES_BY_CODE[parsed[1] ?? ""] ?? null) : null;
}
