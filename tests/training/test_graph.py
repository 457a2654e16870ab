"""The steps in the graph are those of the runtime, for every kind of values, and they survive the export."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from smile_runtime.preprocessing import Preprocessing
from smile_training.export import export_integer_graph, export_onnx, torch_embedding
from smile_training.graph import EncoderGraph, IntegerGraph, PreprocessingGraph
from smile_training.network import SmileNetwork
from smile_training.recipe import Network
from smile_training.trained import TrainedEncoder

N, D = 30, 24

KINDS = {
    "expression": {"target_sum": 1e4, "log1p": True, "scaling": "sqrt_sd"},
    "antibodies": {"target_sum": None, "log1p": True, "scaling": "sd", "clr": True},
    "peaks": {"target_sum": None, "log1p": False, "scaling": "sd", "binarise": True, "idf": np.linspace(0.5, 4, D)},
    "contacts": {
        "target_sum": None,
        "log1p": True,
        "scaling": "sd",
        "band": np.arange(D) % 5,
        "band_mean": np.linspace(9, 1, 5),
    },
    "numbers": {"target_sum": None, "log1p": False, "scaling": "sd"},
}


def rows(*, missing: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.poisson(1.2, (N, D)).astype(np.float32)
    X[2] = 0
    if missing:
        X[rng.random((N, D)) < 0.3] = np.nan
    return X, rng.uniform(0.5, 3, (N, 1)).astype(np.float32)


def fitted(kind: str) -> Preprocessing:
    settings = KINDS[kind]
    plain = Preprocessing(**settings, mean=np.zeros(D), std=np.zeros(D))
    t = plain.transform(rows(missing=False)[0], np.ones((N, 1), np.float32)).astype(float)
    return Preprocessing(**settings, mean=t.mean(axis=0), std=t.std(axis=0))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_transforms_as_the_runtime_does(kind: str, missing: bool) -> None:
    X, size_factor = rows(missing=missing)
    ours = PreprocessingGraph(fitted(kind))(torch.from_numpy(X), torch.from_numpy(size_factor)).numpy()
    np.testing.assert_allclose(ours, fitted(kind).transform(X, size_factor), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "stem"), [*((kind, True) for kind in KINDS), ("peaks", False)])
def test_an_exported_encoder_embeds_as_the_trained_one(kind: str, stem: bool, tmp_path: Path) -> None:
    """By hand from its parts: transformed, centred, missing ones made up for, stem, network."""
    sizes = Network(hidden=[16], n_latent=8, negative_slope=0.25)
    directions = np.random.default_rng(1).standard_normal((D, 5)).astype(np.float32) if stem else None
    network = SmileNetwork(D, sizes, directions)
    network.initialise(torch.Generator().manual_seed(0))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    encoder = TrainedEncoder(tuple(f"f{each}" for each in range(D)), fitted(kind), network.eval())
    graph = export_onnx(encoder, tmp_path / "encoder.onnx", {})
    X, size_factor = rows(missing=True)

    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    embedding, pseudo_type = session.run(None, {"X": X, "size_factor": size_factor})
    with torch.inference_mode():
        x = torch.from_numpy(fitted(kind).centred(fitted(kind).transform(X, size_factor)))
        z = network.encoder(network.components(network.impute(x, ~x.isnan())))
        expected = torch.nn.functional.normalize(z).numpy()
        types = network.pseudo_types(z).numpy()
    np.testing.assert_allclose(embedding, expected, atol=1e-5)
    np.testing.assert_allclose(pseudo_type, types, atol=1e-5)
    np.testing.assert_allclose(torch_embedding(graph, X, size_factor), embedding, atol=1e-5)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("kind", "stem"), [*((kind, True) for kind in KINDS), ("expression", False)])
def test_the_form_that_is_rounded_to_integers_gives_the_same(
    kind: str, stem: bool, missing: bool, tmp_path: Path
) -> None:
    directions = np.random.default_rng(1).standard_normal((D, 5)).astype(np.float32) if stem else None
    network = SmileNetwork(D, Network(hidden=[16], n_latent=8), directions)
    network.initialise(torch.Generator().manual_seed(0))
    encoder = TrainedEncoder(tuple(f"f{each}" for each in range(D)), fitted(kind), network.eval())
    X, size_factor = rows(missing=missing)
    expected = torch_embedding(EncoderGraph(encoder).eval(), X, size_factor)
    ours = torch_embedding(IntegerGraph(encoder).eval(), X, size_factor)
    np.testing.assert_allclose(ours, expected, atol=2e-5)

    export_integer_graph(encoder, tmp_path / "encoder.onnx", {})
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"X": X, "size_factor": size_factor})[0], ours, atol=1e-5)
