/** The start: which space, which file, which options. */

import type { QueryOptions, SpaceSummary } from "../engine";
import { byId, element, options } from "./dom";
import { droppedFiles } from "./dropped-files";
import { count, size } from "./format";
import { showProblem } from "./problem";
import type { SiteSpace } from "./site";

/** List the spaces; `choose` is called for the first, and for each that is chosen later. */
export function listSpaces(spaces: SiteSpace[], choose: (space: SiteSpace) => void): void {
  const only = spaces.length === 1;
  const rows = spaces.map((space, index) => {
    const input = element("input", { type: "radio", name: "space", checked: index === 0, onchange: () => choose(space) });
    const facts = [space.organism, space.tissue, `${count(space.n_cells)} cells`, size(space.size)];
    const text = element(
      "span",
      {},
      element("b", {}, space.title),
      element("small", { className: "use" }, space.intended_use),
      element("small", {}, facts.filter((fact) => fact !== "").join(" · ")),
    );
    return element("label", { className: only ? "only" : "" }, input, text);
  });
  const box = byId("spaces");
  box.replaceChildren(element("legend", {}, only ? "Reference" : "Choose a reference"), ...rows);
  choose(spaces[0]);
}

/** Call `open` with the files that are dropped anywhere on the page, or chosen. */
export function listenForFiles(open: (files: File[]) => void): void {
  const zone = byId("drop");
  const take = (files: File[]) => {
    if (files.length > 0) open(files);
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
      take(Array.from(input.files ?? []));
      input.value = "";
    });
  }
}

/** Offer the modalities of a space if there are several. */
export function listModalities(space: SpaceSummary): void {
  byId("modality").replaceChildren(...options(space.modalities));
  byId("modality-row").hidden = space.modalities.length < 2;
}

export function queryOptions(space: SpaceSummary): QueryOptions {
  const layer = byId<HTMLInputElement>("layer").value.trim();
  const modality = byId<HTMLSelectElement>("modality").value;
  return {
    ...(layer === "" || layer === "X" ? {} : { layer }),
    ...(space.modalities.length < 2 ? {} : { modality }),
  };
}

export function openOptions(): void {
  byId<HTMLDetailsElement>("options").open = true;
}
