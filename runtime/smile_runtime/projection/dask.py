"""Projection of Dask arrays: each block on the worker that computes it, in a space that each worker opens once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from smile_runtime.arrays import Matrix, as_matrix, row_chunks
from smile_runtime.encoder import Encoder
from smile_runtime.errors import IntegrityError
from smile_runtime.features import FeatureMatch
from smile_runtime.io import single_threaded_blas
from smile_runtime.manifest import Device, Precision
from smile_runtime.mapping import Records, ReferenceMapper
from smile_runtime.projection.preparation import reference_mapper
from smile_runtime.projection.projector import Projector
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import ReinterpretationError, ValueInterpretation, ValueInterpreter
from smile_runtime.results import Results
from smile_runtime.space import Space, open_space


@dataclass(frozen=True, kw_only=True)
class _SpaceKey:
    """Identifies a space, and the encoder and mapper to take from it, to a worker."""

    path: Path
    manifest_sha256: str
    device: Device
    precision: Precision
    modality: str
    unknown_rate: float
    probabilities: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class _BlockPlan:
    """Everything a worker needs to build a projector: small, and the same for every block."""

    space: _SpaceKey
    match: FeatureMatch
    matches: Mapping[bytes, FeatureMatch]
    interpreter: ValueInterpreter
    batch_size: int

    def projector(self) -> Projector:
        """Return the projector for this worker."""
        encoder, mapper = _open_on_worker(self.space)
        return Projector(
            encoder=encoder,
            match=self.match,
            matches=self.matches,
            interpreter=self.interpreter,
            mapper=mapper,
            batch_size=self.batch_size,
        )


def project_dask(array: Any, projector: Projector, space: Space, results: Results, progress: Progress) -> None:  # noqa: ANN401
    """Project the blocks of a Dask array on its scheduler, for example a ``dask.distributed`` cluster.

    Every worker must see the space directory at the same path.

    Parameters
    ----------
    array
        Values of all the query's features, in dense or sparse blocks, shape ``(n, n_vars)``.
    projector
        Projector of this process, which every worker builds again.
    space
        Space to project into.
    results
        Results that all records are added to. They restart if a row contradicts their interpretation.
    progress
        Called once, at the end; Dask has its own progress bars and dashboard.

    Raises
    ------
    IntegrityError
        If a worker does not see the space.
    """
    key = _SpaceKey(
        path=space.path.resolve(),
        manifest_sha256=space.manifest_sha256,
        device=space.device,
        precision=space.precision,
        modality=projector.encoder.modality,
        unknown_rate=projector.mapper.unknown_rate,
        probabilities=projector.mapper.probabilities,
    )
    plan = _BlockPlan(
        space=key,
        match=projector.match,
        matches=projector.matches,
        interpreter=projector.interpreter,
        batch_size=projector.batch_size,
    )
    array = array.rechunk({1: -1})
    dtype = projector.mapper.record_dtype
    like = {"dtype": dtype, "meta": np.empty(0, dtype), "chunks": (array.chunks[0],), "drop_axis": 1}
    while not len(results):
        try:
            results.append(array.map_blocks(_project_block, plan, results.interpretation, **like).compute())
        except ReinterpretationError as other:
            results.restart(other.interpretation)
    progress(len(results), len(results))


def _project_block(block: Matrix, plan: _BlockPlan, interpretation: ValueInterpretation) -> Records:
    projector = plan.projector()
    with single_threaded_blas():
        return np.concatenate([projector(rows, interpretation) for rows in row_chunks(as_matrix(block))])


@lru_cache(maxsize=4)
def _open_on_worker(key: _SpaceKey) -> tuple[Encoder, ReferenceMapper]:
    space = open_space(key.path, device=key.device, precision=key.precision)
    if space.manifest_sha256 != key.manifest_sha256:
        raise IntegrityError(
            f"{key.path} on this worker is another space than the query's; copy the query's space there"
        )
    mapper = reference_mapper(space, key.modality, key.unknown_rate, probabilities=key.probabilities)
    return space.encoder(key.modality), mapper
