"""The record of a projected cell, in memory and in files of unfinished results."""

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""Records of type `record_dtype` or `joint_record_dtype`, shape ``(n,)``."""


def record_dtype(n_latent: int, n_columns: int, n_probabilities: int = 0) -> np.dtype[np.void]:
    """Return the structured dtype of one cell's record.

    Fields: ``embedding`` (n_latent,); ``map`` (2,), coordinates on the map; ``similarity``, NaN if the space has none;
    for each label column (n_columns,) ``label``, label ids, -1 for unknown cells, ``nearest``, label ids of the nearest
    label, also for unknown cells, and ``confidence`` in the nearest label; ``total``, the sum of all values;
    ``detected``, the number of the encoder's features with a positive value; ``probability`` (n_probabilities,), of the
    primary labels, empty unless it is asked for.
    """
    return np.dtype(
        [
            ("embedding", "<f4", (n_latent,)),
            ("map", "<f4", (2,)),
            ("similarity", "<f4"),
            ("label", "<i4", (n_columns,)),
            ("nearest", "<i4", (n_columns,)),
            ("confidence", "<f4", (n_columns,)),
            ("total", "<f8"),
            ("detected", "<i4"),
            ("probability", "<f4", (n_probabilities,)),
        ]
    )


def joint_record_dtype(single: np.dtype[np.void], n_modalities: int) -> np.dtype[np.void]:
    """Return the dtype of a cell's joint record: the fields of a single one, and ``used`` (n_modalities,).

    ``used`` tells which modalities the cell was labeled from.
    """
    return np.dtype([*single.descr, ("used", "?", (n_modalities,))])
