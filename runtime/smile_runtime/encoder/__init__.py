"""Encoders: preprocessing, imputation, the ONNX Runtime session and the sparse first layer."""

from smile_runtime.encoder.arguments import require_positive
from smile_runtime.encoder.device import CPU, choose_device, may_use_cuda
from smile_runtime.encoder.encoder import DEFAULT_BATCH_SIZE, Encoder, SparseFiles
from smile_runtime.encoder.first_layer import write_first_layer
from smile_runtime.encoder.imputation import MIN_MEASURED_FRACTION, impute_missing
from smile_runtime.encoder.preprocessing import Preprocessing, size_factors
from smile_runtime.encoder.session import import_onnxruntime, installed_packages
from smile_runtime.encoder.sparse_runner import Removals

__all__ = [
    "CPU",
    "DEFAULT_BATCH_SIZE",
    "MIN_MEASURED_FRACTION",
    "Encoder",
    "Preprocessing",
    "Removals",
    "SparseFiles",
    "choose_device",
    "import_onnxruntime",
    "impute_missing",
    "installed_packages",
    "may_use_cuda",
    "require_positive",
    "size_factors",
    "write_first_layer",
]
