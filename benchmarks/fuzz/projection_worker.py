"""A process that projects damaged files, and tells what came of each."""

import json
import multiprocessing
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import anndata
import h5py

SPACE = Path(__file__).parents[2] / "zoo/smile_zoo/spaces/pbmc"
SECONDS = 20


class Worker:
    """A process that projects files, started again after a crash or a hang."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()
        self._connection.recv()

    def project(self, path: Path) -> tuple[str, str]:
        """Project a file; return the kind of the outcome, and the labels or what went wrong."""
        self._connection.send(path)
        phase = "start"
        while True:
            try:
                if not self._connection.poll(SECONDS):
                    return self._restarted("error" if phase == "probe" else "hang", phase)
                kind, detail = self._connection.recv()
            except (EOFError, ConnectionError):
                return self._restarted("error" if phase == "probe" else "crash", phase)
            if kind != "phase":
                return kind, detail
            phase = detail

    def _restarted(self, kind: str, phase: str) -> tuple[str, str]:
        self._process.kill()
        self._process.join()
        self._start()
        return kind, f"in the phase {phase}"


def _serve(connection: Connection) -> None:
    from smile_runtime import open_space, project_file
    from smile_runtime.errors import SmileError
    from smile_runtime.io import hdf5_probe, hdf5_report

    def report(path: Path, _status: object) -> object:
        """Probe in this process, which the caller watches: starting another for each try would take longest."""
        connection.send(("phase", "probe"))
        found = json.loads(json.dumps(hdf5_probe.probe(path)))
        connection.send(("phase", "projection"))
        return found

    hdf5_report._report = report  # type: ignore[assignment]
    space = open_space(SPACE, device="cpu")
    connection.send("ready")
    while True:
        try:
            path = connection.recv()
        except EOFError:  # the caller has ended
            return
        output = path.with_name("out.h5ad")
        try:
            project_file(path, space, output, force=True, only_embedding=path.is_dir())
            with h5py.File(output) as file:
                values = anndata.io.read_elem(file["obs/smile_label"])
            if path.is_file() and _is_readable(path) and not _is_readable(output):
                connection.send(("unreadable output", ""))
                continue
            connection.send(("labels", " ".join(map(str, values))))
        except SmileError as error:
            one_line = "\n" not in error.message
            connection.send(("error" if one_line else "long error", f"{type(error).__name__}: {error.message}"))
        except BaseException as error:  # noqa: BLE001 (sent to the caller)
            connection.send(("traceback", "".join(traceback.format_exception(error)[-3:])))


def _is_readable(path: Path) -> bool:
    try:
        anndata.read_h5ad(path)
    except Exception:  # noqa: BLE001 (whatever anndata raises)
        return False
    return True
