"""The exported graph: raw values in, the embedding that training made out."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.export.graph import EncoderGraph
from smile_training.export.onnx_export import export_onnx, torch_embedding
from smile_training.loop.train import Run, train_encoders
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.records import Recipe

METADATA = {"space": "tiny", "modality": "rna", "licence": "MIT", "made_with": "smile-zoo"}
N_FEATURES = 60  # of 90: the size factor counts those that the graph does not see too

MakeRecipe = Callable[..., Recipe]


@dataclass
class Raw:
    """Raw values of the encoder's features, and the size factor over all features, of the cells it was trained on."""

    X: np.ndarray
    size_factor: np.ndarray


@dataclass
class Exported:
    """An encoder, its module, and its file in a folder of its own."""

    encoder: TrainedEncoder
    graph: EncoderGraph
    path: Path
    raw: Raw

    def run(self, X: np.ndarray, size_factor: np.ndarray) -> list[np.ndarray]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        return session.run(None, {"X": X, "size_factor": size_factor})

    @property
    def model(self) -> onnx.ModelProto:
        return onnx.load(self.path, load_external_data=False)


def raw_values(adata: anndata.AnnData, encoder: TrainedEncoder) -> Raw:
    counts = adata.to_df()
    total = counts.to_numpy().sum(axis=1, keepdims=True)
    return Raw(counts[list(encoder.features)].to_numpy(np.float32), (1e4 / total).astype(np.float32))


def train(cells: Cells, recipe: Recipe) -> TrainedEncoder:
    return train_encoders(Dataset({"rna": cells}), recipe, Run(torch.device("cpu"), seed=0))["rna"]


@pytest.fixture(scope="module", params=["no stem", "stem"])
def exported(
    request: pytest.FixtureRequest,
    cells: Cells,
    make_recipe: MakeRecipe,
    simulated: Callable[..., anndata.AnnData],
    tmp_path_factory: pytest.TempPathFactory,
) -> Exported:
    fields = {"data": {"n_top_features": N_FEATURES}, "network": {"hidden": [32, 24]}}
    if request.param == "stem":
        fields |= {"stem": {"n_components": 8}, "preprocessing": {"scaling": "sqrt_sd"}}
    encoder = train(cells, make_recipe(**fields))
    path = tmp_path_factory.mktemp("exported") / "rna.onnx"
    return Exported(encoder, export_onnx(encoder, path, METADATA), path, raw_values(simulated(), encoder))


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("scaling", ["sd", "sqrt_sd", "none"])
@pytest.mark.parametrize("hidden", [[32], [32, 24], []])
def test_graph_gives_the_trained_embedding_from_raw_values(
    cells: Cells,
    make_recipe: MakeRecipe,
    simulated: Callable[..., anndata.AnnData],
    stem: bool,
    scaling: str,
    hidden: list[int],
) -> None:
    fields = {"preprocessing": {"scaling": scaling}, "network": {"hidden": hidden}}
    if stem:
        fields["stem"] = {"n_components": 8}
    encoder = train(cells, make_recipe(**fields))  # all features, one of them zero in every cell
    raw = raw_values(simulated(), encoder)
    embedding = torch_embedding(EncoderGraph(encoder).eval(), raw.X, raw.size_factor)
    np.testing.assert_allclose(embedding, encoder.embed(cells), atol=1e-5)


def test_graph_without_logarithm_and_scale(
    cells: Cells, make_recipe: MakeRecipe, simulated: Callable[..., anndata.AnnData]
) -> None:
    counts = simulated()
    linear = replace(cells, size_factor=np.ones((len(cells), 1), np.float32))
    encoder = train(linear, make_recipe(preprocessing={"log1p": False}))
    raw = raw_values(counts, encoder)
    embedding = torch_embedding(EncoderGraph(encoder).eval(), raw.X, np.ones_like(raw.size_factor))
    np.testing.assert_allclose(embedding, encoder.embed(linear), atol=1e-5)


def test_pseudo_types_of_the_graph_are_those_of_the_network(exported: Exported, cells: Cells) -> None:
    encoder = exported.encoder
    known = encoder.align_features(cells)
    logged = encoder.preprocessing.transform(known.raw, known.size_factor)
    x = torch.from_numpy(encoder.preprocessing.centered(logged.toarray()))
    with torch.inference_mode():
        expected = encoder.network.pseudo_types(encoder.network.encoder(encoder.network.components(x))).numpy()
    _, pseudo_type = exported.run(exported.raw.X, exported.raw.size_factor)
    np.testing.assert_allclose(pseudo_type, expected, atol=1e-5)
    np.testing.assert_allclose(pseudo_type.sum(axis=1), 1, atol=1e-6)


def test_onnx_runtime_gives_the_trained_embedding(exported: Exported, cells: Cells) -> None:
    embedding, _ = exported.run(exported.raw.X, exported.raw.size_factor)
    np.testing.assert_allclose(embedding, exported.encoder.embed(cells), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-6)


def test_what_was_not_measured_is_made_up_for(exported: Exported) -> None:
    """Centered at 0, the reference mean; the measured features grow by the weight that is missing."""
    encoder, (X, size_factor) = exported.encoder, (exported.raw.X.copy(), exported.raw.size_factor)
    measured = np.random.default_rng(0).random(X.shape) > 0.3
    X[~measured] = np.nan
    preprocessing, stem = encoder.preprocessing, encoder.network.stem
    if stem is None:
        weight = np.full(N_FEATURES, 1 / N_FEATURES)
    else:  # of the components, each of unit length: what a feature adds to their squares
        weight = ((stem.double() / stem.double().norm(dim=0)) ** 2).mean(dim=1).numpy()
    x = (np.log1p(exported.raw.X * size_factor) - preprocessing.mean) * preprocessing.scale
    x = np.where(measured, x, 0) / (measured @ weight)[:, None]
    with torch.inference_mode():
        encoded = encoder.network.encoder(encoder.network.components(torch.from_numpy(x.astype(np.float32))))
        expected_type = encoder.network.pseudo_types(encoded).numpy()

    embedding, pseudo_type = exported.run(X, size_factor)
    np.testing.assert_allclose(embedding, torch.nn.functional.normalize(encoded).numpy(), atol=1e-5)
    np.testing.assert_allclose(pseudo_type, expected_type, atol=1e-5)
    assert weight.sum() == pytest.approx(1)
    np.testing.assert_allclose(encoder.network.feature_weight.numpy(), weight, atol=1e-7)


def test_a_cell_half_measured_is_nearer_to_itself_than_one_half_zero(exported: Exported) -> None:
    measured = np.random.default_rng(0).random(exported.raw.X.shape) > 0.5
    whole, _ = exported.run(exported.raw.X, exported.raw.size_factor)
    half, _ = exported.run(np.where(measured, exported.raw.X, np.nan).astype(np.float32), exported.raw.size_factor)
    zero, _ = exported.run(np.where(measured, exported.raw.X, 0).astype(np.float32), exported.raw.size_factor)
    assert np.mean((half * whole).sum(axis=1)) > np.mean((zero * whole).sum(axis=1)) + 0.05


def test_a_cell_of_which_nothing_was_measured_and_an_empty_one_have_an_embedding(exported: Exported) -> None:
    mean = np.expm1(exported.encoder.preprocessing.mean)
    rows = np.stack([np.full(N_FEATURES, np.nan), np.zeros(N_FEATURES), mean]).astype(np.float32)
    embedding, pseudo_type = exported.run(rows, np.ones((3, 1), np.float32))
    np.testing.assert_allclose(embedding[0], embedding[2], atol=1e-5)  # nothing known: the mean cell
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(pseudo_type.sum(axis=1), 1, atol=1e-6)


def test_a_cell_does_not_depend_on_those_beside_it(exported: Exported) -> None:
    X, size_factor = np.tile(exported.raw.X, (3, 1))[:512], np.tile(exported.raw.size_factor, (3, 1))[:512]
    whole = exported.run(X, size_factor)
    assert whole[0].shape == (512, 16)
    assert whole[1].shape == (512, 5)
    for n in (1, 7):
        parts = [exported.run(X[start : start + n], size_factor[start : start + n]) for start in range(0, 21, n)]
        for output in (0, 1):
            together = np.concatenate([part[output] for part in parts])
            np.testing.assert_allclose(together, whole[output][:21], atol=1e-6)


def test_the_file_is_self_contained(exported: Exported) -> None:
    assert [file.name for file in exported.path.parent.iterdir()] == ["rna.onnx"]
    tensors = exported.model.graph.initializer
    assert len(tensors) > 4
    assert all(tensor.data_location != onnx.TensorProto.EXTERNAL and not tensor.external_data for tensor in tensors)
    weights = sum(int(np.prod(tensor.dims)) for tensor in tensors if tensor.data_type == onnx.TensorProto.FLOAT)
    assert exported.path.stat().st_size > 4 * weights


def test_opset_and_format_are_those_that_a_runtime_of_2024_reads(exported: Exported) -> None:
    opsets = {each.domain: each.version for each in exported.model.opset_import}
    assert opsets[""] >= 20
    assert set(opsets) == {""}
    assert exported.model.ir_version <= 10  # what ONNX Runtime 1.20 reads
    assert not exported.model.functions


def test_inputs_and_outputs(exported: Exported) -> None:
    def described(values: list[onnx.ValueInfoProto]) -> dict[str, list[int | None]]:
        assert all(value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for value in values)
        return {
            value.name: [
                each.dim_value if each.HasField("dim_value") else None for each in value.type.tensor_type.shape.dim
            ]
            for value in values
        }

    graph = exported.model.graph
    assert described(graph.input) == {"X": [None, N_FEATURES], "size_factor": [None, 1]}
    assert described(graph.output) == {"embedding": [None, 16], "pseudo_type": [None, 5]}
    names = {value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)}
    assert len(names) == 1


def test_fixed_linear_maps_are_folded(exported: Exported) -> None:
    """No batch norm is left, and no weights but those of stem, layers and the head of pseudo-types."""
    operators = [node.op_type for node in exported.model.graph.node]
    weights = [
        tuple(tensor.dims)
        for tensor in exported.model.graph.initializer
        if len(tensor.dims) == 2 and min(tensor.dims) > 1
    ]
    first = 8 if exported.encoder.network.stem is not None else N_FEATURES
    expected = {(32, first), (24, 32), (16, 24), (5, 16)} | ({(8, N_FEATURES)} if first == 8 else set())
    assert {tuple(sorted(shape)) for shape in weights} == {tuple(sorted(shape)) for shape in expected}
    assert len(weights) == len(expected)
    assert "BatchNormalization" not in operators
    assert operators.count("Relu") == 3


def test_metadata_says_what_it_is_and_nothing_else(exported: Exported) -> None:
    model = exported.model
    assert {each.key: each.value for each in model.metadata_props} == METADATA
    assert not model.doc_string
    assert not model.graph.doc_string
    assert not model.graph.metadata_props
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.input):
        assert not part.metadata_props
        assert not part.doc_string


def test_the_file_does_not_name_this_machine(exported: Exported) -> None:
    paths = [b"/home", b"/root", b"/usr", b"site-packages", tempfile.gettempdir().encode(), bytes(Path.cwd())]
    content = exported.path.read_bytes()
    assert [path for path in paths if path in content] == []
    model = exported.model
    for tensor in model.graph.initializer:
        tensor.raw_data = b""  # in which ".py" could stand by chance
    assert b".py" not in model.SerializeToString()


def test_the_same_encoder_gives_the_same_file(exported: Exported, tmp_path: Path) -> None:
    export_onnx(exported.encoder, tmp_path / "again.onnx", METADATA)
    assert (tmp_path / "again.onnx").read_bytes() == exported.path.read_bytes()


def test_making_the_graph_leaves_the_encoder_as_it_was(cells: Cells, make_recipe: MakeRecipe) -> None:
    fields = {"data": {"n_top_features": N_FEATURES}}
    encoder = train(cells, make_recipe(**fields))
    before = {name: tensor.clone() for name, tensor in encoder.network.state_dict().items()}
    embedding = encoder.embed(cells)
    EncoderGraph(encoder)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.network.state_dict().items())
    np.testing.assert_array_equal(encoder.embed(cells), embedding)
