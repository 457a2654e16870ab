import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { movingRenderer, placePicture, type View } from "../../src/page/moving-picture";

const MAP = { width: 1000, height: 600 };
const PICTURE = { width: 1400, height: 1000 };
const START: View = { scale: 1, angle: 0, x: 0, y: 0 };

test("a point of the picture lies where the camera puts it", () => {
  const drawn = { scale: 2, angle: 0, x: 0.1, y: -0.2 };
  const shown = { scale: 3, angle: 0, x: 0.4, y: 0.1 };
  const place = placePicture(PICTURE, drawn, shown, MAP)!;
  const [x, y] = [0.15, 0.05];
  const onMap = (view: View) => [500 + 300 * (view.scale * x + view.x), 300 - 300 * (view.scale * y + view.y)];
  const inPicture = onMap(drawn).map((value) => value + 200);
  const found = [place.left + place.scale * inPicture[0], place.top + place.scale * inPicture[1]];
  onMap(shown).forEach((value, axis) => expect(Math.abs(found[axis] - value)).toBeLessThanOrEqual(0.5));
});

test("a picture that does not fill the map, or is turned or scaled too much, is not moved", () => {
  const place = (view: Partial<View>) => placePicture(PICTURE, START, { ...START, ...view }, MAP);
  expect(place({ x: 0.66 })).toEqual({ left: -2, top: -200, scale: 1 }); // 198 pixels of 200 to the right
  expect(place({ x: 0.68 })).toBeNull();
  expect(place({ x: -0.68 })).toBeNull();
  expect(place({ y: 0.68 })).toBeNull();
  expect(place({ scale: 0.7 })).toBeNull(); // narrower than the map
  expect(place({ scale: 2 })).toEqual({ left: -900, top: -700, scale: 2 });
  expect(place({ scale: 2.01 })).toBeNull();
  expect(place({ angle: 0.1 })).toBeNull();
});

const render = vi.fn<() => void>();
let frame: () => void;
vi.mock("regl-scatterplot", () => ({
  createRenderer: () => ({ render, resize: vi.fn(), refresh: vi.fn(), onFrame: (call: () => void) => (frame = call) }),
}));

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { createElement: () => ({}) });
  vi.stubGlobal("window", { devicePixelRatio: 1 });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  render.mockReset();
});

/** A map whose cells take that long to draw, with the places at which its pictures were put. */
function movableMap(milliseconds: number) {
  let view = START;
  let content: unknown[] = [{}];
  const lefts: number[] = [];
  const context = { clearRect: () => {}, drawImage: (_: unknown, left: number) => lefts.push(left) };
  const map = { ...MAP, getContext: () => context } as unknown as HTMLCanvasElement;
  const redraw = vi.fn(() => show(view));
  const renderer = movingRenderer(() => view, () => content, redraw);
  render.mockImplementation(() => void vi.advanceTimersByTime(milliseconds));
  function show(next: View, isNew = false): void {
    frame();
    view = next;
    if (isNew) content = [{}];
    renderer.render(() => {}, map);
  }
  return { show, redraw, lefts };
}

test("cells that are drawn slowly are moved as a picture until the motion pauses", () => {
  const { show, redraw, lefts } = movableMap(100);
  show(START);
  show({ ...START, x: 0.1 });
  show({ ...START, x: 0.2 });
  expect(render).toHaveBeenCalledTimes(1);
  expect(lefts).toEqual([-200, -170, -140]);
  show({ ...START, x: 0.2 }, true);
  expect(render).toHaveBeenCalledTimes(2);
  show({ ...START, x: 0.3 });
  vi.advanceTimersByTime(140);
  expect(redraw).not.toHaveBeenCalled();
  vi.advanceTimersByTime(20);
  expect(redraw).toHaveBeenCalledOnce();
  expect(render).toHaveBeenCalledTimes(3);
  expect(lefts.at(-1)).toBe(-200);
});

test("cells that are drawn fast are drawn in every frame", () => {
  const { show, redraw } = movableMap(10);
  for (const x of [0, 0.1, 0.2, 0.3]) show({ ...START, x });
  expect(render).toHaveBeenCalledTimes(4);
  expect(redraw).not.toHaveBeenCalled();
});

test("nothing is drawn when only the pointer moves, until something else changes", () => {
  const { show, lefts } = movableMap(100);
  show(START);
  for (let frames = 0; frames < 3; frames += 1) show(START);
  expect([render.mock.calls.length, lefts.length]).toEqual([1, 1]);
  show(START, true);
  expect(render).toHaveBeenCalledTimes(2);
  show({ ...START, x: 0.1 });
  show({ ...START, x: 0.1 });
  expect(render, "the picture had only been moved").toHaveBeenCalledTimes(3);
});
