"""15 nearest neighbors among the components of scanpy's basic workflow: variable genes, scaling, 50 components."""

import numpy as np
from adapter import phase, report
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from transfer_task import choose_variable, log_normalize, read_task, write_labels

reference, query, seed = read_task()
with phase("build"):
    log_normalize(reference)
    choose_variable(reference)
    genes = reference.var["highly_variable"].to_numpy()
    model = make_pipeline(
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -10, "a_max": 10}),
        PCA(min(50, *reference.shape), random_state=seed),
        KNeighborsClassifier(15),
    ).fit(reference.X[:, genes].toarray(), reference.obs["label"].to_numpy(str))
with phase("project"):
    log_normalize(query)
    share = model.predict_proba(query.X[:, genes].toarray())
write_labels(query.obs_names, model.classes_[share.argmax(axis=1)], share.max(axis=1))
report("scikit-learn")
