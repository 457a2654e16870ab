"""Expected values of another modality, in memory and from file to file."""

import shutil
from pathlib import Path

import anndata
import numpy as np
import pytest
import scipy

import smile_runtime
from smile_runtime import OutputError, QueryError, Space, UnknownModalityError, open_space
from smile_runtime.imputation import file_imputation
from smile_runtime.mapping import find_nearest_neighbors, neighbor_weights
from smile_runtime.projection import stored_projection
from smile_runtime.results import resumable_results


@pytest.fixture
def space(imputing_copy: Path) -> Space:
    """The packaged space with expected values of two surface proteins."""
    return open_space(imputing_copy, device="cpu")


@pytest.fixture
def cells(space: Space, counts: anndata.AnnData) -> anndata.AnnData:
    """The simulated cells, which are unknown; the first half are drawn from the profile of a type instead."""
    share = np.exp(space.profiles("rna").log_profile[0].astype(np.float64))
    X = counts.X.toarray()
    X[:15] = 0
    columns = counts.var_names.get_indexer(space.encoder("rna").features.ids)
    X[:15, columns] = np.random.default_rng(0).multinomial(3000, share / share.sum(), 15)
    counts.X = scipy.sparse.csr_matrix(X)
    return counts


def expected_by_hand(space: Space, embedding: np.ndarray) -> np.ndarray:
    (record,) = space.manifest.imputations
    values, reference = space.expected_values(record), space.reference
    points = reference.select_points(values.point)
    neighbors = find_nearest_neighbors(embedding, points.embedding, 15)
    weights = neighbor_weights(neighbors, points)
    return np.einsum("nk,nkf->nf", weights, values.value[neighbors.indices])


def test_cells_get_the_mean_of_their_neighbors_and_unknown_cells_none(space: Space, cells: anndata.AnnData) -> None:
    before = cells.copy()
    projected = smile_runtime.project(cells, space, copy=True)
    expected = expected_by_hand(space, projected.obsm["X_smile"])
    unknown = (projected.obs["smile_label"] == "unknown").to_numpy()
    assert unknown.sum() == 15

    imputed = smile_runtime.impute(cells, space, modality_to="adt")
    assert imputed.X.dtype == np.float32
    np.testing.assert_allclose(imputed.X[~unknown], expected[~unknown], rtol=1e-4)
    assert np.isnan(imputed.X[unknown]).all()
    assert list(imputed.var_names) == ["CD3", "CD19"]
    assert imputed.var.loc["CD3"].to_dict() == {"correlation": 0.8, "correlation_knn": 0.7}
    assert imputed.obs.equals(cells.obs)
    provenance = imputed.uns["smile"]
    assert (provenance["space"], provenance["modality_from"], provenance["modality_to"]) == ("pbmc", "rna", "adt")
    assert provenance["unit"] == "centered log ratio"
    assert cells.uns == before.uns
    assert list(cells.obs) == list(before.obs)


def test_a_file_gets_the_same_values(
    space: Space, cells: anndata.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_imputation, "_CHUNK_BYTES", 80)
    cells.write_h5ad(tmp_path / "query.h5ad")
    steps = []
    summary = smile_runtime.impute_file(
        tmp_path / "query.h5ad",
        space,
        tmp_path / "proteins.h5ad",
        modality_to="adt",
        progress=lambda n, total: steps.append((n, total)),
    )
    stored = anndata.read_h5ad(tmp_path / "proteins.h5ad")
    expected = smile_runtime.impute(cells, space, modality_to="adt")
    np.testing.assert_array_equal(stored.X, expected.X)
    assert stored.obs.astype(str).equals(expected.obs.astype(str))
    assert stored.var.equals(expected.var)
    assert stored.uns["smile"]["unit"] == "centered log ratio"
    assert (summary.n_cells, summary.n_unknown) == (30, 15)
    assert sum(n for n, _ in steps) == 30
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["proteins.h5ad", "query.h5ad"]
    assert not (tmp_path / "proteins.h5ad.unfinished").exists()


def test_a_query_that_was_projected_before_is_imputed(space: Space, counts: anndata.AnnData) -> None:
    smile_runtime.project(counts, space)
    assert smile_runtime.impute(counts, space, modality_to="adt", unknown_rate=0).shape == (30, 2)


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ({"modality_to": "atac"}, r"the space pbmc has no expected values of 'atac'; it has: adt from rna"),
        (
            {"modality_to": "adt", "modality_from": "atac"},
            r"no expected values of 'adt' for queries of atac; it has: adt from rna",
        ),
    ],
)
def test_values_that_the_space_lacks_are_refused(
    space: Space, counts: anndata.AnnData, modalities: dict[str, str], message: str
) -> None:
    with pytest.raises(UnknownModalityError, match=message):
        smile_runtime.impute(counts, space, **modalities)


def test_a_space_without_pairs_says_so(pbmc_path: Path, counts: anndata.AnnData) -> None:
    packaged = open_space(pbmc_path, device="cpu")
    with pytest.raises(UnknownModalityError, match="it imputes nothing; that needs a space that was trained on cells"):
        smile_runtime.impute(counts, packaged, modality_to="adt")


def test_queries_of_another_modality_are_refused(space: Space) -> None:
    proteins = anndata.AnnData(np.ones((3, 2), np.float32))
    proteins.var_names = ["CD3", "CD19"]
    with pytest.raises(QueryError, match="the query has only 1 of the space's 2,000 features"):
        smile_runtime.impute(proteins, space, modality_to="adt")


def test_a_path_is_refused_with_the_function_for_files(space: Space) -> None:
    with pytest.raises(QueryError, match=r"got the path 'query\.h5ad'; .* use smile_runtime\.impute_file"):
        smile_runtime.impute("query.h5ad", space, modality_to="adt")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("proteins.csv", r"expected values are written as \.h5ad, got proteins\.csv"),
        ("taken.h5ad", r"taken\.h5ad exists"),
        ("query.h5ad", r"query\.h5ad"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused(
    space: Space, counts: anndata.AnnData, tmp_path: Path, output: str, message: str
) -> None:
    counts.write_h5ad(tmp_path / "query.h5ad")
    shutil.copyfile(tmp_path / "query.h5ad", tmp_path / "taken.h5ad")
    before = (tmp_path / "taken.h5ad").read_bytes()
    with pytest.raises(OutputError, match=message):
        smile_runtime.impute_file(tmp_path / "query.h5ad", space, tmp_path / output, modality_to="adt")
    assert (tmp_path / "taken.h5ad").read_bytes() == (tmp_path / "query.h5ad").read_bytes() == before


def test_nothing_is_left_of_an_imputation_that_fails(space: Space, counts: anndata.AnnData, tmp_path: Path) -> None:
    counts.X.data[:] = -1
    counts.write_h5ad(tmp_path / "query.h5ad")
    with pytest.raises(QueryError):
        smile_runtime.impute_file(tmp_path / "query.h5ad", space, tmp_path / "proteins.h5ad", modality_to="adt")
    assert not list(tmp_path.glob("proteins.h5ad*"))


def test_an_interrupted_imputation_resumes(
    space: Space, cells: anndata.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_projection, "rows_per_read", lambda _matrix: 7)
    monkeypatch.setattr(resumable_results, "SAVE_INTERVAL_SECONDS", -1.0)
    cells.write_h5ad(tmp_path / "query.h5ad")
    arguments = tmp_path / "query.h5ad", space, tmp_path / "proteins.h5ad"

    def interrupt(_n: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        smile_runtime.impute_file(*arguments, modality_to="adt", progress=interrupt)
    with pytest.raises(OutputError, match="holds the results of an interrupted projection; resume it or start again"):
        smile_runtime.impute_file(*arguments, modality_to="adt")
    done: list[int] = []
    smile_runtime.impute_file(*arguments, modality_to="adt", resume=True, progress=lambda n, _total: done.append(n))
    assert done == [7, 7, 7, 7, 2]
    resumed = anndata.read_h5ad(tmp_path / "proteins.h5ad").X
    np.testing.assert_allclose(resumed, smile_runtime.impute(cells, space, modality_to="adt").X, rtol=1e-4)


def test_the_values_of_a_changed_file_are_refused(imputing_copy: Path, counts: anndata.AnnData) -> None:
    space = open_space(imputing_copy, device="cpu")
    path = imputing_copy / "reference/adt_from_rna.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(smile_runtime.IntegrityError, match="adt_from_rna"):
        smile_runtime.impute(counts, space, modality_to="adt")
