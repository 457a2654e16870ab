"""Batches, clusters or known labels of the cells of a query, from a column of ``obs``."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.io import counted

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

MAX_BATCHES = 500


@dataclass(frozen=True, eq=False)
class Batches:
    """Batch of each cell."""

    names: tuple[str, ...]
    """Batch names, sorted."""
    ids: NDArray[np.integer]
    """Index of each cell's batch in the names, -1 for a cell without a batch, shape ``(n,)``."""


def make_batches(values: "pd.Series[Any]", key: str, *, noun: str = "batch", option: str = "batch_keys") -> Batches:
    """Return the batches in a column of ``obs``; a cell whose value is missing belongs to no batch.

    Parameters
    ----------
    values
        Column, shape ``(n,)``.
    key
        Name of the column.
    noun
        What the values name, if it is not batches.
    option
        Argument that named the column.

    Raises
    ------
    QueryError
        If the column has no values, holds fractions, or has too many different values.
    """
    import pandas as pd

    plural, advice = f"{noun}es" if noun == "batch" else f"{noun}s", f"choose a column with the {noun} of each cell"
    known = values.dropna()
    if pd.api.types.is_float_dtype(known.dtype):
        if not np.array_equal(known, np.rint(known)):
            raise QueryError(
                f"obs[{key!r}] holds fractions such as {known.iloc[0]:g}, which name no {plural}; {advice}",
                options={option: None},
            )
        known = known.astype(np.int64)  # whole numbers have no decimals
    ids, names = pd.factorize(known.astype(str).astype(object).reindex(values.index), sort=True)
    if len(names) == 0:
        raise QueryError(f"obs[{key!r}] has no values; {advice}", options={option: None})
    if n_missing := int(np.count_nonzero(ids < 0)):
        logger.warning(
            "%s no value in obs[%r], and so no %s",
            *(counted(n_missing, "cell", "have", of=len(ids)), key, noun),
        )
    if len(names) > MAX_BATCHES:
        raise QueryError(
            f"obs[{key!r}] has {len(names):,} different values, but at most {MAX_BATCHES} {plural} are "
            f"possible; {advice}",
            options={option: None},
        )
    return Batches(tuple(map(str, names)), ids.astype(np.min_scalar_type(-len(names) - 1)))


def make_clusters(values: "pd.Series[Any]", key: str) -> Batches:
    """Return the clusters in a column of ``obs``; arguments and errors as in `make_batches`."""
    return make_batches(values, key, noun="cluster", option="clusters")
