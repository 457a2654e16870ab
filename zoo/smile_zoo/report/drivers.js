
// Draws the dot plots: drivers of the chosen label in all labels, in the query and beside it in the reference.

const colorscale = [[0, "#f3f0e7"], [0.5, "#6aaed6"], [1, "#08306b"]]; // as in page.css
const rowPixels = 20, gapPixels = 12;
const dotPixels = 20; // diameter of a dot for a feature detected in all cells, as in the page's legend

function dots(found, chosen, { values, axis, kind }) {
  const columns = found.drivers[chosen];
  const points = found.labels.flatMap((label, row) => columns.map((column, place) => ({ label, row, column, place })))
    .filter(({ row, column }) => values[row][column] !== null);
  const text = ({ label, row, column }) => [
    `<b>${escapeMarkup(found.features[column])}</b> in ${escapeMarkup(label)}`,
    kind === "query" ? `query: ${found.n[row].toLocaleString("en")} cells, detected in ${(100 * found.fraction[row][column]).toFixed(0)}%`
      : "reference",
    `value of the average cell: ${values[row][column].toFixed(2)}`,
  ].join("<br>");
  return {
    type: "scatter", mode: "markers", hoverinfo: "text", name: kind, ...axis,
    x: points.map(({ place }) => place), y: points.map(({ row }) => row), hovertext: points.map(text),
    marker: {
      symbol: kind === "query" ? "circle" : "square",
      size: points.map(({ row, column }) => (kind === "query" ? dotPixels * Math.sqrt(found.fraction[row][column]) : 13)),
      color: points.map(({ row, column }) => values[row][column]), coloraxis: "coloraxis", opacity: 1,
      line: { width: 0.5, color: "#777" },
    },
  };
}

function driverLayout(found, chosen, { width, highest, kinds }) {
    const columns = found.drivers[chosen];
  const names = columns.map((column) => escapeMarkup(found.features[column]) + (found.measured[column] ? "" : "*"));
  const top = 32 + (characterWidth + 1) * Math.max(0, ...names.map((name) => name.length)); // room for names and "query"
  const panel = rowPixels * found.labels.length + gapPixels;
  const stacked = width < 640 && kinds.length > 1;
  const height = (stacked ? 2 : 1) * (panel + top) + gapPixels;
  const inner = height - top - gapPixels;
  const domains = kinds.length === 1 ? [[[0, 1], [0, 1]]]
    : stacked ? [[[0, 1], [1 - panel / inner, 1]], [[0, 1], [0, panel / inner]]]
      : [[[0, 0.49], [0, 1]], [[0.51, 1], [0, 1]]];
  const tick = (label, row) => (row === chosen ? `<b>${escapeMarkup(label)}</b>` : escapeMarkup(label));
  const layout = {
    width, height, showlegend: false, hovermode: "closest", dragmode: false, plot_bgcolor: "#fff", paper_bgcolor: "#fff",
    margin: { l: 8, r: 8, t: top, b: gapPixels }, annotations: [],
    coloraxis: { colorscale, cmin: 0, cmax: highest, showscale: false },
  };
  domains.forEach(([x, y], place) => {
    const suffix = place === 0 ? "" : "2", shared = place === 1 && !stacked;
    layout[`xaxis${suffix}`] = {
      domain: x, anchor: `y${suffix}`, side: "top", tickangle: -90, tickvals: columns.map((_column, index) => index),
      ticktext: names, range: [-0.6, Math.max(columns.length, 1) - 0.4], zeroline: false, showgrid: false, fixedrange: true,
    };
    layout[`yaxis${suffix}`] = {
      domain: y, anchor: `x${suffix}`, range: [found.labels.length - 0.4, -0.6], zeroline: false, gridcolor: "#eee",
      tickvals: found.labels.map((_label, row) => row), ticktext: found.labels.map(tick), automargin: true, fixedrange: true,
      showticklabels: !shared,
    };
    layout.annotations.push({
      text: kinds[place], xref: "paper", yref: "paper", x: x[0], y: y[1], xanchor: "left", yshift: top - 12, showarrow: false,
      font: { size: 14 },
    });
  });
  return layout;
}

function drawDrivers(plot, select) {
  const found = data.samples[plot.dataset.sample], chosen = Number(select.value);
  const traces = [dots(found, chosen, { values: found.value, axis: {}, kind: "query" })];
  if (found.reference !== null) traces.push(dots(found, chosen, { values: found.reference, axis: { xaxis: "x2", yaxis: "y2" }, kind: "reference" }));
  const highest = Math.max(0.01, ...traces.flatMap(({ marker }) => marker.color));
  const layout = driverLayout(found, chosen, { width: plot.clientWidth, highest, kinds: traces.map(({ name }) => name) });
  document.querySelector(`.highest[data-sample="${plot.dataset.sample}"]`).textContent = highest.toFixed(1);
  plot.style.height = `${layout.height}px`;
  return Plotly.react(plot, traces, layout, { displayModeBar: false, plotlyServerURL: "" });
}

for (const plot of document.querySelectorAll(".drivers")) {
  const select = document.querySelector(`.driver-label[data-sample="${plot.dataset.sample}"]`);
  const redraw = () => drawDrivers(plot, select);
  select.addEventListener("change", redraw);
  redraw();
  let width = plot.clientWidth;
  new ResizeObserver(() => {
    if (plot.clientWidth !== width) {
      width = plot.clientWidth;
      redraw();
    }
  }).observe(plot);
}
