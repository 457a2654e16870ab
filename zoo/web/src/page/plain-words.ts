/** The engine's sentences, which are those of the command, in the words of this page. */

const WORDS: [RegExp, string][] = [
  [/ \(`smile-zoo suggest` ranks those that are here\)/g, ""],
  [/\b(the|this|a) query\b/g, "$1 file"],
  [/\b(the|this|a) space\b/g, "$1 reference"],
  [/\bfrom the studies of the reference\b/g, "from the studies that the reference was made of"],
  [/\bthe encoder's\b/g, "the reference's"],
  [/\bchoose an encoder\b/g, "choose a reference"],
  [/\bput the same kind of ids into adata\.var_names or a column of adata\.var\b/g,
    "name the genes alike in the file, in var_names or a column of var of an .h5ad file"],
  [/\bto var_names\b/g, "by the names in the file"],
  [/\bin var_names\b/g, "in the file"],
  [/\bby their own id\b/g, "by the same name"],
  [/\bNaN\b/g, "not a number"],
  [/\bin obs\b/g, "about cells"],
  [/\bnats\b/g, "units"],
];

/** Return a sentence of the engine in a reader's words. */
export function plainWords(text: string): string {
  return WORDS.reduce((sentence, [technical, plain]) => sentence.replace(technical, plain), text);
}
