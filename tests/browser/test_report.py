"""The HTML report in a browser: it works offline, draws the right data, and responds to the user."""

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

import smile_zoo
from smile_runtime import explain

SKY, DARK, ROSE = "#88ccee", "#332288", "#cc6677"
LEVELS = ("cell_type_broad", "cell_type_fine")


def traces(page: Chrome) -> dict[str, dict[str, Any]]:
    """Return what plotly draws, without the reference, by the names in the legend."""
    script = "return document.getElementById('map').data.map(({name, x, y, marker}) => ({name, x, y, marker}))"
    reference, *cells = page.execute_script(script)
    assert reference["name"] == "reference"
    return {trace["name"]: trace for trace in cells}


def color_by(page: Chrome, column: str) -> None:
    Select(page.find_element(By.ID, "color-by")).select_by_visible_text(column)


def axis_range(page: Chrome) -> tuple[float, float]:
    return tuple(page.execute_script("return document.getElementById('map')._fullLayout.xaxis.range"))


def pixels_like(page: Chrome, color: str) -> int:
    """Count the pixels of the plot, without the legend, that are close to a color."""
    picture = Image.open(io.BytesIO(page.find_element(By.CSS_SELECTOR, "#map .nsewdrag").screenshot_as_png))
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    difference = np.asarray(picture.convert("RGB")).astype(int) - rgb
    return int((np.abs(difference).max(axis=2) < 30).sum())


def in_window(page: Chrome, x: float, y: float) -> tuple[int, int]:
    """Convert map coordinates to pixels in the window."""
    script = """
        const map = document.getElementById("map"), box = map.getBoundingClientRect();
        const pixel = (axis, value) => axis._offset + axis.l2p(value);
        const { xaxis, yaxis } = map._fullLayout;
        return [box.left + pixel(xaxis, arguments[0]), box.top + pixel(yaxis, arguments[1])];
    """
    left, top = page.execute_script(script, x, y)
    return round(left), round(top)


def point_at(page: Chrome, x: float, y: float) -> ActionChains:
    """Return an action that starts with the pointer at a pixel of the window."""
    actions = ActionChains(page)
    actions.w3c_actions.pointer_action.move_to_location(x, y)
    return actions


def show_map(page: Chrome) -> None:
    page.execute_script("document.getElementById('map').scrollIntoView()")


def tables(page: Chrome, name: str) -> list[list[list[str]]]:
    """Return the rows of all tables of a class."""
    script = """
        const texts = (nodes) => [...nodes].map((node) => node.innerText.trim());
        return [...document.querySelectorAll(arguments[0])].map((table) => [...table.tBodies[0].rows].map(
            (row) => texts(row.cells)))
    """
    rows: list[list[list[str]]] = page.execute_script(script, f"table.{name}")
    return rows


def table(page: Chrome, name: str) -> list[list[str]]:
    """Return the rows of the only table of a class."""
    (rows,) = tables(page, name)
    return rows


def test_page_makes_no_requests_and_offers_none(page: Chrome) -> None:
    assert page.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)") == []
    buttons = page.execute_script("return [...document.querySelectorAll('.modebar-btn')].map((b) => b.dataset.title)")
    assert [title.lower() for title in buttons] == ["download plot as a png", "zoom", "pan", "reset axes"]
    page.execute_async_script("fetch('http://127.0.0.1:9').catch(() => {}).finally(arguments[0])")
    refused = page.get_log("browser")
    assert refused
    assert all("Content Security Policy" in entry["message"] for entry in refused)


def test_all_cells_are_drawn_by_label(page: Chrome, projected: anndata.AnnData) -> None:
    n_drawn = {name: len(trace["x"]) for name, trace in traces(page).items()}
    counts = projected.obs["smile_label"].value_counts()
    assert n_drawn == {f"{label} ({n})": n for label, n in counts.items()}
    label = counts.index[0]
    drawn = traces(page)[f"{label} ({counts[label]})"]
    position = projected.obsm["X_smile_map"][projected.obs["smile_label"] == label]
    np.testing.assert_allclose(np.stack([drawn["x"], drawn["y"]], axis=1), position, atol=1e-3)
    assert len({(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in traces(page).values()}) == len(
        n_drawn
    )


@pytest.mark.parametrize("column", ["confidence", "similarity"])
def test_menu_colors_by_fractions(page: Chrome, projected: anndata.AnnData, column: str) -> None:
    color_by(page, column)
    (trace,) = traces(page).values()
    np.testing.assert_allclose(trace["marker"]["color"], projected.obs[f"smile_{column}"], atol=1e-3)
    assert (trace["marker"]["cmin"], trace["marker"]["cmax"]) == (0, 1)
    assert page.find_elements(By.CSS_SELECTOR, "#map .colorbar")
    assert page.find_elements(By.CSS_SELECTOR, "#map .legend") == []  # it would overlap the color bar


def test_menu_colors_by_batch_and_the_pixels_change(page: Chrome) -> None:
    show_map(page)
    assert pixels_like(page, SKY) > 200  # the monocytes
    color_by(page, "donor")
    donors = traces(page)
    assert {name: len(trace["x"]) for name, trace in donors.items()} == {
        "&lt;i&gt;one&lt;/i&gt; (50)": 50,
        "two (150)": 150,
    }
    assert [trace["marker"]["color"] for trace in donors.values()] == [ROSE, DARK]
    assert pixels_like(page, SKY) == 0
    assert pixels_like(page, DARK) > 200
    legend = [text.text for text in page.find_elements(By.CSS_SELECTOR, "#map .legendtext")]
    assert legend == ["reference", "<i>one</i> (50)", "two (150)"]


def test_hover_shows_the_cell(page: Chrome, projected: anndata.AnnData) -> None:
    show_map(page)
    pixels = np.array([in_window(page, float(x), float(y)) for x, y in projected.obsm["X_smile_map"]])
    distances = np.linalg.norm(pixels[:, None] - pixels, axis=2) + 1e9 * np.eye(len(pixels))
    row = int(distances.min(axis=1).argmax())  # the most isolated cell
    point_at(page, *pixels[row].tolist()).perform()
    WebDriverWait(page, 5).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".hoverlayer .hovertext"))
    lines = [line.text for line in page.find_elements(By.CSS_SELECTOR, ".hoverlayer .hovertext tspan.line")]
    cell = projected.obs.iloc[row]
    assert lines == [
        projected.obs_names[row],
        f"cell_type: {cell['smile_label']}",
        f"confidence: {cell['smile_confidence']:.3f}",
        *(
            line
            for name in LEVELS
            for line in (
                f"{name}: {cell[f'smile_label_{name}']}",
                f"confidence of {name}: {cell[f'smile_confidence_{name}']:.3f}",
            )
        ),
        f"similarity: {cell['smile_similarity']:.3f}",
        f"donor: {cell['donor']}",
        f"drivers: {drivers_of(projected, row)}",
    ]


def drivers_of(projected: anndata.AnnData, row: int) -> str:
    """Return the drivers of a cell, without their effects, as `explain` finds them."""
    space = smile_zoo.load("pbmc", device="cpu")
    explained = explain(projected[[row]].copy(), space, cells=True, target_sum=1e4).cells["drivers"].iloc[0]
    return ", ".join(text.split()[0] for text in explained.split(", "))


def test_dots_are_the_drivers_of_the_chosen_label_in_query_and_reference(page: Chrome, folder: Path) -> None:
    script = """return document.querySelector(".drivers").data.map(({name, x, y, marker, hovertext}) =>
        ({name, x, y, size: marker.size, color: marker.color, hovertext}))"""
    Select(page.find_element(By.CSS_SELECTOR, ".driver-label")).select_by_visible_text("NK")
    query, reference = WebDriverWait(page, 5).until(
        lambda page: "GNLY" in page.execute_script(script)[0]["hovertext"][0] and page.execute_script(script)
    )
    labels = explain(folder / "query.h5ad", smile_zoo.load("pbmc", device="cpu")).labels
    drivers = list(labels["feature"][labels["label"] == "NK"].head(10))
    ticks = page.execute_script("return document.querySelector('.drivers').layout.xaxis.ticktext")
    assert [tick.rstrip("*") for tick in ticks] == drivers
    labels = page.execute_script("return data.samples[0].labels")
    assert len(reference["x"]) == 10 * len(labels)
    assert set(reference["size"]) == {13}  # the space stores no fractions
    gnly = {labels[y]: color for x, y, color in zip(query["x"], query["y"], query["color"], strict=True) if x == 0}
    assert max(gnly, key=gnly.get) == "NK"
    assert max(query["size"]) <= 20
    own = next(text for text in query["hovertext"] if text.startswith("<b>GNLY</b> in NK"))
    assert re.search(r"query: 7 cells, detected in \d+%<br>value of the average cell: [3-9]\.\d\d$", own)


def test_zoom_survives_a_change_of_color_and_can_be_reset(page: Chrome) -> None:
    show_map(page)
    whole = axis_range(page)
    width = whole[1] - whole[0]
    y_low, y_high = page.execute_script("return document.getElementById('map')._fullLayout.yaxis.range")
    first = in_window(page, whole[0] + 0.3 * width, y_low + 0.3 * (y_high - y_low))
    last = in_window(page, whole[0] + 0.6 * width, y_low + 0.6 * (y_high - y_low))
    drag = point_at(page, *first)
    drag.w3c_actions.pointer_action.pointer_down()
    drag.w3c_actions.pointer_action.move_to_location(*last)
    drag.w3c_actions.pointer_action.pointer_up()
    drag.perform()
    zoomed = WebDriverWait(page, 5).until(lambda page: axis_range(page) != whole and axis_range(page))
    np.testing.assert_allclose(zoomed, [whole[0] + 0.3 * width, whole[0] + 0.6 * width], atol=0.01 * width)
    color_by(page, "confidence")
    assert axis_range(page) == zoomed
    page.find_element(By.CSS_SELECTOR, '.modebar-btn[data-val="reset"]').click()
    WebDriverWait(page, 5).until(
        lambda page: np.allclose(axis_range(page), whole, atol=0.05 * width)
    )  # without the legend the plot is wider


def test_click_on_a_legend_entry_hides_its_label(page: Chrome) -> None:
    show_map(page)
    page.find_elements(By.CSS_SELECTOR, "#map .legendtoggle")[2].click()
    script = "return document.getElementById('map').data.map((trace) => trace.visible ?? true)"
    WebDriverWait(page, 5).until(lambda page: "legendonly" in page.execute_script(script))
    assert [index for index, visible in enumerate(page.execute_script(script)) if visible is not True] == [2]


def test_the_reference_takes_the_colors_of_its_labels_on_request(page: Chrome) -> None:
    script = "return document.getElementById('map').data[0].marker.color"
    assert page.execute_script(script) == "#d9d9d9"
    show_map(page)
    page.find_element(By.ID, "color-reference").click()
    WebDriverWait(page, 5).until(lambda page: page.execute_script(script) != "#d9d9d9")
    assert len(set(page.execute_script(script))) > 3


def test_written_names_do_not_overlap(page: Chrome) -> None:
    script = """return [...document.querySelectorAll("#map .annotation-text")].map((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect(); return [left, right, top, bottom]; })"""
    boxes = WebDriverWait(page, 5).until(lambda page: page.execute_script(script))
    assert len(boxes) >= 3
    for first, second in itertools.combinations(boxes, 2):
        apart = first[1] < second[0] or second[1] < first[0] or first[3] < second[2] or second[3] < first[2]
        assert apart, (first, second)


@pytest.fixture
def phone(chromium: Chrome, folder: Path) -> Iterator[Chrome]:
    """The report on a screen of 375 x 800 pixels."""
    metrics = {"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get((folder / "report.html").as_uri())
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_fits_a_phone(phone: Chrome) -> None:
    assert phone.execute_script("return document.documentElement.scrollWidth") == 375
    script = """
        const box = (selector) => document.querySelector(selector).getBoundingClientRect();
        const [map, plot, legend] = ["#map", "#map .nsewdrag", "#map .legend"].map(box);
        return {plot: plot.width, below: legend.top >= plot.bottom, inside: legend.right <= map.right + 1};
    """
    WebDriverWait(phone, 5).until(lambda phone: phone.find_elements(By.CSS_SELECTOR, "#map .legend"))
    drawn = phone.execute_script(script)
    assert drawn["plot"] > 250
    assert (drawn["below"], drawn["inside"]) == (True, True)


def test_drivers_are_stacked_on_a_phone(phone: Chrome) -> None:
    script = """const {xaxis, xaxis2, yaxis, yaxis2, width} = document.querySelector(".drivers")._fullLayout;
        return [xaxis.domain, xaxis2.domain, yaxis.domain[0] > yaxis2.domain[1], width]"""
    query, reference, above, width = WebDriverWait(phone, 5).until(lambda phone: phone.execute_script(script))
    assert query == reference == [0, 1]
    assert above
    assert width < 375


def test_text_is_light_on_dark_if_the_browser_is(chromium: Chrome, folder: Path) -> None:
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chromium.get((folder / "report.html").as_uri())
    script = """const style = (selector) => getComputedStyle(document.querySelector(selector));
        return [style("body").backgroundColor, style("td").color, style("#map").backgroundColor]"""
    try:
        brightness = [sum(map(int, re.findall(r"\d+", each)[:3])) for each in chromium.execute_script(script)]
    finally:
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert brightness[0] < 100
    assert brightness[1] > 600
    assert brightness[2] == 3 * 255  # the colors of labels are made for white


def test_tables_match_the_results(page: Chrome, projected: anndata.AnnData) -> None:
    for rows, column in zip(
        tables(page, "labels"), ["smile_label", *(f"smile_label_{name}" for name in LEVELS)], strict=True
    ):
        assert {row[0]: int(row[1]) for row in rows} == projected.obs[column].value_counts().to_dict()
        assert sum(float(row[2].rstrip("%")) for row in rows) == pytest.approx(100, abs=0.5)
    donors = {row[0]: row[1:] for row in table(page, "batches")}
    unknown = (projected.obs["smile_label"] == "unknown").groupby(projected.obs["donor"], observed=True).mean()
    assert donors["<i>one</i>"][:2] == ["50", f"{unknown['<i>one</i>']:.1%}"]
    assert donors["two"][:2] == ["150", f"{unknown['two']:.1%}"]
    provenance = dict(table(page, "provenance"))
    stored = projected.uns["smile"]
    assert provenance["manifest sha256"] == stored["manifest_sha256"]
    assert provenance["ran on"] == "CPUExecutionProvider"
    assert f"onnxruntime {stored['versions']['onnxruntime']}" in provenance["versions"]
    n_missing = len(stored["features_missing"])
    assert dict(table(page, "features"))["missing"] == f"{n_missing:,}"
    assert [row[0] for row in table(page, "missing")] == list(stored["features"]["missing"])
    assert page.find_elements(By.TAG_NAME, "script")[0].get_attribute("id") == "plot-data"
    assert len(page.find_elements(By.TAG_NAME, "script")) == 3  # no name added another one
