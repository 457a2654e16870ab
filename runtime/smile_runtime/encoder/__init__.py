"""Encoders: preprocessing, the ONNX Runtime session and the sparse first layer."""

from smile_runtime.encoder.arguments import require_positive
from smile_runtime.encoder.encoder import DEFAULT_BATCH_SIZE, Encoder, SparseFiles
from smile_runtime.encoder.first_layer import write_first_layer
from smile_runtime.encoder.preprocessing import SMALLEST_SHARE, Preprocessing, size_factors
from smile_runtime.encoder.session import CPU, device_for, import_onnxruntime, installed_packages

__all__ = [
    "CPU",
    "DEFAULT_BATCH_SIZE",
    "SMALLEST_SHARE",
    "Encoder",
    "Preprocessing",
    "SparseFiles",
    "device_for",
    "import_onnxruntime",
    "installed_packages",
    "require_positive",
    "size_factors",
    "write_first_layer",
]
