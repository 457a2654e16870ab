"""Simulated modalities: same cells, plausible values, and a signal that follows the cells."""

from collections.abc import Callable

import anndata
import numpy as np
import pytest
import scipy

from smile_runtime.errors import QueryError, RecipeError
from smile_training.data.simulation import simulate_mark, simulate_methylation

Simulate = Callable[..., anndata.AnnData]


@pytest.fixture(scope="module")
def rna(simulated: Simulate) -> anndata.AnnData:
    return simulated(n_cells=150)


def between_labels(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the variance between the means of labels as a multiple of the variance expected by chance."""
    means = np.stack([values[labels == label].mean(axis=0) for label in np.unique(labels)])
    within = np.mean([values[labels == label].var(axis=0) for label in np.unique(labels)], axis=0)
    expected = within.sum() * len(means) / len(values)
    return float(means.var(axis=0, ddof=1).sum() / expected)


def test_a_simulated_mark_has_sparse_counts_of_the_same_cells(rna: anndata.AnnData) -> None:
    mark = simulate_mark(rna, seed=1)
    assert list(mark.obs_names) == list(rna.obs_names)
    assert mark.obs.equals(rna.obs)
    assert mark.uns["simulated"] is True
    assert mark.shape == (150, 3000)
    assert mark.X.format == "csr"
    assert mark.X.dtype == np.float32
    assert 0.05 < mark.X.nnz / (150 * 3000) < 0.10
    np.testing.assert_array_equal(mark.X.data, np.round(mark.X.data))
    depth = np.asarray(mark.X.sum(axis=1)).ravel()
    assert depth.std() / depth.mean() > 0.2


def test_simulated_bins_are_distinct_200_kb_bins_in_genome_order(rna: anndata.AnnData) -> None:
    names = [name.split("_") for name in simulate_mark(rna, seed=1).var_names]
    chroms = [f"chr{number}" for number in range(1, 20)] + ["chrX"]
    positions = [(chroms.index(chrom), int(start)) for chrom, start, _ in names]
    assert positions == sorted(set(positions))
    assert {(int(end) - int(start), int(start) % 200_000) for _, start, end in names} == {(200_000, 0)}
    assert len({chrom for chrom, _ in positions}) == 20


def test_simulated_values_differ_between_cell_types(rna: anndata.AnnData) -> None:
    """Cell types differ in both simulations, but not after their labels are shuffled."""
    labels = rna.obs["cell_type"].to_numpy()
    shuffled = np.random.default_rng(0).permutation(labels)
    mark = simulate_mark(rna, seed=1).X.toarray()
    levels = np.nan_to_num(simulate_methylation(rna, seed=1).X, nan=0.5)
    for values in (mark, levels):
        assert between_labels(values, labels) > 1.5
        assert between_labels(values, shuffled) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("simulate", [simulate_mark, simulate_methylation])
def test_the_seed_determines_the_simulation(rna: anndata.AnnData, simulate: Simulate) -> None:
    def values(seed: int) -> np.ndarray:
        X = simulate(rna, n_features=200, seed=seed).X
        return X.toarray() if scipy.sparse.issparse(X) else X

    np.testing.assert_array_equal(values(3), values(3))
    assert not np.array_equal(values(3), values(4), equal_nan=True)


def test_simulated_methylation_has_levels_with_missing_values(rna: anndata.AnnData) -> None:
    methylation = simulate_methylation(rna, coverage=0.2, seed=1)
    levels = methylation.X
    assert list(methylation.obs_names) == list(rna.obs_names)
    assert methylation.obs.equals(rna.obs)
    assert methylation.uns["simulated"] is True
    assert methylation.var_names[-1] == "simulated_bin_999"
    assert levels.shape == (150, 1000)
    assert levels.dtype == np.float32
    assert np.mean(~np.isnan(levels)) == pytest.approx(0.2, abs=0.01)
    assert np.nanmin(levels) == 0.0
    assert np.nanmax(levels) == 1.0
    assert np.mean((levels > 0) & (levels < 1)) > 0.04  # many bins have several reads


def test_simulation_does_not_change_its_input(rna: anndata.AnnData) -> None:
    before = rna.X.toarray()
    simulate_mark(rna, n_features=50, seed=0).obs["cell_type"] = "none"
    np.testing.assert_array_equal(rna.X.toarray(), before)
    assert "none" not in set(rna.obs["cell_type"])


def test_dense_and_sparse_counts_give_the_same_simulation(rna: anndata.AnnData) -> None:
    dense = anndata.AnnData(rna.X.toarray(), obs=rna.obs)
    assert (simulate_mark(dense, n_features=99, seed=5).X != simulate_mark(rna, n_features=99, seed=5).X).nnz == 0


def test_a_cell_without_counts_also_gets_values(rna: anndata.AnnData) -> None:
    X = rna.X.toarray()
    X[7] = 0
    mark = simulate_mark(anndata.AnnData(X), n_features=1000, seed=0)
    assert mark.X[7].sum() > 0


def test_impossible_simulations_are_rejected(rna: anndata.AnnData) -> None:
    with pytest.raises(RecipeError, match="nothing can be simulated for 1 cells with 90 features; at least 2"):
        simulate_methylation(rna[:1], seed=0)
    with pytest.raises(RecipeError, match="20,000 bins cannot be simulated; the mouse genome has 13,161 of 200 kb"):
        simulate_mark(rna, n_features=20_000, seed=0)
    with pytest.raises(QueryError, match="neither X nor layers"):
        simulate_mark(anndata.AnnData(obs=rna.obs), seed=0)
