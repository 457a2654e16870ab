"""Export of a trained encoder as self-contained ONNX graphs: the whole encoder, and its trunk for sparse rows."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from smile_runtime.errors import TrainingError
from smile_training.export.graph import EncoderGraph, IntegerGraph
from smile_training.model import TrainedEncoder

OPSET = 20
EXAMPLE_ROWS = 4


def export_onnx(encoder: TrainedEncoder, path: Path, metadata: dict[str, str]) -> EncoderGraph:
    """Write an encoder as an ONNX graph.

    Inputs ``X`` (n, n_features) and ``size_factor`` (n, 1); outputs ``embedding`` (n, n_latent) and ``pseudo_type``
    (n, K); all float32, n dynamic. The file has no external data and nothing that identifies this machine.

    Parameters
    ----------
    encoder
        Trained encoder.
    path
        File to write.
    metadata
        Metadata of the model (``metadata_props``).

    Returns
    -------
        The exported module, to compute the parity embedding.
    """
    graph = EncoderGraph(encoder).eval()
    _export(graph, {"X": len(encoder.features), "size_factor": 1}, path, metadata)
    return graph


def export_integer_graph(encoder: TrainedEncoder, path: Path, metadata: dict[str, str]) -> None:
    """Write an encoder like `export_onnx`, in the form that `quantization` rounds to integers."""
    _export(IntegerGraph(encoder).eval(), {"X": len(encoder.features), "size_factor": 1}, path, metadata)


def export_trunk(graph: EncoderGraph, path: Path, metadata: dict[str, str]) -> None:
    """Write everything after the first linear map as an ONNX graph, for sparse rows.

    Input ``first`` (n, width): the first linear map's output divided by the measured weight; outputs as `export_onnx`.
    """
    _export(graph.trunk, {"first": graph.first.out_features}, path, metadata)


def _export(module: nn.Module, widths: dict[str, int], path: Path, metadata: dict[str, str]) -> None:
    """Write a module as an ONNX graph with inputs of the given names and widths."""
    rows = torch.export.Dim("n", min=1)
    with _quiet_exporter():
        program = torch.onnx.export(
            module,
            tuple(torch.ones(EXAMPLE_ROWS, width) for width in widths.values()),
            dynamo=True,
            external_data=False,
            verbose=False,
            opset_version=OPSET,
            input_names=list(widths),
            output_names=["embedding", "pseudo_type"],
            dynamic_shapes={name: {0: rows} for name in widths},
        )
    assert program is not None
    write_model(program.model_proto, path, metadata)


def write_model(model: onnx.ModelProto, path: Path, metadata: dict[str, str]) -> None:
    """Check a graph, strip everything that identifies this machine, and write it."""
    _strip(model)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence output, logs and warnings of torch's exporter about its own internals."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _strip(model: onnx.ModelProto) -> None:
    """Remove stack traces with local paths, which torch writes into every metadata field."""
    model.doc_string = ""
    del model.metadata_props[:]
    _strip_graph(model.graph)
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise TrainingError(
            "the exported graph keeps its weights in another file; export with onnx>=1.21 and torch>=2.6"
        )


def _strip_graph(graph: onnx.GraphProto) -> None:
    for part in (graph, *graph.node, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for value in (*graph.input, *graph.output):
        del value.metadata_props[:]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:  # both branches of a condition
                _strip_graph(attribute.g)


@torch.inference_mode()
def torch_embedding(
    graph: EncoderGraph, X: NDArray[np.float32], size_factor: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return torch's embedding of raw values, shape ``(n, n_latent)``, for the parity file."""
    embedding, _ = graph(torch.from_numpy(X), torch.from_numpy(size_factor))
    result: NDArray[np.float32] = embedding.numpy()
    return result
