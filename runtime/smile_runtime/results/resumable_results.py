"""Results of a projection that is under way, kept in a folder beside its output so that it can be taken up again."""

import logging
import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from smile_runtime.errors import OutputError, QueryError, SmileError
from smile_runtime.io import (
    atomic_path,
    handle_deferred_signal,
    remove_path,
    replace_path,
    signals_deferred,
    write_error,
)
from smile_runtime.mapping import Records
from smile_runtime.query import ValueInterpretation

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)

_LOCK, _RECORDS, _STATE = "lock", "records.bin", "state.json"
_SECONDS = 10.0
_BLOCK = 4096  # records that are read together


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done: of which projection, with which reading of the values, how many cells."""

    fingerprint: str
    reading: ValueInterpretation
    n_done: int


@contextmanager
def unfinished_folder(output: Path, *, resume: bool, force: bool) -> Iterator[Path]:
    """Give a folder beside an output, for all that is written before the output takes its place.

    At the end what has the output's name in it takes that place, and the folder is removed. After an interruption, a
    write that the system refused, or any other error, it stays if results in it are safe. Only where the query is
    refused are those of this run not kept: the same command would be refused again, and another one cannot use them.
    Those that an earlier run left are kept then too, for an option of this one may be mistyped.

    Parameters
    ----------
    output
        The output.
    resume
        Whether to go on with the results that are in the folder.
    force
        Whether they may be thrown away.

    Raises
    ------
    OutputError
        If there are results in it and neither is allowed, another process uses it, or the system refuses a write.
    """
    folder = output.with_name(f"{output.name}.unfinished")
    state = folder / _STATE
    with _alone_in(folder, output):
        if state.exists() and not (resume or force):
            raise OutputError(
                f"{folder} holds the results of a projection that was interrupted; go on with --resume, or begin anew "
                "with --force"
            )
        resumed = resume and state.exists()
        try:
            _clear(folder, {_LOCK, _RECORDS, _STATE} if resumed else {_LOCK})
            yield folder
            with signals_deferred():  # or one could find the output in its place, and the folder still there
                replace_path(folder / output.name, output, backup=folder / "old")
                remove_path(folder)
        except QueryError:
            if not resumed:
                state.unlink(missing_ok=True)
            raise
        except OSError as error:
            if isinstance(error, SmileError):
                raise
            safe = f"what was done is kept in {folder}, go on with --resume"
            raise write_error(output, error, safe if state.exists() else "nothing was left behind") from error
        except BaseException:
            if state.exists():
                logger.warning("what was done is kept in %s; go on with the same command and --resume", folder)
            raise


@contextmanager
def _alone_in(folder: Path, output: Path) -> Iterator[None]:
    """Make a folder and let no other process use it; in the end remove it, unless results in it are safe."""
    with ExitStack() as stack:
        with signals_deferred():
            lock = _lock(folder, output)
            stack.callback(_unlock, lock, folder)
        yield


def _lock(folder: Path, output: Path) -> "FileLock":
    """Lock a folder; the system ends that with the process, however it ends."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise write_error(output, error, "nothing was left behind") from error
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"another projection into {output} is running; wait for its end, or choose another name"
        ) from error
    except (OSError, NotImplementedError) as error:
        logger.info("%s cannot be locked: %s", folder, error)  # some file systems of clusters have no locks
    return lock


def _unlock(lock: "FileLock", folder: Path) -> None:
    if not (folder / _STATE).exists():
        remove_path(folder)
    lock.release()
    with suppress(OSError):  # Windows removes no folder with an open file in it
        folder.rmdir()


def _clear(folder: Path, kept: Collection[str]) -> None:
    """Remove what is in a folder, but for some names."""
    for path in folder.iterdir():
        if path.name not in kept:
            remove_path(path)


class UnfinishedResults:
    """Records in a file, of which those are safe that were there at the last mark, some seconds ago.

    Parameters
    ----------
    folder
        Where the file is; what it holds of the same projection is gone on with.
    dtype
        Type of a record.
    fingerprint
        Of all that the results depend on.
    reading
        What the values of the query are taken for at first.

    Raises
    ------
    OutputError
        If the folder is of another projection.
    """

    def __init__(self, folder: Path, dtype: np.dtype[np.void], fingerprint: str, reading: ValueInterpretation) -> None:
        self._folder, self._dtype, self._fingerprint = folder, dtype, fingerprint
        state = self._read_state()
        self._n, self.reading = (0, reading) if state is None else (state.n_done, state.reading)
        self._marked = time.monotonic()
        self._file = (folder / _RECORDS).open("w+b" if state is None else "r+b")
        self._file.truncate(self._n * dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> "UnfinishedResults":
        return self

    def __exit__(self, *_exception: object) -> None:
        with suppress(OSError):  # which the write that failed has told of
            self._file.close()

    def __len__(self) -> int:
        return self._n

    def append(self, records: Records) -> None:
        """Add the records of the next cells."""
        self._file.write(records.tobytes())
        self._n += len(records)
        if time.monotonic() - self._marked > _SECONDS:
            self._mark()

    def begin(self, reading: ValueInterpretation) -> None:
        """Forget all records, for the values are something else."""
        self.reading = reading
        (self._folder / _STATE).unlink(missing_ok=True)
        self._file.seek(0)
        self._file.truncate()
        self._n = 0

    def blocks(self) -> Iterator[Records]:
        """Yield all records, some at a time; an interruption need not wait longer than for one of them."""
        self._file.flush()
        with (self._folder / _RECORDS).open("rb") as file:
            while len(block := np.fromfile(file, self._dtype, _BLOCK)):
                handle_deferred_signal()
                yield block

    def _mark(self) -> None:
        """Make what is done safe."""
        self._file.flush()
        os.fsync(self._file.fileno())
        with atomic_path(self._folder / _STATE) as partial:
            partial.write_bytes(msgspec.json.encode(_State(self._fingerprint, self.reading, self._n)))
        self._marked = time.monotonic()

    def _read_state(self) -> _State | None:
        path = self._folder / _STATE
        if not path.exists():
            return None
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
        except msgspec.DecodeError as error:
            raise OutputError(
                f"{self._folder} cannot be gone on from ({error}); begin anew with --force, or remove it"
            ) from error
        if state.fingerprint != self._fingerprint:
            raise OutputError(
                f"{self._folder} is of another projection: query, space or options have changed; "
                "begin anew with --force, or remove it"
            )
        return state
