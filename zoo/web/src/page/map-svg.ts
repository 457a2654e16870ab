/** The map as a drawing for slides and papers: always on white, every point a vector. */

import { N_VALUE_COLORS } from "./colors";
import { escapeXml } from "./escape-xml";
import { frameAround } from "./map-frame";

export interface Figure {
  title: string;
  reference: Float32Array;
  referenceColor: string;
  query: Float32Array;
  /** Place of each cell's color in the palette; cells outside it are left out. */
  colors: Int32Array;
  palette: string[];
  /** Entries of the legend, or the ends of a scale. */
  legend: { name: string; color: string }[] | { low: string; high: string };
  legendTitle: string;
  /** Diameter of a cell, in pixels of a map that is 640 pixels wide. */
  size: number;
}

const SIDE = 640;
const MARGIN = 20;
const TITLE_HEIGHT = 48;
const LEGEND_WIDTH = 250;
const LINE_HEIGHT = 20;
const SCALE_WIDTH = 160;
const TEXT = 'font-family="Helvetica, Arial, sans-serif" fill="#222222"';

/** Return the drawing as SVG. The points of one color are one path of round dots, which stays small. */
export function mapSvg(figure: Figure): string {
  const { x, y } = frameAround(figure.reference, figure.query);
  const half = SIDE / 2 - MARGIN;
  const dot = (map: Float32Array, point: number) => {
    const [left, top] = [SIDE / 2 + half * x(map[2 * point]), TITLE_HEIGHT + SIDE / 2 - half * y(map[2 * point + 1])];
    return Number.isNaN(left) ? "" : `M${left.toFixed(1)} ${top.toFixed(1)}h.01`;
  };
  const dots: string[][] = figure.palette.map(() => []);
  figure.colors.forEach((color, cell) => dots[color]?.push(dot(figure.query, cell)));
  const reference = Array.from({ length: figure.reference.length / 2 }, (_, point) => dot(figure.reference, point));
  const height = Math.max(TITLE_HEIGHT + SIDE, legendHeight(figure));
  const width = SIDE + LEGEND_WIDTH;
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escapeXml(figure.title)}">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${MARGIN}" y="30" font-size="17" font-weight="600" ${TEXT}>${escapeXml(figure.title)}</text>`,
    path(reference, figure.referenceColor, Math.max(figure.size * 0.8, 2)),
    ...dots.map((each, color) => path(each, figure.palette[color], figure.size)),
    ...legend(figure),
    "</svg>",
  ].join("\n");
}

function path(dots: string[], color: string, size: number): string {
  return `<path d="${dots.join("")}" stroke="${color}" stroke-width="${size}" stroke-linecap="round" fill="none"/>`;
}

function legendHeight(figure: Figure): number {
  return TITLE_HEIGHT + MARGIN + (legendLines(figure) + 3) * LINE_HEIGHT;
}

/** Number of lines between the title of the legend and the mark of the reference. */
function legendLines({ legend }: Figure): number {
  return Array.isArray(legend) ? legend.length : 2;
}

function legend(figure: Figure): string[] {
  const left = SIDE + 4;
  const line = (index: number) => TITLE_HEIGHT + MARGIN + index * LINE_HEIGHT;
  const text = (content: string, from: number, index: number, style = "") =>
    `<text x="${from}" y="${line(index) + 4}" font-size="13" ${style} ${TEXT}>${escapeXml(content)}</text>`;
  const mark = (color: string, index: number) => `<circle cx="${left + 6}" cy="${line(index)}" r="5" fill="${color}"/>`;
  const entry = (name: string, color: string, index: number) => [mark(color, index), text(name, left + 18, index)];
  const scale = ({ low, high }: { low: string; high: string }) => {
    const colors = figure.palette.slice(0, N_VALUE_COLORS);
    const width = SCALE_WIDTH / colors.length;
    const bars = colors.map((color, index) => {
      const place = `x="${(left + index * width).toFixed(2)}" y="${line(1) - 8}"`;
      return `<rect ${place} width="${(width + 0.3).toFixed(2)}" height="14" fill="${color}"/>`;
    });
    return [...bars, text(low, left, 2), text(high, left + SCALE_WIDTH, 2, 'text-anchor="end"')];
  };
  const content = Array.isArray(figure.legend)
    ? figure.legend.flatMap(({ name, color }, index) => entry(name, color, index + 1))
    : scale(figure.legend);
  return [
    text(figure.legendTitle, left, 0, 'font-weight="600"'),
    ...content,
    ...entry("reference", figure.referenceColor, legendLines(figure) + 2),
  ];
}
