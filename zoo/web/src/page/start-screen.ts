/** The start: which reference, which file, which options. */

import type { QueryOptions, SpaceSummary } from "../engine";
import { accuracySentence } from "./accuracy-text";
import { type ChosenFiles, namedFiles } from "./chosen-files";
import { byId, element, options } from "./dom";
import { droppedFiles } from "./dropped-files";
import { count, size } from "./format";
import { levelTitle } from "./level-title";
import { originOf } from "./other-references";
import { showProblem } from "./problem";
import type { SiteSpace } from "./site";

/** List the references; `choose` is called for the first, and for each that the reader chooses later. */
export function listSpaces(spaces: SiteSpace[], choose: (space: SiteSpace) => void): void {
  const only = spaces.length === 1;
  const rows = spaces.map((space, index) => spaceCard(space, index, only, () => choose(space)));
  byId("spaces").replaceChildren(element("legend", {}, only ? "Reference" : "Choose a reference"), ...rows);
  choose(spaces[0]);
}

/** Mark a reference as chosen. */
export function markSpace(spaces: SiteSpace[], space: SiteSpace): void {
  const inputs = byId("spaces").querySelectorAll<HTMLInputElement>('input[name="space"]');
  inputs[spaces.indexOf(space)].checked = true;
}

function spaceCard(space: SiteSpace, index: number, only: boolean, choose: () => void): HTMLElement {
  const input = element("input", { type: "radio", name: "space", checked: index === 0, onchange: choose });
  const lines = [
    space.intended_use,
    `${originOf(space)} · ${count(space.n_cells)} cells · ${size(space.size)}`,
    accuracySentence(space.accuracy),
  ];
  const text = element(
    "span",
    {},
    element("b", {}, space.title),
    ...lines.filter((line) => line !== "").map((line) => element("small", {}, line)),
  );
  return element("div", { className: only ? "space only" : "space" }, element("label", {}, input, text), labelList(space));
}

/** Return the labels that a reference gives, at each level; null if it gives none. */
function labelList({ labels, title }: SiteSpace): HTMLElement | null {
  const columns = Object.entries(labels);
  if (columns.length === 0) return null;
  const [primary] = columns[0];
  const rows = columns.map(([column, names]) => {
    const name = columns.length > 1 ? element("b", {}, `${levelTitle(column, primary)}: `) : null;
    return element("p", {}, name, names.join(", "));
  });
  const n = columns[0][1].length;
  const summary = element("summary", { "aria-label": `Show the ${n} labels of ${title}` }, `Show its ${n} labels`);
  return element("details", {}, summary, ...rows);
}

/** Call `open` with the files that are dropped anywhere on the page, or chosen. */
export function listenForFiles(open: (chosen: ChosenFiles) => void): void {
  const zone = byId("drop");
  byId("layer").addEventListener("input", () => (isLayerNew = true));
  const take = (chosen: ChosenFiles) => {
    if (chosen.files.length > 0) open(chosen);
  };
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer !== null) droppedFiles(event.dataTransfer).then(take, showProblem);
  });
  for (const [button, name] of [["choose-files", "files"], ["choose-folder", "folder"]]) {
    const input = byId<HTMLInputElement>(name);
    byId(button).hidden = name === "folder" && !("webkitdirectory" in input); // as on phones
    byId(button).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      take(namedFiles(Array.from(input.files ?? [])));
      input.value = "";
    });
  }
}

/** Offer the modalities of a reference if there are several. */
export function listModalities(space: SpaceSummary): void {
  byId("modality").replaceChildren(...options(space.modalities));
  byId("modality-row").hidden = space.modalities.length < 2;
}

/** Whether the layer in the options was entered since the last file was read, and so for the next one. */
let isLayerNew = false;

/** Forget the layer that was entered for an earlier file. */
export function forgetLayer(): void {
  if (!isLayerNew) byId<HTMLInputElement>("layer").value = "";
}

/** Show the options that a file was read with. */
export function showOptions({ layer, modality }: QueryOptions): void {
  byId<HTMLInputElement>("layer").value = layer ?? "";
  if (modality !== undefined) byId<HTMLSelectElement>("modality").value = modality;
}

/** Return the options, which then belong to the file that is read. */
export function queryOptions(space: SpaceSummary): QueryOptions {
  const layer = byId<HTMLInputElement>("layer").value.trim();
  isLayerNew = false;
  const modality = byId<HTMLSelectElement>("modality").value;
  return {
    ...(layer === "" || layer === "X" ? {} : { layer }),
    ...(space.modalities.length < 2 ? {} : { modality }),
  };
}

export function openOptions(): void {
  byId<HTMLDetailsElement>("options").open = true;
}
