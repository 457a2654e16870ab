"""Summary of a projection: counts over all cells, and the records of a sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Records
from smile_runtime.results.batches import Batches
from smile_runtime.results.cluster_labels import ClusterLabel
from smile_runtime.results.label_agreement import AgreementCounts, LabelAgreement
from smile_runtime.results.label_counts import LabelCounts
from smile_runtime.results.on_request import members_of
from smile_runtime.results.results import Projection


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
    clusters
        Labels of the clusters; None unless these were named.
    agreement
        Agreement with known labels; None unless these were named.
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
    clusters: Sequence[ClusterLabel] | None
    agreement: LabelAgreement | None
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


def summarize_projection(
    projection: Projection,
    names: Callable[[slice], NDArray[np.object_]],
    batches: Mapping[str, Batches],
    n_sample: int,
    *,
    agreement: AgreementCounts | None = None,
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
    agreement
        Counts of the known labels, to which all cells are added; None if there are none.
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
        if agreement is not None:
            agreement.add(rows, block["label"][:, agreement.index])
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
        clusters=projection.clusters,
        agreement=None if agreement is None else agreement.result(),
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
