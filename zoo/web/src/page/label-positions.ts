/** Where the names of the labels are written on the map. */

import type { ReferencePoints } from "../engine";

export interface LabelPosition {
  label: string;
  id: number;
  /** Reference point at which the name is written. */
  point: number;
  weight: number;
}

/** Return the reference point of each label that is closest to the mean of its cells, the largest label first. */
export function locateLabels(reference: ReferencePoints, column: string, labels: string[]): LabelPosition[] {
  const codes = reference.labels.get(column)!;
  const { map, weights } = reference;
  const sums = labels.map(() => ({ weight: 0, x: 0, y: 0 }));
  codes.forEach((id, point) => {
    if (id < 0) return;
    sums[id].weight += weights[point];
    sums[id].x += weights[point] * map[2 * point];
    sums[id].y += weights[point] * map[2 * point + 1];
  });
  const nearest = labels.map(() => ({ point: -1, distance: Number.POSITIVE_INFINITY }));
  codes.forEach((id, point) => {
    if (id < 0) return;
    const { weight, x, y } = sums[id];
    const distance = (map[2 * point] - x / weight) ** 2 + (map[2 * point + 1] - y / weight) ** 2;
    if (distance < nearest[id].distance) nearest[id] = { point, distance };
  });
  return labels
    .map((label, id) => ({ label, id, point: nearest[id].point, weight: sums[id].weight }))
    .filter(({ point }) => point >= 0)
    .sort((a, b) => b.weight - a.weight);
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Return the boxes that overlap none before them, by their places in the list. */
export function withoutOverlaps(boxes: Box[]): number[] {
  const kept: number[] = [];
  boxes.forEach((box, index) => {
    const free = kept.every((other) => {
      const { left, top, width, height } = boxes[other];
      return box.left + box.width <= left || left + width <= box.left || box.top + box.height <= top || top + height <= box.top;
    });
    if (free) kept.push(index);
  });
  return kept;
}
