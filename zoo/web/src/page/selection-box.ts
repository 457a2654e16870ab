/** The selected cells: how many have each label, and their barcodes. */

import { counted, type SpaceSummary } from "../engine";
import { button, byId, element } from "./dom";
import { download, outputName } from "./download";
import { countLabels } from "./label-table";
import { countTable } from "./count-table";
import { announce } from "./problem";
import { labelColumns, type Result } from "./result";
import { barcodeList } from "./results-csv";

/** Show what is selected; `clear` is called when the reader wants nothing selected. */
export function showSelection(space: SpaceSummary, result: Result, cells: readonly number[], clear: () => void): void {
  const { query, projection } = result;
  const [primary] = labelColumns(space, result);
  const rows = primary === undefined ? [] : countLabels(projection.columns.get(primary.name)!, primary.labels, cells);
  const save = button("Download their barcodes (TXT)", () =>
    download(outputName(query.fileName, ".selected.txt"), [barcodeList(projection, cells)], "text/plain"),
  );
  const box = byId("selection");
  const title = `${counted(cells.length, "cell")} selected`;
  box.replaceChildren(
    element("h3", {}, title),
    countTable(rows, ({ label }) => label),
    element("div", { className: "downloads" }, save, button("Clear the selection", clear)),
  );
  box.hidden = false;
  announce(title);
}

export function hideSelection(): void {
  byId("selection").hidden = true;
}
