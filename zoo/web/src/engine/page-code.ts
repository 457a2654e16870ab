/** Files of the page's own code, which are loaded when they are needed. */
import { EngineError } from "./engine";
import { adviceFor } from "./space/copy-advice";

/** Return the error for a file of code that the site lacks, or whose server does not answer. */
export function missingCode(): EngineError {
  const { origin = "null" } = globalThis.location ?? {};
  return new EngineError("site", `a file of the page's code cannot be loaded; ${adviceFor(origin === "null" ? null : origin)}`);
}

/** Return a module that is being loaded. */
export async function loadedCode<T>(module: Promise<T>): Promise<T> {
  try {
    return await module;
  } catch {
    throw missingCode();
  }
}
