/** Title of a feature that colors the map. */

import type { FeatureValues } from "../engine";

/** Return the symbol, with the name in the file behind it; `written` is what the reader searched for. */
export function featureTitle({ name, symbol }: Pick<FeatureValues, "name" | "symbol">, written: string): string {
  if (symbol !== null) return `${symbol} (${name})`;
  return plain(name) === plain(written) ? name : `${name} (${written})`;
}

/** Return a name without letter case and without what separates the parts of an interval. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[:._-]/g, "-").replaceAll(",", "");
}
