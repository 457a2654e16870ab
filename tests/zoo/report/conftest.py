"""Cells, tables and provenance of a simulated projection."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smile_runtime import Space, open_space
from smile_runtime.results.label_counts import BatchCount, LabelCount
from smile_zoo.report.projection_tables import BatchTable, ProjectionTables
from smile_zoo.report.report_cells import Categories, ReportCells

MARKUP = "</script><script>throw 1</script>"
CellsMaker = Callable[..., ReportCells]


@pytest.fixture(scope="session")
def space() -> Space:
    """The packaged space."""
    return open_space(Path(__file__).parents[3] / "zoo/smile_zoo/spaces/pbmc", device="cpu")


@pytest.fixture
def make_cells() -> CellsMaker:
    """Make cells with labels, confidence, similarity and a batch column."""

    def make(n: int = 5, n_labels: int = 3, **changes: Any) -> ReportCells:
        rng = np.random.default_rng(0)
        label = Categories([f"type {number}" for number in range(n_labels)], np.arange(n) % (n_labels + 1) - 1)
        fields = {
            "n_cells": n,
            "names": np.array([f"cell{row}{MARKUP}" for row in range(n)]),
            "map": rng.normal(size=(n, 2)).astype(np.float32),
            "label": {"label": label},
            "confidence": {"label": rng.random(n, np.float32)},
            "similarity": rng.random(n, np.float32),
            "batch": {"donor": Categories(["a", "b"], np.arange(n) % 2)},
        }
        return ReportCells(**fields | changes)

    return make


@pytest.fixture
def tables() -> ProjectionTables:
    """Tables of five cells, two of them unknown, in one batch whose name is markup."""
    labels = [LabelCount("type 0", 3, 0.6, 0.9), LabelCount("unknown", 2, 0.4, 0.5)]
    batches = [BatchCount(MARKUP, 5, 0.4, 0.75, 0.625, {"type 0": 3, "unknown": 2})]
    return ProjectionTables(5, 0.4, {"label": labels}, {"donor": BatchTable(0.25, batches)})


@pytest.fixture
def provenance() -> dict[str, Any]:
    """Provenance of a projection in which 1,320 of 1,767 features matched."""
    features = {
        "source": "gene_ids",
        "kind": "Ensembl ids",
        "weight": 0.75,
        "n_features": 1767,
        "n_same": 1000,
        "n_respelled": 0,
        "n_other_id": 300,
        "n_alias": 20,
        "n_overlap": 0,
        "n_case": 0,
        "summed": np.array(["ACTB"], object),
        "missing": np.array(["LYZ", MARKUP], object),
        "missing_weight": np.array([0.0123, 0.001]),
        "left_out": {"antibodies": 1340},
    }
    return {
        "space": "pbmc",
        "revision": "packaged",
        "manifest_sha256": "0" * 64,
        "modality": "rna",
        "values": "counts",
        "provider": "CPUExecutionProvider",
        "unknown_rate": 0.05,
        "n_features_matched": 1320,
        "features": features,
        "versions": {"smile-zoo": "0.1.0"},
    }
