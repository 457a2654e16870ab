"""Where the labels of a reference are on its map."""

import numpy as np

from smile_runtime import Reference


def label_positions(reference: Reference) -> dict[str, tuple[float, float]]:
    """Return where to write each label of the first column that has points: on that nearest to their mean."""
    if not reference.label_columns:
        return {}
    places = {}
    for number, name in enumerate(reference.label_columns[0].labels):
        points = np.flatnonzero(reference.label[:, 0] == number)
        if len(points):
            mean = np.average(reference.map[points], axis=0, weights=reference.weight[points])
            x, y = reference.map[points[np.square(reference.map[points] - mean).sum(axis=1).argmin()]]
            places[name] = (float(x), float(y))
    return places
