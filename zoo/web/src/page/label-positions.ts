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

/** A name to write at a point, with its size. */
export interface NameSize {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Pixels between a name and its point. */
const GAP = 5;

/**
 * Return where names are written within an area, in their order: above, below or beside their point, at the first of these
 * places that overlaps no name before it; null if there is none.
 */
export function placeNames(names: NameSize[], area: Box): (Box | null)[] {
  const taken: Box[] = [];
  return names.map((name) => {
    const free = placesAround(name, area).find((box) => isWithin(box, area) && taken.every((other) => !overlap(box, other)));
    if (free !== undefined) taken.push(free);
    return free ?? null;
  });
}

/** Count the names that are not written, although their points are within the area. */
export function countHidden(names: NameSize[], boxes: (Box | null)[], area: Box): number {
  return names.filter(({ x, y }, index) => boxes[index] === null && isWithin({ left: x, top: y, width: 0, height: 0 }, area)).length;
}

/** Return the places of a name; those above and below its point are moved aside at the edges of the area. */
function placesAround({ x, y, width, height }: NameSize, area: Box): Box[] {
  if (!isWithin({ left: x, top: y, width: 0, height: 0 }, area)) return [];
  const middle = Math.max(area.left, Math.min(x - width / 2, area.left + area.width - width));
  const [left, right] = [x - GAP - width, x + GAP];
  const [above, beside, below] = [y - GAP - height, y - height / 2, y + GAP];
  const places = [[middle, above], [middle, below], [right, beside], [left, beside], [right, below], [left, below], [right, above], [left, above]];
  return places.map(([left, top]) => ({ left, top, width, height }));
}

function isWithin(box: Box, area: Box): boolean {
  return (
    box.left >= area.left &&
    box.top >= area.top &&
    box.left + box.width <= area.left + area.width &&
    box.top + box.height <= area.top + area.height
  );
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.left + b.width && b.left < a.left + a.width && a.top < b.top + b.height && b.top < a.top + a.height;
}
