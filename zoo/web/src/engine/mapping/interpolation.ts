/** Return the value at `x` of the line through points with increasing `xs`, as `numpy.interp`. */
export function interpolate(x: number, xs: ArrayLike<number>, ys: ArrayLike<number>): number {
  const last = xs.length - 1;
  if (Number.isNaN(x)) return NaN;
  if (x >= xs[last]) return ys[last];
  if (x < xs[0]) return ys[0];
  let [low, high] = [0, last]; // xs[low] <= x < xs[high]
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  const slope = (ys[high] - ys[low]) / (xs[high] - xs[low]);
  return slope * (x - xs[low]) + ys[low];
}
