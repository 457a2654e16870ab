/** Elements of the page. All text goes through `textContent`, so no name in a file can become markup. */

type Child = Node | string | null;

/** Return a new element with properties (attributes if their name has a hyphen, or is `role` or `scope`) and children. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "scope") {
      node.setAttribute(key, String(value));
    } else {
      Object.assign(node, { [key]: value });
    }
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Return a button that calls `press`. */
export function button(text: string, press: () => void, properties: Record<string, unknown> = {}): HTMLButtonElement {
  return element("button", { type: "button", onclick: press, ...properties }, text);
}

/** Return an option of a menu for each value; `text` gives what is written in it. */
export function options(values: string[], text: (value: string) => string = (value) => value): HTMLOptionElement[] {
  return values.map((value) => element("option", { value }, text(value)));
}

/** Return the element of the page with an id. */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element #${id}`);
  return found as Type;
}

interface Column {
  title: string;
  number?: boolean;
}

/** Return a table with a header; the first cell of each row is its header. */
export function table(columns: Column[], rows: Child[][], properties: Record<string, unknown> = {}): HTMLTableElement {
  const style = (index: number) => ({ className: columns[index].number ? "number" : "" });
  const titles = columns.map(({ title }, index) => element("th", { scope: "col", ...style(index) }, title));
  return element(
    "table",
    properties,
    element("thead", {}, element("tr", {}, ...titles)),
    element(
      "tbody",
      {},
      ...rows.map((cells) =>
        element(
          "tr",
          {},
          ...cells.map((cell, i) => (i === 0 ? element("th", { scope: "row" }, cell) : element("td", style(i), cell))),
        ),
      ),
    ),
  );
}

/** Return the rows of names and values as a description list. */
export function descriptions(rows: [string, Child][]): HTMLElement {
  const items = rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  return element("dl", {}, ...items);
}
