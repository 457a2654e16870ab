"""Query cells as a matrix and the names of its columns, without AnnData."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from smile_runtime.arrays import Matrix, Rows, as_matrix
from smile_runtime.errors import QueryError
from smile_runtime.query.query import MatrixLocation

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ArrayQuery:
    """Query cells in a matrix; the methods are those of `Query`.

    Attributes
    ----------
    X
        Values, dense or CSR, shape ``(n_obs, n_vars)``.
    feature_names
        Names of the columns.
    """

    X: Matrix
    feature_names: tuple[str, ...]

    @classmethod
    def of(cls, X: object, feature_names: ArrayLike) -> "ArrayQuery":
        """Return the query of a matrix, dense or in any sparse format; raise QueryError if the names do not fit."""
        matrix, names = as_matrix(X), np.asarray(feature_names)
        if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.number):
            raise QueryError(
                f"X has shape {matrix.shape} and type {matrix.dtype}; pass numbers of shape (n_cells, n_features)"
            )
        if names.shape != (matrix.shape[1],):
            raise QueryError(
                f"X has {matrix.shape[1]:,} columns, feature_names has shape {names.shape}; pass one name per column"
            )
        return cls(matrix, tuple(map(str, names)))

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return int(self.X.shape[0])

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return []

    @property
    def has_raw(self) -> bool:
        """Whether the query has ``raw``."""
        return False

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features, one row each."""
        import pandas as pd

        return pd.DataFrame(index=pd.Index(self.feature_names, dtype=object))

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the matrix, shape ``(n_obs, n_vars)``."""
        return self.X

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether there are results that would be overwritten."""
        return False

    def noted_log(self) -> object:
        """Return None, as arrays carry no note of a logarithm."""
        return None
