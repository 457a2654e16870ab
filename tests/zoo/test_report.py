"""Reports as files: what stands in them, and what drawing needs. Their look is tested in a browser."""

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_runtime import DependencyError, OutputError, Space, open_space
from smile_runtime.results.label_counts import BatchCount, LabelCount
from smile_zoo.report.page import write_report
from smile_zoo.report.picture import draw_map
from smile_zoo.report.requirements import require_drawable
from smile_zoo.report.shown import Categories, ShownCells
from smile_zoo.report.styles import style_of
from smile_zoo.report.summary import BatchSummary, Summary

MARKUP = "</script><script>throw 1</script>"
ShownMaker = Callable[..., ShownCells]


@pytest.fixture(scope="module")
def space() -> Space:
    return open_space(Path(__file__).parents[2] / "zoo/smile_zoo/spaces/pbmc", device="cpu")


@pytest.fixture
def make_shown() -> ShownMaker:
    """Make some cells with labels, confidence, similarity and a batch."""

    def make(n: int = 5, n_labels: int = 3, **changes: Any) -> ShownCells:
        rng = np.random.default_rng(0)
        label = Categories([f"type {number}" for number in range(n_labels)], np.arange(n) % (n_labels + 1) - 1)
        fields = {
            "n_cells": n,
            "names": np.array([f"cell{row}{MARKUP}" for row in range(n)]),
            "map": rng.normal(size=(n, 2)).astype(np.float32),
            "label": {"label": label},
            "confidence": {"label": rng.random(n, np.float32)},
            "similarity": rng.random(n, np.float32),
            "batch": {"donor": Categories(["a", "b"], np.arange(n) % 2)},
        }
        return ShownCells(**fields | changes)

    return make


@pytest.fixture
def summary() -> Summary:
    labels = [LabelCount("type 0", 3, 0.6, 0.9), LabelCount("unknown", 2, 0.4, 0.5)]
    batches = [BatchCount(MARKUP, 5, 0.4, 0.75, 0.625, {"type 0": 3, "unknown": 2})]
    return Summary(5, 0.4, {"label": labels}, {"donor": BatchSummary(0.25, batches)})


@pytest.fixture
def provenance() -> dict[str, Any]:
    features = {
        "source": "gene_ids",
        "kind": "Ensembl ids",
        "weight": 0.75,
        "n_features": 1767,
        "n_same": 1000,
        "n_respelled": 0,
        "n_other_id": 300,
        "n_alias": 20,
        "n_overlap": 0,
        "n_case": 0,
        "summed": np.array(["ACTB"], object),
        "missing": np.array(["LYZ", MARKUP], object),
        "missing_weight": np.array([0.0123, 0.001]),
    }
    return {
        "space": "pbmc",
        "revision": "packaged",
        "manifest_sha256": "0" * 64,
        "modality": "rna",
        "values": "counts",
        "provider": "CPUExecutionProvider",
        "unknown_rate": 0.05,
        "n_features_matched": 1320,
        "features": features,
        "versions": {"smile-zoo": "0.1.0"},
    }


@pytest.fixture
def written(tmp_path: Path, space: Space, provenance, summary) -> Callable[[ShownCells], str]:
    """Write a report and return it."""

    def write(shown: ShownCells) -> str:
        write_report(tmp_path / "r.html", space, provenance=provenance, summary=summary, shown=shown)
        return (tmp_path / "r.html").read_text("utf-8")

    return write


def plotted(page: str) -> dict[str, Any]:
    """The numbers that the page's plot is made of."""
    return json.loads(re.search(r'id="plot-data">(.*?)</script>', page, re.DOTALL)[1])


def words(page: str) -> str:
    """The text of the page, without elements and the scripts."""
    body = page[page.index("<body>") : page.index('<script type="application/json"')]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_plot_holds_every_cell_and_column(written, make_shown: ShownMaker, space: Space) -> None:
    shown = make_shown()
    data = plotted(written(shown))
    assert data["cells"]["name"] == shown.names.tolist()
    np.testing.assert_allclose(np.stack([data["cells"]["x"], data["cells"]["y"]], axis=1), shown.map, atol=1e-3)
    assert len(data["reference"]["x"]) == len(space.reference)
    labels, position = space.reference.label_columns[0].labels, space.reference.map
    assert {place["name"] for place in data["reference"]["labels"]} == set(labels)
    for place in data["reference"]["labels"]:  # on a point of its own
        own = position[space.reference.label[:, 0] == labels.index(place["name"])]
        assert np.abs(own - [place["x"], place["y"]]).max(axis=1).min() < 1e-6
    assert [column["name"] for column in data["columns"]] == ["label", "confidence", "similarity", "donor"]
    label, confidence, similarity, donor = data["columns"]
    assert label["values"] == [-1, 0, 1, 2, -1]
    assert [category["name"] for category in label["categories"]] == ["type 0", "type 1", "type 2", "unknown"]
    assert donor["values"] == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(confidence["values"], shown.confidence["label"], atol=1e-3)
    np.testing.assert_allclose(similarity["values"], shown.similarity, atol=1e-3)


def test_second_label_column_has_a_confidence_of_its_own(written, make_shown: ShownMaker) -> None:
    coarse = Categories(["all"], np.zeros(5, int))
    first = make_shown()
    label = {**first.label, "lineage": coarse}
    confidence = {**first.confidence, "lineage": np.full(5, 0.5, np.float32)}
    columns = {
        column["name"]: column for column in plotted(written(make_shown(label=label, confidence=confidence)))["columns"]
    }
    assert list(columns) == ["label", "confidence", "lineage", "confidence of lineage", "similarity", "donor"]
    assert columns["confidence of lineage"]["values"] == [0.5] * 5


def test_space_that_tells_no_labels_and_no_similarity(written, make_shown: ShownMaker) -> None:
    page = written(make_shown(label={}, confidence={}, similarity=None, batch={}))
    assert plotted(page)["columns"] == []


def test_names_cannot_end_a_script_or_begin_an_element(written, make_shown: ShownMaker) -> None:
    page = written(make_shown())
    ours = page[: page.index("plotly.js v")] + page[page.index('"use strict";\n// Draws') :]
    assert "throw 1</script>" not in ours
    assert ours.count("<script") == 2  # that of the numbers and that of plotly; the third begins in what was cut out
    assert page.count("&lt;script&gt;throw 1") == 2  # the batch and the missing feature, to be read


def test_page_refers_to_nothing_outside(written, make_shown: ShownMaker) -> None:
    page = written(make_shown())
    head = page[: page.index('<script type="application/json"')]
    assert re.findall(r"(?:src|href)=|url\(|@import", head) == []
    assert "default-src 'none'" in head


def test_tables_and_figures(written, make_shown: ShownMaker) -> None:
    text = words(written(make_shown()))
    for expected in (
        "unknown: unlike anything in the reference 40.0%",
        "1,320 of the 1,767 features of the encoder were found",
        "carry 75.0% of what it looks at",
        "ids of the query Ensembl ids in var[&#39;gene_ids&#39;]",
        "found by another current id of the gene 300",
        "found by a former or other name 20",
        "found in several columns, added up 1",
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
    assert "spelled or versioned differently" not in text  # of which there are none


def test_of_many_cells_it_says_how_many_are_shown(written, make_shown: ShownMaker) -> None:
    assert "40 of 1,000 query cells (a random sample)" in words(written(make_shown(40, n_cells=1000)))


def test_forty_labels_differ_and_unknown_from_them() -> None:
    assert len({style_of(place) for place in range(-1, 40)}) == 41


def test_picture(tmp_path: Path, space: Space, make_shown: ShownMaker) -> None:
    from matplotlib.image import imread

    draw_map(tmp_path / "few.png", space, make_shown(200))
    draw_map(tmp_path / "many.png", space, make_shown(200, n_labels=40))
    draw_map(tmp_path / "none.png", space, make_shown(label={}, confidence={}))
    few, many, none = (imread(tmp_path / f"{name}.png") for name in ("few", "many", "none"))
    assert many.shape[1] > few.shape[1] > none.shape[1]  # by their legends
    first = tuple(int(style_of(0).color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    assert (np.abs(few[..., :3] - first).max(axis=2) < 0.02).sum() > 100
    assert (np.abs(none[..., :3] - first).max(axis=2) < 0.02).sum() == 0


@pytest.mark.parametrize(("name", "package"), [("r.html", "plotly"), ("r.html", "jinja2"), ("m.png", "matplotlib")])
def test_without_a_package_it_says_what_to_install(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "smile_zoo.report.requirements.find_spec", lambda wanted: None if wanted == package else find(wanted)
    )
    with pytest.raises(DependencyError, match=rf"{name} needs {package}; .*pip install 'smile-zoo\[plot\]'"):
        require_drawable(Path(name))


def test_report_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, space: Space, make_shown: ShownMaker, provenance, summary
) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "no/r.html", space, provenance=provenance, summary=summary, shown=make_shown())
    assert list(tmp_path.iterdir()) == []
