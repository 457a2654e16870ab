/** Where to go with features of another kind than the chosen space takes. */

import { EngineError } from "../engine";
import type { SiteSpace } from "./catalogue";

/** Return the spaces that take the kind of features that an error names; all of them if it names none. */
export function spacesFor(error: unknown, spaces: SiteSpace[]): SiteSpace[] {
  const kind = error instanceof EngineError ? error.kind : undefined;
  return kind === undefined ? spaces : spaces.filter(({ kinds }) => kinds.includes(kind));
}

/** Return an error, which says which spaces of the page take the features of the query if the chosen one does not. */
export function withSpacesOfKind(error: unknown, spaces: SiteSpace[]): unknown {
  if (!(error instanceof EngineError) || error.kind === undefined) return error;
  const { kind, message } = error;
  const titles = spacesFor(error, spaces).map(({ title }) => title);
  const where =
    titles.length === 0
      ? `No reference on this page takes ${kind}`
      : `On this page, ${kind} are taken by: ${titles.join("; ")} (several modalities of one reference are chosen under Options)`;
  return new EngineError(error.code, `${message}. ${where}`, kind);
}
