"use strict";
// Draws the map with plotly.js from the numbers in the page, and redraws it when another column is chosen.

const data = JSON.parse(document.getElementById("plot-data").textContent);
const map = document.getElementById("map");
const menu = document.getElementById("color-by");
const colorReference = document.getElementById("color-reference");  // absent for a reference without labels
const size = data.cells.x.length <= 2000 ? 7 : data.cells.x.length <= 20000 ? 5 : 3;
const escapeMarkup = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function valueText(column, row) {
  const value = column.values[row];
  if (column.kind === "fractions") return value.toFixed(3);
  return escapeMarkup(column.categories.find((category) => category.id === value).name);
}

const hoverTexts = data.cells.name.map((name, row) => {
  const lines = data.columns.map((column) => `${escapeMarkup(column.name)}: ${valueText(column, row)}`);
  if (data.sets !== null) lines.push(`set: ${valueText(data.sets, row)}`);
  const drivers = data.drivers?.ids[row] ?? [];
  if (drivers.length > 0) lines.push(`drivers: ${drivers.map((each) => escapeMarkup(data.drivers.names[each])).join(", ")}`);
  return [`<b>${escapeMarkup(name)}</b>`, ...lines].join("<br>");
});

function cellTrace(rows, settings) {
  const pick = (values) => rows.map((row) => values[row]);
  const { marker, ...others } = settings;
  return {
    type: "scattergl", mode: "markers", hoverinfo: "text",
    x: pick(data.cells.x), y: pick(data.cells.y), hovertext: pick(hoverTexts),
    marker: { size, opacity: 0.9, ...marker },
    ...others,
  };
}

const allRows = Array.from(data.cells.x.keys());

function categoryTraces(column) {
  return column.categories.map(({ id, name, color, symbol }) => {
    const rows = allRows.filter((row) => column.values[row] === id);
    const legend = `${escapeMarkup(name)} (${rows.length.toLocaleString("en")})`;
    return cellTrace(rows, { name: legend, marker: { color, symbol } });
  });
}

function fractionTrace(column) {
  const colorbar = { title: { text: escapeMarkup(column.name) }, thickness: 14, outlinewidth: 0 };
  const marker = { color: column.values, colorscale: "Cividis", cmin: 0, cmax: 1, colorbar };
  return cellTrace(allRows, { name: escapeMarkup(column.name), marker });
}

function referenceTrace() {
  const { x, y, size, color, names, colors, symbols } = data.reference;
  const colored = colorReference?.checked;
  return {
    type: "scattergl", mode: "markers", name: "reference", x, y,
    ...(colored ? { hoverinfo: "text", hovertext: names.map((name) => `reference: ${escapeMarkup(name)}`) } : { hoverinfo: "skip" }),
    marker: colored ? { size, color: colors, symbol: symbols, opacity: 0.35 } : { size, color },
  };
}

// Names that would overlap a name of a label with more cells, or the edge of the plot, are left out.
const characterWidth = 6.5, wideCharacterWidth = 8, lineHeight = 16; // names of labels are often in capitals

function fittingNames() {
  const { xaxis, yaxis } = map._fullLayout;
  const taken = [];
  return data.reference.labels.filter(({ name, x, y }) => {
    const box = { x: xaxis.l2p(x), y: yaxis.l2p(y), width: wideCharacterWidth * name.length };
    const outside = Math.abs(box.x - xaxis._length / 2) > (xaxis._length - box.width) / 2
      || box.y < 0 || box.y > yaxis._length;
    const free = taken.every((other) => Math.abs(other.x - box.x) > (other.width + box.width) / 2
      || Math.abs(other.y - box.y) > lineHeight);
    if (free && !outside) taken.push(box);
    return free && !outside;
  });
}

function writeNames() {
  const annotations = fittingNames().map(({ name, x, y }) => ({
    text: escapeMarkup(name), x, y, showarrow: false, bgcolor: "rgba(255, 255, 255, 0.6)",
  }));
  const written = JSON.stringify((map.layout.annotations ?? []).map(({ text }) => text));
  if (written !== JSON.stringify(annotations.map(({ text }) => text))) Plotly.relayout(map, { annotations });
}

// On a narrow screen the legend lies below the plot, which grows by its height.
const isNarrow = () => map.clientWidth < 640;
const legendRows = (column) => Math.ceil((column.categories.length + 1) / Math.max(1, Math.floor(map.clientWidth
  / (60 + characterWidth * Math.max(...column.categories.map(({ name }) => name.length + 8))))));

function legend(column) {
  const title = { text: column === undefined ? "" : escapeMarkup(column.name) };
  if (!isNarrow()) return { title, itemsizing: "constant" };
  return { title: { ...title, side: "top" }, itemsizing: "constant", orientation: "h", yref: "container", y: 0, yanchor: "bottom" };
}

function plotHeight(column) {
  if (!isNarrow()) return undefined;
  return 380 + (column?.kind === "categories" ? 20 * (legendRows(column) + 2) : 0);
}

function layout(column) {
  const axis = (number) => ({
    title: { text: escapeMarkup(`${data.axis} ${number}`) }, showgrid: false, zeroline: false, showticklabels: false,
  });
  return {
    xaxis: axis(1), yaxis: axis(2),
    annotations: map.layout?.annotations ?? [],
    height: plotHeight(column),
    showlegend: column?.kind === "categories",
    legend: legend(column),
    margin: { l: 40, r: 10, t: 36, b: 40 },
    hovermode: "closest", dragmode: "zoom", uirevision: "zoom stays",
  };
}

function draw() {
  const column = data.columns[menu.value];
  const cells = column === undefined ? [cellTrace(allRows, { name: "query" })]
    : column.kind === "categories" ? categoryTraces(column) : [fractionTrace(column)];
  const config = {  // plotly's default buttons include one that sends the data to its maker's server
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]], showSendToCloud: false, plotlyServerURL: "",
    displaylogo: false, responsive: true, scrollZoom: true,
  };
  map.style.height = isNarrow() ? `${plotHeight(column)}px` : "";
  return Plotly.react(map, [referenceTrace(), ...cells], layout(column), config).then(writeNames);
}

menu.addEventListener("change", draw);
colorReference?.addEventListener("change", draw);
draw().then(() => {
  map.on("plotly_relayout", writeNames);
  new ResizeObserver(writeNames).observe(map);
});
