/** Cells that are hidden by the legend, whatever the map is colored by then. */

import type { Categories } from "./coloring";

/** Hide or show all cells of a category. */
export function setHidden(hidden: Set<number>, { ids }: Categories, id: number, isHidden: boolean): void {
  ids.forEach((each, cell) => {
    if (each !== id) return;
    if (isHidden) hidden.add(cell);
    else hidden.delete(cell);
  });
}

/** Count the cells of each category that are shown, by its id. */
export function countShown({ ids, categories }: Categories, hidden: ReadonlySet<number>): Map<number, number> {
  const counts = new Map(categories.map(({ id }) => [id, 0]));
  ids.forEach((id, cell) => {
    if (!hidden.has(cell)) counts.set(id, counts.get(id)! + 1);
  });
  return counts;
}
