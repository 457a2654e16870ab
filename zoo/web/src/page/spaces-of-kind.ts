/** Where to go with features of another kind than the chosen space takes. */

import { EngineError } from "../engine";
import type { SiteSpace } from "./catalogue";

/** Return an error, which says which spaces of the page take the features of the query if the chosen one does not. */
export function withSpacesOfKind(error: unknown, spaces: SiteSpace[]): unknown {
  if (!(error instanceof EngineError) || error.kind === undefined) return error;
  const { kind, message } = error;
  const titles = spaces.filter(({ kinds }) => kinds.includes(kind)).map(({ title }) => title);
  const where =
    titles.length === 0
      ? `No space of this page takes ${kind}`
      : `On this page, ${kind} are taken by: ${titles.join("; ")} (several modalities of one space are chosen under Options)`;
  return new EngineError(error.code, `${message}. ${where}`, kind);
}
