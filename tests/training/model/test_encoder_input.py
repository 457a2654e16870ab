"""Encoder input: clean cells and noisy views."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy
import torch

from smile_runtime.encoder.preprocessing import Preprocessing
from smile_training.data.cells import Cells
from smile_training.model.encoder_input import EncoderInput
from smile_training.model.network import SmileNetwork
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.model.stem import fit_stem
from smile_training.recipe.records import Network, Noise, PreprocessingSettings, Stem

ROWS = np.array([17, 3, 3, 101])

MakeInput = Callable[..., EncoderInput]


@pytest.fixture(params=["no stem", "stem"])
def known(request: pytest.FixtureRequest, cells: Cells) -> tuple[np.ndarray, MakeInput]:
    """Return the expected clean input of all cells, and a function that makes an `EncoderInput`."""
    preprocessing = fit_preprocessing(cells, PreprocessingSettings(scaling="sqrt_sd"))
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    stem = fit_stem(logged, preprocessing, Stem(n_components=6), seed=0) if request.param == "stem" else None
    network = SmileNetwork(len(cells.features), Network(hidden=[8]), stem)
    clean = (logged.toarray() - preprocessing.mean) * preprocessing.scale
    return clean if stem is None else clean @ stem, lambda **noise: EncoderInput(
        logged, preprocessing, network, noise=Noise(**noise)
    )


def test_clean_input_is_centered_scaled_and_mapped_by_the_stem(known: tuple[np.ndarray, MakeInput]) -> None:
    clean, make = known
    for noise in ({}, {"masking": 0.5}):
        np.testing.assert_allclose(make(**noise).clean(ROWS).numpy(), clean[ROWS], atol=1e-5)


@pytest.mark.parametrize("gaussian", [0.0, 0.15, 2.0])
def test_gaussian_noise_is_added_to_the_encoder_input(known: tuple[np.ndarray, MakeInput], gaussian: float) -> None:
    clean, make = known
    rows, generator = np.arange(180), torch.Generator().manual_seed(0)
    first, second = (make(gaussian=gaussian).view(rows, generator).numpy() - clean for _ in range(2))
    assert first.std() == pytest.approx(gaussian, rel=0.05, abs=1e-5)
    assert (first * second).mean() == pytest.approx(0, abs=0.06 * gaussian**2 + 1e-5)  # independent noise


def test_masked_views_equal_the_clean_input_on_average(known: tuple[np.ndarray, MakeInput]) -> None:
    clean, make = known
    generator, inputs = torch.Generator().manual_seed(0), make(gaussian=0.0, masking=0.4)
    views = np.stack([inputs.view(ROWS, generator).numpy() for _ in range(600)])
    error = np.abs(views.mean(axis=0) - clean[ROWS])
    assert views.std(axis=0).mean() > 0.1
    assert error.mean() < 3 * views.std(axis=0).mean() / 600**0.5


def test_views_depend_on_the_generator_alone(known: tuple[np.ndarray, MakeInput]) -> None:
    _, make = known
    inputs = make(masking=0.3)
    first, again, other = (inputs.view(ROWS, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_wide_data_is_made_dense_in_chunks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows at once, 500 cells with 60,000 peaks, would be 30 million values."""
    n_cells, n_peaks = 500, 60_000
    wide = scipy.sparse.random(n_cells, n_peaks, density=0.001, format="csr", dtype=np.float32, random_state=0)
    seen: list[tuple[int, ...]] = []
    original = Preprocessing.centered

    def spy(self: Preprocessing, transformed: np.ndarray) -> np.ndarray:
        seen.append(transformed.shape)
        return original(self, transformed)

    monkeypatch.setattr(Preprocessing, "centered", spy)
    preprocessing = Preprocessing(
        target_sum=None, log1p=False, scaling="none", mean=np.zeros(n_peaks), std=np.ones(n_peaks)
    )
    stem = np.random.default_rng(0).standard_normal((n_peaks, 3)).astype(np.float32)
    network = SmileNetwork(n_peaks, Network(hidden=[4], n_latent=4), stem)
    inputs = EncoderInput(wide, preprocessing, network, noise=Noise())
    components = inputs.clean(np.arange(n_cells))

    assert sum(rows for rows, _ in seen) == n_cells
    assert max(rows * columns for rows, columns in seen) <= 16_000_000
    np.testing.assert_allclose(components.numpy(), wide @ stem, atol=1e-4)
