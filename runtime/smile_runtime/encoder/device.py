"""Choose the device that an encoder runs on, CPU or CUDA, and open its session there."""

import contextlib
import io
import logging
from types import ModuleType
from typing import TYPE_CHECKING

from smile_runtime.encoder.session import create_session, import_onnxruntime, installed_packages
from smile_runtime.errors import DeviceError, PrecisionError
from smile_runtime.io import Readable
from smile_runtime.manifest import DEVICES, PRECISIONS, Device, Precision

if TYPE_CHECKING:
    from smile_runtime.encoder.session import InferenceSession

logger = logging.getLogger(__name__)

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_SEVERITY_ERROR = 3  # ONNX Runtime's log levels
_SEVERITY_FATAL = 4


def require_device(device: str) -> None:
    """Raise a DeviceError unless the name is in ``DEVICES``."""
    if device not in DEVICES:
        raise DeviceError(f"unknown device {device!r}; choose one of: {', '.join(DEVICES)}")


def choose_device(device: Device, precision: Precision) -> Device:
    """Return the device for a precision: the requested one for float32, and always the CPU for int8.

    ONNX Runtime has CUDA kernels for only a few int8 operators, and would copy data back and forth between these and
    the CPU.

    Raises
    ------
    DeviceError
        If the device is unknown, or CUDA is requested for int8.
    PrecisionError
        If the precision is unknown.
    """
    require_device(device)
    if precision not in PRECISIONS:
        raise PrecisionError(f"unknown precision {precision!r}; choose one of: {', '.join(PRECISIONS)}")
    if precision == "float32":
        return device
    if device == "cuda":
        raise DeviceError(
            "int8 graphs run only on the CPU, but CUDA was requested; choose the CPU, or float32 on the GPU",
            options={"device": "cpu", "precision": "float32"},
        )
    if device == "auto" and "onnxruntime-gpu" in installed_packages():
        logger.warning("int8 graphs run on the CPU; precision 'float32' uses the GPU, device 'cpu' silences this")
    return "cpu"


def may_use_cuda(device: Device) -> bool:
    """Return whether a session might use CUDA; check the open session with `uses_cuda` to be sure."""
    return device != "cpu" and (device == "cuda" or CUDA in import_onnxruntime().get_available_providers())


def uses_cuda(session: "InferenceSession") -> bool:
    """Return whether an open session uses CUDA."""
    return bool(session.get_providers()[0] == CUDA)


def open_session(graph: Readable, device: Device = "auto") -> "InferenceSession":
    """Open a session of a graph on a device.

    Parameters
    ----------
    graph
        ONNX file without external data.
    device
        ``auto`` for CUDA if it works and the CPU otherwise, ``cuda`` for CUDA only, or ``cpu``.

    Raises
    ------
    DeviceError
        If the device is unknown, or ``cuda`` is requested and does not work here.
    DependencyError
        If ONNX Runtime is missing or broken.
    SpaceError
        If ONNX Runtime cannot run the file.
    """
    require_device(device)
    ort = import_onnxruntime()
    built_for_cuda = CUDA in ort.get_available_providers()
    if device == "cuda" and not built_for_cuda:
        raise DeviceError(
            "CUDA does not work: this ONNX Runtime is built without it; install the GPU build: "
            "pip uninstall -y onnxruntime && pip install 'smile-zoo[gpu]', or choose the CPU",
            options={"device": "cpu"},
        )
    if device == "cpu" or not built_for_cuda:
        return create_session(ort, graph, [CPU])
    return _open_cuda(ort, graph, required=device == "cuda")


def _open_cuda(ort: ModuleType, graph: Readable, *, required: bool) -> "InferenceSession":
    """Try CUDA and check the result, because ONNX Runtime falls back to the CPU silently."""
    ort.set_default_logger_severity(_SEVERITY_FATAL)  # a failed attempt would print a page on stderr
    try:
        if hasattr(ort, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):
                ort.preload_dlls(directory="")  # finds the CUDA libraries that pip installed
        session = create_session(ort, graph, [CUDA, CPU])
    finally:
        ort.set_default_logger_severity(_SEVERITY_ERROR)
    if uses_cuda(session):
        return session
    if required:
        raise DeviceError(
            "CUDA does not work: ONNX Runtime could not start it here, because either there is no NVIDIA GPU or driver "
            "(nvidia-smi lists them), or the CUDA libraries are missing (pip install 'smile-zoo[gpu]' installs them); "
            "fix this or choose the CPU",
            options={"device": "cpu"},
        )
    logger.warning(
        "CUDA does not work here, running on the CPU; `smile-zoo doctor` shows why, device 'cpu' silences this"
    )
    return session
