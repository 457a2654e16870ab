/** Position of query cells on the map of a reference, always among reference points. */
import { median } from "../arrays/statistics";
import type { Neighbors } from "./nearest-neighbors";

const NTH_NEAREST = 3;
const SPACINGS_PER_WIDTH = 2;
const MIN_WIDTH = 1e-6;

/** Return the width of the kernel of `mapPositions`: twice the median distance to the third nearest point. */
export function kernelWidth(map: Float32Array): number {
  const m = map.length / 2;
  const rank = Math.min(NTH_NEAREST, m - 1);
  const distances = new Float64Array(m);
  const squares = new Float64Array(m);
  for (let point = 0; point < m; point++) {
    for (let other = 0; other < m; other++) {
      squares[other] = (map[2 * point] - map[2 * other]) ** 2 + (map[2 * point + 1] - map[2 * other + 1]) ** 2;
    }
    distances[point] = Math.sqrt(smallest(squares, rank));
  }
  return Math.max(MIN_WIDTH, SPACINGS_PER_WIDTH * median(distances));
}

/** Return the value of a rank, counted from 0, of some values. */
function smallest(values: Float64Array, rank: number): number {
  const kept: number[] = [];
  for (const value of values) {
    if (kept.length > rank && value >= kept[rank]) continue;
    let at = kept.length;
    while (at > 0 && kept[at - 1] > value) at--;
    kept.splice(at, 0, value);
    kept.length = Math.min(kept.length, rank + 1);
  }
  return kept[rank];
}

/**
 * Place cells on the map, around the neighbor with the largest weight, (n, 2).
 *
 * @param weights Weights of the neighbors that count, 0 for the others, (n, k).
 */
export function mapPositions(
  map: Float32Array,
  { k, indices }: Neighbors,
  weights: Float32Array,
  width: number,
): Float32Array {
  const positions = new Float32Array((indices.length / k) * 2);
  for (let start = 0; start < indices.length; start += k) {
    let heaviest = start;
    for (let at = start + 1; at < start + k; at++) if (weights[at] > weights[heaviest]) heaviest = at;
    const center = 2 * indices[heaviest];
    let [total, x, y] = [0, 0, 0];
    for (let at = start; at < start + k; at++) {
      const point = 2 * indices[at];
      const square = ((map[point] - map[center]) / width) ** 2 + ((map[point + 1] - map[center + 1]) / width) ** 2;
      const near = weights[at] * Math.exp(-square);
      total += near;
      x += near * map[point];
      y += near * map[point + 1];
    }
    positions[(start / k) * 2] = x / total;
    positions[(start / k) * 2 + 1] = y / total;
  }
  return positions;
}
