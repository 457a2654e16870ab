// Embeds cells with a space directory and ONNX Runtime alone; ../javascript.md says how, and what changes in a browser.
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-node";

const read = (folder, name) =>
  readFile(`${folder}/${name}`).catch(({ code }) => {
    throw new Error(`${folder}/${name} cannot be read (${code}); give a space directory`);
  });

/** Read a file of the space, which must be the one that its manifest lists. */
async function readListed(folder, name, files) {
  const content = await read(folder, name);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (sha256 === files[name]?.sha256) return content;
  throw new Error(`${folder}/${name} is not the file that config.json lists; get the space again`);
}

/** Open the encoder of one modality, which need not be named where the space has only one. */
export async function openEncoder(folder, modality) {
  const config = JSON.parse(new TextDecoder().decode(await read(folder, "config.json")));
  if (config.format !== "smile-space" || config.format_version !== 4) {
    throw new Error(`${folder} is ${config.format} ${config.format_version}; this example reads smile-space 4`);
  }
  const known = Object.keys(config.encoders);
  const chosen = modality ?? (known.length === 1 ? known[0] : "by default");
  if (!known.includes(chosen)) {
    throw new Error(`${config.name} has no modality ${chosen}; choose one of: ${known.join(", ")}`);
  }
  const { features, graph, min_matched, preprocessing } = config.encoders[chosen];
  const table = new TextDecoder().decode(await readListed(folder, features, config.files)).trimEnd().split("\n");
  const [header, ...rows] = table.map((line) => line.split("\t"));
  const [id, weight] = [header.indexOf("id"), header.indexOf("weight")];
  return {
    features: new Map(rows.map((row, index) => [row[id], { index, weight: Number(row[weight]) }])),
    leastWeight: min_matched,
    preprocessing,
    session: await ort.InferenceSession.create(await readListed(folder, graph, config.files)),
  };
}

/**
 * Embed cells: a Float32Array of length 1 for each, whatever the cells beside it.
 *
 * A cell is an object {feature: value}, or an array of values in the order of `names`. Measured is what `names` and the
 * cell itself name: give `names` where cells leave out their zeros, and leave out of both what was not measured.
 */
export async function embed(encoder, cells, names = []) {
  if (new Set(names).size < names.length) throw new Error("names has a feature twice; add the two up or drop one");
  if (!Array.isArray(cells)) throw new Error("cells is not an array; give an array of objects or of arrays");
  if (cells.length === 0) return [];
  const { size } = encoder.features;
  const X = new Float32Array(cells.length * size).fill(NaN); // NaN: not measured
  const sizeFactor = new Float32Array(cells.length);
  const zeros = names.filter((name) => encoder.features.has(name)).map((name) => [name, 0]);
  cells.forEach((cell, row) => {
    const given = entries(cell, names, row);
    requireValues(encoder.preprocessing.values, given, row);
    const measured = new Map([...zeros, ...given.filter(([name]) => encoder.features.has(name))]);
    requireWeight(encoder, measured, row);
    for (const [name, value] of measured) X[row * size + encoder.features.get(name).index] = value;
    const total = given.reduce((sum, [, value]) => sum + value, 0); // over what the encoder lacks, too
    sizeFactor[row] = total > 0 ? (encoder.preprocessing.target_sum ?? total) / total : 1;
  });
  const inputs = {
    X: new ort.Tensor("float32", X, [cells.length, size]),
    size_factor: new ort.Tensor("float32", sizeFactor, [cells.length, 1]),
  };
  const { data, dims } = (await encoder.session.run(inputs, ["embedding"])).embedding;
  return cells.map((_, row) => data.slice(row * dims[1], (row + 1) * dims[1]));
}

function entries(cell, names, row) {
  if (!Array.isArray(cell) && !ArrayBuffer.isView(cell)) return Object.entries(cell);
  if (cell.length !== names.length) throw new Error(`cell ${row} has ${cell.length} values for ${names.length} names`);
  return names.map((name, column) => [name, cell[column]]);
}

function requireValues(kind, given, row) {
  const anyNumber = ["levels", "numbers"].includes(kind); // NaN, too: not measured
  const fits = (value) => typeof value === "number" && (anyNumber || (value >= 0 && value < Infinity));
  const [name, value] = given.find(([, value]) => !fits(value)) ?? [];
  if (name === undefined) return;
  const what = typeof value === "number" ? value : `${value}, a ${typeof value}`;
  throw new Error(`cell ${row} has ${name} = ${what}; numbers${anyNumber ? "" : " of at least 0"} are needed`);
}

function requireWeight({ features, leastWeight }, measured, row) {
  const weight = [...measured.keys()].reduce((sum, name) => sum + features.get(name).weight, 0);
  if (measured.size > 0 && weight > leastWeight - 1e-6) return;
  throw new Error(
    `cell ${row} has ${measured.size} of the space's ${features.size} features, ${(100 * weight).toFixed(1)}% of ` +
      `the encoder's feature weight (${(100 * leastWeight).toFixed(1)}% is needed); they are named like ` +
      `${[...features.keys()].slice(0, 3).join(", ")}; where cells leave out their zeros, give names`,
  );
}
