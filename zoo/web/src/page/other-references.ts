/** Buttons that label the same file by another reference. */

import { button, element } from "./dom";
import type { SiteSpace } from "./site";

/** Return the buttons, or null if there is no other reference; `choose` is called with the one that is pressed. */
export function otherReferences(
  spaces: SiteSpace[],
  current: SiteSpace,
  choose: (space: SiteSpace) => void,
): HTMLElement | null {
  const others = spaces.filter((space) => space !== current);
  if (others.length === 0) return null;
  const buttons = others.map((space) => {
    const chosen = button(space.title, () => choose(space));
    chosen.append(element("small", {}, originOf(space)));
    return chosen;
  });
  return element(
    "div",
    { className: "other-references", role: "group", "aria-label": "Label the same file by another reference" },
    element("p", {}, "Label the same file by another reference:"),
    element("div", { className: "buttons" }, ...buttons),
  );
}

/** Return species and tissue. */
export function originOf({ organism, tissue }: SiteSpace): string {
  return [organism, tissue].filter((each) => each !== "").join(" · ");
}
