/** Text tables of cells by features or features by cells, read line by line into sparse rows. */
import { type Rows, selectColumns } from "../arrays/rows";
import { EngineError } from "../engine";
import { fractionOfFeatures } from "../features/feature-names";
import type { GeneTables } from "../features/gene-aliases";
import { counted, percent } from "../text";
import type { ByteSource } from "./byte-source";
import { linesOf } from "./lines";
import { MemoryFile, rowsOfEntries } from "./memory-file";
import { readLayout } from "./table-layout";
import { TableParser } from "./table-parser";
import { uniqueNames } from "./unique-names";

const N_SAMPLED_LINES = 100; // by which columns of numbers are told from those of text
const MAX_SAMPLED_CHARS = 200_000_000;
const MIN_FRACTION = 0.1;
const MIN_RATIO = 2;
const FEATURE_WORDS = new Set("gene genes gene_id gene_ids gene_name gene_symbol geneid symbol feature".split(" "));
const CELL_WORDS = new Set("cell cells cell_id cellid cell_name barcode barcodes obs_names".split(" "));
/** Usual numbers about a cell, in lower case, which are not features. */
const CELL_SUMMARIES = new Set(
  (
    "n_counts n_genes total_counts n_genes_by_counts ncount_rna nfeature_rna numi ngene percent.mt percent.mito " +
    "percent_mt percent_mito pct_counts_mt doublet_score louvain leiden cluster clusters seurat_clusters batch"
  ).split(" "),
);

/** Read a text table; columns of text, or of usual numbers about a cell, become annotations. */
export async function readTable(source: ByteSource, known: readonly string[], tables: GeneTables): Promise<MemoryFile> {
  const parser = await parse(source);
  const { layout } = parser;
  if (!parser.names.length) {
    throw new EngineError("format", `${source.name} has no rows below its names; at least one cell is needed`);
  }
  const columns = parser.numeric.map((column) => layout.columns[column]);
  const annotations = parser.annotations.filter(({ name }) => name);
  const kept = annotations.map(({ name }) => name).join(", ");
  const notes = kept ? [`${source.name}: columns of text are kept as annotations: ${kept}`] : [];
  const rows = parser.rows();
  if (await areRowsFeatures(layout.corner, parser.names, columns, known, tables, source.name)) {
    notes.push(...repeats(source.name, "cell", columns), ...repeats(source.name, "feature", parser.names));
    const frame = { names: uniqueNames(parser.names), columns: annotations };
    return new MemoryFile({
      name: source.name,
      cells: uniqueNames(columns),
      frame,
      rows: transposed(rows),
      obs: [],
      notes,
    });
  }
  notes.push(...repeats(source.name, "cell", parser.names), ...repeats(source.name, "feature", columns));
  const isSummary = columns.map((name) => CELL_SUMMARIES.has(name.toLowerCase()));
  const summaries = columns.filter((_, column) => isSummary[column]);
  if (summaries.length) {
    notes.push(`${source.name}: columns of numbers about cells are kept as annotations: ${summaries.join(", ")}`);
  }
  return new MemoryFile({
    name: source.name,
    cells: uniqueNames(parser.names),
    frame: { names: uniqueNames(columns.filter((_, column) => !isSummary[column])), columns: [] },
    rows: summaries.length ? withoutColumns(rows, isSummary) : rows,
    obs: annotations,
    notes,
  });
}

async function parse(source: ByteSource): Promise<TableParser> {
  let waiting: string[] = [];
  let nChars = 0;
  let parser: TableParser | null = null;
  for await (const lines of linesOf(source)) {
    if (parser) {
      lines.forEach((line) => parser!.add(line));
      continue;
    }
    waiting = waiting.concat(lines);
    nChars += lines.reduce((sum, line) => sum + line.length, 0);
    if (waiting.length >= N_SAMPLED_LINES || nChars > MAX_SAMPLED_CHARS) parser = begin(waiting, source.name);
  }
  return parser ?? begin(waiting, source.name);
}

function begin(lines: string[], name: string): TableParser {
  const clean = lines.map((line, index) => (index === 0 ? line.replace(/^\uFEFF/, "") : line));
  const layout = readLayout(clean.slice(0, N_SAMPLED_LINES), name);
  const parser = new TableParser(layout, name, clean.slice(layout.nHeaderLines, N_SAMPLED_LINES));
  clean.slice(layout.nHeaderLines).forEach((line) => parser.add(line));
  return parser;
}

/** Return whether rows are features: by the name above them, or by how many names are those of features. */
async function areRowsFeatures(
  corner: string,
  rows: string[],
  columns: string[],
  known: readonly string[],
  tables: GeneTables,
  file: string,
): Promise<boolean> {
  const word = corner.toLowerCase();
  if (FEATURE_WORDS.has(word) || CELL_WORDS.has(word)) return FEATURE_WORDS.has(word);
  const genes = await tables.all();
  const [inRows, inColumns] = [rows, columns].map((names) => fractionOfFeatures(names, known, genes));
  const [more, fewer] = [Math.max(inRows, inColumns), Math.min(inRows, inColumns)];
  if (more >= Math.max(MIN_FRACTION, MIN_RATIO * fewer)) return inRows > inColumns;
  throw new EngineError(
    "format",
    `cannot tell the features of ${file} from its cells: ${percent(inRows)} of the names of rows (${sampleOf(rows)}) and ` +
      `${percent(inColumns)} of those of columns (${sampleOf(columns)}) are known features; name the first column 'gene' ` +
      "if rows are features, or 'cell' if rows are cells",
  );
}

const sampleOf = (names: string[]): string => names.slice(0, 2).join(", ") + (names.length > 2 ? ", ..." : "");

function repeats(file: string, kind: string, names: string[]): string[] {
  const n = names.length - new Set(names).size;
  return n ? [`${file} repeats ${counted(n, `${kind} name`)}: -1, -2, ... are appended`] : [];
}

function transposed({ n, nColumns, indptr, indices, values }: Rows): Rows {
  const row = new Int32Array(values.length);
  for (let each = 0; each < n; each++) row.fill(each, indptr[each], indptr[each + 1]);
  return rowsOfEntries(indices, row, values as Float32Array, nColumns, n);
}

function withoutColumns(rows: Rows, dropped: boolean[]): Rows {
  const target = new Int32Array(rows.nColumns).fill(-1);
  let kept = 0;
  dropped.forEach((isDropped, column) => isDropped || (target[column] = kept++));
  return selectColumns(rows, target, kept);
}
