/** Numbers as texts, as the reports of the command write them. */

import { percent as shareText } from "../engine";

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function percent(fraction: number, digits = 1): string {
  return Number.isFinite(fraction) ? shareText(fraction, digits) : "–";
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

/** Return a sentence: with a capital letter, unless it starts with the name of a file or a feature, or an address, and a full stop. */
export function sentence(text: string): string {
  const capital = text.trim().replace(/^[a-z]+(?=[\s,;]|:\s|$)/, (word) => word[0].toUpperCase() + word.slice(1));
  return capital === "" || /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Return a value on a scale, or an end of the scale. */
export function scaleValue(value: number): string {
  if (Math.abs(value) >= 1e6) return value.toExponential(2);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.1 ? value.toPrecision(2) : value.toFixed(2);
}
