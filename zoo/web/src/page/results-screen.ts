/** The results beside the map: figures, tables and downloads. */

import type { SpaceSummary } from "../engine";
import { expectationText } from "./accuracy-text";
import { countTable } from "./count-table";
import { button, byId, descriptions, element, options, table } from "./dom";
import { download, mapEnding, outputName, pngOfSvg } from "./download";
import { featureSection, missingTexts } from "./feature-section";
import { featureWords } from "./feature-words";
import { capital, count, percent, sentence } from "./format";
import { labelColors } from "./label-colors";
import { countLabels, type LabelCount } from "./label-table";
import { swatch } from "./legend";
import { levelTitle } from "./level-title";
import type { MapPanel } from "./map-panel";
import { mapSvg } from "./map-svg";
import { npyHeader } from "./npy";
import { otherReferences } from "./other-references";
import { plainWords } from "./plain-words";
import { showProblem } from "./problem";
import { provenanceRows } from "./provenance";
import { reportHtml } from "./report-html";
import { labelColumns, type Result } from "./result";
import { resultsCsv } from "./results-csv";
import type { Site, SiteSpace } from "./site";
import { spacesLike } from "./spaces-of-kind";
import { currentTheme, onThemeChange } from "./theme";
import { areMostUnknown, type Warnings, warningsOf } from "./warnings";

const N_MISSING_IN_REPORT = 200;
const PICTURE_TYPES = { svg: "image/svg+xml", png: "image/png" };

/** Fill everything that follows from a result. */
export class ResultsScreen {
  private entry: SiteSpace | null = null;
  private space: SpaceSummary | null = null;
  private result: Result | null = null;

  /** `relabel` is called with another reference for the same file. */
  constructor(
    private readonly map: MapPanel,
    private readonly site: Site,
    private readonly relabel: (space: SiteSpace) => void,
  ) {
    const saves: Record<string, () => void | Promise<void>> = {
      "save-csv": () => this.saveCsv(),
      "save-embedding": () => this.saveEmbedding(),
      "save-svg": () => this.saveMap("svg", (svg) => svg),
      "save-png": () => this.saveMap("png", pngOfSvg),
      "save-report": () => this.save(".smile-report.html", [this.report()], "text/html"),
    };
    for (const [id, save] of Object.entries(saves)) {
      byId(id).addEventListener("click", () => void Promise.resolve().then(save).catch(showProblem));
    }
    byId("label-column").addEventListener("change", () => this.fillLabels());
    onThemeChange(() => this.result !== null && this.fillLabels());
    byId("driver-label").addEventListener("change", () => this.fillDrivers());
  }

  /** Show a result, and return the title of its warnings; empty if there are none. */
  show(entry: SiteSpace, space: SpaceSummary, result: Result): string {
    this.entry = entry;
    this.space = space;
    this.result = result;
    const { many } = featureWords(result.query);
    byId("summary-title").textContent = result.query.fileName;
    byId("summary-reference").textContent = `labeled by ${space.title} (${space.name})`;
    const warnings = warningsOf(space, result);
    this.fillWarnings(warnings);
    byId("figures").replaceChildren(descriptions(this.figures()));
    byId("notes").replaceChildren(...this.notes().map((note) => element("p", {}, note)));
    const columns = this.columns();
    byId("label-column").replaceChildren(...options(columns, (name) => levelTitle(name, space.primary)));
    byId("column-row").hidden = columns.length < 2;
    byId("labels-section").hidden = columns.length === 0;
    if (columns.length > 0) this.fillLabels();
    const labels = [...space.drivers.keys()];
    byId("driver-label").replaceChildren(...options(labels));
    byId("drivers-section").hidden = labels.length === 0;
    byId("drivers-title").textContent = `${capital(many)} that mark a label`;
    byId("features-title").textContent = `${capital(many)} of the reference in your file`;
    const first = this.counts(columns[0]).find(({ label }) => labels.includes(label));
    if (first !== undefined) byId<HTMLSelectElement>("driver-label").value = first.label;
    this.fillDrivers();
    byId("features").replaceChildren(...featureSection(result.query));
    byId("provenance").replaceChildren(
      table([{ title: "what" }, { title: "value" }], this.provenance, { className: "provenance" }),
    );
    return warnings?.title ?? "";
  }

  private shown(): { entry: SiteSpace; space: SpaceSummary; result: Result } {
    const { entry, space, result } = this;
    if (entry === null || space === null || result === null) throw new Error("there are no results yet");
    return { entry, space, result };
  }

  /** Show what speaks against the labels above everything else, and offer other references: at once if this one fits badly. */
  private fillWarnings(warnings: Warnings | null): void {
    const { entry } = this.shown();
    const others = otherReferences(spacesLike(entry, this.site.spaces), entry, this.relabel);
    const box = byId("warnings");
    box.hidden = warnings === null;
    box.replaceChildren();
    if (warnings !== null) {
      const sign = element("span", { "aria-hidden": "true" }, "⚠ ");
      const texts = warnings.texts.map((text) => element("p", {}, text));
      box.append(element("strong", {}, sign, `Warning: ${warnings.title}`), ...texts);
    }
    const inBox = warnings?.isPoorFit ?? false;
    if (inBox && others !== null) box.append(others);
    byId("other-reference").hidden = inBox || others === null;
    byId("other-reference-list").replaceChildren(...(inBox || others === null ? [] : [others]));
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
    const { result } = this.shown();
    const { query, projection } = result;
    const n = projection.cells.length;
    const counts = this.counts(this.columns()[0]);
    const share = percent(counts.find(({ id }) => id < 0)?.share ?? 0);
    const unknown: [string, string][] = counts.length === 0 ? [] : [["unknown: like no cell of the reference", share]];
    const ofReference = query.matched + query.missing.length;
    return [
      ["cells", count(n)],
      ...unknown,
      [`${featureWords(query).many} of the reference found`, `${count(query.matched)} of ${count(ofReference)}`],
      [`their weight among the ${featureWords(query).many} of the reference`, percent(query.measuredWeight)],
    ];
  }

  private notes(): string[] {
    const { space, result } = this.shown();
    const { query, projection } = result;
    const expected = areMostUnknown(space, result) ? null : projection.expectedAccuracy;
    const accuracy = expected === null ? [] : [expectationText(expected, featureWords(query).many)];
    return [...accuracy, ...query.notes.map((note) => sentence(plainWords(note)))];
  }

  private fillLabels(): void {
    const { space, result } = this.shown();
    const column = byId<HTMLSelectElement>("label-column").value;
    const rows = this.counts(column);
    const { labels } = result.projection.columns.get(column)!;
    const colors = labelColors(space, column, currentTheme());
    const cells = (id: number) => Array.from(labels.keys()).filter((cell) => labels[cell] === id);
    const name = ({ id, label }: LabelCount) => {
      const select = () => {
        this.map.select(cells(id));
        if (column === space.primary) this.showDrivers(label);
        byId("map-title").scrollIntoView();
      };
      const link = button(label, select, { className: "link", title: "Select these cells on the map" });
      return element("span", { className: "label-cell" }, swatch(colors[id] ?? currentTheme().unknown), link);
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
    const missing = new Set(this.result?.query.missing);
    const chips = drivers.map(({ feature, symbol }) => {
      if (missing.has(feature)) {
        const reason = `${symbol} was not measured in your file`;
        return element("li", {}, element("button", { type: "button", disabled: true, title: reason, "aria-label": reason }, symbol));
      }
      const show = () => {
        void this.map.colorByFeature(symbol);
        byId("map-title").scrollIntoView();
      };
      return element("li", {}, button(symbol, show));
    });
    byId("drivers").replaceChildren(element("ul", { className: "chips" }, ...chips));
    byId("drivers-missing").hidden = !drivers.some(({ feature }) => missing.has(feature));
  }

  private get provenance(): [string, string][] {
    const { entry, space, result } = this.shown();
    return provenanceRows(entry, space, result, this.site.version);
  }

  private report(): string {
    const { space, result } = this.shown();
    const missing = missingTexts(result.query);
    return reportHtml({
      title: `${result.query.fileName} in ${space.title}`,
      warnings: warningsOf(space, result),
      figures: this.figures(),
      notes: this.notes(),
      map: mapSvg(this.map.figure({ isWhole: true })),
      labels: this.columns().map((name) => [levelTitle(name, space.primary), this.counts(name)]),
      missing: missing.slice(0, N_MISSING_IN_REPORT),
      nMissing: missing.length,
      provenance: this.provenance,
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

  private async saveMap(extension: "png" | "svg", picture: (svg: string) => Promise<Blob> | string): Promise<void> {
    const figure = this.map.figure();
    const content = await picture(mapSvg(figure));
    this.save(mapEnding(figure.legend.title, extension), [content], PICTURE_TYPES[extension]);
  }

  private save(ending: string, parts: BlobPart[], type: string): void {
    download(outputName(this.shown().result.query.fileName, ending), parts, type);
  }
}
