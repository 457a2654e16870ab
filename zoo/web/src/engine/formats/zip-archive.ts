/** Zip archives: their members are read as streams, and each is compared with its size and CRC-32. */
import type { FileEntry } from "@zip.js/zip.js";
import { EngineError } from "../engine";
import { loadedCode } from "../page-code";
import { type ByteSource, chunksOf } from "./byte-source";

const MAX_MEMBERS = 1000;

/** Return the members of an archive, none of which is kept in memory. */
export async function zipMembers(file: File): Promise<ByteSource[]> {
  const { BlobReader, ZipReader } = await loadedCode(import("./zip-library"));
  const reader = new ZipReader(new BlobReader(file), { useWebWorkers: false, checkSignature: true });
  const members: ByteSource[] = [];
  for await (const entry of reader.getEntriesGenerator()) {
    if (entry.directory || /(^|\/)(\._|__MACOSX)/.test(entry.filename)) continue;
    if (members.length === MAX_MEMBERS) {
      throw new EngineError(
        "query",
        `${file.name} holds more than ${MAX_MEMBERS} files; unpack it, and give the file with the cells, or the three files of ` +
          "one matrix",
      );
    }
    const names = entry.filename.split("/");
    members.push({ name: names.at(-1)!, folder: names.slice(0, -1).join("/"), chunks: () => memberChunks(entry) });
  }
  return members;
}

async function* memberChunks(entry: FileEntry): AsyncGenerator<Uint8Array> {
  let stop = (_: unknown): void => {};
  const start = (controller: TransformStreamDefaultController): void => {
    stop = (error) => controller.error(error);
  };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({ start });
  const checked = entry.getData(writable);
  checked.catch((error) => stop(error)); // zip.js leaves the stream open if it refuses a member
  try {
    yield* chunksOf(readable);
    await checked;
  } catch (error) {
    throw new Error(`${entry.filename} in it is damaged (${(error as Error).message})`);
  }
}
