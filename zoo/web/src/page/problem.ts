/** Errors as the reader of the page sees them: a sentence in an alert, which takes the focus. */

import { EngineError, type EngineErrorCode } from "../engine";
import { byId, element } from "./dom";
import { sentence } from "./format";
import { plainWords } from "./plain-words";

type Code = EngineErrorCode | "page";

const TITLES: Partial<Record<Code, string>> = {
  site: "The page is not complete",
  space: "The reference could not be opened",
  internal: "The page failed",
  page: "The page could not start",
};
const REPORT =
  " Reload the page and try again; if it happens again, please report it with the name of your browser.";
const QUERY_TITLE = "These cells could not be labeled";

/** Show an error; `help` stands below it, `title` above. */
export function showProblem(
  error: unknown,
  code: Code = error instanceof EngineError ? error.code : "internal",
  help: HTMLElement | null = null,
  title = TITLES[code] ?? QUERY_TITLE,
): void {
  const message = error instanceof Error ? error.message : String(error);
  const advice = code === "internal" ? REPORT : "";
  const alert = byId("alert");
  const heading = element("strong", {}, element("span", { "aria-hidden": "true" }, "✕ "), title);
  const text = element("p", {}, sentence(plainWords(message)) + advice);
  alert.replaceChildren(heading, text, ...(help === null ? [] : [help]));
  alert.focus();
}

export function clearProblem(): void {
  byId("alert").replaceChildren();
}

/** Say something to screen readers. */
export function announce(text: string): void {
  byId("status").textContent = text;
}
