/** From map coordinates to a square of -1 to 1, without a change of proportions. */

export interface Frame {
  x: (value: number) => number;
  y: (value: number) => number;
}

/** Return the frame that holds all points with a position. */
export function frameAround(...maps: Float32Array[]): Frame {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const map of maps) {
    map.forEach((value, index) => {
      if (value < low[index % 2]) low[index % 2] = value;
      if (value > high[index % 2]) high[index % 2] = value;
    });
  }
  const half = Math.max(high[0] - low[0], high[1] - low[1], Number.MIN_VALUE) / 2;
  const [middleX, middleY] = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  return { x: (value) => (value - middleX) / half, y: (value) => (value - middleY) / half };
}

/** Part of the map: its middle, and half of its width and height, in units of the frame. */
export interface Region {
  x: number;
  y: number;
  halfWidth: number;
  halfHeight: number;
}

/** Return the diameter of a cell in pixels: less where there are more of them. */
export function pointSize(cells: number): number {
  return Math.min(6, Math.max(1.5, 9 - 1.5 * Math.log10(Math.max(cells, 1))));
}
