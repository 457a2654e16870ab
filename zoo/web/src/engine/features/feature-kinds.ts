/** Kinds of features: what each column of a matrix measures, by a column of `var` or by the ids themselves. */
import { counted, grouped, quoted } from "../text";
import type { Frame, TextColumn } from "./frame";
import { latinName } from "./gene-aliases";
import { areIntervals } from "./intervals";
import { mostCommon } from "./most-common";

export type FeatureKind =
  "genes" | "antibodies" | "peaks" | "guides" | "hashtags" | "other features" | "features of another species";

type Kinds = (FeatureKind | null)[];

const KIND_COLUMNS = ["feature_types", "feature_type", "modality"];
const WORDS: [FeatureKind, string[]][] = [
  ["genes", ["gene expression", "gene", "genes", "gex", "rna", "mrna", "transcript", "transcriptome"]],
  ["antibodies", ["antibody capture", "antibody", "antibodies", "adt", "cite", "prot", "protein", "proteins", "abseq"]],
  ["peaks", ["peaks", "peak", "atac", "chromatin", "chromatin accessibility", "bins"]],
  ["guides", ["crispr guide capture", "crispr", "guide", "guides", "grna", "sgrna", "gdo"]],
  ["hashtags", ["multiplexing capture", "multiplexing", "hto", "hashtag", "hashtags", "cmo"]],
  ["other features", ["custom", "antigen capture"]],
];
const KIND_OF_WORD = new Map(WORDS.flatMap(([kind, words]) => words.map((word) => [word, kind] as const)));
const KIND_OF_MODALITY = new Map<string, FeatureKind>([
  ["rna", "genes"],
  ["adt", "antibodies"],
  ["atac", "peaks"],
  ["histone", "peaks"],
]);

const GENOME = /^(?:(GRCh3[78]|hg19|hg38)|(GRCm3[89]|mm9|mm10|mm39))[_:.-]/i;
const CHROMOSOME = "(?:chr[\\w.]{1,30}|\\d{1,2}[LR]?|[XYM]|MT|(?:GL|KI|JH|MU|N[CTW]_)\\d{5,}(?:\\.\\d+)?)";
const PATTERNS: [FeatureKind, RegExp][] = [
  ["hashtags", /^HTO[_.:-].+$/],
  ["hashtags", /^(?:hto[_:].+|hashtag.*)$/i],
  ["antibodies", /^(?:AB_.+|ADT[.-].+|.+[.-]ADT)$/],
  ["antibodies", /^(?:.+totalseq.*|adt[_:].+|.+_adt|prot(?:ein)?[_:].+|.+\|pabo)$/i],
  ["peaks", new RegExp(`^(?:\\w{1,20}?[_:])?${CHROMOSOME}[:._-]\\d[\\d,]{2,}[._-]\\d[\\d,]{2,}$`)],
  ["genes", /^(?:rna|gex):.+$/i],
];
const MIN_COLUMNS_BY_ID = 3;
const MIN_OWN_FRACTION = 0.9;
const MIN_UNKNOWN_GENES = 200;

/** Columns of a matrix that hold one kind of features. */
interface KindSelection {
  columns: Int32Array;
  /** Number of the other columns, by kind, most frequent first. */
  leftOut: [FeatureKind, number][];
  /** Column of `var` that states the kinds; null if the ids show them. */
  source: string | null;
}

/** Describe which columns are left out. */
export function describeSelection({ columns, leftOut, source }: KindSelection): string {
  const n = leftOut.reduce((sum, [, number]) => sum + number, 0);
  const kinds = leftOut.map(([kind, number]) => `${grouped(number)} ${kind}`).join(" and ");
  const why = source ? `var[${quoted(source)}] states` : "ids show; if wrong, state var['feature_types']";
  return `${counted(n, "column", "are", columns.length + n)} left out: ${kinds}, as ${why}`;
}

/** Return the kind of an encoder's or a data set's features; null for values whose features may be anything. */
export function kindOfFeatures(modality: string, ids: readonly string[]): FeatureKind | null {
  const kind = KIND_OF_MODALITY.get(modality) ?? null;
  if (kind === null || !ids.length) return kind;
  if (areIntervals(ids)) return "peaks";
  const [shown, number] = mostCommon(kindsOfIds(ids))[0];
  return shown === null || number < MIN_OWN_FRACTION * ids.length ? kind : shown;
}

/** Select the columns of a kind of features, leaving out those of other kinds; all columns if none would remain. */
export function selectKind(
  frame: Frame,
  kind: FeatureKind | null,
  ownIds: readonly string[],
  organism: string,
): KindSelection {
  const n = frame.names.length;
  const everything = { columns: Int32Array.from({ length: n }, (_, column) => column), leftOut: [], source: null };
  if (kind === null) return everything;
  const [stated, source] = statedKinds(frame);
  const shown = stated.includes(null) ? shownKinds(frame.names, kind) : stated;
  const kinds = stated.map((each, column) => each ?? shown[column]);
  areOfAnotherSpecies(frame, latinName(organism)).forEach((other, column) => {
    if (other) kinds[column] = "features of another species";
  });
  const accepted = new Set<FeatureKind>([kind, ...several(kindsOfIds(ownIds))]);
  const columns = everything.columns.filter((column) => {
    const each = kinds[column];
    return each === null || accepted.has(each);
  });
  if (!columns.length) return everything;
  const leftOut = mostCommon(kinds.filter((each) => each !== null && !accepted.has(each)));
  return { columns, leftOut: leftOut as [FeatureKind, number][], source };
}

function areOfAnotherSpecies(frame: Frame, organism: string): boolean[] {
  const genomes = columnsNamed("genome", frame)[0]?.texts.map((text) => `${text}_`) ?? frame.names;
  const organisms = genomes.map((name): string | null => {
    const hit = GENOME.exec(name);
    return hit && (hit[1] ? "Homo sapiens" : "Mus musculus");
  });
  const hasOwn = organisms.includes(organism);
  return organisms.map((each) => hasOwn && each !== null && each !== organism);
}

/** Return the kinds of features that a column of `var` states. */
export const kindsStated = (frame: Frame): Set<FeatureKind> => new Set(statedKinds(frame)[0].filter((kind) => kind !== null));

/** Return the kinds stated by the column of `var` that distinguishes most of them, and its name. */
function statedKinds(frame: Frame): [Kinds, string | null] {
  let best: [Kinds, string | null] = [frame.names.map(() => null), null];
  let nBest = 0;
  for (const name of KIND_COLUMNS) {
    for (const column of columnsNamed(name, frame)) {
      const kinds = column.texts.map(
        (word) =>
          KIND_OF_WORD.get(
            word
              .replace(/[\s_-]+/g, " ")
              .trim()
              .toLowerCase(),
          ) ?? null,
      );
      const nKinds = new Set(kinds.filter((kind) => kind !== null)).size;
      if (nKinds > nBest) {
        best = [kinds, column.name];
        nBest = nKinds;
      }
    }
  }
  return best;
}

const columnsNamed = (name: string, frame: Frame): TextColumn[] =>
  frame.columns.filter((column) => column.name.toLowerCase() === name);

const kindsOfIds = (ids: readonly string[]): Kinds =>
  ids.map((id) => PATTERNS.find(([, pattern]) => pattern.test(id))?.[0] ?? null);

/** Return the kinds of several columns. */
const several = (kinds: Kinds): FeatureKind[] =>
  mostCommon(kinds).flatMap(([kind, n]) => (kind !== null && n >= MIN_COLUMNS_BY_ID ? [kind] : []));

/** Return the kinds that ids show, if several columns are of that kind and antibodies do not outnumber genes. */
function shownKinds(ids: readonly string[], kind: FeatureKind): Kinds {
  const shown = kindsOfIds(ids);
  const count = (each: FeatureKind | null): number => shown.filter((other) => other === each).length;
  const nUnknown = count(null);
  const hidden = kind === "genes" && count("antibodies") > nUnknown + count("genes");
  const found = new Set(several(shown).filter((each) => !(hidden && each === "antibodies")));
  const areGenes = (kind === "antibodies" || kind === "peaks") && found.has(kind) && nUnknown >= MIN_UNKNOWN_GENES;
  return shown.map((each) => (each !== null && found.has(each) ? each : areGenes ? "genes" : null));
}

/** Return the words that state a kind of features, in lower case. */
export const wordsOfKind = (kind: FeatureKind | null): string[] => WORDS.find(([each]) => each === kind)?.[1] ?? [];
