"""scanpy's ingest as in its tutorial "Integrating data using ingest and BBKNN": PCA, neighbors, UMAP, ingest."""

import scanpy as sc
from adapter import phase, report
from transfer_task import choose_variable, log_normalize, read_task, write_labels

reference, query, seed = read_task()
with phase("build"):
    log_normalize(reference)
    choose_variable(reference)
    reference = reference[:, reference.var["highly_variable"]].copy()
    sc.pp.pca(reference, random_state=seed)
    sc.pp.neighbors(reference, random_state=seed)
    sc.tl.umap(reference, random_state=seed)
with phase("project"):
    log_normalize(query)
    query = query[:, reference.var_names].copy()
    sc.tl.ingest(query, reference, obs="label")
write_labels(query.obs_names, query.obs["label"].astype(str))
report("scanpy")
