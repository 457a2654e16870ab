"""Fixtures of the runtime's tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
import scipy

from smile_runtime import Encoder, Space, open_space
from smile_runtime.io.atomic_files import sha256_file

PBMC = Path(__file__).parents[2] / "zoo/smile_zoo/spaces/pbmc"


@pytest.fixture(scope="session")
def pbmc_path() -> Path:
    """Path of the packaged space itself, which tests only read."""
    return PBMC


@pytest.fixture(scope="session")
def space() -> Space:
    """The packaged space, opened on the CPU."""
    return open_space(PBMC, device="cpu")


@pytest.fixture(scope="session")
def encoder(space: Space) -> Encoder:
    """The encoder of the packaged space."""
    return space.encoder("rna")


@pytest.fixture(scope="session")
def raw_values(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Counts of 40 cells, shape ``(40, n_features)``, and their size factors, shape ``(40,)``."""
    X = np.random.default_rng(1).poisson(0.3, (40, len(encoder.features))).astype(np.float32)
    return X, (1e4 / X.sum(axis=1)).astype(np.float32)


@pytest.fixture
def lognorm(counts: anndata.AnnData) -> anndata.AnnData:
    """The cells of `counts`, normalized to 10,000 over all genes and log-transformed, as by scanpy."""
    return normalized(counts, 1e4)


@pytest.fixture
def median_lognorm(counts: anndata.AnnData) -> anndata.AnnData:
    """The cells of `counts`, normalized to their median total, scanpy's default, and log-transformed."""
    return normalized(counts, float(np.median(counts.X.toarray().sum(axis=1))))


def normalized(cells: anndata.AnnData, target: float) -> anndata.AnnData:
    X = cells.X.toarray().astype(np.float64)
    X = np.log1p(X * (target / X.sum(axis=1, keepdims=True))).astype(np.float32)
    return anndata.AnnData(scipy.sparse.csr_matrix(X), obs=cells.obs.copy(), var=cells.var.copy())


@pytest.fixture
def edit_manifest(pbmc_copy: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Return a function that changes the manifest of a copied space as JSON, and returns the copy's path.

    Digests and sizes of the listed files are updated first.
    """

    def edit(change: Callable[[dict[str, Any]], object]) -> Path:
        path = pbmc_copy / "config.json"
        document = json.loads(path.read_text("utf-8"))
        for name, record in document["files"].items():
            if not (pbmc_copy / name).exists():  # torch weights may be absent
                continue
            record.update(sha256=sha256_file(pbmc_copy / name), size=(pbmc_copy / name).stat().st_size)
        change(document)
        path.write_text(json.dumps(document), "utf-8")
        return pbmc_copy

    return edit
