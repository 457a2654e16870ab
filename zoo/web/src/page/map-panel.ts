/** The map with its tools: what it is colored by, the legend, and the selected cells. */

import { counted, type Engine, type SpaceSummary } from "../engine";
import { cellText } from "./cell-text";
import { chooseFeature, type ColorChoice, colorChoice, fillColorMenu, listenForFeatures, ownColumnTitle, restoreChoice } from "./color-menu";
import { byColumn, byFeature, byFraction, byLabel, type Coloring, paint } from "./coloring";
import { LIGHT, type Theme } from "./colors";
import { byId } from "./dom";
import { featureTitle } from "./feature-title";
import { featureWords } from "./feature-words";
import { labelColors } from "./label-colors";
import { locateLabels } from "./label-positions";
import { figureLegend } from "./figure-legend";
import { countShown } from "./hidden-cells";
import { fillLegend } from "./legend";
import { levelTitle } from "./level-title";
import { listenForMoves } from "./map-controls";
import { pointSizes } from "./map-frame";
import type { Figure } from "./map-svg";
import { MapView, type Scene } from "./map-view";
import { announce, showProblem } from "./problem";
import { referenceCaption, referenceColors, type ReferenceEntry, referenceEntry } from "./reference-coloring";
import type { Result } from "./result";
import { hideSelection, showSelection } from "./selection-box";
import { currentTheme, onThemeChange } from "./theme";

const NO_CELLS = { map: new Float32Array(), palette: [], colors: new Int32Array() };
const NO_WEBGL =
  "This browser cannot draw the map, because WebGL is off or not supported. All results are in the tables, and the map " +
  "can be saved as SVG or PNG.";
/** Shown with the cells of a query, and not with the reference alone. */
const TOOLS = ["map-tools", "legend", "map-help", "lasso"];

export class MapPanel {
  private view: MapView | null = null;
  private space: SpaceSummary | null = null;
  private result: Result | null = null;
  private coloring: Coloring | null = null;
  /** What was chosen in the menu for the coloring that is shown. */
  private colored: ColorChoice | null = null;
  /** Cells that the legend has hidden; none of them is selected. */
  private readonly hidden = new Set<number>();
  private selection: readonly number[] = [];
  /** Number of choices of what is shown: what was read or drawn for an earlier one is dropped. */
  private choices = 0;

  constructor(private readonly engine: Engine) {
    onThemeChange(() => void this.draw());
    byId("color-by").addEventListener("change", () => void this.changeColoring().catch(showProblem));
    listenForFeatures((feature) => void this.colorByFeature(feature));
    byId("color-reference").addEventListener("change", () => void this.draw());
    byId("write-names").addEventListener("change", () => void this.draw());
    listenForMoves(() => this.view);
    byId("lasso").addEventListener("click", () => this.setSelecting(!this.isSelecting));
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.endSelection();
    });
  }

  /** Show the reference alone, colored by its labels. */
  async showSpace(space: SpaceSummary): Promise<void> {
    const choice = this.start(space, null, "Reference", `Map of the reference ${space.title}`);
    await this.draw();
    if (choice !== this.choices) return;
    const points = counted(space.reference.weights.length, "point");
    setCaption(`${space.title}: ${points} that stand for ${counted(space.nCells, "cell")}, colored by label.`);
  }

  /** Show a query over the reference. */
  async showResult(space: SpaceSummary, result: Result): Promise<void> {
    const cells = counted(result.projection.cells.length, "cell");
    const text = `Map of ${cells} over the reference ${space.title}; the tables below hold its numbers`;
    this.start(space, result, "Map", text);
    fillColorMenu(space, result);
    await this.changeColoring();
  }

  /** Color by a feature of the query, such as a gene. */
  async colorByFeature(feature: string): Promise<void> {
    if (feature === "" || this.result === null) return;
    const choice = ++this.choices;
    chooseFeature(feature);
    byId("feature-row").hidden = false;
    setCaption(`Reading ${feature} from the file …`);
    try {
      const found = await this.engine.featureValues(feature);
      if (choice !== this.choices) return;
      if (found === null || found.values.every(Number.isNaN)) {
        const reason = `${feature} was not measured in this file, nor is any other name of it; check the spelling.`;
        await this.recolor({ kind: "nothing", title: feature, reason });
        announce(reason);
      } else {
        await this.recolor(byFeature(featureTitle(found, feature), found));
      }
    } catch (error) {
      this.keepColoring(choice, error);
    }
  }

  /** Select cells, and show those that were hidden. */
  select(cells: number[]): void {
    const nHidden = this.hidden.size;
    for (const cell of cells) this.hidden.delete(cell);
    this.setSelection(cells);
    if (this.hidden.size < nHidden) void this.draw();
  }

  /** Return what the map shows now as a figure on white; all of the map if `isWhole`, otherwise the part in view. */
  figure({ isWhole = false } = {}): Figure {
    const { space, result, coloring } = this.shown();
    const { reference, query, names } = this.scene(space, LIGHT);
    return {
      title: result.query.fileName,
      subtitle: `${this.shownCells(result)} in the reference ${space.title} (${space.name})`,
      reference,
      referenceEntry: this.referenceEntry(LIGHT),
      query: { ...query, colors: query.colors.map((color, cell) => (this.hidden.has(cell) ? -1 : color)) },
      names: names.map(({ label, point }) => ({ label, point })),
      selected: this.selection,
      selectedColor: LIGHT.selected,
      region: isWhole || this.view === null ? null : this.view.region,
      legend: figureLegend(coloring, this.hidden),
      sizes: pointSizes(result.projection.cells.length),
    };
  }

  /** Forget what was shown before, say what is shown now, and return the number of this choice. */
  private start(space: SpaceSummary, result: Result | null, title: string, description: string): number {
    this.space = space;
    this.result = result;
    this.coloring = null;
    this.hidden.clear();
    this.setSelection([]);
    this.setSelecting(false);
    for (const id of TOOLS) byId(id).hidden = result === null;
    byId("map-title").textContent = title;
    byId("map").setAttribute("aria-label", description);
    return ++this.choices;
  }

  private shown(): { space: SpaceSummary; result: Result; coloring: Coloring } {
    const { space, result, coloring } = this;
    if (space === null || result === null || coloring === null) throw new Error("no cells are shown yet");
    return { space, result, coloring };
  }

  private async changeColoring(): Promise<void> {
    const { space, result } = this;
    if (space === null || result === null) return;
    const choice = ++this.choices;
    const { kind, name } = colorChoice();
    const { projection } = result;
    byId("feature-row").hidden = kind !== "feature";
    if (kind === "feature") this.askForFeature(result);
    else if (kind === "label") await this.recolor(byLabel(projection, space, name));
    else if (kind === "similarity") await this.recolor(byFraction(kind, projection.similarity));
    else if (kind === "obs") {
      const title = ownColumnTitle(name, space, result);
      try {
        const column = await this.engine.obsColumn(name);
        if (choice === this.choices) await this.recolor(byColumn(title, column));
      } catch (error) {
        this.keepColoring(choice, error);
      }
    }
    else await this.recolor(byFraction(`confidence of ${levelTitle(name, space.primary)}`, projection.columns.get(name)!.confidence));
  }

  private askForFeature({ query }: Result): void {
    byId("feature").focus();
    if (this.coloring === null) return;
    setCaption(`Type the name of ${featureWords(query).anyOne}. Until then, the map shows ${this.coloring.title}.`);
  }

  /** Say why what was chosen could not be read, and return to what is shown. */
  private keepColoring(choice: number, error: unknown): void {
    if (choice !== this.choices) return;
    showProblem(error, undefined, null, "The file could not be read");
    if (this.colored === null) return;
    restoreChoice(this.colored);
    byId("feature-row").hidden = this.colored.kind !== "feature";
    this.writeCaption();
  }

  private async recolor(coloring: Coloring): Promise<void> {
    this.coloring = coloring;
    this.colored = colorChoice();
    await this.draw();
  }

  private writeCaption(): void {
    const { space, result, coloring } = this;
    if (space === null || result === null || coloring === null) return;
    const cells = `${this.shownCells(result)} of ${result.query.fileName}`;
    setCaption(
      coloring.kind === "nothing" ? coloring.reason : `${cells} ${referenceCaption(coloring, this.referenceColumn(space), space.primary)}.`,
    );
  }

  /** Return the column whose labels the reference is named by, and may be colored by. */
  private labelColumn(space: SpaceSummary): string {
    return (this.coloring?.kind === "categories" ? this.coloring.labelColumn : null) ?? space.primary;
  }

  /** Return the column whose labels color the reference below a query; null if it is gray. */
  private referenceColumn(space: SpaceSummary): string | null {
    const column = this.labelColumn(space);
    return isChecked("color-reference") && space.reference.labels.has(column) ? column : null;
  }

  private referenceEntry(theme: Theme): ReferenceEntry {
    const { space, coloring } = this.shown();
    return referenceEntry(space, this.referenceColumn(space), coloring, theme);
  }

  private shownCells({ projection }: Result): string {
    const n = projection.cells.length;
    return this.hidden.size === 0 ? counted(n, "cell") : counted(n - this.hidden.size, "cell", "", n);
  }

  /** Draw the map and its legend. */
  private async draw(): Promise<void> {
    const { coloring } = this;
    const theme = currentTheme();
    if (coloring !== null) {
      fillLegend(byId("legend"), coloring, this.hidden, this.referenceEntry(theme), theme, () => this.hide());
    }
    await this.drawMap();
  }

  /** Draw the map without the cells that the legend has hidden, and select none of them. */
  private hide(): void {
    const shown = this.selection.filter((cell) => !this.hidden.has(cell));
    if (shown.length < this.selection.length) this.setSelection(shown);
    void this.drawMap();
  }

  private async drawMap(): Promise<void> {
    const { space } = this;
    this.writeCaption();
    if (space === null || byId("map-section").hidden) return;
    await this.openView()?.show(this.scene(space, currentTheme()));
  }

  private scene(space: SpaceSummary, theme: Theme): Scene {
    const { coloring, result } = this;
    const alone = coloring === null || result === null;
    const column = this.labelColumn(space);
    const labels = space.columns.find(({ name }) => name === column)?.labels ?? [];
    const codes = space.reference.labels.get(column);
    const colored = codes !== undefined && (alone || this.referenceColumn(space) !== null);
    const named = codes !== undefined && (alone || isChecked("write-names"));
    const palette = [...labelColors(space, column, theme), theme.reference];
    const colors = colored
      ? referenceColors(codes, labels.length, this.hiddenLabels(column))
      : new Int32Array(space.reference.weights.length).fill(labels.length);
    return {
      reference: { map: space.reference.map, palette, colors },
      query: alone ? NO_CELLS : { map: result.projection.map, ...paint(coloring, theme, result.projection.cells.length) },
      hidden: this.hidden,
      names: named ? locateLabels(space.reference, column, labels) : [],
      theme,
    };
  }

  /** Return the ids of the labels of a column whose cells are all hidden, if the map is colored by it. */
  private hiddenLabels(column: string): Set<number> {
    const { coloring, hidden } = this;
    if (coloring?.kind !== "categories" || coloring.labelColumn !== column) return new Set();
    return new Set([...countShown(coloring, hidden)].flatMap(([id, shown]) => (shown === 0 ? [id] : [])));
  }

  /** Return the view, or null if the browser cannot draw with WebGL, which the page then says. */
  private openView(): MapView | null {
    const failure = byId("map-failure");
    if (this.view !== null || !failure.hidden) return this.view;
    try {
      this.view = new MapView(byId("map-box"), byId<HTMLCanvasElement>("map"), {
        onSelect: (cells) => this.setSelection(cells),
        describe: (cell) => {
          const { space, result, coloring } = this.shown();
          return cellText(space, result, coloring, cell);
        },
      });
    } catch (error) {
      failure.textContent = NO_WEBGL;
      failure.hidden = false;
      console.warn(error);
    }
    return this.view;
  }

  private get isSelecting(): boolean {
    return byId("lasso").getAttribute("aria-pressed") === "true";
  }

  /** Stop drawing around cells, and select none. */
  private endSelection(): void {
    if (this.result === null) return;
    this.setSelecting(false);
    this.setSelection([]);
  }

  private setSelecting(active: boolean): void {
    byId("lasso").setAttribute("aria-pressed", String(active));
    if (this.view !== null) this.view.selecting = active;
  }

  private setSelection(cells: readonly number[]): void {
    this.selection = cells;
    this.view?.mark(cells);
    if (cells.length === 0) {
      hideSelection();
      return;
    }
    const { space, result } = this.shown();
    showSelection(space, result, cells, () => this.setSelection([]));
  }
}

function setCaption(text: string): void {
  byId("map-caption").textContent = text;
}

function isChecked(id: string): boolean {
  return byId<HTMLInputElement>(id).checked;
}
