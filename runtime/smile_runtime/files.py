"""Files that are whole or absent: atomic writes and sha256."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smile_runtime.errors import OutputError


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_writable(target: Path) -> None:
    """Refuse, before any work is done, a place that cannot be written to.

    Raises
    ------
    OutputError
        If the folder of ``target`` does not exist or is read-only.
    """
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(f"cannot write {target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {target}: the folder {folder} is read-only; choose another place")


def require_free(target: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a place that is taken or cannot be written to.

    Raises
    ------
    OutputError
        If ``target`` exists and may not be replaced, or as `require_writable`.
    """
    if target.exists() and not force:
        raise OutputError(f"{target} exists; choose another name or allow it to be replaced (--force)")
    require_writable(target)


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary name beside ``target``, renamed to it at the end.

    Whatever interrupts the block, Ctrl-C included, leaves ``target`` as it was and removes what was written so far.

    Raises
    ------
    OutputError
        If the system refuses a write: no such folder, no permission, no space left.
    """
    with _partial(target) as partial:
        yield partial
        partial.replace(target)


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside ``target``, which takes its place at the end.

    The folder that stood there before is replaced only once the new one is whole.

    Raises
    ------
    OutputError
        As `atomic_path`.
    """
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    with _partial(target) as partial:
        partial.mkdir()
        yield partial
        replace_path(partial, target, old)
    remove_path(old)


def replace_path(new: Path, target: Path, aside: Path) -> None:
    """Let a file or folder take the place of another, whatever stands there.

    Parameters
    ----------
    new
        What is whole now, on the same file system.
    target
        The place that it takes.
    aside
        Where a folder that stood there goes, for a folder cannot be replaced in one step.
    """
    if not target.is_dir():
        new.replace(target)
        return
    target.rename(aside)
    try:
        new.rename(target)
    except BaseException:
        aside.rename(target)
        raise


@contextmanager
def scratch_directory(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside ``target``, removed at the end.

    Raises
    ------
    OutputError
        As `atomic_path`.
    """
    with _partial(target) as partial:
        partial.mkdir()
        yield partial


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        yield partial
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise cannot_write(target, error, "nothing was left behind") from error
    finally:
        remove_path(partial)


def cannot_write(target: Path, error: OSError, left: str) -> OutputError:
    """Return the error of a write that the system refused, saying what it left."""
    return OutputError(f"cannot write {target}: {error.strerror or error}; {left}")


def remove_path(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(NotADirectoryError):  # nothing can be in what is no folder
            path.unlink(missing_ok=True)
