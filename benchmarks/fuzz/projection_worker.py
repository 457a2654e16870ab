"""A process that projects damaged files, and tells what came of each."""

import argparse
import json
import multiprocessing
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import anndata
import h5py

SPACE = Path(__file__).parents[2] / "zoo/smile_zoo/spaces/pbmc"
SECONDS = 20
GOOD = ("same", "error", "changed raw values")
Try = tuple[str, str, str]
"""The outcome of a try, the damage, and the details."""


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


def judge(worker: Worker, path: Path, expected: str, are_values_alone_changed: Callable[[], bool]) -> tuple[str, str]:
    """Project a damaged file; return the outcome, compared with the labels of the undamaged one, and the details."""
    kind, detail = worker.project(path)
    if kind == "labels":
        kind = "same" if detail == expected else "different"
    if kind == "different" and are_values_alone_changed():
        kind = "changed raw values"
    return kind, detail


def count(title: str, make_tries: Callable[[int, int, Path], Iterator[Try]], n: int, seed: int) -> int:
    """Print what went wrong in ``n`` tries and a count of the outcomes, and return the number of bad ones."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for kind, what, detail in make_tries(n, seed, Path(folder)):
            outcomes[kind] += 1
            if kind not in GOOD:
                print(f"{kind}: {what}\n  {detail}", flush=True)
    print(f"{title}: {n} tries of seed {seed}: {dict(outcomes)}")
    return sum(number for kind, number in outcomes.items() if kind not in GOOD)


def run(main: Callable[[int, int], int]) -> NoReturn:
    """Run a fuzzer with the arguments of the command line; exit 1 if a try ended badly."""
    parser = argparse.ArgumentParser(description="Project damaged files.")
    parser.add_argument("-n", type=int, default=200, help="number of tries")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(main(arguments.n, arguments.seed) > 0)


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
