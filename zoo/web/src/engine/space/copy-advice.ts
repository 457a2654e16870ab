/** What a reader of the page does about a file that is missing or was changed on its way. */
import type { SpaceSource } from "../engine";

const LOCAL_HOSTS = ["127.0.0.1", "localhost", "[::1]"];
const SITE = "copy the whole exported site again, and reload the page";

/** Return what to do about a file of a space. */
export const copyAdvice = (source: SpaceSource): string => adviceFor("files" in source ? null : source.url);

/** Return what to do, by the address that files come from: this computer or a web server; null for a single file. */
export function adviceFor(url: string | null): string {
  if (url === null) return "copy this HTML file again";
  return LOCAL_HOSTS.includes(new URL(url).hostname) ? `start smile-zoo web again, or ${SITE}` : SITE;
}
