"""Values of a whole query as an encoder takes them, for cells that are kept in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.errors import ValueKindError
from smile_runtime.projection.preparation import PreparedProjection, ProjectionOptions, prepare
from smile_runtime.projection.streaming import read_chunks, rows_per_read
from smile_runtime.query import MatrixLocation, Query, ReinterpretationError, ValueInterpretation
from smile_runtime.space import Space


@dataclass(frozen=True, eq=False, kw_only=True)
class EncoderInput:
    """Cells as an encoder takes them.

    Attributes
    ----------
    raw
        Values on the scale of counts, in the encoder's feature order, shape ``(n, n_features)``; features that were not
        measured are NaN, or empty if rows are sparse.
    size_factor
        Factor that scales each cell to the encoder's target sum, shape ``(n, 1)``.
    total
        Sum of all values of each cell, shape ``(n,)``.
    measured
        Whether each feature was measured, shape ``(n_features,)``.
    """

    raw: Matrix
    size_factor: NDArray[np.float32]
    total: NDArray[np.float64]
    measured: NDArray[np.bool_]


def read_encoder_input(
    query: Query, space: Space, *, modality: str | None = None, layer: str | None = None, use_raw: bool = False
) -> EncoderInput:
    """Read the values of a query, matched and checked as a projection does.

    Parameters
    ----------
    query
        Cells to read.
    space
        Open space.
    modality, layer, use_raw
        As in `project`.

    Raises
    ------
    SmileError
        As `project`; also if cells measured different features.
    """
    location = MatrixLocation(layer, use_raw)
    return read_prepared_input(
        prepare(query, space, ProjectionOptions(modality=modality, location=location, overwrite=True))
    )


def read_prepared_input(prepared: PreparedProjection) -> EncoderInput:
    """Read the values of a query that is ready to be projected; raises as `read_encoder_input`."""
    projector, interpretation = prepared.projector, prepared.interpretation
    if projector.matches:
        raise ValueKindError(
            f"cells measured {len(projector.matches):,} different sets of features; write each batch to a file of its "
            "own, without the features that it did not measure"
        )
    while True:
        try:
            result = _read(prepared, interpretation)
        except ReinterpretationError as other:
            interpretation = other.interpretation
        else:
            projector.interpreter.log_remarks(interpretation)
            return result


def _read(prepared: PreparedProjection, interpretation: ValueInterpretation) -> EncoderInput:
    from scipy.sparse import csr_matrix, vstack

    projector, matrix = prepared.projector, prepared.matrix
    parts = [
        projector.encoder_input(rows, projector.match, interpretation)
        for rows in read_chunks(matrix, 0, rows_per_read(matrix))
    ]
    raws, size_factors, totals = zip(*parts, strict=True)
    return EncoderInput(
        raw=csr_matrix(vstack(raws)) if is_sparse(raws[0]) else np.concatenate(raws),
        size_factor=np.concatenate(size_factors),
        total=np.concatenate(totals),
        measured=projector.match.measured,
    )
