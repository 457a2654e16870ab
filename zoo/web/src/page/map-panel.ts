/** The map with its tools: what it is colored by, the legend, and the selected cells. */

import type { Engine, Projection, QuerySummary, SpaceSummary } from "../engine";
import { byColumn, byFeature, byFraction, byLabel, type Categories, type Coloring, paint } from "./coloring";
import { categoryColor, LIGHT, type Theme } from "./colors";
import { byId, element, table } from "./dom";
import { download, outputName } from "./download";
import { count, fraction, percent, plural } from "./format";
import { countLabels } from "./label-table";
import { locateLabels } from "./label-positions";
import { fillLegend } from "./legend";
import { MapView } from "./map-view";
import { pointSize } from "./map-frame";
import type { Figure } from "./map-svg";
import { announce, showProblem } from "./problem";
import { currentTheme, onThemeChange } from "./theme";
import { barcodeList } from "./results-csv";

export interface Result {
  query: QuerySummary;
  projection: Projection;
}

const NO_CELLS = new Float32Array();
const NO_COLORS = new Int32Array();
const GENE = "gene:";

export class MapPanel {
  private view: MapView | null = null;
  private space: SpaceSummary | null = null;
  private result: Result | null = null;
  private coloring: Coloring | null = null;
  private readonly hidden = new Set<number>();

  constructor(private readonly engine: Engine) {
    onThemeChange(() => void this.draw());
    byId("color-by").addEventListener("change", () => void this.changeColoring());
    byId("show-gene").addEventListener("click", () => void this.colorByGene(byId<HTMLInputElement>("gene").value));
    byId("gene").addEventListener("keydown", (event) => {
      if (event.key === "Enter") void this.colorByGene(byId<HTMLInputElement>("gene").value);
    });
    for (const name of ["color-reference", "write-names"]) {
      byId(name).addEventListener("change", () => void this.draw());
    }
    byId("zoom-in").addEventListener("click", () => this.view?.zoom(1));
    byId("zoom-out").addEventListener("click", () => this.view?.zoom(-1));
    byId("reset-view").addEventListener("click", () => this.view?.reset());
    byId("lasso").addEventListener("click", () => this.setSelecting(byId("lasso").getAttribute("aria-pressed") !== "true"));
    byId("map").addEventListener("keydown", (event) => this.moveByKey(event));
  }

  private get theme(): Theme {
    return currentTheme();
  }

  /** Show the reference alone, colored by its labels. */
  async showSpace(space: SpaceSummary): Promise<void> {
    this.space = space;
    this.result = null;
    this.coloring = null;
    this.hidden.clear();
    byId("selection").hidden = true;
    for (const id of ["map-tools", "legend", "map-help"]) byId(id).hidden = true;
    byId("lasso").hidden = true;
    byId("map-title").textContent = "Reference";
    byId("map").setAttribute("aria-label", `Map of the reference ${space.title}`);
    await this.draw();
    const points = plural(space.reference.weights.length, "point");
    byId("map-caption").textContent = `${space.title}: ${points} that stand for ${plural(space.nCells, "cell")}, colored by label.`;
  }

  /** Show a query over the reference. */
  async showResult(space: SpaceSummary, result: Result): Promise<void> {
    this.space = space;
    this.result = result;
    for (const id of ["map-tools", "legend", "map-help"]) byId(id).hidden = false;
    byId("lasso").hidden = false;
    this.setSelecting(false);
    this.listColorings();
    this.listGenes();
    const cells = plural(result.projection.cells.length, "cell");
    byId("map-title").textContent = "Map";
    byId("map").setAttribute(
      "aria-label",
      `Map of ${cells} over the reference ${space.title}; the tables below hold its numbers`,
    );
    await this.changeColoring();
  }

  /** Color by a gene of the query. */
  async colorByGene(name: string): Promise<void> {
    const gene = name.trim();
    if (gene === "" || this.result === null) return;
    const select = byId<HTMLSelectElement>("color-by");
    select.value = GENE;
    byId("gene-row").hidden = false;
    byId<HTMLInputElement>("gene").value = gene;
    byId("map-caption").textContent = `Reading ${gene} from the file …`;
    try {
      const values = await this.engine.featureValues(gene);
      if (values.every(Number.isNaN)) {
        announce(`${gene} was not measured in this file.`);
        byId("map-caption").textContent = `${gene} was not measured in this file; check its name.`;
        return;
      }
      await this.recolor(byFeature(gene, values), " (log1p of counts per 10,000)");
    } catch (error) {
      showProblem(error);
    }
  }

  /** Select cells, as the lasso does. */
  select(cells: number[]): void {
    this.view?.selectCells(cells);
    if (this.view === null) this.showSelection(cells);
  }

  /** Return what the map shows now as a figure on white. */
  figure(): Figure {
    const { space, result } = this.shown();
    const { coloring } = this;
    if (coloring === null) throw new Error("the cells have no color yet");
    const { palette, colors } = paint(coloring, LIGHT);
    const legend =
      coloring.kind === "categories"
        ? coloring.categories
            .filter(({ id }) => !this.hidden.has(id))
            .map(({ id, name, cells }) => ({ name: `${name} (${count(cells)})`, color: categoryColor(id, LIGHT) }))
        : { low: String(coloring.low), high: coloring.high.toFixed(2) };
    return {
      title: `${result.query.fileName} in ${space.title}`,
      reference: space.reference.map,
      referenceColor: LIGHT.reference,
      query: result.projection.map,
      colors: colors.map((color, cell) => (this.isVisible(cell) ? color : -1)),
      palette,
      legend,
      legendTitle: coloring.title,
      size: pointSize(result.projection.cells.length),
    };
  }

  private shown(): { space: SpaceSummary; result: Result } {
    const { space, result } = this;
    if (space === null || result === null) throw new Error("no cells are shown yet");
    return { space, result };
  }

  private listColorings(): void {
    const { space, result } = this;
    if (space === null || result === null) return;
    const columns = space.columns.map(({ name }) => name).filter((name) => name in result.projection.columns);
    const ordered = [space.primary, ...columns.filter((name) => name !== space.primary)].filter((name) => columns.includes(name));
    const group = (label: string, entries: [string, string][]) =>
      entries.length === 0
        ? null
        : element("optgroup", { label }, ...entries.map(([value, text]) => element("option", { value }, text)));
    const groups = [
      group("Labels", ordered.map((name) => [`label:${name}`, name])),
      group("How sure", [
        ...ordered.map((name): [string, string] => [`confidence:${name}`, name === space.primary ? "confidence" : `confidence of ${name}`]),
        ["similarity:", "similarity to the reference"],
      ]),
      group("Your file", [...result.query.columns.map((name): [string, string] => [`obs:${name}`, name]), [GENE, "a gene …"]]),
    ];
    byId("color-by").replaceChildren(...groups.filter((each) => each !== null));
  }

  private listGenes(): void {
    const symbols = Object.values(this.space?.drivers ?? {}).flatMap((drivers) => drivers.map(({ symbol }) => symbol));
    byId("genes").replaceChildren(...[...new Set(symbols)].sort().map((value) => element("option", { value })));
  }

  private async changeColoring(): Promise<void> {
    const { space, result } = this;
    if (space === null || result === null) return;
    const [kind, ...rest] = byId<HTMLSelectElement>("color-by").value.split(":");
    const name = rest.join(":");
    byId("gene-row").hidden = kind !== "gene";
    const { projection } = result;
    if (kind === "gene") byId("gene").focus();
    else if (kind === "label") await this.recolor(byLabel(projection, space, name));
    else if (kind === "confidence") await this.recolor(byFraction(`confidence of ${name}`, projection.columns[name].confidence));
    else if (kind === "similarity") await this.recolor(byFraction("similarity", projection.similarity));
    else if (kind === "obs") await this.recolor(byColumn(name, await this.obsColumn(name)));
  }

  private async obsColumn(name: string): Promise<{ codes: Int32Array; categories: string[] }> {
    const { projection } = this.shown().result;
    projection.obs[name] ??= await this.engine.obsColumn(name);
    return projection.obs[name];
  }

  private async recolor(coloring: Coloring, unit = ""): Promise<void> {
    const { query, projection } = this.shown().result;
    const cells = plural(projection.cells.length, "cell");
    byId("map-caption").textContent = `${cells} of ${query.fileName} over the reference in pale gray, colored by ${coloring.title}${unit}.`;
    this.coloring = coloring;
    this.hidden.clear();
    await this.draw();
  }

  private isVisible(cell: number): boolean {
    return this.coloring?.kind !== "categories" || !this.hidden.has(this.coloring.ids[cell]);
  }

  private async draw(): Promise<void> {
    const { space, theme, coloring } = this;
    if (space === null || byId("map-section").hidden) return;
    const view = this.openView();
    if (coloring !== null) fillLegend(byId("legend"), coloring, this.hidden, theme, () => void this.draw());
    if (view === null) return;
    const column = coloring?.kind === "categories" && space.columns.some(({ name }) => name === coloring.title) ? coloring.title : space.primary;
    const labels = space.columns.find(({ name }) => name === column)?.labels ?? [];
    const colored = coloring === null || byId<HTMLInputElement>("color-reference").checked;
    const named = coloring === null || byId<HTMLInputElement>("write-names").checked;
    const codes = space.reference.labels[column];
    const palette = colored ? [...labels.map((_, id) => categoryColor(id, theme)), theme.reference] : [theme.reference];
    await view.show({
      reference: {
        map: space.reference.map,
        palette,
        colors: Int32Array.from(space.reference.weights, (_, point) => {
          if (!colored || codes === undefined) return palette.length - 1;
          return codes[point] < 0 ? palette.length - 1 : codes[point];
        }),
      },
      query: coloring === null ? { map: NO_CELLS, palette: [], colors: NO_COLORS } : { map: this.shown().result.projection.map, ...paint(coloring, theme) },
      visible: (cell) => this.isVisible(cell),
      names: named && codes !== undefined ? locateLabels(space.reference, column, labels) : [],
      theme,
    });
  }

  /** Return the view, or null if the browser cannot draw with WebGL, which the page then says. */
  private openView(): MapView | null {
    const failure = byId("map-failure");
    if (this.view !== null || !failure.hidden) return this.view;
    try {
      this.view = new MapView(byId("map-box"), byId<HTMLCanvasElement>("map"), {
        onSelect: (cells) => this.showSelection(cells),
        onDeselect: () => this.hideSelection(),
        describe: (cell) => this.describe(cell),
      });
    } catch (error) {
      failure.textContent =
        "This browser cannot draw the map, because WebGL is off or not supported. All results are in the tables, and the map can be saved as SVG or PNG.";
      failure.hidden = false;
      console.warn(error);
    }
    return this.view;
  }

  private describe(cell: number): string[] {
    const { space, result } = this.shown();
    const { coloring } = this;
    if (coloring === null) return [];
    const { projection } = result;
    const lines = space.columns
      .filter(({ name }) => name in projection.columns)
      .map(({ name, labels }) => {
        const { labels: codes, confidence } = projection.columns[name];
        return `${name}: ${labels[codes[cell]] ?? "unknown"} (${fraction(confidence[cell])})`;
      });
    const extra = coloring.kind === "values" ? [`${coloring.title}: ${coloring.values[cell].toFixed(2)}`] : [this.categoryOf(coloring, cell)];
    return [projection.cells[cell], ...lines, `similarity: ${fraction(projection.similarity[cell])}`, ...extra.filter((line) => line !== "")];
  }

  private categoryOf(coloring: Categories, cell: number): string {
    if (this.space?.columns.some(({ name }) => name === coloring.title)) return "";
    const found = coloring.categories.find(({ id }) => id === coloring.ids[cell]);
    return `${coloring.title}: ${found?.name ?? "no value"}`;
  }

  private setSelecting(active: boolean): void {
    byId("lasso").setAttribute("aria-pressed", String(active));
    byId("map-box").classList.toggle("selecting", active);
    if (this.view !== null) this.view.selecting = active;
  }

  private showSelection(cells: number[]): void {
    const { space, result } = this.shown();
    const primary = space.columns.find(({ name }) => name === space.primary);
    const rows = primary === undefined ? [] : countLabels(result.projection.columns[primary.name], primary.labels, cells);
    const save = element("button", { type: "button" }, "Download their barcodes (TXT)");
    save.addEventListener("click", () =>
      download(outputName(result.query.fileName, ".selected.txt"), [barcodeList(result.projection, cells)], "text/plain"),
    );
    const clear = element("button", { type: "button" }, "Clear the selection");
    clear.addEventListener("click", () => (this.view === null ? this.hideSelection() : this.view.clearSelection()));
    const box = byId("selection");
    box.replaceChildren(
      element("h3", {}, `${plural(cells.length, "cell")} selected`),
      table(
        [{ title: "label" }, { title: "cells", number: true }, { title: "share", number: true }, { title: "mean confidence", number: true }],
        rows.map((row) => [row.label, count(row.cells), percent(row.share), fraction(row.confidence)]),
      ),
      element("div", { className: "downloads" }, save, clear),
    );
    box.hidden = false;
    announce(`${plural(cells.length, "cell")} selected`);
  }

  private hideSelection(): void {
    byId("selection").hidden = true;
  }

  private moveByKey(event: KeyboardEvent): void {
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.view?.pan(-1, 0),
      ArrowRight: () => this.view?.pan(1, 0),
      ArrowUp: () => this.view?.pan(0, 1),
      ArrowDown: () => this.view?.pan(0, -1),
      "+": () => this.view?.zoom(1),
      "=": () => this.view?.zoom(1),
      "-": () => this.view?.zoom(-1),
      "0": () => this.view?.reset(),
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  }
}
