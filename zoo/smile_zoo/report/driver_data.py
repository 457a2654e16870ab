"""The numbers behind the dot plots of drivers, as JSON values that ``drivers.js`` reads."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.explanation import SampleExplanation
from smile_runtime.io import visible_text


def make_driver_data(found: SampleExplanation) -> dict[str, Any] | None:
    """Return the drivers of each label, and the values of these features in all labels, in query and reference.

    Labels of which neither cells were explained nor a reference exists are left out; None if no label has drivers.
    """
    in_reference = np.zeros(len(found.labels), bool) if found.reference is None else ~np.isnan(found.reference[:, 0])
    rows = np.flatnonzero((found.n_cells > 0) | in_reference)
    drivers = {row: found.label_drivers.get(found.labels[row], []) for row in rows.tolist()}
    columns = np.array(sorted({feature for each in drivers.values() for feature in each}), np.intp)
    if not len(columns):
        return None
    values, fraction = found.value.copy(), found.fraction.copy()
    values[found.n_cells == 0] = fraction[found.n_cells == 0] = np.nan
    values[:, ~found.measured] = fraction[:, ~found.measured] = np.nan
    return {
        "labels": [visible_text(found.labels[row]) for row in rows],
        "stated": [found.labels[row] in found.stated_labels for row in rows],
        "chosen": int(found.n_cells[rows].argmax()),
        "n": found.n_cells[rows].tolist(),
        "features": [visible_text(found.features[column]) for column in columns],
        "measured": found.measured[columns].tolist(),
        "fraction": _numbers(fraction[np.ix_(rows, columns)]),
        "value": _numbers(values[np.ix_(rows, columns)]),
        "reference": None if found.reference is None else _numbers(found.reference[np.ix_(rows, columns)]),
        "drivers": [np.searchsorted(columns, np.array(each, np.intp)).tolist() for each in drivers.values()],
    }


def _numbers(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Return rounded values, with None in place of NaN."""
    return [[None if np.isnan(value) else round(value, 3) for value in row] for row in values.tolist()]
