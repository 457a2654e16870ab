import { expect, test } from "vitest";
import type { SpaceSummary } from "../../src/engine";
import { byFraction, byLabel, type Categories, type Values } from "../../src/page/coloring";
import { countHidden, locateLabels, placeNames } from "../../src/page/label-positions";
import { LIGHT } from "../../src/page/colors";
import { frameAround, pointScale, pointSizes } from "../../src/page/map-frame";
import { mapSvg } from "../../src/page/map-svg";
import { referenceCaption, referenceColors, referenceEntry } from "../../src/page/reference-coloring";
import { PROJECTION, SPACE } from "./projection";

test("a frame keeps proportions and ignores cells without a position", () => {
  const { x, y } = frameAround(Float32Array.of(0, 0, 10, 4), Float32Array.of(Number.NaN, Number.NaN));
  expect([x(0), x(10), x(5)]).toEqual([-1, 1, 0]);
  expect([y(0), y(4)]).toEqual([-0.4, 0.4]);
});

test("cells are drawn smaller where there are more", () => {
  expect([100, 10_000, 10_000_000].map((cells) => pointSizes(cells).query)).toEqual([6, 3, 1.5]);
});

test("a name stands at the reference point closest to the mean of its cells", () => {
  const reference = {
    map: Float32Array.of(0, 0, 1, 0, 9, 0, 5, 5),
    weights: Float32Array.of(1, 1, 10, 2),
    labels: new Map([["type", Int32Array.of(0, 0, 0, 1)]]),
  };
  const places = locateLabels(reference, "type", ["A", "B", "nowhere"]);
  expect(places.map(({ label, point }) => [label, point])).toEqual([["A", 2], ["B", 3]]);
});

test("names that collide move below or beside their point; those without room are counted", () => {
  const area = { left: 0, top: 0, width: 100, height: 100 };
  const name = (x: number, y: number) => ({ x, y, width: 30, height: 10 });
  const names = [name(50, 50), name(52, 50), name(50, 50), name(49, 50), name(50, 50), name(5, 90), name(120, 50)];
  const boxes = placeNames(names, area);
  expect(boxes.map((box) => box && [box.left, box.top])).toEqual([
    [35, 35], // above
    [37, 55], // below
    [55, 45], // to the right
    [14, 45], // to the left
    null,
    [0, 75], // moved in from the edge
    null, // its point is outside, so it is not missed
  ]);
  expect(countHidden(names, boxes, area)).toBe(1);
});

test("the drawing says how many names were left out", () => {
  const names = Array.from({ length: 6 }, (_, index) => ({ label: `label ${index}`, point: 1 }));
  expect(mapSvg({ ...FIGURE, names })).toContain(">3 cells; 4 names left out for lack of room</text>");
  expect(mapSvg(FIGURE)).toContain(">3 cells</text>");
});

const FIGURE = {
  title: "a & b",
  subtitle: "3 cells",
  reference: { map: Float32Array.of(0, 0, 10, 10), colors: Int32Array.of(0, 0), palette: ["#d9d9d6"] },
  referenceEntry: { name: "reference", color: "#d9d9d6", labels: [] },
  query: {
    map: Float32Array.of(10, 0, 0, 10, Number.NaN, Number.NaN),
    colors: Int32Array.of(0, -1, 0),
    palette: ["#cc6677"],
  },
  names: [{ label: "<N>", point: 1 }],
  selected: [],
  selectedColor: "#e8590c",
  region: null,
  legend: { title: "cell_type", unit: "", scale: null, entries: [{ name: "<B>", color: "#cc6677" }] },
  sizes: { reference: 3.5, query: 6 },
};

const paths = (svg: string) => [...svg.matchAll(/<path d="([^"]*)" stroke="([^"]*)"/g)].map(([, d, stroke]) => [stroke, d]);

test("the drawing holds every visible cell once, with y upwards, and no markup from names", () => {
  const svg = mapSvg(FIGURE);
  expect(paths(svg)).toEqual([
    ["#d9d9d6", "M20.0 690.0h.01M620.0 90.0h.01"],
    ["#cc6677", "M620.0 690.0h.01"],
  ]);
  expect(svg).toContain("a &amp; b");
  expect(svg).toContain("&lt;B&gt;");
  expect(svg).toContain("&lt;N&gt;");
  expect(svg).not.toMatch(/<[BN]>/);
});

test("only the part in view is drawn, in its proportions, with the selected cells", () => {
  const lowerRight = { x: 0.5, y: -0.5, halfWidth: 1, halfHeight: 0.8, height: 640 }; // ends 0.2 below the middle of the frame
  const svg = mapSvg({ ...FIGURE, region: lowerRight, selected: [0] });
  expect(svg).toContain('viewBox="0 0 1070 710"');
  expect(paths(svg)).toEqual([
    ["#e8590c", "M600.0 590.0h.01"],
    ["#cc6677", "M600.0 590.0h.01"],
  ]);
  expect(svg).toContain(">selected</text>");
  expect(svg, "the point of this name is out of view").not.toContain("&lt;N&gt;");
});

test("points of a zoomed map are as large as on the screen, on which the map may have another size", () => {
  const region = { x: 0, y: 0, halfWidth: 0.25, halfHeight: 0.25, height: 320 };
  expect(pointScale(region)).toBeCloseTo(2.3766, 4); // asinh(4) / asinh(1)
  expect(pointScale({ ...region, halfHeight: 2 })).toBe(0.5);
  const middle = { map: Float32Array.of(-1, -1, 1, 1, 0, 0), colors: Int32Array.of(-1, -1, 0), palette: ["#cc6677"] };
  const svg = mapSvg({ ...FIGURE, reference: middle, query: middle, region, selected: [2] });
  const widths = [...svg.matchAll(/stroke-width="([\d.]+)" stroke-linecap/g)].map(([, width]) => Number(width));
  expect(widths).toEqual([16.64, 36.52, 28.52]); // 2 x 2.3766 x 3.5, 2 x (2.3766 x 6 + 4), 2 x 2.3766 x 6
});

test("a scale shows its ends and its unit", () => {
  const entries = [{ name: "no value (2)", color: "#888888" }];
  const svg = mapSvg({ ...FIGURE, legend: { title: "LYZ", unit: "ln(1 + counts)", scale: ["0", "3.21"], entries } });
  expect(svg).toMatch(/>0<\/text>/);
  expect(svg).toMatch(/>3.21<\/text>/);
  const heights = ["ln(1 + counts)", "no value (2)"].map((text) => svg.split(`>${text}</text>`)[0].match(/.* y="(\d+)"/s)?.[1]);
  expect(heights, "one below the other").toEqual(["154", "174"]);
});

test("a title that is wider than the drawing loses its middle", () => {
  const svg = mapSvg({ ...FIGURE, title: `GSM1${"_".repeat(150)}.h5ad` });
  expect(svg).toMatch(/>GSM1_{40}…_{39}\.h5ad<\/text>/);
});

test("caption and legend say how the reference is colored", () => {
  const labels = byLabel(PROJECTION, SPACE, "broad");
  const similarity = byFraction("similarity", PROJECTION.similarity);
  const caption = (coloring: Values | Categories, column: string | null) => referenceCaption(coloring, column, "cell_type");
  expect([caption(labels, null), caption(labels, "broad"), caption(similarity, "cell_type")]).toEqual([
    "over the reference in gray, colored by broad",
    "and the reference, colored by broad",
    "colored by similarity, over the reference, colored by its cell type",
  ]);
  expect(mapSvg(FIGURE)).toMatch(/<circle [^>]*fill="#d9d9d6"/);
});

test("every color of the reference is in the legend, once", () => {
  const space = { ...SPACE, reference: { labels: new Map([["cell_type", Int32Array.of(2, 0, -1, 0)]]) } } as unknown as SpaceSummary;
  const entry = (coloring: Values | Categories) => referenceEntry(space, "cell_type", coloring, LIGHT);
  const gene = entry(byFraction("similarity", PROJECTION.similarity));
  expect(gene).toEqual({
    name: "reference: colored by its cell type",
    color: null,
    labels: [{ name: "CD4 T", color: "#cc6677" }, { name: "B", color: "#ddcc77" }],
  });
  const label = byLabel(PROJECTION, SPACE, "cell_type");
  const onlyB = { ...label, categories: label.categories.filter(({ name }) => name === "B") };
  expect(entry(onlyB).labels).toEqual([{ name: "CD4 T", color: "#cc6677" }]);
  const svg = mapSvg({ ...FIGURE, referenceEntry: gene });
  expect(svg).toMatch(/<circle [^>]*fill="#ddcc77"\/>\n<text [^>]*>B<\/text>/);
  expect(svg).not.toMatch(/<circle [^>]*fill="#d9d9d6"/);
});

test("points of a hidden label leave the reference, those without a label stay", () => {
  expect(referenceColors(Int32Array.of(0, 1, -1, 2), 3, new Set([-1, 1]))).toEqual(Int32Array.of(0, -1, 3, 2));
});
