/** Touch on the map, which regl-scatterplot does not know: one finger acts as a mouse, two fingers zoom. */

/** Pass fingers on to the canvas; `zoom` is called with the factor by which two of them moved apart. */
export function listenForTouch(canvas: HTMLCanvasElement, zoom: (factor: number) => void): void {
  const fingers = new Map<number, PointerEvent>();
  const gap = () => {
    const [first, second] = [...fingers.values()];
    return Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY);
  };
  const act = (type: string, { clientX, clientY }: PointerEvent) => {
    const buttons = type === "mouseup" ? 0 : 1;
    canvas.dispatchEvent(new MouseEvent(type, { bubbles: true, view: window, clientX, clientY, buttons }));
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    canvas.setPointerCapture(event.pointerId);
    if (fingers.size === 1) act("mouseup", event);
    fingers.set(event.pointerId, event);
    if (fingers.size > 1) return;
    act("mousemove", event);
    afterNextFrame(() => {
      const finger = fingers.get(event.pointerId);
      if (finger !== undefined && fingers.size === 1) act("mousedown", finger);
    });
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    if (fingers.size === 1) {
      fingers.set(event.pointerId, event);
      act("mousemove", event);
    } else if (fingers.size === 2) {
      const before = gap();
      fingers.set(event.pointerId, event);
      if (before > 0) zoom(gap() / before);
    }
  });
  for (const type of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(type, (event) => {
      if (fingers.delete(event.pointerId) && fingers.size === 0) act("mouseup", event);
    });
  }
}

/** The camera compares positions frame by frame: a finger must be seen where it is before it is pressed there. */
function afterNextFrame(call: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(call));
}
