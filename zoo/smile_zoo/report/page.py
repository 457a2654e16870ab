"""The HTML report of a projection: one file that needs nothing else, not even a network."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from smile_runtime import Space
from smile_runtime.io import atomic_path
from smile_runtime.mapping import MAX_MIXING_CELLS, UNKNOWN
from smile_zoo.report.plot_data import plot_data
from smile_zoo.report.rows import feature_rows, provenance_rows
from smile_zoo.report.shown import ShownCells
from smile_zoo.report.summary import Summary


def write_report(
    path: Path, space: Space, *, provenance: Mapping[str, Any], summary: Summary, shown: ShownCells
) -> None:
    """Write the report of a projection.

    Parameters
    ----------
    path
        The HTML file to write.
    space
        What the cells were projected into.
    provenance
        What the projection says of itself: ``uns["smile"]``.
    summary
        Counts of all cells.
    shown
        The cells to draw.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    drawn = plot_data(space, shown)
    page = environment.from_string(_part("page.html")).render(
        space=space.manifest,
        summary=summary,
        shown=shown,
        columns=[column["name"] for column in drawn["columns"]],
        labels=_known_labels(summary),
        most_mixed=MAX_MIXING_CELLS,
        features=feature_rows(provenance),
        provenance=provenance_rows(provenance),
        plot_data=Markup(_script_json(drawn)),  # noqa: S704 (cannot end its element)
        css=Markup(_part("page.css")),  # noqa: S704 (ours)
        js=Markup(_part("page.js")),  # noqa: S704 (ours)
        plotly=Markup(get_plotlyjs()),  # noqa: S704 (the library)
    )
    with atomic_path(path) as partial:
        partial.write_text(page, "utf-8")


def _known_labels(summary: Summary) -> list[str]:
    """Return the labels that cells of any batch have, but for ``unknown``."""
    rows = [row for batch in summary.batches.values() for row in batch.batches]
    return sorted({label for row in rows for label in row.labels} - {UNKNOWN})


def _part(name: str) -> str:
    return (files("smile_zoo.report") / name).read_text("utf-8")


def _script_json(data: Mapping[str, Any]) -> str:
    """Return JSON that no text within it can break out of a script element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
