/** Verification of a file by its size and its sha256. */
import { sha256 } from "@noble/hashes/sha2.js"; // crypto.subtle is missing on pages served without TLS
import { bytesToHex } from "@noble/hashes/utils.js";
import { EngineError, type FileRecord } from "../engine";
import { grouped } from "../text";

/** Return the sha256 of some bytes as 64 hexadecimal digits. */
export const digestOf = (content: Uint8Array): string => bytesToHex(sha256(content));

/** What states the sha256 of files. */
type Pins = "the manifest" | "the list of spaces";

/** Throw unless a content is the one that is pinned; `advice` says what to do about another one. */
export function requirePinned(
  name: string,
  content: Uint8Array,
  pinned: FileRecord | undefined,
  pins: Pins,
  advice: string,
): void {
  if (pinned === undefined) {
    throw new EngineError("space", `${pins} states no sha256 of ${name}, so it is not used; ${advice}`);
  }
  if (content.length !== pinned.size) {
    throw new EngineError(
      "space",
      `${name} has ${grouped(content.length)} bytes, but ${pins} says ${grouped(pinned.size)}: it is truncated or was ` +
        `changed; ${advice}`,
    );
  }
  const found = digestOf(content);
  if (found !== pinned.sha256) {
    throw new EngineError(
      "space",
      `${name} was changed: its sha256 is ${found.slice(0, 12)}…, but ${pins} says ${pinned.sha256.slice(0, 12)}…; ${advice}`,
    );
  }
}
