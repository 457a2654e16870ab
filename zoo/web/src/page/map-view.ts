/** The map on the screen: reference and query cells in WebGL, names of labels above them. */

import createScatterplot from "regl-scatterplot";
import { counted } from "../engine";
import type { Theme } from "./colors";
import { element } from "./dom";
import { countHidden, type LabelPosition, placeNames } from "./label-positions";
import { listenForTouch } from "./touch";
import { type Frame, frameAround, pointScale, pointSizes, type Region } from "./map-frame";
import { MapOverlay } from "./map-overlay";
import { movingRenderer, type View } from "./moving-picture";

/** What the map shows. Colors are places in the palette. */
export interface Scene {
  /** Points of the color -1 are not drawn. */
  reference: { map: Float32Array; palette: string[]; colors: Int32Array };
  query: { map: Float32Array; palette: string[]; colors: Int32Array };
  /** Cells of the query that are not drawn; those without a position never are. */
  hidden: ReadonlySet<number>;
  /** Labels to write; none if empty. */
  names: LabelPosition[];
  theme: Theme;
}

export interface MapEvents {
  /** Cells of the query within the lasso, or the one that was clicked; none where there are none. */
  onSelect: (cells: number[]) => void;
  /** Text about the cell below the pointer. */
  describe: (cell: number) => string[];
}

const ZOOM_STEP = 1.5;
const PAN_STEP = 0.2;
const MARGIN = 1.06;
/** Pixels by which the ring around a cell is wider than the cell. */
const RING = 8;
/** Opacity of the cells that are not selected while others are. */
const INACTIVE_OPACITY = 0.5;

export class MapView {
  private readonly plot;
  private readonly overlay: MapOverlay;
  private readonly tooltip: HTMLElement;
  private readonly names: HTMLElement;
  /** How many names there is no place for. */
  private readonly hiddenNames: HTMLElement;
  /** Names on the map, each with its reference point and its size in pixels. */
  private tags: { tag: HTMLElement; point: number; width: number; height: number }[] = [];
  private scene: Scene | null = null;
  private waiting: Scene | null = null;
  private drawing: Promise<void> = Promise.resolve();
  private frame: Frame | null = null;
  /** Cell of each drawn point after those of the reference. */
  private drawn: number[] = [];
  private selected: readonly number[] = [];
  /** Drawn point below the pointer. */
  private hovered: number | null = null;
  /** Smaller side of the map as a share of its height. */
  private smallerSide: number;

  constructor(
    private readonly box: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly events: MapEvents,
  ) {
    this.plot = createScatterplot({
      canvas,
      renderer: movingRenderer(
        () => this.view(),
        () => [this.plot.get("points"), this.selected],
        () => this.plot.redraw(),
      ),
      colorBy: "valueA",
      sizeBy: "valueB",
      opacityBy: "valueB",
      lassoOnLongPress: false,
      deselectOnDblClick: false,
      pointScaleMode: "asinh",
      opacityInactiveMax: INACTIVE_OPACITY,
      opacityInactiveScale: INACTIVE_OPACITY,
    });
    this.overlay = new MapOverlay(box);
    this.names = element("div", { className: "names", "aria-hidden": "true" });
    this.tooltip = element("div", { className: "tooltip", hidden: true });
    this.hiddenNames = element("p", { className: "hidden-names", hidden: true });
    box.append(this.names, this.hiddenNames, this.tooltip);
    this.plot.subscribe("select", ({ points }) => this.select(points));
    this.plot.subscribe("deselect", () => this.events.onSelect([]));
    this.plot.subscribe("pointOver", (point) => this.hover(point));
    this.plot.subscribe("pointOut", () => this.hover(null));
    this.plot.subscribe("lassoExtend", ({ coordinates }) =>
      this.overlay.showLasso(this.onScreen(coordinates as unknown as [number, number][])),
    );
    this.plot.subscribe("lassoEnd", () => this.overlay.showLasso([]));
    this.plot.subscribe("view", () => {
      this.placeNames();
      this.hover(this.hovered);
    });
    listenForTouch(canvas, {
      isSelecting: () => this.plot.get("mouseMode") === "lasso",
      zoom: (factor) => this.zoomBy(factor),
      pan: (right, down) => this.panByPixels(right, down),
    });
    this.smallerSide = this.measureSmallerSide();
    new ResizeObserver(() => requestAnimationFrame(() => this.refit())).observe(box);
  }

  /** Draw a scene once the one before is drawn; of several that wait, only the last is. */
  show(scene: Scene): Promise<void> {
    this.waiting = scene;
    const drawn = this.drawing.then(async () => {
      const next = this.waiting;
      this.waiting = null;
      if (next !== null) await this.draw(next);
    });
    this.drawing = drawn.catch(() => undefined); // a scene that failed is no reason not to draw the next one
    return drawn;
  }

  set selecting(active: boolean) {
    this.plot.set({ mouseMode: active ? "lasso" : "panZoom" });
    this.plot.get("camera").config({ isPan: !active }); // the first movement of a lasso would move the map
    this.canvas.classList.toggle("selecting", active);
  }

  /** Part of the map that is visible now. */
  get region(): Region {
    const { target, distance } = this.camera();
    const { width, height } = this.canvas.getBoundingClientRect();
    return { x: target[0], y: target[1], halfWidth: (distance * width) / height, halfHeight: distance, height };
  }

  /** Mark cells of the query as selected. */
  mark(cells: readonly number[]): void {
    this.selected = [...cells]; // another object, which the renderer takes for something new to draw
    const selected = new Set(cells);
    const points = this.drawn.flatMap((cell, index) => (selected.has(cell) ? [this.firstCell + index] : []));
    this.plot.deselect({ preventEvent: true });
    this.plot.select(points, { preventEvent: true });
  }

  zoom(direction: 1 | -1): void {
    this.zoomBy(ZOOM_STEP ** direction);
  }

  /** Move the view by fractions of its width. */
  pan(right: number, up: number): void {
    const { target, distance } = this.camera();
    this.moveTo([target[0] + right * PAN_STEP * distance, target[1] + up * PAN_STEP * distance], distance);
  }

  private panByPixels(right: number, down: number): void {
    const { target, distance } = this.camera();
    const unit = (2 * distance) / this.canvas.getBoundingClientRect().height;
    this.moveTo([target[0] - right * unit, target[1] + down * unit], distance);
  }

  /** Show the whole map. */
  reset(): void {
    this.moveTo([0, 0], MARGIN / this.smallerSide);
  }

  /** Keep the square in view that fits the map when the map's size changes. */
  private refit(): void {
    const smallerSide = this.measureSmallerSide();
    if (!(smallerSide > 0)) return; // the map is not shown
    const { target, distance } = this.camera();
    this.moveTo(target, (distance * this.smallerSide) / smallerSide);
    this.smallerSide = smallerSide;
  }

  private measureSmallerSide(): number {
    const { width, height } = this.canvas.getBoundingClientRect();
    return Math.min(1, width / height);
  }

  /** Draw a scene; the view is kept unless the positions of the reference are other ones. */
  private async draw(scene: Scene): Promise<void> {
    this.hover(null);
    const isNew = this.scene?.reference.map !== scene.reference.map;
    this.scene = scene;
    const frame = isNew || this.frame === null ? frameAround(scene.reference.map, scene.query.map) : this.frame;
    this.frame = frame;
    const nReference = scene.reference.map.length / 2;
    const nQuery = scene.query.map.length / 2;
    this.drawn = [];
    for (let cell = 0; cell < nQuery; cell += 1) {
      if (!Number.isNaN(scene.query.map[2 * cell]) && !scene.hidden.has(cell)) this.drawn.push(cell);
    }
    const total = nReference + this.drawn.length;
    const [x, y, color, kind] = [0, 1, 2, 3].map(() => new Float32Array(total));
    for (let point = 0; point < nReference; point += 1) {
      x[point] = frame.x(scene.reference.map[2 * point]);
      y[point] = frame.y(scene.reference.map[2 * point + 1]);
      color[point] = Math.max(scene.reference.colors[point], 0);
      kind[point] = scene.reference.colors[point] < 0 ? 2 : 0; // transparent: names are placed by the number of a point
    }
    this.drawn.forEach((cell, index) => {
      const point = nReference + index;
      x[point] = frame.x(scene.query.map[2 * cell]);
      y[point] = frame.y(scene.query.map[2 * cell + 1]);
      color[point] = scene.reference.palette.length + scene.query.colors[cell];
      kind[point] = 1;
    });
    const { theme } = scene;
    const size = pointSizes(nQuery);
    this.box.style.setProperty("--selected", theme.selected);
    this.plot.set({
      backgroundColor: theme.background,
      pointColor: [...scene.reference.palette, ...scene.query.palette],
      pointColorActive: theme.selected,
      pointSize: [size.reference, size.query, 0],
      pointSizeSelected: 2,
      pointOutlineWidth: 1,
      opacity: nQuery === 0 ? [0.9, 0.9, 0] : [0.75, 0.9, 0],
    });
    this.plot.deselect({ preventEvent: true }); // its points have other places now
    await this.plot.draw({ x, y, valueA: color, valueB: kind }, { zDataType: "categorical", wDataType: "categorical" });
    if (isNew) this.reset();
    if (this.selected.length > 0) this.mark(this.selected);
    this.writeNames(scene.names);
    this.placeNames();
  }

  private zoomBy(factor: number): void {
    const { target, distance } = this.camera();
    this.moveTo(target, distance / factor);
  }

  private moveTo(target: [number, number], distance: number): void {
    void this.plot.zoomToLocation(target, distance, { transition: false });
    requestAnimationFrame(() => this.placeNames());
  }

  private camera(): { target: [number, number]; distance: number } {
    const [x, y] = this.plot.get("cameraTarget");
    return { target: [x, y], distance: this.plot.get("cameraDistance") as unknown as number };
  }

  private view(): View {
    const view = this.plot.get("cameraView"); // a 4 x 4 matrix, column by column
    return { scale: Math.hypot(view[0], view[1]), angle: Math.atan2(view[1], view[0]), x: view[12], y: view[13] };
  }

  private select(points: number[]): void {
    const first = this.firstCell;
    this.events.onSelect(points.filter((point) => point >= first).map((point) => this.drawn[point - first]));
  }

  /** Place of the first cell of the query among the drawn points. */
  private get firstCell(): number {
    return this.scene === null ? 0 : this.scene.reference.map.length / 2;
  }

  /** Show a ring and a text about the cell of a drawn point; none if it is null, or a point of the reference. */
  private hover(point: number | null): void {
    this.hovered = point;
    const position = point === null ? undefined : this.plot.getScreenPosition(point);
    const cell = point === null ? undefined : this.drawn[point - this.firstCell];
    this.tooltip.hidden = position === undefined || cell === undefined;
    if (position === undefined || cell === undefined) {
      this.overlay.hideRing();
      return;
    }
    const diameter = pointScale(this.region) * pointSizes(this.scene!.query.map.length / 2).query;
    this.overlay.showRing(position, diameter + RING);
    const [first, ...rest] = this.events.describe(cell);
    this.tooltip.replaceChildren(element("strong", {}, first), ...rest.map((line) => element("span", {}, line)));
    const { width, height } = this.box.getBoundingClientRect();
    const size = this.tooltip.getBoundingClientRect();
    this.tooltip.style.left = `${Math.max(4, Math.min(position[0] + 12, width - size.width - 4))}px`;
    this.tooltip.style.top = `${Math.max(4, Math.min(position[1] + 12, height - size.height - 4))}px`;
  }

  /** Return where points of the frame lie on the map, in pixels. */
  private onScreen(points: [number, number][]): [number, number][] {
    const { x: middleX, y: middleY, halfWidth, halfHeight, height } = this.region;
    const unit = height / (2 * halfHeight);
    return points.map(([x, y]) => [unit * (halfWidth + x - middleX), unit * (halfHeight - y + middleY)]);
  }

  /** Write the names, and measure them while all are visible: their sizes stay the same while the map moves. */
  private writeNames(names: LabelPosition[]): void {
    const tags = names.map(({ label }) => element("span", {}, label));
    this.names.replaceChildren(...tags);
    this.tags = tags.map((tag, index) => ({
      tag,
      point: names[index].point,
      width: tag.offsetWidth,
      height: tag.offsetHeight,
    }));
  }

  /** Place the names where they fit, those of the largest labels first, and say how many do not fit. */
  private placeNames(): void {
    const { width, height } = this.box.getBoundingClientRect();
    const area = { left: 0, top: 0, width, height };
    const names = this.tags.map(({ point, ...size }) => {
      const [x, y] = this.plot.getScreenPosition(point) ?? [-1000, -1000];
      return { x, y, width: size.width, height: size.height };
    });
    const boxes = placeNames(names, area);
    this.tags.forEach(({ tag }, index) => {
      const box = boxes[index];
      tag.hidden = box === null;
      if (box !== null) tag.style.transform = `translate(${box.left}px, ${box.top}px)`;
    });
    const nHidden = countHidden(names, boxes, area);
    this.hiddenNames.hidden = nHidden === 0;
    this.hiddenNames.textContent = `${counted(nHidden, "more name")}: zoom in`;
  }
}
