/** Files from a drop, those in folders included. */

import { type ChosenFiles, namedFiles } from "./chosen-files";
import { count } from "./format";

const MAX_FILES = 1000;

class TooManyFilesError extends Error {
  constructor() {
    super(
      `The folder holds more than ${count(MAX_FILES)} files. Drop the file with the cells, or the folder that holds ` +
        "only its matrix, barcodes and features.",
    );
  }
}

/** Return the files of a drop. The entries must be taken before the event ends; the folders are read afterwards. */
export async function droppedFiles(transfer: DataTransfer): Promise<ChosenFiles> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const plain = Array.from(transfer.files);
  if (entries.length === 0) return namedFiles(plain);
  const found = await fileEntries(entries);
  const files = await Promise.all(found.map(file));
  return namedFiles(files, found.map(({ fullPath }) => fullPath.slice(1)));
}

async function fileEntries(entries: FileSystemEntry[]): Promise<FileSystemFileEntry[]> {
  const files: FileSystemFileEntry[] = [];
  const waiting = [...entries];
  for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
    if (entry.isDirectory) waiting.push(...(await children(entry as FileSystemDirectoryEntry)));
    else if (!entry.name.startsWith(".")) files.push(entry as FileSystemFileEntry);
    if (files.length + waiting.length > MAX_FILES) throw new TooManyFilesError();
  }
  return files;
}

async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...some);
    if (found.length > MAX_FILES) throw new TooManyFilesError();
  }
}

function file(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
