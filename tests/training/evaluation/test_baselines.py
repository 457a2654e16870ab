"""Peers: what spaces are compared with."""

import numpy as np
import pytest
import scipy

from smile_training.evaluation import baselines, inner_folds
from smile_training.evaluation.baselines import (
    choose_n_components,
    logistic_regression,
    lsi,
    nearest_neighbor_labels,
    pca,
)
from smile_training.evaluation.cca import CHOICES, CcaSettings, cca, choose_cca
from smile_training.evaluation.harmony import harmony, lisi
from smile_training.evaluation.metrics import foscttm, silhouette


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_principal_components_are_those_of_the_training_cells(rng: np.random.Generator) -> None:
    train, left_out = rng.standard_normal((40, 12)) * np.arange(1, 13) + 5, rng.standard_normal((9, 12))
    components, projected = pca(train, left_out, n_components=4)

    mean = train.mean(axis=0)
    *_, axes = np.linalg.svd(train - mean, full_matrices=False)
    np.testing.assert_allclose(np.abs(components), np.abs((train - mean) @ axes[:4].T), atol=1e-8)
    np.testing.assert_allclose(np.abs(projected), np.abs((left_out - mean) @ axes[:4].T), atol=1e-8)


@pytest.mark.parametrize(("shape", "expected"), [((50, 8), 8), ((6, 40), 5), ((80, 60), 50)])
def test_sparse_values_have_the_components_of_dense_ones(
    rng: np.random.Generator, shape: tuple[int, int], expected: int
) -> None:
    """Centered though sparse, and no more than there are."""
    train = rng.poisson(0.7, shape).astype(np.float32)
    left_out = rng.poisson(0.7, (7, shape[1])).astype(np.float32)
    dense = pca(train, left_out)
    sparse = pca(scipy.sparse.csr_matrix(train), scipy.sparse.csr_matrix(left_out))
    assert dense[0].shape == (shape[0], expected)
    assert dense[1].shape == (7, expected)
    for one, other in zip(dense, sparse, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def batches_and_labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, batches = np.arange(240) % 3, np.arange(240) // 3 % 2
    cells = rng.standard_normal((240, 10))
    cells[:, :3] += 8 * np.eye(3)[labels]
    cells[:, 4] += 6 * batches
    return cells, batches, labels


def test_harmony_mixes_batches_and_keeps_labels_apart(
    rng: np.random.Generator, capfd: pytest.CaptureFixture[str]
) -> None:
    cells, batches, labels = batches_and_labels(rng)
    mixed = harmony(cells, batches)
    assert mixed.shape == (240, 10)
    assert silhouette(cells, batches) > 0.15
    assert silhouette(mixed, batches) == pytest.approx(0, abs=0.02)
    assert silhouette(mixed, labels) > silhouette(cells, labels) > 0.4
    assert capfd.readouterr() == ("", "")


def test_harmony_is_repeatable_and_the_seed_decides(rng: np.random.Generator) -> None:
    cells, batches, _ = batches_and_labels(rng)
    first = harmony(cells, batches, seed=1)
    np.testing.assert_array_equal(harmony(cells, batches, seed=1), first)
    assert not np.array_equal(harmony(cells, batches, seed=2), first)


def test_harmony_takes_cells_as_rows_though_there_be_as_many_components(rng: np.random.Generator) -> None:
    cells = rng.standard_normal((30, 30))
    mixed = harmony(cells, np.arange(30) % 2)
    assert np.corrcoef(mixed.ravel(), cells.ravel())[0, 1] > 0.9


def test_harmony_leaves_one_batch_as_it_is_and_works_on_a_few_cells(rng: np.random.Generator) -> None:
    cells = rng.standard_normal((12, 5))
    np.testing.assert_array_equal(harmony(cells, np.full(12, 3)), cells)
    assert np.isfinite(harmony(cells, np.arange(12) % 2)).all()


def shared_factors(rng: np.random.Generator, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Return two modalities of 3 shared factors, the first with far larger ones of its own."""
    shared = rng.standard_normal((n, 3))
    own = 5 * rng.standard_normal((n, 4))
    a = shared @ rng.standard_normal((3, 20)) + own @ rng.standard_normal((4, 20)) + 0.1 * rng.standard_normal((n, 20))
    b = shared @ rng.standard_normal((3, 8)) + 0.1 * rng.standard_normal((n, 8))
    return a, b


def components(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pca(values[:300], values[300:])


def aligned(a: np.ndarray, b: np.ndarray, settings: CcaSettings) -> tuple[np.ndarray, ...]:
    (a_train, a_left), (b_train, b_left) = components(a), components(b)
    return cca(a_train, b_train, a_left, b_left, settings)


def test_cca_finds_what_modalities_share(rng: np.random.Generator) -> None:
    a, b = shared_factors(rng)
    a_train, b_train, a_left, b_left = aligned(a, b, CcaSettings())
    assert a_train.shape == b_train.shape == (300, 8)
    assert a_left.shape == b_left.shape == (100, 8)
    correlation = [np.corrcoef(a_left[:, column], b_left[:, column])[0, 1] for column in range(8)]
    assert min(correlation[:3]) > 0.98
    assert max(correlation[3:]) < 0.5
    assert foscttm(a_left, b_left) < 0.01


@pytest.mark.parametrize("power", [1, 2])
def test_variates_are_those_of_another_implementation_times_a_power_of_their_correlation(
    rng: np.random.Generator, power: int
) -> None:
    from sklearn.cross_decomposition import CCA

    a = rng.standard_normal((400, 6))
    b = a[:, :3] + np.array([0.1, 0.5, 1.5]) * rng.standard_normal((400, 3))  # correlations far from each other
    ours = aligned(a, b, CcaSettings(power=power))
    theirs = CCA(3, tol=1e-12).fit(a[:300], b[:300])
    variates = (*theirs.transform(a[:300], b[:300]), *theirs.transform(a[300:], b[300:]))
    correlation = np.array([np.corrcoef(variates[0][:, i], variates[1][:, i])[0, 1] for i in range(3)])
    for number, (one, other) in enumerate(zip(ours, variates, strict=True)):
        scale = correlation**power / variates[number % 2].std(axis=0)
        np.testing.assert_allclose(np.abs(one), np.abs(other * scale), atol=1e-3)


def test_cca_ignores_components_that_are_only_rounding(rng: np.random.Generator) -> None:
    """A repeated feature leaves an empty component, which whitening must not blow up."""
    a, b = (values.astype(np.float32) for values in shared_factors(rng))
    plain = aligned(a, b, CcaSettings())
    same = aligned(a, np.concatenate([b, b], axis=1), CcaSettings())
    assert same[0].shape == (300, 16)
    assert np.abs(same[1][:, 8:]).max() < 1e-3
    for one, other in zip(plain, same, strict=True):
        np.testing.assert_allclose(np.abs(one), np.abs(other[:, :8]), atol=1e-2)


def test_cca_of_unit_length_with_few_components(rng: np.random.Generator) -> None:
    """Components need not be centered, as those of LSI are not."""
    a, b = shared_factors(rng)
    (a_train, a_left), (b_train, b_left) = components(a), components(b)
    settings = CcaSettings(n_a=7, n_b=5, unit_length=True)
    result = cca(a_train + 10, b_train - 5, a_left + 10, b_left - 5, settings)
    plain = cca(a_train, b_train, a_left, b_left, settings)
    for one, other in zip(result, plain, strict=True):
        assert one.shape[1] == 5
        np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1)
        np.testing.assert_allclose(np.abs(one), np.abs(other), atol=1e-6)


def test_cca_settings_are_chosen_on_the_training_pairs(rng: np.random.Generator) -> None:
    """What is shared comes after 4 larger components, so that 5 of the first side are too few."""
    a, b = shared_factors(rng)
    chosen = choose_cca(a, b, reduce_a=pca, reduce_b=pca, seed=0)
    assert chosen in CHOICES
    assert chosen.n_a > 5
    assert choose_cca(a, b, reduce_a=pca, reduce_b=pca, seed=0) == chosen
    assert choose_cca(a[:29], b[:29], reduce_a=pca, reduce_b=pca, seed=0) == CcaSettings()


def test_neighbors_vote_on_labels_and_those_without_one_do_not() -> None:
    train = np.array([[0.0], [1.0], [2.0], [0.1], [0.2], [0.3]])
    labels = np.array([4, 4, 9, -1, -1, -1])
    assert nearest_neighbor_labels(train, labels, np.array([[0.1], [3.0]]), k=1).tolist() == [4, 9]
    assert nearest_neighbor_labels(train, labels, np.array([[0.1], [3.0]])).tolist() == [4, 4]


def test_logistic_regression_learns_from_labeled_cells_dense_or_sparse(rng: np.random.Generator) -> None:
    labels = np.arange(90) % 3
    values = rng.standard_normal((90, 6)) + 4 * np.eye(6)[labels]
    known = np.where(np.arange(90) < 60, 2 + labels, -1)
    expected = 2 + labels[60:]
    assert np.mean(logistic_regression(values, known, values[60:]) == expected) > 0.95
    sparse = scipy.sparse.csr_matrix(values)
    assert np.mean(logistic_regression(sparse, known, sparse[60:]) == expected) > 0.95


def test_logistic_regression_on_one_label_gives_that_label() -> None:
    assert logistic_regression(np.eye(3), np.array([5, -1, 5]), np.eye(3)[:2]).tolist() == [5, 5]


def test_lsi_drops_the_first_component_and_scales_rows(rng: np.random.Generator) -> None:
    """The first component is depth: cells of one type but different depth coincide."""
    profile = np.kron(np.eye(3), np.ones(10)) + 0.2  # (3, 30)
    labels = np.arange(60) % 3
    values = profile[labels] * rng.uniform(0.2, 5, (60, 1))
    train, left_out = lsi(scipy.sparse.csr_matrix(values[:40]), scipy.sparse.csr_matrix(values[40:]), 2)
    assert train.shape == (40, 2)
    np.testing.assert_allclose(np.linalg.norm(left_out, axis=1), 1)
    assert nearest_neighbor_labels(train, labels[:40], left_out, k=5).tolist() == labels[40:].tolist()
    *_, axes = np.linalg.svd(values[:40])
    expected = values[40:] @ axes[1:3].T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(left_out), np.abs(expected), atol=1e-8)


@pytest.mark.parametrize(("signal", "expected"), [(5, 20), (25, 30), (40, 50)])
def test_the_number_of_components_is_chosen_on_labeled_training_cells(
    rng: np.random.Generator, signal: int, expected: int
) -> None:
    """One component tells the labels; all from the next choice on are loud noise."""

    def first_columns(train: np.ndarray, left_out: np.ndarray, n: int, _seed: int) -> tuple[np.ndarray, np.ndarray]:
        return train[:, :n], left_out[:, :n]

    labels = np.arange(200) % 2
    values = 0.1 * rng.standard_normal((200, 60))
    values[:, expected:] *= 1000
    values[:, signal] += 5 * labels
    assert choose_n_components(values, labels, first_columns, seed=0) == expected
    assert choose_n_components(values, np.full(200, -1), first_columns, seed=0) == 50


def test_logistic_regression_chooses_its_penalty_within_the_training_cells(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiny values need a weak penalty; C = 0.01 is not weak enough."""
    labels = np.repeat([0, 1, 2], [100, 40, 40])
    values = 0.02 * (np.eye(3)[labels] + 0.2 * rng.standard_normal((180, 3)))
    train, left_out = np.arange(180) % 3 > 0, np.arange(180) % 3 == 0
    predicted = logistic_regression(values[train], labels[train], values[left_out])
    assert np.mean(predicted == labels[left_out]) > 0.95
    monkeypatch.setattr(baselines, "INVERSE_PENALTIES", (0.01,))
    predicted = logistic_regression(values[train], labels[train], values[left_out])
    assert np.mean(predicted == labels[left_out]) < 0.6


def test_inner_folds_are_of_labeled_cells_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.where(np.arange(90) % 3 == 0, -1, np.arange(90) % 3)
    (rows, measured), (other, rest) = inner_folds.inner_folds(labels, seed=0)
    assert sorted([*rows, *measured]) == np.flatnonzero(labels >= 0).tolist() == sorted([*other, *rest])
    monkeypatch.setattr(inner_folds, "MAX_INNER_CELLS", 20)
    rows, measured = next(inner_folds.inner_folds(labels, seed=0))
    assert len({*rows, *measured}) == 20
    assert (labels[[*rows, *measured]] >= 0).all()
    assert list(inner_folds.inner_folds(np.array([0, 1, -1]), seed=0)) == []


def test_lisi_is_scaled_to_the_number_of_groups(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, batches, labels = batches_and_labels(rng)
    noise = rng.standard_normal((240, 4))
    assert lisi(noise, batches) > 0.9
    assert lisi(noise + 100 * batches[:, None], batches) == pytest.approx(0, abs=1e-6)
    assert lisi(noise, np.where(np.arange(240) < 120, -1, 4)) is None
    far = np.where((np.arange(240) % 2 == 0)[:, None], noise, noise + 100)
    assert lisi(far, np.where(np.arange(240) % 2 == 0, np.arange(240) // 2 % 2, -1)) > 0.8
    assert lisi(cells, labels) < 0.2
    assert 0 <= lisi(noise[:8], batches[[0, 3] * 4]) <= 1
