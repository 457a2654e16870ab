/** The legend of the map: a switch for each category, or a scale. */

import { counted } from "../engine";
import { type Categories, type Category, type Coloring, valueEntries, type Values } from "./coloring";
import { type Theme, valueColor } from "./colors";
import { button, element } from "./dom";
import { count, scaleValue } from "./format";
import { countShown, setHidden } from "./hidden-cells";
import type { ReferenceEntry } from "./reference-coloring";

/** Fill the legend; `change` is called when `hidden`, the cells that are not drawn, has changed. */
export function fillLegend(
  box: HTMLElement,
  coloring: Coloring,
  hidden: Set<number>,
  reference: ReferenceEntry,
  theme: Theme,
  change: () => void,
): void {
  const entries = [reference, ...reference.labels].map((each) => entry(each, "reference-entry"));
  const content = coloring.kind === "categories" ? switches(coloring, hidden, theme, change) : [];
  if (coloring.kind === "values") content.push(...scale(coloring, theme));
  if (coloring.kind === "nothing") content.push(element("p", { className: "caption" }, coloring.reason));
  if (coloring.kind !== "categories" && hidden.size > 0) content.push(hiddenNote(box, hidden, change));
  box.replaceChildren(element("h3", {}, coloring.title), ...content, ...entries);
}

function switches(coloring: Categories, hidden: Set<number>, theme: Theme, change: () => void): Node[] {
  const rows = coloring.categories.map((category) => {
    const input = element("input", { type: "checkbox" });
    input.addEventListener("change", () => set(!input.checked, category));
    const name = element("span", { className: "name" }, category.name);
    const cells = element("span", { className: "cells" });
    const row = element("label", {}, input, swatch(coloring.color(category.id, theme)), name, cells);
    return { category, input, cells, row };
  });
  const write = () => {
    const counts = countShown(coloring, hidden);
    for (const { category, input, cells } of rows) {
      const shown = counts.get(category.id)!;
      const isPart = shown > 0 && shown < category.cells;
      input.checked = shown > 0;
      input.indeterminate = isPart;
      cells.textContent = isPart ? `${count(shown)} of ${count(category.cells)}` : count(category.cells);
    }
  };
  const set = (isHidden: boolean, ...categories: Category[]) => {
    for (const { id } of categories) setHidden(hidden, coloring, id, isHidden);
    write();
    change();
  };
  write();
  const all = (title: string, isHidden: boolean) => button(title, () => set(isHidden, ...coloring.categories));
  const buttons = element("div", { className: "buttons" }, all("Show all", false), all("Hide all", true));
  return [...rows.map(({ row }) => row), buttons];
}

/** Say how many cells are hidden where no switch does, and offer to show them. */
function hiddenNote(box: HTMLElement, hidden: Set<number>, change: () => void): Node {
  const text = `${counted(hidden.size, "cell", "are")} hidden`;
  const show = () => {
    hidden.clear();
    note.remove();
    box.focus();
    change();
  };
  const note = element("div", { className: "buttons" }, element("span", {}, text), button("Show all", show));
  return note;
}

function scale(coloring: Values, theme: Theme): Node[] {
  const { low, high, unit } = coloring;
  const note = unit === "" ? [] : [element("p", { className: "caption" }, unit)];
  const entries = valueEntries(coloring, theme).map((each) => entry(each, "value-entry"));
  return [...(high > low ? scaleBar(low, high, theme) : []), ...note, ...entries];
}

function scaleBar(low: number, high: number, theme: Theme): Node[] {
  const texts = [low, high].map(scaleValue);
  const description = `colors from ${texts.join(" to ")}`;
  const bar = element("span", { className: "scale", role: "img", "aria-label": description });
  const stops = Array.from({ length: 9 }, (_, index) => valueColor(index / 8, theme));
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const ends = texts.map((text) => element("span", {}, text));
  return [bar, element("span", { className: "scale-ends" }, ...ends)];
}

const entry = ({ name, color }: { name: string; color: string | null }, className: string): HTMLElement =>
  element("p", { className }, ...(color === null ? [] : [swatch(color)]), name);

export function swatch(color: string): HTMLElement {
  const mark = element("span", { className: "swatch", "aria-hidden": "true" });
  mark.style.background = color;
  return mark;
}
