"""Train CellTypist on counts, and write its probabilities for other cells; for `celltypist_sets.py`.

CellTypist's documented workflow: counts normalized to 10,000 and log1p, which ``check_expression`` verifies, a first
model that selects 300 genes a type (``feature_selection``), a second one on these, and no majority voting.

    python benchmarks/celltypist_worker.py FOLDER      (with train.h5ad and left_out.h5ad; writes probabilities.npz)
"""

import json
import sys
from pathlib import Path

import anndata
import celltypist
import numpy as np
import scanpy as sc


def main() -> None:
    """Train and predict."""
    folder = Path(sys.argv[1])
    train, left_out = (anndata.read_h5ad(folder / f"{name}.h5ad") for name in ("train", "left_out"))
    for adata in (train, left_out):
        sc.pp.normalize_total(adata, target_sum=1e4)
        sc.pp.log1p(adata)
    model = celltypist.train(train, labels="label", check_expression=True, feature_selection=True, n_jobs=1)
    found = celltypist.annotate(left_out, model=model, majority_voting=False).probability_matrix
    np.savez(folder / "probabilities.npz", probability=found.to_numpy(), labels=found.columns.to_numpy(str))
    print(json.dumps({"genes": len(model.features)}))


if __name__ == "__main__":
    main()
