"""The int8 graph: linear layers with integer products, by ONNX Runtime's static quantization.

The scales are fixed beforehand by the range of the reference cells in each layer, so that a cell's embedding depends on
that cell alone. Weights have one scale per unit and 7 bits: with 8, a processor without VNNI could overflow the 16 bits
in which it adds two products, and compute a different embedding. Preprocessing, imputation, the pseudo-type head and
layer outputs stay float32.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from smile_runtime.arrays import dense
from smile_runtime.encoder import import_onnxruntime
from smile_training.data import Cells
from smile_training.export.onnx_export import export_integer_graph, write_model
from smile_training.model import TrainedEncoder, dense_chunk_rows

_PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}
"""Metadata key of a model that needs no simplification before quantization, which torch's exporter has done."""
_LAYERS = ("first.", "layers.")
_LINEAR = "Gemm"


class _Reader:
    """Batches of cells for ONNX Runtime's calibration."""

    def __init__(self, cells: Cells) -> None:
        self._batches = _inputs(cells)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next inputs of the graph; None at the end."""
        return next(self._batches, None)


def quantize(encoder: TrainedEncoder, cells: Cells, path: Path, metadata: dict[str, str]) -> None:
    """Write an encoder as an ONNX graph with int8 layers; inputs and outputs as in `export_onnx`.

    Parameters
    ----------
    encoder
        Trained encoder.
    cells
        Reference cells that set the scales, with the encoder's features in its order.
    path
        File to write.
    metadata
        Metadata of the model (``metadata_props``).
    """
    import_onnxruntime()
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as scratch:
        exported, rounded = Path(scratch, "float32.onnx"), Path(scratch, "int8.onnx")
        export_integer_graph(encoder, exported, _PREPARED)
        quantization.quantize_static(
            exported,
            rounded,
            _Reader(cells),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            nodes_to_quantize=_linear_layers(onnx.load(exported)),
            extra_options={"OpTypesToExcludeOutputQuantization": [_LINEAR]},
        )
        write_model(onnx.load(rounded), path, metadata)


def _inputs(cells: Cells) -> Iterator[dict[str, NDArray[np.float32]]]:
    step = dense_chunk_rows(len(cells.features))
    for start in range(0, len(cells), step):
        rows = slice(start, start + step)
        yield {"X": dense(cells.raw[rows]).astype(np.float32, copy=False), "size_factor": cells.size_factor[rows]}


def _linear_layers(model: onnx.ModelProto) -> list[str]:
    """Return the nodes of the encoder's layers, without imputation and the pseudo-type head."""
    return [
        node.name
        for node in model.graph.node
        if node.op_type == _LINEAR and any(layer in node.input[1] for layer in _LAYERS)
    ]
