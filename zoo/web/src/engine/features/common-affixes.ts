/** A prefix or suffix that nearly all names of a query share, such as the genome of a mixed reference. */
import { quoted } from "../text";

const MIN_COMMON_FRACTION = 0.9;
const MAX_OWN_FRACTION = 0.1;
const N_SAMPLED_NAMES = 3;
const SEPARATOR = /[:._|-]+/g;
const LOCUS = /^(?:(?:.*[:._|-])?chr\w+[:._-].*|[^\p{L}]+)$/iu;

export interface CommonAffixes {
  prefix: string;
  suffix: string;
}

export const NO_AFFIXES: CommonAffixes = { prefix: "", suffix: "" };

/** Describe the affixes: `begin with 'GRCh38_'`; empty if there are none. */
export function describeAffixes({ prefix, suffix }: CommonAffixes): string {
  const parts = [prefix && `begin with ${quoted(prefix)}`, suffix && `end with ${quoted(suffix)}`];
  return parts.filter(Boolean).join(" and ");
}

/** Return a name without the affixes. */
export function dropAffixes({ prefix, suffix }: CommonAffixes, name: string): string {
  let rest = prefix && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  if (suffix && rest.endsWith(suffix)) rest = rest.slice(0, -suffix.length);
  return rest || name;
}

/** Return the longest affixes that at least 90% of a query's names have, and the encoder's ids lack. */
export const findCommonAffixes = (names: readonly string[], ownIds: readonly string[]): CommonAffixes => ({
  prefix: commonPrefix(names, ownIds),
  suffix: reversed(commonPrefix(names.map(reversed), ownIds.map(reversed))),
});

const reversed = (name: string): string => [...name].reverse().join("");

function commonPrefix(names: readonly string[], ownIds: readonly string[]): string {
  const step = Math.max(1, Math.floor(names.length / N_SAMPLED_NAMES));
  const sampled = names.filter((_, index) => index % step === 0);
  const common = [...new Set(sampled.flatMap(prefixesOf))].filter(
    (prefix) => fraction(names, prefix) >= MIN_COMMON_FRACTION && fraction(ownIds, prefix) <= MAX_OWN_FRACTION,
  );
  return common.reduce((longest, prefix) => (prefix.length > longest.length ? prefix : longest), "");
}

/** Return the parts of a name up to each separator, except for coordinates: all peaks may lie on one chromosome. */
const prefixesOf = (name: string): string[] =>
  [...name.matchAll(SEPARATOR)]
    .map((hit) => name.slice(0, hit.index + hit[0].length))
    .filter((prefix) => !LOCUS.test(prefix));

const fraction = (names: readonly string[], prefix: string): number =>
  names.filter((name) => name.startsWith(prefix)).length / Math.max(1, names.length);
