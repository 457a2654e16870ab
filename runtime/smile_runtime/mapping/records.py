"""The record of a projected cell, as it lies in memory and in a file."""

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""Records of `record_type`, shape ``(n,)``."""

NO_LABEL = -1
"""Label id of a cell that is labeled unknown."""


def record_type(n_latent: int, n_columns: int) -> np.dtype[np.void]:
    """Return the type of one cell's record.

    ``embedding`` (n_latent,), ``map`` (2,), ``similarity`` (NaN where the space does not tell), ``label`` ids and
    ``confidence`` of each label column (n_columns,), and ``total``, what the cell adds up to.
    """
    return np.dtype(
        [
            ("embedding", "<f4", (n_latent,)),
            ("map", "<f4", (2,)),
            ("similarity", "<f4"),
            ("label", "<i4", (n_columns,)),
            ("confidence", "<f4", (n_columns,)),
            ("total", "<f8"),
        ]
    )
