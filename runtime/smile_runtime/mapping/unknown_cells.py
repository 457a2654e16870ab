"""The label "unknown", for cells that are too dissimilar to the reference."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.mapping.records import Records

UNKNOWN = "unknown"
"""Label of cells that are dissimilar to all of the reference."""
UNKNOWN_RATE = 0.05
"""Default fraction of cells of known types that are labeled unknown."""
UNKNOWN_ID = -1
"""Label id of an unknown cell."""


def mark_unknown(label: NDArray[np.integer], similarity: NDArray[np.float32], unknown_rate: float) -> None:
    """Overwrite the label ids of cells, shape ``(n, ...)``, whose similarity, shape ``(n,)``, is below the rate."""
    label[similarity < unknown_rate] = UNKNOWN_ID


def clear_empty(records: Records, empty: NDArray[np.bool_]) -> None:
    """Leave cells, shape ``(n,)``, without label, confidence and position on the map; their embedding stays.

    All cells without a value in the encoder's features have the same embedding, whatever they are.
    """
    for field in ("label", "nearest"):
        records[field][empty] = UNKNOWN_ID
    for field in ("confidence", "probability"):
        records[field][empty] = 0
    records["map"][empty] = np.nan
    records["similarity"][empty & ~np.isnan(records["similarity"])] = 0  # NaN in spaces without similarity


def require_rate(unknown_rate: float) -> None:
    """Raise a QueryError unless ``0 <= unknown_rate <= 1``."""
    if not 0 <= unknown_rate <= 1:
        raise QueryError(f"the unknown rate must be a fraction of cells from 0 (none) to 1, got {unknown_rate}")
