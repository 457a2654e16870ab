"""Query cells in memory or in a file, and the matrices that may hold their values."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from smile_runtime.arrays import Rows, sliceable
from smile_runtime.errors import QueryError, ValueKindError
from smile_runtime.query.value_interpretation import ValueInterpreter
from smile_runtime.query.value_recognition import ValueInterpretation

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


@dataclass(frozen=True)
class MatrixLocation:
    """Location of a query's values: ``X``, a layer, or ``raw.X``, which may have more features.

    Attributes
    ----------
    layer
        Name of the layer; None for ``X`` or ``raw.X``.
    use_raw
        Whether to use ``raw.X``.
    """

    layer: str | None = None
    use_raw: bool = False

    def __str__(self) -> str:
        return "raw" if self.use_raw else "X" if self.layer is None else f"the layer {self.layer!r}"

    @property
    def options(self) -> dict[str, object]:
        """Arguments of `project` that select this location."""
        if self.use_raw:
            return {"use_raw": True}
        return {} if self.layer is None else {"layer": self.layer}


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
        """Whether the query has ``raw``."""

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features of the matrix at a location, one row each."""

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the matrix at a location, shape ``(n_obs, n_vars)``; None if it is missing."""

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether ``obs``, ``obsm`` or ``uns`` has a key."""

    def noted_log(self) -> object:
        """Return ``uns["log1p"]``, in which scanpy notes a logarithm and its base; None if it is missing."""


@dataclass(frozen=True, eq=False)
class AnnDataQuery:
    """Query cells in an AnnData; the methods are those of `Query`."""

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
        """Whether the query has ``raw``."""
        return self.adata.raw is not None

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features of the matrix at a location, one row each."""
        frame: pd.DataFrame = self.adata.raw.var if location.use_raw else self.adata.var
        return frame

    def obs(self, column: str) -> "pd.Series[Any]":
        """Return a column of ``obs``; raise QueryError if it is missing."""
        if column not in self.adata.obs:
            raise missing_column_error(column, self.adata.obs.columns)
        values: pd.Series[Any] = self.adata.obs[column]
        return values

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the matrix at a location, shape ``(n_obs, n_vars)``; None if it is missing."""
        if location.use_raw:
            values = self.adata.raw.X
        else:
            values = self.adata.X if location.layer is None else self.adata.layers[location.layer]
        return None if values is None else sliceable(values)

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether ``obs``, ``obsm`` or ``uns`` has a key."""
        return key in getattr(self.adata, attribute)

    def noted_log(self) -> object:
        """Return ``uns["log1p"]``, in which scanpy notes a logarithm and its base; None if it is missing."""
        noted: object = self.adata.uns.get("log1p")
        return noted


def missing_column_error(column: str, columns: Iterable[str]) -> QueryError:
    """Return the error about a column that ``obs`` lacks."""
    known = ", ".join(map(repr, columns)) or "none"
    return QueryError(f"the query has no column {column!r} in obs; its columns are: {known}")


def noted_base(query: Query) -> float | None:
    """Return the base of the logarithm that a query notes in ``uns["log1p"]``; None without a note or a valid base."""
    noted = query.noted_log()
    base = noted.get("base") if isinstance(noted, Mapping) else math.nan
    try:
        number = math.e if base is None else float(base)
    except (TypeError, ValueError):
        return None
    return number if 1 < number < math.inf else None


def select_values(query: Query, location: MatrixLocation) -> Rows:
    """Return the matrix at a location, shape ``(n_obs, n_vars)``.

    Raises
    ------
    QueryError
        If there are no cells, or the layer, ``X`` or ``raw`` is missing.
    """
    layers = ", ".join(map(repr, query.layers))
    if query.n_obs == 0:
        raise QueryError("the query has no cells; at least one is needed")
    if location.use_raw and location.layer is not None:
        raise QueryError(
            f"values cannot come from both raw and the layer {location.layer!r}; choose one",
            options={"use_raw": None, "layer": None},
        )
    if location.use_raw and not query.has_raw:
        raise QueryError("the query has no raw; use X instead", options={"use_raw": False})
    if location.layer is not None and location.layer not in query.layers:
        known = (
            f"its layers are: {layers}; choose one of them, or X by default" if layers else "nor any other; name none"
        )
        raise QueryError(f"the query has no layer {location.layer!r}, {known}", options={"layer": None})
    matrix = query.values(location)
    if matrix is None and not query.layers and not query.has_raw:
        raise QueryError("the query has neither X nor layers, and so no values; write it again with its counts")
    if matrix is None:
        raise QueryError(
            f"the query has no X; choose the matrix that holds the values. Its layers are: {layers or 'none'}",
            options={"layer": None, **({"use_raw": True} if query.has_raw else {})},
        )
    return matrix


def interpret_query(
    query: Query, interpreter: ValueInterpreter, location: MatrixLocation, matrix: Rows
) -> ValueInterpretation:
    """Interpret a query's values from a sample of its cells; an error names matrices that would work.

    Raises
    ------
    QueryError, ValueKindError
        If the values are of no kind that can be projected.
    """
    with usable_matrices_named(query, interpreter, location):
        interpretation = interpreter.interpret(matrix)
    if interpreter.stated_sum is not None and interpretation.kind != "lognorm":
        raise ValueKindError(
            f"a normalization target applies to log-normalized values, but these are {interpretation.kind}; omit it",
            options={"target_sum": None},
        )
    return interpretation


@contextmanager
def usable_matrices_named(query: Query, interpreter: ValueInterpreter, rejected: MatrixLocation) -> Iterator[None]:
    """Let an error about the values at a location name the other matrices: those that would work, if there are any."""
    try:
        yield
    except ValueKindError as error:
        others = [location for location in _locations(query) if location != rejected]
        if not others:
            raise
        usable = list(_usable_locations(query, interpreter, others))
        usable = [each for each in usable if not each[1].remarks] or usable
        if not usable:
            names = ", ".join(map(str, others))
            raise ValueKindError(
                f"{error.message}. In this query no other matrix would do: {names}", options=error.options
            ) from error
        kinds = "; ".join(f"{other} holds {interpretation.kind}" for other, interpretation in usable)
        options = {name: value for other, _ in usable for name, value in other.options.items()}
        raise ValueKindError(f"{error.message}. In this query {kinds}", options=options) from error


def _locations(query: Query) -> list[MatrixLocation]:
    """Return the locations of all matrices of a query."""
    raw = [MatrixLocation(use_raw=True)] if query.has_raw else []
    return [*map(MatrixLocation, query.layers), *raw, MatrixLocation()]


def _usable_locations(
    query: Query, interpreter: ValueInterpreter, locations: Iterable[MatrixLocation]
) -> Iterator[tuple[MatrixLocation, ValueInterpretation]]:
    for location in locations:
        try:
            yield location, interpreter.interpret(select_values(query, location))
        except QueryError:
            continue


def select_matrix(adata: "AnnData", layer: str | None = None) -> Rows:
    """Return ``X`` or a layer of an AnnData, as `select_values` does."""
    return select_values(AnnDataQuery(adata), MatrixLocation(layer))
