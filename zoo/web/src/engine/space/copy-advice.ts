/** What a reader of the page does about a file that is missing or was changed on its way. */
import type { SpaceSource } from "../engine";

const LOCAL_HOSTS = ["127.0.0.1", "localhost", "[::1]"];
const SITE = "copy the whole exported site again, and reload the page";

/** Return what to do, by where the files come from: a single file, this computer, or a web server. */
export function copyAdvice(source: SpaceSource): string {
  if ("files" in source) return "copy this HTML file again";
  return LOCAL_HOSTS.includes(new URL(source.url).hostname) ? `start smile-zoo web again, or ${SITE}` : SITE;
}
