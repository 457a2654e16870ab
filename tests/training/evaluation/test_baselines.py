"""Peers: what spaces are compared with."""

import numpy as np
import pytest
import scipy

from smile_training.evaluation.baselines import cca, harmony, logistic_regression, nearest_neighbor_labels, pca
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


@pytest.mark.parametrize(("shape", "expected"), [((50, 8), 8), ((6, 40), 5), ((50, 40), 30)])
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


def test_cca_finds_what_modalities_share(rng: np.random.Generator) -> None:
    a, b = shared_factors(rng)
    a_train, b_train, a_left, b_left = cca(a[:300], b[:300], a[300:], b[300:])
    assert a_train.shape == b_train.shape == (300, 8)
    assert a_left.shape == b_left.shape == (100, 8)
    correlation = [np.corrcoef(a_left[:, column], b_left[:, column])[0, 1] for column in range(8)]
    assert min(correlation[:3]) > 0.98
    assert max(correlation[3:]) < 0.5
    assert foscttm(a_left, b_left) < 0.01


def test_variates_are_those_of_another_implementation_times_their_squared_correlation(
    rng: np.random.Generator,
) -> None:
    from sklearn.cross_decomposition import CCA

    a = rng.standard_normal((400, 6))
    b = a[:, :3] + np.array([0.1, 0.5, 1.5]) * rng.standard_normal((400, 3))  # correlations far from each other
    ours = cca(a[:300], b[:300], a[300:], b[300:])
    theirs = CCA(3, tol=1e-12).fit(a[:300], b[:300])
    variates = (*theirs.transform(a[:300], b[:300]), *theirs.transform(a[300:], b[300:]))
    correlation = np.array([np.corrcoef(variates[0][:, i], variates[1][:, i])[0, 1] for i in range(3)])
    for number, (one, other) in enumerate(zip(ours, variates, strict=True)):
        scale = correlation**2 / variates[number % 2].std(axis=0)
        np.testing.assert_allclose(np.abs(one), np.abs(other * scale), atol=1e-3)


def test_cca_ignores_components_that_are_only_rounding(rng: np.random.Generator) -> None:
    """A repeated feature leaves an empty component, which whitening must not blow up."""
    a, b = (values.astype(np.float32) for values in shared_factors(rng))
    repeated = np.concatenate([b, b], axis=1)
    plain = cca(a[:300], b[:300], a[300:], b[300:])
    same = cca(a[:300], repeated[:300], a[300:], repeated[300:])
    assert same[0].shape == (300, 16)
    assert np.abs(same[1][:, 8:]).max() < 1e-3
    for one, other in zip(plain, same, strict=True):
        np.testing.assert_allclose(np.abs(one), np.abs(other[:, :8]), atol=1e-2)


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
