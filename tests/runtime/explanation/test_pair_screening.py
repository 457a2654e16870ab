"""Screening of features by the distance of two modalities: equal to brute force, groups, and errors."""

import json
import shutil
from pathlib import Path

import anndata
import numpy as np
import pytest
import scipy

from smile_runtime import PairScreening, QueryError, Space, open_space, project, screen_pairs
from smile_runtime.explanation import write_screening
from smile_runtime.explanation.feature_groups import kruskal_statistic
from smile_runtime.explanation.modality_screen import choose_half
from smile_runtime.explanation.paired_cells import read_pairs

PAIR = {"modality": "rna", "against": "nuclei"}


@pytest.fixture(scope="module")
def pair_space(pbmc_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """The packaged space with a second modality, which has the same encoder."""
    folder = Path(shutil.copytree(pbmc_path, tmp_path_factory.mktemp("pairs") / "pbmc"))
    document = json.loads((folder / "config.json").read_text("utf-8"))
    document["encoders"]["nuclei"] = document["encoders"]["rna"]
    (folder / "config.json").write_text(json.dumps(document), "utf-8")
    return open_space(folder, device="cpu")


@pytest.fixture(scope="module")
def rna(data_folder: Path) -> anndata.AnnData:
    """Ninety real cells of another laboratory."""
    return anndata.read_h5ad(data_folder / "pbmc_lupus_rna.h5ad")[:90].copy()


@pytest.fixture(scope="module")
def nuclei(rna: anndata.AnnData) -> anndata.AnnData:
    """Most of these cells in another order, with half of their counts."""
    X = scipy.sparse.csr_matrix(rna.X, copy=True)
    X.data = np.random.default_rng(0).binomial(X.data.astype(np.int64), 0.5).astype(np.float32)
    X.eliminate_zeros()
    return anndata.AnnData(X, obs=rna.obs[[]], var=rna.var[[]])[80:4:-1].copy()


@pytest.fixture(scope="module")
def screening(rna, nuclei, pair_space) -> PairScreening:
    return screen_pairs(rna, pair_space, **PAIR, against_query=nuclei)


@pytest.fixture(scope="module")
def pairs(rna, nuclei, pair_space):
    """Labeled cells in both modalities, as they are screened."""
    found = read_pairs({"rna": rna, "nuclei": nuclei}, pair_space, 0, 0.05)
    return found.select(np.flatnonzero(found.labels >= 0))


def embedding_without(pairs, space: Space, modality: str, features: list[int]) -> np.ndarray:
    """Return the embedding of cells whose counts of some features are set to zero, by the whole route."""
    values = pairs.inputs[modality]
    raw = scipy.sparse.csr_matrix(values.raw).toarray()
    raw[:, features] = 0
    return space.encoder(modality).encode(raw, values.size_factor, measured=values.measured)


def test_pairs_are_the_same_cells_in_both(rna, nuclei, pair_space, pairs):
    labels = project(rna, pair_space, modality="rna", copy=True).obs["smile_label"]
    names = pair_space.reference.label_columns[0].labels
    expected = [label for name, label in labels.items() if name in set(nuclei.obs_names) and label != "unknown"]
    assert [names[label] for label in pairs.labels] == expected
    totals = [each.total for each in pairs.inputs.values()]
    assert np.corrcoef(*totals)[0, 1] > 0.99
    assert (totals[1] < totals[0]).all()


@pytest.mark.parametrize(("modality", "other"), [("rna", "nuclei"), ("nuclei", "rna")])
def test_changes_equal_brute_force(screening, pairs, pair_space, modality, other):
    names, ids = pair_space.reference.label_columns[0].labels, pair_space.encoder(modality).features.ids
    fixed = embedding_without(pairs, pair_space, other, [])
    complete = np.linalg.norm(embedding_without(pairs, pair_space, modality, []) - fixed, axis=1)
    table = screening.features[screening.features["modality"] == modality].set_index(["feature", "label"])
    for feature in ("CD74", "GNLY", "MALAT1", "IL7R"):
        moved = embedding_without(pairs, pair_space, modality, [ids.index(feature)])
        change = np.linalg.norm(moved - fixed, axis=1) - complete
        for label, row in table.loc[feature].iterrows():
            cells = pairs.labels == names.index(label)
            assert row["change"] == pytest.approx(change[cells].mean(), abs=1e-5)
            assert row["distance"] == pytest.approx(complete[cells].mean(), abs=1e-5)
            assert row["n_cells"] == cells.sum()


def test_other_words_name_a_modality(rna, nuclei, pair_space):
    found = screen_pairs(rna, pair_space, modality="gex", against="nuclei", against_query=nuclei, max_cells=2)
    assert found.provenance["modalities"] == ["rna", "nuclei"]
    assert list(found.features["modality"].unique()) == ["rna", "nuclei"]
    with pytest.raises(QueryError, match="'rna' twice"):
        screen_pairs(rna, pair_space, modality="gex", against="rna")


def test_ranks_follow_the_changes_of_a_label(screening):
    assert list(screening.features["modality"].unique()) == ["rna", "nuclei"]
    for _, rows in screening.features.groupby(["modality", "label"], sort=False):
        assert rows["change"].is_monotonic_decreasing
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))


def test_groups_are_chosen_on_one_half_and_measured_on_the_other(screening, pairs, pair_space):
    chooses = choose_half(pairs.labels, 0)
    chosen = pairs.select(np.flatnonzero(chooses))
    fixed, complete = (embedding_without(chosen, pair_space, each, []) for each in ("nuclei", "rna"))
    raw = scipy.sparse.csr_matrix(chosen.inputs["rna"].raw)
    candidates = np.flatnonzero(raw.getnnz(axis=0))
    before = np.linalg.norm(complete - fixed, axis=1)
    total = {
        each: (np.linalg.norm(embedding_without(chosen, pair_space, "rna", [each]) - fixed, axis=1) - before).sum()
        for each in candidates
    }
    n = int(np.ceil(0.05 * len(candidates)))
    key = sorted(candidates, key=lambda each: -total[each])[:n]
    measured = pairs.select(np.flatnonzero(~chooses))
    fixed, complete = (embedding_without(measured, pair_space, each, []) for each in ("nuclei", "rna"))
    moved = embedding_without(measured, pair_space, "rna", key)
    change = (np.linalg.norm(moved - fixed, axis=1) - np.linalg.norm(complete - fixed, axis=1)).mean()
    rows = screening.groups[screening.groups["modality"] == "rna"].set_index("group")
    assert rows["change"]["key"] == pytest.approx(change, abs=1e-5)
    assert set(rows["n_features"]) == {n}
    assert set(rows["n_cells"]) == {(~chooses).sum()}
    assert rows["change"]["key"] > rows["change"]["random"] + 2 * rows["sd"]["random"]
    assert rows.index[rows["sd"].notna()].tolist() == ["random"]


def test_differential_features_are_those_of_kruskal_and_wallis(pairs, pair_space):
    encoder = pair_space.encoder("rna")
    values, candidates = pairs.values("rna", slice(None)), np.array([3, 10, 1500])
    found = kruskal_statistic(encoder, values, pairs.labels, candidates)
    logs = np.log1p(scipy.sparse.csr_matrix(values.raw).toarray() * values.size_factor)
    for feature in candidates[np.ptp(logs[:, candidates], axis=0) > 0]:
        groups = [logs[pairs.labels == label, feature] for label in np.unique(pairs.labels)]
        assert found[feature] == pytest.approx(scipy.stats.kruskal(*groups).statistic, rel=1e-5)
    assert np.count_nonzero(found) <= 3


def test_halves_share_each_label(pairs):
    chooses = choose_half(np.repeat([0, 1, 2], [10, 3, 1]), seed=1)
    assert chooses[:10].sum() == 5
    assert 1 <= chooses[10:13].sum() <= 2
    assert (choose_half(pairs.labels, 0) == choose_half(pairs.labels, 0)).all()


@pytest.mark.filterwarnings("ignore:var_names are not unique:UserWarning")  # both modalities have the same genes
def test_a_mudata_file_gives_the_same_as_two_queries(rna, nuclei, pair_space, screening, tmp_path):
    mudata = pytest.importorskip("mudata")
    with mudata.set_options(pull_on_update=False):
        mudata.MuData({"rna": rna, "nuclei": nuclei}).write(tmp_path / "pairs.h5mu")
    found = screen_pairs(tmp_path / "pairs.h5mu", pair_space, **PAIR)
    np.testing.assert_allclose(found.features["change"], screening.features["change"], atol=1e-6)
    assert found.provenance["n_pairs"] == 76


def test_errors(rna, nuclei, pair_space, tmp_path, screening):
    with pytest.raises(QueryError, match="two modalities are needed, got 'rna' twice"):
        screen_pairs(rna, pair_space, modality="rna", against="rna")
    other = nuclei.copy()
    other.obs_names = [f"{name}-2" for name in other.obs_names]
    with pytest.raises(QueryError, match=r"no cell has the same name in rna .* and nuclei"):
        screen_pairs(rna, pair_space, **PAIR, against_query=other)
    other.obs_names = ["a"] * other.n_obs
    with pytest.raises(QueryError, match="occur twice in nuclei"), pytest.warns(UserWarning, match="unique"):
        screen_pairs(rna, pair_space, **PAIR, against_query=other.copy())
    write_screening(screening, tmp_path / "screen.tsv")
    first = (tmp_path / "screen.tsv").read_text("utf-8").splitlines()[0]
    assert first.split("\t") == ["label", "modality", "feature", "change", "rank", "fraction", "distance", "n_cells"]


def test_one_pair_is_too_few(rna, nuclei, pair_space):
    with pytest.raises(QueryError, match=r"of 1 cells with values in both .* at least 2 are needed"):
        screen_pairs(
            rna[rna.obs_names == nuclei.obs_names[0]].copy(),
            pair_space,
            modality="rna",
            against="nuclei",
            against_query=nuclei,
            unknown_rate=0,
        )


def test_cells_that_are_zero_in_one_modality_are_left_out(rna, nuclei, pair_space):
    empty = nuclei[:20].copy()
    empty.X = empty.X.toarray()
    empty.X[:5] = 0
    found = screen_pairs(rna, pair_space, modality="rna", against="nuclei", against_query=empty, unknown_rate=0)
    assert found.provenance["n_pairs"] == len(set(rna.obs_names) & set(empty.obs_names[5:]))
