"""MOFA+ on the known pairs, two views, as muon's and MOFA's tutorials train it.

MOFA+ embeds cells that were measured in both. A cell of one modality is placed by that view's weights: the mean of its
factors under the model given this view alone. This is an extension of ours; the tutorials have none.
"""

import numpy as np
from adapter import phase, report, task_folders
from mofapy2.run.entry_point import entry_point
from pairs_adapter import most_variable_values, read_pairs, write_embeddings

N_FACTORS = 15


folder, output, seed = task_folders()
task = read_pairs(folder)
with phase("build"):
    views = []
    for adata, rows in task.tables():
        values = most_variable_values(adata, rows)  # MOFA's tutorials train on these
        views.append(values - values[rows].mean(axis=0))
    model = entry_point()
    model.set_data_options(scale_views=True, center_groups=True)
    pairs = [[each[rows]] for each, (_, rows) in zip(views, task.tables(), strict=True)]
    model.set_data_matrix(pairs, views_names=["first", "second"], likelihoods=["gaussian", "gaussian"])
    model.set_model_options(factors=N_FACTORS, spikeslab_weights=True, ard_factors=False, ard_weights=True)
    model.set_train_options(iter=1000, convergence_mode="fast", seed=seed, quiet=True, verbose=False)
    model.build()
    model.run()
    nodes = model.model.nodes
    weights = [each["E"] for each in nodes["W"].getExpectations()]  # (n_features, n_factors)
    precision = [np.asarray(each).mean(axis=0) for each in nodes["Tau"].getExpectation()]  # (n_features,)
with phase("project"):
    embeddings = []
    for values, loading, tau, (_, rows) in zip(views, weights, precision, task.tables(), strict=True):
        values = values / values[rows].std()  # as scale_views does
        inner = loading.T @ (loading * tau[:, None]) + np.eye(loading.shape[1])
        embeddings.append(np.linalg.solve(inner, loading.T @ (values * tau).T).T)
    write_embeddings(output, *embeddings)
report("mofapy2")
