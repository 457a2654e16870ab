"""The steps in the graph are those of the runtime, for every kind of values, and they survive the export."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
import scipy
import torch

from smile_runtime import IntegrityError
from smile_runtime.encoder.encoder import Encoder, SparseFiles
from smile_runtime.encoder.first_layer import CompiledProduct, ScipyProduct, write_first_layer
from smile_runtime.encoder.numba_kernel import compiled_kernel
from smile_runtime.encoder.preprocessing import Preprocessing
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.manifest import EncoderRecord
from smile_runtime.space.parity import write_parity
from smile_training.export import sparse_writer
from smile_training.export.graph import EncoderGraph, IntegerGraph, PreprocessingGraph
from smile_training.export.onnx_export import export_integer_graph, export_onnx, torch_embedding
from smile_training.export.sparse_writer import write_sparse
from smile_training.model.network import SmileNetwork
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.records import Network

N, D = 30, 24

KINDS = {
    "expression": {"target_sum": 1e4, "log1p": True, "scaling": "sqrt_sd"},
    "antibodies": {"target_sum": None, "log1p": True, "scaling": "sd", "clr": True},
    "peaks": {"target_sum": None, "log1p": False, "scaling": "sd", "binarize": True, "idf": np.linspace(0.5, 4, D)},
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


def random_encoder(kind: str, *, stem: bool) -> TrainedEncoder:
    """An encoder that was never trained, whose batch norms do something."""
    sizes = Network(hidden=[16], n_latent=8, negative_slope=0.25)
    directions = np.random.default_rng(1).standard_normal((D, 5)).astype(np.float32) if stem else None
    network = SmileNetwork(D, sizes, directions)
    network.initialize(torch.Generator().manual_seed(0))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return TrainedEncoder(tuple(f"f{each}" for each in range(D)), fitted(kind), network.eval())


@pytest.mark.parametrize(("kind", "stem"), [*((kind, True) for kind in KINDS), ("peaks", False)])
def test_an_exported_encoder_embeds_as_the_trained_one(kind: str, stem: bool, tmp_path: Path) -> None:
    """By hand from its parts: transformed, centered, missing ones made up for, stem, network."""
    encoder = random_encoder(kind, stem=stem)
    network = encoder.network
    graph = export_onnx(encoder, tmp_path / "encoder.onnx", {})
    X, size_factor = rows(missing=True)

    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    embedding, pseudo_type = session.run(None, {"X": X, "size_factor": size_factor})
    with torch.inference_mode():
        x = torch.from_numpy(fitted(kind).centered(fitted(kind).transform(X, size_factor)))
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
    network.initialize(torch.Generator().manual_seed(0))
    encoder = TrainedEncoder(tuple(f"f{each}" for each in range(D)), fitted(kind), network.eval())
    X, size_factor = rows(missing=missing)
    expected = torch_embedding(EncoderGraph(encoder).eval(), X, size_factor)
    ours = torch_embedding(IntegerGraph(encoder).eval(), X, size_factor)
    np.testing.assert_allclose(ours, expected, atol=2e-5)

    export_integer_graph(encoder, tmp_path / "encoder.onnx", {})
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"X": X, "size_factor": size_factor})[0], ours, atol=1e-5)


def runtime_encoder(encoder: TrainedEncoder, folder: Path) -> Encoder:
    """Export an encoder, and its files for sparse rows, and take them up in the runtime."""
    preprocessing, network = encoder.preprocessing, encoder.network
    (folder / "onnx").mkdir()
    graph = export_onnx(encoder, folder / "rna.onnx", {})
    record = EncoderRecord(
        graph="rna.onnx",
        features="",
        parity="parity.safetensors",
        n_features=D,
        n_latent=8,
        n_pseudo_types=25,
        preprocessing=preprocessing.to_record("numbers"),
        min_matched=0.0,
        parity_difference=0.0,
        label_modalities=[],
        calibrations={},
    )
    weight = network.feature_weight.double().numpy()
    features = FeatureTable(
        encoder.features,
        mean=preprocessing.mean,
        std=preprocessing.std,
        weight=weight,
        idf=preprocessing.idf,
        band=preprocessing.band,
    )
    exported = Encoder(modality="rna", record=record, features=features, graph=folder / "rna.onnx", device="cpu")
    X, size_factor = rows(missing=True)
    write_parity(folder / record.parity, X, size_factor, torch_embedding(graph, X, size_factor))
    sparse = write_sparse(folder, exported, graph, {})
    assert sparse.width == graph.first_weight.shape[1]
    record = msgspec.structs.replace(record, sparse=sparse)
    sparse_files = SparseFiles(folder / sparse.first, folder / sparse.trunk)
    return dataclasses.replace(exported, record=record, sparse=sparse_files)


@pytest.mark.parametrize(("kind", "stem"), [*((kind, True) for kind in KINDS), ("expression", False)])
def test_sparse_rows_go_through_it_as_dense_ones_do(kind: str, stem: bool, tmp_path: Path) -> None:
    """By scipy and by numba, with all features measured and with some, an empty cell among the rows."""
    encoder = runtime_encoder(random_encoder(kind, stem=stem), tmp_path)
    path, kernel = encoder.sparse_runner, compiled_kernel()
    assert path is not None
    assert kernel is not None
    X, size_factor = rows(missing=False)
    for measured in (np.ones(D, bool), np.arange(D) % 3 > 0, np.arange(D) == 7):
        batch = scipy.sparse.csr_matrix(np.where(measured, X, 0)), size_factor
        for output in ("embedding", "pseudo_type"):
            dense = encoder.dense_runner.run(output, batch, measured)
            assert np.ptp(dense, axis=0).max() > 1e-3
            for product in (ScipyProduct(path.layer._weight), CompiledProduct(path.layer._lines, kernel)):
                path.layer.product = product
                sparse = path.run(output, batch, measured)
                np.testing.assert_allclose(sparse, dense, atol=1e-5)


def test_a_first_layer_that_gives_another_embedding_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_writer, "write_first_layer", lambda path, weight: write_first_layer(path, weight * 1.01))
    message = "rna encoder of sparse rows computes embeddings that differ from torch's by"
    with pytest.raises(IntegrityError, match=message):
        runtime_encoder(random_encoder("expression", stem=True), tmp_path)
