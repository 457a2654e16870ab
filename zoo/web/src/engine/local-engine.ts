/** The engine itself, in the thread that calls it. */
import type {
  Engine,
  FeatureValues,
  ObsColumn,
  Progress,
  Projection,
  QueryOptions,
  QuerySummary,
  SpaceSource,
  SpaceSummary,
} from "./engine";
import { EngineError } from "./engine";
import { GeneTables, latinName } from "./features/gene-aliases";
import { openQueryFile } from "./formats/query-files";
import type { QueryFile } from "./formats/query-file";
import { type EncoderQuery, chooseModality, kindOfEncoder, prepareQuery } from "./projection/encoder-query";
import { readFeatureValues } from "./projection/feature-values";
import { projectAll } from "./projection/projection";
import { describeValues } from "./query/value-interpretation";
import { Space } from "./space/space";
import { summarizeSpace } from "./space/summary";
import { counted } from "./text";

interface OpenQuery {
  space: Space;
  file: QueryFile;
  prepared: EncoderQuery;
}

export class LocalEngine implements Omit<Engine, "cancel"> {
  #space: Space | null = null;
  #tables: GeneTables | null = null;
  #query: OpenQuery | null = null;
  #nOpenings = 0;

  /** Open a space; of several that are opened at a time, the last one asked for stays, whichever comes first. */
  async openSpace(source: SpaceSource): Promise<SpaceSummary> {
    this.#closeQuery();
    this.#space = null;
    const opening = ++this.#nOpenings;
    const space = await Space.open(source);
    if (opening === this.#nOpenings) {
      this.#space = space;
      this.#tables = new GeneTables(source);
    }
    return summarizeSpace(space);
  }

  async openQuery(files: File[], options: QueryOptions = {}): Promise<QuerySummary> {
    this.#closeQuery();
    const space = this.#openedSpace;
    const modality = chooseModality(space, options.modality);
    const table = await space.table(space.manifest.encoders[modality]);
    const tables = this.#tables!;
    const wanted = { modality, kind: kindOfEncoder(space, modality, table), ids: table.ids, tables };
    const file = await openQueryFile(files, wanted, options.folders);
    try {
      const prepared = await prepareQuery(space, file, tables, { ...options, modality });
      this.#query = { space, file, prepared };
      return summarizeQuery(this.#query);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  async project(progress: (done: Progress) => void): Promise<Projection> {
    const { space, file, prepared } = this.#openedQuery;
    const start = performance.now();
    const results = await projectAll(space, prepared, progress);
    const cells = file.cellNames();
    const warnings = [...results.warnings, ...noteOfRepeats(cells)];
    return { ...results, fileWarnings: file.warnings, warnings, cells, seconds: (performance.now() - start) / 1000 };
  }

  async featureValues(feature: string): Promise<FeatureValues | null> {
    const { space, prepared } = this.#openedQuery;
    const { manifest } = space;
    const genes = prepared.record.preprocessing.clr ? null : await this.#tables!.of(latinName(manifest.organism));
    return readFeatureValues(prepared, feature, genes);
  }

  async obsColumn(name: string): Promise<ObsColumn> {
    return this.#openedQuery.file.obsColumn(name);
  }

  close(): void {
    this.#closeQuery();
    this.#space = null;
  }

  get #openedSpace(): Space {
    if (!this.#space) throw new EngineError("space", "no space is open; open one first");
    return this.#space;
  }

  get #openedQuery(): OpenQuery {
    if (!this.#query) throw new EngineError("query", "no query is open; choose a file first");
    return this.#query;
  }

  #closeQuery(): void {
    this.#query?.file.close();
    this.#query = null;
  }
}

/** Return the note on repeated names of cells, which the results keep. */
function noteOfRepeats(cells: string[]): string[] {
  const n = cells.length - new Set(cells).size;
  if (!n) return [];
  return [
    `${counted(n, "cell", "have", cells.length)} the name of an earlier one, so that results cannot be joined to the file by ` +
      "name; all results are in the order of the file, and adata.obs_names_make_unique() makes names unique before it is saved",
  ];
}

function summarizeQuery({ space, file, prepared }: OpenQuery): QuerySummary {
  const { report } = prepared.match;
  return {
    fileName: file.name,
    nCells: file.nCells,
    nFeatures: prepared.matrix.nColumns,
    modality: prepared.modality,
    kind: kindOfEncoder(space, prepared.modality, prepared.table),
    columns: file.columns,
    values: describeValues(prepared.interpretation),
    matched: report.nMatched,
    measuredWeight: report.weight,
    missing: report.missing,
    missingWeight: report.missingWeight,
    warnings: prepared.warnings,
    notes: prepared.notes,
  };
}
