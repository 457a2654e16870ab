/** Offer content as a file; nothing leaves the browser. */

import { CELL_RANGER } from "./chosen-files";

export function download(name: string, parts: BlobPart[], type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Return a file name for an output of a query: its own name without the endings, and a new one. */
export function outputName(query: string, ending: string): string {
  const base = query.replace(CELL_RANGER, "").replace(/\.(gz|zip)$/i, "").replace(/\.(h5ad|h5mu|h5|csv|tsv|txt|mtx)$/i, "");
  return `${inFileName(base) || "cells"}${ending}`;
}

/** Return the ending of a picture of the map, which says what the map is colored by. */
export function mapEnding(coloring: string, extension: "png" | "svg"): string {
  return `.smile-map-${inFileName(coloring).replace(/^_+|_+$/g, "")}.${extension}`;
}

/** Return a text with all characters replaced that some system forbids in the name of a file. */
function inFileName(text: string): string {
  return text.replace(/[^\p{L}\p{N}._-]+/gu, "_");
}

/** Draw SVG as a PNG, twice as large, so that it stays sharp on slides. */
export async function pngOfSvg(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (blob === null) throw new Error("the browser could not draw the map as a PNG; save it as SVG instead");
    return blob;
  } finally {
    URL.revokeObjectURL(url);
  }
}
