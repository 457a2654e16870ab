"""The numbers behind the page's plot, as JSON values that ``page.js`` reads."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime import Reference, Space
from smile_runtime.io import visible_text
from smile_zoo.report.category_styles import REFERENCE_GRAY, category_style
from smile_zoo.report.label_positions import locate_labels
from smile_zoo.report.report_cells import Categories, CellDrivers, ReportCells

_MIN_REFERENCE_MARKER_PIXELS = 4
_MAX_REFERENCE_MARKER_PIXELS = 14


def make_plot_data(space: Space, cells: ReportCells) -> dict[str, Any]:
    """Return the reference points, the cells, and the columns that can color the cells."""
    reference = space.reference
    spread = _MAX_REFERENCE_MARKER_PIXELS - _MIN_REFERENCE_MARKER_PIXELS
    size = _MIN_REFERENCE_MARKER_PIXELS + spread * np.sqrt(reference.weight / reference.weight.max())
    return {
        "axis": visible_text(space.manifest.reference.map_method),
        "reference": {
            "x": _rounded(reference.map[:, 0]),
            "y": _rounded(reference.map[:, 1]),
            "size": _rounded(size),
            "color": REFERENCE_GRAY,
            **_primary_labels(reference),
            "labels": [
                {"name": visible_text(name), "x": x, "y": y} for name, (x, y) in locate_labels(reference).items()
            ],
        },
        "cells": {
            "name": [visible_text(name) for name in cells.names.tolist()],
            "x": _rounded(cells.map[:, 0]),
            "y": _rounded(cells.map[:, 1]),
        },
        "columns": list(_columns(cells)),
        "sets": None if cells.sets is None else _categories("set", cells.sets),
        "drivers": None if cells.drivers is None else _drivers(cells.drivers),
    }


def _primary_labels(reference: Reference) -> dict[str, Any]:
    """Return name, color and symbol of each point's primary label; nothing for a reference without labels."""
    if not reference.label_columns:
        return {}
    ids = reference.label[:, 0].tolist()
    styles = [category_style(label_id) for label_id in ids]
    return {
        "names": [visible_text(reference.label_columns[0].labels[label_id]) for label_id in ids],
        "colors": [style.color for style in styles],
        "symbols": [style.symbol for style in styles],
    }


def _columns(cells: ReportCells) -> Iterator[dict[str, Any]]:
    primary = next(iter(cells.label), None)
    for name, label in cells.label.items():
        yield _categories(name, label)
        yield _fractions("confidence" if name == primary else f"confidence of {name}", cells.confidence[name])
    if cells.similarity is not None:
        yield _fractions("similarity", cells.similarity)
    for name, batch in cells.batch.items():
        yield _categories(name, batch)
    if cells.set_size is not None:
        yield _categories("labels in the set", cells.set_size)
    if cells.known is not None:
        yield _categories("known label", cells.known)


def _drivers(drivers: CellDrivers) -> dict[str, Any]:
    """Return the names of the features that any cell has, and for each cell their indices in these names."""
    used = np.unique(drivers.ids[drivers.ids >= 0])
    place = np.searchsorted(used, drivers.ids)
    return {
        "names": [visible_text(drivers.names[each]) for each in used.tolist()],
        "ids": [row[known].tolist() for row, known in zip(place, drivers.ids >= 0, strict=True)],
    }


def _categories(name: str, column: Categories) -> dict[str, Any]:
    styles = {category_id: category_style(category_id) for category_id in column.present()}
    categories = [
        {
            "id": category_id,
            "name": visible_text(column.name(category_id)),
            "color": style.color,
            "symbol": style.symbol,
        }
        for category_id, style in styles.items()
    ]
    return {"name": visible_text(name), "kind": "categories", "values": column.ids.tolist(), "categories": categories}


def _fractions(name: str, values: NDArray[np.float32]) -> dict[str, Any]:
    return {"name": visible_text(name), "kind": "fractions", "values": _rounded(values)}


def _rounded(values: NDArray[np.float32]) -> list[float | None]:
    """Return values with three decimals; None, which is not drawn, for a cell without one."""
    rounded: list[float] = np.round(values.astype(np.float64), 3).tolist()
    return [None if value != value else value for value in rounded]
