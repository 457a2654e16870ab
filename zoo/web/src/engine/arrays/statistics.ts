/** Statistics as numpy computes them. */

const sorted = (values: ArrayLike<number>): Float64Array => Float64Array.from(values).sort();

/** Return a quantile, interpolated linearly; NaN without values. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const ordered = sorted(values);
  if (!ordered.length) return NaN;
  const place = q * (ordered.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, ordered.length - 1);
  return ordered[low] + (ordered[high] - ordered[low]) * (place - low);
}

export const median = (values: ArrayLike<number>): number => quantile(values, 0.5);

/** Return the share of values for which a condition holds; NaN without values. */
export function shareOf(values: ArrayLike<number>, condition: (value: number, index: number) => boolean): number {
  let n = 0;
  for (let at = 0; at < values.length; at++) if (condition(values[at], at)) n++;
  return n / values.length;
}

/** Return the largest value; the given one without values. */
export function largest(values: Iterable<number>, initial: number): number {
  let result = initial;
  for (const value of values) if (value > result) result = value;
  return result;
}

/** Return Pearson's correlation. */
export function correlation(x: Float64Array, y: Float64Array): number {
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  let [xx, yy, xy] = [0, 0, 0];
  for (let at = 0; at < x.length; at++) {
    const [dx, dy] = [x[at] - meanX, y[at] - meanY];
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xy / Math.sqrt(xx * yy);
}
