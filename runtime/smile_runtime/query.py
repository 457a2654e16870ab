"""The values of query cells, brought to what an encoder's graph takes: raw values and a size factor."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.matching import FeatureMatch
from smile_runtime.matrix import Matrix, dense, sliceable
from smile_runtime.values import Taken, ValueKind, lognorm_total, recognise_values, scan_values

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)


def select_matrix(adata: "AnnData", layer: str | None = None) -> Matrix:
    """Return the values of an AnnData, shape ``(n_obs, n_vars)``, in a form whose rows can be sliced.

    Parameters
    ----------
    adata
        The cells.
    layer
        Name of the layer to take; None for ``X``.

    Raises
    ------
    QueryError
        If the layer, ``X`` or any cell is missing.
    """
    if adata.n_obs == 0:
        raise QueryError("the query has no cells; give at least one")
    if layer is not None and layer not in adata.layers:
        layers = ", ".join(map(repr, adata.layers)) or "none"
        raise QueryError(f"the query has no layer {layer!r}; its layers are: {layers}. Leave --layer out to take X")
    matrix = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        layers = ", ".join(map(repr, adata.layers)) or "none"
        raise QueryError(
            f"the query has no X; name the layer that holds the values (--layer). Its layers are: {layers}"
        )
    return sliceable(matrix)


@dataclass(frozen=True, eq=False)
class QueryValues:
    """The values of a query, and what is known of them.

    Attributes
    ----------
    matrix
        Values as they came, shape ``(n, n_vars)``.
    kind
        What they are.
    totals
        What each cell adds up to over all features: counts, or the total it was normalised to; shape ``(n,)``.
    """

    matrix: Matrix
    kind: ValueKind
    totals: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def raw(self, start: int, stop: int, match: FeatureMatch, n_features: int) -> NDArray[np.float32]:
        """Return rows of raw values in the encoder's order, shape ``(rows, n_features)``; NaN where not measured."""
        rows = self.matrix[start:stop][:, match.columns]
        measured = dense(rows @ match.sums if match.repeated else rows)
        result = np.full((len(measured), n_features), np.nan, np.float32)
        result[:, match.matched] = np.expm1(measured) if self.kind == "lognorm" else measured
        return result


def read_values(
    matrix: Matrix, target_sum: float | None, stated: ValueKind | None = None, taken: Taken = "expression"
) -> QueryValues:
    """Recognise the values of a matrix and find each cell's total.

    Log-normalised cells that have all their features still add up to the total that they were normalised to, all to
    the same; that total is then taken. Cells that were cut down to some features are taken to have had ``target_sum``.

    Parameters
    ----------
    matrix
        Values of all the query's features, shape ``(n, n_vars)``: ndarray, CSR, or a backed matrix.
    target_sum
        The total that log-normalised values are taken to have where they do not tell.
    stated
        What the values are, where the user says so.
    taken
        What the encoder takes.

    Raises
    ------
    ValueKindError
        If the values are of no kind that can be projected.
    """
    scan = scan_values(matrix)
    kind = recognise_values(scan, stated, taken)
    empty = 0 if kind in ("levels", "numbers") else int(np.count_nonzero(scan.totals == 0))
    if empty:
        logger.warning("%d of %d cells have no values at all; their labels mean nothing", empty, len(scan.totals))
    if kind != "lognorm":
        return QueryValues(matrix, kind, scan.totals)
    total = lognorm_total(matrix) or target_sum or 1.0
    logger.info("log-normalised values, taken back to a total of %.6g in each cell", total)
    return QueryValues(matrix, kind, np.full(matrix.shape[0], total))
