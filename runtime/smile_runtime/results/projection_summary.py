"""Summary of a projection: counts over all cells, and the records of a sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Records
from smile_runtime.query import ValueInterpretation
from smile_runtime.results.batches import Batches
from smile_runtime.results.cluster_labels import ClusterLabel
from smile_runtime.results.label_agreement import AgreementCounts, LabelAgreement
from smile_runtime.results.label_counts import LabelCounts
from smile_runtime.results.modality_counts import ModalityCount, ModalityCounts
from smile_runtime.results.requested_fields import members_of
from smile_runtime.results.results import Projection
from smile_runtime.results.set_counts import SetCounts, SetSizes


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
    interpretation
        Interpretation of the query's values.
    sample
        Records of the sampled cells, in the order of the query, shape ``(m,)``.
    sample_rows
        Indices of the sampled cells in the query, ascending, shape ``(m,)``.
    sample_names
        Names of the sampled cells, shape ``(m,)``.
    sample_batches
        Batches of the sampled cells, by batch column.
    sample_sets
        Which primary labels are in the set of each sampled cell, shape ``(m, n_labels)``; None unless sets were asked
        for.
    sample_known
        Known labels of the sampled cells; None unless these were named.
    modalities
        Counts by the modalities that labels come from; empty unless several label cells together.
    sample_modalities
        Modalities that the label of each sampled cell comes from; None likewise.
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
    interpretation: ValueInterpretation
    sample: Records
    sample_rows: NDArray[np.intp]
    sample_names: NDArray[np.object_]
    sample_batches: Mapping[str, Batches]
    sample_sets: NDArray[np.bool_] | None
    sample_known: Batches | None
    modalities: Sequence[ModalityCount] = ()
    sample_modalities: Batches | None = None

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
    sets = None if projection.sets is None else SetCounts(columns[0].labels)
    modalities = ModalityCounts(projection.modalities, has_truth=agreement is not None)
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
        if projection.modalities:
            outcome = () if agreement is None else agreement.outcome(rows, block["label"][:, agreement.index])
            modalities.add(block, *outcome)
        if sets is not None:
            sets.add(members_of(projection, block))
        chosen = sampled[np.searchsorted(sampled, rows.start) : np.searchsorted(sampled, rows.stop)] - start
        if len(chosen):
            records.append(block[chosen])
            sample_names.append(names(rows)[chosen])
        start = rows.stop
    sample = np.concatenate(records) if records else np.empty(0, block.dtype)
    return ProjectionSummary(
        n_cells=n,
        columns=columns,
        has_similarity=projection.has_similarity,
        provenance=projection.provenance,
        labels=labels,
        batches=batch_counts,
        clusters=projection.clusters,
        agreement=None if agreement is None else agreement.result(),
        sets=None if sets is None or projection.sets is None else sets.sizes(projection.sets.coverage),
        interpretation=projection.results.interpretation,
        sample=sample,
        sample_rows=sampled,
        sample_names=np.concatenate(sample_names) if records else np.empty(0, object),
        sample_batches={key: Batches(each.names, each.ids[sampled]) for key, each in batches.items()},
        sample_sets=None if projection.sets is None else members_of(projection, sample),
        sample_known=None if agreement is None else agreement.known_labels(sampled),
        modalities=modalities.rows(),
        sample_modalities=Batches(tuple(modalities.names), modalities.groups(sample))
        if projection.modalities
        else None,
    )
