"""The files of `atlas.py`: simulated counts of any number of cells, and a space of the published architecture."""

from pathlib import Path

import anndata
import h5py
import numpy as np
import scipy

from simulation import simulated_space

_DENSITY = 0.08
_POOL, _ROWS = 5_000, 2_500


def write_space(path: str, genes: str) -> None:
    """Write a space with a random encoder of the genes that a file lists."""
    simulated_space(Path(path), Path(genes).read_text().split(), None, [1000, 512])


def write_counts(path: str, n_cells: int, n_genes: int) -> None:
    """Write counts of ``n_cells``, drawn from a pool of simulated ones, a few thousand at a time."""
    rng = np.random.default_rng(0)
    pool = simulated_pool(rng, n_genes)
    empty = anndata.AnnData(scipy.sparse.csr_matrix((n_cells, n_genes), dtype=np.float32))
    empty.var_names = [f"gene{number}" for number in range(n_genes)]
    empty.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        attributes = dict(file["X"].attrs)
        del file["X"]
        group = file.create_group("X")
        group.attrs.update(attributes)
        kept = {"maxshape": (None,), "chunks": (2**17,), "compression": "gzip"}
        data = group.create_dataset("data", (0,), "f4", **kept)
        indices = group.create_dataset("indices", (0,), "i4", **kept)
        indptr = [np.zeros(1, np.int64)]
        for start in range(0, n_cells, _ROWS):
            rows = pool[rng.integers(_POOL, size=min(_ROWS, n_cells - start))]
            n = int(indptr[-1][-1])
            for dataset, values in ((data, rows.data), (indices, rows.indices)):
                dataset.resize((n + rows.nnz,))
                dataset[n:] = values
            indptr.append(rows.indptr[1:].astype(np.int64) + n)
        group["indptr"] = np.concatenate(indptr)


def simulated_pool(rng: np.random.Generator, n_genes: int) -> scipy.sparse.csr_matrix:
    """Return Poisson counts of a few thousand cells, genes as unequal as in a droplet data set, 8% not zero."""
    rate = rng.gamma(0.25, 1.0, n_genes)
    low, high = 1e-4, 1e2
    for _ in range(60):  # the scale at which that share of the values is not zero
        scale = np.sqrt(low * high)
        low, high = (scale, high) if np.mean(1 - np.exp(-rate * scale)) < _DENSITY else (low, scale)
    depth = rng.lognormal(0, 0.3, (_POOL, 1))
    parts = [rng.poisson(rate * low * depth[start : start + 500]) for start in range(0, _POOL, 500)]
    return scipy.sparse.vstack([scipy.sparse.csr_matrix(part, dtype=np.float32) for part in parts], format="csr")
