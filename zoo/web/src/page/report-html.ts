/** The report: one HTML file with the map and the tables, which needs no script and makes no request. */

import { COUNT_TITLES, countTexts } from "./count-table";
import { escapeXml } from "./escape-xml";
import { count } from "./format";
import type { LabelCount } from "./label-table";
import type { Warnings } from "./warnings";

interface Report {
  title: string;
  warnings: Warnings | null;
  /** Figures at the top: caption and value. */
  figures: [string, string][];
  notes: string[];
  /** The map as SVG. */
  map: string;
  /** Counts of labels by column, the primary one first. */
  labels: [string, LabelCount[]][];
  missing: string[];
  nMissing: number;
  provenance: [string, string][];
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE = `
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; background: #fff; color: #222; font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 2rem 0 0.5rem; font-size: 1.15rem; }
body > svg { max-width: 100%; height: auto; border: 1px solid #ddd; }
.warning { border-left: 4px solid #b35900; background: #fff3df; padding: 0.5rem 1rem; margin: 1rem 0; }
.warning strong { color: #8a4300; }
.figures { display: flex; flex-wrap: wrap; gap: 0.75rem 2.5rem; margin: 1rem 0; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dt { color: #595959; }
.figures dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 1.5rem 0.2rem 0; border-bottom: 1px solid #e5e5e5; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { overflow-wrap: break-word; }
.provenance th { width: 11rem; }
td.number, th.number { text-align: right; }
@media print { body { padding: 0; } h2 { break-after: avoid; } }
`;

/** Return the report as HTML. */
export function reportHtml(report: Report): string {
  const { title, warnings, figures, notes, map, labels, missing, nMissing, provenance } = report;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeXml(title)}</h1>
${warnings === null ? "" : warningBox(warnings)}
<dl class="figures">
${figures.map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`).join("\n")}
</dl>
${notes.map((note) => `<p>${escapeXml(note)}</p>`).join("\n")}
<h2>Map</h2>
${map}
${labels.map(([column, rows]) => labelTable(column, rows)).join("\n")}
<h2>What the reference recognizes cells by</h2>
<p>${missingText(missing, nMissing)}</p>
<h2>For the methods section</h2>
<table class="provenance"><tbody>
${provenance.map(([name, value]) => `<tr><th scope="row">${escapeXml(name)}</th><td>${escapeXml(value)}</td></tr>`).join("\n")}
</tbody></table>
</body>
</html>
`;
}

function warningBox({ title, texts }: Warnings): string {
  const lines = texts.map((text) => `<p>${escapeXml(text)}</p>`);
  return `<div class="warning"><strong>⚠ Warning: ${escapeXml(title)}</strong>\n${lines.join("\n")}</div>`;
}

function labelTable(column: string, rows: LabelCount[]): string {
  const lines = rows.map((row) => {
    const numbers = countTexts(row).map((text) => `<td class="number">${text}</td>`);
    return `<tr><th scope="row">${escapeXml(row.label)}</th>${numbers.join("")}</tr>`;
  });
  const titles = COUNT_TITLES.map((title) => `<th scope="col" class="number">${title}</th>`);
  return `<h2>Labels: ${escapeXml(column)}</h2>
<table>
<thead><tr><th scope="col">label</th>${titles.join("")}</tr></thead>
<tbody>
${lines.join("\n")}
</tbody>
</table>`;
}

function missingText(missing: string[], nMissing: number): string {
  if (nMissing === 0) return "The file has everything that the reference recognizes cells by.";
  const more = nMissing > missing.length ? `, and ${count(nMissing - missing.length)} more` : "";
  const names = escapeXml(missing.join(", "));
  return nMissing === 1 ? `1 is not in the file: ${names}.` : `${count(nMissing)} are not in the file, the most important first: ${names}${more}.`;
}
