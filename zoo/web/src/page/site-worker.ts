import workerUrl from "../engine/worker?worker&url";

/**
 * Start the engine's worker from a blob: URL: such a worker inherits the page's Content-Security-Policy, while one that
 * is loaded from its address has that of the server's headers, which an exported site may lack.
 */
export async function startWorker(): Promise<Worker> {
  const address = new URL(workerUrl, document.baseURI).href;
  const source = new Blob([`import ${JSON.stringify(address)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(source), { type: "module" });
}
