/** Verification of a file by its size and its sha256. */
import { sha256 } from "@noble/hashes/sha2.js"; // crypto.subtle is missing on pages served without TLS
import { bytesToHex } from "@noble/hashes/utils.js";
import { EngineError, type FileRecord } from "../engine";
import { grouped } from "../text";

/** Return the sha256 of some bytes as 64 hexadecimal digits. */
export const digestOf = (content: Uint8Array): string => bytesToHex(sha256(content));

/** What states the sha256 of files, and what to do about a file that differs. */
interface Pins {
  name: string;
  advice: string;
}

export const MANIFEST: Pins = { name: "the manifest", advice: "pull or build the space again" };
export const SITE: Pins = { name: "the list of spaces", advice: "copy the whole exported site again, and reload the page" };

/** Throw unless a content is the one that is pinned. */
export function requirePinned(
  name: string,
  content: Uint8Array,
  pinned: FileRecord | undefined,
  pins: Pins = MANIFEST,
): void {
  if (pinned === undefined) {
    throw new EngineError("space", `${pins.name} states no sha256 of ${name}, so it is not used; ${pins.advice}`);
  }
  if (content.length !== pinned.size) {
    throw new EngineError(
      "space",
      `${name} has ${grouped(content.length)} bytes, but ${pins.name} says ${grouped(pinned.size)}: it is truncated or ` +
        `was changed; ${pins.advice}`,
    );
  }
  const found = digestOf(content);
  if (found !== pinned.sha256) {
    throw new EngineError(
      "space",
      `${name} was changed: its sha256 is ${found.slice(0, 12)}…, but ${pins.name} says ${pinned.sha256.slice(0, 12)}…; ` +
        pins.advice,
    );
  }
}
