// Embeds the cells of a JSON or TSV file and prints the embeddings as JSON.
import { readFile } from "node:fs/promises";
import { embed, openEncoder } from "./embed.mjs";

const [space, file, modality, ...more] = process.argv.slice(2);
if (!file || more.length) {
  console.error("Usage: node embed-cells.mjs SPACE CELLS.json|CELLS.tsv [MODALITY]");
  process.exit(2);
}
try {
  const { cells, names } = parse(await readFile(file, "utf8"), file.endsWith(".tsv"));
  const embeddings = await embed(await openEncoder(space, modality), cells, names);
  console.log(JSON.stringify(embeddings.map((embedding) => Array.from(embedding))));
} catch (error) {
  console.error(`Error: ${error.message}`);
  process.exitCode = 1;
}

/** JSON: an array of cells, or {names, cells}. TSV: a line of names, then a line for each cell, its id first. */
function parse(text, isTable) {
  if (!isTable) {
    const content = JSON.parse(text);
    return Array.isArray(content) ? { cells: content } : content;
  }
  const [[, ...names], ...lines] = text.split(/\r?\n/).filter(Boolean).map((line) => line.split("\t"));
  return { names, cells: lines.map(([, ...values]) => values.map((value) => (value.trim() ? Number(value) : NaN))) };
}
