"""The HTML report in a browser: it works offline, draws the right data, and responds to the user."""

import io
import itertools
import re
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import smile_zoo
from smile_runtime import explain

SKY, DARK, ROSE = "#88ccee", "#332288", "#cc6677"
LEVELS = ("cell_type_broad", "cell_type_fine")


@pytest.fixture
def address(folder: Path) -> str:
    """Address of the report."""
    return (folder / "report.html").as_uri()


@pytest.fixture
def report(page: Page, address: str) -> Page:
    """The report, freshly opened."""
    page.goto(address)
    return page


def traces(report: Page) -> dict[str, dict[str, Any]]:
    """Return what plotly draws, without the reference, by the names in the legend."""
    script = "map => map.data.map(({ name, x, y, marker }) => ({ name, x, y, marker }))"
    reference, *cells = report.locator("#map").evaluate(script)
    assert reference["name"] == "reference"
    return {trace["name"]: trace for trace in cells}


def color_by(report: Page, column: str) -> None:
    report.locator("#color-by").select_option(label=column)


def axis_range(report: Page, axis: str = "xaxis") -> list[float]:
    limits: list[float] = report.locator("#map").evaluate("(map, axis) => map._fullLayout[axis].range", axis)
    return limits


def pixels_like(report: Page, color: str) -> int:
    """Count the pixels of the plot, without the legend, that are close to a color."""
    picture = Image.open(io.BytesIO(report.locator("#map .nsewdrag").screenshot()))
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    difference = np.asarray(picture.convert("RGB")).astype(int) - rgb
    return int((np.abs(difference).max(axis=2) < 30).sum())


def in_window(report: Page, x: float, y: float) -> tuple[float, float]:
    """Convert map coordinates to pixels in the window."""
    script = """(map, [x, y]) => {
        const box = map.getBoundingClientRect(), { xaxis, yaxis } = map._fullLayout;
        const pixel = (axis, value) => axis._offset + axis.l2p(value);
        return [box.left + pixel(xaxis, x), box.top + pixel(yaxis, y)];
    }"""
    left, top = report.locator("#map").evaluate(script, [x, y])
    return left, top


def tables(report: Page, name: str) -> list[list[list[str]]]:
    """Return the rows of all tables of a class."""
    return [
        [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
        for table in report.locator(f"table.{name}").all()
    ]


def table(report: Page, name: str) -> list[list[str]]:
    """Return the rows of the only table of a class."""
    (rows,) = tables(report, name)
    return rows


def test_page_makes_no_requests_and_offers_none(page: Page, address: str, problems: list[str]) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.route("http://elsewhere.test", lambda route: route.fulfill(headers={"Access-Control-Allow-Origin": "*"}))
    page.goto(address)
    buttons = page.locator(".modebar-btn")
    expect(buttons).to_have_count(4)
    titles = [button.get_attribute("data-title") for button in buttons.all()]
    assert [str(title).lower() for title in titles] == ["download plot as a png", "zoom", "pan", "reset axes"]
    assert requested == [address]
    assert page.evaluate("fetch('http://elsewhere.test').then(() => 'sent', () => 'refused')") == "refused"
    assert problems
    assert all("Content Security Policy" in message for message in problems)
    problems.clear()


def test_all_cells_are_drawn_by_label(report: Page, projected: anndata.AnnData) -> None:
    n_drawn = {name: len(trace["x"]) for name, trace in traces(report).items()}
    counts = projected.obs["smile_label"].value_counts()
    assert n_drawn == {f"{label} ({n})": n for label, n in counts.items()}
    label = counts.index[0]
    drawn = traces(report)[f"{label} ({counts[label]})"]
    position = projected.obsm["X_smile_map"][projected.obs["smile_label"] == label]
    np.testing.assert_allclose(np.stack([drawn["x"], drawn["y"]], axis=1), position, atol=1e-3)
    marks = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in traces(report).values()}
    assert len(marks) == len(n_drawn)


@pytest.mark.parametrize("column", ["confidence", "similarity"])
def test_menu_colors_by_fractions(report: Page, projected: anndata.AnnData, column: str) -> None:
    color_by(report, column)
    expect(report.locator("#map .colorbar")).to_be_visible()
    expect(report.locator("#map .legend")).to_have_count(0)  # it would overlap the color bar
    (trace,) = traces(report).values()
    np.testing.assert_allclose(trace["marker"]["color"], projected.obs[f"smile_{column}"], atol=1e-3)
    assert (trace["marker"]["cmin"], trace["marker"]["cmax"]) == (0, 1)


def test_menu_colors_by_batch_and_the_pixels_change(report: Page) -> None:
    assert pixels_like(report, SKY) > 200  # the monocytes
    color_by(report, "donor")
    expect(report.locator("#map .legendtext")).to_have_text(["reference", "<i>one</i> (50)", "two (150)"])
    donors = traces(report)
    assert {name: len(trace["x"]) for name, trace in donors.items()} == {
        "&lt;i&gt;one&lt;/i&gt; (50)": 50,
        "two (150)": 150,
    }
    assert [trace["marker"]["color"] for trace in donors.values()] == [ROSE, DARK]
    assert pixels_like(report, SKY) == 0
    assert pixels_like(report, DARK) > 200


def test_hover_shows_the_cell(report: Page, projected: anndata.AnnData) -> None:
    report.locator("#map").scroll_into_view_if_needed()
    pixels = np.array([in_window(report, float(x), float(y)) for x, y in projected.obsm["X_smile_map"]])
    distances = np.linalg.norm(pixels[:, None] - pixels, axis=2) + 1e9 * np.eye(len(pixels))
    row = int(distances.min(axis=1).argmax())  # the most isolated cell
    report.mouse.move(*pixels[row].tolist())
    cell = projected.obs.iloc[row]
    levels = [
        line
        for name in LEVELS
        for line in (
            f"{name}: {cell[f'smile_label_{name}']}",
            f"confidence of {name}: {cell[f'smile_confidence_{name}']:.3f}",
        )
    ]
    expect(report.locator(".hoverlayer .hovertext tspan.line")).to_have_text(
        [
            projected.obs_names[row],
            f"cell_type: {cell['smile_label']}",
            f"confidence: {cell['smile_confidence']:.3f}",
            *levels,
            f"similarity: {cell['smile_similarity']:.3f}",
            f"donor: {cell['donor']}",
            f"drivers: {drivers_of(projected, row)}",
        ]
    )


def drivers_of(projected: anndata.AnnData, row: int) -> str:
    """Return the drivers of a cell, without their effects, as `explain` finds them."""
    space = smile_zoo.load("pbmc", device="cpu")
    explained = explain(projected[[row]].copy(), space, cells=True, target_sum=1e4).cells["drivers"].iloc[0]
    return ", ".join(text.split()[0] for text in explained.split(", "))


def test_dots_are_the_drivers_of_the_chosen_label_in_query_and_reference(report: Page, folder: Path) -> None:
    report.locator(".driver-label").select_option(label="NK")
    report.wait_for_function("document.querySelector('.drivers').data[0].hovertext[0].includes('GNLY')")
    query, reference = report.locator(".drivers").evaluate(
        "plot => plot.data.map(({ x, y, marker, hovertext }) => ({ x, y, ...marker, hovertext }))"
    )
    found = explain(folder / "query.h5ad", smile_zoo.load("pbmc", device="cpu")).labels
    ticks = report.locator(".drivers").evaluate("plot => plot.layout.xaxis.ticktext")
    assert [tick.rstrip("*") for tick in ticks] == list(found["feature"][found["label"] == "NK"].head(10))
    labels = report.evaluate("data.samples[0].labels")
    assert len(reference["x"]) == 10 * len(labels)
    assert set(reference["size"]) == {13}  # the space stores no fractions
    gnly = {labels[y]: color for x, y, color in zip(query["x"], query["y"], query["color"], strict=True) if x == 0}
    assert max(gnly, key=gnly.get) == "NK"
    assert max(query["size"]) <= 20
    own = next(text for text in query["hovertext"] if text.startswith("<b>GNLY</b> in NK"))
    assert re.search(r"query: 7 cells, detected in \d+%<br>value of the average cell: [3-9]\.\d\d$", own)


def test_zoom_survives_a_change_of_color_and_can_be_reset(report: Page) -> None:
    report.locator("#map").scroll_into_view_if_needed()
    (left, right), (bottom, top) = axis_range(report), axis_range(report, "yaxis")
    width, height = right - left, top - bottom
    report.mouse.move(*in_window(report, left + 0.3 * width, bottom + 0.3 * height))
    report.mouse.down()
    report.mouse.move(*in_window(report, left + 0.6 * width, bottom + 0.6 * height))
    report.mouse.up()
    changed = "before => document.getElementById('map')._fullLayout.xaxis.range[0] !== before"
    report.wait_for_function(changed, arg=left)
    zoomed = axis_range(report)
    np.testing.assert_allclose(zoomed, [left + 0.3 * width, left + 0.6 * width], atol=0.01 * width)
    color_by(report, "confidence")
    expect(report.locator("#map .colorbar")).to_be_visible()
    assert axis_range(report) == zoomed
    report.locator('.modebar-btn[data-val="reset"]').click()
    report.wait_for_function(changed, arg=zoomed[0])
    # without the legend the plot is wider
    np.testing.assert_allclose(axis_range(report), [left, right], atol=0.05 * width)


def test_click_on_a_legend_entry_hides_its_label(report: Page) -> None:
    report.locator("#map .legendtoggle").nth(2).click()
    report.wait_for_function("document.getElementById('map').data.some(({ visible }) => visible === 'legendonly')")
    visible = report.locator("#map").evaluate("map => map.data.map(({ visible }) => visible ?? true)")
    assert [index for index, shown in enumerate(visible) if shown is not True] == [2]


def test_the_reference_takes_the_colors_of_its_labels_on_request(report: Page) -> None:
    script = "map => map.data[0].marker.color"
    assert report.locator("#map").evaluate(script) == "#d9d9d9"
    report.locator("#color-reference").check()
    report.wait_for_function("document.getElementById('map').data[0].marker.color !== '#d9d9d9'")
    assert len(set(report.locator("#map").evaluate(script))) > 3


def test_written_names_do_not_overlap(report: Page) -> None:
    names = report.locator("#map .annotation-text")
    expect(names.nth(2)).to_be_visible()  # at least three
    boxes = names.evaluate_all("""names => names.map((name) => {
        const { left, right, top, bottom } = name.getBoundingClientRect();
        return [left, right, top, bottom];
    })""")
    for first, second in itertools.combinations(boxes, 2):
        apart = first[1] < second[0] or second[1] < first[0] or first[3] < second[2] or second[3] < first[2]
        assert apart, (first, second)


def test_the_page_fits_a_phone(phone: Page, address: str) -> None:
    phone.goto(address)
    expect(phone.locator("#map .legend")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 375
    script = """() => {
        const box = (selector) => document.querySelector(selector).getBoundingClientRect();
        const [map, plot, legend] = ["#map", "#map .nsewdrag", "#map .legend"].map(box);
        return { plot: plot.width, below: legend.top >= plot.bottom, inside: legend.right <= map.right + 1 };
    }"""
    drawn = phone.evaluate(script)
    assert drawn["plot"] > 250
    assert (drawn["below"], drawn["inside"]) == (True, True)


def test_drivers_are_stacked_on_a_phone(phone: Page, address: str) -> None:
    phone.goto(address)
    query, reference, above, width = phone.locator(".drivers").evaluate("""plot => {
        const { xaxis, xaxis2, yaxis, yaxis2, width } = plot._fullLayout;
        return [xaxis.domain, xaxis2.domain, yaxis.domain[0] > yaxis2.domain[1], width];
    }""")
    assert query == reference == [0, 1]
    assert above
    assert width < 375


def test_text_is_light_on_dark_if_the_browser_is(page: Page, address: str) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(address)

    def brightness(selector: str, style: str) -> int:
        color = page.locator(selector).first.evaluate("(node, style) => getComputedStyle(node)[style]", style)
        return sum(map(int, re.findall(r"\d+", color)[:3]))

    assert brightness("body", "backgroundColor") < 100
    assert brightness("td", "color") > 600
    assert brightness("#map", "backgroundColor") == 3 * 255  # the colors of labels are made for white


def test_tables_match_the_results(report: Page, projected: anndata.AnnData) -> None:
    columns = ["smile_label", *(f"smile_label_{name}" for name in LEVELS)]
    for rows, column in zip(tables(report, "labels"), columns, strict=True):
        assert {row[0]: int(row[1]) for row in rows} == projected.obs[column].value_counts().to_dict()
        assert sum(float(row[2].rstrip("%")) for row in rows) == pytest.approx(100, abs=0.5)
    donors = {row[0]: row[1:] for row in table(report, "batches")}
    unknown = (projected.obs["smile_label"] == "unknown").groupby(projected.obs["donor"], observed=True).mean()
    assert donors["<i>one</i>"][:2] == ["50", f"{unknown['<i>one</i>']:.1%}"]
    assert donors["two"][:2] == ["150", f"{unknown['two']:.1%}"]
    provenance = dict(table(report, "provenance"))
    stored = projected.uns["smile"]
    assert provenance["manifest sha256"] == stored["manifest_sha256"]
    assert provenance["ran on"] == "CPUExecutionProvider"
    assert f"onnxruntime {stored['versions']['onnxruntime']}" in provenance["versions"]
    n_missing = len(stored["features_missing"])
    assert dict(table(report, "features"))["missing"] == f"{n_missing:,}"
    assert [row[0] for row in table(report, "missing")] == list(stored["features"]["missing"])
    scripts = report.locator("script")
    expect(scripts).to_have_count(3)  # no name added another one
    expect(scripts.first).to_have_id("plot-data")
