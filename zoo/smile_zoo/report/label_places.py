"""Where the labels of a reference are on its map."""

import numpy as np

from smile_runtime import Reference


def label_places(reference: Reference) -> dict[str, tuple[float, float]]:
    """Return the position on the map of each label that has points: their mean."""
    places = {}
    for number, name in enumerate(reference.labels):
        points = reference.label == number
        if points.any():
            x, y = np.average(reference.map[points], axis=0, weights=reference.weight[points])
            places[name] = (float(x), float(y))
    return places
