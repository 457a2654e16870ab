/** Lines of a UTF-8 text. */
import { type ByteSource, contentOf } from "./byte-source";

/** Yield lines without their ends, many at a time. */
export async function* linesOf(source: ByteSource): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest: string[] = []; // pieces of a line that is longer than a chunk
  for await (const chunk of contentOf(source)) {
    const text = decoder.decode(chunk, { stream: true });
    if (!text.includes("\n")) {
      rest.push(text);
      continue;
    }
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
  for await (const part of linesOf(source)) for (const line of part) lines.push(line);
  return lines;
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);
