"""Run ``smile-zoo`` in forks of a process that has imported its libraries, which takes most of a command's time.

Each fork has its own arguments, folder, environment and streams, and imports this project itself, as a new process
does. Tests of signals, of streams and of the start itself begin new processes.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

LIBRARIES = ("anndata", "click", "h5py", "msgspec", "numpy", "pandas", "scipy.sparse", "tqdm", "zarr")
"""What the commands use most; none of them starts threads, or reads a variable of the environment that a test sets."""
READ_AT_START = "PYTHON"
"""Prefix of the variables that Python reads when it starts, and a fork does not."""


class CommandServer:
    """A process that runs one command at a time.

    Parameters
    ----------
    folder
        Folder for what the commands print.
    """

    def __init__(self, folder: Path) -> None:
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
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
            )
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        streams = [str(path) for path in self._streams]
        requests.write(json.dumps([command, str(folder), dict(env), streams]) + "\n")
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
    for name in LIBRARIES:
        import_module(name)
    for request in sys.stdin:
        if (child := os.fork()) == 0:
            run_command(*json.loads(request))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def run_command(command: list[str], folder: str, env: dict[str, str], streams: list[str]) -> NoReturn:
    """Become a process that runs a command."""
    for number, path in enumerate([os.devnull, *streams]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = command
    from smile_zoo.cli.main import main

    main()
    sys.exit()


if __name__ == "__main__":
    serve()
