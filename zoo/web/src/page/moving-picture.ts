/**
 * A map that moves smoothly where it is drawn slowly, as without a graphics card: while the view moves, the last picture is
 * moved instead of drawing all cells anew, and as soon as the view rests, they are drawn. Nothing is drawn when only the
 * pointer moves, over cells or in a lasso.
 */

import { createRenderer } from "regl-scatterplot";

/** What the camera shows: its scale, its angle, and its shift in halves of the map's height with y upwards. */
export interface View {
  scale: number;
  angle: number;
  x: number;
  y: number;
}

interface Size {
  width: number;
  height: number;
}

const SLOW_MS = 40;
const MAX_COST_MS = 4 * SLOW_MS;
const PAUSE_MS = 150;
/** A picture that is scaled by more would be blurred, or its cells too large. */
const MAX_SCALE = 2;
/** Pixels of a picture beyond each edge of the map. */
const MARGIN = 200;

/**
 * Return where the picture of a view belongs in a map that shows another one, in pixels of the map; null if it does not fill
 * the map, or is turned, or scaled by too much. The middle of a picture is the middle of the map that it was drawn for.
 */
export function placePicture(picture: Size, drawn: View, shown: View, map: Size): { left: number; top: number; scale: number } | null {
  const scale = shown.scale / drawn.scale;
  if (shown.angle !== drawn.angle || Math.max(scale, 1 / scale) > MAX_SCALE) return null;
  const [width, height] = [scale * picture.width, scale * picture.height];
  const left = (map.width - width + map.height * (shown.x - scale * drawn.x)) / 2;
  const top = (map.height - height - map.height * (shown.y - scale * drawn.y)) / 2;
  const isFilled = left <= 0 && top <= 0 && left + width >= map.width && top + height >= map.height;
  return isFilled ? { left: Math.round(left), top: Math.round(top), scale } : null;
}

/**
 * Return a renderer of regl-scatterplot that moves its last picture.
 *
 * @param content Return what is drawn: the same objects as long as the cells, their colors and the selection are the same.
 * @param draw Ask for a new picture.
 */
export function movingRenderer(view: () => View, content: () => unknown[], draw: () => void): ReturnType<typeof createRenderer> {
  const canvas = document.createElement("canvas");
  const renderer = createRenderer({ canvas });
  const render = renderer.render;
  const picture = document.createElement("canvas");
  let drawn: (View & Size & { content: unknown[] }) | null = null;
  let shown: View | null = null;
  let drawingSince: number | null = null;
  let cost = 0;
  let pause: ReturnType<typeof setTimeout> | undefined;

  /** Make the picture larger than the map by a margin, so that it still fills it when it is moved. */
  function resize({ width, height }: Size): void {
    [picture.width, picture.height] = [width + 2 * MARGIN, height + 2 * MARGIN];
    const ratio = window.devicePixelRatio;
    renderer.resize((picture.width + 0.5) / ratio, (picture.height + 0.5) / ratio); // in whole pixels, whatever the ratio
    renderer.refresh();
  }

  renderer.onFrame(() => {
    if (drawingSince === null) return;
    // another process draws, so that a single frame may come early although drawing is slow, or late although it is fast
    cost = Math.max(cost / 2, Math.min(performance.now() - drawingSince, MAX_COST_MS));
    drawingSince = null;
  });
  renderer.render = (drawCells, map) => {
    const now = view();
    const isMoving = shown !== null && !isSame(shown, now);
    const isKept = drawn?.width === map.width && drawn.height === map.height;
    const shownContent = content();
    const isSameContent = drawn?.content.every((each, index) => each === shownContent[index]);
    if (isKept && isSameContent && !isMoving && isSame(drawn!, now)) return;
    let place = cost > SLOW_MS && isMoving && isKept ? placePicture(picture, drawn!, now, map) : null;
    if (place === null) {
      drawingSince = performance.now();
      if (!isKept) resize(map);
      render(drawCells, picture);
      drawn = { ...now, width: map.width, height: map.height, content: shownContent };
      place = { left: (map.width - picture.width) / 2, top: (map.height - picture.height) / 2, scale: 1 };
    } else {
      clearTimeout(pause);
      pause = setTimeout(draw, PAUSE_MS);
    }
    shown = now;
    const context = map.getContext("2d")!;
    context.clearRect(0, 0, map.width, map.height);
    context.drawImage(picture, place.left, place.top, place.scale * picture.width, place.scale * picture.height);
  };
  return renderer;
}

function isSame(a: View, b: View): boolean {
  return a.scale === b.scale && a.angle === b.angle && a.x === b.x && a.y === b.y;
}
