/** A query as one encoder sees it: the matrix of its kind of features, matched and interpreted. */
import { columnView } from "../arrays/column-view";
import type { Matrix } from "../arrays/rows";
import { EngineError, type QueryOptions } from "../engine";
import { type FeatureKind, describeSelection, kindOfFeatures, selectKind } from "../features/feature-kinds";
import { type FeatureMatch, matchFeatures, matchWarnings } from "../features/feature-match";
import { type Frame, takeRows } from "../features/frame";
import type { GeneTables } from "../features/gene-aliases";
import { repeatError, respellingNote } from "../features/match-messages";
import type { QueryFile } from "../formats/query-file";
import { type FeatureSet, findFeatureSets, zeroFilled } from "../query/unmeasured";
import { areAmounts } from "../query/value-kind";
import { ValueInterpreter } from "../query/value-interpretation";
import type { ValueInterpretation } from "../query/value-recognition";
import type { FeatureTable } from "../space/feature-table";
import type { EncoderRecord } from "../space/manifest";
import type { Space } from "../space/space";
import { counted, grouped, percent, quoted } from "../text";

export interface EncoderQuery {
  modality: string;
  record: EncoderRecord;
  table: FeatureTable;
  /** Values of the encoder's kind of features that were measured. */
  matrix: Matrix;
  /** Names and text columns of the matrix's columns. */
  frame: Frame;
  /** Match of the columns that any cell measured. */
  match: FeatureMatch;
  /** Match of each set of features, by its key, if cells measured different ones; empty otherwise. */
  matches: Map<string, FeatureMatch>;
  interpreter: ValueInterpreter;
  interpretation: ValueInterpretation;
  warnings: string[];
  notes: string[];
}

/** Return the modality to use: the one that is named, or the only one. */
export function chooseModality({ manifest }: Space, modality: string | undefined): string {
  const known = Object.keys(manifest.encoders);
  if (modality === undefined && known.length > 1) {
    throw new EngineError("space", `the space ${manifest.name} has several encoders: ${known.join(", ")}; choose one`);
  }
  const chosen = modality ?? known[0];
  if (known.includes(chosen)) return chosen;
  throw new EngineError("space", `the space ${manifest.name} has no '${chosen}' encoder; it has: ${known.join(", ")}`);
}

/** Return the kind of an encoder's features; null if they may be anything. */
export const kindOfEncoder = (space: Space, modality: string, table: FeatureTable): FeatureKind | null =>
  kindOfFeatures(space.manifest.recipe.modalities?.[modality]?.kind ?? modality, table.ids);

/** Match the features of a query file and recognize its values. */
export async function prepareQuery(
  space: Space,
  file: QueryFile,
  tables: GeneTables,
  options: QueryOptions,
): Promise<EncoderQuery> {
  const modality = chooseModality(space, options.modality);
  const record = space.manifest.encoders[modality];
  const table = await space.table(record);
  const { organism } = space.manifest;
  if (file.nCells === 0) throw new EngineError("query", "the query has no cells; at least one is needed");
  const frame = file.frame(options.layer);
  const selection = selectKind(frame, kindOfEncoder(space, modality, table), table.ids, organism);
  const own = takeRows(frame, selection.columns);
  const selected = columnView(file.matrix(options.layer), selection.columns);
  const interpreter = new ValueInterpreter(record.preprocessing, file.notedBase);
  const sets = areAmounts(record.preprocessing.values)
    ? await namingUsable(() => findFeatureSets(selected, own.names), interpreter, file, options.layer)
    : [];
  const matchOf = (part: Frame): Promise<FeatureMatch> => matchFeatures(part, table, record, organism, tables);

  const everMeasured = own.names.map((_, column) => !sets.length || sets.some(({ measured }) => measured[column]));
  const columns = Int32Array.from(everMeasured.keys()).filter((column) => everMeasured[column]);
  const measured = takeRows(own, columns);
  const match = await matchOf(measured);
  const matches = sets.length > 1 ? await matchSets(sets, own, matchOf) : new Map<string, FeatureMatch>();
  const matrix = matches.size ? selected : columnView(selected, columns);

  const values = matches.size ? zeroFilled(matrix) : matrix;
  const interpretation = await namingUsable(() => interpreter.interpret(values), interpreter, file, options.layer);
  for (const { report } of [match, ...matches.values()]) {
    if (report.summed.length && !["counts", "presence"].includes(interpretation.kind)) {
      throw repeatError(report, interpretation.kind);
    }
  }
  const nAbsent = own.names.length - columns.length;
  const notes = [
    ...file.notes,
    selection.leftOut.length ? describeSelection(selection) : "",
    nAbsent ? `${counted(nAbsent, "feature", "are")} NaN in all cells; not counted as measured` : "",
    respellingNote(match.report),
    matches.size ? setsNote(matches) : "",
  ].filter(Boolean);
  return {
    modality,
    record,
    table,
    matrix,
    frame: matches.size ? own : measured,
    match,
    matches,
    interpreter,
    interpretation,
    warnings: matchWarnings(match),
    notes,
  };
}

/** Return what is read; an error about the values names the file's other matrices: those that would work, if there are any. */
async function namingUsable<T>(
  read: () => Promise<T>,
  interpreter: ValueInterpreter,
  file: QueryFile,
  rejected: string | undefined,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "values") throw error;
    const others = [...file.layers, undefined].filter((layer) => layer !== rejected);
    if (!others.length) throw error;
    const usable: [string, ValueInterpretation][] = [];
    for (const layer of others) {
      const found = await tried(() => interpreter.interpret(file.matrix(layer)));
      if (found) usable.push([matrixName(layer), found]);
    }
    const sure = usable.filter(([, { remarks }]) => !remarks.length);
    const kinds = (sure.length ? sure : usable).map(([name, { kind }]) => `${name} holds ${kind}`).join("; ");
    const advice = kinds || `no other matrix would do: ${others.map(matrixName).join(", ")}`;
    throw new EngineError("values", `${error.message}. In this query ${advice}`);
  }
}

const matrixName = (layer: string | undefined): string =>
  layer === undefined ? "X" : layer === "raw" ? layer : `the layer ${quoted(layer)}`;

/** Return a result, or null if the query is refused. */
async function tried<T>(attempt: () => Promise<T>): Promise<T | null> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

/** Match each of the sets of features that cells measured; the targets count all columns. */
async function matchSets(
  sets: FeatureSet[],
  frame: Frame,
  matchOf: (part: Frame) => Promise<FeatureMatch>,
): Promise<Map<string, FeatureMatch>> {
  const matches = new Map<string, FeatureMatch>();
  for (const { key, measured } of sets) {
    const columns = Int32Array.from(measured.keys()).filter((column) => measured[column] === 1);
    try {
      const match = await matchOf(takeRows(frame, columns));
      const target = new Int32Array(measured.length).fill(-1);
      columns.forEach((column, index) => (target[column] = match.target[index]));
      matches.set(key, { ...match, target });
    } catch (error) {
      const nMissing = measured.length - columns.length;
      throw new EngineError(
        "features",
        `some cells, in which ${counted(nMissing, "feature", "are")} NaN, cannot be projected: ${(error as Error).message}; or ` +
          "drop these cells",
      );
    }
  }
  return matches;
}

function setsNote(matches: Map<string, FeatureMatch>): string {
  const least = Math.min(...[...matches.values()].map(({ report }) => report.weight));
  return (
    `cells measured ${grouped(matches.size)} different sets of features, by their NaN, with at least ${percent(least, 1)} of ` +
    "the encoder's feature weight; each set is projected with its own features"
  );
}

/** Return the match of the cells that measured least. */
export const poorestMatch = ({ match, matches }: EncoderQuery): FeatureMatch =>
  [...matches.values()].reduce(
    (a, b) => (b.report.weight < a.report.weight ? b : a),
    [...matches.values()][0] ?? match,
  );
