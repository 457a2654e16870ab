"""What a projection found, in a few lines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smile_runtime.results import BatchCount, LabelCount, LabelCounts


@dataclass(frozen=True)
class BatchSummary:
    """The batches of one column of the query, and how well they mix: 0 to 1, None where there is nothing to mix."""

    mixing: float | None
    batches: list[BatchCount]


@dataclass(frozen=True)
class Summary:
    """Counts of all cells of a query.

    Attributes
    ----------
    n_cells
        Their number.
    fraction_unknown
        Share that is unlike anything in the reference, by the first label column; None for one without labels.
    labels
        Label tables by column, the first one first; empty for a reference without labels.
    batches
        By the batch columns that were asked for.
    """

    n_cells: int
    fraction_unknown: float | None
    labels: dict[str, list[LabelCount]]
    batches: dict[str, BatchSummary]


def summarize(
    labels: Mapping[str, LabelCounts],
    batches: Mapping[str, LabelCounts],
    mixing: Mapping[str, float | None],
    *,
    n_cells: int,
) -> Summary:
    """Make a summary of what was counted.

    Parameters
    ----------
    labels
        A tally for each label column, the first one first.
    batches
        A tally of the first label column for each batch column.
    mixing
        How well the batches of each of these mix.
    n_cells
        Number of cells.
    """
    first = next(iter(labels.values()), None)
    return Summary(
        n_cells,
        None if first is None else first.fraction_unknown,
        {name: counts.labels() for name, counts in labels.items()},
        {name: BatchSummary(mixing[name], counts.batches()) for name, counts in batches.items()},
    )


def summary_json(summary: Summary, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a projection found, as JSON holds it."""
    return {
        "space": provenance["space"],
        "modality": provenance["modality"],
        "values": provenance["values"],
        "provider": provenance["provider"],
        "precision": provenance["precision"],
        "n_features_matched": provenance["n_features_matched"],
        "n_features_missing": len(provenance["features_missing"]),
        "weight_matched": provenance["weight_matched"],
        "features": {name: _plain(value) for name, value in provenance["features"].items()},
        **asdict(summary),
    }


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
