/** Genomic intervals (peaks and bins): one spelling for the notations of different tools. */
const NUMBER = "(\\d{1,10}|\\d{1,3}(?:,\\d{3}){1,2}|\\d(?:,\\d{3}){3})";
const INTERVAL = new RegExp(`^(?:chr)?(.+?)[:._-]${NUMBER}[._-]${NUMBER}$`, "i");
const MIN_INTERVAL_FRACTION = 0.9;
const MAX_CHECKED_NAMES = 1000;

/** Return the interval spelled as `1:100-200`; null for other names. */
export function parseInterval(name: string): string | null {
  const parsed = INTERVAL.exec(name);
  if (!parsed) return null;
  const chromosome = parsed[1].toUpperCase();
  const [start, end] = [parsed[2], parsed[3]].map((number) => Number(number.replaceAll(",", "")));
  return start < end ? `${chromosome === "M" ? "MT" : chromosome}:${start}-${end}` : null;
}

/** Return the interval in its one spelling, and any other name unchanged. */
export const normalizeInterval = (name: string): string => parseInterval(name) ?? name;

/** Return whether more than 90% of the names are intervals, judged by about a thousand of them. */
export function areIntervals(names: readonly string[]): boolean {
  const step = Math.max(1, Math.floor(names.length / MAX_CHECKED_NAMES));
  const checked = names.filter((_, index) => index % step === 0);
  return checked.filter((name) => parseInterval(name) !== null).length > MIN_INTERVAL_FRACTION * checked.length;
}
