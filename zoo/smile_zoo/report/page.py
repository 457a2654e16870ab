"""The HTML page of a projection: one file that works offline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from smile_runtime import Space
from smile_runtime.explanation import MIN_COMPARED_CELLS, SampleExplanation
from smile_runtime.io import atomic_path, share_text, visible_text
from smile_runtime.mapping import MAX_MIXING_CELLS, UNKNOWN
from smile_zoo.report.driver_data import make_driver_data
from smile_zoo.report.earlier_report import GENERATOR
from smile_zoo.report.plot_data import make_plot_data
from smile_zoo.report.projection_tables import ProjectionTables, expectation, transferred_labels
from smile_zoo.report.report_cells import ReportCells, pool_cells
from smile_zoo.report.table_rows import feature_rows, provenance_rows

DOT_PIXELS = 20
"""Diameter of a dot for a feature that all cells have, as in ``drivers.js``."""


@dataclass(frozen=True, eq=False)
class SampleResult:
    """Results of one query out of several.

    Attributes
    ----------
    name
        Name of the query.
    provenance
        Provenance of the projection, as in ``uns["smile"]``.
    tables
        Counts of all cells.
    cells
        Cells to draw.
    explanation
        Features that carry the labels; None if they were not determined.
    """

    name: str
    provenance: Mapping[str, Any]
    tables: ProjectionTables
    cells: ReportCells
    explanation: SampleExplanation | None = None


def write_page(
    path: Path,
    space: Space,
    *,
    provenance: Mapping[str, Any],
    tables: ProjectionTables,
    cells: ReportCells,
    explanation: SampleExplanation | None = None,
) -> None:
    """Write the HTML page of a projection.

    Parameters
    ----------
    path
        HTML file to write.
    space
        Space that the cells were projected into.
    provenance
        Provenance of the projection, as in ``uns["smile"]``.
    tables
        Counts of all cells.
    cells
        Cells to draw.
    explanation
        Features that carry the labels; None if they were not determined.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(path, space, cells, [SampleResult("", provenance, tables, cells, explanation)], several=False, others={})


def write_samples_page(path: Path, space: Space, samples: Sequence[SampleResult], others: Mapping[str, str]) -> None:
    """Write the HTML page of several queries: one map of all their cells, and a section for each query.

    Parameters
    ----------
    path
        HTML file to write.
    space
        Space that the cells were projected into.
    samples
        Results of the queries, at least one.
    others
        Names of the queries without results, and why they have none.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    cells = pool_cells({sample.name: sample.cells for sample in samples})
    _write(path, space, cells, samples, several=True, others=others)


def _write(
    path: Path,
    space: Space,
    cells: ReportCells,
    samples: Sequence[SampleResult],
    *,
    several: bool,
    others: Mapping[str, str],
) -> None:
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=FunctionLoader(_read_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_page_text,
    )
    environment.filters["share"] = share_text
    sections = [_section(sample, space) for sample in samples]
    plot_data = {**make_plot_data(space, cells), "samples": [section["drivers"] for section in sections]}
    drivers = cells.drivers
    page = environment.get_template("page.html").render(
        space=space.manifest,
        generator=GENERATOR,
        samples=sections,
        several=several,
        others=others,
        cells=cells,
        columns=[column["name"] for column in plot_data["columns"]],
        n_explained=0 if drivers is None else int((drivers.ids[:, 0] >= 0).sum()),
        dot_pixels=DOT_PIXELS,
        max_mixing_cells=MAX_MIXING_CELLS,
        min_compared_cells=MIN_COMPARED_CELLS,
        plot_data=Markup(_script_json(plot_data)),  # noqa: S704 (it cannot close its script element)
        css=Markup(_read_asset("page.css")),  # noqa: S704 (it comes with this package)
        js=Markup(_read_asset("page.js") + _read_asset("drivers.js")),  # noqa: S704 (it comes with this package)
        plotly=Markup(get_plotlyjs()),  # noqa: S704 (it comes with plotly)
    )
    with atomic_path(path) as partial:
        partial.write_text(page, "utf-8")


def _section(sample: SampleResult, space: Space) -> dict[str, Any]:
    """Return what the page shows of one query."""
    tables, found = sample.tables, sample.explanation
    encoder = space.encoders.get(sample.provenance["modality"])  # None: several modalities label the cells together
    return {
        "name": sample.name,
        "tables": tables,
        "labels": _batch_labels(tables),
        "transferred": [] if tables.agreement is None else transferred_labels(tables.agreement),
        "features": {
            modality: feature_rows(own)
            for modality, own in sample.provenance.get("modalities", {"": sample.provenance}).items()
        },
        "expectation": expectation(tables, sample.provenance).splitlines(),
        "provenance": provenance_rows(sample.provenance),
        "explanation": found,
        "drivers": None if found is None else make_driver_data(found),
        "is_joint": encoder is None,
        "n_explained": 0 if found is None else int(found.n_cells.sum()),
        "n_labeled": len(sample.cells)
        if not sample.cells.label
        else int((next(iter(sample.cells.label.values())).ids >= 0).sum()),
    }


def _batch_labels(tables: ProjectionTables) -> list[str]:
    """Return the labels that occur in any batch, without ``unknown``."""
    rows = [row for table in tables.batches.values() for row in table.batches]
    return sorted({label for row in rows for label in row.labels} - {UNKNOWN})


def _read_asset(name: str) -> str:
    return (files("smile_zoo.report") / name).read_text("utf-8")


def _page_text(value: object) -> object:
    """Return a value of the page as visible text; markup comes from packages, and stays."""
    return visible_text(value) if type(value) is str else value


def _script_json(data: Mapping[str, Any]) -> str:
    """Return JSON in which no text can close the surrounding script element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
