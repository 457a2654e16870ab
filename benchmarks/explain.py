"""Seconds that ``smile_runtime.explain`` takes on 10,000 cells and 2,000 features.

Real cells are repeated until there are enough, with the counts of each copy thinned at random by up to a tenth, so that
no two cells are equal. All of them that get a label are explained. Projecting the cells is included, opening the space
is not. One thread, as ``OMP_NUM_THREADS=1`` says.

Setting a feature to zero changes only the cells that have it, so there are as many embeddings as nonzero values. Brute
force, which leaves a feature out of the raw values and encodes the cell again, is timed on some of the cells, and its
time extrapolated.

    OMP_NUM_THREADS=1 python benchmarks/explain.py --data FOLDER
"""

import argparse
import json
import resource
import time
from pathlib import Path

import anndata
import numpy as np
import scipy

from machine import cpu_model
from smile_runtime import Space, explain, open_space
from smile_runtime.projection import read_encoder_input
from smile_runtime.query import AnnDataQuery

SPACE = Path(__file__).parents[1] / "zoo/smile_zoo/spaces/pbmc"
N_COMPARED = 8


def simulated_cells(file: Path, n_cells: int) -> anndata.AnnData:
    """Return thinned copies of real cells."""
    rng, real = np.random.default_rng(0), anndata.read_h5ad(file)
    X = scipy.sparse.csr_matrix(real.X[np.arange(n_cells) % real.n_obs])
    X.data = rng.binomial(X.data.astype(np.int64), rng.uniform(0.9, 1.0, X.nnz)).astype(np.float32)
    X.eliminate_zeros()
    return anndata.AnnData(X, var=real.var[[]].copy())


def brute_force(cells: anndata.AnnData, space: Space) -> tuple[float, int]:
    """Return the seconds to encode some cells without each of their features, and the number of embeddings."""
    values, encoder = read_encoder_input(AnnDataQuery(cells[:N_COMPARED].copy()), space), space.encoder()
    rows = scipy.sparse.csr_matrix(values.raw)
    started, n = time.perf_counter(), 0
    for cell in range(rows.shape[0]):
        present = rows[cell].indices
        copies = np.repeat(rows[cell].toarray(), len(present), axis=0)
        copies[np.arange(len(present)), present] = 0
        factors = np.repeat(values.size_factor[cell], len(present))
        encoder.encode(scipy.sparse.csr_matrix(copies), factors, measured=values.measured, n_threads=1)
        n += len(present)
    return time.perf_counter() - started, n


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Seconds to explain cells.")
    parser.add_argument("--data", type=Path, required=True, help="folder of pbmc_5p_rna.h5ad")
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    space = open_space(SPACE, device="cpu")
    cells = simulated_cells(arguments.data / "pbmc_5p_rna.h5ad", arguments.cells)
    started = time.perf_counter()
    found = explain(cells, space, max_cells=arguments.cells)
    seconds = time.perf_counter() - started
    rows = found.labels
    n_values = int((rows["fraction"] * rows["n_cells"]).sum().round())
    slow, n_slow = brute_force(cells, space)
    figures = {
        "cpu": cpu_model(),
        "cells": int(rows.groupby("label")["n_cells"].first().sum()),
        "features": len(space.encoder().features),
        "embeddings": n_values,
        "seconds": round(seconds, 1),
        "seconds_by_brute_force": round(slow / n_slow * n_values, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
