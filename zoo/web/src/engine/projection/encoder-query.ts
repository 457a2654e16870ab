/** A query as one encoder sees it: the matrix of its kind of features, matched and interpreted. */
import { columnView } from "../arrays/column-view";
import type { Matrix } from "../arrays/rows";
import { EngineError, type QueryOptions } from "../engine";
import { describeSelection, type FeatureKind, kindOfFeatures, selectKind } from "../features/feature-kinds";
import { type FeatureMatch, matchFeatures, matchNotes } from "../features/feature-match";
import { takeRows } from "../features/frame";
import type { GeneTables } from "../features/gene-aliases";
import { repeatError, repeatWarning } from "../features/match-messages";
import type { QueryFile } from "../formats/query-file";
import { ValueInterpreter, describeValues } from "../query/value-interpretation";
import type { ValueInterpretation } from "../query/value-recognition";
import type { FeatureTable } from "../space/feature-table";
import type { EncoderRecord } from "../space/manifest";
import type { Space } from "../space/space";

export interface EncoderQuery {
  modality: string;
  record: EncoderRecord;
  table: FeatureTable;
  /** Values of the encoder's kind of features that were measured. */
  matrix: Matrix;
  /** Ids of the columns, from where they match best. */
  ids: string[];
  match: FeatureMatch;
  interpreter: ValueInterpreter;
  interpretation: ValueInterpretation;
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
export async function prepareQuery(space: Space, file: QueryFile, tables: GeneTables, options: QueryOptions): Promise<EncoderQuery> {
  const modality = chooseModality(space, options.modality);
  const record = space.manifest.encoders[modality];
  const table = await space.table(record);
  const { organism } = space.manifest;
  if (file.nCells === 0) throw new EngineError("query", "the query has no cells; at least one is needed");
  const whole = file.matrix(options.layer);
  const frame = file.frame(options.layer);
  const selection = selectKind(frame, kindOfEncoder(space, modality, table), table.ids, organism);
  const own = takeRows(frame, selection.columns);
  const matrix = columnView(whole, selection.columns);
  const match = matchFeatures(own, table, record, organism, tables);
  const interpreter = new ValueInterpreter(record.preprocessing, file.notedBase);
  const interpretation = await interpreter.interpret(matrix);
  const { report } = match;
  if (report.summed.length && !["counts", "presence"].includes(interpretation.kind)) {
    throw repeatError(report, interpretation.kind);
  }
  const ids = own.columns.find(({ name }) => name === report.source)?.texts ?? own.names;
  const leftOut = selection.leftOut.length ? [describeSelection(selection)] : [];
  const notes = [...file.notes, ...leftOut, ...matchNotes(match), repeatWarning(report)].filter(Boolean);
  return { modality, record, table, matrix, ids, match, interpreter, interpretation, notes };
}

/** Describe what the values were taken for. */
export const valuesOf = ({ interpretation }: EncoderQuery): string => describeValues(interpretation);
