/** Touch on the map, which regl-scatterplot does not know. */

export interface TouchActions {
  /** Return whether one finger draws around cells; otherwise it scrolls the page. */
  isSelecting: () => boolean;
  /** Two fingers moved apart by a factor. */
  zoom: (factor: number) => void;
  /** Two fingers moved by pixels. */
  pan: (right: number, down: number) => void;
}

/** Listen to fingers on the canvas: one acts as a mouse while cells are selected, two move and zoom the map. */
export function listenForTouch(canvas: HTMLCanvasElement, { isSelecting, zoom, pan }: TouchActions): void {
  const fingers = new Map<number, PointerEvent>();
  const pair = () => {
    const [first, second] = [...fingers.values()];
    const middle = [(first.clientX + second.clientX) / 2, (first.clientY + second.clientY) / 2];
    return { middle, gap: Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY) };
  };
  const act = (type: string, { clientX, clientY }: PointerEvent) => {
    const buttons = type === "mousedown" ? 1 : 0;
    canvas.dispatchEvent(new MouseEvent(type, { bubbles: true, view: window, clientX, clientY, buttons }));
  };
  const keepPage = (event: TouchEvent) => {
    if (event.cancelable && (isSelecting() || event.touches.length > 1)) event.preventDefault();
  };
  canvas.addEventListener("touchstart", keepPage, { passive: false });
  canvas.addEventListener("touchmove", keepPage, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    if (fingers.size === 1 && isSelecting()) act("mouseup", event);
    fingers.set(event.pointerId, event);
    if (fingers.size > 1 || !isSelecting()) return;
    act("mousemove", event);
    afterNextFrame(() => {
      const finger = fingers.get(event.pointerId);
      if (finger !== undefined && fingers.size === 1) act("mousedown", finger);
    });
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    if (fingers.size === 2) {
      const before = pair();
      fingers.set(event.pointerId, event);
      const after = pair();
      pan(after.middle[0] - before.middle[0], after.middle[1] - before.middle[1]);
      if (before.gap > 0) zoom(after.gap / before.gap);
    } else {
      fingers.set(event.pointerId, event);
      if (isSelecting()) act("mousemove", event);
    }
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    addEventListener(type, (event) => {
      if (fingers.delete(event.pointerId) && fingers.size === 0 && isSelecting()) act("mouseup", event);
    });
  }
}

/** The camera compares positions frame by frame: a finger must be seen where it is before it is pressed there. */
function afterNextFrame(call: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(call));
}
