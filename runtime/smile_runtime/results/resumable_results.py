"""Results of a running projection, saved in a folder beside its output so that it can be resumed."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import OutputError, QueryError, SmileError
from smile_runtime.io import (
    SCRATCH_PREFIX,
    FolderKind,
    OwnFolder,
    atomic_path,
    follow_link,
    handle_deferred_signal,
    is_temporary_name,
    replace_path,
    require_free,
    signals_deferred,
    write_error,
)
from smile_runtime.mapping import Records
from smile_runtime.query import ValueInterpretation

if TYPE_CHECKING:
    from filelock import FileLock

logger = logging.getLogger(__name__)

LOCK_NAME, RECORDS_NAME, STATE_NAME = "lock", "records.bin", "state.json"
REPLACED_NAME = "old"  # an earlier output, while the new one takes its place
SAVE_INTERVAL_SECONDS = 10.0
RECORDS_PER_BLOCK = 4096


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State of the saved results: projection, interpretation of the values, and number of cells."""

    fingerprint: str
    interpretation: ValueInterpretation
    n_done: int


def unfinished_path(output: Path) -> Path:
    """Return the path of the folder that holds everything until an output is complete."""
    target = follow_link(output)
    return target.with_name(f"{target.name}.unfinished")


@contextmanager
def unfinished_folder(
    output: Path, *, resume: bool, force: bool, replaceable: FolderKind | None = None
) -> Iterator[Path]:
    """Yield a folder beside an output for everything that is written until the output is complete.

    At the end, the content with the output's name replaces the output, and the folder is removed. After an
    interruption, a failed write or any other error, the folder stays if it holds saved results. Results of this run are
    discarded only if the query itself is rejected, because the same command would be rejected again; results of an
    earlier run are kept even then, because an option may have been mistyped.

    Parameters
    ----------
    output
        Output path; if it is a link, the folder is beside the file that it points to.
    resume
        Whether to continue with the results in the folder.
    force
        Whether to replace the output, and to discard the results in the folder.
    replaceable
        As in `require_free`.

    Raises
    ------
    OutputError
        If the folder holds results and neither option is set, if it is not ours, if another process uses it, if the
        output has come to exist, or if a write fails.
    """
    target, folder = follow_link(output), _folder_for(output)
    state = folder.path / STATE_NAME
    with _alone_in(folder, output):
        if state.exists() and not (resume or force):
            raise OutputError(
                f"{folder.path} holds the results of an interrupted projection; resume it or start again",
                options={"resume": True, "force": True},
            )
        resumed = resume and state.exists()
        try:
            _restore(folder.path / REPLACED_NAME, target)
            _require_still_free(output, state, force=force, replaceable=replaceable)
            folder.clear({LOCK_NAME, RECORDS_NAME, STATE_NAME} if resumed else {LOCK_NAME})
            yield folder.path
            with signals_deferred():  # so that the output never appears while the folder remains
                _require_still_free(output, state, force=force, replaceable=replaceable)
                replace_path(folder.path / output.name, target, backup=folder.path / REPLACED_NAME)
                folder.remove()
        except QueryError:
            if not resumed:
                state.unlink(missing_ok=True)
            raise
        except OSError as error:
            if isinstance(error, SmileError):
                raise
            if not state.exists():
                raise write_error(output, error, "nothing was left behind") from error
            saved = write_error(output, error, f"finished results are kept in {folder.path}; resume from them")
            raise OutputError(saved.message, options={"resume": True}) from error
        except BaseException:
            if state.exists():
                logger.warning(
                    "finished results are kept in %s; repeat the same projection with resume to continue", folder.path
                )
            raise


def _folder_for(output: Path) -> OwnFolder:
    path = unfinished_path(output)
    names = {LOCK_NAME, RECORDS_NAME, STATE_NAME, REPLACED_NAME, output.name, path.stem}

    def owns(name: str) -> bool:
        return name in names or name.startswith(SCRATCH_PREFIX) or is_temporary_name(name, STATE_NAME)

    return OwnFolder(path, owns)


def _restore(replaced: Path, target: Path) -> None:
    """Put an earlier output back whose replacement was cut off between its two steps."""
    if replaced.exists() and not os.path.lexists(target):
        replaced.rename(target)


def _require_still_free(output: Path, state: Path, *, force: bool, replaceable: FolderKind | None) -> None:
    """Raise if the output has come to exist since the projection started, with the way to keep saved results."""
    try:
        require_free(output, force=force, replaceable=replaceable)
    except OutputError as error:
        if not state.exists():
            raise
        message = f"{error.message}; finished results are kept in {state.parent}"
        raise OutputError(message, options={"resume": True, **error.options}) from error


@contextmanager
def _alone_in(folder: OwnFolder, output: Path) -> Iterator[None]:
    """Create a folder and lock out other processes; at the end remove it, unless it holds saved results."""
    with ExitStack() as stack:
        with signals_deferred():
            lock = _lock(folder, output)
            stack.callback(_unlock, lock, folder)
        yield


def _lock(folder: OwnFolder, output: Path) -> "FileLock":
    """Lock a folder; the system releases the lock when the process ends in any way."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.path / LOCK_NAME, timeout=0)
    try:
        folder.create()
    except OutputError:
        raise
    except OSError as error:
        raise write_error(output, error, "nothing was left behind") from error
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"another projection into {output} is running; wait until it ends, or choose another name"
        ) from error
    except (OSError, NotImplementedError) as error:
        logger.info("%s cannot be locked: %s", folder.path, error)  # some cluster file systems have no locks
    return lock


def _unlock(lock: "FileLock", folder: OwnFolder) -> None:
    if not (folder.path / STATE_NAME).exists():
        folder.remove()
    lock.release()
    with suppress(OSError):  # Windows cannot remove a folder with an open file
        folder.path.rmdir()


class ResumableResults:
    """Records in a file, saved every few seconds.

    Parameters
    ----------
    folder
        Folder of the file; saved results of the same projection in it are continued.
    dtype
        Type of a record.
    fingerprint
        Hash of everything that the results depend on.
    interpretation
        First interpretation of the query's values.

    Raises
    ------
    OutputError
        If the folder belongs to another projection.
    """

    def __init__(
        self, folder: Path, *, dtype: np.dtype[np.void], fingerprint: str, interpretation: ValueInterpretation
    ) -> None:
        self._folder, self._dtype, self._fingerprint = folder, dtype, fingerprint
        state = self._read_state()
        self._n, self.interpretation = (0, interpretation) if state is None else (state.n_done, state.interpretation)
        self._saved = time.monotonic()
        self._file = (folder / RECORDS_NAME).open("w+b" if state is None else "r+b")
        self._file.truncate(self._n * dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> "ResumableResults":
        return self

    def __exit__(self, *_exception: object) -> None:
        with suppress(OSError):  # the failed write has been reported
            self._file.close()

    def __len__(self) -> int:
        return self._n

    def append(self, records: Records) -> None:
        """Append the records of the next cells."""
        self._file.write(records.tobytes())
        self._n += len(records)
        if time.monotonic() - self._saved > SAVE_INTERVAL_SECONDS:
            self._save()

    def restart(self, interpretation: ValueInterpretation) -> None:
        """Discard all records and start again with another interpretation of the values."""
        self.interpretation = interpretation
        (self._folder / STATE_NAME).unlink(missing_ok=True)
        self._file.seek(0)
        self._file.truncate()
        self._n = 0

    def blocks(self) -> Iterator[Records]:
        """Yield all records in blocks; deferred signals are handled after each."""
        self._file.flush()
        with (self._folder / RECORDS_NAME).open("rb") as file:
            while len(block := np.fromfile(file, self._dtype, RECORDS_PER_BLOCK)):
                handle_deferred_signal()
                yield block

    def take(self, rows: NDArray[np.intp]) -> Records:
        """Return the records of some cells, given by their rows."""
        self._file.flush()
        records: Records = np.array(np.memmap(self._folder / RECORDS_NAME, self._dtype, "r")[rows])
        return records

    def _save(self) -> None:
        """Save the records so far."""
        self._file.flush()
        os.fsync(self._file.fileno())
        with atomic_path(self._folder / STATE_NAME) as partial:
            partial.write_bytes(msgspec.json.encode(_State(self._fingerprint, self.interpretation, self._n)))
        self._saved = time.monotonic()

    def _read_state(self) -> _State | None:
        path = self._folder / STATE_NAME
        if not path.exists():
            return None
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
        except msgspec.DecodeError as error:
            raise OutputError(
                f"{self._folder} cannot be resumed ({error}); start again, or remove it", options={"force": True}
            ) from error
        if state.fingerprint != self._fingerprint:
            raise OutputError(
                f"{self._folder} belongs to another projection: the query, space or options have changed; start again, "
                "or remove it",
                options={"force": True},
            )
        return state
