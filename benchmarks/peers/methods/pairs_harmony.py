"""Harmony on principal components of RNA and gene activity, the modality and the batch as its variables; no pairs."""

import harmonypy
import numpy as np
import pandas as pd
from adapter import phase, report, task_folders
from pairs_adapter import gene_activity, log_normalized, read_pairs, write_embeddings
from sklearn.decomposition import PCA

N_COMPONENTS = 30

folder, output, seed = task_folders()
task = read_pairs(folder)
with phase("build"):
    counts, activity, _ = gene_activity(task)
    values = []
    for each in (counts, activity):
        normalized = log_normalized(each.astype(np.float64)).toarray()
        spread = normalized.std(axis=0)
        values.append(np.clip((normalized - normalized.mean(axis=0)) / np.where(spread > 0, spread, 1), -10, 10))
    components = PCA(N_COMPONENTS, random_state=seed).fit_transform(np.concatenate(values))
    batches = pd.concat([task.first.obs["batch"].astype(str), task.second.obs["batch"].astype(str)])
    sizes = [len(counts.indptr) - 1, len(activity.indptr) - 1]
    about = pd.DataFrame({"modality": np.repeat(["first", "second"], sizes), "batch": batches.to_numpy()})
    variables = ["modality", "batch"] if about["batch"].nunique() > 1 else ["modality"]
    corrected = np.asarray(harmonypy.run_harmony(components, about, variables, random_state=seed).Z_corr)
    corrected = corrected if len(corrected) == sum(sizes) else corrected.T
with phase("project"):
    write_embeddings(output, *np.split(corrected, sizes[:1]))
report("harmonypy")
