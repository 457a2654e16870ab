"""Run ``smile-zoo`` in forks of a process that has imported what it needs, which takes most of a command's time.

Each fork has its own arguments, folder, environment and streams, and imports the Hub's client and its own command, as a
new process does. Tests of signals, of streams and of the start itself begin new processes.
"""

import atexit
import gc
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from probe_server import ForkedProbe, ProbeServer

HTTP_CLIENT = "httpx2" if find_spec("httpx2") else "httpx"  # of the Hub's client, by its version
LIBRARIES = (
    *(
        "anndata",
        "filelock",
        "fsspec",
        HTTP_CLIENT,
        "jinja2",
        "matplotlib.pyplot",
        "plotly.graph_objects",
        "safetensors.numpy",
    ),
    *("scipy.spatial", "tenacity", "threadpoolctl", "tqdm", "yaml", "zarr", "smile_zoo.cli.main"),
)
"""What the commands use most; none of them starts threads, or reads a variable of the environment that a test sets."""
SHORT_WAITS = "SMILE_ZOO_TEST_SHORT_WAITS"
"""Variable that makes a fork's waits between attempts twenty times shorter."""
READ_AT_START = "PYTHON"
"""Prefix of the variables that Python reads when it starts, and a fork does not."""


class CommandServer:
    """A process that runs one command at a time.

    Parameters
    ----------
    folder
        Folder for what the commands print.
    probes
        Probes the HDF5 files that the commands read.
    """

    def __init__(self, folder: Path, probes: ProbeServer) -> None:
        self._probes = probes
        self._streams = [folder / "stdout", folder / "stderr"]
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str | Path], folder: Path, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``smile-zoo`` until it ends.

        Raises
        ------
        TimeoutExpired
            If it takes longer; it is ended, with the server.
        """
        command = ["smile-zoo", *map(str, arguments)]
        if self._process is None:
            self._probes.start()
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
            )
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        streams = [str(path) for path in self._streams]
        requests.write(json.dumps([command, str(folder), dict(env), streams, str(self._probes.address)]) + "\n")
        requests.flush()
        if not select.select([answers], [], [], timeout)[0]:
            self.close()
            raise subprocess.TimeoutExpired(command, timeout)
        returncode = int(answers.readline())
        stdout, stderr = (path.read_text("utf-8") for path in self._streams)
        return subprocess.CompletedProcess(command, returncode, stdout, stderr)

    def close(self) -> None:
        """End the process and a command that it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.communicate()
            self._process = None


def can_fork(env: Mapping[str, str]) -> bool:
    """Return whether a fork of this process's server is like a new process with these variables."""
    at_start = [name for name in env.keys() | os.environ.keys() if name.startswith(READ_AT_START)]
    return all(env.get(name) == os.environ.get(name) for name in at_start)


def serve() -> None:
    """Fork for each request, and answer with the command's exit code."""
    from smile_runtime.features import load_gene_aliases

    for name in LIBRARIES:
        import_module(name)
    load_gene_aliases("Homo sapiens")
    assert "huggingface_hub" not in sys.modules  # it reads the environment when it is imported
    gc.freeze()  # forks share the memory of what is never collected
    for request in sys.stdin:
        if (child := os.fork()) == 0:
            run_command(*json.loads(request))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def run_command(command: list[str], folder: str, env: dict[str, str], streams: list[str], probes: str) -> NoReturn:
    """Become a process that runs a command."""
    for number, path in enumerate([os.devnull, *streams]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    if SHORT_WAITS in env:
        shorten_waits()
    sys.argv = command
    from smile_runtime.io import hdf5_report
    from smile_zoo.cli.main import main

    hdf5_report._start_probe = partial(ForkedProbe, Path(probes))
    try:
        main()
    except SystemExit as ended:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(ended.code or 0)  # to take apart all that was imported would take longer than most commands


def shorten_waits() -> None:
    """Divide by twenty what this process sleeps and waits for events."""
    sleep, wait = time.sleep, threading.Event.wait
    time.sleep = lambda seconds: sleep(seconds / 20)
    threading.Event.wait = lambda self, timeout=None: wait(self, None if timeout is None else timeout / 20)


if __name__ == "__main__":
    serve()
