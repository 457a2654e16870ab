/** Light or dark, as the reader's system prefers. */

import { DARK, LIGHT, type Theme } from "./colors";

const dark = matchMedia("(prefers-color-scheme: dark)");

export function currentTheme(): Theme {
  return dark.matches ? DARK : LIGHT;
}

export function onThemeChange(change: () => void): void {
  dark.addEventListener("change", change);
}
