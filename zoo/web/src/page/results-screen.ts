/** The results beside the map: figures, tables and downloads. */

import type { SpaceSummary } from "../engine";
import { categoryColor } from "./colors";
import { countTable } from "./count-table";
import { button, byId, descriptions, element, options, table } from "./dom";
import { download, outputName, pngOfSvg } from "./download";
import { count, percent, sentence } from "./format";
import { countLabels, type LabelCount } from "./label-table";
import { swatch } from "./legend";
import type { MapPanel } from "./map-panel";
import { mapSvg } from "./map-svg";
import { npyHeader } from "./npy";
import { showProblem } from "./problem";
import { reportHtml } from "./report-html";
import { labelColumns, type Result } from "./result";
import { resultsCsv } from "./results-csv";
import { currentTheme, onThemeChange } from "./theme";

const N_MISSING_IN_REPORT = 200;

/** Fill everything that follows from a result. */
export class ResultsScreen {
  private space: SpaceSummary | null = null;
  private result: Result | null = null;

  constructor(
    private readonly map: MapPanel,
    private readonly version: string,
  ) {
    const saves: Record<string, () => void | Promise<void>> = {
      "save-csv": () => this.saveCsv(),
      "save-embedding": () => this.saveEmbedding(),
      "save-svg": () => this.save(".smile-map.svg", [mapSvg(this.map.figure())], "image/svg+xml"),
      "save-png": async () => this.save(".smile-map.png", [await pngOfSvg(mapSvg(this.map.figure()))], "image/png"),
      "save-report": () => this.save(".smile-report.html", [this.report()], "text/html"),
    };
    for (const [id, save] of Object.entries(saves)) {
      byId(id).addEventListener("click", () => void Promise.resolve().then(save).catch(showProblem));
    }
    byId("label-column").addEventListener("change", () => this.fillLabels());
    onThemeChange(() => this.result !== null && this.fillLabels());
    byId("driver-label").addEventListener("change", () => this.fillDrivers());
  }

  show(space: SpaceSummary, result: Result): void {
    this.space = space;
    this.result = result;
    byId("summary-title").textContent = result.query.fileName;
    byId("figures").replaceChildren(descriptions(this.figures()));
    byId("notes").replaceChildren(...this.notes().map((note) => element("p", {}, note)));
    const columns = this.columns();
    byId("label-column").replaceChildren(...options(columns));
    byId("column-row").hidden = columns.length < 2;
    byId("labels-section").hidden = columns.length === 0;
    if (columns.length > 0) this.fillLabels();
    const labels = [...space.drivers.keys()];
    byId("driver-label").replaceChildren(...options(labels));
    byId("drivers-section").hidden = labels.length === 0;
    const first = this.counts(columns[0]).find(({ label }) => labels.includes(label));
    if (first !== undefined) byId<HTMLSelectElement>("driver-label").value = first.label;
    this.fillDrivers();
    this.fillFeatures();
    byId("provenance").replaceChildren(
      table([{ title: "what" }, { title: "value" }], this.provenance(), { className: "provenance" }),
    );
  }

  private shown(): { space: SpaceSummary; result: Result } {
    const { space, result } = this;
    if (space === null || result === null) throw new Error("there are no results yet");
    return { space, result };
  }

  private columns(): string[] {
    const { space, result } = this.shown();
    return labelColumns(space, result).map(({ name }) => name);
  }

  /** Count the labels of a column; a space without labels has no column, and no counts. */
  private counts(column: string | undefined): LabelCount[] {
    const { space, result } = this.shown();
    const found = space.columns.find(({ name }) => name === column);
    return found === undefined ? [] : countLabels(result.projection.columns.get(found.name)!, found.labels);
  }

  private figures(): [string, string][] {
    const { query, projection } = this.shown().result;
    const n = projection.cells.length;
    const counts = this.counts(this.columns()[0]);
    const share = percent(counts.find(({ id }) => id < 0)?.share ?? 0);
    const unknown: [string, string][] = counts.length === 0 ? [] : [["unknown: like no cell of the reference", share]];
    const ofReference = query.matched + query.missing.length;
    return [
      ["cells", count(n)],
      ...unknown,
      ["features of the reference found", `${count(query.matched)} of ${count(ofReference)}`],
      ["of the feature weight measured", percent(query.measuredWeight)],
    ];
  }

  private notes(): string[] {
    const { query, projection } = this.shown().result;
    const notes = new Set([projection.expectedAccuracy, ...query.notes, ...projection.notes].map(sentence));
    return [...notes].filter((note) => note !== "");
  }

  private fillLabels(): void {
    const { space, result } = this.shown();
    const column = byId<HTMLSelectElement>("label-column").value;
    const rows = this.counts(column);
    const { labels } = result.projection.columns.get(column)!;
    const cells = (id: number) => Array.from(labels.keys()).filter((cell) => labels[cell] === id);
    const name = ({ id, label }: LabelCount) => {
      const select = () => {
        this.map.select(cells(id));
        if (column === space.primary) this.showDrivers(label);
        byId("map-title").scrollIntoView();
      };
      const link = button(label, select, { className: "link", title: "Select these cells on the map" });
      return element("span", { className: "label-cell" }, swatch(categoryColor(id, currentTheme())), link);
    };
    byId("labels").replaceChildren(countTable(rows, name));
    byId("unknown-note").hidden = rows.every(({ id }) => id >= 0);
  }

  private showDrivers(label: string): void {
    if (this.space?.drivers.has(label)) {
      byId<HTMLSelectElement>("driver-label").value = label;
      this.fillDrivers();
    }
  }

  private fillDrivers(): void {
    const drivers = this.space?.drivers.get(byId<HTMLSelectElement>("driver-label").value) ?? [];
    const chips = drivers.map(({ symbol }) => {
      const show = () => {
        void this.map.colorByGene(symbol);
        byId("map-title").scrollIntoView();
      };
      return element("li", {}, button(symbol, show));
    });
    byId("drivers").replaceChildren(element("ul", { className: "chips" }, ...chips));
  }

  private fillFeatures(): void {
    const { query } = this.shown().result;
    const { missing, matched, measuredWeight, nFeatures } = query;
    const text =
      `Of the ${count(matched + missing.length)} features that the reference uses, ${count(matched)} are among the ` +
      `${count(nFeatures)} of your file; they carry ${percent(measuredWeight)} of its feature weight.`;
    byId("features").replaceChildren(element("p", {}, text));
    if (missing.length === 0) return;
    const scrolled = { className: "missing", tabIndex: 0, role: "region", "aria-label": "Missing features" };
    const names = element("p", scrolled, missing.join(", "));
    const summary = element("summary", {}, `${count(missing.length)} missing`);
    byId("features").append(
      element("p", {}, "Missing ones are imputed from the measured ones; the lower the share, the less reliable the labels."),
      element("details", {}, summary, names),
    );
  }

  private provenance(): [string, string][] {
    const { space, result } = this.shown();
    const { query, projection } = result;
    return [
      ["file", query.fileName],
      ["space", space.name],
      ["manifest sha256", space.sha256],
      ["modality", query.modality],
      ["values interpreted as", query.values],
      ["license of the space", space.licence],
      ["sources", space.sources.map(({ name, licence }) => `${name} (${licence})`).join("; ")],
      ["accuracy on left-out cells", space.accuracy || "not measured"],
      ["time", `${projection.seconds.toFixed(1)} s`],
      ["date", new Date().toISOString().slice(0, 10)],
      ["smile-zoo", `${this.version}, in the browser`],
    ];
  }

  private report(): string {
    const { space, result } = this.shown();
    const { missing } = result.query;
    return reportHtml({
      title: `${result.query.fileName} in ${space.title}`,
      figures: this.figures(),
      notes: this.notes(),
      map: mapSvg(this.map.figure()),
      labels: this.columns().map((name) => [name, this.counts(name)]),
      missing: missing.slice(0, N_MISSING_IN_REPORT),
      nMissing: missing.length,
      provenance: this.provenance(),
    });
  }

  private saveCsv(): void {
    const { space, result } = this.shown();
    this.save(".smile.csv", resultsCsv(result.projection, space), "text/csv");
  }

  private saveEmbedding(): void {
    const { cells, embedding } = this.shown().result.projection;
    const header = npyHeader(cells.length, embedding.length / cells.length);
    this.save(".smile-embedding.npy", [header, embedding as Float32Array<ArrayBuffer>], "application/octet-stream");
  }

  private save(ending: string, parts: BlobPart[], type: string): void {
    download(outputName(this.shown().result.query.fileName, ending), parts, type);
  }
}
