/** Lines of a UTF-8 text. */
import { EngineError } from "../engine";
import { type ByteSource, contentOf } from "./byte-source";

const MAX_LINE_CHARS = 100_000_000;
const MAX_KEPT_CHARS = 400_000_000; // 800 MB at most

/** Counts the characters of names and other texts that are kept in memory, of which a small archive may hold too many. */
export class KeptChars {
  #n = 0;

  constructor(readonly file: string) {}

  add(n: number): void {
    this.#n += n;
    if (this.#n <= MAX_KEPT_CHARS) return;
    throw new EngineError(
      "query",
      `the names and texts in ${this.file} have more than 400 million characters, which this page does not keep; check the ` +
        "file, or project it with the smile-zoo command",
    );
  }
}

/** Yield lines without their ends, many at a time. */
export async function* linesOf(source: ByteSource): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest: string[] = []; // pieces of a line that is longer than a chunk
  let restLength = 0;
  for await (const chunk of contentOf(source)) {
    const text = decoder.decode(chunk, { stream: true });
    if (!text.includes("\n")) {
      rest.push(text);
      restLength += text.length;
      if (restLength > MAX_LINE_CHARS) throw new Error("a line is longer than 100 million characters");
      continue;
    }
    restLength = 0;
    const lines = [...rest, text].join("").split("\n");
    rest = [lines.pop()!];
    yield lines.map(withoutReturn);
  }
  const last = [...rest, decoder.decode()].join("");
  if (last) yield [withoutReturn(last)];
}

/** Return all lines. */
export async function allLines(source: ByteSource): Promise<string[]> {
  const lines: string[] = [];
  const kept = new KeptChars(source.name);
  for await (const part of linesOf(source)) {
    for (const line of part) {
      kept.add(line.length + 1);
      lines.push(line);
    }
  }
  return lines;
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);
