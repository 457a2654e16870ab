/** The legend of the map: a switch for each category, or a scale. */

import type { Categories, Coloring, Values } from "./coloring";
import { type Theme, valueColor } from "./colors";
import { button, element } from "./dom";
import { count, scaleEnd } from "./format";

/** Fill the legend; `change` is called when `hidden`, the ids of categories that are not drawn, has changed. */
export function fillLegend(
  box: HTMLElement,
  coloring: Coloring,
  hidden: Set<number>,
  reference: { name: string; color: string | null },
  theme: Theme,
  change: () => void,
): void {
  const mark = reference.color === null ? [] : [swatch(reference.color)];
  const entry = element("p", { className: "reference-entry" }, ...mark, reference.name);
  box.replaceChildren(element("h3", {}, coloring.title), ...content(coloring, hidden, theme, change), entry);
}

function content(coloring: Coloring, hidden: Set<number>, theme: Theme, change: () => void): Node[] {
  if (coloring.kind === "categories") return switches(coloring, hidden, theme, change);
  return coloring.kind === "values" ? scale(coloring, theme) : [element("p", { className: "caption" }, coloring.reason)];
}

function switches({ categories, color }: Categories, hidden: Set<number>, theme: Theme, change: () => void): Node[] {
  const inputs = categories.map(({ id }) => {
    const input = element("input", { type: "checkbox", checked: !hidden.has(id) });
    input.addEventListener("change", () => {
      if (input.checked) hidden.delete(id);
      else hidden.add(id);
      change();
    });
    return input;
  });
  const rows = categories.map(({ id, name, cells }, index) =>
    element(
      "label",
      {},
      inputs[index],
      swatch(color(id, theme)),
      element("span", { className: "name" }, name),
      element("span", { className: "cells" }, count(cells)),
    ),
  );
  const all = (title: string, shown: boolean) =>
    button(title, () => {
      for (const [index, { id }] of categories.entries()) {
        inputs[index].checked = shown;
        if (shown) hidden.delete(id);
        else hidden.add(id);
      }
      change();
    });
  return [...rows, element("div", { className: "buttons" }, all("Show all", true), all("Hide all", false))];
}

function scale({ low, high, unit }: Values, theme: Theme): Node[] {
  const texts = [low, high].map(scaleEnd);
  const description = `colors from ${texts.join(" to ")}`;
  const bar = element("span", { className: "scale", role: "img", "aria-label": description });
  const stops = Array.from({ length: 9 }, (_, index) => valueColor(index / 8, theme));
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const ends = texts.map((text) => element("span", {}, text));
  const note = unit === "" ? [] : [element("p", { className: "caption" }, unit)];
  return [bar, element("span", { className: "scale-ends" }, ...ends), ...note];
}

export function swatch(color: string): HTMLElement {
  const mark = element("span", { className: "swatch", "aria-hidden": "true" });
  mark.style.background = color;
  return mark;
}
