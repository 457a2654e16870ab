"""CellTypist as in "Generate a custom model" of its README: all genes, then a second model on 300 genes a type.

The confidence is the probability of the label; no majority voting, which uses the other cells of the query.
"""

import celltypist
import numpy as np
from adapter import phase, report, task_folders
from transfer_task import log_normalize, read_task, write_labels

MANY_CELLS = 50_000  # from which on its documentation advises stochastic gradient descent on mini-batches

reference, query, seed = read_task()
np.random.seed(seed)  # noqa: NPY002 (its selection of genes draws from the global generator)
with phase("build"):
    log_normalize(reference)
    many = {"use_SGD": True, "mini_batch": True} if reference.n_obs > MANY_CELLS else {}
    model = celltypist.train(reference, labels="label", check_expression=True, feature_selection=True, n_jobs=1, **many)
with phase("project"):
    log_normalize(query)
    found = celltypist.annotate(query, model=model, majority_voting=False)
label = found.predicted_labels["predicted_labels"].astype(str)
write_labels(query.obs_names, label, found.probability_matrix.max(axis=1))
np.savez(
    task_folders()[1] / "probabilities.npz",
    probability=found.probability_matrix.to_numpy(),
    labels=found.probability_matrix.columns.to_numpy(str),
)
report("celltypist")
