"""scanpy's ingest as in its tutorial "Integrating data using ingest and BBKNN": PCA, neighbors, UMAP, ingest."""

import scanpy as sc
from adapter import phase, report
from transfer_task import choose_variable, read_task, write_labels

reference, query, seed = read_task()
with phase("build"):
    sc.pp.normalize_total(reference, target_sum=1e4)
    sc.pp.log1p(reference)
    choose_variable(reference)
    reference = reference[:, reference.var["highly_variable"]].copy()
    sc.pp.pca(reference, random_state=seed)
    sc.pp.neighbors(reference, random_state=seed)
    sc.tl.umap(reference, random_state=seed)
with phase("project"):
    sc.pp.normalize_total(query, target_sum=1e4)
    sc.pp.log1p(query)
    query = query[:, reference.var_names].copy()
    sc.tl.ingest(query, reference, obs="label")
write_labels(query.obs_names, query.obs["label"].astype(str))
report("scanpy")
