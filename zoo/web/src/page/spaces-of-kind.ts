/** Which other spaces may suit a file. */

import { EngineError } from "../engine";
import type { SiteSpace } from "./catalogue";

/** Return the spaces that take the kind of features that an error names; all of them if it names none. */
export function spacesFor(error: unknown, spaces: SiteSpace[]): SiteSpace[] {
  const kind = error instanceof EngineError ? error.kind : undefined;
  return kind === undefined ? spaces : spaces.filter(({ kinds }) => kinds.includes(kind));
}

/** Return the spaces of the species of one of them that take a kind of features which it takes. */
export function spacesLike({ organism, kinds }: SiteSpace, spaces: SiteSpace[]): SiteSpace[] {
  return spaces.filter((space) => space.organism === organism && sharesKind(space, kinds));
}

/** Return the spaces that may take a file that one of them refuses, by what the error tells of its features. */
export function spacesAfter(error: unknown, refused: SiteSpace, spaces: SiteSpace[]): SiteSpace[] {
  if (!(error instanceof EngineError)) return [];
  if (error.kind !== undefined) return spacesFor(error, spaces);
  const { code, organism } = error;
  if (organism !== undefined) return spaces.filter((space) => space.organism === organism && sharesKind(space, refused.kinds));
  if (code === "space") return spacesLike(refused, spaces);
  return code === "features" ? spaces : []; // otherwise the file itself is at fault
}

function sharesKind(space: SiteSpace, kinds: string[]): boolean {
  return space.kinds.some((kind) => kinds.includes(kind));
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
