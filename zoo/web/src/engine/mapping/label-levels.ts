/** Levels of label columns: which columns are finer, and which labels say nothing about a finer level. */
import type { LabelColumnRecord } from "../space/manifest";

type Columns = readonly LabelColumnRecord[];

/** Return the columns that a column nests in, from fine to coarse. */
function coarserColumns(column: LabelColumnRecord, columns: Columns): LabelColumnRecord[] {
  const result: LabelColumnRecord[] = [];
  while (column.within) {
    const { within } = column;
    column = columns.find(({ name }) => name === within)!;
    result.push(column);
  }
  return result;
}

/** Return the indices of all columns, each after the columns that it nests in. */
export function orderByLevel(columns: Columns): number[] {
  const depth = columns.map((column) => coarserColumns(column, columns).length);
  return columns.map((_, index) => index).sort((a, b) => depth[a] - depth[b]);
}

/** Return whether a column is finer than the primary one, which is the first. */
export const isFinerLevel = (column: LabelColumnRecord, columns: Columns): boolean =>
  coarserColumns(column, columns).some(({ name }) => name === columns[0].name);

/** Return whether each label of each column says nothing about that level, because other cells have finer labels. */
export function undeterminedLabels(columns: Columns): boolean[][] {
  return columns.map((column) => {
    if (!isFinerLevel(column, columns)) return column.labels.map(() => false);
    const coarser = coarserColumns(column, columns)[0].labels;
    const parents = column.parents ?? [];
    return column.labels.map((label, index) => {
      const parent = parents[index];
      return parent >= 0 && label === coarser[parent] && parents.filter((each) => each === parent).length > 1;
    });
  });
}
