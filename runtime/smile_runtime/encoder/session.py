"""ONNX Runtime enters here: which package, which device, which threads."""

import contextlib
import io
import logging
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from smile_runtime.errors import DependencyError, DeviceError, PrecisionError, SpaceError
from smile_runtime.manifest import DEVICES, PRECISIONS, Device, Precision

if TYPE_CHECKING:
    import onnxruntime

    InferenceSession = onnxruntime.InferenceSession

logger = logging.getLogger(__name__)


CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_ERRORS_ONLY, _SILENT = 3, 4
_ANEW = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'smile-zoo[cpu]' (or 'smile-zoo[gpu]')"


def installed_packages() -> dict[str, str]:
    """Return name and version of each ONNX Runtime package that is installed."""
    from importlib import metadata  # slow to import, and not needed for `import smile_runtime`

    found = {}
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime.

    Raises
    ------
    DependencyError
        If it is not installed, or two packages overwrite one another, or one of two was uninstalled.
    """
    if len(installed_packages()) > 1:
        raise DependencyError(
            f"onnxruntime and onnxruntime-gpu are both installed and overwrite one another; keep one: {_ANEW}"
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(
            f"ONNX Runtime cannot be imported ({error}); install it with: pip install 'smile-zoo[cpu]' "
            "(or 'smile-zoo[gpu]' on a machine with an NVIDIA GPU)"
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):  # the two share a folder, and the one that goes empties it
        raise DependencyError(
            "ONNX Runtime is an empty folder, which is what remains where one of its two packages was uninstalled; "
            f"install it anew: {_ANEW}"
        )
    if hasattr(onnxruntime, "disable_telemetry_events"):
        onnxruntime.disable_telemetry_events()
    module: ModuleType = onnxruntime
    return module


def require_device(device: str) -> None:
    """Refuse a device that there is not.

    Raises
    ------
    DeviceError
        If it is none of ``DEVICES``.
    """
    if device not in DEVICES:
        raise DeviceError(f"there is no device {device!r}; choose one of: {', '.join(DEVICES)}")


def device_for(device: Device, precision: Precision) -> Device:
    """Return where a graph of a precision runs: int8 always on the CPU, float32 where it is asked to.

    ONNX Runtime has no CUDA kernels for these integers: it would copy to and fro between the few nodes that it has them
    for and all others.

    Raises
    ------
    DeviceError
        If there is no such device, or CUDA is asked for and the graph cannot run there.
    PrecisionError
        If there is no such precision.
    """
    require_device(device)
    if precision not in PRECISIONS:
        raise PrecisionError(f"there is no precision {precision!r}; choose one of: {', '.join(PRECISIONS)}")
    if precision == "float32":
        return device
    if device == "cuda":
        raise DeviceError(
            "int8 graphs run on the CPU alone, CUDA was asked for; use --device cpu, or --precision float32 on the GPU"
        )
    if device == "auto" and "onnxruntime-gpu" in installed_packages():
        logger.warning("int8 graphs run on the CPU; --precision float32 takes the GPU, --device cpu says you know")
    return "cpu"


def may_run_cuda(device: Device) -> bool:
    """Say whether a session could come to run on CUDA; which it does, only an open one tells."""
    return device != "cpu" and (device == "cuda" or CUDA in import_onnxruntime().get_available_providers())


def runs_on_cuda(session: "onnxruntime.InferenceSession") -> bool:
    """Say whether a session came to run on CUDA."""
    return bool(session.get_providers()[0] == CUDA)


def open_session(graph: Path, device: Device = "auto") -> "onnxruntime.InferenceSession":
    """Open a graph on a device.

    Parameters
    ----------
    graph
        An ONNX file without external data.
    device
        ``auto`` takes CUDA where it works and the CPU elsewhere; ``cuda`` refuses the CPU.

    Raises
    ------
    DeviceError
        If ``cuda`` is asked for and does not work here, or the device is none of the three.
    DependencyError
        If ONNX Runtime is missing or broken.
    SpaceError
        If the file is no graph that this ONNX Runtime can run.
    """
    require_device(device)
    ort = import_onnxruntime()
    built_for_cuda = CUDA in ort.get_available_providers()
    if device == "cuda" and not built_for_cuda:
        raise DeviceError(
            "CUDA was asked for, but this ONNX Runtime is built without it; install the GPU build: "
            "pip uninstall -y onnxruntime && pip install 'smile-zoo[gpu]', or use --device cpu"
        )
    if device == "cpu" or not built_for_cuda:
        return _open(ort, graph, [CPU])
    return _open_cuda(ort, graph, required=device == "cuda")


def _open_cuda(ort: ModuleType, graph: Path, *, required: bool) -> "onnxruntime.InferenceSession":
    """Try CUDA and look at what came: ONNX Runtime itself falls back to the CPU without a word."""
    ort.set_default_logger_severity(_SILENT)  # the failed attempt prints a page on stderr otherwise
    try:
        if hasattr(ort, "preload_dlls"):
            with contextlib.redirect_stdout(io.StringIO()):
                ort.preload_dlls(directory="")  # finds CUDA where pip has put it
        session = _open(ort, graph, [CUDA, CPU])
    finally:
        ort.set_default_logger_severity(_ERRORS_ONLY)
    if runs_on_cuda(session):
        return session
    if required:
        raise DeviceError(
            "CUDA was asked for, but ONNX Runtime could not start it here: no NVIDIA GPU or driver (nvidia-smi lists "
            "them), or no CUDA libraries (pip install 'smile-zoo[gpu]' brings them); use --device cpu to go on without"
        )
    logger.warning(
        "CUDA does not work here, running on the CPU; `smile-zoo doctor` shows why, --device cpu says you know"
    )
    return session


def _open(ort: ModuleType, graph: Path, providers: list[str]) -> "onnxruntime.InferenceSession":
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # several threads of ours run it, each on cells of its own
    options.inter_op_num_threads = 1
    # A graph is whole in itself: data beside it has no sha256. It would be looked for in the graph's own file, as if
    # that were a folder, and not be found.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(graph))
    try:
        session: onnxruntime.InferenceSession = ort.InferenceSession(graph.read_bytes(), options, providers=providers)
    except Exception as error:
        raise SpaceError(f"{graph} is not a graph that ONNX Runtime {ort.__version__} can run: {error}") from error
    return session
