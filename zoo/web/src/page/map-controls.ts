/** Buttons and keys that move the map. */

import { byId } from "./dom";
import type { MapView } from "./map-view";

/** Listen to the buttons above the map, and to keys while the map has the focus; `view` gives the map if it is drawn. */
export function listenForMoves(view: () => MapView | null): void {
  const zoomIn = () => view()?.zoom(1);
  const zoomOut = () => view()?.zoom(-1);
  const reset = () => view()?.reset();
  byId("zoom-in").addEventListener("click", zoomIn);
  byId("zoom-out").addEventListener("click", zoomOut);
  byId("reset-view").addEventListener("click", reset);
  const moves: Record<string, () => void> = {
    ArrowLeft: () => view()?.pan(-1, 0),
    ArrowRight: () => view()?.pan(1, 0),
    ArrowUp: () => view()?.pan(0, 1),
    ArrowDown: () => view()?.pan(0, -1),
    "+": zoomIn,
    "=": zoomIn,
    "-": zoomOut,
    "0": reset,
  };
  byId("map").addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  });
}
