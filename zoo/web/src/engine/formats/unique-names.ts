/** Names of cells and features read from other formats. */

/** Return names with `-1`, `-2`, ... appended to repeated ones, as anndata does. */
export function uniqueNames(names: string[]): string[] {
  const taken = new Set(names);
  if (taken.size === names.length) return names;
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  return names.map((name) => {
    if (!seen.has(name)) {
      seen.add(name);
      return name;
    }
    let number = counts.get(name) ?? 0;
    let other: string;
    do other = `${name}-${++number}`;
    while (taken.has(other));
    counts.set(name, number);
    taken.add(other);
    return other;
  });
}

/** Return unique names of features; a gene keeps its name although an antibody before it has the same. */
export function uniqueFeatures(names: string[], types: string[] | undefined): string[] {
  if (!types) return uniqueNames(names);
  const isOther = (index: number): boolean => types[index] !== "Gene Expression";
  const order = Array.from(names.keys()).sort((a, b) => Number(isOther(a)) - Number(isOther(b)) || a - b);
  const unique = uniqueNames(order.map((index) => names[index]));
  const result = new Array<string>(names.length);
  order.forEach((index, place) => (result[index] = unique[place]));
  return result;
}
