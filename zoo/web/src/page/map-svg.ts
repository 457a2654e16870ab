/** The map as a drawing for slides and papers: always on white, every point a vector. */

import { counted } from "../engine";
import { N_VALUE_COLORS } from "./colors";
import { escapeXml } from "./escape-xml";
import { type Box, countHidden, placeNames } from "./label-positions";
import type { ReferenceEntry } from "./reference-coloring";
import { frameAround, pointScale, type PointSizes, type Region } from "./map-frame";

interface Points {
  /** Positions, x0 y0 x1 y1 ... */
  map: Float32Array;
  /** Place of each point's color in the palette; points outside it are left out. */
  colors: Int32Array;
  palette: string[];
}

interface Legend {
  title: string;
  /** Unit of values; empty for none. */
  unit: string;
  /** Ends of a scale. */
  scale: [string, string] | null;
  /** Entries, below the scale if there is one. */
  entries: { name: string; color: string | null }[];
}

export interface Figure {
  title: string;
  subtitle: string;
  reference: Points;
  referenceEntry: ReferenceEntry;
  query: Points;
  /** Names to write, each above a point of the reference. */
  names: { label: string; point: number }[];
  /** Cells of the query that are selected. */
  selected: readonly number[];
  selectedColor: string;
  /** Part of the map to draw; null for all of it. */
  region: Region | null;
  legend: Legend;
  sizes: PointSizes;
}

const SIDE = 640;
const WHOLE: Region = { x: 0, y: 0, halfWidth: 16 / 15, halfHeight: 16 / 15, height: SIDE };
/** Pixels by which the ring of a selected cell is wider than the cell. */
const RING = 4;
const MAX_ASPECT = 1.6;
const MARGIN = 20;
const TITLE_HEIGHT = 70;
const LEGEND_WIDTH = 270;
const LINE_HEIGHT = 20;
/** Pixels of a letter of the title, of a wide one. */
const TITLE_LETTER = 10;
const SCALE_WIDTH = 160;
const NAME_SIZE = 13;
const TEXT = 'font-family="Helvetica, Arial, sans-serif" fill="#222222"';

/** Return the drawing as SVG. The points of one color are one path of round dots, which stays small. */
export function mapSvg(figure: Figure): string {
  const { title, subtitle, reference, query, selected, sizes } = figure;
  const box = mapBox(figure);
  const pixel = box.height / box.region.height; // of the screen
  const diameter = (size: number) => pixel * pointScale(box.region) * size;
  const { names, nHidden } = writtenNames(figure, box);
  const note = nHidden === 0 ? "" : `; ${counted(nHidden, "name")} left out for lack of room`;
  const dots = ({ map, colors, palette }: Points, points?: readonly number[]) => {
    const groups: string[][] = palette.map(() => []);
    for (const point of points ?? colors.keys()) groups[colors[point]]?.push(box.dot(map, point));
    return groups.map((group) => group.join(""));
  };
  const height = Math.max(TITLE_HEIGHT + box.height, legendHeight(figure));
  const width = box.width + LEGEND_WIDTH;
  const area = `x="0" y="${TITLE_HEIGHT}" width="${box.width}" height="${box.height}"`;
  const frame = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${frame} role="img" aria-label="${escapeXml(`${title}: ${subtitle}`)}">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${MARGIN}" y="30" font-size="17" font-weight="600" ${TEXT}>${escapeXml(shortened(title, Math.floor((width - MARGIN) / TITLE_LETTER)))}</text>`,
    `<text x="${MARGIN}" y="52" font-size="14" ${TEXT}>${escapeXml(subtitle + note)}</text>`,
    `<svg ${area} viewBox="0 ${TITLE_HEIGHT} ${box.width} ${box.height}">`, // cuts dots off at the edges
    ...dots(reference).map((each, color) => path(each, reference.palette[color], diameter(sizes.reference))),
    path(dots(query, selected).join(""), figure.selectedColor, diameter(sizes.query) + pixel * RING),
    ...dots(query).map((each, color) => path(each, query.palette[color], diameter(sizes.query))),
    "</svg>",
    ...names,
    ...legend(figure, box.width),
    "</svg>",
  ]
    .filter((line) => line !== "")
    .join("\n");
}

/** Return a text of so many letters at most, without its middle if it is longer. */
function shortened(text: string, length: number): string {
  const half = Math.floor((length - 1) / 2);
  return text.length <= length ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
}

interface MapBox {
  width: number;
  height: number;
  region: Region;
  /** Return where a point lies, or null if it is outside. */
  place: (map: Float32Array, point: number) => [number, number] | null;
  /** Return the dot of a point; empty if it is outside. */
  dot: (map: Float32Array, point: number) => string;
}

function mapBox({ reference, query, region: inView }: Figure): MapBox {
  const { x, y } = frameAround(reference.map, query.map);
  const region = inView ?? WHOLE;
  const { x: middleX, y: middleY, halfWidth, halfHeight } = region;
  const aspect = halfWidth / halfHeight;
  const width = Math.round(SIDE * Math.min(Math.max(aspect, 1), MAX_ASPECT));
  const height = Math.round(width / aspect);
  const place = (map: Float32Array, point: number): [number, number] | null => {
    const left = (width / 2) * (1 + (x(map[2 * point]) - middleX) / halfWidth);
    const top = (height / 2) * (1 - (y(map[2 * point + 1]) - middleY) / halfHeight);
    return left >= 0 && left <= width && top >= 0 && top <= height ? [left, TITLE_HEIGHT + top] : null;
  };
  const dot = (map: Float32Array, point: number) => {
    const found = place(map, point);
    return found === null ? "" : `M${found[0].toFixed(1)} ${found[1].toFixed(1)}h.01`;
  };
  return { width, height, region, place, dot };
}

function path(dots: string, color: string, size: number): string {
  return dots === "" ? "" : `<path d="${dots}" stroke="${color}" stroke-width="${Number(size.toFixed(2))}" stroke-linecap="round" fill="none"/>`;
}

/** Return the names that there is room for, and how many others; the white edge keeps them readable on points. */
function writtenNames({ names, reference }: Figure, box: MapBox): { names: string[]; nHidden: number } {
  const area: Box = { left: 0, top: TITLE_HEIGHT, width: box.width, height: box.height };
  const visible = names.flatMap(({ label, point }) => {
    const place = box.place(reference.map, point);
    return place === null ? [] : [{ label, x: place[0], y: place[1], width: label.length * NAME_SIZE * 0.6, height: NAME_SIZE }];
  });
  const boxes = placeNames(visible, area);
  const texts = visible.flatMap(({ label }, index) => {
    const found = boxes[index];
    if (found === null) return [];
    const position = `x="${(found.left + found.width / 2).toFixed(1)}" y="${(found.top + NAME_SIZE).toFixed(1)}" text-anchor="middle"`;
    const edge = 'stroke="#ffffff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"';
    return [`<text ${position} font-size="${NAME_SIZE}" font-weight="600" ${edge} ${TEXT}>${escapeXml(label)}</text>`];
  });
  return { names: texts, nHidden: countHidden(visible, boxes, area) };
}

/** Number of lines of the scale and its unit. */
const scaleLines = ({ scale, unit }: Legend): number => (scale === null ? 0 : 2) + (unit === "" ? 0 : 1);

/** Number of lines between the title of the legend and the mark of the reference. */
const legendLines = ({ legend }: Figure): number => scaleLines(legend) + legend.entries.length;

function legendHeight(figure: Figure): number {
  return TITLE_HEIGHT + MARGIN + (legendLines(figure) + figure.referenceEntry.labels.length + 4) * LINE_HEIGHT;
}

function legend(figure: Figure, mapWidth: number): string[] {
  const left = mapWidth + 4;
  const line = (index: number) => TITLE_HEIGHT + MARGIN + index * LINE_HEIGHT;
  const text = (content: string, from: number, index: number, style = "") =>
    `<text x="${from}" y="${line(index) + 4}" font-size="13" ${style} ${TEXT}>${escapeXml(content)}</text>`;
  const mark = (color: string, index: number) => `<circle cx="${left + 6}" cy="${line(index)}" r="5" fill="${color}"/>`;
  const entry = (name: string, color: string | null, index: number) =>
    color === null ? [text(name, left, index)] : [mark(color, index), text(name, left + 18, index)];
  const scale = ([low, high]: [string, string]) => {
    const colors = figure.query.palette.slice(0, N_VALUE_COLORS);
    const width = SCALE_WIDTH / colors.length;
    const bars = colors.map((color, index) => {
      const place = `x="${(left + index * width).toFixed(2)}" y="${line(1) - 8}"`;
      return `<rect ${place} width="${(width + 0.3).toFixed(2)}" height="14" fill="${color}"/>`;
    });
    return [...bars, text(low, left, 2), text(high, left + SCALE_WIDTH, 2, 'text-anchor="end"')];
  };
  const { unit } = figure.legend;
  const nScale = scaleLines(figure.legend);
  const content = [
    ...(figure.legend.scale === null ? [] : scale(figure.legend.scale)),
    ...(unit === "" ? [] : [text(unit, left, nScale)]),
    ...figure.legend.entries.flatMap((each, index) => entry(each.name, each.color, nScale + 1 + index)),
  ];
  const { name, color, labels } = figure.referenceEntry;
  const first = legendLines(figure) + 2;
  return [
    text(figure.legend.title, left, 0, 'font-weight="600"'),
    ...content,
    ...entry(name, color, first),
    ...labels.flatMap((label, index) => entry(label.name, label.color, first + 1 + index)),
    ...(figure.selected.length === 0 ? [] : entry("selected", figure.selectedColor, first + 1 + labels.length)),
  ];
}
