/** The feature table of an encoder: ids and reference statistics, in the order of the graph's inputs. */
import { EngineError } from "../engine";

export interface FeatureTable {
  ids: string[];
  mean: Float64Array;
  std: Float64Array;
  weight: Float64Array;
  idf: Float64Array | null;
  band: Int32Array | null;
  ensembl: string[] | null;
  symbol: string[] | null;
}

/** Read a table from the text of its file. */
export function parseFeatureTable(content: Uint8Array, origin: string): FeatureTable {
  const lines = new TextDecoder().decode(content).replace(/\n$/, "").split("\n");
  const header = lines[0].split("\t");
  const rows = lines.slice(1).map((line) => line.split("\t"));
  const texts = (name: string): string[] | null => {
    const column = header.indexOf(name);
    return column < 0 ? null : rows.map((row) => row[column] ?? "");
  };
  const numbers = (name: string): Float64Array | null => {
    const column = texts(name);
    return column && Float64Array.from(column, Number);
  };
  const [ids, mean, std, weight] = [texts("id"), numbers("mean"), numbers("std"), numbers("weight")];
  if (!ids?.length || !mean || !std || !weight || mean.some(Number.isNaN) || weight.some(Number.isNaN)) {
    throw new EngineError(
      "space",
      `${origin} is not a feature table: it needs the columns id, mean, std, weight and one line per feature`,
    );
  }
  const band = numbers("band");
  return {
    ids,
    mean,
    std,
    weight,
    idf: numbers("idf"),
    band: band && Int32Array.from(band),
    ensembl: texts("ensembl"),
    symbol: texts("symbol"),
  };
}
