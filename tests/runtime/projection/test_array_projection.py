"""Arrays are projected as the cells of an AnnData are, without importing it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy

from smile_runtime import FeatureMatchError, QueryError, UnknownModalityError, ValueKindError, project, project_arrays

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.parametrize("form", ["toarray", "tocsr", "tocsc", "tocoo"])
def test_results_are_those_of_project(counts, space, form):
    project(counts, space)
    result = space.project_arrays(getattr(counts.X, form)(), counts.var_names)
    if form == "toarray":  # dense rows may take another way through the encoder
        counts.X = counts.X.toarray()
        project(counts, space, overwrite=True)
    np.testing.assert_array_equal(result.embedding, counts.obsm["X_smile"])
    np.testing.assert_array_equal(result.map, counts.obsm["X_smile_map"])
    np.testing.assert_array_equal(result.labels, counts.obs["smile_label"].astype(str))
    np.testing.assert_array_equal(result.nearest_labels, counts.obs["smile_nearest_label"].astype(str))
    np.testing.assert_array_equal(result.confidence, counts.obs["smile_confidence"])
    np.testing.assert_array_equal(result.similarity, counts.obs["smile_similarity"])
    assert list(result.columns) == ["cell_type", "cell_type_broad", "cell_type_fine"]
    for name in ("cell_type_broad", "cell_type_fine"):
        level = result.columns[name]
        np.testing.assert_array_equal(level.labels, counts.obs[f"smile_label_{name}"].astype(str))
        np.testing.assert_array_equal(level.confidence, counts.obs[f"smile_confidence_{name}"])
    assert result.provenance["manifest_sha256"] == space.manifest_sha256


def test_options_are_those_of_project(lognorm, space):
    options = {"modality": "rna", "values": "lognorm", "target_sum": 1e4, "unknown_rate": 0.5, "batch_size": 7}
    project(lognorm, space, **options)
    result = project_arrays(lognorm.X, list(lognorm.var_names), space, **options)
    np.testing.assert_array_equal(result.embedding, lognorm.obsm["X_smile"])
    assert (result.labels == "unknown").any()
    with pytest.raises(UnknownModalityError):
        space.project_arrays(lognorm.X, lognorm.var_names, modality="atac")


def test_arrays_of_the_caller_stay_as_they_are(counts, space):
    X = counts.X.toarray()
    before = X.copy()
    result = space.project_arrays(X, counts.var_names)
    result.embedding[:] = 0
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("X", "names", "message"),
    [
        (np.ones(3), ["A", "B", "C"], r"shape \(3,\) and type float64; pass numbers of shape \(n_cells, n_features\)"),
        (np.full((2, 2), "x"), ["A", "B"], "pass numbers"),
        (np.ones((2, 3)), ["A", "B"], r"X has 3 columns, feature_names has shape \(2,\); pass one name per column"),
        (np.ones((2, 3)), "ABC", r"feature_names has shape \(\)"),
        (np.ones((0, 3)), ["A", "B", "C"], "no cells"),
    ],
)
def test_arrays_that_do_not_fit_are_rejected(space, X, names, message):
    with pytest.raises(QueryError, match=message):
        space.project_arrays(X, names)


def test_checks_are_those_of_project(counts, space):
    with pytest.raises(FeatureMatchError):
        space.project_arrays(counts.X, [f"X{number}" for number in range(counts.n_vars)])
    with pytest.raises(ValueKindError):
        space.project_arrays(counts.X * -1, counts.var_names)


def test_anndata_is_not_imported(pbmc_path):
    code = f"""
import sys
import numpy as np
from smile_runtime import open_space
space = open_space({str(pbmc_path)!r}, device="cpu")
genes = space.encoder().features.ids
space.project_arrays(np.random.default_rng(0).poisson(0.5, (5, len(genes))), genes)
print(*(name for name in ("anndata", "h5py", "torch", "onnx") if name in sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout.split() == []


def test_example_of_the_readme(counts, space):
    (example,) = re.findall(r"```python\n(result = space\.project_arrays.*?)```", README.read_text("utf-8"), re.S)
    names = {"space": space, "X": counts.X, "genes": counts.var_names}
    exec(example, names)
    project(counts, space)
    np.testing.assert_array_equal(names["result"].embedding, counts.obsm["X_smile"])


def test_unknown_cells_keep_their_nearest_label(counts, space, tmp_path):
    project(counts, space, unknown_rate=1.0)
    assert set(counts.obs["smile_label"]) == {"unknown"}
    nearest = counts.obs["smile_nearest_label"].astype(str)
    project(counts, space, unknown_rate=0.0, key_added="known")
    np.testing.assert_array_equal(nearest, counts.obs["known_label"].astype(str))
    np.testing.assert_array_equal(nearest, counts.obs["known_nearest_label"].astype(str))
    np.testing.assert_array_equal(counts.obs["smile_confidence"], counts.obs["known_confidence"])
    assert "unknown" not in set(counts.obs["smile_nearest_label_cell_type_broad"])


def test_empty_columns_of_sparse_arrays_are_measured(counts, space):
    """As in an AnnData, a stored zero and an absent one are the same."""
    X = counts.X.toarray()
    explicit = scipy.sparse.csr_matrix(np.ones_like(X))
    explicit.data = X.ravel().copy()
    np.testing.assert_array_equal(
        space.project_arrays(explicit, counts.var_names).labels, space.project_arrays(X, counts.var_names).labels
    )
