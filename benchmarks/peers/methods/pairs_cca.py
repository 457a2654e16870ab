"""Canonical correlations of the known pairs, their settings chosen among the training pairs: our baseline."""

import numpy as np
from adapter import phase, report, task_folders
from pairs_adapter import read_pairs, usual_values, write_embeddings

from smile_training.evaluation.baselines import fit_lsi, fit_pca
from smile_training.evaluation.cca import COMPONENT_NUMBERS, cca, choose_cca


def reduction(kind):
    """Return the reduction of a kind to components, fitted on training cells."""
    fit = fit_lsi if kind == "atac" else fit_pca

    def reduce(train, left_out, n_components, seed):
        n_components = min(n_components, min(train.shape) - 2)
        project = fit(train, n_components, seed)
        return project(train), project(left_out)

    return reduce


folder, output, seed = task_folders()
task = read_pairs(folder)
with phase("build"):
    values = [usual_values(adata) for adata, _ in task.tables()]
    pairs = [each[rows] for each, (_, rows) in zip(values, task.tables(), strict=True)]
    reductions = [reduction(adata.uns["kind"]) for adata, _ in task.tables()]
    settings = choose_cca(*pairs, reduce_a=reductions[0], reduce_b=reductions[1], seed=seed)
    components = [
        reduce(train, every, max(COMPONENT_NUMBERS), seed)
        for reduce, train, every in zip(reductions, pairs, values, strict=True)
    ]
with phase("project"):
    (train_a, all_a), (train_b, all_b) = components
    _, _, first, second = cca(train_a, train_b, all_a, all_b, settings)
    write_embeddings(output, np.asarray(first), np.asarray(second))
report("smile-zoo")
