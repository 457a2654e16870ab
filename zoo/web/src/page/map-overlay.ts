/** What follows the pointer above the map: a ring around a cell, and the line of a lasso. */

import { element } from "./dom";

const SVG = "http://www.w3.org/2000/svg";

export class MapOverlay {
  private readonly ring = element("div", { className: "ring", hidden: true });
  private readonly lasso = document.createElementNS(SVG, "polygon");

  constructor(box: HTMLElement) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "lasso");
    svg.append(this.lasso);
    box.append(svg, this.ring);
  }

  /** Draw a ring with a diameter in pixels. */
  showRing([x, y]: [number, number], diameter: number): void {
    this.ring.style.width = this.ring.style.height = `${diameter}px`;
    this.ring.style.transform = `translate(${x - diameter / 2}px, ${y - diameter / 2}px)`;
    this.ring.hidden = false;
  }

  hideRing(): void {
    this.ring.hidden = true;
  }

  /** Draw a lasso through points; none if there are none. */
  showLasso(points: [number, number][]): void {
    this.lasso.setAttribute("points", points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
  }
}
