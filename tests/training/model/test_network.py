"""The network: published layers, frozen stem, initial weights and imputation."""

import numpy as np
import pytest
import torch

from smile_training.model.network import SmileNetwork
from smile_training.recipe.records import Network


def test_the_default_network_has_the_published_layers() -> None:
    network = SmileNetwork(2000, Network())
    shapes = [tuple(module.weight.shape) for module in network.modules() if isinstance(module, torch.nn.Linear)]
    assert shapes == [(1000, 2000), (512, 1000), (128, 512), (32, 128), (25, 128)]
    kinds = [type(module).__name__ for module in network.encoder]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU"] * 3


def test_the_stem_is_not_trained() -> None:
    stem = np.linalg.qr(np.random.default_rng(0).standard_normal((30, 4)))[0].astype(np.float32)
    network = SmileNetwork(30, Network(hidden=[8]), stem)
    assert network.encoder[0].in_features == 4
    assert {name for name, _ in network.named_parameters() if "stem" in name or "feature" in name} == set()
    x = torch.randn(3, 30, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.components(x), x @ torch.from_numpy(stem))


def test_initial_weights_depend_on_the_generator_alone() -> None:
    networks = [SmileNetwork(30, Network(hidden=[8])) for _ in range(3)]
    for network, seed in zip(networks, (0, 0, 1), strict=True):
        network.initialize(torch.Generator().manual_seed(seed))
    first, again, other = (network.encoder[0].weight.detach() for network in networks)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert float(first.abs().max()) <= (6 / 38) ** 0.5  # Glorot & Bengio 2010, equation 16
    assert float(first.abs().max()) > 0.9 * (6 / 38) ** 0.5
    assert all(not module.bias.any() for module in networks[0].modules() if isinstance(module, torch.nn.Linear))


@pytest.mark.parametrize("n_stem", [0, 4])
def test_measured_features_are_divided_by_their_total_weight(n_stem: int) -> None:
    rng = np.random.default_rng(0)
    stem = np.linalg.qr(rng.standard_normal((30, n_stem)))[0].astype(np.float32) if n_stem else None
    network = SmileNetwork(30, Network(hidden=[8]), stem)
    weight = network.feature_weight.numpy()
    x = torch.from_numpy(rng.standard_normal((4, 30)).astype(np.float32))
    measured = torch.from_numpy(rng.random((4, 30)) < 0.5)
    measured[2], measured[3] = True, False

    imputed = network.impute(x, measured).numpy()
    for row in range(2):
        share = weight[measured[row].numpy()].sum()
        assert 0.2 < share < 0.8
        np.testing.assert_allclose(imputed[row], np.where(measured[row], x[row] / share, 0), rtol=1e-5)
    np.testing.assert_allclose(imputed[2], x[2], rtol=1e-5)
    np.testing.assert_array_equal(imputed[3], 0)
    assert weight.sum() == pytest.approx(1, abs=1e-6)
