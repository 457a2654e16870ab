"""The tables of a projection: how many cells have each label, and how the batches compare."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smile_runtime import ProjectionSummary
from smile_runtime.io import share_text
from smile_runtime.mapping import UNKNOWN, batch_mixing
from smile_runtime.projection import expectation_text
from smile_runtime.results import BatchCount, ClusterLabel, LabelAgreement, LabelCount, ModalityCount, SetSizes

_MOST = 0.5  # of the cells
_MANY = 0.2
_OPTIONAL_FACTS = (
    "n_feature_sets",
    "lowest_weight_matched",
    "median_detected",
    "expected_accuracy",
    "accuracy_left_out_batches",
    "joint_accuracy",
    "joint_accuracy_left_out_batches",
    "modality_chosen_because",
    "table",
    "tables_not_read",
)
_OPTIONAL = ("sets", "clusters", "agreement", "modalities")


@dataclass(frozen=True)
class BatchTable:
    """The batches of one batch column, and their mixing from 0 to 1; None where it is undefined."""

    mixing: float | None
    batches: list[BatchCount]


@dataclass(frozen=True)
class ProjectionTables:
    """Counts of all cells of a query.

    Attributes
    ----------
    n_cells
        Number of cells.
    fraction_unknown
        Fraction of cells called unknown in the primary label column; None if no cell can be, because the reference has
        no labels or the space measures no similarity.
    labels
        Label counts by column, the primary one first; empty for a reference without labels.
    batches
        Batch tables by batch column.
    sets
        Sizes of the sets of labels; None unless they were asked for.
    clusters
        Labels of the clusters; None unless these were named.
    agreement
        Agreement with known labels; None unless these were named.
    modalities
        Counts by the modalities that labels come from; empty unless several label cells together.
    """

    n_cells: int
    fraction_unknown: float | None
    labels: dict[str, list[LabelCount]]
    batches: dict[str, BatchTable]
    sets: SetSizes | None = None
    clusters: Sequence[ClusterLabel] | None = None
    agreement: LabelAgreement | None = None
    modalities: Sequence[ModalityCount] = ()


def tabulate_projection(summary: ProjectionSummary) -> ProjectionTables:
    """Count the labels and batches of all cells, and measure the mixing of the sampled ones."""
    first = next(iter(summary.labels.values()), None)
    label = summary.sample["label"][:, 0] if summary.columns else np.zeros(len(summary.sample), np.intp)
    mixing = {
        key: batch_mixing(summary.sample["embedding"][known], label[known], each.ids[known])
        for key, each in summary.sample_batches.items()
        for known in [each.ids >= 0]
    }
    return ProjectionTables(
        n_cells=summary.n_cells,
        fraction_unknown=None if first is None else first.fraction_unknown,
        labels={name: counts.labels() for name, counts in summary.labels.items()},
        batches={name: BatchTable(mixing[name], counts.batches()) for name, counts in summary.batches.items()},
        sets=summary.sets,
        clusters=summary.clusters,
        agreement=summary.agreement,
        modalities=summary.modalities,
    )


def transferred_labels(agreement: LabelAgreement) -> list[str]:
    """Return the labels of cells with a known label: those that are known, too, then others, ``unknown`` last."""
    rows = [*agreement.confusion.values(), *agreement.lacking.values()]
    found = dict.fromkeys([*agreement.confusion, *(label for row in rows for label in row)])
    return sorted(found, key=lambda label: label == UNKNOWN)


def expectation(tables: ProjectionTables, provenance: Mapping[str, Any]) -> str:
    """Return what accuracy to expect, one line for each modality, and whether many cells are unknown; may be empty."""
    unknown, space = tables.fraction_unknown or 0.0, provenance["space"]
    if unknown <= _MANY:
        return expectation_text(provenance)
    hint = f"smile-zoo show {space} states which cells {space} is for"
    if unknown > _MOST:
        return f"most cells resemble nothing in the reference; {hint}"
    found = f"{share_text(unknown, 0)} of the cells resemble nothing in the reference"
    return f"{found}, and the others may not be of its types either; {hint}\n{expectation_text(provenance)}".strip()


def tables_json(tables: ProjectionTables, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables and the main facts of the provenance as plain JSON values."""
    return {
        "space": provenance["space"],
        "modality": provenance["modality"],
        "values": provenance["values"],
        "provider": provenance["provider"],
        "precision": provenance["precision"],
        "n_features_matched": provenance["n_features_matched"],
        "n_features_missing": len(provenance["features_missing"]),
        "weight_matched": provenance["weight_matched"],
        **{name: provenance[name] for name in _OPTIONAL_FACTS if name in provenance},
        "features": {name: _plain(value) for name, value in provenance["features"].items()},
        **{name: value for name, value in asdict(tables).items() if value or name not in _OPTIONAL},
    }


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
