"""Probe HDF5 files in forks of a process that has imported h5py, which takes most of a probe's time.

Each fork runs the program of the probe. Tests of probes that crash, hang or cannot start run that in new processes.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path
from select import select
from typing import Any, NoReturn, Self

import h5py  # noqa: F401 (forks need not import it)

PROGRAM = Path(__file__).parents[2] / "runtime/smile_runtime/io/hdf5_probe.py"


class ProbeServer:
    """A process that probes files for any process that has its address; started by the first probe.

    Parameters
    ----------
    address
        Path of the socket to listen at.
    """

    def __init__(self, address: Path) -> None:
        self.address = address
        self._process: subprocess.Popen[str] | None = None

    def start_probe(self, path: Path, seconds: int) -> "ForkedProbe":
        """Start a probe, and the server first if it is not running."""
        self.start()
        return ForkedProbe(self.address, path, seconds)

    def start(self) -> None:
        """Start the server if it is not running, and wait until it listens."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, self.address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                process_group=0,
            )
            assert self._process.stdout is not None
            self._process.stdout.readline()

    def close(self) -> None:
        """End the server and what it probes."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()


class ForkedProbe:
    """A probe that runs in a fork of the server, with the part of `subprocess.Popen` that its caller uses."""

    returncode: int

    def __init__(self, address: Path, path: Path, seconds: int) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(address))
        self._connection.sendall(json.dumps([str(path.absolute()), str(seconds)]).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the end of the probe, and return what it printed on both streams.

        Raises
        ------
        TimeoutExpired
            If it takes longer.
        """
        self._connection.settimeout(timeout)
        try:
            with self._connection.makefile() as answer:
                self.returncode, output, messages = json.loads(answer.readline())
        except TimeoutError as error:
            raise subprocess.TimeoutExpired("probe", timeout) from error
        return output, messages

    def kill(self) -> None:
        """Wait for the probe no longer; it ends by its own alarm."""
        self._connection.close()


def serve(address: str) -> None:
    """Fork for each connection until the process that started this one is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("listening", flush=True)  # noqa: T201
        while sys.stdin not in select([listener, sys.stdin], [], [])[0]:
            connection = listener.accept()[0]
            if os.fork() == 0:
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> NoReturn:
    """Run one probe in a fork of this fork, and send its exit code, stdout and stderr."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile() as request:
        arguments = json.loads(request.readline())
    streams = [os.memfd_create("stdout"), os.memfd_create("stderr")]
    if (child := os.fork()) == 0:
        run_probe(arguments, streams)
    reply: list[Any] = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
    for stream in streams:
        os.lseek(stream, 0, os.SEEK_SET)
        with os.fdopen(stream, encoding="utf-8") as file:
            reply.append(file.read())
    connection.sendall(json.dumps(reply).encode() + b"\n")
    os._exit(0)


def run_probe(arguments: list[str], streams: list[int]) -> NoReturn:
    """Become the program of the probe."""
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
    sys.argv[1:] = arguments
    runpy.run_path(str(PROGRAM), run_name="__main__")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
