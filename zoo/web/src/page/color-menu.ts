/** The menu of what the map can be colored by. */

import type { SpaceSummary } from "../engine";
import { byId, element } from "./dom";
import { featureWords } from "./feature-words";
import { capital } from "./format";
import { levelTitle } from "./level-title";
import { labelColumns, type Result } from "./result";

export type ColorKind = "label" | "confidence" | "similarity" | "obs" | "feature";

export interface ColorChoice {
  kind: ColorKind;
  /** Column of labels or of the query; empty for the similarity and for features. */
  name: string;
}

/** Fill the menu, and the names of features that are suggested. */
export function fillColorMenu(space: SpaceSummary, result: Result): void {
  const columns = labelColumns(space, result).map(({ name }) => name);
  const title = (name: string) => levelTitle(name, space.primary);
  const { one, anyOne } = featureWords(result.query);
  byId("feature-label").textContent = capital(one);
  const groups = [
    group("Labels given here", columns.map((name) => option("label", name, title(name)))),
    group("How sure", [
      ...columns.map((name, index) => option("confidence", name, index === 0 ? "confidence" : `confidence of ${title(name)}`)),
      option("similarity", "", "similarity to the reference"),
    ]),
    group("From your file", [
      ...result.query.columns.map((name) => option("obs", name, ownColumnTitle(name, space, result))),
      option("feature", "", `${anyOne} …`),
    ]),
  ];
  byId("color-by").replaceChildren(...groups.filter((each) => each !== null));
  const missing = new Set(result.query.missing);
  const measured = [...space.drivers.values()].flat().filter(({ feature }) => !missing.has(feature));
  const symbols = measured.map(({ symbol }) => symbol);
  byId("feature-names").replaceChildren(...[...new Set(symbols)].sort().map((value) => element("option", { value })));
}

/** Return the title of a column of the query, which tells it from a label column of the same name and from the present results. */
export function ownColumnTitle(name: string, space: SpaceSummary, result: Result): string {
  if (name.startsWith("smile_")) return `${name} of an earlier run`;
  const titles = labelColumns(space, result).flatMap((column) => [column.name, levelTitle(column.name, space.primary)]);
  return titles.includes(name) ? `${name} in your file` : name;
}

/** Return what is chosen in the menu. */
export function colorChoice(): ColorChoice {
  const [kind, ...name] = byId<HTMLSelectElement>("color-by").value.split(":");
  return { kind: kind as ColorKind, name: name.join(":") };
}

/** Choose what was chosen before, from what `colorChoice` returned. */
export function restoreChoice({ kind, name }: ColorChoice): void {
  byId<HTMLSelectElement>("color-by").value = `${kind}:${name}`;
}

/** Choose to color by a feature, and write its name. */
export function chooseFeature(feature: string): void {
  byId<HTMLSelectElement>("color-by").value = "feature:";
  byId<HTMLInputElement>("feature").value = feature;
}

/** Call `color` with the name of a feature when the reader has written one. */
export function listenForFeatures(color: (feature: string) => void): void {
  const show = () => color(byId<HTMLInputElement>("feature").value.trim());
  byId("show-feature").addEventListener("click", show);
  byId("feature").addEventListener("keydown", (event) => {
    if (event.key === "Enter") show();
  });
}

function option(kind: ColorKind, name: string, text: string): HTMLOptionElement {
  return element("option", { value: `${kind}:${name}` }, text);
}

function group(label: string, options: HTMLOptionElement[]): HTMLOptGroupElement | null {
  return options.length === 0 ? null : element("optgroup", { label }, ...options);
}
