/** Names of label columns as a reader says them. */

/** Return `cell type (broad)` for `cell_type_broad` beside the primary column `cell_type`. */
export function levelTitle(column: string, primary: string): string {
  const words = (name: string) => name.replaceAll(/_+/g, " ").trim() || name;
  return column.startsWith(`${primary}_`) ? `${words(primary)} (${words(column.slice(primary.length + 1))})` : words(column);
}
