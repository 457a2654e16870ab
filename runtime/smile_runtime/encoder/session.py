"""ONNX Runtime: the import of its package, and sessions created and run with its errors translated."""

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder.graph_rules import require_safe_graph
from smile_runtime.errors import DependencyError, SpaceError
from smile_runtime.io import Readable

if TYPE_CHECKING:
    import onnxruntime

    InferenceSession = onnxruntime.InferenceSession

_SEVERITY_FATAL = 4
_REINSTALL = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'smile-zoo[cpu]' (or 'smile-zoo[gpu]')"


def installed_packages() -> dict[str, str]:
    """Return the versions of the installed ONNX Runtime packages, by package name."""
    from importlib import metadata  # slow to import, and not needed for `import smile_runtime`

    versions = {}
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime.

    Raises
    ------
    DependencyError
        If ONNX Runtime is not installed, both packages are, or one of the two was uninstalled.
    """
    if len(installed_packages()) > 1:
        raise DependencyError(
            f"onnxruntime and onnxruntime-gpu are both installed and overwrite one another; keep one: {_REINSTALL}"
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(
            f"ONNX Runtime cannot be imported ({error}); install it with: pip install 'smile-zoo[cpu]' "
            "(or 'smile-zoo[gpu]' on a machine with an NVIDIA GPU)"
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):  # uninstalling one package empties the folder that both share
        raise DependencyError(
            "ONNX Runtime is an empty folder, which remains if one of its two packages was uninstalled; "
            f"reinstall it: {_REINSTALL}"
        )
    if hasattr(onnxruntime, "disable_telemetry_events"):
        onnxruntime.disable_telemetry_events()
    module: ModuleType = onnxruntime
    return module


def create_session(ort: ModuleType, graph: Readable, providers: list[str]) -> "onnxruntime.InferenceSession":
    """Create a single-threaded session with providers in order of preference.

    Raises
    ------
    SpaceError
        If the graph breaks the rules for graphs of a space, or ONNX Runtime cannot run it.
    """
    content = graph.read_bytes()
    require_safe_graph(content, str(graph))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # several of our threads run the session, each on its own cells
    options.inter_op_num_threads = 1
    options.log_severity_level = _SEVERITY_FATAL  # errors are raised; its log would print them a second time
    # External data is not covered by the graph's sha256, so the graph must not load any. This option makes ONNX Runtime
    # search for it inside the graph's own file, as if that were a folder, where it is never found.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(graph))
    try:
        session: onnxruntime.InferenceSession = ort.InferenceSession(content, options, providers=providers)
    except Exception as error:
        raise SpaceError(
            f"{graph} is not a graph that ONNX Runtime {ort.__version__} can run: {_one_line(error)}"
        ) from error
    return session


def run_session(
    session: "onnxruntime.InferenceSession", graph: str, output: str, inputs: Mapping[str, NDArray[Any]]
) -> NDArray[np.float32]:
    """Return an output of a graph, one row per row of its inputs.

    Raises
    ------
    SpaceError
        If the graph, which ``graph`` names, fails or computes other rows.
    """
    n = len(next(iter(inputs.values())))
    try:
        result = session.run([output], dict(inputs))[0]
    except Exception as error:
        raise SpaceError(f"ONNX Runtime cannot run {graph}: {_one_line(error)}; pull or build it again") from error
    (width,) = (each.shape[1] for each in session.get_outputs() if each.name == output)
    if result.dtype != np.float32 or result.shape != (n, width):
        raise SpaceError(
            f"{graph} computes {output!r} of type {result.dtype} and shape {result.shape} for {n} cells; pull or "
            "build it again"
        )
    rows: NDArray[np.float32] = result
    return rows


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
