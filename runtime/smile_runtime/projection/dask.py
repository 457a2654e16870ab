"""Cells in Dask arrays: every block is projected where it is computed, in a space that each worker opens once."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from smile_runtime.arrays import Matrix, row_chunks, sliceable
from smile_runtime.encoder import Encoder
from smile_runtime.errors import IntegrityError
from smile_runtime.features import FeatureMatch
from smile_runtime.io import single_threaded_blas
from smile_runtime.manifest import Device, Precision
from smile_runtime.mapping import Records, ReferenceMapper, record_dtype
from smile_runtime.projection.preparation import reference_mapper
from smile_runtime.projection.projector import Projector
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import ReinterpretationError, ValueInterpretation, ValueInterpreter
from smile_runtime.results import Results
from smile_runtime.space import Space, open_space


@dataclass(frozen=True, eq=False)
class _Plan:
    """What a worker needs to build a projector: small, and the same for every block."""

    space: Path
    manifest_sha256: str
    device: Device
    precision: Precision
    modality: str
    unknown_rate: float
    match: FeatureMatch
    reader: ValueInterpreter
    batch_size: int

    def projector(self) -> Projector:
        """Return the projector, in a space that this worker opens once."""
        encoder, mapper = _opened(
            self.space, self.manifest_sha256, self.device, self.precision, self.modality, self.unknown_rate
        )
        return Projector(encoder, self.match, self.reader, mapper, self.batch_size)


def project_dask(array: Any, projector: Projector, space: Space, results: Results, progress: Progress) -> None:  # noqa: ANN401
    """Project the blocks of a Dask array by its scheduler, a ``dask.distributed`` cluster where there is one.

    Every worker must see the space's directory at the same path.

    Parameters
    ----------
    array
        Values of all the query's features, in dense or sparse blocks, shape ``(n, n_vars)``.
    projector
        What projects them.
    space
        The space.
    results
        Where the records go; what the values are taken for, which may turn out otherwise.
    progress
        Told when all is done; Dask has progress bars and a dashboard of its own.

    Raises
    ------
    QueryError, ValueKindError
        If the cells cannot be projected.
    IntegrityError
        If a worker does not see the space.
    """
    plan = _Plan(
        space.path.resolve(),
        space.manifest_sha256,
        space.device,
        space.precision,
        projector.encoder.modality,
        projector.mapper.unknown_rate,
        projector.match,
        projector.reader,
        projector.batch_size,
    )
    array = array.rechunk({1: -1})
    dtype = record_dtype(projector.encoder.record.n_latent, len(projector.mapper.columns))
    like = {"dtype": dtype, "meta": np.empty(0, dtype), "chunks": (array.chunks[0],), "drop_axis": 1}
    while not len(results):
        try:
            results.append(array.map_blocks(_project_block, plan, results.reading, **like).compute())
        except ReinterpretationError as other:
            results.begin(other.reading)
    progress(len(results), len(results))


def _project_block(block: Matrix, plan: _Plan, reading: ValueInterpretation) -> Records:
    projector = plan.projector()
    with single_threaded_blas():
        return np.concatenate([projector(rows, reading) for _, rows in row_chunks(sliceable(block))])


@lru_cache(maxsize=4)
def _opened(
    path: Path, manifest_sha256: str, device: Device, precision: Precision, modality: str, unknown_rate: float
) -> tuple[Encoder, ReferenceMapper]:
    space = open_space(path, device=device, precision=precision)
    if space.manifest_sha256 != manifest_sha256:
        raise IntegrityError(f"{path} on this worker is not the space that the query is projected into; copy it there")
    return space.encoder(modality), reference_mapper(space, modality, unknown_rate)
