/** Numbers and names as Python's messages write them. */

/** A whole number with commas between thousands. */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en-US");

const SINGULAR: Record<string, string> = { are: "is", have: "has", were: "was" };

/** A number with its noun, and the verb that follows: `1 value is`, `2 cells hold`, of a total `1 of 300 cells has`. */
export function counted(n: number, noun: string, verb = "", of?: number): string {
  const amount = of === undefined ? grouped(n) : `${grouped(n)} of ${grouped(of)}`;
  const verbs = n === 1 && verb !== "" ? (SINGULAR[verb] ?? `${verb}s`) : verb;
  return `${amount} ${(of ?? n) === 1 ? noun : `${noun}s`} ${verbs}`.trimEnd();
}

const SUM_ERROR = 1e-6; // of shares that add up to all

/** A share in percent, with so many decimals, in which neither some is rounded to none nor most to all. */
export function percent(share: number, digits = 0): string {
  const step = 10 ** -(digits + 2);
  const text = (value: number): string => `${(100 * value).toFixed(digits)}%`;
  if (share > 0 && share < step / 2) return `<${text(step)}`;
  if (share > 1 - step / 2 && share < 1 - SUM_ERROR) return `>${text(1 - step)}`;
  return text(share);
}

/** A number with so many significant digits, as `:,.4g` writes it. */
export function general(value: number, digits = 4): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent >= digits) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    const sign = power.startsWith("-") ? "-" : "+";
    return `${trimmed(mantissa)}e${sign}${power.replace(/[+-]/, "").padStart(2, "0")}`;
  }
  const [whole, fraction] = trimmed(value.toPrecision(digits)).split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), fraction].filter(Boolean).join(".");
}

const trimmed = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** A name in quotes. */
export const quoted = (name: string): string =>
  name.includes("'") && !name.includes('"') ? `"${name}"` : `'${name.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;

/** Up to `n` names in quotes. */
export const examples = (names: readonly string[], n = 3): string => names.slice(0, n).map(quoted).join(", ");
