"""Harmony on principal components of scaled variable genes, as in its documentation and scanpy's."""

import harmonypy
import scanpy as sc
from adapter import phase, report, task_folders
from integration_cells import principal_components, read_variable_genes, write_embedding

task, output, seed = task_folders()
with phase("build"):
    adata = read_variable_genes(task)
    sc.pp.scale(adata, max_value=10)
    components = principal_components(adata, seed)
    embedding = harmonypy.run_harmony(components, adata.obs, "batch", random_state=seed).Z_corr
if embedding.shape[0] != adata.n_obs:
    embedding = embedding.T  # earlier releases return components by cells
write_embedding(output, embedding)
report("harmonypy")
