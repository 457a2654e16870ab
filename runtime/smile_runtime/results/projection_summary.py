"""What a projection found, without all of its cells: counts of every one, and a sample to look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Records
from smile_runtime.results.label_counts import LabelCounts
from smile_runtime.results.results import Projection

if TYPE_CHECKING:
    import pandas as pd

MOST_BATCHES = 500
"""Different values that a batch column may have."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Which batch each cell is of.

    Attributes
    ----------
    names
        Names of the batches, sorted.
    ids
        Places among the names, shape ``(n,)``.
    """

    names: tuple[str, ...]
    ids: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class ProjectionSummary:
    """What a projection found.

    Attributes
    ----------
    n_cells
        Number of cells.
    columns
        The label columns, the primary one first.
    tells_similarity
        Whether the space tells similarities.
    provenance
        What made it: space, versions, features, values, provider.
    labels
        Counts of each label column's labels.
    batches
        Counts of the primary labels within the batches of each batch column.
    sample
        Records of some cells, in the order of the query, shape ``(m,)``.
    sample_names
        Their names, shape ``(m,)``.
    sample_batches
        Their batches, by column.
    """

    n_cells: int
    columns: tuple[LabelColumn, ...]
    tells_similarity: bool
    provenance: Mapping[str, Any]
    labels: Mapping[str, LabelCounts]
    batches: Mapping[str, LabelCounts]
    sample: Records
    sample_names: NDArray[np.object_]
    sample_batches: Mapping[str, Batches]


def make_batches(values: "pd.Series[Any]", key: str) -> Batches:
    """Return the batches that a column of ``obs`` says.

    Raises
    ------
    QueryError
        If it has more values than there can be batches.
    """
    import pandas as pd

    ids, names = pd.factorize(values.astype(str), sort=True)
    if len(names) > MOST_BATCHES:
        raise QueryError(
            f"obs[{key!r}] has {len(names):,} different values, and batches may be {MOST_BATCHES} at most; "
            "give a column that says which batch a cell is of (--batch)"
        )
    return Batches(tuple(map(str, names)), ids.astype(np.min_scalar_type(len(names))))


def summarize_projection(
    projection: Projection,
    names: Callable[[slice], NDArray[np.object_]],
    batches: Mapping[str, Batches],
    n_sample: int,
    *,
    seed: int = 0,
) -> ProjectionSummary:
    """Count all cells of a projection, and take a sample of them.

    Parameters
    ----------
    projection
        The projection.
    names
        Returns the names of some cells.
    batches
        Which batch each cell is of, by batch column.
    n_sample
        Size of the sample, if there are as many cells.
    seed
        Of the sample.
    """
    n, columns = len(projection.results), tuple(projection.columns)
    sampled = np.sort(np.random.default_rng(seed).choice(n, min(n, n_sample), replace=False))
    labels = {column.name: LabelCounts(column.labels) for column in columns}
    of_batches = {key: LabelCounts(columns[0].labels if columns else (), each.names) for key, each in batches.items()}
    records, sample_names, start = [], [], 0
    for block in projection.results.blocks():
        rows = slice(start, start + len(block))
        for place, counts in enumerate(labels.values()):
            counts.add(block["label"][:, place], block["confidence"][:, place], block["similarity"])
        for key, counts in of_batches.items():
            label, confidence = (block["label"][:, 0], block["confidence"][:, 0]) if columns else (None, None)
            counts.add(label, confidence, block["similarity"], batch=batches[key].ids[rows])
        chosen = sampled[np.searchsorted(sampled, rows.start) : np.searchsorted(sampled, rows.stop)] - start
        if len(chosen):
            records.append(block[chosen])
            sample_names.append(names(rows)[chosen])
        start = rows.stop
    return ProjectionSummary(
        n,
        columns,
        projection.tells_similarity,
        projection.provenance,
        labels,
        of_batches,
        np.concatenate(records) if records else np.empty(0, block.dtype),
        np.concatenate(sample_names) if records else np.empty(0, object),
        {key: Batches(each.names, each.ids[sampled]) for key, each in batches.items()},
    )
