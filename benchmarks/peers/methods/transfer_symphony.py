"""Symphony as in symphonypy's tutorial: variable genes by batch, 30 components, Harmony, mapping, 5 neighbors.

For a reference of one batch, symphonypy 0.2.4 keeps the means of clusters where Symphony's equations need their sums,
as it does after Harmony; they are replaced by the sums, without which most labels would be wrong.

Harmony runs to convergence: by default, harmonypy 2.1 stops after its first iteration. The confidence is the share of
neighbors; the score of novel types is Symphony's mapping confidence of a cell, a Mahalanobis distance.
"""

import scanpy as sc
import symphonypy as sp
from adapter import phase, report
from sklearn.neighbors import KNeighborsClassifier
from transfer_task import choose_variable, read_task, write_labels

CONVERGED = {"max_iter_harmony": 50, "epsilon_harmony": 1e-4}

reference, query, seed = read_task()
batch = "batch" if reference.obs["batch"].nunique() > 1 else None
with phase("build"):
    sc.pp.normalize_total(reference, target_sum=1e5)
    sc.pp.log1p(reference)
    choose_variable(reference)
    reference.raw = reference
    reference = reference[:, reference.var["highly_variable"]].copy()
    sc.pp.scale(reference, max_value=10)
    sc.pp.pca(reference, n_comps=30, zero_center=False, random_state=seed)
    if batch:
        sp.pp.harmony_integrate(reference, key=batch, random_seed=seed, **CONVERGED)
    basis = "X_pca_harmony" if batch else "X_pca"
    neighbors = KNeighborsClassifier(n_neighbors=5).fit(reference.obsm[basis], reference.obs["label"].astype(str))
with phase("project"):
    sc.pp.normalize_total(query, target_sum=1e5)
    sc.pp.log1p(query)
    sp.tl.map_embedding(query, reference, key="batch")
    if not batch:
        clusters = reference.uns["harmony"]
        clusters["C"] = clusters["R"] @ reference.obsm["X_pca"]
        sp.tl.map_embedding(query, reference, key="batch")
    sp.tl.per_cell_confidence(query, reference, ref_basis_adjusted=basis)
    share = neighbors.predict_proba(query.obsm["X_pca_harmony"])
label = neighbors.classes_[share.argmax(axis=1)]
write_labels(query.obs_names, label, share.max(axis=1), novelty=query.obs["symphony_per_cell_dist"])
report("symphonypy")
