/** Layout of a text table, read off its first lines. */
import Papa from "papaparse";
import { EngineError } from "../engine";
import { grouped, quoted } from "../text";

const SEPARATORS = ["\t", ",", ";", " "];

export interface TableLayout {
  separator: string;
  /** Name above the names of the rows; empty if there is none. */
  corner: string;
  /** Names of the columns, without that of the names of the rows. */
  columns: string[];
  /** Number of lines before the first row. */
  nHeaderLines: number;
  /** Decimal mark: a point, or a comma where it does not separate values. */
  decimal: "." | ",";
}

/** Return the fields of a line, without their quotes. */
export function fieldsOf(line: string, separator: string): string[] {
  if (line === "") return [];
  if (!line.includes('"')) return line.split(separator);
  const { data, errors } = Papa.parse<string[]>(line, { delimiter: separator });
  const error = errors.find(({ type }) => type === "Quotes");
  if (error) throw new Error(`the quotes of the line ${quoted(line.slice(0, 40))} do not match`);
  return data[0] ?? [];
}

/** Read the layout off the lines at the beginning of a table. */
export function readLayout(lines: string[], name: string): TableLayout {
  const first = lines.findIndex((line) => line !== "" && !line.startsWith("#"));
  const [header, row] = [lines[first] ?? "", lines[first + 1] ?? ""];
  const count = (line: string, separator: string): number => line.split(separator).length - 1;
  const separator = SEPARATORS.reduce((best, each) => {
    const more = count(header, each) - count(header, best) || count(row, each) - count(row, best);
    return more > 0 ? each : best;
  });
  const [names, values] = [fieldsOf(header, separator), fieldsOf(row, separator)];
  const isNamed = names.length === values.length || names.length === values.length - 1;
  if (values.length < 2 || (separator === " " && !isNamed)) {
    throw new EngineError(
      "format",
      `${name} is text, but not a table of cells and features: a line with the names of one and then a line for each of ` +
        "the other are needed, separated by commas, semicolons or tabs",
    );
  }
  if (!isNamed) {
    throw new EngineError(
      "format",
      `${name} has ${grouped(names.length)} names in its first line, but ${grouped(values.length)} fields in its second; a ` +
        "name for each column is needed, save the table again",
    );
  }
  const [corner, columns] = names.length < values.length ? ["", names] : [names[0], names.slice(1)];
  requireNames(columns, name);
  const sample = lines.slice(first + 1).join("\n");
  return {
    separator,
    corner: corner.trim(),
    columns: columns.map((each) => each.trim()),
    nHeaderLines: first + 1,
    decimal: separator !== "," && new RegExp(`${separator}"?-?\\d+,\\d+`).test(sample) ? "," : ".",
  };
}

/** Throw if the first line holds values: numbers that repeat or are fractions. */
function requireNames(columns: string[], name: string): void {
  const areNumbers = columns.every((each) => each.trim() !== "" && !Number.isNaN(Number(each)));
  if (areNumbers && (new Set(columns).size < columns.length || columns.some((each) => each.includes(".")))) {
    throw new EngineError(
      "format",
      `${name} has numbers in its first line, but names of cells or of features are needed there; add them`,
    );
  }
}
