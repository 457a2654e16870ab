/** Verification of a file by the size and the sha256 that the manifest pins. */
import { sha256 } from "@noble/hashes/sha2.js"; // crypto.subtle is missing on pages served without TLS
import { bytesToHex } from "@noble/hashes/utils.js";
import { EngineError } from "../engine";
import { grouped } from "../text";
import type { FileRecord } from "./manifest";

/** Return the sha256 of some bytes as 64 hexadecimal digits. */
export const digestOf = (content: Uint8Array): string => bytesToHex(sha256(content));

/** Throw unless a content is the one that the manifest pins. */
export function requirePinned(name: string, content: Uint8Array, pinned: FileRecord | undefined): void {
  if (pinned === undefined) {
    throw new EngineError("space", `the manifest uses ${name} without its sha256; do not use this space`);
  }
  if (content.length !== pinned.size) {
    throw new EngineError(
      "space",
      `${name} has ${grouped(content.length)} bytes, but the manifest says ${grouped(pinned.size)}: it is truncated or ` +
        "was changed; pull or build the space again",
    );
  }
  const found = digestOf(content);
  if (found !== pinned.sha256) {
    throw new EngineError(
      "space",
      `${name} was changed: its sha256 is ${found.slice(0, 12)}…, but the manifest says ${pinned.sha256.slice(0, 12)}…; ` +
        "pull or build the space again",
    );
  }
}
