"""Where the labels of a reference are on its map."""

import numpy as np

from smile_runtime import Reference


def label_places(reference: Reference) -> dict[str, tuple[float, float]]:
    """Return the position on the map of each label of the first column that has points: their mean."""
    if not reference.label_columns:
        return {}
    places = {}
    for number, name in enumerate(reference.label_columns[0].labels):
        points = reference.label[:, 0] == number
        if points.any():
            x, y = np.average(reference.map[points], axis=0, weights=reference.weight[points])
            places[name] = (float(x), float(y))
    return places
