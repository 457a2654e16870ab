"""Where the labels of a reference are written on its map."""

import numpy as np

from smile_runtime import Reference


def locate_labels(reference: Reference) -> dict[str, tuple[float, float]]:
    """Return map coordinates for each primary label, that of most cells first.

    A label's coordinates are those of its reference point closest to the mean of all its points.
    """
    if not reference.label_columns:
        return {}
    names = reference.label_columns[0].labels
    n_cells = np.bincount(reference.label[:, 0], reference.weight, minlength=len(names))
    positions = {}
    for index in np.argsort(-n_cells, kind="stable").tolist():
        points = np.flatnonzero(reference.label[:, 0] == index)
        if len(points):
            mean = np.average(reference.map[points], axis=0, weights=reference.weight[points])
            x, y = reference.map[points[np.square(reference.map[points] - mean).sum(axis=1).argmin()]]
            positions[names[index]] = (float(x), float(y))
    return positions
