/** Lines of a UTF-8 text. */
import { type ByteSource, contentOf } from "./byte-source";

/** Yield lines without their ends, many at a time. */
export async function* linesOf(source: ByteSource): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of contentOf(source)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    if (lines.length) yield lines.map(withoutReturn);
  }
  rest += decoder.decode();
  if (rest) yield [withoutReturn(rest)];
}

/** Return all lines. */
export async function allLines(source: ByteSource): Promise<string[]> {
  const lines: string[] = [];
  for await (const part of linesOf(source)) for (const line of part) lines.push(line);
  return lines;
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);
