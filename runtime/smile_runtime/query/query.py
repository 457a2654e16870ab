"""The cells to be projected: where their values are, and what they are."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, row_chunks, sliceable
from smile_runtime.errors import QueryError, ValueKindError
from smile_runtime.manifest import AcceptedValues, ValueKind
from smile_runtime.query.value_interpretation import ReinterpretationError, ValueInterpretation, ValueInterpreter

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MatrixLocation:
    """Where the values of a query are: ``X``, a layer, or ``raw.X``, which may have more features."""

    layer: str | None = None
    use_raw: bool = False

    def __str__(self) -> str:
        return "raw" if self.use_raw else "X" if self.layer is None else f"the layer {self.layer!r}"

    @property
    def option(self) -> str:
        """What to type to take the values from there."""
        return "--raw" if self.use_raw else f"--layer {self.layer}"


class Query(Protocol):
    """Cells to be projected, in memory or in a file."""

    @property
    def n_obs(self) -> int:
        """Number of cells."""

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""

    @property
    def has_raw(self) -> bool:
        """Whether there is a ``raw``."""

    def var(self, place: MatrixLocation) -> "pd.DataFrame":
        """Return the features that the values of a place are of, a row each."""

    def values(self, place: MatrixLocation) -> Matrix | None:
        """Return the values of a place, rows sliceable, shape ``(n_obs, n_vars)``; None where there are none."""

    def has_field(self, attribute: str, key: str) -> bool:
        """Say whether ``obs``, ``obsm`` or ``uns`` has a key."""


@dataclass(frozen=True, eq=False)
class AnnDataQuery:
    """The cells of an AnnData."""

    adata: "AnnData"

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return int(self.adata.n_obs)

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return list(self.adata.layers)

    @property
    def has_raw(self) -> bool:
        """Whether there is a ``raw``."""
        return self.adata.raw is not None

    def var(self, place: MatrixLocation) -> "pd.DataFrame":
        """Return the features that the values of a place are of, a row each."""
        frame: pd.DataFrame = self.adata.raw.var if place.use_raw else self.adata.var
        return frame

    def values(self, place: MatrixLocation) -> Matrix | None:
        """Return the values of a place, shape ``(n_obs, n_vars)``; None where there are none."""
        if place.use_raw:
            return self.adata.raw.X
        return self.adata.X if place.layer is None else self.adata.layers[place.layer]

    def has_field(self, attribute: str, key: str) -> bool:
        """Say whether ``obs``, ``obsm`` or ``uns`` has a key."""
        return key in getattr(self.adata, attribute)


def select_values(query: Query, place: MatrixLocation) -> Matrix:
    """Return the values of a query, shape ``(n_obs, n_vars)``, in a form whose rows can be sliced.

    Raises
    ------
    QueryError
        If the layer, ``X``, ``raw`` or any cell is missing.
    """
    layers = ", ".join(map(repr, query.layers)) or "none"
    if query.n_obs == 0:
        raise QueryError("the query has no cells; give at least one")
    if place.use_raw and place.layer is not None:
        raise QueryError(f"values cannot come from raw and from the layer {place.layer!r}; leave out --raw or --layer")
    if place.use_raw and not query.has_raw:
        raise QueryError("the query has no raw; leave --raw out to take X")
    if place.layer is not None and place.layer not in query.layers:
        raise QueryError(
            f"the query has no layer {place.layer!r}; its layers are: {layers}. Leave --layer out to take X"
        )
    matrix = query.values(place)
    if matrix is None:
        also = ", or take raw (--raw)" if query.has_raw else ""
        raise QueryError(
            f"the query has no X; name the layer that holds the values (--layer). Its layers are: {layers}{also}"
        )
    return sliceable(matrix)


def other_locations(query: Query, reader: ValueInterpreter, refused: MatrixLocation) -> str:
    """Say in which other places of a query there are values that can be taken; empty where in none."""
    places = [MatrixLocation(layer) for layer in query.layers]
    if query.has_raw:
        places.append(MatrixLocation(use_raw=True))
    if refused.layer is not None or refused.use_raw:
        places.append(MatrixLocation())
    found = []
    for place in places:
        reading = None if place == refused else _reading(query, reader, place)
        if reading is not None:
            found.append(f"{place} holds {reading.kind}" + (f" ({place.option})" if place != MatrixLocation() else ""))
    return "; ".join(found)


def _reading(query: Query, reader: ValueInterpreter, place: MatrixLocation) -> ValueInterpretation | None:
    try:
        return reader.first_reading(select_values(query, place))
    except QueryError:
        return None


def select_matrix(adata: "AnnData", layer: str | None = None) -> Matrix:
    """Return the values of an AnnData as `select_values` does."""
    return select_values(AnnDataQuery(adata), MatrixLocation(layer))


@dataclass(frozen=True, eq=False)
class QueryValues:
    """The values of cells that are all in memory, and what is known of them.

    Attributes
    ----------
    matrix
        Values as they came, shape ``(n, n_vars)``.
    kind
        What they are.
    totals
        What each cell adds up to over all features: counts, or the total it was normalized to; shape ``(n,)``.
    """

    matrix: Matrix
    kind: ValueKind
    totals: NDArray[np.float64]


def read_values(
    matrix: Matrix, target_sum: float | None, stated: ValueKind | None = None, taken: AcceptedValues = "expression"
) -> QueryValues:
    """Recognize the values of a matrix and find each cell's total.

    Log-normalized cells that have all their features still add up to the total that they were normalized to, all to
    the same; that total is then taken. Cells that were cut down to some features are taken to have had ``target_sum``.

    Parameters
    ----------
    matrix
        Values of all the query's features, shape ``(n, n_vars)``: ndarray, CSR, or a backed matrix.
    target_sum
        The total that log-normalized values are taken to have where they do not tell.
    stated
        What the values are, where the user says so.
    taken
        What the encoder takes.

    Raises
    ------
    ValueKindError
        If the values are of no kind that can be projected.
    """
    reader = ValueInterpreter(taken, target_sum, stated)
    reading = reader.first_reading(matrix)
    while True:
        try:
            totals = np.concatenate([reader.totals(rows, reading) for _, rows in row_chunks(matrix)])
        except ReinterpretationError as other:
            reading = other.reading
            continue
        warn_of_empty(int(np.count_nonzero(totals == 0)), len(totals), reading.kind)
        return QueryValues(matrix, reading.kind, totals)


def first_reading(query: Query, reader: ValueInterpreter, place: MatrixLocation, matrix: Matrix) -> ValueInterpretation:
    """Say what the values of a query are from some of its cells; an error says where else to look.

    Raises
    ------
    QueryError, ValueKindError
        If they are of no kind that can be projected.
    """
    try:
        return reader.first_reading(matrix)
    except ValueKindError as error:
        elsewhere = other_locations(query, reader, place)
        if not elsewhere:
            raise
        raise ValueKindError(f"{error}. In this query {elsewhere}") from error


def warn_of_empty(n_empty: int, n_cells: int, kind: ValueKind) -> None:
    """Say how many cells have no values at all."""
    if n_empty and kind not in ("levels", "numbers"):
        logger.warning("%d of %d cells have no values at all; their labels mean nothing", n_empty, n_cells)
