import packed from "virtual:packed-worker";

/** Start the engine's worker from the page itself, for a page that is a single file. */
export async function startWorker(): Promise<Worker> {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const source = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = new Blob([await new Response(source).arrayBuffer()], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(script));
}
