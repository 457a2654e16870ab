"""Projection of one chunk of rows: the single route that all cells take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, measured_sparse
from smile_runtime.encoder import Encoder
from smile_runtime.errors import SpaceError, ValueKindError
from smile_runtime.features import FeatureMatch
from smile_runtime.io import counted
from smile_runtime.mapping import CellValues, Records, ReferenceMapper, clear_empty
from smile_runtime.query import ValueInterpretation, ValueInterpreter, measured_features, split_by_features

_MAX_NORM_ERROR = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Projector:
    """Projects rows of a query on one thread. A row's record depends on that row alone.

    Attributes
    ----------
    encoder
        Encoder that embeds the rows.
    match
        Match of the query's columns to the encoder's features.
    interpreter
        Interpreter of the query's values.
    mapper
        Mapper of embedded cells onto the reference.
    batch_size
        Number of cells that run through the encoder together.
    matches
        Match of each set of features, by its key, if cells measured different features; `match` is that of all features
        that any cell measured. Otherwise empty.
    """

    encoder: Encoder
    match: FeatureMatch
    interpreter: ValueInterpreter
    mapper: ReferenceMapper
    batch_size: int
    matches: Mapping[bytes, FeatureMatch] = field(default_factory=dict)

    def __call__(self, rows: Matrix, interpretation: ValueInterpretation) -> Records:
        """Project rows and return their records, shape ``(n,)``.

        Parameters
        ----------
        rows
            Values of all the query's features, ndarray or CSR, shape ``(n, n_vars)``.
        interpretation
            Interpretation of the values.

        Raises
        ------
        ValueKindError
            If the values cannot be of a kind that the encoder accepts.
        ReinterpretationError
            If the rows contradict the interpretation, so that all rows must be read again.
        """
        records = np.empty(rows.shape[0], self.mapper.record_dtype)
        for cells, part, match in self.split(rows):
            records[cells] = self._project(part, match, interpretation)
        return records

    def split(self, rows: Matrix) -> Iterator[tuple[NDArray[np.intp], Matrix, FeatureMatch]]:
        """Yield the indices of the rows that measured the same features, their values of these, and their match."""
        if not self.matches:
            yield np.arange(rows.shape[0]), rows, self.match
            return
        for key, cells in split_by_features(rows).items():
            yield cells, rows[cells][:, measured_features(key, rows.shape[1])], self.matches[key]

    def encoder_input(
        self, rows: Matrix, match: FeatureMatch, interpretation: ValueInterpretation
    ) -> tuple[Matrix, NDArray[np.float32], NDArray[np.float64]]:
        """Return raw values in the encoder's feature order, size factors and totals of rows; raises as a call."""
        linear, totals = self.interpreter.linear_rows(rows, interpretation)
        return match.select(linear), self.encoder.preprocessing.size_factors(totals), totals

    def _project(self, rows: Matrix, match: FeatureMatch, interpretation: ValueInterpretation) -> Records:
        """Project rows that measured the same features."""
        raw, size_factor, totals = self.encoder_input(rows, match, interpretation)
        embedding, values = self._encode(raw, size_factor, match)
        if n_infinite := int((~np.isfinite(embedding).all(axis=1)).sum()):
            raise ValueKindError(
                f"{counted(n_infinite, 'cell', 'have')} values too large for the encoder; check the largest values of "
                "each cell"
            )
        _require_unit_norms(embedding)
        records = self._mappers[match].map(embedding, values)
        records["total"] = totals
        records["detected"] = np.asarray((raw > 0).sum(axis=1)).ravel()
        if interpretation.are_amounts:
            clear_empty(records, records["detected"] == 0)
        return records

    @cached_property
    def _mappers(self) -> dict[FeatureMatch, ReferenceMapper]:
        """Mapper for the features of each match."""
        matches = (self.match, *self.matches.values())
        return {match: self.mapper.for_features(match.measured, match.weight) for match in matches}

    def _encode(
        self, raw: Matrix, size_factor: NDArray[np.float32], match: FeatureMatch
    ) -> tuple[NDArray[np.float32], CellValues | None]:
        """Return the embedding of cells, and their values if they are compared with profiles."""
        encode = partial(
            self.encoder.encode, raw, size_factor, measured=match.measured, batch_size=self.batch_size, n_threads=1
        )
        profiles = self.mapper.profiles
        if profiles is None:
            return encode(), None
        rows = measured_sparse(raw)
        if self.encoder.preprocessing.binarize:
            rows = (rows > 0).astype(np.float32)
        if not profiles.has_axes:
            return encode(), CellValues(rows, None)
        embedding, components = self.encoder.encode_with_components(
            raw, size_factor, measured=match.measured, batch_size=self.batch_size, n_threads=1
        )
        return embedding, CellValues(rows, components)


def _require_unit_norms(embedding: NDArray[np.float32]) -> None:
    """Raise SpaceError unless each embedding is a unit vector, or zero, as of a cell that no unit responds to."""
    norms = np.linalg.norm(embedding, axis=1)
    if (wrong := norms[(np.abs(norms - 1) > _MAX_NORM_ERROR) & (norms != 0)]).size:
        raise SpaceError(
            f"the encoder computes embeddings of length {wrong[0]:.4g}, but each must be a unit vector; pull or build "
            "the space again"
        )
