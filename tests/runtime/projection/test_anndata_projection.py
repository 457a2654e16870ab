"""Projection of an AnnData: fields written, fields left alone, and independence of storage and order."""

import logging
import platform
import tomllib
from importlib import metadata
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
from safetensors.numpy import load_file, save_file

from smile_runtime import (
    FeatureMatchError,
    QueryError,
    UnknownModalityError,
    ValueKindError,
    open_space,
    project,
    project_file,
)
from smile_runtime.arrays import matrix as matrix_module
from smile_runtime.mapping.confidence import calibrate_confidence, evidence_terms, weigh_evidence
from smile_runtime.mapping.dissimilarity import CellValues, dissimilarity_of, measure
from smile_runtime.mapping.label_means import LabelMeans
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.map_position import kernel_width, map_positions
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.similarity import similarity_of
from smile_runtime.projection import single_projection

SUFFIXES = {"cell_type": "", "cell_type_broad": "_cell_type_broad", "cell_type_fine": "_cell_type_fine"}
"""What follows the name of a field, for each label column of the packaged space."""

OF_COLUMN = ("label", "nearest_label", "confidence", "label_ontology_term_id")
"""Fields of each label column."""

FIELDS = {
    ("obsm", "X_smile"),
    ("obsm", "X_smile_map"),
    *(("obs", f"smile_{name}{suffix}") for suffix in SUFFIXES.values() for name in OF_COLUMN),
    ("obs", "smile_similarity"),
    ("uns", "smile"),
}


def projected(adata, space, **options):
    """Project into a copy, so that a query can be projected several times."""
    return project(adata, space, copy=True, **options)


def assert_same(one, other, atol=1e-5):
    np.testing.assert_allclose(one.obsm["X_smile"], other.obsm["X_smile"], atol=atol)
    np.testing.assert_allclose(one.obsm["X_smile_map"], other.obsm["X_smile_map"], atol=0.05)
    assert one.obs["smile_label"].tolist() == other.obs["smile_label"].tolist()
    # calibration may be steep, so a tiny difference in a single cell's vote share is tolerated
    assert np.abs(one.obs["smile_confidence"].to_numpy() - other.obs["smile_confidence"].to_numpy()).mean() < 0.02


def dense_copy(adata):
    other = adata.copy()
    other.X = other.X.toarray()
    return other


# Fields written


def test_types_and_shapes_of_fields(counts, space):
    assert project(counts, space) is None
    embedding, position = counts.obsm["X_smile"], counts.obsm["X_smile_map"]
    assert (embedding.shape, embedding.dtype) == ((30, space.encoder().record.n_latent), np.float32)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert (position.shape, position.dtype) == ((30, 2), np.float32)
    for (name, suffix), column in zip(SUFFIXES.items(), space.manifest.reference.label_columns, strict=True):
        label, score = counts.obs[f"smile_label{suffix}"], counts.obs[f"smile_confidence{suffix}"]
        assert column.name == name
        assert isinstance(label.dtype, pd.CategoricalDtype)
        assert set(label) <= {*column.labels, "unknown"}
        assert score.dtype == np.float32
        assert score.between(0, 1).all()
    assert counts.uns["smile"]["label_columns"].tolist() == list(SUFFIXES)


def test_fields_match_the_separate_steps(counts, space):
    encoder, reference, record = space.encoder(), space.reference, space.manifest.reference
    X = counts[:, list(encoder.features.ids)].X.toarray()
    totals = np.asarray(counts.X.sum(axis=1)).ravel()  # over all genes, not only those of the space
    embedding = encoder.encode(X, encoder.preprocessing.target_sum / totals)
    project(counts, space, unknown_rate=0)
    np.testing.assert_allclose(counts.obsm["X_smile"], embedding, atol=1e-6)
    neighbors = find_nearest_neighbors(counts.obsm["X_smile"], reference.embedding, record.n_neighbors)
    from_means = LabelMeans.of(reference).distances(counts.obsm["X_smile"])
    transfers = transfer_labels(neighbors, reference, from_means)
    weights = neighbor_weights(neighbors, reference)
    computed = encoder.record.similarity.dissimilarity
    rows = scipy.sparse.csr_matrix(X)
    _, components = encoder.encode_with_components(rows, encoder.preprocessing.target_sum / totals)
    distance = neighbors.distances.mean(axis=1)
    measures = measure(distance, CellValues(rows, components), space.profiles("rna"), 1.0)
    similarity = similarity_of(dissimilarity_of(measures, computed), encoder.record.similarity)
    np.testing.assert_allclose(counts.obs["smile_similarity"], similarity, atol=1e-4)
    for column, transfer in zip(reference.label_columns, transfers, strict=True):
        suffix = SUFFIXES[column.name]
        assert counts.obs[f"smile_label{suffix}"].tolist() == [column.labels[i] for i in transfer.label]
        calibration = encoder.record.calibrations[column.name]
        evidence = weigh_evidence(evidence_terms(transfer.share, measures, computed), calibration.weights)
        expected = calibrate_confidence(evidence, calibration)
        np.testing.assert_allclose(counts.obs[f"smile_confidence{suffix}"], expected, atol=1e-4)
    of_label = weights * (reference.label[neighbors.indices, 0] == transfers[0].label[:, None])
    expected = map_positions(reference.map[neighbors.indices], of_label, kernel_width(reference.map))
    np.testing.assert_allclose(counts.obsm["X_smile_map"], expected, atol=1e-4)


def test_map_positions_lie_among_reference_points_of_the_label(counts, space):
    project(counts, space, unknown_rate=0)
    reference, labels = space.reference, space.manifest.reference.label_columns[0].labels
    width = kernel_width(reference.map)
    for label in set(counts.obs["smile_label"]):
        points = reference.map[reference.label[:, 0] == labels.index(label)]
        positions = counts.obsm["X_smile_map"][counts.obs["smile_label"] == label]
        distances = np.linalg.norm(positions[:, None] - points, axis=2).min(axis=1)
        assert (distances < width).all()


def test_provenance(counts, pbmc_path):
    space = open_space(pbmc_path, device="cpu", revision="0123abc")
    missing = list(space.encoder().features.ids[5:8])
    query = counts[:, ~counts.var_names.isin(missing)].copy()
    project(query, space)
    provenance = query.uns["smile"]
    versions = provenance.pop("versions")
    assert provenance.pop("features_missing").tolist() == missing
    assert provenance.pop("features")["source"] == "var_names"
    assert provenance.pop("label_columns").tolist() == list(SUFFIXES)
    assert provenance.pop("weight_matched") == pytest.approx(1 - space.encoder().features.weight[5:8].sum(), abs=1e-6)
    measured = max(each.accuracy for each in space.encoder().record.stress)  # of whole cells; three genes matter little
    assert provenance.pop("expected_accuracy") == pytest.approx(measured, abs=1e-3)
    assert 0.5 < provenance.pop("accuracy_left_out_batches") < measured
    of_space = query[:, query.var_names.isin(space.encoder().features.ids)]
    detected = np.asarray((of_space.X > 0).sum(axis=1))
    assert provenance.pop("median_detected") == np.quantile(detected, 0.5, method="lower")
    assert provenance == {
        "space": "pbmc",
        "revision": "0123abc",
        "manifest_sha256": space.manifest_sha256,
        "modality": "rna",
        "values": "counts",
        "n_features_matched": len(space.encoder().features) - 3,
        "unknown_rate": 0.05,
        "provider": "CPUExecutionProvider",
        "precision": "float32",
    }
    assert versions["python"] == platform.python_version()
    assert {name: versions[name] for name in ("smile-zoo", "numpy", "anndata")} == {
        name: metadata.version(name) for name in ("smile-zoo", "numpy", "anndata")
    }
    assert len({"onnxruntime", "onnxruntime-gpu"} & set(versions)) == 1


def test_provenance_states_the_kind_of_values(lognorm, counts, space):
    assert projected(lognorm, space).uns["smile"]["values"] == "lognorm"
    assert projected(counts, space, values="lognorm").uns["smile"]["values"] == "lognorm"


# Fields left alone


@pytest.fixture
def full_query(counts):
    """A query with something in every attribute."""
    rng = np.random.default_rng(3)
    counts.layers["other"] = counts.X * 2
    counts.obsm["X_pca"] = rng.normal(size=(30, 5))
    counts.varm["loadings"] = rng.normal(size=(counts.n_vars, 5))
    counts.obsp["connectivities"] = scipy.sparse.eye(30, format="csr")
    counts.obs["label"] = pd.Categorical(["x", "y", "z"] * 10)
    counts.var["highly_variable"] = True
    counts.uns["note"] = {"a": np.arange(3), "b": "text"}
    counts.raw = counts.copy()
    return counts


def assert_other_fields_equal(after, before):
    for attribute in ("obs", "obsm", "uns"):
        added = {key for where, key in FIELDS if where == attribute}
        kept = [key for key in getattr(after, attribute) if key not in added]
        assert kept == list(getattr(before, attribute))
    pd.testing.assert_frame_equal(after.obs[before.obs.columns], before.obs)
    pd.testing.assert_frame_equal(after.var, before.var)
    for one, other in (
        (after.X, before.X),
        (after.layers["other"], before.layers["other"]),
        (after.raw.X, before.raw.X),
    ):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        assert (one != other).nnz == 0
    assert list(after.layers) == list(before.layers)
    assert list(after.varm) == list(before.varm)
    np.testing.assert_array_equal(after.obsm["X_pca"], before.obsm["X_pca"])
    np.testing.assert_array_equal(after.varm["loadings"], before.varm["loadings"])
    assert (after.obsp["connectivities"] != before.obsp["connectivities"]).nnz == 0
    np.testing.assert_array_equal(after.uns["note"]["a"], before.uns["note"]["a"])
    assert after.uns["note"]["b"] == "text"


def test_other_fields_are_left_alone(full_query, space):
    before = full_query.copy()
    project(full_query, space)
    assert {(attribute, key) for attribute, key in FIELDS if key in getattr(full_query, attribute)} == FIELDS
    assert_other_fields_equal(full_query, before)


def test_copy_leaves_the_query_alone(full_query, space):
    before = full_query.copy()
    result = project(full_query, space, copy=True)
    assert [key for attribute, key in FIELDS if key in getattr(full_query, attribute)] == []
    assert_other_fields_equal(full_query, before)
    assert_other_fields_equal(result, before)
    result.X.data[0] = 77
    assert full_query.X.data[0] != 77


@pytest.mark.parametrize(("attribute", "key"), sorted(FIELDS))
def test_existing_field_is_named(counts, space, attribute, key):
    value = {"obsm": np.zeros((30, 2)), "obs": 1, "uns": "mine"}[attribute]
    getattr(counts, attribute)[key] = value
    with pytest.raises(QueryError) as caught:
        project(counts, space)
    assert f"already has {attribute}[{key!r}], which would be overwritten" in str(caught.value)
    assert "key_added" in str(caught.value)
    assert "overwrite=True" in str(caught.value)
    assert sum(name in getattr(counts, where) for where, name in FIELDS) == 1
    np.testing.assert_array_equal(getattr(counts, attribute)[key], value)


def test_all_existing_fields_are_named(counts, space):
    project(counts, space)
    with pytest.raises(QueryError) as caught:
        project(counts, space)
    assert all(f"{attribute}[{key!r}]" in str(caught.value) for attribute, key in FIELDS)


def test_overwrite_replaces_existing_fields(counts, space):
    expected = projected(counts, space)
    counts.obsm["X_smile"] = np.zeros((30, 2))
    counts.obs["smile_label"] = "mine"
    counts.uns["smile"] = "mine"
    project(counts, space, overwrite=True)
    assert_same(counts, expected)
    assert counts.uns["smile"]["space"] == "pbmc"


def test_key_added_renames_all_fields(counts, space):
    project(counts, space)
    project(counts, space, key_added="pbmc2")
    assert set(counts.obsm) == {"X_smile", "X_smile_map", "X_pbmc2", "X_pbmc2_map"}
    suffixes = [f"{name}{suffix}" for suffix in SUFFIXES.values() for name in OF_COLUMN]
    suffixes.append("similarity")
    assert list(counts.obs) == ["sample", *(f"{key}_{name}" for key in ("smile", "pbmc2") for name in suffixes)]
    assert set(counts.uns) == {"smile", "pbmc2"}
    np.testing.assert_array_equal(counts.obsm["X_smile"], counts.obsm["X_pbmc2"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("key_added", ["a/b", "", ".", ".."])
def test_invalid_key_is_rejected(counts, space, key_added):
    with pytest.raises(
        QueryError, match=f"cannot be named after '{key_added}'; use a name without slashes, other than"
    ):
        project(counts, space, key_added=key_added)


@pytest.fixture
def with_columns(pbmc_copy, edit_manifest):
    """Return a function that opens a copy of the packaged space with its first few label columns."""

    def make(n):
        points = pbmc_copy / "reference/points.safetensors"
        arrays = load_file(points)
        save_file({**arrays, "label": np.ascontiguousarray(arrays["label"][:, :n])}, points)

        def remove_columns(document):
            columns = document["reference"]["label_columns"][:n]
            document["reference"]["label_columns"] = [{**column, "within": None, "parents": []} for column in columns]
            if n == 0:
                document["encoders"]["rna"].update(calibrations={}, similarity=None)

        return open_space(edit_manifest(remove_columns), device="cpu")

    return make


def test_overwrite_removes_labels_of_another_space(counts, space, with_columns):
    project(counts, space)
    project(counts, with_columns(1), overwrite=True)
    fields = [*(f"smile_{name}" for name in OF_COLUMN), "smile_similarity"]
    assert list(counts.obs) == ["sample", *fields]
    project(counts, with_columns(0), overwrite=True)
    assert list(counts.obs) == ["sample"]


def test_fields_of_columns_that_were_not_projected_are_left_alone(counts, space, with_columns):
    counts.obs["smile_label_cell_type_broad"] = "mine"
    project(counts, with_columns(1))
    assert set(counts.obs["smile_label_cell_type_broad"]) == {"mine"}


def test_reference_without_labels_adds_no_labels(counts, with_columns):
    project(counts, with_columns(0))
    assert list(counts.obs) == ["sample"]
    assert counts.obsm["X_smile_map"].shape == (30, 2)


def test_result_can_be_written_and_read(counts, space, tmp_path):
    query = counts[:, ::2].copy()
    project(query, space)
    query.write_h5ad(tmp_path / "out.h5ad")
    after = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_array_equal(after.obsm["X_smile"], query.obsm["X_smile"])
    np.testing.assert_array_equal(after.obsm["X_smile_map"], query.obsm["X_smile_map"])
    pd.testing.assert_frame_equal(after.obs[list(query.obs)], query.obs)
    assert after.uns["smile"]["features_missing"].tolist() == query.uns["smile"]["features_missing"].tolist() != []
    assert after.uns["smile"]["versions"] == query.uns["smile"]["versions"]
    assert after.uns["smile"]["n_features_matched"] == query.uns["smile"]["n_features_matched"]


def test_result_without_missing_features_can_be_written_and_read(counts, space, tmp_path):
    project(counts, space)
    counts.write_h5ad(tmp_path / "out.h5ad")
    assert anndata.read_h5ad(tmp_path / "out.h5ad").uns["smile"]["features_missing"].shape == (0,)


# Independence of storage and order


@pytest.mark.parametrize("kind", ["lognorm", "median_lognorm"])
def test_counts_and_log_normalized_values_agree(counts, space, request, kind):
    assert_same(projected(request.getfixturevalue(kind), space), projected(counts, space), atol=1e-4)


@pytest.mark.parametrize("form", ["csc_matrix", "csr_array", "csc_array"])
@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_sparse_formats_agree(space, request, kind, form):
    query = request.getfixturevalue(kind)
    expected = projected(query, space)
    query.X = getattr(scipy.sparse, form)(query.X)
    assert_same(projected(query, space), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint16])
def test_dense_agrees(counts, space, dtype):
    expected = projected(counts, space)
    counts.X = counts.X.toarray().astype(dtype)
    assert_same(projected(counts, space), expected, atol=1e-6)


def test_dense_log_normalized_values_agree(lognorm, space):
    assert_same(projected(dense_copy(lognorm), space), projected(lognorm, space), atol=1e-6)


def test_layer_agrees(counts, lognorm, space):
    expected = projected(counts, space)
    lognorm.layers["counts"] = counts.X
    result = projected(lognorm, space, layer="counts")
    assert_same(result, expected, atol=1e-6)
    assert result.uns["smile"]["values"] == "counts"


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_backed_agrees(space, tmp_path, request, kind, form):
    query = request.getfixturevalue(kind)
    expected = projected(query, space)
    query.X = {"csr": query.X, "csc": query.X.tocsc(), "dense": query.X.toarray()}[form]
    query.write_h5ad(tmp_path / "query.h5ad")
    before = (tmp_path / "query.h5ad").read_bytes()
    backed = anndata.read_h5ad(tmp_path / "query.h5ad", backed="r")
    project(backed, space)
    assert backed.isbacked
    assert_same(backed, expected, atol=1e-6)
    backed.file.close()
    assert (tmp_path / "query.h5ad").read_bytes() == before


def test_copy_of_backed_is_rejected_or_works(counts, space, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    backed = anndata.read_h5ad(tmp_path / "query.h5ad", backed="r")
    try:
        assert project(backed, space, copy=True).obsm["X_smile"].shape[0] == 30
    except QueryError as error:
        assert "to_memory" in str(error)  # noqa: PT017
    finally:
        backed.file.close()


@pytest.mark.parametrize("copy", [True, False])
def test_view_of_backed_is_rejected(counts, space, tmp_path, copy):
    counts.write_h5ad(tmp_path / "query.h5ad")
    backed = anndata.read_h5ad(tmp_path / "query.h5ad", backed="r")
    with pytest.raises(QueryError, match=r"a view of a backed AnnData .*adata\[\.\.\.\]\.to_memory\(\)"):
        project(backed[:5], space, copy=copy)
    loaded = backed[:5].to_memory()
    project(loaded, space)
    assert loaded.obsm["X_smile"].shape[0] == 5
    backed.file.close()


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (None, r"an AnnData is needed, got NoneType; build one"),
        (np.ones((2, 3)), r"an AnnData is needed, got ndarray; .*anndata\.AnnData\(X, var="),
        ("query.h5ad", r"got the path 'query\.h5ad'; .*smile_runtime\.project_file"),
        (Path("query.h5ad"), r"got the path 'query\.h5ad'; .*smile_runtime\.project_file"),
    ],
)
def test_cells_other_than_an_anndata_are_rejected(space, cells, text):
    with pytest.raises(QueryError, match=text):
        project(cells, space)


@pytest.mark.parametrize("batch_size", [2.5, 0])
def test_invalid_batch_size_is_rejected_before_reading(counts, space, batch_size):
    counts.X = None
    with pytest.raises(QueryError, match=f"batch_size is {batch_size}, it must be"):
        project(counts, space, batch_size=batch_size)


def test_shuffled_columns_agree(counts, space):
    order = np.random.default_rng(4).permutation(counts.n_vars)
    assert_same(projected(counts[:, order].copy(), space), projected(counts, space), atol=1e-6)


def test_shuffled_cells_agree(counts, space):
    order = np.random.default_rng(5).permutation(counts.n_obs)
    assert_same(projected(counts[order].copy(), space), projected(counts, space)[order])


@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_result_of_a_cell_does_not_depend_on_the_others(space, request, kind):
    query = request.getfixturevalue(kind)
    together = projected(query, space)
    for row in (0, 17):
        assert_same(projected(query[[row]].copy(), space), together[[row]])


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_does_not_matter(counts, space, batch_size):
    assert_same(projected(counts, space, batch_size=batch_size), projected(counts, space))


@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_chunks_do_not_matter(space, monkeypatch, request, kind):
    query = request.getfixturevalue(kind)
    expected = projected(query, space)
    monkeypatch.setattr(matrix_module, "CHUNK_ROWS", 7)
    monkeypatch.setattr(single_projection, "rows_per_read", lambda _matrix: 7)
    done = []
    assert_same(projected(query, space, progress=lambda *numbers: done.append(numbers)), expected)
    assert done == [(7, 30), (7, 30), (7, 30), (7, 30), (2, 30)]


def test_other_genes_matter_only_for_the_total(counts, space):
    query = counts.copy()
    others = np.flatnonzero(query.var_names.str.startswith("OTHER"))
    X = query.X.toarray()
    X[:, others] = X[:, np.roll(others, 1)]
    query.X = X
    assert_same(projected(query, space), projected(counts, space), atol=1e-6)
    X[:, others] *= 50
    query.X = X
    assert np.abs(projected(query, space).obsm["X_smile"] - projected(counts, space).obsm["X_smile"]).max() > 1e-3


def test_half_of_the_genes_is_enough(counts, space):
    selected = counts.var_names.isin(space.encoder().features.ids[::2])
    half = projected(counts[:, selected].copy(), space)
    n_features = len(space.encoder().features)
    assert half.uns["smile"]["n_features_matched"] == selected.sum() == (n_features + 1) // 2
    assert half.uns["smile"]["features_missing"].tolist() == list(space.encoder().features.ids[1::2])
    np.testing.assert_allclose(np.linalg.norm(half.obsm["X_smile"], axis=1), 1, atol=1e-5)


def test_missing_gene_differs_from_a_zero(counts, space):
    features = space.encoder().features
    missing = [features.ids[i] for i in np.argsort(features.mean)[-20:]]
    X = counts.X.toarray()
    X[:, counts.var_names.isin(missing)] = 0
    counts.X = X
    without = projected(counts[:, ~counts.var_names.isin(missing)].copy(), space)
    assert np.abs(without.obsm["X_smile"] - projected(counts, space).obsm["X_smile"]).max() > 1e-3


# Rejected queries


def test_missing_layer_lists_the_layers(counts, space):
    counts.layers["spliced"] = counts.X
    with pytest.raises(QueryError, match="has no layer 'raw', its layers are: 'spliced'"):
        project(counts, space, layer="raw")


def test_missing_x_lists_the_layers(counts, space):
    query = anndata.AnnData(obs=counts.obs, var=counts.var, layers={"counts": counts.X})
    with pytest.raises(QueryError, match=r"no X; choose the matrix.*layers are: 'counts'"):
        project(query, space)
    project(query, space, layer="counts")
    assert "X_smile" in query.obsm


def test_query_without_cells_is_rejected(counts, space):
    with pytest.raises(QueryError, match="no cells"):
        project(counts[:0].copy(), space)


def test_unknown_modality_is_rejected(counts, space):
    with pytest.raises(UnknownModalityError, match="'atac'"):
        project(counts, space, modality="atac")


def test_unknown_kind_of_ids_is_rejected(counts, space):
    counts.var_names = [f"NM_{number:06d}" for number in range(counts.n_vars)]
    with pytest.raises(FeatureMatchError, match="none of the space's") as caught:
        project(counts, space)
    assert "'NM_000000'" in str(caught.value)
    assert repr(space.encoder().features.ids[0]) in str(caught.value)
    assert list(counts.obsm) == []


def test_minimum_match_is_the_manifests(counts, edit_manifest):
    space = open_space(
        edit_manifest(lambda document: document["encoders"]["rna"].update(min_matched=0.6)), device="cpu"
    )
    features = space.encoder().features
    cumulative = features.weight.cumsum()
    few, many = (counts[:, counts.var_names.isin(np.array(features.ids)[cumulative < s])].copy() for s in (0.58, 0.62))
    with pytest.raises(FeatureMatchError, match=r"feature weight \(60.0% is needed\)"):
        project(few, space)
    project(many, space)
    assert 0.6 <= many.uns["smile"]["weight_matched"] < 0.62


def test_scaled_values_are_rejected(counts, space):
    X = counts.X.toarray()
    counts.X = X - X.mean(axis=0)
    with pytest.raises(ValueKindError, match="negative"):
        project(counts, space)
    assert list(counts.obsm) == []


@pytest.mark.filterwarnings("ignore:overflow")
def test_counts_beyond_float32_are_rejected(counts, space):
    X = counts.X.toarray().astype(np.float64)
    X[0, counts.var_names.get_loc(space.encoder().features.ids[0])] = 1e39
    counts.X = X
    with pytest.raises(QueryError):
        project(counts, space)


def emptied(counts: anndata.AnnData, columns: np.ndarray) -> anndata.AnnData:
    """Return the cells without the values of some columns in the fifth one."""
    X = counts.X.toarray()
    X[4, columns] = 0
    return anndata.AnnData(scipy.sparse.csr_matrix(X), obs=counts.obs, var=counts.var)


@pytest.mark.parametrize("form", [dense_copy, lambda adata: adata])
@pytest.mark.parametrize("kept", [(), ("OTHER1",)], ids=["all features", "features of the space"])
def test_cells_without_values_are_unknown(counts, space, caplog, form, kept):
    counts = emptied(counts, ~counts.var_names.isin(kept))
    others = np.arange(30) != 4
    result = projected(form(counts), space, probabilities=True, coverage=0.9)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "1 of 30 cells has no values in the features of the space: unknown, with a confidence of 0"
    ]
    cell = result.obs.iloc[4]
    for suffix in ("", "_cell_type_broad"):
        assert cell[f"smile_label{suffix}"] == cell[f"smile_nearest_label{suffix}"] == "unknown"
        assert cell[f"smile_confidence{suffix}"] == 0
    assert (cell["smile_similarity"], cell["smile_margin"], cell["smile_runner_up"], cell["smile_set"]) == (
        0,
        0,
        "",
        "",
    )
    assert not result.obsm["smile_probabilities"][4].any()
    assert np.isnan(result.obsm["X_smile_map"][4]).all()
    assert np.isfinite(result.obsm["X_smile"]).all()
    assert_same(result[others], projected(counts[others].copy(), space))


def test_cells_without_values_are_unknown_on_every_path(counts, space, tmp_path):
    counts = emptied(counts, slice(None))
    counts.write_h5ad(tmp_path / "query.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", unknown_rate=0)
    written = anndata.read_h5ad(tmp_path / "out.h5ad").obs
    arrays = space.project_arrays(counts.X, counts.var_names, unknown_rate=0)
    assert np.flatnonzero(written["smile_label"] == "unknown").tolist() == [4]
    assert np.flatnonzero(arrays.labels == "unknown").tolist() == [4]
    assert written["smile_confidence"].iloc[4] == arrays.confidence[4] == 0
    assert written["smile_similarity"].iloc[4] == arrays.similarity[4] == 0


# Real data


EARLIER_NAMES = {
    "T_CD4": "CD4 T",
    "T_CD8": "CD8 T",
    "Mono_CD14": "CD14 Mono",
    "Mono_CD16": "CD16 Mono",
    "HSC": "HSPC",
    "MK": "Megakaryocyte",
}
"""Labels of pbmc_rna, which the space names otherwise."""


def parents(space, name):
    """Return the parent of each label of a column."""
    columns = {column.name: column for column in space.reference.label_columns}
    column = columns[name]
    return {
        label: columns[column.within].labels[index] for label, index in zip(column.labels, column.parents, strict=True)
    }


def check_broad_labels(obs, truth, space):
    """Check the broad labels, before any cell is called unknown, against the right labels."""
    right = obs["smile_nearest_label_cell_type_broad"].astype(str) == truth.map(parents(space, "cell_type"))
    assert right.mean() > 0.97
    assert right[obs["smile_nearest_label"].astype(str) == truth].all()
    assert obs["smile_confidence_cell_type_broad"].mean() >= obs["smile_confidence"].mean()


@pytest.fixture(scope="module")
def training_obs(data_folder, pbmc_path, space):
    """Right and projected labels of the cells that the space was trained on."""
    recipe = tomllib.loads((pbmc_path / "recipe.toml").read_text("utf-8"))
    tables = []
    for name in recipe["modalities"]["rna"]["data"]["path"]:
        query = anndata.read_h5ad(data_folder / name)
        project(query, space)
        assert query.uns["smile"]["values"] == "counts"
        tables.append(query.obs.astype({"cell_type": str, "smile_label": str}))
    result = pd.concat(tables)
    assert len(result) == space.manifest.reference.n_cells
    return result


def test_training_cells_get_their_own_labels(training_obs):
    right = training_obs["smile_label"] == training_obs["cell_type"]
    score = training_obs["smile_confidence"]
    assert right.mean() > 0.96
    assert right.groupby(training_obs["study"].astype(str)).mean().min() > 0.9
    assert score.between(0, 1).all()
    rank = score.rank(pct=True)
    assert rank[right].mean() > rank[~right].mean() + 0.25
    assert abs(score.mean() - right.mean()) < 0.1


def test_training_cells_get_their_own_broad_labels(training_obs, space):
    check_broad_labels(training_obs, training_obs["cell_type"], space)


def test_labels_survive_the_loss_of_half_the_genes(data_folder, space):
    query = anndata.read_h5ad(data_folder / "pbmc_3k_rna.h5ad")[:, ::2].copy()
    project(query, space)
    assert query.uns["smile"]["n_features_matched"] <= len(space.encoder().features) / 2
    assert (query.obs["smile_label"].astype(str) == query.obs["cell_type"].astype(str)).mean() > 0.9


def test_log_normalized_cells_with_a_quarter_of_the_genes_get_their_labels(data_folder, space):
    """The genes are those of an earlier choice, so the cells' totals are unknown, too."""
    query = anndata.read_h5ad(data_folder / "pbmc_rna.h5ad")
    truth = query.obs["cell_type"].astype(str).replace(EARLIER_NAMES)
    project(query, space)
    assert query.uns["smile"]["values"] == "lognorm"
    assert query.uns["smile"]["n_features_matched"] < len(space.encoder().features) / 4
    right = query.obs["smile_label"].astype(str) == truth
    assert right.mean() > 0.89
    assert abs(query.obs["smile_confidence"].mean() - right.mean()) < 0.1
    check_broad_labels(query.obs, truth, space)


def test_label_levels_agree_in_real_cells(data_folder, space):
    query = anndata.read_h5ad(data_folder / "pbmc_3chem_counts_unlabelled.h5ad")[::5].copy()
    project(query, space)
    columns = [column for column in space.reference.label_columns if column.within]
    assert columns
    for column in columns:
        parent = parents(space, column.name)
        expected = [parent.get(label, "unknown") for label in query.obs[f"smile_label{SUFFIXES[column.name]}"]]
        assert query.obs[f"smile_label{SUFFIXES[column.within]}"].tolist() == expected
        assert len(set(expected) - {"unknown"}) > 1
        assert "unknown" in expected


def test_default_target_sum_is_assumed_after_feature_selection(lognorm, space, caplog):
    subset = lognorm[:, ~lognorm.var_names.str.startswith("OTHER")].copy()
    expected = projected(lognorm, space)
    assert "target_sum" not in expected.uns["smile"]
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    result = projected(subset, space)
    np.testing.assert_allclose(result.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-5)
    assert result.uns["smile"]["target_sum"] == 1e4
    assert "cannot infer the normalization target" in caplog.text
    assert "assuming 10,000. State target_sum if it differs" in caplog.text


def test_target_sum_can_be_stated(lognorm, space, caplog):
    subset = lognorm[:, ~lognorm.var_names.str.startswith("OTHER")].copy()
    subset.X = np.log1p(100 * np.expm1(subset.X.toarray()))
    with pytest.raises(ValueKindError, match="target_sum"):
        projected(subset, space)
    result = projected(subset, space, target_sum=1e6)
    np.testing.assert_allclose(result.obsm["X_smile"], projected(lognorm, space).obsm["X_smile"], atol=1e-4)
    assert result.uns["smile"]["target_sum"] == 1e6
    assert "assumed" not in caplog.text


@pytest.mark.parametrize("target_sum", [0, -1e4, np.nan, np.inf, "10000", True])
def test_target_sum_must_be_positive(lognorm, space, target_sum):
    with pytest.raises(QueryError, match="the normalization target must be a positive number"):
        projected(lognorm, space, target_sum=target_sum)


def test_target_sum_is_rejected_for_counts(counts, space):
    with pytest.raises(
        ValueKindError, match=r"a normalization target applies to log-normalized values, but these are counts"
    ):
        projected(counts, space, target_sum=1e4)
