"""The int8 graph: the same function to rounding, self-contained, of fixed scales."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.export.onnx_export import export_onnx
from smile_training.export.quantization import quantize
from smile_training.loop.train import Run, train_encoders
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.records import Recipe

METADATA = {"space": "tiny", "modality": "rna"}
MakeRecipe = Callable[..., Recipe]


def run(path: Path, X: np.ndarray, size_factor: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X, "size_factor": size_factor})


@pytest.fixture(scope="module", params=["no stem", "stem"])
def encoder(request: pytest.FixtureRequest, cells: Cells, make_recipe: MakeRecipe) -> TrainedEncoder:
    fields = {"network": {"hidden": [32, 24]}, "epochs": 8}
    if request.param == "stem":
        fields |= {"stem": {"n_components": 8}, "preprocessing": {"scaling": "sqrt_sd"}}
    return train_encoders(Dataset({"rna": cells}), make_recipe(**fields), Run(torch.device("cpu"), seed=0))["rna"]


@pytest.fixture(scope="module")
def graph(encoder: TrainedEncoder, cells: Cells, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the int8 graph, its scales set by the first 60 cells."""
    path = tmp_path_factory.mktemp("int8") / "rna.int8.onnx"
    quantize(encoder, encoder.align_features(cells).subset(np.arange(60)), path, METADATA)
    return path


@pytest.fixture
def raw(encoder: TrainedEncoder, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Return raw values and size factors of the cells that set no scale."""
    others = encoder.align_features(cells).subset(np.arange(60, 180))
    return others.raw.toarray(), others.size_factor


def test_embeddings_are_near_those_of_float32(encoder: TrainedEncoder, graph: Path, raw, tmp_path: Path) -> None:
    export_onnx(encoder, tmp_path / "rna.onnx", {})
    exact, rounded = run(tmp_path / "rna.onnx", *raw), run(graph, *raw)
    cosine = (exact[0] * rounded[0]).sum(axis=1)
    assert cosine.mean() > 0.999
    assert cosine.min() > 0.99
    assert np.abs(exact[0] - rounded[0]).max() > 1e-4  # or nothing was rounded
    np.testing.assert_allclose(rounded[1], exact[1], atol=0.05)


def test_a_cell_does_not_depend_on_those_beside_it(graph: Path, raw) -> None:
    X, size_factor = raw
    X = X.copy()
    X[5, ::3] = np.nan  # so that the cells beside it go the way of incomplete ones
    together = run(graph, X, size_factor)[0]
    alone = np.concatenate([run(graph, X[[row]], size_factor[[row]])[0] for row in range(20)])
    backwards = run(graph, X[::-1].copy(), size_factor[::-1].copy())[0][::-1]
    np.testing.assert_allclose(alone, together[:20], atol=1e-6)
    np.testing.assert_allclose(backwards, together, atol=1e-6)


def test_missing_features_are_made_up_for(encoder: TrainedEncoder, graph: Path, raw, tmp_path: Path) -> None:
    X, size_factor = raw[0].copy(), raw[1]
    X[:, np.random.default_rng(0).random(X.shape[1]) < 0.3] = np.nan
    export_onnx(encoder, tmp_path / "rna.onnx", {})
    cosine = (run(tmp_path / "rna.onnx", X, size_factor)[0] * run(graph, X, size_factor)[0]).sum(axis=1)
    assert cosine.mean() > 0.995


def test_every_layer_is_of_integers_and_nothing_else(encoder: TrainedEncoder, graph: Path) -> None:
    initializers = {tensor.name: tensor for tensor in onnx.load(graph).graph.initializer}
    integers = {
        name: onnx.numpy_helper.to_array(tensor)
        for name, tensor in initializers.items()
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 2
    }
    first = 8 if encoder.network.stem is not None else None
    shapes = [(16, 24), (24, 32), *([(32, 8), (8, 90)] if first else [(32, 90)])]
    assert sorted(array.shape for array in integers.values()) == sorted(shapes)
    assert max(np.abs(array).max() for array in integers.values()) <= 64  # 7 bits
    floats = {tuple(tensor.dims) for tensor in initializers.values() if tensor.data_type == onnx.TensorProto.FLOAT}
    assert {shape for shape in floats if len(shape) == 2 and min(shape) > 1} == {(5, 16)}  # the head of pseudo types


def test_inputs_outputs_and_format_are_those_of_the_float32_graph(
    encoder: TrainedEncoder, graph: Path, tmp_path: Path
) -> None:
    export_onnx(encoder, tmp_path / "rna.onnx", METADATA)
    exact, rounded = onnx.load(tmp_path / "rna.onnx"), onnx.load(graph, load_external_data=False)
    assert [list(each.graph.input) for each in (exact, rounded)] == [list(exact.graph.input)] * 2
    assert list(rounded.graph.output) == list(exact.graph.output)
    assert rounded.opset_import == exact.opset_import
    assert rounded.ir_version == exact.ir_version
    assert {each.key: each.value for each in rounded.metadata_props} == METADATA


def test_the_file_is_alone_and_does_not_name_this_machine(graph: Path) -> None:
    assert [file.name for file in graph.parent.iterdir()] == ["rna.int8.onnx"]
    content = graph.read_bytes()
    assert [
        text for text in (b"/home", b"/tmp", b"site-packages", b"stack_trace", b"graph.py") if text in content
    ] == []


def test_the_same_encoder_and_cells_give_the_same_file(
    encoder: TrainedEncoder, cells: Cells, graph: Path, tmp_path: Path
) -> None:
    quantize(encoder, encoder.align_features(cells).subset(np.arange(60)), tmp_path / "again.onnx", METADATA)
    assert (tmp_path / "again.onnx").read_bytes() == graph.read_bytes()
