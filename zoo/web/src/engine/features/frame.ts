/** Annotation of features: their names, and the text columns of `var`. */
export interface Frame {
  names: string[];
  columns: TextColumn[];
}

export interface TextColumn {
  name: string;
  /** Missing values are empty. */
  texts: string[];
}

/** Return some rows of a frame. */
export function takeRows({ names, columns }: Frame, rows: ArrayLike<number>): Frame {
  const take = (texts: string[]): string[] => Array.from(rows, (row) => texts[row]);
  return { names: take(names), columns: columns.map(({ name, texts }) => ({ name, texts: take(texts) })) };
}
