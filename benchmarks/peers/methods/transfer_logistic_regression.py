"""Logistic regression on log-normalized variable genes.

Cross-validation within the reference chooses C, and whether genes are standardized, which shallow counts do not bear.
"""

import warnings

import numpy as np
from adapter import phase, report
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transfer_task import choose_variable, log_normalize, read_task, write_labels

GRID = [  # standardized values need stronger penalties
    {"standardscaler": [StandardScaler()], "logisticregression__C": [1e-4, 1e-3, 1e-2, 1e-1]},
    {"standardscaler": ["passthrough"], "logisticregression__C": [1e-1, 1.0, 10.0]},
]

warnings.simplefilter("ignore", ConvergenceWarning)
warnings.simplefilter("ignore", UserWarning)  # labels of fewer cells than folds
reference, query, seed = read_task()
with phase("build"):
    log_normalize(reference)
    choose_variable(reference)
    genes = reference.var["highly_variable"].to_numpy()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        GRID,
        scoring="accuracy",
        cv=StratifiedKFold(3, shuffle=True, random_state=seed),
    ).fit(reference.X[:, genes].toarray(), reference.obs["label"].to_numpy(str))
with phase("project"):
    log_normalize(query)
    probability = search.predict_proba(query.X[:, genes].toarray())
write_labels(query.obs_names, search.classes_[np.argmax(probability, axis=1)], probability.max(axis=1))
report("scikit-learn")
