/** Content of a file or of a member of a zip archive, in chunks, decompressed if it is gzip. */
import { Unzip, type UnzipFile, UnzipInflate } from "fflate";
import { GzipReader } from "./gzip-reader";

const GZIP_SIGNATURE = [0x1f, 0x8b];

export interface ByteSource {
  name: string;
  chunks(): AsyncGenerator<Uint8Array>;
}

/** Return the content of a file. */
export const sourceOf = (file: File): ByteSource => ({ name: file.name, chunks: () => chunksOf(file) });

async function* chunksOf(file: Blob): AsyncGenerator<Uint8Array> {
  const reader = file.stream().getReader();
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
    if (gzip) yield* gzip.push(chunk);
    else yield chunk;
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

/** Return the members of a zip archive, none of which is kept in memory. */
export async function zipMembers(file: File): Promise<ByteSource[]> {
  const names: string[] = [];
  await unzipped(file, ({ name }) => names.push(name));
  const shown = names.filter((name) => !name.endsWith("/") && !/(^|\/)(\._|__MACOSX)/.test(name));
  return shown.map((name) => ({ name: name.split("/").at(-1)!, chunks: () => memberChunks(file, name) }));
}

async function* memberChunks(file: File, wanted: string): AsyncGenerator<Uint8Array> {
  let out: Uint8Array[] = [];
  let isDone = false;
  let failure: Error | null = null;
  const unzip = new Unzip((member) => {
    if (member.name !== wanted) return;
    member.ondata = (error, data, final) => {
      failure ??= error;
      if (data) out.push(data);
      isDone ||= final;
    };
    member.start();
  });
  unzip.register(UnzipInflate);
  for await (const chunk of chunksOf(file)) {
    unzip.push(chunk);
    if (failure) throw failure;
    yield* out;
    out = [];
    if (isDone) return;
  }
  throw new Error(`the archive ends within ${wanted}`);
}

async function unzipped(file: File, found: (member: UnzipFile) => void): Promise<void> {
  const unzip = new Unzip(found);
  unzip.register(UnzipInflate);
  for await (const chunk of chunksOf(file)) unzip.push(chunk);
}
