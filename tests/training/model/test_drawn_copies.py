"""Drawn copies of cells: depths, totals, missing features, ambient counts, renewal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy
import torch

from smile_training.data.cells import Cells
from smile_training.model.drawn_copies import N_COPIES, RENEWAL_PASSES, DrawnCopies
from smile_training.model.network import SmileNetwork
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.model.stem import fit_stem
from smile_training.recipe.records import Network, Noise, PreprocessingSettings, Stem

N_CELLS, N_FEATURES, N_OUTSIDE = 600, 80, 3000
COUNTS = np.random.default_rng(0).poisson(np.linspace(1, 8, N_FEATURES), (N_CELLS, N_FEATURES)).astype(np.float32)
UNIT = np.linspace(0.5, 2, N_CELLS, dtype=np.float32)[:, None]  # value of one count in each normalized cell
MEASURED = np.where(np.arange(N_FEATURES) < 60, True, np.arange(N_CELLS)[:, None] % 2 == 0)
TOTALS = (COUNTS * MEASURED).sum(axis=1, keepdims=True) + N_OUTSIDE
EVERY = np.arange(N_CELLS)

MakeCopies = Callable[..., DrawnCopies]


@pytest.fixture(params=["sparse", "dense with NaN"])
def make(request: pytest.FixtureRequest, cells: Cells) -> MakeCopies:
    """Return a function that makes copies of log-normalized cells with 3,000 counts of features that are not kept."""
    raw = np.where(MEASURED, COUNTS * UNIT, np.nan).astype(np.float32)
    values = scipy.sparse.csr_matrix(np.nan_to_num(raw)) if request.param == "sparse" else raw
    known = replace(
        cells,
        raw=values,
        size_factor=(1e4 / (TOTALS * UNIT)).astype(np.float32),
        features=tuple(f"g{each}" for each in range(N_FEATURES)),
    )
    fitted = fit_preprocessing(known, PreprocessingSettings(scaling="sqrt_sd"))
    transformed = fitted.transform(known.raw, known.size_factor)
    network = SmileNetwork(N_FEATURES, Network(hidden=[8]), fit_stem(transformed, fitted, Stem(n_components=5), seed=0))

    def make_copies(seed: int = 0, **noise: Any) -> DrawnCopies:
        return DrawnCopies(known, fitted, network, torch.zeros(N_CELLS, 5), noise=Noise(**noise), seed=[seed])

    return make_copies


def counts_of(raw: Any) -> np.ndarray:
    return np.asarray(raw.todense() if scipy.sparse.issparse(raw) else raw) / UNIT


def test_depths_are_log_uniform_and_the_total_is_thinned_with_them(make: MakeCopies) -> None:
    raw, size_factor = make(min_depth=0.01)._redrawn(EVERY, np.random.default_rng(1))
    kept = counts_of(raw)
    np.testing.assert_allclose(kept[np.isfinite(kept)], np.rint(kept[np.isfinite(kept)]), atol=1e-4)
    assert (np.nan_to_num(kept) <= COUNTS + 1e-4).all()
    depth = (1e4 / size_factor / UNIT / TOTALS)[:, 0]
    expected = np.quantile(np.exp(np.random.default_rng(2).uniform(np.log(0.01), 0, 100_000)), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(np.quantile(depth, [0.1, 0.5, 0.9]), expected, rtol=0.35)
    deep = depth > 0.1  # features that are kept lose as many counts as those outside
    share = np.nansum(kept, axis=1) / (COUNTS * MEASURED).sum(axis=1)
    np.testing.assert_allclose(share[deep].mean(), depth[deep].mean(), rtol=0.03)


def test_unmeasured_features_stay_unmeasured(make: MakeCopies) -> None:
    copies = make(min_depth=0.1, ambient=0.5)
    raw, _ = copies._redrawn(EVERY, np.random.default_rng(1))
    if not scipy.sparse.issparse(raw):
        np.testing.assert_array_equal(np.isnan(raw), ~MEASURED)
    copies.renew(0)
    assert torch.isfinite(copies.all(EVERY)).all()


def test_ambient_counts_follow_the_mean_profile(make: MakeCopies) -> None:
    raw, size_factor = make(ambient=0.4)._redrawn(EVERY, np.random.default_rng(1))
    added = np.nan_to_num(counts_of(raw)) - COUNTS * MEASURED
    assert added.min() > -1e-3
    assert added.sum() / (COUNTS * MEASURED).sum() == pytest.approx(0.2, rel=0.15)
    total = (1e4 / size_factor / UNIT).sum() / TOTALS.sum()
    assert total == pytest.approx(1.2, rel=0.05)
    assert np.corrcoef(added.sum(axis=0), (COUNTS * MEASURED).sum(axis=0))[0, 1] > 0.9


def test_a_cell_keeps_its_values_without_thinning(make: MakeCopies) -> None:
    copies = make(min_features=0.5)
    raw, size_factor = copies._redrawn(EVERY, np.random.default_rng(1))
    np.testing.assert_allclose(np.nan_to_num(counts_of(raw)), COUNTS * MEASURED, rtol=1e-5)
    np.testing.assert_allclose(size_factor, 1e4 / (TOTALS * UNIT), rtol=1e-5)


def test_sparse_and_dense_cells_are_projected_alike(make: MakeCopies) -> None:
    copies = make(min_features=0.5)
    raw, size_factor = copies._redrawn(EVERY, np.random.default_rng(1))
    measured = np.arange(N_FEATURES) % 3 > 0
    once = copies._project(raw, size_factor, measured, np.random.default_rng(0))
    dense = np.asarray(raw.todense()) if scipy.sparse.issparse(raw) else raw
    again = copies._project(dense, size_factor, measured, np.random.default_rng(0))
    np.testing.assert_allclose(once, again, atol=1e-4)


def test_one_copy_is_renewed_at_a_time(make: MakeCopies) -> None:
    copies = make(min_depth=0.1)
    copies.renew(0)
    first = copies.all(EVERY).reshape(1 + N_COPIES, N_CELLS, -1)
    copies.renew(RENEWAL_PASSES - 1)
    assert torch.equal(copies.all(EVERY), first.flatten(0, 1))
    copies.renew(RENEWAL_PASSES)
    second = copies.all(EVERY).reshape(1 + N_COPIES, N_CELLS, -1)
    assert [torch.equal(a, b) for a, b in zip(first, second, strict=True)].count(False) == 1
    assert len({tuple(copy[0].tolist()) for copy in (*first, *second)}) == 2 + N_COPIES


def test_copies_depend_on_the_seed_and_the_epoch_alone(make: MakeCopies) -> None:
    through, directly, other = make(min_depth=0.1), make(min_depth=0.1), make(seed=1, min_depth=0.1)
    for epoch in range(75):
        through.renew(epoch)
    directly.renew(74)
    other.renew(74)
    assert torch.equal(through.all(EVERY), directly.all(EVERY))
    assert not torch.equal(through.all(EVERY), other.all(EVERY))


def test_a_view_picks_the_cell_or_one_of_its_copies(make: MakeCopies) -> None:
    copies = make(min_depth=0.1)
    copies.renew(0)
    picked = copies.pick(np.full(5_000, 7), torch.Generator().manual_seed(0))
    every = copies.all(np.array([7]))
    share = (picked[:, None] == every[None]).all(dim=2).float().mean(dim=0)
    np.testing.assert_allclose(share, 1 / (1 + N_COPIES), atol=0.03)
