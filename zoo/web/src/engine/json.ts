/** JSON of files, whose keys may be names such as `constructor` and `__proto__`. */

/** Decode JSON; its objects have their own members alone, so that no name in a file means a member of all objects. */
export function parseJson(content: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content), (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.assign(Object.create(null), value)
      : value,
  );
}
