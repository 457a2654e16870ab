"""LIGER on RNA and gene activity (pyliger), with genes chosen by the RNA, as its tutorial on ATAC has it; no pairs."""

import anndata
import numpy as np
import pyliger
from adapter import phase, report, task_folders
from pairs_adapter import gene_activity, read_pairs, write_embeddings

N_FACTORS = 20

folder, output, seed = task_folders()
task = read_pairs(folder)
with phase("build"):
    counts, activity, genes = gene_activity(task)
    activity.data = np.round(activity.data / np.exp(-1))  # in units of the smallest weight: pyliger drops fractions
    measured = np.all([each.sum(axis=0).A1 > 0 for each in (counts, activity)], axis=0)  # LIGER divides by these sums
    tables = []
    for name, cells, values in (("first", task.first, counts), ("second", task.second, activity)):
        values = values[:, measured].astype(np.float64)
        table = anndata.AnnData(values, cells.obs[[]].copy(), uns={"sample_name": name})
        table.var_names, table.obs.index.name, table.var.index.name = np.array(genes)[measured], "cell", "gene"
        tables.append(table[values.sum(axis=1).A1 > 0].copy())
    liger = pyliger.create_liger(tables, remove_missing=False)
    pyliger.normalize(liger, remove_missing=False)
    pyliger.select_genes(liger, datasets_use=[0])
    pyliger.scale_not_center(liger)
    pyliger.optimize_ALS(liger, k=N_FACTORS, rand_seed=seed + 1)
    pyliger.quantile_norm(liger, rand_seed=seed + 1)
with phase("project"):
    embeddings = []
    for cells, kept in zip((task.first, task.second), liger.adata_list, strict=True):
        factors = np.tile(kept.obsm["H_norm"].mean(axis=0), (cells.n_obs, 1))  # those without any gene
        factors[cells.obs_names.get_indexer(kept.obs_names)] = kept.obsm["H_norm"]
        embeddings.append(factors)
    write_embeddings(output, *embeddings)
report("pyliger")
