/** Colors of categories and values that people with any color vision can tell apart. */

/** Paul Tol's "muted" scheme (SRON/EPS/TN/09-002, issue 3.2), in the order of the reports of `smile-zoo project`. */
const MUTED = ["#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499"];

/** The same hues, with the dark ones lightened for a dark background. */
const MUTED_ON_DARK = ["#dd7788", "#8a7fe8", "#ddcc77", "#4fae6d", "#88ccee", "#c2558c", "#44bbaa", "#b3b34d", "#c97abf"];

/** Nine anchors of viridis, from 0 to 1 (van der Walt and Smith 2015). */
const VIRIDIS = [
  "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
];

export const N_VALUE_COLORS = 64;

export interface Theme {
  dark: boolean;
  background: string;
  reference: string;
  unknown: string;
  selected: string;
}

export const LIGHT: Theme = {
  dark: false,
  background: "#ffffff",
  reference: "#cfd1cd",
  unknown: "#444444",
  selected: "#e8590c",
};

export const DARK: Theme = {
  dark: true,
  background: "#15191d",
  reference: "#4d565f",
  unknown: "#c9ccd0",
  selected: "#ffa94d",
};

/**
 * Return the color of a category by its id, -1 for `unknown`. After nine colors, lighter, darker and grayer shades of the
 * same hues follow, so that 36 categories differ.
 */
export function categoryColor(id: number, theme: Theme): string {
  if (id < 0) return theme.unknown;
  const hues = theme.dark ? MUTED_ON_DARK : MUTED;
  const hue = hues[id % hues.length];
  const rounds: [string, number][] = [["#ffffff", 0], ["#ffffff", 0.45], ["#000000", theme.dark ? 0.18 : 0.4], ["#888888", 0.55]];
  const [other, share] = rounds[Math.floor(id / hues.length) % rounds.length];
  return mix(hue, other, share);
}

/** Return the color of a value between 0 and 1; the palest or darkest end that the background hides is left out. */
export function valueColor(value: number, theme: Theme): string {
  const [low, high] = theme.dark ? [0.22, 1] : [0, 0.93];
  const position = (low + (high - low) * Math.min(Math.max(value, 0), 1)) * (VIRIDIS.length - 1);
  const index = Math.min(Math.floor(position), VIRIDIS.length - 2);
  return mix(VIRIDIS[index], VIRIDIS[index + 1], position - index);
}

/** Return the color a given share of the way from one color to another. */
export function mix(from: string, to: string, share: number): string {
  const [start, end] = [channels(from), channels(to)];
  const parts = start.map((value, index) => Math.round(value + (end[index] - value) * share));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** Return the contrast of two colors, from 1 to 21 (WCAG 2.2, "contrast ratio"). */
export function contrast(first: string, second: string): number {
  const [dark, light] = [luminance(first), luminance(second)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));
}
