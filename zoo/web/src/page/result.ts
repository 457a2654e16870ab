/** A projected query, and its label columns. */

import type { LabelColumn, Projection, QuerySummary, SpaceSummary } from "../engine";

export interface Result {
  query: QuerySummary;
  projection: Projection;
}

/** Return the label columns that were projected, the primary one first; none if the space has no labels. */
export function labelColumns(space: SpaceSummary, { projection }: Pick<Result, "projection">): LabelColumn[] {
  const columns = space.columns.filter(({ name }) => projection.columns.has(name));
  const isPrimary = ({ name }: LabelColumn) => Number(name === space.primary);
  return columns.sort((a, b) => isPrimary(b) - isPrimary(a));
}
