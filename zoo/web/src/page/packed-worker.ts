import packed from "virtual:packed-worker";
import { bytesOfBase64 } from "./base64";

/** Start the engine's worker from the page itself, for a page that is a single file. */
export async function startWorker(): Promise<Worker> {
  const source = new Blob([bytesOfBase64(packed)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = new Blob([await new Response(source).arrayBuffer()], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(script));
}
