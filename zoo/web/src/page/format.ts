/** Numbers as texts, as the reports of the command write them. */

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function percent(fraction: number): string {
  return Number.isFinite(fraction) ? `${(100 * fraction).toFixed(1)}%` : "–";
}

export function fraction(value: number): string {
  return Number.isFinite(value) ? value.toFixed(3) : "–";
}

export function size(bytes: number): string {
  for (const [unit, amount] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]] as const) {
    if (bytes >= amount) return `${(bytes / amount).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}

export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Return a sentence: with a capital letter and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
