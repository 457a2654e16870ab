/** The menu of what the map can be colored by. */

import type { SpaceSummary } from "../engine";
import { byId, element } from "./dom";
import { labelColumns, type Result } from "./result";

export type ColorKind = "label" | "confidence" | "similarity" | "obs" | "gene";

export interface ColorChoice {
  kind: ColorKind;
  /** Column of labels or of the query; empty for the similarity and for genes. */
  name: string;
}

/** Fill the menu, and the names of genes that are suggested. */
export function fillColorMenu(space: SpaceSummary, result: Result): void {
  const columns = labelColumns(space, result).map(({ name }) => name);
  const groups = [
    group("Labels given here", columns.map((name) => option("label", name, name))),
    group("How sure", [
      ...columns.map((name, index) => option("confidence", name, index === 0 ? "confidence" : `confidence of ${name}`)),
      option("similarity", "", "similarity to the reference"),
    ]),
    group("From your file", [
      ...result.query.columns.map((name) => option("obs", name, ownColumnTitle(name, columns))),
      option("gene", "", "a gene …"),
    ]),
  ];
  byId("color-by").replaceChildren(...groups.filter((each) => each !== null));
  const missing = new Set(result.query.missing);
  const measured = [...space.drivers.values()].flat().filter(({ feature }) => !missing.has(feature));
  const symbols = measured.map(({ symbol }) => symbol);
  byId("genes").replaceChildren(...[...new Set(symbols)].sort().map((value) => element("option", { value })));
}

/** Return the title of a column of the query, which tells it from a label column of the same name. */
export function ownColumnTitle(name: string, labelColumns: string[]): string {
  return labelColumns.includes(name) ? `${name} in your file` : name;
}

/** Return what is chosen in the menu. */
export function colorChoice(): ColorChoice {
  const [kind, ...name] = byId<HTMLSelectElement>("color-by").value.split(":");
  return { kind: kind as ColorKind, name: name.join(":") };
}

/** Choose to color by a gene, and write its name. */
export function chooseGene(gene: string): void {
  byId<HTMLSelectElement>("color-by").value = "gene:";
  byId<HTMLInputElement>("gene").value = gene;
}

/** Call `color` with the name of a gene when the reader has written one. */
export function listenForGenes(color: (gene: string) => void): void {
  const show = () => color(byId<HTMLInputElement>("gene").value.trim());
  byId("show-gene").addEventListener("click", show);
  byId("gene").addEventListener("keydown", (event) => {
    if (event.key === "Enter") show();
  });
}

function option(kind: ColorKind, name: string, text: string): HTMLOptionElement {
  return element("option", { value: `${kind}:${name}` }, text);
}

function group(label: string, options: HTMLOptionElement[]): HTMLOptGroupElement | null {
  return options.length === 0 ? null : element("optgroup", { label }, ...options);
}
