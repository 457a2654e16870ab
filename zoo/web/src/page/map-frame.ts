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
  /** Height of the map on the screen, in pixels. */
  height: number;
}

/** Diameters of points, in pixels. */
export interface PointSizes {
  reference: number;
  query: number;
}

/** Return the size of points before the map is zoomed; cells are smaller where there are more of them. */
export function pointSizes(nQuery: number): PointSizes {
  return { reference: nQuery === 0 ? 5 : 3.5, query: Math.min(6, Math.max(1.5, 9 - 1.5 * Math.log10(Math.max(nQuery, 1)))) };
}

/** Return by how much points are larger in a zoomed map, as regl-scatterplot draws them in its mode "asinh". */
export function pointScale({ halfHeight }: Region): number {
  const zoom = 1 / halfHeight;
  return zoom > 1 ? Math.asinh(zoom) / Math.asinh(1) : zoom;
}
