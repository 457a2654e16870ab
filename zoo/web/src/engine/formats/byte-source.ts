/** Content of a file or of a member of a zip archive, in chunks, decompressed if it is gzip. */
import { GzipReader } from "./gzip-reader";

const GZIP_SIGNATURE = [0x1f, 0x8b];
const MAX_GZIP_BYTES = 65_536; // decompressed at a time, into at most a thousand times as many

export interface ByteSource {
  name: string;
  /** Folder that it lies in, of those in an archive or given together; empty for none. */
  folder: string;
  chunks(): AsyncGenerator<Uint8Array>;
}

/** Return the content of a file. */
export const sourceOf = (file: File, folder = ""): ByteSource => ({
  name: file.name,
  folder,
  chunks: () => chunksOf(file.stream()),
});

/** Return name and folder of a source. */
export const pathOf = ({ name, folder }: ByteSource): string => (folder === "" ? name : `${folder}/${name}`);

/** Yield the chunks of a stream, which is cancelled if not all are taken. */
export async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}

/** Return whether the first chunk of a source is that of a gzip file. */
export const isGzip = (chunk: Uint8Array): boolean => GZIP_SIGNATURE.every((byte, at) => chunk[at] === byte);

/** Yield the content of a source, decompressed if it is gzip, also of several members. */
export async function* contentOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  let gzip: GzipReader | null = null;
  let isFirst = true;
  for await (const chunk of source.chunks()) {
    if (isFirst && isGzip(chunk)) gzip = new GzipReader();
    isFirst = false;
    if (!gzip) yield chunk;
    else for (let at = 0; at < chunk.length; at += MAX_GZIP_BYTES) yield* gzip.push(chunk.subarray(at, at + MAX_GZIP_BYTES));
  }
  if (gzip) yield* gzip.finish();
}

/** Return up to `n` bytes of the start of a source. */
export async function startOf(source: ByteSource, n: number): Promise<Uint8Array> {
  const start = new Uint8Array(n);
  let size = 0;
  for await (const chunk of contentOf(source)) {
    const part = chunk.subarray(0, n - size);
    start.set(part, size);
    size += part.length;
    if (size === n) break;
  }
  return start.subarray(0, size);
}
