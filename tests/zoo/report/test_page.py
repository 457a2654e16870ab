"""Data and text of the HTML page; tests/browser checks how it looks and behaves."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_runtime import OutputError, Space
from smile_runtime.explanation import SampleExplanation
from smile_runtime.results import ClusterLabel, LabelAccuracy, LabelAgreement, SetSizes
from smile_zoo.report.driver_data import make_driver_data
from smile_zoo.report.page import write_page
from smile_zoo.report.report_cells import Categories, CellDrivers, ReportCells, pool_cells

MARKUP = "</script><b>"
CellsMaker = Callable[..., ReportCells]


@pytest.fixture
def write(tmp_path: Path, space: Space, provenance, tables) -> Callable[..., str]:
    """Write a page and return its text."""

    def write_cells(cells: ReportCells, **changes: Any) -> str:
        given = {"provenance": provenance, "tables": tables, "cells": cells, **changes}
        write_page(tmp_path / "r.html", space, **given)
        return (tmp_path / "r.html").read_text("utf-8")

    return write_cells


def plot_data(page: str) -> dict[str, Any]:
    """Return the numbers behind the page's plot."""
    return json.loads(re.search(r'id="plot-data">(.*?)</script>', page, re.DOTALL)[1])


def visible_text(page: str) -> str:
    """Return the text of the page without markup and scripts."""
    body = page[page.index("<body>") : page.index('<script type="application/json"')]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_plot_contains_every_cell_and_column(write, make_cells: CellsMaker, space: Space) -> None:
    cells = make_cells()
    data = plot_data(write(cells))
    assert data["cells"]["name"] == cells.names.tolist()
    np.testing.assert_allclose(np.stack([data["cells"]["x"], data["cells"]["y"]], axis=1), cells.map, atol=1e-3)
    assert len(data["reference"]["x"]) == len(space.reference)
    labels, position = space.reference.label_columns[0].labels, space.reference.map
    assert {label["name"] for label in data["reference"]["labels"]} == set(labels)
    for label in data["reference"]["labels"]:  # each is written on one of its own points
        own = position[space.reference.label[:, 0] == labels.index(label["name"])]
        assert np.abs(own - [label["x"], label["y"]]).max(axis=1).min() < 1e-6
    assert [column["name"] for column in data["columns"]] == ["label", "confidence", "similarity", "donor"]
    label, confidence, similarity, donor = data["columns"]
    assert label["values"] == [-1, 0, 1, 2, -1]
    assert [category["name"] for category in label["categories"]] == ["type 0", "type 1", "type 2", "unknown"]
    assert donor["values"] == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(confidence["values"], cells.confidence["label"], atol=1e-3)
    np.testing.assert_allclose(similarity["values"], cells.similarity, atol=1e-3)


@pytest.fixture
def explanation() -> SampleExplanation:
    """Explanation of five cells, four of them of type 0; nothing is known of type 1 but its reference."""
    fraction = np.array([[1.0, 0.5, 0.25], [0, 0, 0], [1.0, 0, 0], [0, 0, 0]])
    return SampleExplanation(
        features=["G0", MARKUP, "G2"],
        labels=["type 0", "type 1", "type 2", "of no cell"],
        measured=np.array([True, True, False]),
        cell_drivers=np.array([[2, 0, -1, -1, -1], [1, -1, -1, -1, -1], [-1] * 5, [-1] * 5, [0, 1, 2, -1, -1]]),
        label_drivers={"type 0": [2, 0], "type 1": [1]},
        stated_labels=frozenset({"type 1"}),
        n_cells=np.array([4, 0, 1, 0]),
        fraction=fraction,
        value=2 * fraction,
        reference=np.array([[3.0, 0, 1], [0.5, 4, 0], [np.nan] * 3, [np.nan] * 3]),
        is_log=True,
    )


def test_values_of_drivers_in_query_and_reference(explanation: SampleExplanation) -> None:
    data = make_driver_data(explanation)
    assert data["labels"] == ["type 0", "type 1", "type 2"]
    assert data["features"] == ["G0", MARKUP, "G2"]
    assert data["drivers"] == [[2, 0], [1], []]
    assert data["stated"] == [False, True, False]
    assert (data["chosen"], data["n"]) == (0, [4, 0, 1])
    assert data["fraction"] == [[1, 0.5, None], [None] * 3, [1, 0, None]]  # G2 was not measured, no cell is of type 1
    assert data["value"] == [[2, 1, None], [None] * 3, [2, 0, None]]
    assert data["reference"] == [[3, 0, 1], [0.5, 4, 0], [None] * 3]


def test_hovered_cells_name_their_drivers(write, make_cells: CellsMaker, explanation: SampleExplanation) -> None:
    drivers = CellDrivers(explanation.features, explanation.cell_drivers)
    page = write(make_cells(drivers=drivers), explanation=explanation)
    data = plot_data(page)
    named = [[data["drivers"]["names"][each] for each in row] for row in data["drivers"]["ids"]]
    assert named == [["G2", "G0"], [MARKUP], [], [], ["G0", MARKUP, "G2"]]
    text = visible_text(page)
    assert "which were determined for 3 cells" in text
    assert "These are the drivers in the query’s own cells; of labels with fewer than 5 of them, those that" in text
    assert "type 1 (stated by the space)" in text
    assert "type 0 (stated" not in text
    assert "The 5 drawn cells with a label were read for this; hover" in text
    assert "* The query did not measure this feature." in text
    assert "have one size, because a space holds the expected counts" in text


def test_pooled_cells_keep_drivers_sets_and_known_labels(make_cells: CellsMaker) -> None:
    drivers = CellDrivers(["G0", "G1"], np.tile([1, 0, -1, -1, -1], (5, 1)))
    known = [Categories(["type 0", "x"], np.array([0, 1, 0, -1, 0])), Categories(["type 0", "y"], np.full(5, 1))]
    sizes = Categories(["1 label"], np.zeros(5, int), "0")
    first = make_cells(drivers=drivers, known=known[0], set_size=sizes)
    pooled = pool_cells({"a": first, "b": make_cells(known=known[1], set_size=sizes)})
    assert pooled.drivers.ids[:, 0].tolist() == [1] * 5 + [-1] * 5
    assert [pooled.known.name(each) for each in pooled.known.ids] == ["type 0", "x", "type 0", "unknown", "type 0"] + (
        ["y"] * 5
    )
    assert pooled.set_size.ids.tolist() == [0] * 10
    assert pooled.sets is None


def test_sets_clusters_and_known_labels_appear_if_asked_for(write, make_cells: CellsMaker, tables) -> None:
    text = visible_text(write(make_cells()))
    assert not any(title in text for title in ("Sets of labels", "Clusters", "Known labels", "Why this label"))
    asked = dataclasses.replace(
        tables,
        sets=SetSizes(coverage=0.9, n_cells=4, mean_size=1.25, fraction_single=0.75, frequent={"A|<b>": 1}),
        clusters=[
            ClusterLabel(
                cluster="<i>7</i>",
                n_cells=5,
                label="T",
                column="broad",
                confidence=0.875,
                fraction_other=0.2,
                fraction_unknown=0.1,
                nearest=(("CD4 T", 0.5), ("CD8 T", 0.375), ("B", 0.125)),
            )
        ],
        agreement=LabelAgreement(
            column="cell_type",
            overall=LabelAccuracy("all", 4, 3, 0.75, 0.30, 0.95),
            macro_f1=0.7,
            labels=[LabelAccuracy("B", 4, 3, 0.75, 0.30, 0.95)],
            confusion={"B": {"B": 3, "unknown": 1}},
            lacking={"Mast": {"NK": 1}},
            n_without=2,
        ),
    )
    page = write(make_cells(), tables=asked)
    text = visible_text(page)
    for expected in (
        "4 cells are not unknown: 75.0% of them have a set of a single label, and the mean size is 1.25.",
        "A | &lt;b&gt; 1 25.0%",
        "&lt;i&gt;7&lt;/i&gt; 5 T 0.875 20.0% 10.0% CD4 T 0.50, CD8 T 0.38, B 0.12",
        "75.0% of 4 cells are labeled right, macro-F1 0.700",
        "2 cells have no known label.",
        "B 4 3 75.0% 30.0% to 95.0%",
        "known label B NK unknown B 3 1 Mast (not in the space) 1",
    ):
        assert expected in text
    assert re.findall(r'--share: ([\d.]+)" title', page) == ["0.750", "0.250", "1.000"]


def test_each_label_column_has_its_own_confidence(write, make_cells: CellsMaker) -> None:
    coarse = Categories(["all"], np.zeros(5, int))
    first = make_cells()
    label = {**first.label, "lineage": coarse}
    confidence = {**first.confidence, "lineage": np.full(5, 0.5, np.float32)}
    columns = {
        column["name"]: column for column in plot_data(write(make_cells(label=label, confidence=confidence)))["columns"]
    }
    assert list(columns) == ["label", "confidence", "lineage", "confidence of lineage", "similarity", "donor"]
    assert columns["confidence of lineage"]["values"] == [0.5] * 5


def test_space_without_labels_and_similarity_has_no_columns(write, make_cells: CellsMaker) -> None:
    page = write(make_cells(label={}, confidence={}, similarity=None, batch={}))
    assert plot_data(page)["columns"] == []


def test_names_cannot_close_a_script_or_open_an_element(write, make_cells: CellsMaker) -> None:
    page = write(make_cells())
    ours = page[: page.index("plotly.js v")] + page[page.index('"use strict";\n// Draws') :]
    assert "throw 1</script>" not in ours
    assert ours.count("<script") == 2  # of the numbers and of plotly; the third one opens in the part that was cut out
    assert page.count("&lt;script&gt;throw 1") == 2  # the batch and the missing feature, as visible text


def test_page_loads_nothing_from_elsewhere(write, make_cells: CellsMaker) -> None:
    page = write(make_cells())
    head = page[: page.index('<script type="application/json"')]
    assert re.findall(r"(?:src|href)=|url\(|@import", head) == []
    assert "default-src 'none'" in head


def test_tables_and_key_figures(write, make_cells: CellsMaker) -> None:
    text = visible_text(write(make_cells()))
    for expected in (
        "unknown: unlike the cells of the reference 40.0%",
        "1,320 of the encoder’s 1,767 features were found",
        "carry 75.0% of its feature weight",
        "ids in the query Ensembl ids in var[&#39;gene_ids&#39;]",
        "matched by another current id of the gene 300",
        "matched by a former or alternative name 20",
        "summed over several columns 1",
        "antibodies in the query, left out 1,340",
        "missing 447",
        "LYZ 1.23%",
        "type 0 3 60.0% 0.900",
        "donor: mixing 0.250",
        "mean similarity type 0",
        "5 40.0% 0.750 0.625 60.0% Features",
        "manifest sha256 " + "0" * 64,
        "versions smile-zoo 0.1.0",
    ):
        assert expected in text
    assert "another version or spelling" not in text  # rows of zero are left out


def test_accuracy_to_expect_is_told_if_the_space_measured_it(
    tmp_path: Path, space: Space, make_cells: CellsMaker, provenance, tables
) -> None:
    facts = {"expected_accuracy": 0.889, "median_detected": 310, "weight_matched": 0.78}
    texts = []
    for each in (provenance, {**provenance, **facts}):
        write_page(tmp_path / "r.html", space, provenance=each, tables=tables, cells=make_cells())
        texts.append(visible_text((tmp_path / "r.html").read_text("utf-8")))
    assert "expect an accuracy" not in texts[0]
    assert (
        "The median cell has 310 of the encoder&#39;s features detected, and the query measures 78% of its feature "
        "weight: expect an accuracy of about 0.89 on cells of known types from the studies of the space; how much "
        "lower it is in other studies was not measured."
    ) in texts[1]


def test_a_space_that_was_not_evaluated_has_no_unknown_cells(
    tmp_path: Path, space: Space, make_cells: CellsMaker, provenance, tables
) -> None:
    impossible = dataclasses.replace(tables, fraction_unknown=None)
    texts = []
    for each in (tables, impossible):
        write_page(tmp_path / "r.html", space, provenance=provenance, tables=each, cells=make_cells())
        texts.append(visible_text((tmp_path / "r.html").read_text("utf-8")))
    meaning = "the confidence of an unknown cell is that of its nearest label"
    assert [meaning in text for text in texts] == [True, False]
    assert "unknown: no cell can be, because the space was not evaluated –" in texts[1]


def test_page_reports_the_size_of_a_sample(write, make_cells: CellsMaker) -> None:
    assert "40 of 1,000 query cells (a random sample)" in visible_text(write(make_cells(40, n_cells=1000)))


def test_page_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, space: Space, make_cells: CellsMaker, provenance, tables
) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_page(tmp_path / "no/r.html", space, provenance=provenance, tables=tables, cells=make_cells())
    assert list(tmp_path.iterdir()) == []


def test_text_of_others_is_visible_and_no_markup(write, make_cells: CellsMaker) -> None:
    evil = "</script><!-- <b>\x1b[2J\u202e\u200b&amp;\"'"
    label = Categories([evil], np.zeros(5, np.intp))
    page = write(make_cells(5, names=np.array([evil] * 5), label={evil: label}, confidence={evil: np.ones(5)}))
    assert "\x1b" not in page
    own = page[: page.index("<script>")]
    assert not re.search("[\u200b\u202e]|<!-- |<b>", own)
    assert own.count("</script>") == 1
    shown = plot_data(page)["columns"][0]
    assert (
        shown["name"]
        == shown["categories"][0]["name"]
        == evil.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e").replace("\u200b", "\\u200b")
    )
