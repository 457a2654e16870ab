"""Files of simulated counts of any size."""

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy

N_GENES, N_TYPES, N_DONORS = 20_000, 50, 20
MEAN_COUNTS = 2_430
_ROWS = 2_000


def simulated_file(folder: Path, n_cells: int, *, shape: str = "", **sizes: int) -> Path:
    """Return the file of simulated counts of a size and shape in a folder; make it once."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"counts-{n_cells}{shape}.h5ad"
    if not path.exists():
        write_counts(path, n_cells, **sizes)
    return path


def write_counts(path: Path, n_cells: int, *, n_genes: int = N_GENES, n_donors: int = N_DONORS) -> None:
    """Write simulated counts, a few thousand cells at a time."""
    rng = np.random.default_rng(0)
    rate = rng.lognormal(0.0, 2.0, n_genes)
    by_type = rate * rng.lognormal(0.0, 1.0, (N_TYPES, n_genes)) ** (rng.random((N_TYPES, n_genes)) < 0.1)
    by_donor = rng.lognormal(0.0, 0.2, (n_donors, n_genes))
    cell_type, donor = rng.integers(N_TYPES, size=n_cells), rng.integers(n_donors, size=n_cells)
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical(cell_type.astype(str)), "batch": pd.Categorical(donor.astype(str))},
        index=[f"cell{row}" for row in range(n_cells)],
    )
    var = pd.DataFrame(index=[f"gene{number}" for number in range(n_genes)])
    partial = path.with_suffix(".part")
    anndata.AnnData(scipy.sparse.csr_matrix((n_cells, n_genes), dtype=np.float32), obs=obs, var=var).write_h5ad(partial)
    with h5py.File(partial, "r+") as file:
        for name in ("data", "indices", "indptr"):
            del file["X"][name]
        kept = {"maxshape": (None,), "chunks": (2**17,), "compression": "gzip", "compression_opts": 4}
        data = file["X"].create_dataset("data", (0,), "f4", **kept)
        indices = file["X"].create_dataset("indices", (0,), "i4", **kept)
        lengths = [np.zeros(1, np.int64)]
        for start in range(0, n_cells, _ROWS):
            rows = slice(start, min(start + _ROWS, n_cells))
            counts = _draw(by_type[cell_type[rows]] * by_donor[donor[rows]], rng)
            for dataset, values in ((data, counts.data), (indices, counts.indices)):
                n = dataset.shape[0]
                dataset.resize((n + counts.nnz,))
                dataset[n:] = values
            lengths.append(np.diff(counts.indptr).astype(np.int64))
        file["X"]["indptr"] = np.cumsum(np.concatenate(lengths))
    partial.rename(path)


def _draw(rate: np.ndarray, rng: np.random.Generator) -> scipy.sparse.csr_matrix:
    """Return counts of cells with the given rates, shape ``(n, n_genes)``, as many as a cell of their depth has."""
    n_counts = rng.poisson(MEAN_COUNTS * rng.lognormal(-0.08, 0.4, len(rate)))
    columns = []
    for row, n in zip(rate, n_counts, strict=True):
        cumulative = np.cumsum(row)
        columns.append(np.searchsorted(cumulative, np.sort(rng.random(n)) * cumulative[-1]))
    indptr = np.append(0, np.cumsum(n_counts))
    counts = scipy.sparse.csr_matrix(
        (np.ones(int(indptr[-1]), np.float32), np.concatenate(columns), indptr), shape=rate.shape
    )
    counts.sum_duplicates()
    return counts
