"""The numbers that the page's plot is made of, as JSON holds them; ``page.js`` reads them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime import Space
from smile_zoo.report.label_positions import label_positions
from smile_zoo.report.shown import Categories, ShownCells
from smile_zoo.report.styles import REFERENCE_GRAY, style_of

_LARGEST_REFERENCE_POINT = 14


def plot_data(space: Space, shown: ShownCells) -> dict[str, Any]:
    """Return reference points, cells, and the columns that cells may be colored by."""
    reference = space.reference
    return {
        "axis": space.manifest.reference.map_method,
        "reference": {
            "x": _rounded(reference.map[:, 0]),
            "y": _rounded(reference.map[:, 1]),
            "size": _rounded(4 + (_LARGEST_REFERENCE_POINT - 4) * np.sqrt(reference.weight / reference.weight.max())),
            "colour": REFERENCE_GRAY,
            "labels": [{"name": name, "x": x, "y": y} for name, (x, y) in label_positions(reference).items()],
        },
        "cells": {"name": shown.names.tolist(), "x": _rounded(shown.map[:, 0]), "y": _rounded(shown.map[:, 1])},
        "columns": list(_columns(shown)),
    }


def _columns(shown: ShownCells) -> Iterator[dict[str, Any]]:
    for name, label in shown.label.items():
        yield _categories(name, label)
        yield _fractions(
            "confidence" if name == next(iter(shown.label)) else f"confidence of {name}", shown.confidence[name]
        )
    if shown.similarity is not None:
        yield _fractions("similarity", shown.similarity)
    for name, batch in shown.batch.items():
        yield _categories(name, batch)


def _categories(name: str, column: Categories) -> dict[str, Any]:
    styles = {place: style_of(place) for place in column.present()}
    names = [
        {"id": place, "name": column.name(place), "colour": style.color, "symbol": style.symbol}
        for place, style in styles.items()
    ]
    return {"name": name, "kind": "categories", "values": column.ids.tolist(), "categories": names}


def _fractions(name: str, values: NDArray[np.float32]) -> dict[str, Any]:
    return {"name": name, "kind": "fractions", "values": _rounded(values)}


def _rounded(values: NDArray[np.float32]) -> list[float]:
    rounded: list[float] = np.round(values.astype(np.float64), 3).tolist()
    return rounded
