"use strict";
// Draws the map with plotly.js from the numbers in the page, and redraws it when another column is chosen.

const data = JSON.parse(document.getElementById("plot-data").textContent);
const map = document.getElementById("map");
const menu = document.getElementById("color-by");
const size = data.cells.x.length <= 2000 ? 7 : data.cells.x.length <= 20000 ? 5 : 3;
const escapeMarkup = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function valueText(column, row) {
  const value = column.values[row];
  if (column.kind === "fractions") return value.toFixed(3);
  return escapeMarkup(column.categories.find((category) => category.id === value).name);
}

const hoverTexts = data.cells.name.map((name, row) => {
  const lines = data.columns.map((column) => `${escapeMarkup(column.name)}: ${valueText(column, row)}`);
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

const referenceTrace = {
  type: "scattergl", mode: "markers", name: "reference", hoverinfo: "skip",
  x: data.reference.x, y: data.reference.y,
  marker: { size: data.reference.size, color: data.reference.color },
};

function layout(column) {
  const axis = (number) => ({
    title: { text: escapeMarkup(`${data.axis} ${number}`) }, showgrid: false, zeroline: false, showticklabels: false,
  });
  return {
    xaxis: axis(1), yaxis: axis(2),
    annotations: data.reference.labels.map(({ name, x, y }) => ({
      text: escapeMarkup(name), x, y, showarrow: false, bgcolor: "rgba(255, 255, 255, 0.6)",
    })),
    showlegend: column?.kind === "categories",
    legend: { title: { text: column === undefined ? "" : escapeMarkup(column.name) }, itemsizing: "constant" },
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
  return Plotly.react(map, [referenceTrace, ...cells], layout(column), config);
}

menu.addEventListener("change", draw);
draw();
