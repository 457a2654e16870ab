"""LIGER by pyliger, as in its tutorial: 20 factors of integrative NMF, then quantile normalization."""

import sys
from contextlib import redirect_stdout

import anndata
import numpy as np
import pandas as pd
import pyliger
from adapter import phase, report, task_folders

N_FACTORS = 20

task, output, seed = task_folders()
with redirect_stdout(sys.stderr), phase("build"):
    cells = anndata.read_h5ad(task / "cells.h5ad")
    cells.obs.index.name, cells.var.index.name = "cell_barcode", "gene_id"
    batches = [cells[cells.obs["batch"] == batch].copy() for batch in cells.obs["batch"].unique()]
    for batch in batches:
        batch.uns["sample_name"] = batch.obs["batch"].iloc[0]
    liger = pyliger.create_liger(batches, remove_missing=False)
    pyliger.normalize(liger)
    pyliger.select_genes(liger)
    pyliger.scale_not_center(liger)
    pyliger.optimize_ALS(liger, k=N_FACTORS, rand_seed=seed + 1)  # it seeds with one less
    pyliger.quantile_norm(liger, rand_seed=seed + 1)
    factors = pd.concat([pd.DataFrame(each.obsm["H_norm"], each.obs_names) for each in liger.adata_list])
np.save(output / "embedding.npy", factors.loc[cells.obs_names].to_numpy(np.float32))
report("pyliger")
