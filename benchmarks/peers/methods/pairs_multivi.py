"""MultiVI on pairs and on cells of one modality together, as its tutorial trains it."""

import sys

import anndata
import mudata
import numpy as np
import scipy.sparse
import scvi
import torch
from adapter import phase, report, task_folders
from pairs_adapter import read_pairs, write_embeddings

MIN_CELL_FRACTION = 0.01  # peaks in fewer cells are left out, as in the tutorial

folder, output, seed = task_folders()
task = read_pairs(folder)
if task.first.uns["kind"] != "rna" or task.second.uns["kind"] != "atac":
    sys.exit(f"models counts of genes and peaks, not {task.second.uns['kind']} values")
scvi.settings.seed = seed
torch.set_num_threads(1)
with phase("build"):
    alone = [np.setdiff1d(np.arange(adata.n_obs), rows) for adata, rows in task.tables()]
    n_pairs, n_first, n_second = len(task.known_first), len(alone[0]), len(alone[1])
    frequent = np.asarray((task.second.X > 0).mean(axis=0)).ravel() >= MIN_CELL_FRACTION
    peaks = task.second[:, frequent]
    missing = scipy.sparse.csr_matrix((n_second, task.first.n_vars))
    first = [task.first.X[task.known_first], task.first.X[alone[0]], missing]
    second = [peaks.X[task.known_second], scipy.sparse.csr_matrix((n_first, peaks.n_vars)), peaks.X[alone[1]]]
    batches = [task.first.obs["batch"].iloc[np.r_[task.known_first, alone[0]]], task.second.obs["batch"].iloc[alone[1]]]
    obs_names = [f"cell-{row}" for row in range(n_pairs + n_first + n_second)]
    tables = {}
    for name, parts, columns in (("rna", first, task.first.var_names), ("atac", second, peaks.var_names)):
        table = anndata.AnnData(scipy.sparse.vstack(parts, format="csr", dtype=np.float32))
        table.obs_names, table.var_names = obs_names, columns
        table.obs["batch"] = np.concatenate([each.astype(str) for each in batches])
        tables[name] = table
    cells = mudata.MuData(tables)
    cells.obs["batch"] = tables["rna"].obs["batch"]
    modalities = {"rna_layer": "rna", "atac_layer": "atac", "batch_key": "rna"}
    scvi.model.MULTIVI.setup_mudata(cells, batch_key="batch", modalities=modalities)
    model = scvi.model.MULTIVI(cells, n_genes=task.first.n_vars, n_regions=peaks.n_vars)
    model.train()
with phase("project"):
    expression = model.get_latent_representation(modality="expression")[: n_pairs + n_first]
    accessibility = model.get_latent_representation(modality="accessibility")
    embeddings = [np.empty((adata.n_obs, expression.shape[1]), np.float32) for adata, _ in task.tables()]
    embeddings[0][np.r_[task.known_first, alone[0]]] = expression
    without = np.s_[n_pairs : n_pairs + n_first]
    embeddings[1][np.r_[task.known_second, alone[1]]] = np.delete(accessibility, without, axis=0)
    write_embeddings(output, *embeddings)
report("scvi-tools")
