"""Summary of a projection: counts over all cells, and the records of a sample."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Records
from smile_runtime.results.further_fields import members_of
from smile_runtime.results.label_counts import LabelCounts
from smile_runtime.results.results import Projection

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


@dataclass(frozen=True, kw_only=True)
class SetSizes:
    """Sets of cells that are not unknown: coverage, number, mean number of labels, and share with a single label."""

    coverage: float
    n_cells: int
    mean_size: float | None
    fraction_single: float | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ProjectionSummary:
    """Summary of a projection.

    Attributes
    ----------
    n_cells
        Number of cells.
    columns
        Label columns, the primary one first.
    has_similarity
        Whether the space measures similarity.
    provenance
        Space, versions, features, kind of values and provider.
    labels
        Counts of labels, by label column.
    batches
        Counts of primary labels within each batch, by batch column.
    sets
        Sizes of the sets of labels; None unless they were asked for.
    sample
        Records of the sampled cells, in the order of the query, shape ``(m,)``.
    sample_names
        Names of the sampled cells, shape ``(m,)``.
    sample_batches
        Batches of the sampled cells, by batch column.
    """

    n_cells: int
    columns: tuple[LabelColumn, ...]
    has_similarity: bool
    provenance: Mapping[str, Any]
    labels: Mapping[str, LabelCounts]
    batches: Mapping[str, LabelCounts]
    sets: SetSizes | None
    sample: Records
    sample_names: NDArray[np.object_]
    sample_batches: Mapping[str, Batches]

    def __repr__(self) -> str:
        columns = ", ".join(f"{len(each.labels)} of {each.name}" for each in self.columns)
        return "\n".join(
            (
                f"ProjectionSummary: {self.n_cells:,} cells",
                f"  space: {self.provenance.get('space')}, {self.provenance.get('modality')}",
                f"  labels: {columns or 'none'}",
                f"  batches: {', '.join(self.batches) or 'none'}",
                f"  sample: {len(self.sample):,} cells",
            )
        )


def make_batches(values: "pd.Series[Any]", key: str) -> Batches:
    """Return the batches in a column of ``obs``; a cell whose value is missing belongs to no batch.

    Raises
    ------
    QueryError
        If the column has no values, holds fractions, or has too many different values.
    """
    import pandas as pd

    ids, names = pd.factorize(_batch_names(values, key), sort=True)
    if n_missing := int(np.count_nonzero(ids < 0)):
        logger.warning(
            "%s of %s cells have no value in obs[%r] and belong to no batch", f"{n_missing:,}", f"{len(ids):,}", key
        )
    if len(names) == 0:
        raise QueryError(f"obs[{key!r}] has no values; choose a column with the batch of each cell")
    if len(names) > MAX_BATCHES:
        raise QueryError(
            f"obs[{key!r}] has {len(names):,} different values, but at most {MAX_BATCHES} batches are "
            "possible; choose a column with the batch of each cell",
            options={"batch_keys": None},
        )
    return Batches(tuple(map(str, names)), ids.astype(np.min_scalar_type(-len(names) - 1)))


def _batch_names(values: "pd.Series[Any]", key: str) -> "pd.Series[Any]":
    """Return the values as text, without the missing ones; whole numbers have no decimals."""
    import pandas as pd

    known = values.dropna()
    if pd.api.types.is_float_dtype(known.dtype):
        if not np.array_equal(known, np.rint(known)):
            raise QueryError(
                f"obs[{key!r}] holds fractions such as {known.iloc[0]:g}, which name no batches; choose a column with "
                "the batch of each cell",
                options={"batch_keys": None},
            )
        known = known.astype(np.int64)
    return known.astype(str).astype(object).reindex(values.index)


def summarize_projection(
    projection: Projection,
    names: Callable[[slice], NDArray[np.object_]],
    batches: Mapping[str, Batches],
    n_sample: int,
    *,
    seed: int = 0,
) -> ProjectionSummary:
    """Summarize a projection.

    Parameters
    ----------
    projection
        Completed projection.
    names
        Returns the names of a range of cells.
    batches
        Batch of each cell, by batch column.
    n_sample
        Size of the sample, or all cells if there are fewer.
    seed
        Seed of the sample.
    """
    n, columns = len(projection.results), tuple(projection.columns)
    sampled = np.sort(np.random.default_rng(seed).choice(n, min(n, n_sample), replace=False))
    labels = {column.name: LabelCounts(column.labels) for column in columns}
    batch_counts = {key: LabelCounts(columns[0].labels if columns else (), each.names) for key, each in batches.items()}
    n_sets = np.zeros(len(columns[0].labels) + 1 if columns else 1, np.int64)  # by size
    records, sample_names, start = [], [], 0
    for block in projection.results.blocks():
        rows = slice(start, start + len(block))
        for index, counts in enumerate(labels.values()):
            counts.add(block["label"][:, index], block["confidence"][:, index], block["similarity"])
        for key, counts in batch_counts.items():
            label, confidence = (block["label"][:, 0], block["confidence"][:, 0]) if columns else (None, None)
            counts.add(label, confidence, block["similarity"], batch=batches[key].ids[rows])
        if projection.sets is not None:
            n_sets += np.bincount(members_of(projection, block).sum(axis=1), minlength=len(n_sets))
        chosen = sampled[np.searchsorted(sampled, rows.start) : np.searchsorted(sampled, rows.stop)] - start
        if len(chosen):
            records.append(block[chosen])
            sample_names.append(names(rows)[chosen])
        start = rows.stop
    return ProjectionSummary(
        n_cells=n,
        columns=columns,
        has_similarity=projection.has_similarity,
        provenance=projection.provenance,
        labels=labels,
        batches=batch_counts,
        sets=None if projection.sets is None else _set_sizes(projection.sets.coverage, n_sets),
        sample=np.concatenate(records) if records else np.empty(0, block.dtype),
        sample_names=np.concatenate(sample_names) if records else np.empty(0, object),
        sample_batches={key: Batches(each.names, each.ids[sampled]) for key, each in batches.items()},
    )


def _set_sizes(coverage: float, n_sets: NDArray[np.int64]) -> SetSizes:
    """Summarize the numbers of sets by their number of labels; empty ones are those of unknown cells."""
    n_cells = int(n_sets[1:].sum())
    mean_size = float((n_sets * np.arange(len(n_sets))).sum() / n_cells) if n_cells else None
    fraction_single = float(n_sets[1] / n_cells) if n_cells else None
    return SetSizes(coverage=coverage, n_cells=n_cells, mean_size=mean_size, fraction_single=fraction_single)
