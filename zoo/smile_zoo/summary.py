"""What a projection found, in a few lines."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class LabelCount:
    """One label among the query cells: how many, their share, and their mean confidence."""

    label: str
    n_cells: int
    fraction: float
    mean_confidence: float


def count_labels(adata: "AnnData", key_added: str) -> list[LabelCount]:
    """Return the labels of projected cells, the most frequent first; empty for a space without labels."""
    if f"{key_added}_label" not in adata.obs:
        return []
    confidence = adata.obs[f"{key_added}_confidence"].groupby(adata.obs[f"{key_added}_label"], observed=True)
    rows = [
        LabelCount(str(label), len(values), len(values) / adata.n_obs, float(values.mean()))
        for label, values in confidence
    ]
    return sorted(rows, key=lambda row: (-row.n_cells, row.label))


def summarise_projection(adata: "AnnData", key_added: str) -> dict[str, Any]:
    """Return what a projection found, as JSON holds it."""
    provenance = adata.uns[key_added]
    return {
        "space": provenance["space"],
        "modality": provenance["modality"],
        "values": provenance["values"],
        "provider": provenance["provider"],
        "precision": provenance["precision"],
        "n_cells": adata.n_obs,
        "n_features_matched": provenance["n_features_matched"],
        "n_features_missing": len(provenance["features_missing"]),
        "weight_matched": provenance["weight_matched"],
        "features": {name: _plain(value) for name, value in provenance["features"].items()},
        "labels": [asdict(row) for row in count_labels(adata, key_added)],
    }


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
