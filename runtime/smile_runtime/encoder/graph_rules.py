"""Rules for the graphs of a space, which its author may have written with ill intent.

ONNX has operators that loop, call custom code, or make a huge array of a small one, and broadcasting two vectors does
so too. A space's graphs need none of that: they consist of a few operators, every array that they compute has a row per
cell or is no larger than the arrays in the file, and they end.
"""

import math
from collections.abc import Iterator

from smile_runtime.encoder.onnx_fields import Graph, Model, Node, Tensor, read_model
from smile_runtime.errors import SpaceError

OPERATORS = frozenset(
    {
        "Add",
        "Cast",
        "Clip",
        "Concat",
        "DequantizeLinear",
        "Div",
        "Exp",
        "Expand",
        "Gemm",
        "Greater",
        "If",
        "IsNaN",
        "LeakyRelu",
        "Log",
        "MatMul",
        "Mul",
        "Neg",
        "Not",
        "Pow",
        "QuantizeLinear",
        "ReduceSum",
        "Relu",
        "Shape",
        "Softmax",
        "Sqrt",
        "Sub",
        "Where",
    }
)
"""Operators that `smile_training.export` writes."""
MAX_OPERATOR_SET = 21
"""Newest version of ONNX's operators that all supported releases of ONNX Runtime know."""
MAX_NODES = 1000

_FLOAT, _UINT8, _INT8, _INT32, _INT64 = 1, 2, 3, 6, 7
_TENSOR_TYPES = (_FLOAT, _UINT8, _INT8, _INT32, _INT64)
_MAX_RANK = 2
_LARGEST_INTEGER = 1  # of those in the file: axes, and the width of a column
_FACTORS = ("Gemm", "MatMul")


def require_safe_graph(content: bytes, origin: str) -> None:
    """Raise SpaceError unless an ONNX file follows the rules; ``origin`` names it."""
    try:
        model = read_model(content)
        _require_operator_sets(model)
        graphs = list(_graphs(model.graph))
        _require_nodes([node for graph in graphs for node in graph.nodes])
        for graph in graphs:
            for name, tensor in graph.tensors.items():
                _require_small(name, tensor, len(content))
        _require_no_outer_products(graphs)
    except SpaceError as error:
        raise SpaceError(
            f"{origin} is not a graph that this release runs: {error.message}; pull or build the space again"
        ) from error


def _graphs(graph: Graph) -> Iterator[Graph]:
    yield graph
    for node in graph.nodes:
        for subgraph in node.subgraphs:
            yield from _graphs(subgraph)


def _require_operator_sets(model: Model) -> None:
    for domain, version in model.operator_sets:
        if domain not in ("", "ai.onnx") or not 1 <= version <= MAX_OPERATOR_SET:
            raise SpaceError(
                f"it needs version {version} of the operators {domain or 'ai.onnx'!r}, this release knows those of "
                f"ai.onnx up to {MAX_OPERATOR_SET}"
            )


def _require_nodes(nodes: list[Node]) -> None:
    if len(nodes) > MAX_NODES:
        raise SpaceError(f"it has {len(nodes):,} nodes, at most {MAX_NODES:,} are allowed")
    made_by = {output: node.operator for node in nodes for output in node.outputs}
    for node in nodes:
        if node.operator not in OPERATORS:
            raise SpaceError(f"it has the operator {node.operator!r}, allowed are {' '.join(sorted(OPERATORS))}")
        if not _is_bounded(node, made_by):
            raise SpaceError(f"the operator {node.operator!r} is used in a way that no space needs")


def _is_bounded(node: Node, made_by: dict[str, str]) -> bool:
    """Return whether a node that could compute a huge array or integer is used as the exported graphs use it."""
    match node.operator:
        case "Expand":  # to a column: its shape is the number of cells, and an integer of the file
            return [made_by.get(name) for name in node.inputs[1:]] == ["Concat"]
        case "Concat":
            return len(node.inputs) == 2 and [made_by.get(name) for name in node.inputs] == ["Shape", None]
        case "Shape":
            return node.integers.get("start", 0) == 0 and node.integers.get("end") == 1
        case "Cast":
            return node.integers.get("to") == _FLOAT
        case "Gemm":
            return node.integers.get("transA", 0) == 0
    return True


def _require_small(name: str, tensor: Tensor, n_bytes: int) -> None:
    integers = tensor.integers if tensor.type == _INT64 else ()
    if tensor.type not in _TENSOR_TYPES or len(tensor.shape) > _MAX_RANK or math.prod(tensor.shape) > n_bytes:
        raise SpaceError(f"the array {name!r} has type {tensor.type} and shape {tensor.shape}")
    if any(abs(integer) > _LARGEST_INTEGER for integer in integers):
        raise SpaceError(f"the array {name!r} holds the integer {max(integers, key=abs)}")


def _require_no_outer_products(graphs: list[Graph]) -> None:
    """Raise unless arrays with several rows are only weights, the second factors of matrix products.

    All other arrays of the file have one row, so that no two of them broadcast to a larger one.
    """
    weights = {name for graph in graphs for name, tensor in graph.tensors.items() if _has_rows(tensor)}
    nodes = [node for graph in graphs for node in graph.nodes]
    for node in nodes:
        if node.operator == "DequantizeLinear" and node.inputs[0] in weights:
            weights.update(node.outputs)
    for node in nodes:
        is_weight = [name in weights for name in node.inputs]
        if node.operator in _FACTORS:
            is_weight[1:2] = [False]
        elif node.operator == "DequantizeLinear":
            is_weight[:1] = [False]
        if any(is_weight):
            raise SpaceError(f"the array {node.inputs[is_weight.index(True)]!r} is used by {node.operator!r}")


def _has_rows(tensor: Tensor) -> bool:
    return len(tensor.shape) == _MAX_RANK and tensor.shape[0] != 1
