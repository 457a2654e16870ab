/** How much of what a reference recognizes cells by a file holds, and what it lacks. */

import type { QuerySummary } from "../engine";
import { element } from "./dom";
import { featureWords } from "./feature-words";
import { count, percent } from "./format";

/** Return each missing feature with its share of the weight, the most important first. */
export function missingTexts({ missing, missingWeight }: QuerySummary): string[] {
  return missing.map((name, index) => `${name} (${percent(missingWeight[index], 2)})`);
}

/** Return the content of the section. */
export function featureSection(query: QuerySummary): HTMLElement[] {
  const { missing, matched, measuredWeight, nFeatures } = query;
  const { many } = featureWords(query);
  const found = element(
    "p",
    {},
    `The reference uses ${count(matched + missing.length)} ${many}. Your file, with ${count(nFeatures)}, has ` +
      `${count(matched)} of them, which carry ${percent(measuredWeight)} of the weight: how much the reference relies on each.`,
  );
  if (missing.length === 0) return [found];
  const weight = `with ${percent(1 - measuredWeight)} of the weight`;
  const title = missing.length === 1 ? `1 is missing, ${weight}` : `${count(missing.length)} are missing, ${weight}; the most important first`;
  const scrolled = { className: "missing", tabIndex: 0, role: "region", "aria-label": `Missing ${many}` };
  const names = element("p", scrolled, missingTexts(query).join(", "));
  return [
    found,
    element(
      "p",
      {},
      "Missing ones are estimated from the measured ones; the more weight is missing, the less reliable the labels.",
    ),
    element("details", {}, element("summary", {}, title), names),
  ];
}
