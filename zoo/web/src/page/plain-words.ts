/** The engine's sentences, which are those of the command, in the words of this page. */

const WORDS: [RegExp, string][] = [
  [/ \(`smile-zoo suggest` ranks those that are here\)/g, ""],
  [/\bin var_names, the query repeats\b/g, "the file repeats"],
  [/\bin var\[('.+?')\], the query repeats\b/g, "in its column $1, the file repeats"],
  [/,( or)? state (counts( if these are estimated counts)?|their kind|the target)\b/g, ""], // the page has no such option
  [/\bprovide ((raw )?counts( or log-normalized values)?)$/, "export $1 from the program that made this file"],
  [/\bIn this query (.+ holds .+)$/, "In this file, $1: choose it under Options"],
  [/\bIn this query (?=\S)/, "In this file, "],
  [/\bholds lognorm\b/g, "holds log-normalized values"],
  [/\bprovide all measured features, using ids from the space\b/g,
    "use a file that holds all measured features, named as in the reference"],
  [
    /\bthe query measured only (\S+%) of the encoder's feature weight \((.+? of .+?) features; /g,
    "the file has only $2 features, with $1 of the weight by which the reference recognizes cells (",
  ],
  [/\b(the|this|a) query\b/g, "$1 file"],
  [/\b(two|separate) queries\b/g, "$1 files"],
  [/\b(the|this|a) space\b/g, "$1 reference"],
  [/\bfrom the studies of the reference\b/g, "from the studies that the reference was made of"],
  [/\b(the|this) encoder\b(?! of)/g, "the reference"],
  [/\ban encoder\b/g, "a reference"],
  [/\bproject (it|them)\b/g, "label $1"],
  [/\bcannot be projected\b/g, "cannot be labeled"],
  [/\bput the same kind of ids into adata\.var_names or a column of adata\.var\b/g,
    "name the genes in your file as the reference does; an .h5ad file may hold these names in any column of var"],
  [/\bput names or ids of that kind into adata\.var_names or a column of adata\.var\b/g,
    "name them in the same way; an .h5ad file may hold the names in any column of var"],
  [/\bafter searching var_names and the columns (.+?) of var\b/g, "after searching the names and the columns $1 of the file"],
  [/\bto var_names\b/g, "by the names in the file"],
  [/\bto var\[('.+?')\]/g, "by the column $1 of the file"],
  [/\bin var_names\b/g, "in the file"],
  [/\bby their own id\b/g, "by the same name"],
  [/(?<!Ensembl )\bids\b/g, "names"],
  [/\b(features?|values?) (are|is) NaN\b/g, "$1 $2 missing (NaN)"],
  [/\bby their NaN\b/g, "by the values that are missing"],
  [/\bhold NaN in\b/g, "lack values in"],
  [/\bin obs\b/g, "about cells"],
  [/\bthe manifest says\b/g, "it should be"],
];

/** Return a sentence of the engine in a reader's words. */
export function plainWords(text: string): string {
  return WORDS.reduce((sentence, [technical, plain]) => sentence.replace(technical, plain), text);
}
