"""Graphs of a space may only use what the exporters write, and nothing that takes endless time or memory."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from smile_runtime import SpaceError
from smile_runtime.encoder.device import open_session
from smile_runtime.encoder.graph_rules import OPERATORS, require_safe_graph

onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")
from onnx import helper, numpy_helper  # noqa: E402


@pytest.fixture
def model(pbmc_path: Path) -> "onnx.ModelProto":
    return onnx.load(pbmc_path / "onnx/rna.onnx")


@pytest.mark.parametrize("name", ["rna.onnx", "rna.trunk.onnx"])
def test_packaged_graphs_follow_the_rules(pbmc_path, name):
    require_safe_graph((pbmc_path / "onnx" / name).read_bytes(), name)


def add(graph: "onnx.GraphProto", name: str, array: np.ndarray) -> None:
    graph.initializer.append(numpy_helper.from_array(array, name))


def add_node(graph: "onnx.GraphProto", operator: str, *inputs: str, **attributes: object) -> None:
    graph.node.append(helper.make_node(operator, inputs, ["bomb"], **attributes))


def loop(model: "onnx.ModelProto") -> None:
    values = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("i", 7), ("go", 9), ("on", 9))]
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["on"])], "body", values[:2], values[2:])
    add(model.graph, "steps", np.array(10**12))
    add(model.graph, "yes", np.array(True))
    model.graph.node.append(helper.make_node("Loop", ["steps", "yes"], [], body=body))


def expand(model: "onnx.ModelProto") -> None:
    add(model.graph, "size", np.array([10**6, 10**6]))
    add_node(model.graph, "Expand", "X", "size")


def expand_by_rows(model: "onnx.ModelProto") -> None:
    """Make an array of as many rows and columns as there are cells, and so on."""
    model.graph.node.append(helper.make_node("Shape", ["X"], ["n"], start=0, end=1))
    model.graph.node.append(helper.make_node("Concat", ["n", "n"], ["nn"], axis=0))
    add_node(model.graph, "Expand", "X", "nn")


def outer_product(model: "onnx.ModelProto") -> None:
    add(model.graph, "column", np.zeros((10**4, 1), np.float32))
    add(model.graph, "row", np.zeros((1, 10**4), np.float32))
    add_node(model.graph, "Mul", "column", "row")


def outer_gemm(model: "onnx.ModelProto") -> None:
    add(model.graph, "row", np.zeros((1, 10**4), np.float32))
    add_node(model.graph, "Gemm", "row", "row", transA=1)


def huge_shape(model: "onnx.ModelProto") -> None:
    model.graph.initializer[0].dims[:] = [10**12]


def external(model: "onnx.ModelProto") -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def hidden(model: "onnx.ModelProto") -> None:
    """Hide an operator in a branch of a condition."""
    inner = helper.make_graph([helper.make_node("RandomNormalLike", ["X"], ["r"])], "b", [], [])
    model.graph.node.append(helper.make_node("If", ["X"], ["bomb"], then_branch=inner, else_branch=inner))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (loop, "operator 'Loop'|array 'yes'|array 'steps'"),
        (expand, "'size' holds the integer 1000000|'Expand' is used in a way"),
        (expand_by_rows, "'Concat' is used in a way"),
        (outer_product, "the array 'column' is used by 'Mul'"),
        (outer_gemm, "'Gemm' is used in a way"),
        (huge_shape, "has type 1 and shape"),
        (external, "field 13"),
        (hidden, "operator 'RandomNormalLike'"),
        (lambda model: setattr(model.opset_import[0], "version", 99), "needs version 99 of the operators 'ai.onnx'"),
        (lambda model: setattr(model.opset_import[0], "domain", "evil"), "operators 'evil'"),
        (lambda model: setattr(model.graph.node[0], "domain", "evil"), r"operator 'evil\."),
        (lambda model: model.functions.add(name="f"), "field 25"),
        (lambda model: model.graph.node.extend([model.graph.node[0]] * 1000), "nodes, at most 1,000"),
    ],
)
def test_other_graphs_are_refused_before_onnx_runtime_sees_them(
    model: "onnx.ModelProto", tmp_path: Path, change: Callable[..., object], message: str
) -> None:
    change(model)
    (tmp_path / "rna.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SpaceError, match=message) as caught:
        open_session(tmp_path / "rna.onnx", "cpu")
    assert str(caught.value).startswith(f"{tmp_path / 'rna.onnx'} is not a graph that this release runs: ")
    assert "\n" not in str(caught.value)


def test_operators_that_make_or_repeat_arrays_are_not_allowed():
    assert OPERATORS.isdisjoint(
        {"Loop", "Scan", "ConstantOfShape", "Range", "Tile", "Resize", "Pad", "RandomNormal", "OneHot", "Constant"}
    )


@pytest.mark.parametrize("seed", range(200))
def test_damaged_bytes_give_no_other_error(pbmc_path, seed):
    rng = np.random.default_rng(seed)
    content = bytearray((pbmc_path / "onnx/rna.trunk.onnx").read_bytes())
    for position in rng.integers(0, len(content) if seed % 2 else 3000, 20):
        content[position] = rng.integers(256)
    with suppress(SpaceError):
        require_safe_graph(bytes(content[: rng.integers(len(content)) if seed % 3 == 0 else None]), "rna.onnx")
