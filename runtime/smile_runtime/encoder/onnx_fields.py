"""The fields of an ONNX file, which ONNX Runtime does not show: read from the bytes, without the package onnx.

A message of protobuf is a sequence of fields, each with a number and a value: an integer, or bytes of stated length,
such as a text or another message. The numbers are those of ``onnx.proto``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smile_runtime.errors import SpaceError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10


class Message:
    """A message of protobuf whose fields all have known names.

    Parameters
    ----------
    content
        Bytes of the message.
    names
        Names of the fields that it may have, by number.

    Raises
    ------
    SpaceError
        If the bytes are no message, or it has another field.
    """

    def __init__(self, content: memoryview, names: Mapping[int, str]) -> None:
        self._values: dict[str, list[int | memoryview]] = {}
        for number, value in _fields(content):
            if number not in names:
                raise SpaceError(f"field {number} is not one that a space's graphs have")
            self._values.setdefault(names[number], []).append(value)

    def numbers(self, name: str) -> list[int]:
        """Return the integers of a field, whether or not they are packed."""
        numbers: list[int] = []
        for value in self._values.get(name, ()):
            numbers += [value] if isinstance(value, int) else _varints(value)
        return numbers

    def parts(self, name: str) -> list[memoryview]:
        """Return the bytes of each value of a field."""
        values = self._values.get(name, [])
        if any(isinstance(value, int) for value in values):
            raise SpaceError(f"{name} is a number")
        return [value for value in values if not isinstance(value, int)]

    def texts(self, name: str) -> list[str]:
        """Return the texts of a field."""
        try:
            return [str(part, "utf-8") for part in self.parts(name)]
        except UnicodeDecodeError as error:
            raise SpaceError(f"{name} is not text") from error


@dataclass(frozen=True)
class Tensor:
    """An array in a graph: its shape, type (a number of ``TensorProto.DataType``), and integers if it holds few."""

    shape: tuple[int, ...]
    type: int
    integers: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a graph: its operator, inputs, outputs, integer attributes, and subgraphs."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: dict[str, int]
    subgraphs: tuple["Graph", ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """The nodes of a graph, in order, and its arrays by name."""

    nodes: tuple[Node, ...]
    tensors: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Model:
    """An ONNX file: its operator sets as domain and version, and its graph."""

    operator_sets: tuple[tuple[str, int], ...]
    graph: Graph


_MODEL = {
    1: "ir_version",
    2: "producer_name",
    3: "producer_version",
    4: "domain",
    5: "model_version",
    6: "doc_string",
    7: "graph",
    8: "opset_import",
    14: "metadata_props",
}
_OPERATOR_SET = {1: "domain", 2: "version"}
_GRAPH = {
    1: "node",
    2: "name",
    5: "initializer",
    10: "doc_string",
    11: "input",
    12: "output",
    13: "value_info",
    16: "metadata_props",
}
_NODE = {
    1: "input",
    2: "output",
    3: "name",
    4: "op_type",
    5: "attribute",
    6: "doc_string",
    7: "domain",
    9: "metadata_props",
}
_ATTRIBUTE = {1: "name", 2: "f", 3: "i", 4: "s", 6: "g", 13: "doc_string", 20: "type"}
_TENSOR = {
    1: "dims",
    2: "data_type",
    4: "float_data",
    5: "int32_data",
    7: "int64_data",
    8: "name",
    9: "raw_data",
    12: "doc_string",
    16: "metadata_props",
}
_INT64 = 7
_MAX_INTEGERS = 8
_MAX_SUBGRAPH_DEPTH = 2


def read_model(content: bytes) -> Model:
    """Read an ONNX file; raise SpaceError if it is none, or has parts that no graph of a space has.

    Such are external data, functions, sparse arrays, and attributes that hold arrays.
    """
    model = Message(memoryview(content), _MODEL)
    sets = [Message(part, _OPERATOR_SET) for part in model.parts("opset_import")]
    graphs = model.parts("graph")
    if len(graphs) != 1:
        raise SpaceError(f"it has {len(graphs)} graphs, not one")
    return Model(
        tuple(("".join(each.texts("domain")), max(each.numbers("version"), default=0)) for each in sets),
        _graph(graphs[0], depth=0),
    )


def _graph(content: memoryview, depth: int) -> Graph:
    if depth > _MAX_SUBGRAPH_DEPTH:
        raise SpaceError("graphs are nested too deeply")
    graph = Message(content, _GRAPH)
    tensors = dict(_tensor(part) for part in graph.parts("initializer"))
    return Graph(tuple(_node(part, depth) for part in graph.parts("node")), tensors)


def _node(content: memoryview, depth: int) -> Node:
    node = Message(content, _NODE)
    attributes = [Message(part, _ATTRIBUTE) for part in node.parts("attribute")]
    return Node(
        ".".join((*filter(None, node.texts("domain")), *node.texts("op_type"))),
        tuple(node.texts("input")),
        tuple(node.texts("output")),
        {name: each.numbers("i")[-1] for each in attributes for name in each.texts("name") if each.numbers("i")},
        tuple(_graph(part, depth + 1) for each in attributes for part in each.parts("g")),
    )


def _tensor(content: memoryview) -> tuple[str, Tensor]:
    tensor = Message(content, _TENSOR)
    shape, kinds = tuple(tensor.numbers("dims")), tensor.numbers("data_type")
    raw = b"".join(tensor.parts("raw_data")) if kinds == [_INT64] else b""
    integers = [int.from_bytes(raw[at : at + 8], "little", signed=True) for at in range(0, len(raw), 8)]
    integers += [_signed(number) for number in tensor.numbers("int64_data")]
    return "".join(tensor.texts("name")), Tensor(shape, kinds[-1] if kinds else 0, tuple(integers))


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire_type = key >> 3, key & 7
        size = _FIXED_SIZES.get(wire_type, -1)
        if wire_type in (_VARINT, _BYTES):
            size, at = _varint(content, at)  # or the integer itself
        if wire_type == _VARINT:
            yield number, size
            continue
        if not 0 <= size <= len(content) - at:
            raise SpaceError("it is truncated")
        yield number, content[at : at + size]
        at += size


def _varints(content: memoryview) -> list[int]:
    numbers, at = [], 0
    while at < len(content):
        number, at = _varint(content, at)
        numbers.append(number)
    return numbers


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """Return the integer that starts at a position, seven bits in each byte, and the position behind it."""
    number = 0
    for shift, byte in enumerate(content[at : at + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number, at + shift + 1
    raise SpaceError("it is truncated")


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
